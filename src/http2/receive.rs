//! Receiving: frames that are not DATA or HEADERS.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::closed::Closed;
use super::config::Side;
use super::connection::{Connection, CurrentBlock, LATE_FRAMES, Shutdown};
use super::error::{ConnectionError, DEBUG_DATA_KEPT, Fault, Origin};
use super::input::Input;
use super::lines::Place;
use super::outgoing::{KEEPALIVE_PING, OurSettings, SHUTDOWN_PING};
use super::reader::{OpenBlock, Payload, Phase, gathered_len, glitch_cost};
use super::slots::StreamKey;
use super::step::{Part, Step};
use super::stream::{Receive, Send};
use crate::frame::{
    DEFAULT_WINDOW, ErrorCode, Flags, GoAway, HEAD_LEN, Head, Kind, Ping, Priority, RstStream, SettingId, Settings,
    StreamId, WindowUpdate,
};
use crate::time::Instant;

/// SETTINGS frames that cost nothing: those of an honest start.
const FREE_SETTINGS: u64 = 4;

/// WINDOW_UPDATEs below this, while the window is above [`AMPLE_WINDOW`], only make work (T-17).
const SMALL_INCREMENT: u32 = 1024;
const AMPLE_WINDOW: usize = 64 * 1024;

/// Where a frame's head has its type (RFC 9113 section 4.1).
const KIND_AT: usize = 3;

impl<T: Default> Connection<T> {
    /// Handles one frame, or a part of one, from the front of `input`; call it until it returns [`Step::Idle`].
    ///
    /// Never fails: a broken rule ends the stream ([`Step::Reset`]) or the connection ([`Step::Closed`]). After the end
    /// all input is taken and ignored.
    pub fn receive_step(&mut self, now: Instant, input: &mut Input<'_>) -> Step {
        if let Some((block, fragment)) = self.ordinary_headers(input) {
            return self.end_whole_block(now, block, fragment, input);
        }
        if self.ended {
            input.take(usize::MAX);
            return Step::Idle;
        }
        self.receive_frame(now, input).unwrap_or_else(|fault| self.broken(&fault, input))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn broken(&mut self, fault: &Fault, input: &mut Input<'_>) -> Step {
        let (Fault::Connection(code, reason) | Fault::Stream(code, reason)) = *fault;
        self.fail(code, Origin::Local, reason);
        if let (Phase::Payload(head), false) = (self.reader.phase, self.reader.got_settings())
            && let Some(error) = &mut self.error
        {
            // Of a stranger's first words these are always there, however they are cut.
            error.debug_data = head.encode().into();
        }
        input.take(usize::MAX);
        Step::Closed
    }

    /// Of what kind the frame at the front of the input is, where one begins there.
    #[inline]
    pub(crate) fn next_kind(input: &Input<'_>) -> Option<Kind> {
        input.as_slice().get(KIND_AT).map(|kind| Kind(*kind))
    }

    /// Whether [`receive_step`](Self::receive_step) has nothing to do with what is left of the input.
    #[inline]
    pub(crate) fn has_read(&self, input: &Input<'_>) -> bool {
        self.ended || (input.is_empty() && matches!(self.reader.phase, Phase::Head))
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "what is gathered or skipped is a part of the frame; 64 bits, and one for a frame"
    )]
    fn receive_frame(&mut self, now: Instant, input: &mut Input<'_>) -> Result<Step, Fault> {
        loop {
            match self.reader.phase {
                Phase::Preface(seen) => {
                    if !self.reader.read_preface(seen, input)? {
                        return Ok(Step::Idle);
                    }
                }
                Phase::Head => {
                    let Some(head) = self.reader.read_head(input) else { return Ok(Step::Idle) };
                    self.counters.frames_received += 1;
                    if let Some(step) = self.begin_frame(now, head)? {
                        return Ok(step);
                    }
                }
                Phase::Payload(head) => {
                    let length = gathered_len(&head, DEBUG_DATA_KEPT);
                    let Some(payload) = self.reader.read_payload(length, input) else { return Ok(Step::Idle) };
                    let rest = head.length - length as u32;
                    self.reader.phase = if rest > 0 { Phase::Skip(rest) } else { Phase::Head };
                    let step = self.whole_frame(now, head, &payload);
                    self.reader.recycle(payload);
                    return step;
                }
                Phase::Skip(left) => {
                    let taken = input.take(left as usize).len() as u32;
                    if taken < left {
                        self.reader.phase = Phase::Skip(left - taken);
                        return Ok(Step::Idle);
                    }
                    self.reader.phase = Phase::Head;
                    return Ok(Step::Nothing);
                }
                Phase::Data(frame) => return self.continue_data(now, frame, input),
            }
        }
    }

