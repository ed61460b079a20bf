//! The timers of all calls, behind one question: which is next?

use crate::http2::StreamKey;
use crate::time::Instant;
use alloc::collections::{BinaryHeap, VecDeque};
use core::cmp::Reverse;

/// Who is to be woken when: those that were asked for in the order in which they come stand in a line, which is most of
/// them, since most deadlines are as long as the one before; the others are in a heap. Nearly all deadlines are
/// cancelled by the end of their call, so cancelling costs nothing: an entry is dropped when its time comes and its
/// call is gone, or when such entries outnumber the live ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    line: VecDeque<(Instant, StreamKey)>,
    /// When the last of the line is due, if there is any.
    last: Instant,
    heap: BinaryHeap<Reverse<(Instant, StreamKey)>>,
}

/// Dead entries that are always tolerated.
const SLACK: usize = 64;

impl Timers {
    /// Asks to be woken for `key` at `when`. `is_live` tells whether a key is still in use, among `live` that are.
    #[inline]
    pub(super) fn add(&mut self, when: Instant, key: StreamKey, live: usize, is_live: impl Fn(StreamKey) -> bool) {
        if self.last <= when && self.line.len() < self.line.capacity() && !self.is_overgrown(live) {
            self.last = when;
            return self.line.push_back((when, key));
        }
        self.add_any(when, key, live, is_live);
    }

    /// As [`Timers::add`], wherever its place is.
    #[inline(never)]
    fn add_any(&mut self, when: Instant, key: StreamKey, live: usize, is_live: impl Fn(StreamKey) -> bool) {
        if self.is_overgrown(live) {
            self.sweep(key, live, is_live);
        }
        if self.last <= when || self.line.is_empty() {
            self.last = when;
            self.line.push_back((when, key));
        } else {
            self.heap.push(Reverse((when, key)));
        }
    }

    /// Whether it is time to look for dead entries.
    #[inline]
    fn is_overgrown(&self, live: usize) -> bool {
        self.line.len() + self.heap.len() >= 4 * live + SLACK
    }

    /// Drops the dead entries.
    #[cold]
    #[inline(never)]
    fn sweep(&mut self, key: StreamKey, live: usize, is_live: impl Fn(StreamKey) -> bool) {
        // Mostly this is the first call since all others have ended, and has asked for nothing yet.
        if live == 1 && is_live(key) && self.line.iter().all(|(_, other)| !other.is(key)) {
            self.line.clear();
        } else {
            self.line.retain(|(_, key)| is_live(*key));
        }
        self.heap.retain(|Reverse((_, key))| is_live(*key));
    }

    /// When the next entry is due. It may belong to a call that has ended: then it is early, never late.
    #[inline]
    pub(super) fn next(&self) -> Instant {
        let first = self.line.front().map_or(Instant::MAX, |(when, _)| *when);
        self.heap.peek().map_or(first, |Reverse((when, _))| first.min(*when))
    }

    /// The next entry, as in [`Timers::next`].
    pub(super) fn first(&self) -> Option<(Instant, StreamKey)> {
        let other = self.heap.peek().map(|Reverse(entry)| *entry);
        self.line.front().copied().into_iter().chain(other).min()
    }

    /// Takes one entry that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<StreamKey> {
        let first = self.line.front().copied();
        let other = self.heap.peek().map(|Reverse(entry)| *entry);
        let (next, from_line) = match (first, other) {
            (Some(first), Some(other)) => (first.min(other), first <= other),
            (first, other) => (first.or(other)?, first.is_some()),
        };
        if next.0 > now {
            return None;
        }
        if from_line { self.line.pop_front() } else { self.heap.pop().map(|Reverse(entry)| entry) }.map(|entry| entry.1)
    }

    /// Forgets all. Call it when no call is open.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn heap_size(&self) -> usize {
        (self.line.capacity() + self.heap.capacity()) * size_of::<(Instant, StreamKey)>()
    }
}

#[cfg(test)]
mod tests {
    use super::{SLACK, Timers};
    use crate::http2::StreamKey;
    use crate::time::Instant;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn keys(count: usize) -> Vec<StreamKey> {
        let mut client = crate::http2::Connection::<()>::new(
            crate::http2::Side::Client,
            crate::http2::Config::new(crate::http2::Side::Client),
            Instant::from_nanos(0),
        );
        (0..count).map(|_| client.open(()).unwrap()).collect()
    }

    proptest! {
        /// All come, each when it is due and the earlier before the later, in whatever order they were asked for.
        #[test]
        fn they_come_in_order(whens in prop::collection::vec(0..50u64, 0..200), dead in 0..40usize) {
            let (keys, mut timers) = (keys(40), Timers::default());
            let is_live = |key: StreamKey| key.index() >= dead;
            let mut asked = Vec::new();
            for (at, when) in whens.into_iter().enumerate() {
                let key = keys[at % 40];
                timers.add(Instant::from_nanos(when), key, 40 - dead, is_live);
                asked.push((Instant::from_nanos(when), key));
                prop_assert!(timers.line.len() + timers.heap.len() <= 4 * (40 - dead) + SLACK + asked.len().min(40));
            }
            asked.sort();
            let mut got = Vec::new();
            for now in 0..50 {
                let now = Instant::from_nanos(now);
                prop_assert!(timers.next() >= now);
                while let Some(key) = timers.take_due(now) {
                    got.push((now, key));
                }
            }
            prop_assert_eq!(timers.next(), Instant::MAX);
            // Who is due at the same instant comes in any order.
            got.sort();
            got.retain(|entry| is_live(entry.1));
            asked.retain(|entry| is_live(entry.1));
            prop_assert_eq!(got, asked);
        }
    }
}
