//! From stream ids to slots.

use alloc::vec::Vec;

/// An open-addressed set of the slots that streams with an id are in, found by that id. A slot's own stream knows the id,
/// so it is not kept a second time: whoever asks says how to read it. The multiplier is seeded, since the peer picks the
/// ids; the load stays at or below one half; order is never observed, so a seed never shows in the output.
#[derive(Clone, Debug)]
pub(super) struct IdMap {
    entries: Vec<u32>,
    len: usize,
    multiplier: u64,
}

/// No slot has this index.
const EMPTY: u32 = u32::MAX;

impl IdMap {
    pub(super) const fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), len: 0, multiplier: (seed ^ 0x9e37_79b9_7f4a_7c15) | 1 }
    }

    #[inline]
    fn start(&self, id: u32) -> usize {
        // The high half of the product depends on every bit of the id.
        let mixed = u64::from(id).wrapping_mul(self.multiplier) >> 32;
        mixed as usize & self.entries.len().wrapping_sub(1)
    }

    #[inline]
    fn position(&self, id: u32, id_of: impl Fn(u32) -> u32) -> Option<usize> {
        let mask = self.entries.len().wrapping_sub(1);
        let mut at = self.start(id);
        loop {
            match *self.entries.get(at)? {
                EMPTY => return None,
                slot if id_of(slot) == id => return Some(at),
                _ => at = (at + 1) & mask,
            }
        }
    }

    /// The slot of the stream with this id; `id_of` reads the id of a slot that was inserted.
    #[inline]
    pub(super) fn get(&self, id: u32, id_of: impl Fn(u32) -> u32) -> Option<u32> {
        self.position(id, id_of).and_then(|at| self.entries.get(at)).copied()
    }

    /// Adds a slot, whose stream has this id.
    pub(super) fn insert(&mut self, id: u32, slot: u32, id_of: impl Fn(u32) -> u32) {
        if (self.len + 1) * 2 > self.entries.len() {
            let size = (self.entries.len() * 2).max(16);
            let old = core::mem::replace(&mut self.entries, alloc::vec![EMPTY; size]);
            for slot in old.into_iter().filter(|slot| *slot != EMPTY) {
                self.place(id_of(slot), slot);
            }
        }
        self.place(id, slot);
        self.len += 1;
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

    /// Takes the slot of the stream with this id out, which still has the id.
    pub(super) fn remove(&mut self, id: u32, id_of: impl Fn(u32) -> u32) {
        let Some(mut hole) = self.position(id, &id_of) else { return };
        self.len -= 1;
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
        self.len
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
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    proptest! {
        /// The map is a map, whatever the seed and the order of insertions and removals.
        #[test]
        fn agrees_with_a_btree(seed: u64, ops in prop::collection::vec((any::<bool>(), 1..80u32), 0..300)) {
            let (mut map, mut model) = (IdMap::new(seed), BTreeMap::new());
            let mut ids = Vec::new();
            for (insert, id) in ops {
                if insert && !model.contains_key(&id) {
                    let slot = ids.len() as u32;
                    map.insert(id, slot, |slot| ids[slot as usize]);
                    ids.push(id);
                    model.insert(id, slot);
                } else {
                    map.remove(id, |slot| ids[slot as usize]);
                    model.remove(&id);
                }
                prop_assert!(map.len * 2 <= map.entries.len());
                for id in 0..80 {
                    prop_assert_eq!(map.get(id, |slot| ids[slot as usize]), model.get(&id).copied());
                }
            }
        }
    }
}