    /// The frame at the front of the input, taken, if it is HEADERS that lie there whole, are a whole block and say
    /// nothing of padding or priority. Most do, and are spared the stations of those that come in pieces.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(super) fn ordinary_headers<'i>(&mut self, input: &mut Input<'i>) -> Option<(OpenBlock, &'i [u8])> {
        const NEEDED: u8 = Flags::END_HEADERS.0;
        const OTHERS: u8 = Flags::PADDED.0 | Flags::PRIORITY.0;
        let (octets, rest) = input.as_slice().split_first_chunk::<HEAD_LEN>()?;
        let Head { length, kind: Kind::HEADERS, flags, stream } = Head::parse(octets) else { return None };
        let (fragment, rest) = rest.split_at_checked(length as usize)?;
        if length > self.config.max_frame_size.min(self.config.max_header_block)
            || self.ended
            || flags.0 & (NEEDED | OTHERS) != NEEDED
            || stream.is_zero()
            || !self.reader.is_at_ease()
        {
            return None;
        }
        self.counters.frames_received += 1;
        input.skip_to(rest);
        let end_stream = flags.contains(Flags::END_STREAM);
        Some((OpenBlock { stream, end_stream, continuations: 0 }, fragment))
    }

    /// The response or the trailers at the front of the input, taken, if they lie there whole, in the octets that most
    /// have, and if their stream expects them: as [`Step::Headers`] says it. `None`, with nothing done, for anything else.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame; the frame is in memory")]
    pub(crate) fn known_reply(&mut self, input: &mut Input<'_>) -> Option<(StreamKey, Part)> {
        const LAST: Flags = Flags(Flags::END_HEADERS.0 | Flags::END_STREAM.0);
        let (octets, rest) = input.as_slice().split_first_chunk::<HEAD_LEN>()?;
        let Head { length, kind: Kind::HEADERS, flags, stream } = Head::parse(octets) else { return None };
        let (block, known) = (rest.get(..length as usize)?, self.known.as_mut()?);
        let stream = self.slots.at_mut(self.ids.find(stream.get(), |slot| self.slots.id(slot))?)?;
        let (part, known, current) = match (stream.receive, flags) {
            (Receive::Head { .. }, Flags::END_HEADERS) => (Part::Response, &mut known.response, CurrentBlock::Response),
            (Receive::Body, LAST) if stream.has_all_content() => {
                (Part::Trailers, &mut known.trailers, CurrentBlock::Trailers)
            }
            _ => return None,
        };
        if !self.reader.is_at_ease() || !known.recall(block, self.decoder.generation()?) {
            return None;
        }
        self.current_block = current;
        self.counters.frames_received += 1;
        input.take(HEAD_LEN + length as usize);
        let key = stream.key;
        match part {
            Part::Trailers => self.receive_ended(key),
            _ => stream.receive = Receive::Body,
        }
        Some((key, part))
    }

    /// Judges a frame from its head and picks how to read the rest.
    fn begin_frame(&mut self, now: Instant, head: Head) -> Result<Option<Step>, Fault> {
        self.reader.phase = Phase::Payload(head);
        match self.reader.check_head(&head, self.config.max_frame_size) {
            Ok(()) => {}
            Err(Fault::Stream(code, reason)) => {
                // H-066: the one wrong length that is a stream error.
                self.reader.phase = Phase::Skip(head.length);
                return self.fault_on(now, head.stream, code, reason).map(Some);
            }
            Err(fault) => return Err(fault),
        }
        self.glitch(now, glitch_cost(head.kind))?;
        match head.kind {
            Kind::DATA => return self.begin_data(now, head),
            Kind::HEADERS | Kind::CONTINUATION => self.admit_fragment(now, &head)?,
            // H-092, H-093: refused in every state, before and after the ACK; gRPC never pushes.
            Kind::PUSH_PROMISE => return Err(Fault::protocol("PUSH_PROMISE, but push is off (RFC 9113 section 8.4)")),
            Kind::SETTINGS if head.length > self.config.max_settings_entries.saturating_mul(6) => {
                return Err(Fault::calm("max_settings_entries: too many entries in one SETTINGS"));
            }
            kind if !kind.is_known() => {
                // H-013: discarded without being kept.
                self.glitch(now, u64::from(head.length / 16_384) * 8)?;
                self.reader.phase = Phase::Skip(head.length);
            }
            _ => {}
        }
        Ok(None)
    }

    fn whole_frame(&mut self, now: Instant, head: Head, payload: &Payload<'_>) -> Result<Step, Fault> {
        let octets = payload.as_slice();
        match head.kind {
            Kind::HEADERS => self.headers(now, head, octets),
            Kind::CONTINUATION => self.continuation(now, head, octets),
            Kind::SETTINGS => self.settings(now, Settings::parse(head, octets)?),
            Kind::PING => self.received_ping(now, Ping::parse(head, octets)?),
            Kind::RST_STREAM => self.rst_stream(now, RstStream::parse(head, octets)?),
            Kind::WINDOW_UPDATE => match WindowUpdate::parse(head, octets) {
                Ok(update) => self.window_update(now, update),
                Err(error) => match Fault::from(error) {
                    Fault::Stream(code, reason) if self.find(head.stream).is_some() => {
                        self.fault_on(now, head.stream, code, reason)
                    }
                    Fault::Stream(..) => {
                        self.check_not_idle(head.stream, "WINDOW_UPDATE on an idle stream (RFC 9113 section 6.9)")?;
                        self.glitch(now, 8)?;
                        Ok(Step::Nothing)
                    }
                    fault => Err(fault),
                },
            },
            Kind::GOAWAY => {
                let kept = Head { length: octets.len() as u32, ..head };
                self.go_away(now, GoAway::parse(kept, octets)?)
            }
            _ => {
                // H-067: a PRIORITY that is well-formed is ignored in every state.
                Priority::parse(head, octets)?;
                Ok(Step::Nothing)
            }
        }
    }
}

