//! The proxy of `examples/proxy`: what a client and a server see of each other through it is what they see without it.

#[path = "../examples/proxy/relay/mod.rs"]
mod relay;

use bytes::Buf;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Status};
use grpc_sansio::http2::{Config, Side};
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, SendError, Server,
    ServerConfig, Stop, WriteBuf,
};
use relay::Relay;
use std::collections::{HashMap, VecDeque};

static METHOD: Method = Method::from_static("/demo.Any/Thing", Kind::BidiStreaming);
const NOW: Instant = Instant::from_nanos(0);

/// A field as it lies on the wire.
type Field = (Vec<u8>, Vec<u8>, bool);

/// All that one end saw of a call.
#[derive(Clone, Debug, Default, PartialEq)]
struct Seen {
    head: Vec<Field>,
    messages: Vec<(bool, Vec<u8>)>,
    trailers: Vec<(Vec<u8>, Vec<u8>)>,
    end: Option<Option<Status>>,
    stopped: Option<Stop>,
}

/// What a server does with a call once its request is whole.
#[derive(Clone, Default)]
struct Answer {
    head: Metadata,
    messages: VecDeque<Message>,
    trailers: Metadata,
    status: Option<Status>,
}

struct World {
    client: Connection<Client>,
    server: Connection<Server>,
    relay: Option<Relay>,
    answer: Answer,
    open: HashMap<CallId, Answer>,
    at_server: Vec<(CallId, Seen)>,
    at_client: HashMap<CallId, Seen>,
    /// Octets of a read: how finely all is cut.
    cut: usize,
}

impl World {
    fn new(through_proxy: bool, limits: Limits, answer: Answer) -> Self {
        let config = ClientConfig::builder("localhost:443").user_agent("tester").build().unwrap();
        let server = ServerConfig::builder().limits(limits).build().unwrap();
        Self {
            client: Connection::<Client>::new(&config, NOW),
            server: Connection::<Server>::new(&server, NOW),
            relay: through_proxy.then(|| Relay::new(NOW)),
            answer,
            open: HashMap::new(),
            at_server: Vec::new(),
            at_client: HashMap::new(),
            cut: 1_000,
        }
    }

    /// Until nobody has anything to say.
    fn run(&mut self) {
        let mut outputs: [WriteBuf; 4] = Default::default();
        loop {
            self.client.transmit(NOW, &mut outputs[0]);
            self.server.transmit(NOW, &mut outputs[1]);
            if let Some(relay) = &mut self.relay {
                relay.transmit(0, NOW, &mut outputs[2]);
                relay.transmit(1, NOW, &mut outputs[3]);
            }
            if outputs.iter().all(WriteBuf::is_empty) {
                return;
            }
            let mut take = |from: usize| {
                let output = &mut outputs[from];
                output.copy_to_bytes(output.len().min(self.cut))
            };
            match &mut self.relay {
                None => {
                    self.server.receive_bytes(NOW, take(0));
                    self.client.receive_bytes(NOW, take(1));
                }
                Some(relay) => {
                    // No octets would stand for the end.
                    for (side, octets) in [(0, take(0)), (1, take(1))] {
                        if !octets.is_empty() {
                            relay.receive(side, NOW, &octets);
                        }
                    }
                    self.client.receive_bytes(NOW, take(2));
                    self.server.receive_bytes(NOW, take(3));
                }
            }
            self.serve();
            self.listen();
        }
    }

    fn serve(&mut self) {
        while let Some(event) = self.server.poll_event() {
            let (Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id)) = event else {
                continue;
            };
            if matches!(event, Event::Opened(_)) {
                self.at_server.push((id, Seen::default()));
                self.open.insert(id, self.answer.clone());
            }
            let Some((_, seen)) = self.at_server.iter_mut().rev().find(|(seen, _)| *seen == id) else { continue };
            let Some(mut call) = self.server.call(id) else { continue };
            while let Some(item) = call.read() {
                match item {
                    Item::Head(head) => {
                        seen.head = head.fields().map(|f| (f.name.to_vec(), f.value.to_vec(), f.sensitive)).collect();
                        call.send_head(&self.answer.head).unwrap();
                    }
                    Item::Message(message) => seen.messages.push((message.compressed(), message.to_vec())),
                    Item::End(_) => seen.end = Some(None),
                }
            }
            seen.stopped = call.stopped();
            let Some(answer) = self.open.get_mut(&id).filter(|_| seen.end.is_some() || seen.stopped.is_some()) else {
                continue;
            };
            while let Some(message) = answer.messages.pop_front() {
                match call.send(message) {
                    Ok(()) => {}
                    Err(SendError::Full(message)) => {
                        answer.messages.push_front(message);
                        break;
                    }
                    Err(_) => break,
                }
            }
            if let (true, Some(status)) = (answer.messages.is_empty(), &answer.status) {
                call.finish(status, &answer.trailers);
            }
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.client.poll_event() {
            let Event::Readable(id) = event else { continue };
            let seen = self.at_client.entry(id).or_default();
            while let Some(item) = self.client.call(id).as_mut().and_then(|call| call.read()) {
                match item {
                    Item::Head(head) => {
                        seen.head = head.fields().map(|f| (f.name.to_vec(), f.value.to_vec(), f.sensitive)).collect();
                    }
                    Item::Message(message) => seen.messages.push((message.compressed(), message.to_vec())),
                    Item::End(outcome) => {
                        let trailers = outcome.trailers().to_metadata();
                        let fields = trailers.iter().map(|entry| entry.field());
                        seen.trailers = fields.map(|field| (field.0.to_vec(), field.1.to_vec())).collect();
                        seen.end = Some(Some(outcome.status().clone()));
                    }
                }
            }
        }
    }
}

