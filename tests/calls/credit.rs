//! What goes back to the peer's windows, and when (G-190 to G-192, L-01 to L-03).

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::{DOWNLOAD, UNARY};
use grpc_sansio::frame::{Data, Frame, PREFACE, SettingId, Settings, StreamId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::{CallId, Event, Item, OpenOptions, Server, ServerConfig, Stop};
use std::time::Duration;

const WINDOW: u32 = 65_535;

/// What the windows of a stream, or the connection for 0, got.
fn credit(said: &[Seen], of: u32) -> u32 {
    said.iter()
        .filter_map(
            |seen| if let Seen::Window(stream, octets) = seen { (*stream == of).then_some(*octets) } else { None },
        )
        .sum()
}

/// G-080, G-081, G-191: a message that is held back until it is known to be the only one counts for its call's window
/// alone: nobody can read it, so it must not keep others from sending.
#[test]
fn g_191_held_messages_leave_the_connections_window_to_others() {
    let limits = limits(|limits| (limits.call_window, limits.connection_window) = (WINDOW, WINDOW));
    let message = framed(&vec![1; 16_379]);
    let mut raw = Raw::server_with(&server_config(limits.clone()));
    let mut given = 0;
    for stream in (1..17).step_by(2) {
        raw.request(stream, &[], false);
        let id = raw.opened();
        raw.it.call(id).unwrap().expect(Kind::Unary).unwrap();
        raw.data(stream, &message, false);
        given += credit(&raw.said(), 0);
    }
    // The last is less than half a window, and is owed.
    assert!(given >= 7 * 16_384 - WINDOW / 2, "{given}");

    let mut raw = Raw::client_with(&client_config(limits));
    let mut ids = Vec::new();
    for stream in (1..17).step_by(2) {
        ids.push(raw.request(&OpenOptions::new(&UNARY), b"m"));
        raw.headers(stream, &RESPONSE, false);
        raw.data(stream, &message, false);
        raw.said();
    }
    (1..17).step_by(2).for_each(|stream| raw.headers(stream, &OK, true));
    raw.poll();
    assert!(ids.into_iter().all(|id| raw.log(id).code() == Some(Code::Ok)));
}

/// G-192: what padding takes of a loan comes back when it is worth a WINDOW_UPDATE, not with each frame.
#[test]
fn g_192_padding_of_a_lent_message_is_given_back_now_and_then() {
    let mut raw = Raw::client_with(&client_config(limits(|limits| {
        (limits.call_window, limits.connection_window) = (WINDOW, WINDOW * 4);
        (limits.assembly_budget, limits.max_receive_message) = (400_000, Some(400_000));
    })));
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    let (mut updates, mut frames) = (0, 0);
    for data in framed(&vec![7; 390_000]).chunks(1_000) {
        raw.frame(Frame::Data(Data { stream: StreamId::new(1), data, padding: Some(255), end_stream: false }));
        updates += raw.said().iter().filter(|seen| matches!(seen, Seen::Window(1, _))).count();
        frames += 1;
    }
    assert!(updates * 8 < frames, "{updates} for {frames} frames");
    raw.headers(1, &OK, true);
    raw.poll();
    assert_eq!((raw.log(id).code(), raw.log(id).messages().count()), (Some(Code::Ok), 1));
}

/// G-190: the budget is for the message that its reader waits for; one that has unread messages before it borrows nothing
/// until they are taken.
#[test]
fn g_190_a_message_behind_unread_ones_borrows_nothing() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    raw.data(1, &[&framed(b"one")[..], &framed(b"two"), &framed(&vec![1; 390_000])[..100]].concat(), false);
    for unread in [3, 2, 1] {
        assert_eq!(raw.it.lent(), 0, "{unread} items before it");
        assert!(raw.it.call(id).unwrap().read().is_some());
    }
    assert!(raw.it.lent() > 300_000);
    assert!(credit(&raw.said(), 1) > 300_000);
}

