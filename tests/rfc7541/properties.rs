//! Invariants over arbitrary input.

use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, Encoder, Field, FieldBlock};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{WIDE, decode, decoder};

/// A field out of a small world, so that names and values repeat.
#[derive(Clone, Debug)]
struct Line {
    name: Vec<u8>,
    value: Vec<u8>,
    sensitive: bool,
}

impl Line {
    fn field(&self) -> Field<'_> {
        Field { sensitive: self.sensitive, ..Field::new(&self.name, &self.value) }
    }
}

fn lines() -> impl Strategy<Value = Vec<Line>> {
    let name = prop_oneof![
        prop::sample::select(vec![":path", ":method", "cookie", "te", "x-a", "x-b", "grpc-timeout"])
            .prop_map(|name| name.as_bytes().to_vec()),
        vec(any::<u8>(), 0..12),
    ];
    let value = prop_oneof![
        prop::sample::select(vec!["", "GET", "/", "trailers", "1S", "2S", "a rather long value that repeats"])
            .prop_map(|value| value.as_bytes().to_vec()),
        vec(any::<u8>(), 0..200),
    ];
    let line = (name, value, prop::bool::weighted(0.1));
    vec(line.prop_map(|(name, value, sensitive)| Line { name, value, sensitive }), 0..12)
}

/// What happens between two blocks and in the second.
#[derive(Clone, Debug)]
struct Round {
    sizes: Vec<u32>,
    lines: Vec<Line>,
}

