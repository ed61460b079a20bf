//! One side under test, and words for what goes in and what comes out.
//!
//! Steps read as `request 1 END`, `response 1 200`, `data 1 5`, `end 1`, `reset 1 CANCEL Peer`, `goaway 1 NO_ERROR`,
//! `closed PROTOCOL_ERROR`, `ready`; frames as `HEADERS 1 END`, `DATA 1 5 END`, `RST 1 CANCEL`, `SETTINGS`,
//! `SETTINGS ACK`, `PING ACK`, `GOAWAY 1 NO_ERROR`, `WINDOW 0 100`.

use bytes::Buf;
use core::time::Duration;
use grpc_sansio::frame::{
    Continuation, Data, ErrorCode, Flags, Frame, GoAway, HEAD_LEN, Head, Headers, Kind, PREFACE, Ping, RstStream,
    Setting, SettingId, Settings, StreamId, WindowUpdate,
};
use grpc_sansio::hpack::Field;
use grpc_sansio::http2::{Config, Connection, Input, Part, Side, Step, StreamKey, Transmit};
use grpc_sansio::{Instant, WriteBuf};

/// `GET http /`.
pub(super) const GET: &[u8] = &[0x82, 0x86, 0x84];
/// `:status 200`.
pub(super) const OK: &[u8] = &[0x88];
/// `a: b`.
pub(super) const FIELD: &[u8] = &[0x00, 1, b'a', 1, b'b'];

pub(super) struct Peer {
    pub(super) http2: Connection<()>,
    pub(super) now: Instant,
    /// Give credit for DATA as soon as it is there.
    pub(super) consume: bool,
    side: Side,
}

impl Peer {
    pub(super) fn new(side: Side, config: Config) -> Self {
        let now = Instant::from_nanos(0);
        Self { http2: Connection::new(side, config, now), now, consume: true, side }
    }

    /// A server after the exchange of SETTINGS, with nothing left to say.
    pub(super) fn server() -> Self {
        Self::started(Side::Server, Config::new(Side::Server), &[])
    }

    /// A client after the exchange of SETTINGS, with nothing left to say.
    pub(super) fn client() -> Self {
        Self::started(Side::Client, Config::new(Side::Client), &[])
    }

    pub(super) fn started(side: Side, config: Config, theirs: &[(SettingId, u32)]) -> Self {
        let mut peer = Self::new(side, config);
        assert!(peer.say().starts_with(&["SETTINGS".to_string()]));
        if side == Side::Server {
            assert!(peer.hear(PREFACE).is_empty());
        }
        assert_eq!(peer.hear(&[settings(theirs), ack()].concat()), ["ready"]);
        assert_eq!(peer.say(), ["SETTINGS ACK"]);
        peer
    }

    pub(super) fn hear(&mut self, octets: &[u8]) -> Vec<String> {
        let (mut input, mut heard) = (Input::slice(octets), Vec::new());
        loop {
            let step = self.http2.receive_step(self.now, &mut input);
            if step == Step::Idle {
                return heard;
            }
            if let Step::Data { stream, len } = step {
                assert_eq!(input.take(len).len(), len);
                if self.consume {
                    self.http2.consumed(stream, len as u32);
                }
            }
            heard.extend(self.describe(step));
        }
    }

    fn describe(&self, step: Step) -> Option<String> {
        let id = |key| self.http2.stream_id(key).map_or(0, StreamId::get);
        let mark = |end| if end { " END" } else { "" };
        Some(match step {
            Step::Ready => "ready".into(),
            Step::Headers { stream, part, status, end_stream, oversized } => {
                let part = match part {
                    Part::Request => format!("request {}", id(stream)),
                    Part::Response => format!("response {} {status}", id(stream)),
                    Part::Trailers => format!("trailers {}", id(stream)),
                };
                format!("{part}{}{}", mark(end_stream), if oversized { " OVERSIZED" } else { "" })
            }
            Step::Data { stream, len } => format!("data {} {len}", id(stream)),
            Step::End { stream } => format!("end {}", id(stream)),
            Step::Reset { stream, code, origin, .. } => format!("reset {} {} {origin:?}", id(stream), code.name()),
            Step::GoAway { last_stream, code } => format!("goaway {} {}", last_stream.get(), code.name()),
            Step::Closed => format!("closed {}", self.http2.error().unwrap().code().name()),
            _ => return None,
        })
    }

