//! Keeps `docs/liveness.md` and the tests in step: every row has a verdict, and every test it names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const ROWS: u32 = 48;

fn sources(folder: &Path, text: &mut String) {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

/// What is wrong with the page.
fn faults(page: &str, sources: &str) -> Vec<String> {
    let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| L-")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        rows.insert(cells[0], cells[1..].to_vec());
    }
    let mut faults = Vec::new();
    for row in (1..=ROWS).map(|number| format!("L-{number:02}")) {
        match rows.remove(row.as_str()).as_deref() {
            None => faults.push(format!("{row} has no row")),
            Some(["not yet", ""]) => {}
            Some(["tested", tests]) => {
                let named = tests.split(',').map(|name| name.trim().trim_matches('`'));
                let missing = named.filter(|name| name.is_empty() || !sources.contains(&format!("fn {name}(")));
                faults.extend(missing.map(|name| format!("{row}: no test \"{name}\"")));
            }
            Some(other) => faults.push(format!("{row}: {other:?} is no verdict")),
        }
    }
    faults.extend(rows.keys().map(|row| format!("{row} is no row")));
    faults
}

#[test]
fn every_row_has_a_verdict_and_every_named_test_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/liveness.md")).unwrap();
    let mut text = String::new();
    sources(&root.join("tests"), &mut text);
    sources(&root.join("src"), &mut text);
    assert_eq!(faults(&page, &text), Vec::<String>::new());
}

#[test]
fn the_check_finds_what_it_is_for() {
    let page = |cell: &str| (1..=ROWS).map(|number| format!("| L-{number:02} | {cell} |\n")).collect::<String>();
    assert!(faults(&page("tested | `there`"), "fn there() {").is_empty());
    assert!(faults(&page("not yet | "), "").is_empty());
    assert_eq!(faults(&page("not yet | ").replace("L-07", "L-99"), ""), ["L-07 has no row", "L-99 is no row"]);
    for cell in ["tested | `gone`", "tested | ", "fine | ", "not yet | `there`"] {
        assert_eq!(faults(&page(cell), "fn there() {").len(), ROWS as usize, "{cell}");
    }
}
