//! Keeps the documentation true: tables against the code, listings against the files they show. That links
//! lead somewhere is held by `tests/links.rs`.
//! (The examples in the guide are compiled as doctests, see the end of `src/lib.rs`.)

use grpc_sansio::Limits;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest an example may be: one thought on two screens.
const MOST_LINES: usize = 120;

/// Those that are programs in their own right: servers for tests and figures, and whole worlds.
const PROGRAMS: &[&str] =
    &["blocking_std", "interop_client", "interop_server", "mio_client", "mio_server", "simulation", "stream_gib"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The pages, by their paths from the root.
fn pages() -> Vec<String> {
    let mut found = Vec::new();
    for folder in ["", "docs", "docs/guide"] {
        for entry in fs::read_dir(root().join(folder)).expect("a readable folder") {
            let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
            if name.ends_with(".md") {
                found.push(Path::new(folder).join(name).to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    assert!(found.len() > 20, "{found:?} are not all");
    found
}

/// The cells of each row of the tables below a heading, headings of tables left out.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = format!("\n{}", read(page)).split("```").step_by(2).collect::<String>();
    let below = text.split_once(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("{page} has no {heading}")).1;
    let level = heading.split(' ').next().unwrap_or_default();
    let mut found = Vec::new();
    let mut lines = below.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(&format!("{level} ")) {
            break;
        }
        let is_head = lines.peek().is_some_and(|next| next.starts_with("|--"));
        if line.starts_with('|') && !line.starts_with("|--") && !is_head {
            found.push(line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
        }
    }
    assert!(!found.is_empty(), "{page}: no table below {heading}");
    found
}

/// What stands in backticks.
fn names(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

// --- tables -----------------------------------------------------------------------------------------------------------

#[test]
fn the_table_of_features_is_that_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let section = manifest.split_once("\n[features]\n").expect("features").1.split("\n[").next().unwrap_or_default();
    let mut features: BTreeMap<&str, &str> =
        section.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = ")).collect();
    let defaults = names(&features.remove("default").expect("defaults").replace('"', "`"));

    let rows = rows("README.md", "## Features");
    let mut listed = BTreeSet::new();
    for row in &rows {
        assert!(row[1].contains("](docs/"), "{} has no page", row[0]);
        for name in names(&row[0]) {
            let is_default = defaults.contains(&name);
            assert_eq!(row.last().map(String::as_str), Some(if is_default { "yes" } else { "no" }), "default: {name}");
            assert!(listed.insert(name.clone()), "{name} is listed twice");
        }
    }
    assert_eq!(listed, features.keys().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>());
}

/// `64 KiB`, `1,000` and `10 s`, as `Debug` writes them: `65536`, `1000` and `10s`.
fn plain(text: &str) -> String {
    let (number, unit) = text.split_once(' ').unwrap_or((text, ""));
    let number = number.replace(',', "");
    let factor = match unit {
        "KiB" => 1_024,
        "MiB" => 1_048_576,
        _ => return format!("{number}{unit}"),
    };
    number.parse::<u64>().map_or_else(|error| panic!("{text}: {error}"), |number| (number * factor).to_string())
}

#[test]
fn the_table_of_limits_is_that_of_the_code() {
    let debug = format!("{:?}", Limits::default());
    let fields = debug.trim_start_matches("Limits { ").trim_end_matches(" }").split(", ");
    let defaults: BTreeMap<String, String> = fields
        .filter_map(|field| field.split_once(": "))
        .map(|(name, value)| {
            let value = value.strip_prefix("Some(").and_then(|value| value.strip_suffix(')')).unwrap_or(value);
            (name.to_owned(), if value == "None" { "none".to_owned() } else { value.to_owned() })
        })
        .collect();
    assert!(defaults.len() > 40, "{debug} was not understood");

    let mut listed = BTreeMap::new();
    for row in rows("docs/guide/limits.md", "# Limits and defaults") {
        let (limits, values) = (names(&row[0]), row[1].split(", ").map(plain).collect::<Vec<_>>());
        assert_eq!(limits.len(), values.len(), "{row:?}");
        for (name, value) in limits.into_iter().zip(values) {
            assert_eq!(listed.insert(name.clone(), value), None, "{name} is listed twice");
        }
    }
    assert_eq!(listed, defaults);
}

// --- examples ---------------------------------------------------------------------------------------------------------

/// The examples: the files of each, by name.
fn examples() -> BTreeMap<String, Vec<PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root().join("examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if ["main.rs", "Cargo.toml", "package.json"].iter().any(|file| path.join(file).exists()) {
            let mut files = Vec::new();
            sources(&path, &mut files);
            found.insert(name, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.insert(name, vec![path]);
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_example_is_listed_and_ci_runs_it() {
    let listed: BTreeSet<String> = rows("README.md", "## Examples").iter().flat_map(|row| names(&row[0])).collect();
    let examples: BTreeSet<String> = examples().into_keys().collect();
    assert_eq!(listed, examples, "the table of the README and the folder");

    let ci = read(".ci/run") + &read("tests/peers/run");
    let run: BTreeSet<&str> = ci.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let left_out: Vec<_> = examples.iter().filter(|name| !run.contains(&name[..])).collect();
    assert!(left_out.is_empty(), "{left_out:?} are not run by .ci/run");
}

#[test]
fn examples_are_short() {
    let mut short = 0;
    for (name, files) in examples() {
        let longest = files.iter().map(|file| fs::read_to_string(file).expect("text").lines().count()).max();
        let is_program = PROGRAMS.contains(&&name[..]);
        assert_eq!(longest > Some(MOST_LINES), is_program, "{name}: {longest:?} lines");
        short += usize::from(!is_program);
    }
    assert!(short >= 12, "{short} short examples");
}

// --- listings ---------------------------------------------------------------------------------------------------------

/// A listing below `<!-- file: PATH -->` is that file, or a run of its lines, indented or not.
#[test]
fn listings_are_what_the_files_say() {
    let mut listings = 0;
    for page in pages() {
        let text = read(&page);
        for part in text.split("\n<!-- file: ").skip(1) {
            let (path, rest) = part.split_once(" -->\n").expect("the end of a comment");
            let code = rest.strip_prefix("```").and_then(|rest| rest.split_once('\n')).map(|(_, code)| code);
            let code = code.and_then(|code| code.split("\n```").next()).unwrap_or_else(|| panic!("{page}: no listing"));
            let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
            let (file, code) = (lines(&read(path)), lines(code));
            let found = file.windows(code.len()).any(|window| window == code);
            assert!(found, "{page}: the listing of {path} is not what the file says");
            listings += 1;
        }
    }
    assert!(listings >= 5, "{listings} listings were found");
}

// --- links ------------------------------------------------------------------------------------------------------------

/// The targets of links, outside of code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for prose in text.split("```").step_by(2) {
        // in a line, what stands in backticks is code
        let prose: String = prose.split('`').step_by(2).collect::<Vec<_>>().join("");
        found.extend(prose.split("](").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned));
        found.extend(
            prose.lines().filter_map(|line| line.strip_prefix('[')?.split_once("]: ")).map(|(_, to)| to.into()),
        );
    }
    found
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let mut reached = BTreeSet::new();
    let mut next = vec!["README.md".to_owned()];
    while let Some(page) = next.pop() {
        if !reached.insert(page.clone()) {
            continue;
        }
        let folder = Path::new(&page).parent().unwrap_or(Path::new("")).to_owned();
        for link in links(&read(&page)) {
            let file = link.split('#').next().unwrap_or_default();
            let path = root().join(&folder).join(file).canonicalize().unwrap_or_default();
            let home = root().canonicalize().expect("the root");
            if file.ends_with(".md")
                && let Ok(path) = path.strip_prefix(home)
            {
                next.push(path.to_string_lossy().into_owned());
            }
        }
    }
    let lost: Vec<_> = pages().into_iter().filter(|page| !reached.contains(page)).collect();
    assert!(lost.is_empty(), "{lost:?} are linked from nowhere");
}
