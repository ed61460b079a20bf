//! Generated clients and servers on tokio.

mod common;

use bytes::Bytes;
use common::{area, note, point};
use grpc_sansio::adapter::tokio::{CallError, Channel, Incoming, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Status};
use grpc_sansio::intercept::{Bearer, IncomingCall, TokenCheck};
use grpc_sansio::stub::tokio::{BoxStream, Requests, Streaming};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use stubs::guide::{Guide, huts};
use stubs::proto::corners::v1::parts::{self, Part};
use stubs::proto::corners::v1::{Keywords, corners_rpc, keywords};
use stubs::proto::trails::v1::{Hut, Note, Point, Summary, guide_rpc};
use tokio_stream::StreamExt as _;

fn channel(router: Router) -> Channel {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    let config = ClientConfig::builder("localhost").build().unwrap();
    let (channel, driver) = Channel::new(near, &config);
    tokio::spawn(driver);
    channel
}

fn guide() -> guide_rpc::tokio::GuideClient {
    guide_rpc::tokio::GuideClient::new(channel(guide_rpc::tokio::router(Guide)))
}

#[tokio::test]
async fn unary() {
    let guide = guide();
    let response = guide.find_hut(point(3, 2)).await.unwrap();
    assert_eq!(response.message, huts()[1]);
    assert_eq!(response.metadata.get("x-deadline"), Some("false"));
    assert_eq!(response.trailers.get("x-cost"), Some("1"));

    let request = Request::of(point(3, 2)).with_timeout(Duration::from_secs(60));
    assert_eq!(guide.find_hut(request).await.unwrap().metadata.get("x-deadline"), Some("true"));

    let error = guide.find_hut(point(0, 0)).await.unwrap_err();
    assert_eq!(error.to_string(), "NOT_FOUND: no hut here");
}

#[tokio::test]
async fn server_streaming() {
    let guide = guide();
    let mut stream = guide.list_huts(area(2, 9)).await.unwrap();
    assert_eq!(stream.head().await.unwrap().metadata.get("x-map"), Some("new"));
    assert_eq!(stream.message().await.unwrap().as_ref(), Some(&huts()[1]));
    let rest: Vec<_> = (&mut stream).collect::<Result<_, _>>().await.unwrap();
    assert_eq!(rest, huts()[2..]);
    assert_eq!(stream.trailers().await.get("x-cost"), Some("2"));

    let failure = guide.list_huts(area(7, 6)).await.unwrap().message().await.unwrap_err();
    assert_eq!((failure.code(), failure.trailers().get("x-cost")), (Code::NotFound, Some("0")));
}

#[tokio::test]
async fn client_streaming() {
    let guide = guide();
    let points = vec![point(0, 0), point(3, 4), point(3, 5)];
    let response = guide.record_walk(tokio_stream::iter(points)).await.unwrap();
    assert_eq!(response.message, Summary { points: 3, distance: 8 });

    let none = guide.record_walk(Request::of(tokio_stream::empty())).await.unwrap();
    assert_eq!(none.message, Summary::default());
}

#[tokio::test]
async fn a_server_that_answers_early_ends_a_client_that_has_more_to_say() {
    let points = tokio_stream::once(point(-1, 0)).chain(tokio_stream::pending::<Point>());
    let error = guide().record_walk(points).await.unwrap_err();
    assert_eq!(error.to_string(), "OUT_OF_RANGE: off the map");
}

#[tokio::test]
async fn bidirectional() {
    let guide = guide();
    let notes = vec![note(1, "a"), note(2, "b"), note(1, "c"), note(1, "d")];
    let answers: Vec<Note> =
        guide.talk(tokio_stream::iter(notes)).await.unwrap().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(answers, [note(1, "a"), note(1, "a"), note(1, "c")]);

    let (mut sender, mut answers) = guide.talk_duplex(Request::empty()).await.unwrap();
    sender.send(&note(1, "ping")).await.unwrap();
    sender.send(&note(1, "pong")).await.unwrap();
    assert_eq!(answers.message().await.unwrap().unwrap().text, "ping");
    sender.half_close().unwrap();
    assert_eq!(answers.message().await.unwrap(), None);
}

