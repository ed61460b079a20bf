//! Messages: limits on both sides, flags, framing (G-064 to G-074, G-092 to G-097).

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{Data, ErrorCode, Frame, StreamId};
use grpc_sansio::grpc::{Code, Codings, Kind, Message, Metadata, Status};
use grpc_sansio::{ClientConfig, Event, Item, Misuse, OpenError, OpenOptions, SendError, ServerConfig, Stop};

/// G-064, G-065: any cut of the prefix, zero-length messages, padding, empty DATA, many messages in a frame.
#[test]
fn g_064_g_065_frames_say_nothing_about_messages() {
    for cut in 0..=5 {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        let wire = [framed(b""), framed(b"first"), framed(b""), framed(b"second")].concat();
        let (one, two) = wire.split_at(5 + cut);
        raw.data(1, one, false);
        raw.data(1, b"", false);
        raw.frame(Frame::Data(Data { stream: StreamId::new(1), data: two, padding: Some(255), end_stream: false }));
        raw.headers(1, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).messages().collect::<Vec<_>>(), [&b""[..], b"first", b"", b"second"], "{cut}");
        assert_eq!(raw.log(id).code(), Some(Code::Ok));
    }
}

/// G-067, G-069, G-071: the client's limit, on both sides of it; refused as soon as the prefix is there.
#[test]
fn g_067_g_069_g_071_the_clients_receive_limit() {
    for limit in [0u32, 1, 100, 70_000] {
        let config = client_config(limits(|limits| limits.max_receive_message = Some(limit)));
        for (length, fits) in [(limit, true), (limit + 1, false)] {
            let mut raw = Raw::client_with(&config);
            let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
            raw.headers(1, &RESPONSE, false);
            let wire = framed(&vec![7; length as usize]);
            raw.data(1, &wire[..5], false);
            assert_eq!(raw.said_of_calls().is_empty(), fits, "{length} of {limit}");
            if fits {
                wire[5..].chunks(16_384).for_each(|piece| raw.data(1, piece, false));
                raw.headers(1, &OK, true);
            }
            raw.poll();
            assert_eq!(raw.log(id).code(), Some(if fits { Code::Ok } else { Code::ResourceExhausted }));
            assert_eq!(raw.log(id).messages().count(), usize::from(fits));
        }
    }
}

/// G-067, G-072: the server's limit; it answers with a status, and the application is told that the call stopped.
#[test]
fn g_067_g_072_the_servers_receive_limit() {
    let config = server_config(limits(|limits| limits.max_receive_message = Some(10)));
    let mut raw = Raw::server_with(&config);
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.data(1, &framed(&[0; 10]), false);
    raw.data(1, &framed(&[0; 11])[..5], false);
    let said = raw.said_of_calls();
    assert_eq!(said[0].field("grpc-status"), Some("8"));
    let message = said[0].field("grpc-message").unwrap();
    assert!(message.contains("longer than max_receive_message, 10"), "{message}");
    assert_eq!(said[1..], [Seen::Reset(1, ErrorCode::NO_ERROR)]);
    assert!(raw.poll().contains(&Event::Stopped(id)));
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::PeerFault));
    assert_eq!(raw.log(id).messages().count(), 1, "decision 4: what was complete stays readable");
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    assert_eq!((raw.said(), raw.it.calls()), (vec![], 0));
}

/// G-070: over the send limit nothing leaves, and the call goes on.
#[test]
fn g_070_the_send_limit() {
    let config = client_config(limits(|limits| limits.max_send_message = Some(10)));
    let mut raw = Raw::client_with(&config);
    let id = raw.open(&OpenOptions::new(&BIDI));
    let mut call = raw.it.call(id).unwrap();
    assert_eq!(call.send(vec![1; 11]), Err(SendError::TooLarge(Message::new(vec![1; 11]))));
    assert_eq!(call.send_with(11, |_| panic!("not asked")), Err(SendError::TooLarge(())));
    assert_eq!(call.send_with(0, |buffer| buffer.resize(11, 0)), Err(SendError::TooLarge(())));
    assert_eq!(call.queued(), 0);
    call.send(vec![1; 10]).unwrap();
    call.send_with(10, |buffer| buffer.resize(10, 2)).unwrap();
    let said = raw.said_of_calls();
    let data = [framed(&[1; 10]), framed(&[2; 10])].concat();
    assert_eq!(said[1..], [Seen::Data { stream: 1, data, end: false }]);
}

