//! RFC 9113 §10.5: denial of service. Every guard, on both sides of its limit.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, PREFACE, SettingId};
use grpc_sansio::http2::{Config, Side};
use std::time::Duration;

/// Repeats `frame` until the connection ends and says how often it was taken.
#[track_caller]
fn taken(peer: &mut Peer, talks: bool, mut frame: impl FnMut(u32) -> Vec<u8>) -> u32 {
    for count in 0..200_000 {
        peer.hear(&frame(count));
        if let Some(error) = peer.http2.error() {
            assert_eq!(error.code(), ErrorCode::ENHANCE_YOUR_CALM, "{error}");
            return count;
        }
        if talks {
            peer.say();
        }
        while let Some(key) = peer.http2.stream_from(0) {
            peer.http2.release(key);
        }
    }
    panic!("no end");
}

fn rapid_reset(count: u32) -> Vec<u8> {
    [headers(2 * count + 1, GET, true), reset(2 * count + 1, ErrorCode::CANCEL)].concat()
}

/// H-073, T-01: 10,000 at once.
#[test]
fn h073_rapid_reset() {
    assert_eq!(taken(&mut Peer::server(), true, rapid_reset), 10_000);
}

/// H-073: 330 a second come back, and one for each stream that ends well.
#[test]
fn h073_resets_are_refilled_and_refunded() {
    let mut server = Peer::server();
    for count in 0..20_000 {
        server.hear(&rapid_reset(2 * count));
        let id = 4 * count + 3;
        server.hear(&headers(id, GET, true));
        server.respond(id, 0);
        server.say();
        while let Some(key) = server.http2.stream_from(0) {
            server.http2.release(key);
        }
        assert!(!server.http2.is_ended(), "{count}");
    }

    let mut server = Peer::server();
    for count in 0..20_000 {
        server.hear(&rapid_reset(count));
        let key = server.http2.stream_from(0).unwrap();
        server.http2.release(key);
        server.wait(Duration::from_nanos(1_000_000_000 / 330 + 1));
        assert!(!server.http2.is_ended(), "{count}");
    }
}

/// Resets that cost nothing: NO_ERROR, and those after our END_STREAM.
#[test]
fn honest_resets_are_free() {
    let mut server = Peer::server();
    for id in [1, 5, 9] {
        server.hear(&[headers(id, GET, false), reset(id, ErrorCode::NO_ERROR)].concat());
        server.hear(&headers(id + 2, GET, false));
        server.respond(id + 2, 0);
        server.say();
        server.hear(&reset(id + 2, ErrorCode::CANCEL));
    }
    assert_eq!(server.http2.guards_spent(), (0, 0));
}

/// T-03 b, T-04: streams that we have to reset.
#[test]
fn t03_provoked_resets() {
    let overflow = |count: u32| [headers(2 * count + 1, GET, true), window(2 * count + 1, 0x7fff_ffff)].concat();
    let mut server = Peer::server();
    assert_eq!(taken(&mut server, true, overflow), 10_000);
    assert_eq!(server.http2.counters().resets_provoked, 10_001, "each, and the one too many");
    let malformed = |count: u32| headers(2 * count + 1, FIELD, true);
    let mut server = Peer::server();
    assert_eq!(taken(&mut server, true, malformed), 10_000);
    assert_eq!(server.http2.counters().resets_provoked, 10_001, "each, and the one too many");
}

/// T-04, T-23, H-151: the peer does not read, and resets pile up, provoked ones or the application's own.
#[test]
fn t04_resets_that_nobody_reads() {
    let malformed = |count: u32| headers(2 * count + 1, FIELD, true);
    let mut server = Peer::server();
    assert_eq!(taken(&mut server, false, malformed), 1_000);
    let released = |count: u32| headers(2 * count + 1, GET, true);
    let mut server = Peer::server();
    assert_eq!(taken(&mut server, false, released), 1_000);
    assert!(server.http2.heap_size() < 64 * 1024);
}

/// H-099, T-13: unanswered ones, then any.
#[test]
fn h099_ping_flood() {
    assert_eq!(taken(&mut Peer::server(), false, |_| ping(b"12345678")), 1_000);
    assert_eq!(taken(&mut Peer::server(), true, |_| ping(b"12345678")), 80_000);
}

/// H-091, T-14: four are free.
#[test]
fn h091_settings_flood() {
    // The first of them was the handshake's.
    assert_eq!(taken(&mut Peer::server(), false, |_| settings(&[])), 10_003);
}

