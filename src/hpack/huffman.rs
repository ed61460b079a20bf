//! The Huffman code of strings (RFC 7541 §5.2).

mod table;

use alloc::vec::Vec;
use core::slice;

use super::error::DecodeError;
use table::{ENCODING, Encoding, LONG, LONGEST_CODE, SORTED, WINDOW_BITS, WINDOWS, Window};

/// Octets beyond the code that [`encode`] needs room for, as it writes whole words.
pub(super) const SLACK: usize = size_of::<u64>();

/// Writes the code of `bytes`, padded with ones (P-029), to the start of `out`; returns its length. `None`, with
/// anything written, where `out` has not room for it and [`SLACK`] octets more: whoever wants a code no longer than that
/// pays for nothing more.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "places in memory")]
pub(super) fn encode(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let room = out.len();
    let mut store = |place, word: [u8; SLACK]| {
        out.get_mut(place..place + SLACK)?.copy_from_slice(&word);
        Some(())
    };
    let len = encode_into(bytes, 0, |packed, all, octets, place| {
        if all.fits() { all.flush(place, &mut store) } else { packed.one_by_one(octets, place, &mut store) }
    })?;
    (len + SLACK <= room).then_some(len)
}

/// Octets of a buffer for [`encode_short`]: places below [`SHORT_END`], and a word.
pub(super) const SHORT_ROOM: usize = SHORT_END + SLACK;

/// A power of two.
pub(super) const SHORT_END: usize = 64;

/// As [`encode`], into `out` from `place` on; returns where the code ends. If that is beyond [`SHORT_END`], what was
/// written means nothing: so no place has to be looked at before.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a word from below `SHORT_END` on")]
pub(super) fn encode_short(bytes: &[u8], place: usize, out: &mut [u8; SHORT_ROOM]) -> usize {
    let mut store = |place, word: [u8; SLACK]| {
        let within = place % SHORT_END;
        out[within..within + SLACK].copy_from_slice(&word);
        Some(())
    };
    let end = encode_into(bytes, place, |packed, all, octets, place| {
        // Stored before it is looked at: or the compiler would put off the packing, and keep all that it takes in memory.
        let flushed = all.flush(place, &mut store)?;
        if all.fits() { Some(flushed) } else { packed.one_by_one(octets, place, &mut store) }
    });
    end.unwrap_or(usize::MAX)
}

/// Has up to eight octets at a time put at a place: `put` gets what is pending, the same with their codes behind, and the
/// octets. Returns where the code ends; `None` where `put` says so.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "places in memory")]
fn encode_into(
    bytes: &[u8],
    mut place: usize,
    mut put: impl FnMut(Packed, Packed, &[u8], usize) -> Option<(Packed, usize)>,
) -> Option<usize> {
    let mut packed = Packed { inverse: 0, pending: 0 };
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        (packed, place) = put(packed, packed.with(eight), eight, place)?;
    }
    if !rest.is_empty() {
        (packed, place) = put(packed, packed.with_few(rest), rest, place)?;
    }
    // What is still pending was written, and padded.
    Some(place + usize::from(packed.pending > 0))
}

/// Codes packed into a word.
#[derive(Clone, Copy)]
struct Packed {
    /// Each bit inverted, so that zeros stand behind them: the lower `pending` bits wait for their octets; bits above them
    /// are stale.
    inverse: u64,
    /// At most 64.
    pending: u32,
}

impl Packed {
    /// Whether the codes have room in the word, as those of eight octets mostly have.
    const fn fits(self) -> bool {
        self.pending <= 64
    }

    /// Codes of any length behind, of which seven bits at most are left to be stored.
    #[cold]
    #[inline(never)]
    fn one_by_one(
        mut self,
        octets: &[u8],
        mut place: usize,
        store: &mut impl FnMut(usize, [u8; SLACK]) -> Option<()>,
    ) -> Option<(Self, usize)> {
        for octet in octets {
            // Seven bits and a code of 30 fit.
            (self, place) = self.with(slice::from_ref(octet)).flush(place, store)?;
        }
        Some((self, place))
    }

