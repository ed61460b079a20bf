//! What time and crowds do to the cost of a call: nothing, it should be.

use crate::memory::{self, limits_for, live};
use crate::unary::Unary;
use crate::{Work, fact};
use cpu_time::ThreadTime;

/// Calls on one connection.
const CALLS: u64 = 10_000_000;

/// Calls of a slice, of which the quickest of a million counts: what else the machine does only ever adds.
const SLICE: u64 = 20_000;

/// Open calls of a connection, where there are many connections.
const OPEN: u32 = 100;

fn quickest(work: &mut impl Work, slices: u64) -> f64 {
    let slice = |_| {
        let start = ThreadTime::now();
        work.run(SLICE);
        start.elapsed().as_nanos() as f64 / SLICE as f64
    };
    (0..slices).map(slice).fold(f64::INFINITY, f64::min)
}

/// Ten million calls on one connection: nanoseconds a call and octets in use, for each million.
pub fn many_calls() {
    let mut unary = Unary::new(1);
    unary.run(SLICE);
    for million in 1..=CALLS / 1_000_000 {
        fact(format!("calls-{million}M"), "ns", quickest(&mut unary, 1_000_000 / SLICE));
        fact(format!("calls-{million}M"), "octets", live() as f64);
    }
}

/// One to 10,000 connections with 100 open idle calls each: octets in use for both ends, and what calls on all of them in turn
/// cost; then one connection with as many open calls.
pub fn many_open() {
    for connections in [1, 10, 100, 1_000, 10_000] {
        let before = live();
        let limits = limits_for(OPEN + 1);
        let pairs: Vec<_> = (0..connections).map(|_| memory::open(&limits, OPEN)).collect();
        let open = connections * OPEN;
        fact(format!("open-{open}"), "octets", (live() - before) as f64);
        let bound = 2 * limits.connection_bytes() * u64::from(connections);
        fact(format!("open-{open}-bound"), "octets", bound as f64);
        let mut all = All { connections: pairs.into_iter().map(|pair| Unary::on(pair, 1)).collect() };
        all.run(2 * u64::from(connections));
        fact(format!("open-{open}"), "ns", quickest(&mut all, 10));
    }
    for open in [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000] {
        let mut unary = Unary::beside(open);
        unary.run(SLICE);
        fact(format!("idle-{open}"), "ns", quickest(&mut unary, 10));
    }
}

/// A call on each connection in turn.
struct All {
    connections: Vec<Unary>,
}

impl Work for All {
    fn run(&mut self, units: u64) {
        let count = self.connections.len() as u64;
        for _ in 0..units.div_ceil(count) {
            self.connections.iter_mut().for_each(|unary| unary.run(1));
        }
    }
}
