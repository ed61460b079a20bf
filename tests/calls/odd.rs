//! What a peer says of whole calls, right or wrong, means the same in one piece and in pieces: there is a short way for
//! what is as it mostly is, and whatever is not has to find its way to the long one.

use super::raw::{REQUEST, framed};
use bytes::Buf;
use grpc_sansio::frame::{Flags, Head, Kind, PREFACE, Settings, StreamId};
use grpc_sansio::grpc::{self, Metadata, Method, Status};
use grpc_sansio::hpack::{Encoder, Field};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, Server, ServerConfig,
    WriteBuf,
};
use proptest::prelude::*;

static METHOD: Method = Method::from_static("/a.B/C", grpc::Kind::Unary);

/// A message as a peer says it, and the frames around it.
#[derive(Clone, Debug)]
struct Odd {
    octets: usize,
    /// What the prefix says of it.
    flag: u8,
    announced: i32,
    /// The DATA names a stream so much further on.
    other_stream: i32,
    padded: bool,
    /// What goes with HEADERS and DATA beside what has to.
    head_flags: u8,
    data_flags: u8,
    /// The DATA is cut in two there.
    cut: Option<usize>,
    content_length: Option<i32>,
    /// Trailers with a message too; a client's frames that are of no reply.
    message: bool,
    between: Option<u8>,
}

fn odd() -> impl Strategy<Value = Odd> {
    let rarely = || prop::bool::weighted(0.05);
    let octets = prop_oneof![8 => 0..100_usize, 1 => 4_080..4_110_usize, 1 => 5_000..6_000_usize];
    let flag = prop_oneof![20 => Just(0), 1 => 1..3_u8];
    let off = || prop_oneof![20 => Just(0), 1 => -2..3_i32];
    let flags = || prop_oneof![20 => Just(0), 1 => any::<u8>()];
    let cut = prop::option::weighted(0.05, 0..20_usize);
    let content_length = prop::option::weighted(0.1, prop_oneof![3 => Just(0), 1 => -1..2_i32]);
    let between = prop::option::weighted(0.05, 0..10_u8);
    (octets, flag, off(), off(), rarely(), (flags(), flags()), cut, content_length, rarely(), between).prop_map(
        |(
            octets,
            flag,
            announced,
            other_stream,
            padded,
            (head_flags, data_flags),
            cut,
            content_length,
            message,
            between,
        )| {
            Odd {
                octets,
                flag,
                announced,
                other_stream,
                padded,
                head_flags,
                data_flags,
                cut,
                content_length,
                message,
                between,
            }
        },
    )
}

fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8], out: &mut Vec<u8>) {
    let head = Head { length: payload.len() as u32, kind, flags: Flags(flags), stream: StreamId::new(stream) };
    out.extend_from_slice(&head.encode());
    out.extend_from_slice(payload);
}

impl Odd {
    fn fields(&self, encoder: &mut Encoder, fields: &[(&str, &str)], out: &mut Vec<u8>) {
        let length = self.content_length.map(|off| (self.octets as i32 + 5 + off).max(0).to_string());
        let length = length.iter().map(|length| Field::new(b"content-length", length.as_bytes()));
        let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
        encoder.encode(fields.chain(length), out);
    }

    /// The DATA, of which the last one has these flags.
    fn data(&self, stream: u32, last: u8, out: &mut Vec<u8>) {
        let announced = (self.octets as i32 + self.announced).max(0) as u32;
        let mut message = [&[self.flag][..], &announced.to_be_bytes(), &vec![7; self.octets]].concat();
        if let Some(kind) = self.between {
            frame(Kind(kind), 0, stream, &[0; 4], out);
        }
        let stream = stream.wrapping_add_signed(self.other_stream);
        if let Some(cut) = self.cut {
            let rest = message.split_off(cut.min(message.len()));
            frame(Kind::DATA, 0, stream, &message, out);
            message = rest;
        }
        if self.padded {
            message = [&[3][..], &message, &[0; 3]].concat();
        }
        let padded = if self.padded { Flags::PADDED.0 } else { 0 };
        frame(Kind::DATA, (last | padded) ^ self.data_flags, stream, &message, out);
    }

    fn request(&self, stream: u32, encoder: &mut Encoder) -> Vec<u8> {
        let (mut block, mut out) = (Vec::new(), Vec::new());
        let usual = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/a.B/C"),
            (":authority", "b"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ];
        self.fields(encoder, &usual, &mut block);
        frame(Kind::HEADERS, Flags::END_HEADERS.0 ^ self.head_flags, stream, &block, &mut out);
        self.data(stream, Flags::END_STREAM.0, &mut out);
        out
    }

    fn reply(&self, stream: u32, encoder: &mut Encoder) -> Vec<u8> {
        let (mut block, mut out) = (Vec::new(), Vec::new());
        self.fields(encoder, &[(":status", "200"), ("content-type", "application/grpc")], &mut block);
        frame(Kind::HEADERS, Flags::END_HEADERS.0 ^ self.head_flags, stream, &block, &mut out);
        self.data(stream, 0, &mut out);
        let said = [("grpc-status", "0"), ("grpc-message", "but")];
        block.clear();
        encoder.encode(
            said.iter()
                .take(1 + usize::from(self.message))
                .map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())),
            &mut block,
        );
        frame(Kind::HEADERS, Flags::END_HEADERS.0 | Flags::END_STREAM.0, stream, &block, &mut out);
        out
    }
}

