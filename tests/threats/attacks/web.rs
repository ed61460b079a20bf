//! T-73: attacks on what stands in front of the engine, over HTTP/1.1 and over HTTP/2, written octet by octet. They have a
//! target of their own, since a session is no connection; the tests in `tests/threats/web.rs` check what comes of each, and
//! `benches/src/under_attack.rs` plays some of them over sockets.

use super::wire::{END_STREAM, NONE, Wire, literal, stream};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Metadata, Status};
use grpc_sansio::web::{Config, Cors, Session};
use grpc_sansio::{Connection, Event, Instant, Item, Server, ServerConfig, WriteBuf};
use std::time::Duration;

/// An attack: a deterministic writer of as much hostile input as one asks for.
#[derive(Clone, Copy)]
pub(crate) struct WebAttack {
    /// Of T-73's rows.
    pub(crate) name: &'static str,
    /// Whether the application reads.
    pub(crate) app_reads: bool,
    /// Whether the attacker reads.
    pub(crate) reads: bool,
    /// Written once.
    pub(crate) start: fn(&mut Wire),
    /// Writes the `n`th turn.
    pub(crate) turn: fn(u32, &mut Wire),
    /// Time between two turns.
    pub(crate) pause: Duration,
    /// Each read has at most so many octets.
    pub(crate) cut: usize,
    /// The most heap that it may take, in octets.
    pub(crate) heap: u64,
    /// How the error begins that it ends with, or nothing where there is none.
    pub(crate) ends: &'static str,
    /// Whether the connection is closed without one.
    pub(crate) closes: bool,
}

impl WebAttack {
    const fn new(name: &'static str, turn: fn(u32, &mut Wire)) -> Self {
        Self {
            name,
            app_reads: true,
            reads: true,
            start: |_| {},
            turn,
            pause: Duration::ZERO,
            cut: usize::MAX,
            heap: 192 * 1024,
            ends: "",
            closes: false,
        }
    }
}

const GET: &[u8] = b"GET /none HTTP/1.1\r\nhost:d\r\n\r\n";
const UPLOAD: &[u8] =
    b"POST /a/b HTTP/1.1\r\nhost:d\r\ncontent-type:application/grpc-web\r\ntransfer-encoding:chunked\r\n\r\n";
/// A message of a mebibyte, announced.
const LONG: &[u8] = b"5\r\n\0\0\x10\0\0\r\n";

fn several(wire: &mut Wire, octets: &[u8]) {
    (0..16).for_each(|_| wire.raw(octets));
}

fn handshake(wire: &mut Wire) {
    wire.preface();
    wire.settings(&[]);
    wire.settings_ack();
}

/// A request of gRPC-Web over HTTP/2.
fn web_request(id: u32, flags: grpc_sansio::frame::Flags, wire: &mut Wire) {
    let head = b"\x83\x86\x04\x04/a/b\x01\x01a\x0f\x10\x14application/grpc-web";
    wire.headers(id, head, flags);
}

