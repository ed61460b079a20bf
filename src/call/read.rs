//! Reading: what comes next, in the order of the wire (L-16).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::client::read_trailers;
use super::engine::{Engine, held_size};
use super::inbox::Payload;
use super::runs::WORTHWHILE;
use super::state::{CallState, End, Head, Stage, Stop};
use crate::grpc::{Code, Retry, Status};
use crate::hpack::FieldBlock;
use crate::http2::{Origin, Side, StreamKey};
use crate::time::Instant;

/// What [`Engine::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    Head,
    Message,
    End,
}

/// An outcome with the trailers it came with, lent.
pub(crate) struct Ended<'a> {
    pub(crate) status: Status,
    pub(crate) origin: Origin,
    pub(crate) unprocessed: bool,
    /// Where it was made here.
    pub(crate) retry: Option<Retry>,
    pub(crate) trailers: &'a FieldBlock,
}

impl Engine {
    /// What the next read of this call would give.
    pub(crate) fn next(&self, key: StreamKey) -> Next {
        self.http2.get(key).map_or(Next::Nothing, |call| call.next(self.side))
    }

    pub(crate) fn is_readable(&self, key: StreamKey) -> bool {
        self.next(key) != Next::Nothing
    }

    /// Whether the peer has ended the call, or its half of it; what it sent before may still be unread.
    pub(crate) fn has_ended(&self, key: StreamKey) -> bool {
        self.http2.get(key).is_none_or(CallState::has_ended)
    }

    pub(crate) fn is_writable(&self, key: StreamKey) -> bool {
        let queued = self.queued(key);
        let limits = &self.settings.limits;
        let room = queued == 0
            || (queued < limits.send_queue_per_call as usize
                && self.queued_in_all() < limits.send_queue_per_connection as usize);
        room && self.check_send(key, false).is_ok()
    }

    pub(crate) fn stopped(&self, key: StreamKey) -> Option<Stop> {
        match self.http2.get(key)?.stage {
            Stage::Stopped(stop) => Some(stop),
            _ => None,
        }
    }

    /// Nothing was read: the application is told when that changes.
    pub(crate) fn arm_read(&mut self, key: StreamKey) {
        if let Some(call) = self.http2.get_mut(key) {
            call.read_armed = true;
        }
    }

    /// Takes the head that [`Next::Head`] announced; it is lent until the next verb.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was held")]
    #[inline]
    pub(crate) fn take_head(&mut self, key: StreamKey) -> (&FieldBlock, Option<Instant>) {
        let Some(call) = self.http2.get_mut(key) else { return (&NO_FIELDS, None) };
        let head = core::mem::replace(&mut call.head, Head::Read);
        let deadline = Some(call.deadline).filter(|deadline| *deadline != Instant::MAX);
        if head == Head::Usual {
            return (self.http2.let_response_go().unwrap_or(&NO_FIELDS), deadline);
        }
        self.lent_block = call.head_block.take();
        self.attention |= self.lent_block.is_some();
        let block = self.lent_block.as_deref().unwrap_or(&NO_FIELDS);
        self.held_headers -= held_size(block);
        (block, deadline)
    }

