//! What an operator can read of a connection: counts of what happened, and how much of each guard is spent.

use super::connection::Connection;

/// Counters of one connection, for the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Streams refused because of a limit.
    pub streams_refused: u64,
    /// Those of them that the peer opened although it had acknowledged `max_concurrent_streams`.
    pub streams_beyond_limit: u64,
    /// Streams that the peer reset.
    pub resets_received: u64,
    /// Streams that we had to reset because of what the peer sent.
    pub resets_provoked: u64,
    /// Frames received, whatever their kind.
    pub frames_received: u64,
    /// CONTINUATION frames among them.
    pub continuations_received: u64,
    /// SETTINGS among them, acknowledgements apart.
    pub settings_received: u64,
    /// PINGs among them, answers apart.
    pub pings_received: u64,
    /// Our own PINGs.
    pub pings_sent: u64,
    /// WINDOW_UPDATEs that were too small to be of use.
    pub small_updates_received: u64,
    /// DATA frames without data that did not end their stream.
    pub empty_data_received: u64,
    /// GOAWAYs among them.
    pub goaways_received: u64,
    /// Informational responses (1xx).
    pub informational_received: u64,
    /// Header lists beyond `max_header_list_size` or `max_header_fields`.
    pub header_lists_oversized: u64,
    /// Times that DATA waited for a larger window instead of leaving in a tiny frame.
    pub tiny_data_held: u64,
    /// Streams given up because the peer gave them no window.
    pub sends_stalled: u64,
}

/// How much of one guard is spent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guard {
    /// Tokens that are spent now, refunds and refill taken off.
    pub spent: u64,
    /// The most that were ever spent at once.
    pub most: u64,
    /// How many there are; one more is too many.
    pub limit: u64,
}

/// Every guard that is spent over the life of a connection. The other limits are for one frame, block or list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Guards {
    /// `reset_burst`.
    pub resets: Guard,
    /// `glitch_burst`.
    pub glitches: Guard,
    /// `empty_data_burst`.
    pub empty_data: Guard,
    /// `max_streams_beyond_limit`, with `max_concurrent_streams`.
    pub beyond_limit: Guard,
    /// `max_replies`, counted in answers to PING.
    pub replies: Guard,
    /// `max_ping_strikes`; its limit is 0 where nobody counts.
    pub ping_strikes: Guard,
    /// `tiny_data_burst`. When it is spent DATA waits a little; nothing ends.
    pub tiny_data: Guard,
}

impl Guards {
    /// All of them, with the names of their fields in [`Config`](super::Config).
    pub fn all(&self) -> [(&'static str, Guard); 7] {
        [
            ("reset_burst", self.resets),
            ("glitch_burst", self.glitches),
            ("empty_data_burst", self.empty_data),
            ("max_streams_beyond_limit", self.beyond_limit),
            ("max_replies", self.replies),
            ("max_ping_strikes", self.ping_strikes),
            ("tiny_data_burst", self.tiny_data),
        ]
    }
}

impl<T: Default> Connection<T> {
    /// Counts of what happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Tokens spent of the reset guard and the glitch guard, in this order.
    pub fn guards_spent(&self) -> (u64, u64) {
        (self.resets.spent(), self.glitches.spent())
    }

    /// How much of each guard is spent.
    pub fn guards(&self) -> Guards {
        Guards {
            resets: self.resets.read(),
            glitches: self.glitches.read(),
            empty_data: self.empty_data.read(),
            beyond_limit: self.beyond_limit.read(),
            replies: Guard {
                spent: self.control.pongs.len() as u64,
                most: u64::from(self.control.most_pongs),
                limit: u64::from(self.config.max_replies),
            },
            ping_strikes: self.strikes.read(&self.config),
            tiny_data: self.tiny_data.read(),
        }
    }
}
