//! A slow reader slows its writer, memory stays bounded, and calls that stall leave the others alone.

use crate::{DOWNLOAD, PIPE, UNARY, UPLOAD, pair};
use grpc_sansio::adapter::tokio::{Request, Response, Router};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const MESSAGE: usize = 1024;
const CALL_WINDOW: usize = 65_535;
const WIDENED: usize = 256 * 1024;
const SEND_QUEUE: usize = 64 * 1024;

/// What may be under way when a reader does not read any more: its window, the writer's queue, the buffers of the transport and
/// of both drivers.
const UNDER_WAY: usize = WIDENED + SEND_QUEUE + PIPE + 2 * 128 * 1024;

/// As long as it takes until nothing moves any more.
async fn settle() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// A download without end, and the messages that it has sent.
fn spring() -> (Router, Arc<AtomicUsize>) {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let router = Router::new()
        .server_streaming(&DOWNLOAD, move |_, mut responses| {
            let count = Arc::clone(&count);
            async move {
                loop {
                    responses.send(vec![7; MESSAGE]).await?;
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
        .unary(&UNARY, |request| async move { Ok(Response::new(request.message)) });
    (router, sent)
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_stops_its_server() {
    let (router, sent) = spring();
    let channel = pair(router).channel;
    let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
    settle().await;
    let stalled = sent.load(Ordering::Relaxed);
    assert!((CALL_WINDOW..=UNDER_WAY).contains(&(stalled * MESSAGE)), "{stalled} messages");
    settle().await;
    assert_eq!(sent.load(Ordering::Relaxed), stalled);

    for _ in 0..10_000 {
        assert_eq!(call.message().await.unwrap().unwrap().data.len(), MESSAGE);
    }
    settle().await;
    let more = sent.load(Ordering::Relaxed) - 10_000;
    // Credit goes back by half a window at a time.
    assert!((CALL_WINDOW / 2..=UNDER_WAY).contains(&(more * MESSAGE)), "{more} messages");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_stops_its_client() {
    let permits = Arc::new(Semaphore::new(0));
    let gate = Arc::clone(&permits);
    let router = Router::new().client_streaming(&UPLOAD, move |mut request| {
        let gate = Arc::clone(&gate);
        async move {
            let _permit = gate.acquire().await.unwrap();
            let mut received = 0;
            while let Some(message) = request.message().await? {
                received += message.data.len();
            }
            Ok(Response::new(received.to_string()))
        }
    });
    let channel = pair(router).channel;
    let mut call = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap();
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(1), call.send(vec![7; MESSAGE])).await.is_ok() {
        sent += MESSAGE;
        assert!(sent <= UNDER_WAY, "{sent} octets are under way");
    }
    assert!(sent >= CALL_WINDOW, "{sent}");
    permits.add_permits(1);
    for _ in 0..1_000 {
        call.send(vec![7; MESSAGE]).await.unwrap();
        sent += MESSAGE;
    }
    assert_eq!(call.response().await.unwrap().message.data, sent.to_string());
}

#[tokio::test(start_paused = true)]
async fn fifteen_calls_that_do_not_read_leave_the_others_alone() {
    let (router, sent) = spring();
    let channel = pair(router).channel;
    let mut stalled = Vec::new();
    for _ in 0..15 {
        stalled.push(channel.server_streaming(&DOWNLOAD, "").await.unwrap());
    }
    settle().await;
    assert!(sent.load(Ordering::Relaxed) * MESSAGE >= 15 * CALL_WINDOW, "all of them fill their windows");

    // On a paused clock a stall would be a wait for ever, which the timeout ends at once.
    let others = async {
        for _ in 0..1_000 {
            let response = channel.unary(&UNARY, vec![1; 10_000]).await.unwrap();
            assert_eq!(response.message.data.len(), 10_000);
        }
        let mut call = channel.server_streaming(&DOWNLOAD, "").await.unwrap();
        for _ in 0..20_000 {
            call.message().await.unwrap().unwrap();
        }
    };
    let began = tokio::time::Instant::now();
    tokio::time::timeout(Duration::from_secs(60), others).await.expect("the others stalled too");
    assert!(began.elapsed() < Duration::from_millis(100), "nobody waits for a timer: {:?}", began.elapsed());

    for mut call in stalled {
        call.message().await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_every_window_gets_through() {
    let (router, _) = spring();
    let channel = pair(router).channel;
    let large = vec![3; 4 * 1024 * 1024];
    let response = channel.unary(&UNARY, large.clone()).await.unwrap();
    assert_eq!(response.message.data, large);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_hands_the_message_back_to_try_send() {
    let router = Router::new().client_streaming(&UPLOAD, |request| async move {
        request.cancellation.cancelled().await;
        Ok(Response::default())
    });
    let channel = pair(router).channel;
    let (mut sender, _receiver) = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap().split();
    let refused = (0..UNDER_WAY).find_map(|_| sender.try_send(vec![9; MESSAGE]).err()).unwrap();
    let grpc_sansio::SendError::Full(message) = refused else { panic!("{refused:?}") };
    assert_eq!(message.data.len(), MESSAGE);
}
