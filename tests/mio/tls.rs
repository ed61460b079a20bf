//! TLS over real sockets: the same calls, who is let in, and who is told why not.

use crate::authority::Authority;
use crate::support::*;
use grpc_sansio::adapter::mio::{Client, ConnectionId, Handler, Peer, Reply, Routes, Server};
use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, HandshakeError, ServerTls};
use grpc_sansio::grpc::Code;
use grpc_sansio::{Connection, Event, Instant};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// The routes of a server, and the causes of its connections' ends.
struct Watched {
    routes: Routes,
    causes: mpsc::Sender<Option<String>>,
}

impl Handler<grpc_sansio::Server> for Watched {
    fn connected(&mut self, id: ConnectionId, peer: Peer) {
        assert!(peer.address.is_some_and(|address| address.ip().is_loopback()));
        self.routes.connected(id, peer);
    }

    fn event(&mut self, now: Instant, id: ConnectionId, io: &mut Connection<grpc_sansio::Server>, event: Event) {
        self.routes.event(now, id, io, event);
    }

    fn closed(&mut self, id: ConnectionId, io: &Connection<grpc_sansio::Server>, cause: Option<&io::Error>) {
        self.routes.closed(id, io, cause);
        self.causes.send(cause.map(ToString::to_string)).unwrap_or_default();
    }
}

fn serve_tls(tls: ServerTls) -> (Running, mpsc::Receiver<Option<String>>) {
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &server_config()).unwrap();
    server.set_tls(tls);
    let produced = Arc::new(AtomicUsize::new(0));
    let (address, remote, count) = (server.local_addr().unwrap(), server.remote(), Arc::clone(&produced));
    let (causes, told) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut routes = routes(count);
        routes.unary(&WHO, |request| {
            let first = request.peer.certificates.as_ref().and_then(|chain| chain.first().cloned());
            Ok(Reply::new(first.unwrap_or_default()))
        });
        server.run(&mut Watched { routes, causes }).unwrap();
    });
    (Running { address, remote, produced, thread: Some(thread) }, told)
}

const WHO: grpc_sansio::grpc::Method =
    grpc_sansio::grpc::Method::from_static("/test.Text/Who", grpc_sansio::grpc::Kind::Unary);

fn server_tls(authority: &Authority, clients: ClientAuth) -> ServerTls {
    ServerTls::new(&authority.sign("localhost").identity(), clients).unwrap()
}

fn soon<T>(told: &mpsc::Receiver<T>) -> T {
    told.recv_timeout(Duration::from_secs(10)).expect("to be told within ten seconds")
}

#[test]
fn all_kinds_of_calls_under_tls() {
    let authority = Authority::new("servers");
    let (server, told) = serve_tls(server_tls(&authority, ClientAuth::None));
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect_tls(server.address, &config(), &tls).unwrap();
    let upper = keeper.call(&mut client, id, &UPPER, &[b"quiet"]);
    let echo = keeper.call(&mut client, id, &ECHO, &[b"one", b"two"]);
    let repeat = keeper.call(&mut client, id, &REPEAT, &[b"300"]);
    let count = keeper.open(&mut client, id, &grpc_sansio::OpenOptions::new(&COUNT));
    keeper.pump(&mut client, id, count, 300);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 4);
    assert!(keeper.calls.values().all(|record| record.code() == Some(Code::Ok)), "{:?}", keeper.calls);
    assert_eq!(keeper.calls[&(id, upper)].last, b"QUIET");
    assert_eq!((keeper.calls[&(id, echo)].messages, &keeper.calls[&(id, echo)].last[..]), (2, &b"two"[..]));
    assert_eq!(keeper.calls[&(id, repeat)].octets, 300 * BLOCK as u64);
    assert_eq!(keeper.calls[&(id, count)].last, (300 * BLOCK).to_string().as_bytes());
    client.shutdown(None);
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.closed, [None]);
    assert_eq!(soon(&told), None, "an orderly end on both sides");
}

#[test]
fn a_client_that_stops_reading_under_tls_gets_everything_later() {
    let authority = Authority::new("servers");
    let (server, _told) = serve_tls(server_tls(&authority, ClientAuth::None));
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect_tls(server.address, &config(), &tls).unwrap();
    let calls: Vec<_> = (0..20).map(|_| keeper.call(&mut client, id, &REPEAT, &[b"100"])).collect();
    for_a_while(&mut client, &mut keeper, Duration::from_millis(20));
    for _ in 0..5 {
        // Nobody reads the socket meanwhile.
        std::thread::sleep(Duration::from_millis(30));
        client.poll(&mut keeper, Some(Duration::ZERO)).unwrap();
    }
    until(&mut client, &mut keeper, |keeper| keeper.ended == calls.len());
    for call in calls {
        assert_eq!(keeper.calls[&(id, call)].octets, 100 * BLOCK as u64);
    }
}

