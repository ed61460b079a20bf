//! Health and reflection, mounted on a router.

use crate::pair;
use grpc_sansio::adapter::tokio::{CallReceiver, Channel, Health, Request, Router};
use grpc_sansio::grpc::Code;
use grpc_sansio::services::health::{
    CHECK, HealthCheckRequest, HealthCheckResponse, HealthListResponse, LIST, ServingStatus, WATCH,
};
use grpc_sansio::services::reflection::{METHODS, Reflection};
use prost::Message;
use std::time::Duration;

fn asking(service: &str) -> Request {
    Request::new(HealthCheckRequest { service: service.into() }.encode_to_vec())
}

fn status(message: &[u8]) -> ServingStatus {
    HealthCheckResponse::decode(message).unwrap().status()
}

async fn next(watch: &mut CallReceiver) -> ServingStatus {
    status(&watch.message().await.unwrap().unwrap().data)
}

/// Nothing comes; the clock is paused, so a second is over at once, and for whoever waits it is for ever.
async fn silent(watch: &mut CallReceiver) -> bool {
    tokio::time::timeout(Duration::from_secs(1), watch.message()).await.is_err()
}

async fn watch(channel: &Channel, service: &str) -> CallReceiver {
    channel.server_streaming(&WATCH, asking(service)).await.unwrap()
}

/// G-293 to G-298 through real calls: answers, and changes that wake those whom they concern, and only those.
#[tokio::test(start_paused = true)]
async fn g_293_to_g_298_health() {
    let health = Health::new();
    let pair = pair(Router::new().health(&health));
    let channel = pair.channel;
    health.set("a", ServingStatus::Serving);
    assert_eq!(status(&channel.unary(&CHECK, asking("a")).await.unwrap().message.data), ServingStatus::Serving);
    assert_eq!(channel.unary(&CHECK, asking("b")).await.unwrap_err().code(), Some(Code::NotFound));
    let list = channel.unary(&LIST, "").await.unwrap().message.data;
    assert_eq!(HealthListResponse::decode(list).unwrap().statuses.len(), 2);

    let (mut a, mut b) = (watch(&channel, "a").await, watch(&channel, "b").await);
    assert_eq!((next(&mut a).await, next(&mut b).await), (ServingStatus::Serving, ServingStatus::ServiceUnknown));
    assert!(silent(&mut a).await && silent(&mut b).await);
    health.set("b", ServingStatus::NotServing);
    assert_eq!(next(&mut b).await, ServingStatus::NotServing);
    assert!(silent(&mut a).await);
    health.shut_down();
    assert_eq!(next(&mut a).await, ServingStatus::NotServing);
    assert!(silent(&mut b).await, "it was so before");
    health.resume();
    assert_eq!(next(&mut a).await, ServingStatus::Serving);

    // A watcher that goes away is forgotten, and the others go on.
    drop(a);
    health.remove("b");
    assert_eq!(next(&mut b).await, ServingStatus::ServiceUnknown);
    let malformed = channel.unary(&CHECK, &b"\xff"[..]).await.unwrap_err();
    assert_eq!(malformed.code(), Some(Code::Internal));
}

/// A watcher that reads nothing costs no more than its window and queue, and gets the latest in the end.
#[tokio::test(start_paused = true)]
async fn g_298_a_slow_watcher() {
    let health = Health::new();
    let pair = pair(Router::new().health(&health));
    let mut slow = watch(&pair.channel, "").await;
    for round in 0..50_000 {
        health.set("", if round % 2 == 0 { ServingStatus::NotServing } else { ServingStatus::Serving });
        if round % 100 == 0 {
            tokio::task::yield_now().await;
        }
    }
    health.set("", ServingStatus::Unknown);
    let mut taken = 0;
    while next(&mut slow).await != ServingStatus::Unknown {
        taken += 1;
    }
    assert!(taken < 20_000, "{taken} messages waited");
    assert!(silent(&mut slow).await);
}

/// G-304, G-307, G-309 through a real call of either version.
#[tokio::test]
async fn g_304_g_307_g_309_reflection() {
    let channel = pair(Router::new().reflection(&Reflection::new().with_health())).channel;
    for method in &METHODS {
        let mut call = channel.bidi_streaming(method, Request::empty()).await.unwrap();
        for (question, part) in [
            (&b"\x3a\x00"[..], &b"grpc.health.v1.Health"[..]),
            (b"\x22\x04none", b"there is no symbol \"none\""),
            (b"\x22\x15grpc.health.v1.Health", b"ServingStatus"),
        ] {
            call.send(question).await.unwrap();
            let answer = call.message().await.unwrap().unwrap().data;
            assert!(answer.windows(part.len()).any(|octets| octets == part), "{answer:?}");
        }
        call.send("").await.unwrap();
        assert_eq!(call.message().await.unwrap_err().code(), Code::InvalidArgument);
    }
}
