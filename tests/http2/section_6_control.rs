//! RFC 9113 §6.2 to §6.8: HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, SettingId};
use grpc_sansio::http2::{Config, OpenError, Side};
use std::time::Duration;

/// H-063: whatever its flags, and in one piece or in two, a HEADERS frame is the same request.
#[test]
fn h063_every_set_of_flags_of_headers() {
    for flags in [Flags::NONE, Flags::END_STREAM].map(|end| end.0) {
        for (padded, priority, whole) in (0..8u8).map(|bits| (bits & 1 != 0, bits & 2 != 0, bits & 4 != 0)) {
            let set = |flag: Flags, is: bool| if is { flag.0 } else { 0 };
            let flags = Flags(
                flags | set(Flags::PADDED, padded) | set(Flags::PRIORITY, priority) | set(Flags::END_HEADERS, whole),
            );
            let (first, rest) = if whole { (GET, &[][..]) } else { GET.split_at(2) };
            let mut payload = Vec::new();
            payload.extend(padded.then_some(3));
            payload.extend(if priority { &[0, 0, 0, 0, 15][..] } else { &[] });
            payload.extend(first);
            payload.extend(if padded { &[0; 3][..] } else { &[] });
            let mut wire = raw(Kind::HEADERS, flags, 1, &payload);
            if !whole {
                wire.extend(continuation(1, rest, true));
            }
            let expected = if flags.contains(Flags::END_STREAM) { "request 1 END" } else { "request 1" };
            assert_eq!(Peer::server().hear(&wire), [expected], "{flags:?}");
        }
    }
}

/// H-063: padding that fills the frame, and one octet more.
#[test]
fn h063_padding_and_priority_of_headers() {
    let padded = |pad: u8, rest: &[u8]| [&[pad], rest].concat();
    let all = Flags(0x05 | 0x08 | 0x20);
    let priority = [0, 0, 0, 9, 200];
    let mut server = Peer::server();
    let block = [&padded(4, &priority)[..], GET, &[0; 4]].concat();
    assert_eq!(server.hear(&raw(Kind::HEADERS, all, 1, &block)), ["request 1 END"]);
    // All of it padding: an empty fragment, and so no request.
    assert!(server.hear(&raw(Kind::HEADERS, all, 3, &padded(2, &[0, 0, 0, 0, 0, 7, 7]))).is_empty());
    assert_eq!(server.say(), ["RST 3 PROTOCOL_ERROR"]);
    server.fails(&raw(Kind::HEADERS, all, 5, &padded(3, &[0, 0, 0, 0, 0, 7, 7])), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&raw(Kind::HEADERS, all, 1, &[0, 0, 0, 0, 0]), ErrorCode::FRAME_SIZE_ERROR);
}

/// H-061, H-062: HEADERS on no stream; without END_HEADERS nothing happens before CONTINUATION of the same stream, and with
/// it no CONTINUATION is due.
#[test]
fn h061_h062_headers_and_their_continuation() {
    Peer::server().fails(&headers(0, GET, true), ErrorCode::PROTOCOL_ERROR);
    Peer::client().fails(&headers(0, OK, true), ErrorCode::PROTOCOL_ERROR);
    let mut server = Peer::server();
    assert!(server.hear(&part_of_headers(1, GET, false, false)).is_empty());
    assert_eq!(server.hear(&continuation(1, FIELD, true)), ["request 1"]);
    assert_eq!(server.hear(&part_of_headers(3, GET, false, true)), ["request 3"]);
    server.hear(&part_of_headers(5, GET, false, false));
    server.fails(&continuation(3, FIELD, true), ErrorCode::PROTOCOL_ERROR);
}

/// H-064: a stream that depends on itself.
#[test]
fn h064_self_dependency() {
    let block = [&[0x80, 0, 0, 1, 0][..], GET].concat();
    Peer::server().fails(&raw(Kind::HEADERS, Flags(0x25), 1, &block), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&raw(Kind::PRIORITY, Flags::NONE, 7, &[0, 0, 0, 7, 0]), ErrorCode::PROTOCOL_ERROR);
    // On any other it is taken: exclusively, with any weight.
    let block = [&[0x80, 0, 0, 3, 255][..], GET].concat();
    let mut server = Peer::server();
    assert_eq!(server.hear(&raw(Kind::HEADERS, Flags(0x25), 1, &block)), ["request 1 END"]);
    assert!(server.hear(&raw(Kind::PRIORITY, Flags::NONE, 7, &[0x80, 0, 0, 5, 0])).is_empty());
}

