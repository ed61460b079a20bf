//! Work is spared where octets come whole and leave at once. That it means the same is seen beside a connection that gets
//! them in pieces and stops at each frame, with a peer that says whatever frames it may, and some that it may not.

use crate::raw::{OK, RESPONSE, Raw, Seen, framed};
use crate::{BIDI, DOWNLOAD, UNARY, UPLOAD};
use grpc_sansio::frame::{ErrorCode, Frame, Ping, SettingId};
use grpc_sansio::grpc::{Code, Metadata, Method, Status};
use grpc_sansio::testing::{Recorded, Rng};
use grpc_sansio::{CallId, Client, Event, Item, OpenOptions, Role, Server};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::time::Duration;

static METHODS: [Method; 4] = [UNARY, DOWNLOAD, UPLOAD, BIDI];

/// Octets of a piece: a frame's head and a little more.
const PIECE: usize = 11;

/// One of the two connections.
struct Twin<R: Role> {
    raw: Raw<R>,
    whole: bool,
    /// Numbers of its calls, in the order in which they were met.
    met: HashMap<CallId, usize>,
    /// Calls that its application has not ended.
    calls: Vec<CallId>,
    shown: Shown,
}

/// What a connection has shown since it was compared.
#[derive(Debug, Default, PartialEq)]
struct Shown {
    /// To its application, in order.
    heard: Vec<String>,
    /// On each stream, in order. DATA is joined: where it is cut is not compared.
    said: BTreeMap<u32, Vec<Seen>>,
    /// Kept apart: another frame of the connection may overtake those that are left where the output ends between them.
    pongs: Vec<Seen>,
    /// The sum of WINDOW_UPDATEs, which may be said at once or bit by bit.
    credit: BTreeMap<u32, u64>,
}

impl Shown {
    fn hear(&mut self, what: impl Debug) {
        self.heard.push(format!("{what:?}"));
    }

    fn say(&mut self, seen: Seen) {
        let stream = match seen {
            Seen::Window(stream, octets) => return *self.credit.entry(stream).or_default() += u64::from(octets),
            Seen::Ping(true, _) => return self.pongs.push(seen),
            Seen::Headers { stream, .. } | Seen::Data { stream, .. } | Seen::Reset(stream, _) => stream,
            Seen::Ping(..) | Seen::GoAway(..) | Seen::Settings(_) | Seen::Ack => 0,
        };
        let said = self.said.entry(stream).or_default();
        match (said.last_mut(), seen) {
            (Some(Seen::Data { data, end, .. }), Seen::Data { data: more, end: last, .. }) if !*end => {
                data.extend(more);
                *end = last;
            }
            (_, seen) => said.push(seen),
        }
    }
}

impl<R: Recorded> Twin<R> {
    fn new(mut raw: Raw<R>, whole: bool) -> Self {
        raw.output_target(if whole { usize::MAX } else { 1 });
        // Who gets the last of the connection's window depends on who asks first.
        raw.window(0, 1 << 30);
        Self { raw, whole, met: HashMap::new(), calls: Vec::new(), shown: Shown::default() }
    }

    fn feed(&mut self, octets: &[u8]) {
        let piece = if self.whole { octets.len().max(1) } else { PIECE };
        octets.chunks(piece).for_each(|piece| self.raw.feed(piece));
    }

    /// All that it says now: at once, or frame by frame.
    fn listen(&mut self) {
        loop {
            let said = self.raw.said();
            let done = self.whole || said.is_empty();
            said.into_iter().for_each(|seen| self.shown.say(seen));
            if done {
                break;
            }
        }
    }

    fn number(&mut self, id: CallId) -> usize {
        let next = self.met.len();
        *self.met.entry(id).or_insert(next)
    }

    /// Notes an event, and gives the call that it names.
    fn hear(&mut self, event: Event) -> Option<CallId> {
        let (name, id) = match event {
            Event::Opened(id) => ("opened", id),
            Event::Readable(id) => ("readable", id),
            Event::Writable(id) => ("writable", id),
            Event::Stopped(id) => ("stopped", id),
            other => {
                self.shown.hear(other);
                return None;
            }
        };
        let number = self.number(id);
        self.shown.hear((name, number));
        Some(id)
    }

    /// What it counts and waits for. What it owes of its window may differ until a message is read that was first seen
    /// without its end.
    fn state(&self) -> impl Debug + PartialEq {
        let it = &self.raw.it;
        let windows = it.windows().map(|windows| (windows.send, windows.receive, windows.streams));
        let counted = format!("{:?} {:?} {windows:?} {:?}", it.counters(), it.guards(), it.error());
        (counted, it.calls(), it.queued(), it.held_headers(), it.lent(), it.poll_timeout())
    }
}

