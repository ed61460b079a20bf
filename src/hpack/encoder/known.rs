//! Blocks of a kind that is known.
//!
//! What goes out, and what is noted of names, is what it would be field by field.

use alloc::vec::Vec;

use super::names::{Names, Places};
use super::recent::Recent;
use super::string::{Prefix, string};
use super::used::{Indexed, Used, begin, is_noted, note, note_all, relate};
use super::{Encoder, Entry, index_of, literal, look_up};
use crate::hpack::block::{HEAD_LEN, Head, is_record_of, same, split_record, strip_name, strip_record};
use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::field::Field;
use crate::hpack::memo::{Fit, Memo, Part, Pattern, Segment};
use crate::hpack::{integer, static_table};

/// A list as patterns are compared with it.
pub(super) trait Source<'a> {
    /// Takes the fields of a run off, or as many of the first as are there.
    fn run(&mut self, part: &Part<'_>) -> usize;
    /// Takes the first field off, if it has the name of the literal.
    fn literal(&mut self, part: &Part<'_>) -> Option<Field<'a>>;
    /// The literal, if it is all that is left of the list. Where there is doubt, none is given.
    fn only(&self, part: &Part<'_>) -> Option<Field<'a>>;
    fn is_empty(&self) -> bool;
}

/// The records of a list that lies in one piece. A run is there as a whole or not at all.
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl Records<'_> {
    /// How a list starts.
    fn fit(&self, pattern: &Pattern<Used>) -> Fit {
        let Some(part) = pattern.rest().next() else { return Fit::None };
        match self.0.split_at_checked(part.records.len()) {
            Some((run, rest)) if same(part.records, run) => match part.segment.name {
                0 => Fit::Segment,
                _ if split_literal(part.literal, rest).is_some() => Fit::Segment,
                _ => Fit::Run,
            },
            _ => Fit::None,
        }
    }
}

impl<'a> Source<'a> for Records<'a> {
    #[inline(always)]
    fn run(&mut self, part: &Part<'_>) -> usize {
        match self.0.split_at_checked(part.records.len()) {
            Some((run, rest)) if same(part.records, run) => {
                self.0 = rest;
                usize::from(part.segment.count)
            }
            _ => 0,
        }
    }

    #[inline(always)]
    fn literal(&mut self, part: &Part<'_>) -> Option<Field<'a>> {
        let (field, rest) = split_literal(part.literal, self.0)?;
        self.0 = rest;
        Some(field)
    }

    #[inline(always)]
    fn only(&self, part: &Part<'_>) -> Option<Field<'a>> {
        let (field, rest) = split_literal(part.literal, self.0)?;
        if rest.is_empty() { Some(field) } else { None }
    }

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first of these records, if it is `known` up to its value, and what follows it.
#[inline(always)]
fn split_literal<'a>(known: &[u8], records: &'a [u8]) -> Option<(Field<'a>, &'a [u8])> {
    // All but the length of the value, which comes first.
    let (_, known_rest) = known.split_first_chunk::<VALUE_LEN>()?;
    let (start, rest) = records.split_at_checked(known.len())?;
    let (value_len, start) = start.split_first_chunk::<VALUE_LEN>()?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes(*value_len) as usize)?;
    let (head, name) = start.split_first_chunk::<{ HEAD_LEN - VALUE_LEN }>()?;
    let sensitive = u32::from_le_bytes(*head) & Head::SENSITIVE_IN_REST != 0;
    same(known_rest, start).then_some((Field { name, value, sensitive, class: 0 }, rest))
}

/// Octets of a head that are the length of the value.
const VALUE_LEN: usize = 4;

/// A list whose fields come one by one.
pub(super) struct Listed<'a, I> {
    fields: I,
    next: Option<Field<'a>>,
}

