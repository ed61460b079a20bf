//! A listener and its connections.

use super::acceptor::Acceptor;
use super::connections::Connections;
use super::driver::Driver;
use super::handler::Handler;
use super::remote::Remote;
use super::socket::Socket;
#[cfg(feature = "tls")]
use super::tls::TlsStream;
use crate::adapter::socket::set_user_timeout;
#[cfg(feature = "tls")]
use crate::adapter::tls::ServerTls;
use crate::call;
use crate::config::ServerConfig;
use crate::connection::Connection;
use crate::time::{Clock, Instant};
use core::time::Duration;
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::io;
use std::net::SocketAddr;

const LISTENER: Token = Token(0);
const REMOTE: Token = Token(1);
const FIRST: Token = Token(2);

/// Serves gRPC on a TCP port, all in the thread that calls [`Server::run`] or [`Server::poll`].
///
/// ```
/// use grpc_sansio::adapter::mio::{Reply, Routes, Server};
/// use grpc_sansio::ServerConfig;
/// use grpc_sansio::grpc::{Kind, Method};
///
/// const SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
///
/// let mut routes = Routes::new();
/// routes.unary(&SAY_HELLO, |request| {
///     let mut reply = b"hello ".to_vec();
///     reply.extend_from_slice(&request.message);
///     Ok(Reply::new(reply))
/// });
/// let mut server = Server::bind("127.0.0.1:0".parse()?, &ServerConfig::default())?;
/// println!("listening on {}", server.local_addr()?);
/// # server.remote().shutdown(None)?;
/// server.run(&mut routes)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For more than one thread run several servers, each with its own thread and, by [`Server::from_listener`], with a clone
/// of the same listener.
#[derive(Debug)]
pub struct Server {
    poll: Poll,
    events: Events,
    clock: Clock,
    config: ServerConfig,
    acceptor: Option<Acceptor<TcpListener>>,
    connections: Connections<Socket, call::Server>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
    #[cfg(feature = "web")]
    web: Option<crate::web::Config>,
    max_connections: usize,
    accepted: u64,
    remote: Remote,
}

