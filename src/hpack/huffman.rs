//! The Huffman code of strings (RFC 7541 §5.2).

mod table;

use alloc::vec::Vec;
use core::slice;

use super::error::DecodeError;
use table::{CODES, LENGTHS, LONG, LONGEST_CODE, SORTED, WINDOW_BITS, WINDOWS, Window};

/// Octets beyond the code that [`encode`] needs room for, as it writes whole words.
pub(super) const SLACK: usize = size_of::<u64>();

/// Writes the code of `bytes`, padded with ones (P-029), to the start of `out`; returns its length. `None`, with
/// anything written, where the code is longer than `limit`, beyond which `out` has [`SLACK`] octets: whoever wants a
/// code no longer than that pays for nothing more.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "at most 64 bits are pending, and 7 bits round them up")]
pub(super) fn encode(bytes: &[u8], limit: usize, out: &mut [u8]) -> Option<usize> {
    let (mut packed, mut place) = (Packed { bits: 0, pending: 0 }, 0);
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        // Mostly the codes of eight octets fit into a word; where they do not, they are packed one by one.
        (packed, place) = match packed.with(eight) {
            Some(all) => all.flush(place, limit, out)?,
            None => packed.one_by_one(eight, place, limit, out)?,
        };
    }
    if !rest.is_empty() {
        (packed, place) = match packed.with(rest) {
            Some(all) => all.flush(place, limit, out)?,
            None => packed.one_by_one(rest, place, limit, out)?,
        };
    }
    // RFC 7541 §5.2: the rest of the last octet is filled from EOS, which starts with ones.
    let padding = packed.pending.wrapping_neg() % 8;
    packed = Packed { bits: packed.bits << padding | ((1 << padding) - 1), pending: packed.pending + padding };
    let (_, len) = packed.flush(place, limit, out)?;
    (len <= limit).then_some(len)
}

/// Codes packed into a word.
#[derive(Clone, Copy)]
struct Packed {
    /// The lower `pending` bits wait for their octets; bits above them are stale.
    bits: u64,
    /// At most 64.
    pending: u32,
}

impl Packed {
    /// With the codes of a few octets behind; `None` where the word has no room for them.
    #[inline(always)]
    #[expect(
        clippy::arithmetic_side_effects,
        clippy::indexing_slicing,
        reason = "256 entries, one for each octet; the lengths of a few codes"
    )]
    fn with(self, octets: &[u8]) -> Option<Self> {
        let Self { mut bits, mut pending } = self;
        for &octet in octets {
            let length = u32::from(LENGTHS[usize::from(octet)]);
            bits = bits << (length & 63) | CODES[usize::from(octet)];
            pending += length;
        }
        (pending <= 64).then_some(Self { bits, pending })
    }

    /// As [`with`](Self::with), for codes of any length; what is written leaves seven bits at most.
    #[cold]
    fn one_by_one(mut self, octets: &[u8], mut place: usize, limit: usize, out: &mut [u8]) -> Option<(Self, usize)> {
        for octet in octets {
            // Seven bits and a code of 30 fit.
            (self, place) = self.with(slice::from_ref(octet))?.flush(place, limit, out)?;
        }
        Some((self, place))
    }

    /// Writes all whole octets, which leaves seven bits at most.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "at most 64 bits are pending, and places lie in memory")]
    fn flush(self, place: usize, limit: usize, out: &mut [u8]) -> Option<(Self, usize)> {
        if place > limit {
            return None;
        }
        // No bits at all move by nothing: what is written then will be written over.
        let word = self.bits << (self.pending.wrapping_neg() % 64);
        out.get_mut(place..place + SLACK)?.copy_from_slice(&word.to_be_bytes());
        Some((Self { bits: self.bits, pending: self.pending % 8 }, place + (self.pending / 8) as usize))
    }
}

/// Octets that the decoder writes at a time.
const STORE: usize = size_of::<u64>();

