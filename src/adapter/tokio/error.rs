//! How calls end, and what can go wrong before one begins.

use crate::call::{self, Stop};
use crate::error::{ConnectionError, Misuse, OpenError, Origin, SendError};
use crate::grpc::{Code, Kind, Message, Metadata, Retry, Side, Status};
use crate::intercept::Refused;
use std::boxed::Box;
use std::fmt;

/// How a call ended, as its client sees it. Every call has exactly one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// The server's status, or one made here; its message then says which rule or event it was.
    pub status: Status,
    /// Trailing metadata; empty where no trailers came.
    pub trailers: Metadata,
    /// Who produced the status: [`Origin::Peer`] for the server.
    pub origin: Origin,
    /// The server did not process any of the call, so that trying it again, on another connection, is always safe.
    pub unprocessed: bool,
    /// Whether to try again. Of a status that the server sent only its code is judged.
    pub retry: Retry,
}

impl Outcome {
    pub(super) fn new(outcome: &call::Outcome<'_>) -> Self {
        Self {
            status: outcome.status().clone(),
            trailers: outcome.trailers().to_metadata(),
            origin: outcome.origin(),
            unprocessed: outcome.unprocessed(),
            retry: outcome.retry(),
        }
    }

    /// One that is made here; safe to try again means that nothing was processed.
    pub(crate) fn local(status: Status, origin: Origin, retry: Retry) -> Self {
        Self { status, trailers: Metadata::new(), origin, unprocessed: retry == Retry::Safe, retry }
    }

    /// A call for which there was no connection.
    pub(super) fn no_connection(error: Option<&ConnectionError>) -> Self {
        let retry = Retry::Safe;
        let (status, origin) = match error {
            Some(error) => {
                (Status::of(Side::Client, Code::Unavailable, format_args!("{error}; retry: {retry}")), error.origin())
            }
            None => (Status::of(Side::Client, Code::Unavailable, OpenError::Draining), Origin::Local),
        };
        Self::local(status, origin, retry)
    }

    /// The trailing metadata of a call that ended well.
    ///
    /// # Errors
    ///
    /// [`Failure`] for every status but OK.
    pub fn into_result(self) -> Result<Metadata, Failure> {
        if self.status.is_ok() { Ok(self.trailers) } else { Err(Failure::new(self, Metadata::new())) }
    }
}

/// A call that ended with a status other than OK.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(Box<(Outcome, Metadata)>);

impl Failure {
    pub(crate) fn new(outcome: Outcome, metadata: Metadata) -> Self {
        Self(Box::new((outcome, metadata)))
    }

    /// The status.
    pub fn status(&self) -> &Status {
        &self.0.0.status
    }

    /// The status's code.
    pub fn code(&self) -> Code {
        self.status().code()
    }

    /// Trailing metadata.
    pub fn trailers(&self) -> &Metadata {
        &self.0.0.trailers
    }

    /// Initial metadata, where the call was made by [`Channel::unary`](super::Channel::unary) or ended by
    /// [`Call::response`](super::Call::response) and the server had sent some.
    pub fn metadata(&self) -> &Metadata {
        &self.0.1
    }

    /// Who produced the status: [`Origin::Peer`] for the server.
    pub fn origin(&self) -> Origin {
        self.0.0.origin
    }

    /// The server did not process any of the call, so that trying it again, on another connection, is always safe.
    pub fn unprocessed(&self) -> bool {
        self.0.0.unprocessed
    }

    /// Whether to try again. Of a status that the server sent only its code is judged.
    pub fn retry(&self) -> Retry {
        self.0.0.retry
    }

    /// All of it but the initial metadata.
    pub fn into_outcome(self) -> Outcome {
        self.0.0
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

impl std::error::Error for Failure {}

/// Why a client's call gave no response: it failed, or it was misused and nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The call ended with a status other than OK.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The request cannot be made: a path, an authority, metadata or an encoding that may not be sent.
    #[error("{0}")]
    Open(OpenError),
    /// The method is of another kind than the function that was to call it.
    #[error("application: the method is {0:?}, which another function calls; retry: useless")]
    Kind(Kind),
    /// An interceptor refused it. Nothing was sent, so trying again is safe.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The message is longer than `max_send_message`.
    #[error("application: the message is longer than max_send_message; retry: useless")]
    TooLarge,
    /// A verb that makes no sense where the call stands.
    #[error(transparent)]
    Misuse(#[from] Misuse),
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
            Self::Failed(failure) => Some(failure.code()),
            Self::Refused(refused) => Some(refused.status().code()),
            _ => None,
        }
    }

