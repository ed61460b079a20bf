//! Keeps `docs/conformance.md` in step with the tests. `tests/data/clauses.txt` has the clauses and the written reasons; a
//! test belongs to the clauses that its name (`h_020_...`, `g150_to_g153_...`) or its doc comment (`/// H-020, G-014`)
//! cites. Together they make the page: `BLESS=1 cargo test --test conformance` writes it.
//!
//! Features that come make notes false. So what a `not yet` says is not there must not have the name of a feature or of a
//! public module, and a clause that is excused must not be cited inside of a test, where it is no citation.

#[path = "conformance/named.rs"]
mod named;

use named::each_source;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One clause, as `tests/data/clauses.txt` has it.
struct Clause {
    number: String,
    says: String,
    note: String,
}

impl Clause {
    /// The verdict that the note gives, where it is a reason for not having a test.
    fn excuse(&self) -> Option<&'static str> {
        ["not yet", "not ours"].into_iter().find(|word| self.note.starts_with(word))
    }

    /// What is not there, as a `not yet` names it: up to the first mark.
    fn missing(&self) -> Option<String> {
        let named = self.note.strip_prefix("not yet:")?;
        Some(words(named.split(['.', ';', ':', ',', '(']).next().unwrap_or_default()))
    }
}

/// A text in lower case, its words with one blank around each.
fn words(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words: Vec<_> = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// The features of the manifest, and the public modules of the crate.
fn capabilities(manifest: &str, library: &str) -> Vec<String> {
    let table = manifest.split("[features]\n").nth(1).unwrap_or_default().split("\n[").next().unwrap_or_default();
    let features = table.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let modules = library.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'));
    features.chain(modules).map(words).collect()
}

/// The capability that a `not yet` takes for missing, in the singular or the plural.
fn is_there<'a>(clause: &Clause, capabilities: &'a [String]) -> Option<&'a str> {
    let missing = clause.missing()?;
    let named = |name: &String| missing.contains(name.as_str()) || missing.contains(&format!("{}s ", name.trim_end()));
    capabilities.iter().find(|name| named(name)).map(|name| name.trim())
}

/// The tests of each clause, by its number.
type Tests = BTreeMap<String, BTreeSet<String>>;

fn clauses(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(note) = line.strip_prefix("    ") {
            clauses.last_mut().expect("a note follows its clause").note += note;
        } else {
            let (number, says) = line.split_once(' ').expect("a number and what it says");
            clauses.push(Clause { number: number.into(), says: says.into(), note: String::new() });
        }
    }
    clauses
}

/// The clauses that a name or a comment cites: `H-020`, `h_020`, `h020`, and `G-150 to G-153`.
fn cited(text: &str) -> Vec<String> {
    let text = text.to_ascii_uppercase();
    let mut found: Vec<(char, u32)> = Vec::new();
    let (mut letter, mut range) = (None, false);
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        let (group, digits) = match letter.take() {
            Some(letter) if word.len() == 3 => (letter, word),
            _ if "HPG".contains(first) => (first.chars().next().unwrap(), rest),
            _ => ('-', ""),
        };
        if digits.is_empty() && group != '-' {
            letter = Some(group);
            continue;
        }
        match digits.parse::<u32>() {
            Ok(number) if digits.len() == 3 => {
                let start = found.last().filter(|_| range).map_or(number, |last| last.1 + 1);
                found.extend((start..=number).map(|number| (group, number)));
                range = false;
            }
            _ => range = word == "TO" && !found.is_empty(),
        }
    }
    found.into_iter().map(|(group, number)| format!("{group}-{number:03}")).collect()
}

/// Adds the tests of a source file to the clauses that they cite.
fn add_tests(source: &str, tests: &mut Tests) {
    for test in named::tests_of(source) {
        for clause in cited(&test.name).into_iter().chain(cited(&test.comment)) {
            tests.entry(clause).or_default().insert(test.name.clone());
        }
    }
}

