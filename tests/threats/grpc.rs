//! 1F: HTTP semantics and the wire of gRPC.

use crate::attacks::{literal, stream};
use crate::meter::check;
use crate::talk::Talk;
use grpc_sansio::frame::{ErrorCode, Flags};
use grpc_sansio::grpc::{Block, Metadata};

const MALFORMED: &str = "RST_STREAM PROTOCOL_ERROR";

/// `POST http` of `a`, with the fields that gRPC asks for, to this path.
fn to_path(path: &[u8]) -> Vec<u8> {
    [b"\x83\x86", &[4, path.len() as u8][..], path, b"\x01\x01a\x00\x02te\x08trailers\x0f\x10\x10application/grpc"]
        .concat()
}

/// CVE-2026-33186: a path that does not start with a slash is no method; every other goes to the application as it came.
#[test]
fn t_59_path_confusion() {
    let report = check("t_59_path_without_slash").report;
    assert_eq!((report.shown, report.grpc.get("12").copied()), (0, Some(u64::from(report.turns))));
    let report = check("t_59_path_with_two_slashes").report;
    assert_eq!(report.shown, u64::from(report.turns));

    let mut talk = Talk::server();
    for (path, expected, shown) in [
        (&b"pkg.Svc/M"[..], "status 12", false),
        (b"*", "status 12", false),
        (b"http://a/b", "status 12", false),
        (b"/", "status 0", true),
        (b"//pkg.Svc/M", "status 0", true),
        (b"/a", "status 0", true),
        (b"/a/b/c", "status 0", true),
        (b"/a/b?x", "status 0", true),
        (b"/a/b#f", "status 0", true),
        (b"/a/%62", "status 0", true),
        (b"", MALFORMED, false),
        (b"/a b", MALFORMED, false),
        (b"/a/\x7f", MALFORMED, false),
        (b"/a/\xc3\xa4", MALFORMED, false),
    ] {
        let before = talk.shown();
        let said = talk.on_new_stream(|id, wire| wire.headers(id, &to_path(path), Flags::END_STREAM));
        assert_eq!(said, [expected], "{:?}", String::from_utf8_lossy(path));
        assert_eq!(talk.shown() > before, shown, "{:?}", String::from_utf8_lossy(path));
    }
}

