//! One HTTP/2 connection: its parts, and the verbs of the layer above.

use super::closed::ClosedStreams;
use super::common::Common;
use super::config::{Config, Side};
use super::counters::Counters;
use super::error::{ConnectionError, OpenError};
use super::fields::CLASSIFIER;
use super::flow::SendWindow;
use super::guard::Bucket;
use super::id_map::IdMap;
use super::known::Known;
use super::lines::Place;
use super::outgoing::Control;
use super::pings::Strikes;
use super::reader::Reader;
use super::slots::{Slots, StreamKey};
use super::stall::Stalls;
use super::stream::{Receive, Send, Stream};
use crate::buffer::pool::Pool;
use crate::frame::{DEFAULT_HEADER_TABLE_SIZE, DEFAULT_MAX_FRAME_SIZE, DEFAULT_WINDOW, StreamId};
use crate::hpack::{Decoder, Encoder, FieldBlock, Shape, Start};
use crate::time::Instant;
use alloc::boxed::Box;
use core::num::NonZeroU32;
use core::time::Duration;

/// RST_STREAM and WINDOW_UPDATE that are free for each stream that has closed, since they may have been under way
/// (L-41).
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

/// Where the fields of the last header block are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CurrentBlock {
    Decoded,
    /// They are those of the known response, or of the known trailers.
    Response,
    Trailers,
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
/// Octets go in through [`receive_step`](Self::receive_step), one frame (or a part of a DATA frame) a step; they come
/// out through [`transmit_step`](Self::transmit_step), which asks for header blocks at the moment they are written, so
/// that header compression and the wire agree on the order (RFC 7541 §2.2). A stream is named by a [`StreamKey`] until
/// [`release`](Self::release).
///
/// A client is not told the method of its requests, so it is not for HEAD: a response with `content-length` and no
/// content is malformed (RFC 9113 §8.1.1), 204 and 304 apart.
///
/// See [the module](crate::http2) for a complete loop.
#[derive(Clone, Debug)]
pub struct Connection<T> {
    pub(super) common: Common,
    pub(super) config: Config,
    pub(super) reader: Reader,
    pub(super) decoder: Decoder,
    pub(super) encoder: Encoder,
    pub(super) fields: Box<FieldBlock>,
    pub(super) current_block: CurrentBlock,
    pub(super) known: Option<Box<Known>>,
    pub(super) next_known: u32,
    /// Requests that were sound and said nothing of a length, whatever the values of their regular literals are.
    pub(super) sound_requests: [Shape; 4],
    /// The last request that was judged, if its pseudo-headers are as they usually are.
    pub(super) usual_request: StreamId,
    pub(super) slots: Slots<T>,
    pub(super) ids: IdMap,
    pub(super) closed: ClosedStreams,
    pub(super) stalls: Stalls,
    /// Streams that count for SETTINGS_MAX_CONCURRENT_STREAMS.
    pub(super) active: u32,
    pub(super) next_id: StreamId,
    pub(super) highest_remote: StreamId,
    pub(super) send_window: SendWindow,
    pub(super) exhaustion: Exhaustion,
    pub(super) peer: PeerSettings,
    pub(super) control: Control,
    pub(super) resets: Bucket,
    pub(super) glitches: Bucket,
    pub(super) empty_data: Bucket,
    pub(super) beyond_limit: Bucket,
    pub(super) tiny_data: Bucket,
    pub(super) strikes: Strikes,
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
    /// No timer is due before this, neither here nor in the layer above; one may be due later.
    pub(super) wake: Instant,
    pub(super) handshake_until: Option<Instant>,
    pub(super) settings_ack_until: Option<Instant>,
    pub(super) settings_sent: Instant,
    /// From our SETTINGS to their acknowledgement; zero before that.
    pub(super) round_trip: Duration,
    pub(super) error: Option<ConnectionError>,
    pub(super) ended: bool,
    /// It has ended, or is ending: an error, or a GOAWAY either way.
    pub(super) draining: bool,
    pub(super) counters: Counters,
}

