//! Send queues, and calls that wait for a stream (G-163 to G-165, G-195, L-18, L-23).

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::{BIDI, UNARY};
use grpc_sansio::frame::{ErrorCode, Frame, SettingId, StreamId, WindowUpdate};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, answer};
use grpc_sansio::{CallId, Event, Limits, OpenError, OpenOptions, SendError, WriteBuf};

/// Decision 6: an empty queue takes one message of any size; then `Full` hands the message back, and `Writable` comes
/// once, when half of the queue has left.
#[test]
fn g_195_full_and_writable_at_half() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.said();
    let mut call = raw.it.call(id).unwrap();
    for _ in 0..6 {
        call.send(vec![1; 10_000]).unwrap();
    }
    assert!(call.is_writable());
    let refused = Message::new(vec![2; 10_000]);
    assert_eq!(call.send(refused.clone()), Err(SendError::Full(refused)));
    assert_eq!(call.send_with(10_000, |_| panic!("not asked")), Err(SendError::Full(())));
    call.send(vec![1; 1_000]).unwrap();
    assert_eq!(call.queued(), 6 * 10_005 + 1_005);
    // The server's window is 65,535, so all of it leaves; but in small output buffers it does so bit by bit.
    let mut output = WriteBuf::with_target(1);
    let now = raw.now();
    let mut told_at = None;
    for _ in 0..10 {
        raw.it.transmit(now, &mut output);
        output = WriteBuf::with_target(1);
        while let Some(event) = raw.it.poll_event() {
            assert_eq!(event, Event::Writable(id));
            assert_eq!(told_at.replace(raw.it.call(id).unwrap().queued()), None, "told once");
        }
    }
    assert!(told_at.is_some_and(|queued| queued <= 32 * 1024 && queued > 0), "{told_at:?}");
    assert_eq!(raw.it.queued(), 0);

    let mut call = raw.it.call(id).unwrap();
    call.send(vec![0; 5_000_000]).unwrap();
    assert!(!call.is_writable());
    assert!(matches!(call.send(vec![]), Err(SendError::Full(_))));
}

/// A call that was refused room, and is then finished, still says its status: the drained queue is not its end.
#[test]
fn finish_after_a_refused_message() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    let mut call = raw.it.call(id).unwrap();
    // So short that it leaves at once: the mark for Writable is reached with an empty queue.
    call.send(vec![]).unwrap();
    assert!(matches!(call.send(vec![1; 65_536]), Err(SendError::Full(_))));
    call.finish(&Status::ok(), &Metadata::new());
    let said = raw.said_of_calls();
    let trailers = &said[said.len() - 2];
    assert_eq!(trailers.field("grpc-status"), Some("0"), "{trailers:?}");
    assert_eq!(said.last(), Some(&Seen::Reset(1, ErrorCode::NO_ERROR)));
}

/// All calls together queue at most so much; each may still queue one message.
#[test]
fn the_queues_of_all_calls_are_bounded_together() {
    let config = client_config(limits(|limits| {
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (1_000, 3_000);
    }));
    let mut raw = Raw::client_with(&config);
    let ids: Vec<_> = (0..4).map(|_| raw.open(&OpenOptions::new(&BIDI))).collect();
    for id in &ids[..3] {
        raw.it.call(*id).unwrap().send(vec![0; 990]).unwrap();
    }
    let mut call = raw.it.call(ids[3]).unwrap();
    assert!(call.is_writable());
    call.send(vec![0; 100]).unwrap();
    assert!(!call.is_writable());
    assert!(matches!(call.send(vec![0; 100]), Err(SendError::Full(_))));
    raw.said();
    let mut events = Vec::new();
    while let Some(event) = raw.it.poll_event() {
        events.push(event);
    }
    assert_eq!(events, [Event::Writable(ids[3])]);
}

/// L-07: a call that was refused for the total of all calls is told when the total falls, though its own queue waits for a
/// window that never opens.
#[test]
fn writable_when_the_total_falls() {
    let config = client_config(limits(|limits| {
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (1_000, 3_000);
    }));
    let mut raw = Raw::client_with(&config);
    raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
    let ids: Vec<_> = (0..4).map(|_| raw.open(&OpenOptions::new(&BIDI))).collect();
    for id in &ids[..3] {
        raw.it.call(*id).unwrap().send(vec![0; 990]).unwrap();
    }
    let mut call = raw.it.call(ids[3]).unwrap();
    call.send(vec![0; 100]).unwrap();
    for _ in 0..100 {
        assert!(matches!(call.send(vec![0; 100]), Err(SendError::Full(_))));
    }
    raw.said();
    assert_eq!(raw.it.poll_event(), None);
    // One of the others is cancelled: not yet half. Then a window opens.
    raw.it.call(ids[0]).unwrap().cancel();
    raw.said();
    assert_eq!(raw.it.poll_event(), None);
    raw.frame(Frame::WindowUpdate(WindowUpdate { stream: StreamId::new(3), increment: 600 }));
    raw.said();
    assert_eq!(raw.it.poll_event(), Some(Event::Writable(ids[3])));
    assert_eq!(raw.it.poll_event(), None);
    raw.it.call(ids[3]).unwrap().send(vec![0; 100]).unwrap();
}

