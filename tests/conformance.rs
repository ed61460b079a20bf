//! Keeps `docs/conformance.md` and the tests in step: every clause has a verdict, and every test it names exists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The clauses that the page must have, by group: letter, first and last number.
const CLAUSES: [(char, u32, u32); 4] = [('H', 1, 154), ('P', 1, 41), ('G', 1, 222), ('G', 354, 387)];

/// A row of the page: the verdict, and the tests it names.
type Rows = BTreeMap<String, (String, Vec<String>)>;

fn rows(page: &str) -> Rows {
    let mut rows = Rows::new();
    for line in page.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [clause, verdict, tests] = cells[..] else { continue };
        if clause.as_bytes().get(1) != Some(&b'-') {
            continue;
        }
        let tests = tests.split(',').map(|name| name.trim().trim_matches('`').to_string());
        let tests = tests.filter(|name| !name.is_empty()).collect();
        assert!(rows.insert(clause.to_string(), (verdict.to_string(), tests)).is_none(), "{clause} has two rows");
    }
    rows
}

fn collect_tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            collect_tests(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for line in fs::read_to_string(&path).unwrap().lines() {
                let line = line.trim_start();
                if let Some(rest) = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn ")) {
                    names.insert(rest.split(['(', '<']).next().unwrap().to_string());
                }
            }
        }
    }
}

/// What is wrong with the page, line by line.
fn faults(rows: &Rows, tests: &BTreeSet<String>, cases: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for (letter, first, last) in CLAUSES {
        for number in first..=last {
            let clause = format!("{letter}-{number:03}");
            match rows.get(&clause) {
                None => faults.push(format!("{clause} has no row")),
                Some((verdict, named)) => match verdict.as_str() {
                    "tested" if named.is_empty() => faults.push(format!("{clause} is tested by nothing")),
                    "tested" => faults.extend(
                        named
                            .iter()
                            .filter(|name| !tests.contains(*name))
                            .map(|name| format!("{clause}: no test {name}")),
                    ),
                    "peers" => faults.extend(
                        named
                            .iter()
                            .filter(|case| !cases.contains(*case))
                            .map(|case| format!("{clause}: no case {case}")),
                    ),
                    "not yet" | "not ours" => {}
                    other => faults.push(format!("{clause}: \"{other}\" is no verdict")),
                },
            }
        }
    }
    faults
}

#[test]
fn every_clause_has_a_verdict_and_every_named_test_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/conformance.md")).unwrap();
    let mut tests = BTreeSet::new();
    collect_tests(&root.join("tests"), &mut tests);
    collect_tests(&root.join("src"), &mut tests);
    let cases = fs::read_to_string(root.join("tests/peers/run")).unwrap();
    assert_eq!(faults(&rows(&page), &tests, &cases), Vec::<String>::new());
}

#[test]
fn the_check_finds_what_it_is_for() {
    let tests = BTreeSet::from(["there".to_string()]);
    let all = |cell: &str| {
        let line = |(letter, number): (char, u32)| format!("| {letter}-{number:03} | {cell} |\n");
        let numbers = CLAUSES.into_iter().flat_map(|(letter, first, last)| (first..=last).map(move |n| (letter, n)));
        numbers.map(line).collect::<String>()
    };
    assert!(faults(&rows(&all("tested | `there`")), &tests, "").is_empty());
    let missing = all("not yet | ").replace("| H-007 | not yet |  |\n", "");
    assert_eq!(faults(&rows(&missing), &tests, ""), ["H-007 has no row"]);
    assert_eq!(faults(&rows(&all("tested | `gone`")), &tests, "").len(), rows(&missing).len() + 1);
    assert_eq!(faults(&rows(&all("tested | ")), &tests, "").len(), rows(&missing).len() + 1);
    assert_eq!(faults(&rows(&all("fine | ")), &tests, "").len(), rows(&missing).len() + 1);
    assert!(faults(&rows(&all("peers | `case`")), &tests, "a case").is_empty());
    assert_eq!(faults(&rows(&all("peers | `case`")), &tests, "").len(), rows(&missing).len() + 1);
}
