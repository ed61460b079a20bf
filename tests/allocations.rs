//! A warm call allocates nothing, and a flood of unread messages stays under the stated bound.
#![cfg(feature = "testing")]

use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, Server, ServerConfig,
    WriteBuf,
};
use std::time::Duration;

static UNARY: Method = Method::from_static("/test.Service/Unary", Kind::Unary);
static UPLOAD: Method = Method::from_static("/test.Service/Upload", Kind::ClientStreaming);
static LIST: Method = Method::from_static("/test.Service/List", Kind::ServerStreaming);
static CHAT: Method = Method::from_static("/test.Service/Chat", Kind::BidiStreaming);

fn raised(calls: u32) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = calls.max(100);
    limits.held_headers = 1024 * calls.max(256);
    limits
}

/// What becomes of a call once its request is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Finished,
    /// The server says no at once, in trailers alone.
    Refused,
    /// The client goes away.
    Cancelled,
}

/// The calls of a wave.
#[derive(Clone, Copy, Debug)]
struct Calls {
    method: &'static Method,
    end: End,
    open: usize,
    /// Messages that lie unread for a round, on each side: those of the first calls.
    held: usize,
}

impl Calls {
    /// Messages of each direction that may have more than one.
    fn messages(&self) -> usize {
        self.held.div_ceil(self.open).max(3)
    }

    fn is_held(&self, before: usize) -> bool {
        let each = if self.method.kind() == Kind::Unary { 1 } else { self.messages() };
        before * each < self.held
    }
}

/// Both ends, and what carries octets between them without allocating.
struct Ends {
    client: Connection<Client>,
    server: Connection<Server>,
    wire: WriteBuf,
    read: Vec<u8>,
    now: Instant,
    metadata: Metadata,
    trailers: Metadata,
    refusal: Status,
    /// Calls that someone leaves unread for now.
    unread: Vec<CallId>,
    ended: usize,
}

impl Ends {
    fn new(limits: &Limits) -> Self {
        let now = Instant::from_nanos(0);
        let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
        let server = ServerConfig::builder().limits(limits.clone()).build().unwrap();
        let mut metadata = Metadata::new();
        metadata.append("x-request-id", "17").unwrap();
        metadata.append("authorization", "Bearer 0123456789").unwrap();
        let mut trailers = Metadata::new();
        trailers.append("cost", "12").unwrap();
        let mut ends = Self {
            client: Connection::<Client>::new(&client, now),
            server: Connection::<Server>::new(&server, now),
            wire: WriteBuf::new(),
            read: Vec::new(),
            now,
            metadata,
            trailers,
            refusal: Status::new(Code::PermissionDenied, ""),
            unread: Vec::new(),
            ended: 0,
        };
        // SETTINGS both ways, and their acknowledgements.
        for _ in 0..2 {
            ends.feed_server();
            ends.feed_client();
        }
        while ends.client.poll_event().is_some() || ends.server.poll_event().is_some() {}
        ends
    }

    fn feed_server(&mut self) -> usize {
        carry(&mut self.client, &mut self.server, &mut self.wire, &mut self.read, self.now)
    }

    fn feed_client(&mut self) -> usize {
        carry(&mut self.server, &mut self.client, &mut self.wire, &mut self.read, self.now)
    }

