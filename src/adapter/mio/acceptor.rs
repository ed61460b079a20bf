//! A listener that nothing stops.

use crate::time::Instant;
use core::time::Duration;
use mio::net::{TcpListener, TcpStream};
use std::io;
use std::net::SocketAddr;

/// Connections accepted in one step, before those at hand get their turn.
const ACCEPTS_PER_STEP: usize = 64;

/// How long to wait when the system has no room for another connection.
const BACK_OFF: Duration = Duration::from_millis(100);

/// Where connections come from.
pub(super) trait Listen {
    type Socket;
    fn accept(&self) -> io::Result<Self::Socket>;
}

impl Listen for TcpListener {
    type Socket = (TcpStream, SocketAddr);

    fn accept(&self) -> io::Result<Self::Socket> {
        TcpListener::accept(self)
    }
}

/// Accepts as connections come, whatever goes wrong with some of them.
#[derive(Debug)]
pub(super) struct Acceptor<L> {
    listener: L,
    /// No accept has found it empty since it was ready.
    ready: bool,
    /// The system had no room.
    paused_until: Option<Instant>,
    errors: u64,
}

impl<L: Listen> Acceptor<L> {
    pub(super) fn new(listener: L) -> Self {
        Self { listener, ready: true, paused_until: None, errors: 0 }
    }

    pub(super) fn listener(&self) -> &L {
        &self.listener
    }

    pub(super) fn listener_mut(&mut self) -> &mut L {
        &mut self.listener
    }

    pub(super) fn ready(&mut self) {
        self.ready = true;
    }

    /// Attempts that failed so far.
    pub(super) fn errors(&self) -> u64 {
        self.errors
    }

    /// How long the loop may wait, if there is `room` for more connections.
    pub(super) fn timeout(&self, now: Instant, room: bool) -> Option<Duration> {
        let due = self.paused_until.unwrap_or(now);
        (self.ready && room).then(|| due.saturating_since(now))
    }

    /// Accepts up to `room` connections, and no more than are fair in one step.
    pub(super) fn accept(&mut self, now: Instant, room: usize, mut take: impl FnMut(L::Socket)) {
        if !self.ready || self.paused_until.is_some_and(|until| now < until) {
            return;
        }
        self.paused_until = None;
        let mut taken = 0;
        for _ in 0..ACCEPTS_PER_STEP {
            if taken == room {
                return;
            }
            match self.listener.accept() {
                Ok(socket) => {
                    taken += 1;
                    take(socket);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready = false;
                    return;
                }
                Err(error) => {
                    self.errors += 1;
                    // What fails is one connection, or the want of descriptors or memory for it. The latter lasts, so trying
                    // again at once would only burn time.
                    if !concerns_one_connection(&error) {
                        self.paused_until = Some(now.saturating_add(BACK_OFF));
                        return;
                    }
                }
            }
        }
    }
}

/// Errors that a connection brings along which was reset, or cut off, while it waited.
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted | TimedOut)
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::RefCell;
    use std::collections::VecDeque;
    use std::vec::Vec;

    #[derive(Default)]
    struct Script(RefCell<VecDeque<Result<u32, io::ErrorKind>>>);

    impl Listen for Script {
        type Socket = u32;

        fn accept(&self) -> io::Result<u32> {
            let next = self.0.borrow_mut().pop_front().unwrap_or(Err(io::ErrorKind::WouldBlock));
            next.map_err(io::Error::from)
        }
    }

    fn accept(acceptor: &mut Acceptor<Script>, millis: u64, room: usize) -> Vec<u32> {
        let mut taken = Vec::new();
        acceptor.accept(Instant::from_nanos(millis * 1_000_000), room, |socket| taken.push(socket));
        taken
    }

    #[test]
    fn a_connection_that_was_reset_while_it_waited_costs_nobody_else() {
        let script = [Ok(1), Err(io::ErrorKind::ConnectionAborted), Ok(2), Err(io::ErrorKind::Interrupted), Ok(3)];
        let mut acceptor = Acceptor::new(Script(RefCell::new(script.into())));
        assert_eq!(accept(&mut acceptor, 0, 9), [1, 2, 3]);
        assert_eq!(acceptor.timeout(Instant::from_nanos(0), true), None);
        assert_eq!(acceptor.errors(), 2);
    }

    #[test]
    fn without_descriptors_it_backs_off_and_tries_again_by_itself() {
        let script = [Ok(1), Err(io::ErrorKind::Other), Ok(2)];
        let mut acceptor = Acceptor::new(Script(RefCell::new(script.into())));
        assert_eq!(accept(&mut acceptor, 0, 9), [1]);
        assert_eq!(acceptor.timeout(Instant::from_nanos(0), true), Some(BACK_OFF));
        assert_eq!(accept(&mut acceptor, 99, 9), [0_u32; 0]);
        // No new readiness comes for what waits already.
        assert_eq!(accept(&mut acceptor, 100, 9), [2]);
    }

    #[test]
    fn when_full_it_leaves_connections_waiting_and_does_not_spin() {
        let mut acceptor = Acceptor::new(Script(RefCell::new([Ok(1), Ok(2), Ok(3)].into())));
        assert_eq!(accept(&mut acceptor, 0, 2), [1, 2]);
        assert_eq!(acceptor.timeout(Instant::from_nanos(0), false), None);
        assert_eq!(acceptor.timeout(Instant::from_nanos(0), true), Some(Duration::ZERO));
        assert_eq!(accept(&mut acceptor, 0, 1), [3]);
    }
}
