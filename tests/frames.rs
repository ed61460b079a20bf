//! The frame layer from outside: the public cases of http2-frame-test-case, the table of wrong lengths and streams
//! (T-54), and properties that hold for every frame.

use std::fs;
use std::path::{Path, PathBuf};

use grpc_sansio::frame::{
    Continuation, DEFAULT_MAX_FRAME_SIZE, Data, Dependency, ErrorCode, Flags, Frame, FrameError, GoAway, HEAD_LEN,
    Head, Headers, Kind, MAX_MAX_FRAME_SIZE, Ping, Priority, PushPromise, RstStream, Scope, Setting, SettingId,
    Settings, StreamId, Unknown, WindowUpdate,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Reads one whole frame as a connection with default settings does: the head is judged before the payload.
fn read(wire: &[u8]) -> Result<Frame<'_>, FrameError> {
    let (head, payload) = wire.split_first_chunk::<HEAD_LEN>().expect("a whole head");
    let head = Head::parse(head);
    head.check(DEFAULT_MAX_FRAME_SIZE)?;
    Frame::parse(head, payload)
}

fn written(frame: &Frame<'_>) -> Vec<u8> {
    let mut wire = Vec::new();
    frame.encode(&mut wire);
    assert_eq!(wire.len(), frame.encoded_len());
    assert_eq!(wire.get(..HEAD_LEN), Some(&frame.head().encode()[..]));
    wire
}

mod public_cases {
    use super::*;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/http2-frame-test-case")
    }

    /// The cases in the folders for which `wanted` holds, by file name.
    fn cases(wanted: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
        let mut cases = Vec::new();
        for entry in fs::read_dir(folder()).unwrap().map(Result::unwrap) {
            let kind = entry.file_name().into_string().unwrap();
            if !entry.path().is_dir() || !wanted(&kind) {
                continue;
            }
            for file in fs::read_dir(entry.path()).unwrap().map(Result::unwrap) {
                let case = serde_json::from_slice(&fs::read(file.path()).unwrap()).unwrap();
                cases.push((file.path().display().to_string(), case));
            }
        }
        cases
    }

    fn wire(case: &Value) -> Vec<u8> {
        let hex = case["wire"].as_str().unwrap();
        (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
    }

    fn text(octets: &[u8]) -> &str {
        std::str::from_utf8(octets).unwrap()
    }

    /// The payload in the words of the case files, absent fields as null. Their weight is the octet plus one.
    fn describe(frame: &Frame<'_>) -> Value {
        let weight = |dependency: Dependency| u32::from(dependency.weight) + 1;
        match frame {
            Frame::Data(data) => json!({ "data": text(data.data), "padding_length": data.padding }),
            Frame::Headers(headers) => json!({
                "header_block_fragment": text(headers.fragment),
                "padding_length": headers.padding,
                "stream_dependency": headers.priority.map(|priority| priority.stream.get()),
                "exclusive": headers.priority.map(|priority| priority.exclusive),
                "weight": headers.priority.map(weight),
            }),
            Frame::Priority(priority) => json!({
                "stream_dependency": priority.dependency.stream.get(),
                "exclusive": priority.dependency.exclusive,
                "weight": weight(priority.dependency),
            }),
            Frame::RstStream(reset) => json!({ "error_code": reset.code.0 }),
            Frame::Settings(settings) => {
                let list: Vec<_> = settings.iter().map(|setting| json!([setting.id.0, setting.value])).collect();
                json!({ "settings": list })
            }
            Frame::PushPromise(promise) => json!({
                "header_block_fragment": text(promise.fragment),
                "padding_length": promise.padding,
                "promised_stream_id": promise.promised.get(),
            }),
            Frame::Ping(ping) => json!({ "opaque_data": text(&ping.payload) }),
            Frame::GoAway(goaway) => json!({
                "last_stream_id": goaway.last_stream.get(),
                "error_code": goaway.code.0,
                "additional_debug_data": text(goaway.debug_data),
            }),
            Frame::WindowUpdate(update) => json!({ "window_size_increment": update.increment }),
            Frame::Continuation(continuation) => json!({ "header_block_fragment": text(continuation.fragment) }),
            Frame::Unknown(_) => json!(null),
        }
    }

    /// Nulls say nothing, and the content of the padding is not kept.
    fn essential(payload: &Value) -> Value {
        let fields = payload.as_object().unwrap().iter();
        fields
            .filter(|(name, value)| !value.is_null() && *name != "padding")
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect()
    }

    #[test]
    fn good_frames_are_read_and_written_back() {
        let cases = cases(|kind| kind != "error");
        assert_eq!(cases.len(), 12);
        for (name, case) in cases {
            let (mut wire, expected) = (wire(&case), &case["frame"]);
            let frame = read(&wire).unwrap_or_else(|error| panic!("{name}: {error}"));
            let head = frame.head();
            let numbers = json!([head.length, head.kind.0, head.flags.0, head.stream.get()]);
            let fields = ["length", "type", "flags", "stream_identifier"].map(|field| expected[field].clone());
            assert_eq!(numbers, json!(fields), "{name}");
            let payload = &expected["frame_payload"];
            assert_eq!(essential(&describe(&frame)), essential(payload), "{name}");

            let again = written(&frame);
            // their padding is text, ours is zeros: H-058
            let padding = payload["padding"].as_str().map_or(0, str::len);
            let end = wire.len();
            wire[end - padding..].fill(0);
            assert_eq!(again, wire, "{name}");
        }
    }

    #[test]
    fn bad_frames_are_refused_with_a_listed_code() {
        let cases = cases(|kind| kind == "error");
        assert_eq!(cases.len(), 22);
        for (name, case) in cases {
            let wire = wire(&case);
            let error = read(&wire).expect_err(&name);
            let listed = case["error"].as_array().unwrap();
            assert!(listed.contains(&json!(error.code.0)), "{name}: {error} is not one of {listed:?}");
        }
    }
}

