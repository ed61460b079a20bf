//! Each guard's own field, what can be read of it, and what the GOAWAY says: on both sides of its limit.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::http2::{Config, Guard, OpenError, Side};
use std::time::Duration;

fn server_with(change: impl FnOnce(&mut Config)) -> Peer {
    let mut config = Config::new(Side::Server);
    change(&mut config);
    Peer::started(Side::Server, config, &[])
}

fn client_with(change: impl FnOnce(&mut Config), theirs: &[(SettingId, u32)]) -> Peer {
    let mut config = Config::new(Side::Client);
    change(&mut config);
    Peer::started(Side::Client, config, theirs)
}

/// These octets end the connection, and the GOAWAY names the limit.
#[track_caller]
fn ends(peer: &mut Peer, octets: &[u8], code: ErrorCode, limit: &str) {
    peer.fails(octets, code);
    let reason = peer.http2.error().unwrap().reason();
    assert!(reason.starts_with(limit), "{reason}");
}

/// What one guard of those that are read together says.
fn guard(peer: &Peer, name: &str) -> Guard {
    peer.http2.guards().all().into_iter().find(|guard| guard.0 == name).unwrap().1
}

fn rapid_reset(n: u32) -> Vec<u8> {
    [headers(2 * n + 1, GET, true), reset(2 * n + 1, ErrorCode::CANCEL)].concat()
}

/// Lets go of every stream that has closed.
fn release_closed(peer: &mut Peer) {
    let mut next = peer.http2.stream_from(0);
    while let Some(key) = next {
        next = peer.http2.stream_from(key.index() + 1);
        if peer.http2.is_closed(key) {
            peer.http2.release(key);
        }
    }
}

/// T-05: a client that has acknowledged the limit and goes on all the same.
#[test]
fn max_streams_beyond_limit() {
    let mut server = server_with(|config| (config.max_concurrent_streams, config.max_streams_beyond_limit) = (3, 4));
    (0..3).for_each(|n| assert_eq!(server.hear(&headers(2 * n + 1, GET, false)).len(), 1));
    for n in 3..10 {
        assert!(server.hear(&headers(2 * n + 1, GET, true)).is_empty());
        assert_eq!(server.say(), [format!("RST {} REFUSED_STREAM", 2 * n + 1)]);
    }
    let spent = guard(&server, "max_streams_beyond_limit");
    assert_eq!((spent.spent, spent.limit, server.http2.counters().streams_beyond_limit), (7, 7, 7));
    ends(&mut server, &headers(21, GET, true), ErrorCode::PROTOCOL_ERROR, "max_streams_beyond_limit");
}

/// Whoever has not acknowledged the limit may not know it yet.
#[test]
fn streams_before_the_acknowledgement_are_only_refused() {
    let config = Config { max_concurrent_streams: 3, max_streams_beyond_limit: 4, ..Config::new(Side::Server) };
    let mut server = Peer::new(Side::Server, config);
    server.say();
    server.hear(&[&grpc_sansio::frame::PREFACE[..], &settings(&[])].concat());
    for n in 0..1_000 {
        server.hear(&headers(2 * n + 1, GET, false));
    }
    assert!(!server.http2.is_ended());
    assert_eq!((server.http2.counters().streams_refused, server.http2.counters().streams_beyond_limit), (997, 0));
}

/// T-01: streams that the peer thinks closed and the layer above still holds.
#[test]
fn max_zombie_streams() {
    for (field, most) in [(None, 4), (Some(0), 2), (Some(5), 7)] {
        let mut server = server_with(|config| (config.max_concurrent_streams, config.max_zombie_streams) = (2, field));
        (0..most).for_each(|n| assert_eq!(server.hear(&rapid_reset(n)).len(), 2, "{field:?}"));
        assert_eq!(server.http2.zombie_streams() as u32, most);
        assert!(server.hear(&headers(2 * most + 1, GET, true)).is_empty());
        assert_eq!(server.http2.counters().streams_refused, 1);
        // It is not the client's doing.
        assert_eq!(server.http2.counters().streams_beyond_limit, 0);
    }
}

