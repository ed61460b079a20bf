//! The attacks of `docs/threats.md` as a table, and what runs them. The tests in `tests/threats` check what comes of each;
//! `benches/run --threats` counts the instructions that each costs. So nothing here knows of tests.

mod control;
mod data;
mod framing;
mod grpc;
mod headers;
mod streams;
mod target;
#[cfg(feature = "web")]
pub(crate) mod web;
mod wire;

pub(crate) use target::{App, End, Report, Target};
pub(crate) use wire::{RESPONSE, TRAILERS, Wire, literal, stream};

use grpc_sansio::Limits;
use std::time::Duration;

/// All of them, by the sections of the page.
pub(crate) const ALL: &[&[Attack]] =
    &[streams::ATTACKS, control::ATTACKS, headers::ATTACKS, data::ATTACKS, framing::ATTACKS, grpc::ATTACKS];

/// What the attacker says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// The whole handshake.
    Usual,
    /// All of it but the acknowledgement of our SETTINGS.
    WithoutAck,
    Nothing,
}

/// Where an attack leaves its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// A well-behaved call on it goes on.
    Serves,
    /// It has ended.
    Ends,
    /// It is there, but no call can end well on it, and that is the attacker's own doing.
    Stays,
    /// It takes no new calls, and the one in flight ends well.
    Drains,
}

/// An attack: a deterministic writer of as much hostile input as one asks for.
#[derive(Clone, Copy)]
pub(crate) struct Attack {
    /// That of its test.
    pub(crate) name: &'static str,
    pub(crate) end: End,
    pub(crate) app: App,
    /// Whether the attacker reads what it is told.
    pub(crate) reads: bool,
    pub(crate) hello: Hello,
    pub(crate) limits: fn(&mut Limits),
    /// `max_ping_strikes`: off where PINGs are to meet what comes after it.
    pub(crate) ping_strikes: Option<u32>,
    /// Written once, before the first turn.
    pub(crate) start: fn(&mut Wire),
    /// Writes the `n`th turn, from zero on.
    pub(crate) turn: fn(u32, &mut Wire),
    /// Time between two turns.
    pub(crate) pause: Duration,
    /// Each read has at most so many octets.
    pub(crate) cut: usize,
    /// Octets after which the test ends the attack, if that does not end itself.
    pub(crate) octets: usize,
    /// The most heap that it may take, in octets.
    pub(crate) heap: usize,
    pub(crate) after: After,
}

const fn nothing(_: &mut Wire) {}

impl Attack {
    /// An attack on a server whose application answers, with the limits as they are by default.
    pub(crate) const fn on_server(name: &'static str) -> Self {
        Self {
            name,
            end: End::Server,
            app: App::Answers,
            reads: true,
            hello: Hello::Usual,
            limits: |_| {},
            ping_strikes: Some(2),
            start: nothing,
            turn: |_, _| {},
            pause: Duration::ZERO,
            cut: usize::MAX,
            octets: 1 << 20,
            heap: 64 * 1024,
            after: After::Ends,
        }
    }

    /// An attack on a client with one call open.
    pub(crate) const fn on_client(name: &'static str) -> Self {
        Self { end: End::Client(1), ..Self::on_server(name) }
    }

    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        (self.limits)(&mut limits);
        limits
    }
}

/// What does a piece of the target's work, and may measure it.
pub(crate) type Meter<'a> = &'a mut dyn FnMut(&mut dyn FnMut());

/// One attack under way.
pub(crate) struct Run<'a> {
    attack: &'a Attack,
    pub(crate) target: Target,
    pub(crate) wire: Wire,
    meter: Meter<'a>,
    turns: u32,
    /// Octets of the handshake.
    pub(crate) hello: usize,
}

impl<'a> Run<'a> {
    /// The target, after the handshake and the attack's start.
    pub(crate) fn new(attack: &'a Attack, meter: Meter<'a>) -> Self {
        let mut target = None;
        let limits = attack.limits();
        meter(&mut || target = Some(Target::new(attack.end, attack.app, &limits, attack.ping_strikes)));
        let target = target.expect("a meter does the work");
        let mut run = Self { attack, target, wire: Wire::default(), meter, turns: 0, hello: 0 };
        run.flush();
        if attack.hello != Hello::Nothing {
            if attack.end == End::Server {
                run.wire.preface();
            }
            run.wire.settings(&[]);
            run.flush();
        }
        if attack.hello == Hello::Usual {
            run.wire.settings_ack();
        }
        run.flush();
        if let End::Client(calls) = attack.end {
            (0..calls).for_each(|_| run.open());
            run.flush();
        }
        // What was said so far is nobody's fault.
        run.hello = run.target.report.received;
        (run.target.report.received, run.target.report.emitted) = (0, 0);
        run.target.reads = attack.reads;
        (attack.start)(&mut run.wire);
        run.flush();
        run
    }

    /// Hands over what the attacker wrote, and takes what it is told.
    pub(crate) fn flush(&mut self) {
        let octets = std::mem::take(&mut self.wire.octets);
        self.target.report.received += octets.len();
        let mut pieces = octets.chunks(self.attack.cut);
        // Without input too there may be something to say.
        let mut piece = pieces.next().unwrap_or_default();
        loop {
            let target = &mut self.target;
            (self.meter)(&mut || target.hear(piece));
            if target.reads {
                target.read_output();
                while target.has_more() {
                    (self.meter)(&mut || target.hear(&[]));
                    target.read_output();
                }
            }
            match pieces.next() {
                Some(next) => piece = next,
                None => break,
            }
        }
        self.wire.octets = octets;
        self.wire.octets.clear();
    }

    /// A client opens a call.
    pub(crate) fn open(&mut self) {
        let target = &mut self.target;
        (self.meter)(&mut || target.open());
    }

    pub(crate) fn turn(&mut self) {
        if !self.attack.pause.is_zero() {
            let (target, pause) = (&mut self.target, self.attack.pause);
            (self.meter)(&mut || target.sleep(pause));
        }
        (self.attack.turn)(self.turns, &mut self.wire);
        self.turns += 1;
        self.flush();
        self.target.report.turns = self.turns;
    }

    /// Goes on until so many octets were sent, or the connection has ended.
    pub(crate) fn until(&mut self, octets: usize) {
        while self.target.report.received < octets && !self.target.is_ended() {
            let before = self.target.report.received;
            self.turn();
            assert!(self.target.report.received > before, "{}: a turn writes something", self.attack.name);
        }
    }
}
