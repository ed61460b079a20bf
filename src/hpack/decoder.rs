//! Header blocks in (RFC 7541 §3, §6).

mod known;

use alloc::vec::Vec;

use super::block::{FieldBlock, HEAD_LEN, Head, Mark};
use super::dynamic_table::DynamicTable;
use super::error::DecodeError;
use super::field::{Classifier, FIELD_OVERHEAD, Field};
use super::memo::Memo;
use super::{huffman, integer, static_table};
pub(crate) use known::{Shape, Start};

/// The table size that an encoder starts from where nothing else was agreed on (RFC 9113 §6.5.2).
const INITIAL_TABLE_SIZE: u32 = 4096;

/// The most table size updates in a block: the smallest size in between, then the final one (RFC 7541 §4.2).
const MAX_SIZE_UPDATES: u32 = 2;

/// How much one header block may hold.
///
/// Past the first two limits the fields are discarded and the connection lives on; past the other two it ends. The
/// sizes are in octets and count name + value + 32 for each field, as SETTINGS_MAX_HEADER_LIST_SIZE does.
#[derive(Clone, Copy, Debug)]
pub struct BlockLimits {
    /// The largest list that is delivered.
    pub max_list_size: u32,
    /// The most fields that are delivered.
    pub max_fields: u32,
    /// A larger list is [`DecodeError::ListAbuse`].
    pub abuse_list_size: u32,
    /// More fields are [`DecodeError::FieldAbuse`].
    pub abuse_fields: u32,
}

impl BlockLimits {
    /// Whether a list of so many fields and octets is below all limits.
    #[inline(always)]
    fn are_easy(&self, count: u64, size: u64) -> bool {
        let (most, largest) = (self.max_fields.min(self.abuse_fields), self.max_list_size.min(self.abuse_list_size));
        count <= u64::from(most) && size <= u64::from(largest)
    }
}

/// What became of a well-formed header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// All its fields were appended.
    Complete,
    /// Above `max_list_size`: its fields were discarded, the table is as the peer thinks it is.
    ListTooLarge,
    /// More than `max_fields` fields: they were discarded, the table is as the peer thinks it is.
    TooManyFields,
}

/// The decoding context of one direction of a connection (RFC 7541 §2.2).
///
/// Memory: the table takes at most twice its size limit, plus eight octets for each entry that it can hold (one in 32
/// octets), and the usual kinds of blocks 3.5 KiB; nothing before the first block.
///
/// ```
/// use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, DecodeError, Field, FieldBlock};
///
/// let limits = BlockLimits { max_list_size: 100, max_fields: 10, abuse_list_size: 1_000, abuse_fields: 100 };
/// let mut decoder = Decoder::new(4096, Classifier::NONE);
/// let mut block = FieldBlock::new();
///
/// // An indexed field of the static table, then an index that does not exist.
/// assert_eq!(decoder.decode(&[0x82], &limits, &mut block), Ok(Decoded::Complete));
/// assert!(block.fields().eq([Field::new(b":method", b"GET")]));
/// assert_eq!(decoder.decode(&[0xff, 0x00], &limits, &mut block), Err(DecodeError::InvalidIndex));
/// ```
#[derive(Clone, Debug)]
pub struct Decoder {
    table: DynamicTable,
    /// What we announced and the peer acknowledged.
    limit: u32,
    /// The size that the next block must come down to at its start, if it must (P-015).
    owed: Option<u32>,
    classifier: Classifier,
    memo: Memo<()>,
    /// What was known of the last block.
    start: Start,
}

impl Decoder {
    /// A decoder with an empty table, whose memory is not allocated yet.
    ///
    /// `max_table_size` is the limit in octets in force at the start: in HTTP/2 that is 4,096, and a different
    /// SETTINGS_HEADER_TABLE_SIZE goes to [`set_max_table_size`](Self::set_max_table_size) once it is acknowledged.
    /// Below 4,096 the peer is taken to know and to start from there; above, to start from 4,096.
    pub fn new(max_table_size: u32, classifier: Classifier) -> Self {
        let table = DynamicTable::new(max_table_size.min(INITIAL_TABLE_SIZE) as usize);
        Self { table, limit: max_table_size, owed: None, classifier, memo: Memo::new(), start: Start::NONE }
    }

    /// Puts a new limit in force, in octets. Call it when the peer acknowledged a new SETTINGS_HEADER_TABLE_SIZE of
    /// ours: until then the old one holds (RFC 7541 §6.3).
    ///
    /// Where it is below what the table may use now, the peer owes a size update at the start of its next block
    /// (RFC 9113 §4.3.1); until that arrives the table stays as it is, since the peer's does too.
    pub fn set_max_table_size(&mut self, size: u32) {
        self.limit = size;
        if (size as usize) < self.table.max_size() {
            // RFC 7541 §4.2: of several changes the smallest has to be signalled.
            self.owed = Some(self.owed.map_or(size, |owed| owed.min(size)));
        }
    }

