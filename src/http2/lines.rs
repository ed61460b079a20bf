//! The lines that streams stand in until their turn comes, first come, first served.
//!
//! Joining and leaving take constant time, and touch no other stream: who leaves early leaves its entry behind, which
//! is passed over when its turn comes. An entry is good while its stream says so.

use super::slots::{Slots, StreamKey};
use super::stream::Stream;
use alloc::collections::VecDeque;

/// Where a stream stands that has something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Out,
    /// A client's stream without an id.
    Waiting,
    /// Its turn to send will come.
    Ready,
    /// Its DATA waits for the connection's window.
    Blocked,
    /// Its DATA waits a moment for a larger window of its own.
    Held,
}

/// Entries left behind that are always tolerated in a line.
const SLACK: usize = 64;

#[derive(Clone, Debug, Default)]
struct Line {
    /// Streams, each with the number of its turn.
    entries: VecDeque<(StreamKey, u32)>,
    /// How many of them still stand here.
    len: usize,
}

impl Line {
    fn is_overgrown(&self, streams: usize) -> bool {
        self.entries.len() > 4 * streams + SLACK
    }

    /// Adds an entry at the end.
    #[inline(always)]
    fn enter(&mut self, key: StreamKey, turn: u32) {
        if self.entries.len() < self.entries.capacity() {
            self.entries.push_back((key, turn));
        } else {
            self.grow(key, turn);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, key: StreamKey, turn: u32) {
        self.entries.push_back((key, turn));
    }
}

/// All lines of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    waiting: Line,
    ready: Line,
    blocked: Line,
    held: Line,
    /// Streams that owe the peer a WINDOW_UPDATE.
    credits: Line,
    /// Streams that the layer above wants to come back to.
    notices: Line,
    turn: u32,
    /// Entries made since all lines were tidied.
    made: usize,
}

impl Lines {
    #[inline]
    fn line(&mut self, place: Place) -> Option<&mut Line> {
        match place {
            Place::Out => None,
            Place::Waiting => Some(&mut self.waiting),
            Place::Ready => Some(&mut self.ready),
            Place::Blocked => Some(&mut self.blocked),
            Place::Held => Some(&mut self.held),
        }
    }

    /// How many stand there.
    #[inline]
    pub(super) fn len(&self, place: Place) -> usize {
        match place {
            Place::Out => 0,
            Place::Waiting => self.waiting.len,
            Place::Ready => self.ready.len,
            Place::Blocked => self.blocked.len,
            Place::Held => self.held.len,
        }
    }

    #[inline]
    pub(super) fn is_empty(&self, place: Place) -> bool {
        self.len(place) == 0
    }

    /// The stream joins a line at its end; nothing changes when it stands in one already.
    #[inline(always)]
    pub(super) fn join<T>(&mut self, place: Place, stream: &mut Stream<T>) {
        if stream.place == Place::Out {
            let (key, turn) = self.enter(place, stream);
            if let Some(line) = self.line(place) {
                line.enter(key, turn);
            }
        }
    }

    /// As [`Lines::join`], before all others.
    pub(super) fn join_first<T>(&mut self, place: Place, stream: &mut Stream<T>) {
        if stream.place == Place::Out {
            let entry = self.enter(place, stream);
            if let Some(line) = self.line(place) {
                line.entries.push_front(entry);
            }
        }
    }

    #[inline(always)]
    fn enter<T>(&mut self, place: Place, stream: &mut Stream<T>) -> (StreamKey, u32) {
        self.turn = self.turn.wrapping_add(1);
        self.made += 1;
        (stream.place, stream.turn) = (place, self.turn);
        if let Some(line) = self.line(place) {
            line.len += 1;
        }
        (stream.key, stream.turn)
    }

