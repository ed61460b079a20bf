//! From stream ids to slots.

use alloc::vec::Vec;

/// An open-addressed map from non-zero stream ids to slot indices. The multiplier is seeded, since the peer picks the
/// ids; the load stays at or below one half; order is never observed, so a seed never shows in the output.
#[derive(Clone, Debug)]
pub(super) struct IdMap {
    entries: Vec<(u32, u32)>,
    len: usize,
    multiplier: u64,
}

const EMPTY: u32 = 0;

impl IdMap {
    pub(super) const fn new(seed: u64) -> Self {
        Self { entries: Vec::new(), len: 0, multiplier: (seed ^ 0x9e37_79b9_7f4a_7c15) | 1 }
    }

    fn start(&self, id: u32) -> usize {
        // The high half of the product depends on every bit of the id.
        let mixed = u64::from(id).wrapping_mul(self.multiplier) >> 32;
        mixed as usize & self.entries.len().wrapping_sub(1)
    }

    fn position(&self, id: u32) -> Option<usize> {
        if self.entries.is_empty() || id == EMPTY {
            return None;
        }
        let mask = self.entries.len() - 1;
        let mut at = self.start(id);
        loop {
            match self.entries.get(at)?.0 {
                found if found == id => return Some(at),
                EMPTY => return None,
                _ => at = (at + 1) & mask,
            }
        }
    }

    pub(super) fn get(&self, id: u32) -> Option<u32> {
        self.position(id).and_then(|at| self.entries.get(at)).map(|entry| entry.1)
    }

    pub(super) fn insert(&mut self, id: u32, slot: u32) {
        if (self.len + 1) * 2 > self.entries.len() {
            let size = (self.entries.len() * 2).max(16);
            let old = core::mem::replace(&mut self.entries, alloc::vec![(EMPTY, 0); size]);
            for (id, slot) in old.into_iter().filter(|entry| entry.0 != EMPTY) {
                self.place(id, slot);
            }
        }
        self.place(id, slot);
        self.len += 1;
    }

    fn place(&mut self, id: u32, slot: u32) {
        let mask = self.entries.len() - 1;
        let mut at = self.start(id);
        while let Some(entry) = self.entries.get_mut(at) {
            if entry.0 == EMPTY {
                *entry = (id, slot);
                return;
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn remove(&mut self, id: u32) {
        let Some(mut hole) = self.position(id) else { return };
        self.len -= 1;
        let mask = self.entries.len() - 1;
        let mut at = hole;
        // Backward shift: an entry moves into the hole unless that would put it before its own start.
        loop {
            at = (at + 1) & mask;
            let Some(&entry) = self.entries.get(at) else { return };
            if entry.0 == EMPTY {
                break;
            }
            let distance = at.wrapping_sub(self.start(entry.0)) & mask;
            if distance >= (at.wrapping_sub(hole) & mask) {
                self.put(hole, entry);
                hole = at;
            }
        }
        self.put(hole, (EMPTY, 0));
    }

    fn put(&mut self, at: usize, entry: (u32, u32)) {
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
        self.entries.capacity() * size_of::<(u32, u32)>()
    }
}

#[cfg(test)]
mod tests {
    use super::IdMap;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// The map is a map, whatever the seed and the order of insertions and removals.
        #[test]
        fn agrees_with_a_btree(seed: u64, ops in prop::collection::vec((any::<bool>(), 1..80u32), 0..300)) {
            let (mut map, mut model) = (IdMap::new(seed), BTreeMap::new());
            for (step, (insert, id)) in ops.into_iter().enumerate() {
                if insert && !model.contains_key(&id) {
                    map.insert(id, step as u32);
                    model.insert(id, step as u32);
                } else {
                    map.remove(id);
                    model.remove(&id);
                }
                prop_assert!(map.len * 2 <= map.entries.len());
                for id in 0..80 {
                    prop_assert_eq!(map.get(id), model.get(&id).copied());
                }
            }
        }
    }
}