impl<'a, I: Iterator<Item = Field<'a>>> Listed<'a, I> {
    /// Goes past the first field. A class means nothing here, and is not copied for that.
    #[inline(always)]
    fn step(&mut self) {
        self.next =
            self.fields.next().map(|Field { name, value, sensitive, .. }| Field { name, value, sensitive, class: 0 });
    }

    /// The first field that is left, and the others.
    pub(super) fn split(self) -> Option<(Field<'a>, I)> {
        self.next.map(|first| (first, self.fields))
    }

    /// Takes fields off that have these records, of the run of a pattern.
    #[inline(always)]
    pub(super) fn strip(mut fields: I, at: usize, mut run: &[u8]) -> (Self, Taken) {
        let mut count = 0usize;
        // A class means nothing here, and is not copied for that.
        while let Some(Field { name, value, sensitive, .. }) = fields.next() {
            match strip_record(run, &Field::new(name, value)) {
                Some(rest) if !sensitive => (run, count) = (rest, count.wrapping_add(1)),
                _ => {
                    let next = Some(Field { name, value, sensitive, class: 0 });
                    return (Self { fields, next }, Taken { at, count, left: run.len() });
                }
            }
        }
        (Self { fields, next: None }, Taken { at, count, left: run.len() })
    }

    /// Finds a pattern, where so much was taken of the one that was guessed.
    pub(super) fn find(mut self, memo: &mut Memo<Used>, table: &DynamicTable, mut run: Taken) -> (Self, Option<Found>) {
        let guess = run.at;
        while (run.left > 0 || run.count == 0)
            && !memo.is_empty()
            && let Some(field) = self.next.filter(|field| !field.sensitive)
            && let Some(start) = memo.first_run(run.at).len().checked_sub(run.left)
            && let Some(other) = another(memo, table, (run.at, start), &field)
            && let Some(rest) = memo.first_run(other).get(start..).and_then(|rest| strip_record(rest, &field))
        {
            let more;
            (self, more) = Self::strip(self.fields, other, rest);
            run = Taken { count: run.count.wrapping_add(more.count).wrapping_add(1), ..more };
        }
        if run.count == 0 {
            return (self, None);
        }
        match run.at == guess {
            true => memo.was_right(guess),
            false => memo.was_wrong(run.at),
        }
        (self, Some(Found { at: run.at, taken: Some(run.count), strict: false }))
    }
}

/// What was taken of the first run of a pattern: so many fields. The records of the others have so many octets.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) at: usize,
    count: usize,
    left: usize,
}

/// A pattern that may be that of a list.
#[derive(Clone, Copy)]
pub(super) struct Found {
    pub(super) at: usize,
    /// The fields of its first run that were there, if they were taken off.
    taken: Option<usize>,
    /// The list has to have all of the first segment.
    strict: bool,
}

/// A pattern that starts with the same octets as another, and goes on with a field.
fn another(
    memo: &mut Memo<Used>,
    table: &DynamicTable,
    (at, start): (usize, usize),
    field: &Field<'_>,
) -> Option<usize> {
    (0..memo.len()).find(|&other| {
        if other == at || !memo.follow(other, table.inserted(), table.len()) {
            return false;
        }
        let (run, other) = (memo.first_run(at), memo.first_run(other));
        run.get(..start) == other.get(..start) && other.get(start..).is_some_and(|rest| is_record_of(rest, field))
    })
}

impl<'a, I: Iterator<Item = Field<'a>>> Source<'a> for Listed<'a, I> {
    #[inline(always)]
    fn run(&mut self, part: &Part<'_>) -> usize {
        let (mut records, mut count) = (part.records, 0usize);
        while let Some(field) = self.next.filter(|field| !field.sensitive)
            && let Some(rest) = strip_record(records, &field)
        {
            (records, count) = (rest, count.wrapping_add(1));
            self.step();
        }
        count
    }

