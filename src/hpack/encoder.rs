//! Header blocks out (RFC 7541 §3, §6).
//!
//! What is indexed (P-038): a field goes into the table at first sight, until three values of its name in a row were in
//! no table; from then on at its second sight within a short memory, so values that never repeat stay out. After many
//! more such values only each eighth is looked for at all. A name that no table has goes in with whatever value it has,
//! or it would be spelled out for ever.
#![expect(clippy::arithmetic_side_effects, reason = "lengths and places of our own fields, in memory")]

mod hash;
mod index;
mod names;
mod recent;

use alloc::vec::Vec;

use super::block::{FieldBlock, Fields, Likeness, compare_record, is_record_of, same};
use super::dynamic_table::DynamicTable;
use super::field::Field;
use super::memo::Memo;
use super::{huffman, integer, static_table};
use hash::Hasher;
use index::Index;
use names::{Name, Names};
use recent::Recent;

/// The table size before the peer says otherwise (RFC 9113 §6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// Fields of a block that are expected at the same positions of the next block.
const MAX_EXPECTED: usize = 64;

/// Wire indices from here on take more than one octet (RFC 7541 §6.1).
const INDEX_MASK: usize = 0x7f;

/// A string up to this many octets takes the Huffman code only if that saves an eighth of it. Random hexadecimal
/// digits save more, random base64 less; both passes cost some 30 instructions an octet, more than an octet of a frame
/// that is sent anyway.
const SHORT_STRING: usize = 64;

/// The encoding context of one direction of a connection (RFC 7541 §2.2).
///
/// Memory: the table takes at most twice its size limit, finding its entries about half a KiB for each KiB of it, and
/// the memory of recent values 512 octets, that of names 1.5 KiB, the start of the usual block 2 KiB; nothing before
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
    /// What came in the previous block, by position.
    expected: Vec<Expected>,
    position: usize,
    memo: Memo,
    /// The fields of the run in `memo`.
    run: Vec<Indexed>,
    own_limit: u32,
    resize: Option<Resize>,
}

/// A field that went out as an index: the place of its name, and the entry.
#[derive(Clone, Copy, Debug)]
struct Indexed {
    place: u8,
    entry: Entry,
}

/// What came at a position of the last block.
#[derive(Clone, Copy, Debug)]
struct Expected {
    /// The count of insertions at which `start` and `wire` hold.
    generation: u64,
    /// The place of the name, and the entry if it went out as one.
    indexed: Indexed,
    /// Where the entry's record is in the table.
    start: u32,
    /// The one octet that it goes out as.
    wire: u8,
}

impl Expected {
    const NOTHING: Self =
        Self { generation: u64::MAX, indexed: Indexed { place: 0, entry: Entry::NONE }, start: 0, wire: 0 };
}

