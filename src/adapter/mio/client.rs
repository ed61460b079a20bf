//! Outgoing connections.

use super::connections::Connections;
use super::handler::{ConnectionId, Handler};
use super::remote::Remote;
use super::server::wait_for;
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use crate::adapter::cannot_connect;
use crate::adapter::socket::set_user_timeout;
#[cfg(feature = "tls")]
use crate::adapter::tls::ClientTls;
use crate::call;
use crate::config::ClientConfig;
use crate::connection::Connection;
#[cfg(feature = "tls")]
use crate::grpc::Scheme;
use crate::time::{Clock, Instant};
use core::time::Duration;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use mio::{Events, Poll, Token};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;

const REMOTE: Token = Token(0);
const FIRST: Token = Token(1);

/// Calls methods over one or more TCP connections, all in the thread that calls [`Client::poll`].
///
/// ```
/// use grpc_sansio::adapter::mio::{Client, ConnectionId};
/// use grpc_sansio::grpc::{Code, Kind, Method, Status};
/// use grpc_sansio::{Client as Role, ClientConfig, Connection, Event, Instant, Item, OpenOptions};
/// # let refusing = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
///
/// const SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
///
/// let config = ClientConfig::builder("localhost").build()?;
/// let mut client = Client::new()?;
/// # let address = refusing;
/// let id = client.connect(address, &config)?;
///
/// // Calls can be opened at once: they leave when the connection is there.
/// let now = client.now();
/// let connection = client.connection_mut(id).expect("not polled since");
/// let call = connection.open(now, &OpenOptions::new(&SAY_HELLO))?;
/// connection.call(call).expect("just opened").send(&b"world"[..])?;
///
/// let mut outcome: Option<Status> = None;
/// while outcome.is_none() {
///     let mut handler = |_: Instant, _: ConnectionId, connection: &mut Connection<Role>, event: Event| {
///         let Event::Readable(id) = event else { return };
///         let Some(mut call) = connection.call(id) else { return };
///         while let Some(item) = call.read() {
///             match item {
///                 Item::Head(head) => println!("initial metadata: {:?}", head.metadata()),
///                 Item::Message(message) => println!("{} octets", message.len()),
///                 Item::End(end) => return outcome = Some(end.into_status()),
///             }
///         }
///     };
///     client.poll(&mut handler, None)?;
/// }
/// // Nobody listens at this address.
/// assert_eq!(outcome.map(|status| status.code()), Some(Code::Unavailable));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Client {
    poll: Poll,
    events: Events,
    clock: Clock,
    connections: Connections<Socket, call::Client>,
    remote: Remote,
}

impl Client {
    /// A loop without a connection.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        Ok(Self {
            events: Events::with_capacity(1024),
            clock: Clock::new(),
            connections: Connections::new(FIRST),
            remote: Remote::new(poll.registry(), REMOTE)?,
            poll,
        })
    }

    /// Begins to connect. Whether that works shows later: calls of a connection that cannot be established end with
    /// UNAVAILABLE, and [`Handler::closed`] is told the cause.
    ///
    /// # Errors
    ///
    /// What the operating system reports at once.
    pub fn connect(&mut self, address: SocketAddr, config: &ClientConfig) -> io::Result<ConnectionId> {
        let socket = dial(address, config)?;
        let connection = Connection::<call::Client>::new(config, self.clock.now());
        self.connections.insert_connecting(self.poll.registry(), Socket::Tcp(socket), connection)
    }

    /// As [`Client::connect`], to a Unix socket.
    ///
    /// # Errors
    ///
    /// What the operating system reports, such as that nobody listens at this path.
    #[cfg(unix)]
    pub fn connect_unix(&mut self, path: impl AsRef<Path>, config: &ClientConfig) -> io::Result<ConnectionId> {
        let socket = UnixStream::connect(path)?;
        let connection = Connection::<call::Client>::new(config, self.clock.now());
        self.connections.insert_connecting(self.poll.registry(), Socket::Unix(socket), connection)
    }

    /// As [`Client::connect`], under TLS: the server's certificate must be for the host of the config's authority, or for
    /// [`ClientTls::with_server_name`]. `:scheme` is `https` whatever the config says.
    ///
    /// # Errors
    ///
    /// As there; `InvalidInput` with a [`TlsError`](crate::adapter::tls::TlsError) where the authority is no name that a
    /// certificate could have. [`Handler::closed`] is told why a handshake failed, a
    /// [`HandshakeError`](crate::adapter::tls::HandshakeError).
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn connect_tls(
        &mut self,
        address: SocketAddr,
        config: &ClientConfig,
        tls: &ClientTls,
    ) -> io::Result<ConnectionId> {
        let socket = dial(address, config)?;
        let stream = TlsStream::client(socket, tls, config.authority())
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        let config = config.clone().with_scheme(Scheme::Https);
        let connection = Connection::<call::Client>::new(&config, self.clock.now());
        self.connections.insert_connecting(self.poll.registry(), Socket::Tls(stream.into()), connection)
    }

    /// The time, on the clock of all connections: deadlines are told on it.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// A connection, to open calls or to go on with them; `None` once it is gone. The next [`Client::poll`] sends what was
    /// said.
    pub fn connection_mut(&mut self, id: ConnectionId) -> Option<&mut Connection<call::Client>> {
        self.connections.get_mut(id)
    }

    /// The connections.
    pub fn connections(&self) -> &Connections<Socket, call::Client> {
        &self.connections
    }

    /// Reaches this client from another thread.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// Opens no more calls, and closes each connection when its last one has ended; after `grace` by force.
    pub fn shutdown(&mut self, grace: Option<Duration>) {
        let now = self.clock.now();
        self.connections.shutdown(now, grace.map(|grace| now.saturating_add(grace)));
    }

    /// One step: waits until something is to be done, for no longer than `timeout`, and does it. Returns early when it is
    /// woken by a [`Remote`].
    ///
    /// # Errors
    ///
    /// Only where waiting itself fails.
    pub fn poll(&mut self, handler: &mut impl Handler<call::Client>, timeout: Option<Duration>) -> io::Result<()> {
        let wait = [timeout, self.connections.timeout(self.clock.now())].into_iter().flatten().min();
        wait_for(&mut self.poll, &mut self.events, wait)?;
        for event in &self.events {
            self.connections.ready(event);
        }
        if let Some(stop) = self.remote.take_stop() {
            self.shutdown(stop.grace);
        }
        self.connections.turn(self.clock.now(), self.poll.registry(), handler);
        Ok(())
    }

    /// Goes on until the last connection is gone.
    ///
    /// # Errors
    ///
    /// As [`Client::poll`].
    pub fn run(&mut self, handler: &mut impl Handler<call::Client>) -> io::Result<()> {
        while !self.connections.is_empty() {
            self.poll(handler, None)?;
        }
        Ok(())
    }
}

/// A socket that is being connected.
fn dial(address: SocketAddr, config: &ClientConfig) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(address).map_err(|error| cannot_connect(&address, &error))?;
    socket.set_nodelay(true)?;
    set_user_timeout(&socket, config.tcp_user_timeout());
    Ok(socket)
}
