//! The life of a connection beside its calls: keepalive, idleness, age (gRFC A8, A9). One timer, and three notes that
//! ordinary traffic takes: when something was received, that something was said, and when the last call went.

use super::engine::Engine;
use super::flags::Flags;
use super::keepalive::{Due, Keepalive};
use crate::config::{ClientConfig, Rules, Settings};
use crate::frame::ErrorCode;
use crate::http2::Side;
use crate::jitter::jittered;
use crate::time::Instant;
use alloc::sync::Arc;
use core::time::Duration;

/// What the GOAWAYs say (G-211, G-212).
const MAX_IDLE: &str = "max_idle";
const MAX_AGE: &str = "max_age";
const MAX_CALLS: &str = "max_calls";
const MAX_AGE_GRACE: &str = "max_age_grace: calls outlast the grace of an old connection";
const KEEPALIVE_TIMEOUT: &str = "keepalive_timeout: nothing was received since the PING";

/// How much longer or shorter an age may be, in per cent (G-212).
const AGE_JITTER: u8 = 10;

/// How old the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Age {
    Young,
    /// It is being shut down; its grace begins with the second GOAWAY.
    Old,
    /// Its calls end by themselves, or with this.
    Grace,
}

/// What is kept for it. [`Instant::MAX`] stands for never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Management {
    /// When the last octet was received.
    heard: Instant,
    /// When the last call went.
    pub(super) idle_since: Instant,
    keepalive: Keepalive,
    /// A call was opened after a long silence, and has not left (G-203).
    pub(super) knocks: bool,
    idle_at: Instant,
    age: Age,
    /// When it ends.
    age_at: Instant,
    /// With the stream of this id there were calls enough.
    last_stream: u32,
    /// The earliest of all these.
    next: Instant,
    /// The peer said that we send too many PINGs.
    pub(super) too_many_pings: bool,
}

fn later(now: Instant, time: Option<Duration>) -> Instant {
    time.map_or(Instant::MAX, |time| now.saturating_add(time))
}

impl Management {
    pub(super) fn new(settings: &Settings, seed: u64, now: Instant) -> Self {
        let rules = &settings.rules;
        let mut management = Self {
            heard: now,
            idle_since: now,
            keepalive: Keepalive::new(rules, now),
            knocks: false,
            idle_at: later(now, rules.idle),
            age: Age::Young,
            age_at: later(now, rules.age.map(|age| jittered(age, AGE_JITTER, seed))),
            last_stream: rules.calls.map_or(NO_STREAM, last_stream),
            next: Instant::MAX,
            too_many_pings: false,
        };
        management.schedule();
        management
    }

    #[inline]
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    pub(super) fn next_but_keepalive(&self) -> Instant {
        self.idle_at.min(self.age_at)
    }

    /// Octets came. To be told before anything fires: who was not looked after for a while has not lost its peer (L-28).
    #[inline]
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = self.heard.max(now);
    }

    /// A call was opened; says whether a PING goes with it.
    #[inline]
    pub(super) fn call_opened(&mut self) -> bool {
        self.knocks |= self.keepalive.is_owed();
        self.knocks
    }

    fn schedule(&mut self) {
        self.next = self.keepalive.next().min(self.next_but_keepalive());
    }

    /// What is due then, as the config calls it.
    pub(super) fn name_of(&self, at: Instant) -> Option<&'static str> {
        let age = if self.age == Age::Grace { "max_connection_age_grace" } else { "max_connection_age" };
        let names =
            [(self.keepalive.next(), self.keepalive.name()), (self.idle_at, "max_connection_idle"), (self.age_at, age)];
        names.into_iter().find(|(when, _)| *when == at).map(|(_, name)| name)
    }

    /// Nothing is due any more.
    pub(super) fn stop(&mut self) {
        (self.idle_at, self.age_at, self.next) = (Instant::MAX, Instant::MAX, Instant::MAX);
        (self.knocks, self.last_stream) = (false, NO_STREAM);
    }
}

/// No client's stream has this id.
const NO_STREAM: u32 = u32::MAX;

/// The id of the stream that is the last of so many.
const fn last_stream(calls: u32) -> u32 {
    calls.saturating_mul(2).saturating_sub(1)
}

impl Engine {
    fn rules(&self) -> Rules {
        self.settings.rules
    }

