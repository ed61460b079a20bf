//! One HTTP/2 connection: its parts, and the verbs of the layer above.

use super::closed::{Closed, ClosedStreams};
use super::config::{Config, Side};
use super::counters::Counters;
use super::error::{ConnectionError, OpenError};
use super::fields::{CLASSIFIER, Summary};
use super::flow::{ReceiveWindow, SendWindow};
use super::guard::Bucket;
use super::id_map::IdMap;
use super::links::Lane;
use super::outgoing::Control;
use super::reader::{Phase, Reader};
use super::slots::{List, Slots, StreamKey};
use super::stall::Stalls;
use super::stream::{Ending, Receive, Send, State, Stream};
use crate::buffer::chunks::Pool;
use crate::frame::{DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, ErrorCode, StreamId};
use crate::hpack::{Decoder, Encoder, FieldBlock, Start};
use crate::time::Instant;
use core::time::Duration;

/// RST_STREAM and WINDOW_UPDATE that are free for each stream that has closed, since they may have been under way (L-41).
pub(super) const LATE_FRAMES: u32 = 4;

/// Streams that a client opens before it knows the server's limit (G-164).
const STREAMS_BEFORE_SETTINGS: u32 = 100;

/// What an idle connection may keep for the next header block, in octets.
const SLACK: usize = 4_096;

/// From this id on a client opens no more streams: three quarters of the space (G-166).
pub(super) const LAST_USABLE_ID: u32 = (1 << 31) / 4 * 3;

/// What the peer's SETTINGS say (RFC 9113 §6.5.2).
#[derive(Clone, Copy, Debug)]
pub(super) struct PeerSettings {
    pub(super) received: bool,
    pub(super) max_concurrent_streams: u32,
    pub(super) initial_window: u32,
    pub(super) max_frame_size: u32,
    pub(super) max_header_list_size: u32,
}

/// Where a graceful shutdown stands (RFC 9113 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shutdown {
    No,
    /// A server said that it will stop, and waits for the streams in flight.
    Announced {
        until: Instant,
    },
    /// Streams above this id are not processed.
    Final {
        last: StreamId,
    },
}

/// Whether unread DATA holds the whole connection window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exhaustion {
    No,
    New,
    Told,
}

/// HTTP/2 for one connection, either side, with the state `T` of the layer above kept inside each stream.
///
/// Octets go in through [`receive_step`](Self::receive_step), one frame (or a part of a DATA frame) a step; they come out
/// through [`transmit_step`](Self::transmit_step), which asks for header blocks at the moment they are written, so that
/// header compression and the wire agree on the order (RFC 7541 §2.2). A stream is named by a [`StreamKey`] until
/// [`release`](Self::release).
///
/// A client is not told the method of its requests, so it is not for HEAD: a response with `content-length` and no content
/// is malformed (RFC 9113 §8.1.1), 204 and 304 apart.
///
/// See [the module](crate::http2) for a complete loop.
#[derive(Clone, Debug)]
pub struct Connection<T> {
    pub(super) side: Side,
    pub(super) config: Config,
    pub(super) reader: Reader,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) fields: FieldBlock,
    /// How a request started that was sound and went on with regular fields, and what it said.
    pub(super) sound_request: Option<(Start, Summary)>,
    pub(super) slots: Slots<T>,
    pub(super) ids: IdMap,
    pub(super) closed: ClosedStreams,
    pub(super) pool: Pool,
    /// A client's streams without an id, in order.
    pub(super) waiting: List,
    pub(super) waiting_len: u32,
    /// Streams whose turn to send will come.
    pub(super) ready: List,
    /// Streams whose DATA waits for the connection window.
    pub(super) blocked: List,
    /// Streams whose DATA waits a moment for a larger window of their own.
    pub(super) held: List,
    pub(super) stalls: Stalls,
    pub(super) credits: List,
    pub(super) notices: List,
    /// Streams that count for SETTINGS_MAX_CONCURRENT_STREAMS.
    pub(super) active: u32,
    pub(super) next_id: StreamId,
    pub(super) highest_remote: StreamId,
    pub(super) send_window: SendWindow,
    pub(super) receive_window: ReceiveWindow,
    pub(super) exhaustion: Exhaustion,
    pub(super) queued: usize,
    pub(super) peer: PeerSettings,
    pub(super) control: Control,
    pub(super) resets: Bucket,
    pub(super) glitches: Bucket,
    pub(super) empty_data: Bucket,
    pub(super) beyond_limit: Bucket,
    pub(super) tiny_data: Bucket,
    pub(super) data_since_refund: u32,
    /// RST_STREAM and WINDOW_UPDATE that may still come for streams that have closed.
    pub(super) late_frames: u32,
    /// WINDOW_UPDATEs that our DATA frames may be answered by, however small.
    pub(super) updates_due: u32,
    pub(super) shutdown: Shutdown,
    /// What the GOAWAYs of a graceful shutdown say.
    pub(super) shutdown_reason: &'static str,
    pub(super) peer_last: Option<StreamId>,
    /// What the peer's GOAWAY said, where it was not a graceful one: the reason once the connection ends.
    pub(super) peer_error: Option<ConnectionError>,
    pub(super) handshake_until: Option<Instant>,
    pub(super) settings_ack_until: Option<Instant>,
    pub(super) settings_sent: Instant,
    /// From our SETTINGS to their acknowledgement; zero before that.
    pub(super) round_trip: Duration,
    pub(super) error: Option<ConnectionError>,
    pub(super) ended: bool,
    pub(super) counters: Counters,
}

