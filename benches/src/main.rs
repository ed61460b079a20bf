//! What the engine costs: see `run`, which calls this under valgrind and prints the table.
//!
//! ```text
//! measure list                  the cases, one a line, with the units that one instruction count takes
//! measure work CASE UNITS       warms up and does so many units: to be run by valgrind with N and with 2N of them
//! measure allocations CASE      allocations per unit, once warm
//! measure table [CASE..]        allocations, octets allocated and nanoseconds per unit; octets of a header block
//! ```

mod hpack;
mod pair;
#[cfg(feature = "peers")]
mod peer;
mod request;
mod stream;
mod unary;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::time::Instant;
use stream::How;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Slices of which the median counts.
const SLICES: usize = 11;

/// What is measured: the same thing again and again.
pub trait Work {
    fn run(&mut self, units: u64);

    /// Allocations outside Rust's allocator so far.
    fn foreign_allocations(&self) -> u64 {
        0
    }

    /// The mean length of a header block, where the unit is one.
    fn octets_of_a_block(&self) -> Option<f64> {
        None
    }
}

struct Case {
    name: &'static str,
    /// Units before anything is counted: 100 full waves, or what valgrind can do in a minute.
    warm: u64,
    /// Units of one instruction count, and of the allocation count.
    units: u64,
    /// Units of one slice of time.
    slice: u64,
    make: fn() -> Box<dyn Work>,
}

const CASES: &[Case] = &[
    Case { name: "unary-1", warm: 200, units: 500, slice: 20_000, make: || Box::new(unary::Unary::new(1)) },
    Case { name: "unary-100", warm: 10_000, units: 1_000, slice: 20_000, make: || Box::new(unary::Unary::new(100)) },
    Case {
        name: "unary-10000",
        warm: 30_000,
        units: 10_000,
        slice: 20_000,
        make: || Box::new(unary::Unary::new(10_000)),
    },
    Case {
        name: "stream-100B",
        warm: 20_000,
        units: 20_000,
        slice: 500_000,
        make: || Box::new(stream::Stream::new(100, How::Copied)),
    },
    Case {
        name: "stream-64KiB",
        warm: 500,
        units: 500,
        slice: 2_000,
        make: || Box::new(stream::Stream::new(64 * 1024, How::Copied)),
    },
    Case {
        name: "stream-64KiB-shared",
        warm: 500,
        units: 500,
        slice: 20_000,
        make: || Box::new(stream::Stream::new(64 * 1024, How::Shared)),
    },
    Case {
        name: "memcpy-64KiB",
        warm: 500,
        units: 500,
        slice: 20_000,
        make: || Box::new(stream::Copy::new(64 * 1024)),
    },
    #[cfg(feature = "peers")]
    Case { name: "h2-unary-1", warm: 200, units: 500, slice: 5_000, make: || Box::new(peer::Unary::new(1)) },
    #[cfg(feature = "peers")]
    Case { name: "h2-unary-100", warm: 10_000, units: 1_000, slice: 5_000, make: || Box::new(peer::Unary::new(100)) },
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => cases().for_each(|case| println!("{}\t{}", case.name, case.units)),
        ["work", name, units] => {
            let case = find(name);
            let mut work = (case.make)();
            work.run(case.warm);
            work.run(units.parse().expect("a number of units"));
        }
        ["allocations", name] => {
            let case = find(name);
            println!("{}\t{}", case.name, allocations(case).0);
        }
        ["table", names @ ..] => {
            for case in cases().filter(|case| names.is_empty() || names.contains(&case.name)) {
                let (allocations, octets) = allocations(case);
                let wire = octets_of_a_block(case).map_or("-".into(), |octets| format!("{octets:.1}"));
                println!("{}\t{allocations}\t{octets}\t{:.1}\t{wire}", case.name, nanoseconds(case));
            }
        }
        _ => {
            eprintln!(
                "usage: measure list | measure work CASE UNITS | measure allocations CASE | measure table [CASE..]"
            );
            std::process::exit(2);
        }
    }
}

fn cases() -> impl Iterator<Item = &'static Case> {
    CASES.iter().chain(hpack::CASES)
}

fn find(name: &str) -> &'static Case {
    cases().find(|case| case.name == name).expect("a case of `list`")
}

/// Allocations (reallocations included) and octets allocated per unit, after at least 100 waves.
fn allocations(case: &Case) -> (f64, f64) {
    let mut work = (case.make)();
    work.run(case.warm.max(case.units * 10));
    let (region, foreign) = (Region::new(ALLOCATOR), work.foreign_allocations());
    let units = case.units * 10;
    work.run(units);
    let change = region.change();
    let foreign = (work.foreign_allocations() - foreign) as usize;
    let per_unit = |count: usize| (count as f64 / units as f64 * 1000.0).round() / 1000.0;
    (per_unit(change.allocations + change.reallocations + foreign), per_unit(change.bytes_allocated))
}

fn octets_of_a_block(case: &Case) -> Option<f64> {
    let mut work = (case.make)();
    work.run(case.warm);
    work.octets_of_a_block()
}

/// The median of the slices.
fn nanoseconds(case: &Case) -> f64 {
    let mut work = (case.make)();
    work.run(case.warm);
    let mut slices: Vec<f64> = (0..SLICES)
        .map(|_| {
            let start = Instant::now();
            work.run(case.slice);
            start.elapsed().as_nanos() as f64 / case.slice as f64
        })
        .collect();
    slices.sort_by(f64::total_cmp);
    slices[SLICES / 2]
}
