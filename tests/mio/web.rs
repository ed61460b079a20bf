//! gRPC-Web and native gRPC on one port.

use crate::support::*;
use grpc_sansio::adapter::mio::{Client, ConnectionId, Handler, Peer, Routes, Server};
use grpc_sansio::web::Config;
use grpc_sansio::{Connection, Event, Instant, ServerConfig};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Tells why connections ended.
struct Watched {
    routes: Routes,
    causes: mpsc::Sender<Option<String>>,
}

impl Handler<grpc_sansio::Server> for Watched {
    fn connected(&mut self, id: ConnectionId, peer: Peer) {
        self.routes.connected(id, peer);
    }

    fn event(&mut self, now: Instant, id: ConnectionId, io: &mut Connection<grpc_sansio::Server>, event: Event) {
        self.routes.event(now, id, io, event);
    }

    fn closed(&mut self, id: ConnectionId, io: &Connection<grpc_sansio::Server>, cause: Option<&std::io::Error>) {
        self.routes.closed(id, io, cause);
        self.causes.send(cause.map(ToString::to_string)).unwrap_or_default();
    }
}

fn serve_web(web: Option<Config>) -> (Running, mpsc::Receiver<Option<String>>) {
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &ServerConfig::default()).unwrap();
    if let Some(web) = web {
        server.set_web(web);
    }
    let produced = Arc::default();
    let (address, remote, count) = (server.local_addr().unwrap(), server.remote(), Arc::clone(&produced));
    let (causes, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        server.run(&mut Watched { routes: routes(count), causes }).unwrap();
    });
    (Running { address, remote, produced, thread: Some(thread) }, told)
}

fn connect(server: &Running) -> TcpStream {
    let socket = TcpStream::connect(server.address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket
}

fn post(path: &str, message: &[u8], more: &str) -> Vec<u8> {
    let length = message.len() + 5;
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\ncontent-length: {length}\r\n{more}\r\n"
    );
    [head.as_bytes(), &[0], &(message.len() as u32).to_be_bytes(), message].concat()
}

const END: &[u8] = b"\x80\0\0\0\x10grpc-status: 0\r\n\r\n0\r\n\r\n";

#[test]
fn calls_over_http_1_1_beside_native_ones() {
    let (server, told) = serve_web(Some(Config::default()));
    let mut socket = connect(&server);
    for size in [1, 1_000_000] {
        let mut writer = socket.try_clone().unwrap();
        let request = post("/test.Text/Upper", &vec![b'a'; size], "");
        let writing = std::thread::spawn(move || writer.write_all(&request).unwrap());
        let mut answer = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        while !answer.ends_with(END) {
            let count = socket.read(&mut buffer).unwrap();
            assert!(count > 0, "{}", answer.escape_ascii());
            answer.extend_from_slice(&buffer[..count]);
        }
        writing.join().unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web\r\n"));
        assert!(answer.iter().filter(|octet| **octet == b'A').count() >= size);
    }
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect(server.address, &config()).unwrap();
    let call = keeper.call(&mut client, id, &UPPER, &[b"native"]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    assert_eq!(keeper.calls[&(id, call)].code(), Some(grpc_sansio::grpc::Code::Ok));
    drop(socket);
    assert_eq!(told.recv_timeout(Duration::from_secs(20)), Ok(None));
}

/// A browser that does not read stops the responder, and gets the rest later; one that goes away ends it.
#[test]
fn a_browser_that_stops_reading_or_goes_away() {
    let (server, told) = serve_web(Some(Config::default()));
    let mut socket = connect(&server);
    socket.write_all(&post("/test.Text/Repeat", b"100000", "")).unwrap();
    let produced = || server.produced.load(std::sync::atomic::Ordering::Relaxed);
    // The sockets' own buffers take some megabytes.
    let mut before = 0;
    while produced() == 0 || produced() != before {
        before = produced();
        std::thread::sleep(Duration::from_millis(300));
    }
    assert!(before < 10_000, "{before} messages of {BLOCK} octets");
    let mut some = vec![0; 8 << 20];
    socket.read_exact(&mut some).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    assert!(produced() > before);
    drop(socket);
    told.recv_timeout(Duration::from_secs(20)).unwrap();
}

#[test]
fn bad_requests_are_answered_and_told() {
    for (web, octets, status, says) in [
        (true, "GET / HTTP/1.1\r\nbad\r\n\r\n", "400", "HTTP/1.1: "),
        (true, "POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "400", "both"),
        (false, "GET / HTTP/1.1\r\nhost: d\r\n\r\n", "505", "This port speaks gRPC over HTTP/2 only."),
    ] {
        let (server, told) = serve_web(web.then(Config::default));
        let mut socket = connect(&server);
        socket.write_all(octets.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(says), "{answer}");
        drop(socket);
        let cause = told.recv_timeout(Duration::from_secs(20)).unwrap();
        assert_eq!(cause.is_some_and(|cause| cause.contains(says)), web);
    }
}
