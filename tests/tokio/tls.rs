//! TLS: who is let in, who is told why not, and what a handler learns of its client.

use crate::authority::Authority;
use crate::{BOTH, PIPE, UNARY, client_config};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, HandshakeError, Identity, Roots, ServerTls, TlsError};
use grpc_sansio::adapter::tokio::{Channel, ConnectError, DriverError, Request, Response, Router, Server};
use grpc_sansio::grpc::{Code, Metadata};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// A unary method that tells the client's certificates, and a stream that echoes.
fn router() -> Router {
    let unary = Router::new().unary(&UNARY, |request| async move {
        let first = request.head.certificates.as_ref().and_then(|chain| chain.first().cloned());
        Ok(Response::new(first.unwrap_or_else(|| request.message.data.to_vec())))
    });
    unary.bidi_streaming(&BOTH, |mut request, mut responses| async move {
        while let Some(message) = request.message().await? {
            responses.send(message).await?;
        }
        Ok(Metadata::new())
    })
}

type End = JoinHandle<Result<(), DriverError>>;

/// A server's end of a pipe under TLS.
fn serve(far: DuplexStream, tls: ServerTls) -> End {
    tokio::spawn(Server::new(ServerConfig::default()).with_tls(tls).serve_connection(far, router()))
}

fn server_tls(authority: &Authority, clients: ClientAuth) -> ServerTls {
    ServerTls::new(&authority.sign("localhost").identity(), clients).unwrap()
}

async fn connect(near: DuplexStream, tls: &ClientTls) -> Result<Channel, ConnectError> {
    let (channel, driver) = Channel::new_tls(near, &client_config(), tls).await?;
    tokio::spawn(driver);
    Ok(channel)
}

/// One line, and what it says.
fn line(error: &impl ToString) -> String {
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.is_empty(), "{text:?}");
    text
}

#[tokio::test]
async fn calls_go_both_ways_over_any_transport() {
    let authority = Authority::new("one");
    // A pipe that is smaller than a TLS record.
    let (near, far) = tokio::io::duplex(1000);
    let server = serve(far, server_tls(&authority, ClientAuth::None));
    let channel = connect(near, &ClientTls::new(authority.roots(), None).unwrap()).await.unwrap();
    let large = vec![7; 1 << 20];
    assert_eq!(channel.unary(&UNARY, large.clone()).await.unwrap().message.data, large);

    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    for number in 0..100 {
        call.send(number.to_string()).await.unwrap();
        assert_eq!(call.message().await.unwrap().unwrap().data, number.to_string());
    }
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
    drop((call, channel));
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn handlers_see_the_certificates_of_their_clients() {
    let (servers, clients) = (Authority::new("servers"), Authority::new("others"));
    let alice = clients.sign("alice");
    for auth in [ClientAuth::Required(clients.roots()), ClientAuth::Optional(clients.roots())] {
        let (near, far) = tokio::io::duplex(PIPE);
        serve(far, server_tls(&servers, auth));
        let tls = ClientTls::new(servers.roots(), Some(&alice.identity())).unwrap();
        let channel = connect(near, &tls).await.unwrap();
        assert_eq!(channel.unary(&UNARY, "").await.unwrap().message.data, alice.der);
    }
    // Who presents none is nobody, where that is allowed.
    let (near, far) = tokio::io::duplex(PIPE);
    serve(far, server_tls(&servers, ClientAuth::Optional(clients.roots())));
    let channel = connect(near, &ClientTls::new(servers.roots(), None).unwrap()).await.unwrap();
    assert_eq!(channel.unary(&UNARY, "nobody").await.unwrap().message.data, "nobody");
}

#[tokio::test]
async fn clients_without_a_good_certificate_are_not_served() {
    let (servers, clients, strangers) =
        (Authority::new("servers"), Authority::new("clients"), Authority::new("strangers"));
    let mallory = strangers.sign("alice").identity();
    let cases = [
        (None, "TLS: the client presented no certificate, and one is required"),
        (
            Some(&mallory),
            "TLS: the peer's certificate is not accepted: UnknownIssuer, none of the roots that are trusted here signed it",
        ),
    ];
    for (identity, expected) in cases {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, server_tls(&servers, ClientAuth::Required(clients.roots())));
        // With TLS 1.3 the client learns of it only after its own part of the handshake.
        let tls = ClientTls::new(servers.roots(), identity).unwrap();
        if let Ok(channel) = connect(near, &tls).await {
            let error = channel.unary(&UNARY, "").await.unwrap_err();
            assert_eq!(error.code(), Some(Code::Unavailable));
        }
        let error = server.await.unwrap().unwrap_err();
        assert!(line(&error) == expected, "{error}");
    }
}

