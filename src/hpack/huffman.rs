//! The Huffman code of strings (RFC 7541 §5.2).

mod table;

use alloc::vec::Vec;

use super::error::DecodeError;
use table::{CODES, EOS, LENGTH_BITS, LONG, LONGEST_CODE, SORTED, WINDOW_BITS, WINDOWS, Window};

/// Octets that `bytes` take when encoded.
#[expect(clippy::indexing_slicing, reason = "256 entries, one for each octet")]
pub(super) fn encoded_len(bytes: &[u8]) -> usize {
    let bits: u64 = bytes.iter().map(|&octet| CODES[usize::from(octet)] & LENGTH_MASK).sum();
    bits.div_ceil(8) as usize
}

const LENGTH_MASK: u64 = (1 << LENGTH_BITS) - 1;

/// Adds the code of `bytes` to `out`, padded with ones (P-029).
#[expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "256 entries, one for each octet; 31 bits and 30 fit into 64"
)]
pub(super) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    // The lower `pending` bits of `bits` wait for their octets; bits above them are stale.
    let (mut bits, mut pending) = (0u64, 0u32);
    for &octet in bytes {
        let code = CODES[usize::from(octet)];
        let length = (code & LENGTH_MASK) as u32;
        bits = bits << length | code >> LENGTH_BITS;
        pending += length;
        // 31 bits may stay and a code has 30 at most, so 64 always suffice.
        if pending >= 32 {
            pending -= 32;
            out.extend_from_slice(&((bits >> pending) as u32).to_be_bytes());
        }
    }
    // RFC 7541 §5.2: the rest of the last octet is filled from EOS, which starts with ones.
    let padding = pending.wrapping_neg() % 8;
    bits = bits << padding | ((1 << padding) - 1);
    let octets = (pending + padding) / 8;
    let rest = bits.checked_shl(64 - 8 * octets).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(rest.get(..octets as usize).unwrap_or_default());
}

/// Octets that the decoder writes at a time.
const STORE: usize = size_of::<u64>();

/// The least octets that `input` can stand for: all codes as long as the longest.
#[expect(clippy::arithmetic_side_effects, reason = "a length in memory, in 64 bits")]
pub(super) fn min_decoded_len(input: &[u8]) -> u64 {
    input.len() as u64 * 8 / u64::from(LONGEST_CODE)
}

/// Adds the octets that `input` stands for to `out`.
///
/// The work is linear: a look into the window takes at least 5 bits, a long code at least 13 (P-030). The output is at
/// most 8/5 of the input, and room for it is taken from the input's true length. On an error `out` holds a part.
#[expect(clippy::arithmetic_side_effects, reason = "at most eight symbols a round")]
pub(super) fn decode(input: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    out.reserve(input.len().saturating_mul(8) / 5 + STORE);
    let mut bits = Bits { word: 0, len: 0 };
    let mut rest = input;
    while let Some(chunk) = rest.first_chunk::<8>() {
        rest = rest.get(bits.refill(*chunk)..).unwrap_or_default();
        // A refill leaves at least 56 bits, enough for four windows; a window that starts with a long code shows no
        // symbol and takes no bits, so looking on is harmless.
        let (mut symbols, mut count) = (0, 0);
        for _ in 0..4 {
            let window = bits.window();
            symbols |= window.symbols() << (8 * count);
            count += window.count();
            bits.skip(window.total_len());
        }
        // One store of a fixed length, cut to what was found, is cheaper than a copy of a varying length.
        let end = out.len() + count as usize;
        out.extend_from_slice(&symbols.to_le_bytes());
        out.truncate(end);
        if bits.len >= LONGEST_CODE && bits.window().count() == 0 {
            let (symbol, length) = bits.long_code().ok_or(DecodeError::HuffmanPadding)?;
            out.push(u8::try_from(symbol).map_err(|_| DecodeError::HuffmanEos)?);
            bits.skip(length);
        }
    }
    decode_tail(bits, rest, out)
}

/// The end of a string, where the last code may be cut: at most seven octets after `bits`.
fn decode_tail(mut bits: Bits, mut rest: &[u8], out: &mut Vec<u8>) -> Result<(), DecodeError> {
    loop {
        while let (true, Some((&octet, tail))) = (bits.len <= 56, rest.split_first()) {
            bits.push(octet);
            rest = tail;
        }
        let window = bits.window();
        let (symbols, count, length) = if window.count() == 0 {
            let Some((symbol, length)) = bits.long_code() else { return Err(DecodeError::HuffmanPadding) };
            if symbol == EOS && length <= bits.len {
                return Err(DecodeError::HuffmanEos);
            }
            (u64::from(symbol), 1, length)
        } else if window.total_len() <= bits.len {
            (window.symbols(), window.count(), window.total_len())
        } else {
            (window.symbols(), 1, window.first_len())
        };
        if length > bits.len {
            return if bits.is_padding() { Ok(()) } else { Err(DecodeError::HuffmanPadding) };
        }
        out.push(symbols as u8);
        if count == 2 {
            out.push((symbols >> 8) as u8);
        }
        bits.skip(length);
    }
}

/// Bits not decoded yet, from the top of a word.
#[derive(Clone, Copy)]
struct Bits {
    /// Below the `len` upper bits come further bits of the input, or zeros where there are none.
    word: u64,
    /// The bits accounted for.
    len: u32,
}

impl Bits {
    /// Fills up from the next octets of the input; returns how many of them are used up. At least 56 bits are there
    /// afterwards. The octets in part below `len` are read again next time, to the same place.
    #[expect(clippy::arithmetic_side_effects, reason = "fewer than 64 bits are there")]
    fn refill(&mut self, chunk: [u8; 8]) -> usize {
        self.word |= u64::from_be_bytes(chunk) >> self.len;
        let octets = (63 - self.len) / 8;
        self.len += octets * 8;
        octets as usize
    }

    /// Adds one octet; at most 56 bits may be there.
    #[expect(clippy::arithmetic_side_effects, reason = "at most 56 bits are there")]
    fn push(&mut self, octet: u8) {
        self.word |= u64::from(octet) << (56 - self.len);
        self.len += 8;
    }

    #[expect(clippy::indexing_slicing, reason = "an entry for each value of 12 bits")]
    fn window(self) -> Window {
        WINDOWS[(self.word >> (64 - WINDOW_BITS)) as usize]
    }

    /// The symbol of a code longer than the window, and its length. The length may be more than there is.
    ///
    /// Counting the lengths that come no later in code order takes no branch, so no input is slow (P-030, T-37).
    #[expect(clippy::arithmetic_side_effects, reason = "the class is the last whose first code is not above")]
    fn long_code(self) -> Option<(u16, u32)> {
        let head = (self.word >> 32) as u32;
        let class = LONG.get(LONG.iter().filter(|class| class.first <= head).count().checked_sub(1)?)?;
        let offset = (head - class.first) >> (32 - class.length);
        Some((*SORTED.get(class.place + offset as usize)?, class.length))
    }

    #[expect(clippy::arithmetic_side_effects, reason = "as many as were looked at")]
    fn skip(&mut self, count: u32) {
        self.word <<= count;
        self.len -= count;
    }

    /// RFC 7541 §5.2: what is left must be less than 8 bits (P-025), all ones (P-026).
    fn is_padding(self) -> bool {
        self.len < 8 && (self.word | u64::MAX >> self.len) == u64::MAX
    }
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
            if let Some(symbol) = CODES.iter().position(|&word| word == code << LENGTH_BITS | length) {
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
        let mut out = Vec::new();
        encode(bytes, &mut out);
        assert_eq!(out.len(), encoded_len(bytes));
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
