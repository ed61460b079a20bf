//! Receiving DATA, RFC 9113 §6.1.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::closed::Closed;
use super::connection::{Connection, Exhaustion};
use super::error::Fault;
use super::input::Input;
use super::reader::{DataFrame, Phase};
use super::slots::StreamKey;
use super::step::Step;
use super::stream::{ContentLeft, Receive, Send};
use crate::frame::{ErrorCode, Flags, HEAD_LEN, Head, Kind, data_padding};
use crate::time::Instant;

/// Octets of real DATA that give one token for empty frames back.
const REFUND_EVERY: u32 = 16 * 1024;

impl<T: Default> Connection<T> {
    /// The frame at the front of the input, if it is DATA that lies there whole, has no padding, is for a stream that
    /// expects it and well within its windows. Most DATA is, and is spared the stations of what comes in pieces. Its
    /// stream, the length of the payload, which is to be taken from the input now, and whether the peer's half ended
    /// with it: no [`Step::End`] follows then. `None`, with nothing done, for any other frame.
    #[inline]
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "windows are 32 bits in 64; `expects_content` has compared; 64 bits, and one for a frame"
    )]
    pub(crate) fn ordinary_data(&mut self, input: &mut Input<'_>) -> Option<(StreamKey, usize, bool)> {
        let (octets, rest) = input.as_slice().split_first_chunk::<HEAD_LEN>()?;
        let Head { length, kind: Kind::DATA, flags, stream } = Head::parse(octets) else { return None };
        let whole = length > 0 && rest.len() >= length as usize && length <= self.config.max_frame_size;
        if !whole || flags.contains(Flags::PADDED) || !self.reader.is_at_ease() {
            return None;
        }
        let stream = self.slots.at_mut(self.ids.find(stream.get(), |slot| self.slots.id(slot))?)?;
        let window = stream.receive_window.available().min(self.common.receive_window.available() - 1);
        let end = flags.contains(Flags::END_STREAM);
        if window < i64::from(length) || stream.receive != Receive::Body || !stream.expects_content(length, end) {
            return None;
        }
        if end && stream.send == Send::Ended {
            return None;
        }
        if let Some(left) = &mut stream.content_left {
            *left = ContentLeft::new(left.get() - u64::from(length));
        }
        if end {
            stream.receive = Receive::Ended;
            self.common.lines.forgive(stream);
        }
        stream.receive_window.spend(length);
        self.common.receive_window.spend(length);
        let key = stream.key;
        self.counters.frames_received += 1;
        self.data_arrived(length);
        input.take(HEAD_LEN);
        Some((key, length as usize, end))
    }

    /// Judges a DATA frame by its head: windows first, since they count whatever becomes of the payload (H-120).
    pub(super) fn begin_data(&mut self, now: Instant, head: Head) -> Result<Option<Step>, Fault> {
        if !self.common.receive_window.spend(head.length) {
            let reason = "DATA beyond the connection's window (RFC 9113 section 6.9)";
            return Err(Fault::Connection(ErrorCode::FLOW_CONTROL_ERROR, reason));
        }
        if self.common.receive_window.available() <= 0 {
            self.stir();
            let owed = self.common.receive_window.owed();
            if self.exhaustion == Exhaustion::No && owed < i64::from(self.common.credit_threshold) {
                self.exhaustion = Exhaustion::New;
            }
        }
        let padded = head.flags.contains(Flags::PADDED);
        let mut frame = DataFrame {
            head,
            stream: None,
            pad_length_next: padded,
            data: if padded { 0 } else { head.length },
            padding: 0,
        };
        if !padded {
            self.count_data(now, &head, head.length)?;
        }
        let step = match self.find(head.stream) {
            Some(key) => self.admit_data(now, key, &head)?,
            None => self.data_on_closed(now, &head)?.map_or(Admission::Drop, Admission::Fault),
        };
        let step = match step {
            Admission::Deliver(key) => {
                frame.stream = Some(key);
                None
            }
            Admission::Drop => None,
            Admission::Fault(step) => Some(step),
        };
        self.reader.phase = Phase::Data(frame);
        Ok(step)
    }

    fn admit_data(&mut self, now: Instant, key: StreamKey, head: &Head) -> Result<Admission, Fault> {
        let Some(stream) = self.slots.get_mut(key) else { return Ok(Admission::Drop) };
        match stream.receive {
            Receive::Body => {
                if !stream.receive_window.spend(head.length) {
                    let reason = "DATA beyond the stream's window (RFC 9113 section 6.9)";
                    return self.reset_by_fault(now, key, ErrorCode::FLOW_CONTROL_ERROR, reason).map(Admission::Fault);
                }
                let known = if head.flags.contains(Flags::PADDED) { 0 } else { head.length };
                Ok(self.charge_content(now, key, known)?.map_or(Admission::Deliver(key), Admission::Fault))
            }
            // G-053
            Receive::Head { .. } => {
                let reason = "DATA before HEADERS (RFC 9113 section 8.1)";
                self.reset_by_fault(now, key, ErrorCode::PROTOCOL_ERROR, reason).map(Admission::Fault)
            }
            // H-032
            Receive::Ended => {
                let reason = "DATA after END_STREAM (RFC 9113 section 5.1)";
                self.fault_on(now, head.stream, ErrorCode::STREAM_CLOSED, reason).map(Admission::Fault)
            }
        }
    }

    /// H-130: `content-length` is judged by whole frames, so that the reaction does not depend on how they are cut.
    fn charge_content(&mut self, now: Instant, key: StreamKey, data: u32) -> Result<Option<Step>, Fault> {
        let Some(left) = self.slots.get_mut(key).and_then(|stream| stream.content_left.as_mut()) else {
            return Ok(None);
        };
        if let Some(rest) = left.get().checked_sub(u64::from(data)) {
            *left = ContentLeft::new(rest);
            return Ok(None);
        }
        let reason = "more DATA than content-length says (RFC 9113 section 8.1.1)";
        self.reset_by_fault(now, key, ErrorCode::PROTOCOL_ERROR, reason).map(Some)
    }

    /// H-034 to H-036, T-12: DATA on a stream that is gone; its octets are credited in any case.
    fn data_on_closed(&mut self, now: Instant, head: &Head) -> Result<Option<Step>, Fault> {
        self.check_not_idle(head.stream, "DATA on an idle stream (RFC 9113 section 5.1)")?;
        let forgotten = self.closed.is_forgotten(head.stream);
        let fatal = self.ends_for_fault();
        let Some(closed) = self.closed.get_mut(head.stream) else {
            if !forgotten {
                return Err(Fault::protocol("DATA on a stream that was skipped (RFC 9113 section 5.1.1)"));
            }
            self.glitch(now, 8)?;
            return Ok(None);
        };
        match closed {
            Closed::WeReset { octets, frames } => {
                let honest = *octets >= head.length || *frames > 0;
                match octets.checked_sub(head.length) {
                    Some(rest) => *octets = rest,
                    None => *frames = frames.saturating_sub(1),
                }
                self.glitch(now, if honest { 0 } else { 8 })?;
                Ok(None)
            }
            Closed::Ended if fatal => {
                Err(Fault::Connection(ErrorCode::STREAM_CLOSED, "DATA on a closed stream (RFC 9113 section 5.1)"))
            }
            Closed::Ended | Closed::PeerReset => {
                *closed = Closed::by_us(0);
                self.reset_unknown(now, head.stream, ErrorCode::STREAM_CLOSED).map(Some)
            }
        }
    }

    /// H-060, T-43: DATA without data is bounded; real data pays for it.
    fn count_data(&mut self, now: Instant, head: &Head, data: u32) -> Result<(), Fault> {
        if data == 0 && !head.flags.contains(Flags::END_STREAM) {
            self.charge_empty_data(now)?;
        }
        self.data_arrived(data);
        Ok(())
    }

    #[expect(clippy::arithmetic_side_effects, reason = "below 2^14 and a frame of 24 bits")]
    pub(super) fn data_arrived(&mut self, octets: u32) {
        self.data_since_refund += octets;
        while self.data_since_refund >= REFUND_EVERY {
            self.data_since_refund -= REFUND_EVERY;
            self.empty_data.refund();
        }
    }

    /// Goes on with a DATA frame: the pad length, then data piece by piece, then padding, then the end.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "`data_padding` has compared, and what is taken is a part of it"
    )]
    pub(super) fn continue_data(
        &mut self,
        now: Instant,
        mut frame: DataFrame,
        input: &mut Input<'_>,
    ) -> Result<Step, Fault> {
        if frame.pad_length_next {
            let &[pad_length] = input.take(1) else { return Ok(Step::Idle) };
            frame.pad_length_next = false;
            frame.padding = data_padding(&frame.head, pad_length)?;
            frame.data = frame.head.length - 1 - frame.padding;
            self.count_data(now, &frame.head, frame.data)?;
            // G-192: padding is given back at once.
            self.discard(frame.stream, 1 + frame.padding);
            if let Some(key) = frame.stream.filter(|key| !self.is_closed(*key))
                && let Some(step) = self.charge_content(now, key, frame.data)?
            {
                self.reader.phase = Phase::Data(frame);
                return Ok(step);
            }
        }
        if frame.data > 0 {
            let len = input.as_slice().len().min(frame.data as usize);
            if len == 0 {
                self.reader.phase = Phase::Data(frame);
                return Ok(Step::Idle);
            }
            frame.data -= len as u32;
            self.reader.phase = Phase::Data(frame);
            return Ok(self.deliver(frame, len, input));
        }
        let skipped = input.take(frame.padding as usize).len() as u32;
        frame.padding -= skipped;
        if frame.padding > 0 {
            self.reader.phase = Phase::Data(frame);
            return Ok(Step::Idle);
        }
        self.reader.phase = Phase::Head;
        match frame.stream {
            Some(key) if frame.head.flags.contains(Flags::END_STREAM) => self.end_of_stream(now, key),
            _ => Ok(Step::Nothing),
        }
    }

    /// A piece of DATA goes to its stream, if that is still there to take it.
    fn deliver(&mut self, frame: DataFrame, len: usize, input: &mut Input<'_>) -> Step {
        match frame.stream.filter(|key| !self.is_closed(*key)) {
            Some(stream) => Step::Data { stream, len },
            None => {
                // H-035, G-193: discarded octets are credited to the connection.
                input.take(len);
                self.common.consumed_late(len as u32);
                Step::Nothing
            }
        }
    }

    fn discard(&mut self, stream: Option<StreamKey>, octets: u32) {
        match stream {
            Some(key) => self.consumed(key, octets),
            None => self.common.consumed_late(octets),
        }
    }

    /// END_STREAM on DATA.
    fn end_of_stream(&mut self, now: Instant, key: StreamKey) -> Result<Step, Fault> {
        let Some(stream) = self.slots.get(key).filter(|stream| !stream.is_closed()) else { return Ok(Step::Nothing) };
        if !stream.has_all_content() {
            let reason = "less DATA than content-length says (RFC 9113 section 8.1.1)";
            return self.reset_by_fault(now, key, ErrorCode::PROTOCOL_ERROR, reason);
        }
        self.receive_ended(key);
        Ok(Step::End { stream: key })
    }

    /// The peer's half ended; the stream closes if ours had.
    pub(super) fn receive_ended(&mut self, key: StreamKey) {
        let Some(stream) = self.slots.get_mut(key) else { return };
        let sent = stream.send == Send::Ended;
        if sent {
            self.close_cleanly(key);
        } else {
            stream.receive = Receive::Ended;
            self.common.lines.forgive(stream);
        }
    }

    /// Both halves ended: the stream pays back what a reset would have cost.
    pub(super) fn close_cleanly(&mut self, key: StreamKey) {
        self.resets.refund();
        self.close(key, Closed::Ended);
    }
}

/// What becomes of a DATA frame's payload.
enum Admission {
    Deliver(StreamKey),
    Drop,
    /// Dropped too, and the stream ends.
    Fault(Step),
}
