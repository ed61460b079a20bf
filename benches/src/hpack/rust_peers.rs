//! The codecs of the crates hpack and loona-hpack, by their callbacks. Neither has a Huffman encoder.

use super::codec;
use super::lists::List;

fn pairs(list: &List) -> impl Iterator<Item = (&[u8], &[u8])> {
    list.iter().map(|(name, value, _)| (name.as_slice(), value.as_slice()))
}

pub struct Hpack {
    encoder: hpack::Encoder<'static>,
    decoder: hpack::Decoder<'static>,
    lists: &'static [List],
    out: Vec<u8>,
}

impl codec::Encode for Hpack {
    fn new(lists: &'static [List]) -> Self {
        Self { encoder: hpack::Encoder::new(), decoder: hpack::Decoder::new(), lists, out: Vec::new() }
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        self.out.clear();
        self.encoder.encode_into(pairs(&self.lists[at]), &mut self.out).expect("a vector");
        &self.out
    }
}

impl codec::Decode for Hpack {
    fn new() -> Self {
        codec::Encode::new(&[])
    }

    fn decode(&mut self, block: &[u8]) -> usize {
        let mut octets = 0;
        self.decoder.decode_with_cb(block, |name, value| octets += name.len() + value.len()).expect("a sound block");
        octets
    }
}

pub struct Loona {
    encoder: loona_hpack::Encoder<'static>,
    decoder: loona_hpack::Decoder<'static>,
    lists: &'static [List],
    out: Vec<u8>,
}

impl codec::Encode for Loona {
    fn new(lists: &'static [List]) -> Self {
        Self { encoder: loona_hpack::Encoder::new(), decoder: loona_hpack::Decoder::new(), lists, out: Vec::new() }
    }

    fn encode(&mut self, at: usize) -> &[u8] {
        self.out.clear();
        self.encoder.encode_into(pairs(&self.lists[at]), &mut self.out).expect("a vector");
        &self.out
    }
}

impl codec::Decode for Loona {
    fn new() -> Self {
        codec::Encode::new(&[])
    }

    fn decode(&mut self, block: &[u8]) -> usize {
        let mut octets = 0;
        let result = self.decoder.decode_with_cb(block, |name, value| octets += name.len() + value.len());
        result.expect("a sound block");
        octets
    }
}
