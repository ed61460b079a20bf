//! Names that belong to the protocol (table 21.8), and what of a received block is metadata (G-113 to G-116).

use super::binary;
use crate::octets;

/// Where a header block stands in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    /// The request's header block.
    Request,
    /// The response's first header block.
    Response,
    /// The response's last header block, which is its only one in Trailers-Only.
    Trailers,
}

/// Who may use a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// The application, everywhere.
    Free,
    /// The application, in trailers only.
    TrailersOnly,
    /// The protocol sends it, and the application may see it.
    Shown,
    /// The protocol alone.
    Hidden,
}

/// Looks `name`, in lower case, up in table 21.8.
pub(super) const fn classify(name: &[u8]) -> Class {
    match name {
        [b':', ..]
        | b"content-type"
        | b"te"
        | b"user-agent"
        | b"host"
        | b"connection"
        | b"keep-alive"
        | b"proxy-connection"
        | b"transfer-encoding"
        | b"upgrade"
        | b"content-length"
        | b"content-encoding"
        | b"accept-encoding" => Class::Hidden,
        [b'g', b'r', b'p', b'c', b'-', rest @ ..] => match rest {
            b"trace-bin" | b"tags-bin" | b"server-stats-bin" => Class::Free,
            b"retry-pushback-ms" | b"status-details-bin" => Class::TrailersOnly,
            b"previous-rpc-attempts" => Class::Shown,
            // The rest of the prefix is kept for the future (G-030).
            _ => Class::Hidden,
        },
        b"endpoint-load-metrics-bin" => Class::TrailersOnly,
        _ => Class::Free,
    }
}

/// Whether the application may not send a field of that name, given in lower case, in that block (G-115).
///
/// ```
/// use grpc_sansio::grpc::reserved::{Block, is_reserved};
///
/// assert!(is_reserved(b"grpc-anything", Block::Request));
/// assert!(is_reserved(b"grpc-retry-pushback-ms", Block::Response));
/// assert!(!is_reserved(b"grpc-retry-pushback-ms", Block::Trailers));
/// ```
pub const fn is_reserved(name: &[u8], block: Block) -> bool {
    match classify(name) {
        Class::Free => false,
        Class::TrailersOnly => !matches!(block, Block::Trailers),
        Class::Shown | Class::Hidden => true,
    }
}

/// What becomes of a received field where metadata is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// It is metadata.
    Shown,
    /// It belongs to the protocol (G-116).
    Hidden,
    /// HTTP allows it and metadata does not: left out, and counted (G-113, G-114).
    Dropped,
}

/// Decides whether a received field is metadata.
///
/// A value of a `-bin` key is shown as it came, since its error belongs to whoever decodes it (G-111), unless it has a
/// control character: HTTP forbids most of them, and an application that echoes what it was given must not send one.
///
/// ```
/// use grpc_sansio::grpc::reserved::{Visibility, visibility};
///
/// assert_eq!(visibility(b"x-id", b"17"), Visibility::Shown);
/// assert_eq!(visibility(b"grpc-timeout", b"1S"), Visibility::Hidden);
/// assert_eq!(visibility(b"x-id", b"\xff"), Visibility::Dropped);
/// ```
pub fn visibility(name: &[u8], value: &[u8]) -> Visibility {
    classified_visibility(classify(name), name, value)
}

/// As [`visibility`], of a name whose class is known.
pub(super) fn classified_visibility(class: Class, name: &[u8], value: &[u8]) -> Visibility {
    match class {
        Class::Hidden => Visibility::Hidden,
        _ if !is_key(name) => Visibility::Dropped,
        _ if is_ascii_value(value) => Visibility::Shown,
        _ if binary::is_binary(name) && !value.iter().any(u8::is_ascii_control) => Visibility::Shown,
        _ => Visibility::Dropped,
    }
}

/// Whether a received field is shown to the application as metadata; see [`visibility`].
pub fn visible(name: &[u8], value: &[u8]) -> bool {
    visibility(name, value) == Visibility::Shown
}

/// The octets of a metadata key, in lower case.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
const KEY_OCTET: [bool; 256] = {
    let mut table = [false; 256];
    let mut allowed: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz_-.";
    while let [octet, rest @ ..] = allowed {
        table[*octet as usize] = true;
        allowed = rest;
    }
    table
};

/// Whether `name` is a metadata key as it stands on the wire: `0-9 a-z _ - .`, at least one (G-105).
#[expect(clippy::indexing_slicing, reason = "256 entries, one for each octet")]
pub const fn is_key(name: &[u8]) -> bool {
    let mut rest = name;
    while let [octet, tail @ ..] = rest {
        if !KEY_OCTET[*octet as usize] {
            return false;
        }
        rest = tail;
    }
    !name.is_empty()
}

/// Whether `value` is visible ASCII and spaces (G-106); the empty value is.
pub fn is_ascii_value(value: &[u8]) -> bool {
    octets::are_printable(value)
}
