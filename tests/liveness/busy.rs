//! L-13: no verb says "again" unless it took, gave or told something, or set a later deadline.

use crate::raw::{Raw, framed};
use crate::traffic::METHODS;
use grpc_sansio::frame::{Flags, HEAD_LEN, Head, Kind, StreamId};
use grpc_sansio::hpack::{Encoder, Field};
use grpc_sansio::testing::Recorded;
use grpc_sansio::{Connection, Instant, OpenOptions, Role, WriteBuf};
use proptest::prelude::*;
use std::time::Duration;

/// A header block that leaves no trace in any table.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
    Encoder::new(0, 0).encode(fields, &mut block);
    block
}

/// Frames of any kind, from proper ones to noise, on a few streams.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let request =
        [(":method", "POST"), (":scheme", "http"), (":path", "/a/b"), (":authority", "a"), ("te", "trailers")];
    let grpc = ("content-type", "application/grpc");
    let with = |fields: &[(&str, &str)], more| block(&[fields, more].concat());
    let blocks = [
        with(&request, &[grpc, ("grpc-timeout", "3S")]),
        with(&request, &[("content-type", "text/html")]),
        with(&request[1..], &[]),
        block(&[(":status", "200"), grpc]),
        block(&[(":status", "503")]),
        block(&[("grpc-status", "0")]),
        vec![0xff; 9],
    ];
    let stream = prop_oneof![8 => (0..5u32).prop_map(|n| 2 * n + 1), 1 => 0..12u32];
    let payload = prop_oneof![
        (0..40usize).prop_map(|size| framed(&vec![1; size])),
        prop::collection::vec(any::<u8>(), 0..30),
        (1..2_000u32).prop_map(|value| value.to_be_bytes().to_vec()),
        Just(vec![0; 8]),
    ];
    let flags = prop_oneof![4 => Just(Flags::END_HEADERS), 2 => Just(Flags(5)), 2 => Just(Flags::NONE), 1 => any::<u8>().prop_map(Flags)];
    (0..24u8, stream, flags, payload, prop::sample::select(blocks.to_vec())).prop_map(
        |(kind, stream, flags, payload, block)| {
            let kind = [0, 1, 1, 1, 1, 1, 0, 0, 0, 2, 3, 3, 4, 5, 6, 7, 8, 8, 8, 8, 9, 9, 42, 1][usize::from(kind)];
            let (payload, stream) = match kind {
                1 | 9 => (block, stream),
                3 | 8 => (payload.into_iter().chain([0; 4]).take(4).collect(), stream),
                4 | 6 | 7 => (payload, 0),
                _ => (payload, stream),
            };
            // Noise on SETTINGS, PING and GOAWAY would end most runs at once.
            let payload = match kind {
                4 => vec![0, 4, 0, 0, payload.first().copied().unwrap_or(9), 1],
                6 => vec![7; 8],
                7 => vec![0; 8],
                _ => payload,
            };
            let flags = if matches!(kind, 4 | 6) { Flags::NONE } else { flags };
            let head = Head { length: payload.len() as u32, kind: Kind(kind), flags, stream: StreamId::new(stream) };
            [&head.encode()[..], &payload].concat()
        },
    )
}

/// Takes all that there is, and counts; then there must be nothing.
fn is_at_rest<R: Role>(it: &mut Connection<R>, now: Instant) {
    let (mut events, most) = (0, 8 + 4 * it.calls());
    while it.poll_event().is_some() {
        events += 1;
        assert!(events <= most, "{events} events without a verb, with {} calls", it.calls());
    }
    let mut output = WriteBuf::with_target(usize::MAX);
    it.transmit(now, &mut output);
    assert!(!it.wants_transmit(), "all was said");
    let said = output.len();
    it.transmit(now, &mut output);
    assert_eq!(output.len(), said, "said it again");
    it.handle_timeout(now);
    assert!(it.poll_timeout().is_none_or(|next| next > now), "a timer in the past");
}

/// Lets all timers fire; there is an end to them.
fn comes_to_rest<R: Role>(it: &mut Connection<R>, mut now: Instant) {
    let mut most = 20 + 6 * it.calls();
    while let Some(next) = it.poll_timeout() {
        assert!(next > now, "a timer in the past");
        most = most.checked_sub(1).expect("timers without an end");
        now = next;
        it.handle_timeout(now);
        is_at_rest(it, now);
    }
}

fn run<R: Recorded>(mut raw: Raw<R>, frames: &[Vec<u8>], read: &[bool]) {
    for (frame, read) in frames.iter().zip(read.iter().cycle()) {
        assert!(frame.len() >= HEAD_LEN);
        raw.feed(frame);
        if *read {
            raw.poll();
        }
        let now = raw.now();
        // On a copy, so that what waits goes on waiting.
        is_at_rest(&mut raw.it.clone(), now);
        raw.said();
        raw.sleep(Duration::from_millis(10));
    }
    let now = raw.now();
    comes_to_rest(&mut raw.it, now);
    raw.it.receive_eof(now);
    comes_to_rest(&mut raw.it, now);
}

proptest! {
    #![proptest_config(crate::cases(400))]

    /// Whatever a peer says, proper or not, and whether the application reads or not: events, output and timers come to
    /// an end at each point. The audit and the observer of `raw` look at every frame.
    #[test]
    fn l_13_everything_comes_to_rest(
        server: bool,
        frames in prop::collection::vec(frame(), 1..60),
        read in prop::collection::vec(any::<bool>(), 1..8),
    ) {
        if server {
            run(Raw::server(), &frames, &read);
        } else {
            let mut raw = Raw::client();
            for method in &METHODS {
                let options = OpenOptions::new(method).deadline(Instant::from_nanos(5_000_000_000));
                let id = raw.open(&options);
                raw.it.call(id).unwrap().send(vec![1; 100_000]).unwrap();
            }
            raw.said();
            run(raw, &frames, &read);
        }
    }
}
