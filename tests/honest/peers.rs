//! Peers that are not ours, played frame by frame: other habits, and nothing wrong with them.

use crate::gauge::side_stays_calm;
use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{UNARY, UPLOAD};
use grpc_sansio::frame::{Frame, Ping, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::{Client, OpenOptions};
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Answers all streams that the client opened.
fn answers(raw: &mut Raw<Client>) {
    for seen in raw.said() {
        if let Seen::Headers { stream, .. } = seen {
            raw.headers(stream, &RESPONSE, false);
            raw.data(stream, &framed(b"response"), false);
            raw.headers(stream, &OK, true);
        }
    }
}

/// A server under load that lowers its limit of streams and raises it again, ten times a second for ten seconds, while
/// calls come and go.
#[test]
fn l_42_a_limit_that_goes_up_and_down() {
    let mut raw = Raw::client();
    let mut ids = Vec::new();
    for round in 0..100 {
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, if round % 2 == 0 { 5 } else { 100 })]);
        for _ in 0..20 {
            let id = raw.open(&OpenOptions::new(&UNARY));
            raw.it.call(id).unwrap().send(b"request".to_vec()).unwrap();
            ids.push(id);
        }
        answers(&mut raw);
        raw.poll();
        raw.sleep(millis(100));
    }
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 100)]);
    while raw.it.wants_transmit() {
        answers(&mut raw);
        raw.poll();
    }
    assert!(ids.iter().all(|id| raw.log(*id).code() == Some(Code::Ok)));
    side_stays_calm("a stream limit changed ten times a second", &raw.it);
}

/// A server that gives credit for each message as it reads it, to the stream and to the connection, as Go's `net/http` did
/// for years: ten thousand messages a second, a hundred octets each, for five seconds.
#[test]
fn l_42_a_window_update_for_each_message() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 1 << 20)]);
    raw.window(0, 1 << 20);
    let id = raw.open(&OpenOptions::new(&UPLOAD));
    raw.said();
    for _ in 0..5_000 {
        for _ in 0..10 {
            raw.it.call(id).unwrap().send(vec![1; 95]).unwrap();
            let data = raw.said();
            assert!(matches!(data[..], [Seen::Data { .. }]), "{data:?}");
            raw.window(0, 100);
            raw.window(1, 100);
        }
        raw.sleep(millis(1));
    }
    side_stays_calm("two WINDOW_UPDATEs for each of 50,000 messages", &raw.it);
}

/// A client that measures the path as gRPC implementations do, with a PING for each round trip in which data came, here a
/// millisecond.
#[test]
fn l_42_pings_that_measure_the_path() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    for round in 0..2_000u64 {
        raw.data(1, &framed(&[1; 1_000]), false);
        raw.frame(Frame::Ping(Ping { ack: false, payload: round.to_be_bytes() }));
        raw.log.read(&mut raw.it, id);
        raw.it.call(id).unwrap().send(vec![1; 10]).unwrap();
        raw.said();
        raw.sleep(millis(1));
    }
    side_stays_calm("a PING for each of 2,000 round trips", &raw.it);
}

/// A client that ends its half with an empty DATA frame, as many do, and one that flushes empty ones between messages.
#[test]
fn l_42_empty_data_frames() {
    let mut raw = Raw::server();
    for n in 0..500u32 {
        let stream = 2 * n + 1;
        raw.request(stream, &[], false);
        let id = raw.opened();
        raw.data(stream, &framed(&[1; 2_000]), false);
        if n % 100 == 0 {
            raw.data(stream, b"", false);
        }
        raw.data(stream, b"", true);
        raw.log.read(&mut raw.it, id);
        raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
        raw.said();
    }
    side_stays_calm("500 uploads that end with an empty DATA frame", &raw.it);
}
