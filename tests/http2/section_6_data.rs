//! RFC 9113 §6.1 and §6.9: DATA, WINDOW_UPDATE and flow control.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, SettingId};
use grpc_sansio::http2::{Config, Side};

fn server_open() -> Peer {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server
}

/// A server whose client announced these windows, with a response of `count` octets queued on stream 1.
fn sending(window: u32, count: usize) -> Peer {
    let config = Config::new(Side::Server);
    let mut server = Peer::started(Side::Server, config, &[(SettingId::INITIAL_WINDOW_SIZE, window)]);
    server.hear(&headers(1, GET, true));
    server.respond(1, count);
    server
}

/// H-055
#[test]
fn h055_data_on_stream_0() {
    Peer::server().fails(&data(0, 1, false), ErrorCode::PROTOCOL_ERROR);
}

/// H-056: on streams that are not open for it: STREAM_CLOSED, of the stream or (T-03) the connection; on an idle one a
/// connection error of another kind, and each octet of it counts.
#[test]
fn h056_data_where_none_may_be() {
    Peer::server().fails(&data(1, 1, false), ErrorCode::PROTOCOL_ERROR);
    Peer::client().fails(&data(1, 1, false), ErrorCode::PROTOCOL_ERROR);
    let mut server = server_open();
    assert_eq!(server.hear(&data(1, 1, true)), ["data 1 1", "end 1"]);
    server.fails(&data(1, 1, false), ErrorCode::STREAM_CLOSED);
    let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::new(Side::Client) };
    let mut client = Peer::started(Side::Client, config, &[]);
    client.request();
    client.hear(&headers(1, OK, true));
    assert_eq!(client.hear(&data(1, 16_384, false)), ["reset 1 STREAM_CLOSED Local"]);
    assert!(client.hear(&data(1, 16_384, false).repeat(2)).is_empty());
    assert!(client.hear(&data(1, 16_383, false)).is_empty());
    client.fails(&data(1, 1, false), ErrorCode::FLOW_CONTROL_ERROR);
    // Half-closed (local) is fine.
    let mut client = Peer::client();
    let key = client.request();
    client.http2.end(key, false);
    client.say();
    assert_eq!(client.hear(&[headers(1, OK, false), data(1, 1, true)].concat()).len(), 3);
}

/// H-108: four octets, no fewer and no more, on the connection and on a stream.
#[test]
fn h108_length_of_window_update() {
    for stream in [0, 1] {
        for length in [0, 3, 5, 8] {
            let payload = [0, 0, 0, 1, 0, 0, 0, 1];
            server_open()
                .fails(&raw(Kind::WINDOW_UPDATE, Flags::NONE, stream, &payload[..length]), ErrorCode::FRAME_SIZE_ERROR);
        }
        assert!(server_open().hear(&raw(Kind::WINDOW_UPDATE, Flags::NONE, stream, &[0, 0, 0, 1])).is_empty());
    }
}

/// H-110: a connection error on an idle stream, on either side; none on one that the peer has ended, or that is closed.
#[test]
fn h110_window_update_and_the_state_of_its_stream() {
    for stream in [1, 2, 0x7fff_ffff] {
        Peer::server().fails(&window(stream, 1), ErrorCode::PROTOCOL_ERROR);
        Peer::client().fails(&window(stream, 1), ErrorCode::PROTOCOL_ERROR);
    }
    let mut server = sending(1, 10);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 1"]);
    server.hear(&window(1, 2));
    assert_eq!(server.say(), ["DATA 1 2"], "half-closed (remote): it still counts");
    server.hear(&reset(1, ErrorCode::CANCEL));
    assert!(server.hear(&window(1, 0x7fff_ffff).repeat(3)).is_empty() && server.say().is_empty());
    let mut client = Peer::client();
    let key = client.request();
    client.http2.end(key, false);
    client.say();
    client.hear(&headers(1, OK, true));
    assert!(client.hear(&window(1, 0x7fff_ffff).repeat(3)).is_empty() && client.say().is_empty());
}