/// G-066: reserved flag bits.
#[test]
fn g_066_reserved_flags() {
    for flag in [2, 0x80, 0xff] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &[flag, 0, 0, 0, 0], false);
        assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(Code::Internal));

        let mut raw = Raw::server();
        raw.request(1, &[], false);
        raw.opened();
        raw.data(1, &[flag, 0, 0, 0, 0], false);
        assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("13"));
    }
}

/// G-073: a request that ends inside a message.
#[test]
fn g_073_a_request_cut_short() {
    for part in [1, 4, 5, 7] {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        raw.data(1, &framed(b"part")[..part], true);
        let said = raw.said_of_calls();
        assert_eq!((said.len(), said[0].field("grpc-status")), (1, Some("13")));
        assert!(raw.poll().contains(&Event::Stopped(id)));
        assert!(!raw.log(id).is_half_closed());
    }
}

fn gzip_client() -> ClientConfig {
    ClientConfig::builder("localhost").codings(Codings::new(["gzip"]).unwrap()).build().unwrap()
}

fn gzip_server() -> ServerConfig {
    ServerConfig::builder().codings(Codings::new(["gzip"]).unwrap()).build().unwrap()
}

const COMPRESSED: [u8; 6] = [1, 0, 0, 0, 1, b'z'];

/// G-095, G-096, G-097: what a compressed flag means in a response.
#[test]
fn g_095_g_096_g_097_compressed_responses() {
    for (encoding, flag, expected) in [
        ("(none)", 1, Code::Internal),
        ("identity", 1, Code::Internal),
        ("gzip", 1, Code::Ok),
        ("gzip", 0, Code::Ok),
        ("snappy", 1, Code::Internal),
        ("snappy", 0, Code::Ok),
    ] {
        let mut raw = Raw::client_with(&gzip_client());
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        let mut head = RESPONSE.to_vec();
        if encoding != "(none)" {
            head.push(("grpc-encoding", encoding));
        }
        raw.headers(1, &head, false);
        raw.data(1, &[flag, 0, 0, 0, 1, b'z'], false);
        raw.headers(1, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(expected), "{encoding} {flag}");
    }
}

/// G-096, and G-094 at the start of the stream, on the server.
#[test]
fn g_094_g_096_compressed_requests() {
    for (encoding, status) in [("(none)", Some("13")), ("identity", Some("13")), ("gzip", None), ("zstd", Some("12"))] {
        let mut raw = Raw::server_with(&gzip_server());
        raw.request(1, &[("grpc-encoding", encoding)], false);
        raw.poll();
        raw.data(1, &COMPRESSED, false);
        let said = raw.said_of_calls();
        assert_eq!(said.first().and_then(|seen| seen.field("grpc-status")), status, "{encoding}");
        if encoding == "zstd" {
            assert_eq!(said[0].field("grpc-accept-encoding"), Some("identity,gzip"), "G-063");
        }
    }
}

