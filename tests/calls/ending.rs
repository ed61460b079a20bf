//! How connections end, and their calls with them (G-136, G-157, G-170 to G-181, L-09 to L-12, L-31, L-34, L-36).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Cut, Pair, Record, answer, echo};
use grpc_sansio::{Event, Instant, Item, OpenError, OpenOptions, Origin, Stop};
use std::time::Duration;

/// RFC 9113 §5.4.1: what comes once the connection has ended is taken and ignored, however usual it is.
#[test]
fn a_reply_behind_the_end_changes_no_outcome() {
    for usual in [false, true] {
        let mut raw = Raw::client();
        let say = |raw: &mut Raw<_>, stream| {
            raw.headers(stream, &RESPONSE, false);
            raw.data(stream, &framed(b"m"), false);
            raw.headers(stream, &OK, true);
        };
        let mut stream = 1;
        if usual {
            for _ in 0..4 {
                raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
                say(&mut raw, stream);
                raw.poll();
                stream += 2;
            }
        }
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.settings(&[(SettingId::ENABLE_PUSH, 1)]);
        assert!(raw.it.error().is_some());
        raw.collect();
        say(&mut raw, stream);
        let octets = raw.collected();
        let now = raw.now();
        raw.it.receive(now, &octets);
        let mut call = raw.it.call(id).unwrap();
        let Some(Item::End(outcome)) = call.read() else { panic!("usual: {usual}") };
        assert_eq!(outcome.status().code(), Code::Unavailable, "usual: {usual}");
    }
}

/// G-136, L-31, L-36: the transport ends at every octet of a conversation; each call has one end on the client, and one
/// Stopped or a regular end on the server.
#[test]
fn g_136_l_31_l_36_the_transport_dies_at_every_octet() {
    // How many octets a whole conversation has.
    let talk = |die: Option<u64>, up: bool| {
        let mut pair = Pair::new(11);
        pair.on_server(answer(Kind::BidiStreaming, |request| {
            (request.messages().map(<[u8]>::to_vec).collect(), Status::new(Code::Aborted, "as agreed"))
        }));
        if let Some(octets) = die {
            if up { pair.up.die_after(octets) } else { pair.down.die_after(octets) }
        }
        let ids: Vec<_> = (0..3)
            .map(|n| {
                let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
                let mut call = pair.client.call(id).unwrap();
                (0..n).for_each(|m| call.send(vec![m; 30]).unwrap());
                call.half_close().unwrap();
                id
            })
            .collect();
        pair.drive();
        if die.is_some() {
            pair.disconnect();
        }
        for id in ids {
            let log = pair.client_log.call(id).unwrap();
            let ends = log.items.iter().filter(|item| matches!(item, Record::Outcome { .. })).count();
            assert_eq!(ends, 1, "{die:?} {up}: {log:?}");
            assert!(matches!(log.code(), Some(Code::Aborted | Code::Unavailable)), "{die:?} {up}: {log:?}");
        }
        assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0), "{die:?} {up}");
        if die.is_some() {
            assert_eq!(pair.client_log.count(Event::Closed), 1, "{die:?} {up}");
            assert_eq!(pair.server_log.count(Event::Closed), 1, "{die:?} {up}");
            assert!(pair.client.is_finished() && pair.server.is_finished());
        }
        (pair.up.written(), pair.down.written())
    };
    let (up, down) = talk(None, true);
    (0..up).for_each(|octets| _ = talk(Some(octets), true));
    (0..down).for_each(|octets| _ = talk(Some(octets), false));
}