/// What the peer knows of the connection.
struct Known {
    next: u32,
    open: Vec<u32>,
    /// Those on which it has said something, and not yet all.
    begun: Vec<u32>,
    /// PINGs to answer.
    pings: Vec<[u8; 8]>,
}

impl Known {
    fn any(&self, rng: &mut Rng) -> Option<u32> {
        self.open.get(rng.below(self.open.len())).copied()
    }

    fn close(&mut self, stream: u32) {
        self.open.retain(|other| *other != stream);
        self.begun.retain(|other| *other != stream);
    }
}

/// The same octets and the same application for both, and now and then a look whether they show the same. Returns how many
/// calls they had.
fn compare<R: Recorded>(
    seeds: u64,
    fresh: fn() -> Raw<R>,
    speak: fn(&mut Raw<R>, &mut Rng, &mut Known),
    act: fn(&mut Twin<R>, Rng),
) -> usize {
    let mut calls = 0;
    for seed in 0..seeds {
        let mut rng = Rng::new(seed);
        let mut twins = [true, false].map(|whole| Twin::new(fresh(), whole));
        let mut known = Known { next: 1, open: Vec::new(), begun: Vec::new(), pings: Vec::new() };
        let oddness = [3, 8, 30][rng.below(3)];
        for step in 0..120 {
            let peer = &mut twins[0].raw;
            peer.collect();
            for payload in known.pings.drain(..) {
                peer.frame(Frame::Ping(Ping { ack: true, payload }));
            }
            for _ in 0..rng.below(4) {
                if rng.one_in(oddness) {
                    speak_oddly(peer, &mut rng, &mut known);
                }
                speak(peer, &mut rng, &mut known);
            }
            let octets = peer.collected();
            let time = rng.one_in(4).then(|| Duration::from_millis(rng.below(200) as u64));
            let (shutdown, chance) = (rng.one_in(100), rng.fork());
            for twin in &mut twins {
                if let Some(time) = time {
                    twin.raw.sleep(time);
                }
                if shutdown {
                    twin.raw.it.shutdown(twin.raw.now(), None);
                }
                twin.feed(&octets);
                act(twin, chance.clone());
            }
            let lost = twins[0].raw.it.error().is_some();
            if lost || !rng.one_in(4) {
                twins.iter_mut().for_each(Twin::listen);
                let [whole, pieces] = twins.each_mut().map(|twin| std::mem::take(&mut twin.shown));
                assert_eq!(whole, pieces, "seed {seed}, step {step}");
                assert_eq!(twins[0].state(), twins[1].state(), "seed {seed}, step {step}");
                let pings = whole.said.get(&0).into_iter().flatten().filter_map(|seen| match seen {
                    Seen::Ping(false, payload) => Some(*payload),
                    _ => None,
                });
                known.pings.extend(pings);
                // The calls of a client that are on the wire now.
                while whole.said.contains_key(&known.next) {
                    known.open.push(known.next);
                    known.next += 2;
                }
            }
            if lost {
                break;
            }
        }
        calls += twins[0].met.len();
    }
    calls
}

/// A message, of an octet that shows well.
fn message(rng: &mut Rng) -> Vec<u8> {
    let size = match rng.below(12) {
        0 => 0,
        1 => 4_090 + rng.below(12),
        2 => 500 + rng.below(3_000),
        _ => rng.below(120),
    };
    framed(&vec![b'a' + rng.below(26) as u8; size])
}

/// What any peer may say at any time, and rarely what none may.
fn speak_oddly<R: Recorded>(peer: &mut Raw<R>, rng: &mut Rng, known: &mut Known) {
    let stream = known.any(rng);
    match (rng.below(9), stream) {
        (0, _) => {
            let setting = match rng.below(5) {
                0 => (SettingId::INITIAL_WINDOW_SIZE, [0, 1, 100, 65_535, 70_000][rng.below(5)]),
                1 => (SettingId::HEADER_TABLE_SIZE, [0, 60, 4_096][rng.below(3)]),
                2 => (SettingId::MAX_HEADER_LIST_SIZE, [20, 100, 400, 1 << 20][rng.below(4)]),
                3 => (SettingId::MAX_FRAME_SIZE, [16_384, 20_000][rng.below(2)]),
                _ => (SettingId::MAX_CONCURRENT_STREAMS, [0, 1, 3, 100][rng.below(4)]),
            };
            peer.settings(&[setting]);
        }
        (1 | 2, _) => peer.window(0, 1 + rng.below(70_000) as u32),
        (3 | 4, Some(stream)) => peer.window(stream, 1 + rng.below(70_000) as u32),
        (5, _) => peer.frame(Frame::Ping(Ping { ack: false, payload: [rng.below(256) as u8; 8] })),
        (6, Some(stream)) => {
            let codes = [ErrorCode::CANCEL, ErrorCode::NO_ERROR, ErrorCode::REFUSED_STREAM];
            peer.reset(stream, codes[rng.below(3)]);
            known.close(stream);
        }
        (7, _) if rng.one_in(20) => peer.goaway(if rng.one_in(2) { 0 } else { 0x7fff_ffff }, ErrorCode::NO_ERROR, b""),
        (8, _) if rng.one_in(30) => peer.settings(&[(SettingId::ENABLE_PUSH, 7)]),
        _ => {}
    }
}

