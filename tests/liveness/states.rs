//! One side against a peer played frame by frame: what happens to calls in any state.

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::traffic::METHODS;
use grpc_sansio::frame::{ErrorCode, Frame, Ping, SettingId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Pair, Record, answer};
use grpc_sansio::{
    CallId, Client, Event, Instant, OpenError, OpenOptions, Origin, SendError, ServerConfig, ServerManagement, Stop,
};
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

/// L-14: a response that is complete stays so, whatever RST_STREAM follows it, and however the two are cut; our own half
/// learns of the end.
#[test]
fn l_14_a_complete_response_survives_any_reset() {
    let codes = [ErrorCode::NO_ERROR, ErrorCode::CANCEL, ErrorCode::INTERNAL_ERROR, ErrorCode::REFUSED_STREAM];
    for code in codes {
        for one_by_one in [false, true] {
            let mut raw = Raw::client();
            let id = raw.request(&bidi(), b"request");
            raw.collect();
            raw.headers(1, &RESPONSE, false);
            raw.data(1, &framed(b"response"), false);
            raw.headers(1, &OK, true);
            raw.reset(1, code);
            let segment = raw.collected();
            match one_by_one {
                true => segment.iter().for_each(|octet| raw.feed(std::slice::from_ref(octet))),
                false => raw.feed(&segment),
            }
            assert!(matches!(raw.it.call(id).unwrap().send(vec![1]), Err(SendError::Ended(_))));
            raw.poll();
            let log = raw.log(id);
            assert_eq!((log.code(), log.messages().next()), (Some(Code::Ok), Some(&b"response"[..])), "{code:?}");
            assert!(!log.is_unprocessed() && raw.it.error().is_none());
        }
    }
    // And a complete request: what came before the reset can be read, and that it was cancelled is known.
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

/// L-26, H-029: an id is given when HEADERS leave, so frames for the next one are for an idle stream: that ends the
/// connection, and the calls that waited with it, unprocessed and once.
#[test]
fn l_26_frames_for_a_call_that_has_not_left() {
    type Say = fn(&mut Raw<Client>);
    let frames: [(&str, Say); 5] = [
        ("HEADERS", |raw| raw.headers(1, &RESPONSE, false)),
        ("DATA", |raw| raw.data(1, b"", false)),
        ("RST_STREAM", |raw| raw.reset(1, ErrorCode::CANCEL)),
        ("WINDOW_UPDATE", |raw| raw.window(1, 1)),
        ("trailers", |raw| raw.headers(1, &[RESPONSE[0], RESPONSE[1], OK[0]], true)),
    ];
    for (name, say) in frames {
        for limited in [false, true] {
            let mut raw = Raw::client();
            if limited {
                raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
                raw.said();
            }
            let ids = [raw.open(&bidi()), raw.open(&bidi())];
            say(&mut raw);
            assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::PROTOCOL_ERROR), "{name}");
            raw.poll();
            for id in ids {
                let log = raw.log(id);
                assert_eq!((log.items.len(), log.code()), (1, Some(Code::Unavailable)), "{name}");
                assert!(log.is_unprocessed());
            }
            assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]), "{name}");
        }
    }
}