/// One end, and all that is seen of it.
struct End<R: Role> {
    connection: Connection<R>,
    piece: usize,
    now: Instant,
    seen: String,
}

impl<R: Role> End<R> {
    fn note(&mut self, what: impl core::fmt::Debug) {
        self.seen.push_str(&format!("{what:?}\n"));
    }

    fn hear(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.piece) {
            self.connection.receive(self.now, piece);
        }
        self.connection.audit().unwrap();
    }

    /// Events, octets, and all that can be asked for.
    fn look(&mut self, on_event: impl Fn(&mut Connection<R>, Event, &mut String)) {
        while let Some(event) = self.connection.poll_event() {
            self.note(event);
            on_event(&mut self.connection, event, &mut self.seen);
        }
        let mut wire = WriteBuf::new();
        self.connection.transmit(self.now, &mut wire);
        let wire: Vec<u8> = wire.copy_to_bytes(wire.len()).into();
        self.note(wire);
        let (timeout, windows) = (self.connection.poll_timeout(), self.connection.windows());
        self.note((timeout, windows, self.connection.counters(), self.connection.held_headers()));
        self.note(self.connection.error().map(|error| format!("{error:?}")));
    }
}

fn read_all<R: Role>(connection: &mut Connection<R>, id: CallId, seen: &mut String) -> bool {
    let Some(mut call) = connection.call(id) else { return false };
    while let Some(item) = call.read() {
        let ended = matches!(item, Item::End(_));
        seen.push_str(&match item {
            Item::Message(message) => format!("{} {:?} {}\n", message.len(), message.first(), message.compressed()),
            item => format!("{item:?}\n"),
        });
        if ended {
            return true;
        }
    }
    false
}

fn serve(connection: &mut Connection<Server>, event: Event, seen: &mut String) {
    let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { return };
    if let (Event::Opened(_), Some(mut call)) = (event, connection.call(id)) {
        seen.push_str(&format!("{:?}", call.expect(grpc::Kind::Unary)));
    }
    if read_all(connection, id, seen)
        && let Some(mut call) = connection.call(id)
    {
        seen.push_str(&format!("{:?}", call.send_slice(b"reply")));
        call.finish(&Status::ok(), &Metadata::new());
    } else if let (Event::Stopped(_), Some(call)) = (event, connection.call(id)) {
        call.release();
    }
}

/// H-130: DATA that ends a response as long as its `content-length` says is no more than that.
#[test]
fn the_last_data_counts_once() {
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&ClientConfig::builder("b").build().unwrap(), now);
    let id = client.open(now, &OpenOptions::new(&METHOD)).unwrap();
    client.call(id).unwrap().send_slice(b"request").unwrap();
    client.transmit(now, &mut WriteBuf::new());
    let (mut block, mut octets) = (Vec::new(), Vec::new());
    let fields = [(":status", "200"), ("content-type", "application/grpc"), ("content-length", "5")];
    let fields = fields.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
    Encoder::new(4_096, 1).encode(fields, &mut block);
    Settings::encode_from(&[], &mut octets);
    frame(Kind::HEADERS, Flags::END_HEADERS.0, 1, &block, &mut octets);
    frame(Kind::DATA, Flags::END_STREAM.0, 1, &[0; 5], &mut octets);
    client.receive(now, &octets);
    let mut seen = String::new();
    assert!(read_all(&mut client, id, &mut seen));
    assert!(seen.contains("stream closed without trailers (G-052)"), "{seen}");
}

/// HEADERS of a request, whose padding is what could be its body.
fn headers_of_form(form: u8, stream: u32, block: &[u8], out: &mut Vec<u8>) {
    let all = Flags::END_HEADERS.0;
    let mut padding = Vec::new();
    frame(Kind::DATA, Flags::END_STREAM.0, stream, &framed(b"evil"), &mut padding);
    let (start, rest) = block.split_at(block.len() / 2);
    match form {
        0 => frame(Kind::HEADERS, all, stream, block, out),
        1 => {
            let padded = [&[padding.len() as u8], block, &padding].concat();
            frame(Kind::HEADERS, all | Flags::PADDED.0, stream, &padded, out);
        }
        2 => frame(Kind::HEADERS, all | Flags::PRIORITY.0, stream, &[&[0, 0, 0, 0, 16], block].concat(), out),
        3 => {
            frame(Kind::HEADERS, 0, stream, start, out);
            frame(Kind::CONTINUATION, all, stream, rest, out);
        }
        4 => {
            frame(Kind::HEADERS, 0, stream, block, out);
            frame(Kind::CONTINUATION, all, stream, &[], out);
        }
        // A flag that means nothing here.
        _ => frame(Kind::HEADERS, all | 0x40, stream, block, out),
    }
}