/// G-092, G-093: a server compresses only what its client accepts; a client only what its head names.
#[test]
fn g_092_g_093_who_may_send_compressed() {
    for (accept, encoding, allowed) in [
        ("(none)", "(none)", false),
        ("gzip", "(none)", true),
        ("identity", "gzip", false),
        ("(none)", "gzip", true),
        ("deflate, gzip", "(none)", true),
    ] {
        let mut raw = Raw::server_with(&gzip_server());
        raw.request(1, &[("grpc-accept-encoding", accept), ("grpc-encoding", encoding)], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        assert_eq!(call.send(Message::compressed("z")), Err(Misuse::CompressedWithoutEncoding.into()));
        assert_eq!(call.set_encoding("deflate"), Err(Misuse::EncodingNotAccepted));
        let result = call.set_encoding("gzip");
        assert_eq!(result.is_ok(), allowed, "{accept} {encoding}");
        if allowed {
            call.send(Message::compressed("z")).unwrap();
            call.send("plain".as_bytes().to_vec()).unwrap();
            let said = raw.said_of_calls();
            assert_eq!(said[0].field("grpc-encoding"), Some("gzip"));
            let data = [COMPRESSED.to_vec(), framed(b"plain")].concat();
            assert_eq!(said[1], Seen::Data { stream: 1, data, end: false });
        }
    }
    let mut raw = Raw::client_with(&gzip_client());
    let now = raw.now();
    assert_eq!(raw.it.open(now, &OpenOptions::new(&UNARY).encoding("zstd")), Err(OpenError::UnknownEncoding));
    let plain = raw.open(&OpenOptions::new(&UNARY));
    let refused = raw.it.call(plain).unwrap().send_compressed_with(1, |_| panic!("not asked"));
    assert_eq!(refused, Err(Misuse::CompressedWithoutEncoding.into()));
    raw.said();
    let id = raw.open(&OpenOptions::new(&UNARY).encoding("gzip"));
    raw.it.call(id).unwrap().send_compressed_with(1, |buffer| buffer.push(b'z')).unwrap();
    let said = raw.said_of_calls();
    assert_eq!(
        (said[0].field("grpc-encoding"), said[0].field("grpc-accept-encoding")),
        (Some("gzip"), Some("identity,gzip"))
    );
    assert_eq!(said[1], Seen::Data { stream: 3, data: COMPRESSED.to_vec(), end: true });
}

/// Large messages come through by every path: shared, copied, over many frames; the flag comes with them.
#[test]
fn messages_of_every_size_arrive() {
    use grpc_sansio::testing::{Cut, Pair, answer};
    for cut in [Cut::Whole, Cut::Random] {
        let mut pair = Pair::new(9);
        pair.cut(cut);
        pair.on_server(answer(Kind::Unary, |request| {
            (vec![request.messages().next().unwrap().to_vec()], Status::ok())
        }));
        for size in [0, 1, 4_090, 4_095, 4_096, 4_097, 16_379, 16_384, 65_535, 262_139, 262_144, 300_000, 2_000_000] {
            let message: Vec<u8> = (0..size).map(|n| (n * 7 % 251) as u8).collect();
            let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
            pair.client.call(id).unwrap().send(message.clone()).unwrap();
            pair.drive();
            let log = pair.client_log.call(id).unwrap();
            assert_eq!(log.code(), Some(Code::Ok), "{size} {cut:?}");
            assert!(log.messages().eq([&message[..]]), "{size} {cut:?}");
        }
    }
}

/// G-089: nothing is compressed, or said to be, unless the call names a coding, though the config has some; and a call's
/// coding is its own.
#[test]
fn g_089_no_coding_unless_the_call_names_one() {
    static METHOD: grpc_sansio::grpc::Method = BIDI;
    let mut raw = Raw::client_with(&gzip_client());
    for (stream, coding) in [(1, None), (3, Some("gzip")), (5, None)] {
        let plain = OpenOptions::new(&METHOD);
        let id = raw.open(&coding.map_or(plain, |coding| plain.encoding(coding)));
        let compressed = raw.it.call(id).unwrap().send(Message::compressed("z"));
        assert_eq!(compressed.is_ok(), coding.is_some());
        raw.it.call(id).unwrap().send(b"plain".to_vec()).unwrap();
        let said = raw.said_of_calls();
        assert_eq!(said[0].field("grpc-encoding"), coding);
        let before = if coding.is_some() { COMPRESSED.to_vec() } else { vec![] };
        assert_eq!(said[1], Seen::Data { stream, data: [before, framed(b"plain")].concat(), end: false });
    }
}

/// G-090, G-097: under a coding each message has a flag of its own, both ways.
#[test]
fn g_090_a_message_may_stay_uncompressed() {
    let mut raw = Raw::client_with(&gzip_client());
    let id = raw.open(&OpenOptions::new(&BIDI).encoding("gzip"));
    let mut call = raw.it.call(id).unwrap();
    call.send(b"secret".to_vec()).unwrap();
    call.send(Message::compressed("z")).unwrap();
    call.send_with(6, |buffer| buffer.extend(b"secret")).unwrap();
    let data = [framed(b"secret"), COMPRESSED.to_vec(), framed(b"secret")].concat();
    assert_eq!(raw.said_of_calls()[1], Seen::Data { stream: 1, data: data.clone(), end: false });

    let mut raw = Raw::server_with(&gzip_server());
    raw.request(1, &[("grpc-encoding", "gzip")], false);
    let id = raw.opened();
    raw.data(1, &data, true);
    raw.poll();
    assert!(raw.log(id).messages().eq([&b"secret"[..], b"z", b"secret"]));
    let flags = raw.log(id).items.into_iter().filter_map(|item| match item {
        grpc_sansio::testing::Record::Message { compressed, .. } => Some(compressed),
        _ => None,
    });
    assert!(flags.eq([false, true, false]));
}

/// G-091: a request in gzip may be answered in another coding that the client accepts, in the same, or in none.
#[test]
fn g_091_the_coding_of_the_answer_is_the_servers() {
    let config = ServerConfig::builder().codings(Codings::new(["gzip", "zstd"]).unwrap()).build().unwrap();
    for coding in [None, Some("gzip"), Some("zstd")] {
        let mut raw = Raw::server_with(&config);
        raw.request(1, &[("grpc-encoding", "gzip"), ("grpc-accept-encoding", "gzip,zstd")], false);
        let id = raw.opened();
        raw.data(1, &COMPRESSED, true);
        let mut call = raw.it.call(id).unwrap();
        if let Some(coding) = coding {
            call.set_encoding(coding).unwrap();
        }
        call.send(b"plain".to_vec()).unwrap();
        assert_eq!(call.send(Message::compressed("z")).is_ok(), coding.is_some());
        assert_eq!(raw.said_of_calls()[0].field("grpc-encoding"), coding);
    }
}

/// G-099, G-063: a server that knows codings lists them in each kind of response, so that a client which compressed without
/// having been told learns that it may; one that knows none says nothing.
#[test]
fn g_099_the_codings_are_listed_in_responses() {
    for (config, list) in [(gzip_server(), Some("identity,gzip")), (ServerConfig::default(), None)] {
        let mut metadata = Metadata::new();
        metadata.append("early", "yes").unwrap();
        for early in [false, true] {
            let mut raw = Raw::server_with(&config);
            raw.request(1, &[], true);
            let id = raw.opened();
            let mut call = raw.it.call(id).unwrap();
            if early {
                call.send_head(&metadata).unwrap();
            }
            call.send(b"r".to_vec()).unwrap();
            call.finish(&Status::ok(), &metadata);
            let said = raw.said_of_calls();
            assert_eq!(said[0].field("grpc-accept-encoding"), list);
            assert_eq!(said[2].field("grpc-accept-encoding"), None, "trailers do not repeat it");
            raw.request(3, &[], true);
            let id = raw.opened();
            raw.it.call(id).unwrap().finish(&Status::new(Code::Aborted, "only"), &metadata);
            assert_eq!(raw.said_of_calls()[0].field("grpc-accept-encoding"), list, "Trailers-Only");
        }
    }
}

/// G-059, G-099: the list counts: a client that accepts just so much gets the response, and one octet less replaces it.
#[test]
fn g_059_g_099_the_list_of_codings_counts() {
    let list = |name: &str, value: &str| (name.len() + value.len() + 32) as u32;
    let head = list(":status", "200") + list("content-type", "application/grpc");
    let whole = head + list("grpc-accept-encoding", "identity,gzip") + list("grpc-encoding", "gzip");
    for (limit, status) in [(whole, None), (whole - 1, Some("8"))] {
        let mut raw = Raw::server_with(&gzip_server());
        raw.settings(&[(grpc_sansio::frame::SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.request(1, &[("grpc-accept-encoding", "gzip")], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.set_encoding("gzip").unwrap();
        call.send(b"r".to_vec()).unwrap();
        assert_eq!(raw.said_of_calls()[0].field("grpc-status"), status, "{limit}");
    }
}

/// G-100: a server that says UNIMPLEMENTED and lists the coding of the request means the method; its status is passed on as
/// it came, and nothing is added.
#[test]
fn g_100_unimplemented_is_not_blamed_on_the_coding() {
    let mut raw = Raw::client_with(&gzip_client());
    let id = raw.open(&OpenOptions::new(&UNARY).encoding("gzip"));
    raw.it.call(id).unwrap().send(Message::compressed("z")).unwrap();
    raw.said();
    let codings = ("grpc-accept-encoding", "identity,gzip");
    raw.headers(1, &[RESPONSE[0], RESPONSE[1], codings, ("grpc-status", "12"), ("grpc-message", "no such")], true);
    raw.poll();
    assert_eq!(raw.log(id).outcome(), Some(&Status::new(Code::Unimplemented, "no such")));
    assert!(raw.log(id).trailers().unwrap().is_empty(), "the list is the protocol's, not metadata");
}

/// G-092: the first eight codings of a configuration can be used for responses; the ninth can be received only.
#[test]
fn g_092_eight_codings_can_be_answered_in() {
    let names = ["a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9"];
    let config = ServerConfig::builder().codings(Codings::new(names).unwrap()).build().unwrap();
    for (name, allowed) in names.into_iter().zip([[true; 8].as_slice(), &[false]].concat()) {
        let mut raw = Raw::server_with(&config);
        raw.request(1, &[("grpc-accept-encoding", &names.join(",")), ("grpc-encoding", name)], false);
        let id = raw.opened();
        raw.data(1, &COMPRESSED, true);
        raw.poll();
        assert_eq!(raw.log(id).messages().count(), 1, "{name}");
        let mut call = raw.it.call(id).unwrap();
        assert_eq!(call.set_encoding(name).is_ok(), allowed, "{name}");
        call.send(b"r".to_vec()).unwrap();
        assert_eq!(raw.said_of_calls()[0].field("grpc-encoding"), allowed.then_some(name));
    }
}

/// G-067: a message over the limit is refused where it comes whole, too, and in one frame with others.
#[test]
fn g_067_a_whole_message_over_the_limit() {
    let config = client_config(limits(|limits| limits.max_receive_message = Some(100)));
    for (length, code) in [(100, Code::Ok), (101, Code::ResourceExhausted)] {
        let mut raw = Raw::client_with(&config);
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &[framed(b"small"), framed(&vec![7; length]), framed(b"after")].concat(), false);
        raw.headers(1, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(code), "{length}");
        assert_eq!(raw.log(id).messages().count(), if code == Code::Ok { 3 } else { 1 });
    }
}

/// G-095: a response in a coding that is not known may still have messages that are not compressed, however they come.
#[test]
fn g_095_plain_messages_of_an_unknown_coding() {
    for cut in 0..12 {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("grpc-encoding", "unknown")], false);
        let wire = framed(b"message");
        raw.data(1, &wire[..cut], false);
        raw.data(1, &wire[cut..], false);
        raw.headers(1, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(Code::Ok), "{cut}");
        assert_eq!(raw.log(id).messages().collect::<Vec<_>>(), [b"message"]);
    }
}

/// A payload of at least 4 KiB is handed over as the memory it lies in; a smaller one, which may share its buffer with others,
/// is copied, so that keeping it keeps no more.
#[test]
fn large_payloads_are_kept_without_a_copy() {
    for (size, same) in [(1, false), (4_095, false), (4_096, true), (60_000, true)] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        framed(&vec![7; size]).chunks(16_384).for_each(|piece| raw.data(1, piece, false));
        let mut call = raw.it.call(id).unwrap();
        let _head = call.read();
        let Some(Item::Message(payload)) = call.read() else { panic!("a message of {size}") };
        let place = payload.as_ptr();
        let kept = payload.into_bytes();
        assert_eq!((kept.len(), kept.as_ptr() == place), (size, same), "{size}");
        assert!(kept.iter().all(|octet| *octet == 7));
    }
}
