//! Responses as a client sees them: cut short, with informational ones before them, in slots that were used before.

use crate::raw::{OK, RESPONSE, Raw, Seen, client_config, framed, limits};
use crate::traffic::METHODS;
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{CallLog, Cut, Pair, Rng, answer};
use grpc_sansio::{Client, OpenOptions, SendError, ServerConfig};
use proptest::prelude::*;

fn call(raw: &mut Raw<Client>, method: usize) -> grpc_sansio::CallId {
    raw.request(&OpenOptions::new(&METHODS[method]), b"request")
}

/// What ends a response that was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cutter {
    Eof,
    GoAway,
    Reset(ErrorCode),
    /// END_STREAM on an empty DATA frame.
    EndOfData,
}

/// L-15, L-36, G-061: a good response, cut at any octet and then ended by whatever can end it, is OK only where all of it
/// had come; the whole messages before the cut can be read, for kinds that show them.
#[test]
fn l_15_a_response_cut_at_any_octet() {
    let cutters = [
        Cutter::Eof,
        Cutter::GoAway,
        Cutter::Reset(ErrorCode::NO_ERROR),
        Cutter::Reset(ErrorCode::CANCEL),
        Cutter::EndOfData,
    ];
    for (method, kind) in METHODS.iter().map(Method::kind).enumerate() {
        for cutter in cutters {
            let run = |cut: Option<usize>| {
                let mut raw = Raw::client();
                let id = call(&mut raw, method);
                raw.collect();
                raw.headers(1, &RESPONSE, false);
                let heads = raw.collected();
                raw.collect();
                raw.data(1, &framed(b"first"), false);
                if kind.server_streams() {
                    raw.data(1, &framed(b"second"), false);
                }
                raw.headers(1, &OK, true);
                let wire = [heads, raw.collected()].concat();
                let cut = cut.unwrap_or(wire.len());
                raw.feed(&wire[..cut]);
                match cutter {
                    Cutter::Eof => raw.it.receive_eof(raw.now()),
                    Cutter::GoAway => {
                        raw.goaway(1, ErrorCode::NO_ERROR, b"");
                        raw.it.receive_eof(raw.now());
                    }
                    Cutter::Reset(code) => raw.reset(1, code),
                    Cutter::EndOfData => raw.data(1, b"", true),
                }
                // Octets that were taken for the rest of a frame leave the call open; then the transport ends too.
                raw.poll();
                raw.it.receive_eof(raw.now());
                raw.poll();
                let log = raw.log(id);
                assert!(raw.it.call(id).is_none(), "{cutter:?} after {cut} octets: no end");
                (log.code().expect("an end"), log.messages().count(), wire.len())
            };
            let (code, messages, whole) = run(None);
            let all = if kind.server_streams() { 2 } else { 1 };
            assert_eq!((code, messages), (Code::Ok, all), "{method} {cutter:?}");
            for cut in 0..whole {
                let (code, messages, _) = run(Some(cut));
                assert_ne!(code, Code::Ok, "{method} {cutter:?} after {cut} of {whole} octets");
                assert!(messages <= all);
            }
        }
    }
}

