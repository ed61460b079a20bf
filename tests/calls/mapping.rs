//! How calls lie on HTTP/2: one stream each, one block for each header list, nothing that gRPC does not use (G-014, G-161 to
//! G-169, G-182, G-187).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed, limits, server_config};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{ErrorCode, Flags, Frame, HEAD_LEN, Head, Kind, PREFACE, Ping, SettingId, StreamId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::Recorded;
use grpc_sansio::{ClientConfig, Event, Limits, OpenOptions, ServerConfig, ServerManagement};

/// The heads of all frames that it says now.
fn heads<R: Recorded>(raw: &mut Raw<R>) -> Vec<Head> {
    let wire = raw.said_octets();
    let mut rest = wire.strip_prefix(&PREFACE[..]).unwrap_or(&wire);
    let mut heads = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<HEAD_LEN>() {
        let head = Head::parse(head);
        rest = &after[head.length as usize..];
        heads.push(head);
    }
    heads
}

/// Kinds, and whether END_HEADERS and END_STREAM are set.
fn shape(heads: &[Head]) -> Vec<(Kind, bool, bool)> {
    let shape =
        |head: &Head| (head.kind, head.flags.contains(Flags::END_HEADERS), head.flags.contains(Flags::END_STREAM));
    heads.iter().map(shape).collect()
}

fn raw_frame(kind: Kind, flags: Flags, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head { length: payload.len() as u32, kind, flags, stream: StreamId::new(stream) };
    [&head.encode()[..], payload].concat()
}

/// More than two frames hold, of octets whose Huffman codes are longer than they are.
fn long_metadata() -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("long", &"~".repeat(40_000)).unwrap();
    metadata
}

/// G-014, G-038: a list that does not fit a frame is HEADERS and CONTINUATION with nothing in between, and one block: a
/// request, a response head, trailers, and Trailers-Only.
#[test]
fn g_014_g_038_each_header_list_is_one_block() {
    let block = |end| {
        let (more, last) = ((Kind::CONTINUATION, false, false), (Kind::CONTINUATION, true, false));
        vec![(Kind::HEADERS, false, end), more, last]
    };
    let data = (Kind::DATA, false, false);
    let mut raw = Raw::client();
    let metadata = long_metadata();
    let id = raw.open(&OpenOptions::new(&BIDI).metadata(&metadata));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    // Another call is ready to speak too.
    let _other = raw.open(&OpenOptions::new(&BIDI));
    let said = shape(&heads(&mut raw));
    assert_eq!((&said[..3], said.len()), (&block(false)[..], 5), "{said:?}");

    let mut raw = Raw::server();
    raw.request(1, &[], true);
    let id = raw.opened();
    let mut call = raw.it.call(id).unwrap();
    call.send_head(&metadata).unwrap();
    call.send(b"m".to_vec()).unwrap();
    call.finish(&Status::ok(), &metadata);
    assert_eq!(shape(&heads(&mut raw)), [block(false), vec![data], block(true)].concat());
    raw.request(3, &[], true);
    let id = raw.opened();
    raw.it.call(id).unwrap().finish(&Status::new(Code::Aborted, ""), &metadata);
    assert_eq!(shape(&heads(&mut raw)), block(true));
}

/// G-161: a call is a stream, numbered in the order in which its HEADERS leave, on that connection alone.
#[test]
fn g_161_a_call_is_a_stream() {
    for _ in 0..2 {
        let mut raw = Raw::client();
        let ids: Vec<_> = (0..3).map(|_| raw.open(&OpenOptions::new(&DOWNLOAD))).collect();
        for id in [ids[2], ids[0], ids[1]] {
            raw.it.call(id).unwrap().send(vec![id.index() as u8]).unwrap();
        }
        let said = raw.said_of_calls();
        for (stream, number) in [(1, 0), (3, 1), (5, 2)] {
            let data = Seen::Data { stream, data: framed(&[number]), end: true };
            assert!(said.contains(&data), "{said:?}");
            raw.headers(stream, &RESPONSE, false);
            raw.data(stream, &framed(&[number, number]), false);
            raw.headers(stream, &OK, true);
        }
        raw.poll();
        for id in ids {
            assert!(raw.log(id).messages().eq([[id.index() as u8; 2]]));
        }
    }
}

