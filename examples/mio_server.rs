//! A server with a method of each kind, in a readiness event loop: one thread, no async.
//!
//! Run it with `cargo run --example mio_server --features mio -- --port 50051`, and then `mio_client`. Port 0 picks a free
//! one. Ctrl-C and SIGTERM shut it down gracefully.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

mod routeguide;

#[cfg(unix)]
use grpc_sansio::adapter::mio::Remote;
use grpc_sansio::adapter::mio::{Failure, Next, Reply, Responder, Routes, Server};
use grpc_sansio::grpc::{Code, Message, Metadata, Status};
use grpc_sansio::{Payload, ServerConfig};
use prost::Message as _;
use routeguide::{Area, FIND_HUT, Hut, LIST_HUTS, Note, Notes, Point, RECORD_WALK, TALK, Walk, hut_at, huts_in};
use std::collections::VecDeque;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(50051),
        ["--port", port] => port.parse::<u16>(),
        _ => "".parse::<u16>(),
    };
    let Ok(port) = port else {
        eprintln!("mio_server: {arguments:?} is not understood\nusage: mio_server [--port PORT]");
        return ExitCode::from(2);
    };
    match serve(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mio_server: port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(port: u16) -> std::io::Result<()> {
    let mut routes = Routes::new();
    // A unary method is a closure.
    routes.unary(&FIND_HUT, |request| {
        let point: Point = decode(&request.message)?;
        let hut = hut_at(point).ok_or_else(|| Status::new(Code::NotFound, "no hut at this point"))?;
        // Metadata goes both ways: a request's id comes back with the trailers.
        let mut trailers = Metadata::new();
        if let Some(id) = request.metadata.get("x-request-id") {
            trailers.append("x-request-id", id).map_err(|error| Status::new(Code::Internal, error.to_string()))?;
        }
        Ok(Reply::new(hut.encode_to_vec()).trailers(trailers))
    });
    // A method that streams makes a responder for each of its calls.
    routes.streaming(&LIST_HUTS, |_| Ok(ListHuts(None)));
    routes.streaming(&RECORD_WALK, |_| Ok(RecordWalk { walk: Walk::default(), ended: false, answered: false }));
    routes.streaming(&TALK, |_| Ok(Talk::default()));

    let mut server = Server::bind(([127, 0, 0, 1], port).into(), &ServerConfig::default())?;
    println!("listening on {}", server.local_addr()?);
    #[cfg(unix)]
    stop_on_signals(server.remote())?;
    server.run(&mut routes)
}

/// A thread that waits for a signal, and then lets calls in flight have ten seconds to end.
#[cfg(unix)]
fn stop_on_signals(remote: Remote) -> std::io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some()
            && let Err(error) = remote.shutdown(Some(std::time::Duration::from_secs(10)))
        {
            eprintln!("mio_server: cannot be stopped: {error}");
        }
    });
    Ok(())
}

fn decode<M: prost::Message + Default>(message: &Payload<'_>) -> Result<M, Status> {
    M::decode(&**message).map_err(|error| Status::new(Code::InvalidArgument, error.to_string()))
}

/// Server streaming: the iterator is only moved on when there is room for another message.
struct ListHuts(Option<Box<dyn Iterator<Item = Hut>>>);

impl Responder for ListHuts {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.0 = Some(Box::new(huts_in(decode::<Area>(&message)?)));
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        let Some(huts) = &mut self.0 else { return Ok(Next::Wait) };
        Ok(match huts.next() {
            Some(hut) => Next::Message(Message::new(hut.encode_to_vec())),
            None => Next::Finish(Metadata::new()),
        })
    }
}

/// Client streaming: adds up, and answers at the end.
struct RecordWalk {
    walk: Walk,
    ended: bool,
    answered: bool,
}

impl Responder for RecordWalk {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.walk.add(decode(&message)?);
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.ended = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match (self.ended, std::mem::replace(&mut self.answered, self.ended)) {
            (false, _) => Next::Wait,
            (true, false) => Next::Message(Message::new(self.walk.summary().encode_to_vec())),
            (true, true) => Next::Finish(Metadata::new()),
        })
    }
}

/// Bidirectional: each note is answered at once. No further note is taken while answers wait for room.
#[derive(Default)]
struct Talk {
    notes: Notes,
    answers: VecDeque<Note>,
    ended: bool,
}

impl Responder for Talk {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        self.answers.extend(self.notes.add(decode(&message)?));
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.ended = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match self.answers.pop_front() {
            Some(note) => Next::Message(Message::new(note.encode_to_vec())),
            None if self.ended => Next::Finish(Metadata::new()),
            None => Next::Wait,
        })
    }
}
