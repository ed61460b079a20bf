//! The gRPC interop cases over tonic, as a server and as a client.
//!
//! `tonic_interop server --port 0` prints `listening on 127.0.0.1:PORT`, then one line per finished call,
//! `call METHOD CODE IN OUT BYTES` (messages in and out, payload bytes in), so that a test of a client can also look at
//! what arrived here.
//! `tonic_interop client --server_port P --test_case C` exits 0, or prints why not and exits 1.

mod client;
mod server;

use std::process::ExitCode;

// Not every message of the file is used.
#[allow(clippy::all, dead_code)]
mod pb {
    tonic::include_proto!("grpc.testing");
}

const INITIAL: &str = "x-grpc-test-echo-initial";
const TRAILING: &str = "x-grpc-test-echo-trailing-bin";

impl pb::Payload {
    fn zeros(size: usize) -> Option<Self> {
        Some(Self { body: vec![0; size], ..Self::default() })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let role = args.next().unwrap_or_default();
    let (mut host, mut port, mut case) = ("127.0.0.1".to_owned(), 0, String::new());
    while let (Some(name), Some(value)) = (args.next(), args.next()) {
        match name.as_str() {
            "--port" | "--server_port" => port = value.parse().expect("the port is a number"),
            "--server_host" => host = value,
            "--test_case" => case = value,
            _ => return usage(),
        }
    }
    match role.as_str() {
        "server" => server::serve(port).await.expect("the server runs"),
        "client" => {
            if let Err(why) = client::run(&format!("http://{host}:{port}"), &case).await {
                eprintln!("{case}: {why}");
                return ExitCode::FAILURE;
            }
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: tonic_interop server --port N | client --server_port N --test_case CASE");
    ExitCode::from(2)
}
