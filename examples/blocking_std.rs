//! A server and a client over TCP with nothing but `std`: threads, blocking sockets, all four kinds of method.
//!
//! Run it with `cargo run --example blocking_std`.
//!
//! [`drive`] is the whole loop, and the same on both sides. A second thread reads the socket, so that a write that blocks
//! never keeps the peer from writing; waiting for what it reads takes no longer than until the connection's next timer.

#![allow(clippy::print_stdout, reason = "a program that talks to its user")]

use bytes::{Buf, Bytes};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use grpc_sansio::{
    Call, Client, ClientConfig, Clock, Connection, Event, Item, OpenOptions, Role, SendError, Server, ServerConfig,
    WriteBuf,
};
use std::collections::{HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// One method of each kind. To keep it short their messages are plain text.
static METHODS: [Method; 4] = [
    Method::from_static("/demo.Numbers/Square", Kind::Unary),
    Method::from_static("/demo.Numbers/CountTo", Kind::ServerStreaming),
    Method::from_static("/demo.Numbers/Sum", Kind::ClientStreaming),
    Method::from_static("/demo.Numbers/Negate", Kind::BidiStreaming),
];

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Drives `connection` until it has ended; `handle` is given each event.
fn drive<R: Role>(
    mut socket: TcpStream,
    clock: &Clock,
    connection: &mut Connection<R>,
    mut handle: impl FnMut(&mut Connection<R>, Event) -> Result<(), Failure>,
) -> Result<(), Failure> {
    socket.set_nodelay(true)?;
    let (sender, received) = channel();
    let mut reading = socket.try_clone()?;
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        // Flow control bounds what can wait in the channel. Dropping the sender stands for the end of the input.
        while let Ok(count @ 1..) = reading.read(&mut buffer) {
            if sender.send(Bytes::copy_from_slice(&buffer[..count])).is_err() {
                return;
            }
        }
    });

    let mut output = WriteBuf::new();
    loop {
        // Saying something makes room, and room makes events: go on until there is neither.
        loop {
            while let Some(event) = connection.poll_event() {
                handle(connection, event)?;
            }
            connection.transmit(clock.now(), &mut output);
            if output.is_empty() {
                break;
            }
            while output.has_remaining() {
                let written = socket.write(output.chunk())?;
                output.advance(written);
            }
        }
        if connection.is_finished() {
            // Ends the other thread too.
            return Ok(socket.shutdown(Shutdown::Both)?);
        }
        let due = connection.poll_timeout().map(|due| due.saturating_since(clock.now()));
        match received.recv_timeout(due.unwrap_or(Duration::MAX)) {
            Ok(octets) => connection.receive_bytes(clock.now(), octets),
            Err(RecvTimeoutError::Timeout) => connection.handle_timeout(clock.now()),
            Err(RecvTimeoutError::Disconnected) => connection.receive_eof(clock.now()),
        }
    }
}

fn main() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    println!("server: listening on {address}");
    let server = std::thread::spawn(move || serve(listener.accept()?.0));
    ask(TcpStream::connect(address)?)?;
    server.join().map_err(|_| "the server panicked")?
}

/// A call that the server works on.
#[derive(Default)]
struct Serving {
    kind: Option<Kind>,
    sum: i64,
    answers: VecDeque<Message>,
    ended: bool,
}

fn serve(socket: TcpStream) -> Result<(), Failure> {
    let clock = Clock::new();
    let mut connection = Connection::<Server>::new(&ServerConfig::default(), clock.now());
    let mut calls = HashMap::new();
    drive(socket, &clock, &mut connection, |connection, event| {
        let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
            return Ok(());
        };
        let Some(mut call) = connection.call(id) else { return Ok(()) };
        if call.stopped().is_some() {
            calls.remove(&id);
            call.release();
        } else if let Err(status) = calls.entry(id).or_insert_with(Serving::default).go_on(&mut call) {
            calls.remove(&id);
            call.finish(&status, &Metadata::new());
        }
        Ok(())
    })?;
    println!("server: the client has hung up");
    Ok(())
}

