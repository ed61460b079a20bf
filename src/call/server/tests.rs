use super::{KnownRequests, Reading};
use crate::ServerConfig;
use crate::grpc::Codings;
use crate::hpack::{BlockLimits, Classifier, Decoder, Encoder, Field, FieldBlock};
use proptest::prelude::*;
use std::format;
use std::string::String;
use std::vec::Vec;

/// A field that a request may have at a place, by number: of those that say something, and of those that do not.
fn some_field(number: usize, unique: u32) -> (&'static str, String) {
    let (name, value) = [
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("content-type", "text/html"),
        ("grpc-timeout", "0n"),
        ("grpc-timeout", "soon"),
        ("grpc-encoding", "gzip"),
        ("grpc-accept-encoding", "gzip"),
        ("user-agent", "x"),
        ("content-length", "7"),
    ][number.min(8)];
    match number {
        ..9 => (name, value.into()),
        9..12 => ("grpc-timeout", format!("{}m", unique % 9_999)),
        12 => ("grpc-accept-encoding", format!("x{unique}")),
        _ => ("x-id", format!("{unique:x}")),
    }
}

proptest! {
    /// What is known of other requests says what the request says itself.
    #[test]
    fn what_is_known_of_requests_makes_no_difference(
        kinds in prop::collection::vec(prop::collection::vec(0..16usize, 0..6), 1..4),
        order in prop::collection::vec((0..4usize, prop::option::weighted(0.1, 0..16usize)), 0..200),
    ) {
        let gzip = Codings::new(["gzip"]).unwrap();
        let config = ServerConfig::builder().codings(gzip).build().unwrap();
        let limits = BlockLimits { max_list_size: 9_999, max_fields: 99, abuse_list_size: 9_999, abuse_fields: 99 };
        let (mut encoder, mut decoder) = (Encoder::new(4096, 1), Decoder::new(4096, Classifier::NONE));
        let (mut block, mut wire, mut known) = (FieldBlock::new(), Vec::new(), KnownRequests::default());
        for (unique, (kind, extra)) in (0..).zip(order) {
            let path = format!("/a.B/{}", kind % 2);
            let start = [(":method", "POST"), (":scheme", "http"), (":path", path.as_str()), (":authority", "a")];
            let others = kinds[kind % kinds.len()].iter().chain(&extra).map(|&number| some_field(number, unique));
            let fields = start.map(|(name, value)| (name, value.into())).into_iter().chain(others);
            let fields: Vec<(&str, String)> = fields.collect();
            wire.clear();
            encoder.encode(fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())), &mut wire);
            decoder.decode_over(&wire, &limits, &mut block).unwrap();
            let reading = Reading::new(&config.0, &block, false, false);
            match known.read(decoder.start(), &block) {
                Some(known) => prop_assert_eq!(Ok(known), reading),
                None => reading.into_iter().for_each(|reading| known.learn(reading, decoder.start(), &block)),
            }
        }
    }
}