/// G-136: UNAVAILABLE on the client, unless the trailers were there before; on the server, Stopped by connection loss.
#[test]
fn g_136_what_each_side_is_told() {
    let mut raw = Raw::client();
    let done = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    let open = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
    let waiting = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(1, &RESPONSE, false);
    raw.headers(1, &OK, true);
    raw.headers(3, &RESPONSE, false);
    raw.data(3, &framed(b"whole"), false);
    raw.it.receive_eof(raw.now());
    raw.poll();
    assert_eq!(raw.log(done).code(), Some(Code::Ok));
    assert_eq!((raw.log(open).code(), raw.log(open).messages().count()), (Some(Code::Unavailable), 1));
    assert!(!raw.log(open).is_unprocessed());
    assert_eq!((raw.log(waiting).code(), raw.log(waiting).is_unprocessed()), (Some(Code::Unavailable), true));
    assert_eq!(raw.it.error().map(|error| error.origin()), Some(Origin::Transport));
    let now = raw.now();
    assert_eq!(raw.it.open(now, &OpenOptions::new(&UNARY)), Err(OpenError::Draining));

    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.data(1, &framed(b"whole"), false);
    raw.it.receive_eof(raw.now());
    let events = raw.poll();
    assert!(events.contains(&Event::Stopped(id)) && events.last() == Some(&Event::Closed));
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::ConnectionLost));
    assert_eq!(raw.log(id).messages().count(), 1);
    raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
    assert_eq!((raw.it.calls(), raw.said()), (0, vec![]));
}

/// G-174, G-175, G-176, H-146: calls above the last id, and those that wait, were not processed; the others go on.
#[test]
fn g_174_g_175_g_176_goaway_on_the_client() {
    let mut raw = Raw::client();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 3)]);
    let ids: Vec<_> = (0..4).map(|_| raw.request(&OpenOptions::new(&DOWNLOAD), b"m")).collect();
    raw.headers(1, &RESPONSE, false);
    raw.goaway(3, ErrorCode::NO_ERROR, b"");
    let events = raw.poll();
    assert!(events.contains(&Event::Draining));
    for id in &ids[2..] {
        assert_eq!((raw.log(*id).code(), raw.log(*id).is_unprocessed()), (Some(Code::Unavailable), true));
    }
    let now = raw.now();
    assert_eq!(raw.it.open(now, &OpenOptions::new(&UNARY)), Err(OpenError::Draining));
    raw.goaway(1, ErrorCode::NO_ERROR, b"");
    raw.poll();
    assert!(raw.log(ids[1]).is_unprocessed());
    assert!(!raw.it.is_finished());
    raw.headers(1, &OK, true);
    assert!(raw.poll().contains(&Event::Closed), "G-177");
    assert_eq!(raw.log(ids[0]).code(), Some(Code::Ok));
    assert_eq!(raw.said_of_calls(), [Seen::GoAway(0, ErrorCode::NO_ERROR, String::new())]);
    assert!(raw.it.is_finished() && raw.it.error().is_none(), "L-12");
}

/// G-175: a last id that rises is a connection error, seen by the calls as UNAVAILABLE.
#[test]
fn g_175_a_rising_goaway() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.goaway(1, ErrorCode::NO_ERROR, b"");
    raw.goaway(3, ErrorCode::NO_ERROR, b"");
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Unavailable));
    assert_eq!(raw.it.error().map(|error| error.code()), Some(ErrorCode::PROTOCOL_ERROR));
}

