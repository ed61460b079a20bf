//! Short header blocks that come again and again: the head of a response, and trailers that say OK.
//!
//! As long as a table stands still, the same octets mean the same fields, and the same fields make the same octets. So
//! the last such block is remembered with what came of it. A block that is another one costs a comparison.

use super::fields::Summary;
use crate::hpack::{Encoder, FieldBlock};
use alloc::vec::Vec;

/// Octets of a block that are remembered.
pub(super) const MAX_LEN: usize = 16;

/// Blocks in a row that have to be others before the next one is remembered instead.
const PATIENCE: u8 = 2;

/// Octets of a block, and the state of the table that they stand for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Octets {
    octets: [u8; MAX_LEN],
    len: usize,
    /// The table's, when the block changed nothing in it.
    generation: u64,
}

impl Octets {
    fn new(block: &[u8], generation: u64) -> Option<Self> {
        let mut octets = [0; MAX_LEN];
        octets.get_mut(..block.len())?.copy_from_slice(block);
        Some(Self { octets, len: block.len(), generation })
    }

    /// Compared one by one: mostly they are one or two.
    #[inline]
    fn are(&self, block: &[u8]) -> bool {
        self.len == block.len()
            && match (block, &self.octets) {
                ([a], [b, ..]) => a == b,
                ([a, b], [c, d, ..]) => (a, b) == (c, d),
                (block, octets) => octets.iter().zip(block).all(|(ours, theirs)| ours == theirs),
            }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Appends them.
    #[inline]
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.len;
        // A copy of a length that the compiler knows is two instructions.
        out.extend_from_slice(&self.octets);
        out.truncate(end);
    }
}

/// A block that was received, decoded and found to be sound.
#[derive(Clone, Debug, Default)]
pub(super) struct Received {
    known: Octets,
    misses: u8,
    /// Stands for these fields as long as the connection lives; 0 while nothing is remembered.
    pub(super) number: u32,
    pub(super) summary: Summary,
    pub(super) fields: FieldBlock,
}

impl Received {
    /// Whether the block is the one that is remembered.
    #[inline]
    pub(super) fn recall(&mut self, block: &[u8], generation: u64) -> bool {
        let same = self.number != 0 && self.known.generation == generation && self.known.are(block);
        if same {
            self.misses = 0;
        }
        same
    }

    /// Remembers a block that was not recalled, if it is short and it is time. `number` is one that was never given.
    pub(super) fn learn(
        &mut self,
        block: &[u8],
        generation: u64,
        number: u32,
        summary: Summary,
        fields: &FieldBlock,
    ) -> bool {
        self.misses = self.misses.saturating_add(1);
        if self.misses < PATIENCE && self.number != 0 {
            return false;
        }
        let Some(known) = Octets::new(block, generation) else { return false };
        (self.known, self.number, self.summary) = (known, number, summary);
        self.fields.clear();
        self.fields.extend_from(fields);
        true
    }
}

/// What is remembered on one connection. It comes with the first block and goes with the quiet.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) response: Received,
    /// For so many streams the layer above still wants its fields: until then nothing takes its place.
    pub(super) held: u32,
    pub(super) trailers: Received,
    pub(super) sent_response: Sent,
    pub(super) sent_trailers: Sent,
}

impl Known {
    pub(super) fn heap_size(&self) -> usize {
        size_of::<Self>() + self.response.fields.capacity() + self.trailers.fields.capacity()
    }
}

/// A block that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent(Octets);

impl Sent {
    /// The block as it was, if the table still is as it was.
    #[inline]
    pub(super) fn octets(&self, generation: u64) -> Option<&Octets> {
        Some(&self.0).filter(|octets| octets.len > 0 && octets.generation == generation)
    }

