//! The sockets of a server or client: plain, or under TLS.

use super::handler::Peer;
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use super::transport::Transport;
use core::time::Duration;
use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
#[cfg(feature = "tls")]
use std::boxed::Box;
use std::io::{self, IoSlice, Read, Write};

/// A TCP connection, plain or under TLS, or a Unix socket.
#[derive(Debug)]
#[non_exhaustive]
pub enum Socket {
    /// Plain.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
    /// Under TLS.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    Tls(Box<TlsStream<TcpStream>>),
}

/// Does the same with either.
macro_rules! either {
    ($socket:expr, $stream:ident => $act:expr) => {
        match $socket {
            Socket::Tcp($stream) => $act,
            #[cfg(unix)]
            Socket::Unix($stream) => $act,
            #[cfg(feature = "tls")]
            Socket::Tls($stream) => $act,
        }
    };
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        either!(self, stream => stream.read(buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        either!(self, stream => stream.write(octets))
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        either!(self, stream => stream.write_vectored(slices))
    }

    fn flush(&mut self) -> io::Result<()> {
        either!(self, stream => stream.flush())
    }
}

impl Transport for Socket {
    fn finish_connect(&mut self) -> io::Result<()> {
        either!(self, stream => stream.finish_connect())
    }

    fn connect_timeout(&self) -> Option<(Duration, io::Error)> {
        either!(self, stream => stream.connect_timeout())
    }

    fn is_drained_by_short_read(&self) -> bool {
        either!(self, stream => stream.is_drained_by_short_read())
    }

    fn set_nagle(&mut self, on: bool) -> bool {
        either!(self, stream => stream.set_nagle(on))
    }

    fn wants_flush(&self) -> bool {
        either!(self, stream => stream.wants_flush())
    }

    fn close_write(&mut self) -> io::Result<()> {
        either!(self, stream => stream.close_write())
    }

    fn peer(&self) -> Peer {
        either!(self, stream => stream.peer())
    }
}

impl Source for Socket {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        either!(self, stream => stream.register(registry, token, interests))
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        either!(self, stream => stream.reregister(registry, token, interests))
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        either!(self, stream => stream.deregister(registry))
    }
}
