//! An application on top of one HTTP/2 connection whose peer is the fuzzer.
//!
//! Two of them get the same reads, one in one piece and one in pieces, and transmit at the same points. They must see the
//! same steps, write the same octets and end alike. On the way: every step makes progress, all input is consumed,
//! transmitting comes to an end and leaves no wish to transmit more, and the heap stays under its bound.

use crate::control::Control;
use crate::ledger::Ledger;
use bytes::{Buf, Bytes};
use grpc_sansio::frame::{ErrorCode, StreamId};
use grpc_sansio::hpack::{Field, FieldBlock};
use grpc_sansio::http2::{Config, Connection, Input, Part, Side, Step, StreamKey, Transmit};
use grpc_sansio::{Instant, WriteBuf};

const MILLISECOND: u64 = 1_000_000;

/// What the application does with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    /// A head with END_STREAM at once, then lets go (a client: as soon as the head arrived).
    Answer,
    /// Sends back what it received, with trailers.
    Echo,
    /// Neither takes credit nor answers nor lets go.
    Hold,
    /// Resets every other stream when its head arrives.
    Reset,
}

/// What came of a run, to be compared. `Nothing` and `Idle` are left out and DATA is joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Trace {
    steps: Vec<Seen>,
    output: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Step(Step),
    Fields(FieldBlock),
    Data(StreamKey, Vec<u8>),
    Exhausted,
}

/// Plays `wire` to a connection, whole and in pieces.
pub(crate) fn run(side: Side, wire: &[u8], control: Control) {
    let whole = Application::new(side, control).play(wire, false);
    let cut = Application::new(side, control).play(wire, true);
    for (one, other) in whole.steps.iter().zip(&cut.steps) {
        assert_eq!(one, other, "cuts change what is seen");
    }
    assert_eq!(whole.steps.len(), cut.steps.len(), "cuts change how much is seen");
    assert!(whole.output == cut.output, "cuts change what is sent: {:?} or {:?}", whole.output, cut.output);
}

struct Application {
    side: Side,
    control: Control,
    config: Config,
    connection: Connection<()>,
    policy: Policy,
    now: Instant,
    /// Streams that were not let go, and what they received.
    streams: Vec<(StreamKey, Vec<u8>)>,
    seen: usize,
    trace: Trace,
    ledger: Ledger,
    received: usize,
    most_queued: usize,
    fed: usize,
}

impl Application {
    fn new(side: Side, control: Control) -> Self {
        let mut config = Config::new(side);
        config.seed = 0x5eed;
        if control.has(2) {
            config.max_concurrent_streams = 4;
            config.stream_window = 1_000;
            config.connection_window = 65_535;
            config.max_header_list_size = 300;
            config.max_header_fields = 6;
            config.max_header_block = 1_000;
            config.max_continuations = 2;
            config.decoder_table_size = 100;
            config.encoder_table_size = 0;
            config.max_settings_entries = 4;
            config.max_replies = 8;
            config.empty_data_burst = 4;
            config.reset_burst = 8;
            config.glitch_burst = 30;
            config.max_waiting_streams = 2;
        }
        let policy = match control.mode & 3 {
            0 => Policy::Answer,
            1 => Policy::Echo,
            2 => Policy::Hold,
            _ => Policy::Reset,
        };
        let now = Instant::from_nanos(MILLISECOND);
        let mut application = Self {
            side,
            control,
            connection: Connection::new(side, config.clone(), now),
            config,
            policy,
            now,
            streams: Vec::new(),
            seen: 0,
            trace: Trace::default(),
            ledger: Ledger::new(side == Side::Client),
            received: 0,
            most_queued: 0,
            fed: 0,
        };
        if side == Side::Client {
            application.open();
        }
        application
    }

    /// A client's streams: with a body and without, some given up before they start.
    fn open(&mut self) {
        for index in 0..4 {
            let Ok(key) = self.connection.open(()) else { return };
            match (index, self.policy) {
                (1, _) => self.body(key),
                (2, Policy::Reset) => {
                    self.connection.release(key);
                    continue;
                }
                _ => {}
            }
            if self.policy != Policy::Hold || index == 0 {
                self.connection.end(key, false);
            }
            self.streams.push((key, Vec::new()));
        }
    }

    fn body(&mut self, key: StreamKey) {
        self.connection.send(key, |buffer| buffer.extend_from_slice(b"\0\0\0\0\x02hi"));
        if self.control.has(3) {
            self.connection.send_shared(key, Bytes::from_static(&[0; 70_000]));
        }
        self.connection.watch_queue(key, 100);
    }

