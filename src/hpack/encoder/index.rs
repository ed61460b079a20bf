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

use alloc::vec;
use alloc::vec::Vec;

/// The entries that there is room for first, once there is any.
const FIRST_ROOM: usize = 16;

/// Finds entries by the hash of their field or of their name.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// The serial number of the newest entry of each bucket: those of fields, then as many of names. Each half is a power
    /// of two, twice the length of `links`.
    buckets: Vec<u32>,
    /// An entry has the place that its serial number has modulo their number; a power of two of them.
    links: Vec<Links>,
    /// The serial number of the newest entry.
    newest: u32,
}

/// An entry in the chain of its field, and in that of its name.
#[derive(Clone, Copy, Debug, Default)]
struct Links {
    field: Link,
    name: Link,
}

#[derive(Clone, Copy, Debug, Default)]
struct Link {
    hash: u32,
    /// The next older entry of the same bucket.
    older: u32,
}

impl Index {
    /// Notes a new entry with serial number `serial` in a table that has `len` entries with it.
    pub(super) fn insert(&mut self, serial: u32, len: usize, name_hash: u32, field_hash: u32) {
        if len > self.links.len() {
            self.grow(serial, len);
        }
        self.newest = serial;
        self.enter(serial, field_hash, name_hash);
    }

    /// Puts an entry at the head of its buckets.
    fn enter(&mut self, serial: u32, field_hash: u32, name_hash: u32) {
        let half = self.buckets.len() / 2;
        let (fields, names) = self.buckets.split_at_mut(half);
        let chain = |buckets: &mut [u32], hash: u32| {
            let mask = buckets.len().wrapping_sub(1);
            let older = buckets.get_mut(hash as usize & mask).map_or(0, |head| core::mem::replace(head, serial));
            Link { hash, older }
        };
        let links = Links { field: chain(fields, field_hash), name: chain(names, name_hash) };
        let mask = self.links.len().wrapping_sub(1);
        if let Some(place) = self.links.get_mut(serial as usize & mask) {
            *place = links;
        }
    }

    /// Makes room for `len` entries and chains all anew; `next` is the serial number after the newest.
    fn grow(&mut self, next: u32, len: usize) {
        let room = len.next_power_of_two().max(FIRST_ROOM);
        let old = core::mem::replace(&mut self.links, vec![Links::default(); room]);
        self.buckets = vec![0; 4 * room];
        let oldest = next.wrapping_sub(old.len() as u32);
        for serial in (0..old.len() as u32).map(|age| oldest.wrapping_add(age)) {
            // Before the first there are none, which went by numbers below 1.
            if let Some(Links { field, name }) = old.get(serial as usize & (old.len() - 1)) {
                self.enter(serial, field.hash, name.hash);
            }
        }
    }

    /// The newest entry among the `len` of the table with this field hash that `is_it` accepts. Entries go by the
    /// number of newer ones here.
    pub(super) fn find_field(&self, hash: u32, len: usize, is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let buckets = self.buckets.get(..self.buckets.len() / 2)?;
        self.find(buckets, |links| links.field, hash, len, is_it)
    }

    /// As [`find_field`](Self::find_field), by the hash of the name.
    pub(super) fn find_name(&self, hash: u32, len: usize, is_it: impl FnMut(usize) -> bool) -> Option<usize> {
        let buckets = self.buckets.get(self.buckets.len() / 2..)?;
        self.find(buckets, |links| links.name, hash, len, is_it)
    }

    #[inline(always)]
    fn find(
        &self,
        buckets: &[u32],
        link: impl Fn(&Links) -> Link,
        hash: u32,
        len: usize,
        mut is_it: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let mut serial = *buckets.get(hash as usize & buckets.len().wrapping_sub(1))?;
        let mut least_age = 0;
        while serial != 0 {
            let age = self.newest.wrapping_sub(serial) as usize;
            if age < least_age || age >= len {
                return None;
            }
            let link = link(self.links.get(serial as usize & self.links.len().wrapping_sub(1))?);
            if link.hash == hash && is_it(age) {
                return Some(age);
            }
            least_age = age + 1;
            serial = link.older;
        }
        None
    }

    /// Octets allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.buckets.capacity() * size_of::<u32>() + self.links.capacity() * size_of::<Links>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

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
                let room = index.links.len();
                assert!(room.is_power_of_two() && (len..=128).contains(&room) && index.buckets.len() == 4 * room);
            }
            assert_eq!(index.heap_size(), 128 * (4 * 4 + 2 * 8));
        }
    }

    /// All in one bucket: every entry is still found.
    #[test]
    fn survives_equal_hashes() {
        let mut index = Index::default();
        for serial in 1..=50 {
            index.insert(serial, serial as usize, 0, 0);
            assert_eq!(index.links.len(), (serial as usize).next_power_of_two().max(FIRST_ROOM));
        }
        for wanted in 0..50 {
            assert_eq!(index.find_name(0, 50, |newer| newer == wanted), Some(wanted));
        }
        assert_eq!(index.find_field(0, 50, |_| false), None);
    }
}
