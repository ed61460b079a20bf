//! Other codecs under the same generated code.

use bytes::Bytes;
use grpc_sansio::adapter::mio::{Routes, Server as Loop};
use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Response, Router, Server};
use grpc_sansio::grpc::Code;
use grpc_sansio::stub::tokio::{BoxStream, Requests};
use grpc_sansio::stub::{Codec, CodecError, Encoded, Raw};
use grpc_sansio::{ClientConfig, ServerConfig};
use stubs::json::trails::v1 as json;
use stubs::raw::trails::v1 as raw;
use tokio_stream::StreamExt as _;

fn channel(router: Router) -> Channel {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build().unwrap());
    tokio::spawn(driver);
    channel
}

/// Says what it was called with.
struct Guide;

impl json::guide_rpc::tokio::Guide for Guide {
    async fn find_hut(&self, request: Incoming<json::Point>) -> Result<Response<json::Hut>, Refusal> {
        let hut = json::Hut { place: Some(request.message), name: request.head.content_type, beds: 1 };
        Ok(hut.into())
    }

    type ListHutsStream = BoxStream<json::Hut>;

    async fn list_huts(&self, _: Incoming<json::Area>) -> Result<Response<Self::ListHutsStream>, Refusal> {
        Ok(Response::of(Box::pin(tokio_stream::empty())))
    }

    async fn record_walk(&self, request: Incoming<Requests<json::Point>>) -> Result<Response<json::Summary>, Refusal> {
        let points = request.message.collect::<Result<Vec<_>, _>>().await?;
        Ok(json::Summary { points: points.len() as u32, distance: 0 }.into())
    }

    type TalkStream = Requests<json::Note>;

    async fn talk(&self, request: Incoming<Requests<json::Note>>) -> Result<Response<Self::TalkStream>, Refusal> {
        Ok(Response::of(request.message))
    }
}

