//! The static table (RFC 7541 Appendix A), with a perfect hash over its names.

use super::block::{HEAD_LEN, Head, same};
use super::field::Field;

/// The number of entries; the dynamic table's indices start above it (P-003).
pub(super) const LEN: usize = 61;

/// The entry at a wire index; 1 is the first, `None` for 0 and above 61.
pub(super) fn get(index: usize) -> Option<Field<'static>> {
    ENTRIES.get(index.checked_sub(1)?).map(|(name, value)| Field::new(name, value))
}

/// The record of the entry at a wire index, as a dynamic table would have it, and more; one that is no field's for 0 and
/// above 61.
#[inline]
#[expect(clippy::indexing_slicing, reason = "an entry for each value of six bits")]
pub(super) fn record(index: usize) -> &'static [u8] {
    &RECORDS[if index < RECORDS.len() { index } else { 0 }]
}

/// The same with the head of its record apart, for an index of six bits.
#[inline(always)]
#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "an entry for each value of six bits")]
pub(super) fn record_split(index: usize) -> (u64, &'static [u8]) {
    let record = &RECORDS[index % RECORDS.len()];
    let (head, rest) = record.split_at(HEAD_LEN);
    (head.first_chunk().map_or(0, |head| u64::from_le_bytes(*head)), rest)
}

/// The same, as long as it is.
#[inline]
pub(super) fn whole_record(index: usize) -> Option<&'static [u8]> {
    RECORDS.get(index)?.get(..usize::from(*RECORD_LENS.get(index.wrapping_sub(1))?))
}

/// Octets that are enough for each record.
const RECORD_LEN: usize = 40;

/// A name longer than a record can say, before a value of no octets: with a value longer than memory, the lengths of both
/// could not be added where numbers have 32 bits.
const NO_FIELD: [u8; RECORD_LEN] = {
    let mut record = [0xff; RECORD_LEN];
    (record[0], record[1], record[2], record[3]) = (0, 0, 0, 0);
    record
};

#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static RECORDS: [[u8; RECORD_LEN]; 64] = {
    let mut records = [NO_FIELD; 64];
    let mut index = 0;
    while index < LEN {
        let (name, value) = ENTRIES[index];
        let Some(head) = Head::of(Field::new(name, value)).pack() else { panic!() };
        let (record, head) = (&mut records[index + 1], head.to_le_bytes());
        let mut at = 0;
        while at < HEAD_LEN + name.len() + value.len() {
            record[at] = match at.checked_sub(HEAD_LEN) {
                None => head[at],
                Some(at) if at < name.len() => name[at],
                Some(at) => value[at - name.len()],
            };
            at += 1;
        }
        index += 1;
    }
    records
};

/// How long each record is.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static RECORD_LENS: [u8; LEN] = {
    let mut lens = [0; LEN];
    let mut index = 0;
    while index < LEN {
        lens[index] = (HEAD_LEN + ENTRIES[index].0.len() + ENTRIES[index].1.len()) as u8;
        index += 1;
    }
    lens
};

/// The first entry with a name, by wire index.
pub(super) fn find_name(name: &[u8]) -> Option<usize> {
    let first = usize::from(*SLOTS.get(slot(name))?);
    (ENTRIES.get(first.checked_sub(1)?)?.0 == name).then_some(first)
}

/// The entry with a value among those that have the name of the entry `first`, by wire index.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "a place in the table")]
pub(super) fn find_value(first: usize, value: &[u8]) -> Option<usize> {
    let last = usize::from(*LASTS.get(first)?);
    if last == 0 {
        return (first > 0 && value.is_empty()).then_some(first);
    }
    let entries = ENTRIES.get(first - 1..last)?;
    entries.iter().position(|entry| same(entry.1, value)).map(|at| first + at)
}

/// By wire index of the first entry with a name, the last one; 0 where there is one, whose value is empty.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static LASTS: [u8; LEN + 1] = {
    let mut lasts = [0; LEN + 1];
    let mut index = LEN;
    while index > 0 {
        let (name, value) = ENTRIES[index - 1];
        if !value.is_empty() {
            // From the end, so the last of several counts.
            let first = SLOTS[slot(name)] as usize;
            lasts[first] = if lasts[first] == 0 { index as u8 } else { lasts[first] };
        }
        index -= 1;
    }
    lasts
};

/// A hash without collisions among the 52 names. The keys are fixed, so it needs no seed: whatever a peer asks for,
/// one slot is looked at.
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "below the length; small factors of octets"
)]
const fn slot(name: &[u8]) -> usize {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return 0 };
    let middle = name[name.len() / 2];
    let hash = 91 * (name.len() & 0xff) + 122 * *first as usize + 67 * *last as usize + 75 * middle as usize;
    hash % SLOT_COUNT
}

const SLOT_COUNT: usize = 128;

/// The wire index of the first entry with the name that hashes to a slot, 0 where there is none.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static SLOTS: [u8; SLOT_COUNT] = {
    let mut slots = [0; SLOT_COUNT];
    let mut index = LEN;
    while index > 0 {
        // From the end, so the first of several entries with one name stays.
        slots[slot(ENTRIES[index - 1].0)] = index as u8;
        index -= 1;
    }
    slots
};

static ENTRIES: [(&[u8], &[u8]); LEN] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hpack::block::split_record;

    #[test]
    fn every_entry_is_found() {
        for index in 1..=LEN {
            let Field { name, value, .. } = get(index).unwrap();
            assert_eq!(split_record(record(index)).map(|(field, _)| field), get(index));
            let (head, rest) = record_split(index);
            assert_eq!([&head.to_le_bytes(), rest].concat(), record(index));
            let first = ENTRIES.iter().position(|entry| entry.0 == name).unwrap() + 1;
            assert_eq!(find_name(name), Some(first));
            assert_eq!((find_value(first, value), find_value(first, b"no such value")), (Some(index), None));
        }
    }

    #[test]
    fn nothing_else_is_found() {
        for name in [&b""[..], b"x", b"te", b":statux", b"grpc-timeout", &[0xff; 300]] {
            assert_eq!(find_name(name), None);
        }
        for index in [0, LEN + 1, LEN + 2] {
            let (value_len, most_of_a_name) = (record_split(index).0 as u32, u32::MAX / 2);
            assert!(value_len.checked_add(most_of_a_name).is_some(), "where lengths have 32 bits");
        }
        for index in [0, LEN + 1, LEN + 2, LEN + 3, usize::MAX] {
            assert_eq!((split_record(record(index)), whole_record(index)), (None, None));
        }
        assert_eq!((get(0), get(LEN + 1), find_value(0, b""), find_value(LEN + 1, b"")), (None, None, None, None));
    }
}
