//! The start of the usual block, and what became of it.
//!
//! Blocks of one connection mostly start alike: the same method, path and constants, then what differs. As long as the
//! table stands still, a run of indexed fields always has the same records on the one side and the same octets on the
//! other, so the run that starts the usual block is kept, and a block that starts with it is spared the look at each of
//! its fields. A block that starts in another way costs one comparison.
//!
//! What follows the run is often a literal that has the same name in each block, and a value of its own: its tail, of
//! which all but the value is kept too.

use alloc::vec::Vec;

use super::block::{HEAD_LEN, Head, same};

/// Octets of the beginning of a literal that has the name of an entry: a pattern and an index, of five bits more at most.
const TAIL_LEN: usize = 3;

/// Octets of either form that are kept.
const MAX_LEN: usize = 512;

/// Blocks in a row that have to start in another way before the run is learnt anew.
const PATIENCE: u8 = 8;

/// A run of indexed fields in both forms: as a block gives it, and as it is made into.
#[derive(Clone, Debug)]
pub(super) struct Memo {
    given: Vec<u8>,
    /// Behind what the run is made into, the tail's beginning.
    made: Vec<u8>,
    /// Octets of `made` that are the run's.
    run_made: u16,
    count: u16,
    /// The table's count of insertions at which all of this holds.
    generation: u64,
    misses: u8,
    learning: bool,
    /// Which run this is.
    number: u32,
    /// With the length of `made` it stands for what that is, to which octets may be added under one version. A connection has
    /// not blocks enough for a version to come again.
    version: u32,
    /// What a block gives of the tail before its value, and how many octets that are; none where none is known.
    tail: u32,
    tail_len: u8,
    /// Blocks in a row that went on behind the run in another way.
    tail_misses: u8,
}

