//! The shape of the source, read from its text: which layer may use which, and what no file of the crate may hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What each module of the crate may use, itself apart. A new module gets a line here before it gets an edge.
///
/// At the bottom `time` and `buffer`, then `hpack`, `frame`, `http2`; `grpc` stands beside them and knows nothing of
/// HTTP/2; `call` joins the two, and `connection` is the face of it all.
const LAYERS: &[(&str, &[&str])] = &[
    ("time", &[]),
    // the pool of a connection keeps field blocks
    ("buffer", &["hpack"]),
    ("octets", &[]),
    ("record", &[]),
    ("jitter", &[]),
    ("backoff", &["time", "jitter"]),
    ("hpack", &["octets", "record"]),
    ("frame", &[]),
    ("http2", &["octets", "time", "buffer", "hpack", "frame"]),
    ("grpc", &["octets", "record"]),
    ("codec", &["grpc"]),
    ("services", &["grpc"]),
    ("error", &["grpc", "http2", "frame"]),
    ("event", &["http2"]),
    ("options", &["time", "grpc"]),
    // what passes the door, for those who watch
    ("observe", &["time", "buffer", "hpack", "frame", "http2", "grpc", "error", "event", "options"]),
    // a config knows who is to watch
    ("config", &["time", "buffer", "hpack", "frame", "http2", "grpc", "error", "observe"]),
    (
        "call",
        &[
            "time", "jitter", "buffer", "hpack", "frame", "http2", "grpc", "config", "error", "event", "options",
            "observe",
        ],
    ),
    (
        "connection",
        &[
            "time", "buffer", "hpack", "frame", "http2", "grpc", "config", "error", "event", "options", "observe",
            "call",
        ],
    ),
    ("event_log", EVERYTHING),
    ("spans", EVERYTHING),
    ("metrics", EVERYTHING),
    // programs
    ("bin", EVERYTHING),
    // what stands between calls and their application, on any driver
    ("intercept", &["time", "grpc", "error", "event", "options", "call", "connection"]),
    // a peer of its own towards the transport, and a client towards the engine
    ("web", &["time", "buffer", "hpack", "frame", "http2", "grpc", "config", "call", "connection"]),
    ("testing", EVERYTHING),
    ("adapter", EVERYTHING),
    // typed messages, above the facade and the adapters; nothing but generated code is above them
    ("stub", &["time", "grpc", "config", "error", "event", "options", "call", "connection", "intercept", "adapter"]),
    // a program of its own, which runs in builds
    ("codegen", &["grpc"]),
];

const EVERYTHING: &[&str] = &["*"];

/// Lines of a file, its tests and tables apart.
const MOST_LINES: usize = 600;

/// Where time may be asked for, and locks are held. The core is told, and has none.
const MAY_ASK_THE_SYSTEM: &[&str] = &[
    "time.rs",
    "adapter/",
    "adapter.rs",
    "bin/",
    "codec/pool.rs",
    "event_log/replay.rs",
    "intercept/log.rs",
    "stub/tokio/",
    "stub/blocking/",
    "codegen/",
];

/// What the core never asks the system for.
const AMBIENT: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "std::thread",
    "std::sync",
    "std::net",
    "std::fs",
    "std::env",
    "RandomState",
    "rand::",
];

/// A file of the crate: its path below `src`, with `/`, and its text.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The top module of the file: `http2` for `http2/reader.rs`.
    fn module(&self) -> &str {
        let top = self.path.split('/').next().unwrap_or_default();
        top.strip_suffix(".rs").unwrap_or(top)
    }

    /// How many `super::` it takes from the file to the root of the crate.
    fn depth(&self) -> usize {
        self.path.trim_end_matches("/mod.rs").split('/').count()
    }

    fn is_table(&self) -> bool {
        self.path.contains("table")
    }

    /// The text without comments and without its `#[cfg(test)] mod`, line for line.
    fn code(&self) -> Vec<&str> {
        let mut code = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if line == "#[cfg(test)]" {
                // up to the brace that closes the module or item, which rustfmt puts in the first column
                let item = lines.next().unwrap_or_default();
                if !item.ends_with(';') && !item.ends_with('}') {
                    lines.by_ref().find(|line| line.starts_with('}'));
                }
                continue;
            }
            code.push(line.split("//").next().unwrap_or_default());
        }
        code
    }
}

/// All files of the crate, in order.
fn sources() -> Vec<Source> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).expect("a readable folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                walk(&entry, root, found);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let path = entry.strip_prefix(root).expect("below src").to_string_lossy().replace('\\', "/");
                found.push(Source { path, text: fs::read_to_string(&entry).expect("text") });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    assert!(found.len() > 50, "{} files are not the crate", found.len());
    found
}

