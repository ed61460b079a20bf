//! How calls and connections end: by either side, by a panic, by the transport.

use crate::{BOTH, Pair, UNARY, UPLOAD, client_config, join, pair};
use grpc_sansio::adapter::tokio::{
    Cancellation, DriverError, Refusal, Request, Response, Router, Server, ServerCall, Stopped,
};
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::{Origin, SendError, ServerConfig, Stop};
use std::time::Duration;
use tokio::sync::mpsc;

/// What a handler sees in the end: how its messages ended, and why the call stopped.
type Seen = (Result<(), Stopped>, Option<Stop>);

/// A method that ends with its client's messages, and what its handlers saw in the end.
fn endless() -> (Router, mpsc::UnboundedReceiver<Seen>) {
    let (seen, ends) = mpsc::unbounded_channel();
    let router = Router::new().bidi_streaming(&BOTH, move |mut request, mut responses| {
        let seen = seen.clone();
        async move {
            responses.send("begun").await?;
            let end = loop {
                match request.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(()),
                    Err(stopped) => break Err(stopped),
                }
            };
            seen.send((end, request.cancellation.reason())).unwrap();
            Ok(Metadata::new())
        }
    });
    (router, ends)
}

fn stopped(stop: Stop) -> Seen {
    (Err(Stopped { reason: Some(stop) }), Some(stop))
}

#[tokio::test(start_paused = true)]
async fn dropping_a_call_cancels_it() {
    let (router, mut ends) = endless();
    let channel = pair(router).channel;
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.message().await.unwrap();
    drop(call);
    assert_eq!(ends.recv().await, Some(stopped(Stop::Cancelled)));
}

