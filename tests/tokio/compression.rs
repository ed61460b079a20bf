//! Codecs in the adapter: who compresses what, and what becomes of messages that cannot be decompressed.

use crate::{BOTH, DOWNLOAD, PIPE, UNARY, UPLOAD};
use grpc_sansio::adapter::tokio::{Channel, Handler, Refusal, Request, Response, Router, Server};
use grpc_sansio::codec::{Codecs, Deflate, Gzip};
use grpc_sansio::grpc::{Code, Message, Metadata};
use grpc_sansio::{ClientConfig, Limits, ServerConfig};

/// Octets of a message that shrinks.
const OCTETS: usize = 10_000;
/// The most octets of a received message.
const LIMIT: usize = 20_000;

fn text() -> Vec<u8> {
    vec![b'a'; OCTETS]
}

/// A channel and a server with codecs of their own; `sending` are the usual codings of each.
fn pair(client: &[&str], server: &[&str], handler: impl Handler) -> Channel {
    let codecs = Codecs::new().with(Gzip::default()).with(Deflate::default());
    let mut limits = Limits::default();
    limits.max_receive_message = Some(LIMIT as u32);
    let client_config = ClientConfig::builder("a").limits(limits.clone()).codings(codecs.codings()).build().unwrap();
    let server_config = ServerConfig::builder().limits(limits).codings(codecs.codings()).build().unwrap();
    let (near, far) = tokio::io::duplex(PIPE);
    let (channel, driver) = Channel::new(near, &client_config);
    tokio::spawn(driver);
    let serving = Server::new(server_config).with_codecs(codecs.clone().sending(server));
    tokio::spawn(serving.serve_connection(far, handler));
    channel.with_codecs(codecs.sending(client))
}

/// Answers with the text, and says in the trailers what it got: its coding, and whether each message was compressed.
fn router() -> Router {
    fn said(coding: Option<&str>, flags: &str) -> Metadata {
        let mut trailers = Metadata::new();
        trailers.append("coding", coding.unwrap_or("none")).unwrap();
        trailers.append("flags", flags).unwrap();
        trailers
    }
    let flag = |message: &Message| {
        assert!(!message.compressed && message.data.iter().all(|octet| *octet == b'a'), "{message:?}");
        if message.decoded { "1" } else { "0" }
    };
    Router::new()
        .unary(&UNARY, move |request| async move {
            let trailers = said(request.head.encoding.as_deref(), flag(&request.message));
            let response = Response::new(text()).with_trailers(trailers);
            Ok(match request.metadata().get("wanted").map(str::to_string) {
                Some(coding) => response.with_encoding(coding),
                None => response,
            })
        })
        .client_streaming(&UPLOAD, move |mut request| async move {
            let mut flags = String::new();
            while let Some(message) = request.message().await? {
                flags += flag(&message);
            }
            Ok(Response::new(text()).with_trailers(said(request.head.encoding.as_deref(), &flags)))
        })
        .server_streaming(&DOWNLOAD, |_, mut responses| async move {
            responses.send(text()).await?;
            responses.send(Message::as_is(text())).await?;
            responses.try_send(text())?;
            Ok(Metadata::new())
        })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            if let Some(coding) = request.metadata().get("wanted") {
                responses.set_encoding(coding)?;
            }
            while let Some(message) = request.message().await? {
                responses.send(message.data).await?;
            }
            Ok(Metadata::new())
        })
}

fn wanting(coding: &str) -> Request<()> {
    let mut metadata = Metadata::new();
    metadata.append("wanted", coding).unwrap();
    Request::empty().with_metadata(metadata)
}

/// What the server got, as it says.
fn got(trailers: &Metadata) -> (&str, &str) {
    (trailers.get("coding").unwrap(), trailers.get("flags").unwrap())
}

