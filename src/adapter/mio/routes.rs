//! A server's methods, by their paths.

use super::handler::{ConnectionId, Handler, Peer};
use super::intercept::{Interceptors, Watch};
use super::paths::Paths;
use super::remote::Remote;
use super::responder::{Failure, Incoming, Reply, Responder, UnaryRequest};
use super::resumer::{Resumed, Resumer};
use super::work::{Coding, End, Route, Talk, Work};
use crate::call::{Call, Item, Server};
use crate::codec::Codecs;
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::grpc::{Kind, Metadata, Method};
use crate::intercept::ServerInterceptor;
use crate::time::Instant;
use core::fmt;
use std::boxed::Box;
use std::io;
use std::string::ToString;
use std::vec::Vec;

/// A table of methods, and the calls of them that are open: the [`Handler`] of a server.
///
/// A path that is not in it is answered with UNIMPLEMENTED. Unary methods are closures; those that stream are made of
/// [`Responder`]s.
#[derive(Default)]
pub struct Routes {
    paths: Paths,
    methods: Vec<(Kind, Route)>,
    /// By [`ConnectionId::index`], then by [`CallId::index`].
    calls: Vec<Vec<Option<Open>>>,
    codecs: Option<Codecs>,
    interceptors: Option<Interceptors>,
    resumed: Resumed,
    /// When the last event came.
    now: Instant,
    /// By [`ConnectionId::index`].
    peers: Vec<Peer>,
    /// Metadata of unary calls that have ended, for the memory.
    spare: Vec<Metadata>,
}

/// For a loop that does not tell who is there.
static NOBODY: Peer = Peer { address: None, certificates: None };

/// What is kept in `Routes::spare`: so many, each with not much more than usual.
const SPARE: usize = 128;
const SPARE_SIZE: usize = 1024;

/// A call that is open, and its method's place in the table.
struct Open {
    id: CallId,
    method: usize,
    work: Work,
    coding: Coding,
    watch: Option<Watch>,
}

