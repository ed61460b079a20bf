//! An observer of the wire: it sees what each end says and hears, counts both ends' windows from nothing else, and judges
//! what is said by RFC 9113. It shares the frame and header parsers with the library, and none of its state.

use crate::frame::{
    DEFAULT_WINDOW, ErrorCode, Frame, HEAD_LEN, Head, Kind, MAX_WINDOW, PREFACE, SettingId, StreamId, WindowUpdate,
};
use crate::hpack::{BlockLimits, Classifier, Decoded, Decoder, FieldBlock};
use crate::http2::{Side, Windows};
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use bytes::{Buf, BytesMut};

/// One end of a connection, as its wire shows it.
///
/// Tell it what the end says ([`Observer::says`]) and hears ([`Observer::hears`]), in that order of events, from the
/// first octet on; hold what the end believes against it ([`Observer::check`]). What is heard is taken as it comes, so the
/// peer may be hostile.
///
/// ```
/// use bytes::Buf;
/// use grpc_sansio::http2::Side;
/// use grpc_sansio::testing::Observer;
/// use grpc_sansio::{Client, ClientConfig, Connection, Instant, WriteBuf};
///
/// let now = Instant::from_nanos(0);
/// let mut client = Connection::<Client>::new(&ClientConfig::builder("localhost").build().unwrap(), now);
/// let mut observer = Observer::new(Side::Client);
/// let mut output = WriteBuf::new();
/// client.transmit(now, &mut output);
/// observer.says(&output.copy_to_bytes(output.len()));
/// observer.check(&client.windows().unwrap());
/// ```
#[derive(Clone, Debug)]
pub struct Observer {
    side: Side,
    said: Tap,
    heard: Tap,
    send: i64,
    receive: i64,
    /// SETTINGS_INITIAL_WINDOW_SIZE, each other's.
    peer_initial: i64,
    own_initial: i64,
    peer_max_frame: u32,
    peer_limit: u32,
    streams: BTreeMap<u32, Stream>,
    last_id: u32,
    said_settings: bool,
    heard_settings: bool,
    settings_to_acknowledge: u32,
    pings: VecDeque<[u8; 8]>,
    goaway: Option<(StreamId, ErrorCode)>,
    /// Reads the header blocks that are said: the order of header compression is the order of the wire (L-25).
    decoder: Decoder,
    /// SETTINGS_HEADER_TABLE_SIZE that was heard, in force once it is acknowledged.
    peer_table: u32,
    block: Vec<u8>,
    /// Frames said and heard.
    frames: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    send: i64,
    receive: i64,
    /// Header blocks said.
    blocks: u32,
    said_end: bool,
    heard_end: bool,
    said_reset: bool,
    heard_reset: bool,
}

impl Stream {
    fn is_open(&self) -> bool {
        !(self.said_reset || self.heard_reset || (self.said_end && self.heard_end))
    }
}

/// Cuts octets into frames.
#[derive(Clone, Debug)]
struct Tap {
    /// Octets of a preface still to come.
    preface: usize,
    octets: BytesMut,
    /// The head of the frame at hand was told.
    head_told: bool,
}

/// What a tap finds.
enum Found {
    /// The head of a DATA frame, which takes its window at once (H-111).
    DataHead(Head),
    Frame(Head, BytesMut),
}

impl Tap {
    fn new(preface: bool) -> Self {
        Self { preface: if preface { PREFACE.len() } else { 0 }, octets: BytesMut::new(), head_told: false }
    }

    fn feed(&mut self, octets: &[u8]) {
        let skip = self.preface.min(octets.len());
        self.preface -= skip;
        self.octets.extend_from_slice(octets.get(skip..).unwrap_or_default());
    }

    fn next(&mut self) -> Option<Found> {
        let head = Head::parse(self.octets.first_chunk::<HEAD_LEN>()?);
        if head.kind == Kind::DATA && !self.head_told {
            self.head_told = true;
            return Some(Found::DataHead(head));
        }
        let len = HEAD_LEN + head.length as usize;
        if self.octets.len() < len {
            return None;
        }
        let mut payload = self.octets.split_to(len);
        payload.advance(HEAD_LEN);
        self.head_told = false;
        Some(Found::Frame(head, payload))
    }
}

