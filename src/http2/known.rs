//! Short header blocks that come again and again: the head of a response, and trailers that say OK.
//!
//! As long as a table stands still, the same octets mean the same fields, and the same fields make the same octets. So the
//! last such block is remembered with what came of it. A block that is another one costs a comparison.

use super::fields::Summary;
use crate::hpack::{Encoder, FieldBlock};
use alloc::vec::Vec;

/// Octets of a block that are remembered.
const MAX_LEN: usize = 16;

/// Blocks in a row that have to be others before the next one is remembered instead.
const PATIENCE: u8 = 2;

/// Octets of a block, and the state of the table that they stand for.
#[derive(Clone, Copy, Debug, Default)]
struct Octets {
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

    fn as_slice(&self) -> &[u8] {
        self.octets.get(..self.len).unwrap_or_default()
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
        let same = self.number != 0 && self.known.generation == generation && self.known.as_slice() == block;
        self.misses = if same { 0 } else { self.misses.saturating_add(1) };
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

/// A block that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent(Octets);

impl Sent {
    /// Writes the block: as it was, if the table still is as it was, or else by `encode`.
    #[inline]
    pub(super) fn write(
        &mut self,
        encoder: &mut Encoder,
        out: &mut Vec<u8>,
        encode: impl FnOnce(&mut Encoder, &mut Vec<u8>),
    ) {
        let generation = encoder.generation();
        if self.0.len > 0 && generation == Some(self.0.generation) {
            return out.extend_from_slice(self.0.as_slice());
        }
        let start = out.len();
        encode(encoder, out);
        let block = out.get(start..).filter(|_| generation.is_some() && generation == encoder.generation());
        let known = block.and_then(|block| Octets::new(block, generation.unwrap_or_default()));
        self.0 = known.unwrap_or_default();
    }
}
