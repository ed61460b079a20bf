//! What the verbs answer that make no sense, and values that cannot be. Nothing is sent in any of these cases.

use crate::raw::{Raw, client_config, limits};
use crate::{BIDI, CLIENT, Line, Mistake, PROGRAM, UNARY, error, outcome};
use grpc_sansio::frame::{ErrorCode, SettingId};
use grpc_sansio::grpc::{Codings, Kind, Message, Metadata, Path};
use grpc_sansio::{Call, Client, ClientConfig, Limits, OpenOptions, Retry, SendError, Server, ServerConfig};

/// What a verb answers on a call that was opened.
fn client(options: &OpenOptions<'_>, verb: impl FnOnce(Call<'_, Client>) -> Line) -> Vec<Line> {
    let mut raw = Raw::client();
    let id = raw.open(options);
    vec![verb(raw.it.call(id).unwrap())]
}

fn server(kind: Kind, verb: impl FnOnce(Call<'_, Server>) -> Line) -> Vec<Line> {
    let mut raw = Raw::server();
    raw.request(1, &[], false);
    let id = raw.opened();
    raw.it.call(id).unwrap().expect(kind).unwrap();
    vec![verb(raw.it.call(id).unwrap())]
}

fn reason(result: Result<(), SendError<Message>>) -> Line {
    error(PROGRAM, result)
}

fn opened(options: &OpenOptions<'_>) -> Vec<Line> {
    let mut raw = Raw::client();
    let now = raw.now();
    vec![error(PROGRAM, raw.it.open(now, options))]
}

fn limited(change: impl FnOnce(&mut Limits)) -> Vec<Line> {
    vec![error(PROGRAM, ServerConfig::builder().limits(limits(change)).build().map(drop))]
}

/// A call whose metadata is more than the server takes.
fn metadata_too_large() -> Vec<Line> {
    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    raw.said();
    raw.settings(&[(SettingId::MAX_HEADER_LIST_SIZE, 1000)]);
    let mut metadata = Metadata::new();
    metadata.append("x-long", &"v".repeat(1000)).unwrap();
    let id = raw.request(&OpenOptions::new(&UNARY).metadata(&metadata), b"question");
    vec![outcome(&mut raw.it, id)]
}

/// More calls than may wait for a server that has sent no SETTINGS yet.
fn too_many_waiting() -> Vec<Line> {
    let mut raw = Raw::fresh_client(&client_config(limits(|limits| limits.max_waiting_calls = 1)));
    raw.said();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 0)]);
    let now = raw.now();
    raw.it.open(now, &OpenOptions::new(&UNARY)).unwrap();
    vec![error(PROGRAM, raw.it.open(now, &OpenOptions::new(&UNARY)))]
}

