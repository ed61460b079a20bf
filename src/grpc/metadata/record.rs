//! How entries lie in their one buffer: `[name length][flags][value length][name][value]`, one after the other.

use alloc::vec::Vec;

/// The lengths and flags before the name of a record.
pub(super) const RECORD_OVERHEAD: usize = 7;

/// Never to be indexed by header compression (G-119).
pub(super) const SENSITIVE: u8 = 1;
/// Of a name that may not be sent in every block, so that only such names are looked up (G-115).
pub(super) const RESTRICTED: u8 = 2;

/// Appends the head of a record and its name, lowered; the caller appends a value of that length.
///
/// `None`, with nothing appended, where a length does not fit.
#[inline]
pub(super) fn push_head(records: &mut Vec<u8>, name: &[u8], value_len: usize, flags: u8) -> Option<()> {
    let [n1, n0] = u16::try_from(name.len()).ok()?.to_be_bytes();
    let [v3, v2, v1, v0] = u32::try_from(value_len).ok()?.to_be_bytes();
    records.extend_from_slice(&[n1, n0, flags, v3, v2, v1, v0]);
    records.extend_from_slice(name);
    Some(())
}

#[derive(Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) flags: u8,
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
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

    fn next(&mut self) -> Option<Record<'a>> {
        let (&[n1, n0, flags, v3, v2, v1, v0], rest) = self.rest.split_first_chunk::<RECORD_OVERHEAD>()?;
        let (name, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([n1, n0])))?;
        let (value, rest) = rest.split_at_checked(u32::from_be_bytes([v3, v2, v1, v0]) as usize)?;
        self.rest = rest;
        Some(Record { flags, name, value })
    }
}
