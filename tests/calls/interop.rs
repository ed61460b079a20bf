//! The cases of gRPC's interop suites that need no other implementation: the soaks, and the negative cases of HTTP/2, where
//! the server is a script (G-376 to G-385).

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::{BIDI, UNARY};
use bytes::Bytes;
use grpc_sansio::frame::{Data, ErrorCode, Frame, Ping, SettingId, StreamId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, answer, echo};
use grpc_sansio::{CallId, Client, Event, Limits, OpenError, OpenOptions, SendError};

const LARGE_REQUEST: usize = 271_828;
const LARGE_RESPONSE: usize = 314_159;

/// Both ends; the server answers a large request with a large response.
fn large_unary_pair(limits: Limits) -> Pair {
    let response = Bytes::from(vec![0; LARGE_RESPONSE]);
    let mut pair = Pair::with(&client_config(limits.clone()), &server_config(limits), 7);
    pair.on_server(move |_, server, event| {
        let (Event::Opened(id) | Event::Readable(id)) = event else { return };
        loop {
            let mut call = server.call(id).unwrap();
            match call.read() {
                None => return,
                Some(grpc_sansio::Item::Head(_)) => call.expect(Kind::Unary).unwrap(),
                Some(grpc_sansio::Item::Message(message)) => assert_eq!(message.len(), LARGE_REQUEST),
                Some(grpc_sansio::Item::End(_)) => {
                    call.send(response.clone()).unwrap();
                    return call.finish(&Status::ok(), &Metadata::new());
                }
            }
        }
    });
    pair
}

fn open_large(pair: &mut Pair, request: &Bytes) -> CallId {
    let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
    pair.client.call(id).unwrap().send(request.clone()).unwrap();
    id
}

fn assert_large(pair: &Pair, id: CallId) {
    let log = pair.client_log.call(id).expect("the call has ended");
    assert_eq!((log.code(), log.messages().map(<[u8]>::len).collect()), (Some(Code::Ok), vec![LARGE_RESPONSE]));
}

/// rpc_soak and channel_soak: ten large calls, one after another on one connection, and each on its own.
#[test]
fn g_376_soaks() {
    let request = Bytes::from(vec![0; LARGE_REQUEST]);
    let mut pair = large_unary_pair(Limits::default());
    for _ in 0..10 {
        let id = open_large(&mut pair, &request);
        pair.drive();
        assert_large(&pair, id);
        let mut fresh = large_unary_pair(Limits::default());
        let id = open_large(&mut fresh, &request);
        fresh.drive();
        assert_large(&fresh, id);
        assert_eq!((pair.client.calls(), pair.server.calls(), fresh.server.calls()), (0, 0, 0));
    }
}

/// concurrent_large_unary: a thousand large calls at once on one connection whose server takes a hundred.
#[test]
fn g_377_a_thousand_large_calls() {
    let request = Bytes::from(vec![0; LARGE_REQUEST]);
    let mut pair = large_unary_pair(Limits::default());
    pair.drive();
    let ids: Vec<_> = (0..1_000).map(|_| open_large(&mut pair, &request)).collect();
    pair.drive();
    ids.into_iter().for_each(|id| assert_large(&pair, id));
    assert_eq!(pair.server.counters().streams_refused, 0);
}

/// A header of 63 KiB, both ways: refused by default limits on either side, served where these are raised.
#[test]
fn g_378_a_long_header() {
    let mut metadata = Metadata::new();
    metadata.append("long", &"X".repeat(63 * 1024)).unwrap();
    let raised = limits(|limits| (limits.max_header_list, limits.max_header_block) = (64 * 1024, 64 * 1024));
    for (limits, code) in [(Limits::default(), Code::ResourceExhausted), (raised, Code::Ok)] {
        let mut pair = Pair::with(&client_config(limits.clone()), &server_config(limits), 3);
        pair.cut(Cut::Random);
        let sent = metadata.clone();
        pair.on_server(move |_, server, event| {
            let Event::Opened(id) = event else { return };
            let mut call = server.call(id).unwrap();
            let Some(grpc_sansio::Item::Head(head)) = call.read() else { panic!("no head") };
            if head.metadata().get("echo").is_some() {
                call.send_head(&sent).unwrap();
            }
            call.finish(&Status::ok(), &Metadata::new());
        });
        pair.drive();
        let up = pair.open(&OpenOptions::new(&BIDI).metadata(&metadata)).unwrap();
        let mut echo = Metadata::new();
        echo.append("echo", "yes").unwrap();
        let down = pair.open(&OpenOptions::new(&BIDI).metadata(&echo)).unwrap();
        pair.drive();
        for id in [up, down] {
            assert_eq!(pair.client_log.call(id).unwrap().code(), Some(code), "{code:?}");
        }
        let received = pair.client_log.call(down).unwrap().metadata();
        assert_eq!(received == Some(&metadata), code == Code::Ok);
    }
}

