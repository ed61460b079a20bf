//! Limits of one HTTP/2 connection.

use crate::frame::{
    DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW, Setting,
    SettingId,
};
use crate::hpack::BlockLimits;
use alloc::vec::Vec;
use core::time::Duration;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// Opens streams, with odd ids.
    Client,
    /// Accepts them.
    Server,
}

/// Limits of one HTTP/2 connection. All sizes are in octets. Fields are plain: gRPC users get a checked config from
/// [`ClientConfig`](crate::ClientConfig) and [`ServerConfig`](crate::ServerConfig).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Seeds the hash tables; never changes what is sent.
    pub seed: u64,
    /// SETTINGS_MAX_FRAME_SIZE: the largest payload we accept (RFC 9113 §6.5.2), 16,384 to 16,777,215.
    pub max_frame_size: u32,
    /// The largest DATA payload we send, if the peer allows as much.
    pub max_send_frame_size: u32,
    /// SETTINGS_MAX_CONCURRENT_STREAMS, announced and enforced from the first octet on.
    pub max_concurrent_streams: u32,
    /// Streams that have ended on the wire while the layer above still holds them; `None` stands for as many as
    /// `max_concurrent_streams`. With as many as this a server refuses streams until one is released.
    pub max_zombie_streams: Option<u32>,
    /// Streams that a client may open beyond `max_concurrent_streams` after it acknowledged that limit, besides as many
    /// as the limit itself; they are refused, and one more ends the connection with PROTOCOL_ERROR.
    pub max_streams_beyond_limit: u32,
    /// Streams that a client may have waiting for the peer's SETTINGS_MAX_CONCURRENT_STREAMS.
    pub max_waiting_streams: u32,
    /// SETTINGS_INITIAL_WINDOW_SIZE: what a peer may send on one stream before we read.
    pub stream_window: u32,
    /// What a peer may send on all streams before we read; at least 65,535 and at least `stream_window`.
    pub connection_window: u32,
    /// SETTINGS_MAX_HEADER_LIST_SIZE, with 32 per field. A longer list is decoded and discarded.
    pub max_header_list_size: u32,
    /// Fields of one list; a longer one is decoded and discarded.
    pub max_header_fields: u32,
    /// How many times over a list may exceed `max_header_list_size` or `max_header_fields` before that ends the
    /// connection.
    pub header_abuse: u32,
    /// Informational (1xx) responses of one stream; one more is a stream error.
    pub max_informational: u8,
    /// CONTINUATION frames of one header block.
    pub max_continuations: u32,
    /// Encoded octets of one header block.
    pub max_header_block: u32,
    /// SETTINGS_HEADER_TABLE_SIZE: the decoder's table.
    pub decoder_table_size: u32,
    /// The encoder's table, if the peer allows as much.
    pub encoder_table_size: u32,
    /// Entries of one SETTINGS frame.
    pub max_settings_entries: u32,
    /// Replies (PING payloads, and stream resets without a stream) that wait to be transmitted.
    pub max_replies: u32,
    /// Tokens for empty DATA frames; 16 KiB of real DATA give one back.
    pub empty_data_burst: u32,
    /// Tokens for streams that end by reset; a stream that ends cleanly gives one back.
    pub reset_burst: u32,
    /// Tokens that come back each second.
    pub reset_per_second: u32,
    /// Tokens for frames that make no progress.
    pub glitch_burst: u32,
    /// Tokens that come back each second.
    pub glitch_per_second: u32,
    /// Of the tokens for resets and glitches: with more than so many per cent spent the connection is shut down
    /// gracefully, so that an honest peer is rid of what it spent. 100 never does.
    pub drain_at_percent: u8,
    /// PINGs of a client that may come too early before the next one ends the connection with ENHANCE_YOUR_CALM; `None`
    /// does not count them. HEADERS or DATA that we send forgive all.
    pub max_ping_strikes: Option<u32>,
    /// How far apart they must come.
    pub min_ping_interval: Duration,
    /// The same holds without an open stream. Otherwise it is two hours then ([`IDLE_PING_INTERVAL`](super::IDLE_PING_INTERVAL)).
    pub pings_without_streams: bool,
    /// Tokens for DATA frames that are tiny for want of window. When they are spent, DATA waits a moment for more
    /// window.
    pub tiny_data_burst: u32,
    /// Tokens that come back each second.
    pub tiny_data_per_second: u32,
    /// How long DATA waits then.
    pub tiny_data_hold: Duration,
    /// How long a stream may have octets queued that the peer gives no window for. A paused reader is legal, so there
    /// is no limit unless set.
    pub stalled_send_timeout: Option<Duration>,
    /// The same, while more than `crowded_queue` octets are queued on the connection; it ends where all of it takes
    /// nothing.
    pub crowded_send_timeout: Option<Duration>,
    /// See `crowded_send_timeout`.
    pub crowded_queue: u32,
    /// How long the peer may take for its preface and first SETTINGS.
    pub handshake_timeout: Option<Duration>,
    /// How long the peer may take to acknowledge our SETTINGS.
    pub settings_ack_timeout: Option<Duration>,
    /// How long one header block may take from its first octet to its last.
    pub header_block_timeout: Option<Duration>,
    /// How long the PING between the two GOAWAYs of a graceful shutdown is waited for.
    pub shutdown_ping_timeout: Duration,
}