/// G-191: who waits for the rest of a prefix, behind a connection's window that unread messages have filled, gets the room
/// that another reader makes, though that is too little to be announced otherwise.
#[test]
fn g_191_a_prefix_is_waited_for_like_a_message() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| {
        (limits.call_window, limits.connection_window) = (WINDOW, WINDOW);
    })));
    raw.request(1, &[], false);
    let unread = raw.opened();
    raw.request(3, &[], false);
    let waiting = raw.opened();
    raw.data(1, &framed(&[1; 495]), false);
    for size in [16_379, 16_379, 16_379, 65_535 - 500 - 3 * 16_384 - 5 - 1] {
        raw.data(1, &framed(&vec![1; size]), false);
    }
    let wire = framed(b"short");
    raw.data(3, &wire[..1], false);
    assert_eq!(credit(&raw.said(), 0), 0, "one octet is not worth it");
    assert!(matches!(raw.it.call(unread).unwrap().read(), Some(Item::Message(_))));
    assert_eq!(credit(&raw.said(), 0), 501);
    raw.data(3, &wire[1..], false);
    assert!(raw.it.call(waiting).unwrap().is_readable());
}

/// G-191: room on the connection is announced where a reader waits for more than its peer may send, to the octet.
#[test]
fn g_191_the_connections_window_is_announced_for_a_reader_to_the_octet() {
    // A message of 1,000 octets, of which 100 have come with the prefix, waits for 905 and the padding of a frame.
    for (short, said) in [(0, 0), (1, 100)] {
        let mut raw = Raw::server_with(&server_config(limits(|limits| {
            (limits.call_window, limits.connection_window) = (WINDOW, WINDOW);
        })));
        let [_unread, _waiting] = [1, 3].map(|stream| {
            raw.request(stream, &[], false);
            raw.opened()
        });
        (0..3).for_each(|_| raw.data(1, &framed(&vec![1; 16_379]), false));
        let room = WINDOW as usize - 3 * 16_384 - 100 - 905 - 256 + short;
        raw.data(1, &framed(&vec![1; room - 5]), false);
        raw.data(3, &framed(&[1; 1_000])[..100], false);
        assert_eq!(credit(&raw.said(), 0), said, "{short}");
    }
}

/// L-02: what a finished call has not read goes back at once, not when its response has left.
#[test]
fn l_02_a_finished_call_gives_back_what_it_did_not_read() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| {
        (limits.call_window, limits.connection_window) = (WINDOW, WINDOW);
    })));
    raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
    raw.request(1, &[], false);
    let id = raw.opened();
    (0..3).for_each(|_| raw.data(1, &framed(&vec![1; 16_379]), false));
    assert_eq!(credit(&raw.said(), 0), 0);
    let mut call = raw.it.call(id).unwrap();
    call.send(b"waits for a window".to_vec()).unwrap();
    call.finish(&Status::ok(), &Metadata::new());
    let said = raw.said();
    assert_eq!(credit(&said, 0), 3 * 16_384, "{said:?}");
    assert_eq!(raw.it.calls(), 1, "its trailers wait behind the message");
}

/// L-02: a message that is refused by a prefix in two pieces gives each of its octets back once: the audit counts them.
#[test]
fn l_02_a_bad_prefix_in_pieces_goes_back_once() {
    for before in [&b""[..], &framed(b"whole")] {
        for cut in 1..5 {
            let mut raw = Raw::server();
            raw.request(1, &[], false);
            let id = raw.opened();
            let bad = [9, 0, 0, 0, 2, 7, 7];
            raw.data(1, &[before, &bad[..cut]].concat(), false);
            raw.data(1, &bad[cut..], false);
            assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("13"), "{cut}");
            assert_eq!(
                raw.poll(),
                if before.is_empty() {
                    vec![Event::Stopped(id)]
                } else {
                    vec![Event::Stopped(id), Event::Readable(id)]
                }
            );
            assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::PeerFault));
            raw.it.call(id).unwrap().release();
            raw.said();
        }
    }
}

