//! One connection of a client that blocks.

use super::client::Request;
use super::error::{CallError, Failure};
use super::intercept::{Interceptors, Watch};
use crate::adapter::mio::{Client as Loop, ConnectionId, Handler, Remote};
#[cfg(feature = "tls")]
use crate::adapter::tls::ClientTls;
use crate::adapter::{cannot_connect, describe};
use crate::call::{self, Client};
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{OpenError, SendError};
use crate::event::{CallId, Event};
use crate::grpc::{Code, Layer, Message, Metadata, Method, Retry, Side, Status};
use crate::intercept::{ClientInterceptor, OutgoingCall};
use crate::stub::codec::{self, Codec};
use crate::stub::{ClientCall, Item, Opening, SendTypedError, TypedCall};
use crate::time::Instant;
use core::cell::RefCell;
use core::fmt;
use core::time::Duration;
use std::boxed::Box;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(unix)]
use std::path::Path;
use std::rc::Rc;
use std::string::ToString;

/// A client's connection whose calls block the thread. Clones are cheap and share the connection.
///
/// Whoever waits for something moves all calls of the channel on; while nobody does, nothing moves, PINGs of the server
/// are not answered, and what was queued waits. So a channel suits a program that calls and goes on with the answer. Each
/// thread has a channel of its own; for a loop of your own, see [`adapter::mio::Client`](crate::adapter::mio::Client).
#[derive(Clone)]
pub struct Channel {
    state: Rc<RefCell<State>>,
    interceptors: Option<Interceptors>,
}

struct State {
    client: Loop,
    id: ConnectionId,
    config: ClientConfig,
    calls: Calls,
}

/// The calls that somebody holds, and how the connection stands.
#[derive(Default)]
struct Calls {
    /// What was received and not read when the connection ended: no more than its windows allowed.
    left: BTreeMap<CallId, VecDeque<Received>>,
    ready: bool,
    closed: bool,
    /// The server has called for longer intervals between PINGs.
    next_config: Option<ClientConfig>,
    /// What the operating system reported.
    cause: Option<io::Error>,
}

/// An item that was kept.
enum Received {
    Head(Metadata),
    Message(Message),
    End(Box<Failure>),
}

/// What a call gives: initial metadata, a message, or its end, which may be a good one.
pub(super) enum Taken<M> {
    Head(Metadata),
    Message(M),
    End(Box<Failure>),
}

/// A call that was opened, and what is told of it.
type Watched<Req, Res, C> = (ClientCall<Req, Res, C>, Option<Watch>);

impl Handler<Client> for Calls {
    fn event(&mut self, _: Instant, _: ConnectionId, connection: &mut Connection<Client>, event: Event) {
        match event {
            Event::Ready => self.ready = true,
            Event::TooManyPings => self.next_config = Some(connection.next_config()),
            // The connection is about to go, with all that lies in it.
            Event::Closed => {
                self.closed = true;
                for (id, left) in &mut self.left {
                    let Some(mut call) = connection.call(*id) else { continue };
                    while let Some(item) = call.read() {
                        left.push_back(match item {
                            call::Item::Head(head) => Received::Head(head.metadata().to_metadata()),
                            call::Item::Message(payload) => {
                                let compressed = payload.compressed();
                                let mut message = Message::new(payload.into_bytes());
                                message.compressed = compressed;
                                Received::Message(message)
                            }
                            call::Item::End(outcome) => Received::End(Box::new(Failure::of(outcome))),
                        });
                    }
                }
            }
            // Whoever waits looks at the call itself.
            _ => {}
        }
    }

    fn closed(&mut self, _: ConnectionId, connection: &Connection<Client>, cause: Option<&io::Error>) {
        self.closed = true;
        self.cause = match (cause, connection.error()) {
            (Some(cause), _) => Some(io::Error::new(cause.kind(), describe(cause))),
            (None, Some(error)) => Some(io::Error::other(error.to_string())),
            (None, None) => None,
        };
    }
}

impl Channel {
    /// Connects by TCP, and waits for the server to say that it speaks HTTP/2. Of several addresses the first that works
    /// is taken.
    ///
    /// # Errors
    ///
    /// What the operating system reports of the last address, or the rule that the server broke.
    pub fn connect(address: impl ToSocketAddrs, config: &ClientConfig) -> io::Result<Self> {
        Self::first_of(address, config, |client, address| client.connect(address, config))
    }

