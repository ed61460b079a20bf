//! Octets of a browser, a proxy or an attacker to a server with gRPC-Web in front of it: whatever comes, it says its piece,
//! keeps within its bounds and comes to an end; and over HTTP/1.1 calls are the same however the octets are cut, up to a refusal.
//!
//! * Each call begins once, and ends once; no event names one that is gone; `Closed` is told once.
//! * What is said is HTTP/1.1, a response for each request at most, or keeps the ledgers of HTTP/2.
//! * Output and heap keep to what `SECURITY.md` and `Config::session_bytes` promise.

use crate::control::Control;
use crate::http1;
use crate::ledger::Ledger;
use crate::meter::{ours, peak};
use bytes::Buf;
use grpc_sansio::frame::PREFACE;
use grpc_sansio::grpc::{Code, Message, Metadata, Status};
use grpc_sansio::web::{Config, Cors, InvalidText, Protocol, Session, TextDecoder, TextEncoder, Trailers};
use grpc_sansio::{CallId, Connection, Event, Instant, Item, Limits, Server, ServerConfig, WriteBuf};
use std::collections::HashMap;
use std::time::Duration;

/// The page.
const PAGE: &[u8] = b"hello";

/// What a request over HTTP/1.1 may make a session say, besides pages and what the application says.
const ANSWER: usize = 512;

/// The same over HTTP/2, for each octet that came.
const FOR_AN_OCTET: usize = 4;

/// The same in either version, once.
const ONCE: usize = 1024;

/// What the head and the trailers of a call's response may have, besides the text of its status.
const CALL: usize = 400;

/// The octets of a peer, then what steers: limits, what the application does, and where to cut.
pub fn run(data: &[u8]) {
    let Some((wire, control)) = Control::split(data) else { return };
    let whole = Host::play(control, std::iter::once(wire));
    let pieces = Host::play(control, control.pieces(wire, 40));
    assert_eq!(whole.protocol, pieces.protocol);
    if whole.protocol == Protocol::Http1 {
        // A request that is refused by its head is answered at once, and if its body has not come yet, its connection
        // closes: then there is no other request. Which of several faults is told may differ for the same reason.
        let common = whole.complete.len().min(pieces.complete.len());
        assert_eq!(whole.complete[..common], pieces.complete[..common]);
    }
    pure(wire, control);
}

/// The wire format alone.
fn pure(wire: &[u8], control: Control) {
    if let Ok(trailers) = Trailers::parse(wire) {
        let again = Trailers::encode(trailers.fields().map(|(name, value, _)| (name, value)));
        assert_eq!(Trailers::parse(&again[5..]), Ok(trailers));
    }
    assert_eq!(undo(std::iter::once(wire)), undo(control.pieces(wire, 9)));
    let (mut encoder, mut text) = (TextEncoder::default(), Vec::new());
    control.pieces(wire, 9).for_each(|piece| encoder.push(piece, &mut text));
    let decoded = undo(std::iter::once(&text[..])).expect("what it wrote");
    assert!(wire.starts_with(&decoded) && wire.len() - decoded.len() < 3);
}

fn undo<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, InvalidText> {
    let (mut decoder, mut octets) = (TextDecoder::default(), Vec::new());
    pieces.try_for_each(|piece| decoder.push(piece, &mut octets))?;
    decoder.finish().map(|()| octets)
}

/// What came of a run.
struct Played {
    protocol: Protocol,
    /// Calls whose request was read to its end: the path and the messages.
    complete: Vec<(String, Vec<Vec<u8>>)>,
}

/// What was seen of a call.
#[derive(Default)]
struct Life {
    path: String,
    messages: Vec<Vec<u8>>,
    ended: bool,
    stopped: bool,
}

struct Host {
    control: Control,
    session: Session,
    server: Connection<Server>,
    now: Instant,
    lives: HashMap<CallId, Life>,
    complete: Vec<(String, Vec<Vec<u8>>)>,
    closed: bool,
    output: WriteBuf,
    /// What the peer sent, and what it was sent.
    received: Vec<u8>,
    said: Vec<u8>,
    /// Ends of heads in what came over HTTP/1.1.
    heads: usize,
    /// Over HTTP/2.
    ledger: Option<Ledger>,
    /// Octets that the application may have caused.
    own: usize,
    /// What the configs promise of the heap, and the longest piece that was handed in.
    promised: u64,
    longest: usize,
}