/// All of them.
pub(crate) const ATTACKS: &[WebAttack] = &[
    WebAttack::new("pages_that_are_not_there", |_, wire| several(wire, GET)),
    WebAttack::new("the_page", |_, wire| several(wire, b"GET / HTTP/1.1\r\nhost:d\r\n\r\n")),
    WebAttack::new("preflights", |_, wire| {
        several(wire, b"OPTIONS / HTTP/1.1\r\nhost:d\r\norigin:a\r\naccess-control-request-method:POST\r\n\r\n");
    }),
    WebAttack::new("posts_that_are_no_grpc", |_, wire| several(wire, b"POST / HTTP/1.1\r\nhost:d\r\n\r\n")),
    WebAttack::new("other_methods", |_, wire| several(wire, b"PUT / HTTP/1.1\r\nhost:d\r\n\r\n")),
    WebAttack::new("calls_of_nothing", |_, wire| {
        let head = b"POST /a/b HTTP/1.1\r\nhost:d\r\ncontent-type:application/grpc-web\r\ncontent-length:5\r\n\r\n";
        several(wire, &[&head[..], &[0; 5]].concat());
    }),
    WebAttack::new("calls_of_text", |_, wire| {
        let head =
            b"POST /a/b HTTP/1.1\r\nhost:d\r\ncontent-type:application/grpc-web-text\r\ncontent-length:8\r\n\r\n";
        several(wire, &[&head[..], b"AAAAAAA="].concat());
    }),
    WebAttack {
        closes: true,
        ..WebAttack::new("broken_text", |_, wire| {
            let head =
                b"POST /a/b HTTP/1.1\r\nhost:d\r\ncontent-type:application/grpc-web-text\r\ncontent-length:4\r\n\r\n";
            several(wire, &[&head[..], b"A==="].concat());
        })
    },
    WebAttack { cut: 1, ..WebAttack::new("an_octet_a_read", |_, wire| several(wire, GET)) },
    WebAttack::new("longest_heads", |_, wire| {
        wire.raw(b"GET /none HTTP/1.1\r\nhost:d\r\n");
        (0..98).for_each(|_| wire.raw(b"x:y\r\n"));
        wire.raw(b"\r\n");
    }),
    WebAttack::new("fields_of_one_hop", |_, wire| {
        wire.raw(b"GET /none HTTP/1.1\r\nhost:d\r\nconnection:");
        (0..3_000).for_each(|_| wire.raw(b"x,"));
        wire.raw(b"x\r\n");
        (0..90).for_each(|_| wire.raw(b"y:z\r\n"));
        wire.raw(b"\r\n");
    }),
    WebAttack::new("empty_lines", |_, wire| (0..4_000).for_each(|_| wire.raw(b"\r\n"))),
    WebAttack {
        start: |wire| wire.raw(&[UPLOAD, LONG].concat()),
        heap: 512 * 1024,
        ..WebAttack::new("chunks_of_an_octet", |_, wire| several(wire, b"1\r\nx\r\n"))
    },
    WebAttack {
        start: |wire| wire.raw(&[UPLOAD, LONG].concat()),
        heap: 512 * 1024,
        ..WebAttack::new("chunks_with_long_extensions", |_, wire| {
            wire.raw(b"1;");
            wire.raw(&[b'e'; 250]);
            wire.raw(b"\r\nx\r\n");
        })
    },
    WebAttack {
        app_reads: false,
        start: |wire| wire.raw(UPLOAD),
        heap: 512 * 1024,
        ..WebAttack::new("messages_that_nobody_reads", |_, wire| several(wire, b"6\r\n\0\0\0\0\x01m\r\n"))
    },
    WebAttack {
        reads: false,
        heap: 512 * 1024,
        ..WebAttack::new("answers_that_nobody_takes", |_, wire| several(wire, GET))
    },
    WebAttack {
        start: |wire| wire.raw(b"GET / HTTP/1.1\r\n"),
        ends: "max_head",
        ..WebAttack::new("a_head_without_end", |_, wire| several(wire, b"x: y\r\n"))
    },
    WebAttack {
        ends: "max_fields",
        ..WebAttack::new("too_many_fields", |_, wire| {
            wire.raw(b"GET / HTTP/1.1\r\nhost:d\r\n");
            (0..100).for_each(|_| wire.raw(b"x:y\r\n"));
            wire.raw(b"\r\n");
        })
    },
    WebAttack {
        ends: "max_body",
        ..WebAttack::new("an_endless_body", |_, wire| {
            wire.raw(&[UPLOAD, b"1000001\r\n"].concat());
        })
    },
    WebAttack {
        pause: Duration::from_millis(1_001),
        start: |wire| wire.raw(b"GET / "),
        ends: "head_timeout",
        ..WebAttack::new("a_slow_head", |_, wire| wire.raw(b"x"))
    },
    WebAttack {
        pause: Duration::from_secs(31),
        start: |wire| wire.raw(&[UPLOAD, LONG].concat()),
        ends: "body_timeout",
        ..WebAttack::new("a_slow_body", |_, wire| wire.raw(b"1\r\nx\r\n"))
    },
    WebAttack {
        start: handshake,
        ends: "reset_burst",
        ..WebAttack::new("rapid_reset", |n, wire| {
            web_request(stream(n), NONE, wire);
            wire.reset(stream(n), ErrorCode::CANCEL);
        })
    },
    WebAttack {
        start: |wire| {
            handshake(wire);
            web_request(1, NONE, wire);
        },
        ends: "too_many_pings",
        ..WebAttack::new("pings", |_, wire| wire.ping())
    },
    WebAttack {
        start: |wire| {
            handshake(wire);
            web_request(1, NONE, wire);
        },
        ends: "glitch_burst",
        ..WebAttack::new("settings", |_, wire| wire.settings(&[]))
    },
    WebAttack {
        start: handshake,
        heap: 64 * 1024,
        ..WebAttack::new("calls_over_http2", |n, wire| {
            web_request(stream(n), NONE, wire);
            wire.message(stream(n), 0, END_STREAM);
            wire.window(0, 100);
        })
    },
    WebAttack {
        start: handshake,
        heap: 64 * 1024,
        ..WebAttack::new("pages_over_http2", |n, wire| {
            wire.headers(stream(n), &[&b"\x82\x86\x84\x01\x01a"[..], &literal(b"x", b"y")].concat(), END_STREAM);
            wire.window(0, 100);
        })
    },
    WebAttack {
        app_reads: false,
        start: |wire| {
            handshake(wire);
            // A field of 512 octets, which an octet stands for afterwards.
            let mut head =
                b"\x83\x86\x04\x04/a/b\x01\x01a\x0f\x10\x14application/grpc-web\x40\x01x\x7f\xe0\x02".to_vec();
            head.extend_from_slice(&[b'b'; 479]);
            wire.headers(1, &head, NONE);
        },
        heap: 512 * 1024,
        ..WebAttack::new("bombs_over_http2", |n, wire| {
            let mut head = b"\x83\x86\x04\x04/a/b\x01\x01a\x0f\x10\x14application/grpc-web".to_vec();
            head.extend_from_slice(&[0xbe; 28]);
            wire.headers(stream(n + 1), &head, NONE);
        })
    },
];

