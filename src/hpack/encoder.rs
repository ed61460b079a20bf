//! Header blocks out (RFC 7541 §3, §6).
//!
//! What is indexed (P-038): a field goes into the table when it is seen for the second time within a short memory, so
//! values that never repeat stay out. A name that no table has goes in at first sight, with whatever value it has, or
//! it would be spelled out for ever.
#![expect(clippy::arithmetic_side_effects, reason = "lengths and places of our own fields, in memory")]

mod hash;
mod index;
mod recent;

use alloc::vec::Vec;

use super::block::FieldBlock;
use super::dynamic_table::DynamicTable;
use super::field::Field;
use super::memo::Memo;
use super::static_table::{self, Match};
use super::{huffman, integer};
use hash::Hasher;
use index::Index;
use recent::Recent;

/// The table size before the peer says otherwise (RFC 9113 §6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// Fields of a block whose outcome is remembered for the next block.
const MAX_PREDICTIONS: usize = 64;

/// A string up to this many octets takes the Huffman code only if that saves an eighth of it. Random hexadecimal
/// digits save more, random base64 less; both passes cost some 30 instructions an octet, more than an octet of a frame
/// that is sent anyway.
const SHORT_STRING: usize = 64;

/// The encoding context of one direction of a connection (RFC 7541 §2.2).
///
/// Memory: the table takes at most twice its size limit, finding its entries about half a KiB for each KiB of it, and
/// the memory of recent values 512 octets, and the start of the usual block 2 KiB; nothing before the first block. The seed protects the hash table against
/// aimed collisions and never changes the output.
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
/// // A literal, a literal that enters the table, an index.
/// assert_eq!(sizes, [17, 17, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Encoder {
    table: DynamicTable,
    index: Index,
    hasher: Hasher,
    recent: Recent,
    /// What became of the fields of the previous block, by position: lists mostly come in the same order.
    predictions: Vec<Option<Reference>>,
    position: usize,
    memo: Memo,
    /// The predictions that go with the run in `memo`.
    run_predictions: Vec<Option<Reference>>,
    own_limit: u32,
    resize: Option<Resize>,
}

