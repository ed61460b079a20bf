//! Queues of octets that share one pool of buffers.
//!
//! Every call queues octets both ways, and most hold a message or two for a moment. A queue holds its first buffer itself,
//! so that the usual queue, of one buffer, is worked on where it lies; what follows stands in a list of the pool.

use super::pool::{Chunk, KEEP, Link, Octets, Pool, WIDE};
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

const NONE: u32 = u32::MAX;

/// A queue of octets in a [`Pool`]. It must be cleared before it is dropped, or its buffers stay in use.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    first: Option<Box<Chunk>>,
    /// The second link, and the last.
    head: u32,
    tail: u32,
    len: usize,
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

impl Queue {
    pub(crate) const EMPTY: Self = Self { first: None, head: NONE, tail: NONE, len: 0 };

    /// Octets queued.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether it owns nothing: an empty one may have a buffer, of which all was [cut off](Self::cut_tail).
    pub(crate) fn is_bare(&self) -> bool {
        self.first.is_none()
    }

    /// Appends memory that is shared. An empty one is not kept: where a queue has octets left, its first chunk has.
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
        let may_grow = !pool.has_wide();
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
    pub(crate) fn append<const FIRST: usize>(&mut self, pool: &mut Pool, first: [u8; FIRST], second: &[u8]) {
        let len = FIRST + second.len();
        debug_assert!(len > 0, "what is appended has octets");
        // Mostly there is nothing yet, and a buffer that has been large enough before.
        if let Some(buffer) = self.begin(pool, len) {
            buffer.extend_from_slice(&first);
            buffer.extend_from_slice(second);
            return;
        }
        self.append_more(pool, first, second);
    }

    /// The first buffer of an empty queue, which is to be given `len` octets, if there is one that has had as many before.
    #[inline(always)]
    fn begin(&mut self, pool: &mut Pool, len: usize) -> Option<&mut Vec<u8>> {
        let first @ None = &mut self.first else { return None };
        *first = Some(pool.take_chunk_with_room(len)?);
        self.len = len;
        match &mut first.as_deref_mut()?.octets {
            Octets::Copied(buffer) => {
                // It is: said once more, it need not be looked at.
                buffer.clear();
                Some(buffer)
            }
            Octets::Shared(..) => None,
        }
    }

    #[cold]
    #[inline(never)]
    fn append_more<const FIRST: usize>(&mut self, pool: &mut Pool, first: [u8; FIRST], second: &[u8]) {
        let len = FIRST + second.len();
        if let Some(Chunk { octets: Octets::Copied(buffer), .. }) = self.last(pool)
            && buffer.len() + len <= KEEP
        {
            if buffer.capacity() - buffer.len() < len {
                grow(buffer, len);
            }
            buffer.extend_from_slice(&first);
            buffer.extend_from_slice(second);
            self.len += len;
            return;
        }
        let mut chunk = pool.take_chunk(len);
        if let Octets::Copied(buffer) = &mut chunk.octets {
            buffer.reserve(len);
            buffer.extend_from_slice(&first);
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
    #[inline]
    pub(crate) fn clear(&mut self, pool: &mut Pool) {
        self.len = 0;
        if let Some(chunk) = self.first.take() {
            pool.give_chunk(chunk);
        }
        if self.head != NONE {
            self.clear_links(pool);
        }
    }

    #[cold]
    fn clear_links(&mut self, pool: &mut Pool) {
        while let Some(chunk) = self.take_link(pool) {
            pool.give_chunk(chunk);
        }
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
}
