//! Transmitting: control frames first, then the streams in turn (RFC 9113 §5.2, H-097, G-196).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::config::Side;
use super::connection::{Connection, Exhaustion};
use super::lines::Place;
use super::outgoing::{HTTP1_REFUSAL, KEEPALIVE_PING, OurSettings, SHUTDOWN_PING};
use super::queue::SHARE_FROM;
use super::slots::StreamKey;
use super::step::Transmit;
use super::stream::{Ending, Receive, Send, UNWATCHED};
use crate::buffer::WriteBuf;
use crate::buffer::chunks::Queue;
use crate::buffer::pool::Pool;
use crate::frame::{
    DEFAULT_WINDOW, Flags, GoAway, HEAD_LEN, Head, Kind, PREFACE, Ping, RstStream, Settings, StreamId, WindowUpdate,
};
use crate::hpack::{Encoder, Field, FieldBlock};
use crate::time::Instant;
use alloc::vec::Vec;

/// Where a reader cannot go on, credit is announced from here on, in octets.
const WORTHWHILE_CREDIT: u32 = 1024;

impl<T: Default> Connection<T> {
    /// Whether [`transmit_step`](Self::transmit_step) has something to say.
    #[inline]
    pub fn wants_transmit(&self) -> bool {
        self.has_turns() || self.has_replies()
    }

    /// Whether [`transmit_replies`](Self::transmit_replies) has.
    #[inline]
    pub(crate) fn has_replies(&self) -> bool {
        self.may_reply() && self.does_reply()
    }

    /// The same at first sight, which mostly answers it.
    #[inline]
    fn may_reply(&self) -> bool {
        self.control.is_pending() || !self.is_at_ease() || self.common.lines.is_any_owing()
    }

    #[inline(never)]
    fn does_reply(&self) -> bool {
        let any = self.control.is_pending() || self.owes_credit() || self.common.lines.is_any_owing();
        any && (!self.ended || self.control.has_frames())
    }

    #[inline]
    pub(crate) fn has_turns(&self) -> bool {
        !self.ended && (self.has_usual_turns() || self.may_unblock())
    }

    /// The same of a connection that is [quiet](Self::is_quiet).
    #[inline]
    pub(crate) fn has_usual_turns(&self) -> bool {
        !self.common.lines.is_empty(Place::Ready) || (self.waiting_streams() > 0 && self.may_start())
    }

    /// Whether so much is queued that stalled streams are watched together (T-45).
    #[inline]
    fn is_crowded(&self) -> bool {
        self.common.queued > self.config.crowded_queue as usize || self.stalls.is_crowded()
    }

    /// Adds frames to `output` until its target is met, nothing is left to say, or a header block is needed, which
    /// [`send_head`](Self::send_head) or [`send_trailers`](Self::send_trailers) then adds. Call it until it returns
    /// [`Transmit::Done`].
    ///
    /// A stream's turn is its HEADERS, at most one DATA, and its end if it has drained; turns go round.
    pub fn transmit_step(&mut self, now: Instant, output: &mut WriteBuf) -> Transmit {
        if self.goes_before_turns() {
            self.transmit_replies(now, output);
        }
        let before = output.len();
        let turn = self.transmit_turn(now, None, output);
        self.spoke(output.len() > before);
        turn
    }

    /// Whether anything may go before the streams' turns.
    #[inline]
    pub(crate) fn goes_before_turns(&self) -> bool {
        self.may_reply() || self.is_crowded()
    }

    /// What goes before any stream's turn: the first half of [`transmit_step`](Self::transmit_step). It has nothing to
    /// do again until something was received, read, reset or let go.
    #[inline(never)]
    pub(crate) fn transmit_replies(&mut self, now: Instant, output: &mut WriteBuf) {
        if self.ended {
            // RFC 9113 §3.4: the preface goes before everything, also before an early end.
            if self.control.has_frames() {
                self.write_replies(now, output);
            }
            return;
        }
        if self.control.is_pending() {
            self.write_replies(now, output);
        }
        if self.is_crowded() {
            self.watch_crowd(now);
        }
        self.write_credit(output);
    }