/// A request, or the rest of one.
fn request(peer: &mut Raw<Server>, rng: &mut Rng, known: &mut Known) {
    if !known.begun.is_empty() && rng.one_in(3) {
        let stream = known.begun.swap_remove(rng.below(known.begun.len()));
        let mut data = message(rng);
        if rng.one_in(8) {
            data.truncate(data.len() / 2);
        }
        return peer.data(stream, &data, true);
    }
    let (stream, timeout) = (known.next, format!("{}m", 1 + rng.below(400)));
    let path = METHODS[if rng.one_in(2) { 0 } else { rng.below(4) }].path();
    let mut fields = vec![(":path", path.as_str())];
    if rng.one_in(3) {
        fields.push(("grpc-timeout", &timeout));
    }
    if rng.one_in(20) {
        fields.push(("content-length", ["8", "0", "5"][rng.below(3)]));
    }
    if rng.one_in(30) {
        fields.push(("content-type", "text/plain"));
    }
    let shape = rng.below(10);
    peer.request(stream, &fields, shape == 0);
    let data = message(rng);
    match shape {
        0 => {}
        1 => known.begun.push(stream),
        2 => {
            peer.data(stream, &data, false);
            known.begun.push(stream);
        }
        3 => peer.data(stream, &[data, message(rng)].concat(), true),
        4 => {
            peer.data(stream, &data, false);
            peer.data(stream, b"", true);
        }
        _ => peer.data(stream, &data, true),
    }
    known.open.push(stream);
    known.next += 2;
}

/// The application of a server: reads most of what it is told of, and answers in whatever order.
fn serve(twin: &mut Twin<Server>, mut rng: Rng) {
    while let Some(event) = twin.raw.it.poll_event() {
        let Some(id) = twin.hear(event) else { continue };
        let Some(mut call) = twin.raw.it.call(id) else { continue };
        if matches!(event, Event::Opened(_)) {
            if let Some(Item::Head(request)) = call.read() {
                let kind = METHODS.iter().find(|method| request.is(method)).map(Method::kind);
                twin.shown.hear(request);
                if let Some(kind) = kind.filter(|_| !rng.one_in(4)) {
                    twin.shown.hear(call.expect(kind));
                }
            }
            twin.calls.push(id);
        }
        if !rng.one_in(5) {
            while let Some(item) = call.read() {
                match item {
                    Item::Message(message) => twin.shown.hear(String::from_utf8_lossy(&message)),
                    item => twin.shown.hear(item),
                }
            }
        }
        if matches!(event, Event::Stopped(_)) {
            twin.shown.hear(call.stopped());
            twin.calls.retain(|other| *other != id);
            if rng.one_in(2) { call.release() } else { call.finish(&Status::ok(), &Metadata::new()) }
        }
    }
    for id in std::mem::take(&mut twin.calls) {
        let Some(mut call) = twin.raw.it.call(id) else { continue };
        match rng.below(10) {
            0..=4 => {
                let size = if rng.one_in(8) { rng.below(20_000) } else { rng.below(100) };
                twin.shown.hear(call.send_with(size, |out| out.resize(size, 7)));
                call.finish(&Status::ok(), &Metadata::new());
            }
            5 => {
                twin.shown.hear(call.send_slice(b"some"));
                let code = [Code::NotFound, Code::Internal, Code::Ok][rng.below(3)];
                call.finish(&Status::new(code, "no"), &Metadata::new());
            }
            6 => call.finish(&Status::ok(), &Metadata::new()),
            7 if rng.one_in(3) => twin.shown.hear(call.reset(ErrorCode::INTERNAL_ERROR)),
            8 => {
                twin.shown.hear(call.send_slice(b"piece"));
                twin.calls.push(id);
            }
            _ => twin.calls.push(id),
        }
    }
}

