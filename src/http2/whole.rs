//! Unary calls in one piece: a request is HEADERS and one DATA frame; a reply the head that most have, one DATA frame, and
//! the trailers that say OK.
//!
//! Frames that follow each other mean what they mean one by one, and cost a good deal less: their stream is looked up
//! once. Whatever is not as it mostly is goes the ordinary way, which the tests hold this one to.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::closed::Closed;
use super::common::Common;
use super::connection::Connection;
use super::input::Input;
use super::known;
use super::lines::Place;
use super::queue::SHARE_FROM;
use super::slots::StreamKey;
use super::stream::{Ending, Receive, Send, Stream, UNWATCHED};
use super::transmit::put_block;
use crate::buffer::WriteBuf;
use crate::frame::{Flags, HEAD_LEN, Head, Kind, MAX_PADDING, StreamId};
use crate::hpack::FieldBlock;
use crate::time::Instant;
use alloc::boxed::Box;
use core::num::NonZeroU32;

/// The flags of trailers.
const LAST: Flags = Flags(Flags::END_HEADERS.0 | Flags::END_STREAM.0);

/// What was written of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    Head,
    /// All of it: our half has ended.
    All,
}

/// A request's one DATA frame, where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body<'i> {
    pub(crate) payload: &'i [u8],
    rest: &'i [u8],
}

/// A whole reply, where it lies, and where its stream is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'i> {
    pub(crate) payload: &'i [u8],
    rest: &'i [u8],
    id: StreamId,
    place: usize,
    slot: u32,
}

