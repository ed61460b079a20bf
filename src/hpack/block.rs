//! A list of fields in one allocation.
//!
//! Fields lie back to back as [records](crate::record). The dynamic table keeps the same
//! records, so an indexed field costs one copy, and 8 octets of head stay under the 32 that RFC 7541 §4.1 accounts:
//! a list never takes more memory than its accounted size.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "records in one buffer: their number and lengths cannot exceed its own"
)]

use alloc::vec::Vec;
use core::fmt;

use super::field::{FIELD_OVERHEAD, Field};
use crate::record::{self, Record};
pub(super) use crate::record::{HEAD_LEN, Head};

impl Head {
    pub(super) const fn of(field: Field<'_>) -> Self {
        let Field { name, value, sensitive, class } = field;
        Self { name_len: name.len(), value_len: value.len(), sensitive, class }
    }
}

/// The first record of `bytes` as a field, and what follows it; `None` at the end.
#[inline]
pub(super) fn split_record(bytes: &[u8]) -> Option<(Field<'_>, &[u8])> {
    let (Record { head, name, value }, rest) = record::split(bytes)?;
    Some((Field { name, value, sensitive: head.sensitive, class: head.class }, rest))
}

/// Whether the record at the start of `bytes`, of class 0 and not sensitive, has the name and the value of a field.
#[inline(always)]
pub(super) fn is_record_of(bytes: &[u8], field: &Field<'_>) -> bool {
    strip_record(bytes, field).is_some()
}

/// What follows the record of a field, class 0 and not sensitive, at the start of `bytes`; `None` where it is another's.
#[inline(always)]
pub(super) fn strip_record<'a>(bytes: &'a [u8], field: &Field<'_>) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
    if u64::from_le_bytes(*head) != lengths(field.name, field.value) {
        return None;
    }
    let (name, rest) = rest.split_at_checked(field.name.len())?;
    let (value, rest) = rest.split_at_checked(field.value.len())?;
    (same(name, field.name) && same(value, field.value)).then_some(rest)
}

/// Whether the record at the start of `bytes`, of class 0 and not sensitive, has a name and a value as long as those of a
/// field.
#[inline(always)]
pub(super) fn has_lengths(bytes: &[u8], field: &Field<'_>) -> bool {
    match bytes.first_chunk() {
        Some(head) => u64::from_le_bytes(*head) == lengths(field.name, field.value),
        None => false,
    }
}

/// Whether it has the value of a field, where [it has its lengths](has_lengths) and its name.
#[inline(always)]
pub(super) fn has_value(bytes: &[u8], field: &Field<'_>) -> bool {
    match bytes.get(HEAD_LEN + field.name.len()..) {
        Some(rest) if rest.len() >= field.value.len() => same(rest.split_at(field.value.len()).0, field.value),
        _ => false,
    }
}

/// The head of a field of class 0 that is not sensitive: one look at both lengths. One that is longer than a record can say
/// has another's, and its octets are not there.
#[inline(always)]
const fn lengths(name: &[u8], value: &[u8]) -> u64 {
    (name.len() as u64) << Head::NAME_SHIFT | value.len() as u64
}

/// The value of the record at the start of `bytes`, of class 0 and not sensitive, if it has this name.
#[inline(always)]
pub(super) fn strip_name<'a>(bytes: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
    strip_known(u64::from_le_bytes(*head), rest, name)
}

/// The same, where the head of the record was taken off.
#[inline(always)]
pub(super) fn strip_known<'a>(head: u64, rest: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value_len = head as u32 as usize;
    // One look at the bounds: the name is no longer than both.
    let (known, value) = rest.get(..name.len() + value_len)?.split_at_checked(name.len())?;
    (head >> Head::NAME_SHIFT == name.len() as u64 && same(known, name)).then_some(value)
}

