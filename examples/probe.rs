//! One unary call to any server, and how it and its connection ended: a client in one loop over a blocking socket.
//!
//! `cargo run --example probe -- http://127.0.0.1:50051/grpc.health.v1.Health/Check` sends an empty message; a service and
//! method that do not exist show whether somebody speaks gRPC there at all. With `--linger` it goes on answering the server
//! until that hangs up, which is what a conformance test of clients wants.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

use bytes::{Buf, Bytes};
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{Client, ClientConfig, Clock, Connection, Event, Item, OpenOptions, WriteBuf};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

const PATIENCE: Duration = Duration::from_secs(10);

fn main() -> Result<(), Failure> {
    let (options, urls): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let linger = options.iter().any(|option| option == "--linger");
    let url = urls
        .first()
        .and_then(|url| url.strip_prefix("http://"))
        .ok_or("usage: probe [--linger] http://HOST:PORT/SERVICE/METHOD")?;
    let (authority, path) = url.split_once('/').unwrap_or((url, ""));
    let path = if path.contains('/') { format!("/{path}") } else { "/probe/Probe".to_owned() };

    let mut socket = TcpStream::connect(authority)?;
    socket.set_nodelay(true)?;
    let clock = Clock::new();
    let mut client = Connection::<Client>::new(&ClientConfig::builder(authority).build()?, clock.now());
    let method = Method::new(path, Kind::Unary)?;
    let deadline = clock.now().saturating_add(PATIENCE);
    let id = client.open(clock.now(), &OpenOptions::new(&method).deadline(deadline))?;
    client.call(id).ok_or("it was just opened")?.send(Bytes::new())?;

    let (mut output, mut buffer) = (WriteBuf::new(), vec![0; 64 * 1024]);
    loop {
        while let Some(event) = client.poll_event() {
            if event == Event::Readable(id) && report(&mut client, id) && !linger {
                client.shutdown(clock.now(), None);
            }
        }
        client.transmit(clock.now(), &mut output);
        while output.has_remaining() {
            let written = socket.write(output.chunk())?;
            output.advance(written);
        }
        if client.is_finished() {
            break;
        }
        // The connection's one timer is the longest that `read` may sleep; zero would mean "for ever".
        let sleep = client.poll_timeout().map(|at| at.saturating_since(clock.now()));
        socket.set_read_timeout(sleep.map(|sleep| sleep.max(Duration::from_millis(1))))?;
        match socket.read(&mut buffer) {
            Ok(0) => client.receive_eof(clock.now()),
            Ok(count) => client.receive(clock.now(), &buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
        client.handle_timeout(clock.now());
    }
    // A GOAWAY is read only if the socket is not closed with input unread.
    socket.shutdown(Shutdown::Write)?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    while matches!(socket.read(&mut buffer), Ok(1..)) {}
    match client.error() {
        Some(error) => Err(error.to_string().into()),
        None => Ok(()),
    }
}

/// Prints what has come of the call; whether that was its end.
fn report(client: &mut Connection<Client>, id: grpc_sansio::CallId) -> bool {
    while let Some(item) = client.call(id).as_mut().and_then(|call| call.read()) {
        match item {
            Item::Head(head) => println!("head: {:?}", head.metadata()),
            Item::Message(message) => println!("message: {} octets", message.len()),
            Item::End(outcome) => {
                println!("end: {} ({:?})", outcome.status(), outcome.origin());
                return true;
            }
        }
    }
    false
}
