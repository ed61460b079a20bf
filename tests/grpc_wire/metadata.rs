//! Section 5 and table 21.8: metadata.

use grpc_sansio::grpc::binary::{self, InvalidBinary};
use grpc_sansio::grpc::reserved::{Block, Visibility, is_reserved, visibility};
use grpc_sansio::grpc::{Field, Key, Metadata, MetadataError, MetadataView};

use crate::field;

fn append(key: &str, value: &str) -> Result<Metadata, MetadataError> {
    let mut metadata = Metadata::new();
    metadata.append(key, value).map(|()| metadata)
}

fn view<'a>(fields: &'a [Field<'a>]) -> MetadataView<impl Iterator<Item = Field<'a>> + Clone> {
    MetadataView::new(fields.iter().copied())
}

#[test]
fn g_105_keys_are_lowered_and_anything_else_is_an_error() {
    let metadata = append("X-Az_09.", "v").unwrap();
    assert_eq!(metadata.iter().next().unwrap().name, "x-az_09.");
    assert_eq!((metadata.get("x-AZ_09."), metadata.get("x-az_09")), (Some("v"), None));
    for bad in ["", " ", "a b", "a!", "a/", "a:", "\u{e9}", "a\0", "a~"] {
        assert_eq!(append(bad, "v"), Err(MetadataError::InvalidKey), "{bad:?}");
    }
    assert_eq!(append(":path", "v"), Err(MetadataError::Reserved));
    assert_eq!(append(&"k".repeat(65_536), "v"), Err(MetadataError::TooLong));
    assert!(append(&"k".repeat(65_535), "v").is_ok());
}

#[test]
fn g_106_values_are_visible_ascii_and_may_be_empty() {
    for good in ["", " ", "~", "a b"] {
        assert!(append("k", good).is_ok(), "{good:?}");
    }
    for bad in ["a\tb", "\n", "\u{7f}", "\u{e9}", "\0"] {
        let mut metadata = append("k", "kept").unwrap();
        assert_eq!(metadata.append("k", bad), Err(MetadataError::InvalidValue), "{bad:?}");
        assert_eq!(metadata, append("k", "kept").unwrap(), "a refused value changes nothing");
    }
}

#[test]
fn g_107_edge_whitespace_is_stripped() {
    assert_eq!(append("k", " \t a b \t ").unwrap().get("k"), Some("a b"));
}

#[test]
fn g_108_binary_values_are_base64_without_padding() {
    let mut metadata = Metadata::new();
    for value in [&b""[..], b"\xff", b"\xff\xfe", b"\xff\xfe\xfd"] {
        metadata.append_bin("K-Bin", value).unwrap();
    }
    assert_eq!(metadata.get_all("k-bin").collect::<Vec<_>>(), ["", "/w", "//4", "//79"]);
    assert_eq!(metadata.append_bin("k", b"x"), Err(MetadataError::WrongKind));
    assert_eq!(metadata.append("k-bin", "x"), Err(MetadataError::WrongKind));
    assert_eq!(metadata.get_bin("K-BIN"), Some(Ok(vec![])), "the first");
    assert_eq!(metadata.get_all_bin("k-bin").last(), Some(Ok(vec![0xff, 0xfe, 0xfd])));
    assert_eq!(metadata.get_bin("other-bin"), None);
    assert_eq!(append("k", "AQ").unwrap().get_bin("k"), None, "a text value is not decoded");
}

#[test]
fn g_109_padding_is_optional_and_nothing_else_is() {
    for (good, value) in
        [("AQ==", &[1][..]), ("AQ", &[1]), ("AQI=", &[1, 2]), ("AQI", &[1, 2]), ("+/+/", b"\xfb\xff\xbf")]
    {
        assert_eq!(binary::decode(good.as_bytes()).as_deref(), Ok(value), "{good}");
    }
    assert_eq!(binary::decode(b"AR").as_deref(), Ok(&[1][..]), "left-over bits are tolerated");
    for bad in ["A", "-_-_", "A Q", "AQ\n", "AQ==AQ==", "="] {
        assert_eq!(binary::decode(bad.as_bytes()), Err(InvalidBinary), "{bad:?}");
    }
}

#[test]
fn g_110_joined_values_are_split_before_decoding() {
    let fields = [field("k-bin", "AQ==, Ag,,"), field("k-bin", "Aw")];
    let values: Vec<_> = view(&fields).get_all_bin("k-bin").map(Result::unwrap).collect();
    assert_eq!(values, [vec![1], vec![2], vec![], vec![], vec![3]]);
}

#[test]
fn g_111_an_undecodable_value_is_kept_and_fails_alone() {
    let fields = [(&b"k-bin"[..], &b"!\xff"[..], false), field("k-bin", "AQ"), field("a", "1")];
    let view = view(&fields);
    let values: Vec<_> = view.get_all_bin("k-bin").collect();
    assert_eq!(values, [Err(InvalidBinary), Ok(vec![1])]);
    assert_eq!((view.get("a"), view.dropped()), (Some("1"), 0));
    assert_eq!((view.len(), view.is_empty()), (3, false));
    assert_eq!(view.to_metadata().iter().next().unwrap().value, b"!\xff");
}

#[test]
fn g_112_duplicates_stay_apart_and_in_order() {
    let mut metadata = Metadata::new();
    for (key, value) in [("a", "1"), ("b", "2"), ("A", "3"), ("a", "1")] {
        metadata.append(key, value).unwrap();
    }
    assert_eq!(metadata.get_all("a").collect::<Vec<_>>(), ["1", "3", "1"]);
    assert_eq!((metadata.len(), metadata.get("b"), metadata.get("c")), (4, Some("2"), None));

    let mut more = metadata.clone();
    more.extend(&metadata);
    assert_eq!((more.len(), more.list_size()), (8, 2 * metadata.list_size()));
    assert_eq!((more.remove("A"), more.len()), (6, 2));
    assert_eq!(more.get_all("b").count(), 2);
    more.clear();
    assert!(more.is_empty() && more == Metadata::new());
}

#[test]
fn g_113_g_114_what_http_allows_and_metadata_does_not_is_dropped_and_counted() {
    let fields = [
        (&b"a"[..], &b"\xe9"[..], false),
        (b"a", b"x\ty", false),
        (b"a!", b"1", false),
        (b"~", b"1", false),
        (b"A", b"1", false),
        (b"", b"1", false),
        (b"a", b"2", false),
    ];
    let view = view(&fields);
    assert_eq!((view.get("a"), view.len(), view.dropped()), (Some("2"), 1, 6));
    assert_eq!(view.to_metadata(), append("a", "2").unwrap());
}

#[test]
fn g_113_a_control_character_is_never_shown_lest_an_echo_sends_it() {
    for octet in (0..0x20).chain([0x7f]) {
        for name in [&b"a"[..], b"a-bin"] {
            assert_eq!(visibility(name, &[b'A', octet]), Visibility::Dropped, "{octet:#x}");
        }
    }
    assert_eq!(visibility(b"a-bin", b"\x80"), Visibility::Shown);
}

/// Table 21.8: the name, and whether it may be sent in a request, a response head, trailers, and is shown.
const TABLE_21_8: [(&str, [bool; 3], bool); 32] = [
    (":method", [false; 3], false),
    (":scheme", [false; 3], false),
    (":path", [false; 3], false),
    (":authority", [false; 3], false),
    (":status", [false; 3], false),
    ("content-type", [false; 3], false),
    ("te", [false; 3], false),
    ("user-agent", [false; 3], false),
    ("host", [false; 3], false),
    ("grpc-timeout", [false; 3], false),
    ("grpc-encoding", [false; 3], false),
    ("grpc-accept-encoding", [false; 3], false),
    ("grpc-message-type", [false; 3], false),
    ("grpc-status", [false; 3], false),
    ("grpc-message", [false; 3], false),
    ("grpc-status-details-bin", [false, false, true], true),
    ("grpc-previous-rpc-attempts", [false; 3], true),
    ("grpc-retry-pushback-ms", [false, false, true], true),
    ("grpc-trace-bin", [true; 3], true),
    ("grpc-tags-bin", [true; 3], true),
    ("grpc-server-stats-bin", [true; 3], true),
    ("endpoint-load-metrics-bin", [false, false, true], true),
    ("grpc-anything-else", [false; 3], false),
    ("connection", [false; 3], false),
    ("keep-alive", [false; 3], false),
    ("proxy-connection", [false; 3], false),
    ("transfer-encoding", [false; 3], false),
    ("upgrade", [false; 3], false),
    ("content-length", [false; 3], false),
    ("content-encoding", [false; 3], false),
    ("accept-encoding", [false; 3], false),
    ("grpcx", [true; 3], true),
];

#[test]
fn g_115_g_116_table_21_8_of_reserved_names() {
    for (name, sendable, shown) in TABLE_21_8 {
        for (block, sendable) in [Block::Request, Block::Response, Block::Trailers].into_iter().zip(sendable) {
            assert_eq!(is_reserved(name.as_bytes(), block), !sendable, "{name} in {block:?}");
        }
        let expected = if shown { Visibility::Shown } else { Visibility::Hidden };
        assert_eq!(visibility(name.as_bytes(), b"x"), expected, "{name}");

        let mut metadata = Metadata::new();
        let binary = name.ends_with("-bin");
        let upper = name.to_ascii_uppercase();
        for key in [name, &upper] {
            let appended = if binary { metadata.append_bin(key, b"x") } else { metadata.append(key, "x") };
            let expected = if sendable[2] { Ok(()) } else { Err(MetadataError::Reserved) };
            assert_eq!(appended, expected, "{key}");
        }
        assert_eq!(metadata.fields(Block::Request).count(), if sendable[0] { 2 } else { 0 }, "{name}");
        assert_eq!(metadata.check(Block::Response).is_ok(), sendable[1] || metadata.is_empty(), "{name}");
    }
}

#[test]
fn g_116_what_was_received_and_shown_is_still_not_sent_on_where_it_must_not_be() {
    let received = Metadata::from_received([field("grpc-previous-rpc-attempts", "1"), field("x", "2")]);
    assert_eq!(received.get("grpc-previous-rpc-attempts"), Some("1"));
    for block in [Block::Request, Block::Response, Block::Trailers] {
        assert_eq!(received.fields(block).collect::<Vec<_>>(), [field("x", "2")]);
    }
}

#[test]
fn g_119_sensitive_values_are_marked_and_never_printed() {
    let mut metadata = Metadata::new();
    metadata.append_sensitive("x-token", "hush-1").unwrap();
    metadata.append("x-other", "hush-2").unwrap();
    metadata.append("x-open", "open").unwrap();
    for name in ["authorization", "cookie", "proxy-authorization", "set-cookie"] {
        metadata.append(name, "hush-3").unwrap();
    }
    assert_eq!((metadata.mark_sensitive("X-Other"), metadata.mark_sensitive("none")), (1, 0));
    let marked: Vec<_> = metadata.iter().map(|entry| entry.sensitive).collect();
    assert_eq!(marked, [true, true, false, false, false, false, false], "authorization is not by default");
    assert!(metadata.fields(Block::Request).take(2).all(|(.., sensitive)| sensitive));
    let printed = format!("{metadata:?} {:?}", metadata.iter());
    assert!(!printed.contains("hush") && printed.contains("x-open: open"), "{printed}");

    let fields = [(&b"x-token"[..], &b"hush"[..], true), field("x-open", "open")];
    let printed = format!("{:?}", view(&fields));
    assert!(!printed.contains("hush") && printed.contains("x-open: open"), "{printed}");
}

#[test]
fn constant_keys_are_checked_once() {
    const TRACE: Key<'static> = Key::from_static("x-trace-bin");
    let mut metadata = Metadata::new();
    metadata.append_bin(TRACE, b"\0").unwrap();
    assert_eq!(metadata.append(TRACE, "text"), Err(MetadataError::WrongKind));
    assert_eq!(Key::new("grpc-status"), Err(MetadataError::Reserved));
    for refused in ["X", "grpc-status", ""] {
        assert!(std::panic::catch_unwind(|| Key::from_static(refused)).is_err(), "{refused:?}");
    }
}
