//! Flow control: no octet is lost to a window, and nobody waits for one that somebody else holds.

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::traffic::METHODS;
use grpc_sansio::frame::{Data, ErrorCode, Frame, PREFACE, Ping, SettingId, Settings, StreamId};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{CallLog, Cut, Pair, Record, answer};
use grpc_sansio::{Connection, Event, Instant, Limits, OpenOptions, SendError, Server, ServerConfig};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::time::Duration;

/// A DATA frame that may come late: its stream by place, its octets, its padding.
fn late_data() -> impl Strategy<Value = (usize, usize, Option<u8>)> {
    (0..7usize, prop_oneof![Just(0), 1..20usize, 20..3_000usize], prop::option::of(any::<u8>()))
}

fn data(stream: u32, data: &[u8], padding: Option<u8>) -> Frame<'_> {
    Frame::Data(Data { stream: StreamId::new(stream), data, padding, end_stream: false })
}

/// All of the connection's window is announced, or owed in part: less than half a call's window.
fn window_is_whole<R: grpc_sansio::Role>(it: &grpc_sansio::Connection<R>) {
    let (window, limits) = (it.windows().expect("it goes on").receive, Limits::default());
    let (whole, unsaid) = (i64::from(limits.connection_window), i64::from(limits.call_window / 2));
    assert!((whole - unsaid..=whole).contains(&window), "{window} of {whole}");
}

/// Opens a call for each message, of so many octets, and says how many octets each ended well with.
fn echoed(pair: &mut Pair, sizes: &[usize]) -> Vec<usize> {
    let open = |size: &usize| {
        let id = pair.open(&OpenOptions::new(&METHODS[0])).unwrap();
        pair.client.call(id).unwrap().send(vec![5; *size]).unwrap();
        id
    };
    let ids: Vec<_> = sizes.iter().map(open).collect();
    pair.drive();
    let ended = |id| {
        let log = pair.client_log.call(id).expect("an end");
        assert_eq!(log.code(), Some(Code::Ok));
        log.messages().map(<[u8]>::len).sum()
    };
    ids.into_iter().map(ended).collect()
}

