//! Peers that take our DATA slowly, or not at all: tiny windows (T-44) and windows that stay shut (T-28, T-45).

use super::connection::Connection;
use super::error::Origin;
use super::lines::Place;
use super::slots::StreamKey;
use crate::frame::ErrorCode;
use crate::time::Instant;
use core::time::Duration;

/// A DATA frame of so many octets is worth its head, whatever the peer's windows are.
const WORTHWHILE: u32 = 1024;

/// The same for a peer whose initial window of 0 says nothing of what it would like.
const WORTHWHILE_UNKNOWN: u32 = 16;

/// While streams are stalled they are looked at so often within a timeout.
const CHECKS: u32 = 8;

/// What a connection remembers of sends that do not get on. [`Instant::MAX`] stands for never.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stalls {
    /// When DATA that is held goes all the same.
    pub(super) release_at: Instant,
    /// Blocked streams get their turn once the connection's window has this much.
    pub(super) unblock_from: usize,
    /// Since when more than `crowded_queue` octets are queued.
    crowded_since: Instant,
    /// When DATA last left.
    progress: Instant,
    /// When stalled streams are looked at next: for `stalled_send_timeout`, and for `crowded_send_timeout`.
    check_at: Instant,
    pub(super) check_crowd_at: Instant,
    /// When they were looked at last, and the slot to go on from where some are overdue.
    checked: Instant,
    cursor: usize,
}

impl Stalls {
    pub(super) const NONE: Self = Self {
        release_at: Instant::MAX,
        unblock_from: 1,
        crowded_since: Instant::MAX,
        progress: Instant::from_nanos(0),
        check_at: Instant::MAX,
        check_crowd_at: Instant::MAX,
        checked: Instant::MAX,
        cursor: usize::MAX,
    };

    pub(super) fn is_crowded(&self) -> bool {
        self.crowded_since != Instant::MAX
    }

    pub(super) fn progress(&mut self, now: Instant) {
        self.progress = now;
    }
}

impl<T: Default> Connection<T> {
    /// What DATA should have at least, where the windows do not let all go that is queued (T-44, RFC 1122 §4.2.3.4).
    pub(super) fn worthwhile(&self) -> usize {
        match self.peer.initial_window {
            0 => WORTHWHILE_UNKNOWN as usize,
            window => WORTHWHILE.min(window / 2) as usize,
        }
    }

    /// Whether a tiny DATA frame is to wait for more window, which is at most `tiny_data_hold` and only once such
    /// frames were many. It waits for the stream's own window or for the connection's, whichever is smaller.
    #[cold]
    pub(super) fn hold(&mut self, now: Instant, key: StreamKey, own_window: bool) -> bool {
        let Some(stream) = self.slots.get_mut(key) else { return false };
        let since = stream.stalled_since.min(now);
        let until = since.saturating_add(self.config.tiny_data_hold);
        if until <= now || self.tiny_data.try_take(now) {
            return false;
        }
        stream.stalled_since = since;
        self.counters.tiny_data_held += 1;
        self.common.lines.leave(stream);
        self.common.lines.join(if own_window { Place::Held } else { Place::Blocked }, stream);
        self.common.lines.tidy(&self.slots);
        if !own_window {
            self.stalls.unblock_from = self.worthwhile();
        }
        self.stalls.release_at = self.stalls.release_at.min(until);
        self.wake_by(until);
        true
    }

    /// DATA cannot go on this stream for want of window.
    #[cold]
    pub(super) fn stalled(&mut self, now: Instant, key: StreamKey) {
        let Some(stream) = self.slots.get_mut(key) else { return };
        if stream.stalled_since == Instant::MAX {
            stream.stalled_since = now;
        }
        let check_at = later(now, self.config.stalled_send_timeout);
        self.stalls.check_at = self.stalls.check_at.min(check_at);
        self.wake_by(check_at);
    }

    /// Notes whether much is queued on the connection.
    pub(super) fn watch_crowd(&mut self, now: Instant) {
        if self.common.queued <= self.config.crowded_queue as usize {
            (self.stalls.crowded_since, self.stalls.check_crowd_at) = (Instant::MAX, Instant::MAX);
        } else if !self.stalls.is_crowded() {
            self.stalls.crowded_since = now;
            self.stalls.check_crowd_at = later(now, self.config.crowded_send_timeout);
            self.wake_by(self.stalls.check_crowd_at);
        }
    }

