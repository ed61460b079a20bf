//! TLS by rustls, with ring: what a server and a client are given to speak it.
//!
//! HTTP/2 is demanded by ALPN on both sides (RFC 9113 §3.2): a peer that does not agree on `h2` is no gRPC peer, and the
//! handshake fails. Certificates and keys are PEM. Errors are one line and name the file where there is one.
//!
//! ```no_run
//! use grpc_sansio::adapter::tls::{ClientAuth, ClientTls, Identity, Roots, ServerTls};
//!
//! // A server, and one that demands certificates of its clients.
//! let identity = Identity::from_files("server.pem", "server.key")?;
//! let open = ServerTls::new(&identity, ClientAuth::None)?;
//! let mutual = ServerTls::new(&identity, ClientAuth::Required(Roots::from_file("clients-ca.pem")?))?;
//!
//! // A client of the public internet, and one with a certificate of its own in a private network.
//! let public = ClientTls::new(Roots::system()?, None)?;
//! let private = ClientTls::new(
//!     Roots::from_file("ca.pem")?,
//!     Some(&Identity::from_files("client.pem", "client.key")?),
//! )?;
//! # Ok::<(), grpc_sansio::adapter::tls::TlsError>(())
//! ```

use core::fmt;
use core::time::Duration;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, crypto};
use std::io;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::sync::Arc;
use std::vec::Vec;

/// What ALPN calls HTTP/2 over TLS (RFC 9113 §3.1).
const H2: &[u8] = b"h2";

/// What it calls HTTP/1.1, which gRPC-Web may be spoken over (RFC 7301 §6).
const HTTP1: &[u8] = b"http/1.1";

/// How long a handshake may take, unless set otherwise.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why certificates and keys cannot be used. Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("TLS: cannot read {}: {error}; retry: useless", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It is not PEM, or broken.
    #[error("TLS: {source_name} is no valid PEM: {error}; retry: useless")]
    Pem {
        /// The file, or what the octets were to be.
        source_name: String,
        /// What is wrong.
        error: pem::Error,
    },
    /// There is no `BEGIN CERTIFICATE` in it.
    #[error("TLS: there is no certificate (BEGIN CERTIFICATE) in {0}; retry: useless")]
    NoCertificate(String),
    /// There is no private key in it.
    #[error("TLS: there is no private key (BEGIN PRIVATE KEY) in {0}; retry: useless")]
    NoKey(String),
    /// The system has no root certificates, or none that can be read.
    #[error("TLS: the system's root certificates cannot be used: {0}; retry: useless")]
    SystemRoots(String),
    /// A certificate or key that rustls does not take, such as a key that belongs to another certificate.
    #[error("TLS: {0}; retry: useless")]
    Refused(#[from] rustls::Error),
    /// Client certificates cannot be verified with these roots.
    #[error("TLS: {0}; retry: useless")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// Neither a DNS name nor an address.
    #[error("TLS: \"{0}\" is no name that a certificate could have; retry: useless")]
    ServerName(String),
}

/// Why a handshake failed. No call was ever on this connection, so trying again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The peer's certificate is not accepted: unknown issuer, expired, another name.
    #[error("TLS: the peer's certificate is not accepted: {}", Why(.0))]
    Certificate(rustls::CertificateError),
    /// A client without a certificate, where one is required.
    #[error("TLS: the client presented no certificate, and one is required")]
    NoCertificate,
    /// ALPN did not come to `h2`.
    #[error("TLS: the peer did not agree to speak HTTP/2 (ALPN \"h2\", RFC 9113 section 3.2)")]
    NotHttp2,
    /// The first octets were no TLS record.
    #[error("TLS: the peer does not speak TLS here; plain text, perhaps")]
    NotTls,
    /// It took too long.
    #[error("TLS: the handshake took longer than {0:?}")]
    Timeout(Duration),
    /// The peer went away in the middle; it may have its reasons, such as speaking plain text.
    #[error("TLS: the peer closed the connection during the handshake; it may speak plain text")]
    Closed,
    /// Any other failure of TLS, such as an alert of the peer.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// The transport failed.
    #[error("TLS: the transport failed: {0}")]
    Io(io::Error),
}

impl From<io::Error> for HandshakeError {
    /// rustls wraps its own errors in those of IO.
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(inner) => inner.clone().into(),
            None if matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe) => Self::Closed,
            None => Self::Io(error),
        }
    }
}

