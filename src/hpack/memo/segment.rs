//! The parts of a pattern.

use crate::hpack::block::Head;

/// A part of a pattern: a run of indexed fields, which may be empty, and a literal with the name of an entry, which stays
/// out of the table.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::hpack) struct Segment {
    /// The fields of the run, and their octets on the wire.
    pub(in crate::hpack) count: u8,
    pub(super) octets: u8,
    /// The index of the literal's name; 0 where the block ends with the run, or goes on in a way that is not known.
    pub(in crate::hpack) name: u8,
    /// Whether the literal is never indexed.
    pub(super) sensitive: bool,
    /// The literal's octets before its string, as a little-endian word, how many these are, and the bits of the word that
    /// are none of them.
    pub(super) prefix: u32,
    pub(super) prefix_len: u8,
    pub(super) spare_bits: u8,
    /// What a side keeps beside the literal.
    pub(in crate::hpack) place: u8,
    /// Octets of the run's records.
    pub(super) run: u16,
    /// Octets of the literal's record before its value.
    pub(super) literal: u16,
}

/// What is left of a pattern.
#[derive(Clone, Copy)]
pub(in crate::hpack) struct Rest<'p> {
    pub(super) segments: &'p [Segment],
    pub(super) records: &'p [u8],
    pub(super) octets: &'p [u8],
}

/// A segment, read.
#[derive(Clone, Copy)]
pub(in crate::hpack) struct Part<'p> {
    pub(in crate::hpack) segment: &'p Segment,
    /// The run in both forms.
    pub(in crate::hpack) octets: &'p [u8],
    pub(in crate::hpack) records: &'p [u8],
    /// The run's records and what is known of the literal's.
    pub(in crate::hpack) both: &'p [u8],
    /// The literal's record before its value.
    pub(in crate::hpack) literal: &'p [u8],
}

impl Segment {
    /// Gives the literal's name an index (RFC 7541 §6.2.2, §6.2.3). One that takes three octets gets a prefix that no two
    /// octets are.
    pub(super) fn set_name(&mut self, index: u8) {
        let pattern = if self.sensitive { 0x10 } else { 0 };
        self.name = index;
        (self.prefix, self.prefix_len, self.spare_bits) = match index {
            ..0x0f => (u32::from(pattern | index), 1, 24),
            0x0f..0x8f => (u32::from_le_bytes([pattern | 0x0f, index.wrapping_sub(0x0f), 0, 0]), 2, 16),
            _ => (1 << 16, 3, 8),
        };
    }

    /// The literal's octets before its string, and how many these are. `None` for three, which are not kept.
    #[inline(always)]
    pub(in crate::hpack) fn prefix(&self) -> Option<(u32, usize)> {
        if self.prefix_len < 3 { Some((self.prefix, usize::from(self.prefix_len))) } else { None }
    }

    /// What follows the beginning of the literal, of which there is one, if a block goes on with it.
    #[inline(always)]
    pub(in crate::hpack) fn strip_prefix<'i>(&self, input: &'i [u8]) -> Option<&'i [u8]> {
        let word = u32::from(u16::from_le_bytes(*input.first_chunk()?));
        let unlike = (word ^ self.prefix).wrapping_shl(u32::from(self.spare_bits));
        if unlike == 0 { input.get(usize::from(self.prefix_len)..) } else { None }
    }
}

impl Part<'_> {
    /// The head of the literal, whose value has no octets.
    #[inline(always)]
    pub(in crate::hpack) fn head(&self) -> Option<Head> {
        Some(Head::unpack(u64::from_le_bytes(*self.literal.first_chunk()?)))
    }
}

impl Rest<'_> {
    /// Whether no segment is left.
    #[inline(always)]
    pub(in crate::hpack) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }
}

impl<'p> Iterator for Rest<'p> {
    type Item = Part<'p>;

    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "two lengths of 16 bits")]
    fn next(&mut self) -> Option<Part<'p>> {
        let (segment, segments) = self.segments.split_first()?;
        let run = usize::from(segment.run);
        let (both, records) = self.records.split_at_checked(run + usize::from(segment.literal))?;
        let (run, literal) = both.split_at_checked(run)?;
        let (octets, others) = self.octets.split_at_checked(usize::from(segment.octets))?;
        *self = Self { segments, records, octets: others };
        Some(Part { segment, octets, records: run, both, literal })
    }
}
