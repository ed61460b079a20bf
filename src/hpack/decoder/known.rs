//! Blocks of a kind that is known.

use super::{BlockLimits, Decoder, Known, entry, list_size};
use crate::hpack::block::{FieldBlock, Fields, HEAD_LEN, Head, Mark, same, split_record};
use crate::hpack::dynamic_table::DynamicTable;
use crate::hpack::field::{Classifier, Field};
use crate::hpack::memo::{Fit, Part, Pattern};
use crate::hpack::{huffman, integer};

/// Literals of a block that are told of.
const MOST_LITERALS: usize = 4;

/// Which fields a list has, and in which order, but for the values of its literals and for what comes behind. Made of the
/// pattern's number, how many of its segments were there, and whether the next run was; 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape(u64);

impl Shape {
    pub(super) const NONE: Self = Self(0);
    const RUN: u64 = 1 << 31;

    fn segments(self) -> usize {
        (self.0 as u32 & !(Self::RUN as u32)) as usize
    }
}

/// What was known of a list before it was read.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) shape: Shape,
    /// The classes of its literals, all bits together.
    classes: u8,
    /// Where the records of its literals begin.
    literals: [u32; MOST_LITERALS],
    /// Where the fields behind begin, and how many came before.
    len: u32,
    count: u32,
}

impl Start {
    pub(super) const NONE: Self =
        Self { shape: Shape::NONE, classes: 0, literals: [0; MOST_LITERALS], len: 0, count: 0 };

    /// The fields of a list that come behind this start of it.
    #[inline]
    pub(crate) fn rest<'b>(&self, block: &'b FieldBlock) -> Fields<'b> {
        // Mostly that was all.
        if self.count as usize == block.len() {
            return Fields::EMPTY;
        }
        let mut fields = block.fields();
        fields.skip_records(self.count as usize, self.len as usize);
        fields
    }

    /// Whether all literals in it are of class 0.
    #[inline]
    pub(crate) fn has_no_class(&self) -> bool {
        self.classes == 0
    }

    /// The literals in it, in their order.
    pub(crate) fn literals<'b>(&self, block: &'b FieldBlock) -> impl Iterator<Item = Field<'b>> {
        self.literals.into_iter().take(self.shape.segments()).filter_map(|at| literal_at(block, at))
    }

    /// One of them.
    pub(crate) fn literal<'b>(&self, number: usize, block: &'b FieldBlock) -> Option<Field<'b>> {
        literal_at(block, *self.literals.get(number)?)
    }
}

fn literal_at(block: &FieldBlock, at: u32) -> Option<Field<'_>> {
    split_record(block.records().get(at as usize..)?).map(|(field, _)| field)
}

/// A literal that stays out of the table, up to its string.
#[derive(Clone, Copy)]
struct Literal<'i> {
    /// The index of its name.
    index: u8,
    sensitive: bool,
    string: &'i [u8],
}

impl<'i> Literal<'i> {
    /// The one at the start of `input`; `None` for any other representation, and where the index is of unusual form.
    #[inline(always)]
    fn parse(input: &'i [u8]) -> Option<Self> {
        let (&first, rest) = input.split_first()?;
        let sensitive = first & 0x10 != 0;
        match first & 0x0f {
            _ if first >= 0x20 => None,
            // RFC 7541 §5.1.
            0x0f => match rest {
                [more @ ..0x80, string @ ..] => Some(Self { index: more.saturating_add(0x0f), sensitive, string }),
                [more @ 0x80..0xf0, 1, string @ ..] => {
                    Some(Self { index: more.saturating_add(0x0f), sensitive, string })
                }
                _ => None,
            },
            index => Some(Self { index, sensitive, string: rest }),
        }
    }
}

impl Decoder {
    /// Decodes a block as far as the pattern goes that it fits best, and tells what is left; returns whether that is
    /// nothing.
    #[inline(always)]
    pub(super) fn decode_best(&mut self, known: &mut Known<'_>, limits: &BlockLimits, block: &mut FieldBlock) -> bool {
        let input = known.rest;
        let (mut at, mut strict) = (self.memo.guess(), true);
        loop {
            if self.memo.follow(at, self.table.inserted(), self.table.len())
                && self.decode_known(at, strict, known, limits, block)
            {
                if strict {
                    self.memo.was_right(at);
                }
                if !known.rest.is_empty() {
                    self.memo.was_partial(at);
                }
                return known.rest.is_empty();
            }
            if !strict {
                return false;
            }
            let fit = |pattern: &Pattern<()>| {
                let Some(part) = pattern.rest().next() else { return Fit::None };
                match input.split_at_checked(part.octets.len()) {
                    Some((run, rest)) if same(part.octets, run) => match part.segment.name {
                        0 => Fit::Segment,
                        _ if part.segment.strip_prefix(rest).is_some() => Fit::Segment,
                        _ => Fit::Run,
                    },
                    _ => Fit::None,
                }
            };
            let Some(found) = self.memo.find(self.table.inserted(), self.table.len(), fit) else { return false };
            (at, strict) = (found, false);
        }
    }

