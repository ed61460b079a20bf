//! What a run costs, counted by the allocator: the most octets of heap at once, and how often it was asked.
//!
//! Counts stand for work: whatever grows with the input allocates, and a count is the same on every machine. Loops that do
//! not allocate are counted where they are.

use allocation_counter::AllocationInfo;
use std::cell::Cell;

/// A bound that grows with the input.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// For no input at all.
    pub fixed: u64,
    /// For each octet of it.
    pub for_each: u64,
}

impl Line {
    /// The bound for so many octets.
    pub const fn at(self, octets: usize) -> u64 {
        self.fixed + self.for_each * octets as u64
    }
}

/// What a run may cost.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Octets of heap at once: those of the code under test, where the target says what that is by [`ours`], and else all.
    pub heap: Line,
    /// Allocations, the target's own among them.
    pub allocations: Line,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    held: i64,
    peak: i64,
    pieces: u64,
}

thread_local! {
    static TALLY: Cell<Tally> = const { Cell::new(Tally { held: 0, peak: 0, pieces: 0 }) };
}

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Octets of heap at once.
    pub heap: u64,
    /// Allocations.
    pub allocations: u64,
    /// Octets of heap that are left when it is over.
    pub left: i64,
}

fn measure<T>(work: impl FnOnce() -> T) -> (T, AllocationInfo) {
    let mut result = None;
    let took = allocation_counter::measure(|| result = Some(work()));
    let mut tally = TALLY.get();
    tally.peak = tally.peak.max(tally.held + took.bytes_max as i64);
    tally.held += took.bytes_current;
    tally.pieces += 1;
    TALLY.set(tally);
    (result.expect("it was done"), took)
}

/// Does a piece of the work of the code under test. What it leaves allocated counts until another piece frees it. Pieces
/// do not lie in one another.
pub(crate) fn ours<T>(work: impl FnOnce() -> T) -> T {
    measure(work).0
}

/// The same, with the most heap that this piece took by itself, in octets.
pub(crate) fn heap_of<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let (result, took) = measure(work);
    (result, took.bytes_max)
}

/// The same, with the heap that is left behind.
pub(crate) fn kept_by<T>(work: impl FnOnce() -> T) -> (T, i64) {
    let (result, took) = measure(work);
    (result, took.bytes_current)
}

/// The most heap of all pieces so far in this run.
pub(crate) fn peak() -> u64 {
    TALLY.get().peak.max(0) as u64
}

/// Runs a body, and holds it to its budget.
pub(crate) fn within(budget: Budget, octets: usize, body: impl FnOnce()) -> Cost {
    TALLY.set(Tally::default());
    // What is measured inside is added to what is measured here, so the peak is right where there is nothing inside only.
    let took = allocation_counter::measure(body);
    let heap = if TALLY.get().pieces == 0 { took.bytes_max } else { peak() };
    let cost = Cost { heap, allocations: took.count_total, left: took.bytes_current };
    for (what, cost, most) in
        [("octets of heap", cost.heap, budget.heap), ("allocations", cost.allocations, budget.allocations)]
    {
        let most = most.at(octets);
        assert!(cost <= most, "{cost} {what} for {octets} octets of input, and {most} are allowed");
    }
    cost
}
