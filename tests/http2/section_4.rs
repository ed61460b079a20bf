//! RFC 9113 §4: frames and header blocks.

use super::harness::*;
use grpc_sansio::frame::{ErrorCode, Flags, Kind};
use grpc_sansio::http2::{Config, Side};
use std::time::Duration;

/// H-010: nine octets, each where it belongs, big endian; the length is the payload's alone. Both ways.
#[test]
fn h010_the_head_of_a_frame() {
    use bytes::Buf;
    let mut server = Peer::server();
    server.hear(&headers(0x0102_0305, GET, false));
    // Length 0x000102, DATA, no flags, stream 0x01020305.
    let frame = [&[0, 1, 2, 0, 0, 1, 2, 3, 5][..], &[7; 0x102]].concat();
    assert_eq!(server.hear(&frame), ["data 16909061 258"]);
    server.respond(0x0102_0305, 0x304);
    let mut output = grpc_sansio::WriteBuf::new();
    server.transmit(&mut output);
    let len = output.len();
    let wire = output.copy_to_bytes(len);
    // `:status 200` is one octet.
    assert_eq!(wire[..10], [0, 0, 1, 1, 4, 1, 2, 3, 5, 0x88]);
    assert_eq!(wire[10..19], [0, 3, 4, 0, 1, 1, 2, 3, 5]);
    assert_eq!(len, 10 + 9 + 0x304);
}

/// H-011, H-012
#[test]
fn h011_reserved_bit_and_undefined_flags_are_ignored() {
    let mut server = Peer::server();
    let mut frame = raw(Kind::HEADERS, Flags(0x05 | 0xd2), 1, GET);
    frame[5] |= 0x80;
    assert_eq!(server.hear(&frame), ["request 1 END"]);
    let mut frame = raw(Kind::PING, Flags(0xfe), 0, b"12345678");
    frame[5] |= 0x80;
    server.hear(&frame);
    assert_eq!(server.say(), ["PING ACK"]);
}

/// H-013, T-25: any unknown type, of any length up to the limit, on any stream in any state.
#[test]
fn h013_unknown_types_are_ignored_everywhere() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    server.hear(&[headers(3, GET, false), reset(3, ErrorCode::CANCEL)].concat());
    for kind in 10..=255 {
        for stream in [0, 1, 3, 5, 2] {
            for length in [0, 1, 16_384] {
                assert!(server.hear(&raw(Kind(kind), Flags(0xff), stream, &vec![9; length])).is_empty());
            }
        }
    }
    assert!(server.say().is_empty());
}

/// H-014
#[test]
fn h014_unknown_type_inside_a_header_block() {
    let block = part_of_headers(1, GET, true, false);
    Peer::server().fails(&[block, raw(Kind(99), Flags::NONE, 1, b"")].concat(), ErrorCode::PROTOCOL_ERROR);
}

