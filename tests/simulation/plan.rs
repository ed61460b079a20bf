//! What happens in one world, written down before it begins: drawn from a seed, printed for people, and cut down piece by
//! piece while a failure stays.

use grpc_sansio::grpc::{Code, Kind};
use grpc_sansio::testing::{Cut, Rng};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Decides what is left: how reads are cut, and who goes first.
    pub(crate) seed: u64,
    pub(crate) servers: Vec<Server>,
    pub(crate) lines: Vec<Line>,
    pub(crate) calls: Vec<Call>,
    pub(crate) faults: Vec<Fault>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    pub(crate) bounds: Bounds,
    /// Calls that it works on at once, over all its connections; the others wait, and nobody reads them.
    pub(crate) workers: usize,
    pub(crate) answer_expired: bool,
    /// Seconds of silence before a PING; 0 is never.
    pub(crate) keepalive: u32,
}

/// A client that is connected to one server, and connects again when the connection is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) server: usize,
    pub(crate) bounds: Bounds,
    pub(crate) up: Profile,
    pub(crate) down: Profile,
    pub(crate) back_off: u32,
    /// As that of a server.
    pub(crate) keepalive: u32,
}

/// The limits of one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) calls: u32,
    pub(crate) waiting: u32,
    pub(crate) call_window: u32,
    /// What the window of a call grows to while its reader keeps up.
    pub(crate) grows_to: u32,
    pub(crate) connection_window: u32,
    pub(crate) longest: u32,
    pub(crate) queue: u32,
    pub(crate) frame: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) delay: u32,
    pub(crate) bandwidth: Option<u64>,
    pub(crate) cut: Cut,
    pub(crate) takes: usize,
    pub(crate) capacity: usize,
}

/// A message, and what its sender does before it, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Say {
    pub(crate) pause: u32,
    pub(crate) size: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) line: usize,
    pub(crate) at: u32,
    pub(crate) kind: Kind,
    pub(crate) deadline: Option<u32>,
    pub(crate) cancel: Option<u32>,
    /// Octets of metadata in each of the three places where there can be some.
    pub(crate) metadata: u16,
    pub(crate) ups: Vec<Say>,
    pub(crate) downs: Vec<Say>,
    /// Milliseconds that each reader takes for an item.
    pub(crate) client_pace: u32,
    pub(crate) server_pace: u32,
    /// The server answers before it has seen the whole request.
    pub(crate) early: bool,
    pub(crate) think: u32,
    pub(crate) end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finish(Code),
    Reset,
    /// The server's application loses interest.
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: u32,
    pub(crate) line: usize,
    pub(crate) what: What,
}

/// Times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Sever,
    HalfOpen {
        up: bool,
        down: bool,
        noticed: u32,
    },
    Stall {
        up: bool,
        lasts: u32,
    },
    DieAfter {
        up: bool,
        octets: u64,
    },
    ClientClock {
        by: i32,
    },
    ServerClock {
        by: i32,
    },
    Sleep {
        lasts: u32,
    },
    ServerShutdown {
        by: Option<u32>,
    },
    ClientShutdown {
        by: Option<u32>,
    },
    /// Not a fault that a transport may have: the checks must notice it.
    Flip {
        up: bool,
        octet: u64,
    },
    Lose {
        up: bool,
        octet: u64,
    },
}

fn pick<T: Copy>(rng: &mut Rng, from: &[T]) -> T {
    from[rng.below(from.len())]
}

fn between(rng: &mut Rng, low: u32, high: u32) -> u32 {
    low + rng.below((high - low) as usize) as u32
}

