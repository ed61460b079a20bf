//! gRPC as a pure state machine: octets and time go in, octets and events come out. You bring the socket, the clock and
//! the executor.
//!
//! [`Connection`] is the whole of gRPC on one transport, for either role. Whatever the runtime, the loop is this:
//!
//! ```text
//!   octets read ───▶ receive ──┐                     ┌──▶ poll_event ───▶ what happened, to which call
//!                              │                     │
//!   a timer ───▶ handle_timeout├───▶ Connection ─────┼──▶ call(id): read, send, finish, cancel
//!                              │                     │
//!   octets to write ◀─ transmit┘                     └──▶ poll_timeout ───▶ when to come back
//! ```
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

#[cfg(all(doctest, feature = "proptest"))]
#[doc = include_str!("../docs/testing.md")]
struct Testing;

#[cfg(all(doctest, feature = "tokio", feature = "gzip"))]
#[doc = include_str!("../docs/compression.md")]
struct Compression;

#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../docs/interceptors.md")]
struct Interceptors;

#[cfg(all(doctest, feature = "tokio", feature = "health", feature = "reflection", feature = "details"))]
#[doc = include_str!("../docs/services.md")]
struct Services;

#[cfg(all(doctest, feature = "event-log"))]
#[doc = include_str!("../docs/debugging.md")]
struct Debugging;

#[cfg(all(doctest, feature = "event-log", feature = "metrics", feature = "tracing"))]
#[doc = include_str!("../docs/observability.md")]
struct Observability;

#[cfg(doctest)]
#[doc = include_str!("../docs/connection-management.md")]
struct ConnectionManagement;

#[cfg(all(doctest, feature = "tokio", feature = "web"))]
#[doc = include_str!("../docs/grpc-web.md")]
struct GrpcWeb;

#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
