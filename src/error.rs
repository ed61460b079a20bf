//! The three layers of errors, which never mix: a config that does not build, a verb that was misused, a connection that
//! ended. How a call ended is data, not an error: see [`Outcome`](crate::Outcome) and [`Stop`](crate::Stop).

use crate::grpc::PathError;
use thiserror::Error;

pub use crate::http2::{ConnectionError, Origin};

/// A verb that makes no sense where the call stands. It changed nothing and sent nothing.
///
/// Losing a race with the peer is not misuse: a call that the peer ended takes every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Something was sent after `half_close`, or after the only message of a unary or server-streaming call.
    #[error("the sending side of this call was closed before: nothing more can be sent")]
    HalfClosed,
    /// `half_close` before the one message that a unary or server-streaming call owes.
    #[error("this kind of call sends exactly one message, and none was sent")]
    MessageMissing,
    /// A second message from a server whose method answers with one.
    #[error("this kind of call answers with one message, and one was sent")]
    TooManyMessages,
    /// `send_head`, or a change of what goes with it, after the response head was sent or implied by a message.
    #[error("the response head was sent before")]
    HeadSent,
    /// `expect` with another kind than before.
    #[error("the kind of this call was told before")]
    KindKnown,
    /// A compressed message, but the head names no `grpc-encoding`.
    #[error("a compressed message needs a grpc-encoding in the head")]
    CompressedWithoutEncoding,
    /// The client does not accept this coding, or the config does not list it.
    #[error("this coding is not in the config, or the client does not accept it")]
    EncodingNotAccepted,
    /// `reset` with REFUSED_STREAM after the call was shown to the application (RFC 9113 §8.7).
    #[error("REFUSED_STREAM would say that the call was not processed, but it was")]
    RefusedTooLate,
    /// Metadata that may not go into this part of a call, such as a reserved name.
    #[error("metadata with a name that is reserved here")]
    ReservedMetadata,
}

/// Why a message was not queued. The message comes back.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SendError<M> {
    /// The queue is full. [`Event::Writable`](crate::Event::Writable) says when to try again.
    #[error("the send queue is full: wait for Writable")]
    Full(M),
    /// The call has ended, by the peer, a deadline or the connection: read its end.
    #[error("the call has ended")]
    Ended(M),
    /// The message is longer than `max_send_message`, or than the format's 2^32 - 1 octets. Nothing was sent; the call
    /// is untouched.
    #[error("the message is longer than max_send_message")]
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
    #[error("too many calls wait for the server's stream limit: wait for Available")]
    Full,
    /// The connection is ending or out of stream ids: use another one.
    #[error("this connection takes no new calls: open another one")]
    Draining,
    /// The application's mistake.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// A message coding that the config does not list.
    #[error("the grpc-encoding of this call is not in the config's list")]
    UnknownEncoding,
    /// The authority or subtype has octets that HTTP does not allow there.
    #[error("the authority or the content subtype has a forbidden character")]
    Malformed,
    /// The path is not one that gRPC can call.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// A configuration that contradicts itself. It names the two fields (or the one, twice).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{first} and {second}: {rule}")]
pub struct ConfigError {
    /// The first field.
    pub first: &'static str,
    /// The field that contradicts it, or the same where a value is out of its own range.
    pub second: &'static str,
    /// What must hold between them.
    pub rule: &'static str,
}
