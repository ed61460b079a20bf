//! Why a request was refused before it became a call.

use core::time::Duration;

/// Why a request over HTTP/1.1 was refused, or its connection ended. The client was told by a status of HTTP and by this
/// one line, unless it was not there any more. No call was opened, or it was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The head breaks RFC 9112, or could be read in two ways.
    #[error("HTTP/1.1: {0}")]
    Malformed(&'static str),
    /// The version in the request line is neither 1.0 nor 1.1.
    #[error("HTTP/1.1: this port speaks HTTP/1.1 and HTTP/2")]
    Version,
    /// Request line and fields are longer than [`Config::max_head`](super::Config::max_head).
    #[error("max_head: the request's head is longer than {0} octets")]
    HeadTooLong(usize),
    /// There are more than [`Config::max_fields`](super::Config::max_fields) fields.
    #[error("max_fields: the request has more than {0} fields")]
    TooManyFields(usize),
    /// The body is longer than [`Config::max_body`](super::Config::max_body).
    #[error("max_body: the request's body is longer than {0} octets")]
    BodyTooLong(u64),
    /// A coding of the transfer other than `chunked`.
    #[error("HTTP/1.1: the only transfer-encoding known here is chunked")]
    TransferEncoding,
    /// `expect` asks for something other than `100-continue`.
    #[error("HTTP/1.1: the only expectation known here is 100-continue")]
    Expectation,
    /// The head did not arrive in time: [`Config::head_timeout`](super::Config::head_timeout).
    #[error("head_timeout: the request's head took longer than {0:?}")]
    HeadTimeout(Duration),
    /// No octet of the body arrived for [`Config::body_timeout`](super::Config::body_timeout).
    #[error("body_timeout: nothing of the request's body came for {0:?}")]
    BodyTimeout(Duration),
    /// The peer closed its side before its request had ended.
    #[error("HTTP/1.1: the connection was closed inside a request")]
    Closed,
}

impl Error {
    /// The status of the answer (RFC 9110 §15.5, §15.6; RFC 6585).
    pub const fn http_status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Closed => 400,
            Self::HeadTimeout(_) | Self::BodyTimeout(_) => 408,
            Self::BodyTooLong(_) => 413,
            Self::Expectation => 417,
            Self::HeadTooLong(_) | Self::TooManyFields(_) => 431,
            Self::TransferEncoding => 501,
            Self::Version => 505,
        }
    }

    /// Whether the same request may do better on a new connection: nothing of it was processed, and nothing is wrong with
    /// it but that it was slow.
    pub const fn may_retry(&self) -> bool {
        matches!(self, Self::HeadTimeout(_))
    }
}
