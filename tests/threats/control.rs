//! 1B: floods of control frames, and games with settings.

use crate::attacks::Wire;
use crate::meter::check;
use bytes::Buf;
use grpc_sansio::frame::{ErrorCode, HEAD_LEN, Head, Kind, PREFACE};
use grpc_sansio::grpc::{self, Method};
use grpc_sansio::{Client, ClientConfig, Connection, Instant, Item, OpenOptions, WriteBuf};
use std::time::Duration;

/// CVE-2019-9512: a server ends it at the fourth PING. Where it permits any number, and on a client: answered while the peer
/// reads, bounded while it does not, and ended by a guard.
#[test]
fn t_13_ping_flood() {
    for name in ["t_13_ping_flood", "t_13_ping_flood_by_a_server"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
        assert_eq!(outcome.report.said("PING", "ACK"), 80_000, "{name}");
        outcome.stays_flat();
    }
    let outcome = check("t_13_ping_strikes");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "too_many_pings");
    assert_eq!((outcome.report.turns, outcome.report.said("PING", "ACK")), (4, 3));
    let outcome = check("t_13_answers_to_no_ping");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    outcome.stays_flat();
}

#[test]
fn t_13_ping_flood_unread() {
    let outcome = check("t_13_ping_flood_unread");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_replies");
    assert_eq!(u64::from(outcome.report.turns) - outcome.report.said("PING", "ACK"), 1_001);
}

/// CVE-2019-9515: one glitch each after the first four; acknowledgements that wait are a number.
#[test]
fn t_14_settings_flood() {
    for name in ["t_14_settings_flood", "t_14_settings_flood_unread"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
        // The first of the four was the handshake's.
        assert_eq!(outcome.report.turns, 3 + 10_000 + 1, "{name}");
    }
}

/// CVE-2020-11080, and the same within the limit: windows move once a frame.
#[test]
fn t_15_large_settings() {
    let outcome = check("t_15_large_settings");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_settings_entries");
    assert_eq!(outcome.report.turns, 1);
    let outcome = check("t_15_alternating_settings");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    // A frame costs one glitch, and a sixteenth for each call: 100 are open.
    let turns = outcome.report.turns;
    assert!((1_300..1_500).contains(&turns), "{turns}");
    outcome.stays_flat();
}

#[test]
fn t_16_settings_ack_games() {
    check("t_16_ack_of_nothing").ends(ErrorCode::PROTOCOL_ERROR, "SETTINGS ACK without SETTINGS");
    check("t_16_ack_with_a_payload").ends(ErrorCode::FRAME_SIZE_ERROR, "SETTINGS with ACK is not empty");
    let outcome = check("t_16_never_an_ack");
    outcome.ends(ErrorCode::SETTINGS_TIMEOUT, "settings_ack_timeout");
    // 10 s, and 100 ms a turn.
    assert_eq!(outcome.report.turns, 100);
}

/// Increments of zero, too much at once or by and by, and the reserved bit.
#[test]
fn t_17_window_update_values() {
    check("t_17_update_of_zero").ends(ErrorCode::PROTOCOL_ERROR, "window increment is 0");
    check("t_17_overflow").ends(ErrorCode::FLOW_CONTROL_ERROR, "WINDOW_UPDATE takes the window past 2^31 - 1");
    let outcome = check("t_17_overflow_by_steps");
    outcome.ends(ErrorCode::FLOW_CONTROL_ERROR, "WINDOW_UPDATE takes the window past 2^31 - 1");
    assert_eq!(outcome.report.turns, 16);
    check("t_17_reserved_bit");
}

/// An octet of credit at a time: charged where nobody waits for it, and one call's turn each where some do.
#[test]
fn t_17_window_update_flood() {
    let outcome = check("t_17_update_flood");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!(outcome.report.turns, 80_001);
    outcome.stays_flat();
    let outcome = check("t_17_update_flood_with_blocked_calls");
    assert!(outcome.report.most_calls >= 85, "{}", outcome.report.most_calls);
    outcome.stays_flat();
}

