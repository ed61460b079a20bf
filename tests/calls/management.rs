//! The life of a connection beside its calls: keepalive, PINGs that come too often, idleness, age (G-200 to G-216).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, UNARY};
use grpc_sansio::frame::{ErrorCode, Frame, Ping, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::Pair;
use grpc_sansio::{
    CallId, Client, ClientConfig, ClientManagement, Connection, Event, Instant, OpenError, OpenOptions, Origin, Server,
    ServerConfig, ServerManagement, Stop,
};
use std::collections::BTreeSet;
use std::time::Duration;

const NANO: Duration = Duration::from_nanos(1);
const DAY: Duration = seconds(86_400);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn client_config(change: impl FnOnce(&mut ClientManagement)) -> ClientConfig {
    let mut management = ClientManagement::default();
    change(&mut management);
    ClientConfig::builder("localhost").management(management).build().unwrap()
}

fn server_config(change: impl FnOnce(&mut ServerManagement)) -> ServerConfig {
    let mut management = ServerManagement::default();
    change(&mut management);
    ServerConfig::builder().management(management).build().unwrap()
}

/// A client with keepalive each minute, and what else is changed.
fn client(change: impl FnOnce(&mut ClientManagement)) -> Raw<Client> {
    Raw::client_with(&client_config(|management| {
        management.keepalive_time = Some(seconds(60));
        change(management);
    }))
}

fn server(change: impl FnOnce(&mut ServerManagement)) -> Raw<Server> {
    Raw::server_with(&server_config(change))
}

fn call(raw: &mut Raw<Client>) -> CallId {
    raw.request(&OpenOptions::new(&BIDI), b"m")
}

/// PINGs said now, with nothing else beside them.
#[track_caller]
fn pings(raw: &mut Raw<impl grpc_sansio::testing::Recorded>) -> usize {
    let said = raw.said();
    assert!(said.iter().all(|seen| matches!(seen, Seen::Ping(false, _))), "{said:?}");
    said.len()
}

fn ping(raw: &mut Raw<Server>) {
    raw.frame(Frame::Ping(Ping { ack: false, payload: [7; 8] }));
}

fn answer(raw: &mut Raw<Client>) {
    raw.frame(Frame::Ping(Ping { ack: true, payload: *b"keepaliv" }));
}

/// Nothing is asked unless that was configured.
#[test]
fn g_200_a_client_is_silent_by_default() {
    let mut raw = Raw::client();
    call(&mut raw);
    raw.sleep(100 * DAY);
    assert_eq!((pings(&mut raw), raw.it.error(), raw.it.poll_timeout()), (0, None, None));
}

/// Any octet moves the next PING, even the first of a frame; none moves it by being sent.
#[test]
fn g_201_keepalive_counts_from_the_last_octet_received() {
    let mut raw = client(|_| {});
    let id = call(&mut raw);
    raw.sleep(seconds(60) - NANO);
    assert_eq!(pings(&mut raw), 0);
    raw.feed(&[0]);
    raw.sleep(seconds(60) - NANO);
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    assert!(raw.said().iter().all(|seen| matches!(seen, Seen::Data { .. })));
    raw.sleep(NANO);
    assert_eq!(pings(&mut raw), 1);
    assert_eq!(raw.it.counters().pings_sent, 1);
    // Nothing came, so it is no octet.
    raw.feed(&[]);
    raw.sleep(seconds(20));
    assert!(raw.it.error().is_some());
}

/// The interval is that between an answer and the next PING: a server that permits just as much never sees them closer.
#[test]
fn g_201_the_last_ping_does_not_count() {
    let mut raw = client(|_| {});
    call(&mut raw);
    raw.sleep(seconds(60));
    assert_eq!(pings(&mut raw), 1);
    raw.sleep(seconds(19));
    answer(&mut raw);
    raw.sleep(seconds(60) - NANO);
    assert_eq!(pings(&mut raw), 0);
    raw.sleep(NANO);
    assert_eq!(pings(&mut raw), 1);
}

/// L-30: as long as a PING was not answered none follows it, whatever else came: on their way two of them could come closer.
/// The one that is out serves as well, and its peer has as long to say something.
#[test]
fn l_30_one_ping_at_a_time() {
    let mut raw = client(|_| {});
    call(&mut raw);
    raw.sleep(seconds(60));
    assert_eq!(pings(&mut raw), 1);
    raw.window(0, 1);
    raw.sleep(seconds(60));
    assert_eq!(pings(&mut raw), 0);
    raw.sleep(seconds(20) - NANO);
    assert_eq!(raw.it.error(), None);
    let mut dead = raw.it.clone();
    dead.handle_timeout(raw.now().saturating_add(NANO));
    assert!(dead.error().is_some());
    answer(&mut raw);
    raw.sleep(seconds(60));
    assert_eq!((pings(&mut raw), raw.it.error()), (1, None));
}

#[test]
fn g_202_pings_need_a_call_or_leave() {
    let mut raw = client(|_| {});
    raw.sleep(DAY);
    assert_eq!((pings(&mut raw), raw.it.poll_timeout()), (0, None));

    let mut raw = client(|management| management.keepalive_without_calls = true);
    raw.sleep(seconds(60) - NANO);
    assert_eq!(pings(&mut raw), 0);
    raw.sleep(NANO);
    assert_eq!(pings(&mut raw), 1);

    // A call that ended on the wire and is not read yet is none: the server knows of no call.
    let mut raw = client(|_| {});
    call(&mut raw);
    raw.headers(1, &RESPONSE, false);
    raw.headers(1, &OK, true);
    let closing = raw.said();
    assert!(closing.iter().all(|seen| matches!(seen, Seen::Reset(1, ErrorCode::NO_ERROR))), "{closing:?}");
    raw.sleep(DAY);
    assert_eq!((pings(&mut raw), raw.it.calls()), (0, 1));
}

/// The first call after a long silence takes a PING with it: right behind its HEADERS, so that a server sees a call when it
/// sees the PING. Opening does not begin the time anew.
#[test]
fn g_203_a_call_after_a_long_silence() {
    let mut raw = client(|_| {});
    raw.sleep(seconds(100));
    call_with_ping(&mut raw, true);
    raw.sleep(seconds(20) - NANO);
    assert_eq!((pings(&mut raw), raw.it.error()), (0, None));
    raw.sleep(NANO);
    assert!(raw.it.error().is_some(), "dead after the timeout alone");

    let mut raw = client(|_| {});
    raw.sleep(seconds(60) - NANO);
    call_with_ping(&mut raw, false);
    raw.sleep(NANO);
    assert_eq!(pings(&mut raw), 1);

    // Something has come since.
    let mut raw = client(|_| {});
    raw.sleep(seconds(100));
    raw.window(0, 1);
    call_with_ping(&mut raw, false);
    raw.sleep(seconds(60));
    assert_eq!(pings(&mut raw), 1);
}

fn call_with_ping(raw: &mut Raw<Client>, with_ping: bool) {
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    match &raw.said()[..] {
        [Seen::Headers { .. }, Seen::Data { .. }, Seen::Ping(false, _)] if with_ping => {}
        [Seen::Headers { .. }, Seen::Data { .. }] if !with_ping => {}
        other => panic!("{other:?}"),
    }
}

/// A call that waits for the server's limit is none on the wire, and asks when it is.
#[test]
fn g_203_a_call_that_waits_for_its_turn() {
    let mut raw = client(|_| {});
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
    raw.said();
    raw.open(&OpenOptions::new(&BIDI));
    raw.sleep(seconds(100));
    assert_eq!(pings(&mut raw), 0);
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    assert!(matches!(raw.said()[..], [Seen::Ack, Seen::Headers { .. }]));
    raw.sleep(seconds(60) - NANO);
    assert_eq!(pings(&mut raw), 0);
    raw.sleep(NANO);
    assert_eq!(pings(&mut raw), 1);
}

/// G-183, G-204: the timeout on both its sides; any octet is an answer; the calls end with UNAVAILABLE.
#[test]
fn g_204_no_octet_within_the_timeout() {
    for saved in [false, true] {
        let mut raw = client(|_| {});
        let id = call(&mut raw);
        raw.sleep(seconds(60));
        assert_eq!(pings(&mut raw), 1);
        raw.sleep(seconds(20) - NANO);
        assert_eq!((raw.poll(), raw.it.error()), (vec![], None));
        if saved {
            raw.feed(&[0]);
        }
        raw.sleep(NANO);
        if saved {
            assert_eq!((raw.poll(), raw.it.error()), (vec![], None));
            continue;
        }
        assert!(raw.poll().contains(&Event::Closed));
        assert_eq!(raw.log(id).code(), Some(Code::Unavailable));
        let error = raw.it.error().unwrap();
        assert_eq!((error.origin(), error.reason().split(':').next()), (Origin::Transport, Some("keepalive_timeout")));
        let goaway = raw.said();
        assert!(
            matches!(&goaway[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, why)] if why.starts_with("keepalive_timeout"))
        );
        assert!(raw.it.is_finished());
        raw.sleep(DAY);
        assert_eq!((raw.said(), raw.it.poll_timeout()), (vec![], None));
    }
}