/// H-154: whatever is sent, by copy or by reference, in small pieces or at a window's edge: no frame is padded.
#[test]
fn h154_nothing_is_padded() {
    use bytes::Buf;
    use grpc_sansio::frame::{HEAD_LEN, Head};
    let mut server = sending(70_000, 0);
    server.hear(&headers(3, GET, false));
    let key = server.key(3);
    server.http2.begin(key);
    server.http2.send_shared(key, vec![1; 20_000].into());
    server.queue(key, 100_001);
    server.http2.end(key, true);
    let (mut wire, mut output) = (Vec::new(), grpc_sansio::WriteBuf::new());
    for _ in 0..3 {
        server.transmit(&mut output);
        let len = output.len();
        wire.extend_from_slice(&output.copy_to_bytes(len));
        server.hear(&[window(0, 30_000), window(3, 30_000)].concat());
    }
    let mut data = 0;
    let mut rest = &wire[..];
    while let Some((head, after)) = rest.split_first_chunk::<HEAD_LEN>() {
        let head = Head::parse(head);
        rest = &after[head.length as usize..];
        assert!(!head.flags.contains(Flags::PADDED) || matches!(head.kind, Kind::SETTINGS | Kind::PING), "{head:?}");
        data += if head.kind == Kind::DATA { head.length } else { 0 };
    }
    assert_eq!(data, 120_001, "to the octet");
}

/// H-057, H-058
#[test]
fn h057_padding_up_to_the_whole_payload() {
    let mut server = server_open();
    assert_eq!(server.hear(&padded_data(1, 4, 0, false)), ["data 1 4"]);
    assert_eq!(server.hear(&padded_data(1, 4, 255, false)), ["data 1 4"]);
    // Pad length = payload - 1: no data.
    assert!(server.hear(&raw(Kind::DATA, Flags::PADDED, 1, &[3, 0, 0, 0])).is_empty());
    // Octets of padding other than zero are ignored.
    assert_eq!(server.hear(&raw(Kind::DATA, Flags::PADDED, 1, &[2, b'x', 9, 9])), ["data 1 1"]);
    server.fails(&raw(Kind::DATA, Flags::PADDED, 1, &[4, 0, 0, 0]), ErrorCode::PROTOCOL_ERROR);
    server_open().fails(&raw(Kind::DATA, Flags::PADDED, 1, &[]), ErrorCode::FRAME_SIZE_ERROR);
    let mut server = server_open();
    assert_eq!(server.hear(&padded_data(1, 0, 7, true)), ["end 1"]);
}

/// H-059, L-03, G-192: padding and its length octet count, and are given back at once, held data or not.
#[test]
fn h059_padding_is_credited() {
    let mut server = server_open();
    server.consume = false;
    let before = server.http2.receive_window(server.key(1));
    for padding in 0..=255 {
        server.hear(&padded_data(1, 1, padding, false));
    }
    assert_eq!(server.http2.receive_window(server.key(1)), before - 256);
}

