//! How much comes out, and what it costs until that is known.

use crate::{CODINGS, compressed};
use grpc_sansio::codec::{Codecs, DecodeError};
use grpc_sansio::grpc::Code;

/// G-068: the limit is for the decompressed message; what has as many octets is taken.
#[test]
fn g_068_the_limit_is_exact() {
    let codecs = Codecs::all();
    for coding in CODINGS {
        for octets in [50_usize, 1000, 65_535, 65_536, 65_537, 300_000] {
            let payload = compressed(coding, &vec![b'z'; octets]);
            for limit in [octets, octets + 1, 1 << 20, 20 << 20] {
                let decoded = codecs.decode(Some(coding), &payload, Some(limit as u32)).unwrap();
                assert_eq!(decoded.len(), octets, "{coding} {octets} {limit}");
            }
            assert_eq!(codecs.decode(Some(coding), &payload, None).unwrap().len(), octets);
            for limit in [octets - 1, octets / 2, 1, 0] {
                let error = codecs.decode(Some(coding), &payload, Some(limit as u32)).unwrap_err();
                let expected = DecodeError::TooLarge { coding: coding.into(), limit: limit as u32 };
                assert_eq!((error.code(), error), (Code::ResourceExhausted, expected), "{octets} {limit}");
            }
        }
    }
}

/// An empty message in a coding is legal, and fits every limit.
#[test]
fn g_068_nothing_fits_a_limit_of_nothing() {
    for (coding, empty) in [
        ("gzip", &b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x03\0\0\0\0\0\0\0\0\0"[..]),
        ("deflate", b"\x78\x9c\x03\0\0\0\0\x01"),
        ("zstd", b"\x28\xb5\x2f\xfd\x20\x00\x01\x00\x00"),
    ] {
        assert_eq!(Codecs::all().decode(Some(coding), empty, Some(0)).unwrap().len(), 0, "{coding}");
    }
}

/// What is much shorter than the limit keeps no more than a third above its length, and costs no more than both for a moment.
#[test]
fn a_short_result_costs_the_limit_and_itself_at_most() {
    let codecs = Codecs::all();
    let limit = 1_u64 << 20;
    for coding in CODINGS {
        for octets in [70_000_u64, 466_500, limit * 3 / 4 - 1, limit * 3 / 4 + 1, limit] {
            let payload = compressed(coding, &vec![0; octets as usize]);
            // The workspaces are there.
            let _ = codecs.decode(Some(coding), &payload, Some(limit as u32));
            let mut decoded = None;
            let took = allocation_counter::measure(|| {
                decoded = Some(codecs.decode(Some(coding), &payload, Some(limit as u32)).unwrap());
            });
            assert!(took.bytes_max <= limit * 7 / 4 + 64 * 1024, "{coding} {octets}: {took:?}");
            assert!(took.bytes_current as u64 <= octets * 4 / 3 + 256, "{coding} {octets}: {took:?}");
        }
    }
}

/// A frame of zstd announces its length and its window. Both are the peer's words: what no message may have is refused, and
/// the rest costs what any message may.
#[test]
fn g_068_announced_lengths_are_not_believed() {
    let codecs = Codecs::all();
    let limit = 1_u32 << 20;
    let took = |liar: &[u8]| {
        allocation_counter::measure(|| {
            assert!(codecs.decode(Some("zstd"), liar, Some(limit)).is_err());
        })
    };
    // A single segment of 2^60 octets, and a window of 3.75 TiB (RFC 8878 §3.1.1.1.2), each with one raw block of one octet.
    for liar in [&b"\x28\xb5\x2f\xfd\xe0\0\0\0\0\0\0\0\x10\x09\0\0a"[..], b"\x28\xb5\x2f\xfd\0\xff\x09\0\0a"] {
        assert!(took(liar).bytes_max < 10_000);
    }
    // A single segment of 2^20 - 1 octets.
    let likely = took(b"\x28\xb5\x2f\xfd\xa0\xff\xff\x0f\0\x09\0\0a");
    assert!(likely.bytes_max <= u64::from(limit) + 64 * 1024, "{likely:?}");
    // Nor what gzip's trailer says: 2^32 - 1 octets.
    let mut gzip = compressed("gzip", &[0; 100]);
    let end = gzip.len();
    gzip[end - 4..].fill(0xff);
    let took = allocation_counter::measure(|| assert!(codecs.decode(Some("gzip"), &gzip, None).is_err()));
    assert!(took.bytes_max < 200_000, "{took:?}");
}
