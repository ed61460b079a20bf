//! The shape of io_uring: a buffer is given away with a submission, and comes back with its completion.
//!
//! Run it with `cargo run --example completion`.
//!
//! In between the kernel owns the buffer, so nothing may borrow from the connection: what it has to say is taken out of the
//! `WriteBuf` as owned chunks, large payloads without a copy, and what was read is handed over as owned `Bytes`. The ring
//! here is made of queues, for to share memory with a kernel takes `unsafe`, and this crate has none. It is as unkind as a
//! real one: completions come in any order, and writes are short. With the crate `io-uring`, `submit` pushes an
//! `opcode::Recv` or `opcode::Send`, and `complete` takes from the completion queue.

use bytes::{Buf, Bytes, BytesMut};
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::collections::VecDeque;

static ECHO: Method = Method::from_static("/demo.Files/Echo", Kind::Unary);

/// An operation owns its buffer.
enum Operation {
    Read(BytesMut),
    Write(Bytes),
}

/// A ring with one socket, and what the network brings and takes.
#[derive(Default)]
struct Ring {
    submitted: Vec<Operation>,
    arriving: VecDeque<u8>,
    sent: Vec<u8>,
    chance: u32,
}

impl Ring {
    fn submit(&mut self, operation: Operation) {
        self.submitted.push(operation);
    }

    /// Some operation that has completed, with its buffer and the number of octets it moved.
    fn complete(&mut self) -> Option<(Operation, usize)> {
        self.chance = self.chance.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (count, chance) = (self.submitted.len(), self.chance as usize >> 8);
        let completes = |at: &usize| matches!(self.submitted[*at], Operation::Write(_)) || !self.arriving.is_empty();
        let place = (0..count).map(|at| (at + chance) % count).find(completes)?;
        let mut operation = self.submitted.swap_remove(place);
        let moved = match &mut operation {
            Operation::Read(buffer) => {
                let moved = buffer.len().min(self.arriving.len()).min(1 + chance % 50_000);
                buffer.iter_mut().zip(self.arriving.drain(..moved)).for_each(|(place, octet)| *place = octet);
                moved
            }
            Operation::Write(chunk) => {
                let moved = chunk.len().min(1 + chance % 30_000);
                self.sent.extend_from_slice(&chunk[..moved]);
                moved
            }
        };
        Some((operation, moved))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (now, mut ring) = (Instant::from_nanos(0), Ring::default());
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);
    let (mut output, mut writing) = (WriteBuf::new(), false);
    ring.submit(Operation::Read(BytesMut::zeroed(64 * 1024)));

    // Who calls it is no part of the loop: an ordinary client at the far end of the socket.
    let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build()?, now);
    let file: Vec<u8> = (0..1_000_000_u32).map(|place| (place % 251) as u8).collect();
    let id = client.open(now, &OpenOptions::new(&ECHO))?;
    client.call(id).ok_or("it was just opened")?.send(file.clone())?;
    let mut wire = WriteBuf::new();
    loop {
        client.transmit(now, &mut wire);
        ring.arriving.extend(wire.copy_to_bytes(wire.len()));

        server.transmit(now, &mut output);
        if !writing && let Some(chunk) = output.next_chunk() {
            writing = true;
            ring.submit(Operation::Write(chunk));
        }
        // A real ring is waited for, until `poll_timeout` at the latest. Here nothing else could happen.
        match ring.complete().ok_or("nothing moves any more")? {
            (Operation::Read(mut buffer), moved) => {
                buffer.truncate(moved);
                server.receive_bytes(now, buffer.freeze());
                ring.submit(Operation::Read(BytesMut::zeroed(64 * 1024)));
            }
            (Operation::Write(mut chunk), moved) => {
                chunk.advance(moved);
                writing = !chunk.is_empty(); // the rest of a short write goes before anything else
                chunk.has_remaining().then(|| ring.submit(Operation::Write(chunk)));
            }
        }
        while let Some(event) = server.poll_event() {
            let (Event::Opened(id) | Event::Readable(id)) = event else { continue };
            let Some(mut call) = server.call(id) else { continue };
            while let Some(item) = call.read() {
                let Item::Message(message) = item else { continue };
                let echo = message.into_bytes();
                call.send(echo)?;
                call.finish(&Status::ok(), &Metadata::new());
                break;
            }
        }

        client.receive(now, &std::mem::take(&mut ring.sent));
        while client.poll_event().is_some() {}
        while let Some(item) = client.call(id).as_mut().and_then(|call| call.read()) {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => assert_eq!(*message, file, "every octet, in order"),
                Item::End(outcome) if outcome.status().is_ok() => return Ok(()),
                Item::End(outcome) => return Err(outcome.status().to_string().into()),
            }
        }
    }
}
