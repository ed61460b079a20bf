//! A batch of h2load's calls at a mio server, without the system between them: what the server does in user space for the
//! figures over TCP.

use crate::Work;
use bytes::Bytes;
use grpc_sansio::adapter::mio::{Buffers, ConnectionId, Connections, Driver, Handler, Reply, Routes, Transport, Turn};
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{Connection, Instant, Server, ServerConfig};
use mio::event::Source;
use mio::{Interest, Poll, Registry, Token};
use std::io::{self, IoSlice, Read, Write};

static SAY_HELLO: Method = Method::from_static(crate::request::PATH, Kind::Unary);

/// What h2load 1.52 says first: SETTINGS and WINDOW_UPDATE with the largest windows that it knows.
const HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \x00\x00\x0c\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x04\x3f\xff\xff\xff\
    \x00\x00\x04\x08\x00\x00\x00\x00\x00\x3f\xff\x00\x00";

/// The header block of its first request, as `benches/tcp/run` has it make one: it indexes neither the path nor the token nor
/// the length, and everything else.
const FIRST: &str = "04956272d141fc1eca245f15852a4b631b87eb1968a0ff86418ba0e41d139d09b8cba0107f837a878cb5127602b83f4002\
    7465864d833505b11f5f8b1d75d0620d263d4c4d656440899acac8b24d494f6a7f0231531f08a2ba51d85b140044cb4db8ebcf8e32485940113\
    2d36e3af3e38c921650044cb4db8eff0f0d023337";

/// That of each other request.
const NEXT: &str = "04956272d141fc1eca245f15852a4b631b87eb1968a0ff86c283c1c0bfbe1f08a2ba51d85b140044cb4db8ebcf8e3248594\
    01132d36e3af3e38c921650044cb4db8eff0f0d023337";

/// Its message behind the prefix.
const DATA: &[u8; 37] = b"\x00\x00\x00\x00\x20\x0a\x1e0123456789abcdef0123456789abcd";

/// The answer to a call: a head of two fields, the message and trailers, each behind the nine octets of a frame.
const ANSWER: usize = 9 + 2 + 9 + DATA.len() + 9 + 1;

/// Nanoseconds between two batches.
const STEP: u64 = 100_000;

/// Waves of `open` calls: first all HEADERS, then all DATA, read in one piece.
pub struct Batch {
    driver: Driver<Socket, Server>,
    routes: Routes,
    id: ConnectionId,
    buffers: Buffers,
    open: u64,
    next: Vec<u8>,
    stream: u32,
    nanos: u64,
}

/// One end of a socket in memory.
#[derive(Debug, Default)]
struct Socket {
    incoming: Vec<u8>,
    written: usize,
}

impl Batch {
    pub fn new(open: u32) -> Self {
        let mut routes = Routes::new();
        routes.unary(&SAY_HELLO, |request| {
            assert_eq!(request.message.len(), DATA.len() - 5);
            Ok(Reply::new(Bytes::from_static(DATA[5..].as_ref())))
        });
        let now = Instant::from_nanos(0);
        let connection = || Connection::<Server>::new(&ServerConfig::default(), now);
        // A name for the connection, which only a loop gives.
        let poll = Poll::new().expect("a poll");
        let id = Connections::new(Token(0)).insert(poll.registry(), Socket::default(), connection());
        let mut batch = Self {
            driver: Driver::new(Socket::default(), connection()),
            routes,
            id: id.expect("a socket that can always be registered"),
            buffers: Buffers::new(),
            open: u64::from(open),
            next: octets(NEXT),
            stream: 1,
            nanos: 0,
        };
        batch.driver.socket_mut().incoming.extend_from_slice(HELLO);
        batch.headers(&octets(FIRST));
        batch.stream += 2;
        batch.data(1);
        batch.turn();
        assert!(batch.driver.socket().written > ANSWER, "the first call was answered");
        batch
    }

    fn headers(&mut self, block: &[u8]) {
        frame(&mut self.driver.socket_mut().incoming, 1, 4, self.stream, block);
    }

    fn data(&mut self, stream: u32) {
        frame(&mut self.driver.socket_mut().incoming, 0, 1, stream, DATA);
    }

    fn turn(&mut self) {
        self.nanos += STEP;
        let now = Instant::from_nanos(self.nanos);
        self.driver.ready(true, false);
        let (routes, id) = (&mut self.routes, self.id);
        while self.driver.turn(now, &mut self.buffers, |io, event| routes.event(now, id, io, event)) == Turn::Again {}
    }

    fn wave(&mut self) {
        let first = self.stream;
        let next = core::mem::take(&mut self.next);
        for _ in 0..self.open {
            self.headers(&next);
            self.stream += 2;
        }
        self.next = next;
        for stream in (first..self.stream).step_by(2) {
            self.data(stream);
        }
        self.driver.socket_mut().written = 0;
        self.turn();
        assert!(self.driver.socket().written >= self.open as usize * ANSWER, "every call was answered");
    }
}

impl Work for Batch {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open) {
            self.wave();
        }
    }
}

fn octets(hex: &str) -> Vec<u8> {
    let digit = |octet: u8| (octet as char).to_digit(16).expect("a hexadecimal digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.incoming.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = buffer.len().min(self.incoming.len());
        buffer[..count].copy_from_slice(&self.incoming[..count]);
        self.incoming.drain(..count);
        Ok(count)
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.written += octets.len();
        Ok(octets.len())
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let count = slices.iter().map(|slice| slice.len()).sum();
        self.written += count;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Transport for Socket {
    fn set_nagle(&mut self, _: bool) -> bool {
        true
    }
}

impl Source for Socket {
    fn register(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn reregister(&mut self, _: &Registry, _: Token, _: Interest) -> io::Result<()> {
        Ok(())
    }

    fn deregister(&mut self, _: &Registry) -> io::Result<()> {
        Ok(())
    }
}
