//! One world: a plan played on a net, each call held against its model at every step.

use crate::call::{Call, Causes};
use crate::client::ClientSide;
use crate::plan::{Bounds, Plan, Profile, What};
use crate::server::{Hall, ServerSide};
use bytes::Bytes;
use grpc_sansio::grpc::{Kind, Metadata, Method};
use grpc_sansio::testing::{Damage, Digest, FaultyLink, Net, News, Rng, WireId};
use grpc_sansio::{
    CallId, ClientConfig, ClientManagement, Event, Instant, Limits, OpenError, OpenOptions, ServerConfig,
    ServerManagement, Stop,
};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) static METHODS: [Method; 4] = [
    Method::from_static("/simulation/Unary", Kind::Unary),
    Method::from_static("/simulation/Upload", Kind::ClientStreaming),
    Method::from_static("/simulation/Download", Kind::ServerStreaming),
    Method::from_static("/simulation/Bidi", Kind::BidiStreaming),
];

/// More than any honest world needs.
const MOST_NEWS: usize = 300_000;

/// In milliseconds: whoever waits for the first word, for SETTINGS to be acknowledged, or for the rest of a header block
/// gives up after ten seconds.
const PATIENCE: u32 = 9_000;

/// One world in so many has nothing but the model to judge it; in the others every frame is judged too, and everything
/// recounted at every step.
const UNWATCHED: u64 = 8;

/// How often a call that was not processed is tried again.
const RETRIES: usize = 3;

/// What is to happen at a time of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Doing {
    Open(usize),
    Fault(usize),
    Noticed(WireId),
    Reconnect(usize),
    ClientGoes(usize),
    ServerGoes(usize),
    Cancel(usize),
    /// The call must be over by now.
    Overdue(usize),
}

/// A connection, and what happened to it besides its calls.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wire {
    pub(crate) line: usize,
    /// It was broken, or one of its ends was told to shut down.
    pub(crate) doomed: bool,
    /// The latest that its ends were told before a clock was set back: there they stand still.
    client_seen: Instant,
    server_seen: Instant,
}

/// Where a client stands with its server.
#[derive(Clone, Debug, Default)]
struct Line {
    wire: Option<WireId>,
    reconnecting: bool,
    /// Calls that wait for a connection, or for room on it.
    waiting: Vec<usize>,
}

/// A call, tried once.
pub(crate) struct Attempt {
    pub(crate) call: usize,
    pub(crate) wire: WireId,
    pub(crate) retry: usize,
    /// What goes with it, on the way there; and on the way back, where the plan has any.
    pub(crate) metadata: Metadata,
    pub(crate) model: Call,
    pub(crate) client: ClientSide,
    pub(crate) server: ServerSide,
}

/// What a run led to, to compare runs by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) digest: u64,
    pub(crate) attempts: usize,
    /// Octets that arrived at servers, and at clients.
    pub(crate) octets: [u64; 2],
}

/// What the model holds for true. All but the first are wrong, to show that it would be noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    Right,
    NothingIsLost,
    NobodyHasDeadlines,
    MessagesAreNeverTooLarge,
}

pub(crate) struct World<'p> {
    pub(crate) plan: &'p Plan,
    belief: Belief,
    pub(crate) net: Net,
    pub(crate) wires: Vec<Wire>,
    lines: Vec<Line>,
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) halls: Vec<Hall>,
    of_client: BTreeMap<(WireId, CallId), usize>,
    pub(crate) of_server: BTreeMap<(WireId, CallId), usize>,
    doings: Vec<Doing>,
    /// Clocks jumped or everything slept, so nothing is on time.
    pub(crate) clocks_jump: bool,
    digest: Digest,
    trace: Option<&'p RefCell<Vec<String>>>,
}

