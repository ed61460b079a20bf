//! The engine of one connection: HTTP/2 below, calls above. Both roles share it.

use super::flags::Flags;
use super::inbox::Encoding;
use super::loan::Sample;
use super::manage::Management;
use super::runs::Runs;
use super::server::KnownRequests;
use super::spelling::Spelling;
use super::state::{CallState, Events, Head, Stage, Stop};
use super::timers::Timers;
use crate::buffer::pool::{Chunk, block_heap_size};
use crate::config::{LastStarts, ORDINARY_HEADERS, Settings};
use crate::grpc::outcome::HeadSummary;
use crate::hpack::FieldBlock;
use crate::http2::{self, Side, StreamKey};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::NonZeroU32;

/// How long a refused request may go on before it is answered all the same (G-018).
pub(super) const REJECTION_PATIENCE: core::time::Duration = core::time::Duration::from_secs(10);

#[derive(Clone, Debug)]
pub struct Engine {
    pub(super) http2: http2::Connection<CallState>,
    pub(super) settings: Arc<Settings>,
    pub(super) side: Side,
    pub(super) now: Instant,
    pub(super) timers: Timers,
    pub(super) flags: Flags,
    pub(super) told_draining: bool,
    pub(super) told_closed: bool,
    /// `open` refused a call for lack of room, and said that it would tell.
    pub(super) open_armed: bool,
    /// Octets of header lists that the application has not read.
    pub(super) held_headers: usize,
    /// What is lent of the assembly budget, and who waits for it.
    pub(super) lent_octets: u32,
    pub(super) loan_queue: VecDeque<StreamKey>,
    /// Calls whose send was refused because too much is queued on all calls together.
    pub(super) total_queue: VecDeque<StreamKey>,
    /// What the windows of open calls have grown by.
    pub(super) grown_octets: u32,
    /// The call whose pace is measured now.
    pub(super) sample: Sample,
    /// What the application was lent by a verb: until the next one, where it is large, and mostly until something else is lent.
    pub(super) lent_chunk: Option<Box<Chunk>>,
    pub(super) lent_block: Option<Box<FieldBlock>>,
    /// Messages that are read or sent one right after the other.
    pub(super) runs: Option<Box<Runs>>,
    /// The next verb has to look for something large that was lent, for a run that has begun, or for who watches.
    pub(super) attention: bool,
    pub(super) scratch: Vec<u8>,
    /// How times are spelled.
    pub(super) timeouts: Spelling,
    pub(super) close_at: Option<Instant>,
    pub(super) management: Management,
    /// When all that an idle connection need not keep is given back, and when only what received octets took on their
    /// way.
    pub(super) trim_at: Instant,
    pub(super) slack_at: Instant,
    /// What the usual response says, and which trailers say OK and nothing else, by the number of their block.
    pub(super) usual_response: Option<(NonZeroU32, HeadSummary, Encoding)>,
    pub(super) usual_trailers: Option<NonZeroU32>,
    /// How requests start that are sent, on a client.
    pub(super) last_start: Option<Box<LastStarts>>,
    pub(super) known_requests: KnownRequests,
    /// A refused request was answered with a body before (G-018: later bodies are short).
    pub(super) told_at_length: bool,
}

impl Engine {
    /// `seed` is the connection's own: for its hash tables, and the jitter of its age.
    pub(crate) fn new(side: Side, settings: &Arc<Settings>, seed: u64, now: Instant) -> Self {
        let config = http2::Config { seed, ..settings.http2.clone() };
        let mut http2 = http2::Connection::new(side, config, now);
        let management = Management::new(settings, seed, now);
        http2.wake_by(management.next());
        Self {
            http2,
            settings: Arc::clone(settings),
            side,
            now,
            timers: Timers::default(),
            flags: Flags::default(),
            told_draining: false,
            told_closed: false,
            open_armed: false,
            held_headers: 0,
            lent_octets: 0,
            loan_queue: VecDeque::new(),
            total_queue: VecDeque::new(),
            grown_octets: 0,
            sample: Sample::default(),
            lent_chunk: None,
            lent_block: None,
            runs: None,
            attention: false,
            scratch: Vec::new(),
            timeouts: Spelling::new(settings.timeout_precision),
            close_at: None,
            management,
            trim_at: Instant::MAX,
            slack_at: Instant::MAX,
            usual_response: None,
            usual_trailers: None,
            last_start: None,
            known_requests: KnownRequests::default(),
            told_at_length: false,
        }
    }

