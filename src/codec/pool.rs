//! The workspaces of a codec, kept for the next message: making one costs more than compressing a small message.

use core::fmt;
use std::sync::{Mutex, PoisonError};
use std::vec::Vec;

/// Workspaces that wait for use. As many as there are threads may be in use besides.
const KEPT: usize = 4;

/// Up to four workspaces. No message leaves a trace in them (G-086): they are reset before each use.
pub(super) struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Works with one of them, or with a new one; the lock is not held meanwhile.
    pub(super) fn with<R>(&self, make: impl FnOnce() -> T, work: impl FnOnce(&mut T) -> R) -> R {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut workspace = kept.unwrap_or_else(make);
        let result = work(&mut workspace);
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(workspace);
        }
        result
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool")
    }
}
