//! 1F: HTTP semantics and the wire of gRPC.

use super::wire::{END_STREAM, NONE, RESPONSE, TRAILERS, literal, stream};
use super::{After, App, Attack, Wire};
use grpc_sansio::frame::ErrorCode;

/// A request of these fields, each turn on a new stream; 5,000 octets of them.
const fn requests(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, octets: 5_000, after: After::Serves, ..Attack::on_server(name) }
}

/// One response to a client's call.
const fn response(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, octets: 1, after: After::Serves, ..Attack::on_client(name) }
}

/// `POST http`, to a path of these octets, with the fields that gRPC asks for.
fn to_path(n: u32, wire: &mut Wire, path: &[u8]) {
    let block = [&b"\x83\x86\x04"[..], &[path.len() as u8], path, b"\x01\x01a\x00\x02te\x08trailers"].concat();
    wire.headers(stream(n), &[&block[..], b"\x0f\x10\x10application/grpc"].concat(), END_STREAM);
}

fn with_field(n: u32, wire: &mut Wire, name: &[u8], value: &[u8]) {
    wire.request_with(stream(n), &literal(name, value), END_STREAM);
}

pub(crate) const ATTACKS: &[Attack] = &[
    requests("t_59_path_without_slash", |n, wire| to_path(n, wire, b"a/b")),
    requests("t_59_path_with_two_slashes", |n, wire| to_path(n, wire, b"//a/b")),
    requests("t_60_line_break_in_a_value", |n, wire| with_field(n, wire, b"x", b"a\r\nb: c")),
    requests("t_60_line_break_in_a_trailer", |n, wire| {
        wire.request(stream(n), NONE);
        wire.headers(stream(n), &literal(b"x", b"a\nb"), END_STREAM);
    }),
    requests("t_61_transfer_encoding", |n, wire| with_field(n, wire, b"transfer-encoding", b"chunked")),
    requests("t_62_pseudo_field_after_a_regular_one", |n, wire| with_field(n, wire, b":path", b"/c/d")),
    requests("t_62_status_in_a_request", |n, wire| wire.headers(stream(n), b"\x88", END_STREAM)),
    requests("t_63_host_that_differs", |n, wire| with_field(n, wire, b"host", b"b")),
    requests("t_64_json", |n, wire| {
        let block = b"\x83\x86\x04\x04/a/b\x01\x01a\x00\x02te\x08trailers\x0f\x10\x10application/json";
        wire.headers(stream(n), block, END_STREAM);
    }),
    requests("t_65_binary_that_is_none", |n, wire| with_field(n, wire, b"x-bin", b"!!!")),
    requests("t_66_status_in_a_request", |n, wire| with_field(n, wire, b"grpc-status", b"0")),
    // 4 GiB are announced, of which nothing comes.
    Attack {
        octets: 100 * 150,
        ..requests("t_67_message_of_4_gib", |n, wire| {
            wire.request(stream(n), NONE);
            wire.data(stream(n), &[0, 0xff, 0xff, 0xff, 0xff], NONE);
        })
    },
    requests("t_68_compressed_without_an_encoding", |n, wire| {
        wire.request(stream(n), NONE);
        wire.data(stream(n), &[1, 0, 0, 0, 1, b'm'], END_STREAM);
    }),
    requests("t_68_unknown_encoding", |n, wire| with_field(n, wire, b"grpc-encoding", b"brotli")),
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.data(1, &[0; 16_380], NONE),
        octets: 1 << 20,
        after: After::Serves,
        ..Attack::on_server("t_69_messages_of_nothing")
    },
    Attack {
        app: App::Holds,
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.data(1, &[0; 16_380], NONE),
        octets: 4 * 16_389,
        heap: 128 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_69_messages_of_nothing_that_nobody_reads")
    },
    requests("t_70_flag_of_grpc_web", |n, wire| {
        wire.request(stream(n), NONE);
        wire.data(stream(n), &[0x80, 0, 0, 0, 1, b'm'], END_STREAM);
    }),
    requests("t_70_cut_message", |n, wire| {
        wire.request(stream(n), NONE);
        wire.data(stream(n), &[0, 0, 0, 0, 2, b'm'], END_STREAM);
    }),
    response("t_70_cut_message_by_a_server", |_, wire| {
        wire.headers(1, RESPONSE, NONE);
        wire.data(1, &[0, 0, 0, 0, 2, b'm'], NONE);
        wire.headers(1, TRAILERS, END_STREAM);
    }),
    requests("t_71_timeout_of_nine_digits", |n, wire| with_field(n, wire, b"grpc-timeout", b"999999999H")),
    requests("t_71_longest_timeout", |n, wire| with_field(n, wire, b"grpc-timeout", b"99999999H")),
    response("t_72_no_status", |_, wire| {
        wire.headers(1, RESPONSE, NONE);
        wire.message(1, 2, NONE);
        wire.headers(1, &literal(b"x", b"y"), END_STREAM);
    }),
    response("t_72_two_statuses", |_, wire| {
        wire.headers(1, RESPONSE, NONE);
        wire.message(1, 2, NONE);
        wire.headers(1, &[TRAILERS, &literal(b"grpc-status", b"5")].concat(), END_STREAM);
    }),
    response("t_77_refused_stream", |_, wire| wire.reset(1, ErrorCode::REFUSED_STREAM)),
    response("t_77_protocol_error", |_, wire| wire.reset(1, ErrorCode::PROTOCOL_ERROR)),
    Attack {
        after: After::Ends,
        ..response("t_80_noise_in_a_goaway", |_, wire| {
            wire.goaway(0, ErrorCode::INTERNAL_ERROR, b"\x1b[2J\r\n\0\xff\xfe log line");
        })
    },
];
