use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::Server;
use quickstart::{greeter::v1::greeter_rpc::tokio as greeter, service::MyGreeter};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Server::new(ServerConfig::default()).serve_with_shutdown(listener, greeter::router(MyGreeter), stopped).await;
    Ok(())
}
