//! Asks a trail guide, such as `tokio_server`, for one thing of each kind.
//!
//! Run it with `cargo run --example tokio_client --features tokio -- --port 50051`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

mod routeguide;

use grpc_sansio::ClientConfig;
use grpc_sansio::adapter::tokio::{Channel, Request};
use grpc_sansio::grpc::{Code, Message};
use prost::Message as _;
use routeguide::{Area, FIND_HUT, Hut, LIST_HUTS, Note, Point, RECORD_WALK, Summary, TALK};
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

async fn run(port: u16) -> Result<()> {
    let config = ClientConfig::builder(&format!("localhost:{port}")).build()?;
    let connected = Channel::connect(("127.0.0.1", port), &config).await;
    let channel = connected.map_err(|error| format!("cannot connect to 127.0.0.1:{port}: {error}"))?;
    find_hut(&channel).await?;
    list_huts(&channel).await?;
    record_walk(&channel).await?;
    talk(&channel).await
}

/// Unary: the call is one function. It fails where there is no hut.
async fn find_hut(channel: &Channel) -> Result<()> {
    let request = Request::new(Point { east: 2_500, north: 3_100 }.encode_to_vec());
    let response = channel.unary(&FIND_HUT, request.with_timeout(Duration::from_secs(5))).await?;
    let hut: Hut = decode(&response.message)?;
    println!("FindHut: {} has {} beds", hut.name, hut.beds);

    let nowhere = channel.unary(&FIND_HUT, Point { east: 1, north: 1 }.encode_to_vec()).await;
    match nowhere {
        Err(error) if error.code() == Some(Code::NotFound) => println!("FindHut: {error}"),
        other => return Err(format!("a hut where there is none: {other:?}").into()),
    }
    Ok(())
}

/// Server streaming: messages come until `None`.
async fn list_huts(channel: &Channel) -> Result<()> {
    let area = Area {
        south_west: Some(Point { east: 2_000, north: 2_000 }),
        north_east: Some(Point { east: 6_000, north: 5_000 }),
    };
    let mut call = channel.server_streaming(&LIST_HUTS, area.encode_to_vec()).await?;
    while let Some(message) = call.message().await? {
        let hut: Hut = decode(&message)?;
        println!("ListHuts: {}", hut.name);
    }
    Ok(())
}

/// Client streaming: messages go, then one comes back.
async fn record_walk(channel: &Channel) -> Result<()> {
    let mut call = channel.client_streaming(&RECORD_WALK, Request::empty()).await?;
    for (east, north) in [(1_200, 800), (2_500, 3_100), (3_900, 2_700)] {
        if call.send(Point { east, north }.encode_to_vec()).await.is_err() {
            // The call has ended; the response says why.
            break;
        }
    }
    let summary: Summary = decode(&call.response().await?.message)?;
    println!("RecordWalk: {} points, {} huts, {} m", summary.points, summary.huts_passed, summary.distance);
    Ok(())
}

/// Both ways at once: one half sends from a task of its own while the other receives.
async fn talk(channel: &Channel) -> Result<()> {
    let (mut sender, mut receiver) = channel.bidi_streaming(&TALK, Request::empty()).await?.split();
    let sending = tokio::spawn(async move {
        for text in ["the stove smokes", "not any more", "thanks"] {
            let note = Note { place: Some(Point { east: 3_900, north: 2_700 }), text: text.into() };
            if sender.send(note.encode_to_vec()).await.is_err() {
                // The call has ended; its outcome says why.
                return;
            }
        }
        sender.half_close().unwrap_or_else(|misuse| unreachable!("{misuse}"));
    });
    while let Some(message) = receiver.message().await? {
        let note: Note = decode(&message)?;
        println!("Talk: {}", note.text);
    }
    Ok(sending.await?)
}

fn decode<M: prost::Message + Default>(message: &Message) -> Result<M> {
    Ok(M::decode(&message.data[..])?)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let port = match &arguments[..] {
        [flag, port] if flag == "--port" => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: tokio_client --port PORT");
        return ExitCode::from(2);
    };
    match run(port).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tokio_client: {error}");
            ExitCode::FAILURE
        }
    }
}
