//! Header blocks out (RFC 7541 §3, §6).
//!
//! What is indexed (P-038): a field goes into the table at first sight, until three values of its name in a row were in
//! no table; from then on at its second sight, while an entry made at the first would still be there. So values that never
//! repeat stay out, and those that come back too late. After many more such values only each eighth is looked for at all.
//! A value that comes back makes up for five that did not, and one that is there again for all. A name that no table has
//! goes in with whatever value it has, or it would be spelled out for ever.
#![expect(clippy::arithmetic_side_effects, reason = "lengths and places of our own fields, in memory")]

mod hash;
mod index;
mod known;
mod names;
mod recent;
mod string;
mod used;

use alloc::vec::Vec;

use super::block::{FieldBlock, Head, has_lengths, has_value, is_record_of, same, strip_known, strip_name};
use super::dynamic_table::DynamicTable;
use super::field::Field;
use super::memo::Memo;
use super::{integer, static_table};
use hash::Hasher;
use index::Index;
use known::{Listed, Records, Taken};
use names::{Name, Names};
use recent::Recent;
use string::{Prefix, string};
use used::{Used, uses};

/// The table size before the peer says otherwise (RFC 9113 §6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// Insertions after which all that is known of names is forgotten, so that the number of an entry never comes to mean a
/// newer one.
const LONG_AGO: u64 = 1 << 30;

/// The encoding context of one direction of a connection (RFC 7541 §2.2).
///
/// Memory: the table takes at most twice its size limit, finding its entries about half a KiB for each KiB of it, and
/// the memory of recent values 512 octets, that of names 1.5 KiB, the usual kinds of blocks 4.5 KiB; nothing before
/// the first block. The seed protects the hash table against aimed collisions and never changes the output.
///
/// ```
/// use grpc_sansio::hpack::{Encoder, Field};
///
/// let mut encoder = Encoder::new(4096, 0x5eed);
/// let request = [Field::new(b":method", b"POST"), Field::new(b":path", b"/pkg.Service/Method")];
/// let mut sizes = Vec::new();
/// for _ in 0..3 {
///     let mut out = Vec::new();
///     encoder.encode(request, &mut out);
///     sizes.push(out.len());
/// }
/// // A literal that enters the table, then its index.
/// assert_eq!(sizes, [17, 2, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    table: DynamicTable,
    index: Index,
    hasher: Hasher,
    recent: Recent,
    names: Names,
    /// The place of the last field's name, [`NOWHERE`] before the first field of a block.
    at: u32,
    /// The places of the names that may come next, the likelier one first, and of those that a block may start with. No
    /// more than a guess: who is there is looked at.
    expected: [u8; 2],
    first: [u8; 2],
    memo: Memo<Used>,
    /// The number of the last pattern whose use of names was noted, and its place.
    noted: u32,
    noted_at: u8,
    own_limit: u32,
    resize: Option<Resize>,
}

/// The fields of a list that goes field by field at once: to look for its kind would cost as much.
const FEW: usize = 2;

/// No place of a name.
const NOWHERE: u8 = u8::MAX;

/// An entry of either table, or none: 0, the static table's by wire index, then those of the dynamic table in the order
/// in which they came in, modulo 2^31, whether they are still there or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Entry(u32);

impl Entry {
    const NONE: Self = Self(0);
    /// Of the dynamic table.
    const MADE: u32 = 1 << 31;

    /// Of the static table, by wire index; 0 is none.
    const fn fixed(index: usize) -> Self {
        Self(index as u32)
    }

    /// Of the dynamic table: the one that was the `serial`th to come in.
    const fn made(serial: u64) -> Self {
        Self(serial as u32 | Self::MADE)
    }
}

/// Changes of the table's size that the peer has not been told.
#[derive(Clone, Copy, Debug)]
struct Resize {
    smallest: u32,
    last: u32,
}

impl Encoder {
    /// An encoder with an empty table, whose memory is not allocated yet.
    ///
    /// `max_table_size` is what it may use at most, in octets, whatever the peer allows. It starts from the 4,096 that
    /// every peer allows; a lower limit of its own is signalled in the first block.
    pub fn new(max_table_size: u32, seed: u64) -> Self {
        let mut encoder = Self {
            table: DynamicTable::new(INITIAL_TABLE_SIZE as usize),
            index: Index::default(),
            hasher: Hasher::new(seed),
            recent: Recent::new(),
            names: Names::new(),
            at: NOWHERE as u32,
            expected: [0, 1],
            first: [0, 1],
            memo: Memo::new(),
            noted: 0,
            noted_at: 0,
            own_limit: max_table_size,
            resize: None,
        };
        encoder.set_peer_max_table_size(INITIAL_TABLE_SIZE);
        encoder
    }