impl<'p> World<'p> {
    pub(crate) fn new(plan: &'p Plan, belief: Belief, trace: Option<&'p RefCell<Vec<String>>>) -> Self {
        let jumps = |what| matches!(what, What::ClientClock { .. } | What::ServerClock { .. } | What::Sleep { .. });
        let mut world = Self {
            plan,
            belief,
            net: Net::new(plan.seed),
            wires: Vec::new(),
            lines: vec![Line::default(); plan.lines.len()],
            attempts: Vec::new(),
            halls: plan.servers.iter().map(|server| Hall::new(server.workers)).collect(),
            of_client: BTreeMap::new(),
            of_server: BTreeMap::new(),
            doings: Vec::new(),
            clocks_jump: plan.faults.iter().any(|fault| jumps(fault.what)),
            digest: Digest::new(),
            trace,
        };
        for (at, call) in plan.calls.iter().enumerate() {
            world.later(call.at, Doing::Open(at));
        }
        (0..plan.lines.len()).for_each(|line| world.connect(line));
        for (at, fault) in plan.faults.iter().enumerate() {
            match fault.at {
                // Before the first octet.
                0 => world.fails(at),
                _ => world.later(fault.at, Doing::Fault(at)),
            }
        }
        world
    }

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = self.trace {
            trace.borrow_mut().push(format!("{:>12.3?}  {}", Duration::from_nanos(self.net.now().as_nanos()), line()));
        }
    }

    /// Makes this a part of what runs are compared by.
    pub(crate) fn count(&mut self, number: u64) {
        self.digest.update_u64(number);
    }

    pub(crate) fn later(&mut self, millis: u32, doing: Doing) {
        self.alarm(Duration::from_millis(u64::from(millis)), doing);
    }

    pub(crate) fn alarm(&mut self, delay: Duration, doing: Doing) {
        self.doings.push(doing);
        self.net.alarm(delay, self.doings.len() as u64 - 1);
    }

    /// Lets everything happen, and holds what is left against what must be.
    pub(crate) fn run(&mut self) -> Report {
        let mut count = 0;
        while let Some(news) = self.net.next() {
            count += 1;
            assert!(count < MOST_NEWS, "livelock: {count} events");
            self.digest.update_u64(self.net.now().as_nanos());
            match news {
                News::Client(wire, event) => self.at_client(wire, event),
                News::Server(wire, event) => self.at_server(wire, event),
                News::Alarm(number) => self.does(self.doings[number as usize]),
            }
        }
        self.check_quiet();
        let sum = |link: fn(&grpc_sansio::testing::Wire) -> &FaultyLink| {
            self.net.wires().iter().map(|wire| link(wire).delivered()).sum()
        };
        let octets = [sum(|wire| &wire.up), sum(|wire| &wire.down)];
        self.digest.update_u64(self.net.digest());
        Report { digest: self.digest.value(), attempts: self.attempts.len(), octets }
    }

    /// What time it is for the client's end of a connection.
    pub(crate) fn client_now(&self, wire: WireId) -> Instant {
        self.net.client_now(wire).max(self.wires[wire.0].client_seen)
    }

    /// What time it is for the server's end of a connection.
    pub(crate) fn server_now(&self, wire: WireId) -> Instant {
        self.net.server_now(wire).max(self.wires[wire.0].server_seen)
    }

    fn connect(&mut self, at: usize) {
        let plan = &self.plan.lines[at];
        let server = &self.plan.servers[plan.server];
        let client =
            ClientConfig::builder("localhost").limits(limits(&plan.bounds)).management(keepalive(plan.keepalive));
        let client = client.build().unwrap();
        let config = ServerConfig::builder().limits(limits(&server.bounds)).answer_expired(server.answer_expired);
        let config = config.management(permissive(server.keepalive));
        // A new connection is between the hosts of the old one.
        let clocks = |old: usize| (self.net.wires()[old].client_clock, self.net.wires()[old].server_clock);
        let (ours, theirs) = self.wires.iter().rposition(|wire| wire.line == at).map_or_else(Default::default, clocks);
        let id = self.net.connect_skewed((&client, ours), (&config.build().unwrap(), theirs));
        let wire = self.net.wire(id);
        if self.plan.seed % UNWATCHED != 1 {
            wire.watch();
        }
        set(&mut wire.up, &plan.up);
        set(&mut wire.down, &plan.down);
        self.wires.push(Wire { line: at, ..Wire::default() });
        self.lines[at].wire = Some(id);
        self.lines[at].reconnecting = false;
        self.note(|| format!("line {at} connects as wire {}", id.0));
        self.open_waiting(at);
    }

    fn open_waiting(&mut self, line: usize) {
        for call in std::mem::take(&mut self.lines[line].waiting) {
            self.opens(call, 0);
        }
    }

    /// Opens a call where there is a connection, or has it wait for one.
    pub(crate) fn opens(&mut self, at: usize, retry: usize) {
        let plan = &self.plan.calls[at];
        let line = plan.line;
        let Some(wire) = self.lines[line].wire else {
            self.lines[line].waiting.push(at);
            if !self.lines[line].reconnecting {
                self.lines[line].reconnecting = true;
                self.later(self.plan.lines[line].back_off, Doing::Reconnect(line));
            }
            return;
        };
        let number = self.attempts.len();
        let metadata = metadata(number, plan.metadata);
        let now = self.net.client_now(wire);
        let deadline = plan.deadline.map(|millis| now.saturating_add(Duration::from_millis(u64::from(millis))));
        let method = METHODS.iter().find(|method| method.kind() == plan.kind).unwrap();
        let mut options = OpenOptions::new(method).metadata(&metadata);
        if let Some(deadline) = deadline {
            options = options.deadline(deadline);
        }
        let id = match self.net.open(wire, &options) {
            Ok(id) => id,
            Err(OpenError::Full) => return self.lines[line].waiting.push(at),
            Err(OpenError::Draining) => {
                assert!(self.wires[wire.0].doomed, "a sound connection takes no calls");
                self.lines[line].wire = None;
                return self.opens(at, retry);
            }
            Err(error) => panic!("{error}"),
        };
        self.note(|| format!("call {at} opens as attempt {number} on wire {} by {deadline:?}", wire.0));
        self.of_client.insert((wire, id), number);
        let believed = deadline.filter(|_| self.belief != Belief::NobodyHasDeadlines);
        let model = Call::new(plan.kind, believed, id);
        let (client, server) = (ClientSide::default(), ServerSide::default());
        self.attempts.push(Attempt { call: at, wire, retry, metadata, model, client, server });
        if let Some(cancel) = plan.cancel {
            self.later(cancel, Doing::Cancel(number));
        }
        if let Some(deadline) = believed {
            let by = deadline.saturating_since(now) + Duration::from_nanos(1);
            self.alarm(by, Doing::Overdue(number));
        }
        self.client_pauses(number);
        self.client_goes(number);
    }

    fn at_client(&mut self, wire: WireId, event: Event) {
        self.digest.update_u64(wire.0 as u64);
        let line = self.wires[wire.0].line;
        match event {
            Event::Opened(_) => panic!("a client was called"),
            Event::Readable(id) | Event::Writable(id) | Event::Stopped(id) => {
                let attempt = self.of_client[&(wire, id)];
                self.note(|| format!("client: attempt {attempt} {}", name(event)));
                if let Event::Stopped(id) = event
                    && self.net.client(wire).call(id).and_then(|call| call.stopped()) == Some(Stop::DeadlineExceeded)
                {
                    let now = self.client_now(wire);
                    let deadline = self.attempts[attempt].model.deadline.expect("only a deadline can pass");
                    assert!(deadline <= now, "a deadline fired early");
                    assert!(deadline == now || self.clocks_jump, "a deadline fired late");
                }
                self.client_goes(attempt);
            }
            Event::Available => self.open_waiting(line),
            Event::Draining | Event::Closed => {
                self.note(|| format!("client of wire {}: {event:?}", wire.0));
                if self.lines[line].wire == Some(wire) {
                    self.lines[line].wire = None;
                    // What waited for room here goes elsewhere.
                    self.open_waiting(line);
                }
            }
            Event::Ready | Event::WindowExhausted | Event::TooManyPings => {}
            _ => panic!("an event that the simulation does not know: {event:?}"),
        }
    }

    fn does(&mut self, doing: Doing) {
        match doing {
            Doing::Open(call) => self.opens(call, 0),
            Doing::Fault(at) => self.fails(at),
            Doing::Noticed(wire) => self.net.sever(wire),
            Doing::Reconnect(line) => self.connect(line),
            Doing::ClientGoes(attempt) => self.client_goes(attempt),
            Doing::ServerGoes(attempt) => self.server_goes(attempt),
            Doing::Cancel(attempt) => self.cancels(attempt),
            Doing::Overdue(attempt) => self.check_over(attempt),
        }
    }

    fn fails(&mut self, at: usize) {
        let fault = self.plan.faults[at];
        self.note(|| format!("fault on line {}: {:?}", fault.line, fault.what));
        let (now, net) = (self.net.now(), &mut self.net);
        let Some(wire) = self.lines[fault.line].wire else { return };
        let (client_now, server_now) = (net.client_now(wire), net.server_now(wire));
        let millis = |millis: u32| Duration::from_millis(u64::from(millis));
        let doomed = &mut self.wires[wire.0].doomed;
        let sides = |up| if up { Side::Up } else { Side::Down };
        match fault.what {
            What::Sever => {
                *doomed = true;
                net.sever(wire);
            }
            What::HalfOpen { up, down, noticed } => {
                *doomed = true;
                for (side, drops) in [(Side::Up, up), (Side::Down, down)] {
                    if drops {
                        side.of(net, wire).drop_silently();
                    }
                }
                self.later(noticed, Doing::Noticed(wire));
            }
            What::Stall { up, lasts } => {
                *doomed |= lasts > PATIENCE;
                sides(up).of(net, wire).stall(now.saturating_add(millis(lasts)));
            }
            What::DieAfter { up, octets } => {
                *doomed = true;
                sides(up).of(net, wire).die_after(octets);
            }
            What::ClientClock { by } => {
                *doomed |= by > PATIENCE as i32;
                let seen = &mut self.wires[wire.0].client_seen;
                *seen = client_now.max(*seen);
                set_clock(&mut net.wire(wire).client_clock, by);
            }
            What::ServerClock { by } => {
                *doomed |= by > PATIENCE as i32;
                let seen = &mut self.wires[wire.0].server_seen;
                *seen = server_now.max(*seen);
                set_clock(&mut net.wire(wire).server_clock, by);
            }
            What::Sleep { lasts } => {
                self.wires.iter_mut().for_each(|wire| wire.doomed |= lasts > PATIENCE);
                net.jump(millis(lasts));
            }
            What::ServerShutdown { by } => {
                *doomed = true;
                net.server(wire).shutdown(server_now, by.map(|by| server_now.saturating_add(millis(by))));
            }
            What::ClientShutdown { by } => {
                *doomed = true;
                net.client(wire).shutdown(client_now, by.map(|by| client_now.saturating_add(millis(by))));
            }
            What::Flip { up, octet } => sides(up).of(net, wire).damage(octet, Damage::Flip(0x10)),
            What::Lose { up, octet } => sides(up).of(net, wire).damage(octet, Damage::Lose),
        }
    }

    /// A call whose client's deadline has passed is over, whatever happened to it, unless clocks jumped.
    fn check_over(&mut self, attempt: usize) {
        let Attempt { wire, model, .. } = &self.attempts[attempt];
        let (wire, id, deadline) = (*wire, model.client, model.deadline.unwrap());
        let open = self.net.client(wire).call(id).is_some_and(|call| call.stopped().is_none() && !call.has_ended());
        assert!(!open || self.clocks_jump, "attempt {attempt} goes on after its deadline, {deadline:?}");
    }

    /// What else may have ended an attempt than its two ends.
    pub(crate) fn causes(&self, attempt: usize) -> Causes {
        let Attempt { call, wire, server, .. } = &self.attempts[attempt];
        let plan = &self.plan.calls[*call];
        let line = &self.plan.lines[plan.line];
        let bounds = &self.plan.servers[line.server].bounds;
        // A message that does not fit into the window with the padding of a frame (G-192) may also come to a halt on the way,
        // for as long as the receiver is patient.
        let beyond = |size: u32, bounds: &Bounds| size > bounds.longest || size + 5 + 256 > bounds.call_window;
        let too_large = plan.ups.iter().any(|say| beyond(say.size, bounds))
            || plan.downs.iter().any(|say| beyond(say.size, &line.bounds));
        Causes {
            lost: self.wires[wire.0].doomed && self.belief != Belief::NothingIsLost,
            expired_at_server: server.deadline.is_some_and(|at| at <= self.server_now(*wire)) || server.expired,
            too_large: too_large && self.belief != Belief::MessagesAreNeverTooLarge,
        }
    }

    /// Tries a call again that was not processed.
    pub(crate) fn retries(&mut self, attempt: usize) {
        let Attempt { call, retry, .. } = self.attempts[attempt];
        if retry < RETRIES {
            self.opens(call, retry + 1);
        }
    }

    /// Nothing will ever happen again: each call has one end, and nothing is left of any.
    fn check_quiet(&self) {
        for (number, Attempt { model, .. }) in self.attempts.iter().enumerate() {
            assert!(model.cancelled != model.outcome.is_some(), "attempt {number} has no end, or two: {model:?}");
        }
        assert!(self.lines.iter().all(|line| line.waiting.is_empty()), "a call was never opened");
        assert!(self.halls.iter().all(Hall::is_empty), "a server still works");
        for (at, wire) in self.net.wires().iter().enumerate() {
            let doomed = self.wires[at].doomed;
            let (client, server) = (&wire.client, &wire.server);
            assert_eq!((client.calls(), server.calls()), (0, 0), "calls are left on wire {at}");
            assert_eq!((client.queued(), server.queued()), (0, 0), "octets are queued on wire {at}");
            if doomed {
                continue;
            }
            assert_eq!((client.error(), server.error()), (None, None), "wire {at} was sound");
            assert!(!client.is_finished() && !server.is_finished(), "wire {at} ended for no reason");
            assert_eq!(client.counters().resets_provoked, 0, "wire {at}: the server is honest");
            // A client that does not know the limit yet may open too many calls (G-164), and that is all.
            let counters = server.counters();
            assert_eq!(counters.resets_provoked, counters.streams_refused, "wire {at}: the client is honest");
            for guards in [client.guards(), server.guards()] {
                // The last one only has data wait for a moment.
                for (name, guard) in guards.all().into_iter().filter(|(name, _)| *name != "tiny_data_burst") {
                    // A PING that crosses the RST_STREAM of the last call comes without a call, and is a strike of two.
                    let share = if name == "max_ping_strikes" { 2 } else { 10 };
                    let within = share * guard.most <= guard.limit;
                    assert!(within, "wire {at}, {name}: honest traffic is punished: {guard:?}");
                }
            }
            // L-01: nothing is lent, nothing is owed that is not written down, and the windows are whole.
            assert_eq!((client.audit(), server.audit()), (Ok(()), Ok(())), "wire {at}");
            assert_eq!((client.lent(), server.lent(), client.held_headers(), server.held_headers()), (0, 0, 0, 0));
            let windows = [client.windows(), server.windows()].map(|windows| windows.expect("it goes on"));
            assert_eq!(windows[0].send, windows[1].receive, "wire {at}: octets are under way");
            assert_eq!(windows[1].send, windows[0].receive, "wire {at}: octets are under way");
            let kept = (wire.client.heap_size(), wire.server.heap_size());
            assert!(kept.0 < 20_000 && kept.1 < 20_000, "L-43: wire {at} keeps {kept:?}");
        }
    }
}

