use super::{Encoder, LONG_AGO, NOWHERE, Prefix, integer, string};
use crate::hpack::{BlockLimits, Classifier, Decoded, Decoder, Field, FieldBlock};
use alloc::vec::Vec;
use proptest::prelude::*;
use std::format;
use std::string::String;
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

/// Both sides of the longest name that a record has: what would not enter our table must not enter the peer's.
#[test]
fn names_that_are_too_long_stay_out_of_the_table() {
    for (len, inserted) in [((1 << 23) - 1, 1), (1 << 23, 0)] {
        let mut encoder = Encoder::new(1 << 26, 1);
        encoder.set_peer_max_table_size(1 << 26);
        encode(&mut encoder, &[]);
        let out = encode(&mut encoder, &[Field::new(&vec![b'X'; len], b"")]);
        assert_eq!((encoder.insert_count(), out[0]), (inserted, 0x40 * inserted as u8));
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
        // The last of the short ones.
        (&[&[b'X'; 56][..], &[b'P'; 8]].concat(), false),
    ] {
        let mut out = Vec::new();
        string(Prefix::NONE, bytes, &mut out);
        assert_eq!(out[0] & 0x80 != 0, huffman, "{}", bytes.escape_ascii());
    }
}

/// Whatever the string is, and however long its code would be.
#[test]
fn a_string_stands_behind_its_prefix() {
    let strings = [
        &b""[..],
        b"a",
        b"0123456789abcdef",
        &[b'X'; 64],
        &[b'a'; 64],
        &[0x16; 64],
        &[&[b'a'; 50][..], &[b'\n'; 14]].concat(),
        &[&[b'\n'; 13][..], &[b'a'; 51]].concat(),
        &[b'a'; 65],
        &[b'\n'; 200],
    ];
    for (bits, pattern) in [(4, 0), (4, 0x10), (6, 0x40)] {
        for value in (0..300).chain(16_380..16_500) {
            let mut expected = Vec::new();
            integer::encode(value, bits, pattern, &mut expected);
            let prefix = Prefix::integer(value, bits, pattern);
            assert_eq!(prefix.is_some(), expected.len() <= 3);
            for (prefix, bytes) in prefix.into_iter().flat_map(|prefix| strings.map(|bytes| (prefix, bytes))) {
                let (mut out, mut alone) = (vec![7], Vec::new());
                string(prefix, bytes, &mut out);
                string(Prefix::NONE, bytes, &mut alone);
                assert_eq!(out, [&[7], &expected[..], &alone].concat());
                let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
                let (wire, mut block) = ([&[0, 1, b'n'][..], &alone].concat(), FieldBlock::new());
                Decoder::new(4096, Classifier::NONE).decode(&wire, &limits, &mut block).unwrap();
                assert!(block.fields().eq([Field::new(b"n", bytes)]));
            }
        }
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

/// Both sides of what is worth a look for its kind.
#[test]
fn a_list_of_few_fields_is_of_no_kind() {
    let fields = [Field::new(b":status", b"200"), Field::new(b"a", b"1"), Field::new(b"b", b"2")];
    for len in [2, 3] {
        let mut encoder = Encoder::new(4096, 1);
        for _ in 0..100 {
            encode(&mut encoder, &fields[..len]);
        }
        assert_eq!(encoder.memo.is_empty(), len == 2);
    }
}

/// Two names that have one place.
const COLLIDING: [&str; 2] = ["x-006b9a", "x-007f7b"];

#[test]
fn colliding_names_have_one_place() {
    let places = COLLIDING.map(|name| super::Names::new().place(super::Recent::name(name.as_bytes())).place);
    let tags = COLLIDING.map(|name| super::Recent::name(name.as_bytes()) >> 32 | 1);
    assert_eq!((places[0], tags[0]), (places[1], tags[1]));
}

/// A field of a few names and values, some of which are always the same.
fn field() -> impl Strategy<Value = (String, String, bool)> {
    let name = prop_oneof![
        9 => prop::sample::select(vec![":method", ":path", "cookie", "te", "x-a", "x-b"]).prop_map(Into::into),
        1 => (0..200u8).prop_map(|name| format!("x-{name}")),
        3 => prop::sample::select(COLLIDING.to_vec()).prop_map(Into::into),
    ];
    let value = prop_oneof![
        4 => Just("GET".into()),
        4 => (0..4u8).prop_map(|value| format!("value-{value}")),
        1 => any::<u32>().prop_map(|value| format!("{value:x}")),
    ];
    (name, value, prop::bool::weighted(0.05))
}

proptest! {
    /// Neither the kinds that are known nor the guess at the next name changes an octet: encoders that have no kinds, and
    /// one that always guesses wrong, say the same as those that have both, and a decoder understands it. Lists come again
    /// with a value or two of their own, in a table that has few entries at times.
    #[test]
    fn what_is_expected_makes_no_difference(
        lists in prop::collection::vec(prop::collection::vec(field(), 0..8), 1..4),
        order in prop::collection::vec((0..4usize, prop::option::weighted(0.02, 0..600u32), (0..9usize, 0..3u8)), 0..250),
        own_names in prop::sample::select(vec![["x-id", "x-b"], COLLIDING, [COLLIDING[0], "x-id"]]),
        small in any::<bool>(),
        guesses in any::<[u8; 2]>(),
    ) {
        let mut all = Encoder::new(if small { 200 } else { 4096 }, 1);
        let (mut no_kinds, mut no_guess, mut in_one_piece) = (all.clone(), all.clone(), all.clone());
        let mut decoder = Decoder::new(4096, Classifier::NONE);
        let limits = BlockLimits { max_list_size: 9_999, max_fields: 99, abuse_list_size: 9_999, abuse_fields: 99 };
        for (call, (list, size, (at, unique))) in order.into_iter().enumerate() {
            let list = &lists[list % lists.len()];
            let ids: Vec<_> = (0..unique).map(|id| (id, format!("{:x}", call * 7_919 + usize::from(id)))).collect();
            let own = ids.iter().map(|(id, value)| (own_names[usize::from(*id)], value));
            let mut fields: Vec<_> = list.iter().map(|(name, value, sensitive)| {
                Field { sensitive: *sensitive, ..Field::new(name.as_bytes(), value.as_bytes()) }
            }).collect();
            let at = at.min(fields.len());
            fields.splice(at..at, own.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())));
            for encoder in [&mut all, &mut no_kinds, &mut no_guess, &mut in_one_piece] {
                size.into_iter().for_each(|size| encoder.set_peer_max_table_size(size));
            }
            let (mut a, mut b, mut c, mut d) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            all.encode(fields.iter().copied(), &mut a);
            no_kinds.begin_block(&mut b);
            fields.iter().for_each(|field| no_kinds.encode_field(*field, &mut b));
            no_guess.begin_block(&mut c);
            for field in &fields {
                no_guess.expected = guesses;
                no_guess.encode_field(*field, &mut c);
            }
            in_one_piece.encode_block(&fields.iter().copied().collect(), &mut d);
            prop_assert_eq!(&a, &b);
            prop_assert_eq!(&a, &c);
            prop_assert_eq!(&a, &d);
            let mut block = FieldBlock::new();
            prop_assert_eq!(decoder.decode(&a, &limits, &mut block), Ok(Decoded::Complete));
            prop_assert!(block.fields().eq(fields.iter().copied()));
        }
    }
}