const LIMITS: BlockLimits =
    BlockLimits { max_list_size: 1 << 24, max_fields: 1 << 16, abuse_list_size: 1 << 24, abuse_fields: 1 << 16 };

impl Observer {
    /// One end of a connection on which nothing was said yet.
    pub fn new(side: Side) -> Self {
        let client = side == Side::Client;
        Self {
            side,
            said: Tap::new(client),
            heard: Tap::new(!client),
            send: DEFAULT_WINDOW.into(),
            receive: DEFAULT_WINDOW.into(),
            peer_initial: DEFAULT_WINDOW.into(),
            own_initial: DEFAULT_WINDOW.into(),
            peer_max_frame: crate::frame::DEFAULT_MAX_FRAME_SIZE,
            // G-164: what a client takes for the limit before it was told.
            peer_limit: 100,
            streams: BTreeMap::new(),
            last_id: 0,
            said_settings: false,
            heard_settings: false,
            settings_to_acknowledge: 0,
            pings: VecDeque::new(),
            goaway: None,
            decoder: Decoder::new(crate::frame::DEFAULT_HEADER_TABLE_SIZE, Classifier::NONE),
            peer_table: crate::frame::DEFAULT_HEADER_TABLE_SIZE,
            block: Vec::new(),
            frames: 0,
        }
    }

    /// The next stream has this id: see [`Connection::skip_streams`](crate::Connection::skip_streams).
    pub fn skip_streams(&mut self, next: u32) {
        self.last_id = next.saturating_sub(2);
    }

    /// Frames said and heard so far.
    pub fn frames(&self) -> u64 {
        self.frames
    }

    /// Streams that are open, seen from this end.
    pub fn open_streams(&self) -> usize {
        self.streams.values().filter(|stream| stream.is_open()).count()
    }

    /// The end said this: whole frames, as `transmit` added them to the output.
    ///
    /// # Panics
    ///
    /// Where RFC 9113 forbids to say it.
    pub fn says(&mut self, octets: &[u8]) {
        // A server to a client of HTTP/1.1, instead of everything else.
        if self.side == Side::Server && !self.said_settings && octets.starts_with(b"HTTP/1.1 505 ") {
            self.goaway = Some((StreamId::ZERO, ErrorCode::HTTP_1_1_REQUIRED));
            return;
        }
        self.said.feed(octets);
        while let Some(found) = self.said.next() {
            if let Found::Frame(head, payload) = found {
                self.frames += 1;
                self.judge(head, &payload);
            }
        }
        assert!(self.said.octets.is_empty(), "whole frames only: {:?}", self.said.octets);
    }