/// T-27, T-29: how far beyond its limits a header list may go, in octets and in fields.
#[test]
fn header_abuse() {
    let fields = |count: usize| [GET, &FIELD.repeat(count)].concat();
    let narrow = |config: &mut Config| (config.max_header_list_size, config.max_header_fields) = (1_000, 1_000);
    // `:method: GET`, `:scheme: http` and `:path: /` count 42, 43 and 38; each more counts 34.
    let within = (2_000 - 42 - 43 - 38) / 34;
    let mut server = server_with(|config| {
        narrow(config);
        config.header_abuse = 2;
    });
    assert_eq!(server.hear(&headers(1, &fields(within), true)), ["request 1 END OVERSIZED"]);
    assert_eq!(server.http2.counters().header_lists_oversized, 1);
    ends(&mut server, &headers(3, &fields(within + 1), true), ErrorCode::ENHANCE_YOUR_CALM, "header_abuse");

    let mut server = server_with(|config| config.max_header_fields = 5);
    assert_eq!(server.hear(&headers(1, &fields(2), true)), ["request 1 END"]);
    assert_eq!(server.hear(&headers(3, &fields(3), true)), ["request 3 END OVERSIZED"]);
    assert_eq!(server.hear(&headers(5, &fields(17), true)), ["request 5 END OVERSIZED"]);
    ends(&mut server, &headers(7, &fields(18), true), ErrorCode::ENHANCE_YOUR_CALM, "header_abuse: far more fields");
}

/// T-09
#[test]
fn max_informational() {
    let mut client = client_with(|config| config.max_informational = 2, &[]);
    client.request();
    let hints = [0x08, 3, b'1', b'0', b'3'];
    (0..2).for_each(|_| assert!(client.hear(&headers(1, &hints, false)).is_empty()));
    assert_eq!(client.hear(&headers(1, &hints, false)), ["reset 1 PROTOCOL_ERROR Local"]);
    assert_eq!(client.http2.counters().informational_received, 3);
}

