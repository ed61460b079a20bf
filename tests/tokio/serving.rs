//! A server: its listener, its shutdown, and methods that it does not have.

use crate::{BOTH, PIPE, UNARY, client_config, join, pair};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Channel, Listen, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

fn router() -> Router {
    Router::new().unary(&UNARY, |request| async move { Ok(Response::new(request.message)) }).bidi_streaming(
        &BOTH,
        |mut request, mut responses| async move {
            while let Some(message) = request.message().await? {
                responses.send(message).await?;
            }
            Ok(Metadata::new())
        },
    )
}

#[tokio::test]
async fn unknown_methods_are_unimplemented_by_name() {
    let channel = pair(router()).channel;
    let unknown = Method::from_static("/test.Service/unary", Kind::Unary);
    let error = channel.unary(&unknown, "").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "UNIMPLEMENTED: server: gRPC: unknown method \"/test.Service/unary\" (G-021); retry: useless"
    );
}

#[tokio::test]
async fn a_graceful_shutdown_lets_open_calls_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(Server::new(ServerConfig::default()).serve_with_shutdown(listener, router(), stopped));

    let channel = Channel::connect(address, &client_config()).await.unwrap();
    let idle = Channel::connect(address, &client_config()).await.unwrap();
    idle.unary(&UNARY, "").await.unwrap();
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.send("before").await.unwrap();
    call.message().await.unwrap();
    stop.send(()).unwrap();
    idle.closed().await;

    assert!(Channel::connect(address, &client_config()).await.is_err(), "no new connections");
    // The first GOAWAY has come by now, or comes soon.
    while channel.unary(&UNARY, "").await.is_ok() {}
    call.send("after").await.unwrap();
    assert_eq!(call.message().await.unwrap().unwrap().data, "after");
    assert!(!server.is_finished());
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_cuts_off_what_outlasts_its_grace() {
    let (near, far) = tokio::io::duplex(PIPE);
    let (channel, _) = join(near, &client_config());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = Server::new(ServerConfig::default()).with_grace(Duration::from_secs(9));
    let server = tokio::spawn(server.serve_connection_with_shutdown(far, router(), stopped));
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.send("").await.unwrap();
    call.message().await.unwrap();
    let began = tokio::time::Instant::now();
    stop.send(()).unwrap();
    assert_eq!(call.outcome().await.status.code(), Code::Unavailable);
    assert_eq!(began.elapsed().as_secs(), 9);
    let _ = server.await.unwrap();
}

/// A listener whose accept fails most of the time, each time in another way.
struct Unreliable {
    attempts: usize,
    connections: mpsc::Receiver<DuplexStream>,
}

impl Listen for Unreliable {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Option<SocketAddr>)> {
        self.attempts += 1;
        match self.attempts % 10 {
            0 => match self.connections.recv().await {
                Some(io) => Ok((io, None)),
                None => std::future::pending().await,
            },
            odd if odd % 2 == 1 => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => Err(io::Error::other("too many open files")),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn failing_accepts_and_failing_connections_do_not_stop_the_server() {
    let (give, connections) = mpsc::channel(1);
    let listener = Unreliable { attempts: 0, connections };
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router()));
    let mut good = None;
    for number in 0..100 {
        let (mut near, far) = tokio::io::duplex(PIPE);
        give.send(far).await.unwrap();
        if number == 50 {
            good = Some(join(near, &client_config()).0);
        } else if number % 2 == 0 {
            tokio::io::AsyncWriteExt::write_all(&mut near, b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        }
    }
    let good = good.unwrap();
    assert_eq!(good.unary(&UNARY, "still there").await.unwrap().message.data, "still there");
}

/// T-74: each way to fail, 1,000 connections in all, beside one that is as it should be.
#[tokio::test(start_paused = true)]
async fn t_74_a_thousand_failing_connections() {
    let (give, connections) = mpsc::channel(1);
    tokio::spawn(Server::new(ServerConfig::default()).serve(Reliable(connections), router()));
    let (near, far) = tokio::io::duplex(PIPE);
    give.send(far).await.unwrap();
    let good = join(near, &client_config()).0;
    good.unary(&UNARY, "before").await.unwrap();
    let ways: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x08\x06\0\0\0\0\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\xff\xff\xff\0\0\0\0\0\x01",
    ];
    for number in 0..1_000 {
        let (mut near, far) = tokio::io::duplex(PIPE);
        give.send(far).await.unwrap();
        // The server may be quicker to close than we are to write.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut near, ways[number % ways.len()]).await;
        if number % 100 == 0 {
            assert_eq!(good.unary(&UNARY, "meanwhile").await.unwrap().message.data, "meanwhile");
        }
    }
    assert_eq!(good.unary(&UNARY, "after").await.unwrap().message.data, "after");
}

/// A listener that accepts what comes through the channel.
struct Reliable(mpsc::Receiver<DuplexStream>);

impl Listen for Reliable {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Option<SocketAddr>)> {
        match self.0.recv().await {
            Some(io) => Ok((io, None)),
            None => std::future::pending().await,
        }
    }
}

/// Answers with the name of the task it runs in.
fn task_names() -> Router {
    Router::new().unary(&UNARY, |_request| async { Ok(Response::new(tokio::task::id().to_string())) })
}

#[tokio::test]
async fn on_one_thread_a_handler_that_never_waits_takes_no_task_of_its_own() {
    let channel = pair(task_names()).channel;
    let first = channel.unary(&UNARY, "").await.unwrap().message;
    assert_eq!(channel.unary(&UNARY, "").await.unwrap().message, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_many_threads_each_handler_has_a_task_that_any_of_them_can_take() {
    let channel = pair(task_names()).channel;
    let first = channel.unary(&UNARY, "").await.unwrap().message;
    assert_ne!(channel.unary(&UNARY, "").await.unwrap().message, first);
}

#[tokio::test]
async fn a_handler_that_waits_goes_on_by_itself() {
    let router = Router::new().unary(&UNARY, |request| async move {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(Response::new(request.message))
    });
    let channel = pair(router).channel;
    assert_eq!(channel.unary(&UNARY, "slow").await.unwrap().message.data, "slow");
}

async fn survives_a_panic_before_the_first_wait() {
    let router = Router::new().unary(&UNARY, |request| {
        assert!(request.message.data != "bad", "on purpose");
        async move { Ok(Response::new(request.message)) }
    });
    let channel = pair(router).channel;
    let error = channel.unary(&UNARY, "bad").await.unwrap_err();
    assert_eq!(error.to_string(), "UNKNOWN: server: application: the handler panicked; retry: only if idempotent");
    assert_eq!(channel.unary(&UNARY, "good").await.unwrap().message.data, "good");
}

#[tokio::test]
async fn a_panic_costs_its_own_call_only_on_one_thread() {
    survives_a_panic_before_the_first_wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_costs_its_own_call_only_on_many_threads() {
    survives_a_panic_before_the_first_wait().await;
}