/// Metadata with names that repeat, octets, a secret, and values that look like the protocol's.
fn metadata(of: &str) -> Metadata {
    let mut metadata = Metadata::new();
    metadata.append("from", of).unwrap();
    metadata.append("zeta", "first").unwrap();
    metadata.append_bin("octets-bin", &[0, 1, 255]).unwrap();
    metadata.append_sensitive("authorization", "Bearer secret").unwrap();
    metadata.append("zeta", "second, third").unwrap();
    metadata
}

fn messages(sizes: &[usize]) -> VecDeque<Message> {
    let fill = |(place, size): (usize, &usize)| Message::new(vec![place as u8; *size]);
    sizes.iter().enumerate().map(fill).collect()
}

/// One call with all that a call can have, and what each end saw of it.
fn conversation(through_proxy: bool, requests: &[usize], responses: &[usize], cut: usize) -> (Seen, Seen) {
    let status = Status::new(Code::FailedPrecondition, "not today: ä%").with_details(vec![1, 2, 3]);
    let answer = Answer {
        head: metadata("head"),
        messages: messages(responses),
        trailers: metadata("trailers"),
        status: Some(status),
    };
    let mut world = World::new(through_proxy, Limits::default(), answer);
    world.cut = cut;
    let said = metadata("client");
    let deadline = NOW.saturating_add(std::time::Duration::from_secs(5));
    let options = OpenOptions::new(&METHOD).metadata(&said).deadline(deadline);
    let id = world.client.open(NOW, &options).unwrap();
    let mut waiting = messages(requests);
    loop {
        let mut call = world.client.call(id).unwrap();
        let Some(message) = waiting.pop_front() else {
            call.half_close().unwrap();
            break;
        };
        if let Err(SendError::Full(message)) = call.send(message) {
            waiting.push_front(message);
            world.run();
        }
    }
    world.run();
    assert!(world.client.call(id).is_none(), "the call has ended");
    (world.at_server.remove(0).1, world.at_client.remove(&id).unwrap())
}

#[test]
fn every_field_and_every_octet_goes_through() {
    for (requests, responses) in [
        (&[5][..], &[7][..]),
        (&[], &[]),
        (&[0, 1, 70_000, 0], &[3; 40]),
        (&[200_000; 3], &[400_000, 1, 65_531]),
        (&[3_000_000], &[3_000_000]),
    ] {
        for cut in [1_000, 16_393] {
            let direct = conversation(false, requests, responses, cut);
            let proxied = conversation(true, requests, responses, cut);
            assert!(direct.0.messages.len() == requests.len() && direct.1.messages.len() == responses.len());
            assert!(direct == proxied, "{requests:?}, {responses:?}, cut at {cut}: not what it is without a proxy");
        }
    }
    // One octet at a time.
    assert!(conversation(false, &[3], &[5, 0], 1) == conversation(true, &[3], &[5, 0], 1));
}

/// An answer that never comes: calls stay open.
fn silent(limits: Limits) -> (World, CallId) {
    let mut world = World::new(true, limits, Answer::default());
    let id = world.client.open(NOW, &OpenOptions::new(&METHOD)).unwrap();
    world.client.call(id).unwrap().send(vec![1; 10]).unwrap();
    world.run();
    (world, id)
}

fn streams(world: &World) -> [usize; 2] {
    world.relay.as_ref().unwrap().sides.each_ref().map(|side| side.streams())
}