/// G-178: the reason of the GOAWAY reaches the calls that were cut off.
#[test]
fn g_178_goaway_with_an_error_then_eof() {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.goaway(1, ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings");
    raw.it.receive_eof(raw.now());
    raw.poll();
    let log = raw.log(id);
    assert_eq!(log.code(), Some(Code::Unavailable));
    let message = log.outcome().unwrap().message();
    assert!(message.contains("ENHANCE_YOUR_CALM") && message.contains("too_many_pings"), "{message}");

    // Escaped, and no more than 256 octets of it.
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.goaway(1, ErrorCode::INTERNAL_ERROR, &[b"\r\n\xff".as_slice(), &[b'z'; 1_000]].concat());
    raw.it.receive_eof(raw.now());
    raw.poll();
    let log = raw.log(id);
    let message = log.outcome().unwrap().message();
    assert!(message.contains(r"\r\n\xffz") && message.matches('z').count() == 253, "{message}");
}

/// L-09, G-181: a client's GOAWAY says nothing of its own calls, dead or alive.
#[test]
fn l_09_g_181_goaway_on_the_server() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let alive = raw.opened();
    raw.request(3, &[], false);
    let dead = raw.opened();
    raw.reset(3, ErrorCode::CANCEL);
    raw.poll();
    raw.goaway(0, ErrorCode::NO_ERROR, b"");
    let events = raw.poll();
    assert!(!events.iter().any(|event| matches!(event, Event::Stopped(_))), "{events:?}");
    assert_eq!(raw.it.call(dead).unwrap().stopped(), Some(Stop::Cancelled));
    assert!(!raw.it.call(dead).unwrap().is_readable());
    raw.it.call(alive).unwrap().finish(&Status::ok(), &Metadata::new());
    assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("0"));
    // Nor of those that it still opens.
    raw.request(5, &[], true);
    let late = raw.opened();
    raw.it.call(late).unwrap().finish(&Status::ok(), &Metadata::new());
    assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("0"));
}

/// G-180, L-11: two GOAWAYs with a PING between them; what arrives before the second is served.
#[test]
fn g_180_l_11_graceful_shutdown_of_a_server() {
    for acknowledged in [true, false] {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let first = raw.opened();
        raw.it.shutdown(raw.now(), None);
        let said = raw.said();
        assert!(matches!(said[0], Seen::GoAway(0x7fff_ffff, ErrorCode::NO_ERROR, _)));
        let Seen::Ping(false, payload) = said[1] else { panic!("{said:?}") };
        raw.request(3, &[], false);
        assert!(raw.poll().contains(&Event::Draining));
        let second = raw.log.calls().map(|(id, _)| id).find(|id| *id != first).expect("a call in flight is served");
        if acknowledged {
            raw.frame(grpc_sansio::frame::Frame::Ping(grpc_sansio::frame::Ping { ack: true, payload }));
        } else {
            raw.sleep(Duration::from_nanos(4_999_999_999));
            assert_eq!(raw.said(), []);
            raw.sleep(Duration::from_nanos(1));
        }
        assert!(matches!(raw.said()[..], [Seen::GoAway(3, ErrorCode::NO_ERROR, _)]));
        raw.request(5, &[], false);
        assert_eq!((raw.poll(), raw.said_of_calls()), (vec![], vec![]), "above the second GOAWAY: not answered");
        for id in [first, second] {
            assert!(!raw.it.is_finished());
            raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
            assert_eq!(raw.said_of_calls()[0].field("grpc-status"), Some("0"));
        }
        assert_eq!(raw.poll(), [Event::Closed]);
        assert!(raw.it.is_finished() && raw.it.error().is_none(), "L-12");
    }
}

/// G-180, through the pair, with calls in flight: none is lost, none is refused.
#[test]
fn g_180_shutdown_under_load_loses_nothing() {
    for (seed, by_server) in [(1, true), (2, false), (3, true), (4, false)] {
        let mut pair = Pair::new(seed);
        pair.delay(Duration::from_millis(30));
        pair.cut(Cut::Random);
        pair.on_server(echo());
        let ids: Vec<_> = (0..20)
            .map(|n| {
                let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
                let mut call = pair.client.call(id).unwrap();
                call.send(vec![n; 1000]).unwrap();
                call.half_close().unwrap();
                for _ in 0..n {
                    pair.step();
                }
                id
            })
            .collect();
        let now = pair.now();
        if by_server {
            pair.server.shutdown(now, None)
        } else {
            pair.client.shutdown(now, None)
        }
        assert!(!by_server || pair.client.open(now, &OpenOptions::new(&UNARY)).is_ok(), "the client does not know yet");
        pair.drive();
        for id in ids {
            assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Ok));
        }
        if !by_server {
            assert!(pair.client.is_finished() && pair.client.error().is_none());
            assert!(pair.server.is_finished());
        }
    }
}

