//! A peer that says whatever a test wants, frame by frame.
#![allow(dead_code, reason = "several test programs share it, and none needs all of it")]

use bytes::Buf;
use grpc_sansio::frame::{Data, ErrorCode, Frame, GoAway, HEAD_LEN, Head, Headers, PREFACE, RstStream};
use grpc_sansio::frame::{Setting, SettingId, Settings, StreamId, WindowUpdate};
use grpc_sansio::hpack::{BlockLimits, Classifier, Decoder, Encoder, Field, FieldBlock};
use grpc_sansio::http2::Side;
use grpc_sansio::testing::{CallLog, Clock, Observer, Recorded, Transcript};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Limits, OpenOptions, Role, Server, ServerConfig, WriteBuf,
};
use std::time::Duration;

/// What the side under test said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Headers { stream: u32, fields: Vec<(String, String)>, end: bool },
    Data { stream: u32, data: Vec<u8>, end: bool },
    Reset(u32, ErrorCode),
    GoAway(u32, ErrorCode, String),
    Window(u32, u32),
    Ping(bool, [u8; 8]),
    Settings(Vec<(u16, u32)>),
    Ack,
}

impl Seen {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let Self::Headers { fields, .. } = self else { return None };
        fields.iter().find(|field| field.0 == name).map(|field| field.1.as_str())
    }
}

/// The side under test, and the means to speak to it.
pub(crate) struct Raw<R: Role> {
    pub(crate) it: Connection<R>,
    pub(crate) clock: Clock,
    pub(crate) log: Transcript,
    pub(crate) encoder: Encoder,
    decoder: Decoder,
    output: WriteBuf,
    /// What is not fed yet, while it is collected.
    collected: Option<Vec<u8>>,
    /// Counts and judges what it says and hears (L-01 to L-06, L-25, L-40).
    observer: Observer,
}

pub(crate) const LIMITS: BlockLimits =
    BlockLimits { max_list_size: 1 << 20, max_fields: 10_000, abuse_list_size: 1 << 21, abuse_fields: 20_000 };