#[tokio::test]
async fn servers_without_a_good_certificate_are_not_called() {
    let (authority, strangers) = (Authority::new("servers"), Authority::new("others"));
    let cases =
        [(strangers.roots(), "localhost", "UnknownIssuer"), (authority.roots(), "other.example", "other.example")];
    for (roots, name, expected) in cases {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, server_tls(&authority, ClientAuth::None));
        let tls = ClientTls::new(roots, None).unwrap().with_server_name(name).unwrap();
        let error = connect(near, &tls).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake(HandshakeError::Certificate(_))), "{error:?}");
        let text = line(&error);
        assert!(text.starts_with("TLS: the peer's certificate is not accepted") && text.contains(expected), "{text}");
        line(&server.await.unwrap().unwrap_err());
    }
}

/// H-008, G-172, T-78: HTTP/2 over TLS is agreed upon by ALPN.
#[tokio::test]
async fn a_client_that_does_not_agree_on_http2_is_refused() {
    let authority = Authority::new("one");
    for protocols in [vec![], vec![b"http/1.1".to_vec()]] {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, server_tls(&authority, ClientAuth::None));
        let mut roots = rustls::RootCertStore::empty();
        let root = rustls::pki_types::pem::PemObject::from_pem_slice(authority.pem.as_bytes()).unwrap();
        roots.add(root).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut config = config.unwrap().with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = protocols;
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let _client = connector.connect("localhost".try_into().unwrap(), near).await;
        let error = server.await.unwrap().unwrap_err();
        assert!(matches!(error, DriverError::Tls(HandshakeError::NotHttp2)), "{error:?}");
        assert_eq!(line(&error), "TLS: the peer did not agree to speak HTTP/2 (ALPN \"h2\", RFC 9113 section 3.2)");
    }
}

#[tokio::test]
async fn plain_text_and_tls_do_not_mix() {
    let authority = Authority::new("one");
    // Plain text on a TLS port, HTTP/2 and HTTP/1.1.
    let (near, far) = tokio::io::duplex(PIPE);
    let server = serve(far, server_tls(&authority, ClientAuth::None));
    let (channel, driver) = Channel::new(near, &client_config());
    tokio::spawn(driver);
    assert_eq!(channel.unary(&UNARY, "").await.unwrap_err().code(), Some(Code::Unavailable));
    let error = server.await.unwrap().unwrap_err();
    assert_eq!(line(&error), "TLS: the peer does not speak TLS here; plain text, perhaps");

    let (mut near, far) = tokio::io::duplex(PIPE);
    let server = serve(far, server_tls(&authority, ClientAuth::None));
    near.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(matches!(server.await.unwrap().unwrap_err(), DriverError::Tls(HandshakeError::NotTls)));

    // TLS on a plain port: our own server, and one that answers in plain text.
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let (near, far) = tokio::io::duplex(PIPE);
    tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router()));
    let error = connect(near, &tls).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake(HandshakeError::NotTls | HandshakeError::Closed)), "{error:?}");
    line(&error);

    let (near, mut far) = tokio::io::duplex(PIPE);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    let error = connect(near, &tls).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake(HandshakeError::NotTls)), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_shake_hands_is_left_in_time() {
    let authority = Authority::new("one");
    let limit = Duration::from_secs(3);
    let (mut near, far) = tokio::io::duplex(PIPE);
    let server = serve(far, server_tls(&authority, ClientAuth::None).with_handshake_timeout(limit));
    let begin = tokio::time::Instant::now();
    // Half a record keeps nothing alive.
    near.write_all(&[22, 3, 1, 2, 0]).await.unwrap();
    let error = server.await.unwrap().unwrap_err();
    assert_eq!(line(&error), "TLS: the handshake took longer than 3s");
    assert_eq!(begin.elapsed().as_secs(), 3);
    assert!(near.read_to_end(&mut Vec::new()).await.is_ok(), "the transport was let go");

    let (near, _far) = tokio::io::duplex(PIPE);
    let tls = ClientTls::new(authority.roots(), None).unwrap().with_handshake_timeout(limit);
    let error = connect(near, &tls).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake(HandshakeError::Timeout(_))), "{error:?}");
    assert_eq!(begin.elapsed().as_secs(), 6);
}