/// G-089: nothing is compressed by codecs that only know how; a usual coding is for all calls, and a call's own goes first.
#[tokio::test]
async fn g_089_the_usual_coding_and_a_calls_own() {
    let silent = pair(&[], &[], router());
    let response = silent.unary(&UNARY, text()).await.unwrap();
    assert_eq!((got(&response.trailers), response.message.decoded), (("none", "0"), false));

    let channel = pair(&["gzip"], &["gzip"], router());
    for (own, expected) in
        [(None, ("gzip", "1")), (Some("deflate"), ("deflate", "1")), (Some("identity"), ("none", "0"))]
    {
        let mut request = Request::new(text());
        request.encoding = own.map(Into::into);
        let response = channel.unary(&UNARY, request.clone()).await.unwrap();
        assert_eq!((got(&response.trailers), response.message.decoded), (expected, true), "{own:?}");
        assert_eq!(response.message.data, text());

        let mut head = Request::empty();
        head.encoding = request.encoding;
        let mut call = channel.client_streaming(&UPLOAD, head).await.unwrap();
        call.send(text()).await.unwrap();
        call.send(text()).await.unwrap();
        let response = call.response().await.unwrap();
        assert_eq!(got(&response.trailers), (expected.0, &*expected.1.repeat(2)), "{own:?}");
    }
}

/// G-090, G-101, G-102: on a compressed stream single messages are not.
#[tokio::test]
async fn g_090_single_messages_stay_as_they_are() {
    let channel = pair(&["gzip"], &["deflate"], router());
    let mut call = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap();
    for message in [Message::new(text()), Message::as_is(text()), Message::new(""), Message::new("aaa")] {
        call.send(message).await.unwrap();
    }
    let response = call.response().await.unwrap();
    assert_eq!(got(&response.trailers), ("gzip", "1000"));
    assert_eq!(response.encoding.as_deref(), Some("deflate"));

    let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
    for decoded in [true, false, true] {
        let message = call.message().await.unwrap().unwrap();
        assert_eq!((message.decoded, message.compressed, message.data.len()), (decoded, false, OCTETS));
    }
    assert_eq!(call.message().await.unwrap(), None);
}

/// G-091: the answer's coding is the server's choice, call by call.
#[tokio::test]
async fn g_091_the_answer_has_its_own_coding() {
    let channel = pair(&["gzip"], &["gzip"], router());
    for (wanted, coding) in [("deflate", Some("deflate")), ("identity", None)] {
        let response = channel.unary(&UNARY, wanting(wanted).with_message(text())).await.unwrap();
        assert_eq!((response.encoding.as_deref(), response.message.decoded), (coding, coding.is_some()));

        let mut call = channel.bidi_streaming(&BOTH, wanting(wanted)).await.unwrap();
        call.send(text()).await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().decoded, coding.is_some());
        assert_eq!(call.head().await.unwrap().encoding.as_deref(), coding);
    }
}

/// A coding that was named by `set_encoding` holds for the one response that ends the call, too.
#[tokio::test]
async fn a_coding_named_before_holds_for_the_last_response() {
    let channel = pair(&[], &[], |mut call: grpc_sansio::adapter::tokio::ServerCall| async move {
        let early = call.head().metadata.get("early").is_some();
        call.set_encoding("gzip").unwrap();
        if early {
            call.send_head(&Metadata::new()).unwrap();
        }
        while let Ok(Some(_)) = call.message().await {}
        call.respond(Ok(Response::new(text())));
    });
    for early in [false, true] {
        let mut request = Request::new("x");
        if early {
            request.metadata.append("early", "1").unwrap();
        }
        let response = channel.unary(&UNARY, request).await.unwrap();
        assert_eq!((response.encoding.as_deref(), response.message.decoded), (Some("gzip"), true), "{early}");
    }
}

/// G-092: a client that accepts nothing gets nothing compressed, whoever asked for it.
#[tokio::test]
async fn g_092_a_client_without_codecs() {
    let codecs = Codecs::new().with(Gzip::default());
    let server_config = ServerConfig::builder().codings(codecs.codings()).build().unwrap();
    let (near, far) = tokio::io::duplex(PIPE);
    let (channel, driver) = Channel::new(near, &crate::client_config());
    tokio::spawn(driver);
    tokio::spawn(Server::new(server_config).with_codecs(codecs.sending(&["gzip"])).serve_connection(far, router()));

    for request in [Request::new(text()), wanting("gzip").with_message(text())] {
        let response = channel.unary(&UNARY, request).await.unwrap();
        assert_eq!((response.message, response.encoding), (Message::new(text()), None));
    }
    let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
    assert_eq!(call.message().await.unwrap(), Some(Message::new(text())));
}