/// The clauses that comments inside of functions cite.
fn cited_inside(source: &str) -> Vec<String> {
    source.lines().filter_map(|line| line.trim_start().strip_prefix("// ")).flat_map(cited).collect()
}

/// What decides over a clause: its tests, or a case of `tests/peers/run`, or the reason why there is none.
fn verdict(clause: &Clause, tests: &Tests, cases: &str) -> &'static str {
    let case = clause.says.split(':').next().unwrap_or_default();
    match clause.excuse() {
        Some(excuse) => excuse,
        None if tests.contains_key(&clause.number) => "tested",
        None if cases.contains(&format!("\"{case}\"")) => "peers",
        None => "none",
    }
}

/// The numbers that are left out between one clause and the next, of H, P or G.
fn gaps(clauses: &[Clause]) -> impl Iterator<Item = String> {
    let number =
        |clause: &Clause| (clause.number[..2].to_string(), clause.number[2..].parse::<u32>().expect("a number"));
    let pairs = clauses.windows(2).map(move |pair| (number(&pair[0]), number(&pair[1])));
    pairs.flat_map(|((group, last), (next_group, next))| {
        let expected = if group == next_group { last + 1 } else { 1 };
        (expected..next).map(move |missing| format!("{next_group}{missing:03}"))
    })
}

/// What is wrong with a clause.
fn fault(clause: &Clause, tests: &Tests, cases: &str) -> Option<String> {
    let number = &clause.number;
    match (clause.excuse(), verdict(clause, tests, cases)) {
        (Some(excuse), _) if clause.note[excuse.len()..].trim_start_matches(':').trim().len() < 4 => {
            Some(format!("{number} is \"{excuse}\" without a reason"))
        }
        (Some(excuse), _) => {
            tests.get(number).map(|tests| format!("{number} is \"{excuse}\", but is tested by {tests:?}"))
        }
        (None, "none") => Some(format!("{number} has neither a test nor a reason")),
        _ => None,
    }
}

fn row(clause: &Clause, tests: &BTreeSet<String>, verdict: &str) -> String {
    let names: Vec<_> = tests.iter().map(|name| format!("`{name}`")).collect();
    let note = clause.excuse().map_or(&clause.note[..], |excuse| clause.note[excuse.len() + 1..].trim());
    format!("| {} | {} | {verdict} | {} | {note} |", clause.number, clause.says, names.join(", "))
}

/// The page with each row made anew, and the count above each table. `named` are the tests that a row shall have.
fn page(old: &str, clauses: &[Clause], tests: &Tests, cases: &str, named: impl Fn(&str) -> BTreeSet<String>) -> String {
    let mut lines: Vec<String> = old.lines().map(str::to_string).collect();
    let (mut count_at, mut counts) = (0, BTreeMap::new());
    for at in 0..lines.len() {
        let line = &lines[at];
        let number = line.split_whitespace().nth(1).unwrap_or_default();
        if line.starts_with("Of ") && line.contains(" clauses: ") {
            (count_at, counts) = (at, BTreeMap::new());
        } else if let Some(clause) = clauses.iter().find(|clause| line.starts_with("| ") && clause.number == number) {
            let verdict = verdict(clause, tests, cases);
            *counts.entry(verdict).or_default() += 1;
            lines[at] = row(clause, &named(&clause.number), verdict);
            lines[count_at] = summary(&counts);
        }
    }
    lines.join("\n") + "\n"
}

fn summary(counts: &BTreeMap<&str, usize>) -> String {
    let parts: Vec<_> = ["tested", "peers", "not yet", "not ours", "none"]
        .iter()
        .filter_map(|verdict| counts.get(verdict).map(|count| format!("{count} {verdict}")))
        .collect();
    format!("Of {} clauses: {}.", counts.values().sum::<usize>(), parts.join(", "))
}

/// The tests that a row of the page names.
fn names_in_row<'a>(page: &'a str, number: &str) -> BTreeSet<&'a str> {
    let row = page.lines().find(|line| line.starts_with(&format!("| {number} |"))).unwrap_or_default();
    row.split('|').nth(4).unwrap_or_default().split(',').map(|name| name.trim().trim_matches('`')).collect()
}

