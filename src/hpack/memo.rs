//! Blocks that came before, and come again but for a few values.
//!
//! Most blocks of a connection are of a few kinds: the same fields in the same order, each of which goes by an index, but
//! for some values that never come again. Such a kind is kept as a [`Pattern`], in both forms: as records and as octets of
//! the wire. A block of it is recognised by one comparison for all fields between two such values, and made into the other
//! form by one copy. A block of no known kind costs a look at the start of each.
//!
//! An insertion gives all older entries the next index (RFC 7541 §2.3.3), so patterns are moved along with the table.

mod segment;

use alloc::vec::Vec;

use super::block::{HEAD_LEN, Head};
use super::field::Field;
use super::{integer, static_table};
use segment::Rest;
pub(super) use segment::{Part, Segment};

/// Patterns that are kept.
pub(super) const MOST_PATTERNS: usize = 4;

/// Literals of a pattern.
const MOST_SEGMENTS: usize = 4;

/// Octets of a pattern's records.
const MAX_LEN: usize = 512;

/// Indexed fields of a pattern.
pub(super) const MOST_FIELDS: usize = 32;

/// Blocks of no known kind after which one is learnt: as long as there is room, and where another has to go for it, or did
/// with an entry, or the last one was not worth it.
const PATIENCE: u8 = 8;
const LONG_PATIENCE: u8 = 64;

/// Blocks of no known kind that one which changes the table makes up for.
const CHANGE: u8 = 4;

/// The last index that takes two octets as a field (RFC 7541 §6.1). No larger one is kept.
const LAST_INDEX: usize = 127 + 127;

/// The newest entry of a table (RFC 7541 §2.3.3).
const NEWEST: u8 = 62;

/// More insertions than any table has.
const NEVER: u64 = u64::MAX;

/// A kind of block. `E` is what a side keeps beside it.
#[derive(Clone, Debug)]
pub(super) struct Pattern<E> {
    /// Stands for what it is: no other of the connection has it.
    pub(super) number: u32,
    segments: [Segment; MOST_SEGMENTS],
    len: u8,
    /// The pattern of the block that came after one of this kind.
    after: u8,
    /// Whether a block was of this kind since a place was looked for last.
    used: bool,
    /// The table's count of insertions for which the indices hold; [`NEVER`] where there are none.
    inserted: u64,
    /// The records of each run and behind it the literal's up to its value, whose length is 0 there.
    records: Vec<u8>,
    /// The indices of all runs, and the octets of these.
    indices: Vec<u8>,
    octets: Vec<u8>,
    pub(super) extra: E,
}

impl<E: Default> Pattern<E> {
    /// An empty one; allocates nothing.
    fn new() -> Self {
        Self {
            number: 0,
            segments: [Segment::default(); MOST_SEGMENTS],
            len: 0,
            after: 0,
            used: false,
            inserted: NEVER,
            records: Vec::new(),
            indices: Vec::new(),
            octets: Vec::new(),
            extra: E::default(),
        }
    }
}

impl<E> Pattern<E> {
    /// The records of the run that it starts with.
    #[inline(always)]
    pub(super) fn first_run(&self) -> &[u8] {
        let [first, ..] = &self.segments;
        self.records.get(..usize::from(first.run)).unwrap_or_default()
    }

    /// Of how many segments it is.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether it need not [`follow`](Memo::follow) a table that has had so many insertions.
    #[inline(always)]
    pub(super) fn is_at(&self, inserted: u64) -> bool {
        self.inserted == inserted
    }