impl<T: Default> Connection<T> {
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn settings(&mut self, now: Instant, settings: Settings<'_>) -> Result<Step, Fault> {
        if settings.is_ack() {
            return self.settings_acknowledged(now);
        }
        self.counters.settings_received += 1;
        if self.counters.settings_received > FREE_SETTINGS {
            self.glitch(now, 8)?;
        }
        let first = !self.reader.got_settings();
        if first {
            self.reader.settings_seen();
            self.handshake_until = None;
            // RFC 9113 §6.5.2: unlimited unless this frame says otherwise.
            self.peer.max_concurrent_streams = u32::MAX;
            self.peer.received = true;
        }
        // Each value is judged, the last of each kind counts, and windows move once (T-15).
        let mut window = self.peer.initial_window;
        for setting in settings {
            setting.validate()?;
            match setting.id {
                SettingId::HEADER_TABLE_SIZE => self.encoder.set_peer_max_table_size(setting.value),
                SettingId::ENABLE_PUSH if setting.value != 0 && self.common.side == Side::Client => {
                    return Err(Fault::protocol("a server announced ENABLE_PUSH (RFC 9113 section 6.5.2)"));
                }
                SettingId::MAX_CONCURRENT_STREAMS => self.peer.max_concurrent_streams = setting.value,
                SettingId::INITIAL_WINDOW_SIZE => window = setting.value,
                SettingId::MAX_FRAME_SIZE => self.peer.max_frame_size = setting.value,
                SettingId::MAX_HEADER_LIST_SIZE => self.peer.max_header_list_size = setting.value,
                _ => {}
            }
        }
        if window != self.peer.initial_window {
            self.change_initial_window(now, window)?;
        }
        if self.common.side == Side::Client && self.active > self.peer.max_concurrent_streams {
            self.glitch(now, (self.slots.len() as u64 / 2).max(8))?;
            self.stop_starting();
        }
        self.control_mut().acknowledge();
        Ok(if first { Step::Ready } else { Step::Nothing })
    }

