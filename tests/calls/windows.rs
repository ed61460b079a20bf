//! Flow control as calls see it (G-190 to G-199, L-01 to L-04, L-19, L-21, L-24).

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits, server_config};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{Data, ErrorCode, Frame, StreamId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, Rng, answer, echo};
use grpc_sansio::{CallId, Event, Limits, OpenOptions};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

const KIB: u32 = 1024;

/// Windows as small as they may be, so that little traffic fills them.
fn small_windows() -> Limits {
    limits(|limits| {
        limits.call_window = 65_535;
        limits.connection_window = 65_535 * 4;
        limits.assembly_budget = 400_000;
        limits.max_receive_message = Some(400_000);
    })
}

/// The peer's view of a side's windows: what it may still send.
struct Ledger {
    connection: i64,
}

impl Ledger {
    fn new(window: u32) -> Self {
        Self { connection: i64::from(window) }
    }

    fn heard(&mut self, said: &[Seen]) {
        for seen in said {
            if let Seen::Window(0, increment) = seen {
                self.connection += i64::from(*increment);
            }
        }
    }
}

/// Sends a message on a stream, in DATA frames as large as they may be, whatever the windows say.
fn pour<R: grpc_sansio::testing::Recorded>(raw: &mut Raw<R>, ledger: &mut Ledger, stream: u32, wire: &[u8], end: bool) {
    let mut pieces = wire.chunks(16_384).peekable();
    while let Some(piece) = pieces.next() {
        raw.data(stream, piece, end && pieces.peek().is_none());
        ledger.connection -= piece.len() as i64;
    }
}

/// G-190, L-21: message sizes around the window, and far above it, arrive, both ways.
#[test]
fn g_190_l_21_a_message_larger_than_the_window() {
    let limits = small_windows();
    for cut in [Cut::Whole, Cut::Random] {
        let mut pair = Pair::with(&client_config(limits.clone()), &server_config(limits.clone()), 2);
        pair.cut(cut);
        pair.on_server(answer(Kind::Unary, |request| {
            (vec![request.messages().next().unwrap().to_vec()], Status::ok())
        }));
        for size in [32_767, 65_529, 65_530, 65_531, 65_535, 65_536, 131_070, 200_000, 399_999, 400_000] {
            let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
            pair.client.call(id).unwrap().send(vec![5; size]).unwrap();
            pair.drive();
            let log = pair.client_log.call(id).unwrap();
            assert_eq!(log.code(), Some(Code::Ok), "{size}");
            assert_eq!(log.messages().next().unwrap().len(), size);
        }
    }
}

/// G-190: loans are given first come, first served; each upload finishes, and the budget is whole again.
#[test]
fn g_190_loans_are_first_come_first_served() {
    let mut limits = small_windows();
    limits.connection_window = 10 * 65_535;
    let mut pair = Pair::with(&client_config(Limits::default()), &server_config(limits), 2);
    pair.up.cut = Cut::Random;
    pair.on_server(answer(Kind::Unary, |request| {
        (vec![request.messages().next().unwrap()[..8].to_vec()], Status::ok())
    }));
    let ids: Vec<CallId> = (0..10u64)
        .map(|n| {
            let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
            let mut message = n.to_be_bytes().to_vec();
            message.resize(390_000, n as u8);
            pair.client.call(id).unwrap().send(message).unwrap();
            id
        })
        .collect();
    pair.drive();
    for (n, id) in ids.into_iter().enumerate() {
        let log = pair.client_log.call(id).unwrap_or_else(|| panic!("call {n} is stuck"));
        assert_eq!(log.messages().next(), Some(&(n as u64).to_be_bytes()[..]));
    }
}