    /// Decodes one whole header block (HEADERS and its CONTINUATIONs, joined) and appends its fields to `block`.
    ///
    /// `limits` count this block alone. A list above `max_list_size` or `max_fields` is discarded, and so is every
    /// field of it that was appended; indexed fields then cost no memory at all.
    ///
    /// # Errors
    ///
    /// Any [`DecodeError`] ends the connection (RFC 9113 §4.3): nothing is appended, and the decoder is not to be
    /// used again, as its table no longer follows the peer's.
    pub fn decode(
        &mut self,
        input: &[u8],
        limits: &BlockLimits,
        block: &mut FieldBlock,
    ) -> Result<Decoded, DecodeError> {
        let start = block.mark();
        self.decode_to(start, input, limits, block)
    }

    /// As [`decode`](Self::decode), in place of what `block` has: where that started as this one does, the start is not
    /// written again.
    #[inline]
    pub(crate) fn decode_over(
        &mut self,
        input: &[u8],
        limits: &BlockLimits,
        block: &mut FieldBlock,
    ) -> Result<Decoded, DecodeError> {
        self.decode_to(Mark::START, input, limits, block)
    }

    /// Decodes a block, in place of what `block` has from `start` on.
    #[inline(always)]
    fn decode_to(
        &mut self,
        start: Mark,
        input: &[u8],
        limits: &BlockLimits,
        block: &mut FieldBlock,
    ) -> Result<Decoded, DecodeError> {
        self.start.shape = Shape::NONE;
        let inserted = self.table.inserted();
        let mut known = Known { start, rest: input, size: 0, count: 0 };
        // Neither begins with a size update.
        if self.owed.is_none()
            && matches!(input.first(), Some(..0x20 | 0x40..))
            && !self.memo.is_empty()
            && self.decode_best(&mut known, limits, block)
        {
            return Ok(Decoded::Complete);
        }
        if known.count == 0 {
            block.rewind(start);
        }
        let decoded = self.decode_list(known, limits, block)?;
        if self.memo.misses(self.table.inserted() != inserted) {
            self.learn(input);
        }
        Ok(decoded)
    }

    /// What was known of the last block, if anything was: what was found of another of its kind holds again.
    #[inline]
    pub(crate) fn start(&self) -> Option<&Start> {
        Some(&self.start).filter(|start| start.shape != Shape::NONE)
    }

    /// A number that changes with the table: while it stands still, and is not `None`, the same block gives the same
    /// fields. `None` while a size update is owed.
    pub(crate) fn generation(&self) -> Option<u64> {
        if self.owed.is_some() { None } else { Some(self.table.generation()) }
    }

    /// The size of the table's entries, in octets as RFC 7541 §4.1 counts them.
    pub fn table_size(&self) -> usize {
        self.table.size()
    }

    /// Gives the memory back that only spares work. The table stays.
    pub(crate) fn trim(&mut self) {
        self.memo.trim();
        self.start.shape = Shape::NONE;
    }