    /// With the codes of a few octets behind, which the word may have no room for.
    #[inline(always)]
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "256 entries, one for each octet; the lengths of a few codes"
    )]
    fn with(self, octets: &[u8]) -> Self {
        let Self { mut inverse, mut pending } = self;
        let Encoding { inverse: codes, lengths, summands } = &ENCODING;
        for &octet in octets {
            let at = usize::from(octet);
            inverse = inverse << (lengths[at] & 63) | codes[at];
            pending += summands[at];
        }
        Self { inverse, pending }
    }

    /// As [`with`](Self::with), for seven octets at most, which take no loop.
    #[inline(always)]
    fn with_few(mut self, mut octets: &[u8]) -> Self {
        if let Some((four, rest)) = octets.split_first_chunk::<4>() {
            (self, octets) = (self.with(four), rest);
        }
        if let Some((two, rest)) = octets.split_first_chunk::<2>() {
            (self, octets) = (self.with(two), rest);
        }
        match octets {
            [one, ..] => self.with(slice::from_ref(one)),
            [] => self,
        }
    }

    /// Stores all whole octets, which leaves seven bits at most, and these as the last octet of a code: RFC 7541 §5.2 fills
    /// it from EOS, which starts with ones.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "the lengths of a few codes, and places in memory")]
    fn flush(self, place: usize, store: &mut impl FnMut(usize, [u8; SLACK]) -> Option<()>) -> Option<(Self, usize)> {
        // No bits at all move by nothing: what is written then will be written over.
        store(place, (!(self.inverse << (self.pending.wrapping_neg() % 64))).to_be_bytes())?;
        Some((Self { pending: self.pending % 8, ..self }, place + (self.pending / 8) as usize))
    }
}

/// Octets that the decoder writes at a time.
const STORE: usize = size_of::<u64>();

/// Octets of a code that is short, as most are.
const SHORT_CODE: usize = 30;

/// Octets that those can stand for, and more: a power of two.
const SHORT_DECODED: usize = 64;

/// Room for what so many octets of code can stand for, all of it being written by whole words.
#[expect(clippy::arithmetic_side_effects, reason = "the length of octets in memory")]
const fn most_decoded(len: usize) -> usize {
    len / 5 * 8 + 2 * STORE
}

/// The least octets that `input` can stand for: all codes as long as the longest.
#[expect(clippy::arithmetic_side_effects, reason = "a length in memory, in 64 bits")]
pub(super) fn min_decoded_len(input: &[u8]) -> u64 {
    input.len() as u64 * 8 / u64::from(LONGEST_CODE)
}

/// Adds the octets that `input` stands for to `out`.
///
/// The work is linear: a look into the window takes at least 5 bits, a long code at least 15 (P-030). The output is at
/// most 8/5 of the input, and room for it is taken from the input's true length. On an error `out` holds a part.
#[expect(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "a word from below `SHORT_DECODED` on")]
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    if input.len() > SHORT_CODE {
        return decode_long(input, out);
    }
    let start = out.len();
    // Of a fixed length, which is cheaper than the right one.
    out.extend_from_slice(&[0; SHORT_DECODED + STORE]);
    let Some(room) = out.last_chunk_mut::<{ SHORT_DECODED + STORE }>() else { return Ok(()) };
    let len = decode_into::<true>(input, |place, symbols| {
        // There are no more than that.
        let place = place % SHORT_DECODED;
        room[place..place + STORE].copy_from_slice(&symbols.to_le_bytes());
        Some(())
    })?;
    out.truncate(start + len);
    Ok(())
}

#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "places in the output, in memory")]
fn decode_long(input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    out.resize(start + most_decoded(input.len()), 0);
    let room = out.get_mut(start..).unwrap_or_default();
    let len = decode_into::<false>(input, |place, symbols| {
        room.get_mut(place..place + STORE)?.copy_from_slice(&symbols.to_le_bytes());
        Some(())
    })?;
    out.truncate(start + len);
    Ok(())
}