/// A loan that is not used ends its call after 30 s, and the next in line gets it.
#[test]
fn a_stalled_loan_ends_its_call() {
    let mut raw = Raw::server_with(&server_config(small_windows()));
    let big = framed(&vec![1; 390_000]);
    for stream in [1, 3] {
        raw.request(stream, &[], false);
        raw.opened();
        raw.data(stream, &big[..100], false);
    }
    let said = raw.said();
    assert!(said.iter().any(|seen| matches!(seen, Seen::Window(1, _))), "{said:?}");
    assert!(!said.iter().any(|seen| matches!(seen, Seen::Window(3, _))), "one budget, one loan");
    raw.sleep(Duration::from_secs(29));
    raw.data(1, &big[100..101], false);
    raw.sleep(Duration::from_secs(29));
    assert_eq!(raw.said_of_calls(), []);
    raw.sleep(Duration::from_secs(1));
    let said = raw.said();
    assert!(said.iter().any(|seen| seen.field("grpc-status") == Some("8")), "{said:?}");
    assert!(said.iter().any(|seen| matches!(seen, Seen::Window(3, _))), "{said:?}");
}

/// A message that arrived whole is no stall, however long nobody reads it: not reading is legal.
#[test]
fn a_loan_that_was_used_is_not_a_stall() {
    let mut raw = Raw::client_with(&client_config(small_windows()));
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    framed(&vec![1; 200_000]).chunks(16_384).for_each(|piece| {
        raw.data(1, piece, false);
        raw.said();
    });
    raw.sleep(Duration::from_secs(3600));
    assert_eq!(raw.it.call(id).unwrap().stopped(), None);
    raw.headers(1, &OK, true);
    raw.poll();
    assert_eq!((raw.log(id).code(), raw.log(id).messages().count()), (Some(Code::Ok), 1));
}

/// L-01: a call that stops, or ends, in the middle of a large message is lent nothing more: the connection's window is
/// whole once it is let go.
#[test]
fn l_01_a_dead_call_borrows_nothing() {
    // On a server: reset by its client behind a whole message and the start of a large one.
    let mut raw = Raw::server_with(&server_config(small_windows()));
    let mut ledger = Ledger::new(4 * 65_535);
    for stream in (1..41).step_by(2) {
        raw.request(stream, &[], false);
        while raw.it.poll_event().is_some_and(|event| !matches!(event, Event::Opened(_))) {}
        let wire = [framed(b"whole"), framed(&vec![1; 390_000])[..1_000].to_vec()].concat();
        pour(&mut raw, &mut ledger, stream, &wire, false);
        raw.reset(stream, ErrorCode::CANCEL);
        for event in raw.poll() {
            if let Event::Stopped(id) = event {
                raw.it.call(id).unwrap().release();
            }
        }
        ledger.heard(&raw.said());
    }
    assert_eq!(raw.it.calls(), 0);
    raw.request(999, &[], false);
    let id = raw.opened();
    for _ in 0..100 {
        pour(&mut raw, &mut ledger, 999, &framed(&[0; 10_000]), false);
        raw.log.read(&mut raw.it, id);
        ledger.heard(&raw.said());
    }
    // What is not announced yet is less than half a window of a call.
    assert!(ledger.connection > 4 * 65_535 - 32_768, "{}", ledger.connection);

    // On a client: an error status behind a whole message and the start of a large one.
    let mut raw = Raw::client_with(&client_config(small_windows()));
    let mut ledger = Ledger::new(4 * 65_535);
    for stream in (1..41).step_by(2) {
        let _id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(stream, &RESPONSE, false);
        let wire = [framed(b"whole"), framed(&vec![1; 390_000])[..1_000].to_vec()].concat();
        pour(&mut raw, &mut ledger, stream, &wire, false);
        raw.headers(stream, &[("grpc-status", "5")], true);
        raw.poll();
        ledger.heard(&raw.said());
    }
    assert_eq!(raw.it.calls(), 0);
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(41, &RESPONSE, false);
    for _ in 0..100 {
        pour(&mut raw, &mut ledger, 41, &framed(&[0; 10_000]), false);
        raw.log.read(&mut raw.it, id);
        ledger.heard(&raw.said());
    }
    assert!(ledger.connection > 4 * 65_535 - 32_768, "{}", ledger.connection);
}

