//! What a typed method takes: a message or a stream as it is, or in a [`Request`] with metadata and a deadline.

use crate::adapter::tokio::Request;
use futures_core::Stream;

/// A message, alone or in a [`Request`].
pub trait IntoRequest<T> {
    /// The request.
    fn into_request(self) -> Request<T>;
}

impl<T> IntoRequest<T> for T {
    fn into_request(self) -> Request<T> {
        Request::of(self)
    }
}

impl<T> IntoRequest<T> for Request<T> {
    fn into_request(self) -> Request<T> {
        self
    }
}

/// A stream of messages, alone or in a [`Request`].
pub trait IntoStreamingRequest {
    /// The message.
    type Message;
    /// The stream.
    type Stream: Stream<Item = Self::Message>;

    /// The request.
    fn into_streaming_request(self) -> Request<Self::Stream>;
}

impl<S: Stream> IntoStreamingRequest for S {
    type Message = S::Item;
    type Stream = S;

    fn into_streaming_request(self) -> Request<S> {
        Request::of(self)
    }
}

impl<S: Stream> IntoStreamingRequest for Request<S> {
    type Message = S::Item;
    type Stream = S;

    fn into_streaming_request(self) -> Request<S> {
        self
    }
}
