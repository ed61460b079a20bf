//! Many connections in one loop.

use super::driver::{Buffers, Driver, Turn};
use super::handler::{ConnectionId, Handler};
use super::transport::Transport;
use crate::call::Role;
use crate::connection::Connection;
use crate::time::Instant;
use mio::event::{Event, Source};
use mio::{Interest, Registry, Token};
use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::vec::Vec;

/// Drives any number of connections in a loop of the caller's own, next to whatever else that loop does.
///
/// It uses tokens from a first one upwards; those below are the caller's. One step of the loop is:
///
/// ```no_run
/// # use grpc_sansio::adapter::mio::{Connections, Handler};
/// # use grpc_sansio::{Clock, Server};
/// # use mio::{Events, Poll, Token, net::TcpStream};
/// # fn step(poll: &mut Poll, events: &mut Events, connections: &mut Connections<TcpStream, Server>, clock: &Clock,
/// #         handler: &mut impl Handler<Server>) -> std::io::Result<()> {
/// poll.poll(events, connections.timeout(clock.now()))?;
/// for event in events.iter() {
///     if !connections.ready(event) {
///         // A token below the first: the caller's own.
///     }
/// }
/// connections.turn(clock.now(), poll.registry(), handler);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Connections<S, R: Role> {
    first: Token,
    slots: Vec<Slot<S, R>>,
    free: Vec<u32>,
    /// Who is to have a turn, in the order in which they asked for it.
    queue: VecDeque<u32>,
    /// At most one entry for each connection, which may be early but never late.
    timers: BTreeSet<(Instant, u32)>,
    buffers: Buffers,
}

#[derive(Debug)]
struct Slot<S, R: Role> {
    /// `None`: the slot is free.
    driver: Option<Driver<S, R>>,
    generation: u32,
    queued: bool,
    /// The entry in `timers`.
    timer: Option<Instant>,
    /// What the socket is registered for.
    armed: Interest,
}

const BOTH: Interest = Interest::READABLE.add(Interest::WRITABLE);

impl<S: Transport + Source, R: Role> Connections<S, R> {
    /// None yet. The first will have the token `first`, and the others those after it.
    pub fn new(first: Token) -> Self {
        Self {
            first,
            slots: Vec::new(),
            free: Vec::new(),
            queue: VecDeque::new(),
            timers: BTreeSet::new(),
            buffers: Buffers::new(),
        }
    }

    /// Takes over a connected socket.
    ///
    /// # Errors
    ///
    /// Where it cannot be registered; it is dropped then.
    pub fn insert(&mut self, registry: &Registry, socket: S, connection: Connection<R>) -> io::Result<ConnectionId> {
        self.insert_driver(registry, Driver::new(socket, connection))
    }

    /// Takes over a socket that is being connected.
    ///
    /// # Errors
    ///
    /// Where it cannot be registered; it is dropped then.
    pub fn insert_connecting(
        &mut self,
        registry: &Registry,
        socket: S,
        connection: Connection<R>,
    ) -> io::Result<ConnectionId> {
        self.insert_driver(registry, Driver::connecting(socket, connection))
    }

    /// Takes over a driver that was made otherwise, such as one with gRPC-Web in front of its connection.
    ///
    /// # Errors
    ///
    /// Where its socket cannot be registered; it is dropped then.
    pub fn insert_driver(&mut self, registry: &Registry, mut driver: Driver<S, R>) -> io::Result<ConnectionId> {
        let index = self.free.last().copied().unwrap_or(self.slots.len() as u32);
        let armed = interest(&driver);
        registry.register(driver.socket_mut(), self.token(index), armed)?;
        let generation = match self.free.pop() {
            Some(_) => self.slots[index as usize].generation,
            None => 0,
        };
        let slot = Slot { driver: Some(driver), generation, queued: false, timer: None, armed };
        match self.slots.get_mut(index as usize) {
            Some(old) => *old = slot,
            None => self.slots.push(slot),
        }
        // Its first turn sends the preface, and sets its timer.
        self.enqueue(index);
        Ok(ConnectionId { index, generation })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> + '_ {
        self.slots
            .iter()
            .enumerate()
            .filter(|(_, slot)| slot.driver.is_some())
            .map(|(index, slot)| ConnectionId { index: index as u32, generation: slot.generation })
    }

    /// A connection, to open calls on it, to send or to read outside of an event; `None` once it is gone. It has a turn in
    /// the next step, so what was said is sent.
    pub fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<R>> {
        self.get(id)?;
        self.enqueue(id.index);
        self.slots[id.index()].driver.as_mut().map(Driver::connection_mut)
    }

    /// A connection and its socket, to look at; `None` once it is gone.
    pub fn get(&self, id: ConnectionId) -> Option<&Driver<S, R>> {
        self.slots.get(id.index()).filter(|slot| slot.generation == id.generation)?.driver.as_ref()
    }

