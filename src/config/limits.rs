//! What a connection may cost, and what its peer may do.

use super::must;
use crate::error::ConfigError;
use crate::frame::{DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, MAX_MAX_FRAME_SIZE, MAX_PADDING, MAX_WINDOW};
use crate::grpc::message::PREFIX_LEN;
use crate::http2;
use core::time::Duration;

/// Every limit of a connection, with its default. Sizes are in octets.
///
/// ```
/// use grpc_sansio::{Limits, ServerConfig};
///
/// let mut limits = Limits::default();
/// limits.max_receive_message = Some(64 * 1024);
/// let config = ServerConfig::builder().limits(limits).build()?;
/// assert!(config.connection_bytes() > 0);
/// # Ok::<(), grpc_sansio::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "event-log", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "event-log", serde(default, deny_unknown_fields))]
#[non_exhaustive]
pub struct Limits {
    /// The longest message accepted, before decompression; `None` is no limit but the format's 2^32 - 1. 4 MiB. A longer
    /// one ends its call with RESOURCE_EXHAUSTED as soon as its prefix is read (G-067).
    pub max_receive_message: Option<u32>,
    /// The longest message sent; `None` is no limit but the format's. No limit.
    pub max_send_message: Option<u32>,
    /// What may be queued to send on one call; an empty queue takes one message of any size. 64 KiB.
    pub send_queue_per_call: u32,
    /// What may be queued to send on all calls, likewise. 4 MiB.
    pub send_queue_per_connection: u32,
    /// Calls that the peer may have open at once (SETTINGS_MAX_CONCURRENT_STREAMS). Servers: 100.
    pub max_concurrent_calls: u32,
    /// Calls that ended on the wire, but that a server's application has not let go of; `None` stands for as many as
    /// `max_concurrent_calls`. With as many as this new calls are refused.
    pub max_zombie_calls: Option<u32>,
    /// Calls that a client may open beyond `max_concurrent_calls` after it acknowledged that limit, besides as many as the
    /// limit itself; each is refused. 100; then PROTOCOL_ERROR, and the GOAWAY says `max_streams_beyond_limit`.
    pub max_calls_beyond_limit: u32,
    /// Calls that a client may have waiting for the server's limit. 1,000.
    pub max_waiting_calls: u32,
    /// What the peer may send on one call before it is read (SETTINGS_INITIAL_WINDOW_SIZE). 65,535.
    pub call_window: u32,
    /// What that grows to, where it is the larger one, while a reader keeps up and the window holds its peer up: by
    /// doubling, up to two to four times what the line carries in a round trip. 256 KiB.
    pub max_call_window: u32,
    /// What all calls together may grow by. 1 MiB; 0 turns growth off.
    pub window_growth: u32,
    /// What the peer may send on all calls before it is read. 4 MiB. The message that a call's reader waits for counts
    /// only once it is whole: otherwise beginnings of messages could fill the window, and none would ever end.
    pub connection_window: u32,
    /// What is lent, in all, to calls that wait for a message larger than their window; when it is used up, the next wait
    /// their turn. 4 MiB; at least `max_receive_message`, its prefix and the padding of a frame, less `call_window`.
    pub assembly_budget: u32,
    /// How long such a call may go without an octet of that message. 30 s; then RESOURCE_EXHAUSTED.
    pub assembly_timeout: Duration,
    /// The longest header list accepted, with 32 per field (SETTINGS_MAX_HEADER_LIST_SIZE). 16 KiB.
    pub max_header_list: u32,
    /// Fields of one header list. 128.
    pub max_header_fields: u32,
    /// How many times over a header list may exceed `max_header_list` or `max_header_fields`. 4; then ENHANCE_YOUR_CALM, and
    /// the GOAWAY says `header_abuse`, and which of them, as `max_header_list_size` or `max_header_fields`.
    pub header_abuse: u32,
    /// Informational (1xx) responses of one call. 8; then the call ends.
    pub max_informational: u8,
    /// Encoded octets of one header block. 64 KiB; then ENHANCE_YOUR_CALM, and the GOAWAY says `max_header_block`.
    pub max_header_block: u32,
    /// CONTINUATION frames of one header block. 8; then ENHANCE_YOUR_CALM, and the GOAWAY says `max_continuations`.
    pub max_continuations: u32,
    /// Decoded header lists that are held until the application reads them. 256 KiB; then a server refuses new calls, and
    /// a client's call ends with RESOURCE_EXHAUSTED. The first 512 octets of each list do not count, so that as many
    /// ordinary requests as there may be calls can arrive in one read.
    pub held_headers: u32,
    /// The largest frame payload accepted. 16,384; then FRAME_SIZE_ERROR, and the GOAWAY says `SETTINGS_MAX_FRAME_SIZE`, as
    /// the peer knows it.
    pub max_frame: u32,
    /// The largest DATA payload sent, if the peer accepts as much. 16,384.
    pub max_send_frame: u32,
    /// The header compression table of the receiving side (SETTINGS_HEADER_TABLE_SIZE). 4,096.
    pub decoder_table: u32,
    /// The header compression table of the sending side, if the peer allows as much. 4,096.
    pub encoder_table: u32,
    /// Payloads from this size on are shared instead of copied, where the memory allows it. 4,096.
    pub copy_below: u32,
    /// Entries of one SETTINGS frame. 32; then ENHANCE_YOUR_CALM, and the GOAWAY says `max_settings_entries`.
    pub max_settings_entries: u32,
    /// PING answers and the like that wait to be transmitted. 1,000; then ENHANCE_YOUR_CALM, and the GOAWAY says `max_replies`.
    pub max_replies: u32,
    /// DATA frames without data, one earned back by 16 KiB of data. 100; then ENHANCE_YOUR_CALM, and the GOAWAY says
    /// `empty_data_burst`.
    pub empty_data: u32,
    /// Calls that end by reset; 20 times `max_concurrent_calls` where that is more. 10,000; then ENHANCE_YOUR_CALM, and the
    /// GOAWAY says `reset_burst`.
    pub resets: u32,
    /// How many of those are forgiven each second. 330.
    pub resets_per_second: u32,
    /// Frames that make no progress. 10,000; then ENHANCE_YOUR_CALM, and the GOAWAY says `glitch_burst`.
    pub glitches: u32,
    /// How many of those are forgiven each second. 330.
    pub glitches_per_second: u32,
    /// Of `resets` and `glitches`: with more than so many per cent spent the connection is shut down gracefully, so that an
    /// honest peer goes on with a new one, and the GOAWAY says `reset_burst` or `glitch_burst`. 75; 100 never does.
    pub drain_at_percent: u8,
    /// DATA frames that are tiny for want of window. 100; then DATA waits up to `tiny_data_hold` for more window.
    pub tiny_data: u32,
    /// How many of those are forgiven each second. 100.
    pub tiny_data_per_second: u32,
    /// How long DATA waits for more window than a tiny frame's. 10 ms.
    pub tiny_data_hold: Duration,
    /// How long a call may have something queued that the peer gives no window for; then it is cancelled. No limit, since a
    /// reader may pause.
    pub stalled_send_timeout: Option<Duration>,
    /// The same, while more than half of `send_queue_per_connection` is queued; a connection that takes nothing at all ends
    /// then, and the GOAWAY says `crowded_send_timeout`. 60 s.
    pub crowded_send_timeout: Option<Duration>,
    /// How long the peer may take for its preface and first SETTINGS. 10 s; then the GOAWAY says `handshake_timeout`.
    pub handshake_timeout: Option<Duration>,
    /// How long the peer may take to acknowledge our SETTINGS. `None` stands for the role's default: 10 s on the server,
    /// for ever on the client. Then the GOAWAY says `settings_ack_timeout`.
    pub settings_ack_timeout: Option<Duration>,
    /// How long one header block may take. 10 s; then the GOAWAY says `header_block_timeout`.
    pub header_block_timeout: Option<Duration>,
    /// How long a server waits, between the two GOAWAYs of a graceful shutdown, for calls in flight. 5 s.
    pub shutdown_ping_timeout: Duration,
    /// How long a connection is without a call before slack memory is given back. 1 s.
    pub idle_trim: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let http2 = http2::Config::new(http2::Side::Server);
        Self {
            max_receive_message: Some(crate::grpc::message::DEFAULT_LIMIT),
            max_send_message: None,
            send_queue_per_call: 64 * 1024,
            send_queue_per_connection: 4 * 1024 * 1024,
            max_concurrent_calls: http2.max_concurrent_streams,
            max_zombie_calls: http2.max_zombie_streams,
            max_calls_beyond_limit: http2.max_streams_beyond_limit,
            max_waiting_calls: http2.max_waiting_streams,
            call_window: DEFAULT_WINDOW,
            max_call_window: 256 * 1024,
            window_growth: 1024 * 1024,
            connection_window: http2.connection_window,
            assembly_budget: crate::grpc::message::DEFAULT_LIMIT,
            assembly_timeout: Duration::from_secs(30),
            max_header_list: http2.max_header_list_size,
            max_header_fields: http2.max_header_fields,
            max_header_block: http2.max_header_block,
            header_abuse: http2.header_abuse,
            max_informational: http2.max_informational,
            max_continuations: http2.max_continuations,
            held_headers: 256 * 1024,
            max_frame: http2.max_frame_size,
            max_send_frame: http2.max_send_frame_size,
            decoder_table: http2.decoder_table_size,
            encoder_table: http2.encoder_table_size,
            copy_below: 4096,
            max_settings_entries: http2.max_settings_entries,
            max_replies: http2.max_replies,
            empty_data: http2.empty_data_burst,
            resets: http2.reset_burst,
            resets_per_second: http2.reset_per_second,
            glitches: http2.glitch_burst,
            glitches_per_second: http2.glitch_per_second,
            drain_at_percent: http2.drain_at_percent,
            tiny_data: http2.tiny_data_burst,
            tiny_data_per_second: http2.tiny_data_per_second,
            tiny_data_hold: http2.tiny_data_hold,
            stalled_send_timeout: http2.stalled_send_timeout,
            crowded_send_timeout: http2.crowded_send_timeout,
            handshake_timeout: http2.handshake_timeout,
            settings_ack_timeout: None,
            header_block_timeout: http2.header_block_timeout,
            shutdown_ping_timeout: http2.shutdown_ping_timeout,
            idle_trim: Duration::from_secs(1),
        }
    }
}

