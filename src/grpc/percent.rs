//! The percent-encoding of `grpc-message` (G-145 to G-149).
#![expect(clippy::arithmetic_side_effects, reason = "places in a string, and three octets for each of its own")]

use alloc::borrow::Cow;
use alloc::vec::Vec;
use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};

/// What must be escaped: controls and `%`, besides everything above 0x7E (G-145).
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// A space that is escaped because it stands at an edge (G-147).
const EDGE_SPACE: &[u8] = b"%20";

/// Appends the encoded form of `message` to `out`; never fails (G-145).
///
/// Octets 0x20-0x24 and 0x26-0x7E stay as they are, everything else becomes `%XX` in upper case. Spaces at either
/// edge become `%20` too, since HTTP/2 forbids them there and they would be lost (G-147).
///
/// ```
/// let mut out = Vec::new();
/// grpc_sansio::grpc::percent::encode_into("50 % \u{2713}", &mut out);
/// assert_eq!(out, b"50 %25 %E2%9C%93");
/// ```
pub fn encode_into(message: &str, out: &mut Vec<u8>) {
    let without_leading = message.trim_start_matches(' ');
    let core = without_leading.trim_end_matches(' ');
    for _ in 0..message.len() - without_leading.len() {
        out.extend_from_slice(EDGE_SPACE);
    }
    for piece in percent_encode(core.as_bytes(), ESCAPED) {
        out.extend_from_slice(piece.as_bytes());
    }
    for _ in 0..without_leading.len() - core.len() {
        out.extend_from_slice(EDGE_SPACE);
    }
}

/// How many octets [`encode_into`] appends for `message`.
pub fn encoded_len(message: &str) -> usize {
    let core = message.trim_matches(' ');
    let edges = message.len() - core.len();
    core.bytes().map(octet_len).sum::<usize>() + edges * EDGE_SPACE.len()
}

/// Decodes a `grpc-message`; never fails (G-148).
///
/// A `%` that two hexadecimal digits do not follow stays as it is, and what is not UTF-8 in the end is replaced by
/// U+FFFD. Borrows where nothing had to be decoded.
///
/// ```
/// use grpc_sansio::grpc::percent::decode;
///
/// assert_eq!(decode(b"50 %25 %e2%9C%93"), "50 % \u{2713}");
/// assert_eq!(decode(b"100%"), "100%");
/// ```
pub fn decode(value: &[u8]) -> Cow<'_, str> {
    percent_decode(value).decode_utf8_lossy()
}

/// The longest start of `message` that ends between two characters and is at most `max` octets long once encoded.
///
/// Spaces at the cut are left out: they would stand at the edge and cost three octets each (G-147, G-149).
///
/// ```
/// use grpc_sansio::grpc::percent::truncate;
///
/// assert_eq!(truncate("ab\u{2713}", 11), "ab\u{2713}");
/// assert_eq!(truncate("ab\u{2713}", 10), "ab");
/// ```
pub fn truncate(message: &str, max: usize) -> &str {
    if encoded_len(message) <= max {
        return message;
    }
    let leading = message.len() - message.trim_start_matches(' ').len();
    let mut length = 0usize;
    let mut end = 0;
    for (at, character) in message.char_indices() {
        let next = at + character.len_utf8();
        length += if at < leading {
            EDGE_SPACE.len()
        } else {
            message.as_bytes().iter().take(next).skip(at).copied().map(octet_len).sum()
        };
        if length > max {
            break;
        }
        if character != ' ' {
            end = next;
        }
    }
    message.get(..end).unwrap_or_default()
}

const fn octet_len(octet: u8) -> usize {
    match octet {
        b'%' => 3,
        0x20..=0x7e => 1,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn encode(message: &str) -> String {
        let mut out = Vec::new();
        encode_into(message, &mut out);
        assert_eq!(out.len(), encoded_len(message));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_edge_space_is_escaped_and_no_inner_one() {
        assert_eq!(encode("  a b "), "%20%20a b%20");
        assert_eq!(encode("   "), "%20%20%20");
    }

    #[test]
    fn a_cut_leaves_no_space_at_the_edge() {
        assert_eq!(truncate("a  b", 3), "a");
        assert_eq!(truncate(" ab", 4), " a");
        assert_eq!(truncate(" ab", 3), "");
        assert_eq!(truncate("abc", 0), "");
    }
}