/// The frame at the front of the octets, if it is whole and of this kind, with no other flags than these: its stream, its
/// payload, and what follows.
#[inline(always)]
fn frame(octets: &[u8], kind: Kind, flags: Flags) -> Option<(StreamId, &[u8], &[u8])> {
    let (head, rest) = octets.split_first_chunk::<HEAD_LEN>()?;
    let head = Head::parse(head);
    if head.kind != kind || head.flags != flags {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(head.length as usize)?;
    Some((head.stream, payload, rest))
}

impl<T: Default> Connection<T> {
    /// The stream whose turn to start has come, where no other has its turn before: [`send_request`](Self::send_request)
    /// goes on with it. To be asked where the connection is not [`is_held_up`](Self::is_held_up), or behind a turn of
    /// [`transmit_turn`](Self::transmit_turn), which leaves nobody who may start.
    #[inline]
    pub(crate) fn next_to_start(&mut self, output: &WriteBuf) -> Option<StreamKey> {
        let mine = self.waiting_streams() > 0 && self.may_start() && !output.is_full();
        if !mine || !self.common.lines.is_empty(Place::Ready) {
            return None;
        }
        self.common.lines.first(Place::Waiting, &self.slots)
    }

    /// Adds the HEADERS of a client's stream, as [`Transmit::Head`](super::Transmit::Head) asked for, with the list that
    /// `prepare` takes out of the layer above's state; and all that is queued with END_STREAM, where that is one small DATA
    /// frame which neither the windows nor the output's target keep back. `None` where there is no list.
    #[inline]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "ids end at three quarters of 31 bits; lengths of what is in memory"
    )]
    pub(crate) fn send_request(
        &mut self,
        now: Instant,
        key: StreamKey,
        output: &mut WriteBuf,
        prepare: impl FnOnce(&mut T) -> Option<Box<FieldBlock>>,
    ) -> Option<Written> {
        let most = self.most_data();
        let stream = self.slots.get_mut(key).filter(|stream| matches!(stream.send, Send::Waiting | Send::Head))?;
        let block = prepare(&mut stream.upper)?;
        let id = self.next_id;
        stream.id = id;
        let payload = small_payload(stream, most).filter(|_| stream.ending == Ending::Data);
        let end = stream.ending == Ending::Data && stream.outbox.is_empty();
        let room = output.target().saturating_sub(output.len());
        let (encoder, max_frame_size) = (&mut self.encoder, self.peer.max_frame_size);
        let sent = output.with_vec(|out| {
            let start = out.len();
            put_block(id, end, max_frame_size, out, |out| encoder.encode_block(&block, out));
            let payload = payload.filter(|_| out.len() - start < room)?;
            let head = Head { length: payload.len() as u32, kind: Kind::DATA, flags: Flags::END_STREAM, stream: id };
            out.extend_from_slice(&head.encode());
            out.extend_from_slice(payload);
            Some(payload.len())
        });
        self.common.pool.give_block(block);
        let written = if let Some(octets) = sent {
            // It is not to be given a turn: it has had it.
            if stream.send == Send::Waiting {
                self.active += 1;
                self.common.lines.leave_first(Place::Waiting, stream);
            } else {
                self.common.lines.leave_first(Place::Ready, stream);
            }
            stream.send = Send::Ended;
            self.common.drop_queue(stream);
            self.data_left(now, octets);
            Written::All
        } else {
            self.head_left(key, end)
        };
        self.id_taken();
        self.ids.insert(id.get(), key.index() as u32, |slot| self.slots.id(slot));
        Some(written)
    }

    /// The HEADERS of a client's stream left, and more is to follow, if they were not the `end`.
    fn head_left(&mut self, key: StreamKey, end: bool) -> Written {
        // Whoever waited behind it has its turn before the second one of this.
        self.start_waiting();
        let Some(stream) = self.slots.get_mut(key) else { return Written::All };
        stream.send = if end { Send::Ended } else { Send::Body };
        if end {
            self.common.lines.leave(stream);
            return Written::All;
        }
        Written::Head
    }

    /// The most octets that the connection lets one DATA frame have.
    #[inline]
    fn most_data(&self) -> usize {
        let frame = self.peer.max_frame_size.min(self.config.max_send_frame_size) as usize;
        self.send_window.available().min(frame)
    }

    /// One DATA frame left.
    #[inline]
    fn data_left(&mut self, now: Instant, octets: usize) {
        self.updates_due = self.updates_due.saturating_add(2);
        self.send_window.spend(octets);
        self.stalls.progress(now);
    }

    /// The longest frame that is taken, in octets.
    #[inline]
    pub(crate) fn max_frame_size(&self) -> u32 {
        self.config.max_frame_size
    }

    /// Takes the frame that [`find_body`] found in the input.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(crate) fn take_body<'i>(&mut self, body: &Body<'i>, input: &mut Input<'i>) {
        debug_assert!(self.reader.is_at_ease(), "a block has just ended");
        self.counters.frames_received += 1;
        self.data_came(input, body.rest, body.payload);
    }

    /// The whole reply at the front of the input, if it is in the octets that most have but for its message, whose blocks
    /// have these [numbers](Self::block_number), is well within its windows, and is all that its stream expects.
    #[inline(always)]
    pub(crate) fn find_reply<'i>(
        &mut self,
        input: &Input<'i>,
        [response_number, trailers_number]: [NonZeroU32; 2],
    ) -> Option<Reply<'i>> {
        let (id, response, rest) = frame(input.as_slice(), Kind::HEADERS, Flags::END_HEADERS)?;
        let (data_id, payload, rest) = frame(rest, Kind::DATA, Flags::NONE)?;
        let (trailers_id, trailers, rest) = frame(rest, Kind::HEADERS, LAST)?;
        if data_id != id || trailers_id != id || !self.reader.is_at_ease() {
            return None;
        }
        let (known, generation) = (self.known.as_deref_mut()?, self.decoder.generation()?);
        let same = known.response.number == response_number.get()
            && known.trailers.number == trailers_number.get()
            && known.response.recall(response, generation)
            && known.trailers.recall(trailers, generation);
        if !same {
            return None;
        }
        let (place, slot) = self.ids.locate(id.get(), |slot| self.slots.id(slot))?;
        let stream = self.slots.at(slot)?;
        let expected = matches!(stream.receive, Receive::Head { .. }) && stream.send == Send::Ended;
        // It has said all, so it waits for nothing, and owes nothing for what it has not received.
        let is_quiet = stream.place == Place::Out && !stream.owes && stream.outbox.is_empty();
        if !expected || !is_quiet || !fits(stream, &self.common, payload, self.config.max_frame_size) {
            return None;
        }
        Some(Reply { id, place, slot, payload, rest })
    }

    /// The stream that the reply belongs to, as long as that is not [taken](Self::take_reply).
    #[inline(always)]
    pub(crate) fn at_reply(&mut self, reply: &Reply<'_>) -> Option<(&mut Stream<T>, &mut Common)> {
        self.slots.at_mut(reply.slot).map(|stream| (stream, &mut self.common))
    }

    /// Takes the reply from the input in which it was found, once its stream [has](Stream::take_reply); the head is
    /// [held](Self::hold_response) for that.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(crate) fn take_reply<'i>(&mut self, reply: &Reply<'i>, input: &mut Input<'i>) {
        let id = reply.id;
        self.hold_response();
        self.ids.remove_at(reply.place, id.get(), |slot| self.slots.id(slot));
        self.counters.frames_received += 3;
        self.data_came(input, reply.rest, reply.payload);
        self.closed_cleanly(id);
    }

    /// A stream whose halves have both ended is off the wire, and out of the map.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it began")]
    fn closed_cleanly(&mut self, id: StreamId) {
        self.active -= 1;
        self.resets.refund();
        self.remember(id, Closed::Ended);
    }

    /// DATA is taken from the input, of which the `rest` is left.
    #[inline(always)]
    fn data_came<'i>(&mut self, input: &mut Input<'i>, rest: &'i [u8], payload: &[u8]) {
        input.skip_to(rest);
        let octets = payload.len() as u32;
        self.common.receive_window.spend(octets);
        self.data_arrived(octets);
    }

    /// Adds the whole reply of the stream whose turn has come, if it has said all it will: the usual head, what is queued as
    /// one DATA frame, and the usual trailers. It is what [`transmit_turn`](Self::transmit_turn) and its answers come to, and
    /// the stream closes and is [forgotten](Self::forget_bare). `false`, with nothing done, where anything would come in
    /// between, is not as usual, or is owned by the layer above's state, which `is_usual` says. To be asked where the
    /// connection is not [`is_held_up`](Self::is_held_up).
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(crate) fn send_reply(
        &mut self,
        now: Instant,
        output: &mut WriteBuf,
        is_usual: impl FnOnce(&T) -> bool,
    ) -> bool {
        let Some((key, turn)) = self.common.lines.front_of_ready() else { return false };
        let most = self.most_data();
        let (Some(known), Some(generation)) = (self.known.as_deref(), self.encoder.generation()) else { return false };
        let (Some(response), Some(trailers)) =
            (known.sent_response.octets(generation), known.sent_trailers.octets(generation))
        else {
            return false;
        };
        let (common, mut sent) = (&mut self.common, (StreamId::ZERO, 0));
        let written = self.slots.discard_if(key, |stream| {
            let Some(payload) = small_payload(stream, most) else { return false };
            let expected = (stream.place, stream.turn) == (Place::Ready, turn)
                && stream.head_wanted
                && stream.send == Send::Head
                && stream.receive == Receive::Ended
                && stream.ending == Ending::Trailers;
            // Where the target is met on the way, the rest waits for the next transmit.
            let octets = payload.len();
            let ends_at = output.len() + 2 * HEAD_LEN + response.len() + octets;
            if !expected || ends_at >= output.target() || !is_usual(&stream.upper) {
                return false;
            }
            let id = stream.id;
            let head = |length, kind, flags| Head { length: length as u32, kind, flags, stream: id }.encode();
            output.with_vec(|out| {
                out.reserve(3 * HEAD_LEN + 2 * known::MAX_LEN + octets);
                out.extend_from_slice(&head(response.len(), Kind::HEADERS, Flags::END_HEADERS));
                response.put(out);
                out.extend_from_slice(&head(octets, Kind::DATA, Flags::NONE));
                out.extend_from_slice(payload);
                out.extend_from_slice(&head(trailers.len(), Kind::HEADERS, LAST));
                trailers.put(out);
            });
            sent = (id, octets);
            common.lines.leave_first(Place::Ready, stream);
            common.drop_queue(stream);
            common.lines.clear_notice(stream);
            stream.renew_bare();
            true
        });
        if written {
            let (id, octets) = sent;
            self.data_left(now, octets);
            self.ids.remove(id.get(), key.index() as u32, |slot| self.slots.id(slot));
            self.closed_cleanly(id);
        }
        written
    }
}

