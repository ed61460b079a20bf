//! Which messages are compressed, and with what.

use crate::noise;
use grpc_sansio::codec::{Codec, CodecFault, Codecs, DecodeError, Deflate, Gzip, Output, Zstd};
use grpc_sansio::grpc::{Code, Message};
use std::io::Write;

/// G-088: names are compared as they are, so `GZIP` is another coding.
#[test]
fn g_088_names_are_exact() {
    let codecs = Codecs::all();
    assert_eq!(codecs.codings().as_str(), "identity,gzip,deflate,zstd");
    for name in ["GZIP", "gzip ", "", "identity", "x-gzip"] {
        assert!(codecs.get(name).is_none(), "{name:?}");
        assert!(!codecs.encode(Some(name), Message::new(vec![0; 100])).compressed);
    }
    let error = codecs.decode(Some("GZIP"), b"", None).unwrap_err();
    assert_eq!((error.code(), &error), (Code::Internal, &DecodeError::Unknown { coding: "GZIP".into() }));
}

/// G-089: without a coding nothing is compressed; a call's own goes before the usual one, and `identity` is none.
#[test]
fn g_089_a_coding_is_chosen_by_somebody() {
    let silent = Codecs::all();
    assert_eq!((silent.for_client(None), silent.choose(|_| true)), (None, None));
    assert!(!silent.encode(None, Message::new(vec![0; 100])).compressed);

    let codecs = Codecs::all().sending(&["zstd", "gzip"]);
    assert_eq!(codecs.for_client(None), Some("zstd"));
    assert_eq!(codecs.for_client(Some("deflate")), Some("deflate"));
    assert_eq!(codecs.for_client(Some("identity")), None);
}

/// G-090: a message that is to stay as it is does, and one that is compressed already.
#[test]
fn g_090_messages_stay_as_they_are() {
    let codecs = Codecs::all();
    for message in [Message::as_is(vec![0; 100]), Message::compressed(vec![0; 100])] {
        assert_eq!(codecs.encode(Some("gzip"), message.clone()), message);
    }
}

/// G-092, G-104: of the codings that a server would send with, the first that its client accepts.
#[test]
fn g_092_a_server_takes_what_its_client_accepts() {
    let codecs = Codecs::all().sending(&["zstd", "gzip"]);
    assert_eq!(codecs.choose(|name| ["gzip", "zstd"].contains(&name)), Some("zstd"));
    assert_eq!(codecs.choose(|name| ["gzip", "deflate"].contains(&name)), Some("gzip"));
    assert_eq!(codecs.choose(|name| name == "deflate"), None);
}

/// G-096: flag 1 without a coding.
#[test]
fn g_096_nothing_can_be_compressed_without_a_coding() {
    for coding in [None, Some("identity")] {
        let error = Codecs::all().decode(coding, b"x", None).unwrap_err();
        assert_eq!((error.code(), error), (Code::Internal, DecodeError::NoCoding));
    }
}

/// G-101, G-102: empty messages and those that do not shrink go as they are; one octet less is enough.
#[test]
fn g_101_g_102_what_does_not_shrink_is_not_compressed() {
    let codecs = Codecs::all();
    for coding in ["gzip", "deflate", "zstd"] {
        for payload in [vec![], vec![1], noise(19), noise(1000), noise(100_000)] {
            let message = Message::new(payload);
            assert_eq!(codecs.encode(Some(coding), message.clone()), message, "{coding}");
        }
        assert!(codecs.encode(Some(coding), Message::new(vec![1; 40])).compressed, "{coding}");
    }
    /// Writes so many octets.
    #[derive(Debug)]
    struct Fixed(usize);
    impl Codec for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }
        fn compress(&self, _: &[u8], output: &mut Output) -> Result<(), CodecFault> {
            Ok(output.extend_from_slice(&vec![0; self.0])?)
        }
        fn decompress(&self, _: &[u8], _: &mut Output) -> Result<(), CodecFault> {
            Err(CodecFault::new("never"))
        }
    }
    for (octets, compressed) in [(98, true), (99, true), (100, false), (101, false)] {
        let message = Codecs::new().with(Fixed(octets)).encode(Some("fixed"), Message::new(vec![1; 100]));
        assert_eq!(message.compressed, compressed, "{octets}");
    }
}

/// A codec may be written with `std::io`, and may lose the reason of what it was refused: the limit is named all the same.
#[test]
fn a_codec_of_ones_own() {
    #[derive(Debug)]
    struct Xor;
    impl Codec for Xor {
        fn name(&self) -> &str {
            "x-xor"
        }
        fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
            output.write_all(&payload[1..])?;
            Ok(())
        }
        fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
            output.write_all(b"!")?;
            for octet in payload {
                let _ = output.write(&[*octet]);
            }
            if payload.starts_with(b"?") { Err(std::io::Error::other("a question").into()) } else { Ok(()) }
        }
    }
    let codecs = Codecs::new().with(Xor);
    assert_eq!(codecs.codings().as_str(), "identity,x-xor");
    assert_eq!(codecs.encode(Some("x-xor"), Message::new("!abc")), Message::compressed("abc"));
    assert_eq!(codecs.decode(Some("x-xor"), b"abc", Some(4)).unwrap(), "!abc");
    let error = codecs.decode(Some("x-xor"), b"abc", Some(3)).unwrap_err();
    assert_eq!(error, DecodeError::TooLarge { coding: "x-xor".into(), limit: 3 });
    let error = codecs.decode(Some("x-xor"), b"?", Some(9)).unwrap_err();
    assert_eq!(error.to_string(), "a message is not in x-xor: a question (G-098)");
}

#[test]
fn a_codec_of_the_same_name_takes_the_place() {
    let codecs = Codecs::all().with(Gzip::default());
    assert_eq!(codecs.codings().as_str(), "identity,deflate,zstd,gzip");
    let few = Codecs::new().with(Deflate::default()).with(Zstd::default());
    assert_eq!(few.codings().as_str(), "identity,deflate,zstd");
}

#[test]
#[should_panic(expected = "there is no codec \"snappy\" to send with")]
fn sending_what_is_not_there_is_refused() {
    let _ = Codecs::all().sending(&["gzip", "snappy"]);
}