    /// H-116, H-117: all send windows move by the difference.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    fn change_initial_window(&mut self, now: Instant, window: u32) -> Result<(), Fault> {
        self.glitch(now, (self.slots.len() as u64 / 2).max(8))?;
        let difference = i64::from(window) - i64::from(self.peer.initial_window);
        self.peer.initial_window = window;
        for index in 0..self.slots.bound() {
            let Some(stream) = self.slots.at_mut(index) else { continue };
            // L-20: what has nothing more to send has no window to speak of.
            if stream.send == Send::Ended {
                continue;
            }
            stream.send_window.change(difference).map_err(|_| {
                Fault::Connection(ErrorCode::FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE takes a window past 2^31 - 1")
            })?;
            if stream.may_send() {
                self.common.widened(stream);
            }
        }
        Ok(())
    }

    /// H-044, L-18: streams whose HEADERS have not left wait again where the limit fell below them, in their old order.
    #[expect(clippy::arithmetic_side_effects, reason = "one of those that were counted")]
    fn stop_starting(&mut self) {
        let mut end = usize::MAX;
        while self.active > self.peer.max_concurrent_streams {
            let Some((at, key)) = self.common.lines.before(Place::Ready, &self.slots, end) else { return };
            end = at;
            let Some(stream) = self.slots.get_mut(key).filter(|stream| stream.send == Send::Head) else { continue };
            stream.send = Send::Waiting;
            self.common.lines.leave(stream);
            self.common.lines.join_first(Place::Waiting, stream);
            self.active -= 1;
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "32 bits in 64")]
    fn settings_acknowledged(&mut self, now: Instant) -> Result<Step, Fault> {
        if self.control.settings != OurSettings::Sent {
            return Err(Fault::protocol("SETTINGS ACK without SETTINGS (RFC 9113 section 6.5.3)"));
        }
        self.control.settings = OurSettings::Acknowledged;
        self.settings_ack_until = None;
        self.round_trip = now.saturating_since(self.settings_sent);
        self.decoder.set_max_table_size(self.config.decoder_table_size);
        // H-081: from here on a window below the protocol's default is in force.
        let difference = i64::from(self.config.stream_window) - i64::from(self.config.early_stream_window());
        if difference < 0 {
            for index in 0..self.slots.bound() {
                if let Some(stream) = self.slots.at_mut(index) {
                    stream.receive_window.adjust(difference);
                }
            }
        }
        Ok(Step::Nothing)
    }

