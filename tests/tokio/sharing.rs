//! One channel, many tasks, on many threads.

use crate::{BOTH, UNARY, client_config};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Channel, Request, Response, Router, Server};
use grpc_sansio::grpc::Metadata;
use tokio::net::TcpListener;

fn assert_send_sync<T: Send + Sync>(_: &T) {}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_share_one_channel() {
    let router = Router::new()
        .unary(&UNARY, |request| async move { Ok(Response::new(request.message)) })
        .bidi_streaming(&BOTH, |mut request, mut responses| async move {
            while let Some(message) = request.message().await? {
                responses.send(message).await?;
            }
            Ok(Metadata::new())
        });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router));
    let channel = Channel::connect(address, &client_config()).await.unwrap();
    assert_send_sync(&channel);

    // More than the server's limit of calls, so that some have to wait their turn.
    let tasks: Vec<_> = (0..200)
        .map(|task| {
            let channel = channel.clone();
            tokio::spawn(async move {
                for round in 0..20 {
                    let text = format!("{task} {round}");
                    let response = channel.unary(&UNARY, text.clone()).await.unwrap();
                    assert_eq!(response.message.data, text);
                }
                let (mut sender, mut receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
                let sending = tokio::spawn(async move {
                    for size in 0..50 {
                        sender.send(vec![task as u8; size * 100]).await.unwrap();
                    }
                    sender.half_close().unwrap();
                });
                let mut sizes = 0..50;
                while let Some(message) = receiver.message().await.unwrap() {
                    assert_eq!(message.data, vec![task as u8; sizes.next().unwrap() * 100]);
                }
                assert_eq!(sizes.next(), None);
                sending.await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
