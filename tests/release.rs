//! What is said about the crate in several places is said alike, and what is packed is what the manifest means.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text of a key of the manifest, such as `"1.88"`; lists in one line.
fn value<'a>(manifest: &'a str, key: &str) -> &'a str {
    let line = manifest.lines().find(|line| line.split(" = ").next() == Some(key));
    line.unwrap_or_else(|| panic!("no {key}")).split_once(" = ").unwrap().1
}

fn list(manifest: &str, key: &str) -> Vec<String> {
    let value = value(manifest, key).trim_matches(['[', ']']);
    value.split(", ").map(|item| item.trim_matches('"').to_owned()).collect()
}

#[test]
fn the_oldest_rust_is_the_same_wherever_it_is_named() {
    let manifest = read("Cargo.toml");
    let oldest = value(&manifest, "rust-version").trim_matches('"');
    assert!(manifest.contains("incompatible_msrv = \"warn\""), "the lint that holds it");
    for page in ["README.md", "docs/releasing.md"] {
        let text = read(page);
        assert!(text.contains(oldest), "{page} does not say {oldest}");
    }
}

/// What crates.io and docs.rs ask for.
#[test]
fn the_manifest_says_what_registries_ask_for() {
    let manifest = read("Cargo.toml");
    for key in ["description", "license", "documentation", "readme", "version"] {
        assert!(value(&manifest, key).len() > 2, "{key}");
    }
    let (keywords, categories) = (list(&manifest, "keywords"), list(&manifest, "categories"));
    assert!((3..=5).contains(&keywords.len()), "{keywords:?}");
    assert!(keywords.iter().all(|word| word.len() <= 20 && word.is_ascii()), "{keywords:?}");
    assert!((1..=5).contains(&categories.len()), "{categories:?}");
    let docs = manifest.split("[package.metadata.docs.rs]").nth(1).expect("a section for docs.rs");
    assert!(docs.contains("all-features = true") && docs.contains("docsrs"), "{docs}");
}

/// Each feature has a line of its own that says what it is for.
#[test]
fn features_are_explained() {
    let manifest = read("Cargo.toml");
    let features = manifest.split("[features]").nth(1).unwrap().split("\n[").next().unwrap();
    let lines: Vec<&str> = features.lines().filter(|line| !line.is_empty()).collect();
    for pair in lines.windows(2) {
        let explained = pair[0].starts_with("## ") || pair[1].starts_with("## ") || pair[1].starts_with("default");
        assert!(explained, "{:?} has no `## ` in front", pair[1]);
    }
    let names = lines.iter().filter_map(|line| line.split_once(" = ")).filter(|(name, _)| *name != "default");
    assert!(names.count() > 10);
}

/// Tests, their data, benches and fuzzers stay at home; the sources, the examples and the pages go.
#[test]
fn what_is_packed_is_small() {
    let manifest = read("Cargo.toml");
    let include = list(&manifest, "include");
    for part in ["/src", "/proto", "/examples", "/docs/*.md", "/README.md", "/CHANGELOG.md", "/LICENSE-*"] {
        assert!(include.iter().any(|included| included == part), "{part} is not in {include:?}");
    }
    let left_out: Vec<&str> = include.iter().filter_map(|included| included.strip_prefix('!')).collect();
    fn walk(folder: &Path, left_out: &[&str], most: &mut (u64, String), sum: &mut u64) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            // A folder with a manifest of its own is a package of its own; what npm brought is nobody's source.
            if path.is_dir() && !path.join("Cargo.toml").exists() {
                if !left_out.iter().any(|name| path.ends_with(name)) {
                    walk(&path, left_out, most, sum);
                }
            } else if path.is_file() {
                let size = entry.metadata().unwrap().len();
                *sum += size;
                if size > most.0 {
                    *most = (size, path.display().to_string());
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut most, mut sum) = ((0, String::new()), 0);
    for folder in ["src", "proto", "examples"] {
        walk(&root.join(folder), &left_out, &mut most, &mut sum);
    }
    assert!(most.0 < 128 * 1024, "{most:?} is too long for a source file");
    assert!(sum < 4 << 20, "{sum} octets of sources");
}

/// The listing that `tests/api/run` writes, and CI compares: items, each once, and none that every type has.
#[test]
fn public_items_are_listed() {
    let listing = read("docs/public-api.txt");
    for item in [
        "pub struct grpc_sansio::Connection<R: grpc_sansio::Role>",
        "pub fn grpc_sansio::Connection<R>::receive(&mut self, grpc_sansio::time::Instant, &[u8])",
        "pub fn grpc_sansio::event_log::Mask::hide_texts(self) -> Self",
    ] {
        assert!(listing.lines().any(|line| line == item), "{item}");
    }
    for line in listing.lines() {
        let is_item = ["pub ", "impl", "#["].iter().any(|start| line.starts_with(start));
        let is_noise = ["impl<T> core::convert::Into", "core::marker::Send for", "::Clone for grpc_sansio"];
        assert!(is_item && !is_noise.iter().any(|noise| line.contains(noise)), "{line}");
    }
    assert!(!list(&read("Cargo.toml"), "include").iter().any(|included| included == "/docs"), "it would be packed");
}

/// A release has its lines in the changelog before it has its number.
#[test]
fn the_changelog_has_a_place_for_what_is_new() {
    let changelog = read("CHANGELOG.md");
    let version = read("Cargo.toml");
    let version = value(&version, "version").trim_matches('"').to_owned();
    let known = changelog.contains("## [Unreleased]") || changelog.contains(&format!("## [{version}]"));
    assert!(known, "neither Unreleased nor {version}");
    assert!(changelog.contains("keepachangelog.com") && changelog.contains("semver.org"));
}