/// A message after the end of the call.
fn after_the_end() -> Vec<Line> {
    let mut raw = Raw::client();
    let id = raw.open(&OpenOptions::new(&BIDI));
    raw.said();
    raw.reset(1, ErrorCode::INTERNAL_ERROR);
    let refused = reason(raw.it.call(id).unwrap().send(b"more".to_vec()));
    vec![refused, outcome(&mut raw.it, id)]
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "A second message is sent on a unary call",
        make: || {
            client(&OpenOptions::new(&UNARY), |mut call| {
                call.send(b"one".to_vec()).unwrap();
                reason(call.send(b"two".to_vec()))
            })
        },
        layer: "application",
        names: &["the sending side of this call was closed before"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A message is sent after the half-close",
        make: || {
            client(&OpenOptions::new(&BIDI), |mut call| {
                call.half_close().unwrap();
                reason(call.send(b"more".to_vec()))
            })
        },
        layer: "application",
        names: &["the sending side of this call was closed before"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A unary call is half-closed without a message",
        make: || client(&OpenOptions::new(&UNARY), |mut call| error(PROGRAM, call.half_close())),
        layer: "application",
        names: &["sends exactly one message, and none was sent", "G-076"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A unary call is answered twice",
        make: || {
            server(Kind::Unary, |mut call| {
                call.send(b"one".to_vec()).unwrap();
                reason(call.send(b"two".to_vec()))
            })
        },
        layer: "application",
        names: &["answers with one message, and one was sent", "G-040"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "Initial metadata is sent after a message",
        make: || {
            server(Kind::BidiStreaming, |mut call| {
                call.send(b"one".to_vec()).unwrap();
                error(PROGRAM, call.send_head(&Metadata::new()))
            })
        },
        layer: "application",
        names: &["the response head was sent before", "G-039"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A message is sent on a call that has ended",
        make: after_the_end,
        layer: "application",
        names: &["the call has ended", "the server reset the stream with INTERNAL_ERROR"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A message is sent into a full queue",
        make: || {
            client(&OpenOptions::new(&BIDI), |mut call| {
                call.send(vec![0; 60_000]).unwrap();
                reason(call.send(vec![0; 10_000]))
            })
        },
        layer: "application",
        names: &["send_queue_per_call", "wait for Writable"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "A message is longer than the config lets it be",
        make: || {
            let config = client_config(limits(|limits| limits.max_send_message = Some(1000)));
            let mut raw = Raw::client_with(&config);
            let id = raw.open(&OpenOptions::new(&UNARY));
            vec![reason(raw.it.call(id).unwrap().send(vec![0; 1001]))]
        },
        layer: "application",
        names: &["longer than max_send_message"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A message is compressed on a call without a coding",
        make: || {
            client(&OpenOptions::new(&UNARY), |mut call| {
                let mut message = Message::new("x");
                message.compressed = true;
                reason(call.send(message))
            })
        },
        layer: "application",
        names: &["needs a grpc-encoding", "G-096"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A call names a coding that its config does not list",
        make: || {
            let codings = Codings::new(["gzip"]).unwrap();
            let mut raw = Raw::client_with(&ClientConfig::builder("localhost").codings(codings).build().unwrap());
            let now = raw.now();
            vec![error(PROGRAM, raw.it.open(now, &OpenOptions::new(&UNARY).encoding("zstd")))]
        },
        layer: "application",
        names: &["grpc-encoding of this call is not in the config's codings"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "An authority has a blank",
        make: || opened(&OpenOptions::new(&UNARY).authority("green house")),
        layer: "application",
        names: &["the authority is no host and port", "RFC 9110 section 7.2"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "Too many calls wait for the server",
        make: too_many_waiting,
        layer: "HTTP/2",
        names: &["max_waiting_calls", "stream limit", "wait for Available"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "A request has more metadata than the server takes",
        make: metadata_too_large,
        layer: "HTTP/2",
        names: &["RESOURCE_EXHAUSTED", "SETTINGS_MAX_HEADER_LIST_SIZE"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A metadata key has a blank",
        make: || vec![error(PROGRAM, Metadata::new().append("request id", "17"))],
        layer: "metadata",
        names: &["a key is made of letters", "G-105"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A metadata value is not ASCII",
        make: || vec![error(PROGRAM, Metadata::new().append("city", "Zürich"))],
        layer: "metadata",
        names: &["a value is visible ASCII", "-bin", "G-106"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "Octets are put under a key without `-bin`",
        make: || vec![error(PROGRAM, Metadata::new().append_bin("trace", &[0, 255]))],
        layer: "metadata",
        names: &["-bin", "G-108"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A metadata key belongs to the protocol",
        make: || vec![error(PROGRAM, Metadata::new().append("grpc-timeout", "1S"))],
        layer: "metadata",
        names: &["the key belongs to the protocol", "G-115"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A method's path has no slash in front",
        make: || vec![error(PROGRAM, Path::parse(b"test.Service/Unary").map(drop))],
        layer: "gRPC",
        names: &["no leading slash", "G-022"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A limit is out of its range",
        make: || limited(|limits| limits.max_frame = 1000),
        layer: "config",
        names: &["max_frame: 16384 to 16777215"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "Two limits contradict each other",
        make: || limited(|limits| limits.call_window = 1 << 30),
        layer: "config",
        names: &["connection_window and call_window"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A config's authority is a URL",
        make: || vec![error(CLIENT, ClientConfig::builder("http://localhost:50051/ ").build().map(drop))],
        layer: "config",
        names: &["authority"],
        retry: Some(Retry::Useless),
    },
];