#[tokio::test]
async fn a_server_goes_on_whoever_fails_to_shake_hands_and_says_who_did() {
    let authority = Authority::new("one");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let server = Server::new(ServerConfig::default())
        .with_tls(server_tls(&authority, ClientAuth::None))
        .on_failure(move |peer, error| tell.send((peer, error.to_string())).unwrap_or_default());
    let stopped = async { stopped.await.unwrap_or_default() };
    let server = tokio::spawn(server.serve_with_shutdown(listener, router(), stopped));

    // One that never shakes hands keeps nobody else waiting, and the server from nothing.
    let _silent = tokio::net::TcpStream::connect(address).await.unwrap();
    let plain = Channel::connect(address, &client_config()).await.unwrap();
    plain.unary(&UNARY, "").await.unwrap_err();
    let (peer, why) = told.recv().await.unwrap();
    assert_eq!(peer.unwrap().ip(), address.ip());
    assert_eq!(why, "TLS: the peer does not speak TLS here; plain text, perhaps");

    let tls = ClientTls::new(authority.roots(), None).unwrap();
    let channel = Channel::connect_tls(address, &client_config(), &tls).await.unwrap();
    let mut call = channel.bidi_streaming(&BOTH, Request::empty()).await.unwrap();
    call.send("before").await.unwrap();
    call.message().await.unwrap();
    stop.send(()).unwrap();
    while channel.unary(&UNARY, "").await.is_ok() {}
    call.send("after").await.unwrap();
    assert_eq!(call.message().await.unwrap().unwrap().data, "after");
    call.half_close().unwrap();
    assert!(call.outcome().await.status.is_ok());
    server.await.unwrap();
}

#[test]
fn what_cannot_be_used_is_told_in_one_line() {
    let authority = Authority::new("one");
    let (one, other) = (authority.sign("localhost"), authority.sign("localhost"));
    let identity = |chain: &str, key: &str| Identity::from_pem(chain.as_bytes(), key.as_bytes()).map(|_| ());
    let says = |result: Result<(), TlsError>| line(&result.unwrap_err());

    assert_eq!(
        says(identity("", &one.key)),
        "TLS: there is no certificate (BEGIN CERTIFICATE) in the certificate chain; retry: useless"
    );
    assert_eq!(
        says(identity(&one.pem, "")),
        "TLS: there is no private key (BEGIN PRIVATE KEY) in the private key; retry: useless"
    );
    assert_eq!(
        says(identity(&one.key, &one.key)),
        "TLS: there is no certificate (BEGIN CERTIFICATE) in the certificate chain; retry: useless"
    );
    let cut = &one.pem[..one.pem.len() / 2];
    assert!(says(identity(cut, &one.key)).starts_with("TLS: the certificate chain is no valid PEM: "));
    let mixed = Identity::from_pem(one.pem.as_bytes(), other.key.as_bytes()).unwrap();
    let mixed = ServerTls::new(&mixed, ClientAuth::None).map(|_| ());
    assert_eq!(says(mixed), "TLS: keys may not be consistent: KeyMismatch; retry: useless");
    assert_eq!(
        says(Roots::from_pem(b"none").map(|_| ())),
        "TLS: there is no certificate (BEGIN CERTIFICATE) in the root certificates; retry: useless"
    );
    let missing = says(Identity::from_files("/nowhere/server.pem", "/nowhere/server.key").map(|_| ()));
    assert!(missing.starts_with("TLS: cannot read /nowhere/server.pem: "), "{missing}");
    assert!(says(Roots::from_file("/nowhere/ca.pem").map(|_| ())).starts_with("TLS: cannot read /nowhere/ca.pem: "));
    let tls = ClientTls::new(authority.roots(), None).unwrap();
    assert_eq!(
        says(tls.with_server_name("not a name").map(|_| ())),
        "TLS: \"not a name\" is no name that a certificate could have; retry: useless"
    );
    assert!(!format!("{:?}", one.identity()).contains("PRIVATE"));
}

#[test]
fn the_system_has_roots_or_says_that_it_has_not() {
    match Roots::system() {
        Ok(roots) => drop(ClientTls::new(roots, None).unwrap()),
        Err(error) => assert!(line(&error).starts_with("TLS: the system's root certificates cannot be used: ")),
    }
}

/// H-009, G-173, T-78: a client of TLS 1.0, and one that pours octets into the handshake, are gone before anything else is kept.
#[tokio::test]
async fn t_78_old_versions_and_endless_handshakes_are_refused() {
    let authority = Authority::new("servers");
    let mut old = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1];
    old.extend([7; 32]);
    // No session, one cipher suite, no compression, no extension.
    old.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    // A ClientHello that announces 16 MiB, in full records.
    let mut endless = vec![22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff];
    endless.resize(5 + 0x4000, 0);
    for first in [old, endless.repeat(64)] {
        let (mut near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, server_tls(&authority, ClientAuth::None));
        let _ = near.write_all(&first).await;
        let error = server.await.unwrap().unwrap_err();
        assert!(matches!(error, DriverError::Tls(HandshakeError::Tls(_))), "{error:?}");
        line(&error);
    }
}
