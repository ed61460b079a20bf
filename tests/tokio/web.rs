//! gRPC-Web and native gRPC on one port.

use crate::{DOWNLOAD, PIPE, UNARY, client_config};
use grpc_sansio::ServerConfig;
use grpc_sansio::adapter::tokio::{Channel, DriverError, Request, Response, Router, Server};
use grpc_sansio::grpc::Metadata;
use grpc_sansio::web::{Config, Cors};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;

type End = JoinHandle<Result<(), DriverError>>;

/// An echo, and a download of as many messages as its request has octets. Counts the messages that were sent.
fn router(sent: &Arc<AtomicUsize>) -> Router {
    let sent = Arc::clone(sent);
    Router::new().unary(&UNARY, |request| async move { Ok(Response::new(request.message)) }).server_streaming(
        &DOWNLOAD,
        move |request, mut responses| {
            let sent = Arc::clone(&sent);
            async move {
                for _ in 0..request.message.data.len() {
                    responses.send(vec![b'm'; 1000]).await?;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok(Metadata::new())
            }
        },
    )
}

fn serve(config: Config) -> (DuplexStream, End, Arc<AtomicUsize>) {
    let (near, far) = tokio::io::duplex(PIPE);
    let sent = Arc::default();
    let server = Server::new(ServerConfig::default()).with_web(config);
    let end = tokio::spawn(server.serve_connection(far, router(&sent)));
    (near, end, sent)
}

fn post(path: &str, message: &[u8], more: &str) -> Vec<u8> {
    let mut octets = format!(
        "POST {path} HTTP/1.1\r\nhost: d\r\ncontent-type: application/grpc-web\r\ncontent-length: {}\r\n{more}\r\n",
        message.len() + 5
    )
    .into_bytes();
    octets.push(0);
    octets.extend_from_slice(&(message.len() as u32).to_be_bytes());
    octets.extend_from_slice(message);
    octets
}

/// Reads a chunked response: its body.
async fn body(io: &mut (impl AsyncReadExt + Unpin)) -> Vec<u8> {
    let mut octets = Vec::new();
    while !octets.ends_with(b"\r\n0\r\n\r\n") {
        assert!(io.read_buf(&mut octets).await.unwrap() > 0, "{}", octets.escape_ascii());
    }
    let start = octets.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut body) = (&octets[start..], Vec::new());
    while !rest.is_empty() {
        let line = rest.windows(2).position(|two| two == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 4 + size..];
    }
    body
}

const OK: &[u8] = b"\x80\0\0\0\x10grpc-status: 0\r\n";