/// The octets of a little-endian word that a tail of this length has.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "up to `TAIL_LEN` octets")]
const fn tail_mask(len: u8) -> u32 {
    (1 << (8 * len as u32)) - 1
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
            version: 0,
            run_made: 0,
            tail: 0,
            tail_len: 0,
            tail_misses: PATIENCE,
        }
    }

    /// Asked at the start of each block: what it has behind the run, if it starts with that.
    #[inline(always)]
    pub(super) fn recall<'b>(&mut self, block: &'b [u8], generation: u64) -> Option<&'b [u8]> {
        if self.count > 0
            && self.generation == generation
            && let Some((start, rest)) = block.split_at_checked(self.given.len())
            && same(&self.given, start)
        {
            (self.misses, self.learning) = (0, false);
            return Some(rest);
        }
        self.miss(generation);
        None
    }

    /// The count of the run's fields, and what they are made into.
    #[inline(always)]
    pub(super) fn run(&self) -> (usize, &[u8]) {
        (usize::from(self.count), self.made.get(..usize::from(self.run_made)).unwrap_or_default())
    }

    /// The head of the tail as it was learnt, and the block from its value on, if that is what comes behind the run.
    #[inline(always)]
    pub(super) fn tail<'b>(&mut self, rest: &'b [u8]) -> Option<(Head, &'b [u8])> {
        let word = self.made.get(usize::from(self.run_made)..)?.first_chunk()?;
        if u32::from_le_bytes(*rest.first_chunk()?) & tail_mask(self.tail_len) != self.tail {
            return None;
        }
        self.tail_misses = 0;
        Some((Head::unpack(u64::from_le_bytes(*word)), rest.get(usize::from(self.tail_len)..)?))
    }

    /// What the run is made into, and behind it the beginning of the tail's record.
    #[inline(always)]
    pub(super) fn run_and_tail(&self) -> &[u8] {
        &self.made
    }

    /// Notes that the block that was recalled goes on in another way, if it does; returns whether
    /// [`learn_tail`](Self::learn_tail) wants to know of it.
    #[expect(clippy::arithmetic_side_effects, reason = "one more than `PATIENCE` at most")]
    pub(super) fn misses_tail(&mut self, rest: &[u8]) -> bool {
        if self.tail(rest).is_some() {
            return false;
        }
        self.tail_misses += 1;
        let wants = self.tail_misses > PATIENCE;
        if wants {
            self.tail_misses = 0;
        }
        wants
    }

    /// Takes the beginning of a field behind the run, its name included, in place of the one that was known.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn learn_tail(&mut self, given: &[u8], head: Head, name: &[u8]) {
        self.version = self.version.wrapping_add(1);
        self.made.truncate(usize::from(self.run_made));
        let made_len = self.made.len() + HEAD_LEN + name.len();
        if let Some(word) = head.pack().filter(|_| given.len() <= TAIL_LEN && made_len <= MAX_LEN) {
            self.tail = given.iter().rev().fold(0, |tail, octet| tail << 8 | u32::from(*octet));
            self.tail_len = given.len() as u8;
            self.made.extend_from_slice(&word.to_le_bytes());
            self.made.extend_from_slice(name);
        }
    }

    /// Stands for [`run_and_tail`](Self::run_and_tail).
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Which run this is; `None` where none is known.
    pub(super) fn number(&self) -> Option<u32> {
        (self.count > 0).then_some(self.number)
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
        if count > 0 && count == usize::from(self.count) {
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
    #[inline(never)]
    fn miss(&mut self, generation: u64) {
        self.learning = false;
        if self.generation != generation {
            // What was known never comes true again; and the table has to stand still before there is more to know.
            self.forget();
            (self.misses, self.generation) = (0, generation);
            return;
        }
        self.misses += 1;
        if self.misses > PATIENCE {
            self.forget();
            (self.misses, self.learning) = (0, true);
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
            self.run_made = self.made.len() as u16;
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
        self.version = self.version.wrapping_add(1);
        self.given.clear();
        self.made.clear();
        (self.count, self.learning) = (0, false);
        self.run_made = 0;
        self.tail_misses = PATIENCE;
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
            assert_eq!(memo.recall(&block, 0), Some(&block[learnt * given.len()..]));
            assert_eq!((memo.run(), memo.number()), ((learnt, &made.repeat(learnt)[..]), Some(1)));
        }
    }

    /// A usual start stays known through a few blocks that start in another way, and not through more.
    #[test]
    fn patience_is_counted() {
        let (usual, other) = ([1, 2], [3]);
        for (others, known) in [(PATIENCE, true), (PATIENCE + 1, false)] {
            let mut memo = Memo::new();
            memo.recall(&usual, 0);
            assert!(memo.learn(&[&usual], &[9]));
            memo.end();
            assert!(memo.recall(&usual, 0).is_some());
            let number = memo.number();
            (0..others).for_each(|_| assert_eq!(memo.recall(&other, 0), None));
            assert_eq!(memo.recall(&usual, 0).is_some() && memo.number() == number, known);
            // Nor through a change of the table.
            assert_eq!(memo.recall(&usual, 6), None);
        }
    }

    /// There is nothing to learn of a table that goes on changing.
    #[test]
    fn a_run_is_learnt_once_the_table_stands_still() {
        let mut memo = Memo::new();
        for generation in 1..50 {
            assert_eq!((memo.recall(&[1], generation), memo.is_learning()), (None, false));
        }
        for block in 1..=PATIENCE + 1 {
            assert_eq!((memo.recall(&[1], 49), memo.is_learning()), (None, block == PATIENCE + 1));
        }
    }

    /// The beginning of a tail is kept up to its lengths, to the octet.
    #[test]
    fn a_tail_that_is_too_long_is_not_kept() {
        for (given, name, fits) in [(3, 100, true), (4, 100, false), (3, 101, false)] {
            let mut memo = Memo::new();
            memo.recall(&[], 0);
            assert!(memo.learn(&[&[1]], &[2; MAX_LEN - HEAD_LEN - 100]));
            let (given, name) = (vec![3; given], vec![4; name]);
            let head = Head { name_len: name.len(), value_len: 0, sensitive: true, class: 5 };
            memo.learn_tail(&given, head, &name);
            let block = [&[1][..], &given, &[0, 6]].concat();
            let rest = memo.recall(&block, 0).unwrap();
            assert_eq!(memo.tail(rest), fits.then_some((head, &[0, 6][..])));
            assert_eq!(memo.run_and_tail().ends_with(&name), fits);
            assert_eq!(memo.run_and_tail().len(), if fits { MAX_LEN } else { MAX_LEN - HEAD_LEN - 100 });
        }
    }
}
