//! Guards against a peer that makes us work: token buckets over the caller's time, and what they charge for.

use super::connection::Connection;
use super::counters::Guard;
use super::error::Fault;
use crate::time::Instant;

/// A bucket of tokens that refills with time. Counted in eighths, since the cheapest frames cost an eighth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    spent: u64,
    most: u64,
    burst: u64,
    /// More than this is so much that the peer had better begin anew.
    ample: u64,
    per_second: u64,
    refilled: Instant,
    /// Nanoseconds of refill too short for an eighth.
    rest: u64,
}

/// How a bucket is after something was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Ample,
    /// Nearly spent.
    Low,
    /// There was not enough.
    Empty,
}

/// What a whole token is counted in.
pub(super) const EIGHTHS: u64 = 8;
const SECOND: u64 = 1_000_000_000;

#[cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]
impl Bucket {
    /// It is low once more than `low_percent` of it is spent.
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits, 4 and 8")]
    pub(super) const fn new(burst: u32, per_second: u32, low_percent: u8, now: Instant) -> Self {
        let burst = burst as u64 * EIGHTHS;
        Self {
            spent: 0,
            most: 0,
            burst,
            ample: burst * low_percent as u64 / 100,
            per_second: per_second as u64 * EIGHTHS,
            refilled: now,
            rest: 0,
        }
    }

    /// Takes `eighths` of a token.
    pub(super) fn take(&mut self, now: Instant, eighths: u64) -> Level {
        if self.spent > 0 {
            self.refill(now);
        } else {
            (self.refilled, self.rest) = (now, 0);
        }
        self.spent = self.spent.saturating_add(eighths);
        self.most = self.most.max(self.spent);
        match self.spent {
            spent if spent <= self.ample => Level::Ample,
            spent if spent <= self.burst => Level::Low,
            _ => Level::Empty,
        }
    }

    /// As [`Bucket::take`] of a whole token, but an empty bucket stays as it is.
    pub(super) fn try_take(&mut self, now: Instant) -> bool {
        let taken = self.take(now, EIGHTHS) != Level::Empty;
        if !taken {
            self.refund();
        }
        taken
    }

    /// Gives one token back.
    pub(super) fn refund(&mut self) {
        self.spent = self.spent.saturating_sub(EIGHTHS);
    }

    /// Whole tokens spent now, refunds and refill taken off.
    pub(super) const fn spent(&self) -> u64 {
        self.spent.div_ceil(EIGHTHS)
    }

    pub(super) const fn read(&self) -> Guard {
        Guard { spent: self.spent(), most: self.most.div_ceil(EIGHTHS), limit: self.burst / EIGHTHS }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "47 bits of nanoseconds by 36, in 128; a second is not zero")]
    fn refill(&mut self, now: Instant) {
        let elapsed = now.as_nanos().saturating_sub(self.refilled.as_nanos());
        // A clock that steps back must not let the same time count twice.
        self.refilled = now.max(self.refilled);
        // A day fills any bucket; the bound keeps the product in range.
        let units = elapsed.min(86_400 * SECOND) as u128 * u128::from(self.per_second) + u128::from(self.rest);
        self.rest = (units % u128::from(SECOND)) as u64;
        self.spent = self.spent.saturating_sub((units / u128::from(SECOND)) as u64);
    }
}

impl<T: Default> Connection<T> {
    /// A stream that ends by reset, whoever sent it.
    pub(super) fn charge_reset(&mut self, now: Instant) -> Result<(), Fault> {
        match self.resets.take(now, EIGHTHS) {
            Level::Ample => {}
            Level::Low => self.drain(now, "reset_burst: most of it is spent"),
            Level::Empty => return Err(Fault::calm("reset_burst: too many streams are reset")),
        }
        Ok(())
    }

    /// A frame that makes no progress.
    pub(super) fn glitch(&mut self, now: Instant, eighths: u64) -> Result<(), Fault> {
        if eighths == 0 {
            return Ok(());
        }
        match self.glitches.take(now, eighths) {
            Level::Ample => {}
            Level::Low => self.drain(now, "glitch_burst: most of it is spent"),
            Level::Empty => return Err(Fault::calm("glitch_burst: too many frames that make no progress")),
        }
        Ok(())
    }

