//! What is compressed is what comes out again.

use crate::{CODINGS, compressed};
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use grpc_sansio::codec::{Codecs, Deflate, Gzip, Level, Zstd};
use grpc_sansio::grpc::Message;
use proptest::prelude::*;
use std::io::{Read, Write};

/// Texts that shrink, of all sizes around the buffers.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let word = prop::collection::vec(any::<u8>(), 1..40);
    (word, prop_oneof![1..100usize, 100..20_000usize]).prop_map(|(word, times)| word.repeat(times))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// G-086: in any order, through the same workspaces, each message stands for itself.
    #[test]
    fn g_086_messages_share_no_context(messages in prop::collection::vec((0..3usize, text()), 1..6)) {
        let codecs = Codecs::all();
        let sent: Vec<_> = messages
            .iter()
            .map(|(coding, text)| codecs.encode(Some(CODINGS[*coding]), Message::new(text.clone())))
            .collect();
        for ((coding, text), message) in messages.iter().zip(&sent).rev() {
            prop_assert!(!message.compressed || message.data.len() < text.len());
            let alone = Codecs::all().encode(Some(CODINGS[*coding]), Message::new(text.clone()));
            prop_assert_eq!(&alone, message);
            if message.compressed {
                let decoded = codecs.decode(Some(CODINGS[*coding]), &message.data, None);
                prop_assert_eq!(&decoded.unwrap(), text);
            } else {
                prop_assert_eq!(&message.data, text);
            }
        }
    }
}

/// G-087: `gzip` is RFC 1952, and `deflate` is RFC 1950, not bare RFC 1951, as the tools of both understand them.
#[test]
fn g_087_the_formats_are_those_that_others_mean() {
    let text = b"to be or not to be, that is the question ".repeat(50);
    let gzip = compressed("gzip", &text);
    assert_eq!(gzip[..3], [0x1f, 0x8b, 8]);
    let mut read = Vec::new();
    GzDecoder::new(&gzip[..]).read_to_end(&mut read).unwrap();
    assert_eq!(read, text);

    let deflate = compressed("deflate", &text);
    assert_eq!((deflate[0] & 0x0f, u16::from_be_bytes([deflate[0], deflate[1]]) % 31), (8, 0));
    let mut read = Vec::new();
    ZlibDecoder::new(&deflate[..]).read_to_end(&mut read).unwrap();
    assert_eq!(read, text);
    assert_eq!(compressed("zstd", &text)[..4], 0xfd2f_b528_u32.to_le_bytes());

    let codecs = Codecs::all();
    let mut others = GzEncoder::new(Vec::new(), flate2::Compression::best());
    others.write_all(&text).unwrap();
    assert_eq!(codecs.decode(Some("gzip"), &others.finish().unwrap(), None).unwrap(), text);
    let mut others = ZlibEncoder::new(Vec::new(), flate2::Compression::none());
    others.write_all(&text).unwrap();
    assert_eq!(codecs.decode(Some("deflate"), &others.finish().unwrap(), None).unwrap(), text);
}

/// A gzip file may have a name and a comment in its head (RFC 1952 §2.3), and several members (§2.2).
#[test]
fn g_087_heads_and_members_of_gzip() {
    let codecs = Codecs::all();
    let mut named =
        flate2::GzBuilder::new().filename("a").comment("b").extra("cd").write(Vec::new(), Default::default());
    named.write_all(b"text").unwrap();
    assert_eq!(codecs.decode(Some("gzip"), &named.finish().unwrap(), None).unwrap(), "text");

    let member = compressed("gzip", &[7; 100]);
    for (members, taken) in [(2, true), (64, true), (65, false)] {
        let decoded = codecs.decode(Some("gzip"), &member.repeat(members), None);
        assert_eq!(decoded.map(|decoded| decoded.len()).ok(), taken.then_some(100 * members), "{members}");
    }
}

/// G-104: a level costs time and says nothing to the peer.
#[test]
fn g_104_levels() {
    let text: Vec<u8> = (0..20_000_u32).flat_map(|n| (n / 7 * n % 1000).to_string().into_bytes()).collect();
    let at = |level| {
        let codecs = Codecs::new().with(Gzip::new(level)).with(Deflate::new(level)).with(Zstd::new(level));
        CODINGS.map(|coding| {
            let message = codecs.encode(Some(coding), Message::new(text.clone()));
            assert_eq!(Codecs::all().decode(Some(coding), &message.data, None).unwrap(), text, "{coding} {level:?}");
            message.data.len()
        })
    };
    let [low, medium, high] = [Level::Low, Level::Medium, Level::High].map(at);
    for coding in 0..3 {
        assert!(low[coding] > high[coding] && low[coding] > medium[coding], "{low:?} {medium:?} {high:?}");
    }
}