/// L-01, L-02, L-03, G-192, G-193: whatever becomes of a call, the connection's window comes back whole.
#[test]
fn l_01_l_02_l_03_the_receive_ledger() {
    for seed in 0..20 {
        let mut rng = Rng::new(seed);
        let mut raw = Raw::server_with(&server_config(small_windows()));
        let mut ledger = Ledger::new(4 * 65_535);
        for n in 0..60 {
            let stream = 2 * n + 1;
            raw.request(stream, &[], false);
            let mut id = None;
            while let Some(event) = raw.it.poll_event() {
                if let Event::Opened(opened) = event {
                    id = Some(opened);
                }
            }
            let Some(id) = id else { panic!("not opened") };
            let size = [0, 10, 5_000, 60_000, 100_000][rng.below(5)];
            let wire = [framed(&[0; 100]), framed(&vec![1; size])].concat();
            let part = if rng.one_in(2) { wire.len() } else { rng.below(wire.len()) };
            let mut sent = 0;
            while sent < part {
                // As much as the stream's initial window and the loan allow.
                let piece = (part - sent).min(1 + rng.below(16_000));
                let padding = rng.one_in(3).then(|| rng.below(256) as u8);
                let room = 65_535 - sent as i64 > 17_000 || size < 60_000;
                if !room {
                    break;
                }
                let data = &wire[sent..sent + piece];
                raw.frame(Frame::Data(Data { stream: StreamId::new(stream), data, padding, end_stream: false }));
                ledger.connection -= piece as i64 + padding.map_or(0, |padding| i64::from(padding) + 1);
                sent += piece;
                if rng.one_in(2) {
                    raw.log.read(&mut raw.it, id);
                }
                ledger.heard(&raw.said());
            }
            match rng.below(4) {
                0 => raw.reset(stream, ErrorCode::CANCEL),
                1 => raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new()),
                2 => raw.it.call(id).unwrap().reset(ErrorCode::INTERNAL_ERROR).unwrap(),
                _ => raw.log.read(&mut raw.it, id),
            }
            ledger.heard(&raw.said());
            // DATA that was in flight when the call ended is credited all the same (L-02).
            if raw.it.call(id).is_none() {
                raw.data(stream, &[0; 500], false);
                ledger.connection -= 500;
            } else {
                raw.it.call(id).unwrap().release();
            }
            ledger.heard(&raw.said());
        }
        assert_eq!((raw.it.calls(), raw.it.error()), (0, None));
        // What was announced as a loan to calls that then ended is taken back as more is consumed.
        raw.request(999, &[], false);
        let id = raw.opened();
        for _ in 0..200 {
            pour(&mut raw, &mut ledger, 999, &framed(&[0; 10_000]), false);
            raw.log.read(&mut raw.it, id);
            ledger.heard(&raw.said());
        }
        raw.it.call(id).unwrap().release();
        let whole = 4 * 65_535 - 32_768..=4 * 65_535;
        assert!(whole.contains(&ledger.connection), "seed {seed}: {} of {}", ledger.connection, 4 * 65_535);
    }
}

/// L-03, G-192: five octets of data with 255 of padding, for more than the window holds.
#[test]
fn g_192_padding_is_given_back_at_once() {
    let mut raw = Raw::server_with(&server_config(small_windows()));
    let mut ledger = Ledger::new(4 * 65_535);
    raw.request(1, &[], false);
    let id = raw.opened();
    let frames = 2_000;
    for _ in 0..frames {
        let data = &framed(b"")[..];
        raw.frame(Frame::Data(Data { stream: StreamId::new(1), data, padding: Some(255), end_stream: false }));
        ledger.connection -= 5 + 256;
        raw.log.read(&mut raw.it, id);
        ledger.heard(&raw.said());
    }
    assert_eq!((raw.it.error(), raw.log(id).messages().count()), (None, frames));
    assert!(ledger.connection > 4 * 65_535 - 32_768);
}

