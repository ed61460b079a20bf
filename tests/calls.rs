//! Calls as the application and the peer see them: a function for each rule, named after its number where it has one.
#![cfg(feature = "testing")]

#[path = "calls/raw.rs"]
mod raw;

#[path = "calls/among_others.rs"]
mod among_others;
#[path = "calls/cancelling.rs"]
mod cancelling;
#[path = "calls/cardinality.rs"]
mod cardinality;
#[path = "calls/credit.rs"]
mod credit;
#[path = "calls/deadlines.rs"]
mod deadlines;
#[path = "calls/ending.rs"]
mod ending;
#[path = "calls/heads.rs"]
mod heads;
#[path = "calls/interop.rs"]
mod interop;
#[path = "calls/kinds.rs"]
mod kinds;
#[path = "calls/leaks.rs"]
mod leaks;
#[path = "calls/lifetime.rs"]
mod lifetime;
#[path = "calls/management.rs"]
mod management;
#[path = "calls/mapping.rs"]
mod mapping;
#[path = "calls/memory.rs"]
mod memory;
#[path = "calls/messages.rs"]
mod messages;
#[path = "calls/metadata.rs"]
mod metadata;
#[path = "calls/misuse.rs"]
mod misuse;
#[path = "calls/odd.rs"]
mod odd;
#[path = "calls/paths.rs"]
mod paths;
#[path = "calls/queues.rs"]
mod queues;
#[path = "calls/quiet.rs"]
mod quiet;
#[path = "calls/refusals.rs"]
mod refusals;
#[path = "calls/runs.rs"]
mod runs;
#[path = "calls/status.rs"]
mod status;
#[path = "calls/whole.rs"]
mod whole;
#[path = "calls/windows.rs"]
mod windows;

use grpc_sansio::grpc::{Kind, Method};

const UNARY: Method = Method::from_static("/test.Service/Unary", Kind::Unary);
const UPLOAD: Method = Method::from_static("/test.Service/Upload", Kind::ClientStreaming);
const DOWNLOAD: Method = Method::from_static("/test.Service/Download", Kind::ServerStreaming);
const BIDI: Method = Method::from_static("/test.Service/Bidi", Kind::BidiStreaming);

/// The status that a rule of cardinality leads to, in both directions (G-080, G-081).
const CARDINALITY: grpc_sansio::grpc::Code = grpc_sansio::grpc::CARDINALITY_VIOLATION;
