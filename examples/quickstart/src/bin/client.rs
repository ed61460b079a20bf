use grpc_sansio::ClientConfig;
use grpc_sansio::adapter::tokio::{Channel, Request};
use quickstart::greeter::v1::{HelloRequest, greeter_rpc::tokio::GreeterClient};
use std::time::Duration;
use tokio_stream::StreamExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:50051".into());
    let channel = Channel::connect(&address, &ClientConfig::builder(&address).build()?).await?;
    let greeter = GreeterClient::new(channel);
    let to = |name: &str| HelloRequest { name: name.into() };

    let reply = greeter.say_hello(Request::of(to("world")).with_timeout(Duration::from_secs(5))).await?;
    println!("SayHello: {}", reply.message.text);

    let mut replies = greeter.say_hello_often(to("echo")).await?;
    while let Some(reply) = replies.message().await? {
        println!("SayHelloOften: {}", reply.text);
    }

    let reply = greeter.say_hello_to_all(tokio_stream::iter(["Ada", "Grace"].map(to))).await?;
    println!("SayHelloToAll: {}", reply.message.text);

    let mut replies = greeter.say_hello_to_each(tokio_stream::iter(["Alan", "Kurt"].map(to))).await?;
    while let Some(reply) = replies.next().await {
        println!("SayHelloToEach: {}", reply?.text);
    }

    match greeter.say_hello(to("")).await {
        Err(error) => println!("SayHello: {error}"),
        Ok(reply) => println!("SayHello: {reply:?}, to nobody"),
    }
    Ok(())
}
