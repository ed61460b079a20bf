//! One piece of a queue: octets, copied or shared, and how many of them were taken.

use alloc::vec::Vec;
use bytes::Bytes;

/// Octets, and how they are held.
#[derive(Clone, Debug)]
pub(super) enum Octets {
    Copied(Vec<u8>),
    /// Memory shared with the caller, and a mark of the queue's owner for it.
    Shared(Bytes, u8),
}

/// One piece of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(super) octets: Octets,
    /// So many of them were taken already.
    pub(super) taken: usize,
}

impl Chunk {
    pub(super) fn new(octets: Octets) -> Self {
        Self { octets, taken: 0 }
    }

    pub(super) fn octets(&self) -> &[u8] {
        match &self.octets {
            Octets::Copied(buffer) => buffer,
            Octets::Shared(bytes, _) => bytes,
        }
    }

    /// What is left of it.
    #[inline]
    pub(crate) fn rest(&self) -> &[u8] {
        self.octets().get(self.taken..).unwrap_or_default()
    }

    /// Whether it is memory that somebody else may hold too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.octets, Octets::Shared(..))
    }

    /// Of a chunk that [`Queue::advance`](super::chunks::Queue::advance) handed out: its octets from this one on are still wanted.
    #[inline]
    pub(crate) fn keep_from(&mut self, at: usize) {
        self.taken = at;
    }

    /// Its next `count` octets, of those it has, are not wanted any more.
    #[inline]
    pub(crate) fn skip(&mut self, count: usize) {
        self.taken += count;
    }

    /// What is left of it, as memory of the caller's own, without a copy.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        let bytes = match &mut self.octets {
            Octets::Copied(buffer) => Bytes::from(core::mem::take(buffer)),
            Octets::Shared(bytes, _) => core::mem::take(bytes),
        };
        bytes.slice(self.taken.min(bytes.len())..)
    }

    pub(super) fn has_room(&self, octets: usize) -> bool {
        matches!(&self.octets, Octets::Copied(buffer) if buffer.capacity() >= octets)
    }

    /// Octets of it that were not taken.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.octets().len() - self.taken
    }

    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>()
            + match &self.octets {
                Octets::Copied(buffer) => buffer.capacity(),
                Octets::Shared(..) => 0,
            }
    }
}
