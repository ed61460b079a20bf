//! Guards against a peer that makes us work: token buckets over the caller's time.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use crate::time::Instant;

/// A bucket of tokens that refills with time. Counted in eighths, since the cheapest frames cost an eighth.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    spent: u64,
    burst: u64,
    per_second: u64,
    refilled: Instant,
    /// Nanoseconds of refill too short for an eighth.
    rest: u64,
}

const EIGHTHS: u64 = 8;
const SECOND: u64 = 1_000_000_000;

impl Bucket {
    #[expect(clippy::arithmetic_side_effects, reason = "32 bits and 4")]
    pub(super) const fn new(burst: u32, per_second: u32, now: Instant) -> Self {
        Self {
            spent: 0,
            burst: burst as u64 * EIGHTHS,
            per_second: per_second as u64 * EIGHTHS,
            refilled: now,
            rest: 0,
        }
    }

    /// Takes `eighths` of a token; `false` when the bucket is empty.
    pub(super) fn take(&mut self, now: Instant, eighths: u64) -> bool {
        if self.spent > 0 {
            self.refill(now);
        } else {
            (self.refilled, self.rest) = (now, 0);
        }
        self.spent = self.spent.saturating_add(eighths);
        self.spent <= self.burst
    }

    /// Gives one token back.
    pub(super) fn refund(&mut self) {
        self.spent = self.spent.saturating_sub(EIGHTHS);
    }

    /// Whole tokens spent now, refunds and refill taken off.
    pub(super) const fn spent(&self) -> u64 {
        self.spent.div_ceil(EIGHTHS)
    }

    #[expect(
        clippy::arithmetic_side_effects,
        reason = "a day of nanoseconds by 36 bits in 128; the second is not zero"
    )]
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

#[cfg(test)]
mod tests {
    use super::{Bucket, SECOND};
    use crate::time::Instant;

    #[test]
    fn the_last_token_is_given_and_no_more() {
        let start = Instant::from_nanos(5);
        let mut bucket = Bucket::new(10, 2, start);
        assert!((0..80).all(|_| bucket.take(start, 1)));
        assert!(!bucket.take(start, 1));
    }

    #[test]
    fn refills_with_time_and_not_past_full() {
        let mut bucket = Bucket::new(10, 2, Instant::from_nanos(0));
        assert!(bucket.take(Instant::from_nanos(0), 80));
        assert!(!bucket.take(Instant::from_nanos(SECOND - 1), 16));
        let mut bucket = Bucket::new(10, 2, Instant::from_nanos(0));
        assert!(bucket.take(Instant::from_nanos(0), 80));
        assert!(bucket.take(Instant::from_nanos(SECOND), 16));
        assert!(bucket.take(Instant::from_nanos(1_000 * SECOND), 80));
        assert!(!bucket.take(Instant::from_nanos(1_000 * SECOND), 1));
    }

    #[test]
    fn short_steps_refill_as_much_as_long_ones() {
        let mut bucket = Bucket::new(100, 3, Instant::from_nanos(0));
        bucket.take(Instant::from_nanos(0), 800);
        for step in 1..=1_000u64 {
            bucket.take(Instant::from_nanos(step * SECOND / 100), 0);
        }
        assert_eq!(bucket.spent(), 70);
    }

    #[test]
    fn refunds() {
        let now = Instant::from_nanos(0);
        let mut bucket = Bucket::new(1, 0, now);
        assert!(bucket.take(now, 8));
        bucket.refund();
        assert!(bucket.take(now, 8));
        assert_eq!(bucket.spent(), 1);
    }
}
