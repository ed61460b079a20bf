//! What is rarely due is done where nothing else is: no turn of a call, and nothing that was due before.

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{ErrorCode, Frame, HEAD_LEN, Head, Kind, Ping, SettingId, Settings};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::{Client, ClientConfig, ClientManagement, Event, OpenOptions, SendError, Server, WriteBuf};
use std::time::Duration;

/// From here on a client takes no more ids (G-166).
const LAST_ID: u32 = (1 << 31) / 4 * 3;

/// T-45: what makes a crowd may lie on calls that wait for the server's limit, of which no octet can leave.
#[test]
fn t_45_a_crowd_that_waits() {
    let config = client_config(limits(|limits| {
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (4_000, 4_000);
    }));
    let minute = Duration::from_secs(60);
    for (octets, crowd) in [(1_090, false), (1_091, true)] {
        let mut raw = Raw::client_with(&config);
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1), (SettingId::INITIAL_WINDOW_SIZE, 0)]);
        let stalled = raw.request(&OpenOptions::new(&BIDI), &[0; 900]);
        raw.said();
        raw.request(&OpenOptions::new(&BIDI), &vec![0; octets]);
        raw.sleep(minute);
        raw.poll();
        assert_eq!(raw.log(stalled).code(), crowd.then_some(Code::ResourceExhausted), "{octets}");
    }
}

/// G-166, L-27: whoever takes the last id tells that there are no more, though its call goes as all calls do.
#[test]
fn g_166_the_last_id() {
    let mut raw = Raw::client();
    raw.skip_streams(LAST_ID - 3);
    raw.request(&OpenOptions::new(&UNARY), b"m");
    assert_eq!(raw.poll(), []);
    raw.request(&OpenOptions::new(&UNARY), b"m");
    assert_eq!(raw.poll(), [Event::Draining]);

    let mut raw = Raw::client();
    raw.skip_streams(LAST_ID + 1);
    raw.said();
    assert_eq!(raw.poll(), [Event::Draining]);
}

/// L-07: who was refused for the total of all calls is told when the total falls, also by a request that leaves as a whole.
#[test]
fn l_07_the_total_falls_by_a_whole_request() {
    let config = client_config(limits(|limits| {
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (3_500, 4_000);
    }));
    // Whether it is refused before or after the request has been looked at.
    for early in [true, false] {
        let mut raw = Raw::client_with(&config);
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
        let shut = raw.request(&OpenOptions::new(&BIDI), &[0; 65_530]);
        raw.window(0, 65_535);
        let _other = raw.request(&OpenOptions::new(&UNARY), b"m");
        raw.it.call(shut).unwrap().send(vec![0; 100]).unwrap();
        raw.said();
        let waits = raw.open(&OpenOptions::new(&UNARY));
        raw.it.call(waits).unwrap().send(vec![0; 1_500]).unwrap();
        let too_much = |raw: &mut Raw<Client>| {
            assert!(matches!(raw.it.call(shut).unwrap().send(vec![0; 3_000]), Err(SendError::Full(_))));
        };
        if early {
            too_much(&mut raw);
        }
        assert_eq!(raw.said(), []);
        // The other one's place is free.
        raw.headers(3, &RESPONSE, false);
        raw.data(3, &framed(b"r"), false);
        raw.headers(3, &OK, true);
        raw.poll();
        if !early {
            too_much(&mut raw);
        }
        assert_eq!(raw.said().len(), 2, "HEADERS and DATA");
        assert_eq!(raw.poll(), [Event::Writable(shut)], "{early}");
    }
}

/// G-190: who waits for a loan behind a call that ends, or is let go, is lent it then.
#[test]
fn g_190_a_loan_behind_a_call_that_has_ended() {
    for let_go in [false, true] {
        let mut raw = Raw::client_with(&client_config(limits(|limits| {
            (limits.call_window, limits.connection_window) = (65_535, 10 * 65_535);
            (limits.assembly_budget, limits.max_receive_message) = (400_000, Some(400_000));
        })));
        let was_lent =
            |said: &[Seen], of| said.iter().any(|seen| matches!(seen, Seen::Window(stream, _) if *stream == of));
        let mut ids = Vec::new();
        for (stream, octets) in [(1, 390_000), (3, 390_000), (5, 100_000)] {
            ids.push(raw.request(&OpenOptions::new(&DOWNLOAD), b"m"));
            raw.headers(stream, &RESPONSE, false);
            raw.data(stream, &framed(&vec![1; octets])[..100], false);
            assert_eq!(was_lent(&raw.said(), stream), stream == 1, "{stream}");
        }
        if let_go {
            raw.it.call(ids[1]).unwrap().cancel();
        } else {
            raw.headers(3, &OK, true);
        }
        assert!(was_lent(&raw.said(), 5), "{let_go}");
    }
}

