//! Methods by their paths.

use super::error::{Refusal, Stopped};
use super::intercept::ServerInterceptors;
use super::parent::Parent;
use super::request::Response;
use super::server::Handler;
use super::server_call::{Cancellation, RequestHead, Requests, Responses, ServerCall};
use crate::grpc::{CARDINALITY_VIOLATION, Kind, Message, Metadata, Method, Side, Status};
use crate::intercept::ServerInterceptor;
use std::borrow::ToOwned;
use std::boxed::Box;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::string::String;
use std::sync::Arc;

/// A call as a handler of a [`Router`] gets it: its message, or [`Requests`] where the client streams, and its head.
#[derive(Debug)]
#[non_exhaustive]
pub struct Incoming<M = Message> {
    /// The message, or the messages to come.
    pub message: M,
    /// Path, initial metadata, deadline and so on.
    pub head: RequestHead,
    /// Tells when nobody waits for the call any more. Handlers are not dropped then: one that works for long should ask.
    pub cancellation: Cancellation,
}

impl<M> Incoming<M> {
    /// Another message in the place of this one, which is handed back.
    pub(crate) fn replace<N>(self, message: N) -> (M, Incoming<N>) {
        (self.message, Incoming { message, head: self.head, cancellation: self.cancellation })
    }

    /// This call, for others that are made on its behalf: see [`Request::within`](super::Request::within). Needed only where
    /// its message was taken out.
    pub fn parent(&self) -> Parent {
        self.into()
    }

    /// Initial metadata.
    pub fn metadata(&self) -> &Metadata {
        &self.head.metadata
    }
}

impl Incoming<Requests> {
    /// As [`Requests::message`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn message(&mut self) -> Result<Option<Message>, Stopped> {
        self.message.message().await
    }
}

type Answer = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What answers the calls of a method.
#[derive(Clone)]
struct Route {
    answer: Arc<dyn Fn(ServerCall) -> Answer + Send + Sync>,
    interceptors: Option<ServerInterceptors>,
}

/// A handler that leads each call to the async function of its method, and answers UNIMPLEMENTED to the rest.
///
/// A handler that panics costs its own call only, which ends with UNKNOWN.
///
/// ```
/// use grpc_sansio::adapter::tokio::{Refusal, Response, Router};
/// use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
///
/// const GET: Method = Method::from_static("/book.v1.Library/Get", Kind::Unary);
/// const LIST: Method = Method::from_static("/book.v1.Library/List", Kind::ServerStreaming);
/// const ADD: Method = Method::from_static("/book.v1.Library/Add", Kind::ClientStreaming);
/// const CHAT: Method = Method::from_static("/book.v1.Library/Chat", Kind::BidiStreaming);
///
/// let router = Router::new()
///     .unary(&GET, |request| async move {
///         if request.message.data.is_empty() {
///             return Err(Refusal::new(Code::NotFound, "no such book"));
///         }
///         Ok(Response::new("a book"))
///     })
///     .server_streaming(&LIST, |_request, mut responses| async move {
///         for title in ["one", "two"] {
///             responses.send(title).await?;
///         }
///         Ok(Metadata::new())
///     })
///     .client_streaming(&ADD, |mut request| async move {
///         let mut count = 0;
///         while let Some(_book) = request.message().await? {
///             count += 1;
///         }
///         Ok(Response::new(format!("{count} books")))
///     })
///     .bidi_streaming(&CHAT, |mut request, mut responses| async move {
///         while let Some(message) = request.message().await? {
///             responses.send(message.data).await?;
///         }
///         Ok(Metadata::new())
///     });
/// # let _ = router;
/// ```
#[derive(Clone, Default)]
pub struct Router {
    routes: HashMap<String, Route>,
}

impl Router {
    /// A router without methods.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a unary method. A method that was added before is replaced, here and below.
    ///
    /// # Panics
    ///
    /// Where the method is of another kind; likewise below.
    pub fn unary<F, A>(self, method: &Method, handler: F) -> Self
    where
        F: Fn(Incoming<Message>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add(method, Kind::Unary, move |call| {
            let handler = Arc::clone(&handler);
            async move {
                let cancellation = call.cancellation();
                let (head, mut requests, _, finisher) = call.split();
                finisher.respond(match only(&mut requests).await {
                    Ok(message) => handler(Incoming { message, head, cancellation }).await,
                    Err(refusal) => Err(refusal),
                });
            }
        })
    }

