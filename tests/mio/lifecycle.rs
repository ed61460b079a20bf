//! How connections begin and end.

use crate::support::*;
use grpc_sansio::OpenOptions;
use grpc_sansio::adapter::mio::Client;
use grpc_sansio::grpc::Code;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

#[test]
fn nobody_listens() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(address, &config()).unwrap();
    keeper.call(&mut client, id, &UPPER, &[b"x"]);
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.closed, [Some(ErrorKind::ConnectionRefused)]);
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Unavailable)), "{:?}", keeper.calls);
    assert!(client.connection_mut(id).is_none());
}

#[test]
fn a_connection_that_is_lost_ends_its_calls_and_no_other() {
    let server = serve(&server_config());
    let doomed = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let lost = client.connect(doomed.local_addr().unwrap(), &config()).unwrap();
    let good = client.connect(server.address, &config()).unwrap();
    let on_lost = keeper.call(&mut client, lost, &UPPER, &[b"x"]);
    let (mut socket, _) = doomed.accept().unwrap();
    for_a_while(&mut client, &mut keeper, Duration::from_millis(50));
    assert_eq!(keeper.ended, 0);
    let _ = socket.read(&mut [0; 1024]);
    drop(socket);
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.calls[&(lost, on_lost)].code(), Some(Code::Unavailable));
    let on_good = keeper.call(&mut client, good, &UPPER, &[b"y"]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 2);
    assert_eq!(keeper.calls[&(good, on_good)].code(), Some(Code::Ok));
}

#[test]
fn a_client_that_vanishes_leaves_nothing_behind() {
    let server = serve(&server_config());
    {
        let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
        let id = client.connect(server.address, &config()).unwrap();
        keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
        for_a_while(&mut client, &mut keeper, Duration::from_millis(50));
    }
    // `serve` joins its thread, which ends only when all connections are gone.
    server.remote.shutdown(None).unwrap();
}

#[test]
fn a_graceful_shutdown_lets_calls_end_and_takes_no_new_ones() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    let send = |client: &mut Client, text: &str| {
        let io = client.connection_mut(id).unwrap();
        io.call(call).unwrap().send(text.as_bytes().to_vec()).unwrap();
    };
    send(&mut client, "before");
    until(&mut client, &mut keeper, |keeper| keeper.calls[&(id, call)].messages == 1);

    server.remote.shutdown(Some(Duration::from_secs(30))).unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.draining == 1);
    assert!(
        client.connection_mut(id).unwrap().open(grpc_sansio::Instant::default(), &OpenOptions::new(&ECHO)).is_err()
    );
    send(&mut client, "after");
    client.connection_mut(id).unwrap().call(call).unwrap().half_close().unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.closed, [None]);
    let record = &keeper.calls[&(id, call)];
    assert_eq!((record.messages, record.code()), (2, Some(Code::Ok)));
    assert!(TcpStream::connect(server.address).is_err(), "it still listens");
}

#[test]
fn a_shutdown_cuts_off_what_takes_too_long() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.open(&mut client, id, &OpenOptions::new(&ECHO));
    for_a_while(&mut client, &mut keeper, Duration::from_millis(50));
    server.remote.shutdown(Some(Duration::from_millis(50))).unwrap();
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.calls[&(id, call)].code(), Some(Code::Unavailable));
}

/// T-74: whatever some connections do, the others are served.
#[test]
fn a_thousand_connections_that_fail_beside_a_good_one() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    for round in 0..1_000 {
        let mut socket = TcpStream::connect(server.address).unwrap();
        match round % 3 {
            0 => drop(socket),
            1 => socket.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap(),
            _ => socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all").unwrap(),
        }
        if round % 100 == 0 {
            keeper.call(&mut client, id, &UPPER, &[b"x"]);
            until(&mut client, &mut keeper, |keeper| keeper.ended == round / 100 + 1);
        }
    }
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)));
}

#[test]
fn who_breaks_the_rules_is_told_why_before_the_connection_closes() {
    let server = serve(&server_config());
    let mut socket = TcpStream::connect(server.address).unwrap();
    socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x06\x00\x00\x00\x00\x00").unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    // Its own SETTINGS, and a GOAWAY at the end.
    assert!(answer.windows(5).any(|window| window == [7, 0, 0, 0, 0]), "{answer:?}");
}