/// grpc-core's limit of two PINGs without data is not ours: a watch may be silent for ever.
#[test]
fn g_205_any_number_of_pings_without_data() {
    let mut raw = client(|_| {});
    call(&mut raw);
    for _ in 0..100 {
        raw.sleep(seconds(60));
        assert_eq!(pings(&mut raw), 1);
        answer(&mut raw);
    }
    assert_eq!((raw.it.error(), raw.it.counters().pings_sent), (None, 100));
}

#[test]
fn g_206_too_many_pings_doubles_the_time() {
    let time = |config: &ClientConfig| config.management().keepalive_time;
    let told = |code: ErrorCode, debug_data: &[u8], calls: u32| {
        let mut raw = client(|_| {});
        (0..calls).for_each(|_| _ = call(&mut raw));
        let last = (2 * calls).saturating_sub(1);
        raw.goaway(last, code, debug_data);
        let events = raw.poll();
        raw.goaway(last, code, debug_data);
        assert!(!raw.poll().contains(&Event::TooManyPings), "once");
        raw.it.receive_eof(raw.now());
        (events.contains(&Event::TooManyPings), time(&raw.it.next_config()))
    };
    let (once, twice) = (Some(seconds(60)), Some(seconds(120)));
    for calls in [0, 3] {
        assert_eq!(told(ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings", calls), (true, twice));
        assert_eq!(told(ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings!", calls), (false, once));
        assert_eq!(told(ErrorCode::ENHANCE_YOUR_CALM, b"", calls), (false, once));
        assert_eq!(told(ErrorCode::NO_ERROR, b"too_many_pings", calls), (false, once));
    }

    // The next connection has the doubled time, and the one after it may double it again.
    let mut config = client_config(|management| management.keepalive_time = Some(seconds(60)));
    for minutes in [1, 2, 4] {
        let mut raw = Raw::client_with(&config);
        call(&mut raw);
        raw.sleep(seconds(60 * minutes) - NANO);
        assert_eq!(pings(&mut raw), 0);
        raw.sleep(NANO);
        assert_eq!(pings(&mut raw), 1);
        assert_eq!(time(&raw.it.next_config()), time(&config), "nothing was said yet");
        raw.goaway(1, ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings");
        config = raw.it.next_config();
    }
    assert_eq!(time(&config), Some(seconds(480)));

    // Nobody asked, so there is nothing to double.
    let mut raw = Raw::client();
    raw.goaway(0, ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings");
    assert_eq!(time(&raw.it.next_config()), None);
}

/// Early PINGs, one after the other, until the connection ends; how many were fine.
fn fine_pings(raw: &mut Raw<Server>, apart: Duration) -> usize {
    let fine = (0..50).take_while(|_| {
        ping(raw);
        let said = raw.said();
        raw.sleep(apart);
        matches!(said[..], [Seen::Ping(true, _)])
    });
    fine.count()
}

/// With a call five minutes, without one two hours, unless the config says otherwise; on both sides of each.
#[test]
fn g_207_how_often_a_client_may_ping() {
    let (five, hours) = (seconds(300), seconds(7_200));
    type Change = fn(&mut ServerManagement);
    let cases: [(bool, Change, Duration); 4] = [
        (true, |_| {}, five),
        (false, |_| {}, hours),
        (false, |management| management.pings_without_calls = true, five),
        (true, |management| management.min_ping_interval = seconds(7), seconds(7)),
    ];
    for (in_use, change, interval) in cases {
        // Of those that are a little too close each second one counts.
        for (apart, fine) in [(interval, 50), (interval - NANO, 5)] {
            let mut raw = server(|management| {
                management.keepalive_time = None;
                change(management);
            });
            if in_use {
                raw.request(1, &[], false);
                raw.poll();
            }
            assert_eq!(fine_pings(&mut raw, apart), fine, "{in_use} {apart:?}");
        }
    }
}

/// The end is at once, says why to the letter, and ends the calls; how far it has come can be read.
#[test]
fn g_207_one_ping_too_many_ends_the_connection() {
    let mut raw = server(|_| {});
    raw.request(1, &[], false);
    let id = raw.opened();
    for strikes in [0, 1, 2] {
        ping(&mut raw);
        raw.said();
        let guard = raw.it.guards().ping_strikes;
        assert_eq!((guard.spent, guard.most, guard.limit), (strikes, strikes, 2));
    }
    ping(&mut raw);
    let goaway = raw.said();
    assert_eq!(goaway, [Seen::GoAway(1, ErrorCode::ENHANCE_YOUR_CALM, "too_many_pings".into())]);
    assert_eq!(raw.it.error().map(|error| (error.origin(), error.reason())), Some((Origin::Local, "too_many_pings")));
    raw.poll();
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::ConnectionLost));
    assert!(raw.it.is_finished());

    let mut off = server(|management| management.max_ping_strikes = None);
    assert_eq!(fine_pings(&mut off, NANO), 50);
    let mut strict = server(|management| management.max_ping_strikes = Some(0));
    assert_eq!(fine_pings(&mut strict, NANO), 1);
}

/// A client judges no PINGs: its server may measure what it likes.
#[test]
fn g_207_a_client_counts_nothing() {
    let mut raw = Raw::client();
    for _ in 0..1_000 {
        raw.frame(Frame::Ping(Ping { ack: false, payload: [1; 8] }));
        raw.said();
    }
    assert_eq!((raw.it.error(), raw.it.guards().ping_strikes.limit), (None, 0));
}

/// HEADERS, DATA or trailers that are sent forgive all; answers to PINGs and SETTINGS, and windows, do not.
#[test]
fn g_208_sending_forgives() {
    let mut raw = server(|_| {});
    raw.request(1, &[], false);
    let id = raw.opened();
    let three = |raw: &mut Raw<Server>| {
        for _ in 0..3 {
            ping(raw);
            raw.said();
        }
        assert_eq!((raw.it.guards().ping_strikes.spent, raw.it.error()), (2, None));
    };
    three(&mut raw);
    raw.it.call(id).unwrap().send_head(&Metadata::new()).unwrap();
    assert!(matches!(raw.said()[..], [Seen::Headers { .. }]));
    assert_eq!(raw.it.guards().ping_strikes.spent, 0);
    three(&mut raw);
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    assert!(matches!(raw.said()[..], [Seen::Data { .. }]));
    three(&mut raw);
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    raw.said();
    three(&mut raw);
    // A refusal is HEADERS too.
    raw.request(3, &[("content-type", "text/plain")], true);
    assert!(raw.said().iter().any(|seen| seen.field(":status") == Some("415")));
    three(&mut raw);
    raw.request(5, &[], false);
    raw.opened();
    for _ in 0..40 {
        raw.data(5, &framed(&[1; 16_000]), false);
        raw.poll();
    }
    raw.settings(&[]);
    let said = raw.said();
    assert!(said.iter().any(|seen| matches!(seen, Seen::Window(..))) && said.contains(&Seen::Ack), "{said:?}");
    ping(&mut raw);
    assert_eq!(raw.it.error().map(|error| error.reason()), Some("too_many_pings"));
}

#[test]
fn g_209_answers_are_no_strikes() {
    let mut raw = server(|_| {});
    for _ in 0..100 {
        raw.frame(Frame::Ping(Ping { ack: true, payload: [1; 8] }));
    }
    assert_eq!((raw.said(), raw.it.guards().ping_strikes.most), (vec![], 0));
    assert_eq!(fine_pings(&mut raw, NANO), 3);
}

/// The first is always in time, the second and third are strikes, the fourth is one too many.
#[test]
fn g_210_the_test_vector() {
    for in_use in [false, true] {
        let mut raw = server(|_| {});
        if in_use {
            raw.request(1, &[], false);
            raw.poll();
        }
        assert_eq!(fine_pings(&mut raw, seconds(1)), 3);
        assert_eq!(raw.it.counters().pings_received, 4);
    }
}

/// What a graceful shutdown by a limit says; and that a client that answers sees it to its end.
#[track_caller]
fn ends_gracefully(raw: &mut Raw<Server>, why: &str, last: u32) {
    let said = raw.said();
    let [Seen::GoAway(0x7fff_ffff, ErrorCode::NO_ERROR, first), Seen::Ping(false, payload)] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((first.as_str(), raw.it.shutdown_reason()), (why, Some(why)));
    raw.frame(Frame::Ping(Ping { ack: true, payload: *payload }));
    assert_eq!(raw.said(), [Seen::GoAway(last, ErrorCode::NO_ERROR, why.into())]);
}

/// From its beginning, and from the end of its last call; PINGs are no use of it, calls are.
#[test]
fn g_211_max_connection_idle() {
    let idle = |management: &mut ServerManagement| management.max_connection_idle = Some(seconds(1_000));
    let mut raw = server(idle);
    raw.sleep(seconds(900));
    ping(&mut raw);
    raw.said();
    raw.sleep(seconds(100) - NANO);
    assert_eq!((raw.said(), raw.it.shutdown_reason()), (vec![], None));
    raw.sleep(NANO);
    ends_gracefully(&mut raw, "max_idle", 0);
    assert!(raw.poll().contains(&Event::Closed) && raw.it.is_finished() && raw.it.error().is_none());

    let mut raw = server(idle);
    raw.sleep(seconds(999));
    raw.request(1, &[], true);
    let id = raw.opened();
    raw.sleep(seconds(5_000));
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    raw.said();
    raw.sleep(seconds(1_000) - NANO);
    assert_eq!(raw.said(), []);
    // A call that comes while the goodbye is under way is served.
    raw.sleep(NANO);
    let said = raw.said();
    assert!(matches!(&said[..], [Seen::GoAway(0x7fff_ffff, _, why), Seen::Ping(..)] if why == "max_idle"), "{said:?}");
    raw.request(3, &[], true);
    let late = raw.opened();
    raw.it.call(late).unwrap().finish(&Status::ok(), &Metadata::new());
    assert!(raw.said().iter().any(|seen| matches!(seen, Seen::Headers { stream: 3, .. })));
}

/// A client may give up an idle connection, too.
#[test]
fn g_211_max_connection_idle_of_a_client() {
    let mut raw = client(|management| management.max_connection_idle = Some(seconds(1_000)));
    let id = call(&mut raw);
    raw.it.call(id).unwrap().cancel();
    raw.said();
    raw.sleep(seconds(1_000) - NANO);
    assert_eq!(raw.poll(), []);
    raw.sleep(NANO);
    assert_eq!(raw.said(), [Seen::GoAway(0, ErrorCode::NO_ERROR, "max_idle".into())]);
    assert!(raw.poll().contains(&Event::Closed) && raw.it.error().is_none());
    assert_eq!(raw.it.open(raw.now(), &OpenOptions::new(&UNARY)), Err(OpenError::Draining));
}

/// When a connection with this seed is too old; `None` if not within twice its age.
fn age_of(config: &ServerConfig, seed: u64) -> Option<Duration> {
    let mut it = Connection::<Server>::with_seed(config, Instant::from_nanos(0), seed);
    for second in 0..2_000 {
        let now = Instant::from_nanos(0).saturating_add(seconds(second));
        it.handle_timeout(now);
        if it.shutdown_reason() == Some("max_age") {
            return Some(seconds(second));
        }
    }
    None
}

/// Within a tenth of what is configured, differently for each seed, and the same for the same.
#[test]
fn g_212_max_connection_age_has_jitter() {
    let mut limits = grpc_sansio::Limits::default();
    limits.handshake_timeout = None;
    let mut management = ServerManagement::default();
    management.max_connection_age = Some(seconds(1_000));
    let config = ServerConfig::builder().limits(limits).management(management).build().unwrap();
    let ages: Vec<_> = (0..40).map(|seed| age_of(&config, seed).unwrap()).collect();
    assert!(ages.iter().all(|age| (seconds(900)..=seconds(1_101)).contains(age)), "{ages:?}");
    assert!(ages.iter().collect::<BTreeSet<_>>().len() > 20, "{ages:?}");
    assert_eq!(age_of(&config, 7), Some(ages[7]));
    // By the instant of its beginning where no seed is given.
    let began = |nanos| {
        let it = Connection::<Server>::new(&config, Instant::from_nanos(nanos));
        it.poll_timeout().unwrap().saturating_since(Instant::from_nanos(nanos))
    };
    assert_ne!(began(1), began(2));
}

/// A graceful end: calls go on for as long as they like.
#[test]
fn g_212_an_old_connection_ends_gracefully() {
    let mut raw = server(|management| {
        management.max_connection_age = Some(seconds(1_000));
        management.keepalive_time = None;
    });
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.sleep(seconds(900) - NANO);
    assert_eq!(raw.said(), []);
    raw.sleep(seconds(200));
    ends_gracefully(&mut raw, "max_age", 1);
    raw.sleep(100 * DAY);
    assert_eq!((raw.said(), raw.it.error()), (vec![], None));
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    assert!(raw.said().iter().any(|seen| seen.field("grpc-status") == Some("0")));
    assert!(raw.poll().contains(&Event::Closed) && raw.it.error().is_none());
}

/// From the second GOAWAY on, on both sides; none at all; and one that nobody answers, which comes by itself after 5 s.
#[test]
fn g_213_the_grace_of_an_old_connection() {
    for (grace, answered) in [(30, true), (30, false), (0, true)] {
        let mut raw = server(|management| {
            management.max_connection_age = Some(seconds(1_000));
            management.max_connection_age_grace = Some(seconds(grace));
        });
        raw.request(1, &[], false);
        let id = raw.opened();
        raw.sleep(seconds(1_100));
        if answered {
            raw.said();
            raw.sleep(seconds(3));
            raw.frame(Frame::Ping(Ping { ack: true, payload: *b"shutdown" }));
        } else {
            raw.said();
            raw.sleep(seconds(5));
        }
        if grace > 0 {
            raw.sleep(seconds(grace) - NANO);
            assert_eq!(raw.it.error(), None);
            raw.sleep(NANO);
        }
        let error = raw.it.error().unwrap();
        assert!(error.reason().starts_with("max_age_grace"), "{error}");
        assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::ConnectionLost));
        let said = raw.said();
        assert!(
            matches!(&said[..], [.., Seen::GoAway(1, ErrorCode::NO_ERROR, why)] if why.starts_with("max_age_grace"))
        );
        raw.poll();
        assert!(raw.it.is_finished() && raw.it.poll_timeout().is_none());
    }
}

/// The client's calls see the loss of the connection.
#[test]
fn g_213_calls_that_outlast_the_grace_are_unavailable() {
    let config = server_config(|management| {
        management.max_connection_age = Some(seconds(100));
        management.max_connection_age_grace = Some(seconds(10));
    });
    let mut pair = Pair::with(&client_config(|_| {}), &config, 5);
    pair.watch();
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    pair.sleep(seconds(89));
    assert_eq!(pair.client_log.count(Event::Draining), 0);
    pair.sleep(seconds(22));
    assert_eq!(pair.client_log.count(Event::Draining), 1);
    pair.sleep(seconds(10));
    assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Unavailable));
    assert_eq!((pair.client_log.count(Event::Closed), pair.server_log.count(Event::Closed)), (1, 1));
}