#[derive(Clone, Copy)]
enum Side {
    Up,
    Down,
}

impl Side {
    fn of(self, net: &mut Net, wire: WireId) -> &mut FaultyLink {
        match self {
            Self::Up => &mut net.wire(wire).up,
            Self::Down => &mut net.wire(wire).down,
        }
    }
}

fn set_clock(clock: &mut grpc_sansio::testing::LocalClock, millis: i32) {
    let by = Duration::from_millis(u64::from(millis.unsigned_abs()));
    if millis < 0 { clock.jump_back(by) } else { clock.jump_ahead(by) }
}

pub(crate) fn name(event: Event) -> &'static str {
    match event {
        Event::Readable(_) => "can be read",
        Event::Writable(_) => "can be written",
        Event::Stopped(_) => "stopped",
        _ => "opened",
    }
}

/// The timeouts are longer than [`PATIENCE`].
fn keepalive(time: u32) -> ClientManagement {
    let mut management = ClientManagement::default();
    management.keepalive_time = (time > 0).then(|| Duration::from_secs(time.into()));
    management
}

/// Whoever pings as often as a client may at most is honest.
fn permissive(time: u32) -> ServerManagement {
    let mut management = ServerManagement::default();
    management.keepalive_time = (time > 0).then(|| Duration::from_secs(time.into()));
    management.min_ping_interval = Duration::from_secs(10);
    management
}

