//! The bodies of the fuzz targets, one module each: `run` takes any octets and panics where an invariant is broken.
//!
//! As a library they compile and run without a fuzz engine: `cargo test` feeds each target its corpus and every
//! truncation of the smaller seeds. `fuzz_targets/` holds nothing but the entry points.

mod connection;
mod control;
pub mod frames;
pub mod grpc_fields;
pub mod grpc_messages;
pub mod hpack_decode;
pub mod hpack_round_trip;
pub mod http2_client;
pub mod http2_frames;
pub mod http2_server;

/// A body by the name of its target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, as `Cargo.toml` names them.
pub const TARGETS: [Target; 8] = [
    ("frames", frames::run),
    ("grpc_fields", grpc_fields::run),
    ("grpc_messages", grpc_messages::run),
    ("hpack_decode", hpack_decode::run),
    ("hpack_round_trip", hpack_round_trip::run),
    ("http2_client", http2_client::run),
    ("http2_frames", http2_frames::run),
    ("http2_server", http2_server::run),
];
