//! One connection of a net.

use super::clock::LocalClock;
use super::ends::{fire, read, write};
use super::link::{Cut, FaultyLink};
use super::rng::Rng;
use crate::buffer::WriteBuf;
use crate::call::{Client, Server};
use crate::config::{ClientConfig, ServerConfig};
use crate::connection::Connection;
use crate::time::Instant;
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
}

impl Wire {
    pub(super) fn new(client: &ClientConfig, server: &ServerConfig, now: Instant, rng: &mut Rng) -> Self {
        Self {
            client: Connection::<Client>::new(client, now),
            server: Connection::<Server>::new(server, now),
            up: FaultyLink::new(rng.next_u64()),
            down: FaultyLink::new(rng.next_u64()),
            client_clock: LocalClock::new(),
            server_clock: LocalClock::new(),
            client_output: WriteBuf::new(),
            server_output: WriteBuf::new(),
            rng: rng.fork(),
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

    /// Whether both ends have said their last word, and the links have delivered it.
    pub fn is_over(&self) -> bool {
        self.client.is_finished()
            && self.server.is_finished()
            && self.client_output.is_empty()
            && self.server_output.is_empty()
            && self.up.next_arrival().is_none()
            && self.down.next_arrival().is_none()
    }

    /// When anything happens here next without anybody's doing, by the common clock.
    pub(super) fn next_at(&self) -> Option<Instant> {
        let timers = [
            self.client.poll_timeout().map(|due| self.client_clock.common(due)),
            self.server.poll_timeout().map(|due| self.server_clock.common(due)),
        ];
        timers.into_iter().chain([self.up.next_arrival(), self.down.next_arrival()]).flatten().min()
    }

    /// One round of both loops; whether anything happened.
    pub(super) fn step(&mut self, now: Instant) -> bool {
        if self.rng.one_in(2) {
            self.step_client(now) | self.step_server(now)
        } else {
            self.step_server(now) | self.step_client(now)
        }
    }

    fn step_client(&mut self, now: Instant) -> bool {
        let local = self.client_clock.at(now);
        fire(&mut self.client, local)
            | write(&mut self.client, local, &mut self.client_output, &mut self.up, now, &mut None)
            | read(&mut self.client, local, &mut self.down, now, &mut self.rng, &mut None)
    }

    fn step_server(&mut self, now: Instant) -> bool {
        let local = self.server_clock.at(now);
        fire(&mut self.server, local)
            | write(&mut self.server, local, &mut self.server_output, &mut self.down, now, &mut None)
            | read(&mut self.server, local, &mut self.up, now, &mut self.rng, &mut None)
    }
}
