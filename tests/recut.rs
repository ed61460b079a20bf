//! However a read is cut, the same happens (design §4).
//!
//! A conversation is recorded: for each side, what it read and when. Then each side is played again on its own, with the
//! same application, from the same reads cut anew at random, down to single octets.
#![cfg(feature = "testing")]

use bytes::{Buf, Bytes};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use grpc_sansio::http2::Side;
use grpc_sansio::testing::{CallLog, Record, Recorded, Rng, Transcript};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Limits, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::collections::BTreeMap;
use std::time::Duration;

static METHOD: Method = Method::from_static("/test.Service/Recut", Kind::BidiStreaming);

/// One turn of a side: what it read, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Turn {
    now: Instant,
    read: Bytes,
    /// The transport ends behind what was read.
    eof: bool,
    events: Vec<Event>,
    written: Bytes,
}

/// A side with its application, whose doings depend on nothing but the number of the turn and what it was told.
struct Player<R: Recorded> {
    connection: Connection<R>,
    log: Transcript,
    act: fn(&mut Connection<R>, &mut Transcript, &mut State, Instant, Option<Event>),
    state: State,
}

/// What the applications remember.
#[derive(Default)]
struct State {
    turn: u64,
    seed: u64,
    items: BTreeMap<CallId, usize>,
    opened: Vec<CallId>,
}

impl<R: Recorded> Player<R> {
    /// A turn: reads in `pieces`, and then maybe the end of the transport, polls after each where `eager`, else once at the
    /// end, and transmits once.
    fn turn(&mut self, now: Instant, pieces: &[Bytes], eof: bool, eager: bool) -> (Vec<Event>, Bytes) {
        let mut events = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            if at % 2 == 0 {
                self.connection.receive(now, piece);
            } else {
                self.connection.receive_bytes(now, piece.clone());
            }
            if eager {
                self.poll(now, &mut events);
            }
        }
        if eof {
            self.connection.receive_eof(now);
        }
        self.poll(now, &mut events);
        (self.act)(&mut self.connection, &mut self.log, &mut self.state, now, None);
        self.state.turn += 1;
        let mut output = WriteBuf::with_target(usize::MAX);
        self.connection.transmit(now, &mut output);
        let len = output.len();
        (events, output.copy_to_bytes(len))
    }

    fn poll(&mut self, now: Instant, events: &mut Vec<Event>) {
        while let Some(event) = self.connection.poll_event() {
            events.push(event);
            (self.act)(&mut self.connection, &mut self.log, &mut self.state, now, Some(event));
        }
    }

    fn calls(&self) -> Vec<(CallId, CallLog)> {
        self.log.calls().map(|(id, log)| (id, log.clone())).collect()
    }
}

/// A client that opens calls of many shapes, and cancels some.
fn client_acts(
    client: &mut Connection<Client>,
    log: &mut Transcript,
    state: &mut State,
    now: Instant,
    event: Option<Event>,
) {
    if let Some(Event::Readable(id) | Event::Stopped(id)) = event {
        log.read(client, id);
    }
    if event.is_some() || state.turn > 40 {
        return;
    }
    let mut rng = Rng::new(state.seed ^ state.turn.wrapping_mul(0x1234_5678_9abc_def1));
    let mut metadata = Metadata::new();
    metadata.append("turn", &state.turn.to_string()).unwrap();
    metadata.append_bin("some-bin", &rng.next_u64().to_be_bytes()).unwrap();
    let mut options = OpenOptions::new(&METHOD).metadata(&metadata);
    if rng.one_in(4) {
        options = options.deadline(now.saturating_add(Duration::from_millis(1 + rng.below(20) as u64)));
    }
    let Ok(id) = client.open(now, &options) else { return };
    state.opened.push(id);
    for _ in 0..rng.below(6) {
        let size = [0, 3, 40, 700, 5_000, 30_000, 300_000][rng.below(7)];
        if client.call(id).unwrap().send(vec![rng.next_u64() as u8; size]).is_err() {
            break;
        }
    }
    match rng.below(8) {
        0 => client.call(id).unwrap().cancel(),
        1 => {}
        _ => _ = client.call(id).unwrap().half_close(),
    }
}