    /// One exchange of all that either side has to say, with what its reader does about it; says how many octets that were.
    fn round(&mut self, calls: &Calls) -> usize {
        let mut moved = self.feed_server();
        let mut opened = 0;
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Opened(id) => {
                    if calls.is_held(opened) {
                        self.unread.push(id);
                    } else {
                        self.serve(id, calls);
                    }
                    opened += 1;
                }
                Event::Readable(id) | Event::Stopped(id) if !self.unread.contains(&id) => self.serve(id, calls),
                _ => {}
            }
        }
        if !self.unread.is_empty() {
            moved += self.feed_server();
            let mut unread = core::mem::take(&mut self.unread);
            unread.drain(..).for_each(|id| self.serve(id, calls));
            self.unread = unread;
        }
        moved += self.feed_client();
        let mut readable = 0;
        while let Some(event) = self.client.poll_event() {
            let Event::Readable(id) = event else { continue };
            if calls.is_held(readable) {
                self.unread.push(id);
            } else {
                self.finish(id, calls);
            }
            readable += 1;
        }
        if !self.unread.is_empty() {
            moved += self.feed_server() + self.feed_client();
            let mut unread = core::mem::take(&mut self.unread);
            unread.drain(..).for_each(|id| self.finish(id, calls));
            self.unread = unread;
        }
        moved
    }

    /// Reads a request and answers it.
    fn serve(&mut self, id: CallId, calls: &Calls) {
        let kind = calls.method.kind();
        loop {
            let Some(mut call) = self.server.call(id) else { return };
            if call.stopped().is_some() {
                return call.release();
            }
            match call.read() {
                Some(Item::Head(request)) => {
                    assert!(request.deadline().is_some());
                    call.expect(kind).unwrap();
                    if calls.end == End::Refused {
                        return call.finish(&self.refusal, &self.trailers);
                    }
                }
                Some(Item::Message(message)) => assert_eq!(message.len(), 32),
                Some(Item::End(_)) => {
                    for _ in 0..if kind.server_streams() { calls.messages() } else { 1 } {
                        call.send_with(64, |buffer| buffer.extend_from_slice(&[1; 64])).unwrap();
                    }
                    return call.finish(&Status::ok(), &self.trailers);
                }
                None => return,
            }
        }
    }

    fn finish(&mut self, id: CallId, calls: &Calls) {
        let code = if calls.end == End::Refused { Code::PermissionDenied } else { Code::Ok };
        while let Some(mut call) = self.client.call(id) {
            match call.read() {
                Some(Item::End(outcome)) => {
                    assert_eq!(outcome.status().code(), code);
                    self.ended += 1;
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }

    /// Calls from their opening to their end.
    fn wave(&mut self, calls: &Calls) {
        // A hundred cancelled calls are forgiven in 400 ms; after a second of quiet memory would be given back.
        let pause = if calls.end == End::Cancelled { 400 } else { 1 };
        self.now = self.now.saturating_add(Duration::from_millis(pause));
        self.ended = 0;
        let deadline = self.now.saturating_add(Duration::from_secs(20));
        let kind = calls.method.kind();
        for n in 0..calls.open {
            let options = OpenOptions::new(calls.method).metadata(&self.metadata).deadline(deadline);
            let id = self.client.open(self.now, &options).unwrap();
            let mut call = self.client.call(id).unwrap();
            for _ in 0..if kind.client_streams() { calls.messages() } else { 1 } {
                call.send_with(32, |buffer| buffer.extend_from_slice(&[n as u8; 32])).unwrap();
            }
            if calls.end == End::Cancelled {
                // It may be known to the server by then.
                if n % 2 == 0 {
                    self.feed_server();
                }
                self.client.call(id).unwrap().cancel();
                self.ended += 1;
            } else if kind.client_streams() {
                call.half_close().unwrap();
            }
        }
        while self.round(calls) > 0 {}
        assert_eq!((self.ended, self.client.calls(), self.server.calls()), (calls.open, 0, 0), "{calls:?}");
    }
}

/// All that `from` has to say goes to `to`.
fn carry<A: Role, B: Role>(
    from: &mut Connection<A>,
    to: &mut Connection<B>,
    wire: &mut WriteBuf,
    read: &mut Vec<u8>,
    now: Instant,
) -> usize {
    let mut moved = 0;
    loop {
        from.transmit(now, wire);
        if wire.is_empty() {
            return moved;
        }
        moved += wire.len();
        read.clear();
        while wire.has_remaining() {
            read.extend_from_slice(wire.chunk());
            let len = wire.chunk().len();
            wire.advance(len);
        }
        to.receive(now, read);
    }
}

/// What is allocated by `count` calls that come after `warm` waves: by this thread, since the test runner's own does not
/// count.
fn allocated(calls: Calls, warm: usize, count: usize) -> u64 {
    let mut ends = Ends::new(&raised(calls.open as u32));
    (0..warm).for_each(|_| ends.wave(&calls));
    let waves = count.div_ceil(calls.open);
    let counted = allocation_counter::measure(|| (0..waves).for_each(|_| ends.wave(&calls)));
    if counted.count_total > 0 {
        eprintln!("{calls:?}: {} allocations, {} octets, in {waves} waves", counted.count_total, counted.bytes_total);
    }
    counted.count_total
}

/// With 1, 100 and 10,000 open, and 0, 1 and 100 messages held. A debug build is slow, so it does less.
#[test]
fn a_warm_unary_call_allocates_nothing() {
    let full = !cfg!(debug_assertions);
    let mut all = 0;
    for open in if full { [1, 100, 10_000] } else { [1, 10, 100] } {
        for held in [0, 1, 100] {
            all += allocated(
                Calls { method: &UNARY, end: End::Finished, open, held },
                100,
                if full { 100_000 } else { 2_000 },
            );
        }
    }
    assert_eq!(all, 0);
}

/// Each other kind of call, and each other way that a call ends.
#[test]
fn no_kind_of_warm_call_allocates() {
    let (many, count) = if cfg!(debug_assertions) { (20, 500) } else { (100, 100_000) };
    let mut all = 0;
    for method in [&UNARY, &UPLOAD, &LIST, &CHAT] {
        for end in [End::Finished, End::Refused, End::Cancelled] {
            for (open, held) in [(1, 0), (1, 100), (many, 0), (many, 100)] {
                all += allocated(Calls { method, end, open, held }, 100, count);
            }
        }
    }
    assert_eq!(all, 0);
}

/// What is allocated while a peer floods a connection that nobody reads stays under `Limits::connection_bytes`, counted
/// by the allocator, and `heap_size` does not understate it.
#[test]
fn a_flood_of_unread_messages_stays_under_the_bound() {
    static FLOOD: Method = Method::from_static("/test.Service/Flood", Kind::BidiStreaming);
    let mut limits = Limits::default();
    limits.connection_window = 1024 * 1024;
    let config = ServerConfig::builder().limits(limits.clone()).build().unwrap();
    let bound = limits.connection_bytes() as isize;
    let now = Instant::from_nanos(0);
    for size in [0usize, 1, 30, 500, 4_091, 9_000, 100_000, 1_000_000] {
        let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), now);
        let mut server = Connection::<Server>::new(&config, now);
        let message = grpc_sansio::grpc::Message::new(vec![7; size]);
        let (mut wire, mut replies) = (WriteBuf::new(), WriteBuf::new());
        let (mut held, mut peak, mut said) = (0, 0, 0);
        let mut ids = Vec::new();
        for round in 0.. {
            if ids.len() < 100 {
                ids.push(client.open(now, &OpenOptions::new(&FLOOD)).unwrap());
            }
            for id in &ids {
                while client.call(*id).unwrap().send(message.clone()).is_ok() && client.queued() < 100_000 {}
            }
            client.transmit(now, &mut wire);
            let len = wire.len();
            let octets = wire.copy_to_bytes(len);

            let counted = allocation_counter::measure(|| {
                server.receive(now, &octets);
                while server.poll_event().is_some() {}
                server.transmit(now, &mut replies);
            });
            held += counted.bytes_current as isize;
            peak = peak.max(held);
            said = said.max(server.heap_size() as isize);

            let len = replies.len();
            client.receive(now, &replies.copy_to_bytes(len));
            if octets.is_empty() && round > 100 {
                break;
            }
        }
        assert_eq!(server.error(), None);
        assert!(peak > 500_000 && peak < bound && said < bound, "{size}: held {peak}, said {said}, of {bound}");
        assert!(peak < said + 100_000, "{size}: heap_size said {said}, held {peak}");
    }
}
