//! One side against a peer played frame by frame: what happens to calls in any state.

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::traffic::METHODS;
use grpc_sansio::frame::{ErrorCode, Frame, Ping, SettingId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, Record, answer};
use grpc_sansio::{
    CallId, Client, Event, Instant, OpenError, OpenOptions, Origin, SendError, ServerConfig, ServerManagement, Stop,
};
use proptest::prelude::*;
use std::time::Duration;

fn bidi() -> OpenOptions<'static> {
    OpenOptions::new(&METHODS[3])
}

/// Where a client's call may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opened,
    /// Octets wait for a window.
    Blocked,
    HalfClosed,
    HeadUnread,
    HeadRead,
    MessageUnread,
    PartOfMessage,
    TrailersUnread,
    ResetUnread,
    Cancelled,
}

const STATES: [State; 10] = [
    State::Opened,
    State::Blocked,
    State::HalfClosed,
    State::HeadUnread,
    State::HeadRead,
    State::MessageUnread,
    State::PartOfMessage,
    State::TrailersUnread,
    State::ResetUnread,
    State::Cancelled,
];

impl State {
    fn id(self) -> u32 {
        2 * self as u32 + 1
    }

    fn has_head(self) -> bool {
        !matches!(self, Self::Opened | Self::Blocked | Self::HalfClosed | Self::ResetUnread | Self::Cancelled)
    }

    /// The server has said all that it will.
    fn is_over(self) -> bool {
        matches!(self, Self::TrailersUnread | Self::ResetUnread | Self::Cancelled)
    }
}

/// A client with a call in each state, in this order of streams, and one that waits for its turn.
fn in_all_states() -> (Raw<Client>, Vec<CallId>) {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, STATES.len() as u32)]);
    let mut ids = Vec::new();
    for state in STATES {
        let id = raw.open(&bidi());
        ids.push(id);
        let mut call = raw.it.call(id).unwrap();
        match state {
            State::Blocked => call.send(vec![1; 100_000]).unwrap(),
            State::HalfClosed => call.half_close().unwrap(),
            _ => call.send(vec![1; 10]).unwrap(),
        }
        raw.said();
    }
    ids.push(raw.open(&bidi()));
    raw.said();
    for (state, id) in STATES.into_iter().zip(&ids) {
        if state.has_head() {
            raw.headers(state.id(), &RESPONSE, false);
        }
        match state {
            State::HeadRead => assert!(raw.it.call(*id).unwrap().read().is_some()),
            State::MessageUnread | State::TrailersUnread => raw.data(state.id(), &framed(b"message"), false),
            State::PartOfMessage => raw.data(state.id(), &framed(b"message")[..7], false),
            State::ResetUnread => raw.reset(state.id(), ErrorCode::CANCEL),
            State::Cancelled => raw.it.call(*id).unwrap().cancel(),
            _ => {}
        }
        if state == State::TrailersUnread {
            raw.headers(state.id(), &OK, true);
        }
    }
    raw.said();
    (raw, ids)
}

