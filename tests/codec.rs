//! Codecs by themselves: what they write, what they refuse, and what that costs.
#![cfg(all(feature = "gzip", feature = "deflate", feature = "zstd"))]

#[path = "codec/bad_data.rs"]
mod bad_data;
#[path = "codec/choices.rs"]
mod choices;
#[path = "codec/limits.rs"]
mod limits;
#[path = "codec/round_trips.rs"]
mod round_trips;

use grpc_sansio::codec::Codecs;
use grpc_sansio::grpc::Message;

/// The codings of the crate's features.
const CODINGS: [&str; 3] = ["gzip", "deflate", "zstd"];

/// `payload` in this coding.
fn compressed(coding: &str, payload: &[u8]) -> Vec<u8> {
    let message = Codecs::all().encode(Some(coding), Message::new(payload.to_vec()));
    assert!(message.compressed, "{coding} makes {} octets no smaller", payload.len());
    message.data.into()
}

/// Octets that no codec makes smaller.
fn noise(octets: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..octets).map(|_| next()).collect()
}
