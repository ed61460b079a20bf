//! What clients print of servers of our own: methods that are not there, handlers that fail, messages that cannot be read.

use crate::raw::{Raw, Seen, framed};
use crate::{BIDI, CLIENT, DOWNLOAD, Line, Mistake, UNARY, config, error, line, outcome, run};
use grpc_sansio::adapter::tokio::{Channel, Handler, Request, Response, Router, Server};
use grpc_sansio::codec::{Codecs, Gzip};
use grpc_sansio::grpc::{Kind, Message, Metadata, Method, Status};
use grpc_sansio::stub::tokio::Stub;
use grpc_sansio::stub::{Codec, CodecError, Encoded};
use grpc_sansio::testing::Pair;
use grpc_sansio::{ClientConfig, Event, Item, Limits, OpenOptions, Retry, ServerConfig};

/// A channel to a server of one connection, in memory.
fn channel(handler: impl Handler) -> Channel {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, handler));
    let (channel, driver) = Channel::new(near, &config());
    tokio::spawn(driver);
    channel
}

/// What a unary call of this method prints.
fn unary(method: Method, router: Router) -> Vec<Line> {
    run(async move { vec![error(CLIENT, channel(router).unary(&method, "question").await)] })
}

fn echo() -> Router {
    Router::new().unary(&UNARY, |request| async move { Ok(Response::new(request.message.data)) })
}

/// Panics without a trace on the terminal.
fn panicking() -> Vec<Line> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let lines = unary(UNARY, Router::new().unary(&UNARY, |_| async { panic!("a bug") }));
    std::panic::set_hook(hook);
    lines
}

