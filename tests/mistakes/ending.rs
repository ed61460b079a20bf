//! What is printed of calls that end with their connection, with time, or by a wish.

use crate::raw::{RESPONSE, Raw, client_config, limits};
use crate::{BIDI, CLIENT, Line, Mistake, SERVER, UNARY, config, line, outcome, run};
use bytes::Buf;
use grpc_sansio::adapter::tokio::{Channel, Request, Response, Router, Server};
use grpc_sansio::frame::{ErrorCode, Frame, SettingId};
use grpc_sansio::grpc::Metadata;
use grpc_sansio::testing::Pair;
use grpc_sansio::{CallId, Client, ClientConfig, ClientManagement, Limits, OpenOptions, Retry, ServerConfig};
use std::time::Duration;

/// The outcome of a call whose connection has this fate.
fn fated(fate: impl FnOnce(&mut Raw<Client>)) -> Vec<Line> {
    let mut raw = Raw::client();
    let id = raw.request(&OpenOptions::new(&UNARY), b"question");
    fate(&mut raw);
    vec![outcome(&mut raw.it, id)]
}

/// A client with a call that has left, at the time of its deadline.
fn expired(answers: bool) -> Vec<Line> {
    let mut raw = Raw::client();
    let deadline = raw.now().saturating_add(Duration::from_millis(250));
    let id = raw.open(&OpenOptions::new(&UNARY).deadline(deadline));
    raw.it.call(id).unwrap().send(b"question".to_vec()).unwrap();
    if answers {
        raw.said();
        raw.headers(1, &RESPONSE, false);
    }
    raw.sleep(Duration::from_millis(250));
    vec![outcome(&mut raw.it, id)]
}

/// A call that is dropped by its client while its handler waits, and what the handler is told.
fn cancelled() -> Vec<Line> {
    run(async {
        let (near, far) = tokio::io::duplex(4096);
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let router = Router::new().bidi_streaming(&BIDI, move |mut request, _responses| {
            let tell = tell.clone();
            async move {
                let stopped = request.message().await.unwrap_err();
                tell.send(line(SERVER, stopped)).unwrap();
                Ok(Metadata::new())
            }
        });
        tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
        let (channel, driver) = Channel::new(near, &config());
        tokio::spawn(driver);
        let mut call = channel.bidi_streaming(&BIDI, Request::empty()).await.unwrap();
        // On its way before it is cancelled.
        tokio::time::sleep(Duration::from_millis(1)).await;
        call.cancel();
        let mine = line(CLIENT, &call.outcome().await.status);
        vec![mine, told.recv().await.unwrap()]
    })
}

/// A call on a channel that was shut down, and on one whose connection has ended.
fn on_an_ended_channel(lost: bool) -> Vec<Line> {
    run(async {
        let (near, far) = tokio::io::duplex(4096);
        let router = Router::new().unary(&UNARY, |request| async move { Ok(Response::new(request.message.data)) });
        let server = tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
        let (channel, driver) = Channel::new(near, &config());
        let driver = tokio::spawn(driver);
        channel.unary(&UNARY, "before").await.unwrap();
        if lost {
            let _waiting = channel.open(&UNARY, Request::empty()).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
            server.abort();
            driver.await.unwrap().unwrap_err();
        } else {
            channel.shutdown(None);
        }
        let error = channel.unary(&UNARY, "after").await.unwrap_err();
        assert_eq!(error.retry(), Retry::Safe);
        vec![line(CLIENT, error)]
    })
}

/// More calls than the server allows at once, by a client that does not wait for it.
fn beyond_the_stream_limit() -> Vec<Line> {
    let config = ServerConfig::builder()
        .limits(limits(|limits| (limits.max_concurrent_calls, limits.max_calls_beyond_limit) = (1, 0)))
        .build()
        .unwrap();
    let mut raw = Raw::server_with(&config);
    for stream in 0..200 {
        raw.request(2 * stream + 1, &[], false);
        raw.poll();
        if let Some(error) = raw.it.error() {
            return vec![line(SERVER, error)];
        }
    }
    panic!("nobody minded");
}

/// A server that is not there any more, and whose end nobody told.
fn vanished() -> Vec<Line> {
    let mut management = ClientManagement::default();
    management.keepalive_time = Some(Duration::from_secs(60));
    let config = ClientConfig::builder("localhost").management(management).build().unwrap();
    let mut raw = Raw::client_with(&config);
    let id = raw.request(&OpenOptions::new(&UNARY), b"question");
    for _ in 0..100 {
        raw.said();
        raw.sleep(Duration::from_secs(1));
    }
    vec![outcome(&mut raw.it, id)]
}