/// Two names that take turns in one place: what is known of blocks with the one is not said of the other, be it that its
/// value is new each time, always the same, or both are in a block.
#[test]
fn a_kind_goes_with_the_place_of_a_name() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let [a, b] = COLLIDING.map(str::as_bytes);
    let ids: Vec<_> = (1..100u32).map(|id| format!("{:08x}", id.wrapping_mul(0x9e37_79b9))).collect();
    let ids: Vec<_> = ids.iter().map(|id| id.as_bytes()).collect();
    for (in_one_piece, usual) in [false, true].into_iter().flat_map(|way| [6, 9, 12, 15, 60].map(|usual| (way, usual)))
    {
        for value in [&ids[..], &[&b"same"[..]; 99]] {
            let (mut encoder, mut decoder) = (Encoder::new(4096, 1), Decoder::new(4096, Classifier::NONE));
            let mut send = |fields: &[Field<'_>]| {
                let (mut out, mut block) = (Vec::new(), FieldBlock::new());
                match in_one_piece {
                    true => encoder.encode_block(&fields.iter().copied().collect(), &mut out),
                    false => encoder.encode(fields.iter().copied(), &mut out),
                }
                decoder.decode(&out, &limits, &mut block).unwrap();
                assert!(block.fields().eq(fields.iter().copied()), "{in_one_piece} {usual} {fields:?} {block:?}");
            };
            let head = [Field::new(b":method", b"POST"), Field::new(b":scheme", b"http")];
            let [mut with_a, mut with_both] = [head, head].map(|head| head.to_vec());
            with_a.push(Field::new(a, b""));
            with_both.extend([Field::new(a, b""), Field::new(b, b"")]);
            send(&[Field::new(b, b"first")]);
            for value in &value[..usual] {
                with_a[2].value = value;
                send(&with_a);
            }
            for value in value.iter().take(20) {
                send(&[Field::new(b, value)]);
                send(&with_a);
                with_a[2].value = value;
                send(&with_a);
                send(&[Field::new(a, b"same")]);
            }
            for value in value {
                (with_both[2].value, with_both[3].value) = (value, value);
                send(&with_both);
                send(&with_a);
            }
        }
    }
}

