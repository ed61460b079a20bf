//! Receiving header blocks, RFC 9113 §4.3, §6.2 and §8.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::closed::Closed;
use super::config::Side;
use super::connection::{Connection, CurrentBlock, Shutdown};
use super::error::{Fault, Origin};
use super::fields::{Malformed, Summary, check_request, check_response, check_trailers, class};
use super::input::Input;
use super::outgoing::OurSettings;
use super::reader::OpenBlock;
use super::slots::StreamKey;
use super::step::{Part, Step};
use super::stream::{ContentLeft, Receive, Send};
use crate::frame::{Continuation, ErrorCode, Head, Headers, Kind, StreamId};
use crate::hpack::{DecodeError, Decoded, Field, Shape, Start};
use crate::time::Instant;

/// Why a client's HEADERS open no stream.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    TooManyReplies,
    ShutDown,
    Malformed,
    BeyondLimit,
    NoRoom,
}

/// What HEADERS at the front of a server's input came to.
pub(crate) enum Opening {
    /// They do not lie there whole, or are unusual otherwise; nothing was done.
    None,
    /// [`Step::Headers`] with [`Part::Request`].
    Request {
        stream: StreamKey,
        end_stream: bool,
        oversized: bool,
    },
    Other(Step),
}

impl<T: Default> Connection<T> {
    /// As [`receive_step`](Self::receive_step), where a whole block of headers lies at the front of a server's input: mostly
    /// a request, whose stream is in no map yet.
    #[inline(always)]
    pub(crate) fn headers_step(&mut self, now: Instant, input: &mut Input<'_>) -> Opening {
        let Some((block, fragment)) = self.ordinary_headers(input) else { return Opening::None };
        if !self.opens_stream(block.stream) {
            return Opening::Other(self.end_whole_block(now, block, fragment, input));
        }
        let oversized = match self.decode_block(Some(fragment)) {
            Ok(oversized) => oversized,
            Err(fault) => return Opening::Other(self.broken(&fault, input)),
        };
        match self.open_stream(block, oversized) {
            Ok(stream) => Opening::Request { stream, end_stream: block.end_stream, oversized },
            Err(refusal) => {
                let refused = self.refuse_request(now, block.stream, refusal);
                Opening::Other(refused.unwrap_or_else(|fault| self.broken(&fault, input)))
            }
        }
    }

    /// Any block that lay whole in the input, from which it was taken.
    #[inline(never)]
    pub(super) fn end_whole_block(
        &mut self,
        now: Instant,
        block: OpenBlock,
        fragment: &[u8],
        input: &mut Input<'_>,
    ) -> Step {
        self.end_block(now, block, Some(fragment)).unwrap_or_else(|fault| self.broken(&fault, input))
    }

