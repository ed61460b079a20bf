//! Metadata and compressed flags, in both directions of every kind.

use crate::{BOTH, DOWNLOAD, UNARY, UPLOAD, pair, pair_with};
use grpc_sansio::adapter::tokio::{CallError, Refusal, Request, RequestHead, Response, Router};
use grpc_sansio::grpc::{Code, Codings, Message, Metadata, Status};
use grpc_sansio::{ClientConfig, Misuse, OpenError, ServerConfig};

fn one(key: &str, value: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append(key, value).unwrap();
    metadata
}

/// What a handler makes of the request's metadata: it goes back, as initial and as trailing metadata.
fn back(head: &RequestHead) -> (Metadata, Metadata) {
    let value = head.metadata.get("question").unwrap_or("none");
    (one("initial", value), one("trailing", value))
}

fn router() -> Router {
    Router::new()
        .unary(&UNARY, |request| async move {
            let (initial, trailing) = back(&request.head);
            if request.message.data.is_empty() {
                let refusal = Refusal::from(Status::new(Code::NotFound, "empty").with_details(&b"more"[..]));
                return Err(refusal.with_metadata(initial).with_trailers(trailing));
            }
            Ok(Response::new("").with_metadata(initial).with_trailers(trailing))
        })
        .client_streaming(&UPLOAD, |mut request| async move {
            while request.message().await?.is_some() {}
            let (initial, trailing) = back(&request.head);
            Ok(Response::new("").with_metadata(initial).with_trailers(trailing))
        })
        .server_streaming(&DOWNLOAD, |request, mut responses| async move {
            let (initial, trailing) = back(&request.head);
            responses.send_head(&initial)?;
            responses.send("").await?;
            Ok(trailing)
        })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            let (initial, trailing) = back(&request.head);
            responses.send_head(&initial)?;
            while request.message().await?.is_some() {}
            Err(Refusal::new(Code::Aborted, "").with_trailers(trailing))
        })
}

fn asked() -> Request<()> {
    Request::empty().with_metadata(one("question", "42"))
}

#[tokio::test]
async fn unary_both_ways() {
    let channel = pair(router()).channel;
    let response = channel.unary(&UNARY, asked().with_message("x")).await.unwrap();
    assert_eq!((response.metadata, response.trailers), (one("initial", "42"), one("trailing", "42")));

    let error = channel.unary(&UNARY, asked().with_message("")).await.unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!((failure.code(), failure.status().message()), (Code::NotFound, "empty"));
    assert_eq!(failure.status().details(), &b"more"[..]);
    assert_eq!((failure.metadata(), failure.trailers().get("trailing")), (&one("initial", "42"), Some("42")));
}

#[tokio::test]
async fn streaming_both_ways() {
    let channel = pair(router()).channel;
    let response = channel.client_streaming(&UPLOAD, asked()).await.unwrap().response().await.unwrap();
    assert_eq!((response.metadata, response.trailers), (one("initial", "42"), one("trailing", "42")));

    let mut call = channel.server_streaming(&DOWNLOAD, asked().with_message("")).await.unwrap();
    assert_eq!(call.head().await.unwrap().metadata, one("initial", "42"));
    assert_eq!(call.outcome().await.trailers, one("trailing", "42"));

    let mut call = channel.bidi_streaming(&BOTH, asked()).await.unwrap();
    assert_eq!(call.head().await.unwrap().metadata, one("initial", "42"), "before the first message");
    call.half_close().unwrap();
    let failure = call.message().await.unwrap_err();
    assert_eq!((failure.code(), failure.trailers()), (Code::Aborted, &one("trailing", "42")));
    assert_eq!(call.outcome().await, &failure.into_outcome(), "it can be asked again");
}

#[tokio::test]
async fn a_compressed_flag_is_seen_on_the_other_side() {
    let codings = || Codings::new(["gzip"]).unwrap();
    let client = ClientConfig::builder("localhost").codings(codings()).build().unwrap();
    let server = ServerConfig::builder().codings(codings()).build().unwrap();
    let router = Router::new()
        .unary(&UNARY, |request| async move {
            assert_eq!(request.head.encoding.as_deref(), request.message.compressed.then_some("gzip"));
            let response = Response::new(Message::compressed(request.message.data)).with_encoding("gzip");
            Ok(response)
        })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            responses.set_encoding("gzip")?;
            while let Some(mut message) = request.message().await? {
                message.compressed = !message.compressed;
                responses.send(message).await?;
            }
            Ok(Metadata::new())
        });
    let channel = pair_with(&client, server, router).channel;

    let request = Request::new(Message::compressed("as it is")).with_encoding("gzip");
    let response = channel.unary(&UNARY, request).await.unwrap();
    assert_eq!(response.message, Message::compressed("as it is"));
    assert_eq!(response.encoding.as_deref(), Some("gzip"));
    assert!(channel.unary(&UNARY, "plain").await.unwrap().message.compressed);

    let mut call = channel.bidi_streaming(&BOTH, Request::empty().with_encoding("gzip")).await.unwrap();
    for message in [Message::new("a"), Message::compressed("b")] {
        call.send(message.clone()).await.unwrap();
        let answer = call.message().await.unwrap().unwrap();
        assert_eq!((&answer.data, answer.compressed), (&message.data, !message.compressed));
    }
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
}

#[tokio::test]
async fn misuse_is_not_a_failed_call() {
    let channel = pair(router()).channel;
    assert_eq!(channel.unary(&BOTH, "").await.unwrap_err(), CallError::Kind(BOTH.kind()));
    let unknown = Request::new("").with_encoding("zip");
    assert_eq!(channel.unary(&UNARY, unknown).await.unwrap_err(), CallError::Open(OpenError::UnknownEncoding));
    let compressed = channel.unary(&UNARY, Message::compressed("")).await.unwrap_err();
    assert_eq!(compressed, CallError::Misuse(Misuse::CompressedWithoutEncoding));
    assert_eq!(compressed.code(), None);
    let mut nothing_sent = channel.open(&UNARY, Request::empty()).await.unwrap();
    assert_eq!(nothing_sent.half_close(), Err(Misuse::MessageMissing));
}