    fn play(mut self, wire: &[u8], cut: bool) -> Trace {
        self.transmit();
        for (index, read) in self.control.pieces(wire, 300).enumerate() {
            self.now = self.now.saturating_add(core::time::Duration::from_nanos(MILLISECOND));
            if self.connection.poll_timeout().is_some_and(|due| due <= self.now) {
                self.connection.handle_timeout(self.now);
                assert!(
                    self.connection.poll_timeout().is_none_or(|due| due > self.now),
                    "a timer that does not go off"
                );
            }
            if self.control.has(4) && index == 3 {
                self.connection.shut_down(self.now);
            }
            if cut {
                let steering = Control { cut: self.control.cut | 1, ..self.control };
                steering.pieces(read, 1 + usize::from(self.control.cut & 15)).for_each(|piece| self.feed(piece));
            } else {
                self.feed(read);
            }
            self.fed += read.len();
            self.ledger.received(read, !self.connection.is_ended());
            if self.connection.take_window_exhausted() {
                self.trace.steps.push(Seen::Exhausted);
            }
            if !self.control.has(7) {
                self.transmit();
            }
            self.check_heap();
        }
        self.end()
    }

    fn feed(&mut self, octets: &[u8]) {
        let shared = Bytes::copy_from_slice(octets);
        let mut input = if self.control.has(5) { Input::bytes(&shared) } else { Input::slice(octets) };
        // A frame of nine octets makes a step or two, and the end of a DATA frame another.
        let mut steps_left = 2 * octets.len() + 8;
        loop {
            let step = self.connection.receive_step(self.now, &mut input);
            steps_left = steps_left.checked_sub(1).expect("steps without progress");
            match step {
                Step::Idle => break,
                Step::Nothing => {}
                Step::Data { stream, len } => self.data(stream, &mut input, len),
                _ => self.step(step),
            }
        }
        assert!(input.is_empty(), "octets were left in the input");
    }

    fn data(&mut self, stream: StreamKey, input: &mut Input<'_>, len: usize) {
        assert!(len <= input.as_slice().len());
        let octets = match input.take_shared(len) {
            Some(shared) => shared.to_vec(),
            None => input.take(len).to_vec(),
        };
        assert_eq!(octets.len(), len);
        assert!(!self.connection.is_closed(stream), "DATA for a closed stream");
        self.received += len;
        if self.policy == Policy::Hold {
            assert!(self.received <= self.config.connection_window.max(65_535) as usize, "more than the window");
        } else {
            self.connection.consumed(stream, len as u32);
        }
        let entry = self.streams.iter_mut().find(|(key, _)| *key == stream);
        entry.expect("DATA for a stream that is open").1.extend_from_slice(&octets);
        match self.trace.steps.last_mut() {
            Some(Seen::Data(key, joined)) if *key == stream => joined.extend_from_slice(&octets),
            _ => self.trace.steps.push(Seen::Data(stream, octets)),
        }
    }

    fn step(&mut self, step: Step) {
        self.trace.steps.push(Seen::Step(step));
        match step {
            Step::Headers { stream, part, status, end_stream, oversized } => {
                let fields = self.connection.fields();
                assert_eq!(fields.len(), fields.fields().count());
                assert!(oversized || fields.list_size() <= self.config.max_header_list_size as usize);
                assert!(oversized || fields.len() <= self.config.max_header_fields as usize);
                assert!(oversized || (part == Part::Response) == (200..600).contains(&status), "{part:?} {status}");
                self.trace.steps.push(Seen::Fields(fields.clone()));
                assert_eq!(part == Part::Request, !self.streams.iter().any(|(key, _)| *key == stream));
                match part {
                    Part::Request => self.request(stream),
                    Part::Response if self.policy == Policy::Reset => self.connection.reset(stream, ErrorCode::CANCEL),
                    Part::Response | Part::Trailers => {}
                }
                if end_stream {
                    self.ended(stream);
                }
            }
            Step::End { stream } => self.ended(stream),
            Step::Reset { stream, .. } => {
                assert!(self.connection.is_closed(stream));
                self.let_go(stream);
            }
            Step::GoAway { .. } => self.let_go_of_closed(),
            Step::Closed => assert!(self.connection.error().is_some() && self.connection.is_ended()),
            _ => {}
        }
    }

    fn request(&mut self, stream: StreamKey) {
        assert_eq!(self.side, Side::Server);
        self.streams.push((stream, Vec::new()));
        self.seen += 1;
        match self.policy {
            Policy::Answer => self.connection.begin(stream),
            Policy::Echo | Policy::Hold => {}
            Policy::Reset if self.seen.is_multiple_of(2) => {
                self.connection.reset(stream, ErrorCode::REFUSED_STREAM);
                self.let_go(stream);
            }
            Policy::Reset => self.connection.begin(stream),
        }
    }

    fn ended(&mut self, stream: StreamKey) {
        assert!(self.connection.is_receive_ended(stream));
        if self.side == Side::Server && self.policy == Policy::Echo {
            let received = self.streams.iter().find(|(key, _)| *key == stream).map(|(_, octets)| octets.clone());
            self.connection.begin(stream);
            self.connection.send_shared(stream, Bytes::from(received.unwrap_or_default()));
            self.body(stream);
            self.connection.end(stream, true);
        }
    }