/// G-167, G-121, H-090: what the two sides announce: push off by the client, nothing about it by the server, and no setting
/// that is not of RFC 9113.
#[test]
fn g_167_g_121_what_is_announced() {
    let announced = |said: Vec<Seen>| match &said[0] {
        Seen::Settings(values) => values.clone(),
        other => panic!("{other:?}"),
    };
    let config = ClientConfig::builder("localhost").build().unwrap();
    let client = announced(Raw::fresh_client(&config).said());
    assert!(client.contains(&(SettingId::ENABLE_PUSH.0, 0)), "{client:?}");
    let server = announced(Raw::fresh_server(&server_config(Limits::default())).said());
    assert!(!server.iter().any(|(id, _)| *id == SettingId::ENABLE_PUSH.0), "{server:?}");
    for (id, _) in client.into_iter().chain(server) {
        assert!((1..=6).contains(&id), "{id:#x}");
    }
}

/// G-167: PUSH_PROMISE ends the connection, and every call with it.
#[test]
fn g_167_a_push_is_a_connection_error() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.feed(&raw_frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, &[0, 0, 0, 2, 0x88]));
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]));
    assert!(raw.poll().contains(&Event::Closed));
    assert_eq!(raw.log(id).code(), Some(Code::Unavailable));
}

/// G-121: the setting of true binary metadata is ignored, whatever its value, and its form of a value (NUL first) is
/// malformed, whoever announced what.
#[test]
fn g_121_true_binary_metadata() {
    for value in [0, 1, 2, u32::MAX] {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId(0xfe03), value)]);
        assert_eq!((raw.said(), raw.it.error()), (vec![Seen::Ack], None));
        raw.request(1, &[("key-bin", "\0\u{1}")], true);
        assert_eq!((raw.poll(), raw.said_of_calls()), (vec![], vec![Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)]));
        raw.request(3, &[("key-bin", "AQ")], true);
        raw.opened();
    }
}

/// G-168, H-039: a conversation with everything in it uses six kinds of frame, and no priority fields.
#[test]
fn g_168_no_priorities_are_sent() {
    let (mut client, mut server) = (Raw::client(), Raw::server());
    let mut said = Vec::new();
    let id = client.open(&OpenOptions::new(&BIDI).metadata(&long_metadata()));
    client.it.call(id).unwrap().send(vec![0; 300_000]).unwrap();
    said.extend(heads(&mut client));
    client.it.call(id).unwrap().cancel();
    client.it.shutdown(client.now(), None);
    said.extend(heads(&mut client));

    server.request(1, &[], false);
    let id = server.opened();
    // As much as makes it give credit.
    (0..3).for_each(|_| server.data(1, &framed(&[0; 16_379]), false));
    server.poll();
    server.frame(Frame::Ping(Ping { ack: false, payload: *b"12345678" }));
    server.settings(&[]);
    server.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    server.it.call(id).unwrap().finish(&Status::ok(), &long_metadata());
    said.extend(heads(&mut server));
    server.feed(&raw_frame(Kind::WINDOW_UPDATE, Flags::NONE, 0, &[0; 4]));
    said.extend(heads(&mut server));

    let kinds = [
        Kind::HEADERS,
        Kind::CONTINUATION,
        Kind::DATA,
        Kind::RST_STREAM,
        Kind::SETTINGS,
        Kind::PING,
        Kind::GOAWAY,
        Kind::WINDOW_UPDATE,
    ];
    for kind in kinds {
        assert!(said.iter().any(|head| head.kind == kind), "{kind:?} is missing from the conversation");
    }
    for head in said {
        assert!(kinds.contains(&head.kind), "{head:?}");
        assert!(head.kind != Kind::HEADERS || head.flags.0 & 0x20 == 0, "{head:?}");
    }
}