    /// Takes the peer's SETTINGS_HEADER_TABLE_SIZE, in octets. Call it when the setting is acknowledged.
    ///
    /// The next block tells what became of it: of any number of changes the smallest, then the last
    /// (RFC 7541 §4.2; P-016).
    pub fn set_peer_max_table_size(&mut self, size: u32) {
        let last = size.min(self.own_limit);
        let smallest = self.resize.map_or(last, |resize| resize.smallest.min(last));
        self.resize = Some(Resize { smallest, last });
    }

    /// Starts a header block: writes the size updates that are due. The block's fields follow through
    /// [`encode_field`](Self::encode_field).
    pub fn begin_block(&mut self, out: &mut Vec<u8>) {
        (self.at, self.expected) = (NOWHERE as u32, self.first);
        if let Some(resize) = self.resize {
            self.tell_sizes(resize, out);
        }
    }

    #[cold]
    fn tell_sizes(&mut self, Resize { smallest, last }: Resize, out: &mut Vec<u8>) {
        self.resize = None;
        if smallest < last && (smallest as usize) < self.table.max_size() {
            self.resize_to(smallest, out);
        }
        if last as usize != self.table.max_size() {
            self.resize_to(last, out);
        }
    }

    /// Adds a field to the block begun last.
    #[inline]
    pub fn encode_field(&mut self, field: Field<'_>, out: &mut Vec<u8>) {
        self.encode_next(field, out);
    }

    /// As [`encode_field`](Self::encode_field), for the loops.
    #[inline(always)]
    fn encode_next(&mut self, field: Field<'_>, out: &mut Vec<u8>) {
        // Names mostly come in the same order, with the values that they had last.
        let place = usize::from(self.expected[0]);
        let Field { name: text, value, sensitive, .. } = field;
        // Only a field that is not such a one has to lie in memory.
        let field = || Field { name: text, value, sensitive, class: 0 };
        if sensitive {
            return self.encode_unexpected(&field(), out);
        }
        if let Some(name) = self.names.known(place)
            && let Some((head, rest, index)) = split(&self.table, name.last[0])
            && let Some(known) = strip_known(head, rest, text)
        {
            (self.at, self.expected) = (place as u32, name.next);
            if same(known, value) {
                name.hit_again();
                // RFC 7541 §6.1.
                integer::encode(index, 7, 0x80, out);
                return;
            }
            return self.encode_changed(place as u8, &field(), out);
        }
        self.encode_unexpected(&field(), out);
    }

    /// As [`encode_field`](Self::encode_field), out of line.
    #[inline(never)]
    fn encode_one(&mut self, field: Field<'_>, out: &mut Vec<u8>) {
        self.encode_next(field, out);
    }

