//! A server in a thread of its own, and a client that keeps what it gets.

use grpc_sansio::adapter::mio::{
    Client, ConnectionId, Failure, Handler, Incoming, Next, Remote, Reply, Responder, Routes, Server,
};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use grpc_sansio::{
    CallId, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Payload, SendError, ServerConfig,
};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) const UPPER: Method = Method::from_static("/test.Text/Upper", Kind::Unary);
pub(crate) const COUNT: Method = Method::from_static("/test.Text/Count", Kind::ClientStreaming);
pub(crate) const REPEAT: Method = Method::from_static("/test.Text/Repeat", Kind::ServerStreaming);
pub(crate) const ECHO: Method = Method::from_static("/test.Text/Echo", Kind::BidiStreaming);

/// Octets of a message of `REPEAT`.
pub(crate) const BLOCK: usize = 16 * 1024;

pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) remote: Remote,
    /// Messages that `REPEAT` has handed out.
    pub(crate) produced: Arc<AtomicUsize>,
    pub(crate) thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.remote.shutdown(Some(Duration::ZERO));
        if let Some(thread) = self.thread.take() {
            let served = thread.join();
            assert!(std::thread::panicking() || served.is_ok(), "the server panicked");
        }
    }
}

/// Serves the four methods until it is dropped.
pub(crate) fn serve(config: &ServerConfig) -> Running {
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), config).unwrap();
    let produced = Arc::new(AtomicUsize::new(0));
    let (address, remote, count) = (server.local_addr().unwrap(), server.remote(), Arc::clone(&produced));
    let thread = std::thread::spawn(move || server.run(&mut routes(count)).unwrap());
    Running { address, remote, produced, thread: Some(thread) }
}

pub(crate) fn routes(produced: Arc<AtomicUsize>) -> Routes {
    let mut routes = Routes::new();
    routes.unary(&UPPER, |request| {
        let echo = request.metadata.get("echo").map(str::to_string);
        if request.message.is_empty() {
            let mut trailers = Metadata::new();
            trailers.append_bin("why-bin", b"\x00\xff").unwrap();
            return Err(Failure { status: Status::new(Code::InvalidArgument, "empty"), trailers });
        }
        let mut metadata = Metadata::new();
        let mut trailers = Metadata::new();
        if let Some(echo) = echo {
            metadata.append("initial", &echo).unwrap();
            trailers.append("trailing", &echo).unwrap();
        }
        if request.message.compressed() {
            // The octets stand for a compressed message: only the flag is looked at.
            let message = Message::compressed(request.message.to_ascii_uppercase());
            return Ok(Reply::new(message).encoding("gzip").metadata(metadata).trailers(trailers));
        }
        Ok(Reply::new(request.message.to_ascii_uppercase()).metadata(metadata).trailers(trailers))
    });
    routes.streaming(&COUNT, |_| Ok(Count::default()));
    routes.streaming(&REPEAT, move |_| Ok(Repeat { left: None, produced: Arc::clone(&produced) }));
    routes.streaming(&ECHO, |incoming: &Incoming<'_>| {
        let mut metadata = Metadata::new();
        metadata.append("path", incoming.request.path()).unwrap();
        Ok(Echo { metadata, ..Echo::default() })
    });
    routes
}

/// Answers with how many octets there were.
#[derive(Default)]
struct Count {
    octets: u64,
    ended: bool,
    answered: bool,
}

impl Responder for Count {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.octets += message.len() as u64;
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.ended = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match (self.ended, std::mem::replace(&mut self.answered, self.ended)) {
            (false, _) => Next::Wait,
            (true, false) => Next::Message(Message::new(self.octets.to_string())),
            (true, true) => Next::Finish(Metadata::new()),
        })
    }
}

/// Sends as many blocks as the request says.
struct Repeat {
    left: Option<usize>,
    produced: Arc<AtomicUsize>,
}

impl Responder for Repeat {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.left = Some(std::str::from_utf8(&message).unwrap().parse().unwrap());
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match &mut self.left {
            None => Next::Wait,
            Some(0) => Next::Finish(Metadata::new()),
            Some(left) => {
                *left -= 1;
                self.produced.fetch_add(1, Ordering::Relaxed);
                Next::Message(Message::new(vec![b'r'; BLOCK]))
            }
        })
    }
}

/// Sends back what comes.
#[derive(Default)]
struct Echo {
    metadata: Metadata,
    message: Option<Message>,
    ended: bool,
}

impl Responder for Echo {
    fn metadata(&mut self) -> Metadata {
        std::mem::take(&mut self.metadata)
    }

    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.message = Some(Message::new(message.into_bytes()));
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.ended = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match self.message.take() {
            Some(message) => Next::Message(message),
            None if self.ended => {
                let mut trailers = Metadata::new();
                trailers.append("done", "yes").unwrap();
                Next::Finish(trailers)
            }
            None => Next::Wait,
        })
    }
}

pub(crate) fn config() -> ClientConfig {
    let codings = grpc_sansio::grpc::Codings::new(["gzip"]).unwrap();
    ClientConfig::builder("localhost").codings(codings).build().unwrap()
}