impl Plan {
    /// The world of this seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let rng = &mut rng;
        let mut servers: Vec<_> = (0..=rng.below(4)).map(|_| Server::new(rng)).collect();
        let mut lines: Vec<_> = (0..=rng.below(8)).map(|_| Line::new(rng, servers.len())).collect();
        let most = pick(rng, &[2, 6, 16]);
        let span = pick(rng, &[1, 300, 3_000]);
        // Messages larger than a window cost a hundred times what others do.
        let large = rng.one_in(4);
        let calls = (0..=rng.below(most)).map(|_| Call::new(rng, lines.len(), span, large)).collect();
        // A third of the worlds are calm: there each call must end as its two ends said.
        let faults = rng.below(6).saturating_sub(2);
        let faults = (0..faults).map(|_| Fault::new(rng, lines.len(), 2 * span)).collect();
        // Out of chances of its own, so that the other worlds stay what they were.
        let chance = &mut Rng::new(!seed);
        servers.iter_mut().for_each(|server| server.keepalive = pick(chance, &[0, 0, 1, 5, 7_200]));
        lines.iter_mut().for_each(|line| line.keepalive = pick(chance, &[0, 0, 10, 15]));
        Self { seed, servers, lines, calls, faults }
    }
}

impl Server {
    fn new(rng: &mut Rng) -> Self {
        Self {
            bounds: Bounds::new(rng),
            workers: pick(rng, &[1, 3, 100, 100]),
            answer_expired: rng.one_in(3),
            keepalive: 0,
        }
    }
}

impl Bounds {
    fn new(rng: &mut Rng) -> Self {
        let call_window = pick(rng, &[65_535, 65_535, 100_000, 262_144]);
        Self {
            calls: pick(rng, &[1, 2, 5, 100]),
            waiting: pick(rng, &[1, 4, 1_000, 1_000]),
            call_window,
            grows_to: pick(rng, &[0, 262_144]),
            connection_window: call_window * pick(rng, &[1, 1, 2, 8]),
            longest: pick(rng, &[70_000, 250_000, 4_194_304]),
            queue: pick(rng, &[1_000, 65_536, 65_536]),
            frame: pick(rng, &[1_000, 16_384, 16_384, 100_000]),
        }
    }
}

impl Line {
    fn new(rng: &mut Rng, servers: usize) -> Self {
        Self {
            server: rng.below(servers),
            bounds: Bounds::new(rng),
            up: Profile::new(rng),
            down: Profile::new(rng),
            back_off: pick(rng, &[0, 10, 1_000]),
            keepalive: 0,
        }
    }
}

impl Profile {
    fn new(rng: &mut Rng) -> Self {
        let delay = pick(rng, &[0, 1, 20, 150, 1_000]);
        // A small buffer on a long way is a line of 4,000 octets a second, on which ten seconds are not enough for the
        // acknowledgement of SETTINGS behind 64 KiB that the client had committed before.
        let least = if delay < 150 { 4_000 } else { 65_536 };
        Self {
            delay,
            bandwidth: pick(rng, &[None, None, Some(1_000_000), Some(30_000)]),
            cut: pick(rng, &[Cut::Whole, Cut::Random, Cut::Random, Cut::AtMost(1_460)]),
            takes: pick(rng, &[usize::MAX, usize::MAX, 1_000]),
            capacity: pick(rng, &[usize::MAX, 65_536, least]),
        }
    }
}

impl Say {
    fn new(rng: &mut Rng, large: bool) -> Self {
        let size = match rng.below(24) {
            0 if large => between(rng, 60_000, 80_000),
            1 if large && rng.one_in(3) => between(rng, 80_000, 300_000),
            2..7 => between(rng, 60, 6_000),
            _ => between(rng, 0, 60),
        };
        Self { pause: pick(rng, &[0, 0, 0, 1, 50, 400]), size }
    }

    fn some(rng: &mut Rng, streams: bool, large: bool) -> Vec<Self> {
        let count = if streams { pick(rng, &[0, 1, 2, 4, 12]) } else { 1 };
        (0..count).map(|_| Self::new(rng, large)).collect()
    }
}

