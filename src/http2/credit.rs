//! The credit that the peer gets back: of a stream, of the connection, and beyond the windows that were announced
//! (RFC 9113 §5.2).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::connection::Connection;
use super::reader::Phase;
use super::slots::StreamKey;
use super::stream::{Receive, Stream};
use crate::frame::Flags;
use core::time::Duration;

impl<T: Default> Connection<T> {
    /// Octets of DATA payload that were taken from the stream: they go back to the peer's windows.
    pub fn consumed(&mut self, key: StreamKey, octets: u32) {
        match self.slots.get_mut(key) {
            Some(stream) => self.common.consumed(stream, octets),
            None => self.common.consumed_late(octets),
        }
    }

    /// Octets of DATA payload of a stream that was released before they were taken.
    pub fn consumed_late(&mut self, octets: u32) {
        self.common.consumed_late(octets);
    }

    /// Octets that were given back before they were consumed, and are held after all: so many of those consumed next
    /// are not announced.
    pub fn withhold(&mut self, octets: u32) {
        self.common.receive_window.withhold(octets);
    }

    /// Lets the peer send `octets` more on this stream from now on, beyond the window it began with; `false` where it
    /// will send no more, or does not know of the stream yet (H-113).
    pub fn widen(&mut self, key: StreamKey, octets: u32) -> bool {
        let Some(stream) = self.slots.get_mut(key) else { return false };
        if stream.receive == Receive::Ended || stream.id.is_zero() {
            return false;
        }
        stream.receive_window.owe(octets);
        self.common.owe(stream);
        true
    }

    /// Lets the peer send `octets` beyond the stream's window at once, for a message larger than that. They are not to
    /// be given back to the stream when they are consumed; what is owed to the connection is announced too.
    pub fn lend(&mut self, key: StreamKey, octets: u32) {
        if self.widen(key, octets) {
            let octets = self.receive_window(key);
            self.control_mut().awaits(octets);
        }
    }

    /// How long the way to the peer and back took when the connection began: the time between our SETTINGS and their
    /// acknowledgement, which a peer owes at once (RFC 9113 §6.5.3). Zero before that.
    #[inline]
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// What the peer has been told that it may still send on this stream, in octets.
    pub(crate) fn announced_window(&self, key: StreamKey) -> i64 {
        self.slots.get(key).map_or(0, |stream| stream.receive_window.available())
    }

    /// What the peer may still send on this stream, in octets.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    pub fn receive_window(&self, key: StreamKey) -> i64 {
        let window = |stream: &Stream<T>| stream.receive_window.available() + stream.receive_window.owed();
        self.slots.get(key).map_or(0, window)
    }

    /// The peer is to send `octets` more on this stream: what is owed is announced now where the windows are too small.
    pub(crate) fn announce_for(&mut self, key: StreamKey, octets: i64) {
        if self.common.receive_window.available() < octets {
            self.control_mut().awaits(octets);
        }
        if let Some(stream) = self.slots.get_mut(key).filter(|stream| stream.receive_window.available() < octets) {
            self.common.owe(stream);
        }
    }

    /// Whether the DATA frame that the last step was about has more to say: data, or the end of its stream. Nobody need
    /// decide anything by how the transport cut it.
    pub(crate) fn is_inside_data(&self) -> bool {
        match &self.reader.phase {
            Phase::Data(frame) => frame.data > 0 || frame.head.flags.contains(Flags::END_STREAM),
            _ => false,
        }
    }

    /// Octets of the DATA frame at hand that this stream is still to be given.
    pub(crate) fn undelivered(&self, key: StreamKey) -> u32 {
        match self.reader.phase {
            Phase::Data(frame) if frame.stream == Some(key) => frame.data,
            _ => 0,
        }
    }
}
