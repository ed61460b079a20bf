//! A server: connections in, calls to a handler.

use super::driver::{Driver, DriverError};
use super::intercept::ServerInterceptors;
use super::server_call::{Peer, ServerCall};
use super::shared::Shared;
#[cfg(feature = "web")]
use crate::adapter::front::Gate;
#[cfg(feature = "tls")]
use crate::adapter::tls::ServerTls;
use crate::codec::Codecs;
use crate::config::ServerConfig;
use crate::connection::Connection;
use crate::event::CallId;
use crate::intercept::ServerInterceptor;
use std::boxed::Box;
use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What takes a server's calls: a [`Router`](super::Router), or any function of a [`ServerCall`] to a future.
///
/// ```
/// use grpc_sansio::adapter::tokio::{Handler, ServerCall};
/// use grpc_sansio::grpc::{Metadata, Status};
///
/// /// Sends every message back.
/// async fn echo(mut call: ServerCall) {
///     while let Ok(Some(message)) = call.message().await {
///         if call.send(message.data).await.is_err() {
///             return;
///         }
///     }
///     call.finish(&Status::ok(), &Metadata::new());
/// }
///
/// fn takes_a_handler(_: impl Handler) {}
/// takes_a_handler(echo);
/// ```
pub trait Handler: Send + Sync + 'static {
    /// Takes one call to its end. It runs in a task of its own; on a runtime of one thread it may run in that of the
    /// connection as far as the first wait.
    fn handle(&self, call: ServerCall) -> impl Future<Output = ()> + Send + 'static;
}

impl<F, A> Handler for F
where
    F: Fn(ServerCall) -> A + Send + Sync + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    fn handle(&self, call: ServerCall) -> impl Future<Output = ()> + Send + 'static {
        self(call)
    }
}

/// Where connections come from.
pub trait Listen: Send {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection, and the address of its other end if it has one. It may be dropped while it waits,
    /// and must not lose a connection then.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Io, Option<SocketAddr>)>> + Send;
}

impl Listen for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // Frames are packed already; waiting for more only delays them.
        stream.set_nodelay(true)?;
        Ok((stream, Some(peer)))
    }
}

#[cfg(unix)]
impl Listen for tokio::net::UnixListener {
    type Io = tokio::net::UnixStream;

    async fn accept(&mut self) -> io::Result<(Self::Io, Option<SocketAddr>)> {
        Ok((tokio::net::UnixListener::accept(self).await?.0, None))
    }
}

/// Serves connections.
///
/// ```no_run
/// use grpc_sansio::ServerConfig;
/// use grpc_sansio::adapter::tokio::{Response, Router, Server};
/// use grpc_sansio::grpc::{Kind, Method};
///
/// const HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
///
/// # async fn example() -> std::io::Result<()> {
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:50051").await?;
/// let router = Router::new().unary(&HELLO, |request| async move { Ok(Response::new(request.message.data)) });
/// Server::new(ServerConfig::default())
///     .serve_with_shutdown(listener, router, async { tokio::signal::ctrl_c().await.unwrap_or_default() })
///     .await;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Server {
    config: ServerConfig,
    grace: Option<Duration>,
    codecs: Option<Codecs>,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
    interceptors: Option<ServerInterceptors>,
    #[cfg(feature = "web")]
    web: Option<crate::web::Config>,
    watcher: Watcher,
}

/// Who is told of connections that failed.
#[derive(Clone)]
struct Watcher(Option<Arc<Tell>>);

type Tell = dyn Fn(Option<SocketAddr>, &DriverError) + Send + Sync;

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Watcher(..)" } else { "None" })
    }
}

/// How long a failed accept is followed by none, where the cause is not that one connection's.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Connections so far, of all servers.
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

impl Server {
    /// A server whose connections all have this config.
    pub fn new(config: ServerConfig) -> Self {
        Self {
            config,
            grace: None,
            codecs: None,
            #[cfg(feature = "tls")]
            tls: None,
            interceptors: None,
            #[cfg(feature = "web")]
            web: None,
            watcher: Watcher(None),
        }
    }

    /// Speaks TLS on every connection, over whatever transport. Handshakes take place in the connection's own task.
    #[cfg(feature = "tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Asks an interceptor about each call, before the handler sees it, also about calls of methods that are not there. Of
    /// several the first is the outermost. It runs where the handler does, and must not block.
    pub fn with_interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: ServerInterceptor<Hooks: Send + 'static> + Send + Sync + 'static,
    {
        self.interceptors = Some(ServerInterceptors::with(self.interceptors.as_ref(), interceptor));
        self
    }

