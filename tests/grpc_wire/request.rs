//! Section 1, and the parts of section 4 that a request's header block decides.

use grpc_sansio::grpc::timeout::{Precision, encode};
use grpc_sansio::grpc::{
    Codings, Kind, Metadata, MetadataView, Method, Path, PathError, RejectionReason, RequestHead, RequestParts,
    RequestRules, Scheme, Status, content_type, encoding, list_size, user_agent,
};
use std::time::Duration;

use crate::{field, judge, request};

fn lines(head: &RequestHead<'_>) -> Vec<String> {
    head.fields()
        .map(|(name, value, _)| format!("{}: {}", String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
        .collect()
}

fn head() -> RequestHead<'static> {
    RequestHead::new(Path::parse(b"/a.B/C").unwrap())
}

/// G-001 to G-004, G-006 to G-008, G-010 to G-012
#[test]
fn a_full_request_has_every_field_in_order() {
    let mut metadata = Metadata::new();
    metadata.append("x-id", "1").unwrap();
    let codings = Codings::new(["gzip"]).unwrap();
    let head = RequestHead {
        scheme: Scheme::Https,
        authority: Some("h"),
        timeout: Some(encode(Duration::from_secs(1), Precision::ThreeDigits)),
        content_type: content_type::GRPC_PROTO,
        encoding: Some(encoding::GZIP),
        accept_encoding: Some(codings.as_str()),
        user_agent: Some("app grpc"),
        previous_attempts: 2,
        metadata: &metadata,
        ..head()
    };
    assert_eq!(
        lines(&head),
        [
            ":method: POST",
            ":scheme: https",
            ":path: /a.B/C",
            ":authority: h",
            "grpc-timeout: 1S",
            "te: trailers",
            "content-type: application/grpc+proto",
            "grpc-encoding: gzip",
            "grpc-accept-encoding: identity,gzip",
            "user-agent: app grpc",
            "grpc-previous-rpc-attempts: 2",
            "x-id: 1",
        ]
    );
}

#[test]
fn g_001_g_009_g_011_a_bare_request_leaves_out_what_it_need_not_say() {
    let bare = [":method: POST", ":scheme: http", ":path: /a.B/C", "te: trailers", "content-type: application/grpc"];
    assert_eq!(lines(&head()), bare);
}

#[test]
fn g_005_paths_that_are_refused() {
    for (path, error) in [
        (&b""[..], PathError::Empty),
        (b"a.B/C", PathError::NoLeadingSlash),
        (b"/a b", PathError::InvalidOctet),
        (b"/\x7f", PathError::InvalidOctet),
        (b"/\xc3\xa9", PathError::InvalidOctet),
    ] {
        assert_eq!(Path::parse(path), Err(error), "{path:?}");
    }
    assert!(Path::parse(b"/!~").is_ok(), "0x21 and 0x7e are the edges");
    assert_eq!(Method::new("C", Kind::Unary), Err(PathError::NoLeadingSlash));
}

#[test]
fn g_007_content_types_are_made_from_a_subtype() {
    assert_eq!(content_type::with_subtype("").as_deref(), Some("application/grpc"));
    assert_eq!(content_type::with_subtype("proto").as_deref(), Some(content_type::GRPC_PROTO));
    assert_eq!(content_type::with_subtype("a;b"), None);
    assert_eq!(content_type::with_subtype("\n"), None);
}

#[test]
fn g_010_user_agent_starts_with_the_applications_prefix() {
    let ours = format!("grpc-rust-sansio/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(user_agent::USER_AGENT, ours);
    assert_eq!(user_agent::with_prefix("shop/1").unwrap(), format!("shop/1 {ours}"));
    assert_eq!(user_agent::with_prefix("").unwrap(), ours);
    for bad in ["a\r\nb", " a", "a ", "\u{e9}"] {
        assert!(user_agent::with_prefix(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn g_017_no_timeout_is_no_deadline() {
    assert_eq!(judge(&request(&[])).unwrap().timeout, None);
}

#[test]
fn g_018_g_019_a_content_type_that_is_not_grpcs_is_415() {
    for bad in [None, Some(""), Some("text/html"), Some("application/grpcfoo"), Some("application/grpc-web+proto")] {
        let (http, code, message) = judge(&request(&[("content-type", bad)])).unwrap_err();
        assert_eq!((http, code), (415, 13), "{bad:?}");
        assert!(message.starts_with("server: gRPC: not a gRPC content-type"), "{message}");
    }
    for (good, subtype) in [
        ("application/grpc", ""),
        ("APPLICATION/GRPC+Proto", "Proto"),
        ("application/grpc+proto", "proto"),
        ("application/grpc;charset=x", ""),
    ] {
        assert_eq!(judge(&request(&[("content-type", Some(good))])).unwrap().content_type.subtype(), subtype);
    }
}

#[test]
fn g_018_g_020_the_answers_name_the_cause_in_a_body() {
    let codings = Codings::default();
    let answer = |fields: &[_]| RequestParts::parse(fields.iter().copied(), &RequestRules::new(&codings)).unwrap_err();
    let show = |rejection: &grpc_sansio::grpc::Rejection| {
        let mut scratch = vec![1, 2, 3];
        let fields: Vec<_> = rejection
            .fields(&mut scratch)
            .map(|(name, value, _)| {
                (String::from_utf8(name.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap())
            })
            .collect();
        fields.into_iter().map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>()
    };

    let media = answer(&request(&[("content-type", Some("text/html"))]));
    assert_eq!(
        show(&media),
        [
            ":status: 415",
            "content-type: text/plain",
            "grpc-status: 13",
            "grpc-message: server: gRPC: not a gRPC content-type: \"text/html\" (G-018); retry: useless"
        ]
    );
    assert_eq!(media.body(false), Some("server: gRPC: not a gRPC content-type: \"text/html\" (G-018); retry: useless"));

    let method = answer(&request(&[(":method", Some("GET"))]));
    assert_eq!(show(&method)[..4], [":status: 405", "content-type: text/plain", "allow: POST", "grpc-status: 13"]);
    for rejection in [media, method] {
        assert!(rejection.body(true).unwrap().len() <= 24);
    }
    assert_eq!(answer(&request(&[(":scheme", Some("ftp"))])).body(false), None);
}

#[test]
fn g_020_any_method_but_post_is_405() {
    for bad in [None, Some("GET"), Some("PUT"), Some("post"), Some("")] {
        let (http, code, _) = judge(&request(&[(":method", bad)])).unwrap_err();
        assert_eq!((http, code), (405, 13), "{bad:?}");
    }
}

#[test]
fn g_021_an_unknown_method_is_unimplemented_and_named_within_a_bound() {
    let long = format!("/{}", "x".repeat(100));
    let status = Status::unknown_method(Path::parse(long.as_bytes()).unwrap());
    assert_eq!(status.code().as_u8(), 12);
    assert!(status.message().contains(&format!(" \"/{}...\" (", "x".repeat(63))), "{status}");
}

#[test]
fn g_022_a_path_without_leading_slash_is_unimplemented() {
    for bad in [None, Some(""), Some("a.B/C"), Some("*")] {
        let (http, code, message) = judge(&request(&[(":path", bad)])).unwrap_err();
        assert_eq!((http, code), (200, 12));
        assert!(message.contains("malformed method name"), "{message}");
    }
}

#[test]
fn g_023_every_other_path_is_handed_on_unchanged_and_split_at_the_last_slash() {
    for (path, service, method) in [
        ("/a.B/C", "a.B", "C"),
        ("/one", "", "one"),
        ("/a/b/c", "a/b", "c"),
        ("/a%2Fb/../C", "a%2Fb/..", "C"),
        ("//", "", ""),
    ] {
        let fields = request(&[(":path", Some(path))]);
        let parts = judge(&fields).unwrap();
        assert_eq!((parts.path.as_str(), parts.path.service(), parts.path.method()), (path, service, method));
        assert_eq!(parts.path.to_string(), path);
    }
}

#[test]
fn g_024_both_schemes_are_taken_and_no_other() {
    assert_eq!(judge(&request(&[])).unwrap().scheme, Scheme::Http);
    assert_eq!(judge(&request(&[(":scheme", Some("https"))])).unwrap().scheme, Scheme::Https);
    for bad in [None, Some("ftp"), Some("")] {
        let (http, code, _) = judge(&request(&[(":scheme", bad)])).unwrap_err();
        assert_eq!((http, code), (400, 13));
    }
}

#[test]
fn g_025_a_missing_te_is_noticed_and_refused_in_strict_mode_only() {
    let fields = request(&[("te", None)]);
    assert!(judge(&fields).unwrap().missing_te);
    assert!(!judge(&request(&[])).unwrap().missing_te);
    let codings = Codings::default();
    let rules = RequestRules { require_te: true, ..RequestRules::new(&codings) };
    let rejection = RequestParts::parse(fields, &rules).unwrap_err();
    assert_eq!((rejection.reason(), rejection.http_status()), (RejectionReason::MissingTe, 400));
    assert!(RequestParts::parse(request(&[]), &rules).is_ok());
}

#[test]
fn g_026_host_stands_in_for_a_missing_authority() {
    assert_eq!(judge(&request(&[])).unwrap().authority, "host");
    assert_eq!(judge(&request(&[(":authority", None), ("host", Some("h2"))])).unwrap().authority, "h2");
    assert_eq!(judge(&request(&[(":authority", None)])).unwrap().authority, "");
}

#[test]
fn g_027_a_repeated_or_contradicting_authority_is_400() {
    let mut twice = request(&[]);
    twice.push(field(":authority", "host"));
    let mut hosts = request(&[("host", Some("host"))]);
    hosts.push(field("host", "host"));
    for bad in [twice, hosts, request(&[("host", Some("other"))])] {
        let (http, code, _) = judge(&bad).unwrap_err();
        assert_eq!((http, code), (400, 13));
    }
    let fields = request(&[("host", Some("HOST"))]);
    assert_eq!(judge(&fields).unwrap().authority, "host");
    assert!(MetadataView::new(fields.into_iter()).is_empty(), "host is never metadata");
}

#[test]
fn g_029_the_first_broken_rule_decides() {
    // Each step breaks one rule more, the earlier in the order.
    let broken = [
        ("grpc-encoding", Some("zap")),
        ("grpc-timeout", Some("x")),
        (":scheme", Some("ftp")),
        (":method", Some("GET")),
        ("content-type", Some("text/html")),
    ];
    let expected = [(200, 12), (200, 13), (400, 13), (405, 13), (415, 13)];
    for step in 1..=broken.len() {
        let mut changes = vec![(":path", Some("nothing"))];
        changes.extend(&broken[..step]);
        let (http, code, message) = judge(&request(&changes)).unwrap_err();
        assert_eq!((http, code), expected[step - 1], "{message}");
    }
}

/// G-013: `grpc-message-type` is one of those that are known and mean nothing.
#[test]
fn g_030_unknown_grpc_fields_are_ignored_and_hidden() {
    let fields = request(&[("grpc-future", Some("1")), ("grpc-message-type", Some("a.B")), ("x-mine", Some("2"))]);
    assert!(judge(&fields).is_ok());
    let view = MetadataView::new(fields.into_iter());
    assert_eq!(view.iter().map(|entry| entry.name).collect::<Vec<_>>(), ["x-mine"]);
}

#[test]
fn g_031_the_size_of_a_list_counts_32_octets_a_field() {
    let fields = [field("abc", "de"), field("", "")];
    assert_eq!(list_size(fields), 3 + 2 + 32 + 32);
    let mut metadata = Metadata::new();
    metadata.append("abc", "de").unwrap();
    metadata.append_bin("x-bin", &[1]).unwrap();
    assert_eq!(metadata.list_size(), (3 + 2 + 32) + (5 + 2 + 32), "binary values count after base64");
}

#[test]
fn g_032_a_block_over_the_limit_is_431_unless_what_is_there_breaks_an_earlier_rule() {
    let codings = Codings::default();
    let rules = RequestRules { oversized: true, ..RequestRules::new(&codings) };
    let reason = |fields: Vec<_>| RequestParts::parse(fields, &rules).unwrap_err();
    let rejection = reason(vec![]);
    assert_eq!((rejection.http_status(), rejection.status().code().as_u8()), (431, 8));
    assert_eq!(reason(request(&[])).reason(), RejectionReason::HeaderListTooLarge);
    assert_eq!(reason(vec![field(":method", "GET")]).reason(), RejectionReason::Method);
    assert_eq!(reason(vec![field("content-type", "x")]).reason(), RejectionReason::ContentType);
}

#[test]
fn g_057_repeated_fields_collapse_where_they_agree() {
    for (name, value, other) in
        [("content-type", "application/grpc", "application/grpc+x"), ("grpc-encoding", "gzip", "identity")]
    {
        let mut fields = request(&[(name, Some(value))]);
        fields.push(field(name, value));
        assert!(judge(&fields).is_ok(), "{name}");
        fields.push(field(name, other));
        let (http, code, message) = judge(&fields).unwrap_err();
        assert_eq!((http, code), (200, 13));
        assert!(message.contains("conflicting"), "{message}");
    }
}

#[test]
fn g_087_g_088_names_of_codings_are_exact_and_lists_are_forgiving() {
    let mut fields = request(&[("grpc-accept-encoding", Some(" gzip ,, snappy"))]);
    fields.push(field("grpc-accept-encoding", "zstd"));
    let parts = judge(&fields).unwrap();
    for known in ["identity", "gzip", "snappy", "zstd"] {
        assert!(parts.accepts(known), "{known}");
    }
    for unknown in ["GZIP", "gzi", "", "deflate"] {
        assert!(!parts.accepts(unknown), "{unknown}");
    }
    assert!(judge(&request(&[("grpc-encoding", Some("GZIP"))])).is_err());
    let one = |coding| encoding::accepts(b" gzip ,, snappy", coding);
    assert_eq!(["identity", "gzip", "snappy", "GZIP", "", "zstd"].map(one), [true, true, true, false, false, false]);

    // Four fields count; a coding in the fifth is not used.
    let mut fields = request(&[]);
    fields.extend(["a", "b", "c", "d", "e"].map(|name| field("grpc-accept-encoding", name)));
    let parts = judge(&fields).unwrap();
    assert!(parts.accepts("d") && !parts.accepts("e"));
}

#[test]
fn g_093_without_a_list_the_requests_own_coding_is_accepted() {
    let fields = request(&[("grpc-encoding", Some("gzip"))]);
    assert!(judge(&fields).unwrap().accepts("gzip"));
    assert!(!judge(&request(&[])).unwrap().accepts("gzip"));
    let listed = request(&[("grpc-encoding", Some("gzip")), ("grpc-accept-encoding", Some("identity"))]);
    assert!(!judge(&listed).unwrap().accepts("gzip"), "a list is believed");
}

#[test]
fn g_063_g_094_an_unknown_coding_is_unimplemented_and_the_answer_lists_the_known() {
    let codings = Codings::new(["gzip"]).unwrap();
    let rules = RequestRules::new(&codings);
    let rejection = RequestParts::parse(request(&[("grpc-encoding", Some("zap"))]), &rules).unwrap_err();
    assert_eq!((rejection.http_status(), rejection.status().code().as_u8()), (200, 12));
    assert!(rejection.status().message().contains("supported: identity,gzip"), "{}", rejection.status());
    let mut scratch = Vec::new();
    let lists: Vec<_> = rejection.fields(&mut scratch).filter(|field| field.0 == b"grpc-accept-encoding").collect();
    assert_eq!(lists, [field("grpc-accept-encoding", "identity,gzip")]);

    assert_eq!(judge(&request(&[("grpc-encoding", Some("identity"))])).unwrap().encoding, None);
    assert_eq!(judge(&request(&[("grpc-encoding", Some("gzip"))])).unwrap().encoding, Some("gzip"));
}

#[test]
fn g_103_whole_stream_codings_are_ignored() {
    let fields = request(&[("content-encoding", Some("gzip")), ("accept-encoding", Some("gzip"))]);
    assert_eq!(judge(&fields).unwrap().encoding, None);
    assert!(MetadataView::new(fields.into_iter()).is_empty());
}

#[test]
fn what_a_peer_sent_is_quoted_escaped_and_within_64_octets() {
    let long = format!("\u{1}{}", "z".repeat(200));
    let (.., message) = judge(&request(&[("content-type", Some(&long))])).unwrap_err();
    assert_eq!(
        message,
        format!("server: gRPC: not a gRPC content-type: \"\\x01{}...\" (G-018); retry: useless", "z".repeat(63))
    );
}