/// G-191, L-24: fifteen calls that nobody reads leave the others at full speed; a sixteenth exhausts the connection,
/// which is said once, and again only after it was over.
#[test]
fn g_191_l_24_unread_calls_and_the_connection_window() {
    let limits = limits(|limits| limits.call_window = 256 * KIB);
    let mut pair = Pair::with(&client_config(limits.clone()), &server_config(limits), 3);
    let method = BIDI;
    // Odd calls are never read, even ones are echoed.
    let mut echo = echo();
    let mut unread = Vec::new();
    let receiver = Rc::new(RefCell::new(Vec::new()));
    let sender = Rc::clone(&receiver);
    pair.on_server(move |now, server, event| {
        if let Event::Opened(id) = event
            && let Some(grpc_sansio::Item::Head(head)) = server.call(id).unwrap().read()
            && head.metadata().get("unread").is_some()
        {
            unread.push(id);
            sender.borrow_mut().push(id);
        }
        if let Event::Readable(id) = event
            && unread.contains(&id)
        {
            return;
        }
        echo(now, server, event);
    });
    let mut metadata = Metadata::new();
    metadata.append("unread", "yes").unwrap();
    let flood = |pair: &mut Pair| {
        let id = pair.open(&OpenOptions::new(&method).metadata(&metadata)).unwrap();
        // Whole messages, up to the call's window.
        while pair.client.call(id).unwrap().queued() == 0 {
            pair.client.call(id).unwrap().send(vec![0; 10_000]).unwrap();
            pair.drive();
        }
        id
    };
    for _ in 0..15 {
        flood(&mut pair);
    }
    assert_eq!(pair.server_log.count(Event::WindowExhausted), 0);
    let id = pair.open(&OpenOptions::new(&method)).unwrap();
    for _ in 0..40 {
        pair.client.call(id).unwrap().send(vec![1; 100_000]).unwrap();
        pair.drive();
    }
    assert_eq!(pair.client_log.call(id).unwrap().messages().count(), 40);
    assert_eq!(pair.server_log.count(Event::WindowExhausted), 0);
    flood(&mut pair);
    let _one_more = flood(&mut pair);
    assert_eq!(pair.server_log.count(Event::WindowExhausted), 1);
    pair.drive();
    assert_eq!(pair.server_log.count(Event::WindowExhausted), 1, "once per episode");
    // Somebody lets go of a call: the others go on.
    let served = receiver.borrow()[0];
    pair.server.call(served).unwrap().release();
    pair.client.call(id).unwrap().send(vec![1; 100_000]).unwrap();
    pair.drive();
    assert_eq!(pair.client_log.call(id).unwrap().messages().count(), 41);
}

/// L-04, L-05: bodies larger than the window on ten times as many calls as may be open: all finish.
#[test]
fn l_04_l_05_many_uploads_through_few_streams() {
    let server = server_config(limits(|limits| {
        limits.max_concurrent_calls = 4;
        (limits.call_window, limits.connection_window) = (65_535, 4 * 65_535);
        limits.max_receive_message = Some(200_000);
        limits.assembly_budget = 200_000;
    }));
    for cut in [Cut::Whole, Cut::Random] {
        let mut pair = Pair::with(&client_config(Limits::default()), &server, 7);
        pair.cut(cut);
        pair.on_server(answer(Kind::Unary, |request| {
            (vec![request.messages().next().unwrap()[..1].to_vec()], Status::ok())
        }));
        pair.drive();
        let ids: Vec<_> = (0..40)
            .map(|n| {
                let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
                pair.client.call(id).unwrap().send(vec![n; 100_000]).unwrap();
                id
            })
            .collect();
        pair.drive();
        for id in ids {
            assert_eq!(pair.client_log.call(id).and_then(|log| log.code()), Some(Code::Ok));
        }
    }
}

/// G-191: more messages at once than the connection's window holds, each smaller than its call's: a peer that serves its
/// calls in turn fills the window with their beginnings, and they all finish nevertheless.
#[test]
fn g_191_beginnings_of_messages_do_not_fill_the_connection() {
    for size in [50_000, 200_000, 300_000] {
        let mut pair = Pair::new(7);
        pair.on_server(answer(Kind::Unary, |request| {
            (vec![request.messages().next().unwrap().to_vec()], Status::ok())
        }));
        let ids: Vec<_> = (0..100)
            .map(|n| {
                let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
                pair.client.call(id).unwrap().send(vec![n; size]).unwrap();
                id
            })
            .collect();
        pair.drive();
        let done = |id: &CallId| pair.client_log.call(*id).and_then(|log| log.code()) == Some(Code::Ok);
        assert_eq!(ids.iter().filter(|id| done(id)).count(), 100, "{size}");
    }
}

