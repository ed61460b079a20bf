//! The first header block of a response.

use super::code::Code;
use super::content_type::{self, ContentType};
use super::encoding::{AcceptEncoding, IDENTITY};
use super::field::{Field, Single, plain};
use super::metadata::Metadata;
use super::outcome::HeadSummary;
use super::quote::{FIELD_LIMIT, quote};
use super::reserved::Block;
use super::status::{Side, Status};

/// Response-Headers to be sent (G-034 to G-036). Everything is borrowed, nothing is allocated.
///
/// ```
/// use grpc_sansio::grpc::{Metadata, ResponseHead, list_size};
///
/// let metadata = Metadata::new();
/// let head = ResponseHead::new("application/grpc+proto", &metadata);
/// assert_eq!(head.fields().next(), Some((&b":status"[..], &b"200"[..], false)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// `content-type`: the request's, echoed (G-036).
    pub content_type: &'a str,
    /// `grpc-encoding`, where any message may be compressed (G-091).
    pub encoding: Option<&'a str>,
    /// `grpc-accept-encoding` (G-063).
    pub accept_encoding: Option<&'a str>,
    /// The application's metadata.
    pub metadata: &'a Metadata,
}

impl<'a> ResponseHead<'a> {
    /// A head of that content type and metadata, without codings.
    pub const fn new(content_type: &'a str, metadata: &'a Metadata) -> Self {
        Self { content_type, encoding: None, accept_encoding: None, metadata }
    }

    /// The fields in the order they are sent.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + Clone + use<'a> {
        let optional = |name, value: Option<&'a str>| value.map(|value| plain(name, value.as_bytes()));
        [
            Some(plain(":status", b"200")),
            optional("content-type", Some(self.content_type)),
            optional("grpc-encoding", self.encoding),
            optional("grpc-accept-encoding", self.accept_encoding),
        ]
        .into_iter()
        .flatten()
        .chain(self.metadata.fields(Block::Response))
    }
}

/// What gRPC reads in the first header block of a response, borrowed from it.
///
/// `grpc-status` and `grpc-message` are not looked at: outside of trailers they mean nothing (G-047).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ResponseParts<'a> {
    /// The `:status`, 100 to 999.
    pub http_status: u16,
    /// The content type; `None` where it is absent or not gRPC's (G-048).
    pub content_type: Option<ContentType<'a>>,
    /// The content type as it came, to be quoted where it is not gRPC's.
    pub raw_content_type: Option<&'a [u8]>,
    /// The coding of compressed messages; `None` where absent or `identity`. It may be one that this side cannot
    /// decode, which matters at the first compressed message only (G-095).
    pub encoding: Option<&'a [u8]>,
    /// What the server can decode.
    pub accept_encoding: AcceptEncoding<'a>,
}

impl<'a> ResponseParts<'a> {
    /// Reads the first header block of a response, whether or not it ends the stream.
    ///
    /// # Errors
    ///
    /// The status of the call, INTERNAL: `:status` is missing or not a number of three digits (G-050), or
    /// `content-type` or `grpc-encoding` came twice with different values (G-057). Reset the stream.
    ///
    /// ```
    /// use grpc_sansio::grpc::{Metadata, ResponseHead, ResponseParts};
    ///
    /// let metadata = Metadata::new();
    /// let parts = ResponseParts::parse(ResponseHead::new("application/grpc", &metadata).fields())?;
    /// assert!(parts.http_status == 200 && parts.content_type.is_some());
    /// # Ok::<(), grpc_sansio::grpc::Status>(())
    /// ```
    pub fn parse(fields: impl IntoIterator<Item = Field<'a>>) -> Result<Self, Status> {
        let mut status = Single::default();
        let mut content_type = Single::default();
        let mut encoding = Single::default();
        let mut accept_encoding = AcceptEncoding::default();
        for (name, value, _) in fields {
            match name {
                b":status" => status.add(value),
                b"content-type" => content_type.add(value),
                b"grpc-encoding" => encoding.add(value),
                b"grpc-accept-encoding" => accept_encoding.add(value),
                _ => {}
            }
        }
        let status = status.get().map_err(|_| malformed("conflicting :status (G-050)"))?;
        let status = status.ok_or_else(|| malformed("missing :status (G-050)"))?;
        let http_status = parse_http_status(status)
            .ok_or_else(|| malformed(format_args!("malformed :status \"{}\" (G-050)", quote(status, FIELD_LIMIT))))?;
        let raw_content_type = content_type.get().map_err(|_| malformed("conflicting content-type (G-057)"))?;
        let encoding = encoding.get().map_err(|_| malformed("conflicting grpc-encoding (G-057)"))?;
        Ok(Self {
            http_status,
            content_type: raw_content_type.and_then(content_type::parse),
            raw_content_type,
            encoding: encoding.filter(|name| *name != IDENTITY.as_bytes()),
            accept_encoding,
        })
    }

    /// Whether this is a 1xx response, to be skipped (G-045).
    pub const fn is_informational(&self) -> bool {
        self.http_status < 200
    }

    /// What the end of the call depends on, to be kept when the block is let go.
    pub const fn summary(&self) -> HeadSummary {
        HeadSummary { http_status: self.http_status, is_grpc: self.content_type.is_some() }
    }
}

fn malformed(rule: impl core::fmt::Display) -> Status {
    Status::local(Side::Client, Code::Internal, rule)
}

/// Three digits, the first of which is not zero (RFC 9110 §15).
#[expect(clippy::arithmetic_side_effects, reason = "three digits")]
fn parse_http_status(value: &[u8]) -> Option<u16> {
    match value {
        [hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => {
            Some([hundreds, tens, ones].into_iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0')))
        }
        _ => None,
    }
}