/// The same, eight octets at most at a time, to places that `store` is told; returns how many there are.
#[inline(always)]
#[expect(
    clippy::arithmetic_side_effects,
    reason = "places in the input, in bits of it, and in the output, all in memory"
)]
fn decode_into<const SHORT: bool>(
    input: &[u8],
    mut store: impl FnMut(usize, u64) -> Option<()>,
) -> Result<usize, DecodeError> {
    // Places in bits: that those in octets are no more than an eighth of a number spares half of the look at bounds.
    let (mut bit, mut written) = (0u64, 0u64);
    let (end, last) = (input.len() as u64 * 8, if SHORT { last_word(input) } else { 0 });
    loop {
        let (mut bits, is_end) = load::<SHORT>(input, last, bit);
        // Of a long string the end shows as a long code, soon enough.
        if SHORT && is_end && is_padding(bits, end.wrapping_sub(bit)) {
            break;
        }
        let (mut symbols, mut sum) = (0, Window::NOTHING);
        let mut window = Window::NOTHING;
        for _ in 0..4 {
            bits <<= window.length() & 63;
            window = look(bits);
            symbols |= window.symbols() << (sum.octet_bits() & 63);
            sum = sum.plus(window);
        }
        // One store of a fixed length, cut to what was found, is cheaper than a copy of a varying length.
        let Some(()) = store((written / 8) as usize, symbols) else { break };
        written += u64::from(sum.octet_bits());
        bit += u64::from(sum.length());
        // A window that starts with a long code shows no symbol and takes no bits, so looking on was harmless.
        if window.is_long() {
            // Of 57 bits three windows took 42 at most.
            if is_padding(bits, end.saturating_sub(bit)) {
                break;
            }
            let (bits, _) = load::<SHORT>(input, last, bit);
            let (symbol, length) = long_code((bits >> 32) as u32).ok_or(DecodeError::HuffmanPadding)?;
            bit += u64::from(length);
            if bit > end {
                return Err(DecodeError::HuffmanPadding);
            }
            let octet = u8::try_from(symbol).map_err(|_| DecodeError::HuffmanEos)?;
            let Some(()) = store((written / 8) as usize, u64::from(octet)) else { break };
            written += 8;
        }
    }
    // What follows the last octet reads as ones, with which no code ends but long ones.
    if bit > end {
        return Err(DecodeError::HuffmanPadding);
    }
    Ok((written / 8) as usize)
}

/// RFC 7541 §5.2: what is left, if anything, must be less than 8 bits (P-025), all ones (P-026).
#[inline(always)]
const fn is_padding(bits: u64, left: u64) -> bool {
    left < 8 && bits | u64::MAX >> left == u64::MAX
}

/// The bits of `input` from a place on, at least 57 of them: four windows, or a long code. Ones follow the last octet, and
/// whether they do is said too; `last` is [`last_word`] of a short string.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "an eighth of the range of an integer, and seven bits at most")]
fn load<const SHORT: bool>(input: &[u8], last: u64, bit: u64) -> (u64, bool) {
    let from = (bit / 8) as usize;
    // One comparison, where `first_chunk` of what follows would take two.
    let (word, is_end) = match input.get(from..from + 8).map(<[u8; 8]>::try_from) {
        Some(Ok(chunk)) => (u64::from_be_bytes(chunk), false),
        _ if SHORT => (load_end(input, last, from), true),
        _ => (load_cold_end(input, from), true),
    };
    // What moves in from below is not among the 57.
    (word << (bit % 8), is_end)
}

/// The word of the last octets of `input`, fewer than eight.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "fewer than eight octets")]
fn load_end(input: &[u8], last: u64, from: usize) -> u64 {
    let missing = 8 * (from + 8 - input.len()) as u32;
    !(!last).checked_shl(missing).unwrap_or(0)
}

/// As [`load_end`], where it is rarely asked for.
#[cold]
#[inline(never)]
fn load_cold_end(input: &[u8], from: usize) -> u64 {
    load_end(input, last_word(input), from)
}

/// The last octets of `input` as a word, the last one lowest.
#[inline(always)]
fn last_word(input: &[u8]) -> u64 {
    match input.last_chunk::<8>() {
        Some(chunk) => u64::from_be_bytes(*chunk),
        None => input.iter().fold(0, |word, &octet| word << 8 | u64::from(octet)),
    }
}

#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "an entry for each value of the window's bits")]
fn look(bits: u64) -> Window {
    WINDOWS[(bits >> (64 - WINDOW_BITS)) as usize]
}