    /// The stream leaves the line that it stands in, if any.
    #[inline]
    pub(super) fn leave<T>(&mut self, stream: &mut Stream<T>) {
        let place = core::mem::replace(&mut stream.place, Place::Out);
        if let Some(line) = self.line(place) {
            line.len -= 1;
            // Mostly it is the first one's turn.
            if line.entries.front().is_some_and(|entry| entry.1 == stream.turn && entry.0.is(stream.key)) {
                line.entries.pop_front();
            }
        }
    }

    /// As [`Lines::leave`], of the stream that was found to be the [first](Lines::first) in this line.
    #[inline]
    pub(super) fn leave_first<T>(&mut self, place: Place, stream: &mut Stream<T>) {
        debug_assert_eq!(stream.place, place, "it stands there");
        stream.place = Place::Out;
        if let Some(line) = self.line(place) {
            line.len -= 1;
            let first = line.entries.pop_front();
            debug_assert!(first.is_some_and(|(key, turn)| turn == stream.turn && key.is(stream.key)), "the first");
        }
    }

    /// The first in a line, which stays there.
    #[inline]
    pub(super) fn first<T>(&mut self, place: Place, slots: &Slots<T>) -> Option<StreamKey> {
        let line = self.line(place)?;
        loop {
            let &(key, turn) = line.entries.front()?;
            if stands(slots, place, key, turn) {
                return Some(key);
            }
            line.entries.pop_front();
        }
    }

    /// The first entry of those that are ready, which may have left.
    #[inline]
    pub(super) fn front_of_ready(&self) -> Option<(StreamKey, u32)> {
        self.ready.entries.front().copied()
    }

    /// Streams of a line, the last one first, each with its place in it, for [`Lines::before`].
    pub(super) fn before<T>(&self, place: Place, slots: &Slots<T>, end: usize) -> Option<(usize, StreamKey)> {
        let line = match place {
            Place::Ready => &self.ready,
            _ => return None,
        };
        let good = |at: &usize| line.entries.get(*at).is_some_and(|&(key, turn)| stands(slots, place, key, turn));
        let at = (0..end.min(line.entries.len())).rev().find(good)?;
        line.entries.get(at).map(|entry| (at, entry.0))
    }

    /// The stream owes a WINDOW_UPDATE.
    #[inline]
    pub(super) fn owe<T>(&mut self, stream: &mut Stream<T>) {
        if !core::mem::replace(&mut stream.owes, true) {
            self.credits.len += 1;
            self.made += 1;
            self.credits.entries.push_back((stream.key, 0));
        }
    }

    /// It owes none any more.
    #[inline]
    pub(super) fn forgive<T>(&mut self, stream: &mut Stream<T>) {
        if core::mem::replace(&mut stream.owes, false) {
            self.credits.len -= 1;
        }
    }

    pub(super) fn is_any_owing(&self) -> bool {
        self.credits.len > 0
    }

    pub(super) fn first_owing<T>(&mut self, slots: &Slots<T>) -> Option<StreamKey> {
        first_of(&mut self.credits, slots, |stream| stream.owes)
    }

    /// The layer above wants to be reminded of the stream.
    #[inline(always)]
    pub(super) fn notice<T>(&mut self, stream: &mut Stream<T>) {
        if !core::mem::replace(&mut stream.noticed, true) {
            self.notices.len += 1;
            self.made += 1;
            self.notices.enter(stream.key, 0);
        }
    }

    #[inline(always)]
    pub(super) fn clear_notice<T>(&mut self, stream: &mut Stream<T>) {
        if core::mem::replace(&mut stream.noticed, false) {
            self.notices.len -= 1;
            // Mostly it is the first one's turn.
            if self.notices.entries.front().is_some_and(|entry| entry.0.is(stream.key)) {
                self.notices.entries.pop_front();
            }
        }
    }

    /// As [`Lines::clear_notice`], of the first in that line.
    #[inline(always)]
    pub(super) fn clear_first_notice<T>(&mut self, stream: &mut Stream<T>) {
        debug_assert!(stream.noticed && self.front_of_noticed() == Some(stream.key), "it is the first");
        stream.noticed = false;
        self.notices.len -= 1;
        self.notices.entries.pop_front();
    }