impl<T> Connection<T> {
    /// A connection whose transport was opened at `now`. The first [`transmit_step`](Self::transmit_step) writes the
    /// preface (RFC 9113 §3.4); nothing is allocated before it is needed.
    pub fn new(side: Side, config: Config, now: Instant) -> Self {
        let config = config.within_protocol();
        let first_id = StreamId::new(if side == Side::Client { 1 } else { 2 });
        let reset_burst = config.reset_burst.max(config.max_concurrent_streams.saturating_mul(20));
        let beyond_limit = config.max_streams_beyond_limit.saturating_add(config.max_concurrent_streams);
        let drain_at = config.drain_at_percent;
        Self {
            side,
            reader: Reader::new(side),
            // H-081: until our SETTINGS are acknowledged the peer may use the protocol's default.
            decoder: Decoder::new(config.decoder_table_size.max(DEFAULT_HEADER_TABLE_SIZE), CLASSIFIER),
            encoder: Encoder::new(config.encoder_table_size, config.seed),
            fields: FieldBlock::new(),
            sound_request: None,
            slots: Slots::new(),
            ids: IdMap::new(config.seed),
            closed: ClosedStreams::new(),
            pool: Pool::new(),
            waiting: List::new(Lane::Send),
            waiting_len: 0,
            ready: List::new(Lane::Send),
            blocked: List::new(Lane::Send),
            held: List::new(Lane::Send),
            stalls: Stalls::NONE,
            credits: List::new(Lane::Credit),
            notices: List::new(Lane::Notice),
            active: 0,
            next_id: first_id,
            highest_remote: StreamId::ZERO,
            send_window: SendWindow::new(DEFAULT_WINDOW),
            receive_window: ReceiveWindow::new(config.connection_window),
            exhaustion: Exhaustion::No,
            queued: 0,
            peer: PeerSettings {
                received: false,
                max_concurrent_streams: STREAMS_BEFORE_SETTINGS,
                initial_window: DEFAULT_WINDOW,
                max_frame_size: DEFAULT_MAX_FRAME_SIZE,
                max_header_list_size: u32::MAX,
            },
            control: Control::new(),
            resets: Bucket::new(reset_burst, config.reset_per_second, drain_at, now),
            glitches: Bucket::new(config.glitch_burst, config.glitch_per_second, drain_at, now),
            empty_data: Bucket::new(config.empty_data_burst, 0, 100, now),
            beyond_limit: Bucket::new(beyond_limit, 0, 100, now),
            tiny_data: Bucket::new(config.tiny_data_burst, config.tiny_data_per_second, 100, now),
            data_since_refund: 0,
            late_frames: 0,
            updates_due: 0,
            shutdown: Shutdown::No,
            shutdown_reason: "",
            peer_last: None,
            peer_error: None,
            handshake_until: config.handshake_timeout.and_then(|timeout| now.checked_add(timeout)),
            settings_ack_until: None,
            settings_sent: now,
            round_trip: Duration::ZERO,
            error: None,
            ended: false,
            counters: Counters::default(),
            config,
        }
    }

