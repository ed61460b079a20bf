//! Why a blocking call gave no response.

use crate::call::Outcome;
use crate::error::{Misuse, OpenError, Origin, SendError};
use crate::grpc::{Code, Layer, Metadata, Retry, Side, Status};
use crate::intercept::Refused;
use crate::stub::{CodecError, SendTypedError};
use std::boxed::Box;
use std::io;

/// Why a call gave no response, or not the whole of its stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call ended with a status other than OK.
    #[error(transparent)]
    Failed(#[from] Box<Failure>),
    /// The request cannot be made: a path, an authority, metadata or an encoding that may not be sent. Nothing was sent.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// An interceptor refused it. Nothing was sent, so trying again is safe.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The message is longer than `max_send_message`. Nothing was sent.
    #[error("application: the message is longer than max_send_message; retry: useless")]
    TooLarge,
    /// The codec cannot write the message. Nothing was sent.
    #[error("message: a message cannot be encoded: {0}; retry: useless")]
    Codec(CodecError),
    /// A verb that makes no sense where the call stands. Nothing was sent.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The loop cannot wait for its socket.
    #[error("transport: waiting for the socket failed: {0}; retry: only if idempotent")]
    Io(#[from] io::Error),
}

/// A call that ended with a status other than OK.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}")]
#[non_exhaustive]
pub struct Failure {
    /// The status.
    pub status: Status,
    /// Trailing metadata.
    pub trailers: Metadata,
    /// Who produced the status: [`Origin::Peer`] for the server.
    pub origin: Origin,
    /// The server did not process any of the call, so that trying it again, on another connection, is always safe.
    pub unprocessed: bool,
    /// Whether to try again. Of a status that the server sent only its code is judged.
    pub retry: Retry,
}

impl Failure {
    /// One that is made here; safe to try again means that nothing was processed.
    pub(super) fn local(status: Status, retry: Retry) -> Box<Self> {
        let unprocessed = retry == Retry::Safe;
        Box::new(Self { status, trailers: Metadata::new(), origin: Origin::Local, unprocessed, retry })
    }

    /// How a call ended, OK included.
    pub(super) fn of(outcome: Outcome<'_>) -> Self {
        Self {
            trailers: outcome.trailers().to_metadata(),
            origin: outcome.origin(),
            unprocessed: outcome.unprocessed(),
            retry: outcome.retry(),
            status: outcome.into_status(),
        }
    }
}

impl CallError {
    /// The failure, where the call was made.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The status's code, where the call was made or refused by an interceptor.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Failed(failure) => Some(failure.status.code()),
            Self::Refused(refused) => Some(refused.status().code()),
            _ => None,
        }
    }

    /// The status that this is told interceptors as.
    pub(super) fn to_status(&self) -> Status {
        match self {
            Self::Failed(failure) => failure.status.clone(),
            _ => Status::of(Side::Client, Code::Internal, self),
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failed(failure) => failure.retry,
            Self::Open(error) => error.retry(),
            Self::Refused(refused) => refused.retry(),
            Self::TooLarge | Self::Codec(_) | Self::Misuse(_) => Retry::Useless,
            Self::Io(_) => Retry::IfIdempotent,
        }
    }
}

impl From<SendTypedError> for CallError {
    fn from(error: SendTypedError) -> Self {
        match error {
            SendTypedError::Codec(error) => Self::Codec(error),
            SendTypedError::Refused(SendError::Misuse(misuse)) => Self::Misuse(misuse),
            SendTypedError::Refused(SendError::TooLarge(())) => Self::TooLarge,
            // Both are handled where a message is sent.
            SendTypedError::Refused(SendError::Full(()) | SendError::Ended(())) => {
                let (code, rule) = (Code::Cancelled, "the call has ended");
                let status = Status::explained(Side::Client, Layer::Application, code, code.retry(), rule);
                Self::Failed(Failure::local(status, code.retry()))
            }
        }
    }
}