/// A call that waits for the server's stream limit until its deadline.
fn waiting_for_the_stream_limit() -> Vec<Line> {
    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    raw.said();
    raw.settings(&[(SettingId::MAX_CONCURRENT_STREAMS, 1)]);
    let _first = raw.request(&OpenOptions::new(&BIDI), b"first");
    let deadline = raw.now().saturating_add(Duration::from_secs(1));
    let second = raw.open(&OpenOptions::new(&UNARY).deadline(deadline));
    raw.it.call(second).unwrap().send(b"second".to_vec()).unwrap();
    raw.said();
    raw.sleep(Duration::from_secs(1));
    vec![outcome(&mut raw.it, second)]
}

/// A client that floods its server with PINGs, and what both print.
fn enhance_your_calm() -> Vec<Line> {
    let mut pair = Pair::new(1);
    let id: CallId = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    pair.drive();
    let mut ping = Vec::new();
    Frame::Ping(grpc_sansio::frame::Ping { ack: false, payload: [7; 8] }).encode(&mut ping);
    pair.server.receive(pair.clock.now(), &ping.repeat(100_000));
    let server = line(SERVER, pair.server.error().expect("it has enough"));
    let now = pair.clock.now();
    let mut wire = grpc_sansio::WriteBuf::new();
    pair.server.transmit(now, &mut wire);
    let octets = wire.copy_to_bytes(wire.len());
    pair.client.receive(now, &octets);
    pair.client.receive_eof(now);
    vec![outcome(&mut pair.client, id), server]
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "The deadline passes while the server works",
        make: || expired(true),
        layer: "gRPC",
        names: &["DEADLINE_EXCEEDED", "the deadline of the call passed", "G-130"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The deadline passes before anything is sent",
        make: || expired(false),
        layer: "gRPC",
        names: &["DEADLINE_EXCEEDED", "the deadline of the call passed"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The deadline passes while the call waits for the server's stream limit",
        make: waiting_for_the_stream_limit,
        layer: "gRPC",
        names: &["DEADLINE_EXCEEDED"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The client cancels, and the handler goes on",
        make: cancelled,
        layer: "application",
        names: &["the call was cancelled here", "HTTP/2: the client cancelled the call (RST_STREAM)"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The connection is closed in the middle of a call",
        make: || fated(|raw| raw.it.receive_eof(raw.now())),
        layer: "transport",
        names: &["UNAVAILABLE", "the connection was lost", "end of input"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The connection is reset in the middle of a call",
        make: || {
            fated(|raw| {
                let now = raw.now();
                raw.it.receive_failure(now, "transport: Connection reset by peer (os error 104)");
            })
        },
        layer: "transport",
        names: &["UNAVAILABLE", "Connection reset by peer"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The server goes away before it has processed the call",
        make: || fated(|raw| raw.goaway(0, ErrorCode::NO_ERROR, b"max_age")),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "GOAWAY", "did not process this call", "RFC 9113 section 6.8"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server goes away while it processes the call",
        make: || {
            fated(|raw| {
                raw.goaway(1, ErrorCode::INTERNAL_ERROR, b"out of memory");
                raw.it.receive_eof(raw.now());
            })
        },
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "GOAWAY", "INTERNAL_ERROR", "out of memory"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The client pings too often",
        make: || {
            fated(|raw| {
                raw.goaway(1, ErrorCode::ENHANCE_YOUR_CALM, b"too_many_pings");
                raw.it.receive_eof(raw.now());
            })
        },
        layer: "HTTP/2",
        names: &["ENHANCE_YOUR_CALM", "too_many_pings"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The client floods the server",
        make: enhance_your_calm,
        layer: "HTTP/2",
        names: &["ENHANCE_YOUR_CALM", "too_many_pings", "max_ping_strikes", "min_ping_interval"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The server vanishes",
        make: vanished,
        layer: "transport",
        names: &["UNAVAILABLE", "keepalive_timeout"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The peer breaks a rule of HTTP/2",
        make: || fated(|raw| raw.headers(2, &RESPONSE, false)),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "RFC 9113 section", "PROTOCOL_ERROR"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The client opens more calls than the server allows",
        make: beyond_the_stream_limit,
        layer: "HTTP/2",
        names: &["max_streams_beyond_limit", "max_concurrent_streams"],
        retry: None,
    },
    Mistake {
        name: "A call is opened on a channel that was shut down",
        make: || on_an_ended_channel(false),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "takes no new calls", "open another one"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "A call is opened on a connection that was lost",
        make: || on_an_ended_channel(true),
        layer: "transport",
        names: &["UNAVAILABLE", "the connection was lost"],
        retry: Some(Retry::Safe),
    },
];