pub(crate) fn server_config() -> ServerConfig {
    let codings = grpc_sansio::grpc::Codings::new(["gzip"]).unwrap();
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 1_000;
    limits.resets = 20_000;
    ServerConfig::builder().limits(limits).codings(codings).build().unwrap()
}

/// What came back on one call.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) metadata: Option<Metadata>,
    pub(crate) messages: usize,
    pub(crate) octets: u64,
    pub(crate) last: Vec<u8>,
    pub(crate) last_compressed: bool,
    pub(crate) end: Option<(Status, Metadata)>,
    /// Sent again and again while there is room, so often.
    pub(crate) unsent: usize,
    pub(crate) block: bytes::Bytes,
}

impl Record {
    pub(crate) fn code(&self) -> Option<Code> {
        self.end.as_ref().map(|(status, _)| status.code())
    }
}

/// Reads all calls but those it is told to leave alone.
#[derive(Debug, Default)]
pub(crate) struct Keeper {
    pub(crate) calls: HashMap<(ConnectionId, CallId), Record>,
    pub(crate) unread: HashSet<(ConnectionId, CallId)>,
    pub(crate) ended: usize,
    pub(crate) closed: Vec<Option<io::ErrorKind>>,
    pub(crate) draining: usize,
}

pub(crate) type Io = Connection<grpc_sansio::Client>;

impl Handler<grpc_sansio::Client> for Keeper {
    fn event(&mut self, _: Instant, id: ConnectionId, io: &mut Io, event: Event) {
        match event {
            Event::Readable(call) => self.read(id, io, call),
            Event::Writable(call) => self.send(id, io, call),
            Event::Draining => self.draining += 1,
            _ => {}
        }
    }

    fn closed(&mut self, _: ConnectionId, _: &Io, cause: Option<&io::Error>) {
        self.closed.push(cause.map(io::Error::kind));
    }
}

impl Keeper {
    /// Opens a call, sends `messages`, and half-closes.
    pub(crate) fn call(
        &mut self,
        client: &mut Client,
        id: ConnectionId,
        method: &Method,
        messages: &[&[u8]],
    ) -> CallId {
        let call = self.open(client, id, &OpenOptions::new(method));
        let io = client.connection_mut(id).unwrap();
        for message in messages {
            io.call(call).unwrap().send(message.to_vec()).unwrap();
        }
        let _ = io.call(call).unwrap().half_close();
        call
    }

    pub(crate) fn open(&mut self, client: &mut Client, id: ConnectionId, options: &OpenOptions<'_>) -> CallId {
        let now = client.now();
        let call = client.connection_mut(id).unwrap().open(now, options).unwrap();
        self.calls.insert((id, call), Record::default());
        call
    }

    /// Sends `count` blocks as there is room, and half-closes.
    pub(crate) fn pump(&mut self, client: &mut Client, id: ConnectionId, call: CallId, count: usize) {
        let record = self.calls.get_mut(&(id, call)).unwrap();
        record.unsent = count;
        record.block = vec![b's'; BLOCK].into();
        self.send(id, client.connection_mut(id).unwrap(), call);
    }

    fn send(&mut self, id: ConnectionId, io: &mut Io, call: CallId) {
        let Some(record) = self.calls.get_mut(&(id, call)) else { return };
        let Some(mut call) = io.call(call) else { return };
        while record.unsent > 0 {
            match call.send(record.block.clone()) {
                Ok(()) => record.unsent -= 1,
                Err(SendError::Full(_) | SendError::Ended(_)) => return,
                Err(other) => panic!("{other}"),
            }
        }
        if !record.block.is_empty() {
            record.block = bytes::Bytes::new();
            call.half_close().unwrap();
        }
    }

    pub(crate) fn read(&mut self, id: ConnectionId, io: &mut Io, call_id: CallId) {
        if self.unread.contains(&(id, call_id)) {
            return;
        }
        let Some(record) = self.calls.get_mut(&(id, call_id)) else { return };
        let Some(mut call) = io.call(call_id) else { return };
        while let Some(item) = call.read() {
            match item {
                Item::Head(head) => record.metadata = Some(head.metadata().to_metadata()),
                Item::Message(message) => {
                    record.messages += 1;
                    record.octets += message.len() as u64;
                    record.last_compressed = message.compressed();
                    record.last.clear();
                    record.last.extend_from_slice(&message);
                }
                Item::End(end) => {
                    assert!(record.end.is_none(), "a call ends once");
                    record.end = Some(end.to_owned());
                    self.ended += 1;
                    return;
                }
            }
        }
    }
}

/// Steps `client` until `done`; ten seconds are for ever.
#[track_caller]
pub(crate) fn until(client: &mut Client, keeper: &mut Keeper, mut done: impl FnMut(&Keeper) -> bool) {
    let give_up = std::time::Instant::now() + Duration::from_secs(60);
    while !done(keeper) {
        assert!(std::time::Instant::now() < give_up, "stuck: {} calls ended", keeper.ended);
        client.poll(keeper, Some(Duration::from_millis(100))).unwrap();
    }
}

/// Steps `client` for a while.
pub(crate) fn for_a_while(client: &mut Client, keeper: &mut Keeper, duration: Duration) {
    let end = std::time::Instant::now() + duration;
    while std::time::Instant::now() < end {
        client.poll(keeper, Some(Duration::from_millis(5))).unwrap();
    }
}