fn limits(bounds: &Bounds) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = bounds.calls;
    limits.max_waiting_calls = bounds.waiting;
    limits.call_window = bounds.call_window;
    limits.max_call_window = bounds.grows_to;
    limits.connection_window = bounds.connection_window;
    limits.max_receive_message = Some(bounds.longest);
    limits.assembly_budget = bounds.longest + 1_000;
    limits.send_queue_per_call = bounds.queue;
    limits.max_send_frame = bounds.frame;
    limits.max_frame = bounds.frame.max(16_384);
    limits
}

fn set(link: &mut FaultyLink, profile: &Profile) {
    link.delay = Duration::from_millis(u64::from(profile.delay));
    link.bandwidth = profile.bandwidth;
    link.cut = profile.cut;
    link.takes = profile.takes;
    link.capacity = profile.capacity;
}

/// What goes with an attempt: its number, and octets that only it has.
fn metadata(number: usize, octets: u16) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("number", &number.to_string()).unwrap();
    if octets > 0 {
        metadata.append_bin("pad-bin", &message(number, 0, 0, u32::from(octets))).unwrap();
        metadata.append("x-pad", &"x".repeat(usize::from(octets) / 4)).unwrap();
    }
    metadata
}

/// The octets of a message: a piece of a table, other ones for each message.
pub(crate) fn message(attempt: usize, way: usize, index: usize, size: u32) -> Bytes {
    static TABLE: OnceLock<Bytes> = OnceLock::new();
    let table = TABLE.get_or_init(|| {
        let mut rng = Rng::new(1);
        (0..65_536).flat_map(|_| rng.next_u64().to_le_bytes()).collect()
    });
    let from = (attempt * 7_919 + way * 104_729 + index * 1_299_709) % 65_521;
    table.slice(from..from + size as usize)
}

pub(crate) fn later_than(now: Instant, millis: u32) -> Instant {
    now.saturating_add(Duration::from_millis(u64::from(millis)))
}
