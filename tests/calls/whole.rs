//! Unary calls that go and come in one piece skip what each of their frames would have to do alone. That it means the same is
//! seen beside a pair of connections that never meets a whole one: its output stops at each frame, its input is cut.

use crate::{BIDI, DOWNLOAD, UNARY, UPLOAD};
use bytes::Buf;
use core::time::Duration;
use grpc_sansio::frame::{Head, Kind as FrameKind};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::{
    Call, CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, Server,
    ServerConfig, WriteBuf,
};
use proptest::prelude::*;

/// One call, from its opening to its end, and what is not as it mostly is about it.
#[derive(Clone, Debug)]
struct Plan {
    method: usize,
    /// Octets of each message of the request, and of the response.
    request: Vec<usize>,
    response: Vec<usize>,
    timeout: Option<u64>,
    metadata: bool,
    initial: bool,
    trailing: bool,
    code: u8,
    /// The server is told the kind, and reads before it answers.
    expect: bool,
    reads: bool,
    /// The server says its message, and its end only when that has left.
    pauses: bool,
    /// Who sends is refused one message more.
    refused: bool,
    /// The client gives up before the answer.
    cancels: bool,
    /// The client reads the answer now, or once all calls have been made.
    late: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let sizes = || {
        let size = prop_oneof![8 => 0..200_usize, 1 => 3_900..4_200_usize, 1 => 60_000..70_000_usize];
        prop_oneof![8 => prop::collection::vec(size.clone(), 1), 1 => prop::collection::vec(size, 0..4)]
    };
    let rarely = || prop::bool::weighted(0.1);
    let method = prop_oneof![7 => Just(0), 1 => 1..4_usize];
    let code = prop_oneof![8 => Just(0), 1 => 1..17_u8];
    (
        (method, sizes(), sizes(), prop::option::of(1..2_000_u64), any::<bool>(), rarely()),
        (
            rarely(),
            code,
            prop::bool::weighted(0.9),
            prop::bool::weighted(0.9),
            rarely(),
            rarely(),
            (rarely(), any::<bool>()),
        ),
    )
        .prop_map(|((method, request, response, timeout, metadata, initial), rest)| {
            let (trailing, code, expect, reads, pauses, refused, (cancels, late)) = rest;
            Plan {
                method,
                request,
                response,
                timeout,
                metadata,
                initial,
                trailing,
                code,
                expect,
                reads,
                pauses,
                refused,
                cancels,
                late,
            }
        })
}

/// Both ends, and how their octets go.
struct Pair {
    client: Connection<Client>,
    server: Connection<Server>,
    now: Instant,
    whole: bool,
    /// All that was said.
    wire: Vec<u8>,
    seen: String,
    late: Vec<CallId>,
}

impl Pair {
    fn new(whole: bool, limits: &Limits) -> Self {
        let now = Instant::from_nanos(0);
        let client = ClientConfig::builder("a").limits(limits.clone()).build().unwrap();
        let server = ServerConfig::builder().limits(limits.clone()).build().unwrap();
        let (client, server) = (Connection::<Client>::new(&client, now), Connection::<Server>::new(&server, now));
        let mut pair = Self { client, server, now, whole, wire: Vec::new(), seen: String::new(), late: Vec::new() };
        pair.settle();
        pair
    }

    fn carry(&mut self, to_server: bool) -> bool {
        let mut output = if self.whole { WriteBuf::new() } else { WriteBuf::with_target(1) };
        let mut octets = Vec::new();
        loop {
            match to_server {
                true => self.client.transmit(self.now, &mut output),
                false => self.server.transmit(self.now, &mut output),
            }
            if !output.has_remaining() {
                break;
            }
            let said = output.copy_to_bytes(output.len());
            // Whose target is an octet takes no second frame of a call.
            assert!(self.whole || frames_of_calls(&said) <= 1);
            octets.extend_from_slice(&said);
        }
        let piece = if self.whole { usize::MAX } else { 7 };
        for piece in octets.chunks(piece) {
            match to_server {
                true => self.server.receive(self.now, piece),
                false => self.client.receive(self.now, piece),
            }
        }
        self.wire.extend_from_slice(&octets);
        !octets.is_empty()
    }

    fn settle(&mut self) {
        while self.carry(true) | self.carry(false) {}
    }

    fn note(&mut self, what: impl core::fmt::Debug) {
        self.seen.push_str(&format!("{what:?}\n"));
    }

    fn check(&mut self) {
        self.client.audit().unwrap();
        self.server.audit().unwrap();
        let windows = (self.client.windows(), self.server.windows());
        let timeouts = (self.client.poll_timeout(), self.server.poll_timeout());
        self.note((windows, timeouts, self.client.counters(), self.server.counters()));
    }

