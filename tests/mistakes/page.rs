//! `docs/mistakes.md` holds a section for each mistake: its printed lines, which come from here, and what a person wrote
//! about its cause and its remedy.

use crate::{Line, Mistake, mistakes};
use std::fs;
use std::path::Path;

/// A section of the page, from its heading to the next.
struct Section<'a> {
    name: &'a str,
    printed: &'a str,
    prose: &'a str,
}

const FENCE: &str = "```text\n";

/// The sections of third level, which are mistakes.
fn sections(page: &str) -> Vec<Section<'_>> {
    page.split("\n### ")
        .skip(1)
        .map(|section| {
            let (name, rest) = section.split_once('\n').unwrap_or((section, ""));
            let (printed, prose) = match rest.split_once(FENCE).and_then(|(_, rest)| rest.split_once("```\n")) {
                Some((printed, prose)) => (printed, prose),
                None => ("", rest),
            };
            Section { name, printed, prose: prose.split("\n## ").next().unwrap_or_default() }
        })
        .collect()
}

/// The lines, with the place of each in front.
fn block(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}: {}\n", line.at, line.text)).collect()
}

/// What is wrong with the page.
fn faults(page: &str, printed: &[(&str, String)]) -> Vec<String> {
    let sections = sections(page);
    let mut faults = Vec::new();
    for (name, expected) in printed {
        match sections.iter().filter(|section| section.name == *name).collect::<Vec<_>>()[..] {
            [section] if section.printed != expected => {
                faults.push(format!("{name}: the page shows\n{}and what is printed is\n{expected}", section.printed));
            }
            [section] => {
                for word in ["Cause: ", "Remedy: "] {
                    if !section.prose.contains(word) {
                        faults.push(format!("{name} has no \"{word}\""));
                    }
                }
            }
            _ => faults.push(format!("{name} has not one section, but {}", sections.len())),
        }
    }
    for section in sections {
        if !printed.iter().any(|(name, _)| section.name == *name) {
            faults.push(format!("{} is no mistake that is tested", section.name));
        }
    }
    faults
}

/// The page with the printed lines of now. A mistake without a section is added behind the last, to be written about.
fn blessed(page: &str, printed: &[(&str, String)]) -> String {
    let mut page = page.to_string();
    for (name, lines) in printed {
        let heading = format!("\n### {name}\n");
        let fresh = format!("{heading}\n{FENCE}{lines}```\n");
        match page.find(&heading) {
            Some(at) => {
                let end = page[at..].find("\n```\n").map_or(page.len(), |end| at + end + 5);
                page.replace_range(at..end, &fresh);
            }
            None => page += &fresh,
        }
    }
    page
}

#[test]
fn the_page_shows_what_is_printed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/mistakes.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let all: Vec<Mistake> = mistakes();
    let printed: Vec<_> = all.iter().map(|mistake| (mistake.name, block(&(mistake.make)()))).collect();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, blessed(&page, &printed)).unwrap();
        return;
    }
    let faults = faults(&page, &printed);
    assert!(faults.is_empty(), "{}\nBLESS=1 writes the printed lines", faults.join("\n"));
}

mod of_the_page {
    use super::*;

    const PAGE: &str = "# Page\n\n## Part\n\n### One\n\n```text\nclient: a\n```\n\nCause: it.\nRemedy: none.\n";

    fn printed(text: &str) -> Vec<(&'static str, String)> {
        vec![("One", format!("client: {text}\n"))]
    }

    #[test]
    fn what_is_behind_is_found() {
        assert_eq!(faults(PAGE, &printed("a")), Vec::<String>::new());
        assert_eq!(faults(PAGE, &printed("b")).len(), 1);
        assert_eq!(faults(PAGE, &[]).len(), 1, "a section too many");
        assert_eq!(faults("# Page\n", &printed("a")).len(), 1, "a section too few");
        assert_eq!(faults(&PAGE.replace("Remedy", "And"), &printed("a")).len(), 1, "nothing to do about it");
    }

    #[test]
    fn blessing_changes_what_is_printed_and_nothing_else() {
        assert_eq!(blessed(PAGE, &printed("a")), PAGE);
        let new = blessed(PAGE, &printed("b"));
        assert_eq!(new, PAGE.replace("client: a", "client: b"));
        assert_eq!(faults(&new, &printed("b")), Vec::<String>::new());
        assert!(blessed("# Page\n", &printed("c")).ends_with("\n### One\n\n```text\nclient: c\n```\n"));
    }
}
