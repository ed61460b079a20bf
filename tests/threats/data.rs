//! 1D: DATA, flow control and slow peers.

use crate::meter::check;
use crate::talk::{Talk, base_server};
use grpc_sansio::frame::{ErrorCode, Flags, Kind};
use grpc_sansio::http2::{Input, Step};
use grpc_sansio::{Connection, Instant, Server, ServerConfig, WriteBuf};

/// CVE-2019-9518: a hundred, as the first of them is a token too.
#[test]
fn t_43_empty_data_flood() {
    for name in ["t_43_empty_data", "t_43_padding_alone"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "empty_data_burst");
        assert_eq!(outcome.report.turns, 101);
    }
}

/// CVE-2019-9511: a body that is asked for octet by octet leaves in frames that are worth their heads.
#[test]
fn t_44_data_dribble() {
    for (name, body) in [("t_44_stream_window_dribble", 65_536), ("t_44_connection_window_dribble", 131_072)] {
        let outcome = check(name);
        assert!(outcome.report.emitted <= 2 * body, "{name}: {}", outcome.report.emitted);
        assert!(outcome.report.emitted >= body, "{name}: all of it, {}", outcome.report.emitted);
        outcome.stays_flat();
    }
}

/// CVE-2019-9517: 6.4 MB of responses that nobody takes are given up after a minute; a paused reader is not.
#[test]
fn t_45_zero_window() {
    let outcome = check("t_45_stream_windows_stay_shut");
    assert_eq!(outcome.report.said("RST_STREAM", "CANCEL"), 100);
    let outcome = check("t_45_connection_window_stays_shut");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "crowded_send_timeout");
    assert_eq!(outcome.report.turns, 60);
    let outcome = check("t_45_paused_readers");
    assert_eq!((outcome.report.said("RST_STREAM", "CANCEL"), outcome.report.turns), (0, 100));
}

/// Slowloris, by each thing that can come slowly.
#[test]
fn t_46_slow_headers() {
    // Whoever did not say that it speaks HTTP/2 is told nothing.
    let outcome = check("t_46_slow_preface");
    assert_eq!((outcome.report.turns, &outcome.report.goaway), (10, &None));
    let outcome = check("t_46_slow_settings");
    outcome.ends(ErrorCode::SETTINGS_TIMEOUT, "handshake_timeout");
    assert_eq!(outcome.report.turns, 10);
    let outcome = check("t_46_slow_header_block");
    outcome.ends(ErrorCode::PROTOCOL_ERROR, "header_block_timeout");
    assert_eq!(outcome.report.turns, 10);
    let outcome = check("t_46_slow_message");
    assert_eq!(outcome.report.grpc.get("8"), Some(&1), "{:?}", outcome.report);
}

/// An octet of use in each of a thousand large reads does not keep the reads.
#[test]
fn t_47_buffer_pinning() {
    let now = Instant::from_nanos(0);
    let mut talk = Talk::server();
    talk.write(|wire| wire.request(1, Flags::NONE));
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);
    server.transmit(now, &mut WriteBuf::new());
    server.receive(now, &talk.all);
    let read = {
        // A message of one octet, and a frame of an unknown type.
        let mut wire = crate::attacks::Wire::default();
        wire.message(1, 1, Flags::NONE);
        wire.frame(Kind(77), Flags::NONE, 0, &[0; 16_000]);
        wire.octets
    };
    let held = allocation_counter::measure(|| {
        (0..1_000).for_each(|_| server.receive_bytes(now, bytes::Bytes::copy_from_slice(&read)));
    });
    assert!(server.error().is_none());
    // Each message has six octets on the wire.
    assert!((6_000..6_000 + 8 * 1024).contains(&held.bytes_current), "{}", held.bytes_current);
}

/// CVE-2026-84304: 60 KB in frames of one octet cost little more than 60 KB.
#[test]
fn t_48_tiny_data_frames() {
    for (name, octets) in [("t_48_tiny_data_on_one_stream", 60_000), ("t_48_tiny_data_on_many_streams", 105_000)] {
        let outcome = check(name);
        let frames = outcome.report.turns as i64;
        assert!(frames >= octets - 10_000, "{name}: {frames}");
        println!("{name}: {frames} octets of use, {} of heap", outcome.peak);
    }
    let outcome = check("t_48_tiny_data_on_one_stream");
    // A buffer grows by doubling, and while it moves the old one is there too. Beside it there is a page of streams, and
    // those of the pool.
    assert!(outcome.peak <= 65_536 * 3 / 2 + 40 * 1024, "{}", outcome.peak);
}