impl Config {
    /// What a header block may amount to.
    pub(super) fn block_limits(&self) -> BlockLimits {
        BlockLimits {
            max_list_size: self.max_header_list_size,
            max_fields: self.max_header_fields,
            abuse_list_size: self.max_header_list_size.saturating_mul(self.header_abuse),
            abuse_fields: self.max_header_fields.saturating_mul(self.header_abuse),
        }
    }

    /// The defaults for `side`.
    pub const fn new(side: Side) -> Self {
        let server = matches!(side, Side::Server);
        Self {
            seed: 0,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_send_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_concurrent_streams: 100,
            max_zombie_streams: None,
            max_streams_beyond_limit: 100,
            max_waiting_streams: 1_000,
            stream_window: 256 * 1024,
            connection_window: 4 * 1024 * 1024,
            max_header_list_size: 16 * 1024,
            max_header_fields: 128,
            header_abuse: 4,
            max_informational: 8,
            max_continuations: 8,
            max_header_block: 64 * 1024,
            decoder_table_size: 4096,
            encoder_table_size: 4096,
            max_settings_entries: 32,
            max_replies: 1_000,
            empty_data_burst: 100,
            reset_burst: 10_000,
            reset_per_second: 330,
            glitch_burst: 10_000,
            glitch_per_second: 330,
            drain_at_percent: 75,
            max_ping_strikes: None,
            min_ping_interval: Duration::from_secs(5 * 60),
            pings_without_streams: false,
            tiny_data_burst: 100,
            tiny_data_per_second: 100,
            tiny_data_hold: Duration::from_millis(10),
            stalled_send_timeout: None,
            crowded_send_timeout: Some(Duration::from_secs(60)),
            crowded_queue: 2 * 1024 * 1024,
            handshake_timeout: Some(Duration::from_secs(10)),
            settings_ack_timeout: if server { Some(Duration::from_secs(10)) } else { None },
            header_block_timeout: Some(Duration::from_secs(10)),
            shutdown_ping_timeout: Duration::from_secs(5),
        }
    }

    /// What our SETTINGS say.
    pub(crate) fn settings(&self, side: Side) -> Vec<Setting> {
        let mut settings = Vec::with_capacity(6);
        let mut announce = |id, value| settings.push(Setting { id, value });
        match side {
            Side::Client => announce(SettingId::ENABLE_PUSH, 0),
            Side::Server => announce(SettingId::MAX_CONCURRENT_STREAMS, self.max_concurrent_streams),
        }
        // RFC 9113 §6.5.2: what equals its initial value need not be said.
        if self.decoder_table_size != DEFAULT_HEADER_TABLE_SIZE {
            announce(SettingId::HEADER_TABLE_SIZE, self.decoder_table_size);
        }
        if self.stream_window != DEFAULT_WINDOW {
            announce(SettingId::INITIAL_WINDOW_SIZE, self.stream_window);
        }
        if self.max_frame_size != DEFAULT_MAX_FRAME_SIZE {
            announce(SettingId::MAX_FRAME_SIZE, self.max_frame_size);
        }
        announce(SettingId::MAX_HEADER_LIST_SIZE, self.max_header_list_size);
        settings
    }

    /// The config with every value inside what RFC 9113 §6.5.2 and §6.9 allow, so that no SETTINGS of ours breaks it.
    pub(super) fn within_protocol(mut self) -> Self {
        self.max_frame_size = self.max_frame_size.clamp(DEFAULT_MAX_FRAME_SIZE, MAX_MAX_FRAME_SIZE);
        self.max_send_frame_size = self.max_send_frame_size.clamp(1, MAX_MAX_FRAME_SIZE);
        self.stream_window = self.stream_window.min(MAX_WINDOW);
        self.connection_window = self.connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW);
        self
    }

    /// Streams, open or not, that a server holds.
    pub(super) const fn most_streams(&self) -> u64 {
        let zombies = match self.max_zombie_streams {
            Some(zombies) => zombies,
            None => self.max_concurrent_streams,
        };
        self.max_concurrent_streams as u64 + zombies as u64
    }

    /// What must be true of a window before our SETTINGS are acknowledged: the larger of old and new (H-081).
    pub(super) const fn early_stream_window(&self) -> u32 {
        if self.stream_window > DEFAULT_WINDOW { self.stream_window } else { DEFAULT_WINDOW }
    }
}
