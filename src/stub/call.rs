//! Calls with typed messages over the pure [`Connection`](crate::Connection): for runtimes of your own.

use super::codec::{Codec, CodecError, from_payload};
use crate::call::{self, Call, Client, Role, Server};
use crate::connection::Connection;
use crate::error::{OpenError, SendError};
use crate::event::CallId;
use crate::grpc::{Method, Side, Status};
use crate::intercept::{self, ClientInterceptor, StartError};
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};

/// A call that is about to be opened: its method, its codec and the types of its messages.
///
/// Generated code makes it. [`Opening::with`] sets what else goes with the call.
#[must_use]
pub struct Opening<'a, Req, Res, C> {
    options: OpenOptions<'a>,
    codec: C,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<'a, Req, Res, C: Codec<Req> + Codec<Res>> Opening<'a, Req, Res, C> {
    /// A call of `method` with this codec.
    pub fn new(method: &'a Method, codec: C) -> Self {
        let mut options = OpenOptions::new(method);
        options.content_subtype = <C as Codec<Req>>::content_subtype(&codec);
        Self { options, codec, messages: PhantomData }
    }

    /// The same with metadata, a deadline and so on.
    pub fn with(mut self, change: impl FnOnce(OpenOptions<'a>) -> OpenOptions<'a>) -> Self {
        self.options = change(self.options);
        self
    }

    /// Opens the call. Nothing is sent for it before `transmit`.
    ///
    /// # Errors
    ///
    /// As [`Connection::open`].
    pub fn open(self, connection: &mut Connection<Client>, now: Instant) -> Result<ClientCall<Req, Res, C>, OpenError> {
        let id = connection.open(now, &self.options)?;
        Ok(CallHandle::new(id, self.codec))
    }

    /// As [`Opening::open`], through an interceptor: see [`intercept::open`].
    ///
    /// # Errors
    ///
    /// As there.
    #[expect(clippy::type_complexity, reason = "a call, and what its interceptor keeps of it")]
    pub fn open_with<I: ClientInterceptor>(
        self,
        interceptor: &I,
        connection: &mut Connection<Client>,
        now: Instant,
    ) -> Result<(ClientCall<Req, Res, C>, I::Hooks), StartError> {
        let (id, hooks) = intercept::open(interceptor, connection, now, &self.options)?;
        Ok((CallHandle::new(id, self.codec), hooks))
    }
}

impl<Req, Res, C> fmt::Debug for Opening<'_, Req, Res, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Names a call and knows the types of its messages: `Out` is sent, `In` received.
///
/// It is kept beside the connection, as a [`CallId`] is, and lends a [`TypedCall`] for a moment.
pub struct CallHandle<R, Out, In, C> {
    id: CallId,
    codec: C,
    types: PhantomData<fn(R, Out) -> In>,
}

/// A client's call.
pub type ClientCall<Req, Res, C> = CallHandle<Client, Req, Res, C>;

/// A server's call.
pub type ServerCall<Req, Res, C> = CallHandle<Server, Res, Req, C>;

impl<R: Role, Out, In, C: Codec<Out> + Codec<In>> CallHandle<R, Out, In, C> {
    /// Types for a call that has an id.
    pub fn new(id: CallId, codec: C) -> Self {
        Self { id, codec, types: PhantomData }
    }

    /// The call's name in its connection.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The codec of its messages.
    pub fn codec(&self) -> &C {
        &self.codec
    }

    /// A view of the call; `None` once it has been let go. It must be of the connection that gave its id.
    pub fn on<'a>(&'a self, connection: &'a mut Connection<R>) -> Option<TypedCall<'a, R, Out, In, C>> {
        let call = connection.call(self.id)?;
        Some(TypedCall { call, codec: &self.codec, types: PhantomData })
    }
}

impl<R, Out, In, C> fmt::Debug for CallHandle<R, Out, In, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallHandle").field(&self.id).finish()
    }
}