    /// The second half: the turns of the streams. The turn of the one `inside` it goes on: its HEADERS were just added.
    #[inline]
    pub(crate) fn transmit_turn(
        &mut self,
        now: Instant,
        mut inside: Option<StreamKey>,
        output: &mut WriteBuf,
    ) -> Transmit {
        if self.ended {
            return Transmit::Done;
        }
        loop {
            let key = match inside.take() {
                Some(key) if !output.is_full() => key,
                _ => {
                    self.start_waiting();
                    if output.is_full() {
                        return Transmit::Done;
                    }
                    self.unblock();
                    let Some(key) = self.common.lines.first(Place::Ready, &self.slots) else { return Transmit::Done };
                    key
                }
            };
            let Some(stream) = self.slots.get_mut(key) else { continue };
            match (stream.send, stream.ending) {
                (Send::Head, _) if self.common.side == Side::Client || stream.head_wanted => {
                    return Transmit::Head(key);
                }
                (Send::Body, _) if stream.head_wanted => return Transmit::Head(key),
                (Send::Body, _) if !stream.outbox.is_empty() => {
                    if self.data_turn(now, key, output) {
                        return Transmit::Drained(key);
                    }
                    inside = self.slots.get(key).filter(|stream| stream.outbox.is_empty()).map(|_| key);
                }
                (Send::Body, Ending::Trailers) => return Transmit::Trailers(key),
                (Send::Body, Ending::Data) => {
                    self.write_data(key, 0, output);
                }
                _ => self.common.lines.leave(stream),
            }
        }
    }

