//! Section 2: what a response says, and what its client must report.

use grpc_sansio::grpc::outcome::{self, HeadSummary};
use grpc_sansio::grpc::{
    Block, Code, Field, GrpcStatus, Metadata, MetadataView, ResponseHead, ResponseParts, Status, Trailers,
    TrailersParts, list_size,
};

use crate::field;

const GRPC: HeadSummary = HeadSummary { http_status: 200, is_grpc: true };

fn trailers<'a>(fields: &[(&'a str, &'a str)]) -> TrailersParts<'a> {
    TrailersParts::parse(fields.iter().map(|&(name, value)| field(name, value)))
}

fn lines<'a>(fields: impl Iterator<Item = Field<'a>>) -> Vec<String> {
    fields.map(|(name, value, _)| format!("{}: {}", name.escape_ascii(), value.escape_ascii())).collect()
}

#[test]
fn g_035_g_036_response_headers_are_200_and_name_the_content_type() {
    let mut metadata = Metadata::new();
    metadata.append("x-id", "1").unwrap();
    metadata.append("grpc-retry-pushback-ms", "5").unwrap();
    let head = ResponseHead {
        encoding: Some("gzip"),
        accept_encoding: Some("identity,gzip"),
        ..ResponseHead::new("application/grpc+json", &metadata)
    };
    assert_eq!(
        lines(head.fields()),
        [
            ":status: 200",
            "content-type: application/grpc+json",
            "grpc-encoding: gzip",
            "grpc-accept-encoding: identity,gzip",
            "x-id: 1"
        ],
        "what is for trailers only is left out"
    );
    assert!(metadata.check(Block::Response).is_err() && metadata.check(Block::Trailers).is_ok());
}

#[test]
fn g_037_g_063_trailers_and_trailers_only_carry_the_status_even_when_ok() {
    let mut metadata = Metadata::new();
    metadata.append("grpc-retry-pushback-ms", "5").unwrap();
    let mut scratch = Vec::new();
    let ok = Status::ok();
    let trailers = Trailers::new(&ok, &metadata, &mut scratch);
    assert_eq!(lines(trailers.fields()), ["grpc-status: 0", "grpc-retry-pushback-ms: 5"]);
    assert_eq!(
        lines(trailers.only("application/grpc", Some("identity"))),
        [
            ":status: 200",
            "content-type: application/grpc",
            "grpc-accept-encoding: identity",
            "grpc-status: 0",
            "grpc-retry-pushback-ms: 5"
        ]
    );
    let overhead = Trailers::only_overhead("application/grpc", Some("identity"));
    assert_eq!(list_size(trailers.only("application/grpc", Some("identity"))), overhead + trailers.list_size());
}

#[test]
fn details_of_the_status_win_over_those_in_metadata() {
    let mut metadata = Metadata::new();
    metadata.append_bin("grpc-status-details-bin", &[9]).unwrap();
    let mut scratch = Vec::new();
    let bare = Status::new(Code::Aborted, "m");
    let fields = lines(Trailers::new(&bare, &metadata, &mut scratch).fields());
    assert_eq!(fields, ["grpc-status: 10", "grpc-message: m", "grpc-status-details-bin: CQ"]);
    let detailed = bare.with_details(vec![1]);
    let fields = lines(Trailers::new(&detailed, &metadata, &mut scratch).fields());
    assert_eq!(fields, ["grpc-status: 10", "grpc-message: m", "grpc-status-details-bin: AQ"]);
}

#[test]
fn g_045_informational_responses_are_told_apart() {
    for (status, informational) in [("100", true), ("199", true), ("200", false), ("999", false)] {
        let parts = ResponseParts::parse([field(":status", status)]).unwrap();
        assert_eq!(parts.is_informational(), informational, "{status}");
    }
}

#[test]
fn g_046_g_049_a_well_formed_status_is_used_whatever_the_http_status() {
    for http_status in [200, 404, 503] {
        let head = HeadSummary { http_status, is_grpc: true };
        let status = outcome::from_trailers(head, &trailers(&[("grpc-status", "5"), ("grpc-message", "a%20b")]));
        assert_eq!((status.code(), status.message()), (Code::NotFound, "a b"));
        assert!(outcome::from_trailers(head, &trailers(&[("grpc-status", "0")])).is_ok());
    }
}

#[test]
fn g_047_a_status_outside_of_trailers_is_not_looked_at() {
    let fields = [
        field(":status", "200"),
        field("content-type", "application/grpc"),
        field("grpc-status", "7"),
        field("grpc-message", "no"),
    ];
    assert_eq!(ResponseParts::parse(fields).unwrap().summary(), GRPC);
    assert!(MetadataView::new(fields.into_iter()).is_empty());
}