/// What a read gives: as [`Item`](crate::Item), with the message decoded.
pub enum Item<'a, R: Role, M> {
    /// Initial metadata and what goes with it.
    Head(R::Head<'a>),
    /// A message.
    Message(M),
    /// The last item: a server's half-close, a client's outcome.
    End(R::End<'a>),
}

impl<R: Role, M: fmt::Debug> fmt::Debug for Item<'_, R, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(head) => f.debug_tuple("Head").field(head).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::End(end) => f.debug_tuple("End").field(end).finish(),
        }
    }
}

/// Why a typed message was not queued. Nothing was sent, and the message is still the caller's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendTypedError {
    /// The call does not take it, or not now: see [`SendError`].
    #[error(transparent)]
    Refused(#[from] SendError<()>),
    /// The codec could not write it.
    #[error("message: a message cannot be encoded: {0}; retry: useless")]
    Codec(CodecError),
}

/// One call of a connection, for a moment: a [`Call`], to which it derefs, with messages of their own types.
#[must_use]
pub struct TypedCall<'a, R: Role, Out, In, C> {
    call: Call<'a, R>,
    codec: &'a C,
    types: PhantomData<fn(Out) -> In>,
}

impl<'a, R: Role + Sided, Out, In, C: Codec<Out> + Codec<In>> TypedCall<'a, R, Out, In, C> {
    /// Queues a message, encoded straight into the send queue where the codec cannot fail.
    ///
    /// # Errors
    ///
    /// [`SendTypedError::Refused`] as [`Call::send_with`] has it, decided by the codec's size hint before anything is
    /// encoded; [`SendTypedError::Codec`].
    pub fn send(&mut self, message: &Out) -> Result<(), SendTypedError> {
        let codec = self.codec;
        if <C as Codec<Out>>::FALLIBLE {
            let mut encoded = Vec::with_capacity(codec.size_hint(message));
            codec.encode(message, &mut encoded).map_err(SendTypedError::Codec)?;
            return Ok(self.call.send_with(encoded.len(), |buffer| buffer.extend_from_slice(&encoded))?);
        }
        Ok(self.call.send_with(codec.size_hint(message), |buffer| {
            let start = buffer.len();
            if codec.encode(message, buffer).is_err() {
                // The codec has said that it never fails.
                buffer.truncate(start);
            }
        })?)
    }

    /// Takes the next item, as [`Call::read`].
    ///
    /// # Errors
    ///
    /// INTERNAL where a message could not be decoded: the message is taken, and the call goes on. Who wants no more of it
    /// cancels it, or finishes it with the status.
    pub fn read(&mut self) -> Option<Result<Item<'_, R, In>, Status>> {
        Some(match self.call.read()? {
            call::Item::Head(head) => Ok(Item::Head(head)),
            call::Item::Message(payload) => from_payload(self.codec, R::SIDE, payload).map(Item::Message),
            call::Item::End(end) => Ok(Item::End(end)),
        })
    }

    /// The call itself, for the verbs that end it.
    pub fn into_call(self) -> Call<'a, R> {
        self.call
    }
}

/// The side that a role is, for what its errors say.
pub trait Sided: sealed::Sealed {
    /// The side.
    const SIDE: Side;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Client {}
    impl Sealed for super::Server {}
}

impl Sided for Client {
    const SIDE: Side = Side::Client;
}

impl Sided for Server {
    const SIDE: Side = Side::Server;
}

impl<'a, R: Role, Out, In, C> Deref for TypedCall<'a, R, Out, In, C> {
    type Target = Call<'a, R>;

    fn deref(&self) -> &Call<'a, R> {
        &self.call
    }
}

impl<R: Role, Out, In, C> DerefMut for TypedCall<'_, R, Out, In, C> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.call
    }
}

impl<R: Role, Out, In, C> fmt::Debug for TypedCall<'_, R, Out, In, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedCall").field(&self.call).finish()
    }
}