/// H-119: one octet more than the stream's window.
#[test]
fn h119_stream_window_exceeded() {
    let config = Config { stream_window: 70_000, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.consume = false;
    server.hear(&headers(1, GET, false));
    (0..4).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    assert_eq!(server.hear(&data(1, 70_000 - 65_536, false)).len(), 1);
    // H-115: an empty one is always legal.
    assert!(server.hear(&data(1, 0, false)).is_empty());
    assert_eq!(server.hear(&data(1, 1, false)), ["reset 1 FLOW_CONTROL_ERROR Local"]);
    assert_eq!(server.say(), ["RST 1 FLOW_CONTROL_ERROR"]);
}

/// H-119: one octet more than the connection's window.
#[test]
fn h119_connection_window_exceeded() {
    let config = Config { stream_window: 60_000, connection_window: 65_535, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.consume = false;
    server.hear(&[headers(1, GET, false), headers(3, GET, false)].concat());
    for stream in [1, 1, 3, 3] {
        assert_eq!(server.hear(&data(stream, 16_383, false)).len(), 1);
    }
    assert!(!server.http2.take_window_exhausted());
    assert_eq!(server.hear(&data(1, 3, false)).len(), 1);
    assert!(server.http2.take_window_exhausted() && !server.http2.take_window_exhausted());
    server.fails(&data(1, 1, false), ErrorCode::FLOW_CONTROL_ERROR);
}

/// A connection's window that is used up is told, unless half of it is about to be given back anyway.
#[test]
fn a_window_that_is_used_up_is_told_where_nothing_is_on_its_way() {
    for (taken, told) in [(0, true), (29_999, true), (30_000, false)] {
        let config = Config { stream_window: 60_000, connection_window: 65_535, ..Config::new(Side::Server) };
        let mut server = Peer::started(Side::Server, config, &[]);
        server.consume = false;
        server.hear(&[headers(1, GET, false), headers(3, GET, false)].concat());
        server.http2.consumed_late(taken);
        for (stream, count) in [(1, 16_384), (1, 16_384), (3, 16_384), (3, 16_383)] {
            assert_eq!(server.hear(&data(stream, count, false)).len(), 1);
        }
        assert_eq!(server.http2.take_window_exhausted(), told, "{taken}");
    }
}

/// L-21: what is owed to the connection is announced with a loan, where both windows together then have room for it.
#[test]
fn l21_a_loan_takes_what_is_owed_with_it() {
    for (lent, announced) in [(599, true), (600, true), (601, false)] {
        let config = Config { stream_window: 30_000, connection_window: 65_535, ..Config::new(Side::Server) };
        let mut server = Peer::started(Side::Server, config, &[]);
        server.consume = false;
        for (stream, counts) in [(1, [15_000, 15_000]), (3, [15_000, 15_000]), (5, [5_000, 435])] {
            server.hear(&headers(stream, GET, false));
            counts.iter().for_each(|count| _ = server.hear(&data(stream, *count, false)));
        }
        // 100 octets are left, and 500 are owed.
        server.http2.consumed_late(500);
        assert!(server.say().is_empty());
        server.http2.lend(server.key(1), lent);
        let mut expected = vec![format!("WINDOW 1 {lent}")];
        if announced {
            expected.insert(0, "WINDOW 0 500".into());
        }
        assert_eq!(server.say(), expected);
    }
}

/// RFC 9113 §6.9: a window that is used up is opened again by less than half of it, one that is not waits for half; and
/// no window is opened octet by octet.
#[test]
fn a_window_that_is_used_up_opens_early() {
    let config = || Config { stream_window: 60_000, connection_window: 65_535, ..Config::new(Side::Server) };
    for (left, taken, announced) in
        [(0, 1_023, false), (0, 1_024, true), (1, 1_024, false), (1, 29_999, false), (1, 30_000, true)]
    {
        let mut server = Peer::started(Side::Server, config(), &[]);
        server.consume = false;
        server.hear(&[headers(1, GET, false), headers(3, GET, false)].concat());
        for (stream, count) in [(1, 16_384), (1, 16_384), (3, 16_384), (3, 16_383 - left)] {
            assert_eq!(server.hear(&data(stream, count, false)).len(), 1);
        }
        assert_eq!(server.http2.take_window_exhausted(), left == 0);
        server.http2.consumed_late(taken);
        let expected = if announced { vec![format!("WINDOW 0 {taken}")] } else { vec![] };
        assert_eq!(server.say(), expected, "{left} left, {taken} taken");
    }
}

/// H-081, H-118: until our smaller window is acknowledged, the protocol's holds; afterwards the new one.
#[test]
fn h118_smaller_window_from_the_acknowledgement_on() {
    let config = Config { stream_window: 1_000, ..Config::new(Side::Server) };
    let start = |config: &Config| {
        let mut server = Peer::new(Side::Server, config.clone());
        server.consume = false;
        server.say();
        server.hear(grpc_sansio::frame::PREFACE);
        server.hear(&[settings(&[]), headers(1, GET, false), data(1, 1_001, false)].concat());
        server
    };
    let mut server = start(&config);
    assert!(server.hear(&ack()).is_empty());
    // Below zero now; an empty DATA is still legal.
    assert_eq!(server.hear(&data(1, 0, true)), ["end 1"]);
    let mut server = start(&config);
    server.hear(&ack());
    assert_eq!(server.hear(&data(1, 1, true)), ["reset 1 FLOW_CONTROL_ERROR Local"]);
    let mut server = start(&config);
    assert_eq!(server.hear(&data(1, 1, false)), ["data 1 1"]);
    server.hear(&ack());
    assert_eq!(server.hear(&[headers(3, GET, false), data(3, 1_000, false)].concat()).len(), 2);
    assert_eq!(server.hear(&data(3, 1, false)), ["reset 3 FLOW_CONTROL_ERROR Local"]);

    // A client's streams, opened before and after.
    let config = Config { stream_window: 1_000, ..Config::new(Side::Client) };
    let mut client = Peer::started(Side::Client, config, &[]);
    client.consume = false;
    client.request();
    assert_eq!(client.hear(&[headers(1, OK, false), data(1, 1_000, false)].concat()).len(), 2);
    assert_eq!(client.hear(&data(1, 1, false)), ["reset 1 FLOW_CONTROL_ERROR Local"]);
}

/// H-109
#[test]
fn h109_increment_of_zero() {
    Peer::server().fails(&window(0, 0), ErrorCode::PROTOCOL_ERROR);
    // T-03 a: on a server the whole connection.
    server_open().fails(&window(1, 0), ErrorCode::PROTOCOL_ERROR);
    let mut client = Peer::client();
    client.request();
    assert_eq!(client.hear(&window(1, 0)), ["reset 1 PROTOCOL_ERROR Local"]);
    // On what is closed it is ignored as any other.
    assert!(client.hear(&window(1, 0)).is_empty());
    assert_eq!(client.say(), ["RST 1 PROTOCOL_ERROR"]);
    // The reserved bit is not part of it.
    let mut server = server_open();
    assert!(server.hear(&raw(Kind::WINDOW_UPDATE, Flags::NONE, 0, &[0x80, 0, 0, 1])).is_empty());
    server.fails(&raw(Kind::WINDOW_UPDATE, Flags::NONE, 0, &[0x80, 0, 0, 0]), ErrorCode::PROTOCOL_ERROR);
}

/// H-111: the largest window, and one more.
#[test]
fn h111_windows_end_at_2_to_the_31_minus_1() {
    let most = 0x7fff_ffff - 65_535;
    let mut server = server_open();
    assert!(server.hear(&[window(1, most), window(0, most)].concat()).is_empty());
    assert_eq!(server.hear(&window(1, 1)), ["reset 1 FLOW_CONTROL_ERROR Local"]);
    assert_eq!(server.say(), ["RST 1 FLOW_CONTROL_ERROR"]);
    server.fails(&window(0, 1), ErrorCode::FLOW_CONTROL_ERROR);
}

/// H-117: by SETTINGS, on any stream, of either side.
#[test]
fn h117_settings_take_a_window_too_far() {
    let mut server = server_open();
    server.hear(&window(1, 1));
    assert!(server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0x7fff_fffe)])).is_empty());
    server.fails(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0x7fff_ffff)]), ErrorCode::FLOW_CONTROL_ERROR);

    let mut client = Peer::client();
    client.request();
    client.request();
    client.hear(&window(3, 1));
    assert!(client.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0x7fff_fffe)])).is_empty());
    client.fails(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0x7fff_ffff)]), ErrorCode::FLOW_CONTROL_ERROR);
}