/// L-10, G-174 to G-176: GOAWAY with any last id, graceful or not, once or twice, with calls in any state: each ends
/// exactly once, those not processed say so, the others go on to their own end, and nothing new is opened.
#[test]
fn l_10_goaway_in_any_state() {
    let ends = |raw: &Raw<Client>, id: CallId| {
        let log = raw.log(id);
        let ends = log.items.iter().filter(|item| matches!(item, Record::Outcome { .. })).count();
        (ends, log.code(), log.is_unprocessed())
    };
    let lasts = || (0..=STATES.len() as u32).map(|n| (2 * n).saturating_sub(1));
    for code in [ErrorCode::NO_ERROR, ErrorCode::ENHANCE_YOUR_CALM] {
        for first in lasts() {
            for second in lasts().filter(|second| *second <= first) {
                let (mut raw, ids) = in_all_states();
                raw.goaway(first, code, b"");
                raw.goaway(second, code, b"");
                assert_eq!(raw.it.open(raw.now(), &bidi()), Err(OpenError::Draining));
                raw.poll();
                let waiting = *ids.last().unwrap();
                assert_eq!(ends(&raw, waiting), (1, Some(Code::Unavailable), true), "the one that waited");
                for (state, id) in STATES.into_iter().zip(&ids) {
                    let what = format!("{state:?} after GOAWAY {first} and {second}");
                    match state {
                        State::Cancelled => assert_eq!(ends(&raw, *id).0, 0, "{what}"),
                        State::TrailersUnread => assert_eq!(ends(&raw, *id), (1, Some(Code::Ok), false), "{what}"),
                        State::ResetUnread => assert_eq!(ends(&raw, *id).0, 1, "{what}"),
                        _ if state.id() > second => {
                            assert_eq!(ends(&raw, *id), (1, Some(Code::Unavailable), !state.has_head()), "{what}");
                        }
                        _ => assert_eq!(ends(&raw, *id).0, 0, "{what}"),
                    }
                }
                // The others end as they would have.
                for state in STATES.into_iter().filter(|state| state.id() <= second && !state.is_over()) {
                    assert!(!raw.it.is_finished());
                    if !state.has_head() {
                        raw.headers(state.id(), &RESPONSE, false);
                    }
                    if state == State::PartOfMessage {
                        raw.data(state.id(), &framed(b"message")[7..], false);
                    }
                    raw.headers(state.id(), &OK, true);
                }
                raw.poll();
                for (state, id) in STATES.into_iter().zip(&ids).filter(|(state, _)| state.id() <= second) {
                    if !state.is_over() {
                        assert_eq!(ends(&raw, *id), (1, Some(Code::Ok), false), "{state:?}");
                    }
                }
                raw.said();
                assert_eq!((raw.it.calls(), raw.it.is_finished()), (0, true), "L-12");
                assert_eq!(raw.it.error().is_none(), code == ErrorCode::NO_ERROR);
            }
        }
    }
}

/// L-11: a client that never answers the PING between the two GOAWAYs holds a shutdown up for its timeout, and no longer;
/// an error after the goodbye is still said.
#[test]
fn l_11_a_client_that_does_not_answer_the_goodbye() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.shutdown(raw.now(), None);
    let said = raw.said();
    assert!(matches!(said[..], [Seen::GoAway(0x7fff_ffff, ErrorCode::NO_ERROR, _), Seen::Ping(false, _)]), "{said:?}");
    raw.sleep(Duration::from_millis(4_999));
    assert_eq!(raw.said(), []);
    raw.request(3, &[], true);
    let late = raw.opened();
    raw.sleep(Duration::from_millis(1));
    assert!(matches!(raw.said()[..], [Seen::GoAway(3, ErrorCode::NO_ERROR, _)]));
    raw.it.call(late).unwrap().finish(&Status::ok(), &Metadata::new());
    raw.said();
    assert!(!raw.it.is_finished());
    let mut broken = raw.it.clone();
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    let said = raw.said();
    assert!(matches!(said[..], [Seen::Headers { stream: 1, end: true, .. }, ..]), "{said:?}");
    assert!(raw.it.is_finished() && raw.it.error().is_none(), "L-12");
    // The same, but its client breaks a rule instead: the last id does not rise (H-103), the code does.
    let mut ping = Vec::new();
    Frame::Ping(Ping { ack: false, payload: [0; 8] }).encode(&mut ping);
    ping[8] = 1;
    broken.receive(raw.now(), &ping);
    assert_eq!(broken.error().map(|error| error.code()), Some(ErrorCode::PROTOCOL_ERROR));
    let mut output = grpc_sansio::WriteBuf::new();
    broken.transmit(raw.now(), &mut output);
    assert!(!output.is_empty() && broken.is_finished());
}

/// L-14: and a complete request: what came before the reset can be read, and that it was cancelled is known.
#[test]
fn l_14_a_complete_request_survives_a_reset() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.data(1, &framed(b"request"), true);
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!(raw.poll(), [Event::Stopped(id), Event::Readable(id)]);
    let log = raw.log(id);
    assert_eq!((log.messages().count(), log.is_half_closed()), (1, true));
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::Cancelled));
}

/// L-32, T-81: the same on a server, after its client's reset.
#[test]
fn l_32_verbs_on_a_servers_dead_call() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.reset(1, ErrorCode::CANCEL);
    let mut call = raw.it.call(id).unwrap();
    assert!(matches!(call.send(vec![1]), Err(SendError::Ended(_))));
    assert_eq!((call.send_head(&Metadata::new()), call.expect(Kind::Unary)), (Ok(()), Ok(())));
    call.finish(&Status::ok(), &Metadata::new());
    assert_eq!((raw.said(), raw.it.calls()), (vec![], 0));
    assert!(raw.it.call(id).is_none());
}

