//! A server's calls: what requests mean, and how they are answered without the application.

use super::client::grpc_fields;
use super::engine::{Engine, REJECTION_PATIENCE, held_size};
use super::inbox::{Encoding, is_only_message};
use super::state::{CONTENT_TYPE, CallState, End, Events, Head, Sending, Stage, Stop, response_head};
use crate::config::{Settings, TIMEOUT};
use crate::error::Misuse;
use crate::frame::ErrorCode;
use crate::grpc::encoding::parse_list;
use crate::grpc::reserved::{self, is_reserved};
use crate::grpc::timeout;
use crate::grpc::{
    CARDINALITY_VIOLATION, Code, Kind, Layer, Metadata, Rejection, RejectionReason, RequestParts, RequestRules, Side,
    Status, UsualRequest,
};
use crate::hpack::{Field, FieldBlock, Shape, Start};
use crate::http2::{Input, StreamKey, find_body};
use crate::time::Instant;
use alloc::boxed::Box;
use core::time::Duration;

/// The longest `content-type` that a response echoes (G-036): it is kept for as long as the call.
const LONGEST_ECHO: usize = 64;

/// The codings of a config that one call can remember.
const MAX_CODINGS: usize = 8;

/// What a request says of its call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    /// In nanoseconds; as many as can be counted where there is none.
    timeout: u64,
    encoding: Encoding,
    /// Bits of the config's codings that the client accepts.
    accepted: u8,
    /// The response says plain `application/grpc`, and not what the request says.
    plain_content_type: bool,
}

impl Reading {
    /// Of a request whose pseudo-headers are known to be usual where `judged` says so.
    fn new(settings: &Settings, block: &FieldBlock, oversized: bool, judged: bool) -> Result<Self, Rejection> {
        let usual = match (oversized, judged) {
            (true, _) => None,
            (false, false) => UsualRequest::parse(grpc_fields(block)),
            (false, true) => UsualRequest::parse_behind_usual(grpc_fields(block)),
        };
        if let Some(usual) = usual
            && (usual.has_te || !settings.require_te)
            && !(usual.lists_codings && settings.accept_encoding().is_some())
        {
            let timeout = nanos(usual.timeout);
            return Ok(Self { timeout, encoding: Encoding::Identity, accepted: 0, plain_content_type: true });
        }
        let mut rules = RequestRules::new(&settings.codings);
        (rules.require_te, rules.oversized) = (settings.require_te, oversized);
        let parts = RequestParts::parse(grpc_fields(block), &rules)?;
        let codings = parse_list(settings.codings.as_str().as_bytes()).skip(1).take(MAX_CODINGS).enumerate();
        let accepted = codings.fold(0u8, |bits, (at, name)| {
            let accepts = core::str::from_utf8(name).is_ok_and(|name| parts.accepts(name));
            bits | (u8::from(accepts) << at)
        });
        Ok(Self {
            timeout: nanos(parts.timeout),
            encoding: if parts.encoding.is_some() { Encoding::Known } else { Encoding::Identity },
            accepted,
            plain_content_type: parts.content_type.is_plain() || parts.content_type.as_str().len() > LONGEST_ECHO,
        })
    }
}

/// What a request said, for those with the same fields but for some values.
#[derive(Clone, Copy, Debug)]
struct KnownRequest {
    shape: Shape,
    reading: Reading,
    /// Which of its literals is the timeout.
    timeout: Option<u8>,
}

impl KnownRequest {
    /// `None` where such a request may say something else.
    fn new(reading: Reading, start: &Start, block: &FieldBlock) -> Option<Self> {
        let mut read = start.literals(block).enumerate().filter(|(_, field)| !is_free(*field));
        let timeout = match (read.next(), read.next()) {
            (None, _) => None,
            (Some((at, field)), None) if field.name == TIMEOUT => Some(at as u8),
            _ => return None,
        };
        let known = Self { shape: start.shape, reading, timeout };
        // It is the only timeout, or another one counts.
        known.read(start, block).filter(|again| again.timeout == reading.timeout)?;
        let timeouts = block.fields().filter(|field| field.name == TIMEOUT).count();
        (timeouts < 2).then_some(known)
    }