impl<R: Recorded> Raw<R> {
    fn new(it: Connection<R>, side: Side) -> Self {
        Self {
            it,
            clock: Clock::new(),
            log: Transcript::new(),
            encoder: Encoder::new(4096, 1),
            decoder: Decoder::new(4096, Classifier::NONE),
            output: WriteBuf::with_target(usize::MAX),
            collected: None,
            observer: Observer::new(side),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn sleep(&mut self, duration: Duration) {
        self.clock.advance(duration);
        self.it.handle_timeout(self.clock.now());
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        if let Some(collected) = &mut self.collected {
            return collected.extend_from_slice(octets);
        }
        self.observer.hears(octets);
        self.it.receive(self.clock.now(), octets);
        self.check();
    }

    /// From now on frames are collected instead of fed, until [`Raw::collected`] hands them out.
    pub(crate) fn collect(&mut self) {
        self.collected = Some(Vec::new());
    }

    pub(crate) fn collected(&mut self) -> Vec<u8> {
        self.collected.take().unwrap_or_default()
    }

    /// What it believes is what its wire shows, and what it counts is there.
    fn check(&self) {
        assert_eq!(self.it.audit(), Ok(()));
        if let Some(windows) = self.it.windows() {
            self.observer.check(&windows);
        }
    }

    pub(crate) fn frame<'a>(&mut self, frame: impl Into<Frame<'a>>) {
        let mut wire = Vec::new();
        frame.into().encode(&mut wire);
        self.feed(&wire);
    }

    /// A header block, in as many frames as it takes.
    pub(crate) fn headers(&mut self, stream: u32, fields: &[(&str, &str)], end: bool) {
        let mut block = Vec::new();
        let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
        self.encoder.encode(fields, &mut block);
        let mut pieces = block.chunks(16_384);
        let first = pieces.next().unwrap_or_default();
        let mut rest = pieces.peekable();
        let stream = StreamId::new(stream);
        self.frame(Frame::Headers(Headers {
            stream,
            priority: None,
            fragment: first,
            padding: None,
            end_stream: end,
            end_headers: rest.peek().is_none(),
        }));
        while let Some(fragment) = rest.next() {
            let end_headers = rest.peek().is_none();
            self.frame(Frame::Continuation(grpc_sansio::frame::Continuation { stream, fragment, end_headers }));
        }
    }

    pub(crate) fn data(&mut self, stream: u32, data: &[u8], end: bool) {
        self.frame(Frame::Data(Data { stream: StreamId::new(stream), data, padding: None, end_stream: end }));
    }

    pub(crate) fn reset(&mut self, stream: u32, code: ErrorCode) {
        self.frame(Frame::RstStream(RstStream { stream: StreamId::new(stream), code }));
    }

    pub(crate) fn window(&mut self, stream: u32, increment: u32) {
        self.frame(Frame::WindowUpdate(WindowUpdate { stream: StreamId::new(stream), increment }));
    }

    pub(crate) fn goaway(&mut self, last: u32, code: ErrorCode, debug_data: &[u8]) {
        self.frame(Frame::GoAway(GoAway { last_stream: StreamId::new(last), code, debug_data }));
    }

    pub(crate) fn settings(&mut self, settings: &[(SettingId, u32)]) {
        let settings: Vec<_> = settings.iter().map(|&(id, value)| Setting { id, value }).collect();
        let mut wire = Vec::new();
        Settings::encode_from(&settings, &mut wire);
        self.feed(&wire);
    }

    /// From now on what is said at once ends near so many octets.
    pub(crate) fn output_target(&mut self, octets: usize) {
        self.output = WriteBuf::with_target(octets);
    }

    /// All that it says now.
    pub(crate) fn said(&mut self) -> Vec<Seen> {
        let wire = self.said_octets();
        let mut rest = &wire[..];
        rest = rest.strip_prefix(PREFACE).unwrap_or(rest);
        let (mut seen, mut block) = (Vec::new(), Vec::new());
        while let Some((head, after)) = rest.split_first_chunk::<HEAD_LEN>() {
            let head = Head::parse(head);
            let (payload, after) = after.split_at(head.length as usize);
            rest = after;
            match Frame::parse(head, payload).expect("a frame that can be read") {
                Frame::Headers(frame) => {
                    block.extend_from_slice(frame.fragment);
                    assert!(frame.end_headers, "blocks in these tests are short");
                    seen.push(Seen::Headers {
                        stream: frame.stream.get(),
                        fields: self.decode(&block),
                        end: frame.end_stream,
                    });
                    block.clear();
                }
                Frame::Data(frame) => seen.push(Seen::Data {
                    stream: frame.stream.get(),
                    data: frame.data.to_vec(),
                    end: frame.end_stream,
                }),
                Frame::RstStream(frame) => seen.push(Seen::Reset(frame.stream.get(), frame.code)),
                Frame::GoAway(frame) => {
                    let debug = String::from_utf8_lossy(frame.debug_data).into_owned();
                    seen.push(Seen::GoAway(frame.last_stream.get(), frame.code, debug));
                }
                Frame::WindowUpdate(frame) => seen.push(Seen::Window(frame.stream.get(), frame.increment)),
                Frame::Ping(frame) => seen.push(Seen::Ping(frame.ack, frame.payload)),
                Frame::Settings(frame) if frame.is_ack() => seen.push(Seen::Ack),
                Frame::Settings(frame) => {
                    seen.push(Seen::Settings(frame.iter().map(|setting| (setting.id.0, setting.value)).collect()));
                }
                other => panic!("unexpected {other:?}"),
            }
        }
        assert!(rest.is_empty(), "whole frames only");
        seen
    }

    /// As [`Raw::said`], as it goes over the wire.
    pub(crate) fn said_octets(&mut self) -> bytes::Bytes {
        self.it.transmit(self.clock.now(), &mut self.output);
        let wire = self.output.copy_to_bytes(self.output.len());
        self.observer.says(&wire);
        self.check();
        wire
    }

    /// What it says about calls: no SETTINGS, windows or PINGs.
    pub(crate) fn said_of_calls(&mut self) -> Vec<Seen> {
        let mut seen = self.said();
        seen.retain(|seen| {
            matches!(seen, Seen::Headers { .. } | Seen::Data { .. } | Seen::Reset(..) | Seen::GoAway(..))
        });
        seen
    }

    fn decode(&mut self, block: &[u8]) -> Vec<(String, String)> {
        let mut fields = FieldBlock::new();
        self.decoder.decode(block, &LIMITS, &mut fields).expect("a block that can be read");
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        fields.fields().map(|field| (text(field.name), text(field.value))).collect()
    }

    /// Takes all events, and reads all that can be read.
    pub(crate) fn poll(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.it.poll_event() {
            events.push(event);
            self.log.events.push(event);
            if let Event::Opened(id) | Event::Readable(id) | Event::Stopped(id) = event {
                self.log.read(&mut self.it, id);
            }
        }
        self.check();
        events
    }

    pub(crate) fn log(&self, id: CallId) -> CallLog {
        self.log.call(id).cloned().unwrap_or_default()
    }
}

/// What [`Raw::request`] says by itself.
pub(crate) const REQUEST: [(&str, &str); 6] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/test.Service/Method"),
    (":authority", "localhost"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
];

pub(crate) fn client_config(limits: Limits) -> ClientConfig {
    ClientConfig::builder("localhost").limits(limits).build().unwrap()
}

pub(crate) fn server_config(limits: Limits) -> ServerConfig {
    ServerConfig::builder().limits(limits).build().unwrap()
}

pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

impl Raw<Client> {
    /// A client that has seen the server's SETTINGS.
    pub(crate) fn client() -> Self {
        Self::client_with(&client_config(Limits::default()))
    }

