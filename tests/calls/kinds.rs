//! The four kinds, from both roles.

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, DOWNLOAD, UNARY, UPLOAD};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{Cut, Pair, Record, answer, echo};
use grpc_sansio::{CallId, Event, OpenOptions};

fn numbered(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| vec![n as u8; n]).collect()
}

/// Opens a call, says it all, and returns it once everything is over.
fn whole_call(pair: &mut Pair, method: &Method, messages: &[Vec<u8>]) -> CallId {
    let id = pair.open(&OpenOptions::new(method)).unwrap();
    let mut call = pair.client.call(id).unwrap();
    for message in messages {
        call.send(message.clone()).unwrap();
    }
    if method.kind().client_streams() {
        call.half_close().unwrap();
    }
    pair.drive();
    id
}

/// G-074: in order, however many there are in a frame or frames in one.
#[test]
fn each_kind_carries_its_messages_both_ways_however_the_octets_are_cut() {
    for (method, up, down) in
        [(UNARY, 1, 1), (UPLOAD, 7, 1), (DOWNLOAD, 1, 7), (BIDI, 7, 5), (BIDI, 0, 0), (UPLOAD, 0, 1)]
    {
        for cut in [Cut::Whole, Cut::AtMost(1), Cut::Random] {
            let mut pair = Pair::new(3);
            pair.cut(cut);
            let requests = numbered(up);
            let expected = requests.clone();
            pair.on_server(answer(method.kind(), move |request| {
                assert!(request.messages().eq(expected.iter().map(Vec::as_slice)));
                (numbered(down), Status::ok())
            }));
            let id = whole_call(&mut pair, &method, &requests);
            let log = pair.client_log.call(id).unwrap();
            assert!(log.messages().eq(numbered(down).iter().map(Vec::as_slice)), "{method:?} {cut:?}");
            assert_eq!(log.code(), Some(Code::Ok), "{method:?} {cut:?}");
            assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
        }
    }
}

/// L-16, L-31: items come in the order of the wire, and the end is last and one.
#[test]
fn l_16_l_31_head_messages_end() {
    let mut pair = Pair::new(4);
    pair.on_server(echo());
    let id = whole_call(&mut pair, &BIDI, &numbered(3));
    let items = &pair.client_log.call(id).unwrap().items;
    assert!(matches!(items[0], Record::Response(_)));
    assert!(items[1..4].iter().all(|item| matches!(item, Record::Message { .. })));
    assert!(matches!(items[4], Record::Outcome { .. }) && items.len() == 5);
}

/// G-076: the only message of a call that does not stream carries END_STREAM.
#[test]
fn g_076_end_stream_rides_on_the_single_message() {
    for method in [UNARY, DOWNLOAD] {
        let mut raw = Raw::client();
        let id = raw.open(&OpenOptions::new(&method));
        raw.it.call(id).unwrap().send(b"one".to_vec()).unwrap();
        let said = raw.said_of_calls();
        assert_eq!(said[1..], [Seen::Data { stream: 1, data: framed(b"one"), end: true }]);
    }
}

/// G-075, G-015, G-197: half-close without a message left to carry it is an empty DATA, or rides on HEADERS.
#[test]
fn g_075_half_close_is_end_stream() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.it.call(id).unwrap().send(b"one".to_vec()).unwrap();
    assert!(matches!(&raw.said_of_calls()[1], Seen::Data { end: false, .. }));
    raw.it.call(id).unwrap().half_close().unwrap();
    assert_eq!(raw.said_of_calls(), [Seen::Data { stream: 1, data: vec![], end: true }]);

    let id = raw.open(&OpenOptions::new(&UPLOAD));
    raw.it.call(id).unwrap().half_close().unwrap();
    assert!(matches!(raw.said_of_calls()[..], [Seen::Headers { stream: 3, end: true, .. }]));
}

/// G-197: END_STREAM needs no window.
#[test]
fn g_197_half_close_without_window() {
    let mut raw = Raw::client();
    raw.settings(&[(grpc_sansio::frame::SettingId::INITIAL_WINDOW_SIZE, 8)]);
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.it.call(id).unwrap().send(b"abc".to_vec()).unwrap();
    raw.said();
    raw.it.call(id).unwrap().half_close().unwrap();
    assert_eq!(raw.said_of_calls(), [Seen::Data { stream: 1, data: vec![], end: true }]);
}