    /// Opens a client's stream, which gets its id and its HEADERS when the peer's limit allows: answer
    /// [`Transmit::Head`](super::Transmit::Head) then. Queue octets with [`send`](Self::send) and
    /// [`send_shared`](Self::send_shared) at any time, and end with [`end`](Self::end).
    pub fn open(&mut self, upper: T) -> Result<StreamKey, OpenError> {
        if self.side == Side::Server {
            return Err(OpenError::NotAClient);
        }
        if self.is_draining() {
            return Err(OpenError::Draining);
        }
        if !self.has_room_to_wait() {
            return Err(OpenError::Full);
        }
        let state = State::Live { send: Send::Waiting, receive: Receive::Head { informational: 0 } };
        let stream = Stream::new(StreamId::ZERO, state, self.peer.initial_window, self.starting_window(), upper);
        let key = self.slots.insert(stream).ok_or(OpenError::Full)?;
        self.waiting.push(&mut self.slots, key);
        self.waiting_len += 1;
        Ok(key)
    }

    /// Whether [`open`](Self::open) has room for one more.
    pub(crate) fn has_room_to_wait(&self) -> bool {
        self.waiting_len < self.config.max_waiting_streams.saturating_add(self.free_places())
    }

    /// Streams that could start now under the peer's limit.
    pub(super) fn free_places(&self) -> u32 {
        self.peer.max_concurrent_streams.saturating_sub(self.active)
    }

    /// Whether [`open`](Self::open) refuses for good: an error, a GOAWAY either way, or no ids left (G-166).
    pub fn is_draining(&self) -> bool {
        self.error.is_some()
            || self.ended
            || self.peer_last.is_some()
            || self.shutdown != Shutdown::No
            || self.next_id.get() > LAST_USABLE_ID
    }

    /// Streams opened here that still wait for an id.
    pub fn waiting_streams(&self) -> usize {
        self.waiting_len as usize
    }

    /// Lets a server's response (or, after an informational one, its next HEADERS) begin:
    /// [`Transmit::Head`](super::Transmit::Head) follows. A client's request begins by itself.
    pub fn begin(&mut self, key: StreamKey) {
        if let Some(stream) = self.slots.get_mut(key)
            && self.side == Side::Server
            && stream.send() != Send::Ended
        {
            stream.head_wanted = true;
            self.ready.push(&mut self.slots, key);
        }
    }

    /// Ends our half once all that is queued has left: with END_STREAM on the last DATA, or with trailers, which
    /// [`Transmit::Trailers`](super::Transmit::Trailers) then asks for.
    pub fn end(&mut self, key: StreamKey, with_trailers: bool) {
        if let Some(stream) = self.slots.get_mut(key)
            && stream.ending == Ending::Open
        {
            stream.ending = if with_trailers { Ending::Trailers } else { Ending::Data };
            self.schedule(key);
        }
    }

    /// Gives the stream a turn if it has an id and may have something to say.
    pub(super) fn schedule(&mut self, key: StreamKey) {
        if self.slots.get(key).is_some_and(|stream| stream.send() == Send::Body) {
            self.ready.push(&mut self.slots, key);
        }
    }