impl From<rustls::Error> for HandshakeError {
    fn from(error: rustls::Error) -> Self {
        use rustls::{AlertDescription, Error, InvalidMessage};
        match error {
            Error::InvalidCertificate(why) => Self::Certificate(why),
            Error::NoCertificatesPresented => Self::NoCertificate,
            Error::NoApplicationProtocol | Error::AlertReceived(AlertDescription::NoApplicationProtocol) => {
                Self::NotHttp2
            }
            Error::InvalidMessage(InvalidMessage::InvalidContentType) => Self::NotTls,
            other => Self::Tls(other),
        }
    }
}

/// A certificate's error with what rustls' names leave unsaid, and without the time of day.
struct Why<'a>(&'a rustls::CertificateError);

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use rustls::CertificateError;
        match self.0 {
            CertificateError::UnknownIssuer => {
                f.write_str("UnknownIssuer, none of the roots that are trusted here signed it")
            }
            CertificateError::ExpiredContext { not_after, .. } => {
                write!(f, "Expired, it was valid until {} seconds after 1970", not_after.as_secs())
            }
            other => other.fmt(f),
        }
    }
}

/// A certificate, those that lead to its root, and its private key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// From PEM: the certificate first, then those that signed it; and the key, as PKCS #8, PKCS #1 or SEC 1.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where either is missing or broken. Whether they belong together shows in [`ServerTls::new`].
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        Self::parse(chain, &"the certificate chain", key, &"the private key")
    }

    /// From files in the form of [`Identity::from_pem`].
    ///
    /// # Errors
    ///
    /// [`TlsError`], naming the file.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        Self::parse(&read(chain)?, &chain.display(), &read(key)?, &key.display())
    }

    fn parse(
        chain: &[u8],
        chain_name: &dyn fmt::Display,
        key: &[u8],
        key_name: &dyn fmt::Display,
    ) -> Result<Self, TlsError> {
        let chain = certificates(chain, chain_name)?;
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey(key_name.to_string()),
            error => TlsError::Pem { source_name: key_name.to_string(), error },
        })?;
        Ok(Self { chain, key })
    }
}

impl fmt::Debug for Identity {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

/// Root certificates: whose signatures are believed.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootCertStore>);

impl Roots {
    /// Those that this system trusts: the administrator's choice, as with curl and OpenSSL, so that a company's own
    /// authority works without a word. `SSL_CERT_FILE` and `SSL_CERT_DIR` override it. Reads the disk: call it once.
    ///
    /// # Errors
    ///
    /// [`TlsError::SystemRoots`] where there are none, such as in a container without `ca-certificates`.
    pub fn system() -> Result<Self, TlsError> {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        // Systems carry a few old ones that rustls does not take; the others count.
        let (added, _) = store.add_parsable_certificates(found.certs);
        if added == 0 {
            let why = found.errors.first().map_or_else(|| "there are none".to_string(), ToString::to_string);
            return Err(TlsError::SystemRoots(why));
        }
        Ok(Self(Arc::new(store)))
    }

    /// From PEM, any number of certificates.
    ///
    /// # Errors
    ///
    /// [`TlsError`] where there is none, or one that is no root.
    pub fn from_pem(pem: &[u8]) -> Result<Self, TlsError> {
        Self::parse(pem, &"the root certificates")
    }

    /// From a file in the form of [`Roots::from_pem`].
    ///
    /// # Errors
    ///
    /// [`TlsError`], naming the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, TlsError> {
        let path = path.as_ref();
        Self::parse(&read(path)?, &path.display())
    }

    fn parse(pem: &[u8], name: &dyn fmt::Display) -> Result<Self, TlsError> {
        let mut store = RootCertStore::empty();
        for certificate in certificates(pem, name)? {
            store.add(certificate)?;
        }
        Ok(Self(Arc::new(store)))
    }
}

/// What a server demands of its clients' certificates. Those that are presented must be valid in either case, and
/// handlers see them.
#[derive(Clone, Debug)]
pub enum ClientAuth {
    /// They are not asked for one.
    None,
    /// They may present one.
    Optional(Roots),
    /// They must present one: mutual TLS.
    Required(Roots),
}

/// How a server speaks TLS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ServerTls {
    config: Arc<rustls::ServerConfig>,
    /// The same for ports that speak HTTP/1.1 too.
    with_http1: Arc<rustls::ServerConfig>,
    pub(super) handshake_timeout: Duration,
}

