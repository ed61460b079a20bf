//! PINGs that come too often (gRFC A8, G-207 to G-210), and our own.

use super::config::{Config, Side};
use super::connection::Connection;
use super::counters::Guard;
use super::error::{Fault, Origin};
use crate::frame::ErrorCode;
use crate::time::Instant;
use core::time::Duration;

/// How far apart PINGs have to be where no stream is open: as far as TCP's own keepalives (RFC 1122 §4.2.3.6).
pub const IDLE_PING_INTERVAL: Duration = Duration::from_secs(2 * 60 * 60);

/// What a server says to a client that pings too often, to the letter (G-206, G-207).
pub(super) const TOO_MANY_PINGS: &str = "too_many_pings";

/// What a server remembers of its client's PINGs since it last sent HEADERS or DATA.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strikes {
    count: u32,
    most: u32,
    /// The last PING that came in time; [`Instant::MAX`] where each would.
    valid_at: Instant,
    /// HEADERS or DATA were sent since the last PING: noted once for each transmit, and looked at when a PING comes.
    spoke: bool,
}

impl Strikes {
    pub(super) const NONE: Self = Self { count: 0, most: 0, valid_at: Instant::MAX, spoke: false };

    /// A PING came; whether it is one too many.
    fn ping(&mut self, config: &Config, now: Instant, idle: bool) -> bool {
        let Some(limit) = config.max_ping_strikes else { return false };
        if core::mem::take(&mut self.spoke) {
            // G-208: a PING may well follow what it measures.
            (self.count, self.valid_at) = (0, Instant::MAX);
        }
        let idle = idle && !config.pings_without_streams;
        let interval = if idle { IDLE_PING_INTERVAL } else { config.min_ping_interval };
        if self.valid_at == Instant::MAX || self.valid_at.saturating_add(interval) <= now {
            self.valid_at = now;
            return false;
        }
        self.count = self.count.saturating_add(1);
        self.most = self.most.max(self.count);
        self.count > limit
    }

    pub(super) fn spoke(&mut self, spoke: bool) {
        self.spoke |= spoke;
    }

    pub(super) fn read(&self, config: &Config) -> Guard {
        let spent = if self.spoke { 0 } else { self.count };
        let limit = config.max_ping_strikes.unwrap_or(0);
        Guard { spent: spent.into(), most: self.most.into(), limit: limit.into() }
    }
}

impl<T: Default> Connection<T> {
    /// Judges a PING by when it comes.
    pub(super) fn judge_ping(&mut self, now: Instant) -> Result<(), Fault> {
        let idle = self.active == 0;
        if self.common.side == Side::Server && self.strikes.ping(&self.config, now, idle) {
            return Err(Fault::calm(TOO_MANY_PINGS));
        }
        Ok(())
    }

    /// The turns of streams wrote something, so HEADERS or DATA.
    #[inline]
    pub(crate) fn spoke(&mut self, spoke: bool) {
        self.strikes.spoke(spoke);
    }

    /// Asks the peer for a sign of life: sends a PING, ahead of all streams. Where the last one was not answered yet, that
    /// answer will do: whatever the ways of two PINGs, a peer never sees them closer than they were wanted (L-30).
    pub fn ping(&mut self) {
        if !self.ended && !self.control.pong_owed {
            self.control_mut().ping();
        }
    }

    /// The transport does not deliver any more, whatever it says itself: open streams are broken. GOAWAY is said all the
    /// same, for it may be that only one direction is lost.
    pub fn give_up(&mut self, reason: &'static str) {
        self.fail(ErrorCode::NO_ERROR, Origin::Transport, reason);
    }

    /// Whether the peer's GOAWAY says that we send too many PINGs (G-206).
    pub fn was_told_to_ping_less(&self) -> bool {
        self.peer_error.as_ref().or(self.error.as_ref()).is_some_and(|error| {
            (error.origin(), error.code()) == (Origin::Peer, ErrorCode::ENHANCE_YOUR_CALM)
                && error.debug_data() == TOO_MANY_PINGS.as_bytes()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{IDLE_PING_INTERVAL, Strikes};
    use crate::http2::{Config, Side};
    use crate::time::Instant;
    use core::time::Duration;

    fn config() -> Config {
        let mut config = Config::new(Side::Server);
        (config.max_ping_strikes, config.min_ping_interval) = (Some(2), Duration::from_secs(300));
        config
    }

    /// Pings at these seconds; how many came before one was too many.
    fn fine(config: &Config, idle: bool, seconds: &[u64]) -> usize {
        let mut strikes = Strikes::NONE;
        let at = |second: u64| Instant::from_nanos(second * 1_000_000_000);
        seconds.iter().take_while(|second| !strikes.ping(config, at(**second), idle)).count()
    }

    /// G-210: the test vector, and the interval on both its sides.
    #[test]
    fn g_210_the_fourth_early_ping_is_too_many() {
        assert_eq!(fine(&config(), false, &[0, 1, 2, 3]), 3);
        assert_eq!(fine(&config(), false, &[0, 299, 299, 300, 599]), 4, "a PING in time forgives none before it");
        assert_eq!(fine(&config(), false, &[0, 300, 600, 900, 1_200, 1_500]), 6);
        let none = Config { max_ping_strikes: Some(0), ..config() };
        assert_eq!(fine(&none, false, &[0, 299]), 1);
        let off = Config { max_ping_strikes: None, ..config() };
        assert_eq!(fine(&off, true, &[0; 100]), 100);
    }

    /// G-207: without a stream two hours, unless that is permitted.
    #[test]
    fn g_207_two_hours_where_nothing_is_open() {
        let hours = IDLE_PING_INTERVAL.as_secs();
        assert_eq!(fine(&config(), true, &[0, hours, 2 * hours, 3 * hours]), 4);
        assert_eq!(fine(&config(), true, &[0, hours - 1, hours - 1, hours - 1]), 3);
        let permitted = Config { pings_without_streams: true, ..config() };
        assert_eq!(fine(&permitted, true, &[0, 300, 600, 900]), 4);
    }
}