    /// Everything there is to say; asked for HEADERS, it gives a plain request, response or trailers.
    pub(super) fn say(&mut self) -> Vec<String> {
        let mut output = WriteBuf::with_target(usize::MAX);
        self.transmit(&mut output);
        frames(&output.copy_to_bytes(output.len()))
    }

    pub(super) fn transmit(&mut self, output: &mut WriteBuf) {
        loop {
            match self.http2.transmit_step(self.now, output) {
                Transmit::Done => break,
                Transmit::Head(key) if self.side == Side::Client => {
                    let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/")];
                    self.http2.send_head(
                        key,
                        fields.map(|(n, v)| Field::new(n.as_bytes(), v.as_bytes())),
                        false,
                        output,
                    );
                }
                Transmit::Head(key) => self.http2.send_head(key, [Field::new(b":status", b"200")], false, output),
                Transmit::Trailers(key) => self.http2.send_trailers(key, [Field::new(b"a", b"b")], output),
                Transmit::Drained(_) => {}
            }
        }
        // What was said is all there was to say.
        assert!(output.is_full() || !self.http2.wants_transmit());
    }

    /// The stream with this id, which is not released yet.
    pub(super) fn key(&self, id: u32) -> StreamKey {
        let mut next = self.http2.stream_from(0);
        while let Some(key) = next {
            if self.http2.stream_id(key) == Some(StreamId::new(id)) {
                return key;
            }
            next = self.http2.stream_from(key.index() + 1);
        }
        panic!("no stream {id}");
    }

    /// Opens a stream and sends its HEADERS.
    pub(super) fn request(&mut self) -> StreamKey {
        let key = self.http2.open(()).unwrap();
        assert_eq!(self.say().len(), 1);
        key
    }

    pub(super) fn queue(&mut self, key: StreamKey, count: usize) {
        self.http2.send(key, |buffer| buffer.resize(buffer.len() + count, 7));
    }

    /// Answers a request with HEADERS, and `count` octets, and END_STREAM.
    pub(super) fn respond(&mut self, id: u32, count: usize) {
        let key = self.key(id);
        self.http2.begin(key);
        self.queue(key, count);
        self.http2.end(key, false);
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
        self.http2.handle_timeout(self.now);
    }

    /// Asserts that these octets end the connection with this code, and that the peer is told so.
    #[track_caller]
    pub(super) fn fails(&mut self, octets: &[u8], code: ErrorCode) {
        let heard = self.hear(octets);
        assert_eq!(heard.last().map(String::as_str), Some(&*format!("closed {}", code.name())), "{heard:?}");
        let said = self.say();
        assert!(said.last().unwrap().ends_with(code.name()) && said.last().unwrap().starts_with("GOAWAY"), "{said:?}");
        assert!(self.http2.is_finished());
        // H-054: nothing is read any more.
        assert!(self.hear(&ping(b"whatever")).is_empty() && self.say().is_empty());
    }
}

pub(super) fn frames(mut wire: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    wire = wire.strip_prefix(PREFACE).unwrap_or(wire);
    while let Some((head, rest)) = wire.split_first_chunk::<HEAD_LEN>() {
        let head = Head::parse(head);
        let (payload, rest) = rest.split_at(head.length as usize);
        wire = rest;
        all.push(word(&Frame::parse(head, payload).unwrap()));
    }
    assert!(wire.is_empty());
    all
}