/// H-114: both windows, to the octet.
#[test]
fn h114_no_octet_beyond_a_window() {
    let mut server = sending(10, 25);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 10"]);
    server.hear(&window(1, 1));
    assert_eq!(server.say(), ["DATA 1 1"]);
    server.hear(&window(1, 14));
    assert_eq!(server.say(), ["DATA 1 14 END"]);

    let mut server = sending(1 << 20, 70_000);
    let said = server.say();
    assert_eq!(said.last().unwrap(), "DATA 1 16383");
    server.hear(&window(0, 5_000));
    assert_eq!(server.say(), ["DATA 1 4465 END"]);
}

/// H-115: nothing is needed to end.
#[test]
fn h115_end_stream_needs_no_window() {
    let mut server = sending(0, 0);
    assert_eq!(server.say(), ["HEADERS 1 END"]);
    let mut server = sending(5, 5);
    let key = server.key(1);
    // Both windows used up, then the end.
    let other = {
        server.hear(&headers(3, GET, true));
        server.key(3)
    };
    server.http2.begin(other);
    server.queue(other, 5);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 5 END", "HEADERS 3", "DATA 3 5"]);
    server.http2.end(other, false);
    assert_eq!(server.say(), ["DATA 3 0 END"]);
    assert!(server.http2.is_closed(key) && server.http2.is_closed(other));
}

