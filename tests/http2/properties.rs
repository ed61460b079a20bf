//! Properties: for any conversation, cut anywhere, with any order of the caller's verbs.

use super::harness::*;
use bytes::Buf;
use grpc_sansio::WriteBuf;
use grpc_sansio::frame::{ErrorCode, Flags, Kind, PREFACE, SettingId};
use grpc_sansio::http2::{Config, Side, StreamKey};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Frames that a peer may send, good and bad, on a few streams.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let stream = prop_oneof![8 => (0..6u32).prop_map(|n| 2 * n + 1), 1 => 0..12u32];
    (0..20u8, stream, 0..3_000usize, any::<bool>()).prop_map(|(kind, stream, size, end)| match kind {
        0..4 => headers(stream, GET, end),
        4..6 => headers(stream, OK, end),
        6 => headers(stream, FIELD, true),
        7..12 => data(stream, size, end),
        12 => padded_data(stream, size, size as u8, end),
        13 => window(stream, size as u32),
        14 => window(0, size as u32 + 1),
        15 => reset(stream, ErrorCode::CANCEL),
        16 => settings(&[(SettingId::INITIAL_WINDOW_SIZE, size as u32), (SettingId(77), 1)]),
        17 => ping(b"12345678"),
        18 => [
            part_of_headers(stream, GET, end, false),
            continuation(stream, b"", false),
            continuation(stream, FIELD, true),
        ]
        .concat(),
        _ => raw(Kind(42), Flags(0xff), stream, &vec![1; size]),
    })
}

/// Joins the pieces of a DATA frame, which are all that a cut may change.
fn joined(steps: Vec<String>) -> Vec<String> {
    let mut all: Vec<(String, usize)> = Vec::new();
    for step in steps {
        let parsed = step.strip_prefix("data ").and_then(|rest| rest.split_once(' '));
        let (name, size) = parsed.map_or((step.clone(), 0), |(id, size)| (format!("data {id}"), size.parse().unwrap()));
        match all.last_mut() {
            Some(last) if parsed.is_some() && last.0 == name => last.1 += size,
            _ => all.push((name, size)),
        }
    }
    all.into_iter().map(|(name, size)| format!("{name} {size}")).collect()
}

fn replay(side: Side, wire: &[u8], mut cuts: impl Iterator<Item = usize>) -> (Vec<String>, Vec<u8>, String) {
    let mut server = Peer::new(side, Config { max_concurrent_streams: 3, ..Config::new(side) });
    let mut output = WriteBuf::with_target(usize::MAX);
    if side == Side::Client {
        (0..4).for_each(|_| assert!(server.http2.open(()).is_ok()));
    }
    server.transmit(&mut output);
    let (mut steps, mut rest) = (Vec::new(), wire);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(cuts.next().unwrap_or(usize::MAX).clamp(1, rest.len()));
        steps.extend(server.hear(now));
        rest = later;
    }
    // Answers, so that what is said depends on what was heard.
    let mut next = server.http2.stream_from(0);
    while let Some(key) = next {
        next = server.http2.stream_from(key.index() + 1);
        server.http2.begin(key);
        server.queue(key, 5_000);
        server.http2.end(key, true);
    }
    server.transmit(&mut output);
    let len = output.len();
    (
        joined(steps),
        output.copy_to_bytes(len).to_vec(),
        format!("{:?} {:?}", server.http2.error(), server.http2.counters()),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// H-019: the same octets, cut anywhere, mean the same and are answered by the same octets.
    #[test]
    fn h019_cuts_change_nothing(
        side in prop_oneof![Just(Side::Server), Just(Side::Client)],
        conversation in prop::collection::vec(any_frame(), 0..40),
        cuts in prop::collection::vec(1..200usize, 0..200),
    ) {
        let preface = if side == Side::Server { &PREFACE[..] } else { &[] };
        let wire = [preface, &settings(&[]), &ack(), &conversation.concat()].concat();
        let whole = replay(side, &wire, std::iter::empty());
        prop_assert_eq!(&replay(side, &wire, cuts.into_iter()), &whole);
        prop_assert_eq!(&replay(side, &wire, std::iter::repeat(1)), &whole);
    }

    /// T-01, T-23: noise never panics, and ends or is taken.
    #[test]
    fn noise_is_taken(noise in prop::collection::vec(any::<u8>(), 0..600), client: bool) {
        let mut peer = if client { Peer::client() } else { Peer::server() };
        peer.hear(&noise);
        peer.say();
    }
}

