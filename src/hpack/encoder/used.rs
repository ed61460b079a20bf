//! What a block of a known kind says of names.
//!
//! Each field that goes out as an index is noted: its name has that entry again. Where names are still as the last block left
//! them, nothing is to be noted, and behind a block of another kind only what that one left otherwise.

use alloc::vec::Vec;

use super::Entry;
use super::names::{Names, Places};
use crate::hpack::memo::{MOST_FIELDS, MOST_PATTERNS, Memo, Part, Pattern};

/// What the encoder keeps beside a pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Used {
    /// The fields of all runs.
    pub(super) fields: Vec<Indexed>,
    /// The places of the names of fields.
    pub(super) places: Places,
    /// For the pattern at each place.
    behind: [Behind; MOST_PATTERNS],
}

/// What is to be noted of a pattern where another one was noted last.
#[derive(Clone, Copy, Debug)]
struct Behind {
    /// The other pattern.
    number: u32,
    /// The fields that it does not leave as this one does.
    fields: Set,
    /// The places of the names of all others.
    places: Places,
}

impl Default for Behind {
    fn default() -> Self {
        Self { number: 0, fields: ALL, places: Places::NONE }
    }
}

/// A set of fields of a pattern, a bit for each.
pub(super) type Set = u32;

pub(super) const NONE: Set = 0;
const ALL: Set = Set::MAX;
const _: () = assert!(MOST_FIELDS <= Set::BITS as usize);

/// A field that goes out as an index: the place of its name, and the entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Indexed {
    pub(super) place: u8,
    pub(super) entry: Entry,
}

impl Behind {
    /// Of a pattern where `before` was noted.
    fn new(before: &Pattern<Used>, pattern: &Pattern<Used>) -> Self {
        let mut behind = Self { number: before.number, fields: NONE, places: Places::NONE };
        let fields = &pattern.extra.fields;
        for (at, &Indexed { place, entry }) in (0..).zip(fields) {
            let left = before.extra.fields.iter().rev().find(|left| left.place == place);
            let is_alone = fields.iter().filter(|other| other.place == place).count() == 1
                && !pattern.rest().any(|part| is_literal(&part, place));
            if is_alone && left.is_some_and(|left| left.entry == entry) {
                behind.places = behind.places.with(place);
            } else {
                behind.fields |= 1 << at;
            }
        }
        behind
    }
}

impl Used {
    /// Octets allocated.
    pub(super) fn heap_size(&self) -> usize {
        self.fields.capacity() * size_of::<Indexed>()
    }
}

/// Whether a pattern speaks of the name at a place.
pub(super) fn uses(pattern: &Pattern<Used>, place: u8) -> bool {
    pattern.extra.places.meets(Places::NONE.with(place)) || pattern.rest().any(|part| is_literal(&part, place))
}

/// Whether a part has a literal of the name at a place.
fn is_literal(part: &Part<'_>, place: u8) -> bool {
    part.segment.name != 0 && part.segment.place == place
}

/// Tells a new pattern, and all others, what is to be noted of the one behind the other.
pub(super) fn relate(memo: &mut Memo<Used>, new: usize) {
    for (before, at) in (0..memo.len()).flat_map(|other| [(new, other), (other, new)]) {
        let (Some(known), Some(pattern)) = (memo.get(before), memo.get(at)) else { continue };
        let behind = Behind::new(known, pattern);
        let place = memo.get_mut(at).and_then(|pattern| pattern.extra.behind.get_mut(before));
        place.into_iter().for_each(|place| *place = behind);
    }
}

/// Whether names are as a block of a pattern leaves them, but for its literals.
#[inline(always)]
pub(super) fn is_noted(pattern: &Pattern<Used>, names: &Names, noted: u32) -> bool {
    noted == pattern.number && !names.changed.meets(pattern.extra.places)
}

/// The fields of a pattern that have to be noted: those whose names may have been used otherwise since they were. To say again
/// that a name has an entry changes nothing once there is nothing left to make up for.
#[inline(always)]
pub(super) fn begin(
    at: usize,
    pattern: &Pattern<Used>,
    names: &mut Names,
    (noted, noted_at): (&mut u32, &mut u8),
) -> Set {
    let Used { places, behind, .. } = &pattern.extra;
    let (mut which, mut same) = (NONE, *places);
    if *noted != pattern.number {
        let behind = behind.get(usize::from(*noted_at)).filter(|behind| behind.number == *noted);
        (which, same) = behind.map_or((ALL, *places), |behind| (behind.fields, behind.places));
        (*noted, *noted_at) = (pattern.number, at as u8);
    }
    if names.changed.meets(same) {
        which = ALL;
    }
    names.changed = names.changed.without(*places);
    which
}

/// Notes the fields of a pattern. False, with none of them noted, if that has to be done one by one.
#[inline(never)]
pub(super) fn note_all(at: usize, pattern: &Pattern<Used>, names: &mut Names, noted: (&mut u32, &mut u8)) -> bool {
    let (which, fields) = (begin(at, pattern, names, noted), &pattern.extra.fields);
    // Twice is not the same as once.
    let are_asked = || fields.iter().all(|field| names.asks(field.place, field.entry));
    let is_done = which == NONE || are_asked() && note(names, fields, which).is_none();
    if !is_done {
        names.changed = names.changed.and(pattern.extra.places);
    }
    is_done
}

/// Notes that names had these entries, those of some fields. The number of the first that would not be asked for, if there
/// is one: then something is noted again, and of those from there on nothing was.
#[inline(always)]
#[expect(clippy::arithmetic_side_effects, reason = "a bit that is there")]
pub(super) fn note(names: &mut Names, run: &[Indexed], mut which: Set) -> Option<usize> {
    while let Some(Indexed { place, entry }) = run.get(which.trailing_zeros() as usize) {
        if !names.note(*place, *entry) {
            return Some(which.trailing_zeros() as usize);
        }
        which &= which - 1;
    }
    None
}
