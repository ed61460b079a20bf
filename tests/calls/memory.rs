//! What a connection keeps: memory for octets that are there, and lines no longer than those who stand in them.

use crate::raw::{RESPONSE, Raw, client_config, framed, limits, server_config};
use crate::{BIDI, DOWNLOAD};
use grpc_sansio::frame::SettingId;
use grpc_sansio::testing::{Clock, Recorded};
use grpc_sansio::{CallId, Client, Item, Limits, OpenOptions, Server, ServerConfig};
use std::time::Duration;

/// What the connection holds more than before.
fn grown<R: Recorded>(raw: &Raw<R>, before: usize) -> usize {
    raw.it.heap_size().saturating_sub(before)
}

/// A window as small as it may be, and a budget for one message of 390,000 octets.
fn one_loan() -> Limits {
    limits(|limits| {
        (limits.call_window, limits.connection_window) = (65_535, 65_535 * 4);
        (limits.assembly_budget, limits.max_receive_message) = (400_000, Some(400_000));
    })
}

/// A client's call that has received the beginning of a message larger than its window.
fn begun(raw: &mut Raw<Client>, stream: u32) -> CallId {
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    raw.headers(stream, &RESPONSE, false);
    raw.data(stream, &framed(&vec![1; 390_000])[..100], false);
    id
}

/// Calls that stood in line for a loan and were cancelled do not pile up behind one that goes on waiting, however many
/// wait with it at first.
#[test]
fn cancelled_calls_do_not_pile_up_in_the_line_for_loans() {
    let mut raw = Raw::client_with(&client_config(one_loan()));
    let mut streams = (1u32..).step_by(2);
    let [_lent, _waits] = [0, 1].map(|_| begun(&mut raw, streams.next().unwrap()));
    let crowd: Vec<_> = (0..50).map(|_| begun(&mut raw, streams.next().unwrap())).collect();
    crowd.into_iter().for_each(|id| raw.it.call(id).unwrap().cancel());
    let mut churn = |raw: &mut Raw<Client>, calls: usize| {
        for stream in streams.by_ref().take(calls) {
            let id = begun(raw, stream);
            raw.it.call(id).unwrap().cancel();
        }
        raw.said();
        raw.it.heap_size()
    };
    let before = churn(&mut raw, 200);
    churn(&mut raw, 800);
    assert!(grown(&raw, before) < 4_096, "{} for 800 calls", grown(&raw, before));
}

/// A call that waits for a loan stands in line once, whatever else it receives meanwhile.
#[test]
fn a_call_stands_in_line_for_a_loan_once() {
    let mut raw = Raw::client_with(&client_config(one_loan()));
    let [_lent, _waits] = [1, 3].map(|stream| begun(&mut raw, stream));
    let before = raw.it.heap_size();
    (0..1_000).for_each(|_| raw.data(3, b"1", false));
    assert!(grown(&raw, before) < 4_096, "{} for 1,000 octets", grown(&raw, before));
}

/// Calls that were refused for the total of all queues and then cancelled do not pile up while it is full.
#[test]
fn cancelled_calls_do_not_pile_up_in_the_line_for_room() {
    let config = client_config(limits(|limits| {
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (1_000, 3_000);
    }));
    let mut raw = Raw::client_with(&config);
    raw.settings(&[(SettingId::INITIAL_WINDOW_SIZE, 0)]);
    let refused = |raw: &mut Raw<Client>| {
        let id = raw.open(&OpenOptions::new(&BIDI));
        let mut call = raw.it.call(id).unwrap();
        call.send(b"m".to_vec()).unwrap();
        assert!(call.send(vec![0; 900]).is_err());
        id
    };
    for _ in 0..3 {
        let id = raw.open(&OpenOptions::new(&BIDI));
        raw.it.call(id).unwrap().send(vec![0; 990]).unwrap();
    }
    raw.said();
    let crowd: Vec<_> = (0..50).map(|_| refused(&mut raw)).collect();
    crowd.into_iter().for_each(|id| raw.it.call(id).unwrap().cancel());
    let churn = |raw: &mut Raw<Client>, calls: usize| {
        for _ in 0..calls {
            let id = refused(raw);
            raw.it.call(id).unwrap().cancel();
        }
        raw.it.heap_size()
    };
    let before = churn(&mut raw, 200);
    churn(&mut raw, 1_000);
    assert!(grown(&raw, before) < 4_096, "{} for 1,000 calls", grown(&raw, before));
}

