//! How a connection or a stream ends before its time.

use super::pings::TOO_MANY_PINGS;
use crate::frame::ErrorCode;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Who ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The peer broke a rule or a limit, and we ended it.
    Local,
    /// The peer ended it, by GOAWAY or RST_STREAM.
    Peer,
    /// The transport below ended.
    Transport,
    /// The application ended it.
    Application,
}

/// Why a connection ended. Sticky: the first one stays.
///
/// Calls that were open may be retried on another connection only where their outcome says that the peer did not
/// process them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionError {
    pub(super) code: ErrorCode,
    pub(super) origin: Origin,
    pub(super) reason: &'static str,
    pub(super) debug_data: Vec<u8>,
}

/// How much of a peer's GOAWAY debug data is kept, in octets (T-11), and of what is told about a transport's failure.
pub(super) const DEBUG_DATA_KEPT: usize = 256;

/// The server is none of HTTP/2 (G-170).
pub(super) const HTTP1_SERVER: &str =
    "the server answered with HTTP/1.x, not with SETTINGS (RFC 9113 section 3.4); is this a gRPC port?";

/// A record of TLS (RFC 8446 §5.1) where HTTP/2 was expected in plain text.
pub(super) const TLS_SERVER: &str =
    "the server answered in TLS, not with SETTINGS (RFC 9113 section 3.4); use TLS here too";
pub(super) const TLS_CLIENT: &str = "not HTTP/2: the client speaks TLS, and this port does not (RFC 9113 section 3.4)";

impl ConnectionError {
    pub(crate) const fn new(code: ErrorCode, origin: Origin, reason: &'static str) -> Self {
        Self { code, origin, reason, debug_data: Vec::new() }
    }

    /// The transport ended, and `why` where that is known.
    pub(super) fn of_transport(reason: &'static str, why: &str) -> Self {
        let why = why.as_bytes();
        let why = why.get(..DEBUG_DATA_KEPT).unwrap_or(why);
        Self { debug_data: why.into(), ..Self::new(ErrorCode::NO_ERROR, Origin::Transport, reason) }
    }

    /// The HTTP/2 error code that was sent or received.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// The peer is no server of HTTP/2, so it processed nothing.
    pub(crate) fn is_other_protocol(&self) -> bool {
        [HTTP1_SERVER, TLS_SERVER].contains(&self.reason)
    }

    /// Who ended the connection.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Which rule or limit was broken; also sent to the peer as debug data of the GOAWAY.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// What the peer's GOAWAY said, its first 256 octets. Opaque, and not to be trusted (RFC 9113 §6.8). Where the transport
    /// failed, what was told of that; where the peer does not speak HTTP/2, its first nine octets.
    pub fn debug_data(&self) -> &[u8] {
        &self.debug_data
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code;
        // Peers know it by this word, which names no limit.
        let reason = match self.reason {
            TOO_MANY_PINGS if self.origin == Origin::Local => {
                "too_many_pings: more than max_ping_strikes of them came sooner than min_ping_interval"
            }
            reason => reason,
        };
        match self.origin {
            Origin::Local if self.debug_data.is_empty() => {
                write!(f, "HTTP/2: the peer broke the protocol: {reason} ({code})")
            }
            Origin::Local => {
                let said = self.debug_data.escape_ascii();
                write!(f, "HTTP/2: the peer broke the protocol: {reason} ({code}), beginning with \"{said}\"")
            }
            Origin::Peer if self.debug_data.is_empty() => {
                write!(f, "HTTP/2: the peer ended the connection: {reason} ({code})")
            }
            Origin::Peer => {
                let said = self.debug_data.escape_ascii();
                write!(f, "HTTP/2: the peer ended the connection: {reason} ({code}), saying \"{said}\"")
            }
            Origin::Transport if self.debug_data.is_empty() => {
                write!(f, "transport: the connection was lost: {reason}")
            }
            Origin::Transport => f.write_str(&String::from_utf8_lossy(&self.debug_data)),
            Origin::Application => write!(f, "application: the connection was ended: {reason} ({code})"),
        }
    }
}

impl core::error::Error for ConnectionError {}

/// An error of one frame, by its scope: what the reader hands to the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Connection(ErrorCode, &'static str),
    /// Charged to the reset guard; the stream is named by the frame.
    Stream(ErrorCode, &'static str),
}

impl Fault {
    pub(super) const fn protocol(reason: &'static str) -> Self {
        Self::Connection(ErrorCode::PROTOCOL_ERROR, reason)
    }

    pub(super) const fn calm(reason: &'static str) -> Self {
        Self::Connection(ErrorCode::ENHANCE_YOUR_CALM, reason)
    }
}

/// Why [`Connection::open`](super::Connection::open) refused a stream; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// As many streams wait for the peer's limit as the config allows; ask again after one of them has started.
    #[error("too many streams wait for the peer's SETTINGS_MAX_CONCURRENT_STREAMS")]
    Full,
    /// The connection is ending, or out of stream ids: use another one.
    #[error("this connection takes no new streams: open another one")]
    Draining,
    /// Only clients open streams (server push is not supported).
    #[error("a server does not open streams")]
    NotAClient,
}
