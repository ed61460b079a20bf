//! What all codecs are measured through.

use super::lists::{List, Lists};
use crate::Work;
use std::hint::black_box;

/// One that makes blocks of the lists that it was given.
pub trait Encode {
    fn new(lists: &'static [List]) -> Self;

    /// The block of the list at a place.
    fn encode(&mut self, at: usize) -> &[u8];

    /// Entries ever made in the table, where that can be known.
    fn insertions(&self) -> Option<u64> {
        None
    }
}

/// One that hands over the fields of blocks.
pub trait Decode {
    fn new() -> Self;

    /// Returns the octets of all names and values.
    fn decode(&mut self, block: &[u8]) -> usize;
}

/// Blocks of a decoder before it begins anew with the first of them.
const BLOCKS: usize = 4_000;

struct Encoding<E> {
    encoder: E,
    first: usize,
    lists: usize,
    next: usize,
    blocks: u64,
    octets: u64,
}

pub fn encoding<E: Encode + 'static, L: Lists>() -> Box<dyn Work> {
    let (first, all) = lists::<L>();
    let mut encoder = E::new(all);
    for at in 0..first {
        encoder.encode(at);
    }
    Box::new(Encoding { encoder, first, lists: all.len(), next: first, blocks: 0, octets: 0 })
}

/// The lists, those that come once first: how many these are, and all.
fn lists<L: Lists>() -> (usize, &'static [List]) {
    let mut all = L::first();
    let first = all.len();
    all.extend(L::lists());
    (first, Vec::leak(all))
}

impl<E: Encode> Work for Encoding<E> {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            self.octets += self.encoder.encode(self.next).len() as u64;
            self.next += 1;
            if self.next == self.lists {
                self.next = self.first;
            }
        }
        self.blocks += units;
    }

    fn octets_of_a_block(&self) -> Option<f64> {
        Some(self.octets as f64 / self.blocks as f64)
    }
}

struct Decoding<D> {
    decoder: D,
    blocks: Vec<Vec<u8>>,
    next: usize,
    /// Where the blocks begin whose encoder inserted nothing any more, so that they can come again.
    again: Option<usize>,
}

/// `D` decodes what `E` makes. A decoder that has come to the last block begins with the first one that can follow: that
/// is a new connection, or, where blocks came to change no table any more, the first of these.
pub fn decoding<E: Encode, D: Decode + 'static, L: Lists>() -> Box<dyn Work> {
    let (first, all) = lists::<L>();
    let mut encoder = E::new(all);
    let mut blocks = Vec::new();
    let mut make = |at: usize| {
        blocks.push(encoder.encode(at).to_vec());
        encoder.insertions()
    };
    let mut places = (0..first).chain((first..all.len()).cycle());
    let settled = places.by_ref().take(first + WARM).map(&mut make).last().flatten();
    let end = places.take(BLOCKS).map(make).last().flatten();
    let again = (settled.is_some() && settled == end).then_some(first + WARM);
    let mut decoding = Decoding { decoder: D::new(), blocks, next: 0, again };
    decoding.run((first + WARM) as u64);
    Box::new(decoding)
}

/// Blocks after which an encoder has put into its table what it will.
const WARM: usize = 16;

impl<D: Decode> Work for Decoding<D> {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            black_box(self.decoder.decode(&self.blocks[self.next]));
            self.next += 1;
            if self.next == self.blocks.len() {
                self.next = self.again.unwrap_or_else(|| {
                    self.decoder = D::new();
                    0
                });
            }
        }
    }

    fn octets_of_a_block(&self) -> Option<f64> {
        let settled = &self.blocks[self.again.unwrap_or(0)..];
        Some(settled.iter().map(Vec::len).sum::<usize>() as f64 / settled.len() as f64)
    }
}