    /// The segment that is all of it.
    #[inline(always)]
    pub(super) fn only(&self) -> Option<Part<'_>> {
        let Self { segments: [segment, ..], records: both, octets, .. } = self;
        let (records, literal) = both.split_at_checked(usize::from(segment.run)).filter(|_| self.len() == 1)?;
        Some(Part { segment, octets, records, both, literal })
    }

    /// All of it.
    #[inline(always)]
    pub(super) fn rest(&self) -> Rest<'_> {
        let segments = self.segments.get(..usize::from(self.len)).unwrap_or_default();
        Rest { segments, records: &self.records, octets: &self.octets }
    }

    /// Another index stands for the name of a segment's literal.
    pub(super) fn rename(&mut self, segment: usize, index: u8) {
        if let Some(segment) = self.segments.get_mut(segment) {
            segment.set_name(index);
        }
    }

    /// The segment that goes on, or a new one behind a literal.
    #[expect(clippy::arithmetic_side_effects, reason = "at most `MOST_SEGMENTS`")]
    fn open(&mut self) -> Option<&mut Segment> {
        if self.rest().segments.last().is_none_or(|last| last.name != 0) && usize::from(self.len) < MOST_SEGMENTS {
            self.len += 1;
        }
        self.segments.get_mut(..usize::from(self.len))?.last_mut().filter(|last| last.name == 0)
    }

    /// Adds an indexed field, unless the pattern would be too long or the index is too large; returns whether it did.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn push(&mut self, index: usize, field: Field<'_>) -> bool {
        let len = HEAD_LEN + field.name.len() + field.value.len();
        let fits = self.records.len() + len <= MAX_LEN && self.indices.len() < MOST_FIELDS && index <= LAST_INDEX;
        let Some(head) = Head::of(field).pack().filter(|_| fits) else { return false };
        let Some(segment) = self.open() else { return false };
        segment.count += 1;
        segment.octets += if index < 127 { 1 } else { 2 };
        segment.run += len as u16;
        self.indices.push(index as u8);
        self.records.extend_from_slice(&head.to_le_bytes());
        self.records.extend_from_slice(field.name);
        self.records.extend_from_slice(field.value);
        integer::encode(index, 7, 0x80, &mut self.octets);
        true
    }

    /// Adds a literal likewise, whose head has a value of no octets.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn push_literal(&mut self, index: usize, place: u8, head: Head, name: &[u8]) -> bool {
        let len = HEAD_LEN + name.len();
        let fits = self.records.len() + len <= MAX_LEN && (1..=LAST_INDEX).contains(&index);
        let Some(word) = head.pack().filter(|_| fits) else { return false };
        let Some(segment) = self.open() else { return false };
        (segment.literal, segment.place, segment.sensitive) = (len as u16, place, head.sensitive);
        segment.set_name(index as u8);
        self.records.extend_from_slice(&word.to_le_bytes());
        self.records.extend_from_slice(name);
        true
    }

    /// Follows a table; a pattern of which something is gone is dropped.
    fn follow(&mut self, inserted: u64, len: usize) -> bool {
        let by = usize::try_from(inserted.wrapping_sub(self.inserted)).unwrap_or(usize::MAX);
        self.inserted = inserted;
        let is_there = self.age(by, len);
        if !is_there {
            self.clear();
        }
        is_there
    }

    /// Follows a table that took in so many entries and has `len` now; returns whether all that is named is still there.
    #[expect(clippy::arithmetic_side_effects, reason = "at most two octets for each of `MOST_FIELDS`")]
    fn age(&mut self, by: usize, len: usize) -> bool {
        let last = static_table::LEN.saturating_add(len).min(LAST_INDEX);
        let mut is_there = true;
        let mut age = |index: &mut u8| {
            if usize::from(*index) > static_table::LEN {
                let older = by.saturating_add(usize::from(*index));
                is_there &= older <= last;
                *index = older as u8;
            }
        };
        let Self { segments, len, indices, octets, .. } = self;
        octets.clear();
        let mut indices = indices.iter_mut();
        for segment in segments.iter_mut().take(usize::from(*len)) {
            let before = octets.len();
            for index in indices.by_ref().take(usize::from(segment.count)) {
                age(index);
                integer::encode(usize::from(*index), 7, 0x80, octets);
            }
            segment.octets = (octets.len() - before) as u8;
            if segment.name != 0 {
                age(&mut segment.name);
                segment.set_name(segment.name);
            }
        }
        is_there
    }

    /// Whether it is the same as another.
    fn is(&self, other: &Self) -> bool {
        let (a, b) = (self.rest(), other.rest());
        a.records == b.records
            && self.indices == other.indices
            && a.segments.iter().map(|a| a.run).eq(b.segments.iter().map(|b| b.run))
    }

    fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn clear(&mut self) {
        self.inserted = NEVER;
        (self.len, self.segments) = (0, [Segment::default(); MOST_SEGMENTS]);
        self.records.clear();
        self.indices.clear();
        self.octets.clear();
    }
}

/// How well a block fits a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It starts in another way.
    None,
    /// It starts with the first run, and goes on in another way.
    Run,
    /// It starts with the first segment.
    Segment,
}

/// The patterns of one direction.
#[derive(Clone, Debug)]
pub(super) struct Memo<E> {
    patterns: Vec<Pattern<E>>,
    /// Whether any of them says something.
    knows: bool,
    /// Patterns ever learnt. A connection has not blocks enough for a number to come again.
    learnt: u32,
    /// Blocks of no known kind, and how many there may be before one is learnt.
    misses: u8,
    patience: u8,
    /// The pattern of the last block that had one.
    last: u8,
    /// That of the one before, and what comes after the last one.
    before: u8,
    guess: u8,
    /// The pattern that is the next to be given up, if it was not used.
    hand: u8,
}

