//! A client's calls: what responses mean.

use super::engine::{Engine, held_size};
use super::inbox::Encoding;
use super::state::{CallState, End, Head, LocalEnd, Sending, Stage, Stop};
use crate::config::{RequestTemplate, is_authority};
use crate::error::{Misuse, OpenError};
use crate::event::CallId;
use crate::frame::ErrorCode;
use crate::grpc::outcome::HeadSummary;
use crate::grpc::{
    CARDINALITY_VIOLATION, Code, Field, Layer, ResponseParts, Retry, Side, Status, TrailersParts, content_type, outcome,
};
use crate::hpack::FieldBlock;
use crate::http2::{ConnectionError, Origin, StreamKey};
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::{format, string::String};

/// A kept block's fields as the gRPC layer reads them.
pub(super) fn grpc_fields(block: &FieldBlock) -> impl Iterator<Item = Field<'_>> + Clone {
    block.fields().map(|field| (field.name, field.value, field.sensitive))
}

const NO_MESSAGE: &str = "the method returns one message, and the server sent none (G-081)";

impl Engine {
    /// Opens a call. Its header list is written down now, and sent when the server's limit allows.
    pub(crate) fn open(&mut self, options: &OpenOptions<'_>) -> Result<CallId, OpenError> {
        let mut block = self.http2.pool_mut().take_used_block();
        let written = self.write_request_head(options, &mut block);
        if let Err(error) = written {
            self.http2.pool_mut().give_block(block);
            return Err(error);
        }
        let (stream, common) = match self.http2.open_in_place() {
            Ok(opened) => opened,
            Err(error) => {
                self.http2.pool_mut().give_block(block);
                self.open_armed |= error == crate::http2::OpenError::Full;
                self.http2.stir();
                let full = error == crate::http2::OpenError::Full;
                return Err(if full { OpenError::Full } else { OpenError::Draining });
            }
        };
        let key = stream.key();
        let call = &mut stream.upper;
        (call.kind, call.kind_known, call.sending) = (options.method.kind(), true, Sending::Messages);
        call.may_send_compressed = options.encoding.is_some();
        call.own_head = common.pool.keep(block);
        call.progress = self.now;
        self.trim_at = Instant::MAX;
        if self.management.call_opened() {
            common.stir();
        }
        if let Some(deadline) = options.deadline {
            call.deadline = deadline;
            self.add_timer(deadline, key);
            if deadline <= self.now {
                // G-125: nothing is sent.
                self.deadline_passed(key);
            }
        }
        Ok(CallId(key))
    }

    /// Writes the header list of a request, in place of what `block` has.
    #[inline]
    fn write_request_head(&mut self, options: &OpenOptions<'_>, block: &mut FieldBlock) -> Result<(), OpenError> {
        let path = options.method.path();
        let (now, timeouts) = (self.now, &mut self.timeouts);
        let remaining = options.deadline.map(|deadline| deadline.as_nanos().saturating_sub(now.as_nanos()));
        let mut spell = || options.deadline.map(|deadline| timeouts.spell(now, deadline));
        let sound = if !options.is_usual() {
            let timeout = spell();
            self.unusual_request(options)?.write(path, timeout.as_ref(), options.metadata, block)
        } else if options.metadata.records().is_some() {
            let last = self.last_start.get_or_insert_default();
            self.settings.request.write_after(last, path, remaining, spell, options.metadata, block)
        } else {
            // What may be refused is not to be remembered.
            self.settings.request.write(path, spell().as_ref(), options.metadata, block)
        };
        if sound { Ok(()) } else { Err(OpenError::Misuse(Misuse::ReservedMetadata)) }
    }

    /// What the config says of every request, and the options of this one.
    #[cold]
    fn unusual_request(&self, options: &OpenOptions<'_>) -> Result<RequestTemplate, OpenError> {
        let settings = &self.settings;
        let mut subtype = String::new();
        if let Some(name) = options.content_subtype {
            subtype = content_type::with_subtype(name).ok_or(OpenError::Malformed)?;
        }
        if options.encoding.is_some_and(|name| !settings.knows(name.as_bytes())) {
            return Err(OpenError::UnknownEncoding);
        }
        if options.authority.is_some_and(|name| !is_authority(name)) {
            return Err(OpenError::Malformed);
        }
        let mut head = settings.request_head(options.method.path());
        head.authority = options.authority.or(head.authority).filter(|name| !name.is_empty());
        if !subtype.is_empty() {
            head.content_type = &subtype;
        }
        head.encoding = options.encoding;
        head.previous_attempts = options.previous_attempts;
        Ok(RequestTemplate::new(&head))
    }