/// A response, or a part of one.
fn reply(peer: &mut Raw<Client>, rng: &mut Rng, known: &mut Known) {
    let Some(stream) = known.any(rng) else { return };
    if !known.begun.contains(&stream) {
        let grpc = RESPONSE[1];
        let (fields, end): (&[_], _) = match rng.below(12) {
            0 => (&[RESPONSE[0], grpc, ("grpc-status", "5")], true),
            1 => (&[(":status", "503"), ("content-type", "text/plain")], true),
            2 => return peer.headers(stream, &[(":status", "103")], false),
            3 => (&[RESPONSE[0], grpc, ("x", "y")], false),
            _ => (&RESPONSE, false),
        };
        peer.headers(stream, fields, end);
        if end {
            return known.close(stream);
        }
        known.begun.push(stream);
        if rng.one_in(6) {
            return;
        }
    }
    let mut data = message(rng);
    match rng.below(14) {
        0 => {
            data.truncate(data.len() / 2);
            peer.data(stream, &data, false);
            if rng.one_in(2) {
                return;
            }
        }
        1 => data.extend(message(rng)),
        _ => {}
    }
    peer.data(stream, &data, false);
    if rng.one_in(8) {
        return;
    }
    match rng.below(10) {
        0 => peer.headers(stream, &[("grpc-status", "13"), ("grpc-message", "x")], true),
        1 => peer.headers(stream, &[OK[0], ("cost", "1")], true),
        2 => peer.data(stream, b"", true),
        _ => peer.headers(stream, &OK, true),
    }
    known.close(stream);
}

/// The application of a client: reads most of what it is told of, some of it late, opens calls and gives some up.
fn ask(twin: &mut Twin<Client>, mut rng: Rng) {
    while let Some(event) = twin.raw.it.poll_event() {
        if let Some(id) = twin.hear(event).filter(|_| !rng.one_in(6)) {
            read(twin, id);
        }
    }
    let late: Vec<_> = twin.calls.iter().copied().filter(|_| rng.one_in(10)).collect();
    late.into_iter().for_each(|id| read(twin, id));
    for _ in 0..rng.below(3) {
        let now = twin.raw.now();
        let mut options = OpenOptions::new(&METHODS[if rng.one_in(2) { 0 } else { rng.below(4) }]);
        if rng.one_in(3) {
            options = options.deadline(now.saturating_add(Duration::from_millis(1 + rng.below(400) as u64)));
        }
        match twin.raw.it.open(now, &options) {
            Ok(id) => {
                twin.number(id);
                twin.calls.push(id);
                let mut call = twin.raw.it.call(id).unwrap();
                let size = if rng.one_in(8) { rng.below(9_000) } else { rng.below(90) };
                twin.shown.hear(call.send_with(size, |out| out.resize(size, 3)));
                if !rng.one_in(4) {
                    twin.shown.hear(call.half_close());
                }
            }
            Err(error) => twin.shown.hear(error),
        }
    }
    if rng.one_in(8) && !twin.calls.is_empty() {
        let id = twin.calls.swap_remove(rng.below(twin.calls.len()));
        if let Some(call) = twin.raw.it.call(id) {
            call.cancel();
        }
    }
}

/// Reads all that a client has of a call.
fn read(twin: &mut Twin<Client>, id: CallId) {
    let number = twin.number(id);
    while let Some(mut call) = twin.raw.it.call(id) {
        match call.read() {
            None => break,
            Some(Item::Message(message)) => twin.shown.hear((number, String::from_utf8_lossy(&message))),
            Some(Item::End(end)) => {
                let fate = (end.origin(), end.unprocessed(), end.retry());
                twin.shown.hear((number, end.status(), fate, end.trailers().to_metadata()));
                twin.calls.retain(|other| *other != id);
            }
            Some(item) => twin.shown.hear((number, item)),
        }
    }
}

/// Events, items, frames, credit, counters, guards and timeouts of a server do not depend on how its octets come and go.
#[test]
fn a_server_does_the_same_with_whole_requests_and_with_pieces() {
    let calls = compare(30, Raw::server, request, serve);
    assert!(calls > 1_500, "{calls}");
}

/// Nor do those of a client.
#[test]
fn a_client_does_the_same_with_whole_replies_and_with_pieces() {
    let calls = compare(40, Raw::client, reply, ask);
    assert!(calls > 1_500, "{calls}");
}