fn rounds() -> impl Strategy<Value = Vec<Round>> {
    let size = prop_oneof![Just(0), Just(4096), 0..300u32, 0..10_000u32];
    let sizes = prop_oneof![4 => Just(Vec::new()), 1 => vec(size, 1..4)];
    // Lists repeat with a chance of one half, so that the tables fill with things that are used again.
    (vec(lines(), 1..4), vec((sizes, any::<prop::sample::Index>()), 1..25)).prop_map(|(lists, rounds)| {
        let round = |(sizes, pick): (Vec<u32>, prop::sample::Index)| Round { sizes, lines: pick.get(&lists).clone() };
        rounds.into_iter().map(round).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariant: what is decoded is what was encoded, in order and with its marks, and both tables have the same
    /// size, through any changes of the table's limit.
    #[test]
    fn round_trip_keeps_fields_and_tables(rounds in rounds(), own in prop_oneof![Just(4096u32), 0..6_000u32]) {
        let (mut encoder, mut decoder) = (Encoder::new(own, 3), decoder());
        for round in &rounds {
            for &size in &round.sizes {
                encoder.set_peer_max_table_size(size);
                decoder.set_max_table_size(size);
            }
            let mut out = Vec::new();
            encoder.encode(round.lines.iter().map(Line::field), &mut out);
            let block = decode(&mut decoder, &out).unwrap();
            prop_assert!(block.fields().eq(round.lines.iter().map(Line::field)));
            prop_assert_eq!(encoder.table_size(), decoder.table_size());
        }
    }

    /// Invariant: the encoder's seed changes no octet.
    #[test]
    fn the_seed_changes_no_output(rounds in rounds(), seeds in any::<[u64; 2]>()) {
        let mut encoders = seeds.map(|seed| Encoder::new(4096, seed));
        for round in &rounds {
            let [first, second] = encoders.each_mut().map(|encoder| {
                let mut out = Vec::new();
                encoder.encode(round.lines.iter().map(Line::field), &mut out);
                out
            });
            prop_assert_eq!(first, second);
        }
    }

    /// Invariant: the encoder's memory stays below a multiple of its table, whatever it is given.
    #[test]
    fn the_encoder_stays_small(rounds in rounds()) {
        let mut encoder = Encoder::new(4096, 3);
        for round in &rounds {
            encoder.encode(round.lines.iter().map(Line::field), &mut Vec::new());
            prop_assert!(encoder.heap_size() <= 3 * 4096 + 2 * 1024 + 512, "{}", encoder.heap_size());
        }
    }

    /// Invariant: arbitrary octets never panic, never leave more than the limits allow, and leave nothing on an error.
    #[test]
    fn arbitrary_blocks_stay_within_the_limits(blocks in vec(vec(any::<u8>(), 0..300), 1..8)) {
        let limits = BlockLimits { max_list_size: 400, max_fields: 6, abuse_list_size: 2_000, abuse_fields: 30 };
        let mut decoder = decoder();
        for input in &blocks {
            let mut block = FieldBlock::new();
            match decoder.decode(input, &limits, &mut block) {
                Ok(Decoded::Complete) => prop_assert!(block.list_size() <= 400 && block.len() <= 6),
                Ok(_) => prop_assert!(block.is_empty()),
                Err(_) => {
                    prop_assert!(block.is_empty());
                    break;
                }
            }
            prop_assert!(decoder.table_size() <= 4096);
            prop_assert!(decoder.heap_size() <= 2 * 4096 + 128 * 8);
            prop_assert!(block.capacity() <= 4 * (input.len() + 400) + 64);
        }
    }

    /// Invariant: the table follows the wire, whether the list was delivered or discarded (T-36).
    #[test]
    fn the_table_is_the_same_whatever_becomes_of_the_list(rounds in rounds()) {
        let narrow = BlockLimits { max_list_size: 50, max_fields: 1, ..WIDE };
        let mut encoder = Encoder::new(4096, 3);
        let [mut kept, mut discarded] = [(); 2].map(|()| Decoder::new(4096, Classifier::NONE));
        for round in &rounds {
            let mut out = Vec::new();
            encoder.encode(round.lines.iter().map(Line::field), &mut out);
            decode(&mut kept, &out).unwrap();
            discarded.decode(&out, &narrow, &mut FieldBlock::new()).unwrap();
        }
        let mut index = 62u8;
        while let Ok(block) = decode(&mut kept.clone(), &[0x80 | index]) {
            prop_assert_eq!(decode(&mut discarded.clone(), &[0x80 | index]), Ok(block));
            index += 1;
            if index == 127 { break; }
        }
        prop_assert_eq!(kept.table_size(), discarded.table_size());
    }

    /// Invariant: any string survives the string code, whichever form the encoder picks.
    #[test]
    fn strings_round_trip(value in prop_oneof![vec(any::<u8>(), 0..600), "[ -~]{0,600}".prop_map(String::into_bytes)]) {
        let mut out = Vec::new();
        Encoder::new(4096, 3).encode([Field::new(b":path", &value)], &mut out);
        prop_assert!(out.len() <= value.len() + 4);
        let block = decode(&mut decoder(), &out).unwrap();
        prop_assert!(block.fields().eq([Field::new(b":path", &value)]));
    }
}

/// A list never comes out with another's name, however many names take turns in what the encoder remembers of them.
#[test]
fn names_that_move_stay_with_their_fields() {
    const NAMES: [&str; 24] = [
        "",
        "a",
        "x",
        "accept",
        "age",
        "allow",
        "cookie",
        "date",
        "etag",
        "expect",
        "expires",
        "from",
        "host",
        "if-match",
        "if-range",
        "link",
        "location",
        "range",
        "referer",
        "server",
        "vary",
        "via",
        "content-range",
        "content-encoding",
    ];
    let mut state = 7u64;
    let mut draw = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let limits = BlockLimits { max_list_size: 1 << 20, max_fields: 100, abuse_list_size: 1 << 20, abuse_fields: 100 };
    // The places of names grow in the first blocks of a connection.
    for connection in 0..2_000 {
        let (mut encoder, mut decoder) = (Encoder::new(4_096, 7), Decoder::new(4_096, Classifier::NONE));
        let mut list = Vec::new();
        for _ in 0..6 {
            if draw(3) > 0 {
                list = (0..draw(14)).map(|_| (NAMES[draw(24)], ["", "", "b"][draw(3)])).collect();
            }
            let fields = list.iter().map(|(name, value)| Field {
                sensitive: draw(3) == 0,
                ..Field::new(name.as_bytes(), value.as_bytes())
            });
            let (mut wire, mut came) = (Vec::new(), FieldBlock::new());
            encoder.encode(fields, &mut wire);
            assert_eq!(decoder.decode(&wire, &limits, &mut came), Ok(Decoded::Complete));
            let came: Vec<_> = came.fields().map(|field| (field.name, field.value)).collect();
            let went: Vec<_> = list.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            assert_eq!(came, went, "connection {connection}");
        }
    }
}