/// A body right behind HEADERS is that of the call, whatever form these have, and with an empty DATA in between.
#[test]
fn headers_of_every_form_have_the_body_behind_them() {
    for (form, empty) in (0..7).flat_map(|form| [(form, false), (form, true)]) {
        let (mut encoder, mut octets) = (Encoder::new(4_096, 1), PREFACE.to_vec());
        Settings::encode_from(&[], &mut octets);
        for call in 0..30 {
            let (stream, mut block) = (2 * call + 1, Vec::new());
            encoder.encode(REQUEST.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())), &mut block);
            // The last form is all of them in turn.
            headers_of_form(if form == 6 { call as u8 % 6 } else { form }, stream, &block, &mut octets);
            if empty {
                frame(Kind::DATA, 0, stream, &[], &mut octets);
            }
            frame(Kind::DATA, Flags::END_STREAM.0, stream, &framed(b"good"), &mut octets);
        }
        let seen = [usize::MAX, 1, 7, 50, 333].map(|piece| {
            let now = Instant::from_nanos(0);
            let connection = Connection::with_seed(&ServerConfig::builder().build().unwrap(), now, 1);
            let mut end = End::<Server> { connection, piece, now, seen: String::new() };
            end.hear(&octets);
            end.look(serve);
            end.seen
        });
        assert!(seen.iter().all(|other| *other == seen[0]), "{form} {empty}");
        let messages = |first: u8| seen[0].matches(&format!("4 Some({first}) false")).count();
        assert_eq!([messages(b'g'), messages(b'e')], [30, 0], "{form} {empty}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn odd_requests_mean_the_same_in_pieces(
        calls in prop::collection::vec((odd(), 0..40_usize), 1..20),
        together in 1..5_usize,
        small: bool,
    ) {
        let mut limits = Limits::default();
        if small {
            (limits.call_window, limits.connection_window, limits.max_receive_message) = (65_535, 70_000, Some(4_090));
            limits.max_concurrent_calls = 4;
        }
        let now = Instant::from_nanos(0);
        let config = ServerConfig::builder().limits(limits).build().unwrap();
        let end = |piece| End::<Server> { connection: Connection::with_seed(&config, now, 1), piece, now, seen: String::new() };
        let mut ends = [end(usize::MAX), end(7), end(1_000)];
        let mut hello = PREFACE.to_vec();
        Settings::encode_from(&[], &mut hello);
        let mut encoder = Encoder::new(4_096, 1);
        let mut octets = hello;
        for (n, (odd, skipped)) in calls.iter().enumerate() {
            octets.extend(odd.request(2 * n as u32 + 1 + if *skipped == 0 { 100 } else { 0 }, &mut encoder));
            if n % together == 0 || n + 1 == calls.len() {
                for end in &mut ends {
                    end.hear(&octets);
                    end.look(serve);
                }
                octets.clear();
                let [whole, rest @ ..] = &ends;
                rest.iter().try_for_each(|end| { prop_assert_eq!(&whole.seen, &end.seen); Ok(()) })?;
            }
        }
    }

    #[test]
    fn odd_replies_mean_the_same_in_pieces(
        calls in prop::collection::vec(odd(), 1..20),
        together in 1..5_usize,
        small: bool,
        late: bool,
    ) {
        let mut limits = Limits::default();
        if small {
            (limits.call_window, limits.connection_window, limits.max_receive_message) = (65_535, 70_000, Some(4_090));
        }
        let now = Instant::from_nanos(0);
        let config = ClientConfig::builder("b").limits(limits).build().unwrap();
        let end = |piece| End::<Client> { connection: Connection::<Client>::new(&config, now), piece, now, seen: String::new() };
        let mut ends = [end(usize::MAX), end(7), end(1_000)];
        let mut hello = Vec::new();
        Settings::encode_from(&[], &mut hello);
        ends.iter_mut().for_each(|end| end.hear(&hello));
        let mut encoder = Encoder::new(4_096, 1);
        let mut stream = 1;
        for calls in calls.chunks(together) {
            let octets: Vec<u8> =
                calls.iter().zip(0..).flat_map(|(odd, n)| odd.reply(stream + 2 * n, &mut encoder)).collect();
            stream += 2 * calls.len() as u32;
            for end in &mut ends {
                for _ in calls {
                    let opened = end.connection.open(now, &OpenOptions::new(&METHOD));
                    end.note(opened);
                    if let Some(mut call) = opened.ok().and_then(|id| end.connection.call(id)) {
                        call.send_slice(b"request").unwrap();
                    }
                }
                let mut wire = WriteBuf::new();
                end.connection.transmit(now, &mut wire);
                end.hear(&octets);
                end.look(|connection, event, seen| {
                    if let (Event::Readable(id), false) = (event, late) {
                        read_all(connection, id, seen);
                    }
                });
            }
            let [whole, rest @ ..] = &ends;
            rest.iter().try_for_each(|end| { prop_assert_eq!(&whole.seen, &end.seen); Ok(()) })?;
        }
    }
}