/// The order of names is learnt from one list to the next, also where it differs now and then.
#[test]
fn the_next_name_is_guessed() {
    let mut encoder = Encoder::new(4096, 1);
    let lists: [&[&[u8]]; 2] = [&[b"a", b"b", b"c"], &[b"a", b"c", b"b"]];
    for round in 0..3 {
        for names in lists {
            encoder.begin_block(&mut Vec::new());
            for name in names {
                let place = encoder.names.clone().place(super::Recent::name(name)).place;
                assert!(round == 0 || encoder.expected.contains(&place));
                encoder.encode_field(Field::new(name, b""), &mut Vec::new());
                assert_eq!(encoder.at, u32::from(place));
            }
        }
    }
    encoder.begin_block(&mut Vec::new());
    assert_eq!(encoder.at, u32::from(NOWHERE));
}

/// The kind of a list is known from the second one on that changes no table, whether it comes in one piece or not.
#[test]
fn kinds_are_learnt_and_used() {
    for in_one_piece in [false, true] {
        let (mut encoder, mut calls) = (Encoder::new(4096, 1), 0u64);
        let mut known = |path: &[u8], te: &[u8]| {
            calls += 1;
            let ids = [1u64, 2].map(|part| format!("{:016x}", (calls * part).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let [timeout, id] = ids.each_ref().map(|id| id.as_bytes());
            let list = [(&b":path"[..], path), (b"grpc-timeout", timeout), (b"te", te), (b"x-id", id)];
            let list = list.map(|(name, value)| Field::new(name, value));
            let mut out = Vec::new();
            // A block of a known kind is no miss.
            let patience = |encoder: &Encoder| {
                let mut memo = encoder.memo.clone();
                (0..255).take_while(|_| !memo.misses(false)).count()
            };
            let before = patience(&encoder);
            match in_one_piece {
                true => encoder.encode_block(&list.into_iter().collect(), &mut out),
                false => encoder.encode(list, &mut out),
            }
            patience(&encoder) == before
        };
        let _ = (0..60).map(|_| known(b"/a", b"trailers")).count();
        assert!((0..20).all(|_| known(b"/a", b"trailers")));
        // Another path and another constant, in turn with them.
        let _ = (0..400)
            .map(|call| known([&b"/a"[..], b"/b"][call % 2], [&b"trailers"[..], b"gzip"][call / 2 % 2]))
            .count();
        let all: Vec<bool> = (0..40)
            .map(|call| known([&b"/a"[..], b"/b"][call % 2], [&b"trailers"[..], b"gzip"][call / 2 % 2]))
            .collect();
        assert!(all.iter().all(|known| *known), "{in_one_piece} {all:?} ");
    }
}

/// One that comes back makes up for some that did not, and again the next time: so where its list is of a known kind.
#[test]
fn what_comes_back_counts_each_time() {
    let ids: Vec<_> = (0..25u8).map(|id| format!("id-{id}")).collect();
    let usual = |value| [(":method", "POST"), ("n", value), ("m", value), ("te", "trailers")];
    for (misses, asked) in (0..25).flat_map(|misses| [(misses, false), (misses, true)]) {
        let (mut kinds, mut no_kinds, mut in_one_piece) =
            (Encoder::new(4096, 1), Encoder::new(4096, 2), Encoder::new(4096, 3));
        let mut send = |list: &[(&str, &str)]| {
            let fields: Vec<_> =
                list.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())).collect();
            let (mut one_by_one, mut block) = (Vec::new(), Vec::new());
            no_kinds.begin_block(&mut one_by_one);
            fields.iter().for_each(|field| no_kinds.encode_field(*field, &mut one_by_one));
            assert_eq!(encode(&mut kinds, &fields), one_by_one, "{misses} {asked} {list:?}");
            in_one_piece.encode_block(&fields.into_iter().collect(), &mut block);
            assert_eq!(block, one_by_one, "{misses} {asked} {list:?}");
        };
        (0..20).for_each(|_| send(&usual("usual")));
        send(&[("m", "other")]);
        send(&[("n", "other")]);
        ids[..misses].iter().for_each(|id| send(&[("n", id)]));
        // Whether the second one is asked for, where the first may be.
        ids[..if asked { misses } else { 20 }].iter().for_each(|id| send(&[("m", id)]));
        for _ in 0..3 {
            send(&usual("usual"));
            send(&usual("usual"));
            send(&[("n", "new"), ("m", "new")]);
        }
    }
}

