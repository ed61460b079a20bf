//! 1C: header blocks, and their compression.

use super::wire::{END_STREAM, NONE, REQUEST, literal, stream};
use super::{After, App, Attack, Wire};
use grpc_sansio::frame::{ErrorCode, Flags, Kind};

const KIB: usize = 1024;

/// An integer of RFC 7541 §5.1 with the other bits of its first octet.
fn integer(first: u8, prefix_bits: u32, value: usize, out: &mut Vec<u8>) {
    let most = (1 << prefix_bits) - 1;
    if value < most {
        return out.push(first | value as u8);
    }
    out.push(first | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push(0x80 | (rest % 128) as u8);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// A literal field of any length, entered into the dynamic table where `indexed` says so.
fn field(indexed: bool, name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(if indexed { 0x40 } else { 0 });
    for part in [name, value] {
        integer(0, 7, part.len(), out);
        out.extend_from_slice(part);
    }
}

/// A request whose block goes on with `rest`, in as many frames as it takes.
fn long_request(stream: u32, rest: &[u8], wire: &mut Wire) {
    let block = [REQUEST, rest].concat();
    let mut pieces = block.chunks(16_384).peekable();
    let first = pieces.next().unwrap_or_default();
    let last = |is_last: bool| if is_last { Flags::END_HEADERS } else { NONE };
    wire.frame(Kind::HEADERS, END_STREAM | last(pieces.peek().is_none()), stream, first);
    while let Some(piece) = pieces.next() {
        wire.continuation(stream, piece, last(pieces.peek().is_none()));
    }
}

/// A block that cannot be decoded.
const fn undecodable(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, heap: 16 * KIB, ..Attack::on_server(name) }
}

fn bad_block(n: u32, wire: &mut Wire, block: &[u8]) {
    wire.headers(stream(n), block, END_STREAM);
}

/// Fields with names of their own.
fn many_names(from: u32, count: u32, indexed: bool) -> Vec<u8> {
    let mut block = Vec::new();
    (from..from + count).for_each(|n| field(indexed, format!("x{n}").as_bytes(), b"", &mut block));
    block
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        // A field of 4,064 octets in the table, and then nothing but references to it.
        turn: |n, wire| {
            let mut rest = Vec::new();
            field(true, b"x", &[b'b'; 4063], &mut rest);
            rest.extend_from_slice(&[0xbe; 12_000]);
            long_request(stream(n), &rest, wire);
        },
        ..Attack::on_server("t_27_bomb_of_long_fields")
    },
    Attack {
        // Below what ends the connection: 24 KiB each, on streams without end.
        start: |wire| {
            let mut rest = Vec::new();
            field(true, b"x", &[b'b'; 479], &mut rest);
            long_request(1, &rest, wire);
        },
        turn: |n, wire| wire.request_with(stream(n + 1), &[0xbe; 48], END_STREAM),
        octets: 1000 * 100,
        after: After::Serves,
        ..Attack::on_server("t_27_bombs_below_abuse")
    },
    Attack {
        // 33 octets for one: as many as a list may have.
        app: App::Holds,
        start: |wire| {
            wire.settings(&[(4, 0)]);
            let mut rest = Vec::new();
            field(true, b"a", b"", &mut rest);
            long_request(1, &rest, wire);
        },
        turn: |n, wire| wire.request_with(stream(n + 1), &[0xbe; 122], END_STREAM),
        heap: 512 * KIB,
        octets: 99 * 174,
        after: After::Stays,
        ..Attack::on_server("t_28_bombs_of_short_fields")
    },
    Attack {
        app: App::Holds,
        turn: |n, wire| {
            let mut rest = Vec::new();
            field(true, b"cookie", b"a=b", &mut rest);
            rest.extend_from_slice(&[0xbe; 400]);
            long_request(stream(n), &rest, wire);
        },
        octets: 100 * 470,
        after: After::Serves,
        ..Attack::on_server("t_28_cookie_crumbs")
    },
    Attack {
        app: App::Holds,
        turn: |n, wire| {
            let mut rest = Vec::new();
            field(false, b"x", &[b'h'; 15_000], &mut rest);
            long_request(stream(n), &rest, wire);
        },
        heap: 384 * KIB,
        octets: 90 * 15_100,
        after: After::Stays,
        ..Attack::on_server("t_28_held_headers")
    },
    Attack {
        turn: |n, wire| long_request(stream(n), &[0; 15_000], wire),
        heap: 32 * KIB,
        ..Attack::on_server("t_29_fields_without_octets")
    },
    Attack {
        turn: |n, wire| wire.request_with(stream(n), &[0, 0, 1, b'v'], END_STREAM),
        ..Attack::on_server("t_29_empty_name")
    },
    Attack {
        // A name with no octets at all costs 32 like any: 122 of them are one too many for the list of fields.
        turn: |n, wire| wire.request_with(stream(n), &literal(b"x", b"").repeat(123), END_STREAM),
        octets: 100 * 560,
        after: After::Serves,
        ..Attack::on_server("t_29_field_129")
    },
    Attack {
        start: |wire| wire.frame(Kind::HEADERS, NONE, 1, REQUEST),
        turn: |_, wire| wire.continuation(1, &literal(b"a", b"b").repeat(100), NONE),
        heap: 80 * KIB,
        ..Attack::on_server("t_30_continuation_flood")
    },
    Attack {
        start: |wire| wire.frame(Kind::HEADERS, NONE, 1, REQUEST),
        turn: |_, wire| wire.continuation(1, &[b'z'; 16_384], NONE),
        heap: 256 * KIB,
        ..Attack::on_server("t_30_long_continuations")
    },
    Attack {
        app: App::Holds,
        start: |wire| {
            (0..100).for_each(|n| wire.short_request(stream(n), NONE));
            // Refused, but its block counts.
            wire.frame(Kind::HEADERS, NONE, stream(100), REQUEST);
        },
        turn: |_, wire| wire.continuation(stream(100), b"", NONE),
        heap: 128 * KIB,
        ..Attack::on_server("t_30_continuation_flood_on_a_refused_stream")
    },
    Attack {
        start: |wire| {
            wire.short_request(1, NONE);
            wire.reset(1, ErrorCode::CANCEL);
            wire.frame(Kind::HEADERS, NONE, 1, REQUEST);
        },
        turn: |_, wire| wire.continuation(1, b"", NONE),
        ..Attack::on_server("t_30_continuation_flood_on_a_reset_stream")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind::HEADERS, NONE, 1, b""),
        ..Attack::on_server("t_31_empty_headers_over_and_over")
    },
    Attack {
        start: |wire| wire.frame(Kind::HEADERS, NONE, 1, b""),
        turn: |_, wire| wire.continuation(1, b"", NONE),
        ..Attack::on_server("t_31_empty_continuation_flood")
    },
    Attack {
        start: |wire| wire.frame(Kind::HEADERS, NONE, 1, b""),
        turn: |_, wire| wire.continuation(1, b"", NONE),
        ..Attack::on_client("t_31_empty_continuation_flood_by_a_server")
    },
    Attack {
        // 15,000 octets of Huffman code in one field, an octet a read.
        turn: |n, wire| {
            let mut rest = vec![0, 1, b'x'];
            integer(0x80, 7, 15_000, &mut rest);
            // Five bits each: 24,000 times `a` is 0x18c6318c63 over and over.
            rest.extend([0x18, 0xc6, 0x31, 0x8c, 0x63].iter().cycle().take(15_000));
            long_request(stream(n), &rest, wire);
        },
        cut: 1,
        octets: 4 * 15_100,
        heap: 96 * KIB,
        after: After::Serves,
        ..Attack::on_server("t_32_huffman_an_octet_a_read")
    },
    Attack {
        // A block of as many octets as are allowed, never complete, and an octet a read.
        turn: |_, wire| {
            let field = [&[0, 1, b'x', 0x7f, 0x80, 0x7e][..], &[b'v'; 16_378]].concat();
            wire.frame(Kind::HEADERS, NONE, 1, &field);
            (0..3).for_each(|_| wire.continuation(1, &[b'v'; 16_384], NONE));
            wire.continuation(1, b"v", NONE);
        },
        cut: 1,
        heap: 256 * KIB,
        ..Attack::on_server("t_32_longest_block_an_octet_a_read")
    },
    undecodable("t_33_name_length_of_five_octets_and_more", |n, wire| {
        bad_block(n, wire, &[&[0x00, 0x7f][..], &[0x80; 15_000]].concat());
    }),
    undecodable("t_33_number_past_32_bits", |n, wire| bad_block(n, wire, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff])),
    undecodable("t_33_number_that_is_cut", |n, wire| bad_block(n, wire, &[0x3f])),
    undecodable("t_33_index_zero", |n, wire| bad_block(n, wire, &[0x80])),
    undecodable("t_33_index_past_the_table", |n, wire| bad_block(n, wire, &[0xbe])),
    undecodable("t_33_name_index_past_the_table", |n, wire| bad_block(n, wire, &[0x7e, 0])),
    undecodable("t_34_string_of_2_gib", |n, wire| {
        bad_block(n, wire, &[0x40, 0x7f, 0xff, 0xff, 0xff, 0x7f, b'a', b'b']);
    }),
    undecodable("t_34_value_of_2_gib", |n, wire| {
        bad_block(n, wire, &[0x40, 1, b'a', 0xff, 0x80, 0xff, 0xff, 0xff, 0x07, b'a', b'b']);
    }),
    undecodable("t_35_size_update_too_large", |n, wire| bad_block(n, wire, &[0x3f, 0xe2, 0x1f])),
    undecodable("t_35_size_update_in_the_middle", |n, wire| bad_block(n, wire, &[0x82, 0x20])),
    undecodable("t_35_three_size_updates", |n, wire| {
        bad_block(n, wire, &[&[0x20, 0x3f, 0xe1, 0x1f, 0x20][..], REQUEST].concat());
    }),
    Attack {
        limits: |limits| limits.decoder_table = 0,
        turn: |n, wire| wire.request(stream(n), END_STREAM),
        ..Attack::on_server("t_35_size_update_missing")
    },
    Attack {
        // Two updates, which is as many as there may be, in front of each block.
        turn: |n, wire| {
            wire.headers(stream(n), &[&[0x20, 0x3f, 0xe1, 0x1f][..], REQUEST].concat(), END_STREAM);
            wire.reset(stream(n), ErrorCode::CANCEL);
        },
        ..Attack::on_server("t_35_size_updates_in_each_block")
    },
    undecodable("t_37_huffman_end_of_string", |n, wire| bad_block(n, wire, &[0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0])),
    undecodable("t_37_huffman_padding_of_eight_bits", |n, wire| bad_block(n, wire, &[0x00, 0x82, 0x1f, 0xff, 0])),
    undecodable("t_37_huffman_padding_of_zeros", |n, wire| bad_block(n, wire, &[0x00, 0x81, 0x18, 0])),
    Attack {
        start: |wire| wire.window(0, 1 << 20),
        turn: |n, wire| wire.request_with(stream(n), &many_names(n * 20, 20, n % 2 == 0), END_STREAM),
        octets: 1 << 20,
        after: After::Serves,
        ..Attack::on_server("t_38_names_without_end")
    },
    Attack {
        limits: |limits| {
            (limits.max_header_list, limits.held_headers) = (1 << 22, 1 << 22);
            (limits.max_header_block, limits.max_header_fields) = (1 << 22, u32::MAX);
            limits.max_continuations = 1000;
        },
        turn: |n, wire| long_request(stream(n), &many_names(10_000, 25_000, false), wire),
        octets: 200_000,
        heap: 4 << 20,
        after: After::Serves,
        ..Attack::on_server("t_39_unique_names")
    },
    Attack {
        turn: |n, wire| long_request(stream(n), &many_names(10_000, 600, false), wire),
        ..Attack::on_server("t_39_unique_names_within_usual_limits")
    },
    Attack {
        // Malformed, and too large as well.
        turn: |n, wire| {
            let mut rest = literal(b"te", b"gzip");
            field(false, b"x", &[b'h'; 16_000], &mut rest);
            rest.extend(literal(b":scheme", b"?"));
            long_request(stream(n), &rest, wire);
        },
        octets: 100 * 16_100,
        heap: 96 * KIB,
        after: After::Serves,
        ..Attack::on_server("t_40_malformed_and_too_large")
    },
];
