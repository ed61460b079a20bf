//! Runs: messages of one call that are read, or sent, one right after the other.
//!
//! The first goes the ordinary way. The buffer that the next ones lie in, or fit in, is then set aside, and they are read
//! or written there without a look at their call. What they add up to (credit, counts, lengths) is settled for all of them
//! when the run ends, which is before any verb that could see it, save those that only ask, and for these it is known.

use super::engine::Engine;
use super::inbox::Payload;
use super::send::{check_send, is_large, room_for_run};
use crate::error::SendError;
use crate::grpc::message::{Message, PREFIX_LEN, Prefix};
use crate::http2::StreamKey;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Whole messages that a call must hold for a run to be worth its beginning and its end.
pub(super) const WORTHWHILE: u32 = 3;

/// The runs of one connection: no more than one in each direction.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    read: ReadRun,
    send: SendRun,
}

/// Messages in the first buffer of an inbox.
#[derive(Clone, Debug)]
struct ReadRun {
    key: StreamKey,
    buffer: Vec<u8>,
    /// Where the next message begins.
    at: usize,
    /// From here on the octets taken are still to be credited.
    credited: usize,
    /// No message of the run ends behind this.
    until: usize,
    /// Messages that may be taken. The call keeps one more, so that what its next read gives does not change.
    left: u32,
}

/// Messages in the last buffer of an outbox.
#[derive(Clone, Debug)]
struct SendRun {
    key: StreamKey,
    buffer: Vec<u8>,
    /// Where a message without payload may begin at the latest; one with payload so much earlier.
    until: usize,
    /// Octets in the buffer when the run began.
    before: usize,
}

impl Engine {
    /// Whether a run of this call has a message for it.
    #[inline]
    pub(super) fn has_next_of_run(&self, key: StreamKey) -> bool {
        self.runs.as_deref().is_some_and(|runs| {
            let run = &runs.read;
            run.key == key && run.left > 0 && run.next().is_some_and(|(_, _, end)| end <= run.until)
        })
    }

