//! Our own codec.

use super::codec;
use super::lists::List;
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, Encoder, Field, FieldBlock};

const LIMITS: BlockLimits =
    BlockLimits { max_list_size: 16_384, max_fields: 128, abuse_list_size: 65_536, abuse_fields: 512 };

fn fields(list: &'static List) -> impl Iterator<Item = Field<'static>> {
    list.iter().map(|(name, value, sensitive)| Field { sensitive: *sensitive, ..Field::new(name, value) })
}

/// The general way: fields one by one.
pub struct OneByOne {
    encoder: Encoder,
    lists: Vec<Vec<Field<'static>>>,
    out: Vec<u8>,
}

impl codec::Encode for OneByOne {
    fn new(lists: &'static [List]) -> Self {
        let lists = lists.iter().map(|list| fields(list).collect()).collect();
        Self { encoder: Encoder::new(4096, 1), lists, out: Vec::new() }
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        self.out.clear();
        self.encoder.encode(self.lists[at].iter().copied(), &mut self.out);
        &self.out
    }

    fn insertions(&self) -> Option<u64> {
        Some(self.encoder.insert_count())
    }
}

/// Lists that lie in one piece.
pub struct InOnePiece {
    encoder: Encoder,
    lists: Vec<FieldBlock>,
    out: Vec<u8>,
}

impl codec::Encode for InOnePiece {
    fn new(lists: &'static [List]) -> Self {
        let lists = lists.iter().map(|list| fields(list).collect()).collect();
        Self { encoder: Encoder::new(4096, 1), lists, out: Vec::new() }
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        self.out.clear();
        self.encoder.encode_block(&self.lists[at], &mut self.out);
        &self.out
    }

    fn insertions(&self) -> Option<u64> {
        Some(self.encoder.insert_count())
    }
}

/// A peer that puts every field of every block into the table, by its name and value.
pub struct Inserting(OneByOne);

impl codec::Encode for Inserting {
    fn new(lists: &'static [List]) -> Self {
        Self(OneByOne::new(lists))
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        let OneByOne { lists, out, .. } = &mut self.0;
        out.clear();
        for field in &lists[at] {
            out.extend([0x40, field.name.len() as u8]);
            out.extend_from_slice(field.name);
            out.push(field.value.len() as u8);
            out.extend_from_slice(field.value);
        }
        out
    }
}

pub struct Decode {
    decoder: Decoder,
    fields: FieldBlock,
}

impl codec::Decode for Decode {
    fn new() -> Self {
        Self { decoder: Decoder::new(4096, Classifier::NONE), fields: FieldBlock::new() }
    }

    fn decode(&mut self, block: &[u8]) -> usize {
        self.fields.clear();
        let decoded = self.decoder.decode(block, &LIMITS, &mut self.fields);
        assert_eq!(decoded, Ok(Decoded::Complete));
        self.fields.fields().map(|field| field.name.len() + field.value.len()).sum()
    }
}