proptest! {
    #![proptest_config(crate::cases(100))]

    /// L-02, L-03, H-120, G-192, G-193: DATA, with padding or without, on streams that are read, not read, reset by us,
    /// reset by the client, answered early, refused, or above a GOAWAY's last id: each octet is held for the application
    /// or given back. The audit in `raw` adds them up after each frame.
    #[test]
    fn l_02_l_03_no_third_fate_on_a_server(frames in prop::collection::vec(late_data(), 1..60)) {
        let mut raw = Raw::server_with(&server_config(limits(|limits| limits.max_concurrent_calls = 5)));
        let mut ids = Vec::new();
        for stream in [1, 3, 5, 7, 9] {
            raw.request(stream, &[], false);
            ids.push(raw.opened());
        }
        raw.request(11, &[], false);
        raw.it.call(ids[2]).unwrap().reset(ErrorCode::INTERNAL_ERROR).unwrap();
        raw.reset(7, ErrorCode::CANCEL);
        raw.it.call(ids[4]).unwrap().finish(&Status::ok(), &Metadata::new());
        raw.said();
        raw.it.shutdown(raw.now(), None);
        raw.said();
        raw.frame(Frame::Ping(Ping { ack: true, payload: *b"shutdown" }));
        raw.said();
        raw.request(13, &[], false);
        prop_assert_eq!(raw.it.counters().streams_refused, 1);
        for (place, size, padding) in frames {
            let stream = 2 * place as u32 + 1;
            let octets = if size >= 5 && place < 2 { framed(&vec![1; size - 5]) } else { vec![0; size] };
            raw.frame(data(stream, &octets, padding));
            raw.said();
            raw.log.read(&mut raw.it, ids[0]);
        }
        prop_assert!(raw.it.error().is_none(), "{:?}", raw.it.error());
        raw.poll();
        ids.iter().for_each(|id| raw.it.call(*id).into_iter().for_each(|call| call.release()));
        raw.said();
        prop_assert!(raw.it.is_finished());
    }

    /// The same on a client: read, not read, cancelled, reset by the server, ended by trailers, not gRPC, and of a kind
    /// that holds its message back.
    #[test]
    fn l_02_l_03_no_third_fate_on_a_client(frames in prop::collection::vec(late_data(), 1..60)) {
        let mut raw = Raw::client();
        let methods = [3, 3, 3, 3, 3, 3, 1];
        let ids: Vec<_> = methods.iter().map(|method| raw.open(&OpenOptions::new(&METHODS[*method]))).collect();
        raw.said();
        for stream in [1, 3, 5, 7, 9, 13] {
            raw.headers(stream, &RESPONSE, false);
        }
        raw.headers(11, &[(":status", "502"), ("content-type", "text/html")], false);
        raw.it.call(ids[2]).unwrap().cancel();
        raw.reset(7, ErrorCode::CANCEL);
        raw.headers(9, &OK, true);
        for (place, size, padding) in frames {
            let octets = if size >= 5 && place != 5 { framed(&vec![1; size - 5]) } else { vec![0; size] };
            raw.frame(data(2 * place as u32 + 1, &octets, padding));
            raw.said();
            if raw.it.call(ids[0]).is_some() {
                raw.log.read(&mut raw.it, ids[0]);
            }
        }
        prop_assert!(raw.it.error().is_none(), "{:?}", raw.it.error());
        ids.iter().for_each(|id| raw.it.call(*id).into_iter().for_each(|call| call.cancel()));
        raw.said();
        prop_assert_eq!(raw.it.calls(), 0);
        window_is_whole(&raw.it);
    }

    /// L-05: whoever may send sends, whatever another stream that may not has queued: B ends inside what is left of the
    /// connection's window while A waits for its own, for windows of one octet up to 64 KiB.
    #[test]
    fn l_05_nothing_is_reserved(window in 1..65_535u32, of_a in 65_536..200_000usize, part in 1..100usize, a_first: bool) {
        let mut raw = Raw::client_with(&client_config(limits(|limits| limits.send_queue_per_call = 1 << 20)));
        raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, window)]);
        let of_b = ((65_535 - window as usize) * part / 100).saturating_sub(5);
        let [first, second] = [raw.open(&OpenOptions::new(&METHODS[1])), raw.open(&OpenOptions::new(&METHODS[1]))];
        let (a, b) = if a_first { (first, second) } else { (second, first) };
        raw.it.call(a).unwrap().send(vec![1; of_a]).unwrap();
        let mut call = raw.it.call(b).unwrap();
        call.send(vec![2; of_b]).unwrap();
        call.half_close().unwrap();
        let stream_b = if a_first { 3 } else { 1 };
        let mut said = raw.said();
        raw.window(stream_b, 65_535);
        said.extend(raw.said());
        let ended = said.iter().any(|seen| matches!(seen, Seen::Data { stream, end: true, .. } if *stream == stream_b));
        prop_assert!(ended, "{} octets of B wait", raw.it.call(b).unwrap().queued());
    }

    /// L-06, L-08: a call that is cancelled with octets queued is reset at once, whatever the windows, and what it had not
    /// used of the connection's window is free for the others.
    #[test]
    fn l_06_l_08_a_cancelled_call_frees_its_window(window in 0..65_535u32, queued in 1..60_000usize) {
        let mut raw = Raw::client();
        raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, window)]);
        let dead = raw.open(&OpenOptions::new(&METHODS[1]));
        raw.it.call(dead).unwrap().send(vec![1; queued]).unwrap();
        raw.said();
        raw.it.call(dead).unwrap().cancel();
        prop_assert_eq!(raw.said(), [Seen::Reset(1, ErrorCode::CANCEL)]);
        let left = raw.it.windows().unwrap().send;
        prop_assert_eq!(left, 65_535 - i64::from(window).min(queued as i64 + 5));
        raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 1 << 20)]);
        let other = raw.open(&OpenOptions::new(&METHODS[1]));
        raw.it.call(other).unwrap().send(vec![2; 100_000]).unwrap();
        raw.said();
        prop_assert_eq!(raw.it.windows().unwrap().send, 0);
    }

    /// L-23, design §8: `Writable` may be spurious, but what `is_writable` says is so: an octet is taken then, and none
    /// otherwise.
    #[test]
    fn l_23_writable_means_what_it_says(sizes in prop::collection::vec(0..70_000usize, 1..20), windows in prop::collection::vec(1..30_000u32, 0..30)) {
        let mut raw = Raw::client_with(&client_config(limits(|limits| limits.send_queue_per_connection = 100_000)));
        let ids: Vec<_> = (0..3).map(|_| raw.open(&OpenOptions::new(&METHODS[3]))).collect();
        let mut refused = [false; 3];
        for (at, size) in sizes.iter().enumerate() {
            refused[at % 3] |= raw.it.call(ids[at % 3]).unwrap().send(vec![1; *size]).is_err();
        }
        for (at, more) in windows.into_iter().enumerate() {
            raw.window(0, more);
            raw.window([1, 3, 5][at % 3], more);
            raw.said();
            while let Some(event) = raw.it.poll_event() {
                if let Event::Writable(id) = event {
                    let at = ids.iter().position(|other| *other == id).unwrap();
                    prop_assert!(std::mem::take(&mut refused[at]), "nobody asked");
                }
            }
            for (id, refused) in ids.iter().zip(&mut refused) {
                let writable = raw.it.call(*id).unwrap().is_writable();
                let sent = raw.it.call(*id).unwrap().send(vec![]);
                prop_assert!(sent.is_ok() <= writable);
                *refused |= matches!(sent, Err(SendError::Full(_)));
            }
        }
    }

    /// L-19: an application that serves one call at a time, with many at its door, each of whose answers needs the client's
    /// WINDOW_UPDATE: none of them waits for what comes behind the others' requests.
    #[test]
    fn l_19_one_at_a_time(seed: u64, calls in 1..40usize, request in 0..40_000usize, parts in 1..7u8, size in 1..60_000usize) {
        let mut pair = Pair::new(seed);
        pair.cut(Cut::Random);
        pair.drive();
        pair.on_server(one_at_a_time(parts, size));
        let ids: Vec<_> = (0..calls)
            .map(|_| {
                let id = pair.open(&OpenOptions::new(&METHODS[2])).unwrap();
                pair.client.call(id).unwrap().send(vec![3; request]).unwrap();
                id
            })
            .collect();
        pair.drive();
        for id in ids {
            let log = pair.client_log.call(id).expect("served");
            prop_assert_eq!((log.code(), log.messages().count()), (Some(Code::Ok), usize::from(parts)));
        }
        prop_assert_eq!(pair.server_log.count(Event::WindowExhausted), 0);
    }

    /// L-21, G-190: messages of any size up to the limit arrive through windows that are smaller, several at once, both ways,
    /// and the budget for them is whole again.
    #[test]
    fn l_21_messages_larger_than_the_window(
        seed: u64,
        sizes in prop::collection::vec(prop_oneof![65_000..66_100usize, 0..400_001usize], 1..4),
        whole: bool,
        delay in 0..20u64,
    ) {
        let limits = limits(|limits| {
            (limits.call_window, limits.connection_window) = (65_535, 65_535 * 4);
            (limits.assembly_budget, limits.max_receive_message) = (400_000, Some(400_000));
        });
        let mut pair = Pair::with(&client_config(limits.clone()), &server_config(limits), seed);
        pair.watch();
        pair.cut(if whole { Cut::Whole } else { Cut::Random });
        pair.delay(Duration::from_millis(delay));
        pair.on_server(answer(METHODS[0].kind(), |request| {
            (request.messages().map(<[u8]>::to_vec).collect(), Status::ok())
        }));
        prop_assert_eq!(echoed(&mut pair, &sizes), sizes);
        prop_assert_eq!((pair.client.lent(), pair.server.lent()), (0, 0));
    }

    /// L-22, H-081: our SETTINGS bind the peer from its acknowledgement on: what they forbid is legal before, and what they
    /// allow is taken at once. The acknowledgement comes at any point of a conversation, which goes the same way each time.
    #[test]
    fn l_22_the_acknowledgement_at_any_point(at in 0..=12u32, size in 16_384..39_995usize, half in 3..20_000usize) {
        let logs = conversation(at, size, half);
        for log in &logs {
            prop_assert_eq!(log.messages().map(<[u8]>::len).collect::<Vec<_>>(), [size]);
            let Record::Request { metadata, .. } = &log.items[0] else { panic!("a head first") };
            prop_assert!(metadata.get("a-long-name-of-metadata").is_some());
        }
        prop_assert_eq!(logs, conversation(0, size, half), "acknowledged before frame {}", at);
    }

    /// L-24, G-191: up to fifteen calls that nobody reads hold up none of the others, whatever those carry.
    #[test]
    fn l_24_unread_calls_hold_up_nobody(seed: u64, unread in 0..16u32, others in prop::collection::vec(0..200_000usize, 1..6)) {
        let mut pair = Pair::new(seed);
        pair.cut(Cut::Random);
        let mut serve = answer(METHODS[0].kind(), |request| {
            (request.messages().map(<[u8]>::to_vec).collect(), Status::ok())
        });
        // The first calls are those that nobody reads.
        pair.on_server(move |now, server, event| match event {
            Event::Opened(id) | Event::Readable(id) if id.number() <= unread => {}
            _ => serve(now, server, event),
        });
        for _ in 0..unread {
            let id = pair.open(&OpenOptions::new(&METHODS[3])).unwrap();
            while pair.client.call(id).unwrap().queued() == 0 {
                pair.client.call(id).unwrap().send(vec![0; 10_000]).unwrap();
                pair.drive();
            }
        }
        prop_assert_eq!(pair.server_log.count(Event::WindowExhausted), 0);
        prop_assert_eq!(echoed(&mut pair, &others), others);
    }
}

