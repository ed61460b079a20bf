//! What is measured, by name.

use crate::Work;
#[cfg(feature = "peers")]
use crate::peers;
#[cfg(feature = "peers")]
use crate::stream::window_for;
use crate::stream::{self, How};
use crate::{h2load, hpack, unary};

pub struct Case {
    pub name: String,
    /// Units before anything is counted: 100 full waves, or what valgrind can do in a minute.
    pub warm: u64,
    /// Units of one instruction count, and a tenth of those of the allocation count.
    pub units: u64,
    /// Units of one slice of time.
    pub slice: u64,
    pub make: Box<dyn Fn() -> Box<dyn Work>>,
}

fn case<W: Work + 'static>(
    name: impl Into<String>,
    [warm, units, slice]: [u64; 3],
    make: impl Fn() -> W + 'static,
) -> Case {
    Case { name: name.into(), warm, units, slice, make: Box::new(move || Box::new(make())) }
}

/// Cases whose unit is a header block.
fn blocks(rows: &'static [hpack::Row], [warm, units, slice]: [u64; 3]) -> impl Iterator<Item = Case> {
    rows.iter().map(move |&(name, make)| Case { name: name.into(), warm, units, slice, make: Box::new(make) })
}

/// Message sizes of streams, from nothing to 16 MiB.
pub const SIZES: [(&str, usize); 10] = [
    ("0B", 0),
    ("100B", 100),
    ("1KiB", 1 << 10),
    ("4KiB", 4 << 10),
    ("16KiB", 16 << 10),
    ("64KiB", 64 << 10),
    ("256KiB", 256 << 10),
    ("1MiB", 1 << 20),
    ("4MiB", 4 << 20),
    ("16MiB", 16 << 20),
];

/// Warm, counted, timed: so many messages that the large ones take no minute and the small ones no tick.
fn messages(size: usize) -> [u64; 3] {
    let size = size as u64 + 100;
    [(8 << 20) / size, (8 << 20) / size, (64 << 20) / size].map(|count| count.clamp(2, 200_000))
}

const ONE: [u64; 3] = [200, 500, 5_000];
const HUNDRED: [u64; 3] = [10_000, 1_000, 5_000];
const MANY: [u64; 3] = [30_000, 10_000, 20_000];

pub fn all() -> Vec<Case> {
    let cases = ours().into_iter();
    #[cfg(feature = "watched")]
    let cases = cases.chain(["event-log", "masked", "metrics", "spans"].into_iter().flat_map(|by| {
        [(1, ONE), (100, HUNDRED)]
            .map(|(open, scale)| case(format!("unary-{open}/{by}"), scale, move || unary::Unary::watched(open, by)))
    }));
    #[cfg(feature = "peers")]
    let cases = cases.chain(of_peers());
    cases.collect()
}

fn ours() -> Vec<Case> {
    let mut cases = Vec::new();
    for (open, scale) in [(1, ONE), (100, HUNDRED), (10_000, MANY)] {
        cases.push(case(format!("unary-{open}"), scale, move || unary::Unary::new(open)));
        // Lists of several lengths: it takes longer until all memory has seen the longest.
        let longer = [8 * scale[0], scale[1], scale[2]];
        cases.push(case(format!("mixed-{open}"), longer, move || unary::Unary::mixed(open)));
        for held in [1, 100] {
            cases.push(case(format!("unary-{open}-held-{held}"), scale, move || unary::Unary::holding(open, held)));
        }
    }
    cases.push(case("h2load-100", HUNDRED, || h2load::Batch::new(100)));
    for idle in [0, 10, 100, 1_000, 10_000, 100_000] {
        cases.push(case(format!("beside-{idle}"), ONE, move || unary::Unary::beside(idle)));
    }
    for (name, size) in SIZES {
        cases.push(case(format!("stream-{name}"), messages(size), move || stream::Stream::new(size, How::Copied)));
    }
    cases.push(case("stream-64KiB-shared", messages(64 << 10), || stream::Stream::new(64 << 10, How::Shared)));
    cases.push(case("memcpy-64KiB", [500, 500, 20_000], || stream::Copy::new(64 * 1024)));
    cases.extend(blocks(hpack::OURS, [2_000, 2_000, 50_000]));
    cases
}

/// A peer's case has the name of ours before its own.
#[cfg(feature = "peers")]
fn of_peers() -> Vec<Case> {
    let mut cases = Vec::new();
    for (open, scale) in [(1, ONE), (100, HUNDRED)] {
        cases.push(case(format!("unary-{open}/nghttp2"), scale, move || peers::nghttp2_unary::Unary::new(open)));
        cases.push(case(format!("unary-{open}/h2"), scale, move || peers::h2::Unary::new(open as usize)));
        cases.push(case(format!("unary-{open}/shiguredo"), scale, move || peers::shiguredo::Unary::new(open)));
        cases.push(case(format!("unary-{open}/tonic"), scale, move || peers::tonic::Unary::new(open as usize)));
    }
    for (name, size) in SIZES {
        let nghttp2 = move || peers::nghttp2_stream::Stream::new(size, window_for(size));
        cases.push(case(format!("stream-{name}/nghttp2"), messages(size), nghttp2));
        let h2 = move || peers::h2_stream::Stream::new(size, window_for(size));
        cases.push(case(format!("stream-{name}/h2"), messages(size), h2));
    }
    cases.extend(blocks(hpack::PEERS, [2_000, 2_000, 50_000]));
    cases.extend(blocks(hpack::SLOW_PEERS, [200, 200, 400]));
    cases
}