/// T-45: a paused reader costs its call nothing by default. Where a time is set, the call ends with RESOURCE_EXHAUSTED on
/// a client and stops on a server.
#[test]
fn t_45_stalled_send_timeout() {
    let minute = std::time::Duration::from_secs(60);
    for timeout in [None, Some(minute)] {
        let limits = limits(|limits| limits.stalled_send_timeout = timeout);
        let mut raw = Raw::client_with(&client_config(limits.clone()));
        raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
        let id = raw.request(&OpenOptions::new(&BIDI), b"hello");
        raw.sleep(minute);
        raw.poll();
        let stalled = timeout.is_some();
        assert_eq!(raw.log(id).code(), stalled.then_some(Code::ResourceExhausted));
        let said = if stalled { vec![Seen::Reset(1, ErrorCode::CANCEL)] } else { vec![] };
        assert_eq!(raw.said_of_calls(), said);

        let mut raw = Raw::server_with(&server_config(limits));
        raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
        raw.request(1, &[], true);
        let finished = raw.opened();
        raw.request(3, &[], true);
        let held = raw.opened();
        let mut call = raw.it.call(finished).unwrap();
        call.send(b"hello".to_vec()).unwrap();
        call.finish(&Status::ok(), &Metadata::new());
        raw.it.call(held).unwrap().send(b"hello".to_vec()).unwrap();
        raw.said();
        raw.sleep(minute);
        assert_eq!(raw.poll(), if stalled { vec![Event::Stopped(held)] } else { vec![] });
        let said = [Seen::Reset(1, ErrorCode::CANCEL), Seen::Reset(3, ErrorCode::CANCEL)];
        assert_eq!(raw.said_of_calls(), if stalled { &said[..] } else { &[] });
        assert_eq!(raw.it.queued(), if stalled { 0 } else { 20 });
    }
}

/// G-163, L-18: calls over the server's limit wait, and start in order; a limit lowered below what is open cancels
/// nothing, and zero starts nothing.
#[test]
fn g_163_l_18_calls_wait_for_the_servers_limit() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
    let ids: Vec<CallId> = (0..5)
        .map(|n| {
            let id = raw.open(&OpenOptions::new(&UNARY));
            raw.it.call(id).unwrap().send(vec![n]).unwrap();
            id
        })
        .collect();
    let started = |said: &[Seen]| said.iter().filter(|seen| matches!(seen, Seen::Headers { .. })).count();
    assert_eq!(started(&raw.said()), 2);
    let finish = |raw: &mut Raw<grpc_sansio::Client>, stream| {
        raw.headers(stream, &RESPONSE, false);
        raw.data(stream, &framed(b"r"), false);
        raw.headers(stream, &OK, true);
    };
    finish(&mut raw, 1);
    let said = raw.said_of_calls();
    assert!(matches!(said[0], Seen::Headers { stream: 5, .. }));
    assert!(matches!(&said[1], Seen::Data { data, .. } if *data == framed(&[2])), "in order");
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
    finish(&mut raw, 3);
    finish(&mut raw, 5);
    assert_eq!(started(&raw.said()), 0);
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    assert_eq!(started(&raw.said()), 1);
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 100)]);
    assert_eq!(started(&raw.said()), 1);
    finish(&mut raw, 7);
    finish(&mut raw, 9);
    raw.poll();
    assert!(ids.iter().all(|id| raw.log(*id).code() == Some(Code::Ok)));
}

/// G-164: a hundred before the server's SETTINGS, which then decide; a value below what is open cancels nothing.
#[test]
fn g_164_before_the_first_settings() {
    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    (0..150).for_each(|_| _ = raw.open(&OpenOptions::new(&UNARY)));
    let started = raw.said().iter().filter(|seen| matches!(seen, Seen::Headers { .. })).count();
    assert_eq!(started, 100);
    raw.settings(&[]);
    let started = raw.said().iter().filter(|seen| matches!(seen, Seen::Headers { .. })).count();
    assert_eq!(started, 50, "no value is no limit");

    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    let ids: Vec<_> = (0..101).map(|_| raw.open(&OpenOptions::new(&UNARY))).collect();
    ids.iter().for_each(|id| raw.it.call(*id).unwrap().send(b"m".to_vec()).unwrap());
    raw.said();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    assert_eq!(raw.said(), [Seen::Ack]);
    // The last one waits until the others are done.
    for stream in (1..201).step_by(2) {
        raw.headers(stream, &RESPONSE, false);
        raw.data(stream, &framed(b"r"), false);
        assert_eq!(raw.said_of_calls(), [], "{stream}");
        raw.headers(stream, &OK, true);
    }
    assert!(matches!(raw.said_of_calls()[0], Seen::Headers { stream: 201, .. }));
    raw.poll();
    assert!(ids[..100].iter().all(|id| raw.log(*id).code() == Some(Code::Ok)));
}