/// G-077: the client's half-close leaves the response direction open.
#[test]
fn g_077_half_close_in_each_order() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.data(1, &framed(b"a"), true);
    raw.poll();
    assert!(raw.log(id).is_half_closed());
    let mut call = raw.it.call(id).unwrap();
    call.send(b"b".to_vec()).unwrap();
    raw.said();
    let mut call = raw.it.call(id).unwrap();
    call.send(b"c".to_vec()).unwrap();
    call.finish(&Status::ok(), &Metadata::new());
    let said = raw.said_of_calls();
    assert_eq!(said[0], Seen::Data { stream: 1, data: framed(b"c"), end: false });
    assert_eq!(said[1].field("grpc-status"), Some("0"));
    assert_eq!((said.len(), raw.it.calls()), (2, 0), "both sides ended: no RST_STREAM");
}

/// G-042, G-078: a server that is done first says RST_STREAM NO_ERROR, and takes late DATA without a word.
#[test]
fn g_042_g_078_early_server_closure() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.call(id).unwrap().finish(&Status::new(Code::NotFound, "no"), &Metadata::new());
    let said = raw.said_of_calls();
    assert!(matches!(&said[0], Seen::Headers { end: true, .. }));
    assert_eq!(said[1], Seen::Reset(1, grpc_sansio::frame::ErrorCode::NO_ERROR));
    raw.data(1, &framed(&[0; 1000]), true);
    assert_eq!(raw.said(), []);
    assert_eq!((raw.it.calls(), raw.it.error()), (0, None));
}

/// G-043, L-14, L-37: trailers end the call while its request is still being sent; the client stops, with NO_ERROR, and
/// the response stays readable whatever reset follows.
#[test]
fn g_043_l_14_l_37_early_trailers_stop_the_client() {
    use grpc_sansio::frame::ErrorCode;
    for code in [ErrorCode::NO_ERROR, ErrorCode::CANCEL, ErrorCode::INTERNAL_ERROR] {
        let mut raw = Raw::client();
        let id = raw.open(&OpenOptions::new(&BIDI));
        // More than the server's initial window of 65,535.
        raw.it.call(id).unwrap().send(vec![0; 200_000]).unwrap();
        raw.said();
        assert!(raw.it.queued() > 0);
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &framed(b"enough"), false);
        raw.headers(1, &OK, true);
        raw.reset(1, code);
        assert_eq!(raw.it.queued(), 0, "what was queued is dropped");
        let said = raw.said_of_calls();
        assert!(said.is_empty() || said == [Seen::Reset(1, ErrorCode::NO_ERROR)], "{said:?}");
        raw.poll();
        let log = raw.log(id);
        assert_eq!(log.messages().collect::<Vec<_>>(), [b"enough"]);
        assert_eq!(log.code(), Some(Code::Ok));
    }
}

/// G-085: reading and writing of one call do not wait for each other.
#[test]
fn g_085_full_duplex() {
    let mut pair = Pair::new(5);
    pair.on_server(echo());
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    for n in 0..20u8 {
        pair.client.call(id).unwrap().send(vec![n]).unwrap();
        pair.drive();
        assert_eq!(pair.client_log.call(id).unwrap().messages().count(), usize::from(n) + 1);
    }
    assert_eq!(pair.client_log.count(Event::Readable(id)), 20, "one event for each arrival, not more");
}

/// G-039, G-041: a response head comes with the first message, or when asked for; else Trailers-Only.
#[test]
fn g_039_g_041_the_head_is_delayed() {
    let mut raw = Raw::server();
    raw.request(1, &[], true);
    let id = raw.opened();
    raw.it.call(id).unwrap().expect(Kind::ServerStreaming).unwrap();
    assert_eq!(raw.said_of_calls(), []);
    let mut metadata = Metadata::new();
    metadata.append("early", "yes").unwrap();
    raw.it.call(id).unwrap().send_head(&metadata).unwrap();
    assert_eq!(raw.said_of_calls()[0].field("early"), Some("yes"));
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    let said = raw.said_of_calls();
    assert_eq!((said[0].field("grpc-status"), said[0].field(":status")), (Some("0"), None));
}

