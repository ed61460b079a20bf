//! Time as an argument.
//!
//! Nothing in the core asks what time it is: every verb that needs to know takes an [`Instant`].
//! The caller picks the epoch, so a simulation may start at zero and a kernel may use its own tick.

use core::fmt;
use core::time::Duration;

/// A point in time, in nanoseconds since an epoch that the caller picks.
///
/// The clock must be monotonic. A value that lies before one given earlier is treated as the
/// earlier one, so a clock that steps back delays timers and breaks nothing.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::Instant;
///
/// let start = Instant::from_nanos(0);
/// let later = start.saturating_add(Duration::from_millis(3));
/// assert_eq!(later.saturating_since(start), Duration::from_millis(3));
/// assert_eq!(start.saturating_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(u64);

impl Instant {
    /// The last point in time that can be named; stands for "never".
    pub const MAX: Self = Self(u64::MAX);

    /// A point `nanos` nanoseconds after the caller's epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the caller's epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This point plus `duration`, or `None` past the end of the representable range (584 years).
    pub fn checked_add(self, duration: Duration) -> Option<Self> {
        let seconds = duration.as_secs().checked_mul(1_000_000_000)?;
        let nanos = seconds.checked_add(u64::from(duration.subsec_nanos()))?;
        self.0.checked_add(nanos).map(Self)
    }

    /// This point plus `duration`; [`Instant::MAX`] where that cannot be represented.
    pub fn saturating_add(self, duration: Duration) -> Self {
        self.checked_add(duration).unwrap_or(Self::MAX)
    }

    /// The time from `earlier` to this point; zero where `earlier` is later.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

/// Maps the system's monotonic clock to [`Instant`]s, with its own creation as the epoch.
///
/// ```
/// let clock = grpc_sansio::Clock::new();
/// let a = clock.now();
/// assert!(clock.now() >= a);
/// ```
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
}

#[cfg(feature = "std")]
impl Clock {
    /// A clock that starts now.
    #[expect(clippy::new_without_default, reason = "a clock reads the system's time; that should be spelled out")]
    pub fn new() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// The time since this clock was made.
    pub fn now(&self) -> Instant {
        self.at(std::time::Instant::now())
    }

    /// The given system time on this clock; the epoch for one that lies before it.
    pub fn at(&self, instant: std::time::Instant) -> Instant {
        let elapsed = instant.saturating_duration_since(self.epoch);
        Instant::from_nanos(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// The system time that `instant` stands for, or `None` where the system cannot name it.
    pub fn system_time(&self, instant: Instant) -> Option<std::time::Instant> {
        self.epoch.checked_add(Duration::from_nanos(instant.as_nanos()))
    }
}
