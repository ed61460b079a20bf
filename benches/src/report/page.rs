//! The tables, each between the markers of its name: `<!-- figures: NAME -->` and `<!-- end of figures -->`.

use super::figures::{Figures, human};
use super::goals::{GOALS, Goal, Ours};
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const PEERS: [&str; 4] = ["nghttp2", "h2", "shiguredo", "tonic"];
const END: &str = "<!-- end of figures -->";

/// Rewrites all parts of the page that have a marker.
pub fn write(figures: &Figures, path: &Path) -> Result<(), Box<dyn Error>> {
    let page = fs::read_to_string(path)?;
    let mut parts = page.split("<!-- figures: ");
    let mut written = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once(" -->").ok_or("a marker without an end")?;
        let (_, rest) = rest.split_once(END).ok_or("figures without an end")?;
        let table = table(figures, name).ok_or_else(|| format!("nothing is known of {name}"))?;
        write!(written, "<!-- figures: {name} -->\n{table}\n{END}{rest}")?;
    }
    Ok(fs::write(path, written)?)
}

fn table(figures: &Figures, name: &str) -> Option<String> {
    Some(match name {
        "machine" => machine(figures),
        "goals" => goals(figures),
        "unary" => peers(figures, &["unary-1", "unary-100"], &UNARY),
        "stream" => peers(figures, &["stream-100B", "stream-64KiB", "stream-1MiB"], &STREAM),
        "ours" => ours(figures),
        "hpack-encode" => blocks(figures, "encode", &ENCODED),
        "hpack-decode" => blocks(figures, "decode", &DECODED),
        "layers" => layers(figures),
        "calls" => calls(figures),
        "million" => million(figures),
        "push" => push(figures),
        "link" => link(figures),
        _ => return None,
    })
}

const UNARY: [(&str, &str); 5] = [
    ("instructions", "instructions"),
    ("ns", "ns"),
    ("allocations", "allocations"),
    ("octets allocated", "allocated"),
    ("octets copied", "copied"),
];
const STREAM: [(&str, &str); 4] =
    [("instructions", "instructions"), ("ns", "ns"), ("allocations", "allocations"), ("octets copied", "copied")];

fn cell(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), human)
}

fn machine(figures: &Figures) -> String {
    let of = |figure| figures.text("machine", figure).unwrap_or("unknown");
    format!(
        "Machine: {} cores of {}, {}, {}, {}, {}.",
        of("cores"),
        of("processor"),
        of("system"),
        of("rustc"),
        of("valgrind"),
        of("libc")
    )
}

/// Ours beside all peers, for each figure of each case.
fn peers(figures: &Figures, cases: &[&str], rows: &[(&str, &str)]) -> String {
    let mut table = format!("| case | figure | ours | {} |\n|---|---|---|{}\n", PEERS.join(" | "), "---|".repeat(4));
    for case in cases {
        for (label, figure) in rows {
            let mut row = format!("| {case} | {label} | **{}** |", cell(figures.get(case, figure)));
            let mut any = figures.get(case, figure).is_some();
            for peer in PEERS {
                let value = figures.get(&format!("{case}/{peer}"), figure);
                any |= value.is_some();
                _ = write!(row, " {} |", cell(value));
            }
            if any {
                table += &row;
                table.push('\n');
            }
        }
    }
    table.trim_end().to_owned()
}

/// What ours is, and what each peer's is.
fn measured(figures: &Figures, goal: &Goal) -> (Option<f64>, [Option<f64>; 4]) {
    let none = [None; 4];
    match goal.ours {
        Ours::Case(case, figure) => {
            let peers = PEERS.map(|peer| figures.get(&format!("{case}/{peer}"), figure));
            (figures.get(case, figure), peers)
        }
        Ours::Most(all) => {
            let all: Option<Vec<f64>> = all.iter().map(|(what, figure)| figures.get(what, figure)).collect();
            (all.map(|all| all.into_iter().fold(0.0, f64::max)), none)
        }
        Ours::AsFast(case, peer) => (figures.ratio(peer, case, "ns"), none),
        Ours::Saves(case) => (figures.ratio(&format!("{case}/nghttp2"), case, "instructions"), none),
        Ours::Part(case) => (figures.ratio(case, &format!("{case}/nghttp2"), "instructions"), none),
        Ours::Growth(last, first, figure) => (figures.ratio(last, first, figure), none),
    }
}

