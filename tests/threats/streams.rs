//! 1A: floods of streams that begin and end.

use crate::meter::{Outcome, check};
use grpc_sansio::frame::ErrorCode;

/// The attack is ended by the guard on resets, after so many turns at least.
fn too_many_resets(name: &str, turns: u32) -> Outcome {
    let outcome = check(name);
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
    assert_eq!(outcome.report.turns, turns + 1);
    outcome
}

/// CVE-2023-44487: requests that are reset at once never reach the application.
#[test]
fn t_01_rapid_reset() {
    let outcome = too_many_resets("t_01_rapid_reset", 10_000);
    assert_eq!(outcome.report.most_calls, 0);
    outcome.stays_flat();
}

/// 1,000 a second, of which 330 are forgiven.
#[test]
fn t_01_rapid_reset_with_refill() {
    too_many_resets("t_01_rapid_reset_with_refill", 14_924);
}

#[test]
fn t_01_rapid_reset_with_data() {
    let outcome = too_many_resets("t_01_rapid_reset_with_data", 10_000);
    outcome.stays_flat();
}

/// The same where handlers do not notice: what they hold counts against the client.
#[test]
fn t_01_rapid_reset_of_slow_handlers() {
    let outcome = too_many_resets("t_01_rapid_reset_of_slow_handlers", 10_000);
    assert_eq!((outcome.report.most_calls, outcome.report.shown), (200, 200));
    assert_eq!(outcome.report.said("RST_STREAM", "REFUSED_STREAM"), 9_800);
}

/// CVE-2023-26964: nobody accepts, and what is dead before it is accepted is not kept.
#[test]
fn t_02_reset_before_accept() {
    for name in ["t_02_reset_before_accept", "t_02_reset_before_accept_a_read_later"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
        outcome.stays_flat();
        assert!(outcome.report.most_calls <= 2, "{name}");
    }
}

/// CVE-2025-8671, MadeYouReset: five of the six ways to provoke a reset end the connection.
#[test]
fn t_03_made_you_reset() {
    let ends = |name, code, debug_data| {
        let outcome = check(name);
        outcome.ends(code, debug_data);
        assert_eq!((outcome.report.turns, outcome.report.most_calls), (1, 0), "{name}");
    };
    ends("t_03_a_window_update_of_zero", ErrorCode::PROTOCOL_ERROR, "window increment is 0");
    ends("t_03_c_priority_of_four_octets", ErrorCode::FRAME_SIZE_ERROR, "PRIORITY is not 5 octets");
    ends("t_03_d_priority_on_itself", ErrorCode::PROTOCOL_ERROR, "stream depends on itself");
    ends("t_03_e_headers_after_the_end", ErrorCode::STREAM_CLOSED, "HEADERS after END_STREAM");
    ends("t_03_f_data_after_the_end", ErrorCode::STREAM_CLOSED, "DATA after END_STREAM");
}

/// The sixth is a stream error, charged as a reset of the peer's own.
#[test]
fn t_03_made_you_reset_by_window_overflow() {
    let outcome = too_many_resets("t_03_b_window_overflow", 10_000);
    assert_eq!(outcome.report.most_calls, 0);
    assert_eq!(outcome.report.said("RST_STREAM", "FLOW_CONTROL_ERROR"), 10_000);
    let outcome = too_many_resets("t_03_b_window_overflow_of_slow_handlers", 10_000);
    assert_eq!((outcome.report.most_calls, outcome.report.shown), (200, 200));
    // A client has opened its calls itself: each ends once.
    let outcome = check("t_03_b_window_overflow_by_a_server");
    assert_eq!(outcome.report.said("RST_STREAM", "FLOW_CONTROL_ERROR"), 100);
    assert_eq!(outcome.report.outcomes.get("Internal"), Some(&100));
}

/// CVE-2019-9514: frames that have to be answered by RST_STREAM.
#[test]
fn t_04_reset_flood() {
    let outcome = too_many_resets("t_04_malformed_requests", 10_000);
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 10_000);
    outcome.stays_flat();
    // One reset for the peer's own, and one for the frame after it.
    let outcome = too_many_resets("t_04_data_on_closed_streams", 5_000);
    assert_eq!(outcome.report.said("RST_STREAM", "STREAM_CLOSED"), 5_000);
}

/// The same by a peer that does not read: 1,000 resets may wait behind what the socket's buffer has taken.
#[test]
fn t_04_reset_flood_unread() {
    let outcome = check("t_04_malformed_requests_unread");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_replies: streams are opened faster");
    let written = outcome.report.said("RST_STREAM", "PROTOCOL_ERROR");
    assert_eq!((u64::from(outcome.report.turns) - written, written.div_ceil(1000)), (1_001, 6));
}

