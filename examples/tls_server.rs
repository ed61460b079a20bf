//! A greeter over TLS that knows its clients by their certificates.
//!
//! Run it with `cargo run --example tls_server --features tokio,tls -- --port 50051`, and then `tls_client`. It uses the
//! certificates of `examples/tls`, which are for nothing but examples. Ctrl-C and SIGTERM shut it down gracefully: calls in
//! flight have ten seconds to end.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tls::{ClientAuth, Identity, Roots, ServerTls, TlsError};
use grpc_sansio::adapter::tokio::{Response, Router, Server};
use grpc_sansio::grpc::{Kind, Method};
use std::process::ExitCode;
use std::time::Duration;

const HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);

fn tls() -> Result<ServerTls, TlsError> {
    let identity = Identity::from_pem(include_bytes!("tls/server.pem"), include_bytes!("tls/server.key"))?;
    // Strangers are welcome; with `Required` they would not be.
    ServerTls::new(&identity, ClientAuth::Optional(Roots::from_pem(include_bytes!("tls/ca.pem"))?))
}

async fn serve(port: u16) -> Result<(), String> {
    let tls = tls().map_err(|error| error.to_string())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .map_err(|error| format!("cannot listen on port {port}: {error}"))?;
    println!("listening on {}", listener.local_addr().map_err(|error| error.to_string())?);

    let router = Router::new().unary(&HELLO, |request| async move {
        // What is in a certificate is read by a crate such as `x509-parser`; that it was verified is certain.
        let known = match &request.head.certificates {
            Some(chain) => format!("whose certificate has {} octets", chain.first().map_or(0, Vec::len)),
            None => "whoever you are".to_owned(),
        };
        let name = String::from_utf8_lossy(&request.message.data).into_owned();
        Ok(Response::new(format!("hello, {name}, {known}")))
    });
    Server::new(ServerConfig::default())
        .with_tls(tls)
        .with_grace(Duration::from_secs(10))
        .on_failure(|peer, error| eprintln!("{peer:?}: {error}"))
        .serve_with_shutdown(listener, router, stopped())
        .await;
    Ok(())
}

/// Waits for Ctrl-C, or for the SIGTERM by which most supervisors stop a program.
async fn stopped() {
    #[cfg(unix)]
    if let Ok(mut terminated) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return;
    }
    tokio::signal::ctrl_c().await.unwrap_or_default();
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let port = match &arguments[..] {
        [] => Some(0),
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: tls_server [--port PORT]");
        return ExitCode::from(2);
    };
    match serve(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls_server: {error}");
            ExitCode::FAILURE
        }
    }
}