    /// The first entry of those that are noticed, which may not be any more.
    #[inline]
    pub(super) fn front_of_noticed(&self) -> Option<StreamKey> {
        self.notices.entries.front().map(|entry| entry.0)
    }

    pub(super) fn first_noticed<T>(&mut self, slots: &Slots<T>) -> Option<StreamKey> {
        first_of(&mut self.notices, slots, |stream| stream.noticed)
    }

    /// Sweeps out what was left behind, where that is more than all streams make up for. Call it when a stream is
    /// opened, and when one changes its line.
    #[inline]
    pub(super) fn tidy<T>(&mut self, slots: &Slots<T>) {
        if self.made > SLACK {
            self.sweep(slots);
        }
    }

    #[inline(never)]
    fn sweep<T>(&mut self, slots: &Slots<T>) {
        self.made = 0;
        let streams = slots.len();
        for place in [Place::Waiting, Place::Ready, Place::Blocked, Place::Held] {
            if let Some(line) = self.line(place).filter(|line| line.is_overgrown(streams)) {
                line.entries.retain(|&(key, turn)| stands(slots, place, key, turn));
            }
        }
        if self.credits.is_overgrown(streams) {
            self.credits.entries.retain(|&(key, _)| slots.get(key).is_some_and(|stream| stream.owes));
        }
        if self.notices.is_overgrown(streams) {
            self.notices.entries.retain(|&(key, _)| slots.get(key).is_some_and(|stream| stream.noticed));
        }
    }

    /// Gives memory back. Call it when no stream is open.
    pub(super) fn trim(&mut self) {
        *self = Self { turn: self.turn, ..Self::default() };
    }

    pub(super) fn heap_size(&self) -> usize {
        let all = [&self.waiting, &self.ready, &self.blocked, &self.held, &self.credits, &self.notices];
        all.iter().map(|line| line.entries.capacity()).sum::<usize>() * size_of::<(StreamKey, u32)>()
    }
}

fn stands<T>(slots: &Slots<T>, place: Place, key: StreamKey, turn: u32) -> bool {
    slots.get(key).is_some_and(|stream| stream.place == place && stream.turn == turn)
}

#[inline]
fn first_of<T>(line: &mut Line, slots: &Slots<T>, good: impl Fn(&Stream<T>) -> bool) -> Option<StreamKey> {
    loop {
        let &(key, _) = line.entries.front()?;
        if slots.get(key).is_some_and(&good) {
            return Some(key);
        }
        line.entries.pop_front();
    }
}

#[cfg(feature = "testing")]
mod audit {
    use super::{Line, Lines, Place, stands};
    use crate::http2::slots::{Slots, StreamKey};
    use crate::http2::stream::Stream;
    use alloc::vec::Vec;

    impl Lines {
        /// The streams that stand in a line, in order; `None` where they are not as many as were counted.
        pub(in crate::http2) fn walk<T>(&self, place: Place, slots: &Slots<T>) -> Option<Vec<StreamKey>> {
            let line = match place {
                Place::Out => return None,
                Place::Waiting => &self.waiting,
                Place::Ready => &self.ready,
                Place::Blocked => &self.blocked,
                Place::Held => &self.held,
            };
            let keys = line.entries.iter().filter(|(key, turn)| stands(slots, place, *key, *turn)).map(|entry| entry.0);
            Some(keys.collect::<Vec<_>>()).filter(|keys| keys.len() == line.len)
        }

        /// As [`Lines::walk`], for the streams that owe credit, and for those that are noticed.
        pub(in crate::http2) fn walk_flags<T>(&self, slots: &Slots<T>) -> Option<[Vec<StreamKey>; 2]> {
            Some([
                walk(&self.credits, slots, |stream| stream.owes)?,
                walk(&self.notices, slots, |stream| stream.noticed)?,
            ])
        }
    }

