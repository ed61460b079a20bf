//! How a connection or a stream ends before its time.

use crate::frame::ErrorCode;
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

/// How much of a peer's GOAWAY debug data is kept, in octets (T-11).
pub(super) const DEBUG_DATA_KEPT: usize = 256;

impl ConnectionError {
    pub(crate) const fn new(code: ErrorCode, origin: Origin, reason: &'static str) -> Self {
        Self { code, origin, reason, debug_data: Vec::new() }
    }

    /// The HTTP/2 error code that was sent or received.
    pub const fn code(&self) -> ErrorCode {
        self.code
    }

    /// Who ended the connection.
    pub const fn origin(&self) -> Origin {
        self.origin
    }

    /// Which rule or limit was broken; also sent to the peer as debug data of the GOAWAY.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }

    /// What the peer's GOAWAY said, its first 256 octets. Opaque, and not to be trusted (RFC 9113 §6.8).
    pub fn debug_data(&self) -> &[u8] {
        &self.debug_data
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = match self.origin {
            Origin::Local => "the peer broke the protocol",
            Origin::Peer => "the peer ended the connection",
            Origin::Transport => "the transport ended",
            Origin::Application => "the application ended the connection",
        };
        write!(f, "{who}: {} ({})", self.reason, self.code)?;
        if !self.debug_data.is_empty() {
            write!(f, ", saying \"{}\"", self.debug_data.escape_ascii())?;
        }
        Ok(())
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