    fn judge(&mut self, head: Head, payload: &[u8]) {
        let calm = self.goaway.is_none_or(|(_, code)| code == ErrorCode::NO_ERROR);
        assert!(calm, "{head:?} behind the last word, {:?}", self.goaway);
        assert!(self.said_settings || head.kind == Kind::SETTINGS, "{head:?} before SETTINGS (H-004)");
        assert!(head.length <= self.peer_max_frame, "{head:?} is longer than {} (H-014)", self.peer_max_frame);
        assert!(self.block.is_empty() || head.kind == Kind::CONTINUATION, "{head:?} inside a header block (H-021)");
        let id = head.stream.get();
        match Frame::parse(head, payload).expect("a frame that can be read") {
            Frame::Headers(frame) => {
                self.says_headers(id, frame.end_stream);
                self.says_fragment(frame.fragment, frame.end_headers);
            }
            Frame::Continuation(frame) => {
                // L-47
                assert!(!frame.fragment.is_empty(), "a CONTINUATION without progress on {id}");
                self.says_fragment(frame.fragment, frame.end_headers);
            }
            Frame::Data(frame) => {
                let stream = said_on(&mut self.streams, head);
                assert!(stream.blocks > 0 && !stream.said_end, "{head:?} on {stream:?}");
                stream.send -= i64::from(head.length);
                stream.said_end = frame.end_stream;
                self.send -= i64::from(head.length);
                let within = head.length == 0 || (self.send >= 0 && stream.send >= 0);
                assert!(within, "{head:?} passes a window: {} and {stream:?} (H-110)", self.send);
            }
            Frame::RstStream(_) => {
                // L-25, L-40: of a stream that was opened, and once.
                said_on(&mut self.streams, head).said_reset = true;
            }
            Frame::WindowUpdate(frame) => self.says_window_update(head, frame),
            Frame::Settings(frame) if frame.is_ack() => {
                assert!(self.settings_to_acknowledge > 0, "an ACK without SETTINGS (H-078)");
                self.settings_to_acknowledge -= 1;
                self.decoder.set_max_table_size(self.peer_table);
            }
            Frame::Settings(frame) => {
                self.said_settings = true;
                for setting in frame.iter().filter(|setting| setting.id == SettingId::INITIAL_WINDOW_SIZE) {
                    let difference = i64::from(setting.value) - self.own_initial;
                    self.own_initial += difference;
                    self.streams.values_mut().for_each(|stream| stream.receive += difference);
                }
            }
            Frame::Ping(frame) if frame.ack => {
                assert_eq!(self.pings.pop_front(), Some(frame.payload), "an answer to no PING (H-095)");
            }
            Frame::Ping(_) => {}
            Frame::GoAway(frame) => {
                let falls = self.goaway.is_none_or(|(last, _)| frame.last_stream <= last);
                assert!(falls, "the last id of GOAWAY rose from {:?} to {frame:?} (H-103)", self.goaway);
                self.goaway = Some((frame.last_stream, frame.code));
            }
            other => panic!("{other:?} is never said"),
        }
    }

    fn says_headers(&mut self, id: u32, end: bool) {
        if self.side == Side::Client && !self.streams.contains_key(&id) && id > self.last_id {
            // H-040: in order, and none left out, since an id is given when HEADERS leave (L-25).
            assert_eq!(id, if self.last_id == 0 { 1 } else { self.last_id + 2 }, "ids go up by two");
            let open = self.open_streams();
            assert!(open < self.peer_limit as usize, "{id} is over the limit: {open} of {} (L-18)", self.peer_limit);
            self.open(id);
        }
        let Some(stream) = self.streams.get_mut(&id) else { panic!("HEADERS on {id}, which nobody opened") };
        assert!(!stream.said_end && !stream.said_reset, "HEADERS on {id}: {stream:?}");
        stream.blocks += 1;
        stream.said_end = end;
        assert!(stream.blocks <= 2 && (stream.blocks < 2 || end), "HEADERS on {id}: {stream:?}");
    }

    fn says_fragment(&mut self, fragment: &[u8], last: bool) {
        self.block.extend_from_slice(fragment);
        if last {
            let decoded = self.decoder.decode(&self.block, &LIMITS, &mut FieldBlock::new());
            assert_eq!(decoded, Ok(Decoded::Complete), "a header block that its peer can read (L-25)");
            self.block.clear();
        }
    }

    fn says_window_update(&mut self, head: Head, frame: WindowUpdate) {
        let window = if frame.stream.is_zero() {
            &mut self.receive
        } else {
            let stream = said_on(&mut self.streams, head);
            assert!(!stream.heard_end && !stream.heard_reset, "{frame:?} for nothing: {stream:?} (H-113)");
            &mut stream.receive
        };
        *window += i64::from(frame.increment);
        assert!(frame.increment > 0 && *window <= i64::from(MAX_WINDOW), "{frame:?} makes {window} (H-113)");
    }

    fn open(&mut self, id: u32) {
        self.last_id = id;
        let stream = Stream {
            send: self.peer_initial,
            receive: self.own_initial,
            blocks: 0,
            said_end: false,
            heard_end: false,
            said_reset: false,
            heard_reset: false,
        };
        self.streams.insert(id, stream);
        // What both ends have forgotten does not pile up in a long run.
        if self.streams.len() > 4_096 {
            let recent = id.saturating_sub(4_096);
            self.streams.retain(|id, stream| stream.is_open() || *id > recent);
        }
    }