/// A shutdown with a time limit cuts off what is still open then, with GOAWAY (G-179).
#[test]
fn shutdown_by_a_deadline() {
    let by = Instant::from_nanos(3_000_000_000);
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"m");
    raw.it.shutdown(raw.now(), Some(by));
    assert_eq!(raw.said(), []);
    assert!(raw.it.poll_timeout().is_some_and(|due| due <= by));
    raw.sleep(Duration::from_secs(3));
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, _)]));
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Unavailable));
    assert!(raw.it.is_finished());
    assert_eq!(raw.it.error().map(|error| error.origin()), Some(Origin::Application));

    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.shutdown(raw.now(), Some(by));
    raw.sleep(Duration::from_secs(4));
    assert!(raw.said().iter().any(|seen| matches!(seen, Seen::GoAway(..))));
    assert!(raw.poll().contains(&Event::Stopped(id)));
    assert_eq!(raw.it.call(id).unwrap().stopped(), Some(Stop::ConnectionLost));
}

/// A shutdown without calls is over at once, with GOAWAY (G-179); asking twice changes nothing.
#[test]
fn shutdown_of_an_idle_connection() {
    let mut raw = Raw::client();
    raw.it.shutdown(raw.now(), None);
    raw.it.shutdown(raw.now(), None);
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, _)]), "G-179");
    assert_eq!(raw.poll(), [Event::Draining, Event::Closed]);
    assert!(raw.it.is_finished() && raw.it.error().is_none());
}

/// G-170: whoever answers in HTTP/1 ends the connection, and the calls learn why.
#[test]
fn g_170_g_171_a_server_that_does_not_speak_http_2() {
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\x06\0\0\0\0\0", b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let mut raw = Raw::fresh_client(&crate::raw::client_config(grpc_sansio::Limits::default()));
        let id = raw.open(&OpenOptions::new(&UNARY));
        raw.said();
        raw.feed(answer);
        raw.poll();
        let log = raw.log(id);
        assert_eq!(log.code(), Some(Code::Unavailable));
        assert!(!answer.starts_with(b"HTTP") || log.outcome().unwrap().message().contains("HTTP/1"), "{log:?}");
    }
}

/// The peer never says anything: the handshake times out, and the calls with it.
#[test]
fn the_handshake_times_out() {
    let mut raw = Raw::fresh_client(&crate::raw::client_config(grpc_sansio::Limits::default()));
    let id = raw.open(&OpenOptions::new(&UNARY));
    raw.said();
    raw.sleep(Duration::from_secs(10));
    raw.poll();
    assert_eq!(raw.log(id).code(), Some(Code::Unavailable));
    assert!(raw.log(id).outcome().unwrap().message().contains("handshake_timeout"));
}

/// A half-open transport: nothing arrives any more, and deadlines end the calls on both sides.
#[test]
fn deadlines_end_calls_of_a_half_open_connection() {
    let mut pair = Pair::new(3);
    pair.drive();
    let id = pair.open(&OpenOptions::new(&BIDI).deadline(Instant::from_nanos(1_000_000_000))).unwrap();
    pair.client.call(id).unwrap().send(b"m".to_vec()).unwrap();
    pair.drive();
    pair.up.drop_silently();
    pair.down.drop_silently();
    pair.sleep(Duration::from_secs(2));
    assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::DeadlineExceeded));
    assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
}

/// A socket that takes an octet at a time, and one that blocks for a while.
#[test]
fn slow_sockets() {
    let mut pair = Pair::new(3);
    (pair.up.takes, pair.down.takes) = (1, 1);
    pair.on_server(echo());
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    let mut call = pair.client.call(id).unwrap();
    call.send(vec![7; 3_000]).unwrap();
    call.half_close().unwrap();
    pair.drive();
    assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Ok));

    pair.up.takes = 0;
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    pair.client.call(id).unwrap().half_close().unwrap();
    pair.drive();
    assert!(pair.client_log.call(id).is_none());
    (pair.up.takes, pair.down.bandwidth) = (usize::MAX, Some(1_000));
    pair.drive();
    assert_eq!(pair.client_log.call(id).unwrap().code(), Some(Code::Ok));
}

