//! Time is tokio's, so a paused clock pauses deadlines too.

use crate::{BOTH, UNARY, pair, pair_with};
use grpc_sansio::adapter::tokio::{Channel, Request, Response, Router};
use grpc_sansio::grpc::{Code, Metadata};
use grpc_sansio::{ClientConfig, Limits, ServerConfig, Stop};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_hour_passes_in_no_time_and_both_sides_notice() {
    let (seen, mut stops) = mpsc::unbounded_channel();
    let router = Router::new().unary(&UNARY, move |request| {
        let seen = seen.clone();
        async move {
            let began = Instant::now();
            request.cancellation.cancelled().await;
            seen.send((began.elapsed(), request.head.deadline, request.cancellation.reason())).unwrap();
            Ok(Response::default())
        }
    });
    let channel = pair(router).channel;
    let (began, real) = (Instant::now(), std::time::Instant::now());
    let error = channel.unary(&UNARY, Request::new("").with_timeout(HOUR)).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    let passed = began.elapsed();
    assert!((HOUR..HOUR + Duration::from_millis(2)).contains(&passed), "{passed:?}");

    let (passed, deadline, stop) = stops.recv().await.unwrap();
    assert!(passed.abs_diff(HOUR) < Duration::from_millis(5), "{passed:?}");
    assert!(deadline.unwrap() >= began + HOUR, "a server's deadline is never earlier than its client's");
    // Which of the two clocks was first does not matter.
    assert!(matches!(stop, Some(Stop::DeadlineExceeded | Stop::Cancelled)), "{stop:?}");
    assert!(real.elapsed() < Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_later_deadline_does_not_hold_up_an_earlier_one() {
    let router = Router::new().unary(&UNARY, |request| async move {
        request.cancellation.cancelled().await;
        Ok(Response::default())
    });
    let channel = pair(router).channel;
    let began = Instant::now();
    let call = |seconds| {
        let channel: Channel = channel.clone();
        async move {
            channel.unary(&UNARY, Request::new("").with_timeout(Duration::from_secs(seconds))).await.unwrap_err();
            began.elapsed().as_secs()
        }
    };
    let (long, short, middle) = tokio::join!(call(100), call(1), call(10));
    assert_eq!((long, short, middle), (100, 1, 10));
}

/// So many calls at a time, and as many that may wait.
fn narrow(calls: u32) -> (ClientConfig, ServerConfig) {
    let mut limits = Limits::default();
    (limits.max_concurrent_calls, limits.max_waiting_calls) = (calls, calls);
    let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
    (client, ServerConfig::builder().limits(limits).build().unwrap())
}

fn hold() -> Router {
    Router::new().bidi_streaming(&BOTH, |mut request, _| async move {
        while request.message().await?.is_some() {}
        Ok(Metadata::new())
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_to_be_opened_has_its_deadline() {
    let (client, server) = narrow(1);
    let channel = pair_with(&client, server, hold()).channel;
    // The first learns the server's limit, the second waits for the first, and there is no room for a third.
    let mut first = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let _second = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    let began = Instant::now();
    let timeout = Request::empty().with_timeout(Duration::from_secs(7));
    let error = channel.bidi_streaming(&BOTH, timeout).await.unwrap_err();
    assert_eq!(began.elapsed().as_secs(), 7);
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    assert!(error.failure().unwrap().unprocessed(), "it never left");
    first.half_close().unwrap();
    assert!(first.outcome().await.status.is_ok());
}

#[tokio::test(start_paused = true)]
async fn calls_that_wait_to_be_opened_are_opened_in_the_end() {
    let (client, server) = narrow(1);
    let channel = pair_with(&client, server, hold()).channel;
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move {
                let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(10)).await;
                call.half_close().unwrap();
                call.outcome().await.status.code()
            })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Code::Ok);
    }
}

#[tokio::test(start_paused = true)]
async fn room_for_two_lets_two_in() {
    let (client, server) = narrow(2);
    let channel = pair_with(&client, server, hold()).channel;
    let mut open = Vec::new();
    for _ in 0..2 {
        open.push(channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap());
    }
    // The server's limit is known by now, so the next two wait for it, and after them there is no room.
    tokio::time::sleep(Duration::from_millis(1)).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        waiting.push(channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap());
    }
    let outside: Vec<_> = (0..3)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(outside.iter().filter(|task| task.is_finished()).count(), 0);

    // Both end in the same moment, which the connection tells once.
    open.iter_mut().for_each(|call| call.half_close().unwrap());
    tokio::time::sleep(Duration::from_millis(1)).await;
    for mut call in open {
        assert!(call.outcome().await.status.is_ok());
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(outside.iter().filter(|task| task.is_finished()).count(), 2);
    outside.iter().for_each(|task| task.abort());
}