    /// What a request of this shape says; `None` where that has to be looked at.
    #[inline]
    fn read(&self, start: &Start, block: &FieldBlock) -> Option<Reading> {
        let Some(at) = self.timeout else { return Some(self.reading) };
        let timeout = timeout::parse(start.literal(usize::from(at), block)?.value).ok();
        let timeout = timeout.filter(|timeout| !timeout.is_zero())?;
        Some(Reading { timeout: nanos(Some(timeout)), ..self.reading })
    }
}

/// Requests that were read in full, and what they said, the last one first.
#[derive(Clone, Debug, Default)]
pub(super) struct KnownRequests([Option<KnownRequest>; 4]);

impl KnownRequests {
    /// Reads a request. One with the fields of an earlier one, but for the values of metadata and of the timeout, and with
    /// nothing but metadata behind, says the same. `None` for any other.
    #[inline(always)]
    fn read(&self, start: Option<&Start>, block: &FieldBlock) -> Option<Reading> {
        let start = start.filter(|start| start.rest(block).all(is_free))?;
        let known = self.0.iter().flatten().find(|known| known.shape == start.shape)?;
        known.read(start, block)
    }

    /// A request was read in full, and said this.
    #[inline(never)]
    fn learn(&mut self, reading: Reading, start: Option<&Start>, block: &FieldBlock) {
        let start = start.filter(|start| start.rest(block).all(is_free));
        if let Some(known) = start.and_then(|start| KnownRequest::new(reading, start, block)) {
            self.0.rotate_right(1);
            self.0[0] = Some(known);
        }
    }
}

/// Whether a field of a request is nothing but metadata.
fn is_free(field: Field<'_>) -> bool {
    !is_reserved(field.name, reserved::Block::Request)
}

fn nanos(timeout: Option<Duration>) -> u64 {
    timeout.and_then(|timeout| u64::try_from(timeout.as_nanos()).ok()).unwrap_or(u64::MAX)
}

const TOO_MANY: &str = "the method takes one message, and the client sent more (G-080)";

impl CallState {
    /// Whether the method has one response message, and it was not sent.
    fn owes_a_message(&self) -> bool {
        self.kind_known && !self.kind.server_streams() && self.sent == 0
    }

    /// The rule that the messages of a server's call break, as far as they have arrived.
    fn wrong_cardinality(&self) -> Option<&'static str> {
        if !self.is_open() || !self.kind_known || self.kind.client_streams() {
            return None;
        }
        match (self.received, self.end) {
            (0, End::HalfClosed) => Some("the method takes one message, and the client sent none (G-080)"),
            (0, _) => None,
            (1, _) if self.inbox.missing() == 0 => None,
            _ => Some(TOO_MANY),
        }
    }
}

impl Engine {
    /// A client opened a stream. Its message is taken with it, if that is all that it goes on with and lies at the front of
    /// the input.
    #[inline(always)]
    pub(super) fn request(&mut self, key: StreamKey, end_stream: bool, oversized: bool, input: &mut Input<'_>) {
        self.trim_at = Instant::MAX;
        let block = self.http2.take_fields();
        let held_headers = self.held_headers + held_size(&block);
        if held_headers > self.settings.limits.held_headers as usize {
            // Nothing of it was processed, so the client may try again (G-155).
            self.http2.refuse_stream(self.now, key);
            self.http2.pool_mut().give_block(block);
            return self.drop_call(key);
        }
        let known = if oversized { None } else { self.known_requests.read(self.http2.block_start(), &block) };
        let reading = match known {
            Some(reading) => reading,
            None => match self.read_request(key, &block, oversized) {
                Ok(reading) => reading,
                Err(rejection) => {
                    self.http2.pool_mut().give_block(block);
                    return self.reject(key, rejection, end_stream);
                }
            },
        };
        let deadline = Instant::from_nanos(self.now.as_nanos().saturating_add(reading.timeout));
        let content_type = if reading.plain_content_type {
            None
        } else {
            let pool = self.http2.pool_mut();
            let mut echo = pool.take_block();
            block.fields().filter(|field| field.name == CONTENT_TYPE).take(1).for_each(|field| echo.push(field));
            pool.keep(echo)
        };
        self.held_headers = held_headers;
        if deadline != Instant::MAX {
            self.add_timer(deadline, key);
        }
        let (most, frame) = (self.settings.small_received, self.http2.max_frame_size());
        let Some((stream, common)) = self.http2.at(key) else { return };
        let body = find_body(stream, common, input, frame).filter(|body| is_only_message(body.payload, most));
        let call = &mut stream.upper;
        (call.head, call.head_block) = (Head::Held, common.pool.keep(block));
        call.accepted = reading.accepted;
        call.receive_encoding = reading.encoding;
        if content_type.is_some() {
            call.own_head = content_type;
        }
        call.deadline = deadline;
        call.events.add(Events::OPENED);
        if let Some(body) = &body {
            call.inbox.put_only(&mut common.pool, body.payload);
            call.received = 1;
        }
        if end_stream || body.is_some() {
            call.end = End::HalfClosed;
            // What there is to read is told with it.
            call.tell_head();
        }
        common.notice(stream);
        if let Some(body) = body {
            stream.take_body(body.payload.len() as u32);
            self.http2.take_body(&body, input);
        }
    }

