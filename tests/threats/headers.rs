//! 1C: header blocks, and their compression. Each representation, limit and error has tests of its own in `tests/rfc7541`.

use crate::attacks::{ALL, After, Meter, Run, Wire};
use crate::meter::{check, find};
use grpc_sansio::frame::{ErrorCode, Flags};
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoder, Encoder, Field, FieldBlock};
use grpc_sansio::{ClientConfig, Connection, Event, Instant, OpenOptions, Server, ServerConfig, WriteBuf};

const GENEROUS: BlockLimits =
    BlockLimits { max_list_size: 1 << 20, max_fields: 10_000, abuse_list_size: 1 << 21, abuse_fields: 20_000 };

/// CVE-2016-6581: 12,000 references to an entry of 4 KiB end the connection; some to a shorter one end their call.
#[test]
fn t_27_hpack_bomb() {
    let outcome = check("t_27_bomb_of_long_fields");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "header_abuse: a header list");
    let outcome = check("t_27_bombs_below_abuse");
    assert_eq!(outcome.report.http.get("431"), Some(&u64::from(outcome.report.turns)));
    outcome.stays_flat();
}

/// CVE-2026-49975: fields that are cheap to send and dear to keep, crumbs of cookies, and large lists that nobody reads.
#[test]
fn t_28_http2_bomb() {
    let outcome = check("t_28_bombs_of_short_fields");
    // Each call holds 4 KiB as the list is counted, less 512 octets; what does not fit is refused.
    let refused = outcome.report.said("RST_STREAM", "REFUSED_STREAM");
    assert_eq!((outcome.report.shown, refused), (70, 100 - 70));
    let outcome = check("t_28_cookie_crumbs");
    assert_eq!(outcome.report.http.get("431"), Some(&u64::from(outcome.report.turns)));
    let outcome = check("t_28_held_headers");
    // 256 KiB of lists of 15 KiB.
    assert_eq!(outcome.report.shown, 17);
    assert_eq!(outcome.report.said("RST_STREAM", "REFUSED_STREAM"), u64::from(outcome.report.turns) - 17);
}

/// CVE-2019-9516: a field of no octets counts 32, and is one of 128.
#[test]
fn t_29_zero_length_headers() {
    check("t_29_fields_without_octets").ends(ErrorCode::ENHANCE_YOUR_CALM, "header_abuse");
    let outcome = check("t_29_empty_name");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), 10_000);
    let outcome = check("t_29_field_129");
    assert_eq!(outcome.report.http.get("431"), Some(&u64::from(outcome.report.turns)));
}

/// CVE-2024-27316 and its kin: the ninth CONTINUATION is one too many, on whatever stream.
#[test]
fn t_30_continuation_flood() {
    for name in [
        "t_30_continuation_flood",
        "t_30_continuation_flood_on_a_refused_stream",
        "t_30_continuation_flood_on_a_reset_stream",
    ] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_continuations");
        assert_eq!(outcome.report.turns, 9, "{name}");
    }
    let outcome = check("t_30_long_continuations");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_header_block");
    assert_eq!(outcome.report.turns, 4);
}

/// CVE-2026-33871: frames count, not octets.
#[test]
fn t_31_empty_continuation_flood() {
    for name in ["t_31_empty_continuation_flood", "t_31_empty_continuation_flood_by_a_server"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "max_continuations");
        assert_eq!(outcome.report.turns, 9, "{name}");
    }
    check("t_31_empty_headers_over_and_over").ends(ErrorCode::PROTOCOL_ERROR, "a header block is interrupted");
}

/// CVE-2022-41723: a block is decoded once, when it is complete. `benches/run --threats` counts.
#[test]
fn t_32_quadratic_decoding() {
    let outcome = check("t_32_huffman_an_octet_a_read");
    assert_eq!(outcome.report.http.get("431"), Some(&u64::from(outcome.report.turns)));
    check("t_32_longest_block_an_octet_a_read").ends(ErrorCode::ENHANCE_YOUR_CALM, "max_header_block");
}

/// CVE-2023-33953, RUSTSEC-2023-0085.
#[test]
fn t_33_integers() {
    let fails = |name, debug_data| check(name).ends(ErrorCode::COMPRESSION_ERROR, debug_data);
    fails("t_33_name_length_of_five_octets_and_more", "integer in header block is too large");
    fails("t_33_number_past_32_bits", "integer in header block is too large");
    fails("t_33_number_that_is_cut", "header block ends inside an integer");
    for name in ["t_33_index_zero", "t_33_index_past_the_table", "t_33_name_index_past_the_table"] {
        fails(name, "no such entry in the header tables");
    }
}

