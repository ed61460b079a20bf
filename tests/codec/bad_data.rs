//! What is not in a coding, or not all of it.

use crate::{CODINGS, compressed, noise};
use grpc_sansio::codec::{Codecs, DecodeError};
use grpc_sansio::grpc::{Code, Side};
use proptest::prelude::*;

fn bad(coding: &str, payload: &[u8]) {
    let error = Codecs::all().decode(Some(coding), payload, Some(1 << 20)).unwrap_err();
    assert!(matches!(error, DecodeError::BadData { .. }), "{coding}: {error}");
    assert_eq!(error.code(), Code::Internal);
}

/// G-098: cut anywhere, with anything behind it, or with a wrong check sum, length or head.
#[test]
fn g_098_whatever_is_not_the_coding_is_internal() {
    let text = b"to be or not to be, that is the question ".repeat(20);
    for coding in CODINGS {
        let whole = compressed(coding, &text);
        for end in 0..whole.len() {
            bad(coding, &whole[..end]);
        }
        for garbage in [&b"\0"[..], b"x", b"\x1f\x8b", b"\x28\xb5\x2f\xfd"] {
            bad(coding, &[&whole, garbage].concat());
        }
        bad(coding, &text);
        bad(coding, &[0; 40]);
        bad(coding, &noise(1000));
        // No coding can be mistaken for another.
        for other in CODINGS.into_iter().filter(|other| *other != coding) {
            bad(other, &whole);
        }
    }
    let mut lying = compressed("gzip", &text);
    // The last four octets are the length, those before them the check sum (RFC 1952 §2.3.1).
    let end = lying.len();
    for place in [end - 1, end - 4, end - 5, end - 8] {
        lying[place] ^= 1;
        bad("gzip", &lying);
        lying[place] ^= 1;
    }
}

/// A message says with its error what is wrong, and of which coding.
#[test]
fn errors_name_the_coding_and_the_reason() {
    let error = Codecs::all().decode(Some("gzip"), b"\x1f\x8b", None).unwrap_err();
    let status = error.status(Side::Server);
    assert_eq!(
        (status.code(), status.message()),
        (Code::Internal, "server: message: a message is not in gzip: it is cut off (G-098); retry: useless")
    );
}

proptest! {
    /// Octets of no meaning, and good ones with some changed: an answer, and never more than the limit.
    #[test]
    fn any_octets_are_taken_or_refused(
        coding in 0..3usize,
        noise in prop::collection::vec(any::<u8>(), 0..200),
        text in prop::collection::vec(0..4u8, 100..1000),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let codecs = Codecs::all();
        let _ = codecs.decode(Some(CODINGS[coding]), &noise, Some(1000));
        let mut changed = compressed(CODINGS[coding], &text);
        for (place, octet) in changes {
            let len = changed.len();
            changed[place.index(len)] = octet;
        }
        if let Ok(decoded) = codecs.decode(Some(CODINGS[coding]), &changed, Some(1000)) {
            prop_assert!(decoded.len() <= 1000);
        }
    }
}