    /// Resets the stream: what is queued is dropped, and RST_STREAM is sent if the peer knows of the stream. The key
    /// stays valid until [`release`](Self::release).
    pub fn reset(&mut self, key: StreamKey, code: ErrorCode) {
        let Some(stream) = self.slots.get(key) else { return };
        if stream.is_closed() {
            return;
        }
        if !stream.id.is_zero() && !self.ended {
            self.control.resets.push_back((stream.id, code));
        }
        let window = stream.receive_window.available();
        self.close(key, Closed::by_us(window));
    }

    /// Lets go of the stream and hands its upper state back. A stream still open is reset: with NO_ERROR where a server
    /// has sent its whole response, which the client shall keep (RFC 9113 §8.1), and with CANCEL otherwise.
    pub fn release(&mut self, key: StreamKey) -> Option<T> {
        self.leave_all(key);
        let stream = self.slots.remove(key)?;
        self.end_if_drained();
        Some(stream.upper)
    }

    /// As [`release`](Self::release), for who has no more use for the upper state: that is dropped where it lies.
    pub(crate) fn forget(&mut self, key: StreamKey) {
        self.leave_all(key);
        self.slots.discard(key);
        self.end_if_drained();
    }

    /// Takes the stream off the wire and out of all lists.
    fn leave_all(&mut self, key: StreamKey) {
        let responded = self.side == Side::Server && self.is_send_ended(key);
        self.reset(key, if responded { ErrorCode::NO_ERROR } else { ErrorCode::CANCEL });
        self.notices.remove(&mut self.slots, key);
    }

    /// The stream leaves the wire; its slot stays for the layer above.
    pub(super) fn close(&mut self, key: StreamKey, how: Closed) {
        let Some(stream) = self.slots.get_mut(key).filter(|stream| !stream.is_closed()) else { return };
        let (id, send) = (stream.id, stream.send());
        stream.state = State::Closed;
        self.queued -= stream.outbox.len();
        stream.outbox.clear(&mut self.pool);
        self.credits.remove(&mut self.slots, key);
        if send == Send::Waiting {
            self.waiting.remove(&mut self.slots, key);
            self.waiting_len -= 1;
            return;
        }
        self.leave_send_lane(key);
        self.active -= 1;
        if !id.is_zero() {
            self.ids.remove(id.get());
            self.closed.remember(id, how);
            self.late_frames = self.late_frames.saturating_add(LATE_FRAMES);
        }
    }

    pub(super) fn leave_send_lane(&mut self, key: StreamKey) {
        let list = if self.blocked.has_at_an_end(key) {
            &mut self.blocked
        } else if self.held.has_at_an_end(key) {
            &mut self.held
        } else {
            &mut self.ready
        };
        list.remove(&mut self.slots, key);
    }

    /// Octets of DATA payload that were taken from the stream: they go back to the peer's windows.
    pub fn consumed(&mut self, key: StreamKey, octets: u32) {
        self.receive_window.owe(octets);
        let Some(stream) = self.slots.get_mut(key) else { return };
        // H-113: no credit for a stream that will carry no more DATA.
        if stream.receive() == Receive::Ended {
            return;
        }
        stream.receive_window.owe(octets);
        if stream.receive_window.owed() >= i64::from((self.config.stream_window / 2).max(1)) {
            self.credits.push(&mut self.slots, key);
        }
    }

    /// Octets of DATA payload of a stream that was released before they were taken.
    pub fn consumed_late(&mut self, octets: u32) {
        self.receive_window.owe(octets);
    }

    /// Octets that were given back before they were consumed, and are held after all: so many of those consumed next are
    /// not announced.
    pub fn withhold(&mut self, octets: u32) {
        self.receive_window.withhold(octets);
    }

    /// Lets the peer send `octets` more on this stream from now on, beyond the window it began with; `false` where it will
    /// send no more, or does not know of the stream yet (H-113).
    pub fn widen(&mut self, key: StreamKey, octets: u32) -> bool {
        let Some(stream) = self.slots.get_mut(key) else { return false };
        if stream.receive() == Receive::Ended || stream.id.is_zero() {
            return false;
        }
        stream.receive_window.owe(octets);
        self.credits.push(&mut self.slots, key);
        true
    }

