//! gRPC on tokio: a client whose handle many tasks share, and a server that gives each call a task of its own.
//!
//! | to | use |
//! |---|---|
//! | connect | [`Channel::connect`], or [`Channel::new`] over any transport |
//! | call a unary method | [`Channel::unary`] |
//! | call with streams | [`Channel::server_streaming`], [`Channel::client_streaming`], [`Channel::bidi_streaming`] |
//! | serve | [`Server::serve`] with a [`Router`], or with any function of a [`ServerCall`] |
//! | speak TLS | [`Server::with_tls`], [`Channel::connect_tls`], with what [`tls`](crate::adapter::tls) makes of certificates |
//! | see, change or refuse calls | [`Channel::with_interceptor`], [`Server::with_interceptor`], [`Router::with_interceptor`] |
//! | call on behalf of another call | [`Request::within`] |
//! | stop gracefully | drop the [`Channel`]s; [`Server::serve_with_shutdown`] |
//!
//! One task drives each connection; handles and handlers take its lock for single verbs and never across an await. Time
//! is tokio's, so a paused clock pauses deadlines too. Nothing is queued without bound: `send` waits while its call's
//! queue is full, and what was received and not taken stays under the call's window.
//!
//! ```
//! use grpc_sansio::adapter::tokio::{Channel, Request, Router, Server};
//! use grpc_sansio::grpc::{Kind, Metadata, Method};
//! use grpc_sansio::{ClientConfig, ServerConfig};
//!
//! const COUNT: Method = Method::from_static("/demo.Numbers/Count", Kind::ServerStreaming);
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new().server_streaming(&COUNT, |request, mut responses| async move {
//!     for number in 0..request.message.data.len() {
//!         responses.send(number.to_string()).await?;
//!     }
//!     Ok(Metadata::new())
//! });
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! tokio::spawn(Server::new(ServerConfig::default()).serve(listener, router));
//!
//! let channel = Channel::connect(address, &ClientConfig::builder("localhost").build()?).await?;
//! let mut call = channel.server_streaming(&COUNT, Request::new("abc")).await?;
//! let mut numbers = Vec::new();
//! while let Some(message) = call.message().await? {
//!     numbers.push(message.data);
//! }
//! assert_eq!(numbers, ["0", "1", "2"]);
//! # Ok(()) }
//! ```

mod call;
mod channel;
mod driver;
mod error;
mod finisher;
#[cfg(feature = "health")]
mod health;
mod intercept;
mod parent;
#[cfg(feature = "reflection")]
mod reflection;
mod request;
mod router;
mod server;
mod server_call;
mod shared;
#[cfg(feature = "tls")]
mod tls;

pub use call::{Call, CallReceiver, CallSender};
pub use channel::Channel;
pub use driver::DriverError;
pub use error::{CallError, Failure, Outcome, Refusal, Stopped};
pub use finisher::Finisher;
#[cfg(feature = "health")]
#[cfg_attr(docsrs, doc(cfg(feature = "health")))]
pub use health::Health;
pub use parent::Parent;
pub use request::{Request, Response, ResponseHead};
pub use router::{Incoming, Router};
pub use server::{Handler, Listen, Server};
pub use server_call::{Cancellation, Certificates, RequestHead, Requests, Responses, ServerCall};
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use tls::ConnectError;
