//! Keepalive, age and shutdown by a signal, over real sockets.

use crate::{BOTH, UNARY, client_config, pair_with};
use grpc_sansio::adapter::tokio::{Call, Channel, DriverError, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Metadata};
use grpc_sansio::{ClientConfig, ClientManagement, ServerConfig, ServerManagement};
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::Instant;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn client(time: u64, timeout: u64) -> ClientConfig {
    let mut management = ClientManagement::default();
    (management.keepalive_time, management.keepalive_timeout) = (Some(seconds(time)), seconds(timeout));
    ClientConfig::builder("localhost").management(management).build().unwrap()
}

fn server(change: impl FnOnce(&mut ServerManagement)) -> ServerConfig {
    let mut management = ServerManagement::default();
    change(&mut management);
    ServerConfig::builder().management(management).build().unwrap()
}

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

/// A call that goes on: it has been heard of.
async fn open(channel: &Channel) -> Call {
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.send("before").await.unwrap();
    assert_eq!(call.message().await.unwrap().unwrap().data, "before");
    call
}

/// A line to `to` that goes dead when it is told: nothing goes through any more, and nobody is told.
async fn line(to: SocketAddr) -> (SocketAddr, Arc<Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let dead = Arc::new(Notify::new());
    let told = Arc::clone(&dead);
    tokio::spawn(async move {
        let (mut near, _) = listener.accept().await.unwrap();
        let mut far = TcpStream::connect(to).await.unwrap();
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
            () = told.notified() => pending().await,
        }
    });
    (address, dead)
}

/// G-204, on a line that goes dead with a call on it: tokio's clock stands still then, so the time is exact.
#[tokio::test]
async fn g_204_a_client_finds_out_that_its_connection_is_dead() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, dead) = line(listener.local_addr().unwrap()).await;
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router()));
    let channel = Channel::connect(address, &client(10, 5)).await.unwrap();
    let mut call = open(&channel).await;
    dead.notify_one();
    tokio::task::yield_now().await;
    tokio::time::pause();
    let began = Instant::now();
    let outcome = call.outcome().await;
    assert_eq!(outcome.status.code(), Code::Unavailable);
    assert!(outcome.status.message().contains("keepalive_timeout"), "{}", outcome.status);
    assert!((seconds(14)..=seconds(16)).contains(&began.elapsed()), "{:?}", began.elapsed());
    assert!(channel.error().unwrap().reason().starts_with("keepalive_timeout"));
}

/// G-214, likewise.
#[tokio::test]
async fn g_214_a_server_finds_out_that_its_client_is_gone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, dead) = line(listener.local_addr().unwrap()).await;
    let config = client_config();
    let (channel, accepted) = tokio::join!(Channel::connect(address, &config), listener.accept());
    let config = server(|management| {
        (management.keepalive_time, management.keepalive_timeout) = (Some(seconds(30)), seconds(7));
    });
    let serving = tokio::spawn(Server::new(config).serve_connection(accepted.unwrap().0, router()));
    let channel = channel.unwrap();
    let _call = open(&channel).await;
    dead.notify_one();
    tokio::task::yield_now().await;
    tokio::time::pause();
    let began = Instant::now();
    let Err(DriverError::Connection(error)) = serving.await.unwrap() else { panic!("no error of the connection") };
    assert!(error.reason().starts_with("keepalive_timeout"), "{error}");
    // And a second for its last words.
    assert!((seconds(36)..=seconds(39)).contains(&began.elapsed()), "{:?}", began.elapsed());
}

/// Who is answered lives on, whatever time goes by.
#[tokio::test(start_paused = true)]
async fn a_silent_call_is_kept_alive() {
    let config = server(|management| management.min_ping_interval = seconds(10));
    let pair = pair_with(&client(10, 5), config, router());
    let mut call = open(&pair.channel).await;
    tokio::time::sleep(seconds(86_400)).await;
    call.send("after").await.unwrap();
    assert_eq!(call.message().await.unwrap().unwrap().data, "after");
}

/// G-206, G-207: a client that asks too often is thrown out, is told so, and has a config that asks half as often.
#[tokio::test(start_paused = true)]
async fn g_206_the_next_config_asks_less() {
    let mut config = client(0, 5);
    for minutes in [10, 20, 40] {
        assert_eq!(config.management().keepalive_time, Some(seconds(minutes)));
        let pair = pair_with(&config, ServerConfig::default(), router());
        let mut call = open(&pair.channel).await;
        let outcome = call.outcome().await;
        assert_eq!(outcome.status.code(), Code::Unavailable);
        assert!(outcome.status.message().contains("too_many_pings"), "{}", outcome.status);
        config = pair.channel.next_config();
    }
}

/// G-212: a server's connections end gracefully at an age that is not the same for all, with their calls.
#[tokio::test(start_paused = true)]
async fn g_212_connections_grow_old_one_by_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = server(|management| management.max_connection_age = Some(seconds(1_000)));
    tokio::spawn(Server::new(config).serve(listener, router()));
    let began = Instant::now();
    let mut ages = [None; 5];
    let mut channels = Vec::new();
    for _ in 0..5 {
        let channel = Channel::connect(address, &client_config()).await.unwrap();
        let call = open(&channel).await;
        channels.push((channel, call));
    }
    // All are watched at once: which of them goes last is a matter of their seeds.
    while ages.iter().any(Option::is_none) {
        tokio::time::sleep(seconds(1)).await;
        for (age, (channel, _)) in ages.iter_mut().zip(&channels) {
            if age.is_none() && channel.is_draining() {
                *age = Some(began.elapsed());
            }
        }
    }
    let ages: Vec<_> = ages.into_iter().flatten().collect();
    for (channel, mut call) in channels {
        call.send("after").await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().data, "after");
        call.half_close().unwrap();
        assert!(call.outcome().await.status.is_ok());
        channel.closed().await;
    }
    assert!(ages.iter().all(|age| (seconds(895)..=seconds(1_110)).contains(age)), "{ages:?}");
    let (first, last) = (ages.iter().min().unwrap(), ages.iter().max().unwrap());
    assert!(*last - *first > seconds(5), "{ages:?}");
}

/// A signal ends the server, and no call that is in flight.
#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_the_server_after_its_calls() {
    use tokio::signal::unix::{SignalKind, signal};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut terminate = signal(SignalKind::terminate()).unwrap();
    let stopped = async move { terminate.recv().await.unwrap_or_default() };
    let serving = Server::new(ServerConfig::default()).with_grace(seconds(30));
    let serving = tokio::spawn(serving.serve_with_shutdown(listener, router(), stopped));
    let channel = Channel::connect(address, &client_config()).await.unwrap();
    let mut call = open(&channel).await;

    signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
    while !channel.is_draining() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(Channel::connect(address, &client_config()).await.is_err(), "no new connections");
    call.send("after").await.unwrap();
    assert_eq!(call.message().await.unwrap().unwrap().data, "after");
    assert!(!serving.is_finished());
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
    serving.await.unwrap();
}