    /// As [`Channel::connect`], under TLS: see [`Client::connect_tls`](crate::adapter::mio::Client::connect_tls).
    ///
    /// ```no_run
    /// use grpc_sansio::ClientConfig;
    /// use grpc_sansio::adapter::tls::{ClientTls, Roots};
    /// use grpc_sansio::stub::blocking::Channel;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = ClientTls::new(Roots::system()?, None)?;
    /// let config = ClientConfig::builder("greeter.example").build()?;
    /// let channel = Channel::connect_tls("greeter.example:443", &config, &tls)?;
    /// # let _ = channel;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As there; the text of a [`HandshakeError`](crate::adapter::tls::HandshakeError) where the handshake failed.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn connect_tls(address: impl ToSocketAddrs, config: &ClientConfig, tls: &ClientTls) -> io::Result<Self> {
        Self::first_of(address, config, |client, address| client.connect_tls(address, config, tls))
    }

    /// As [`Channel::connect`], to a Unix socket.
    ///
    /// # Errors
    ///
    /// As there.
    #[cfg(unix)]
    pub fn connect_unix(path: impl AsRef<Path>, config: &ClientConfig) -> io::Result<Self> {
        Self::start(config, |client| client.connect_unix(path.as_ref(), config))
    }

    fn first_of(
        address: impl ToSocketAddrs,
        config: &ClientConfig,
        mut connect: impl FnMut(&mut Loop, SocketAddr) -> io::Result<ConnectionId>,
    ) -> io::Result<Self> {
        let mut error = cannot_connect(&"the name", &io::Error::new(io::ErrorKind::InvalidInput, "it has no address"));
        for address in address.to_socket_addrs().map_err(|error| cannot_connect(&"the name", &error))? {
            match Self::start(config, |client| connect(client, address)) {
                Ok(channel) => return Ok(channel),
                Err(cause) => error = cannot_connect(&address, &cause),
            }
        }
        Err(error)
    }

    /// Connects, and waits until the server has said that it speaks HTTP/2.
    fn start(config: &ClientConfig, connect: impl FnOnce(&mut Loop) -> io::Result<ConnectionId>) -> io::Result<Self> {
        let mut client = Loop::new()?;
        let id = connect(&mut client)?;
        let mut state = State { client, id, config: config.clone(), calls: Calls::default() };
        while !state.calls.ready && !state.calls.closed {
            state.poll()?;
        }
        if state.calls.ready {
            return Ok(Self { state: Rc::new(RefCell::new(state)), interceptors: None });
        }
        // Its turn comes until the socket is closed, and that tells the cause.
        while state.client.connection_mut(state.id).is_some() {
            state.poll()?;
        }
        let ended = io::Error::new(io::ErrorKind::ConnectionAborted, "transport: the server closed the connection");
        Err(state.calls.cause.take().unwrap_or(ended))
    }

    /// Asks an interceptor about each call of this channel and of clones that are made from it; other clones share the
    /// connection and not the interceptor. Of several the first is the outermost.
    #[must_use]
    pub fn with_interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: ClientInterceptor<Hooks: 'static> + 'static,
    {
        self.interceptors = Some(Interceptors::with(self.interceptors.take(), interceptor));
        self
    }

    /// Reaches the loop from other threads.
    pub(super) fn remote(&self) -> Remote {
        self.state.borrow().client.remote()
    }

    /// The time on the connection's clock.
    pub(super) fn now(&self) -> Instant {
        self.state.borrow().client.now()
    }

    /// Opens a call, waiting until the connection has room for it.
    pub(super) fn open<Req, Res, C: Codec<Req> + Codec<Res>>(
        &self,
        method: &Method,
        codec: &C,
        mut head: Request<()>,
    ) -> Result<Watched<Req, Res, C>, CallError> {
        let now = self.now();
        let mut deadline = head.timeout.map(|timeout| now.saturating_add(timeout));
        let mut watch = None;
        if let Some(interceptors) = &self.interceptors {
            let secure = self.state.borrow_mut().is_secure();
            let mut call = OutgoingCall::new(method, &mut head.metadata, now, secure);
            (call.deadline, call.authority) = (deadline, head.authority.take());
            watch = Some(interceptors.start(&mut call)?);
            (deadline, head.authority) = (call.deadline, call.authority);
        }
        let opened = self.state.borrow_mut().open(method, codec, &head, deadline);
        if let (Err(error), Some(watch)) = (&opened, watch.take_if(|_| opened.is_err())) {
            watch.end(&mut error.to_status(), &mut Metadata::new(), self.now(), true);
        }
        Ok((opened?, watch))
    }

    /// Queues a message if there is room.
    pub(super) fn try_send<Req, Res, C: Codec<Req> + Codec<Res>>(
        &self,
        call: &ClientCall<Req, Res, C>,
        message: &Req,
    ) -> Result<(), SendTypedError> {
        self.verb(call, |call| match call {
            Some(mut call) => call.send(message),
            None => Err(SendError::Ended(()).into()),
        })
    }

    pub(super) fn half_close<Req, Res, C: Codec<Req> + Codec<Res>>(
        &self,
        call: &ClientCall<Req, Res, C>,
    ) -> Result<(), crate::Misuse> {
        self.verb(call, |call| call.map_or(Ok(()), |mut call| call.half_close()))
    }

    /// Takes what has come on a call; `None` where nothing has.
    pub(super) fn try_take<Req, Res, C: Codec<Req> + Codec<Res>>(
        &self,
        handle: &ClientCall<Req, Res, C>,
    ) -> Option<Result<Taken<Res>, Status>> {
        let state = &mut *self.state.borrow_mut();
        let left = state.calls.left.get_mut(&handle.id()).and_then(VecDeque::pop_front);
        if let Some(left) = left {
            return Some(Ok(match left {
                Received::Head(metadata) => Taken::Head(metadata),
                Received::Message(message) => match codec::from_message(handle.codec(), Side::Client, message) {
                    Ok(message) => Taken::Message(message),
                    Err(status) => return Some(Err(status)),
                },
                Received::End(outcome) => Taken::End(outcome),
            }));
        }
        let lost = state.calls.closed;
        let call = state.client.connection_mut(state.id).and_then(|connection| handle.on(connection));
        let Some(mut call) = call else { return Some(Ok(Taken::End(state.gone()))) };
        match call.read() {
            Some(item) => Some(item.map(|item| match item {
                Item::Head(head) => Taken::Head(head.metadata().to_metadata()),
                Item::Message(message) => Taken::Message(message),
                Item::End(outcome) => Taken::End(Box::new(Failure::of(outcome))),
            })),
            None if lost => Some(Ok(Taken::End(state.gone()))),
            None => None,
        }
    }

    /// Lets a call go: cancels it if it goes on.
    pub(super) fn forget(&self, id: CallId) {
        let state = &mut *self.state.borrow_mut();
        state.calls.left.remove(&id);
        if let Some(call) = state.client.connection_mut(state.id).and_then(|connection| connection.call(id)) {
            call.cancel();
            // Nobody may wait for a while, and the server should learn it now. A failure shows in the next call.
            let _ = state.client.poll(&mut state.calls, Some(Duration::ZERO));
        }
    }

    /// Waits until something happens on the connection.
    pub(super) fn wait(&self) -> io::Result<()> {
        self.state.borrow_mut().poll()
    }

    /// Closes the connection once all calls have ended, and waits for that, for no longer than `grace`.
    ///
    /// # Errors
    ///
    /// Where the socket cannot be waited for.
    pub fn close(self, grace: Option<Duration>) -> io::Result<()> {
        let state = &mut *self.state.borrow_mut();
        state.client.shutdown(grace);
        state.client.run(&mut state.calls)
    }

    /// The config for the connection that follows this one: with twice the keepalive time where the server said that this one
    /// sent too many PINGs. See [`Connection::next_config`].
    pub fn next_config(&self) -> ClientConfig {
        let state = self.state.borrow();
        state.calls.next_config.as_ref().unwrap_or(&state.config).clone()
    }

    /// Whether the connection takes no more calls.
    pub fn is_closed(&self) -> bool {
        self.state.borrow().calls.closed
    }

    fn verb<Req, Res, C: Codec<Req> + Codec<Res>, T>(
        &self,
        handle: &ClientCall<Req, Res, C>,
        verb: impl FnOnce(Option<TypedCall<'_, Client, Req, Res, C>>) -> T,
    ) -> T {
        let state = &mut *self.state.borrow_mut();
        let connection = state.client.connection_mut(state.id);
        verb(connection.and_then(|connection| handle.on(connection)))
    }
}

