//! Transports that take little, late, or nothing at all.

use crate::{BOTH, PIPE, UNARY, client_config, join};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Channel, DriverError, Refusal, Request, Response, Router, Server};
use grpc_sansio::grpc::Code;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufStream, DuplexStream, ReadBuf};
use tokio::sync::Notify;

/// Passes reads on. Takes so many octets, one with each write, and then blocks for ever.
struct Clogged {
    inner: DuplexStream,
    room: usize,
    writes: Arc<AtomicUsize>,
    reads: Arc<AtomicUsize>,
}

impl AsyncRead for Clogged {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl AsyncWrite for Clogged {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        if self.room == 0 {
            return Poll::Pending;
        }
        self.room -= 1;
        Pin::new(&mut self.inner).poll_write(cx, octets.get(..1).unwrap_or_default())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A router that counts the calls it gets.
fn counting() -> (Router, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let router = Router::new().unary(&UNARY, move |request| {
        count.fetch_add(1, Ordering::Relaxed);
        async move { Ok(Response::new(request.message)) }
    });
    (router, calls)
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_takes_one_octet_and_blocks_neither_spins_nor_stalls_reading() {
    let (router, calls) = counting();
    let (near, inner) = tokio::io::duplex(PIPE);
    let (writes, reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let clogged = Clogged { inner, room: 1, writes: Arc::clone(&writes), reads: Arc::clone(&reads) };
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(clogged, router));
    let (channel, _) = join(near, &client_config());

    // Half a second between the waves, so that each is read on its own.
    for wave in 0..5 {
        for _ in 0..10 {
            let channel: Channel = channel.clone();
            tokio::spawn(async move { channel.unary(&UNARY, vec![0; 1000]).await });
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(calls.load(Ordering::Relaxed), (wave + 1) * 10, "requests are read while nothing can be written");
    }
    let polls = (writes.load(Ordering::Relaxed), reads.load(Ordering::Relaxed));
    tokio::time::sleep(Duration::from_secs(5)).await;
    let later = (writes.load(Ordering::Relaxed), reads.load(Ordering::Relaxed));
    assert!(polls.0 < 100 && polls.1 < 200, "{polls:?} polls for five waves");
    assert!(later.0 - polls.0 < 5 && later.1 - polls.1 < 5, "{polls:?}, then {later:?} while nothing happens");
}

#[tokio::test(start_paused = true)]
async fn a_blocked_transport_is_not_asked_again_for_each_message() {
    let (inner, _far) = tokio::io::duplex(PIPE);
    let writes = Arc::new(AtomicUsize::new(0));
    let clogged = Clogged { inner, room: 1, writes: Arc::clone(&writes), reads: Arc::default() };
    let (channel, driver) = Channel::new(clogged, &client_config());
    tokio::spawn(driver);
    let mut calls = Vec::new();
    for _ in 0..500 {
        let (mut sender, receiver) = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap().split();
        sender.try_send("x").unwrap();
        tokio::task::yield_now().await;
        calls.push((sender, receiver));
    }
    let writes = writes.load(Ordering::Relaxed);
    assert!(writes < 10, "{writes} attempts to write");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ended_does_not_wait_for_ever_for_a_blocked_transport() {
    let (router, _) = counting();
    let (near, inner) = tokio::io::duplex(PIPE);
    let clogged = Clogged { inner, room: 1, writes: Arc::default(), reads: Arc::default() };
    let server = tokio::spawn(Server::new(ServerConfig::default()).serve_connection(clogged, router));
    let (_channel, _) = join(near, &client_config());
    // The server's SETTINGS are never acknowledged, since they never arrive.
    let end = tokio::time::timeout(Duration::from_secs(60), server).await.expect("it waits for ever");
    assert!(end.unwrap().is_err());
}

#[tokio::test(start_paused = true)]
async fn one_octet_at_a_time_is_enough() {
    let (router, calls) = counting();
    let (near, inner) = tokio::io::duplex(1);
    let clogged = Clogged { inner, room: usize::MAX, writes: Arc::default(), reads: Arc::default() };
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(clogged, router));
    let (channel, _) = join(near, &client_config());
    let message: Vec<u8> = (0..20_000).map(|at| at as u8).collect();
    assert_eq!(channel.unary(&UNARY, message.clone()).await.unwrap().message.data, message);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

/// Passes everything on until it is broken; then it can only be read.
struct Breakable {
    inner: DuplexStream,
    broken: Arc<AtomicBool>,
}

impl AsyncRead for Breakable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, into)
    }
}

impl AsyncWrite for Breakable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if self.broken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.inner).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_peer_said_before_it_took_no_more_is_heard() {
    let gate = Arc::new(Notify::new());
    let opened = Arc::clone(&gate);
    let router = Router::new().bidi_streaming(&BOTH, move |_, mut responses| {
        let opened = Arc::clone(&opened);
        async move {
            responses.send("begun").await?;
            opened.notified().await;
            Err(Refusal::new(Code::Aborted, "the last word"))
        }
    });
    let (inner, far) = tokio::io::duplex(PIPE);
    let broken = Arc::new(AtomicBool::new(false));
    let (channel, driver) = Channel::new(Breakable { inner, broken: Arc::clone(&broken) }, &client_config());
    let driver = tokio::spawn(driver);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));

    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.message().await.unwrap();
    broken.store(true, Ordering::Relaxed);
    call.send("into the void").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    gate.notify_one();
    assert_eq!(call.outcome().await.status.message(), "the last word");

    // Nothing else can come of such a connection.
    let mut next = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    assert_eq!(next.outcome().await.status.code(), Code::Unavailable);
    let end = driver.await.unwrap().unwrap_err();
    assert!(matches!(end, DriverError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_holds_octets_back_is_flushed() {
    let (router, _) = counting();
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(BufStream::new(far), router));
    let (channel, driver) = Channel::new(BufStream::new(near), &client_config());
    tokio::spawn(driver);
    for size in [0, 10, 100_000] {
        assert_eq!(channel.unary(&UNARY, vec![1; size]).await.unwrap().message.data.len(), size);
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_unix_socket_will_do() {
    let folder = std::env::temp_dir().join(format!("grpc-sansio-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("test.sock");
    let error = Channel::connect_unix(&path, &client_config()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(Server::new(ServerConfig::default()).serve(listener, counting().0));
    let channel = Channel::connect_unix(&path, &client_config()).await.unwrap();
    let large = vec![7; 1 << 20];
    assert_eq!(channel.unary(&UNARY, large.clone()).await.unwrap().message.data, large);
    serving.abort();
    std::fs::remove_dir_all(folder).unwrap();
}
