//! The tests that are in the sources, for the pages that name them.

use std::fs;
use std::path::Path;

/// A function with a test attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Test {
    pub(crate) name: String,
    /// The doc comment before it.
    pub(crate) comment: String,
    /// It is in a `proptest!` block.
    pub(crate) property: bool,
}

/// The tests of a source file.
pub(crate) fn tests_of(source: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut comment, mut is_test, mut block) = (String::new(), false, None);
    for text in source.lines() {
        let line = text.trim_start();
        let indent = text.len() - line.len();
        let function = line.strip_prefix("fn ").or_else(|| line.strip_prefix("async fn "));
        if let Some(text) = line.strip_prefix("///") {
            comment += text;
        } else if line.starts_with("#[") {
            is_test |= line == "#[test]" || line.starts_with("#[tokio::test");
        } else {
            if line == "proptest! {" {
                block = Some(indent);
            } else if line == "}" && block == Some(indent) {
                block = None;
            }
            if let Some(function) = function.filter(|_| is_test) {
                let name = function.split(['(', '<']).next().unwrap().to_string();
                tests.push(Test { name, comment: std::mem::take(&mut comment), property: block.is_some() });
            }
            (comment, is_test) = (String::new(), false);
        }
    }
    tests
}

/// Calls `each` with every source file under a folder.
pub(crate) fn each_source(folder: &Path, each: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            each_source(&path, each);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            each(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}

/// All tests of the repository's root package, and of its packages below `tests`.
#[allow(dead_code, reason = "the page of the clauses looks at the files themselves")]
pub(crate) fn all_tests() -> Vec<Test> {
    let (root, mut tests) = (Path::new(env!("CARGO_MANIFEST_DIR")), Vec::new());
    for folder in ["src", "tests"] {
        each_source(&root.join(folder), &mut |_, source| tests.extend(tests_of(source)));
    }
    tests
}

#[test]
fn only_tests_are_found() {
    let source = "/// Helps.\nfn helper() {}\n/// One,\n/// two.\n#[test]\nfn it() {}\n\n/// No.\n\n#[cfg(test)]\nfn no() {}\n\
        proptest! {\n    /// Any.\n    #[test]\n    fn any(a: u8) {\n    }\n}\n#[tokio::test]\nasync fn later() {}\n";
    let test = |name: &str, comment: &str, property| Test { name: name.into(), comment: comment.into(), property };
    let expected = [test("it", " One, two.", false), test("any", " Any.", true), test("later", "", false)];
    assert_eq!(tests_of(source), expected);
}