/// What ends a client's call on stream 1.
type Die = fn(&mut Raw<Client>);
const DEATHS: [(&str, Die); 6] = [
    ("trailers", |raw| raw.headers(1, &[RESPONSE[0], RESPONSE[1], OK[0]], true)),
    ("reset", |raw| raw.reset(1, ErrorCode::CANCEL)),
    ("GOAWAY", |raw| raw.goaway(0, ErrorCode::NO_ERROR, b"")),
    ("deadline", |raw| raw.sleep(Duration::from_secs(60))),
    ("a broken rule", |raw| raw.data(1, &[9, 0, 0, 0, 0], false)),
    ("the transport", |raw| raw.it.receive_eof(raw.now())),
];

/// Frames for a stream.
type Say = fn(&mut Raw<Client>, u32);
const FRAMES: [(&str, Say); 5] = [
    ("HEADERS", |raw, stream| raw.headers(stream, &RESPONSE, false)),
    ("DATA", |raw, stream| raw.data(stream, b"", false)),
    ("RST_STREAM", |raw, stream| raw.reset(stream, ErrorCode::CANCEL)),
    ("WINDOW_UPDATE", |raw, stream| raw.window(stream, 1)),
    ("trailers", |raw, stream| raw.headers(stream, &[RESPONSE[0], RESPONSE[1], OK[0]], true)),
];