/// T-18: windows that swing cost by the streams they touch.
#[test]
fn t18_window_swings() {
    let swing = |count: u32| settings(&[(SettingId::INITIAL_WINDOW_SIZE, count % 2)]);
    assert!(taken(&mut Peer::server(), true, swing) <= 5_003);
}

/// H-060: 100, and one more for each 16 KiB of real DATA.
#[test]
fn h060_empty_data_flood() {
    for empty in [data(1, 0, false), padded_data(1, 0, 10, false)] {
        let mut server = Peer::server();
        server.hear(&headers(1, GET, false));
        for _ in 0..100 {
            assert!(server.hear(&empty).is_empty());
        }
        server.hear(&data(1, 16_384, false));
        assert!(server.hear(&empty).is_empty());
        server.fails(&empty, ErrorCode::ENHANCE_YOUR_CALM);
    }
}

/// L-42: one octet a frame is honest.
#[test]
fn one_octet_frames_are_honest() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    for _ in 0..100_000 {
        assert_eq!(server.hear(&data(1, 1, false)).len(), 1);
        server.say();
    }
    assert_eq!(server.http2.guards_spent(), (0, 0));
}

/// H-150, T-24, T-26: an eighth of a glitch each.
#[test]
fn t26_frames_that_make_no_progress() {
    assert_eq!(taken(&mut Peer::server(), true, |_| raw(Kind::PRIORITY, Flags::NONE, 3, &[0; 5])), 80_000);
    assert_eq!(taken(&mut Peer::server(), true, |_| raw(Kind(77), Flags::NONE, 3, b"")), 80_000);
}

/// H-150, T-17: small window updates while there is plenty.
#[test]
fn t17_window_update_flood() {
    let mut server = Peer::server();
    server.hear(&window(0, 10_000));
    // Under 1,024 octets each.
    assert_eq!(taken(&mut server, true, |_| window(0, 1_023)), 80_000);
    // Large ones, and small ones while little is left, are free.
    let mut server = Peer::server();
    server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 100)]));
    server.hear(&headers(1, GET, true));
    let before = server.http2.guards_spent();
    for _ in 0..1_000 {
        server.hear(&[window(0, 1_024), window(1, 1)].concat());
    }
    assert_eq!(server.http2.guards_spent(), before);
}

/// T-11
#[test]
fn t11_goaway_flood() {
    let mut client = Peer::client();
    client.request();
    (0..10_002).for_each(|_| assert_eq!(client.hear(&goaway(1, ErrorCode::NO_ERROR)).len(), 1));
    client.fails(&goaway(1, ErrorCode::NO_ERROR), ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-105, T-26: requests above our last GOAWAY are not answered, but not without end either.
#[test]
fn requests_after_the_last_goaway() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.http2.shut_down(server.now);
    server.wait(Duration::from_secs(5));
    let key = server.key(1);
    server.say();
    for count in 1.. {
        server.hear(&headers(2 * count + 1, GET, true));
        if server.http2.is_ended() {
            assert_eq!(count, 10_001);
            break;
        }
    }
    assert!(!server.http2.is_closed(key) && server.http2.heap_size() < 64 * 1024);
}

/// Sizes on the wire allocate nothing by themselves.
#[test]
fn lengths_allocate_nothing() {
    let mut server = Peer::new(Side::Server, Config { max_frame_size: 16_777_215, ..Config::new(Side::Server) });
    server.hear(&[&PREFACE[..], &settings(&[])].concat());
    let before = server.http2.heap_size();
    let head = [0, 0xff, 0xff, 0x1, 0x5, 0, 0, 0, 1];
    server.hear(&head);
    server.hear(&[0x82]);
    assert!(server.http2.heap_size() < before + 64);
}

/// L-43: after a burst nothing is kept but the tables of header compression.
#[test]
fn l43_memory_after_a_burst() {
    let mut server = Peer::server();
    let idle = server.http2.heap_size();
    let value = vec![b'v'; 100];
    for round in 0..3 {
        for n in 0..100 {
            let id = 200 * round + 2 * n + 1;
            server.hear(&[headers(id, &get_with(&[(b"x", &value)]), false), data(id, 16_384, true)].concat());
            server.respond(id, 20_000);
        }
        server.say();
        assert!(server.http2.heap_size() > 1 << 20);
        while let Some(key) = server.http2.stream_from(0) {
            server.http2.release(key);
        }
        server.say();
        server.http2.trim();
        assert!(server.http2.heap_size() <= idle + 4096, "{}", server.http2.heap_size());
    }
    // Trimmed or not, it goes on.
    assert_eq!(server.hear(&headers(1_001, GET, true)), ["request 1001 END"]);
}