impl<E: Default> Memo<E> {
    /// Knows nothing and allocates nothing; learns from the first block.
    pub(super) const fn new() -> Self {
        Self {
            patterns: Vec::new(),
            knows: false,
            learnt: 0,
            misses: PATIENCE,
            patience: PATIENCE,
            last: 0,
            before: 0,
            guess: 0,
            hand: 0,
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Option<&Pattern<E>> {
        self.patterns.get(at)
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut Pattern<E>> {
        self.patterns.get_mut(at)
    }

    pub(super) fn len(&self) -> usize {
        self.patterns.len()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        !self.knows
    }

    /// Whether there is neither a pattern to look at nor one to be learnt.
    #[inline(always)]
    pub(super) fn is_idle(&self) -> bool {
        self.is_empty() && !self.is_due()
    }

    /// Some patterns were cleared, or another one is there.
    fn count(&mut self) {
        self.knows = !self.patterns.iter().all(Pattern::is_empty);
    }

    /// The records of the first run of a pattern.
    #[inline(always)]
    pub(super) fn first_run(&self, at: usize) -> &[u8] {
        self.get(at).map_or(&[], Pattern::first_run)
    }

    /// The same, where it has to [`follow`](Self::follow) first. Empty where it cannot.
    #[inline(always)]
    pub(super) fn start(&mut self, at: usize, inserted: u64, len: usize) -> &[u8] {
        if self.get(at).is_some_and(|pattern| pattern.is_at(inserted)) {
            return self.first_run(at);
        }
        self.follow(at, inserted, len);
        self.first_run(at)
    }

    /// Has a pattern follow a table that has had so many insertions, and has `len` entries; returns whether all that it
    /// names is still there.
    #[inline(always)]
    pub(super) fn follow(&mut self, at: usize, inserted: u64, len: usize) -> bool {
        match self.patterns.get_mut(at) {
            Some(pattern) => pattern.is_at(inserted) || pattern.inserted != NEVER && self.move_on(at, inserted, len),
            None => false,
        }
    }

    #[cold]
    #[inline(never)]
    fn move_on(&mut self, at: usize, inserted: u64, len: usize) -> bool {
        let is_there = self.patterns.get_mut(at).is_some_and(|pattern| pattern.follow(inserted, len));
        if !is_there {
            // Where entries go while patterns name them, the next pattern would not last either.
            self.patience = LONG_PATIENCE;
            self.count();
        }
        is_there
    }

    /// The pattern that the next block mostly has, by what came after the last one.
    #[inline(always)]
    pub(super) fn guess(&self) -> usize {
        usize::from(self.guess)
    }

    /// A block was found to be of the pattern that was guessed.
    #[inline(always)]
    pub(super) fn was_right(&mut self, guess: usize) {
        if let Some(pattern) = self.patterns.get_mut(guess) {
            pattern.used = true;
            self.guess = pattern.after;
        }
        (self.before, self.last) = (self.last, guess as u8);
    }

    /// The block that was said to be of a pattern goes on in another way: next time one of those is tried that start alike.
    #[inline(never)]
    pub(super) fn was_partial(&mut self, at: usize) {
        let start = |at: usize| self.patterns.get(at).and_then(|pattern| pattern.rest().next()).map(|part| part.both);
        let (others, before) = (at.saturating_add(1)..self.patterns.len(), usize::from(self.before));
        let Some(other) = others.chain(0..at).find(|other| start(*other) == start(at)) else { return };
        if let Some(before) = self.patterns.get_mut(before) {
            before.after = other as u8;
        }
        self.was_right(other);
        self.before = before as u8;
    }

    /// A block was found to be of another pattern.
    pub(super) fn was_wrong(&mut self, at: usize) {
        if let Some(last) = self.patterns.get_mut(usize::from(self.last)) {
            last.after = at as u8;
        }
        self.was_right(at);
    }

    /// The pattern, in a table that has had so many insertions, that fits best, where the guess was wrong.
    #[inline(never)]
    pub(super) fn find(&mut self, inserted: u64, len: usize, fit: impl Fn(&Pattern<E>) -> Fit) -> Option<usize> {
        let mut found = None;
        for at in 0..self.patterns.len() {
            if !self.follow(at, inserted, len) {
                continue;
            }
            match self.patterns.get(at).map_or(Fit::None, &fit) {
                Fit::Segment => {
                    found = Some(at);
                    break;
                }
                Fit::Run => found = Some(at),
                Fit::None => {}
            }
        }
        self.was_wrong(found?);
        found
    }

    /// A block had no pattern, or went on in another way than its pattern, and it changed the table or did not; returns
    /// whether it should be learnt.
    #[inline]
    pub(super) fn misses(&mut self, changed: bool) -> bool {
        // There is less to gain from a table that changes a lot.
        self.misses = if changed { self.misses.saturating_sub(CHANGE) } else { self.misses.saturating_add(1) };
        self.is_due() && !changed
    }

    /// Whether the next block of no known kind should be learnt.
    #[inline(always)]
    pub(super) fn is_due(&self) -> bool {
        self.misses > self.patience
    }

    /// Takes an empty pattern out, to learn one in, and its place.
    #[cold]
    pub(super) fn begin(&mut self, inserted: u64) -> (usize, Pattern<E>) {
        let at = self.free_place();
        self.learnt = self.learnt.wrapping_add(1);
        let place = self.patterns.get_mut(at);
        let mut pattern = place.map_or_else(Pattern::new, |place| core::mem::replace(place, Pattern::new()));
        pattern.clear();
        (pattern.number, pattern.inserted, pattern.used) = (self.learnt, inserted, true);
        (at, pattern)
    }

    /// Puts it back, if it is worth it: others may know as much, and all may have been forgotten meanwhile. Blocks that are
    /// not worth it are learnt for a while yet, as the one that was waited for may come in turn with others. The table, which
    /// has `len` entries, has to be as it was where the pattern began, for one that is worth it.
    #[cold]
    pub(super) fn end(&mut self, at: usize, mut pattern: Pattern<E>, is_worth_it: bool, len: usize) {
        // Indices are compared as they are now.
        let mut is_worth_it = is_worth_it && pattern.number == self.learnt;
        for other in 0..self.patterns.len() {
            is_worth_it = is_worth_it
                && !(self.follow(other, pattern.inserted, len)
                    && self.get(other).is_some_and(|known| known.is(&pattern)));
        }
        if !is_worth_it {
            pattern.clear();
        }
        if let Some(place) = self.patterns.get_mut(at) {
            *place = pattern;
        }
        self.count();
        if is_worth_it {
            let has_room = self.patterns.len() < MOST_PATTERNS || self.patterns.iter().any(Pattern::is_empty);
            (self.misses, self.patience) = (0, if has_room { PATIENCE } else { LONG_PATIENCE });
        } else if self.misses > self.patience.saturating_add(PATIENCE) {
            (self.misses, self.patience) = (0, LONG_PATIENCE);
        } else {
            self.misses = self.misses.saturating_add(1);
        }
    }

    /// A place without a pattern, or with one that was not used lately.
    #[expect(clippy::arithmetic_side_effects, reason = "places of a few patterns")]
    fn free_place(&mut self) -> usize {
        if let Some(at) = self.patterns.iter().position(Pattern::is_empty) {
            return at;
        }
        if self.patterns.len() < MOST_PATTERNS {
            let records = Vec::with_capacity(MAX_LEN);
            let (indices, octets) = (Vec::with_capacity(MOST_FIELDS), Vec::with_capacity(2 * MOST_FIELDS));
            self.patterns.push(Pattern { records, indices, octets, ..Pattern::new() });
            return self.patterns.len() - 1;
        }
        loop {
            self.hand = (self.hand + 1) % MOST_PATTERNS as u8;
            let at = usize::from(self.hand);
            match self.patterns.get_mut(at) {
                Some(pattern) if pattern.used => pattern.used = false,
                _ => return at,
            }
        }
    }

    /// The table changed otherwise than by an insertion.
    pub(super) fn forget(&mut self) {
        self.learnt = self.learnt.wrapping_add(1);
        self.patterns.iter_mut().for_each(Pattern::clear);
        self.knows = false;
    }

    /// The newest entry of a table is one of the name of which literals have this place.
    #[inline(never)]
    pub(super) fn rename(&mut self, place: u8, inserted: u64, len: usize) {
        let is_named = |segment: &Segment| segment.name != 0 && segment.place == place;
        for at in 0..self.patterns.len() {
            if self.get(at).is_some_and(|pattern| pattern.segments.iter().any(is_named))
                && self.follow(at, inserted, len)
                && let Some(Pattern { segments, .. }) = self.patterns.get_mut(at)
            {
                segments.iter_mut().filter(|segment| is_named(segment)).for_each(|segment| segment.set_name(NEWEST));
            }
        }
    }

    /// What some patterns are made of is no longer so.
    #[cold]
    pub(super) fn forget_if(&mut self, is_wrong: impl Fn(&Pattern<E>) -> bool) {
        self.patterns.iter_mut().filter(|pattern| is_wrong(pattern)).for_each(Pattern::clear);
        self.count();
    }

    /// As [`forget`](Self::forget), with the memory given back.
    pub(super) fn trim(&mut self) {
        (self.patterns, self.knows) = (Vec::new(), false);
        (self.misses, self.patience) = (PATIENCE, PATIENCE);
    }

    /// Octets allocated, where `extra` has so many.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self, extra: impl Fn(&E) -> usize) -> usize {
        let of = |pattern: &Pattern<E>| {
            let octets = pattern.records.capacity() + pattern.indices.capacity() + pattern.octets.capacity();
            octets + extra(&pattern.extra)
        };
        self.patterns.capacity() * size_of::<Pattern<E>>() + self.patterns.iter().map(of).sum::<usize>()
    }
}

#[cfg(test)]
mod tests;
