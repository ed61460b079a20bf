//! What can be seen of a connection: counts, one call's metrics, and an event log that is replayed and masked.
//!
//! Run it with `cargo run --example observed --features event-log,metrics`. It leaves the masked log in the system's directory
//! for temporary files; `cargo run --features event-log --bin grpc-log -- FILE` shows it.

#![allow(clippy::print_stdout, reason = "it is a program")]

use bytes::Buf;
use grpc_sansio::event_log::{EventLog, Log, Mask};
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::metrics::CallMetrics;
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::error::Error;
use std::fs::{self, File};
use std::io::BufWriter;

static SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("grpc-observed-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let (complete, masked) = (directory.join("complete.jsonl"), directory.join("masked.jsonl"));

    // One log for each connection: here there is one. A server would number the files.
    let path = complete.clone();
    let config = ClientConfig::builder("localhost")
        .event_log(move || Some(EventLog::new(BufWriter::new(File::create(&path).ok()?)).limit(1 << 20)))
        .metrics(|call: &CallMetrics| {
            println!("{}: {:?} after {:?}, {} octets read", call.method, call.status, call.duration, call.rcvd_octets);
        })
        .build()?;
    let client = talk(&config)?;
    for (name, value) in client.totals().ok_or("metrics are on")?.named() {
        println!("{name} {value}");
    }
    println!("frames received: {}", client.snapshot().counters.frames_received);
    // The log is whole once its connection has gone.
    drop(client);

    let log = Log::parse(&fs::read(&complete)?);
    for fault in &log.faults {
        println!("{fault}");
    }
    let replayed = log.replay()?;
    println!("replayed {} verbs to the same {} octets", replayed.verbs, replayed.transmitted);

    log.write_masked(&Mask::new(), File::create(&masked)?)?;
    let shared = Log::parse(&fs::read(&masked)?);
    println!("masked: {}", shared.replay().err().ok_or("a masked log does not replay")?);
    assert!(!fs::read_to_string(&masked)?.contains("secret"));
    fs::remove_file(complete)?;
    println!("{}", masked.display());
    Ok(())
}

/// Greets a server in the same function, to the end of the call.
fn talk(config: &ClientConfig) -> Result<Connection<Client>, Box<dyn Error>> {
    let mut now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(config, now);
    let mut server = Connection::<Server>::new(&ServerConfig::default(), now);
    let mut metadata = Metadata::new();
    metadata.append("authorization", "Bearer secret")?;
    let id = client.open(now, &OpenOptions::new(&SAY_HELLO).metadata(&metadata))?;
    client.call(id).ok_or("a call just opened")?.send(b"world".to_vec())?;
    let mut wire = WriteBuf::new();
    loop {
        now = Instant::from_nanos(now.as_nanos() + 1_000_000);
        client.transmit(now, &mut wire);
        server.receive(now, &wire.copy_to_bytes(wire.len()));
        while let Some(event) = server.poll_event() {
            let (Event::Opened(id) | Event::Readable(id)) = event else { continue };
            let Some(mut call) = server.call(id) else { continue };
            let _ = call.expect(SAY_HELLO.kind());
            while let Some(item) = call.read() {
                let Item::Message(name) = item else { continue };
                let greeting = [b"hello ", &name[..]].concat();
                call.send(greeting)?;
                call.finish(&Status::ok(), &Metadata::new());
                break;
            }
        }
        server.transmit(now, &mut wire);
        client.receive(now, &wire.copy_to_bytes(wire.len()));
        while client.poll_event().is_some() {}
        while let Some(mut call) = client.call(id) {
            match call.read() {
                Some(Item::End(outcome)) if outcome.status().is_ok() => return Ok(client),
                Some(Item::End(outcome)) => return Err(outcome.status().to_string().into()),
                Some(_) => {}
                None => break,
            }
        }
    }
}