    fn schedule(&mut self) {
        self.management.schedule();
        self.http2.wake_by(self.management.next());
    }

    /// Does what is due of it.
    #[cold]
    pub(super) fn manage(&mut self) {
        let (now, rules) = (self.now, self.rules());
        let in_use = self.http2.active_streams() > 0;
        let due = self.management.keepalive.check(&rules, now, self.management.heard, in_use);
        self.act(due);
        // A call that waits for the peer's limit asks as soon as it is on the wire.
        self.management.knocks |= self.management.keepalive.is_owed() && self.http2.waiting_streams() > 0;
        self.http2.stir();
        if self.management.age_at <= now {
            self.management.age_at = Instant::MAX;
            match self.management.age {
                Age::Young => self.grow_old(),
                Age::Old => {}
                Age::Grace => self.http2.abort(ErrorCode::NO_ERROR, MAX_AGE_GRACE),
            }
        }
        if self.management.idle_at <= now {
            self.idle_for(rules.idle.unwrap_or(Duration::MAX));
        }
        self.schedule();
    }

    /// G-212, unless a shutdown is under way, which has a date of its own or none.
    fn grow_old(&mut self) {
        if self.http2.shutdown_reason().is_none() {
            self.management.age = Age::Old;
            self.http2.shut_down_because(self.now, MAX_AGE);
        }
    }

    fn act(&mut self, due: Due) {
        match due {
            Due::Nothing => {}
            Due::Ping => self.http2.ping(),
            Due::Lost => self.http2.give_up(KEEPALIVE_TIMEOUT),
        }
    }

    /// G-211: looks whether the connection has had no call for so long.
    fn idle_for(&mut self, time: Duration) {
        let since = if self.http2.streams() == 0 { self.management.idle_since } else { self.now };
        let until = since.saturating_add(time);
        self.management.idle_at = until;
        if until <= self.now {
            self.management.idle_at = Instant::MAX;
            self.http2.shut_down_because(self.now, MAX_IDLE);
        }
    }

    /// G-203: the first call after a long silence has left, and a PING goes with it. Right behind its HEADERS, in the same
    /// write: before them a server would see a PING while no call is open, and may count it (G-207, L-30).
    #[cold]
    pub(super) fn knock(&mut self) -> bool {
        self.management.knocks = false;
        let (rules, heard) = (self.rules(), self.management.heard);
        let due = self.management.keepalive.in_use_again(&rules, self.now, heard);
        self.act(due);
        self.schedule();
        due == Due::Ping
    }

    /// Whether the client has opened as many calls as one connection may have; looked at once for each read.
    #[inline]
    pub(super) fn had_enough_calls(&self) -> bool {
        self.http2.last_opened().get() >= self.management.last_stream
    }

    #[cold]
    pub(super) fn end_after_calls(&mut self) {
        self.management.last_stream = NO_STREAM;
        self.http2.shut_down_because(self.now, MAX_CALLS);
    }

    /// G-213: the grace of an old connection begins with the second GOAWAY.
    pub(super) fn begin_grace(&mut self) {
        if self.management.age == Age::Old && self.http2.is_shutdown_final() {
            self.management.age = Age::Grace;
            self.management.age_at = later(self.now, self.settings.rules.grace);
            self.schedule();
            if self.management.age_at <= self.now {
                self.manage();
            }
        }
    }

    /// G-206: the server told us to send fewer PINGs; whether that is news.
    pub(super) fn note_too_many_pings(&mut self) {
        let told = self.side == Side::Client && self.http2.was_told_to_ping_less();
        if told && !core::mem::replace(&mut self.management.too_many_pings, true) {
            self.flags.raise(Flags::TOO_MANY_PINGS);
        }
    }

    pub(crate) fn next_config(&self) -> ClientConfig {
        let config = ClientConfig(Arc::clone(&self.settings));
        if self.management.too_many_pings { config.with_keepalive_doubled() } else { config }
    }

    /// Octets came, now.
    #[inline]
    pub(crate) fn hear(&mut self, now: Instant, octets: usize) {
        if octets > 0 {
            self.management.hear(now.max(self.now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::last_stream;
    use crate::frame::StreamId;

    #[test]
    fn the_last_stream_of_so_many_calls() {
        assert_eq!([1, 2, 1_000].map(last_stream), [1, 3, 1_999]);
        assert!(last_stream(u32::MAX) > StreamId::MAX.get());
    }
}
