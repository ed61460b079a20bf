//! Interceptors on tokio: kept behind pointers, so that channels and routers have no types of them.

use super::error::Outcome;
use super::request::ResponseHead;
use crate::error::Origin;
use crate::grpc::{Code, Layer, Metadata, Side, Status};
use crate::intercept::{CallHooks, ClientInterceptor, End, IncomingCall, OutgoingCall, Refused, ServerInterceptor};
use crate::time::Instant;
use std::boxed::Box;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

type Hooks = Box<dyn CallHooks + Send>;
type ClientStart = dyn Fn(&mut OutgoingCall<'_>) -> Result<Hooks, Refused> + Send + Sync;
type ServerStart = dyn Fn(&mut IncomingCall<'_>) -> Result<Hooks, Refused> + Send + Sync;

/// What a channel asks about each call.
#[derive(Clone)]
pub(super) struct ClientInterceptors(Arc<ClientStart>);

impl ClientInterceptors {
    /// Those that are there, and `inner` behind them.
    pub(super) fn with<I>(outer: Option<&Self>, inner: I) -> Self
    where
        I: ClientInterceptor<Hooks: Send + 'static> + Send + Sync + 'static,
    {
        let outer = outer.map(|outer| Arc::clone(&outer.0));
        let both = (outer, inner);
        Self(Arc::new(move |call: &mut OutgoingCall<'_>| Ok(Box::new(both.start(call)?) as Hooks)))
    }

    pub(super) fn start(&self, call: &mut OutgoingCall<'_>) -> Result<ClientWatch, Refused> {
        Ok(ClientWatch { hooks: Some((self.0)(call)?), head_seen: false })
    }
}

/// What a server or a route asks about each call.
#[derive(Clone)]
pub(super) struct ServerInterceptors(Arc<ServerStart>);

impl ServerInterceptors {
    /// Those that are there, and `inner` behind them.
    pub(super) fn with<I>(outer: Option<&Self>, inner: I) -> Self
    where
        I: ServerInterceptor<Hooks: Send + 'static> + Send + Sync + 'static,
    {
        let outer = outer.map(|outer| Arc::clone(&outer.0));
        let both = (outer, inner);
        Self(Arc::new(move |call: &mut IncomingCall<'_>| Ok(Box::new(both.start(call)?) as Hooks)))
    }
}

impl ServerInterceptor for ServerInterceptors {
    type Hooks = Hooks;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Hooks, Refused> {
        (self.0)(call)
    }
}

impl fmt::Debug for ClientInterceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientInterceptors(..)")
    }
}

impl fmt::Debug for ServerInterceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerInterceptors(..)")
    }
}

/// Where the clock of interceptors starts. One for all, as a limit may stand before many connections.
fn epoch() -> tokio::time::Instant {
    static EPOCH: OnceLock<tokio::time::Instant> = OnceLock::new();
    *EPOCH.get_or_init(tokio::time::Instant::now)
}

pub(super) fn now() -> Instant {
    at(tokio::time::Instant::now())
}

/// A time of tokio's clock on that of interceptors.
pub(super) fn at(instant: tokio::time::Instant) -> Instant {
    let elapsed = instant.saturating_duration_since(epoch());
    Instant::from_nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
}

/// A deadline as interceptors have left it, on tokio's clock; one that they did not touch is the same as it was.
pub(super) fn deadline_after(
    before: Option<tokio::time::Instant>,
    after: Option<Instant>,
) -> Option<tokio::time::Instant> {
    if before.map(at) == after {
        return before;
    }
    epoch().checked_add(Duration::from_nanos(after?.as_nanos()))
}

/// The hooks of a client's call. Dropped before its end, the call has been given up.
pub(super) struct ClientWatch {
    hooks: Option<Hooks>,
    head_seen: bool,
}

impl ClientWatch {
    /// Shows what has come and was not shown before.
    pub(super) fn look(&mut self, head: Option<&mut ResponseHead>, outcome: Option<&mut Outcome>) {
        let Some(hooks) = &mut self.hooks else { return };
        if let Some(head) = head
            && !mem::replace(&mut self.head_seen, true)
        {
            hooks.head(&mut head.metadata);
        }
        if let Some(Outcome { status, trailers, origin, .. }) = outcome {
            self.end(status, trailers, *origin != Origin::Peer);
        }
    }

    fn end(&mut self, status: &mut Status, trailers: &mut Metadata, stopped: bool) {
        let Some(mut hooks) = self.hooks.take() else { return };
        let mut end = End::new(status, trailers, now());
        end.stopped = stopped;
        hooks.end(&mut end);
    }
}

impl Drop for ClientWatch {
    fn drop(&mut self) {
        if self.hooks.is_some() {
            let mut status = Status::explained(
                Side::Client,
                Layer::Application,
                Code::Cancelled,
                Code::Cancelled.retry(),
                "the call was dropped",
            );
            self.end(&mut status, &mut Metadata::new(), true);
        }
    }
}

impl fmt::Debug for ClientWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientWatch(..)")
    }
}

/// The hooks of a server's call, which its parts share.
#[derive(Clone)]
pub(super) struct ServerWatch(Arc<Mutex<Watched>>);

struct Watched {
    hooks: Option<Hooks>,
    head_said: bool,
}

impl ServerWatch {
    /// These hooks, within those that are there.
    pub(super) fn with(outer: Option<&Self>, inner: Hooks) -> Self {
        let outer = outer.and_then(|outer| outer.lock().hooks.take());
        let hooks: Hooks = match outer {
            Some(outer) => Box::new((outer, inner)),
            None => inner,
        };
        Self(Arc::new(Mutex::new(Watched { hooks: Some(hooks), head_said: false })))
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The head goes out; `false` where it did before.
    pub(super) fn head(&self, metadata: &mut Metadata) -> bool {
        let watched = &mut *self.lock();
        if mem::replace(&mut watched.head_said, true) {
            return false;
        }
        if let Some(hooks) = &mut watched.hooks {
            hooks.head(metadata);
        }
        true
    }

    /// The call ends; only the first end counts.
    pub(super) fn end(&self, status: &mut Status, trailers: &mut Metadata, stopped: bool) {
        let hooks = self.lock().hooks.take();
        let Some(mut hooks) = hooks else { return };
        let mut end = End::new(status, trailers, now());
        end.stopped = stopped;
        hooks.end(&mut end);
    }
}

impl fmt::Debug for ServerWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerWatch(..)")
    }
}