/// Equality that spares a short string the call of a general comparison: two words, which may overlap, are all of it.
#[inline(always)]
pub(super) fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // The usual lengths take two questions.
    if a.len() >= 8 {
        match a.len() {
            8..=16 => ends_are_same::<8>(a, b),
            17..=32 => ends_are_same::<16>(a, b),
            33..=64 => ends_are_same::<32>(a, b),
            _ => a == b,
        }
    } else if a.len() >= 4 {
        ends_are_same::<4>(a, b)
    } else if a.len() >= 2 {
        ends_are_same::<2>(a, b)
    } else {
        a.first() == b.first()
    }
}

/// Whether the first `N` octets are the same, and the last, of two strings of one length, which is no less.
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the caller has looked at the lengths")]
fn ends_are_same<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    // As slices: options of arrays would be asked whether they are there, each.
    let last = a.len() - N;
    a[..N] == b[..N] && a[last..] == b[last..]
}

/// A list of fields in one allocation, in order.
///
/// Made to be reused: [`clear`](Self::clear) keeps the memory, and a buffer can travel through
/// [`into_bytes`](Self::into_bytes) and [`from_cleared`](Self::from_cleared) to a pool and back.
///
/// ```
/// use grpc_sansio::hpack::{Field, FieldBlock};
///
/// let mut block = FieldBlock::new();
/// block.push(Field::new(b":status", b"200"));
/// block.push(Field::new(b"grpc-status", b"0"));
/// assert_eq!(block.len(), 2);
/// assert_eq!(block.list_size(), (7 + 3 + 32) + (11 + 1 + 32));
/// assert_eq!(block.fields().last(), Some(Field::new(b"grpc-status", b"0")));
/// ```
#[derive(Clone, Default)]
pub struct FieldBlock {
    bytes: Vec<u8>,
    count: usize,
    /// What [`restart`](Self::restart) was told that it starts with, if it still does.
    start: Option<StartName>,
}

/// Stands for the records that a list starts with, for as long as the connection lives that made it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StartName {
    kind: StartKind,
    number: u32,
    len: u32,
}

/// Who counts the starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartKind {
    /// The decoder.
    Received,
    /// Who writes requests down.
    Sent,
}

impl PartialEq for FieldBlock {
    fn eq(&self, other: &Self) -> bool {
        (self.count, &self.bytes) == (other.count, &other.bytes)
    }
}

impl Eq for FieldBlock {}