    /// Writes the block: as it was, if the table still is as it was, or else by `encode`.
    #[inline]
    pub(super) fn write(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>),
    ) {
        let generation = encoder.generation();
        if let Some(octets) = generation.and_then(|generation| self.octets(generation)) {
            return octets.put(out);
        }
        let start = out.len();
        encode(encoder, out);
        let block = out.get(start..).filter(|_| generation.is_some() && generation == encoder.generation());
        let known = block.and_then(|block| Octets::new(block, generation.unwrap_or_default()));
        self.0 = known.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Received, Sent};
    use crate::hpack::{BlockLimits, Classifier, Decoder, Encoder, Field, FieldBlock};
    use crate::http2::fields::Summary;
    use proptest::prelude::*;
    use std::format;
    use std::vec::Vec;

    const LIMITS: BlockLimits =
        BlockLimits { max_list_size: 1 << 20, max_fields: 100, abuse_list_size: 1 << 20, abuse_fields: 100 };

    const HEAD: [Field<'static>; 2] =
        [Field::new(b":status", b"200"), Field::new(b"content-type", b"application/grpc")];

    /// A block, by the decoder alone and by way of what is remembered: the same fields.
    struct Reader {
        plain: Decoder,
        decoder: Decoder,
        known: Received,
        number: u32,
    }

    impl Reader {
        fn new() -> Self {
            let decoder = Decoder::new(4096, Classifier::NONE);
            Self { plain: decoder.clone(), decoder, known: Received::default(), number: 0 }
        }

        /// Says whether the block was recalled.
        fn read(&mut self, block: &[u8]) -> bool {
            let mut expected = FieldBlock::new();
            self.plain.decode(block, &LIMITS, &mut expected).unwrap();
            let before = self.decoder.generation();
            if let Some(generation) = before
                && self.known.recall(block, generation)
            {
                assert_eq!(self.known.fields, expected);
                return true;
            }
            let mut fields = FieldBlock::new();
            self.decoder.decode(block, &LIMITS, &mut fields).unwrap();
            assert_eq!(fields, expected);
            if let Some(generation) = before.filter(|_| before == self.decoder.generation()) {
                self.number += 1;
                self.known.learn(block, generation, self.number, Summary::default(), &fields);
            }
            false
        }
    }

    proptest! {
        /// Whatever goes on in the tables, what is sent and received by way of a memory is what it is without one.
        #[test]
        fn a_memory_changes_nothing(ops in prop::collection::vec((0..6u8, 0..300u32), 0..120)) {
            let (mut encoder, mut sent, mut reader) = (Encoder::new(4096, 1), Sent::default(), Reader::new());
            for (op, number) in ops {
                let mut block = Vec::new();
                match op {
                    0..3 => {
                        sent.write(&mut encoder, &mut block, |encoder, out| encoder.encode(HEAD, out));
                        let mut fields = FieldBlock::new();
                        reader.plain.clone().decode(&block, &LIMITS, &mut fields).unwrap();
                        prop_assert_eq!(fields, HEAD.into_iter().collect::<FieldBlock>());
                    }
                    3 => encoder.encode([Field::new(b"grpc-status", b"0")], &mut block),
                    4 => encoder.encode([Field::new(b"x", format!("{number}").as_bytes())], &mut block),
                    _ => {
                        encoder.set_peer_max_table_size(number);
                        for decoder in [&mut reader.plain, &mut reader.decoder] {
                            decoder.set_max_table_size(number);
                        }
                        encoder.encode(HEAD, &mut block);
                    }
                }
                reader.read(&block);
            }
        }
    }

    /// The usual block is recalled at its second sight, and one that takes its place after as many others as it is
    /// given.
    #[test]
    fn another_block_takes_the_place_in_time() {
        let (mut encoder, mut reader) = (Encoder::new(4096, 1), Reader::new());
        let mut read = |field: Field<'_>| {
            let mut block = Vec::new();
            encoder.encode([field], &mut block);
            reader.read(&block)
        };
        let (usual, other) = (Field::new(b":status", b"200"), Field::new(b":status", b"404"));
        assert_eq!([read(usual), read(usual), read(usual)], [false, true, true]);
        for _ in 0..PATIENCE {
            assert!(!read(other));
        }
        assert!(read(other) && !read(usual));
    }
}
