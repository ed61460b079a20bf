//! Many clients and servers over links that delay, throttle, stall, break and go half-open, with clocks that jump, all from
//! one seed, each call held against a model that shares no code with the library.
//!
//! `cargo test` runs some thousand worlds. Any range of others, in parts, with progress, to be stopped and gone on with:
//!
//! ```sh
//! SIM_SEEDS=0..1000000 SIM_SHARD=1/8 cargo test --release --features testing --test simulation seeds -- --nocapture
//! ```
#![cfg(feature = "testing")]

#[path = "model/call.rs"]
mod call;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/findings.rs"]
mod findings;
#[path = "simulation/plan.rs"]
mod plan;
#[path = "simulation/runner.rs"]
mod runner;
#[path = "simulation/server.rs"]
mod server;
#[path = "simulation/shrink.rs"]
mod shrink;
#[path = "simulation/world.rs"]
mod world;

use plan::Plan;
use runner::{Course, play};

/// Every world keeps its promises.
#[test]
fn seeds() {
    let course = Course::from_environment(0..1_500);
    match runner::run(&course) {
        Ok(worlds) => assert!(worlds > 0, "there is nothing to run: {course:?}"),
        Err(failure) => panic!("{failure}"),
    }
}

/// The same seed makes the same octets, events and outcomes.
#[test]
fn twice_is_the_same() {
    for seed in 0..100 {
        let plan = Plan::new(seed);
        assert_eq!(play(&plan, false).unwrap(), play(&plan, true).unwrap(), "{seed}");
    }
}