    /// Adds a method that answers with a stream. The handler gives back the trailing metadata.
    pub fn server_streaming<F, A>(self, method: &Method, handler: F) -> Self
    where
        F: Fn(Incoming<Message>, Responses) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Metadata, Refusal>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add(method, Kind::ServerStreaming, move |call| {
            let handler = Arc::clone(&handler);
            async move {
                let cancellation = call.cancellation();
                let (head, mut requests, responses, finisher) = call.split();
                finisher.conclude(match only(&mut requests).await {
                    Ok(message) => handler(Incoming { message, head, cancellation }, responses).await,
                    Err(refusal) => Err(refusal),
                });
            }
        })
    }

    /// Adds a method that takes a stream.
    pub fn client_streaming<F, A>(self, method: &Method, handler: F) -> Self
    where
        F: Fn(Incoming<Requests>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response, Refusal>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add(method, Kind::ClientStreaming, move |call| {
            let handler = Arc::clone(&handler);
            async move {
                let cancellation = call.cancellation();
                let (head, message, _, finisher) = call.split();
                finisher.respond(handler(Incoming { message, head, cancellation }).await);
            }
        })
    }

    /// Adds a method with streams both ways. The handler gives back the trailing metadata.
    pub fn bidi_streaming<F, A>(self, method: &Method, handler: F) -> Self
    where
        F: Fn(Incoming<Requests>, Responses) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Metadata, Refusal>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.add(method, Kind::BidiStreaming, move |call| {
            let handler = Arc::clone(&handler);
            async move {
                let cancellation = call.cancellation();
                let (head, message, responses, finisher) = call.split();
                finisher.conclude(handler(Incoming { message, head, cancellation }, responses).await);
            }
        })
    }

    /// Takes over the methods of another router, such as those of a generated service.
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        self
    }

    /// Asks an interceptor about the calls of all methods so far. Of several the first is the outermost, within those of the
    /// [`Server`](super::Server).
    ///
    /// Given to one router before it is merged into another, it stands before the methods of the first only: health for
    /// everybody, say, and a token for the rest.
    pub fn with_interceptor<I>(mut self, interceptor: I) -> Self
    where
        I: ServerInterceptor<Hooks: Send + 'static> + Send + Sync + 'static,
    {
        let interceptor = Arc::new(interceptor);
        for route in self.routes.values_mut() {
            let all = ServerInterceptors::with(route.interceptors.as_ref(), Arc::clone(&interceptor));
            route.interceptors = Some(all);
        }
        self
    }

    fn add<F, A>(mut self, method: &Method, kind: Kind, handler: F) -> Self
    where
        F: Fn(ServerCall) -> A + Send + Sync + 'static,
        A: Future<Output = ()> + Send + 'static,
    {
        assert_eq!(method.kind(), kind, "{} is of another kind", method.path());
        let answer = move |mut call: ServerCall| -> Answer {
            // Nobody told the kind of this call before.
            let _ = call.expect(kind);
            Box::pin(handler(call))
        };
        let route = Route { answer: Arc::new(answer), interceptors: None };
        self.routes.insert(method.path().as_str().to_owned(), route);
        self
    }
}

/// The one message of a method whose client does not stream.
async fn only(requests: &mut Requests) -> Result<Message, Refusal> {
    match requests.message().await? {
        Some(message) => Ok(message),
        // The connection refuses such a call before it is readable.
        None => Err(Status::local(Side::Server, CARDINALITY_VIOLATION, "the client sent no message (G-080)").into()),
    }
}

impl Handler for Router {
    fn handle(&self, call: ServerCall) -> impl Future<Output = ()> + Send + 'static {
        match self.routes.get(call.path()) {
            Some(Route { answer, interceptors: None }) => answer(call),
            Some(Route { answer, interceptors: Some(interceptors) }) => match call.intercept(interceptors) {
                Some(call) => answer(call),
                None => Box::pin(std::future::ready(())),
            },
            None => {
                let status = call.head().unknown_method();
                call.finish(&status, &Metadata::new());
                Box::pin(std::future::ready(()))
            }
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.routes.keys()).finish()
    }
}
