//! A recount by brute force of what a connection counts as it goes. Walks over everything, so it is for tests only.

use super::connection::{Connection, Shutdown};
use super::lines::Place;
use super::reader::Phase;
use super::slots::StreamKey;
use super::stream::{Ending, Receive, Send, Stream, UNWATCHED};
use crate::frame::{MAX_WINDOW, StreamId};
use crate::time::Instant;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The windows as one end believes them to be, to be held against those counted on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// What it may send on the connection, in octets.
    pub send: i64,
    /// What the peer may send on the connection: announced, and not used yet.
    pub receive: i64,
    /// What was read and is not announced yet. Negative while octets that were lent are outstanding.
    pub owed: i64,
    /// Streams that are open on the wire.
    pub streams: Vec<StreamWindows>,
}

/// The windows of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamWindows {
    /// The stream's id.
    pub stream: u32,
    /// What may be sent on it; `None` once our half has ended.
    pub send: Option<i64>,
    /// What the peer may send; `None` once its half has ended.
    pub receive: Option<i64>,
}

/// `Err` with what is wrong, unless the rule holds.
pub(crate) fn must(holds: bool, wrong: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(wrong()) }
}

impl<T: Default> Connection<T> {
    /// Recounts what this connection counts as it goes, and checks that each stream with something to say is in the
    /// list that gives it a turn (L-04, L-05, L-17, L-40).
    ///
    /// # Errors
    ///
    /// What does not add up.
    pub fn audit(&self) -> Result<(), String> {
        let keys = self.keys();
        let all = || keys.iter().filter_map(|key| self.slots.get(*key));
        let count = |is: fn(&Stream<T>) -> bool| all().filter(|stream| is(stream)).count();
        let equal = |name: &str, kept: usize, counted: usize| {
            must(kept == counted, || format!("{name}: {kept} kept, {counted} counted"))
        };
        equal("slots", self.slots.len(), keys.len())?;
        equal("active streams", self.active as usize, count(|s| !s.is_closed() && s.send != Send::Waiting))?;
        equal("waiting streams", self.waiting_streams(), count(|s| !s.is_closed() && s.send == Send::Waiting))?;
        equal("queued octets", self.common.queued, all().map(|stream| stream.outbox.recount(&self.common.pool)).sum())?;
        equal("stream ids", self.ids.len(), count(|s| !s.is_closed() && !s.id.is_zero()))?;
        must(self.send_window.signed() <= i64::from(MAX_WINDOW), || format!("{:?}", self.send_window))?;
        self.audit_flags()?;
        for (at, (stream, _)) in self.control.resets.iter().enumerate() {
            let again = self.control.resets.iter().skip(at + 1).any(|other| other.0 == *stream);
            must(!again, || format!("two RST_STREAMs wait for {stream:?} (L-40)"))?;
        }
        let walk = |place: Place| {
            let lines = &self.common.lines;
            lines.walk(place, &self.slots).ok_or_else(|| format!("a line is not as long as it was counted: {lines:?}"))
        };
        let [waiting, ready, blocked, held] = [Place::Waiting, Place::Ready, Place::Blocked, Place::Held].map(walk);
        let (waiting, ready, blocked, held) = (waiting?, ready?, blocked?, held?);
        let flags = self.common.lines.walk_flags(&self.slots);
        let [credits, _] =
            &flags.ok_or_else(|| format!("credits or notices are miscounted: {:?}", self.common.lines))?;
        for key in keys {
            let Some(stream) = self.slots.get(key) else { continue };
            let places = [&waiting, &ready, &blocked, &held].iter().filter(|line| line.contains(&key)).count();
            must(places == usize::from(stream.place != Place::Out), || format!("lines of {key:?}"))?;
            self.audit_stream(key, stream, &waiting, [&ready, &blocked, &held], credits)
                .map_err(|wrong| format!("stream {:?} in {:?}: {wrong}", stream.id, (stream.send, stream.receive)))?;
        }
        Ok(())
    }

    /// What is noted in one word for many.
    fn audit_flags(&self) -> Result<(), String> {
        let mut control = self.control.clone();
        control.look_again();
        must(control.is_pending() == self.control.is_pending(), || format!("pending: {:?}", self.control))?;
        must(!self.is_quiet() || self.may_be_quiet(), || format!("not as quiet as is believed: {:?}", self.control))?;
        let told = self.error.is_some() || self.peer_last.is_some() || self.shutdown != Shutdown::No;
        must(self.draining == (self.ended || told), || format!("draining: {}", self.draining))
    }