#[test]
fn a_cancelled_call_is_cancelled_at_the_server_and_forgotten() {
    let (mut world, id) = silent(Limits::default());
    assert_eq!(streams(&world), [1, 1]);
    world.client.call(id).unwrap().cancel();
    world.run();
    assert_eq!(world.at_server[0].1.stopped, Some(Stop::Cancelled));
    assert_eq!(streams(&world), [0, 0]);
}

#[test]
fn a_reset_keeps_its_code() {
    for (code, expected) in [
        (ErrorCode::INTERNAL_ERROR, Code::Internal),
        (ErrorCode::CANCEL, Code::Cancelled),
        (ErrorCode::ENHANCE_YOUR_CALM, Code::ResourceExhausted),
    ] {
        let (mut world, id) = silent(Limits::default());
        let at_server = world.at_server[0].0;
        world.server.call(at_server).unwrap().reset(code).unwrap();
        world.run();
        let status = world.at_client[&id].end.clone().flatten().unwrap();
        assert_eq!(status.code(), expected);
        assert_eq!(streams(&world), [0, 0]);
    }
}

#[test]
fn calls_beyond_the_servers_limit_wait_for_their_turn() {
    let mut limits = Limits::default();
    limits.max_concurrent_calls = 1;
    let answer = Answer { messages: messages(&[3]), status: Some(Status::ok()), ..Answer::default() };
    let mut world = World::new(true, limits, answer);
    // Its SETTINGS arrive before the first call, so the proxy knows the limit.
    world.run();
    for _ in 0..20 {
        let id = world.client.open(NOW, &OpenOptions::new(&METHOD)).unwrap();
        world.client.call(id).unwrap().half_close().unwrap();
    }
    world.run();
    assert_eq!(world.at_client.len(), 20);
    assert!(world.at_client.values().all(|seen| seen.end.clone().flatten().unwrap().is_ok()));
    assert_eq!((world.at_server.len(), streams(&world)), (20, [0, 0]));
}

/// The server hands out more than the client reads: what is in between stays within the windows.
#[test]
fn a_slow_reader_costs_a_window() {
    let answer = Answer { messages: messages(&[10_000; 500]), ..Answer::default() };
    let mut world = World::new(true, Limits::default(), answer);
    let id = world.client.open(NOW, &OpenOptions::new(&METHOD)).unwrap();
    world.client.call(id).unwrap().half_close().unwrap();
    // Read by nobody: the client's events are not asked for.
    let mut outputs: [WriteBuf; 4] = Default::default();
    for _ in 0..10_000 {
        let relay = world.relay.as_mut().unwrap();
        world.client.transmit(NOW, &mut outputs[0]);
        world.server.transmit(NOW, &mut outputs[1]);
        relay.transmit(0, NOW, &mut outputs[2]);
        relay.transmit(1, NOW, &mut outputs[3]);
        let mut take = |from: usize| {
            let length = outputs[from].len();
            outputs[from].copy_to_bytes(length)
        };
        for (side, octets) in [(0, take(0)), (1, take(1))] {
            if !octets.is_empty() {
                relay.receive(side, NOW, &octets);
            }
        }
        world.client.receive_bytes(NOW, take(2));
        world.server.receive_bytes(NOW, take(3));
        world.serve();
    }
    let queued: usize = world.relay.as_ref().unwrap().sides.iter().map(|side| side.queued_in_all()).sum();
    let window = Config::new(Side::Client).stream_window as usize;
    assert!((window / 2..=window).contains(&queued), "{queued} octets wait in the proxy");
    // Then it is read after all.
    world.run();
    world.listen();
    let got = &world.at_client.get(&id).map_or(0, |seen| seen.messages.len());
    assert!(*got > 0);
}

#[test]
fn what_a_goaway_leaves_unprocessed_may_be_tried_again() {
    let (mut world, first) = silent(Limits::default());
    world.server.shutdown(NOW, None);
    world.run();
    // The client is told, and opens no more here; the call that was under way goes on.
    assert!(world.client.open(NOW, &OpenOptions::new(&METHOD)).is_err());
    assert!(world.client.call(first).is_some());
}

/// A connection that is lost takes the calls of the other one with it.
#[test]
fn a_lost_connection_ends_its_calls_on_the_other_side() {
    let (mut world, _) = silent(Limits::default());
    world.relay.as_mut().unwrap().receive(0, NOW, &[]);
    world.run();
    assert_eq!(world.at_server[0].1.stopped, Some(Stop::Cancelled));

    let (mut world, id) = silent(Limits::default());
    world.relay.as_mut().unwrap().receive(1, NOW, &[]);
    world.run();
    let status = world.at_client[&id].end.clone().flatten().unwrap();
    assert_eq!(status.code(), Code::Internal);
    assert_eq!(streams(&world), [0, 0]);
}
