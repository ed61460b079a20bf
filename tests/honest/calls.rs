//! Very many calls: cancelled, timed out, hedged, small, or as many as may be.

use crate::gauge::stays_calm;
use crate::{BIDI, UNARY};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Pair, answer};
use grpc_sansio::{CallId, ClientConfig, Event, Limits, OpenOptions, ServerConfig};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pair(limits: &Limits) -> Pair {
    let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
    let server = ServerConfig::builder().limits(limits.clone()).build().unwrap();
    let mut pair = Pair::with(&client, &server, 42);
    pair.drive();
    pair
}

/// A thousand calls that are cancelled within ten milliseconds: a hundred may be open at once, so in ten waves.
#[test]
fn l_42_a_thousand_cancels_in_ten_milliseconds() {
    let mut pair = pair(&Limits::default());
    let from = pair.now();
    for _ in 0..10 {
        let ids: Vec<_> = (0..100).map(|_| pair.open(&OpenOptions::new(&BIDI)).unwrap()).collect();
        for id in &ids {
            pair.client.call(*id).unwrap().send(vec![1; 100]).unwrap();
        }
        pair.sleep(millis(1));
        ids.into_iter().for_each(|id| pair.client.call(id).unwrap().cancel());
    }
    pair.drive();
    assert!(pair.now().saturating_since(from) <= millis(10));
    assert_eq!((pair.server.counters().resets_received, pair.server.counters().streams_refused), (1_000, 0));
    stays_calm("1,000 cancels within 10 ms", &pair);
}

/// A thousand calls with the same deadline, open at once, none of them answered.
#[test]
fn l_42_a_thousand_deadlines_at_once() {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 1_000;
    let mut pair = pair(&limits);
    (pair.up.delay, pair.down.delay) = (millis(20), millis(20));
    let deadline = pair.now().saturating_add(Duration::from_secs(1));
    for _ in 0..1_000 {
        pair.open(&OpenOptions::new(&BIDI).deadline(deadline)).unwrap();
    }
    pair.sleep(Duration::from_secs(2));
    let expired = pair.client_log.calls().filter(|(_, log)| log.code() == Some(Code::DeadlineExceeded)).count();
    assert_eq!((expired, pair.client.calls(), pair.server.calls()), (1_000, 0, 0));
    stays_calm("1,000 deadlines at once", &pair);
}

/// Hedging: each request goes out twice, a millisecond apart, to a server that answers only one of the two in time; the
/// other call is cancelled.
#[test]
fn l_42_hedging() {
    let mut pair = pair(&Limits::default());
    pair.delay(millis(3));
    let mut shown = 0;
    pair.on_server(move |_, server, event| match event {
        Event::Opened(id) => {
            shown += 1;
            if shown % 2 == 0 {
                let mut call = server.call(id).unwrap();
                call.send(vec![1; 300]).unwrap();
                call.finish(&Status::ok(), &Metadata::new());
            }
        }
        Event::Stopped(id) => server.call(id).unwrap().release(),
        _ => {}
    });
    let open = |pair: &mut Pair| {
        let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
        pair.client.call(id).unwrap().send(vec![1; 300]).unwrap();
        id
    };
    for _ in 0..50 {
        let first: Vec<_> = (0..20).map(|_| open(&mut pair)).collect();
        pair.sleep(millis(1));
        let second: Vec<_> = (0..20).map(|_| open(&mut pair)).collect();
        pair.sleep(millis(8));
        for id in first.into_iter().chain(second) {
            pair.client.call(id).into_iter().for_each(|call| call.cancel());
        }
    }
    pair.drive();
    assert!(pair.client_log.calls().all(|(_, log)| log.code() == Some(Code::Ok)));
    assert_eq!((pair.client_log.calls().count(), pair.server.counters().resets_received), (1_000, 1_000));
    stays_calm("hedging, 1,000 requests", &pair);
}

/// Ten thousand small calls in a second, evenly.
#[test]
fn l_42_ten_thousand_calls_a_second() {
    let mut pair = pair(&Limits::default());
    pair.delay(millis(2));
    pair.on_server(answer(Kind::Unary, |request| (request.messages().map(<[u8]>::to_vec).collect(), Status::ok())));
    let from = pair.now();
    for _ in 0..1_000 {
        for _ in 0..10 {
            let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
            pair.client.call(id).unwrap().send(vec![1; 32]).unwrap();
        }
        pair.sleep(millis(1));
    }
    assert_eq!(pair.now().saturating_since(from), Duration::from_secs(1));
    pair.drive();
    assert!(pair.client_log.calls().all(|(_, log)| log.code() == Some(Code::Ok)));
    stays_calm("10,000 small calls a second", &pair);
}

/// A client that keeps as many calls open as it may, against an application that takes its time: never one too many.
#[test]
fn l_42_up_to_the_limit_again_and_again() {
    let mut pair = pair(&Limits::default());
    pair.delay(millis(5));
    let line: Rc<RefCell<VecDeque<CallId>>> = Rc::default();
    let open = Rc::clone(&line);
    pair.on_server(move |_, server, event| match event {
        Event::Opened(id) => open.borrow_mut().push_back(id),
        Event::Stopped(id) => {
            open.borrow_mut().retain(|other| *other != id);
            server.call(id).unwrap().release();
        }
        _ => {}
    });
    for round in 0..400 {
        while pair.client.calls() < 300 {
            let deadline = pair.now().saturating_add(millis(if round % 7 == 0 { 40 } else { 4_000 }));
            pair.open(&OpenOptions::new(&BIDI).deadline(deadline)).unwrap();
        }
        for _ in 0..10 {
            if let Some(id) = line.borrow_mut().pop_front() {
                pair.server.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
            }
        }
        pair.sleep(millis(10));
    }
    assert_eq!(pair.server.counters().streams_refused, 0);
    stays_calm("up to the stream limit, again and again", &pair);
}

/// A new connection on which a client opens as much as it likes before it hears of the server's limit, and what was
/// refused again when it may (G-164, G-165).
#[test]
fn l_42_before_the_limit_is_known() {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 10;
    let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
    let server = ServerConfig::builder().limits(limits).build().unwrap();
    let mut pair = Pair::with(&client, &server, 42);
    pair.delay(millis(100));
    pair.on_server(answer(Kind::Unary, |request| (request.messages().map(<[u8]>::to_vec).collect(), Status::ok())));
    let open = |pair: &mut Pair| {
        let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
        pair.client.call(id).unwrap().send(vec![1; 300]).unwrap();
        id
    };
    let mut ids: Vec<_> = (0..100).map(|_| open(&mut pair)).collect();
    let mut refused = 0;
    while !ids.is_empty() {
        pair.drive();
        let unprocessed = |id: &CallId| pair.client_log.call(*id).expect("an end").is_unprocessed();
        let again = ids.iter().filter(|id| unprocessed(id)).count();
        refused += again;
        ids = (0..again).map(|_| open(&mut pair)).collect();
    }
    assert_eq!(refused, 90, "the first hundred left at once, all others wait for their turn");
    stays_calm("100 calls before the limit of 10 is known", &pair);
}