    /// Adds a stream's first HEADERS, as [`Transmit::Head`] asked for; a client's stream gets its id here. END_STREAM
    /// goes with them where `end` says so (Trailers-Only, and what is queued is dropped), or where [`end`](Self::end)
    /// was called and nothing is queued.
    pub fn send_head<'f>(
        &mut self,
        key: StreamKey,
        fields: impl IntoIterator<Item = Field<'f>>,
        end: bool,
        output: &mut WriteBuf,
    ) {
        self.spoke(true);
        self.send_head_with(key, end, output, |encoder, out| encoder.encode(fields, out));
    }

    /// As [`send_head`](Self::send_head), for the list that all responses have that say nothing unusual.
    pub(crate) fn send_usual_head(&mut self, key: StreamKey, block: &FieldBlock, output: &mut WriteBuf) {
        let mut sent = self.known.get_or_insert_default().sent_response;
        self.send_head_with(key, false, output, |encoder, out| {
            sent.write(encoder, out, |encoder, out| encoder.encode_block(block, out));
        });
        self.known.get_or_insert_default().sent_response = sent;
    }

    fn send_head_with(
        &mut self,
        key: StreamKey,
        end: bool,
        output: &mut WriteBuf,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>),
    ) {
        let Some(stream) = self.slots.get_mut(key) else { return };
        let wanted = core::mem::take(&mut stream.head_wanted);
        // H-033: a second HEADERS only where `begin` asked for it, and none after END_STREAM.
        if stream.send != Send::Head && !(stream.send == Send::Body && wanted) {
            return;
        }
        if stream.id.is_zero() {
            let id = self.next_id;
            stream.id = id;
            self.id_taken();
            self.ids.insert(id.get(), key.index() as u32, |slot| self.slots.id(slot));
        }
        let Some(stream) = self.slots.get_mut(key) else { return };
        let end = end || (stream.ending == Ending::Data && stream.outbox.is_empty());
        stream.send = Send::Body;
        write_block(stream.id, end, self.peer.max_frame_size, output, |out| encode(&mut self.encoder, out));
        if end {
            // Nothing can follow: what was queued before the caller decided to end here is dropped.
            self.common.drop_queue(stream);
            self.sent_end(key);
        } else {
            self.common.schedule(stream);
        }
    }

    /// Adds a stream's trailers, as [`Transmit::Trailers`] asked for; they end our half.
    pub fn send_trailers<'f>(
        &mut self,
        key: StreamKey,
        fields: impl IntoIterator<Item = Field<'f>>,
        output: &mut WriteBuf,
    ) {
        self.spoke(true);
        self.send_trailers_with(key, output, |encoder, out| encoder.encode(fields, out));
    }

    /// As [`send_trailers`](Self::send_trailers), for the ones that nearly all responses have.
    pub(crate) fn send_usual_trailers(&mut self, key: StreamKey, field: Field<'_>, output: &mut WriteBuf) {
        let mut sent = self.known.get_or_insert_default().sent_trailers;
        self.send_trailers_with(key, output, |encoder, out| {
            sent.write(encoder, out, |encoder, out| encoder.encode([field], out));
        });
        self.known.get_or_insert_default().sent_trailers = sent;
    }

    fn send_trailers_with(
        &mut self,
        key: StreamKey,
        output: &mut WriteBuf,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>),
    ) {
        let Some(stream) = self.slots.get(key) else { return };
        if stream.send == Send::Body && stream.outbox.is_empty() {
            let encoder = &mut self.encoder;
            write_block(stream.id, true, self.peer.max_frame_size, output, |out| encode(encoder, out));
            self.sent_end(key);
        }
    }

    /// We sent END_STREAM.
    fn sent_end(&mut self, key: StreamKey) {
        let Some(stream) = self.slots.get_mut(key) else { return };
        if stream.receive == Receive::Ended {
            return self.close_cleanly(key);
        }
        self.common.lines.leave(stream);
        stream.send = Send::Ended;
    }

    /// Ids are not asked for: a quarter of their space is kept for streams that were opened before `open` refused, so
    /// none of them waits for ever (L-27).
    pub(super) fn may_start(&self) -> bool {
        self.free_places() > 0
    }

    /// Streams that waited for the peer's limit join the turns, in order (G-163).
    #[expect(clippy::arithmetic_side_effects, reason = "below the limit of streams")]
    pub(super) fn start_waiting(&mut self) {
        while self.waiting_streams() > 0 && self.may_start() {
            let Some(key) = self.common.lines.first(Place::Waiting, &self.slots) else { return };
            self.active += 1;
            if let Some(stream) = self.slots.get_mut(key) {
                stream.send = Send::Head;
                self.common.lines.leave(stream);
                self.common.lines.join(Place::Ready, stream);
            }
        }
    }

    /// The stream leaves its line, and joins another one.
    pub(super) fn move_to(&mut self, place: Place, key: StreamKey) {
        if let Some(stream) = self.slots.get_mut(key) {
            self.common.lines.leave(stream);
            self.common.lines.join(place, stream);
        }
    }

    pub(super) fn may_unblock(&self) -> bool {
        !self.common.lines.is_empty(Place::Blocked) && self.send_window.available() >= self.stalls.unblock_from.max(1)
    }

    /// One stream for each turn while the connection's window lasts: were it all of them, a peer that grants an octet
    /// at a time could make every stream move each time (T-17).
    fn unblock(&mut self) {
        if self.may_unblock()
            && let Some(key) = self.common.lines.first(Place::Blocked, &self.slots)
        {
            self.stalls.unblock_from = 1;
            self.move_to(Place::Ready, key);
        }
    }

    /// One DATA frame of a stream that has octets queued, if the windows let it; then the next stream's turn. Says
    /// whether the queue has drained to its mark.
    fn data_turn(&mut self, now: Instant, key: StreamKey, output: &mut WriteBuf) -> bool {
        let Some(stream) = self.slots.get_mut(key) else { return false };
        let stream_window = stream.send_window.available();
        let connection_window = self.send_window.available();
        let window = stream_window.min(connection_window);
        if window == 0 {
            self.common.lines.leave(stream);
            if stream_window > 0 {
                self.common.lines.join(Place::Blocked, stream);
            }
            self.stalled(now, key);
            return false;
        }
        let queued = stream.outbox.len();
        if window < queued && window < self.worthwhile() && self.hold(now, key, stream_window <= connection_window) {
            return false;
        }
        let frame = self.peer.max_frame_size.min(self.config.max_send_frame_size) as usize;
        self.stalls.progress(now);
        self.write_data(key, queued.min(window).min(frame), output)
    }

    /// Writes a DATA frame with the next `octets` of the outbox; END_STREAM goes with the last of them. The stream's
    /// next turn, if it has more to send, comes after those of all others. Says whether the queue has drained to its
    /// mark.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was queued")]
    fn write_data(&mut self, key: StreamKey, octets: usize, output: &mut WriteBuf) -> bool {
        let Some(stream) = self.slots.get_mut(key) else { return false };
        let end = stream.ending == Ending::Data && stream.outbox.len() == octets;
        let flags = if end { Flags::END_STREAM } else { Flags::NONE };
        let head = Head { length: octets as u32, kind: Kind::DATA, flags, stream: stream.id };
        // One for the stream and one for the connection.
        self.updates_due = self.updates_due.saturating_add(2);
        stream.send_window.spend(octets);
        stream.stalled_since = Instant::MAX;
        self.send_window.spend(octets);
        self.common.queued -= octets;
        put_data(&head, &mut stream.outbox, &mut self.common.pool, output);
        let left = stream.outbox.len();
        let drained = stream.watch != UNWATCHED && left <= stream.watch as usize;
        if drained {
            stream.watch = UNWATCHED;
        }
        if end {
            self.sent_end(key);
        } else if left > 0 {
            self.common.lines.leave(stream);
            self.common.lines.join(Place::Ready, stream);
        }
        drained
    }

    /// Whether nobody waits for credit, and little is owed.
    #[inline]
    fn is_at_ease(&self) -> bool {
        let window = &self.common.receive_window;
        let flows = self.control.awaited == 0 && window.available() > 0;
        flows && window.owed() < i64::from(self.common.credit_threshold)
    }

    #[inline]
    fn owes_credit(&self) -> bool {
        !self.is_at_ease() && self.owes_credit_now()
    }

    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    fn owes_credit_now(&self) -> bool {
        let (increment, available) =
            (self.common.receive_window.announceable(), self.common.receive_window.available());
        let awaited = self.control.awaited;
        if increment == 0 || (awaited == 0 && available > 0) {
            return increment >= self.common.credit_threshold;
        }
        // Somebody cannot go on without it. Where unread messages hold nearly the whole window, what is left is not
        // dealt out octet by octet: the peer would spend a round trip on each (RFC 1122 §4.2.3.3, RFC 9113 §6.9).
        let completes = awaited > 0 && available + i64::from(increment) >= awaited;
        completes || increment >= self.common.credit_threshold.min(WORTHWHILE_CREDIT)
    }

    /// Octets of a stream that may be consumed before anybody could tell: so many owe the peer no announcement that it was
    /// not owed before.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    pub(crate) fn credit_slack(&self, key: StreamKey) -> u32 {
        let Some(stream) = self.slots.get(key) else { return 0 };
        let below = |from: i64, owed: i64| (from - 1 - owed).clamp(0, i64::from(u32::MAX)) as u32;
        let own = if stream.owes || stream.receive == Receive::Ended {
            u32::MAX
        } else {
            below(self.common.credit_from, stream.receive_window.owed())
        };
        let window = &self.common.receive_window;
        let all = if self.owes_credit() {
            u32::MAX
        } else if self.control.awaited == 0 && window.available() > 0 {
            below(i64::from(self.common.credit_threshold), window.owed())
        } else {
            0
        };
        own.min(all)
    }

    #[expect(clippy::arithmetic_side_effects, reason = "one of those that were counted; 64 bits, and one for a frame")]
    fn write_replies(&mut self, now: Instant, output: &mut WriteBuf) {
        if self.control.goaway.is_some_and(|frame| frame.is_to_http1()) {
            self.control.goaway = None;
            self.control.look_again();
            return output.put_slice(HTTP1_REFUSAL);
        }
        if self.control.settings == OurSettings::Unsent {
            self.write_preface(now, output);
        }
        while self.control.settings_acks > 0 && !output.is_full() {
            self.control.settings_acks -= 1;
            output.with_vec(|out| Settings::ACK.encode(out));
        }
        while !output.is_full() {
            let Some(payload) = self.control.pongs.pop_front() else { break };
            output.with_vec(|out| Ping { ack: true, payload }.encode(out));
        }
        while !output.is_full() {
            let Some((stream, code)) = self.control.resets.pop_front() else { break };
            output.with_vec(|out| RstStream { stream, code }.encode(out));
        }
        self.write_goaway(output);
        let mut ping = |wanted: &mut bool, payload| {
            if core::mem::take(wanted) {
                self.counters.pings_sent += 1;
                output.with_vec(|out| Ping { ack: false, payload }.encode(out));
            }
        };
        ping(&mut self.control.shutdown_ping, SHUTDOWN_PING);
        ping(&mut self.control.keepalive_ping, KEEPALIVE_PING);
        self.control.look_again();
    }

    /// RFC 9113 §3.4: the first octets of either side.
    fn write_preface(&mut self, now: Instant, output: &mut WriteBuf) {
        self.control.settings = OurSettings::Sent;
        self.settings_sent = now;
        self.settings_ack_until = self.config.settings_ack_timeout.and_then(|timeout| now.checked_add(timeout));
        self.wake_by(self.settings_ack_until.unwrap_or(Instant::MAX));
        let config = &self.config;
        let settings = config.settings(self.common.side);
        // RFC 9113 §6.9.2: the connection's window grows by WINDOW_UPDATE only.
        let increment = config.connection_window.saturating_sub(DEFAULT_WINDOW);
        output.with_vec(|out| {
            if self.common.side == Side::Client {
                out.extend_from_slice(PREFACE);
            }
            Settings::encode_from(&settings, out);
            if increment > 0 {
                WindowUpdate { stream: StreamId::ZERO, increment }.encode(out);
            }
        });
    }

    fn write_goaway(&mut self, output: &mut WriteBuf) {
        if let Some(frame) = self.control.goaway.take() {
            let debug_data = frame.debug_data.as_bytes();
            let frame = GoAway { last_stream: frame.last, code: frame.code, debug_data };
            output.with_vec(|out| frame.encode(out));
        }
    }

    fn write_credit(&mut self, output: &mut WriteBuf) {
        if self.owes_credit() {
            self.control.awaited = 0;
            let increment = self.common.receive_window.announce();
            if increment >= self.common.credit_threshold {
                self.exhaustion = Exhaustion::No;
            }
            write_window_update(StreamId::ZERO, increment, output);
        }
        while !output.is_full() {
            let Some(key) = self.common.lines.first_owing(&self.slots) else { return };
            if let Some(stream) = self.slots.get_mut(key) {
                self.common.lines.forgive(stream);
                write_window_update(stream.id, stream.receive_window.announce(), output);
            }
        }
    }
}

