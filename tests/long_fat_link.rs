//! A stream over a long fat link: 200 Mbit a second, 100 ms there and back, so 2.5 MB are on their way when it is full. What a
//! window costs in throughput, and what its growth gives back. Virtual time, so the figures are the same on any machine; with
//! `--nocapture` the test prints them.
#![cfg(feature = "testing")]

use core::time::Duration;
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::testing::{Net, News};
use grpc_sansio::{ClientConfig, Event, Instant, Item, Limits, OpenOptions, SendError, ServerConfig};

static LIST: Method = Method::from_static("/test.Service/List", Kind::ServerStreaming);

/// Octets a second.
const BANDWIDTH: u64 = 25_000_000;
/// Message sizes on either side of the window that a call begins with.
const SMALL: usize = 16 * 1024;
const LARGE: usize = 64 * 1024;
const ONE_WAY: Duration = Duration::from_millis(50);

fn second(at: u64) -> Instant {
    Instant::from_nanos(at * 1_000_000_000)
}

/// What arrives of `calls` streams together, in the share of the line that they fill: in the first second, and in each of
/// the two after it.
fn shares(limits: &Limits, calls: usize, size: usize) -> (f64, f64) {
    let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
    let mut net = Net::new(1);
    let wire = net.connect(&client, &ServerConfig::default());
    net.wire(wire).delay(ONE_WAY);
    net.wire(wire).down.bandwidth = Some(BANDWIDTH);
    for _ in 0..calls {
        let id = net.open(wire, &OpenOptions::new(&LIST)).unwrap();
        net.client(wire).call(id).unwrap().send_with(0, |_| {}).unwrap();
    }
    let (mut received, mut first) = (0, None);
    while let Some(news) = net.next_until(second(3)) {
        if first.is_none() && net.now() >= second(1) {
            first = Some(received);
        }
        match news {
            News::Server(_, Event::Opened(id) | Event::Readable(id) | Event::Writable(id)) => {
                let mut call = net.server(wire).call(id).unwrap();
                while call.read().is_some() {}
                while call.send_with(size, |buffer| buffer.resize(buffer.len() + size, 7)) != Err(SendError::Full(())) {
                }
            }
            News::Client(_, Event::Readable(id)) => {
                let mut call = net.client(wire).call(id).unwrap();
                while let Some(item) = call.read() {
                    if let Item::Message(message) = item {
                        assert_eq!(message.len(), size);
                        received += size;
                    }
                }
            }
            _ => {}
        }
    }
    let (first, line) = (first.unwrap_or(0) as f64, BANDWIDTH as f64);
    (first / line, (received as f64 - first) / (2.0 * line))
}

/// G-198: the defaults, without growth and with more room for it, and windows that are as large from the start.
#[test]
fn growth_fills_what_its_limit_allows() {
    let defaults = Limits::default();
    let mut fixed = defaults.clone();
    fixed.max_call_window = 0;
    let mut wide = defaults.clone();
    wide.max_call_window = 8 << 20;
    wide.window_growth = 16 << 20;
    wide.connection_window = 16 << 20;
    let mut large = wide.clone();
    large.call_window = 8 << 20;

    let tell = |name: &str, limits: &Limits, calls, size| {
        let (first, later) = shares(limits, calls, size);
        println!("link-{name}\tfirst\t{:.1}", 100.0 * first);
        println!("link-{name}\tlater\t{:.1}", 100.0 * later);
        println!("link-{name}\tbound\t{}", limits.connection_bytes());
        (first, later)
    };
    // At most a window in a round trip: 64 KiB of 2.5 MB.
    let (_, without) = tell("fixed", &fixed, 1, SMALL);
    assert!((0.015..0.03).contains(&without), "{without}");
    // Four times that: the growth goes to its limit, and no further.
    let (_, with) = tell("defaults", &defaults, 1, SMALL);
    assert!((0.08..0.11).contains(&with), "{with}");
    // What all calls may grow by is shared: 20 times 64 KiB, and 1 MiB.
    let (_, many) = tell("defaults-20", &defaults, 20, SMALL);
    assert!((0.4..1.0).contains(&many), "{many}");
    // With room the line is full before the second second, though the window began with 64 KiB, whether messages are
    // smaller than that or larger, and need a loan at first.
    for (name, size) in [("wide", SMALL), ("wide-large-messages", LARGE)] {
        let (first, full) = tell(name, &wide, 1, size);
        assert!(first > 0.1 && full > 0.98, "{first}, {full}");
    }
    // Windows that are large from the start are quicker, and every call that might be open costs as much.
    let (_, best) = tell("large", &large, 1, SMALL);
    assert!(best > 0.98, "{best}");
    assert!(wide.connection_bytes() < large.connection_bytes() / 10);
}

/// Growth is for calls that the window holds up: one small message in a round trip needs none.
#[test]
fn nothing_grows_for_a_slow_sender() {
    let mut limits = Limits::default();
    limits.max_call_window = 8 << 20;
    limits.window_growth = 16 << 20;
    let client = ClientConfig::builder("localhost").limits(limits).build().unwrap();
    let mut net = Net::new(1);
    let wire = net.connect(&client, &ServerConfig::default());
    net.wire(wire).delay(ONE_WAY);
    let id = net.open(wire, &OpenOptions::new(&LIST)).unwrap();
    net.client(wire).call(id).unwrap().send_with(0, |_| {}).unwrap();
    let mut at_server = None;
    net.alarm(Duration::from_millis(100), 0);
    let mut received = 0;
    while let Some(news) = net.next_until(second(10)) {
        match news {
            News::Server(_, Event::Opened(id)) => {
                let mut call = net.server(wire).call(id).unwrap();
                while call.read().is_some() {}
                at_server = Some(id);
            }
            News::Alarm(_) => {
                if let Some(id) = at_server {
                    net.server(wire)
                        .call(id)
                        .unwrap()
                        .send_with(SMALL, |buffer| buffer.resize(buffer.len() + SMALL, 7))
                        .unwrap();
                }
                net.alarm(Duration::from_millis(100), 0);
            }
            News::Client(_, Event::Readable(id)) => {
                let mut call = net.client(wire).call(id).unwrap();
                while let Some(item) = call.read() {
                    received += usize::from(matches!(item, Item::Message(_)));
                }
            }
            _ => {}
        }
    }
    assert!(received > 90, "{received}");
    let windows = net.client(wire).windows().unwrap();
    assert!(
        windows.streams.len() == 1
            && windows.streams.iter().all(|stream| stream.receive.is_some_and(|window| window <= 65_535)),
        "{windows:?}"
    );
}