impl<T: Default> Connection<T> {
    /// A connection whose transport was opened at `now`. The first [`transmit_step`](Self::transmit_step) writes the
    /// preface (RFC 9113 §3.4); nothing is allocated before it is needed.
    pub fn new(side: Side, config: Config, now: Instant) -> Self {
        let config = config.within_protocol();
        let first_id = StreamId::new(if side == Side::Client { 1 } else { 2 });
        let reset_burst = config.reset_burst.max(config.max_concurrent_streams.saturating_mul(20));
        let beyond_limit = config.max_streams_beyond_limit.saturating_add(config.max_concurrent_streams);
        let drain_at = config.drain_at_percent;
        let handshake_until = config.handshake_timeout.and_then(|timeout| now.checked_add(timeout));
        Self {
            common: Common::new(side, &config),
            reader: Reader::new(side),
            // H-081: until our SETTINGS are acknowledged the peer may use the protocol's default.
            decoder: Decoder::new(config.decoder_table_size.max(DEFAULT_HEADER_TABLE_SIZE), CLASSIFIER),
            encoder: Encoder::new(config.encoder_table_size, config.seed),
            fields: Box::default(),
            current_block: CurrentBlock::Decoded,
            known: None,
            next_known: 1,
            sound_requests: [Shape::default(); 4],
            usual_request: StreamId::ZERO,
            slots: Slots::new(),
            ids: IdMap::new(config.seed),
            closed: ClosedStreams::new(),
            stalls: Stalls::NONE,
            active: 0,
            next_id: first_id,
            highest_remote: StreamId::ZERO,
            send_window: SendWindow::new(DEFAULT_WINDOW),
            exhaustion: Exhaustion::No,
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
            strikes: Strikes::NONE,
            data_since_refund: 0,
            late_frames: 0,
            updates_due: 0,
            shutdown: Shutdown::No,
            shutdown_reason: "",
            peer_last: None,
            peer_error: None,
            wake: handshake_until.unwrap_or(Instant::MAX),
            handshake_until,
            settings_ack_until: None,
            settings_sent: now,
            round_trip: Duration::ZERO,
            error: None,
            ended: false,
            draining: false,
            counters: Counters::default(),
            config,
        }
    }

    /// Opens a client's stream, which gets its id and its HEADERS when the peer's limit allows: answer
    /// [`Transmit::Head`](super::Transmit::Head) then. Queue octets with [`send`](Self::send) and
    /// [`send_shared`](Self::send_shared) at any time, and end with [`end`](Self::end).
    ///
    /// # Errors
    ///
    /// [`OpenError`]: as many as `max_waiting_streams` wait, this connection takes no more, or it is a server's.
    pub fn open(&mut self, upper: T) -> Result<StreamKey, OpenError> {
        let (stream, _) = self.open_in_place()?;
        stream.upper = upper;
        Ok(stream.key)
    }

    /// As [`open`](Self::open), for a state that the layer above puts down where it will stay.
    pub(crate) fn open_in_place(&mut self) -> Result<(&mut Stream<T>, &mut Common), OpenError> {
        if self.common.side == Side::Server {
            return Err(OpenError::NotAClient);
        }
        if self.is_draining() {
            return Err(OpenError::Draining);
        }
        if !self.has_room_to_wait() {
            return Err(OpenError::Full);
        }
        self.common.lines.tidy(&self.slots);
        let window = self.starting_window();
        let stream = self.slots.insert().ok_or(OpenError::Full)?;
        let state = (Send::Waiting, Receive::Head { informational: 0 });
        stream.start(StreamId::ZERO, state, self.peer.initial_window, window);
        self.common.lines.join(Place::Waiting, stream);
        Ok((stream, &mut self.common))
    }

    /// Whether [`open`](Self::open) has room for one more.
    pub(crate) fn has_room_to_wait(&self) -> bool {
        self.waiting_streams() < self.config.max_waiting_streams.saturating_add(self.free_places()) as usize
    }

    /// Streams that could start now under the peer's limit.
    pub(super) fn free_places(&self) -> u32 {
        self.peer.max_concurrent_streams.saturating_sub(self.active)
    }