mod lengths_and_streams {
    use super::*;

    /// A type and flags, the lengths up to 20 that they may have, and whether streams 0 and 1 may carry them.
    type Row = (Kind, Flags, &'static [u32], bool, bool);

    const ALL: &[u32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20];

    /// Table T1 of RFC 9113 §6, spelled out.
    fn table() -> Vec<Row> {
        let padded_priority = Flags::PADDED | Flags::PRIORITY;
        vec![
            (Kind::DATA, Flags::NONE, ALL, false, true),
            (Kind::DATA, Flags::PADDED, &ALL[1..], false, true),
            (Kind::HEADERS, Flags::NONE, ALL, false, true),
            (Kind::HEADERS, Flags::PADDED, &ALL[1..], false, true),
            (Kind::HEADERS, Flags::PRIORITY, &ALL[5..], false, true),
            (Kind::HEADERS, padded_priority, &ALL[6..], false, true),
            (Kind::PRIORITY, Flags::NONE, &[5], false, true),
            (Kind::RST_STREAM, Flags::NONE, &[4], false, true),
            (Kind::SETTINGS, Flags::NONE, &[0, 6, 12, 18], true, false),
            (Kind::SETTINGS, Flags::ACK, &[0], true, false),
            (Kind::PUSH_PROMISE, Flags::NONE, &ALL[4..], false, true),
            (Kind::PUSH_PROMISE, Flags::PADDED, &ALL[5..], false, true),
            (Kind::PING, Flags::NONE, &[8], true, false),
            (Kind::PING, Flags::ACK, &[8], true, false),
            (Kind::GOAWAY, Flags::NONE, &ALL[8..], true, false),
            (Kind::WINDOW_UPDATE, Flags::NONE, &[4], true, true),
            (Kind::CONTINUATION, Flags::NONE, ALL, false, true),
            (Kind(0xa), Flags(0xff), ALL, true, true),
        ]
    }

    /// Zeros, but for the promised stream and the increment, which must not be: padding 0, dependency on stream 0.
    fn payload(kind: Kind, flags: Flags, length: u32) -> Vec<u8> {
        let mut payload = vec![0; length as usize];
        let last = 3 + usize::from(flags.contains(Flags::PADDED));
        if let (Kind::PUSH_PROMISE | Kind::WINDOW_UPDATE, Some(octet)) = (kind, payload.get_mut(last)) {
            *octet = 2;
        }
        payload
    }

    #[test]
    fn t54_every_type_with_every_short_length_on_both_streams() {
        for (kind, flags, lengths, on_connection, on_stream) in table() {
            for (length, id) in (0..=20).flat_map(|length| [(length, 0), (length, 1)]) {
                let stream = StreamId::new(id);
                let head = Head { length, kind, flags, stream };
                let payload = payload(kind, flags, length);
                let stream_fits = if stream.is_zero() { on_connection } else { on_stream };
                let expected = if !stream_fits {
                    Err((ErrorCode::PROTOCOL_ERROR, Scope::Connection))
                } else if !lengths.contains(&length) {
                    // H-066: a stream error for PRIORITY only
                    let scope = if kind == Kind::PRIORITY { Scope::Stream(stream) } else { Scope::Connection };
                    Err((ErrorCode::FRAME_SIZE_ERROR, scope))
                } else {
                    Ok(())
                };
                let essence = |error: FrameError| (error.code, error.scope);
                assert_eq!(head.check(DEFAULT_MAX_FRAME_SIZE).map_err(essence), expected, "check {head:?}");
                assert_eq!(Frame::parse(head, &payload).map(drop).map_err(essence), expected, "parse {head:?}");
            }
        }
    }

    #[test]
    fn t53_a_length_over_the_limit_is_refused_from_the_head() {
        for (kind, stream) in (0..=255).flat_map(|kind| [(Kind(kind), 0), (Kind(kind), 1)]) {
            for length in [DEFAULT_MAX_FRAME_SIZE + 1, MAX_MAX_FRAME_SIZE] {
                let head = Head { length, kind, flags: Flags(0xff), stream: StreamId::new(stream) };
                let error = head.check(DEFAULT_MAX_FRAME_SIZE).unwrap_err();
                assert_eq!((error.code, error.scope), (ErrorCode::FRAME_SIZE_ERROR, Scope::Connection), "{head:?}");
            }
        }
    }

    #[test]
    fn h016_a_frame_of_exactly_the_limit_is_legal() {
        let head = |length| Head { length, kind: Kind::DATA, flags: Flags::NONE, stream: StreamId::new(1) };
        assert_eq!(head(DEFAULT_MAX_FRAME_SIZE).check(DEFAULT_MAX_FRAME_SIZE), Ok(()));
        assert_eq!(head(MAX_MAX_FRAME_SIZE).check(MAX_MAX_FRAME_SIZE), Ok(()));
    }
}

/// What is written is read again as it was.
fn comes_back(frame: Frame<'_>) {
    assert_eq!(read(&written(&frame)), Ok(frame));
}

fn stream() -> impl Strategy<Value = StreamId> {
    (1..=StreamId::MAX.get()).prop_map(StreamId::new)
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..600)
}