/// From three quarters of a guard on, an honest peer is asked to begin anew on another connection.
#[test]
fn drain_at_percent() {
    let mut server = Peer::server();
    for n in 0..7_500 {
        server.hear(&rapid_reset(n));
        assert!(server.say().is_empty());
        release_closed(&mut server);
    }
    assert!(!server.http2.is_draining());
    server.hear(&rapid_reset(7_500));
    assert_eq!(server.say(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    assert!(server.http2.is_draining() && server.http2.error().is_none());
    // What was under way is served, what comes after it is not.
    server.hear(&headers(20_001, GET, false));
    server.wait(Duration::from_secs(5));
    assert_eq!(server.say(), ["GOAWAY 20001 NO_ERROR"]);
    server.hear(&headers(20_003, GET, false));
    server.respond(20_001, 5);
    assert_eq!(server.say(), ["HEADERS 20001", "DATA 20001 5 END"]);

    // A client opens no more streams, and ends with the last.
    let mut client = client_with(|config| config.glitch_burst = 8, &[]);
    let key = client.request();
    let unknown = raw(grpc_sansio::frame::Kind(77), grpc_sansio::frame::Flags::NONE, 0, b"");
    (0..48).for_each(|_| assert!(client.hear(&unknown).is_empty()));
    assert_eq!((guard(&client, "glitch_burst").spent, client.http2.is_draining()), (6, false));
    client.hear(&unknown);
    assert_eq!((client.http2.open(()), client.http2.is_ended()), (Err(OpenError::Draining), false));
    client.http2.release(key);
    assert!(client.http2.is_ended() && client.http2.error().is_none());

    // It can be left out.
    let mut server = server_with(|config| (config.drain_at_percent, config.reset_burst) = (100, 2_000));
    for n in 0..2_000 {
        server.hear(&rapid_reset(n));
        release_closed(&mut server);
    }
    assert!(!server.http2.is_draining());
    ends(&mut server, &rapid_reset(2_000), ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
}

/// T-44: a client whose peer opens its windows octet by octet.
fn dribbled(theirs: u32) -> (Peer, grpc_sansio::http2::StreamKey) {
    let mut client = client_with(|config| config.tiny_data_burst = 3, &[(SettingId::INITIAL_WINDOW_SIZE, theirs)]);
    let key = client.request();
    client.queue(key, 10_000 + theirs as usize);
    (client, key)
}

/// T-44: after a few tiny frames DATA waits for 16 octets where the peer never said what it would like, and otherwise for
/// half of its initial window or 1,024 octets.
#[test]
fn tiny_data_waits_for_window() {
    for (theirs, enough) in [(0, 16), (100, 50), (10_000, 1_024)] {
        let (mut client, _) = dribbled(theirs);
        client.say();
        let mut said = Vec::new();
        for _ in 0..3 + enough {
            client.hear(&window(1, 1));
            said.extend(client.say());
        }
        assert_eq!(said, ["DATA 1 1", "DATA 1 1", "DATA 1 1", &format!("DATA 1 {enough}")], "{theirs}");
        let counters = client.http2.counters();
        assert_eq!((counters.tiny_data_held, guard(&client, "tiny_data_burst").spent), (enough - 1, 3));
    }
}

/// It waits for at most 10 ms, and not at all for what ends here or is not in the way of a window.
#[test]
fn tiny_data_does_not_wait_long() {
    let (mut client, _) = dribbled(0);
    for _ in 0..4 {
        client.hear(&window(1, 1));
        client.say();
    }
    assert_eq!(client.http2.poll_timeout(), Some(client.now.saturating_add(Duration::from_millis(10))));
    client.wait(Duration::from_nanos(9_999_999));
    client.hear(&window(1, 1));
    assert!(client.say().is_empty());
    client.wait(Duration::from_nanos(1));
    assert_eq!(client.say(), ["DATA 1 2"]);
    assert_eq!(client.http2.poll_timeout(), None);

    // Small messages never wait, nor does the rest of one.
    let (mut client, key) = dribbled(0);
    for _ in 0..4 {
        client.hear(&window(1, 1));
        client.say();
    }
    client.hear(&window(1, 9_997 - 1));
    assert_eq!(client.say(), ["DATA 1 9997"]);
    for _ in 0..10 {
        client.hear(&window(1, 3));
        client.queue(key, 3);
        assert_eq!(client.say(), ["DATA 1 3"]);
    }
    // A stream that is reset while it waits leaves nothing behind.
    let (mut client, key) = dribbled(0);
    for _ in 0..4 {
        client.hear(&window(1, 1));
        client.say();
    }
    client.http2.reset(key, ErrorCode::CANCEL);
    assert_eq!(client.say(), ["RST 1 CANCEL"]);
    client.wait(Duration::from_millis(10));
    assert!(client.say().is_empty() && client.http2.queued_in_all() == 0);
}

/// The same where it is the connection's window that opens slowly: whoever is first waits for all.
#[test]
fn tiny_data_waits_for_the_connections_window() {
    let mut client = client_with(|config| config.tiny_data_burst = 3, &[(SettingId::INITIAL_WINDOW_SIZE, 1 << 20)]);
    let keys: Vec<_> = (0..3).map(|_| client.request()).collect();
    keys.iter().for_each(|key| client.queue(*key, 100_000));
    client.say();
    let mut said = Vec::new();
    for _ in 0..3 + 1_024 {
        client.hear(&window(0, 1));
        said.extend(client.say());
    }
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said[..3].iter().all(|frame| frame.ends_with(" 1")) && said[3].ends_with(" 1024"));
    client.hear(&window(0, 7));
    assert!(client.say().is_empty());
    client.wait(Duration::from_millis(10));
    assert_eq!(client.say().len(), 1);
    assert_eq!(client.http2.poll_timeout(), None);
    client.hear(&window(0, 500_000));
    while !client.say().is_empty() {}
    assert_eq!(client.http2.queued_in_all(), 0);
}

/// T-45, T-28: a stream whose window stays shut is given up where a time is set for it, and only that stream.
#[test]
fn stalled_send_timeout() {
    let minute = Duration::from_secs(60);
    let mut client =
        client_with(|config| config.stalled_send_timeout = Some(minute), &[(SettingId::INITIAL_WINDOW_SIZE, 10)]);
    let (first, second) = (client.request(), client.request());
    client.queue(first, 100);
    client.queue(second, 100);
    assert_eq!(client.say(), ["DATA 1 10", "DATA 3 10"]);
    client.wait(Duration::from_secs(30));
    client.hear(&window(3, 5));
    assert_eq!(client.say(), ["DATA 3 5"]);
    client.wait(Duration::from_nanos(29_999_999_999));
    assert_eq!(client.http2.next_stalled(), None);
    client.wait(Duration::from_nanos(1));
    assert_eq!([client.http2.next_stalled(), client.http2.next_stalled()], [Some(first), None]);
    client.http2.reset(first, ErrorCode::CANCEL);
    assert_eq!(client.say(), ["RST 1 CANCEL"]);
    // The second is found within an eighth of its time.
    client.wait(Duration::from_nanos(29_999_999_999));
    assert_eq!(client.http2.next_stalled(), None);
    let mut found = None;
    while found.is_none() {
        let next = client.http2.poll_timeout().expect("it is looked at again");
        client.wait(next.saturating_since(client.now));
        found = client.http2.next_stalled();
    }
    assert_eq!(found, Some(second));
    let late = Duration::from_secs(90) + minute / 8;
    assert!(client.now.as_nanos() <= late.as_nanos() as u64, "{:?}", client.now);
    client.http2.reset(second, ErrorCode::CANCEL);
    client.say();
    assert_eq!(client.http2.counters().sends_stalled, 2);
    // Nothing is stalled any more: no timer is left.
    while let Some(next) = client.http2.poll_timeout() {
        client.wait(next.saturating_since(client.now));
        assert!(client.now.as_nanos() < 2 * late.as_nanos() as u64);
    }
}

/// The same by default, but only while much is queued on the connection: a reader may pause.
#[test]
fn crowded_send_timeout() {
    for (queued, overdue) in [(2 * 1024 * 1024, false), (2 * 1024 * 1024 + 1, true)] {
        let mut server = server_with(|_| {});
        server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]));
        for id in [1, 3] {
            server.hear(&headers(id, GET, true));
            server.respond(id, if id == 1 { queued - 10 } else { 10 });
        }
        assert_eq!(server.say(), ["SETTINGS ACK", "HEADERS 1", "HEADERS 3"]);
        server.wait(Duration::from_nanos(59_999_999_999));
        assert_eq!(server.http2.next_stalled(), None);
        server.wait(Duration::from_nanos(1));
        let mut stalled = 0;
        while let Some(key) = server.http2.next_stalled() {
            server.http2.reset(key, ErrorCode::CANCEL);
            stalled += 1;
        }
        assert_eq!(stalled, if overdue { 2 } else { 0 }, "{queued}");
        assert_eq!(server.http2.queued_in_all(), if overdue { 0 } else { queued });
        assert!(!server.http2.is_ended());
        assert_eq!(server.http2.poll_timeout(), None);
    }
}