/// A DATA frame with so many octets of the queue as its head says.
#[inline]
#[expect(clippy::arithmetic_side_effects, reason = "a part of it")]
fn put_data(head: &Head, queue: &mut Queue, pool: &mut Pool, output: &mut WriteBuf) {
    let mut left = head.length as usize;
    // Mostly all of it lies in one small buffer.
    if let Some((front, _)) = queue.front()
        && let Some(front) = front.get(..left).filter(|front| front.len() < SHARE_FROM)
    {
        output.with_vec(|out| {
            out.extend_from_slice(&head.encode());
            out.extend_from_slice(front);
        });
        return queue.discard(pool, left);
    }
    output.put_slice(&head.encode());
    while left > 0 {
        let Some((front, _)) = queue.front() else { break };
        let piece = front.len().min(left);
        let shared = if piece >= SHARE_FROM { queue.front_shared(piece) } else { None };
        match shared {
            Some(shared) => output.put_shared(shared),
            None => output.put_slice(front.get(..piece).unwrap_or_default()),
        }
        queue.discard(pool, piece);
        if piece == 0
            && let Some(chunk) = queue.advance(pool, 0)
        {
            // A `write` that took octets back left it empty.
            pool.give_chunk(chunk);
        }
        left -= piece;
    }
}

/// H-113: never an increment of 0.
fn write_window_update(stream: StreamId, increment: u32, output: &mut WriteBuf) {
    if increment > 0 {
        output.with_vec(|out| WindowUpdate { stream, increment }.encode(out));
    }
}

