//! Many connections on one virtual clock.

use super::clock::{Clock, LocalClock};
use super::digest::Digest;
use super::pair::ENOUGH_STEPS;
use super::rng::Rng;
use super::wire::Wire;
use crate::call::{Client, Server};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Connection;
use crate::error::OpenError;
use crate::event::{CallId, Event};
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

/// Names a connection of a [`Net`]: the first that was connected is 0, and so on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WireId(pub usize);

/// What happened in a [`Net`]: an event at one end of a connection, or an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The client of this connection was told something.
    Client(WireId, Event),
    /// The server of this connection was told something.
    Server(WireId, Event),
    /// The time of [`Net::alarm`] has come.
    Alarm(u64),
}

/// Any number of connections between any number of clients and servers, on one virtual clock, from one seed.
///
/// A host is whatever the test says: a service is a server on some of the connections and a client on others. There are no
/// callbacks: [`Net::next`] lets the world go on until something happens, and says what. The test, or the application
/// under test, does something about it, and asks again. What waits for a time of its own sets an [alarm](Net::alarm).
///
/// The seed decides how reads are cut, which connection and which end goes first, and nothing else; together with what the
/// test does it decides everything. [`Net::digest`] is a hash of all octets that were sent.
///
/// On the way it checks what every connection promises (see [`Pair`](super::Pair)), and that the world does not go on for
/// ever at one instant.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
/// use grpc_sansio::testing::{Net, News};
/// use grpc_sansio::{ClientConfig, Event, Item, OpenOptions, ServerConfig};
///
/// const WORK: Method = Method::from_static("/test.Worker/Work", Kind::Unary);
///
/// let mut net = Net::new(1);
/// let config = ClientConfig::builder("worker")
///     .build()?;
/// let wire = net.connect(&config, &ServerConfig::default());
/// net.wire(wire).delay(Duration::from_millis(10));
/// let call = net.open(wire, &OpenOptions::new(&WORK))?;
/// net.client(wire).call(call).unwrap().send("job".as_bytes().to_vec())?;
///
/// let mut working = None;
/// while let Some(news) = net.next() {
///     match news {
///         News::Server(_, Event::Opened(id)) => {
///             // The work takes a second; the request can wait.
///             working = Some(id);
///             net.alarm(Duration::from_secs(1), 0);
///         }
///         News::Alarm(_) => {
///             let call = net.server(wire).call(working.take().unwrap()).unwrap();
///             call.finish(&Status::new(Code::NotFound, "no such job"), &Metadata::new());
///         }
///         News::Client(_, Event::Readable(id)) => {
///             let mut call = net.client(wire).call(id).unwrap();
///             let Some(Item::End(outcome)) = call.read() else { panic!("a status alone") };
///             assert_eq!(outcome.status().code(), Code::NotFound);
///             // There and back, and the work.
///             assert_eq!(net.now().as_nanos(), 1_020_000_000);
///         }
///         _ => {}
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Net {
    clock: Clock,
    rng: Rng,
    wires: Vec<Wire>,
    /// What was asked for, by its time and then by the order of asking.
    alarms: BTreeMap<(Instant, u64), u64>,
    asked: u64,
    /// Steps and events since time last moved.
    busy: usize,
    /// Since when nothing but keepalive is there to wait for.
    idle_since: Option<Instant>,
}

/// Keepalive alone leads nowhere, but over a slow line some of it may be on its way at all times: a world in which nothing else
/// happens for so long is over.
const IDLE: Duration = Duration::from_secs(60);

impl Net {
    /// A world without connections, at time zero.
    pub const fn new(seed: u64) -> Self {
        Self {
            clock: Clock::new(),
            rng: Rng::new(seed),
            wires: Vec::new(),
            alarms: BTreeMap::new(),
            asked: 0,
            busy: 0,
            idle_since: None,
        }
    }

    /// Connects a client to a server, over links that deliver at once and whole until [`Net::wire`] says otherwise.
    pub fn connect(&mut self, client: &ClientConfig, server: &ServerConfig) -> WireId {
        self.connect_skewed((client, LocalClock::new()), (server, LocalClock::new()))
    }

    /// As [`Net::connect`], between hosts whose clocks are what they are.
    pub fn connect_skewed(
        &mut self,
        client: (&ClientConfig, LocalClock),
        server: (&ServerConfig, LocalClock),
    ) -> WireId {
        let now = self.clock.now();
        self.wires.push(Wire::new(client, server, now, &mut self.rng));
        WireId(self.wires.len() - 1)
    }

    /// A connection with all that belongs to it: links, clocks, both ends.
    ///
    /// # Panics
    ///
    /// Where no such connection was made.
    pub fn wire(&mut self, id: WireId) -> &mut Wire {
        let wire = &mut self.wires[id.0];
        (wire.awake, wire.touched) = (true, true);
        wire
    }

