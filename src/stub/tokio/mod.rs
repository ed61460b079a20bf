//! Typed clients and services over [`adapter::tokio`](crate::adapter::tokio).

mod client;
mod request;
mod server;
mod streaming;

pub use client::Stub;
pub use request::{IntoRequest, IntoStreamingRequest};
pub use server::{Requests, Service};
pub use streaming::{Sender, Streaming};

/// What streams are: the trait of `futures`.
pub use futures_core::Stream;

use std::boxed::Box;
use std::pin::Pin;

/// A stream of a server's responses whose type has no name.
pub type BoxStream<T> = Pin<Box<dyn Stream<Item = Result<T, crate::adapter::tokio::Refusal>> + Send>>;