/// G-177: without calls, open or waiting or unread, GOAWAY closes the connection; with one it does when that is gone.
#[test]
fn g_177_goaway_on_an_idle_client() {
    let mut raw = Raw::client();
    raw.goaway(0, ErrorCode::NO_ERROR, b"max_age");
    assert_eq!(raw.poll(), [Event::Draining, Event::Closed]);
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::NO_ERROR, _)]), "G-179");
    assert!(raw.it.is_finished() && raw.it.error().is_none());

    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&BIDI), b"m");
    raw.goaway(1, ErrorCode::NO_ERROR, b"");
    assert_eq!(raw.poll(), [Event::Draining]);
    raw.it.call(id).unwrap().cancel();
    assert_eq!(raw.poll(), [Event::Closed]);
    let said = raw.said_of_calls();
    assert!(matches!(said[..], [Seen::Reset(1, ErrorCode::CANCEL), Seen::GoAway(0, ..)]), "{said:?}");
}

/// G-157: a server that is shutting down leaves what comes after its second GOAWAY above the id, where its client knows that
/// nothing of it was processed.
#[test]
fn g_157_calls_after_the_last_goaway_are_unprocessed() {
    let (mut client, mut server) = (Raw::client(), Raw::server());
    let first = client.request(&OpenOptions::new(&BIDI), b"m");
    server.request(1, &[], false);
    server.opened();
    server.it.shutdown(server.now(), None);
    server.sleep(Duration::from_secs(5));
    // The client does not know yet.
    let late = client.request(&OpenOptions::new(&BIDI), b"m");
    server.request(3, &[], false);
    server.data(3, &framed(b"m"), false);
    assert!(!server.poll().iter().any(|event| matches!(event, Event::Opened(_))));
    for seen in server.said() {
        match seen {
            Seen::GoAway(last, code, debug) => client.goaway(last, code, debug.as_bytes()),
            other => assert!(matches!(other, Seen::Ping(false, _)), "{other:?}"),
        }
    }
    client.poll();
    assert_eq!((client.log(late).code(), client.log(late).is_unprocessed()), (Some(Code::Unavailable), true));
    assert_eq!(client.log(first).code(), None, "the one below goes on");
}

/// An error of a connection says who ended it and why, and quotes the peer where that said something.
#[test]
fn an_error_quotes_what_was_said() {
    let error = |feed: &dyn Fn(&mut Raw<grpc_sansio::Client>)| {
        let mut raw = Raw::client();
        let _id = raw.request(&OpenOptions::new(&UNARY), b"m");
        feed(&mut raw);
        raw.it.receive_eof(raw.now());
        raw.it.error().unwrap().to_string()
    };
    let told = error(&|raw| raw.goaway(1, ErrorCode::INTERNAL_ERROR, b"why"));
    assert!(told.starts_with("HTTP/2: the peer ended the connection: "), "{told}");
    assert!(told.ends_with("(INTERNAL_ERROR), saying \"why\""), "{told}");
    let untold = error(&|raw| raw.goaway(1, ErrorCode::INTERNAL_ERROR, b""));
    assert_eq!(untold, told.strip_suffix(", saying \"why\"").unwrap());
    let broken = error(&|raw| raw.data(0, b"", false));
    assert!(broken.starts_with("HTTP/2: the peer broke the protocol: ") && broken.ends_with(')'), "{broken}");
    let lost = error(&|_| {});
    assert!(lost.starts_with("transport: the connection was lost: "), "{lost}");
    let failed = error(&|raw| raw.it.receive_failure(raw.now(), "no route to host"));
    assert_eq!(failed, "no route to host");
}
