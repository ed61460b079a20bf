//! L-41: links with long round trips and any bandwidth, on which everything arrives late.

use crate::gauge::stays_calm;
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::grpc::{Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, Rng};
use grpc_sansio::{CallId, Event, OpenOptions};
use std::collections::BTreeMap;
use std::time::Duration;

/// Calls of all kinds, of which the client cancels some and the server ends some early, so that frames of the other end
/// come late by a round trip.
fn mixed_traffic(seed: u64, round_trip: Duration, bandwidth: Option<u64>, rounds: usize) -> Pair {
    let mut pair = Pair::new(seed);
    pair.delay(round_trip / 2);
    pair.cut(Cut::Random);
    (pair.up.bandwidth, pair.down.bandwidth) = (bandwidth, bandwidth);
    pair.drive();
    let mut rng = Rng::new(seed);
    let mut chance = rng.fork();
    let mut messages: BTreeMap<CallId, usize> = BTreeMap::new();
    pair.on_server(move |_, server, event| {
        let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id) | Event::Writable(id)) = event else {
            return;
        };
        let Some(mut call) = server.call(id) else { return };
        let read = messages.entry(id).or_default();
        while call.read().is_some() {
            *read += 1;
        }
        if call.stopped().is_some() {
            return call.release();
        }
        let _ = call.send(vec![3; chance.below(30_000)]);
        if call.has_ended() || chance.one_in(6) {
            call.finish(&Status::ok(), &Metadata::new());
        }
    });
    for _ in 0..rounds {
        let mut ids = Vec::new();
        for _ in 0..50 {
            let method = [&UNARY, &DOWNLOAD, &BIDI][rng.below(3)];
            let id = pair.open(&OpenOptions::new(method)).unwrap();
            let mut call = pair.client.call(id).unwrap();
            for _ in 0..3 {
                let _ = call.send(vec![1; rng.below(20_000)]);
            }
            if method.kind().client_streams() && rng.one_in(2) {
                call.half_close().unwrap();
            }
            ids.push(id);
        }
        pair.sleep(round_trip / 4 + Duration::from_millis(rng.below(1_000) as u64));
        for id in ids {
            if let Some(call) = pair.client.call(id).filter(|_| rng.one_in(3)) {
                call.cancel();
            }
        }
        pair.sleep(Duration::from_secs(1));
    }
    for id in pair.client_log.calls().map(|(id, _)| id).collect::<Vec<_>>() {
        pair.client.call(id).into_iter().for_each(|call| call.cancel());
    }
    pair.drive();
    pair
}

/// Half a second there and back, from 1 Mb/s to 10 Gb/s.
#[test]
fn l_41_late_frames_at_any_bandwidth() {
    for (scenario, octets) in [
        ("500 ms round trips at 1 Mb/s", 125_000),
        ("500 ms round trips at 100 Mb/s", 12_500_000),
        ("500 ms round trips at 10 Gb/s", 1_250_000_000),
    ] {
        stays_calm(scenario, &mixed_traffic(41, Duration::from_millis(500), Some(octets), 12));
    }
}

#[test]
fn l_41_two_seconds_there_and_back() {
    stays_calm("2 s round trips", &mixed_traffic(42, Duration::from_secs(2), None, 12));
}

#[test]
fn l_41_no_distance_at_all() {
    stays_calm("no distance at all", &mixed_traffic(43, Duration::ZERO, None, 12));
}
