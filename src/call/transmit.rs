//! Transmitting: header blocks are written at the moment they are sent.

use super::client::deadline_exceeded;
use super::engine::Engine;
use super::state::{Coding, Sending, Stage, Stop, response_head};
use crate::buffer::WriteBuf;
use crate::config::{Settings, TIMEOUT, wire_field};
use crate::frame::ErrorCode;
use crate::grpc::encoding::parse_list;
use crate::grpc::{Code, FIELD_OVERHEAD, Layer, Retry, Side, Status};
use crate::hpack::Field;
use crate::http2::{self, StreamKey, Transmit, Written};
use crate::time::Instant;

/// What follows a stream's turn.
enum Turn {
    /// The next stream's.
    Next,
    /// The request of this one, or what follows its HEADERS.
    Begins(StreamKey),
    /// The next stream's, after what goes before all turns.
    Again,
    Done,
}

impl Engine {
    #[inline(never)]
    pub(crate) fn transmit(&mut self, output: &mut WriteBuf) {
        if !self.http2.is_quiet() {
            return self.transmit_all(None, output);
        }
        // A loop asks until nothing comes, so every other question is for nothing.
        if !self.http2.has_usual_turns() {
            return;
        }
        let before = output.len();
        let turn = self.whole_turns(None, output);
        self.http2.spoke(output.len() > before);
        // Mostly that is all.
        if !matches!(turn, Turn::Next) || !self.http2.is_quiet() || self.http2.has_usual_turns() {
            self.transmit_all(Some(turn), output);
        }
    }

    /// Whether nothing is due here but turns.
    pub(super) fn may_be_quiet(&self) -> bool {
        let nobody_waits = !self.open_armed && self.loan_queue.is_empty() && self.total_queue.is_empty();
        nobody_waits && !self.management.knocks
    }

    /// All there is to say, or what is left of it behind such a turn.
    #[inline(never)]
    fn transmit_all(&mut self, mut turn: Option<Turn>, output: &mut WriteBuf) {
        let mut spoke = false;
        loop {
            if turn.is_none() && self.http2.goes_before_turns() {
                self.http2.transmit_replies(self.now, output);
            }
            let before = output.len();
            let first = turn.take().unwrap_or_else(|| self.first_turns(None, output));
            let mut more = self.transmit_turns(first, output);
            spoke |= output.len() > before;
            // What an end gives to say waits for the turns of the other streams.
            more |= self.http2.has_replies() && !output.is_full();
            if !(more || spoke && self.management.knocks && self.knock()) {
                break;
            }
        }
        self.http2.spoke(spoke);
        self.tell_available();
        self.tell_room();
        self.settle();
        let above = self.may_be_quiet();
        self.http2.calm(above);
    }

    /// The turns of the streams behind one; says whether they are to go on after what goes before them.
    #[inline]
    fn transmit_turns(&mut self, mut turn: Turn, output: &mut WriteBuf) -> bool {
        loop {
            let inside = match turn {
                Turn::Begins(key) => Some(key),
                Turn::Again => return true,
                Turn::Done => return false,
                Turn::Next if self.http2.has_turns() => None,
                Turn::Next => return false,
            };
            turn = match self.other_turn(inside, output) {
                Turn::Next => self.first_turns(None, output),
                Turn::Begins(key) => self.first_turns(Some(key), output),
                turn => turn,
            };
        }
    }

    /// As [`Engine::whole_turns`], where there may be others to take before.
    fn first_turns(&mut self, begins: Option<StreamKey>, output: &mut WriteBuf) -> Turn {
        if begins.is_none() && self.http2.is_held_up() { Turn::Next } else { self.whole_turns(begins, output) }
    }

    /// The turns of streams whose request or reply is whole, beginning with the one that `begins`.
    #[inline]
    fn whole_turns(&mut self, begins: Option<StreamKey>, output: &mut WriteBuf) -> Turn {
        match self.side {
            http2::Side::Client => self.write_requests(begins, output),
            http2::Side::Server => {
                self.write_replies(output);
                Turn::Next
            }
        }
    }

    /// The turns of a client's streams that begin, as long as each request is all that its stream says.
    #[inline(never)]
    fn write_requests(&mut self, mut begins: Option<StreamKey>, output: &mut WriteBuf) -> Turn {
        while let Some(key) = begins.take().or_else(|| self.http2.next_to_start(output)) {
            match self.write_request(key, output) {
                Some(Written::All) => {}
                Some(Written::Head) => return Turn::Begins(key),
                None => return Turn::Again,
            }
        }
        Turn::Next
    }

