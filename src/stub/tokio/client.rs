//! Typed calls over a channel.

use super::request::{IntoRequest, IntoStreamingRequest};
use super::streaming::{Sender, Streaming, failed, send_all};
use crate::adapter::tokio::{CallError, CallReceiver, Channel, Request, Response};
use crate::grpc::{CARDINALITY_VIOLATION, Message, Method, Side, Status};
use crate::stub::codec::{self, Codec};
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

/// A channel with a codec: what a generated client is made of.
///
/// ```
/// use grpc_sansio::adapter::tokio::{Channel, Response, Router, Server};
/// use grpc_sansio::grpc::{Kind, Method};
/// use grpc_sansio::stub::{Raw, tokio::Stub};
/// use grpc_sansio::{ClientConfig, ServerConfig};
///
/// static SHOUT: Method = Method::from_static("/demo.Echo/Shout", Kind::Unary);
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let router = Router::new().unary(&SHOUT, |request| async move {
/// #     Ok(Response::new(request.message.data.to_ascii_uppercase()))
/// # });
/// # let (near, far) = tokio::io::duplex(4096);
/// # tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
/// # let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
/// # tokio::spawn(driver);
/// let stub = Stub::new(channel, Raw);
/// let response = stub.unary::<Vec<u8>, Vec<u8>>(&SHOUT, b"hello".to_vec()).await?;
/// assert_eq!(response.message, b"HELLO");
/// # Ok(()) }
/// ```
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

    /// Calls a unary method.
    ///
    /// # Errors
    ///
    /// As [`Channel::unary`]; INTERNAL where a message cannot be encoded or decoded.
    pub async fn unary<Req, Res>(
        &self,
        method: &Method,
        request: impl IntoRequest<Req>,
    ) -> Result<Response<Res>, CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let response = self.channel.unary(method, self.encode(request.into_request())?).await?;
        self.decode(response)
    }

    /// Calls a method that answers with a stream.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the stream.
    pub async fn server_streaming<Req, Res>(
        &self,
        method: &Method,
        request: impl IntoRequest<Req>,
    ) -> Result<Streaming<Res>, CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let receiver = self.channel.server_streaming(method, self.encode(request.into_request())?).await?;
        Ok(Streaming::new(receiver, self.codec.clone()))
    }

    /// Calls a method that takes a stream, which is polled here until the server has answered.
    ///
    /// # Errors
    ///
    /// As [`Stub::unary`].
    pub async fn client_streaming<R, Res>(&self, method: &Method, requests: R) -> Result<Response<Res>, CallError>
    where
        R: IntoStreamingRequest,
        C: Codec<R::Message> + Codec<Res>,
    {
        let (requests, head) = self.head::<R::Message, _>(requests.into_streaming_request());
        let (mut sender, receiver) = self.channel.client_streaming(method, head).await?.split();
        let response = {
            let mut sending = pin!(send_all(requests, &mut sender, &self.codec));
            let mut receiving = pin!(single(receiver));
            let mut sent = false;
            poll_fn(|context| {
                if !sent && let Poll::Ready(result) = sending.as_mut().poll(context) {
                    sent = true;
                    if let Err(status) = result {
                        return Poll::Ready(Err(failed(status).into()));
                    }
                }
                receiving.as_mut().poll(context)
            })
            .await?
        };
        self.decode(response)
    }

    /// Calls a method with streams both ways. The requests are sent in a task of their own, so this has to run within a
    /// tokio runtime.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the stream.
    pub async fn bidi_streaming<R, Res>(&self, method: &Method, requests: R) -> Result<Streaming<Res>, CallError>
    where
        R: IntoStreamingRequest<Message: Send + Sync, Stream: Send + 'static>,
        C: Codec<R::Message> + Codec<Res>,
    {
        let (requests, head) = self.head::<R::Message, _>(requests.into_streaming_request());
        let (sender, receiver) = self.channel.bidi_streaming(method, head).await?.split();
        Ok(Streaming::new(receiver, self.codec.clone()).fed_by(requests, sender, self.codec.clone()))
    }

    /// Calls a method with streams both ways, and sends requests one by one.
    ///
    /// # Errors
    ///
    /// As [`Stub::bidi_streaming`].
    pub async fn duplex<Req, Res>(
        &self,
        method: &Method,
        request: Request<()>,
    ) -> Result<(Sender<Req>, Streaming<Res>), CallError>
    where
        C: Codec<Req> + Codec<Res>,
    {
        let ((), head) = self.head::<Req, _>(request);
        let (sender, receiver) = self.channel.bidi_streaming(method, head).await?.split();
        Ok((Sender::new(sender, self.codec.clone()), Streaming::new(receiver, self.codec.clone())))
    }

    /// What goes with a call, and what it is to send.
    fn head<T, M>(&self, request: Request<M>) -> (M, Request<()>)
    where
        C: Codec<T>,
    {
        let (message, mut head) = request.replace(());
        if head.content_subtype.is_none() {
            head.content_subtype = self.codec.content_subtype().map(Cow::Borrowed);
        }
        (message, head)
    }

    fn encode<Req>(&self, request: Request<Req>) -> Result<Request, CallError>
    where
        C: Codec<Req>,
    {
        let (message, head) = self.head::<Req, _>(request);
        let message = codec::to_message(&self.codec, &message);
        Ok(head.with_message(message.map_err(|error| failed(error.unwritten(Side::Client)))?))
    }

    fn decode<Res>(&self, response: Response) -> Result<Response<Res>, CallError>
    where
        C: Codec<Res>,
    {
        let (message, response) = response.replace(());
        let message: Result<Res, _> = codec::from_message(&self.codec, Side::Client, message);
        Ok(response.replace(message.map_err(failed)?).1)
    }
}

/// The whole of a response with one message.
async fn single(mut receiver: CallReceiver) -> Result<Response<Message>, CallError> {
    let message = receiver.message().await?;
    let head = receiver.head().await.cloned().unwrap_or_default();
    let outcome = receiver.outcome().await.clone();
    if !outcome.status.is_ok() {
        return Err(outcome.into());
    }
    let Some(message) = message else {
        let status = Status::local(Side::Client, CARDINALITY_VIOLATION, "the server sent no message (G-081)");
        return Err(failed(status).into());
    };
    let mut response = Response::of(message).with_metadata(head.metadata).with_trailers(outcome.trailers);
    response.encoding = head.encoding.map(Cow::Owned);
    Ok(response)
}