    /// Response-Headers, or Trailers-Only where the stream ends with them.
    pub(super) fn response(&mut self, key: StreamKey, end_stream: bool, oversized: bool) {
        let number = self.http2.block_number();
        if let Some((usual, summary, encoding)) = self.usual_response
            && Some(usual) == number
            && summary.is_grpc
            && !end_stream
        {
            return self.note_usual_head(key, summary, encoding);
        }
        let block = self.http2.take_fields();
        let (summary, encoding) = match self.read_response(&block, oversized) {
            Ok(read) => read,
            Err(status) => {
                self.http2.pool_mut().give_block(block);
                let retry = if oversized { Retry::Useless } else { status.code().retry() };
                return self.fail_as(key, status, retry, Stop::PeerFault);
            }
        };
        self.usual_response = number.map(|number| (number, summary, encoding));
        if !self.has_room_for(&block) {
            return self.no_room_for(key, block);
        }
        self.held_headers += held_size(&block);
        let Some((stream, common)) = self.http2.at(key) else { return };
        let call = &mut stream.upper;
        (call.response, call.receive_encoding) = (summary, encoding);
        let block = common.pool.keep(block);
        if end_stream {
            let none = FieldBlock::new();
            let status = read_trailers(call, block.as_deref().unwrap_or(&none), true);
            call.trailers = block;
            return self.end_with_trailers(key, status, true);
        }
        if !summary.is_grpc {
            call.stage = Stage::Foreign;
        }
        (call.head, call.head_block) = (Head::Held, block);
        if call.tell_readable(crate::http2::Side::Client) {
            common.notice(stream);
        }
    }

    /// The head that most responses have. It takes no memory of its own, so it does not count for `held_headers`.
    fn note_usual_head(&mut self, key: StreamKey, summary: HeadSummary, encoding: Encoding) {
        let Some((stream, common)) = self.http2.at(key) else { return };
        let call = &mut stream.upper;
        (call.response, call.receive_encoding, call.head) = (summary, encoding, Head::Usual);
        if call.tell_readable(crate::http2::Side::Client) {
            common.notice(stream);
        }
        self.http2.hold_response();
    }

    /// Whether a received header list may be kept until it is read.
    fn has_room_for(&self, block: &FieldBlock) -> bool {
        self.held_headers + held_size(block) <= self.settings.limits.held_headers as usize
    }

    /// It may not, so its call ends.
    #[cold]
    fn no_room_for(&mut self, key: StreamKey, block: Box<FieldBlock>) {
        self.http2.pool_mut().give_block(block);
        let rule = "held_headers: too many header lists wait to be read";
        self.fail(key, Status::local(Side::Client, Code::ResourceExhausted, rule), Stop::PeerFault);
    }

    fn read_response(&self, block: &FieldBlock, oversized: bool) -> Result<(HeadSummary, Encoding), Status> {
        if oversized {
            return Err(too_large_headers());
        }
        let parts = ResponseParts::parse(grpc_fields(block))?;
        let encoding = match parts.encoding {
            None => Encoding::Identity,
            Some(name) if self.settings.knows(name) => Encoding::Known,
            Some(_) => Encoding::Unknown,
        };
        Ok((parts.summary(), encoding))
    }

