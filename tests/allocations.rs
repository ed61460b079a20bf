//! A warm call allocates nothing, and a flood of unread messages stays under the stated bound.
#![cfg(feature = "testing")]

use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::time::Duration;

static METHOD: Method = Method::from_static("/test.Service/Unary", Kind::Unary);

fn raised(calls: u32) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = calls.max(100);
    limits.held_headers = 1024 * calls.max(256);
    limits
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
    ids: Vec<CallId>,
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
            ids: Vec::new(),
            ended: 0,
        };
        // SETTINGS both ways, and their acknowledgements.
        (0..4).for_each(|_| _ = ends.exchange(false));
        ends
    }

    /// One exchange of all that either side has to say; with `hold` the server leaves each message unread.
    fn exchange(&mut self, hold: bool) -> usize {
        let mut moved = 0;
        loop {
            self.client.transmit(self.now, &mut self.wire);
            if self.wire.is_empty() {
                break;
            }
            moved += self.wire.len();
            self.read.clear();
            while self.wire.has_remaining() {
                self.read.extend_from_slice(self.wire.chunk());
                let len = self.wire.chunk().len();
                self.wire.advance(len);
            }
            self.server.receive(self.now, &self.read);
        }
        while let Some(event) = self.server.poll_event() {
            if let Event::Opened(id) | Event::Readable(id) | Event::Stopped(id) = event {
                serve(&mut self.server, id, &self.trailers, hold);
            }
        }
        loop {
            self.server.transmit(self.now, &mut self.wire);
            if self.wire.is_empty() {
                break;
            }
            moved += self.wire.len();
            self.read.clear();
            while self.wire.has_remaining() {
                self.read.extend_from_slice(self.wire.chunk());
                let len = self.wire.chunk().len();
                self.wire.advance(len);
            }
            self.client.receive(self.now, &self.read);
        }
        while let Some(event) = self.client.poll_event() {
            let Event::Readable(id) = event else { continue };
            while let Some(mut call) = self.client.call(id) {
                match call.read() {
                    Some(Item::End(outcome)) => {
                        assert_eq!(outcome.status().code(), Code::Ok);
                        self.ended += 1;
                        break;
                    }
                    Some(_) => {}
                    None => break,
                }
            }
        }
        moved
    }

    /// `open` calls at once, from their opening to their end. With `held` messages each is kept unread for a round.
    fn wave(&mut self, open: usize, held: bool) {
        self.now = self.now.saturating_add(Duration::from_millis(1));
        self.ids.clear();
        self.ended = 0;
        let deadline = self.now.saturating_add(Duration::from_secs(20));
        for n in 0..open {
            let options = OpenOptions::new(&METHOD).metadata(&self.metadata).deadline(deadline);
            let id = self.client.open(self.now, &options).unwrap();
            let mut call = self.client.call(id).unwrap();
            call.send_with(32, |buffer| buffer.extend_from_slice(&[n as u8; 32])).unwrap();
            self.ids.push(id);
        }
        if held {
            self.exchange(true);
            HELD.with_borrow_mut(|held| {
                assert_eq!(held.len(), open);
                held.drain(..).for_each(|id| serve(&mut self.server, id, &self.trailers, false));
            });
        }
        while self.exchange(false) > 0 {}
        assert_eq!((self.ended, self.client.calls(), self.server.calls()), (open, 0, 0));
    }
}

thread_local! {
    static HELD: std::cell::RefCell<Vec<CallId>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Reads a request and answers it; with `hold` its message stays unread for now.
fn serve(server: &mut Connection<Server>, id: CallId, trailers: &Metadata, hold: bool) {
    loop {
        let Some(mut call) = server.call(id) else { return };
        match call.read() {
            Some(Item::Head(request)) => {
                assert!(request.deadline().is_some());
                call.expect(Kind::Unary).unwrap();
                if hold {
                    return HELD.with_borrow_mut(|held| held.push(id));
                }
            }
            Some(Item::Message(message)) => assert_eq!(message.len(), 32),
            Some(Item::End(_)) => {
                call.send_with(64, |buffer| buffer.extend_from_slice(&[1; 64])).unwrap();
                return call.finish(&Status::ok(), trailers);
            }
            None => return,
        }
    }
}

#[test]
fn a_warm_unary_call_allocates_nothing() {
    for (open, held) in [(1, false), (1, true), (100, false), (100, true), (1_000, false), (1_000, true)] {
        let mut ends = Ends::new(&raised(open as u32));
        // A thousand calls at once warm up in fewer waves.
        (0..if open < 1_000 { 100 } else { 10 }).for_each(|_| ends.wave(open, held));
        let waves = 10_000 / open;
        // Of this thread: the test runner's own do not count.
        let counted = allocation_counter::measure(|| (0..waves).for_each(|_| ends.wave(open, held)));
        assert_eq!(
            counted.count_total, 0,
            "{open} open, held: {held}: {} octets in {waves} waves",
            counted.bytes_total
        );
    }
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
