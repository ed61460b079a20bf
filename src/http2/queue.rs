//! What is queued to send on a stream.

use super::connection::Connection;
use super::slots::StreamKey;
use super::stream::{Ending, Send, UNWATCHED};
use alloc::vec::Vec;
use bytes::Bytes;

/// Payloads of at least this size are put into the output by reference.
pub(super) const SHARE_FROM: usize = 4096;

/// Small pieces are joined until a buffer holds this much.
pub(super) const JOIN_UP_TO: usize = 4096;

impl<T: Default> Connection<T> {
    /// Queues octets that `write` appends to a pooled buffer, which may hold what was queued before.
    /// Sent as DATA as the windows allow. Nothing happens (and `write` is not called) once the stream is closed.
    pub fn send(&mut self, key: StreamKey, write: impl FnOnce(&mut Vec<u8>)) {
        if let Some((stream, common)) = self.at(key) {
            common.send(stream, write);
        }
    }

    /// Queues octets by reference; short ones are copied.
    pub fn send_shared(&mut self, key: StreamKey, octets: Bytes) {
        if let Some((stream, common)) = self.at(key) {
            common.send_shared(stream, octets);
        }
    }

    /// Drops what is queued on a stream whose HEADERS have not left, so that another response can take its place.
    pub fn forget_queue(&mut self, key: StreamKey) {
        if let Some(stream) = self.slots.get_mut(key)
            && stream.send == Send::Head
        {
            self.common.drop_queue(stream);
            stream.ending = Ending::Open;
        }
    }

    /// Octets queued to send on this stream.
    pub fn queued(&self, key: StreamKey) -> usize {
        self.slots.get(key).map_or(0, |stream| stream.outbox.len())
    }

    /// Asks for [`Transmit::Drained`](super::Transmit::Drained), once, when no more than `octets` are queued on the
    /// stream after some have left.
    pub fn watch_queue(&mut self, key: StreamKey, octets: u32) {
        if let Some(stream) = self.slots.get_mut(key) {
            stream.watch = octets.min(UNWATCHED - 1);
        }
    }

    /// Octets queued to send on all streams.
    pub fn queued_in_all(&self) -> usize {
        self.common.queued
    }
}

#[cfg(test)]
mod tests {
    use crate::http2::{Config, Connection, Side};
    use crate::time::Instant;

    /// A `write` that shortens what was queued damages that, and nothing else: all queues are counted as they are.
    #[test]
    fn octets_are_taken_back() {
        let now = Instant::from_nanos(0);
        let mut client = Connection::new(Side::Client, Config::new(Side::Client), now);
        let [stream, other] = [(); 2].map(|()| client.open(()).unwrap());
        client.send(other, |buffer| buffer.extend_from_slice(b"hello"));
        client.send(stream, |buffer| buffer.extend_from_slice(b"hello"));
        client.send(stream, |buffer| buffer.truncate(2));
        assert_eq!((client.queued(stream), client.queued_in_all()), (2, 7));
        client.send(stream, |buffer| buffer.clear());
        assert_eq!((client.queued(stream), client.queued_in_all()), (0, 5));
    }
}