/// A server that answers with what it got, and now and then with an error, a reset, or nothing at all.
fn server_acts(
    server: &mut Connection<Server>,
    log: &mut Transcript,
    state: &mut State,
    _: Instant,
    event: Option<Event>,
) {
    let Some(Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
        return;
    };
    log.read(server, id);
    let Some(call) = log.call(id) else { return };
    let Some(mut view) = server.call(id) else { return };
    if view.stopped().is_some() {
        return view.release();
    }
    let done = state.items.entry(id).or_default();
    while let Some(item) = call.items.get(*done) {
        *done += 1;
        match item {
            Record::Message { data, .. } if data.len() == 40 => {
                return view.finish(&Status::new(Code::Aborted, "forty"), &Metadata::new());
            }
            Record::Message { data, .. } if data.len() == 700 => {
                return view.reset(grpc_sansio::frame::ErrorCode::INTERNAL_ERROR).unwrap();
            }
            Record::Message { data, .. } => _ = view.send(Message::new(data.slice(..data.len() / 2))),
            Record::HalfClose => return view.finish(&Status::ok(), &Metadata::new()),
            _ => {}
        }
    }
}

fn player<R: Recorded>(connection: Connection<R>, act: Act<R>, seed: u64) -> Player<R> {
    Player { connection, log: Transcript::new(), act, state: State { seed, ..State::default() } }
}

type Act<R> = fn(&mut Connection<R>, &mut Transcript, &mut State, Instant, Option<Event>);

fn client(seed: u64) -> Player<Client> {
    let config = ClientConfig::builder("localhost").limits(limits()).build().unwrap();
    player(Connection::<Client>::new(&config, Instant::from_nanos(0)), client_acts, seed)
}

fn server(seed: u64) -> Player<Server> {
    let config = ServerConfig::builder().limits(limits()).build().unwrap();
    player(Connection::<Server>::new(&config, Instant::from_nanos(0)), server_acts, seed)
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 7;
    limits.call_window = 65_535;
    limits
}

/// What happens to a conversation besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    GoesOn,
    /// One side hears a frame that breaks a rule, and more behind it.
    Breaks(Side),
    /// The transport ends for one side, maybe inside a frame.
    Ends(Side),
}

const FATES: [Fate; 5] = [
    Fate::GoesOn,
    Fate::Breaks(Side::Client),
    Fate::Breaks(Side::Server),
    Fate::Ends(Side::Client),
    Fate::Ends(Side::Server),
];

/// When its fate meets a conversation that does not go on.
const FATEFUL_TURN: u64 = 30;

/// SETTINGS of a length that there is not (RFC 9113 section 6.5), and a PING behind them.
const BROKEN: [u8; 31] = [0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 0, 0, 8, 6, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9];

/// Lets the two talk; returns what each of them read, and what came of it.
fn record(seed: u64, fate: Fate) -> (Vec<Turn>, Vec<Turn>) {
    let (mut client, mut server) = (client(seed), server(seed));
    let (mut client_turns, mut server_turns) = (Vec::new(), Vec::new());
    let mut rng = Rng::new(seed);
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for turn in 0..200u64 {
        let now = Instant::from_nanos(turn * 1_000_000);
        let fates = |side| (turn == FATEFUL_TURN + seed, fate == Fate::Breaks(side), fate == Fate::Ends(side));
        client_turns.push(take_turn(&mut client, now, &mut down, &mut up, &mut rng, fates(Side::Client)));
        server_turns.push(take_turn(&mut server, now, &mut up, &mut down, &mut rng, fates(Side::Server)));
    }
    let broken = (client.connection.error().is_some(), server.connection.error().is_some());
    match fate {
        Fate::GoesOn => assert_eq!(broken, (false, false)),
        // The other one hears a GOAWAY, and waits for its transport to end.
        Fate::Breaks(Side::Client) | Fate::Ends(Side::Client) => assert!(broken.0),
        Fate::Breaks(Side::Server) | Fate::Ends(Side::Server) => assert!(broken.1),
    }
    (client_turns, server_turns)
}