fn server_config(small: bool) -> ServerConfig {
    let mut limits = Limits::default();
    if small {
        limits.max_receive_message = Some(3_000);
        limits.max_concurrent_calls = 3;
        limits.max_waiting_calls = 2;
        limits.call_window = 65_535;
        limits.connection_window = 65_535;
        limits.window_growth = 0;
        limits.assembly_budget = 0;
        limits.max_header_list = 1_024;
        limits.max_header_block = 1_024;
        limits.held_headers = 1_024;
        limits.send_queue_per_call = 2_000;
        limits.send_queue_per_connection = 5_000;
        limits.decoder_table = 100;
        limits.encoder_table = 0;
        limits.max_replies = 8;
    }
    ServerConfig::builder().limits(limits).build().expect("limits that fit each other")
}

impl Host {
    fn play<'a>(control: Control, pieces: impl Iterator<Item = &'a [u8]>) -> Played {
        let now = Instant::from_nanos(1_000_000_000);
        let mut config = Config::default().cors(Cors::any()).page("/", "text/html", PAGE);
        if control.has(0) {
            config = config.max_head(300).max_fields(6).max_body(100);
        }
        let config = config.mixed(control.has(1));
        let server_config = server_config(control.has(0));
        let mut host = Self {
            control,
            session: Session::new(&config, &server_config, now),
            server: Connection::<Server>::new(&server_config, now),
            now,
            lives: HashMap::new(),
            complete: Vec::new(),
            closed: false,
            output: WriteBuf::with_target(4096),
            received: Vec::new(),
            said: Vec::new(),
            heads: 0,
            ledger: None,
            own: 0,
            promised: server_config.connection_bytes() + config.session_bytes(&server_config),
            longest: 0,
        };
        for piece in pieces {
            // A driver reads no more while it is not wanted; what it has read goes in.
            ours(|| host.session.receive(host.now, piece, &mut host.server));
            let behind = host.received.len().saturating_sub(3);
            host.received.extend_from_slice(piece);
            host.heads += count(&host.received[behind..], b"\r\n\r\n");
            host.longest = host.longest.max(piece.len());
            if host.received.starts_with(PREFACE) {
                let alive = host.session.http2_error(&host.server).is_none() && !host.closed;
                let behind = host.received.len() - piece.len();
                let ledger = host.ledger.get_or_insert_with(|| {
                    let mut ledger = Ledger::new(false);
                    ledger.received(&host.received[..behind], true);
                    ledger
                });
                ledger.received(piece, alive);
            }
            host.drive();
        }
        let protocol = host.session.protocol();
        host.end();
        host.check_http1(protocol);
        // What was allocated in pieces is freed in one.
        let Self { session, server, output, complete, .. } = host;
        ours(|| drop((session, server, output)));
        Played { protocol, complete }
    }

    /// Time goes by, and then the peer is gone.
    fn end(&mut self) {
        if self.control.has(2) {
            for _ in 0..50 {
                let Some(due) = self.session.poll_timeout(&self.server) else { break };
                self.now = self.now.max(due);
                ours(|| self.session.handle_timeout(self.now, &mut self.server));
                let next = self.session.poll_timeout(&self.server);
                assert!(next.is_none_or(|next| next > self.now), "a timer that is due for ever");
                self.drive();
            }
        }
        if self.control.has(3) {
            let by = self.now.saturating_add(Duration::from_secs(1));
            ours(|| self.server.shutdown(self.now, Some(by)));
            self.drive();
        }
        ours(|| self.session.receive_eof(self.now, &mut self.server));
        self.drive();
        assert!(self.session.is_finished(&self.server), "it does not end");
        assert!(self.closed, "nobody was told of the end");
        for life in self.lives.values() {
            assert!(life.ended || life.stopped, "a call without an end: {}", life.path);
        }
        assert_eq!((self.server.calls(), self.server.queued()), (0, 0));
        self.server.audit().expect("sound books");
    }

    fn drive(&mut self) {
        for _ in 0..10_000 {
            self.work();
            ours(|| self.session.transmit(self.now, &mut self.server, &mut self.output));
            let octets = ours(|| self.output.copy_to_bytes(self.output.len()).to_vec());
            if let Some(ledger) = &mut self.ledger {
                ledger.sent(&octets);
            }
            self.said.extend_from_slice(&octets);
            ours(|| drop(octets));
            if !self.session.wants_transmit(&self.server) {
                self.work();
                return self.check_bounds();
            }
        }
        panic!("it never stops talking");
    }

    /// What may be said, and what may be held.
    fn check_bounds(&self) {
        let provoked = match self.ledger {
            None => (self.heads + 1) * (ANSWER + PAGE.len()),
            // A page is an answer too, and a request for one has four octets at least.
            Some(_) => (FOR_AN_OCTET + PAGE.len()) * self.received.len(),
        };
        let most = ONCE + provoked + self.own;
        assert!(self.said.len() <= most, "{} octets for {}, of {most}", self.said.len(), self.received.len());
        // Cut or whole, both runs of an input are counted together, and what the first leaves is nothing.
        let most = self.promised + 4 * self.longest as u64 + 2 * self.own as u64;
        assert!(peak() <= most, "{} octets of heap, and {most} are promised", peak());
    }

    /// Over HTTP/1.1: whole responses, and no more than there were requests.
    fn check_http1(&self, protocol: Protocol) {
        if protocol != Protocol::Http1 {
            return;
        }
        let read = http1::read(&self.said, count(&self.received, b"HEAD") > 0);
        // One more for what is no request.
        assert!(read.responses <= self.heads + 1, "{read:?}");
    }

    fn work(&mut self) {
        while let Some(event) = ours(|| self.server.poll_event()) {
            assert!(event != Event::Closed || !std::mem::replace(&mut self.closed, true), "a second {event:?}");
            let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
                continue;
            };
            assert!(self.server.call(id).is_some(), "{event:?} names a call that is gone");
            match event {
                Event::Opened(_) => {
                    let path = ours(|| match self.server.call(id).expect("an opened call").read() {
                        Some(Item::Head(head)) => head.path().to_owned(),
                        _ => panic!("no head"),
                    });
                    let life = Life { path, ..Life::default() };
                    assert!(self.lives.insert(id, life).is_none(), "opened twice");
                    if self.control.has(4) {
                        self.own += CALL;
                        let _ = ours(|| self.server.call(id).expect("the call").send_head(&Metadata::new()));
                    }
                    self.read(id);
                }
                Event::Readable(_) => self.read(id),
                Event::Stopped(_) => {
                    let life = self.lives.get_mut(&id).expect("a call that was opened");
                    assert!(!std::mem::replace(&mut life.stopped, true), "stopped twice");
                    ours(|| self.server.call(id).into_iter().for_each(|call| call.release()));
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, id: CallId) {
        while self.server.call(id).is_some() {
            let Some(item) = ours(|| self.server.call(id).and_then(|mut call| call.read().map(owned))) else { return };
            let life = self.lives.get_mut(&id).expect("a call that was opened");
            assert!(!life.ended && !life.stopped, "an item behind the end");
            match item {
                Some(message) => {
                    life.messages.push(message.clone());
                    if self.control.has(5) {
                        // As text, in chunks, in frames.
                        self.own += CALL + 2 * message.len();
                        let _ = ours(|| self.server.call(id).map(|mut call| call.send(Message::new(message.clone()))));
                    }
                    ours(|| drop(message));
                }
                None => {
                    life.ended = true;
                    self.complete.push((life.path.clone(), life.messages.clone()));
                    self.own += CALL + 2 * LONG;
                    return ours(|| self.finish(id));
                }
            }
        }
    }

    fn finish(&mut self, id: CallId) {
        let Some(call) = self.server.call(id) else { return };
        match self.control.mode >> 6 {
            0 => call.finish(&Status::ok(), &Metadata::new()),
            1 => call.finish(&Status::new(Code::NotFound, "none\r\n\u{2713}"), &Metadata::new()),
            2 => drop(call.reset(grpc_sansio::frame::ErrorCode::INTERNAL_ERROR)),
            _ => call.finish(&Status::new(Code::Internal, "x".repeat(LONG)), &Metadata::new()),
        }
    }
}

/// Octets of the longest text of a status.
const LONG: usize = 100;

/// A message, or the end.
fn owned(item: Item<'_, Server>) -> Option<Vec<u8>> {
    match item {
        Item::Message(payload) => Some(payload.to_vec()),
        Item::End(_) => None,
        Item::Head(_) => panic!("a second head"),
    }
}

fn count(octets: &[u8], what: &[u8]) -> usize {
    octets.windows(what.len()).filter(|part| *part == what).count()
}