    /// Reads a request in full.
    #[inline(never)]
    fn read_request(&mut self, key: StreamKey, block: &FieldBlock, oversized: bool) -> Result<Reading, Rejection> {
        let judged = self.http2.is_usual_request(key);
        let reading = Reading::new(&self.settings, block, oversized, judged)?;
        if !oversized {
            self.known_requests.learn(reading, self.http2.block_start(), block);
        }
        Ok(reading)
    }

    /// The request is refused, without the application.
    fn reject(&mut self, key: StreamKey, rejection: Rejection, end_stream: bool) {
        let in_full = matches!(rejection.reason(), RejectionReason::ContentType | RejectionReason::Method);
        if let Some(call) = self.http2.get_mut(key) {
            call.stage = Stage::Rejected;
            call.rare().rejection = Some(rejection);
        }
        // G-018: an answer with a body waits for the request, as generic HTTP clients expect.
        if end_stream || !in_full {
            return self.answer_rejected(key);
        }
        self.add_timer(self.now.saturating_add(REJECTION_PATIENCE), key);
    }

    /// Begins the answer to a refused request; it goes out at the next transmit.
    pub(super) fn answer_rejected(&mut self, key: StreamKey) {
        let short = self.told_at_length;
        let Some(call) = self.http2.get(key) else { return };
        let Some(rejection) = call.rare.as_ref().and_then(|rare| rare.rejection.as_ref()) else { return };
        if call.stage != Stage::Rejected || call.sending != Sending::NoHead {
            return;
        }
        let body = rejection.body(short).map(alloc::string::String::from);
        if let Some(call) = self.http2.get_mut(key) {
            call.sending = if body.is_some() { Sending::Closed } else { Sending::TrailersOnly };
        }
        self.told_at_length |= body.is_some();
        if let Some(body) = body {
            self.http2.send(key, |buffer| buffer.extend_from_slice(body.as_bytes()));
            self.http2.watch_queue(key, 0);
            self.http2.end(key, false);
        }
        self.http2.begin(key);
    }

    /// The client has sent all it will (G-077).
    pub(super) fn half_closed(&mut self, key: StreamKey) {
        let Some((stream, common)) = self.http2.at(key) else { return };
        let call = &mut stream.upper;
        match call.stage {
            Stage::Rejected => return self.answer_rejected(key),
            Stage::Open => {}
            _ => return,
        }
        if call.inbox.is_inside_message() {
            let rule = "the request ended inside a message (G-073)";
            return self.fail(key, Status::local(Side::Server, Code::Internal, rule), Stop::PeerFault);
        }
        call.end = End::HalfClosed;
        self.grown_octets -= core::mem::take(&mut call.grown);
        if let Some(rule) = call.wrong_cardinality() {
            return self.wrong_cardinality(key, rule);
        }
        if call.tell_readable(crate::http2::Side::Server) {
            common.notice(stream);
        }
    }

