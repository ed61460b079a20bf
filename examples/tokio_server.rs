//! The trail guide of `routeguide/mod.rs`, served by tokio.
//!
//! Run it with `cargo run --example tokio_server --features tokio -- --port 50051`; without `--port`, or with port 0, it
//! takes a free one. Ctrl-C and SIGTERM shut it down gracefully: calls in flight have ten seconds to end.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod routeguide;

use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Incoming, Refusal, Requests, Response, Responses, Router, Server};
use grpc_sansio::grpc::{Code, Message, Metadata};
use prost::Message as _;
use routeguide::{Area, FIND_HUT, LIST_HUTS, Note, Notes, Point, RECORD_WALK, TALK, Walk, hut_at, huts_in};
use std::process::ExitCode;
use std::time::Duration;

async fn find_hut(request: Incoming) -> Result<Response, Refusal> {
    let place: Point = decode(&request.message)?;
    match hut_at(place) {
        Some(hut) => Ok(Response::new(hut.encode_to_vec())),
        None => Err(Refusal::new(Code::NotFound, format!("no hut at {} east, {} north", place.east, place.north))),
    }
}

async fn list_huts(request: Incoming, mut responses: Responses) -> Result<Metadata, Refusal> {
    let area: Area = decode(&request.message)?;
    for hut in huts_in(area) {
        responses.send(hut.encode_to_vec()).await?;
    }
    Ok(Metadata::new())
}

async fn record_walk(mut request: Incoming<Requests>) -> Result<Response, Refusal> {
    let mut walk = Walk::default();
    while let Some(message) = request.message().await? {
        walk.add(decode(&message)?);
    }
    Ok(Response::new(walk.summary().encode_to_vec()))
}

async fn talk(mut request: Incoming<Requests>, mut responses: Responses) -> Result<Metadata, Refusal> {
    let mut notes = Notes::default();
    while let Some(message) = request.message().await? {
        for earlier in notes.add(decode::<Note>(&message)?) {
            responses.send(earlier.encode_to_vec()).await?;
        }
    }
    Ok(Metadata::new())
}

fn decode<M: prost::Message + Default>(message: &Message) -> Result<M, Refusal> {
    M::decode(&message.data[..]).map_err(|error| Refusal::new(Code::Internal, error.to_string()))
}

async fn serve(port: u16) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    let router = Router::new()
        .unary(&FIND_HUT, find_hut)
        .server_streaming(&LIST_HUTS, list_huts)
        .client_streaming(&RECORD_WALK, record_walk)
        .bidi_streaming(&TALK, talk);
    let server = Server::new(ServerConfig::default()).with_grace(Duration::from_secs(10));
    server.serve_with_shutdown(listener, router, stop_signal()?).await;
    Ok(())
}

/// Ends with SIGINT or SIGTERM, which is what Kubernetes and systemd send. Listens from now on.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async { tokio::signal::ctrl_c().await.unwrap_or_default() })
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let port = match &arguments[..] {
        [] => 0,
        [flag, port] if flag == "--port" && port.parse::<u16>().is_ok() => port.parse().unwrap_or_default(),
        _ => {
            eprintln!("usage: tokio_server [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot listen on port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}
