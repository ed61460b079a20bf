//! RFC 9113 §5.1 and §5.4, what does not fit into a table of states: reserved streams, the memory of closed ones, and what
//! is left of a connection after an error.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, SettingId};
use grpc_sansio::http2::{Config, OpenError, Side};
use std::time::Duration;

fn priority(stream: u32) -> Vec<u8> {
    raw(Kind::PRIORITY, Flags::NONE, stream, &[0, 0, 0, 0, 15])
}

/// H-030: no stream of a server's making exists, whatever its number; the client's own ids are judged apart.
#[test]
fn h030_headers_on_an_even_stream_at_a_client() {
    for stream in [2, 4, 0x7fff_fffe] {
        for block in [OK, FIELD, GET] {
            let mut client = Peer::client();
            client.request();
            client.fails(&headers(stream, block, false), ErrorCode::PROTOCOL_ERROR);
        }
    }
    let mut client = Peer::client();
    client.request();
    assert_eq!(client.hear(&headers(1, OK, false)), ["response 1 200"]);
    // An odd one that was never opened is no better.
    client.fails(&headers(3, OK, false), ErrorCode::PROTOCOL_ERROR);
}

/// H-031, H-045: a promise is an error before it reserves anything, so frames on what it would have reserved are frames on
/// an idle stream, on both sides, and PRIORITY (which may name any stream) takes no place of the limit.
#[test]
fn h031_h045_nothing_is_reserved() {
    for frame in [data(2, 1, false), window(2, 1), reset(2, ErrorCode::CANCEL), headers(2, OK, true)] {
        Peer::server().fails(&frame, ErrorCode::PROTOCOL_ERROR);
        Peer::client().fails(&frame, ErrorCode::PROTOCOL_ERROR);
    }
    let config = Config { max_concurrent_streams: 1, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    assert!(server.hear(&[priority(2), priority(3), priority(5)].concat()).is_empty());
    assert_eq!(server.http2.active_streams(), 0);
    assert_eq!(server.hear(&headers(3, GET, true)), ["request 3 END"]);
    assert!(server.hear(&headers(5, GET, true)).is_empty());
    assert_eq!(server.say(), ["RST 5 REFUSED_STREAM"]);
}

/// H-037, G-186: a stream that we reset is remembered until 128 others have closed after it, and no clock matters.
#[test]
fn h037_g186_the_memory_of_closed_streams() {
    let after = |others: u32| {
        let mut server = Peer::server();
        for n in 0..=others {
            server.hear(&headers(2 * n + 1, GET, false));
            let key = server.key(2 * n + 1);
            server.http2.release(key);
        }
        server.say();
        server.wait(Duration::from_secs(1_000_000));
        // What was in flight when it was reset: four frames and a window's octets are honest.
        server.hear(&[data(1, 16_384, false), headers(1, FIELD, true), reset(1, ErrorCode::CANCEL)].concat());
        assert!(server.say().iter().all(|word| word.starts_with("WINDOW 0")), "absorbed, not answered again");
        server.http2.guards_spent().1
    };
    assert_eq!((after(0), after(127)), (0, 0));
    // Forgotten: still absorbed, but nobody knows any more that it was honest.
    assert_eq!((after(128), after(129)), (2, 2));
}

/// H-038: PUSH_PROMISE and CONTINUATION are in no state's list, nor are the others on an idle stream; H-095: a promised
/// block is not even looked at, so one that cannot be decoded is the same error.
#[test]
fn h038_h095_frames_that_no_state_allows() {
    let promise = |flags, block: &[u8]| raw(Kind::PUSH_PROMISE, flags, 1, &[&[0, 0, 0, 2], block].concat());
    let states: [fn() -> Peer; 4] = [
        Peer::client,
        || {
            let mut client = Peer::client();
            client.request();
            client
        },
        || {
            let mut client = Peer::client();
            client.request();
            client.hear(&headers(1, OK, true));
            client
        },
        || {
            let mut client = Peer::client();
            client.request();
            client.hear(&reset(1, ErrorCode::CANCEL));
            client
        },
    ];
    for state in states {
        for frame in [
            promise(Flags::END_HEADERS, GET),
            // Its block would go on in CONTINUATION, or cannot be decoded at all.
            promise(Flags::NONE, GET),
            promise(Flags::END_HEADERS, &[0x80]),
            continuation(1, b"", true),
            continuation(3, GET, false),
        ] {
            state().fails(&frame, ErrorCode::PROTOCOL_ERROR);
        }
    }
}

/// H-039, H-067: PRIORITY in every state, on both sides, changes nothing: no stream, no answer.
#[test]
fn h039_h067_priority_in_every_state() {
    let mut server = Peer::server();
    assert!(server.hear(&[priority(1), priority(9)].concat()).is_empty());
    assert_eq!((server.http2.streams(), server.http2.active_streams()), (0, 0));
    // It opened nothing, so a lower id is still new.
    assert_eq!(server.hear(&headers(1, GET, false)), ["request 1"]);
    assert!(server.hear(&priority(1)).is_empty());
    server.hear(&data(1, 0, true));
    assert!(server.hear(&priority(1)).is_empty());
    server.respond(1, 0);
    server.say();
    assert!(server.hear(&priority(1)).is_empty());
    server.hear(&[headers(3, GET, true), reset(3, ErrorCode::CANCEL), priority(3)].concat());
    server.hear(&headers(5, GET, true));
    let key = server.key(5);
    server.http2.reset(key, ErrorCode::CANCEL);
    assert_eq!(server.say(), ["RST 5 CANCEL"]);
    assert!(server.hear(&priority(5)).is_empty());

    let mut client = Peer::client();
    client.request();
    assert!(client.hear(&[priority(1), priority(2), priority(3)].concat()).is_empty());
    assert_eq!(client.hear(&[headers(1, OK, true), priority(1)].concat()), ["response 1 200 END"]);
    assert!(client.say().is_empty() && server.say().is_empty());
}

/// H-047: once its GOAWAY is written a connection is over, without a word of the peer; and the one that cannot be written
/// holds nothing up.
#[test]
fn h047_closing_waits_for_nobody() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server.respond(1, 100_000);
    server.hear(&window(0, 0));
    assert!(server.http2.is_ended() && !server.http2.is_finished());
    assert_eq!(server.http2.poll_timeout(), None, "no timer: nothing is waited for");
    // What waited for a window is dropped; GOAWAY is all there is to write.
    assert_eq!(server.say(), ["GOAWAY 1 PROTOCOL_ERROR"]);
    assert!(server.http2.is_finished());

    let mut server = Peer::server();
    server.http2.abort(ErrorCode::INTERNAL_ERROR, "bye");
    server.http2.receive_eof();
    assert!(server.http2.is_ended(), "the transport went first");
}