    /// The application told what kind of method this is.
    pub(crate) fn expect(&mut self, key: StreamKey, kind: Kind) -> Result<(), Misuse> {
        let Some(call) = self.http2.get_mut(key).filter(|call| call.is_open()) else { return Ok(()) };
        if call.kind_known && call.kind != kind {
            return Err(Misuse::KindKnown);
        }
        (call.kind, call.kind_known) = (kind, true);
        if let Some(rule) = call.wrong_cardinality() {
            self.wrong_cardinality(key, rule);
        }
        Ok(())
    }

    /// G-080: exactly one request message where the client does not stream.
    pub(super) fn check_cardinality(&mut self, key: StreamKey) {
        if let Some(rule) = self.http2.get(key).and_then(CallState::wrong_cardinality) {
            self.wrong_cardinality(key, rule);
        }
    }

    pub(super) fn server_too_many_messages(&mut self, key: StreamKey) {
        self.wrong_cardinality(key, TOO_MANY);
    }

    fn wrong_cardinality(&mut self, key: StreamKey, rule: &'static str) {
        self.drop_messages(key);
        self.fail(key, Status::local(Side::Server, CARDINALITY_VIOLATION, rule), Stop::PeerFault);
    }

    /// Ends a server's call with a status of our own; the application still has to let go of it (G-072).
    pub(super) fn server_fail(&mut self, key: StreamKey, status: &Status, stop: Stop) {
        self.say_trailers(key, status, &Metadata::new());
        self.tell_stopped(key, stop);
    }

    /// RST_STREAM ended a server's call (G-135). One that was not shown yet never will be.
    pub(super) fn server_was_reset(&mut self, key: StreamKey, stop: Stop) {
        let Some(call) = self.http2.get_mut(key) else { return };
        let unseen = call.events.take().is_some_and(|first| {
            call.events.add(first);
            first == Events::OPENED
        });
        if unseen || !call.is_shown() {
            return self.drop_call(key);
        }
        if call.is_open() {
            self.tell_stopped(key, stop);
        }
    }

    /// The deadline of a server's call passed (G-131).
    pub(super) fn server_deadline(&mut self, key: StreamKey) {
        let answer = self.settings.answer_expired;
        let Some(call) = self.http2.get(key) else { return };
        if answer && call.sending == Sending::NoHead {
            let rule = "the deadline of the call passed (G-131)";
            let status = Status::local(Side::Server, Code::DeadlineExceeded, rule);
            self.say_trailers(key, &status, &Metadata::new());
        } else {
            self.http2.reset(key, ErrorCode::CANCEL);
        }
        self.tell_stopped(key, Stop::DeadlineExceeded);
    }

    /// The application allows a call less time than its client does (G-137).
    pub(crate) fn limit_deadline(&mut self, key: StreamKey, deadline: Instant) {
        let now = self.now;
        let Some(call) = self.http2.get_mut(key).filter(|call| call.is_open() && deadline < call.deadline) else {
            return;
        };
        call.deadline = deadline;
        if deadline <= now {
            return self.deadline_passed(key);
        }
        self.add_timer(deadline, key);
    }

    /// The application lets go of a call whose end is on its way or over.
    pub(crate) fn let_go(&mut self, key: StreamKey) {
        let ended = self.http2.is_ended();
        let Some((stream, common)) = self.http2.at(key) else { return };
        let answering = matches!(stream.upper.sending, Sending::Closed | Sending::TrailersOnly);
        if !answering || ended || stream.is_closed() {
            return self.drop_call(key);
        }
        stream.upper.stage = Stage::Finished;
        stream.upper.events.clear();
        common.clear_notice(stream);
        if !stream.upper.has_nothing() {
            self.return_growth(key);
            self.stop_borrowing(key);
            self.drop_messages(key);
        }
    }

