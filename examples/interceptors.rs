//! A token, a log, a limit and a call on behalf of a call: two servers, one of which asks the other.
//!
//! Run it with `cargo run --example interceptors --features tokio`.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{CallError, Channel, Incoming, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Method, Status};
use grpc_sansio::intercept::{
    Bearer, CallHooks, Cause, ConcurrencyLimit, End, IncomingCall, Logger, Record, Refused, ServerInterceptor,
    TokenCheck,
};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::error::Error;
use std::time::Duration;

static GREET: Method = Method::from_static("/demo.Front/Greet", Kind::Unary);
static NAME: Method = Method::from_static("/demo.Behind/Name", Kind::Unary);

/// One of our own: tells the client how long its call took, in the trailing metadata.
struct Timing;

struct Timed(grpc_sansio::Instant);

impl ServerInterceptor for Timing {
    type Hooks = Timed;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Timed, Refused> {
        Ok(Timed(call.now))
    }
}

impl CallHooks for Timed {
    fn end(&mut self, end: &mut End<'_>) {
        let took = end.now.saturating_since(self.0).as_micros().to_string();
        // The name and the value are such as metadata takes.
        let _ = end.trailers.append("x-took-us", &took);
    }
}

/// Starts a server, and connects to it.
async fn start(server: Server, router: Router) -> Result<Channel, Box<dyn Error>> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(server.serve(listener, router));
    Ok(Channel::connect(address, &ClientConfig::builder("localhost").build()?).await?)
}

/// The server behind lets in who has the token, and tells how long it may take.
async fn behind() -> Result<Channel, Box<dyn Error>> {
    let check = TokenCheck::new(|token: &str, _: &mut IncomingCall<'_>| match token {
        "secret" => Ok(()),
        _ => Err(Status::new(Code::Unauthenticated, "the token is not good")),
    });
    let router = Router::new().unary(&NAME, |incoming| async move {
        let left = incoming.head.deadline.map(|deadline| deadline - tokio::time::Instant::now());
        println!("  behind: {:?} left", left.unwrap_or_default());
        Ok(Response::new("world"))
    });
    start(Server::new(ServerConfig::default()).with_interceptor(check), router).await
}

/// The server in front asks the one behind, within the time that its own client waits.
async fn front(behind: Channel) -> Result<Channel, Box<dyn Error>> {
    let log = Logger::new(|record: &Record<'_>| println!("  log: {record}"));
    let router = Router::new().unary(&GREET, move |incoming: Incoming| {
        let behind = behind.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let name = behind.unary(&NAME, Request::new("").within(&incoming)).await;
            let name = name.map_err(|error| Refusal::new(Code::Unavailable, error.to_string()))?;
            Ok(Response::new(format!("hello {}", String::from_utf8_lossy(&name.message.data))))
        }
    });
    let interceptors = (log, Timing, ConcurrencyLimit::new(100));
    start(Server::new(ServerConfig::default()).with_interceptor(interceptors), router).await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let behind = behind().await?;
    let call = || Request::new("").with_timeout(Duration::from_secs(1));

    println!("a token over plaintext:");
    let refused = behind.clone().with_interceptor(Bearer::fixed("secret")).unary(&NAME, call()).await;
    match refused {
        Err(CallError::Refused(refused)) if refused.cause() == Cause::Plaintext => println!("  {refused}"),
        other => return Err(format!("it was not refused: {other:?}").into()),
    }

    println!("with a token, allowed:");
    let allowed = behind.clone().with_interceptor(Bearer::fixed("secret").allow_plaintext());
    let response = front(allowed).await?.unary(&GREET, call()).await?;
    let took = response.trailers.get("x-took-us").unwrap_or_default();
    println!("  {}, after {took} us", String::from_utf8_lossy(&response.message.data));

    println!("without one:");
    match front(behind).await?.unary(&GREET, call()).await {
        Err(error) => println!("  {error}"),
        Ok(_) => return Err("the server behind let everybody in".into()),
    }
    Ok(())
}