/// What one open call costs beyond its queues: its slot, its place in the id map, and its timer.
const CALL_BYTES: u64 = 1024;

/// Octets of each held header list that do not count for `held_headers`: more than an ordinary one has.
pub(crate) const ORDINARY_HEADERS: usize = 512;

/// What a connection costs before anything is open, with the large buffers that it keeps for reuse.
const BASE_BYTES: u64 = 16 * 1024 + crate::buffer::pool::KEEP_LARGE as u64;

impl Limits {
    /// The most heap that one connection uses, whatever the peer does, in octets; what the application queued to send
    /// comes on top, and so do items that it keeps. A client has as many calls as it opens: each beyond
    /// `max_waiting_calls` costs about 1 KiB more until its response is read.
    pub fn connection_bytes(&self) -> u64 {
        let zombies = self.max_zombie_calls.unwrap_or(self.max_concurrent_calls);
        let calls = u64::from(self.max_concurrent_calls) + u64::from(zombies) + u64::from(self.max_waiting_calls);
        // A message that its reader waits for counts for its call's window alone while it is not whole.
        let windows = u64::from(self.connection_window.max(DEFAULT_WINDOW))
            + u64::from(self.assembly_budget)
            + u64::from(self.window_growth)
            + u64::from(self.max_concurrent_calls) * u64::from(self.call_window);
        let fixed = BASE_BYTES
            + calls * CALL_BYTES
            + 2 * u64::from(self.max_concurrent_calls) * ORDINARY_HEADERS as u64
            + u64::from(self.max_header_block)
            + u64::from(self.held_headers)
            + 8 * u64::from(self.max_replies)
            + 2 * u64::from(self.decoder_table)
            + 4 * u64::from(self.encoder_table)
            + 4096;
        fixed.saturating_add(windows).saturating_add(windows / 4)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let at_least = |first, second, holds| must(first, second, "the first must be at least the second", holds);
        let in_range = |field, holds, rule| must(field, field, rule, holds);
        in_range(
            "max_frame",
            (DEFAULT_MAX_FRAME_SIZE..=MAX_MAX_FRAME_SIZE).contains(&self.max_frame),
            "16384 to 16777215",
        )?;
        in_range("max_send_frame", (1..=MAX_MAX_FRAME_SIZE).contains(&self.max_send_frame), "1 to 16777215")?;
        in_range("call_window", (DEFAULT_WINDOW..=MAX_WINDOW).contains(&self.call_window), "65535 to 2147483647")?;
        in_range("max_call_window", self.max_call_window <= MAX_WINDOW, "up to 2147483647")?;
        in_range("connection_window", self.connection_window <= MAX_WINDOW, "up to 2147483647")?;
        in_range("max_concurrent_calls", self.max_concurrent_calls > 0, "at least 1")?;
        in_range("max_header_list", (1024..=1 << 22).contains(&self.max_header_list), "1024 to 4194304")?;
        in_range("copy_below", self.copy_below >= 1024, "at least 1024")?;
        in_range("header_abuse", self.header_abuse > 0, "at least 1")?;
        in_range("drain_at_percent", (1..=100).contains(&self.drain_at_percent), "1 to 100")?;
        in_range("max_replies", self.max_replies > 0, "at least 1")?;
        // A timer that is due as soon as it is set would leave `poll_timeout` in the past.
        in_range("idle_trim", !self.idle_trim.is_zero(), "more than 0")?;
        at_least("connection_window", "call_window", self.connection_window >= self.call_window)?;
        at_least("held_headers", "max_header_list", self.held_headers >= self.max_header_list)?;
        at_least("max_header_block", "max_header_list", self.max_header_block >= self.max_header_list)?;
        at_least(
            "send_queue_per_connection",
            "send_queue_per_call",
            self.send_queue_per_connection >= self.send_queue_per_call,
        )?;
        // A message that is never granted its octets would never finish.
        let longest = self.max_receive_message.unwrap_or(u32::MAX);
        let with_prefix = longest.saturating_add(PREFIX_LEN as u32).saturating_add(MAX_PADDING);
        let beyond_window = with_prefix.saturating_sub(self.call_window);
        at_least("assembly_budget", "max_receive_message", self.assembly_budget >= beyond_window)
    }

