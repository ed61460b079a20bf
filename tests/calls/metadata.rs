//! Metadata both ways, and header lists that are too large (G-059, G-105 to G-118).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed, limits, server_config};
use crate::{BIDI, UNARY};
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{Pair, Record};
use grpc_sansio::{Event, Misuse, OpenError, OpenOptions, Stop};

fn some(values: &[(&str, &str)]) -> Metadata {
    let mut metadata = Metadata::new();
    values.iter().for_each(|(key, value)| metadata.append(*key, value).unwrap());
    metadata
}

/// G-108, G-112, G-117: initial and trailing metadata, both ways, repeated and binary.
#[test]
fn g_108_g_112_g_117_there_and_back() {
    let mut sent = some(&[("tenant", "blue"), ("tag", "a"), ("tag", "b")]);
    sent.append_bin("trace-bin", &[0, 255, 1]).unwrap();
    let mut trailing = some(&[("cost", "12")]);
    trailing.append_bin("proof-bin", b"").unwrap();

    let mut pair = Pair::new(1);
    let (initial, last) = (sent.clone(), trailing.clone());
    pair.on_server(move |_, server, event| {
        let Event::Opened(id) = event else { return };
        let mut call = server.call(id).unwrap();
        let Some(grpc_sansio::Item::Head(request)) = call.read() else { panic!("a head first") };
        assert_eq!(request.metadata().to_metadata(), initial);
        assert_eq!(request.metadata().get_all("tag").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(request.metadata().get_bin("trace-bin").unwrap().unwrap(), [0, 255, 1]);
        call.send_head(&initial).unwrap();
        call.finish(&Status::new(Code::Aborted, "no"), &last);
    });
    let id = pair.open(&OpenOptions::new(&BIDI).metadata(&sent)).unwrap();
    pair.drive();
    let log = pair.client_log.call(id).unwrap();
    assert_eq!(log.items[0], Record::Response(sent));
    assert_eq!((log.trailers(), log.code()), (Some(&trailing), Some(Code::Aborted)));
}

/// What is unusual of a call was written down with its metadata, which then went a second time.
#[test]
fn metadata_goes_once_whatever_else_goes_with_the_call() {
    let sent = some(&[("tenant", "blue"), ("tag", "a")]);
    let method = BIDI;
    let options = OpenOptions::new(&method).metadata(&sent);
    let unusual = [options, options.authority("other"), options.content_subtype("proto"), options.previous_attempts(2)];
    for (at, options) in unusual.into_iter().enumerate() {
        let mut pair = Pair::new(1);
        let expected = sent.len() + usize::from(at == 3);
        pair.on_server(move |_, server, event| {
            let Event::Opened(id) = event else { return };
            let mut call = server.call(id).unwrap();
            let Some(grpc_sansio::Item::Head(request)) = call.read() else { panic!("a head first") };
            assert_eq!(request.metadata().to_metadata().len(), expected, "{:?}", request.fields());
            call.finish(&Status::ok(), &Metadata::new());
        });
        let id = pair.open(&options).unwrap();
        pair.drive();
        assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Ok));
    }
}

/// G-116, G-257: reserved names do not reach the application, except those that are for it.
#[test]
fn g_116_reserved_names_are_hidden() {
    let mut raw = Raw::server();
    raw.request(1, &[("grpc-something", "x"), ("grpc-previous-rpc-attempts", "2"), ("mine", "y")], true);
    let id = raw.opened();
    let metadata = raw.log(id).metadata().unwrap().clone();
    assert_eq!((metadata.len(), metadata.get("mine")), (2, Some("y")));
    assert_eq!(metadata.get("grpc-previous-rpc-attempts"), Some("2"));

    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("grpc-something", "x"), ("mine", "y")], false);
    raw.data(1, &framed(b"r"), false);
    raw.headers(1, &[OK[0], ("grpc-other", "x"), ("theirs", "z")], true);
    raw.poll();
    let log = raw.log(id);
    assert_eq!((log.metadata(), log.trailers()), (Some(&some(&[("mine", "y")])), Some(&some(&[("theirs", "z")]))));
}

