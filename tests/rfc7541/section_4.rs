//! RFC 7541 §4: the size of the dynamic table, and RFC 9113 §4.3.1 on when it changes.

use grpc_sansio::hpack::{Classifier, DecodeError, Decoder, Encoder, Field};

use crate::support::{block, decode, decode_fresh, decoder, encode, hex, insertion};

/// A size update of the given size, below 16,415.
fn update(size: u32) -> Vec<u8> {
    match size.checked_sub(31) {
        None => vec![0x20 | size as u8],
        Some(rest) if rest < 128 => vec![0x3f, rest as u8],
        Some(rest) => vec![0x3f, rest as u8 | 0x80, (rest >> 7) as u8],
    }
}

/// §4.1: name + value + 32, of the strings as decoded.
#[test]
fn p_006_an_entry_counts_its_decoded_octets_and_32() {
    let mut decoder = decoder();
    // §C.4.1: 12 octets of Huffman code are 15 of `www.example.com`.
    decode(&mut decoder, &hex("41 8c f1e3 c2e5 f23a 6ba0 ab90 f4ff")).unwrap();
    assert_eq!(decoder.table_size(), 10 + 15 + 32);
}

/// §4.4: exactly as many as fit stay; one entry too large empties the table, which is no error.
#[test]
fn p_007_the_oldest_are_evicted_and_an_oversized_entry_empties_the_table() {
    let mut decoder = Decoder::new(2 * 34, Classifier::NONE);
    decode(&mut decoder, &[insertion(b"a", b"1"), insertion(b"b", b"2")].concat()).unwrap();
    assert_eq!(decoder.table_size(), 68);
    decode(&mut decoder, &insertion(b"c", b"3")).unwrap();
    let left = decode(&mut decoder, &[0xbe, 0xbf]).unwrap();
    assert_eq!(left, block(&[Field::new(b"c", b"3"), Field::new(b"b", b"2")]));

    let fits = insertion(b"name", &[b'x'; 68 - 32 - 4]);
    decode(&mut decoder, &fits).unwrap();
    assert_eq!(decoder.table_size(), 68);
    let too_large = [b'x'; 68 - 32 - 4 + 1];
    let delivered = decode(&mut decoder, &insertion(b"name", &too_large)).unwrap();
    assert_eq!(delivered, block(&[Field::new(b"name", &too_large)]));
    assert_eq!(decoder.table_size(), 0);
}

/// §4.4: the name may come from the entry that makes room for the new one.
#[test]
fn p_008_a_name_outlives_its_entry() {
    let mut decoder = Decoder::new(50, Classifier::NONE);
    decode(&mut decoder, &insertion(b"name", b"1")).unwrap();
    let wire = [&[0x7e, 9][..], b"123456789"].concat();
    let expected = block(&[Field::new(b"name", b"123456789")]);
    assert_eq!(decode(&mut decoder, &wire).unwrap(), expected);
    assert_eq!(decode(&mut decoder, &[0xbe]).unwrap(), expected);
    assert_eq!(decode(&mut decoder, &[0xbf]), Err(DecodeError::InvalidIndex));
}

/// §4.3: a lower maximum evicts at once, 0 clears.
#[test]
fn p_009_a_lower_maximum_evicts() {
    let mut decoder = decoder();
    decode(&mut decoder, &[insertion(b"a", b"1"), insertion(b"b", b"2")].concat()).unwrap();
    decode(&mut decoder, &update(67)).unwrap();
    assert_eq!(decoder.table_size(), 34);
    decode(&mut decoder, &update(0)).unwrap();
    assert_eq!((decoder.table_size(), decoder.heap_size()), (0, 0));
}

/// §4.2: the encoder stays within what the peer allows and within its own cap.
#[test]
fn p_010_the_encoder_stays_within_both_limits() {
    for (own, peer, limit) in [(4096, 200, 200), (200, 4096, 200), (4096, 1 << 30, 4096), (4096, 0, 0)] {
        let mut encoder = Encoder::new(own, 1);
        encoder.set_peer_max_table_size(peer);
        for name in 0..=255u8 {
            encode(&mut encoder, &[Field::new(&[b'n', name], b"value")]);
            assert!(encoder.table_size() <= limit);
        }
        assert!(encoder.table_size() + 40 > limit);
    }
}

/// §6.3: 001 and a 5-bit prefix.
#[test]
fn p_011_the_pattern_of_a_size_update() {
    for size in [0, 30, 31, 4096] {
        assert!(decode_fresh(&update(size)).unwrap().is_empty());
    }
    let mut encoder = Encoder::new(4096, 1);
    encoder.set_peer_max_table_size(31);
    assert_eq!(encode(&mut encoder, &[]), [0x3f, 0x00]);
}

/// §4.2: an update is fine before the first field and an error after it.
#[test]
fn p_012_a_size_update_after_a_field_is_an_error() {
    assert!(decode_fresh(&[0x20, 0x82]).is_ok());
    assert_eq!(decode_fresh(&[0x82, 0x20]), Err(DecodeError::SizeUpdateNotAtStart));
}

