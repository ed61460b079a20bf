//! Runs: messages of one call that are read, or sent, one right after the other.
//!
//! The first goes the ordinary way. The buffer that the next ones lie in, or fit in, is then set aside, and they are read
//! or written there without a look at their call. What they add up to (credit, counts, lengths) is settled for all of them
//! when the run ends, which is before any verb that could see it, save those that only ask, and for these it is known.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::engine::Engine;
use super::inbox::Payload;
use super::send::{check_send, is_large, room_for_run};
use crate::error::SendError;
use crate::grpc::message::{PREFIX_LEN, Prefix};
use crate::http2::StreamKey;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Messages of one size that a run must be good for, to be worth its beginning and its end.
pub(super) const WORTHWHILE: u32 = 3;

/// The runs of one connection: no more than one in each direction.
#[derive(Clone, Debug)]
pub(super) struct Runs {
    read: ReadRun,
    send: SendRun,
}

/// Messages in the first buffer of an inbox. Offsets have 32 bits, which such a buffer never comes near, so that no sum of
/// them needs a second look.
#[derive(Clone, Debug)]
struct ReadRun {
    /// Its call, if there is a run.
    key: StreamKey,
    buffer: Vec<u8>,
    /// Where the next message begins.
    at: u32,
    /// No message of the run ends behind this; 0 when none is left.
    until: u32,
    /// Messages that may be taken. The call keeps one more, so that what its next read gives does not change.
    left: u32,
    /// From here on the octets taken are still to be credited.
    credited: u32,
}

/// Where the payload of a message lies in the buffer of a run.
#[derive(Clone, Copy)]
pub(super) struct Place {
    start: usize,
    end: usize,
    compressed: bool,
}

/// Messages in the last buffer of an outbox.
#[derive(Clone, Debug)]
struct SendRun {
    key: StreamKey,
    buffer: Vec<u8>,
    /// A message fits whose payload ends before this, were there no prefix before it.
    until: usize,
    /// Octets in the buffer when the run began.
    before: usize,
}

impl Engine {
    /// Whether a run of this call has a message for it in this buffer: where that lies.
    #[inline(always)]
    pub(super) fn goes_on_reading(&self, key: StreamKey) -> Option<Place> {
        let run = &self.runs.as_deref()?.read;
        if run.key.is(key) { run.next() } else { None }
    }

    /// As [`Engine::goes_on_reading`], which has found none, for the next buffer.
    #[inline(always)]
    pub(super) fn goes_on_behind(&mut self, key: StreamKey) -> Option<Place> {
        let run = &self.runs.as_deref()?.read;
        if run.key.is(key) { self.next_buffer(key) } else { None }
    }

    /// The run has come to the end of its buffer, or further than what was owed to the peer then let it: goes on behind that,
    /// where it is worth it.
    #[cold]
    #[expect(clippy::arithmetic_side_effects, reason = "messages that lie in memory")]
    fn next_buffer(&mut self, key: StreamKey) -> Option<Place> {
        let mut runs = self.runs.take()?;
        let mut place = None;
        if runs.read.left + 1 >= WORTHWHILE {
            self.end_reading(&mut runs.read);
            place = self.begin_run(key, &mut runs.read, 0);
        }
        self.runs = Some(runs);
        place
    }

