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

    fn close_write(&mut self) -> io::Result<()> {
        self.shutdown(std::net::Shutdown::Write)
    }
}

/// A socket without a peer and without an error is not connected yet.
fn still_connecting<T>(peer: io::Result<T>) -> io::Result<()> {
    match peer {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
        Err(error) => Err(error),
    }
}
