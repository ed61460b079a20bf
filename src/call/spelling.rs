//! How deadlines are told to the server.

use crate::grpc::timeout::{self, Precision, Timeout};
use crate::time::Instant;
use core::time::Duration;

/// Spells timeouts, and remembers the last: most are as long as the one before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelling {
    precision: Precision,
    /// In nanoseconds.
    last: Option<(u64, Timeout)>,
}

impl Spelling {
    pub(super) const fn new(precision: Precision) -> Self {
        Self { precision, last: None }
    }

    /// The time from `now` to `deadline`.
    #[inline]
    pub(super) fn spell(&mut self, now: Instant, deadline: Instant) -> Timeout {
        let remaining = deadline.as_nanos().saturating_sub(now.as_nanos());
        match self.last {
            Some((last, timeout)) if last == remaining => timeout,
            _ => {
                let timeout = timeout::encode(Duration::from_nanos(remaining), self.precision);
                self.last = Some((remaining, timeout));
                timeout
            }
        }
    }
}
