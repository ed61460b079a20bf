//! How calls end, as the client reports it (G-044 to G-063, G-142 to G-160).

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, DOWNLOAD, UNARY};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{CallLog, Record};
use grpc_sansio::{OpenOptions, Origin};

/// What a client makes of a response.
fn outcome(respond: impl FnOnce(&mut Raw<grpc_sansio::Client>)) -> (CallLog, Vec<Seen>) {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
    respond(&mut raw);
    let said = raw.said_of_calls();
    raw.poll();
    let log = raw.log(id);
    assert_eq!(log.items.iter().filter(|item| matches!(item, Record::Outcome { .. })).count(), 1, "G-160: {log:?}");
    assert!(matches!(log.items.last(), Some(Record::Outcome { .. })), "the end comes last");
    assert_eq!(raw.it.calls(), 0);
    (log, said)
}

fn code(respond: impl FnOnce(&mut Raw<grpc_sansio::Client>)) -> Code {
    outcome(respond).0.code().unwrap()
}

const HTTP: [(&str, Code); 12] = [
    ("200", Code::Unknown),
    ("204", Code::Unknown),
    ("302", Code::Unknown),
    ("400", Code::Internal),
    ("401", Code::Unauthenticated),
    ("403", Code::PermissionDenied),
    ("404", Code::Unimplemented),
    ("429", Code::Unavailable),
    ("500", Code::Unknown),
    ("502", Code::Unavailable),
    ("503", Code::Unavailable),
    ("504", Code::Unavailable),
];

/// Table 21.2, by each way in which a response can lack a status (G-048, G-049, G-051, G-052).
#[test]
fn table_21_2_http_statuses() {
    for (status, expected) in HTTP {
        let grpc = [(":status", status), ("content-type", "application/grpc")];
        let html = [(":status", status), ("content-type", "text/html")];
        assert_eq!(code(|raw| raw.headers(1, &html, true)), expected, "{status}, not gRPC, headers only");
        assert_eq!(code(|raw| raw.headers(1, &grpc, true)), expected, "{status}, gRPC, without grpc-status");
        assert_eq!(code(|raw| raw.headers(1, &[(":status", status)], true)), expected, "{status}, no content type");
        if status != "204" {
            let by_trailers = code(|raw| {
                raw.headers(1, &grpc, false);
                raw.headers(1, &[("other", "field")], true);
            });
            assert_eq!(by_trailers, expected, "{status}, trailers without grpc-status");
            let by_data = code(|raw| {
                raw.headers(1, &grpc, false);
                raw.data(1, b"", true);
            });
            assert_eq!(
                by_data,
                if status == "200" { Code::Internal } else { expected },
                "{status}, END_STREAM on DATA"
            );
            let body = code(|raw| {
                raw.headers(1, &html, false);
                raw.data(1, b"<h1>sorry</h1>", true);
            });
            assert_eq!(body, expected, "{status}, a web page");
        }
    }
}

/// G-046, G-049: a well-formed status wins over `:status`.
#[test]
fn g_046_g_049_grpc_status_wins() {
    let head = [(":status", "503"), ("content-type", "application/grpc")];
    assert_eq!(
        code(|raw| {
            raw.headers(1, &head, false);
            raw.data(1, &framed(b"x"), false);
            raw.headers(1, &OK, true);
        }),
        Code::Ok
    );
    let only = [(":status", "503"), ("content-type", "application/grpc"), ("grpc-status", "9")];
    assert_eq!(code(|raw| raw.headers(1, &only, true)), Code::FailedPrecondition);
}

/// G-048: what a proxy says is quoted, at most 256 octets of it, and the stream is reset.
#[test]
fn g_048_a_foreign_body_is_quoted() {
    let html = [(":status", "503"), ("content-type", "text/html; charset=utf-8")];
    let (log, said) = outcome(|raw| {
        raw.headers(1, &html, false);
        raw.data(1, b"<h1>over ", false);
        raw.data(1, b"capacity</h1>", true);
    });
    let message = log.outcome().unwrap().message();
    assert!(message.contains("text/html") && message.contains("<h1>over capacity</h1>"), "{message}");
    assert!(said.is_empty(), "both sides had ended");

    // With the 256th octet it is enough, however many come with it.
    for rest in [1, 5_000] {
        let (log, said) = outcome(|raw| {
            raw.headers(1, &html, false);
            raw.data(1, &[b'y'; 255], false);
            assert_eq!(raw.said_of_calls(), []);
            raw.data(1, &vec![b'z'; rest], false);
        });
        let message = log.outcome().unwrap().message();
        assert!(message.contains(&format!("\"{}z\"", "y".repeat(255))), "{message}");
        assert_eq!((log.code(), said), (Some(Code::Unavailable), vec![Seen::Reset(1, ErrorCode::CANCEL)]));
    }
    // A non-OK Trailers-Only is believed, an OK one is not.
    let only = |status| [(":status", "200"), ("grpc-status", status)];
    assert_eq!(code(|raw| raw.headers(1, &only("7"), true)), Code::PermissionDenied);
    assert_eq!(code(|raw| raw.headers(1, &only("0"), true)), Code::Unknown);
}

