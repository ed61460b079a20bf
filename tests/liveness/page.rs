//! Keeps `docs/liveness.md` and the tests in step: every row has a verdict, and every test it names exists.

use crate::named::all_tests;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const ROWS: u32 = 48;

/// The tests by name, and whether each is a property.
type Tests = BTreeMap<String, bool>;

/// What is wrong with the page.
fn faults(page: &str, tests: &Tests) -> Vec<String> {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| L-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        rows.insert(cells[0], cells[1..].to_vec());
    }
    let mut faults = Vec::new();
    for row in (1..=ROWS).map(|number| format!("L-{number:02}")) {
        let Some(cells) = rows.remove(row.as_str()) else {
            faults.push(format!("{row} has no row"));
            continue;
        };
        let [how @ ("property" | "every case" | "example"), named] = cells[..] else {
            faults.push(format!("{row}: {cells:?} is no verdict"));
            continue;
        };
        let named = || named.split(',').map(|name| name.trim().trim_matches('`'));
        faults
            .extend(named().filter(|name| !tests.contains_key(*name)).map(|name| format!("{row}: no test \"{name}\"")));
        if named().any(|name| tests.get(name) == Some(&true)) != (how == "property") {
            faults.push(format!("{row} is \"{how}\", and its tests are not"));
        }
    }
    faults.extend(rows.keys().map(|row| format!("{row} is no row")));
    faults
}

#[test]
fn every_row_has_a_verdict_and_every_named_test_exists() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/liveness.md")).unwrap();
    let tests = all_tests().into_iter().map(|test| (test.name, test.property)).collect();
    assert_eq!(faults(&page, &tests), Vec::<String>::new());
}

#[test]
fn the_check_finds_what_it_is_for() {
    let page = |cell: &str| (1..=ROWS).map(|number| format!("| L-{number:02} | {cell} |\n")).collect::<String>();
    let tests = Tests::from([("there".to_string(), false), ("any".to_string(), true)]);
    for cell in ["example | `there`", "every case | `there`", "property | `any`", "property | `there`, `any`"] {
        assert_eq!(faults(&page(cell), &tests), Vec::<String>::new(), "{cell}");
    }
    let moved = page("property | `any`").replace("L-07", "L-99");
    assert_eq!(faults(&moved, &tests), ["L-07 has no row", "L-99 is no row"]);
    for cell in [
        "example | `gone`",
        "example | ",
        "fine | `there`",
        "not yet | ",
        "property | `there`",
        "example | `any`",
        "every case | `there`, `any`",
    ] {
        assert_eq!(faults(&page(cell), &tests).len(), ROWS as usize, "{cell}");
    }
}