    pub(super) fn next_stall_timeout(&self) -> Instant {
        let crowded = self.common.queued > self.config.crowded_queue as usize;
        let check_crowd_at = if crowded { self.stalls.check_crowd_at } else { Instant::MAX };
        self.stalls.release_at.min(self.stalls.check_at).min(check_crowd_at)
    }

    /// Which of these limits is due at that time.
    pub(super) fn name_of_stall(&self, at: Instant) -> Option<&'static str> {
        let stalls = &self.stalls;
        let names = [
            (stalls.release_at, "tiny_data_hold"),
            (stalls.check_at, "stalled_send_timeout"),
            (stalls.check_crowd_at, "crowded_send_timeout"),
        ];
        names.into_iter().find(|(when, _)| *when == at).map(|(_, name)| name)
    }

    pub(super) fn handle_stalls(&mut self, now: Instant) {
        if self.stalls.release_at <= now {
            self.stalls.release_at = Instant::MAX;
            self.stalls.unblock_from = 1;
            while let Some(key) = self.common.lines.first(Place::Held, &self.slots) {
                self.move_to(Place::Ready, key);
            }
        }
        if self.stalls.check_at.min(self.stalls.check_crowd_at) <= now {
            self.check_stalls(now);
        }
    }

    fn check_stalls(&mut self, now: Instant) {
        self.watch_crowd(now);
        let crowd = self.config.crowded_send_timeout.filter(|_| self.stalls.is_crowded());
        let quiet_since = self.stalls.progress.max(self.stalls.crowded_since);
        let stuck = self.send_window.available() == 0 || !self.common.lines.is_empty(Place::Ready);
        if stuck && later(quiet_since, crowd) <= now {
            let reason = "crowded_send_timeout: the connection takes no DATA, and much is queued";
            return self.fail(ErrorCode::ENHANCE_YOUR_CALM, Origin::Local, reason);
        }
        (self.stalls.checked, self.stalls.cursor) = (now, 0);
        let again = |timeout: Duration| (timeout / CHECKS).max(Duration::from_millis(1));
        self.stalls.check_crowd_at = later(now, crowd.map(again));
        let any = self.config.stalled_send_timeout.filter(|_| self.is_any_stalled());
        self.stalls.check_at = later(now, any.map(again));
    }

    fn is_any_stalled(&self) -> bool {
        let mut next = self.slots.key_from(0);
        while let Some(key) = next {
            if self.stalled_since(key) != Instant::MAX {
                return true;
            }
            next = self.slots.key_from(key.index() + 1);
        }
        false
    }

    fn stalled_since(&self, key: StreamKey) -> Instant {
        let stream = self.slots.get(key).filter(|stream| !stream.outbox.is_empty());
        stream.map_or(Instant::MAX, |stream| stream.stalled_since)
    }

    /// After [`handle_timeout`](Self::handle_timeout): the next stream whose peer gave it no window for
    /// `stalled_send_timeout`, or `crowded_send_timeout`. Reset it, with CANCEL; call this until it returns `None`.
    pub fn next_stalled(&mut self) -> Option<StreamKey> {
        while let Some(key) = self.slots.key_from(self.stalls.cursor) {
            self.stalls.cursor = key.index() + 1;
            if self.is_overdue(key) {
                self.counters.sends_stalled += 1;
                return Some(key);
            }
        }
        self.stalls.cursor = usize::MAX;
        None
    }

    fn is_overdue(&self, key: StreamKey) -> bool {
        let since = self.stalled_since(key);
        let crowded = if self.stalls.is_crowded() { self.config.crowded_send_timeout } else { None };
        let both = since.max(self.stalls.crowded_since);
        later(since, self.config.stalled_send_timeout).min(later(both, crowded)) <= self.stalls.checked
    }
}

/// [`Instant::MAX`] without a timeout.
fn later(since: Instant, timeout: Option<Duration>) -> Instant {
    timeout.map_or(Instant::MAX, |timeout| since.saturating_add(timeout))
}
