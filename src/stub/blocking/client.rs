//! Typed calls that block.

use super::call::{Call, Fed};
use super::channel::Channel;
use super::error::{CallError, Failure};
use super::link::Link;
use crate::grpc::{CARDINALITY_VIOLATION, Metadata, Method, Side, Status};
use crate::stub::codec::Codec;
use crate::stub::mio::Incoming;
use core::time::Duration;
use std::string::String;
use std::sync::Arc;

/// A call to be made: its message, or its messages, and what goes with it. A message alone becomes one by `into`.
///
/// ```
/// use grpc_sansio::stub::blocking::Request;
/// use std::time::Duration;
///
/// let request = Request::new("a message").with_timeout(Duration::from_secs(5));
/// # let _ = request;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Request<M> {
    /// The message, or an iterator of messages.
    pub message: M,
    /// Initial metadata.
    pub metadata: Metadata,
    /// How long after it was opened the call ends with DEADLINE_EXCEEDED.
    pub timeout: Option<Duration>,
    /// `:authority`, where it is not the config's.
    pub authority: Option<String>,
    /// The server's call on whose behalf it is made.
    parent: Option<Arc<Link>>,
}

impl<M> Request<M> {
    /// A request with this message and nothing else.
    pub fn new(message: M) -> Self {
        Self { message, metadata: Metadata::new(), timeout: None, authority: None, parent: None }
    }

    /// The same with initial metadata.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The same with a time that the call may take.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The same on behalf of a call that this server serves: it takes no longer than that one may, and is cancelled when that
    /// one is (G-137). What has passed by now is taken off. A method in an event loop hands the time on only, as nothing may
    /// wait there.
    ///
    /// ```
    /// use grpc_sansio::stub::blocking::{Incoming, Request};
    ///
    /// fn behind(incoming: &Incoming<String>) -> Request<String> {
    ///     Request::new(incoming.message.clone()).within(incoming)
    /// }
    /// ```
    pub fn within<N>(mut self, incoming: &Incoming<N>) -> Self {
        self.timeout = [self.timeout, incoming.time_left()].into_iter().flatten().min();
        self.parent.clone_from(&incoming.link);
        self
    }

    /// The same for another `:authority` than the config's.
    pub fn with_authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = Some(authority.into());
        self
    }

    fn split(self) -> (M, Request<()>) {
        self.replace(())
    }

    fn replace<N>(self, message: N) -> (M, Request<N>) {
        let Self { metadata, timeout, authority, parent, .. } = self;
        (self.message, Request { message, metadata, timeout, authority, parent })
    }
}

impl<M> From<M> for Request<M> {
    fn from(message: M) -> Self {
        Self::new(message)
    }
}

/// Messages to send: anything that can be iterated, alone or in a [`Request`].
pub trait IntoRequests {
    /// The message.
    type Message;
    /// What gives them.
    type Iter: Iterator<Item = Self::Message>;

    /// The request.
    fn into_requests(self) -> Request<Self::Iter>;
}

impl<I: IntoIterator> IntoRequests for I {
    type Message = I::Item;
    type Iter = I::IntoIter;

    fn into_requests(self) -> Request<I::IntoIter> {
        Request::new(self.into_iter())
    }
}

impl<I: IntoIterator> IntoRequests for Request<I> {
    type Message = I::Item;
    type Iter = I::IntoIter;

    fn into_requests(self) -> Request<I::IntoIter> {
        let (messages, head) = self.split();
        head.replace(messages.into_iter()).1
    }
}

/// The whole of a response with one message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response<M> {
    /// The message.
    pub message: M,
    /// Initial metadata.
    pub metadata: Metadata,
    /// Trailing metadata.
    pub trailers: Metadata,
}

/// A channel with a codec: what a generated client that blocks is made of.
#[derive(Clone, Debug)]
pub struct Stub<C> {
    channel: Channel,
    codec: C,
}

impl<C> Stub<C> {
    /// Calls over this channel with this codec.
    pub fn new(channel: Channel, codec: C) -> Self {
        Self { channel, codec }
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Calls a unary method, and waits for its response.
    ///
    /// # Errors
    ///
    /// [`CallError::Failed`] where the call ended with another status than OK; the others for a call that cannot be made.
    pub fn unary<Req, Res>(&self, method: &Method, request: impl Into<Request<Req>>) -> Result<Response<Res>, CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let (message, head) = request.into().split();
        let mut call = self.duplex(method, head)?;
        call.send(&message)?;
        single(call)
    }

    /// Calls a method that answers with a stream, and is done when the request is queued.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the iterator.
    pub fn server_streaming<Req, Res>(
        &self,
        method: &Method,
        request: impl Into<Request<Req>>,
    ) -> Result<Call<Req, Res, C>, CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let (message, head) = request.into().split();
        let mut call = self.duplex(method, head)?;
        call.send(&message)?;
        Ok(call)
    }

    /// Calls a method that takes a stream, sends all that the iterator gives, and waits for the response.
    ///
    /// # Errors
    ///
    /// As [`Stub::unary`].
    pub fn client_streaming<R, Res>(&self, method: &Method, requests: R) -> Result<Response<Res>, CallError>
    where
        R: IntoRequests,
        C: Codec<R::Message> + Codec<Res>,
    {
        let (requests, head) = requests.into_requests().split();
        let mut call = self.duplex(method, head)?;
        for message in requests {
            if !call.send(&message)? {
                break;
            }
        }
        call.half_close()?;
        single(call)
    }

    /// Calls a method with streams both ways: as the responses are read, the requests are sent.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the iterator.
    pub fn bidi_streaming<R, Res>(
        &self,
        method: &Method,
        requests: R,
    ) -> Result<Fed<R::Iter, R::Message, Res, C>, CallError>
    where
        R: IntoRequests,
        C: Codec<R::Message> + Codec<Res>,
    {
        let (requests, head) = requests.into_requests().split();
        Ok(self.duplex(method, head)?.feed(requests))
    }

    /// Opens a call, to send requests one by one.
    ///
    /// # Errors
    ///
    /// As [`Stub::bidi_streaming`].
    pub fn duplex<Req, Res>(&self, method: &Method, request: Request<()>) -> Result<Call<Req, Res, C>, CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let parent = request.parent.as_ref().map(|parent| parent.adopt(self.channel.remote()));
        let (handle, watch) = self.channel.open(method, &self.codec, request)?;
        Ok(Call::new(self.channel.clone(), handle, watch, parent))
    }
}

/// The whole of a response with one message, once the call has ended.
fn single<Req, Res, C: Codec<Req> + Codec<Res>>(mut call: Call<Req, Res, C>) -> Result<Response<Res>, CallError> {
    let message = call.message()?;
    // The end is an item of its own.
    let message = match message {
        Some(message) => call.message()?.or(Some(message)),
        None => None,
    };
    let Some(message) = message else {
        let status = Status::local(Side::Client, CARDINALITY_VIOLATION, "the server sent no message (G-081)");
        return Err(Failure::local(status, CARDINALITY_VIOLATION.retry()).into());
    };
    let (metadata, trailers) = call.into_metadata();
    Ok(Response { message, metadata, trailers })
}