    fn let_go(&mut self, stream: StreamKey) {
        if self.policy != Policy::Hold {
            self.connection.release(stream);
            self.streams.retain(|(key, _)| *key != stream);
        }
    }

    fn let_go_of_closed(&mut self) {
        let closed: Vec<_> = self.streams.iter().map(|(key, _)| *key).collect();
        closed
            .into_iter()
            .filter(|key| self.connection.is_closed(*key))
            .collect::<Vec<_>>()
            .into_iter()
            .for_each(|key| self.let_go(key));
        self.connection.end_if_drained();
    }

    /// All that is to be said, through a buffer as small as the mode says.
    fn transmit(&mut self) {
        self.most_queued = self.most_queued.max(self.connection.queued_in_all());
        let mut output = WriteBuf::with_target(if self.control.has(6) { 50 } else { 65_536 });
        loop {
            // The heads, trailers and notices of all streams, and then it has to be done.
            let mut turns_left = 4 * self.connection.streams() + 8;
            loop {
                match self.connection.transmit_step(self.now, &mut output) {
                    Transmit::Done => break,
                    Transmit::Head(stream) => self.head(stream, &mut output),
                    Transmit::Trailers(stream) => {
                        self.connection.send_trailers(stream, [Field::new(b"grpc-status", b"0")], &mut output);
                    }
                    Transmit::Drained(stream) => assert!(self.connection.queued(stream) <= 100),
                }
                turns_left = turns_left.checked_sub(1).expect("transmit does not come to an end");
            }
            if output.is_empty() {
                break;
            }
            while let Some(chunk) = output.next_chunk() {
                assert!(!chunk.is_empty());
                self.ledger.sent(&chunk);
                self.trace.output.extend_from_slice(&chunk);
            }
            assert!(!output.has_remaining());
        }
        assert!(!self.connection.wants_transmit(), "wants to transmit, and has nothing");
        if self.policy != Policy::Hold {
            self.let_go_of_closed();
        }
        if self.policy == Policy::Hold && self.side == Side::Server {
            // SETTINGS and GOAWAY are ours; all else is provoked.
            let most = 4 * self.fed + 1_024;
            assert!(self.trace.output.len() <= most, "{} octets for {}", self.trace.output.len(), self.fed);
        }
    }

    fn head(&mut self, stream: StreamKey, output: &mut WriteBuf) {
        assert!(!self.connection.is_closed(stream), "a head for a closed stream");
        if self.side == Side::Client {
            let fields = [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h")];
            let fields = fields.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
            self.connection.send_head(stream, fields, false, output);
            assert!(self.connection.stream_id(stream).is_some_and(StreamId::is_client));
            return;
        }
        let fields = [Field::new(b":status", b"200"), Field::new(b"content-type", b"application/grpc")];
        let end = self.policy != Policy::Echo;
        self.connection.send_head(stream, fields, end, output);
        if self.policy == Policy::Answer {
            self.let_go(stream);
        }
    }

    /// What `heap_size` may be: the streams, one header block on its way in and out, the replies, both tables, and what
    /// the application queued.
    fn check_heap(&self) {
        let config = &self.config;
        assert!(self.connection.streams() <= 2 * config.max_concurrent_streams as usize + 8);
        let slots = 512 * (2 * config.max_concurrent_streams as usize).next_multiple_of(64);
        // What has arrived of a frame is at most `max_frame_size` long, of a header block `max_header_block`; both are
        // judged before they are kept, and a `Vec` that grows has less than twice what it must hold. The list is
        // discarded at four times its limit at the latest.
        let block =
            2 * (config.max_header_block + config.max_frame_size) as usize + 6 * config.max_header_list_size as usize;
        let replies = 2 * 16 * config.max_replies as usize;
        let tables = 4 * (config.decoder_table_size.max(4_096) + config.encoder_table_size.max(4_096)) as usize;
        let bound = slots + block + replies + tables + 2 * self.most_queued + 16_384;
        let heap = self.connection.heap_size();
        assert!(heap <= bound, "{heap} octets of heap, at most {bound} expected");
    }

    fn end(mut self) -> Trace {
        self.transmit();
        self.connection.receive_eof();
        self.transmit();
        assert!(self.connection.is_finished());
        assert_eq!(self.connection.poll_timeout(), None);
        self.check_heap();
        for (key, _) in std::mem::take(&mut self.streams) {
            self.connection.release(key);
        }
        assert_eq!((self.connection.streams(), self.connection.queued_in_all()), (0, 0));
        assert_eq!((self.connection.active_streams(), self.connection.zombie_streams()), (0, 0));
        self.connection.trim();
        let tables = 4 * (self.config.decoder_table_size + self.config.encoder_table_size).max(4_096) as usize;
        assert!(self.connection.heap_size() <= tables + 16_384, "{} after all", self.connection.heap_size());
        self.trace
    }
}
