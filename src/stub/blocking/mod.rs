//! Typed clients and services that block, over [`adapter::mio`](crate::adapter::mio): no async.
//!
//! A client blocks the thread that calls, and there is no other: responses are an iterator, and requests anything that can
//! be iterated. A service's methods run in a few threads of their own beside the loop, so they may block: see [`Threads`].

mod call;
mod channel;
mod client;
mod error;
mod intercept;
mod link;
mod service;
mod threads;

pub use call::{Call, Fed};
pub use channel::Channel;
pub use client::{IntoRequests, Request, Response, Stub};
pub use error::{CallError, Failure};
pub(super) use link::Link;
pub use link::Requests;
pub use service::Service;
pub use threads::Threads;

pub use super::mio::{BoxIterator, Incoming};