/// A stream, and a dependency on another.
fn dependency() -> impl Strategy<Value = (StreamId, Dependency)> {
    (stream(), any::<u32>(), any::<bool>(), any::<u8>()).prop_map(|(stream, other, exclusive, weight)| {
        let other = StreamId::new(other);
        let other = if other == stream { StreamId::ZERO } else { other };
        (stream, Dependency { stream: other, exclusive, weight })
    })
}

proptest! {
    #[test]
    fn a_head_comes_back(length in 0..=MAX_MAX_FRAME_SIZE, kind: u8, flags: u8, stream: u32) {
        let head = Head { length, kind: Kind(kind), flags: Flags(flags), stream: StreamId::new(stream) };
        prop_assert_eq!(Head::parse(&head.encode()), head);
    }

    #[test]
    fn h011_only_the_reserved_bit_of_a_head_is_lost(octets: [u8; HEAD_LEN]) {
        let mut expected = octets;
        expected[5] &= 0x7f;
        prop_assert_eq!(Head::parse(&octets).encode(), expected);
    }

    #[test]
    fn data_comes_back(stream in stream(), data in octets(), padding: Option<u8>, end_stream: bool) {
        comes_back(Frame::Data(Data { stream, data: &data, padding, end_stream }));
    }

    #[test]
    fn headers_come_back(
        (stream, dependency) in dependency(), has_priority: bool, fragment in octets(),
        padding: Option<u8>, end_stream: bool, end_headers: bool,
    ) {
        let priority = has_priority.then_some(dependency);
        comes_back(Frame::Headers(Headers { stream, priority, fragment: &fragment, padding, end_stream, end_headers }));
    }

    #[test]
    fn priority_comes_back((stream, dependency) in dependency()) {
        comes_back(Frame::Priority(Priority { stream, dependency }));
    }

    #[test]
    fn rst_stream_comes_back(stream in stream(), code: u32) {
        comes_back(Frame::RstStream(RstStream { stream, code: ErrorCode(code) }));
    }

    #[test]
    fn settings_come_back(list in proptest::collection::vec((any::<u16>(), any::<u32>()), 0..40)) {
        let list: Vec<_> = list.into_iter().map(|(id, value)| Setting { id: SettingId(id), value }).collect();
        let mut wire = Vec::new();
        Settings::encode_from(&list, &mut wire);
        let frame = read(&wire).unwrap();
        let Frame::Settings(settings) = frame else { panic!("not SETTINGS") };
        prop_assert_eq!(settings.iter().len(), list.len());
        prop_assert_eq!(settings.iter().collect::<Vec<_>>(), list);
        prop_assert_eq!(written(&frame), wire);
    }

    #[test]
    fn push_promise_comes_back(
        stream in stream(), half in 1..=StreamId::MAX.get() / 2, fragment in octets(), padding: Option<u8>,
        end_headers: bool,
    ) {
        let promised = StreamId::new(2 * half);
        comes_back(Frame::PushPromise(PushPromise { stream, promised, fragment: &fragment, padding, end_headers }));
    }

    #[test]
    fn ping_comes_back(ack: bool, payload: [u8; 8]) {
        comes_back(Frame::Ping(Ping { ack, payload }));
    }

    #[test]
    fn goaway_comes_back(last_stream: u32, code: u32, debug_data in octets()) {
        let last_stream = StreamId::new(last_stream);
        comes_back(Frame::GoAway(GoAway { last_stream, code: ErrorCode(code), debug_data: &debug_data }));
    }

    #[test]
    fn window_update_comes_back(stream: u32, increment in 1..=0x7fff_ffff_u32) {
        comes_back(Frame::WindowUpdate(WindowUpdate { stream: StreamId::new(stream), increment }));
    }

    #[test]
    fn continuation_comes_back(stream in stream(), fragment in octets(), end_headers: bool) {
        comes_back(Frame::Continuation(Continuation { stream, fragment: &fragment, end_headers }));
    }

    #[test]
    fn an_unknown_frame_comes_back(kind in 10..=255_u8, flags: u8, stream: u32, payload in octets()) {
        let stream = StreamId::new(stream);
        comes_back(Frame::Unknown(Unknown { kind: Kind(kind), flags: Flags(flags), stream, payload: &payload }));
    }

    /// No head and payload, matching or not, makes a parser panic; what the head refuses, the parser refuses alike.
    #[test]
    fn any_frame_is_read_or_refused(
        kind in 0..=11_u8, flags: u8, stream in prop_oneof![Just(0), Just(1), any::<u32>()],
        payload in proptest::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..40),
        lie in prop_oneof![4 => Just(None), 1 => (0..=MAX_MAX_FRAME_SIZE).prop_map(Some)],
    ) {
        let length = lie.unwrap_or(payload.len() as u32);
        let head = Head { length, kind: Kind(kind), flags: Flags(flags), stream: StreamId::new(stream) };
        let parsed = Frame::parse(head, &payload);
        if length as usize != payload.len() {
            prop_assert_eq!(parsed.unwrap_err().code, ErrorCode::FRAME_SIZE_ERROR);
        } else if let Err(error) = head.check(MAX_MAX_FRAME_SIZE) {
            prop_assert_eq!(parsed, Err(error));
        } else if let Ok(frame) = parsed {
            // H-012: undefined flags are not sent on, all else is
            prop_assert_eq!(Head { flags: head.flags, ..frame.head() }, head);
            prop_assert!(head.flags.contains(frame.head().flags));
            comes_back(frame);
        }
    }
}