    /// Whether [`open`](Self::open) refuses for good: an error, a GOAWAY either way, or no ids left (G-166).
    #[inline]
    pub fn is_draining(&self) -> bool {
        self.draining || self.next_id.get() > LAST_USABLE_ID
    }

    /// Streams opened here that still wait for an id.
    pub fn waiting_streams(&self) -> usize {
        self.common.lines.len(Place::Waiting)
    }

    /// Lets a server's response (or, after an informational one, its next HEADERS) begin:
    /// [`Transmit::Head`](super::Transmit::Head) follows. A client's request begins by itself.
    pub fn begin(&mut self, key: StreamKey) {
        if let Some((stream, common)) = self.at(key) {
            common.begin(stream);
        }
    }

    /// Ends our half once all that is queued has left: with END_STREAM on the last DATA, or with trailers, which
    /// [`Transmit::Trailers`](super::Transmit::Trailers) then asks for.
    pub fn end(&mut self, key: StreamKey, with_trailers: bool) {
        if let Some((stream, common)) = self.at(key) {
            common.end(stream, with_trailers);
        }
    }

    pub(crate) fn stream(&self, key: StreamKey) -> Option<&Stream<T>> {
        self.slots.get(key)
    }

    pub(crate) fn common_mut(&mut self) -> &mut Common {
        &mut self.common
    }

    /// The stream, and what all of them share.
    #[inline]
    pub(crate) fn at(&mut self, key: StreamKey) -> Option<(&mut Stream<T>, &mut Common)> {
        self.slots.get_mut(key).map(|stream| (stream, &mut self.common))
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
        self.slots.get_mut(key).map(|stream| (&mut stream.upper, &mut self.common.pool))
    }

    #[cfg(feature = "testing")]
    pub(crate) fn pool(&self) -> &Pool {
        &self.common.pool
    }

    pub(crate) fn pool_mut(&mut self) -> &mut Pool {
        &mut self.common.pool
    }

    /// The fields of the header block that the last step named.
    pub fn fields(&self) -> &FieldBlock {
        match (self.current_block, &self.known) {
            (CurrentBlock::Response, Some(known)) => &known.response.fields,
            (CurrentBlock::Trailers, Some(known)) => &known.trailers.fields,
            _ => &self.fields,
        }
    }

    /// A number that stands for those fields as long as the connection lives; `None` where they have none.
    pub(crate) fn block_number(&self) -> Option<NonZeroU32> {
        let known = self.known.as_ref()?;
        match self.current_block {
            CurrentBlock::Decoded => None,
            CurrentBlock::Response => NonZeroU32::new(known.response.number),
            CurrentBlock::Trailers => NonZeroU32::new(known.trailers.number),
        }
    }

    /// The fields of the known response, which the last step named, are wanted for one stream more. They are as they are
    /// until as many [let go](Self::let_response_go).
    pub(crate) fn hold_response(&mut self) {
        if let Some(known) = &mut self.known {
            known.held += 1;
        }
    }

    /// One stream less wants them. They are given out for a last time.
    pub(crate) fn let_response_go(&mut self) -> Option<&FieldBlock> {
        let known = self.known.as_mut()?;
        known.held -= 1;
        Some(&known.response.fields)
    }

    /// For how many streams they are wanted.
    #[cfg(feature = "testing")]
    pub(crate) fn held_responses(&self) -> u32 {
        self.known.as_ref().map_or(0, |known| known.held)
    }

    /// Whether its request is known to begin with four pseudo-headers, each once: POST, http or https, a path of visible
    /// ASCII and an authority of that.
    pub(crate) fn is_usual_request(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_some_and(|stream| stream.id == self.usual_request && !stream.id.is_zero())
    }

    /// How that block started, if it did as usual.
    pub(crate) fn block_start(&self) -> Option<&Start> {
        self.decoder.start()
    }