    /// Lets the peer send `octets` beyond the stream's window at once, for a message larger than that. They are not to be
    /// given back to the stream when they are consumed; what is owed to the connection is announced too.
    pub fn lend(&mut self, key: StreamKey, octets: u32) {
        if self.widen(key, octets) {
            self.control.awaits(self.receive_window(key));
        }
    }

    /// How long the way to the peer and back took when the connection began: the time between our SETTINGS and their
    /// acknowledgement, which a peer owes at once (RFC 9113 §6.5.3). Zero before that.
    pub(crate) fn round_trip(&self) -> Duration {
        self.round_trip
    }

    /// What the peer has been told that it may still send on this stream, in octets.
    pub(crate) fn announced_window(&self, key: StreamKey) -> i64 {
        self.slots.get(key).map_or(0, |stream| stream.receive_window.available())
    }

    /// What the peer may still send on this stream, in octets.
    pub fn receive_window(&self, key: StreamKey) -> i64 {
        let window = |stream: &Stream<T>| stream.receive_window.available() + stream.receive_window.owed();
        self.slots.get(key).map_or(0, window)
    }

    /// The peer is to send `octets` more on this stream: what is owed is announced now where the windows are too small.
    pub(crate) fn announce_for(&mut self, key: StreamKey, octets: i64) {
        if self.receive_window.available() < octets {
            self.control.awaits(octets);
        }
        if self.slots.get(key).is_some_and(|stream| stream.receive_window.available() < octets) {
            self.credits.push(&mut self.slots, key);
        }
    }

    /// Octets of data still to come of the DATA frame that the last step was about; so nobody need decide anything by
    /// how the transport cut it.
    pub(crate) fn frame_left(&self) -> u32 {
        if let Phase::Data(frame) = &self.reader.phase { frame.data } else { 0 }
    }

    /// Octets of the DATA frame at hand that this stream is still to be given.
    pub(crate) fn undelivered(&self, key: StreamKey) -> u32 {
        match self.reader.phase {
            Phase::Data(frame) if frame.stream == Some(key) => frame.data,
            _ => 0,
        }
    }

    /// The layer above's state in this stream.
    pub fn get(&self, key: StreamKey) -> Option<&T> {
        self.slots.get(key).map(|stream| &stream.upper)
    }

    /// The layer above's state in this stream.
    pub fn get_mut(&mut self, key: StreamKey) -> Option<&mut T> {
        self.slots.get_mut(key).map(|stream| &mut stream.upper)
    }