    /// The end heard this, cut anyhow. What no rule of HTTP/2 allows is skipped: it is the end that has to judge it.
    pub fn hears(&mut self, octets: &[u8]) {
        self.heard.feed(octets);
        while let Some(found) = self.heard.next() {
            match found {
                Found::DataHead(head) => {
                    self.receive -= i64::from(head.length);
                    if let Some(stream) = self.streams.get_mut(&head.stream.get()) {
                        stream.receive -= i64::from(head.length);
                    }
                }
                Found::Frame(head, payload) => {
                    self.frames += 1;
                    if let Ok(frame) = Frame::parse(head, &payload) {
                        self.takes(head, &frame);
                    }
                }
            }
        }
    }

    fn takes(&mut self, head: Head, frame: &Frame<'_>) {
        let id = head.stream.get();
        match frame {
            Frame::Headers(frame) => {
                if self.side == Side::Server && head.stream.is_client() && id > self.last_id {
                    self.open(id);
                }
                self.streams.entry(id).and_modify(|stream| stream.heard_end |= frame.end_stream);
            }
            Frame::Data(frame) => {
                self.streams.entry(id).and_modify(|stream| stream.heard_end |= frame.end_stream);
            }
            Frame::RstStream(_) => {
                self.streams.entry(id).and_modify(|stream| stream.heard_reset = true);
            }
            Frame::WindowUpdate(frame) if id == 0 => self.send += i64::from(frame.increment),
            Frame::WindowUpdate(frame) => {
                self.streams.entry(id).and_modify(|stream| stream.send += i64::from(frame.increment));
            }
            Frame::Settings(frame) if !frame.is_ack() => {
                if !core::mem::replace(&mut self.heard_settings, true) {
                    // RFC 9113 §6.5.2: no limit unless this frame names one.
                    self.peer_limit = u32::MAX;
                }
                self.settings_to_acknowledge += 1;
                for setting in frame.iter() {
                    match setting.id {
                        SettingId::INITIAL_WINDOW_SIZE => {
                            let difference = i64::from(setting.value) - self.peer_initial;
                            self.peer_initial += difference;
                            self.streams.values_mut().for_each(|stream| stream.send += difference);
                        }
                        SettingId::MAX_CONCURRENT_STREAMS => self.peer_limit = setting.value,
                        SettingId::MAX_FRAME_SIZE => self.peer_max_frame = setting.value,
                        SettingId::HEADER_TABLE_SIZE => self.peer_table = setting.value,
                        _ => {}
                    }
                }
            }
            Frame::Ping(frame) if !frame.ack => self.pings.push_back(frame.payload),
            _ => {}
        }
    }

    /// The ledgers (L-01 to L-06): what this end believes of its windows is what was said and heard.
    ///
    /// # Panics
    ///
    /// Where they differ.
    pub fn check(&self, believed: &Windows) {
        assert_eq!(believed.send, self.send, "the connection's window to send");
        if !self.said_settings {
            return;
        }
        assert_eq!(believed.receive, self.receive, "the connection's window to receive");
        for windows in &believed.streams {
            let Some(stream) = self.streams.get(&windows.stream) else { panic!("{windows:?} is on no wire") };
            let of = |side: &str, believed: Option<i64>, counted: i64| {
                assert!(believed.is_none_or(|window| window == counted), "{side}: {windows:?}, but {stream:?}");
            };
            of("to send", windows.send, stream.send);
            of("to receive", windows.receive, stream.receive);
        }
    }
}

/// The stream that this end may say a frame on, HEADERS apart.
fn said_on(streams: &mut BTreeMap<u32, Stream>, head: Head) -> &mut Stream {
    let Some(stream) = streams.get_mut(&head.stream.get()) else { panic!("{head:?} on a stream that nobody opened") };
    assert!(!stream.said_reset, "{head:?} behind RST_STREAM");
    stream
}