    /// H-024, T-30, T-31: a block is bounded by its frames, empty ones included, and by its octets, before any of them
    /// is kept.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "limited by `max_continuations` and `max_header_block`, and a frame of 24 bits; 64 bits, and one for a frame"
    )]
    pub(super) fn admit_fragment(&mut self, now: Instant, head: &Head) -> Result<(), Fault> {
        self.reader.block_since.get_or_insert(now);
        self.wake_by(self.reader.block_until(self.config.header_block_timeout).unwrap_or(Instant::MAX));
        if head.kind == Kind::CONTINUATION
            && let Some(block) = &mut self.reader.block
        {
            self.counters.continuations_received += 1;
            block.continuations += 1;
            if block.continuations > self.config.max_continuations {
                return Err(Fault::calm("max_continuations: too many CONTINUATION frames in one header block"));
            }
        }
        if self.reader.fragments.len() + head.length as usize > self.config.max_header_block as usize {
            return Err(Fault::calm("max_header_block: a header block is too long"));
        }
        Ok(())
    }

    pub(super) fn headers(&mut self, now: Instant, head: Head, payload: &[u8]) -> Result<Step, Fault> {
        let frame = Headers::parse(head, payload)?;
        let block = OpenBlock { stream: frame.stream, end_stream: frame.end_stream, continuations: 0 };
        if frame.end_headers {
            self.reader.block_since = None;
            return self.end_block(now, block, Some(frame.fragment));
        }
        self.reader.block = Some(block);
        self.reader.fragments.extend_from_slice(frame.fragment);
        Ok(Step::Nothing)
    }

    pub(super) fn continuation(&mut self, now: Instant, head: Head, payload: &[u8]) -> Result<Step, Fault> {
        let frame = Continuation::parse(head, payload)?;
        self.reader.fragments.extend_from_slice(frame.fragment);
        match self.reader.block.filter(|_| frame.end_headers) {
            Some(block) => {
                (self.reader.block, self.reader.block_since) = (None, None);
                self.end_block(now, block, None)
            }
            None => Ok(Step::Nothing),
        }
    }

    /// Whether HEADERS with this id are a client's way to open a stream.
    #[inline]
    fn opens_stream(&self, stream: StreamId) -> bool {
        self.common.side == Side::Server && stream.is_client() && stream > self.highest_remote
    }

    /// The block is complete. It is decoded whatever its stream's fate, to keep the table right (H-021).
    #[inline(never)]
    pub(super) fn end_block(&mut self, now: Instant, block: OpenBlock, whole: Option<&[u8]>) -> Result<Step, Fault> {
        let found = self.find(block.stream);
        let part = found.and_then(|key| self.slots.get(key)).map(|stream| stream.receive);
        if let (Some(key), Some(octets), Side::Client) = (found, whole, self.common.side)
            && let Some(step) = self.known_block(key, part, &block, octets)
        {
            return Ok(step);
        }
        let before = self.decoder.generation();
        let oversized = self.decode_block(whole)?;
        let step = match (found, part) {
            (Some(key), Some(Receive::Head { informational })) => {
                self.response(now, key, block, informational, oversized)
            }
            (Some(key), Some(Receive::Body)) => self.trailers(now, key, block, oversized),
            // H-032
            (Some(_), Some(Receive::Ended)) => {
                let reason = "HEADERS after END_STREAM (RFC 9113 section 5.1)";
                self.fault_on(now, block.stream, ErrorCode::STREAM_CLOSED, reason)
            }
            _ => self.block_without_stream(now, block, oversized),
        }?;
        if let (Some(octets), Side::Client) = (whole, self.common.side) {
            self.learn_block(before, octets, &step);
        }
        self.reader.fragments.clear();
        Ok(step)
    }

    /// Decodes the block that lies there whole, or in the fragments; says whether its list is over the limits.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn decode_block(&mut self, whole: Option<&[u8]>) -> Result<bool, Fault> {
        self.current_block = CurrentBlock::Decoded;
        let octets = whole.unwrap_or(&self.reader.fragments);
        let decoded = self.decoder.decode_over(octets, &self.config.block_limits(), &mut self.fields).map_err(
            |error| match error {
                DecodeError::ListAbuse => Fault::calm("header_abuse: a header list is far beyond max_header_list_size"),
                DecodeError::FieldAbuse => Fault::calm("header_abuse: far more fields than max_header_fields"),
                _ => Fault::Connection(ErrorCode::COMPRESSION_ERROR, error.reason()),
            },
        )?;
        let oversized = decoded != Decoded::Complete;
        self.counters.header_lists_oversized += u64::from(oversized);
        Ok(oversized)
    }

    /// Response or trailers that came before as the same octets, to the same tables.
    #[inline]
    fn known_block(&mut self, key: StreamKey, part: Option<Receive>, block: &OpenBlock, octets: &[u8]) -> Option<Step> {
        let generation = self.decoder.generation()?;
        let known = self.known.as_mut()?;
        let (known, part, current) = match part? {
            Receive::Head { .. } => (&mut known.response, Part::Response, CurrentBlock::Response),
            Receive::Body if block.end_stream => (&mut known.trailers, Part::Trailers, CurrentBlock::Trailers),
            _ => return None,
        };
        if !known.recall(octets, generation) {
            return None;
        }
        let stream = self.slots.get_mut(key)?;
        if part == Part::Trailers && !stream.has_all_content() {
            return None;
        }
        let status = known.summary.status;
        self.current_block = current;
        if part == Part::Response {
            stream.receive = Receive::Body;
        }
        Some(self.block_done(key, *block, part, status, false))
    }

    /// Remembers a block that was sound and left the table as it was.
    fn learn_block(&mut self, before: Option<u64>, octets: &[u8], step: &Step) {
        let Step::Headers { part, status, oversized: false, .. } = *step else { return };
        let (Some(generation), false) = (before, before != self.decoder.generation()) else { return };
        let all = self.known.get_or_insert_default();
        let (known, current) = match part {
            Part::Request => return,
            Part::Response => (&mut all.response, CurrentBlock::Response),
            Part::Trailers => (&mut all.trailers, CurrentBlock::Trailers),
        };
        // A response whose content has a length says more than its fields.
        let is_held = part == Part::Response && all.held > 0;
        if is_held || self.fields.fields().any(|field| field.class == class::CONTENT_LENGTH) {
            return;
        }
        let number = self.next_known;
        let summary = Summary { status, content_length: None };
        if known.learn(octets, generation, number, summary, &self.fields) {
            self.next_known = number.wrapping_add(1).max(1);
            self.current_block = current;
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame; below `max_informational`")]
    fn response(
        &mut self,
        now: Instant,
        key: StreamKey,
        block: OpenBlock,
        informational: u8,
        oversized: bool,
    ) -> Result<Step, Fault> {
        // A list that was cut short cannot be judged; the layer above ends the stream.
        let summary = if oversized { Ok(Summary::default()) } else { check_response(&self.fields) };
        let summary = match summary {
            Ok(summary) => summary,
            Err(malformed) => return self.malformed(now, key, malformed),
        };
        if (100..200).contains(&summary.status) {
            if block.end_stream {
                return self.malformed(now, key, Malformed("an informational response ends the stream"));
            }
            self.counters.informational_received += 1;
            if informational >= self.config.max_informational {
                return self.malformed(now, key, Malformed("max_informational: too many 1xx responses"));
            }
            if let Some(stream) = self.slots.get_mut(key) {
                stream.receive = Receive::Head { informational: informational + 1 };
            }
            return Ok(Step::Nothing);
        }
        // H-131: these have no content whatever content-length says.
        let content_length = summary.content_length.filter(|_| !matches!(summary.status, 204 | 304));
        if block.end_stream && content_length.is_some_and(|length| length > 0) {
            return self.malformed(now, key, Malformed("content-length without content (RFC 9113 section 8.1.1)"));
        }
        if let Some(stream) = self.slots.get_mut(key) {
            stream.content_left = content_length.map(ContentLeft::new);
            stream.receive = Receive::Body;
        }
        Ok(self.block_done(key, block, Part::Response, summary.status, oversized))
    }

    fn trailers(&mut self, now: Instant, key: StreamKey, block: OpenBlock, oversized: bool) -> Result<Step, Fault> {
        // H-127, H-148
        if !block.end_stream {
            return self.malformed(now, key, Malformed("a second HEADERS without END_STREAM (RFC 9113 section 8.1)"));
        }
        if !oversized && let Err(malformed) = check_trailers(&self.fields) {
            return self.malformed(now, key, malformed);
        }
        if self.slots.get(key).is_some_and(|stream| !stream.has_all_content()) {
            return self.malformed(now, key, Malformed("less DATA than content-length says (RFC 9113 section 8.1.1)"));
        }
        Ok(self.block_done(key, block, Part::Trailers, 0, oversized))
    }

    fn block_done(&mut self, key: StreamKey, block: OpenBlock, part: Part, status: u16, oversized: bool) -> Step {
        if block.end_stream {
            self.receive_ended(key);
        }
        Step::Headers { stream: key, part, status, end_stream: block.end_stream, oversized }
    }

    /// H-129: a stream error on both sides.
    fn malformed(&mut self, now: Instant, key: StreamKey, malformed: Malformed) -> Result<Step, Fault> {
        self.reset_by_fault(now, key, ErrorCode::PROTOCOL_ERROR, malformed.0)
    }

    fn block_without_stream(&mut self, now: Instant, block: OpenBlock, oversized: bool) -> Result<Step, Fault> {
        let stream = block.stream;
        if self.opens_stream(stream) {
            return self.request(now, block, oversized);
        }
        // H-030, H-040
        self.check_not_idle(stream, "HEADERS on a stream that this peer cannot open (RFC 9113 section 5.1.1)")?;
        let forgotten = self.closed.is_forgotten(stream);
        let fatal = self.ends_for_fault();
        let Some(closed) = self.closed.get_mut(stream) else {
            if !forgotten {
                return Err(Fault::protocol("a stream id below one used before (RFC 9113 section 5.1.1)"));
            }
            self.glitch(now, 8)?;
            return Ok(Step::Nothing);
        };
        match closed {
            Closed::WeReset { frames, .. } => {
                let honest = *frames > 0;
                *frames = frames.saturating_sub(1);
                self.glitch(now, if honest { 0 } else { 8 })?;
                Ok(Step::Nothing)
            }
            Closed::Ended if fatal => {
                Err(Fault::Connection(ErrorCode::STREAM_CLOSED, "HEADERS on a closed stream (RFC 9113 section 5.1)"))
            }
            Closed::Ended | Closed::PeerReset => {
                *closed = Closed::by_us(0);
                self.reset_unknown(now, stream, ErrorCode::STREAM_CLOSED)
            }
        }
    }

    /// A client opens a stream.
    fn request(&mut self, now: Instant, block: OpenBlock, oversized: bool) -> Result<Step, Fault> {
        match self.open_stream(block, oversized) {
            Ok(stream) => {
                let (part, end_stream) = (Part::Request, block.end_stream);
                Ok(Step::Headers { stream, part, status: 0, end_stream, oversized })
            }
            Err(refusal) => self.refuse_request(now, block.stream, refusal),
        }
    }

    /// Opens the stream that a client's HEADERS ask for, if nothing is against it.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "below the limit of streams")]
    fn open_stream(&mut self, block: OpenBlock, oversized: bool) -> Result<StreamKey, Refusal> {
        let id = block.stream;
        // A peer that does not read must not make us queue a reset for each of its requests (T-04, T-23).
        if self.control.resets.len() >= (self.config.max_replies as usize).saturating_add(self.slots.len()) {
            return Err(Refusal::TooManyReplies);
        }
        self.highest_remote = id;
        if let Shutdown::Final { last } = self.shutdown
            && id > last
        {
            return Err(Refusal::ShutDown);
        }
        // A list that was cut short cannot be judged; the layer above answers it.
        let summary = if oversized { Ok(Summary::default()) } else { self.judge_request() };
        let Ok(Summary { content_length, .. }) = summary else { return Err(Refusal::Malformed) };
        if block.end_stream && content_length.is_some_and(|length| length > 0) {
            // content-length without content (RFC 9113 section 8.1.1)
            return Err(Refusal::Malformed);
        }
        // H-043, T-01: open streams count, and so do those that are closed but still held by the application.
        if self.active >= self.config.max_concurrent_streams {
            return Err(Refusal::BeyondLimit);
        }
        if self.slots.len() as u64 >= self.config.most_streams() {
            return Err(Refusal::NoRoom);
        }
        let receive = if block.end_stream { Receive::Ended } else { Receive::Body };
        let state = (Send::Head, receive);
        let window = self.starting_window();
        self.common.lines.tidy(&self.slots);
        let Some(stream) = self.slots.insert() else { return Err(Refusal::NoRoom) };
        stream.start(id, state, self.peer.initial_window, window);
        if let Some(length) = content_length {
            stream.content_left = Some(ContentLeft::new(length));
        }
        let key = stream.key;
        self.ids.insert(id.get(), key.index() as u32, |slot| self.slots.id(slot));
        self.active += 1;
        Ok(key)
    }

    /// What comes of HEADERS that open no stream.
    #[cold]
    #[inline(never)]
    fn refuse_request(&mut self, now: Instant, id: StreamId, refusal: Refusal) -> Result<Step, Fault> {
        match refusal {
            Refusal::TooManyReplies => {
                Err(Fault::calm("max_replies: streams are opened faster than their resets leave"))
            }
            Refusal::ShutDown => {
                // H-105: above the id of our GOAWAY; decoded, and not answered.
                self.glitch(now, 8)?;
                self.closed.remember(id, Closed::by_us(i64::from(self.starting_window())));
                Ok(Step::Nothing)
            }
            Refusal::Malformed => {
                // H-129
                self.closed.remember(id, Closed::by_us(i64::from(self.starting_window())));
                self.reset_unknown(now, id, ErrorCode::PROTOCOL_ERROR)
            }
            Refusal::BeyondLimit => {
                if self.control.settings == OurSettings::Acknowledged {
                    self.charge_beyond_limit(now)?;
                }
                self.refuse(now, id)
            }
            Refusal::NoRoom => self.refuse(now, id),
        }
    }

    /// A block with the fields of a usual one, but for the values of regular ones, and with nothing but regular fields and
    /// `te: trailers` behind, is usual too.
    #[inline]
    fn judge_request(&mut self) -> Result<Summary, Malformed> {
        let regular = |start: &&Start| {
            let is_regular = |field: Field<'_>| matches!(field.class, class::REGULAR | class::TE_TRAILERS);
            start.has_no_class() && start.rest(&self.fields).all(is_regular)
        };
        const { assert!(class::REGULAR == 0, "the class that is none") };
        let shape = self.decoder.start().filter(regular).map(|start| start.shape);
        match shape.is_some_and(|shape| self.sound_requests.contains(&shape)) {
            true => {
                self.usual_request = self.highest_remote;
                Ok(Summary::default())
            }
            false => self.judge_any_request(shape),
        }
    }

    /// A request of this shape, if that is to be remembered where it is usual.
    #[inline(never)]
    fn judge_any_request(&mut self, shape: Option<Shape>) -> Result<Summary, Malformed> {
        let (summary, usual) = check_request(&self.fields)?;
        self.usual_request = if usual { self.highest_remote } else { StreamId::ZERO };
        if let Some(shape) = shape.filter(|_| usual && summary == Summary::default()) {
            self.sound_requests.rotate_right(1);
            self.sound_requests[0] = shape;
        }
        Ok(summary)
    }

    /// As for a stream over the limit, for one that the layer above has no room for.
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(crate) fn refuse_stream(&mut self, now: Instant, key: StreamKey) {
        self.counters.streams_refused += 1;
        let charged = self.glitch(now, 8).and_then(|()| self.charge_reset(now));
        self.reset(key, ErrorCode::REFUSED_STREAM);
        if let Err(Fault::Connection(code, reason) | Fault::Stream(code, reason)) = charged {
            self.fail(code, Origin::Local, reason);
        }
    }

    /// G-165: refused before anything of it was processed, so the client may try it again.
    #[cold]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn refuse(&mut self, now: Instant, id: StreamId) -> Result<Step, Fault> {
        self.counters.streams_refused += 1;
        self.closed.remember(id, Closed::by_us(i64::from(self.starting_window())));
        self.glitch(now, 8)?;
        self.reset_unknown(now, id, ErrorCode::REFUSED_STREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Flags, PREFACE, Settings};
    use crate::hpack::{Encoder, Field};
    use crate::http2::{Config, Input};
    use alloc::vec::Vec;

    /// Once the usual start of a request is known to be sound, what follows it is still judged.
    #[test]
    fn a_known_start_does_not_hide_what_follows() {
        let now = Instant::from_nanos(0);
        let mut server = Connection::<()>::new(Side::Server, Config::new(Side::Server), now);
        let mut receive = |octets: &[u8]| {
            let (mut input, mut requests) = (Input::slice(octets), 0);
            loop {
                match server.receive_step(now, &mut input) {
                    Step::Idle => return (requests, server.counters().resets_provoked),
                    Step::Headers { .. } => requests += 1,
                    _ => {}
                }
            }
        };
        let mut hello = PREFACE.to_vec();
        Settings::encode_from(&[], &mut hello);
        assert_eq!(receive(&hello), (0, 0));

        let usual = [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "b")];
        let (mut encoder, mut id) = (Encoder::new(4096, 1), 1);
        let mut request = |timeout: &str, extra: &[(&str, &str)]| {
            let mut block = Vec::new();
            let behind = [("grpc-timeout", timeout), ("te", "trailers")];
            let fields = usual.iter().chain(&behind).chain(extra);
            encoder.encode(fields.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())), &mut block);
            let flags = Flags::END_HEADERS | Flags::END_STREAM;
            let head = Head { length: block.len() as u32, kind: Kind::HEADERS, flags, stream: StreamId::new(id) };
            id += 2;
            [&head.encode()[..], &block].concat()
        };
        for round in 0..45u32 {
            let (timeout, bad) = (std::format!("{round}m"), std::format!("{round}\u{1}"));
            let before = u64::from(round) * 4;
            assert_eq!(receive(&request(&timeout, &[])), (1, before));
            assert_eq!(receive(&request(&timeout, &[("x", "y")])), (1, before));
            for (bad, extra) in [("te", "gzip"), (":path", "/b"), ("host", "c")].into_iter().zip(1..) {
                assert_eq!(receive(&request(&timeout, &[bad])), (0, before + extra), "{bad:?}");
            }
            assert_eq!(receive(&request(&bad, &[])), (0, before + 4));
        }
    }
}
