//! One call of a server: what a handler is given.

use super::call::own;
use super::error::{Refusal, Stopped};
use super::finisher::Finisher;
use super::intercept::{self, ServerWatch};
use super::request::Response;
use super::shared::Shared;
use crate::call::{Item, Server, Stop};
use crate::error::{Misuse, SendError};
use crate::event::CallId;
use crate::grpc::{Code, Kind, Message, Metadata, Path, Side, Status, encoding};
use crate::intercept::{IncomingCall, ServerInterceptor};
use futures_core::Stream;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::string::String;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec::Vec;
use tokio::time::Instant;

/// The head of a request: what the client says before its first message.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RequestHead {
    /// The path, unchanged, such as `/package.Service/Method`.
    pub path: String,
    /// `:authority`, or `host`, or empty.
    pub authority: String,
    /// Initial metadata.
    pub metadata: Metadata,
    /// When the client stops waiting.
    pub deadline: Option<Instant>,
    /// The coding of compressed messages.
    pub encoding: Option<String>,
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// `content-type` as it came.
    pub content_type: String,
    /// The client's address, where the transport has one.
    pub peer: Option<SocketAddr>,
    /// The certificates that the client presented over TLS, its own first, each as DER. They have been verified:
    /// whoever is named in the first one is the client.
    pub certificates: Option<Certificates>,
}

/// Certificates as DER, shared by all calls of a connection.
pub type Certificates = Arc<[Vec<u8>]>;

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: Option<SocketAddr>,
    pub(super) certificates: Option<Certificates>,
}

/// A call that a client made, in the hands of its handler.
///
/// It ends by [`ServerCall::finish`]. One that is dropped before, by a handler that panics or forgets it, ends with
/// UNKNOWN.
#[derive(Debug)]
#[must_use]
pub struct ServerCall {
    head: RequestHead,
    requests: Requests,
    responses: Responses,
    finisher: Finisher,
}

impl ServerCall {
    /// Takes a call that was opened; `None` if it is gone already.
    pub(super) fn accept(shared: &Arc<Shared<Server>>, id: CallId, peer: &Peer) -> Option<Self> {
        let head = shared.with(|state| {
            let mut call = state.connection.call(id)?;
            let Some(Item::Head(request)) = call.read() else { return Some(RequestHead::default()) };
            Some(RequestHead {
                path: request.path().to_owned(),
                authority: request.authority().to_owned(),
                metadata: request.metadata().to_metadata(),
                deadline: request.deadline().and_then(|deadline| shared.tokio_time(deadline)),
                encoding: request.encoding().map(ToOwned::to_owned),
                user_agent: request.user_agent().map(ToOwned::to_owned),
                content_type: request.content_type().to_owned(),
                peer: peer.address,
                certificates: peer.certificates.clone(),
            })
        })?;
        let coding = shared.codecs().and(head.encoding.clone());
        Some(Self {
            head,
            requests: Requests { shared: Arc::clone(shared), id, ended: false, coding, watch: None },
            responses: Responses { shared: Arc::clone(shared), id, coding: Coding::Usual, watch: None },
            finisher: Finisher::new(Arc::clone(shared), id),
        })
    }

    /// Asks an interceptor about the call; `None` where it was refused, and has ended. For handlers that are functions of a
    /// call: see [`Server::with_interceptor`](super::Server::with_interceptor) otherwise.
    pub fn intercept<I>(mut self, interceptor: &I) -> Option<Self>
    where
        I: ServerInterceptor<Hooks: Send + 'static>,
    {
        let before = self.head.deadline.map(intercept::at);
        let mut call = IncomingCall {
            path: &self.head.path,
            authority: &self.head.authority,
            metadata: &mut self.head.metadata,
            deadline: before,
            now: intercept::now(),
            peer: self.head.peer,
            certificates: self.head.certificates.as_deref(),
        };
        let hooks = match interceptor.start(&mut call) {
            Ok(hooks) => hooks,
            Err(refused) => {
                let (status, trailers) = refused.into_parts();
                self.finish(&status, &trailers);
                return None;
            }
        };
        let deadline = call.deadline;
        if deadline < before || before.is_none() {
            self.limit_deadline(intercept::deadline_after(self.head.deadline, deadline));
        }
        let watch = ServerWatch::with(self.finisher.watch.as_ref(), Box::new(hooks));
        self.requests.watch = Some(watch.clone());
        self.responses.watch = Some(watch.clone());
        self.finisher.watch = Some(watch);
        Some(self)
    }

    fn limit_deadline(&mut self, deadline: Option<Instant>) {
        let Some(deadline) = deadline else { return };
        self.head.deadline = Some(deadline);
        let shared = &self.requests.shared;
        shared.with(|state| {
            if let Some(mut call) = state.connection.call(self.requests.id) {
                call.limit_deadline(shared.at(deadline));
            }
        });
    }

    /// What the client said before its first message.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// The path, such as `/package.Service/Method`.
    pub fn path(&self) -> &str {
        &self.head.path
    }

