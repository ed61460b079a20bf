//! Which values were sent lately without being indexed.

use alloc::vec;
use alloc::vec::Vec;

use super::hash::Hasher;

/// Values remembered; a power of two. A value comes back to be indexed if less than about this many other values were
/// sent as literals in between.
const SLOTS: usize = 128;

/// A filter of recently seen fields: one tag for each slot, the newer one stays.
///
/// What it remembers decides what is indexed, and with it the octets on the wire. So its hash has no seed: the same
/// fields always give the same octets. Whoever aims at a collision gains an entry a little too early, or never.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    tags: Vec<u32>,
}

const HASHER: Hasher = Hasher::new(0);

impl Recent {
    /// Remembers nothing and allocates nothing.
    pub(super) const fn new() -> Self {
        Self { tags: Vec::new() }
    }

    /// The hash of a name, by which it goes here and in [`Names`](super::names::Names).
    pub(super) fn name(name: &[u8]) -> u64 {
        HASHER.name(name)
    }

    /// Whether the field was here lately; from now on it was. `name` is from the hash of its name.
    pub(super) fn seen(&mut self, name: u32, value: &[u8]) -> bool {
        if self.tags.is_empty() {
            self.tags = vec![0; SLOTS];
        }
        let hash = HASHER.value(u64::from(name), value);
        // Slot and tag from different bits; 0 stands for an empty slot.
        let tag = (hash >> 32) as u32 | 1;
        let Some(slot) = self.tags.get_mut(hash as usize % SLOTS) else { return false };
        core::mem::replace(slot, tag) == tag
    }

    /// Octets allocated.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        self.tags.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_sight_counts() {
        let mut recent = Recent::new();
        let name = Recent::name(b"a") as u32;
        assert!(!recent.seen(name, b"1"));
        assert!(!recent.seen(name, b"2"));
        assert!(recent.seen(name, b"1"));
        assert!(recent.seen(name, b"2"));
    }

    #[test]
    fn it_does_not_grow() {
        let (mut recent, name) = (Recent::new(), Recent::name(b"x-request-id") as u32);
        for step in 0..10_000u32 {
            recent.seen(name, &step.to_be_bytes());
        }
        assert_eq!(recent.heap_size(), SLOTS * 4);
        assert!(!recent.seen(name, &0u32.to_be_bytes()));
    }
}
