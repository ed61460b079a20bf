//! Greets `tls_server`, without a certificate and with one.
//!
//! Run it with `cargo run --example tls_client --features tokio,tls -- --port 50051`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use grpc_sansio::ClientConfig;
use grpc_sansio::adapter::tls::{ClientTls, Identity, Roots};
use grpc_sansio::adapter::tokio::Channel;
use grpc_sansio::grpc::{Kind, Method};
use std::error::Error;
use std::process::ExitCode;

const HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);

async fn greet(port: u16) -> Result<(), Box<dyn Error>> {
    // `Roots::system` is what a client of a public server uses.
    let roots = Roots::from_pem(include_bytes!("tls/ca.pem"))?;
    let identity = Identity::from_pem(include_bytes!("tls/client.pem"), include_bytes!("tls/client.key"))?;
    // The certificate has to be for the host of the authority.
    let config = ClientConfig::builder(&format!("localhost:{port}")).build()?;
    for identity in [None, Some(&identity)] {
        let tls = ClientTls::new(roots.clone(), identity)?;
        let channel = Channel::connect_tls(("127.0.0.1", port), &config, &tls).await?;
        let response = channel.unary(&HELLO, "world").await?;
        println!("{}", String::from_utf8_lossy(&response.message.data));
    }

    // A server that cannot show a certificate for the name that was asked for gets no call.
    let tls = ClientTls::new(roots, None)?.with_server_name("other.example")?;
    match Channel::connect_tls(("127.0.0.1", port), &config, &tls).await {
        Err(error) => println!("as other.example: {error}"),
        Ok(_) => return Err("a certificate for another name was accepted".into()),
    }
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let port = match &arguments[..] {
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: tls_client --port PORT");
        return ExitCode::from(2);
    };
    match greet(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls_client: {error}");
            ExitCode::FAILURE
        }
    }
}
