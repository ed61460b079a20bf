//! A server and a client that are at work at the same time.

use super::transport::Transport;
use crate::time::Instant;
use core::time::Duration;

/// When a socket leaves it to the system to hold answers back (Nagle's algorithm), and for how long.
///
/// A client that sends its calls in batches reads all answers that are there, and only then says what follows from them. If
/// it finds all of them at once it makes one batch again, and each side waits for the other by turns. So answers to the
/// first half of a batch are written early, and from then on each further answer waits in the system until the client
/// acknowledges what it has, which it does by its next calls: two batches are on their way, one at each side.
///
/// A client that has nothing to say acknowledges late (after 40 ms on Linux). Nobody waits for that: after [`PATIENCE`]
/// without a word from it all goes out, and where there was none at all the next batches are not held back.
#[derive(Debug, Default)]
pub(super) struct Tandem {
    /// The system holds back; until then, unless the client is heard of.
    until: Option<Instant>,
    /// The client has been heard of since it does.
    heard: bool,
    /// Batches before the next attempt, and how many it will be after one that fails.
    pass: u32,
    next_pass: u32,
}

/// About what a client takes for a batch, and what the timer of a loop can tell.
const PATIENCE: Duration = Duration::from_millis(1);

/// However often it was in vain, one of so many batches is an attempt.
const MOST_PASSED: u32 = 4096;

impl Tandem {
    /// A batch has come: whether its second half is to be held back.
    pub(super) fn tries(&mut self) -> bool {
        let passed = self.pass;
        self.pass = passed.saturating_sub(1);
        passed == 0
    }

    /// The answers to the first half of such a batch have been written.
    pub(super) fn begin(&mut self, now: Instant, socket: &mut impl Transport) {
        if self.until.is_some() {
            return;
        }
        if socket.set_nagle(true) {
            (self.until, self.heard) = (Some(now.saturating_add(PATIENCE)), false);
        } else {
            self.pass = MOST_PASSED;
        }
    }

    /// A turn begins; `heard` says whether the client has said something.
    pub(super) fn turn(&mut self, now: Instant, heard: bool, socket: &mut impl Transport) {
        let Some(until) = &mut self.until else { return };
        if heard {
            (*until, self.heard) = (now.saturating_add(PATIENCE), true);
        } else if *until <= now {
            self.until = None;
            socket.set_nagle(false);
            self.next_pass = if self.heard { 0 } else { self.next_pass.saturating_mul(4).clamp(1, MOST_PASSED) };
            self.pass = self.next_pass;
        }
    }

    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}
