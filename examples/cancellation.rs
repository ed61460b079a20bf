//! Cancelling, from both ends: what a client does, how a server notices, and when it is no cancellation.
//!
//! Run it with `cargo run --example cancellation --features tokio`.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Response, Responses, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
use grpc_sansio::{ClientConfig, ServerConfig, Stop};
use std::error::Error;
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::{sleep, timeout};

const COUNT: Method = Method::from_static("/demo.Numbers/Count", Kind::ServerStreaming);
const THINK: Method = Method::from_static("/demo.Numbers/Think", Kind::Unary);

/// A handler that sends finds out by sending: `?` turns the refused `send` into its end.
async fn count(mut responses: Responses, log: Sender<String>) -> Result<Metadata, Refusal> {
    for number in 0_u64.. {
        if let Err(error) = responses.send(number.to_string()).await {
            let _ = log.send(format!("count: {error}")).await;
            return Err(error.into());
        }
        sleep(Duration::from_millis(1)).await;
    }
    Ok(Metadata::new())
}

/// A handler that only works has to ask: it is never dropped from outside, so what it holds is always put back in order.
async fn think(request: Incoming, log: Sender<String>) -> Result<Response, Refusal> {
    tokio::select! {
        () = pending() => Ok(Response::new("42")),
        () = request.cancellation.cancelled() => {
            let reason = request.cancellation.reason();
            let _ = log.send(format!("think: {}", if reason == Some(Stop::Cancelled) { "cancelled" } else { "lost" })).await;
            Err(Refusal::new(Code::Cancelled, "nobody waits"))
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (log, mut logged) = channel(8);
    let (to_count, to_think) = (log.clone(), log);
    let router = Router::new()
        .server_streaming(&COUNT, move |_, responses| count(responses, to_count.clone()))
        .unary(&THINK, move |request| think(request, to_think.clone()));
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
    let driver = tokio::spawn(driver);

    // Said aloud: the call has an outcome, like every call.
    let mut numbers = channel.server_streaming(&COUNT, "").await?;
    numbers.message().await?.ok_or("no number came")?;
    numbers.cancel();
    let outcome = numbers.outcome().await;
    println!("client: {}", outcome.status);
    assert_eq!(outcome.status.code(), Code::Cancelled);
    assert!(logged.recv().await.is_some_and(|line| line.contains("the call has ended")));

    // By dropping: whoever lets go of a call, or of the future that makes it, cancels it.
    assert!(timeout(Duration::from_millis(50), channel.unary(&THINK, "")).await.is_err());
    assert_eq!(logged.recv().await.as_deref(), Some("think: cancelled"));

    // A connection that breaks is no cancellation: the client's calls end with UNAVAILABLE, the server's are lost.
    let unary = tokio::spawn(async move { channel.unary(&THINK, "").await });
    sleep(Duration::from_millis(50)).await;
    driver.abort();
    let error = unary.await?.expect_err("the connection is gone");
    println!("client: {error}");
    assert_eq!(error.code(), Some(Code::Unavailable));
    assert_eq!(logged.recv().await.as_deref(), Some("think: lost"));
    Ok(())
}
