//! The buffers of one connection.
//!
//! They belong to it and travel as pointers between those who hold octets and a stack of those that nobody holds: an idle
//! call costs nothing, and a warm connection allocates nothing.

use super::pages::Pages;
use crate::hpack::FieldBlock;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// Buffers from this size on go to queues that many small pieces join, first of all: those that hold one small piece each
/// would otherwise have to grow in turn, each by many steps.
pub(super) const WIDE: usize = 512;

/// Buffers up to this size are always kept for reuse; their number never exceeds the most that were in use at once.
pub(super) const KEEP: usize = 8 * 1024;

/// Larger ones are kept while they hold no more than this together.
pub(crate) const KEEP_LARGE: usize = 256 * 1024;

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
    fn new(octets: Octets) -> Self {
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

    /// Of a chunk that [`Queue::advance`] handed out: its octets from this one on are still wanted.
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

    /// Whether it is no more memory than is always kept for reuse, and nobody else's.
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        matches!(&self.octets, Octets::Copied(buffer) if buffer.capacity() <= KEEP)
    }

    fn has_room(&self, octets: usize) -> bool {
        matches!(&self.octets, Octets::Copied(buffer) if buffer.capacity() >= octets)
    }

    /// Octets of it that were not taken.
    #[inline]
    pub(crate) fn left(&self) -> usize {
        self.octets().len() - self.taken
    }

    pub(crate) fn heap_size(&self) -> usize {
        size_of::<Self>()
            + match &self.octets {
                Octets::Copied(buffer) => buffer.capacity(),
                Octets::Shared(..) => 0,
            }
    }
}

/// A chunk that is not the first of its queue.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) chunk: Box<Chunk>,
    pub(super) next: u32,
}

/// The buffers of one connection.
#[expect(clippy::vec_box, reason = "they come and go as the pointers that queues and calls hold")]
#[derive(Debug)]
pub(crate) struct Pool {
    pub(super) links: Pages<Link>,
    spare: Vec<Box<Chunk>>,
    spare_wide: Vec<Box<Chunk>>,
    spare_large: Vec<Box<Chunk>>,
    /// Chunks whose octets went elsewhere.
    shells: Vec<Box<Chunk>>,
    blocks: Vec<Box<FieldBlock>>,
    /// Octets of capacity in `spare_large`.
    large: usize,
}

