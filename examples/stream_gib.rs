//! Streams 1 GiB in each direction over a TCP connection within this process, one after the other and then both at once,
//! and looks at how much memory both ends together come to need for it.
//!
//! Run it with `cargo run --release --example stream_gib --features tokio`; an argument is another number of MiB. It prints
//! the figures, and ends with 1 if the resident memory of the process has grown by 32 MiB or more at any time. Linux only.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a program")]

use bytes::Bytes;
use grpc_sansio::adapter::tokio::{Channel, Request, Response, Router, Server};
use grpc_sansio::grpc::{Kind, Metadata, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use std::process::ExitCode;
use std::time::Instant;

const UPLOAD: Method = Method::from_static("/gib.Stream/Upload", Kind::ClientStreaming);
const DOWNLOAD: Method = Method::from_static("/gib.Stream/Download", Kind::ServerStreaming);

const MIB: usize = 1 << 20;
const LIMIT: usize = 32 * MIB;
const MESSAGE: usize = 64 * 1024;

type Error = Box<dyn std::error::Error + Send + Sync>;

fn router() -> Router {
    Router::new()
        .client_streaming(&UPLOAD, |mut request| async move {
            let mut received = 0;
            while let Some(message) = request.message().await? {
                received += message.data.len();
            }
            Ok(Response::new(received.to_string()))
        })
        .server_streaming(&DOWNLOAD, |request, mut responses| async move {
            let octets: usize = String::from_utf8_lossy(&request.message.data).parse().unwrap_or_default();
            let payload = Bytes::from(vec![0; MESSAGE]);
            for _ in 0..octets / MESSAGE {
                responses.send(payload.clone()).await?;
            }
            Ok(Metadata::new())
        })
}

async fn upload(channel: Channel, octets: usize) -> Result<(), Error> {
    let mut call = channel.client_streaming(&UPLOAD, Request::empty()).await?;
    let payload = Bytes::from(vec![0; MESSAGE]);
    for _ in 0..octets / MESSAGE {
        call.send(payload.clone()).await?;
    }
    let response = call.response().await?;
    if response.message.data != octets.to_string() { Err("octets were lost on their way up".into()) } else { Ok(()) }
}

async fn download(channel: Channel, octets: usize) -> Result<(), Error> {
    let mut call = channel.server_streaming(&DOWNLOAD, octets.to_string()).await?;
    let mut received = 0;
    while let Some(message) = call.message().await? {
        received += message.data.len();
    }
    if received != octets { Err("octets were lost on their way down".into()) } else { Ok(()) }
}

/// The resident memory of this process: now, and at its highest.
fn resident() -> Result<(usize, usize), Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("an entry of /proc is missing")?;
        Ok::<_, Error>(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
    };
    Ok((field("VmRSS")?, field("VmHWM")?))
}

async fn run(octets: usize) -> Result<bool, Error> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router()));
    let channel = Channel::connect(address, &ClientConfig::builder("localhost").build()?).await?;
    // One message each way first, so that only what streaming needs is counted.
    upload(channel.clone(), MESSAGE).await?;
    download(channel.clone(), MESSAGE).await?;
    let (before, _) = resident()?;

    let report = |what: &str, octets: usize, began: Instant| {
        let seconds = began.elapsed().as_secs_f64();
        let rate = octets as f64 / MIB as f64 / seconds;
        println!("{what}: {} MiB in {seconds:.2} s, {rate:.0} MiB/s", octets / MIB);
    };
    let began = Instant::now();
    upload(channel.clone(), octets).await?;
    report("up", octets, began);
    let began = Instant::now();
    download(channel.clone(), octets).await?;
    report("down", octets, began);
    let began = Instant::now();
    let both = (tokio::spawn(upload(channel.clone(), octets)), tokio::spawn(download(channel.clone(), octets)));
    both.0.await??;
    both.1.await??;
    report("both at once", 2 * octets, began);

    let (after, highest) = resident()?;
    let grown = highest.saturating_sub(before);
    println!(
        "resident memory: {} KiB before, {} KiB after, {} KiB at most; grown by {} KiB, limit {} KiB",
        before / 1024,
        after / 1024,
        highest / 1024,
        grown / 1024,
        LIMIT / 1024
    );
    Ok(grown < LIMIT)
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let mib = match &arguments[..] {
        [] => Some(1024),
        [mib] => mib.parse().ok().filter(|mib| (1..=1 << 20).contains(mib)),
        _ => None,
    };
    let Some(mib) = mib else {
        eprintln!("usage: stream_gib [MIB]");
        return ExitCode::from(2);
    };
    match run(mib * MIB).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("stream_gib: the memory has grown too much");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("stream_gib: {error}");
            ExitCode::FAILURE
        }
    }
}