/// An entry of either table, or none: 0, the static table's by wire index, then those of the dynamic table in the order
/// in which they came in, modulo 2^31, whether they are still there or not. After so many an old one may name another:
/// what an entry holds is compared before it is used.
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
            expected: Vec::new(),
            position: 0,
            memo: Memo::new(),
            run: Vec::new(),
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
        self.position = 0;
        let Some(Resize { smallest, last }) = self.resize.take() else { return };
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
        self.encode_next(&field, out);
    }

    /// As [`encode_field`](Self::encode_field); returns the entry if the field went out as an index.
    #[inline]
    fn encode_next(&mut self, field: &Field<'_>, out: &mut Vec<u8>) -> Option<Indexed> {
        let position = self.position;
        self.position += 1;
        // Lists mostly come in the same order, with the same values.
        if let Some(expected) = self.expected.get(position)
            && is_record_of(self.expected_record(expected), field)
            && !field.sensitive
        {
            let indexed = expected.indexed;
            out.push(expected.wire);
            self.names.get_mut(indexed.place)?.hit(indexed.entry);
            return Some(indexed);
        }
        self.encode_unexpected(position, field, out)
    }

    /// Writes one whole header block.
    pub fn encode<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>, out: &mut Vec<u8>) {
        self.begin_block(out);
        for field in fields {
            self.encode_field(field, out);
        }
    }

    /// As [`encode`](Self::encode), the same octets, for a block in one piece; cheaper where blocks mostly start alike.
    pub fn encode_block(&mut self, block: &FieldBlock, out: &mut Vec<u8>) {
        self.begin_block(out);
        let mut fields = block.fields();
        if let Some(run) = self.memo.recall(block.records(), self.table.inserted()) {
            out.extend_from_slice(run.made);
            self.position = run.count;
            fields.skip_records(run.count, run.given_len);
            for Indexed { place, entry } in &self.run {
                if let Some(name) = self.names.get_mut(*place) {
                    name.hit(*entry);
                }
            }
        } else if self.memo.is_learning() {
            self.run.clear();
            self.learn_run(&mut fields, out);
        }
        for field in fields {
            self.encode_next(&field, out);
        }
    }

    /// Encodes the indexed fields that a block starts with, and the one after them.
    #[cold]
    fn learn_run(&mut self, fields: &mut Fields<'_>, out: &mut Vec<u8>) {
        while self.memo.is_learning()
            && let Some((field, record)) = fields.next_record()
        {
            let start = out.len();
            let indexed = self.encode_next(&field, out);
            let octets = out.get(start..).filter(|_| indexed.is_some());
            self.memo.learn(octets.map(|octets| (record, octets)));
            self.run.extend(indexed.filter(|_| self.memo.is_learning()));
        }
    }

    /// The size of the table's entries, in octets as RFC 7541 §4.1 counts them.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Octets of memory allocated.
    pub fn heap_size(&self) -> usize {
        let names = self.names.heap_size();
        let blocks = self.expected.capacity() * size_of::<Expected>() + self.run.capacity() * size_of::<Indexed>();
        self.table.heap_size()
            + self.index.heap_size()
            + self.recent.heap_size()
            + self.memo.heap_size()
            + names
            + blocks
    }

    /// Gives the memory back that only spares work, and changes nothing of what is sent. The table stays.
    pub(crate) fn trim(&mut self) {
        self.memo.trim();
        (self.expected, self.run) = (Vec::new(), Vec::new());
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
        self.expected.clear();
    }

    /// The record that is expected; nothing where it may have gone.
    #[inline(always)]
    fn expected_record(&self, expected: &Expected) -> &[u8] {
        match expected.indexed.entry {
            Entry(fixed @ ..Entry::MADE) => static_table::record(fixed as usize),
            _ if expected.generation == self.table.inserted() => self.table.record_at(expected.start),
            _ => &[],
        }
    }

    /// Encodes a field that is not what came at this position last.
    fn encode_unexpected(&mut self, position: usize, field: &Field<'_>, out: &mut Vec<u8>) -> Option<Indexed> {
        if let Some(place) = self.expected.get(position).map(|expected| expected.indexed.place)
            && let Some(entry) = self.names.get(place).map(|name| name.last[0])
        {
            match self.compare(entry, field) {
                Likeness::Field if !field.sensitive => return self.hit(position, Indexed { place, entry }, out),
                Likeness::None => {}
                Likeness::Name | Likeness::Field => return self.encode_changed(position, place, field, out),
            }
        }
        let found = self.names.place(Recent::name(field.name));
        if found.moved {
            // What was expected, and what was learnt, speaks of places that may be another's now.
            self.memo.forget();
            self.expected.fill(Expected::NOTHING);
        }
        let place = found.place;
        let name = self.names.get(place)?;
        let entry = name.last[0];
        match self.compare(entry, field) {
            Likeness::Field if !field.sensitive => return self.hit(position, Indexed { place, entry }, out),
            Likeness::None if !self.is_of(name, field.name) => self.learn_name(place, field.name),
            _ => {}
        }
        self.expect(position, Expected { indexed: Indexed { place, entry: Entry::NONE }, ..Expected::NOTHING });
        self.encode_changed(position, place, field, out)
    }

    /// Writes the index of a field (RFC 7541 §6.1).
    fn hit(&mut self, position: usize, indexed: Indexed, out: &mut Vec<u8>) -> Option<Indexed> {
        let index = self.wire_index(indexed.entry);
        self.names.get_mut(indexed.place)?.hit(indexed.entry);
        integer::encode(index, 7, 0x80, out);
        let start = self.newer_than(indexed.entry).and_then(|newer| self.table.start(newer)).unwrap_or(0);
        // What takes more than one octet is not expected.
        let generation = if index < INDEX_MASK { self.table.inserted() } else { u64::MAX };
        self.expect(position, Expected { generation, indexed, start, wire: 0x80 | index as u8 });
        Some(indexed)
    }

    fn expect(&mut self, position: usize, expected: Expected) {
        match self.expected.get_mut(position) {
            Some(known) => *known = expected,
            None if position < MAX_EXPECTED => self.expected.push(expected),
            None => {}
        }
    }

    /// Takes a name into a place where nothing is known of it.
    fn learn_name(&mut self, place: u8, text: &[u8]) {
        let hash = self.hasher.name(text) as u32;
        let same_name = |newer| self.table.field(newer).is_some_and(|entry| entry.name == text);
        let newest = self.index.find_name(hash, self.table.len(), same_name);
        let newest = newest.map_or(Entry::NONE, |newer| self.made_before(newer));
        let Some(name) = self.names.get_mut(place) else { return };
        (name.hash, name.newest, name.last) = (hash, newest, [Entry::NONE; 2]);
        name.fixed = static_table::find_name(text).unwrap_or(0) as u8;
    }

    /// Encodes a field whose value is not the last one that its name, which has this place, had in a table.
    fn encode_changed(&mut self, position: usize, place: u8, field: &Field<'_>, out: &mut Vec<u8>) -> Option<Indexed> {
        if !field.sensitive
            && let Some(entry) = self.ask(place, field)
        {
            return self.hit(position, Indexed { place, entry }, out);
        }
        let name = self.names.get(place)?;
        // Two names may have had the place in turn, so its name is compared before it goes out.
        let same_name = if self.is_of(name, field.name) { self.name_entry(name) } else { Entry::NONE };
        if field.sensitive {
            // RFC 7541 §6.2.3; P-034, P-037.
            self.literal(same_name, field, 4, 0x10, out);
            return None;
        }
        if name.is_worth_asking() && self.is_worth_indexing(place, same_name == Entry::NONE, field) {
            // RFC 7541 §6.2.1.
            self.literal(same_name, field, 6, 0x40, out);
            self.insert(place, field);
            return None;
        }
        self.names.get_mut(place)?.miss();
        // RFC 7541 §6.2.2.
        self.literal(same_name, field, 4, 0, out);
        None
    }

    /// The entry that is a field whose name has this place, unless its values never come back.
    fn ask(&self, place: u8, field: &Field<'_>) -> Option<Entry> {
        let name = self.names.get(place).filter(|name| name.is_worth_asking())?;
        if self.compare(name.last[1], field) == Likeness::Field {
            return Some(name.last[1]);
        }
        if let Some(index) = static_table::find_value(usize::from(name.fixed), field.value) {
            return Some(Entry::fixed(index));
        }
        let is_it = |newer| self.compare_made(newer, field) == Likeness::Field;
        let newer = self.index.find_field(self.field_hash(name, field), self.table.len(), is_it)?;
        Some(self.made_before(newer))
    }

    fn field_hash(&self, name: &Name, field: &Field<'_>) -> u32 {
        self.hasher.value(u64::from(name.hash), field.value) as u32
    }

    /// An entry with a name. The static table's indices are shorter and never move, so its names go first.
    #[inline]
    fn name_entry(&self, name: &Name) -> Entry {
        match usize::from(name.fixed) {
            0 if self.newer_than(name.newest).is_some_and(|newer| newer < self.table.len()) => name.newest,
            fixed => Entry::fixed(fixed),
        }
    }

    /// Whether what is known of a name is of this one, which the table has an entry for.
    fn is_of(&self, name: &Name, text: &[u8]) -> bool {
        let entry = self.name_entry(name);
        let known = match self.newer_than(entry) {
            Some(newer) => self.table.field(newer),
            None => static_table::get(entry.0 as usize),
        };
        known.is_some_and(|known| same(known.name, text))
    }

    /// Whether a field that no table has should enter ours. What takes most of the table for itself should not, nor
    /// should a value that may never come back, unless it brings a new name.
    fn is_worth_indexing(&mut self, place: u8, new_name: bool, field: &Field<'_>) -> bool {
        let (size, max) = (field.list_size(), self.table.max_size());
        let Some(name) = self.names.get(place).filter(|_| size <= max / 4 * 3) else { return false };
        size <= max / 4 && (new_name || name.keeps_new_values()) || self.recent.seen(name.tag(), field.value)
    }

    fn insert(&mut self, place: u8, field: &Field<'_>) {
        let Some(name) = self.names.get(place) else { return };
        let (name_hash, field_hash) = (name.hash, self.field_hash(name, field));
        if self.table.insert_field(Field { class: 0, ..*field }) {
            self.index.insert(self.table.inserted() as u32, self.table.len(), name_hash, field_hash);
            let entry = Entry::made(self.table.inserted());
            if let Some(name) = self.names.get_mut(place) {
                name.insert(entry);
            }
        }
    }

    #[inline(always)]
    fn compare(&self, entry: Entry, field: &Field<'_>) -> Likeness {
        match self.newer_than(entry) {
            Some(newer) => self.compare_made(newer, field),
            None => static_table::get(entry.0 as usize).map_or(Likeness::None, |entry| Likeness::of(&entry, field)),
        }
    }

    #[inline(always)]
    fn compare_made(&self, newer: usize, field: &Field<'_>) -> Likeness {
        self.table.record(newer).map_or(Likeness::None, |record| compare_record(record, field))
    }

    /// How many entries came into the dynamic table after this one; `None` for one of the static table.
    #[inline(always)]
    fn newer_than(&self, entry: Entry) -> Option<usize> {
        let newer = (self.table.inserted() as u32).wrapping_sub(entry.0) & !Entry::MADE;
        (entry.0 >= Entry::MADE).then_some(newer as usize)
    }

    /// The entry of the dynamic table with so many newer ones.
    fn made_before(&self, newer: usize) -> Entry {
        Entry::made(self.table.inserted() - newer as u64)
    }

    #[inline]
    fn wire_index(&self, entry: Entry) -> usize {
        self.newer_than(entry).map_or(entry.0 as usize, |newer| static_table::LEN + 1 + newer)
    }

    /// A literal with the name of an entry, or with its own.
    fn literal(&self, name: Entry, field: &Field<'_>, prefix_bits: u32, pattern: u8, out: &mut Vec<u8>) {
        integer::encode(self.wire_index(name), prefix_bits, pattern, out);
        if name == Entry::NONE {
            string(field.name, out);
        }
        string(field.value, out);
    }
}

