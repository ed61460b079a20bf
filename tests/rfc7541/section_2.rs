//! RFC 7541 §2: the compression process and its tables.

use grpc_sansio::hpack::{DecodeError, Encoder, Field};

use crate::support::{block, decode, decode_fresh, decoder, encode, insertion};

/// §2.2: one context serves all blocks of a direction, so what one block inserts the next may use.
#[test]
fn p_001_one_context_is_shared_by_all_blocks() {
    let mut decoder = decoder();
    decode(&mut decoder, &insertion(b"name", b"value")).unwrap();
    let second = decode(&mut decoder, &[0xbe]).unwrap();
    assert_eq!(second, block(&[Field::new(b"name", b"value")]));
    assert_eq!(decode_fresh(&[0xbe]), Err(DecodeError::InvalidIndex));
}

/// §2.1: fields keep their order, equal names and equal fields included, on both sides.
#[test]
fn p_002_order_is_kept() {
    let fields = [
        Field::new(b"b", b"1"),
        Field::new(b"a", b"1"),
        Field::new(b"b", b"2"),
        Field::new(b"a", b"1"),
        Field::new(b":method", b"GET"),
    ];
    let (mut encoder, mut decoder) = (Encoder::new(4096, 1), decoder());
    for _ in 0..3 {
        let wire = encode(&mut encoder, &fields);
        assert_eq!(decode(&mut decoder, &wire).unwrap(), block(&fields));
    }
}

/// §2.3: 1 to 61 is the static table; from 62 the dynamic one, newest first.
#[test]
fn p_003_the_tables_share_one_index_space() {
    assert_eq!(decode_fresh(&[0x81]).unwrap(), block(&[Field::new(b":authority", b"")]));
    assert_eq!(decode_fresh(&[0xbd]).unwrap(), block(&[Field::new(b"www-authenticate", b"")]));
    let mut decoder = decoder();
    decode(&mut decoder, &insertion(b"old", b"1")).unwrap();
    decode(&mut decoder, &insertion(b"new", b"2")).unwrap();
    let both = decode(&mut decoder, &[0xbe, 0xbf]).unwrap();
    assert_eq!(both, block(&[Field::new(b"new", b"2"), Field::new(b"old", b"1")]));
}

/// §2.3.3, §6.1: index 0, and the first one past both tables.
#[test]
fn p_004_an_index_outside_both_tables_is_an_error() {
    assert_eq!(decode_fresh(&[0x80]), Err(DecodeError::InvalidIndex));
    assert_eq!(decode_fresh(&[0xbe]), Err(DecodeError::InvalidIndex));
    let mut decoder = decoder();
    decode(&mut decoder, &insertion(b"name", b"value")).unwrap();
    assert!(decode(&mut decoder.clone(), &[0xbe]).is_ok());
    assert_eq!(decode(&mut decoder.clone(), &[0xbf]), Err(DecodeError::InvalidIndex));
    assert_eq!(decode(&mut decoder, &[0xff, 0x80, 0xff, 0xff, 0xff, 0x0e]), Err(DecodeError::InvalidIndex));
}

/// §2.3.2: the same field may be in the table twice.
#[test]
fn p_005_duplicate_entries_are_legal() {
    let mut decoder = decoder();
    let twice = [insertion(b"a", b"1"), insertion(b"a", b"1"), vec![0xbe, 0xbf]].concat();
    assert_eq!(decode(&mut decoder, &twice).unwrap(), block(&[Field::new(b"a", b"1"); 4]));
    assert_eq!(decoder.table_size(), 2 * 34);
}