    /// H-060, T-43: DATA without data, its end of stream apart.
    pub(super) fn charge_empty_data(&mut self, now: Instant) -> Result<(), Fault> {
        self.counters.empty_data_received += 1;
        match self.empty_data.take(now, EIGHTHS) {
            Level::Empty => Err(Fault::calm("empty_data_burst: too many DATA frames without data")),
            _ => Ok(()),
        }
    }

    /// T-05: a stream beyond the limit that the peer has acknowledged. A peer that counts as RFC 9113 §5.1.2 says never
    /// opens one: whatever closes a stream, it closes for us no later than for its client.
    pub(super) fn charge_beyond_limit(&mut self, now: Instant) -> Result<(), Fault> {
        self.counters.streams_beyond_limit += 1;
        match self.beyond_limit.take(now, EIGHTHS) {
            Level::Empty => Err(Fault::protocol("max_streams_beyond_limit: max_concurrent_streams is not heeded")),
            _ => Ok(()),
        }
    }

    /// A guard is nearly spent: a peer that is honest goes on with another connection, at no loss.
    #[cold]
    fn drain(&mut self, now: Instant, reason: &'static str) {
        self.shut_down_because(now, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bucket, Level, SECOND};
    use crate::time::Instant;

    #[test]
    fn the_last_token_is_given_and_no_more() {
        let start = Instant::from_nanos(5);
        let mut bucket = Bucket::new(10, 2, 100, start);
        assert!((0..80).all(|_| bucket.take(start, 1) == Level::Ample));
        assert_eq!(bucket.take(start, 1), Level::Empty);
    }

    #[test]
    fn refills_with_time_and_not_past_full() {
        let mut bucket = Bucket::new(10, 2, 100, Instant::from_nanos(0));
        assert_ne!(bucket.take(Instant::from_nanos(0), 80), Level::Empty);
        assert_eq!(bucket.take(Instant::from_nanos(SECOND - 1), 16), Level::Empty);
        let mut bucket = Bucket::new(10, 2, 100, Instant::from_nanos(0));
        assert_ne!(bucket.take(Instant::from_nanos(0), 80), Level::Empty);
        assert_ne!(bucket.take(Instant::from_nanos(SECOND), 16), Level::Empty);
        assert_ne!(bucket.take(Instant::from_nanos(1_000 * SECOND), 80), Level::Empty);
        assert_eq!(bucket.take(Instant::from_nanos(1_000 * SECOND), 1), Level::Empty);
    }

    #[test]
    fn short_steps_refill_as_much_as_long_ones() {
        let mut bucket = Bucket::new(100, 3, 100, Instant::from_nanos(0));
        bucket.take(Instant::from_nanos(0), 800);
        for step in 1..=1_000u64 {
            bucket.take(Instant::from_nanos(step * SECOND / 100), 0);
        }
        assert_eq!(bucket.spent(), 70);
    }

    #[test]
    fn is_low_from_its_mark_on() {
        let now = Instant::from_nanos(0);
        let mut bucket = Bucket::new(100, 0, 75, now);
        assert_eq!([600, 1, 199, 1].map(|eighths| bucket.take(now, eighths)), {
            [Level::Ample, Level::Low, Level::Low, Level::Empty]
        });
        assert!(!bucket.try_take(now));
        bucket.refund();
        assert!(!bucket.try_take(now));
        bucket.refund();
        assert!(bucket.try_take(now));
        assert_eq!((bucket.read().spent, bucket.read().most, bucket.read().limit), (100, 102, 100));
    }

    #[test]
    fn refunds() {
        let now = Instant::from_nanos(0);
        let mut bucket = Bucket::new(1, 0, 100, now);
        assert_ne!(bucket.take(now, 8), Level::Empty);
        bucket.refund();
        assert_ne!(bucket.take(now, 8), Level::Empty);
        assert_eq!(bucket.spent(), 1);
    }
}
