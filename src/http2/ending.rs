//! How a connection ends: gracefully, by an error, with its transport, or by a timer (RFC 9113 §5.4, §6.8).

use super::config::Side;
use super::connection::{Connection, Shutdown};
use super::error::{ConnectionError, Origin, TLS_SERVER};
use super::reader::HTTP1;
use crate::frame::{ErrorCode, StreamId};
use crate::time::Instant;

impl<T: Default> Connection<T> {
    /// Begins a graceful shutdown: a server announces it with GOAWAY and goes on until the streams in flight have
    /// arrived and ended (RFC 9113 §6.8); a client opens no more streams.
    pub fn shut_down(&mut self, now: Instant) {
        self.shut_down_because(now, "shutting down");
    }

    /// As [`shut_down`](Self::shut_down), with the debug data of the GOAWAY.
    pub(crate) fn shut_down_because(&mut self, now: Instant, reason: &'static str) {
        if self.shutdown != Shutdown::No || self.error.is_some() {
            return;
        }
        self.shutdown_reason = reason;
        self.start_draining();
        self.shutdown = match self.common.side {
            Side::Server => {
                self.control_mut().say_goaway(StreamId::MAX, ErrorCode::NO_ERROR, reason);
                self.control_mut().ping_for_shutdown();
                let until = now.saturating_add(self.config.shutdown_ping_timeout);
                self.wake_by(until);
                Shutdown::Announced { until }
            }
            Side::Client => Shutdown::Final { last: StreamId::ZERO },
        };
        self.end_if_drained();
    }