/// H-054: after the end nothing is parsed, answered, opened or due, and the first reason stays.
#[test]
fn h054_nothing_is_parsed_after_an_error() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    // The rest of the same input is dropped too.
    let heard = server.hear(&[window(0, 0), headers(3, GET, true), ping(b"12345678"), data(1, 1, true)].concat());
    assert_eq!(heard, ["closed PROTOCOL_ERROR"]);
    assert_eq!(server.say(), ["GOAWAY 1 PROTOCOL_ERROR"]);
    let (error, frames) = (server.http2.error().cloned(), server.http2.counters().frames_received);
    for frame in [headers(3, GET, true), settings(&[]), data(1, 1, true), vec![0xff; 100_000]] {
        assert!(server.hear(&frame).is_empty() && server.say().is_empty());
    }
    server.wait(Duration::from_secs(3600));
    server.http2.abort(ErrorCode::CANCEL, "later");
    server.http2.receive_eof();
    assert_eq!((server.http2.error().cloned(), server.http2.counters().frames_received), (error, frames));
    assert!(server.http2.is_finished() && server.http2.poll_timeout().is_none());

    let mut client = Peer::client();
    client.fails(&data(2, 1, false), ErrorCode::PROTOCOL_ERROR);
    assert_eq!(client.http2.open(()), Err(OpenError::Draining));
}

