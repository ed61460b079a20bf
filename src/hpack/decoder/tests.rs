use super::{BlockLimits, Classifier, DecodeError, Decoded, Decoder, FieldBlock, Shape, static_table};
use crate::hpack::integer;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// A class that takes in name and value.
fn class(name: &[u8], value: &[u8]) -> u8 {
    (name.len() as u8) << 4 | value.len() as u8 & 15
}

fn classifier() -> Classifier {
    let classes: Vec<u8> =
        (1..=static_table::LEN).filter_map(static_table::get).map(|field| class(field.name, field.value)).collect();
    Classifier {
        classify: class,
        classify_again: |class, _, value| class & 0xf0 | value.len() as u8 & 15,
        static_classes: Vec::leak(classes).first_chunk().unwrap(),
    }
}

/// A literal that has the name of an entry and stays out of the table: up to its value. Most indices exist.
fn tail() -> impl Strategy<Value = Vec<u8>> {
    let index =
        prop_oneof![9 => 1..15usize, 9 => 62..65usize, 1 => 65..80usize, 4 => 141..145usize, 2 => 145..260usize];
    (index, any::<bool>()).prop_map(|(index, sensitive)| {
        let mut octets = Vec::new();
        integer::encode(index, 4, u8::from(sensitive) << 4, &mut octets);
        octets
    })
}

/// A string, plain or coded; most are sound.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..40).prop_map(|octets| [&[octets.len() as u8][..], &octets].concat()),
        4 => prop::collection::vec(0..0x18u8, 0..40).prop_map(|codes| {
            // Codes of five bits: digits and letters; then what is left of ones.
            let bits: Vec<u8> = codes.iter().flat_map(|code| (0..5).rev().map(move |bit| code >> bit & 1)).collect();
            let octets = bits.chunks(8).map(|bits| (0..8).fold(0, |octet, at| octet << 1 | bits.get(at).unwrap_or(&1)));
            let octets: Vec<u8> = octets.collect();
            [&[0x80 | octets.len() as u8][..], &octets].concat()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..10),
    ]
}

fn block() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        2 => (tail(), value()).prop_map(|(tail, value)| [tail, value].concat()),
        6 => (0x82..0x88u8).prop_map(|octet| vec![octet]),
        6 => (0xbe..0xc1u8).prop_map(|octet| vec![octet]),
        2 => any::<u8>().prop_map(|value| vec![0x40, 1, b'n', 1, value]),
        2 => any::<u8>().prop_map(|value| vec![0x00, 1, b'n', 1, value]),
        // Larger than the table may be at times.
        1 => Just([&[0x40, 1, b'l', 60][..], &[b'x'; 60]].concat()),
        // Indices of two and three octets, and what is none.
        2 => prop::sample::select(vec![0xff, 0x0f, 0x1f]).prop_flat_map(|first| {
            prop::collection::vec(prop::sample::select(vec![0, 1, 80, 0x7f, 0x80, 0x81, 0xff]), 1..4)
                .prop_map(move |more| [&[first][..], &more].concat())
        }),
    ];
    let resize =
        prop_oneof![9 => Just(vec![]), 1 => Just(vec![0x20]), 1 => Just(vec![0x3f, 49]), 2 => Just(vec![0x3f, 225, 3])];
    (resize, prop::collection::vec(piece, 0..6)).prop_map(|(resize, pieces)| [resize, pieces.concat()].concat())
}

