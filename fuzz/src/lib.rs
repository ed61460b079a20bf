//! The bodies of the fuzz targets, one module each: `run` takes any octets and panics where an invariant is broken.
//!
//! As a library they compile and run without a fuzz engine: `cargo test` feeds each target its corpus and every
//! truncation of the smaller seeds. `fuzz_targets/` holds nothing but the entry points.

#[path = "../../tests/model/call.rs"]
mod call;
#[path = "../../tests/model/world.rs"]
mod world;

mod calls;
mod connection;
mod control;
mod ledger;
mod quiet;
mod script;
mod session;

pub mod client;
pub mod client_frames;
pub mod event_log;
pub mod frames;
pub mod grpc_fields;
pub mod grpc_messages;
pub mod grpc_values;
pub mod hpack_decode;
pub mod hpack_differential;
pub mod hpack_round_trip;
pub mod http2_client;
pub mod http2_frames;
pub mod http2_server;
pub mod pair_operations;
pub mod server;
pub mod server_frames;
pub mod web;

/// A body by the name of its target.
pub type Target = (&'static str, fn(&[u8]));

/// All targets, as `Cargo.toml` names them.
pub const TARGETS: [Target; 17] = [
    ("client", client::run),
    ("client_frames", client_frames::run),
    ("event_log", event_log::run),
    ("frames", frames::run),
    ("grpc_fields", grpc_fields::run),
    ("grpc_messages", grpc_messages::run),
    ("grpc_values", grpc_values::run),
    ("hpack_decode", hpack_decode::run),
    ("hpack_differential", hpack_differential::run),
    ("hpack_round_trip", hpack_round_trip::run),
    ("http2_client", http2_client::run),
    ("http2_frames", http2_frames::run),
    ("http2_server", http2_server::run),
    ("pair_operations", pair_operations::run),
    ("server", server::run),
    ("server_frames", server_frames::run),
    ("web", web::run),
];