impl Call {
    fn new(rng: &mut Rng, lines: usize, span: u32, large: bool) -> Self {
        let kind =
            pick(rng, &[Kind::Unary, Kind::Unary, Kind::ClientStreaming, Kind::ServerStreaming, Kind::BidiStreaming]);
        let end = match rng.below(20) {
            0 => End::Reset,
            1 => End::Release,
            2..6 => End::Finish(Code::ALL[rng.below(Code::ALL.len())]),
            _ => End::Finish(Code::Ok),
        };
        let mut downs = Say::some(rng, kind.server_streams(), large);
        if !kind.server_streams() && rng.one_in(12) {
            // It owes a message and has none.
            downs.clear();
        }
        Self {
            line: rng.below(lines),
            at: between(rng, 0, span),
            kind,
            deadline: rng.one_in(3).then(|| between(rng, 0, 4_000)),
            cancel: rng.one_in(8).then(|| between(rng, 0, 2_000)),
            metadata: pick(rng, &[0, 0, 20, 2_000]),
            ups: Say::some(rng, kind.client_streams(), large),
            downs,
            client_pace: pick(rng, &[0, 0, 0, 1, 100, 2_000]),
            server_pace: pick(rng, &[0, 0, 0, 1, 100, 2_000]),
            early: rng.one_in(5),
            think: pick(rng, &[0, 0, 5, 300, 5_000]),
            end,
        }
    }
}

impl Fault {
    fn new(rng: &mut Rng, lines: usize, span: u32) -> Self {
        let (up, at) = (rng.one_in(2), between(rng, 0, span));
        let lasts = pick(rng, &[5, 700, 20_000, 70_000]);
        let by = rng.one_in(3).then(|| between(rng, 0, 8_000));
        let set = pick(rng, &[-3_000, -20, 20, 3_000, 100_000]);
        let what = match rng.below(14) {
            0 | 1 => What::Sever,
            2 => What::HalfOpen { up: true, down: true, noticed: lasts },
            3 => What::HalfOpen { up, down: !up, noticed: lasts },
            4..7 => What::Stall { up, lasts },
            7 | 8 => What::DieAfter { up, octets: rng.below(3_000) as u64 },
            9 => What::ClientClock { by: set },
            10 => What::ServerClock { by: set },
            11 => What::Sleep { lasts },
            12 => What::ServerShutdown { by },
            _ => What::ClientShutdown { by },
        };
        Self { at, line: rng.below(lines), what }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "world {}", self.seed)?;
        for (at, server) in self.servers.iter().enumerate() {
            let Server { bounds, workers, answer_expired, keepalive } = server;
            write!(f, "  server {at}: {workers} workers, answer_expired {answer_expired}, ")?;
            writeln!(f, "keepalive {keepalive} s, {bounds}")?;
        }
        for (at, line) in self.lines.iter().enumerate() {
            write!(f, "  line {at} to server {}: back-off {} ms, ", line.server, line.back_off)?;
            writeln!(f, "keepalive {} s, {}", line.keepalive, line.bounds)?;
            writeln!(f, "    up {}; down {}", line.up, line.down)?;
        }
        for (at, call) in self.calls.iter().enumerate() {
            writeln!(f, "  call {at}: {call}")?;
        }
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "  fault at {} ms on line {}: {:?}", fault.at, fault.line, fault.what))
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "calls {}+{}, windows {}-{}/{}, messages to {}, queue {}, frames to {}",
            self.calls,
            self.waiting,
            self.call_window,
            self.grows_to,
            self.connection_window,
            self.longest,
            self.queue,
            self.frame
        )
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms, {:?}", self.delay, self.cut)?;
        if let Some(rate) = self.bandwidth {
            write!(f, ", {rate} octets/s")?;
        }
        for (name, bound) in [("takes", self.takes), ("holds", self.capacity)] {
            if bound != usize::MAX {
                write!(f, ", {name} {bound}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |list: &[Say]| list.iter().map(|say| format!("{}@+{}", say.size, say.pause)).collect::<Vec<_>>();
        write!(f, "{:?} on line {} at {} ms, up [{}]", self.kind, self.line, self.at, say(&self.ups).join(" "))?;
        write!(f, ", down [{}], ends {:?}", say(&self.downs).join(" "), self.end)?;
        let extras = [
            ("deadline", self.deadline),
            ("cancel at", self.cancel),
            ("metadata", Some(u32::from(self.metadata)).filter(|octets| *octets > 0)),
            ("client's pace", Some(self.client_pace).filter(|pace| *pace > 0)),
            ("server's pace", Some(self.server_pace).filter(|pace| *pace > 0)),
            ("thinks", Some(self.think).filter(|think| *think > 0)),
            ("early", self.early.then_some(1)),
        ];
        extras.iter().try_for_each(|(name, value)| value.map_or(Ok(()), |value| write!(f, ", {name} {value}")))
    }
}