/// All blocks of one and two octets, and all of three that start with a full prefix: what cannot be decoded is an error,
/// and what can be is right, by the word of another implementation.
#[test]
fn t_33_short_blocks_exhaustively() {
    let twos = (0..=0xffffu32).map(|n| vec![(n >> 8) as u8, n as u8]);
    let ones = (0..=0xffu8).map(|n| vec![n]);
    let full = [0xff, 0x7f, 0x3f, 0x1f, 0x0f];
    let threes = full.into_iter().flat_map(|first| (0..=0xffffu32).map(move |n| vec![first, (n >> 8) as u8, n as u8]));
    let mut accepted = 0;
    for octets in ones.chain(twos).chain(threes) {
        let mut fields = FieldBlock::new();
        let ours = Decoder::new(4096, Classifier::NONE).decode(&octets, &GENEROUS, &mut fields);
        let mut theirs = Vec::new();
        let other = loona_hpack::Decoder::new()
            .decode_with_cb(&octets, |name, value| theirs.push((name.into_owned(), value.into_owned())));
        if ours.is_ok() && other.is_ok() {
            let found: Vec<_> = fields.fields().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
            assert_eq!(found, theirs, "{octets:02x?}");
        }
        // It takes an update in the middle, and one above the limit; we do not.
        let has_update = octets.iter().any(|octet| octet & 0xe0 == 0x20);
        assert!(ours.is_ok() == other.is_ok() || has_update, "{octets:02x?}: {ours:?}, {other:?}");
        accepted += u32::from(ours.is_ok());
    }
    assert!(accepted > 4_000, "{accepted}");
}

/// CVE-2023-33953: what a length announces is not allocated.
#[test]
fn t_34_huge_strings() {
    for name in ["t_34_string_of_2_gib", "t_34_value_of_2_gib"] {
        let outcome = check(name);
        outcome.ends(ErrorCode::COMPRESSION_ERROR, "string reaches past the end of the header block");
        assert!(outcome.peak <= 5 * 1024, "{name}: {}", outcome.peak);
    }
}

#[test]
fn t_35_table_size_updates() {
    let fails = |name, debug_data| check(name).ends(ErrorCode::COMPRESSION_ERROR, debug_data);
    fails("t_35_size_update_too_large", "table size update above our limit");
    fails("t_35_size_update_in_the_middle", "table size update after a field");
    fails("t_35_three_size_updates", "too many table size updates");
    fails("t_35_size_update_missing", "missing table size update");
    let outcome = check("t_35_size_updates_in_each_block");
    outcome.ends(ErrorCode::ENHANCE_YOUR_CALM, "reset_burst");
    outcome.stays_flat();
}

/// A server that has heard a client's hello.
fn server() -> Connection<Server> {
    let mut server = Connection::<Server>::new(&ServerConfig::default(), Instant::from_nanos(0));
    let mut wire = Wire::default();
    wire.preface();
    wire.settings(&[]);
    server.receive(Instant::from_nanos(0), &wire.octets);
    server
}

