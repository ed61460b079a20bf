//! Control frames that wait to be transmitted. All of it is bounded: see [`Control`].

use super::reader::HTTP1;
use crate::frame::{ErrorCode, StreamId};
use alloc::collections::VecDeque;

/// The payload of our own PING during a graceful shutdown.
pub(super) const SHUTDOWN_PING: [u8; 8] = *b"shutdown";

/// That of one by which we learn whether the peer is there.
pub(super) const KEEPALIVE_PING: [u8; 8] = *b"keepaliv";

/// A GOAWAY to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct GoAwayFrame {
    pub(super) last: StreamId,
    pub(super) code: ErrorCode,
    pub(super) debug_data: &'static str,
}

impl GoAwayFrame {
    /// Whether it is said to a client of HTTP/1.1, in its words. No such frame ever leaves otherwise.
    pub(super) fn is_to_http1(&self) -> bool {
        self.code == ErrorCode::HTTP_1_1_REQUIRED && self.debug_data == HTTP1
    }
}

/// What a client of HTTP/1.1 is told (RFC 9110 §15.6.6).
pub(super) const HTTP1_REFUSAL: &[u8] = b"HTTP/1.1 505 HTTP Version Not Supported\r\n\
    content-type: text/plain\r\ncontent-length: 41\r\nconnection: close\r\n\r\n\
    This port speaks gRPC over HTTP/2 only.\r\n";

/// Our SETTINGS on their way (RFC 9113 §6.5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OurSettings {
    Unsent,
    Sent,
    Acknowledged,
}

/// What goes before any stream's turn.
#[derive(Clone, Debug)]
pub(super) struct Control {
    pub(super) settings: OurSettings,
    /// A counter: acknowledgements are all alike (the glitch guard bounds it).
    pub(super) settings_acks: u32,
    /// Payloads to echo, up to `max_replies`.
    pub(super) pongs: VecDeque<[u8; 8]>,
    /// The most of them at once.
    pub(super) most_pongs: u32,
    /// Resets of streams: one for each stream that we opened or accepted, and up to `max_replies` for others.
    pub(super) resets: VecDeque<(StreamId, ErrorCode)>,
    pub(super) goaway: Option<GoAwayFrame>,
    pub(super) shutdown_ping: bool,
    pub(super) keepalive_ping: bool,
    /// That one was not answered yet.
    pub(super) pong_owed: bool,
    /// The least that a reader waits for, in octets that the connection's window has to let through; 0 for none.
    pub(super) awaited: i64,
    /// A frame waits here: one look answers most questions whether there is anything to say.
    pending: bool,
}

impl Control {
    pub(super) const fn new() -> Self {
        Self {
            settings: OurSettings::Unsent,
            settings_acks: 0,
            pongs: VecDeque::new(),
            most_pongs: 0,
            resets: VecDeque::new(),
            goaway: None,
            shutdown_ping: false,
            keepalive_ping: false,
            pong_owed: false,
            awaited: 0,
            pending: true,
        }
    }

    /// SETTINGS are to be acknowledged.
    pub(super) fn acknowledge(&mut self) {
        self.settings_acks = self.settings_acks.saturating_add(1);
        self.pending = true;
    }

    /// The stream is to be reset.
    pub(super) fn say_reset(&mut self, stream: StreamId, code: ErrorCode) {
        self.resets.push_back((stream, code));
        self.pending = true;
    }

    pub(super) fn ping_for_shutdown(&mut self) {
        (self.shutdown_ping, self.pending) = (true, true);
    }

    pub(super) fn ping(&mut self) {
        (self.keepalive_ping, self.pong_owed, self.pending) = (true, true, true);
    }

    /// A PING is to be answered.
    pub(super) fn answer(&mut self, payload: [u8; 8]) {
        self.pongs.push_back(payload);
        self.most_pongs = self.most_pongs.max(self.pongs.len() as u32);
        self.pending = true;
    }

    /// A reader waits for so many octets more.
    pub(super) fn awaits(&mut self, octets: i64) {
        if octets > 0 && (self.awaited == 0 || octets < self.awaited) {
            self.awaited = octets;
        }
    }

    /// A later GOAWAY takes the place of one that has not left yet.
    pub(super) fn say_goaway(&mut self, last: StreamId, code: ErrorCode, debug_data: &'static str) {
        self.goaway = Some(GoAwayFrame { last, code, debug_data });
        self.pending = true;
    }

    /// The client speaks HTTP/1.1. Where SETTINGS have left it is too late for words.
    pub(super) fn refuse_http1(&mut self) {
        if self.settings == OurSettings::Unsent {
            self.say_goaway(StreamId::ZERO, ErrorCode::HTTP_1_1_REQUIRED, HTTP1);
        }
    }

    /// Whether a frame waits here; credit is the connection's to judge.
    #[inline]
    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Looks again whether one waits. To be called when some were taken.
    pub(super) fn look_again(&mut self) {
        self.pending = self.settings == OurSettings::Unsent || self.has_frames();
    }

    /// The same, the preface apart: whoever has nothing to say need not begin.
    pub(super) fn has_frames(&self) -> bool {
        self.settings_acks > 0
            || !self.pongs.is_empty()
            || !self.resets.is_empty()
            || self.goaway.is_some()
            || self.shutdown_ping
            || self.keepalive_ping
    }

    /// Nothing but a GOAWAY is of use any more.
    pub(super) fn drop_replies(&mut self) {
        self.settings_acks = 0;
        self.pongs.clear();
        self.resets.clear();
        (self.shutdown_ping, self.keepalive_ping) = (false, false);
        self.look_again();
    }

    pub(super) fn trim(&mut self) {
        if self.pongs.is_empty() {
            self.pongs = VecDeque::new();
        }
        if self.resets.is_empty() {
            self.resets = VecDeque::new();
        }
    }

    pub(super) fn heap_size(&self) -> usize {
        self.pongs.capacity() * size_of::<[u8; 8]>() + self.resets.capacity() * size_of::<(StreamId, ErrorCode)>()
    }
}

#[cfg(test)]
mod tests {
    use super::Control;

    /// Credit leaves for the reader that needs the least; for none that needs nothing.
    #[test]
    fn the_least_that_is_awaited_counts() {
        for (awaits, least) in [(&[0, -1][..], 0), (&[5, 9], 5), (&[9, 5, 0], 5), (&[5, 5, -3], 5)] {
            let mut control = Control::new();
            awaits.iter().for_each(|octets| control.awaits(*octets));
            assert_eq!(control.awaited, least, "{awaits:?}");
        }
    }
}
