//! Whom an attack meets: a connection with an application that does the ordinary thing, and a record of what it said.

use bytes::Buf;
use grpc_sansio::frame::{ErrorCode, Flags, Frame, HEAD_LEN, Head, PREFACE};
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoder, FieldBlock};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, Server, ServerConfig,
    ServerManagement, WriteBuf,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// The end that is attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Server,
    /// A client with so many calls open, each with a request of one message.
    Client(u32),
}

/// What its application does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum App {
    /// Reads what can be read, answers each request that has ended, and lets go of what stopped.
    Answers,
    /// Answers with a message of so many octets.
    Pours(u32),
    /// Takes calls and never comes back to them.
    Holds,
    /// Does not even look.
    Sleeps,
}

/// The last word of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastWord {
    pub(crate) code: ErrorCode,
    pub(crate) debug_data: String,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Octets that the attacker sent, and those that it was sent.
    pub(crate) received: usize,
    pub(crate) emitted: usize,
    /// Turns until the connection ended, or all of them.
    pub(crate) turns: u32,
    pub(crate) goaway: Option<LastWord>,
    pub(crate) goaways: u32,
    /// Frames said, by their type and their code or flag, such as `("RST_STREAM", "CANCEL")`.
    pub(crate) said: BTreeMap<(&'static str, &'static str), u64>,
    /// `:status` and `grpc-status` said.
    pub(crate) http: BTreeMap<String, u64>,
    pub(crate) grpc: BTreeMap<String, u64>,
    /// The most dynamic table size updates in front of a header block.
    pub(crate) size_updates: u32,
    /// Octets of the connection's window that were given back.
    pub(crate) credit: u64,
    /// Calls that the application was shown, and the most that were there at once.
    pub(crate) shown: u64,
    pub(crate) most_calls: usize,
    /// Calls of the application that ended, by grpc-status.
    pub(crate) outcomes: BTreeMap<String, u64>,
}

impl Report {
    pub(crate) fn said(&self, kind: &'static str, what: &'static str) -> u64 {
        self.said.get(&(kind, what)).copied().unwrap_or(0)
    }
}

enum Engine {
    Client(Box<Connection<Client>>),
    Server(Box<Connection<Server>>),
}

macro_rules! either {
    ($engine:expr, $it:ident => $body:expr) => {
        match $engine {
            Engine::Client($it) => $body,
            Engine::Server($it) => $body,
        }
    };
}

pub(crate) struct Target {
    engine: Engine,
    pub(crate) app: App,
    pub(crate) now: Instant,
    /// Whether the attacker takes what is written for it.
    pub(crate) reads: bool,
    output: WriteBuf,
    rest: Vec<u8>,
    decoder: Decoder,
    block: Vec<u8>,
    pub(crate) report: Report,
}

static METHOD: Method = Method::from_static("/a/b", Kind::BidiStreaming);

const GENEROUS: BlockLimits =
    BlockLimits { max_list_size: 1 << 20, max_fields: 10_000, abuse_list_size: 1 << 21, abuse_fields: 20_000 };

/// A connection before its handshake.
#[inline(never)]
fn connect(end: End, limits: &Limits, ping_strikes: Option<u32>, now: Instant) -> Engine {
    match end {
        End::Server => {
            let mut management = ServerManagement::default();
            management.max_ping_strikes = ping_strikes;
            let config = ServerConfig::builder().limits(limits.clone()).management(management);
            let config = config.build().expect("consistent limits");
            Engine::Server(Box::new(Connection::<Server>::new(&config, now)))
        }
        End::Client(_) => {
            let config = ClientConfig::builder("a").limits(limits.clone()).build().expect("consistent limits");
            Engine::Client(Box::new(Connection::<Client>::new(&config, now)))
        }
    }
}

impl Target {
    pub(crate) fn new(end: End, app: App, limits: &Limits, ping_strikes: Option<u32>) -> Self {
        let now = Instant::from_nanos(0);
        Self {
            engine: connect(end, limits, ping_strikes, now),
            app,
            now,
            reads: true,
            output: WriteBuf::new(),
            rest: Vec::new(),
            decoder: Decoder::new(4096, Classifier::NONE),
            block: Vec::new(),
            report: Report::default(),
        }
    }

    /// One round of the usual loop: what has arrived, what happened, what there is to say. All the work that an attack
    /// causes is done in here, so this is what is measured.
    #[inline(never)]
    pub(crate) fn hear(&mut self, octets: &[u8]) {
        let (now, app, report) = (self.now, self.app, &mut self.report);
        either!(&mut self.engine, it => it.receive(now, octets));
        match &mut self.engine {
            _ if app == App::Sleeps => {}
            Engine::Client(client) => while_events(client, |client, event| read_response(client, app, event, report)),
            Engine::Server(server) => while_events(server, |server, event| serve(server, app, event, report)),
        }
        either!(&mut self.engine, it => if it.wants_transmit() {
            it.transmit(now, &mut self.output);
        });
    }

    /// Time passes.
    #[inline(never)]
    pub(crate) fn sleep(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
        let now = self.now;
        either!(&mut self.engine, it => it.handle_timeout(now));
    }

    /// A client opens a call with one message, and half-closes.
    pub(crate) fn open(&mut self) {
        let Engine::Client(client) = &mut self.engine else { return };
        let id = client.open(self.now, &OpenOptions::new(&METHOD)).expect("a call");
        let mut call = client.call(id).expect("just opened");
        call.send(b"hello".to_vec()).expect("room");
        call.half_close().expect("open");
    }

