//! What the encoder knows of a name: which entries it had lately, and whether its values ever come back.

use alloc::vec;
use alloc::vec::Vec;

use super::Entry;

/// Places, once there are any; a power of two, as all sizes.
const FIRST_PLACES: usize = 16;

/// The most places. A list with more names than fit costs more work, not more memory.
const MAX_PLACES: usize = 64;

/// Places that a name may take, beginning with the one that its hash names.
const REACH: usize = 4;

/// Values of a name that no table had, in a row, after which a new one no longer enters the table at first sight.
const FEW_MISSES: u8 = 3;

/// Values that no table had, for which one makes up that comes back after another.
const COMES_BACK: u8 = 5;

/// Values in a row after which no table is asked for the next one, but for each [`ASK_EACH`]th.
const MANY_MISSES: u8 = 16;

/// A power of two.
const ASK_EACH: u8 = 8;

/// A name as fields of the encoder had it lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Name {
    /// The hash without a seed by which it is found; 0 in a free place.
    tag: u32,
    /// The seeded hash of the name.
    pub(super) hash: u32,
    /// The first entry of the static table that has the name, 0 where there is none.
    pub(super) fixed: u8,
    misses: u8,
    /// Where the names are that followed this one, the last one first; others may be there by now.
    pub(super) next: [u8; 2],
    /// The newest entry made for the name.
    pub(super) newest: Entry,
    /// The two entries that fields with the name used last, the last one first.
    pub(super) last: [Entry; 2],
}

impl Name {
    /// A field turned out to be this entry.
    #[inline]
    pub(super) fn hit(&mut self, entry: Entry) {
        if self.last[0] == entry {
            return self.hit_again();
        }
        self.misses = self.misses.saturating_sub(COMES_BACK);
        self.last = [entry, self.last[0]];
    }

    /// An entry that has the name. The static table's indices are shorter and never move, so they go first.
    #[inline]
    pub(super) fn any(&self) -> Entry {
        if self.fixed == 0 { self.newest } else { Entry::fixed(usize::from(self.fixed)) }
    }

    /// A field turned out to be the last entry again.
    #[inline]
    pub(super) fn hit_again(&mut self) {
        self.misses = 0;
    }

    /// The hash without a seed by which it is found.
    pub(super) const fn tag(&self) -> u32 {
        self.tag
    }

    /// A field that no table had became an entry.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.miss();
        self.newest = entry;
        self.last = [entry, self.last[0]];
    }

    /// No table has the value of a field, or none was asked.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "at most the sum of two constants")]
    pub(super) fn miss(&mut self) {
        self.misses += 1;
        if self.misses == MANY_MISSES + ASK_EACH {
            self.misses = MANY_MISSES;
        }
    }

    /// Whether values of the name come back often enough to keep one that was never seen.
    pub(super) const fn keeps_new_values(&self) -> bool {
        self.misses < FEW_MISSES
    }

    /// Whether to ask the tables for a value that the name did not have last.
    #[inline]
    pub(super) const fn is_worth_asking(&self) -> bool {
        self.misses <= MANY_MISSES
    }
}

/// Names by the hash of them, which has no seed: what is forgotten decides what is indexed, and with it the octets on
/// the wire. Whoever aims at a collision makes two names take turns.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    places: Vec<Name>,
    /// Those that [`change`](Self::change) was asked for, as long as nobody empties the set.
    pub(super) changed: Places,
    /// Which of the places that a name can take is to be given up next.
    turn: u8,
}

/// A set of places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(u64);

impl Places {
    pub(super) const NONE: Self = Self(0);

    #[inline]
    pub(super) const fn with(self, place: u8) -> Self {
        // `MAX_PLACES` bits.
        Self(self.0 | 1u64.wrapping_shl(place as u32))
    }

