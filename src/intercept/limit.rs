//! Limits.

use super::call::{IncomingCall, OutgoingCall};
use super::refused::{Cause, Refused};
use super::{CallHooks, ClientInterceptor, ServerInterceptor};
use crate::grpc::{Code, Side};
use crate::time::Instant;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

/// Lets so many calls be open at once, over all connections that it stands before, and refuses further ones with
/// RESOURCE_EXHAUSTED and [`Cause::Limit`]. Clones share the count.
///
/// The engine has limits of its own for each connection; this one is for a resource that is behind them all.
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit {
    open: Arc<AtomicUsize>,
    most: usize,
}

impl ConcurrencyLimit {
    /// At most so many calls.
    pub fn new(most: usize) -> Self {
        Self { open: Arc::new(AtomicUsize::new(0)), most }
    }

    /// Calls that are open now.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn enter(&self, side: Side) -> Result<Permit, Refused> {
        let most = self.most;
        let entered = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
            if open < most { open.checked_add(1) } else { None }
        });
        match entered {
            Ok(_) => Ok(Permit(Arc::clone(&self.open))),
            Err(open) => {
                let rule = alloc::format!("{open} calls are open, and the limit is {most}");
                Err(Refused::local(Cause::Limit, side, Code::ResourceExhausted, rule))
            }
        }
    }
}

/// A place among those of a [`ConcurrencyLimit`], for as long as its call.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl CallHooks for Permit {}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ClientInterceptor for ConcurrencyLimit {
    type Hooks = Permit;

    fn start(&self, _: &mut OutgoingCall<'_>) -> Result<Permit, Refused> {
        self.enter(Side::Client)
    }
}

impl ServerInterceptor for ConcurrencyLimit {
    type Hooks = Permit;

    fn start(&self, _: &mut IncomingCall<'_>) -> Result<Permit, Refused> {
        self.enter(Side::Server)
    }
}

/// Lets no call take longer than this: calls without a deadline get one, and later ones are made earlier.
///
/// A server ends such a call as it does at the client's deadline (G-131): by RST_STREAM, which a client whose own time is not
/// over takes for CANCELLED, or by DEADLINE_EXCEEDED with
/// [`answer_expired`](crate::ServerConfigBuilder::answer_expired).
#[derive(Clone, Copy, Debug)]
pub struct DeadlineLimit(Duration);

impl DeadlineLimit {
    /// So long from the beginning of the call.
    pub const fn new(longest: Duration) -> Self {
        Self(longest)
    }

    fn limit(self, deadline: &mut Option<Instant>, now: Instant) {
        let latest = now.saturating_add(self.0);
        *deadline = Some(deadline.map_or(latest, |deadline| deadline.min(latest)));
    }
}

impl ClientInterceptor for DeadlineLimit {
    type Hooks = ();

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<(), Refused> {
        self.limit(&mut call.deadline, call.now);
        Ok(())
    }
}

impl ServerInterceptor for DeadlineLimit {
    type Hooks = ();

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<(), Refused> {
        self.limit(&mut call.deadline, call.now);
        Ok(())
    }
}