    /// Octets of memory allocated for the table.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn heap_size(&self) -> usize {
        self.table.heap_size() + self.memo.heap_size(|()| 0)
    }

    /// Decodes a block, or what is behind its known start.
    #[inline(never)]
    fn decode_list(
        &mut self,
        known: Known<'_>,
        limits: &BlockLimits,
        block: &mut FieldBlock,
    ) -> Result<Decoded, DecodeError> {
        let mut list = List::new(block, limits, &known);
        let result = self.decode_fields(known.rest, &mut list);
        if result.is_err() {
            list.discard();
        }
        result.map(|()| list.verdict)
    }

    #[inline(always)]
    fn decode_fields(&mut self, mut input: &[u8], list: &mut List<'_>) -> Result<(), DecodeError> {
        if self.owed.is_some() || list.count == 0 && matches!(input.first(), Some(0x20..0x40)) {
            self.size_updates(&mut input)?;
        }
        while let Some(&first) = input.first() {
            match first {
                // §6.1: 1xxxxxxx.
                0x80.. => input = self.all_indexed(input, list)?,
                // §6.2.1: 01xxxxxx, literal with incremental indexing.
                0x40.. => input = self.literal::<6>(input, list, false)?,
                // §4.2: 001xxxxx may only come before the first field.
                0x20.. => return Err(DecodeError::SizeUpdateNotAtStart),
                // §6.2.2 and §6.2.3: 0000xxxx without indexing, 0001xxxx never indexed.
                _ => input = self.literal::<4>(input, list, first & 0x10 != 0)?,
            }
        }
        Ok(())
    }

    /// RFC 7541 §4.2, §6.3: the size updates at the start of a block.
    #[expect(clippy::arithmetic_side_effects, reason = "below `MAX_SIZE_UPDATES`")]
    #[cold]
    #[inline(never)]
    fn size_updates(&mut self, input: &mut &[u8]) -> Result<(), DecodeError> {
        let mut updates = 0;
        while let Some(0x20..0x40) = input.first() {
            updates += 1;
            if updates > MAX_SIZE_UPDATES {
                return Err(DecodeError::TooManySizeUpdates);
            }
            let size = integer::decode(input, 5)?;
            if size > self.limit {
                return Err(DecodeError::SizeUpdateTooLarge);
            }
            if self.owed.take().is_some_and(|owed| size > owed) {
                return Err(DecodeError::MissingSizeUpdate);
            }
            self.table.set_max_size(size as usize);
            self.memo.forget();
        }
        // RFC 9113 §4.3.1: a lowered limit must be followed at once.
        if self.owed.is_some() { Err(DecodeError::MissingSizeUpdate) } else { Ok(()) }
    }

    /// Decodes indices as long as they come; returns what follows them.
    fn all_indexed<'i>(&self, mut input: &'i [u8], list: &mut List<'_>) -> Result<&'i [u8], DecodeError> {
        while let Some(0x80..) = input.first() {
            input = self.indexed(input, list)?;
        }
        Ok(input)
    }

    /// Decodes an index; returns what follows it.
    #[inline(always)]
    fn indexed<'i>(&self, mut input: &'i [u8], list: &mut List<'_>) -> Result<&'i [u8], DecodeError> {
        let index = integer::decode(&mut input, 7)? as usize;
        let newer = index.checked_sub(static_table::LEN + 1);
        let record = match newer {
            Some(newer) => self.table.get(newer),
            None => static_table::whole_record(index),
        };
        let record = record.ok_or(DecodeError::InvalidIndex)?;
        if list.admit(record.len())? {
            list.block.push_record(record);
            if newer.is_none() {
                list.block.set_class(record.len(), self.static_class(index));
            }
        }
        Ok(input)
    }

    fn static_class(&self, index: usize) -> u8 {
        self.classifier.static_classes.get(index.wrapping_sub(1)).copied().unwrap_or(0)
    }

    /// Decodes a literal straight into a record at the end of the block, which is also what the table takes: the
    /// name may come from an entry that the insertion evicts (RFC 7541 §4.4; P-008). Returns what follows it.
    #[inline(never)]
    #[expect(clippy::arithmetic_side_effects, reason = "`name_len` was the length before more was added")]
    fn literal<'i, const PREFIX_BITS: u32>(
        &mut self,
        mut input: &'i [u8],
        list: &mut List<'_>,
        sensitive: bool,
    ) -> Result<&'i [u8], DecodeError> {
        // Only those that enter the table have a prefix of six bits.
        let indexing = const { PREFIX_BITS == 6 };
        let index = integer::decode(&mut input, PREFIX_BITS)? as usize;
        let (mark, known_class);
        if index == 0 {
            (mark, known_class) = (list.block.start_record(&[]), None);
            input = name_string(input, list.room(), list.block.buffer())?;
        } else {
            let (entry, class) = entry(&self.table, self.classifier, index).ok_or(DecodeError::InvalidIndex)?;
            (mark, known_class) = (list.block.start_record(entry.name), Some(class));
        }
        let name_len = list.block.unfinished(mark).len();
        input = string(input, list.room().saturating_sub(name_len as u64), list.block.buffer())?;

        let octets = list.block.unfinished(mark);
        let len = octets.len();
        let class = match octets.split_at_checked(name_len) {
            Some((name, value)) if indexing || list.verdict == Decoded::Complete => match known_class {
                Some(class) => (self.classifier.classify_again)(class, name, value),
                None => (self.classifier.classify)(name, value),
            },
            _ => 0,
        };
        let head = Head { name_len, value_len: len - name_len, sensitive, class };
        let record = list.block.finish_record(mark, head).ok_or(DecodeError::ListAbuse)?;
        if indexing && !self.table.insert(record) {
            // RFC 7541 §4.4: one that is too large empties the table.
            self.memo.forget();
        }
        list.admit(HEAD_LEN + len)?;
        Ok(input)
    }
}

