//! gRPC as a pure state machine: octets and time go in, octets and events come out. You bring the socket, the clock and
//! the executor.
//!
//! [`Connection`] is the whole of gRPC on one transport, for either role:
//!
//! ```text
//!   your loop             │       Connection<Client> or <Server>       │   your application
//!                         │                                            │
//!   octets ── receive ────┼─▶ frames ─▶ headers ─▶ streams ─▶ calls ───┼─▶ poll_event
//!                         │                windows · guards            │   call(id).read
//!   timer ── handle_      │                                            │
//!            timeout ─────┼─▶ deadlines · timeouts                     │
//!   sleep ◀── poll_       │             │                              │
//!             timeout ────┼─────────────┘                              │   call(id).send
//!                         │                                            │           .finish
//!   octets ◀── transmit ──┼── frames ◀─ headers ◀─ scheduler ◀ calls ◀─┼──         .cancel
//! ```
//!
//! Whatever the runtime, the loop is this one:
//!
//! ```
//! use bytes::Buf;
//! use grpc_sansio::{Clock, Connection, Event, Role, WriteBuf};
//! use std::io::{ErrorKind, Read, Result, Write};
//! use std::net::TcpStream;
//! use std::time::Duration;
//!
//! /// One turn: says all there is to say, waits for octets or for the timer, and takes in what came of that.
//! fn turn<R: Role>(
//!     connection: &mut Connection<R>,
//!     socket: &mut TcpStream,
//!     clock: &Clock,
//!     output: &mut WriteBuf,
//!     mut handle: impl FnMut(&mut Connection<R>, Event),
//! ) -> Result<()> {
//!     loop {
//!         connection.transmit(clock.now(), output);
//!         if output.is_empty() {
//!             break;
//!         }
//!         while output.has_remaining() {
//!             let written = socket.write(output.chunk())?;
//!             output.advance(written);
//!         }
//!     }
//!     let sleep = connection.poll_timeout().map(|due| due.saturating_since(clock.now()));
//!     socket.set_read_timeout(sleep.map(|sleep| sleep.max(Duration::from_millis(1))))?; // zero would mean for ever
//!     let mut buffer = [0; 16 * 1024];
//!     match socket.read(&mut buffer) {
//!         Ok(0) => connection.receive_eof(clock.now()),
//!         Ok(count) => connection.receive(clock.now(), &buffer[..count]),
//!         Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
//!         Err(error) => return Err(error),
//!     }
//!     connection.handle_timeout(clock.now());
//!     while let Some(event) = connection.poll_event() {
//!         handle(connection, event); // connection.call(id): read, send, finish
//!     }
//!     Ok(())
//! }
//! ```
//!
//! The [guide] makes it fit for production, and says what changes for event loops, completion queues, async runtimes and
//! devices; then it has pages on flow control, deadlines, errors, metadata, TLS, testing, limits and tuning. On tokio and
//! mio the loop is there already: the module `adapter`, each a feature. The [README] goes from a `.proto` file to a server
//! and a client in five minutes.
//!
//! A call is a head, messages and an end, in each direction, and it ends exactly once:
//!
//! ```text
//!   client   open ── send, send ── half_close       read:  Head ──── Message, Message ──── End(Outcome)
//!              │        │             │                      ▲            ▲                    ▲
//!              ▼        ▼             ▼                      │            │                    │
//!   server   Opened   Message ── End(HalfClose)          send_head ── send, send ── finish(status, trailers)
//!            read: Head
//! ```
//!
//! [guide]: https://docs.rs/crate/grpc-sansio/latest/source/docs/guide/README.md
//! [README]: https://docs.rs/crate/grpc-sansio/latest
//!
//! | layer | what it is | worth using alone |
//! |---|---|---|
//! | [`time`], [`buffer`] | time as an argument; outgoing octets that the caller owns | |
//! | [`hpack`] | RFC 7541, both ways | yes |
//! | [`frame`] | RFC 9113 §4 and §6: parse and encode, no state | yes |
//! | [`http2`] | RFC 9113: streams, flow control, settings, guards; knows nothing of gRPC | yes |
//! | [`grpc`] | the wire of gRPC, stateless, for any HTTP/2 stack | yes |
//! | [`codec`] | compression of messages, above the engine | yes |
//! | `services` | health, reflection and error details, each a feature: pure machines | yes |
//! | [`Connection`], [`Call`] | one call's life: four kinds, two roles, deadlines, cancellation | |
//! | [`intercept`] | what stands before calls: tokens, logs, limits, your own | |
//! | `web`, a feature | gRPC-Web in front of a server's connection | yes |
//! | [`stub`] | messages of their own types, for code made from `.proto` files | |
//!
//! A caller never has to keep an order of verbs, to drain anything, or to fear re-entrancy. Three kinds of error never mix:
//! how a call ended is data ([`Outcome`], [`Stop`]), a broken connection is a [`ConnectionError`], and a verb that makes no
//! sense is a [`Misuse`] that changed nothing.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(clippy::print_stdout, clippy::print_stderr)]
// Nothing that a peer sends may panic: what could is not written, or says why it cannot (docs/design.md).
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice
    )
)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