/// Entries go by 31 bits of their number, in the index by 32: what is written holds where these wrap around.
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
    for wrap in [1 << 30, 1 << 31, 1 << 32] {
        encoder.table.count_from(wrap - 70);
        check(&mut encoder);
        assert!(encoder.insert_count() > wrap, "{}", encoder.insert_count());
    }
}

/// What is known of names is given up before a number of 31 bits can mean another entry.
#[test]
fn names_are_forgotten_in_time() {
    let mut encoder = Encoder::new(4096, 1);
    encode(&mut encoder, &[Field::new(b"a", b"1")]);
    encoder.table.count_from(LONG_AGO - 2);
    for (name, known) in [(b"b", true), (b"c", false)] {
        encode(&mut encoder, &[Field::new(name, b"1")]);
        assert_eq!(encoder.names.heap_size() > 0, known);
    }
    encode(&mut encoder, &[Field::new(b"a", b"1"), Field::new(b"c", b"1")]);
    assert_eq!(encode(&mut encoder, &[Field::new(b"c", b"1")]).len(), 1);
}

/// RFC 7541 §6.1: an index of 127 no longer fits into the prefix, so its octet cannot be kept for the next block.
#[test]
fn indices_on_both_sides_of_one_octet_come_again() {
    let limits = BlockLimits { max_list_size: 999, max_fields: 9, abuse_list_size: 999, abuse_fields: 9 };
    let (mut encoder, mut decoder) = (Encoder::new(4096, 1), Decoder::new(4096, Classifier::NONE));
    let names: Vec<Vec<u8>> = (0..70u8).map(|name| vec![b'n', name]).collect();
    let mut send = |name: &[u8]| {
        let out = encode(&mut encoder, &[Field::new(name, b"")]);
        let mut block = FieldBlock::new();
        assert_eq!(decoder.decode(&out, &limits, &mut block), Ok(Decoded::Complete));
        assert!(block.fields().eq([Field::new(name, b"")]), "{out:x?}");
        out
    };
    names.iter().for_each(|name| _ = send(name));
    for (newer, name) in names.iter().rev().enumerate() {
        for _ in 0..3 {
            let out = send(name);
            let index = 62 + newer;
            assert_eq!((out[0] & 0x80, out.len()), (0x80, if index < 127 { 1 } else { 2 }), "{index}");
        }
    }
}

/// What is given back only spares work.
#[test]
fn a_trimmed_encoder_says_the_same() {
    let block: FieldBlock =
        [Field::new(b":path", b"/a"), Field::new(b"te", b"trailers"), Field::new(b"x", b"y")].into_iter().collect();
    let mut encoder = Encoder::new(4096, 1);
    let mut out = Vec::new();
    (0..20).for_each(|_| encoder.encode_block(&block, &mut out));
    let mut trimmed = encoder.clone();
    let kept = trimmed.heap_size();
    trimmed.trim();
    assert_eq!(trimmed.memo.heap_size(|_| 1), 0);
    assert!(trimmed.heap_size() < kept && trimmed.heap_size() > 0);
    for _ in 0..3 {
        let (mut one, mut other) = (Vec::new(), Vec::new());
        encoder.encode_block(&block, &mut one);
        trimmed.encode_block(&block, &mut other);
        assert_eq!(one, other);
    }
}

