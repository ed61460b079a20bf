//! 1D: DATA, flow control and slow peers.

use super::wire::{END_STREAM, NONE, RESPONSE, TRAILERS, literal, stream};
use super::{After, App, Attack, Hello, Wire};
use grpc_sansio::frame::{Flags, Kind, PREFACE};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A client that reads little, opens 100 calls, and says nothing but a PING a second.
const fn slow_reader(name: &'static str, start: fn(&mut Wire)) -> Attack {
    Attack {
        app: App::Pours(64 * 1024),
        start,
        turn: |_, wire| wire.ping(),
        ping_strikes: None,
        pause: SECOND,
        octets: 5_215 + 17 * 100,
        heap: 12 << 20,
        after: After::Stays,
        ..Attack::on_server(name)
    }
}

/// A request with `content-length`, 100 times on new streams.
const fn lengths(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, octets: 8_000, after: After::Serves, ..Attack::on_server(name) }
}

/// A request that says how long it is; `data` follows, and then trailers where `trailers` says so.
fn content(n: u32, wire: &mut Wire, length: &[u8], data: &[u8], trailers: bool) {
    let id = stream(n);
    let end = if data.is_empty() && !trailers { END_STREAM } else { NONE };
    wire.request_with(id, &literal(b"content-length", length), end);
    if !data.is_empty() {
        wire.data(id, data, if trailers { NONE } else { END_STREAM });
    }
    if trailers {
        wire.headers(id, &literal(b"x", b"y"), END_STREAM);
    }
}

