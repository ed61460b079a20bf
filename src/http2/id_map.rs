//! From stream ids to slots.

use alloc::vec::Vec;

/// An open-addressed set of the slots that streams with an id are in, found by that id. A slot's own stream knows the id,
/// so it is not kept a second time: whoever asks says how to read it. The multiplier is seeded, since the peer picks the
/// ids; the load stays at or below one half; order is never observed, so a seed never shows in the output.
///
/// Frames come in groups of one stream (HEADERS and DATA, or a response and its end), so the last one that was asked for is
/// tried first.
#[derive(Clone, Debug)]
pub(super) struct IdMap {
    entries: Vec<u32>,
    multiplier: u64,
    len: u32,
    /// The stream of the last answer, if it was not removed since: its id, and its slot.
    latest: (u32, u32),
}

/// No slot has this index.
const EMPTY: u32 = u32::MAX;

/// There is no latest answer: ids have 31 bits.
const NONE: (u32, u32) = (u32::MAX, EMPTY);

impl IdMap {
    pub(super) const fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), multiplier: (seed ^ 0x9e37_79b9_7f4a_7c15) | 1, len: 0, latest: NONE }
    }

    /// Where the search for an id begins. One product alone would keep the order that ids come in: as they are mostly every
    /// second number, they would lie in clusters, which grow long with some seeds.
    #[inline]
    fn start(&self, id: u32) -> usize {
        let product = u64::from(id).wrapping_mul(self.multiplier);
        let mixed = product.wrapping_mul(product >> 32) >> 32;
        mixed as usize & self.entries.len().wrapping_sub(1)
    }

    #[inline]
    fn search(&self, id: u32, is_it: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let mask = self.entries.len().wrapping_sub(1);
        let mut at = self.start(id);
        loop {
            match *self.entries.get(at)? {
                EMPTY => return None,
                slot if is_it(slot) => return Some((at, slot)),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// The slot of the stream with this id; `id_of` reads the id of a slot that was inserted.
    #[inline]
    pub(super) fn get(&self, id: u32, id_of: impl Fn(u32) -> u32) -> Option<u32> {
        if id == self.latest.0 {
            return Some(self.latest.1);
        }
        self.locate(id, id_of).map(|(_, slot)| slot)
    }

    /// As [`IdMap::get`], with the place where it stands, for [`IdMap::remove_at`].
    #[inline]
    pub(super) fn locate(&self, id: u32, id_of: impl Fn(u32) -> u32) -> Option<(usize, u32)> {
        self.search(id, |slot| id_of(slot) == id)
    }

    /// As [`IdMap::get`], where the next question is likely to be the same.
    #[inline]
    pub(super) fn find(&mut self, id: u32, id_of: impl Fn(u32) -> u32) -> Option<u32> {
        let slot = self.get(id, id_of)?;
        self.latest = (id, slot);
        Some(slot)
    }

    /// Adds a slot, whose stream has this id.
    pub(super) fn insert(&mut self, id: u32, slot: u32, id_of: impl Fn(u32) -> u32) {
        if (self.len as usize + 1) * 2 > self.entries.len() {
            self.grow(id_of);
        }
        self.place(id, slot);
        self.len += 1;
        self.latest = (id, slot);
    }

    #[cold]
    fn grow(&mut self, id_of: impl Fn(u32) -> u32) {
        let size = (self.entries.len() * 2).max(16);
        let old = core::mem::replace(&mut self.entries, alloc::vec![EMPTY; size]);
        for slot in old.into_iter().filter(|slot| *slot != EMPTY) {
            self.place(id_of(slot), slot);
        }
    }

    #[inline]
    fn place(&mut self, id: u32, slot: u32) {
        let mask = self.entries.len() - 1;
        let mut at = self.start(id);
        while let Some(entry) = self.entries.get_mut(at) {
            if *entry == EMPTY {
                *entry = slot;
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Takes a slot out whose stream has this id. `id_of` is asked for those of others.
    pub(super) fn remove(&mut self, id: u32, slot: u32, id_of: impl Fn(u32) -> u32) {
        if let Some((place, _)) = self.search(id, |other| other == slot) {
            self.remove_at(place, id, id_of);
        }
    }

    /// As [`IdMap::remove`], where nothing has changed since [`IdMap::locate`] found the place.
    #[inline]
    pub(super) fn remove_at(&mut self, mut hole: usize, id: u32, id_of: impl Fn(u32) -> u32) {
        self.len -= 1;
        if id == self.latest.0 {
            self.latest = NONE;
        }
        let mask = self.entries.len() - 1;
        let mut at = hole;
        // Backward shift: an entry moves into the hole unless that would put it before its own start.
        loop {
            at = (at + 1) & mask;
            let Some(&entry) = self.entries.get(at) else { return };
            if entry == EMPTY {
                break;
            }
            let distance = at.wrapping_sub(self.start(id_of(entry))) & mask;
            if distance >= (at.wrapping_sub(hole) & mask) {
                self.put(hole, entry);
                hole = at;
            }
        }
        self.put(hole, EMPTY);
    }

    fn put(&mut self, at: usize, entry: u32) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }

    #[cfg(feature = "testing")]
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Gives the memory back when nothing is stored.
    pub(super) fn trim(&mut self) {
        if self.len == 0 {
            self.entries = Vec::new();
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        self.entries.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::IdMap;
    use core::cell::Cell;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    #[derive(Clone, Copy, Debug)]
    enum Op {
        Insert(u32),
        Remove(u32),
        Find(u32),
    }

    fn op() -> impl Strategy<Value = Op> {
        // A few, that come back again and again, and as many as make it grow.
        let id = prop_oneof![1..80u32, (0..1_000u32).prop_map(|n| 2 * n + 1)];
        prop_oneof![
            3 => id.clone().prop_map(Op::Insert),
            2 => id.clone().prop_map(Op::Remove),
            2 => id.prop_map(Op::Find),
        ]
    }

    proptest! {
        /// The map is a map, whatever the seed and the order of insertions, removals and questions.
        #[test]
        fn agrees_with_a_btree(seed: u64, ops in prop::collection::vec(op(), 0..400)) {
            let (mut map, mut model) = (IdMap::new(seed), BTreeMap::new());
            let mut ids = Vec::new();
            for op in ops {
                let id_of = |slot: u32| ids[slot as usize];
                match op {
                    Op::Insert(id) if !model.contains_key(&id) => {
                        let slot = ids.len() as u32;
                        ids.push(id);
                        map.insert(id, slot, |slot| ids[slot as usize]);
                        model.insert(id, slot);
                    }
                    Op::Insert(id) | Op::Remove(id) => {
                        if let Some(slot) = model.remove(&id) {
                            map.remove(id, slot, id_of);
                        }
                    }
                    Op::Find(id) => prop_assert_eq!(map.find(id, id_of), model.get(&id).copied()),
                }
                prop_assert!(map.len as usize * 2 <= map.entries.len());
                prop_assert_eq!(map.len as usize, model.len());
                let id_of = |slot: u32| ids[slot as usize];
                for id in (0..80).chain([0x7fff_ffff]) {
                    prop_assert_eq!(map.get(id, id_of), model.get(&id).copied());
                }
            }
            for (id, slot) in model {
                prop_assert_eq!(map.get(id, |slot| ids[slot as usize]), Some(slot));
                map.remove(id, slot, |slot| ids[slot as usize]);
            }
            prop_assert!(map.len == 0 && map.entries.iter().all(|entry| *entry == super::EMPTY));
        }
    }

    /// Whatever order a peer gives its ids, and whatever the seed, few other streams are looked at to find or remove one.
    #[test]
    fn ids_in_order_do_not_cluster() {
        const STREAMS: u32 = 8_000;
        let orders: [fn(u32) -> u32; 4] = [
            |n| 2 * n + 1,
            |n| 64 * n + 1,
            |n| (n << 16 | n >> 3) & 0x7fff_ffff | 1,
            |n| (n / 16 * 4096 + n % 16) * 2 + 1,
        ];
        for seed in 0..20u64 {
            for id in orders {
                let looks = Cell::new(0);
                let id_of = |slot| {
                    looks.set(looks.get() + 1);
                    id(slot)
                };
                let mut map = IdMap::new(seed.wrapping_mul(0x2545_f491_4f6c_dd1d));
                (0..STREAMS).for_each(|slot| map.insert(id(slot), slot, id));
                (0..STREAMS).for_each(|slot| assert_eq!(map.get(id(slot), id_of), Some(slot)));
                // A load of nearly a half: 1.5 on average.
                assert!(looks.take() < 2 * STREAMS, "seed {seed}");
                (0..STREAMS).step_by(8).for_each(|slot| map.remove(id(slot), slot, id_of));
                assert!(looks.take() < 2 * STREAMS / 8, "seed {seed}");
            }
        }
    }

    /// The answer that is remembered is one of a stream that is there.
    #[test]
    fn what_was_removed_is_not_remembered() {
        let mut map = IdMap::new(1);
        map.insert(7, 0, |_| 7);
        assert_eq!((map.find(7, |_| unreachable!()), map.find(9, |_| 7)), (Some(0), None));
        map.remove(7, 0, |_| 7);
        assert_eq!((map.get(7, |_| 7), map.find(7, |_| 7)), (None, None));
    }
}