/// Octets of a code that is short, as most are.
const SHORT_CODE: usize = 30;

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
#[expect(
    clippy::arithmetic_side_effects,
    reason = "places in the input, in bits of it, and in the output, all in memory"
)]
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    let start = out.len();
    if input.len() <= SHORT_CODE {
        // Of a fixed length, which is cheaper than the right one.
        out.extend_from_slice(&[0; most_decoded(SHORT_CODE)]);
    } else {
        out.resize(start + most_decoded(input.len()), 0);
    }
    let room = out.get_mut(start..).unwrap_or_default();
    // Places in bits: that those in octets are no more than an eighth of a number spares half of the look at bounds.
    let (mut bit, mut written) = (0u64, 0u64);
    let end = input.len() as u64 * 8;
    loop {
        let mut bits = load(input, bit);
        let (mut symbols, mut sum) = (0, Window::NOTHING);
        let mut window = Window::NOTHING;
        for _ in 0..4 {
            bits <<= window.length() & 63;
            window = look(bits);
            symbols |= window.symbols() << (sum.octet_bits() & 63);
            sum = sum.plus(window);
        }
        // One store of a fixed length, cut to what was found, is cheaper than a copy of a varying length.
        let place = (written / 8) as usize;
        let Some(store) = room.get_mut(place..place + STORE) else { break };
        store.copy_from_slice(&symbols.to_le_bytes());
        written += u64::from(sum.octet_bits());
        bit += u64::from(sum.length());
        // A window that starts with a long code shows no symbol and takes no bits, so looking on was harmless.
        if window.is_long() {
            let left = end.saturating_sub(bit);
            // RFC 7541 §5.2: what is left, if anything, must be less than 8 bits (P-025), all ones (P-026). Mostly they
            // are still at hand.
            let ones = |bits: u64| bits | u64::MAX >> left == u64::MAX;
            if left < 8 && ones(bits) {
                break;
            }
            let bits = load(input, bit);
            if left < 8 && ones(bits) {
                break;
            }
            let (symbol, length) = long_code((bits >> 32) as u32).ok_or(DecodeError::HuffmanPadding)?;
            bit += u64::from(length);
            if bit > end {
                return Err(DecodeError::HuffmanPadding);
            }
            let octet = u8::try_from(symbol).map_err(|_| DecodeError::HuffmanEos)?;
            let Some(store) = room.get_mut((written / 8) as usize) else { break };
            *store = octet;
            written += 8;
        }
    }
    // What follows the last octet reads as ones, with which no code ends but long ones.
    if bit > end {
        return Err(DecodeError::HuffmanPadding);
    }
    out.truncate(start + (written / 8) as usize);
    Ok(())
}

/// The bits of `input` from a place on, at least 57 of them: four windows, or a long code. Ones follow the last octet.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "an eighth of the range of an integer, and seven bits at most")]
fn load(input: &[u8], bit: u64) -> u64 {
    let from = (bit / 8) as usize;
    // One comparison, where `first_chunk` of what follows would take two.
    let word = match input.get(from..from + 8).map(<[u8; 8]>::try_from) {
        Some(Ok(chunk)) => u64::from_be_bytes(chunk),
        _ => load_end(input, from),
    };
    word << (bit % 8)
}

/// The word of the last octets of `input`, fewer than eight.
#[cold]
#[inline(never)]
#[expect(clippy::arithmetic_side_effects, reason = "fewer than eight octets")]
fn load_end(input: &[u8], from: usize) -> u64 {
    let rest = input.get(from..).unwrap_or_default();
    let missing = 64 - 8 * rest.len() as u32;
    let word = match (input.last_chunk::<8>(), rest.first_chunk::<4>(), rest.last_chunk::<4>()) {
        (Some(chunk), ..) => u64::from_be_bytes(*chunk),
        // Both halves hold the octets in the middle.
        (None, Some(first), Some(last)) => {
            u64::from(u32::from_be_bytes(*first)) << (32 - missing) | u64::from(u32::from_be_bytes(*last))
        }
        _ => rest.iter().fold(0, |word, &octet| word << 8 | u64::from(octet)),
    };
    !(!word).checked_shl(missing).unwrap_or(0)
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
        assert_eq!(encode(bytes, len, &mut out), Some(len));
        // Both sides of the limit.
        assert!(len == 0 || encode(bytes, len - 1, &mut out.clone()).is_none());
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