/// A connection that takes nothing at all ends, whether its window is shut or its transport stuck.
#[test]
fn crowded_send_timeout_of_the_connection() {
    for shut in [true, false] {
        let mut server = server_with(|_| {});
        server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 1 << 24)]));
        if !shut {
            server.hear(&window(0, 1 << 24));
        }
        server.hear(&headers(1, GET, true));
        server.respond(1, 4 << 20);
        let mut output = grpc_sansio::WriteBuf::new();
        server.transmit(&mut output);
        server.wait(Duration::from_nanos(59_999_999_999));
        assert!(!server.http2.is_ended());
        server.wait(Duration::from_nanos(1));
        let error = server.http2.error().expect("it has ended");
        assert_eq!(error.code(), ErrorCode::ENHANCE_YOUR_CALM);
        assert!(error.reason().starts_with("crowded_send_timeout"), "{error}");
        assert!(server.say().last().unwrap().starts_with("GOAWAY 1 "));
    }
}

/// A guard's most is remembered when its tokens have come back.
#[test]
fn guards_can_be_read() {
    let mut server = Peer::server();
    (0..5).for_each(|_| _ = server.hear(&ping(b"12345678")));
    assert_eq!((guard(&server, "max_replies").spent, guard(&server, "max_replies").limit), (5, 1_000));
    server.say();
    assert_eq!((guard(&server, "max_replies").spent, guard(&server, "max_replies").most), (0, 5));
    server.hear(&headers(1, GET, false));
    (0..3).for_each(|_| _ = server.hear(&data(1, 0, false)));
    server.hear(&data(1, 16_384, false));
    let empty = guard(&server, "empty_data_burst");
    assert_eq!((empty.spent, empty.most, empty.limit), (2, 3, 100));
    server.hear(&reset(1, ErrorCode::CANCEL));
    assert_eq!((guard(&server, "reset_burst").spent, guard(&server, "reset_burst").limit), (1, 10_000));
    let counters = server.http2.counters();
    assert_eq!((counters.pings_received, counters.empty_data_received, counters.resets_received), (5, 3, 1));
    assert_eq!((counters.settings_received, counters.goaways_received), (1, 0));
    server.hear(&[window(0, 10_000), window(0, 1)].concat());
    assert_eq!(server.http2.counters().small_updates_received, 1);
    let block = [GET, FIELD].concat();
    let (start, end) = block.split_at(3);
    server.hear(&[part_of_headers(3, start, true, false), continuation(3, end, true)].concat());
    assert_eq!(server.http2.counters().continuations_received, 1);
}

