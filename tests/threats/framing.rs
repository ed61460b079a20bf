//! 1E: framing and arithmetic.

use crate::attacks::{ALL, Attack, Run, Wire};
use crate::meter::check;
use crate::talk::{base_server, hear};
use grpc_sansio::frame::{ErrorCode, Flags, Kind, PREFACE};
use grpc_sansio::http2::{Config, Connection, Side};
use grpc_sansio::{Instant, Limits, Server, ServerConfig, WriteBuf};

/// A length is judged before anything of the payload is there, and nothing is kept for it.
#[test]
fn t_53_length_lies() {
    for name in ["t_53_data_of_16_mib", "t_53_headers_of_16_mib", "t_53_settings_of_16_mib"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::FRAME_SIZE_ERROR, "frame longer than SETTINGS_MAX_FRAME_SIZE");
        assert_eq!(outcome.report.turns, 1);
    }
    let base = base_server();
    // CONTINUATION is wrong before its length is.
    for kind in (0..=255u8).filter(|kind| *kind != 9) {
        for (length, within) in [(16_384, true), (16_385, false), (0xff_ffff, false)] {
            let mut http2 = base.clone();
            let before = http2.heap_size();
            let mut wire = Wire::default();
            wire.head(Kind(kind), Flags::NONE, u32::from(![4, 6, 7].contains(&kind)), length);
            hear(&mut http2, &wire.octets);
            let too_long = http2.error().is_some_and(|error| error.reason().contains("SETTINGS_MAX_FRAME_SIZE"));
            assert_eq!(too_long, !within, "{kind} {length}");
            assert_eq!(http2.heap_size(), before, "{kind} {length}");
        }
    }
}

/// What RFC 9113 §6 says of a frame of zeros: the code of its error, if it is one.
fn verdict(kind: Kind, flags: Flags, stream: u32, length: usize) -> Option<ErrorCode> {
    let on_a_stream = [Kind::DATA, Kind::HEADERS, Kind::PRIORITY, Kind::RST_STREAM, Kind::PUSH_PROMISE];
    let on_none = [Kind::SETTINGS, Kind::PING, Kind::GOAWAY];
    if on_a_stream.contains(&kind) && stream == 0 || on_none.contains(&kind) && stream != 0 {
        return Some(ErrorCode::PROTOCOL_ERROR);
    }
    let padded = usize::from(flags.contains(Flags::PADDED));
    let fits = match kind {
        Kind::DATA => length >= padded,
        Kind::HEADERS => length >= padded + if flags.contains(Flags::PRIORITY) { 5 } else { 0 },
        Kind::PRIORITY => length == 5,
        Kind::RST_STREAM | Kind::WINDOW_UPDATE => length == 4,
        Kind::SETTINGS if flags.contains(Flags::ACK) => length == 0,
        Kind::SETTINGS => length.is_multiple_of(6),
        Kind::PUSH_PROMISE => length >= 4 + padded,
        Kind::PING => length == 8,
        Kind::GOAWAY => length >= 8,
        _ => true,
    };
    if !fits {
        return Some(ErrorCode::FRAME_SIZE_ERROR);
    }
    match kind {
        // An increment of zero, and what a client never sends.
        Kind::WINDOW_UPDATE | Kind::PUSH_PROMISE | Kind::CONTINUATION => Some(ErrorCode::PROTOCOL_ERROR),
        // The one acknowledgement that we waited for has come.
        Kind::SETTINGS if flags.contains(Flags::ACK) => Some(ErrorCode::PROTOCOL_ERROR),
        _ => None,
    }
}

/// Every type with every length up to 20, with and without the flags that add fields, on stream 0 and on an open one.
#[test]
fn t_54_wrong_sizes_and_streams() {
    check("t_54_ping_of_seven_octets").ends(ErrorCode::FRAME_SIZE_ERROR, "PING");
    check("t_54_settings_on_a_stream").ends(ErrorCode::PROTOCOL_ERROR, "");
    check("t_54_priority_without_room").ends(ErrorCode::FRAME_SIZE_ERROR, "");

    let base = base_server();
    for kind in (0..=255).map(Kind) {
        let flags = match kind {
            Kind::DATA | Kind::PUSH_PROMISE => vec![Flags::NONE, Flags::PADDED],
            Kind::HEADERS => {
                vec![Flags::NONE, Flags::PADDED, Flags::PRIORITY, Flags::PADDED | Flags::PRIORITY]
            }
            Kind::SETTINGS | Kind::PING => vec![Flags::NONE, Flags::ACK],
            _ => vec![Flags::NONE],
        };
        for flags in flags {
            for length in 0..=20 {
                for stream in [0, 1] {
                    let mut http2 = base.clone();
                    let mut wire = Wire::default();
                    wire.frame(kind, flags, stream, &vec![0; length]);
                    hear(&mut http2, &wire.octets);
                    let code = http2.error().map(|error| error.code());
                    assert_eq!(code, verdict(kind, flags, stream, length), "{kind:?} {flags:?} {length} on {stream}");
                }
            }
        }
    }
}