/// G-115, G-256, G-241: reserved names cannot be sent, but for those that belong into trailers.
#[test]
fn g_115_reserved_names_are_refused() {
    let reserved = some(&[("grpc-retry-pushback-ms", "5")]);
    let mut raw = Raw::client();
    let now = raw.now();
    let refused = raw.it.open(now, &OpenOptions::new(&UNARY).metadata(&reserved));
    assert_eq!(refused, Err(OpenError::Misuse(Misuse::ReservedMetadata)));
    assert_eq!((raw.it.calls(), raw.said()), (0, vec![]));

    let mut raw = Raw::server();
    raw.request(1, &[], true);
    let id = raw.opened();
    let mut call = raw.it.call(id).unwrap();
    assert_eq!(call.send_head(&reserved), Err(Misuse::ReservedMetadata));
    call.finish(&Status::ok(), &reserved);
    assert_eq!(raw.said_of_calls()[0].field("grpc-retry-pushback-ms"), Some("5"), "the one place where it belongs");
    for nowhere in ["grpc-tracing", "grpc-previous-rpc-attempts"] {
        assert!(Metadata::new().append(nowhere, "1").is_err(), "{nowhere} belongs nowhere");
    }
}

fn large(octets: usize) -> Metadata {
    some(&[("large", &"x".repeat(octets))])
}

/// G-059, L-38, on the client: nothing is sent, and the call ends.
#[test]
fn g_059_l_38_a_request_too_large_for_the_server() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, 1_000)]);
    raw.said();
    let id = raw.request(&OpenOptions::new(&UNARY).metadata(&large(1_000)), b"m");
    assert_eq!(raw.said_of_calls(), []);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::ResourceExhausted));
    let _next = raw.open(&OpenOptions::new(&UNARY));
    assert!(matches!(raw.said_of_calls()[..], [Seen::Headers { stream: 1, .. }]), "the id was not used up");
}

/// G-059, on the server: Trailers-Only takes the place of a head that is too large, whether or not the call is finished.
#[test]
fn g_059_l_38_a_response_head_too_large_for_the_client() {
    for finished in [false, true] {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, 1_000)]);
        raw.request(1, &[], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.send_head(&large(1_000)).unwrap();
        call.send(b"message".to_vec()).unwrap();
        if finished {
            call.finish(&Status::new(Code::Aborted, "a status of its own"), &some(&[("a", "b")]));
        }
        let said = raw.said_of_calls();
        assert_eq!((said.len(), said[0].field("grpc-status")), (1, Some("8")), "{said:?}");
        assert_eq!(raw.poll().contains(&Event::Stopped(id)), !finished);
        if !finished {
            assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::PeerFault));
            raw.it.call(id).unwrap().release();
        }
        assert_eq!((raw.it.calls(), raw.it.queued()), (0, 0));
        for stream in (3..603).step_by(2).filter(|_| finished) {
            raw.request(stream, &[], true);
            let id = raw.opened();
            let mut call = raw.it.call(id).unwrap();
            call.send_head(&large(1_000)).unwrap();
            call.finish(&Status::new(Code::Aborted, "a status of its own"), &some(&[("a", "b")]));
            raw.said();
        }
        raw.sleep(std::time::Duration::from_secs(2));
        assert!(raw.it.heap_size() < 16 * 1024, "nothing of it stays behind: {}", raw.it.heap_size());
    }
}

/// G-059, G-149: trailers that are too large lose their metadata, then a part of their message, then the stream.
#[test]
fn g_059_g_149_trailers_too_large_for_the_client() {
    let answer = |limit: u32, message: &str| {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.request(1, &[], true);
        let id = raw.opened();
        raw.it.call(id).unwrap().finish(&Status::new(Code::NotFound, message.to_owned()), &large(2_000));
        let said = raw.said_of_calls();
        assert_eq!((said.len(), raw.it.calls()), (1, 0));
        said.into_iter().next().unwrap()
    };
    let said = answer(1_000, "gone");
    assert_eq!(
        (said.field("grpc-status"), said.field("grpc-message"), said.field("large")),
        (Some("5"), Some("gone"), None)
    );
    let said = answer(1_000, &"long ".repeat(400));
    assert!(said.field("grpc-message").is_some_and(|message| message.len() < 1_000 && message.starts_with("long ")));
    assert_eq!(answer(20, "gone"), Seen::Reset(1, ErrorCode::INTERNAL_ERROR));
}

/// G-058: 16,384 octets of response head or trailers are taken, one more ends the call with RST_STREAM CANCEL.
#[test]
fn g_058_our_limit_to_the_octet() {
    let size =
        |fields: &[(&str, &str)]| fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum::<usize>();
    for (more, code) in [(0, Code::Ok), (1, Code::ResourceExhausted)] {
        for in_trailers in [false, true] {
            let mut raw = Raw::client();
            let id = raw.request(&OpenOptions::new(&BIDI), b"m");
            let fields = if in_trailers { &OK[..] } else { &RESPONSE };
            let long = "x".repeat(16_384 - size(fields) - size(&[("long", "")]) + more);
            let fields = [fields, &[("long", &long)]].concat();
            raw.headers(1, if in_trailers { &RESPONSE } else { &fields }, false);
            if !in_trailers && more > 0 {
                assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
            } else {
                raw.headers(1, if in_trailers { &fields } else { &OK }, true);
            }
            raw.poll();
            assert_eq!(raw.log(id).code(), Some(code), "{more} {in_trailers}");
        }
    }
}