    /// Takes the message that [`Next::Message`] announced, giving its octets back to the peer's windows. Where `runs` says
    /// so it may begin a run, for the next read to go on with.
    #[inline]
    pub(crate) fn take_message(&mut self, key: StreamKey, runs: bool) -> Option<Payload<'_>> {
        let (stream, common) = self.http2.at(key)?;
        if stream.is_receive_ended()
            && stream.upper.is_plain()
            && let Some(chunk) = stream.upper.inbox.take_only()
        {
            // Nothing more comes: only the connection's window is to be given back.
            let credited = core::mem::take(&mut stream.upper.credited);
            common.correct_credit(chunk.left() as u32, credited);
            self.attention = true;
            return Some(Payload::only(self.lent_chunk.insert(chunk)));
        }
        self.take_next(key, runs)
    }

    /// As [`Engine::take_message`], where more may come or is there.
    fn take_next(&mut self, key: StreamKey, runs: bool) -> Option<Payload<'_>> {
        let (credit, complete, plain) = self.judge(key)?;
        if !plain {
            self.make_room(key);
        }
        let (stream, common) = self.http2.at(key)?;
        if plain {
            common.withhold(core::mem::take(&mut stream.upper.credited));
            common.consumed(stream, credit);
        }
        if runs
            && plain
            && complete >= WORTHWHILE
            && let Some(place) = self.begin_reading(key, credit)
        {
            return Some(self.take_of_run(place));
        }
        let (stream, common) = self.http2.at(key)?;
        let payload = stream.upper.inbox.take(&mut common.pool, &mut self.lent_chunk)?;
        self.attention |= payload.is_lent();
        Some(payload)
    }

    /// What the message about to be taken gives back to the windows, how many whole ones there are, and whether giving it
    /// back is all there is to do: no loan, nothing awaited that could want one, and no reason to widen the window.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "both within `max_call_window`")]
    fn judge(&mut self, key: StreamKey) -> Option<(u32, u32, bool)> {
        let limits = &self.settings.limits;
        let round_trip = self.http2.round_trip();
        let stream = self.http2.stream(key)?;
        let call = &stream.upper;
        let (credit, complete) = (call.inbox.next_credit(), call.inbox.complete());
        let window = limits.call_window + call.grown;
        let grows = !round_trip.is_zero() && !stream.is_receive_ended() && window < limits.max_call_window;
        let measured = grows && self.sample.count(key, credit, self.now, round_trip);
        let may_widen = complete == 1 && (measured || stream.announced_window() < i64::from(window / 4));
        // What arrives behind another whole message is not awaited yet.
        let plain = call.is_plain() || (complete > 1 && call.lent == 0 && call.credited == 0);
        Some((credit, complete, plain && !may_widen && call.credited <= credit))
    }

    /// What the message about to be taken gives back, to its loan and to the windows.
    #[inline(never)]
    fn make_room(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get(key) else { return };
        let credit = call.inbox.next_credit();
        let arriving = call.inbox.missing() > 0;
        let keeps_up = call.inbox.complete() == 1;
        self.consumed(key, credit);
        if keeps_up {
            self.widen(key);
        }
        // Once this one is taken, the message behind it may be the awaited one.
        if arriving {
            self.check_loan(key, 1);
        }
        self.credit_partial(key, 1);
    }

    /// Takes the end of a server's call: the client's half-close.
    pub(crate) fn take_half_close(&mut self, key: StreamKey) {
        if let Some(call) = self.http2.get_mut(key) {
            call.end = End::Read;
        }
    }

    /// Takes a client's outcome; the call is let go, its trailers are lent.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was held")]
    pub(crate) fn take_outcome(&mut self, key: StreamKey) -> Ended<'_> {
        let mut block = None;
        let said = self.http2.get_mut(key).and_then(|call| {
            block = call.trailers.take();
            match core::mem::replace(&mut call.end, End::Read) {
                End::Trailers { plain: true, .. } => Some((Status::ok(), Origin::Peer, false, None)),
                End::Trailers { only, plain: false } => {
                    let fields = block.as_deref().unwrap_or(&NO_FIELDS);
                    Some((read_trailers(call, fields, only), Origin::Peer, false, None))
                }
                _ => {
                    let made_here = call.rare.as_mut()?.local.take()?;
                    Some((made_here.status, made_here.origin, made_here.unprocessed, Some(made_here.retry)))
                }
            }
        });
        let unknown = || (Status::from(Code::Unknown), Origin::Local, false, None);
        let (status, origin, unprocessed, retry) = said.unwrap_or_else(unknown);
        self.held_headers -= block.as_deref().map_or(0, held_size);
        self.drop_call(key);
        self.attention |= block.is_some();
        self.lent_block = block;
        let trailers = self.lent_block.as_deref().unwrap_or(&NO_FIELDS);
        Ended { status, origin, unprocessed, retry, trailers }
    }
}

/// What is lent where no fields came.
static NO_FIELDS: FieldBlock = FieldBlock::new();

impl CallState {
    /// What the next read would give.
    pub(super) fn next(&self, side: Side) -> Next {
        if !matches!(self.stage, Stage::Open) && self.is_hidden() {
            return Next::Nothing;
        }
        if matches!(self.head, Head::Held | Head::Usual) {
            return Next::Head;
        }
        if self.inbox.complete() > 0 {
            return if self.may_deliver(side) { Next::Message } else { Next::Nothing };
        }
        match self.end {
            End::Awaited | End::Read => Next::Nothing,
            _ => Next::End,
        }
    }

    /// Whether what arrives is not for the application.
    #[cold]
    fn is_hidden(&self) -> bool {
        matches!(self.stage, Stage::Rejected | Stage::Finished | Stage::Foreign)
    }

    /// A single message is held back until it is known to be the only one (G-081, G-082, G-084).
    pub(super) fn may_deliver(&self, side: Side) -> bool {
        let streams = match side {
            Side::Client => self.kind.server_streams(),
            Side::Server => !self.kind_known || self.kind.client_streams(),
        };
        streams || self.has_ended() || matches!(self.stage, Stage::Stopped(_))
    }
}
