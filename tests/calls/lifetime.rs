//! Ids, memory and configuration over the life of a connection.

use crate::raw::{OK, RESPONSE, Raw, framed, limits, server_config};
use crate::{BIDI, UNARY};
use bytes::Bytes;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Kind, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, answer};
use grpc_sansio::{Event, Item, OpenOptions, ServerConfig};
use std::collections::HashSet;
use std::time::Duration;

/// Decision 10: an id that was let go never names another call, and its index is reused.
#[test]
fn stale_ids_never_alias() {
    let mut raw = Raw::client();
    let mut seen = HashSet::new();
    for n in 0..300 {
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        assert!(seen.insert(id), "{n}");
        assert_eq!(id.index(), 0, "dense");
        if n == 150 {
            raw.it.call(id).unwrap().cancel();
            raw.said();
            raw.sleep(Duration::from_secs(5));
        } else {
            raw.it.call(id).unwrap().cancel();
        }
        assert!(seen.iter().all(|id| raw.it.call(*id).is_none()));
    }
}

/// After `finish` the server's call is gone for its application, though its trailers are still on their way.
#[test]
fn a_finished_call_cannot_be_named() {
    let mut raw = Raw::server();
    raw.request(1, &[], true);
    let id = raw.opened();
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    assert!(raw.it.call(id).is_none());
    raw.said();
    assert!(raw.it.call(id).is_none());
    assert_eq!(raw.poll(), []);
}

/// What was lent is the connection's again with the next verb, where it is somebody else's memory; a small message's own stays
/// for another, and is counted.
#[test]
fn what_was_lent_comes_back() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    for size in [10, 100, 4_000] {
        raw.data(1, &framed(&vec![7; size]), false);
        let held = raw.it.heap_size();
        assert!(matches!(raw.it.call(id).unwrap().read(), Some(Item::Message(_))));
        let lent = raw.it.heap_size();
        assert!(lent >= held, "what is lent is counted");
        let _ = raw.it.poll_event();
        assert_eq!(raw.it.heap_size(), lent, "after the next verb");
    }

    let message = framed(&[7; 8_000]);
    let mut octets = vec![0, (message.len() >> 8) as u8, message.len() as u8, 0, 0, 0, 0, 0, 1];
    octets.extend_from_slice(&message);
    let octets = Bytes::from(octets);
    raw.it.receive_bytes(raw.now(), octets.clone());
    match raw.it.call(id).unwrap().read() {
        Some(Item::Message(message)) => assert_eq!(*message, [7; 8_000]),
        other => panic!("{other:?}"),
    }
    assert!(!octets.is_unique(), "it is shared, and lent");
    let _ = raw.it.poll_event();
    assert!(octets.is_unique());
}

/// Events never name a call that was let go.
#[test]
fn no_event_for_a_call_that_was_let_go() {
    let mut raw = Raw::server();
    for stream in (1..40).step_by(2) {
        raw.request(stream, &[], false);
        let id = raw.opened();
        raw.data(stream, &framed(b"m"), false);
        match stream % 3 {
            0 => raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new()),
            1 => raw.it.call(id).unwrap().reset(ErrorCode::CANCEL).unwrap(),
            _ => raw.it.call(id).unwrap().release(),
        }
        assert_eq!(raw.poll(), []);
        raw.said();
        raw.reset(stream, ErrorCode::CANCEL);
        assert_eq!(raw.poll(), []);
    }
    assert_eq!(raw.it.calls(), 0);
}

/// L-43: memory of a burst is given back when no call was open for `idle_trim`; and calls work afterwards.
#[test]
fn l_43_idle_trim_gives_memory_back() {
    let mut pair = Pair::new(2);
    pair.cut(Cut::Random);
    pair.on_server(answer(Kind::Unary, |request| (vec![request.messages().next().unwrap().to_vec()], Status::ok())));
    pair.drive();
    let idle = |pair: &Pair| (pair.client.heap_size(), pair.server.heap_size());
    let burst = |pair: &mut Pair| {
        let ids: Vec<_> = (0..200)
            .map(|_| {
                let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
                pair.client.call(id).unwrap().send(vec![1; 50_000]).unwrap();
                id
            })
            .collect();
        pair.drive();
        assert!(ids.iter().all(|id| pair.client_log.call(*id).unwrap().outcome().unwrap().is_ok()));
    };
    for _ in 0..3 {
        burst(&mut pair);
        let (client, server) = idle(&pair);
        assert!(client > 30_000 && server > 30_000, "{client} {server}: otherwise this tests nothing");
        pair.sleep(Duration::from_secs(2));
        let (client, server) = idle(&pair);
        assert!(client < 20_000 && server < 20_000, "{client} {server}");
        assert_eq!(pair.client.poll_timeout(), None, "nothing to wake up for");
        let due = pair.server.poll_timeout().unwrap().saturating_since(pair.now());
        assert!(due > Duration::from_secs(3_600), "{due:?}: but for keepalive");
    }
}

