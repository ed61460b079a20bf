//! Back-pressure, end to end.

use crate::support::*;
use grpc_sansio::adapter::mio::{Client, ConnectionId, Server};
use grpc_sansio::grpc::Code;
use grpc_sansio::{CallId, ClientConfig, Connection, Instant, Limits, OpenOptions, WriteBuf};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What may lie between a writer and a reader that does not read, in blocks: its window, the sender's queue, and what
/// either side rounds up.
const BETWEEN: usize = (256 + 64) * 1024 / BLOCK + 4;

fn leave_unread(keeper: &mut Keeper, id: ConnectionId, call: CallId) {
    keeper.unread.insert((id, call));
}

fn read_on(client: &mut Client, keeper: &mut Keeper, id: ConnectionId, call: CallId) {
    keeper.unread.remove(&(id, call));
    keeper.read(id, client.connection_mut(id).unwrap(), call);
}

#[test]
fn a_client_that_does_not_read_stops_the_server() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.call(&mut client, id, &REPEAT, &[b"1000"]);
    leave_unread(&mut keeper, id, call);
    for_a_while(&mut client, &mut keeper, Duration::from_millis(300));
    let produced = server.produced.load(Ordering::Relaxed);
    assert!((2..=BETWEEN).contains(&produced), "{produced} of 1000 blocks are on their way");

    read_on(&mut client, &mut keeper, id, call);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    assert_eq!(keeper.calls[&(id, call)].messages, 1_000);
}

#[test]
fn a_client_that_does_not_read_is_stopped_in_its_own_sending() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    leave_unread(&mut keeper, id, call);
    keeper.pump(&mut client, id, call, 1_000);
    for_a_while(&mut client, &mut keeper, Duration::from_millis(300));
    let sent = 1_000 - keeper.calls[&(id, call)].unsent;
    // There and back again.
    assert!((4..=2 * BETWEEN).contains(&sent), "{sent} of 1000 blocks were taken");

    read_on(&mut client, &mut keeper, id, call);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    assert_eq!(keeper.calls[&(id, call)].messages, 1_000);
}

#[test]
fn fifteen_calls_that_are_not_read_leave_the_others_alone() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    // Half of them stall in one direction, half in both.
    let stalled: Vec<CallId> = (0..15)
        .map(|index| {
            let call = match index % 2 {
                0 => keeper.call(&mut client, id, &REPEAT, &[b"100"]),
                _ => {
                    let call = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
                    leave_unread(&mut keeper, id, call);
                    keeper.pump(&mut client, id, call, 100);
                    call
                }
            };
            leave_unread(&mut keeper, id, call);
            call
        })
        .collect();
    for_a_while(&mut client, &mut keeper, Duration::from_millis(300));
    assert_eq!(keeper.ended, 0);

    let fast = keeper.call(&mut client, id, &REPEAT, &[b"1000"]);
    let echo = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    keeper.pump(&mut client, id, echo, 1_000);
    for _ in 0..100 {
        keeper.call(&mut client, id, &UPPER, &[b"x"]);
    }
    let begun = std::time::Instant::now();
    until(&mut client, &mut keeper, |keeper| keeper.ended == 102);
    println!("16 MiB each way and 100 unary calls beside 15 stalled ones: {:?}", begun.elapsed());
    assert_eq!(keeper.calls[&(id, fast)].messages, 1_000);
    assert_eq!(keeper.calls[&(id, echo)].messages, 1_000);

    for call in stalled {
        read_on(&mut client, &mut keeper, id, call);
    }
    until(&mut client, &mut keeper, |keeper| keeper.ended == 117);
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)));
}

/// A peer whose flow control says "send all you have", and whose socket says nothing.
#[test]
fn a_peer_that_never_reads_its_socket_neither_spins_nor_grows_the_server() {
    let produced = Arc::default();
    let mut routes = routes(Arc::clone(&produced));
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &server_config()).unwrap();

    let mut limits = Limits::default();
    (limits.call_window, limits.connection_window) = (0x7fff_ffff, 0x7fff_ffff);
    let config = ClientConfig::builder("localhost").limits(limits).build().unwrap();
    let mut peer = Connection::<grpc_sansio::Client>::new(&config, Instant::default());
    let mut output = WriteBuf::new();
    for _ in 0..10 {
        let call = peer.open(Instant::default(), &OpenOptions::new(&REPEAT)).unwrap();
        peer.call(call).unwrap().send("1000000".as_bytes().to_vec()).unwrap();
    }
    peer.transmit(Instant::default(), &mut output);
    let mut silent = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    while let Some(chunk) = output.next_chunk() {
        silent.write_all(&chunk).unwrap();
    }

    let settle = std::time::Instant::now() + Duration::from_millis(500);
    while std::time::Instant::now() < settle {
        server.poll(&mut routes, Some(Duration::from_millis(20))).unwrap();
    }
    let before = produced.load(Ordering::Relaxed);
    let mut steps = 0;
    let watch = std::time::Instant::now() + Duration::from_millis(500);
    while std::time::Instant::now() < watch {
        server.poll(&mut routes, Some(Duration::from_millis(50))).unwrap();
        steps += 1;
    }
    assert!(steps < 30, "{steps} steps in half a second of nothing to do");
    assert_eq!(produced.load(Ordering::Relaxed), before, "it goes on making blocks that nobody takes");
    assert!(before >= 10);
    let id = server.connections().ids().next().unwrap();
    let driver = server.connections().get(id).unwrap();
    assert!(driver.is_blocked());
    assert!(driver.connection().queued() <= 10 * (64 * 1024 + BLOCK + 5), "{}", driver.connection().queued());

    // What the peer says is still heard: its end, for one.
    drop(silent);
    let give_up = std::time::Instant::now() + Duration::from_secs(10);
    while !server.connections().is_empty() {
        assert!(std::time::Instant::now() < give_up, "the connection is still there");
        server.poll(&mut routes, Some(Duration::from_millis(50))).unwrap();
    }
    assert_eq!(routes.open_calls(), 0);
}