/// RFC 9110 §5.6.2, in lower case (RFC 9113 §8.2.1).
fn may_be_in_a_name(octet: u8) -> bool {
    octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

/// RFC 9113 §8.2.1, and RFC 9110 §5.5: no control characters, and no white space at the edges.
fn may_be_in_a_value(octet: u8, at_an_edge: bool) -> bool {
    octet >= 0x80 || (0x21..0x7f).contains(&octet) || (!at_an_edge && [b' ', b'\t'].contains(&octet))
}

/// Every octet in a name, inside a value and at its edges; in heads and trailers, both ways; and in what an application
/// asks to send.
#[test]
fn t_60_header_injection() {
    for name in ["t_60_line_break_in_a_value", "t_60_line_break_in_a_trailer"] {
        let report = check(name).report;
        assert_eq!(report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(report.turns), "{name}");
    }
    let mut fields = vec![(literal(b"", b"v"), false)];
    for octet in 0..=255u8 {
        fields.push((literal(&[b'x', octet, b'y'], b"v"), may_be_in_a_name(octet)));
        fields.push((literal(b"x", &[b'a', octet, b'b']), may_be_in_a_value(octet, false)));
        fields.push((literal(b"x", &[octet, b'a']), may_be_in_a_value(octet, true)));
        fields.push((literal(b"x", &[b'a', octet]), may_be_in_a_value(octet, true)));
    }
    let mut talk = Talk::server();
    for (field, sound) in &fields {
        let expected = if *sound { "status 0" } else { MALFORMED };
        assert_eq!(talk.request_with(field), [expected], "{field:?}");
        let said = talk.on_new_stream(|id, wire| {
            wire.request(id, Flags::NONE);
            wire.headers(id, field, Flags::END_STREAM);
        });
        assert_eq!(said, [expected], "trailers {field:?}");
    }
    for (field, sound) in &fields {
        let mut client = Talk::client();
        let said = client.write(|wire| {
            wire.headers(1, &[crate::talk::RESPONSE, field].concat(), Flags::NONE);
            wire.headers(1, crate::talk::TRAILERS, Flags::END_STREAM);
        });
        assert_eq!(said.last().unwrap(), if *sound { "outcome Ok" } else { "outcome Internal" }, "{field:?}");
        let mut client = Talk::client();
        let said = client.write(|wire| {
            wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
            wire.headers(1, &[crate::talk::TRAILERS, field].concat(), Flags::END_STREAM);
        });
        assert_eq!(said.last().unwrap(), if *sound { "outcome Ok" } else { "outcome Internal" }, "trailers {field:?}");
    }
    for character in (0..=255u8).map(char::from) {
        let lower = character.to_ascii_lowercase();
        let in_a_key = lower.is_ascii_lowercase() || lower.is_ascii_digit() || "_-.".contains(lower);
        let key = format!("x{character}y");
        assert_eq!(Metadata::new().append(key.as_str(), "v").is_ok(), in_a_key, "{key:?}");
        let value = format!("a{character}b");
        assert_eq!(Metadata::new().append("x", &value).is_ok(), (' '..='~').contains(&character), "{value:?}");
    }
}

/// RFC 9113 §8.2.2, in each of the four places, and from an application.
#[test]
fn t_61_connection_specific_fields() {
    let report = check("t_61_transfer_encoding").report;
    assert_eq!(report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(report.turns));
    let mut talk = Talk::server();
    for (name, value) in [
        ("connection", "close"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
    ] {
        let field = literal(name.as_bytes(), value.as_bytes());
        assert_eq!(talk.request_with(&field), [MALFORMED], "{name}");
        let said = talk.on_new_stream(|id, wire| {
            wire.request(id, Flags::NONE);
            wire.headers(id, &field, Flags::END_STREAM);
        });
        assert_eq!(said, [MALFORMED], "{name}");
        let responses = [(field.as_slice(), &b""[..]), (&b""[..], field.as_slice())];
        for (head, trailers) in responses {
            let said = Talk::client().write(|wire| {
                wire.headers(1, &[crate::talk::RESPONSE, head].concat(), Flags::NONE);
                wire.headers(1, &[crate::talk::TRAILERS, trailers].concat(), Flags::END_STREAM);
            });
            assert_eq!(said.last().unwrap(), "outcome Internal", "{name}: {said:?}");
        }
        let mut metadata = Metadata::new();
        let refused = metadata.append(name, value).is_err() || metadata.check(Block::Request).is_err();
        assert!(refused, "{name}");
    }
}

/// Pseudo-header fields missing, twice, unknown, behind others, or of the other direction.
#[test]
fn t_62_pseudo_header_fields() {
    for name in ["t_62_pseudo_field_after_a_regular_one", "t_62_status_in_a_request"] {
        let report = check(name).report;
        assert_eq!(report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(report.turns), "{name}");
    }
    let sound: [(&[u8], &[u8]); 6] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", b"/a/b"),
        (b":authority", b"a"),
        (b"te", b"trailers"),
        (b"content-type", b"application/grpc"),
    ];
    let block =
        |fields: &[(&[u8], &[u8])]| fields.iter().flat_map(|(name, value)| literal(name, value)).collect::<Vec<_>>();
    let mut talk = Talk::server();
    let mut ask =
        |fields: &[(&[u8], &[u8])]| talk.on_new_stream(|id, wire| wire.headers(id, &block(fields), Flags::END_STREAM));
    assert_eq!(ask(&sound), ["status 0"]);
    for at in 0..3 {
        let mut missing = sound.to_vec();
        missing.remove(at);
        assert_eq!(ask(&missing), [MALFORMED], "without {at}");
    }
    for at in 0..4 {
        let mut twice = sound.to_vec();
        twice.insert(4, sound[at]);
        assert_eq!(ask(&twice), [MALFORMED], "{at} twice");
        let mut late = sound.to_vec();
        late.remove(at);
        late.insert(4, sound[at]);
        assert_eq!(ask(&late), [MALFORMED], "{at} behind a regular field");
    }
    // The order among themselves is free.
    for (one, other) in [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)] {
        let mut swapped = sound;
        swapped.swap(one, other);
        assert_eq!(ask(&swapped), ["status 0"], "{one} for {other}");
    }
    for extra in [(&b":foo"[..], &b"x"[..]), (b":status", b"200"), (b":", b"x"), (b":Path", b"/a")] {
        let mut more = sound.to_vec();
        more.insert(2, extra);
        assert_eq!(ask(&more), [MALFORMED], "{extra:?}");
    }
    let mut get = sound;
    get[0].1 = b"GET";
    assert_eq!(ask(&get), ["http 405", "status 13"]);

    for bad in [
        block(&[(b"content-type", b"application/grpc")]),
        block(&[(b":status", b"200"), (b":status", b"200")]),
        block(&[(b":status", b"20")]),
        block(&[(b":status", b"200"), (b":path", b"/")]),
        block(&[(b"x", b"y"), (b":status", b"200")]),
    ] {
        let said = Talk::client().write(|wire| wire.headers(1, &bad, Flags::NONE));
        assert_eq!(said, [MALFORMED, "outcome Internal"], "{bad:?}");
    }
    let said = Talk::client().write(|wire| {
        wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
        wire.headers(1, &[crate::talk::TRAILERS, b"\x88"].concat(), Flags::END_STREAM);
    });
    assert_eq!(said, [MALFORMED, "outcome Internal"]);
}

