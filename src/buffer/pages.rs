//! Storage that grows by pages.

use alloc::boxed::Box;
use alloc::vec::Vec;

const PAGE: usize = 64;
const NONE: u32 = u32::MAX;

/// A slab in pages of 64 entries: growth neither copies what is there nor doubles it, and an index stays valid until
/// its entry is removed. Free entries are reused last in, first out, so that a warm connection works on warm memory.
#[derive(Clone, Debug)]
pub(crate) struct Pages<V> {
    /// Arrays, so that the place in a page needs no check of its bounds.
    pages: Vec<Box<[Entry<V>; PAGE]>>,
    free: u32,
    len: usize,
}

#[derive(Clone, Debug)]
enum Entry<V> {
    Used(V),
    Free { next: u32 },
}

impl<V> Pages<V> {
    pub(crate) const fn new() -> Self {
        Self { pages: Vec::new(), free: NONE, len: 0 }
    }

    /// One past the highest index that can be in use: what a walk has to cover.
    pub(crate) fn bound(&self) -> u32 {
        (self.pages.len() * PAGE) as u32
    }

    /// Stores `value` and names its index; `None` when all indices of 32 bits are in use.
    pub(crate) fn insert(&mut self, value: V) -> Option<u32> {
        if self.free == NONE {
            self.grow()?;
        }
        let index = self.free;
        let entry = self.entry_mut(index)?;
        if let Entry::Free { next } = *entry {
            *entry = Entry::Used(value);
            self.free = next;
            self.len += 1;
        }
        Some(index)
    }

    /// Adds a page of free entries, the first of them first.
    #[cold]
    fn grow(&mut self) -> Option<()> {
        let start = u32::try_from(self.pages.len() * PAGE).ok()?;
        let next = |at| if at == start + PAGE as u32 { NONE } else { at };
        // The last index stands for none.
        let entries = (start + 1..=start.checked_add(PAGE as u32)?).map(|at| Entry::Free { next: next(at) });
        self.pages.push(entries.collect::<Box<[Entry<V>]>>().try_into().ok()?);
        self.free = start;
        Some(())
    }

    pub(crate) fn get(&self, index: u32) -> Option<&V> {
        match self.pages.get(index as usize / PAGE)?.get(index as usize % PAGE)? {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut V> {
        match self.entry_mut(index)? {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<V> {
        let next = self.free;
        let entry = self.entry_mut(index)?;
        if matches!(entry, Entry::Free { .. }) {
            return None;
        }
        let Entry::Used(value) = core::mem::replace(entry, Entry::Free { next }) else { return None };
        self.free = index;
        self.len -= 1;
        Some(value)
    }

    /// Gives the memory back when nothing is stored; says whether it did.
    pub(crate) fn trim(&mut self) -> bool {
        if self.len == 0 {
            *self = Self::new();
        }
        self.len == 0
    }

    /// Bytes of heap in use for entries.
    pub(crate) fn heap_size(&self) -> usize {
        self.pages.len() * PAGE * size_of::<Entry<V>>() + self.pages.capacity() * size_of::<Box<[Entry<V>; PAGE]>>()
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry<V>> {
        self.pages.get_mut(index as usize / PAGE)?.get_mut(index as usize % PAGE)
    }
}

#[cfg(test)]
mod tests {
    use super::Pages;

    #[test]
    fn indices_are_dense_and_reused_last_in_first_out() {
        let mut pages = Pages::new();
        let all: alloc::vec::Vec<_> = (0..200).map(|n| pages.insert(n).unwrap()).collect();
        assert_eq!(all, (0..200).collect::<alloc::vec::Vec<_>>());
        assert_eq!(pages.remove(70), Some(70));
        assert_eq!(pages.remove(3), Some(3));
        assert_eq!(pages.remove(3), None);
        assert_eq!(pages.insert(1000), Some(3));
        assert_eq!(pages.insert(1001), Some(70));
        assert_eq!(pages.insert(1002), Some(200));
        assert_eq!((pages.get(3), pages.get(70), pages.get(201)), (Some(&1000), Some(&1001), None));
        assert_eq!((pages.len, pages.bound()), (201, 256));
    }

    #[test]
    fn memory_is_given_back_only_when_nothing_is_stored() {
        let mut pages = Pages::new();
        let index = pages.insert(()).unwrap();
        assert!(!pages.trim());
        assert!(pages.heap_size() > 0);
        pages.remove(index);
        assert!(pages.trim());
        assert_eq!(pages.heap_size(), 0);
    }
}