/// `idle_trim` counts from the last call's end, and a new call stops it.
#[test]
fn idle_trim_waits_for_the_last_call() {
    let mut raw = Raw::client();
    let first = raw.request(&OpenOptions::new(&BIDI), b"m");
    let second = raw.request(&OpenOptions::new(&BIDI), b"m");
    raw.it.call(first).unwrap().cancel();
    assert_eq!(raw.it.poll_timeout(), None);
    raw.it.call(second).unwrap().cancel();
    assert_eq!(raw.it.poll_timeout().map(|due| due.saturating_since(raw.now())), Some(Duration::from_secs(1)));
    let third = raw.request(&OpenOptions::new(&UNARY), b"m");
    assert_eq!(raw.it.poll_timeout(), None);
    raw.headers(5, &RESPONSE, false);
    raw.data(5, &framed(b"r"), false);
    raw.headers(5, &OK, true);
    raw.poll();
    assert!(raw.log(third).outcome().unwrap().is_ok());
}

/// L-46: a slot that is used again starts afresh.
#[test]
fn l_46_nothing_is_left_of_the_last_call_in_a_slot() {
    let mut raw = Raw::server_with(&ServerConfig::builder().answer_expired(true).build().unwrap());
    raw.request(
        1,
        &[("grpc-timeout", "1S"), ("grpc-encoding", "identity"), ("content-type", "application/grpc+x")],
        false,
    );
    let id = raw.opened();
    let mut call = raw.it.call(id).unwrap();
    call.expect(Kind::Unary).unwrap();
    call.send_head(&Metadata::new()).unwrap();
    raw.said();
    raw.data(1, &framed(b"m")[..3], false);
    raw.reset(1, ErrorCode::CANCEL);
    raw.poll();
    raw.it.call(id).unwrap().release();

    raw.request(3, &[], false);
    let next = raw.opened();
    assert_eq!(next.index(), id.index());
    raw.sleep(Duration::from_secs(10));
    raw.data(3, &[framed(b"a"), framed(b"b")].concat(), true);
    assert!(!raw.poll().iter().any(|event| matches!(event, Event::Stopped(_))));
    assert_eq!(raw.log(next).messages().count(), 2);
    raw.it.call(next).unwrap().send(b"r".to_vec()).unwrap();
    assert_eq!(raw.said_of_calls()[0].field("content-type"), Some("application/grpc"));
}

/// The bound that a config states covers what a connection holds when its peer floods it and nobody reads.
#[test]
fn heap_size_stays_under_the_stated_bound() {
    let config = server_config(limits(|limits| limits.connection_window = 1024 * 1024));
    let mut raw = Raw::server_with(&config);
    let mut left = 1024 * 1024usize;
    for n in 0..100 {
        raw.request(2 * n + 1, &[("x", &"y".repeat(500))], false);
        for size in [1, 10, 100, 1_000, 4_096, 16_000] {
            let wire = framed(&vec![0; size]);
            if wire.len() <= left && wire.len() <= 16_384 {
                raw.data(2 * n + 1, &wire, false);
                left -= wire.len();
            }
        }
    }
    assert_eq!(raw.it.error(), None);
    let (held, bound) = (raw.it.heap_size() as u64, config.connection_bytes());
    assert!(held > 700_000 && held < bound, "{held} of {bound}");
}

/// G-220: the same conversation twice is the same, octet for octet, whatever the hash seed is.
#[test]
fn same_inputs_same_octets() {
    let run = |seed| {
        let client = grpc_sansio::ClientConfig::builder("localhost").seed(seed).build().unwrap();
        let server = ServerConfig::builder().seed(seed * 7).build().unwrap();
        let mut pair = Pair::with(&client, &server, 99);
        pair.cut(Cut::Random);
        pair.on_server(answer(Kind::Unary, |_| (vec![vec![1; 100]], Status::ok())));
        for n in 0..50u8 {
            let mut metadata = Metadata::new();
            metadata.append("number", &n.to_string()).unwrap();
            let id = pair.open(&OpenOptions::new(&UNARY).metadata(&metadata)).unwrap();
            pair.client.call(id).unwrap().send(vec![n]).unwrap();
            if n % 7 == 0 {
                pair.drive();
            }
        }
        pair.drive();
        (pair.up.written(), pair.down.written(), pair.client_log, pair.server_log)
    };
    assert_eq!(run(1), run(2));
}