#[test]
fn handlers_see_the_certificates_of_their_clients() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
    let alice = clients.sign("alice");
    let (server, _told) = serve_tls(server_tls(&servers, ClientAuth::Optional(clients.roots())));
    for (identity, expected) in [(Some(&alice.identity()), &alice.der[..]), (None, &[])] {
        let tls = ClientTls::new(servers.roots(), identity).unwrap();
        let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
        let id = client.connect_tls(server.address, &config(), &tls).unwrap();
        let call = keeper.call(&mut client, id, &WHO, &[b"?"]);
        until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
        assert_eq!(keeper.calls[&(id, call)].last, expected);
    }
}

/// Runs one call of a client until it has failed; the server's cause, and the client's.
fn refused(tls: ServerTls, client_tls: &ClientTls) -> (String, Option<io::ErrorKind>) {
    let (server, told) = serve_tls(tls);
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect_tls(server.address, &config(), client_tls).unwrap();
    let call = keeper.call(&mut client, id, &UPPER, &[b"x"]);
    until(&mut client, &mut keeper, |keeper| keeper.closed.len() == 1);
    assert_eq!(keeper.calls[&(id, call)].code(), Some(Code::Unavailable));
    (soon(&told).expect("a cause"), keeper.closed[0])
}

#[test]
fn certificates_that_are_not_believed_end_the_handshake_on_either_side() {
    let (servers, clients, strangers) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("others"));
    let required = || server_tls(&servers, ClientAuth::Required(clients.roots()));
    let (cause, _) = refused(required(), &ClientTls::new(servers.roots(), None).unwrap());
    assert_eq!(cause, "TLS: the client presented no certificate, and one is required");
    let mallory = strangers.sign("alice").identity();
    let (cause, _) = refused(required(), &ClientTls::new(servers.roots(), Some(&mallory)).unwrap());
    assert_eq!(
        cause,
        "TLS: the peer's certificate is not accepted: UnknownIssuer, none of the roots that are trusted here signed it"
    );
    let open = server_tls(&servers, ClientAuth::None);
    let (cause, at_client) = refused(open, &ClientTls::new(strangers.roots(), None).unwrap());
    assert_eq!((cause.contains('\n'), at_client), (false, Some(io::ErrorKind::InvalidData)));
}

/// H-008, G-172: the last of them shakes hands, and agrees on no protocol.
#[test]
fn plain_text_and_silence_and_other_protocols_are_told_apart() {
    let authority = Authority::new("servers");
    let tls = server_tls(&authority, ClientAuth::None).with_handshake_timeout(Duration::from_millis(200));
    let (server, told) = serve_tls(tls);

    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    assert_eq!(soon(&told).unwrap(), "TLS: the peer does not speak TLS here; plain text, perhaps");
    drop(plain);

    let mut silent = TcpStream::connect(server.address).unwrap();
    silent.write_all(&[22, 3, 1, 2, 0]).unwrap();
    assert_eq!(soon(&told).unwrap(), "TLS: the handshake took longer than 200ms");
    let _ = silent.read_to_end(&mut Vec::new());

    drop(TcpStream::connect(server.address).unwrap());
    assert_eq!(
        soon(&told).unwrap(),
        "TLS: the peer closed the connection during the handshake; it may speak plain text"
    );

    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
    let session = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(server.address).unwrap());
    let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
    assert_eq!(soon(&told).unwrap(), "TLS: the peer did not agree to speak HTTP/2 (ALPN \"h2\", RFC 9113 section 3.2)");

    // None of them was in the way of a good one.
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let (mut client, mut keeper) = (Client::new().unwrap(), Keeper::default());
    let id = client.connect_tls(server.address, &crate::support::config(), &tls).unwrap();
    let call = keeper.call(&mut client, id, &UPPER, &[b"good"]);
    until(&mut client, &mut keeper, |keeper| keeper.ended == 1);
    assert_eq!(keeper.calls[&(id, call)].last, b"GOOD");
}

#[test]
fn a_client_of_a_plain_port_is_told_so() {
    /// Keeps the cause itself, which is a typed error.
    #[derive(Default)]
    struct Cause(Option<bool>);

    impl Handler<grpc_sansio::Client> for Cause {
        fn event(&mut self, _: Instant, _: ConnectionId, _: &mut Connection<grpc_sansio::Client>, _: Event) {}

        fn closed(&mut self, _: ConnectionId, _: &Connection<grpc_sansio::Client>, cause: Option<&io::Error>) {
            let inner = cause.and_then(io::Error::get_ref);
            let inner = inner.and_then(|inner| inner.downcast_ref::<HandshakeError>());
            self.0 = Some(matches!(inner, Some(HandshakeError::NotTls | HandshakeError::Closed)));
        }
    }

    let server = serve(&server_config());
    let tls = ClientTls::new(Authority::new("servers").roots(), None).unwrap();
    let (mut client, mut cause) = (Client::new().unwrap(), Cause::default());
    client.connect_tls(server.address, &config(), &tls).unwrap();
    client.run(&mut cause).unwrap();
    assert_eq!(cause.0, Some(true));
}