/// Whoever trusts `:authority` and whoever trusts `host` see the same name.
#[test]
fn t_63_authority_and_host() {
    let report = check("t_63_host_that_differs").report;
    assert_eq!(report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(report.turns));
    let mut talk = Talk::server();
    assert_eq!(talk.request_with(&literal(b"host", b"a")), ["status 0"]);
    assert_eq!(talk.request_with(&literal(b"host", b"b")), [MALFORMED]);
    let twice = talk.request_with(&[literal(b"host", b"a"), literal(b"host", b"a")].concat());
    assert_eq!(twice, ["http 400", "status 13"]);
    let with_authority = |authority: &[u8]| {
        [
            b"\x83\x86\x04\x04/a/b",
            &literal(b":authority", authority)[..],
            b"\x00\x02te\x08trailers\x0f\x10\x10application/grpc",
        ]
        .concat()
    };
    for (authority, expected) in [
        (&b"a"[..], "status 0"),
        (b"a:443", "status 0"),
        (b"user@a", MALFORMED),
        (b"a b", MALFORMED),
        (b"a\xff", MALFORMED),
    ] {
        let said = talk.on_new_stream(|id, wire| wire.headers(id, &with_authority(authority), Flags::END_STREAM));
        assert_eq!(said, [expected], "{:?}", String::from_utf8_lossy(authority));
    }
}

