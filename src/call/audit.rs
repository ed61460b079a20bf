//! A recount by brute force of what the calls of a connection hold, and of who is to be told what. For tests only.

use super::engine::{Engine, held_size};
use super::flags::Flags;
use super::read::Next;
use super::state::{CallState, Head, Stage};
use crate::frame::StreamId;
use crate::http2::audit::must;
use crate::http2::{Side, StreamKey, Windows};
use crate::time::Instant;
use alloc::format;
use alloc::string::String;

/// What all calls hold together.
#[derive(Default)]
struct Sums {
    lent: u32,
    grown: u32,
    held_headers: usize,
    usual_heads: u32,
    /// Octets that came out of the connection's window, and did not go back yet.
    unread: i64,
}

impl Engine {
    /// Checks what is promised at each instant: windows add up (L-01 to L-03), so do loans and held headers, whoever
    /// waits will be told (L-07), and no call outlives its end.
    pub(crate) fn audit(&self) -> Result<(), String> {
        if self.has_run() {
            return self.settled().audit();
        }
        self.http2.audit()?;
        let fact = |holds: bool, wrong: &str| must(holds, || String::from(wrong));
        fact(
            self.poll_timeout().is_none_or(|next| self.http2.wake() <= next),
            "a timer would not be looked at in time",
        )?;
        let mut sums = Sums::default();
        let mut next = self.http2.stream_from(0);
        while let Some(key) = next {
            next = self.http2.stream_from(key.index() + 1);
            let Some(call) = self.http2.get(key) else { continue };
            self.count(call, &mut sums);
            self.audit_window(key, call)
                .and_then(|()| self.audit_news(key, call))
                .and_then(|()| self.audit_end(key, call))
                .map_err(|wrong| format!("{key:?}: {wrong}: {call:?}"))?;
        }
        let equal = |name: &str, kept: i64, counted: i64| {
            must(kept == counted, || format!("{name}: {kept} kept, {counted} counted"))
        };
        equal("octets lent", self.lent_octets.into(), sums.lent.into())?;
        equal("octets of grown windows", self.grown_octets.into(), sums.grown.into())?;
        equal("octets of held headers", self.held_headers as i64, sums.held_headers as i64)?;
        equal("usual heads", self.http2.held_responses().into(), sums.usual_heads.into())?;
        if !self.http2.is_ended() {
            // Afterwards nothing comes in any more, and the frame that broke a rule was taken in part.
            let (_, announced) = self.http2.announced_windows();
            equal("the connection's window", self.http2.connection_window_at_large() + sums.unread, announced)?;
        }
        fact(self.grown_octets <= self.settings.limits.window_growth, "windows have grown beyond their budget")?;
        fact(self.lent_octets <= self.settings.limits.assembly_budget, "more is lent than the budget has")?;
        fact(!self.http2.is_quiet() || self.may_be_quiet(), "not as quiet as is believed")?;
        fact(
            !self.open_armed || self.flags.has(Flags::AVAILABLE) || !self.http2.has_room_to_wait(),
            "Available is not told (L-07)",
        )
    }

    /// The windows as this end believes them to be; `None` once the connection has ended.
    pub(crate) fn windows(&self) -> Option<Windows> {
        if self.has_run() { self.settled().http2.windows() } else { self.http2.windows() }
    }

    /// As it would be with the next verb, which ends a run before anything else.
    fn settled(&self) -> Self {
        let mut settled = self.clone();
        settled.end_runs();
        settled
    }

    pub(crate) fn skip_streams(&mut self, next: u32) {
        self.http2.skip_to(StreamId::new(next));
    }

    fn count(&self, call: &CallState, sums: &mut Sums) {
        let pool = self.http2.pool();
        let received = if self.side == Side::Client { &call.trailers } else { &None };
        let held = [&call.head_block, received].into_iter().flatten();
        sums.held_headers += held.map(|block| held_size(block)).sum::<usize>();
        sums.usual_heads += u32::from(call.head == Head::Usual);
        sums.lent += call.lent;
        sums.grown += call.grown;
        sums.unread += i64::from(call.inbox.recount(pool)) - i64::from(call.credited);
    }

    /// L-01: what the peer may send, and what is held, is the window that was announced and what was given
    /// beyond it.
    fn audit_window(&self, key: StreamKey, call: &CallState) -> Result<(), String> {
        let at_large = self.http2.window_at_large(key).filter(|_| !self.http2.is_ended());
        let Some(at_large) = at_large else { return Ok(()) };
        let held = i64::from(call.inbox.recount(self.http2.pool()));
        let whole = self.http2.announced_windows().0 + i64::from(call.lent + call.grown);
        // A call that stopped counts for no budget any more; what it had been given stays with the peer.
        let holds = if call.is_open() { at_large + held == whole } else { at_large + held >= whole };
        must(holds, || format!("{at_large} at large and {held} held of a window of {whole}"))
    }

    /// L-07: whatever the application could wait for, and is there, was told or will be.
    fn audit_news(&self, key: StreamKey, call: &CallState) -> Result<(), String> {
        let fact = |holds: bool, wrong: &str| must(holds, || String::from(wrong));
        let next = call.next(self.side);
        // A server is told of a head by `Opened`.
        let quiet = next == Next::Nothing || (next == Next::Head && self.side == Side::Server);
        fact(!call.read_armed || quiet || !call.is_shown(), "Readable is not told")?;
        let refusing = self.http2.is_watched(key) && self.http2.queued(key) > 0 && call.is_open();
        fact(!call.write_armed || !call.is_shown() || refusing, "Writable is not told")?;
        fact(!call.wants_loan || self.loan_queue.contains(&key), "wants a loan, and does not stand in line")?;
        fact(!call.wants_loan || call.is_open(), "has stopped, and wants a loan")?;
        let waits = call.deadline != Instant::MAX && call.is_open() && !call.has_ended();
        fact(!waits || self.poll_timeout().is_some_and(|next| next <= call.deadline), "no timer for its deadline")
    }

    /// L-31: a call whose stream has ended has an end, and one whose application has let go of it is gone.
    fn audit_end(&self, key: StreamKey, call: &CallState) -> Result<(), String> {
        let fact = |holds: bool, wrong: &str| must(holds, || String::from(wrong));
        let open = matches!(call.stage, Stage::Open);
        let over = self.http2.is_receive_ended(key) || self.http2.is_ended();
        match self.side {
            Side::Client => {
                fact(!over || call.has_ended(), "its stream has ended, and it has no end")?;
                fact(!matches!(call.stage, Stage::Stopped(_)) || call.has_ended(), "stopped, and without an end")
            }
            Side::Server => {
                fact(!(open && over) || call.has_ended() || self.http2.is_ended(), "half-closed, and was not told")?;
                let gone = self.http2.is_closed(key) || self.http2.is_ended();
                fact(!(open && gone), "its stream is gone, and it goes on")?;
                fact(!(matches!(call.stage, Stage::Finished | Stage::Rejected) && gone), "nobody holds it")
            }
        }
    }
}
