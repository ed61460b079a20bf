//! `heap_size` says what the allocator gave: the bound of a connection is counted by it.

use crate::http2::harness::*;
use allocation_counter::measure;
use grpc_sansio::frame::{ErrorCode, Flags, Kind};
use grpc_sansio::hpack::FieldBlock;
use grpc_sansio::http2::{Config, Side};

/// What is allocated with the connection and not counted: the place of the list at hand.
const UNCOUNTED: i64 = size_of::<FieldBlock>() as i64;

/// Plays to a connection and compares what it says it holds with what was allocated and not given back.
#[track_caller]
fn compare(name: &str, mut play: impl FnMut() -> Peer) {
    let mut kept = None;
    let counted = measure(|| kept = Some(play()));
    let said = kept.map(|peer| peer.http2.heap_size() as i64 + UNCOUNTED);
    assert_eq!(said, Some(counted.bytes_current), "{name}");
}

#[test]
fn a_connection_says_what_it_holds() {
    compare("new", || Peer::new(Side::Server, Config::new(Side::Server)));
    compare("a server", Peer::server);
    compare("a client", Peer::client);
    compare("a part of a frame", || {
        let mut server = Peer::server();
        server.hear(&raw(Kind::PING, Flags::NONE, 0, b"12345678")[..13]);
        server
    });
    compare("a part of a header block", || {
        let mut server = Peer::server();
        server.hear(&part_of_headers(1, &[0; 300], false, false));
        server.hear(&continuation(1, GET, false));
        server
    });
    compare("a reply that waits", || {
        let mut server = Peer::server();
        (0..9).for_each(|_| _ = server.hear(&ping(b"whatever")));
        server
    });
    compare("requests, some answered", || {
        let mut server = Peer::server();
        let fields = get_with(&[(b"x", &[b'v'; 100])]);
        for n in 0..40 {
            server.hear(&headers(2 * n + 1, &fields, n % 2 == 0));
            if n % 3 == 0 {
                server.respond(2 * n + 1, 3_000 * n as usize);
            }
        }
        server.say();
        server
    });
    compare("streams that are gone", || {
        let mut server = Peer::server();
        for n in 0..300 {
            server.hear(&[headers(2 * n + 1, GET, true), reset(2 * n + 1, ErrorCode::CANCEL)].concat());
            let key = server.key(2 * n + 1);
            server.http2.release(key);
        }
        server.say();
        server
    });
    for trimmed in [false, true] {
        compare("responses that come again", || responses(trimmed));
    }
    // The tables of header compression stay.
    let (before, after) = (responses(false).http2.heap_size(), responses(true).http2.heap_size());
    assert!(before > 2_000_000 && after < 2_000, "{before} {after}");
}

fn responses(trimmed: bool) -> Peer {
    let mut client = Peer::client();
    for n in 0..30 {
        let key = client.request();
        client.queue(key, 70_000);
        client.http2.end(key, false);
        client.say();
        client.hear(&[headers(2 * n + 1, OK, false), headers(2 * n + 1, FIELD, true)].concat());
    }
    if trimmed {
        while let Some(key) = client.http2.stream_from(0) {
            client.http2.release(key);
        }
        client.http2.trim();
    }
    client
}

/// L-43: what only ever waits for something is given back when nothing waits any more.
#[test]
fn l43_what_waits_for_nothing_is_given_back() {
    for malformed in [false, true] {
        let mut server = Peer::server();
        for n in 0..100 {
            let id = 2 * n + 1;
            if malformed {
                // To be answered by RST_STREAM.
                server.hear(&headers(id, FIELD, true));
            } else {
                server.hear(&[ping(b"whatever"), headers(id, GET, true), reset(id, ErrorCode::CANCEL)].concat());
                server.http2.release(server.key(id));
            }
        }
        server.http2.trim();
        assert!(server.http2.heap_size() >= 100 * 8, "replies wait");
        assert!(server.say().len() >= 100);
        server.http2.trim();
        assert_eq!(server.http2.heap_size(), 0);
    }
}