/// L-15, G-061, G-081: trailers that say OK are believed only behind whole messages, and as many as are due.
#[test]
fn l_15_trailers_inside_a_message() {
    for (method, kind) in METHODS.iter().map(Method::kind).enumerate() {
        let wire = [framed(b"first"), framed(b"second")].concat();
        for part in 0..=wire.len() {
            let mut raw = Raw::client();
            let id = call(&mut raw, method);
            raw.headers(1, &RESPONSE, false);
            raw.data(1, &wire[..part], false);
            raw.headers(1, &OK, true);
            raw.poll();
            let first = framed(b"first").len();
            let whole = if kind.server_streams() { [0, first, wire.len()].contains(&part) } else { part == first };
            assert_eq!(raw.log(id).code() == Some(Code::Ok), whole, "{method}: {part} octets of {}", wire.len());
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(200))]

    /// L-44, T-09: up to eight informational responses, with fields of any sort, before any kind of response, cut anyhow:
    /// the response is what it would have been without them.
    #[test]
    fn l_44_informational_responses_change_nothing(
        method in 0..4usize,
        informational in prop::collection::vec((100..200u32).prop_filter("no upgrade", |status| *status != 101), 0..9),
        only: bool,
        code in 0..17usize,
        cut in 1..60usize,
    ) {
        let run = |informational: &[u32], cut: usize| {
            let mut raw = Raw::client();
            let id = call(&mut raw, method);
            raw.collect();
            for status in informational {
                let status = status.to_string();
                raw.headers(1, &[(":status", &status), ("content-length", "99"), ("grpc-status", "3")], false);
            }
            let code = code.to_string();
            if only {
                raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("grpc-status", &code)], true);
            } else {
                raw.headers(1, &RESPONSE, false);
                raw.data(1, &framed(b"response"), false);
                raw.headers(1, &[("grpc-status", &code)], true);
            }
            raw.collected().chunks(cut).for_each(|piece| raw.feed(piece));
            raw.poll();
            assert_eq!((raw.it.calls(), raw.it.error()), (0, None));
            raw.log(id)
        };
        prop_assert_eq!(run(&informational, cut), run(&[], usize::MAX));
    }

    /// L-46: whatever became of the calls that used a slot before, a call in it goes as on a fresh connection.
    #[test]
    fn l_46_a_used_slot_is_as_good_as_new(seed: u64, before in 1..12usize) {
        let probe = |pair: &mut Pair| -> CallLog {
            pair.on_server(answer(Kind::BidiStreaming, |request| {
                (request.messages().map(|message| message[..message.len() / 2].to_vec()).collect(), Status::new(Code::Aborted, "as agreed"))
            }));
            let mut metadata = Metadata::new();
            metadata.append("probe", "yes").unwrap();
            let id = pair.open(&OpenOptions::new(&METHODS[3]).metadata(&metadata)).unwrap();
            let mut call = pair.client.call(id).unwrap();
            [0, 3, 5_000].into_iter().for_each(|size| call.send(vec![1; size]).unwrap());
            call.half_close().unwrap();
            pair.drive();
            pair.client_log.call(id).cloned().expect("an end")
        };
        let mut pair = Pair::new(seed);
        pair.watch();
        let fresh = probe(&mut pair);

        let mut pair = Pair::new(seed);
        pair.watch();
        pair.cut(Cut::Random);
        let mut rng = Rng::new(seed);
        // A server that ends calls in any state, and leaves some to be cancelled.
        let mut chance = rng.fork();
        pair.on_server(move |_, server, event| {
            if let grpc_sansio::Event::Opened(id) | grpc_sansio::Event::Readable(id) | grpc_sansio::Event::Stopped(id) = event
                && let Some(mut call) = server.call(id)
            {
                let _ = call.read();
                let _ = call.send(vec![9; 20_000]);
                match chance.below(6) {
                    0 => call.reset(ErrorCode::INTERNAL_ERROR).unwrap(),
                    1 => call.finish(&Status::ok(), &Metadata::new()),
                    _ if call.stopped().is_some() => call.release(),
                    _ => {}
                }
            }
        });
        for _ in 0..before {
            let id = pair.open(&OpenOptions::new(&METHODS[rng.below(4)])).unwrap();
            let mut call = pair.client.call(id).unwrap();
            let _ = call.send(vec![8; rng.below(100_000)]);
            let _ = call.half_close();
            (0..rng.below(12)).for_each(|_| _ = pair.step());
            pair.client.call(id).into_iter().for_each(|call| call.cancel());
        }
        pair.drive();
        prop_assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
        prop_assert_eq!(probe(&mut pair), fresh);
    }

    /// L-47, H-014: a header list of any length goes out in frames that the peer accepts, each with octets in it (the
    /// observer of the pair looks at every frame), and arrives whole.
    #[test]
    fn l_47_long_header_lists_make_progress(
        size in prop_oneof![0..70_000usize, (1..5usize, 0..200usize).prop_map(|(frames, more)| 16_384 * frames + more - 100)],
        one_by_one: bool,
    ) {
        let limits = limits(|limits| {
            (limits.max_header_list, limits.max_header_block, limits.held_headers) = (200_000, 200_000, 400_000);
        });
        let server = ServerConfig::builder().limits(limits.clone()).build().unwrap();
        let mut pair = Pair::with(&client_config(limits), &server, 47);
        pair.watch();
        pair.cut(if one_by_one { Cut::AtMost(1_000) } else { Cut::Whole });
        pair.drive();
        let mut metadata = Metadata::new();
        // Values that header compression can do nothing about.
        let mut rng = Rng::new(size as u64);
        let long: String = (0..size).map(|_| char::from(b"\\^|~<>{}"[rng.below(8)])).collect();
        metadata.append("long", &long).unwrap();
        pair.open(&OpenOptions::new(&METHODS[3]).metadata(&metadata)).unwrap();
        pair.drive();
        let (_, log) = pair.server_log.calls().next().expect("arrived");
        prop_assert_eq!(log.metadata().and_then(|metadata| metadata.get("long")), Some(&long[..]));
    }

    /// L-48, H-130: a body shorter or longer than its content-length is never taken for whole, whatever ends it.
    #[test]
    fn l_48_content_length_is_kept_to(length in 0..40usize, announced in 0..40usize, by_trailers: bool, cut in 1..30usize) {
        let mut raw = Raw::client();
        let id = call(&mut raw, 2);
        let body: Vec<u8> = framed(&vec![1; length]);
        let announced = announced + 5;
        let text = announced.to_string();
        raw.collect();
        raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("content-length", &text)], false);
        raw.data(1, &body, !by_trailers);
        if by_trailers {
            raw.headers(1, &OK, true);
        }
        raw.collected().chunks(cut).for_each(|piece| raw.feed(piece));
        raw.poll();
        let log = raw.log(id);
        let whole = body.len() == announced;
        prop_assert_eq!(log.code() == Some(Code::Ok), whole && by_trailers, "{:?}", log);
        prop_assert!(raw.it.error().is_none() && raw.it.call(id).is_none());
    }

    /// L-14: a response that is complete stays so, whatever RST_STREAM follows it, and however the two are cut; our own half
    /// learns of the end.
    #[test]
    fn l_14_a_complete_response_survives_any_reset(
        method in 0..4usize,
        sizes in prop::collection::vec(0..3_000usize, 1..5),
        ok: bool,
        code in prop_oneof![0..16u32, any::<u32>()],
        cut in 1..300usize,
    ) {
        let kind = METHODS[method].kind();
        let sizes = &sizes[..if kind.server_streams() { sizes.len() } else { 1 }];
        let mut raw = Raw::client();
        let id = call(&mut raw, method);
        raw.collect();
        raw.headers(1, &RESPONSE, false);
        sizes.iter().for_each(|size| raw.data(1, &framed(&vec![7; *size]), false));
        raw.headers(1, &[("grpc-status", if ok { "0" } else { "10" })], true);
        raw.reset(1, ErrorCode(code));
        raw.collected().chunks(cut).for_each(|piece| raw.feed(piece));
        let ended = matches!(raw.it.call(id).unwrap().send(vec![1]), Err(SendError::Ended(_) | SendError::Misuse(_)));
        prop_assert!(ended);
        raw.poll();
        let log = raw.log(id);
        // G-082: a single message gives way to a status that is not OK.
        let shown = if ok || kind.server_streams() { sizes } else { &[] };
        prop_assert_eq!(log.code(), Some(if ok { Code::Ok } else { Code::Aborted }));
        prop_assert_eq!(log.messages().map(<[u8]>::len).collect::<Vec<_>>(), shown);
        prop_assert!(!log.is_unprocessed() && raw.it.error().is_none());
    }

    /// L-38, G-059: whatever SETTINGS_MAX_HEADER_LIST_SIZE the peer has, the call ends, and no list beyond it is said.
    #[test]
    fn l_38_whatever_header_list_fits(limit in 0..500u32, value in 0..200usize, text in 0..200usize, after_message: bool) {
        let mut metadata = Metadata::new();
        metadata.append("key", &"v".repeat(value)).unwrap();
        let list = |seen: &Seen| match seen {
            Seen::Headers { fields, .. } => fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum(),
            _ => 0,
        };
        let mut raw = Raw::client();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.said();
        let id = raw.open(&OpenOptions::new(&METHODS[0]).metadata(&metadata));
        raw.it.call(id).unwrap().send(b"m".to_vec()).unwrap();
        let said = raw.said();
        raw.poll();
        let refused = raw.log(id).code() == Some(Code::ResourceExhausted);
        prop_assert_eq!(said.is_empty(), refused, "{:?}", said);
        prop_assert!(said.iter().all(|seen| list(seen) <= limit as usize));

        let mut raw = Raw::server();
        raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, limit)]);
        raw.said();
        raw.request(1, &[], true);
        let id = raw.opened();
        if after_message {
            raw.it.call(id).unwrap().send(vec![1]).unwrap();
        }
        raw.it.call(id).unwrap().finish(&Status::new(Code::Aborted, "m".repeat(text)), &metadata);
        let said = raw.said();
        prop_assert!(said.iter().all(|seen| list(seen) <= limit as usize), "{:?}", said);
        let over = said.iter().any(|seen| matches!(seen, Seen::Reset(..) | Seen::Headers { end: true, .. }));
        prop_assert!(over, "{:?}", said);
        raw.poll();
        prop_assert_eq!(raw.it.calls(), 0);
    }
}