/// CVE-2019-9517: each swing is charged by the streams that it moves.
#[test]
fn t_18_window_swings() {
    let outcome = check("t_18_window_swings");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    let turns = outcome.report.turns;
    assert!((1_300..2_000).contains(&turns), "{turns}");
    outcome.stays_flat();
    check("t_18_window_of_two_to_the_31").ends(ErrorCode::FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE");
    check("t_18_window_past_two_to_the_31").ends(ErrorCode::FLOW_CONTROL_ERROR, "INITIAL_WINDOW_SIZE takes a window");
    let outcome = check("t_18_windows_below_zero");
    // Nothing was sent after the window of the connection was used up.
    assert_eq!(outcome.report.said("DATA", ""), 16);
}

/// CVE-2026-33814.
#[test]
fn t_19_max_frame_size_out_of_range() {
    for value in [0, 16_383, 16_777_216, u32::MAX] {
        let outcome = check(&format!("t_19_max_frame_size_of_{value}"));
        outcome.ends(ErrorCode::PROTOCOL_ERROR, "SETTINGS_MAX_FRAME_SIZE is out of range");
    }
}

/// The peer's table size never makes ours larger, and swings leave two updates at most.
#[test]
fn t_20_header_table_games() {
    let outcome = check("t_20_header_table_swings");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!(outcome.report.size_updates, 2);
    outcome.stays_flat();
    let outcome = check("t_20_header_table_of_4_gib");
    assert_eq!(outcome.report.size_updates, 0);
    outcome.stays_flat();
}

/// CVE-2025-1948, CVE-2026-50560: nothing is allocated for what the peer accepts, and where it accepts nothing each call
/// still ends once.
#[test]
fn t_21_max_header_list_size_games() {
    let outcome = check("t_21_max_header_list_size_of_1");
    assert_eq!(outcome.report.said("RST_STREAM", "INTERNAL_ERROR"), outcome.report.shown);
    assert_eq!((outcome.report.said("HEADERS", ""), outcome.report.most_calls), (0, 0));
    let outcome = check("t_21_max_header_list_size_of_4_gib");
    assert_eq!(outcome.report.grpc.get("0"), Some(&outcome.report.shown));
    outcome.stays_flat();
}

/// Less than is in flight: nothing is opened, nothing is lost.
#[test]
fn t_22_no_streams_allowed() {
    let outcome = check("t_22_no_streams_allowed");
    assert_eq!((outcome.report.said("HEADERS", ""), outcome.report.most_calls), (100, 100));
    outcome.stays_flat();
}

/// What lies above the limit is looked through, and that is charged by its number: a glitch and a sixteenth for each.
#[test]
fn t_22_limit_swings() {
    let outcome = check("t_22_limit_swings");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    let turns = outcome.report.turns;
    assert!((1_300..1_500).contains(&turns), "{turns}");
}

/// CVE-2019-9511 to -9517 in one: 10 MB are offered, and the connection ends long before.
#[test]
fn t_23_replies_that_nobody_reads() {
    let outcome = check("t_23_replies_that_nobody_reads");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_replies");
}

/// CVE-2019-9513: there is no tree.
#[test]
fn t_24_priority() {
    let outcome = check("t_24_priority_flood");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!(outcome.report.turns, 80_001);
    outcome.stays_flat();
    check("t_24_headers_with_priority").stays_flat();
    check("t_24_headers_on_itself").ends(ErrorCode::PROTOCOL_ERROR, "stream depends on itself");
}

/// CVE-2026-27141: 246 types, four lengths, four kinds of stream.
#[test]
fn t_25_unknown_frames() {
    let outcome = check("t_25_unknown_frames");
    assert_eq!((outcome.report.turns, outcome.report.emitted), (3_936, 0));
    outcome.stays_flat();
    let outcome = check("t_25_unknown_frame_in_a_header_block");
    outcome.ends(ErrorCode::PROTOCOL_ERROR, "a header block is interrupted");
}

/// An eighth of a glitch each, and one more for 16 KiB.
#[test]
fn t_26_frames_that_make_no_progress() {
    for name in ["t_26_tiny_unknown_frames", "t_26_tiny_unknown_frames_by_a_server"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
        assert_eq!(outcome.report.turns, 80_001, "{name}");
        outcome.stays_flat();
    }
    let outcome = check("t_26_large_unknown_frames");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "glitch_burst");
    assert_eq!(outcome.report.turns, 80_000 / 9 + 1);
    outcome.stays_flat();
}