/// G-203: the first call after a long silence has a PING sent with it, also where the output had no room when it came.
#[test]
fn g_203_a_call_that_finds_the_output_full() {
    let mut management = ClientManagement::default();
    management.keepalive_time = Some(Duration::from_secs(60));
    let config = ClientConfig::builder("localhost").management(management).build().unwrap();
    let mut raw = Raw::client_with(&config);
    // What another connection said.
    let mut full = WriteBuf::with_target(1);
    Raw::fresh_client(&config).it.transmit(raw.now(), &mut full);
    let octets = full.len();
    raw.sleep(Duration::from_secs(100));
    assert_eq!(raw.said(), []);
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    raw.it.transmit(raw.now(), &mut full);
    assert_eq!(full.len(), octets, "not a word");
    assert!(matches!(raw.said()[..], [Seen::Headers { .. }, Seen::Data { .. }, Seen::Ping(false, _)]));
}

/// RFC 9113 section 5.4.1: behind the GOAWAY of a broken connection no call begins that waited for its turn.
#[test]
fn nothing_leaves_behind_the_end() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    raw.frame(Frame::Settings(Settings::ACK));
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]));
    assert_eq!(raw.said(), []);
}

/// H-097: who waited for the connection's window stands before whoever answers after that has opened, also where replies leave
/// as a whole and fill the output.
#[test]
fn h_097_who_waited_for_the_window_goes_first() {
    let mut raw = Raw::server();
    let answer = |raw: &mut Raw<Server>, stream: u32| {
        raw.request(stream, &[], false);
        raw.data(stream, &framed(b"m"), true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.send(vec![7; 1_000]).unwrap();
        call.finish(&Status::ok(), &Metadata::new());
    };
    let mut reply = 0;
    for stream in [1, 3, 5] {
        answer(&mut raw, stream);
        reply = raw.said_octets().len();
    }
    raw.request(7, &[], false);
    let waits = raw.opened();
    raw.it.call(waits).unwrap().send(vec![7; 70_000]).unwrap();
    raw.window(7, 100_000);
    raw.said_octets();
    raw.window(0, 50_000);
    for stream in [9, 11] {
        answer(&mut raw, stream);
    }
    raw.output_target(reply);
    assert_eq!(data_of(&raw.said_octets()), [9]);
    answer(&mut raw, 13);
    raw.output_target(usize::MAX);
    assert_eq!(data_of(&raw.said_octets()), [11, 7, 13]);
}

/// The streams of all DATA frames.
fn data_of(mut wire: &[u8]) -> Vec<u32> {
    let mut streams = Vec::new();
    while let Some((head, rest)) = wire.split_first_chunk::<HEAD_LEN>() {
        let head = Head::parse(head);
        if head.kind == Kind::DATA {
            streams.push(head.stream.get());
        }
        wire = &rest[head.length as usize..];
    }
    streams
}

/// G-211, H-107: who was told to end does with its last call: a server behind a reply that leaves as a whole, a client
/// behind the outcome that is read.
#[test]
fn g_211_the_end_comes_with_the_last_call() {
    let mut raw = Raw::server();
    let mut ids = Vec::new();
    for stream in [1, 3, 5] {
        raw.request(stream, &[], false);
        raw.data(stream, &framed(b"m"), true);
        ids.push(raw.opened());
    }
    let mut told = raw.now();
    for (at, id) in ids.into_iter().enumerate() {
        let mut call = raw.it.call(id).unwrap();
        call.send(b"r".to_vec()).unwrap();
        call.finish(&Status::ok(), &Metadata::new());
        assert_eq!(raw.said_of_calls().len(), 3, "{at}");
        assert_eq!(raw.poll(), if at == 2 { vec![Event::Closed] } else { vec![] }, "{at}");
        if at == 0 {
            told = raw.now();
            raw.it.shutdown(told, None);
            raw.said();
            raw.frame(Frame::Ping(Ping { ack: true, payload: *b"shutdown" }));
            raw.said();
            assert_eq!(raw.poll(), [Event::Draining]);
        }
    }
    assert_eq!(raw.now(), told);
    assert!(raw.it.is_finished());

    let mut raw = Raw::client();
    for _ in 0..2 {
        raw.request(&OpenOptions::new(&UNARY), b"m");
    }
    for stream in [1, 3] {
        raw.headers(stream, &RESPONSE, false);
        raw.data(stream, &framed(b"r"), false);
        raw.headers(stream, &OK, true);
        raw.poll();
        if stream == 1 {
            assert_eq!(raw.said(), []);
            raw.it.shutdown(told, None);
            assert_eq!((raw.said(), raw.poll()), (vec![], vec![Event::Draining]));
        }
    }
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, _)]));
    assert!(raw.it.is_finished());
}
