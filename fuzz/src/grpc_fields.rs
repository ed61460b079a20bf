//! The wire of gRPC in header fields: each grammar by itself over the whole input, then the input as a list of fields.
//!
//! Parsers are total, what they accept can be written and read again, and every list of fields has an answer that can
//! itself be sent.

use grpc_sansio::grpc::timeout::{self, Precision};
use grpc_sansio::grpc::{
    Block, Codings, Field, Metadata, MetadataView, Path, RequestParts, RequestRules, ResponseParts, TrailersParts,
    binary, content_type, encoding, list_size, outcome, percent, status,
};

/// Text, one `name: value` a line; it also serves as a value.
pub fn run(data: &[u8]) {
    value(data);
    let fields: Vec<Field<'_>> = data.split(|octet| *octet == b'\n').filter_map(field).collect();
    for (_, content, _) in &fields {
        value(content);
    }
    list(&fields);
}

/// The first colon that is not the one of a pseudo-header parts the name from the value. A space before the name makes the
/// field sensitive.
fn field(line: &[u8]) -> Option<Field<'_>> {
    let (line, sensitive) = line.strip_prefix(b" ").map_or((line, false), |line| (line, true));
    let colon = 1 + line.get(1..)?.iter().position(|octet| *octet == b':')?;
    let (name, value) = line.split_at(colon);
    let value = value.strip_prefix(b": ").or(value.strip_prefix(b":"))?;
    Some((name, value, sensitive))
}

fn sendable(octets: &[u8]) -> bool {
    octets.iter().all(|octet| matches!(octet, 0x20..=0x7e))
}

fn value(value: &[u8]) {
    if let Ok(duration) = timeout::parse(value) {
        for precision in [Precision::Exact, Precision::ThreeDigits] {
            let encoded = timeout::encode(duration, precision);
            assert!(timeout::parse(encoded.as_bytes()).is_ok_and(|decoded| decoded >= duration), "{encoded:?}");
        }
    }
    let mut out = Vec::new();

    let text = percent::decode(value);
    percent::encode_into(&text, &mut out);
    assert!(sendable(&out));
    assert_eq!((percent::decode(&out), out.len()), (text.clone(), percent::encoded_len(&text)));
    let cut = percent::truncate(&text, 20);
    assert!(text.starts_with(cut) && percent::encoded_len(cut) <= 20);

    out.clear();
    binary::encode_into(value, &mut out);
    assert_eq!((binary::decode(&out).as_deref(), out.len()), (Ok(value), binary::encoded_len(value.len())));
    let _ = binary::decode(value);
    assert!(binary::values(value).count() <= value.len() + 1);

    if let Some(content_type) = content_type::parse(value) {
        assert_eq!(content_type.as_str().as_bytes(), value);
        assert!(content_type.as_str().contains(content_type.subtype()));
    }
    if let Ok(subtype) = std::str::from_utf8(value)
        && let Some(written) = content_type::with_subtype(subtype)
    {
        assert!(content_type::parse(written.as_bytes()).is_some(), "{written:?}");
    }
    assert!(encoding::parse_list(value).all(|name| name.len() <= value.len()));
    assert!(encoding::parse_list(value).count() <= value.len());
    let _ = encoding::accepts(value, "gzip");
    if let Ok(parsed) = status::parse_code(value) {
        let _ = parsed.code();
    }
    if let Ok(path) = Path::parse(value) {
        assert_eq!(path.as_str().as_bytes(), value);
        assert!(path.service().len() + path.method().len() <= value.len());
    }
}

fn list(fields: &[Field<'_>]) {
    let codings = Codings::new(["gzip"]).expect("a token");
    let mut rules = RequestRules::new(&codings);
    for oversized in [false, true] {
        rules.oversized = oversized;
        match RequestParts::parse(fields.iter().copied(), &rules) {
            Ok(parts) => {
                assert!(!parts.path.as_str().is_empty());
                let _ = (parts.accepts("gzip"), parts.accepts("identity"));
            }
            Err(rejection) => {
                let mut scratch = Vec::new();
                assert!(rejection.fields(&mut scratch).all(|(name, value, _)| sendable(name) && sendable(value)));
                assert!(!rejection.status().is_ok() && rejection.status().message().len() < 400);
                let _ = (rejection.body(true), rejection.body(false));
            }
        }
    }

    let trailers = TrailersParts::parse(fields.iter().copied());
    let _ = (trailers.message(), trailers.details());
    match ResponseParts::parse(fields.iter().copied()) {
        Ok(parts) => {
            let only = outcome::from_trailers_only(parts.summary(), parts.raw_content_type, &trailers);
            let after_head = outcome::from_trailers(parts.summary(), &trailers);
            assert!(parts.content_type.is_none() || only == after_head);
        }
        Err(status) => assert!(!status.is_ok()),
    }

    let view = MetadataView::new(fields.iter().copied());
    let metadata = Metadata::from_received(fields.iter().copied());
    assert!(metadata.iter().eq(view.iter()));
    assert_eq!(metadata.len(), view.len());
    assert!(view.iter().all(|entry| !entry.name.starts_with(':')));
    assert!(view.dropped() + view.len() <= fields.len());
    for entry in view.iter() {
        assert!(entry.is_binary() || entry.text().is_some());
        let _ = entry.decoded().count();
    }
    for block in [Block::Request, Block::Response, Block::Trailers] {
        let sent = metadata.fields(block);
        assert!(list_size(sent.clone()) <= list_size(fields.iter().copied()));
        // a binary value is kept as it came, wrong base64 included, but for control characters
        assert!(sent.clone().all(|(name, value, _)| sendable(name) && !value.iter().any(u8::is_ascii_control)));
    }
}