    pub(crate) fn parts(&mut self, key: StreamKey) -> Option<(&mut T, &mut Pool)> {
        self.slots.get_mut(key).map(|stream| (&mut stream.upper, &mut self.pool))
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    pub(crate) fn pool_mut(&mut self) -> &mut Pool {
        &mut self.pool
    }

    /// The fields of the header block that the last step named.
    pub fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    /// How that block started, if it did as usual.
    pub(crate) fn block_start(&self) -> Option<Start> {
        self.decoder.start()
    }

    /// Takes those fields without a copy, leaving `empty` in their place.
    pub(crate) fn swap_fields(&mut self, empty: FieldBlock) -> FieldBlock {
        core::mem::replace(&mut self.fields, empty)
    }

    /// The stream's id; `None` before its HEADERS left, and once it was released.
    pub fn stream_id(&self, key: StreamKey) -> Option<StreamId> {
        self.slots.get(key).map(|stream| stream.id).filter(|id| !id.is_zero())
    }

    /// Whether the stream was closed, by either side.
    pub fn is_closed(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_none_or(Stream::is_closed)
    }

    /// Whether END_STREAM arrived, or the stream closed.
    pub fn is_receive_ended(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_none_or(|stream| stream.receive() == Receive::Ended)
    }

    /// Whether our HEADERS have left, or the stream closed.
    pub fn is_head_sent(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_some_and(|stream| matches!(stream.send(), Send::Body | Send::Ended))
    }

    /// Whether END_STREAM left, or the stream closed.
    pub fn is_send_ended(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_none_or(|stream| stream.send() == Send::Ended)
    }

    /// Streams that have not been released.
    pub fn streams(&self) -> usize {
        self.slots.len()
    }

    /// Streams that count for the peer's or our SETTINGS_MAX_CONCURRENT_STREAMS.
    pub fn active_streams(&self) -> usize {
        self.active as usize
    }

    /// Streams that are closed on the wire but not released.
    pub fn zombie_streams(&self) -> usize {
        self.slots.len().saturating_sub((self.active + self.waiting_len) as usize)
    }

    /// The stream in the first used slot at or after `index`: for a walk over all, at GOAWAY and at the end.
    pub fn stream_from(&self, index: usize) -> Option<StreamKey> {
        self.slots.key_from(index)
    }

    /// The largest header list that the peer accepts (SETTINGS_MAX_HEADER_LIST_SIZE, with 32 per field).
    pub fn peer_max_header_list_size(&self) -> u32 {
        self.peer.max_header_list_size
    }

    /// Asks to be reminded of the stream: it joins the end of the list that [`next_notice`](Self::next_notice) reads.
    pub fn notice(&mut self, key: StreamKey) {
        self.notices.push(&mut self.slots, key);
    }

    /// The first stream in that list.
    pub fn next_notice(&self) -> Option<StreamKey> {
        self.notices.front(&self.slots)
    }

    /// Takes the stream off that list.
    pub fn clear_notice(&mut self, key: StreamKey) {
        self.notices.remove(&mut self.slots, key);
    }

    /// Whether unread DATA came to hold the whole connection window; `true` once per episode.
    pub fn take_window_exhausted(&mut self) -> bool {
        let new = self.exhaustion == Exhaustion::New;
        if new {
            self.exhaustion = Exhaustion::Told;
        }
        new
    }

    /// Gives slack memory back. Call it when no stream is open; HPACK tables and windows stay as they are.
    pub fn trim(&mut self) {
        if self.slots.len() == 0 {
            self.slots.trim();
            self.ids.trim();
            self.closed.trim();
            self.pool.trim();
            self.reader.trim(self.ended);
            self.control.trim();
            self.fields = FieldBlock::new();
        }
    }

    /// Whether the way of header blocks and of frames in pieces holds memory that is worth a [`trim`](Self::trim).
    pub(crate) fn has_slack(&self) -> bool {
        self.reader.heap_size() + self.fields.capacity() > SLACK
    }

    /// Bytes of heap in use, tables included and shared payloads left out.
    pub fn heap_size(&self) -> usize {
        self.slots.heap_size()
            + self.ids.heap_size()
            + self.closed.heap_size()
            + self.pool.heap_size()
            + self.reader.heap_size()
            + self.control.heap_size()
            + self.fields.capacity()
            + self.decoder.heap_size()
            + self.encoder.heap_size()
    }
}

#[cfg(test)]
mod tests {
    use super::{Connection, LAST_USABLE_ID};
    use crate::buffer::WriteBuf;
    use crate::frame::StreamId;
    use crate::http2::{Config, OpenError, Side, Transmit};
    use crate::time::Instant;

    /// H-042, L-27, G-166: no stream is opened past the last id, and those that waited for their turn still start.
    #[test]
    fn h042_ids_run_out() {
        let now = Instant::from_nanos(0);
        let mut client = Connection::new(Side::Client, Config::new(Side::Client), now);
        client.next_id = StreamId::new(LAST_USABLE_ID - 1);
        let streams = [client.open(()).unwrap(), client.open(()).unwrap()];
        let mut output = WriteBuf::new();
        while let Transmit::Head(stream) = client.transmit_step(now, &mut output) {
            client.send_head(stream, [], false, &mut output);
        }
        let ids = streams.map(|stream| client.stream_id(stream).unwrap().get());
        assert_eq!(ids, [LAST_USABLE_ID - 1, LAST_USABLE_ID + 1]);
        assert!(client.is_draining());
        assert_eq!(client.open(()), Err(OpenError::Draining));
    }
}