/// Decision 6: `open` is refused when too many wait, and `Available` comes once when one more may.
#[test]
fn full_and_available() {
    for waiting in [0, 1, 3] {
        let config = client_config(limits(|limits| limits.max_waiting_calls = waiting));
        let mut raw = Raw::client_with(&config);
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
        let ids: Vec<_> = (0..waiting + 2).map(|_| raw.request(&OpenOptions::new(&BIDI), b"m")).collect();
        let now = raw.now();
        for _ in 0..2 {
            assert_eq!(raw.it.open(now, &OpenOptions::new(&UNARY)), Err(OpenError::Full), "{waiting}");
        }
        raw.said();
        assert_eq!(raw.poll(), []);
        // By a call that ends, and by a limit that rises.
        raw.it.call(ids[0]).unwrap().cancel();
        raw.said();
        assert_eq!(raw.poll(), [Event::Available], "{waiting}");
        let _id = raw.request(&OpenOptions::new(&BIDI), b"m");
        assert_eq!(raw.it.open(now, &OpenOptions::new(&UNARY)), Err(OpenError::Full));
        raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 3)]);
        raw.said();
        assert_eq!(raw.poll(), [Event::Available], "{waiting}");
        let _id = raw.request(&OpenOptions::new(&BIDI), b"m");
        assert_eq!(raw.poll(), []);
    }
}

/// G-165: a client that ignores the limit is refused, and told that it may try again.
#[test]
fn g_165_the_servers_limit() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| limits.max_concurrent_calls = 2)));
    (0..3).for_each(|n| raw.request(2 * n + 1, &[], false));
    assert_eq!(raw.said_of_calls(), [Seen::Reset(5, ErrorCode::REFUSED_STREAM)]);
    assert_eq!((raw.poll().len(), raw.it.counters().streams_refused), (2, 1));
}

/// Zombies count: calls that ended on the wire, but that nobody let go of, are bounded too.
#[test]
fn zombies_are_counted_and_refused() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| limits.max_concurrent_calls = 3)));
    let mut ids = Vec::new();
    for n in 0..6 {
        raw.request(2 * n + 1, &[], false);
        ids.push(raw.opened());
        raw.reset(2 * n + 1, ErrorCode::CANCEL);
    }
    assert_eq!((raw.it.zombie_calls(), raw.it.calls()), (6, 6));
    raw.request(13, &[], false);
    assert_eq!(raw.said_of_calls(), [Seen::Reset(13, ErrorCode::REFUSED_STREAM)]);
    raw.it.call(ids[0]).unwrap().release();
    assert_eq!(raw.it.zombie_calls(), 5);
    raw.poll();
    raw.request(15, &[], false);
    raw.opened();
}

/// Many more calls than may be open, through every kind of cut: each gets its own answer.
#[test]
fn a_thousand_calls_through_ten_streams() {
    let server = server_config(limits(|limits| limits.max_concurrent_calls = 10));
    for cut in [Cut::Whole, Cut::Random] {
        let mut pair = Pair::with(&client_config(Limits::default()), &server, 5);
        pair.cut(cut);
        pair.on_server(answer(Kind::Unary, |request| {
            (vec![request.messages().next().unwrap().to_vec()], Status::ok())
        }));
        // The limit is known only once SETTINGS have arrived (G-164).
        pair.drive();
        let ids: Vec<_> = (0..1_000u32)
            .map(|n| {
                let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
                pair.client.call(id).unwrap().send(n.to_be_bytes().to_vec()).unwrap();
                id
            })
            .collect();
        pair.drive();
        for (n, id) in ids.into_iter().enumerate() {
            let log = pair.client_log.call(id).unwrap();
            assert!(log.messages().eq([&(n as u32).to_be_bytes()[..]]));
        }
        assert_eq!(pair.server.counters().streams_refused, 0);
    }
}

/// Each thing that happened to a connection is told, also where several did in one read.
#[test]
fn what_happens_together_is_told_together() {
    let config = client_config(limits(|limits| {
        (limits.call_window, limits.connection_window, limits.max_waiting_calls) = (65_535, 65_535, 0);
    }));
    let mut raw = Raw::client_with(&config);
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let id = raw.request(&OpenOptions::new(&BIDI), b"m");
    let now = raw.now();
    assert_eq!(raw.it.open(now, &OpenOptions::new(&BIDI)), Err(OpenError::Full));
    raw.headers(1, &RESPONSE, false);
    // Nobody reads it, so it fills the connection's window.
    for size in [16_379, 16_379, 16_379, 16_378] {
        raw.data(1, &framed(&vec![1; size]), false);
    }
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
    assert_eq!(raw.poll(), [Event::Available, Event::WindowExhausted, Event::Readable(id)]);
}