/// H-048: at most one error for a stream, however often it is provoked, and an error after a graceful GOAWAY.
#[test]
fn h048_one_error_for_a_stream_and_one_after_a_graceful_goaway() {
    let mut client = Peer::client();
    client.request();
    client.hear(&headers(1, FIELD, false));
    assert_eq!(client.say(), ["RST 1 PROTOCOL_ERROR"]);
    client.hear(&[headers(1, FIELD, false), data(1, 9, false), window(1, 0)].concat());
    assert!(client.say().is_empty());

    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.http2.shut_down(server.now);
    assert_eq!(server.say(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    server.hear(&settings(&[(SettingId::MAX_FRAME_SIZE, 1)]));
    assert_eq!(server.say(), ["GOAWAY 1 PROTOCOL_ERROR"]);
}

/// H-071: on an idle stream a connection error, on both sides; and none is ever sent for one, though it was opened here.
#[test]
fn h071_rst_stream_and_idle_streams() {
    Peer::server().fails(&reset(1, ErrorCode::CANCEL), ErrorCode::PROTOCOL_ERROR);
    Peer::client().fails(&reset(1, ErrorCode::CANCEL), ErrorCode::PROTOCOL_ERROR);
    let mut server = Peer::server();
    server.hear(&headers(3, GET, true));
    assert_eq!(server.hear(&reset(3, ErrorCode::CANCEL)), ["reset 3 CANCEL Peer"]);
    // Above the highest is idle.
    server.fails(&reset(5, ErrorCode::CANCEL), ErrorCode::PROTOCOL_ERROR);

    let config = Config::new(Side::Client);
    let mut client = Peer::started(Side::Client, config, &[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let (first, waiting) = (client.request(), client.http2.open(()).unwrap());
    client.http2.reset(waiting, ErrorCode::CANCEL);
    client.http2.reset(first, ErrorCode::CANCEL);
    assert_eq!(client.say(), ["RST 1 CANCEL"], "none for the one without HEADERS");
}

/// H-033: behind our END_STREAM nothing is sent, whatever the caller asks for, but WINDOW_UPDATE and RST_STREAM.
#[test]
fn h033_nothing_but_credit_and_resets_after_our_end() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server.respond(1, 3);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 3 END"]);
    let key = server.key(1);
    server.http2.begin(key);
    server.queue(key, 5);
    server.http2.send_shared(key, vec![1; 5_000].into());
    server.http2.end(key, true);
    server.http2.end(key, false);
    assert!(server.say().is_empty());
    assert_eq!(server.http2.queued_in_all(), 0);
    (0..8).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    assert_eq!(server.say(), ["WINDOW 0 131072", "WINDOW 1 131072"]);
    server.http2.reset(key, ErrorCode::CANCEL);
    server.http2.reset(key, ErrorCode::CANCEL);
    assert_eq!(server.say(), ["RST 1 CANCEL"]);
}

/// H-036, H-051, T4: a client's stream that the server reset: DATA and HEADERS are answered once, the rest not at all, and
/// nothing of it is shown.
#[test]
fn h036_client_closed_by_the_peers_reset() {
    for (frame, reaction) in [
        (data(1, 5, false), &["RST 1 STREAM_CLOSED"][..]),
        (headers(1, OK, false), &["RST 1 STREAM_CLOSED"]),
        (priority(1), &[]),
        (reset(1, ErrorCode::CANCEL), &[]),
        (window(1, 7), &[]),
    ] {
        let mut client = Peer::client();
        let key = client.request();
        client.queue(key, 10);
        assert_eq!(client.hear(&reset(1, ErrorCode::INTERNAL_ERROR)), ["reset 1 INTERNAL_ERROR Peer"]);
        assert!(client.hear(&frame).is_empty());
        assert_eq!(client.say(), reaction, "and nothing of what was queued");
        assert!(client.hear(&frame.repeat(2)).is_empty() && client.say().is_empty());
    }
}

/// H-053: codes that nobody knows, in GOAWAY: the connection drains as with any other, and the code is reported as it is.
#[test]
fn h053_unknown_code_in_goaway() {
    let mut client = Peer::client();
    client.request();
    assert_eq!(client.hear(&goaway(1, ErrorCode(0xdead_beef))).len(), 1);
    assert!(!client.http2.is_ended());
    assert_eq!(client.hear(&headers(1, OK, true)), ["response 1 200 END"]);
    let key = client.key(1);
    client.http2.release(key);
    assert_eq!(client.http2.error().unwrap().code(), ErrorCode(0xdead_beef));
}

/// H-055 on both sides, empty and padded too; H-122: a connection whose receive windows are used up, and whose send windows
/// are, still hears WINDOW_UPDATE, SETTINGS and PING, and answers.
#[test]
fn h055_h122_frames_that_no_window_stops() {
    for frame in [data(0, 0, true), padded_data(0, 1, 9, false)] {
        Peer::server().fails(&frame, ErrorCode::PROTOCOL_ERROR);
        Peer::client().fails(&frame, ErrorCode::PROTOCOL_ERROR);
    }
    let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.consume = false;
    server.hear(&headers(1, GET, false));
    server.respond(1, 100_000);
    server.say();
    (0..3).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    server.hear(&data(1, 16_383, false));
    assert_eq!(server.http2.receive_window(server.key(1)), 0);
    server.hear(&[ping(b"12345678"), settings(&[])].concat());
    assert_eq!(server.say(), ["SETTINGS ACK", "PING ACK"]);
    server.hear(&[window(0, 100), window(1, 100)].concat());
    assert_eq!(server.say(), ["DATA 1 100"]);
}