#[cfg(any(feature = "tokio", feature = "mio"))]
#[allow(clippy::indexing_slicing, reason = "indices of its own buffers, which no peer chooses")]
pub mod adapter;
mod backoff;
pub mod buffer;
mod call;
pub mod codec;
#[cfg(feature = "codegen")]
#[cfg_attr(docsrs, doc(cfg(feature = "codegen")))]
pub mod codegen;
mod config;
mod connection;
mod error;
mod event;
#[cfg(feature = "event-log")]
#[cfg_attr(docsrs, doc(cfg(feature = "event-log")))]
pub mod event_log;
pub mod frame;
pub mod grpc;
pub mod hpack;
pub mod http2;
pub mod intercept;
mod jitter;
#[cfg(feature = "metrics")]
#[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
pub mod metrics;
mod observe;
mod octets;
mod options;
mod record;
#[cfg(any(feature = "health", feature = "reflection", feature = "details"))]
pub mod services;
#[cfg(feature = "tracing")]
#[cfg_attr(docsrs, doc(cfg(feature = "tracing")))]
pub mod spans;
pub mod stub;
#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
#[allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that fails panics"
)]
pub mod testing;
pub mod time;
#[cfg(feature = "web")]
#[cfg_attr(docsrs, doc(cfg(feature = "web")))]
pub mod web;

pub use backoff::{Backoff, BackoffConfig};
pub use buffer::WriteBuf;
pub use call::{
    Call, CallSnapshot, Client, HalfClose, Item, ItemInto, Outcome, Payload, ReceivedFields, ReceivedMetadata, Request,
    Response, Role, Server, Stop,
};
pub use config::{
    ClientConfig, ClientConfigBuilder, ClientManagement, Limits, ServerConfig, ServerConfigBuilder, ServerManagement,
};
pub use connection::{Connection, Snapshot};
pub use error::{ConfigError, ConnectionError, Misuse, OpenError, Origin, SendError};
pub use event::{CallId, Event};
pub use grpc::Retry;
pub use options::OpenOptions;
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Instant;
#[cfg(feature = "prost")]
#[cfg_attr(docsrs, doc(cfg(feature = "prost")))]
pub use {prost, prost_types};

// The pages, whose code is compiled and run: here, since the files cannot say it themselves.
macro_rules! pages {
    ($($feature:literal $(, $more:literal)*: $page:literal $name:ident;)*) => {$(
        #[cfg(all(doctest, feature = $feature $(, feature = $more)*))]
        #[doc = include_str!(concat!("../", $page))]
        struct $name;
    )*};
}

pages! {
    "std": "README.md" Readme;
    "proptest": "docs/testing.md" Testing;
    "std": "docs/connection-management.md" ConnectionManagement;
    "tokio", "gzip": "docs/compression.md" Compression;
    "tokio": "docs/interceptors.md" Interceptors;
    "tokio", "health", "reflection", "details": "docs/services.md" Services;
    "event-log": "docs/debugging.md" Debugging;
    "event-log", "metrics", "tracing": "docs/observability.md" Observability;
    "tokio", "web": "docs/grpc-web.md" GrpcWeb;
    "testing": "docs/guide/flow-control.md" FlowControl;
    "testing": "docs/guide/deadlines.md" Deadlines;
    "testing": "docs/guide/errors.md" Errors;
    "std": "docs/guide/metadata.md" Metadata;
    "std": "docs/guide/limits.md" LimitsAndDefaults;
    "tokio", "tls": "docs/guide/tls.md" Tls;
    "tokio": "docs/guide/tokio.md" Tokio;
    "mio": "docs/guide/mio.md" Mio;
    "http": "docs/guide/http.md" Http;
}
