//! A proxy that forwards calls without looking into them: `grpc_sansio::http2` twice, in one thread, with mio for sockets.
//!
//! `cargo run --example proxy --features mio -- --to 50051` leads whoever connects to the server on that port; `--port` is
//! where it listens. Each client gets a connection of its own to the server. `relay` is all of the forwarding; this file
//! only moves octets.

#![allow(clippy::print_stdout, reason = "whoever started it wants to know the port")]

mod relay;

use bytes::Buf;
use grpc_sansio::{Clock, Instant, WriteBuf};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token};
use relay::Relay;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

const LISTENER: Token = Token(usize::MAX);

/// A client, the connection made for it, and what each has not taken yet.
struct Link {
    relay: Relay,
    sockets: [TcpStream; 2],
    outputs: [WriteBuf; 2],
}

impl Link {
    fn new(client: TcpStream, there: SocketAddr, registry: &Registry, key: usize, now: Instant) -> io::Result<Self> {
        let mut sockets = [client, TcpStream::connect(there)?];
        for (side, socket) in sockets.iter_mut().enumerate() {
            socket.set_nodelay(true)?;
            registry.register(socket, Token(2 * key + side), Interest::READABLE | Interest::WRITABLE)?;
        }
        Ok(Self { relay: Relay::new(now), sockets, outputs: Default::default() })
    }

    /// Moves octets until nothing moves; whether there is more to come.
    fn go_on(&mut self, clock: &Clock, buffer: &mut [u8]) -> io::Result<bool> {
        let now = clock.now();
        for side in [0, 1] {
            while let Some(count) = would_block(self.sockets[side].read(buffer))? {
                self.relay.receive(side, now, &buffer[..count]);
                if count == 0 {
                    break;
                }
            }
        }
        self.relay.sides.iter_mut().for_each(|side| side.handle_timeout(now));
        // What leaves on one side makes room on the other.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for side in [0, 1] {
                let output = &mut self.outputs[side];
                self.relay.transmit(side, now, output);
                while output.has_remaining() {
                    let Some(count) = would_block(self.sockets[side].write(output.chunk()))? else { break };
                    output.advance(count);
                    moved = true;
                }
            }
        }
        let finished = self.relay.sides.iter().all(|side| side.is_finished());
        Ok(!finished || self.outputs.iter().any(Buf::has_remaining))
    }
}

/// A socket that is not connected yet counts as one that would block.
fn would_block(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(count) => Ok(Some(count)),
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Ok(None),
        Err(error) => Err(error),
    }
}

fn main() -> io::Result<()> {
    let port =
        |flag| std::env::args().skip_while(|argument| argument != flag).nth(1).and_then(|port| port.parse().ok());
    let [here, there]: [SocketAddr; 2] =
        ["--port", "--to"].map(|flag| ([127, 0, 0, 1], port(flag).unwrap_or_default()).into());
    let mut listener = TcpListener::bind(here)?;
    println!("listening on {}", listener.local_addr()?);
    let (mut poll, mut events) = (Poll::new()?, Events::with_capacity(256));
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;

    let (clock, mut buffer) = (Clock::new(), vec![0; 64 * 1024]);
    let (mut links, mut next) = (HashMap::<usize, Link>::new(), 0);
    loop {
        let due = links.values().flat_map(|link| &link.relay.sides).filter_map(|side| side.poll_timeout()).min();
        poll.poll(&mut events, due.map(|due| due.saturating_since(clock.now())))?;
        let mut awake: Vec<usize> = events.iter().map(|event| event.token().0 / 2).collect();
        while let Ok((client, _)) = listener.accept() {
            // A client for whom there is no connection finds its own closed.
            let Ok(link) = Link::new(client, there, poll.registry(), next, clock.now()) else { continue };
            links.insert(next, link);
            next += 1;
        }
        let now = clock.now();
        let is_due =
            |link: &Link| link.relay.sides.iter().any(|side| side.poll_timeout().is_some_and(|due| due <= now));
        awake.extend(links.iter().filter(|(_, link)| is_due(link)).map(|(key, _)| key));
        for key in awake {
            let Some(link) = links.get_mut(&key) else { continue };
            // A link that fails is closed on both sides, and its calls end there with UNAVAILABLE.
            if !link.go_on(&clock, &mut buffer).unwrap_or(false) {
                links.remove(&key);
            }
        }
    }
}
