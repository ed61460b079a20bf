//! Metadata everywhere it goes: with a request, before a response, behind it, and with a refusal; text, octets and secrets.
//!
//! Run it with `cargo run --example metadata --features tokio`.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Channel, Incoming, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Key, Kind, Metadata, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::error::Error;

const WHO_AM_I: Method = Method::from_static("/demo.Login/WhoAmI", Kind::Unary);
/// Names that a program knows are checked when it is compiled; they end in `-bin` where the value is any octets.
const TRACE: Key<'static> = Key::from_static("trace-bin");

async fn who_am_i(request: Incoming) -> Result<Response, Refusal> {
    let metadata = request.metadata();
    let Some(token) = metadata.get("authorization") else {
        // A refusal has trailers of its own.
        let mut trailers = Metadata::new();
        trailers
            .append("www-authenticate", "Bearer")
            .map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
        return Err(Refusal::new(Code::Unauthenticated, "who are you?").with_trailers(trailers));
    };
    let user = token.strip_prefix("Bearer ").unwrap_or("nobody").to_owned();
    // What the client sent as octets comes back before the message, and a sum behind it.
    let (mut head, mut trailers) = (Metadata::new(), Metadata::new());
    let trace = metadata.get_bin("trace-bin").and_then(Result::ok).unwrap_or_default();
    let roles = metadata.get_all("role").count().to_string();
    let filled = head.append_bin(TRACE, &trace).and_then(|()| trailers.append("roles", &roles));
    filled.map_err(|error| Refusal::new(Code::Internal, error.to_string()))?;
    Ok(Response::new(user).with_metadata(head).with_trailers(trailers))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (near, far) = tokio::io::duplex(4096);
    let router = Router::new().unary(&WHO_AM_I, who_am_i);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
    tokio::spawn(driver);

    let mut metadata = Metadata::new();
    // Never indexed by header compression on its whole way, and left out by `Debug`.
    metadata.append_sensitive("authorization", "Bearer ada")?;
    metadata.append_bin(TRACE, &[0, 159, 146, 150])?;
    // A name may come more than once; its values keep their order.
    metadata.append("role", "reader")?;
    metadata.append("role", "writer")?;
    assert!(!format!("{metadata:?}").contains("ada"));

    let response = channel.unary(&WHO_AM_I, Request::new("").with_metadata(metadata)).await?;
    println!("head {:?}, message {:?}, trailers {:?}", response.metadata, response.message.data, response.trailers);
    assert_eq!(response.message.data, "ada");
    assert_eq!(response.metadata.get_bin("trace-bin"), Some(Ok(vec![0, 159, 146, 150])));
    assert_eq!(response.trailers.get("roles"), Some("2"));

    let error = channel.unary(&WHO_AM_I, "").await.expect_err("it said nothing of itself");
    let failure = error.failure().ok_or("it was refused by the server")?;
    println!("{error}, {:?}", failure.trailers());
    assert_eq!(failure.code(), Code::Unauthenticated);
    assert_eq!(failure.trailers().get("www-authenticate"), Some("Bearer"));

    // What cannot travel is refused where it is said, and nothing is sent.
    let mut wrong = Metadata::new();
    for (name, value) in [("two words", "x"), ("grpc-timeout", "1S"), ("note", "line\nbreak")] {
        let error = wrong.append(name, value).expect_err("not metadata");
        println!("{name}: {error}");
    }
    assert!(wrong.is_empty());
    Ok(())
}