/// What a client says now, as frames.
fn frames_of(client: &mut Connection<Client>, now: Instant) -> Vec<Head> {
    let mut output = WriteBuf::with_target(usize::MAX);
    client.transmit(now, &mut output);
    let len = output.len();
    let octets = output.copy_to_bytes(len);
    let mut rest = octets.strip_prefix(PREFACE).unwrap_or(&octets);
    let mut heads = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<HEAD_LEN>() {
        let head = Head::parse(head);
        rest = &after[head.length as usize..];
        heads.push(head);
    }
    heads
}

/// A client that has heard these settings.
fn client_told(settings: &[(u16, u32)]) -> Connection<Client> {
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&ClientConfig::builder("a").build().unwrap(), now);
    frames_of(&mut client, now);
    let mut wire = Wire::default();
    wire.settings(settings);
    wire.settings_ack();
    client.receive(now, &wire.octets);
    client
}

static METHOD: Method = Method::from_static("/a/b", grpc::Kind::Unary);

/// 60 KB of header block leave in four frames that any peer takes, though this one takes larger ones.
#[test]
fn t_19_long_header_blocks_are_few_frames() {
    let now = Instant::from_nanos(0);
    let mut client = client_told(&[(5, 0xff_ffff)]);
    let mut metadata = grpc::Metadata::new();
    for n in 0..60 {
        // `!` is no shorter in Huffman code.
        metadata.append(format!("x-{n}").as_str(), "!".repeat(1000).as_str()).unwrap();
    }
    client.open(now, &OpenOptions::new(&METHOD).metadata(&metadata)).unwrap();
    let blocks: Vec<_> = frames_of(&mut client, now)
        .into_iter()
        .filter(|head| matches!(head.kind, Kind::HEADERS | Kind::CONTINUATION))
        .collect();
    let octets: u32 = blocks.iter().map(|head| head.length).sum();
    assert!(octets > 60_000, "{octets}");
    assert!(blocks.len() <= 5 && blocks.iter().all(|head| head.length > 0), "{blocks:?}");
}

/// A server that allows no streams: a hundred calls wait and say nothing, and their deadlines pass all the same; then it
/// allows some, and those opened meanwhile go, in order.
#[test]
fn t_22_calls_wait_and_time_out() {
    let mut now = Instant::from_nanos(0);
    let mut client = client_told(&[(3, 0)]);
    let patient = client.open(now, &OpenOptions::new(&METHOD)).unwrap();
    let deadline = now.saturating_add(Duration::from_secs(1));
    let ids: Vec<_> =
        (0..100).map(|_| client.open(now, &OpenOptions::new(&METHOD).deadline(deadline)).unwrap()).collect();
    ids.iter().chain([&patient]).for_each(|id| client.call(*id).unwrap().send(b"hello".to_vec()).unwrap());
    assert!(frames_of(&mut client, now).iter().all(|head| head.kind == Kind::SETTINGS));
    now = client.poll_timeout().unwrap();
    assert_eq!(now, deadline);
    client.handle_timeout(now);
    while client.poll_event().is_some() {}
    for id in ids {
        let mut call = client.call(id).unwrap();
        let Some(Item::End(outcome)) = call.read() else { panic!("an end") };
        assert_eq!(outcome.status().code(), grpc::Code::DeadlineExceeded);
    }
    assert_eq!(client.calls(), 1);
    let mut wire = Wire::default();
    wire.settings(&[(3, 1)]);
    client.receive(now, &wire.octets);
    let streams: Vec<_> = frames_of(&mut client, now).iter().map(|head| (head.kind, head.stream.get())).collect();
    assert_eq!(streams, [(Kind::SETTINGS, 0), (Kind::HEADERS, 1), (Kind::DATA, 1)]);
}
