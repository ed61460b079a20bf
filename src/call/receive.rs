//! Receiving: what octets of the peer come to, and the events that tell of it.

use super::engine::Engine;
use super::flags::Flags;
use super::state::{CallState, Events};
use crate::event::{CallId, Event};
use crate::frame::Kind;
use crate::http2::{self, Common, Input, Opening, Part, Side, Step, Stream};
use crate::time::Instant;

impl Engine {
    pub(crate) fn receive(&mut self, mut input: Input<'_>) {
        while !self.http2.has_read(&input) {
            // Most frames are parts of whole requests or replies, or DATA.
            let taken = match http2::Connection::<CallState>::next_kind(&input) {
                Some(Kind::HEADERS) if self.side == Side::Client => self.receive_replies(&mut input),
                Some(Kind::HEADERS) => self.receive_requests(&mut input),
                _ => self.receive_data(&mut input),
            };
            if !taken && !self.receive_other(&mut input) {
                break;
            }
        }
        // A header block of a stream that is gone takes memory where no call will end and give it back.
        if self.http2.streams() == 0 && self.slack_at == Instant::MAX && self.http2.has_slack() {
            self.slack_at = self.now.saturating_add(self.settings.limits.idle_trim);
            self.http2.wake_by(self.slack_at);
        }
        if self.had_enough_calls() {
            self.end_after_calls();
        }
        if !self.http2.is_quiet() {
            self.tell_rare();
        }
    }

    /// Tells of what rarely comes of what was received.
    #[inline(never)]
    fn tell_rare(&mut self) {
        if self.http2.take_window_exhausted() {
            self.flags.raise(Flags::EXHAUSTED);
        }
        self.tell_available();
        self.tell_room();
        self.settle();
    }

    /// Takes the whole replies at the front of a client's input; says whether there were any.
    #[inline(never)]
    fn receive_replies(&mut self, input: &mut Input<'_>) -> bool {
        let mut any = false;
        while self.receive_reply(input) {
            any = true;
        }
        any
    }

    /// As [`Engine::receive_replies`], the requests at the front of a server's.
    #[inline(never)]
    fn receive_requests(&mut self, input: &mut Input<'_>) -> bool {
        let mut any = false;
        while self.receive_request(input) {
            any = true;
        }
        any
    }

    /// Takes HEADERS that lie whole at the front of a server's input, as those of requests mostly do, and what they go on
    /// with; says whether there were any.
    #[inline(always)]
    fn receive_request(&mut self, input: &mut Input<'_>) -> bool {
        match self.http2.headers_step(self.now, input) {
            Opening::None => return false,
            Opening::Request { stream, end_stream, oversized } => self.request(stream, end_stream, oversized, input),
            Opening::Other(step) => self.follow(step, input),
        }
        true
    }

    /// Takes the DATA frame at the front of the input, if it is as it mostly is; says whether it was.
    #[inline(never)]
    fn receive_data(&mut self, input: &mut Input<'_>) -> bool {
        let Some((stream, len, end)) = self.http2.ordinary_data(input) else { return false };
        self.data(stream, input, len, end);
        true
    }

    /// Takes any frame, or a part of one; says whether there was any.
    #[inline(never)]
    fn receive_other(&mut self, input: &mut Input<'_>) -> bool {
        if self.side == Side::Client
            && let Some((stream, part)) = self.http2.known_reply(input)
        {
            match part {
                Part::Trailers => self.trailers(stream, false),
                _ => self.response(stream, false, false),
            }
            return true;
        }
        let step = self.http2.receive_step(self.now, input);
        self.follow(step, input);
        !matches!(step, Step::Idle | Step::Closed)
    }

    /// Does what follows from a frame.
    #[inline(never)]
    fn follow(&mut self, step: Step, input: &mut Input<'_>) {
        match step {
            Step::Idle | Step::Nothing | Step::Closed => {}
            Step::Headers { stream, part: Part::Request, end_stream, oversized, .. } => {
                self.request(stream, end_stream, oversized, input);
            }
            Step::Ready => self.flags.raise(Flags::READY),
            Step::Headers { stream, part: Part::Response, end_stream, oversized, .. } => {
                self.response(stream, end_stream, oversized);
            }
            Step::Headers { stream, part: Part::Trailers, oversized, .. } => match self.side {
                Side::Client => self.trailers(stream, oversized),
                // G-033: request trailers are a half-close; their fields say nothing in gRPC.
                Side::Server => self.half_closed(stream),
            },
            Step::Data { stream, len } => self.data(stream, input, len, false),
            Step::End { stream } => self.data_ended(stream),
            Step::Reset { stream, code, origin, reason } => self.was_reset(stream, code, origin, reason),
            Step::GoAway { .. } => {
                self.note_too_many_pings();
                self.go_away();
            }
        }
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        if self.flags == Flags::default() {
            if !self.http2.has_notices() {
                return None;
            }
            if let Some((stream, common)) = self.http2.front_noticed()
                && let Some(event) = event_of(stream, common)
            {
                return Some(event);
            }
        }
        self.poll_any_event()
    }

    /// As [`Engine::poll_event`], where the connection has something to tell of itself, or the first in line has nothing.
    #[cold]
    #[inline(never)]
    fn poll_any_event(&mut self) -> Option<Event> {
        if let Some(event) = self.flags.take() {
            return Some(event);
        }
        while let Some((stream, common)) = self.http2.next_noticed() {
            if let Some(event) = event_of(stream, common) {
                return Some(event);
            }
        }
        self.flags.take_closed()
    }
}

/// Takes the first event of a call, which leaves the line with its last one.
#[inline(always)]
fn event_of(stream: &mut Stream<CallState>, common: &mut Common) -> Option<Event> {
    let event = stream.upper.events.take();
    let id = CallId(stream.key());
    if stream.upper.events.is_empty() {
        common.clear_first_notice(stream);
    }
    match event? {
        Events::OPENED => Some(Event::Opened(id)),
        Events::STOPPED => Some(Event::Stopped(id)),
        Events::READABLE => Some(Event::Readable(id)),
        Events::WRITABLE => Some(Event::Writable(id)),
        _ => None,
    }
}
