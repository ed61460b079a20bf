//! The same service under TLS, with reflection for grpcurl and gRPC-Web for browsers, on one port.

use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tls::{ClientAuth, Identity, ServerTls};
use grpc_sansio::adapter::tokio::Server;
use grpc_sansio::services::reflection::Reflection;
use quickstart::{greeter::v1::greeter_rpc::tokio as greeter, service::MyGreeter};
use std::error::Error;

const DESCRIPTORS: &[u8] = grpc_sansio::include_descriptor_set!();
const PAGE: &[u8] = include_bytes!("../../page.html");

fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("{path}: {error}"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let identity = Identity::from_pem(&read("cert.pem")?, &read("key.pem")?)?;
    let reflection = Reflection::new().with(DESCRIPTORS)?;
    let web = grpc_sansio::web::Config::default().page("/", "text/html; charset=utf-8", PAGE);

    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Server::new(ServerConfig::default())
        .with_tls(ServerTls::new(&identity, ClientAuth::None)?)
        .with_web(web)
        .serve_with_shutdown(listener, greeter::router(MyGreeter).reflection(&reflection), stopped)
        .await;
    Ok(())
}
