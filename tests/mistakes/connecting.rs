//! What is printed where there is no connection, or none of HTTP/2.

use crate::raw::{Raw, client_config};
use crate::{CLIENT, Line, Mistake, SERVER, UNARY, config, error, line, outcome};
use bytes::Buf;
use grpc_sansio::adapter::mio::{Client as MioClient, ConnectionId, Server as MioServer};
use grpc_sansio::adapter::tokio::Channel;
use grpc_sansio::stub::blocking;
use grpc_sansio::{Client, Connection, Event, Instant, Limits, OpenOptions, Retry, ServerConfig, WriteBuf};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// Without the port, which is another one each time.
fn without_port(line: Line, address: SocketAddr) -> Line {
    Line { text: line.text.replace(&format!(":{}", address.port()), ":PORT"), ..line }
}

/// Calls a port that nobody listens on, by each adapter.
fn nobody_listens() -> Vec<Line> {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let tokio =
        error(CLIENT, runtime.block_on(Channel::connect(address, &config())).map_err(|error| error.to_string()));
    let blocking = error(CLIENT, blocking::Channel::connect(address, &config()).map_err(|error| error.to_string()));
    assert_eq!(tokio, blocking, "both adapters say the same");

    // In an event loop a call can be opened before the connection is there.
    let mut client = MioClient::new().unwrap();
    let id = client.connect(address, &config()).unwrap();
    let now = client.now();
    let connection = client.connection_mut(id).unwrap();
    let call = connection.open(now, &OpenOptions::new(&UNARY)).unwrap();
    connection.call(call).unwrap().send(b"question".to_vec()).unwrap();
    let mut ended = None;
    while ended.is_none() {
        let mut handler = |_: Instant, _: ConnectionId, connection: &mut Connection<Client>, event: Event| {
            if event == Event::Readable(call) {
                ended = Some(outcome(connection, call));
            }
        };
        client.poll(&mut handler, Some(Duration::from_secs(10))).unwrap();
    }
    vec![without_port(tokio, address), ended.unwrap()]
}

fn port_is_taken() -> Vec<Line> {
    let first = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = first.local_addr().unwrap();
    let second = MioServer::bind(address, &ServerConfig::default()).map(drop);
    vec![without_port(error(SERVER, second.map_err(|error| error.to_string())), address)]
}

/// What a server says in the log of its connection to these octets, and nothing more.
fn server_hears(octets: &[u8]) -> Vec<Line> {
    let mut raw = Raw::fresh_server(&ServerConfig::default());
    raw.it.receive(raw.now(), octets);
    vec![line(SERVER, raw.it.error().unwrap())]
}

/// What a server answers to HTTP/1.1, where it was not told to speak it, and what it says in its log.
fn http1_client() -> Vec<Line> {
    let now = Instant::from_nanos(0);
    let mut server = Connection::<grpc_sansio::Server>::new(&ServerConfig::default(), now);
    server.receive(now, b"POST /test.Service/Unary HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let mut wire = WriteBuf::new();
    server.transmit(now, &mut wire);
    let answer = wire.copy_to_bytes(wire.len());
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let body = format!("{}, {}", head.lines().next().unwrap_or_default(), body.trim_end());
    vec![line(SERVER, server.error().unwrap()), line(SERVER, format!("(to its client) {body}"))]
}

/// The outcome of a call whose server answers with these octets, and closes.
fn client_hears(octets: &[u8]) -> Vec<Line> {
    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    let id = raw.request(&OpenOptions::new(&UNARY), b"question");
    raw.it.receive(raw.now(), octets);
    raw.it.receive_eof(raw.now());
    vec![outcome(&mut raw.it, id)]
}

/// A server that accepts, and says nothing for an hour.
fn silent() -> Vec<Line> {
    let mut raw = Raw::fresh_client(&client_config(Limits::default()));
    let id = raw.request(&OpenOptions::new(&UNARY), b"question");
    raw.sleep(Duration::from_secs(3600));
    vec![outcome(&mut raw.it, id)]
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "Nobody listens on the port",
        make: nobody_listens,
        layer: "transport",
        names: &["Connection refused", "127.0.0.1:PORT", "UNAVAILABLE"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The port is taken",
        make: port_is_taken,
        layer: "transport",
        names: &["cannot listen on 127.0.0.1:PORT", "Address already in use"],
        retry: None,
    },
    Mistake {
        name: "The server speaks HTTP/1.1",
        make: || client_hears(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "the server answered with HTTP/1.x", "RFC 9113 section 3.4", "\"HTTP/1.1 \""],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server speaks another protocol",
        make: || client_hears(b"SSH-2.0-OpenSSH_9.9\r\n"),
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "the first frame is not SETTINGS", "RFC 9113 section 3.4", "SSH-2.0-O"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The server says nothing",
        make: silent,
        layer: "HTTP/2",
        names: &["UNAVAILABLE", "handshake_timeout"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The server closes the connection at once",
        make: || client_hears(b""),
        layer: "transport",
        names: &["UNAVAILABLE", "end of input"],
        retry: Some(Retry::IfIdempotent),
    },
    Mistake {
        name: "The client speaks HTTP/1.1",
        make: http1_client,
        layer: "HTTP/2",
        names: &["the client speaks HTTP/1.1", "HTTP/1.1 "],
        retry: None,
    },
    Mistake {
        name: "The client speaks another protocol",
        make: || server_hears(b"\0\0\0\x10HELO"),
        layer: "HTTP/2",
        names: &["the client's connection preface is wrong", "RFC 9113 section 3.4"],
        retry: None,
    },
];