#[tokio::test]
async fn much_more_than_the_windows_hold_goes_both_ways_at_once() {
    let long = "x".repeat(1000);
    let notes: Vec<_> = (0..60).map(|_| note(1, &long)).collect();
    let stream = guide().talk(tokio_stream::iter(notes)).await.unwrap();
    let answers: Vec<Note> = stream.collect::<Result<_, _>>().await.unwrap();
    assert_eq!(answers.len(), 60 * 59 / 2);
}

/// A service whose streams never end and tell when they are dropped.
struct Endless(Arc<AtomicBool>);

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl guide_rpc::tokio::Guide for Endless {
    async fn find_hut(&self, _: Incoming<Point>) -> Result<Response<Hut>, Refusal> {
        panic!("at home");
    }

    type ListHutsStream = BoxStream<Hut>;

    async fn list_huts(
        &self,
        _: Incoming<stubs::proto::trails::v1::Area>,
    ) -> Result<Response<Self::ListHutsStream>, Refusal> {
        let dropped = Dropped(Arc::clone(&self.0));
        let never = tokio_stream::pending().map(move |hut| {
            let _ = &dropped;
            hut
        });
        Ok(Response::of(Box::pin(tokio_stream::once(Ok(huts().remove(0))).chain(never))))
    }

    async fn record_walk(&self, _: Incoming<Requests<Point>>) -> Result<Response<Summary>, Refusal> {
        Ok(Summary { points: 7, distance: 0 }.into())
    }

    type TalkStream = BoxStream<Note>;

    async fn talk(&self, _: Incoming<Requests<Note>>) -> Result<Response<Self::TalkStream>, Refusal> {
        let broken = tokio_stream::iter([Ok(note(1, "one")), Err(Refusal::new(Code::DataLoss, "no more"))]);
        Ok(Response::of(Box::pin(broken)))
    }
}

#[tokio::test]
async fn a_stream_that_nobody_reads_any_more_is_dropped() {
    let dropped = Arc::new(AtomicBool::new(false));
    let guide = guide_rpc::tokio::GuideClient::new(channel(guide_rpc::tokio::router(Endless(Arc::clone(&dropped)))));
    let mut stream = guide.list_huts(area(0, 9)).await.unwrap();
    assert!(stream.message().await.unwrap().is_some());
    assert!(!dropped.load(Ordering::SeqCst));
    drop(stream);
    while !dropped.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn services_fail_in_all_ways() {
    let guide = guide_rpc::tokio::GuideClient::new(channel(guide_rpc::tokio::router(Endless(Arc::default()))));
    assert_eq!(guide.find_hut(point(0, 0)).await.unwrap_err().code(), Some(Code::Unknown), "a panic costs one call");
    let unread = guide.record_walk(tokio_stream::iter(vec![point(1, 1); 10_000])).await.unwrap();
    assert_eq!(unread.message.points, 7, "who answers without reading is believed");
    let mut stream = guide.talk(tokio_stream::pending()).await.unwrap();
    assert_eq!(stream.message().await.unwrap(), Some(note(1, "one")));
    assert_eq!(stream.message().await.unwrap_err().code(), Code::DataLoss);
    assert_eq!(stream.message().await.unwrap(), None, "after its failure the stream is over");
}

/// Echoes where it can.
struct Corners;

type Answer<T> = Result<Response<T>, Refusal>;

impl corners_rpc::tokio::Corners for Corners {
    async fn r#type(&self, request: Incoming<Keywords>) -> Answer<Keywords> {
        Ok(request.message.into())
    }

    async fn self_(&self, _: Incoming<()>) -> Answer<()> {
        Ok(().into())
    }

    type AsyncStream = Requests<()>;

    async fn r#async(&self, request: Incoming<Requests<()>>) -> Answer<Requests<()>> {
        Ok(request.message.into())
    }

    async fn new_(&self, request: Incoming<Part>) -> Answer<parts::part::Inner> {
        let numbers = request.message.data.iter().map(|octet| -i64::from(*octet)).collect();
        Ok(parts::part::Inner { numbers }.into())
    }

    async fn r#match(
        &self,
        request: Incoming<grpc_sansio::prost_types::Timestamp>,
    ) -> Answer<grpc_sansio::prost_types::Duration> {
        Ok(grpc_sansio::prost_types::Duration { seconds: request.message.seconds, nanos: 0 }.into())
    }

    async fn unwrap(&self, request: Incoming<String>) -> Answer<i64> {
        request.message.parse().map(Response::of).map_err(|_| Refusal::new(Code::InvalidArgument, "no number"))
    }

    async fn unwrap_bytes(&self, request: Incoming<Vec<u8>>) -> Answer<bool> {
        Ok(Response::of(request.message.is_empty()))
    }

    async fn wrap(&self, request: Incoming<grpc_sansio::prost_types::Any>) -> Answer<grpc_sansio::prost_types::Any> {
        Ok(request.message.into())
    }

    async fn methods(&self, request: Incoming<Keywords>) -> Answer<Keywords> {
        Ok(request.message.into())
    }

    async fn async_duplex(&self, request: Incoming<Keywords>) -> Answer<Keywords> {
        Ok(request.message.into())
    }

    #[allow(deprecated)]
    async fn gone(&self, request: Incoming<parts::Old>) -> Answer<parts::Old> {
        Ok(request.message.into())
    }

    async fn r#gen(&self, request: Incoming<Keywords>) -> Answer<Keywords> {
        Ok(request.message.into())
    }

    type LowerCaseNameStream = tokio_stream::Once<Result<Keywords, Refusal>>;

    async fn lower_case_name(&self, request: Incoming<Keywords>) -> Answer<Self::LowerCaseNameStream> {
        Ok(tokio_stream::once(Ok(request.message)).into())
    }
}