/// A server to which the way there and back takes 100 ms, and one of its calls for each of `streams`.
fn distant(streams: &[u32]) -> (Raw<Server>, Vec<CallId>) {
    let mut raw = Raw::fresh_server(&ServerConfig::default());
    raw.feed(PREFACE);
    raw.settings(&[]);
    raw.said();
    raw.sleep(Duration::from_millis(100));
    raw.frame(Frame::Settings(Settings::ACK));
    let mut opened = |stream: &u32| {
        raw.request(*stream, &[], false);
        raw.opened()
    };
    let ids = streams.iter().map(&mut opened).collect();
    (raw, ids)
}

/// Sends messages of 10,000 octets with their prefixes, each read at once.
fn send_and_read(raw: &mut Raw<Server>, stream: u32, id: CallId, messages: usize) {
    for _ in 0..messages {
        raw.data(stream, &framed(&vec![1; 9_995]), false);
        assert!(matches!(raw.it.call(id).unwrap().read(), Some(Item::Message(_))));
        raw.said();
    }
}

/// What the peer was told that it may send on a stream.
fn window(raw: &Raw<Server>, stream: u32) -> i64 {
    let windows = raw.it.windows().unwrap();
    windows.streams.iter().find(|of| of.stream == stream).and_then(|of| of.receive).unwrap()
}

/// A call whose reader takes more than half a window in a round trip gets a larger one, though its peer never ran into it;
/// one that takes less keeps its own.
#[test]
fn a_window_grows_by_what_its_reader_takes_in_a_round_trip() {
    for (messages, wider) in [(4, true), (3, false)] {
        let (mut raw, ids) = distant(&[1]);
        // The first begins to count.
        send_and_read(&mut raw, 1, ids[0], 1);
        raw.sleep(Duration::from_millis(50));
        send_and_read(&mut raw, 1, ids[0], messages - 1);
        raw.sleep(Duration::from_millis(50));
        send_and_read(&mut raw, 1, ids[0], 1);
        assert_eq!(window(&raw, 1) > i64::from(WINDOW), wider, "{messages}: {}", window(&raw, 1));
    }
}

/// A burst at the beginning of a round trip says nothing yet of the rest of it.
#[test]
fn a_window_does_not_grow_by_a_burst() {
    let (mut raw, ids) = distant(&[1]);
    send_and_read(&mut raw, 1, ids[0], 1);
    raw.sleep(Duration::from_millis(1));
    // Read while the next has begun to arrive.
    let (message, next) = (framed(&vec![1; 9_995]), framed(&vec![1; 4_000]));
    raw.data(1, &[&message[..], &next[..10]].concat(), false);
    assert!(matches!(raw.it.call(ids[0]).unwrap().read(), Some(Item::Message(_))));
    raw.data(1, &next[10..], false);
    assert!(matches!(raw.it.call(ids[0]).unwrap().read(), Some(Item::Message(_))));
    send_and_read(&mut raw, 1, ids[0], 2);
    assert!(window(&raw, 1) <= i64::from(WINDOW), "{}", window(&raw, 1));
}

/// One call at a time is measured; when its reader takes no more, another one takes its place, and not before.
#[test]
fn a_call_that_is_measured_no_more_makes_place() {
    for (silent, wider) in [(199, false), (200, true)] {
        let (mut raw, ids) = distant(&[1, 3]);
        send_and_read(&mut raw, 1, ids[0], 1);
        raw.sleep(Duration::from_millis(silent));
        send_and_read(&mut raw, 3, ids[1], 1);
        raw.sleep(Duration::from_millis(50));
        send_and_read(&mut raw, 3, ids[1], 3);
        raw.sleep(Duration::from_millis(50));
        send_and_read(&mut raw, 3, ids[1], 1);
        assert_eq!(window(&raw, 3) > i64::from(WINDOW), wider, "{silent} ms: {}", window(&raw, 3));
    }
}