/// The symbol of a code longer than the window, at the top of `head`, and its length, which may be more than there is.
///
/// Counting the lengths that come no later in code order takes no branch, so no input is slow (P-030, T-37).
#[expect(clippy::arithmetic_side_effects, reason = "the class is the last whose first code is not above")]
fn long_code(head: u32) -> Option<(u16, u32)> {
    let class = LONG.get(LONG.iter().filter(|class| class.first <= head).count().checked_sub(1)?)?;
    let offset = (head - class.first) >> (32 - class.length);
    Some((*SORTED.get(class.place + offset as usize)?, class.length))
}

#[cfg(test)]
mod tests {
    use super::table::{CODES, LENGTHS};
    use super::*;
    use std::vec;

    /// Decodes bit by bit, knowing nothing but the codes.
    fn reference(input: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        let (mut code, mut length) = (0u64, 0);
        for bit in input.iter().flat_map(|octet| (0..8).rev().map(move |shift| octet >> shift & 1)) {
            code = code << 1 | u64::from(bit);
            length += 1;
            let is_it = |symbol: &usize| LENGTHS[*symbol] == length && CODES[*symbol] == code;
            if let Some(symbol) = (0..256).find(is_it) {
                out.push(symbol as u8);
                (code, length) = (0, 0);
            } else if length == 30 {
                return Err(DecodeError::HuffmanEos);
            }
        }
        if length < 8 && code == (1 << length) - 1 { Ok(out) } else { Err(DecodeError::HuffmanPadding) }
    }

    fn decoded(input: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        decode(input, &mut out).map(|()| out)
    }

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let bits: u64 = bytes.iter().map(|&octet| u64::from(LENGTHS[usize::from(octet)])).sum();
        let len = bits.div_ceil(8) as usize;
        let mut out = vec![0; len + SLACK];
        assert_eq!(encode(bytes, &mut out), Some(len));
        // Both sides of the limit.
        assert!(len == 0 || encode(bytes, &mut out.clone()[1..]).is_none());
        for place in 0..4 {
            let mut short = [0; SHORT_ROOM];
            let end = encode_short(bytes, place, &mut short);
            if place + len <= SHORT_END {
                assert_eq!((end, &short[place..end]), (place + len, &out[..len]));
            } else {
                assert!(end > SHORT_END);
            }
        }
        out.truncate(len);
        out
    }

    /// P-025, P-026, T-37: every string of one or two octets, alone and after enough octets to be met in the middle
    /// of the fast loop and at its end.
    #[test]
    fn short_strings_exhaustively() {
        for pair in 0..=u16::MAX {
            let pair = pair.to_be_bytes();
            assert_eq!(decoded(&pair), reference(&pair), "{pair:02x?}");
        }
        for octet in 0..=u8::MAX {
            assert_eq!(decoded(&[octet]), reference(&[octet]), "{octet:02x}");
            for lead in 1..12 {
                let mut input = vec![0x55; lead];
                input.extend([octet, 0xff, octet]);
                assert_eq!(decoded(&input), reference(&input), "{input:02x?}");
            }
        }
    }

    #[test]
    fn every_pair_of_octets_round_trips() {
        for first in 0..=u8::MAX {
            for second in 0..=u8::MAX {
                let bytes = [first, second];
                assert_eq!(decoded(&encoded(&bytes)).as_deref(), Ok(&bytes[..]));
            }
        }
    }

    #[test]
    fn every_long_code_round_trips_at_every_place() {
        for octet in 0..=u8::MAX {
            for lead in 0..20 {
                let mut bytes = vec![b'a'; lead];
                bytes.extend([octet; 9]);
                assert_eq!(decoded(&encoded(&bytes)).as_deref(), Ok(&bytes[..]));
            }
        }
    }

    /// P-025, P-026, P-027, P-028.
    #[test]
    fn the_end_of_a_string() {
        assert_eq!(decoded(&[]), Ok(vec![]));
        assert_eq!(decoded(&[0xff]), Err(DecodeError::HuffmanPadding));
        assert_eq!(decoded(&[0x07]), Ok(vec![b'0']));
        assert_eq!(decoded(&[0x06]), Err(DecodeError::HuffmanPadding));
        assert_eq!(decoded(&[0x07, 0xff]), Err(DecodeError::HuffmanPadding));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfc]), Err(DecodeError::HuffmanEos));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xf3]), Ok(vec![b'\n']));
        assert_eq!(decoded(&[&[0x55; 9][..], &[0xff; 12]].concat()), Err(DecodeError::HuffmanEos));
    }
}