/// Where the names come from that the root of the crate gives out: `WriteBuf` is `buffer`'s.
fn exports(root: &Source) -> BTreeMap<String, String> {
    let text = root.code().join(" ");
    let mut exports = BTreeMap::new();
    for statement in text.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
        let Some((module, names)) = statement.split_once("::") else { continue };
        for name in words(names) {
            exports.insert(name.to_owned(), module.trim().to_owned());
        }
    }
    exports
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The modules of the crate that a file uses: `crate::x`, `crate::{x, y::z}`, and `super` up to the root.
fn uses(source: &Source, exports: &BTreeMap<String, String>) -> Vec<String> {
    let text = source.code().join("\n");
    let to_root = "super::".repeat(source.depth());
    let mut names = Vec::new();
    for start in ["crate::", &to_root] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                continue; // `xcrate::`, or in the middle of a longer `super::super::`
            }
            let rest = &text[at + start.len()..];
            match rest.strip_prefix('{') {
                Some(group) => names.extend(heads(group)),
                None => names.extend(words(rest).next().map(str::to_owned)),
            }
        }
    }
    names.into_iter().map(|name| exports.get(&name).cloned().unwrap_or(name)).collect()
}

/// The first word of each item of a group, which ends at its brace.
fn heads(group: &str) -> Vec<String> {
    let (mut depth, mut item, mut heads) = (0, String::new(), Vec::new());
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut item)),
            _ if depth == 0 => item.push(c),
            _ => {}
        }
    }
    heads.push(item);
    heads.iter().filter_map(|item| words(item).next()).map(str::to_owned).collect()
}

/// Edges that no layer may have, as `file: uses x`.
fn upward_edges(sources: &[Source], exports: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources.iter().filter(|source| source.path != "lib.rs") {
        let module = source.module();
        let Some((_, may_use)) = LAYERS.iter().find(|(name, _)| *name == module) else {
            found.push(format!("{}: `{module}` has no line in LAYERS", source.path));
            continue;
        };
        for used in uses(source, exports) {
            if used != module && !may_use.contains(&used.as_str()) && *may_use != EVERYTHING {
                found.push(format!("{}: {module} must not use {used}", source.path));
            }
        }
    }
    found
}

/// Lines of code that hold one of `words`, as `file: word`.
fn holding<'a>(sources: impl IntoIterator<Item = &'a Source>, forbidden: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for line in source.code() {
            for word in forbidden {
                if line.match_indices(word).any(|(at, _)| stands_alone(line, at, word)) {
                    found.push(format!("{}: {}", source.path, line.trim()));
                }
            }
        }
    }
    found
}

/// Whether a word is not a part of a longer one, as `unsafe` is of `unsafe_code`.
fn stands_alone(line: &str, at: usize, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let starts_inside = part(line[..at].chars().next_back());
    let goes_on = word.ends_with(char::is_alphanumeric) && part(line[at + word.len()..].chars().next());
    !starts_inside && !goes_on
}

fn too_long(sources: &[Source]) -> Vec<String> {
    let long = sources.iter().filter(|source| !source.is_table() && source.code().len() > MOST_LINES);
    long.map(|source| format!("{}: {} lines", source.path, source.code().len())).collect()
}

fn asks_the_system(sources: &[Source]) -> Vec<String> {
    let core = |source: &&Source| !MAY_ASK_THE_SYSTEM.iter().any(|place| source.path.starts_with(place));
    holding(sources.iter().filter(core), AMBIENT)
}

fn nothing(found: Vec<String>) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn layers_use_only_what_is_below_them() {
    let sources = sources();
    let root = sources.iter().find(|source| source.path == "lib.rs").expect("a root");
    nothing(upward_edges(&sources, &exports(root)));
}

/// Every verb that may change something passes the door by its name, and so is in the event log: what can be called on
/// `&mut` or a whole [`Connection`] or [`Call`] names a `Verb`, or is one of these.
///
/// The compiler holds the rest: the engine is private to the door, and whoever watches matches on all verbs.
#[test]
fn every_verb_passes_the_door() {
    // `call` changes nothing, and `read_into` is a `read`.
    let pass_on = ["call", "read_into"];
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| ["connection.rs", "call/handle.rs"].contains(&source.path.as_str()))
    {
        found.extend(past_the_door(source).into_iter().filter(|name| !pass_on.contains(&name.as_str())));
    }
    nothing(found);
    let door = sources().into_iter().find(|source| source.path == "call/door.rs").expect("a door");
    nothing(holding([&door], &["pub engine", "pub(crate) engine", "pub(super) engine"]));
}

/// The public functions of a file that take `&mut self` or `self` and name no `Verb`.
fn past_the_door(source: &Source) -> Vec<String> {
    let code = source.code().join("\n");
    let mut found = Vec::new();
    for body in code.split("\n    pub fn ").skip(1) {
        let (head, body) = body.split_once("{\n").expect("a body");
        let body = body.split("\n    }").next().unwrap_or_default();
        let takes = head.contains("&mut self") || head.contains("(mut self") || head.contains("(self");
        let copies = body.trim() == "self.id";
        // What is done for those who watch stands apart, where it is spelled out.
        let told = ["Verb::", "self.door.send(", "_watched(self.door"].iter().any(|word| body.contains(word));
        if takes && !copies && !told {
            found.extend(words(head).next().map(str::to_owned));
        }
    }
    found
}

