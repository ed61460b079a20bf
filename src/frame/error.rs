//! What is wrong with a frame, how far it reaches, and the code that says so on the wire.

use core::fmt;

use super::StreamId;

/// An error code of RST_STREAM and GOAWAY (RFC 9113 §7). A newtype, not an enum: a code that is not known has no
/// special meaning and must not be refused.
///
/// ```
/// use grpc_sansio::frame::ErrorCode;
///
/// assert_eq!(ErrorCode::CANCEL.to_string(), "CANCEL");
/// assert_eq!(ErrorCode(0xff).name(), "unknown");
/// assert_eq!(ErrorCode(0xff).to_string(), "unknown (0xff)");
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// Not an error: a graceful end.
    pub const NO_ERROR: Self = Self(0x0);
    /// The peer broke the protocol, and no other code says it better.
    pub const PROTOCOL_ERROR: Self = Self(0x1);
    /// Our own fault.
    pub const INTERNAL_ERROR: Self = Self(0x2);
    /// The peer broke the rules of flow control.
    pub const FLOW_CONTROL_ERROR: Self = Self(0x3);
    /// SETTINGS were not acknowledged in time.
    pub const SETTINGS_TIMEOUT: Self = Self(0x4);
    /// A frame came after its sender had ended the stream.
    pub const STREAM_CLOSED: Self = Self(0x5);
    /// A frame's length is not one that it may have.
    pub const FRAME_SIZE_ERROR: Self = Self(0x6);
    /// The stream was not processed at all: it is safe to try again.
    pub const REFUSED_STREAM: Self = Self(0x7);
    /// The stream is no longer needed.
    pub const CANCEL: Self = Self(0x8);
    /// The state of header compression is lost.
    pub const COMPRESSION_ERROR: Self = Self(0x9);
    /// The tunnel of a CONNECT request broke.
    pub const CONNECT_ERROR: Self = Self(0xa);
    /// The peer causes too much load.
    pub const ENHANCE_YOUR_CALM: Self = Self(0xb);
    /// The transport is not secure enough.
    pub const INADEQUATE_SECURITY: Self = Self(0xc);
    /// HTTP/1.1 is needed for this.
    pub const HTTP_1_1_REQUIRED: Self = Self(0xd);

    /// The name in RFC 9113 §7, "unknown" for any other code.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NO_ERROR => "NO_ERROR",
            Self::PROTOCOL_ERROR => "PROTOCOL_ERROR",
            Self::INTERNAL_ERROR => "INTERNAL_ERROR",
            Self::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
            Self::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
            Self::STREAM_CLOSED => "STREAM_CLOSED",
            Self::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
            Self::REFUSED_STREAM => "REFUSED_STREAM",
            Self::CANCEL => "CANCEL",
            Self::COMPRESSION_ERROR => "COMPRESSION_ERROR",
            Self::CONNECT_ERROR => "CONNECT_ERROR",
            Self::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
            Self::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
            Self::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
            _ => "unknown",
        }
    }

    const fn is_known(self) -> bool {
        self.0 <= Self::HTTP_1_1_REQUIRED.0
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_known() { f.write_str(self.name()) } else { write!(f, "unknown ({:#x})", self.0) }
    }
}

impl fmt::Debug for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How far an error reaches (RFC 9113 §5.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scope {
    /// A connection error: GOAWAY, and the connection ends (§5.4.1).
    Connection,
    /// A stream error: RST_STREAM, and the other streams go on (§5.4.2). A connection error may be made of it.
    Stream(StreamId),
}

impl Scope {
    /// The stream with this identifier; the connection for zero.
    pub const fn of(stream: StreamId) -> Self {
        if stream.is_zero() { Self::Connection } else { Self::Stream(stream) }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection => f.write_str("connection"),
            Self::Stream(id) => write!(f, "stream {id}"),
        }
    }
}

/// Why a frame is refused: the code to send, how far it reaches, and a reason for people.
///
/// ```
/// use grpc_sansio::frame::{ErrorCode, Flags, Head, Kind, Scope, StreamId};
///
/// let ping = Head { length: 7, kind: Kind::PING, flags: Flags::NONE, stream: StreamId::ZERO };
/// let error = ping.check(16_384).unwrap_err();
/// assert_eq!((error.code, error.scope), (ErrorCode::FRAME_SIZE_ERROR, Scope::Connection));
/// assert_eq!(error.to_string(), "FRAME_SIZE_ERROR on connection: PING is not 8 octets long");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{code} on {scope}: {reason}")]
pub struct FrameError {
    /// The code for the GOAWAY or RST_STREAM that answers it.
    pub code: ErrorCode,
    /// What has to end.
    pub scope: Scope,
    /// A constant sentence: it holds nothing of what the peer sent.
    pub reason: &'static str,
}

impl FrameError {
    /// An error that ends the connection.
    pub const fn connection(code: ErrorCode, reason: &'static str) -> Self {
        Self { code, scope: Scope::Connection, reason }
    }

    /// An error that ends one stream; the connection where `stream` is zero.
    pub const fn stream(stream: StreamId, code: ErrorCode, reason: &'static str) -> Self {
        Self { code, scope: Scope::of(stream), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// Table T3: fourteen codes, each with a name of its own.
    #[test]
    fn exactly_the_codes_of_the_rfc_have_names() {
        let mut names: alloc::vec::Vec<_> = (0..14).map(|code| ErrorCode(code).name()).collect();
        assert!(!names.contains(&"unknown"));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 14);
        for code in [14, u32::MAX] {
            assert_eq!(ErrorCode(code).name(), "unknown");
        }
    }

    #[test]
    fn an_error_says_what_and_where() {
        let error = FrameError::stream(StreamId::new(3), ErrorCode::PROTOCOL_ERROR, "window increment is 0");
        assert_eq!(error.to_string(), "PROTOCOL_ERROR on stream 3: window increment is 0");
        assert_eq!(FrameError::stream(StreamId::ZERO, error.code, "").scope, Scope::Connection);
    }
}