/// Whoever keeps octets for a list sends them again only while this number stands.
#[test]
fn the_generation_changes_with_the_table() {
    let mut encoder = Encoder::new(4096, 1);
    assert_eq!(encoder.generation(), None, "the first block may begin with a size update");
    let mut seen = Vec::new();
    encode(&mut encoder, &[]);
    seen.extend(encoder.generation());
    // An entry, one that is there, one that never enters.
    let fields = [Field::new(b"a", b"1"), Field::new(b"a", b"1"), Field::sensitive(b"a", b"2")];
    for (field, changes) in fields.into_iter().zip([true, false, false]) {
        encode(&mut encoder, &[field]);
        assert_eq!(encoder.generation() == seen.last().copied(), !changes);
        seen.extend(encoder.generation());
    }
    encoder.set_peer_max_table_size(0);
    assert_eq!(encoder.generation(), None);
    encode(&mut encoder, &[]);
    assert!(encoder.generation().is_some_and(|now| !seen.contains(&now)));
}

/// RFC 7541 §4.2, P-016: of several changes the smallest and the last, and nothing where both are what the table has.
#[test]
fn size_updates_say_what_changed() {
    for (sizes, expected) in [
        (&[4096][..], &[][..]),
        (&[100, 4096], &[0x3f, 69, 0x3f, 0xe1, 31]),
        (&[100], &[0x3f, 69]),
        (&[100, 50, 100], &[0x3f, 19, 0x3f, 69]),
        (&[200, 100], &[0x3f, 69]),
    ] {
        let mut encoder = Encoder::new(4096, 1);
        encode(&mut encoder, &[]);
        sizes.iter().for_each(|size| encoder.set_peer_max_table_size(*size));
        assert_eq!(encode(&mut encoder, &[]), expected, "{sizes:?}");
    }
    // Raised from 100 to 200 by way of 100: the table never was smaller.
    let mut encoder = Encoder::new(100, 1);
    encode(&mut encoder, &[]);
    assert_eq!(encoder.table.max_size(), 100);
    encoder.own_limit = 200;
    [100, 200].into_iter().for_each(|size| encoder.set_peer_max_table_size(size));
    assert_eq!(encode(&mut encoder, &[]), [0x3f, 169, 1]);
}

/// What the memories of the encoder are worth on traffic of four kinds, to the octet. What is remembered, and for how
/// long, shows in nothing else: whoever changes it on purpose writes the new sums down.
#[test]
fn the_octets_of_four_kinds_of_traffic() {
    type List = Vec<(Vec<u8>, Vec<u8>)>;
    let sum = |traffic: fn(u32) -> List| {
        let mut encoder = Encoder::new(4096, 1);
        let blocks = (0..600).map(|number| {
            let list = traffic(number);
            let fields: Vec<_> = list.iter().map(|(name, value)| Field::new(name, value)).collect();
            encode(&mut encoder, &fields).len()
        });
        blocks.sum::<usize>()
    };
    fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> (Vec<u8>, Vec<u8>) {
        (name.as_ref().to_vec(), value.as_ref().to_vec())
    }
    let sums = [
        // Ids that never repeat, and a deadline out of a few.
        sum(|number| {
            let id = number.wrapping_mul(2_654_435_761);
            vec![
                field(":path", "/a.B/C"),
                field("x-id", format!("{id:08x}")),
                field("grpc-timeout", format!("{}m", id % 7)),
            ]
        }),
        // Values that come back after a while.
        sum(|number| {
            vec![field("x-user", format!("user{}", number.wrapping_mul(2_654_435_761) % 50)), field("te", "trailers")]
        }),
        // More names than have a place.
        sum(|number| {
            let value = format!("{}", number / 40);
            (0..9).map(|at| field(format!("name-{}", (number * 7 + at * at) % 90), &value)).collect()
        }),
        // Two orders that take turns.
        sum(|number| {
            let mut list =
                vec![field("a", "1"), field("b", "2"), field("c", format!("{}", number / 3)), field("d", "4")];
            list.rotate_left(number as usize % 2);
            list
        }),
    ];
    assert_eq!(sums, [6_643, 1_793, 13_260, 3_721]);
}
