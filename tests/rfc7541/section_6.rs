//! RFC 7541 §6: the representations of a field.

use grpc_sansio::hpack::{DecodeError, Encoder, Field};

use crate::support::{block, decode, decode_fresh, decoder, encode};

/// §6.1.
#[test]
fn p_031_indexed_field() {
    assert_eq!(decode_fresh(&[0x88]).unwrap(), block(&[Field::new(b":status", b"200")]));
    assert_eq!(encode(&mut Encoder::new(4096, 1), &[Field::new(b":status", b"200")]), [0x88]);
}

/// §6.2.1: with a new name and with an indexed one; both enter the table.
#[test]
fn p_032_literal_with_incremental_indexing() {
    let mut decoder = decoder();
    let wire = [0x40, 1, b'a', 1, b'1', 0x41, 1, b'h'];
    let fields = [Field::new(b"a", b"1"), Field::new(b":authority", b"h")];
    assert_eq!(decode(&mut decoder, &wire).unwrap(), block(&fields));
    assert_eq!(decode(&mut decoder, &[0xbf, 0xbe]).unwrap(), block(&fields));
    assert_eq!(encode(&mut Encoder::new(4096, 1), &[fields[0]]), [0x40, 1, b'a', 1, b'1']);
}

/// §6.2.2: the table stays as it is.
#[test]
fn p_033_literal_without_indexing() {
    let mut decoder = decoder();
    let wire = [0x00, 1, b'a', 1, b'1', 0x01, 1, b'h'];
    let fields = [Field::new(b"a", b"1"), Field::new(b":authority", b"h")];
    assert_eq!(decode(&mut decoder, &wire).unwrap(), block(&fields));
    assert_eq!(decoder.table_size(), 0);
    // A value of a name whose last three were unique.
    let mut encoder = Encoder::new(4096, 1);
    for value in [b"1", b"2", b"3"] {
        encode(&mut encoder, &[Field::new(b":authority", value)]);
    }
    assert_eq!(encode(&mut encoder, &[fields[1]]), [0x01, 1, b'h']);
}

/// §6.2.3: the table stays as it is, and the mark stays with the field through a decoder and an encoder.
#[test]
fn p_034_never_indexed_is_kept_and_encoded_again() {
    let mut decoder = decoder();
    let wire = [0x10, 1, b'a', 1, b'1', 0x11, 1, b'h'];
    let fields = [Field::sensitive(b"a", b"1"), Field::sensitive(b":authority", b"h")];
    let decoded = decode(&mut decoder, &wire).unwrap();
    assert_eq!(decoded, block(&fields));
    assert_eq!(decoder.table_size(), 0);
    let mut out = Vec::new();
    Encoder::new(4096, 1).encode(&decoded, &mut out);
    assert_eq!(out, wire);
}

/// §6.3.
#[test]
fn p_035_size_update() {
    assert!(decode_fresh(&[0x20]).unwrap().is_empty());
    assert!(decode_fresh(&[0x3e]).unwrap().is_empty());
}

/// §2.3.3: name indices in all three literals; the last of the static table is fine, the next is not.
#[test]
fn p_036_an_invalid_name_index_is_an_error() {
    assert!(decode_fresh(&[0x7d, 0]).is_ok());
    assert_eq!(decode_fresh(&[0x7e, 0]), Err(DecodeError::InvalidIndex));
    for pattern in [0x0f, 0x1f] {
        assert!(decode_fresh(&[pattern, 61 - 15, 0]).is_ok());
        assert_eq!(decode_fresh(&[pattern, 62 - 15, 0]), Err(DecodeError::InvalidIndex));
    }
}