fn take_turn<R: Recorded>(
    side: &mut Player<R>,
    now: Instant,
    from: &mut Vec<u8>,
    to: &mut Vec<u8>,
    rng: &mut Rng,
    (fateful, breaks, ends): (bool, bool, bool),
) -> Turn {
    let len = if rng.one_in(3) { rng.below(from.len() + 1) } else { from.len() };
    // What breaks a rule comes behind whole frames.
    let len = if fateful && breaks { from.len() } else { len };
    let mut read: Vec<u8> = from.drain(..len).collect();
    if fateful && breaks {
        read.extend(BROKEN);
    }
    let (read, eof) = (Bytes::from(read), fateful && ends);
    let (events, written) = side.turn(now, std::slice::from_ref(&read), eof, false);
    to.extend_from_slice(&written);
    Turn { now, read, eof, events, written }
}

fn cut(read: &Bytes, rng: &mut Rng) -> Vec<Bytes> {
    let single = read.len() < 20_000 && rng.one_in(3);
    let mut rest = read.clone();
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let most = if rng.one_in(2) { 12 } else { rest.len() };
        let len = if single { 1 } else { 1 + rng.below(most) };
        pieces.push(rest.split_to(len.min(rest.len())));
    }
    // A read of nothing changes nothing, either.
    pieces.push(Bytes::new());
    pieces
}

/// With polls at the recorded points, events, items and output are the same, octet for octet.
fn replay<R: Recorded>(turns: &[Turn], whole: Player<R>, mut again: Player<R>, rng: &mut Rng) {
    let mut whole = whole;
    for turn in turns {
        whole.turn(turn.now, std::slice::from_ref(&turn.read), turn.eof, false);
        let (events, written) = again.turn(turn.now, &cut(&turn.read, rng), turn.eof, false);
        assert_eq!(events, turn.events, "at {:?}", turn.now);
        assert!(written == turn.written, "other octets at {:?}", turn.now);
    }
    assert!(whole.calls() == again.calls());
    assert!(whole.calls().len() > 10, "otherwise this tests nothing");
}

#[test]
fn polled_at_the_same_points_everything_is_the_same() {
    for (seed, fate) in (0..15).zip(FATES.into_iter().cycle()) {
        let (client_turns, server_turns) = record(seed, fate);
        let mut rng = Rng::new(!seed);
        for _ in 0..3 {
            replay(&client_turns, client(seed), client(seed), &mut rng);
            replay(&server_turns, server(seed), server(seed), &mut rng);
        }
    }
}

/// With polls after every cut, a server's calls read the same. What was shown depends on the polls, so calls that came and
/// went within one read are left out.
#[test]
fn polled_after_every_cut_each_call_reads_the_same() {
    for (seed, fate) in (0..15).zip(FATES.into_iter().cycle()) {
        let (client_turns, server_turns) = record(seed, fate);
        let mut rng = Rng::new(seed << 8);
        let mut calls = 0;
        let (mut whole, mut again) = (client(seed), client(seed));
        for turn in &client_turns {
            whole.turn(turn.now, std::slice::from_ref(&turn.read), turn.eof, false);
            again.turn(turn.now, &cut(&turn.read, &mut rng), turn.eof, true);
        }
        // Slots are freed in another order, so calls are told apart by the order of their opening.
        assert_eq!(whole.state.opened.len(), again.state.opened.len());
        for (one, other) in whole.state.opened.iter().zip(&again.state.opened) {
            assert_eq!(whole.log.call(*one), again.log.call(*other), "seed {seed}, {one:?}");
            calls += usize::from(whole.log.call(*one).is_some());
        }
        let (mut whole, mut again) = (server(seed), server(seed));
        for turn in &server_turns {
            whole.turn(turn.now, std::slice::from_ref(&turn.read), turn.eof, false);
            again.turn(turn.now, &cut(&turn.read, &mut rng), turn.eof, true);
        }
        // A call that is shown more often has other keys behind it: calls are told apart by their metadata.
        let by_head = |player: &Player<Server>| -> BTreeMap<String, Vec<Record>> {
            let logs = player.calls().into_iter();
            logs.map(|(_, log)| (format!("{:?}", log.metadata()), log.items)).collect()
        };
        let again = by_head(&again);
        for (head, items) in by_head(&whole) {
            let eager = &again[&head];
            // An application that answers at once may be done with a call before the rest of the same read arrives.
            let common = items.len().min(eager.len());
            assert_eq!(items[..common], eager[..common], "seed {seed}");
            calls += 1;
        }
        assert!(calls > 20);
    }
}
