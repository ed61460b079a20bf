//! How entries lie in their one buffer: as [records](crate::record), which a header list takes as they are.

use crate::record::{self, HEAD_LEN, Head, Record};
use alloc::vec::Vec;

/// The head before the name of a record.
pub(super) const RECORD_OVERHEAD: usize = HEAD_LEN;

/// The class of a name that may not be sent in every block, so that only such names are looked up (G-115).
pub(super) const RESTRICTED: u8 = 1;

/// The longest name, in octets.
const NAME_MAX: usize = 65_535;

/// Appends the head of a record and its name, lowered; the caller appends a value of that length.
///
/// `None`, with nothing appended, where a length does not fit.
#[inline]
pub(super) fn push_head(records: &mut Vec<u8>, name: &[u8], value_len: usize, flags: Flags) -> Option<()> {
    let Flags { sensitive, class } = flags;
    let head = Head { name_len: name.len(), value_len, sensitive, class };
    let word = head.pack().filter(|_| name.len() <= NAME_MAX)?;
    records.extend_from_slice(&word.to_le_bytes());
    records.extend_from_slice(name);
    Some(())
}

/// What is known of an entry besides its name and its value.
#[derive(Clone, Copy)]
pub(super) struct Flags {
    pub(super) sensitive: bool,
    pub(super) class: u8,
}

/// Walks over records.
#[derive(Clone)]
pub(super) struct Records<'a> {
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) const fn new(records: &'a [u8]) -> Self {
        Self { rest: records }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let (record, rest) = record::split(self.rest)?;
        self.rest = rest;
        Some(record)
    }
}
