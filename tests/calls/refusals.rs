//! Requests that never reach the application (G-018 to G-032, G-126).

use crate::raw::{REQUEST, Raw, Seen, framed};
use grpc_sansio::frame::{ErrorCode, Frame, Ping};
use grpc_sansio::{Event, OpenOptions};
use std::time::Duration;

fn refused(fields: &[(&str, &str)], end: bool) -> (Raw<grpc_sansio::Server>, Vec<Seen>) {
    let mut raw = Raw::server();
    raw.request(1, fields, end);
    assert_eq!(raw.poll(), [], "the application hears nothing of it");
    let said = raw.said_of_calls();
    (raw, said)
}

/// G-018, G-020: 415 and 405 carry a status for gRPC and a body for people, with END_STREAM on it.
#[test]
fn g_018_g_020_415_and_405() {
    for (field, status) in
        [(("content-type", "text/plain"), "415"), (("content-type", "(none)"), "415"), ((":method", "GET"), "405")]
    {
        let (raw, said) = refused(&[field], true);
        assert_eq!((said[0].field(":status"), said[0].field("grpc-status")), (Some(status), Some("13")));
        assert_eq!(said[0].field("content-type"), Some("text/plain"));
        let Seen::Data { data, end: true, .. } = &said[1] else { panic!("{said:?}") };
        assert!(!data.is_empty());
        assert_eq!((said.len(), raw.it.calls()), (2, 0));
    }
}

/// G-018: the answer waits for the end of the request, for 64 KiB of it, or for ten seconds.
#[test]
fn g_018_the_answer_waits_for_the_request() {
    let get = [(":method", "GET")];
    let (mut raw, said) = refused(&get, false);
    assert_eq!(said, []);
    raw.data(1, b"body", false);
    assert_eq!(raw.said_of_calls(), []);
    raw.data(1, b"", true);
    let said = raw.said_of_calls();
    assert_eq!((said.len(), said[0].field(":status"), raw.it.calls()), (2, Some("405"), 0));

    let (mut raw, _) = refused(&get, false);
    for _ in 0..4 {
        raw.data(1, &[0; 16_384], false);
        assert_eq!(raw.said_of_calls(), []);
    }
    raw.data(1, b"1", false);
    let said = raw.said_of_calls();
    assert_eq!((said.len(), &said[2]), (3, &Seen::Reset(1, ErrorCode::NO_ERROR)));

    let (mut raw, _) = refused(&get, false);
    raw.sleep(Duration::from_nanos(9_999_999_999));
    assert_eq!(raw.said_of_calls(), []);
    raw.sleep(Duration::from_nanos(1));
    assert_eq!(raw.said_of_calls().len(), 3);
    assert_eq!((raw.it.calls(), raw.poll()), (0, vec![]));
}

/// Design §8: bodies after the first are at most 24 octets, so that a server is no amplifier.
#[test]
fn later_bodies_are_short() {
    let long = "x".repeat(200);
    let mut raw = Raw::server();
    let mut bodies = Vec::new();
    for stream in [1, 3, 5] {
        raw.request(stream, &[("content-type", &long)], true);
        let said = raw.said_of_calls();
        let Seen::Data { data, .. } = &said[1] else { panic!("{said:?}") };
        bodies.push(data.len());
    }
    assert!(bodies[0] > 24 && bodies[0] < 200 && bodies[1] <= 24 && bodies[2] <= 24, "{bodies:?}");
}

/// A refused request that is reset, or whose connection ends, leaves nothing behind.
#[test]
fn a_refused_request_that_goes_away() {
    let (mut raw, _) = refused(&[(":method", "GET")], false);
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!((raw.it.calls(), raw.poll(), raw.said_of_calls()), (0, vec![], vec![]));

    let (mut raw, _) = refused(&[(":method", "GET")], false);
    raw.it.receive_eof(raw.now());
    raw.poll();
    assert_eq!(raw.it.calls(), 0);
}

/// G-024 to G-027: 400.
#[test]
fn g_024_g_025_g_027_400() {
    let (_, said) = refused(&[(":scheme", "ftp")], true);
    assert_eq!((said[0].field(":status"), said.len()), (Some("400"), 1));
    // What contradicts itself is malformed in HTTP's own terms (design §8).
    let (_, said) = refused(&[("host", "elsewhere")], true);
    assert_eq!(said, [Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)]);

    let config = grpc_sansio::ServerConfig::builder().require_te(true).build().unwrap();
    let mut raw = Raw::server_with(&config);
    raw.request(1, &[("te", "(none)")], true);
    assert_eq!(raw.said_of_calls()[0].field(":status"), Some("400"));
}

