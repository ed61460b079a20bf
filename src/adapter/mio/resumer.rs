//! Calls that go on though nothing came from their peers.

use super::handler::ConnectionId;
use super::remote::Remote;
use crate::event::CallId;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Calls to be asked again: each once, however often it was named.
#[derive(Clone, Debug, Default)]
pub(super) struct Resumed(Arc<Mutex<BTreeSet<(ConnectionId, CallId)>>>);

impl Resumed {
    pub(super) fn take(&self) -> Option<(ConnectionId, CallId)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }
}

/// Makes [`Routes`](super::Routes) ask a [`Responder`](super::Responder) again that had nothing to send: from another thread,
/// or from another call. Cheap to clone.
///
/// It is made by [`Routes::resumer`](super::Routes::resumer).
#[derive(Clone, Debug)]
pub struct Resumer {
    resumed: Resumed,
    remote: Remote,
}

impl Resumer {
    pub(super) fn new(resumed: &Resumed, remote: Remote) -> Self {
        Self { resumed: resumed.clone(), remote }
    }

    /// Has a call asked for its next message, in the loop's next step. One that is gone by then is left out.
    ///
    /// # Errors
    ///
    /// As [`Remote::wake`].
    pub fn resume(&self, connection: ConnectionId, call: CallId) -> io::Result<()> {
        self.resumed.0.lock().unwrap_or_else(PoisonError::into_inner).insert((connection, call));
        self.remote.wake()
    }
}