proptest! {
    /// What was learnt of earlier blocks, and what is left of them in memory, changes nothing: not the fields, not the
    /// verdict, not the error.
    #[test]
    fn a_memory_of_blocks_makes_no_difference(
        usual in block(),
        tails in prop::collection::vec(tail(), 1..4),
        blocks in prop::collection::vec((0..10u8, block(), 0..12usize, value(), 60..600u32), 0..60),
        far in prop_oneof![3 => Just(0u8), 2 => 75..90u8, 1 => Just(200)],
    ) {
        let mut with = Decoder::new(9_000, classifier());
        let wide = BlockLimits { max_list_size: 9_999, max_fields: 300, abuse_list_size: 9_999, abuse_fields: 300 };
        let mut setup = vec![0x3f, 0x89, 0x45];
        (0..far).for_each(|name| setup.extend([0x40, 1, name, 0]));
        with.decode(&setup, &wide, &mut FieldBlock::new()).unwrap();
        let (mut without, mut over) = (with.clone(), with.clone());
        // Memory that blocks were decoded into before.
        let mut used = [FieldBlock::new(), FieldBlock::new()];
        let entries = [0x40, 1, b'a', 0, 0x40, 1, b'b', 0, 0x40, 1, b'c', 0].to_vec();
        let all = [(9, entries, 0, vec![], 600)].into_iter().chain(blocks);
        for (kind, other, tail, value, max_list_size) in all {
            let octets = match kind {
                0..3 => &usual,
                3..8 => &[&usual[..], &tails[if tail < tails.len() { tail } else { 0 }], &value].concat(),
                _ => &other,
            };
            let limits = BlockLimits { max_list_size, max_fields: 5, abuse_list_size: 500, abuse_fields: 8 };
            let (mut a, mut b) = (FieldBlock::new(), FieldBlock::new());
            without.trim();
            let result = with.decode(octets, &limits, &mut a);
            prop_assert_eq!(result, without.decode(octets, &limits, &mut b));
            prop_assert_eq!(&a, &b);
            let used = &mut used[usize::from(kind % 2)];
            prop_assert_eq!(result, over.decode_over(octets, &limits, used));
            prop_assert_eq!(&a, &*used);
            prop_assert!(a.fields().all(|field| field.class == class(field.name, field.value)));
            if result.is_err() {
                break;
            }
        }
    }
}

/// What is known of a block that comes again, and how many fields that is.
#[test]
fn a_block_is_learnt_and_used() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let mut decoder = Decoder::new(4096, classifier());
    let mut decode = |octets: &[u8]| {
        let (mut block, mut alone) = (FieldBlock::new(), FieldBlock::new());
        let mut other = decoder.clone();
        other.trim();
        assert_eq!(decoder.decode_over(octets, &limits, &mut block), Ok(Decoded::Complete));
        assert_eq!(other.decode(octets, &limits, &mut alone), Ok(Decoded::Complete));
        assert_eq!(block, alone);
        decoder.start().map(|start| {
            let values: Vec<_> = start.literals(&block).map(|field| field.value.to_vec()).collect();
            (start.shape, values, start.rest(&block).count())
        })
    };
    // A run, the path, a run, the authority that is never to be indexed.
    let block = |a: u8, b: u8| [0x82, 0x86, 4, 1, a, 0x88, 0x11, 2, b'-', b];
    assert_eq!(decode(&block(b'a', b'b')), None);
    let (shape, values, rest) = decode(&block(b'c', b'd')).unwrap();
    assert_eq!((&values[..], rest), (&[b"c".to_vec(), b"-d".to_vec()][..], 0));
    assert_eq!(decode(&block(b'e', b'f')).unwrap().0, shape);
    // The same up to a place, and with more behind.
    let (longer, values, rest) = decode(&[&block(b'g', b'h')[..], &[0x87]].concat()).unwrap();
    assert_eq!((longer, values.len(), rest), (shape, 2, 1));
    let mut shapes = vec![shape, Shape::NONE];
    for (octets, literals, rest) in [
        (&[0x82, 0x86, 4, 1, b'a', 0x88, 0x01, 1, b'-'][..], 1, 1),
        (&[0x82, 0x86, 4, 1, b'a', 0x89, 0x11, 1, b'-'], 1, 2),
        (&[0x82, 0x86, 6, 1, b'a'], 0, 1),
    ] {
        let (other, values, behind) = decode(octets).unwrap();
        assert_eq!((values.len(), behind), (literals, rest), "{octets:x?}");
        assert!(!shapes.contains(&other), "{octets:x?}");
        shapes.push(other);
    }
    assert_eq!(decode(&[0x86, 0x82]), None);
}

