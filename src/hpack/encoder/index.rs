//! Finding entries of the encoder's table by field and by name.
//!
//! Chains in a hash table: each bucket holds the newest entry that hashed to it, each entry the one before it in its
//! bucket. The table is a queue, so the entries that are gone are always at the ends of chains: evicting costs nothing,
//! a chain just ends at the first entry that is no longer there. At least two buckets stand for each entry.
//!
//! Entries go by their serial number, the count of insertions when they came in, modulo 2^32; 0 ends a chain. When
//! the count wraps around, a stale number may name a living entry: every hit is compared in full by the caller, and
//! a chain only ever leads to older entries, so the worst that comes of it is a missed hit.
#![expect(clippy::arithmetic_side_effects, reason = "lengths and places in tables of our own")]

use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;

/// The fewest buckets, once there are any.
const FIRST_BUCKETS: usize = 32;

/// Finds entries by the hash of their field or of their name.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    by_field: Chains,
    by_name: Chains,
    /// The serial number of the newest entry.
    newest: u32,
}

impl Index {
    /// Notes a new entry with serial number `serial` in a table that has `len` entries with it.
    pub(super) fn insert(&mut self, serial: u32, len: usize, name_hash: u32, field_hash: u32) {
        self.newest = serial;
        self.by_name.insert(serial, len, name_hash);
        self.by_field.insert(serial, len, field_hash);
    }

    /// The newest entry among the `len` of the table with this field hash that `is_it` accepts. Entries go by the
    /// number of newer ones here.
    pub(super) fn find_field(&self, hash: u32, len: usize, is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        self.by_field.find(self.newest, hash, len, is_it)
    }

    /// As [`find_field`](Self::find_field), by the hash of the name.
    pub(super) fn find_name(&self, hash: u32, len: usize, is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        self.by_name.find(self.newest, hash, len, is_it)
    }

    /// Octets allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.by_field.heap_size() + self.by_name.heap_size()
    }
}

#[derive(Clone, Debug, Default)]
struct Chains {
    /// The serial number of the newest entry of each bucket; a power of two of them.
    buckets: Vec<u32>,
    /// For each entry, oldest first.
    links: VecDeque<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    hash: u32,
    /// The next older entry of the same bucket.
    older: u32,
}

impl Chains {
    fn insert(&mut self, serial: u32, len: usize, hash: u32) {
        while self.links.len() >= len.max(1) {
            self.links.pop_front();
        }
        if (self.links.len() + 1) * 2 > self.buckets.len() {
            self.grow(serial);
        }
        let older = self.enter(serial, hash);
        self.links.push_back(Link { hash, older });
    }

    /// Puts an entry at the head of its bucket; returns the former head.
    fn enter(&mut self, serial: u32, hash: u32) -> u32 {
        let mask = self.buckets.len().wrapping_sub(1);
        self.buckets.get_mut(hash as usize & mask).map_or(0, |bucket| core::mem::replace(bucket, serial))
    }

    /// Doubles the buckets and chains all entries anew; `next` is the serial number after the newest.
    fn grow(&mut self, next: u32) {
        self.buckets = vec![0; (self.buckets.len() * 2).max(FIRST_BUCKETS)];
        let mut links = core::mem::take(&mut self.links);
        let oldest = next.wrapping_sub(links.len() as u32);
        for (link, place) in links.iter_mut().zip(0..) {
            link.older = self.enter(oldest.wrapping_add(place), link.hash);
        }
        self.links = links;
    }

    fn find(&self, newest: u32, hash: u32, len: usize, mut is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let mut serial = *self.buckets.get(hash as usize & self.buckets.len().wrapping_sub(1))?;
        let mut least_age = 0;
        while serial != 0 {
            let age = newest.wrapping_sub(serial) as usize;
            if age < least_age || age >= len {
                return None;
            }
            let link = self.links.get(self.links.len().checked_sub(1)?.checked_sub(age)?)?;
            if link.hash == hash && is_it(age) {
                return Some(age);
            }
            least_age = age + 1;
            serial = link.older;
        }
        None
    }

    fn heap_size(&self) -> usize {
        self.buckets.capacity() * size_of::<u32>() + self.links.capacity() * size_of::<Link>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invariant: a hash finds the newest living entry that has it, and none that is gone; also where the serial
    /// numbers wrap around.
    #[test]
    fn finds_what_a_scan_finds() {
        for start in [1, u32::MAX - 300] {
            let mut index = Index::default();
            let mut model: VecDeque<(u32, u32)> = VecDeque::new();
            for step in 0..1_000u32 {
                let serial = start.wrapping_add(step);
                let hash = step.wrapping_mul(2_654_435_761) >> 25;
                // The table shrinks to a few entries now and then.
                let len = (model.len() + 1).min(if step % 100 == 99 { 5 } else { 70 });
                model.push_back((serial, hash));
                model.drain(..model.len() - len);
                index.insert(serial, len, hash, hash);
                for wanted in 0..128 {
                    let expected = model.iter().rev().position(|entry| entry.1 == wanted);
                    let found = index.find_field(wanted, len, |_| true);
                    // A chain that leads through number 0 ends there.
                    assert!(found == expected || start != 1 && found.is_none(), "{found:?} {expected:?}");
                    // Entries may go before the next one comes, and are found no more.
                    let found = index.find_field(wanted, len / 2, |_| true);
                    assert!(found.is_none_or(|found| found < len / 2 && Some(found) == expected));
                }
                let buckets = index.by_name.buckets.len();
                assert!(buckets.is_power_of_two() && buckets >= 2 * len && buckets <= 256);
            }
            // Two chains, each with a bucket and a link or more for each of the 70 entries.
            let link = size_of::<Link>();
            assert!((2 * 70 * (4 + link)..=2 * (256 * 4 + 128 * 8)).contains(&index.heap_size()));
        }
    }

    /// All in one bucket: every entry is still found.
    #[test]
    fn survives_equal_hashes() {
        let mut index = Index::default();
        for serial in 1..=50 {
            index.insert(serial, serial as usize, 0, 0);
            let most = (2 * serial as usize).next_power_of_two().max(FIRST_BUCKETS);
            assert_eq!(index.by_field.buckets.len(), most);
        }
        for wanted in 0..50 {
            assert_eq!(index.find_name(0, 50, |newer| newer == wanted), Some(wanted));
        }
        assert_eq!(index.find_field(0, 50, |_| false), None);
    }
}
