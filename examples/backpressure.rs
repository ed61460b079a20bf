//! Flow control at work: a server with a GiB to say, a client that reads ten messages, and nothing that piles up in between.
//!
//! Run it with `cargo run --example backpressure`. No runtime, no network: it shows the two events that matter on the pure
//! connection. `send` refuses with `Full` what the queue has no room for, and `Writable` says when to go on; what is not read
//! is not asked for.

#![allow(clippy::print_stdout, reason = "it is a program")]

use bytes::Buf;
use grpc_sansio::grpc::{Kind, Message, Method};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, SendError, Server, ServerConfig,
    WriteBuf,
};
use std::error::Error;

static DUMP: Method = Method::from_static("/demo.Files/Dump", Kind::ServerStreaming);
const MESSAGE: usize = 16 * 1024;

/// The server's side of the call: the message that had no room, which is tried again first, and how many were taken.
struct Dump {
    id: CallId,
    refused: Option<Message>,
    sent: usize,
}

impl Dump {
    /// Sends until the queue is full. Nothing is lost: a refused message comes back.
    fn go_on(&mut self, server: &mut Connection<Server>) -> Result<(), Box<dyn Error>> {
        let Some(mut call) = server.call(self.id) else { return Ok(()) };
        loop {
            let message = self.refused.take().unwrap_or_else(|| Message::new(vec![7; MESSAGE]));
            match call.send(message) {
                Ok(()) => self.sent += 1,
                Err(SendError::Full(message)) => {
                    self.refused = Some(message);
                    return Ok(());
                }
                Err(other) => return Err(other.to_string().into()),
            }
        }
    }
}

/// Carries octets both ways until neither side has anything more to say.
fn exchange(
    client: &mut Connection<Client>,
    server: &mut Connection<Server>,
    dump: &mut Option<Dump>,
) -> Result<(), Box<dyn Error>> {
    let (now, mut wire) = (Instant::from_nanos(0), WriteBuf::new());
    loop {
        let mut quiet = true;
        client.transmit(now, &mut wire);
        quiet &= wire.is_empty();
        server.receive_bytes(now, wire.copy_to_bytes(wire.len()));
        while let Some(event) = server.poll_event() {
            match event {
                Event::Opened(id) => dump.insert(Dump { id, refused: None, sent: 0 }).go_on(server)?,
                Event::Writable(_) => dump.as_mut().map_or(Ok(()), |dump| dump.go_on(server))?,
                _ => {}
            }
        }
        server.transmit(now, &mut wire);
        quiet &= wire.is_empty();
        client.receive_bytes(now, wire.copy_to_bytes(wire.len()));
        while client.poll_event().is_some() {}
        if quiet {
            return Ok(());
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let now = Instant::from_nanos(0);
    let config = ClientConfig::builder("localhost").build()?;
    let mut client = Connection::<Client>::new(&config, now);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);
    let id = client.open(now, &OpenOptions::new(&DUMP))?;
    client.call(id).ok_or("it was just opened")?.send("all of it".as_bytes())?;

    let mut dump = None;
    let mut read = 0;
    for _ in 0..10 {
        exchange(&mut client, &mut server, &mut dump)?;
        let sent = dump.as_ref().map_or(0, |dump| dump.sent);
        // Between the two: the server's queue (64 KiB), and the client's window (64 KiB, at most 256 KiB as it grows).
        println!("{sent} messages sent, {read} read, {} octets queued", server.queued());
        assert!((sent - read) * MESSAGE <= (64 + 256) * 1024 + MESSAGE, "something piles up");
        assert!(server.queued() <= 64 * 1024 + 5);
        let mut call = client.call(id).ok_or("the call has ended")?;
        while let Some(item) = call.read() {
            if let Item::Message(message) = item {
                assert_eq!(message.len(), MESSAGE);
                read += 1;
                break;
            }
        }
    }
    assert_eq!(read, 10);
    assert!(client.heap_size() as u64 <= config.connection_bytes(), "the bound holds");
    Ok(())
}
