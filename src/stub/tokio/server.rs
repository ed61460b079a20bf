//! Typed methods in a router.

use super::streaming::Decode;
use crate::adapter::tokio::{self as adapter, Cancellation, Incoming, Refusal, Response, Responses, Router};
use crate::grpc::{Metadata, Method, Side};
use crate::stub::codec::{self, Codec};
use futures_core::Stream;
use std::boxed::Box;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

/// The messages that a client sends: a [`Stream`], and [`Requests::message`] for a loop.
pub struct Requests<T> {
    requests: adapter::Requests,
    decode: Decode<T>,
}

impl<T> Requests<T> {
    fn new<C: Codec<T>>(requests: adapter::Requests, codec: C) -> Self {
        Self { requests, decode: Box::new(move |message| codec::from_message(&codec, Side::Server, message)) }
    }

    /// Waits for the next message; `None` once the client has sent its last. Dropped while it waits, it has taken nothing.
    ///
    /// # Errors
    ///
    /// [`Refusal`] where the call has stopped, or a message could not be decoded: hand it on by `?`.
    pub async fn message(&mut self) -> Result<Option<T>, Refusal> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await.transpose()
    }
}

impl<T> Stream for Requests<T> {
    type Item = Result<T, Refusal>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        Pin::new(&mut this.requests).poll_next(context).map(|item| item.map(|message| Ok((this.decode)(message?)?)))
    }
}

impl<T> fmt::Debug for Requests<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Requests").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// A service that is being put into a [`Router`]: what generated code calls once for each method.
///
/// Each function takes the method and how the service answers it. A stream that a service answers with is dropped when
/// nobody waits for the call any more.
pub struct Service<S, C> {
    service: Arc<S>,
    codec: C,
    router: Router,
}

impl<S: Send + Sync + 'static, C> Service<S, C> {
    /// A service without methods yet.
    pub fn new(service: S, codec: C) -> Self {
        Self { service: Arc::new(service), codec, router: Router::new() }
    }

    /// The router with the methods so far.
    pub fn into_router(self) -> Router {
        self.router
    }

    /// Adds a unary method.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind; likewise below.
    pub fn unary<Req, Res, F, A>(mut self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + Sync + 'static,
        F: Fn(Arc<S>, Incoming<Req>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Res>, Refusal>> + Send + 'static,
    {
        let (service, codec) = (Arc::clone(&self.service), self.codec.clone());
        self.router = self.router.unary(method, move |request| {
            let (service, codec, answer) = (Arc::clone(&service), codec.clone(), answer.clone());
            async move {
                let request = decode(&codec, request)?;
                encode(&codec, answer(service, request).await?)
            }
        });
        self
    }

    /// Adds a method that answers with a stream.
    pub fn server_streaming<Req, Res, F, A, St>(mut self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + Sync + 'static,
        F: Fn(Arc<S>, Incoming<Req>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<St>, Refusal>> + Send + 'static,
        St: Stream<Item = Result<Res, Refusal>> + Send + 'static,
    {
        let (service, codec) = (Arc::clone(&self.service), self.codec.clone());
        self.router = self.router.server_streaming(method, move |request, responses| {
            let (service, codec, answer) = (Arc::clone(&service), codec.clone(), answer.clone());
            async move {
                let cancellation = request.cancellation.clone();
                let request = decode(&codec, request)?;
                send_all(&codec, answer(service, request).await?, responses, &cancellation).await
            }
        });
        self
    }

    /// Adds a method that takes a stream.
    pub fn client_streaming<Req, Res, F, A>(mut self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + Sync + 'static,
        F: Fn(Arc<S>, Incoming<Requests<Req>>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<Res>, Refusal>> + Send + 'static,
    {
        let (service, codec) = (Arc::clone(&self.service), self.codec.clone());
        self.router = self.router.client_streaming(method, move |request| {
            let (service, codec, answer) = (Arc::clone(&service), codec.clone(), answer.clone());
            let (requests, request) = request.replace(());
            let request = request.replace(Requests::new(requests, codec.clone())).1;
            async move { encode(&codec, answer(service, request).await?) }
        });
        self
    }

    /// Adds a method with streams both ways.
    pub fn bidi_streaming<Req, Res, F, A, St>(mut self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: Send + 'static,
        Res: Send + Sync + 'static,
        F: Fn(Arc<S>, Incoming<Requests<Req>>) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Result<Response<St>, Refusal>> + Send + 'static,
        St: Stream<Item = Result<Res, Refusal>> + Send + 'static,
    {
        let (service, codec) = (Arc::clone(&self.service), self.codec.clone());
        self.router = self.router.bidi_streaming(method, move |request, responses| {
            let (service, codec, answer) = (Arc::clone(&service), codec.clone(), answer.clone());
            let cancellation = request.cancellation.clone();
            let (requests, request) = request.replace(());
            let request = request.replace(Requests::new(requests, codec.clone())).1;
            async move { send_all(&codec, answer(service, request).await?, responses, &cancellation).await }
        });
        self
    }
}

impl<S, C> fmt::Debug for Service<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("router", &self.router).finish_non_exhaustive()
    }
}

fn decode<Req, C: Codec<Req>>(codec: &C, request: Incoming) -> Result<Incoming<Req>, Refusal> {
    let (message, request) = request.replace(());
    let message = codec::from_message(codec, Side::Server, message)?;
    Ok(request.replace(message).1)
}

fn encode<Res, C: Codec<Res>>(codec: &C, response: Response<Res>) -> Result<Response, Refusal> {
    let (message, response) = response.replace(());
    let message = codec::to_message(codec, &message).map_err(|error| error.unwritten(Side::Server))?;
    Ok(response.replace(message).1)
}

/// Sends what a stream gives, as there is room for it, and gives back the trailing metadata.
async fn send_all<Res, St, C>(
    codec: &C,
    response: Response<St>,
    mut responses: Responses,
    cancellation: &Cancellation,
) -> Result<Metadata, Refusal>
where
    St: Stream<Item = Result<Res, Refusal>>,
    C: Codec<Res>,
{
    if let Some(coding) = &response.encoding {
        responses.set_encoding(coding)?;
    }
    if !response.metadata.is_empty() {
        responses.send_head(&response.metadata)?;
    }
    let mut stream = pin!(response.message);
    let mut stopped = pin!(cancellation.cancelled());
    loop {
        let next = poll_fn(|context| match stream.as_mut().poll_next(context) {
            // A stream that waits learns by being dropped that nobody waits for it.
            Poll::Pending => stopped.as_mut().poll(context).map(|()| None),
            Poll::Ready(item) => Poll::Ready(Some(item)),
        });
        match next.await {
            Some(Some(item)) => {
                let message = codec::to_message(codec, &item?);
                responses.send(message.map_err(|error| error.unwritten(Side::Server))?).await?;
            }
            // A call that has stopped takes any end.
            Some(None) | None => return Ok(response.trailers),
        }
    }
}