    /// What the GOAWAYs of a graceful shutdown say; `None` where none has begun.
    pub fn shutdown_reason(&self) -> Option<&'static str> {
        (self.shutdown != Shutdown::No).then_some(self.shutdown_reason)
    }

    /// Whether a graceful shutdown has come so far that no more streams are taken.
    pub(crate) fn is_shutdown_final(&self) -> bool {
        matches!(self.shutdown, Shutdown::Final { .. })
    }

    /// The second GOAWAY: names the last stream that we process.
    pub(super) fn finalise_shutdown(&mut self) {
        let (last, reason) = (self.highest_remote, self.shutdown_reason);
        self.shutdown = Shutdown::Final { last };
        self.control_mut().say_goaway(last, ErrorCode::NO_ERROR, reason);
        self.end_if_drained();
    }

    /// Ends the connection at once, with GOAWAY.
    pub fn abort(&mut self, code: ErrorCode, reason: &'static str) {
        self.fail(code, Origin::Application, reason);
    }

    /// The transport delivers no more: open streams are broken (RFC 9113 §5.4.3). Where there are none, and no frame
    /// was cut short, that is a graceful end (L-36).
    pub fn receive_eof(&mut self) {
        self.lose("");
    }

    /// As [`receive_eof`](Self::receive_eof), for a transport that failed: `why`, its first 256 octets, is what the
    /// connection's error says.
    pub fn receive_failure(&mut self, why: &str) {
        self.lose(why);
    }

    fn lose(&mut self, why: &str) {
        if self.error.is_none() && !self.ended {
            let between_frames = self.reader.is_between_frames();
            let spoken = self.common.side == Side::Server || self.reader.got_settings();
            let reason = if between_frames { "end of input" } else { "end of input inside a frame" };
            let broken =
                (!between_frames || self.slots.len() > 0 || !spoken).then(|| match self.reader.ended_in_tls() {
                    true => ConnectionError::new(ErrorCode::PROTOCOL_ERROR, Origin::Local, TLS_SERVER),
                    false => ConnectionError::of_transport(reason, why),
                });
            self.error = self.peer_error.take().or(broken);
        }
        self.ended = true;
        self.start_draining();
        self.control.drop_replies();
    }

    /// A graceful end: nothing is open any more, after a GOAWAY either way. [`release`](Self::release) does this too.
    #[inline]
    pub fn end_if_drained(&mut self) {
        if self.draining && self.slots.len() == 0 {
            self.end_if_told();
        }
    }

    /// The same, where nothing is open.
    #[cold]
    fn end_if_told(&mut self) {
        let final_here = matches!(self.shutdown, Shutdown::Final { .. });
        let told_to_go = self.common.side == Side::Client && self.peer_last.is_some();
        if self.error.is_none() && !self.ended && (final_here || told_to_go) {
            self.ended = true;
            // Told to go because of an error: that is the reason, and no graceful end.
            self.error = self.peer_error.take();
            if self.common.side == Side::Client {
                // H-107: GOAWAY before closing.
                let reason = self.shutdown_reason;
                self.control_mut().say_goaway(StreamId::ZERO, ErrorCode::NO_ERROR, reason);
            }
        }
    }

    pub(super) fn fail(&mut self, code: ErrorCode, origin: Origin, reason: &'static str) {
        if self.error.is_some() || self.ended {
            return;
        }
        self.error = Some(ConnectionError::new(code, origin, reason));
        self.ended = true;
        self.start_draining();
        self.control.drop_replies();
        // H-005, G-169: whoever does not speak HTTP/2 gets no GOAWAY.
        if self.reader.saw_preface() {
            // H-103: never above what an earlier GOAWAY named.
            let last = match self.shutdown {
                Shutdown::Final { last } => last.min(self.highest_remote),
                _ => self.highest_remote,
            };
            self.control_mut().say_goaway(last, code, reason);
        } else if reason == HTTP1 {
            self.control_mut().refuse_http1();
        }
    }

    /// Why the connection ended; `None` while it works and after a graceful end.
    pub fn error(&self) -> Option<&ConnectionError> {
        self.error.as_ref()
    }

    /// Whether the connection has ended and has nothing left to transmit.
    pub fn is_finished(&self) -> bool {
        self.ended && !self.wants_transmit()
    }

    /// Whether the connection has ended; transmit may still have a GOAWAY to deliver.
    pub fn is_ended(&self) -> bool {
        self.ended
    }

    /// The earliest instant at which [`handle_timeout`](Self::handle_timeout) has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next_timeout()).filter(|next| *next != Instant::MAX)
    }

    /// Whether a timer may be due, here or in the layer above: one look, which every verb takes that brings a time.
    #[inline]
    pub(crate) fn may_be_due(&self, now: Instant) -> bool {
        self.wake <= now
    }

    /// A timer is due then.
    #[inline]
    pub(crate) fn wake_by(&mut self, at: Instant) {
        self.wake = self.wake.min(at);
    }

    /// What was due is done: no timer is due before the next one here and the layer above's.
    pub(crate) fn wake_next(&mut self, above: Instant) {
        // A crowd that is gone may come again.
        self.wake = above.min(self.next_timeout()).min(self.stalls.check_crowd_at);
    }

    /// For an audit: before this nothing is due.
    #[cfg(feature = "testing")]
    pub(crate) fn wake(&self) -> Instant {
        self.wake
    }

    /// As [`poll_timeout`](Self::poll_timeout), with [`Instant::MAX`] for never.
    pub(crate) fn next_timeout(&self) -> Instant {
        if self.ended {
            return Instant::MAX;
        }
        let shutdown = if let Shutdown::Announced { until } = self.shutdown { until } else { Instant::MAX };
        let block = self.reader.block_until(self.config.header_block_timeout).unwrap_or(Instant::MAX);
        let settings_ack = self.settings_ack_until.unwrap_or(Instant::MAX);
        self.handshake_until
            .unwrap_or(Instant::MAX)
            .min(settings_ack)
            .min(shutdown)
            .min(block)
            .min(self.next_stall_timeout())
    }

    /// Which limit of the config is due at that time.
    pub(crate) fn name_of_timeout(&self, at: Instant) -> Option<&'static str> {
        let is = |until: Option<Instant>, name| (until == Some(at)).then_some(name);
        let shutdown = || match self.shutdown {
            Shutdown::Announced { until } => is(Some(until), "shutdown_ping_timeout"),
            _ => None,
        };
        is(self.handshake_until, "handshake_timeout")
            .or_else(|| is(self.settings_ack_until, "settings_ack_timeout"))
            .or_else(shutdown)
            .or_else(|| is(self.reader.block_until(self.config.header_block_timeout), "header_block_timeout"))
            .or_else(|| self.name_of_stall(at))
    }

    /// Does what is due at `now`; afterwards [`is_ended`](Self::is_ended) may be true, and
    /// [`next_stalled`](Self::next_stalled) names streams to give up.
    pub fn handle_timeout(&mut self, now: Instant) {
        let due = |until: Option<Instant>| until.is_some_and(|until| until <= now);
        if self.ended {
            return;
        }
        self.handle_stalls(now);
        if due(self.handshake_until) {
            self.fail(ErrorCode::SETTINGS_TIMEOUT, Origin::Local, "handshake_timeout: no preface and SETTINGS in time");
        } else if due(self.settings_ack_until) {
            self.fail(ErrorCode::SETTINGS_TIMEOUT, Origin::Local, "settings_ack_timeout: SETTINGS not acknowledged");
        } else if due(self.reader.block_until(self.config.header_block_timeout)) {
            self.fail(ErrorCode::PROTOCOL_ERROR, Origin::Local, "header_block_timeout: a header block did not end");
        } else if let Shutdown::Announced { until } = self.shutdown
            && until <= now
        {
            self.finalise_shutdown();
        }
    }
}
