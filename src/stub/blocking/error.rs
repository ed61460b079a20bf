//! Why a blocking call gave no response.

use crate::call::Outcome;
use crate::error::{Misuse, OpenError, Origin, SendError};
use crate::grpc::{Code, Metadata, Side, Status};
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
    #[error("the call cannot be opened: {0}")]
    Open(#[from] OpenError),
    /// An interceptor refused it. Nothing was sent, so trying again is safe.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The message is longer than `max_send_message`. Nothing was sent.
    #[error("the message is longer than max_send_message")]
    TooLarge,
    /// The codec cannot write the message. Nothing was sent.
    #[error("the message cannot be encoded: {0}")]
    Codec(CodecError),
    /// A verb that makes no sense where the call stands. Nothing was sent.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The loop cannot wait for its socket.
    #[error("waiting for the socket failed: {0}")]
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
}

impl Failure {
    pub(super) fn local(status: Status, unprocessed: bool) -> Box<Self> {
        Box::new(Self { status, trailers: Metadata::new(), origin: Origin::Local, unprocessed })
    }

    /// How a call ended, OK included.
    pub(super) fn of(outcome: Outcome<'_>) -> Self {
        Self {
            trailers: outcome.trailers().to_metadata(),
            origin: outcome.origin(),
            unprocessed: outcome.unprocessed(),
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
            _ => Status::local(Side::Client, Code::Internal, self),
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
                Self::Failed(Failure::local(Status::new(Code::Cancelled, "client: the call has ended"), false))
            }
        }
    }
}