    #[inline]
    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    #[inline]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub(super) const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// Where a name is, after it was looked for.
pub(super) struct Found {
    pub(super) place: u8,
    /// Whether others have gone from their places.
    pub(super) moved: bool,
}

impl Names {
    /// Knows nothing and allocates nothing.
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), changed: Places::NONE, turn: 0 }
    }

    #[inline]
    pub(super) fn get(&self, place: u8) -> Option<&Name> {
        self.places.get(usize::from(place))
    }

    /// To note what followed, and that a name has its last entry again. Any other use of a name goes through
    /// [`change`](Self::change).
    #[inline]
    pub(super) fn get_mut(&mut self, place: u8) -> Option<&mut Name> {
        self.places.get_mut(usize::from(place))
    }

    /// As [`get_mut`](Self::get_mut).
    #[inline(always)]
    pub(super) fn known(&mut self, place: usize) -> Option<&mut Name> {
        match self.places.get_mut(place..) {
            Some([name, ..]) => Some(name),
            _ => None,
        }
    }

    /// Whether an entry is the last one of the name at a place, or would be asked for.
    pub(super) fn asks(&self, place: u8, entry: Entry) -> bool {
        self.get(place).is_some_and(|name| name.last[0] == entry || name.is_worth_asking())
    }

    /// Notes that a field of a known kind was this entry; false, with nothing done, if it would not be asked for. Where that
    /// did not make up for all, the next one is to be noted too.
    #[inline(always)]
    pub(super) fn note(&mut self, place: u8, entry: Entry) -> bool {
        match self.places.get_mut(usize::from(place)) {
            Some(name) if name.last[0] == entry => name.hit_again(),
            Some(name) if name.is_worth_asking() => {
                name.hit(entry);
                if name.misses > 0 {
                    self.changed = self.changed.with(place);
                }
            }
            _ => return false,
        }
        true
    }

    #[inline]
    pub(super) fn change(&mut self, place: u8) -> Option<&mut Name> {
        self.changed = self.changed.with(place);
        self.get_mut(place)
    }

    /// The place of the name with `hash`, which has no seed, if it has one.
    pub(super) fn find(&self, hash: u64) -> Option<u8> {
        let tag = (hash >> 32) as u32 | 1;
        let places = (0..REACH).map(|step| self.place_at(tag, step));
        let place = places.into_iter().find(|place| self.places.get(*place).is_some_and(|name| name.tag == tag))?;
        Some(place as u8)
    }

    /// The place of the name with `hash`, which has no seed. Where there is none it is made, and another name may have
    /// to go. Two names with one hash have one place: what is said there is to be compared with the name.
    pub(super) fn place(&mut self, hash: u64) -> Found {
        let tag = (hash >> 32) as u32 | 1;
        let mut moved = self.places.is_empty();
        if moved {
            self.places = vec![Name::default(); FIRST_PLACES];
        }
        loop {
            for step in 0..REACH {
                let place = self.place_at(tag, step);
                let Some(name) = self.places.get_mut(place) else { continue };
                if name.tag == tag || name.tag == 0 {
                    name.tag = tag;
                    return Found { place: place as u8, moved };
                }
            }
            moved = true;
            if self.places.len() >= MAX_PLACES {
                break;
            }
            self.grow();
        }
        // In turn, so that names whose places overlap end up side by side.
        self.turn = self.turn.wrapping_add(1);
        let place = self.place_at(tag, usize::from(self.turn) % REACH);
        if let Some(name) = self.places.get_mut(place) {
            *name = Name { tag, ..Name::default() };
        }
        Found { place: place as u8, moved }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "a place in a table of our own")]
    fn place_at(&self, tag: u32, step: usize) -> usize {
        ((tag >> 1) as usize + step) & self.places.len().wrapping_sub(1)
    }

    /// Doubles the places until all names have one.
    #[expect(clippy::arithmetic_side_effects, reason = "at most twice the most places")]
    fn grow(&mut self) {
        let old = core::mem::take(&mut self.places);
        let mut len = old.len() * 2;
        loop {
            self.places = vec![Name::default(); len];
            if old.iter().filter(|name| name.tag != 0).all(|name| self.put(name)) {
                return;
            }
            if len >= MAX_PLACES {
                // Those that found no place are forgotten.
                return;
            }
            len *= 2;
        }
    }

    fn put(&mut self, name: &Name) -> bool {
        let free = (0..REACH).map(|step| self.place_at(name.tag, step));
        let free = free.into_iter().find(|&place| self.places.get(place).is_some_and(|name| name.tag == 0));
        match free.and_then(|place| self.places.get_mut(place)) {
            Some(place) => *place = name.clone(),
            None => return false,
        }
        true
    }

    /// Octets allocated.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        self.places.capacity() * size_of::<Name>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Invariant: a name keeps its place and what is known of it until `moved` says otherwise.
    #[test]
    fn names_keep_their_places() {
        let mut names = Names::new();
        let mut known: Vec<(u64, u8)> = Vec::new();
        for count in 1..=40u64 {
            let hash = count.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let found = names.place(hash);
            if let Some(name) = names.get_mut(found.place) {
                name.newest = Entry(count as u32);
            }
            if found.moved {
                known.clear();
            }
            known.push((hash, found.place));
            for (hash, place) in &known {
                let found = names.place(*hash);
                assert!(!found.moved && found.place == *place);
            }
        }
        assert!(names.heap_size() <= MAX_PLACES * 24, "{}", names.heap_size());
    }

    /// However many names come, and wherever they want to be, the memory stays.
    #[test]
    fn many_names_take_turns() {
        let mut names = Names::new();
        for count in 0..10_000u64 {
            let place = names.place(count << 50).place;
            assert!(usize::from(place) < MAX_PLACES);
            let again = names.place(count << 50);
            assert_eq!((again.place, again.moved), (place, false));
        }
        assert_eq!(names.places.len(), MAX_PLACES);
    }

    /// Names that cannot all be near their places in a table of twice the size get one of four times the size, and
    /// keep what is known of them.
    #[test]
    fn growing_forgets_no_name_that_finds_a_place() {
        // By where each wants to be; the fifth finds its place taken and goes round the end.
        let wanted = [12u64, 12 + 32, 12 + 64, 12 + 96, 15, 12 + 128];
        let hash = |wanted: u64| (2 * wanted + 1) << 32;
        let mut names = Names::new();
        for (count, &wanted) in (1..).zip(&wanted) {
            let found = names.place(hash(wanted));
            assert_eq!(
                (found.moved, names.places.len()),
                if count == 1 {
                    (true, 16)
                } else if count < 6 {
                    (false, 16)
                } else {
                    (true, 64)
                }
            );
            names.get_mut(found.place).unwrap().newest = Entry(count);
        }
        for (count, &wanted) in (1..).zip(&wanted) {
            let found = names.place(hash(wanted));
            let name = names.get(found.place).unwrap();
            assert_eq!((found.moved, name.newest, u64::from(name.tag())), (false, Entry(count), 2 * wanted + 1));
        }
        assert_eq!(names.heap_size(), 64 * size_of::<Name>());
    }

    #[test]
    fn a_name_that_never_repeats_is_asked_for_now_and_then() {
        let mut name = Name::default();
        let mut asked = Vec::new();
        for value in 0..40 {
            assert_eq!(name.keeps_new_values(), value < 3);
            if name.is_worth_asking() {
                asked.push(value);
            }
            name.miss();
        }
        assert_eq!(asked, (0..=16).chain([24, 32]).collect::<Vec<_>>());
        // One that comes back makes up for five that did not, and one that is there again for all.
        assert_eq!(name.misses, 16);
        let kept = [2, 3, 2].map(|entry| {
            name.hit(Entry(entry));
            (name.misses, name.keeps_new_values())
        });
        assert_eq!(kept, [(11, false), (6, false), (1, true)]);
        assert_eq!(name.last, [Entry(2), Entry(3)]);
        (0..9).for_each(|_| name.miss());
        name.hit(Entry(2));
        assert_eq!((name.misses, name.last), (0, [Entry(2), Entry(3)]));
    }
}
