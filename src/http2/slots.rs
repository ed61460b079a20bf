//! The one slab of a connection.

use super::stream::Stream;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Streams in one allocation: growth neither copies what is there nor doubles it.
const PAGE: usize = 8;
const NONE: u32 = u32::MAX;

/// Names one stream of a connection for as long as its owner keeps it; a key that was let go never names another.
///
/// It is not the stream id, which a client's stream gets only when its HEADERS leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    index: u32,
    /// Never 0 in a key that was handed out.
    generation: u32,
}

impl StreamKey {
    /// Names no stream, ever.
    pub(crate) const NONE: Self = Self { index: 0, generation: 0 };

    /// A small number, unique among the streams that are open now: an index for a table kept beside the connection.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    /// The place of this stream among all of its connection, from 1.
    pub const fn number(self) -> u32 {
        self.generation
    }

    /// Whether both name the same stream, by one comparison.
    #[inline(always)]
    pub(crate) fn is(self, other: Self) -> bool {
        let both = |key: Self| u64::from(key.index) | (u64::from(key.generation) << 32);
        both(self) == both(other)
    }

    /// Of a slot that no stream is in; `next` is the free slot after it.
    const fn free(next: u32) -> Self {
        Self { index: next, generation: 0 }
    }
}

/// Streams by key. They are worked on where they lie: a slot always holds one, with the generation 0 while it is free,
/// and free slots are reused last in, first out, so that a warm connection works on warm memory. Generations come from
/// one counter, so pages can be freed and made anew.
#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    /// Arrays, so that the place in a page needs no check of its bounds.
    pages: Vec<Box<[Stream<T>; PAGE]>>,
    free: u32,
    len: usize,
    generation: u32,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0, generation: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn slot(&self, index: u32) -> Option<&Stream<T>> {
        self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)
    }

    #[inline]
    fn slot_mut(&mut self, index: u32) -> Option<&mut Stream<T>> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }

    #[inline]
    pub(super) fn get(&self, key: StreamKey) -> Option<&Stream<T>> {
        self.slot(key.index).filter(|stream| stream.key.generation == key.generation)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: StreamKey) -> Option<&mut Stream<T>> {
        self.slot_mut(key.index).filter(|stream| stream.key.generation == key.generation)
    }

    /// The stream in a slot that is in use.
    #[inline]
    pub(super) fn at(&self, index: u32) -> Option<&Stream<T>> {
        self.slot(index).filter(|stream| stream.key.generation != 0)
    }

    #[inline]
    pub(super) fn at_mut(&mut self, index: u32) -> Option<&mut Stream<T>> {
        self.slot_mut(index).filter(|stream| stream.key.generation != 0)
    }

    /// The id of the stream in a slot; 0 where there is none, or it has none.
    #[inline]
    pub(super) fn id(&self, index: u32) -> u32 {
        self.slot(index).map_or(0, |stream| stream.id.get())
    }

    /// The first key in use at or after `index`: a walk, for SETTINGS, GOAWAY and the end of the connection only.
    pub(super) fn key_from(&self, index: usize) -> Option<StreamKey> {
        (u32::try_from(index).ok()?..self.bound()).find_map(|index| self.at(index)).map(|stream| stream.key)
    }

    /// What a walk over all streams has to cover: one past the highest index in use.
    pub(super) fn bound(&self) -> u32 {
        (self.pages.len() * PAGE) as u32
    }

    pub(super) fn trim(&mut self) {
        if self.len == 0 {
            (self.pages, self.free) = (Vec::new(), NONE);
        }
    }

    /// Bytes of heap in use for slots, and by what the streams in them hold.
    pub(super) fn heap_size(&self) -> usize {
        let held = (0..self.bound()).filter_map(|index| self.at(index)).map(|stream| stream.outbox.heap_size());
        self.pages.len() * PAGE * size_of::<Stream<T>>()
            + self.pages.capacity() * size_of::<Box<[Stream<T>; PAGE]>>()
            + held.sum::<usize>()
    }
}