/// Whom they meet: a session, a connection, and an application that answers each message with one.
pub(crate) struct WebTarget {
    pub(crate) session: Session,
    pub(crate) server: Connection<Server>,
    pub(crate) now: Instant,
    output: WriteBuf,
    app_reads: bool,
    /// Octets that were said and taken.
    pub(crate) emitted: usize,
    /// Octets that the application wrote, and calls that it answered.
    pub(crate) own: usize,
    pub(crate) answered: usize,
    pub(crate) last: Vec<u8>,
}

pub(crate) const PAGE: &[u8] = b"hello";

pub(crate) fn config() -> Config {
    Config::default().cors(Cors::any()).page("/", "text/html", PAGE)
}

impl WebTarget {
    #[inline(never)]
    pub(crate) fn new(attack: &WebAttack) -> Self {
        let (now, server) = (Instant::from_nanos(1), ServerConfig::default());
        Self {
            session: Session::new(&config(), &server, now),
            server: Connection::<Server>::new(&server, now),
            now,
            output: WriteBuf::new(),
            app_reads: attack.app_reads,
            emitted: 0,
            own: 0,
            answered: 0,
            last: Vec::new(),
        }
    }

    /// One round of the usual loop. All the work that an attack causes is done in here.
    #[inline(never)]
    pub(crate) fn hear(&mut self, octets: &[u8]) {
        self.session.receive(self.now, octets, &mut self.server);
        self.say();
    }

    #[inline(never)]
    pub(crate) fn sleep(&mut self, duration: Duration) {
        self.now = self.now.saturating_add(duration);
        self.session.handle_timeout(self.now, &mut self.server);
        self.say();
    }

