//! The mio adapter over real sockets, and its driver over ones that misbehave.

#![cfg(feature = "mio")]
#![allow(clippy::print_stdout, reason = "figures of the long tests")]

#[path = "mio/support.rs"]
mod support;

#[cfg(feature = "tls")]
#[path = "tls/authority.rs"]
mod authority;
#[path = "mio/bulk.rs"]
mod bulk;
#[cfg(all(feature = "gzip", feature = "deflate"))]
#[path = "mio/compression.rs"]
mod compression;
#[path = "mio/driver.rs"]
mod driver;
#[path = "mio/intercept.rs"]
mod intercept;
#[path = "mio/kinds.rs"]
mod kinds;
#[path = "mio/lifecycle.rs"]
mod lifecycle;
#[path = "mio/management.rs"]
mod management;
#[path = "mio/pressure.rs"]
mod pressure;
#[cfg(all(feature = "health", feature = "reflection"))]
#[path = "mio/services.rs"]
mod services;
#[cfg(feature = "tls")]
#[path = "mio/tls.rs"]
mod tls;
#[cfg(feature = "web")]
#[path = "mio/web.rs"]
mod web;
