//! Typed methods that block, in the routes of an event loop.

use super::link::{Job, Replies, Requests, Working, ends};
use super::threads::{Jobs, Threads};
use crate::adapter::mio::{self as adapter, Failure, Reply, Routes};
use crate::grpc::{CARDINALITY_VIOLATION, Kind, Metadata, Method, Side, Status};
use crate::stub::codec::Codec;
use crate::stub::mio::{Incoming, head};
use core::fmt;
use std::boxed::Box;
use std::sync::Arc;

/// A service whose methods run in [`Threads`], and that is being put into [`Routes`]: what generated code calls once for
/// each method.
pub struct Service<'a, S, C> {
    service: Arc<S>,
    codec: C,
    routes: &'a mut Routes,
    threads: &'a Threads,
}

impl<'a, S: Send + Sync + 'static, C> Service<'a, S, C> {
    /// Adds the methods of `service` to `routes`.
    pub fn new(routes: &'a mut Routes, threads: &'a Threads, service: S, codec: C) -> Self {
        Self { service: Arc::new(service), codec, routes, threads }
    }

    /// Adds a unary method.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind; likewise below.
    pub fn unary<Req, Res, F>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        F: Fn(&S, Incoming<Req>) -> Result<Reply<Res>, Failure> + Copy + Send + 'static,
    {
        self.add(method, Kind::Unary, move |service, codec, head, mut requests, replies| {
            let reply = answer(service, only(head, &mut requests)?)?;
            one(codec, reply, replies)
        })
    }

    /// Adds a method that answers with a stream: an iterator, which may block.
    pub fn server_streaming<Req, Res, F, I>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        F: Fn(&S, Incoming<Req>) -> Result<Reply<I>, Failure> + Copy + Send + 'static,
        I: Iterator<Item = Result<Res, Failure>>,
    {
        self.add(method, Kind::ServerStreaming, move |service, codec, head, mut requests, replies| {
            let reply = answer(service, only(head, &mut requests)?)?;
            all(codec, reply, replies)
        })
    }

    /// Adds a method that takes a stream.
    pub fn client_streaming<Req, Res, F>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        F: Fn(&S, Incoming<Requests<Req>>) -> Result<Reply<Res>, Failure> + Copy + Send + 'static,
    {
        self.add(method, Kind::ClientStreaming, move |service, codec, head, requests, replies| {
            one(codec, answer(service, head.with(requests))?, replies)
        })
    }

    /// Adds a method with streams both ways.
    pub fn bidi_streaming<Req, Res, F, I>(self, method: &Method, answer: F) -> Self
    where
        C: Codec<Req> + Codec<Res>,
        Req: 'static,
        F: Fn(&S, Incoming<Requests<Req>>) -> Result<Reply<I>, Failure> + Copy + Send + 'static,
        I: Iterator<Item = Result<Res, Failure>>,
    {
        self.add(method, Kind::BidiStreaming, move |service, codec, head, requests, replies| {
            all(codec, answer(service, head.with(requests))?, replies)
        })
    }

    fn add<Req, F>(self, method: &Method, kind: Kind, answer: F) -> Self
    where
        C: Codec<Req>,
        Req: 'static,
        F: Fn(&S, &C, Incoming<()>, Requests<Req>, &Replies) -> Result<Metadata, Failure> + Copy + Send + 'static,
    {
        assert!(method.kind() == kind, "{} is of another kind", method.path());
        let (service, codec) = (Arc::clone(&self.service), self.codec.clone());
        let (link, jobs) = (self.threads.link(), self.threads.jobs());
        self.routes.streaming(method, move |incoming: &adapter::Incoming<'_>| {
            let (service, codec, mut head) = (Arc::clone(&service), codec.clone(), head(incoming));
            let link = link(incoming.connection, incoming.call);
            let (working, requests, replies) = ends(&link, codec.clone());
            head.link = Some(link);
            let job = Box::new(move || {
                let result = answer(&service, &codec, head, requests, &replies);
                replies.end(result);
            });
            begin(kind, working, job, &jobs)
        });
        self
    }
}

/// A thread is taken at once where the client streams, and otherwise when its message is there.
fn begin(kind: Kind, working: Working, job: Job, jobs: &Arc<Jobs>) -> Result<Working, Failure> {
    if !kind.client_streams() {
        return Ok(working.with_job(job, Arc::clone(jobs)));
    }
    working.begin(job, jobs)?;
    Ok(working)
}

/// The one message of a method whose client does not stream.
fn only<Req>(head: Incoming<()>, requests: &mut Requests<Req>) -> Result<Incoming<Req>, Failure> {
    // The connection refuses a call without one before it is readable.
    let none = || Err(Status::local(Side::Server, CARDINALITY_VIOLATION, "the client sent no message (G-080)").into());
    Ok(head.with(requests.next().unwrap_or_else(none)?))
}

/// Answers with one message.
fn one<Res, C: Codec<Res>>(codec: &C, reply: Reply<Res>, replies: &Replies) -> Result<Metadata, Failure> {
    let (message, trailers) = replies.head(reply)?;
    replies.message(codec, &message)?;
    Ok(trailers)
}

/// Answers with as many as there are.
fn all<Res, C, I>(codec: &C, reply: Reply<I>, replies: &Replies) -> Result<Metadata, Failure>
where
    C: Codec<Res>,
    I: Iterator<Item = Result<Res, Failure>>,
{
    let (messages, trailers) = replies.head(reply)?;
    for message in messages {
        replies.message(codec, &message?)?;
    }
    Ok(trailers)
}

impl<S, C> fmt::Debug for Service<'_, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("routes", &self.routes).finish_non_exhaustive()
    }
}