/// G-048: the connection dies, or time passes, in the middle of a foreign body: the call still ends once.
#[test]
fn g_048_a_foreign_body_that_breaks_off() {
    let html = [(":status", "404"), ("content-type", "text/html")];
    let broken = |end: fn(&mut Raw<grpc_sansio::Client>)| {
        code(|raw| {
            raw.headers(1, &html, false);
            raw.data(1, b"<h1>", false);
            end(raw);
        })
    };
    assert_eq!(broken(|raw| raw.it.receive_eof(raw.now())), Code::Unavailable);
    assert_eq!(broken(|raw| raw.reset(1, ErrorCode::NO_ERROR)), Code::Unimplemented);
    assert_eq!(broken(|raw| raw.headers(1, &[("some", "trailer")], true)), Code::Unimplemented);
}

/// Table 21.3 (G-150 to G-154, G-184).
#[test]
fn table_21_3_reset_codes() {
    let table = [
        (0x0, Code::Internal),
        (0x1, Code::Internal),
        (0x2, Code::Internal),
        (0x3, Code::Internal),
        (0x4, Code::Internal),
        (0x5, Code::Internal),
        (0x6, Code::Internal),
        (0x7, Code::Unavailable),
        (0x8, Code::Cancelled),
        (0x9, Code::Internal),
        (0xa, Code::Internal),
        (0xb, Code::ResourceExhausted),
        (0xc, Code::PermissionDenied),
        (0xd, Code::Internal),
        (0xe, Code::Internal),
        (0xffff_ffff, Code::Internal),
    ];
    for (number, expected) in table {
        let (log, said) = outcome(|raw| raw.reset(1, ErrorCode(number)));
        assert_eq!((log.code(), said), (Some(expected), vec![]), "{number:#x}");
        assert_eq!(log.is_unprocessed(), number == 0x7, "{number:#x}");
        // G-154: what was complete comes first.
        let (log, _) = outcome(|raw| {
            raw.headers(1, &RESPONSE, false);
            raw.data(1, &framed(b"whole"), false);
            raw.data(1, &framed(b"part")[..7], false);
            raw.reset(1, ErrorCode(number));
        });
        assert_eq!((log.messages().count(), log.code()), (1, Some(expected)));
        // H-145: a server that has answered cannot say that it processed nothing.
        assert!(!log.is_unprocessed(), "{number:#x}");
    }
    let after_503 = code(|raw| {
        raw.headers(1, &[(":status", "503"), ("content-type", "application/grpc")], false);
        raw.reset(1, ErrorCode::NO_ERROR);
    });
    assert_eq!(after_503, Code::Unavailable, "G-153");
}

/// G-045: informational responses are skipped, eight of them.
#[test]
fn g_045_l_44_informational_responses() {
    for count in [0, 1, 8, 9] {
        let (log, said) = outcome(|raw| {
            (0..count).for_each(|n| raw.headers(1, &[(":status", if n % 2 == 0 { "103" } else { "100" })], false));
            raw.headers(1, &RESPONSE, false);
            raw.data(1, &framed(b"r"), false);
            raw.headers(1, &OK, true);
        });
        if count <= 8 {
            assert_eq!((log.code(), log.messages().count()), (Some(Code::Ok), 1));
        } else {
            assert_eq!((log.code(), said), (Some(Code::Internal), vec![Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)]));
        }
    }
    let (log, said) = outcome(|raw| raw.headers(1, &[(":status", "103")], true));
    assert_eq!((log.code(), said), (Some(Code::Internal), vec![Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)]));
}

/// G-050, G-053, G-054: what is malformed in HTTP's terms is INTERNAL and a stream error.
#[test]
fn g_050_g_053_g_054_malformed_responses() {
    let reset = vec![Seen::Reset(1, ErrorCode::PROTOCOL_ERROR)];
    let cases: [fn(&mut Raw<grpc_sansio::Client>); 5] = [
        |raw| raw.headers(1, &[("content-type", "application/grpc")], false),
        |raw| raw.headers(1, &[(":status", "2x0")], false),
        |raw| raw.data(1, &framed(b"m"), false),
        |raw| {
            raw.headers(1, &RESPONSE, false);
            raw.headers(1, &OK, false);
        },
        |raw| raw.headers(1, &[(":status", "200"), ("Upper", "case")], false),
    ];
    for case in cases {
        let (log, said) = outcome(case);
        assert_eq!((log.code(), &said), (Some(Code::Internal), &reset));
    }
}

