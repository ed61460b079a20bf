//! Quoting the peer in a status message: escaped, and never at its own length (design of G-021, G-048).

use alloc::string::{String, ToString};

/// How many octets of a peer's field a local status message quotes.
pub(super) const FIELD_LIMIT: usize = 64;

/// How many octets of a body that is not gRPC a local status message quotes, such as a proxy's HTML (G-048).
pub(super) const BODY_LIMIT: usize = 256;

/// The first `limit` octets of `bytes` with everything but visible ASCII and space escaped.
///
/// The limit counts octets of the peer; an escape is up to four characters, so the text may be four times as long.
pub(super) fn quote(bytes: &[u8], limit: usize) -> String {
    let shown = bytes.get(..limit).unwrap_or(bytes);
    let mut text = shown.escape_ascii().to_string();
    if shown.len() < bytes.len() {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_at_most_the_limit_and_escapes() {
        assert_eq!(quote(b"abc", 3), "abc");
        assert_eq!(quote(b"abcd", 3), "abc...");
        assert_eq!(quote(b"a\n\xff\"", 64), "a\\n\\xff\\\"");
    }
}
