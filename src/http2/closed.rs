//! The memory of closed streams, bounded (H-037, T-12).

use crate::frame::StreamId;
use alloc::vec::Vec;

const REMEMBERED: usize = 128;

/// Frames of a stream that may arrive after we reset it, besides its window's octets, at no cost to the peer.
const LATE_FRAMES: u8 = 4;

/// How a stream closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Closed {
    /// Both sides sent END_STREAM.
    Ended,
    /// The peer sent RST_STREAM.
    PeerReset,
    /// We sent RST_STREAM: frames in flight are honest while they fit what the peer was allowed to send.
    WeReset { octets: u32, frames: u8 },
}

impl Closed {
    pub(super) fn by_us(window: i64) -> Self {
        Self::WeReset { octets: u32::try_from(window).unwrap_or(0), frames: LATE_FRAMES }
    }
}

/// The last streams that closed, and the highest id that was forgotten: what is at or below that is neither known nor
/// wrong; what is above it, neither open nor remembered, was never opened.
#[derive(Clone, Debug)]
pub(super) struct ClosedStreams {
    ring: Vec<(StreamId, Closed)>,
    next: usize,
    forgotten: StreamId,
}

impl ClosedStreams {
    pub(super) const fn new() -> Self {
        Self { ring: Vec::new(), next: 0, forgotten: StreamId::ZERO }
    }

    pub(super) fn remember(&mut self, stream: StreamId, how: Closed) {
        match self.ring.get_mut(self.next) {
            Some(oldest) => {
                self.forgotten = self.forgotten.max(oldest.0);
                *oldest = (stream, how);
            }
            None => self.ring.push((stream, how)),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    pub(super) fn get_mut(&mut self, stream: StreamId) -> Option<&mut Closed> {
        self.ring.iter_mut().rev().find(|entry| entry.0 == stream).map(|entry| &mut entry.1)
    }

    pub(super) fn is_forgotten(&self, stream: StreamId) -> bool {
        stream <= self.forgotten
    }

    /// Forgets all streams, to give the memory back on an idle connection.
    pub(super) fn trim(&mut self) {
        let highest = self.ring.iter().map(|entry| entry.0).max().unwrap_or(StreamId::ZERO);
        *self = Self { forgotten: self.forgotten.max(highest), ..Self::new() };
    }

    pub(super) fn heap_size(&self) -> usize {
        self.ring.capacity() * size_of::<(StreamId, Closed)>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Closed, ClosedStreams, REMEMBERED};
    use crate::frame::StreamId;

    #[test]
    fn remembers_as_many_as_it_says_and_then_forgets_the_oldest() {
        let mut closed = ClosedStreams::new();
        let id = |n: usize| StreamId::new(2 * n as u32 + 1);
        for n in 0..REMEMBERED {
            closed.remember(id(n), Closed::Ended);
        }
        assert_eq!(closed.get_mut(id(0)), Some(&mut Closed::Ended));
        assert!(!closed.is_forgotten(id(0)));
        closed.remember(id(REMEMBERED), Closed::PeerReset);
        assert_eq!(closed.get_mut(id(0)), None);
        assert!(closed.is_forgotten(id(0)) && !closed.is_forgotten(id(1)));
        closed.trim();
        assert!(closed.is_forgotten(id(REMEMBERED)) && !closed.is_forgotten(id(REMEMBERED + 1)));
    }
}