/// very_large_request: as large as is allowed, and one octet more.
#[test]
fn g_378_a_very_large_request() {
    let most = 4 * 1024 * 1024;
    for (size, code) in [(most, Code::Ok), (most + 1, Code::ResourceExhausted)] {
        let mut pair = Pair::new(3);
        pair.on_server(answer(Kind::Unary, move |request| {
            assert_eq!(request.messages().next().unwrap().len(), most);
            (vec![vec![]], Status::ok())
        }));
        let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
        pair.client.call(id).unwrap().send(vec![0; size]).unwrap();
        pair.drive();
        assert_eq!(pair.client_log.call(id).unwrap().code(), Some(code), "{size}");
    }
}

/// Push-back on both sides: a server that does not read stops its client's sending, and a client that does not read its
/// server's; both go on when the other does.
#[test]
fn g_378_push_back_in_both_directions() {
    let fill = |pair: &mut Pair, server: Option<CallId>, client: CallId| {
        let mut sent = 0;
        loop {
            let result = match server {
                Some(id) => pair.server.call(id).unwrap().send(vec![0; 10_000]),
                None => pair.client.call(client).unwrap().send(vec![0; 10_000]),
            };
            match result {
                Ok(()) => sent += 1,
                Err(SendError::Full(_)) => return sent,
                Err(error) => panic!("{error}"),
            }
            pair.drive();
        }
    };
    let mut pair = Pair::new(3);
    pair.on_client(|_, _, _| {});
    pair.on_server(|_, _, _| {});
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    pair.drive();
    let Event::Opened(served) = pair.server_log.events[1] else { panic!("{:?}", pair.server_log.events) };
    // A call's window of 64 KiB, and a queue of 64 KiB.
    let (up, down) = (fill(&mut pair, None, id), fill(&mut pair, Some(served), id));
    assert!((12..=14).contains(&up) && up == down, "{up} {down}");
    let mut taken = (0, 0);
    for _ in 0..200 {
        taken.0 += usize::from(matches!(pair.server.call(served).unwrap().read(), Some(grpc_sansio::Item::Message(_))));
        taken.1 += usize::from(matches!(pair.client.call(id).unwrap().read(), Some(grpc_sansio::Item::Message(_))));
        pair.drive();
    }
    assert_eq!(taken, (up, down));
    assert!(pair.client.call(id).unwrap().is_writable() && pair.server.call(served).unwrap().is_writable());
}

fn finish(raw: &mut Raw<Client>, stream: u32) {
    raw.headers(stream, &RESPONSE, false);
    raw.data(stream, &framed(&[0; 100]), false);
    raw.headers(stream, &OK, true);
}

/// goaway: the first call succeeds and GOAWAY follows it; the second goes over another connection and succeeds too.
#[test]
fn g_380_goaway() {
    let mut first = Raw::client();
    let id = first.request(&OpenOptions::new(&UNARY), b"m");
    finish(&mut first, 1);
    first.goaway(1, ErrorCode::NO_ERROR, b"");
    let events = first.poll();
    assert!(events.contains(&Event::Draining), "{events:?}");
    assert_eq!(first.log(id).code(), Some(Code::Ok));
    let now = first.now();
    assert_eq!(first.it.open(now, &OpenOptions::new(&UNARY)), Err(OpenError::Draining));
    assert!(matches!(first.said()[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, _)]));
    assert!(first.it.is_finished());

    let mut second = Raw::client();
    let id = second.request(&OpenOptions::new(&UNARY), b"m");
    finish(&mut second, 1);
    second.poll();
    assert_eq!(second.log(id).code(), Some(Code::Ok));
}

/// rst_after_header, rst_during_data, rst_after_data: RST_STREAM with code 0 in each place fails the call, and no message
/// that did not arrive whole is delivered.
#[test]
fn g_381_resets() {
    let message = framed(&[0; 10_000]);
    for (octets, messages) in [(None, 0), (Some(message.len() / 2), 0), (Some(message.len()), 1)] {
        for method in [UNARY, BIDI] {
            let mut raw = Raw::client();
            let id = raw.request(&OpenOptions::new(&method), b"m");
            raw.headers(1, &RESPONSE, false);
            if let Some(octets) = octets {
                raw.data(1, &message[..octets], false);
            }
            raw.reset(1, ErrorCode::NO_ERROR);
            raw.poll();
            let log = raw.log(id);
            assert_eq!(log.code(), Some(Code::Internal), "{octets:?}");
            assert_eq!(log.messages().count(), messages, "{octets:?} {:?}", method.kind());
            assert_eq!((raw.it.calls(), raw.it.error()), (0, None));
        }
    }
}