fn word(frame: &Frame<'_>) -> String {
    let mark = |end| if end { " END" } else { "" };
    match frame {
        Frame::Data(data) => format!("DATA {} {}{}", data.stream.get(), data.data.len(), mark(data.end_stream)),
        Frame::Headers(headers) => format!("HEADERS {}{}", headers.stream.get(), mark(headers.end_stream)),
        Frame::RstStream(reset) => format!("RST {} {}", reset.stream.get(), reset.code.name()),
        Frame::Settings(settings) => (if settings.is_ack() { "SETTINGS ACK" } else { "SETTINGS" }).into(),
        Frame::Ping(ping) => (if ping.ack { "PING ACK" } else { "PING" }).into(),
        Frame::GoAway(goaway) => format!("GOAWAY {} {}", goaway.last_stream.get(), goaway.code.name()),
        Frame::WindowUpdate(update) => format!("WINDOW {} {}", update.stream.get(), update.increment),
        Frame::Continuation(more) => format!("CONTINUATION {}", more.stream.get()),
        other => format!("{other:?}"),
    }
}

/// A frame of any shape; its length is that of the payload.
pub(super) fn raw(kind: Kind, flags: Flags, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head { length: payload.len() as u32, kind, flags, stream: StreamId::new(stream) };
    [&head.encode()[..], payload].concat()
}

pub(super) fn encoded(frame: Frame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    frame.encode(&mut out);
    out
}

pub(super) fn headers(stream: u32, fragment: &[u8], end_stream: bool) -> Vec<u8> {
    part_of_headers(stream, fragment, end_stream, true)
}

pub(super) fn part_of_headers(stream: u32, fragment: &[u8], end_stream: bool, end_headers: bool) -> Vec<u8> {
    let stream = StreamId::new(stream);
    encoded(Frame::Headers(Headers { stream, priority: None, fragment, padding: None, end_stream, end_headers }))
}

pub(super) fn continuation(stream: u32, fragment: &[u8], end_headers: bool) -> Vec<u8> {
    encoded(Frame::Continuation(Continuation { stream: StreamId::new(stream), fragment, end_headers }))
}

pub(super) fn data(stream: u32, count: usize, end_stream: bool) -> Vec<u8> {
    let data = vec![3; count];
    encoded(Frame::Data(Data { stream: StreamId::new(stream), data: &data, padding: None, end_stream }))
}

pub(super) fn padded_data(stream: u32, count: usize, padding: u8, end_stream: bool) -> Vec<u8> {
    let data = vec![3; count];
    encoded(Frame::Data(Data { stream: StreamId::new(stream), data: &data, padding: Some(padding), end_stream }))
}

pub(super) fn reset(stream: u32, code: ErrorCode) -> Vec<u8> {
    encoded(Frame::RstStream(RstStream { stream: StreamId::new(stream), code }))
}

pub(super) fn settings(values: &[(SettingId, u32)]) -> Vec<u8> {
    let mut out = Vec::new();
    let settings: Vec<_> = values.iter().map(|&(id, value)| Setting { id, value }).collect();
    Settings::encode_from(&settings, &mut out);
    out
}

pub(super) fn ack() -> Vec<u8> {
    encoded(Frame::Settings(Settings::ACK))
}

pub(super) fn ping(payload: &[u8; 8]) -> Vec<u8> {
    encoded(Frame::Ping(Ping { ack: false, payload: *payload }))
}

pub(super) fn goaway(last: u32, code: ErrorCode) -> Vec<u8> {
    encoded(Frame::GoAway(GoAway { last_stream: StreamId::new(last), code, debug_data: b"why" }))
}

pub(super) fn window(stream: u32, increment: u32) -> Vec<u8> {
    encoded(Frame::WindowUpdate(WindowUpdate { stream: StreamId::new(stream), increment }))
}

/// A block with one literal field, neither indexed nor compressed.
pub(super) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    assert!(name.len() < 127 && value.len() < 127);
    [&[0x00, name.len() as u8], name, &[value.len() as u8], value].concat()
}

pub(super) fn get_with(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let extra: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
    [GET, &extra].concat()
}