/// G-047: a status in a head that does not end the stream says nothing.
#[test]
fn g_047_grpc_status_in_the_head_is_ignored() {
    let (log, _) = outcome(|raw| {
        raw.headers(1, &[RESPONSE[0], RESPONSE[1], ("grpc-status", "3"), ("grpc-message", "no")], false);
        raw.data(1, &framed(b"r"), false);
        raw.headers(1, &OK, true);
    });
    assert_eq!((log.code(), log.messages().count()), (Some(Code::Ok), 1));
}

/// G-056, G-057: numbers that are none, that are foreign, and that contradict each other.
#[test]
fn g_056_g_057_broken_trailers() {
    let trailers = |fields: &[(&str, &str)]| {
        outcome(|raw| {
            raw.headers(1, &RESPONSE, false);
            raw.headers(1, fields, true);
        })
        .0
    };
    for value in ["", "00", "-1", "x", "1x", "17", "4294967296"] {
        let log = trailers(&[("grpc-status", value)]);
        assert_eq!(log.code(), Some(Code::Unknown), "{value:?}");
    }
    assert!(trailers(&[("grpc-status", "42")]).outcome().unwrap().message().contains("42"));
    assert_eq!(trailers(&[("grpc-status", "5"), ("grpc-status", "5")]).code(), Some(Code::NotFound));
    assert_eq!(trailers(&[("grpc-status", "5"), ("grpc-status", "0")]).code(), Some(Code::Unknown));
    let log = trailers(&[("grpc-status", "5"), ("grpc-message", "a%20b%zz"), ("grpc-message", "second")]);
    assert_eq!(log.outcome(), Some(&Status::new(Code::NotFound, "a b%zz")), "G-148");
}

/// G-061, L-15: OK is believed only where everything arrived whole.
#[test]
fn g_061_l_15_a_message_cut_short() {
    for (status, expected) in [("0", Code::Internal), ("5", Code::NotFound)] {
        for part in [1, 4, 5, 7] {
            let (log, _) = outcome(|raw| {
                raw.headers(1, &RESPONSE, false);
                raw.data(1, &framed(b"whole"), false);
                raw.data(1, &framed(b"part")[..part], false);
                raw.headers(1, &[("grpc-status", status)], true);
            });
            assert_eq!((log.code(), log.messages().count()), (Some(expected), 1), "{part}");
        }
    }
}

/// L-15: the octets of a good response, cut off anywhere, never make an OK.
#[test]
fn l_15_truncation_is_never_success() {
    let mut server = Raw::server();
    server.request(1, &[], true);
    let id = server.opened();
    let mut call = server.it.call(id).unwrap();
    call.send(b"response".to_vec()).unwrap();
    call.finish(&Status::ok(), &grpc_sansio::grpc::Metadata::new());
    let mut output = grpc_sansio::WriteBuf::new();
    server.it.transmit(server.now(), &mut output);
    let wire = {
        use bytes::Buf;
        let len = output.len();
        output.copy_to_bytes(len)
    };
    for cut in 0..=wire.len() {
        let (log, _) = outcome(|raw| {
            raw.feed(&wire[..cut]);
            raw.it.receive_eof(raw.now());
        });
        let expected = if cut == wire.len() { Code::Ok } else { Code::Unavailable };
        assert_eq!(log.code(), Some(expected), "{cut} of {}", wire.len());
    }
}

