//! What a server's method is made of.

use super::handler::{ConnectionId, Peer};
use super::intercept::Changed;
use crate::call::{Payload, Request};
use crate::event::CallId;
use crate::grpc::{Message, Metadata, Status};
use crate::time::Instant;
use core::time::Duration;

/// A call that a client opened.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Incoming<'a> {
    /// The connection it came on.
    pub connection: ConnectionId,
    /// Its name there. With both another thread's result finds its way back: see [`Next::Wait`].
    pub call: CallId,
    /// Path, initial metadata, deadline and the rest of the head, as it came.
    pub request: Request<'a>,
    /// Who made it.
    pub peer: &'a Peer,
    /// What interceptors have made of it.
    pub(super) changed: Option<&'a Changed>,
    /// Now, on the loop's clock.
    pub(super) now: Instant,
}

impl Incoming<'_> {
    /// Initial metadata, as interceptors have left it.
    pub fn metadata(&self) -> Metadata {
        match self.changed {
            Some(changed) => changed.metadata.clone(),
            None => self.request.metadata().to_metadata(),
        }
    }

    /// When the client stops waiting, or an interceptor wants the call to end.
    pub fn deadline(&self) -> Option<Instant> {
        match self.changed {
            Some(changed) => changed.deadline,
            None => self.request.deadline(),
        }
    }

    /// The deadline on a clock that every thread can read.
    pub(crate) fn time_limit(&self) -> Option<TimeLimit> {
        TimeLimit::new(self.deadline(), self.now)
    }
}

/// When the time of a call is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimit(std::time::Instant);

impl TimeLimit {
    fn new(deadline: Option<Instant>, now: Instant) -> Option<Self> {
        let left = deadline?.saturating_since(now);
        std::time::Instant::now().checked_add(left).map(Self)
    }

    /// What is left of it.
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(std::time::Instant::now())
    }
}

/// The request of a unary method.
#[derive(Debug)]
#[non_exhaustive]
pub struct UnaryRequest<'a> {
    /// Initial metadata.
    pub metadata: &'a Metadata,
    /// When the client stops waiting.
    pub deadline: Option<Instant>,
    /// The message; it tells whether it is compressed.
    pub message: Payload<'a>,
    /// Who sent it.
    pub peer: &'a Peer,
    /// Now, on the loop's clock.
    pub(super) now: Instant,
}

impl UnaryRequest<'_> {
    /// The deadline on a clock that every thread can read.
    pub(crate) fn time_limit(&self) -> Option<TimeLimit> {
        TimeLimit::new(self.deadline, self.now)
    }
}

/// The answer of a unary method that went well.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Reply<M = Message> {
    /// Initial metadata, with the head.
    pub metadata: Metadata,
    /// The coding of a compressed message; a server with codecs compresses with it if the client accepts it, and with
    /// `identity` not at all.
    pub encoding: Option<&'static str>,
    /// The message; in generated code one of its own type, or an iterator of them.
    pub message: M,
    /// Trailing metadata.
    pub trailers: Metadata,
}

impl Reply {
    /// A message without metadata.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::of(message.into())
    }
}

impl<M> Reply<M> {
    /// A typed message, or an iterator of them, without metadata.
    pub fn of(message: M) -> Self {
        Self { metadata: Metadata::new(), encoding: None, message, trailers: Metadata::new() }
    }

    /// With initial metadata.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// With `grpc-encoding`, for a message that is compressed.
    pub fn encoding(mut self, coding: &'static str) -> Self {
        self.encoding = Some(coding);
        self
    }

    /// With trailing metadata.
    pub fn trailers(mut self, trailers: Metadata) -> Self {
        self.trailers = trailers;
        self
    }
}

impl<M> From<M> for Reply<M> {
    fn from(message: M) -> Self {
        Self::of(message)
    }
}

/// How a call that failed ends: a status, and trailing metadata if there is any to say.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What went wrong.
    pub status: Status,
    /// Trailing metadata.
    pub trailers: Metadata,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self { status, trailers: Metadata::new() }
    }
}

/// What a [`Responder`] does next.
#[derive(Clone, Debug)]
pub enum Next<M = Message> {
    /// It sends this, and is asked again as soon as there is room for more.
    Message(M),
    /// It sends initial metadata, and is asked again at once. Only before its first message, and only if
    /// [`Responder::metadata`] gave none.
    Head(Metadata),
    /// It has nothing to send now: it is asked again after the next message from the client or its half-close.
    ///
    /// To be asked at another time, such as when another thread has found something, use a [`Resumer`](super::Resumer).
    Wait,
    /// It ends the call with OK and this trailing metadata.
    Finish(Metadata),
}

/// One call of a streaming method, in a server.
///
/// Messages are pulled from it when there is room for them, and while one of its messages waits for room it is given none
/// of the client's: so a client that does not read slows its own sending, and nothing piles up in between.
///
/// Dropping it is the end: the call has finished, or the client cancelled it, its deadline passed, or its connection is
/// gone.
///
/// ```
/// use grpc_sansio::adapter::mio::{Failure, Next, Responder, Routes};
/// use grpc_sansio::grpc::{Kind, Message, Metadata, Method};
/// use grpc_sansio::Payload;
///
/// const ECHO: Method = Method::from_static("/example.Echo/Echo", Kind::BidiStreaming);
///
/// /// Sends back each message as it comes.
/// #[derive(Default)]
/// struct Echo {
///     message: Option<Message>,
///     half_closed: bool,
/// }
///
/// impl Responder for Echo {
///     fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
///         self.message = Some(Message::new(message.into_bytes()));
///         Ok(())
///     }
///
///     fn half_close(&mut self) -> Result<(), Failure> {
///         self.half_closed = true;
///         Ok(())
///     }
///
///     fn next(&mut self) -> Result<Next, Failure> {
///         Ok(match self.message.take() {
///             Some(message) => Next::Message(message),
///             None if self.half_closed => Next::Finish(Metadata::new()),
///             None => Next::Wait,
///         })
///     }
/// }
///
/// let mut routes = Routes::new();
/// routes.streaming(&ECHO, |_| Ok(Echo::default()));
/// ```
pub trait Responder {
    /// Initial metadata. Where there is some it is sent at once, before anything is read; otherwise with the first message.
    fn metadata(&mut self) -> Metadata {
        Metadata::new()
    }

    /// The coding of those messages that it sends compressed. A server with codecs compresses with it if the client accepts
    /// it, and with `identity` not at all.
    fn encoding(&self) -> Option<&'static str> {
        None
    }

    /// Whether it takes a message now, or the news that no more come. While it does not, none is read, so the client has to
    /// wait; it is asked again as after [`Next::Wait`].
    fn is_ready(&self) -> bool {
        true
    }

    /// A message came.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure>;

    /// No more messages come.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn half_close(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// There is room for a message.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn next(&mut self) -> Result<Next, Failure>;
}
