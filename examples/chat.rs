//! A chat room: a bidirectional stream for each guest, and a line from one goes to all.
//!
//! Run it with `cargo run --example chat --features tokio`. Room and guests are in one process here, over TCP all the same.

#![allow(clippy::print_stdout, reason = "it is a program")]

use grpc_sansio::adapter::tokio::{Call, Channel, Incoming, Refusal, Request, Requests, Responses, Router, Server};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::error::Error;
use tokio::net::TcpListener;
use tokio::sync::broadcast::{self, error::RecvError};

const JOIN: Method = Method::from_static("/demo.Chat/Join", Kind::BidiStreaming);

/// One guest: what comes from it goes to the room, and what the room says goes to it, both as they come.
async fn attend(
    mut guest: Incoming<Requests>,
    mut lines: Responses,
    room: broadcast::Sender<String>,
) -> Result<Metadata, Refusal> {
    let name = guest.metadata().get("name").unwrap_or("somebody").to_owned();
    let mut heard = room.subscribe();
    // The head goes out before the first line: it tells the guest that it is in the room.
    lines.send_head(&Metadata::new()).map_err(|misuse| Refusal::new(Code::Internal, misuse.to_string()))?;
    loop {
        tokio::select! {
            // Dropped while it waits, `message` has taken nothing. The `?` is for guests that vanish.
            said = guest.message() => match said? {
                Some(line) => _ = room.send(format!("{name}: {}", String::from_utf8_lossy(&line.data))),
                None => return Ok(Metadata::new()),
            },
            line = heard.recv() => match line {
                // Waits while the guest does not read; the room goes on.
                Ok(line) => lines.send(line).await?,
                Err(RecvError::Lagged(missed)) => lines.send(format!("({missed} lines missed)")).await?,
                Err(RecvError::Closed) => return Ok(Metadata::new()),
            },
        }
    }
}

async fn join(channel: &Channel, name: &str) -> Result<Call, Box<dyn Error>> {
    let mut metadata = Metadata::new();
    metadata.append("name", name)?;
    let mut call = channel.bidi_streaming(&JOIN, Request::empty().with_metadata(metadata)).await?;
    call.head().await.ok_or("the room is closed")?;
    Ok(call)
}

/// The next line that a guest hears.
async fn hear(call: &mut Call) -> Result<String, Box<dyn Error>> {
    let line = call.message().await?.ok_or("the room has closed")?;
    Ok(String::from_utf8(line.data.to_vec())?)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (room, _) = broadcast::channel(100);
    let router = Router::new().bidi_streaming(&JOIN, move |guest, lines| attend(guest, lines, room.clone()));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router));

    let config = ClientConfig::builder(&address.to_string()).build()?;
    let (first, second) = (Channel::connect(address, &config).await?, Channel::connect(address, &config).await?);
    let mut ada = join(&first, "Ada").await?;
    let mut alan = join(&second, "Alan").await?;

    ada.send("is anybody there?").await?;
    for guest in [&mut ada, &mut alan] {
        assert_eq!(hear(guest).await?, "Ada: is anybody there?");
    }
    alan.send("I am, and so are you").await?;
    for guest in [&mut ada, &mut alan] {
        assert_eq!(hear(guest).await?, "Alan: I am, and so are you");
    }
    // Who half-closes leaves; the other one stays.
    ada.half_close()?;
    assert!(ada.message().await?.is_none() && ada.outcome().await.status.is_ok());
    alan.send("gone already?").await?;
    println!("the last line was: {}", hear(&mut alan).await?);
    Ok(())
}
