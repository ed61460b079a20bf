//! 1B: floods of control frames, and games with settings.

use super::wire::{END_STREAM, NONE, literal, stream};
use super::{After, App, Attack, End, Hello, Wire};
use grpc_sansio::frame::{ErrorCode, Flags, Kind};
use std::time::Duration;

const HEADER_TABLE_SIZE: u16 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const INITIAL_WINDOW_SIZE: u16 = 4;
const MAX_FRAME_SIZE: u16 = 5;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// What each of a hundred responses has to say: the connection's window is enough for fifteen.
const STUCK: u32 = 4096;

fn stuck_calls(wire: &mut Wire) {
    (0..100).for_each(|n| wire.short_request(stream(n), END_STREAM));
}

/// `value` and `other` in turn, as often as the settings of a frame allow.
fn swinging(id: u16, value: u32, other: u32) -> Vec<(u16, u32)> {
    (0..32).map(|n| (id, if n % 2 == 0 { value } else { other })).collect()
}

/// One setting, which makes the peer a fault.
const fn bad_setting(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, heap: 16 * 1024, ..Attack::on_server(name) }
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack { turn: |_, wire| wire.ping(), heap: 16 * 1024, ..Attack::on_server("t_13_ping_strikes") },
    Attack { turn: |_, wire| wire.ping(), ping_strikes: None, octets: 2 << 20, ..Attack::on_server("t_13_ping_flood") },
    Attack {
        turn: |_, wire| wire.ping(),
        ping_strikes: None,
        reads: false,
        heap: 160 * 1024,
        ..Attack::on_server("t_13_ping_flood_unread")
    },
    Attack { turn: |_, wire| wire.ping(), octets: 2 << 20, ..Attack::on_client("t_13_ping_flood_by_a_server") },
    Attack {
        turn: |_, wire| wire.frame(Kind::PING, Flags::ACK, 0, b"12345678"),
        octets: 2 << 20,
        ..Attack::on_server("t_13_answers_to_no_ping")
    },
    Attack { turn: |_, wire| wire.settings(&[]), ..Attack::on_server("t_14_settings_flood") },
    Attack {
        turn: |_, wire| wire.settings(&[]),
        reads: false,
        heap: 160 * 1024,
        ..Attack::on_server("t_14_settings_flood_unread")
    },
    Attack {
        turn: |_, wire| wire.settings(&[(INITIAL_WINDOW_SIZE, 1); 2_730]),
        heap: 16 * 1024,
        ..Attack::on_server("t_15_large_settings")
    },
    Attack {
        app: App::Pours(STUCK),
        start: |wire| {
            wire.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
            stuck_calls(wire);
        },
        turn: |n, wire| wire.settings(&swinging(INITIAL_WINDOW_SIZE, n % 2, 1 - n % 2)),
        heap: 640 * 1024,
        ..Attack::on_server("t_15_alternating_settings")
    },
    Attack { turn: |_, wire| wire.settings_ack(), heap: 16 * 1024, ..Attack::on_server("t_16_ack_of_nothing") },
    Attack {
        turn: |_, wire| wire.frame(Kind::SETTINGS, Flags::ACK, 0, &[0; 6]),
        heap: 16 * 1024,
        ..Attack::on_server("t_16_ack_with_a_payload")
    },
    Attack {
        hello: Hello::WithoutAck,
        // Slow enough to spend nothing on the guards.
        turn: |_, wire| wire.frame(Kind(0x77), NONE, 0, b""),
        pause: Duration::from_millis(100),
        heap: 16 * 1024,
        ..Attack::on_server("t_16_never_an_ack")
    },
    Attack { turn: |_, wire| wire.window(0, 0), heap: 16 * 1024, ..Attack::on_server("t_17_update_of_zero") },
    Attack { turn: |_, wire| wire.window(0, 0x7fff_ffff), heap: 16 * 1024, ..Attack::on_server("t_17_overflow") },
    Attack {
        // 65,535 octets at first, and a sixteenth of the whole each time.
        turn: |_, wire| wire.window(0, 0x0800_0000),
        heap: 16 * 1024,
        ..Attack::on_server("t_17_overflow_by_steps")
    },
    Attack {
        turn: |_, wire| wire.window(0, 0x8000_0001),
        octets: 13,
        after: After::Serves,
        ..Attack::on_server("t_17_reserved_bit")
    },
    Attack {
        start: |wire| wire.window(0, 10_000),
        turn: |_, wire| wire.window(0, 1),
        octets: 2 << 20,
        ..Attack::on_server("t_17_update_flood")
    },
    Attack {
        app: App::Pours(STUCK),
        start: |wire| {
            stuck_calls(wire);
            (0..100).for_each(|n| wire.window(stream(n), 1));
        },
        turn: |_, wire| wire.window(0, 1),
        heap: 640 * 1024,
        octets: 40_000 * 13,
        after: After::Serves,
        ..Attack::on_server("t_17_update_flood_with_blocked_calls")
    },
    Attack {
        app: App::Pours(STUCK),
        start: stuck_calls,
        turn: |n, wire| wire.settings(&[(INITIAL_WINDOW_SIZE, n % 2)]),
        heap: 640 * 1024,
        ..Attack::on_server("t_18_window_swings")
    },
    bad_setting("t_18_window_of_two_to_the_31", |_, wire| wire.settings(&[(INITIAL_WINDOW_SIZE, 0x8000_0000)])),
    Attack {
        app: App::Holds,
        turn: |n, wire| {
            wire.request(stream(n), NONE);
            wire.window(stream(n), 1);
            wire.settings(&[(INITIAL_WINDOW_SIZE, 0x7fff_ffff)]);
        },
        ..Attack::on_server("t_18_window_past_two_to_the_31")
    },
    Attack {
        // What was sent counts against the window that is taken away: it is below zero until the peer gives more.
        app: App::Pours(STUCK),
        start: stuck_calls,
        turn: |_, wire| {
            wire.settings(&[(INITIAL_WINDOW_SIZE, 0)]);
            (0..100).for_each(|n| wire.window(stream(n), 1));
        },
        octets: 20 * 1_315,
        heap: 640 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_18_windows_below_zero")
    },
    bad_setting("t_19_max_frame_size_of_0", |_, wire| wire.settings(&[(MAX_FRAME_SIZE, 0)])),
    bad_setting("t_19_max_frame_size_of_16383", |_, wire| wire.settings(&[(MAX_FRAME_SIZE, 16_383)])),
    bad_setting("t_19_max_frame_size_of_16777216", |_, wire| wire.settings(&[(MAX_FRAME_SIZE, 16_777_216)])),
    bad_setting("t_19_max_frame_size_of_4294967295", |_, wire| wire.settings(&[(MAX_FRAME_SIZE, 0xffff_ffff)])),
    Attack {
        turn: |n, wire| {
            wire.settings(&swinging(HEADER_TABLE_SIZE, 0, 4096));
            wire.short_request(stream(n), END_STREAM);
        },
        octets: 3 << 20,
        start: |wire| wire.window(0, 1 << 20),
        ..Attack::on_server("t_20_header_table_swings")
    },
    Attack {
        turn: |n, wire| {
            wire.settings(&[(HEADER_TABLE_SIZE, 0xffff_ffff)]);
            wire.request(stream(n), END_STREAM);
        },
        octets: 100 * 100,
        after: After::Serves,
        ..Attack::on_server("t_20_header_table_of_4_gib")
    },
    Attack {
        start: |wire| wire.settings(&[(MAX_HEADER_LIST_SIZE, 1)]),
        turn: |n, wire| wire.short_request(stream(n), END_STREAM),
        octets: 1000 * 15,
        after: After::Stays,
        ..Attack::on_server("t_21_max_header_list_size_of_1")
    },
    Attack {
        start: |wire| wire.settings(&[(MAX_HEADER_LIST_SIZE, 0xffff_ffff)]),
        turn: |n, wire| wire.short_request(stream(n), END_STREAM),
        octets: 1000 * 15,
        after: After::Serves,
        ..Attack::on_server("t_21_max_header_list_size_of_4_gib")
    },
    Attack {
        end: End::Client(100),
        turn: |n, wire| wire.settings(&[(MAX_CONCURRENT_STREAMS, n % 2)]),
        octets: 900 * 15,
        heap: 128 * 1024,
        after: After::Serves,
        ..Attack::on_client("t_22_no_streams_allowed")
    },
    Attack {
        end: End::Client(100),
        turn: |n, wire| wire.settings(&[(MAX_CONCURRENT_STREAMS, n % 2)]),
        heap: 128 * 1024,
        ..Attack::on_client("t_22_limit_swings")
    },
    Attack {
        reads: false,
        ping_strikes: None,
        turn: |n, wire| match n % 4 {
            0 => wire.ping(),
            1 => wire.settings(&[]),
            2 => wire.headers(stream(n), &literal(b"Upper", b"case"), END_STREAM),
            _ => {
                wire.short_request(stream(n), END_STREAM);
                wire.reset(stream(n), ErrorCode::CANCEL);
                wire.data(stream(n), b"late", NONE);
            }
        },
        octets: 10 << 20,
        heap: 160 * 1024,
        ..Attack::on_server("t_23_replies_that_nobody_reads")
    },
    Attack {
        turn: |n, wire| wire.frame(Kind::PRIORITY, NONE, stream(n % 1000), &[0x80, 0, 7, 0xd1, 255]),
        octets: 2 << 20,
        heap: 16 * 1024,
        ..Attack::on_server("t_24_priority_flood")
    },
    Attack {
        turn: |n, wire| {
            let block = [&[0x80, 0, 0, 0, 7][..], super::wire::REQUEST].concat();
            wire.frame(Kind::HEADERS, Flags::PRIORITY | Flags::END_HEADERS | END_STREAM, stream(n + 10), &block);
        },
        octets: 1000 * 57,
        after: After::Serves,
        ..Attack::on_server("t_24_headers_with_priority")
    },
    Attack {
        turn: |n, wire| {
            let block = [&stream(n).to_be_bytes()[..], &[16], super::wire::REQUEST].concat();
            wire.frame(Kind::HEADERS, Flags::PRIORITY | Flags::END_HEADERS | END_STREAM, stream(n), &block);
        },
        ..Attack::on_server("t_24_headers_on_itself")
    },
    Attack {
        // Every unknown type, with four lengths, on stream 0 and on one that is open, closed or idle, any flags.
        app: App::Holds,
        start: |wire| {
            wire.short_request(1, NONE);
            wire.short_request(3, END_STREAM);
            wire.reset(3, ErrorCode::CANCEL);
        },
        turn: |n, wire| {
            let kind = Kind(10 + (n % 246) as u8);
            let length = [0, 1, 8, 16_384][(n / 246 % 4) as usize];
            wire.frame(kind, Flags((n * 37) as u8), [0, 1, 3, 99][(n / 984 % 4) as usize], &vec![0xaa; length]);
        },
        // All of them once: 3,936 frames.
        octets: 3_936 * 9 + 984 * (1 + 8 + 16_384),
        after: After::Serves,
        ..Attack::on_server("t_25_unknown_frames")
    },
    Attack {
        turn: |n, wire| {
            wire.frame(Kind::HEADERS, NONE, stream(n), super::wire::REQUEST);
            wire.frame(Kind(10 + (n % 246) as u8), NONE, stream(n), b"");
        },
        ..Attack::on_server("t_25_unknown_frame_in_a_header_block")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind(0x77), NONE, 0, b""),
        octets: 1 << 20,
        heap: 16 * 1024,
        ..Attack::on_server("t_26_tiny_unknown_frames")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind(0x77), NONE, 0, b""),
        octets: 1 << 20,
        heap: 32 * 1024,
        ..Attack::on_client("t_26_tiny_unknown_frames_by_a_server")
    },
    Attack {
        turn: |_, wire| wire.frame(Kind(0x77), NONE, 1, &[0; 16_384]),
        octets: 170 << 20,
        heap: 16 * 1024,
        ..Attack::on_server("t_26_large_unknown_frames")
    },
];
