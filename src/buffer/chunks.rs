//! Queues of octets that share one pool of buffers.
//!
//! Every call queues octets both ways, and most hold a message or two for a moment. Buffers therefore belong to the
//! connection and travel as pointers: a queue holds its first one itself, so that the usual queue, of one buffer, is
//! worked on where it lies; what follows stands in a list of the pool. An idle call costs nothing, and a warm
//! connection allocates nothing.

pub(crate) use super::chunk::Chunk;
use super::chunk::Octets;
use super::pages::Pages;
use crate::hpack::FieldBlock;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

const NONE: u32 = u32::MAX;

/// Buffers from this size on go to queues that many small pieces join, first of all: those that hold one small piece each
/// would otherwise have to grow in turn, each by many steps.
const WIDE: usize = 512;

/// Buffers up to this size are always kept for reuse; their number never exceeds the most that were in use at once.
const KEEP: usize = 8 * 1024;

/// Larger ones are kept while they hold no more than this together.
pub(crate) const KEEP_LARGE: usize = 256 * 1024;

/// A chunk that is not the first of its queue.
#[derive(Clone, Debug)]
struct Link {
    chunk: Box<Chunk>,
    next: u32,
}

/// The buffers of one connection.
#[expect(clippy::vec_box, reason = "they come and go as the pointers that queues and calls hold")]
#[derive(Debug)]
pub(crate) struct Pool {
    links: Pages<Link>,
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

/// A queue of octets in a [`Pool`]. It must be cleared before it is dropped, or its buffers stay in use.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    first: Option<Box<Chunk>>,
    /// The second link, and the last.
    head: u32,
    tail: u32,
    len: usize,
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
    fn take_chunk(&mut self, size: usize) -> Box<Chunk> {
        if size < WIDE
            && let Some(chunk) = self.spare.pop()
        {
            return chunk;
        }
        self.find_chunk(size)
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
    fn shell(&mut self, octets: Octets) -> Box<Chunk> {
        match self.shells.pop() {
            Some(mut chunk) => {
                *chunk = Chunk::new(octets);
                chunk
            }
            None => Box::new(Chunk::new(octets)),
        }
    }

    /// Takes back a chunk that [`Queue::advance`] handed out.
    pub(crate) fn give_chunk(&mut self, mut chunk: Box<Chunk>) {
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
        if block.capacity() <= KEEP {
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
    pub(crate) fn keep(&mut self, mut block: Box<FieldBlock>) -> Option<Box<FieldBlock>> {
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

/// Gives the place of octets that were `taken` back to `buffer` where it lacks room for `size` more, and where they are no
/// fewer than what has to be moved for it; says whether there is room then.
#[inline]
fn make_room(buffer: &mut Vec<u8>, taken: &mut usize, size: usize) -> bool {
    if buffer.capacity() - buffer.len() < size && *taken >= buffer.len() - *taken {
        buffer.drain(..*taken);
        *taken = 0;
    }
    buffer.capacity() - buffer.len() >= size
}

/// Room for `size` octets more in a buffer that then holds no more than [`KEEP`]: it doubles, but stays one that is kept.
#[cold]
fn grow(buffer: &mut Vec<u8>, size: usize) {
    let capacity = (2 * buffer.capacity()).min(KEEP).max(buffer.len() + size);
    buffer.reserve_exact(capacity - buffer.len());
}

/// Bytes of heap behind a block that somebody holds.
pub(crate) fn block_heap_size(block: &FieldBlock) -> usize {
    size_of::<FieldBlock>() + block.capacity()
}

impl Queue {
    pub(crate) const EMPTY: Self = Self { first: None, head: NONE, tail: NONE, len: 0 };

    /// Octets queued.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends memory that is shared. An empty one is not kept, so that the first chunk of a queue always has octets
    /// left.
    pub(crate) fn push_shared(&mut self, pool: &mut Pool, bytes: Bytes, mark: u8) {
        if !bytes.is_empty() {
            let chunk = pool.shell(Octets::Shared(bytes, mark));
            self.push(pool, chunk);
        }
    }

    /// Appends a buffer of [`Pool::take_buffer`].
    pub(crate) fn push_buffer(&mut self, pool: &mut Pool, buffer: Vec<u8>) {
        let chunk = pool.shell(Octets::Copied(buffer));
        self.push(pool, chunk);
    }

    fn push(&mut self, pool: &mut Pool, chunk: Box<Chunk>) {
        let len = chunk.octets().len();
        if len == 0 {
            return pool.give_chunk(chunk);
        }
        if self.first.is_none() {
            self.first = Some(chunk);
        } else if let Some(index) = pool.links.insert(Link { chunk, next: NONE }) {
            match pool.links.get_mut(self.tail) {
                Some(tail) => tail.next = index,
                None => self.head = index,
            }
            self.tail = index;
        }
        self.len += len;
    }

    /// The last chunk.
    #[inline]
    fn last<'a>(&'a mut self, pool: &'a mut Pool) -> Option<&'a mut Chunk> {
        if self.tail == NONE {
            self.first.as_deref_mut()
        } else {
            pool.links.get_mut(self.tail).map(|link| &mut *link.chunk)
        }
    }

    /// Appends copied octets, about `size` of them, through `write`: to the last buffer where it is copied and has fewer
    /// than `limit` octets, unless it would have to grow and a wide one is spare; else to a new one.
    #[inline]
    pub(crate) fn write<R>(
        &mut self,
        pool: &mut Pool,
        limit: usize,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>) -> R,
    ) -> R {
        let may_grow = pool.spare_wide.is_empty();
        if let Some(Chunk { octets: Octets::Copied(buffer), taken }) = self.last(pool)
            && buffer.len() < limit
            && (make_room(buffer, taken, size) || may_grow)
        {
            // A `write` that shortens the buffer damages what it holds, but not the count.
            let before = buffer.len() - *taken;
            let result = write(buffer);
            *taken = buffer.len().min(*taken);
            let after = buffer.len() - *taken;
            self.len = self.len - before + after;
            return result;
        }
        let mut chunk = pool.take_chunk(if self.is_empty() { size } else { size.max(WIDE) });
        let Octets::Copied(buffer) = &mut chunk.octets else { return write(&mut Vec::new()) };
        let result = write(buffer);
        self.push(pool, chunk);
        result
    }

    /// Appends octets in two parts, to the last buffer where it is copied and holds no more than [`KEEP`] then, else to a new
    /// one.
    #[inline(always)]
    pub(crate) fn append(&mut self, pool: &mut Pool, first: &[u8], second: &[u8]) {
        let len = first.len() + second.len();
        debug_assert!(len > 0, "the first chunk of a queue has octets left");
        // Mostly there is nothing yet, and a buffer that has been large enough before.
        if let Some(buffer) = self.begin(pool, len) {
            buffer.extend_from_slice(first);
            buffer.extend_from_slice(second);
            return;
        }
        self.append_more(pool, first, second);
    }

    /// As [`Queue::append`], for octets in one part.
    #[inline(always)]
    pub(crate) fn append_one(&mut self, pool: &mut Pool, octets: &[u8]) {
        match self.begin(pool, octets.len()) {
            Some(buffer) => buffer.extend_from_slice(octets),
            None => self.append_more(pool, octets, &[]),
        }
    }

    /// The first buffer of an empty queue, which is to be given `len` octets, if there is one that has had as many before.
    #[inline(always)]
    fn begin(&mut self, pool: &mut Pool, len: usize) -> Option<&mut Vec<u8>> {
        if self.first.is_some() || len >= WIDE {
            return None;
        }
        let chunk = self.first.insert(pool.spare.pop_if(|chunk| chunk.has_room(len))?);
        self.len = len;
        match &mut chunk.octets {
            Octets::Copied(buffer) => Some(buffer),
            Octets::Shared(..) => None,
        }
    }

    #[inline(never)]
    fn append_more(&mut self, pool: &mut Pool, first: &[u8], second: &[u8]) {
        let len = first.len() + second.len();
        if let Some(Chunk { octets: Octets::Copied(buffer), .. }) = self.last(pool)
            && buffer.len() + len <= KEEP
        {
            if buffer.capacity() - buffer.len() < len {
                grow(buffer, len);
            }
            buffer.extend_from_slice(first);
            buffer.extend_from_slice(second);
            self.len += len;
            return;
        }
        let mut chunk = pool.take_chunk(len);
        if let Octets::Copied(buffer) = &mut chunk.octets {
            buffer.reserve(len);
            buffer.extend_from_slice(first);
            buffer.extend_from_slice(second);
        }
        self.push(pool, chunk);
    }

    /// Octets in the last buffer, those taken already included, if there is one and it is copied.
    #[inline]
    pub(crate) fn last_copied_len(&mut self, pool: &mut Pool) -> Option<usize> {
        match self.last(pool) {
            Some(Chunk { octets: Octets::Copied(buffer), .. }) => Some(buffer.len()),
            _ => None,
        }
    }

    /// What is left of the first chunk, with the owner's mark (0 for copied octets).
    #[inline]
    pub(crate) fn front(&self) -> Option<(&[u8], u8)> {
        let chunk = self.first.as_deref()?;
        let mark = if let Octets::Shared(_, mark) = chunk.octets { mark } else { 0 };
        Some((chunk.rest(), mark))
    }

    /// Up to `count` octets of the first chunk where it is shared memory, without copying.
    pub(crate) fn front_shared(&self, count: usize) -> Option<Bytes> {
        let chunk = self.first.as_deref()?;
        match &chunk.octets {
            Octets::Shared(bytes, _) => {
                let start = chunk.taken.min(bytes.len());
                Some(bytes.slice(start..start + count.min(bytes.len() - start)))
            }
            Octets::Copied(_) => None,
        }
    }

    /// The buffer that the first chunk is, and the octets of it that were taken; `None` where it is shared memory.
    #[inline]
    pub(crate) fn front_copied(&self) -> Option<(&[u8], usize)> {
        match self.first.as_deref()? {
            Chunk { octets: Octets::Copied(buffer), taken } => Some((buffer, *taken)),
            Chunk { octets: Octets::Shared(..), .. } => None,
        }
    }

    /// Takes the only chunk, if there is one, and it is copied.
    #[inline]
    pub(crate) fn take_only(&mut self) -> Option<Box<Chunk>> {
        if self.head != NONE {
            return None;
        }
        let chunk = self.first.take_if(|chunk| matches!(chunk.octets, Octets::Copied(_)))?;
        self.len = 0;
        Some(chunk)
    }

    /// Takes the first chunk's buffer out, to be read beside the queue, and says how much of it was taken;
    /// [`Queue::put_first`] is to follow before anything else. `None` where it is shared memory.
    pub(crate) fn take_first(&mut self) -> Option<(Vec<u8>, usize)> {
        match self.first.as_deref_mut()? {
            Chunk { octets: Octets::Copied(buffer), taken } => Some((core::mem::take(buffer), *taken)),
            Chunk { octets: Octets::Shared(..), .. } => None,
        }
    }

    /// Brings back what [`Queue::take_first`] took out, as it was.
    pub(crate) fn put_first(&mut self, buffer: Vec<u8>) {
        if let Some(Chunk { octets: Octets::Copied(place), .. }) = self.first.as_deref_mut() {
            *place = buffer;
        }
    }

    /// Takes the last chunk's buffer out, to be written beside the queue, and says how many octets it takes before it has to
    /// grow, or another one is begun; [`Queue::put_last`] is to follow before anything else. `None` where those are less
    /// than `least`, or it is shared memory.
    pub(crate) fn take_last(&mut self, pool: &mut Pool, least: usize) -> Option<(Vec<u8>, usize)> {
        let Chunk { octets: Octets::Copied(buffer), .. } = self.last(pool)? else { return None };
        let space = buffer.capacity().min(KEEP).checked_sub(buffer.len())?;
        (space >= least).then(|| (core::mem::take(buffer), space))
    }

    /// Brings back what [`Queue::take_last`] took out, with `added` octets more.
    pub(crate) fn put_last(&mut self, pool: &mut Pool, buffer: Vec<u8>, added: usize) {
        if let Some(Chunk { octets: Octets::Copied(place), .. }) = self.last(pool) {
            *place = buffer;
            self.len += added;
        }
    }

    /// Takes `count` octets off the first chunk (no more than it has); a chunk that is used up is handed out.
    #[inline(always)]
    pub(crate) fn advance(&mut self, pool: &mut Pool, count: usize) -> Option<Box<Chunk>> {
        let chunk = self.first.as_deref_mut()?;
        let left = chunk.rest().len();
        let count = count.min(left);
        chunk.taken += count;
        self.len -= count;
        if count < left {
            return None;
        }
        let next = if self.head == NONE { None } else { self.take_link(pool) };
        core::mem::replace(&mut self.first, next)
    }

    /// Takes the second chunk out of the list.
    fn take_link(&mut self, pool: &mut Pool) -> Option<Box<Chunk>> {
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
            let front = self.front().map_or(0, |(octets, _)| octets.len());
            let step = front.min(count);
            if let Some(chunk) = self.advance(pool, step) {
                pool.give_chunk(chunk);
            }
            count -= step;
        }
    }

    /// Takes `count` octets back from the end of the last chunk, where they were copied.
    pub(crate) fn cut_tail(&mut self, pool: &mut Pool, count: usize) {
        if let Some(Chunk { octets: Octets::Copied(buffer), taken }) = self.last(pool) {
            let rest = buffer.len().saturating_sub(count).max(*taken);
            let cut = buffer.len() - rest;
            buffer.truncate(rest);
            self.len -= cut;
        }
    }

    /// Bytes of heap behind the first chunk, which no list of the pool counts.
    pub(crate) fn heap_size(&self) -> usize {
        self.first.as_deref().map_or(0, Chunk::heap_size)
    }

    /// The chunks' octets that are left, with their marks.
    #[cfg(feature = "testing")]
    pub(crate) fn chunks<'p>(&'p self, pool: &'p Pool) -> impl Iterator<Item = (&'p [u8], u8)> {
        let mark = |chunk: &Chunk| if let Octets::Shared(_, mark) = chunk.octets { mark } else { 0 };
        let links = core::iter::successors(pool.links.get(self.head), |link| pool.links.get(link.next));
        let all = self.first.as_deref().into_iter().chain(links.map(|link| &*link.chunk));
        all.map(move |chunk| (chunk.rest(), mark(chunk)))
    }

    /// Octets queued, counted one chunk after the other.
    #[cfg(feature = "testing")]
    pub(crate) fn recount(&self, pool: &Pool) -> usize {
        self.chunks(pool).map(|(octets, _)| octets.len()).sum()
    }

    /// Returns all buffers to the pool.
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        while let Some(chunk) = self.first.take() {
            pool.give_chunk(chunk);
            if self.head != NONE {
                self.first = self.take_link(pool);
            }
        }
        self.len = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::{Pool, Queue};
    use bytes::Bytes;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn contents(queue: &Queue, pool: &Pool) -> Vec<u8> {
        let (mut queue, mut pool, mut all) = (queue.clone(), pool.clone(), Vec::new());
        while let Some((octets, _)) = queue.front() {
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
                    1 => queue.push_shared(&mut pool, Bytes::from(octets.clone()), 7),
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
