//! What a scenario spent of each guard.

use grpc_sansio::http2::{Guard, Guards};
use grpc_sansio::testing::Pair;
use grpc_sansio::{Connection, Role};
use std::fs;
use std::path::Path;

/// The page that has a row for each scenario: what it spends, at most, of each guard.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/honest-traffic.md");
    fs::read_to_string(path).expect("the page")
}

/// The cells of a line of a table, without those at its ends.
fn cells(line: &str) -> Vec<&str> {
    line.trim().trim_matches('|').split('|').map(str::trim).collect()
}

/// `12 / 10000`, as the page says it.
fn figure(guard: Guard) -> String {
    format!("{} / {}", guard.most, guard.limit)
}

/// The side that spent the larger part of its guard, of those that have it.
fn worse(one: Guard, other: Guard) -> Guard {
    if one.limit > 0 && one.most * other.limit >= other.most * one.limit { one } else { other }
}

/// Holds both sides of a pair that goes on to a tenth of every guard, and to the figures of the page.
pub(crate) fn stays_calm(scenario: &str, pair: &Pair) {
    holds(scenario, &[reading(&pair.client), reading(&pair.server)]);
}

/// As [`stays_calm`], for one side.
pub(crate) fn side_stays_calm<R: Role>(scenario: &str, it: &Connection<R>) {
    holds(scenario, &[reading(it)]);
}

fn reading<R: Role>(it: &Connection<R>) -> Guards {
    assert_eq!(it.error(), None);
    it.guards()
}

fn holds(scenario: &str, sides: &[Guards]) {
    let mut worst: Vec<(&str, Guard)> = sides[0].all().to_vec();
    for side in &sides[1..] {
        for (kept, (_, guard)) in worst.iter_mut().zip(side.all()) {
            kept.1 = worse(kept.1, guard);
        }
    }
    let row: Vec<_> = worst.iter().map(|(_, guard)| figure(*guard)).collect();
    println!("\n| {scenario} | {} |", row.join(" | "));
    let page = page();
    let head = page.lines().find(|line| line.starts_with("| scenario |")).expect("the table's head");
    let line = page.lines().find(|line| cells(line)[0] == scenario);
    let line = line.unwrap_or_else(|| panic!("docs/honest-traffic.md has no row for \"{scenario}\""));
    for (name, guard) in worst {
        if name == "max_ping_strikes" && guard.limit == 0 {
            // A client alone, which has no such guard.
            continue;
        }
        assert!(guard.limit > 0, "{name} is off");
        assert!(guard.most * 10 <= guard.limit, "{scenario} spends {} of {name}", figure(guard));
        let column = cells(head).iter().position(|cell| cell.trim_matches('`') == name);
        let column = column.unwrap_or_else(|| panic!("docs/honest-traffic.md has no column for {name}"));
        let known: u64 = cells(line)[column].split(' ').next().and_then(|spent| spent.parse().ok()).expect("a figure");
        assert!(guard.most <= known, "{scenario} spends {} of {name}, the page says {known}", guard.most);
    }
}
