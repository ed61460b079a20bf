//! Typed services for the event loop of [`adapter::mio`](crate::adapter::mio), and typed clients that block.
//!
//! There is no thread in it but the caller's. A service's methods run in the thread of its loop, so they must not block: a
//! stream that is received is handed over message by message ([`Collect`], [`Converse`]), and one that is sent is an
//! iterator, moved on when there is room. A client blocks its thread, and reads streams as iterators.

mod call;
mod channel;
mod client;
mod error;
mod server;

pub use call::{Call, Fed};
pub use channel::Channel;
pub use client::{IntoRequests, Request, Response, Stub};
pub use error::{CallError, Failure};
pub use server::{Collect, Converse, Incoming, Service};

use crate::adapter::mio as adapter;

/// An iterator of a server's responses whose type has no name.
pub type BoxIterator<T> = std::boxed::Box<dyn Iterator<Item = Result<T, adapter::Failure>>>;
