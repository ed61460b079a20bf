//! Retrying without ever doing something twice: `unprocessed` says that the server has not looked at a call.
//!
//! Run it with `cargo run --example retry --features tokio`. The server takes one call at a time and refuses those beyond. A
//! client that has not yet heard of that limit opens twenty at once, and each order is to be booked exactly once.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{CallError, Channel, Incoming, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Method};
use grpc_sansio::{ClientConfig, Limits, ServerConfig};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::sleep;

const ORDER: Method = Method::from_static("/demo.Shop/Order", Kind::Unary);
const ATTEMPTS: u8 = 10;

/// Calls until there is an answer, as long as trying again cannot do harm, and with longer and longer pauses.
///
/// A service whose methods may run twice (a lookup, a PUT) can add UNAVAILABLE to what it retries. No library can know that.
/// A call whose connection has ended needs a new one, to which the same rule applies.
async fn retrying(channel: &Channel, method: &Method, item: String) -> Result<(Response, u8), CallError> {
    let mut pause = Duration::from_millis(1);
    for attempt in 0.. {
        let mut request = Request::new(item.clone());
        request.previous_attempts = attempt; // the server can read it: grpc-previous-rpc-attempts
        match channel.unary(method, request).await {
            Ok(response) => return Ok((response, attempt)),
            Err(error) => {
                let safe = error.failure().is_some_and(|failure| failure.unprocessed());
                if !safe || attempt + 1 == ATTEMPTS {
                    return Err(error);
                }
                // With many clients, add a random part, so that they do not come back all at once.
                sleep(pause).await;
                pause *= 2;
            }
        }
    }
    unreachable!("the last attempt returns")
}

async fn book(request: Incoming, booked: Arc<AtomicUsize>) -> Result<Response, Refusal> {
    booked.fetch_add(1, Relaxed);
    sleep(Duration::from_millis(1)).await;
    // It fails after the fact, as servers do: from here on nobody may guess.
    match &*request.message.data {
        b"the last one" => Err(Refusal::new(Code::Unavailable, "the printer is on fire")),
        _ => Ok(Response::new("booked")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let booked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&booked);
    let router = Router::new().unary(&ORDER, move |request| book(request, Arc::clone(&count)));
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 1;
    let server = Server::new(ServerConfig::builder().limits(limits).build()?);

    let (near, far) = tokio::io::duplex(64 * 1024);
    let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
    let mut orders = JoinSet::new();
    for number in 0..20 {
        let channel = channel.clone();
        orders.spawn(async move { retrying(&channel, &ORDER, format!("item {number}")).await });
    }
    tokio::spawn(driver);
    tokio::spawn(server.serve_connection(far, router));

    let mut retries = 0;
    while let Some(order) = orders.join_next().await {
        let (response, attempts) = order??;
        assert_eq!(response.message.data, "booked");
        retries += u32::from(attempts);
    }
    println!("20 orders, {} bookings, {retries} retries", booked.load(Relaxed));
    assert_eq!(booked.load(Relaxed), 20, "no order was booked twice");
    assert!(retries > 0, "the limit was not felt");

    let error = retrying(&channel, &ORDER, "the last one".into()).await.expect_err("it was processed, and failed");
    println!("not tried again: {error}");
    assert_eq!(booked.load(Relaxed), 21);
    Ok(())
}