#[tokio::test]
async fn names_and_types_of_all_sorts() {
    let client = corners_rpc::tokio::CornersClient::new(channel(corners_rpc::tokio::router(Corners)));
    let data = Bytes::from_static(b"\x01\x02");
    let part = Part { id: "p".into(), data };
    let words = Keywords {
        r#type: "t".into(),
        self_: true,
        r#match: Some(keywords::Match::Part(part.clone())),
        maybe: Some(0),
        kind: keywords::Kind::Self_.into(),
        ..Keywords::default()
    };
    assert_eq!(client.r#type(words.clone()).await.unwrap().message, words);
    assert_eq!(client.methods(words.clone()).await.unwrap().message, words);
    assert_eq!(client.async_duplex(words.clone()).await.unwrap().message, words);
    assert_eq!(client.r#gen(words.clone()).await.unwrap().message, words);
    client.self_(()).await.unwrap();
    let empties: Vec<()> =
        client.r#async(tokio_stream::iter([(), (), ()])).await.unwrap().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(empties.len(), 3);
    let (mut sender, mut receiver) = client.async_duplex_(Request::empty()).await.unwrap();
    sender.send(&()).await.unwrap();
    assert_eq!(receiver.message().await.unwrap(), Some(()));
    assert_eq!(client.new_(part).await.unwrap().message.numbers, [-1, -2]);
    let at = grpc_sansio::prost_types::Timestamp { seconds: 9, nanos: 0 };
    assert_eq!(client.r#match(at).await.unwrap().message.seconds, 9);
    assert_eq!(client.unwrap("-17".to_owned()).await.unwrap().message, -17);
    assert!(client.unwrap_bytes(Vec::new()).await.unwrap().message);
    let any = grpc_sansio::prost_types::Any { type_url: "x/y".into(), value: vec![1] };
    assert_eq!(client.wrap(any.clone()).await.unwrap().message, any);
    let mut stream: Streaming<Keywords> = client.lower_case_name(words.clone()).await.unwrap();
    assert_eq!(stream.message().await.unwrap(), Some(words));
    assert_eq!(corners_rpc::METHODS.len(), 13);
    assert_eq!(corners_rpc::SELF.path().as_str(), "/corners.v1.Corners/Self");
    assert_eq!(stubs::proto::bare_rpc::NAME, "Bare");
}

#[tokio::test]
#[allow(deprecated)]
async fn what_is_deprecated_still_works() {
    let client = corners_rpc::tokio::CornersClient::new(channel(corners_rpc::tokio::router(Corners)));
    let old = parts::Old { id: "old".into() };
    assert_eq!(client.gone(old.clone()).await.unwrap().message, old);
    let former = stubs::proto::corners::v1::former_rpc::tokio::FormerClient::new(client.channel().clone());
    assert_eq!(former.call(Keywords::default()).await.unwrap_err().code(), Some(Code::Unimplemented));
}

#[tokio::test]
async fn routers_merge() {
    let router = guide_rpc::tokio::router(Guide).merge(corners_rpc::tokio::router(Corners));
    let channel = channel(router);
    assert!(guide_rpc::tokio::GuideClient::new(channel.clone()).find_hut(point(3, 2)).await.is_ok());
    assert!(corners_rpc::tokio::CornersClient::new(channel).self_(()).await.is_ok());
}

/// G-083
#[tokio::test]
async fn octets_that_are_no_message_fail_their_call_alone() {
    let channel = channel(guide_rpc::tokio::router(Guide));
    let broken = channel.unary(&guide_rpc::FIND_HUT, &b"\xff"[..]).await.unwrap_err();
    assert_eq!(broken.code(), Some(Code::Internal));
    assert!(broken.to_string().starts_with("INTERNAL: server: "), "{broken}");
    let mut call = channel.client_streaming(&guide_rpc::RECORD_WALK, Request::empty()).await.unwrap();
    call.send(&b"\xff"[..]).await.unwrap();
    assert_eq!(call.response().await.unwrap_err().code(), Some(Code::Internal));
    assert!(guide_rpc::tokio::GuideClient::new(channel).find_hut(point(3, 2)).await.is_ok());
}

/// G-083, of a response.
#[tokio::test]
async fn a_client_that_cannot_read_an_answer_says_so() {
    let broken = Router::new()
        .unary(&guide_rpc::FIND_HUT, |_| async { Ok(Response::new(&b"\xff"[..])) })
        .server_streaming(&guide_rpc::LIST_HUTS, |_, mut responses| async move {
            responses.send(&b"\xff"[..]).await?;
            Ok(grpc_sansio::grpc::Metadata::new())
        });
    let guide = guide_rpc::tokio::GuideClient::new(channel(broken));
    let error: CallError = guide.find_hut(point(3, 2)).await.unwrap_err();
    assert!(error.to_string().starts_with("INTERNAL: client: "), "{error}");
    let mut stream = guide.list_huts(area(0, 9)).await.unwrap();
    assert!(stream.message().await.unwrap_err().to_string().starts_with("INTERNAL: client: "));
    assert_eq!(stream.message().await.unwrap(), None);
}

/// Generated clients and services are made of channels and routers, so interceptors stand before them as before any other.
#[tokio::test]
async fn interceptors_of_both_sides() {
    let check = TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
        "good" => Ok(()),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    let plain = channel(guide_rpc::tokio::router(Guide).with_interceptor(check));
    let client = guide_rpc::tokio::GuideClient::new;
    assert_eq!(client(plain.clone()).find_hut(point(3, 2)).await.unwrap_err().code(), Some(Code::Unauthenticated));
    let guide = client(plain.with_interceptor(Bearer::fixed("good").allow_plaintext()));
    assert_eq!(guide.find_hut(point(3, 2)).await.unwrap().message, huts()[1]);
    let huts: Vec<_> = guide.list_huts(area(2, 9)).await.unwrap().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(huts.len(), 2);
    let points = vec![point(0, 0), point(3, 4)];
    assert_eq!(guide.record_walk(tokio_stream::iter(points)).await.unwrap().message.points, 2);
    let notes = tokio_stream::iter(vec![note(1, "a"), note(1, "b")]);
    let answers: Vec<_> = guide.talk(notes).await.unwrap().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(answers, [note(1, "a")]);
}
