//! Section 3: message framing.

use bytes::Bytes;
use grpc_sansio::grpc::message::{InvalidFlag, MessageError, Prefix, encode_message};
use grpc_sansio::grpc::{Code, Message, MessageReader, Side};

fn read_all(limit: Option<u32>, body: &[u8]) -> Result<Vec<Message>, MessageError> {
    let mut reader = MessageReader::new(limit);
    let mut input = Bytes::copy_from_slice(body);
    let mut messages = Vec::new();
    while let Some(message) = reader.read(&mut input)? {
        messages.push(message);
    }
    reader.finish().map(|()| messages)
}

#[test]
fn g_064_a_message_is_a_flag_a_length_and_a_payload() {
    let mut out = Vec::new();
    encode_message(&[7; 258], true, &mut out).unwrap();
    assert_eq!(out[..5], [1, 0, 0, 1, 2]);
    assert_eq!(read_all(None, &out), Ok(vec![Message::compressed(vec![7; 258])]));
    assert_eq!(read_all(None, &[0; 10]), Ok(vec![Message::new(""); 2]), "length zero is valid");
}

#[test]
fn g_065_a_prefix_may_be_cut_at_every_octet() {
    let mut body = Vec::new();
    for payload in ["", "ab", "cde"] {
        encode_message(payload.as_bytes(), false, &mut body).unwrap();
    }
    for first in 0..=body.len() {
        for second in first..=body.len() {
            let mut reader = MessageReader::new(None);
            let mut messages = Vec::new();
            for piece in [&body[..first], &[], &body[first..second], &body[second..]] {
                let mut piece = Bytes::copy_from_slice(piece);
                while let Some(message) = reader.read(&mut piece).unwrap() {
                    messages.push(message);
                }
                assert!(piece.is_empty(), "all input is used up");
            }
            assert_eq!(messages, ["", "ab", "cde"].map(Message::new));
            assert_eq!(reader.finish(), Ok(()));
        }
    }
}

#[test]
fn g_066_every_other_flag_is_internal() {
    for flag in 2..=255 {
        assert_eq!(Prefix::parse([flag, 0, 0, 0, 0]), Err(InvalidFlag(flag)));
        let error = read_all(None, &[flag, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
    }
    assert_eq!(Prefix::parse([1, 0, 0, 0, 0]), Ok(Prefix { compressed: true, length: 0 }));
}

#[test]
fn g_067_a_length_over_the_limit_is_refused_at_the_prefix() {
    let mut reader = MessageReader::new(Some(3));
    let error = reader.read(&mut Bytes::from_static(&[0, 0, 0, 0, 4])).unwrap_err();
    assert_eq!(error, MessageError::TooLarge { length: 4, limit: 3 });
    let status = error.status(Side::Server);
    assert_eq!(
        status.to_string(),
        "RESOURCE_EXHAUSTED: server: gRPC: a message of 4 octets is over the receive limit of 3 (G-067); retry: useless"
    );
    assert_eq!(read_all(Some(3), &[0, 0, 0, 0, 3, 1, 2, 3]).unwrap().len(), 1);
}

#[test]
fn g_069_zero_is_a_limit_and_none_is_no_limit() {
    assert_eq!(read_all(Some(0), &[0, 0, 0, 0, 0]).unwrap().len(), 1);
    assert!(read_all(Some(0), &[0, 0, 0, 0, 1, 9]).is_err());
    assert_eq!(read_all(None, &[0, 255, 255, 255, 255]), Err(MessageError::Truncated), "four gigabytes are announced");
}

#[test]
fn g_073_an_end_inside_a_message_is_internal() {
    let body = [0, 0, 0, 0, 2, 1, 2];
    for end in 1..body.len() {
        assert_eq!(read_all(None, &body[..end]), Err(MessageError::Truncated), "{end}");
    }
    assert_eq!(MessageError::Truncated.code(), Code::Internal);
    assert!(read_all(None, &body).is_ok() && read_all(None, &[]).is_ok());
}
