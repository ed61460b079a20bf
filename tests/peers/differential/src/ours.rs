//! The layer `http2` of this crate as a server in memory.

use crate::observed::{MAX_STREAMS, Observed, Server};
use bytes::Buf;
use grpc_sansio::hpack::Field;
use grpc_sansio::http2::{Config, Connection, Input, Part, Side, Step, StreamKey, Transmit};
use grpc_sansio::{Instant, WriteBuf};

const NOW: Instant = Instant::from_nanos(1);

/// A connection; its application answers each request that has ended with an empty response.
pub struct Ours {
    connection: Connection<()>,
    consumes: bool,
    streams: Vec<(StreamKey, u32)>,
    observed: Observed,
    reason: &'static str,
}

impl Ours {
    /// `consumes` is whether DATA goes back to the client's windows.
    pub fn new(consumes: bool) -> Self {
        let mut config = Config::new(Side::Server);
        config.max_concurrent_streams = MAX_STREAMS;
        config.stream_window = 65_535;
        config.connection_window = 65_535;
        let connection = Connection::new(Side::Server, config, NOW);
        Self { connection, consumes, streams: Vec::new(), observed: Observed::default(), reason: "" }
    }

    fn id(&self, stream: StreamKey) -> u32 {
        self.streams.iter().find(|(key, _)| *key == stream).map_or(0, |(_, id)| *id)
    }

    fn ended(&mut self, stream: StreamKey) {
        self.observed.ended.push(self.id(stream));
        self.connection.begin(stream);
    }
}

impl Server for Ours {
    fn receive(&mut self, octets: &[u8]) {
        self.reason = "";
        let mut input = Input::slice(octets);
        loop {
            match self.connection.receive_step(NOW, &mut input) {
                Step::Idle => break,
                Step::Headers { stream, part, end_stream, .. } => {
                    if part == Part::Request {
                        let id = self.connection.stream_id(stream).map_or(0, |id| id.get());
                        self.streams.push((stream, id));
                        self.observed.accepted.push(id);
                    }
                    if end_stream {
                        self.ended(stream);
                    }
                }
                Step::Data { stream, len } => {
                    input.take(len);
                    *self.observed.data.entry(self.id(stream)).or_default() += len;
                    if self.consumes {
                        self.connection.consumed(stream, len as u32);
                    }
                }
                Step::End { stream } => self.ended(stream),
                Step::Reset { stream, reason, .. } => {
                    self.reason = reason;
                    self.connection.release(stream);
                }
                _ => {}
            }
        }
    }

    fn transmit(&mut self) -> Vec<u8> {
        let mut output = WriteBuf::with_target(usize::MAX);
        loop {
            match self.connection.transmit_step(NOW, &mut output) {
                Transmit::Done => break,
                Transmit::Head(stream) => {
                    self.connection.send_head(stream, [Field::new(b":status", b"200")], true, &mut output);
                    self.connection.release(stream);
                }
                Transmit::Trailers(_) | Transmit::Drained(_) => unreachable!("nothing of the kind was asked for"),
            }
        }
        output.copy_to_bytes(output.len()).to_vec()
    }

    fn observed(&mut self) -> &mut Observed {
        &mut self.observed
    }

    fn gave_up(&self) -> bool {
        self.connection.is_ended()
    }

    fn reason(&self) -> &'static str {
        self.connection.error().map_or(self.reason, |error| error.reason())
    }
}