/// G-169: HTTP/1 and TLS are told from HTTP/2 by their first octets; nothing is answered, and the error says what it is.
#[test]
fn g_169_a_client_that_does_not_speak_http_2() {
    for first in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0", b"PRI * HTTP/2.0\r\n\r\nSM\n"]
    {
        let mut raw = Raw::fresh_server(&server_config(Limits::default()));
        raw.feed(first);
        // HTTP/1.1 is answered in its words; to others nothing is said.
        let said = raw.said_octets();
        assert_eq!(said.starts_with(b"HTTP/1.1 505 "), first.starts_with(b"GET"));
        assert_eq!(said.is_empty(), !first.starts_with(b"GET"));
        assert_eq!(raw.poll().last(), Some(&Event::Closed));
        assert!(raw.it.is_finished());
        let error = raw.it.error().unwrap();
        assert!(error.reason().starts_with("not HTTP/2"), "{error}");
    }
}

/// G-182: a PING is answered in front of all that is queued, on a connection whose windows are used up too.
#[test]
fn g_182_pings_are_answered_ahead_of_data() {
    for queued in [10, 100_000] {
        let mut raw = Raw::server();
        raw.request(1, &[], true);
        let id = raw.opened();
        raw.it.call(id).unwrap().send(vec![0; queued]).unwrap();
        if queued > 65_535 {
            raw.said();
        }
        raw.frame(Frame::Ping(Ping { ack: false, payload: *b"abcdefgh" }));
        raw.frame(Frame::Ping(Ping { ack: true, payload: *b"unasked." }));
        let said = raw.said();
        assert_eq!(said[0], Seen::Ping(true, *b"abcdefgh"));
        assert_eq!(said.iter().filter(|seen| matches!(seen, Seen::Ping(..))).count(), 1);
        assert_eq!(said.len() > 1, queued == 10, "{said:?}");
    }
}

/// G-187: each guard ends the connection with ENHANCE_YOUR_CALM, and the debug data begins with its name.
#[test]
fn g_187_a_guard_says_which_it_is() {
    type Flood = fn(&mut Raw<grpc_sansio::Server>, u32);
    let guards: [(&str, Flood); 7] = [
        ("max_continuations", |raw, count| {
            let kind = if count == 0 { Kind::HEADERS } else { Kind::CONTINUATION };
            raw.feed(&raw_frame(kind, Flags::NONE, 1, b""));
        }),
        ("header_abuse", |raw, count| raw.request(2 * count + 1, &[("x", &"y".repeat(70_000))], true)),
        ("max_settings_entries", |raw, _| raw.settings(&[(SettingId::HEADER_TABLE_SIZE, 1); 33])),
        ("max_replies", |raw, _| raw.frame(Frame::Ping(Ping { ack: false, payload: [0; 8] }))),
        ("empty_data", |raw, count| {
            if count == 0 {
                raw.request(1, &[], false);
            }
            raw.data(1, b"", false);
        }),
        ("reset", |raw, count| {
            raw.request(2 * count + 1, &[], false);
            raw.reset(2 * count + 1, ErrorCode::CANCEL);
        }),
        ("glitch", |raw, _| raw.settings(&[])),
    ];
    for (name, flood) in guards {
        // A few of each are enough.
        let few = limits(|limits| {
            (limits.max_replies, limits.empty_data, limits.max_concurrent_calls) = (10, 10, 1);
            (limits.resets, limits.resets_per_second) = (10, 0);
            (limits.glitches, limits.glitches_per_second) = (10, 0);
        });
        let mut management = ServerManagement::default();
        management.max_ping_strikes = None;
        let config = ServerConfig::builder().limits(few).management(management).build().unwrap();
        let mut raw = Raw::server_with(&config);
        let ended = (0..100).any(|count| {
            flood(&mut raw, count);
            raw.it.error().is_some()
        });
        assert!(ended, "{name}");
        let said = raw.said();
        let Some(Seen::GoAway(_, ErrorCode::ENHANCE_YOUR_CALM, debug)) = said.last() else {
            panic!("{name}: {said:?}")
        };
        assert!(debug.starts_with(name) && debug.contains(": "), "{name}: {debug}");
        assert_eq!(raw.it.error().map(|error| error.reason()), Some(debug.as_str()));
    }
}