/// RFC 7541 §5.2; P-029: the Huffman code only where it pays.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() > SHORT_STRING {
        return long_string(bytes, out);
    }
    let start = out.len();
    // The longest code that pays; its length takes one octet.
    let limit = bytes.len() - bytes.len().div_ceil(8);
    // Of a fixed length, which is cheaper than the right one.
    out.extend_from_slice(&[0; 1 + SHORT_STRING + huffman::SLACK]);
    if let Some([first, room @ ..]) = out.get_mut(start..)
        && let Some(len) = huffman::encode(bytes, room.get_mut(..limit + huffman::SLACK).unwrap_or_default())
        && len <= limit
        && len > 0
    {
        *first = 0x80 | len as u8;
        return out.truncate(start + 1 + len);
    }
    out.truncate(start);
    plain_string(bytes, out);
}

fn plain_string(bytes: &[u8], out: &mut Vec<u8>) {
    integer::encode(bytes.len(), 7, 0, out);
    out.extend_from_slice(bytes);
}

fn long_string(bytes: &[u8], out: &mut Vec<u8>) {
    let (start, limit) = (out.len(), bytes.len() - 1);
    // Room for the length of the longest code that pays.
    integer::encode(limit, 7, 0x80, out);
    let code_start = out.len();
    out.resize(code_start + limit + huffman::SLACK, 0);
    match huffman::encode(bytes, out.get_mut(code_start..).unwrap_or_default()).filter(|len| *len <= limit) {
        Some(len) => {
            out.truncate(code_start + len);
            set_length(start, code_start, len, out);
        }
        None => {
            out.truncate(start);
            plain_string(bytes, out);
        }
    }
}

/// Writes the length `len` at `start`, of the code at `code_start`, before which there is room for a length as long.
fn set_length(start: usize, code_start: usize, len: usize, out: &mut Vec<u8>) {
    let end = out.len();
    integer::encode(len, 7, 0x80, out);
    let prefix_len = out.len() - end;
    if let Some(code) = out.get_mut(code_start..) {
        code.rotate_right(prefix_len);
    }
    out.drain(start..code_start);
}

#[cfg(test)]
mod tests;