    #[inline(always)]
    fn literal(&mut self, part: &Part<'_>) -> Option<Field<'a>> {
        let (head, name) = part.literal.split_first_chunk::<HEAD_LEN>()?;
        let next = self.next.filter(|next| same(next.name, name))?;
        if Head::unpack(u64::from_le_bytes(*head)).sensitive != next.sensitive {
            return None;
        }
        self.step();
        Some(next)
    }

    #[inline(always)]
    fn only(&self, part: &Part<'_>) -> Option<Field<'a>> {
        let (head, name) = part.literal.split_first_chunk::<HEAD_LEN>()?;
        let is_last = self.fields.size_hint() == (0, Some(0));
        let Field { name: text, value, sensitive, .. } = self.next?;
        let is_it = is_last && same(text, name) && Head::unpack(u64::from_le_bytes(*head)).sensitive == sensitive;
        if is_it { Some(Field { name: text, value, sensitive, class: 0 }) } else { None }
    }

    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.next.is_none()
    }
}

impl Taken {
    /// Whether it is the whole run.
    #[inline(always)]
    pub(super) fn is_all(self) -> bool {
        self.left == 0
    }
}

impl Encoder {
    /// Encodes what a list has of the pattern that it fits best; returns whether that is all of the list.
    #[inline(always)]
    pub(super) fn encode_best(&mut self, list: &mut Records<'_>, out: &mut Vec<u8>) -> bool {
        let at = self.memo.guess();
        if let Some(pattern) = self.memo.get(at)
            && pattern.len() == 1
            && pattern.is_at(self.table.inserted())
            && let known = pattern.first_run()
            && let Some((run, rest)) = list.0.split_at_checked(known.len())
            && known == run
            && self.encode_usual(at, &Records(rest), out)
        {
            return true;
        }
        self.encode_by_pattern(list, out)
    }

    /// As [`encode_best`](Self::encode_best), where there may be more to it.
    #[inline(never)]
    fn encode_by_pattern(&mut self, list: &mut Records<'_>, out: &mut Vec<u8>) -> bool {
        let records = list.0;
        let (mut at, mut strict) = (self.memo.guess(), true);
        loop {
            if self.memo.follow(at, self.table.inserted(), self.table.len())
                && let Some(whole) = self.encode_known(Found { at, taken: None, strict }, list, out)
            {
                if strict {
                    self.memo.was_right(at);
                }
                if !whole {
                    self.memo.was_partial(at);
                }
                return whole;
            }
            if !strict {
                return false;
            }
            *list = Records(records);
            let found = self.memo.find(self.table.inserted(), self.table.len(), |pattern| list.fit(pattern));
            let Some(found) = found else { return false };
            (at, strict) = (found, false);
        }
    }

    /// Encodes a list that is the run of a pattern, which was taken off, and its literal, or no more.
    #[inline(always)]
    pub(super) fn encode_usual<'a>(&mut self, at: usize, list: &impl Source<'a>, out: &mut Vec<u8>) -> bool {
        let Self { memo, names, table, noted, noted_at, .. } = self;
        let Some(pattern) = memo.get(at) else { return false };
        let Some(part) = pattern.only() else { return false };
        if list.is_empty() {
            if part.segment.name != 0
                || !is_noted(pattern, names, *noted) && !note_all(at, pattern, names, (noted, noted_at))
            {
                return false;
            }
            append(part.octets, out);
        } else {
            // What is to be noted is noted elsewhere: here it would be in the way.
            if part.segment.name == 0 || !is_noted(pattern, names, *noted) {
                return false;
            }
            let Some(field) = list.only(&part) else { return false };
            append(part.octets, out);
            let place = part.segment.place;
            if !encode_new(names, table, &part, &field, out) {
                // In memory no sooner than here.
                self.encode_changed(place, &{ field }, out);
            }
        }
        self.memo.was_right(at);
        true
    }

