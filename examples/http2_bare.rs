//! Plain HTTP/2 over blocking sockets, without gRPC: `grpc_sansio::http2` on its own.
//!
//! Every request is read to its end and answered with 200: `/bytes/N` by N octets, any other path by 20. Try it with
//! `cargo run --example http2_bare -- --port 8080` and `curl --http2-prior-knowledge http://127.0.0.1:8080/`.

use bytes::{Buf, Bytes};
use grpc_sansio::hpack::Field;
use grpc_sansio::http2::{Config, Connection, Input, Part, Side, Step, StreamKey, Transmit};
use grpc_sansio::{Clock, Instant, WriteBuf};
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

static FILLER: [u8; 65_536] = [b'\n'; 65_536];
const IDLE: [ErrorKind; 2] = [ErrorKind::WouldBlock, ErrorKind::TimedOut];

#[expect(clippy::print_stdout, reason = "whoever started it wants to know the port")]
fn main() -> io::Result<()> {
    let port = std::env::args().skip_while(|arg| arg != "--port").nth(1).and_then(|port| port.parse().ok());
    let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0)))?;
    println!("listening on {}", listener.local_addr()?);
    for socket in listener.incoming().flatten() {
        std::thread::spawn(move || Server::run(socket)); // a connection that fails is its peer's affair
    }
    Ok(())
}

struct Server {
    /// Inside each stream it keeps a number for us: octets of the answer that are not queued yet.
    http2: Connection<u64>,
    streams: Vec<StreamKey>,
    output: WriteBuf,
}

impl Server {
    fn run(mut socket: TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        let (clock, mut buffer) = (Clock::new(), vec![0; 65_536]);
        let http2 = Connection::new(Side::Server, Config::new(Side::Server), clock.now());
        let mut server = Self { http2, streams: Vec::new(), output: WriteBuf::new() };
        while !server.http2.is_ended() {
            server.send(&clock, &mut socket)?;
            // The one timer of a connection is the longest that `read` may sleep; zero would mean "for ever".
            let sleep = server.http2.poll_timeout().map(|at| at.saturating_since(clock.now()));
            socket.set_read_timeout(sleep.map(|sleep| sleep.max(Duration::from_millis(1))))?;
            match socket.read(&mut buffer) {
                Ok(0) => server.http2.receive_eof(),
                Ok(count) => server.receive(clock.now(), &buffer[..count]),
                Err(error) if !IDLE.contains(&error.kind()) => return Err(error),
                Err(_) => {}
            }
            server.http2.handle_timeout(clock.now());
        }
        server.send(&clock, &mut socket)?;
        // To close with unread input would make the system discard our last octets, the GOAWAY among them.
        socket.shutdown(Shutdown::Write)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        while socket.read(&mut buffer)? > 0 {}
        Ok(())
    }

    /// Acts on everything that the octets mean.
    fn receive(&mut self, now: Instant, octets: &[u8]) {
        let mut input = Input::slice(octets);
        loop {
            match self.http2.receive_step(now, &mut input) {
                Step::Idle | Step::Closed => return,
                Step::Headers { stream, part: Part::Request, end_stream, .. } => {
                    self.streams.push(stream);
                    let path = self.http2.fields().fields().find(|field| field.name == b":path");
                    let count = path.and_then(|path| path.value.strip_prefix(b"/bytes/")).unwrap_or(b"20");
                    let count = std::str::from_utf8(count).map_or(0, |count| count.parse().unwrap_or(0));
                    self.http2.get_mut(stream).into_iter().for_each(|left| *left = count);
                    end_stream.then(|| self.http2.begin(stream));
                }
                // Trailers end a request just as DATA with END_STREAM does.
                Step::Headers { stream, .. } | Step::End { stream } => self.http2.begin(stream),
                Step::Data { stream, len } => {
                    input.take(len); // a real server would keep them, and say the next line once it is done with them
                    self.http2.consumed(stream, len as u32);
                }
                _ => {}
            }
        }
    }

    /// Says everything there is to say, until nothing is left or the peer's windows are used up.
    fn send(&mut self, clock: &Clock, socket: &mut TcpStream) -> io::Result<()> {
        loop {
            // A walk over all streams is for few of them; `Connection::notice` keeps a list for many.
            let http2 = &mut self.http2;
            self.streams.retain(|&stream| !http2.is_closed(stream) || http2.release(stream).is_none());
            self.streams.iter().for_each(|&stream| refill(http2, stream));
            if !http2.wants_transmit() {
                return Ok(());
            }
            while let Transmit::Head(stream) = http2.transmit_step(clock.now(), &mut self.output) {
                let fields = [Field::new(b":status", b"200"), Field::new(b"content-type", b"text/plain")];
                http2.send_head(stream, fields, false, &mut self.output);
                refill(http2, stream);
            }
            while self.output.has_remaining() {
                let mut slices = [IoSlice::new(&[]); 16];
                let count = self.output.chunks_vectored(&mut slices);
                self.output.advance(socket.write_vectored(&slices[..count])?);
            }
        }
    }
}

/// Queues the next part of an answer whose last part has left.
fn refill(http2: &mut Connection<u64>, stream: StreamKey) {
    if http2.is_head_sent(stream) && http2.queued(stream) == 0 {
        let Some(left) = http2.get_mut(stream) else { return };
        let (piece, last) = ((*left).min(FILLER.len() as u64), *left <= FILLER.len() as u64);
        *left -= piece;
        http2.send_shared(stream, Bytes::from_static(&FILLER[..piece as usize]));
        last.then(|| http2.end(stream, false));
    }
}