/// ping: PINGs before and behind HEADERS and each DATA are all answered, with what they said, and the call succeeds.
#[test]
fn g_382_pings_around_everything() {
    let mut raw = Raw::client();
    let mut pinged = 0u64;
    let mut ping = |raw: &mut Raw<Client>| {
        pinged += 1;
        raw.frame(Frame::Ping(Ping { ack: false, payload: pinged.to_be_bytes() }));
        assert_eq!(raw.said(), [Seen::Ping(true, pinged.to_be_bytes())]);
    };
    ping(&mut raw);
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    ping(&mut raw);
    raw.headers(1, &RESPONSE, false);
    for piece in framed(&[0; 10_000]).chunks(1_000) {
        ping(&mut raw);
        raw.data(1, piece, false);
        ping(&mut raw);
    }
    raw.headers(1, &OK, true);
    ping(&mut raw);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Ok));
}

/// max_streams: the server's limit becomes 1 once a call has ended; ten more at once all succeed, one at a time.
#[test]
fn g_383_one_stream_at_a_time() {
    let mut raw = Raw::client();
    let _first = raw.request(&OpenOptions::new(&UNARY), b"m");
    finish(&mut raw, 1);
    raw.poll();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let ids: Vec<_> = (0..10).map(|_| raw.open(&OpenOptions::new(&UNARY))).collect();
    ids.iter().for_each(|id| raw.it.call(*id).unwrap().send(b"m".to_vec()).unwrap());
    for stream in (3..23).step_by(2) {
        let said = raw.said_of_calls();
        assert!(
            matches!(said[..], [Seen::Headers { stream: head, .. }, Seen::Data { .. }] if head == stream),
            "{said:?}"
        );
        assert_eq!(raw.said_of_calls(), []);
        finish(&mut raw, stream);
    }
    raw.poll();
    assert!(ids.iter().all(|id| raw.log(*id).code() == Some(Code::Ok)));
}

/// A response in DATA of five octets, padded or not, from a server that keeps to the windows: it may not stall.
fn five_octets_a_frame(size: usize, padding: Option<u8>) {
    let mut raw = Raw::client_with(&client_config(limits(|limits| {
        (limits.call_window, limits.connection_window) = (65_535, 65_535);
    })));
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.headers(1, &RESPONSE, false);
    let (mut stream, mut connection) = (65_535i64, 65_535i64);
    for data in framed(&vec![7; size]).chunks(5) {
        let cost = data.len() as i64 + padding.map_or(0, |padding| i64::from(padding) + 1);
        if stream.min(connection) < cost {
            for seen in raw.said() {
                match seen {
                    Seen::Window(0, increment) => connection += i64::from(increment),
                    Seen::Window(1, increment) => stream += i64::from(increment),
                    other => panic!("{other:?}"),
                }
            }
        }
        assert!(stream >= cost && connection >= cost, "stalled: {stream} {connection}");
        (stream, connection) = (stream - cost, connection - cost);
        raw.frame(Frame::Data(Data { stream: StreamId::new(1), data, padding, end_stream: false }));
    }
    raw.headers(1, &OK, true);
    raw.poll();
    assert_eq!((raw.log(id).code(), raw.it.error()), (Some(Code::Ok), None));
    assert!(raw.log(id).messages().eq([vec![7; size]]));
}

/// data_frame_padding: 255 octets of padding with every five of data, for messages about as long as the call's window of
/// 65,535, and far longer.
#[test]
fn g_384_data_frame_padding() {
    for size in [32_000, 65_273, 65_274, 65_275, 65_530, 65_531, LARGE_RESPONSE] {
        five_octets_a_frame(size, Some(255));
    }
}

/// no_df_padding_sanity_test: the same frames without padding.
#[test]
fn g_385_no_padding() {
    five_octets_a_frame(LARGE_RESPONSE, None);
}

/// Max streams without failure, from the list of cases to come: a server that takes two, and a hundred calls of each size
/// that are echoed in pieces.
#[test]
fn g_378_many_calls_through_two_streams() {
    let server = server_config(limits(|limits| limits.max_concurrent_calls = 2));
    let mut pair = Pair::with(&client_config(Limits::default()), &server, 3);
    pair.cut(Cut::Random);
    pair.on_server(echo());
    pair.drive();
    let ids: Vec<_> = (0..100usize)
        .map(|n| {
            let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
            let mut call = pair.client.call(id).unwrap();
            call.send(vec![n as u8; n * 100]).unwrap();
            call.half_close().unwrap();
            id
        })
        .collect();
    pair.drive();
    for (n, id) in ids.into_iter().enumerate() {
        let log = pair.client_log.call(id).unwrap();
        assert_eq!((log.code(), log.messages().map(<[u8]>::len).collect()), (Some(Code::Ok), vec![n * 100]));
    }
    assert_eq!(pair.server.counters().streams_refused, 0);
}