impl ServerTls {
    /// TLS 1.3 and 1.2, with rustls' defaults.
    ///
    /// # Errors
    ///
    /// [`TlsError::Refused`] where the key is not that of the certificate; [`TlsError::Verifier`] for useless roots.
    pub fn new(identity: &Identity, clients: ClientAuth) -> Result<Self, TlsError> {
        let provider = Arc::new(crypto::ring::default_provider());
        let verifier = |roots: Roots| WebPkiClientVerifier::builder_with_provider(roots.0, Arc::clone(&provider));
        let verifier = match clients {
            ClientAuth::None => WebPkiClientVerifier::no_client_auth(),
            ClientAuth::Optional(roots) => verifier(roots).allow_unauthenticated().build()?,
            ClientAuth::Required(roots) => verifier(roots).build()?,
        };
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_client_cert_verifier(verifier)
            .with_single_cert(identity.chain.clone(), identity.key.clone_key())?;
        Ok(Self::from_rustls(config))
    }

    /// With everything else that rustls can do, such as certificates that change. Its ALPN protocols are replaced by `h2`,
    /// and by `h2` and `http/1.1` where gRPC-Web is spoken.
    pub fn from_rustls(mut config: rustls::ServerConfig) -> Self {
        let mut with_http1 = config.clone();
        // In the order of our preference.
        with_http1.alpn_protocols = std::vec![H2.to_vec(), HTTP1.to_vec()];
        config.alpn_protocols = std::vec![H2.to_vec()];
        let (config, with_http1) = (Arc::new(config), Arc::new(with_http1));
        Self { config, with_http1, handshake_timeout: HANDSHAKE_TIMEOUT }
    }

    pub(super) fn config(&self, http1: bool) -> Arc<rustls::ServerConfig> {
        Arc::clone(if http1 { &self.with_http1 } else { &self.config })
    }

    /// How long a handshake may take: 10 s unless set. A client that connects and says nothing is closed then.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}

/// How a client speaks TLS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ClientTls {
    pub(super) config: Arc<rustls::ClientConfig>,
    pub(super) handshake_timeout: Duration,
    server_name: Option<ServerName<'static>>,
}

impl ClientTls {
    /// TLS 1.3 and 1.2, with rustls' defaults; with an identity where the server wants one.
    ///
    /// # Errors
    ///
    /// [`TlsError::Refused`] where the key is not that of the certificate.
    pub fn new(roots: Roots, identity: Option<&Identity>) -> Result<Self, TlsError> {
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots.0);
        Ok(Self::from_rustls(match identity {
            Some(identity) => config.with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())?,
            None => config.with_no_client_auth(),
        }))
    }

    /// With everything else that rustls can do, such as a verifier of one's own. Its ALPN protocols are replaced by `h2`.
    pub fn from_rustls(mut config: rustls::ClientConfig) -> Self {
        config.alpn_protocols = std::vec![H2.to_vec()];
        Self { config: Arc::new(config), handshake_timeout: HANDSHAKE_TIMEOUT, server_name: None }
    }

    /// The name that the server's certificate must have, where it is not that of the config's authority.
    ///
    /// # Errors
    ///
    /// [`TlsError::ServerName`] for what is neither a DNS name nor an address.
    pub fn with_server_name(mut self, name: &str) -> Result<Self, TlsError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// How long a handshake may take: 10 s unless set.
    pub fn with_handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// The name to verify: the one that was set, or the host of `authority`.
    pub(super) fn name_for(&self, authority: &str) -> Result<ServerName<'static>, TlsError> {
        match &self.server_name {
            Some(name) => Ok(name.clone()),
            None => server_name(host(authority)),
        }
    }
}

/// Whether the handshake came to HTTP/2. A peer without ALPN gets through rustls, and no further.
pub(super) fn check_alpn(protocol: Option<&[u8]>) -> Result<(), HandshakeError> {
    if protocol == Some(H2) { Ok(()) } else { Err(HandshakeError::NotHttp2) }
}

/// The same for a server that speaks HTTP/1.1 too: over that one comes without ALPN as well.
pub(super) fn check_server_alpn(protocol: Option<&[u8]>, http1: bool) -> Result<(), HandshakeError> {
    if http1 && matches!(protocol, None | Some(HTTP1)) { Ok(()) } else { check_alpn(protocol) }
}

fn server_name(name: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(name.to_string()).map_err(|_| TlsError::ServerName(name.to_string()))
}

/// `host` of `host`, `host:port`, `[address]` and `[address]:port`.
fn host(authority: &str) -> &str {
    if let Some(rest) = authority.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::File { path: path.into(), error })
}

fn certificates(pem: &[u8], name: &dyn fmt::Display) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| TlsError::Pem { source_name: name.to_string(), error })?;
    if certificates.is_empty() { Err(TlsError::NoCertificate(name.to_string())) } else { Ok(certificates) }
}