#[test]
fn g_048_only_a_refusal_is_believed_of_a_response_that_is_not_grpc() {
    let head = |http_status| HeadSummary { http_status, is_grpc: false };
    let html = Some(&b"text/html"[..]);
    let only = |http_status, fields: &_| outcome::from_trailers_only(head(http_status), html, &trailers(fields));

    assert_eq!(only(200, &[("grpc-status", "8")]).code(), Code::ResourceExhausted);
    assert_eq!(only(200, &[("grpc-status", "99")]).code(), Code::Unknown);
    for not_believed in [&[("grpc-status", "0")][..], &[], &[("grpc-status", "x")]] {
        assert_eq!(only(503, not_believed).code(), Code::Unavailable);
        assert_eq!(only(200, not_believed).code(), Code::Unknown);
        assert!(only(503, not_believed).message().contains("content-type \"text/html\""));
    }
    assert_eq!(outcome::from_trailers(head(403), &trailers(&[("grpc-status", "0")])).code(), Code::PermissionDenied);
}

#[test]
fn g_048_the_message_quotes_256_octets_of_the_body_and_no_more() {
    let quoted = |length: usize| outcome::not_grpc(502, None, &vec![b'x'; length]).into_message();
    assert!(quoted(256).contains(&format!("body \"{}\" (HTTP status 502);", "x".repeat(256))));
    assert!(quoted(257).contains(&format!("body \"{}...\" (HTTP status 502);", "x".repeat(256))));
    let status = outcome::not_grpc(200, Some(b"a"), b"");
    assert_eq!(
        status.message(),
        "client: gRPC: response is not gRPC (G-048), content-type \"a\" (HTTP status 200); retry: only if idempotent"
    );
    let status = outcome::not_grpc(200, Some(b"a\n"), b"<\0>");
    assert_eq!(
        status.message(),
        "client: gRPC: response is not gRPC (G-048), content-type \"a\\n\", body \"<\\x00>\" (HTTP status 200); retry: only if idempotent"
    );
}

#[test]
fn g_050_a_missing_or_malformed_http_status_is_internal() {
    for bad in [&[][..], &[field(":status", "")], &[field(":status", "20")], &[field(":status", "2000")]] {
        assert_eq!(ResponseParts::parse(bad.iter().copied()).unwrap_err().code(), Code::Internal);
    }
    for bad in ["abc", "+20", "099", " 20", "2 0"] {
        assert_eq!(ResponseParts::parse([field(":status", bad)]).unwrap_err().code(), Code::Internal, "{bad}");
    }
    assert_eq!(ResponseParts::parse([field(":status", "999")]).unwrap().http_status, 999);
}

#[test]
fn g_051_trailers_without_a_status_are_unknown_or_what_http_says() {
    let end = |http_status| outcome::from_trailers(HeadSummary { http_status, is_grpc: true }, &trailers(&[]));
    assert_eq!(end(200).to_string(), "UNKNOWN: client: gRPC: missing grpc-status (G-051); retry: only if idempotent");
    assert_eq!(end(429).code(), Code::Unavailable);
    assert_eq!(end(201).code(), Code::Unknown);
}

#[test]
fn g_052_an_end_without_trailers_is_internal_or_what_http_says() {
    let end = |http_status| outcome::from_data_end(HeadSummary { http_status, is_grpc: true });
    assert_eq!(
        end(200).to_string(),
        "INTERNAL: client: gRPC: stream closed without trailers (G-052); retry: only if idempotent"
    );
    assert_eq!(end(401).code(), Code::Unauthenticated);
}

#[test]
fn g_056_a_malformed_status_is_unknown_and_quoted() {
    for bad in ["", "00", "05", "-1", "+5", " 5", "5 ", "0x5", "five"] {
        let status = outcome::from_trailers(GRPC, &trailers(&[("grpc-status", bad)]));
        assert_eq!(
            status.to_string(),
            format!("UNKNOWN: client: gRPC: malformed grpc-status \"{bad}\" (G-056); retry: only if idempotent")
        );
    }
    let status = outcome::from_trailers(GRPC, &trailers(&[("grpc-status", "17"), ("grpc-message", "why")]));
    assert_eq!(
        status.to_string(),
        "UNKNOWN: client: gRPC: grpc-status 17, which is no code (G-056): why; retry: only if idempotent"
    );
    assert_eq!(outcome::from_trailers(GRPC, &trailers(&[("grpc-status", "16")])).code(), Code::Unauthenticated);
}