    /// Speaks gRPC-Web too, on the same port: over HTTP/1.1, and over HTTP/2 beside native gRPC. Handlers see no
    /// difference. Under TLS `http/1.1` is agreed to besides `h2`, and so is a client without ALPN.
    ///
    /// ```
    /// use grpc_sansio::ServerConfig;
    /// use grpc_sansio::adapter::tokio::Server;
    /// use grpc_sansio::web::{Config, Cors};
    ///
    /// let server = Server::new(ServerConfig::default())
    ///     .with_web(Config::default().cors(Cors::origins(["https://app.example"])));
    /// ```
    #[cfg(feature = "web")]
    #[cfg_attr(docsrs, doc(cfg(feature = "web")))]
    #[must_use]
    pub fn with_web(mut self, web: crate::web::Config) -> Self {
        self.web = Some(web);
        self
    }

    #[cfg(feature = "tls")]
    fn speaks_http1(&self) -> bool {
        #[cfg(feature = "web")]
        return self.web.is_some();
        #[cfg(not(feature = "web"))]
        false
    }

    /// Tells of each connection that did not end gracefully, with the address of its peer, if it has one: for a log. It
    /// must not block.
    pub fn on_failure(mut self, tell: impl Fn(Option<SocketAddr>, &DriverError) + Send + Sync + 'static) -> Self {
        self.watcher = Watcher(Some(Arc::new(tell)));
        self
    }

    /// How long calls may go on after a graceful shutdown has begun. For as long as they like, unless set.
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Compresses and decompresses messages with these codecs. The config has to list them: [`Codecs::codings`] is what its
    /// `codings` takes.
    ///
    /// Handlers get their messages decompressed then, up to `max_receive_message`; a call whose message cannot be ends with
    /// INTERNAL, or RESOURCE_EXHAUSTED. Responses are compressed with the handler's coding, or else with the first of
    /// [`Codecs::sending`] that the client accepts, unless they are [`as_is`](crate::grpc::Message::as_is).
    #[must_use]
    pub fn with_codecs(mut self, codecs: Codecs) -> Self {
        self.codecs = Some(codecs);
        self
    }

    /// Serves for ever. An error of `accept` does not end it: the next connection may do better.
    pub async fn serve(self, listener: impl Listen, handler: impl Handler) {
        self.serve_with_shutdown(listener, handler, pending()).await;
    }