/// G-221, G-171, H-003: preface, SETTINGS, request and message leave in one flight, and the answer may come in one with the
/// server's SETTINGS.
#[test]
fn g_221_the_first_flight() {
    let config = ClientConfig::builder("localhost").build().unwrap();
    let mut raw = Raw::fresh_client(&config);
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    let said = raw.said();
    assert!(matches!(said[0], Seen::Settings(_)));
    assert_eq!(said.last(), Some(&Seen::Data { stream: 1, data: framed(b"m"), end: true }));
    assert_eq!(raw.poll(), [], "not ready before SETTINGS (G-171)");
    raw.settings(&[]);
    raw.headers(1, &RESPONSE, false);
    raw.data(1, &framed(b"r"), false);
    raw.headers(1, &OK, true);
    assert_eq!(raw.poll()[0], Event::Ready);
    assert_eq!((raw.log(id).code(), raw.said()), (Some(Code::Ok), vec![Seen::Ack]));
}

/// H-142: the target is `:authority`, the config's or the call's; `host` is never sent, and cannot be.
#[test]
fn h_142_a_client_says_authority_and_not_host() {
    let mut raw = Raw::client();
    for (options, authority) in
        [(OpenOptions::new(&UNARY), "localhost"), (OpenOptions::new(&UNARY).authority("b.example:1"), "b.example:1")]
    {
        let _id = raw.open(&options);
        let said = raw.said_of_calls();
        assert_eq!((said[0].field(":authority"), said[0].field("host")), (Some(authority), None));
    }
    assert!(Metadata::new().append("host", "elsewhere").is_err());
}

/// G-003, G-007, G-012: what the configuration and the call say of a request is what goes out.
#[test]
fn g_003_g_007_scheme_and_content_type() {
    use grpc_sansio::grpc::{Codings, Scheme};
    let codings = Codings::new(["gzip"]).unwrap();
    let config = ClientConfig::builder("a").scheme(Scheme::Https).codings(codings).build().unwrap();
    let mut raw = Raw::client_with(&config);
    let _plain = raw.open(&OpenOptions::new(&UNARY));
    let _proto = raw.open(&OpenOptions::new(&UNARY).content_subtype("proto"));
    let said = raw.said_of_calls();
    for (seen, content_type) in said.iter().zip(["application/grpc", "application/grpc+proto"]) {
        assert_eq!((seen.field(":scheme"), seen.field("content-type")), (Some("https"), Some(content_type)));
        assert_eq!(seen.field("grpc-accept-encoding"), Some("identity,gzip"));
        assert_eq!((seen.field(":method"), seen.field("te")), (Some("POST"), Some("trailers")));
    }
}

/// G-036: a content type of up to 64 octets is echoed, in both kinds of response; a longer one is answered with the plain.
#[test]
fn g_036_which_content_types_are_echoed() {
    for (length, echoed) in [(17, true), (64, true), (65, false)] {
        let content_type = format!("application/grpc+{}", "x".repeat(length - 17));
        let expected = if echoed { content_type.as_str() } else { "application/grpc" };
        let mut raw = Raw::server();
        for stream in [1, 3] {
            raw.request(stream, &[("content-type", &content_type)], true);
            let id = raw.opened();
            let mut call = raw.it.call(id).unwrap();
            if stream == 1 {
                call.send(b"m".to_vec()).unwrap();
            }
            call.finish(&Status::ok(), &Metadata::new());
            assert_eq!(raw.said_of_calls()[0].field("content-type"), Some(expected), "{length}");
        }
    }
}

/// What is wrong with a header list is said by the rule that it breaks, each in its own words.
#[test]
fn each_way_to_be_malformed_is_named() {
    for (name, value, words) in [
        (":unknown", "x", "an unknown pseudo-header"),
        ("connection", "close", "a connection-specific field"),
        ("te", "gzip", "te with a value other than trailers"),
        ("Upper", "x", "not a lower-case token"),
        ("a", "b\nc", "a forbidden octet"),
        ("content-length", "ten", "content-length is not a number"),
    ] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        // A pseudo-header may not stand behind the others.
        let place = usize::from(name.starts_with(':'));
        let mut fields = RESPONSE.to_vec();
        fields.insert(2 - place, (name, value));
        raw.headers(1, &fields, false);
        raw.poll();
        let log = raw.log(id);
        let message = log.outcome().unwrap().message();
        assert!(message.contains(words), "{name}: {message}");
    }
}
