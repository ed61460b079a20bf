//! Both ends of a connection, joined in memory.

use super::clock::Clock;
use super::ends::{End, check, pending_timeout};
use super::link::{Cut, FaultyLink};
use super::record::{Recorded, Transcript};
use super::rng::Rng;
use super::watch::Observer;
use crate::buffer::WriteBuf;
use crate::call::{Client, Server};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Connection;
use crate::error::OpenError;
use crate::event::{CallId, Event};
use crate::http2::Side;
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::boxed::Box;
use core::time::Duration;

/// Steps after which [`Pair::drive`] gives up: far beyond what any test needs, and still less than a second.
pub(super) const ENOUGH_STEPS: usize = 1_000_000;

type Handler<R> = Box<dyn FnMut(Instant, &mut Connection<R>, Event)>;

/// A client and a server joined by two [`FaultyLink`]s, under virtual time.
///
/// Everything is public, so a test can do to either side what an application would. [`Pair::drive`] moves octets and
/// events until nothing more happens by itself; time passes only as octets travel, or by [`Pair::sleep`].
///
/// A side without a handler reads whatever can be read into its log, and a server then lets go of calls that stopped.
/// With a handler ([`Pair::on_client`], [`Pair::on_server`]) the log has the events only.
///
/// Along the way it checks what every connection promises: that `poll_timeout` lies in the future once timeouts were
/// handled, and that `transmit` says something only where `wants_transmit` is true, and then all of it.
///
/// ```
/// use grpc_sansio::grpc::{Code, Kind, Method};
/// use grpc_sansio::testing::{Cut, Pair, echo};
/// use grpc_sansio::OpenOptions;
///
/// const ECHO: Method = Method::from_static("/test.Echo/Echo", Kind::BidiStreaming);
///
/// let mut pair = Pair::new(1);
/// (pair.up.cut, pair.down.cut) = (Cut::AtMost(1), Cut::Random);
/// pair.on_server(echo());
/// let id = pair.open(&OpenOptions::new(&ECHO)).unwrap();
/// let mut call = pair.client.call(id).unwrap();
/// call.send(b"once".to_vec()).unwrap();
/// call.send(b"more".to_vec()).unwrap();
/// call.half_close().unwrap();
/// pair.drive();
///
/// let log = pair.client_log.call(id).unwrap();
/// assert_eq!(log.messages().collect::<Vec<_>>(), [b"once", b"more"]);
/// assert_eq!(log.code(), Some(Code::Ok));
/// ```
pub struct Pair {
    /// The client's end.
    pub client: Connection<Client>,
    /// The server's end.
    pub server: Connection<Server>,
    /// What time it is for both.
    pub clock: Clock,
    /// From the client to the server.
    pub up: FaultyLink,
    /// From the server to the client.
    pub down: FaultyLink,
    /// What the client was told and read.
    pub client_log: Transcript,
    /// What the server was told and read.
    pub server_log: Transcript,
    /// What the client wants to write.
    pub client_output: WriteBuf,
    /// What the server wants to write.
    pub server_output: WriteBuf,
    rng: Rng,
    client_handler: Option<Handler<Client>>,
    server_handler: Option<Handler<Server>>,
    /// Of the client and of the server.
    observers: Option<Box<[Observer; 2]>>,
}

impl core::fmt::Debug for Pair {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pair")
            .field("now", &self.clock.now())
            .field("client_calls", &self.client.calls())
            .field("server_calls", &self.server.calls())
            .field("client_wants_transmit", &self.client.wants_transmit())
            .field("server_wants_transmit", &self.server.wants_transmit())
            .field("client_output", &self.client_output)
            .field("server_output", &self.server_output)
            .field("up", &self.up)
            .field("down", &self.down)
            .finish_non_exhaustive()
    }
}

impl Pair {
    /// Two ends with default configurations, over links that deliver at once and whole.
    ///
    /// # Panics
    ///
    /// Never: the default configuration is consistent.
    pub fn new(seed: u64) -> Self {
        let client = ClientConfig::builder("localhost").build().expect("the defaults are consistent");
        Self::with(&client, &ServerConfig::default(), seed)
    }

    /// As [`Pair::new`], with configurations.
    pub fn with(client: &ClientConfig, server: &ServerConfig, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let clock = Clock::new();
        Self {
            client: Connection::<Client>::new(client, clock.now()),
            server: Connection::<Server>::new(server, clock.now()),
            clock,
            up: FaultyLink::new(rng.next_u64()),
            down: FaultyLink::new(rng.next_u64()),
            client_log: Transcript::new(),
            server_log: Transcript::new(),
            client_output: WriteBuf::new(),
            server_output: WriteBuf::new(),
            rng,
            client_handler: None,
            server_handler: None,
            observers: None,
        }
    }

    /// From now on every step is checked: what both sides say and hear is counted and judged by an [`Observer`] for each
    /// of them, and each [audits](Connection::audit) itself. Slow, and to be called before anything was said.
    ///
    /// # Panics
    ///
    /// Where something was said before.
    pub fn watch(&mut self) {
        assert!(self.up.written() + self.down.written() == 0, "something was said before");
        assert!(self.client_output.is_empty() && self.server_output.is_empty(), "something was said before");
        self.observers = Some(Box::new([Observer::new(Side::Client), Observer::new(Side::Server)]));
    }

    /// The client's first stream has this id: what comes after very many calls comes at once.
    pub fn skip_streams(&mut self, next: u32) {
        self.client.skip_streams(next);
        if let Some(observers) = self.observers.as_deref_mut() {
            observers[0].skip_streams(next);
        }
    }

