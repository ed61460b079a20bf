//! What connections and calls take of memory: `size_of` the connection, and the heap that comes free when it is dropped.
//!
//! Octets are those asked of the allocator. The caller's `WriteBuf` and its list of calls are not counted, nor is the config,
//! which all connections share.

use crate::pair::Pair;
use crate::request::{AUTHORIZATION, PATH, RequestId};
use crate::unary::Unary;
use crate::{ALLOCATOR, Work, fact};
use core::time::Duration;
use grpc_sansio::grpc::{Kind, Metadata, Method};
use grpc_sansio::{Event, Item, Limits, OpenOptions};

static WATCH: Method = Method::from_static(PATH, Kind::BidiStreaming);

/// Octets asked of the allocator and not given back.
pub fn live() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// What comes free with `value`, and the value's own size.
fn weight<T>(value: T) -> usize {
    let before = live();
    drop(value);
    size_of::<T>() + before - live()
}

/// The client's and the server's.
fn weights(pair: Pair) -> (usize, usize) {
    let Pair { client, server, configs: _configs, .. } = pair;
    (weight(client), weight(server))
}

/// Limits for so many open calls on a connection.
pub fn limits_for(calls: u32) -> Limits {
    let mut limits = Limits::default();
    if calls > limits.max_concurrent_calls {
        limits.max_concurrent_calls = calls;
        limits.held_headers = limits.held_headers.max(calls * 1024);
    }
    limits
}

/// SETTINGS exchanged, nothing else.
pub fn idle() -> (usize, usize) {
    weights(Pair::new(&Limits::default()))
}

/// After 200 calls, ten at a time, and quiet past the trim.
pub fn trimmed() -> (usize, usize) {
    weights(quiet())
}

fn quiet() -> Pair {
    let mut unary = Unary::new(10);
    unary.run(200);
    let mut pair = unary.into_pair();
    pair.pass(Limits::default().idle_trim);
    pair
}

/// A pair with so many open calls that say nothing: the request's head is read, and nothing else was sent.
pub fn open(limits: &Limits, calls: u32) -> Pair {
    let mut pair = Pair::new(limits);
    let (mut metadata, mut id) = (Metadata::new(), RequestId::new());
    let mut opened = 0;
    while opened < calls {
        for _ in 0..(calls - opened).min(100) {
            metadata.clear();
            metadata.append("authorization", AUTHORIZATION).expect("plain text");
            metadata.append("x-request-id", id.next()).expect("plain text");
            let deadline = pair.now().saturating_add(Duration::from_secs(3_600));
            let options = OpenOptions::new(&WATCH).metadata(&metadata).deadline(deadline);
            pair.client.open(pair.now(), &options).expect("room for all calls");
        }
        pair.feed_server();
        let before = opened;
        while let Some(event) = pair.server.poll_event() {
            let Event::Opened(id) = event else { continue };
            let mut call = pair.server.call(id).expect("a call just opened");
            let Some(Item::Head(request)) = call.read() else { panic!("a head comes first") };
            assert_eq!(request.path(), PATH);
            opened += 1;
        }
        assert!(opened > before, "calls arrive");
    }
    pair
}

/// Leaves a pair in that state to whoever looks at the heap from outside when the process ends.
pub fn leak(state: &str) {
    let pair = match state {
        "idle" => Pair::new(&Limits::default()),
        "trimmed" => quiet(),
        "open" => open(&limits_for(8_192), 8_192),
        _ => panic!("idle, trimmed or open"),
    };
    core::mem::forget(pair);
}

/// Octets of an open idle call, both ends.
pub fn open_call(calls: u32) -> usize {
    let none = weights(Pair::new(&limits_for(calls)));
    let all = weights(open(&limits_for(calls), calls));
    (all.0 + all.1 - none.0 - none.1) / calls as usize
}

/// The rows of the page, and what connections hold in all, from one to 10,000, both ends.
pub fn tell() {
    for (what, (client, server)) in [("idle", idle()), ("trimmed", trimmed())] {
        fact(format!("connection-{what}"), "client", client as f64);
        fact(format!("connection-{what}"), "server", server as f64);
    }
    fact("open-call", "octets", open_call(8_192) as f64);
    let limits = Limits::default();
    fact("connection-bytes", "bound", limits.connection_bytes() as f64);
    for count in [1, 10, 100, 1_000, 10_000] {
        let sum = |make: &dyn Fn() -> Pair| {
            let pairs: Vec<Pair> = (0..count).map(|_| make()).collect();
            pairs.into_iter().map(weights).map(|(client, server)| client + server).sum::<usize>() as f64
        };
        fact(format!("connections-{count}"), "idle", sum(&|| Pair::new(&limits)));
        fact(format!("connections-{count}"), "trimmed", sum(&quiet));
    }
}
