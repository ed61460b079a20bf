//! A server that says how it is, and the probe that asks: what load balancers and Kubernetes do.
//!
//! Run it with `cargo run --example health --features tokio,health`. With an address it is the probe alone, for a server of
//! any make: `-- 127.0.0.1:50051 [SERVICE]` ends with 0 where that serves, and with 1 where it does not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Channel, Health, Request, Router, Server};
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::services::health::ServingStatus;
use grpc_sansio::{ClientConfig, ServerConfig};
use prost::Message;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

const CHECK: Method = Method::from_static("/grpc.health.v1.Health/Check", Kind::Unary);
const WATCH: Method = Method::from_static("/grpc.health.v1.Health/Watch", Kind::ServerStreaming);
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

const SERVING: i32 = 1;

/// Whether the service at `address` takes calls. Errors are answers too: who does not know its health is not healthy.
async fn probe(address: &str, service: &str) -> Result<bool, Box<dyn Error>> {
    let config = ClientConfig::builder(address).build()?;
    let channel = timeout(PATIENCE, Channel::connect(address, &config)).await??;
    let request = HealthCheckRequest { service: service.to_owned() }.encode_to_vec();
    let response = channel.unary(&CHECK, Request::new(request).with_timeout(PATIENCE)).await?;
    Ok(HealthCheckResponse::decode(&*response.message.data)?.status == SERVING)
}

/// A server through its day: it starts, it has trouble with one service, it shuts down.
async fn day() -> Result<(), Box<dyn Error>> {
    let health = Health::new();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, Router::new().health(&health)));
    assert!(probe(&address, "").await?, "a server as a whole serves from the start");
    let unknown = probe(&address, "shop.v1.Shop").await.expect_err("nobody has said anything of it");
    println!("{unknown}");

    health.set("shop.v1.Shop", ServingStatus::Serving);
    assert!(probe(&address, "shop.v1.Shop").await?);

    // Instead of asking again and again, watch: the status now, and each change.
    let channel = Channel::connect(&address, &ClientConfig::builder(&address).build()?).await?;
    let request = HealthCheckRequest { service: "shop.v1.Shop".into() }.encode_to_vec();
    let mut watch = channel.server_streaming(&WATCH, request).await?;
    let mut seen = Vec::new();
    for next in [Some(ServingStatus::NotServing), None] {
        let message = timeout(PATIENCE, watch.message()).await??.ok_or("the watch has ended")?;
        seen.push(HealthCheckResponse::decode(&*message.data)?.status == SERVING);
        next.into_iter().for_each(|status| health.set("shop.v1.Shop", status));
    }
    assert_eq!(seen, [true, false]);
    assert!(!probe(&address, "shop.v1.Shop").await?);

    // The first step of a graceful shutdown: balancers send their calls elsewhere while those at hand are finished.
    health.shut_down();
    assert!(!probe(&address, "").await?);
    println!("served, was in trouble, and shut down");
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let answer = match arguments.next() {
        Some(address) => probe(&address, &arguments.next().unwrap_or_default()).await,
        None => day().await.map(|()| true),
    };
    match answer {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("health: {error}");
            ExitCode::FAILURE
        }
    }
}
