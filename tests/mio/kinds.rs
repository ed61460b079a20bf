//! The four kinds of method over TCP, with all that a call can carry.

use crate::support::*;
use grpc_sansio::OpenOptions;
use grpc_sansio::adapter::mio::Client;
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method};
use std::time::Duration;

#[test]
fn each_kind() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let unary = keeper.call(&mut client, id, &UPPER, &[b"quiet"]);
    let count = keeper.call(&mut client, id, &COUNT, &[b"four", b"", b"sixsix"]);
    let repeat = keeper.call(&mut client, id, &REPEAT, &[b"7"]);
    let echo = keeper.call(&mut client, id, &ECHO, &[b"one", b"two", b""]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 4);

    let record = |call| &keeper.calls[&(id, call)];
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)), "{:?}", keeper.calls);
    assert_eq!((record(unary).messages, &record(unary).last[..]), (1, &b"QUIET"[..]));
    assert_eq!((record(count).messages, &record(count).last[..]), (1, &b"10"[..]));
    assert_eq!((record(repeat).messages, record(repeat).octets), (7, 7 * BLOCK as u64));
    assert_eq!((record(echo).messages, record(echo).octets), (3, 6));
    assert_eq!(record(echo).metadata.as_ref().unwrap().get("path"), Some("/test.Text/Echo"));
    assert_eq!(record(echo).end.as_ref().unwrap().1.get("done"), Some("yes"));
}

#[test]
fn a_unary_call_carries_metadata_both_ways_and_the_compressed_flag() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let mut metadata = Metadata::new();
    metadata.append("echo", "17").unwrap();
    let call = keeper.open(&mut client, id, &OpenOptions::new(&UPPER).metadata(&metadata).encoding("gzip"));
    client.connection_mut(id).unwrap().call(call).unwrap().send(Message::compressed("flagged")).unwrap();
    let failing = keeper.call(&mut client, id, &UPPER, &[b""]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 2);

    let record = &keeper.calls[&(id, call)];
    let (status, trailers) = record.end.as_ref().unwrap();
    assert!(status.is_ok(), "{status}");
    assert_eq!((&record.last[..], record.last_compressed), (&b"FLAGGED"[..], true));
    assert_eq!(record.metadata.as_ref().unwrap().get("initial"), Some("17"));
    assert_eq!(trailers.get("trailing"), Some("17"));

    let (status, trailers) = keeper.calls[&(id, failing)].end.as_ref().unwrap();
    assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "empty"));
    assert_eq!(trailers.get_bin("why-bin").unwrap().unwrap(), b"\x00\xff");
}

/// Routes remember the last request; what was found out about it is not said of another.
#[test]
fn requests_that_differ_in_little_are_told_apart() {
    const NONE: Method = Method::from_static("/test.Text/Nope_", Kind::Unary);
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let (upper, none) = (UPPER, NONE);
    let same = [(&upper, Some("17")); 3];
    let others =
        [(&upper, Some("18")), (&none, Some("18")), (&upper, Some("18")), (&upper, None), (&none, None), (&none, None)];
    let long = "x".repeat(3_000);
    let longs = [(&upper, Some(&long[..])), (&upper, Some(&long[..])), (&upper, Some("17"))];
    for (count, (method, echo)) in same.into_iter().chain(others).chain(longs).enumerate() {
        let mut metadata = Metadata::new();
        if let Some(echo) = echo {
            metadata.append("echo", echo).unwrap();
        }
        let call = keeper.open(&mut client, id, &OpenOptions::new(method).metadata(&metadata));
        client.connection_mut(id).unwrap().call(call).unwrap().send("text").unwrap();
        until(&mut client, &mut keeper, |keeper| keeper.ended == count + 1);
        let record = &keeper.calls[&(id, call)];
        let known = method.path() == UPPER.path();
        assert_eq!(record.code(), Some(if known { Code::Ok } else { Code::Unimplemented }), "{count}");
        let initial = record.metadata.as_ref().and_then(|metadata| metadata.get("initial"));
        assert_eq!(initial, echo.filter(|_| known), "{count}");
    }
}

#[test]
fn a_method_that_is_not_in_the_table() {
    const NONE: Method = Method::from_static("/test.Text/None", Kind::Unary);
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.call(&mut client, id, &NONE, &[b"x"]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    let (status, _) = keeper.calls[&(id, call)].end.as_ref().unwrap();
    assert_eq!(
        status.to_string(),
        "UNIMPLEMENTED: server: gRPC: unknown method \"/test.Text/None\" (G-021); retry: useless"
    );
}

#[test]
fn a_deadline_ends_the_call_on_both_sides() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let begun = std::time::Instant::now();
    // The client never half-closes, so the server waits for it.
    let deadline = client.now().saturating_add(Duration::from_millis(150));
    let call = keeper.open(&mut client, id, &OpenOptions::new(&COUNT).deadline(deadline));
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    assert_eq!(keeper.calls[&(id, call)].code(), Some(Code::DeadlineExceeded));
    assert!((150..2_000).contains(&(begun.elapsed().as_millis() as u64)), "{:?}", begun.elapsed());

    // The connection goes on.
    keeper.call(&mut client, id, &UPPER, &[b"still here"]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 2);
}

#[test]
fn many_connections_with_many_calls() {
    let server = serve(&server_config());
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let ids: Vec<_> = (0..100).map(|_| client.connect(server.address, &config()).unwrap()).collect();
    for id in &ids {
        for _ in 0..10 {
            keeper.call(&mut client, *id, &UPPER, &[b"a"]);
            keeper.call(&mut client, *id, &ECHO, &[b"b", b"c"]);
            keeper.call(&mut client, *id, &REPEAT, &[b"3"]);
        }
    }
    until(&mut client, &mut keeper, |keeper| keeper.ended == 3_000);
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)));
    assert_eq!(client.connections().len(), 100);
    client.shutdown(None);
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 100);
    assert!(keeper.closed.iter().all(Option::is_none), "{:?}", keeper.closed);
    assert!(client.connections().is_empty());
}