/// An entry of either table.
#[derive(Clone, Copy, Debug)]
enum Reference {
    /// By wire index.
    Static(u8),
    /// By serial number: the count of insertions when it came in, modulo 2^32.
    Dynamic(u32),
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
            predictions: Vec::new(),
            position: 0,
            memo: Memo::new(),
            run_predictions: Vec::new(),
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
        self.encode_next(field, out);
    }

    /// As [`encode_field`](Self::encode_field); says whether the field was predicted and went out as an index.
    fn encode_next(&mut self, field: Field<'_>, out: &mut Vec<u8>) -> bool {
        let position = self.position;
        self.position += 1;
        let predicted = self.predictions.get(position).copied().flatten();
        let likeness = predicted.map_or(Likeness::None, |reference| self.compare(reference, &field));
        let outcome = match (likeness, predicted) {
            (Likeness::Field, Some(reference)) if !field.sensitive => {
                self.indexed(reference, out);
                return true;
            }
            (Likeness::None, _) => self.encode_unpredicted(field, None, out),
            _ => self.encode_unpredicted(field, predicted, out),
        };
        match self.predictions.get_mut(position) {
            Some(prediction) => *prediction = outcome,
            None if position < MAX_PREDICTIONS => self.predictions.push(outcome),
            None => {}
        }
        false
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
            // A block in between may have left others.
            for (prediction, known) in self.predictions.iter_mut().zip(&self.run_predictions) {
                *prediction = *known;
            }
        } else if self.memo.is_learning() {
            self.run_predictions.clear();
        }
        while let Some((field, record)) = fields.next_record() {
            let start = out.len();
            let indexed = self.encode_next(field, out);
            if self.memo.is_learning() {
                let octets = out.get(start..).filter(|_| indexed);
                self.memo.learn(octets.map(|octets| (record, octets)));
                if self.memo.is_learning() {
                    self.run_predictions.push(self.predictions.get(self.position - 1).copied().flatten());
                }
            }
        }
    }

    /// The size of the table's entries, in octets as RFC 7541 §4.1 counts them.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Octets of memory allocated.
    pub fn heap_size(&self) -> usize {
        let predictions =
            (self.predictions.capacity() + self.run_predictions.capacity()) * size_of::<Option<Reference>>();
        self.table.heap_size() + self.index.heap_size() + self.recent.heap_size() + self.memo.heap_size() + predictions
    }

    /// The number of entries ever inserted.
    ///
    /// Fields that were encoded without an insertion may be sent again as the same octets, after a
    /// [`begin_block`](Self::begin_block), while this count stands still and no `begin_block` has written anything
    /// since: a size update evicts entries too.
    pub fn insert_count(&self) -> u64 {
        self.table.inserted()
    }

    /// A number that changes with the table: while it stands still, and is not `None`, the same fields may be sent as the same
    /// octets, if those inserted nothing. `None` while a size update is due.
    pub(crate) fn generation(&self) -> Option<u64> {
        if self.resize.is_some() { None } else { Some(self.table.generation()) }
    }

    /// RFC 7541 §6.3.
    fn resize_to(&mut self, size: u32, out: &mut Vec<u8>) {
        integer::encode(size as usize, 5, 0x20, out);
        self.table.set_max_size(size as usize);
        self.memo.forget();
    }

    /// Encodes a field that is not what was predicted; returns what to predict next time. `same_name` is an entry
    /// known to have the field's name.
    fn encode_unpredicted(
        &mut self,
        field: Field<'_>,
        same_name: Option<Reference>,
        out: &mut Vec<u8>,
    ) -> Option<Reference> {
        let fixed = static_table::find(field.name, field.value);
        if let (Some(Match::Field(index)), false) = (fixed, field.sensitive) {
            let entry = Reference::Static(index as u8);
            self.indexed(entry, out);
            return Some(entry);
        }
        let name_hash = self.hasher.name(field.name);
        let field_hash = self.hasher.value(name_hash, field.value);
        if let (Some(entry), false) = (self.find_field(field_hash, &field), field.sensitive) {
            self.indexed(entry, out);
            return Some(entry);
        }
        // The static table's indices are shorter and never move, so its names go first.
        let name = match fixed {
            Some(Match::Field(index) | Match::Name(index)) => Some(Reference::Static(index as u8)),
            None => same_name.or_else(|| self.find_name(name_hash, field.name)),
        };
        if field.sensitive {
            // RFC 7541 §6.2.3; P-034, P-037.
            self.literal(name, field, 4, 0x10, out);
            return name;
        }
        if !self.is_worth_indexing(name.is_none(), field) {
            // RFC 7541 §6.2.2.
            self.literal(name, field, 4, 0, out);
            return name;
        }
        // RFC 7541 §6.2.1.
        self.literal(name, field, 6, 0x40, out);
        self.insert(field, name_hash, field_hash)
    }

    /// Whether a field that no table has should enter ours. What takes most of the table for itself should not, nor
    /// should a large value whose only merit is a new name.
    fn is_worth_indexing(&mut self, new_name: bool, field: Field<'_>) -> bool {
        let (size, max) = (field.list_size(), self.table.max_size());
        let fits_well = size <= max / 4 * 3;
        fits_well && (new_name && size <= max / 4 || self.recent.seen(field.name, field.value))
    }

    fn insert(&mut self, field: Field<'_>, name_hash: u64, field_hash: u64) -> Option<Reference> {
        if !self.table.insert_field(field) {
            return None;
        }
        let serial = self.table.inserted() as u32;
        self.index.insert(serial, self.table.len(), name_hash, field_hash);
        Some(Reference::Dynamic(serial))
    }

    #[inline(always)]
    fn compare(&self, reference: Reference, field: &Field<'_>) -> Likeness {
        let Some(entry) = self.entry(reference) else { return Likeness::None };
        if !same(entry.name, field.name) {
            Likeness::None
        } else if same(entry.value, field.value) {
            Likeness::Field
        } else {
            Likeness::Name
        }
    }

    #[inline(always)]
    fn entry(&self, reference: Reference) -> Option<Field<'_>> {
        match reference {
            Reference::Static(index) => static_table::get(usize::from(index)),
            Reference::Dynamic(serial) => self.table.field(self.index.newer_than(serial)),
        }
    }

    fn find_field(&self, hash: u64, field: &Field<'_>) -> Option<Reference> {
        let same = |serial| self.compare(Reference::Dynamic(serial), field) == Likeness::Field;
        self.index.find_field(hash, self.table.len(), same).map(Reference::Dynamic)
    }

    fn find_name(&self, hash: u64, name: &[u8]) -> Option<Reference> {
        let same = |serial| self.entry(Reference::Dynamic(serial)).is_some_and(|entry| entry.name == name);
        self.index.find_name(hash, self.table.len(), same).map(Reference::Dynamic)
    }

    #[inline]
    fn wire_index(&self, reference: Reference) -> usize {
        match reference {
            Reference::Static(index) => usize::from(index),
            Reference::Dynamic(serial) => static_table::LEN + 1 + self.index.newer_than(serial),
        }
    }

    /// RFC 7541 §6.1.
    #[inline]
    fn indexed(&self, entry: Reference, out: &mut Vec<u8>) {
        integer::encode(self.wire_index(entry), 7, 0x80, out);
    }

    fn literal(&self, name: Option<Reference>, field: Field<'_>, prefix_bits: u32, pattern: u8, out: &mut Vec<u8>) {
        integer::encode(name.map_or(0, |entry| self.wire_index(entry)), prefix_bits, pattern, out);
        if name.is_none() {
            string(field.name, out);
        }
        string(field.value, out);
    }
}

