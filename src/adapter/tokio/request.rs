//! What goes into a call and what comes out of it.

use super::parent::Parent;
use super::server_call::Cancellation;
use crate::grpc::{Message, Metadata};
use std::borrow::{Cow, ToOwned};
use std::string::String;
use std::time::Duration;
use tokio::time::Instant;

/// A call to be made: its message, for the kinds that have exactly one, and what goes with it.
///
/// ```
/// use grpc_sansio::adapter::tokio::Request;
/// use grpc_sansio::grpc::Metadata;
/// use std::time::Duration;
///
/// let mut metadata = Metadata::new();
/// metadata.append("tenant", "blue").unwrap();
/// let unary = Request::new("hello").with_metadata(metadata).with_timeout(Duration::from_secs(5));
/// let streaming = Request::empty().with_timeout(Duration::from_secs(60));
/// # let _ = (unary, streaming);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Request<M = Message> {
    /// The message; `()` where the client streams.
    pub message: M,
    /// Initial metadata.
    pub metadata: Metadata,
    /// When the call ends with DEADLINE_EXCEEDED.
    pub deadline: Option<Instant>,
    /// The coding of compressed messages, one of the config's; `identity` for none though the channel has a usual one.
    pub encoding: Option<Cow<'static, str>>,
    /// `:authority`, where it is not the config's.
    pub authority: Option<String>,
    /// What follows `application/grpc+` in `content-type`.
    pub content_subtype: Option<Cow<'static, str>>,
    /// How often this call was tried before.
    pub previous_attempts: u8,
    /// Ends the call when it ends.
    pub(super) parent: Option<Cancellation>,
}

impl Request {
    /// A request with this message and nothing else.
    pub fn new(message: impl Into<Message>) -> Self {
        Request::empty().with_message(message)
    }
}

impl Request<()> {
    /// A request without a message, for methods whose client streams.
    pub fn empty() -> Self {
        Self::default()
    }

    /// The same with a message.
    pub fn with_message(self, message: impl Into<Message>) -> Request {
        self.replace(message.into()).1
    }
}

impl<M> Request<M> {
    /// A request with a typed message, or a stream of them, as generated code takes it.
    pub fn of(message: M) -> Self {
        Request::empty().replace(message).1
    }

    /// Another message in the place of this one, which is handed back.
    pub(crate) fn replace<N>(self, message: N) -> (M, Request<N>) {
        let request = Request {
            message,
            metadata: self.metadata,
            deadline: self.deadline,
            encoding: self.encoding,
            authority: self.authority,
            content_subtype: self.content_subtype,
            previous_attempts: self.previous_attempts,
            parent: self.parent,
        };
        (self.message, request)
    }

    /// The same with initial metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same with a deadline so long from now. Where another one is set, the earlier counts.
    pub fn with_timeout(self, timeout: Duration) -> Self {
        match Instant::now().checked_add(timeout) {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// The same with a deadline, on tokio's clock. Where another one is set, the earlier counts.
    pub fn with_deadline(mut self, deadline: Instant) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |other| other.min(deadline)));
        self
    }

    /// The same on behalf of a call that this server serves: it takes no longer than that one may, and is cancelled when that
    /// one is, or has been answered (G-137). What has passed is taken off the `grpc-timeout` that goes out, which is
    /// computed when the call leaves (G-124).
    ///
    /// ```
    /// use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Request, Response};
    /// # use grpc_sansio::grpc::{Code, Method};
    ///
    /// # async fn example(channel: Channel, method: &'static Method) {
    /// let handler = async move |incoming: Incoming| {
    ///     let inner = Request::new("for the one behind").within(&incoming);
    ///     let answer = channel.unary(method, inner).await;
    ///     answer.map_err(|error| Refusal::new(error.code().unwrap_or(Code::Internal), error.to_string()))
    /// };
    /// # let _ = handler;
    /// # }
    /// ```
    pub fn within(mut self, parent: impl Into<Parent>) -> Self {
        let Parent { deadline, cancellation } = parent.into();
        self.parent = Some(cancellation);
        match deadline {
            Some(deadline) => self.with_deadline(deadline),
            None => self,
        }
    }

    /// The same with a coding. A channel with codecs compresses with it; without any, it is what messages with their
    /// compressed flag set are taken to be in.
    pub fn with_encoding(mut self, coding: impl Into<Cow<'static, str>>) -> Self {
        self.encoding = Some(coding.into());
        self
    }

    /// The same for another `:authority` than the config's.
    pub fn with_authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    /// The message, and the rest.
    pub(super) fn split(self) -> (M, Request<()>) {
        self.replace(())
    }
}

impl<M: Into<Message>> From<M> for Request {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}

/// The whole of a response with one message: what a client gets from a call, and what a handler answers with.
///
/// ```
/// use grpc_sansio::adapter::tokio::Response;
/// use grpc_sansio::grpc::Metadata;
///
/// let mut trailers = Metadata::new();
/// trailers.append("cost", "3").unwrap();
/// let response = Response::new("hello").with_trailers(trailers);
/// assert_eq!(response.message.data, "hello");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<M = Message> {
    /// The message; in generated code one of its own type, or a stream of them.
    pub message: M,
    /// Initial metadata.
    pub metadata: Metadata,
    /// Trailing metadata.
    pub trailers: Metadata,
    /// The coding of the message, if it is compressed.
    pub encoding: Option<Cow<'static, str>>,
}

impl Response {
    /// A response with this message and nothing else.
    pub fn new(message: impl Into<Message>) -> Self {
        Self::of(message.into())
    }
}

impl<M> Response<M> {
    /// A response with a typed message, or a stream of them, as generated code takes it.
    pub fn of(message: M) -> Self {
        Self { message, metadata: Metadata::new(), trailers: Metadata::new(), encoding: None }
    }

    /// Another message in the place of this one, which is handed back.
    pub(crate) fn replace<N>(self, message: N) -> (M, Response<N>) {
        let response = Response { message, metadata: self.metadata, trailers: self.trailers, encoding: self.encoding };
        (self.message, response)
    }

    /// The same with initial metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same with trailing metadata.
    pub fn with_trailers(mut self, trailers: Metadata) -> Self {
        self.trailers = trailers;
        self
    }

    /// The same with a coding, which has to be in the config. A server with codecs compresses with it if the client accepts
    /// it, and with `identity` not at all; without codecs it is for a message that is compressed already, and the client must
    /// accept it.
    pub fn with_encoding(mut self, coding: impl Into<Cow<'static, str>>) -> Self {
        self.encoding = Some(coding.into());
        self
    }
}

impl<M> From<M> for Response<M> {
    fn from(message: M) -> Self {
        Self::of(message)
    }
}

/// The head of a response: what a server says before its first message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseHead {
    /// Initial metadata.
    pub metadata: Metadata,
    /// The coding of compressed messages.
    pub encoding: Option<String>,
}

impl ResponseHead {
    pub(super) fn new(head: &crate::Response<'_>) -> Self {
        Self { metadata: head.metadata().to_metadata(), encoding: head.encoding().map(ToOwned::to_owned) }
    }
}