    /// Writes one whole header block.
    pub fn encode<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>, out: &mut Vec<u8>) {
        let fields = fields.into_iter();
        match fields.size_hint() {
            (_, Some(..=FEW)) => {
                self.begin_block(out);
                self.encode_rest(fields, out);
            }
            _ if self.memo.is_idle() => {
                self.begin_block(out);
                let inserted = self.table.inserted();
                self.encode_rest(fields, out);
                self.memo.misses(self.table.inserted() != inserted);
            }
            _ => self.encode_many(fields, out),
        }
    }

    /// Encodes a list that may be of a kind.
    #[inline(never)]
    fn encode_many<'a>(&mut self, fields: impl Iterator<Item = Field<'a>>, out: &mut Vec<u8>) {
        if self.memo.is_due() {
            return self.encode_and_learn(fields, out);
        }
        self.begin_block(out);
        let guess = self.memo.guess();
        let start = self.memo.start(guess, self.table.inserted(), self.table.len());
        let (list, run) = Listed::strip(fields, guess, start);
        if !(run.is_all() && self.encode_usual(guess, &list, out)) {
            self.encode_listed(list, run, out);
        }
    }

    /// Encodes what follows the fields that were taken of a run.
    #[inline(never)]
    fn encode_listed<'a>(&mut self, list: Listed<'a, impl Iterator<Item = Field<'a>>>, run: Taken, out: &mut Vec<u8>) {
        let inserted = self.table.inserted();
        let (mut list, found) = list.find(&mut self.memo, &self.table, run);
        let whole = found.and_then(|found| self.encode_known(found, &mut list, out));
        if whole != Some(true) {
            found.into_iter().for_each(|found| self.memo.was_partial(found.at));
            self.expect_next();
            if let Some((first, rest)) = list.split() {
                self.encode_one(first, out);
                self.encode_rest(rest, out);
            }
            self.memo.misses(self.table.inserted() != inserted);
        }
    }

    /// Encodes field by field what is left of a list.
    #[inline(never)]
    fn encode_rest<'a>(&mut self, rest: impl Iterator<Item = Field<'a>>, out: &mut Vec<u8>) {
        rest.for_each(|field| self.encode_next(field, out));
    }

    /// Expects what came behind the last field, where that was of a known kind.
    fn expect_next(&mut self) {
        self.expected = self.names.get(self.at as u8).map_or(self.first, |name| name.next);
    }

    /// As [`encode`](Self::encode), the same octets, for a block in one piece; cheaper where blocks mostly are alike.
    pub fn encode_block(&mut self, block: &FieldBlock, out: &mut Vec<u8>) {
        self.begin_block(out);
        let (inserted, start) = (self.table.inserted(), out.len());
        let mut fields = Records(block.records());
        if !self.memo.is_empty() && self.encode_best(&mut fields, out) {
            return;
        }
        let mut rest = block.fields();
        rest.skip_records(0, block.byte_len() - fields.0.len());
        self.expect_next();
        self.encode_rest(rest, out);
        if self.memo.misses(self.table.inserted() != inserted) {
            self.learn(block.records(), out.get(start..).unwrap_or_default());
        }
    }

    /// The size of the table's entries, in octets as RFC 7541 §4.1 counts them.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Octets of memory allocated.
    pub fn heap_size(&self) -> usize {
        let names = self.names.heap_size();
        let memo = self.memo.heap_size(Used::heap_size);
        self.table.heap_size() + self.index.heap_size() + self.recent.heap_size() + names + memo
    }

    /// Gives the memory back that only spares work, and changes nothing of what is sent. The table stays.
    pub(crate) fn trim(&mut self) {
        self.memo.trim();
    }

    /// The number of entries ever inserted.
    ///
    /// Fields that were encoded without an insertion may be sent again as the same octets, after a
    /// [`begin_block`](Self::begin_block), while this count stands still and no `begin_block` has written anything
    /// since: a size update evicts entries too.
    pub fn insert_count(&self) -> u64 {
        self.table.inserted()
    }

    /// A number that changes with the table: while it stands still, and is not `None`, the same fields may be sent as
    /// the same octets, if those inserted nothing. `None` while a size update is due.
    pub(crate) fn generation(&self) -> Option<u64> {
        if self.resize.is_some() { None } else { Some(self.table.generation()) }
    }

    /// RFC 7541 §6.3.
    fn resize_to(&mut self, size: u32, out: &mut Vec<u8>) {
        integer::encode(size as usize, 5, 0x20, out);
        self.table.set_max_size(size as usize);
        self.memo.forget();
    }

    /// Encodes a field whose name is not the one that is expected first, or has nothing in the table any more, or that is
    /// sensitive.
    fn encode_unexpected(&mut self, field: &Field<'_>, out: &mut Vec<u8>) {
        let [first, other] = self.expected;
        let was_compared = |name: &Name| !field.sensitive && look_up(&self.table, name.last[0]).is_some();
        let first = if self.names.get(first).is_some_and(was_compared) { NOWHERE } else { first };
        for place in [first, other] {
            if let Some(is_last) = self.compare(place, field) {
                return self.encode_named(place, is_last, field, out);
            }
        }
        let found = self.names.place(Recent::name(field.name));
        if found.moved {
            // What was learnt speaks of places that may be another's now.
            self.memo.forget();
        }
        let is_last = self.compare(found.place, field);
        if is_last.is_none() {
            self.learn_name(found.place, field.name);
        }
        self.encode_named(found.place, is_last.unwrap_or(false), field, out);
    }

    /// Whether a field is the one that the name at a place had last; `None` where no table has it under this name, as two
    /// names may have had the place in turn.
    fn compare(&self, place: u8, field: &Field<'_>) -> Option<bool> {
        let name = self.names.get(place)?;
        let Some((record, _)) = look_up(&self.table, name.last[0]) else {
            let (record, _) = look_up(&self.table, name.any())?;
            return strip_name(record, field.name).map(|_| false);
        };
        strip_name(record, field.name).map(|known| same(known, field.value))
    }

    /// Encodes a field whose name has this place, and had the same value last or not.
    #[inline]
    fn encode_named(&mut self, place: u8, is_last: bool, field: &Field<'_>, out: &mut Vec<u8>) {
        self.come_to(place);
        let last = self.names.get(place).and_then(|name| Some((name.last[0], look_up(&self.table, name.last[0])?.1)));
        match last.filter(|_| is_last && !field.sensitive) {
            Some(last) => self.hit(place, last, out),
            None => self.encode_changed(place, field, out),
        }
    }

    /// Notes that the name at a place came next.
    #[inline]
    fn come_to(&mut self, place: u8) {
        let [likely, _] = self.expected;
        if likely != place {
            let expected = [place, likely];
            match self.names.get_mut(self.at as u8) {
                Some(name) => name.next = expected,
                None => self.first = expected,
            }
        }
        self.at = u32::from(place);
        self.expected = self.names.get(place).map_or(self.first, |name| name.next);
    }

    /// Writes the index of a field, which is that of an entry (RFC 7541 §6.1).
    #[inline(always)]
    fn hit(&mut self, place: u8, (entry, index): (Entry, usize), out: &mut Vec<u8>) {
        if let Some(name) = self.names.change(place) {
            name.hit(entry);
            integer::encode(index, 7, 0x80, out);
        }
    }

    /// Takes a name into a place where nothing is known of it, and where another of the same hash may have been.
    fn learn_name(&mut self, place: u8, text: &[u8]) {
        self.memo.forget_if(|pattern| uses(pattern, place));
        let hash = self.hasher.name(text) as u32;
        let same_name = |newer| self.table.field(newer).is_some_and(|entry| entry.name == text);
        let newest = self.index.find_name(hash, self.table.len(), same_name);
        let newest = newest.map_or(Entry::NONE, |newer| self.made_before(newer));
        let Some(name) = self.names.change(place) else { return };
        (name.hash, name.newest, name.last) = (hash, newest, [Entry::NONE; 2]);
        name.fixed = static_table::find_name(text).unwrap_or(0) as u8;
    }

    /// Encodes a field whose value is not the last one that its name, which has this place, had in a table.
    #[inline(never)]
    fn encode_changed(&mut self, place: u8, field: &Field<'_>, out: &mut Vec<u8>) {
        let Some(name) = self.names.change(place) else { return };
        if name.is_worth_asking() || field.sensitive {
            // Values often take turns.
            return match look_up(&self.table, name.last[1]) {
                Some((record, _)) if has_lengths(record, field) => self.encode_turn(place, field, out),
                _ => self.encode_sought(place, field, out),
            };
        }
        name.miss();
        // RFC 7541 §6.2.2.
        literal::<4, 0>(index_of(&self.table, name.any()), field, out);
    }

    /// The same, where the last value but one is as long.
    #[inline(never)]
    fn encode_turn(&mut self, place: u8, field: &Field<'_>, out: &mut Vec<u8>) {
        // All entries of a place have its name, which the caller has compared.
        if let Some(name) = self.names.get_mut(place)
            && let Some((record, index)) = look_up(&self.table, name.last[1])
            && has_value(record, field)
            && !field.sensitive
        {
            name.hit(name.last[1]);
            return integer::encode(index, 7, 0x80, out);
        }
        self.encode_sought(place, field, out);
    }

    /// The same, where it is not the last value but one.
    #[inline(never)]
    fn encode_sought(&mut self, place: u8, field: &Field<'_>, out: &mut Vec<u8>) {
        let Self { names, table, index, hasher, .. } = self;
        let Some(name) = names.get_mut(place) else { return };
        let mut hash = 0;
        if !field.sensitive {
            if let Some(index) = static_table::find_value(usize::from(name.fixed), field.value) {
                name.hit(Entry::fixed(index));
                return integer::encode(index, 7, 0x80, out);
            }
            hash = hasher.value(u64::from(name.hash), field.value) as u32;
            if let Some(newer) = index.find_field(hash, table.len(), |newer| is_made(table, newer, field)) {
                name.hit(Entry::made(table.inserted() - newer as u64));
                return integer::encode(static_table::LEN + 1 + newer, 7, 0x80, out);
            }
        }
        self.encode_unknown(place, hash, field, out);
    }

    /// Encodes a field of this hash that no table has, or that may not go by one.
    #[inline(never)]
    fn encode_unknown(&mut self, place: u8, hash: u32, field: &Field<'_>, out: &mut Vec<u8>) {
        let Some(name) = self.names.get(place) else { return };
        let same_name = index_of(&self.table, name.any());
        if field.sensitive {
            // RFC 7541 §6.2.3; P-034, P-037.
            literal::<4, 0x10>(same_name, field, out);
        } else if self.is_worth_indexing(place, same_name == 0, field) {
            // RFC 7541 §6.2.1.
            literal::<6, 0x40>(same_name, field, out);
            self.insert(place, hash, field);
        } else {
            literal::<4, 0>(same_name, field, out);
            self.names.change(place).into_iter().for_each(Name::miss);
        }
    }

    /// Whether a field that no table has should enter ours. What takes most of the table for itself should not, nor
    /// should a value that may never come back, unless it brings a new name.
    fn is_worth_indexing(&mut self, place: u8, new_name: bool, field: &Field<'_>) -> bool {
        let (size, max) = (field.list_size(), self.table.max_size());
        // Of what is inserted a record has to say how long it is.
        let fits = size <= max / 4 * 3 && field.name.len() <= Head::NAME_MAX;
        let Some(name) = self.names.get(place).filter(|_| fits) else { return false };
        if size <= max / 4 && (new_name || name.keeps_new_values()) {
            return true;
        }
        let (name, inserted, len) = (name.tag(), self.table.inserted(), self.table.len());
        self.recent.seen(name, field.value, inserted, len)
    }

    fn insert(&mut self, place: u8, hash: u32, field: &Field<'_>) {
        let Some(name) = self.names.change(place) else { return };
        if self.table.insert_field(Field { class: 0, ..*field }) {
            let inserted = self.table.inserted();
            self.index.insert(inserted as u32, self.table.len(), name.hash, hash);
            name.insert(Entry::made(inserted));
            if name.fixed == 0 {
                // Literals go by the newest entry of their name.
                self.memo.rename(place, inserted, self.table.len());
            }
            if inserted.is_multiple_of(LONG_AGO) {
                self.names = Names::new();
                self.memo.forget();
            }
        }
    }

    /// The entry of the dynamic table with so many newer ones.
    fn made_before(&self, newer: usize) -> Entry {
        Entry::made(self.table.inserted() - newer as u64)
    }
}

