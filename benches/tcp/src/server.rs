//! One server of the comparison: `server mio|tokio|tonic|pajamax`. It says where it listens, and serves until it is killed.

mod echo;
mod raw;

use bytes::Bytes;
use echo::{PATH, SAY_HELLO};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::{mio, tokio as async_io};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    let kind = std::env::args().nth(1).unwrap_or_default();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match kind.as_str() {
        "mio" => serve_mio(),
        "tokio" => runtime()?.block_on(serve_tokio()),
        "tonic" => runtime()?.block_on(serve_tonic()),
        "pajamax" => serve_pajamax(),
        _ => Err("usage: server mio|tokio|tonic|pajamax".into()),
    }
}

fn listening(address: SocketAddr) {
    println!("listening on {address}");
}

fn local() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn serve_mio() -> Result<()> {
    let mut routes = mio::Routes::new();
    routes.unary(&SAY_HELLO, |request| Ok(mio::Reply::new(request.message.into_bytes())));
    let mut server = mio::Server::bind(local(), &ServerConfig::default())?;
    listening(server.local_addr()?);
    Ok(server.run(&mut routes)?)
}

async fn serve_tokio() -> Result<()> {
    let listener = tokio::net::TcpListener::bind(local()).await?;
    listening(listener.local_addr()?);
    let router = async_io::Router::new()
        .unary(&SAY_HELLO, |request| async move { Ok(async_io::Response::new(request.message.data)) });
    async_io::Server::new(ServerConfig::default()).serve(listener, router).await;
    Ok(())
}

async fn serve_tonic() -> Result<()> {
    let incoming = tonic::transport::server::TcpIncoming::bind(local())?.with_nodelay(Some(true));
    listening(incoming.local_addr()?);
    Ok(tonic::transport::Server::builder().add_service(Tonic).serve_with_incoming(incoming).await?)
}

/// What tonic's code generator makes of a service, by hand.
#[derive(Clone, Copy, Debug)]
struct Tonic;

impl tonic::server::NamedService for Tonic {
    const NAME: &'static str = "helloworld.Greeter";
}

impl tonic::server::UnaryService<Bytes> for Tonic {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<tonic::Response<Bytes>, tonic::Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        Box::pin(async move { Ok(tonic::Response::new(request.into_inner())) })
    }
}

impl tower_service::Service<http::Request<tonic::body::Body>> for Tonic {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = std::result::Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != PATH {
                return Ok(tonic::Status::unimplemented("no such method").into_http());
            }
            Ok(tonic::server::Grpc::new(raw::Raw).unary(Tonic, request).await)
        })
    }
}

/// pajamax knows no raw octets, so its message is a field of 30.
#[derive(Clone, PartialEq, prost::Message)]
struct Hello {
    #[prost(bytes = "bytes", tag = "1")]
    name: Bytes,
}

/// What pajamax's code generator makes of a service, by hand.
struct Pajamax;

impl pajamax::PajamaxService for Pajamax {
    fn route(&self, path: &[u8]) -> Option<usize> {
        (path == PATH.as_bytes()).then_some(0)
    }

    fn handle(&self, _: usize, message: &[u8], stream: u32) -> std::result::Result<(), pajamax::error::Error> {
        let request: Hello = prost::Message::decode(message)?;
        pajamax::local_build_response(stream, Ok(request))
    }

    fn is_dispatch_mode(&self) -> bool {
        false
    }
}

fn serve_pajamax() -> Result<()> {
    // It has no way to tell which port it was given.
    let address = std::net::TcpListener::bind(local())?.local_addr()?;
    listening(address);
    Ok(pajamax::Config::new().add_service(Pajamax).serve(address)?)
}
