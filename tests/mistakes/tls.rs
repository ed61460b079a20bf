//! What is printed where TLS does not come about.

use crate::authority::{Authority, Signed};
use crate::{CLIENT, Line, Mistake, PROGRAM, SERVER, UNARY, error, line, run};
use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, Identity, Roots, ServerTls};
use grpc_sansio::adapter::tokio::{Channel, Response, Router, Server};
use grpc_sansio::{ClientConfig, Retry, ServerConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

const PIPE: usize = 64 * 1024;

fn config() -> ClientConfig {
    ClientConfig::builder("localhost").build().unwrap()
}

fn router() -> Router {
    Router::new().unary(&UNARY, |request| async move { Ok(Response::new(request.message.data)) })
}

fn serve(far: DuplexStream, tls: Option<ServerTls>) -> JoinHandle<Line> {
    let mut server = Server::new(ServerConfig::default());
    if let Some(tls) = tls {
        server = server.with_tls(tls);
    }
    let serving = server.serve_connection(far, router());
    tokio::spawn(async move { error(SERVER, serving.await) })
}

/// A client and a server that shake hands, and what both print.
fn handshake(tls: ClientTls, server: ServerTls) -> Vec<Line> {
    run(async move {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, Some(server));
        let client = match Channel::new_tls(near, &config(), &tls).await {
            Err(failure) => line(CLIENT, failure),
            // With TLS 1.3 a client learns only later that its certificate was not taken.
            Ok((channel, driver)) => {
                tokio::spawn(driver);
                error(CLIENT, channel.unary(&UNARY, "question").await)
            }
        };
        vec![client, server.await.unwrap()]
    })
}

fn trusting(authority: &Authority) -> ClientTls {
    ClientTls::new(authority.roots(), None).unwrap()
}

fn open(signed: &Signed) -> ServerTls {
    ServerTls::new(&signed.identity(), ClientAuth::None).unwrap()
}

fn plain_client_on_a_tls_port() -> Vec<Line> {
    run(async {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, Some(open(&Authority::new("one").sign("localhost"))));
        let (channel, driver) = Channel::new(near, &config());
        tokio::spawn(driver);
        vec![error(CLIENT, channel.unary(&UNARY, "question").await), server.await.unwrap()]
    })
}

fn tls_client_on_a_plain_port() -> Vec<Line> {
    run(async {
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, None);
        let tls = trusting(&Authority::new("one"));
        let client = Channel::new_tls(near, &config(), &tls).await.map(drop);
        vec![error(CLIENT, client), server.await.unwrap()]
    })
}

/// A TLS server that never heard of HTTP/2.
fn server_without_alpn() -> Vec<Line> {
    run(async {
        let authority = Authority::new("one");
        let signed = authority.sign("localhost");
        let pem = rustls::pki_types::pem::PemObject::from_pem_slice;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![signed.der.clone().into()], pem(signed.key.as_bytes()).unwrap())
            .unwrap();
        let (near, far) = tokio::io::duplex(PIPE);
        tokio::spawn(tokio_rustls::TlsAcceptor::from(Arc::new(server)).accept(far));
        vec![error(CLIENT, Channel::new_tls(near, &config(), &trusting(&authority)).await.map(drop))]
    })
}

/// A TLS client that offers HTTP/1.1 alone.
fn client_without_alpn() -> Vec<Line> {
    run(async {
        let authority = Authority::new("one");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let mut client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        let (near, far) = tokio::io::duplex(PIPE);
        let server = serve(far, Some(open(&authority.sign("localhost"))));
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let _client = connector.connect("localhost".try_into().unwrap(), near).await;
        vec![server.await.unwrap()]
    })
}

fn silent_handshake() -> Vec<Line> {
    run(async {
        let (near, _far) = tokio::io::duplex(PIPE);
        let tls = trusting(&Authority::new("one")).with_handshake_timeout(Duration::from_secs(3));
        vec![error(CLIENT, Channel::new_tls(near, &config(), &tls).await.map(drop))]
    })
}

fn closed_handshake() -> Vec<Line> {
    run(async {
        let (near, far) = tokio::io::duplex(PIPE);
        drop(far);
        vec![error(CLIENT, Channel::new_tls(near, &config(), &trusting(&Authority::new("one"))).await.map(drop))]
    })
}

