//! Typed methods in the routes of an event loop.

use crate::adapter::mio::{self as adapter, Failure, Next, Reply, Responder, Routes, TimeLimit};
use crate::call::Payload;
use crate::grpc::{CARDINALITY_VIOLATION, Kind, Message, Metadata, Method, Side, Status};
use crate::stub::blocking::Link;
use crate::stub::codec::{self, Codec};
use crate::time::Instant;
use alloc::sync::Arc;
use core::cell::RefCell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::boxed::Box;
use std::rc::Rc;

/// A call as a method of a service gets it: its message, or `()` where the client streams.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Incoming<M> {
    /// The message.
    pub message: M,
    /// Initial metadata.
    pub metadata: Metadata,
    /// When the client stops waiting, on the loop's clock.
    pub deadline: Option<Instant>,
    time_limit: Option<TimeLimit>,
    /// The call, where it has a thread of its own.
    pub(in crate::stub) link: Option<Arc<Link>>,
}

/// What answers one call of a method that takes a stream. It is dropped without [`Collect::finish`] where the call stops
/// before its time.
pub trait Collect<Req, Res> {
    /// A message came.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn message(&mut self, message: Req) -> Result<(), Failure>;

    /// No more messages come: this is the answer.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn finish(&mut self) -> Result<Reply<Res>, Failure>;
}

/// What answers one call of a method with streams both ways: as [`Responder`], with typed messages. It is dropped where the
/// call has finished or stopped.
pub trait Converse<Req, Res> {
    /// A message came. None does while one that this gave waits for room.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn message(&mut self, message: Req) -> Result<(), Failure>;

    /// No more messages come.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn half_close(&mut self) -> Result<(), Failure>;

    /// There is room for a message.
    ///
    /// # Errors
    ///
    /// Ends the call.
    fn next(&mut self) -> Result<Next<Res>, Failure>;
}

/// A service that is being put into [`Routes`]: what generated code calls once for each method.
///
/// All of its methods share the service, and one of them runs at a time.
pub struct Service<'a, S, C> {
    service: Rc<RefCell<S>>,
    codec: C,
    routes: &'a mut Routes,
}

impl<'a, S: 'static, C> Service<'a, S, C> {
    /// Adds the methods of `service` to `routes`.
    pub fn new(routes: &'a mut Routes, service: S, codec: C) -> Self {
        Self { service: Rc::new(RefCell::new(service)), codec, routes }
    }

    /// Adds a unary method.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind.
    pub fn unary<Req, Res, F>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        F: Fn(&mut S, Incoming<Req>) -> Result<Reply<Res>, Failure> + 'static,
    {
        let (service, codec) = (Rc::clone(&self.service), self.codec.clone());
        self.routes.unary(method, move |request| {
            let time_limit = request.time_limit();
            let message = codec::from_payload(&codec, Side::Server, request.message)?;
            let (metadata, deadline) = (request.metadata.clone(), request.deadline);
            let incoming = Incoming { message, metadata, deadline, time_limit, link: None };
            let Reply { metadata, encoding, message, trailers } = answer(&mut service.borrow_mut(), incoming)?;
            let message = encode(&codec, &message)?;
            Ok(Reply { metadata, encoding, message, trailers })
        });
        self
    }

    /// Adds a method that answers with a stream: an iterator, moved on when there is room for a message.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind.
    pub fn server_streaming<Req, Res, F, I>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        Res: 'static,
        F: Fn(&mut S, Incoming<Req>) -> Result<Reply<I>, Failure> + 'static,
        I: Iterator<Item = Result<Res, Failure>> + 'static,
    {
        assert!(method.kind() == Kind::ServerStreaming, "{} is of another kind", method.path());
        let (service, codec, answer) = (Rc::clone(&self.service), self.codec.clone(), Rc::new(answer));
        self.routes.streaming(method, move |incoming| {
            let (service, codec, answer) = (Rc::clone(&service), codec.clone(), Rc::clone(&answer));
            let head = head(incoming);
            let start = Box::new(move |message: Req| answer(&mut service.borrow_mut(), head.with(message)));
            Ok(Listing { start: Some(start), reply: None, head_said: false, codec, message: PhantomData })
        });
        self
    }

    /// Adds a method that takes a stream.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind.
    pub fn client_streaming<Req, Res, F, T>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        Res: 'static,
        F: Fn(&mut S, Incoming<()>) -> Result<T, Failure> + 'static,
        T: Collect<Req, Res> + 'static,
    {
        assert!(method.kind() == Kind::ClientStreaming, "{} is of another kind", method.path());
        let (service, codec) = (Rc::clone(&self.service), self.codec.clone());
        self.routes.streaming(method, move |incoming| {
            let collect = answer(&mut service.borrow_mut(), head(incoming))?;
            Ok(Collecting { collect, codec: codec.clone(), reply: Answer::Awaited, messages: PhantomData })
        });
        self
    }

    /// Adds a method with streams both ways.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind.
    pub fn bidi_streaming<Req, Res, F, T>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        Res: 'static,
        F: Fn(&mut S, Incoming<()>) -> Result<T, Failure> + 'static,
        T: Converse<Req, Res> + 'static,
    {
        assert!(method.kind() == Kind::BidiStreaming, "{} is of another kind", method.path());
        let (service, codec) = (Rc::clone(&self.service), self.codec.clone());
        self.routes.streaming(method, move |incoming| {
            let converse = answer(&mut service.borrow_mut(), head(incoming))?;
            Ok(Conversing { converse, codec: codec.clone(), messages: PhantomData })
        });
        self
    }
}