    /// Begins the graceful shutdown of all: see [`Connection::shutdown`].
    pub fn shutdown(&mut self, now: Instant, by: Option<Instant>) {
        for index in 0..self.slots.len() {
            if let Some(driver) = &mut self.slots[index].driver {
                driver.connection_mut().shutdown(now, by);
                self.enqueue(index as u32);
            }
        }
    }

    /// How long the loop may wait for readiness; `None` is for ever.
    pub fn timeout(&self, now: Instant) -> Option<core::time::Duration> {
        if !self.queue.is_empty() {
            return Some(core::time::Duration::ZERO);
        }
        self.timers.first().map(|(due, _)| due.saturating_since(now))
    }

    /// Takes note of a readiness event. `false` if its token is not one of these connections.
    pub fn ready(&mut self, event: &Event) -> bool {
        let Some(index) = event.token().0.checked_sub(self.first.0) else { return false };
        // A connection that ended after the system had made this event has left its slot; the one that is there now
        // finds out that nothing is to be done.
        let Some(driver) = self.slots.get_mut(index).and_then(|slot| slot.driver.as_mut()) else { return true };
        let broken = event.is_error();
        let closed = broken || event.is_read_closed();
        let writable = broken || event.is_writable() || event.is_write_closed();
        driver.ready_or_closed(closed || event.is_readable(), writable, closed);
        self.enqueue(index as u32);
        true
    }

    /// Gives a turn to everyone who is ready, was used, or has a timer due. A connection that is not done after its fair
    /// share waits for the next step, which then does not sleep.
    pub fn turn(&mut self, now: Instant, registry: &Registry, handler: &mut impl Handler<R>) {
        while let Some((due, index)) = self.timers.first().copied().filter(|(due, _)| *due <= now) {
            self.timers.remove(&(due, index));
            self.slots[index as usize].timer = None;
            self.enqueue(index);
        }
        // All at once: going on with one may name others, or itself, for the next step.
        let resumed: Vec<_> = core::iter::from_fn(|| handler.resume()).collect();
        for (id, call) in resumed {
            if let Some(connection) = self.get_mut(id) {
                handler.event(now, id, connection, crate::event::Event::Writable(call));
            }
        }
        for _ in 0..self.queue.len() {
            let Some(index) = self.queue.pop_front() else { return };
            self.turn_of(index, now, registry, handler);
        }
    }

    fn turn_of(&mut self, index: u32, now: Instant, registry: &Registry, handler: &mut impl Handler<R>) {
        let token = self.token(index);
        let slot = &mut self.slots[index as usize];
        slot.queued = false;
        let id = ConnectionId { index, generation: slot.generation };
        let Some(driver) = &mut slot.driver else { return };
        driver.connect(now);
        if let Some(peer) = driver.announce() {
            handler.connected(id, peer);
        }
        let turn = driver.turn(now, &mut self.buffers, |connection, event| handler.event(now, id, connection, event));
        let wanted = interest(driver);
        if turn != Turn::Done && wanted != slot.armed {
            slot.armed = wanted;
            if let Err(error) = registry.reregister(driver.socket_mut(), token, wanted) {
                // Without readiness it would never move again.
                driver.fail(now, error);
                self.enqueue(index);
            }
        }
        match turn {
            Turn::Done => return self.remove(id, registry, handler),
            Turn::Again => self.enqueue(index),
            Turn::Wait => {}
        }
        self.set_timer(index);
    }

    /// Timers move to later often, and to earlier rarely: only the latter is done at once. The former finds out when the
    /// earlier one goes off.
    fn set_timer(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        let Some(due) = slot.driver.as_ref().and_then(Driver::poll_timeout) else { return };
        if slot.timer.is_some_and(|timer| timer <= due) {
            return;
        }
        if let Some(timer) = slot.timer.replace(due) {
            self.timers.remove(&(timer, index));
        }
        self.timers.insert((due, index));
    }

    fn remove(&mut self, id: ConnectionId, registry: &Registry, handler: &mut impl Handler<R>) {
        let slot = &mut self.slots[id.index()];
        let Some(mut driver) = slot.driver.take() else { return };
        slot.generation = slot.generation.wrapping_add(1);
        if let Some(timer) = slot.timer.take() {
            self.timers.remove(&(timer, id.index));
        }
        self.free.push(id.index);
        // Dropping the socket deregisters it in any case on most systems; a failure leaves nothing to do.
        let _ = registry.deregister(driver.socket_mut());
        handler.closed(id, driver.connection(), driver.cause());
    }

    fn enqueue(&mut self, index: u32) {
        let slot = &mut self.slots[index as usize];
        if !slot.queued {
            slot.queued = true;
            self.queue.push_back(index);
        }
    }

    fn token(&self, index: u32) -> Token {
        Token(self.first.0 + index as usize)
    }
}

/// Writability is of interest only to a driver that waits for it.
fn interest<S: Transport, R: Role>(driver: &Driver<S, R>) -> Interest {
    if driver.is_blocked() { BOTH } else { Interest::READABLE }
}