    /// Decodes a block as far as a pattern goes, and tells what is left. False, with nothing done, where the block does not
    /// start so, with all of the first segment if `strict`.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    fn decode_known(
        &mut self,
        at: usize,
        strict: bool,
        known: &mut Known<'_>,
        limits: &BlockLimits,
        block: &mut FieldBlock,
    ) -> bool {
        let Self { memo, start, table, classifier, .. } = self;
        let Some(pattern) = memo.get(at) else { return false };
        let mut renamed = None;
        let (mut segment, mut run_alone, mut classes) = (0, 0, 0);
        for part in pattern.rest() {
            let Some((run, input)) = known.rest.split_at_checked(part.octets.len()) else { break };
            let fields = usize::from(part.segment.count);
            let (count, size) = (known.count + fields as u64, known.size + list_size(part.records.len(), fields));
            if !same(part.octets, run) || !limits.are_easy(count, size) {
                break;
            }
            let prefixed = if part.segment.name == 0 { None } else { part.segment.strip_prefix(input) };
            let literal = match prefixed {
                Some(string) => Some(string),
                None if part.segment.name == 0 => None,
                None => {
                    let other = Literal::parse(input).filter(|literal| has_name(table, *classifier, *literal, &part));
                    if strict && segment == 0 && other.is_none() {
                        return false;
                    }
                    renamed = renamed.or(other.map(|literal| (segment, literal.index)));
                    other.map(|literal| literal.string)
                }
            };
            let records = if literal.is_some() { part.both } else { part.records };
            let mark = match known.start {
                Mark::START if segment == 0 => {
                    block.restart_in_field(pattern.number, records, fields, part.records.len())
                }
                start => {
                    if segment == 0 {
                        block.rewind(start);
                    }
                    block.push_start(records, fields, part.records.len())
                }
            };
            (known.rest, known.size, known.count) = (input, size, count);
            run_alone = Shape::RUN;
            let Some(literal) = literal else { break };
            let decoded = decode_literal(*classifier, mark, &part, literal, block);
            let Some((rest, len, class)) =
                decoded.filter(|(_, len, _)| limits.are_easy(count + 1, size + list_size(*len, 1)))
            else {
                block.rewind(mark);
                break;
            };
            (known.rest, known.size, known.count) = (rest, size + list_size(len, 1), count + 1);
            if let Some(place) = start.literals.get_mut(segment) {
                *place = mark.byte_len() as u32;
            }
            classes |= class;
            (segment, run_alone) = (segment + 1, 0);
            if rest.is_empty() {
                break;
            }
        }
        if known.count == 0 {
            return false;
        }
        start.shape = Shape(u64::from(pattern.number) << 32 | run_alone | segment as u64);
        (start.classes, start.len, start.count) = (classes, block.byte_len() as u32, known.count as u32);
        if let Some((segment, index)) = renamed {
            self.memo.get_mut(at).into_iter().for_each(|pattern| pattern.rename(segment, index));
        }
        true
    }

    /// Learns the kind of a block that was decoded.
    #[cold]
    #[inline(never)]
    pub(super) fn learn(&mut self, mut input: &[u8]) {
        let Self { memo, table, classifier, .. } = self;
        let (at, mut pattern) = memo.begin(table.inserted());
        while let Some(&first) = input.first() {
            let fits = match first {
                // RFC 7541 §6.1.
                0x80.. => {
                    let index = integer::decode(&mut input, 7).unwrap_or(0) as usize;
                    match entry(table, *classifier, index) {
                        Some((field, class)) => pattern.push(index, Field { class, ..field }),
                        None => false,
                    }
                }
                // RFC 7541 §6.2.2, §6.2.3.
                ..0x20 => {
                    let mut string = |bits| integer::decode(&mut input, bits).unwrap_or(0) as usize;
                    let (index, len) = (string(4), string(7));
                    input = input.get(len..).unwrap_or_default();
                    match entry(table, *classifier, index) {
                        Some((Field { name, .. }, class)) => {
                            let sensitive = first & 0x10 != 0;
                            let head = Head { name_len: name.len(), value_len: 0, sensitive, class };
                            pattern.push_literal(index, 0, head, name)
                        }
                        None => false,
                    }
                }
                _ => false,
            };
            if !fits {
                break;
            }
        }
        let is_worth_it = !pattern.first_run().is_empty();
        memo.end(at, pattern, is_worth_it, table.len());
    }
}

/// Takes the short string of a literal whose record begins at `mark`, all but its value being there; returns what
/// follows, the length of the record, and its class. `None` with any doubt.
#[inline(always)]
fn decode_literal<'i>(
    classifier: Classifier,
    mark: Mark,
    part: &Part<'_>,
    string: &'i [u8],
    block: &mut FieldBlock,
) -> Option<(&'i [u8], usize, u8)> {
    let Head { name_len, sensitive, class, .. } = part.head()?;
    let (&first, string) = string.split_first()?;
    // RFC 7541 §5.2, with a length of one octet.
    let (string, rest) = string.split_at_checked(usize::from(first & 0x7f)).filter(|_| first & 0x7f < 0x7f)?;
    match first & 0x80 {
        0 => block.buffer().extend_from_slice(string),
        _ => huffman::decode(string, block.buffer()).ok()?,
    }
    let (name, value) = block.unfinished(mark).split_at_checked(name_len)?;
    let class = (classifier.classify_again)(class, name, value);
    let head = Head { name_len, value_len: value.len(), sensitive, class };
    let len = block.finish_record(mark, head)?.len();
    Some((rest, len, class))
}

/// Whether a literal has the name that is known in this place, by another index: the peer takes the newest entry.
#[cold]
fn has_name(table: &DynamicTable, classifier: Classifier, literal: Literal<'_>, part: &Part<'_>) -> bool {
    let found = entry(table, classifier, usize::from(literal.index));
    let is_alike = part.head().is_some_and(|head| head.sensitive == literal.sensitive);
    is_alike && found.is_some_and(|(found, _)| part.literal.get(HEAD_LEN..) == Some(found.name))
}
