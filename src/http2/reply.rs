//! The reply to a unary call in one piece: the head that most have, one message, and the trailers that say OK.
//!
//! Three frames that follow each other mean what they mean one by one, and cost a good deal less: their stream is looked
//! up once, and ends. Whatever is not as it mostly is goes the ordinary way, which the tests hold this one to.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::connection::{Connection, CurrentBlock};
use super::input::Input;
use super::queue::SHARE_FROM;
use super::slots::StreamKey;
use super::stream::{Ending, Receive, Send, UNWATCHED};
use crate::buffer::WriteBuf;
use crate::frame::{Flags, HEAD_LEN, Head, Kind, MAX_PADDING, StreamId};
use crate::time::Instant;
use core::num::NonZeroU32;

/// The flags of trailers.
const LAST: Flags = Flags(Flags::END_HEADERS.0 | Flags::END_STREAM.0);

/// A reply that lies whole at the front of the input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'i> {
    pub(crate) key: StreamKey,
    /// Of its one DATA frame.
    pub(crate) payload: &'i [u8],
    /// All its octets.
    len: usize,
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
    /// The reply at the front of the input, if it is in the octets that most have but for its message, whose blocks have
    /// these [numbers](Self::block_number), is within its windows, and is all that its stream expects. Nothing is done yet.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "windows are 32 bits in 64; in memory, one behind the other")]
    pub(crate) fn whole_reply<'i>(
        &self,
        input: &Input<'i>,
        response_number: NonZeroU32,
        trailers_number: NonZeroU32,
    ) -> Option<Reply<'i>> {
        let all = input.as_slice();
        let (id, response, rest) = frame(all, Kind::HEADERS, Flags::END_HEADERS)?;
        let (data_id, payload, rest) = frame(rest, Kind::DATA, Flags::NONE)?;
        let (trailers_id, trailers, rest) = frame(rest, Kind::HEADERS, LAST)?;
        let (known, generation) = (self.known.as_deref()?, self.decoder.generation()?);
        let same = known.response.number == response_number.get() && known.trailers.number == trailers_number.get();
        let same = same && known.response.matches(response, generation) && known.trailers.matches(trailers, generation);
        if !same || data_id != id || trailers_id != id || !self.reader.is_at_ease() {
            return None;
        }
        let stream = self.slots.at(self.ids.get(id.get(), |slot| self.slots.id(slot))?)?;
        let window = stream.receive_window.available().min(self.common.receive_window.available());
        let expected = matches!(stream.receive, Receive::Head { .. }) && stream.send == Send::Ended;
        let octets = payload.len().min(self.config.max_frame_size as usize);
        let fits = octets == payload.len() && window >= octets as i64 + i64::from(MAX_PADDING);
        let len = all.len() - rest.len();
        (expected && fits).then_some(Reply { key: stream.key, payload, len })
    }

    /// Takes that reply from the input; its stream closes. The head is [held](Self::hold_response) for it.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame; one for a stream")]
    pub(crate) fn take_reply(&mut self, input: &mut Input<'_>, reply: Reply<'_>) {
        input.take(reply.len);
        self.counters.frames_received += 3;
        if let Some(known) = self.known.as_deref_mut() {
            known.response.hit();
            known.trailers.hit();
            known.held += 1;
        }
        self.current_block = CurrentBlock::Trailers;
        let octets = reply.payload.len() as u32;
        self.common.receive_window.spend(octets);
        self.data_arrived(octets);
        self.close_cleanly(reply.key);
    }

    /// Adds the whole reply of a stream that has said all it will: the usual head, what is queued as one DATA frame, and
    /// the usual trailers. It is what [`transmit_turn`](Self::transmit_turn) and its answers come to, and the stream closes;
    /// `false`, with nothing done, where anything would come in between, or is not as usual.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory, counted when it was queued")]
    pub(crate) fn send_whole_reply(&mut self, now: Instant, key: StreamKey, output: &mut WriteBuf) -> bool {
        let (Some(known), Some(generation)) = (self.known.as_deref(), self.encoder.generation()) else { return false };
        let (Some(response), Some(trailers)) =
            (known.sent_response.octets(generation), known.sent_trailers.octets(generation))
        else {
            return false;
        };
        let Some(stream) = self.slots.get_mut(key) else { return false };
        let queued = stream.outbox.len();
        let window = stream.send_window.available().min(self.send_window.available());
        let most = window.min(self.peer.max_frame_size.min(self.config.max_send_frame_size) as usize);
        let expected = stream.send == Send::Head
            && stream.receive == Receive::Ended
            && stream.ending == Ending::Trailers
            && stream.watch == UNWATCHED;
        // Where the target is met on the way, the rest waits for the next transmit.
        let ends_at = output.len() + 2 * HEAD_LEN + response.len() + queued;
        let Some((front, _)) = stream.outbox.front() else { return false };
        if !expected || front.len() != queued || queued > most.min(SHARE_FROM - 1) || ends_at >= output.target() {
            return false;
        }
        let id = stream.id;
        output.with_vec(|out| {
            let mut put = |kind, flags, payload: &[u8]| {
                out.extend_from_slice(&Head { length: payload.len() as u32, kind, flags, stream: id }.encode());
                out.extend_from_slice(payload);
            };
            put(Kind::HEADERS, Flags::END_HEADERS, response);
            put(Kind::DATA, Flags::NONE, front);
            put(Kind::HEADERS, LAST, trailers);
        });
        stream.head_wanted = false;
        self.updates_due = self.updates_due.saturating_add(2);
        self.send_window.spend(queued);
        self.stalls.progress(now);
        self.close_cleanly(key);
        true
    }
}