/// H-116, L-20: below zero and back, also for a stream that has not started.
#[test]
fn h116_window_below_zero() {
    let mut server = sending(100, 150);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 100"]);
    server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 20)]));
    assert_eq!(server.say(), ["SETTINGS ACK"]);
    server.hear(&window(1, 80));
    assert!(server.say().is_empty());
    server.hear(&window(1, 1));
    assert_eq!(server.say(), ["DATA 1 1"]);
    server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 69)]));
    assert_eq!(server.say(), ["SETTINGS ACK", "DATA 1 49 END"]);

    let config = Config::new(Side::Client);
    let mut client = Peer::started(Side::Client, config, &[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
    let key = client.http2.open(()).unwrap();
    client.queue(key, 30);
    client.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 7), (SettingId::MAX_CONCURRENT_STREAMS, 1)]));
    assert_eq!(client.say(), ["SETTINGS ACK", "HEADERS 1", "DATA 1 7"]);
}

/// H-112, H-087: both windows start at 65,535, and SETTINGS leave the connection's alone.
#[test]
fn h112_connection_window_is_not_set_by_settings() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.respond(1, 65_536);
    assert_eq!(server.say().last().unwrap(), "DATA 1 16383");
    server.hear(&window(0, 1));
    assert!(server.say().is_empty(), "the stream's");
    server.hear(&window(1, 1));
    assert_eq!(server.say(), ["DATA 1 1 END"]);

    let mut server = sending(1 << 20, 100_000);
    let sent: usize = server.say().iter().filter_map(|word| word.strip_prefix("DATA 1 ")?.parse::<usize>().ok()).sum();
    assert_eq!(sent, 65_535);
}

/// L-08: a reset overtakes DATA that waits for a window.
#[test]
fn l08_reset_is_not_held_by_windows() {
    for window in [0, 1 << 20] {
        let mut server = sending(window, 100_000);
        server.say();
        let key = server.key(1);
        assert!(server.http2.queued(key) > 0);
        server.http2.reset(key, ErrorCode::CANCEL);
        assert_eq!(server.say(), ["RST 1 CANCEL"]);
        assert_eq!(server.http2.queued_in_all(), 0);
        server.http2.release(key);
        // Nothing is left in the list of those that wait for the connection.
        server.hear(&super::harness::window(0, 50_000));
        assert!(server.say().is_empty());
    }
}