    /// Serves until `shutdown` ends. Then it takes no more connections and no more calls, waits for those that are open,
    /// and returns. Dropping it ends all connections at once.
    pub async fn serve_with_shutdown(
        self,
        mut listener: impl Listen,
        handler: impl Handler,
        shutdown: impl Future<Output = ()>,
    ) {
        let handler = Arc::new(handler);
        let (stop, stopping) = watch::channel(());
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                // Connections that have ended make room.
                Some(_) = connections.join_next() => {}
                accepted = accept(&mut listener) => if let Some((io, peer)) = accepted {
                    let mut stopping = stopping.clone();
                    let stop = async move { stopping.changed().await.unwrap_or_default() };
                    connections.spawn(self.clone().drive(io, peer, Arc::clone(&handler), stop));
                },
            }
        }
        drop(listener);
        stop.send_replace(());
        while connections.join_next().await.is_some() {}
    }

    /// Serves one connection, over any transport, until it ends.
    ///
    /// Each call is a task of its own, so this has to run within a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`DriverError`] where it does not end by a graceful shutdown.
    pub async fn serve_connection<T>(self, io: T, handler: impl Handler) -> Result<(), DriverError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.drive(io, None, Arc::new(handler), pending()).await
    }

    /// As [`Server::serve_connection`], with a graceful shutdown when `shutdown` ends.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn serve_connection_with_shutdown<T>(
        self,
        io: T,
        handler: impl Handler,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), DriverError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
    {
        self.drive(io, None, Arc::new(handler), shutdown).await
    }

    async fn drive<T, H>(
        self,
        io: T,
        address: Option<SocketAddr>,
        handler: Arc<H>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), DriverError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        let watcher = self.watcher.clone();
        let result = self.secure(io, address, handler, pin!(shutdown)).await;
        if let (Err(error), Watcher(Some(tell))) = (&result, watcher) {
            tell(address, error);
        }
        result
    }

    /// Shakes hands, if that is to be done, and drives the connection.
    async fn secure<T, H>(
        self,
        io: T,
        address: Option<SocketAddr>,
        handler: Arc<H>,
        mut shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), DriverError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let (io, certificates) = tokio::select! {
                biased;
                shaken = super::tls::accept(tls, io, self.speaks_http1()) => shaken?,
                // Nobody has a call on it yet.
                () = &mut shutdown => return Ok(()),
            };
            return self.run(io, Peer { address, certificates }, handler, shutdown).await;
        }
        self.run(io, Peer { address, certificates: None }, handler, shutdown.as_mut()).await
    }

    #[cfg(feature = "web")]
    fn scheme(&self) -> crate::grpc::Scheme {
        #[cfg(feature = "tls")]
        if self.tls.is_some() {
            return crate::grpc::Scheme::Https;
        }
        crate::grpc::Scheme::Http
    }

    async fn run<T, H>(
        self,
        io: T,
        peer: Peer,
        handler: Arc<H>,
        shutdown: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), DriverError>
    where
        T: AsyncRead + AsyncWrite + Unpin,
        H: Handler,
    {
        let epoch = tokio::time::Instant::now();
        // Each connection's clock begins at zero, so its number tells it from the others.
        let seed = self.config.seed().wrapping_add(CONNECTIONS.fetch_add(1, Ordering::Relaxed));
        let connection = Connection::<crate::Server>::with_seed(&self.config, crate::Instant::from_nanos(0), seed);
        let shared = Arc::new(Shared::new(connection, epoch));
        if let Some(codecs) = &self.codecs {
            shared.set_codecs(codecs.clone());
        }
        let at_once = Handle::current().runtime_flavor() == RuntimeFlavor::CurrentThread;
        let opened = {
            let (shared, interceptors) = (Arc::clone(&shared), self.interceptors.clone());
            move |id: CallId| {
                let Some(call) = ServerCall::accept(&shared, id, &peer) else { return };
                let handler = Arc::clone(&handler);
                let span = SpanOf::call(&shared, id);
                match interceptors.clone() {
                    None => begin(span.around(async move { handler.handle(call).await }), at_once),
                    Some(interceptors) => begin(
                        span.around(async move {
                            if let Some(call) = call.intercept(&interceptors) {
                                handler.handle(call).await;
                            }
                        }),
                        at_once,
                    ),
                }
            }
        };
        let driver = Driver::new(Arc::clone(&shared), io, opened);
        #[cfg(feature = "web")]
        let driver = match &self.web {
            Some(web) => {
                let session = crate::web::Session::new(web, &self.config, crate::Instant::from_nanos(0));
                driver.behind(Gate::behind(session.with_scheme(self.scheme())))
            }
            None => driver,
        };
        let mut driver = Box::pin(driver);
        tokio::select! {
            biased;
            result = &mut driver => return result,
            () = shutdown => {}
        }
        let now = shared.now();
        shared.with(|state| state.connection.shutdown(now, self.grace.map(|grace| now.saturating_add(grace))));
        driver.await
    }
}

/// The span of a call, if there are spans.
struct SpanOf(#[cfg(feature = "tracing")] tracing::Span);

impl SpanOf {
    fn call<R: crate::Role>(shared: &Shared<R>, id: CallId) -> Self {
        #[cfg(feature = "tracing")]
        return Self(shared.with(|state| state.connection.span(id)));
        #[cfg(not(feature = "tracing"))]
        {
            let _ = (shared, id);
            Self()
        }
    }

    /// Work that is done inside of it.
    fn around(self, work: impl Future<Output = ()> + Send + 'static) -> impl Future<Output = ()> + Send + 'static {
        #[cfg(feature = "tracing")]
        return tracing::Instrument::instrument(work, self.0);
        #[cfg(not(feature = "tracing"))]
        work
    }
}

/// Lets a handler work. A panic ends its call only, as that is dropped.
///
/// On a runtime of one thread it begins at once: many handlers are done by then, and those need no task. Elsewhere
/// another thread may be free to do it.
fn begin(answer: impl Future<Output = ()> + Send + 'static, at_once: bool) {
    if !at_once {
        tokio::spawn(answer);
        return;
    }
    let mut answer = Box::pin(answer);
    // A task that is made now is polled anyway, so nobody has to be woken.
    let mut context = Context::from_waker(Waker::noop());
    if let Ok(Poll::Pending) = catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(&mut context))) {
        tokio::spawn(answer);
    }
}

/// The next connection; `None` where there was an error, after a pause if others are to be expected.
async fn accept<L: Listen>(listener: &mut L) -> Option<(L::Io, Option<SocketAddr>)> {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    match listener.accept().await {
        Ok(accepted) => Some(accepted),
        Err(error) if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) => {
            None
        }
        Err(_) => {
            // Such as too many open files: trying again at once would only burn the processor.
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}