    fn walk<T>(line: &Line, slots: &Slots<T>, good: impl Fn(&Stream<T>) -> bool) -> Option<Vec<StreamKey>> {
        let mut keys: Vec<_> =
            line.entries.iter().map(|entry| entry.0).filter(|key| slots.get(*key).is_some_and(&good)).collect();
        keys.sort_unstable();
        keys.dedup();
        Some(keys).filter(|keys| keys.len() == line.len)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lines, Place};
    use crate::http2::slots::{Slots, StreamKey};
    use crate::http2::stream::Stream;
    use proptest::prelude::*;
    use std::vec::Vec;

    /// What joins and leaves behind one that stays leaves no more entries than all streams make up for.
    #[test]
    fn lines_do_not_grow_by_who_comes_and_goes() {
        let moves: [fn(&mut Lines, &mut Stream<()>); 3] = [
            |lines, stream| {
                lines.join(Place::Ready, stream);
                lines.leave(stream);
            },
            |lines, stream| {
                lines.owe(stream);
                lines.forgive(stream);
            },
            |lines, stream| {
                lines.notice(stream);
                lines.clear_notice(stream);
            },
        ];
        for come_and_go in moves {
            let mut slots = Slots::<()>::new();
            let [stays, goes] = [(); 2].map(|()| slots.insert().unwrap().key);
            let mut lines = Lines::default();
            let stream = slots.get_mut(stays).unwrap();
            lines.join(Place::Ready, stream);
            lines.owe(stream);
            lines.notice(stream);
            for _ in 0..1_000 {
                // More than one move before it is looked at again.
                (0..3).for_each(|_| come_and_go(&mut lines, slots.get_mut(goes).unwrap()));
                lines.tidy(&slots);
                for line in [&lines.ready, &lines.credits, &lines.notices] {
                    assert_eq!(line.len, 1);
                    assert!(line.entries.len() <= 4 * 2 + 2 * super::SLACK + 1, "{}", line.entries.len());
                }
            }
            assert_eq!(lines.first(Place::Ready, &slots), Some(stays));
            assert_eq!((lines.first_owing(&slots), lines.first_noticed(&slots)), (Some(stays), Some(stays)));
        }
    }

    proptest! {
        /// A line is a queue from which anybody may be taken, and what was left behind is bounded.
        #[test]
        fn a_line_is_a_queue(ops in prop::collection::vec((0..6u8, 0..8usize), 0..400)) {
            let mut slots = Slots::<()>::new();
            let keys: Vec<StreamKey> = (0..8).map(|_| slots.insert().unwrap().key).collect();
            let (mut lines, mut model) = (Lines::default(), Vec::<StreamKey>::new());
            for (op, at) in ops {
                let key = keys[at];
                match op {
                    0..3 => {
                        if !model.contains(&key) {
                            model.push(key);
                        }
                        lines.join(Place::Held, slots.get_mut(key).unwrap());
                    }
                    3 => {
                        model.retain(|other| *other != key);
                        lines.leave(slots.get_mut(key).unwrap());
                    }
                    4 => {
                        if !model.contains(&key) {
                            model.insert(0, key);
                        }
                        lines.join_first(Place::Held, slots.get_mut(key).unwrap());
                    }
                    _ => {
                        if let Some(first) = lines.first(Place::Held, &slots) {
                            lines.leave(slots.get_mut(first).unwrap());
                            prop_assert_eq!(model.remove(0), first);
                        }
                    }
                }
                lines.tidy(&slots);
                prop_assert_eq!(lines.first(Place::Held, &slots), model.first().copied());
                prop_assert_eq!(lines.len(Place::Held), model.len());
                prop_assert!(lines.held.entries.len() <= 4 * 8 + 2 * super::SLACK);
            }
        }
    }
}
