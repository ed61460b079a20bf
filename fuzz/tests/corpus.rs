//! Every target over its corpus, without a fuzz engine: what was found once stays found.

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
    let (_, body) = grpc_sansio_fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target");
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "no corpus for {target}");
    for (name, seed) in &seeds {
        let every_length = seed.len() <= TRUNCATE_UP_TO && !STRUCTURED.contains(&target);
        let shortest = if every_length { 0 } else { seed.len() };
        for length in shortest..=seed.len() {
            if std::panic::catch_unwind(|| body(&seed[..length])).is_err() {
                panic!("{target} fails on the first {length} octets of {name}");
            }
        }
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
            assert!(grpc_sansio_fuzz::TARGETS.iter().map(|(name, _)| *name).eq([$(stringify!($target)),*]));
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
    server
    server_frames
    web
}