/// Every length of frame and of padding: what is not data is given back at once, and what cannot be ends the connection.
#[test]
fn t_49_padding_games() {
    for name in ["t_49_more_padding_than_frame", "t_49_no_pad_length"] {
        assert_eq!(check(name).report.turns, 1);
    }
    check("t_49_no_pad_length").ends(ErrorCode::FRAME_SIZE_ERROR, "");
    check("t_49_more_padding_than_frame").ends(ErrorCode::PROTOCOL_ERROR, "");
    check("t_49_a_message_in_padding").stays_flat();

    let base = base_server();
    let now = Instant::from_nanos(0);
    let mut going_on = base.clone();
    let key = going_on.stream_from(0).expect("stream 1");
    let window = going_on.receive_window(key);
    for len in 0..=300usize {
        for pad in 0..=255usize {
            let sound = pad < len;
            let mut fresh = (!sound).then(|| base.clone());
            let http2 = fresh.as_mut().unwrap_or(&mut going_on);
            let mut wire = crate::attacks::Wire::default();
            let mut payload = vec![0; len];
            payload.iter_mut().take(1).for_each(|first| *first = pad as u8);
            wire.frame(Kind::DATA, Flags::PADDED, 1, &payload);
            let (mut input, mut data) = (Input::slice(&wire.octets), 0);
            loop {
                match http2.receive_step(now, &mut input) {
                    Step::Data { len, .. } => {
                        input.take(len);
                        data += len;
                    }
                    Step::Idle => break,
                    _ => {}
                }
            }
            if !sound {
                let code = http2.error().expect("an error").code();
                let expected = if len == 0 { ErrorCode::FRAME_SIZE_ERROR } else { ErrorCode::PROTOCOL_ERROR };
                assert_eq!(code, expected, "{len} {pad}");
                continue;
            }
            assert_eq!((data, http2.error()), (len - 1 - pad, None), "{len} {pad}");
            assert_eq!(http2.receive_window(key), window - data as i64, "{len} {pad}");
            http2.consumed(key, data as u32);
            assert_eq!(http2.receive_window(key), window, "{len} {pad}");
            // DATA of nothing but padding is paid for by real DATA, of which there is little here.
            if data > 0 && pad % 16 == 0 {
                let mut output = WriteBuf::new();
                http2.transmit_step(now, &mut output);
            }
            if data == 0 {
                going_on = base.clone();
            }
        }
    }
}

/// Both windows, to the octet.
#[test]
fn t_50_window_violation() {
    let outcome = check("t_50_beyond_the_stream_window");
    assert_eq!((outcome.report.turns, outcome.report.said("RST_STREAM", "FLOW_CONTROL_ERROR")), (1, 1));
    let outcome = check("t_50_beyond_the_connection_window");
    outcome.ends(ErrorCode::FLOW_CONTROL_ERROR, "DATA beyond the connection's window");
    assert_eq!(outcome.report.turns, 64 * 4 + 2);
}

/// `content-length` holds for every way in which a message can end.
#[test]
fn t_51_content_length() {
    for name in [
        "t_51_less_than_content_length",
        "t_51_less_than_content_length_before_trailers",
        "t_51_no_content_with_content_length",
        "t_51_more_than_content_length",
    ] {
        let report = check(name).report;
        assert_eq!(report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(report.turns), "{name}");
        assert!(report.grpc.is_empty(), "{name}: {report:?}");
    }
    let report = check("t_51_less_than_content_length_by_a_server").report;
    assert_eq!(report.outcomes.get("Internal"), Some(&1), "{report:?}");

    // Three lengths, three endings; and values that are none.
    let mut talk = Talk::server();
    for (length, trailers, sound) in [
        (&b"4"[..], false, false),
        (b"5", false, true),
        (b"6", false, false),
        (b"4", true, false),
        (b"5", true, true),
        (b"6", true, false),
        (b"", false, false),
        (b"+5", false, false),
        (b"5,5", false, false),
        (b"0x5", false, false),
        (b"05", false, true),
        (b"18446744073709551621", false, false),
    ] {
        let said = talk.on_new_stream(|id, wire| {
            wire.request_with(id, &crate::attacks::literal(b"content-length", length), Flags::NONE);
            wire.data(id, &[0; 5], if trailers { Flags::NONE } else { Flags::END_STREAM });
            if trailers {
                wire.headers(id, &crate::attacks::literal(b"x", b"y"), Flags::END_STREAM);
            }
        });
        let expected = if sound { "status 0" } else { "RST_STREAM PROTOCOL_ERROR" };
        assert_eq!(said, [expected], "{:?} {trailers}", String::from_utf8_lossy(length));
    }
    let twice = [crate::attacks::literal(b"content-length", b"0"), crate::attacks::literal(b"content-length", b"5")];
    let said = talk.on_new_stream(|id, wire| wire.request_with(id, &twice.concat(), Flags::END_STREAM));
    assert_eq!(said, ["RST_STREAM PROTOCOL_ERROR"]);
}

#[test]
fn t_52_data_without_a_stream() {
    for name in ["t_52_data_on_stream_zero", "t_52_data_on_an_idle_stream", "t_52_data_on_a_stream_of_the_servers"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::PROTOCOL_ERROR, "");
        assert_eq!(outcome.report.turns, 1, "{name}");
    }
}
