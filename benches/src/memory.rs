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

/// Limits of a server that holds a million clients which call now and then: those of the example in `docs/memory.md`.
fn push_limits() -> Limits {
    let mut limits = Limits::default();
    (limits.max_concurrent_calls, limits.max_waiting_calls) = (8, 0);
    limits.max_receive_message = Some(65_536);
    (limits.call_window, limits.max_call_window, limits.window_growth) = (65_535, 65_535, 0);
    (limits.connection_window, limits.assembly_budget) = (131_072, 4_096);
    (limits.max_header_list, limits.max_header_block, limits.held_headers) = (4_096, 4_096, 4_096);
    (limits.decoder_table, limits.encoder_table) = (1_024, 1_024);
    limits.max_replies = 100;
    limits
}

/// What 10,000 such connections hold at the server's end, by connection: idle, after calls, and with a call open.
fn push() {
    let limits = push_limits();
    let tell = |state: &str, make: &dyn Fn() -> Pair| {
        let pairs: Vec<Pair> = (0..10_000).map(|_| make()).collect();
        let servers = pairs.into_iter().map(|pair| weights(pair).1).sum::<usize>();
        fact(format!("push-{state}"), "server", servers as f64 / 10_000.0);
    };
    let called = || {
        let mut unary = Unary::on(Pair::new(&limits), 4);
        unary.run(200);
        unary.into_pair()
    };
    tell("connected", &|| Pair::new(&limits));
    tell("trimmed", &|| {
        let mut pair = called();
        pair.pass(limits.idle_trim);
        pair
    });
    tell("open", &|| open(&limits, 1));
    fact("push-bound", "octets", limits.connection_bytes() as f64);
}

/// The rows of the page.
pub fn rows() {
    for (what, (client, server)) in [("idle", idle()), ("trimmed", trimmed())] {
        fact(format!("connection-{what}"), "client", client as f64);
        fact(format!("connection-{what}"), "server", server as f64);
    }
    fact("open-call", "octets", open_call(8_192) as f64);
}

/// What connections hold in all, from one to 10,000, both ends, and the worked example.
pub fn crowds() {
    push();
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
