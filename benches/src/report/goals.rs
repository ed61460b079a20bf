//! What the engine is to hold, row by row, and what it is to be held against.

/// A figure of ours, how it is got, and its goals.
pub struct Goal {
    pub work: &'static str,
    pub unit: &'static str,
    pub ours: Ours,
    /// Of ours, at most; or at least, for ratios of speed.
    pub hold: f64,
    pub aim: Option<f64>,
}

pub enum Ours {
    /// A figure of a case; peers are the cases of that name.
    Case(&'static str, &'static str),
    /// The larger of these.
    Most(&'static [(&'static str, &'static str)]),
    /// How many times as fast as that case, in one run: the more the better.
    AsFast(&'static str, &'static str),
    /// How many times the instructions nghttp2 takes for that case: the more the better.
    Saves(&'static str),
    /// What share of nghttp2's instructions that case takes.
    Part(&'static str),
    /// The last of a row by the first.
    Growth(&'static str, &'static str, &'static str),
}

const fn case(work: &'static str, unit: &'static str, name: &'static str, hold: f64, aim: Option<f64>) -> Goal {
    Goal { work, unit, ours: Ours::Case(name, figure_of(unit)), hold, aim }
}

/// In one run. Where the goal is a time, that is of a machine on which nghttp2 took one that is known: so many times as fast
/// as nghttp2 is the same on any.
const fn as_fast(work: &'static str, case: &'static str, nghttp2: &'static str, hold: f64) -> Goal {
    Goal { work, unit: "times as fast as nghttp2", ours: Ours::AsFast(case, nghttp2), hold, aim: None }
}

/// At most half of nghttp2's instructions.
const fn part(work: &'static str, case: &'static str) -> Goal {
    Goal { work, unit: "times", ours: Ours::Part(case), hold: 0.5, aim: None }
}

const fn figure_of(unit: &'static str) -> &'static str {
    // The figures of cases are named as their units are, but for these.
    match unit.as_bytes() {
        b"octets copied" => "copied",
        b"octets" => "octets",
        _ => unit,
    }
}

const INSTRUCTIONS: &str = "instructions";
const ALLOCATIONS: &str = "allocations";
const COPIED: &str = "octets copied";

pub const GOALS: &[Goal] = &[
    case("unary call, 1 open", INSTRUCTIONS, "unary-1", 5_500.0, Some(4_500.0)),
    case("", "ns", "unary-1", 350.0, Some(230.0)),
    as_fast("", "unary-1", "unary-1/nghttp2", 2_403.0 / 350.0),
    case("", ALLOCATIONS, "unary-1", 0.0, Some(0.0)),
    case("", COPIED, "unary-1", 600.0, Some(400.0)),
    case("unary call, 100 open", INSTRUCTIONS, "unary-100", 5_300.0, Some(4_200.0)),
    case("", "ns", "unary-100", 350.0, Some(230.0)),
    as_fast("", "unary-100", "unary-100/nghttp2", 2_194.0 / 350.0),
    case("unary call, 10,000 open", INSTRUCTIONS, "unary-10000", 5_800.0, Some(4_700.0)),
    case("two methods, timeouts that differ, full tables: 1 open", INSTRUCTIONS, "mixed-1", 8_000.0, Some(6_500.0)),
    case("the same, 100 open", INSTRUCTIONS, "mixed-100", 8_000.0, Some(6_500.0)),
    case("the same, 10,000 open", INSTRUCTIONS, "mixed-10000", 8_000.0, Some(6_500.0)),
    Goal {
        work: "1, 100 and 10,000 open, 0, 1 and 100 messages held: the most",
        unit: ALLOCATIONS,
        ours: Ours::Most(&[
            ("unary-1", "allocations"),
            ("unary-1-held-1", "allocations"),
            ("unary-1-held-100", "allocations"),
            ("unary-100", "allocations"),
            ("unary-100-held-1", "allocations"),
            ("unary-100-held-100", "allocations"),
            ("unary-10000", "allocations"),
            ("unary-10000-held-1", "allocations"),
            ("unary-10000-held-100", "allocations"),
        ]),
        hold: 0.0,
        aim: Some(0.0),
    },
    case("HPACK, request block: decode", INSTRUCTIONS, "hpack-decode-request", 1_300.0, Some(950.0)),
    case("HPACK, request block: encode, one by one", INSTRUCTIONS, "hpack-encode-request", 1_200.0, Some(750.0)),
    case("", "octets", "hpack-encode-request", 26.0, None),
    case("the same, in one piece", INSTRUCTIONS, "hpack-encode-block", 1_200.0, Some(750.0)),
    part("HPACK, a browser's requests: encode, by nghttp2's", "hpack-encode-story-20"),
    part("HPACK, a browser's responses: encode, by nghttp2's", "hpack-encode-story-21"),
    part("HPACK, a browser's requests: decode, by nghttp2's", "hpack-decode-story-20-theirs"),
    part("HPACK, a browser's responses: decode, by nghttp2's", "hpack-decode-story-21-theirs"),
    Goal {
        work: "Huffman decode: nghttp2's instructions by ours",
        unit: "times",
        ours: Ours::Saves("hpack-decode-huffman-1K"),
        hold: 3.0,
        aim: None,
    },
    Goal {
        work: "Huffman encode: nghttp2's instructions by ours",
        unit: "times",
        ours: Ours::Saves("hpack-encode-huffman-1K"),
        hold: 1.5,
        aim: None,
    },
    as_fast("stream of 64 KiB", "stream-64KiB", "stream-64KiB/nghttp2", 0.97),
    case("", COPIED, "stream-64KiB", 197_500.0, None),
    as_fast("the same shared, 128 KiB frames", "stream-64KiB-shared", "stream-64KiB/nghttp2", 2.0),
    case("the same: the reader's one copy", COPIED, "stream-64KiB-shared", 66_500.0, None),
    case("stream of 100 octets", INSTRUCTIONS, "stream-100B", 200.0, Some(150.0)),
    case("", "ns", "stream-100B", 10.0, Some(8.0)),
    as_fast("", "stream-100B", "stream-100B/nghttp2", 9.8 / 10.0),
    case("", ALLOCATIONS, "stream-100B", 0.0, Some(0.0)),
    Goal {
        work: "one connection, one end, SETTINGS exchanged: the larger",
        unit: "octets",
        ours: Ours::Most(&[("connection-idle", "client"), ("connection-idle", "server")]),
        hold: 3_072.0,
        aim: Some(1_024.0),
    },
    Goal {
        work: "the same after 200 calls and quiet past the trim",
        unit: "octets",
        ours: Ours::Most(&[("connection-trimmed", "client"), ("connection-trimmed", "server")]),
        hold: 6_144.0,
        aim: Some(2_048.0),
    },
    case("open idle call, both ends, at 8,192 open", "octets", "open-call", 500.0, Some(300.0)),
    Goal {
        work: "ten million calls on one connection: the last by the first",
        unit: "times",
        ours: Ours::Growth("calls-10M", "calls-1M", "ns"),
        hold: 1.05,
        aim: None,
    },
    Goal {
        work: "a call beside 100,000 open ones by a call alone",
        unit: "times",
        ours: Ours::Growth("beside-100000", "beside-0", "instructions"),
        hold: 1.05,
        aim: None,
    },
    Goal {
        work: "a million open calls, octets by those of the formula",
        unit: "times",
        ours: Ours::Growth("open-1000000", "open-1000000-bound", "octets"),
        hold: 1.0,
        aim: None,
    },
];