    /// Reads all that is there of a call.
    fn read<R: Role>(connection: &mut Connection<R>, id: CallId, seen: &mut String) {
        let Some(mut call) = connection.call(id) else { return };
        while let Some(item) = call.read() {
            let ended = matches!(item, Item::End(_));
            seen.push_str(&match item {
                Item::Message(message) => format!("{} {:?}\n", message.len(), message.first()),
                item => format!("{item:?}\n"),
            });
            if ended {
                break;
            }
        }
    }

    fn events(&mut self) {
        while let Some(event) = self.client.poll_event() {
            self.note(event);
        }
    }

    fn call(&mut self, plan: &Plan) {
        let mut metadata = Metadata::new();
        if plan.metadata {
            metadata.append("x-id", "7").unwrap();
        }
        let methods = [UNARY, UPLOAD, DOWNLOAD, BIDI];
        let options = OpenOptions::new(&methods[plan.method]).metadata(&metadata);
        let deadline = plan.timeout.map(|millis| self.now.saturating_add(Duration::from_millis(millis)));
        let id = self.client.open(self.now, &options.within(deadline)).unwrap();
        let mut call = self.client.call(id).unwrap();
        send_all(&mut call, &plan.request, plan.refused, &mut self.seen);
        let closed = call.half_close();
        self.note(closed);
        self.carry(true);
        self.check();
        while let Some(event) = self.server.poll_event() {
            self.note(event);
            if let Event::Opened(id) = event {
                self.serve(id, plan);
            }
        }
        if plan.cancels {
            self.client.call(id).unwrap().cancel();
        }
        self.carry(false);
        self.check();
        self.events();
        match plan.late {
            true => self.late.push(id),
            false => Self::read(&mut self.client, id, &mut self.seen),
        }
        self.settle();
        self.check();
    }

    fn serve(&mut self, id: CallId, plan: &Plan) {
        let kind = [Kind::Unary, Kind::ClientStreaming, Kind::ServerStreaming, Kind::BidiStreaming][plan.method];
        let mut metadata = Metadata::new();
        metadata.append("x-more", "9").unwrap();
        if plan.expect {
            let told = self.server.call(id).unwrap().expect(kind);
            self.note(told);
        }
        if plan.reads {
            Self::read(&mut self.server, id, &mut self.seen);
        }
        let Some(mut call) = self.server.call(id) else { return };
        if plan.initial {
            let sent = call.send_head(&metadata);
            self.seen.push_str(&format!("{sent:?}"));
        }
        send_all(&mut call, &plan.response, plan.refused, &mut self.seen);
        if plan.pauses {
            self.carry(false);
        }
        let status =
            if plan.code == 0 { Status::ok() } else { Status::new(Code::from_u32(plan.code.into()).unwrap(), "no") };
        let trailers = if plan.trailing { metadata } else { Metadata::new() };
        if let Some(call) = self.server.call(id) {
            call.finish(&status, &trailers);
        }
    }
}

/// Sends messages of these sizes, and one more that has no room where anything is queued.
fn send_all<R: Role>(call: &mut Call<'_, R>, sizes: &[usize], refused: bool, seen: &mut String) {
    for &size in sizes.iter().chain(refused.then_some(&100_000)) {
        let sent = call.send_with(size, |buffer| buffer.resize(size, size as u8));
        seen.push_str(&format!("{sent:?}"));
    }
}

/// HEADERS and DATA among these octets.
fn frames_of_calls(mut octets: &[u8]) -> usize {
    let mut frames = 0;
    octets = octets.strip_prefix(&grpc_sansio::frame::PREFACE[..]).unwrap_or(octets);
    while let Some((head, rest)) = octets.split_first_chunk() {
        let head = Head::parse(head);
        frames += usize::from(matches!(head.kind, FrameKind::HEADERS | FrameKind::DATA));
        octets = &rest[head.length as usize..];
    }
    frames
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whole or in pieces: the same octets, the same events and items, the same windows, timers and counters.
    #[test]
    fn a_call_in_one_piece_is_its_frames(plans in prop::collection::vec(plan(), 1..14), small in prop::bool::weighted(0.2)) {
        let mut limits = Limits::default();
        if small {
            (limits.call_window, limits.connection_window, limits.copy_below) = (65_535, 80_000, 1_024);
        }
        let [mut whole, mut cut] = [true, false].map(|whole| Pair::new(whole, &limits));
        for plan in &plans {
            for pair in [&mut whole, &mut cut] {
                pair.now = pair.now.saturating_add(Duration::from_micros(300));
                pair.call(plan);
            }
            prop_assert_eq!(&whole.seen, &cut.seen);
            prop_assert_eq!(&whole.wire, &cut.wire);
        }
        for pair in [&mut whole, &mut cut] {
            for id in core::mem::take(&mut pair.late) {
                Pair::read(&mut pair.client, id, &mut pair.seen);
            }
            pair.settle();
            pair.check();
        }
        prop_assert_eq!(whole.seen, cut.seen);
        prop_assert_eq!(whole.wire, cut.wire);
    }
}