/// CVE-2026-47244: our limit holds from the first octet on, acknowledged or not. Who has acknowledged it and goes beyond it
/// breaks the protocol.
#[test]
fn t_05_more_streams_than_allowed() {
    for (name, code, limit, refused) in [
        ("t_05_more_streams_than_allowed_before_the_ack", ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst", 10_000),
        ("t_05_more_streams_than_allowed", ErrorCode::PROTOCOL_ERROR, "max_streams_beyond_limit", 200),
    ] {
        let outcome = check(name);
        outcome.ends(code, limit);
        assert_eq!((outcome.report.shown, outcome.report.most_calls), (100, 100), "{name}");
        assert_eq!(outcome.report.said("RST_STREAM", "REFUSED_STREAM"), refused, "{name}");
        outcome.stays_flat();
    }
}

/// CVE-2015-8659: an idle stream is nothing but a number.
#[test]
fn t_06_idle_streams() {
    let outcome = check("t_06_priority_on_idle_streams");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!(outcome.report.turns, 80_001);
    outcome.stays_flat();
    let outcome = check("t_06_idle_streams_are_skipped");
    assert_eq!(outcome.report.shown, 100);
    outcome.stays_flat();
}

/// Ids that a client must not use; what our own client does near the last one is `h042_ids_run_out`.
#[test]
fn t_07_stream_ids() {
    check("t_07_even_stream").ends(ErrorCode::PROTOCOL_ERROR, "HEADERS on a stream that this peer cannot open");
    for name in ["t_07_lower_stream", "t_07_after_the_last_stream"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::PROTOCOL_ERROR, "a stream id below one used before");
        assert_eq!(outcome.report.turns, 1);
    }
}

/// Trailers that do not end, over and over: one call, one reset, and an end to it.
#[test]
fn t_08_repeated_headers() {
    let outcome = check("t_08_headers_again_and_again");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!((outcome.report.shown, outcome.report.said("RST_STREAM", "PROTOCOL_ERROR")), (1, 1));
    outcome.stays_flat();
    let outcome = too_many_resets("t_08_empty_blocks", 10_000);
    assert_eq!(outcome.report.shown, 0);
}

/// The ninth informational response ends the call, and 101 at once.
#[test]
fn t_09_informational_responses() {
    let outcome = check("t_09_informational_responses");
    // Eight are allowed, one resets, four more may have been under way. Without a call the client does not wait for the
    // last quarter of the guard.
    outcome.ends(ErrorCode::NO_ERROR, "glitch_burst");
    assert_eq!(outcome.report.turns, 8 + 1 + 4 + 7_500 + 1);
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 1);
    assert_eq!(outcome.report.outcomes.get("Internal"), Some(&1));
    outcome.stays_flat();
    let outcome = check("t_09_switching_protocols");
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 1);
    assert_eq!(outcome.report.outcomes.get("Internal"), Some(&1));
}

/// Push is off, and was from the first octet on.
#[test]
fn t_10_push_promise() {
    for name in [
        "t_10_push_promise",
        "t_10_push_promise_of_stream_zero",
        "t_10_push_promise_of_an_odd_stream_before_the_ack",
        "t_10_push_promise_by_a_client",
    ] {
        let outcome = check(name);
        outcome.ends(ErrorCode::PROTOCOL_ERROR, "PUSH_PROMISE");
        assert_eq!(outcome.report.turns, 1);
    }
}

/// CVE-2023-35945: many GOAWAYs, long ones, and ones that make no sense.
#[test]
fn t_11_goaway_games() {
    for name in ["t_11_goaway_flood", "t_11_goaway_flood_by_a_client"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
        assert_eq!(outcome.report.turns, 10_003, "{name}");
        outcome.stays_flat();
        assert!(outcome.report.outcomes.values().sum::<u64>() <= 1, "{name}");
    }
    // 8 MiB of debug data, of which 256 octets are kept.
    check("t_11_goaway_with_debug_data").stays_flat();
    check("t_11_goaway_that_rises").ends(ErrorCode::PROTOCOL_ERROR, "the last stream id of GOAWAY rose");
    check("t_11_goaway_of_an_even_stream").ends(ErrorCode::PROTOCOL_ERROR, "GOAWAY names a stream");
    check("t_11_goaway_with_the_reserved_bit");
}

/// What was under way when we reset a stream is dropped and credited; what cannot have been is charged.
#[test]
fn t_12_frames_on_closed_streams() {
    let outcome = check("t_12_late_data_after_our_reset");
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 100);
    // Nearly all of the 200 frames of 16 KiB was given back, and the rest is owed: less than half a call's window.
    let given = outcome.report.credit - (4 * 1024 * 1024 - 65_535);
    assert!((200 * 16_384 - 128 * 1024..=200 * 16_384).contains(&given), "{given}");

    let outcome = check("t_12_data_for_ever_after_our_reset");
    // One octet a frame: the window, four frames more, and then the guard, which a client without calls does not wait for
    // to the end.
    outcome.ends(ErrorCode::NO_ERROR, "glitch_burst");
    assert_eq!(outcome.report.turns, 1 + 65_535 + 4 + 7_500 + 1);
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 1);
    outcome.stays_flat();

    let outcome = check("t_12_small_frames_on_a_closed_stream");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert!(outcome.report.said.keys().all(|key| key.0 != "RST_STREAM"));
    outcome.stays_flat();

    let outcome = check("t_12_headers_after_the_response");
    assert_eq!(outcome.report.said("RST_STREAM", "STREAM_CLOSED"), 1);
}
