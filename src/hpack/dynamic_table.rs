//! The dynamic table (RFC 7541 §2.3.2, §4).
//!
//! Entries are the records of [`FieldBlock`](super::FieldBlock), so an indexed field is one copy. They lie in one
//! buffer, oldest first and each in one piece; evicting moves the start forward, and the dead part is reclaimed once
//! it is at least as long as the living one, so an octet is moved at most once for each octet inserted.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "places and lengths in one buffer, which the size of the table bounds"
)]

use alloc::vec::Vec;

use super::block::{HEAD_LEN, Head, split_record};
use super::field::{FIELD_OVERHEAD, Field};

/// What an entry counts beyond its record (RFC 7541 §4.1).
const RECORD_OVERHEAD: usize = FIELD_OVERHEAD - HEAD_LEN;

/// The first buffer, in octets, for a table that is allowed that much.
const FIRST_BUFFER: usize = 512;

/// A first-in, first-out table of records under a maximum size.
#[derive(Clone, Debug)]
pub(super) struct DynamicTable {
    /// Dead records, then the living ones.
    bytes: Vec<u8>,
    /// The place of `bytes[0]` among all octets ever inserted, modulo 2^32. Keeps `starts` true when records move.
    base: u32,
    /// The number of the insertion that made the first of `starts`, modulo 2^32: with it an entry is found at once.
    first: u32,
    /// Where each record starts among all octets ever inserted, oldest first; the first `gone` are dead.
    starts: Vec<u32>,
    gone: usize,
    /// Octets of living records.
    live: usize,
    max_size: usize,
    inserted: u64,
    /// Insertions, tries of one, and changes of the size.
    generation: u64,
}

impl DynamicTable {
    /// An empty table; allocates nothing.
    pub(super) const fn new(max_size: usize) -> Self {
        Self {
            bytes: Vec::new(),
            base: 0,
            first: 1,
            starts: Vec::new(),
            gone: 0,
            live: 0,
            max_size,
            inserted: 0,
            generation: 0,
        }
    }