impl<S, C> fmt::Debug for Service<'_, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("routes", &self.routes).finish_non_exhaustive()
    }
}

impl<M> Incoming<M> {
    /// What is left now of the time that the client waits; `None` where it waits for ever. It can be asked in any thread.
    pub fn time_left(&self) -> Option<Duration> {
        self.time_limit.map(TimeLimit::left)
    }

    /// The same with another message.
    pub(in crate::stub) fn with<N>(self, message: N) -> Incoming<N> {
        Incoming {
            message,
            metadata: self.metadata,
            deadline: self.deadline,
            time_limit: self.time_limit,
            link: self.link,
        }
    }
}

/// What a request says before its first message.
pub(in crate::stub) fn head(incoming: &adapter::Incoming<'_>) -> Incoming<()> {
    let (metadata, deadline) = (incoming.metadata(), incoming.deadline());
    Incoming { message: (), metadata, deadline, time_limit: incoming.time_limit(), link: None }
}

fn encode<T, C: Codec<T>>(codec: &C, message: &T) -> Result<Message, Failure> {
    codec::to_message(codec, message).map_err(|error| error.unwritten(Side::Server).into())
}

/// One call of a method that answers with a stream.
struct Listing<Req, Res, I, C> {
    /// Until the message is there.
    start: Option<Start<Req, I>>,
    reply: Option<Reply<I>>,
    head_said: bool,
    codec: C,
    message: PhantomData<fn() -> Res>,
}

type Start<Req, I> = Box<dyn FnOnce(Req) -> Result<Reply<I>, Failure>>;

impl<Req, Res, I, C> Responder for Listing<Req, Res, I, C>
where
    C: Codec<Req> + Codec<Res>,
    I: Iterator<Item = Result<Res, Failure>>,
{
    fn encoding(&self) -> Option<&'static str> {
        self.reply.as_ref().and_then(|reply| reply.encoding)
    }

    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        let message = codec::from_payload(&self.codec, Side::Server, message)?;
        if let Some(start) = self.start.take() {
            self.reply = Some(start(message)?);
        }
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        match &self.start {
            // The connection refuses such a call before it is readable.
            Some(_) => {
                Err(Status::local(Side::Server, CARDINALITY_VIOLATION, "the client sent no message (G-080)").into())
            }
            None => Ok(()),
        }
    }

    fn next(&mut self) -> Result<Next, Failure> {
        let Some(reply) = &mut self.reply else { return Ok(Next::Wait) };
        if !core::mem::replace(&mut self.head_said, true) {
            return Ok(Next::Head(core::mem::take(&mut reply.metadata)));
        }
        match reply.message.next() {
            Some(message) => Ok(Next::Message(encode(&self.codec, &message?)?)),
            None => Ok(Next::Finish(core::mem::take(&mut reply.trailers))),
        }
    }
}

/// One call of a method that takes a stream.
struct Collecting<T, Req, Res, C> {
    collect: T,
    codec: C,
    reply: Answer,
    messages: PhantomData<fn(Req) -> Res>,
}

/// What is left to be said of an answer.
enum Answer {
    Awaited,
    Given { reply: Reply, head_said: bool },
    Said(Metadata),
}

impl<T, Req, Res, C> Responder for Collecting<T, Req, Res, C>
where
    C: Codec<Req> + Codec<Res>,
    T: Collect<Req, Res>,
{
    fn encoding(&self) -> Option<&'static str> {
        match &self.reply {
            Answer::Given { reply, .. } => reply.encoding,
            _ => None,
        }
    }

    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.collect.message(codec::from_payload(&self.codec, Side::Server, message)?)
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        let Reply { metadata, encoding, message, trailers } = self.collect.finish()?;
        let message = encode(&self.codec, &message)?;
        let reply = Reply { metadata, encoding, message, trailers };
        self.reply = Answer::Given { reply, head_said: false };
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        match &mut self.reply {
            Answer::Awaited => Ok(Next::Wait),
            Answer::Given { reply, head_said: head_said @ false } => {
                *head_said = true;
                Ok(Next::Head(core::mem::take(&mut reply.metadata)))
            }
            Answer::Given { reply, .. } => {
                let message = core::mem::take(&mut reply.message);
                self.reply = Answer::Said(core::mem::take(&mut reply.trailers));
                Ok(Next::Message(message))
            }
            Answer::Said(trailers) => Ok(Next::Finish(core::mem::take(trailers))),
        }
    }
}

/// One call of a method with streams both ways.
struct Conversing<T, Req, Res, C> {
    converse: T,
    codec: C,
    messages: PhantomData<fn(Req) -> Res>,
}

impl<T, Req, Res, C> Responder for Conversing<T, Req, Res, C>
where
    C: Codec<Req> + Codec<Res>,
    T: Converse<Req, Res>,
{
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.converse.message(codec::from_payload(&self.codec, Side::Server, message)?)
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.converse.half_close()
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match self.converse.next()? {
            Next::Message(message) => Next::Message(encode(&self.codec, &message)?),
            Next::Head(metadata) => Next::Head(metadata),
            Next::Wait => Next::Wait,
            Next::Finish(trailers) => Next::Finish(trailers),
        })
    }
}