/// What a caller and a well-behaved client may do to a server, for the ledgers.
#[derive(Clone, Debug)]
enum Act {
    Open,
    Data { stream: usize, size: usize, padding: Option<u8>, end: bool },
    Read { stream: usize, part: usize },
    Lend { stream: usize, octets: u32 },
    Reset { stream: usize },
    Release { stream: usize },
    PeerReset { stream: usize },
    Transmit,
}

fn any_act() -> impl Strategy<Value = Act> {
    let stream = 0..4usize;
    let size = prop_oneof![Just(0), Just(1), 0..2_000usize, Just(16_000)];
    prop_oneof![
        3 => Just(Act::Open),
        8 => (stream.clone(), size, prop::option::of(any::<u8>()), prop::bool::weighted(0.1))
            .prop_map(|(stream, size, padding, end)| Act::Data { stream, size, padding, end }),
        6 => (stream.clone(), 1..5usize).prop_map(|(stream, part)| Act::Read { stream, part }),
        1 => (stream.clone(), 1..500u32).prop_map(|(stream, octets)| Act::Lend { stream, octets }),
        1 => stream.clone().prop_map(|stream| Act::Reset { stream }),
        1 => stream.clone().prop_map(|stream| Act::Release { stream }),
        1 => stream.prop_map(|stream| Act::PeerReset { stream }),
        3 => Just(Act::Transmit),
    ]
}

/// The client's side of one stream.
#[derive(Clone, Debug)]
struct Upload {
    key: StreamKey,
    window: i64,
    held: u32,
    lent: u32,
    /// The client may send, and the server has not let go.
    sending: bool,
    released: bool,
    reset_by_server: bool,
}

