//! Time that the test makes up.

use crate::time::Instant;
use core::time::Duration;

/// A clock that stands still until it is told to go on.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::testing::Clock;
///
/// let mut clock = Clock::new();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().saturating_since(start), Duration::from_secs(3600));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock(Instant);

impl Clock {
    /// A clock at zero.
    pub const fn new() -> Self {
        Self(Instant::from_nanos(0))
    }

    /// What time it is.
    pub const fn now(&self) -> Instant {
        self.0
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        self.0 = self.0.saturating_add(by);
    }

    /// Lets time pass until `instant`; does nothing where that lies behind.
    pub fn advance_to(&mut self, instant: Instant) {
        self.0 = self.0.max(instant);
    }
}
