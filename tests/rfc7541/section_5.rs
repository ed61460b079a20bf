//! RFC 7541 §5: integers and strings. The exhaustive tests of both stand beside the code.

use grpc_sansio::hpack::{BlockLimits, DecodeError, Decoded, Encoder, Field, FieldBlock};

use crate::support::{WIDE, block, decode_fresh, decoder, encode};

/// §5.1: in each representation's prefix, below and above its border.
#[test]
fn p_018_integers_with_each_prefix() {
    // 7 bits: 61 in place. 6 bits: 58 in place. 5 bits: 31 and more continue. 4 bits: 15 continues.
    assert_eq!(decode_fresh(&[0xbd]).unwrap(), block(&[Field::new(b"www-authenticate", b"")]));
    assert_eq!(decode_fresh(&[0x7a, 0]).unwrap(), block(&[Field::new(b"user-agent", b"")]));
    assert_eq!(decode_fresh(&[0x0e, 0]).unwrap(), block(&[Field::new(b":status", b"")]));
    assert_eq!(decode_fresh(&[0x0f, 0, 0]).unwrap(), block(&[Field::new(b"accept-charset", b"")]));
    assert!(decode_fresh(&[0x3f, 0]).is_ok());
}

/// §5.1: 2^32 - 1 is read (and then is no index), 2^32 is not; five continuation octets, not six.
#[test]
fn p_019_integer_overflow_is_an_error() {
    assert_eq!(decode_fresh(&[0xff, 0x80, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::InvalidIndex));
    assert_eq!(decode_fresh(&[0xff, 0x81, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::IntegerOverflow));
    assert!(decode_fresh(&[0x3f, 0x80, 0x80, 0x80, 0x80, 0x00]).is_ok());
    assert_eq!(decode_fresh(&[0x3f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00]), Err(DecodeError::IntegerOverflow));
}

/// §5.1: `3f` alone once crashed a decoder (RUSTSEC-2023-0085).
#[test]
fn p_020_a_truncated_integer_is_an_error() {
    for input in [&[0x3f][..], &[0xff], &[0x7f], &[0x0f], &[0x1f, 0x80], &[0x40], &[0x40, 0x7f], &[0x40, 0, 0x7f, 0x80]]
    {
        assert_eq!(decode_fresh(input), Err(DecodeError::TruncatedInteger), "{input:02x?}");
    }
}

/// §C.1.2: 1337 in 5 bits, as a table size.
#[test]
fn p_021_the_integers_of_the_appendix() {
    assert!(decode_fresh(&[0x3f, 0x9a, 0x0a]).is_ok());
    let mut encoder = Encoder::new(4096, 1);
    encoder.set_peer_max_table_size(1337);
    assert_eq!(encode(&mut encoder, &[]), [0x3f, 0x9a, 0x0a]);
}

/// §5.1: nothing forbids octets that add nothing.
#[test]
fn p_022_over_long_integers_that_fit_are_legal() {
    assert_eq!(decode_fresh(&[0x0f, 0x80, 0x00, 0]), decode_fresh(&[0x0f, 0x00, 0]));
}

/// §5.2: a string may end with the block, not after it.
#[test]
fn p_023_a_string_past_the_end_is_an_error() {
    assert!(decode_fresh(&[0x40, 1, b'a', 1, b'b']).is_ok());
    assert_eq!(decode_fresh(&[0x40, 1, b'a', 2, b'b']), Err(DecodeError::StringPastEnd));
    assert_eq!(decode_fresh(&[0x40, 2, b'a']), Err(DecodeError::StringPastEnd));
    assert_eq!(decode_fresh(&[0x40, 0x7f, 0x80, 0xff, 0xff, 0xff, 0x0f]), Err(DecodeError::StringPastEnd));
}

/// §7.3, §7.4; T-34: a string that cannot fit the limit is refused by its length; nothing is allocated for it.
#[test]
fn p_024_a_string_above_the_limit_is_refused_unread() {
    let limits = BlockLimits { max_list_size: 64, max_fields: 8, abuse_list_size: 1_000, abuse_fields: 8 };
    for (huffman, len, refused) in [(0u8, 967u16, false), (0, 968, true), (0x80, 60_000, true), (0x80, 8_000, true)] {
        let mut input = vec![0, 1, b'a', huffman | 0x7f];
        let rest = len - 127;
        input.extend([rest as u8 | 0x80, (rest >> 7) as u8 | 0x80, (rest >> 14) as u8]);
        input.resize(input.len() + usize::from(len), b'x');
        let mut list = FieldBlock::new();
        let result = decoder().decode(&input, &limits, &mut list);
        assert_eq!(result.is_err(), refused, "{len}");
        assert!(list.is_empty());
        if refused {
            assert_eq!(result, Err(DecodeError::ListAbuse));
            assert!(list.capacity() < 100);
        }
    }
}

/// The same where the length is that of a Huffman code: all codes may be as long as the longest, of 30 bits.
#[test]
fn p_024_a_huffman_string_that_may_fit_is_read() {
    // Four line feeds.
    let code = [0xff, 0xff, 0xff, 0xf3, 0xff, 0xff, 0xff, 0xcf, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0xfc];
    let input = [&[0, 1, b'a', 0x80 | 15][..], &code].concat();
    let limits =
        |room: u32| BlockLimits { max_list_size: 999, max_fields: 8, abuse_list_size: 32 + 1 + room, abuse_fields: 8 };
    let mut list = FieldBlock::new();
    assert_eq!(decoder().decode(&input, &limits(4), &mut list), Ok(Decoded::Complete));
    assert_eq!(list, block(&[Field::new(b"a", b"\n\n\n\n")]));
    assert_eq!(decoder().decode(&input, &limits(3), &mut FieldBlock::new()), Err(DecodeError::ListAbuse));
}

/// §5.2: 7 bits of padding are the most.
#[test]
fn p_025_padding_longer_than_7_bits_is_an_error() {
    // Five times `0` are 25 bits and leave 7 of four octets; `&` is one octet, and 8 bits of padding follow.
    assert!(decode_fresh(&[0, 1, b'a', 0x84, 0x00, 0x00, 0x00, 0x7f]).is_ok());
    assert_eq!(decode_fresh(&[0, 1, b'a', 0x82, 0xf8, 0xff]), Err(DecodeError::HuffmanPadding));
}

/// §5.2: padding is the start of EOS: all ones.
#[test]
fn p_026_padding_with_a_zero_is_an_error() {
    assert!(decode_fresh(&[0, 1, b'a', 0x81, 0b0000_0111]).is_ok());
    for padding in 0b000..0b111 {
        assert_eq!(decode_fresh(&[0, 1, b'a', 0x81, padding]), Err(DecodeError::HuffmanPadding));
    }
}

/// §5.2: 30 ones are EOS, wherever they are.
#[test]
fn p_027_eos_in_a_string_is_an_error() {
    assert_eq!(decode_fresh(&[0, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff]), Err(DecodeError::HuffmanEos));
    assert_eq!(decode_fresh(&[0, 1, b'a', 0x85, 0x07, 0xff, 0xff, 0xff, 0xff]), Err(DecodeError::HuffmanEos));
}

/// §5.2: no code at all is an empty string, an octet of padding is not.
#[test]
fn p_028_an_empty_huffman_string_is_legal() {
    assert_eq!(decode_fresh(&[0, 1, b'a', 0x80]).unwrap(), block(&[Field::new(b"a", b"")]));
    assert_eq!(decode_fresh(&[0, 1, b'a', 0x81, 0xff]), Err(DecodeError::HuffmanPadding));
}

/// §5.2: the encoder pads with ones, and takes the Huffman code only where it is shorter.
#[test]
fn p_029_the_encoder_pads_with_ones_and_takes_the_shorter_form() {
    let mut encoder = Encoder::new(0, 1);
    encode(&mut encoder, &[]);
    assert_eq!(encode(&mut encoder, &[Field::new(b":path", b"00")]), [0x04, 2, b'0', b'0'].as_slice());
    assert_eq!(encode(&mut encoder, &[Field::new(b":path", b"000")]), [0x04, 0x82, 0x00, 0x01]);
    let out = encode(&mut encoder, &[Field::new(b":path", b"\xff\xff\xff")]);
    assert_eq!(out, [0x04, 3, 0xff, 0xff, 0xff]);
}

/// T-37: the output is at most 8/5 of the input, however long.
#[test]
fn p_030_huffman_output_is_bounded() {
    let mut input = vec![0, 1, b'a', 0xff, 0x81, 0x06];
    input.resize(input.len() + 896, 0x00);
    // 896 octets of zeros are 1,433 times `0` and 3 bits that are no padding.
    assert_eq!(decode_fresh(&input), Err(DecodeError::HuffmanPadding));
    *input.last_mut().unwrap() = 0x07;
    let mut list = FieldBlock::new();
    decoder().decode(&input, &WIDE, &mut list).unwrap();
    assert_eq!(list.fields().next().unwrap().value.len(), 896 * 8 / 5);
    assert!(list.capacity() <= 2 * 896 * 8 / 5);
}