/// CVE-2023-32731, CVE-2024-7246: whatever becomes of a stream (served, refused, reset, malformed, of no account), its block
/// enters the table just so. Then a request made of references to all of that is understood.
#[test]
fn t_36_table_is_right_whatever_becomes_of_a_stream() {
    let now = Instant::from_nanos(0);
    let request = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/a/b"),
        (":authority", "a"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    let mut server = server();
    let mut encoder = Encoder::new(4096, 1);
    let mut send = |server: &mut Connection<Server>, stream, extra: &[(&str, String)], flags| {
        let known = request.iter().map(|(name, value)| (*name, value.to_string()));
        let fields: Vec<_> = known.chain(extra.iter().cloned()).collect();
        let mut block = Vec::new();
        // Twice the same: it is indexed at second sight.
        encoder.encode(fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())), &mut block);
        let mut wire = Wire::default();
        wire.headers(stream, &block, flags);
        server.receive(now, &wire.octets);
    };
    let mut shown = 0;
    let mut stream = 1;
    for round in 0..500u32 {
        // A name that is malformed, a list that is too long, a stream over the limit, one that is sound.
        let malformed = ("Upper", format!("m{}", round % 7));
        let sound = ("x-round", format!("s{}", round % 11));
        let long = ("x-long", "l".repeat(if round % 5 == 0 { 17_000 } else { 10 }));
        let extra = match round % 4 {
            0 => vec![malformed.clone(), sound.clone()],
            1 => vec![sound.clone(), long],
            _ => vec![sound.clone()],
        };
        for _ in 0..2 {
            send(&mut server, stream, &extra, Flags::NONE);
            stream += 2;
        }
        while let Some(event) = server.poll_event() {
            let Event::Opened(id) = event else { continue };
            shown += 1;
            let mut call = server.call(id).unwrap();
            let Some(grpc_sansio::Item::Head(head)) = call.read() else { panic!("a head") };
            let value = head.metadata().get("x-round").map(|value| value.as_bytes().to_vec());
            assert_eq!(value.as_deref(), Some(sound.1.as_bytes()), "{round}");
            assert_eq!((head.path(), head.authority()), ("/a/b", "a"), "{round}");
            // Every third call is kept, so that later ones are over the limit.
            if round % 3 > 0 {
                call.finish(&Status::ok(), &Metadata::new());
            }
        }
        let mut output = WriteBuf::new();
        server.transmit(now, &mut output);
    }
    assert_eq!(server.error(), None);
    assert!(shown > 200 && server.counters().streams_refused > 200, "{shown}, {:?}", server.counters());
}

/// Huffman codes that end wrongly; then strings of one and two octets against another implementation, which is slow: all of
/// one octet, and every 61st of two.
#[test]
fn t_37_huffman() {
    let fails = |name, debug_data| check(name).ends(ErrorCode::COMPRESSION_ERROR, debug_data);
    fails("t_37_huffman_end_of_string", "end-of-string symbol in a Huffman string");
    fails("t_37_huffman_padding_of_eight_bits", "invalid Huffman padding");
    fails("t_37_huffman_padding_of_zeros", "invalid Huffman padding");
    let twos = (0..=0xffffu32).step_by(61).map(|n| vec![(n >> 8) as u8, n as u8]);
    // Nothing is indexed, so both can be used again and again.
    let (mut decoder, mut other) = (Decoder::new(4096, Classifier::NONE), loona_hpack::Decoder::new());
    for code in (0..=0xffu8).map(|n| vec![n]).chain(twos) {
        let octets = [&[0x00, 0x80 | code.len() as u8][..], &code, &[0]].concat();
        let mut fields = FieldBlock::new();
        let ours = decoder.decode(&octets, &GENEROUS, &mut fields).is_ok();
        let theirs = other.decode(&octets).ok().map(|list| list[0].0.clone());
        let found = fields.fields().next().map(|field| field.name.to_vec());
        assert_eq!(if ours { found } else { None }, theirs, "{code:02x?}");
    }
}

/// CVE-2021-44716: 90,000 names that nobody has seen before.
#[test]
fn t_38_names_without_end() {
    check("t_38_names_without_end").stays_flat();
}

/// 25,000 names in one list, where the limits allow it, and where they do not.
#[test]
fn t_39_many_unique_names() {
    let outcome = check("t_39_unique_names");
    assert_eq!(outcome.report.grpc.get("0"), Some(&1));
    check("t_39_unique_names_within_usual_limits").ends(ErrorCode::ENHANCE_YOUR_CALM, "header_abuse");
}