/// A handler that lets a call go, and one that says OK without the message of its method.
fn handled(handle: fn(grpc_sansio::Call<'_, grpc_sansio::Server>)) -> Vec<Line> {
    let mut pair = Pair::new(1);
    pair.on_server(move |_, server, event| {
        let Event::Opened(id) = event else { return };
        let mut call = server.call(id).unwrap();
        call.expect(Kind::Unary).unwrap();
        handle(call);
    });
    pair.on_client(|_, _, _| {});
    let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
    pair.client.call(id).unwrap().send(b"question".to_vec()).unwrap();
    pair.drive();
    vec![outcome(&mut pair.client, id)]
}

/// A channel and a server that know gzip and nothing else; messages of up to 1,000 octets.
fn with_gzip(message: Message) -> Vec<Line> {
    run(async move {
        let codecs = Codecs::new().with(Gzip::default());
        let mut limits = Limits::default();
        limits.max_receive_message = Some(1000);
        let config = ClientConfig::builder("localhost").codings(codecs.codings()).build().unwrap();
        let server = ServerConfig::builder().codings(codecs.codings()).limits(limits).build().unwrap();
        let (near, far) = tokio::io::duplex(4096);
        tokio::spawn(Server::new(server).with_codecs(codecs.clone()).serve_connection(far, echo()));
        let (channel, driver) = Channel::new(near, &config);
        tokio::spawn(driver);
        // The channel itself has no codecs: the message is compressed as the test says it is.
        let channel = if message.compressed { channel } else { channel.with_codecs(codecs.sending(&["gzip"])) };
        vec![error(CLIENT, channel.unary(&UNARY, Request::new(message).with_encoding("gzip")).await)]
    })
}

/// A codec of numbers as text.
#[derive(Clone)]
struct Numbers;

impl Codec<u32> for Numbers {
    fn encode(&self, message: &u32, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        if *message == 0 {
            return Err(CodecError::from_static("there is no 0"));
        }
        buffer.extend_from_slice(message.to_string().as_bytes());
        Ok(())
    }

    fn decode(&self, octets: Encoded<'_>) -> Result<u32, CodecError> {
        let text = std::str::from_utf8(&octets).map_err(CodecError::new)?;
        text.parse().map_err(|error| CodecError::new(format_args!("\"{text}\" is no number: {error}")))
    }
}

/// A typed call that is answered with text, or that asks with what cannot be written.
fn numbers(asked: u32) -> Vec<Line> {
    run(async move {
        let router = Router::new().unary(&UNARY, |_| async { Ok(Response::new("many")) });
        let stub = Stub::new(channel(router), Numbers);
        let result = stub.unary::<u32, u32>(&UNARY, grpc_sansio::adapter::tokio::Request::of(asked)).await;
        vec![error(CLIENT, result)]
    })
}

/// A response with more metadata than its client takes.
fn long_trailers() -> Vec<Line> {
    let mut limits = Limits::default();
    limits.max_header_list = 1024;
    let client = ClientConfig::builder("localhost").limits(limits).build().unwrap();
    let mut pair = Pair::with(&client, &ServerConfig::default(), 1);
    pair.on_server(|_, server, event| {
        let Event::Opened(id) = event else { return };
        let mut metadata = Metadata::new();
        metadata.append("x-long", &"v".repeat(2000)).unwrap();
        let mut call = server.call(id).unwrap();
        call.send_head(&metadata).unwrap();
        call.finish(&Status::ok(), &Metadata::new());
    });
    pair.on_client(|_, _, _| {});
    pair.drive();
    let id = pair.open(&OpenOptions::new(&UNARY)).unwrap();
    pair.client.call(id).unwrap().send(b"question".to_vec()).unwrap();
    pair.drive();
    vec![outcome(&mut pair.client, id)]
}

/// A server that answers a call whose deadline has passed, as its config may say.
fn answered_late() -> Vec<Line> {
    let mut raw = Raw::server_with(&ServerConfig::builder().answer_expired(true).build().unwrap());
    raw.request(1, &[("grpc-timeout", "1S")], false);
    let id = raw.opened();
    raw.data(1, &framed(b"question"), true);
    assert!(raw.it.call(id).is_some_and(|mut call| !matches!(call.read(), Some(Item::Head(_)))));
    raw.sleep(std::time::Duration::from_secs(1));
    let seen = raw.said_of_calls();
    let message = seen.iter().find_map(|seen: &Seen| seen.field("grpc-message").map(ToOwned::to_owned));
    vec![line(CLIENT, format!("DEADLINE_EXCEEDED: {}", message.unwrap()))]
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "The server does not have the method",
        make: || unary(Method::from_static("/test.Service/Unarry", Kind::Unary), echo()),
        layer: "gRPC",
        names: &["UNIMPLEMENTED", "unknown method \"/test.Service/Unarry\"", "G-021"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The path lacks the package of the service",
        make: || unary(Method::from_static("/Service/Unary", Kind::Unary), echo()),
        layer: "gRPC",
        names: &["UNIMPLEMENTED", "unknown method \"/Service/Unary\"", "G-021"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The method is called by the function of another kind",
        make: || unary(DOWNLOAD, echo()),
        layer: "application",
        names: &["the method is ServerStreaming"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A client takes a streaming method for a unary one",
        make: || {
            let streaming = Router::new().bidi_streaming(&BIDI, |mut request, mut responses| async move {
                while let Some(message) = request.message().await? {
                    responses.send(message.clone()).await?;
                    responses.send(message).await?;
                }
                Ok(Metadata::new())
            });
            unary(Method::from_static("/test.Service/Bidi", Kind::Unary), streaming)
        },
        layer: "gRPC",
        names: &["the method returns one message, and the server sent more", "G-081"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The handler panics",
        make: panicking,
        layer: "application",
        names: &["UNKNOWN", "server: ", "the handler panicked"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The handler drops the call",
        make: || {
            run(async {
                let dropping = |call: grpc_sansio::adapter::tokio::ServerCall| async move { drop(call) };
                vec![error(CLIENT, channel(dropping).unary(&UNARY, "question").await)]
            })
        },
        layer: "application",
        names: &["UNKNOWN", "server: ", "the handler ended without finishing the call"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The handler says OK without a message",
        make: || handled(|call| call.finish(&Status::ok(), &Metadata::new())),
        layer: "application",
        names: &["INTERNAL", "server: ", "without the one message of the method", "G-040"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The handler answers too late",
        make: answered_late,
        layer: "gRPC",
        names: &["server: ", "the deadline of the call passed", "G-131"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The response has more metadata than the client takes",
        make: long_trailers,
        layer: "HTTP/2",
        names: &["RESOURCE_EXHAUSTED", "server: ", "SETTINGS_MAX_HEADER_LIST_SIZE"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "A compressed message is broken",
        make: || {
            let mut message = Message::new("this is no gzip");
            message.compressed = true;
            with_gzip(message)
        },
        layer: "message",
        names: &["INTERNAL", "server: ", "not in gzip", "G-098"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A compressed message is too large when it is decompressed",
        make: || with_gzip(Message::new(vec![b'a'; 1001])),
        layer: "message",
        names: &["RESOURCE_EXHAUSTED", "max_receive_message, 1000, when decompressed", "G-068"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A message is not of the type that is expected",
        make: || numbers(7),
        layer: "message",
        names: &["INTERNAL", "client: ", "\"many\" is no number"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "A message has no form on the wire",
        make: || numbers(0),
        layer: "message",
        names: &["cannot be encoded", "there is no 0"],
        retry: Some(Retry::Useless),
    },
];
