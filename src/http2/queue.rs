//! What is queued to send on a stream.

use super::connection::Connection;
use super::slots::StreamKey;
use super::stream::{Ending, Send};
use crate::buffer::chunks::Chunk;
use crate::frame::DEFAULT_MAX_FRAME_SIZE;
use alloc::vec::Vec;
use bytes::Bytes;

/// Payloads of at least this size are put into the output by reference.
pub(super) const SHARE_FROM: usize = 4096;

/// Small pieces are joined until a buffer holds this much: one full DATA frame.
const JOIN_UP_TO: usize = DEFAULT_MAX_FRAME_SIZE as usize;

impl<T> Connection<T> {
    /// Queues octets that `write` appends to a pooled buffer, which may hold what was queued before.
    /// Sent as DATA as the windows allow. Nothing happens (and `write` is not called) once the stream is closed.
    pub fn send(&mut self, key: StreamKey, write: impl FnOnce(&mut Vec<u8>)) {
        let Some(stream) = self.slots.get_mut(key) else { return };
        if stream.is_closed() || stream.send() == Send::Ended {
            return;
        }
        let before = stream.outbox.len();
        stream.outbox.write(&mut self.pool, JOIN_UP_TO, JOIN_UP_TO, write);
        self.queued = self.queued - before + stream.outbox.len();
        self.schedule(key);
    }

    /// Queues octets by reference; short ones are copied.
    pub fn send_shared(&mut self, key: StreamKey, octets: Bytes) {
        if octets.len() < SHARE_FROM {
            return self.send(key, |buffer| buffer.extend_from_slice(&octets));
        }
        let Some(stream) = self.slots.get_mut(key) else { return };
        if stream.is_closed() || stream.send() == Send::Ended {
            return;
        }
        self.queued += octets.len();
        stream.outbox.push(&mut self.pool, Chunk::Shared(octets, 0));
        self.schedule(key);
    }

    /// Queues a buffer of the pool, which goes back there once its octets have left.
    pub(crate) fn send_buffer(&mut self, key: StreamKey, buffer: Vec<u8>) {
        let stream = self.slots.get_mut(key).filter(|stream| stream.send() != Send::Ended);
        let Some(stream) = stream else { return self.pool.give_buffer(buffer) };
        self.queued += buffer.len();
        stream.outbox.push(&mut self.pool, Chunk::Copied(buffer));
        self.schedule(key);
    }

    /// Drops what is queued on a stream whose HEADERS have not left, so that another response can take its place.
    pub fn forget_queue(&mut self, key: StreamKey) {
        if let Some(stream) = self.slots.get_mut(key)
            && stream.send() == Send::Head
        {
            self.queued -= stream.outbox.len();
            stream.outbox.clear(&mut self.pool);
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
            stream.watch = Some(octets);
        }
    }

    /// Octets queued to send on all streams.
    pub fn queued_in_all(&self) -> usize {
        self.queued
    }
}