/// Whether a field is the entry with so many newer ones. One that has its hash mostly is, so the search goes without.
#[inline(never)]
fn is_made(table: &DynamicTable, newer: usize, field: &Field<'_>) -> bool {
    table.record(newer).is_some_and(|record| is_record_of(record, field))
}

/// A literal with the name of an entry, by wire index, or with its own: `PATTERN` over a prefix of so many bits.
#[inline(always)]
fn literal<const PREFIX_BITS: u32, const PATTERN: u8>(name: usize, field: &Field<'_>, out: &mut Vec<u8>) {
    match Prefix::integer(name, PREFIX_BITS, PATTERN) {
        Some(prefix) if name != 0 => string(prefix, field.value, out),
        prefix => unusual_literal(prefix, (name, PREFIX_BITS, PATTERN), *field, out),
    }
}

/// The same with a name of its own, or an index that is far away.
#[inline(never)]
fn unusual_literal(
    prefix: Option<Prefix>,
    (name, prefix_bits, pattern): (usize, u32, u8),
    field: Field<'_>,
    out: &mut Vec<u8>,
) {
    match prefix {
        Some(prefix) => string(prefix, field.name, out),
        None => integer::encode(name, prefix_bits, pattern, out),
    }
    string(Prefix::NONE, field.value, out);
}

