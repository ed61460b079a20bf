//! The unary call through tonic: all of it, over `tokio::io::duplex` on a current-thread runtime, with a codec for plain octets.
//! The channel is cloned for each call, as users do, and where more than one call is open each is a task of its own. tonic
//! writes `grpc-timeout` in its own unit and starts timers, as ours does; it adds its own user-agent.

use crate::Work;
use crate::request::{AUTHORIZATION, MESSAGE, RequestId};
use bytes::{Buf, BufMut, Bytes};
use core::time::Duration;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tonic::body::Body;
use tonic::client::Grpc as ClientGrpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::codegen::{Service, http, tokio_stream};
use tonic::metadata::MetadataValue;
use tonic::server::{Grpc as ServerGrpc, NamedService};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

static REPLY: [u8; 32] = MESSAGE;

#[derive(Clone, Copy, Default)]
struct Octets;

impl Encoder for Octets {
    type Item = Bytes;
    type Error = Status;
    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Bytes;
    type Error = Status;
    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

impl Codec for Octets {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

/// What generated code would be.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "helloworld.Greeter";
}

#[derive(Clone)]
struct SayHello;

impl Service<Request<Bytes>> for SayHello {
    type Response = Response<Bytes>;
    type Error = Status;
    type Future = Ready<Result<Response<Bytes>, Status>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        assert_eq!(request.get_ref().len(), MESSAGE.len());
        ready(Ok(Response::new(Bytes::from_static(&REPLY))))
    }
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match request.uri().path() {
            "/helloworld.Greeter/SayHello" => {
                Box::pin(async move { Ok(ServerGrpc::new(Octets).unary(SayHello, request).await) })
            }
            _ => Box::pin(ready(Ok(Status::unimplemented("").into_http()))),
        }
    }
}

pub struct Unary {
    runtime: Runtime,
    channel: Channel,
    open: usize,
    id: RequestId,
    tasks: Vec<JoinHandle<()>>,
}

impl Unary {
    pub fn new(open: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (near, far) = tokio::io::duplex(64 * 1024);
        let channel = runtime.block_on(async {
            let incoming = tokio_stream::once(Ok::<_, std::io::Error>(far));
            tokio::spawn(async move {
                Server::builder().add_service(Greeter).serve_with_incoming(incoming).await.expect("a server");
            });
            let mut near = Some(near);
            let connector =
                tower::service_fn(move |_| ready(near.take().map(hyper_util::rt::TokioIo::new).ok_or_else(gone)));
            Endpoint::from_static("http://localhost:50051").connect_with_connector(connector).await.expect("a channel")
        });
        Self { runtime, channel, open, id: RequestId::new(), tasks: Vec::new() }
    }

    fn request(&mut self) -> Request<Bytes> {
        let mut request = Request::new(Bytes::from_static(&REPLY));
        request.set_timeout(Duration::from_secs(1));
        let metadata = request.metadata_mut();
        metadata.insert("authorization", MetadataValue::from_static(AUTHORIZATION));
        metadata.insert("x-request-id", self.id.next().parse().expect("ASCII"));
        request
    }
}

fn gone() -> std::io::Error {
    std::io::ErrorKind::NotConnected.into()
}

/// The status is looked at by tonic.
async fn call(channel: Channel, request: Request<Bytes>) {
    let mut grpc = ClientGrpc::new(channel);
    grpc.ready().await.expect("a channel that lives");
    let path = PathAndQuery::from_static("/helloworld.Greeter/SayHello");
    let reply = grpc.unary(request, path, Octets).await.expect("a reply");
    assert_eq!(reply.get_ref().len(), MESSAGE.len());
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open as u64) {
            if self.open == 1 {
                let request = self.request();
                self.runtime.block_on(call(self.channel.clone(), request));
                continue;
            }
            for _ in 0..self.open {
                let request = self.request();
                self.tasks.push(self.runtime.spawn(call(self.channel.clone(), request)));
            }
            let tasks = &mut self.tasks;
            self.runtime.block_on(async {
                for task in tasks.drain(..) {
                    task.await.expect("a call that ends");
                }
            });
        }
    }
}