/// G-199: a stream's window overrun is that stream's error, the connection's is the connection's.
#[test]
fn g_199_window_overruns() {
    let mut raw = Raw::client_with(&client_config(limits(|limits| limits.call_window = 64 * KIB)));
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    let messages = framed(&[0; 16_379]);
    (0..4).for_each(|_| raw.data(1, &messages, false));
    raw.data(1, b"\0", false);
    assert_eq!(raw.said_of_calls(), [Seen::Reset(1, ErrorCode::FLOW_CONTROL_ERROR)]);
    raw.poll();
    assert_eq!((raw.log(id).code(), raw.log(id).messages().count()), (Some(Code::Internal), 4));

    let mut raw = Raw::server_with(&server_config(limits(|limits| {
        (limits.call_window, limits.connection_window) = (65_535, 65_535);
    })));
    raw.request(1, &[], false);
    raw.opened();
    (0..4).for_each(|_| raw.data(1, &messages, false));
    assert!(matches!(raw.said().last(), Some(Seen::GoAway(_, ErrorCode::FLOW_CONTROL_ERROR, _))));
}

/// RFC 1122 §4.2.3.3: where unread messages hold the connection's window but for an octet, that one is not given back for
/// each octet that comes. A reader's credit is announced in the moment that others are read.
#[test]
fn no_window_update_for_each_octet() {
    let limits = limits(|limits| {
        limits.call_window = 65_535;
        limits.connection_window = 65_535;
        limits.assembly_budget = 250_000;
        limits.max_receive_message = Some(250_000);
    });
    let mut raw = Raw::server_with(&server_config(limits));
    let mut ledger = Ledger::new(65_535);
    raw.request(1, &[], false);
    let unread = raw.opened();
    raw.request(3, &[], false);
    let waiting = raw.opened();
    pour(&mut raw, &mut ledger, 1, &framed(&vec![1; 65_535 - 5 - 1]), false);
    ledger.heard(&raw.said());
    let wire = framed(&vec![3; 100_000]);
    let (first, rest) = wire.split_at(1);
    raw.data(3, first, false);
    ledger.connection -= 1;
    ledger.heard(&raw.said());
    assert_eq!(ledger.connection, 0);
    assert!(raw.it.call(unread).unwrap().read().is_some());
    let said = raw.said();
    ledger.heard(&said);
    assert!(ledger.connection >= 65_535, "{said:?}");
    for piece in rest.chunks(10_000) {
        assert!(ledger.connection >= piece.len() as i64);
        raw.data(3, piece, false);
        ledger.connection -= piece.len() as i64;
        ledger.heard(&raw.said());
    }
    assert!(raw.it.call(waiting).unwrap().read().is_some());
}