impl FieldBlock {
    /// An empty list; allocates nothing.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), count: 0, start: None }
    }

    /// An empty list that writes into the memory of `buffer`, whose content is dropped.
    pub fn from_cleared(mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { bytes: buffer, count: 0, start: None }
    }

    /// Takes the buffer out, to be used again by [`from_cleared`](Self::from_cleared). Its content has no promised
    /// form.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds a field at the end.
    ///
    /// A name of more than 8,388,607 octets or a value of more than 4,294,967,295 fits no record and no header list
    /// of this crate: such a field is left out.
    pub fn push(&mut self, field: Field<'_>) {
        let Some(head) = Head::of(field).pack() else { return };
        self.bytes.extend_from_slice(&head.to_le_bytes());
        self.bytes.extend_from_slice(field.name);
        self.bytes.extend_from_slice(field.value);
        self.count += 1;
    }

    /// As [`push`](Self::push) of a field whose name is known when this is compiled: it and the head are one copy.
    #[inline(always)]
    pub(crate) fn push_named<const NAME_LEN: usize>(&mut self, name: &[u8; NAME_LEN], value: &[u8]) {
        let Some(head) = Head::of(Field::new(name, value)).pack() else { return };
        self.bytes.reserve(HEAD_LEN + NAME_LEN + value.len());
        self.bytes.extend_from_slice(&head.to_le_bytes());
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.count += 1;
    }

    /// Adds all fields of `other` at the end, as one copy.
    pub fn extend_from(&mut self, other: &FieldBlock) {
        self.bytes.extend_from_slice(&other.bytes);
        self.count += other.count;
    }

    /// Adds a field before the first of those for which `goes_behind` holds, at the end where it holds for none.
    pub fn insert_before(&mut self, field: Field<'_>, mut goes_behind: impl FnMut(&Field<'_>) -> bool) {
        let mut fields = self.fields();
        let mut rest = fields.bytes.len();
        while let Some(next) = fields.next() {
            if goes_behind(&next) {
                break;
            }
            rest = fields.bytes.len();
        }
        let before = self.bytes.len();
        self.start = None;
        self.push(field);
        let added = self.bytes.len() - before;
        if let Some(tail) = self.bytes.get_mut(before - rest..) {
            tail.rotate_right(added);
        }
    }

    /// Gives the first field of that name another value; nothing happens where there is none.
    pub(crate) fn replace_value(&mut self, name: &[u8], value: &[u8]) {
        let mut fields = self.fields();
        let found = loop {
            let start = self.bytes.len() - fields.bytes.len();
            match fields.next() {
                Some(field) if field.name == name => break start..self.bytes.len() - fields.bytes.len(),
                Some(_) => {}
                None => return,
            }
        };
        let Some((field, _)) = self.bytes.get(found.clone()).and_then(split_record) else { return };
        let Some(head) = Head::of(Field { value, ..field }).pack() else { return };
        let value_at = found.end - field.value.len();
        self.start = None;
        self.bytes.splice(value_at..found.end, value.iter().copied());
        if let Some(place) = self.bytes.get_mut(found.start..found.start + HEAD_LEN) {
            place.copy_from_slice(&head.to_le_bytes());
        }
    }

    /// Drops all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.count, self.start) = (0, None);
    }

    /// Drops all fields and begins anew with the `count` fields of `records`, whose `number` always stands for the same. In
    /// memory where the last list started so too, nothing is copied.
    #[inline]
    pub(crate) fn restart(&mut self, kind: StartKind, number: u32, records: &[u8], count: usize) {
        let start = Some(StartName { kind, number, len: records.len() as u32 });
        if self.start == start {
            self.bytes.truncate(records.len());
        } else {
            self.bytes.clear();
            self.bytes.extend_from_slice(records);
            self.start = start;
        }
        self.count = count;
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The size of the list as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name + value + 32 octets for each field
    /// (RFC 9113 §6.5.2).
    pub fn list_size(&self) -> usize {
        self.bytes.len() + self.count * (FIELD_OVERHEAD - HEAD_LEN)
    }

    /// The octets in use; never more than [`list_size`](Self::list_size).
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }

    /// The octets allocated.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Gives back the memory that the list does not need.
    pub fn shrink_to_fit(&mut self) {
        self.bytes.shrink_to_fit();
    }

    /// The fields, in order.
    pub fn fields(&self) -> Fields<'_> {
        Fields { bytes: &self.bytes, remaining: self.count }
    }

    /// The value of the first field of a class, where classes are told of.
    #[inline]
    pub(crate) fn value_of(&self, class: u8) -> Option<&[u8]> {
        let mut rest = &self.bytes[..];
        while let Some((Record { head, value, .. }, behind)) = record::split(rest) {
            if head.class == class {
                return Some(value);
            }
            rest = behind;
        }
        None
    }

    /// The records of all fields.
    pub(crate) fn records(&self) -> &[u8] {
        &self.bytes
    }

    /// Adds a record of another block or of a table.
    pub(super) fn push_record(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.count += 1;
    }

    /// Gives the last field its class; its record has `len` octets.
    #[inline]
    pub(super) fn set_class(&mut self, len: usize, class: u8) {
        let start = self.bytes.len().wrapping_sub(len);
        if let Some(place) = self.bytes.get_mut(start.wrapping_add(HEAD_LEN - 1)) {
            *place = class;
        }
    }

    /// Adds so many records of another block, of a table, or of metadata.
    #[inline(always)]
    pub(crate) fn push_records(&mut self, records: &[u8], count: usize) {
        self.bytes.extend_from_slice(records);
        self.count += count;
    }

    /// Starts a record with the beginning of a name: what it lacks, then the value are to be written to the end of
    /// [`buffer`](Self::buffer). The record is no part of the list before [`finish_record`](Self::finish_record).
    #[inline]
    pub(super) fn start_record(&mut self, name: &[u8]) -> Mark {
        let mark = self.mark();
        self.bytes.extend_from_slice(&[0; HEAD_LEN]);
        self.bytes.extend_from_slice(name);
        mark
    }

    /// As [`restart`](Self::restart), where only the first `len` octets are whole records, as in
    /// [`push_start`](Self::push_start).
    #[inline]
    pub(super) fn restart_in_field(&mut self, number: u32, records: &[u8], count: usize, len: usize) -> Mark {
        self.restart(StartKind::Received, number, records, count);
        Mark { bytes: len, count }
    }

    /// As [`push_records`](Self::push_records), where only the first `len` octets are whole records, and what is behind
    /// them starts one as [`start_record`](Self::start_record) does.
    #[inline(always)]
    pub(super) fn push_start(&mut self, records: &[u8], count: usize, len: usize) -> Mark {
        let mark = Mark { bytes: self.bytes.len() + len, count: self.count + count };
        self.push_records(records, count);
        mark
    }

    /// Where the parts of an unfinished record are written.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The octets written to the unfinished record at `mark` so far.
    pub(super) fn unfinished(&self, mark: Mark) -> &[u8] {
        self.bytes.get(mark.bytes + HEAD_LEN..).unwrap_or_default()
    }

    /// Makes what was written since `mark` a field, and lends its record. `None` if it is too large for one.
    #[inline(always)]
    pub(super) fn finish_record(&mut self, mark: Mark, head: Head) -> Option<&[u8]> {
        let word = head.pack()?;
        let record = self.bytes.get_mut(mark.bytes..)?;
        *record.first_chunk_mut()? = word.to_le_bytes();
        self.count += 1;
        Some(record)
    }

    /// The present end of the list.
    pub(super) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), count: self.count }
    }

    /// Drops what came after `mark`.
    pub(super) fn rewind(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        (self.count, self.start) = (mark.count, None);
    }
}