/// What is not gRPC never reaches a handler.
#[test]
fn t_64_content_types() {
    let report = check("t_64_json").report;
    assert_eq!((report.shown, report.http.get("415").copied()), (0, Some(u64::from(report.turns))));
    let mut talk = Talk::server();
    for (content_type, sound) in [
        (&b"application/grpc"[..], true),
        (b"application/grpc+proto", true),
        (b"application/grpc;charset=utf-8", true),
        (b"application/grpcx", false),
        (b"application/grpc-web", false),
        (b"application/json", false),
        (b"text/plain", false),
        (b"", false),
    ] {
        let block =
            [&b"\x83\x86\x04\x04/a/b\x01\x01a\x00\x02te\x08trailers"[..], &literal(b"content-type", content_type)]
                .concat();
        let said = talk.on_new_stream(|id, wire| wire.headers(id, &block, Flags::END_STREAM));
        let expected = if sound { "status 0" } else { "http 415" };
        assert_eq!(said[0], expected, "{:?}: {said:?}", String::from_utf8_lossy(content_type));
    }
    let none = b"\x83\x86\x04\x04/a/b\x01\x01a\x00\x02te\x08trailers";
    assert_eq!(talk.on_new_stream(|id, wire| wire.headers(id, none, Flags::END_STREAM))[0], "http 415");
}

/// CVE-2023-32732: a binary value that is none is an error where it is read, and of nobody else.
#[test]
fn t_65_binary_values() {
    let report = check("t_65_binary_that_is_none").report;
    assert_eq!(report.grpc.get("0").copied(), Some(u64::from(report.turns)));
    for (value, decoded) in [
        (&b"YQ"[..], Some(&b"a"[..])),
        (b"YQ==", Some(b"a")),
        (b"", Some(b"")),
        (b"!!!", None),
        (b"Y", None),
        (b"Y=Q", None),
    ] {
        let metadata = Metadata::from_received([(&b"x-bin"[..], value, false)]);
        let read = metadata.get_bin("x-bin").expect("it is there");
        assert_eq!(read.as_deref().ok(), decoded, "{:?}", String::from_utf8_lossy(value));
    }
    let mut talk = Talk::server();
    assert_eq!(talk.request_with(&literal(b"x-bin", &[b'Y'; 120])), ["status 0"]);
}

/// Names of the protocol: an application cannot send them, and a peer's do not mean anything where they do not belong.
#[test]
fn t_66_reserved_metadata() {
    let report = check("t_66_status_in_a_request").report;
    assert_eq!(report.grpc.get("0").copied(), Some(u64::from(report.turns)));
    for name in [
        ":path",
        ":x",
        "te",
        "grpc-timeout",
        "grpc-status",
        "grpc-message",
        "grpc-encoding",
        "grpc-foo",
        "host",
        "content-type",
        "content-length",
        "user-agent",
    ] {
        let mut metadata = Metadata::new();
        let refused = metadata.append(name, "1").is_err() || metadata.check(Block::Request).is_err();
        assert!(refused, "{name}");
    }
    let mut talk = Talk::server();
    assert_eq!(talk.request_with(&literal(b"grpc-foo", b"bar")), ["status 0"]);
}

/// CVE-2024-37168: a length is refused as soon as it is there, and nothing is kept for it.
#[test]
fn t_67_message_length_lie() {
    let outcome = check("t_67_message_of_4_gib");
    assert_eq!(outcome.report.grpc.get("8").copied(), Some(u64::from(outcome.report.turns)));
    outcome.stays_flat();
}

/// What a flag or an encoding says is checked before a codec runs.
#[test]
fn t_68_compressed_messages() {
    let report = check("t_68_compressed_without_an_encoding").report;
    assert_eq!(report.grpc.get("13").copied(), Some(u64::from(report.turns)));
    let report = check("t_68_unknown_encoding").report;
    assert_eq!((report.shown, report.grpc.get("12").copied()), (0, Some(u64::from(report.turns))));
}

