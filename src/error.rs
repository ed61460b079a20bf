//! The three layers of errors, which never mix: a config that does not build, a verb that was misused, a connection that
//! ended. How a call ended is data, not an error: see [`Outcome`](crate::Outcome) and [`Stop`](crate::Stop).

use crate::grpc::{PathError, Retry};
use core::fmt;
use thiserror::Error;

pub use crate::http2::{ConnectionError, Origin};

/// A verb that makes no sense where the call stands. It changed nothing and sent nothing.
///
/// Losing a race with the peer is not misuse: a call that the peer ended takes every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Something was sent after `half_close`, or after the only message of a unary or server-streaming call.
    #[error("application: the sending side of this call was closed before, nothing more can be sent; retry: useless")]
    HalfClosed,
    /// `half_close` before the one message that a unary or server-streaming call owes.
    #[error("application: this kind of call sends exactly one message, and none was sent (G-076); retry: useless")]
    MessageMissing,
    /// A second message from a server whose method answers with one.
    #[error("application: this kind of call answers with one message, and one was sent (G-040); retry: useless")]
    TooManyMessages,
    /// `send_head`, or a change of what goes with it, after the response head was sent or implied by a message.
    #[error("application: the response head was sent before (G-039); retry: useless")]
    HeadSent,
    /// `expect` with another kind than before.
    #[error("application: the kind of this call was told before; retry: useless")]
    KindKnown,
    /// A compressed message, but the head names no `grpc-encoding`.
    #[error("application: a compressed message needs a grpc-encoding in the head (G-096); retry: useless")]
    CompressedWithoutEncoding,
    /// The client does not accept this coding, or the config does not list it.
    #[error("application: this coding is not in the config, or the client does not accept it (G-092); retry: useless")]
    EncodingNotAccepted,
    /// `reset` with REFUSED_STREAM after the call was shown to the application (RFC 9113 §8.7).
    #[error(
        "application: REFUSED_STREAM would say that the call was not processed, but it was (RFC 9113 section 8.7); retry: useless"
    )]
    RefusedTooLate,
    /// Metadata that may not go into this part of a call, such as a reserved name.
    #[error("application: metadata with a name that is reserved here (G-115); retry: useless")]
    ReservedMetadata,
}

/// Why a message was not queued. The message comes back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError<M> {
    /// The queue is full. [`Event::Writable`](crate::Event::Writable) says when to try again.
    #[error(
        "application: the queue is full (send_queue_per_call, send_queue_per_connection), wait for Writable; retry: safe"
    )]
    Full(M),
    /// The call has ended, by the peer, a deadline or the connection: read its end.
    #[error("application: the call has ended, and its outcome says why; retry: useless")]
    Ended(M),
    /// The message is longer than `max_send_message`, or than the format's 2^32 - 1 octets. Nothing was sent; the call
    /// is untouched.
    #[error("application: the message is longer than max_send_message; retry: useless")]
    TooLarge(M),
    /// The application's mistake.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl<M> SendError<M> {
    pub(crate) fn map<N>(self, map: impl FnOnce(M) -> N) -> SendError<N> {
        match self {
            Self::Full(message) => SendError::Full(map(message)),
            Self::Ended(message) => SendError::Ended(map(message)),
            Self::TooLarge(message) => SendError::TooLarge(map(message)),
            Self::Misuse(misuse) => SendError::Misuse(misuse),
        }
    }
}

/// Why a call was not opened. Nothing was sent, so trying again is always safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// `max_waiting_calls` calls wait for the peer's stream limit; [`Event::Available`](crate::Event::Available) says
    /// when to try again.
    #[error("HTTP/2: max_waiting_calls wait for the server's stream limit, wait for Available; retry: safe")]
    Full,
    /// The connection is ending or out of stream ids: use another one.
    #[error("HTTP/2: this connection takes no new calls, open another one; retry: safe")]
    Draining,
    /// The application's mistake.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// A message coding that the config does not list.
    #[error("application: the grpc-encoding of this call is not in the config's codings; retry: useless")]
    UnknownEncoding,
    /// The authority or subtype has octets that HTTP does not allow there.
    #[error(
        "application: the authority is no host and port, or the content subtype no token (RFC 9110 section 7.2); retry: useless"
    )]
    Malformed,
    /// The path is not one that gRPC can call.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl OpenError {
    /// Whether to try again: always safe, and useful where only room or another connection is missing.
    pub const fn retry(&self) -> Retry {
        match self {
            Self::Full | Self::Draining => Retry::Safe,
            _ => Retry::Useless,
        }
    }
}

/// A configuration that contradicts itself. It names the two fields (or the one, twice).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("config: {}; retry: useless", self.what())]
pub struct ConfigError {
    /// The first field.
    pub first: &'static str,
    /// The field that contradicts it, or the same where a value is out of its own range.
    pub second: &'static str,
    /// What must hold between them.
    pub rule: &'static str,
}

/// The fields, once where they are the same, and the rule.
struct What<'a>(&'a ConfigError);

impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { first, second, rule } = self.0;
        if first == second { write!(f, "{first}: {rule}") } else { write!(f, "{first} and {second}: {rule}") }
    }
}

impl ConfigError {
    fn what(&self) -> What<'_> {
        What(self)
    }
}