    /// Checks both sides now, as a [watched](Pair::watch) pair does with every step.
    ///
    /// # Panics
    ///
    /// Where something does not add up.
    pub fn check(&self) {
        let observers = self.observers.as_deref();
        check(&self.client, observers.map(|[client, _]| client));
        check(&self.server, observers.map(|[_, server]| server));
    }

    /// The observers of the client and of the server of a [watched](Pair::watch) pair.
    pub fn observers(&self) -> Option<&[Observer; 2]> {
        self.observers.as_deref()
    }

    /// Cuts both links' reads.
    pub fn cut(&mut self, cut: Cut) {
        (self.up.cut, self.down.cut) = (cut, cut);
    }

    /// Delays both links.
    pub fn delay(&mut self, delay: Duration) {
        (self.up.delay, self.down.delay) = (delay, delay);
    }

    /// Runs `handler` for each event of the client instead of reading into its log.
    pub fn on_client(&mut self, handler: impl FnMut(Instant, &mut Connection<Client>, Event) + 'static) {
        self.client_handler = Some(Box::new(handler));
    }

    /// Runs `handler` for each event of the server instead of reading into its log.
    pub fn on_server(&mut self, handler: impl FnMut(Instant, &mut Connection<Server>, Event) + 'static) {
        self.server_handler = Some(Box::new(handler));
    }

    /// What time it is.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// [`Connection::open`] now.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn open(&mut self, options: &OpenOptions<'_>) -> Result<CallId, OpenError> {
        self.client.open(self.clock.now(), options)
    }

    /// The transport ends now, on both sides and both ways.
    pub fn disconnect(&mut self) {
        let now = self.clock.now();
        self.up.drop_silently();
        self.down.drop_silently();
        self.client.receive_eof(now);
        self.server.receive_eof(now);
        self.drive();
    }

    /// Moves octets and events until nothing is left to do before a timer.
    ///
    /// # Panics
    ///
    /// Where that never comes: see [`Pair::drive_bounded`].
    pub fn drive(&mut self) {
        self.drive_bounded(ENOUGH_STEPS);
    }

    /// As [`Pair::drive`], in at most `steps` steps; returns how many it took.
    ///
    /// # Panics
    ///
    /// Where the two are still busy then, which in most cases is a livelock; or where a connection breaks a promise.
    pub fn drive_bounded(&mut self, steps: usize) -> usize {
        for step in 0..steps {
            if self.step() {
                continue;
            }
            match [&self.up, &self.down].into_iter().filter_map(FaultyLink::next_arrival).min() {
                Some(arrival) => self.clock.advance_to(arrival),
                None => return step,
            }
        }
        panic!("livelock: still busy after {steps} steps at {:?}: {self:?}", self.clock.now());
    }

    /// Lets `duration` pass, with all that happens meanwhile: timers fire when they are due, octets arrive.
    ///
    /// # Panics
    ///
    /// As [`Pair::drive_bounded`].
    pub fn sleep(&mut self, duration: Duration) {
        let until = self.clock.now().saturating_add(duration);
        for _ in 0..ENOUGH_STEPS {
            if self.step() {
                continue;
            }
            let arrivals = [&self.up, &self.down].into_iter().filter_map(FaultyLink::next_arrival);
            match arrivals.chain(self.poll_timeout()).min().filter(|next| *next <= until) {
                Some(next) => self.clock.advance_to(next),
                None => return self.clock.advance_to(until),
            }
        }
        panic!("livelock: still busy after {ENOUGH_STEPS} steps at {:?}: {self:?}", self.clock.now());
    }

    /// Goes to the next instant at which either side has a timer, and drives on from there; `false` without any, keepalive over
    /// links that work apart.
    pub fn advance_to_timeout(&mut self) -> bool {
        self.drive();
        let links = [&self.up, &self.down];
        let pending = pending_timeout(&self.client, links).or(pending_timeout(&self.server, links));
        let Some(next) = pending.and(self.poll_timeout()) else { return false };
        self.clock.advance_to(next);
        self.drive();
        true
    }

    /// The earlier of both sides' timers.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.client.poll_timeout(), self.server.poll_timeout()].into_iter().flatten().min()
    }

    /// One round of both loops; whether anything happened.
    pub fn step(&mut self) -> bool {
        let now = self.clock.now();
        let (of_client, of_server) = match self.observers.as_deref_mut() {
            Some([client, server]) => (Some(client), Some(server)),
            None => (None, None),
        };
        let mut client = End { connection: &mut self.client, now, observer: of_client };
        let mut server = End { connection: &mut self.server, now, observer: of_server };
        let mut busy = client.fire() | server.fire();
        busy |= client.write(&mut self.client_output, &mut self.up, now);
        busy |= server.write(&mut self.server_output, &mut self.down, now);
        busy |= server.read(&mut self.up, now, &mut self.rng);
        busy |= client.read(&mut self.down, now, &mut self.rng);
        while let Some(event) = self.client.poll_event() {
            busy = true;
            self.client_log.events.push(event);
            match &mut self.client_handler {
                Some(handler) => handler(now, &mut self.client, event),
                None => collect(&mut self.client, &mut self.client_log, event),
            }
        }
        while let Some(event) = self.server.poll_event() {
            busy = true;
            self.server_log.events.push(event);
            match &mut self.server_handler {
                Some(handler) => handler(now, &mut self.server, event),
                None => {
                    collect(&mut self.server, &mut self.server_log, event);
                    if let Event::Stopped(id) = event
                        && let Some(call) = self.server.call(id)
                    {
                        call.release();
                    }
                }
            }
        }
        if busy && self.observers.is_some() {
            self.check();
        }
        busy
    }
}

fn collect<R: Recorded>(connection: &mut Connection<R>, log: &mut Transcript, event: Event) {
    if let Event::Opened(id) | Event::Readable(id) | Event::Stopped(id) = event {
        log.read(connection, id);
    }
}
