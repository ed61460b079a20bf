//! Properties, each with its invariant in its name.

use bytes::Bytes;
use grpc_sansio::grpc::message::{MessageError, encode_message};
use grpc_sansio::grpc::timeout::{self, Precision};
use grpc_sansio::grpc::{
    Block, Codings, Field, Message, MessageReader, Metadata, MetadataView, Path, RequestHead, RequestParts,
    RequestRules, ResponseParts, Status, Trailers, TrailersParts, binary, content_type, encoding, outcome, percent,
    status,
};
use proptest::prelude::*;
use std::time::Duration;

const MOST: Duration = Duration::from_secs(99_999_999 * 3_600);

/// Durations of every magnitude, dense near the powers of ten, where the spelling changes.
fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0u32..18, 1u64..=18, 0u64..5).prop_map(|(power, factor, offset)| Duration::from_nanos(
            (10u64.pow(power) * factor + offset).saturating_sub(2)
        )),
        any::<u64>().prop_map(Duration::from_nanos),
        (any::<u64>(), 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
        (0..=MOST.as_secs(), 0..1_000_000_000u32).prop_map(|(seconds, nanos)| Duration::new(seconds, nanos)),
    ]
}

/// Header fields as a peer may send them: names that matter and any other, values good and bad.
fn fields() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let names = [
        ":method",
        ":path",
        ":scheme",
        ":authority",
        ":status",
        "host",
        "te",
        "content-type",
        "grpc-timeout",
        "grpc-encoding",
        "grpc-accept-encoding",
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-a-bin",
    ];
    let values = ["POST", "http", "/a/b", "200", "application/grpc+x", "1S", "gzip", "5", "AQ==,", "trailers"];
    let name = prop_oneof![
        9 => proptest::sample::select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        1 => any::<Vec<u8>>(),
    ];
    let value = prop_oneof![
        3 => proptest::sample::select(values.to_vec()).prop_map(|value| value.as_bytes().to_vec()),
        1 => any::<Vec<u8>>(),
    ];
    proptest::collection::vec((name, value), 0..16)
}

fn borrowed(fields: &[(Vec<u8>, Vec<u8>)]) -> impl Iterator<Item = Field<'_>> + Clone {
    fields.iter().map(|(name, value)| (&name[..], &value[..], false))
}

/// The whole body at once, by a parser that shares nothing with the reader but the format.
fn naive(limit: Option<u32>, body: &[u8]) -> (Vec<Message>, Result<(), MessageError>) {
    let (mut messages, mut at) = (Vec::new(), 0);
    while let Some(prefix) = body.get(at..at + 5) {
        if prefix[0] > 1 {
            return (messages, Err(MessageError::Flag(grpc_sansio::grpc::message::InvalidFlag(prefix[0]))));
        }
        let length = prefix[1..].iter().fold(0u32, |length, octet| length << 8 | u32::from(*octet));
        if let Some(limit) = limit.filter(|limit| length > *limit) {
            return (messages, Err(MessageError::TooLarge { length, limit }));
        }
        let Some(data) = body.get(at + 5..at + 5 + length as usize) else { break };
        let data = Bytes::copy_from_slice(data);
        messages.push(if prefix[0] == 1 { Message::compressed(data) } else { Message::new(data) });
        at += 5 + length as usize;
    }
    (messages, if at == body.len() { Ok(()) } else { Err(MessageError::Truncated) })
}

/// Mostly well-formed bodies, which then break off or go wrong.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let messages = proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..20)), 0..8);
    (messages, proptest::collection::vec(any::<u8>(), 0..8)).prop_map(|(messages, tail)| {
        let mut body = Vec::new();
        for (compressed, payload) in messages {
            encode_message(&payload, compressed, &mut body).unwrap();
        }
        body.extend(tail);
        body
    })
}