pub(crate) const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "A client without TLS calls a TLS port",
        make: plain_client_on_a_tls_port,
        layer: "HTTP/2",
        names: &[
            "UNAVAILABLE",
            "the server answered in TLS",
            "TLS: the peer does not speak TLS here; plain text, perhaps",
        ],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "A client with TLS calls a plain-text port",
        make: tls_client_on_a_plain_port,
        layer: "TLS",
        names: &[
            "the peer closed the connection during the handshake",
            "HTTP/2: the peer broke the protocol: not HTTP/2: the client speaks TLS",
        ],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server's TLS does not offer HTTP/2",
        make: server_without_alpn,
        layer: "TLS",
        names: &["ALPN \"h2\"", "RFC 9113 section 3.2"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The client's TLS does not offer HTTP/2",
        make: client_without_alpn,
        layer: "TLS",
        names: &["ALPN \"h2\"", "RFC 9113 section 3.2"],
        retry: None,
    },
    Mistake {
        name: "The server's certificate is signed by nobody known",
        make: || handshake(trusting(&Authority::new("another")), open(&Authority::new("one").sign("localhost"))),
        layer: "TLS",
        names: &["the peer's certificate is not accepted: UnknownIssuer", "none of the roots that are trusted here"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server's certificate is for another name",
        make: || {
            let authority = Authority::new("one");
            handshake(trusting(&authority), open(&authority.sign("greeter.example")))
        },
        layer: "TLS",
        names: &["the peer's certificate is not accepted", "localhost", "greeter.example"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The server's certificate has expired",
        make: || {
            let authority = Authority::new("one");
            handshake(trusting(&authority), open(&authority.sign_until("localhost", 2001)))
        },
        layer: "TLS",
        names: &["the peer's certificate is not accepted: Expired", "978307200"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The client has no certificate, and the server demands one",
        make: || {
            let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
            let auth = ClientAuth::Required(clients.roots());
            handshake(trusting(&servers), ServerTls::new(&servers.sign("localhost").identity(), auth).unwrap())
        },
        layer: "TLS",
        names: &["the client presented no certificate, and one is required"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The handshake takes too long",
        make: silent_handshake,
        layer: "TLS",
        names: &["the handshake took longer than 3s"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The handshake is cut off",
        make: closed_handshake,
        layer: "TLS",
        names: &["closed the connection during the handshake"],
        retry: Some(Retry::Safe),
    },
    Mistake {
        name: "The file of the key is missing",
        make: || {
            let identity = Identity::from_files(Path::new("/nowhere/server.pem"), Path::new("/nowhere/server.key"));
            vec![error(PROGRAM, identity.map(drop))]
        },
        layer: "TLS",
        names: &["cannot read /nowhere/server.pem", "No such file"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The file of the key holds something else",
        make: || {
            let signed = Authority::new("one").sign("localhost");
            vec![error(PROGRAM, Identity::from_pem(signed.pem.as_bytes(), signed.pem.as_bytes()).map(drop))]
        },
        layer: "TLS",
        names: &["there is no private key", "BEGIN PRIVATE KEY"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The key belongs to another certificate",
        make: || {
            let authority = Authority::new("one");
            let (one, other) = (authority.sign("localhost"), authority.sign("localhost"));
            let identity = Identity::from_pem(one.pem.as_bytes(), other.key.as_bytes()).unwrap();
            vec![error(PROGRAM, ServerTls::new(&identity, ClientAuth::None).map(drop))]
        },
        layer: "TLS",
        names: &["KeyMismatch"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The roots are no certificates",
        make: || vec![error(PROGRAM, Roots::from_pem(b"-----").map(drop))],
        layer: "TLS",
        names: &["the root certificates", "BEGIN CERTIFICATE"],
        retry: Some(Retry::Useless),
    },
    Mistake {
        name: "The authority is no name that a certificate could have",
        make: || {
            run(async {
                let (near, _far) = tokio::io::duplex(PIPE);
                let config = ClientConfig::builder("green..house:50051").build().unwrap();
                vec![error(CLIENT, Channel::new_tls(near, &config, &trusting(&Authority::new("one"))).await.map(drop))]
            })
        },
        layer: "TLS",
        names: &["no name that a certificate could have"],
        retry: Some(Retry::Useless),
    },
];