#[test]
fn g_057_repeated_statuses_collapse_or_conflict_and_the_first_message_wins() {
    let same = trailers(&[("grpc-status", "5"), ("grpc-message", "a"), ("grpc-status", "5"), ("grpc-message", "b")]);
    assert_eq!(outcome::from_trailers(GRPC, &same).to_string(), "NOT_FOUND: a");
    let differ = trailers(&[("grpc-status", "5"), ("grpc-status", "0"), ("grpc-status", "5")]);
    assert_eq!(differ.status, GrpcStatus::Conflicting);
    assert_eq!(
        outcome::from_trailers(GRPC, &differ).to_string(),
        "UNKNOWN: client: gRPC: conflicting grpc-status (G-057); retry: only if idempotent"
    );

    for (name, value, other) in
        [("content-type", "application/grpc", "application/grpc+x"), ("grpc-encoding", "gzip", "zstd")]
    {
        let agreeing = [field(":status", "200"), field(name, value), field(name, value)];
        assert!(ResponseParts::parse(agreeing).is_ok());
        let differing = [field(":status", "200"), field(name, value), field(name, other)];
        assert_eq!(ResponseParts::parse(differing).unwrap_err().code(), Code::Internal, "{name}");
    }
}

#[test]
fn g_059_g_149_trailers_are_cut_to_the_peers_limit() {
    let mut metadata = Metadata::new();
    metadata.append("x-id", "1").unwrap();
    let status = Status::new(Code::Internal, "caf\u{e9} au lait").with_details(vec![1, 2, 3]);
    let mut scratch = Vec::new();
    let full = Trailers::new(&status, &metadata, &mut scratch).list_size();
    let fit = |head, limit| {
        let mut scratch = Vec::new();
        Trailers::within(&status, &metadata, head, limit, &mut scratch).map(|trailers| lines(trailers.fields()))
    };
    assert_eq!(fit(0, full).unwrap().len(), 4);
    assert_eq!(fit(10, full + 10).unwrap().len(), 4);

    // One octet less, and the details go; then the metadata, which makes room for the message.
    let without_details = full - ("grpc-status-details-bin".len() + 4 + 32);
    for limit in [full - 1, without_details] {
        assert_eq!(fit(0, limit).unwrap(), ["grpc-status: 13", "grpc-message: caf%C3%A9 au lait", "x-id: 1"]);
    }
    assert_eq!(fit(0, without_details - 1).unwrap(), ["grpc-status: 13", "grpc-message: caf%C3%A9 au lait"]);
    let code = 11 + 2 + 32;
    let message = 12 + 32;
    assert_eq!(fit(0, code + message + 9).unwrap()[1], "grpc-message: caf%C3%A9");
    assert_eq!(fit(0, code + message + 8).unwrap()[1], "grpc-message: caf", "no half of a character");
    assert_eq!(fit(0, code + message).unwrap(), ["grpc-status: 13"]);
    assert_eq!(fit(0, code).unwrap(), ["grpc-status: 13"]);
    assert_eq!(fit(0, code - 1), None);
    assert_eq!(fit(1, code), None);
    assert_eq!(fit(1, 0), None);
}

#[test]
fn g_095_the_coding_of_a_response_is_told_even_if_unknown() {
    let encoding =
        |name| ResponseParts::parse([field(":status", "200"), field("grpc-encoding", name)]).unwrap().encoding;
    assert_eq!(encoding("zap"), Some(&b"zap"[..]));
    assert_eq!(encoding("identity"), None);
}

#[test]
fn g_111_undecodable_details_are_ignored_and_the_status_is_kept() {
    let end = |details| {
        outcome::from_trailers(GRPC, &trailers(&[("grpc-status", "3"), ("grpc-status-details-bin", details)]))
    };
    assert_eq!((end("!!").code(), end("!!").details().len()), (Code::InvalidArgument, 0));
    assert_eq!(end("AQI=").details()[..], [1, 2]);
}

#[test]
fn g_153_no_error_before_trailers_is_what_http_says_or_internal() {
    let head = |http_status| Some(HeadSummary { http_status, is_grpc: true });
    assert_eq!(outcome::from_reset(head(503), 0).code(), Code::Unavailable);
    assert_eq!(outcome::from_reset(head(200), 0).code(), Code::Internal);
    assert_eq!(outcome::from_reset(None, 0).code(), Code::Internal);
    assert_eq!(outcome::from_reset(head(503), 8).code(), Code::Cancelled, "only NO_ERROR asks HTTP");
}