impl<T: Default> Slots<T> {
    /// A slot for a new stream, which is as [`Stream::vacant`] made it, but for its key; `None` when all indices of 32
    /// bits are in use.
    #[inline]
    pub(super) fn insert(&mut self) -> Option<&mut Stream<T>> {
        if self.free == NONE {
            self.grow()?;
        }
        let (index, generation) = (self.free, self.generation.wrapping_add(1).max(1));
        let stream = self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)?;
        (self.free, self.generation, self.len) = (stream.key.index, generation, self.len + 1);
        stream.key = StreamKey { index, generation };
        Some(stream)
    }

    /// Adds a page of free slots, the first of them first.
    #[cold]
    fn grow(&mut self) -> Option<()> {
        let start = u32::try_from(self.pages.len() * PAGE).ok()?;
        let end = start.checked_add(PAGE as u32)?;
        // The last index stands for none.
        let next = |at| if at == end { NONE } else { at };
        let page = (start + 1..=end).map(|at| Stream::vacant(StreamKey::free(next(at))));
        self.pages.push(page.collect::<Box<[_]>>().try_into().ok()?);
        self.free = start;
        Some(())
    }

    /// Frees the slot; what the layer above kept there is handed out.
    pub(super) fn remove(&mut self, key: StreamKey) -> Option<T> {
        let upper = core::mem::take(&mut self.get_mut(key)?.upper);
        self.discard(key);
        Some(upper)
    }

    /// As [`Slots::remove`], dropping that where it lies.
    #[inline]
    pub(super) fn discard(&mut self, key: StreamKey) {
        self.discard_if(key, |stream| {
            stream.upper = T::default();
            true
        });
    }

    /// Frees the slot, if its stream is such that it `may` be; its upper state is as a new one then.
    #[inline]
    pub(super) fn discard_if(&mut self, key: StreamKey, may: impl FnOnce(&mut Stream<T>) -> bool) -> bool {
        let next = StreamKey::free(self.free);
        let Some(stream) = self.get_mut(key) else { return false };
        let discard = may(stream);
        if discard {
            stream.vacate();
            stream.key = next;
            self.free = key.index;
            self.len -= 1;
        }
        discard
    }
}

#[cfg(test)]
mod tests {
    use super::{PAGE, Slots};
    use alloc::vec::Vec;

    #[test]
    fn indices_are_dense_and_reused_last_in_first_out() {
        let mut slots = Slots::<u32>::new();
        let keys: Vec<_> = (0..3 * PAGE).map(|_| slots.insert().unwrap().key).collect();
        assert_eq!(keys.iter().map(|key| key.index()).collect::<Vec<_>>(), (0..3 * PAGE).collect::<Vec<_>>());
        slots.get_mut(keys[20]).unwrap().upper = 7;
        assert_eq!(slots.remove(keys[20]), Some(7));
        slots.discard(keys[3]);
        assert_eq!((slots.remove(keys[3]), slots.len()), (None, 3 * PAGE - 2));
        let again = [slots.insert().unwrap().key, slots.insert().unwrap().key, slots.insert().unwrap().key];
        assert_eq!(again.map(|key| key.index()), [3, 20, 3 * PAGE]);
        assert!(slots.get(keys[3]).is_none(), "a key that was let go names nothing");
        assert_eq!(slots.get(again[1]).unwrap().upper, 0, "and leaves nothing behind");
        assert_eq!(slots.bound() as usize, 4 * PAGE);
    }

    #[test]
    fn memory_is_given_back_only_when_nothing_is_stored() {
        let mut slots = Slots::<()>::new();
        let key = slots.insert().unwrap().key;
        slots.trim();
        assert!(slots.heap_size() > 0);
        slots.discard(key);
        slots.trim();
        assert_eq!(slots.heap_size(), 0);
    }
}