#[test]
fn the_page_says_what_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = fs::read_to_string(root.join("tests/peers/run")).unwrap();
    // Beside its cells there are suites, each in a folder of its own.
    for entry in fs::read_dir(root.join("tests/peers")).unwrap().map(Result::unwrap) {
        cases += &format!("{:?}", entry.file_name());
    }
    let clauses = clauses(include_str!("data/clauses.txt"));
    let mut tests = Tests::new();
    let excused: BTreeSet<_> =
        clauses.iter().filter(|clause| clause.excuse().is_some()).map(|clause| &clause.number).collect();
    let mut faults = Vec::new();
    each_source(&root.join("src"), &mut |_, source| add_tests(source, &mut tests));
    each_source(&root.join("tests"), &mut |path, source| {
        add_tests(source, &mut tests);
        let inside = cited_inside(source).into_iter().filter(|number| excused.contains(number));
        faults
            .extend(inside.map(|number| format!("{path:?} cites {number}, which is excused, where it does not count")));
    });

    faults.extend(clauses.iter().filter_map(|clause| fault(clause, &tests, &cases)));
    let capabilities =
        capabilities(&fs::read_to_string(root.join("Cargo.toml")).unwrap(), include_str!("../src/lib.rs"));
    assert!(capabilities.len() > 25, "{capabilities:?}");
    for clause in &clauses {
        if let Some(name) = is_there(clause, &capabilities) {
            faults.push(format!("{} is \"not yet\" for want of {name}, which is there", clause.number));
        }
    }
    let known: BTreeSet<_> = clauses.iter().map(|clause| &clause.number).collect();
    let unknown = tests.iter().filter(|(number, _)| !known.contains(number));
    faults.extend(unknown.map(|(number, tests)| format!("{tests:?} cite {number}, which is not in clauses.txt")));
    faults.extend(gaps(&clauses).map(|number| format!("{number} is passed over in clauses.txt")));

    let path = root.join("docs/conformance.md");
    let old = fs::read_to_string(&path).unwrap();
    let all = |number: &str| tests.get(number).cloned().unwrap_or_default();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, page(&old, &clauses, &tests, &cases, all)).unwrap();
        assert_eq!(faults, Vec::<String>::new());
        return;
    }
    for clause in &clauses {
        if !old.contains(&format!("\n| {} | ", clause.number)) {
            faults.push(format!("{} has no row in the page", clause.number));
        }
    }
    // The page may be behind in naming further tests of a clause, and in nothing else.
    let of_the_page = |number: &str| {
        let (all, named) = (all(number), names_in_row(&old, number));
        let both: BTreeSet<_> = all.iter().filter(|name| named.contains(name.as_str())).cloned().collect();
        if both.is_empty() { all } else { both }
    };
    let new = page(&old, &clauses, &tests, &cases, of_the_page);
    let stale = old.lines().zip(new.lines()).filter(|(old, new)| old != new);
    faults.extend(stale.map(|(old, new)| format!("the page says {old}\nbut it is {new}")));
    assert!(faults.is_empty(), "`BLESS=1 cargo test --test conformance` writes the page:\n{}", faults.join("\n"));
}

#[test]
fn names_and_comments_cite_clauses() {
    let numbers = |text| cited(text).join(" ");
    assert_eq!(numbers("h_020_a_block"), "H-020");
    assert_eq!(numbers("g191_fifteen"), "G-191");
    assert_eq!(numbers("l_01_g_122_to_g_124_t_05"), "G-122 G-123 G-124");
    assert_eq!(numbers(" T4, H-033 and (G-008): RFC 9113 §5 in H2, 400 to 500"), "H-033 G-008");
    assert_eq!(numbers("http2 has g_12 and h2 h1234 and table_21_2"), "");

    let mut tests = Tests::new();
    let source =
        "/// P-001\nfn helper() {}\n/// P-002,\n/// P-003\n#[test]\nfn it() {}\n\n/// H-001\n\n#[test]\nfn no() {}\n";
    add_tests(source, &mut tests);
    let it = BTreeSet::from(["it".to_string()]);
    assert_eq!(tests, Tests::from([("P-002".to_string(), it.clone()), ("P-003".to_string(), it)]));
}