/// G-055: DATA behind the end changes nothing of the outcome, and goes back to the connection's window; behind Trailers-Only
/// too. It is STREAM_CLOSED, once, unless the client has reset the stream already, as it does where it was not done itself
/// (G-043).
#[test]
fn g_055_data_after_the_end() {
    for (trailers_only, half_closed) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut raw = Raw::client();
        // Another call, so that the connection goes on.
        raw.request(&OpenOptions::new(&BIDI), b"m");
        let id = raw.request(&OpenOptions::new(&BIDI), b"m");
        if half_closed {
            raw.it.call(id).unwrap().half_close().unwrap();
            raw.said();
        }
        if trailers_only {
            raw.headers(3, &[RESPONSE[0], RESPONSE[1], OK[0]], true);
        } else {
            raw.headers(3, &RESPONSE, false);
            raw.headers(3, &OK, true);
        }
        let whole = raw.it.windows().unwrap().receive;
        raw.data(3, &framed(b"late"), false);
        let code = if half_closed { ErrorCode::STREAM_CLOSED } else { ErrorCode::NO_ERROR };
        assert_eq!(raw.said(), [Seen::Reset(3, code)]);
        (0..30).for_each(|_| raw.data(3, &framed(&[1; 10_000]), false));
        let said = raw.said();
        let [Seen::Window(0, credit)] = said[..] else { panic!("credit, and no second reset: {said:?}") };
        assert_eq!((credit, raw.it.windows().unwrap().receive), (9 + 30 * 10_005, whole));
        raw.poll();
        assert_eq!((raw.log(id).code(), raw.log(id).messages().count()), (Some(Code::Ok), 0));
        assert_eq!((raw.it.error(), raw.it.calls()), (None, 1));
    }
}

/// G-142, G-117, G-118: details and trailing metadata come with every status.
#[test]
fn g_117_g_118_g_142_trailers_only() {
    let fields = [
        RESPONSE[0],
        RESPONSE[1],
        ("grpc-status", "8"),
        ("grpc-message", "slow%20down"),
        ("grpc-status-details-bin", "AQID"),
        ("retry", "later"),
    ];
    let (log, _) = outcome(|raw| raw.headers(1, &fields, true));
    let Some(Record::Outcome { status, trailers, origin, unprocessed }) = log.items.last() else { panic!() };
    assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "slow down"));
    assert_eq!(&status.details()[..], [1, 2, 3]);
    assert_eq!((trailers.get("retry"), *origin, *unprocessed), (Some("later"), Origin::Peer, false));
    assert_eq!(log.items.len(), 1, "no head");
}

/// G-156: a connection error ends all calls with UNAVAILABLE, and says why.
#[test]
fn g_156_a_connection_error_is_unavailable_for_all() {
    let mut raw = Raw::client();
    let ids: Vec<_> = (0..5).map(|_| raw.request(&OpenOptions::new(&UNARY), b"m")).collect();
    raw.data(9, b"what?", false);
    raw.data(11, b"nobody opened this", false);
    raw.poll();
    assert!(raw.it.error().is_some());
    for (at, id) in ids.into_iter().enumerate() {
        // The fifth had a fault of its own before.
        let expected = if at == 4 { Code::Internal } else { Code::Unavailable };
        assert_eq!(raw.log(id).code(), Some(expected));
        assert!(!raw.log(id).outcome().unwrap().message().is_empty(), "G-159");
    }
    assert!(matches!(raw.said()[..], [Seen::GoAway(0, ErrorCode::PROTOCOL_ERROR, _)]));
    assert!(raw.it.is_finished());
}

/// G-160, G-150: one status, behind all messages, and none of what comes later, from either side, makes another.
#[test]
fn g_160_one_status_whatever_comes_later() {
    for read_first in [false, true] {
        let mut raw = Raw::client();
        let id = raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &framed(b"r"), false);
        raw.headers(1, &[("grpc-status", "9")], true);
        if read_first {
            raw.poll();
        }
        raw.reset(1, ErrorCode::INTERNAL_ERROR);
        raw.headers(1, &OK, true);
        raw.goaway(0, ErrorCode::INTERNAL_ERROR, b"");
        raw.sleep(std::time::Duration::from_secs(60));
        raw.it.receive_eof(raw.now());
        raw.poll();
        let log = raw.log(id);
        assert_eq!((log.code(), log.items.len()), (Some(Code::FailedPrecondition), 3), "{log:?}");
        assert!(raw.it.call(id).is_none() && raw.poll().is_empty());
    }
}

/// G-144: a status that is no more than its code is said as it is, after any others that were said before.
#[test]
fn g_144_plain_statuses_follow_each_other() {
    let mut raw = Raw::server();
    let codes = [Code::NotFound, Code::NotFound, Code::NotFound, Code::Aborted, Code::Ok, Code::Ok, Code::NotFound];
    for (stream, code) in (1..).step_by(2).zip(codes.into_iter().chain(codes)) {
        raw.request(stream, &[], true);
        let id = raw.opened();
        let mut call = raw.it.call(id).unwrap();
        call.send(b"r".to_vec()).unwrap();
        call.finish(&Status::new(code, ""), &Metadata::new());
        let said = raw.said_of_calls();
        assert_eq!(said.last().and_then(|seen| seen.field("grpc-status")), Some(code.as_str_number()), "{stream}");
    }
}