proptest! {
    #![proptest_config(crate::cases(100))]

    /// L-26, H-029: an id is given when HEADERS leave, so frames for the next ones are for an idle stream: that ends the
    /// connection, and the calls that waited with it, unprocessed and once.
    #[test]
    fn l_26_frames_for_a_call_that_has_not_left(
        frame in 0..FRAMES.len(), stream in 0..200u32, left in 0..4u32, calls in 1..5usize, limited: bool,
    ) {
        let mut raw = Raw::client();
        (0..left).for_each(|_| _ = raw.request(&bidi(), b"m"));
        if limited {
            raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, left)]);
            raw.said();
        }
        let ids: Vec<_> = (0..calls).map(|_| raw.open(&bidi())).collect();
        let (name, say) = FRAMES[frame];
        say(&mut raw, 2 * (left + stream) + 1);
        prop_assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::PROTOCOL_ERROR), "{}", name);
        raw.poll();
        for id in ids {
            let log = raw.log(id);
            prop_assert_eq!((log.items.len(), log.code()), (1, Some(Code::Unavailable)), "{}", name);
            prop_assert!(log.is_unprocessed());
        }
        let said = raw.said();
        prop_assert!(matches!(said[..], [Seen::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]), "{name}: {said:?}");
    }

    /// L-32, T-81: whatever ended a call, verbs on it, in any order, say so, change nothing and send nothing.
    #[test]
    fn l_32_verbs_on_a_dead_call(death in 0..DEATHS.len(), verbs in prop::collection::vec(0..5u8, 1..20)) {
        let (name, die) = DEATHS[death];
        let mut raw = Raw::client();
        let id = raw.open(&bidi().deadline(Instant::from_nanos(60_000_000_000)));
        raw.said();
        if name == "a broken rule" {
            raw.headers(1, &RESPONSE, false);
        }
        die(&mut raw);
        raw.said();
        let mut call = raw.it.call(id).expect("its end was not read");
        for verb in verbs {
            match verb {
                0 => prop_assert!(matches!(call.send(vec![1]), Err(SendError::Ended(_))), "{name}"),
                1 => {
                    let sent = call.send_with(10, |_| panic!("not called"));
                    prop_assert!(matches!(sent, Err(SendError::Ended(()))), "{name}");
                }
                2 => prop_assert_eq!(call.half_close(), Ok(())),
                3 => prop_assert_eq!(call.queued(), 0),
                _ => prop_assert!(!call.is_writable()),
            }
        }
        prop_assert_eq!(raw.said(), [], "{}", name);
        raw.poll();
        prop_assert!(raw.log(id).code().is_some() && raw.it.call(id).is_none(), "{name}");
    }

    /// L-33: a transport that takes nothing any more cannot hold up the end: at the time that was set every call has its
    /// end, and both sides are told that the connection is over. An end at once takes one verb.
    #[test]
    fn l_33_a_close_that_cannot_be_written(
        patience in prop_oneof![Just(0), 1..100_000u64], queued in prop::collection::vec(0..60_000usize, 1..5),
    ) {
        let mut pair = Pair::new(33);
        pair.watch();
        let ids: Vec<_> = queued.iter().map(|_| pair.open(&bidi()).unwrap()).collect();
        pair.drive();
        (pair.up.takes, pair.down.takes) = (0, 0);
        let patience = Duration::from_millis(patience);
        let (now, by) = (pair.now(), pair.now().saturating_add(patience));
        for (id, size) in ids.iter().zip(queued) {
            pair.client.call(*id).unwrap().send(vec![1; size]).unwrap();
        }
        pair.server.shutdown(now, Some(by));
        pair.client.shutdown(now, Some(by));
        pair.drive();
        let closed = |pair: &Pair| (pair.client_log.count(Event::Closed), pair.server_log.count(Event::Closed));
        pair.sleep(patience.saturating_sub(Duration::from_nanos(1)));
        prop_assert_eq!(closed(&pair), if patience.is_zero() { (1, 1) } else { (0, 0) });
        pair.sleep(Duration::from_nanos(1));
        prop_assert_eq!(closed(&pair), (1, 1));
        for id in ids {
            prop_assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Unavailable));
        }
        prop_assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
        prop_assert_eq!(pair.client.error().map(|error| error.origin()), Some(Origin::Application));
        pair.sleep(Duration::from_secs(1));
        prop_assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None), "nothing to wait for");
    }

    /// L-34: an end that follows its last words at once does not overtake them, on a transport that takes a few octets at a
    /// time, or all.
    #[test]
    fn l_34_the_last_words_arrive(takes in prop_oneof![1..17usize, 17..200usize, Just(usize::MAX)], size in 1_000..4_000usize, cut in 1..500usize) {
        let mut pair = Pair::new(34);
        pair.watch();
        pair.down.takes = takes;
        pair.down.cut = Cut::AtMost(cut);
        let message = vec![7; size];
        let response = message.clone();
        pair.on_server(answer(Kind::BidiStreaming, move |_| {
            (vec![response.clone()], Status::new(Code::Aborted, "last words"))
        }));
        let id = pair.open(&bidi()).unwrap();
        pair.client.call(id).unwrap().half_close().unwrap();
        // The answer is said, and in the same moment the connection ends gracefully on both sides.
        while pair.server.calls() == 0 {
            pair.step();
        }
        let now = pair.now();
        pair.server.shutdown(now, None);
        pair.client.shutdown(now, None);
        while !pair.server.is_finished() {
            pair.step();
        }
        let finished_early = pair.server_output.len();
        pair.drive();
        let log = pair.client_log.call(id).unwrap();
        prop_assert_eq!((log.code(), log.messages().next()), (Some(Code::Aborted), Some(&message[..])));
        // The second GOAWAY alone is longer than 16 octets.
        prop_assert!(takes > 16 || finished_early > 0, "otherwise this tests nothing");
        prop_assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }

    /// L-35, design §8: replies wait for an output that takes a few octets now and then, up to `max_replies`; draining makes
    /// room for as many again, and every PING is answered, in order (the observer compares).
    #[test]
    fn l_35_replies_go_on_when_the_output_drains(rounds in prop::collection::vec((0..600u64, 1..30_000usize), 1..20)) {
        let mut management = ServerManagement::default();
        management.max_ping_strikes = None;
        let mut raw = Raw::server_with(&ServerConfig::builder().management(management).build().unwrap());
        let ping = |raw: &mut Raw<_>, number: u64| raw.frame(Frame::Ping(Ping { ack: false, payload: number.to_be_bytes() }));
        let (mut asked, mut answered) = (0, 0);
        for (pings, octets) in rounds {
            // Never more than may wait.
            for _ in 0..pings.min(1_000 - (asked - answered)) {
                ping(&mut raw, asked);
                asked += 1;
            }
            raw.output_target(octets);
            answered += raw.said().iter().filter(|seen| matches!(seen, Seen::Ping(true, _))).count() as u64;
        }
        raw.output_target(usize::MAX);
        answered += raw.said().len() as u64;
        prop_assert_eq!((answered, raw.it.error()), (asked, None));
        // The other side of the limit.
        (0..1_000).for_each(|number| ping(&mut raw, number));
        prop_assert!(raw.it.error().is_none());
        ping(&mut raw, 0);
        prop_assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::ENHANCE_YOUR_CALM));
    }
}