impl State {
    fn open<Req, Res, C: Codec<Req> + Codec<Res>>(
        &mut self,
        method: &Method,
        codec: &C,
        head: &Request<()>,
        deadline: Option<Instant>,
    ) -> Result<ClientCall<Req, Res, C>, CallError> {
        loop {
            let now = self.client.now();
            let Some(connection) = self.client.connection_mut(self.id) else { return Err(self.gone().into()) };
            let opening = Opening::new(method, codec.clone()).with(|mut options| {
                (options.deadline, options.authority) = (deadline, head.authority.as_deref());
                options.metadata(&head.metadata)
            });
            match opening.open(connection, now) {
                Ok(call) => {
                    self.calls.left.insert(call.id(), VecDeque::new());
                    return Ok(call);
                }
                Err(OpenError::Draining) => return Err(self.gone().into()),
                Err(OpenError::Full) if deadline.is_some_and(|deadline| deadline <= now) => {
                    let rule = "the deadline of the call passed while it waited to be opened (max_waiting_calls)";
                    let (code, retry) = (Code::DeadlineExceeded, Retry::Safe);
                    let status = Status::explained(Side::Client, Layer::Grpc, code, retry, rule);
                    return Err(Failure::local(status, retry).into());
                }
                Err(OpenError::Full) => {
                    let left = deadline.map(|deadline| deadline.saturating_since(now));
                    self.client.poll(&mut self.calls, left)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn is_secure(&mut self) -> bool {
        self.client.connection_mut(self.id).is_some_and(|connection| connection.is_secure())
    }

    fn poll(&mut self) -> io::Result<()> {
        self.client.poll(&mut self.calls, None)
    }

    /// The end of a call that the connection knows nothing of, for it is gone.
    fn gone(&self) -> Box<Failure> {
        let (code, retry) = (Code::Unavailable, Retry::Safe);
        let status = match &self.calls.cause {
            Some(cause) => Status::of(Side::Client, code, format_args!("{cause}; retry: {retry}")),
            None => Status::of(Side::Client, code, OpenError::Draining),
        };
        Failure::local(status, retry)
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Channel").field("calls", &state.calls.left.len()).field("closed", &state.calls.closed).finish()
    }
}