/// G-032: header lists over the limit, by octets and by fields; the connection goes on.
#[test]
fn g_032_431() {
    let long = "x".repeat(17_000);
    let (mut raw, said) = refused(&[("long", &long)], false);
    assert_eq!((said[0].field(":status"), said[0].field("grpc-status")), (Some("431"), Some("8")));
    let names: Vec<String> = (0..130).map(|n| format!("field-{n}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    raw.request(3, &many, true);
    assert_eq!(raw.said_of_calls()[0].field(":status"), Some("431"));
    raw.request(5, &[], true);
    raw.opened();
}

/// G-022, G-126, G-128: Trailers-Only.
#[test]
fn g_022_g_126_g_128_trailers_only() {
    for (fields, status) in [
        (&[("grpc-timeout", "1x")][..], "13"),
        (&[("grpc-timeout", "123456789S")][..], "13"),
        (&[("grpc-timeout", "-1S")][..], "13"),
        (&[("grpc-timeout", "")][..], "13"),
        (&[(":path", "no-slash")][..], "12"),
    ] {
        for end in [false, true] {
            let (mut raw, said) = refused(fields, end);
            assert_eq!((said[0].field(":status"), said[0].field("grpc-status")), (Some("200"), Some(status)));
            assert!(matches!(said[0], Seen::Headers { end: true, .. }));
            assert_eq!(said.len(), if end { 1 } else { 2 });
            if !end {
                raw.data(1, &framed(b"late"), true);
            }
            assert_eq!((raw.it.calls(), raw.poll()), (0, vec![]));
            assert_eq!(raw.it.error(), None);
        }
    }
}

/// G-023, G-026, G-036: the path is handed over as it came, `host` stands in, and the content type is echoed.
#[test]
fn g_023_g_026_g_036_what_the_application_sees() {
    let mut raw = Raw::server();
    let fields = [
        (":path", "/a/b/c?d=%20e"),
        (":authority", "(none)"),
        ("host", "h"),
        ("content-type", "application/grpc+json"),
    ];
    raw.request(1, &fields, true);
    let id = raw.opened();
    let items = raw.log(id).items;
    let grpc_sansio::testing::Record::Request { path, authority, .. } = &items[0] else { panic!("{items:?}") };
    assert_eq!((path.as_str(), authority.as_str()), ("/a/b/c?d=%20e", "h"));
    raw.it.call(id).unwrap().send(b"r".to_vec()).unwrap();
    assert_eq!(raw.said_of_calls()[0].field("content-type"), Some("application/grpc+json"));
}

/// G-028: what is malformed in HTTP's own terms is a stream error, with no response and no status, whatever gRPC would say of
/// the rest.
#[test]
fn g_028_a_connection_specific_header() {
    for name in ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"] {
        for more in [("x", "y"), ("content-type", "text/plain"), (":method", "GET")] {
            let (raw, said) = refused(&[(name, "x"), more], false);
            assert_eq!(said, [Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)], "{name}");
            assert_eq!(raw.it.calls(), 0);
        }
    }
}

/// The size of a header list, with 32 for each field.
fn size(fields: &[(&str, &str)]) -> usize {
    fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
}