    /// Takes the message that [`Engine::has_next_of_run`] found.
    #[inline]
    pub(super) fn take_of_run(&mut self) -> Option<Payload<'_>> {
        let run = &mut self.runs.as_deref_mut()?.read;
        let (_, _, end) = run.next()?;
        let at = core::mem::replace(&mut run.at, end);
        run.left -= 1;
        let (flags, payload, _) = message_at(&run.buffer, at)?;
        Some(Payload::of_shared_buffer(payload, flags != 0))
    }

    /// Begins a run where more messages follow the one that is about to be taken, and nothing but sums depends on them;
    /// what that one gives back has been settled. `None` where there is no run to begin.
    #[inline(never)]
    pub(super) fn begin_reading(&mut self, key: StreamKey) -> Option<()> {
        let slack = self.http2.credit_slack(key);
        let (stream, _) = self.http2.at(key)?;
        let call = &mut stream.upper;
        let left = call.inbox.complete().checked_sub(1)?;
        if slack == 0 || left + 1 < WORTHWHILE || call.lent > 0 || call.credited > 0 {
            return None;
        }
        let credit = call.inbox.next_credit() as usize;
        let (buffer, at) = call.inbox.set_aside()?;
        let credited = at + credit;
        let until = buffer.len().min(credited.saturating_add(slack));
        self.runs.get_or_insert_with(Runs::boxed).read = ReadRun { key, buffer, at, credited, until, left };
        self.aside = true;
        Some(())
    }

    /// Octets of payload that a message may have to go on with a run of this call.
    #[inline]
    fn room_in_run(&self, key: StreamKey) -> Option<usize> {
        let run = &self.runs.as_deref()?.send;
        if run.key != key {
            return None;
        }
        run.until.checked_sub(run.buffer.len())
    }

    /// As [`Engine::send_with`], for a verb that has not entered: where a run of this call goes on, it need not.
    #[inline]
    pub(crate) fn send_on_with(
        &mut self,
        key: StreamKey,
        size_hint: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        if let Some(room) = self.room_in_run(key)
            && size_hint <= room
        {
            self.scratch.clear();
            encode(&mut self.scratch);
            if self.scratch.len() > room {
                return self.send_out_of_run(key);
            }
            if let Some(runs) = self.runs.as_deref_mut() {
                runs.send.append(&self.scratch);
            }
            return Ok(());
        }
        self.enter(None);
        self.send_with(key, size_hint, false, true, encode)
    }

    /// As [`Engine::send`], likewise.
    #[inline]
    pub(crate) fn send_on(&mut self, key: StreamKey, message: Message) -> Result<(), SendError<Message>> {
        if let Some(room) = self.room_in_run(key)
            && !message.compressed
            && message.data.len() <= room
        {
            self.runs.get_or_insert_with(Runs::boxed).send.append(&message.data);
            return Ok(());
        }
        self.enter(None);
        self.send(key, message, true)
    }

    /// The message that lies in `scratch` turned out to be too large for the run that it was to go on with.
    #[cold]
    fn send_out_of_run(&mut self, key: StreamKey) -> Result<(), SendError<()>> {
        let scratch = core::mem::take(&mut self.scratch);
        self.take_back();
        self.scratch = scratch;
        self.queue_scratch(key, false)
    }

    /// Begins a run where messages that follow the one just queued could only make its buffer longer.
    #[inline(never)]
    pub(super) fn begin_sending(&mut self, key: StreamKey) {
        let Some((stream, common)) = self.http2.at(key) else { return };
        if stream.is_send_ended() || check_send(self.side, stream, false).is_err() {
            return;
        }
        let room = room_for_run(&self.settings.limits, stream, common);
        let Some((buffer, space)) = common.set_aside(stream) else { return };
        let before = buffer.len();
        // What does not fit makes the buffer grow, or takes another one: the ordinary way knows which.
        let until = (before + room.min(space)).saturating_sub(PREFIX_LEN);
        self.runs.get_or_insert_with(Runs::boxed).send = SendRun { key, buffer, until, before };
        self.aside = true;
    }

    /// Ends both runs: everything is where it would be without them.
    #[inline(never)]
    pub(super) fn end_runs(&mut self) {
        let Some(runs) = self.runs.as_deref_mut() else { return };
        if runs.read.key != StreamKey::NONE {
            let run = core::mem::replace(&mut runs.read, ReadRun::NONE);
            self.end_reading(run);
        }
        if let Some(runs) = self.runs.as_deref_mut()
            && runs.send.key != StreamKey::NONE
        {
            let run = core::mem::replace(&mut runs.send, SendRun::NONE);
            self.end_sending(run);
        }
    }

    #[inline]
    fn end_reading(&mut self, run: ReadRun) {
        let ReadRun { key, buffer, at, credited, left, .. } = run;
        let credit = (at - credited) as u32;
        let round_trip = self.http2.round_trip();
        let Some((stream, common)) = self.http2.at(key) else { return };
        let call = &mut stream.upper;
        call.inbox.put_back(&mut common.pool, buffer, at, left + 1);
        let window = self.settings.limits.call_window + call.grown;
        if credit > 0 {
            common.consumed(stream, credit);
            if !round_trip.is_zero() && !stream.is_receive_ended() && window < self.settings.limits.max_call_window {
                self.sample.count(key, credit, self.now, round_trip);
            }
        }
    }

    fn end_sending(&mut self, run: SendRun) {
        let SendRun { key, buffer, before, .. } = run;
        let Some((stream, common)) = self.http2.at(key) else { return };
        let added = buffer.len() - before;
        common.put_back(stream, buffer, added);
        if is_large(&self.scratch) {
            self.scratch = Vec::new();
        }
        if added > 0 {
            stream.upper.sent = stream.upper.sent.saturating_add(1);
        }
    }

    /// Whether a run has begun and not ended.
    #[cfg(feature = "testing")]
    pub(super) fn has_run(&self) -> bool {
        let is_on = |runs: &Runs| runs.read.key != StreamKey::NONE || runs.send.key != StreamKey::NONE;
        self.runs.as_deref().is_some_and(is_on)
    }

    /// Octets that a call has queued to send.
    pub(crate) fn queued(&self, key: StreamKey) -> usize {
        let run = self.runs.as_deref().map(|runs| &runs.send).filter(|run| run.key == key);
        self.http2.queued(key) + run.map_or(0, SendRun::added)
    }

    /// Octets that all calls have queued to send.
    pub(crate) fn queued_in_all(&self) -> usize {
        self.http2.queued_in_all() + self.runs.as_deref().map_or(0, |runs| runs.send.added())
    }
}

impl ReadRun {
    const NONE: Self = Self { key: StreamKey::NONE, buffer: Vec::new(), at: 0, credited: 0, until: 0, left: 0 };

    #[inline]
    fn next(&self) -> Option<(u8, &[u8], usize)> {
        message_at(&self.buffer, self.at)
    }
}

/// The flags and the payload of the message that begins there, and where it ends.
#[inline]
fn message_at(buffer: &[u8], at: usize) -> Option<(u8, &[u8], usize)> {
    let ([flags, length @ ..], behind) = buffer.get(at..)?.split_first_chunk::<PREFIX_LEN>()?;
    // It was judged when it arrived.
    let length = u32::from_be_bytes(*length) as usize;
    Some((*flags, behind.get(..length)?, at + PREFIX_LEN + length))
}

impl SendRun {
    const NONE: Self = Self { key: StreamKey::NONE, buffer: Vec::new(), until: 0, before: 0 };

    /// Octets that it has queued, which no queue counts yet.
    fn added(&self) -> usize {
        self.buffer.len() - self.before
    }

    /// Appends a message that fits.
    #[inline]
    fn append(&mut self, payload: &[u8]) {
        let prefix = Prefix { compressed: false, length: payload.len() as u32 }.encode();
        self.buffer.extend_from_slice(&prefix);
        self.buffer.extend_from_slice(payload);
    }
}

impl Runs {
    fn boxed() -> Box<Self> {
        Box::new(Self { read: ReadRun::NONE, send: SendRun::NONE })
    }

    /// Bytes of heap in use.
    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.read.buffer.capacity() + self.send.buffer.capacity()
    }
}
