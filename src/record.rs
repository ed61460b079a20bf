//! How a list of fields lies in one buffer: `[head][name][value]`, one field after the other.
//!
//! Header lists, the dynamic table and metadata are all kept so: what was written down once, and judged then, goes from
//! one to the other as one copy.
#![expect(clippy::arithmetic_side_effects, reason = "lengths of what lies in one buffer")]

/// Octets of a record before its name.
pub(crate) const HEAD_LEN: usize = 8;

/// The head of a record, one little-endian word: value length in 32 bits, name length in 23, sensitive, class in 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) name_len: usize,
    pub(crate) value_len: usize,
    /// Never to be indexed by header compression.
    pub(crate) sensitive: bool,
    /// A mark of whoever wrote it.
    pub(crate) class: u8,
}

impl Head {
    pub(crate) const NAME_SHIFT: u32 = 32;
    pub(crate) const NAME_MAX: usize = (1 << 23) - 1;
    const SENSITIVE: u64 = 1 << 55;
    /// The same in the four octets behind the length of the value.
    pub(crate) const SENSITIVE_IN_REST: u32 = (Self::SENSITIVE >> 32) as u32;
    const CLASS_SHIFT: u32 = 56;

    /// The word of this head; `None` for a name of more than 8,388,607 octets or a value of more than 4,294,967,295.
    #[inline]
    pub(crate) const fn pack(self) -> Option<u64> {
        if self.name_len > Self::NAME_MAX || self.value_len as u64 > u32::MAX as u64 {
            return None;
        }
        let sensitive = if self.sensitive { Self::SENSITIVE } else { 0 };
        let lengths = self.value_len as u64 | (self.name_len as u64) << Self::NAME_SHIFT;
        Some(lengths | sensitive | (self.class as u64) << Self::CLASS_SHIFT)
    }

    #[inline]
    pub(crate) const fn unpack(word: u64) -> Self {
        Self {
            name_len: (word >> Self::NAME_SHIFT) as usize & Self::NAME_MAX,
            value_len: word as u32 as usize,
            sensitive: word & Self::SENSITIVE != 0,
            class: (word >> Self::CLASS_SHIFT) as u8,
        }
    }
}

/// The parts of a record.
#[derive(Clone, Copy)]
pub(crate) struct Record<'a> {
    pub(crate) head: Head,
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// The first record of `bytes` and what follows it; `None` at the end.
#[inline]
pub(crate) fn split(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_LEN>()?;
    let head = Head::unpack(u64::from_le_bytes(*head));
    // One look at the bounds: the name is no longer than both.
    let (both, rest) = rest.split_at_checked(head.name_len + head.value_len)?;
    let (name, value) = both.split_at_checked(head.name_len)?;
    Some((Record { head, name, value }, rest))
}
