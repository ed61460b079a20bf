//! What a driver needs of a socket.

use super::handler::Peer;
use core::time::Duration;
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
    /// Asked of a connection that is being established, whenever it is ready: `WouldBlock` while it still is.
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

    /// Leaves it to the system to hold small writes back until the peer has acknowledged those before (Nagle's algorithm), or
    /// ends that, upon which all goes out. Whether it has; without this the driver does not hold anything back. It asks for it
    /// while a client sends calls in batches, and ends it after a millisecond without a word from the client.
    fn set_nagle(&mut self, on: bool) -> bool {
        let _ = on;
        false
    }

    /// How long [`Transport::finish_connect`] may take, and the error of one that took longer; `None` is for as long as
    /// the system lets it.
    fn connect_timeout(&self) -> Option<(Duration, io::Error)> {
        None
    }

    /// Whether something that was written waits in here for the socket to become writable: `flush` is called then.
    fn wants_flush(&self) -> bool {
        false
    }

    /// Who is at the other end, once it is connected.
    fn peer(&self) -> Peer {
        Peer::default()
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

    fn set_nagle(&mut self, on: bool) -> bool {
        // Whoever has it on all the time has asked for that.
        (!on || self.nodelay().unwrap_or(false)) && self.set_nodelay(!on).is_ok()
    }

    fn peer(&self) -> Peer {
        Peer { address: self.peer_addr().ok(), ..Peer::default() }
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
