//! The start of the usual block, and what became of it.
//!
//! Blocks of one connection mostly start alike: the same method, path and constants, then what differs. As long as the
//! table stands still, a run of indexed fields always has the same records on the one side and the same octets on the
//! other, so the run that starts the usual block is kept, and a block that starts with it is spared the look at each of
//! its fields. A block that starts in another way costs one comparison.

use alloc::vec::Vec;

/// Octets of either form that are kept.
const MAX_LEN: usize = 512;

/// Blocks in a row that have to start in another way before the run is learnt anew.
const PATIENCE: u8 = 8;

/// A run of indexed fields in both forms: as a block gives it, and as it is made into.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    given: Vec<u8>,
    made: Vec<u8>,
    count: usize,
    /// The table's count of insertions at which all of this holds.
    generation: u64,
    misses: u8,
    learning: bool,
    /// Which run this is.
    number: u32,
}

/// What is known of the first fields of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run<'a> {
    pub(super) number: u32,
    pub(super) count: usize,
    /// Octets of the block that they take.
    pub(super) given_len: usize,
    pub(super) made: &'a [u8],
}

impl Memo {
    /// Knows nothing and allocates nothing; learns from the first block.
    pub(super) const fn new() -> Self {
        Self {
            given: Vec::new(),
            made: Vec::new(),
            count: 0,
            generation: 0,
            misses: PATIENCE,
            learning: false,
            number: 0,
        }
    }

    /// Asked at the start of each block.
    #[inline]
    pub(super) fn recall(&mut self, block: &[u8], generation: u64) -> Option<Run<'_>> {
        if self.count > 0 && self.generation == generation && block.starts_with(&self.given) {
            (self.misses, self.learning) = (0, false);
            return Some(Run { number: self.number, count: self.count, given_len: self.given.len(), made: &self.made });
        }
        self.miss(generation);
        None
    }

    /// The records that a block usually starts with, for whoever compares them one by one; none where nothing is known.
    /// What came of it goes to [`compared`](Self::compared).
    #[inline]
    pub(super) fn usual(&self, generation: u64) -> &[u8] {
        if self.generation == generation { &self.given } else { &[] }
    }

    /// Notes that a block started with so many of the fields of [`usual`](Self::usual), and no more.
    #[inline]
    pub(super) fn compared(&mut self, count: usize, generation: u64) {
        if count > 0 && count == self.count {
            (self.misses, self.learning) = (0, false);
        } else if count > 0 && self.misses == PATIENCE {
            // Too late to learn this block from its start: the next one.
            self.forget();
        } else {
            self.miss(generation);
        }
    }

    /// A block started in another way.
    #[expect(clippy::arithmetic_side_effects, reason = "one more than `PATIENCE` at most")]
    fn miss(&mut self, generation: u64) {
        self.learning = false;
        self.misses += 1;
        if self.misses > PATIENCE {
            self.forget();
            (self.misses, self.generation, self.learning) = (0, generation, true);
            self.number = self.number.wrapping_add(1);
        }
    }

    /// What the first `count` fields were made into, where each took one octet.
    #[inline]
    pub(super) fn made(&self, count: usize) -> &[u8] {
        self.made.get(..count).unwrap_or_default()
    }

    /// Whether [`learn`](Self::learn) wants to know of the next field of the block.
    pub(super) fn is_learning(&self) -> bool {
        self.learning
    }

    /// Notes the next field of the block, the given form in parts, unless the run would be too long; returns whether it
    /// did.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn learn(&mut self, given: &[&[u8]], made: &[u8]) -> bool {
        let given_len: usize = given.iter().map(|part| part.len()).sum();
        let fits = (self.given.len() + given_len).max(self.made.len() + made.len()) <= MAX_LEN;
        if fits {
            given.iter().for_each(|part| self.given.extend_from_slice(part));
            self.made.extend_from_slice(made);
            self.count += 1;
        }
        fits
    }

    /// The run ends.
    pub(super) fn end(&mut self) {
        self.learning = false;
    }

    /// The table changed otherwise than by an insertion.
    pub(super) fn forget(&mut self) {
        self.given.clear();
        self.made.clear();
        (self.count, self.learning) = (0, false);
    }

    /// As [`forget`](Self::forget), with the memory given back.
    pub(super) fn trim(&mut self) {
        self.forget();
        (self.given, self.made) = (Vec::new(), Vec::new());
        self.misses = PATIENCE;
    }

    /// Octets allocated.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        self.given.capacity() + self.made.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Either form is kept up to the same length, to the octet.
    #[test]
    fn a_run_ends_where_it_would_be_too_long() {
        for (given, made) in [(100, 1), (1, 100), (128, 128), (129, 1), (1, 129)] {
            let (given, made) = (vec![1; given], vec![2; made]);
            let mut memo = Memo::new();
            assert_eq!(memo.recall(&given, 0), None);
            let mut learnt = 0;
            while memo.is_learning() {
                match memo.learn(&[&given], &made) {
                    true => learnt += 1,
                    false => memo.end(),
                }
            }
            assert_eq!(learnt, MAX_LEN / given.len().max(made.len()));
            let block = given.repeat(9);
            let run = memo.recall(&block, 0).map(|run| (run.count, run.given_len, run.made.len()));
            assert_eq!(run, Some((learnt, learnt * given.len(), learnt * made.len())));
        }
    }

    /// A usual start stays known through a few blocks that start in another way, and not through more.
    #[test]
    fn patience_is_counted() {
        let (usual, other) = ([1, 2], [3]);
        for (others, known) in [(PATIENCE, true), (PATIENCE + 1, false)] {
            let mut memo = Memo::new();
            memo.recall(&usual, 5);
            assert!(memo.learn(&[&usual], &[9]));
            memo.end();
            let number = memo.recall(&usual, 5).map(|run| run.number);
            (0..others).for_each(|_| assert_eq!(memo.recall(&other, 5), None));
            assert_eq!(memo.recall(&usual, 5).is_some_and(|run| Some(run.number) == number), known);
            // Nor through a change of the table.
            assert_eq!(memo.recall(&usual, 6), None);
        }
    }
}