    /// Encodes what a pattern has of a list; returns whether that is all of the list, and `None` where nothing is.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "segments of a pattern")]
    pub(super) fn encode_known<'a>(
        &mut self,
        Found { at, mut taken, strict }: Found,
        source: &mut impl Source<'a>,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        let (mut notes, mut done, mut all_noted) = (None, 0, true);
        let whole = 'whole: loop {
            let Self { memo, names, table, noted, noted_at, at: last, .. } = &mut *self;
            let pattern = memo.get(at)?;
            let (mut parts, mut before) = (pattern.rest(), 0);
            if done > 0 {
                before = parts.by_ref().take(done).map(|part| usize::from(part.segment.count)).sum();
            }
            let (place, field) = loop {
                let Some(part) = parts.next() else { break 'whole source.is_empty() };
                let &Segment { count, name, place, .. } = part.segment;
                let there = taken.take().unwrap_or_else(|| source.run(&part));
                let is_run = there == usize::from(count);
                let value = if is_run { source.literal(&part) } else { None };
                let notes = match notes {
                    Some(notes) => notes,
                    None if there == 0 || strict && !(is_run && value.is_some() == (name != 0)) => return None,
                    None => *notes.insert(begin(at, pattern, names, (noted, noted_at))),
                };
                let run = || pattern.extra.fields.get(before..before + there).unwrap_or_default();
                match if is_run { note(names, run(), notes.unbounded_shr(before as u32)) } else { Some(0) } {
                    None => append(part.octets, out),
                    Some(noted) => one_by_one(names, table, run(), noted, out),
                }
                let Some(field) = value else {
                    if let Some(field) = run().last() {
                        *last = u32::from(field.place);
                    }
                    break 'whole is_run && name == 0 && source.is_empty();
                };
                (*last, done, before) = (u32::from(place), done + 1, before + there);
                let ends = source.is_empty();
                if !encode_new(names, table, &part, &field, out) {
                    break (place, field);
                }
                if ends {
                    all_noted = parts.is_empty();
                    break 'whole true;
                }
            };
            let inserted = self.table.inserted();
            self.encode_changed(place, &field, out);
            if self.table.inserted() != inserted {
                all_noted = false;
                break source.is_empty();
            }
        };
        if !(whole && all_noted)
            && let Some(pattern) = self.memo.get(at)
        {
            // Not all of it was noted.
            self.names.changed = self.names.changed.and(pattern.extra.places);
        }
        Some(whole)
    }
}

/// Encodes a literal, unless its value is one to be looked for.
#[inline(always)]
fn encode_new(names: &mut Names, table: &DynamicTable, part: &Part<'_>, field: &Field<'_>, out: &mut Vec<u8>) -> bool {
    let Some(name) = names.change(part.segment.place) else { return false };
    if name.is_worth_asking() || field.sensitive {
        return false;
    }
    // A value that the name had last is an index.
    if let Some((record, index)) = look_up(table, name.last[0])
        && let Some(known) = value_of(record, part.literal.len())
        && same(known, field.value)
    {
        name.hit_again();
        integer::encode(index, 7, 0x80, out);
        return true;
    }
    name.miss();
    // RFC 7541 §6.2.2.
    match part.segment.prefix() {
        Some(prefix) => string(Prefix::known(prefix), field.value, out),
        None => literal::<4, 0>(index_of(table, name.any()), field, out),
    }
    true
}

/// Appends octets; those of trailers take no call of a copy.
#[inline(always)]
fn append(octets: &[u8], out: &mut Vec<u8>) {
    match octets {
        [octet] => out.push(*octet),
        octets => out.extend_from_slice(octets),
    }
}

/// The value of a record whose head and name have so many octets.
#[inline(always)]
fn value_of(record: &[u8], before: usize) -> Option<&[u8]> {
    let head = Head::unpack(u64::from_le_bytes(*record.first_chunk()?));
    record.get(before..)?.get(..head.value_len)
}

/// Encodes a run of which not all fields are there, or are indices this time. The first ones may have been noted.
#[inline(never)]
fn one_by_one(names: &mut Names, table: &DynamicTable, run: &[Indexed], noted: usize, out: &mut Vec<u8>) {
    for (at, Indexed { place, entry }) in run.iter().enumerate() {
        let Some((record, index)) = look_up(table, *entry) else { continue };
        if at < noted || names.note(*place, *entry) {
            integer::encode(index, 7, 0x80, out);
        } else if let Some((field, _)) = split_record(record)
            && let Some(name) = names.change(*place)
        {
            name.miss();
            literal::<4, 0>(index_of(table, name.any()), &field, out);
        }
    }
}

