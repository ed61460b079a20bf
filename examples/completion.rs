//! The shape of io_uring: buffers are given away with a submission, and come back with its completion.
//!
//! Run it with `cargo run --example completion`.
//!
//! Nothing here borrows from the connection while IO is under way: what it has to say is taken out of the [`WriteBuf`] as
//! owned chunks, large payloads among them without a copy, and what was read is handed over as owned [`Bytes`], of which
//! large messages keep their part. The ring itself is made of two threads over a TCP socket.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

use bytes::{Buf, Bytes, BytesMut};
use grpc_sansio::grpc::{Kind, Message, Metadata, Method, Status};
use grpc_sansio::{
    Client, ClientConfig, Clock, Connection, Event, Item, OpenOptions, Role, SendError, Server, ServerConfig, WriteBuf,
};
use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

static ECHO: Method = Method::from_static("/demo.Files/Echo", Kind::BidiStreaming);
const MESSAGES: usize = 50;
const MESSAGE: usize = 100_000;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A submission that has completed: its buffer, and what came of it.
enum Completion {
    Written(Bytes, io::Result<usize>),
    Read(BytesMut, io::Result<usize>),
}

/// Stands for a ring that the kernel shares: submissions return at once, completions are collected later.
struct Ring {
    socket: TcpStream,
    writes: Sender<Bytes>,
    reads: Sender<BytesMut>,
    completions: Receiver<Completion>,
}

impl Ring {
    fn new(socket: TcpStream) -> io::Result<Self> {
        socket.set_nodelay(true)?;
        let (writes, to_write) = channel::<Bytes>();
        let (reads, to_read) = channel::<BytesMut>();
        let (written, completions) = channel();
        let read = written.clone();
        let (mut writing, mut reading) = (socket.try_clone()?, socket.try_clone()?);
        std::thread::spawn(move || {
            for chunk in to_write {
                let result = writing.write(&chunk);
                let _ = written.send(Completion::Written(chunk, result));
            }
        });
        std::thread::spawn(move || {
            for mut buffer in to_read {
                let result = reading.read(&mut buffer);
                let _ = read.send(Completion::Read(buffer, result));
            }
        });
        Ok(Self { socket, writes, reads, completions })
    }
}

/// Drives `connection` until it has ended; `handle` is given each event.
fn drive<R: Role>(
    socket: TcpStream,
    clock: &Clock,
    connection: &mut Connection<R>,
    mut handle: impl FnMut(&mut Connection<R>, Event) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let ring = Ring::new(socket)?;
    let mut output = WriteBuf::new();
    let (mut writing, mut reading) = (false, false);
    loop {
        while let Some(event) = connection.poll_event() {
            handle(connection, event)?;
        }
        // One write at a time: if it is cut short, the rest has to go before anything else.
        if !writing {
            connection.transmit(clock.now(), &mut output);
            if let Some(chunk) = output.next_chunk() {
                ring.writes.send(chunk)?;
                writing = true;
            } else if connection.is_finished() {
                return Ok(ring.socket.shutdown(Shutdown::Both)?);
            }
        }
        if !reading {
            ring.reads.send(BytesMut::zeroed(64 * 1024))?;
            reading = true;
        }
        let wait = connection.poll_timeout().map(|due| due.saturating_since(clock.now()));
        match ring.completions.recv_timeout(wait.unwrap_or(Duration::MAX)) {
            Ok(Completion::Written(mut chunk, written)) => {
                chunk.advance(written?);
                writing = !chunk.is_empty();
                if writing {
                    ring.writes.send(chunk)?;
                }
            }
            Ok(Completion::Read(_, Ok(0))) => connection.receive_eof(clock.now()),
            Ok(Completion::Read(mut buffer, read)) => {
                buffer.truncate(read?);
                connection.receive_bytes(clock.now(), buffer.freeze());
                reading = false;
            }
            Err(RecvTimeoutError::Timeout) => connection.handle_timeout(clock.now()),
            Err(RecvTimeoutError::Disconnected) => return Err("the ring is gone".into()),
        }
    }
}

fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    println!("server: listening on {address}");
    let server = std::thread::spawn(move || serve(listener.accept()?.0));
    send_and_count(TcpStream::connect(address)?)?;
    server.join().map_err(|_| "the server panicked")?
}

/// Sends back every message of every call.
fn serve(socket: TcpStream) -> Result<(), Failure> {
    let clock = Clock::new();
    let mut connection = Connection::<Server>::new(&ServerConfig::default(), clock.now());
    // Of each call, the message that there was no room for.
    let mut refused: HashMap<_, Message> = HashMap::new();
    drive(socket, &clock, &mut connection, |connection, event| {
        let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
            return Ok(());
        };
        let Some(mut call) = connection.call(id) else { return Ok(()) };
        if call.stopped().is_some() {
            refused.remove(&id);
            call.release();
            return Ok(());
        }
        loop {
            let message = match refused.remove(&id) {
                Some(message) => message,
                None => match call.read() {
                    None => return Ok(()),
                    Some(Item::Head(_)) => continue,
                    // Large payloads are shared on their whole way: from the buffer they were read into to the chunk that is
                    // written.
                    Some(Item::Message(payload)) => Message::new(payload.into_bytes()),
                    Some(Item::End(_)) => {
                        call.finish(&Status::ok(), &Metadata::new());
                        return Ok(());
                    }
                },
            };
            match call.send(message) {
                Ok(()) => {}
                Err(SendError::Full(message)) => {
                    refused.insert(id, message);
                    return Ok(());
                }
                Err(error) => return Err(error.to_string().into()),
            }
        }
    })
}

fn send_and_count(socket: TcpStream) -> Result<(), Failure> {
    let clock = Clock::new();
    let mut connection = Connection::<Client>::new(&ClientConfig::builder("localhost").build()?, clock.now());
    let echo = connection.open(clock.now(), &OpenOptions::new(&ECHO))?;
    let mut unsent: VecDeque<Bytes> = (0..MESSAGES).map(|index| vec![index as u8; MESSAGE].into()).collect();
    println!("client: sending {MESSAGES} messages of {MESSAGE} octets");
    let mut received = 0;
    drive(socket, &clock, &mut connection, |connection, event| {
        let Some(mut call) = connection.call(echo) else { return Ok(()) };
        if matches!(event, Event::Ready | Event::Writable(_)) {
            while let Some(message) = unsent.pop_front() {
                match call.send(message) {
                    Ok(()) if unsent.is_empty() => call.half_close()?,
                    Ok(()) => {}
                    Err(SendError::Full(message)) => {
                        unsent.push_front(message.data);
                        break;
                    }
                    Err(error) => return Err(error.to_string().into()),
                }
            }
        }
        while let Some(item) = call.read() {
            match item {
                Item::Head(_) => {}
                Item::Message(message) if message.len() == MESSAGE && message.iter().all(|o| *o == received) => {
                    received += 1
                }
                Item::Message(message) => return Err(format!("a wrong message of {} octets", message.len()).into()),
                Item::End(end) => {
                    println!("client: {received} came back, {}", end.status());
                    let all = end.status().is_ok() && usize::from(received) == MESSAGES;
                    connection.shutdown(clock.now(), None);
                    return if all { Ok(()) } else { Err("that is not all".into()) };
                }
            }
        }
        Ok(())
    })
}
