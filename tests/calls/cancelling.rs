//! Cancellation from either side (G-133 to G-136, G-162, L-08, L-25, L-40).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::Pair;
use grpc_sansio::{Event, OpenOptions, SendError, Stop};

/// G-133: RST_STREAM CANCEL, and the call is gone; L-08: also with octets that the window holds back.
#[test]
fn g_133_l_08_cancel_overtakes_what_is_queued() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.it.call(id).unwrap().send(vec![0; 300_000]).unwrap();
    raw.said();
    raw.it.call(id).unwrap().cancel();
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
    assert_eq!((raw.it.queued(), raw.it.calls()), (0, 0));
    assert!(raw.it.call(id).is_none());
    assert_eq!(raw.poll(), []);
}

/// G-162, L-25: cancelled before its HEADERS left, a call costs no id and no frame.
#[test]
fn g_162_l_25_a_call_cancelled_early_leaves_no_trace() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
    raw.it.call(id).unwrap().cancel();
    assert_eq!(raw.said(), []);
    let _next = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.headers(1, &RESPONSE, false);
    assert_eq!(raw.it.error(), None, "the next call has the first id");
    // The same for one that waits for the server's limit.
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    raw.said();
    let waiting = raw.open(&OpenOptions::new(&UNARY));
    assert_eq!(raw.said(), []);
    raw.it.call(waiting).unwrap().cancel();
    assert_eq!(raw.said(), []);
}

/// G-135, decision 4: the server learns it at once, behind unread messages too, and complete items stay readable.
#[test]
fn g_135_stopped_overtakes_unread_messages() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.data(1, &framed(b"one"), false);
    raw.data(1, &framed(b"two"), false);
    raw.data(1, &framed(b"three")[..6], false);
    assert_eq!(raw.it.poll_event(), Some(Event::Readable(id)));
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!(raw.it.poll_event(), Some(Event::Stopped(id)));
    assert_eq!(raw.it.poll_event(), None);
    let mut call = raw.it.call(id).unwrap();
    assert_eq!(call.stopped(), Some(Stop::Cancelled));
    assert!(call.is_readable() && !call.is_writable());
    assert!(matches!(call.send(b"x".to_vec()), Err(SendError::Ended(_))));
    raw.log.read(&mut raw.it, id);
    assert_eq!(raw.log(id).messages().collect::<Vec<_>>(), [&b"one"[..], b"two"]);
    assert!(!raw.log(id).is_half_closed());
    assert_eq!(raw.it.zombie_calls(), 1);
    raw.it.call(id).unwrap().release();
    assert_eq!((raw.it.zombie_calls(), raw.it.calls(), raw.said_of_calls()), (0, 0, vec![]));
}

/// Decision 4: a call that was reset before its Opened was polled is never shown; but Opened comes before Stopped.
#[test]
fn a_call_reset_before_it_was_polled_is_never_shown() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    raw.data(1, &framed(b"m"), false);
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!((raw.poll(), raw.it.calls()), (vec![], 0));

    raw.request(3, &[("grpc-timeout", "1S")], false);
    raw.sleep(std::time::Duration::from_secs(1));
    let (first, second) = (raw.it.poll_event(), raw.it.poll_event());
    assert!(matches!((first, second), (Some(Event::Opened(a)), Some(Event::Stopped(b))) if a == b));
}

/// G-135, whatever the code; the client's own cancel is seen by the server at once, and each side has it once.
#[test]
fn g_135_cancel_through_the_pair() {
    let mut pair = Pair::new(1);
    pair.delay(std::time::Duration::from_millis(10));
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    pair.client.call(id).unwrap().send(b"m".to_vec()).unwrap();
    pair.drive();
    pair.client.call(id).unwrap().cancel();
    pair.drive();
    let stopped = pair.server_log.events.iter().filter(|event| matches!(event, Event::Stopped(_))).count();
    assert_eq!((stopped, pair.server.calls(), pair.client.calls()), (1, 0, 0));
}

/// A server's reset instead of a status.
#[test]
fn a_server_may_reset() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    let mut call = raw.it.call(id).unwrap();
    call.send(b"dropped".to_vec()).unwrap();
    call.reset(ErrorCode::INTERNAL_ERROR).unwrap();
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::INTERNAL_ERROR)]);
    assert_eq!((raw.it.calls(), raw.it.queued()), (0, 0));
}

/// L-40: never two RST_STREAMs for one stream.
#[test]
fn l_40_one_reset_for_a_stream() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    let resets = raw.said_of_calls().iter().filter(|seen| matches!(seen, Seen::Reset(..))).count();
    raw.data(1, &framed(b"late"), false);
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!((resets, raw.said_of_calls()), (1, vec![]));
}

