//! What the engine costs: see `run`, which calls this, under valgrind and by itself, and writes the page.
//!
//! ```text
//! measure list                  the cases, one a line, with the units that one instruction count takes
//! measure work CASE UNITS       warms up and does so many units: to be run by valgrind with N and with 2N of them
//! measure allocations CASE..    allocations and octets allocated per unit, once warm; octets of a header block
//! measure times CASE..          nanoseconds per unit, all cases in turn, slice by slice
//! measure memory                what a connection and a call hold
//! measure crowds                what up to 10,000 connections hold
//! measure calls                 10 million calls on one connection: what the last ones cost
//! measure open                  up to a million open calls: what they hold, and what a call costs beside them
//! measure leak STATE            ends with a pair of connections in memory: to be run by valgrind
//! ```
//!
//! All but `list` and `leak` print facts, one a line: what, which figure of it, how much, by tabs.

mod case;
mod h2load;
mod hpack;
mod long;
mod memory;
mod pair;
#[cfg(feature = "peers")]
mod peers;
mod request;
mod stream;
mod unary;

use case::Case;
use cpu_time::ThreadTime;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use std::alloc::System;
use std::fmt::Display;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Slices of which the median counts.
const SLICES: usize = 11;

/// What is measured: the same thing again and again.
pub trait Work {
    fn run(&mut self, units: u64);

    /// The mean length of a header block, where the unit is one.
    fn octets_of_a_block(&self) -> Option<f64> {
        None
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => case::all().iter().for_each(|case| println!("{}\t{}", case.name, case.units)),
        ["work", name, units] => {
            let case = find(name);
            let mut work = (case.make)();
            work.run(case.warm);
            work.run(units.parse().expect("a number of units"));
        }
        ["allocations", names @ ..] => names.iter().for_each(|name| allocations(&find(name))),
        ["times", names @ ..] => times(&names.iter().map(|name| find(name)).collect::<Vec<_>>()),
        ["memory"] => memory::rows(),
        ["crowds"] => memory::crowds(),
        ["calls"] => long::many_calls(),
        ["open"] => long::many_open(),
        ["leak", state] => memory::leak(state),
        _ => {
            eprintln!("usage: see src/main.rs");
            std::process::exit(2);
        }
    }
}

/// Prints a fact.
fn fact(what: impl Display, figure: &str, value: f64) {
    println!("{what}\t{figure}\t{}", (value * 1000.0).round() / 1000.0);
}

fn find(name: &str) -> Case {
    case::all().into_iter().find(|case| case.name == name).expect("a case of `list`")
}

/// Allocations (reallocations included) so far, and octets.
fn allocated() -> (usize, usize) {
    let stats = ALLOCATOR.stats();
    let ours = (stats.allocations + stats.reallocations, stats.bytes_allocated);
    #[cfg(feature = "peers")]
    let ours = {
        let (allocations, octets) = peers::nghttp2::allocated();
        (ours.0 + allocations, ours.1 + octets)
    };
    ours
}

/// After at least 100 waves.
fn allocations(case: &Case) {
    let mut work = (case.make)();
    work.run(case.warm.max(case.units * 10));
    let before = allocated();
    let units = case.units * 10;
    work.run(units);
    let after = allocated();
    let per_unit = |count: usize| count as f64 / units as f64;
    fact(&case.name, "allocations", per_unit(after.0 - before.0));
    fact(&case.name, "allocated", per_unit(after.1 - before.1));
    if let Some(octets) = work.octets_of_a_block() {
        fact(&case.name, "octets", octets);
    }
}

/// The median of the slices, in time of this thread, so that others' turns on the processor do not count. The cases take
/// turns, so that what else the machine does to caches and memory meets all of them alike.
fn times(cases: &[Case]) {
    let mut works: Vec<_> = cases.iter().map(|case| (case, (case.make)(), Vec::new())).collect();
    works.iter_mut().for_each(|(case, work, _)| work.run(case.warm));
    for _ in 0..SLICES {
        for (case, work, slices) in &mut works {
            let start = ThreadTime::now();
            work.run(case.slice);
            slices.push(start.elapsed().as_nanos() as f64 / case.slice as f64);
        }
    }
    for (case, _, mut slices) in works {
        slices.sort_by(f64::total_cmp);
        fact(&case.name, "ns", slices[SLICES / 2]);
    }
}
