//! A handler under fuzz: any request, any metadata, any way to cut what arrives, and any octets at all, without a fuzzing
//! engine and on stable Rust.
//!
//! `cargo run --example fuzz_handler --features arbitrary -- --runs 10000 --seed 7`
//!
//! [`fuzz_one`] is what a target of `cargo fuzz` would call: `fuzz_target!(|octets: &[u8]| { fuzz_one(octets); });`

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

use arbitrary::{Arbitrary, Unstructured};
use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{Chunking, Cut, Pair, Received, Rng, answer};
use grpc_sansio::{Connection, Event, Instant, OpenOptions, Server, ServerConfig, WriteBuf};
use std::collections::BTreeMap;

static SUM: Method = Method::from_static("/calculator.Calculator/Sum", Kind::ClientStreaming);

/// The handler under test: adds up decimal numbers, one in each message.
fn sum(request: &Received) -> (Vec<Vec<u8>>, Status) {
    let mut total: i64 = 0;
    for message in request.messages() {
        let number = std::str::from_utf8(message).ok().and_then(|text| text.trim().parse::<i64>().ok());
        // Try `total += number`: a few thousand runs find the input that overflows.
        match number.map(|number| total.checked_add(number)) {
            None => return (Vec::new(), Status::new(Code::InvalidArgument, "not a number")),
            Some(None) => return (Vec::new(), Status::new(Code::OutOfRange, "the sum is too large")),
            Some(Some(sum)) => total = sum,
        }
    }
    (vec![total.to_string().into_bytes()], Status::ok())
}

/// A message: a number, mostly, some of them at the edges of what fits.
fn message(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    Ok(match u.int_in_range(0..=7)? {
        0 => Vec::arbitrary(u)?,
        1 => i64::MAX.to_string().into_bytes(),
        2 => i64::MIN.to_string().into_bytes(),
        _ => i32::arbitrary(u)?.to_string().into_bytes(),
    })
}

/// Draws a call from the octets, makes it, and checks what must hold whatever was drawn. Returns how the call ended.
fn fuzz_one(octets: &[u8]) -> Code {
    // Too few octets for a call are none.
    call_of(Unstructured::new(octets)).unwrap_or(Code::Cancelled)
}

fn call_of(mut u: Unstructured<'_>) -> arbitrary::Result<Code> {
    let (metadata, cut) = (Metadata::arbitrary(&mut u)?, Cut::arbitrary(&mut u)?);
    let messages = (0..u.int_in_range(0..=4)?).map(|_| message(&mut u)).collect::<arbitrary::Result<Vec<_>>>()?;

    let mut pair = Pair::new(u.arbitrary()?);
    pair.cut(cut);
    pair.on_server(answer(SUM.kind(), sum));
    let id = pair.open(&OpenOptions::new(&SUM).metadata(&metadata)).expect("metadata that may be sent");
    let mut call = pair.client.call(id).expect("a call just opened");
    for message in &messages {
        call.send(message.clone()).expect("the queue has room for these");
    }
    call.half_close().expect("once");
    pair.drive();

    let log = pair.client_log.call(id).expect("every call ends");
    let code = log.code().expect("with a status");
    let numbers: Option<Vec<i128>> =
        messages.iter().map(|message| std::str::from_utf8(message).ok()?.trim().parse().ok()).collect();
    match (code, numbers) {
        (Code::Ok, Some(numbers)) => {
            let expected = numbers.iter().sum::<i128>().to_string();
            assert_eq!(log.messages().collect::<Vec<_>>(), [expected.as_bytes()]);
        }
        (Code::InvalidArgument | Code::OutOfRange, _) => assert_eq!(log.messages().count(), 0),
        (code, numbers) => panic!("{code} for {numbers:?}"),
    }
    assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0), "nothing is left of the call");

    // The rest of the octets, raw: whatever they are, the server with its handler neither panics nor hangs.
    let chunking = Chunking::arbitrary(&mut u)?;
    raw(u.take_rest(), &chunking);
    Ok(code)
}

fn raw(octets: &[u8], chunking: &Chunking) {
    let now = Instant::from_nanos(0);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);
    let (mut handler, mut output) = (answer(SUM.kind(), sum), WriteBuf::new());
    server.receive(now, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    for piece in chunking.pieces(octets) {
        server.receive(now, piece);
        while let Some(event) = server.poll_event() {
            if event != Event::Closed {
                handler(now, &mut server, event);
            }
        }
        server.transmit(now, &mut output);
        output.advance(output.len());
    }
    server.receive_eof(now);
    while let Some(event) = server.poll_event() {
        handler(now, &mut server, event);
    }
    assert_eq!(server.calls(), 0, "nothing is left of any call");
}

fn main() {
    let number = |name: &str, or: u64| {
        let mut arguments = std::env::args().skip_while(|argument| argument != name);
        arguments.nth(1).map_or(or, |value| value.parse().expect("a number"))
    };
    let (mut rng, runs) = (Rng::new(number("--seed", 1)), number("--runs", 2_000));
    let mut ends: BTreeMap<Code, u32> = BTreeMap::new();
    for _ in 0..runs {
        let octets: Vec<u8> = (0..rng.below(400)).map(|_| rng.next_u64() as u8).collect();
        *ends.entry(fuzz_one(&octets)).or_default() += 1;
    }
    ends.iter().for_each(|(code, count)| println!("{count:>8} x {code}"));
}
