use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Incoming, Refusal, Response, Server};
use grpc_sansio::grpc::Code;
use grpc_sansio::stub::tokio::{BoxStream, Requests};
use quickstart::greeter::v1::{HelloReply, HelloRequest, greeter_rpc::tokio as greeter};
use tokio_stream::StreamExt as _;

struct MyGreeter;

impl greeter::Greeter for MyGreeter {
    async fn say_hello(&self, request: Incoming<HelloRequest>) -> Result<Response<HelloReply>, Refusal> {
        Ok(hello(&request.message)?.into())
    }

    type SayHelloOftenStream = BoxStream<HelloReply>;

    async fn say_hello_often(
        &self,
        request: Incoming<HelloRequest>,
    ) -> Result<Response<Self::SayHelloOftenStream>, Refusal> {
        let reply = hello(&request.message)?;
        Ok(Response::of(Box::pin(tokio_stream::iter(vec![Ok(reply); 3]))))
    }

    async fn say_hello_to_all(
        &self,
        mut request: Incoming<Requests<HelloRequest>>,
    ) -> Result<Response<HelloReply>, Refusal> {
        let mut names = Vec::new();
        while let Some(request) = request.message.message().await? {
            names.push(request.name);
        }
        Ok(hello(&HelloRequest { name: names.join(", ") })?.into())
    }

    type SayHelloToEachStream = BoxStream<HelloReply>;

    async fn say_hello_to_each(
        &self,
        request: Incoming<Requests<HelloRequest>>,
    ) -> Result<Response<Self::SayHelloToEachStream>, Refusal> {
        Ok(Response::of(Box::pin(request.message.map(|request| hello(&request?)))))
    }
}

fn hello(request: &HelloRequest) -> Result<HelloReply, Refusal> {
    match &*request.name {
        "" => Err(Refusal::new(Code::InvalidArgument, "nobody to say hello to")),
        name => Ok(HelloReply { text: format!("hello {name}") }),
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {}", listener.local_addr()?);
    let stopped = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Server::new(ServerConfig::default()).serve_with_shutdown(listener, greeter::router(MyGreeter), stopped).await;
    Ok(())
}