/// What is in use; spare buffers stay behind, since a copy of an empty buffer has no memory to count.
impl Clone for Pool {
    fn clone(&self) -> Self {
        Self { links: self.links.clone(), ..Self::new() }
    }
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self {
            links: Pages::new(),
            spare: Vec::new(),
            spare_wide: Vec::new(),
            spare_large: Vec::new(),
            shells: Vec::new(),
            blocks: Vec::new(),
            large: 0,
        }
    }

    /// An empty buffer, with the capacity it had when it was last used. Large ones go only to those who expect `size`
    /// octets or more of them, so that a short message never keeps a long one's memory.
    #[inline]
    pub(super) fn take_chunk(&mut self, size: usize) -> Box<Chunk> {
        if size < WIDE
            && let Some(chunk) = self.spare.pop()
        {
            return chunk;
        }
        self.find_chunk(size)
    }

    /// As [`Pool::take_chunk`], if there is one that is not wide and has had as many octets before.
    #[inline]
    pub(super) fn take_chunk_with_room(&mut self, size: usize) -> Option<Box<Chunk>> {
        self.spare.pop_if(|chunk| chunk.has_room(size))
    }

    /// Whether there is a buffer for many small pieces.
    pub(super) fn has_wide(&self) -> bool {
        !self.spare_wide.is_empty()
    }

    #[inline(never)]
    fn find_chunk(&mut self, size: usize) -> Box<Chunk> {
        if size > KEEP
            && let Some(chunk) = self.spare_large.pop()
        {
            self.large -= chunk.heap_size() - size_of::<Chunk>();
            return chunk;
        }
        let spare = self.spare_wide.pop().or_else(|| self.spare.pop());
        spare.unwrap_or_else(|| self.shell(Octets::Copied(Vec::new())))
    }

    /// A chunk of octets that are there already.
    pub(super) fn shell(&mut self, octets: Octets) -> Box<Chunk> {
        match self.shells.pop() {
            Some(mut chunk) => {
                *chunk = Chunk::new(octets);
                chunk
            }
            None => Box::new(Chunk::new(octets)),
        }
    }

    /// Takes back a chunk that [`Queue::advance`] handed out.
    #[inline(never)]
    pub(crate) fn give_chunk(&mut self, mut chunk: Box<Chunk>) {
        // Mostly it is small, and there is a place for it.
        if let Octets::Copied(buffer) = &mut chunk.octets
            && (1..WIDE).contains(&buffer.capacity())
            && has_place(&self.spare)
        {
            buffer.clear();
            chunk.taken = 0;
            return self.spare.push(chunk);
        }
        self.give_any_chunk(chunk);
    }

    #[cold]
    fn give_any_chunk(&mut self, mut chunk: Box<Chunk>) {
        chunk.taken = 0;
        let Octets::Copied(buffer) = &mut chunk.octets else {
            chunk.octets = Octets::Copied(Vec::new());
            return self.shells.push(chunk);
        };
        let capacity = buffer.capacity();
        buffer.clear();
        if capacity == 0 {
            self.shells.push(chunk);
        } else if capacity < WIDE {
            self.spare.push(chunk);
        } else if capacity <= KEEP {
            self.spare_wide.push(chunk);
        } else if self.large + capacity <= KEEP_LARGE {
            self.large += capacity;
            self.spare_large.push(chunk);
        }
    }

    /// An empty buffer for octets that may become a chunk of a queue.
    pub(crate) fn take_buffer(&mut self, size: usize) -> Vec<u8> {
        let mut chunk = self.take_chunk(size);
        let buffer = match &mut chunk.octets {
            Octets::Copied(buffer) => core::mem::take(buffer),
            Octets::Shared(..) => Vec::new(),
        };
        self.shells.push(chunk);
        buffer
    }

    pub(crate) fn give_buffer(&mut self, buffer: Vec<u8>) {
        let chunk = self.shell(Octets::Copied(buffer));
        self.give_chunk(chunk);
    }

    /// An empty field block, with the memory of one that was used before.
    pub(crate) fn take_block(&mut self) -> Box<FieldBlock> {
        let mut block = self.take_used_block();
        block.clear();
        block
    }

    /// As [`Pool::take_block`], for who writes over what the block has: mostly it starts as the next one does.
    #[inline]
    pub(crate) fn take_used_block(&mut self) -> Box<FieldBlock> {
        self.blocks.pop().unwrap_or_default()
    }

    /// Keeps the block's memory for another one; a large one is let go.
    #[inline]
    pub(crate) fn give_block(&mut self, block: Box<FieldBlock>) {
        if is_kept(&block) && has_place(&self.blocks) {
            return self.blocks.push(block);
        }
        self.give_any_block(block);
    }

    #[cold]
    fn give_any_block(&mut self, block: Box<FieldBlock>) {
        if is_kept(&block) {
            self.blocks.push(block);
        }
    }

    /// As [`Pool::give_block`], for a block that [`Pool::keep`] may have found empty.
    pub(crate) fn give_kept(&mut self, block: Option<Box<FieldBlock>>) {
        if let Some(block) = block {
            self.give_block(block);
        }
    }

    /// A block that will be kept for a while: without much memory that it does not use. `None` for an empty one, which
    /// is given back at once.
    #[inline(always)]
    pub(crate) fn keep(&mut self, block: Box<FieldBlock>) -> Option<Box<FieldBlock>> {
        if is_kept(&block) && !block.is_empty() { Some(block) } else { self.keep_unusual(block) }
    }

    #[cold]
    fn keep_unusual(&mut self, mut block: Box<FieldBlock>) -> Option<Box<FieldBlock>> {
        if block.is_empty() {
            self.give_block(block);
            return None;
        }
        if block.capacity() > KEEP + block.byte_len() {
            block.shrink_to_fit();
        }
        Some(block)
    }

    /// Gives back what nobody holds. Call it when no call is open.
    pub(crate) fn trim(&mut self) {
        self.links.trim();
        let links = core::mem::replace(&mut self.links, Pages::new());
        *self = Self { links, ..Self::new() };
    }

    /// Bytes of heap in use, shared memory left out, and so is what queues hold as their first chunk.
    pub(crate) fn heap_size(&self) -> usize {
        let spare = [&self.spare, &self.spare_wide, &self.spare_large, &self.shells];
        let places: usize = spare.iter().map(|list| list.capacity()).sum();
        let spare: usize = spare.into_iter().flatten().map(|chunk| chunk.heap_size()).sum();
        let blocks: usize = self.blocks.iter().map(|block| block_heap_size(block)).sum();
        let queued = (0..self.links.bound()).filter_map(|i| self.links.get(i)).map(|link| link.chunk.heap_size());
        let lists = (places + self.blocks.capacity()) * size_of::<Box<Chunk>>();
        self.links.heap_size() + spare + blocks + queued.sum::<usize>() + lists
    }
}

/// Whether a list has a place for one more without growing.
#[inline]
fn has_place<T>(list: &Vec<T>) -> bool {
    list.len() < list.capacity()
}

/// Whether the memory of a block is kept for reuse.
#[inline]
pub(crate) fn is_kept(block: &FieldBlock) -> bool {
    block.capacity() <= KEEP
}

/// Bytes of heap behind a block that somebody holds.
pub(crate) fn block_heap_size(block: &FieldBlock) -> usize {
    size_of::<FieldBlock>() + block.capacity()
}

#[cfg(test)]
mod tests {
    use super::Pool;
    use std::vec::Vec;

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
