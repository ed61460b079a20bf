//! What the application does with the news.

use crate::call::Role;
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::time::Instant;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::vec::Vec;

/// Names one connection of a loop. It never names another one later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl ConnectionId {
    /// A small number, unique among the connections that are open now: an index for a table.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// Certificates as DER, shared by all calls of a connection.
pub type Certificates = Arc<[Vec<u8>]>;

/// Who is at the other end of a connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Peer {
    /// Its address, where the transport has one.
    pub address: Option<SocketAddr>,
    /// The certificates that it presented over TLS, its own first, each as DER. They have been verified: whoever is named
    /// in the first one is the peer.
    pub certificates: Option<Certificates>,
}

/// The application's side of a loop: what is to be done about each [`Event`].
///
/// A closure of the shape of [`Handler::event`] is a handler. A server's methods are more easily written as
/// [`Routes`](super::Routes), which is a handler too.
///
/// ```
/// use grpc_sansio::adapter::mio::{ConnectionId, Handler};
/// use grpc_sansio::{Client, Connection, Event, Instant, Item};
///
/// /// Prints what comes, as far as it has come.
/// struct Printer;
///
/// impl Handler<Client> for Printer {
///     fn event(&mut self, _: Instant, id: ConnectionId, connection: &mut Connection<Client>, event: Event) {
///         let Event::Readable(call_id) = event else { return };
///         let Some(mut call) = connection.call(call_id) else { return };
///         while let Some(item) = call.read() {
///             println!("{id:?}, {call_id:?}: {item:?}");
///         }
///     }
/// }
/// ```
pub trait Handler<R: Role> {
    /// A connection stands: its handshake is over, if there was one. Comes before its events.
    fn connected(&mut self, id: ConnectionId, peer: Peer) {
        let _ = (id, peer);
    }

    /// News of a connection, or of one of its calls. Whatever is said to `connection` here is sent when this returns.
    fn event(&mut self, now: Instant, id: ConnectionId, connection: &mut Connection<R>, event: Event);

    /// A call that is to go on though nothing came from its peer: it is told [`Event::Writable`]. Asked in each step until
    /// there is none; who makes one from another thread wakes the loop by a [`Remote`](super::Remote).
    fn resume(&mut self) -> Option<(ConnectionId, CallId)> {
        None
    }

    /// The connection is gone, and its socket closed. `connection` says by [`Connection::error`] whether it broke a rule;
    /// `cause` is what the operating system reported, if it did. Its last event was [`Event::Closed`].
    fn closed(&mut self, id: ConnectionId, connection: &Connection<R>, cause: Option<&io::Error>) {
        let _ = (id, connection, cause);
    }
}

impl<R: Role, F> Handler<R> for F
where
    F: FnMut(Instant, ConnectionId, &mut Connection<R>, Event),
{
    fn event(&mut self, now: Instant, id: ConnectionId, connection: &mut Connection<R>, event: Event) {
        self(now, id, connection, event);
    }
}
