//! The header lists.

use crate::request::{AUTHORIZATION, PATH, RequestId};

/// A field: name, value, and whether no table may take it.
pub type Field = (Vec<u8>, Vec<u8>, bool);
pub type List = Vec<Field>;

/// Lists that are taken in turn: so many that no value of a unique field comes back while an encoder remembers it.
const LISTS: usize = 4_096;

/// Lists of one kind, for encoders and, encoded, for decoders.
pub trait Lists {
    /// What comes once, before the first list.
    fn first() -> Vec<List> {
        Vec::new()
    }

    fn lists() -> Vec<List>;
}

fn list(fields: &[(&str, &str)]) -> List {
    fields.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec(), false)).collect()
}

fn request(path: &str, timeout: &str, id: &str) -> List {
    list(&[
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost:50051"),
        ("grpc-timeout", timeout),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-sansio/0.1"),
        ("authorization", AUTHORIZATION),
        ("x-request-id", id),
    ])
}

fn requests() -> Vec<List> {
    let mut id = RequestId::new();
    (0..LISTS).map(|_| request(PATH, "1S", id.next())).collect()
}

/// The request of every figure: ten fields, the last one unique per call.
pub struct Request;

impl Lists for Request {
    fn lists() -> Vec<List> {
        requests()
    }
}

/// The same request again, its id too.
pub struct RequestRepeated;

impl Lists for RequestRepeated {
    fn lists() -> Vec<List> {
        vec![requests().swap_remove(0); 64]
    }
}

/// Two methods in turn, and a timeout that differs from call to call.
pub struct TwoMethods;

impl Lists for TwoMethods {
    fn lists() -> Vec<List> {
        let mut id = RequestId::new();
        let path = |call: usize| if call.is_multiple_of(2) { PATH } else { "/helloworld.Greeter/SayHelloAgain" };
        (0..LISTS).map(|call| request(path(call), &format!("{}m", 100 + call * 7 % 900), id.next())).collect()
    }
}

/// Requests after the tables were filled with names that never come back.
pub struct Full;

impl Lists for Full {
    fn first() -> Vec<List> {
        let filler = |count: usize| list(&[(&format!("x-filler-{count}"), "filler")]);
        (0..120).map(filler).collect()
    }

    fn lists() -> Vec<List> {
        requests()
    }
}

pub struct Response;

impl Lists for Response {
    fn lists() -> Vec<List> {
        vec![list(&[(":status", "200"), ("content-type", "application/grpc")]); 64]
    }
}

pub struct Trailers;

impl Lists for Trailers {
    fn lists() -> Vec<List> {
        vec![list(&[("grpc-status", "0")]); 64]
    }
}

/// Lists of a story that count.
const STORY: usize = 200;

fn story(text: &str) -> Vec<List> {
    let field = |line: &str| {
        let (name, value) = line.split_once('\t').expect("a name, a tab, a value");
        (name.as_bytes().to_vec(), value.as_bytes().to_vec(), false)
    };
    let lists = text.split("\n\n").filter(|list| !list.trim().is_empty());
    lists.take(STORY).map(|list| list.trim_start().lines().map(field).collect()).collect()
}

/// Requests of a browser: `tests/data/hpack-bench`, the first 200 lists, again and again.
pub struct Story20;

impl Lists for Story20 {
    fn lists() -> Vec<List> {
        story(include_str!("../../../tests/data/hpack-bench/story_20.tsv"))
    }
}

/// Responses to a browser, likewise.
pub struct Story21;

impl Lists for Story21 {
    fn lists() -> Vec<List> {
        story(include_str!("../../../tests/data/hpack-bench/story_21.tsv"))
    }
}

/// One field that no table takes, its name in the static table: its value is all there is to do.
fn value(value: &[u8]) -> List {
    vec![(b"cookie".to_vec(), value.to_vec(), true)]
}

/// 1,024 octets of values of a browser's fields.
pub struct Huffman1K;

impl Lists for Huffman1K {
    fn lists() -> Vec<List> {
        let values = Story20::lists().into_iter().flatten().map(|(_, value, _)| value);
        let text: Vec<u8> = values.collect::<Vec<_>>().concat();
        text.chunks_exact(1_024).take(16).map(value).collect()
    }
}

/// 16 hexadecimal digits.
pub struct Huffman16;

impl Lists for Huffman16 {
    fn lists() -> Vec<List> {
        let mut id = RequestId::new();
        (0..64).map(|_| value(id.next().as_bytes())).collect()
    }
}
