//! Section 7 and tables 21.1 to 21.3: codes and statuses.

use grpc_sansio::grpc::message::{InvalidFlag, MessageError};
use grpc_sansio::grpc::outcome::{self, HeadSummary};
use grpc_sansio::grpc::status::{MalformedStatus, ParsedCode, parse_code};
use grpc_sansio::grpc::{
    CARDINALITY_VIOLATION, Code, Metadata, Path, Rejection, RejectionReason, ResponseParts, Side, Status, Trailers,
    TrailersParts, percent,
};

use crate::field;

#[test]
fn table_21_1_status_codes() {
    let names = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    assert_eq!(Code::ALL.map(Code::name), names);
    for (number, code) in Code::ALL.into_iter().enumerate() {
        assert_eq!(Code::from_u32(number as u32), Some(code));
        assert_eq!((u32::from(code), i32::from(code)), (number as u32, number as i32));
        assert_eq!(parse_code(number.to_string().as_bytes()), Ok(ParsedCode::Known(code)));
        assert_eq!(parse_code(code.as_str_number().as_bytes()), Ok(ParsedCode::Known(code)));
    }
}

#[test]
fn table_21_2_http_statuses() {
    for status in 0..=u16::MAX {
        let expected = match status {
            400 => Code::Internal,
            401 => Code::Unauthenticated,
            403 => Code::PermissionDenied,
            404 => Code::Unimplemented,
            429 => Code::Unavailable,
            431 => Code::Internal,
            502..=504 => Code::Unavailable,
            _ => Code::Unknown,
        };
        assert_eq!(Code::from_http_status(status), expected, "{status}");
    }
}

#[test]
fn g_150_to_g_152_table_21_3_reset_codes() {
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
        (u32::MAX, Code::Internal),
    ];
    for (error_code, code) in table {
        assert_eq!(Code::from_reset(error_code), code, "{error_code:#x}");
        assert_eq!(outcome::from_reset(None, error_code).code(), code);
    }
    assert!(outcome::from_reset(None, 0xb).message().contains("bandwidth exhausted"));
    assert!(outcome::from_reset(None, 0xc).message().contains("not secure enough"));
    assert!(outcome::from_reset(None, 0xff).message().contains("0xff"));
}

#[test]
fn g_056_seventeen_and_above_are_foreign_and_leading_zeros_malformed() {
    assert_eq!(parse_code(b"16"), Ok(ParsedCode::Known(Code::Unauthenticated)));
    assert_eq!(parse_code(b"17"), Ok(ParsedCode::Foreign(17)));
    assert_eq!(ParsedCode::Foreign(17).code(), Code::Unknown);
    for bad in [&b""[..], b"00", b"01", b"-0", b"+1", b"1 ", b"1a", b"\xff"] {
        assert_eq!(parse_code(bad), Err(MalformedStatus), "{bad:?}");
    }
}

#[test]
fn g_060_numbers_without_a_code_are_none() {
    assert_eq!((Code::from_u32(17), Code::from_i32(-1), Code::from_i32(17)), (None, None, None));
}

#[test]
fn g_080_cardinality_is_one_constant() {
    assert_eq!(CARDINALITY_VIOLATION, Code::Unimplemented);
}

/// Every status that this layer makes itself.
fn local_statuses() -> Vec<(Side, Status)> {
    let reasons = [
        RejectionReason::ContentType,
        RejectionReason::ConflictingContentType,
        RejectionReason::Method,
        RejectionReason::Scheme,
        RejectionReason::Authority,
        RejectionReason::MissingTe,
        RejectionReason::HeaderListTooLarge,
        RejectionReason::MalformedTimeout,
        RejectionReason::ConflictingTimeout,
        RejectionReason::Expired,
        RejectionReason::ConflictingEncoding,
        RejectionReason::UnsupportedEncoding,
        RejectionReason::MalformedPath,
    ];
    let mut statuses: Vec<_> =
        reasons.iter().map(|reason| (Side::Server, Rejection::new(*reason, b"x").status().clone())).collect();
    statuses.push((Side::Server, Status::unknown_method(Path::parse(b"/a/b").unwrap())));
    for side in [Side::Client, Side::Server] {
        for error in [
            MessageError::Flag(InvalidFlag(2)),
            MessageError::TooLarge { length: 2, limit: 1 },
            MessageError::Truncated,
        ] {
            statuses.push((side, error.status(side)));
        }
    }
    for http_status in 200..=599 {
        let head = HeadSummary { http_status, is_grpc: http_status % 2 == 0 };
        let missing = TrailersParts::parse([]);
        let foreign = TrailersParts::parse([field("grpc-status", "17")]);
        statuses.extend([
            (Side::Client, outcome::from_trailers(head, &missing)),
            (Side::Client, outcome::from_trailers(head, &foreign)),
            (Side::Client, outcome::from_trailers_only(head, None, &missing)),
            (Side::Client, outcome::from_data_end(head)),
            (Side::Client, outcome::not_grpc(http_status, None, b"x")),
            (Side::Client, outcome::from_reset(Some(head), u32::from(http_status) - 200)),
        ]);
    }
    statuses.push((Side::Client, ResponseParts::parse([]).unwrap_err()));
    statuses
}

#[test]
fn g_143_this_layer_makes_only_the_codes_that_a_library_may() {
    let never = [
        Code::Ok,
        Code::InvalidArgument,
        Code::NotFound,
        Code::AlreadyExists,
        Code::FailedPrecondition,
        Code::Aborted,
        Code::OutOfRange,
        Code::DataLoss,
    ];
    for (_, status) in local_statuses() {
        assert!(!never.contains(&status.code()), "{status}");
    }
}

#[test]
fn g_159_every_local_message_names_its_side() {
    for (side, status) in local_statuses() {
        let rule = status.message().strip_prefix(&format!("{side}: "));
        assert!(rule.is_some_and(|rule| !rule.is_empty()), "{status}");
    }
}

fn encode(message: &str) -> String {
    let mut out = Vec::new();
    percent::encode_into(message, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn g_145_every_octet_is_kept_or_escaped() {
    for octet in 0..=0x7f_u8 {
        let expected = match octet {
            0x21..=0x24 | 0x26..=0x7e => format!("_{}_", octet as char),
            0x20 => "_ _".to_owned(),
            _ => format!("_%{octet:02X}_"),
        };
        assert_eq!(encode(&format!("_{}_", octet as char)), expected);
    }
    assert_eq!(encode("\t\r\n\u{263a}"), "%09%0D%0A%E2%98%BA");
}

#[test]
fn g_146_an_empty_message_is_left_out() {
    let (metadata, mut scratch) = (Metadata::new(), Vec::new());
    let status = Status::from(Code::Internal);
    assert_eq!(
        Trailers::new(&status, &metadata, &mut scratch).fields().collect::<Vec<_>>(),
        [field("grpc-status", "13")]
    );
}

#[test]
fn g_147_edge_spaces_survive() {
    assert_eq!(encode(" a b  "), "%20a b%20%20");
    assert_eq!(percent::decode(encode("  ").as_bytes()), "  ");
}

#[test]
fn g_148_decoding_never_fails() {
    for (wire, message) in [
        (&b"%e2%98%ba"[..], "\u{263a}"),
        (b"%E2%98%BA", "\u{263a}"),
        (b"%", "%"),
        (b"%4", "%4"),
        (b"%zz%41", "%zzA"),
        (b"%ff", "\u{fffd}"),
        (b"a\xffb", "a\u{fffd}b"),
        (b"", ""),
    ] {
        assert_eq!(percent::decode(wire), message, "{wire:?}");
    }
}