    /// Tells what kind of method this is, so that the numbers of messages are checked.
    ///
    /// # Errors
    ///
    /// [`Misuse::KindKnown`] where another kind was told before.
    pub fn expect(&mut self, kind: Kind) -> Result<(), Misuse> {
        self.requests.shared.with(|state| match state.connection.call(self.requests.id) {
            Some(mut call) => call.expect(kind),
            None => Ok(()),
        })
    }

    /// As [`Requests::message`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn message(&mut self) -> Result<Option<Message>, Stopped> {
        self.requests.message().await
    }

    /// As [`Responses::set_encoding`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn set_encoding(&mut self, coding: &str) -> Result<(), Misuse> {
        self.responses.set_encoding(coding)
    }

    /// As [`Responses::send_head`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_head(&mut self, metadata: &Metadata) -> Result<(), Misuse> {
        self.responses.send_head(metadata)
    }

    /// As [`Responses::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        self.responses.send(message).await
    }

    /// Tells when nobody waits for the call any more.
    pub fn cancellation(&self) -> Cancellation {
        Cancellation { shared: Arc::clone(&self.requests.shared), id: self.requests.id }
    }

    /// Ends the call with a status and trailing metadata, once all messages have left. Names that are reserved are left
    /// out of the metadata.
    pub fn finish(self, status: &Status, trailers: &Metadata) {
        self.finisher.finish(status, trailers);
    }

    /// Ends the call with the one message of a unary or client-streaming method, or with a refusal.
    pub fn respond(self, mut result: Result<Response, Refusal>) {
        if let (Ok(response), Coding::Chosen(coding)) = (&mut result, &self.responses.coding)
            && response.encoding.is_none()
        {
            let message = std::mem::take(&mut response.message);
            response.message = self.finisher.shared.encode(coding.as_deref(), message);
            return self.finisher.answer(result);
        }
        self.finisher.respond(result);
    }

    /// The parts: to receive and to send at the same time, and to end the call. All but the last can be dropped freely.
    pub fn split(self) -> (RequestHead, Requests, Responses, Finisher) {
        (self.head, self.requests, self.responses, self.finisher)
    }
}

/// The messages that a client sends.
#[derive(Debug)]
pub struct Requests {
    shared: Arc<Shared<Server>>,
    id: CallId,
    /// The client has sent its last message.
    ended: bool,
    /// What the client's codec is called.
    coding: Option<String>,
    watch: Option<ServerWatch>,
}

impl Requests {
    /// Waits for the next message; `None` once the client has sent its last. Taking it makes room for the client to send
    /// more. Dropped while it waits, it has taken nothing.
    ///
    /// # Errors
    ///
    /// [`Stopped`] where the call has ended before that, messages that were not taken left aside.
    pub async fn message(&mut self) -> Result<Option<Message>, Stopped> {
        poll_fn(|context| self.poll_message(context)).await
    }

    fn poll_message(&mut self, context: &Context<'_>) -> Poll<Result<Option<Message>, Stopped>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let mut polled = self.shared.with(|state| {
            let Some(call) = state.connection.call(self.id) else {
                return Poll::Ready(Err(Stopped { reason: None }));
            };
            if let Some(reason) = call.stopped() {
                return Poll::Ready(Err(Stopped { reason: Some(reason) }));
            }
            let read = state.poll_read(self.id, context, |item| match item {
                Item::Message(payload) => Some(own(payload)),
                Item::Head(_) | Item::End(_) => None,
            });
            read.map(|message| Ok(message.flatten()))
        });
        if let Poll::Ready(Ok(Some(message))) = polled {
            polled = Poll::Ready(self.decode(message).map(Some));
        }
        self.ended = matches!(polled, Poll::Ready(Ok(None)));
        polled
    }

    /// A message as the client meant it. One that cannot be decompressed ends the call.
    fn decode(&self, message: Message) -> Result<Message, Stopped> {
        self.shared.decode(self.coding.as_deref(), message).map_err(|error| {
            let mut status = error.status(Side::Server);
            let mut trailers = Metadata::new();
            if let Some(watch) = &self.watch {
                watch.end(&mut status, &mut trailers, false);
            }
            self.shared.with(|state| {
                if let Some(call) = state.connection.call(self.id) {
                    call.finish(&status, &trailers);
                    state.wake_all_of(self.id);
                }
            });
            Stopped { reason: Some(Stop::PeerFault) }
        })
    }
}

impl Stream for Requests {
    type Item = Result<Message, Stopped>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_message(context).map(Result::transpose)
    }
}

/// What a server answers with: a head and messages.
#[derive(Debug)]
pub struct Responses {
    shared: Arc<Shared<Server>>,
    id: CallId,
    coding: Coding,
    watch: Option<ServerWatch>,
}

/// What a server compresses its responses with.
#[derive(Debug)]
enum Coding {
    /// What its codecs say, once the head goes out.
    Usual,
    /// This, or nothing.
    Chosen(Option<String>),
}

