use crate::greeter::v1::{HelloReply, HelloRequest, greeter_rpc::tokio as greeter};
use grpc_sansio::adapter::tokio::{Incoming, Refusal, Response};
use grpc_sansio::grpc::Code;
use grpc_sansio::stub::tokio::{BoxStream, Requests};
use tokio_stream::StreamExt as _;

/// Says hello.
pub struct MyGreeter;

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
