//! RFC 9113 §5: streams and their states, limits and errors.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, SettingId};
use grpc_sansio::http2::{Config, OpenError, Origin, Side};

/// One of the frames that table T4 speaks of.
fn frame(name: &str, stream: u32) -> Vec<u8> {
    match name {
        "DATA" => data(stream, 5, false),
        "HEADERS" => headers(stream, FIELD, true),
        "PRIORITY" => raw(Kind::PRIORITY, Flags::NONE, stream, &[0; 5]),
        "RST_STREAM" => reset(stream, ErrorCode::CANCEL),
        "WINDOW_UPDATE" => window(stream, 7),
        "PUSH_PROMISE" => raw(Kind::PUSH_PROMISE, Flags::END_HEADERS, stream, &[0, 0, 0, 2, 0x82]),
        "CONTINUATION" => continuation(stream, b"", true),
        _ => raw(Kind(0x42), Flags::NONE, stream, b"?"),
    }
}

/// What a frame of each kind does to stream 1 of the peer that `make` gives: steps, then frames said, joined.
fn table(make: &dyn Fn() -> Peer, expected: &[(&str, &str)]) {
    for (name, reaction) in expected {
        let mut peer = make();
        let mut seen = peer.hear(&frame(name, 1));
        seen.extend(peer.say());
        assert_eq!(seen.join(", "), *reaction, "{name}");
    }
    assert_eq!(expected.len(), 8);
}

const IGNORED: &str = "";
const CLOSED: &str = "closed STREAM_CLOSED, GOAWAY 1 STREAM_CLOSED";
const PROTOCOL: &str = "closed PROTOCOL_ERROR, GOAWAY 1 PROTOCOL_ERROR";
const CLOSED_0: &str = "closed STREAM_CLOSED, GOAWAY 0 STREAM_CLOSED";
const PROTOCOL_0: &str = "closed PROTOCOL_ERROR, GOAWAY 0 PROTOCOL_ERROR";

fn server_with(octets: &[Vec<u8>]) -> Peer {
    let mut server = Peer::server();
    server.hear(&octets.concat());
    server
}