    /// The most octets of a received message, if there is a limit.
    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(crate) fn max_receive_message(&self) -> Option<u32> {
        self.settings.limits.max_receive_message
    }

    /// Time moves forward, and what is due fires. A verb without a time has none that passes.
    #[inline]
    pub(super) fn pass(&mut self, now: Option<Instant>) {
        // What is due at an instant was done when that came.
        if let Some(now) = now
            && now > self.now
        {
            self.now = now;
            self.handle_timeout();
        }
    }

    /// Does what is due by now.
    #[inline]
    pub(crate) fn handle_timeout(&mut self) {
        if self.http2.may_be_due(self.now) {
            self.wake_up();
        }
    }

    /// Time has come to where a timer may have been due.
    #[cold]
    fn wake_up(&mut self) {
        if self.next_timeout() <= self.now {
            self.fire();
        }
        self.http2.wake_next(self.next_timeout());
    }

    /// What was lent comes back, and runs end.
    #[inline(always)]
    pub(super) fn take_back(&mut self) {
        if let Some(chunk) = self.lent_chunk.take() {
            self.http2.pool_mut().give_chunk(chunk);
        }
        if let Some(block) = self.lent_block.take() {
            self.http2.pool_mut().give_block(block);
        }
        if self.runs.is_some() {
            self.end_runs();
        }
    }

    /// Raises an event of a call; each kind is queued once.
    pub(super) fn raise(&mut self, key: StreamKey, event: Events) {
        if let Some((stream, common)) = self.http2.at(key) {
            stream.upper.events.add(event);
            common.notice(stream);
        }
    }

    /// Raises `Readable` where the application waits for it and there is something to read.
    pub(super) fn tell_readable(&mut self, key: StreamKey) {
        let side = self.side;
        if let Some((stream, common)) = self.http2.at(key)
            && stream.upper.tell_readable(side)
        {
            common.notice(stream);
        }
    }

    pub(super) fn tell_writable(&mut self, key: StreamKey) {
        if let Some(call) = self.http2.get_mut(key)
            && call.write_armed
            && call.is_shown()
        {
            call.write_armed = false;
            self.raise(key, Events::WRITABLE);
        }
    }