    /// The number of entries.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - self.gone
    }

    /// The size of all entries as RFC 7541 §4.1 counts it.
    pub(super) fn size(&self) -> usize {
        self.live + self.len() * RECORD_OVERHEAD
    }

    /// The size that the table may not exceed.
    pub(super) fn max_size(&self) -> usize {
        self.max_size
    }

    /// The number of entries ever inserted.
    pub(super) fn inserted(&self) -> u64 {
        self.inserted
    }

    /// As if so many entries had come and gone.
    #[cfg(test)]
    pub(super) fn count_from(&mut self, inserted: u64) {
        self.first = self.first.wrapping_add((inserted - self.inserted) as u32);
        self.inserted = inserted;
    }

    /// Changes whenever an entry comes or goes.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Octets allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.bytes.capacity() + self.starts.capacity() * size_of::<u32>()
    }

    /// Evicts until the table fits `max_size` (RFC 7541 §4.3; P-009). 0 gives the memory back too.
    pub(super) fn set_max_size(&mut self, max_size: usize) {
        self.max_size = max_size;
        self.generation += 1;
        self.evict_to(max_size);
        if max_size == 0 {
            let Self { inserted, generation, first, .. } = *self;
            *self = Self { inserted, generation, first, ..Self::new(0) };
        }
    }

    /// The record of the entry with `index` newer ones, 0 being the newest.
    pub(super) fn get(&self, index: usize) -> Option<&[u8]> {
        if index >= self.len() {
            return None;
        }
        let place = self.starts.len() - 1 - index;
        let start = self.starts.get(place)?.wrapping_sub(self.base) as usize;
        match self.starts.get(place + 1) {
            Some(next) => self.bytes.get(start..next.wrapping_sub(self.base) as usize),
            None => self.bytes.get(start..),
        }
    }

    /// The octets from the entry with `index` newer ones to the end.
    #[inline]
    pub(super) fn record(&self, index: usize) -> Option<&[u8]> {
        // Below 0 is above all places.
        let place = self.starts.len().wrapping_sub(1).wrapping_sub(index);
        let start = *self.starts.get(place)?;
        if place < self.gone {
            return None;
        }
        self.bytes.get(start.wrapping_sub(self.base) as usize..)
    }

    /// The octets from an entry to the end, and its place, 1 being the newest; `None` for one that is gone. It goes by the
    /// number of its insertion, from 1 on, modulo 2^31.
    #[inline(always)]
    pub(super) fn made(&self, serial: u32) -> Option<(&[u8], usize)> {
        let (start, age) = self.start_of(serial)?;
        Some((self.bytes.get(start..)?, age))
    }

    /// The same with the head of its record apart.
    #[inline(always)]
    pub(super) fn made_split(&self, serial: u32) -> Option<(u64, &[u8], usize)> {
        let (start, age) = self.start_of(serial)?;
        // In this order one look at the bounds is enough.
        let rest = self.bytes.get(start + HEAD_LEN..)?;
        let head = self.bytes.get(start..start + HEAD_LEN)?.first_chunk()?;
        Some((u64::from_le_bytes(*head), rest, age))
    }

    #[inline(always)]
    fn start_of(&self, serial: u32) -> Option<(usize, usize)> {
        let place = (serial.wrapping_sub(self.first) & (u32::MAX >> 1)) as usize;
        let start = *self.starts.get(place)?;
        if place < self.gone {
            return None;
        }
        Some((start.wrapping_sub(self.base) as usize, self.starts.len() - place))
    }

    /// The entry with `index` newer ones, read.
    #[inline]
    pub(super) fn field(&self, index: usize) -> Option<Field<'_>> {
        split_record(self.record(index)?).map(|(field, _)| field)
    }

    /// Inserts a record, after evicting what has to go for it. One larger than the table empties it and is not
    /// inserted, which is no error (RFC 7541 §4.4; P-007). Returns whether it was inserted.
    pub(super) fn insert(&mut self, record: &[u8]) -> bool {
        let fits = self.make_room(record.len());
        if fits {
            self.bytes.extend_from_slice(record);
        }
        fits
    }

    /// Inserts a field, as [`insert`](Self::insert) does with its record.
    pub(super) fn insert_field(&mut self, field: Field<'_>) -> bool {
        let Some(head) = Head::of(field).pack() else { return false };
        let fits = self.make_room(HEAD_LEN + field.name.len() + field.value.len());
        if fits {
            self.bytes.extend_from_slice(&head.to_le_bytes());
            self.bytes.extend_from_slice(field.name);
            self.bytes.extend_from_slice(field.value);
        }
        fits
    }

    /// Makes an entry of `len` octets at the end, which the caller has to write; false if it can never fit.
    fn make_room(&mut self, len: usize) -> bool {
        self.generation += 1;
        let Some(room) = self.max_size.checked_sub(len.saturating_add(RECORD_OVERHEAD)) else {
            self.evict_to(0);
            return false;
        };
        self.evict_to(room);
        self.reserve(len);
        // The places are reclaimed by the same rule as the octets.
        if self.starts.len() == self.starts.capacity() && self.gone >= self.len() {
            self.starts.drain(..self.gone);
            self.first = self.first.wrapping_add(self.gone as u32);
            self.gone = 0;
        }
        self.starts.push(self.base.wrapping_add(self.bytes.len() as u32));
        self.live += len;
        self.inserted += 1;
        true
    }

    fn evict_to(&mut self, size: usize) {
        while self.size() > size {
            let Some(start) = self.starts.get(self.gone) else { return };
            let end = self.base.wrapping_add(self.bytes.len() as u32);
            let next = self.starts.get(self.gone + 1).copied().unwrap_or(end);
            self.live -= next.wrapping_sub(*start) as usize;
            self.gone += 1;
        }
        if self.len() == 0 {
            self.base = self.base.wrapping_add(self.bytes.len() as u32);
            self.bytes.clear();
            self.first = self.first.wrapping_add(self.starts.len() as u32);
            self.starts.clear();
            self.gone = 0;
        }
    }

    /// Makes sure that `len` octets can be added, in a buffer of at most twice the table's maximum.
    fn reserve(&mut self, len: usize) {
        if self.bytes.len() + len <= self.bytes.capacity() {
            return;
        }
        let dead = self.bytes.len() - self.live;
        if dead >= self.live {
            self.bytes.drain(..dead);
            self.base = self.base.wrapping_add(dead as u32);
        }
        // Either dead < live, so what is needed is below live + live + len, or only live + len is needed.
        let needed = self.bytes.len() + len;
        if needed > self.bytes.capacity() {
            let target = (2 * needed).max(FIRST_BUFFER).min(self.max_size.saturating_mul(2)).max(needed);
            self.bytes.reserve_exact(target - self.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::FieldBlock;
    use std::collections::VecDeque;
    use std::vec;

    fn record(name: &[u8], value: &[u8]) -> Vec<u8> {
        [Field::new(name, value)].into_iter().collect::<FieldBlock>().into_bytes()
    }

    fn names(table: &DynamicTable) -> Vec<Vec<u8>> {
        (0..table.len()).map(|index| table.field(index).unwrap().name.to_vec()).collect()
    }

    /// P-003, P-006, P-007.
    #[test]
    fn the_newest_comes_first_and_the_oldest_goes_first() {
        let mut table = DynamicTable::new(2 * 34);
        for name in [b"a", b"b", b"c"] {
            assert!(table.insert(&record(name, b"1")));
        }
        assert_eq!(names(&table), [b"c", b"b"]);
        assert_eq!((table.size(), table.inserted()), (68, 3));
        assert_eq!(table.get(2), None);
    }

    /// What was remembered of the table by this number must not come true again after the table was emptied.
    #[test]
    fn the_count_of_insertions_never_goes_back() {
        let mut table = DynamicTable::new(100);
        assert!(table.insert(&record(b"a", b"1")));
        table.set_max_size(0);
        assert_eq!((table.len(), table.inserted()), (0, 1));
        table.set_max_size(100);
        assert!(table.insert(&record(b"b", b"1")));
        assert_eq!((names(&table), table.inserted()), (vec![b"b".to_vec()], 2));
    }

    /// What was found in the table is found again while this number stands.
    #[test]
    fn the_generation_never_comes_again() {
        let mut table = DynamicTable::new(40);
        let mut seen = vec![table.generation()];
        let changes: [fn(&mut DynamicTable); 5] = [
            |table| assert!(table.insert(&record(b"a", b"1"))),
            |table| assert!(!table.insert(&record(b"a", b"123456789"))),
            |table| table.set_max_size(34),
            |table| table.set_max_size(0),
            |table| table.set_max_size(34),
        ];
        for change in changes.into_iter().cycle().take(20) {
            change(&mut table);
            assert!(!seen.contains(&table.generation()));
            seen.push(table.generation());
            table.set_max_size(40);
            seen.push(table.generation());
        }
    }

    /// Octets come twice as many as are needed, so that a table grows a few times, but not more than it may ever take.
    #[test]
    fn memory_grows_by_doubling() {
        let (mut table, mut sizes) = (DynamicTable::new(4000), vec![]);
        while table.size() < 3_900 {
            table.insert(&record(b"name", &[b'v'; 88]));
            let size = table.bytes.capacity();
            if sizes.last() != Some(&size) {
                sizes.push(size);
            }
            assert_eq!(table.heap_size(), size + 4 * table.starts.capacity());
        }
        // Records of 100 octets: twice 600, twice 1,300, twice 2,700.
        assert_eq!(sizes, [512, 1_200, 2_600, 5_400]);
        while table.inserted() < 200 {
            table.insert(&record(b"name", &[b'v'; 88]));
            assert!(table.bytes.capacity() <= 8_000);
        }
        // No more than twice the maximum, and at least what one record takes.
        let mut small = DynamicTable::new(200);
        small.insert(&record(b"name", &[b'v'; 88]));
        assert_eq!(small.bytes.capacity(), 400);
    }

    #[test]
    fn a_table_may_be_allowed_more_than_half_of_all_memory() {
        let mut table = DynamicTable::new(usize::MAX / 2 + 1);
        assert!(table.insert(&record(b"a", b"1")));
        assert_eq!(table.bytes.capacity(), FIRST_BUFFER);
    }

    /// P-007: both sides of "larger than the table".
    #[test]
    fn an_entry_larger_than_the_table_empties_it() {
        let mut table = DynamicTable::new(40);
        assert!(table.insert(&record(b"name", b"1234")));
        assert_eq!(table.size(), 40);
        assert!(!table.insert(&record(b"name", b"12345")));
        assert_eq!((table.len(), table.size()), (0, 0));
    }

    /// P-009.
    #[test]
    fn lowering_the_maximum_evicts() {
        let mut table = DynamicTable::new(4096);
        for name in [b"a", b"b", b"c"] {
            table.insert(&record(name, b"1"));
        }
        table.set_max_size(68);
        assert_eq!(names(&table), [b"c", b"b"]);
        table.set_max_size(67);
        assert_eq!(names(&table), [b"c"]);
        table.set_max_size(0);
        assert_eq!((table.len(), table.heap_size()), (0, 0));
    }

    /// Invariant: the table is a queue under its maximum, and its memory stays below twice that plus the places.
    #[test]
    fn a_long_run_equals_a_model_and_stays_small() {
        let mut table = DynamicTable::new(1000);
        let mut model: VecDeque<Vec<u8>> = VecDeque::new();
        for step in 0..5_000usize {
            let record = record(&step.to_be_bytes(), &vec![b'v'; step * 7 % 331]);
            table.insert(&record);
            model.push_front(record);
            while model.iter().map(|record| record.len() + RECORD_OVERHEAD).sum::<usize>() > 1000 {
                model.pop_back();
            }
            assert!((0..table.len()).map(|index| table.get(index).unwrap()).eq(model.iter().map(Vec::as_slice)));
            // By number those that are there are found, and no other near them.
            for newer in 0..2 * table.len() {
                let made = table.made((table.inserted() as u32).wrapping_sub(newer as u32));
                assert_eq!(made, table.record(newer).map(|record| (record, newer + 1)));
            }
            assert_eq!(table.made(table.inserted() as u32 + 1), None);
            let (head, rest, age) = table.made_split(table.inserted() as u32).unwrap();
            assert_eq!((Some(&[&head.to_le_bytes(), rest].concat()[..]), age), (table.record(0), 1));
            assert!(table.heap_size() <= 2 * 1000 + 64 * 8, "{}", table.heap_size());
        }
    }
}
