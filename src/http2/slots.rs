//! The one slab of a connection, and the lists that run through it.

use super::links::{Lane, Link};
use super::stream::Stream;
use crate::buffer::pages::Pages;
#[cfg(feature = "testing")]
use alloc::vec::Vec;

const NONE: u32 = u32::MAX;

/// Names one stream of a connection for as long as its owner keeps it; a key that was let go never names another.
///
/// It is not the stream id, which a client's stream gets only when its HEADERS leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamKey {
    index: u32,
    generation: u32,
}

impl StreamKey {
    /// A small number, unique among the streams that are open now: an index for a table kept beside the connection.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

#[derive(Clone, Debug)]
struct Slot<T> {
    generation: u32,
    stream: Stream<T>,
}

/// Streams by key. Generations come from one counter, so pages can be freed and made anew.
#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    pages: Pages<Slot<T>>,
    generation: u32,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { pages: Pages::new(), generation: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.pages.len()
    }

    pub(super) fn insert(&mut self, stream: Stream<T>) -> Option<StreamKey> {
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let index = self.pages.insert(Slot { generation, stream })?;
        Some(StreamKey { index, generation })
    }

    pub(super) fn get(&self, key: StreamKey) -> Option<&Stream<T>> {
        self.pages.get(key.index).filter(|slot| slot.generation == key.generation).map(|slot| &slot.stream)
    }

    pub(super) fn get_mut(&mut self, key: StreamKey) -> Option<&mut Stream<T>> {
        self.pages.get_mut(key.index).filter(|slot| slot.generation == key.generation).map(|slot| &mut slot.stream)
    }

    /// The stream in a slot that the caller knows to be in use, such as one found by its id.
    pub(super) fn key_at(&self, index: u32) -> Option<StreamKey> {
        self.pages.get(index).map(|slot| StreamKey { index, generation: slot.generation })
    }

    pub(super) fn remove(&mut self, key: StreamKey) -> Option<Stream<T>> {
        self.get(key)?;
        self.pages.remove(key.index).map(|slot| slot.stream)
    }

    /// As [`Slots::remove`], dropping the stream where it lies.
    pub(super) fn discard(&mut self, key: StreamKey) {
        if self.get(key).is_some() {
            self.pages.discard(key.index);
        }
    }

    /// The first key in use at or after `index`: a walk, for SETTINGS, GOAWAY and the end of the connection only.
    pub(super) fn key_from(&self, index: usize) -> Option<StreamKey> {
        (u32::try_from(index).ok()?..self.pages.bound()).find_map(|index| self.key_at(index))
    }

    /// What a walk over all streams has to cover: one past the highest index in use.
    pub(super) fn bound(&self) -> u32 {
        self.pages.bound()
    }

    /// The stream in a slot, if that is in use, for such a walk.
    pub(super) fn at_mut(&mut self, index: u32) -> Option<(StreamKey, &mut Stream<T>)> {
        self.pages.get_mut(index).map(|slot| (StreamKey { index, generation: slot.generation }, &mut slot.stream))
    }

    pub(super) fn trim(&mut self) {
        self.pages.trim();
    }

    pub(super) fn heap_size(&self) -> usize {
        self.pages.heap_size()
    }

    /// The link of a stream that the layer above named, maybe after it was let go.
    #[expect(clippy::indexing_slicing, reason = "a lane is one of `LANES`")]
    fn link_of(&mut self, key: StreamKey, lane: Lane) -> Option<&mut Link> {
        self.get_mut(key).map(|stream| &mut stream.links[lane as usize])
    }

    /// The link of a neighbour in a list.
    #[expect(clippy::indexing_slicing, reason = "a lane is one of `LANES`")]
    fn link(&mut self, index: u32, lane: Lane) -> Option<&mut Link> {
        self.pages.get_mut(index).map(|slot| &mut slot.stream.links[lane as usize])
    }
}

/// A doubly linked list through the slots: joining and leaving take constant time, and a
/// list is never longer than the number of streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    lane: Lane,
    head: u32,
    tail: u32,
}

impl List {
    pub(super) const fn new(lane: Lane) -> Self {
        Self { lane, head: NONE, tail: NONE }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head == NONE
    }

    pub(super) fn front<T>(&self, slots: &Slots<T>) -> Option<StreamKey> {
        slots.key_at(self.head)
    }

    pub(super) fn back<T>(&self, slots: &Slots<T>) -> Option<StreamKey> {
        slots.key_at(self.tail)
    }

    /// The stream before this one, which must be in this list.
    pub(super) fn before<T>(&self, slots: &Slots<T>, key: StreamKey) -> Option<StreamKey> {
        slots.key_at(slots.get(key)?.links.get(self.lane as usize)?.prev)
    }

    pub(super) fn has_at_an_end(&self, key: StreamKey) -> bool {
        self.head == key.index || self.tail == key.index
    }

    /// Appends the stream; nothing changes when a list of this lane already holds it.
    pub(super) fn push<T>(&mut self, slots: &mut Slots<T>, key: StreamKey) {
        let tail = self.tail;
        let Some(link) = slots.link_of(key, self.lane) else { return };
        if link.linked {
            return;
        }
        *link = Link { prev: tail, next: NONE, linked: true };
        match slots.link(tail, self.lane) {
            Some(last) => last.next = key.index,
            None => self.head = key.index,
        }
        self.tail = key.index;
    }

    /// As [`List::push`], before all others.
    pub(super) fn push_front<T>(&mut self, slots: &mut Slots<T>, key: StreamKey) {
        let head = self.head;
        let Some(link) = slots.link_of(key, self.lane).filter(|link| !link.linked) else { return };
        *link = Link { prev: NONE, next: head, linked: true };
        match slots.link(head, self.lane) {
            Some(first) => first.prev = key.index,
            None => self.tail = key.index,
        }
        self.head = key.index;
    }

    /// Takes the stream out; it must be in this list or in none of its lane.
    pub(super) fn remove<T>(&mut self, slots: &mut Slots<T>, key: StreamKey) {
        let Some(link) = slots.link_of(key, self.lane) else { return };
        let Link { prev, next, linked } = *link;
        if !linked {
            return;
        }
        *link = Link::OUT;
        match slots.link(prev, self.lane) {
            Some(before) => before.next = next,
            None => self.head = next,
        }
        match slots.link(next, self.lane) {
            Some(after) => after.prev = prev,
            None => self.tail = prev,
        }
    }
}

#[cfg(feature = "testing")]
impl List {
    /// The streams in the list, in order; `None` where the links of one direction are not those of the other.
    pub(super) fn walk<T>(&self, slots: &Slots<T>) -> Option<Vec<StreamKey>> {
        let along = |start: u32, next: fn(&Link) -> u32| {
            let mut found = Vec::new();
            let mut at = start;
            while found.len() <= slots.len() && at != NONE {
                let link = slots.pages.get(at)?.stream.links.get(self.lane as usize)?;
                found.extend(slots.key_at(at).filter(|_| link.linked));
                at = next(link);
            }
            Some(found)
        };
        let (forward, mut backward) = (along(self.head, |link| link.next)?, along(self.tail, |link| link.prev)?);
        backward.reverse();
        Some(forward).filter(|forward| *forward == backward)
    }
}
