//! Many clients and servers over links that delay, throttle, stall, break and go half-open, with clocks that jump, all from
//! one seed, each call held against a model that shares no code with the library.
//!
//! `cargo test` runs some worlds. Any range of others, in parts, with progress, to be stopped and gone on with:
//!
//! ```sh
//! SIM_SEEDS=0..1000000 SIM_SHARD=1/8 cargo test --release --features testing --test simulation seeds -- --nocapture
//! ```
//!
//! A world that fails is shrunk, and printed with the command that replays it. `SIM_STATE` names the file that keeps how
//! far a course got, if not one below `target/tmp`.
#![cfg(feature = "testing")]

#[path = "model/call.rs"]
mod call;
#[path = "simulation/client.rs"]
mod client;
#[path = "simulation/findings.rs"]
mod findings;
#[path = "simulation/noticed.rs"]
mod noticed;
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
use runner::{Course, play, play_with};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use world::Belief;

/// Every world keeps its promises.
#[test]
fn seeds() {
    // The faster build plays other worlds than the one with checks, and more of them.
    let short = if cfg!(debug_assertions) { 0..1_500 } else { 1_500..4_500 };
    let course = Course::from_environment(short);
    match runner::run(&course) {
        Ok(worlds) => assert!(worlds > 0, "there is nothing to run: {course:?}"),
        Err(failure) => panic!("{failure}"),
    }
}

/// The same seed makes the same octets, events and outcomes, whether anybody looks or not.
#[test]
fn twice_is_the_same() {
    for seed in 0..100 {
        let plan = Plan::new(seed);
        assert_eq!(play(&plan).unwrap(), play_with(&plan, Belief::Right, true).unwrap(), "{seed}");
    }
}

/// The octets, events and outcomes of these seeds are the same in every build and on every machine.
///
/// A change of what the library says changes them. Then look at why, and record them again:
/// `SIM_RECORD=1 cargo test --features testing --test simulation recorded`.
#[test]
fn recorded_digests_are_met() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/simulation.txt");
    let mut table = String::from("# seed, digest of all that its world said; see recorded_digests_are_met\n");
    for seed in (0..64).map(|number| number * 1_000_003) {
        let report = play(&Plan::new(seed)).unwrap();
        writeln!(table, "{seed} {:016x} {} attempts {:?} octets", report.digest, report.attempts, report.octets)
            .unwrap();
    }
    if std::env::var_os("SIM_RECORD").is_some() {
        fs::write(&file, &table).expect("a table that can be written");
    }
    let recorded = fs::read_to_string(&file).expect("a table");
    let differing: Vec<_> = table.lines().zip(recorded.lines()).filter(|(is, was)| is != was).collect();
    assert!(
        differing.is_empty() && table.len() == recorded.len(),
        "{} worlds say something else than was recorded, first {:?}; if that is meant, record them again:\n  \
         SIM_RECORD=1 cargo test --features testing --test simulation recorded",
        differing.len(),
        differing.first()
    );
}
