//! 1E: framing and arithmetic.

use super::wire::{NONE, REQUEST};
use super::{Attack, Hello, Wire};
use grpc_sansio::frame::{Flags, Kind};

/// One frame that ends the connection.
const fn one(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { turn, heap: 16 * 1024, ..Attack::on_server(name) }
}

/// Octets of something that is not HTTP/2.
const fn foreign(name: &'static str, turn: fn(u32, &mut Wire)) -> Attack {
    Attack { hello: Hello::Nothing, ..one(name, turn) }
}

pub(crate) const ATTACKS: &[Attack] = &[
    one("t_53_data_of_16_mib", |_, wire| wire.head(Kind::DATA, NONE, 1, 0xff_ffff)),
    one("t_53_headers_of_16_mib", |_, wire| wire.head(Kind::HEADERS, NONE, 1, 0xff_ffff)),
    one("t_53_settings_of_16_mib", |_, wire| wire.head(Kind::SETTINGS, NONE, 0, 0xff_ffff)),
    one("t_54_ping_of_seven_octets", |_, wire| wire.frame(Kind::PING, NONE, 0, &[0; 7])),
    one("t_54_settings_on_a_stream", |_, wire| wire.frame(Kind::SETTINGS, NONE, 1, &[])),
    one("t_54_priority_without_room", |_, wire| {
        wire.frame(Kind::HEADERS, Flags::PRIORITY | Flags::PADDED | Flags::END_HEADERS, 1, &[0; 5]);
    }),
    foreign("t_56_http1", |_, wire| wire.raw(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n")),
    // As long as a ClientHello is.
    foreign("t_56_tls", |_, wire| {
        wire.raw(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03");
        wire.raw(&[0; 506]);
    }),
    foreign("t_56_preface_without_settings", |_, wire| {
        wire.preface();
        wire.ping();
    }),
    one("t_57_ping_in_a_header_block", |_, wire| {
        wire.frame(Kind::HEADERS, NONE, 1, &REQUEST[..10]);
        wire.ping();
    }),
    one("t_57_continuation_of_nothing", |_, wire| wire.continuation(1, REQUEST, Flags::END_HEADERS)),
    one("t_57_continuation_of_another_stream", |_, wire| {
        wire.frame(Kind::HEADERS, NONE, 1, &REQUEST[..10]);
        wire.continuation(3, &REQUEST[10..], Flags::END_HEADERS);
    }),
];
