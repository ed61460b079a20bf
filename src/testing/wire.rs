//! One connection of a net.

use super::clock::LocalClock;
use super::ends::{End, check, pending_timeout};
use super::link::{Cut, FaultyLink};
use super::rng::Rng;
use super::watch::Observer;
use crate::buffer::WriteBuf;
use crate::call::{Client, Server};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Connection;
use crate::http2::Side;
use crate::time::Instant;
use alloc::boxed::Box;
use core::time::Duration;

/// Both ends of one connection of a [`Net`](super::Net), and what lies between them.
#[derive(Debug)]
pub struct Wire {
    /// The client's end.
    pub client: Connection<Client>,
    /// The server's end.
    pub server: Connection<Server>,
    /// From the client to the server.
    pub up: FaultyLink,
    /// From the server to the client.
    pub down: FaultyLink,
    /// The clock that the client goes by.
    pub client_clock: LocalClock,
    /// The clock that the server goes by.
    pub server_clock: LocalClock,
    /// What the client wants to write.
    pub client_output: WriteBuf,
    /// What the server wants to write.
    pub server_output: WriteBuf,
    rng: Rng,
    observers: Option<Box<[Observer; 2]>>,
    /// It did something when it was last asked to, or somebody may have done something to it since.
    pub(super) awake: bool,
    /// Otherwise: when it has something to do.
    pub(super) wakes_at: Option<Instant>,
    /// Somebody may have done something to either end since it was last held against a recount.
    pub(super) touched: bool,
}

impl Wire {
    pub(super) fn new(
        (client, client_clock): (&ClientConfig, LocalClock),
        (server, server_clock): (&ServerConfig, LocalClock),
        now: Instant,
        rng: &mut Rng,
    ) -> Self {
        Self {
            client: Connection::<Client>::new(client, client_clock.at(now)),
            server: Connection::<Server>::new(server, server_clock.at(now)),
            up: FaultyLink::new(rng.next_u64()),
            down: FaultyLink::new(rng.next_u64()),
            client_clock,
            server_clock,
            client_output: WriteBuf::new(),
            server_output: WriteBuf::new(),
            rng: rng.fork(),
            observers: None,
            awake: true,
            wakes_at: None,
            touched: true,
        }
    }

    /// Cuts both links' reads.
    pub fn cut(&mut self, cut: Cut) {
        (self.up.cut, self.down.cut) = (cut, cut);
    }

    /// Delays both links.
    pub fn delay(&mut self, delay: Duration) {
        (self.up.delay, self.down.delay) = (delay, delay);
    }

    /// Has an [`Observer`] of each end judge every frame from now on, and every step held against a recount, as
    /// [`Pair::watch`](super::Pair::watch) does. Slow. To be called before anything was said.
    pub fn watch(&mut self) {
        self.observers = Some(Box::new([Observer::new(Side::Client), Observer::new(Side::Server)]));
    }

    /// Whether both ends have said their last word, and the links have delivered it.
    pub fn is_over(&self) -> bool {
        self.client.is_finished()
            && self.server.is_finished()
            && self.client_output.is_empty()
            && self.server_output.is_empty()
            && self.up.next_arrival().is_none()
            && self.down.next_arrival().is_none()
    }

    /// When either end wants to be woken next without anybody's doing, by the common clock.
    fn next_at(&self) -> Option<Instant> {
        let timers = [
            self.client.poll_timeout().map(|due| self.client_clock.common(due)),
            self.server.poll_timeout().map(|due| self.server_clock.common(due)),
        ];
        timers.into_iter().chain([self.up.next_arrival(), self.down.next_arrival()]).flatten().min()
    }

    /// Whether anything will ever happen here without anybody's doing: keepalive over links that work is nothing, unless some of
    /// it is on its way.
    pub(super) fn is_pending(&self) -> bool {
        self.leads_anywhere() || self.up.next_arrival().or(self.down.next_arrival()).is_some()
    }

    /// Whether anything but keepalive will, wherever that is.
    pub(super) fn leads_anywhere(&self) -> bool {
        let links = [&self.up, &self.down];
        self.awake
            || links.iter().any(|link| link.carries_news())
            || pending_timeout(&self.client, links).is_some()
            || pending_timeout(&self.server, links).is_some()
    }

    /// One round of both loops, unless it sleeps; whether anything happened.
    pub(super) fn go(&mut self, now: Instant) -> bool {
        if !self.awake && self.wakes_at.is_none_or(|at| at > now) {
            return false;
        }
        let (client, server) = self.step(now);
        self.awake = client || server;
        if let Some([of_client, of_server]) = self.observers.as_deref() {
            // An end that did nothing, and that nobody did anything to, is what it was.
            if client || self.touched {
                check(&self.client, Some(of_client));
            }
            if server || self.touched {
                check(&self.server, Some(of_server));
            }
            self.touched = false;
        }
        self.wakes_at = if self.awake { None } else { self.next_at() };
        self.awake
    }

    /// Whether the client, and whether the server did anything.
    fn step(&mut self, now: Instant) -> (bool, bool) {
        let client_first = self.rng.one_in(2);
        let mut client = client_first && self.step_client(now);
        let server = self.step_server(now);
        client |= !client_first && self.step_client(now);
        (client, server)
    }

    fn step_client(&mut self, now: Instant) -> bool {
        let observer = self.observers.as_deref_mut().map(|[client, _]| client);
        let mut end = End { connection: &mut self.client, now: self.client_clock.at(now), observer };
        end.fire()
            | end.write(&mut self.client_output, &mut self.up, now)
            | end.read(&mut self.down, now, &mut self.rng)
    }

    fn step_server(&mut self, now: Instant) -> bool {
        let observer = self.observers.as_deref_mut().map(|[_, server]| server);
        let mut end = End { connection: &mut self.server, now: self.server_clock.at(now), observer };
        end.fire()
            | end.write(&mut self.server_output, &mut self.down, now)
            | end.read(&mut self.up, now, &mut self.rng)
    }
}