/// A client that was told to go because of an error, and cancels its last stream, still says so.
#[test]
fn the_last_reset_is_not_lost() {
    let mut client = Peer::client();
    let key = client.request();
    client.hear(&goaway(1, ErrorCode::INTERNAL_ERROR));
    client.http2.release(key);
    assert!(client.http2.is_ended() && client.http2.error().is_some());
    assert_eq!(client.say(), ["RST 1 CANCEL", "GOAWAY 0 NO_ERROR"]);
    assert!(client.http2.is_finished());

    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server.http2.shut_down(server.now);
    server.wait(Duration::from_secs(5));
    server.say();
    server.respond(1, 5);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 5 END"]);
    let key = server.key(1);
    server.http2.release(key);
    assert_eq!(server.say(), ["RST 1 NO_ERROR"]);
    assert!(server.http2.is_finished());
}

/// T-12, T-26: RST_STREAM and WINDOW_UPDATE on streams that have closed: four for each are free, and two for each DATA frame
/// that we sent; then an eighth of a glitch.
#[test]
fn late_frames_are_few() {
    for late in [reset(1, ErrorCode::CANCEL), window(1, 9)] {
        let mut server = server_with(|config| (config.glitch_burst, config.glitch_per_second) = (10, 0));
        server.hear(&headers(1, GET, true));
        server.respond(1, 5);
        server.say();
        for _ in 0..4 + 2 {
            server.hear(&late);
            assert_eq!(guard(&server, "glitch_burst").spent, 0);
        }
        server.hear(&late.repeat(80));
        assert_eq!(server.http2.error(), None);
        ends(&mut server, &late, ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    }
}

/// H-116, T-25: SETTINGS that move the windows of all streams cost as much as there are of those, and a whole token at least.
#[test]
fn a_moved_window_costs_by_the_streams_that_it_moves() {
    for (streams, cost) in [(1, 1), (16, 1), (32, 2), (96, 6)] {
        let mut server = Peer::server();
        (0..streams).for_each(|n| _ = server.hear(&headers(2 * n + 1, GET, false)));
        let before = guard(&server, "glitch_burst").spent;
        server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 70_000)]));
        assert_eq!(guard(&server, "glitch_burst").spent - before, cost, "{streams} streams");
    }
}