/// G-058: a header list over our own limit ends the call, with the table of header compression intact.
#[test]
fn g_058_a_response_too_large_for_us() {
    let long = "x".repeat(17_000);
    for trailers in [false, true] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        if trailers {
            raw.headers(1, &RESPONSE, false);
            raw.data(1, &framed(b"r"), false);
        }
        raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("long", &long)][if trailers { 2 } else { 0 }..], trailers);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(Code::ResourceExhausted));
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        raw.headers(3, &RESPONSE, false);
        raw.data(3, &framed(b"r"), false);
        raw.headers(3, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(Code::Ok));
    }
}

/// Held header lists are bounded: over it calls are refused as unprocessed (G-155), and reading makes room again.
#[test]
fn held_header_lists_are_bounded() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| limits.held_headers = 16 * 1024)));
    let big = "x".repeat(6_000);
    for stream in [1, 3, 5] {
        raw.request(stream, &[("big", &big)], false);
    }
    assert_eq!(raw.said_of_calls(), [Seen::Reset(5, ErrorCode::REFUSED_STREAM)]);
    assert_eq!(raw.poll().len(), 2);
    raw.request(7, &[("big", &big)], false);
    raw.opened();
    assert_eq!(raw.it.calls(), 3);
    assert_eq!(raw.it.counters().streams_refused, 1);
}

fn list_size(seen: &Seen) -> u32 {
    let Seen::Headers { fields, .. } = seen else { panic!("{seen:?}") };
    fields.iter().map(|(name, value)| (name.len() + value.len() + 32) as u32).sum()
}

/// G-120, G-059: metadata counts for the peer's limit, to the octet, in a request, a response head and trailers.
#[test]
fn g_120_metadata_and_the_peers_limit_to_the_octet() {
    let request = |limit: u32| {
        let mut raw = Raw::client();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        let id = raw.request(&OpenOptions::new(&UNARY).metadata(&large(500)), b"m");
        raw.poll();
        raw.log(id).code()
    };
    let mut raw = Raw::client();
    let _id = raw.open(&OpenOptions::new(&UNARY).metadata(&large(500)));
    let whole = list_size(&raw.said_of_calls()[0]);
    assert_eq!((request(whole), request(whole - 1)), (None, Some(Code::ResourceExhausted)));

    let response = |limit: u32| {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.request(1, &[], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.send_head(&large(500)).unwrap();
        call.finish(&Status::ok(), &large(300));
        raw.said_of_calls()
    };
    let whole = response(u32::MAX);
    let (head, trailers) = (list_size(&whole[0]), list_size(&whole[1]));
    assert!(trailers < head);
    assert_eq!(response(head), whole);
    assert_eq!(response(head - 1)[0].field("grpc-status"), Some("8"));

    // Trailers alone.
    let only = |limit: u32| {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.request(1, &[], true);
        let id = raw.opened();
        raw.it.call(id).unwrap().finish(&Status::ok(), &large(500));
        raw.said_of_calls().remove(0)
    };
    let whole = list_size(&only(u32::MAX));
    assert!(only(whole).field("large").is_some() && only(whole - 1).field("large").is_none());
    assert_eq!(only(whole - 1).field("grpc-status"), Some("0"));
}

/// G-059: the plainest response head counts too: a client that accepts just so much gets it, and one that accepts an octet less
/// can be told nothing, not even why.
#[test]
fn g_059_the_plainest_head_to_the_octet() {
    let whole = (":status200".len() + 32 + "content-typeapplication/grpc".len() + 32) as u32;
    for (limit, fits) in [(whole, true), (whole - 1, false)] {
        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.request(1, &[], true);
        let id = raw.opened();
        raw.it.call(id).unwrap().send(b"r".to_vec()).unwrap();
        let said = raw.said_of_calls();
        if fits {
            assert_eq!((list_size(&said[0]), said.len()), (whole, 2), "{said:?}");
        } else {
            assert_eq!(said, [Seen::Reset(1, ErrorCode::INTERNAL_ERROR)]);
        }
    }
}
