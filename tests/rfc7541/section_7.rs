//! RFC 7541 §7: what an encoder should keep out of its table, and what a decoder spends.

use grpc_sansio::hpack::{BlockLimits, Classifier, DecodeError, Decoded, Decoder, Encoder, Field, FieldBlock};

use crate::support::{block, decode, decoder, encode, insertion};

/// §7.1.3: a sensitive value enters no table however often it comes, not even where the same field is there already;
/// a repeated one that is not marked does.
#[test]
fn p_037_sensitive_values_are_never_indexed() {
    let mut encoder = Encoder::new(4096, 1);
    for _ in 0..5 {
        let out = encode(&mut encoder, &[Field::sensitive(b"authorization", b"secret")]);
        assert_eq!(out[..2], [0x1f, 23 - 15]);
    }
    assert_eq!(encoder.insert_count(), 0);
    for _ in 0..3 {
        encode(&mut encoder, &[Field::new(b"authorization", b"secret"), Field::new(b"token", b"t")]);
    }
    assert_eq!(encoder.insert_count(), 2);
    let out = encode(&mut encoder, &[Field::sensitive(b"authorization", b"secret"), Field::sensitive(b"token", b"t")]);
    assert_eq!(out[..2], [0x1f, 23 - 15]);
    assert_eq!(out[out.len() - 4] & 0xf0, 0x10, "{out:02x?}");
    // :method GET would be one octet.
    assert_eq!(encode(&mut encoder, &[Field::sensitive(b":method", b"GET")])[0], 0x12);
}

/// §7.1: values of a name that change each time stay out once there were three of them; the name is indexed all the same.
#[test]
fn p_038_only_values_that_repeat_are_indexed() {
    let mut encoder = Encoder::new(4096, 1);
    let mut sizes = Vec::new();
    for call in 0..200u32 {
        let id = format!("{call:08}");
        sizes.push(encode(&mut encoder, &[Field::new(b":path", b"/a/b"), Field::new(b"id", id.as_bytes())]).len());
    }
    // `/a/b`, and the first three of `id`.
    assert_eq!(encoder.insert_count(), 1 + 3);
    assert!(sizes[1..].iter().all(|&size| size <= 1 + 2 + 1 + 8), "{sizes:?}");
}

/// RFC 9113 §4.3: an error delivers nothing of its block; what was in the list before stays.
#[test]
fn p_039_an_error_delivers_no_partial_list() {
    let mut list = block(&[Field::new(b"before", b"1")]);
    let before = list.clone();
    let input = [insertion(b"a", b"1"), vec![0x82, 0x80]].concat();
    let limits = BlockLimits { max_list_size: 1_000, max_fields: 10, abuse_list_size: 1_000, abuse_fields: 10 };
    let error = decoder().decode(&input, &limits, &mut list).unwrap_err();
    assert_eq!((error, error.is_abuse()), (DecodeError::InvalidIndex, false));
    assert_eq!(list, before);
}

/// §7.3; T-27: 16,000 references to one large entry are counted, not copied.
#[test]
fn p_041_a_bomb_is_counted_and_not_copied() {
    let mut bomb = [&[0x40, 1, b'a', 0x7f, 0xc1, 0x1e][..], &[b'x'; 4_032]].concat();
    bomb.extend([0xbe; 16_000]);
    let limits = BlockLimits { max_list_size: 16_384, max_fields: 128, abuse_list_size: 65_536, abuse_fields: 1_024 };
    let (mut decoder, mut list) = (decoder(), FieldBlock::new());
    let error = decoder.decode(&bomb, &limits, &mut list).unwrap_err();
    assert_eq!((error, error.is_abuse()), (DecodeError::ListAbuse, true));
    assert!(list.is_empty() && list.capacity() <= 2 * 16_384);
    assert!(decoder.heap_size() <= 2 * 4_096 + 128 * 8);
}

