//! Queues of octets that share one pool of buffers.
//!
//! Every call queues octets both ways, and most hold a message or two for a moment. Buffers therefore belong to the
//! connection: a queue is three numbers, so an idle call costs nothing, and a warm connection allocates nothing.

use super::pages::Pages;
use crate::hpack::FieldBlock;
use alloc::vec::Vec;
use bytes::Bytes;

const NONE: u32 = u32::MAX;

/// Buffers up to this size are always kept for reuse; their number never exceeds the most that were in use at once.
const KEEP: usize = 8 * 1024;

/// Larger ones are kept while they hold no more than this together.
pub(crate) const KEEP_LARGE: usize = 256 * 1024;

/// What one link of a queue holds.
#[derive(Clone, Debug)]
pub(crate) enum Chunk {
    Copied(Vec<u8>),
    /// Memory shared with the caller, and a mark of the queue's owner for it.
    Shared(Bytes, u8),
}

impl Chunk {
    pub(crate) fn octets(&self) -> &[u8] {
        match self {
            Self::Copied(buffer) => buffer,
            Self::Shared(bytes, _) => bytes,
        }
    }
}

#[derive(Clone, Debug)]
struct Link {
    chunk: Chunk,
    /// Octets of the chunk that were taken already.
    taken: usize,
    next: u32,
}

/// The buffers of one connection.
#[derive(Debug)]
pub(crate) struct Pool {
    links: Pages<Link>,
    blocks: Pages<FieldBlock>,
    spare: Vec<Vec<u8>>,
    spare_large: Vec<Vec<u8>>,
    /// Octets of capacity in `spare_large`.
    large: usize,
}

/// What is in use; spare buffers stay behind, since a copy of an empty buffer has no memory to count.
impl Clone for Pool {
    fn clone(&self) -> Self {
        Self { links: self.links.clone(), blocks: self.blocks.clone(), ..Self::new() }
    }
}

/// Names a field block that is kept in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockId(u32);

impl BlockId {
    pub(crate) const NONE: Self = Self(NONE);
}

/// A queue of octets in a [`Pool`]. It must be cleared before it is dropped, or its buffers stay in use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queue {
    head: u32,
    tail: u32,
    len: usize,
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self { links: Pages::new(), blocks: Pages::new(), spare: Vec::new(), spare_large: Vec::new(), large: 0 }
    }

    /// An empty buffer, with the capacity it had when it was last used. Large ones go only to those who expect `size`
    /// octets or more of them, so that a short message never keeps a long one's memory.
    pub(crate) fn take_buffer(&mut self, size: usize) -> Vec<u8> {
        if size > KEEP
            && let Some(buffer) = self.spare_large.pop()
        {
            self.large -= buffer.capacity();
            return buffer;
        }
        self.spare.pop().unwrap_or_default()
    }

    pub(crate) fn give_buffer(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity == 0 {
            return;
        }
        buffer.clear();
        if capacity <= KEEP {
            self.spare.push(buffer);
        } else if self.large + capacity <= KEEP_LARGE {
            self.large += capacity;
            self.spare_large.push(buffer);
        }
    }

    /// An empty field block over a pooled buffer.
    pub(crate) fn take_block(&mut self) -> FieldBlock {
        FieldBlock::from_cleared(self.take_buffer(0))
    }

    /// Keeps the buffer for another block; a large one, which [`Pool::take_block`] would not hand out, is let go.
    pub(crate) fn give_block(&mut self, block: FieldBlock) {
        if block.capacity() <= KEEP {
            self.give_buffer(block.into_bytes());
        }
    }

    /// Keeps a block under a number; [`BlockId::NONE`] for an empty one, whose buffer goes back at once.
    pub(crate) fn keep_block(&mut self, mut block: FieldBlock) -> BlockId {
        if block.capacity() > KEEP + block.byte_len() {
            block.shrink_to_fit();
        }
        if block.is_empty() {
            self.give_block(block);
            return BlockId::NONE;
        }
        self.blocks.insert(block).map_or(BlockId::NONE, BlockId)
    }

    pub(crate) fn block(&self, id: BlockId) -> Option<&FieldBlock> {
        self.blocks.get(id.0)
    }

    /// Takes a kept block out, to be given back by [`Pool::give_block`]; an empty one for [`BlockId::NONE`].
    pub(crate) fn take_kept(&mut self, id: BlockId) -> FieldBlock {
        self.blocks.remove(id.0).unwrap_or_default()
    }

    /// Gives the kept block's buffer back; nothing happens for [`BlockId::NONE`]. Returns the octets it held.
    pub(crate) fn drop_block(&mut self, id: BlockId) -> usize {
        if id == BlockId::NONE {
            return 0;
        }
        let Some(block) = self.blocks.remove(id.0) else { return 0 };
        let size = block.byte_len();
        self.give_block(block);
        size
    }

    /// Gives back what nobody holds. Call it when no call is open.
    pub(crate) fn trim(&mut self) {
        self.links.trim();
        self.blocks.trim();
        self.spare = Vec::new();
        self.spare_large = Vec::new();
        self.large = 0;
    }

    /// Bytes of heap in use, shared memory left out.
    pub(crate) fn heap_size(&self) -> usize {
        let spare: usize = self.spare.iter().chain(&self.spare_large).map(Vec::capacity).sum();
        let blocks: usize = (0..self.blocks.bound()).filter_map(|i| self.blocks.get(i)).map(FieldBlock::capacity).sum();
        let copied = |link: &Link| match &link.chunk {
            Chunk::Copied(buffer) => buffer.capacity(),
            Chunk::Shared(..) => 0,
        };
        let queued: usize = (0..self.links.bound()).filter_map(|i| self.links.get(i)).map(copied).sum();
        let lists = (self.spare.capacity() + self.spare_large.capacity()) * size_of::<Vec<u8>>();
        self.links.heap_size() + self.blocks.heap_size() + spare + blocks + queued + lists
    }

    fn recycle(&mut self, chunk: Chunk) {
        if let Chunk::Copied(buffer) = chunk {
            self.give_buffer(buffer);
        }
    }
}