impl Routes {
    /// Without any method.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a unary method: one message in, one out.
    ///
    /// ```
    /// use grpc_sansio::adapter::mio::{Reply, Routes};
    /// use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
    ///
    /// const SQUARE: Method = Method::from_static("/example.Maths/Square", Kind::Unary);
    ///
    /// Routes::new().unary(&SQUARE, |request| {
    ///     let Ok(octets) = <[u8; 4]>::try_from(&*request.message) else {
    ///         return Err(Status::new(Code::InvalidArgument, "four octets, please").into());
    ///     };
    ///     let number = u32::from_be_bytes(octets);
    ///     let mut trailers = Metadata::new();
    ///     trailers.append("x-served-by", "mio").unwrap();
    ///     Ok(Reply::new((u64::from(number) * u64::from(number)).to_be_bytes().to_vec()).trailers(trailers))
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If `method` is of another kind: its message would never be known to be the only one.
    pub fn unary<F>(&mut self, method: &Method, answer: F) -> &mut Self
    where
        F: FnMut(UnaryRequest<'_>) -> Result<Reply, Failure> + 'static,
    {
        assert!(method.kind() == Kind::Unary, "{} is not a unary method", method.path());
        self.add(method, Route::Unary(Box::new(answer)))
    }

    /// Adds a method of any kind, by what makes a [`Responder`] for each of its calls.
    pub fn streaming<F, R>(&mut self, method: &Method, mut start: F) -> &mut Self
    where
        F: FnMut(&Incoming<'_>) -> Result<R, Failure> + 'static,
        R: Responder + 'static,
    {
        self.add(method, Route::Streaming(Box::new(move |incoming| Ok(Box::new(start(incoming)?)))))
    }

    /// Compresses and decompresses messages with these codecs. The server's config has to list them: [`Codecs::codings`] is
    /// what its `codings` takes.
    ///
    /// Methods get their messages decompressed then, up to `max_receive_message`; a call whose message cannot be ends with
    /// INTERNAL, or RESOURCE_EXHAUSTED. Answers are compressed with [`Reply::encoding`] or [`Responder::encoding`], or else
    /// with the first of [`Codecs::sending`] that the client accepts, unless they are
    /// [`as_is`](crate::grpc::Message::as_is).
    pub fn codecs(&mut self, codecs: Codecs) -> &mut Self {
        self.codecs = Some(codecs);
        self
    }

    /// Asks an interceptor about each call, before its method sees it, also about calls of methods that are not there. Of
    /// several the first is the outermost. It runs in the loop, and must not block.
    ///
    /// ```
    /// use grpc_sansio::adapter::mio::Routes;
    /// use grpc_sansio::grpc::{Code, Status};
    /// use grpc_sansio::intercept::{IncomingCall, TokenCheck};
    ///
    /// let mut routes = Routes::new();
    /// routes.intercept(TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
    ///     "secret" => Ok(()),
    ///     _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    /// }));
    /// ```
    pub fn intercept<I>(&mut self, interceptor: I) -> &mut Self
    where
        I: ServerInterceptor<Hooks: 'static> + 'static,
    {
        self.interceptors = Some(Interceptors::with(self.interceptors.take(), interceptor));
        self
    }

    /// What other threads, and other calls, make a [`Responder`] go on with that had nothing to send; `remote` is that of the
    /// loop which these routes are for.
    pub fn resumer(&self, remote: Remote) -> Resumer {
        Resumer::new(&self.resumed, remote)
    }

    fn add(&mut self, method: &Method, route: Route) -> &mut Self {
        self.paths.insert(method.path().to_string(), self.methods.len());
        self.methods.push((method.kind(), route));
        self
    }

    /// Calls that are open now.
    pub fn open_calls(&self) -> usize {
        self.calls.iter().flatten().flatten().count()
    }

    fn begin(
        &mut self,
        connection: ConnectionId,
        call: &mut Call<'_, Server>,
        limit: Option<u32>,
    ) -> Result<Option<Open>, End> {
        let id = call.id();
        let Some(Item::Head(request)) = call.read() else { return Ok(None) };
        let peer = self.peers.get(connection.index()).unwrap_or(&NOBODY);
        let (changed, mut watch) = match &self.interceptors {
            None => (None, None),
            Some(interceptors) => {
                let (changed, watch) = interceptors.start(&request, peer, self.now)?;
                (Some(changed), Some(watch))
            }
        };
        let incoming = Incoming { connection, call: id, request, peer, changed: changed.as_ref(), now: self.now };
        let mut coding = Coding::new(self.codecs.as_ref().and_then(|_| request.encoding()), limit);
        let started = self.paths.find(request).map_err(End::from).and_then(|(method, received)| {
            let metadata = || {
                let mut copy = self.spare.pop().unwrap_or_default();
                copy.clear();
                copy.extend(changed.as_ref().map_or(received, |changed| &changed.metadata));
                copy
            };
            Ok((method, Work::start(&mut self.methods[method].1, &incoming, metadata)?))
        });
        let began = started.and_then(|(method, mut work)| {
            call.expect(self.methods[method].0)?;
            if let Some(deadline) = changed.and_then(|changed| changed.deadline) {
                call.limit_deadline(deadline);
            }
            let codecs = self.codecs.as_ref();
            work.send_head(&mut Talk { call, coding: &mut coding, codecs, watch: watch.as_mut(), now: self.now })?;
            Ok((method, work))
        });
        match began {
            Ok((method, work)) => Ok(Some(Open { id, method, work, coding, watch })),
            Err(end) => Err(end.watched(watch, self.now)),
        }
    }

    /// Keeps the memory of a call that has ended.
    fn keep(&mut self, work: Work) {
        if let Work::Unary { metadata, .. } = work
            && self.spare.len() < SPARE
            && metadata.list_size() <= SPARE_SIZE
        {
            self.spare.push(metadata);
        }
    }

    /// The place of a call in `calls`.
    fn place(&mut self, connection: ConnectionId, id: CallId) -> &mut Option<Open> {
        let of_connection = at(&mut self.calls, connection.index());
        at(of_connection, id.index())
    }
}

fn at<T: Default>(table: &mut Vec<T>, index: usize) -> &mut T {
    if table.len() <= index {
        table.resize_with(index + 1, T::default);
    }
    &mut table[index]
}

impl Handler<Server> for Routes {
    fn event(&mut self, now: Instant, connection: ConnectionId, io: &mut Connection<Server>, event: Event) {
        let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
            return;
        };
        self.now = now;
        let limit = io.max_receive_message();
        let Some(mut call) = io.call(id) else { return };
        if let Some(reason) = call.stopped() {
            let open = self.place(connection, id).take();
            if let Some(watch) = open.and_then(|open| open.watch) {
                watch.stop(Some(reason), now);
            }
            return call.release();
        }
        if let Event::Opened(_) = event {
            match self.begin(connection, &mut call, limit) {
                Ok(open) => *self.place(connection, id) = open,
                Err(End { status, trailers }) => return call.finish(&status, &trailers),
            }
        }
        let place = at(at(&mut self.calls, connection.index()), id.index());
        let Some(open) = place.as_mut().filter(|open| open.id == id) else { return };
        let peer = self.peers.get(connection.index()).unwrap_or(&NOBODY);
        let (codecs, watch) = (self.codecs.as_ref(), open.watch.as_mut());
        let mut talk = Talk { call: &mut call, coding: &mut open.coding, codecs, watch, now };
        let Err(end) = open.work.advance(&mut self.methods[open.method].1, peer, &mut talk) else { return };
        let Some(Open { work, watch, .. }) = place.take() else { return };
        self.keep(work);
        let End { status, trailers } = end.watched(watch, now);
        call.finish(&status, &trailers);
    }

    fn resume(&mut self) -> Option<(ConnectionId, CallId)> {
        self.resumed.take()
    }

    fn connected(&mut self, connection: ConnectionId, peer: Peer) {
        *at(&mut self.peers, connection.index()) = peer;
    }

    fn closed(&mut self, connection: ConnectionId, _: &Connection<Server>, _: Option<&io::Error>) {
        if let Some(peer) = self.peers.get_mut(connection.index()) {
            *peer = Peer::default();
        }
        let Some(calls) = self.calls.get_mut(connection.index()) else { return };
        for watch in core::mem::take(calls).into_iter().flatten().filter_map(|open| open.watch) {
            watch.stop(None, self.now);
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("methods", &self.paths).field("open_calls", &self.open_calls()).finish()
    }
}
