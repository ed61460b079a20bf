//! Keeps `docs/threats.md` and `tests/mutants.txt` in step with the tests and the source.

use crate::meter::check;
use crate::named::all_tests;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all tests; a function that only helps is none.
fn names() -> BTreeSet<String> {
    all_tests().into_iter().map(|test| test.name).collect()
}

/// What is wrong with the page: a row for each number, a verdict in each row, a test that exists behind each verdict, and
/// none of the tests of this folder forgotten.
fn faults(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let mut rows: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with("| T-")) {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        rows.entry(cells[0]).or_default().push(cells[1..].to_vec());
    }
    let mut faults = Vec::new();
    for number in 1..=82 {
        let threat = format!("T-{number:02}");
        let [row] = rows.get(threat.as_str()).map_or(&[][..], Vec::as_slice) else {
            faults.push(format!("{threat} has not one row"));
            continue;
        };
        let &[verdict, _, named] = row.as_slice() else {
            faults.push(format!("{threat} has not four cells"));
            continue;
        };
        let named: Vec<_> = named.split(',').map(|name| name.trim().trim_matches('`')).collect();
        match verdict {
            "tested" => faults
                .extend(named.iter().filter(|name| !tests.contains(**name)).map(|name| format!("{threat}: no {name}"))),
            "not yet" | "not ours" => {}
            other => faults.push(format!("{threat}: \"{other}\" is no verdict")),
        }
        let prefix = format!("t_{number:02}_");
        let forgotten = tests.iter().filter(|name| name.starts_with(&prefix) && !named.contains(&name.as_str()));
        faults.extend(forgotten.map(|name| format!("{threat} does not name {name}")));
    }
    faults
}

#[test]
fn every_threat_has_a_verdict_and_every_named_test_exists() {
    let page = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    assert_eq!(faults(&page, &names()), Vec::<String>::new());
}

#[test]
fn the_check_of_the_page_finds_what_it_is_for() {
    let tests = BTreeSet::from(["t_07_there".to_string(), "other".to_string()]);
    let page = |seven: &str| {
        let row = |number: u32| match number {
            7 => format!("{seven}\n"),
            _ => format!("| T-{number:02} | not yet | | |\n"),
        };
        (1..=82).map(row).collect::<String>()
    };
    assert_eq!(faults(&page("| T-07 | tested | x | `t_07_there`, `other` |"), &tests), Vec::<String>::new());
    assert_eq!(faults(&page("| T-07 | tested | x | `other` |"), &tests), ["T-07 does not name t_07_there"]);
    assert_eq!(faults(&page("| T-07 | tested | x | `t_07_there`, `gone` |"), &tests), ["T-07: no gone"]);
    assert_eq!(faults(&page("| T-07 | fine | x | `t_07_there` |"), &tests), ["T-07: \"fine\" is no verdict"]);
    assert_eq!(faults(&page(""), &tests), ["T-07 has not one row"]);
}

/// The names in the first cells of the table of guards.
fn guards(page: &str) -> BTreeSet<&str> {
    let section = page.split("\n## ").find(|section| section.starts_with("Guards\n")).unwrap_or_default();
    let table = section.split("| guard |").nth(1).unwrap_or_default();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

/// Which of these has no field in a config, and which has no line whose removal was noticed.
fn unkept<'a>(guards: &BTreeSet<&'a str>, configs: &str, mutants: &str) -> [Vec<&'a str>; 2] {
    let is_field = |name: &str| {
        [format!("pub {name}: "), format!("pub fn {name}("), format!("pub fn with_{name}(")]
            .iter()
            .any(|definition| configs.contains(definition))
    };
    let is_tried = |name: &str| mutants.lines().any(|row| row.rsplit('\t').next() == Some(name));
    let without = |holds: &dyn Fn(&str) -> bool| guards.iter().copied().filter(|name| !holds(name)).collect();
    [without(&is_field), without(&is_tried)]
}

/// Each guard of the page is a field that can be set, and was taken out once to see a test turn red.
#[test]
fn every_guard_has_a_field_and_a_mutant() {
    let page = fs::read_to_string(root().join("docs/threats.md")).unwrap();
    let mutants = fs::read_to_string(root().join("tests/mutants.txt")).unwrap();
    let configs =
        ["http2/config.rs", "config.rs", "config/limits.rs", "config/management.rs", "web/config.rs", "adapter/tls.rs"];
    let configs: String = configs.map(|file| fs::read_to_string(root().join("src").join(file)).unwrap()).concat();
    let guards = guards(&page);
    assert!(guards.len() >= 40, "{guards:?}");
    assert_eq!(
        unkept(&guards, &configs, &mutants),
        [Vec::<&str>::new(), Vec::new()],
        "without a field; without a mutant"
    );
    // And so that the check itself can fail:
    let unknown = BTreeSet::from(["glitch_burst", "no_such_guard"]);
    assert_eq!(unkept(&unknown, &configs, &mutants), [["no_such_guard"], ["no_such_guard"]]);
}

/// What ends a connection has no counter, since it does so once: its error names the limit, to the peer and to the application.
#[test]
fn each_error_names_its_limit() {
    for (attack, limit) in [
        ("t_53_data_of_16_mib", "frame longer than SETTINGS_MAX_FRAME_SIZE"),
        ("t_27_bomb_of_long_fields", "header_abuse"),
        ("t_30_long_continuations", "max_header_block"),
        ("t_46_slow_settings", "handshake_timeout"),
        ("t_46_slow_header_block", "header_block_timeout"),
        ("t_16_never_an_ack", "settings_ack_timeout"),
        ("t_15_large_settings", "max_settings_entries"),
        ("t_30_continuation_flood", "max_continuations"),
    ] {
        let word = check(attack).report.goaway.expect("a GOAWAY");
        assert!(word.debug_data.starts_with(limit), "{attack}: {word:?}");
    }
}

/// Each line that was taken out, and turned a test red, is still there.
#[test]
fn every_mutant_names_a_line_and_a_test() {
    let list = fs::read_to_string(root().join("tests/mutants.txt")).unwrap();
    let tests = names();
    let rows: Vec<_> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(rows.len() >= 40 && rows.is_sorted(), "{} rows, in order", rows.len());
    for row in rows {
        let [file, function, line, test, _] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("five cells: {row}")
        };
        assert!(tests.contains(test), "no test {test}");
        let text = fs::read_to_string(root().join(file)).unwrap();
        let head = format!("fn {function}");
        let heads = text.split(&head).skip(1);
        // Up to the next function.
        let found = heads.into_iter().any(|body| {
            let body = body.lines().take_while(|text| !text.trim_start().starts_with("/// "));
            body.into_iter().any(|text| text.trim() == line)
        });
        assert!(found, "{file}: no such line in {function}: {line}");
    }
}