#[tokio::test(start_paused = true)]
async fn calls_over_http_1_1() {
    let (mut io, end, _) = serve(Config::default());
    for size in [0, 10, 300_000] {
        let octets = post("/test.Service/Unary", &vec![7; size], "");
        // Both ways at once: neither side takes all of it in one piece.
        let (mut read, mut write) = tokio::io::split(&mut io);
        let (_, body) = tokio::join!(async { write.write_all(&octets).await.unwrap() }, body(&mut read));
        assert!(body.len() == 5 + size + OK.len() && body.ends_with(OK));
    }
    io.write_all(&post("/test.Service/Download", &[0; 500], "")).await.unwrap();
    assert_eq!(body(&mut io).await.len(), 500 * 1005 + OK.len());
    drop(io);
    assert!(end.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn native_calls_on_the_same_port() {
    for mixed in [false, true] {
        let (io, end, _) = serve(Config::default().mixed(mixed).cors(Cors::any()));
        let (channel, driver) = Channel::new(io, &client_config());
        let driver = tokio::spawn(driver);
        for size in [0, 10, 300_000] {
            let response = channel.unary(&UNARY, Request::new(vec![7; size])).await.unwrap();
            assert_eq!(response.message.data.len(), size);
        }
        let mut call = channel.server_streaming(&DOWNLOAD, vec![0; 300]).await.unwrap();
        for _ in 0..300 {
            assert_eq!(call.message().await.unwrap().unwrap().data.len(), 1000);
        }
        assert!(call.message().await.unwrap().is_none());
        drop((call, channel));
        driver.await.unwrap().unwrap();
        assert!(end.await.unwrap().is_ok());
    }
}

/// Whoever does not read stops the handler; whoever goes away ends it.
#[tokio::test(start_paused = true)]
async fn a_browser_that_stops_reading_or_goes_away() {
    let (mut io, end, sent) = serve(Config::default());
    io.write_all(&post("/test.Service/Download", &[0; 10_000], "")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    let stalled = sent.load(Ordering::Relaxed);
    assert!((64..=500).contains(&stalled), "{stalled} messages");
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(sent.load(Ordering::Relaxed), stalled);
    let mut some = vec![0; 100_000];
    io.read_exact(&mut some).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(sent.load(Ordering::Relaxed) > stalled + 50);
    drop(io);
    assert!(end.await.unwrap().is_err());
}

/// What is wrong is answered, told to who watches, and the connection closed.
#[tokio::test(start_paused = true)]
async fn bad_requests() {
    for (octets, status, says) in [
        ("GET / HTTP/1.1\r\nbad\r\n\r\n", "400", "HTTP/1.1: "),
        ("POST / HTTP/1.1\r\nhost: d\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "400", "both"),
        ("POST / HTTP/1.1\r\nho", "408", "head_timeout"),
    ] {
        let (mut io, end, _) = serve(Config::default());
        io.write_all(octets.as_bytes()).await.unwrap();
        let mut answer = String::new();
        io.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(says), "{answer}");
        drop(io);
        let error = end.await.unwrap().unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{error}");
    }
}

/// Without gRPC-Web too a client of HTTP/1.1 is told, and not kept waiting.
#[tokio::test(start_paused = true)]
async fn http_1_1_where_it_is_not_spoken() {
    let (mut io, far) = tokio::io::duplex(PIPE);
    let end = tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router(&Arc::default())));
    io.write_all(b"GET / HTTP/1.1\r\nhost: d\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    io.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 505 ") && answer.ends_with("gRPC over HTTP/2 only.\r\n"), "{answer}");
    drop(io);
    assert!(end.await.unwrap().unwrap_err().to_string().contains("HTTP/1.1"));
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_ends_idle_connections() {
    let (mut io, far) = tokio::io::duplex(PIPE);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = Server::new(ServerConfig::default()).with_web(Config::default());
    let shutdown = async { stopped.await.unwrap_or_default() };
    let end = tokio::spawn(server.serve_connection_with_shutdown(far, router(&Arc::default()), shutdown));
    io.write_all(&post("/test.Service/Unary", b"a", "")).await.unwrap();
    assert!(body(&mut io).await.ends_with(OK));
    stop.send(()).unwrap();
    assert_eq!(io.read(&mut [0; 10]).await.unwrap(), 0);
    drop(io);
    assert!(end.await.unwrap().is_ok());
}

/// Under TLS `http/1.1` is agreed to where gRPC-Web is spoken, and nowhere else; native gRPC goes on as before.
#[cfg(feature = "tls")]
#[tokio::test]
async fn http_1_1_under_tls() {
    use crate::authority::Authority;
    use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, ServerTls};
    use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};

    let authority = Authority::new("one");
    let tls = ServerTls::new(&authority.sign("localhost").identity(), ClientAuth::None).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    for (web, alpn, works) in [
        (true, &["http/1.1"][..], true),
        (true, &["h2", "http/1.1"], true),
        (true, &[], true),
        (false, &["http/1.1"], false),
        (false, &[], false),
    ] {
        let (near, far) = tokio::io::duplex(PIPE);
        let mut server = Server::new(ServerConfig::default()).with_tls(tls.clone());
        if web {
            server = server.with_web(Config::default());
        }
        let end = tokio::spawn(server.serve_connection(far, router(&Arc::default())));
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        let connected = tokio_rustls::TlsConnector::from(Arc::new(config.clone())).connect(name, near).await;
        if !works {
            drop(connected);
            assert!(end.await.unwrap().is_err());
            continue;
        }
        let mut io = connected.unwrap();
        let agreed = io.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed.as_deref(), alpn.first().map(|name| name.as_bytes()));
        if alpn.first() != Some(&"h2") {
            io.write_all(&post("/test.Service/Unary", b"a", "connection: close\r\n")).await.unwrap();
            assert!(body(&mut io).await.ends_with(OK));
        }
    }
    let (near, far) = tokio::io::duplex(PIPE);
    let server = Server::new(ServerConfig::default()).with_tls(tls).with_web(Config::default());
    tokio::spawn(server.serve_connection(far, router(&Arc::default())));
    let client_tls = ClientTls::new(authority.roots(), None).unwrap();
    let (channel, driver) = Channel::new_tls(near, &client_config(), &client_tls).await.unwrap();
    tokio::spawn(driver);
    assert_eq!(&channel.unary(&UNARY, Request::new("a")).await.unwrap().message.data[..], b"a");
}
