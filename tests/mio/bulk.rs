//! Long streams in both directions, and what memory they take.

use crate::support::*;
use grpc_sansio::OpenOptions;
use grpc_sansio::adapter::mio::Client;
use grpc_sansio::grpc::Code;

/// Octets of memory in use by this process, where the system tells.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// Streams `octets` each way, one after the other and then both at once; returns how much the process grew at most.
fn stream(octets: usize) -> usize {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let blocks = octets / BLOCK;
    let (before, mut most) = (resident(), 0);
    let mut wait = |client: &mut Client, keeper: &mut Keeper, calls, what| {
        let begun = std::time::Instant::now();
        until(client, keeper, |keeper| {
            most = most.max(resident().saturating_sub(before));
            keeper.ended == calls
        });
        println!("{what}: {octets} octets in {:?}, grown by {} KiB", begun.elapsed(), most / 1024);
    };

    let down = keeper.call(&mut client, id, &REPEAT, &[blocks.to_string().as_bytes()]);
    wait(&mut client, &mut keeper, 1, "down");
    let up = keeper.open(&mut client, id, &OpenOptions::new(&COUNT));
    keeper.pump(&mut client, id, up, blocks);
    wait(&mut client, &mut keeper, 2, "up");
    let echo = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    keeper.pump(&mut client, id, echo, blocks);
    wait(&mut client, &mut keeper, 3, "both ways");

    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)));
    assert_eq!(keeper.calls[&(id, down)].octets, octets as u64);
    assert_eq!(keeper.calls[&(id, up)].last, octets.to_string().into_bytes());
    assert_eq!(keeper.calls[&(id, echo)].octets, octets as u64);
    most
}

/// 64 MiB, or as many as `STREAM_MIB` says. Both ends are in this process, and so are the other tests, unless it is run
/// alone: `STREAM_MIB=1024 cargo test --release --features mio --test mio -- --nocapture long_streams`.
#[test]
fn long_streams_take_less_than_32_mebibytes() {
    let alone = std::env::var("STREAM_MIB").ok().and_then(|mebibytes| mebibytes.parse::<usize>().ok());
    let grown = stream(alone.unwrap_or(64) << 20);
    assert!(alone.is_none() || grown < 32 << 20, "grown by {} KiB", grown / 1024);
}