proptest! {
    #[test]
    fn a_decoded_timeout_is_never_less_than_the_encoded_one(duration in durations()) {
        for precision in [Precision::Exact, Precision::ThreeDigits] {
            let encoded = timeout::encode(duration, precision);
            let decoded = timeout::parse(encoded.as_bytes()).unwrap();
            prop_assert!(decoded >= duration.min(MOST), "{encoded}");
        }
    }

    #[test]
    fn three_digits_are_at_most_one_percent_too_long(duration in durations()) {
        let encoded = timeout::encode(duration, Precision::ThreeDigits);
        let decoded = timeout::parse(encoded.as_bytes()).unwrap().as_nanos();
        let nanos = duration.as_nanos().max(1);
        // Above 190 years only hours fit, and one of them may be begun: far less than the percent.
        prop_assert!(decoded * 100 <= nanos * 101, "{encoded} for {duration:?}");
        if duration < Duration::from_secs(99_900_000) {
            let digits = encoded.as_str().trim_end_matches(char::is_alphabetic);
            // In nanoseconds there are three significant digits, whatever the unit says.
            let significant = decoded.to_string();
            prop_assert!(significant.trim_end_matches('0').len() <= 3, "{encoded}");
            prop_assert!(digits.len() <= 8);
        }
    }

    #[test]
    fn an_exact_timeout_is_less_than_one_of_its_unit_too_long_and_no_finer_unit_fits(duration in durations()) {
        prop_assume!(duration <= MOST && !duration.is_zero());
        let units: [(u8, u128); 6] =
            [(b'n', 1), (b'u', 1_000), (b'm', 1_000_000), (b'S', 1_000_000_000), (b'M', 60_000_000_000), (b'H', 3_600_000_000_000)];
        let (unit, length) = units
            .into_iter()
            .find(|(_, length)| duration.as_nanos().div_ceil(*length) <= 99_999_999)
            .unwrap();
        let encoded = timeout::encode(duration, Precision::Exact);
        prop_assert_eq!(encoded.as_bytes().last(), Some(&unit));
        let decoded = timeout::parse(encoded.as_bytes()).unwrap();
        prop_assert!((decoded - duration).as_nanos() < length);
    }

    #[test]
    fn a_message_survives_percent_encoding(message in any::<String>(), edges in "[ %\t]{0,3}") {
        for message in [format!("{edges}{message}{edges}"), message] {
            let mut out = Vec::new();
            percent::encode_into(&message, &mut out);
            prop_assert_eq!(out.len(), percent::encoded_len(&message));
            prop_assert!(out.iter().all(|octet| matches!(octet, 0x20..=0x7e)));
            prop_assert!(out.first() != Some(&b' ') && out.last() != Some(&b' '));
            prop_assert_eq!(percent::decode(&out), message);
        }
    }

    #[test]
    fn a_truncated_message_is_a_start_that_fits_and_no_longer_one_does(
        message in "[ a%\u{e9}\u{263a}]{0,12}", max in 0usize..40,
    ) {
        let cut = percent::truncate(&message, max);
        prop_assert!(message.starts_with(cut) && percent::encoded_len(cut) <= max);
        // A longer start that fits may end in spaces only.
        for end in (cut.len() + 1..=message.len()).filter(|end| message.is_char_boundary(*end)) {
            let longer = &message[..end];
            prop_assert!(percent::encoded_len(longer) > max || longer.ends_with(' '), "{longer:?}");
        }
    }

    #[test]
    fn a_binary_value_survives_base64_with_and_without_padding(value in any::<Vec<u8>>()) {
        let mut out = Vec::new();
        binary::encode_into(&value, &mut out);
        prop_assert_eq!(out.len(), binary::encoded_len(value.len()));
        prop_assert_eq!(binary::decode(&out), Ok(value.clone()));
        out.resize(out.len().next_multiple_of(4), b'=');
        prop_assert_eq!(binary::decode(&out), Ok(value));
    }

    #[test]
    fn metadata_gives_back_what_was_appended_by_itself_and_through_the_wire(
        entries in proptest::collection::vec(("[a-cA-C]", "[!-~]([ -~]*[!-~])?|", any::<Vec<u8>>(), any::<bool>()), 0..20),
        removed in "[a-c]",
    ) {
        let mut metadata = Metadata::new();
        for (key, text, value, sensitive) in &entries {
            let append = if *sensitive { Metadata::append_sensitive } else { Metadata::append };
            append(&mut metadata, key.as_str(), text).unwrap();
            metadata.append_bin(format!("{key}-bin").as_str(), value).unwrap();
        }
        prop_assert_eq!(metadata.len(), 2 * entries.len());
        for key in ["a", "B", "c"] {
            let matching = || entries.iter().filter(|entry| entry.0.eq_ignore_ascii_case(key));
            prop_assert!(metadata.get_all(key).eq(matching().map(|entry| entry.1.as_str())));
            let binary = format!("{key}-bin");
            prop_assert!(metadata.get_all_bin(&binary).map(Result::unwrap).eq(matching().map(|entry| entry.2.clone())));
        }
        let size = grpc_sansio::grpc::list_size(metadata.fields(Block::Request));
        prop_assert_eq!(metadata.list_size(), size);
        prop_assert_eq!(&Metadata::from_received(metadata.fields(Block::Trailers)), &metadata);

        let before = metadata.len();
        let count = metadata.get_all(&removed).count();
        prop_assert_eq!(metadata.remove(&removed), count);
        prop_assert_eq!((metadata.len(), metadata.get(&removed)), (before - count, None));
    }

    #[test]
    fn however_a_body_is_cut_the_messages_are_those_of_a_naive_parser(
        body in bodies(), cuts in proptest::collection::vec(0usize..12, 1..8), limit in proptest::option::of(0u32..24),
    ) {
        let (expected, end) = naive(limit, &body);
        let (mut reader, mut messages) = (MessageReader::new(limit), Vec::new());
        let (mut rest, mut cuts, mut result) = (&body[..], cuts.into_iter().cycle(), Ok(()));
        while !rest.is_empty() && result.is_ok() {
            let (piece, tail) = rest.split_at(cuts.next().unwrap().clamp(1, rest.len()));
            rest = tail;
            let mut piece = Bytes::copy_from_slice(piece);
            result = loop {
                match reader.read(&mut piece) {
                    Ok(Some(message)) => messages.push(message),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
        }
        prop_assert_eq!(messages, expected);
        prop_assert_eq!(reader.finish(), end);
    }

    #[test]
    fn no_parser_panics_on_any_octets(value in any::<Vec<u8>>()) {
        let _ = timeout::parse(&value);
        let _ = content_type::parse(&value).map(|content_type| content_type.subtype());
        let _ = encoding::parse_list(&value).count();
        let _ = percent::decode(&value);
        let _ = binary::values(&value).count();
        let _ = status::parse_code(&value);
        let _ = Path::parse(&value).map(|path| (path.service(), path.method()));
        let _ = MessageReader::new(Some(100)).read(&mut Bytes::from(value));
    }

    #[test]
    fn every_block_of_fields_has_an_answer_that_can_be_sent(fields in fields()) {
        let codings = Codings::new(["gzip"]).unwrap();
        let mut rules = RequestRules::new(&codings);
        for oversized in [false, true] {
            rules.oversized = oversized;
            let mut scratch = Vec::new();
            if let Err(rejection) = RequestParts::parse(borrowed(&fields), &rules) {
                let sendable = |octets: &[u8]| octets.iter().all(|octet| matches!(octet, 0x20..=0x7e));
                prop_assert!(rejection.fields(&mut scratch).all(|(name, value, _)| sendable(name) && sendable(value)));
                prop_assert!(!rejection.status().is_ok() && rejection.status().message().len() < 400);
            }
        }
        let trailers = TrailersParts::parse(borrowed(&fields));
        if let Ok(parts) = ResponseParts::parse(borrowed(&fields)) {
            let only = outcome::from_trailers_only(parts.summary(), parts.raw_content_type, &trailers);
            let after_head = outcome::from_trailers(parts.summary(), &trailers);
            prop_assert!(parts.content_type.is_none() || only == after_head);
        }
        let metadata = Metadata::from_received(borrowed(&fields));
        let view = MetadataView::new(borrowed(&fields));
        prop_assert!(metadata.iter().eq(view.iter()));
        prop_assert!(view.iter().all(|entry| !entry.name.starts_with(':')));
    }

    #[test]
    fn what_a_client_sends_a_server_reads(
        service in "[a-z.]{1,9}", timeout in 1u64..1_000_000, subtype in "[a-z]{0,5}", gzip in any::<bool>(),
    ) {
        let path = format!("/{service}/M");
        let content_type = content_type::with_subtype(&subtype).unwrap();
        let codings = Codings::new(["gzip"]).unwrap();
        let head = RequestHead {
            authority: Some("h"),
            timeout: Some(timeout::encode(Duration::from_micros(timeout), Precision::Exact)),
            content_type: &content_type,
            encoding: gzip.then_some("gzip"),
            accept_encoding: Some(codings.as_str()),
            ..RequestHead::new(Path::parse(path.as_bytes()).unwrap())
        };
        let parts = RequestParts::parse(head.fields(), &RequestRules::new(&codings)).unwrap();
        prop_assert_eq!(parts.path.service(), service);
        prop_assert_eq!(parts.timeout, Some(Duration::from_micros(timeout)));
        prop_assert_eq!(parts.content_type.subtype(), subtype);
        prop_assert_eq!(parts.encoding.is_some(), gzip);
        prop_assert!(parts.accepts("gzip") && !parts.missing_te);
    }

    #[test]
    fn the_status_that_a_server_sends_is_the_one_that_its_client_reports(
        number in 0u32..17, message in any::<String>(), details in any::<Vec<u8>>(), limit in 0usize..400,
    ) {
        let code = grpc_sansio::grpc::Code::from_u32(number).unwrap();
        let status = Status::new(code, message).with_details(details);
        let (metadata, mut scratch) = (Metadata::new(), Vec::new());
        let head = outcome::HeadSummary { http_status: 200, is_grpc: true };
        let read = |fields: Vec<Field<'_>>| outcome::from_trailers(head, &TrailersParts::parse(fields));
        // OK has no details (G-332).
        let sent = if status.is_ok() { status.clone().with_details("") } else { status.clone() };
        prop_assert_eq!(&read(Trailers::new(&status, &metadata, &mut scratch).fields().collect()), &sent);
        if let Some(trailers) = Trailers::within(&status, &metadata, 0, limit, &mut scratch) {
            prop_assert!(trailers.list_size() <= limit);
            let read = read(trailers.fields().collect());
            prop_assert!(read.code() == code && status.message().starts_with(read.message()));
        }
    }
}
