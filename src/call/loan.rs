//! Messages larger than the window (G-190, L-21).
//!
//! A call gives window back as its messages are read, so a message longer than the window would never arrive. The one
//! that its reader waits for may therefore go beyond its call's window, out of a budget of the whole connection, first
//! come, first served.
//!
//! The connection's window has the same trouble at a smaller size: a peer that serves its calls in turn could fill it
//! with beginnings of messages, none of which can be read. So a message that its reader waits for counts for the
//! connection only once it is whole, and then without what its call was lent.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::engine::Engine;
use super::state::Stop;
use crate::frame::MAX_PADDING;
use crate::grpc::{Code, Layer, Status};
use crate::http2::StreamKey;
use crate::time::Instant;
use alloc::format;
use core::time::Duration;

/// How much the reader of one call takes, and since when. One call at a time is measured, for a round trip at least;
/// then the next that reads.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    key: Option<StreamKey>,
    octets: u32,
    since: Instant,
    /// A round trip later.
    complete: Instant,
    /// When another call may take its place, because this one's reader takes no more.
    stale: Instant,
}

impl Sample {
    /// Counts what the reader of a call takes; says whether that call has now been measured for long enough.
    #[inline]
    pub(super) fn count(&mut self, key: StreamKey, octets: u32, now: Instant, round_trip: Duration) -> bool {
        if self.key == Some(key) {
            self.octets = self.octets.saturating_add(octets);
            return now >= self.complete;
        }
        if now >= self.stale {
            *self = Self::begin(key, now, round_trip);
        }
        false
    }

    #[cold]
    fn begin(key: StreamKey, since: Instant, round_trip: Duration) -> Self {
        let complete = since.saturating_add(round_trip);
        Self { key: Some(key), octets: 0, since, complete, stale: complete.saturating_add(round_trip) }
    }
}

impl Engine {
    /// Lends the arriving message what its window lacks, now or when its turn comes, if its reader waits for it: no
    /// more than `taking` whole messages, about to be taken, are before it.
    #[expect(clippy::arithmetic_side_effects, reason = "streams in memory")]
    pub(super) fn check_loan(&mut self, key: StreamKey, taking: u32) {
        let Some(call) = self.http2.get(key) else { return };
        if call.wants_loan || self.http2.is_receive_ended(key) {
            return;
        }
        if call.lent > 0 {
            // It has all that it needs, but padding takes a part of it (G-192): that is announced while a frame still
            // fits.
            let frame = i64::from(self.settings.limits.max_frame);
            return self.http2.announce_for(key, self.awaited(key).min(frame));
        }
        if call.inbox.complete() > taking && call.may_deliver(self.side) {
            return;
        }
        let awaited = self.awaited(key);
        if awaited <= self.http2.receive_window(key) {
            // The windows are enough once all that is owed is announced.
            return self.http2.announce_for(key, awaited);
        }
        if let Some(call) = self.http2.get_mut(key) {
            call.wants_loan = true;
        }
        if self.loan_queue.len() > 2 * self.http2.streams() {
            let http2 = &self.http2;
            self.loan_queue.retain(|key| http2.get(*key).is_some_and(|call| call.wants_loan));
        }
        self.loan_queue.push_back(key);
        self.http2.stir();
        self.grant_loans();
    }

    /// Octets that the peer has to send before a reader can go on: the rest of a message, and the padding of one frame,
    /// which comes back at once but has to find room. Some peers also end their stream only while its window is open,
    /// even though that takes none of it.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    fn awaited(&self, key: StreamKey) -> i64 {
        let Some(call) = self.http2.get(key) else { return 0 };
        // What is left of the current frame has left the window already.
        let missing = i64::from(call.inbox.awaited()) - i64::from(self.http2.undelivered(key));
        let held = call.inbox.complete() > 0 && !call.may_deliver(self.side);
        if missing > 0 || (missing == 0 && held) { missing + i64::from(MAX_PADDING) } else { 0 }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    fn lacking(&self, key: StreamKey) -> u32 {
        u32::try_from(self.awaited(key) - self.http2.receive_window(key)).unwrap_or(0)
    }

    /// Serves the queue as far as the budget goes. Call it when octets came back, and when a call stopped waiting:
    /// those behind it may need less.
    pub(super) fn grant_loans(&mut self) {
        while let Some(&key) = self.loan_queue.front() {
            let waits = self.http2.get(key).is_some_and(|call| call.wants_loan) && !self.http2.is_receive_ended(key);
            if waits {
                let lacking = self.lacking(key);
                if lacking > self.settings.limits.assembly_budget.saturating_sub(self.lent_octets) {
                    return;
                }
                self.lend(key, lacking);
            }
            self.loan_queue.pop_front();
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "within the budget")]
    fn lend(&mut self, key: StreamKey, octets: u32) {
        let Some(call) = self.http2.get_mut(key) else { return };
        call.wants_loan = false;
        call.lent = octets;
        call.progress = self.now;
        let watched = core::mem::replace(&mut call.watched, true);
        self.lent_octets += octets;
        self.http2.lend(key, octets);
        if !watched {
            self.add_timer(self.now.saturating_add(self.settings.limits.assembly_timeout), key);
        }
    }