    /// The status that this is told interceptors as.
    pub(super) fn to_status(&self) -> Status {
        match self {
            Self::Failed(failure) => failure.status().clone(),
            Self::Refused(refused) => refused.status().clone(),
            _ => Status::of(Side::Client, Code::Internal, self),
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Failed(failure) => failure.retry(),
            Self::Open(error) => error.retry(),
            Self::Refused(refused) => refused.retry(),
            Self::Kind(_) | Self::TooLarge | Self::Misuse(_) => Retry::Useless,
        }
    }
}

/// The client does not wait for this call any more, or it was finished here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", match .reason {
    Some(Stop::Cancelled) => "HTTP/2: the client cancelled the call (RST_STREAM)",
    Some(Stop::DeadlineExceeded) => "gRPC: the deadline of the call passed (G-131)",
    Some(Stop::ConnectionLost) => "transport: the connection was lost",
    Some(_) => "gRPC: the client broke a rule on this call, and was told which",
    None => "application: the call was finished before",
})]
pub struct Stopped {
    /// Why it stopped before its time; `None` for a call that this side has finished.
    pub reason: Option<Stop>,
}

/// How a handler refuses a call: a status with metadata of its own.
///
/// It comes from a [`Status`], and from what reading and sending fail with, so that `?` serves in handlers.
///
/// ```
/// use grpc_sansio::adapter::tokio::Refusal;
/// use grpc_sansio::grpc::{Code, Metadata, Status};
///
/// let mut trailers = Metadata::new();
/// trailers.append("retry-after", "5").unwrap();
/// let refusal = Refusal::from(Status::new(Code::Unavailable, "warming up")).with_trailers(trailers);
/// assert_eq!(refusal.trailers().unwrap().get("retry-after"), Some("5"));
/// ```
#[derive(Clone, Debug)]
pub struct Refusal {
    status: Status,
    /// Behind a pointer, for it is rare: an error that moves through every `?` should be small.
    metadata: Option<Box<Metadata>>,
    trailers: Option<Box<Metadata>>,
}

impl Refusal {
    /// A refusal without metadata.
    pub fn new(code: Code, message: impl Into<std::borrow::Cow<'static, str>>) -> Self {
        Status::new(code, message).into()
    }

    /// The same with initial metadata; left out if the head was sent before.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = Some(Box::new(metadata));
        self
    }

    /// The same with trailing metadata.
    pub fn with_trailers(mut self, trailers: Metadata) -> Self {
        self.trailers = Some(Box::new(trailers));
        self
    }

    /// The status, trailing metadata, and initial metadata if there is any.
    pub(super) fn into_parts(self) -> (Status, Metadata, Option<Metadata>) {
        (
            self.status,
            self.trailers.map_or_else(Metadata::new, |trailers| *trailers),
            self.metadata.map(|metadata| *metadata),
        )
    }

    /// The status.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// Initial metadata, if there is any.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.metadata.as_deref()
    }

    /// Trailing metadata, if there is any.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.trailers.as_deref()
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self { status, metadata: None, trailers: None }
    }
}

impl From<Stopped> for Refusal {
    fn from(stopped: Stopped) -> Self {
        let code = match stopped.reason {
            Some(Stop::DeadlineExceeded) => Code::DeadlineExceeded,
            _ => Code::Cancelled,
        };
        Status::of(Side::Server, code, format_args!("{stopped}; retry: {}", code.retry())).into()
    }
}

impl From<SendError<Message>> for Refusal {
    fn from(error: SendError<Message>) -> Self {
        let code = match error {
            SendError::Ended(_) => Code::Cancelled,
            _ => Code::Internal,
        };
        Status::of(Side::Server, code, error).into()
    }
}

impl From<Misuse> for Refusal {
    fn from(misuse: Misuse) -> Self {
        Status::of(Side::Server, Code::Internal, misuse).into()
    }
}
