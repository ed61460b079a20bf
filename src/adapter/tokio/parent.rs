//! Calls that are made on behalf of another.

use super::router::Incoming;
use super::server_call::{Cancellation, ServerCall};
use super::shared::Shared;
use crate::call::{Client, Server, Stop};
use crate::event::CallId;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use tokio::time::Instant;

/// A server's call on whose behalf others are made: see [`Request::within`](super::Request::within).
#[derive(Clone, Debug)]
pub struct Parent {
    pub(super) deadline: Option<Instant>,
    pub(super) cancellation: Cancellation,
}

impl<M> From<&Incoming<M>> for Parent {
    fn from(call: &Incoming<M>) -> Self {
        Self { deadline: call.head.deadline, cancellation: call.cancellation.clone() }
    }
}

impl From<&ServerCall> for Parent {
    fn from(call: &ServerCall) -> Self {
        Self { deadline: call.head().deadline, cancellation: call.cancellation() }
    }
}

impl From<&Self> for Parent {
    fn from(parent: &Self) -> Self {
        parent.clone()
    }
}

/// Ties a client's call to the server's call that it is made for; untied when it is dropped.
#[derive(Debug)]
pub(super) struct Leash {
    parent: Cancellation,
    waker: Waker,
}

/// What is woken when the parent stops.
struct Child {
    parent: Weak<Shared<Server>>,
    parent_id: CallId,
    shared: Arc<Shared<Client>>,
    id: CallId,
}

impl Leash {
    /// A call that ends when `parent` does.
    pub(super) fn new(parent: Cancellation, shared: &Arc<Shared<Client>>, id: CallId) -> Self {
        let (of_parent, parent_id) = parent.place();
        let child = Child { parent: Arc::downgrade(of_parent), parent_id, shared: Arc::clone(shared), id };
        let waker = Waker::from(Arc::new(child));
        let stopped = of_parent.with(|state| state.poll_stopped(parent_id, &Context::from_waker(&waker)));
        if stopped == Poll::Ready(()) {
            waker.wake_by_ref();
        }
        Self { parent, waker }
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        let (shared, id) = self.parent.place();
        shared.with(|state| state.forget_watcher(id, &self.waker));
    }
}

/// Called without a lock, as all wakers are.
impl Wake for Child {
    fn wake(self: Arc<Self>) {
        let reason = self.parent.upgrade().and_then(|parent| {
            parent.with(|state| state.connection.call(self.parent_id).and_then(|call| call.stopped()))
        });
        // The child's own deadline is no later, and says by itself what happened.
        if reason != Some(Stop::DeadlineExceeded) {
            self.shared.with(|state| {
                if let Some(call) = state.connection.call(self.id) {
                    call.cancel();
                    state.wake_all_of(self.id);
                }
            });
        }
    }
}