/// §7.3: each limit from both sides. Over the first pair the list is discarded and the table is right; over the
/// second it is abuse.
#[test]
fn p_041_each_limit_from_both_sides() {
    let four = [insertion(b"a", b"1"), insertion(b"b", b"2"), vec![0xbe, 0xbf]].concat();
    let wide = BlockLimits { max_list_size: 1_000, max_fields: 100, abuse_list_size: 1_000, abuse_fields: 100 };
    for (limits, expected) in [
        (BlockLimits { max_list_size: 136, ..wide }, Ok(Decoded::Complete)),
        (BlockLimits { max_list_size: 135, ..wide }, Ok(Decoded::ListTooLarge)),
        (BlockLimits { max_list_size: 0, ..wide }, Ok(Decoded::ListTooLarge)),
        (BlockLimits { max_fields: 4, ..wide }, Ok(Decoded::Complete)),
        (BlockLimits { max_fields: 3, ..wide }, Ok(Decoded::TooManyFields)),
        (BlockLimits { max_fields: 0, ..wide }, Ok(Decoded::TooManyFields)),
        (BlockLimits { abuse_list_size: 136, ..wide }, Ok(Decoded::Complete)),
        (BlockLimits { abuse_list_size: 135, ..wide }, Err(DecodeError::ListAbuse)),
        (BlockLimits { abuse_fields: 4, ..wide }, Ok(Decoded::Complete)),
        (BlockLimits { abuse_fields: 3, ..wide }, Err(DecodeError::FieldAbuse)),
        // Two of them at once: over the first pair, on the edge of the second; and only the one that was passed is told.
        (BlockLimits { max_fields: 3, abuse_fields: 4, ..wide }, Ok(Decoded::TooManyFields)),
        (BlockLimits { max_fields: 2, abuse_fields: 3, ..wide }, Err(DecodeError::FieldAbuse)),
        (BlockLimits { max_list_size: 135, abuse_list_size: 136, ..wide }, Ok(Decoded::ListTooLarge)),
        (BlockLimits { max_list_size: 134, abuse_list_size: 135, ..wide }, Err(DecodeError::ListAbuse)),
        (BlockLimits { max_fields: 3, max_list_size: 136, ..wide }, Ok(Decoded::TooManyFields)),
        (BlockLimits { max_fields: 3, max_list_size: 135, ..wide }, Ok(Decoded::ListTooLarge)),
    ] {
        let (mut decoder, mut list) = (decoder(), block(&[Field::new(b"before", b"")]));
        assert_eq!(decoder.decode(&four, &limits, &mut list), expected, "{limits:?}");
        assert_eq!(list.len(), if expected == Ok(Decoded::Complete) { 5 } else { 1 });
        if expected.is_ok() {
            let after = decode(&mut decoder, &[0xbe, 0xbf]).unwrap();
            assert_eq!(after, block(&[Field::new(b"b", b"2"), Field::new(b"a", b"1")]));
        }
    }
}

/// T-29: fields of no octets count 32 each.
#[test]
fn p_041_empty_fields_count() {
    let limits = BlockLimits { max_list_size: 16_384, max_fields: 128, abuse_list_size: 65_536, abuse_fields: 1_024 };
    for (fields, expected) in [(128, Decoded::Complete), (129, Decoded::TooManyFields)] {
        let mut list = FieldBlock::new();
        assert_eq!(decoder().decode(&[0, 0, 0].repeat(fields), &limits, &mut list), Ok(expected));
    }
}

/// A field is classified when it arrives as a literal, and never again; the static table has its own classes.
#[test]
fn a_field_is_classified_once() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    static STATIC: [u8; 61] = [7; 61];
    fn classify(name: &[u8], value: &[u8]) -> u8 {
        ASKED.fetch_add(1, Ordering::Relaxed);
        name[0] ^ value[0]
    }
    let mut decoder = Decoder::new(
        4096,
        Classifier { classify, classify_again: |_, name, value| classify(name, value), static_classes: &STATIC },
    );
    let wire = [insertion(b"a", b"1"), vec![0xbe, 0xbe, 0x82]].concat();
    let classes: Vec<u8> = decode(&mut decoder, &wire).unwrap().fields().map(|field| field.class).collect();
    assert_eq!(classes, [b'a' ^ b'1', b'a' ^ b'1', b'a' ^ b'1', 7]);
    assert_eq!(ASKED.load(Ordering::Relaxed), 1);

    // In a list that is not kept, only what enters the table; that has its class when it comes again.
    let two = BlockLimits { max_list_size: 1_000, max_fields: 1, abuse_list_size: 1_000, abuse_fields: 10 };
    let wire = [&[0, 1, b'x', 1, b'1'].repeat(3)[..], &insertion(b"b", b"2")].concat();
    assert_eq!(decoder.decode(&wire, &two, &mut FieldBlock::new()), Ok(Decoded::TooManyFields));
    let asked = ASKED.load(Ordering::Relaxed) - 1;
    assert_eq!(asked, 3, "the two before the limit was passed, and the one for the table");
    let wire = [0xbe, 0, 1, b'x', 1, b'1'];
    let classes: Vec<u8> = decode(&mut decoder, &wire).unwrap().fields().map(|field| field.class).collect();
    assert_eq!(classes, [b'b' ^ b'2', b'x' ^ b'1']);
}
