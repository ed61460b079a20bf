//! The `content-type` of gRPC (G-007, G-019, table 21.9).

use crate::octets;
use alloc::string::String;

/// The content type that names no message format.
pub const GRPC: &str = "application/grpc";

/// The content type of protobuf messages.
pub const GRPC_PROTO: &str = "application/grpc+proto";

/// A content type that is gRPC's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentType<'a> {
    /// ASCII.
    value: &'a [u8],
}

/// Reads a `content-type`; `None` where it is not gRPC's.
///
/// Case does not matter. `application/grpc` stands alone or is followed by `+` or `;`, so `application/grpcfoo` and
/// `application/grpc-web` are something else (G-019).
///
/// ```
/// use grpc_sansio::grpc::content_type::parse;
///
/// assert_eq!(parse(b"application/grpc+proto;charset=utf-8").unwrap().subtype(), "proto");
/// assert_eq!(parse(b"Application/gRPC").unwrap().subtype(), "");
/// assert!(parse(b"application/grpc-web").is_none());
/// ```
pub fn parse(value: &[u8]) -> Option<ContentType<'_>> {
    if value == GRPC.as_bytes() {
        return Some(ContentType { value });
    }
    let (start, rest) = value.split_at_checked(GRPC.len())?;
    let delimited = matches!(rest, [] | [b'+' | b';', ..]);
    let visible = octets::are_printable(rest);
    if !delimited || !visible || !start.eq_ignore_ascii_case(GRPC.as_bytes()) {
        return None;
    }
    Some(ContentType { value })
}

/// The content type of messages in the format `subtype`; without one the bare `application/grpc` (G-007).
///
/// Made once per configuration, so that a request only borrows it. `None` where `subtype` has an octet that is not
/// visible ASCII, or one of `;` and `,`.
///
/// ```
/// use grpc_sansio::grpc::content_type::with_subtype;
///
/// assert_eq!(with_subtype("json").unwrap(), "application/grpc+json");
/// assert_eq!(with_subtype("").unwrap(), "application/grpc");
/// assert!(with_subtype("a b").is_none());
/// ```
pub fn with_subtype(subtype: &str) -> Option<String> {
    if !subtype.bytes().all(|octet| octet.is_ascii_graphic() && octet != b';' && octet != b',') {
        return None;
    }
    Some(if subtype.is_empty() { String::from(GRPC) } else { alloc::format!("{GRPC}+{subtype}") })
}

impl<'a> ContentType<'a> {
    /// The whole value as it came, which a server echoes by default (G-036).
    pub const fn as_str(&self) -> &'a str {
        match core::str::from_utf8(self.value) {
            Ok(text) => text,
            // Not with what `parse` lets through.
            Err(_) => "",
        }
    }

    /// Whether it is plain `application/grpc`, without a subtype and without a parameter.
    pub fn is_plain(&self) -> bool {
        self.value == GRPC.as_bytes()
    }

    /// The message format: what follows `+`, up to a `;`; empty where none is named.
    pub fn subtype(&self) -> &'a str {
        let rest = self.as_str().get(GRPC.len()..).unwrap_or_default();
        rest.strip_prefix('+').map_or("", |rest| rest.split(';').next().unwrap_or_default().trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subtype_ends_at_the_semicolon() {
        let subtype = |value: &'static [u8]| parse(value).map(|content_type| content_type.subtype());
        assert_eq!(subtype(b"application/grpc;x=+y"), Some(""));
        assert_eq!(subtype(b"application/grpc+"), Some(""));
        assert_eq!(subtype(b"APPLICATION/GRPC+json ; q=1"), Some("json"));
        assert_eq!(subtype(b"application/grp"), None);
        for octet in [&b"\x1f"[..], b"\x7f", b"\xff"] {
            assert!(parse(&[b"application/grpc+", octet].concat()).is_none(), "{octet:?}");
        }
    }
}