/// CVE-2023-1428: of two errors the first one wins, and a call ends once; all pairs of them.
#[test]
fn t_40_two_errors_in_one_block() {
    let outcome = check("t_40_malformed_and_too_large");
    assert_eq!(outcome.report.said("RST_STREAM", "PROTOCOL_ERROR"), u64::from(outcome.report.turns));
    assert_eq!(outcome.report.shown, 0);

    let too_long = "l".repeat(17_000);
    let errors: [&[(&str, &str)]; 9] = [
        &[("te", "gzip")],
        &[(":scheme", "?")],
        &[(":status", "200")],
        &[("connection", "close")],
        &[("Upper", "case")],
        &[("content-length", "x")],
        &[("content-type", "text/plain")],
        &[("grpc-timeout", "forever")],
        &[("x-long", &too_long)],
    ];
    for first in errors {
        for second in errors {
            let meter: Meter<'_> = &mut |work| work();
            let mut run = Run::new(find("t_40_malformed_and_too_large"), meter);
            let usual =
                [(":method", "POST"), (":scheme", "http"), (":path", "/a/b"), ("content-type", "application/grpc")];
            let fields = usual.iter().chain(first).chain(second);
            let mut block = Vec::new();
            let fields = fields.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
            Encoder::new(4096, 1).encode(fields, &mut block);
            let mut pieces = block.chunks(16_384);
            let one = pieces.next().unwrap_or_default();
            run.wire.frame(grpc_sansio::frame::Kind::HEADERS, Flags::END_STREAM, 1, one);
            run.wire.continuation(1, pieces.next().unwrap_or_default(), Flags::END_HEADERS);
            let rest = pieces.next();
            assert_eq!(rest, None);
            run.flush();
            let report = &run.target.report;
            // One RST_STREAM, or one response; or a list beyond all limits, where both are long.
            let resets = report.said("RST_STREAM", "PROTOCOL_ERROR");
            let ends = resets + report.http.values().sum::<u64>() + u64::from(report.goaways);
            assert_eq!((ends, report.shown), (1, 0), "{first:?} {second:?}: {report:?}");
            assert!(resets == 0 || report.http.is_empty());
        }
    }
}

/// What the application marks is never indexed, so that nobody learns it by guessing (RFC 7541 §7.1.3).
#[test]
fn t_41_sensitive_fields_are_never_indexed() {
    static METHOD: Method = Method::from_static("/a/b", Kind::Unary);
    let now = Instant::from_nanos(0);
    let config = ClientConfig::builder("a").build().unwrap();
    let mut client = Connection::<grpc_sansio::Client>::new(&config, now);
    let mut metadata = Metadata::new();
    metadata.append_sensitive("authorization", "Bearer 123").unwrap();
    metadata.append("x-plain", "Bearer 123").unwrap();
    let mut decoder = Decoder::new(4096, Classifier::NONE);
    let mut lengths = Vec::new();
    for _ in 0..4 {
        client.open(now, &OpenOptions::new(&METHOD).metadata(&metadata)).unwrap();
        let mut output = WriteBuf::new();
        client.transmit(now, &mut output);
        let len = output.len();
        let octets = bytes::Buf::copy_to_bytes(&mut output, len);
        let mut rest = octets.strip_prefix(grpc_sansio::frame::PREFACE).unwrap_or(&octets);
        while let Some((head, after)) = rest.split_first_chunk::<9>() {
            let head = grpc_sansio::frame::Head::parse(head);
            let (payload, after) = after.split_at(head.length as usize);
            rest = after;
            if head.kind == grpc_sansio::frame::Kind::HEADERS {
                let mut fields = FieldBlock::new();
                decoder.decode(payload, &GENEROUS, &mut fields).unwrap();
                let marked: Vec<_> = fields.fields().filter(|f| f.sensitive).map(|f| f.name.to_vec()).collect();
                assert_eq!(marked, [b"authorization".to_vec()]);
                lengths.push(payload.len());
            }
        }
    }
    // The plain one becomes an index; the other is written out each time: 8 octets or more in Huffman code.
    assert!(lengths[3] == lengths[2] && lengths[3] > 8 && lengths[2] < lengths[0] - 10, "{lengths:?}");
}

/// CVE-2026-27135: after its end a connection takes any octets, in any pieces, and says nothing. `check` does it for each
/// attack; here are seeded suffixes behind each of those that end at once.
#[test]
fn t_42_input_after_the_end() {
    let mut rng = grpc_sansio::testing::Rng::new(42);
    let mut ended = 0;
    for attack in ALL.iter().copied().flatten().filter(|attack| attack.after == After::Ends) {
        let meter: Meter<'_> = &mut |work| work();
        let mut run = Run::new(attack, meter);
        (0..20).for_each(|_| {
            if !run.target.is_ended() {
                run.turn()
            }
        });
        if !run.target.is_ended() {
            continue;
        }
        ended += 1;
        let said = (run.target.report.emitted, run.target.report.goaways);
        for _ in 0..20 {
            let len = 1 + rng.below(300);
            let octets: Vec<u8> = (0..len).map(|_| rng.next_u64() as u8).collect();
            run.wire.raw(&octets);
            run.flush();
        }
        assert_eq!((run.target.report.emitted, run.target.report.goaways), said, "{}", attack.name);
    }
    assert!(ended > 40, "{ended}");
}