    /// The call stopped: nothing more will be sent or received on it.
    pub(super) fn tell_stopped(&mut self, key: StreamKey, stop: Stop) {
        if let Some(call) = self.http2.get_mut(key) {
            call.stage = Stage::Stopped(stop);
        }
        self.return_growth(key);
        self.stop_borrowing(key);
        self.drop_partial(key);
        self.raise(key, Events::STOPPED);
        self.tell_writable(key);
        self.tell_readable(key);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next_timeout()).filter(|next| *next != Instant::MAX)
    }

    /// As [`Engine::poll_timeout`], with [`Instant::MAX`] for never.
    fn next_timeout(&self) -> Instant {
        self.next_timeout_but(self.management.next())
    }

    #[cfg(feature = "testing")]
    pub(crate) fn poll_timeout_but_keepalive(&self) -> Option<Instant> {
        Some(self.next_timeout_but(self.management.next_but_keepalive())).filter(|next| *next != Instant::MAX)
    }

    #[inline]
    fn next_timeout_but(&self, management: Instant) -> Instant {
        let close_at = self.close_at.unwrap_or(Instant::MAX);
        let trim_at = self.trim_at.min(self.slack_at);
        self.timers.next().min(self.http2.next_timeout()).min(close_at).min(trim_at).min(management)
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.settings.scheme == crate::grpc::Scheme::Https
    }

    pub(super) fn add_timer(&mut self, when: Instant, key: StreamKey) {
        self.http2.wake_by(when);
        let http2 = &self.http2;
        self.timers.add(when, key, http2.streams(), |key| http2.get(key).is_some());
    }

    /// Does all that is due now.
    #[cold]
    fn fire(&mut self) {
        let now = self.now;
        self.http2.handle_timeout(now);
        while let Some(key) = self.http2.next_stalled() {
            self.send_stalled(key);
        }
        while let Some(key) = self.timers.take_due(now) {
            self.call_timer(key);
        }
        if self.close_at.is_some_and(|at| at <= now) {
            self.close_at = None;
            self.http2.abort(crate::frame::ErrorCode::NO_ERROR, "the time for a graceful shutdown is over");
        }
        if self.management.next() <= now {
            self.manage();
        }
        if self.slack_at <= now {
            self.slack_at = Instant::MAX;
            self.http2.trim_slack();
        }
        if self.trim_at <= now {
            self.trim_at = Instant::MAX;
            self.http2.trim();
            self.timers.clear();
            (self.loan_queue, self.total_queue) = (VecDeque::new(), VecDeque::new());
            (self.scratch, self.runs, self.last_start) = (Vec::new(), None, None);
            (self.lent_chunk, self.lent_block) = (None, None);
        }
        self.settle();
    }

    /// One call's timer: its deadline, the patience with a refused request, or the arrival of a large message.
    fn call_timer(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get(key) else { return };
        let stalled_at = call.progress.saturating_add(self.settings.limits.assembly_timeout);
        match call.stage {
            Stage::Rejected => self.answer_rejected(key),
            Stage::Finished if call.deadline <= self.now => {
                self.http2.reset(key, crate::frame::ErrorCode::CANCEL);
                self.drop_call(key);
            }
            _ if !call.is_open() => {}
            _ if call.deadline <= self.now && !(self.side == Side::Client && call.has_ended()) => {
                self.deadline_passed(key);
            }
            _ if !call.watched => {}
            _ if call.inbox.missing() == 0 || call.has_ended() => {
                if let Some(call) = self.http2.get_mut(key) {
                    call.watched = false;
                }
            }
            _ if stalled_at <= self.now => self.assembly_stalled(key),
            _ => self.add_timer(stalled_at, key),
        }
    }

    /// Notices that the connection ended or is ending.
    #[inline]
    pub(super) fn settle(&mut self) {
        if self.http2.is_draining() {
            self.settle_draining();
        }
    }

    #[cold]
    fn settle_draining(&mut self) {
        self.http2.end_if_drained();
        self.begin_grace();
        if !self.told_draining {
            self.told_draining = true;
            self.flags.raise(Flags::DRAINING);
        }
        if self.http2.is_ended() && !self.told_closed {
            self.told_closed = true;
            self.management.stop();
            self.flags.raise(Flags::CLOSED);
            self.end_all_calls();
        }
    }

    /// Walks over all calls; allowed at GOAWAY and at the end only.
    pub(super) fn for_each_call(&mut self, mut visit: impl FnMut(&mut Self, StreamKey)) {
        let mut next = self.http2.stream_from(0);
        while let Some(key) = next {
            visit(self, key);
            next = self.http2.stream_from(key.index() + 1);
        }
    }

    /// Lets go of a call: what it holds goes back, and the peer is told if it does not know.
    pub(crate) fn drop_call(&mut self, key: StreamKey) {
        if self.http2.forget_bare(key, CallState::is_bare) {
            self.call_gone(0);
        } else {
            self.drop_laden(key);
        }
    }

    /// As [`Engine::drop_call`], where there may be something to give back.
    #[inline(never)]
    fn drop_laden(&mut self, key: StreamKey) {
        let side = self.side;
        let (mut known, mut grown, mut held, mut lent, mut usual_head) = (false, 0, 0, 0, false);
        self.http2.forget(key, |call, common| {
            (known, grown, lent, usual_head) = (true, call.grown, call.lent, call.head == Head::Usual);
            if call.inbox.holds_any() {
                let credit = call.inbox.clear(&mut common.pool) - call.credited;
                common.consumed_late(credit);
            }
            if let Some(block) = call.head_block.take() {
                held += held_size(&block);
                common.pool.give_block(block);
            }
            if let Some(block) = call.trailers.take() {
                if side == Side::Client {
                    held += held_size(&block);
                }
                common.pool.give_block(block);
            }
            common.pool.give_kept(call.own_head.take());
        });
        if !known {
            return;
        }
        (self.grown_octets, self.held_headers) = (self.grown_octets - grown, self.held_headers - held);
        if usual_head {
            self.http2.let_response_go();
        }
        self.call_gone(lent);
    }

    /// A call is gone that so many octets were lent to.
    #[inline(always)]
    pub(super) fn call_gone(&mut self, lent: u32) {
        if lent > 0 || !self.http2.is_quiet() {
            self.pass_on(lent);
        }
        if self.http2.streams() == 0 {
            self.last_call_gone();
        }
    }

    /// What a call that is gone leaves goes to those who wait for it.
    #[cold]
    #[inline(never)]
    fn pass_on(&mut self, lent: u32) {
        if lent > 0 || !self.loan_queue.is_empty() {
            self.return_loan(lent);
        }
        self.tell_available();
        self.tell_room();
    }

    #[inline(never)]
    fn last_call_gone(&mut self) {
        self.trim_at = Instant::from_nanos(self.now.as_nanos().saturating_add(self.settings.idle_trim));
        self.http2.wake_by(self.trim_at);
        self.management.idle_since = self.now;
        self.settle();
    }

    /// `Available` once, when a call that was refused for lack of room could wait now.
    pub(super) fn tell_available(&mut self) {
        if self.open_armed && self.http2.has_room_to_wait() {
            self.open_armed = false;
            self.flags.raise(Flags::AVAILABLE);
        }
    }

    pub(crate) fn shut_down(&mut self, by: Option<Instant>) {
        self.http2.shut_down(self.now);
        self.close_at = by.or(self.close_at);
        self.http2.wake_by(self.close_at.unwrap_or(Instant::MAX));
        self.settle();
    }

    pub(crate) fn receive_eof(&mut self) {
        self.http2.receive_eof();
        self.settle();
    }

    pub(crate) fn receive_failure(&mut self, why: &str) {
        self.http2.receive_failure(why);
        self.settle();
    }

    /// Whether the application may name this call.
    pub(crate) fn is_shown(&self, key: StreamKey) -> bool {
        self.http2.get(key).is_some_and(CallState::is_shown)
    }

    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(crate) fn side(&self) -> Side {
        self.side
    }

    pub(crate) fn http2(&self) -> &http2::Connection<CallState> {
        &self.http2
    }

    pub(crate) fn held_headers(&self) -> usize {
        self.held_headers
    }

    pub(crate) fn lent(&self) -> u32 {
        self.lent_octets
    }

    pub(crate) fn heap_size(&self) -> usize {
        let mut calls = 0;
        let mut next = self.http2.stream_from(0);
        while let Some(key) = next {
            next = self.http2.stream_from(key.index() + 1);
            calls += self.http2.get(key).map_or(0, CallState::heap_size);
        }
        calls
            + self.http2.heap_size()
            + self.timers.heap_size()
            + (self.loan_queue.capacity() + self.total_queue.capacity()) * size_of::<StreamKey>()
            + self.scratch.capacity()
            + self.runs.as_deref().map_or(0, Runs::heap_size)
            + self.last_start.as_deref().map_or(0, LastStarts::heap_size)
            + self.lent_chunk.as_deref().map_or(0, Chunk::heap_size)
            + self.lent_block.as_deref().map_or(0, block_heap_size)
    }
}

/// What a kept header list counts for `held_headers`. What every request and response has does not count: how many
/// there are is bounded otherwise.
pub(super) fn held_size(block: &FieldBlock) -> usize {
    block.list_size().saturating_sub(ORDINARY_HEADERS)
}