impl Encoder {
    /// Learns the kind of a list, of which these octets were just made.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, mut records: &[u8], mut octets: &[u8]) {
        let (at, mut pattern) = self.begin_learning();
        while let Some((field, rest)) = split_record(records)
            && self.learn_field(&mut pattern, field, &mut octets)
        {
            records = rest;
        }
        self.end_learning(at, pattern, true);
    }

    /// Encodes a list whose fields come one by one, and learns its kind.
    #[cold]
    pub(super) fn encode_and_learn<'a>(&mut self, fields: impl Iterator<Item = Field<'a>>, out: &mut Vec<u8>) {
        self.begin_block(out);
        let (inserted, (at, mut pattern)) = (self.table.inserted(), self.begin_learning());
        let mut goes_on = true;
        for field in fields {
            let start = out.len();
            self.encode_field(field, out);
            let mut octets = out.get(start..).unwrap_or_default();
            goes_on = goes_on && self.learn_field(&mut pattern, Field { class: 0, ..field }, &mut octets);
        }
        self.end_learning(at, pattern, self.table.inserted() == inserted);
    }

    fn begin_learning(&mut self) -> (usize, Pattern<Used>) {
        let (at, mut pattern) = self.memo.begin(self.table.inserted());
        pattern.extra.fields.clear();
        pattern.extra.places = Places::NONE;
        (at, pattern)
    }

    fn end_learning(&mut self, at: usize, pattern: Pattern<Used>, is_still_so: bool) {
        let is_worth_it = is_still_so && !pattern.first_run().is_empty() && self.has_places_of(&pattern);
        self.memo.end(at, pattern, is_worth_it, self.table.len());
        relate(&mut self.memo, at);
    }

    /// Whether each name of a pattern is the one that its place is about: two names of one hash take turns there.
    fn has_places_of(&self, pattern: &Pattern<Used>) -> bool {
        let Self { names, table, .. } = self;
        let is_at = |place: u8, name: &[u8]| {
            let known = names.get(place).and_then(|name| look_up(table, name.any()));
            known.is_some_and(|(known, _)| strip_name(known, name).is_some())
        };
        pattern.extra.fields.iter().all(|Indexed { place, entry }| {
            let field = look_up(table, *entry).and_then(|(record, _)| split_record(record));
            field.is_some_and(|(field, _)| is_at(*place, field.name))
        }) && pattern.rest().filter(|part| part.segment.name != 0).all(|part| {
            let name = part.literal.get(HEAD_LEN..);
            name.is_some_and(|name| is_at(part.segment.place, name))
        })
    }

    /// Learns the next field of a list, the octets of which are taken off; returns whether it is a part of the pattern.
    fn learn_field(&self, pattern: &mut Pattern<Used>, field: Field<'_>, octets: &mut &[u8]) -> bool {
        let Self { names, table, .. } = self;
        let (Some(&first), Some(place)) = (octets.first(), names.find(Recent::name(field.name))) else { return false };
        match first {
            // RFC 7541 §6.1.
            0x80.. => {
                let index = integer::decode(octets, 7).unwrap_or(0) as usize;
                let entry = match index.checked_sub(static_table::LEN + 1) {
                    None => Entry::fixed(index),
                    Some(newer) => Entry::made(table.inserted() - newer as u64),
                };
                let fits = pattern.push(index, field);
                if fits {
                    pattern.extra.fields.push(Indexed { place, entry });
                    pattern.extra.places = pattern.extra.places.with(place);
                }
                fits
            }
            // RFC 7541 §6.2.2, §6.2.3.
            ..0x20 => {
                let index = integer::decode(octets, 4).unwrap_or(0) as usize;
                let len = integer::decode(octets, 7).unwrap_or(0) as usize;
                *octets = octets.get(len..).unwrap_or_default();
                let head = Head { value_len: 0, ..Head::of(Field { class: 0, ..field }) };
                pattern.push_literal(index, place, head, field.name)
            }
            // What enters the table changes it.
            _ => false,
        }
    }
}
