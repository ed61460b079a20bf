//! A readiness event loop with many connections: no async, no threads but yours.
//!
//! | to | use |
//! |---|---|
//! | serve methods on a TCP port | [`Server`] with [`Routes`]: closures for unary methods, [`Responder`]s for streams |
//! | call methods | [`Client`], and the verbs of its [`Connection`](crate::Connection)s |
//! | do something else with events | a [`Handler`] of your own, or a closure |
//! | see, change or refuse calls | [`Routes::intercept`] |
//! | speak TLS | [`Server::set_tls`], [`Client::connect_tls`], with what [`tls`](crate::adapter::tls) makes of certificates |
//! | add gRPC to a loop that you have | [`Connections`], for any number of sockets in your own `Poll` |
//! | drive one socket by hand | [`Driver`], for anything that is `Read` and `Write` and does not block |
//!
//! All are layers of the same thing, the lower ones used by the upper ones. Everything happens in the thread that calls
//! `poll` or `run`; a [`Remote`] wakes or stops it from another one.
//!
//! What holds for every connection:
//!
//! * A turn is bounded: a few reads and a few writes, and then the others get theirs.
//! * Output waits in the connection's own queues, never here: what the socket does not take (64 KiB and a frame at most) is
//!   all that is kept, so a peer that does not read slows those who send to it and costs bounded memory.
//! * Reading goes on while writing is blocked, for as long as that takes.
//! * An ended connection has one second to say its last words and to see the peer close.
//! * An idle connection costs its [`Connection`](crate::Connection) and its socket: buffers are the loop's.

mod acceptor;
mod client;
mod connections;
mod driver;
mod handler;
#[cfg(feature = "health")]
mod health;
mod intercept;
mod paths;
#[cfg(feature = "reflection")]
mod reflection;
mod remote;
mod responder;
mod resumer;
mod routes;
mod server;
mod socket;
mod tandem;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod work;

pub use client::Client;
pub use connections::Connections;
pub use driver::{Buffers, Driver, Turn};
pub use handler::{Certificates, ConnectionId, Handler, Peer};
#[cfg(feature = "health")]
#[cfg_attr(docsrs, doc(cfg(feature = "health")))]
pub use health::Health;
pub use remote::Remote;
pub(crate) use responder::TimeLimit;
pub use responder::{Failure, Incoming, Next, Reply, Responder, UnaryRequest};
pub use resumer::Resumer;
pub use routes::Routes;
pub use server::Server;
pub use socket::Socket;
#[cfg(feature = "tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "tls")))]
pub use tls::TlsStream;
pub use transport::Transport;
