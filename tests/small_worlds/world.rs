//! The engine under test: `http2::Connection`, told letters, its reactions put into the words of the model.

use super::alphabet::{INITIAL_WINDOW_SIZE, Letter, TWENTY, frame};
use super::{Notes, STREAM_WINDOW, THEIR_WINDOW, Told, View, Wrote};
use bytes::Buf;
use grpc_sansio::frame::{ErrorCode, StreamId};
use grpc_sansio::hpack::Field;
use grpc_sansio::http2::{Config, Connection, Input, Origin, Part, Side, Step, StreamKey, Transmit};
use grpc_sansio::{Instant, WriteBuf};

const NOW: Instant = Instant::from_nanos(0);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Clone)]
pub(super) struct World {
    http2: Connection<()>,
    side: Side,
    /// Streams 1 and 3, while they are held.
    keys: [Option<StreamKey>; 2],
}

impl World {
    pub(super) fn server(limit: u32) -> Self {
        let config = Config { max_concurrent_streams: limit, ..Config::new(Side::Server) };
        Self::started(Side::Server, config)
    }

    /// Stream 1 is open, and stream 3 half-closed (local).
    pub(super) fn client() -> Self {
        let mut client = Self::started(Side::Client, Config::new(Side::Client));
        let keys = [client.http2.open(()).unwrap(), client.http2.open(()).unwrap()];
        client.http2.end(keys[1], false);
        client.keys = keys.map(Some);
        let wrote = client.transmit();
        assert_eq!(wrote, [Wrote::Headers { id: 1, end: false }, Wrote::Headers { id: 3, end: true }]);
        client
    }

    /// After the exchange of SETTINGS, with small windows and nothing left to say.
    fn started(side: Side, config: Config) -> Self {
        // 65,535 for the connection: the least there is.
        let config = Config { stream_window: STREAM_WINDOW as u32, connection_window: 65_535, ..config };
        let mut world = Self { http2: Connection::new(side, config, NOW), side, keys: [None; 2] };
        let mut output = WriteBuf::new();
        assert_eq!(world.http2.transmit_step(NOW, &mut output), Transmit::Done);
        let window = [&INITIAL_WINDOW_SIZE.to_be_bytes()[..], &(THEIR_WINDOW as u32).to_be_bytes()].concat();
        let preface = if side == Side::Server { PREFACE } else { b"" };
        let hello = [preface, &frame(4, 0, 0, &window), &frame(4, 1, 0, &[])].concat();
        assert_eq!(world.receive(&hello), []);
        assert_eq!(world.transmit(), [Wrote::SettingsAck]);
        world
    }

    pub(super) fn react(&mut self, letter: Letter, octets: &[u8]) -> Notes {
        match letter {
            Letter::Send { id } => {
                let key = self.keys[place(id)].unwrap();
                self.http2.begin(key);
                self.http2.send(key, |buffer| buffer.resize(buffer.len() + TWENTY as usize, 7));
                if self.side == Side::Server {
                    self.http2.end(key, true);
                }
            }
            Letter::End { id } => self.http2.end(self.keys[place(id)].unwrap(), false),
            Letter::Release { id } => {
                let key = self.keys[place(id)].take().unwrap();
                assert_eq!(self.http2.release(key), Some(()));
            }
            _ => {}
        }
        let told = self.receive(octets);
        Notes { told, wrote: self.transmit() }
    }

    fn receive(&mut self, octets: &[u8]) -> Vec<Told> {
        let (mut input, mut told) = (Input::slice(octets), Vec::new());
        loop {
            let step = self.http2.receive_step(NOW, &mut input);
            told.push(match step {
                Step::Idle => return told,
                Step::Headers { stream, part: Part::Request, end_stream: end, .. } => {
                    let id = self.id(stream);
                    assert_eq!(self.keys[place(id)].replace(stream), None);
                    Told::Request { id, end }
                }
                Step::Headers { stream, part: Part::Response, status, end_stream: end, .. } => {
                    Told::Response { id: self.id(stream), status, end }
                }
                Step::Headers { stream, part: Part::Trailers, end_stream, .. } => {
                    assert!(end_stream);
                    Told::Trailers { id: self.id(stream) }
                }
                Step::Data { stream, len } => {
                    assert_eq!(input.take(len).len(), len);
                    Told::Data { id: self.id(stream), len: len as u32 }
                }
                Step::End { stream } => Told::End { id: self.id(stream) },
                Step::Reset { stream, code, origin, .. } => {
                    Told::Reset { id: self.id(stream), code: code.0, by_peer: origin == Origin::Peer }
                }
                Step::GoAway { last_stream, code: ErrorCode::NO_ERROR } => Told::GoAway { last: last_stream.get() },
                Step::Closed => Told::Closed { code: self.http2.error().unwrap().code().0 },
                _ => continue,
            });
        }
    }

    fn transmit(&mut self) -> Vec<Wrote> {
        let mut output = WriteBuf::new();
        loop {
            match self.http2.transmit_step(NOW, &mut output) {
                Transmit::Head(key) => self.http2.send_head(key, [Field::new(b":status", b"200")], false, &mut output),
                Transmit::Trailers(key) => self.http2.send_trailers(key, [Field::new(b"a", b"b")], &mut output),
                Transmit::Drained(_) => {}
                Transmit::Done => break,
            }
        }
        assert!(!self.http2.wants_transmit());
        words(&output.copy_to_bytes(output.len()))
    }

    fn id(&self, key: StreamKey) -> u32 {
        self.http2.stream_id(key).map_or(0, StreamId::get)
    }

    pub(super) fn is_ended(&self) -> bool {
        self.http2.is_ended()
    }

    pub(super) fn view(&self) -> View {
        let stream = |key: StreamKey| {
            let ended = self.http2.is_receive_ended(key);
            let window = (!ended).then(|| self.http2.receive_window(key));
            (self.http2.is_closed(key), ended, self.http2.is_send_ended(key), window)
        };
        View {
            streams: self.keys.map(|key| key.map(stream)),
            active: self.http2.active_streams(),
            held: self.http2.streams(),
            queued: self.http2.queued_in_all() as i64,
        }
    }
}

fn place(id: u32) -> usize {
    match id {
        1 => 0,
        3 => 1,
        _ => panic!("no stream {id}"),
    }
}

/// What was written, frame by frame.
fn words(mut wire: &[u8]) -> Vec<Wrote> {
    let mut all = Vec::new();
    while let [_, _, length, kind, flags, head @ ..] = wire {
        let number = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().unwrap());
        let (id, end) = (number(0), flags & 1 != 0);
        all.push(match kind {
            0 => Wrote::Data { id, len: i64::from(*length), end },
            1 => Wrote::Headers { id, end },
            3 => Wrote::Reset { id, code: number(4) },
            4 if end => Wrote::SettingsAck,
            6 if end => Wrote::Pong,
            7 => Wrote::GoAway { last: number(4), code: number(8) },
            8 => Wrote::Window { id, by: i64::from(number(4)) },
            _ => panic!("a frame of kind {kind}"),
        });
        wire = &head[4 + usize::from(*length)..];
    }
    assert!(wire.is_empty());
    all
}
