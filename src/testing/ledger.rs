//! The accounts of a connection's own window.

use crate::call::Role;
use crate::connection::Connection;

/// The windows of a connection itself, those of its calls apart: what it may send, and what it has let the peer send.
///
/// Once all that was sent has arrived and was read, what one end may send and what the other owes it are, together, what
/// the other announced: nothing has leaked (L-01).
///
/// ```
/// use grpc_sansio::testing::Pair;
///
/// let mut pair = Pair::new(1);
/// pair.drive();
/// let (client, server) = (pair.client.windows(), pair.server.windows());
/// assert_eq!(client.send, server.receive);
/// assert_eq!(server.receive + server.owed, 4 * 1024 * 1024);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// What may be sent.
    pub send: i64,
    /// What the peer may send, as far as it was told.
    pub receive: i64,
    /// What was read and is not given back yet. Negative while octets that were lent are outstanding.
    pub owed: i64,
    /// What is lent, in all, to calls that wait for a message larger than their window.
    pub lent: u32,
    /// Octets of header lists that nobody has read.
    pub held_headers: usize,
}

impl<R: Role> Connection<R> {
    /// The windows of the connection (feature `testing`).
    pub fn windows(&self) -> Windows {
        let engine = self.engine();
        let (send, receive, owed) = engine.http2().windows();
        let (lent, held_headers) = engine.lent_and_held();
        Windows { send, receive, owed, lent, held_headers }
    }
}