/// The wire index of an entry; 0 for none, and for one that is gone.
#[inline]
fn index_of(table: &DynamicTable, entry: Entry) -> usize {
    match entry {
        Entry(fixed @ ..Entry::MADE) => fixed as usize,
        Entry(serial) => table.made(serial).map_or(0, |(_, age)| static_table::LEN + age),
    }
}

/// The record of an entry, and more, and its wire index; `None` for none, and for one that is gone.
#[inline(always)]
fn look_up(table: &DynamicTable, entry: Entry) -> Option<(&[u8], usize)> {
    match entry {
        Entry::NONE => None,
        Entry(fixed @ ..Entry::MADE) => Some((static_table::record(fixed as usize), fixed as usize)),
        Entry(serial) => {
            let (record, age) = table.made(serial)?;
            Some((record, static_table::LEN + age))
        }
    }
}

/// The same with the head of the record apart, and with one that is no field's for none.
#[inline(always)]
fn split(table: &DynamicTable, entry: Entry) -> Option<(u64, &[u8], usize)> {
    match entry {
        Entry(fixed @ ..Entry::MADE) => {
            let (head, rest) = static_table::record_split(fixed as usize);
            Some((head, rest, fixed as usize))
        }
        Entry(serial) => {
            let (head, rest, age) = table.made_split(serial)?;
            Some((head, rest, static_table::LEN + age))
        }
    }
}

#[cfg(test)]
mod tests;
