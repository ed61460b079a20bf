//! Octets of a browser, a proxy or an attacker to a server with gRPC-Web in front of it: whatever comes, it says its piece,
//! keeps within its bounds and comes to an end; and over HTTP/1.1 calls are the same however the octets are cut, up to a refusal.

use crate::control::Control;
use bytes::Buf;
use grpc_sansio::grpc::{Code, Message, Metadata, Status};
use grpc_sansio::web::{Config, Cors, InvalidText, Protocol, Session, TextDecoder, TextEncoder, Trailers};
use grpc_sansio::{CallId, Connection, Event, Instant, Item, Server, ServerConfig, WriteBuf};
use std::collections::HashMap;
use std::time::Duration;

/// What a request may make us say at most: answers to pipelined requests are longer than those.
const MOST_FOR_AN_OCTET: usize = 64;
const MOST_AT_LEAST: usize = 64 * 1024;

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

struct Host {
    control: Control,
    session: Session,
    server: Connection<Server>,
    now: Instant,
    open: HashMap<CallId, (String, Vec<Vec<u8>>)>,
    complete: Vec<(String, Vec<Vec<u8>>)>,
    received: usize,
    said: usize,
}

impl Host {
    fn play<'a>(control: Control, pieces: impl Iterator<Item = &'a [u8]>) -> Played {
        let now = Instant::from_nanos(1_000_000_000);
        let mut config = Config::default().cors(Cors::any()).page("/", "text/html", &b"hello"[..]);
        if control.has(0) {
            config = config.max_head(300).max_fields(6).max_body(100);
        }
        let server_config = ServerConfig::default();
        let mut host = Self {
            control,
            session: Session::new(&config.mixed(control.has(1)), &server_config, now),
            server: Connection::<Server>::new(&server_config, now),
            now,
            open: HashMap::new(),
            complete: Vec::new(),
            received: 0,
            said: 0,
        };
        for piece in pieces {
            // A driver reads no more while it is not wanted; what it has read goes in.
            host.session.receive(host.now, piece, &mut host.server);
            host.received += piece.len();
            host.drive();
        }
        let protocol = host.session.protocol();
        host.end();
        Played { protocol, complete: host.complete }
    }

    /// Time goes by, and then the peer is gone.
    fn end(&mut self) {
        if self.control.has(2) {
            for _ in 0..50 {
                let Some(due) = self.session.poll_timeout(&self.server) else { break };
                self.now = self.now.max(due);
                self.session.handle_timeout(self.now, &mut self.server);
                let next = self.session.poll_timeout(&self.server);
                assert!(next.is_none_or(|next| next > self.now), "a timer that is due for ever");
                self.drive();
            }
        }
        if self.control.has(3) {
            let by = self.now.saturating_add(Duration::from_secs(1));
            self.server.shutdown(self.now, Some(by));
            self.drive();
        }
        self.session.receive_eof(self.now, &mut self.server);
        self.drive();
        assert!(self.session.is_finished(&self.server), "it does not end");
        self.server.audit().expect("sound books");
    }

    fn drive(&mut self) {
        let mut output = WriteBuf::with_target(4096);
        for _ in 0..10_000 {
            self.work();
            self.session.transmit(self.now, &mut self.server, &mut output);
            self.said += output.len();
            output.advance(output.len());
            if !self.session.wants_transmit(&self.server) {
                self.work();
                let most = MOST_AT_LEAST + MOST_FOR_AN_OCTET * self.received;
                assert!(self.said <= most, "{} octets for {}", self.said, self.received);
                return;
            }
        }
        panic!("it never stops talking");
    }

    fn work(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Opened(id) => {
                    let mut call = self.server.call(id).expect("an opened call");
                    let Some(Item::Head(head)) = call.read() else { panic!("no head") };
                    self.open.insert(id, (head.path().to_owned(), Vec::new()));
                    if self.control.has(4) {
                        let _ = self.server.call(id).expect("the call").send_head(&Metadata::new());
                    }
                    self.read(id);
                }
                Event::Readable(id) => self.read(id),
                Event::Stopped(id) => {
                    self.open.remove(&id);
                    self.server.call(id).into_iter().for_each(|call| call.release());
                }
                _ => {}
            }
        }
    }

    fn read(&mut self, id: CallId) {
        while let Some(mut call) = self.server.call(id) {
            match call.read() {
                Some(Item::Message(payload)) => {
                    let message = payload.to_vec();
                    if let Some(known) = self.open.get_mut(&id) {
                        known.1.push(message.clone());
                    }
                    if let Some(mut call) = self.server.call(id).filter(|_| self.control.has(5)) {
                        let _ = call.send(Message::new(message));
                    }
                }
                Some(Item::End(_)) => {
                    self.complete.extend(self.open.remove(&id));
                    let Some(call) = self.server.call(id) else { return };
                    match self.control.mode >> 6 {
                        0 => call.finish(&Status::ok(), &Metadata::new()),
                        1 => call.finish(&Status::new(Code::NotFound, "none\r\n\u{2713}"), &Metadata::new()),
                        2 => drop(call.reset(grpc_sansio::frame::ErrorCode::INTERNAL_ERROR)),
                        _ => call.finish(&Status::new(Code::Internal, "x".repeat(100)), &Metadata::new()),
                    }
                    return;
                }
                Some(_) => {}
                None => return,
            }
        }
    }
}