    /// Takes the message of the run that lies there, as [`Engine::goes_on_reading`] says.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "who found the place has looked")]
    pub(super) fn take_of_run(&mut self, Place { start, end, compressed }: Place) -> Payload<'_> {
        let octets = match self.runs.as_deref_mut() {
            Some(Runs { read: ReadRun { buffer, at, left, until, .. }, .. }) => {
                let octets = buffer.get(start..end).unwrap_or_default();
                (*at, *left) = (end as u32, *left - 1);
                if *left == 0 {
                    *until = 0;
                }
                octets
            }
            None => &[],
        };
        Payload::of_shared_buffer(octets, compressed)
    }

    /// Begins a run where more messages follow the one that is about to be taken, whose `credit` was given already; says
    /// where that one lies. `None` where there is none to begin.
    #[cold]
    pub(super) fn begin_reading(&mut self, key: StreamKey, credit: u32) -> Option<Place> {
        let mut runs = self.runs.take().unwrap_or_else(Runs::boxed);
        let place = self.begin_run(key, &mut runs.read, credit);
        self.runs = Some(runs);
        self.attention = true;
        place
    }

    /// Begins a run where nothing but sums depends on the messages that follow. So much `credit` was given of it.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    fn begin_run(&mut self, key: StreamKey, run: &mut ReadRun, credit: u32) -> Option<Place> {
        let slack = self.http2.credit_slack(key);
        let (stream, _) = self.http2.at(key)?;
        let call = &mut stream.upper;
        let left = call.inbox.complete().checked_sub(1)?;
        let next = call.inbox.next_credit();
        if credit.saturating_add(slack) < next || call.lent > 0 || call.credited > 0 {
            return None;
        }
        let (buffer, at) = call.inbox.set_aside((WORTHWHILE * next) as usize)?;
        let at = at as u32;
        let credited = at + credit;
        let until = credited.saturating_add(slack).min(buffer.len() as u32);
        *run = ReadRun { key, buffer, at, until, left, credited };
        run.next()
    }

    /// Whether a run of this call has room for a message of so many octets: [`SendRun::room`] of it.
    #[inline(always)]
    pub(super) fn goes_on_sending(&self, key: StreamKey, octets: usize) -> Option<usize> {
        let run = &self.runs.as_deref()?.send;
        let room = run.room()?;
        (run.key.is(key) && octets < room).then_some(room)
    }

    /// Sends a message with the run that [`Engine::goes_on_sending`] found.
    #[inline]
    pub(super) fn send_of_run(&mut self, payload: &[u8]) {
        if let Some(runs) = self.runs.as_deref_mut() {
            runs.send.append(payload);
        }
    }

    /// As [`Engine::send_of_run`], of a message that `encode` writes, and that may turn out to be longer.
    #[inline]
    pub(super) fn send_of_run_with(
        &mut self,
        key: StreamKey,
        room: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        self.scratch.clear();
        encode(&mut self.scratch);
        match self.runs.as_deref_mut() {
            Some(runs) if self.scratch.len() < room => {
                runs.send.append(&self.scratch);
                Ok(())
            }
            _ => self.send_out_of_run(key),
        }
    }

    /// The message that lies in `scratch` turned out to be too large for the run that it was to go on with.
    #[cold]
    fn send_out_of_run(&mut self, key: StreamKey) -> Result<(), SendError<()>> {
        let scratch = core::mem::take(&mut self.scratch);
        self.take_back();
        self.scratch = scratch;
        self.queue_scratch(key, false)
    }

    /// Begins a run where messages that follow the one of so many `octets` just queued could only make its buffer longer.
    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "a small message and small constants, in memory")]
    pub(super) fn begin_sending(&mut self, key: StreamKey, octets: usize) {
        let Some((stream, common)) = self.http2.at(key) else { return };
        if stream.is_send_ended() || check_send(self.side, stream, false).is_err() {
            return;
        }
        let room = room_for_run(&self.settings.limits, stream, common);
        let worthwhile = WORTHWHILE as usize * (octets + PREFIX_LEN);
        if room < worthwhile {
            return;
        }
        // What does not fit makes the buffer grow, or takes another one: the ordinary way knows which.
        let Some((buffer, space)) = common.set_aside(stream, worthwhile) else { return };
        let before = buffer.len();
        let until = before + room.min(space) + 1 - PREFIX_LEN;
        self.runs.get_or_insert_with(Runs::boxed).send = SendRun { key, buffer, until, before };
        self.attention = true;
    }

    /// Ends both runs: everything is where it would be without them.
    #[inline(never)]
    pub(super) fn end_runs(&mut self) {
        let Some(mut runs) = self.runs.take() else { return };
        if runs.read.key != StreamKey::NONE {
            self.end_reading(&mut runs.read);
        }
        if runs.send.key != StreamKey::NONE {
            self.end_sending(&mut runs.send);
        }
        self.runs = Some(runs);
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    fn end_reading(&mut self, run: &mut ReadRun) {
        let key = core::mem::replace(&mut run.key, StreamKey::NONE);
        let buffer = core::mem::take(&mut run.buffer);
        let credit = run.at - run.credited;
        let round_trip = self.http2.round_trip();
        let limits = &self.settings.limits;
        let Some((stream, common)) = self.http2.at(key) else { return };
        let call = &mut stream.upper;
        call.inbox.put_back(&mut common.pool, buffer, run.at as usize, run.left + 1);
        let grows = !round_trip.is_zero() && limits.call_window + call.grown < limits.max_call_window;
        if credit > 0 {
            common.consumed(stream, credit);
            if grows && !stream.is_receive_ended() {
                self.sample.count(key, credit, self.now, round_trip);
            }
        }
    }

    fn end_sending(&mut self, run: &mut SendRun) {
        let key = core::mem::replace(&mut run.key, StreamKey::NONE);
        let added = run.added();
        let buffer = core::mem::take(&mut run.buffer);
        run.before = 0;
        if is_large(&self.scratch) {
            self.scratch = Vec::new();
        }
        let Some((stream, common)) = self.http2.at(key) else { return };
        common.put_back(stream, buffer, added);
        if added > 0 {
            stream.upper.sent = stream.upper.sent.saturating_add(1);
        }
    }

    /// Whether a run has begun and not ended.
    #[cfg(feature = "testing")]
    pub(super) fn has_run(&self) -> bool {
        self.runs.as_deref().is_some_and(|runs| runs.read.key != StreamKey::NONE || runs.send.key != StreamKey::NONE)
    }

    /// Octets that a call has queued to send.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(crate) fn queued(&self, key: StreamKey) -> usize {
        let run = self.runs.as_deref().map(|runs| &runs.send).filter(|run| run.key == key);
        self.http2.queued(key) + run.map_or(0, SendRun::added)
    }

    /// Octets that all calls have queued to send.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(crate) fn queued_in_all(&self) -> usize {
        self.http2.queued_in_all() + self.runs.as_deref().map_or(0, |runs| runs.send.added())
    }
}