/// H-016, H-017, H-018: judged by the head alone.
#[test]
fn h018_longest_frame_and_one_octet_more() {
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    assert_eq!(server.hear(&data(1, 16_384, false)), ["data 1 16384"]);
    let head = &raw(Kind::DATA, Flags::NONE, 1, &[0; 16_385])[..9];
    server.fails(head, ErrorCode::FRAME_SIZE_ERROR);

    let config = Config { max_frame_size: 20_000, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.hear(&headers(1, GET, false));
    assert_eq!(server.hear(&data(1, 20_000, true)), ["data 1 20000", "end 1"]);
}

/// H-015, H-088: the peer's limit, which is 16,384 at first, and no more than we want to send at once.
#[test]
fn h015_frames_we_send_fit_the_peer() {
    use grpc_sansio::frame::SettingId;
    let config = Config { max_send_frame_size: 1 << 20, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[(SettingId::MAX_FRAME_SIZE, 20_000)]);
    server.hear(&headers(1, GET, true));
    server.respond(1, 30_000);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 20000", "DATA 1 10000 END"]);
    let config = Config { max_send_frame_size: 1 << 20, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    server.hear(&headers(1, GET, true));
    server.respond(1, 16_385);
    assert_eq!(server.say(), ["HEADERS 1", "DATA 1 16384", "DATA 1 1 END"]);
}

/// H-020, H-124
#[test]
fn h020_header_block_is_not_interrupted() {
    let open = part_of_headers(1, GET, true, false);
    for intruder in [
        ping(b"12345678"),
        data(1, 1, false),
        headers(1, b"", true),
        headers(3, GET, true),
        window(0, 1),
        settings(&[]),
        reset(1, ErrorCode::CANCEL),
        continuation(3, b"", true),
        goaway(0, ErrorCode::NO_ERROR),
        raw(Kind::PRIORITY, Flags::NONE, 3, &[0; 5]),
    ] {
        Peer::server().fails(&[&open[..], &intruder].concat(), ErrorCode::PROTOCOL_ERROR);
    }
}

/// H-124, H-123
#[test]
fn h124_continuation_of_nothing() {
    Peer::server().fails(&continuation(1, b"", true), ErrorCode::PROTOCOL_ERROR);
    Peer::server().fails(&continuation(0, b"", true), ErrorCode::PROTOCOL_ERROR);
    let whole = headers(1, GET, true);
    Peer::server().fails(&[whole, continuation(1, b"", true)].concat(), ErrorCode::PROTOCOL_ERROR);
}

/// H-021, T-36: refused, malformed, closed and unwanted blocks keep the table.
#[test]
fn h021_every_block_is_decoded() {
    let insert = |value: u8| [GET, &[0x40, 1, b'x', 1, value]].concat();
    // 62 is the newest entry, 65 that of the first request.
    let all = [GET, &[0xbe, 0xbf, 0xc0, 0xc1]].concat();
    let config = Config { max_concurrent_streams: 1, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    assert_eq!(server.hear(&headers(1, &insert(b'1'), false)), ["request 1"]);
    // Refused.
    assert!(server.hear(&headers(3, &insert(b'3'), true)).is_empty());
    assert_eq!(server.say(), ["RST 3 REFUSED_STREAM"]);
    // Malformed: no pseudo-headers.
    assert!(server.hear(&headers(5, &[0x40, 1, b'x', 1, b'5'], true)).is_empty());
    // Reset by us, and its trailers are on their way.
    let key = server.key(1);
    server.http2.release(key);
    assert!(server.hear(&headers(1, &[0x40, 1, b'x', 1, b'7'], true)).is_empty());
    assert_eq!(server.hear(&headers(7, &all, true)), ["request 7 END"]);
    let fields = server.http2.fields().fields().filter(|field| field.name == b"x");
    assert_eq!(fields.map(|field| field.value[0]).collect::<Vec<_>>(), *b"7531");
    // Nothing else is in the table.
    server.fails(&headers(9, &[GET, &[0xc2]].concat(), true), ErrorCode::COMPRESSION_ERROR);
}

/// G-387: what h2spec plays in its commit af83a65 and not in v2.2.1. The case that was added, hpack/2.3.3/2: a literal whose
/// name is past both tables. Those that changed: hpack/5.2/3, EOS inside of a value; http2/6.7/4, a short PING on
/// stream 0; http2/5.1/1, DATA on an idle stream, where it takes either error since.
#[test]
fn g_387_what_is_new_in_h2spec() {
    let literal = [GET, &[0x7f, 0x07, 0x00]].concat();
    Peer::server().fails(&headers(1, &literal, true), ErrorCode::COMPRESSION_ERROR);
    let eos = b"\x00\x85\xf2\xb2\x4a\x84\xff\x87\x49\x51\xff\xff\xff\xfa\x7f";
    Peer::server().fails(&headers(1, &[GET, eos].concat(), true), ErrorCode::COMPRESSION_ERROR);
    Peer::server().fails(&raw(Kind::PING, Flags::NONE, 0, &[0; 6]), ErrorCode::FRAME_SIZE_ERROR);
    Peer::server().fails(&data(1, 4, true), ErrorCode::PROTOCOL_ERROR);
}

/// H-022, P-039
#[test]
fn h022_block_that_cannot_be_decoded() {
    Peer::server().fails(&headers(1, &[0x80], true), ErrorCode::COMPRESSION_ERROR);
    Peer::server().fails(&headers(1, &[0xff, 0xff], true), ErrorCode::COMPRESSION_ERROR);
    // Also where nobody is interested in it.
    let mut server = Peer::server();
    server.hear(&headers(1, GET, false));
    let key = server.key(1);
    server.http2.release(key);
    server.fails(&headers(1, &[0xbe], true), ErrorCode::COMPRESSION_ERROR);
}

/// H-024, T-30: eight CONTINUATIONs, empty ones and the last included.
#[test]
fn h024_eight_continuations() {
    let open = part_of_headers(1, GET, true, false);
    let more = continuation(1, b"", false).repeat(7);
    let mut server = Peer::server();
    assert_eq!(server.hear(&[&open[..], &more, &continuation(1, FIELD, true)].concat()), ["request 1 END"]);
    let too_many = continuation(3, b"", false).repeat(9);
    server.fails(&[part_of_headers(3, GET, true, false), too_many].concat(), ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-024: 64 KiB encoded, judged by the head of the frame that would pass them.
#[test]
fn h024_sixty_four_kib_of_block() {
    let config = Config { max_header_list_size: 1 << 20, ..Config::new(Side::Server) };
    // A literal with one long value, 65,536 octets with everything.
    let mut block = [GET, &[0x00, 1, b'x', 0x7f]].concat();
    let left = 65_536 - block.len() - 3;
    let rest = left - 127;
    block.extend([(rest & 0x7f) as u8 | 0x80, (rest >> 7 & 0x7f) as u8 | 0x80, (rest >> 14) as u8]);
    block.resize(65_536, b'v');
    let wire = |block: &[u8]| {
        let mut pieces = block.chunks(16_384);
        let mut wire = part_of_headers(1, pieces.next().unwrap(), true, false);
        pieces.for_each(|piece| wire.extend(continuation(1, piece, false)));
        wire
    };
    let mut server = Peer::started(Side::Server, config.clone(), &[]);
    assert_eq!(server.hear(&[wire(&block), continuation(1, b"", true)].concat()), ["request 1 END"]);
    let mut server = Peer::started(Side::Server, config, &[]);
    assert!(server.hear(&wire(&block)).is_empty());
    server.fails(&continuation(1, b"x", true)[..9], ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-025, H-026
#[test]
fn h025_empty_fragments_and_end_stream_on_the_first() {
    let mut server = Peer::server();
    let block =
        [part_of_headers(1, b"", true, false), continuation(1, GET, false), continuation(1, b"", true)].concat();
    assert_eq!(server.hear(&block), ["request 1 END"]);
}

/// H-027: 16 KiB of list, then discarded, and past four times as much the connection ends.
#[test]
fn h027_header_list_over_the_limit() {
    // Three pseudo-headers of 7+3, 7+4, 5+1 and a field of 1+1, with 32 each.
    let config = Config { max_header_list_size: 42 + 43 + 38 + 34, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    assert_eq!(server.hear(&headers(1, &[GET, FIELD].concat(), true)), ["request 1 END"]);
    assert_eq!(server.hear(&headers(3, &get_with(&[(b"a", b"bc")]), true)), ["request 3 END OVERSIZED"]);
    // 34 octets each, on top of 123: four times 157 are 628.
    let list = |fields: usize| [GET, &FIELD.repeat(fields)].concat();
    assert_eq!(server.hear(&headers(5, &list(14), true)), ["request 5 END OVERSIZED"]);
    server.fails(&headers(7, &list(15), true), ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-150: 128 fields.
#[test]
fn h150_header_count() {
    let mut server = Peer::server();
    let block = |count: usize| [GET, &FIELD.repeat(count - 3)].concat();
    assert_eq!(server.hear(&headers(1, &block(128), true)), ["request 1 END"]);
    assert_eq!(server.hear(&headers(3, &block(129), true)), ["request 3 END OVERSIZED"]);
    // Of 34 octets each, so that the count is what is over.
    let config = Config { max_header_list_size: 1 << 20, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    assert_eq!(server.hear(&headers(5, &block(512), true)), ["request 5 END OVERSIZED"]);
    server.fails(&headers(7, &block(513), true), ErrorCode::ENHANCE_YOUR_CALM);
}

/// H-152: a block of few octets that unfolds into many is stopped while it unfolds: references to one large entry of the
/// table count with its full size each, and what is over is not kept.
#[test]
fn h152_limits_apply_while_a_block_unfolds() {
    let config = Config { max_header_list_size: 16 * 1024, ..Config::new(Side::Server) };
    let mut server = Peer::started(Side::Server, config, &[]);
    // One entry of 3,032 octets, in the table from now on.
    let insert = [GET, &[0x40, 1, b'x', 0x7f, 0xb8, 0x16], &[b'v'; 2_999]].concat();
    assert_eq!(server.hear(&headers(1, &insert, true)), ["request 1 END"]);
    let before = server.http2.heap_size();
    // 123 for the three pseudo-headers: five entries more fit 16,384, six do not, and 22 are four times as much.
    let bomb = |count: usize| [GET, &vec![0xbe; count][..]].concat();
    assert_eq!(server.hear(&headers(3, &bomb(5), true)), ["request 3 END"]);
    assert_eq!(server.hear(&headers(5, &bomb(6), true)), ["request 5 END OVERSIZED"]);
    assert_eq!(server.hear(&headers(7, &bomb(21), true)), ["request 7 END OVERSIZED"]);
    assert!(server.http2.heap_size() < before + 24 * 1024, "{} from {before}", server.http2.heap_size());
    server.fails(&headers(9, &bomb(16_000), true), ErrorCode::ENHANCE_YOUR_CALM);
    assert!(server.http2.heap_size() < before + 24 * 1024);
}

/// H-153, G-119, P-037: a field that its sender marked goes out as never indexed, each time, and enters no table.
#[test]
fn h153_secrets_enter_no_table() {
    use bytes::Buf;
    use grpc_sansio::hpack::Field;
    use grpc_sansio::http2::Transmit;
    for sensitive in [true, false] {
        let mut client = Peer::client();
        let mut sizes = Vec::new();
        for _ in 0..5 {
            client.http2.open(()).unwrap();
            let mut output = grpc_sansio::WriteBuf::new();
            let Transmit::Head(key) = client.http2.transmit_step(client.now, &mut output) else { panic!("no head") };
            let secret = Field { sensitive, ..Field::new(b"authorization", b"Bearer 12345678") };
            client.http2.send_head(key, [secret], false, &mut output);
            client.transmit(&mut output);
            let len = output.len();
            let wire = output.copy_to_bytes(len);
            // Never indexed: 0001, and the index of the name, 23, which does not fit four bits.
            assert_eq!(wire[9..].starts_with(&[0x1f, 8]), sensitive, "{:x?}", &wire[9..]);
            sizes.push(len);
        }
        assert_eq!(sizes.iter().all(|size| *size == sizes[0]), sensitive, "{sizes:?}");
    }
}

/// `header_block_timeout` of the limits.
#[test]
fn header_block_has_ten_seconds() {
    let mut server = Peer::server();
    // From the first octets on, whole frame or not.
    server.hear(&part_of_headers(1, GET, true, false)[..10]);
    server.wait(Duration::from_secs(5));
    server.hear(&part_of_headers(1, GET, true, false)[10..]);
    server.wait(Duration::from_secs(4));
    server.hear(&continuation(1, b"", false));
    assert!(!server.http2.is_ended());
    server.wait(Duration::from_secs(1));
    assert_eq!(server.http2.error().unwrap().code(), ErrorCode::PROTOCOL_ERROR);

    let mut server = Peer::server();
    server.hear(&headers(1, GET, true));
    assert_eq!(server.http2.poll_timeout(), None);
}

/// H-023
#[test]
fn h023_block_cut_short_by_the_end_of_the_transport() {
    let mut server = Peer::server();
    server.hear(&part_of_headers(1, GET, true, false));
    server.http2.receive_eof();
    assert!(server.http2.error().unwrap().reason().contains("inside"));
}

/// H-081, P-014, P-015: a smaller table is in force from the acknowledgement on, and the next block has to say so.
#[test]
fn h081_smaller_header_table() {
    let config = Config { decoder_table_size: 0, ..Config::new(Side::Server) };
    let start = || {
        let mut server = Peer::new(Side::Server, config.clone());
        server.say();
        server.hear(&[grpc_sansio::frame::PREFACE, &settings(&[])[..]].concat());
        // The client has not seen our SETTINGS: it inserts an entry and uses it.
        let insert = [GET, &[0x40, 1, b'x', 1, b'y', 0xbe]].concat();
        assert_eq!(server.hear(&headers(1, &insert, true)), ["request 1 END"]);
        server.hear(&ack());
        server
    };
    assert_eq!(start().hear(&headers(3, &[&[0x20], GET].concat(), true)), ["request 3 END"]);
    start().fails(&headers(3, GET, true), ErrorCode::COMPRESSION_ERROR);
    start().fails(&headers(3, &[&[0x21], GET].concat(), true), ErrorCode::COMPRESSION_ERROR);
}