fn goals(figures: &Figures) -> String {
    let mut table = String::from(
        "| work | figure | ours | to hold | to aim at | held | nghttp2 | h2 | shiguredo | tonic |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for goal in GOALS {
        let (ours, peers) = measured(figures, goal);
        let more_is_better = matches!(goal.ours, Ours::AsFast(..) | Ours::Saves(_));
        let sign = if more_is_better { "≥ " } else { "≤ " };
        let held = ours.map_or("-", |ours| {
            if if more_is_better { ours >= goal.hold } else { ours <= goal.hold } { "yes" } else { "**no**" }
        });
        let aim = goal.aim.map_or_else(|| "-".to_owned(), human);
        _ = write!(
            table,
            "| {} | {} | **{}** | {sign}{} | {aim} | {held} |",
            goal.work,
            goal.unit,
            cell(ours),
            human(goal.hold)
        );
        for peer in peers {
            _ = write!(table, " {} |", cell(peer));
        }
        table.push('\n');
    }
    table.trim_end().to_owned()
}

/// Cases that no peer has.
fn ours(figures: &Figures) -> String {
    let cases = [
        "unary-10000",
        "mixed-1",
        "mixed-100",
        "mixed-10000",
        "unary-1-held-1",
        "unary-1-held-100",
        "unary-100-held-100",
        "unary-10000-held-100",
        "beside-0",
        "beside-10000",
        "beside-100000",
        "stream-64KiB-shared",
        "memcpy-64KiB",
    ];
    let mut table = String::from("| case | instructions | ns | allocations |\n|---|---|---|---|\n");
    for case in cases {
        let [instructions, ns, allocations] =
            ["instructions", "ns", "allocations"].map(|figure| cell(figures.get(case, figure)));
        _ = writeln!(table, "| {case} | {instructions} | {ns} | {allocations} |");
    }
    table.trim_end().to_owned()
}

/// Header lists that are encoded, and the end of the names of their cases.
const ENCODED: [(&str, &str); 13] = [
    ("request, one by one", "request"),
    ("request, in one piece", "block"),
    ("request, full table", "full"),
    ("two methods", "two-methods"),
    ("two methods, in one piece", "two-methods-block"),
    ("response", "response"),
    ("trailers", "trailers"),
    ("story 20", "story-20"),
    ("story 21", "story-21"),
    ("story 20, in one piece", "story-20-block"),
    ("story 21, in one piece", "story-21-block"),
    ("Huffman, 1,024 octets", "huffman-1K"),
    ("Huffman, 16 octets", "huffman-16"),
];
const DECODED: [(&str, &str); 12] = [
    ("request, ours", "request"),
    ("the same block again, ours", "repeated"),
    ("request, full table, ours", "full"),
    ("a peer that inserts all fields", "inserting"),
    ("request", "request-theirs"),
    ("two methods", "two-methods-theirs"),
    ("response", "response-theirs"),
    ("trailers", "trailers-theirs"),
    ("story 20", "story-20-theirs"),
    ("story 21", "story-21-theirs"),
    ("Huffman, 1,024 octets", "huffman-1K"),
    ("Huffman, 16 octets", "huffman-16"),
];

/// Header compression: instructions, allocations and octets of a block.
fn blocks(figures: &Figures, does: &str, rows: &[(&str, &str)]) -> String {
    let mut table = format!("| {does} | ours | nghttp2 | hpack | loona-hpack |\n|---|---|---|---|---|\n");
    for (label, list) in rows {
        _ = write!(table, "| {label} |");
        for peer in ["", "/nghttp2", "/hpack", "/loona"] {
            let case = format!("hpack-{does}-{list}{peer}");
            let of = |figure| figures.get(&case, figure);
            match (of("instructions"), of("allocations"), of("octets")) {
                (Some(instructions), Some(allocations), Some(octets)) => {
                    _ = write!(table, " {} · {allocations} · {octets:.1} |", human(instructions));
                }
                _ => table += " - |",
            }
        }
        table.push('\n');
    }
    table.trim_end().to_owned()
}