/// L-05, L-07: streams blocked by the connection's window, one of them reset, one released, one ended: all others go on.
#[test]
fn streams_leave_every_list_they_are_in() {
    for gone in 0..5 {
        let config = Config::new(Side::Server);
        let mut server = Peer::started(Side::Server, config, &[(SettingId::INITIAL_WINDOW_SIZE, 1 << 20)]);
        for n in 0..5 {
            server.hear(&headers(2 * n + 1, GET, true));
            server.respond(2 * n + 1, 20_000);
        }
        // 65,535 octets: four full frames but one, in turn.
        server.say();
        let key = server.key(2 * gone + 1);
        server.http2.reset(key, ErrorCode::CANCEL);
        server.hear(&window(0, 200_000));
        let ends = server.say().iter().filter(|word| word.ends_with("END")).count();
        assert_eq!(ends, 4, "without {gone}");
        assert_eq!((server.http2.active_streams(), server.http2.zombie_streams()), (0, 5));
    }
}

/// T-17, G-196: an octet at a time for the connection goes round the streams that wait for it.
#[test]
fn t17_octets_of_window_go_round() {
    let config = Config::new(Side::Server);
    let mut server = Peer::started(Side::Server, config, &[(SettingId::INITIAL_WINDOW_SIZE, 1 << 20)]);
    for id in [1, 3, 5] {
        server.hear(&headers(id, GET, true));
        server.respond(id, 100_000);
    }
    server.say();
    let mut order = Vec::new();
    for _ in 0..6 {
        server.hear(&window(0, 1));
        order.extend(server.say());
    }
    let (first, again) = order.split_at(3);
    assert_eq!(first, again);
    let mut sorted = first.to_vec();
    sorted.sort();
    assert_eq!(sorted, ["DATA 1 1", "DATA 3 1", "DATA 5 1"]);
}

/// H-113, G-194: credit is given once half a window is owed, and never for a stream that is done.
#[test]
fn h113_credit() {
    let mut server = server_open();
    (0..7).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    assert!(server.say().is_empty());
    server.hear(&data(1, 16_384, false));
    assert_eq!(server.say(), ["WINDOW 0 131072", "WINDOW 1 131072"]);
    (0..7).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    server.hear(&data(1, 16_384, true));
    assert_eq!(server.say(), ["WINDOW 0 131072"]);
}

/// H-113: a stream without HEADERS is idle for the peer: it is lent nothing, and its credit is not taken for the connection's.
#[test]
fn h113_no_credit_for_a_stream_that_waits() {
    let config = Config::new(Side::Client);
    let mut client = Peer::started(Side::Client, config, &[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
    let key = client.http2.open(()).unwrap();
    client.http2.lend(key, 10);
    assert!(!client.http2.wants_transmit() && client.say().is_empty());
    client.hear(&settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]));
    assert_eq!(client.say(), ["SETTINGS ACK", "HEADERS 1"]);
    client.http2.lend(key, 10);
    assert_eq!(client.say(), ["WINDOW 1 10"]);
}

/// H-120, L-02: DATA of a stream that is released in the middle of a frame, or that nobody knows any more.
#[test]
fn h120_data_that_nobody_takes_is_credited() {
    let mut server = server_open();
    let frame = padded_data(1, 16_000, 200, false);
    assert_eq!(server.hear(&frame[..100]), ["data 1 90"]);
    let key = server.key(1);
    server.http2.release(key);
    assert!(server.hear(&frame[100..]).is_empty());
    server.say();
    (0..8).for_each(|_| drop(server.hear(&data(1, 16_384, false))));
    assert_eq!(server.say(), [format!("WINDOW 0 {}", 16_201 + 8 * 16_384)]);
}

