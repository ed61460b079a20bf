//! A deadline on its way: the client sets it, each service passes on what is left, and all stop when it passes.
//!
//! Run it with `cargo run --example deadlines --features tokio`. The front asks the back, and the back is slow. Time is
//! tokio's and paused, so that a minute passes at once and to the millisecond.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Method};
use grpc_sansio::{ClientConfig, ServerConfig, Stop};
use std::error::Error;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

const LOOK_UP: Method = Method::from_static("/demo.Front/LookUp", Kind::Unary);
const SEARCH: Method = Method::from_static("/demo.Back/Search", Kind::Unary);

/// Works for a minute, unless nobody waits for it any more.
async fn search(request: Incoming, told: mpsc::Sender<(Option<Stop>, Duration)>) -> Result<Response, Refusal> {
    let began = Instant::now();
    tokio::select! {
        () = sleep(Duration::from_secs(60)) => Ok(Response::new("found")),
        () = request.cancellation.cancelled() => {
            let reason = request.cancellation.reason();
            let _ = told.send((reason, began.elapsed())).await;
            Err(Refusal::new(Code::DeadlineExceeded, "too late"))
        }
    }
}

/// Asks the back, with the deadline that came in: an instant on this machine's clock, since only what is left travels.
async fn look_up(request: Incoming, back: Channel) -> Result<Response, Refusal> {
    let mut onward = Request::new(request.message);
    onward.deadline = request.head.deadline;
    back.unary(&SEARCH, onward)
        .await
        .map_err(|error| Refusal::new(error.code().unwrap_or(Code::Internal), "the back failed"))
}

/// A server and a channel to it, over a pipe.
fn link(router: Router) -> Result<Channel, Box<dyn Error>> {
    let (near, far) = tokio::io::duplex(4096);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
    tokio::spawn(driver);
    Ok(channel)
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Result<(), Box<dyn Error>> {
    let (tell, mut told) = mpsc::channel(1);
    let back = link(Router::new().unary(&SEARCH, move |request| search(request, tell.clone())))?;
    let front = link(Router::new().unary(&LOOK_UP, move |request| look_up(request, back.clone())))?;

    // Enough time: the answer comes.
    let response = front.unary(&LOOK_UP, Request::new("grpc").with_timeout(Duration::from_secs(70))).await?;
    assert_eq!(response.message.data, "found");

    // Too little: the client stops waiting on time, whatever the servers do...
    let began = Instant::now();
    let late = front.unary(&LOOK_UP, Request::new("grpc").with_timeout(Duration::from_secs(5))).await;
    let error = late.expect_err("a minute does not fit into five seconds");
    println!("client, after {:?}: {error}", began.elapsed());
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    assert_eq!(began.elapsed().as_millis(), 5_000);

    // ...and the servers learn of it, so the back does not work on for nobody.
    let (reason, worked) = told.recv().await.ok_or("the back was told nothing")?;
    println!("back, after {worked:?}: {reason:?}");
    assert!(matches!(reason, Some(Stop::DeadlineExceeded | Stop::Cancelled)));
    assert!(worked < Duration::from_secs(6));

    // A deadline that has passed already costs no round trip.
    let past = front.unary(&LOOK_UP, Request::new("grpc").with_deadline(began)).await;
    assert_eq!(past.expect_err("it is in the past").code(), Some(Code::DeadlineExceeded));
    Ok(())
}
