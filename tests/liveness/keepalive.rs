//! L-28 and L-29: a connection that lives is never taken for dead, and one that is dead is always found out.

use crate::traffic::METHODS;
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair};
use grpc_sansio::{ClientConfig, ClientManagement, Event, OpenOptions, ServerConfig, ServerManagement, Stop};
use proptest::prelude::*;
use std::time::Duration;

const NANO: Duration = Duration::from_nanos(1);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Keepalive on both sides: the time, and the timeout.
#[derive(Clone, Copy, Debug)]
struct Both {
    client: (u64, u64),
    server: (u64, u64),
    without_calls: bool,
}

impl Both {
    fn pair(self, seed: u64) -> Pair {
        let mut ours = ClientManagement::default();
        (ours.keepalive_time, ours.keepalive_timeout) = (Some(millis(self.client.0)), millis(self.client.1));
        ours.keepalive_without_calls = self.without_calls;
        let mut theirs = ServerManagement::default();
        (theirs.keepalive_time, theirs.keepalive_timeout) = (Some(millis(self.server.0)), millis(self.server.1));
        // What a client may do at most.
        theirs.min_ping_interval = millis(self.client.0);
        theirs.pings_without_calls = self.without_calls;
        let client = ClientConfig::builder("a").management(ours).build().unwrap();
        let server = ServerConfig::builder().management(theirs).build().unwrap();
        let mut pair = Pair::with(&client, &server, seed);
        pair.watch();
        // The handshake has timeouts of its own.
        pair.drive();
        pair
    }
}

fn both() -> impl Strategy<Value = Both> {
    let time = || 10_000..100_000u64;
    let timeout = || prop_oneof![2_000..20_000u64, 20_000..200_000u64];
    ((time(), timeout()), (time(), timeout()), any::<bool>()).prop_map(|(client, server, without_calls)| Both {
        client,
        server,
        without_calls,
    })
}

/// One stretch of a day: a call is opened or not, the server speaks or not, then so long nothing happens.
type Stretch = (bool, bool, bool, u64, u64);

fn live(pair: &mut Pair, stretches: &[Stretch], slowest: u64) {
    let mut open = Vec::new();
    for &(opens, speaks, ends, pause, delay) in stretches {
        // There and back is less than the shorter timeout.
        pair.delay(millis(delay % slowest));
        if opens && open.len() < 5 {
            open.push(pair.open(&OpenOptions::new(&METHODS[3])).unwrap());
        }
        if ends && let Some(id) = open.pop() {
            pair.client.call(id).into_iter().for_each(|call| call.cancel());
        }
        pair.sleep(millis(pause));
        let shown: Vec<_> = pair.server_log.calls().map(|(id, _)| id).collect();
        for id in shown.into_iter().filter(|_| speaks) {
            if let Some(mut call) = pair.server.call(id).filter(|call| call.stopped().is_none()) {
                let _ = call.send(b"news".to_vec());
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(60))]

    /// L-28: whatever the traffic and however long its pauses, with round trips shorter than the timeout nobody gives up, and
    /// nobody asks too often; then the line goes dead without a word, and whoever has a call, or asks without one, finds out
    /// within the time and the timeout.
    #[test]
    fn l_28_no_false_alarm_and_none_missed(
        both in both(),
        stretches in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), 0..300_000u64, 0..100_000u64), 0..30),
        with_call: bool,
        seed: u64,
    ) {
        let mut pair = both.pair(seed);
        pair.cut(Cut::Random);
        let slowest = both.client.1.min(both.server.1) / 2;
        live(&mut pair, &stretches, slowest);
        // What is under way arrives.
        pair.delay(Duration::ZERO);
        pair.sleep(millis(slowest));
        let call = with_call.then(|| pair.open(&OpenOptions::new(&METHODS[3])).unwrap());
        pair.sleep(millis(1));
        prop_assert_eq!((pair.client.error(), pair.server.error()), (None, None));
        prop_assert_eq!(pair.server.guards().ping_strikes.most, 0);
        pair.up.drop_silently();
        pair.down.drop_silently();
        let within = |(time, timeout): (u64, u64)| millis(time + timeout);
        let asks = both.without_calls || pair.client.calls() > 0;
        pair.sleep(within(both.client).max(within(both.server)));
        prop_assert!(pair.server.error().is_some());
        prop_assert_eq!(pair.client.error().is_some(), asks);
        if let Some(id) = call {
            prop_assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Unavailable));
            let stopped = pair.server_log.events.iter().any(|event| matches!(event, Event::Stopped(_)));
            prop_assert!(stopped);
        }
    }

    /// L-29: after a GOAWAY, of either side, keepalive goes on while a call is open: on a line that is dead since, all calls
    /// end by the time and the timeout.
    #[test]
    fn l_29_keepalive_goes_on_after_goaway(both in both(), by_client: bool, calls in 1..6usize, ended in 0..5usize, seed: u64) {
        let mut pair = both.pair(seed);
        let ids: Vec<_> = (0..calls).map(|_| pair.open(&OpenOptions::new(&METHODS[3])).unwrap()).collect();
        pair.sleep(millis(1_000));
        let now = pair.now();
        if by_client {
            pair.client.shutdown(now, None)
        } else {
            pair.server.shutdown(now, None)
        }
        pair.sleep(millis(1_000));
        prop_assert_eq!(pair.client_log.count(Event::Draining), 1);
        let shown: Vec<_> = pair.server_log.calls().map(|(id, _)| id).collect();
        pair.up.drop_silently();
        pair.down.drop_silently();
        // These end before the line is dead, and the client never learns.
        let ended = ended.min(calls - 1);
        for id in &shown[..ended] {
            pair.server.call(*id).unwrap().finish(&Status::ok(), &Metadata::new());
        }
        let within = |(time, timeout): (u64, u64)| millis(time + timeout);
        pair.sleep(within(both.client).max(within(both.server)));
        for id in &ids {
            prop_assert_eq!(pair.client_log.call(*id).unwrap().code(), Some(Code::Unavailable));
        }
        let stops = pair.server_log.events.iter().filter(|event| matches!(event, Event::Stopped(_))).count();
        prop_assert_eq!((stops, pair.server.calls(), pair.server.error().is_some()), (calls - ended, 0, true));
    }
}

/// L-28, to the nanosecond: a sign of life just before the end of the timeout is one.
#[test]
fn l_28_the_last_moment() {
    for late in [false, true] {
        let both = Both { client: (10_000, 3_000), server: (1_000_000, 1_000), without_calls: false };
        let mut pair = both.pair(28);
        pair.open(&OpenOptions::new(&METHODS[3])).unwrap();
        pair.sleep(millis(1));
        pair.down.delay = if late { millis(3_000) } else { millis(3_000) - NANO };
        pair.sleep(millis(14_000));
        assert_eq!(pair.client.error().is_some(), late);
    }
}

/// L-29: and so it does for a server whose client is gone, with a call that its application holds.
#[test]
fn l_29_a_server_finds_out_too() {
    let both = Both { client: (60_000, 20_000), server: (90_000, 20_000), without_calls: false };
    let mut pair = both.pair(30);
    pair.on_server(|_, _, _| {});
    pair.open(&OpenOptions::new(&METHODS[3])).unwrap();
    pair.sleep(millis(1_000));
    let id = pair.server_log.events.iter().find_map(|event| match event {
        Event::Opened(id) => Some(*id),
        _ => None,
    });
    pair.up.drop_silently();
    pair.down.drop_silently();
    pair.sleep(millis(110_000));
    assert_eq!(pair.server.call(id.unwrap()).unwrap().stopped(), Some(Stop::ConnectionLost));
}