/// L-21: a message larger than the window.
#[test]
fn l21_lent_credit_is_sent_at_once() {
    let mut server = server_open();
    server.consume = false;
    let key = server.key(1);
    assert_eq!(server.http2.receive_window(key), 256 * 1024);
    server.http2.lend(key, 10);
    assert_eq!(server.say(), ["WINDOW 1 10"], "the connection has room");
    assert_eq!(server.http2.receive_window(key), 256 * 1024 + 10);
    // Nothing more to come: nothing to lend.
    server.hear(&data(1, 0, true));
    server.http2.lend(key, 10);
    assert!(server.say().is_empty());
}

/// H-113: the largest windows that there are leave nothing to announce, and nothing to spin on.
#[test]
fn largest_windows_cannot_be_passed() {
    let config = Config { stream_window: u32::MAX, connection_window: u32::MAX, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.hear(&headers(1, GET, false));
    let key = server.key(1);
    server.http2.lend(key, 1 << 30);
    assert!(server.say().is_empty());
    assert!(!server.http2.wants_transmit());
}

/// H-121, H-122, G-188, G-189: nothing but DATA waits for a window.
#[test]
fn h121_trailers_wait_for_their_data_only() {
    let mut server = sending(5, 0);
    server.say();
    server.hear(&headers(3, GET, true));
    let key = server.key(3);
    server.http2.begin(key);
    server.queue(key, 8);
    server.http2.end(key, true);
    assert_eq!(server.say(), ["HEADERS 3", "DATA 3 5"]);
    server.hear(&ping(b"12345678"));
    assert_eq!(server.say(), ["PING ACK"]);
    server.hear(&window(3, 3));
    assert_eq!(server.say(), ["DATA 3 3", "HEADERS 3 END"]);
}

/// G-196: round robin, one DATA a turn.
#[test]
fn streams_take_turns() {
    let config = Config::new(Side::Server);
    let mut server = Peer::started(Side::Server, config, &[]);
    for id in [1, 3, 5] {
        server.hear(&headers(id, GET, true));
        server.respond(id, if id == 3 { 10 } else { 20_000 });
    }
    let expected = [
        "HEADERS 1",
        "DATA 1 16384",
        "HEADERS 3",
        "DATA 3 10 END",
        "HEADERS 5",
        "DATA 5 16384",
        "DATA 1 3616 END",
        "DATA 5 3616 END",
    ];
    assert_eq!(server.say(), expected);
}

/// G-191, L-24: 15 streams that nobody reads leave the others at full speed.
#[test]
fn g191_fifteen_stalled_streams() {
    let mut server = Peer::server();
    server.consume = false;
    for n in 0..15 {
        server.hear(&headers(2 * n + 1, GET, false));
        (0..16).for_each(|_| assert_eq!(server.hear(&data(2 * n + 1, 16_384, false)).len(), 1));
    }
    server.consume = true;
    server.hear(&headers(31, GET, false));
    let mut window: i64 = 256 * 1024;
    let mut connection: i64 = 256 * 1024;
    for _ in 0..1_000 {
        assert!(window >= 16_384 && connection >= 16_384, "{window} {connection}");
        assert_eq!(server.hear(&data(31, 16_384, false)), ["data 31 16384"]);
        (window, connection) = (window - 16_384, connection - 16_384);
        for word in server.say() {
            match word.split(' ').collect::<Vec<_>>()[..] {
                ["WINDOW", "0", more] => connection += more.parse::<i64>().unwrap(),
                ["WINDOW", "31", more] => window += more.parse::<i64>().unwrap(),
                _ => panic!("{word}"),
            }
        }
    }
}

/// H-132, L-37: the server answers early, and what is still on its way is dropped and credited.
#[test]
fn h132_early_response_then_no_error() {
    let mut server = server_open();
    server.respond(1, 3);
    let key = server.key(1);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 3 END"]);
    server.http2.release(key);
    assert_eq!(server.say(), ["RST 1 NO_ERROR"]);
    assert!(server.hear(&data(1, 10, true)).is_empty());
    assert_eq!(server.http2.guards_spent(), (0, 0));
}
