//! Frames that are well formed one by one, and what puts them on the wire.

use arbitrary::Arbitrary;
use grpc_sansio::frame::{
    Continuation, Data, Dependency, ErrorCode, Flags, Frame, GoAway, Headers, Kind, PREFACE, Ping, Priority,
    PushPromise, RstStream, Setting, SettingId, Settings, StreamId, Unknown, WindowUpdate,
};
use grpc_sansio::hpack::{Encoder, Field};

#[derive(Arbitrary, Debug)]
pub(crate) enum Sent<'a> {
    Request { stream: u8, end: bool, path: u8, extra: Option<Extra<'a>>, split: bool },
    Response { stream: u8, end: bool, status: u8, extra: Option<Extra<'a>>, split: bool },
    Trailers { stream: u8, end: bool, code: u8 },
    Data { stream: u8, octets: &'a [u8], repeat: u8, padding: Option<u8>, end: bool },
    Block { stream: u8, fragment: &'a [u8], end: bool, last: bool, depends: Option<u8> },
    Continuation { stream: u8, fragment: &'a [u8], last: bool },
    Reset { stream: u8, code: u8 },
    Settings { entries: Vec<(u8, Number)> },
    SettingsAck,
    Ping { ack: bool, payload: [u8; 8] },
    GoAway { last: u8, code: u8, debug: &'a [u8] },
    Window { stream: u8, increment: Number },
    Priority { stream: u8, on: u8 },
    Push { stream: u8, promised: u8 },
    Unknown { kind: u8, flags: u8, stream: u8, payload: &'a [u8] },
    Octets(&'a [u8]),
    Many { frame: u8, count: u8 },
}

#[derive(Arbitrary, Debug)]
pub(crate) enum Extra<'a> {
    Field(&'a [u8], &'a [u8]),
    Long(u16),
    ContentLength(u8),
    TeOther,
}

/// Numbers with edges.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub(crate) enum Number {
    Small(u8),
    Middle(u16),
    Most,
    Beyond,
    Any(u32),
}

impl Number {
    const fn get(self) -> u32 {
        match self {
            Self::Small(number) => number as u32,
            Self::Middle(number) => number as u32,
            Self::Most => 0x7fff_ffff,
            Self::Beyond => 0x8000_0000,
            Self::Any(number) => number,
        }
    }
}

/// Streams that frames meet on: mostly a few low ids of clients.
pub(crate) const fn id(stream: u8) -> StreamId {
    StreamId::new(match stream {
        250.. => stream as u32 - 250,
        other => 2 * (other % 16) as u32 + 1,
    })
}

/// Who sends them: its header compression, and what it has sent.
pub(crate) struct Peer {
    encoder: Encoder,
    wire: Vec<u8>,
}

impl Peer {
    /// With the preface and SETTINGS already said, or with nothing said.
    pub(crate) fn new(is_client: bool, preface: bool) -> Self {
        let mut wire = Vec::new();
        if preface && is_client {
            wire.extend_from_slice(PREFACE);
        }
        if preface {
            Settings::encode_from(&[], &mut wire);
        }
        Self { encoder: Encoder::new(4_096, 3), wire }
    }

    /// All of it, up to a length that keeps a run short.
    pub(crate) fn into_wire(mut self) -> Vec<u8> {
        self.wire.truncate(1 << 16);
        self.wire
    }

    pub(crate) fn send(&mut self, sent: &Sent<'_>) {
        match *sent {
            Sent::Request { stream, end, path, ref extra, split } => {
                let path = [b"/a.B/C".as_slice(), b"/", b"*", b"/grpc.health.v1.Health/Check"][usize::from(path) % 4];
                let head =
                    [(":method", b"POST".as_slice()), (":scheme", b"http"), (":path", path), (":authority", b"h")];
                self.block(stream, &head, extra.as_ref(), end, split);
            }
            Sent::Response { stream, end, status, ref extra, split } => {
                let status = [b"200".as_slice(), b"100", b"103", b"404", b"500", b"2", b"101"][usize::from(status) % 7];
                self.block(stream, &[(":status", status)], extra.as_ref(), end, split);
            }
            Sent::Trailers { stream, end, code } => {
                self.block(stream, &[("grpc-status", code.to_string().as_bytes())], None, end, false);
            }
            Sent::Data { stream, octets, repeat, padding, end } => {
                let data = octets.repeat(usize::from(repeat).max(1));
                let data = &data[..data.len().min(16_000)];
                self.frame(Frame::Data(Data { stream: id(stream), data, padding, end_stream: end }));
            }
            Sent::Block { stream, fragment, end, last, depends } => self.frame(Frame::Headers(Headers {
                stream: id(stream),
                priority: depends.map(dependency),
                fragment,
                padding: None,
                end_stream: end,
                end_headers: last,
            })),
            Sent::Continuation { stream, fragment, last } => {
                self.frame(Frame::Continuation(Continuation { stream: id(stream), fragment, end_headers: last }));
            }
            Sent::Reset { stream, code } => {
                self.frame(Frame::RstStream(RstStream { stream: id(stream), code: ErrorCode(code.into()) }));
            }
            Sent::Settings { ref entries } => {
                let entry =
                    |&(id, value): &(u8, Number)| Setting { id: SettingId(u16::from(id) % 9), value: value.get() };
                Settings::encode_from(&entries.iter().map(entry).collect::<Vec<_>>(), &mut self.wire);
            }
            Sent::SettingsAck => self.frame(Frame::Settings(Settings::ACK)),
            Sent::Ping { ack, payload } => self.frame(Frame::Ping(Ping { ack, payload })),
            Sent::GoAway { last, code, debug } => self.frame(Frame::GoAway(GoAway {
                last_stream: id(last),
                code: ErrorCode(code.into()),
                debug_data: debug,
            })),
            Sent::Window { stream, increment } => {
                let stream = if stream.is_multiple_of(4) { StreamId::ZERO } else { id(stream) };
                self.frame(Frame::WindowUpdate(WindowUpdate { stream, increment: increment.get() }));
            }
            Sent::Priority { stream, on } => {
                self.frame(Frame::Priority(Priority { stream: id(stream), dependency: dependency(on) }));
            }
            Sent::Push { stream, promised } => self.frame(Frame::PushPromise(PushPromise {
                stream: id(stream),
                promised: id(promised),
                fragment: &[],
                padding: None,
                end_headers: true,
            })),
            Sent::Unknown { kind, flags, stream, payload } => self.frame(Frame::Unknown(Unknown {
                kind: Kind(kind),
                flags: Flags(flags),
                stream: id(stream),
                payload,
            })),
            Sent::Octets(octets) => self.wire.extend_from_slice(octets),
            Sent::Many { frame, count } => (0..count).for_each(|turn| self.one_of_many(frame, turn)),
        }
    }

    /// Floods: a cheap frame again and again.
    fn one_of_many(&mut self, frame: u8, turn: u8) {
        let sent = match frame % 7 {
            0 => Sent::Ping { ack: false, payload: [turn; 8] },
            1 => Sent::Settings { entries: Vec::new() },
            2 => Sent::Data { stream: 0, octets: &[], repeat: 1, padding: None, end: false },
            3 => Sent::Window { stream: 0, increment: Number::Small(1) },
            4 => Sent::Priority { stream: turn, on: turn / 2 },
            5 => Sent::Continuation { stream: 0, fragment: &[], last: false },
            _ => {
                // a stream that is opened and reset at once
                self.send(&Sent::Request { stream: turn, end: false, path: 0, extra: None, split: false });
                Sent::Reset { stream: turn, code: 8 }
            }
        };
        self.send(&sent);
    }

    pub(crate) fn block(
        &mut self,
        stream: u8,
        head: &[(&str, &[u8])],
        extra: Option<&Extra<'_>>,
        end: bool,
        split: bool,
    ) {
        let mut fields: Vec<_> = head.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
        match extra {
            Some(Extra::Field(name, value)) => fields.push((name.to_vec(), value.to_vec())),
            Some(Extra::Long(length)) => fields.push((b"long".to_vec(), vec![b'x'; usize::from(*length)])),
            Some(Extra::ContentLength(length)) => {
                fields.push((b"content-length".to_vec(), length.to_string().into_bytes()));
            }
            Some(Extra::TeOther) => fields.push((b"te".to_vec(), b"gzip".to_vec())),
            None => {}
        }
        let mut block = Vec::new();
        self.encoder.encode(fields.iter().map(|(name, value)| Field::new(name, value)), &mut block);
        let first = block.len().min(if split { 5 } else { 16_384 });
        let (first, rest) = block.split_at(first);
        let (stream, end_headers) = (id(stream), rest.is_empty());
        self.frame(Frame::Headers(Headers {
            stream,
            priority: None,
            fragment: first,
            padding: None,
            end_stream: end,
            end_headers,
        }));
        let mut pieces = rest.chunks(16_384).peekable();
        while let Some(fragment) = pieces.next() {
            let end_headers = pieces.peek().is_none();
            self.frame(Frame::Continuation(Continuation { stream, fragment, end_headers }));
        }
    }

    pub(crate) fn frame(&mut self, frame: Frame<'_>) {
        frame.encode(&mut self.wire);
    }
}

const fn dependency(on: u8) -> Dependency {
    Dependency { stream: id(on), exclusive: on & 1 == 0, weight: on }
}
