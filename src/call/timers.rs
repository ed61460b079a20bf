//! The timers of all calls, behind one question: which is next?

use crate::http2::StreamKey;
use crate::time::Instant;
use alloc::collections::BinaryHeap;
use core::cmp::Reverse;

/// A heap of (when, whom). Nearly all deadlines are cancelled by the end of their call, so cancelling costs nothing: an
/// entry is dropped when its time comes and its call is gone, or when such entries outnumber the live ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(Instant, StreamKey)>>,
}

/// Dead entries that are always tolerated.
const SLACK: usize = 64;

impl Timers {
    /// Asks to be woken for `key` at `when`. `is_live` tells whether a key is still in use, among `live` that are.
    pub(super) fn add(&mut self, when: Instant, key: StreamKey, live: usize, is_live: impl Fn(StreamKey) -> bool) {
        if self.heap.len() >= 4 * live + SLACK {
            self.heap.retain(|Reverse((_, key))| is_live(*key));
        }
        self.heap.push(Reverse((when, key)));
    }

    /// When the next entry is due. It may belong to a call that has ended: then it is early, never late.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((when, _))| *when)
    }

    /// Takes one entry that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<StreamKey> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, key))| key)
    }

    /// Forgets all. Call it when no call is open.
    pub(super) fn clear(&mut self) {
        self.heap = BinaryHeap::new();
    }

    pub(super) fn heap_size(&self) -> usize {
        self.heap.capacity() * size_of::<Reverse<(Instant, StreamKey)>>()
    }
}