/// G-188, G-189: with no window at all heads and trailers leave; behind a message they wait for it, to the octet.
#[test]
fn g_188_g_189_header_blocks_and_windows() {
    use grpc_sansio::frame::{SettingId, WindowUpdate};
    let mut raw = Raw::server();
    raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
    let mut respond = |stream: u32, message: Option<&[u8]>| {
        raw.request(stream, &[], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.send_head(&Metadata::new()).unwrap();
        if let Some(message) = message {
            call.send(message.to_vec()).unwrap();
        }
        call.finish(&Status::ok(), &Metadata::new());
        raw.said_of_calls()
    };
    let said = respond(1, None);
    assert!(matches!(said[..], [Seen::Headers { end: false, .. }, Seen::Headers { end: true, .. }]), "{said:?}");
    let said = respond(3, Some(b"four"));
    assert!(matches!(said[..], [Seen::Headers { stream: 3, end: false, .. }]), "{said:?}");
    for (octets, data, trailers) in [(8, &framed(b"four")[..8], false), (1, b"r", true)] {
        raw.frame(Frame::WindowUpdate(WindowUpdate { stream: StreamId::new(3), increment: octets }));
        let said = raw.said_of_calls();
        assert_eq!(said[0], Seen::Data { stream: 3, data: data.to_vec(), end: false });
        assert_eq!(said.get(1).and_then(|seen| seen.field("grpc-status")).is_some(), trailers);
    }
}

/// Fills a call's window with whole messages, lets the reader have them, and returns what the call is given back.
fn round(raw: &mut Raw<grpc_sansio::Server>, ledger: &mut Ledger, stream: u32, window: u32) -> u32 {
    let mut left = window as usize;
    while left > 0 {
        let message = framed(&vec![9; left.min(10_000) - 5]);
        left -= message.len();
        pour(raw, ledger, stream, &message, false);
    }
    raw.poll();
    let credit =
        |seen: &Seen| if let Seen::Window(of, octets) = seen { (*of == stream).then_some(*octets) } else { None };
    raw.said().iter().filter_map(credit).sum()
}

/// G-198: a call's window doubles while its peer runs into it and its reader keeps up, to `max_call_window` at most.
#[test]
fn windows_grow_where_readers_keep_up() {
    let mut raw = Raw::server();
    let mut ledger = Ledger::new(4 * 1024 * KIB);
    raw.request(1, &[], false);
    raw.opened();
    raw.said();
    // A quarter of the window left is no reason to widen it.
    assert_eq!(round(&mut raw, &mut ledger, 1, 49_000), 49_000);
    let mut window = 65_535;
    for wider in [131_070, 256 * KIB - 4, 256 * KIB, 256 * KIB] {
        assert_eq!(
            round(&mut raw, &mut ledger, 1, window),
            wider,
            "{window} were used, and {wider} are the new window"
        );
        window = wider;
    }
}

/// G-198: the calls of a connection grow by `window_growth` together; what a call had goes back when its peer is done.
#[test]
fn window_growth_is_shared() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| limits.window_growth = 100_000)));
    let mut ledger = Ledger::new(4 * 1024 * KIB);
    for stream in [1, 3, 5] {
        raw.request(stream, &[], false);
        raw.opened();
    }
    raw.said();
    assert_eq!(round(&mut raw, &mut ledger, 1, 65_535), 65_535 * 2);
    assert_eq!(round(&mut raw, &mut ledger, 3, 65_535), 65_535 + (100_000 - 65_535));
    assert_eq!(round(&mut raw, &mut ledger, 5, 65_535), 65_535);
    raw.data(1, b"", true);
    raw.poll();
    raw.said();
    assert_eq!(round(&mut raw, &mut ledger, 5, 65_535), 65_535 * 2);
    raw.reset(5, ErrorCode::CANCEL);
    raw.poll();
    assert_eq!(round(&mut raw, &mut ledger, 3, 100_000), 100_000 + 65_535);
}

/// G-190, G-192: a message that is held until it is known to be the only one may take the whole window, in one frame or in
/// many; the peer is left room all the same, to pad or to end its stream with.
#[test]
fn g_190_a_held_message_leaves_room_for_the_end() {
    for (size, room) in [(65_530, 256), (65_529, 255), (65_274, 0)] {
        for frame in [16_384, 65_535] {
            let mut limits = small_windows();
            limits.max_frame = frame;
            let mut raw = Raw::client_with(&client_config(limits));
            let id = raw.request(&OpenOptions::new(&UNARY), b"m");
            raw.headers(1, &RESPONSE, false);
            framed(&vec![1; size]).chunks(frame as usize).for_each(|piece| raw.data(1, piece, false));
            let credit = |seen: &Seen| if let Seen::Window(1, octets) = seen { *octets } else { 0 };
            assert_eq!(raw.said().iter().map(credit).sum::<u32>(), room, "{size} in frames of {frame}");
            raw.headers(1, &OK, true);
            raw.poll();
            assert_eq!(raw.log(id).code(), Some(Code::Ok));
        }
    }
}

/// A call that its server has finished stands in no line for a loan: what would be lent to it helps nobody.
#[test]
fn a_finished_call_wants_no_loan() {
    let mut raw = Raw::server_with(&server_config(small_windows()));
    let big = framed(&vec![1; 390_000]);
    let [_lent, waiting] = [1, 3].map(|stream| {
        raw.request(stream, &[], false);
        let id = raw.opened();
        raw.data(stream, &big[..100], false);
        id
    });
    raw.it.call(waiting).unwrap().finish(&Status::new(Code::Aborted, ""), &Metadata::new());
    assert_eq!(raw.it.audit(), Ok(()));
    // Nor once the first is done with the budget.
    raw.reset(1, ErrorCode::CANCEL);
    assert_eq!((raw.it.lent(), raw.it.audit()), (0, Ok(())));
}