impl Queue {
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };

    /// Octets queued.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends a chunk. An empty one is not kept, so that the first chunk of a queue always has octets left.
    pub(crate) fn push(&mut self, pool: &mut Pool, chunk: Chunk) {
        let len = chunk.octets().len();
        if len == 0 {
            return pool.recycle(chunk);
        }
        if let Some(index) = pool.links.insert(Link { chunk, taken: 0, next: NONE }) {
            match pool.links.get_mut(self.tail) {
                Some(tail) => tail.next = index,
                None => self.head = index,
            }
            self.tail = index;
            self.len += len;
        }
    }

    /// Appends copied octets through `write`: to the last buffer where it is copied and has fewer than `limit`
    /// octets, else to a new one that is expected to hold `size`.
    pub(crate) fn write<R>(
        &mut self,
        pool: &mut Pool,
        limit: usize,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        if let Some(Link { chunk: Chunk::Copied(buffer), taken, .. }) = pool.links.get_mut(self.tail)
            && buffer.len() < limit
        {
            // A `write` that shortens the buffer damages what it holds, but not the count.
            let before = buffer.len() - *taken;
            let result = write(buffer);
            *taken = buffer.len().min(*taken);
            self.len = self.len - before + (buffer.len() - *taken);
            return result;
        }
        let mut buffer = pool.take_buffer(size);
        let result = write(&mut buffer);
        self.push(pool, Chunk::Copied(buffer));
        result
    }

    /// What is left of the first chunk, with the owner's mark (0 for copied octets).
    pub(crate) fn front<'p>(&self, pool: &'p Pool) -> Option<(&'p [u8], u8)> {
        let link = pool.links.get(self.head)?;
        let mark = if let Chunk::Shared(_, mark) = link.chunk { mark } else { 0 };
        Some((link.chunk.octets().get(link.taken..).unwrap_or_default(), mark))
    }

    /// The last `count` octets that were taken from the first chunk.
    pub(crate) fn behind<'p>(&self, pool: &'p Pool, count: usize) -> &'p [u8] {
        let Some(link) = pool.links.get(self.head) else { return &[] };
        link.chunk.octets().get(link.taken.saturating_sub(count)..link.taken).unwrap_or_default()
    }

    /// Up to `count` octets of the first chunk where it is shared memory, without copying.
    pub(crate) fn front_shared(&self, pool: &Pool, count: usize) -> Option<Bytes> {
        let link = pool.links.get(self.head)?;
        match &link.chunk {
            Chunk::Shared(bytes, _) => {
                let start = link.taken.min(bytes.len());
                Some(bytes.slice(start..start + count.min(bytes.len() - start)))
            }
            Chunk::Copied(_) => None,
        }
    }

    /// Takes `count` octets off the first chunk (no more than it has); a chunk that is used up is handed out.
    pub(crate) fn advance(&mut self, pool: &mut Pool, count: usize) -> Option<Chunk> {
        let link = pool.links.get_mut(self.head)?;
        let left = link.chunk.octets().len().saturating_sub(link.taken);
        let count = count.min(left);
        link.taken += count;
        self.len -= count;
        if count < left {
            return None;
        }
        let link = pool.links.remove(self.head)?;
        self.head = link.next;
        if self.head == NONE {
            self.tail = NONE;
        }
        Some(link.chunk)
    }

    /// Takes `count` octets off the front, across chunks, and returns used-up buffers to the pool.
    pub(crate) fn discard(&mut self, pool: &mut Pool, mut count: usize) {
        while count > 0 && !self.is_empty() {
            let front = self.front(pool).map_or(0, |(octets, _)| octets.len());
            let step = front.min(count);
            if let Some(chunk) = self.advance(pool, step) {
                pool.recycle(chunk);
            }
            count -= step;
        }
    }

    /// Takes `count` octets back from the end of the last chunk, where they were copied.
    pub(crate) fn cut_tail(&mut self, pool: &mut Pool, count: usize) {
        if let Some(Link { chunk: Chunk::Copied(buffer), taken, .. }) = pool.links.get_mut(self.tail) {
            let rest = buffer.len().saturating_sub(count).max(*taken);
            self.len -= buffer.len() - rest;
            buffer.truncate(rest);
        }
    }

    /// The chunks' octets that are left, with their marks.
    #[cfg(feature = "testing")]
    pub(crate) fn chunks<'p>(&self, pool: &'p Pool) -> impl Iterator<Item = (&'p [u8], u8)> {
        let first = Self { ..*self };
        core::iter::successors(Some(first), move |at| {
            pool.links.get(at.head).map(|link| Self { head: link.next, ..first })
        })
        .map_while(|at| at.front(pool))
    }

    /// Octets queued, counted one chunk after the other.
    #[cfg(feature = "testing")]
    pub(crate) fn recount(&self, pool: &Pool) -> usize {
        self.chunks(pool).map(|(octets, _)| octets.len()).sum()
    }

    /// Returns all buffers to the pool.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        while let Some(link) = pool.links.remove(self.head) {
            self.head = link.next;
            pool.recycle(link.chunk);
        }
        *self = Self::EMPTY;
    }
}

