//! Handshakes on tokio: a transport goes in, and the same comes out under TLS.

use super::channel::{Channel, dial};
use super::driver::DriverError;
use super::server_call::Certificates;
use crate::adapter::tls::{ClientTls, HandshakeError, ServerTls, TlsError, check_alpn, check_server_alpn};
use crate::config::ClientConfig;
use crate::grpc::Scheme;
use core::time::Duration;
use std::future::Future;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::ToSocketAddrs;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

/// Why a connection under TLS could not be made. No call was on it, so trying again is safe.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The transport could not be connected.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The config's authority is no name that a certificate could have.
    #[error(transparent)]
    Name(#[from] TlsError),
    /// The handshake failed.
    #[error("{0}; retry: safe")]
    Handshake(#[from] HandshakeError),
}

impl Channel {
    /// Connects by TCP and TLS, and spawns the task that drives the connection. The server's certificate must be for the
    /// host of the config's authority, or for [`ClientTls::with_server_name`]; `:scheme` is `https` whatever the config
    /// says.
    ///
    /// ```no_run
    /// use grpc_sansio::ClientConfig;
    /// use grpc_sansio::adapter::tls::{ClientTls, Roots};
    /// use grpc_sansio::adapter::tokio::Channel;
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = ClientTls::new(Roots::system()?, None)?;
    /// let config = ClientConfig::builder("greeter.example").build()?;
    /// let channel = Channel::connect_tls("greeter.example:443", &config, &tls).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect_tls(
        address: impl ToSocketAddrs,
        config: &ClientConfig,
        tls: &ClientTls,
    ) -> Result<Self, ConnectError> {
        let stream = dial(address, config).await?;
        let (channel, driver) = Self::new_tls(stream, config, tls).await?;
        tokio::spawn(driver);
        Ok(channel)
    }

    /// As [`Channel::new`], under TLS, over any transport: shakes hands first.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn new_tls<T>(
        io: T,
        config: &ClientConfig,
        tls: &ClientTls,
    ) -> Result<(Self, impl Future<Output = Result<(), DriverError>> + use<T>), ConnectError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let name = tls.name_for(config.authority())?;
        let handshake = TlsConnector::from(Arc::clone(&tls.config)).connect(name, io);
        let stream: client::TlsStream<T> = within(tls.handshake_timeout, handshake).await?;
        check_alpn(stream.get_ref().1.alpn_protocol())?;
        Ok(Self::new(stream, &config.clone().with_scheme(Scheme::Https)))
    }
}

/// The server's side: the transport under TLS, and the certificates that the client presented.
pub(super) async fn accept<T>(
    tls: &ServerTls,
    io: T,
    http1: bool,
) -> Result<(server::TlsStream<T>, Option<Certificates>), HandshakeError>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = TlsAcceptor::from(tls.config(http1)).accept(io);
    let stream = within(tls.handshake_timeout, handshake).await?;
    let session = stream.get_ref().1;
    check_server_alpn(session.alpn_protocol(), http1)?;
    let certificates = session.peer_certificates();
    let certificates = certificates.map(|chain| chain.iter().map(|certificate| certificate.to_vec()).collect());
    Ok((stream, certificates))
}

async fn within<T>(limit: Duration, handshake: impl Future<Output = io::Result<T>>) -> Result<T, HandshakeError> {
    match tokio::time::timeout(limit, handshake).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(HandshakeError::Timeout(limit)),
    }
}
