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

/// The clock of one host, which may be ahead of [`Clock`] or behind it, and may jump: what `now` is for the connections of
/// that host.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::Instant;
/// use grpc_sansio::testing::LocalClock;
///
/// let noon = Instant::from_nanos(12_000_000_000);
/// let mut local = LocalClock::new();
/// local.jump_ahead(Duration::from_secs(3));
/// assert_eq!(local.at(noon), Instant::from_nanos(15_000_000_000));
/// assert_eq!(local.common(local.at(noon)), noon);
/// local.jump_back(Duration::from_secs(4));
/// assert_eq!(local.at(noon), Instant::from_nanos(11_000_000_000));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LocalClock {
    /// Nanoseconds before the common clock.
    ahead: i64,
}

impl LocalClock {
    /// A clock that goes with the common one.
    pub const fn new() -> Self {
        Self { ahead: 0 }
    }

    /// What this clock says when the common one says `common`.
    pub const fn at(self, common: Instant) -> Instant {
        Instant::from_nanos(common.as_nanos().saturating_add_signed(self.ahead))
    }

    /// What the common clock says when this one says `local`; [`Instant::MAX`] stays what it is.
    pub fn common(self, local: Instant) -> Instant {
        if local == Instant::MAX {
            return local;
        }
        Instant::from_nanos(local.as_nanos().saturating_add_signed(self.ahead.saturating_neg()))
    }

    /// The clock is set forward: timers fire at once where they were due in between.
    pub fn jump_ahead(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add_unsigned(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
    }

    /// The clock is set back, as a monotonic clock never should be: a connection stands still until it has caught up.
    pub fn jump_back(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_sub_unsigned(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX));
    }
}
