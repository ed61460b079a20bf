//! Interceptors: what stands between an application and its calls, and may look at them, change them, or refuse them.
//!
//! An interceptor is asked when a call begins, and says what is to be told of the rest: its [`CallHooks`].
//!
//! | it sees, and may change | a client's, [`ClientInterceptor`] | a server's, [`ServerInterceptor`] |
//! |---|---|---|
//! | at the beginning | metadata, deadline, authority: [`OutgoingCall`] | metadata, deadline: [`IncomingCall`] |
//! | or refuses it | nothing is sent, and the caller gets the [`Refused`] | the client gets its status and trailers |
//! | [`CallHooks::head`] | initial metadata that came | initial metadata before it goes |
//! | [`CallHooks::end`] | status and trailers that came | status and trailers before they go |
//!
//! A closure is one where nothing is to be told of the rest; several are a tuple, whose first is the outermost: it is asked
//! first and told last. They are plain functions of a call, without async: a token that has to be fetched is fetched by a
//! task of its own before it is needed (see [`Bearer`]), and a call does not wait for it.
//!
//! | with | use |
//! |---|---|
//! | `adapter::tokio` and its stubs | `Channel::with_interceptor`; `Server::with_interceptor`, `Router::with_interceptor` |
//! | `adapter::mio`, and services that block | `Routes::intercept` |
//! | clients that block | `stub::blocking::Channel::with_interceptor` |
//! | a runtime of your own | [`open`]; [`IncomingCall::new`] with the interceptor's `start` |
//!
//! Who installs none pays for none: the engine knows nothing of them.
//!
//! ```
//! use grpc_sansio::grpc::{Kind, Metadata, Method};
//! use grpc_sansio::intercept::{self, Bearer, CallHooks, ConcurrencyLimit, OutgoingCall};
//! use grpc_sansio::{ClientConfig, Connection, Instant, OpenOptions};
//!
//! static SAY_HELLO: Method = Method::from_static("/helloworld.Greeter/SayHello", Kind::Unary);
//!
//! let interceptors = (
//!     ConcurrencyLimit::new(100),
//!     |call: &mut OutgoingCall<'_>| Ok(call.metadata.append("x-tenant", "blue").unwrap_or_default()),
//!     Bearer::fixed("secret").allow_plaintext(),
//! );
//! let now = Instant::from_nanos(0);
//! let config = ClientConfig::builder("localhost").build()?;
//! let mut connection = Connection::<grpc_sansio::Client>::new(&config, now);
//! let (id, mut hooks) = intercept::open(&interceptors, &mut connection, now, &OpenOptions::new(&SAY_HELLO))?;
//! // ... and with what the call reads later:
//! hooks.head(&mut Metadata::new());
//! # let _ = id;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bearer;
mod call;
mod check;
mod compose;
mod limit;
#[cfg(feature = "std")]
mod log;
mod open;
mod refused;

pub use bearer::Bearer;
pub use call::{End, IncomingCall, OutgoingCall};
pub use check::TokenCheck;
pub use limit::{ConcurrencyLimit, DeadlineLimit, Permit};
#[cfg(feature = "std")]
pub use log::{Logged, Logger, Record};
pub use open::{StartError, open};
pub use refused::{Cause, Refused};

use crate::grpc::Metadata;

/// Stands before the calls of a client.
///
/// ```
/// use grpc_sansio::intercept::{CallHooks, ClientInterceptor, End, OutgoingCall, Refused};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
///
/// /// Counts the calls that fail.
/// struct Failures(Arc<AtomicU32>);
///
/// struct Counting(Arc<AtomicU32>);
///
/// impl ClientInterceptor for Failures {
///     type Hooks = Counting;
///
///     fn start(&self, _: &mut OutgoingCall<'_>) -> Result<Counting, Refused> {
///         Ok(Counting(Arc::clone(&self.0)))
///     }
/// }
///
/// impl CallHooks for Counting {
///     fn end(&mut self, end: &mut End<'_>) {
///         if !end.status.is_ok() {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait ClientInterceptor {
    /// What is told of the rest of a call; `()` for nothing.
    type Hooks: CallHooks;

    /// A call is about to be opened. Called once for each, before anything of it is sent.
    ///
    /// # Errors
    ///
    /// [`Refused`]: the call is not opened.
    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Self::Hooks, Refused>;
}

/// Stands before the handlers of a server.
pub trait ServerInterceptor {
    /// What is told of the rest of a call; `()` for nothing.
    type Hooks: CallHooks;

    /// A client has opened a call, and no handler has seen it yet. Called once for each.
    ///
    /// # Errors
    ///
    /// [`Refused`]: the call ends so, and no handler sees it.
    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Self::Hooks, Refused>;
}

/// What an interceptor is told of a call after its beginning.
///
/// A call that was begun ends: [`CallHooks::end`] is called once, also for one that is cancelled or dropped, and the hooks
/// are dropped after it.
pub trait CallHooks {
    /// Initial metadata of the response: as it came, or before it goes. Not called where a call ends without.
    fn head(&mut self, metadata: &mut Metadata) {
        let _ = metadata;
    }

    /// The end of the call.
    fn end(&mut self, end: &mut End<'_>) {
        let _ = end;
    }
}

impl CallHooks for () {}