/// Sums near the end of their range: every limit as high as it goes, in a build that checks for overflow.
#[test]
fn t_55_overflow() {
    let mut limits = Limits::default();
    for field in [
        &mut limits.max_concurrent_calls,
        &mut limits.max_calls_beyond_limit,
        &mut limits.max_waiting_calls,
        &mut limits.send_queue_per_call,
        &mut limits.send_queue_per_connection,
        &mut limits.assembly_budget,
        &mut limits.max_header_fields,
        &mut limits.header_abuse,
        &mut limits.max_header_block,
        &mut limits.max_continuations,
        &mut limits.held_headers,
        &mut limits.max_settings_entries,
        &mut limits.max_replies,
        &mut limits.empty_data,
        &mut limits.resets,
        &mut limits.resets_per_second,
        &mut limits.glitches,
        &mut limits.glitches_per_second,
        &mut limits.tiny_data,
        &mut limits.tiny_data_per_second,
        &mut limits.copy_below,
    ] {
        *field = u32::MAX;
    }
    limits.max_zombie_calls = Some(u32::MAX);
    limits.max_receive_message = None;
    limits.call_window = (1 << 31) - 1;
    limits.connection_window = (1 << 31) - 1;
    limits.max_frame = (1 << 24) - 1;
    limits.max_header_list = 1 << 22;
    let config = ServerConfig::builder().limits(limits).build().unwrap();
    assert!(config.connection_bytes() > u64::from(u32::MAX));

    let now = Instant::MAX;
    let mut server = grpc_sansio::Connection::<Server>::new(&config, now);
    let mut output = WriteBuf::new();
    server.transmit(now, &mut output);
    let mut wire = Wire::default();
    wire.preface();
    wire.settings(&[(1, u32::MAX), (3, u32::MAX), (4, (1 << 31) - 1), (6, u32::MAX)]);
    wire.settings_ack();
    wire.window(0, (1 << 31) - 1 - 65_535);
    for n in 0..100 {
        wire.request_with(2 * n + 1, &crate::attacks::literal(b"grpc-timeout", b"99999999H"), Flags::NONE);
        wire.message(2 * n + 1, 5, Flags::NONE);
        wire.data(2 * n + 1, &[0, 0xff, 0xff, 0xff, 0xff], Flags::NONE);
        wire.reset(2 * n + 1, ErrorCode::CANCEL);
        wire.ping();
    }
    server.receive(now, &wire.octets);
    while server.poll_event().is_some() {}
    server.transmit(now, &mut output);
    assert_eq!(server.error(), None);
    let mut wire = Wire::default();
    wire.window(0, 1);
    server.receive(now, &wire.octets);
    assert_eq!(server.error().map(|error| error.code()), Some(ErrorCode::FLOW_CONTROL_ERROR));
}

/// What is not HTTP/2 is found at its first wrong octet. An upgrade from HTTP/1.1 is not HTTP/2.
#[test]
fn t_56_bad_preface() {
    for name in ["t_56_http1", "t_56_tls"] {
        let outcome = check(name);
        assert_eq!((outcome.report.turns, outcome.report.emitted), (1, 0), "{name}");
    }
    check("t_56_preface_without_settings").ends(ErrorCode::PROTOCOL_ERROR, "the first frame is not SETTINGS");

    let now = Instant::from_nanos(0);
    for at in 0..PREFACE.len() {
        for wrong in [PREFACE[at] ^ 1, PREFACE[at] ^ 0x20, 0, 0xff] {
            let mut http2 = Connection::<()>::new(Side::Server, Config::new(Side::Server), now);
            hear(&mut http2, &PREFACE[..at]);
            assert!(!http2.is_ended());
            hear(&mut http2, &[wrong]);
            let error = http2.error().expect("the wrong octet is found");
            assert_eq!(error.code(), ErrorCode::PROTOCOL_ERROR);
            assert!(error.reason().starts_with("not HTTP/2"), "{error}");
        }
    }
}

/// Between HEADERS and the end of its block nothing else may come, of no type and on no stream.
#[test]
fn t_57_interleaving() {
    for (name, reason) in [
        ("t_57_ping_in_a_header_block", "a header block is interrupted"),
        ("t_57_continuation_of_another_stream", "a header block is interrupted"),
        ("t_57_continuation_of_nothing", "CONTINUATION without a header block"),
    ] {
        check(name).ends(ErrorCode::PROTOCOL_ERROR, reason);
    }
    let mut inside = base_server();
    let mut wire = Wire::default();
    wire.frame(Kind::HEADERS, Flags::NONE, 3, b"\x83");
    hear(&mut inside, &wire.octets);
    for kind in (0..=255).map(Kind) {
        for stream in [0, 1, 3, 5] {
            let mut http2 = inside.clone();
            let mut wire = Wire::default();
            wire.frame(kind, Flags::NONE, stream, &[0; 8]);
            hear(&mut http2, &wire.octets);
            let ends = kind != Kind::CONTINUATION || stream != 3;
            let code = http2.error().map(|error| error.code());
            assert_eq!(code, ends.then_some(ErrorCode::PROTOCOL_ERROR), "{kind:?} on {stream}");
        }
    }
}

/// Nothing recurses, and nothing large lies on the stack: all attacks in 64 KiB of it.
#[test]
fn t_58_stack_depth() {
    fn run(attack: &Attack) -> u32 {
        let mut plainly = |work: &mut dyn FnMut()| work();
        let mut run = Run::new(attack, &mut plainly);
        run.until(16 * 1024);
        run.target.report.turns
    }
    let all = || ALL.iter().copied().flatten().map(run).sum::<u32>();
    let thread = std::thread::Builder::new().stack_size(64 * 1024).spawn(all).unwrap();
    assert!(thread.join().unwrap() > 10_000);
}