/// The one DATA frame that a request goes on with, if it lies at the front of the input, ends the stream, and is well within
/// the windows and `max_frame_size`. To be asked right behind the HEADERS that opened the stream, where any frame may come;
/// [`Connection::take_body`] and [`Stream::take_body`] are to follow if it is taken.
#[inline(always)]
pub(crate) fn find_body<'i, T>(
    stream: &Stream<T>,
    common: &Common,
    input: &Input<'i>,
    max_frame_size: u32,
) -> Option<Body<'i>> {
    let (id, payload, rest) = frame(input.as_slice(), Kind::DATA, Flags::END_STREAM)?;
    let expected = id == stream.id && stream.receive == Receive::Body && stream.content_left.is_none();
    if !expected || !fits(stream, common, payload, max_frame_size) {
        return None;
    }
    Some(Body { payload, rest })
}

/// Whether DATA is so far within its windows that nothing has to be announced, or lent, for what may follow.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "24 bits in 64")]
fn fits<T>(stream: &Stream<T>, common: &Common, payload: &[u8], max_frame_size: u32) -> bool {
    let window = stream.receive_window.available().min(common.receive_window.available());
    payload.len() <= max_frame_size as usize && window >= payload.len() as i64 + i64::from(MAX_PADDING)
}

/// All that is queued on a stream, if that is one small DATA frame, within its window, that nobody waits to see leave.
#[inline]
fn small_payload<T>(stream: &Stream<T>, most: usize) -> Option<&[u8]> {
    let (payload, _) = stream.outbox.front()?;
    let most = most.min(stream.send_window.available()).min(SHARE_FROM - 1);
    let whole = payload.len() == stream.outbox.len() && payload.len() <= most && stream.watch == UNWATCHED;
    whole.then_some(payload)
}