    /// Writes the end of a server's call down: trailers, or Trailers-Only where nothing was said before (G-039).
    pub(super) fn say_trailers(&mut self, key: StreamKey, status: &Status, metadata: &Metadata) {
        let Some(stream) = self.http2.stream(key) else { return };
        let sending = stream.upper.sending;
        if matches!(sending, Sending::Closed | Sending::TrailersOnly) || stream.is_closed() {
            return;
        }
        let only = sending == Sending::NoHead;
        let plain = is_plain(status, metadata);
        let block = if plain { None } else { self.trailers_block(key, status, metadata, only) };
        if block.is_none() && !plain {
            // G-059: not even the status fits what the client accepts.
            self.http2.reset(key, ErrorCode::INTERNAL_ERROR);
            return;
        }
        let Some((stream, common)) = self.http2.at(key) else { return };
        let block = block.and_then(|block| common.pool.keep(block));
        let call = &mut stream.upper;
        call.sending = if only { Sending::TrailersOnly } else { Sending::Closed };
        call.own_code = status.code();
        // There are some already where this status takes the place of a response that cannot be sent.
        common.pool.give_kept(core::mem::replace(&mut call.trailers, block));
        if only {
            common.begin(stream);
        } else {
            common.end(stream, true);
        }
    }

    fn trailers_block(
        &mut self,
        key: StreamKey,
        status: &Status,
        metadata: &Metadata,
        only: bool,
    ) -> Option<Box<FieldBlock>> {
        let content_type = self.http2.get(key).map_or(0, |call| response_head(&call.own_head).0.value.len());
        let codings = self.settings.accept_encoding();
        let head = if only { crate::grpc::Trailers::only_overhead("", codings) + content_type } else { 0 };
        let limit = self.http2.peer_max_header_list_size() as usize;
        let mut scratch = core::mem::take(&mut self.scratch);
        let mut block = self.http2.pool_mut().take_block();
        let fits = match crate::grpc::Trailers::within(status, metadata, head, limit, &mut scratch) {
            Some(trailers) => {
                trailers.fields().for_each(|field| block.push(crate::config::wire_field(field)));
                true
            }
            None => false,
        };
        self.scratch = scratch;
        if fits {
            return Some(block);
        }
        self.http2.pool_mut().give_block(block);
        None
    }

    /// `finish`: cannot fail, since the application has nothing left to say.
    #[inline]
    pub(crate) fn finish(&mut self, key: StreamKey, status: &Status, metadata: &Metadata) {
        if !self.finish_plainly(key, status, metadata) {
            self.finish_unusually(key, status, metadata);
        }
    }

    #[cold]
    fn finish_unusually(&mut self, key: StreamKey, status: &Status, metadata: &Metadata) {
        let Some(call) = self.http2.get(key) else { return };
        if call.is_open() {
            let owes = call.owes_a_message();
            if status.is_ok() && owes {
                let rule = "the handler finished with OK and without the one message of the method (G-040)";
                let code = Code::Internal;
                let status = Status::explained(Side::Server, Layer::Application, code, code.retry(), rule);
                self.say_trailers(key, &status, metadata);
            } else {
                self.say_trailers(key, status, metadata);
            }
        }
        self.let_go(key);
    }

    /// As most calls end: with OK and nothing more, when messages were sent and nothing is left to read. Says whether it did.
    #[inline]
    fn finish_plainly(&mut self, key: StreamKey, status: &Status, metadata: &Metadata) -> bool {
        if !is_plain(status, metadata) || !status.is_ok() || self.http2.is_ended() {
            return false;
        }
        let Some((stream, common)) = self.http2.at(key) else { return false };
        let is_closed = stream.is_closed();
        let call = &mut stream.upper;
        let goes_on = matches!((call.stage, call.sending), (Stage::Open, Sending::Messages)) && !is_closed;
        if !goes_on || call.owes_a_message() || !call.has_nothing() {
            return false;
        }
        (call.stage, call.sending, call.own_code) = (Stage::Finished, Sending::Closed, Code::Ok);
        call.events.clear();
        common.clear_notice(stream);
        common.end(stream, true);
        true
    }
}

/// Whether trailers say no more than the status's code.
#[inline]
fn is_plain(status: &Status, metadata: &Metadata) -> bool {
    status.message().is_empty() && status.details().is_empty() && metadata.is_empty()
}

#[cfg(test)]
mod tests;