/// Serves the calls in order, each when the one before is done: the whole request, then so many messages of this size.
fn one_at_a_time(parts: u8, size: usize) -> impl FnMut(Instant, &mut Connection<Server>, Event) {
    let (mut line, mut at_work) = (VecDeque::new(), None);
    move |_, server, event| {
        if let Event::Opened(id) = event {
            line.push_back(id);
        }
        loop {
            let Some((id, left)) = at_work.or_else(|| line.pop_front().map(|id| (id, parts))) else { return };
            let mut call = server.call(id).expect("nobody cancels");
            while call.read().is_some() {}
            if !call.has_ended() {
                at_work = Some((id, left));
                return;
            }
            match call.send(vec![left; size]) {
                Err(SendError::Full(_)) => {
                    at_work = Some((id, left));
                    return;
                }
                Ok(()) if left > 1 => at_work = Some((id, left - 1)),
                Ok(()) => {
                    call.finish(&Status::ok(), &Metadata::new());
                    at_work = None;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }
}

/// Four requests in twelve pieces, of which the one with this number is preceded by the acknowledgement of our SETTINGS.
fn conversation(acknowledged_at: u32, size: usize, half: usize) -> Vec<CallLog> {
    let mut raw = Raw::fresh_server(&other_settings());
    raw.feed(PREFACE);
    raw.settings(&[]);
    raw.said();
    let mut ids = Vec::new();
    for at in 0..=12 {
        if at == acknowledged_at {
            raw.frame(Frame::Settings(Settings::ACK));
            raw.encoder.set_peer_max_table_size(100);
        }
        let stream = 2 * (at / 3) + 1;
        match at % 3 {
            _ if at == 12 => {}
            0 => {
                // Metadata that the smaller table has no room for, the same each time.
                raw.request(stream, &[("a-long-name-of-metadata", &"v".repeat(100))], false);
                ids.push(raw.opened());
            }
            // Larger than the default frame; with what follows more than the window that is the default.
            1 => raw.data(stream, &framed(&vec![1; size]), false),
            _ => framed(&vec![2; 2 * half])[..2 * half].chunks(half).for_each(|half| raw.data(stream, half, false)),
        }
        raw.poll();
    }
    assert_eq!(raw.it.error(), None, "acknowledged before frame {acknowledged_at}");
    ids.iter().map(|id| raw.log(*id)).collect()
}

/// A server whose SETTINGS are not the default ones.
fn other_settings() -> ServerConfig {
    server_config(limits(|limits| {
        limits.decoder_table = 100;
        limits.max_frame = 40_000;
        limits.call_window = 100_000;
    }))
}

/// L-22, H-081: after the acknowledgement the smaller table is in force, and a peer that keeps the larger one is wrong.
#[test]
fn l_22_after_the_acknowledgement() {
    let mut raw = Raw::fresh_server(&other_settings());
    raw.feed(PREFACE);
    raw.settings(&[]);
    raw.said();
    raw.frame(Frame::Settings(Settings::ACK));
    raw.request(1, &[], true);
    assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::COMPRESSION_ERROR));
}
