//! `heap_size` says what the allocator gave, to the octet: limits of connections are counted by it.

use allocation_counter::measure;
use grpc_sansio::hpack::{Classifier, Decoder, Encoder, Field, FieldBlock};

use crate::support::WIDE;

/// Blocks that start alike, with names that come and go, ids that never repeat and a table that runs over.
fn traffic() -> Vec<FieldBlock> {
    let block = |number: u32| {
        let (name, id) = (format!("name-{}", number * 7 % 90), format!("{:08x}", number.wrapping_mul(2_654_435_761)));
        let usual = [Field::new(b":method", b"POST"), Field::new(b":path", b"/a.B/C"), Field::new(b"te", b"trailers")];
        let own = [Field::new(b"x-id", id.as_bytes()), Field::new(name.as_bytes(), id.as_bytes())];
        usual.into_iter().chain(own).collect()
    };
    (0..300).map(block).collect()
}

#[test]
fn an_encoder_says_what_it_holds() {
    let blocks = traffic();
    let mut out = Vec::with_capacity(4_096);
    for whole in [false, true] {
        for taken in [1, 2, 20, 300] {
            let mut kept = None;
            let counted = measure(|| {
                let mut encoder = Encoder::new(4096, 1);
                for block in &blocks[..taken] {
                    out.clear();
                    if whole { encoder.encode_block(block, &mut out) } else { encoder.encode(block.fields(), &mut out) }
                }
                kept = Some(encoder);
            });
            let said = kept.map(|encoder| encoder.heap_size() as i64);
            assert_eq!(said, Some(counted.bytes_current), "{whole} {taken}");
        }
    }
}

#[test]
fn a_decoder_says_what_it_holds() {
    let (mut encoder, mut wire) = (Encoder::new(4096, 1), Vec::new());
    for block in traffic() {
        let mut out = Vec::new();
        encoder.encode_block(&block, &mut out);
        wire.push(out);
    }
    let mut list = FieldBlock::from_cleared(Vec::with_capacity(4_096));
    for taken in [1, 2, 20, 300] {
        let mut kept = None;
        let counted = measure(|| {
            let mut decoder = Decoder::new(4096, Classifier::NONE);
            for input in &wire[..taken] {
                list.clear();
                decoder.decode(input, &WIDE, &mut list).unwrap();
            }
            kept = Some(decoder);
        });
        let said = kept.map(|decoder| decoder.heap_size() as i64);
        assert_eq!(said, Some(counted.bytes_current), "{taken}");
    }
}