/// CVE-2024-37168, CVE-2025-58057: what comes out is bounded while it comes out, members of gzip together; 1 MiB of input
/// stands for 1 GiB. A zstd frame's workspace is C's, and is not counted here.
#[cfg(all(feature = "gzip", feature = "deflate", feature = "zstd"))]
#[test]
fn t_68_decompression_bombs() {
    use grpc_sansio::codec::Codecs;
    use grpc_sansio::grpc::{Code, Message};

    let codecs = Codecs::all();
    for (coding, repeat) in [("gzip", 64), ("deflate", 1), ("zstd", 64)] {
        let member = codecs.encode(Some(coding), Message::new(vec![0; 16 << 20])).data;
        assert!(member.len() < (16 << 20) / 1000, "{coding}: {}", member.len());
        let bomb = member.repeat(repeat);
        // The workspaces are there.
        let _ = codecs.decode(Some(coding), &member, Some(100));
        for limit in [0, 1000, 65_536, 1 << 20, 4 << 20] {
            let cost = allocation_counter::measure(|| {
                let error = codecs.decode(Some(coding), &bomb, Some(limit)).unwrap_err();
                assert_eq!(error.code(), Code::ResourceExhausted, "{coding}: {error}");
            });
            assert!(cost.bytes_max <= u64::from(limit) + 64 * 1024 + 256, "{coding}, limit {limit}: {cost:?}");
            // The longer a bomb, the more is left of it: no work for that.
            assert!(cost.count_total <= 24, "{coding}, limit {limit}: {cost:?}");
            // Output: what the limit allows comes out whole, and of an octet less nothing does.
            let fits = codecs.encode(Some(coding), Message::new(vec![0; limit as usize])).data;
            if limit > 0 {
                assert_eq!(codecs.decode(Some(coding), &fits, Some(limit)).unwrap().len(), limit as usize);
                assert!(codecs.decode(Some(coding), &fits, Some(limit - 1)).is_err());
            }
        }
    }
}

/// 3,276 messages in a frame are octets, not objects.
#[test]
fn t_69_messages_of_nothing() {
    let outcome = check("t_69_messages_of_nothing");
    assert!(outcome.peak < 64 * 1024);
    let outcome = check("t_69_messages_of_nothing_that_nobody_reads");
    assert!(outcome.peak <= 65_536 * 3 / 2 + 32 * 1024, "{}", outcome.peak);
}

/// Every flag with every way to cut a message of two octets: it is whole, or the call does not end with OK.
#[test]
fn t_70_flags_and_cuts() {
    for name in ["t_70_flag_of_grpc_web", "t_70_cut_message"] {
        let report = check(name).report;
        assert_eq!(report.grpc.get("13").copied(), Some(u64::from(report.turns)), "{name}");
    }
    let report = check("t_70_cut_message_by_a_server").report;
    assert_eq!(report.outcomes, [("Internal".to_string(), 1)].into());

    let mut talk = Talk::server();
    for flag in 0..=255u8 {
        let message = [flag, 0, 0, 0, 2, b'm', b'm'];
        for cut in 0..=message.len() {
            let sound = cut == 0 || (cut == message.len() && flag == 0);
            let said = talk.on_new_stream(|id, wire| {
                wire.request(id, Flags::NONE);
                wire.data(id, &message[..cut], Flags::END_STREAM);
            });
            assert_eq!(said[0], if sound { "status 0" } else { "status 13" }, "{flag} {cut}: {said:?}");
            let said = Talk::client().write(|wire| {
                wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
                wire.data(1, &message[..cut], Flags::NONE);
                wire.headers(1, crate::talk::TRAILERS, Flags::END_STREAM);
            });
            let outcome = if sound { "outcome Ok" } else { "outcome Internal" };
            assert_eq!(said.last().unwrap(), outcome, "{flag} {cut}: {said:?}");
        }
    }
}