    /// The turns of a server's streams, as long as each reply is whole.
    #[inline(never)]
    fn write_replies(&mut self, output: &mut WriteBuf) {
        while self.write_reply(output) {}
    }

    /// Any turn. It goes on `inside` a stream whose HEADERS were just added.
    #[inline(never)]
    fn other_turn(&mut self, mut inside: Option<StreamKey>, output: &mut WriteBuf) -> Turn {
        loop {
            match self.http2.transmit_turn(self.now, inside.take(), output) {
                Transmit::Done => return Turn::Done,
                Transmit::Head(key) if self.side == http2::Side::Client => return Turn::Begins(key),
                Transmit::Head(key) if self.write_response(key, output) => inside = Some(key),
                Transmit::Head(_) => return Turn::Again,
                Transmit::Trailers(key) => self.write_trailers(key, output),
                Transmit::Drained(key) => self.drained(key),
            }
            if inside.is_none() {
                return Turn::Next;
            }
        }
    }

    /// Writes a request's HEADERS, and what follows where that is all; says what it did.
    #[inline]
    fn write_request(&mut self, key: StreamKey, output: &mut WriteBuf) -> Option<Written> {
        let (now, timeouts) = (self.now, &mut self.timeouts);
        let most = self.http2.peer_max_header_list_size() as usize;
        let written = self.http2.send_request(now, key, output, |call| {
            let block = call.own_head.as_mut()?;
            if call.deadline <= now {
                return None;
            }
            if call.deadline != Instant::MAX && call.progress != now {
                // G-124: of the time that remains now.
                let timeout = timeouts.spell(now, call.deadline);
                block.replace_value(TIMEOUT, timeout.as_bytes());
            }
            call.own_head.take_if(|block| block.list_size() <= most)
        });
        if written.is_none() {
            self.refuse_request(key);
        }
        written
    }

    /// The request cannot be sent.
    #[cold]
    fn refuse_request(&mut self, key: StreamKey) {
        let Some((call, pool)) = self.http2.parts(key) else { return };
        let deadline = call.deadline;
        if call.own_head.is_none() {
            return self.http2.reset(key, ErrorCode::INTERNAL_ERROR);
        }
        pool.give_kept(call.own_head.take());
        if deadline <= self.now {
            return self.fail_as(key, deadline_exceeded(Retry::Safe), Retry::Safe, Stop::DeadlineExceeded);
        }
        // G-059: nothing is sent.
        let rule = "the request's header list is larger than the server accepts (SETTINGS_MAX_HEADER_LIST_SIZE)";
        let (code, retry) = (Code::ResourceExhausted, Retry::Useless);
        let status = Status::explained(Side::Client, Layer::Http2, code, retry, rule);
        self.fail_as(key, status, retry, Stop::PeerFault);
    }

    /// Writes a response's head, and says whether it was no more than that.
    fn write_response(&mut self, key: StreamKey, output: &mut WriteBuf) -> bool {
        let Some(call) = self.http2.get(key) else { return false };
        if call.stage == Stage::Rejected {
            self.write_rejection(key, output);
            return false;
        }
        if call.sending == Sending::TrailersOnly {
            self.write_trailers_only(key, output);
            return false;
        }
        let usual = call.own_head.is_none() && call.own_encoding == Coding::NONE;
        if usual && self.settings.response.list_size() <= self.http2.peer_max_header_list_size() as usize {
            self.http2.send_usual_head(key, &self.settings.response, output);
            return true;
        }
        let Some(call) = self.http2.get_mut(key) else { return false };
        let (own_head, encoding) = (call.own_head.take(), call.own_encoding.place());
        let (content_type, metadata) = response_head(&own_head);
        let codings = self.settings.codings.as_str().as_bytes();
        let encoding = encoding.and_then(|place| parse_list(codings).nth(usize::from(place) + 1));
        let encoding = encoding.map(|name| Field::new(b"grpc-encoding", name));
        let extra = encoding.into_iter().chain(accept_encoding(&self.settings));
        let fields = [STATUS_OK, content_type].into_iter().chain(extra).chain(metadata);
        let size = fields.clone().map(|field| field.list_size()).sum::<usize>();
        let fits = size <= self.http2.peer_max_header_list_size() as usize;
        if fits {
            self.http2.send_head(key, fields, false, output);
            self.http2.pool_mut().give_kept(own_head);
        } else {
            drop(fields);
            if let Some(call) = self.http2.get_mut(key) {
                call.own_head = own_head;
            }
            // G-059: the client is told so instead, if it can be told anything.
            let rule = "the response's header list is larger than the client accepts (SETTINGS_MAX_HEADER_LIST_SIZE)";
            let code = Code::ResourceExhausted;
            let status = Status::explained(Side::Server, Layer::Http2, code, Retry::IfIdempotent, rule);
            self.replace_response(key, &status);
        }
        fits
    }

