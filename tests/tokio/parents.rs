//! Calls on behalf of other calls: their deadline and their cancellation are handed on (G-137).

use crate::{BOTH, UNARY, pair};
use grpc_sansio::Stop;
use grpc_sansio::adapter::tokio::{Channel, Incoming, Parent, Refusal, Request, Requests, Response, Router};
use grpc_sansio::grpc::{Code, Metadata};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What the server behind was asked: how long it may take, and why it stopped.
type Told = mpsc::UnboundedReceiver<(Option<Duration>, Option<Stop>)>;

/// A server that works until nobody waits any more.
fn behind() -> (Channel, Told) {
    let (tell, told) = mpsc::unbounded_channel();
    let stream = tell.clone();
    let router = Router::new()
        .unary(&UNARY, move |request| {
            let tell = tell.clone();
            async move {
                let left = request.head.deadline.map(|deadline| deadline - Instant::now());
                request.cancellation.cancelled().await;
                tell.send((left, request.cancellation.reason())).unwrap();
                Ok(Response::default())
            }
        })
        .bidi_streaming(&BOTH, move |request, _| {
            let tell = stream.clone();
            async move {
                request.cancellation.cancelled().await;
                tell.send((None, request.cancellation.reason())).unwrap();
                Ok(Metadata::new())
            }
        });
    (pair(router).channel, told)
}

/// A server that hands calls on after four seconds, `change`d.
fn in_front(
    behind: Channel,
    change: impl Fn(Request, &Incoming) -> Request + Send + Sync + Clone + 'static,
) -> Channel {
    let router = Router::new().unary(&UNARY, move |incoming: Incoming| {
        let (behind, change) = (behind.clone(), change.clone());
        async move {
            tokio::time::sleep(Duration::from_secs(4)).await;
            let answer = behind.unary(&UNARY, change(Request::new(""), &incoming)).await;
            answer.map_err(|error| Refusal::new(error.code().unwrap(), error.to_string()))
        }
    });
    pair(router).channel
}

/// What passed before the call left is taken off: G-124, G-137.
#[tokio::test(start_paused = true)]
async fn the_deadline_goes_on_less_what_has_passed() {
    let (behind, mut told) = behind();
    let front = in_front(behind, |request, incoming| request.within(incoming));
    let request = Request::new("").with_timeout(Duration::from_secs(10));
    let error = front.unary(&UNARY, request).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    let (left, _) = told.recv().await.unwrap();
    let left = left.unwrap();
    // Timeouts are rounded up, on both ways, to three digits.
    assert!((Duration::from_secs(6)..Duration::from_millis(6100)).contains(&left), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn of_two_deadlines_the_earlier_counts() {
    for (own, expected) in [(3, 3), (3600, 6)] {
        let (behind, mut told) = behind();
        let own = Duration::from_secs(own);
        let front = in_front(behind, move |request, incoming| request.with_timeout(own).within(incoming));
        front.unary(&UNARY, Request::new("").with_timeout(Duration::from_secs(10))).await.unwrap_err();
        let (left, _) = told.recv().await.unwrap();
        assert_eq!(left.unwrap().as_secs(), expected);
    }
    // Without a deadline there is none to hand on.
    let (behind, mut told) = behind();
    let front = in_front(behind, |request, incoming| request.within(incoming));
    tokio::time::timeout(Duration::from_secs(20), front.unary(&UNARY, "")).await.unwrap_err();
    assert_eq!(told.recv().await.unwrap().0, None);
}

/// G-137: a cancelled call cancels those that are made for it, whether anybody reads them or not.
#[tokio::test(start_paused = true)]
async fn cancelling_goes_on() {
    let (behind, mut told) = behind();
    let front = in_front(behind, |request, incoming| request.within(incoming));
    tokio::time::timeout(Duration::from_secs(5), front.unary(&UNARY, "")).await.unwrap_err();
    assert_eq!(told.recv().await.unwrap(), (None, Some(Stop::Cancelled)));
}

#[tokio::test(start_paused = true)]
async fn an_answer_cancels_what_still_goes_on_for_it() {
    let (behind, mut told) = behind();
    let (tell, mut outcomes) = mpsc::unbounded_channel();
    let router = Router::new().unary(&UNARY, move |incoming: Incoming| {
        let (behind, tell) = (behind.clone(), tell.clone());
        async move {
            let parent: Parent = incoming.parent();
            let mut call = behind.bidi_streaming(&BOTH, Request::empty().within(&parent)).await.unwrap();
            tokio::spawn(async move { tell.send(call.message().await.unwrap_err().code()).unwrap() });
            tokio::time::sleep(Duration::from_secs(1)).await;
            Ok(Response::new("answered"))
        }
    });
    let front = pair(router).channel;
    front.unary(&UNARY, "").await.unwrap();
    assert_eq!(outcomes.recv().await, Some(Code::Cancelled));
    assert_eq!(told.recv().await.unwrap(), (None, Some(Stop::Cancelled)));
}

/// A child that ends before its parent leaves nothing behind, and a parent that stops then does no harm.
#[tokio::test(start_paused = true)]
async fn many_children_of_one_parent() {
    let upper = Router::new().unary(&UNARY, |request: Incoming| async move { Ok(Response::new(request.message)) });
    let behind = pair(upper).channel;
    let router = Router::new().bidi_streaming(&BOTH, move |mut incoming: Incoming<Requests>, mut responses| {
        let behind = behind.clone();
        async move {
            let parent = Parent::from(&incoming);
            while let Some(message) = incoming.message().await? {
                let answer = behind.unary(&UNARY, Request::new(message).within(&parent)).await.unwrap();
                responses.send(answer.message).await?;
            }
            Ok(Metadata::new())
        }
    });
    let front = pair(router).channel;
    let mut call = front.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    for number in 0..200 {
        call.send(number.to_string()).await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().data, number.to_string());
    }
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
}

/// A call for one that has stopped before it could be opened is not made.
#[tokio::test(start_paused = true)]
async fn a_call_for_one_that_has_stopped_is_not_made() {
    let (behind, mut told) = behind();
    let (tell, mut codes) = mpsc::unbounded_channel();
    let router = Router::new().unary(&UNARY, move |incoming: Incoming| {
        let (behind, tell) = (behind.clone(), tell.clone());
        async move {
            incoming.cancellation.cancelled().await;
            let error = behind.unary(&UNARY, Request::new("").within(&incoming)).await.unwrap_err();
            tell.send(error.code().unwrap()).unwrap();
            Ok(Response::default())
        }
    });
    let front = pair(router).channel;
    tokio::time::timeout(Duration::from_secs(1), front.unary(&UNARY, "")).await.unwrap_err();
    assert_eq!(codes.recv().await, Some(Code::Cancelled));
    let error = front.unary(&UNARY, Request::new("").with_timeout(Duration::from_secs(1))).await.unwrap_err();
    assert_eq!(error.code(), Some(Code::DeadlineExceeded));
    // Its client may have told it first.
    assert!(matches!(codes.recv().await, Some(Code::DeadlineExceeded | Code::Cancelled)));
    while let Ok(asked) = told.try_recv() {
        assert!(asked.1.is_some());
    }
}