/// What its server refuses to decompress: octets of no meaning, a stream cut off, one octet too many. One more octet than
/// the limit is RESOURCE_EXHAUSTED. The connection goes on.
#[tokio::test]
async fn g_068_g_098_a_request_that_cannot_be_decompressed_ends_its_call_only() {
    let channel = pair(&[], &[], router());
    let codecs = Codecs::new().with(Gzip::default());
    let gzip = |octets: usize| codecs.encode(Some("gzip"), Message::new(vec![b'a'; octets])).data;
    let cut = gzip(OCTETS).slice(..20);
    let longer = [&gzip(OCTETS)[..], b"!"].concat();
    for (payload, code) in [
        (gzip(LIMIT), Code::Ok),
        (gzip(LIMIT + 1), Code::ResourceExhausted),
        (gzip(10 << 20), Code::ResourceExhausted),
        (cut, Code::Internal),
        (longer.into(), Code::Internal),
        ("nonsense".into(), Code::Internal),
    ] {
        let request = Request::new(Message::compressed(payload.clone())).with_encoding("gzip");
        let unary = channel.unary(&UNARY, request).await;
        assert_eq!(unary.as_ref().map_or_else(|error| error.code().unwrap(), |_| Code::Ok), code, "{unary:?}");

        // In a stream, what came before it is served, and the handler learns that its call is over.
        let mut call = channel.bidi_streaming(&BOTH, Request::empty().with_encoding("gzip")).await.unwrap();
        call.send("first").await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().data, "first");
        call.send(Message::compressed(payload)).await.unwrap();
        match call.message().await {
            Ok(message) => assert_eq!((code, message.unwrap().data.len()), (Code::Ok, LIMIT)),
            Err(failure) => assert_eq!(failure.code(), code, "{failure}"),
        }
    }
    assert!(channel.unary(&UNARY, text()).await.is_ok(), "the connection lives");
    assert!(!channel.is_draining());
}

/// The same in responses, which their client refuses.
#[tokio::test]
async fn g_068_g_098_a_response_that_cannot_be_decompressed_ends_its_call_only() {
    let router = Router::new()
        .unary(&UNARY, |request| async move {
            Ok(Response::new(Message::compressed(request.message.data)).with_encoding("gzip"))
        })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            responses.set_encoding("gzip")?;
            responses.send("first").await?;
            while let Some(message) = request.message().await? {
                responses.send(Message::compressed(message.data)).await?;
            }
            Err(Refusal::new(Code::DataLoss, "the client should have gone by now"))
        });
    let channel = pair(&[], &[], router);
    let codecs = Codecs::new().with(Gzip::default());
    let gzip = |octets: usize| codecs.encode(Some("gzip"), Message::new(vec![b'a'; octets])).data;
    for (payload, code) in [
        (gzip(LIMIT), None),
        (gzip(LIMIT + 1), Some(Code::ResourceExhausted)),
        (gzip(10 << 20), Some(Code::ResourceExhausted)),
        (gzip(OCTETS).slice(..20), Some(Code::Internal)),
        ("nonsense".into(), Some(Code::Internal)),
    ] {
        let unary = channel.unary(&UNARY, payload.clone()).await;
        assert_eq!(unary.err().and_then(|error| error.code()), code);

        let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().data, "first");
        call.send(payload).await.unwrap();
        assert_eq!(call.message().await.err().map(|failure| failure.code()), code);
        if let Some(code) = code {
            let outcome = call.outcome().await;
            assert_eq!((outcome.status.code(), outcome.origin), (code, grpc_sansio::Origin::Local), "it stays");
        }
    }
    assert!(!channel.is_draining());
}

/// A channel without codecs leaves flags and octets to the application, as the engine does.
#[tokio::test]
async fn without_codecs_nothing_is_touched() {
    let codecs = Codecs::new().with(Gzip::default());
    let config = ClientConfig::builder("a").codings(codecs.codings()).build().unwrap();
    let server_config = ServerConfig::builder().codings(codecs.codings()).build().unwrap();
    let (near, far) = tokio::io::duplex(PIPE);
    let (channel, driver) = Channel::new(near, &config);
    tokio::spawn(driver);
    tokio::spawn(
        Server::new(server_config).with_codecs(codecs.clone().sending(&["gzip"])).serve_connection(far, router()),
    );
    let response = channel.unary(&UNARY, Request::new(text()).with_encoding("gzip")).await.unwrap();
    assert_eq!(got(&response.trailers), ("gzip", "0"));
    assert_eq!(response.message, codecs.encode(Some("gzip"), Message::new(text())));
}
