//! Two applications that follow a script, on a pair that is watched at every step.

use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use grpc_sansio::testing::Pair;
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Item, Limits, OpenError, OpenOptions, SendError, Server,
    ServerConfig,
};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

pub(crate) static METHODS: [Method; 4] = [
    Method::from_static("/liveness/Unary", Kind::Unary),
    Method::from_static("/liveness/Upload", Kind::ClientStreaming),
    Method::from_static("/liveness/Download", Kind::ServerStreaming),
    Method::from_static("/liveness/Bidi", Kind::BidiStreaming),
];

/// How a call is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The server answers when it has read all.
    Regular(Code),
    /// The server answers when it has read so many messages, whatever else comes (L-37).
    Early(Code, usize),
    /// The server resets it, likewise.
    Reset(usize),
    /// The client cancels it when it has read so many messages.
    Cancel(usize),
}

/// What both applications do with a call.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) method: usize,
    /// Sizes of the messages, both ways.
    pub(crate) up: Vec<usize>,
    pub(crate) down: Vec<usize>,
    pub(crate) ending: Ending,
}

pub(crate) fn size() -> impl Strategy<Value = usize> {
    prop_oneof![6 => 0..80usize, 3 => 80..9_000usize, 1 => 20_000..90_000usize]
}

pub(crate) fn script() -> impl Strategy<Value = Script> {
    let code = prop_oneof![3 => Just(Code::Ok), 1 => Just(Code::Aborted)];
    let ending = prop_oneof![
        8 => code.clone().prop_map(Ending::Regular),
        2 => (code, 0..3usize).prop_map(|(code, after)| Ending::Early(code, after)),
        1 => (0..3usize).prop_map(Ending::Reset),
        1 => (0..3usize).prop_map(Ending::Cancel),
    ];
    let sizes = || prop::collection::vec(size(), 0..6);
    (0..4usize, sizes(), sizes(), ending).prop_map(|(method, mut up, mut down, ending)| {
        let kind = METHODS[method].kind();
        // What is owed exactly once is there exactly once.
        if !kind.client_streams() {
            up.resize(1, 40);
        }
        if !kind.server_streams() {
            down.resize(1, 40);
        }
        Script { method, up, down, ending }
    })
}

fn message(number: usize, at: usize, size: usize) -> Vec<u8> {
    (0..size).map(|octet| (number * 7 + at * 31 + octet) as u8).collect()
}

/// What became of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Result {
    pub(crate) outcome: Option<Code>,
    pub(crate) unprocessed: bool,
    pub(crate) cancelled: bool,
    /// Messages that each side read.
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) shown: bool,
    pub(crate) stopped: usize,
}

/// One side of a call, between its events.
#[derive(Default)]
struct Part {
    number: usize,
    to_send: VecDeque<Vec<u8>>,
    read: usize,
    half_closed: bool,
    saw_end: bool,
}

/// Both applications.
pub(crate) struct World {
    scripts: Vec<Script>,
    pub(crate) results: Vec<Result>,
    /// Scripts whose call is not open yet.
    to_open: VecDeque<usize>,
    clients: BTreeMap<CallId, Part>,
    servers: BTreeMap<CallId, Part>,
    /// The client may open no more.
    pub(crate) draining: bool,
}

