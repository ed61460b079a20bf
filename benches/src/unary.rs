//! The unary call, both ends in one thread.

use crate::Work;
use crate::memory::{self, limits_for};
use crate::pair::Pair;
use crate::request::{AUTHORIZATION, MESSAGE, OTHER_PATH, PATH, RequestId};
use core::time::Duration;
use grpc_sansio::grpc::{Key, Kind, Metadata, Method, Status};
use grpc_sansio::{CallId, Client, Connection, Event, Instant, Item, OpenOptions, Server};

static SAY_HELLO: Method = Method::from_static(PATH, Kind::Unary);
static SAY_GOODBYE: Method = Method::from_static(OTHER_PATH, Kind::Unary);
static CHAT: Method = Method::from_static("/helloworld.Greeter/Chat", Kind::BidiStreaming);
const AUTHORIZATION_KEY: Key<'static> = Key::from_static("authorization");
const REQUEST_ID_KEY: Key<'static> = Key::from_static("x-request-id");

/// Fields that fill a table of 4,096 octets: each takes 75 (RFC 7541 §4.1).
const FILLERS: usize = 60;

/// Waves of `open` calls: all are opened, then all requests cross, then all are answered, then all answers cross.
pub struct Unary {
    pair: Pair,
    open: u64,
    metadata: Metadata,
    id: RequestId,
    /// Every other call is of another method, and each has a timeout of its own.
    mixed: bool,
    calls: u64,
    held: Option<Held>,
}

/// A call whose reader is behind.
struct Held {
    at_client: CallId,
    at_server: CallId,
}

impl Unary {
    pub fn new(open: u32) -> Self {
        Self::on(Pair::new(&limits_for(open)), open)
    }

    /// While both ends are watched: by an event log that goes nowhere, masked or not, by metrics, or for spans that no
    /// subscriber wants.
    #[cfg(feature = "watched")]
    pub fn watched(open: u32, by: &'static str) -> Self {
        use grpc_sansio::event_log::{EventLog, Mask};
        let log = move || {
            let log = EventLog::new(std::io::sink()).limit(u64::MAX);
            Some(if by == "masked" { log.masked(Mask::new()) } else { log })
        };
        let pair = Pair::with(
            &limits_for(open),
            |client| match by {
                "metrics" => client.metrics(|_| {}),
                "spans" => client.spans(),
                _ => client.event_log(log),
            },
            |server| match by {
                "metrics" => server.metrics(|_| {}),
                "spans" => server.spans(),
                _ => server.event_log(log),
            },
        );
        Self::on(pair, open)
    }

    /// On a connection that is there.
    pub fn on(pair: Pair, open: u32) -> Self {
        let open = u64::from(open);
        Self { pair, open, metadata: Metadata::new(), id: RequestId::new(), mixed: false, calls: 0, held: None }
    }

    /// Two methods in turn, a timeout that differs per call, and header tables that are full on both sides, both ways.
    pub fn mixed(open: u32) -> Self {
        let mut unary = Self { mixed: true, ..Self::new(open) };
        unary.fill_tables();
        unary
    }

    /// With so many messages that lie unread on the server all the while, on a call beside: with each wave comes one more,
    /// and the oldest is read.
    pub fn holding(open: u32, messages: u32) -> Self {
        let mut unary = Self::on(Pair::new(&limits_for(open + 1)), open);
        let client = &mut unary.pair.client;
        let at_client = client.open(Instant::from_nanos(0), &OpenOptions::new(&CHAT)).expect("a first call");
        for _ in 0..messages {
            let mut call = client.call(at_client).expect("an open call");
            call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("room for it");
        }
        unary.pair.feed_server();
        let Some(Event::Opened(at_server)) = unary.pair.server.poll_event() else { panic!("the call arrives") };
        let mut call = unary.pair.server.call(at_server).expect("a call just opened");
        assert!(matches!(call.read(), Some(Item::Head(_))));
        unary.held = Some(Held { at_client, at_server });
        unary
    }

