//! A client that makes a call of each kind at the same time, over one connection, in a readiness event loop.
//!
//! Start `mio_server` first, and then `cargo run --example mio_client --features mio -- --port 50051`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to its user")]

mod routeguide;

use grpc_sansio::adapter::mio::{Client, ConnectionId, Handler};
use grpc_sansio::grpc::{Metadata, Method, Status};
use grpc_sansio::{Call, CallId, ClientConfig, Connection, Event, Instant, Item, OpenOptions, SendError};
use prost::Message as _;
use routeguide::{Area, FIND_HUT, Hut, LIST_HUTS, Note, Point, RECORD_WALK, Summary, TALK};
use std::collections::{HashMap, VecDeque};
use std::process::ExitCode;
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(50051),
        ["--port", port] => port.parse::<u16>(),
        _ => "".parse::<u16>(),
    };
    let Ok(port) = port else {
        eprintln!("mio_client: {arguments:?} is not understood\nusage: mio_client [--port PORT]");
        return ExitCode::from(2);
    };
    match run(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mio_client: port {port}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(port: u16) -> Result<(), Failure> {
    let mut client = Client::new()?;
    let id = client.connect(([127, 0, 0, 1], port).into(), &ClientConfig::builder("localhost").build()?)?;
    let now = client.now();
    let connection = client.connection_mut(id).ok_or("the connection is gone")?;

    // Calls can be opened before the connection is there.
    let walk = [(1_200, 800), (2_500, 3_100), (5_600, 4_400)].map(|(east, north)| Point { east, north });
    let (south_west, north_east) = (Point { east: 2_000, north: 0 }, Point { east: 6_000, north: 5_000 });
    let area = Area { south_west: Some(south_west), north_east: Some(north_east) };
    let note = |text: &str| Note { place: Some(walk[0]), text: text.into() }.encode_to_vec();
    let mut calls = Calls::default();
    calls.open(connection, now, &FIND_HUT, [walk[0].encode_to_vec()].into(), |octets| {
        Hut::decode(octets).map(|hut| format!("{} with {} beds", hut.name, hut.beds))
    })?;
    calls.open(connection, now, &LIST_HUTS, [area.encode_to_vec()].into(), |octets| {
        Hut::decode(octets).map(|hut| hut.name)
    })?;
    calls.open(connection, now, &RECORD_WALK, walk.iter().map(Point::encode_to_vec).collect(), |octets| {
        Summary::decode(octets).map(|walk| format!("{} m, {} huts", walk.distance, walk.huts_passed))
    })?;
    calls.open(connection, now, &TALK, [note("Snow!"), note("Still?"), note("Gone.")].into(), |octets| {
        Note::decode(octets).map(|note| note.text)
    })?;

    while !calls.running.is_empty() {
        client.poll(&mut calls, None)?;
    }
    // All calls have ended, so this closes the connection at once, in good order.
    client.shutdown(Some(Duration::from_secs(1)));
    client.run(&mut calls)?;
    calls.failure.map_or(Ok(()), Err)
}

/// The calls at hand. Each sends as there is room, and prints what comes.
#[derive(Default)]
struct Calls {
    running: HashMap<CallId, Running>,
    failure: Option<Failure>,
}

struct Running {
    name: String,
    unsent: VecDeque<Vec<u8>>,
    show: fn(&[u8]) -> Result<String, prost::DecodeError>,
}

impl Calls {
    fn open(
        &mut self,
        connection: &mut Connection<grpc_sansio::Client>,
        now: Instant,
        method: &Method,
        unsent: VecDeque<Vec<u8>>,
        show: fn(&[u8]) -> Result<String, prost::DecodeError>,
    ) -> Result<(), Failure> {
        let mut metadata = Metadata::new();
        metadata.append("x-request-id", "17")?;
        let options =
            OpenOptions::new(method).metadata(&metadata).deadline(now.saturating_add(Duration::from_secs(10)));
        let id = connection.open(now, &options)?;
        let mut running = Running { name: method.path().method().to_string(), unsent, show };
        running.send(connection.call(id).ok_or("just opened")?)?;
        self.running.insert(id, running);
        Ok(())
    }
}

impl Running {
    /// Sends until a message is refused; `Writable` says when to come back.
    fn send(&mut self, mut call: Call<'_, grpc_sansio::Client>) -> Result<(), Failure> {
        while let Some(message) = self.unsent.pop_front() {
            match call.send(message) {
                Ok(()) if self.unsent.is_empty() => call.half_close()?,
                Ok(()) => {}
                Err(SendError::Full(message)) => {
                    self.unsent.push_front(message.data.into());
                    break;
                }
                // Why is what the call's end will say.
                Err(SendError::Ended(_)) => break,
                Err(error) => return Err(error.to_string().into()),
            }
        }
        Ok(())
    }

    /// Prints what there is; the outcome if that was the end.
    fn read(&self, mut call: Call<'_, grpc_sansio::Client>) -> Result<Option<Status>, Failure> {
        while let Some(item) = call.read() {
            match item {
                Item::Head(head) => println!("{}: initial metadata {:?}", self.name, head.metadata()),
                Item::Message(message) => println!("{}: {}", self.name, (self.show)(&message)?),
                Item::End(end) => {
                    println!("{}: {}, trailing metadata {:?}", self.name, end.status(), end.trailers());
                    return Ok(Some(end.into_status()));
                }
            }
        }
        Ok(None)
    }
}

impl Handler<grpc_sansio::Client> for Calls {
    fn event(&mut self, _: Instant, _: ConnectionId, io: &mut Connection<grpc_sansio::Client>, event: Event) {
        let (Event::Readable(id) | Event::Writable(id)) = event else { return };
        let (Some(running), Some(call)) = (self.running.get_mut(&id), io.call(id)) else { return };
        let outcome = match event {
            Event::Writable(_) => running.send(call).map(|()| None),
            _ => running.read(call),
        };
        match outcome {
            Ok(None) => return,
            Ok(Some(status)) if status.is_ok() => {}
            Ok(Some(status)) => self.failure = Some(format!("{}: {status}", running.name).into()),
            Err(error) => self.failure = Some(error),
        }
        self.running.remove(&id);
    }

    fn closed(&mut self, _: ConnectionId, _: &Connection<grpc_sansio::Client>, cause: Option<&std::io::Error>) {
        // Says more than the UNAVAILABLE of the calls: nobody may be listening there.
        if let Some(cause) = cause {
            self.failure = Some(cause.to_string().into());
        }
    }
}