/// HEADERS, and CONTINUATION where the block is longer than the peer's frames (G-014, G-038). The block is encoded
/// here, into the output, so that the encoder's table and the wire never disagree (L-25).
fn write_block(
    stream: StreamId,
    end_stream: bool,
    max_frame_size: u32,
    output: &mut WriteBuf,
    encode: impl FnOnce(&mut Vec<u8>),
) {
    output.with_vec(|out| put_block(stream, end_stream, max_frame_size, out, encode));
}

/// As [`write_block`], to a buffer.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
pub(super) fn put_block(
    stream: StreamId,
    end_stream: bool,
    max_frame_size: u32,
    out: &mut Vec<u8>,
    encode: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&[0; HEAD_LEN]);
    encode(out);
    let max = max_frame_size as usize;
    let block = out.len() - start - HEAD_LEN;
    let mut flags = if end_stream { Flags::END_STREAM } else { Flags::NONE };
    if block <= max {
        flags = flags | Flags::END_HEADERS;
    }
    let head = Head { length: block.min(max) as u32, kind: Kind::HEADERS, flags, stream };
    if let Some(place) = out.get_mut(start..start + HEAD_LEN) {
        place.copy_from_slice(&head.encode());
    }
    if block > max {
        put_continuations(stream, max, out, start + HEAD_LEN + max);
    }
}

/// What lies behind a first HEADERS frame becomes CONTINUATION frames.
#[cold]
fn put_continuations(stream: StreamId, max: usize, out: &mut Vec<u8>, from: usize) {
    let rest = out.split_off(from);
    let mut pieces = rest.chunks(max).peekable();
    while let Some(piece) = pieces.next() {
        let flags = if pieces.peek().is_none() { Flags::END_HEADERS } else { Flags::NONE };
        let head = Head { length: piece.len() as u32, kind: Kind::CONTINUATION, flags, stream };
        out.extend_from_slice(&head.encode());
        out.extend_from_slice(piece);
    }
}