fn layers(figures: &Figures) -> String {
    let mut table = String::from("| layer | instructions |\n|---|---|\n");
    let mut layers: Vec<_> = figures.all("layers").collect();
    layers.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (layer, count) in layers {
        _ = writeln!(table, "| {layer} | {} |", human(count));
    }
    table.trim_end().to_owned()
}

fn calls(figures: &Figures) -> String {
    let mut table =
        String::from("| calls so far | ns a call, the quickest slice | octets in use, both ends |\n|---|---|---|\n");
    for million in 1..=10 {
        let what = format!("calls-{million}M");
        let [ns, octets] = ["ns", "octets"].map(|figure| cell(figures.get(&what, figure)));
        _ = writeln!(table, "| {million},000,000 | {ns} | {octets} |");
    }
    table.trim_end().to_owned()
}

/// The worked example of a million connections.
fn push(figures: &Figures) -> String {
    let mut table = String::from("| state, server's end | octets each | a million, GB |\n|---|---|---|\n");
    for (state, label) in [
        ("connected", "SETTINGS exchanged"),
        ("trimmed", "after 200 calls and quiet past the trim"),
        ("open", "with a call open, its head read"),
    ] {
        let each = figures.get(&format!("push-{state}"), "server");
        _ = writeln!(table, "| {label} | {} | {} |", cell(each), cell(each.map(|each| each / 1e3)));
    }
    let bound = figures.get("push-bound", "octets");
    _ = write!(table, "| the bound | {} | - |", cell(bound));
    table
}

/// What windows make of a long fat link.
fn link(figures: &Figures) -> String {
    let mut table = String::from(
        "| windows | calls, messages | first second, % | later, % | `connection_bytes()` |\n|---|---|---|---|---|\n",
    );
    for (name, windows, calls) in [
        ("fixed", "64 KiB, no growth", "1, 16 KiB"),
        ("defaults", "the defaults", "1, 16 KiB"),
        ("defaults-20", "the defaults", "20, 16 KiB"),
        ("wide", "wide", "1, 16 KiB"),
        ("wide-large-messages", "wide", "1, 64 KiB"),
        ("large", "large", "1, 16 KiB"),
    ] {
        let [first, later, bound] =
            ["first", "later", "bound"].map(|figure| cell(figures.get(&format!("link-{name}"), figure)));
        _ = writeln!(table, "| {windows} | {calls} | {first} | {later} | {bound} |");
    }
    table.trim_end().to_owned()
}

/// What a million of anything takes.
fn million(figures: &Figures) -> String {
    let mib =
        |octets: Option<f64>| octets.map_or_else(|| "-".to_owned(), |octets| human((octets / 1_048_576.0).round()));
    let mut table = String::from("| state, both ends in one process | octets each | a million, MiB |\n|---|---|---|\n");
    let mut row = |state: &str, each: Option<f64>| {
        _ = writeln!(table, "| {state} | {} | {} |", cell(each.map(f64::round)), mib(each.map(|each| each * 1e6)));
    };
    let both = |what: &str| Some(figures.get(what, "client")? + figures.get(what, "server")?);
    row("connection, SETTINGS exchanged, one end", figures.get("connection-idle", "server"));
    row("the same, both ends", both("connection-idle"));
    row("connection after 200 calls and quiet past the trim, one end", figures.get("connection-trimmed", "server"));
    row("the same, both ends", both("connection-trimmed"));
    row("open idle call, 8,192 on one connection, both ends", figures.get("open-call", "octets"));
    row(
        "open idle call, a million over 10,000 connections, both ends, connections included",
        figures.get("open-1000000", "octets").map(|octets| octets / 1e6),
    );
    table.trim_end().to_owned()
}