    /// Calls one by one, with so many others open that say nothing.
    pub fn beside(idle: u32) -> Self {
        Self::on(memory::open(&limits_for(idle + 1), idle), 1)
    }

    pub fn into_pair(self) -> Pair {
        self.pair
    }

    fn fill_tables(&mut self) {
        let mut fillers = Metadata::new();
        for n in 0..FILLERS {
            fillers
                .append(format!("x-filler-{n:04}").as_str(), "a value of thirty octets, all in all")
                .expect("plain text");
        }
        let options = OpenOptions::new(&SAY_HELLO).metadata(&fillers);
        let id = self.pair.client.open(self.pair.now(), &options).expect("a first call");
        let mut call = self.pair.client.call(id).expect("a call just opened");
        call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("an empty queue");
        self.pair.feed_server();
        serve(&mut self.pair.server, &fillers, None);
        self.pair.feed_client();
        assert_eq!(finish(&mut self.pair.client), 1);
    }

    fn wave(&mut self) {
        self.pair.step();
        let now = self.pair.now();
        for _ in 0..self.open {
            self.calls += 1;
            let (method, timeout) = match self.mixed {
                false => (&SAY_HELLO, 1_000),
                true => (
                    if self.calls.is_multiple_of(2) { &SAY_HELLO } else { &SAY_GOODBYE },
                    100 + self.calls * 7_919 % 900,
                ),
            };
            self.metadata.clear();
            self.metadata.append(AUTHORIZATION_KEY, AUTHORIZATION).expect("plain text");
            self.metadata.append(REQUEST_ID_KEY, self.id.next()).expect("plain text");
            let deadline = now.saturating_add(Duration::from_millis(timeout));
            let options = OpenOptions::new(method).metadata(&self.metadata).deadline(deadline);
            let id = self.pair.client.open(now, &options).expect("room for all calls");
            let mut call = self.pair.client.call(id).expect("a call just opened");
            call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("an empty queue");
        }
        if let Some(held) = &self.held {
            let mut call = self.pair.client.call(held.at_client).expect("an open call");
            call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("room for it");
        }
        self.pair.feed_server();
        let beside = self.held.as_ref().map(|held| held.at_server);
        serve(&mut self.pair.server, &Metadata::new(), beside);
        if let Some(id) = beside {
            let mut call = self.pair.server.call(id).expect("an open call");
            let Some(Item::Message(message)) = call.read() else { panic!("a message was held") };
            assert_eq!(message.len(), MESSAGE.len());
        }
        self.pair.feed_client();
        assert_eq!(finish(&mut self.pair.client), self.open);
    }
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open) {
            self.wave();
        }
    }
}

/// Answers all that can be; the call `beside` is none of these.
fn serve(server: &mut Connection<Server>, trailers: &Metadata, beside: Option<CallId>) {
    while let Some(event) = server.poll_event() {
        let (Event::Opened(id) | Event::Readable(id)) = event else { continue };
        if Some(id) == beside {
            continue;
        }
        let Some(mut call) = server.call(id) else { continue };
        while let Some(item) = call.read() {
            match item {
                Item::Head(request) => {
                    assert!(request.is(&SAY_HELLO) || request.is(&SAY_GOODBYE));
                    call.expect(Kind::Unary).expect("told once");
                }
                Item::Message(message) => assert_eq!(message.len(), MESSAGE.len()),
                Item::End(_) => {
                    call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("an empty queue");
                    call.finish(&Status::ok(), trailers);
                    break;
                }
            }
        }
    }
}

/// Reads all calls to their ends; returns how many there were.
fn finish(client: &mut Connection<Client>) -> u64 {
    let mut ended = 0;
    while let Some(event) = client.poll_event() {
        let Event::Readable(id) = event else { continue };
        let Some(mut call) = client.call(id) else { continue };
        while let Some(item) = call.read() {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => assert_eq!(message.len(), MESSAGE.len()),
                Item::End(outcome) => {
                    assert!(outcome.status().is_ok());
                    ended += 1;
                    break;
                }
            }
        }
    }
    ended
}