/// A quarter of a call's window, in one message.
fn fill(n: u32, wire: &mut Wire) {
    if n.is_multiple_of(4) {
        wire.request(stream(n / 4), NONE);
    }
    wire.message(stream(n / 4), if n % 4 == 3 { 16_378 } else { 16_379 }, NONE);
}

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.data(1, b"", NONE),
        ..Attack::on_server("t_43_empty_data")
    },
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.frame(Kind::DATA, Flags::PADDED, 1, &[10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ..Attack::on_server("t_43_padding_alone")
    },
    // 64 KiB are asked for, and then the window opens octet by octet: of the stream, and of the connection.
    Attack {
        app: App::Pours(65_531),
        start: |wire| {
            wire.settings(&[(4, 0)]);
            wire.window(0, 1 << 20);
            wire.request(1, END_STREAM);
        },
        turn: |_, wire| wire.window(1, 1),
        octets: 13 * 65_600,
        heap: 160 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_44_stream_window_dribble")
    },
    Attack {
        app: App::Pours(2 * 65_536 - 6),
        start: |wire| {
            wire.settings(&[(4, 1 << 20)]);
            wire.request(1, END_STREAM);
        },
        turn: |_, wire| wire.window(0, 1),
        octets: 13 * 68_000,
        heap: 256 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_44_connection_window_dribble")
    },
    slow_reader("t_45_stream_windows_stay_shut", |wire| {
        wire.settings(&[(4, 0)]);
        (0..100).for_each(|n| wire.request(stream(n), END_STREAM));
    }),
    Attack {
        octets: 20_000,
        after: After::Ends,
        ..slow_reader("t_45_connection_window_stays_shut", |wire| {
            wire.settings(&[(4, 1 << 20)]);
            (0..100).for_each(|n| wire.request_with(stream(n), &literal(b"x", &[b'y'; 120]), END_STREAM));
        })
    },
    // A client may pause for as long as it likes where that costs little.
    Attack {
        app: App::Pours(1_000),
        pause: Duration::from_secs(60),
        heap: 256 * 1024,
        ..slow_reader("t_45_paused_readers", |wire| {
            wire.settings(&[(4, 0)]);
            (0..100).for_each(|n| wire.request(stream(n), END_STREAM));
        })
    },
    Attack {
        hello: Hello::Nothing,
        turn: |n, wire| wire.raw(&[PREFACE[n as usize % PREFACE.len()]]),
        pause: SECOND,
        heap: 16 * 1024,
        ..Attack::on_server("t_46_slow_preface")
    },
    Attack {
        hello: Hello::Nothing,
        start: |wire| {
            wire.preface();
            wire.raw(&[0, 0, 12, 4]);
        },
        turn: |_, wire| wire.raw(&[0]),
        pause: SECOND,
        heap: 16 * 1024,
        ..Attack::on_server("t_46_slow_settings")
    },
    Attack {
        start: |wire| wire.head(Kind::HEADERS, END_STREAM | Flags::END_HEADERS, 1, 1_000),
        turn: |_, wire| wire.raw(&[0x82]),
        pause: SECOND,
        heap: 16 * 1024,
        ..Attack::on_server("t_46_slow_header_block")
    },
    // As long as may be, an octet a minute: it waits for memory beyond its window, so it is given up.
    Attack {
        start: |wire| {
            wire.request(1, NONE);
            wire.data(1, &[0, 0, 0x40, 0, 0], NONE);
        },
        turn: |_, wire| wire.data(1, b"m", NONE),
        pause: Duration::from_secs(60),
        octets: 10 * 20,
        heap: 64 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_46_slow_message")
    },
    // The prefix of a message of 1 MiB, and then its octets one by one, on 100 calls that nobody reads.
    Attack {
        app: App::Holds,
        start: |wire| {
            (0..100).for_each(|n| wire.request(stream(n), NONE));
            (0..100).for_each(|n| wire.data(stream(n), &[0, 0, 0x10, 0, 0], NONE));
        },
        turn: |n, wire| wire.data(stream(n % 100), b"m", NONE),
        octets: 1 << 20,
        heap: 512 * 1024,
        after: After::Stays,
        ..Attack::on_server("t_48_tiny_data_on_many_streams")
    },
    Attack {
        app: App::Holds,
        start: |wire| {
            wire.request(1, NONE);
            wire.data(1, &[0, 0, 0x10, 0, 0], NONE);
        },
        turn: |_, wire| wire.data(1, b"m", NONE),
        octets: 60_000 * 10,
        heap: 160 * 1024,
        after: After::Stays,
        ..Attack::on_server("t_48_tiny_data_on_one_stream")
    },
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| {
            wire.frame(Kind::DATA, Flags::PADDED, 1, &[&[255, 0, 0, 0, 0, 1, b'm'][..], &[0; 255]].concat())
        },
        octets: 1 << 20,
        after: After::Serves,
        ..Attack::on_server("t_49_a_message_in_padding")
    },
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.frame(Kind::DATA, Flags::PADDED, 1, &[1]),
        ..Attack::on_server("t_49_more_padding_than_frame")
    },
    Attack {
        start: |wire| wire.request(1, NONE),
        turn: |_, wire| wire.frame(Kind::DATA, Flags::PADDED, 1, &[]),
        ..Attack::on_server("t_49_no_pad_length")
    },
    // Whole messages that nobody reads, four of which fill a call's window to the octet, and what is left of the
    // connection's behind 64 such calls.
    Attack {
        app: App::Holds,
        start: |wire| (0..4).for_each(|n| fill(n, wire)),
        turn: |_, wire| wire.data(1, b"\0", NONE),
        octets: 65_630,
        heap: 256 * 1024,
        after: After::Serves,
        ..Attack::on_server("t_50_beyond_the_stream_window")
    },
    Attack {
        app: App::Holds,
        turn: |n, wire| match n {
            0..256 => fill(n, wire),
            256 => {
                wire.request(stream(64), NONE);
                wire.message(stream(64), 64 - 5, NONE);
            }
            _ => wire.data(stream(64), b"\0", NONE),
        },
        octets: 100 << 20,
        heap: 8 << 20,
        ..Attack::on_server("t_50_beyond_the_connection_window")
    },
    lengths("t_51_less_than_content_length", |n, wire| content(n, wire, b"6", &[0; 5], false)),
    lengths("t_51_less_than_content_length_before_trailers", |n, wire| content(n, wire, b"6", &[0; 5], true)),
    lengths("t_51_no_content_with_content_length", |n, wire| content(n, wire, b"5", b"", false)),
    lengths("t_51_more_than_content_length", |n, wire| content(n, wire, b"4", &[0; 5], false)),
    Attack {
        octets: 200,
        after: After::Serves,
        turn: |_, wire| {
            wire.headers(1, &[RESPONSE, &literal(b"content-length", b"8")].concat(), NONE);
            wire.message(1, 2, NONE);
            wire.headers(1, TRAILERS, END_STREAM);
        },
        ..Attack::on_client("t_51_less_than_content_length_by_a_server")
    },
    Attack {
        turn: |_, wire| wire.data(0, b"", NONE),
        heap: 16 * 1024,
        ..Attack::on_server("t_52_data_on_stream_zero")
    },
    Attack {
        turn: |_, wire| wire.data(1, b"", NONE),
        heap: 16 * 1024,
        ..Attack::on_server("t_52_data_on_an_idle_stream")
    },
    Attack { turn: |_, wire| wire.data(2, b"", NONE), ..Attack::on_client("t_52_data_on_a_stream_of_the_servers") },
];