#[test]
fn there_is_no_unsafe() {
    nothing(holding(&sources(), &["unsafe"]));
}

#[test]
fn nothing_is_left_to_do() {
    nothing(holding(&sources(), &["todo!", "unimplemented!"]));
}

#[test]
fn a_file_says_what_it_takes_from_its_parent() {
    nothing(holding(&sources(), &["super::*"]));
}

#[test]
fn no_file_is_too_long() {
    nothing(too_long(&sources()));
}

#[test]
fn the_core_asks_for_no_time_no_chance_and_no_thread() {
    nothing(asks_the_system(&sources()));
}

/// The finders find: without this they would be green on anything.
mod finders {
    use super::*;

    fn edges(path: &str, text: &str) -> Vec<String> {
        let root = Source::new("lib.rs", "pub use buffer::WriteBuf;\npub use connection::{\n    Connection,\n};\n");
        upward_edges(&[Source::new(path, text)], &exports(&root))
    }

    #[test]
    fn an_upward_edge_is_found_however_it_is_spelled() {
        for (path, text) in [
            ("frame/head.rs", "use crate::http2::Config;"),
            ("frame/mod.rs", "fn f() -> crate::call::Engine {}"),
            ("hpack/decoder.rs", "pub(crate) use crate::{\n    frame::Head,\n};"),
            ("grpc/status.rs", "use crate::{grpc::Code, http2::{Step, Part}};"),
            ("http2/reader.rs", "use super::super::call::State;"),
            ("hpack/encoder/index.rs", "use super::super::super::time::Instant;"),
            ("time.rs", "use super::buffer;"),
            ("call/handle.rs", "use crate::Connection;"),
            ("buffer/mod.rs", "use crate::adapter::Driver;"),
            ("connection.rs", "use crate::testing::Pair;"),
            ("mystery.rs", ""),
        ] {
            assert_eq!(edges(path, text).len(), 1, "{path}: {text}");
        }
    }

    #[test]
    fn a_downward_edge_a_comment_and_a_test_are_let_be() {
        for (path, text) in [
            ("http2/reader.rs", "use crate::frame::Head;\nuse super::config::Side;"),
            ("http2/reader.rs", "use crate::{WriteBuf, time::Instant};"),
            ("frame/mod.rs", "/// See [`Connection`](crate::Connection).\n//! crate::http2"),
            ("hpack/encoder/index.rs", "use super::super::field::Field;"),
            ("grpc/mod.rs", "#[cfg(test)]\nmod tests {\n    use crate::http2::Step;\n}\n"),
            ("testing/pair.rs", "use crate::{connection::Connection, http2};"),
        ] {
            assert_eq!(edges(path, text), [""; 0], "{path}: {text}");
        }
    }

    #[test]
    fn words_are_found_in_code_and_only_there() {
        let source =
            Source::new("x.rs", "#![forbid(unsafe_code)]\n// unsafe\nunsafe fn f() { todo!() }\nuse super::*;\n");
        let source = [source];
        assert_eq!(holding(&source, &["unsafe"]).len(), 1);
        assert_eq!(holding(&source, &["todo!", "super::*"]).len(), 2);
    }

    #[test]
    fn a_clock_in_the_core_is_found_and_one_in_an_adapter_is_not() {
        let text = "fn f() { std::time::Instant::now(); }";
        assert_eq!(asks_the_system(&[Source::new("http2/guard.rs", text)]).len(), 1);
        assert_eq!(asks_the_system(&[Source::new("adapter/tokio.rs", text), Source::new("time.rs", text)]).len(), 0);
    }

    #[test]
    fn a_verb_that_goes_past_the_door_is_found() {
        let text = "impl C {\n    pub fn tell(&mut self) {\n        self.x();\n    }\n\n    pub fn ask(&self) {\n    }\n\n    \
                    pub fn cancel(mut self) {\n        self.enter(|call| Verb::Cancel { call });\n    }\n}\n";
        assert_eq!(past_the_door(&Source::new("connection.rs", text)), ["tell"]);
    }

    #[test]
    fn a_long_file_is_found_and_its_tests_are_not_counted() {
        let long = "fn f() {}\n".repeat(MOST_LINES);
        let tests = "#[cfg(test)]\nmod tests {\n    fn g() {}\n}\n";
        assert_eq!(too_long(&[Source::new("a.rs", &format!("{long}{tests}"))]).len(), 0);
        assert_eq!(too_long(&[Source::new("a.rs", &format!("{tests}{long}\nfn f() {{}}\n"))]).len(), 1);
    }
}

/// Overflow is a failure in every build that tests, `--release` included: the reasoning in docs/design.md relies on it.
#[test]
fn arithmetic_is_checked() {
    let one = std::hint::black_box(1);
    assert!(std::panic::catch_unwind(|| u8::MAX + one).is_err());
}
