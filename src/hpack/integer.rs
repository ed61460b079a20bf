//! Integers with a prefix (RFC 7541 §5.1).

use alloc::vec::Vec;

use super::error::DecodeError;

/// The most octets after the prefix: five carry 35 bits, enough for every 32-bit value. Octets that add nothing
/// count too, or a peer could send them for ever (P-019).
const MAX_CONTINUATION: u32 = 5;

/// Takes an integer with a prefix of `prefix_bits` (1 to 8) off the front of `input`; the bits above the prefix are
/// ignored.
///
/// Over-long forms are legal (P-022) as long as they stay within five continuation octets.
#[inline]
pub(super) fn decode(input: &mut &[u8], prefix_bits: u32) -> Result<u32, DecodeError> {
    let (&first, rest) = input.split_first().ok_or(DecodeError::TruncatedInteger)?;
    let mask = mask(prefix_bits);
    let prefix = first & mask;
    let (value, rest) = if prefix < mask { (u32::from(prefix), rest) } else { decode_continuation(rest, mask)? };
    *input = rest;
    Ok(value)
}

/// The octets after a prefix that is all ones; returns what follows too.
#[expect(clippy::arithmetic_side_effects, reason = "255 and 35 bits fit into 64")]
fn decode_continuation(mut rest: &[u8], prefix: u8) -> Result<(u32, &[u8]), DecodeError> {
    let mut value = u64::from(prefix);
    for group in 0..MAX_CONTINUATION {
        let (&octet, tail) = rest.split_first().ok_or(DecodeError::TruncatedInteger)?;
        rest = tail;
        // 255 + 35 bits: a u64 cannot overflow.
        value += u64::from(octet & 0x7f) << (7 * group);
        if octet & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| DecodeError::IntegerOverflow)?;
            return Ok((value, rest));
        }
    }
    Err(DecodeError::IntegerOverflow)
}

/// Writes `value` with a prefix of `prefix_bits` (1 to 8), the bits above the prefix taken from `pattern`.
#[inline]
pub(super) fn encode(value: usize, prefix_bits: u32, pattern: u8, out: &mut Vec<u8>) {
    let mask = mask(prefix_bits);
    if value < usize::from(mask) {
        out.push(pattern | value as u8);
    } else {
        out.push(pattern | mask);
        encode_continuation(value.wrapping_sub(usize::from(mask)), out);
    }
}

/// The octets after a prefix that is all ones.
fn encode_continuation(mut rest: usize, out: &mut Vec<u8>) {
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[expect(clippy::arithmetic_side_effects, reason = "1 to 8 bits")]
const fn mask(prefix_bits: u32) -> u8 {
    0xff >> (8 - prefix_bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: usize, prefix_bits: u32) -> Vec<u8> {
        let mut out = Vec::new();
        encode(value, prefix_bits, 0, &mut out);
        out
    }

    fn decoded(mut input: &[u8], prefix_bits: u32) -> Result<(u32, usize), DecodeError> {
        let len = input.len();
        decode(&mut input, prefix_bits).map(|value| (value, len - input.len()))
    }

    /// P-021: RFC 7541 §C.1.
    #[test]
    fn the_examples_of_the_rfc() {
        assert_eq!(encoded(10, 5), [0x0a]);
        assert_eq!(encoded(1337, 5), [0x1f, 0x9a, 0x0a]);
        assert_eq!(encoded(42, 8), [0x2a]);
        assert_eq!(decoded(&[0xea], 5), Ok((10, 1)));
        assert_eq!(decoded(&[0xff, 0x9a, 0x0a], 5), Ok((1337, 3)));
        assert_eq!(decoded(&[0x2a], 8), Ok((42, 1)));
    }

    /// P-018: every prefix, at every value where the length of the encoding changes.
    #[test]
    fn boundary_values_round_trip_and_every_cut_is_truncated() {
        for prefix_bits in 1..=8 {
            let mask = u64::from(mask(prefix_bits));
            let edges = (0..5).map(|group| mask + (1 << (7 * group)));
            for edge in edges.chain([0, 1, mask, 1 << 16, 1 << 31, u64::from(u32::MAX)]) {
                for value in [edge.saturating_sub(1), edge, edge + 1] {
                    let Ok(value) = u32::try_from(value) else { continue };
                    let bytes = encoded(value as usize, prefix_bits);
                    assert_eq!(decoded(&bytes, prefix_bits), Ok((value, bytes.len())));
                    for cut in 0..bytes.len() {
                        assert_eq!(decoded(&bytes[..cut], prefix_bits), Err(DecodeError::TruncatedInteger));
                    }
                }
            }
        }
    }

    /// P-019: both sides of 2^32 - 1, and of five continuation octets.
    #[test]
    fn overflow_is_refused() {
        for prefix_bits in 1..=8 {
            // 2^32: the prefix, and what it lacks, by hand, since 32-bit code cannot count to it.
            let mask = (1u64 << prefix_bits) - 1;
            let mut rest = (1 << 32) - mask;
            let mut over = std::vec![mask as u8];
            while rest >= 0x80 {
                over.push(rest as u8 | 0x80);
                rest >>= 7;
            }
            over.push(rest as u8);
            assert_eq!(decoded(&over, prefix_bits), Err(DecodeError::IntegerOverflow));
            over.pop();
            over.extend([0xff, 0x00]);
            assert_eq!(decoded(&over, prefix_bits), Err(DecodeError::IntegerOverflow));
        }
        assert_eq!(decoded(&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x00], 5), Ok((31, 6)));
        assert_eq!(decoded(&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 5), Err(DecodeError::IntegerOverflow));
    }

    /// All inputs of up to three octets agree with a reading of §5.1 in wide arithmetic.
    #[test]
    fn short_inputs_exhaustively() {
        for bits in 0..1u32 << 16 {
            for input in [&[0x1f, bits as u8, (bits >> 8) as u8][..], &[bits as u8, (bits >> 8) as u8]] {
                let expected = match input {
                    [a, ..] if a & 0x1f < 0x1f => Ok((u32::from(a & 0x1f), 1)),
                    [_, b, ..] if b & 0x80 == 0 => Ok((31 + u32::from(*b), 2)),
                    [_, b, c] if c & 0x80 == 0 => Ok((31 + u32::from(b & 0x7f) + (u32::from(*c) << 7), 3)),
                    _ => Err(DecodeError::TruncatedInteger),
                };
                assert_eq!(decoded(input, 5), expected, "{input:02x?}");
            }
        }
    }

    /// P-022.
    #[test]
    fn over_long_forms_are_legal() {
        assert_eq!(decoded(&[0x1f, 0x80, 0x00], 5), Ok((31, 3)));
    }
}