/// The name of a literal by an index of three octets: what follows the start of such blocks is read as it is.
#[test]
fn a_name_that_is_far_away() {
    let limits = BlockLimits { max_list_size: 9_999, max_fields: 200, abuse_list_size: 9_999, abuse_fields: 200 };
    for entries in [80u8, 81, 82, 83, 100] {
        let mut decoder = Decoder::new(4096, classifier());
        let setup: Vec<u8> = (0..entries).flat_map(|name| [0x40, 1, name, 0]).collect();
        decoder.decode(&setup, &limits, &mut FieldBlock::new()).unwrap();
        let mut usual = vec![0x82, 0x86];
        integer::encode(61 + usize::from(entries), 4, 0, &mut usual);
        usual.extend([1, b'v']);
        for _ in 0..40 {
            decoder.decode(&usual, &limits, &mut FieldBlock::new()).unwrap();
        }
        for tail in [
            &[0xff, 0xff, 0][..],
            &[0xff, 0xff, 1, 1, 0x82],
            &[0xff, 0],
            &[0xff, 13],
            &[0x0f, 0x7f, 0],
            &[0, 1, b'n', 0],
        ] {
            let octets = [&[0x82, 0x86][..], tail].concat();
            let (mut with, mut without) = (decoder.clone(), decoder.clone());
            without.trim();
            let (mut one, mut other) = (FieldBlock::new(), FieldBlock::new());
            let verdict = without.decode(&octets, &limits, &mut other);
            assert_eq!(with.decode(&octets, &limits, &mut one), verdict, "{entries} {tail:x?}");
            assert_eq!(one, other, "{entries} {tail:x?}");
        }
    }
}

/// A name that was far away, and comes by a new entry now, is no more never-indexed than before.
#[test]
fn a_literal_stays_as_sensitive_as_it_was() {
    let limits = BlockLimits { max_list_size: 9_999, max_fields: 200, abuse_list_size: 9_999, abuse_fields: 200 };
    for pattern in [0, 0x10] {
        let mut decoder = Decoder::new(4096, Classifier::NONE);
        let mut setup = vec![0x40, 1, b'x', 0];
        (0..90).for_each(|name| setup.extend([0x40, 1, 0x80 | name, 0]));
        decoder.decode(&setup, &limits, &mut FieldBlock::new()).unwrap();
        let mut usual = vec![0x82, 0x86];
        integer::encode(152, 4, pattern, &mut usual);
        usual.extend([1, b'v']);
        for _ in 0..40 {
            decoder.decode(&usual, &limits, &mut FieldBlock::new()).unwrap();
        }
        decoder.decode(&[0x40, 1, b'x', 0], &limits, &mut FieldBlock::new()).unwrap();
        for first in [0x0f, 0x1f, 0x0f] {
            let mut block = FieldBlock::new();
            decoder.decode(&[0x82, 0x86, first, 47, 1, b'v'], &limits, &mut block).unwrap();
            assert_eq!(block.fields().last().map(|field| field.sensitive), Some(first == 0x1f), "{pattern:x}");
        }
    }
}

/// The path and the scheme by indices that an insertion moved, and by newer ones.
#[test]
fn a_pattern_follows_the_peers_table() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let mut decoder = Decoder::new(4096, classifier());
    let mut decode = |octets: &[u8]| {
        let mut block = FieldBlock::new();
        assert_eq!(decoder.decode_over(octets, &limits, &mut block), Ok(Decoded::Complete));
        let names: Vec<u8> = block.fields().map(|field| field.name[0]).collect();
        (names, decoder.start().map(|start| start.shape))
    };
    for name in [b'a', b'b'] {
        decode(&[0x40, 1, name, 1, b'v']);
    }
    let usual = |insertions: u8| [0x82, 0xbf + insertions, 0x0f, 47 + insertions, 1, b'w'];
    let (names, shape) = (0..30).map(|_| decode(&usual(0))).last().unwrap();
    assert_eq!((&names[..], shape.is_some()), (&[b':', b'a', b'b'][..], true));
    for insertions in 1..4 {
        assert_eq!(decode(&[0x40, 1, b'b', 1, b'x']).1, None);
        assert_eq!(decode(&usual(insertions)), (names.clone(), shape));
        // By the name's newest entry.
        for _ in 0..2 {
            assert_eq!(decode(&[0x82, 0xbf + insertions, 0x0f, 47, 1, b'w']), (names.clone(), shape));
        }
    }
}

