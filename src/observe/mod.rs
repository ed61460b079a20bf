//! What passes the one door of a connection, for whoever watches it: the event log and the spans of `tracing`.
//!
//! A verb can reach the engine only by naming itself here, and watchers match on [`Verb`] without a wildcard: so a verb
//! that is added to the API and that a watcher does not know does not compile.

#[cfg(any(feature = "metrics", feature = "tracing"))]
mod calls;
mod said;
mod tap;
#[cfg(feature = "metrics")]
mod totals;
mod verb;

#[cfg(feature = "metrics")]
pub use calls::CallMetrics;
#[cfg(all(feature = "tracing", not(feature = "metrics")))]
pub(crate) use calls::CallMetrics;
#[cfg(any(feature = "metrics", feature = "tracing"))]
pub(crate) use calls::{CallSink, Calls};
#[cfg(feature = "event-log")]
pub(crate) use said::Said;
pub(crate) use said::{Answer, Timer};
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
pub(crate) use tap::Observer;
pub(crate) use tap::{Observers, Tap};
#[cfg(feature = "metrics")]
pub use totals::Totals;
pub(crate) use verb::Verb;
