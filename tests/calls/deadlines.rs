//! Deadlines on both sides (G-122 to G-141).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, UNARY};
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{Clock, Pair, Record};
use grpc_sansio::{Event, Instant, OpenOptions, SendError, ServerConfig, Stop};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_nanos(seconds * 1_000_000_000)
}

/// G-130, G-141: one timer, exact and late.
#[test]
fn g_130_g_141_the_client_ends_its_call_when_its_time_is_over() {
    for late in [Duration::ZERO, SECOND] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(5)), b"m");
        assert!(raw.it.poll_timeout().unwrap() <= at(5));
        raw.sleep(5 * SECOND - Duration::from_nanos(1));
        assert_eq!(raw.poll(), []);
        raw.sleep(Duration::from_nanos(1) + late);
        assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
        assert!(raw.poll().contains(&Event::Stopped(id)));
        assert_eq!(raw.log(id).code(), Some(Code::DeadlineExceeded));
        assert!(raw.it.poll_timeout().is_none_or(|due| due > raw.now()));
    }
}

/// Every verb that takes `now` fires what is due first (design decision 11).
#[test]
fn g_141_a_response_that_comes_too_late_finds_the_call_over() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(5)), b"m");
    raw.clock.advance(6 * SECOND);
    raw.headers(1, &RESPONSE, false);
    raw.data(1, &framed(b"late"), false);
    raw.headers(1, &OK, true);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::DeadlineExceeded));
    assert_eq!(raw.log(id).messages().count(), 0);
    assert_eq!(raw.it.error(), None, "frames in flight on a stream that we reset are honest");
}

/// G-140: what came before the deadline stays, and so does an end that came before it.
#[test]
fn g_140_an_end_that_arrived_in_time_counts() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(5)), b"m");
    raw.headers(1, &RESPONSE, false);
    raw.data(1, &framed(b"r"), false);
    raw.headers(1, &OK, true);
    raw.sleep(10 * SECOND);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Ok));
    assert_eq!(raw.log(id).messages().count(), 1);
}

/// G-125: nothing is sent of a call whose time was over before it began.
#[test]
fn g_125_a_deadline_in_the_past() {
    let mut raw = Raw::client();
    raw.sleep(SECOND);
    let id = raw.open(&OpenOptions::new(&UNARY).deadline(at(1)));
    assert!(matches!(raw.it.call(id).unwrap().send(b"m".to_vec()), Err(SendError::Ended(_))));
    assert_eq!(raw.said(), []);
    assert!(raw.poll().contains(&Event::Stopped(id)));
    assert_eq!(raw.log(id).code(), Some(Code::DeadlineExceeded));
}

/// G-138, G-163: a call that waits for a stream runs out of time too, and leaves no trace.
#[test]
fn g_138_the_deadline_covers_waiting_for_a_stream() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let _first = raw.request(&OpenOptions::new(&BIDI), b"m");
    let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(5)), b"m");
    raw.sleep(5 * SECOND);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::DeadlineExceeded));
    assert_eq!(raw.said(), []);
    assert_eq!(raw.it.calls(), 1);
}

/// G-124: the time that remains when HEADERS leave, not when the call was opened.
#[test]
fn g_124_the_timeout_is_computed_when_headers_leave() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let first = raw.request(&OpenOptions::new(&BIDI), b"m");
    let id = raw.open(&OpenOptions::new(&UNARY).deadline(at(5)));
    assert_eq!(raw.said_of_calls(), []);
    raw.sleep(2 * SECOND);
    raw.it.call(first).unwrap().cancel();
    let said = raw.said_of_calls();
    assert_eq!(said[1].field("grpc-timeout"), Some("3S"));
    raw.it.call(id).unwrap().cancel();
    // Just in time, and just too late, with nothing but transmit to notice it.
    let _on_time = raw.open(&OpenOptions::new(&UNARY).deadline(Instant::from_nanos(2_000_000_001)));
    assert_eq!(raw.said_of_calls().last().unwrap().field("grpc-timeout"), Some("1n"));
}

/// G-132: the server's CANCEL at the deadline is the deadline.
#[test]
fn g_132_cancel_after_the_deadline_is_the_deadline() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(5)), b"m");
    raw.clock.advance(5 * SECOND);
    raw.reset(1, ErrorCode::CANCEL);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::DeadlineExceeded));

    let id = raw.request(&OpenOptions::new(&UNARY).deadline(at(9)), b"m");
    raw.reset(3, ErrorCode::CANCEL);
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Cancelled));
}

/// G-131: the server resets with CANCEL, and the application's own status is too late.
#[test]
fn g_131_the_server_resets_by_default() {
    let mut raw = Raw::server();
    raw.request(1, &[("grpc-timeout", "5S")], false);
    let id = raw.opened();
    raw.sleep(5 * SECOND - Duration::from_nanos(1));
    assert_eq!((raw.poll(), raw.said_of_calls()), (vec![], vec![]));
    raw.sleep(Duration::from_nanos(1));
    assert_eq!(raw.poll(), [Event::Stopped(id)]);
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::DeadlineExceeded));
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
    assert_eq!(raw.it.zombie_calls(), 1);
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    assert_eq!((raw.said(), raw.it.calls()), (vec![], 0));
}