    /// Nothing of the response has left, and it cannot: Trailers-Only takes its place.
    fn replace_response(&mut self, key: StreamKey, status: &Status) {
        let finished = self.http2.get(key).is_some_and(|call| matches!(call.stage, Stage::Finished));
        self.http2.forget_queue(key);
        if let Some(call) = self.http2.get_mut(key) {
            call.sending = Sending::NoHead;
        }
        self.say_trailers(key, status, &crate::grpc::Metadata::new());
        if !finished {
            self.tell_stopped(key, Stop::PeerFault);
        } else if self.http2.is_closed(key) {
            self.drop_call(key);
        }
    }

    fn write_rejection(&mut self, key: StreamKey, output: &mut WriteBuf) {
        let Some(call) = self.http2.get_mut(key) else { return };
        let only = call.sending == Sending::TrailersOnly;
        call.stage = Stage::Finished;
        let Some(rejection) = call.rare().rejection.take() else { return };
        let mut scratch = core::mem::take(&mut self.scratch);
        self.http2.send_head(key, rejection.fields(&mut scratch).map(wire_field), only, output);
        self.scratch = scratch;
        if only {
            self.answered(key);
        }
    }

    fn write_trailers_only(&mut self, key: StreamKey, output: &mut WriteBuf) {
        let Some(call) = self.http2.get_mut(key) else { return };
        let (trailers, code) = (call.trailers.take(), call.own_code);
        let own_head = call.own_head.take();
        let (content_type, _) = response_head(&own_head);
        let plain = trailers.is_none().then(|| Field::new(b"grpc-status", code.as_str_number().as_bytes()));
        let head = [STATUS_OK, content_type].into_iter().chain(accept_encoding(&self.settings));
        let fields = head.chain(plain).chain(trailers.iter().flat_map(|block| block.fields()));
        self.http2.send_head(key, fields, true, output);
        let pool = self.http2.pool_mut();
        pool.give_kept(trailers);
        pool.give_kept(own_head);
        self.answered(key);
    }

    fn write_trailers(&mut self, key: StreamKey, output: &mut WriteBuf) {
        let Some(call) = self.http2.get_mut(key) else { return };
        let (trailers, code) = (call.trailers.take(), call.own_code);
        let status = Field::new(b"grpc-status", code.as_str_number().as_bytes());
        match &trailers {
            None if code == Code::Ok => self.http2.send_usual_trailers(key, status, output),
            None => self.http2.send_trailers(key, [status], output),
            Some(trailers) => self.http2.send_trailers(key, trailers.fields(), output),
        }
        self.http2.pool_mut().give_kept(trailers);
        self.answered(key);
    }

    /// The response is complete: what the client still sends is of no use (G-042).
    fn answered(&mut self, key: StreamKey) {
        if !self.http2.is_closed(key) {
            self.http2.reset(key, ErrorCode::NO_ERROR);
        }
        if self.http2.get(key).is_some_and(|call| call.stage == Stage::Finished) {
            self.drop_call(key);
        }
    }

    fn drained(&mut self, key: StreamKey) {
        if self.http2.get(key).is_some_and(|call| matches!(call.stage, Stage::Finished))
            && self.http2.is_send_ended(key)
        {
            // The body of a refusal has left.
            return self.answered(key);
        }
        self.tell_writable(key);
    }
}

/// What a response says of the codings that the server can decode (G-099).
fn accept_encoding(settings: &Settings) -> Option<Field<'_>> {
    settings.accept_encoding().map(|list| Field::new(b"grpc-accept-encoding", list.as_bytes()))
}

const STATUS_OK: Field<'static> = Field::new(b":status", b"200");

const _: () = assert!(FIELD_OVERHEAD == 32, "both layers count a field's size alike");
