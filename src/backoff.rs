//! When to try again to connect (gRPC's connection backoff).

use crate::jitter::jittered;
use crate::time::Instant;
use core::time::Duration;

/// How long to wait between attempts to connect. The defaults are gRPC's (G-217).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackoffConfig {
    /// From the start of the first attempt to that of the second. 1 s.
    pub initial: Duration,
    /// How much longer each wait is than the one before, in per cent of that. 160.
    pub multiplier_percent: u32,
    /// How much longer or shorter it may be by chance, in per cent; the first has none. 20.
    pub jitter_percent: u8,
    /// The longest wait, before jitter. 120 s.
    pub max: Duration,
    /// The least time that each attempt is given. 20 s.
    pub min_connect_timeout: Duration,
}

impl Default for BackoffConfig {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            multiplier_percent: 160,
            jitter_percent: 20,
            max: Duration::from_secs(120),
            min_connect_timeout: Duration::from_secs(20),
        }
    }
}

/// The waits between attempts to connect, as a pure machine: it is told when an attempt begins, and when a connection
/// works; it says how long the attempt may take, and when the next one may begin.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::{Backoff, BackoffConfig, Instant};
///
/// let mut backoff = Backoff::new(BackoffConfig::default(), 42);
/// let start = Instant::from_nanos(0);
/// let give_up = backoff.begin(start);
/// assert_eq!(give_up, start.saturating_add(Duration::from_secs(20)));
/// // It failed after half a second: the wait runs from its start.
/// assert_eq!(backoff.next_attempt(), start.saturating_add(Duration::from_secs(1)));
/// // The next one works: on `Event::Ready`, not when TCP connects.
/// let give_up = backoff.begin(backoff.next_attempt());
/// backoff.ready();
/// # let _ = give_up;
/// ```
#[derive(Clone, Debug)]
pub struct Backoff {
    config: BackoffConfig,
    /// For the jitter of the next wait.
    seed: u64,
    /// The next wait, before jitter; `None` stands for the first.
    wait: Option<Duration>,
    next: Instant,
}

impl Backoff {
    /// Nothing was tried yet. The same seed gives the same waits (G-220): each channel should have its own.
    pub const fn new(config: BackoffConfig, seed: u64) -> Self {
        Self { config, seed, wait: None, next: Instant::from_nanos(0) }
    }

    /// An attempt begins. Returns when to give it up: no earlier than the next may begin, and no earlier than
    /// [`min_connect_timeout`](BackoffConfig::min_connect_timeout) allows (G-217).
    pub fn begin(&mut self, now: Instant) -> Instant {
        let wait = match self.wait {
            None => self.config.initial,
            Some(wait) => {
                self.seed = self.seed.wrapping_add(1);
                jittered(wait, self.config.jitter_percent, self.seed)
            }
        };
        let before = self.wait.unwrap_or(self.config.initial);
        let longer = before.as_nanos().saturating_mul(self.config.multiplier_percent.into()) / 100;
        let longer = Duration::from_nanos(u64::try_from(longer).unwrap_or(u64::MAX));
        self.wait = Some(longer.min(self.config.max));
        self.next = now.saturating_add(wait);
        self.next.max(now.saturating_add(self.config.min_connect_timeout))
    }

    /// When the next attempt may begin, if the last one failed or its connection is lost: at once where that lies behind.
    pub const fn next_attempt(&self) -> Instant {
        self.next
    }

    /// The server's SETTINGS came ([`Event::Ready`](crate::Event::Ready)), so the connection works: the waits begin afresh,
    /// and when it is lost one may connect again at once (G-218).
    pub fn ready(&mut self) {
        self.reset();
    }

    /// Tries again at once, and begins afresh: for a hint that the network has changed (G-219).
    pub fn reset(&mut self) {
        (self.wait, self.next) = (None, Instant::from_nanos(0));
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, BackoffConfig};
    use crate::time::Instant;
    use core::time::Duration;
    use std::vec::Vec;

    /// The waits of so many attempts that fail at once, each begun as soon as it may.
    fn waits(backoff: &mut Backoff, count: usize, mut now: Instant) -> Vec<Duration> {
        let mut waits = Vec::new();
        for _ in 0..count {
            backoff.begin(now);
            waits.push(backoff.next_attempt().saturating_since(now));
            now = backoff.next_attempt();
        }
        waits
    }

    /// G-217: the table of waits without jitter.
    #[test]
    fn g_217_the_table_of_waits() {
        let config = BackoffConfig { jitter_percent: 0, ..BackoffConfig::default() };
        let waits = waits(&mut Backoff::new(config, 1), 14, Instant::from_nanos(5));
        let seconds = [1.0, 1.6, 2.56, 4.096, 6.5536, 10.48576, 16.777216, 26.8435456, 42.94967296, 68.719476736];
        let expected = seconds.into_iter().chain([109.9511627776, 120.0, 120.0, 120.0]);
        for (wait, expected) in waits.into_iter().zip(expected) {
            assert!((wait.as_secs_f64() - expected).abs() < 1e-6, "{wait:?}, not {expected}");
        }
    }

    /// G-217, G-220: a fifth more or less, but for the first; the same for the same seed.
    #[test]
    fn g_217_g_220_jitter() {
        let config = BackoffConfig::default();
        let (mut shorter, mut longer) = (0, 0);
        for seed in 0..200 {
            let start = Instant::from_nanos(0);
            let got = waits(&mut Backoff::new(config, seed * 1_000), 13, start);
            assert_eq!(got, waits(&mut Backoff::new(config, seed * 1_000), 13, start));
            assert_eq!(got[0], Duration::from_secs(1));
            let last = got[12].as_secs_f64();
            assert!((96.0..=144.0).contains(&last), "{last}");
            shorter += usize::from(last < 105.0);
            longer += usize::from(last > 135.0);
        }
        assert!(shorter > 20 && longer > 20, "{shorter} {longer}");
    }

    /// G-217: an attempt has 20 s, or until the next may begin.
    #[test]
    fn g_217_the_least_time_for_an_attempt() {
        let config = BackoffConfig { jitter_percent: 0, ..BackoffConfig::default() };
        let (mut backoff, mut now) = (Backoff::new(config, 1), Instant::from_nanos(0));
        for attempt in 0..10 {
            let give_up = backoff.begin(now).saturating_since(now);
            let wait = backoff.next_attempt().saturating_since(now);
            assert_eq!(give_up, wait.max(Duration::from_secs(20)), "{attempt}");
            now = backoff.next_attempt();
        }
    }

    /// G-218, G-219: SETTINGS, and a hint from outside, let the waits begin afresh, and the next attempt at once.
    #[test]
    fn g_218_g_219_what_begins_afresh() {
        for afresh in [Backoff::ready, Backoff::reset] {
            let mut backoff = Backoff::new(BackoffConfig::default(), 1);
            let now = Instant::from_nanos(1_000_000_000_000);
            waits(&mut backoff, 8, now);
            assert!(backoff.next_attempt() > now);
            afresh(&mut backoff);
            assert!(backoff.next_attempt() <= now);
            assert_eq!(waits(&mut backoff, 1, now), [Duration::from_secs(1)]);
        }
    }
}