    fn say(&mut self) {
        self.work();
        // Whoever takes nothing has a socket that is full.
        if self.output.is_empty() {
            self.session.transmit(self.now, &mut self.server, &mut self.output);
            self.work();
        }
    }

    fn work(&mut self) {
        while let Some(event) = self.server.poll_event() {
            let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { continue };
            while self.app_reads
                && let Some(mut call) = self.server.call(id)
            {
                if call.stopped().is_some() {
                    call.release();
                    break;
                }
                match call.read() {
                    Some(Item::End(_)) => {
                        self.answered += 1;
                        call.finish(&Status::ok(), &Metadata::new());
                        break;
                    }
                    Some(Item::Message(payload)) => {
                        let message = payload.to_vec();
                        self.own += message.len();
                        // Refused only where the peer has ended the call, and then nobody waits for it.
                        _ = self.server.call(id).map(|mut call| call.send(message));
                    }
                    Some(Item::Head(_)) => {}
                    None => break,
                }
            }
        }
    }

    /// Takes what was written, and says whether there is more.
    pub(crate) fn take(&mut self) -> bool {
        self.emitted += self.output.len();
        self.last.clear();
        while let Some(octets) = self.output.next_chunk() {
            self.last.extend_from_slice(&octets);
        }
        self.session.wants_transmit(&self.server)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.session.error().is_some()
            || self.session.http2_error(&self.server).is_some()
            || self.session.is_finished(&self.server)
    }

    /// What it ended with.
    pub(crate) fn error(&self) -> String {
        let http1 = self.session.error().map(|error| error.to_string());
        let http2 = self.session.http2_error(&self.server).map(|error| error.reason().to_string());
        http1.or(http2).unwrap_or_default()
    }
}

/// One attack under way; `meter` does what is to be measured.
pub(crate) struct WebRun<'a> {
    attack: &'a WebAttack,
    pub(crate) target: WebTarget,
    pub(crate) wire: Wire,
    meter: super::Meter<'a>,
    turns: u32,
    pub(crate) received: usize,
    /// Ends of heads over HTTP/1.1 among them.
    pub(crate) heads: usize,
    tail: Vec<u8>,
}

impl<'a> WebRun<'a> {
    pub(crate) fn new(attack: &'a WebAttack, meter: super::Meter<'a>) -> Self {
        let mut target = None;
        meter(&mut || target = Some(WebTarget::new(attack)));
        let target = target.expect("a meter does the work");
        let wire = Wire::default();
        let mut run = Self { attack, target, wire, meter, turns: 0, received: 0, heads: 0, tail: Vec::new() };
        (attack.start)(&mut run.wire);
        run.flush();
        run
    }

    /// Hands over what the attacker wrote, as far as it is wanted, and takes what it is told.
    pub(crate) fn flush(&mut self) {
        let octets = std::mem::take(&mut self.wire.octets);
        self.received += octets.len();
        self.tail.extend_from_slice(&octets);
        self.heads += self.tail.windows(4).filter(|four| four == b"\r\n\r\n").count();
        self.tail.drain(..self.tail.len().saturating_sub(3));
        for piece in octets.chunks(self.attack.cut) {
            let target = &mut self.target;
            if !target.session.wants_input() {
                break;
            }
            (self.meter)(&mut || target.hear(piece));
            while self.attack.reads {
                let mut more = false;
                (self.meter)(&mut || more = target.take());
                if !more {
                    break;
                }
                (self.meter)(&mut || target.say());
            }
        }
    }

    pub(crate) fn turn(&mut self) {
        if !self.attack.pause.is_zero() {
            let (target, pause) = (&mut self.target, self.attack.pause);
            (self.meter)(&mut || target.sleep(pause));
        }
        (self.attack.turn)(self.turns, &mut self.wire);
        self.turns += 1;
        self.flush();
    }

    /// Goes on until so many octets were sent, or it has ended.
    pub(crate) fn until(&mut self, octets: usize) {
        while self.received < octets && !self.target.is_ended() {
            self.turn();
        }
    }
}
