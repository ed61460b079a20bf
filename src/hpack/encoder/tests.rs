use super::{Encoder, string};
use crate::hpack::{BlockLimits, Classifier, Decoder, Field, FieldBlock};
use alloc::vec::Vec;
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
    // Seven values, and the ids of the first three calls.
    assert_eq!(encoder.insert_count(), 7 + 3);
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
    // A new entry makes it forget, a block without one in between does not.
    assert_eq!((encode(b"/b"), (0..30).map(|_| encode(b"/a")).last()), (None, Some(Some(2))));
    assert_eq!((encode(b"/b"), encode(b"/a")), (None, Some(2)));
}

/// Entries go by 31 bits of their number, in the index by 32: what is written holds where these wrap around, and
/// whatever they meant before.
#[test]
fn four_billion_entries_are_counted_on() {
    let mut encoder = Encoder::new(300, 1);
    let mut decoder = Decoder::new(4096, Classifier::NONE);
    let limits = BlockLimits { max_list_size: 4096, max_fields: 9, abuse_list_size: 4096, abuse_fields: 9 };
    let mut step = 0;
    let mut check = |encoder: &mut Encoder| {
        for _ in 0..300 {
            step += 1;
            let (name, value) = (format!("x-name-{}", step % 7), format!("{}", step % 50));
            let list = [
                Field::new(b":method", b"POST"),
                Field::new(name.as_bytes(), value.as_bytes()),
                Field::new(b"x-name-3", b"again"),
            ];
            let (block, mut fields) = (encode(encoder, &list), FieldBlock::new());
            decoder.decode(&block, &limits, &mut fields).unwrap();
            assert_eq!(fields, list.into_iter().collect());
        }
    };
    check(&mut encoder);
    let known = encoder.names.clone();
    for wrap in [1 << 31, 1 << 32] {
        encoder.table.count_from(wrap - 70);
        check(&mut encoder);
        assert!(encoder.insert_count() > wrap, "{}", encoder.insert_count());
        // What is remembered of names is billions of entries old.
        encoder.names = known.clone();
        check(&mut encoder);
    }
}