    /// Trailers after messages.
    pub(super) fn trailers(&mut self, key: StreamKey, oversized: bool) {
        if oversized {
            return self.fail_as(key, too_large_headers(), Retry::Useless, Stop::PeerFault);
        }
        let Some(call) = self.http2.get(key) else { return };
        if call.stage == Stage::Foreign {
            return self.end_foreign(key);
        }
        let (response, number) = (call.response, self.http2.block_number());
        let plain = HeadSummary { http_status: 200, is_grpc: true };
        if number.is_some() && number == self.usual_trailers && response == plain {
            return self.end_with_trailers(key, Status::ok(), false);
        }
        let block = self.http2.take_fields();
        if !self.has_room_for(&block) {
            return self.no_room_for(key, block);
        }
        let Some(call) = self.http2.get(key) else { return };
        let status = read_trailers(call, &block, false);
        // Nobody would see the one field of trailers that only say OK.
        if status == Status::ok() && response == plain && block.len() == 1 {
            self.usual_trailers = number.or(self.usual_trailers);
            self.http2.pool_mut().give_block(block);
            return self.end_with_trailers(key, status, false);
        }
        self.held_headers += held_size(&block);
        let Some((stream, common)) = self.http2.at(key) else { return };
        stream.upper.trailers = common.pool.keep(block);
        self.end_with_trailers(key, status, false);
    }

    /// The trailers that the call has been given stand for this status.
    fn end_with_trailers(&mut self, key: StreamKey, status: Status, only: bool) {
        let Some((stream, common)) = self.http2.at(key) else { return };
        let all_sent = stream.is_send_ended();
        let call = &mut stream.upper;
        let verdict = match status.code() {
            Code::Ok if call.inbox.is_inside_message() => Some("the response ended inside a message (G-061)"),
            // G-081
            Code::Ok if !call.kind.server_streams() && call.received == 0 => Some(NO_MESSAGE),
            _ => None,
        };
        if verdict.is_none() && all_sent && status == Status::ok() && call.is_plain() {
            // All is as it should be.
            call.end = End::Trailers { only, plain: true };
            if call.tell_readable(crate::http2::Side::Client) {
                common.notice(stream);
            }
            return self.tell_writable(key);
        }
        match verdict {
            Some(rule) => {
                let code = if rule == NO_MESSAGE { CARDINALITY_VIOLATION } else { Code::Internal };
                let status = Status::local(Side::Client, code, rule);
                call.end_here(LocalEnd::new(status, Origin::Local));
            }
            None => call.end = End::Trailers { only, plain: status == Status::ok() },
        }
        if status.code() != Code::Ok && !call.kind.server_streams() {
            // G-082: the status counts, not the message before it.
            self.drop_messages(key);
        }
        self.receiving_ended(key);
    }

    /// END_STREAM on DATA (G-052).
    pub(super) fn ended_by_data(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get(key) else { return };
        if call.stage == Stage::Foreign {
            return self.end_foreign(key);
        }
        let status = outcome::from_data_end(call.response);
        self.end_locally(key, LocalEnd::new(status, Origin::Local));
        self.receiving_ended(key);
    }

    /// G-048: the response is not gRPC; enough of it was seen.
    pub(super) fn end_foreign(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get(key) else { return };
        if call.stage != Stage::Foreign {
            return;
        }
        let none = FieldBlock::new();
        let head = call.head_block.as_deref().unwrap_or(&none);
        let body = call.rare.as_ref().map_or(&[][..], |rare| &rare.body);
        let content_type = head.fields().find(|field| field.name == b"content-type").map(|field| field.value);
        let status = outcome::not_grpc(call.response.http_status, content_type, body);
        self.fail(key, status, Stop::PeerFault);
    }

    /// The peer's half is over: what we still had to send is of no use (G-043).
    fn receiving_ended(&mut self, key: StreamKey) {
        self.stop_borrowing(key);
        self.drop_partial(key);
        if !self.http2.is_send_ended(key) {
            self.http2.reset(key, ErrorCode::NO_ERROR);
        }
        self.tell_writable(key);
        self.tell_readable(key);
    }

    /// Gives a client's call its outcome, unless it has one.
    pub(super) fn end_locally(&mut self, key: StreamKey, end: LocalEnd) {
        if let Some(call) = self.http2.get_mut(key)
            && !call.has_ended()
        {
            call.end_here(end);
        }
    }

    /// G-081: the second message of one that was due; no need to wait for trailers.
    pub(super) fn client_too_many_messages(&mut self, key: StreamKey) {
        self.drop_messages(key);
        let rule = "the method returns one message, and the server sent more (G-081)";
        self.fail(key, Status::local(Side::Client, CARDINALITY_VIOLATION, rule), Stop::PeerFault);
    }

