//! The bodies of the fuzz targets, one module each: `run` takes any octets and panics where an invariant is broken.
//!
//! As a library they compile and run without a fuzz engine: `cargo test` feeds each target its corpus and every
//! truncation of the smaller seeds. `fuzz_targets/` holds nothing but the entry points.
//!
//! [`play`] runs a body under a counting allocator and holds it to the budget of its target: heap and allocations that are
//! linear in the input.

#[path = "../../tests/model/call.rs"]
mod call;
#[path = "../../tests/model/world.rs"]
mod world;

mod calls;
mod connection;
mod control;
mod http1;
mod ledger;
mod meter;
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
pub mod payloads;
pub mod server;
pub mod server_frames;
pub mod web;

use meter::{Budget, Line};

pub use meter::Cost;

/// A body, by the name that `Cargo.toml` has for it, and what a run of it may cost.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// As `Cargo.toml` names it.
    pub name: &'static str,
    body: fn(&[u8]),
    budget: Budget,
}

/// Heap for no input and for each octet of it, then allocations likewise.
const fn target(name: &'static str, body: fn(&[u8]), heap: (u64, u64), allocations: (u64, u64)) -> Target {
    let heap = Line { fixed: heap.0, for_each: heap.1 };
    let allocations = Line { fixed: allocations.0, for_each: allocations.1 };
    Target { name, body, budget: Budget { heap, allocations } }
}

/// All targets. The lines are some four times what the corpus takes (`cargo test -- --nocapture` prints that). A whole
/// connection keeps to a closer bound of its own, which is that of its config; here count the trace of a run and all that
/// it compares too, and where the input is a script of frames or verbs, a few octets of it stand for many on the wire, of
/// which there are so many at most.
pub const TARGETS: [Target; 18] = [
    target("client", client::run, (1 << 20, 512), (2_000, 32)),
    target("client_frames", client_frames::run, (64 << 20, 0), (1_000_000, 0)),
    target("event_log", event_log::run, (1 << 20, 64), (4_000, 4)),
    target("frames", frames::run, (512, 4), (24, 1)),
    target("grpc_fields", grpc_fields::run, (4_096, 48), (200, 4)),
    target("grpc_messages", grpc_messages::run, (512, 8), (200, 8)),
    target("grpc_values", grpc_values::run, (2_048, 24), (150, 4)),
    target("hpack_decode", hpack_decode::run, (384 * 1024, 16), (400, 64)),
    target("hpack_differential", hpack_differential::run, (128 * 1024, 12_288), (4_000, 64)),
    target("hpack_round_trip", hpack_round_trip::run, (256 * 1024, 512), (400, 16)),
    target("http2_client", http2_client::run, (2 << 20, 8_192), (4_000, 128)),
    target("http2_frames", http2_frames::run, (64 << 20, 0), (1_000_000, 0)),
    target("http2_server", http2_server::run, (2 << 20, 8_192), (4_000, 128)),
    target("pair_operations", pair_operations::run, (128 << 20, 0), (1_000_000, 0)),
    target("payloads", payloads::run, (2 << 20, 512), (4_000, 64)),
    target("server", server::run, (1 << 20, 512), (2_000, 32)),
    target("server_frames", server_frames::run, (64 << 20, 0), (1_000_000, 0)),
    target("web", web::run, (1 << 20, 1_024), (2_000, 64)),
];

/// Runs the body of that name; says what it cost.
///
/// # Panics
///
/// Where an invariant is broken, the budget is passed, or there is no such target.
pub fn play(name: &str, data: &[u8]) -> Cost {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    let run = || meter::within(target.budget, data.len(), || (target.body)(data));
    let cost = run();
    // What is made once for all stays. What each run leaves is lost.
    if cost.left != 0 {
        assert_eq!(run().left, 0, "octets are left behind");
    }
    cost
}
