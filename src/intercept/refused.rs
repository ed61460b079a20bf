//! Why a call was refused.

use crate::grpc::{Code, Layer, Metadata, Retry, Side, Status};
use alloc::boxed::Box;
use core::fmt;

/// Why an interceptor lets a call not begin. On a client nothing was sent, so trying again is safe.
///
/// It comes from a [`Status`], so that `?` serves in interceptors.
///
/// ```
/// use grpc_sansio::grpc::{Code, Status};
/// use grpc_sansio::intercept::{Cause, Refused};
///
/// let refused = Refused::from(Status::new(Code::PermissionDenied, "not on Sundays"));
/// assert_eq!(refused.cause(), Cause::Other);
/// assert_eq!(refused.to_string(), "PERMISSION_DENIED: not on Sundays");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Box<Inner>);

/// Behind a pointer: an error that moves through every `?` should be small.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    status: Status,
    trailers: Metadata,
    cause: Cause,
}

/// What kind of reason it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// A credential that only goes over TLS met a connection without.
    Plaintext,
    /// There is no credential, or none that can be sent or is accepted.
    Credentials,
    /// A limit is reached: later there may be room.
    Limit,
    /// An interceptor of the application's own.
    Other,
}

impl Cause {
    const fn retry(self) -> Retry {
        match self {
            Self::Limit => Retry::Safe,
            Self::Plaintext | Self::Credentials | Self::Other => Retry::Useless,
        }
    }
}

impl Refused {
    pub(super) fn new(cause: Cause, status: Status) -> Self {
        Self(Box::new(Inner { status, trailers: Metadata::new(), cause }))
    }

    pub(super) fn local(cause: Cause, side: Side, code: Code, rule: impl fmt::Display) -> Self {
        Self::new(cause, Status::explained(side, Layer::Application, code, cause.retry(), rule))
    }

    /// The same with trailing metadata, which only a server sends.
    pub fn with_trailers(mut self, trailers: Metadata) -> Self {
        self.0.trailers = trailers;
        self
    }

    /// The status that the call ends with.
    pub fn status(&self) -> &Status {
        &self.0.status
    }

    /// Trailing metadata.
    pub fn trailers(&self) -> &Metadata {
        &self.0.trailers
    }

    /// What kind of reason it was.
    pub fn cause(&self) -> Cause {
        self.0.cause
    }

    /// Whether to try again. Nothing was processed, but of the causes only [`Cause::Limit`] passes by itself.
    pub fn retry(&self) -> Retry {
        match self.cause() {
            Cause::Other => self.status().code().retry(),
            cause => cause.retry(),
        }
    }

    /// The status and trailing metadata.
    pub fn into_parts(self) -> (Status, Metadata) {
        (self.0.status, self.0.trailers)
    }

    pub(super) fn parts_mut(&mut self) -> (&mut Status, &mut Metadata) {
        (&mut self.0.status, &mut self.0.trailers)
    }
}

impl From<Status> for Refused {
    fn from(status: Status) -> Self {
        Self::new(Cause::Other, status)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status().fmt(f)
    }
}

impl core::error::Error for Refused {}