    /// All connections that were made, whether they live or not.
    pub fn wires(&self) -> &[Wire] {
        &self.wires
    }

    /// The client's end of a connection.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn client(&mut self, id: WireId) -> &mut Connection<Client> {
        &mut self.wire(id).client
    }

    /// The server's end of a connection.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn server(&mut self, id: WireId) -> &mut Connection<Server> {
        &mut self.wire(id).server
    }

    /// What time it is.
    pub const fn now(&self) -> Instant {
        self.clock.now()
    }

    /// What time it is by the clock of this connection's client.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn client_now(&self, id: WireId) -> Instant {
        self.wires[id.0].client_clock.at(self.clock.now())
    }

    /// What time it is by the clock of this connection's server.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn server_now(&self, id: WireId) -> Instant {
        self.wires[id.0].server_clock.at(self.clock.now())
    }

    /// [`Connection::open`] now, by the client's clock.
    ///
    /// # Errors
    ///
    /// As there.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn open(&mut self, id: WireId, options: &OpenOptions<'_>) -> Result<CallId, OpenError> {
        let now = self.client_now(id);
        self.client(id).open(now, options)
    }

    /// Asks for [`News::Alarm`] with this number after `delay`. It cannot be called off: forget the number instead.
    pub fn alarm(&mut self, delay: Duration, number: u64) {
        self.asked += 1;
        self.alarms.insert((self.now().saturating_add(delay), self.asked), number);
    }

    /// The whole world was asleep for so long: time passes at once, and whatever was due in between is late.
    pub fn jump(&mut self, by: Duration) {
        self.clock.advance(by);
    }

    /// Breaks a connection: what is on its way is lost, and both ends see the end of their input.
    ///
    /// # Panics
    ///
    /// As [`Net::wire`].
    pub fn sever(&mut self, id: WireId) {
        let now = self.now();
        self.wire(id).up.sever(now);
        self.wire(id).down.sever(now);
    }

    /// Lets the world go on until something happens; `None` where nothing ever will but keepalive.
    ///
    /// # Panics
    ///
    /// Where a connection breaks a promise, or the world is busy at one instant without end.
    #[expect(clippy::should_implement_trait, reason = "what follows depends on what is done in between")]
    pub fn next(&mut self) -> Option<News> {
        self.next_until(Instant::MAX)
    }

    /// As [`Net::next`], until `until` at the latest: with `None` that is what time it is, unless nothing will ever happen.
    ///
    /// # Panics
    ///
    /// As [`Net::next`].
    pub fn next_until(&mut self, until: Instant) -> Option<News> {
        loop {
            self.busy += 1;
            assert!(self.busy < ENOUGH_STEPS, "livelock: still busy at {:?}: {self:?}", self.now());
            if let Some(news) = self.poll() {
                return Some(news);
            }
            if self.step() {
                continue;
            }
            let now = self.now();
            if let Some(first) = self.alarms.first_entry().filter(|first| first.key().0 <= now) {
                return Some(News::Alarm(first.remove()));
            }
            let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
            let next = self.wires.iter().filter_map(|wire| wire.wakes_at).chain(alarm).min();
            self.busy = 0;
            if until == Instant::MAX && alarm.is_none() && self.is_over() {
                return None;
            }
            match next.filter(|next| *next <= until) {
                Some(next) => self.clock.advance_to(next),
                None if until == Instant::MAX => return None,
                None => {
                    self.clock.advance_to(until);
                    return None;
                }
            }
        }
    }

    /// Whether there is nothing to wait for but keepalive, as long as alarms are not looked at.
    fn is_over(&mut self) -> bool {
        if self.wires.iter().any(Wire::leads_anywhere) {
            self.idle_since = None;
            return false;
        }
        let since = *self.idle_since.get_or_insert(self.clock.now());
        self.clock.now().saturating_since(since) >= IDLE || !self.wires.iter().any(Wire::is_pending)
    }

    fn poll(&mut self) -> Option<News> {
        self.wires.iter_mut().enumerate().filter(|(_, wire)| wire.awake).find_map(|(at, wire)| {
            let id = WireId(at);
            let event = wire.client.poll_event().map(|event| News::Client(id, event));
            let event = event.or_else(|| wire.server.poll_event().map(|event| News::Server(id, event)));
            wire.touched |= event.is_some();
            event
        })
    }

    /// One round of all loops, starting anywhere; whether anything happened.
    fn step(&mut self) -> bool {
        let now = self.now();
        let from = self.rng.below(self.wires.len());
        let (before, after) = self.wires.split_at_mut(from);
        after.iter_mut().chain(before).fold(false, |busy, wire| wire.go(now) | busy)
    }

    /// A hash of all octets that all ends have written, whether they arrived or not: two runs with the same value said the
    /// same, octet for octet.
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        for wire in &self.wires {
            digest.update_u64(wire.up.digest());
            digest.update_u64(wire.down.digest());
        }
        digest.value()
    }
}
