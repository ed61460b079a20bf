//! Values of `-bin` keys: base64 on the wire (G-108 to G-111).

use alloc::vec::Vec;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// How the name of a key ends whose values are binary (G-108).
pub const SUFFIX: &str = "-bin";

/// Sends without padding, takes both, and tolerates bits that are left over (G-108, G-109).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The value of a `-bin` field is not base64 (G-111).
///
/// It belongs to that one value: the call and the connection go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the value of a -bin field is not base64")]
pub struct InvalidBinary;

/// Whether the values of that key are binary.
pub const fn is_binary(name: &[u8]) -> bool {
    matches!(name, [.., b'-', b'b', b'i', b'n'])
}

/// How many octets [`encode_into`] appends for a value of `len` octets.
#[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
pub const fn encoded_len(len: usize) -> usize {
    let rest = match len % 3 {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    len / 3 * 4 + rest
}

/// Appends the base64 form of `value`, without padding (G-108).
///
/// ```
/// let mut out = Vec::new();
/// grpc_sansio::grpc::binary::encode_into(b"\x00\xff", &mut out);
/// assert_eq!(out, b"AP8");
/// ```
#[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
pub fn encode_into(value: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + encoded_len(value.len()), 0);
    if let Some(target) = out.get_mut(start..) {
        // The length is exact, so this cannot fail; if it did, the value would be garbage and nothing worse.
        let written = BASE64.encode_slice(value, target);
        debug_assert_eq!(written.ok(), Some(encoded_len(value.len())));
    }
}

/// Decodes one base64 value, padded or not (G-109).
///
/// # Errors
///
/// [`InvalidBinary`] for a character outside the standard alphabet, whitespace included, and for a length that no
/// value has.
///
/// ```
/// use grpc_sansio::grpc::binary::decode;
///
/// assert_eq!(decode(b"AQ"), decode(b"AQ=="));
/// assert!(decode(b"A Q").is_err());
/// ```
pub fn decode(value: &[u8]) -> Result<Vec<u8>, InvalidBinary> {
    BASE64.decode(value).map_err(|_| InvalidBinary)
}

/// The values of one `-bin` field, which may be joined by commas (G-110).
///
/// Spaces around an element are trimmed and an empty element is an empty value, so there is always at least one.
///
/// ```
/// let values: Vec<_> = grpc_sansio::grpc::binary::values(b"AQ, Ag==,").collect();
/// assert_eq!(values, [Ok(vec![1]), Ok(vec![2]), Ok(vec![])]);
/// ```
pub const fn values(field: &[u8]) -> Values<'_> {
    Values { rest: Some(field) }
}

/// Iterator over the decoded values of one `-bin` field; see [`values`].
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: Option<&'a [u8]>,
}

impl Values<'_> {
    /// An iterator over nothing.
    pub(super) const fn none() -> Self {
        Self { rest: None }
    }
}

impl Iterator for Values<'_> {
    type Item = Result<Vec<u8>, InvalidBinary>;

    #[expect(clippy::arithmetic_side_effects, reason = "a place in a slice, and 1")]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let element = match rest.iter().position(|&octet| octet == b',') {
            Some(comma) => {
                self.rest = rest.get(comma + 1..);
                rest.get(..comma)?
            }
            None => {
                self.rest = None;
                rest
            }
        };
        Some(decode(element.trim_ascii()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_len_is_the_length_of_the_encoding() {
        for len in 0..20 {
            let mut out = Vec::new();
            encode_into(&std::vec![7; len], &mut out);
            assert_eq!(out.len(), encoded_len(len));
        }
    }

    #[test]
    fn refuses_what_is_not_standard_base64() {
        for bad in [&b"A"[..], b"A_-B", b"AQ\n", b"A Q", b"A=Q=", b"AQ===", b"=", b"!!!", b"\xff\xff"] {
            assert_eq!(decode(bad), Err(InvalidBinary), "{bad:?}");
        }
        assert_eq!(decode(b"AR"), Ok(std::vec![1]), "left-over bits are tolerated");
    }
}