/// RFC 9113 §6, §6.5.2, §7: the registries, number by number, and what is in none of them.
#[test]
fn names_are_those_of_the_registries() {
    let kinds = [
        "DATA",
        "HEADERS",
        "PRIORITY",
        "RST_STREAM",
        "SETTINGS",
        "PUSH_PROMISE",
        "PING",
        "GOAWAY",
        "WINDOW_UPDATE",
        "CONTINUATION",
    ];
    let settings = [
        "HEADER_TABLE_SIZE",
        "ENABLE_PUSH",
        "MAX_CONCURRENT_STREAMS",
        "INITIAL_WINDOW_SIZE",
        "MAX_FRAME_SIZE",
        "MAX_HEADER_LIST_SIZE",
    ];
    let errors = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    for number in 0..=u8::MAX {
        let (kind, place) = (Kind(number), usize::from(number));
        let known = kinds.get(place);
        assert_eq!((kind.name(), kind.is_known()), (*known.unwrap_or(&"unknown"), known.is_some()));
        assert_eq!(format!("{kind:?}"), known.map_or(format!("Kind({number:#04x})"), ToString::to_string));

        let error = ErrorCode(number.into());
        let known = errors.get(place);
        assert_eq!(error.name(), *known.unwrap_or(&"unknown"));
        assert_eq!(error.to_string(), known.map_or(format!("unknown ({number:#x})"), ToString::to_string));
        assert_eq!(format!("{error:?}"), error.to_string());

        let setting = SettingId(number.into());
        let known = place.checked_sub(1).and_then(|place| settings.get(place));
        assert_eq!(setting.name(), *known.unwrap_or(&"unknown"));
        assert_eq!(format!("{setting:?}"), format!("{} ({number:#x})", setting.name()));

        let stream = StreamId::new(number.into());
        assert_eq!((format!("{stream:?}"), stream.to_string()), (format!("StreamId({number})"), number.to_string()));
    }
}

/// A flag that is there stays when it is set again.
#[test]
fn flags_are_sets() {
    for (one, other) in (0..=u8::MAX).flat_map(|one| [(one, one), (one, one >> 1), (one, !one), (one, 0)]) {
        let both = Flags(one) | Flags(other);
        assert!(both.contains(Flags(one)) && both.contains(Flags(other)));
        assert_eq!(both.0.count_ones(), one.count_ones() + other.count_ones() - (one & other).count_ones());
    }
}
