//! Which values were sent lately without being indexed.

use alloc::vec;
use alloc::vec::Vec;

use super::hash::Hasher;

/// Values remembered; a power of two.
const SLOTS: usize = 128;

/// A filter of recently seen fields: one tag for each slot, the newer one stays, and when it was.
///
/// A value that comes back is worth an entry if one made at first sight would still be there. Time is counted in insertions,
/// as entries go by them.
///
/// What it remembers decides what is indexed, and with it the octets on the wire. So its hash has no seed: the same
/// fields always give the same octets. Whoever aims at a collision gains an entry a little too early, or never.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    slots: Vec<Seen>,
}

/// A tag, 0 in an empty slot, and the table's count of insertions then, modulo 2^16: one that is older is taken for a newer
/// one once in a while, and gains an entry.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    tag: u16,
    inserted: u16,
}

const HASHER: Hasher = Hasher::new(0);

impl Recent {
    /// Remembers nothing and allocates nothing.
    pub(super) const fn new() -> Self {
        Self { slots: Vec::new() }
    }

    /// The hash of a name, by which it goes here and in [`Names`](super::names::Names).
    pub(super) fn name(name: &[u8]) -> u64 {
        HASHER.name(name)
    }

    /// Whether the field was here no more insertions ago than `since`, of which there were `inserted`; from now on it was.
    /// `name` is from the hash of its name.
    pub(super) fn seen(&mut self, name: u32, value: &[u8], inserted: u64, since: usize) -> bool {
        if self.slots.is_empty() {
            self.slots = vec![Seen::default(); SLOTS];
        }
        let hash = HASHER.value(u64::from(name), value);
        // Slot and tag from different bits.
        let now = Seen { tag: (hash >> 48) as u16 | 1, inserted: inserted as u16 };
        let Some(slot) = self.slots.get_mut(hash as usize % SLOTS) else { return false };
        let last = core::mem::replace(slot, now);
        last.tag == now.tag && usize::from(now.inserted.wrapping_sub(last.inserted)) <= since
    }

    /// Octets allocated.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        self.slots.capacity() * size_of::<Seen>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_sight_counts() {
        let mut recent = Recent::new();
        let name = Recent::name(b"a") as u32;
        assert!(!recent.seen(name, b"1", 0, 9));
        assert!(!recent.seen(name, b"2", 0, 9));
        assert!(recent.seen(name, b"1", 0, 9));
        assert!(recent.seen(name, b"2", 0, 9));
    }

    /// Both sides of it, also where the count wraps around.
    #[test]
    fn what_was_before_a_table_full_of_insertions_is_long_ago() {
        let name = Recent::name(b"a") as u32;
        for first in [0, 65_530, 1 << 40] {
            for (later, is_recent) in [(0, true), (9, true), (10, false), (60_000, false)] {
                let mut recent = Recent::new();
                assert!(!recent.seen(name, b"1", first, 9));
                assert_eq!(recent.seen(name, b"1", first + later, 9), is_recent);
                assert!(recent.seen(name, b"1", first + later, 9));
            }
        }
    }

    #[test]
    fn it_does_not_grow() {
        let (mut recent, name) = (Recent::new(), Recent::name(b"x-request-id") as u32);
        for step in 0..10_000u32 {
            recent.seen(name, &step.to_be_bytes(), 0, 9);
        }
        assert_eq!(recent.heap_size(), SLOTS * 4);
        assert!(!recent.seen(name, &0u32.to_be_bytes(), 0, 9));
    }
}