    pub(super) fn http2(&self, side: http2::Side, seed: u64) -> http2::Config {
        let mut config = http2::Config::new(side);
        config.seed = seed;
        config.max_frame_size = self.max_frame;
        config.max_send_frame_size = self.max_send_frame;
        config.max_concurrent_streams = self.max_concurrent_calls;
        config.max_waiting_streams = self.max_waiting_calls;
        config.stream_window = self.call_window;
        config.connection_window = self.connection_window;
        config.max_header_list_size = self.max_header_list;
        config.max_header_fields = self.max_header_fields;
        config.max_header_block = self.max_header_block;
        config.max_continuations = self.max_continuations;
        config.decoder_table_size = self.decoder_table;
        config.encoder_table_size = self.encoder_table;
        config.max_settings_entries = self.max_settings_entries;
        config.max_replies = self.max_replies;
        config.empty_data_burst = self.empty_data;
        config.reset_burst = self.resets;
        config.reset_per_second = self.resets_per_second;
        config.glitch_burst = self.glitches;
        config.glitch_per_second = self.glitches_per_second;
        config.max_zombie_streams = self.max_zombie_calls;
        config.max_streams_beyond_limit = self.max_calls_beyond_limit;
        config.header_abuse = self.header_abuse;
        config.max_informational = self.max_informational;
        config.drain_at_percent = self.drain_at_percent;
        config.tiny_data_burst = self.tiny_data;
        config.tiny_data_per_second = self.tiny_data_per_second;
        config.tiny_data_hold = self.tiny_data_hold;
        config.stalled_send_timeout = self.stalled_send_timeout;
        config.crowded_send_timeout = self.crowded_send_timeout;
        config.crowded_queue = self.send_queue_per_connection / 2;
        config.handshake_timeout = self.handshake_timeout;
        config.settings_ack_timeout = self.settings_ack_timeout.or(config.settings_ack_timeout);
        config.header_block_timeout = self.header_block_timeout;
        config.shutdown_ping_timeout = self.shutdown_ping_timeout;
        config
    }
}