#[test]
fn what_is_there_is_not_missing() {
    let manifest =
        "[package]\n[features]\ndefault = []\n## TLS.\ntls = []\nevent-log = [\"tls\"]\n\n[dependencies]\nx = 1\n";
    let capabilities = capabilities(manifest, "mod error;\npub mod stub;\npub mod x { }\n");
    assert_eq!(capabilities, [" default ", " tls ", " event log ", " stub "]);
    let found = |note: &str| {
        let clause = Clause { number: String::new(), says: String::new(), note: note.into() };
        is_there(&clause, &capabilities).map(str::to_string)
    };
    for (note, name) in [
        ("not yet: TLS in the adapters; until then not.", Some("tls")),
        ("not yet: generated stubs and their serializers.", Some("stub")),
        ("not yet: an event log of its own.", Some("event log")),
        ("not yet: retries; the event log has them, TLS or not.", None),
        ("not yet: an event for the log.", None),
        ("not yet: stubborn retries.", None),
        ("not ours: TLS.", None),
        ("TLS is there.", None),
    ] {
        assert_eq!(found(note).as_deref(), name, "{note}");
    }
    let numbers = |text| gaps(&clauses(text)).collect::<Vec<_>>().join(" ");
    assert_eq!(numbers("H-001 a\nH-002 b\nP-001 c\nP-002 d\n"), "");
    assert_eq!(numbers("H-001 a\nH-004 b\nP-002 c\n"), "H-002 H-003 P-001");
    assert_eq!(cited_inside("/// G-001\nfn a() {\n    // G-083: so.\n    let x = 1; // G-002\n}\n"), ["G-083"]);
}

#[test]
fn the_check_finds_what_it_is_for() {
    let text = "# comment\nH-001 One.\nH-002 Two.\n    not yet: codecs.\nH-003 Three.\n    not ours:\nH-004 ping_pong: four.\n";
    let clauses = clauses(text);
    let faults = |tests: &[(&str, &str)], cases: &str| {
        let tests: Tests =
            tests.iter().map(|(number, name)| (number.to_string(), BTreeSet::from([name.to_string()]))).collect();
        clauses.iter().filter_map(|clause| fault(clause, &tests, cases)).collect::<Vec<_>>()
    };
    let reason = "H-003 is \"not ours\" without a reason";
    assert_eq!(faults(&[("H-001", "a")], "\"ping_pong\": []"), [reason]);
    assert_eq!(faults(&[("H-001", "a")], ""), [reason, "H-004 has neither a test nor a reason"]);
    assert_eq!(faults(&[], "\"ping_pong\": []"), ["H-001 has neither a test nor a reason", reason]);
    let both = "H-002 is \"not yet\", but is tested by {\"b\"}";
    assert_eq!(faults(&[("H-001", "a"), ("H-002", "b")], "\"ping_pong\": []"), [both, reason]);

    let tests = Tests::from([("H-001".to_string(), BTreeSet::from(["a".to_string()]))]);
    let all = |number: &str| tests.get(number).cloned().unwrap_or_default();
    let old = "# P\n\n## One\n\nOf 9 clauses: x.\n\n| H-001 | gone |\n| H-002 |\n\n## Two\n\nOf 0 clauses: .\n\n| H-004 | |\n";
    let new = "# P\n\n## One\n\nOf 2 clauses: 1 tested, 1 not yet.\n\n| H-001 | One. | tested | `a` |  |\n\
        | H-002 | Two. | not yet |  | codecs. |\n\n## Two\n\nOf 1 clauses: 1 peers.\n\n| H-004 | ping_pong: four. | peers |  |  |\n";
    assert_eq!(page(old, &clauses, &tests, "\"ping_pong\"", all), new);
}