/// News of calls that were cancelled do not pile up while nobody polls, also after many of them came at once.
#[test]
fn unpolled_news_of_cancelled_calls_do_not_pile_up() {
    let mut raw = Raw::client();
    let crowd: Vec<_> = (0..100).map(|_| raw.request(&OpenOptions::new(&BIDI), b"m")).collect();
    (0..100).for_each(|n| raw.headers(2 * n + 1, &RESPONSE, false));
    crowd[1..].iter().for_each(|id| raw.it.call(*id).unwrap().cancel());
    let churn = |raw: &mut Raw<Client>, streams: core::ops::Range<u32>| {
        for stream in streams.step_by(2) {
            let id = raw.request(&OpenOptions::new(&BIDI), b"m");
            raw.headers(stream, &RESPONSE, false);
            raw.it.call(id).unwrap().cancel();
        }
        raw.said();
        raw.it.heap_size()
    };
    let before = churn(&mut raw, 201..601);
    churn(&mut raw, 601..2_601);
    assert!(grown(&raw, before) < 4_096, "{} for 1,000 calls", grown(&raw, before));
}

/// Memory that an encoder took on its way to a small message is kept neither with the message nor for the next.
#[test]
fn what_encoding_took_is_not_kept() {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    let before = raw.it.heap_size();
    for _ in 0..3 {
        let encode = |buffer: &mut Vec<u8>| {
            buffer.reserve(1 << 20);
            buffer.extend_from_slice(b"small");
        };
        raw.it.call(id).unwrap().send_with(5, encode).unwrap();
        assert!(grown(&raw, before) < 16_384, "{} for five octets, queued", grown(&raw, before));
        raw.said();
        assert!(grown(&raw, before) < 16_384, "{} afterwards", grown(&raw, before));
    }
}

/// T-48: small messages that come whole and are not read share a buffer that is a quarter larger than they are, at most.
#[test]
fn t_48_unread_small_messages_cost_a_quarter_more() {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    raw.opened();
    raw.data(1, &framed(&[1; 100]), false);
    // The buffer's own place, and the first message.
    let before = raw.it.heap_size() - 105;
    for held in (210..4_096).step_by(105) {
        raw.data(1, &framed(&[1; 100]), false);
        assert!(grown(&raw, before) <= held + held / 4, "{} for {held} octets", grown(&raw, before));
    }
}

/// A message in pieces takes the memory of what has arrived, though its window was lent for all of it.
#[test]
fn a_loan_takes_no_memory_before_its_octets() {
    let mut raw = Raw::client_with(&client_config(one_loan()));
    let id = begun(&mut raw, 1);
    let before = raw.it.heap_size();
    assert!(raw.it.lent() > 300_000);
    raw.data(1, &[1; 900], false);
    assert!(grown(&raw, before) < 4_096, "{} for 1,000 octets", grown(&raw, before));
    raw.it.call(id).unwrap().cancel();
}

/// A small message that comes in two pieces does not take the buffer that a large one has left.
#[test]
fn small_messages_in_pieces_do_not_hold_large_buffers() {
    let mut raw = Raw::server_with(&server_config(limits(|limits| limits.call_window = 1 << 20)));
    raw.request(1, &[], false);
    let reader = raw.opened();
    let (small, large) = (framed(&[2; 2_000]), framed(&vec![1; 200_000]));
    let calls: Vec<u32> = (3..23).step_by(2).collect();
    for stream in &calls {
        raw.request(*stream, &[], false);
        raw.opened();
    }
    let before = raw.it.heap_size();
    for stream in calls {
        large.chunks(16_384).for_each(|piece| raw.data(1, piece, false));
        assert!(matches!(raw.it.call(reader).unwrap().read(), Some(Item::Message(_))));
        raw.said();
        // Nobody reads it.
        raw.data(stream, &small[..1_000], false);
        raw.data(stream, &small[1_000..], false);
    }
    // What was large is spare once, and each call has its own 2,005 octets.
    assert!(grown(&raw, before) < 400_000, "{}", grown(&raw, before));
}

/// Timers count, in whatever order the deadlines come.
#[test]
fn timers_count_in_any_order() {
    let heap = |order: fn(u64) -> u64| {
        let mut raw = Raw::client();
        for n in 0..200 {
            let deadline = Clock::new().now().saturating_add(Duration::from_secs(1_000 + order(n)));
            let _id = raw.open(&OpenOptions::new(&BIDI).deadline(deadline));
        }
        raw.it.heap_size()
    };
    let (rising, falling) = (heap(|n| n), heap(|n| 200 - n));
    assert!(rising.abs_diff(falling) < 2_048, "{rising} and {falling}");
}

/// What a call holds for its application counts: a head that was not read, and the message behind it.
#[test]
fn what_waits_to_be_read_counts() {
    let mut raw: Raw<Server> = Raw::server_with(&ServerConfig::default());
    let before = raw.it.heap_size();
    raw.request(1, &[("long", &"x".repeat(10_000))], false);
    let head = grown(&raw, before);
    raw.data(1, &framed(&[0; 10_000]), false);
    assert!(head > 10_000 && grown(&raw, before) > head + 10_000, "{head}, {}", grown(&raw, before));
}