const STREAM: u32 = 20_000;
const CONNECTION: u32 = 65_535;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// L-01, L-02, L-03: available + held + owed == announced + lent, for each stream and (where nothing is lent) for the
    /// connection, whatever is sent, read, reset and released, and after all is over.
    #[test]
    fn l01_receive_ledger(acts in prop::collection::vec(any_act(), 0..300)) {
        let config = Config { stream_window: STREAM, connection_window: CONNECTION, ..Config::new(Side::Server) };
        let mut server = Peer::started(Side::Server, config, &[]);
        server.consume = false;
        let mut uploads: BTreeMap<u32, Upload> = BTreeMap::new();
        let (mut next, mut connection) = (1, i64::from(CONNECTION));
        for act in acts.into_iter().chain([Act::Transmit]) {
            let pick = |uploads: &BTreeMap<u32, Upload>, at: usize| {
                uploads.iter().rev().nth(at).map(|(id, upload)| (*id, upload.clone()))
            };
            match act {
                Act::Open => {
                    let heard = server.hear(&headers(next, GET, false));
                    if heard.is_empty() {
                        // Refused: too many at once.
                        prop_assert!(server.say().iter().any(|word| word.starts_with("RST")));
                    } else {
                        let key = server.key(next);
                        let upload = Upload { key, window: STREAM.into(), held: 0, lent: 0, sending: true, released: false, reset_by_server: false };
                        uploads.insert(next, upload);
                    }
                    next += 2;
                }
                Act::Data { stream, size, padding, end } => {
                    let Some((id, upload)) = pick(&uploads, stream) else { continue };
                    let length = size as i64 + padding.map_or(0, |padding| i64::from(padding) + 1);
                    if !upload.sending || length > upload.window || length > connection {
                        continue;
                    }
                    let wire = match padding {
                        Some(padding) => padded_data(id, size, padding, end),
                        None => data(id, size, end),
                    };
                    connection -= length;
                    server.hear(&wire);
                    let entry = uploads.get_mut(&id).unwrap();
                    entry.window -= length;
                    entry.sending = !end;
                    if !upload.released && !upload.reset_by_server {
                        entry.held += size as u32;
                    }
                }
                Act::Read { stream, part } => {
                    let Some((id, upload)) = pick(&uploads, stream) else { continue };
                    let octets = upload.held / part as u32;
                    // What the stream was lent goes back to the connection alone.
                    let kept = octets.min(upload.lent);
                    if upload.released {
                        server.http2.consumed_late(octets);
                    } else {
                        server.http2.consumed(upload.key, octets - kept);
                        server.http2.consumed_late(kept);
                    }
                    let entry = uploads.get_mut(&id).unwrap();
                    entry.held -= octets;
                    entry.lent -= kept;
                }
                Act::Lend { stream, octets } => {
                    let Some((id, upload)) = pick(&uploads, stream) else { continue };
                    if server.http2.is_receive_ended(upload.key) {
                        continue;
                    }
                    server.http2.lend(upload.key, octets);
                    uploads.get_mut(&id).unwrap().lent += octets;
                }
                Act::Reset { stream } | Act::Release { stream } => {
                    let Some((id, upload)) = pick(&uploads, stream) else { continue };
                    let entry = uploads.get_mut(&id).unwrap();
                    entry.reset_by_server = true;
                    if matches!(act, Act::Release { .. }) {
                        entry.released = true;
                        server.http2.release(upload.key);
                    } else {
                        server.http2.reset(upload.key, ErrorCode::CANCEL);
                    }
                }
                Act::PeerReset { stream } => {
                    let Some((id, upload)) = pick(&uploads, stream) else { continue };
                    if upload.sending {
                        server.hear(&reset(id, ErrorCode::CANCEL));
                        uploads.get_mut(&id).unwrap().sending = false;
                    }
                }
                Act::Transmit => {
                    for word in server.say() {
                        if let ["WINDOW", id, more] = word.split(' ').collect::<Vec<_>>()[..] {
                            let (id, more) = (id.parse::<u32>().unwrap(), more.parse::<i64>().unwrap());
                            match id {
                                0 => connection += more,
                                _ => uploads.get_mut(&id).unwrap().window += more,
                            }
                        }
                    }
                    prop_assert!(server.http2.error().is_none(), "{:?}", server.http2.error());
                    let held: u32 = uploads.values().map(|upload| upload.held).sum();
                    // What the connection owes and has not announced is less than the threshold.
                    let owed = i64::from(CONNECTION) - connection - i64::from(held);
                    prop_assert!((0..i64::from(STREAM / 2)).contains(&owed), "owed {owed}");
                    for upload in uploads.values().filter(|upload| !server.http2.is_receive_ended(upload.key)) {
                        let window = server.http2.receive_window(upload.key);
                        prop_assert_eq!(window + i64::from(upload.held), i64::from(STREAM + upload.lent));
                        prop_assert!(window - upload.window < i64::from(STREAM / 2));
                    }
                }
            }
        }
    }

    /// L-04, L-05, L-06, H-114 and the design's "no loss": whatever the windows, the output's target and the order of
    /// verbs, no window is passed, every octet arrives in order, trailers come last, and nothing spins.
    #[test]
    fn send_ledger(
        sizes in prop::collection::vec((0..40_000usize, any::<bool>()), 1..8),
        initial in prop_oneof![Just(0u32), 1..100u32, Just(65_535), Just(1 << 20)],
        limit in 1..4u32,
        target in prop_oneof![Just(1usize), 1..3_000usize, Just(65_536)],
        acts in prop::collection::vec((0..6u8, 0..8usize, 1..30_000u32), 0..200),
    ) {
        let theirs = [(SettingId::INITIAL_WINDOW_SIZE, initial), (SettingId::MAX_CONCURRENT_STREAMS, limit)];
        let mut client = Peer::started(Side::Client, Config::new(Side::Client), &theirs);
        let mut keys: Vec<Option<StreamKey>> = Vec::new();
        for &(size, trailers) in &sizes {
            let key = client.http2.open(()).unwrap();
            client.queue(key, size / 2);
            client.http2.send_shared(key, vec![9; size - size / 2].into());
            client.http2.end(key, trailers);
            keys.push(Some(key));
        }
        let mut server = Receiver { initial: initial.into(), connection: 65_535, limit, ..Receiver::default() };
        let mut acts = acts.into_iter();
        let mut numbers = BTreeMap::new();
        for _ in 0..20_000 {
            let mut output = WriteBuf::with_target(target);
            let wanted = client.http2.wants_transmit();
            client.transmit(&mut output);
            prop_assert!(wanted || output.is_empty());
            let len = output.len();
            server.take(&output.copy_to_bytes(len));
            let active = server.streams.values().filter(|stream| !stream.closed).count();
            let known = keys.iter().zip(&sizes).filter_map(|(key, size)| Some((client.http2.stream_id((*key)?)?.get(), size.0)));
            numbers.extend(known);
            // L-17; those whose HEADERS found the output full have their place already.
            let actual = client.http2.active_streams();
            let most = if len < target { active } else { limit as usize };
            prop_assert!((active..=most).contains(&actual), "{actual} of {active}");
            let wire = match acts.next() {
                Some((0, at, _)) => {
                    // The application gives up.
                    if let Some(key) = keys.get_mut(at).and_then(Option::take) {
                        client.http2.release(key);
                    }
                    continue;
                }
                Some((1, at, _)) => server.reset(at),
                Some((2, _, size)) => server.resize(size % 70_000),
                Some((3, _, more)) => server.grow(0, more),
                Some((_, at, more)) => server.grow(at, more),
                // No more surprises: everything gets all the window that it needs.
                None if server.initial != 70_000 => server.resize(70_000),
                None if server.connection < 1 << 20 => server.grow(0, 1 << 20),
                None => server.finish(),
            };
            client.hear(&wire);
            for slot in &mut keys {
                if slot.is_some_and(|key| client.http2.is_closed(key)) {
                    client.http2.release(slot.take().unwrap());
                }
            }
            if keys.iter().all(Option::is_none) && !client.http2.wants_transmit() {
                break;
            }
        }
        for (id, stream) in server.streams.iter().filter(|(_, stream)| stream.ended) {
            prop_assert_eq!(stream.octets, numbers[id]);
        }
        prop_assert_eq!(client.http2.streams(), 0);
        prop_assert_eq!((client.http2.queued_in_all(), client.http2.active_streams()), (0, 0));
        prop_assert!(client.http2.error().is_none());
    }
}

