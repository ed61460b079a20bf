//! A client's connection, shared by many tasks.

use super::call::{Call, CallReceiver};
use super::driver::{Driver, DriverError};
use super::error::{CallError, Outcome};
use super::intercept::{self, ClientInterceptors, ClientWatch};
use super::request::{Request, Response};
use super::server_call::Cancellation;
use super::shared::Shared;
use crate::adapter::cannot_connect;
use crate::adapter::socket::set_user_timeout;
use crate::call::{Client, Stop};
use crate::codec::Codecs;
use crate::config::ClientConfig;
use crate::connection::Connection;
use crate::error::{ConnectionError, OpenError, Origin, SendError};
use crate::event::CallId;
use crate::grpc::{Code, Kind, Layer, Message, Method, Retry, Side, Status};
use crate::intercept::{ClientInterceptor, OutgoingCall};
use crate::options::OpenOptions;
use std::borrow::ToOwned;
use std::future::Future;
use std::io;
#[cfg(unix)]
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};

/// A client's connection. Clones are cheap, share the connection, and can be used from any task at once.
///
/// When the last clone is dropped no new calls are possible; those at hand go on, and the connection ends after them.
///
/// ```
/// use grpc_sansio::adapter::tokio::{Channel, Request, Response, Router, Server};
/// use grpc_sansio::grpc::{Kind, Method};
/// use grpc_sansio::{ClientConfig, ServerConfig};
///
/// const SHOUT: Method = Method::from_static("/demo.Echo/Shout", Kind::Unary);
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let router = Router::new().unary(&SHOUT, |request| async move {
///     Ok(Response::new(request.message.data.to_ascii_uppercase()))
/// });
/// // Any transport will do; `Channel::connect` makes a TCP connection.
/// let (near, far) = tokio::io::duplex(4096);
/// tokio::spawn(Server::new(ServerConfig::default()).serve_connection(far, router));
/// let (channel, driver) = Channel::new(near, &ClientConfig::builder("localhost").build()?);
/// tokio::spawn(driver);
///
/// let response = channel.unary(&SHOUT, Request::new("hello")).await?;
/// assert_eq!(response.message.data, "HELLO");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Channel {
    owner: Arc<Owner>,
    interceptors: Option<ClientInterceptors>,
}

/// Shuts the connection down when the last channel goes. Calls do not hold it, so they do not keep the connection open
/// for new ones.
#[derive(Debug)]
struct Owner {
    shared: Arc<Shared<Client>>,
    /// Whether it is under TLS.
    secure: bool,
}

impl Drop for Owner {
    fn drop(&mut self) {
        let now = self.shared.now();
        self.shared.with(|state| state.connection.shutdown(now, None));
    }
}

impl Channel {
    /// Connects by TCP, and spawns the task that drives the connection.
    ///
    /// # Errors
    ///
    /// Those of [`TcpStream::connect`], by their kind; the text names the last address that was tried.
    pub async fn connect(address: impl ToSocketAddrs, config: &ClientConfig) -> io::Result<Self> {
        let stream = dial(address, config).await?;
        let (channel, driver) = Self::new(stream, config);
        tokio::spawn(driver);
        Ok(channel)
    }

    /// As [`Channel::connect`], to a Unix socket. There is no TLS on it: a [`Bearer`](crate::intercept::Bearer) token needs
    /// to be allowed.
    ///
    /// # Errors
    ///
    /// Those of [`UnixStream::connect`].
    #[cfg(unix)]
    pub async fn connect_unix(path: impl AsRef<Path>, config: &ClientConfig) -> io::Result<Self> {
        let (channel, driver) = Self::new(UnixStream::connect(path).await?, config);
        tokio::spawn(driver);
        Ok(channel)
    }

    /// A connection over any transport, and the future that drives it, to be spawned or polled beside the calls. It ends
    /// with the connection; dropping it ends the connection, and its calls with UNAVAILABLE.
    pub fn new<T>(io: T, config: &ClientConfig) -> (Self, impl Future<Output = Result<(), DriverError>> + use<T>)
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        let epoch = tokio::time::Instant::now();
        let connection = Connection::<Client>::new(config, crate::Instant::from_nanos(0));
        let secure = connection.is_secure();
        let shared = Arc::new(Shared::new(connection, epoch));
        let driver = Driver::new(Arc::clone(&shared), io, |_: CallId| {});
        (Self { owner: Arc::new(Owner { shared, secure }), interceptors: None }, driver)
    }

    /// Compresses and decompresses messages with these codecs, on this channel and all its clones; the first that are given
    /// stay. The config has to list them: [`Codecs::codings`] is what its `codings` takes.
    ///
    /// Messages that a server sends compressed are decompressed then, up to `max_receive_message`; a call whose message
    /// cannot be ends with INTERNAL, or RESOURCE_EXHAUSTED. What is compressed on the way out is said by
    /// [`Codecs::sending`], [`Request::with_encoding`] and [`Message::as_is`].
    #[must_use]
    pub fn with_codecs(self, codecs: Codecs) -> Self {
        self.owner.shared.set_codecs(codecs);
        self
    }

    /// Asks an interceptor about each call of this channel and of clones that are made from it; other clones share the
    /// connection and not the interceptor. Of several the first is the outermost.
    ///
    /// ```
    /// use grpc_sansio::adapter::tokio::Channel;
    /// use grpc_sansio::intercept::{Bearer, Logger, Record};
    ///
    /// # fn example(channel: Channel) {
    /// let log = Logger::new(|record: &Record<'_>| println!("{record}"));
    /// let channel = channel.with_interceptor((log, Bearer::fixed("secret")));
    /// // Clients of all services are made of it as of any other channel.
    /// # let _ = channel;
    /// # }
    /// ```
    #[must_use]
    pub fn with_interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: ClientInterceptor<Hooks: Send + 'static> + Send + Sync + 'static,
    {
        self.interceptors = Some(ClientInterceptors::with(self.interceptors.as_ref(), interceptor));
        self
    }

    /// Calls a unary method.
    ///
    /// # Errors
    ///
    /// [`CallError::Failed`] where the call ended with another status than OK; the others for a call that cannot be made.
    pub async fn unary(&self, method: &Method, request: impl Into<Request>) -> Result<Response, CallError> {
        check(method, Kind::Unary)?;
        let (message, head) = request.into().split();
        self.start(method, head, Some(message)).await?.response().await
    }

    /// Calls a method that answers with a stream of messages.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the receiver.
    pub async fn server_streaming(
        &self,
        method: &Method,
        request: impl Into<Request>,
    ) -> Result<CallReceiver, CallError> {
        check(method, Kind::ServerStreaming)?;
        let (message, head) = request.into().split();
        Ok(self.start(method, head, Some(message)).await?.split().1)
    }

    /// Calls a method that takes a stream of messages: send them, then wait for [`Call::response`].
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the call.
    pub async fn client_streaming(&self, method: &Method, request: Request<()>) -> Result<Call, CallError> {
        check(method, Kind::ClientStreaming)?;
        self.start(method, request, None).await
    }

    /// Calls a method with streams both ways. [`Call::split`] makes them usable at the same time.
    ///
    /// # Errors
    ///
    /// [`CallError`] for a call that cannot be made; how it ends is told by the call.
    pub async fn bidi_streaming(&self, method: &Method, request: Request<()>) -> Result<Call, CallError> {
        check(method, Kind::BidiStreaming)?;
        self.start(method, request, None).await
    }

    /// Opens a call of any kind without sending anything, not even the one message of a unary method.
    ///
    /// # Errors
    ///
    /// As [`Channel::bidi_streaming`].
    pub async fn open(&self, method: &Method, request: Request<()>) -> Result<Call, CallError> {
        self.start(method, request, None).await
    }

    async fn start(
        &self,
        method: &Method,
        mut request: Request<()>,
        message: Option<Message>,
    ) -> Result<Call, CallError> {
        let mut watch = match &self.interceptors {
            Some(interceptors) => Some(self.intercept(interceptors, method, &mut request)?),
            None => None,
        };
        let parent = request.parent.take();
        let opened = self.open_call(method, &request, message);
        let opened = match &parent {
            None => opened.await,
            Some(parent) => tokio::select! {
                biased;
                opened = opened => opened,
                () = parent.cancelled() => Err(stopped_with(parent).into()),
            },
        };
        let mut call = match (opened, &mut watch) {
            (Ok(call), _) => call,
            (Err(error), None) => return Err(error),
            (Err(error), Some(watch)) => {
                let mut outcome = Outcome::local(error.to_status(), Origin::Local, error.retry());
                outcome.unprocessed = true;
                watch.look(None, Some(&mut outcome));
                return Err(error);
            }
        };
        call.watch(watch);
        if let Some(parent) = parent {
            call.tie_to(parent);
        }
        Ok(call)
    }

    /// Shows interceptors what is about to be called.
    fn intercept(
        &self,
        interceptors: &ClientInterceptors,
        method: &Method,
        request: &mut Request<()>,
    ) -> Result<ClientWatch, CallError> {
        let mut call = OutgoingCall::new(method, &mut request.metadata, intercept::now(), self.owner.secure);
        (call.deadline, call.authority) = (request.deadline.map(intercept::at), request.authority.take());
        let watch = interceptors.start(&mut call)?;
        request.deadline = intercept::deadline_after(request.deadline, call.deadline);
        request.authority = call.authority;
        Ok(watch)
    }

    async fn open_call(
        &self,
        method: &Method,
        request: &Request<()>,
        mut message: Option<Message>,
    ) -> Result<Call, CallError> {
        let shared = &self.owner.shared;
        let closed = message.is_some();
        let mut options = OpenOptions::new(method).metadata(&request.metadata);
        options.deadline = request.deadline.map(|deadline| shared.at(deadline));
        options.authority = request.authority.as_deref();
        options.encoding = match shared.codecs() {
            Some(codecs) => codecs.for_client(request.encoding.as_deref()),
            None => request.encoding.as_deref(),
        };
        message = message.map(|message| shared.encode(options.encoding, message));
        options.content_subtype = request.content_subtype.as_deref();
        options.previous_attempts = request.previous_attempts;

        let opened = shared.when_room(|| self.try_open(&options, &mut message));
        let id = match request.deadline {
            None => opened.await,
            // The call waits for room before the connection knows its deadline.
            Some(deadline) => tokio::time::timeout_at(deadline, opened).await.unwrap_or_else(|_| {
                let rule = "the deadline of the call passed while it waited to be opened (max_waiting_calls)";
                let (code, retry) = (Code::DeadlineExceeded, Retry::Safe);
                let status = Status::explained(Side::Client, Layer::Grpc, code, retry, rule);
                Err(Outcome::local(status, Origin::Local, retry).into())
            }),
        }?;
        let coding = shared.codecs().and(options.encoding).map(ToOwned::to_owned);
        Ok(Call::new(Arc::clone(shared), id, method.kind(), closed, coding))
    }

    /// Opens a call and queues its only message, if it has one, so that both leave in one write. `None` where there is no
    /// room for now.
    fn try_open(&self, options: &OpenOptions<'_>, message: &mut Option<Message>) -> Option<Result<CallId, CallError>> {
        let shared = &self.owner.shared;
        let now = shared.now();
        shared.with(|state| {
            let id = match state.connection.open(now, options) {
                Ok(id) => id,
                Err(OpenError::Full) => return None,
                Err(OpenError::Draining) => {
                    let error = state.connection.error();
                    return Some(Err(Outcome::no_connection(error).into()));
                }
                Err(error) => return Some(Err(CallError::Open(error))),
            };
            let Some(message) = message.take() else { return Some(Ok(id)) };
            match state.try_send(id, message) {
                // A call that ended at once tells why when it is read.
                Ok(()) | Err(SendError::Ended(_) | SendError::Full(_)) => Some(Ok(id)),
                Err(error) => {
                    if let Some(call) = state.connection.call(id) {
                        call.cancel();
                    }
                    Some(Err(match error {
                        SendError::Misuse(misuse) => CallError::Misuse(misuse),
                        _ => CallError::TooLarge,
                    }))
                }
            }
        })
    }

    /// Takes no new calls; those at hand go on, for `grace` at most, and then the connection ends.
    pub fn shutdown(&self, grace: Option<Duration>) {
        let now = self.owner.shared.now();
        self.owner.shared.with(|state| state.connection.shutdown(now, grace.map(|grace| now.saturating_add(grace))));
    }

    /// The config for the connection that follows this one: with twice the keepalive time where the server said that this one
    /// sent too many PINGs. See [`Connection::next_config`].
    pub fn next_config(&self) -> ClientConfig {
        self.owner.shared.with(|state| state.connection.next_config())
    }

    /// Why the connection ended; `None` while it works, and after a graceful end.
    pub fn error(&self) -> Option<ConnectionError> {
        self.owner.shared.with(|state| state.connection.error().cloned())
    }

    /// Whether the connection takes no more calls: it was shut down, by either side, or it has ended.
    pub fn is_draining(&self) -> bool {
        self.owner.shared.with(|state| state.is_draining())
    }

    /// Waits for the end of the connection.
    pub async fn closed(&self) {
        self.owner.shared.closed().await;
    }
}