/// §4.2: two updates suffice for any history; more are refused (T-35).
#[test]
fn p_013_two_size_updates_are_accepted_and_three_are_not() {
    assert!(decode_fresh(&[0x20, 0x3e, 0x82]).is_ok());
    assert_eq!(decode_fresh(&[0x20, 0x3e, 0x20, 0x82]), Err(DecodeError::TooManySizeUpdates));
}

/// §6.3: the limit itself is allowed, one above is not; a raised limit counts from its acknowledgement on.
#[test]
fn p_014_size_update_above_our_limit_is_an_error() {
    assert!(decode_fresh(&update(4096)).is_ok());
    assert_eq!(decode_fresh(&update(4097)), Err(DecodeError::SizeUpdateTooLarge));
    let mut decoder = decoder();
    decoder.set_max_table_size(4097);
    assert!(decode(&mut decoder.clone(), &update(4097)).is_ok());
    assert_eq!(decode(&mut decoder, &update(4098)), Err(DecodeError::SizeUpdateTooLarge));
}

/// RFC 9113 §4.3.1: after the acknowledgement of a lower limit the next block starts with an update, of the smallest
/// limit there was or less.
#[test]
fn p_015_a_lowered_limit_must_be_followed_at_once() {
    let mut lowered = decoder();
    lowered.set_max_table_size(100);
    assert_eq!(decode(&mut lowered.clone(), &[0x82]), Err(DecodeError::MissingSizeUpdate));
    assert_eq!(decode(&mut lowered.clone(), &[]), Err(DecodeError::MissingSizeUpdate));
    assert_eq!(decode(&mut lowered.clone(), &update(101)), Err(DecodeError::SizeUpdateTooLarge));
    assert!(decode(&mut lowered.clone(), &update(100)).is_ok());

    // Down and up again: the low point has to be shown, then the limit is the new one.
    lowered.set_max_table_size(4096);
    assert_eq!(decode(&mut lowered.clone(), &update(101)), Err(DecodeError::MissingSizeUpdate));
    assert!(decode(&mut lowered.clone(), &[update(100), update(4096)].concat()).is_ok());
    decode(&mut lowered, &update(60)).unwrap();
    assert!(decode(&mut lowered, &[0x82]).is_ok());
}

/// The same, where nothing is owed: the table is already as small.
#[test]
fn p_015_a_limit_that_the_table_meets_already_owes_nothing() {
    let mut decoder = decoder();
    decode(&mut decoder, &update(100)).unwrap();
    decoder.set_max_table_size(100);
    assert!(decode(&mut decoder.clone(), &[0x82]).is_ok());
    decoder.set_max_table_size(99);
    assert_eq!(decode(&mut decoder, &[0x82]), Err(DecodeError::MissingSizeUpdate));
}

/// §4.2: of several changes the smallest, then the final one, in the next block and once only.
#[test]
fn p_016_the_encoder_signals_the_smallest_and_the_last_size() {
    let mut encoder = Encoder::new(4096, 1);
    encoder.set_peer_max_table_size(50);
    assert_eq!(encode(&mut encoder, &[]), update(50));
    assert!(encode(&mut encoder, &[]).is_empty());
    for size in [40, 0, 30, 20] {
        encoder.set_peer_max_table_size(size);
    }
    assert_eq!(encode(&mut encoder, &[]), [update(0), update(20)].concat());
    // The smallest is above what is in use: only the last counts.
    encoder.set_peer_max_table_size(100);
    encoder.set_peer_max_table_size(200);
    assert_eq!(encode(&mut encoder, &[]), update(200));
}

/// T-20: the setting swings a hundred thousand times; the next block has two updates and nothing has grown.
#[test]
fn p_016_a_swinging_setting_costs_two_updates() {
    let mut encoder = Encoder::new(4096, 1);
    for _ in 0..100_000 {
        encoder.set_peer_max_table_size(0);
        encoder.set_peer_max_table_size(u32::MAX);
    }
    assert_eq!(encoder.heap_size(), 0);
    assert_eq!(encode(&mut encoder, &[]), [update(0), update(4096)].concat());
}

/// §4.2: a higher limit forces nothing, on either side.
#[test]
fn p_017_raising_the_limit_forces_no_update() {
    let mut decoder = decoder();
    decoder.set_max_table_size(65_536);
    assert!(decode(&mut decoder, &[0x82]).is_ok());
    let mut encoder = Encoder::new(4096, 1);
    encoder.set_peer_max_table_size(65_536);
    assert!(encode(&mut encoder, &[]).is_empty());
}

/// §4.2: an encoder that wants less than the peer's default says so in its first block.
#[test]
fn p_016_an_own_limit_below_the_default_is_signalled() {
    let mut encoder = Encoder::new(100, 1);
    assert_eq!(encode(&mut encoder, &[]), update(100));
    encoder.set_peer_max_table_size(65_536);
    assert!(encode(&mut encoder, &[]).is_empty());
}