/// How much of a field an entry has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Likeness {
    None,
    Name,
    Field,
}

/// Equality that spares the usual short string the call of a general comparison: up to 16 octets are two words, which
/// may overlap.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        8..=16 => a.first_chunk::<8>() == b.first_chunk() && a.last_chunk::<8>() == b.last_chunk(),
        4..8 => a.first_chunk::<4>() == b.first_chunk() && a.last_chunk::<4>() == b.last_chunk(),
        _ => a == b,
    }
}

/// RFC 7541 §5.2; P-029: the Huffman code only where it pays.
fn string(bytes: &[u8], out: &mut Vec<u8>) {
    let (plain_len, huffman_len) = (bytes.len(), huffman::encoded_len(bytes));
    let least_gain = if plain_len <= SHORT_STRING { plain_len.div_ceil(8) } else { 1 };
    if huffman_len + least_gain.max(1) <= plain_len {
        integer::encode(huffman_len, 7, 0x80, out);
        huffman::encode(bytes, out);
    } else {
        integer::encode(plain_len, 7, 0, out);
        out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;
    use std::vec;

    fn encode(encoder: &mut Encoder, fields: &[Field<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        encoder.encode(fields.iter().copied(), &mut out);
        out
    }

    #[test]
    fn nothing_is_allocated_before_the_first_block() {
        assert_eq!(Encoder::new(4096, 1).heap_size(), 0);
    }

    /// The request that the costs of this crate are measured with.
    #[test]
    fn a_warm_request_with_one_unique_field_takes_26_octets() {
        let mut encoder = Encoder::new(4096, 1);
        for call in 0..1_000u64 {
            let id = format!("{:016x}", (call + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let block = encode(
                &mut encoder,
                &[
                    Field::new(b":method", b"POST"),
                    Field::new(b":scheme", b"http"),
                    Field::new(b":path", b"/helloworld.Greeter/SayHello"),
                    Field::new(b":authority", b"localhost:50051"),
                    Field::new(b"te", b"trailers"),
                    Field::new(b"content-type", b"application/grpc"),
                    Field::new(b"user-agent", b"grpc-sansio/0.1"),
                    Field::new(b"grpc-timeout", b"1S"),
                    Field::new(b"authorization", b"Bearer 0123456789abcdef0123456789abcdef01234567"),
                    Field::new(b"x-request-id", id.as_bytes()),
                ],
            );
            assert!(call < 2 || block.len() <= 26, "{}", block.len());
        }
        // Three names that no table had, five values at second sight; never an id but the first.
        assert_eq!(encoder.insert_count(), 3 + 5);
    }

    #[test]
    fn large_values_stay_out_of_the_table() {
        let mut encoder = Encoder::new(400, 1);
        for (len, inserted) in [(300 - 32 - 6, 1), (301 - 32 - 6, 0)] {
            let before = encoder.insert_count();
            for _ in 0..3 {
                encode(&mut encoder, &[Field::new(b"cookie", &vec![b'x'; len])]);
            }
            assert_eq!(encoder.insert_count() - before, inserted);
        }
        // With a name of its own, what is under a quarter goes in at once.
        for (len, inserted) in [(100 - 32 - 1, 1), (101 - 32 - 1, 0)] {
            let before = encoder.insert_count();
            encode(&mut encoder, &[Field::new(&[b'a' + inserted as u8], &vec![b'x'; len])]);
            assert_eq!(encoder.insert_count() - before, inserted);
        }
    }

    #[test]
    fn the_huffman_code_is_used_where_it_pays() {
        // 1/8 of a short string, one octet of a long one.
        for (bytes, huffman) in [
            (&b"aaaaaaaa"[..], true),
            (b"XXXXXXXX", false),
            (b"PPPPPPPP", true),
            (b"PPPPPPPX", false),
            (b"", false),
            (b"a", false),
            (&[&[b'X'; 64][..], &[b'P'; 8]].concat(), true),
            (&[b'X'; 72], false),
        ] {
            let mut out = Vec::new();
            string(bytes, &mut out);
            assert_eq!(out[0] & 0x80 != 0, huffman, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn same_looks_at_every_octet() {
        for len in 0..40 {
            let a = vec![b'a'; len];
            assert!(same(&a, &a.clone()) && !same(&a, &vec![b'a'; len + 1]));
            for place in 0..len {
                let mut b = a.clone();
                b[place] = b'b';
                assert!(!same(&a, &b));
            }
        }
    }

    #[test]
    fn a_full_table_keeps_taking_new_names() {
        let mut encoder = Encoder::new(4 * 40, 1);
        for round in 0..20u8 {
            let names = [b"a", b"b", b"c", b"d", b"e", b"f"];
            for name in names {
                encode(&mut encoder, &[Field::new(name, &[round; 7])]);
            }
            assert_eq!(encoder.table_size(), 4 * 40);
        }
    }

    proptest! {
        /// A block in one piece gives the octets of its fields one by one, whatever came before it: blocks that start
        /// alike and in other ways, fields that are never indexed, and tables that change their size.
        #[test]
        fn a_block_in_one_piece_makes_no_difference(
            blocks in prop::collection::vec((0..4u8, 0..6usize, any::<u8>(), prop::option::weighted(0.05, 0..300u32)), 0..80),
        ) {
            let (mut whole, mut single) = (Encoder::new(4096, 1), Encoder::new(4096, 2));
            for (start, len, value, size) in blocks {
                if let Some(size) = size {
                    whole.set_peer_max_table_size(size);
                    single.set_peer_max_table_size(size);
                }
                let starts = [&b"POST"[..], b"GET", b"a", b"b"];
                let usual = [
                    Field::new(b":method", starts[usize::from(start)]),
                    Field::new(b":path", b"/a.B/C"),
                    Field::new(b"te", b"trailers"),
                    Field::sensitive(b"authorization", b"secret"),
                    Field::new(b"user-agent", b"x"),
                ];
                let last = [value];
                let fields = usual.into_iter().take(len).chain([Field::new(b"x-id", &last)]);
                let block: FieldBlock = fields.clone().collect();
                let (mut a, mut b) = (Vec::new(), Vec::new());
                whole.encode_block(&block, &mut a);
                single.encode(fields, &mut b);
                prop_assert_eq!(a, b);
            }
        }
    }

    #[test]
    fn a_run_is_learnt_and_used() {
        let mut encoder = Encoder::new(4096, 1);
        let mut encode = |path: &'static [u8]| {
            let block: FieldBlock = [Field::new(b":path", path), Field::new(b"te", b"trailers")].into_iter().collect();
            encoder.encode_block(&block, &mut Vec::new());
            encoder.memo.recall(block.records(), encoder.table.inserted()).map(|run| run.count)
        };
        assert!((0..30).map(|_| encode(b"/a")).last() == Some(Some(2)));
        // One other block in between does not make it forget.
        assert_eq!((encode(b"/b"), encode(b"/a")), (None, Some(2)));
    }
}