/// L-32, T-81: whatever ended a call, verbs on it say so, change nothing and send nothing.
#[test]
fn l_32_verbs_on_a_dead_call() {
    type Die = fn(&mut Raw<Client>);
    let deaths: [(&str, Die); 6] = [
        ("trailers", |raw| raw.headers(1, &[RESPONSE[0], RESPONSE[1], OK[0]], true)),
        ("reset", |raw| raw.reset(1, ErrorCode::CANCEL)),
        ("GOAWAY", |raw| raw.goaway(0, ErrorCode::NO_ERROR, b"")),
        ("deadline", |raw| raw.sleep(Duration::from_secs(60))),
        ("a broken rule", |raw| raw.data(1, &[9, 0, 0, 0, 0], false)),
        ("the transport", |raw| raw.it.receive_eof(raw.now())),
    ];
    for (name, die) in deaths {
        let mut raw = Raw::client();
        let id = raw.open(&bidi().deadline(Instant::from_nanos(60_000_000_000)));
        raw.said();
        if name == "a broken rule" {
            raw.headers(1, &RESPONSE, false);
        }
        die(&mut raw);
        raw.said();
        let mut call = raw.it.call(id).expect("its end was not read");
        for _ in 0..2 {
            assert!(matches!(call.send(vec![1]), Err(SendError::Ended(_))), "{name}");
            assert!(matches!(call.send_with(10, |_| panic!("not called")), Err(SendError::Ended(()))), "{name}");
            assert_eq!((call.half_close(), call.queued(), call.is_writable()), (Ok(()), 0, false), "{name}");
        }
        assert_eq!(raw.said(), [], "{name}");
        raw.poll();
        assert!(raw.log(id).code().is_some() && raw.it.call(id).is_none(), "{name}");
    }
    // On a server, after its client's reset.
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

/// L-33: a transport that takes nothing any more cannot hold up the end: at the time that was set every call has its end,
/// and both sides are told that the connection is over. An end at once takes one verb.
#[test]
fn l_33_a_close_that_cannot_be_written() {
    for patience in [0, 20] {
        let mut pair = Pair::new(33);
        pair.watch();
        let id = pair.open(&bidi()).unwrap();
        pair.drive();
        (pair.up.takes, pair.down.takes) = (0, 0);
        let (now, by) = (pair.now(), pair.now().saturating_add(Duration::from_secs(patience)));
        pair.client.call(id).unwrap().send(vec![1; 60_000]).unwrap();
        pair.server.shutdown(now, Some(by));
        pair.client.shutdown(now, Some(by));
        pair.drive();
        let closed = |pair: &Pair| (pair.client_log.count(Event::Closed), pair.server_log.count(Event::Closed));
        pair.sleep(Duration::from_secs(patience).saturating_sub(Duration::from_nanos(1)));
        assert_eq!(closed(&pair), if patience == 0 { (1, 1) } else { (0, 0) });
        pair.sleep(Duration::from_nanos(1));
        assert_eq!(closed(&pair), (1, 1));
        assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Unavailable));
        assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
        assert_eq!(pair.client.error().map(|error| error.origin()), Some(Origin::Application));
        pair.sleep(Duration::from_secs(1));
        assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None), "nothing left to wait for");
    }
}

/// L-34: an end that follows its last words at once does not overtake them, on a transport that takes an octet at a time.
#[test]
fn l_34_the_last_words_arrive() {
    for takes in [1, 7, usize::MAX] {
        let mut pair = Pair::new(34);
        pair.watch();
        pair.down.takes = takes;
        let message = vec![7; 3_000];
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
        assert_eq!((log.code(), log.messages().next()), (Some(Code::Aborted), Some(&message[..])), "{takes}");
        assert!(takes == usize::MAX || finished_early > 0, "otherwise this tests nothing");
        assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    }
}

/// L-35, design §8: replies wait for an output that takes an octet at a time, up to `max_replies`; draining makes room for
/// as many again, and every PING is answered, in order (the observer compares).
#[test]
fn l_35_replies_go_on_when_the_output_drains() {
    let mut management = ServerManagement::default();
    management.max_ping_strikes = None;
    let mut raw = Raw::server_with(&ServerConfig::builder().management(management).build().unwrap());
    raw.output_target(1);
    let mut answered = 0;
    for round in 0..5_000u64 {
        raw.frame(Frame::Ping(Ping { ack: false, payload: round.to_be_bytes() }));
        // Two come for each that is answered, until as many wait as may; then one for one.
        if round % 2 == 0 || round - answered > 900 {
            let said = raw.said();
            answered += said.iter().filter(|seen| matches!(seen, Seen::Ping(true, _))).count() as u64;
        }
    }
    raw.output_target(usize::MAX);
    answered += raw.said().len() as u64;
    assert_eq!((answered, raw.it.error()), (5_000, None));
    // The other side of the limit.
    (0..1_000u64).for_each(|round| raw.frame(Frame::Ping(Ping { ack: false, payload: round.to_be_bytes() })));
    assert!(raw.it.error().is_none());
    raw.frame(Frame::Ping(Ping { ack: false, payload: [0; 8] }));
    assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::ENHANCE_YOUR_CALM));
}
