//! Typed services for the event loop of [`adapter::mio`](crate::adapter::mio).
//!
//! A service's methods run in the thread of its loop, so they must not block: a stream that is received is handed over
//! message by message ([`Collect`], [`Converse`]), and one that is sent is an iterator, moved on when there is room. Where
//! methods are to block, see [`blocking`](super::blocking).

mod service;

pub(super) use service::head;
pub use service::{Collect, Converse, Incoming, Service};

use crate::adapter::mio::Failure;
use std::boxed::Box;

/// An iterator of a server's responses whose type has no name.
pub type BoxIterator<T> = Box<dyn Iterator<Item = Result<T, Failure>>>;
