//! What the streams of a connection share: all that the verbs of one stream need besides the stream.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::config::{Config, Side};
use super::flow::ReceiveWindow;
use super::lines::{Lines, Place};
use super::queue::{JOIN_UP_TO, SHARE_FROM};
use super::stream::{Ending, Receive, Send, Stream};
use crate::buffer::pool::Pool;
use alloc::vec::Vec;
use bytes::Bytes;

#[derive(Clone, Debug)]
pub(crate) struct Common {
    pub(super) side: Side,
    pub(crate) pool: Pool,
    pub(super) lines: Lines,
    /// Octets queued on all streams.
    pub(super) queued: usize,
    pub(super) receive_window: ReceiveWindow,
    /// A stream's credit is announced from here on, in octets.
    pub(super) credit_from: i64,
    /// Nothing is due that rarely is.
    pub(super) quiet: bool,
    /// So many octets may be queued before stalled streams are watched together (T-45).
    pub(super) crowd: u32,
    /// The connection's is worth a WINDOW_UPDATE from here on (G-194): so little that 15 stalled calls leave the others at
    /// full speed (G-191).
    pub(super) credit_threshold: u32,
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
            quiet: false,
            crowd: config.crowded_queue,
            credit_threshold: (config.connection_window / 2).min(config.stream_window / 2).max(1),
        }
    }

    /// As [`Connection::begin`](super::Connection::begin).
    #[inline]
    pub(crate) fn begin<T>(&mut self, stream: &mut Stream<T>) {
        if self.side == Side::Server && stream.send != Send::Ended {
            stream.head_wanted = true;
            self.lines.join(Place::Ready, stream);
        }
    }

    /// As [`Connection::end`](super::Connection::end).
    #[inline]
    pub(crate) fn end<T>(&mut self, stream: &mut Stream<T>, with_trailers: bool) {
        if stream.ending == Ending::Open {
            stream.ending = if with_trailers { Ending::Trailers } else { Ending::Data };
            if stream.send == Send::Body {
                self.schedule_body(stream);
            }
        }
    }

    /// As [`Common::schedule`], where mostly the head has not left yet, and what there is to say goes with it.
    #[cold]
    #[inline(never)]
    fn schedule_body<T>(&mut self, stream: &mut Stream<T>) {
        self.schedule(stream);
    }

    /// Gives the stream a turn if it has an id and may have something to say.
    #[inline]
    pub(super) fn schedule<T>(&mut self, stream: &mut Stream<T>) {
        if stream.send == Send::Body {
            self.lines.join(Place::Ready, stream);
        }
    }

    /// As [`Connection::send`](super::Connection::send).
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(crate) fn send<T>(&mut self, stream: &mut Stream<T>, write: impl FnOnce(&mut Vec<u8>)) {
        if stream.send == Send::Ended {
            return;
        }
        // A `write` may also take octets back.
        self.queued -= stream.outbox.len();
        stream.outbox.write(&mut self.pool, JOIN_UP_TO, 0, write);
        self.queue_grew(stream.outbox.len());
        self.schedule(stream);
    }

    /// As [`Common::send`], of octets in two parts.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(crate) fn send_pair<T, const FIRST: usize>(
        &mut self,
        stream: &mut Stream<T>,
        first: [u8; FIRST],
        second: &[u8],
    ) {
        if stream.send != Send::Ended {
            self.queue_grew(FIRST + second.len());
            self.schedule(stream);
            stream.outbox.append(&mut self.pool, first, second);
        }
    }

    /// Takes the buffer out of the stream's queue that the next small message would join, for a run of them to be written
    /// there; says how many octets it takes before it has to grow, or is full. [`Common::put_back`] is to follow before
    /// anything else is done with the stream. `None` where those are less than `octets`.
    pub(crate) fn set_aside<T>(&mut self, stream: &mut Stream<T>, octets: usize) -> Option<(Vec<u8>, usize)> {
        stream.outbox.take_last(&mut self.pool, octets)
    }

    /// Brings back what [`Common::set_aside`] took out, with `added` octets more.
    pub(crate) fn put_back<T>(&mut self, stream: &mut Stream<T>, buffer: Vec<u8>, added: usize) {
        stream.outbox.put_last(&mut self.pool, buffer, added);
        self.queue_grew(added);
    }

    /// As [`Connection::send_shared`](super::Connection::send_shared).
    pub(crate) fn send_shared<T>(&mut self, stream: &mut Stream<T>, octets: Bytes) {
        if octets.len() < SHARE_FROM {
            return self.send(stream, |buffer| buffer.extend_from_slice(&octets));
        }
        if stream.send != Send::Ended {
            self.queue_grew(octets.len());
            stream.outbox.push_shared(&mut self.pool, octets, 0);
            self.schedule(stream);
        }
    }

    /// Queues a buffer of the pool, which goes back there once its octets have left.
    pub(crate) fn send_buffer<T>(&mut self, stream: &mut Stream<T>, buffer: Vec<u8>) {
        if stream.send == Send::Ended {
            return self.pool.give_buffer(buffer);
        }
        self.queue_grew(buffer.len());
        stream.outbox.push_buffer(&mut self.pool, buffer);
        self.schedule(stream);
    }

    /// As [`Connection::consumed`](super::Connection::consumed).
    #[inline]
    pub(crate) fn consumed<T>(&mut self, stream: &mut Stream<T>, octets: u32) {
        self.consumed_late(octets);
        // H-113: no credit for a stream that will carry no more DATA.
        if stream.receive == Receive::Ended {
            return;
        }
        stream.receive_window.owe(octets);
        if stream.receive_window.owed() >= self.credit_from {
            self.owe(stream);
        }
    }

    /// As [`Connection::consumed_late`](super::Connection::consumed_late).
    #[inline]
    pub(crate) fn consumed_late(&mut self, octets: u32) {
        self.correct_credit(octets, 0);
    }

    /// The connection's window was given `is` octets for some that are held, and is to have been given `should`.
    #[inline]
    pub(crate) fn correct_credit(&mut self, should: u32, is: u32) {
        self.receive_window.correct(should, is);
        self.quiet &= self.receive_window.owed() < i64::from(self.credit_threshold);
    }

    /// What the peer has been told that it may still send on the connection, in octets.
    pub(crate) fn announced_window(&self) -> i64 {
        self.receive_window.available()
    }

    /// As [`Connection::withhold`](super::Connection::withhold).
    #[inline]
    pub(crate) fn withhold(&mut self, octets: u32) {
        self.receive_window.withhold(octets);
    }

    /// The layer above wants to be reminded of the stream.
    #[inline(always)]
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

    /// It does not want that any more.
    #[inline(always)]
    pub(crate) fn clear_notice<T>(&mut self, stream: &mut Stream<T>) {
        self.lines.clear_notice(stream);
    }

    /// As [`Common::clear_notice`], of the stream that is the first of those noticed.
    #[inline(always)]
    pub(crate) fn clear_first_notice<T>(&mut self, stream: &mut Stream<T>) {
        self.lines.clear_first_notice(stream);
    }

    /// Whether it is the end that opens streams.
    #[inline]
    pub(crate) fn is_client(&self) -> bool {
        self.side == Side::Client
    }

    /// Octets queued on all streams.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// The stream closes: what it still had to say goes, and it stands in no line but that of notices.
    #[inline]
    pub(super) fn leave_wire<T>(&mut self, stream: &mut Stream<T>) {
        stream.close();
        self.drop_queue(stream);
        self.lines.forgive(stream);
        self.lines.leave(stream);
    }

    /// Drops what is queued on the stream.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was queued")]
    pub(super) fn drop_queue<T>(&mut self, stream: &mut Stream<T>) {
        self.queued -= stream.outbox.len();
        stream.outbox.clear(&mut self.pool);
    }
}