/// H-065, H-066, T-03 c
#[test]
fn h066_length_of_priority() {
    // H-071: one that nobody opened cannot be reset.
    let mut client = Peer::client();
    client.request();
    client.fails(&raw(Kind::PRIORITY, Flags::NONE, 9, &[0; 6]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::server().fails(&raw(Kind::PRIORITY, Flags::NONE, 0, &[0; 5]), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&raw(Kind::PRIORITY, Flags::NONE, 1, &[0; 4]), ErrorCode::FRAME_SIZE_ERROR);
    let mut client = Peer::client();
    client.request();
    client.request();
    assert_eq!(client.hear(&raw(Kind::PRIORITY, Flags::NONE, 1, &[0; 6])), ["reset 1 FRAME_SIZE_ERROR Local"]);
    assert_eq!(client.say(), ["RST 1 FRAME_SIZE_ERROR"]);
    // L-40: once.
    assert!(client.hear(&raw(Kind::PRIORITY, Flags::NONE, 1, &[0; 6])).is_empty());
    assert!(client.say().is_empty());
    // Once no other stream is open, it is the connection's.
    client.hear(&reset(3, ErrorCode::CANCEL));
    client.fails(&raw(Kind::PRIORITY, Flags::NONE, 1, &[0; 6]), ErrorCode::FRAME_SIZE_ERROR);
    // H-071: one that nobody opened cannot be reset.
    let mut client = Peer::client();
    client.request();
    client.fails(&raw(Kind::PRIORITY, Flags::NONE, 9, &[0; 6]), ErrorCode::FRAME_SIZE_ERROR);
}

/// T-03: what would end an open stream of a client ends the connection of a server, which its client made to reset.
#[test]
fn t03_a_priority_of_a_wrong_length_on_an_open_stream() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server.fails(&raw(Kind::PRIORITY, Flags::NONE, 1, &[0; 4]), ErrorCode::FRAME_SIZE_ERROR);
}

/// H-069, H-070
#[test]
fn h070_shape_of_rst_stream() {
    Peer::server().fails(&reset(0, ErrorCode::CANCEL), ErrorCode::PROTOCOL_ERROR);
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.fails(&raw(Kind::RST_STREAM, Flags::NONE, 1, &[0; 5]), ErrorCode::FRAME_SIZE_ERROR);
    let mut client = Peer::client();
    client.request();
    client.fails(&raw(Kind::RST_STREAM, Flags::NONE, 1, &[0; 3]), ErrorCode::FRAME_SIZE_ERROR);
}

/// H-074, H-075, H-076
#[test]
fn h074_shape_of_settings() {
    Peer::server().fails(&raw(Kind::SETTINGS, Flags::NONE, 1, &[]), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&raw(Kind::SETTINGS, Flags::NONE, 0, &[0; 7]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::server().fails(&raw(Kind::SETTINGS, Flags::NONE, 0, &[0; 5]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::server().fails(&raw(Kind::SETTINGS, Flags::ACK, 0, &[0; 6]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::server().fails(&raw(Kind::SETTINGS, Flags::ACK, 0, &[0]), ErrorCode::FRAME_SIZE_ERROR);
    // None, one and two of them, of values without effect.
    for count in 0..3 {
        let mut server = Peer::server();
        assert!(server.hear(&raw(Kind::SETTINGS, Flags::NONE, 0, &[0; 6].repeat(count))).is_empty());
        assert_eq!(server.say(), ["SETTINGS ACK"]);
    }
}

/// H-077: what the first entries say is no use if a later one is wrong: nothing is acknowledged; and SETTINGS that the
/// transport cuts short are truncated input.
#[test]
fn h077_settings_badly_formed_or_incomplete() {
    let mixed = settings(&[(SettingId::INITIAL_WINDOW_SIZE, 9), (SettingId::ENABLE_PUSH, 7)]);
    let mut server = Peer::server();
    assert_eq!(server.hear(&mixed), ["closed PROTOCOL_ERROR"]);
    assert_eq!(server.say(), ["GOAWAY 0 PROTOCOL_ERROR"]);
    for cut in 1..mixed.len() {
        let mut server = Peer::server();
        assert!(server.hear(&mixed[..cut]).is_empty() && server.say().is_empty());
        server.http2.receive_eof();
        assert!(server.http2.error().unwrap().reason().contains("inside"));
    }
}

/// H-078, H-090, H-068
#[test]
fn h078_unknown_settings_are_acknowledged_and_ignored() {
    let mut server = Peer::server();
    assert!(
        server
            .hear(&settings(&[(SettingId(0), 1), (SettingId(8), 1), (SettingId(9), 1), (SettingId(0xffff), 7)]))
            .is_empty()
    );
    assert_eq!(server.say(), ["SETTINGS ACK"]);
}

/// H-079, H-080: in order, each validated, the last one counts, at once.
#[test]
fn h079_the_last_value_counts() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.hear(&settings(&[(SettingId::INITIAL_WINDOW_SIZE, 9), (SettingId::INITIAL_WINDOW_SIZE, 5)]));
    server.respond(1, 10);
    assert_eq!(server.say(), ["SETTINGS ACK", "HEADERS 1", "DATA 1 5"]);
    let twice = [(SettingId::MAX_FRAME_SIZE, 1), (SettingId::MAX_FRAME_SIZE, 16_384)];
    server.fails(&settings(&twice), ErrorCode::PROTOCOL_ERROR);
}

/// H-085, H-087, H-088, T-19: both sides of each bound.
#[test]
fn h085_bounds_of_settings() {
    let (protocol, flow) = (ErrorCode::PROTOCOL_ERROR, ErrorCode::FLOW_CONTROL_ERROR);
    for (id, good, bad, code) in [
        (SettingId::ENABLE_PUSH, 1, 2, protocol),
        (SettingId::INITIAL_WINDOW_SIZE, 0x7fff_ffff, 0x8000_0000, flow),
        (SettingId::MAX_FRAME_SIZE, 16_384, 16_383, protocol),
        (SettingId::MAX_FRAME_SIZE, 16_777_215, 16_777_216, protocol),
    ] {
        let mut server = Peer::server();
        assert!(server.hear(&settings(&[(id, good)])).is_empty());
        server.fails(&settings(&[(id, bad)]), code);
    }
    for any in [SettingId::HEADER_TABLE_SIZE, SettingId::MAX_CONCURRENT_STREAMS, SettingId::MAX_HEADER_LIST_SIZE] {
        assert!(Peer::client().hear(&settings(&[(any, 0), (any, u32::MAX)])).is_empty());
    }
    assert!(Peer::client().hear(&settings(&[(SettingId::ENABLE_PUSH, 0)])).is_empty());
    Peer::client().fails(&settings(&[(SettingId::ENABLE_PUSH, 1)]), protocol);
}

/// H-089
#[test]
fn h089_header_list_of_the_peer() {
    let mut client = Peer::client();
    assert_eq!(client.http2.peer_max_header_list_size(), u32::MAX);
    client.hear(&settings(&[(SettingId::MAX_HEADER_LIST_SIZE, 300)]));
    assert_eq!(client.http2.peer_max_header_list_size(), 300);
}

/// T-15: 32 entries.
#[test]
fn t15_entries_of_one_settings() {
    let many = |count| settings(&vec![(SettingId::HEADER_TABLE_SIZE, 1); count]);
    let mut server = Peer::server();
    assert!(server.hear(&many(32)).is_empty());
    server.fails(&many(33)[..9], ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-092, H-093, H-094, T-10: before and after the acknowledgement.
#[test]
fn h092_push_promise() {
    let promise = |stream, promised| raw(Kind::PUSH_PROMISE, Flags::END_HEADERS, stream, &[0, 0, 0, promised, 0x82]);
    for promised in [0, 1, 2] {
        let mut client = Peer::new(Side::Client, Config::new(Side::Client));
        client.http2.open(()).unwrap();
        client.say();
        client.hear(&settings(&[]));
        client.fails(&promise(1, promised), ErrorCode::PROTOCOL_ERROR);
        Peer::client().fails(&promise(0, promised), ErrorCode::PROTOCOL_ERROR);
        Peer::server().fails(&promise(1, promised), ErrorCode::PROTOCOL_ERROR);
    }
}

/// H-096
#[test]
fn h096_shape_of_ping() {
    Peer::server().fails(&raw(Kind::PING, Flags::NONE, 1, &[0; 8]), ErrorCode::PROTOCOL_ERROR);
    for flags in [Flags::NONE, Flags::ACK] {
        Peer::server().fails(&raw(Kind::PING, flags, 0, &[0; 7]), ErrorCode::FRAME_SIZE_ERROR);
        Peer::server().fails(&raw(Kind::PING, flags, 0, &[0; 9]), ErrorCode::FRAME_SIZE_ERROR);
        Peer::server().fails(&raw(Kind::PING, flags, 3, &[0; 8]), ErrorCode::PROTOCOL_ERROR);
    }
    let mut server = Peer::server();
    server.hear(&raw(Kind::PING, Flags::NONE, 0, &[0; 8]));
    assert_eq!(server.say(), ["PING ACK"]);
}

/// H-097, G-182: with its payload, before other frames.
#[test]
fn h097_ping_is_answered_first() {
    use bytes::Buf;
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.respond(1, 10);
    server.hear(&[ping(b"12345678"), ping(b"abcdefgh")].concat());
    let mut output = grpc_sansio::WriteBuf::new();
    server.transmit(&mut output);
    let wire = output.copy_to_bytes(output.len());
    assert_eq!((&wire[9..17], &wire[26..34]), (&b"12345678"[..], &b"abcdefgh"[..]));
    assert_eq!(frames(&wire), ["PING ACK", "PING ACK", "HEADERS 1", "DATA 1 10 END"]);
}

/// H-098
#[test]
fn h098_answer_to_no_ping() {
    let mut server = Peer::server();
    assert!(server.hear(&raw(Kind::PING, Flags::ACK, 0, b"shutdown")).is_empty());
    assert!(server.say().is_empty());
}

/// H-100
#[test]
fn h100_shape_of_goaway() {
    Peer::client().fails(&raw(Kind::GOAWAY, Flags::NONE, 1, &[0; 8]), ErrorCode::PROTOCOL_ERROR);
    Peer::client().fails(&raw(Kind::GOAWAY, Flags::NONE, 0, &[0; 7]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::client().fails(&goaway(2, ErrorCode::NO_ERROR), ErrorCode::PROTOCOL_ERROR);
    // Eight octets are enough, and a server may hear of even streams.
    assert_eq!(Peer::server().hear(&raw(Kind::GOAWAY, Flags::NONE, 0, &[0; 8])), ["goaway 0 NO_ERROR"]);
    assert_eq!(Peer::server().hear(&goaway(2, ErrorCode::NO_ERROR)), ["goaway 2 NO_ERROR"]);
}

/// H-102, H-106, L-10: what is above the id is closed without a word, what is not goes on to its end.
#[test]
fn h102_goaway_received_by_a_client() {
    let config = Config::new(Side::Client);
    let mut client = Peer::started(Side::Client, config, &[(SettingId::MAX_CONCURRENT_STREAMS, 2)]);
    let keys: Vec<_> = (0..3).map(|_| client.http2.open(()).unwrap()).collect();
    client.say();
    assert_eq!(client.hear(&goaway(1, ErrorCode::NO_ERROR)), ["goaway 1 NO_ERROR"]);
    assert_eq!(keys.iter().map(|key| client.http2.is_closed(*key)).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(client.http2.open(()), Err(OpenError::Draining));
    // A late response to what was not processed.
    assert!(client.hear(&headers(3, OK, true)).is_empty());
    assert_eq!(client.hear(&headers(1, OK, true)), ["response 1 200 END"]);
    client.http2.end(keys[0], false);
    assert_eq!(client.say(), ["DATA 1 0 END"]);
    keys.iter().for_each(|key| assert!(client.http2.release(*key).is_some()));
    assert_eq!(client.say(), ["GOAWAY 0 NO_ERROR"]);
    assert!(client.http2.is_finished() && client.http2.error().is_none());
}

/// H-103, G-175
#[test]
fn h103_last_stream_id_falls_only() {
    let mut client = Peer::client();
    client.request();
    let heard = client.hear(&[goaway(0x7fff_ffff, ErrorCode::NO_ERROR), goaway(1, ErrorCode::NO_ERROR)].concat());
    assert_eq!(heard, ["goaway 2147483647 NO_ERROR", "goaway 1 NO_ERROR"]);
    client.fails(&goaway(3, ErrorCode::NO_ERROR), ErrorCode::PROTOCOL_ERROR);
}

/// T-11, H-107: what it says is kept, up to 256 octets, and is the reason once the transport ends.
#[test]
fn t11_debug_data_is_bounded() {
    let mut client = Peer::client();
    client.request();
    let payload = [&[0, 0, 0, 0, 0, 0, 0, 11][..], &[b'x'; 16_376]].concat();
    assert_eq!(client.hear(&raw(Kind::GOAWAY, Flags::NONE, 0, &payload)), ["goaway 0 ENHANCE_YOUR_CALM"]);
    assert!(client.http2.error().is_none());
    let key = client.http2.stream_from(0).unwrap();
    client.http2.release(key);
    assert_eq!(client.say(), ["GOAWAY 0 NO_ERROR"]);
    let error = client.http2.error().unwrap();
    assert_eq!((error.code(), error.debug_data()), (ErrorCode::ENHANCE_YOUR_CALM, &[b'x'; 256][..]));
}

/// L-09: the peer's GOAWAY says nothing of the streams that the peer opened.
#[test]
fn l09_goaway_received_by_a_server() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.hear(&goaway(0, ErrorCode::NO_ERROR));
    server.respond(1, 4);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 4 END"]);
}

/// H-104, H-105, H-106, L-11: two GOAWAYs, a PING between them, and the end when all is done.
#[test]
fn h104_graceful_shutdown_of_a_server() {
    for answered in [true, false] {
        let mut server = Peer::server();
        server.hear(&headers(1, GET, true));
        server.http2.shut_down(server.now);
        assert_eq!(server.say(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
        // What was on its way is taken.
        assert_eq!(server.hear(&headers(3, GET, true)), ["request 3 END"]);
        if answered {
            server.hear(&raw(Kind::PING, Flags::ACK, 0, b"shutdown"));
        } else {
            assert_eq!(server.http2.poll_timeout().unwrap().as_nanos(), 5_000_000_000);
            server.wait(Duration::from_secs(5));
        }
        assert_eq!(server.say(), ["GOAWAY 3 NO_ERROR"]);
        assert_eq!(server.http2.poll_timeout(), None);
        // H-105: above the id: decoded, counted, not answered.
        assert!(server.hear(&[headers(5, GET, false), data(5, 9, true)].concat()).is_empty());
        assert!(server.say().is_empty());
        for id in [1, 3] {
            assert!(!server.http2.is_ended());
            server.respond(id, 1);
            server.say();
            let key = server.key(id);
            server.http2.release(key);
        }
        assert!(server.http2.is_finished() && server.http2.error().is_none());
    }
}

/// H-103: an error after the second GOAWAY names no higher stream.
#[test]
fn h103_our_own_last_stream_id_falls_only() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.http2.shut_down(server.now);
    server.hear(&raw(Kind::PING, Flags::ACK, 0, b"shutdown"));
    assert_eq!(server.say(), ["GOAWAY 1 NO_ERROR", "PING"]);
    server.hear(&headers(5, GET, true));
    server.hear(&window(0, 0));
    assert_eq!(server.say(), ["GOAWAY 1 PROTOCOL_ERROR"]);
}

/// L-12, L-34: with nothing open it ends at once, and what waits is still said.
#[test]
fn l34_nothing_is_lost_at_a_graceful_end() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    server.http2.shut_down(server.now);
    server.wait(Duration::from_secs(5));
    server.say();
    let key = server.key(1);
    server.hear(&ping(b"12345678"));
    server.http2.release(key);
    assert!(server.http2.is_ended() && !server.http2.is_finished());
    assert_eq!(server.say(), ["PING ACK", "RST 1 CANCEL"]);
    assert!(server.http2.is_finished());

    let mut client = Peer::client();
    client.http2.shut_down(client.now);
    assert_eq!(client.http2.open(()), Err(OpenError::Draining));
    assert_eq!(client.say(), ["GOAWAY 0 NO_ERROR"]);
    assert!(client.http2.is_finished());
}

/// H-105: what comes above our last GOAWAY still moves the table and the connection's window.
#[test]
fn h105_what_is_ignored_is_decoded_and_counted() {
    let config = Config { stream_window: 65_535, connection_window: 65_535, ..Config::new(Side::Server) };
    let start = || {
        let mut server = Peer::started(Side::Server, config.clone(), &[]);
        server.hear(&headers(1, GET, false));
        server.http2.shut_down(server.now);
        server.wait(Duration::from_secs(5));
        server.say();
        assert!(server.hear(&headers(3, &[GET, &[0x40, 1, b'x', 1, b'y']].concat(), false)).is_empty());
        server
    };
    let mut server = start();
    assert_eq!(server.hear(&headers(1, &[0xbe], true)), ["trailers 1 END"]);
    assert_eq!(server.http2.fields().fields().next().unwrap().name, b"x");
    let mut server = start();
    (0..3).for_each(|_| assert!(server.hear(&data(3, 16_384, false)).is_empty()));
    assert!(server.hear(&data(3, 16_383, false)).is_empty());
    server.fails(&data(3, 1, false), ErrorCode::FLOW_CONTROL_ERROR);
    // Given back like any other.
    let mut server = start();
    (0..3).for_each(|_| assert!(server.hear(&data(3, 16_384, false)).is_empty()));
    assert_eq!(server.say(), ["WINDOW 0 49152"]);
    assert_eq!(server.hear(&data(3, 16_384, false)), Vec::<String>::new());
}

/// H-084, P-016: the peer's table is in force for the next block: of size 0, nothing is referred to any more.
#[test]
fn h084_the_peers_header_table() {
    use bytes::Buf;
    let mut client = Peer::client();
    let block = |client: &mut Peer| {
        client.http2.open(()).unwrap();
        let mut output = grpc_sansio::WriteBuf::new();
        client.transmit(&mut output);
        let len = output.len();
        let wire = output.copy_to_bytes(len);
        assert_eq!(frames(&wire).len(), 1);
        wire[9..].to_vec()
    };
    // POST, http, and the path `/`, all of the static table.
    assert_eq!(block(&mut client), [0x83, 0x86, 0x84]);
    client.hear(&settings(&[(SettingId::HEADER_TABLE_SIZE, 0)]));
    assert_eq!(client.say(), ["SETTINGS ACK"]);
    assert_eq!(block(&mut client), [0x20, 0x83, 0x86, 0x84]);
    assert_eq!(block(&mut client), [0x83, 0x86, 0x84], "said once");
    client.hear(&settings(&[(SettingId::HEADER_TABLE_SIZE, u32::MAX)]));
    client.say();
    assert_eq!(block(&mut client)[..3], [0x3f, 0xe1, 0x1f], "4,096, and no more than that");
}

/// H-068: the frame and the setting of RFC 9218 are ignored, and its field is one like others.
#[test]
fn h068_priorities_of_rfc_9218() {
    let mut server = Peer::server();
    assert!(server.hear(&settings(&[(SettingId(9), 1)])).is_empty());
    for stream in [0, 1, 3] {
        assert!(server.hear(&raw(Kind(0x10), Flags::NONE, stream, b"\0\0\0\x01u=1")).is_empty());
    }
    assert_eq!(server.say(), ["SETTINGS ACK"]);
    assert_eq!(server.hear(&headers(1, &get_with(&[(b"priority", b"u=1, i")]), true)), ["request 1 END"]);
    let field = server.http2.fields().fields().last().unwrap();
    assert_eq!((field.name, field.value), (&b"priority"[..], &b"u=1, i"[..]));
}

/// What the layer above gave back before it was consumed, and then holds after all, is not announced a second time.
#[test]
fn what_is_withheld_is_not_announced() {
    // From half of a stream's window on credit is worth a WINDOW_UPDATE.
    for (withheld, said) in [(0, Some(49_152)), (16_385, Some(32_767)), (16_386, None)] {
        let mut config = Config::new(Side::Server);
        config.stream_window = 65_535;
        let mut server = Peer::started(Side::Server, config, &[]);
        server.consume = false;
        server.hear(&headers(1, GET, false));
        (0..3).for_each(|_| _ = server.hear(&data(1, 16_384, false)));
        server.http2.withhold(withheld);
        server.http2.consumed(server.key(1), 49_152);
        let expected = [said.map(|octets| format!("WINDOW 0 {octets}")), Some("WINDOW 1 49152".into())];
        assert_eq!(server.say(), expected.into_iter().flatten().collect::<Vec<_>>(), "{withheld}");
    }
}

/// H-092, G-167: a push is refused for what it is, however long: five octets would make a PRIORITY.
#[test]
fn h092_a_push_of_any_length_is_refused_as_one() {
    for length in 4..8 {
        let mut client = Peer::client();
        client.request();
        client.fails(&raw(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, &[0; 8][..length]), ErrorCode::PROTOCOL_ERROR);
        let reason = client.http2.error().unwrap().reason();
        assert!(reason.starts_with("PUSH_PROMISE, but push is off"), "{length}: {reason}");
    }
}
