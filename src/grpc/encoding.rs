//! Names of message codings, and lists of them (G-087, G-088, G-093).

use alloc::string::String;

/// No coding at all.
pub const IDENTITY: &str = "identity";
/// RFC 1952.
pub const GZIP: &str = "gzip";
/// The zlib format of RFC 1950, in spite of its name.
pub const DEFLATE: &str = "deflate";
/// The framed format of snappy.
pub const SNAPPY: &str = "snappy";
/// RFC 8878; not in gRPC's own list, but common.
pub const ZSTD: &str = "zstd";

/// The name of a coding cannot be sent: it is empty, or not a token of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the name of a message coding must be a token of HTTP")]
pub struct InvalidCoding;

/// Whether `name` may name a coding: a token of HTTP (RFC 9110 §5.6.2).
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|octet| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet))
}

/// The elements of a `grpc-accept-encoding` list, without the spaces around them and without empty ones (G-088).
///
/// ```
/// let list: Vec<_> = grpc_sansio::grpc::encoding::parse_list(b"identity, gzip,,").collect();
/// assert_eq!(list, [&b"identity"[..], b"gzip"]);
/// ```
pub fn parse_list(value: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

/// Whether `list`, the value of one `grpc-accept-encoding` field, allows `coding`. `identity` always is.
///
/// Names are compared exactly: codings are spelled in lower case (G-088).
///
/// ```
/// use grpc_sansio::grpc::encoding::accepts;
///
/// assert!(accepts(b"deflate, gzip", "gzip"));
/// assert!(!accepts(b"deflate, GZIP", "gzip"));
/// ```
pub fn accepts(list: &[u8], coding: &str) -> bool {
    coding == IDENTITY || parse_list(list).any(|element| element == coding.as_bytes())
}

/// How many `grpc-accept-encoding` fields of one block are looked at.
const MAX_LINES: usize = 4;

/// What a peer can decode: its `grpc-accept-encoding` fields joined (G-088), borrowed from the header block.
///
/// Only the first four fields count. Ignoring the rest is safe: a coding that was not seen is not used.
#[derive(Clone, Copy, Debug, Default)]
pub struct AcceptEncoding<'a> {
    lines: [&'a [u8]; MAX_LINES],
    len: usize,
}

impl<'a> AcceptEncoding<'a> {
    #[expect(clippy::arithmetic_side_effects, reason = "there is a place, so it is below the number of places")]
    pub(super) fn add(&mut self, line: &'a [u8]) {
        if let Some(slot) = self.lines.get_mut(self.len) {
            *slot = line;
            self.len += 1;
        }
    }

    /// Whether the peer sent no such field, which reads as `identity` alone.
    pub const fn is_absent(&self) -> bool {
        self.len == 0
    }

    /// Whether the peer listed `coding`; `identity` always counts as listed.
    ///
    /// Where the field is absent a server takes the request's own coding as accepted (G-093):
    /// [`RequestParts::accepts`](super::RequestParts::accepts) knows that one too.
    pub fn accepts(&self, coding: &str) -> bool {
        coding == IDENTITY || self.iter().any(|element| element == coding.as_bytes())
    }

    /// The codings listed, in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.lines.into_iter().take(self.len).flat_map(parse_list)
    }
}

/// The codings that this side can decode, and their spelling as `grpc-accept-encoding` (G-012).
///
/// `identity` is always the first of them. Made once per configuration.
///
/// ```
/// use grpc_sansio::grpc::Codings;
///
/// let codings = Codings::new(["gzip"]).unwrap();
/// assert_eq!(codings.as_str(), "identity,gzip");
/// assert!(codings.contains(b"gzip") && !codings.contains(b"zstd"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Codings {
    list: String,
}

impl Codings {
    /// The codings of those names besides `identity`.
    ///
    /// # Errors
    ///
    /// [`InvalidCoding`] for a name that cannot be sent.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, InvalidCoding> {
        let mut codings = Self::default();
        for name in names {
            if !is_token(name.as_bytes()) {
                return Err(InvalidCoding);
            }
            if !codings.contains(name.as_bytes()) {
                codings.list.push(',');
                codings.list.push_str(name);
            }
        }
        Ok(codings)
    }

    /// The value of `grpc-accept-encoding`.
    pub fn as_str(&self) -> &str {
        &self.list
    }

    /// Whether `coding` is among them.
    pub fn contains(&self, coding: &[u8]) -> bool {
        parse_list(self.list.as_bytes()).any(|element| element == coding)
    }
}

impl Default for Codings {
    /// `identity` alone.
    fn default() -> Self {
        Self { list: String::from(IDENTITY) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn joined_lines_keep_their_order_up_to_the_bound() {
        let mut accept = AcceptEncoding::default();
        assert!(accept.is_absent() && accept.accepts(IDENTITY));
        for line in [&b"a,b"[..], b"c", b"", b"d", b"e"] {
            accept.add(line);
        }
        assert_eq!(accept.iter().collect::<Vec<_>>(), [b"a", b"b", b"c", b"d"]);
        assert!(accept.accepts("d") && !accept.accepts("e"));
    }

    #[test]
    fn codings_refuse_what_is_not_a_token() {
        for bad in ["", "a,b", "a b", "\u{e9}"] {
            assert_eq!(Codings::new([bad]), Err(InvalidCoding), "{bad:?}");
        }
        assert_eq!(Codings::new(["gzip", "identity", "gzip"]).unwrap().as_str(), "identity,gzip");
    }
}
