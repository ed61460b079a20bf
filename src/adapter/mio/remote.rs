//! Reaching a loop from another thread.

use core::time::Duration;
use mio::{Registry, Token, Waker};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Reaches a [`Server`](super::Server) or a [`Client`](super::Client) from other threads. Cheap to clone.
///
/// Work that takes long is done by other threads, and its results come back through a channel: the loop's thread waits
/// in `poll`, and [`Remote::wake`] makes that return so that it looks into the channel.
#[derive(Clone, Debug)]
pub struct Remote(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    waker: Waker,
    stop: Mutex<Option<Stop>>,
}

/// A shutdown, and how long open calls may still take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) grace: Option<Duration>,
}

impl Remote {
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let waker = Waker::new(registry, token)?;
        Ok(Self(Arc::new(Shared { waker, stop: Mutex::new(None) })))
    }

    /// Makes the loop's `poll` return soon.
    ///
    /// # Errors
    ///
    /// What the operating system reports; the loop may then sleep on.
    pub fn wake(&self) -> io::Result<()> {
        self.0.waker.wake()
    }

    /// Begins a graceful shutdown: no new connections and calls, those at hand end by themselves, or after `grace` by
    /// force. `run` returns when all connections are gone.
    ///
    /// # Errors
    ///
    /// As [`Remote::wake`].
    pub fn shutdown(&self, grace: Option<Duration>) -> io::Result<()> {
        *self.0.stop.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stop { grace });
        self.wake()
    }

    pub(super) fn take_stop(&self) -> Option<Stop> {
        self.0.stop.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
