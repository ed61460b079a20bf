//! Reading: what comes next, in the order of the wire (L-16).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::client::read_trailers;
use super::engine::{Engine, held_size};
use super::inbox::Payload;
use super::role::Role;
use super::runs::WORTHWHILE;
use super::state::{CallState, End, Head, Stage, Stop};
use crate::buffer::pool::{Chunk, is_kept};
use crate::grpc::{Code, Retry, Status};
use crate::hpack::FieldBlock;
use crate::http2::{Origin, Side, StreamKey};
use crate::time::Instant;
use alloc::boxed::Box;

/// What [`Engine::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    Head,
    Message,
    End,
}

/// What [`Engine::take`] took. The item itself is made where it is wanted: one that comes in memory would keep those of runs
/// in memory too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There is nothing; the application is told when that changes.
    Nothing,
    /// The head that [`Engine::lent_fields`] has.
    Head,
    /// The head that [`Engine::usual_head`] has.
    UsualHead,
    /// The message that [`Engine::lent_message`] has.
    Message,
    /// Nothing yet: a message is there, and [`Engine::take_next`] takes it.
    Next,
    /// The end that most calls have.
    End,
    /// Nothing yet: an outcome is there, and [`Engine::take_outcome`] takes it.
    Outcome,
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

    /// Takes what is next in one look at the call. What it lends is lent until the next verb.
    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was held")]
    pub(crate) fn take<R: Role>(&mut self, key: StreamKey) -> Taken {
        let Some((stream, common)) = self.http2.at(key) else { return Taken::Nothing };
        let nothing_follows = stream.is_receive_ended();
        let call = &mut stream.upper;
        match call.next(R::ROLE) {
            Next::Nothing => {
                call.read_armed = true;
                Taken::Nothing
            }
            Next::Head => {
                if core::mem::replace(&mut call.head, Head::Read) == Head::Usual {
                    return Taken::UsualHead;
                }
                let block = call.head_block.take();
                self.held_headers -= block.as_deref().map_or(0, held_size);
                self.lend_block(block)
            }
            Next::Message => {
                if !nothing_follows || !call.is_plain() {
                    return Taken::Next;
                }
                let Some(chunk) = call.inbox.take_only() else { return Taken::Next };
                // Only the connection's window is to be given back.
                common.correct_credit(chunk.left() as u32, core::mem::take(&mut call.credited));
                self.lend_chunk(chunk)
            }
            Next::End if R::ROLE == Side::Server => {
                call.end = End::Read;
                Taken::End
            }
            Next::End => {
                let plain = matches!(call.end, End::Trailers { plain: true, .. }) && call.trailers.is_none();
                if plain { self.drop_ended(key) } else { Taken::Outcome }
            }
        }
    }

    /// The fields that were taken last, of a head that is not the usual one or of trailers.
    #[inline]
    pub(crate) fn lent_fields(&self) -> &FieldBlock {
        self.lent_block.as_deref().unwrap_or(&NO_FIELDS)
    }

    /// The usual head, which one call less wants.
    #[inline]
    pub(crate) fn usual_head(&mut self) -> &FieldBlock {
        self.http2.let_response_go().unwrap_or(&NO_FIELDS)
    }

    /// The message that was taken last, with all of the memory that it lay in.
    #[inline]
    pub(crate) fn lent_message(&mut self) -> Option<Payload<'_>> {
        self.lent_chunk.as_deref_mut().map(Payload::only)
    }

    /// When a call ends at the latest, if it is said.
    #[inline]
    pub(crate) fn deadline(&self, key: StreamKey) -> Option<Instant> {
        self.http2.get(key).map(|call| call.deadline).filter(|deadline| *deadline != Instant::MAX)
    }

    /// Lends a chunk: mostly until another one is lent, since then there is nothing to look for at the next verb.
    #[inline(never)]
    fn lend_chunk(&mut self, chunk: Box<Chunk>) -> Taken {
        self.attention |= !chunk.is_kept();
        if let Some(last) = self.lent_chunk.replace(chunk) {
            self.http2.pool_mut().give_chunk(last);
        }
        Taken::Message
    }

    /// As [`Engine::lend_chunk`], for fields, if there are any.
    #[inline(never)]
    fn lend_block(&mut self, block: Option<Box<FieldBlock>>) -> Taken {
        self.attention |= block.as_deref().is_some_and(|block| !is_kept(block));
        if let Some(last) = core::mem::replace(&mut self.lent_block, block) {
            self.http2.pool_mut().give_block(last);
        }
        Taken::Head
    }

    /// Lets a call go whose end was taken.
    #[inline(never)]
    fn drop_ended(&mut self, key: StreamKey) -> Taken {
        self.drop_call(key);
        Taken::End
    }

    /// Takes the message that [`Next::Message`] announced, giving its octets back to the peer's windows, where more may come
    /// or is there. Where `runs` says so it may begin a run, for the next read to go on with.
    #[inline(never)]
    pub(crate) fn take_next(&mut self, key: StreamKey, runs: bool) -> Option<Payload<'_>> {
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
        if let Some(last) = self.lent_chunk.take() {
            common.pool.give_chunk(last);
        }
        let payload = stream.upper.inbox.take(&mut common.pool, &mut self.lent_chunk)?;
        self.attention |= payload.is_to_come_back();
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
        self.lend_block(block);
        Ended { status, origin, unprocessed, retry, trailers: self.lent_fields() }
    }
}

/// What is lent where no fields came.
static NO_FIELDS: FieldBlock = FieldBlock::new();

impl CallState {
    /// What the next read would give.
    pub(super) fn next(&self, side: Side) -> Next {
        let open = matches!(self.stage, Stage::Open);
        if !open && self.is_hidden() {
            return Next::Nothing;
        }
        if matches!(self.head, Head::Held | Head::Usual) {
            return Next::Head;
        }
        if self.inbox.complete() > 0 {
            // What is neither open nor hidden has stopped.
            return if !open || self.is_deliverable(side) { Next::Message } else { Next::Nothing };
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
        self.is_deliverable(side) || matches!(self.stage, Stage::Stopped(_))
    }

    /// The same of a call that has not stopped.
    fn is_deliverable(&self, side: Side) -> bool {
        let streams = match side {
            Side::Client => self.kind.server_streams(),
            Side::Server => !self.kind_known || self.kind.client_streams(),
        };
        streams || self.has_ended()
    }
}