/// Every unit with every number of digits.
#[test]
fn t_71_timeouts() {
    let report = check("t_71_timeout_of_nine_digits").report;
    assert_eq!((report.shown, report.grpc.get("13").copied()), (0, Some(u64::from(report.turns))));
    let report = check("t_71_longest_timeout").report;
    assert_eq!(report.grpc.get("0").copied(), Some(u64::from(report.turns)));

    let mut talk = Talk::server();
    for digits in 0..=9usize {
        for unit in 0..=255u8 {
            let value = [vec![b'9'; digits], vec![unit]].concat();
            let expected = match (1..=8).contains(&digits) && b"HMSmun".contains(&unit) {
                _ if !may_be_in_a_value(unit, true) => MALFORMED,
                true => "status 0",
                false => "status 13",
            };
            assert_eq!(talk.request_with(&literal(b"grpc-timeout", &value)), [expected], "{value:?}");
        }
        let value = vec![b'9'; digits];
        assert_eq!(talk.request_with(&literal(b"grpc-timeout", &value)), ["status 13"], "{digits} digits alone");
    }
    for bad in [&b"-1S"[..], b"+1S", b"1 S", b"1.5S", b"0x1S", b"1SS"] {
        assert_eq!(talk.request_with(&literal(b"grpc-timeout", bad)), ["status 13"], "{bad:?}");
    }
}

/// A status that is missing, none, unknown or twice is never OK.
#[test]
fn t_72_statuses() {
    for name in ["t_72_no_status", "t_72_two_statuses"] {
        let report = check(name).report;
        assert!(!report.outcomes.contains_key("Ok") && report.outcomes.len() == 1, "{name}: {report:?}");
    }
    for (status, outcome) in [
        (&b"0"[..], "Ok"),
        (b"5", "NotFound"),
        (b"16", "Unauthenticated"),
        (b"17", "Unknown"),
        (b"99", "Unknown"),
        (b"abc", "Unknown"),
        (b"-1", "Unknown"),
        (b"", "Unknown"),
        (b"4294967296", "Unknown"),
        (b"0x0", "Unknown"),
    ] {
        let said = Talk::client().write(|wire| {
            wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
            wire.headers(1, &literal(b"grpc-status", status), Flags::END_STREAM);
        });
        assert_eq!(said.last().unwrap(), &format!("outcome {outcome}"), "{:?}", String::from_utf8_lossy(status));
    }
    for message in [&b"%zz"[..], b"%", b"%4", b"\x80\xff", b"a%00b"] {
        let said = Talk::client().write(|wire| {
            let block = [literal(b"grpc-status", b"5"), literal(b"grpc-message", message)].concat();
            wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
            wire.headers(1, &block, Flags::END_STREAM);
        });
        assert_eq!(said.last().unwrap(), "outcome NotFound", "{message:?}");
    }
}

/// On plain gRPC the flag of a frame of gRPC-Web is a bad one, trailers in it included; gRPC-Web itself is in
/// `tests/web/hostile.rs`.
#[test]
fn t_73_frames_of_grpc_web() {
    let said = Talk::client().write(|wire| {
        wire.headers(1, crate::talk::RESPONSE, Flags::NONE);
        wire.data(1, b"\x80\0\0\0\x10grpc-status: 0\r\n", Flags::END_STREAM);
    });
    assert_eq!(said.last().unwrap(), "outcome Internal", "{said:?}");
}

/// Only what says that it was not processed may be retried without asking.
#[test]
fn t_77_retries() {
    let codes = ["t_77_refused_stream", "t_77_protocol_error"].map(|name| check(name).report.outcomes);
    assert_eq!(codes[0].get("Unavailable"), Some(&1));
    assert_eq!(codes[1].get("Internal"), Some(&1));
    for code in 0..=14 {
        let unprocessed = crate::talk::outcome_of(1, |wire| wire.reset(1, ErrorCode(code)));
        assert_eq!(unprocessed, vec![code == ErrorCode::REFUSED_STREAM.0], "{code}");
    }
    for last in [0, 1, 3, 5, 0x7fff_ffff] {
        let unprocessed = crate::talk::outcome_of(3, |wire| {
            wire.goaway(last, ErrorCode::NO_ERROR, b"");
            (0..3).filter(|n| stream(*n) <= last).for_each(|n| wire.reset(stream(n), ErrorCode::CANCEL));
        });
        let expected: Vec<bool> = (0..3).map(|n| stream(n) > last).collect();
        assert_eq!(unprocessed, expected, "GOAWAY {last}");
    }
}