#[derive(Debug, Default)]
struct Receiver {
    initial: i64,
    connection: i64,
    limit: u32,
    streams: BTreeMap<u32, Received>,
}

#[derive(Debug, Default)]
struct Received {
    window: i64,
    ended: bool,
    closed: bool,
    octets: usize,
}

impl Receiver {
    fn take(&mut self, wire: &[u8]) {
        for word in frames(wire) {
            let parts: Vec<_> = word.split(' ').collect();
            let id = parts.get(1).and_then(|id| id.parse::<u32>().ok()).unwrap_or(0);
            match parts[..] {
                ["HEADERS", _, ref end @ ..] if !self.streams.contains_key(&id) => {
                    let highest = self.streams.keys().last().copied().unwrap_or(0);
                    assert!(id == highest + 2 || id == 1, "{id} after {highest}");
                    self.streams
                        .insert(id, Received { window: self.initial, ended: !end.is_empty(), ..Received::default() });
                    let open = self.streams.values().filter(|stream| !stream.closed).count();
                    assert!(open <= self.limit as usize);
                }
                ["HEADERS", _, "END"] => {
                    let stream = self.streams.get_mut(&id).unwrap();
                    assert!(!stream.ended && !stream.closed);
                    stream.ended = true;
                }
                ["DATA", _, size, ref end @ ..] => {
                    let size: usize = size.parse().unwrap();
                    let stream = self.streams.get_mut(&id).unwrap();
                    assert!(!stream.ended && !stream.closed);
                    assert!(size > 0 || !end.is_empty());
                    stream.octets += size;
                    stream.window -= size as i64;
                    self.connection -= size as i64;
                    assert!(size == 0 || (stream.window >= 0 && self.connection >= 0), "{word}");
                    stream.ended = !end.is_empty();
                }
                ["RST", _, _] => {
                    let stream = self.streams.get_mut(&id).unwrap();
                    assert!(!stream.closed, "reset twice, or after the end");
                    stream.closed = true;
                }
                ["SETTINGS", "ACK"] | ["WINDOW", ..] => {}
                _ => panic!("{word}"),
            }
        }
    }

    fn open(&mut self, at: usize) -> Option<(&u32, &mut Received)> {
        self.streams.iter_mut().filter(|(_, stream)| !stream.closed).nth(at)
    }

    fn reset(&mut self, at: usize) -> Vec<u8> {
        let Some((id, stream)) = self.open(at) else { return Vec::new() };
        stream.closed = true;
        reset(*id, ErrorCode::CANCEL)
    }

    fn resize(&mut self, size: u32) -> Vec<u8> {
        let difference = i64::from(size) - self.initial;
        self.initial = size.into();
        self.streams.values_mut().for_each(|stream| stream.window += difference);
        settings(&[(SettingId::INITIAL_WINDOW_SIZE, size)])
    }

    /// More window for the open stream with this number, or for the connection.
    fn grow(&mut self, at: usize, more: u32) -> Vec<u8> {
        if at == 0 {
            self.connection += i64::from(more);
            return window(0, more);
        }
        let Some((id, stream)) = self.open(at - 1) else { return Vec::new() };
        stream.window += i64::from(more);
        window(*id, more)
    }

    /// Responses to all requests that have ended.
    fn finish(&mut self) -> Vec<u8> {
        let done = self.streams.iter_mut().filter(|(_, stream)| stream.ended && !stream.closed);
        let wire = done.map(|(id, stream)| {
            stream.closed = true;
            headers(*id, OK, true)
        });
        wire.collect::<Vec<_>>().concat()
    }
}