/// G-031, G-032: 16 KiB and 128 fields, announced, and exact: the limit is served, one octet or field more is 431.
#[test]
fn g_031_g_032_the_limit_to_the_octet() {
    let mut raw = Raw::fresh_server(&grpc_sansio::ServerConfig::default());
    let said = raw.said();
    let Seen::Settings(values) = &said[0] else { panic!("{said:?}") };
    assert!(values.contains(&(6, 16_384)), "SETTINGS_MAX_HEADER_LIST_SIZE in {values:?}");

    let room = 16_384 - size(&REQUEST) - size(&[("long", "")]);
    let names: Vec<String> = (0..123).map(|n| format!("f{n}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "")).collect();
    for more in [0, 1] {
        let mut raw = Raw::server();
        raw.request(1, &[("long", &"x".repeat(room + more))], true);
        raw.request(3, &fields[..122 + more], true);
        let statuses: Vec<_> =
            raw.said_of_calls().iter().filter_map(|seen| seen.field(":status").map(String::from)).collect();
        assert_eq!(statuses, if more == 0 { vec![] } else { vec!["431"; 2] });
        assert_eq!(raw.poll().len(), if more == 0 { 4 } else { 0 });
    }
}

/// H-144, G-020: CONNECT, which HTTP/2 knows, is a method other than POST to gRPC.
#[test]
fn h_144_connect() {
    let mut raw = Raw::server();
    let fields = [(":method", "CONNECT"), (":authority", "a:1"), ("content-type", "application/grpc")];
    raw.headers(1, &fields, true);
    let said = raw.said_of_calls();
    assert_eq!((said[0].field(":status"), said[0].field("allow")), (Some("405"), Some("POST")));
    assert_eq!((raw.poll(), raw.it.calls()), (vec![], 0));
}

/// G-155: header lists that nobody has read fill `held_headers` to the octet, the first 512 of each left out; what does not
/// fit is refused as unprocessed.
#[test]
fn g_155_held_header_lists_to_the_octet() {
    let room = |total: usize| "x".repeat(total - size(&REQUEST) - size(&[("long", "")]));
    for more in [0, 1] {
        let mut limits = grpc_sansio::Limits::default();
        limits.held_headers = 16_384;
        let mut raw = Raw::server_with(&crate::raw::server_config(limits));
        // 15,872 and 512 of them, and one that is free.
        raw.request(1, &[("long", &room(16_384))], false);
        raw.request(3, &[("long", &room(1_024 + more))], false);
        raw.request(5, &[("long", &room(512))], false);
        let refused = [Seen::Reset(3, ErrorCode::REFUSED_STREAM)];
        assert_eq!(raw.said_of_calls(), refused[..more]);
    }
}

/// `held_headers` on a client: what every response has, 512 octets, does not count; past the limit the call ends.
#[test]
fn held_responses_to_the_octet() {
    let mut limits = grpc_sansio::Limits::default();
    limits.held_headers = 16_384;
    let mut raw = Raw::client_with(&crate::raw::client_config(limits));
    let usual = crate::raw::RESPONSE;
    let mut respond = |stream: u32, total: usize| {
        let id = raw.request(&grpc_sansio::OpenOptions::new(&crate::BIDI), b"m");
        let long = "x".repeat(total - size(&usual) - size(&[("long", "")]));
        raw.headers(stream, &[usual[0], usual[1], ("long", &long)], false);
        raw.it.call(id).unwrap().stopped().is_none()
    };
    // 15,872 and 512 of them fill it; 512 more are free, and 513 are one too many.
    assert!(respond(1, 16_384) && respond(3, 1_024) && respond(5, 512));
    assert!(!respond(7, 513));
}

/// G-018: a refusal is said once, where a request ends just when its time was over and the answer had begun.
#[test]
fn g_018_a_refusal_is_said_once() {
    let (mut raw, _) = refused(&[(":method", "GET")], false);
    raw.sleep(Duration::from_secs(10));
    raw.data(1, b"late", true);
    let said = raw.said_of_calls();
    let (_, at_once) = refused(&[(":method", "GET")], true);
    assert_eq!(said, at_once);
}

/// G-353: what is odd about a peer is an event, a count, or the text of an error.
#[test]
fn g_353_what_is_odd_about_a_peer_can_be_seen() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    raw.opened();
    raw.request(3, &[("long", &"x".repeat(20_000))], true);
    (0..3).for_each(|_| raw.frame(Frame::Ping(Ping { ack: false, payload: [0; 8] })));
    let (counters, guards) = (raw.it.counters(), raw.it.guards());
    assert_eq!((counters.header_lists_oversized, counters.pings_received), (1, 3));
    assert!(guards.ping_strikes.spent > 0, "{guards:?}");

    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&crate::UNARY), b"m");
    raw.goaway(0, ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings");
    let events = raw.poll();
    assert!(events.contains(&Event::TooManyPings) && events.contains(&Event::Draining), "{events:?}");
    assert_eq!(raw.it.counters().goaways_received, 1);
    let log = raw.log(id);
    assert!(log.outcome().unwrap().message().contains("GOAWAY"), "{log:?}");
}