/// G-079: nothing is left to cancel once both sides are done.
#[test]
fn g_079_cancel_after_the_end() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.headers(1, &RESPONSE, false);
    raw.data(1, &framed(b"r"), false);
    raw.headers(1, &OK, true);
    raw.it.call(id).unwrap().cancel();
    assert_eq!((raw.said_of_calls(), raw.it.calls()), (vec![], 0));
}

/// G-154: complete items stay readable behind a reset, on the client too; then the end.
#[test]
fn items_stay_readable_behind_a_reset() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    (0..3u8).for_each(|n| raw.data(1, &framed(&[n]), false));
    raw.reset(1, ErrorCode::INTERNAL_ERROR);
    assert_eq!(raw.it.poll_event(), Some(Event::Stopped(id)));
    raw.log.read(&mut raw.it, id);
    let log = raw.log(id);
    assert_eq!((log.messages().count(), log.code()), (3, Some(Code::Internal)));
    assert_eq!(log.items.len(), 5);
}

/// A sender that waits for room learns that it waits in vain.
#[test]
fn a_refused_sender_is_told_when_the_call_stops() {
    for end in [ErrorCode::CANCEL, ErrorCode::NO_ERROR] {
        let mut raw = Raw::client();
        let id = raw.open(&OpenOptions::new(&BIDI));
        raw.it.call(id).unwrap().send(vec![0; 200_000]).unwrap();
        raw.said();
        let mut call = raw.it.call(id).unwrap();
        assert!(matches!(call.send(vec![0; 100]), Err(SendError::Full(_))));
        assert!(!call.is_writable());
        if end == ErrorCode::CANCEL {
            raw.reset(1, end);
        } else {
            raw.headers(1, &[RESPONSE[0], RESPONSE[1], OK[0]], true);
        }
        let mut events = Vec::new();
        while let Some(event) = raw.it.poll_event() {
            events.push(event);
        }
        assert!(events.contains(&Event::Writable(id)), "{events:?}");
        assert!(matches!(raw.it.call(id).unwrap().send(vec![0; 100]), Err(SendError::Ended(_))));
    }
}

/// G-134: what is queued goes with the call, and what left stays counted: the connection's window is not given back by a
/// reset, so others wait for WINDOW_UPDATE.
#[test]
fn g_134_cancelling_gives_nothing_back() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.it.call(id).unwrap().send(vec![0; 100_000]).unwrap();
    let sent = |said: &[Seen]| -> usize {
        said.iter().map(|seen| if let Seen::Data { data, .. } = seen { data.len() } else { 0 }).sum()
    };
    assert_eq!(sent(&raw.said()), 65_535);
    raw.it.call(id).unwrap().cancel();
    assert_eq!((raw.said_of_calls(), raw.it.queued()), (vec![Seen::Reset(1, ErrorCode::CANCEL)], 0));
    let _next = raw.open(&OpenOptions::new(&UNARY));
    raw.it.call(_next).unwrap().send(b"four".to_vec()).unwrap();
    assert_eq!(sent(&raw.said()), 0);
    for octets in [8, 1] {
        let stream = grpc_sansio::frame::StreamId::new(0);
        let update = grpc_sansio::frame::WindowUpdate { stream, increment: octets };
        raw.frame(grpc_sansio::frame::Frame::WindowUpdate(update));
        assert_eq!(sent(&raw.said()), octets as usize);
    }
}

/// G-155: what each way of giving up says in RST_STREAM; and REFUSED_STREAM is refused for what the application has seen.
#[test]
fn g_155_the_codes_of_our_own_resets() {
    // Cancelled by the client's application, and by the deadline.
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&BIDI), b"m");
    raw.it.call(id).unwrap().cancel();
    let deadline = grpc_sansio::Instant::from_nanos(1_000_000_000);
    let _late = raw.request(&OpenOptions::new(&UNARY).deadline(deadline), b"m");
    raw.sleep(std::time::Duration::from_secs(1));
    assert_eq!(raw.said_of_calls(), [1, 3].map(|stream| Seen::Reset(stream, ErrorCode::CANCEL))[1..]);
    // Malformed in HTTP's terms.
    let _malformed = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.headers(5, &[("no-status", "1")], false);
    assert_eq!(raw.said_of_calls(), [Seen::Reset(5, ErrorCode::PROTOCOL_ERROR)]);

    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    assert!(raw.it.call(id).unwrap().reset(ErrorCode::REFUSED_STREAM).is_err());
    raw.it.call(id).unwrap().release();
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::CANCEL)]);
    // A status that cannot be sent at all.
    raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, 1)]);
    raw.request(3, &[], false);
    let id = raw.opened();
    raw.it.call(id).unwrap().finish(&Status::new(Code::Aborted, "too long"), &Metadata::new());
    assert_eq!(raw.said_of_calls(), [Seen::Reset(3, ErrorCode::INTERNAL_ERROR)]);
}
