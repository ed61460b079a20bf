//! Mistakes that people make, each made over the real interface, and the answer that is printed. `docs/mistakes.md` shows
//! the answers: `BLESS=1 cargo test --all-features --test mistakes` writes them there.
#![cfg(all(feature = "testing", feature = "tokio", feature = "mio", feature = "tls", feature = "gzip"))]

#[path = "mistakes/answers.rs"]
mod answers;
#[path = "tls/authority.rs"]
mod authority;
#[path = "mistakes/connecting.rs"]
mod connecting;
#[path = "mistakes/ending.rs"]
mod ending;
#[path = "mistakes/handlers.rs"]
mod handlers;
#[path = "mistakes/page.rs"]
mod page;
#[path = "calls/raw.rs"]
mod raw;
#[path = "mistakes/requests.rs"]
mod requests;
#[path = "mistakes/tls.rs"]
mod tls;
#[path = "mistakes/verbs.rs"]
mod verbs;

use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{CallId, Client, ClientConfig, Connection, Item, Origin, Retry};
use std::future::Future;

const UNARY: Method = Method::from_static("/test.Service/Unary", Kind::Unary);
const DOWNLOAD: Method = Method::from_static("/test.Service/Download", Kind::ServerStreaming);
const BIDI: Method = Method::from_static("/test.Service/Bidi", Kind::BidiStreaming);

/// One mistake.
#[derive(Clone, Copy)]
struct Mistake {
    /// Its heading on the page.
    name: &'static str,
    /// Makes it.
    make: fn() -> Vec<Line>,
    /// The layer that answers: what a line says first, behind the code of a status and the side that made it.
    layer: &'static str,
    /// What names the cause, and the clause or limit.
    names: &'static [&'static str],
    /// Whether to try again, where somebody could.
    retry: Option<Retry>,
}

/// What is printed, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    at: &'static str,
    text: String,
}

/// Printed by whoever calls.
const CLIENT: &str = "client";
/// Printed by the server, of a connection or in a handler: nobody could try again there.
const SERVER: &str = "server";
/// Given back by the verb that was misused.
const PROGRAM: &str = "program";

fn line(at: &'static str, text: impl ToString) -> Line {
    Line { at, text: text.to_string() }
}

fn error<T>(at: &'static str, result: Result<T, impl ToString>) -> Line {
    match result {
        Ok(_) => panic!("it worked"),
        Err(error) => line(at, error),
    }
}

/// Reads a client's call to its end.
fn outcome(connection: &mut Connection<Client>, id: CallId) -> Line {
    let mut call = connection.call(id).expect("a call");
    loop {
        if let Item::End(outcome) = call.read().expect("its end has come") {
            let text = outcome.status().to_string();
            if outcome.origin() != Origin::Peer {
                assert!(text.ends_with(&format!("; retry: {}", outcome.retry())), "{text}: {:?}", outcome.retry());
            }
            assert!(!outcome.unprocessed() || outcome.retry() != Retry::IfIdempotent, "{text}");
            return line(CLIENT, text);
        }
    }
}

fn config() -> ClientConfig {
    ClientConfig::builder("localhost").build().unwrap()
}

/// Runs on a tokio whose clock stands still until everybody waits for it.
fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(future)
}

/// All of them, in the order of the page.
fn mistakes() -> Vec<Mistake> {
    [
        connecting::MISTAKES,
        tls::MISTAKES,
        answers::MISTAKES,
        ending::MISTAKES,
        requests::MISTAKES,
        handlers::MISTAKES,
        verbs::MISTAKES,
    ]
    .concat()
}

/// Each answer names its layer, the cause with its clause or limit, and whether to try again.
#[test]
fn every_answer_explains_itself() {
    let all = mistakes();
    assert!(all.len() >= 30, "{} mistakes", all.len());
    let mut faults = Vec::new();
    for mistake in &all {
        // Shown where one of them panics.
        println!("{}", mistake.name);
        let lines = (mistake.make)();
        for Line { at, text } in &lines {
            let advised = ["safe", "only if idempotent", "useless"].iter().any(|retry| {
                let advice = format!("; retry: {retry}");
                text.ends_with(&advice) && text.matches("; retry: ").count() == 1
            });
            if !advised && *at != SERVER {
                faults.push(format!("{}: whether to try again is not said, or twice: {text}", mistake.name));
            }
            if text.contains('\n') {
                faults.push(format!("{}: more than one line: {text:?}", mistake.name));
            }
        }
        let says = |word: &str| lines.iter().any(|line| line.text.contains(word));
        let layer = format!("{}: ", mistake.layer);
        let retry = mistake.retry.map(|retry| format!("; retry: {retry}"));
        for word in mistake.names.iter().copied().chain([&layer[..]]).chain(retry.as_deref()) {
            if !says(word) {
                faults.push(format!("{}: nobody says {word:?}: {lines:?}", mistake.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
