//! Limits of one HTTP/2 connection.

use crate::frame::{DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_WINDOW};
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
    /// The defaults for `side`.
    pub const fn new(side: Side) -> Self {
        let server = matches!(side, Side::Server);
        Self {
            seed: 0,
            max_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_send_frame_size: DEFAULT_MAX_FRAME_SIZE,
            max_concurrent_streams: 100,
            max_waiting_streams: 1_000,
            stream_window: 256 * 1024,
            connection_window: 4 * 1024 * 1024,
            max_header_list_size: 16 * 1024,
            max_header_fields: 128,
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
            handshake_timeout: Some(Duration::from_secs(10)),
            settings_ack_timeout: if server { Some(Duration::from_secs(10)) } else { None },
            header_block_timeout: Some(Duration::from_secs(10)),
            shutdown_ping_timeout: Duration::from_secs(5),
        }
    }

    /// The config with every value inside what RFC 9113 §6.5.2 and §6.9 allow, so that no SETTINGS of ours breaks it.
    pub(super) fn within_protocol(mut self) -> Self {
        self.max_frame_size = self.max_frame_size.clamp(DEFAULT_MAX_FRAME_SIZE, MAX_MAX_FRAME_SIZE);
        self.max_send_frame_size = self.max_send_frame_size.clamp(1, MAX_MAX_FRAME_SIZE);
        self.stream_window = self.stream_window.min(MAX_WINDOW);
        self.connection_window = self.connection_window.clamp(DEFAULT_WINDOW, MAX_WINDOW);
        self
    }

    /// What must be true of a window before our SETTINGS are acknowledged: the larger of old and new (H-081).
    pub(super) const fn early_stream_window(&self) -> u32 {
        if self.stream_window > DEFAULT_WINDOW { self.stream_window } else { DEFAULT_WINDOW }
    }
}