/// P-007: a literal too large for the table empties it, though the count of insertions stands still.
#[test]
fn a_run_is_forgotten_with_the_entries_it_named() {
    let limits = BlockLimits { max_list_size: 9_999, max_fields: 9, abuse_list_size: 9_999, abuse_fields: 9 };
    let mut decoder = Decoder::new(64, Classifier::NONE);
    let mut decode = |input: &[u8]| decoder.decode(input, &limits, &mut FieldBlock::new());
    assert_eq!(decode(&[0x40, 1, b'n', 1, b'v']), Ok(Decoded::Complete));
    for _ in 0..20 {
        assert_eq!(decode(&[0xbe]), Ok(Decoded::Complete));
    }
    assert_eq!(decode(&[&[0x40, 1, b'n', 40][..], &[b'v'; 40]].concat()), Ok(Decoded::Complete));
    assert_eq!(decode(&[0xbe]), Err(DecodeError::InvalidIndex));
}

/// A start that is known counts as its fields do.
#[test]
fn a_known_start_keeps_to_the_limits() {
    let wide = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let input = [0x82, 0x86, 0x84, 0x00, 1, b'n', 0, 0x00, 1, b'm', 0];
    // `:method: GET`, `:scheme: http`, `:path: /` and two of one octet each.
    let size = 10 + 11 + 6 + 2 + 5 * 32;
    for (limits, expected) in [
        (BlockLimits { max_fields: 5, ..wide }, Decoded::Complete),
        (BlockLimits { max_fields: 4, ..wide }, Decoded::TooManyFields),
        (BlockLimits { max_fields: 3, ..wide }, Decoded::TooManyFields),
        (BlockLimits { max_fields: 2, ..wide }, Decoded::TooManyFields),
        (BlockLimits { max_list_size: size, ..wide }, Decoded::Complete),
        (BlockLimits { max_list_size: size - 1, ..wide }, Decoded::ListTooLarge),
        (BlockLimits { max_list_size: 40, ..wide }, Decoded::ListTooLarge),
    ] {
        let mut decoder = Decoder::new(4096, Classifier::NONE);
        for _ in 0..20 {
            decoder.decode(&input, &wide, &mut FieldBlock::new()).unwrap();
        }
        assert!(decoder.start().is_some());
        assert_eq!(decoder.decode(&input, &limits, &mut FieldBlock::new()), Ok(expected), "{limits:?}");
        // The start alone, of three fields.
        let start = if limits.max_fields < 3 { Decoded::TooManyFields } else { Decoded::Complete };
        let start = if limits.max_list_size == 40 { Decoded::ListTooLarge } else { start };
        assert_eq!(decoder.decode(&input[..3], &limits, &mut FieldBlock::new()), Ok(start), "{limits:?}");
    }
}

#[test]
fn trimming_gives_back_what_only_spares_work() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let mut decoder = Decoder::new(4096, Classifier::NONE);
    decoder.decode(&[0x82, 0x40, 1, b'n', 1, b'v'], &limits, &mut FieldBlock::new()).unwrap();
    for _ in 0..9 {
        decoder.decode(&[0x82], &limits, &mut FieldBlock::new()).unwrap();
    }
    let (table, all) = (decoder.table.heap_size(), decoder.heap_size());
    assert_eq!(all, table + decoder.memo.heap_size(|()| 0));
    assert!(all > table);
    decoder.trim();
    assert_eq!((decoder.heap_size(), decoder.start().is_none()), (table, true));
}

/// Whoever keeps the fields of a block takes them again only while this number stands.
#[test]
fn the_generation_changes_with_the_table() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let mut decoder = Decoder::new(4096, Classifier::NONE);
    let mut seen = vec![decoder.generation().unwrap()];
    // An index, a literal that stays out; one that enters, a size update; one too large for the table.
    for (input, changes) in [
        (&[0x82][..], false),
        (&[0, 1, b'n', 0], false),
        (&[0x40, 1, b'n', 0], true),
        (&[0x3f, 5], true),
        (&[0x40, 5, b'l', b'a', b'r', b'g', b'e', 0], true),
    ] {
        decoder.decode(input, &limits, &mut FieldBlock::new()).unwrap();
        let now = decoder.generation().unwrap();
        assert_eq!(!seen.contains(&now), changes, "{input:x?}");
        seen.push(now);
    }
    decoder.set_max_table_size(0);
    assert_eq!(decoder.generation(), None, "RFC 9113 §4.3.1: a size update is owed");
    decoder.decode(&[0x20], &limits, &mut FieldBlock::new()).unwrap();
    assert!(decoder.generation().is_some_and(|now| !seen.contains(&now)));
}