    /// RST_STREAM ended a client's call (G-150 to G-153, G-184).
    pub(super) fn client_was_reset(&mut self, key: StreamKey, code: ErrorCode, origin: Origin, reason: &'static str) {
        let Some(call) = self.http2.get(key) else { return };
        if call.has_ended() {
            return;
        }
        let head = (call.response.http_status != 0).then_some(call.response);
        let expired = call.deadline <= self.now;
        let (status, stop) = match origin {
            // G-132
            Origin::Peer if code == ErrorCode::CANCEL && expired => {
                (deadline_exceeded(Retry::IfIdempotent), Stop::DeadlineExceeded)
            }
            Origin::Peer => (outcome::from_reset(head, code.0), Stop::Cancelled),
            _ => {
                let code = Code::Internal;
                (Status::explained(Side::Client, Layer::Http2, code, code.retry(), reason), Stop::PeerFault)
            }
        };
        let unprocessed = origin == Origin::Peer && code == ErrorCode::REFUSED_STREAM && head.is_none();
        let retry = if unprocessed { Retry::Safe } else { status.code().retry() };
        self.end_locally(key, LocalEnd { status, origin, unprocessed, retry });
        self.tell_stopped(key, stop);
    }

    /// GOAWAY (G-174, G-175): what the server did not process ends, and may be tried elsewhere.
    pub(super) fn go_away(&mut self) {
        if self.side == crate::http2::Side::Server {
            return; // G-181
        }
        self.for_each_call(|engine, key| {
            if !engine.http2.is_closed(key) || engine.http2.get(key).is_none_or(CallState::has_ended) {
                return;
            }
            let rule = "the server is going away (GOAWAY, RFC 9113 section 6.8) and did not process this call";
            let unprocessed = engine.http2.get(key).is_some_and(|call| call.response.http_status == 0);
            let retry = if unprocessed { Retry::Safe } else { Retry::IfIdempotent };
            let status = Status::explained(Side::Client, Layer::Http2, Code::Unavailable, retry, rule);
            engine.end_locally(key, LocalEnd { status, origin: Origin::Peer, unprocessed, retry });
            engine.tell_stopped(key, Stop::ConnectionLost);
        });
    }

    /// The connection ended: each call ends exactly once (G-136, G-156, G-178).
    pub(super) fn end_all_calls(&mut self) {
        let why = self
            .http2
            .error()
            .map_or_else(|| String::from("HTTP/2: the connection was closed"), |error| format!("{error}"));
        // Whoever does not speak HTTP/2 processed nothing.
        let not_http2 = self.http2.error().is_some_and(ConnectionError::is_other_protocol);
        self.for_each_call(|engine, key| {
            let Some(call) = engine.http2.get(key) else { return };
            if !call.is_shown() {
                return engine.drop_call(key);
            }
            if !call.is_open() {
                return;
            }
            if engine.side == crate::http2::Side::Client {
                if call.has_ended() {
                    return;
                }
                let unprocessed = not_http2 || !engine.http2.is_head_sent(key);
                let retry = if unprocessed { Retry::Safe } else { Retry::IfIdempotent };
                // The connection's error names the layer.
                let status = Status::of(Side::Client, Code::Unavailable, format_args!("{why}; retry: {retry}"));
                engine.end_locally(key, LocalEnd { status, origin: Origin::Transport, unprocessed, retry });
            }
            engine.tell_stopped(key, Stop::ConnectionLost);
        });
    }
}

/// The outcome that trailers stand for.
pub(super) fn read_trailers(call: &CallState, block: &FieldBlock, only: bool) -> Status {
    let parts = TrailersParts::parse(grpc_fields(block));
    if only {
        let content_type = block.fields().find(|field| field.name == b"content-type").map(|field| field.value);
        outcome::from_trailers_only(call.response, content_type, &parts)
    } else {
        outcome::from_trailers(call.response, &parts)
    }
}

/// G-130; safe to try again where nothing of the call was sent.
pub(super) fn deadline_exceeded(retry: Retry) -> Status {
    let rule = "the deadline of the call passed (G-130)";
    Status::explained(Side::Client, Layer::Grpc, Code::DeadlineExceeded, retry, rule)
}

fn too_large_headers() -> Status {
    let rule = "max_header_list: the server's header list is too large";
    Status::explained(Side::Client, Layer::Http2, Code::ResourceExhausted, Retry::Useless, rule)
}