#[tokio::test(start_paused = true)]
async fn dropping_either_half_cancels_the_call_unless_it_has_ended() {
    let (router, mut ends) = endless();
    let channel = pair(router).channel;

    let (sender, mut receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
    receiver.message().await.unwrap();
    drop(sender);
    assert_eq!(receiver.outcome().await.status.code(), Code::Cancelled, "what was cut short does not look complete");
    assert_eq!(ends.recv().await, Some(stopped(Stop::Cancelled)));

    let (mut sender, mut receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
    receiver.message().await.unwrap();
    drop(receiver);
    assert!(matches!(sender.send("").await, Err(SendError::Ended(_))));
    assert_eq!(ends.recv().await, Some(stopped(Stop::Cancelled)));

    let (mut sender, mut receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
    receiver.message().await.unwrap();
    sender.half_close().unwrap();
    drop(sender);
    assert!(receiver.outcome().await.status.is_ok());
    assert_eq!(ends.recv().await, Some((Ok(()), None)));
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_gives_up_after_the_servers_end_leaves_its_status_to_be_read() {
    let router =
        Router::new().bidi_streaming(&BOTH, |_, _| async move { Err(Refusal::new(Code::ResourceExhausted, "enough")) });
    let channel = pair(router).channel;
    let (mut sender, mut receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
    while sender.send("more").await.is_ok() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(sender);
    assert_eq!(receiver.outcome().await.status, Status::new(Code::ResourceExhausted, "enough"));
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_requests_can_be_read_again() {
    let router = Router::new().client_streaming(&UPLOAD, |mut request| async move {
        for _ in 0..3 {
            assert_eq!(request.message().await?, None);
        }
        Ok(Response::new("done"))
    });
    let call = pair(router).channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap();
    assert_eq!(call.response().await.unwrap().message.data, "done");
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_waits_learns_that_its_call_was_cancelled() {
    let router = Router::new().client_streaming(&UPLOAD, |request| async move {
        request.cancellation.cancelled().await;
        Ok(Response::default())
    });
    let channel = pair(router).channel;
    let (mut sender, mut receiver) = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap().split();
    let sending = tokio::spawn(async move { while sender.send(vec![0; 10_000]).await.is_ok() {} });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!sending.is_finished(), "it waits for room");
    receiver.cancel();
    sending.await.unwrap();
    let outcome = receiver.outcome().await;
    assert_eq!((outcome.status.code(), outcome.origin), (Code::Cancelled, Origin::Application));
}

/// G-062
#[tokio::test(start_paused = true)]
async fn a_handler_that_drops_its_call_or_panics_answers_unknown() {
    let handler = |mut call: ServerCall| async move {
        match call.path() {
            "/test.Service/Unary" => drop(call),
            "/test.Service/Upload" => {
                call.message().await.unwrap();
                panic!("on purpose");
            }
            _ => call.finish(&Status::ok(), &Metadata::new()),
        }
    };
    let channel = pair(handler).channel;
    let error = channel.unary(&UNARY, "").await.unwrap_err();
    let dropped =
        "UNKNOWN: server: application: the handler ended without finishing the call; retry: only if idempotent";
    assert_eq!(error.to_string(), dropped);

    let call = channel.client_streaming(&UPLOAD, Request::empty()).await.unwrap();
    let error = call.response().await.unwrap_err();
    assert_eq!(error.to_string(), "UNKNOWN: server: application: the handler panicked; retry: only if idempotent");

    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    assert!(call.outcome().await.status.is_ok(), "the server lives on");
}

#[tokio::test(start_paused = true)]
async fn a_lost_connection_ends_calls_on_both_sides() {
    let (router, mut ends) = endless();
    let Pair { channel, client, server } = pair(router);
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.message().await.unwrap();
    server.abort();
    let failure = call.message().await.unwrap_err();
    assert_eq!(
        (failure.code(), failure.origin(), failure.unprocessed()),
        (Code::Unavailable, Origin::Transport, false)
    );
    assert_eq!(ends.recv().await, Some(stopped(Stop::ConnectionLost)));

    let next = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap_err();
    assert_eq!(next.code(), Some(Code::Unavailable));
    assert!(next.failure().unwrap().unprocessed());
    channel.closed().await;
    assert!(channel.error().is_some() && channel.is_draining());
    assert!(matches!(client.await.unwrap(), Err(DriverError::Connection(_))));
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_takes_the_calls_with_it() {
    let (router, mut ends) = endless();
    let Pair { channel, client, server } = pair(router);
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.message().await.unwrap();
    client.abort();
    assert_eq!(call.message().await.unwrap_err().code(), Code::Unavailable);
    assert_eq!(ends.recv().await, Some(stopped(Stop::ConnectionLost)));
    assert!(server.await.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn the_last_channel_closes_the_connection_once_its_calls_have_ended() {
    let (router, mut ends) = endless();
    let Pair { channel, client, server } = pair(router);
    let mut call = channel.clone().bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    drop(channel);
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert!(!client.is_finished(), "a call is open");
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
    assert_eq!(ends.recv().await, Some((Ok(()), None)));
    client.await.unwrap().unwrap();
    // The client's GOAWAY came before its end of input.
    server.await.unwrap().unwrap_or_default();
}

#[tokio::test(start_paused = true)]
async fn a_channel_that_was_shut_down_opens_no_calls() {
    let (router, _ends) = endless();
    let channel = pair(router).channel;
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.message().await.unwrap();
    channel.shutdown(Some(Duration::from_secs(3)));
    let error = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::Unavailable));
    let began = tokio::time::Instant::now();
    assert_eq!(call.outcome().await.status.code(), Code::Unavailable, "its time is over");
    assert_eq!(began.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_finished_counts_as_cancelled() {
    let (give, mut take) = mpsc::unbounded_channel::<Cancellation>();
    let router = Router::new().unary(&UNARY, move |request| {
        let give = give.clone();
        async move {
            assert!(!request.cancellation.is_cancelled());
            give.send(request.cancellation).unwrap();
            Ok(Response::default())
        }
    });
    let (near, far) = tokio::io::duplex(1024);
    let (channel, _) = join(near, &client_config());
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
    channel.unary(&UNARY, "").await.unwrap();
    let cancellation = take.recv().await.unwrap();
    cancellation.cancelled().await;
    assert_eq!((cancellation.is_cancelled(), cancellation.reason()), (true, None));
}
