//! What stands between a transport and a connection: nothing, or a machine that speaks for it.

use crate::adapter::describe;
use crate::buffer::WriteBuf;
use crate::call::Role;
use crate::connection::Connection;
use crate::time::Instant;
#[cfg(feature = "tokio")]
use bytes::Bytes;
use core::fmt::Debug;
use std::boxed::Box;
use std::io;

/// The verbs of a connection that have to do with its transport, given to something in front of it.
pub(crate) trait Front<R: Role>: Debug + Send {
    #[cfg(feature = "tokio")]
    fn receive(&mut self, now: Instant, octets: Bytes, connection: &mut Connection<R>);
    fn receive_slice(&mut self, now: Instant, octets: &[u8], connection: &mut Connection<R>);
    fn receive_eof(&mut self, now: Instant, connection: &mut Connection<R>);
    fn transmit(&mut self, now: Instant, connection: &mut Connection<R>, output: &mut WriteBuf);
    fn handle_timeout(&mut self, now: Instant, connection: &mut Connection<R>);
    fn wants_input(&self) -> bool;
    fn wants_transmit(&self, connection: &Connection<R>) -> bool;
    fn poll_timeout(&self, connection: &Connection<R>) -> Option<Instant>;
    fn is_finished(&self, connection: &Connection<R>) -> bool;
    /// Why the peer's connection ended, where that was not the connection's own error.
    fn error(&self, connection: &Connection<R>) -> Option<io::Error>;
}

/// Octets of a client that tell HTTP/2 from HTTP/1.1: `PRI ` is no method of the latter.
const TELLING: usize = 4;

/// A place for such a machine. Without one every verb is the connection's own.
#[derive(Debug)]
pub(crate) struct Gate<R: Role> {
    front: Option<Box<dyn Front<R>>>,
    /// Octets of the client to come before a server says anything. It may speak HTTP/1.1, and then is answered in words
    /// that it knows; one of HTTP/2 sends its preface at once (RFC 9113 §3.4), so nobody waits.
    silent_for: usize,
}

impl<R: Role> Gate<R> {
    /// Nothing in front of this connection.
    pub(crate) fn of(connection: &Connection<R>) -> Self {
        Self { front: None, silent_for: if connection.is_server() { TELLING } else { 0 } }
    }

    #[cfg(feature = "web")]
    pub(crate) fn behind(front: impl Front<R> + 'static) -> Self {
        Self { front: Some(Box::new(front)), silent_for: 0 }
    }

    fn is_silent(&self, connection: &Connection<R>) -> bool {
        self.silent_for > 0 && !connection.is_draining()
    }

    pub(crate) fn receive(&mut self, now: Instant, octets: &[u8], connection: &mut Connection<R>) {
        self.silent_for = self.silent_for.saturating_sub(octets.len());
        match &mut self.front {
            None => connection.receive(now, octets),
            Some(front) => front.receive_slice(now, octets, connection),
        }
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn receive_bytes(&mut self, now: Instant, octets: Bytes, connection: &mut Connection<R>) {
        self.silent_for = self.silent_for.saturating_sub(octets.len());
        match &mut self.front {
            None => connection.receive_bytes(now, octets),
            Some(front) => front.receive(now, octets, connection),
        }
    }

    /// The transport has ended, by an error where there is one.
    pub(crate) fn lose(&mut self, now: Instant, cause: Option<&io::Error>, connection: &mut Connection<R>) {
        match (&mut self.front, cause) {
            (None, Some(cause)) => connection.receive_failure(now, &describe(cause)),
            (None, None) => connection.receive_eof(now),
            (Some(front), _) => front.receive_eof(now, connection),
        }
    }

    pub(crate) fn transmit(&mut self, now: Instant, connection: &mut Connection<R>, output: &mut WriteBuf) {
        let silent = self.is_silent(connection);
        match &mut self.front {
            None if silent => {}
            None => connection.transmit(now, output),
            Some(front) => front.transmit(now, connection, output),
        }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, connection: &mut Connection<R>) {
        match &mut self.front {
            None => connection.handle_timeout(now),
            Some(front) => front.handle_timeout(now, connection),
        }
    }

    pub(crate) fn wants_input(&self) -> bool {
        self.front.as_ref().is_none_or(|front| front.wants_input())
    }

    pub(crate) fn wants_transmit(&self, connection: &Connection<R>) -> bool {
        match &self.front {
            None => connection.wants_transmit() && !self.is_silent(connection),
            Some(front) => front.wants_transmit(connection),
        }
    }

    pub(crate) fn poll_timeout(&self, connection: &Connection<R>) -> Option<Instant> {
        match &self.front {
            None => connection.poll_timeout(),
            Some(front) => front.poll_timeout(connection),
        }
    }

    pub(crate) fn is_finished(&self, connection: &Connection<R>) -> bool {
        match &self.front {
            None => connection.is_finished(),
            Some(front) => front.is_finished(connection),
        }
    }

    pub(crate) fn error(&self, connection: &Connection<R>) -> Option<io::Error> {
        self.front.as_ref().and_then(|front| front.error(connection))
    }
}

#[cfg(feature = "web")]
impl Front<crate::call::Server> for crate::web::Session {
    #[cfg(feature = "tokio")]
    fn receive(&mut self, now: Instant, octets: Bytes, connection: &mut Connection<crate::call::Server>) {
        self.receive_bytes(now, octets, connection);
    }

    fn receive_slice(&mut self, now: Instant, octets: &[u8], connection: &mut Connection<crate::call::Server>) {
        self.receive(now, octets, connection);
    }

    fn receive_eof(&mut self, now: Instant, connection: &mut Connection<crate::call::Server>) {
        self.receive_eof(now, connection);
    }

    fn transmit(&mut self, now: Instant, connection: &mut Connection<crate::call::Server>, output: &mut WriteBuf) {
        self.transmit(now, connection, output);
    }

    fn handle_timeout(&mut self, now: Instant, connection: &mut Connection<crate::call::Server>) {
        self.handle_timeout(now, connection);
    }

    fn wants_input(&self) -> bool {
        self.wants_input()
    }

    fn wants_transmit(&self, connection: &Connection<crate::call::Server>) -> bool {
        self.wants_transmit(connection)
    }

    fn poll_timeout(&self, connection: &Connection<crate::call::Server>) -> Option<Instant> {
        self.poll_timeout(connection)
    }

    fn is_finished(&self, connection: &Connection<crate::call::Server>) -> bool {
        self.is_finished(connection)
    }

    fn error(&self, connection: &Connection<crate::call::Server>) -> Option<io::Error> {
        let http2 = self.http2_error(connection).filter(|_| connection.error().is_none());
        self.error().map(io::Error::other).or_else(|| http2.cloned().map(io::Error::other))
    }
}
