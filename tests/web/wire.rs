//! The wire format alone: base64 in pieces, and trailers.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grpc_sansio::web::{TRAILERS_FLAG, TextDecoder, TextEncoder, Trailers, TrailersError};
use proptest::prelude::*;

proptest! {
    /// G-321: whatever is flushed where, and however it is cut.
    #[test]
    fn g321_text_is_undone(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8), cut in 1..20_usize) {
        let text: String = pieces.iter().map(|piece| STANDARD.encode(piece)).collect();
        let (mut decoder, mut octets) = (TextDecoder::default(), Vec::new());
        for piece in text.as_bytes().chunks(cut) {
            decoder.push(piece, &mut octets).unwrap();
        }
        prop_assert!(decoder.finish().is_ok());
        prop_assert_eq!(octets, pieces.concat());
    }

    /// G-322: each frame is base64 of its own, however the frames are cut.
    #[test]
    fn g322_each_frame_is_padded(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..8), cut in 1..20_usize) {
        let frames: Vec<Vec<u8>> = messages.iter().map(|message| crate::harness::frame(message)).collect();
        let (mut encoder, mut text) = (TextEncoder::default(), Vec::new());
        for piece in frames.concat().chunks(cut) {
            encoder.push(piece, &mut text);
        }
        let wanted: String = frames.iter().map(|frame| STANDARD.encode(frame)).collect();
        prop_assert_eq!(text, wanted.into_bytes());
    }

    /// T-73: no octets make the reader of trailers fail otherwise than by its error, and what it reads can be written again.
    #[test]
    fn t_73_trailers_of_any_octets(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(trailers) = Trailers::parse(&octets) {
            let again = Trailers::encode(trailers.fields().map(|(name, value, _)| (name, value)));
            prop_assert_eq!(Trailers::parse(&again[5..]).unwrap(), trailers);
        }
    }
}

fn read(payload: &[u8]) -> Result<Vec<(String, String)>, TrailersError> {
    let words = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let trailers = Trailers::parse(payload)?;
    Ok(trailers.fields().map(|(name, value, _)| (words(name), words(value))).collect())
}

/// G-317.
#[test]
fn g317_trailers_are_read() {
    let fields = |list: &[(&str, &str)]| {
        Ok(list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<Vec<_>>())
    };
    assert_eq!(read(b""), fields(&[]));
    assert_eq!(read(b"grpc-status: 0\r\n"), fields(&[("grpc-status", "0")]));
    assert_eq!(read(b"Grpc-Status:0"), fields(&[("grpc-status", "0")]));
    assert_eq!(read(b"a: \t b:c \t\r\na:\r\n"), fields(&[("a", "b:c"), ("a", "")]));
}

/// T-73.
#[test]
fn t_73_trailers_that_lie() {
    for (payload, error) in [
        (&b"grpc-status"[..], TrailersError::NoColon),
        (b"a: b\r\n\r\nc: d\r\n", TrailersError::NoColon),
        (b": b\r\n", TrailersError::Name),
        (b"a b: c\r\n", TrailersError::Name),
        (b"a: b\nc: d\r\n", TrailersError::Value),
        (b"a: b\rc: d\r\n", TrailersError::Value),
        (b"a: b\0\r\n", TrailersError::Value),
    ] {
        assert_eq!(read(payload), Err(error), "{}", payload.escape_ascii());
    }
    // A value that would begin a line of its own is not written.
    let fields = [(&b"a"[..], &b"1\r\ngrpc-status: 0"[..]), (b"b\r\nc", b"1"), (b"grpc-status", b"5")];
    assert_eq!(Trailers::encode(fields), [&[TRAILERS_FLAG, 0, 0, 0, 16][..], b"grpc-status: 5\r\n"].concat());
}

#[test]
fn g321_what_is_no_base64() {
    let whole = |text: &[u8]| {
        let (mut decoder, mut octets) = (TextDecoder::default(), Vec::new());
        decoder.push(text, &mut octets).and_then(|()| decoder.finish()).map(|()| octets)
    };
    assert_eq!(whole(b"YQ==Yg==").unwrap(), b"ab");
    for text in [&b"YQ"[..], b"YQ=", b"Y===", b"====", b"YQ=a", b"YR==", b"YQ==\n", b"Y Q=", b"Y\xffQ="] {
        assert!(whole(text).is_err(), "{}", text.escape_ascii());
    }
}