#[tokio::test]
async fn json_by_serde() {
    let channel = channel(json::guide_rpc::tokio::router(Guide));
    let guide = json::guide_rpc::tokio::GuideClient::new(channel.clone());
    let point = json::Point { east: 3, north: 2 };
    let hut = guide.find_hut(point).await.unwrap().message;
    assert_eq!((hut.place, &*hut.name), (Some(point), "application/grpc+json"));
    assert_eq!(guide.record_walk(tokio_stream::iter([point; 4])).await.unwrap().message.points, 4);
    let note = json::Note { place: None, text: "there and back".into() };
    let notes: Vec<_> = guide.talk(tokio_stream::once(note.clone())).await.unwrap().collect().await;
    assert_eq!(notes, [Ok(note)]);

    let wire = channel.unary(&json::guide_rpc::FIND_HUT, &br#"{"east":1,"north":2}"#[..]).await.unwrap();
    assert!(wire.message.data.starts_with(br#"{"place":{"east":1"#), "{wire:?}");
    let broken = channel.unary(&json::guide_rpc::FIND_HUT, &b"{"[..]).await.unwrap_err();
    assert_eq!(broken.code(), Some(Code::Internal));
    assert!(broken.to_string().contains("EOF while parsing"), "{broken}");
}

/// A codec that cannot write a certain message.
#[derive(Clone, Copy, Debug, Default)]
struct Picky;

impl<T> Codec<T> for Picky
where
    stubs::Json: Codec<T>,
{
    fn encode(&self, message: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        stubs::Json.encode(message, buffer)?;
        if buffer.windows(4).any(|text| text == b"poor") { Err(CodecError::from_static("too poor")) } else { Ok(()) }
    }

    fn decode(&self, octets: Encoded<'_>) -> Result<T, CodecError> {
        stubs::Json.decode(octets)
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_written_is_told_and_never_sent() {
    let channel = channel(json::guide_rpc::tokio::router_with_codec(Guide, Picky));
    let note = |text: &str| json::Note { place: None, text: text.into() };

    // The client's.
    let guide = json::guide_rpc::tokio::GuideClient::with_codec(channel.clone(), Picky);
    let mut stream = guide.talk(tokio_stream::iter([note("rich"), note("poor")])).await.unwrap();
    let mut last = stream.message().await;
    while let Ok(Some(_)) = last {
        last = stream.message().await;
    }
    assert_eq!(
        last.unwrap_err().to_string(),
        "INTERNAL: client: message: a message cannot be encoded: too poor; retry: useless"
    );
    let (mut sender, _stream) = guide.talk_duplex(Default::default()).await.unwrap();
    assert_eq!(
        sender.send(&note("poor")).await.unwrap_err().to_string(),
        "message: a message cannot be encoded: too poor; retry: useless"
    );
    sender.send(&note("rich")).await.unwrap();

    // The server's.
    let guide = json::guide_rpc::tokio::GuideClient::with_codec(channel, stubs::Json);
    let mut stream = guide.talk(tokio_stream::iter([note("poor")])).await.unwrap();
    assert_eq!(
        stream.message().await.unwrap_err().to_string(),
        "INTERNAL: server: message: a message cannot be encoded: too poor; retry: useless"
    );
}

/// Octets in, octets out.
struct Mirror;

impl raw::guide_rpc::tokio::Guide for Mirror {
    async fn find_hut(&self, request: Incoming<Bytes>) -> Result<Response<Bytes>, Refusal> {
        Ok(request.message.into())
    }

    type ListHutsStream = tokio_stream::Once<Result<Bytes, Refusal>>;

    async fn list_huts(&self, request: Incoming<Bytes>) -> Result<Response<Self::ListHutsStream>, Refusal> {
        Ok(tokio_stream::once(Ok(request.message)).into())
    }

    async fn record_walk(&self, request: Incoming<Requests<Bytes>>) -> Result<Response<Bytes>, Refusal> {
        let all = request.message.collect::<Result<Vec<_>, _>>().await?;
        Ok(Bytes::from(all.concat()).into())
    }

    type TalkStream = Requests<Bytes>;

    async fn talk(&self, request: Incoming<Requests<Bytes>>) -> Result<Response<Self::TalkStream>, Refusal> {
        Ok(request.message.into())
    }
}

#[tokio::test]
async fn octets_as_they_are() {
    let guide = raw::guide_rpc::tokio::GuideClient::new(channel(raw::guide_rpc::tokio::router(Mirror)));
    assert_eq!(guide.find_hut(Bytes::from_static(b"\xff")).await.unwrap().message, b"\xff"[..]);
    let parts = ["no ", "proto", "buf"].map(Bytes::from_static_str);
    assert_eq!(guide.record_walk(tokio_stream::iter(parts)).await.unwrap().message, "no protobuf");
}

trait FromStr {
    fn from_static_str(text: &'static str) -> Bytes;
}

impl FromStr for Bytes {
    fn from_static_str(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }
}

#[test]
fn a_loop_takes_a_codec_too() {
    struct Mute;
    impl raw::guide_rpc::mio::Guide for Mute {
        fn find_hut(
            &mut self,
            request: grpc_sansio::stub::mio::Incoming<Bytes>,
        ) -> Result<grpc_sansio::adapter::mio::Reply<Bytes>, grpc_sansio::adapter::mio::Failure> {
            Ok(grpc_sansio::adapter::mio::Reply::of(request.message))
        }
        type ListHutsStream = grpc_sansio::stub::mio::BoxIterator<Bytes>;
        fn list_huts(
            &mut self,
            _: grpc_sansio::stub::mio::Incoming<Bytes>,
        ) -> Result<grpc_sansio::adapter::mio::Reply<Self::ListHutsStream>, grpc_sansio::adapter::mio::Failure>
        {
            Err(grpc_sansio::grpc::Status::from(Code::Unimplemented).into())
        }
        type RecordWalkStream = Never;
        fn record_walk(
            &mut self,
            _: grpc_sansio::stub::mio::Incoming<()>,
        ) -> Result<Never, grpc_sansio::adapter::mio::Failure> {
            Err(grpc_sansio::grpc::Status::from(Code::Unimplemented).into())
        }
        type TalkStream = Never;
        fn talk(
            &mut self,
            _: grpc_sansio::stub::mio::Incoming<()>,
        ) -> Result<Never, grpc_sansio::adapter::mio::Failure> {
            Err(grpc_sansio::grpc::Status::from(Code::Unimplemented).into())
        }
    }
    enum Never {}
    impl grpc_sansio::stub::mio::Collect<Bytes, Bytes> for Never {
        fn message(&mut self, _: Bytes) -> Result<(), grpc_sansio::adapter::mio::Failure> {
            match *self {}
        }
        fn finish(&mut self) -> Result<grpc_sansio::adapter::mio::Reply<Bytes>, grpc_sansio::adapter::mio::Failure> {
            match *self {}
        }
    }
    impl grpc_sansio::stub::mio::Converse<Bytes, Bytes> for Never {
        fn message(&mut self, _: Bytes) -> Result<(), grpc_sansio::adapter::mio::Failure> {
            match *self {}
        }
        fn half_close(&mut self) -> Result<(), grpc_sansio::adapter::mio::Failure> {
            match *self {}
        }
        fn next(&mut self) -> Result<grpc_sansio::adapter::mio::Next<Bytes>, grpc_sansio::adapter::mio::Failure> {
            match *self {}
        }
    }

    let mut routes = Routes::new();
    raw::guide_rpc::mio::add_to_with_codec(&mut routes, Mute, Raw);
    let mut server = Loop::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
    let (address, remote) = (server.local_addr().unwrap(), server.remote());
    let client = std::thread::spawn(move || {
        let config = ClientConfig::builder("localhost").build().unwrap();
        let channel = grpc_sansio::stub::blocking::Channel::connect(address, &config).unwrap();
        let guide = raw::guide_rpc::blocking::GuideClient::with_codec(channel, Raw);
        let answer = guide.find_hut(Bytes::from_static(b"\xff\xfe")).unwrap();
        let walk = guide.record_walk([Bytes::new()]).unwrap_err();
        remote.shutdown(Some(std::time::Duration::ZERO)).unwrap();
        (answer.message, walk.code())
    });
    server.run(&mut routes).unwrap();
    assert_eq!(client.join().unwrap(), (Bytes::from_static(b"\xff\xfe"), Some(Code::Unimplemented)));
}

#[test]
fn the_descriptors_are_there() {
    use grpc_sansio::prost::Message as _;
    let set = grpc_sansio::prost_types::FileDescriptorSet::decode(stubs::DESCRIPTORS).unwrap();
    assert!(set.file.iter().any(|file| file.name() == "trails/v1/trails.proto"));
}