    /// The window that a stream starts with, as the peer may see it.
    pub(super) fn starting_window(&self) -> u32 {
        match self.control.settings {
            OurSettings::Acknowledged => self.config.stream_window,
            _ => self.config.early_stream_window(),
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn received_ping(&mut self, now: Instant, ping: Ping) -> Result<Step, Fault> {
        if ping.ack {
            match ping.payload {
                SHUTDOWN_PING if matches!(self.shutdown, Shutdown::Announced { .. }) => self.finalise_shutdown(),
                KEEPALIVE_PING => self.control.pong_owed = false,
                _ => {}
            }
            return Ok(Step::Nothing);
        }
        self.counters.pings_received += 1;
        self.judge_ping(now)?;
        if self.control.pongs.len() >= self.config.max_replies as usize {
            return Err(Fault::calm("max_replies: PINGs arrive faster than their answers leave"));
        }
        self.control_mut().answer(ping.payload);
        Ok(Step::Nothing)
    }

    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn rst_stream(&mut self, now: Instant, frame: RstStream) -> Result<Step, Fault> {
        let Some(key) = self.find(frame.stream) else {
            self.check_not_idle(frame.stream, "RST_STREAM on an idle stream (RFC 9113 section 6.4)")?;
            return self.late_frame(now);
        };
        self.counters.resets_received += 1;
        // NO_ERROR, and a reset after our END_STREAM, is how an honest peer says that it has seen enough.
        let finished = self.slots.get(key).is_some_and(|stream| stream.send == Send::Ended);
        if frame.code != ErrorCode::NO_ERROR && !finished {
            self.charge_reset(now)?;
        }
        self.close(key, Closed::PeerReset);
        Ok(Step::Reset { stream: key, code: frame.code, origin: Origin::Peer, reason: "" })
    }

    fn window_update(&mut self, now: Instant, frame: WindowUpdate) -> Result<Step, Fault> {
        let increment = i64::from(frame.increment);
        if frame.stream.is_zero() {
            let before = self.send_window.available();
            self.judge_increment(now, frame.increment, before)?;
            self.send_window.change(increment).map_err(|_| {
                Fault::Connection(ErrorCode::FLOW_CONTROL_ERROR, "WINDOW_UPDATE takes the window past 2^31 - 1")
            })?;
            return Ok(Step::Nothing);
        }
        let Some(key) = self.find(frame.stream) else {
            self.check_not_idle(frame.stream, "WINDOW_UPDATE on an idle stream (RFC 9113 section 6.9)")?;
            return self.late_frame(now);
        };
        let Some(stream) = self.slots.get_mut(key) else { return Ok(Step::Nothing) };
        let before = stream.send_window.available();
        if stream.send_window.change(increment).is_err() {
            // Even on a server a stream error (T-03 b), charged to the reset guard.
            let reason = "WINDOW_UPDATE takes a stream's window past 2^31 - 1 (RFC 9113 section 6.9.1)";
            return self.reset_by_fault(now, key, ErrorCode::FLOW_CONTROL_ERROR, reason);
        }
        if stream.may_send() {
            self.common.widened(stream);
        }
        self.judge_increment(now, frame.increment, before)?;
        Ok(Step::Nothing)
    }

    /// T-12, T-26: RST_STREAM and WINDOW_UPDATE may have been under way when their stream closed, a few for each
    /// (L-41). More than that only make work.
    fn late_frame(&mut self, now: Instant) -> Result<Step, Fault> {
        match (self.late_frames.checked_sub(1), self.updates_due.checked_sub(1)) {
            (Some(rest), _) => self.late_frames = rest,
            (None, Some(rest)) => self.updates_due = rest,
            (None, None) => self.glitch(now, 1)?,
        }
        Ok(Step::Nothing)
    }

    /// T-17. Some peers give credit for each message that they read, however small (L-42): what answers DATA is no
    /// flood.
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn judge_increment(&mut self, now: Instant, increment: u32, before: usize) -> Result<(), Fault> {
        if increment >= SMALL_INCREMENT || before <= AMPLE_WINDOW {
            return Ok(());
        }
        self.counters.small_updates_received += 1;
        match self.updates_due.checked_sub(1) {
            Some(rest) => self.updates_due = rest,
            None => self.glitch(now, 1)?,
        }
        Ok(())
    }

    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    fn go_away(&mut self, now: Instant, frame: GoAway<'_>) -> Result<Step, Fault> {
        self.counters.goaways_received += 1;
        if self.counters.goaways_received > 2 {
            self.glitch(now, 8)?;
        }
        // H-103, G-175
        if self.peer_last.is_some_and(|last| frame.last_stream > last) {
            return Err(Fault::protocol("the last stream id of GOAWAY rose (RFC 9113 section 6.8)"));
        }
        if self.common.side == Side::Client && frame.last_stream.is_server() {
            return Err(Fault::protocol("GOAWAY names a stream that only a server opens (RFC 9113 section 6.8)"));
        }
        self.peer_last = Some(frame.last_stream);
        self.start_draining();
        if frame.code != ErrorCode::NO_ERROR {
            let mut error = ConnectionError::new(frame.code, Origin::Peer, "GOAWAY");
            error.debug_data = frame.debug_data.into();
            self.peer_error = Some(error);
        }
        if self.common.side == Side::Client {
            self.close_unprocessed(frame.last_stream);
            self.end_if_drained();
        }
        Ok(Step::GoAway { last_stream: frame.last_stream, code: frame.code })
    }

    /// H-102: what the peer did not process is closed, and nothing is said of it on the wire.
    #[expect(clippy::arithmetic_side_effects, reason = "a place in a table of 32 bits less one")]
    fn close_unprocessed(&mut self, last: StreamId) {
        let mut next = self.slots.key_from(0);
        while let Some(key) = next {
            next = self.slots.key_from(key.index() + 1);
            let unprocessed = |id: StreamId| id.is_zero() || id > last;
            if self.slots.get(key).is_some_and(|stream| !stream.is_closed() && unprocessed(stream.id)) {
                self.close(key, Closed::by_us(i64::from(DEFAULT_WINDOW)));
            }
        }
    }

    pub(super) fn find(&self, stream: StreamId) -> Option<StreamKey> {
        self.slots.at(self.ids.get(stream.get(), |slot| self.slots.id(slot))?).map(|stream| stream.key)
    }

    /// H-029: on a stream that nobody opened only HEADERS and PRIORITY make sense.
    pub(super) fn check_not_idle(&self, stream: StreamId, reason: &'static str) -> Result<(), Fault> {
        let opened = match self.common.side {
            Side::Client => stream.is_client() && stream < self.next_id,
            Side::Server => stream.is_client() && stream <= self.highest_remote,
        };
        if opened { Ok(()) } else { Err(Fault::protocol(reason)) }
    }

    /// Whether the peer's fault on one stream ends the connection. T-03: on a server it does, so that a client cannot
    /// make it open and drop work for ever. A client spares its other calls (H-032, H-034, G-055), if there are any.
    pub(super) fn ends_for_fault(&self) -> bool {
        self.common.side == Side::Server || self.active == 0
    }

    /// A stream error, or an error of the connection where that [spares nobody](Self::ends_for_fault).
    pub(super) fn fault_on(
        &mut self,
        now: Instant,
        stream: StreamId,
        code: ErrorCode,
        reason: &'static str,
    ) -> Result<Step, Fault> {
        if self.ends_for_fault() {
            return Err(Fault::Connection(code, reason));
        }
        match self.find(stream) {
            Some(key) => self.reset_by_fault(now, key, code, reason),
            None => {
                // H-071: an idle stream cannot be reset, so the connection pays; L-40: a closed one is not reset again.
                self.check_not_idle(stream, reason).map_err(|_| Fault::Connection(code, reason))?;
                self.glitch(now, 8)?;
                Ok(Step::Nothing)
            }
        }
    }

    /// Resets a stream because of what the peer sent on it.
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(super) fn reset_by_fault(
        &mut self,
        now: Instant,
        key: StreamKey,
        code: ErrorCode,
        reason: &'static str,
    ) -> Result<Step, Fault> {
        self.counters.resets_provoked += 1;
        self.charge_reset(now)?;
        self.reset(key, code);
        Ok(Step::Reset { stream: key, code, origin: Origin::Local, reason })
    }

    /// Answers a frame on a stream that we hold no state for.
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits, and one for a frame")]
    pub(super) fn reset_unknown(&mut self, now: Instant, stream: StreamId, code: ErrorCode) -> Result<Step, Fault> {
        self.late_frames = self.late_frames.saturating_add(LATE_FRAMES);
        self.counters.resets_provoked += 1;
        self.charge_reset(now)?;
        if self.control.resets.len() >= (self.config.max_replies as usize).saturating_add(self.slots.len()) {
            return Err(Fault::calm("max_replies: resets are provoked faster than they leave"));
        }
        self.control_mut().say_reset(stream, code);
        Ok(Step::Nothing)
    }
}
