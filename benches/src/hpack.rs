//! Header compression of the request's block alone, with warm tables.

use crate::Work;
use crate::request::{AUTHORIZATION, PATH, RequestId};
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, Encoder, Field, FieldBlock};

/// Blocks after which no more of them enter the table.
const WARM: usize = 8;

/// Blocks that are taken in turn: so many that none comes back while the encoder remembers its values.
const BLOCKS: usize = 4_096;

fn fields(id: &str) -> [Field<'_>; 10] {
    [
        Field::new(b":method", b"POST"),
        Field::new(b":scheme", b"http"),
        Field::new(b":path", PATH.as_bytes()),
        Field::new(b":authority", b"localhost:50051"),
        Field::new(b"grpc-timeout", b"1S"),
        Field::new(b"te", b"trailers"),
        Field::new(b"content-type", b"application/grpc"),
        Field::new(b"user-agent", b"grpc-sansio/0.1"),
        Field::new(b"authorization", AUTHORIZATION.as_bytes()),
        Field::new(b"x-request-id", id.as_bytes()),
    ]
}

pub struct Encode {
    encoder: Encoder,
    id: RequestId,
    out: Vec<u8>,
}

impl Encode {
    pub fn new() -> Self {
        Self { encoder: Encoder::new(4096, 1), id: RequestId::new(), out: Vec::new() }
    }
}

impl Work for Encode {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            self.out.clear();
            self.encoder.encode(fields(self.id.next()), &mut self.out);
        }
    }
}

/// Of lists that lie in one piece.
pub struct EncodeBlock {
    encoder: Encoder,
    blocks: Vec<FieldBlock>,
    next: usize,
    out: Vec<u8>,
}

impl EncodeBlock {
    pub fn new() -> Self {
        let mut id = RequestId::new();
        let blocks = (0..BLOCKS).map(|_| fields(id.next()).into_iter().collect()).collect();
        Self { encoder: Encoder::new(4096, 1), blocks, next: 0, out: Vec::new() }
    }
}

impl Work for EncodeBlock {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            self.out.clear();
            self.encoder.encode_block(&self.blocks[self.next], &mut self.out);
            self.next = (self.next + 1) % self.blocks.len();
        }
    }
}

pub struct Decode {
    decoder: Decoder,
    blocks: Vec<Vec<u8>>,
    next: usize,
    fields: FieldBlock,
}

impl Decode {
    pub fn new() -> Self {
        let (mut encoder, mut id) = (Encoder::new(4096, 1), RequestId::new());
        let mut blocks = Vec::new();
        for _ in 0..WARM + BLOCKS {
            let mut block = Vec::new();
            encoder.encode(fields(id.next()), &mut block);
            blocks.push(block);
        }
        let mut decode =
            Self { decoder: Decoder::new(4096, Classifier::NONE), blocks, next: 0, fields: FieldBlock::new() };
        decode.run(WARM as u64);
        decode.blocks.drain(..WARM);
        decode.next = 0;
        decode
    }
}

impl Work for Decode {
    fn run(&mut self, units: u64) {
        let limits = BlockLimits { max_list_size: 16_384, max_fields: 128, abuse_list_size: 65_536, abuse_fields: 512 };
        for _ in 0..units {
            self.fields.clear();
            let decoded = self.decoder.decode(&self.blocks[self.next], &limits, &mut self.fields);
            assert_eq!(decoded, Ok(Decoded::Complete));
            self.next = (self.next + 1) % self.blocks.len();
        }
    }
}
