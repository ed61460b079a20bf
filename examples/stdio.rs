//! gRPC between a program and its child over the child's stdin and stdout: a plugin that needs no port and no secret.
//!
//! Run it with `cargo run --example stdio --features tokio`; it starts itself again as the child. Any two pipes will do, and
//! so will an SSH session: a connection asks nothing of its transport but octets in order. What a child wants to tell a
//! person goes to stderr, since stdout belongs to the protocol.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Channel, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::error::Error;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{join, stdin, stdout};
use tokio::process::Command;

const COUNT_WORDS: Method = Method::from_static("/demo.Plugin/CountWords", Kind::Unary);

/// The child: one connection, which ends when the parent hangs up.
async fn serve() -> Result<(), Box<dyn Error>> {
    let router = Router::new().unary(&COUNT_WORDS, |request| async move {
        let text = std::str::from_utf8(&request.message.data);
        let text = text.map_err(|_| Refusal::new(Code::InvalidArgument, "not UTF-8"))?;
        eprintln!("child: {} octets to look at", text.len());
        Ok(Response::new(text.split_whitespace().count().to_string()))
    });
    Ok(Server::new(ServerConfig::default()).serve_connection(join(stdin(), stdout()), router).await?)
}

async fn ask() -> Result<(), Box<dyn Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("child").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let (Some(to_child), Some(from_child)) = (child.stdin.take(), child.stdout.take()) else {
        return Err("the child has no pipes".into());
    };
    let (channel, driver) = Channel::new(join(from_child, to_child), &ClientConfig::builder("plugin").build()?);
    let driver = tokio::spawn(driver);

    let request = Request::new("so long, and thanks").with_timeout(Duration::from_secs(10));
    let response = channel.unary(&COUNT_WORDS, request).await?;
    println!("parent: {} words", response.message.data.escape_ascii());
    assert_eq!(response.message.data, "4");

    let error = channel.unary(&COUNT_WORDS, vec![0xff]).await.expect_err("it is not UTF-8");
    println!("parent: {error}");
    assert_eq!(error.code(), Some(Code::InvalidArgument));

    // With its last handle the connection ends gracefully, and with the connection the child.
    drop(channel);
    driver.await??;
    let status = tokio::time::timeout(Duration::from_secs(10), child.wait()).await??;
    if status.success() { Ok(()) } else { Err(format!("the child ended with {status}").into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some("child") => serve().await,
        _ => ask().await,
    }
}