    /// Takes those fields, if it can without a copy.
    #[inline]
    pub(crate) fn take_fields(&mut self) -> Box<FieldBlock> {
        if self.current_block == CurrentBlock::Decoded {
            // The next block is decoded over what is there.
            return core::mem::replace(&mut self.fields, self.common.pool.take_used_block());
        }
        self.copy_fields()
    }

    #[cold]
    fn copy_fields(&mut self) -> Box<FieldBlock> {
        let mut block = self.common.pool.take_block();
        block.extend_from(self.fields());
        block
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
        self.slots.get(key).is_none_or(|stream| stream.receive == Receive::Ended)
    }

    /// Whether our HEADERS have left, or the stream closed.
    pub fn is_head_sent(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_some_and(|stream| matches!(stream.send, Send::Body | Send::Ended))
    }

    /// Whether END_STREAM left, or the stream closed.
    pub fn is_send_ended(&self, key: StreamKey) -> bool {
        self.slots.get(key).is_none_or(|stream| stream.send == Send::Ended)
    }

    /// Streams that have not been released.
    pub fn streams(&self) -> usize {
        self.slots.len()
    }

    /// Streams that count for the peer's or our SETTINGS_MAX_CONCURRENT_STREAMS.
    pub fn active_streams(&self) -> usize {
        self.active as usize
    }

    /// The last stream that a client opened here; zero where none was.
    pub(crate) fn last_opened(&self) -> StreamId {
        self.highest_remote
    }

    /// Streams that are closed on the wire but not released.
    pub fn zombie_streams(&self) -> usize {
        self.slots.len().saturating_sub(self.active as usize + self.waiting_streams())
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
        if let Some((stream, common)) = self.at(key) {
            common.lines.notice(stream);
        }
    }

    /// The first stream in that list.
    pub fn next_notice(&mut self) -> Option<StreamKey> {
        self.common.lines.first_noticed(&self.slots)
    }

    /// As [`next_notice`](Self::next_notice), with what goes with it.
    pub(crate) fn next_noticed(&mut self) -> Option<(&mut Stream<T>, &mut Common)> {
        let key = self.common.lines.first_noticed(&self.slots)?;
        self.at(key)
    }

    /// As [`next_noticed`](Self::next_noticed), where nothing of others is before it, as mostly.
    #[inline(always)]
    pub(crate) fn front_noticed(&mut self) -> Option<(&mut Stream<T>, &mut Common)> {
        let key = self.common.lines.front_of_noticed()?;
        self.slots.get_mut(key).filter(|stream| stream.noticed).map(|stream| (stream, &mut self.common))
    }

    /// Whether there may be one.
    #[inline(always)]
    pub(crate) fn has_notices(&self) -> bool {
        self.common.lines.front_of_noticed().is_some()
    }

    /// Takes the stream off that list.
    pub fn clear_notice(&mut self, key: StreamKey) {
        if let Some((stream, common)) = self.at(key) {
            common.lines.clear_notice(stream);
        }
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
            self.common.pool.trim();
            self.common.lines.trim();
            self.control.trim();
            (self.known, self.current_block) = (None, CurrentBlock::Decoded);
            self.encoder.trim();
            self.decoder.trim();
            self.trim_slack();
        }
    }

    /// Gives back only what octets took on their way in: it depends on how they were cut, which nothing else may.
    pub(crate) fn trim_slack(&mut self) {
        self.reader.trim(self.ended);
        *self.fields = FieldBlock::new();
    }

    /// Whether the way of header blocks and of frames in pieces holds memory that is worth a
    /// [`trim_slack`](Self::trim_slack).
    pub(crate) fn has_slack(&self) -> bool {
        self.reader.heap_size() + self.fields.capacity() > SLACK
    }

    /// Bytes of heap in use, tables included and shared payloads left out.
    pub fn heap_size(&self) -> usize {
        self.slots.heap_size()
            + self.ids.heap_size()
            + self.closed.heap_size()
            + self.common.pool.heap_size()
            + self.common.lines.heap_size()
            + self.reader.heap_size()
            + self.control.heap_size()
            + self.fields.capacity()
            + self.known.as_ref().map_or(0, |known| known.heap_size())
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