    /// `octets` of a call's messages are done with: they pay its loan back first, and then go to the peer's windows,
    /// except for what the connection's has had already.
    #[expect(clippy::arithmetic_side_effects, reason = "at most what was counted, by `min`")]
    pub(super) fn consumed(&mut self, key: StreamKey, octets: u32) {
        let Some(call) = self.http2.get_mut(key) else { return };
        let (repaid, known) = (call.lent.min(octets), call.credited.min(octets));
        call.lent -= repaid;
        call.credited -= known;
        self.lent_octets -= repaid;
        self.http2.consumed(key, octets - repaid);
        self.correct_credit(repaid, known);
        if repaid > 0 {
            self.grant_loans();
        }
    }

    /// Whether a call has taken more than half of its window in the time that an octet of window needs to the peer and
    /// back: then the window may be what holds it up, since a line that carries more needs a larger one. Ends the
    /// call's sample if it is complete.
    #[expect(clippy::arithmetic_side_effects, reason = "32 by 64 bits, in 128")]
    fn fills_its_window(&mut self, key: StreamKey, window: u32) -> bool {
        if self.sample.key != Some(key) || self.now < self.sample.complete {
            return false;
        }
        let Sample { octets, since, .. } = core::mem::take(&mut self.sample);
        let elapsed = self.now.saturating_since(since);
        // octets / elapsed > window / 2 / round trip, in whole numbers
        2 * u128::from(octets) * self.http2.round_trip().as_nanos() > u128::from(window) * elapsed.as_nanos()
    }

    /// Doubles the window of a call whose reader keeps up, out of a budget of the connection, where its peer has run
    /// into it or fills it as fast as the way to the peer and back allows. Call it when all whole messages are read and
    /// what they took is owed.
    #[expect(clippy::arithmetic_side_effects, reason = "within `max_call_window` and `window_growth`, by `min`")]
    pub(super) fn widen(&mut self, key: StreamKey) {
        let limits = &self.settings.limits;
        let Some(call) = self.http2.get(key) else { return };
        let window = limits.call_window + call.grown;
        let step =
            window.min(limits.max_call_window.saturating_sub(window)).min(limits.window_growth - self.grown_octets);
        let borrows = call.lent > 0;
        // Less than the two frames that are on their way while credit travels.
        let ran_into_it = self.http2.announced_window(key) < i64::from(window / 4);
        let held_up = self.fills_its_window(key, window) || ran_into_it;
        if step == 0 || borrows || !held_up || !self.http2.widen(key, step) {
            return;
        }
        if let Some(call) = self.http2.get_mut(key) {
            call.grown += step;
            self.grown_octets += step;
        }
    }

    /// The peer will send no more on this call.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it grew")]
    pub(super) fn return_growth(&mut self, key: StreamKey) {
        if let Some(call) = self.http2.get_mut(key) {
            self.grown_octets -= core::mem::take(&mut call.grown);
        }
    }

    fn correct_credit(&mut self, should: u32, is: u32) {
        self.http2.common_mut().correct_credit(should, is);
    }

    /// Sees to it that the message which the reader waits for does not count for the connection while it is not whole.
    /// Call it after octets arrived, and when `taking` whole messages are about to be taken.
    pub(super) fn credit_partial(&mut self, key: StreamKey, taking: u32) {
        let Some(call) = self.http2.get(key) else { return };
        let should = match call.inbox.complete() {
            complete if complete <= taking => call.inbox.partial(),
            // Nobody can read it before more arrives (G-081, G-084), so nobody could make room for that.
            1 if !call.may_deliver(self.side) => call.inbox.next_credit(),
            _ => call.lent,
        };
        let Some(call) = self.http2.get_mut(key) else { return };
        let is = core::mem::replace(&mut call.credited, should);
        self.correct_credit(should, is);
    }

    /// No more octets will come to this call: what it was lent for those goes to the next.
    #[expect(clippy::arithmetic_side_effects, reason = "at most what was counted, by `min`")]
    pub(super) fn stop_borrowing(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get_mut(key) else { return };
        call.wants_loan = false;
        let unused = call.lent.min(call.inbox.missing());
        call.lent -= unused;
        self.lent_octets -= unused;
        self.grant_loans();
    }

    /// The call was let go: what was lent to it goes back to the budget.
    #[expect(clippy::arithmetic_side_effects, reason = "counted when it was lent")]
    pub(super) fn return_loan(&mut self, lent: u32) {
        self.lent_octets -= lent;
        self.grant_loans();
    }

    /// What is there of a message that will never be whole is given back.
    pub(super) fn drop_partial(&mut self, key: StreamKey) {
        if let Some((call, pool)) = self.http2.parts(key) {
            let credit = call.inbox.drop_partial(pool);
            self.consumed(key, credit);
        }
    }

    /// All that was received and not read is given back.
    pub(super) fn drop_messages(&mut self, key: StreamKey) {
        if let Some((call, pool)) = self.http2.parts(key) {
            let credit = call.inbox.clear(pool);
            self.consumed(key, credit);
        }
    }

    /// The peer stopped in the middle of a message that holds a part of the budget.
    pub(super) fn assembly_stalled(&mut self, key: StreamKey) {
        let patience = self.settings.limits.assembly_timeout;
        let rule = format!("assembly_timeout: no octet of a message larger than the window came for {patience:?}");
        let code = Code::ResourceExhausted;
        let status = Status::explained(self.grpc_side(), Layer::Http2, code, code.retry(), rule);
        self.fail(key, status, Stop::PeerFault);
    }
}
