//! How many messages a kind of method takes and gives (G-080 to G-084).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, CARDINALITY, DOWNLOAD, UNARY, UPLOAD};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::{Event, OpenOptions, Stop};

/// The status of a server whose method is of `kind`, for a request with these messages.
fn server_says(kind: Kind, messages: usize, expect_late: bool) -> Option<String> {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    if !expect_late {
        raw.it.call(id).unwrap().expect(kind).unwrap();
    }
    for _ in 0..messages {
        raw.data(1, &framed(b"m"), false);
    }
    raw.data(1, b"", true);
    if expect_late {
        raw.it.call(id).unwrap().expect(kind).unwrap();
    }
    let events = raw.poll();
    let said = raw.said_of_calls();
    let status = said.first().and_then(|seen| seen.field("grpc-status")).map(String::from);
    assert_eq!(status.is_some(), events.contains(&Event::Stopped(id)));
    if status.is_some() {
        assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::PeerFault));
        assert_eq!(raw.log(id).messages().count(), 0, "nothing of it reaches the application");
        raw.it.call(id).unwrap().release();
        assert_eq!(raw.it.calls(), 0);
    }
    status
}

#[test]
fn g_080_a_server_takes_one_message_where_one_is_due() {
    let wrong = Some(CARDINALITY.as_str_number().to_owned());
    for late in [false, true] {
        for kind in [Kind::Unary, Kind::ServerStreaming] {
            assert_eq!(server_says(kind, 0, late), wrong, "{kind:?}");
            assert_eq!(server_says(kind, 1, late), None, "{kind:?}");
            assert_eq!(server_says(kind, 2, late), wrong, "{kind:?}");
        }
        for kind in [Kind::ClientStreaming, Kind::BidiStreaming] {
            for messages in 0..3 {
                assert_eq!(server_says(kind, messages, late), None, "{kind:?} {messages}");
            }
        }
    }
}

/// G-084: the message of a unary request is held back until it is known to be the only one.
#[test]
fn g_084_a_unary_request_waits_for_half_close() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.call(id).unwrap().expect(Kind::Unary).unwrap();
    raw.data(1, &framed(b"m"), false);
    assert_eq!(raw.poll(), []);
    assert!(!raw.it.call(id).unwrap().is_readable());
    raw.data(1, b"", true);
    assert_eq!(raw.poll(), [Event::Readable(id)]);
    assert_eq!(raw.log(id).messages().count(), 1);
    assert!(raw.log(id).is_half_closed());
}

#[test]
fn g_081_a_client_takes_one_message_where_one_is_due() {
    for (method, messages, code) in [
        (UNARY, 0, CARDINALITY),
        (UNARY, 1, Code::Ok),
        (UPLOAD, 0, CARDINALITY),
        (UPLOAD, 1, Code::Ok),
        (DOWNLOAD, 0, Code::Ok),
        (DOWNLOAD, 2, Code::Ok),
        (BIDI, 0, Code::Ok),
        (BIDI, 2, Code::Ok),
    ] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&method), b"m");
        raw.headers(1, &RESPONSE, false);
        (0..messages).for_each(|_| raw.data(1, &framed(b"r"), false));
        raw.headers(1, &OK, true);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(code), "{method:?} {messages}");
        assert_eq!(raw.log(id).messages().count(), if code == Code::Ok { messages } else { 0 });
        assert_eq!(raw.it.calls(), 0);
    }
}

/// G-081: the second message is enough; the client does not wait for trailers.
#[test]
fn g_081_the_second_message_ends_a_unary_call_at_once() {
    // The first octet of it is enough: behind a large message that is held back no more may fit the window.
    for (method, part) in [(UNARY, 8), (UPLOAD, 8), (UNARY, 6), (UPLOAD, 1)] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&method), b"m");
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &[&framed(b"one"), &framed(b"two")[..part]].concat(), false);
        assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
        raw.poll();
        assert_eq!(raw.log(id).code(), Some(CARDINALITY));
        assert_eq!(raw.log(id).messages().count(), 0);
    }
}

/// G-081: no message and an error is no violation; G-082: a message before an error is dropped.
#[test]
fn g_081_g_082_an_error_stands_with_and_without_a_message() {
    for messages in [0, 1] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&UNARY), b"m");
        raw.headers(1, &RESPONSE, false);
        (0..messages).for_each(|_| raw.data(1, &framed(b"r"), false));
        raw.headers(1, &[("grpc-status", "5"), ("grpc-message", "gone")], true);
        raw.poll();
        assert_eq!(raw.log(id).outcome(), Some(&Status::new(Code::NotFound, "gone")));
        assert_eq!(raw.log(id).messages().count(), 0);
    }
}

/// G-040: OK without the message that is owed is the application's fault, and the client learns INTERNAL.
#[test]
fn g_040_finish_ok_without_the_message() {
    for (kind, code) in
        [(Kind::Unary, "13"), (Kind::ClientStreaming, "13"), (Kind::ServerStreaming, "0"), (Kind::BidiStreaming, "0")]
    {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        raw.data(1, &framed(b"m"), true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.expect(kind).unwrap();
        call.finish(&Status::ok(), &Metadata::new());
        let said = raw.said_of_calls();
        assert_eq!((said.len(), said[0].field("grpc-status")), (1, Some(code)), "{kind:?}");
    }
}

/// G-060: a code out of range cannot be made; the seventeen there are go out as they are (G-144).
#[test]
fn g_144_each_code_is_sent_as_its_number() {
    for code in Code::ALL.into_iter().skip(1) {
        let mut raw = Raw::server();
        raw.request(1, &[], true);
        let id = raw.opened();
        raw.it.call(id).unwrap().finish(&Status::new(code, ""), &Metadata::new());
        let said = raw.said_of_calls();
        assert_eq!(said[0].field("grpc-status"), Some(code.as_u8().to_string().as_str()));
        assert_eq!(said[0].field(":status"), Some("200"), "G-035");
        assert_eq!(said[0].field("grpc-message"), None, "G-146");
    }
}

/// G-080: a second request message is one too many when its prefix is there, and not before: a request that ends inside the
/// prefix has broken another rule (G-073).
#[test]
fn g_080_a_second_request_message_is_too_many_from_its_prefix_on() {
    let wire = framed(b"second");
    for (part, status) in [(4, None), (5, Some(CARDINALITY)), (6, Some(CARDINALITY))] {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        raw.it.call(id).unwrap().expect(Kind::Unary).unwrap();
        raw.data(1, &framed(b"first"), false);
        raw.data(1, &wire[..part], false);
        let said = raw.said_of_calls();
        assert_eq!(said.first().and_then(|seen| seen.field("grpc-status")), status.map(Code::as_str_number), "{part}");
        if status.is_none() {
            raw.data(1, b"", true);
            assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("13"));
        }
    }
}