/// T4, H-029
#[test]
fn h029_server_idle() {
    table(
        &Peer::server,
        &[
            ("DATA", PROTOCOL_0),
            // Opens the stream, but is no request: H-140.
            ("HEADERS", "RST 1 PROTOCOL_ERROR"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", PROTOCOL_0),
            ("WINDOW_UPDATE", PROTOCOL_0),
            ("PUSH_PROMISE", PROTOCOL_0),
            ("CONTINUATION", PROTOCOL_0),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4
#[test]
fn h028_server_open() {
    table(
        &|| server_with(&[headers(1, GET, false)]),
        &[
            ("DATA", "data 1 5"),
            ("HEADERS", "trailers 1 END"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", "reset 1 CANCEL Peer"),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL),
            ("CONTINUATION", PROTOCOL),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4, H-033: we have ended, the peer goes on.
#[test]
fn h033_server_half_closed_local() {
    let make = || {
        let mut server = server_with(&[headers(1, GET, false)]);
        server.respond(1, 3);
        assert_eq!(server.say(), ["HEADERS 1", "DATA 1 3 END"]);
        server
    };
    table(
        &make,
        &[
            ("DATA", "data 1 5"),
            ("HEADERS", "trailers 1 END"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", "reset 1 CANCEL Peer"),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL),
            ("CONTINUATION", PROTOCOL),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4, H-032; T-03 e and f: connection errors on a server.
#[test]
fn h032_server_half_closed_remote() {
    table(
        &|| server_with(&[headers(1, GET, true)]),
        &[
            ("DATA", CLOSED),
            ("HEADERS", CLOSED),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", "reset 1 CANCEL Peer"),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL),
            ("CONTINUATION", PROTOCOL),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4, H-035, H-049
#[test]
fn h035_server_closed_by_our_reset() {
    for released in [false, true] {
        let make = || {
            let mut server = server_with(&[headers(1, GET, false)]);
            let key = server.key(1);
            if released {
                server.http2.release(key);
            } else {
                server.http2.reset(key, ErrorCode::CANCEL);
            }
            assert_eq!(server.say(), ["RST 1 CANCEL"]);
            server
        };
        table(
            &make,
            &[
                ("DATA", IGNORED),
                ("HEADERS", IGNORED),
                ("PRIORITY", IGNORED),
                ("RST_STREAM", IGNORED),
                ("WINDOW_UPDATE", IGNORED),
                ("PUSH_PROMISE", PROTOCOL),
                ("CONTINUATION", PROTOCOL),
                ("UNKNOWN", IGNORED),
            ],
        );
    }
}

/// T4, H-036, H-051
#[test]
fn h036_server_closed_by_the_peers_reset() {
    table(
        &|| server_with(&[headers(1, GET, false), reset(1, ErrorCode::CANCEL)]),
        &[
            ("DATA", "RST 1 STREAM_CLOSED"),
            ("HEADERS", "RST 1 STREAM_CLOSED"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", IGNORED),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL),
            ("CONTINUATION", PROTOCOL),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4, H-034
#[test]
fn h034_server_closed_by_both() {
    let make = || {
        let mut server = server_with(&[headers(1, GET, true)]);
        server.respond(1, 0);
        server.say();
        server
    };
    table(
        &make,
        &[
            ("DATA", CLOSED),
            ("HEADERS", CLOSED),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", IGNORED),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL),
            ("CONTINUATION", PROTOCOL),
            ("UNKNOWN", IGNORED),
        ],
    );
}

fn client_open() -> Peer {
    let mut client = Peer::client();
    client.request();
    client
}

fn client_half_closed_local() -> Peer {
    let mut client = client_open();
    let key = client.key(1);
    client.http2.end(key, false);
    assert_eq!(client.say(), ["DATA 1 0 END"]);
    client
}

/// T4, H-029, L-26: also for a stream that is opened here but has no id yet.
#[test]
fn h029_client_idle() {
    let make = || {
        let mut client = Peer::client();
        client.http2.open(()).unwrap();
        client
    };
    for name in ["DATA", "HEADERS", "RST_STREAM", "WINDOW_UPDATE", "PUSH_PROMISE", "CONTINUATION"] {
        for stream in [1, 2] {
            make().fails(&frame(name, stream), ErrorCode::PROTOCOL_ERROR);
        }
    }
    assert!(make().hear(&[frame("PRIORITY", 1), frame("UNKNOWN", 1)].concat()).is_empty());
}

/// T4
#[test]
fn h028_client_open_and_half_closed_local() {
    for make in [client_open, client_half_closed_local] {
        let with_response = || {
            let mut client = make();
            assert_eq!(client.hear(&headers(1, OK, false)), ["response 1 200"]);
            client
        };
        table(
            &with_response,
            &[
                ("DATA", "data 1 5"),
                ("HEADERS", "trailers 1 END"),
                ("PRIORITY", IGNORED),
                ("RST_STREAM", "reset 1 CANCEL Peer"),
                ("WINDOW_UPDATE", IGNORED),
                ("PUSH_PROMISE", PROTOCOL_0),
                ("CONTINUATION", PROTOCOL_0),
                ("UNKNOWN", IGNORED),
            ],
        );
    }
}

/// T4, H-032, G-055: a stream error on the client.
#[test]
fn h032_client_half_closed_remote() {
    let make = || {
        let mut client = client_open();
        assert_eq!(client.hear(&headers(1, OK, true)), ["response 1 200 END"]);
        client
    };
    table(
        &make,
        &[
            ("DATA", "reset 1 STREAM_CLOSED Local, RST 1 STREAM_CLOSED"),
            ("HEADERS", "reset 1 STREAM_CLOSED Local, RST 1 STREAM_CLOSED"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", "reset 1 CANCEL Peer"),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL_0),
            ("CONTINUATION", PROTOCOL_0),
            ("UNKNOWN", IGNORED),
        ],
    );
}

/// T4, H-034, H-050: one reset, then silence, as long as other streams are open; else the connection ends.
#[test]
fn h034_client_closed_by_both() {
    let alone = || {
        let mut client = client_half_closed_local();
        assert_eq!(client.hear(&headers(1, OK, true)), ["response 1 200 END"]);
        client
    };
    for (name, reaction) in
        [("DATA", CLOSED_0), ("HEADERS", CLOSED_0), ("PRIORITY", IGNORED), ("WINDOW_UPDATE", IGNORED)]
    {
        let mut client = alone();
        let mut seen = client.hear(&frame(name, 1));
        seen.extend(client.say());
        assert_eq!(seen.join(", "), reaction, "{name}");
    }
    let make = || {
        let mut client = alone();
        client.request();
        client
    };
    table(
        &make,
        &[
            ("DATA", "RST 1 STREAM_CLOSED"),
            ("HEADERS", "RST 1 STREAM_CLOSED"),
            ("PRIORITY", IGNORED),
            ("RST_STREAM", IGNORED),
            ("WINDOW_UPDATE", IGNORED),
            ("PUSH_PROMISE", PROTOCOL_0),
            ("CONTINUATION", PROTOCOL_0),
            ("UNKNOWN", IGNORED),
        ],
    );
    let mut client = make();
    client.hear(&data(1, 5, false));
    assert_eq!(client.say(), ["RST 1 STREAM_CLOSED"]);
    client.hear(&[data(1, 5, false), headers(1, FIELD, true)].concat());
    assert!(client.say().is_empty());
    let mut client = make();
    client.hear(&headers(1, FIELD, true).repeat(3));
    assert_eq!(client.say(), ["RST 1 STREAM_CLOSED"]);
}

/// T4, H-035, H-072, G-185
#[test]
fn h035_client_closed_by_a_reset_of_either_side() {
    let mut client = client_open();
    let key = client.key(1);
    client.queue(key, 100);
    assert_eq!(client.hear(&reset(1, ErrorCode::REFUSED_STREAM)), ["reset 1 REFUSED_STREAM Peer"]);
    assert!(client.say().is_empty());
    assert_eq!((client.http2.queued(key), client.http2.queued_in_all()), (0, 0));

    let mut client = client_open();
    let key = client.key(1);
    client.queue(key, 100);
    client.http2.reset(key, ErrorCode::CANCEL);
    assert_eq!(client.say(), ["RST 1 CANCEL"]);
    assert!(client.hear(&[headers(1, OK, false), data(1, 5, true), reset(1, ErrorCode::CANCEL)].concat()).is_empty());
    assert!(client.say().is_empty());
}

/// H-040, H-041
#[test]
fn h040_stream_ids_of_requests() {
    Peer::server().fails(&headers(2, GET, true), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&headers(0, GET, true), ErrorCode::PROTOCOL_ERROR);
    let mut server = server_with(&[headers(5, GET, true)]);
    assert_eq!(server.http2.active_streams(), 1);
    server.fails(&headers(3, GET, true), ErrorCode::PROTOCOL_ERROR);
    let mut server = server_with(&[headers(5, GET, true)]);
    server.fails(&data(3, 1, true), ErrorCode::PROTOCOL_ERROR);
}

/// T-06, T-07: the last id, and what is below it is closed, in no time and no memory.
#[test]
fn h042_last_stream_id() {
    let mut server = server_with(&[headers(1, GET, true)]);
    let before = server.http2.heap_size();
    assert_eq!(server.hear(&headers(0x7fff_ffff, GET, true)), ["request 2147483647 END"]);
    assert_eq!(server.http2.heap_size(), before);
    server.fails(&headers(0x7fff_fffd, GET, true), ErrorCode::PROTOCOL_ERROR);
}

/// H-043, G-165: the stream over the limit, before and after the acknowledgement (T-05).
#[test]
fn h043_our_limit_of_streams() {
    let config = Config { max_concurrent_streams: 2, ..Config::new(Side::Server) };
    for acknowledged in [false, true] {
        let mut server = Peer::new(Side::Server, config.clone());
        server.say();
        server.hear(grpc_sansio::frame::PREFACE);
        server.hear(&settings(&[]));
        if acknowledged {
            server.hear(&ack());
        }
        server.say();
        let three = [headers(1, GET, true), headers(3, GET, false), headers(5, GET, true)].concat();
        assert_eq!(server.hear(&three), ["request 1 END", "request 3"]);
        assert_eq!(server.say(), ["RST 5 REFUSED_STREAM"]);
        assert_eq!(server.http2.counters().streams_refused, 1);
        // Its DATA is on its way.
        assert!(server.hear(&data(5, 100, true)).is_empty());
        // One ends: the next may come.
        server.respond(1, 1);
        server.say();
        let key = server.http2.stream_from(0).unwrap();
        server.http2.release(key);
        assert_eq!(server.hear(&headers(7, GET, true)), ["request 7 END"]);
        assert_eq!(server.http2.active_streams(), 2);
    }
}

/// T-01: what is closed but still held counts up to twice the limit.
#[test]
fn t01_zombies_count_up_to_twice_the_limit() {
    let config = Config { max_concurrent_streams: 2, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    for id in [1, 3, 5, 7] {
        let heard = server.hear(&[headers(id, GET, true), reset(id, ErrorCode::CANCEL)].concat());
        assert_eq!(heard, [format!("request {id} END"), format!("reset {id} CANCEL Peer")]);
    }
    assert_eq!((server.http2.active_streams(), server.http2.zombie_streams()), (0, 4));
    assert!(server.hear(&headers(9, GET, true)).is_empty());
    assert_eq!(server.say(), ["RST 9 REFUSED_STREAM"]);
    let key = server.key(3);
    server.http2.release(key);
    assert_eq!(server.hear(&headers(11, GET, true)), ["request 11 END"]);
}

/// H-043, H-044, L-18: the peer's limit, raised and lowered; those over it wait in order and hold nothing.
#[test]
fn h044_the_peers_limit_of_streams() {
    let mut client = Peer::started(Side::Client, Config::new(Side::Client), &[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let keys: Vec<_> = (0..4).map(|_| client.http2.open(()).unwrap()).collect();
    assert_eq!(client.say(), ["HEADERS 1"]);
    assert_eq!((client.http2.active_streams(), client.http2.waiting_streams()), (1, 3));
    client.hear(&settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 3)]));
    assert_eq!(client.say(), ["SETTINGS ACK", "HEADERS 3", "HEADERS 5"]);
    client.hear(&settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 0)]));
    client.http2.release(keys[0]);
    client.http2.release(keys[1]);
    assert_eq!(client.say(), ["SETTINGS ACK", "RST 1 CANCEL", "RST 3 CANCEL"]);
    assert_eq!(client.http2.stream_id(keys[3]), None);
    client.hear(&settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 2)]));
    assert_eq!(client.say(), ["SETTINGS ACK", "HEADERS 7"]);
}

/// H-086: unlimited unless the SETTINGS say otherwise; 100 before they come (G-164).
#[test]
fn h086_streams_before_and_after_the_peers_settings() {
    let mut client = Peer::new(Side::Client, Config::new(Side::Client));
    (0..150).for_each(|_| assert!(client.http2.open(()).is_ok()));
    assert_eq!(client.say().iter().filter(|word| word.starts_with("HEADERS")).count(), 100);
    client.hear(&settings(&[]));
    assert_eq!(client.say().len(), 51);
}

/// G-163: the queue for the limit is bounded.
#[test]
fn waiting_streams_are_bounded() {
    let config = Config { max_waiting_streams: 2, ..Config::new(Side::Client) };
    let mut client = Peer::started(Side::Client, config, &[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    (0..3).for_each(|_| assert!(client.http2.open(()).is_ok()));
    assert_eq!(client.http2.open(()), Err(OpenError::Full));
    client.say();
    assert_eq!(client.http2.open(()), Err(OpenError::Full));
    let key = client.key(1);
    client.http2.release(key);
    client.say();
    assert!(client.http2.open(()).is_ok());
    assert_eq!(Peer::server().http2.open(()), Err(OpenError::NotAClient));
}

/// L-25, design §2.7: cancelled before its HEADERS left, waiting or about to be sent: no id, no RST_STREAM.
#[test]
fn l25_stream_cancelled_before_its_headers_costs_nothing() {
    let mut client = Peer::started(Side::Client, Config::new(Side::Client), &[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let first = client.http2.open(()).unwrap();
    let second = client.http2.open(()).unwrap();
    client.queue(first, 10);
    client.http2.reset(first, ErrorCode::CANCEL);
    client.http2.release(second);
    assert!(client.say().is_empty());
    client.http2.release(first);
    assert_eq!((client.http2.streams(), client.http2.active_streams(), client.http2.waiting_streams()), (0, 0, 0));
    client.http2.open(()).unwrap();
    assert_eq!(client.say(), ["HEADERS 1"]);

    // Asked for, and reset instead of answered.
    let mut client = Peer::client();
    let key = client.http2.open(()).unwrap();
    let mut output = grpc_sansio::WriteBuf::new();
    let head = client.http2.transmit_step(client.now, &mut output);
    assert_eq!(head, grpc_sansio::http2::Transmit::Head(key));
    client.http2.reset(key, ErrorCode::CANCEL);
    client.transmit(&mut output);
    assert!(output.is_empty() && client.http2.active_streams() == 0);
}

/// H-053
#[test]
fn h053_unknown_error_codes() {
    let mut client = client_open();
    let heard = client.hear(&reset(1, ErrorCode(0xdead_beef)));
    assert!(heard[0].starts_with("reset 1"), "{heard:?}");
    assert!(!client.http2.is_ended());
}

/// H-046, H-101: GOAWAY names the highest stream that was taken in.
#[test]
fn h046_connection_error_says_goaway() {
    let mut server = server_with(&[headers(1, GET, true), headers(7, GET, true)]);
    server.hear(&window(0, 0));
    assert_eq!(server.say(), ["GOAWAY 7 PROTOCOL_ERROR"]);
    assert_eq!(server.http2.error().unwrap().origin(), Origin::Local);
}

/// H-052
#[test]
fn h052_transport_ends() {
    let mut client = client_open();
    client.http2.receive_eof();
    assert_eq!(client.http2.error().unwrap().origin(), Origin::Transport);
    assert!(client.say().is_empty() && client.http2.is_finished());
}

/// H-048, H-107, H-009: the application ends it, as for a transport that is not secure enough.
#[test]
fn h048_abort_says_goaway_once() {
    let mut server = server_with(&[headers(1, GET, true)]);
    server.http2.abort(ErrorCode::INADEQUATE_SECURITY, "cipher");
    server.http2.abort(ErrorCode::INTERNAL_ERROR, "again");
    assert_eq!(server.say(), ["GOAWAY 1 INADEQUATE_SECURITY"]);
}

/// T-12: a stream that fell out of the memory of 128: frames are dropped and cost a glitch; a window stays whole.
#[test]
fn t12_forgotten_streams() {
    let mut server = Peer::server();
    for n in 0..130 {
        let id = 2 * n + 1;
        server.hear(&headers(id, GET, true));
        server.respond(id, 0);
        server.say();
        let key = server.http2.stream_from(0).unwrap();
        server.http2.release(key);
    }
    let late = [data(1, 5, false), headers(1, FIELD, true), window(1, 1), reset(1, ErrorCode::CANCEL)].concat();
    assert!(server.hear(&late).is_empty());
    assert!(server.say().is_empty());
    assert_eq!(server.http2.guards_spent().1, 2);
    server.fails(&data(5, 5, false), ErrorCode::STREAM_CLOSED);
}

/// L-41: what was in flight when we reset is honest up to the stream's window.
#[test]
fn l41_late_data_within_the_window_costs_nothing() {
    let mut server = server_with(&[headers(1, GET, false)]);
    let key = server.key(1);
    server.http2.release(key);
    for _ in 0..16 {
        server.hear(&data(1, 16_384, false));
    }
    server.hear(&headers(1, FIELD, true));
    assert_eq!(server.http2.guards_spent(), (0, 0));
    // All of it was credited.
    let said = server.say();
    assert_eq!(said[0], "RST 1 CANCEL");
    assert_eq!(said[1], format!("WINDOW 0 {}", 16 * 16_384));
    (0..5).for_each(|_| drop(server.hear(&data(1, 1, false))));
    assert_eq!(server.http2.guards_spent().1, 2);
}

/// The list of reminders: in order, each stream once, and none of a stream that was released.
#[test]
fn notices() {
    let mut server = server_with(&[headers(1, GET, true), headers(3, GET, true), headers(5, GET, true)]);
    let keys = [1, 3, 5].map(|id| server.key(id));
    assert_eq!(server.http2.next_notice(), None);
    for key in [keys[1], keys[0], keys[1], keys[2]] {
        server.http2.notice(key);
    }
    assert_eq!(server.http2.next_notice(), Some(keys[1]));
    // A closed stream stays on it: the layer above has yet to hear of that.
    server.http2.reset(keys[1], ErrorCode::CANCEL);
    server.http2.release(keys[0]);
    assert_eq!(server.http2.next_notice(), Some(keys[1]));
    server.http2.clear_notice(keys[1]);
    assert_eq!(server.http2.next_notice(), Some(keys[2]));
    server.http2.clear_notice(keys[2]);
    server.http2.clear_notice(keys[2]);
    assert_eq!(server.http2.next_notice(), None);
}

/// A key that was let go names nothing, whatever is done with it, also once its slot is used again (T-81).
#[test]
fn stale_keys_do_nothing() {
    let mut server = server_with(&[headers(1, GET, false)]);
    let stale = server.key(1);
    server.http2.release(stale);
    server.say();
    server.hear(&headers(3, GET, false));
    let key = server.key(3);
    assert_eq!(key.index(), stale.index());
    server.http2.begin(stale);
    server.http2.send_shared(stale, vec![0; 10_000].into());
    server.http2.end(stale, true);
    server.http2.lend(stale, 5);
    server.http2.notice(stale);
    assert_eq!(server.http2.next_notice(), None);
    server.http2.notice(key);
    server.http2.clear_notice(stale);
    server.http2.reset(stale, ErrorCode::CANCEL);
    assert!(server.http2.release(stale).is_none() && server.http2.get(stale).is_none());
    assert!(server.say().is_empty() && server.http2.queued_in_all() == 0);
    assert!(!server.http2.is_closed(key) && server.http2.next_notice() == Some(key));
}