    /// Whether `hear` would have more to say.
    pub(crate) fn has_more(&self) -> bool {
        either!(&self.engine, it => it.wants_transmit()) && !self.output.is_full()
    }

    pub(crate) fn is_ended(&self) -> bool {
        either!(&self.engine, it => it.error().is_some() || it.is_finished())
    }

    /// What the application is told of the end.
    pub(crate) fn reason(&self) -> Option<String> {
        either!(&self.engine, it => it.error().map(|error| error.reason().to_string()))
    }

    pub(crate) fn calls(&self) -> usize {
        either!(&self.engine, it => it.calls())
    }

    pub(crate) fn heap_size(&self) -> usize {
        either!(&self.engine, it => it.heap_size())
    }

    /// Takes what was written, as the attacker's socket would, and notes what it says.
    pub(crate) fn read_output(&mut self) {
        self.report.most_calls = self.report.most_calls.max(self.calls());
        if self.output.is_empty() {
            return;
        }
        self.report.emitted += self.output.len();
        while self.output.has_remaining() {
            let chunk = self.output.chunk();
            self.rest.extend_from_slice(chunk);
            let len = chunk.len();
            self.output.advance(len);
        }
        let octets = std::mem::take(&mut self.rest);
        let mut rest = octets.strip_prefix(PREFACE).unwrap_or(&octets);
        while let Some((head, after)) = rest.split_first_chunk::<HEAD_LEN>() {
            let head = Head::parse(head);
            let Some((payload, after)) = after.split_at_checked(head.length as usize) else { break };
            self.note(Frame::parse(head, payload).expect("a frame of ours is sound"), head.flags);
            rest = after;
        }
        assert!(rest.is_empty(), "whole frames only");
        self.rest = octets;
        self.rest.clear();
    }

    fn note(&mut self, frame: Frame<'_>, flags: Flags) {
        let ack = if flags.contains(Flags::ACK) { "ACK" } else { "" };
        let key = match frame {
            Frame::Headers(frame) => {
                self.block.extend_from_slice(frame.fragment);
                if frame.end_headers {
                    self.note_block();
                }
                ("HEADERS", "")
            }
            Frame::Continuation(frame) => {
                self.block.extend_from_slice(frame.fragment);
                if frame.end_headers {
                    self.note_block();
                }
                ("CONTINUATION", "")
            }
            Frame::GoAway(frame) => {
                let debug_data = String::from_utf8_lossy(frame.debug_data).into_owned();
                self.report.goaway = Some(LastWord { code: frame.code, debug_data });
                self.report.goaways += 1;
                ("GOAWAY", frame.code.name())
            }
            Frame::Data(_) => ("DATA", ""),
            Frame::RstStream(frame) => ("RST_STREAM", frame.code.name()),
            Frame::Ping(_) => ("PING", ack),
            Frame::Settings(_) => ("SETTINGS", ack),
            Frame::WindowUpdate(frame) => {
                if frame.stream.is_zero() {
                    self.report.credit += u64::from(frame.increment);
                }
                ("WINDOW_UPDATE", "")
            }
            other => panic!("we never send {other:?}"),
        };
        *self.report.said.entry(key).or_default() += 1;
    }

    fn note_block(&mut self) {
        let mut fields = FieldBlock::new();
        let is_update = |octet: &&u8| **octet & 0xe0 == 0x20;
        // None of ours is longer than three octets: none is above 4,096.
        let mut rest = &self.block[..];
        let mut updates = 0;
        while let Some(first) = rest.first().filter(is_update) {
            updates += 1;
            rest = &rest[if *first == 0x3f { 3 } else { 1 }.min(rest.len())..];
        }
        self.report.size_updates = self.report.size_updates.max(updates);
        self.decoder.decode(&self.block, &GENEROUS, &mut fields).expect("a block of ours is sound");
        self.block.clear();
        for field in fields.fields() {
            let counts = match field.name {
                b":status" => &mut self.report.http,
                b"grpc-status" => &mut self.report.grpc,
                _ => continue,
            };
            *counts.entry(String::from_utf8_lossy(field.value).into_owned()).or_default() += 1;
        }
    }
}

fn while_events<R: Role>(connection: &mut Connection<R>, mut handle: impl FnMut(&mut Connection<R>, Event)) {
    while let Some(event) = connection.poll_event() {
        handle(connection, event);
    }
}

fn serve(server: &mut Connection<Server>, app: App, event: Event, report: &mut Report) {
    let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { return };
    report.shown += u64::from(matches!(event, Event::Opened(_)));
    if app == App::Holds {
        return;
    }
    loop {
        let Some(mut call) = server.call(id) else { return };
        if call.stopped().is_some() {
            return call.release();
        }
        match call.read() {
            Some(Item::End(_)) => {
                let message = if let App::Pours(octets) = app { vec![b'p'; octets as usize] } else { b"ok".to_vec() };
                // Refused only where the peer has ended the call, and then nobody waits for it.
                _ = call.send(message);
                return call.finish(&Status::ok(), &Metadata::new());
            }
            Some(_) => {}
            None => return,
        }
    }
}

fn read_response(client: &mut Connection<Client>, app: App, event: Event, report: &mut Report) {
    let Event::Readable(id) = event else { return };
    if app == App::Holds {
        return;
    }
    while let Some(mut call) = client.call(id) {
        match call.read() {
            Some(Item::End(outcome)) => {
                let code = outcome.status().code();
                *report.outcomes.entry(format!("{code:?}")).or_default() += 1;
            }
            Some(_) => {}
            None => return,
        }
    }
}