/// A TCP connection to the first address that takes it.
pub(super) async fn dial(address: impl ToSocketAddrs, config: &ClientConfig) -> io::Result<TcpStream> {
    let mut error = cannot_connect(&"the name", &io::Error::other("it has no address"));
    for address in lookup_host(address).await.map_err(|error| cannot_connect(&"the name", &error))? {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Frames are packed already; waiting for more only delays them.
                stream.set_nodelay(true)?;
                set_user_timeout(&stream, config.tcp_user_timeout());
                return Ok(stream);
            }
            Err(why) => error = cannot_connect(&address, &why),
        }
    }
    Err(error)
}

/// A call whose parent stopped before it was opened.
fn stopped_with(parent: &Cancellation) -> Outcome {
    let (code, rule) = match parent.reason() {
        Some(Stop::DeadlineExceeded) => (Code::DeadlineExceeded, "the deadline of the call passed"),
        _ => (Code::Cancelled, "the call on whose behalf it was made has stopped"),
    };
    let status = Status::explained(Side::Client, Layer::Application, code, Retry::Safe, rule);
    Outcome::local(status, Origin::Local, Retry::Safe)
}

fn check(method: &Method, kind: Kind) -> Result<(), CallError> {
    if method.kind() == kind { Ok(()) } else { Err(CallError::Kind(method.kind())) }
}

impl From<Outcome> for CallError {
    fn from(outcome: Outcome) -> Self {
        Self::Failed(super::Failure::new(outcome, crate::grpc::Metadata::new()))
    }
}
