//! A TLS session around a socket that does not block.

use super::handler::Peer;
use super::transport::Transport;
use crate::adapter::tls::{ClientTls, HandshakeError, ServerTls, TlsError, check_server_alpn};
use core::time::Duration;
use mio::event::Source;
use mio::{Interest, Registry, Token};
use rustls::{ClientConnection, Connection as Session, ServerConnection};
use std::io::{self, IoSlice, Read, Write};
use std::sync::Arc;

/// A socket under TLS: shakes hands while it is being connected, and is read and written like any other then.
///
/// Give it to [`Connections::insert_connecting`](super::Connections::insert_connecting), accepted or not, so that the
/// handshake takes place before anything is read.
#[derive(Debug)]
pub struct TlsStream<S> {
    socket: S,
    session: Session,
    /// The socket itself is connected.
    connected: bool,
    handshake_timeout: Duration,
    /// A server's, which speaks HTTP/1.1 too.
    http1: bool,
}

impl<S: Transport> TlsStream<S> {
    /// The server's side of an accepted socket.
    ///
    /// # Errors
    ///
    /// [`TlsError::Refused`] for a config that rustls cannot use.
    pub fn server(socket: S, tls: &ServerTls) -> Result<Self, TlsError> {
        Self::server_with(socket, tls, false)
    }

    /// As [`TlsStream::server`], for a connection with gRPC-Web in front of it: `http/1.1` is agreed to besides `h2`, and
    /// so is a client without ALPN.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(feature = "web")]
    #[cfg_attr(docsrs, doc(cfg(feature = "web")))]
    pub fn server_with_http1(socket: S, tls: &ServerTls) -> Result<Self, TlsError> {
        Self::server_with(socket, tls, true)
    }

    fn server_with(socket: S, tls: &ServerTls, http1: bool) -> Result<Self, TlsError> {
        let session = ServerConnection::new(tls.config(http1))?;
        let handshake_timeout = tls.handshake_timeout;
        Ok(Self { socket, session: session.into(), connected: true, handshake_timeout, http1 })
    }

    /// The client's side of a socket that is connected or being connected. The certificate must be for the host of
    /// `authority`, or for [`ClientTls::with_server_name`].
    ///
    /// # Errors
    ///
    /// [`TlsError::ServerName`] where `authority` is none that a certificate could have.
    pub fn client(socket: S, tls: &ClientTls, authority: &str) -> Result<Self, TlsError> {
        let session = ClientConnection::new(Arc::clone(&tls.config), tls.name_for(authority)?)?;
        let handshake_timeout = tls.handshake_timeout;
        Ok(Self { socket, session: session.into(), connected: false, handshake_timeout, http1: false })
    }

    /// Takes what the socket has; whether it has ended.
    fn pull(&mut self) -> io::Result<bool> {
        let count = self.session.read_tls(&mut self.socket)?;
        match self.session.process_new_packets() {
            Ok(_) => Ok(count == 0),
            Err(error) => {
                // The peer is told by an alert, as far as its socket takes it.
                let _ = self.push();
                Err(io::Error::new(io::ErrorKind::InvalidData, HandshakeError::from(error)))
            }
        }
    }

    /// Gives the socket what the session has to say.
    fn push(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            if self.session.write_tls(&mut self.socket)? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Gives the socket what it takes; the rest waits.
    fn push_some(&mut self) -> io::Result<()> {
        match self.push() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    /// Takes clear text, unless what was taken before still waits: so a peer that does not read costs no memory.
    fn write_clear(&mut self, write: impl FnOnce(&mut rustls::Writer<'_>) -> io::Result<usize>) -> io::Result<usize> {
        self.push()?;
        let count = write(&mut self.session.writer())?;
        self.push_some()?;
        Ok(count)
    }
}

impl<S: Transport> Read for TlsStream<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Without a goodbye. HTTP/2 knows by itself whether something is missing.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            self.pull()?;
            // Such as a key update that is to be answered.
            self.push_some()?;
        }
    }
}

impl<S: Transport> Write for TlsStream<S> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.write_clear(|writer| writer.write(octets))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write_clear(|writer| writer.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.push()?;
        self.socket.flush()
    }
}

impl<S: Transport> Transport for TlsStream<S> {
    fn finish_connect(&mut self) -> io::Result<()> {
        if !self.connected {
            self.socket.finish_connect()?;
            self.connected = true;
        }
        while self.session.is_handshaking() {
            if self.session.wants_write() {
                self.push()?;
            } else if self.pull()? {
                return Err(io::Error::other(HandshakeError::Closed));
            }
        }
        self.push_some()?;
        check_server_alpn(self.session.alpn_protocol(), self.http1).map_err(io::Error::other)
    }

    fn connect_timeout(&self) -> Option<(Duration, io::Error)> {
        let error = HandshakeError::Timeout(self.handshake_timeout);
        Some((self.handshake_timeout, io::Error::new(io::ErrorKind::TimedOut, error)))
    }

    fn wants_flush(&self) -> bool {
        self.session.wants_write()
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.session.send_close_notify();
        self.push_some()?;
        self.socket.close_write()
    }

    fn peer(&self) -> Peer {
        let certificates = self.session.peer_certificates();
        let certificates = certificates.map(|chain| chain.iter().map(|certificate| certificate.to_vec()).collect());
        Peer { certificates, ..self.socket.peer() }
    }
}

impl<S: Source> Source for TlsStream<S> {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}
