//! A server's methods, by their paths.

use super::handler::{ConnectionId, Handler, Peer};
use super::remote::Remote;
use super::responder::{Failure, Incoming, Reply, Responder, UnaryRequest};
use super::resumer::{Resumed, Resumer};
use super::work::{Coding, End, Route, Talk, Work};
use crate::call::{Call, Item, Server};
use crate::codec::Codecs;
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::grpc::{Code, Kind, Metadata, Method, Path, Side, Status};
use crate::time::Instant;
use core::fmt;
use std::boxed::Box;
use std::collections::HashMap;
use std::io;
use std::string::{String, ToString};
use std::vec::Vec;

/// A table of methods, and the calls of them that are open: the [`Handler`] of a server.
///
/// A path that is not in it is answered with UNIMPLEMENTED. Unary methods are closures; those that stream are made of
/// [`Responder`]s.
#[derive(Default)]
pub struct Routes {
    by_path: HashMap<String, usize>,
    methods: Vec<(Kind, Route)>,
    /// By [`ConnectionId::index`], then by [`CallId::index`].
    calls: Vec<Vec<Option<Open>>>,
    codecs: Option<Codecs>,
    resumed: Resumed,
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

    /// What other threads, and other calls, make a [`Responder`] go on with that had nothing to send; `remote` is that of the
    /// loop which these routes are for.
    pub fn resumer(&self, remote: Remote) -> Resumer {
        Resumer::new(&self.resumed, remote)
    }

    fn add(&mut self, method: &Method, route: Route) -> &mut Self {
        self.by_path.insert(method.path().to_string(), self.methods.len());
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
        let Some(&method) = self.by_path.get(request.path()) else {
            let known = Path::parse(request.path().as_bytes()).map(Status::unknown_method);
            return Err(known.unwrap_or_else(|error| Status::of(Side::Server, Code::Unimplemented, error)).into());
        };
        let (kind, route) = &mut self.methods[method];
        let mut coding = Coding::new(request.encoding().filter(|_| self.codecs.is_some()), limit);
        let peer = self.peers.get(connection.index()).unwrap_or(&NOBODY);
        let spare = || self.spare.pop().unwrap_or_default();
        let mut work = Work::start(route, &Incoming { connection, call: id, request, peer }, spare)?;
        call.expect(*kind)?;
        work.send_head(&mut Talk { call, coding: &mut coding, codecs: self.codecs.as_ref() })?;
        Ok(Some(Open { id, method, work, coding }))
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
    fn event(&mut self, _: Instant, connection: ConnectionId, io: &mut Connection<Server>, event: Event) {
        let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
            return;
        };
        let limit = io.max_receive_message();
        let Some(mut call) = io.call(id) else { return };
        if call.stopped().is_some() {
            *self.place(connection, id) = None;
            return call.release();
        }
        let open = match event {
            Event::Opened(_) => self.begin(connection, &mut call, limit),
            _ => Ok(self.place(connection, id).take().filter(|open| open.id == id)),
        };
        let advanced = open.and_then(|open| {
            let Some(mut open) = open else { return Ok(None) };
            let peer = self.peers.get(connection.index()).unwrap_or(&NOBODY);
            let mut talk = Talk { call: &mut call, coding: &mut open.coding, codecs: self.codecs.as_ref() };
            match open.work.advance(&mut self.methods[open.method].1, peer, &mut talk) {
                Ok(()) => Ok(Some(open)),
                Err(end) => {
                    self.keep(open.work);
                    Err(end)
                }
            }
        });
        match advanced {
            Ok(open) => *self.place(connection, id) = open,
            Err(End { status, trailers }) => call.finish(&status, &trailers),
        }
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
        if let Some(calls) = self.calls.get_mut(connection.index()) {
            *calls = Vec::new();
        }
    }
}

impl fmt::Debug for Routes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routes").field("methods", &self.by_path.keys()).field("open_calls", &self.open_calls()).finish()
    }
}
