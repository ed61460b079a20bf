//! The stories of hpack-test-case: recorded header lists, as five other encoders wrote them.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use grpc_sansio::hpack::{Encoder, Field};
use serde_json::Value;

use crate::support::{Pair, decode, decoder, hex, pairs};

/// One header list of a story.
struct Case {
    /// SETTINGS_HEADER_TABLE_SIZE, sent and acknowledged just before.
    table_size: Option<u32>,
    wire: Option<Vec<u8>>,
    fields: Vec<Pair>,
}

fn read_story(path: &PathBuf) -> Vec<Case> {
    let story: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let read = |case: &Value| Case {
        table_size: case["header_table_size"].as_u64().map(|size| size as u32),
        wire: case["wire"].as_str().map(hex),
        fields: case["headers"].as_array().unwrap().iter().map(read_field).collect(),
    };
    story["cases"].as_array().unwrap().iter().map(read).collect()
}

fn read_field(field: &Value) -> Pair {
    let (name, value) = field.as_object().unwrap().iter().next().unwrap();
    (name.clone().into_bytes(), value.as_str().unwrap().into())
}

/// The stories in a folder, in order.
fn stories(folder: &str) -> Vec<Vec<Case>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/hpack-test-case").join(folder);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(read_story).collect()
}

fn decode_all(folder: &str, expected_stories: usize) {
    let stories = stories(folder);
    assert_eq!(stories.len(), expected_stories);
    for story in &stories {
        let mut decoder = decoder();
        for case in story {
            if let Some(size) = case.table_size {
                decoder.set_max_table_size(size);
            }
            let block = decode(&mut decoder, case.wire.as_ref().unwrap()).unwrap();
            assert_eq!(pairs(&block), case.fields);
        }
    }
}

#[test]
fn stories_of_nghttp2_decode_exactly() {
    decode_all("nghttp2", 32);
}

#[test]
fn stories_of_nghttp2_with_changing_tables_decode_exactly() {
    decode_all("nghttp2-change-table-size", 23);
}

#[test]
fn stories_of_nghttp2_with_a_larger_table_decode_exactly() {
    decode_all("nghttp2-16384-4096", 22);
}

#[test]
fn stories_of_go_decode_exactly() {
    decode_all("go-hpack", 21);
}

#[test]
fn stories_of_node_decode_exactly() {
    decode_all("node-http2-hpack", 21);
}

fn encode(encoder: &mut Encoder, fields: &[Pair]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(fields.iter().map(|(name, value)| Field::new(name, value)), &mut out);
    out
}

/// Our encoder to our decoder: every list comes back, the tables stay equal, and the lists shrink.
#[test]
fn stories_survive_our_encoder_and_decoder() {
    let (mut plain, mut coded) = (0, 0);
    for story in &stories("raw-data") {
        let (mut encoder, mut decoder) = (Encoder::new(4096, 9), decoder());
        for case in story {
            let wire = encode(&mut encoder, &case.fields);
            assert_eq!(pairs(&decode(&mut decoder, &wire).unwrap()), case.fields);
            assert_eq!(decoder.table_size(), encoder.table_size());
            plain += case.fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>();
            coded += wire.len();
        }
    }
    assert!(coded * 2 < plain, "{coded} of {plain} octets");
}

/// Our encoder to decoders of other makes. They rebuild their Huffman tables for each string, so a few stories do.
#[test]
fn stories_from_our_encoder_are_read_by_others() {
    for story in stories("raw-data").iter().step_by(7) {
        let mut encoder = Encoder::new(4096, 9);
        let (mut old, mut fork) = (hpack::Decoder::new(), loona_hpack::Decoder::new());
        for case in story.iter().take(12) {
            let wire = encode(&mut encoder, &case.fields);
            // That decoder panics on some inputs, by its own faults.
            let by_old = catch_unwind(AssertUnwindSafe(|| old.decode(&wire))).unwrap().unwrap();
            assert_eq!(by_old, case.fields);
            assert_eq!(fork.decode(&wire).unwrap(), case.fields);
        }
    }
}