/// A place between two fields of a [`FieldBlock`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    bytes: usize,
    count: usize,
}

impl Mark {
    /// Before all fields.
    pub(super) const START: Self = Self { bytes: 0, count: 0 };

    /// The octets of the list before.
    #[inline]
    pub(super) fn byte_len(self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for FieldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}

impl<'a> FromIterator<Field<'a>> for FieldBlock {
    fn from_iter<I: IntoIterator<Item = Field<'a>>>(fields: I) -> Self {
        let mut block = Self::new();
        fields.into_iter().for_each(|field| block.push(field));
        block
    }
}

impl<'a> IntoIterator for &'a FieldBlock {
    type Item = Field<'a>;
    type IntoIter = Fields<'a>;

    fn into_iter(self) -> Fields<'a> {
        self.fields()
    }
}

/// The fields of a [`FieldBlock`], in order. Cheap to copy.
///
/// ```
/// use grpc_sansio::hpack::{Field, FieldBlock, Fields};
///
/// let block: FieldBlock = [Field::new(b"a", b"1"), Field::new(b"b", b"2")].into_iter().collect();
/// let mut fields = Fields::from(&block);
/// assert_eq!(fields.len(), 2);
/// assert_eq!(fields.next(), Some(Field::new(b"a", b"1")));
/// assert_eq!(Fields::EMPTY.next(), None);
/// ```
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    remaining: usize,
}

impl<'a> Fields<'a> {
    /// No fields.
    pub const EMPTY: Fields<'static> = Fields { bytes: &[], remaining: 0 };

    /// The records of all fields that are left: the same octets are the same fields.
    #[cfg(feature = "mio")]
    pub(crate) fn records(self) -> &'a [u8] {
        self.bytes
    }

    /// Goes past the first `count` fields, whose records have `len` octets.
    pub(super) fn skip_records(&mut self, count: usize, len: usize) {
        self.bytes = self.bytes.get(len..).unwrap_or_default();
        self.remaining = self.remaining.saturating_sub(count);
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a> From<&'a FieldBlock> for Fields<'a> {
    fn from(block: &'a FieldBlock) -> Self {
        block.fields()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let (field, rest) = split_record(self.bytes)?;
        self.bytes = rest;
        self.remaining = self.remaining.saturating_sub(1);
        Some(field)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
    }
}

impl ExactSizeIterator for Fields<'_> {}

#[cfg(test)]
mod tests;
