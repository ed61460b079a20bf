//! What the streams of a connection share: all that the verbs of one stream need besides the stream.

use super::config::{Config, Side};
use super::flow::ReceiveWindow;
use super::lines::{Lines, Place};
use super::queue::JOIN_UP_TO;
use super::stream::{Ending, Receive, Send, Stream};
use crate::buffer::chunks::Pool;
use alloc::vec::Vec;

#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(super) side: Side,
    pub(crate) pool: Pool,
    pub(super) lines: Lines,
    /// Octets queued on all streams.
    pub(super) queued: usize,
    pub(super) receive_window: ReceiveWindow,
    /// A stream's credit is announced from here on, in octets.
    credit_from: i64,
}

impl Common {
    pub(super) fn new(side: Side, config: &Config) -> Self {
        Self {
            side,
            pool: Pool::new(),
            lines: Lines::default(),
            queued: 0,
            receive_window: ReceiveWindow::new(config.connection_window),
            credit_from: i64::from((config.stream_window / 2).max(1)),
        }
    }

    /// As [`Connection::begin`](super::Connection::begin).
    #[inline]
    pub(crate) fn begin<T>(&mut self, stream: &mut Stream<T>) {
        if self.side == Side::Server && stream.send() != Send::Ended {
            stream.head_wanted = true;
            self.lines.join(Place::Ready, stream);
        }
    }

    /// As [`Connection::end`](super::Connection::end).
    #[inline]
    pub(crate) fn end<T>(&mut self, stream: &mut Stream<T>, with_trailers: bool) {
        if stream.ending == Ending::Open {
            stream.ending = if with_trailers { Ending::Trailers } else { Ending::Data };
            self.schedule(stream);
        }
    }

    /// Gives the stream a turn if it has an id and may have something to say.
    #[inline]
    pub(super) fn schedule<T>(&mut self, stream: &mut Stream<T>) {
        if stream.send() == Send::Body {
            self.lines.join(Place::Ready, stream);
        }
    }

    /// As [`Connection::send`](super::Connection::send).
    #[inline]
    pub(crate) fn send<T>(&mut self, stream: &mut Stream<T>, write: impl FnOnce(&mut Vec<u8>)) {
        if stream.send() == Send::Ended {
            return;
        }
        let before = stream.outbox.len();
        stream.outbox.write(&mut self.pool, JOIN_UP_TO, 0, write);
        self.queued = self.queued - before + stream.outbox.len();
        self.schedule(stream);
    }

    /// As [`Connection::consumed`](super::Connection::consumed).
    #[inline]
    pub(crate) fn consumed<T>(&mut self, stream: &mut Stream<T>, octets: u32) {
        self.receive_window.owe(octets);
        // H-113: no credit for a stream that will carry no more DATA.
        if stream.receive() == Receive::Ended {
            return;
        }
        stream.receive_window.owe(octets);
        if stream.receive_window.owed() >= self.credit_from {
            self.lines.owe(stream);
        }
    }

    /// The layer above wants to be reminded of the stream.
    #[inline]
    pub(crate) fn notice<T>(&mut self, stream: &mut Stream<T>) {
        self.lines.notice(stream);
    }

    /// The stream's window grew, and there is something to send: it gets a turn.
    pub(super) fn widened<T>(&mut self, stream: &mut Stream<T>) {
        if stream.place == Place::Held {
            self.lines.leave(stream);
        }
        self.schedule(stream);
    }

    /// Drops what is queued on the stream.
    pub(super) fn drop_queue<T>(&mut self, stream: &mut Stream<T>) {
        self.queued -= stream.outbox.len();
        stream.outbox.clear(&mut self.pool);
    }
}