    pub(crate) fn client_with(config: &ClientConfig) -> Self {
        let mut raw = Self::new(Connection::<Client>::new(config, Clock::new().now()), Side::Client);
        raw.said();
        raw.settings(&[]);
        raw.frame(Frame::Settings(Settings::ACK));
        raw.said();
        assert_eq!(raw.it.poll_event(), Some(Event::Ready));
        raw
    }

    /// A client that has heard nothing yet.
    pub(crate) fn fresh_client(config: &ClientConfig) -> Self {
        Self::new(Connection::<Client>::new(config, Clock::new().now()), Side::Client)
    }

    pub(crate) fn open(&mut self, options: &OpenOptions<'_>) -> CallId {
        self.it.open(self.clock.now(), options).unwrap()
    }

    /// As if all ids before this one had been used.
    pub(crate) fn skip_streams(&mut self, next: u32) {
        self.it.skip_streams(next);
        self.observer.skip_streams(next);
    }

    /// Opens a call, sends `message` and has both on the wire.
    pub(crate) fn request(&mut self, options: &OpenOptions<'_>, message: &[u8]) -> CallId {
        let id = self.open(options);
        self.it.call(id).unwrap().send(message.to_vec()).unwrap();
        self.said();
        id
    }
}

pub(crate) const RESPONSE: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/grpc")];
pub(crate) const OK: [(&str, &str); 1] = [("grpc-status", "0")];

impl Raw<Server> {
    /// A server that has seen the client's preface and SETTINGS.
    pub(crate) fn server() -> Self {
        Self::server_with(&ServerConfig::default())
    }

    pub(crate) fn server_with(config: &ServerConfig) -> Self {
        let mut raw = Self::fresh_server(config);
        raw.feed(PREFACE);
        raw.settings(&[]);
        raw.said();
        raw.frame(Frame::Settings(Settings::ACK));
        assert_eq!(raw.it.poll_event(), Some(Event::Ready));
        raw
    }

    /// A server that has heard nothing yet.
    pub(crate) fn fresh_server(config: &ServerConfig) -> Self {
        Self::new(Connection::<Server>::new(config, Clock::new().now()), Side::Server)
    }

    /// A request's head, with `more` fields.
    pub(crate) fn request(&mut self, stream: u32, more: &[(&str, &str)], end: bool) {
        let mut fields = REQUEST.to_vec();
        for field in more {
            match fields.iter_mut().find(|known| known.0 == field.0) {
                Some(known) => *known = *field,
                None => fields.push(*field),
            }
        }
        fields.retain(|field| field.1 != "(none)");
        self.headers(stream, &fields, end);
    }

    /// The call that the next `Opened` names, with all that can be read of it read.
    pub(crate) fn opened(&mut self) -> CallId {
        let events = self.poll();
        let opened = events.iter().find_map(|event| if let Event::Opened(id) = event { Some(*id) } else { None });
        opened.unwrap_or_else(|| panic!("no call was opened: {events:?}"))
    }
}

/// A message with its prefix.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    grpc_sansio::grpc::message::encode_message(message, false, &mut wire).unwrap();
    wire
}