impl Serving {
    /// Answers and reads as far as it gets. An error is the end of the call, a good one included.
    fn go_on(&mut self, call: &mut Call<'_, Server>) -> Result<(), Status> {
        loop {
            // While answers wait for room nothing more is read, so that a client that does not read slows itself.
            while let Some(answer) = self.answers.pop_front() {
                match call.send(answer) {
                    Ok(()) => {}
                    Err(SendError::Full(answer)) => {
                        self.answers.push_front(answer);
                        return Ok(());
                    }
                    Err(SendError::Ended(_)) => return Ok(()),
                    Err(error) => return Err(Status::new(Code::Internal, error.to_string())),
                }
            }
            if self.ended {
                return Err(Status::ok());
            }
            match call.read() {
                None => return Ok(()),
                Some(Item::Head(request)) => {
                    println!("server: {} was called by {}", request.method(), request.user_agent().unwrap_or("nobody"));
                    let method = METHODS.iter().find(|method| method.path().as_str() == request.path());
                    let method = method.ok_or_else(|| Status::new(Code::Unimplemented, "no such method"))?;
                    self.kind = Some(method.kind());
                    call.expect(method.kind()).map_err(|misuse| Status::new(Code::Internal, misuse.to_string()))?;
                }
                Some(Item::Message(message)) => {
                    let text = core::str::from_utf8(&message).unwrap_or_default();
                    let number: i32 = text.parse().map_err(|_| Status::new(Code::InvalidArgument, "not a number"))?;
                    match self.kind {
                        Some(Kind::ServerStreaming) => self.answers.extend((1..=number.min(1_000)).map(text_of)),
                        Some(Kind::ClientStreaming) => self.sum += i64::from(number),
                        Some(Kind::BidiStreaming) => self.answers.push_back(text_of(-i64::from(number))),
                        Some(Kind::Unary) | None => self.answers.push_back(text_of(i64::from(number).pow(2))),
                    }
                }
                Some(Item::End(_)) => {
                    self.ended = true;
                    if self.kind == Some(Kind::ClientStreaming) {
                        self.answers.push_back(text_of(self.sum));
                    }
                }
            }
        }
    }
}

fn text_of(number: impl ToString) -> Message {
    Message::new(number.to_string())
}

fn ask(socket: TcpStream) -> Result<(), Failure> {
    let clock = Clock::new();
    let config = ClientConfig::builder("localhost").user_agent("demo").build()?;
    let mut connection = Connection::<Client>::new(&config, clock.now());
    // One after the other, so that the output reads well. They could all be open at the same time.
    let questions: [&[i32]; 4] = [&[12], &[3], &[20, 2, 20], &[1, 2, -3]];
    let mut waiting = METHODS.iter().zip(questions);
    open(&mut connection, &clock, waiting.next())?;
    drive(socket, &clock, &mut connection, |connection, event| {
        let Event::Readable(id) = event else { return Ok(()) };
        let Some(mut call) = connection.call(id) else { return Ok(()) };
        while let Some(item) = call.read() {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => println!("server: {}", message.escape_ascii()),
                Item::End(end) if end.status().is_ok() => return open(connection, &clock, waiting.next()),
                Item::End(end) => return Err(end.status().to_string().into()),
            }
        }
        Ok(())
    })
}

/// Opens the next call and says all there is to say; after the last one, hangs up.
fn open(
    connection: &mut Connection<Client>,
    clock: &Clock,
    question: Option<(&Method, &[i32])>,
) -> Result<(), Failure> {
    let Some((method, numbers)) = question else {
        println!("client: that was all, thank you");
        connection.shutdown(clock.now(), None);
        return Ok(());
    };
    println!("client: {} {numbers:?}", method.path().method());
    let deadline = clock.now().saturating_add(Duration::from_secs(5));
    let id = connection.open(clock.now(), &OpenOptions::new(method).deadline(deadline))?;
    let mut call = connection.call(id).ok_or("it was just opened")?;
    for number in numbers {
        // These few fit in the queue; what does not would come back as `Full`.
        call.send(text_of(number))?;
    }
    Ok(call.half_close()?)
}
