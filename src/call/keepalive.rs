//! Whether the peer is still there (gRFC A8, A9): when a PING is due, and when it was one too many.

use crate::config::Rules;
use crate::time::Instant;
use core::time::Duration;

/// When a PING is due, from what is noted once for each read: when the last octet came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keepalive {
    /// When the PING went that nothing was received after, as far as was looked; [`Instant::MAX`] where none waits.
    pinged: Instant,
    /// That PING took the place of one whose time ran out unseen.
    repeated: bool,
    /// A PING was due, and there was no call to ask for.
    owed: bool,
    /// When to look next.
    check_at: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// A PING; one that is not answered yet serves as well.
    Ping,
    /// The peer did not answer.
    Lost,
}

impl Keepalive {
    pub(super) fn new(rules: &Rules, now: Instant) -> Self {
        let check_at = rules.keepalive.map_or(Instant::MAX, |time| now.saturating_add(time));
        Self { pinged: Instant::MAX, repeated: false, owed: false, check_at }
    }

    /// When [`Keepalive::check`] is due: early where octets came meanwhile, never late.
    pub(super) fn next(&self) -> Instant {
        self.check_at
    }

    /// What is due then: a PING, or the end of the wait for what answers it.
    pub(super) fn name(&self) -> &'static str {
        if self.pinged == Instant::MAX { "keepalive_time" } else { "keepalive_timeout" }
    }

    /// Whether the next call has a PING sent with it.
    pub(super) fn is_owed(&self) -> bool {
        self.owed
    }

    /// `heard` is when the last octet came (G-201), and `in_use` whether a call is open on the wire.
    pub(super) fn check(&mut self, rules: &Rules, now: Instant, heard: Instant, in_use: bool) -> Due {
        let Some(time) = rules.keepalive.filter(|_| self.check_at <= now) else { return Due::Nothing };
        if self.pinged != Instant::MAX && heard < self.pinged {
            let late = self.pinged.saturating_add(rules.keepalive_timeout);
            if late > now {
                // Were something heard right now, the next PING would be due no sooner.
                self.check_at = late.min(now.saturating_add(time));
                return Due::Nothing;
            }
            if late.saturating_add(rules.keepalive_timeout) > now || self.repeated {
                // G-204
                self.check_at = Instant::MAX;
                return Due::Lost;
            }
            // L-28: nobody has looked for so long that the answer may lie unread. It is asked for once more.
            self.repeated = true;
            return self.ping(time, rules, now);
        }
        (self.pinged, self.repeated) = (Instant::MAX, false);
        let due = heard.saturating_add(time);
        if due > now {
            self.check_at = due;
            return Due::Nothing;
        }
        if !in_use && !rules.without_calls {
            // G-202: nobody waits for anything; the next call asks.
            (self.owed, self.check_at) = (true, Instant::MAX);
            return Due::Nothing;
        }
        self.ping(time, rules, now)
    }

    fn ping(&mut self, time: Duration, rules: &Rules, now: Instant) -> Due {
        (self.pinged, self.owed) = (now, false);
        self.check_at = now.saturating_add(time.min(rules.keepalive_timeout));
        Due::Ping
    }

    /// A call is open while one was [owed](Keepalive::is_owed) a PING: asks at once, unless something has come since
    /// (G-203).
    pub(super) fn in_use_again(&mut self, rules: &Rules, now: Instant, heard: Instant) -> Due {
        (self.owed, self.check_at) = (false, now);
        self.check(rules, now, heard, true)
    }
}

#[cfg(test)]
mod tests {
    use super::{Due, Keepalive};
    use crate::config::Rules;
    use crate::time::Instant;
    use core::time::Duration;
    use std::vec::Vec;

    fn rules(time: u64, timeout: u64) -> Rules {
        let seconds = Duration::from_secs;
        let keepalive = Some(seconds(time));
        let (idle, age, grace, calls) = (None, None, None, None);
        Rules { keepalive, keepalive_timeout: seconds(timeout), without_calls: false, idle, age, grace, calls }
    }

    fn at(second: u64) -> Instant {
        Instant::from_nanos(second * 1_000_000_000)
    }

    /// Plays a conversation: the peer is heard at these seconds; what is due, and when.
    fn play(rules: &Rules, heard: &[u64], until: u64) -> Vec<(u64, Due)> {
        let mut keepalive = Keepalive::new(rules, at(0));
        let mut dues = Vec::new();
        for second in 0..=until {
            let last = heard.iter().filter(|at| **at <= second).max().copied().unwrap_or(0);
            match keepalive.check(rules, at(second), at(last), true) {
                Due::Nothing => {}
                due => dues.push((second, due)),
            }
            assert!(keepalive.next() > at(second), "looked at, and due all the same");
        }
        dues
    }

    /// G-201, G-204: from the last octet on, whatever was asked before; and the timeout on both its sides.
    #[test]
    fn g_201_g_204_times_of_pings() {
        assert_eq!(play(&rules(60, 20), &[], 100), [(60, Due::Ping), (80, Due::Lost)]);
        assert_eq!(play(&rules(60, 20), &[30], 100), [(90, Due::Ping)]);
        assert_eq!(play(&rules(60, 20), &[60, 79], 140), [(139, Due::Ping)]);
        assert_eq!(play(&rules(60, 20), &[79], 140), [(60, Due::Ping), (139, Due::Ping)]);
        // An answer in the instant of the PING is one.
        assert_eq!(play(&rules(60, 20), &[59, 119], 180), [(179, Due::Ping)]);
        // With a timeout longer than the time the next PING is no later for it.
        assert_eq!(play(&rules(10, 25), &[11], 60), [(10, Due::Ping), (21, Due::Ping), (46, Due::Lost)]);
        assert_eq!(play(&rules(10, 55), &[33], 60), [(10, Due::Ping), (43, Due::Ping)]);
    }

    /// L-28: who looks a little late finds the connection dead; who has not looked for long asks once more, and no more.
    #[test]
    fn l_28_a_loop_that_was_held_up_asks_once_more() {
        let rules = rules(60, 20);
        for (late, due) in [(80, Due::Lost), (99, Due::Lost), (100, Due::Ping), (100_000, Due::Ping)] {
            let mut keepalive = Keepalive::new(&rules, at(0));
            assert_eq!(keepalive.check(&rules, at(60), at(0), true), Due::Ping);
            assert_eq!(keepalive.check(&rules, at(late), at(0), true), due, "{late}");
            if due == Due::Ping {
                assert_eq!(keepalive.check(&rules, at(2 * late), at(0), true), Due::Lost);
            }
        }
    }
}
