//! Honest traffic is never punished (L-41, L-42): extremes of what well-behaved peers do stay at or under a tenth of every
//! guard, whatever they look like from afar. `docs/honest-traffic.md` has the figures, which these tests do not exceed:
//!
//! ```text
//! cargo test --features testing --test honest -- --nocapture --test-threads 1 | grep '^|'
//! ```
#![cfg(feature = "testing")]

#[path = "honest/calls.rs"]
mod calls;
#[path = "honest/gauge.rs"]
mod gauge;
#[path = "honest/keepalive.rs"]
mod keepalive;
#[path = "honest/links.rs"]
mod links;
#[path = "honest/peers.rs"]
mod peers;
#[path = "calls/raw.rs"]
mod raw;
#[path = "honest/streams.rs"]
mod streams;

use grpc_sansio::grpc::{Kind, Method};

pub(crate) static UNARY: Method = Method::from_static("/honest/Unary", Kind::Unary);
pub(crate) static UPLOAD: Method = Method::from_static("/honest/Upload", Kind::ClientStreaming);
pub(crate) static DOWNLOAD: Method = Method::from_static("/honest/Download", Kind::ServerStreaming);
pub(crate) static BIDI: Method = Method::from_static("/honest/Bidi", Kind::BidiStreaming);