/// G-131, the option: Trailers-Only where nothing was said yet, RST_STREAM where something was.
#[test]
fn g_131_answer_expired() {
    for head_sent in [false, true] {
        let mut raw = Raw::server_with(&ServerConfig::builder().answer_expired(true).build().unwrap());
        raw.request(1, &[("grpc-timeout", "5S")], false);
        let id = raw.opened();
        if head_sent {
            raw.it.call(id).unwrap().send_head(&Metadata::new()).unwrap();
            raw.said();
        }
        raw.sleep(5 * SECOND);
        let said = raw.said_of_calls();
        if head_sent {
            assert_eq!(said, [Seen::Reset(1, ErrorCode::CANCEL)]);
        } else {
            assert_eq!((said[0].field("grpc-status"), said[0].field(":status")), (Some("4"), Some("200")));
            assert_eq!(said[1..], [Seen::Reset(1, ErrorCode::NO_ERROR)]);
        }
        raw.poll();
        raw.it.call(id).unwrap().release();
        assert_eq!(raw.it.calls(), 0);
    }
}

/// G-123, G-129: the server's deadline is its own clock's, never earlier than the client's, and hours do not overflow.
#[test]
fn g_123_g_129_deadlines_on_both_clocks() {
    let mut pair = Pair::new(1);
    pair.delay(Duration::from_millis(20));
    let id = pair.open(&OpenOptions::new(&BIDI).deadline(Instant::from_nanos(1_234_567_891))).unwrap();
    pair.drive();
    let Event::Opened(served) = pair.server_log.events[1] else { panic!("{:?}", pair.server_log.events) };
    let deadline = match &pair.server_log.call(served).unwrap().items[0] {
        grpc_sansio::testing::Record::Request { deadline, .. } => deadline.unwrap(),
        other => panic!("{other:?}"),
    };
    assert!(deadline >= Instant::from_nanos(1_234_567_891 + 20_000_000));
    pair.sleep(2 * SECOND);
    assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::DeadlineExceeded));
    assert!(pair.server_log.saw(Event::Stopped(served)));
    assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));

    let mut raw = Raw::server();
    raw.request(1, &[("grpc-timeout", "99999999H")], false);
    raw.opened();
    assert_eq!(raw.it.call(raw.log.calls().next().unwrap().0).unwrap().stopped(), None);
}

/// G-127: zero is over on arrival; the application never hears of it.
#[test]
fn g_127_a_zero_timeout() {
    let mut raw = Raw::server();
    raw.request(1, &[("grpc-timeout", "0n")], true);
    assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("4"));
    assert_eq!((raw.poll(), raw.it.calls()), (vec![], 0));
}

/// One timer serves any number of calls, in any order.
#[test]
fn g_141_many_deadlines_behind_one_timer() {
    let mut raw = Raw::client();
    let ids: Vec<_> =
        (0..50u64).map(|n| (n, raw.request(&OpenOptions::new(&BIDI).deadline(at(1 + n * 37 % 50)), b"m"))).collect();
    for second in 1..=50 {
        let due = raw.it.poll_timeout().unwrap();
        assert_eq!(due, at(second));
        raw.sleep(due.saturating_since(raw.now()));
        raw.poll();
        let over = ids.iter().filter(|(_, id)| raw.log(*id).code().is_some()).count();
        assert_eq!(over as u64, second);
    }
}

/// G-137: a server's call shows when its client stops waiting, and that it has; a call that it makes in turn, on another
/// connection, gets the smaller of both deadlines, and is cancelled with it.
#[test]
fn g_137_deadlines_and_cancellation_are_handed_on() {
    for (own, expected) in [(10, "4S"), (3, "2S")] {
        let (mut server, mut client) = (Raw::server(), Raw::client());
        (server.clock, client.clock) = (Clock::new(), Clock::new());
        server.request(1, &[("grpc-timeout", "5S")], false);
        let parent = server.opened();
        let Some(Record::Request { deadline: Some(until), .. }) = server.log(parent).items.into_iter().next() else {
            panic!("no deadline")
        };
        client.sleep(SECOND);
        server.sleep(SECOND);
        let child = client.open(&OpenOptions::new(&UNARY).deadline(until.min(at(own))));
        assert_eq!(client.said_of_calls()[0].field("grpc-timeout"), Some(expected));
        server.reset(1, ErrorCode::CANCEL);
        assert!(server.poll().contains(&Event::Stopped(parent)));
        assert_eq!(server.it.call(parent).unwrap().stopped(), Some(Stop::Cancelled));
        client.it.call(child).unwrap().cancel();
        assert_eq!(client.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
    }
}

/// G-137: an application gives a call less time than its client does, or a time at all; more than the client's it cannot
/// give.
#[test]
fn g_137_an_application_shortens_a_deadline() {
    for (timeout, limits, ends) in [("9S", &[5, 7][..], 5), ("9S", &[9, 12], 9), ("99H", &[3], 3), ("9S", &[0], 0)] {
        let mut raw = Raw::server();
        raw.request(1, &[("grpc-timeout", timeout)], false);
        let id = raw.opened();
        limits.iter().for_each(|limit| raw.it.call(id).unwrap().limit_deadline(at(*limit)));
        if ends > 0 {
            raw.sleep(ends as u32 * SECOND - Duration::from_nanos(1));
            assert_eq!(raw.poll(), [], "{timeout} {limits:?}");
            raw.sleep(Duration::from_nanos(1));
        }
        assert_eq!(raw.poll(), [Event::Stopped(id)], "{timeout} {limits:?}");
        assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::DeadlineExceeded));
        assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
    }
}

/// L-08: a call has stopped for one reason: a deadline that passes while its application has not let go of it changes nothing.
#[test]
fn l_08_a_deadline_does_not_stop_a_call_twice() {
    let mut raw = Raw::server();
    raw.request(1, &[("grpc-timeout", "5S")], false);
    let id = raw.opened();
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!(raw.poll(), [Event::Stopped(id)]);
    raw.sleep(6 * SECOND);
    assert_eq!((raw.poll(), raw.said_of_calls()), (vec![], vec![]));
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::Cancelled));
}