    fn audit_stream(
        &self,
        key: StreamKey,
        stream: &Stream<T>,
        waiting: &[StreamKey],
        [ready, blocked, held]: [&[StreamKey]; 3],
        credits: &[StreamKey],
    ) -> Result<(), String> {
        let fact = |holds: bool, wrong: &str| must(holds, || String::from(wrong));
        let queued = stream.outbox.len();
        if stream.is_closed() {
            fact(!ready.contains(&key) && !blocked.contains(&key) && !credits.contains(&key), "closed, in a list")?;
            fact(queued == 0, "closed, with octets queued (L-06)")?;
            return fact(self.find(stream.id).is_none(), "closed, with its id in use");
        }
        fact(self.find(stream.id) == Some(key).filter(|_| !stream.id.is_zero()), "its id leads elsewhere")?;
        fact(waiting.contains(&key) == (stream.send == Send::Waiting), "the list of those that wait")?;
        fact(!blocked.contains(&key) || queued > 0, "blocked by a window with nothing to send (L-05)")?;
        let may_speak = match stream.send {
            Send::Waiting | Send::Ended => false,
            Send::Head => stream.head_wanted || self.common.side == super::Side::Client,
            Send::Body if queued > 0 => stream.send_window.available() > 0,
            Send::Body => stream.head_wanted || stream.ending != Ending::Open,
        };
        // What is held for a larger window has its time.
        let is_held = held.contains(&key) && self.stalls.release_at < Instant::MAX;
        let has_turn = ready.contains(&key) || blocked.contains(&key) || is_held;
        fact(!may_speak || has_turn, "may speak, and has no turn (L-07)")?;
        let window = stream.receive_window;
        let listens = stream.receive != Receive::Ended;
        let owes = window.owed() >= i64::from((self.config.stream_window / 2).max(1)) && window.announceable() > 0;
        fact(!(listens && owes) || credits.contains(&key), "owes a WINDOW_UPDATE, and will not send it")
    }

    /// The windows as this end believes them to be; `None` once the connection has ended, and they count no more.
    pub fn windows(&self) -> Option<Windows> {
        if self.ended {
            return None;
        }
        let keys = self.keys();
        let streams = keys.iter().filter_map(|key| self.slots.get(*key)).filter(|s| !s.is_closed() && !s.id.is_zero());
        let windows = |stream: &Stream<T>| StreamWindows {
            stream: stream.id.get(),
            send: Some(stream.send_window.signed()).filter(|_| stream.send != Send::Ended),
            receive: Some(stream.receive_window.available()).filter(|_| stream.receive != Receive::Ended),
        };
        Some(Windows {
            send: self.send_window.signed(),
            receive: self.common.receive_window.available(),
            owed: self.common.receive_window.owed(),
            streams: streams.map(windows).collect(),
        })
    }

    /// Goes on with this id, as if all those before it had been used; for a client that has opened nothing.
    pub fn skip_to(&mut self, stream: StreamId) {
        if self.common.side == super::Side::Client && self.next_id < stream && stream.is_client() {
            self.next_id = stream;
            self.stir();
        }
    }

    /// What of the window of a stream is with the peer or owed to it; `None` once the peer's half has ended.
    pub(crate) fn window_at_large(&self, key: StreamKey) -> Option<i64> {
        let stream = self.slots.get(key).filter(|stream| stream.receive != Receive::Ended)?;
        Some(stream.receive_window.available() + stream.receive_window.owed() + self.in_hand(Some(key)))
    }

    /// As [`Connection::window_at_large`], for the connection.
    pub(crate) fn connection_window_at_large(&self) -> i64 {
        self.common.receive_window.available() + self.common.receive_window.owed() + self.in_hand(None)
    }

    /// Octets of the DATA frame at hand that have left the window, and did not arrive yet; of any stream for `None`.
    fn in_hand(&self, key: Option<StreamKey>) -> i64 {
        match self.reader.phase {
            Phase::Data(frame) if key.is_none() || frame.stream == key => {
                i64::from(if frame.pad_length_next { frame.head.length } else { frame.data })
            }
            _ => 0,
        }
    }

    /// What a stream's window, and the connection's, were announced as.
    pub(crate) fn announced_windows(&self) -> (i64, i64) {
        (i64::from(self.starting_window()), i64::from(self.config.connection_window))
    }

    /// Whether the layer above is to be told when the stream's queue has drained.
    pub(crate) fn is_watched(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_some_and(|stream| stream.watch != UNWATCHED)
    }

    fn keys(&self) -> Vec<StreamKey> {
        let mut keys = Vec::new();
        while let Some(key) = self.slots.key_from(keys.last().map_or(0, |key: &StreamKey| key.index() + 1)) {
            keys.push(key);
        }
        keys
    }
}