impl Responses {
    /// Names the coding of compressed messages. To be told before the head is sent. A server with codecs compresses with
    /// it; `identity` is no compression, though there is a usual coding.
    ///
    /// # Errors
    ///
    /// [`Misuse::HeadSent`]; [`Misuse::EncodingNotAccepted`] for a coding that the config does not list, or that the
    /// client does not accept.
    pub fn set_encoding(&mut self, coding: &str) -> Result<(), Misuse> {
        if coding == encoding::IDENTITY && self.shared.codecs().is_some() {
            self.coding = Coding::Chosen(None);
            return Ok(());
        }
        self.verb(|call| call.set_encoding(coding))?;
        self.coding = Coding::Chosen(Some(coding.to_owned()));
        Ok(())
    }

    /// The head is about to go out: if nothing was said of a coding, the usual one is named now.
    fn settle_coding(&mut self) {
        if let (Coding::Usual, Some(codecs)) = (&self.coding, self.shared.codecs()) {
            let chosen = codecs.choose(|name| self.verb(|call| call.set_encoding(name)).is_ok());
            self.coding = Coding::Chosen(chosen.map(ToOwned::to_owned));
        }
    }

    /// A head that the first message implies is shown to interceptors, and sent if they have something to say.
    fn settle_head(&mut self) {
        let Some(watch) = &self.watch else { return };
        let mut metadata = Metadata::new();
        if watch.head(&mut metadata) && !metadata.is_empty() {
            // Where it was sent without them knowing, or cannot be sent, the message matters more.
            let _ = self.verb(|call| call.send_head(&metadata));
        }
    }

    fn encode(&mut self, message: Message) -> Message {
        self.settle_coding();
        self.settle_head();
        match &self.coding {
            Coding::Chosen(coding) => self.shared.encode(coding.as_deref(), message),
            Coding::Usual => message,
        }
    }

    /// Sends initial metadata. Without it the first message implies a head.
    ///
    /// # Errors
    ///
    /// [`Misuse::HeadSent`]; [`Misuse::ReservedMetadata`].
    pub fn send_head(&mut self, metadata: &Metadata) -> Result<(), Misuse> {
        self.settle_coding();
        let Some(watch) = &self.watch else { return self.verb(|call| call.send_head(metadata)) };
        let mut metadata = metadata.clone();
        watch.head(&mut metadata);
        self.verb(|call| call.send_head(&metadata))
    }

    /// A call that is gone takes every verb.
    fn verb(&self, verb: impl FnOnce(&mut crate::Call<'_, Server>) -> Result<(), Misuse>) -> Result<(), Misuse> {
        self.shared.with(|state| match state.connection.call(self.id) {
            Some(mut call) => verb(&mut call),
            None => Ok(()),
        })
    }

    /// Queues a message, waiting until the queue has room: that is how a slow client slows its server. Dropped while it
    /// waits, it has sent nothing.
    ///
    /// # Errors
    ///
    /// [`SendError::Ended`] hands the message back where the call has stopped or was finished. Never [`SendError::Full`].
    pub async fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        let mut message = Some(self.encode(message.into()));
        poll_fn(|context| self.shared.with(|state| state.poll_send(self.id, &mut message, context))).await
    }

    /// Queues a message if there is room. One that is handed back may have been compressed, and can be sent again so.
    ///
    /// # Errors
    ///
    /// As [`Responses::send`], and [`SendError::Full`].
    pub fn try_send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        let message = self.encode(message.into());
        self.shared.with(|state| state.try_send(self.id, message))
    }
}

/// Tells a handler, or anyone whom it asks, when nobody waits for a call any more.
#[derive(Clone, Debug)]
pub struct Cancellation {
    shared: Arc<Shared<Server>>,
    id: CallId,
}

impl Cancellation {
    /// The call that it is of.
    pub(super) fn place(&self) -> (&Arc<Shared<Server>>, CallId) {
        (&self.shared, self.id)
    }

    /// Waits until the call has stopped: cancelled, past its deadline, or cut off. A call that was finished counts too.
    pub async fn cancelled(&self) {
        poll_fn(|context| self.shared.with(|state| state.poll_stopped(self.id, context))).await;
    }

    /// Whether it has.
    pub fn is_cancelled(&self) -> bool {
        self.shared.with(|state| state.connection.call(self.id).is_none_or(|call| call.stopped().is_some()))
    }

    /// Why it has; `None` while it goes on, and after it was finished.
    pub fn reason(&self) -> Option<Stop> {
        self.shared.with(|state| state.connection.call(self.id)?.stopped())
    }
}

impl RequestHead {
    /// The answer to a method that is not there.
    pub(super) fn unknown_method(&self) -> Status {
        match Path::parse(self.path.as_bytes()) {
            Ok(path) => Status::unknown_method(path),
            Err(error) => Status::of(Side::Server, Code::Unimplemented, error),
        }
    }
}
