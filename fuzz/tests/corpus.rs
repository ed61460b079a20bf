//! Every target over its corpus, without a fuzz engine: what was found once stays found.

use grpc_sansio_fuzz::Cost;
use std::fs;
use std::path::Path;

/// Longer seeds are not tried at every length.
const TRUNCATE_UP_TO: usize = 300;

/// Targets whose input is no wire, so that the start of a seed is just another seed.
const STRUCTURED: [&str; 6] =
    ["client_frames", "event_log", "hpack_round_trip", "http2_frames", "pair_operations", "server_frames"];

fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let mut seeds: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .map(|path| (path.display().to_string(), fs::read(&path).expect("a readable seed")))
        .collect();
    seeds.sort();
    seeds
}

fn run(target: &str) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "no corpus for {target}");
    let mut costs = Vec::new();
    for (name, seed) in &seeds {
        let every_length = seed.len() <= TRUNCATE_UP_TO && !STRUCTURED.contains(&target);
        let shortest = if every_length { 0 } else { seed.len() };
        for length in shortest..=seed.len() {
            let Ok(cost) = std::panic::catch_unwind(|| grpc_sansio_fuzz::play(target, &seed[..length])) else {
                panic!("{target} fails on the first {length} octets of {name}");
            };
            costs.push((length as u64, cost));
        }
    }
    report(target, &costs);
}

/// What the budgets of `src/lib.rs` are taken from: `cargo test -- --nocapture`.
fn report(target: &str, costs: &[(u64, Cost)]) {
    for (what, of) in [("heap", (|cost| cost.heap) as fn(&Cost) -> u64), ("allocations", |cost| cost.allocations)] {
        let short = costs.iter().filter(|(length, _)| *length < 64).map(|(_, cost)| of(cost)).max().unwrap_or(0);
        let beyond = |(length, cost): &(u64, Cost)| of(cost).saturating_sub(short) / (*length).max(1);
        let for_each = costs.iter().map(beyond).max().unwrap_or(0);
        println!("{target}: {what}: up to {short} for less than 64 octets, {for_each} for each octet beyond that");
    }
}

macro_rules! targets {
    ($($target:ident)*) => {
        $(#[test]
        fn $target() {
            run(stringify!($target));
        })*

        /// No target without its corpus test.
        #[test]
        fn every_target_is_here() {
            assert!(grpc_sansio_fuzz::TARGETS.iter().map(|target| target.name).eq([$(stringify!($target)),*]));
        }
    };
}

targets! {
    client
    client_frames
    event_log
    frames
    grpc_fields
    grpc_messages
    grpc_values
    hpack_decode
    hpack_differential
    hpack_round_trip
    http2_client
    http2_frames
    http2_server
    pair_operations
    payloads
    server
    server_frames
    web
}