impl ReadRun {
    /// Where the next message lies, if the run has one more in this buffer.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "the length was judged when it arrived, and lies in memory")]
    fn next(&self) -> Option<Place> {
        let start = self.at as usize + PREFIX_LEN;
        let [flag, length @ ..] = self.buffer.get(self.at as usize..start)?.first_chunk::<PREFIX_LEN>()?;
        let end = start + u32::from_be_bytes(*length) as usize;
        let is_there = end <= self.until as usize && end <= self.buffer.len();
        is_there.then_some(Place { start, end, compressed: *flag != 0 })
    }
}

impl SendRun {
    /// One more than the octets of payload for which there is room; `None` where there is none for a prefix.
    #[inline]
    fn room(&self) -> Option<usize> {
        self.until.checked_sub(self.buffer.len())
    }

    /// Appends a message that fits.
    #[inline]
    fn append(&mut self, payload: &[u8]) {
        let prefix = Prefix { compressed: false, length: payload.len() as u32 }.encode();
        self.buffer.extend_from_slice(&prefix);
        self.buffer.extend_from_slice(payload);
    }

    /// Octets that it has queued, which no queue counts yet.
    #[expect(clippy::arithmetic_side_effects, reason = "only appended to")]
    fn added(&self) -> usize {
        self.buffer.len() - self.before
    }
}

impl Runs {
    fn boxed() -> Box<Self> {
        Box::new(Self {
            read: ReadRun { key: StreamKey::NONE, buffer: Vec::new(), at: 0, until: 0, left: 0, credited: 0 },
            send: SendRun { key: StreamKey::NONE, buffer: Vec::new(), until: 0, before: 0 },
        })
    }

    /// Bytes of heap in use.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.read.buffer.capacity() + self.send.buffer.capacity()
    }
}