impl Server {
    /// Listens on `address`; with port 0 the system picks one, which [`Server::local_addr`] tells.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn bind(address: SocketAddr, config: &ServerConfig) -> io::Result<Self> {
        let listener = TcpListener::bind(address).map_err(|error| {
            io::Error::new(error.kind(), std::format!("transport: cannot listen on {address}: {error}"))
        })?;
        Self::start(listener, config)
    }

    /// Serves a listener that was made otherwise, such as one with options set or one that was inherited.
    ///
    /// # Errors
    ///
    /// What the operating system reports.
    pub fn from_listener(listener: std::net::TcpListener, config: &ServerConfig) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Self::start(TcpListener::from_std(listener), config)
    }

    fn start(mut listener: TcpListener, config: &ServerConfig) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            events: Events::with_capacity(1024),
            clock: Clock::new(),
            config: config.clone(),
            acceptor: Some(Acceptor::new(listener)),
            connections: Connections::new(FIRST),
            #[cfg(feature = "tls")]
            tls: None,
            #[cfg(feature = "web")]
            web: None,
            max_connections: usize::MAX,
            accepted: 0,
            remote: Remote::new(poll.registry(), REMOTE)?,
            poll,
        })
    }

    /// Speaks TLS on the connections that come from now on. One that does not shake hands in time is closed, and no other
    /// waits for it.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn set_tls(&mut self, tls: ServerTls) {
        self.tls = Some(tls);
    }

    /// Speaks gRPC-Web too, on the connections that come from now on: over HTTP/1.1, and over HTTP/2 beside native gRPC.
    /// Handlers see no difference.
    #[cfg(feature = "web")]
    #[cfg_attr(docsrs, doc(cfg(feature = "web")))]
    pub fn set_web(&mut self, web: crate::web::Config) {
        self.web = Some(web);
    }

    /// Lets further connections wait in the system's queue while there are `limit`. Times
    /// [`ServerConfig::connection_bytes`] that bounds the memory of the whole server.
    pub fn set_max_connections(&mut self, limit: usize) {
        self.max_connections = limit;
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// `NotConnected` once it has been shut down, or what the operating system reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let acceptor = self.acceptor.as_ref().ok_or(io::ErrorKind::NotConnected)?;
        acceptor.listener().local_addr()
    }

    /// Reaches this server from another thread.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }

    /// The time, on the clock of all connections: deadlines are told on it.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// The connections.
    pub fn connections(&self) -> &Connections<Socket, call::Server> {
        &self.connections
    }

    /// The connections, to go on with calls outside of events, such as when another thread has done its work.
    pub fn connections_mut(&mut self) -> &mut Connections<Socket, call::Server> {
        &mut self.connections
    }

    /// Attempts to accept a connection that failed. None of them stops the server.
    pub fn accept_errors(&self) -> u64 {
        self.acceptor.as_ref().map_or(0, Acceptor::errors)
    }

    /// Stops listening, and lets each connection end with its calls; those that take longer than `grace` are cut off.
    pub fn shutdown(&mut self, grace: Option<Duration>) {
        if let Some(mut acceptor) = self.acceptor.take() {
            // Dropping it closes the socket in any case.
            let _ = self.poll.registry().deregister(acceptor.listener_mut());
        }
        let now = self.clock.now();
        self.connections.shutdown(now, grace.map(|grace| now.saturating_add(grace)));
    }

    /// Whether it was shut down, and all connections are gone.
    pub fn is_finished(&self) -> bool {
        self.acceptor.is_none() && self.connections.is_empty()
    }

    /// One step: waits until something is to be done, for no longer than `timeout`, and does it. Returns early when it is
    /// woken by a [`Remote`].
    ///
    /// # Errors
    ///
    /// Only where waiting itself fails. What goes wrong with a connection is told to its
    /// [`Handler::closed`], and accepting goes on after every error.
    pub fn poll(&mut self, handler: &mut impl Handler<call::Server>, timeout: Option<Duration>) -> io::Result<()> {
        let now = self.clock.now();
        let room = self.connections.len() < self.max_connections;
        let accept = self.acceptor.as_ref().and_then(|acceptor| acceptor.timeout(now, room));
        let wait = [timeout, self.connections.timeout(now), accept].into_iter().flatten().min();
        wait_for(&mut self.poll, &mut self.events, wait)?;
        for event in &self.events {
            match (event.token(), &mut self.acceptor) {
                (LISTENER, Some(acceptor)) => acceptor.ready(),
                _ => _ = self.connections.ready(event),
            }
        }
        if let Some(stop) = self.remote.take_stop() {
            self.shutdown(stop.grace);
        }
        let now = self.clock.now();
        self.accept();
        self.connections.turn(now, self.poll.registry(), handler);
        Ok(())
    }

    fn accept(&mut self) {
        let Some(acceptor) = &mut self.acceptor else { return };
        let now = self.clock.now();
        let room = self.max_connections.saturating_sub(self.connections.len());
        acceptor.accept(now, room, |(socket, _)| {
            // Either fails only for a socket that is broken already, and that is no reason to stop.
            let _ = socket.set_nodelay(true);
            set_user_timeout(&socket, self.config.tcp_user_timeout());
            // Those that are accepted in one step begin at the same instant: their numbers tell them apart.
            self.accepted = self.accepted.wrapping_add(1);
            let seed = self.config.seed().wrapping_add(self.accepted);
            let connection = Connection::<call::Server>::with_seed(&self.config, now, seed);
            #[cfg(feature = "web")]
            let web = self.web.as_ref().map(|web| crate::web::Session::new(web, &self.config, now));
            #[cfg(feature = "tls")]
            if let Some(tls) = &self.tls {
                #[cfg(feature = "web")]
                if let Some(web) = web {
                    if let Ok(stream) = TlsStream::server_with_http1(socket, tls) {
                        let driver = Driver::connecting(Socket::Tls(stream.into()), connection);
                        let driver = driver.with_web(web.with_scheme(crate::grpc::Scheme::Https));
                        let _ = self.connections.insert_driver(self.poll.registry(), driver);
                    }
                    return;
                }
                if let Ok(stream) = TlsStream::server(socket, tls) {
                    let socket = Socket::Tls(stream.into());
                    let _ = self.connections.insert_connecting(self.poll.registry(), socket, connection);
                }
                return;
            }
            let driver = Driver::new(Socket::Tcp(socket), connection);
            #[cfg(feature = "web")]
            let driver = match web {
                Some(web) => driver.with_web(web),
                None => driver,
            };
            let _ = self.connections.insert_driver(self.poll.registry(), driver);
        });
    }

    /// Serves until it has been shut down and the last connection is gone.
    ///
    /// # Errors
    ///
    /// As [`Server::poll`].
    pub fn run(&mut self, handler: &mut impl Handler<call::Server>) -> io::Result<()> {
        while !self.is_finished() {
            self.poll(handler, None)?;
        }
        Ok(())
    }
}

/// Waits for readiness. A signal that interrupts it is as good as nothing having happened.
pub(super) fn wait_for(poll: &mut Poll, events: &mut Events, timeout: Option<Duration>) -> io::Result<()> {
    match poll.poll(events, timeout) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            events.clear();
            Ok(())
        }
        result => result,
    }
}