impl Pool {
    /// Takes back a chunk that [`Queue::advance`] handed out.
    pub(crate) fn give_chunk(&mut self, chunk: Chunk) {
        self.recycle(chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunk, Pool, Queue};
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn contents(queue: &Queue, pool: &Pool) -> Vec<u8> {
        let (mut queue, mut pool, mut all) = (*queue, pool.clone(), Vec::new());
        while let Some((octets, _)) = queue.front(&pool) {
            let len = octets.len();
            all.extend_from_slice(octets);
            queue.advance(&mut pool, len);
        }
        all
    }

    proptest! {
        /// A queue is its naive model under any order of writes, shared pushes and discards.
        #[test]
        fn queue_is_a_plain_byte_queue(ops in prop::collection::vec((0..4u8, 0..100usize), 0..60)) {
            let (mut pool, mut queue, mut model) = (Pool::new(), Queue::EMPTY, Vec::<u8>::new());
            for (step, (op, size)) in ops.into_iter().enumerate() {
                let octets: Vec<u8> = (0..size).map(|n| (n + step) as u8).collect();
                match op {
                    0 => queue.write(&mut pool, 64, 0, |buffer| buffer.extend_from_slice(&octets)),
                    1 => queue.push(&mut pool, Chunk::Shared(Bytes::from(octets.clone()), 7)),
                    _ => queue.discard(&mut pool, size),
                }
                if op < 2 {
                    model.extend_from_slice(&octets);
                } else {
                    model.drain(..size.min(model.len()));
                }
                prop_assert_eq!(queue.len(), model.len());
            }
            prop_assert_eq!(contents(&queue, &pool), model);
            queue.clear(&mut pool);
            prop_assert!(pool.links.trim());
        }
    }

    #[test]
    fn buffers_are_reused() {
        let (mut pool, mut queue) = (Pool::new(), Queue::EMPTY);
        queue.write(&mut pool, 64, 0, |buffer| buffer.extend_from_slice(&[1; 40]));
        queue.discard(&mut pool, 40);
        assert!(pool.take_buffer(0).capacity() >= 40);
        assert_eq!(pool.take_buffer(0).capacity(), 0);
    }

    #[test]
    fn large_buffers_are_kept_up_to_a_total() {
        let mut pool = Pool::new();
        for _ in 0..10 {
            pool.give_buffer(Vec::with_capacity(64 * 1024));
        }
        assert_eq!(pool.spare_large.len(), 4);
        assert_eq!(pool.take_buffer(100).capacity(), 0, "a short message gets none of them");
        let copy = pool.clone();
        assert_eq!((copy.large, copy.heap_size()), (0, 0), "nothing is counted that is not there");
        assert!(pool.take_buffer(10_000).capacity() > 10_000);
        pool.trim();
        assert_eq!(pool.heap_size(), 0);
    }
}