/// The entry with an index, and its class.
#[inline(always)]
fn entry(table: &DynamicTable, classifier: Classifier, index: usize) -> Option<(Field<'_>, u8)> {
    match index.checked_sub(static_table::LEN + 1) {
        Some(newer) => table.field(newer).map(|entry| (entry, entry.class)),
        None => static_table::get(index).zip(classifier.static_classes.get(index.wrapping_sub(1)).copied()),
    }
}

/// What was decoded of a block without a look at each field, and what is left of it.
struct Known<'i> {
    /// Where the list starts.
    start: Mark,
    rest: &'i [u8],
    /// Of the list so far.
    size: u64,
    count: u64,
}

/// What so many fields, whose records have `len` octets together, count in a list (RFC 9113 §6.5.2).
#[expect(clippy::arithmetic_side_effects, reason = "lengths in memory")]
const fn list_size(len: usize, count: usize) -> u64 {
    (len + count * (FIELD_OVERHEAD - HEAD_LEN)) as u64
}

/// As [`string`]; most names come as an index.
#[inline(never)]
fn name_string<'i>(input: &'i [u8], room: u64, out: &mut Vec<u8>) -> Result<&'i [u8], DecodeError> {
    string(input, room, out)
}

/// Takes a string off the front of `input` and adds it to `out` (RFC 7541 §5.2); returns what follows it. `room` is what
/// the list may still grow by; a string that cannot fit is refused before it is decoded (P-024).
#[inline(always)]
fn string<'i>(mut input: &'i [u8], room: u64, out: &mut Vec<u8>) -> Result<&'i [u8], DecodeError> {
    let huffman = input.first().is_some_and(|octet| octet & 0x80 != 0);
    let len = integer::decode(&mut input, 7)? as usize;
    let (string, rest) = input.split_at_checked(len).ok_or(DecodeError::StringPastEnd)?;
    // A code may stand for fewer octets than it has itself.
    if string.len() as u64 > room && !(huffman && huffman::min_decoded_len(string) <= room) {
        return Err(DecodeError::ListAbuse);
    }
    match huffman {
        true => huffman::decode(string, out)?,
        false => out.extend_from_slice(string),
    }
    Ok(rest)
}

/// The list that a block is decoded into: what it counts so far, and whether it is still kept.
struct List<'a> {
    block: &'a mut FieldBlock,
    /// Where the list starts in `block`.
    start: Mark,
    limits: &'a BlockLimits,
    size: u64,
    count: u64,
    /// The lower of the two limits of the size, and of the count.
    easy_size: u64,
    easy_count: u64,
    verdict: Decoded,
}

impl<'a> List<'a> {
    fn new(block: &'a mut FieldBlock, limits: &'a BlockLimits, known: &Known<'_>) -> Self {
        Self {
            start: known.start,
            block,
            limits,
            size: known.size,
            count: known.count,
            easy_size: u64::from(limits.max_list_size.min(limits.abuse_list_size)),
            easy_count: u64::from(limits.max_fields.min(limits.abuse_fields)),
            verdict: Decoded::Complete,
        }
    }

    /// Counts a field whose record has `len` octets. False if the list is over its limits and discarded: the
    /// count goes on, up to the point where it is abuse.
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits: a peer cannot send so many octets")]
    fn admit(&mut self, len: usize) -> Result<bool, DecodeError> {
        self.count += 1;
        self.size += list_size(len, 1);
        // Nothing has to be looked at while the list is below the lowest of the limits.
        if self.size <= self.easy_size && self.count <= self.easy_count { Ok(true) } else { self.judge() }
    }

    #[cold]
    fn judge(&mut self) -> Result<bool, DecodeError> {
        if self.count > u64::from(self.limits.abuse_fields) {
            return Err(DecodeError::FieldAbuse);
        }
        if self.size > u64::from(self.limits.abuse_list_size) {
            return Err(DecodeError::ListAbuse);
        }
        if self.verdict == Decoded::Complete {
            let too_large = self.size > u64::from(self.limits.max_list_size);
            self.verdict = if too_large { Decoded::ListTooLarge } else { Decoded::TooManyFields };
        }
        self.discard();
        Ok(false)
    }

    /// Octets of name and value that the next field may have without being abuse.
    #[expect(clippy::arithmetic_side_effects, reason = "64 bits: a peer cannot send so many octets")]
    fn room(&self) -> u64 {
        u64::from(self.limits.abuse_list_size).saturating_sub(self.size + FIELD_OVERHEAD as u64)
    }

    fn discard(&mut self) {
        self.block.rewind(self.start);
    }
}

#[cfg(test)]
mod tests;
