//! Every link between the pages of this repository leads somewhere: to a file, and in a page to a heading.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// Folders that hold what was built or installed, or what others wrote.
const NOT_OURS: &[&str] = &["target", "node_modules", "data", ".venv", ".git", "corpus", "artifacts"];

/// All Markdown files, by their path from the root.
fn pages(root: &Path) -> BTreeMap<PathBuf, String> {
    fn walk(folder: &Path, root: &Path, found: &mut BTreeMap<PathBuf, String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                if !NOT_OURS.contains(&name.as_str()) {
                    walk(&path, root, found);
                }
            } else if name.ends_with(".md") {
                found.insert(path.strip_prefix(root).unwrap().to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(root, root, &mut found);
    found
}

/// The lines outside of code blocks, each with its number, code within a line blanked out.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fence: Option<&str> = None;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let marker = ["```", "~~~"].into_iter().find(|marker| start.starts_with(marker));
        match (fence, marker) {
            (None, Some(marker)) => fence = Some(marker),
            (Some(open), Some(marker)) if open == marker => fence = None,
            (None, None) => lines.push((number + 1, line.to_string())),
            _ => {}
        }
    }
    lines
}

/// Without what stands between backticks, which may look like a link.
fn without_code(line: &str) -> String {
    line.split('`').enumerate().filter(|(at, _)| at % 2 == 0).map(|(_, part)| part).collect::<Vec<_>>().join("``")
}

/// The targets of a line: `[text](target)`, and `[name]: target` at its start.
fn targets(line: &str) -> Vec<String> {
    let line = without_code(line);
    let mut found = Vec::new();
    let mut rest = &line[..];
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let end = rest.find(')').unwrap_or(rest.len());
        found.extend(rest[..end].split_whitespace().next().map(ToOwned::to_owned));
        rest = &rest[end..];
    }
    if let Some((name, target)) = line.split_once("]: ")
        && name.starts_with('[')
        && !name.contains(' ')
    {
        found.extend(target.split_whitespace().next().map(|target| target.trim_matches(['<', '>']).to_owned()));
    }
    found
}

/// The anchors of a page, as GitHub makes them of its headings: lower case, words joined by `-`, everything else left
/// out, and a number behind those that are not the first.
fn anchors(text: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for (_, line) in prose(text) {
        let heading = line.trim_start_matches('#');
        let level = line.len() - heading.len();
        if level == 0 || level > 6 || !heading.starts_with(' ') {
            continue;
        }
        let mut anchor = String::new();
        for c in heading.trim().to_lowercase().chars() {
            match c {
                ' ' => anchor.push('-'),
                '-' | '_' => anchor.push(c),
                c if c.is_alphanumeric() => anchor.push(c),
                _ => {}
            }
        }
        let before = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if before == 0 { anchor } else { format!("{anchor}-{before}") });
    }
    anchors
}

/// The path with `..` taken back; `None` where it leaves the root.
fn resolve(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => resolved.push(part),
            Component::ParentDir if !resolved.pop() => return None,
            Component::ParentDir => {}
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

/// What is wrong with a target that stands in `page`.
fn fault(
    page: &Path,
    target: &str,
    pages: &BTreeMap<PathBuf, String>,
    exists: &dyn Fn(&Path) -> bool,
) -> Option<String> {
    if ["https://", "http://", "mailto:"].iter().any(|scheme| target.starts_with(scheme)) {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => page.to_owned(),
        file => match resolve(&page.parent().unwrap_or(Path::new("")).join(file)) {
            Some(path) => path,
            None => return Some("leaves the repository".into()),
        },
    };
    if !exists(&path) {
        return Some("there is no such file".into());
    }
    // A heading can be looked for in pages only.
    let known = pages.get(&path).is_none_or(|text| anchors(text).iter().any(|known| known == anchor));
    (!anchor.is_empty() && !known).then(|| format!("there is no heading #{anchor} there"))
}

fn faults(pages: &BTreeMap<PathBuf, String>, exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    for (page, text) in pages {
        for (number, line) in prose(text) {
            for target in targets(&line) {
                if let Some(fault) = fault(page, &target, pages, exists) {
                    faults.push(format!("{}:{number}: {target}: {fault}", page.display()));
                }
            }
        }
    }
    faults
}

#[test]
fn all_links_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = pages(root);
    assert!(pages.contains_key(Path::new("README.md")) && pages.len() > 10, "{:?}", pages.keys());
    let faults = faults(&pages, &|path| root.join(path).exists());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

mod of_links {
    use super::*;

    const README: &str = "# A page\n\n[one](docs/one.md#a-heading-with-code) [`x`](docs/one.md)\n";
    const ONE: &str =
        "# One\n\n## A heading, with `code`!\n\n```text\n[no](link)\n```\n\n[back](../README.md) [up](#one)\n";

    fn check(readme: &str, one: &str) -> Vec<String> {
        let pages: BTreeMap<_, _> =
            [("README.md", readme), ("docs/one.md", one)].map(|(path, text)| (path.into(), text.into())).into();
        faults(&pages, &|path| pages.contains_key(path))
    }

    #[test]
    fn good_ones_hold() {
        assert_eq!(check(README, ONE), Vec::<String>::new());
        assert_eq!(check("[out](https://example.com/none) `[code](none)`\n", ONE), Vec::<String>::new());
        assert_eq!(check(README, &format!("{ONE}\n[named]: ../README.md\n")), Vec::<String>::new());
    }

    #[test]
    fn broken_ones_are_found() {
        for (broken, why) in [
            ("[gone](docs/two.md)", "README.md:1: docs/two.md: there is no such file"),
            ("[gone](docs/one.md#two)", "README.md:1: docs/one.md#two: there is no heading #two there"),
            ("[gone](#two)", "README.md:1: #two: there is no heading #two there"),
            ("[out](../other)", "README.md:1: ../other: leaves the repository"),
            ("[gone]: docs/two.md", "README.md:1: docs/two.md: there is no such file"),
            ("[a](docs/one.md) [gone](two.md)", "README.md:1: two.md: there is no such file"),
        ] {
            assert_eq!(check(broken, ONE), [why]);
        }
    }

    #[test]
    fn headings_of_the_same_words_are_numbered() {
        assert_eq!(anchors("# A b\n## A b\n### `a_b`: C\n"), ["a-b", "a-b-1", "a_b-c"]);
    }
}
