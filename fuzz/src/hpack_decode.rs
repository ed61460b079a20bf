//! Header blocks of a hostile encoder.
//!
//! * Nothing panics, whatever the limits, and memory keeps to what the decoder's documentation promises.
//! * A list that is delivered keeps the limits; a decoder with small limits delivers exactly the lists of a decoder with
//!   large ones that fit, and its table goes the same way.
//! * What was decoded can be encoded, and comes back.

use crate::control::Control;
use crate::meter::ours;
use grpc_sansio::hpack::{BlockLimits, Classifier, DecodeError, Decoded, Decoder, Encoder, FieldBlock};

const SMALL: BlockLimits = BlockLimits { max_list_size: 300, max_fields: 4, abuse_list_size: 1_000, abuse_fields: 12 };
const LARGE: BlockLimits =
    BlockLimits { max_list_size: 65_536, max_fields: 1_000, abuse_list_size: 65_536, abuse_fields: 1_000 };

/// What the decoder may remember of the last block, beside its table.
const MEMO: usize = 2 * 1024;

/// Any octets, in one block or several.
pub fn run(data: &[u8]) {
    let Some((wire, control)) = Control::split(data) else { return };
    let table_size = if control.has(0) { 128 } else { 4_096 };
    let mut small = Side::new(table_size, SMALL);
    let mut large = Side::new(table_size, LARGE);
    for (index, block) in control.pieces(wire, 40).enumerate() {
        if control.has(1) && index == 2 {
            small.lower_table(64);
            large.lower_table(64);
        }
        let (tight, wide) = (small.decode(block), large.decode(block));
        match (tight, wide) {
            (Err(tight), Err(wide)) if tight == wide => return,
            // the small limits were broken before whatever else is wrong
            (Err(DecodeError::ListAbuse | DecodeError::FieldAbuse), _) => return,
            (Ok(tight), Ok(wide)) => {
                assert_eq!(wide, Decoded::Complete, "the large limits of delivery and of abuse are the same");
                assert_eq!(small.decoder.table_size(), large.decoder.table_size());
                let size = large.fields.list_size() as u64;
                let fits = size <= u64::from(SMALL.max_list_size) && large.fields.len() <= SMALL.max_fields as usize;
                assert_eq!(tight == Decoded::Complete, fits);
                assert_eq!(small.fields, if fits { large.fields.clone() } else { FieldBlock::new() });
            }
            other => panic!("the limits change what is wrong with a block: {other:?}"),
        }
        encodes_to_itself(&large.fields);
    }
}

struct Side {
    decoder: Decoder,
    limits: BlockLimits,
    fields: FieldBlock,
    table_size: u32,
    longest: usize,
}

impl Side {
    fn new(table_size: u32, limits: BlockLimits) -> Self {
        let decoder = Decoder::new(table_size, Classifier::NONE);
        Self { decoder, limits, fields: FieldBlock::new(), table_size, longest: 0 }
    }

    fn lower_table(&mut self, size: u32) {
        self.decoder.set_max_table_size(size);
    }

    fn decode(&mut self, block: &[u8]) -> Result<Decoded, DecodeError> {
        self.fields.clear();
        self.longest = self.longest.max(block.len());
        let result = ours(|| self.decoder.decode(block, &self.limits, &mut self.fields));
        if result == Ok(Decoded::Complete) {
            assert!(self.fields.list_size() <= self.limits.max_list_size as usize);
            assert!(self.fields.len() <= self.limits.max_fields as usize);
            assert_eq!(self.fields.len(), self.fields.fields().count());
            assert!(self.fields.len() <= block.len(), "a field has an octet at least");
        } else {
            assert!(self.fields.is_empty() && self.fields.byte_len() == 0);
        }
        let table = self.table_size as usize;
        assert!(self.decoder.table_size() <= table);
        let promised = 2 * table + 4 * table.next_power_of_two().max(64) + MEMO;
        assert!(self.decoder.heap_size() <= promised, "table memory");
        // A list may be over its limit by one field when that is noticed, and a string of Huffman code is at most 8/5
        // as long as its code.
        let held = self.limits.abuse_list_size as usize + 2 * self.longest + table;
        assert!(self.fields.capacity() <= 2 * held, "list memory: {}", self.fields.capacity());
        result
    }
}

fn encodes_to_itself(fields: &FieldBlock) {
    let mut encoder = Encoder::new(4_096, 7);
    let mut decoder = Decoder::new(4_096, Classifier::NONE);
    for _ in 0..3 {
        let (mut wire, mut again) = (Vec::new(), FieldBlock::new());
        encoder.encode(fields, &mut wire);
        assert_eq!(decoder.decode(&wire, &LARGE, &mut again), Ok(Decoded::Complete));
        assert!(same(fields, &again), "{fields:?} became {again:?}");
    }
}

/// The same names and values, in the same order.
pub(crate) fn same(one: &FieldBlock, other: &FieldBlock) -> bool {
    one.fields().map(|field| (field.name, field.value)).eq(other.fields().map(|field| (field.name, field.value)))
}