/// As many as configured are let in, and those in flight; one fewer changes nothing.
#[test]
fn max_connection_calls() {
    let mut raw = server(|management| management.max_connection_calls = Some(3));
    for n in 0..3 {
        assert_eq!((raw.said(), raw.it.shutdown_reason()), (vec![], None));
        raw.request(2 * n + 1, &[], false);
        raw.opened();
    }
    let said = raw.said();
    assert!(matches!(&said[..], [Seen::GoAway(0x7fff_ffff, _, why), Seen::Ping(..)] if why == "max_calls"), "{said:?}");
    raw.request(7, &[], false);
    raw.opened();
    raw.frame(Frame::Ping(Ping { ack: true, payload: *b"shutdown" }));
    assert_eq!(raw.said(), [Seen::GoAway(7, ErrorCode::NO_ERROR, "max_calls".into())]);
    raw.request(9, &[], false);
    assert!(!raw.poll().iter().any(|event| matches!(event, Event::Opened(_))));
}

/// Two hours by default, whether there are calls or not; calls that are lost with it stop, as cancelled ones do.
#[test]
fn g_214_keepalive_of_a_server() {
    for in_use in [false, true] {
        let mut raw = server(|_| {});
        let id = in_use.then(|| {
            raw.request(1, &[], false);
            raw.opened()
        });
        raw.sleep(seconds(7_200) - NANO);
        assert_eq!(pings(&mut raw), 0);
        raw.sleep(NANO);
        assert_eq!(pings(&mut raw), 1);
        raw.sleep(seconds(20) - NANO);
        assert_eq!(raw.it.error(), None);
        raw.sleep(NANO);
        assert!(raw.it.error().unwrap().reason().starts_with("keepalive_timeout"));
        assert!(raw.poll().contains(&Event::Closed));
        if let Some(id) = id {
            assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::ConnectionLost));
        }
    }
    let mut raw = server(|management| management.keepalive_time = None);
    raw.sleep(100 * DAY);
    assert_eq!((pings(&mut raw), raw.it.poll_timeout()), (0, None));
}

/// The shutdown of the application says so too, and limits that are met during it change nothing.
#[test]
fn what_a_shutdown_is_for_can_be_read() {
    let mut raw = server(|management| management.max_connection_age = Some(seconds(1_000)));
    raw.request(1, &[], false);
    raw.opened();
    raw.it.shutdown(raw.now(), None);
    assert_eq!(raw.it.shutdown_reason(), Some("shutting down"));
    raw.sleep(seconds(2_000));
    assert_eq!((raw.it.shutdown_reason(), raw.it.error()), (Some("shutting down"), None));
}
