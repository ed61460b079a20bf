//! 1A: floods of streams that begin and end.

use super::wire::{END_STREAM, NONE, RESPONSE, literal, stream};
use super::{After, App, Attack, End, Hello, Wire};
use grpc_sansio::frame::{ErrorCode, Flags, Kind};
use std::time::Duration;

fn rapid_reset(n: u32, wire: &mut Wire) {
    wire.short_request(stream(n), END_STREAM);
    wire.reset(stream(n), ErrorCode::CANCEL);
}

/// A request that is shown to the application before it is reset.
fn slow_reset(n: u32, wire: &mut Wire) {
    wire.short_request(stream(n), END_STREAM);
    if n > 0 {
        wire.reset(stream(n - 1), ErrorCode::CANCEL);
    }
}

/// A valid call, and then a frame that provokes a reset.
fn provoke(n: u32, wire: &mut Wire, frame: fn(u32, &mut Wire)) {
    wire.short_request(stream(n), END_STREAM);
    frame(stream(n), wire);
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack { turn: rapid_reset, ..Attack::on_server("t_01_rapid_reset") },
    Attack { turn: rapid_reset, pause: Duration::from_millis(1), ..Attack::on_server("t_01_rapid_reset_with_refill") },
    Attack {
        turn: |n, wire| {
            wire.short_request(stream(n), NONE);
            wire.message(stream(n), 1, NONE);
            wire.reset(stream(n), ErrorCode::CANCEL);
        },
        ..Attack::on_server("t_01_rapid_reset_with_data")
    },
    Attack {
        app: App::Holds,
        heap: 128 * 1024,
        turn: slow_reset,
        ..Attack::on_server("t_01_rapid_reset_of_slow_handlers")
    },
    Attack { app: App::Sleeps, turn: rapid_reset, ..Attack::on_server("t_02_reset_before_accept") },
    Attack { app: App::Sleeps, turn: slow_reset, ..Attack::on_server("t_02_reset_before_accept_a_read_later") },
    Attack {
        turn: |n, wire| provoke(n, wire, |id, wire| wire.window(id, 0)),
        ..Attack::on_server("t_03_a_window_update_of_zero")
    },
    Attack {
        turn: |n, wire| provoke(n, wire, |id, wire| wire.window(id, 0x7fff_ffff)),
        ..Attack::on_server("t_03_b_window_overflow")
    },
    Attack {
        app: App::Holds,
        heap: 128 * 1024,
        turn: |n, wire| {
            wire.short_request(stream(n), END_STREAM);
            if n > 0 {
                wire.window(stream(n - 1), 0x7fff_ffff);
            }
        },
        ..Attack::on_server("t_03_b_window_overflow_of_slow_handlers")
    },
    Attack {
        end: End::Client(100),
        heap: 128 * 1024,
        after: After::Serves,
        octets: 100 * 13,
        turn: |n, wire| wire.window(stream(n), 0x7fff_ffff),
        ..Attack::on_client("t_03_b_window_overflow_by_a_server")
    },
    Attack {
        turn: |n, wire| provoke(n, wire, |id, wire| wire.frame(Kind::PRIORITY, NONE, id, &[0; 4])),
        ..Attack::on_server("t_03_c_priority_of_four_octets")
    },
    Attack {
        turn: |n, wire| {
            provoke(n, wire, |id, wire| {
                wire.frame(Kind::PRIORITY, NONE, id, &[&id.to_be_bytes()[..], &[16]].concat());
            });
        },
        ..Attack::on_server("t_03_d_priority_on_itself")
    },
    Attack {
        turn: |n, wire| provoke(n, wire, |id, wire| wire.short_request(id, END_STREAM)),
        ..Attack::on_server("t_03_e_headers_after_the_end")
    },
    Attack {
        turn: |n, wire| provoke(n, wire, |id, wire| wire.data(id, b"late", NONE)),
        ..Attack::on_server("t_03_f_data_after_the_end")
    },
    Attack {
        turn: |n, wire| wire.headers(stream(n), &literal(b"Upper", b"case"), END_STREAM),
        ..Attack::on_server("t_04_malformed_requests")
    },
    Attack {
        reads: false,
        turn: |n, wire| wire.headers(stream(n), &literal(b"Upper", b"case"), END_STREAM),
        // What waits in the buffer of the application's socket is the application's: 64 KiB.
        heap: 160 * 1024,
        ..Attack::on_server("t_04_malformed_requests_unread")
    },
    Attack {
        turn: |n, wire| {
            rapid_reset(n, wire);
            wire.data(stream(n), b"late", NONE);
        },
        ..Attack::on_server("t_04_data_on_closed_streams")
    },
    Attack {
        hello: Hello::WithoutAck,
        app: App::Holds,
        heap: 128 * 1024,
        turn: |n, wire| wire.short_request(stream(n), NONE),
        ..Attack::on_server("t_05_more_streams_than_allowed_before_the_ack")
    },
    Attack {
        app: App::Holds,
        heap: 128 * 1024,
        turn: |n, wire| wire.short_request(stream(n), NONE),
        ..Attack::on_server("t_05_more_streams_than_allowed")
    },
    Attack {
        turn: |n, wire| wire.frame(Kind::PRIORITY, NONE, stream(n), &[0, 0, 0, 0, 16]),
        octets: 2 << 20,
        heap: 16 * 1024,
        ..Attack::on_server("t_06_priority_on_idle_streams")
    },
    Attack {
        // Each request skips ten million streams.
        turn: |n, wire| wire.request(stream(n * 10_000_000), END_STREAM),
        after: After::Serves,
        octets: 100 * 52,
        ..Attack::on_server("t_06_idle_streams_are_skipped")
    },
    Attack { turn: |n, wire| wire.request(2 * n + 2, NONE), ..Attack::on_server("t_07_even_stream") },
    Attack {
        turn: |_, wire| {
            wire.request(5, NONE);
            wire.request(3, NONE);
        },
        ..Attack::on_server("t_07_lower_stream")
    },
    Attack {
        turn: |_, wire| {
            wire.request(0x7fff_ffff, NONE);
            wire.request(1, NONE);
        },
        ..Attack::on_server("t_07_after_the_last_stream")
    },
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.request(1, NONE),
        ..Attack::on_server("t_08_headers_again_and_again")
    },
    Attack { turn: |n, wire| wire.headers(stream(n), b"", END_STREAM), ..Attack::on_server("t_08_empty_blocks") },
    Attack {
        turn: |n, wire| wire.headers(1, if n % 2 == 0 { &[0x08, 3, b'1', b'0', b'0'] } else { b"\x08\x03103" }, NONE),
        ..Attack::on_client("t_09_informational_responses")
    },
    Attack {
        start: |wire| wire.headers(1, b"\x08\x03101", NONE),
        turn: |_, wire| wire.frame(Kind(0x77), NONE, 0, b""),
        octets: 20,
        after: After::Serves,
        ..Attack::on_client("t_09_switching_protocols")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, b"\0\0\0\x02\x82\x86\x84\x81"),
        heap: 32 * 1024,
        ..Attack::on_client("t_10_push_promise")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, b"\0\0\0\0"),
        heap: 32 * 1024,
        ..Attack::on_client("t_10_push_promise_of_stream_zero")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, 1, b"\0\0\0\x03"),
        heap: 32 * 1024,
        hello: Hello::WithoutAck,
        ..Attack::on_client("t_10_push_promise_of_an_odd_stream_before_the_ack")
    },
    Attack {
        turn: |n, wire| {
            wire.request(stream(n), NONE);
            wire.frame(Kind::PUSH_PROMISE, Flags::END_HEADERS, stream(n), b"\0\0\0\x02");
        },
        ..Attack::on_server("t_10_push_promise_by_a_client")
    },
    Attack { turn: |_, wire| wire.goaway(1, ErrorCode::NO_ERROR, b""), ..Attack::on_client("t_11_goaway_flood") },
    Attack {
        turn: |_, wire| wire.goaway(0x7fff_ffff, ErrorCode::ENHANCE_YOUR_CALM, &[b'x'; 16_376]),
        octets: 8 << 20,
        after: After::Drains,
        ..Attack::on_client("t_11_goaway_with_debug_data")
    },
    Attack {
        turn: |_, wire| wire.goaway(1, ErrorCode::ENHANCE_YOUR_CALM, b"calm"),
        ..Attack::on_server("t_11_goaway_flood_by_a_client")
    },
    Attack {
        start: |wire| wire.goaway(1, ErrorCode::NO_ERROR, b""),
        turn: |_, wire| wire.goaway(3, ErrorCode::NO_ERROR, b""),
        ..Attack::on_client("t_11_goaway_that_rises")
    },
    Attack {
        turn: |_, wire| wire.goaway(2, ErrorCode::NO_ERROR, b""),
        ..Attack::on_client("t_11_goaway_of_an_even_stream")
    },
    Attack {
        // The reserved bit is no part of the id.
        turn: |_, wire| wire.goaway(0x8000_0001, ErrorCode::NO_ERROR, b""),
        octets: 2 * 17,
        after: After::Drains,
        ..Attack::on_client("t_11_goaway_with_the_reserved_bit")
    },
    Attack {
        // DATA before HEADERS resets each of them; then what a peer may still have under way: 32 KiB each.
        end: End::Client(100),
        turn: |n, wire| wire.data(stream(n % 100), &[0; 16_384], NONE),
        octets: 200 * 16_393,
        heap: 128 * 1024,
        after: After::Serves,
        ..Attack::on_client("t_12_late_data_after_our_reset")
    },
    Attack {
        // More than was ever allowed is charged.
        turn: |_, wire| wire.data(1, b"?", NONE),
        octets: 4 << 20,
        ..Attack::on_client("t_12_data_for_ever_after_our_reset")
    },
    Attack {
        start: |wire| rapid_reset(0, wire),
        turn: |_, wire| {
            wire.reset(1, ErrorCode::CANCEL);
            wire.window(1, 1);
            wire.frame(Kind::PRIORITY, NONE, 1, &[0, 0, 0, 0, 16]);
        },
        octets: 4 << 20,
        ..Attack::on_server("t_12_small_frames_on_a_closed_stream")
    },
    Attack {
        // The other call is spared; were there none, the connection would end.
        end: End::Client(2),
        turn: |_, wire| {
            wire.answer(1);
            wire.headers(1, RESPONSE, NONE);
        },
        octets: 200,
        after: After::Serves,
        ..Attack::on_client("t_12_headers_after_the_response")
    },
];
