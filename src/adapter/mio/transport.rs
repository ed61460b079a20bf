//! What a driver needs of a socket.

use mio::net::TcpStream;
use std::io::{self, Read, Write};

/// A socket that does not block: `WouldBlock` where it has nothing to read, or takes nothing.
///
/// It is implemented for mio's streams. For anything else, such as a TLS session around one, the defaults serve:
///
/// ```
/// use grpc_sansio::adapter::mio::Transport;
/// # use std::io::{self, Read, Write};
/// # struct MySocket;
/// # impl Read for MySocket { fn read(&mut self, _: &mut [u8]) -> io::Result<usize> { Ok(0) } }
/// # impl Write for MySocket {
/// #     fn write(&mut self, octets: &[u8]) -> io::Result<usize> { Ok(octets.len()) }
/// #     fn flush(&mut self) -> io::Result<()> { Ok(()) }
/// # }
///
/// impl Transport for MySocket {}
/// ```
pub trait Transport: Read + Write {
    /// Asked of an outgoing connection once it is ready: `WouldBlock` while it is still being established.
    ///
    /// # Errors
    ///
    /// Why it could not be established.
    fn finish_connect(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Whether a read of less than was asked for leaves nothing behind, as long as the system has not said that the peer
    /// closed its side. It spares one read in each turn. True of a socket where epoll tells of readiness (epoll(7), question
    /// 9); never of a layer that keeps octets of its own, such as a TLS session.
    fn is_drained_by_short_read(&self) -> bool {
        false
    }

    /// Nothing more will be written: tells the peer so, while reading goes on. After this the socket is dropped as soon as
    /// the peer closes its side too, so that its last words are not cut off by a reset.
    ///
    /// # Errors
    ///
    /// Only noted: the connection is over.
    fn close_write(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Transport for TcpStream {
    fn finish_connect(&mut self) -> io::Result<()> {
        match self.take_error()? {
            Some(error) => Err(error),
            None => still_connecting(self.peer_addr()),
        }
    }

    fn is_drained_by_short_read(&self) -> bool {
        EPOLL
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

#[cfg(unix)]
impl Transport for mio::net::UnixStream {
    fn finish_connect(&mut self) -> io::Result<()> {
        match self.take_error()? {
            Some(error) => Err(error),
            None => still_connecting(self.peer_addr()),
        }
    }

    fn is_drained_by_short_read(&self) -> bool {
        EPOLL
    }

    fn close_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

const EPOLL: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A socket without a peer and without an error is not connected yet.
fn still_connecting<T>(peer: io::Result<T>) -> io::Result<()> {
    match peer {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}