impl World {
    fn open(&mut self, now: grpc_sansio::Instant, client: &mut Connection<Client>) {
        while let Some(&number) = self.to_open.front() {
            let script = &self.scripts[number];
            let mut metadata = Metadata::new();
            metadata.append("number", &number.to_string()).unwrap();
            match client.open(now, &OpenOptions::new(&METHODS[script.method]).metadata(&metadata)) {
                Ok(id) => {
                    self.to_open.pop_front();
                    let to_send = script.up.iter().enumerate().map(|(at, size)| message(number, at, *size)).collect();
                    self.clients.insert(id, Part { number, to_send, ..Part::default() });
                    self.client_acts(client, id);
                }
                Err(OpenError::Full) => return,
                Err(OpenError::Draining) => {
                    self.draining = true;
                    return;
                }
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    /// Does whatever can be done on this call now.
    fn client_acts(&mut self, client: &mut Connection<Client>, id: CallId) {
        let Some(part) = self.clients.get_mut(&id) else { return };
        let (script, result) = (&self.scripts[part.number], &mut self.results[part.number]);
        loop {
            let mut call = client.call(id).expect("a call lives until its end is read");
            if script.ending == Ending::Cancel(part.read) {
                call.cancel();
                result.cancelled = true;
                self.clients.remove(&id);
                return;
            }
            match call.read() {
                None => break,
                Some(Item::Head(_)) => assert_eq!(part.read, 0),
                Some(Item::Message(payload)) => {
                    assert_eq!(payload[..], message(part.number, part.read, script.down[part.read])[..], "L-16");
                    part.read += 1;
                    result.down = part.read;
                }
                Some(Item::End(outcome)) => {
                    assert_eq!(result.outcome.replace(outcome.status().code()), None, "a second end (L-31)");
                    result.unprocessed = outcome.unprocessed();
                    assert!(client.call(id).is_none());
                    self.clients.remove(&id);
                    return;
                }
            }
        }
        let mut call = client.call(id).expect("no end was read");
        while let Some(message) = part.to_send.pop_front() {
            match call.send(message) {
                Ok(()) => {}
                Err(SendError::Full(Message { data, .. })) => return part.to_send.push_front(data.to_vec()),
                Err(SendError::Ended(_)) => part.to_send.clear(),
                Err(other) => panic!("{other:?}"),
            }
        }
        if !part.half_closed && METHODS[script.method].kind().client_streams() {
            call.half_close().unwrap();
            part.half_closed = true;
        }
    }

    fn server_acts(&mut self, server: &mut Connection<Server>, id: CallId) {
        if !self.servers.contains_key(&id) {
            let mut call = server.call(id).expect("shown");
            let Some(Item::Head(head)) = call.read() else { panic!("a head comes first") };
            let number: usize = head.metadata().get("number").unwrap().parse().unwrap();
            let script = &self.scripts[number];
            call.expect(METHODS[script.method].kind()).unwrap();
            let to_send = script.down.iter().enumerate().map(|(at, size)| message(number, at, *size)).collect();
            self.servers.insert(id, Part { number, to_send, ..Part::default() });
            assert!(!std::mem::replace(&mut self.results[number].shown, true), "shown twice");
        }
        let part = self.servers.get_mut(&id).expect("just made");
        let (script, result) = (&self.scripts[part.number], &mut self.results[part.number]);
        loop {
            let Some(mut call) = server.call(id) else { panic!("nobody let go of it") };
            match call.read() {
                None => break,
                Some(Item::Head(_)) => panic!("a second head"),
                Some(Item::Message(payload)) => {
                    assert!(!part.saw_end);
                    assert_eq!(payload[..], message(part.number, part.read, script.up[part.read])[..], "L-16");
                    part.read += 1;
                    result.up = part.read;
                }
                Some(Item::End(_)) => part.saw_end = true,
            }
        }
        let mut call = server.call(id).expect("nobody let go of it");
        if call.stopped().is_some() {
            call.release();
            self.servers.remove(&id);
            return;
        }
        let read = part.read;
        let done = match script.ending {
            Ending::Early(_, after) | Ending::Reset(after) => read >= after || part.saw_end,
            _ => part.saw_end,
        };
        while let Some(message) = part.to_send.pop_front() {
            match call.send(message) {
                Ok(()) => {}
                Err(SendError::Full(Message { data, .. })) => return part.to_send.push_front(data.to_vec()),
                Err(other) => panic!("{other:?}"),
            }
        }
        if !done {
            return;
        }
        match script.ending {
            Ending::Regular(code) | Ending::Early(code, _) => call.finish(&Status::from(code), &Metadata::new()),
            Ending::Reset(_) => call.reset(ErrorCode::INTERNAL_ERROR).unwrap(),
            Ending::Cancel(_) => call.finish(&Status::ok(), &Metadata::new()),
        }
        self.servers.remove(&id);
    }
}

/// When the applications look at their calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attention {
    /// When an event names one.
    Events,
    /// After each step, at all of them; events are thrown away.
    Polling,
}

pub(crate) struct Traffic {
    pub(crate) pair: Pair,
    pub(crate) world: Rc<RefCell<World>>,
    attention: Attention,
}

/// Limits at which everything is tight.
pub(crate) fn tight(limit: u32) -> Limits {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = limit;
    limits.max_waiting_calls = 3;
    (limits.call_window, limits.connection_window) = (65_535, 65_535);
    limits.max_receive_message = Some(100_000);
    limits.assembly_budget = 100_000;
    limits.send_queue_per_call = 10_000;
    limits.send_queue_per_connection = 30_000;
    limits
}

impl Traffic {
    pub(crate) fn new(seed: u64, limits: &Limits, scripts: &[Script], attention: Attention) -> Self {
        let client = ClientConfig::builder("localhost").limits(limits.clone()).build().unwrap();
        let server = ServerConfig::builder().limits(limits.clone()).build().unwrap();
        let mut pair = Pair::with(&client, &server, seed);
        pair.watch();
        // Before the server's SETTINGS a client opens more than this server takes (G-164).
        pair.drive();
        let world = Rc::new(RefCell::new(World {
            scripts: scripts.to_vec(),
            results: vec![Result::default(); scripts.len()],
            to_open: (0..scripts.len()).collect(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            draining: false,
        }));
        let (one, other) = (Rc::clone(&world), Rc::clone(&world));
        let polling = attention == Attention::Polling;
        let mut named = BTreeMap::new();
        pair.on_client(move |now, client, event| {
            let mut world = one.borrow_mut();
            match event {
                Event::Stopped(id) => {
                    assert_eq!(named.insert(id, ()), None, "stopped twice (L-31)");
                    if !polling {
                        world.client_acts(client, id);
                    }
                }
                _ if polling => {}
                Event::Readable(id) | Event::Writable(id) => world.client_acts(client, id),
                Event::Available => world.open(now, client),
                _ => {}
            }
        });
        pair.on_server(move |_, server, event| {
            let mut world = other.borrow_mut();
            match event {
                // Who does not look at events has to be told of new calls all the same.
                Event::Opened(id) => world.server_acts(server, id),
                Event::Stopped(id) => {
                    let number = world.servers.get(&id).expect("a call that was shown").number;
                    world.results[number].stopped += 1;
                    assert_eq!(world.results[number].stopped, 1, "stopped twice (L-31)");
                    if !polling {
                        world.server_acts(server, id);
                    }
                }
                Event::Readable(id) | Event::Writable(id) if !polling => world.server_acts(server, id),
                _ => {}
            }
        });
        Self { pair, world, attention }
    }

    /// Opens as much as there is room for.
    pub(crate) fn start(&mut self) {
        self.world.borrow_mut().open(self.pair.clock.now(), &mut self.pair.client);
    }

    /// One step of both sides, and of applications that poll; whether anything happened.
    pub(crate) fn step(&mut self) -> bool {
        let busy = self.pair.step();
        if self.attention == Attention::Polling {
            let mut world = self.world.borrow_mut();
            world.open(self.pair.clock.now(), &mut self.pair.client);
            let clients: Vec<_> = world.clients.keys().copied().collect();
            clients.into_iter().for_each(|id| world.client_acts(&mut self.pair.client, id));
            let servers: Vec<_> = world.servers.keys().copied().collect();
            servers.into_iter().for_each(|id| world.server_acts(&mut self.pair.server, id));
        }
        self.pair.check();
        busy || self.pair.client.wants_transmit() || self.pair.server.wants_transmit()
    }

    /// Steps until nothing more happens, octets in flight included.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200_000 {
            if self.step() {
                continue;
            }
            match [&self.pair.up, &self.pair.down].into_iter().filter_map(|link| link.next_arrival()).min() {
                Some(arrival) => self.pair.clock.advance_to(arrival),
                None => return,
            }
        }
        panic!("livelock (L-13) at {:?}", self.pair.now());
    }

    pub(crate) fn results(&self) -> Vec<Result> {
        self.world.borrow().results.clone()
    }

    /// Nothing is open, queued or lent any more, and the connections are as good as new (L-12, L-43).
    pub(crate) fn ends(&mut self) {
        assert_eq!((self.pair.client.calls(), self.pair.server.calls()), (0, 0));
        assert_eq!((self.pair.client.queued(), self.pair.server.queued()), (0, 0));
        if !self.pair.client.is_finished() {
            self.pair.sleep(Duration::from_secs(2));
            let kept = (self.pair.client.heap_size(), self.pair.server.heap_size());
            assert!(kept.0 < 20_000 && kept.1 < 20_000, "L-43: {kept:?}");
        }
        let now = self.pair.now();
        self.pair.client.shutdown(now, None);
        self.pair.server.shutdown(now, None);
        self.settle();
        assert!(self.pair.client.is_finished() && self.pair.server.is_finished(), "L-12: {:?}", self.pair);
        assert_eq!((self.pair.client.error(), self.pair.server.error()), (None, None));
    }
}