/// G-016: a request of HEADERS alone is half-closed and has no message: right for a stream, a fault where one is due.
#[test]
fn g_016_end_stream_on_the_request_headers() {
    for (kind, status) in [
        (Kind::Unary, Some("12")),
        (Kind::ServerStreaming, Some("12")),
        (Kind::ClientStreaming, None),
        (Kind::BidiStreaming, None),
    ] {
        let mut raw = Raw::server();
        raw.request(1, &[], true);
        let Some(Event::Opened(id)) = raw.it.poll_event() else { panic!("no call") };
        raw.it.call(id).unwrap().expect(kind).unwrap();
        raw.log.read(&mut raw.it, id);
        let said = raw.said_of_calls();
        assert_eq!(said.first().and_then(|seen| seen.field("grpc-status")), status, "{kind:?}");
        assert_eq!((raw.log(id).messages().count(), raw.log(id).is_half_closed()), (0, true), "{kind:?}");
        assert_eq!(raw.it.call(id).unwrap().stopped().is_some(), status.is_some(), "{kind:?}");
    }
}

/// G-033: HEADERS with END_STREAM end a request as DATA do, with whatever fields; without END_STREAM they are malformed.
#[test]
fn g_033_request_trailers() {
    for fields in [&[][..], &[("grpc-status", "5"), ("x", "y")], &[("x", &"y".repeat(17_000))]] {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        raw.data(1, &framed(b"m"), false);
        raw.headers(1, fields, true);
        raw.poll();
        let log = raw.log(id);
        assert_eq!((log.messages().count(), log.is_half_closed(), log.items.len()), (1, true, 3));
        raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
        assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("0"));
    }
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.headers(1, &[("x", "y")], false);
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, grpc_sansio::frame::ErrorCode::PROTOCOL_ERROR)]);
    assert!(raw.poll().contains(&Event::Stopped(id)));
}

/// G-034: whatever a server's application says, and in whichever order, a response is a head, DATA and trailers, or
/// Trailers-Only; behind them comes RST_STREAM at most.
#[test]
fn g_034_the_shapes_of_a_response() {
    for choice in 0..32 {
        let [head, messages, empty, status, open] = [0, 1, 2, 3, 4].map(|bit| choice >> bit & 1 == 1);
        let mut raw = Raw::server();
        raw.request(1, &[], !open);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        if head {
            call.send_head(&Metadata::new()).unwrap();
        }
        if empty {
            call.send(b"".to_vec()).unwrap();
        }
        if messages {
            call.send(vec![1; 10_000]).unwrap();
            call.send(vec![2; 10_000]).unwrap();
        }
        call.finish(&Status::new(if status { Code::Aborted } else { Code::Ok }, ""), &Metadata::new());
        let mut said = raw.said_of_calls();
        assert_eq!(said.last() == Some(&Seen::Reset(1, grpc_sansio::frame::ErrorCode::NO_ERROR)), open);
        said.truncate(said.len() - usize::from(open));
        let end = said.pop().unwrap();
        assert_eq!(end.field("grpc-status"), Some(if status { "10" } else { "0" }));
        assert!(matches!(end, Seen::Headers { end: true, .. }), "{end:?}");
        let only = !(head || messages || empty);
        assert_eq!((said.is_empty(), end.field(":status").is_some()), (only, only), "{choice:05b}");
        if let Some((first, body)) = said.split_first() {
            assert_eq!((first.field(":status"), first.field("grpc-status")), (Some("200"), None));
            assert!(body.iter().all(|seen| matches!(seen, Seen::Data { end: false, .. })), "{body:?}");
        }
        if open {
            raw.data(1, &framed(b"late"), true);
            assert_eq!(raw.said_of_calls(), []);
        }
    }
}

/// G-044: messages that nobody had read when OK arrived are read all the same, and the end comes behind them.
#[test]
fn g_044_every_message_before_ok_is_delivered() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    (0..100).for_each(|n| raw.data(1, &framed(&[n; 7]), false));
    raw.headers(1, &OK, true);
    raw.sleep(std::time::Duration::from_secs(60));
    raw.poll();
    assert!(raw.log(id).messages().eq((0..100).map(|n| vec![n; 7])));
    assert!(matches!(raw.log(id).items.last(), Some(Record::Outcome { .. })));
    assert_eq!(raw.log(id).code(), Some(Code::Ok));
}
