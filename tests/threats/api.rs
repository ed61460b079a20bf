//! 1F, its last rows: whoever embeds a connection, rightly or wrongly.

use crate::attacks::Wire;
use crate::meter::check;
use crate::talk::{RESPONSE, TRAILERS, Talk};
use grpc_sansio::frame::{ErrorCode, Flags};
use grpc_sansio::grpc::{Kind, Message, Metadata, Method, Status};
use grpc_sansio::testing::Rng;
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, Limits, OpenOptions, Role, SendError, Server,
    ServerConfig, WriteBuf,
};
use std::time::Duration;

static METHOD: Method = Method::from_static("/a/b", Kind::BidiStreaming);

fn server(limits: Limits) -> Connection<Server> {
    Connection::<Server>::new(&ServerConfig::builder().limits(limits).build().unwrap(), Instant::from_nanos(0))
}

fn client(limits: Limits) -> Connection<Client> {
    Connection::<Client>::new(&ClientConfig::builder("a").limits(limits).build().unwrap(), Instant::from_nanos(0))
}

/// After the end of its input a connection has nothing to say and nothing to wait for, but for a few octets that were
/// decided on before; and saying so takes at most three calls.
#[track_caller]
fn is_quiet_after_eof<R: Role>(connection: &mut Connection<R>) {
    let now = Instant::from_nanos(1);
    connection.receive_eof(now);
    let mut output = WriteBuf::new();
    for _ in 0..3 {
        connection.transmit(now, &mut output);
        while connection.poll_event().is_some() {}
        connection.handle_timeout(now);
    }
    assert!(!connection.wants_transmit() && connection.is_finished());
    let before = output.len();
    connection.transmit(now, &mut output);
    assert_eq!((output.len(), connection.poll_event()), (before, None));
    // What is left is slack memory to give back.
    while let Some(next) = connection.poll_timeout() {
        connection.handle_timeout(next);
        assert!(connection.poll_timeout().is_none_or(|later| later > next));
        assert!(next <= now.saturating_add(Duration::from_secs(10)), "{next:?}");
    }
}

/// RUSTSEC-2024-0336: the end of the input at every octet of a conversation.
#[test]
fn t_75_loops_at_the_close() {
    let now = Instant::from_nanos(0);
    let mut talk = Talk::server();
    talk.write(|wire| {
        wire.request(1, Flags::NONE);
        wire.message(1, 3, Flags::NONE);
        wire.request(3, Flags::NONE);
        wire.message(3, 3, Flags::END_STREAM);
        wire.reset(1, ErrorCode::CANCEL);
    });
    for cut in 0..=talk.all.len() {
        let mut server = server(Limits::default());
        server.transmit(now, &mut WriteBuf::new());
        server.receive(now, &talk.all[..cut]);
        while let Some(event) = server.poll_event() {
            if let Event::Stopped(id) = event {
                server.call(id).expect("a call that stopped").release();
            }
        }
        is_quiet_after_eof(&mut server);
    }
    let mut wire = Wire::default();
    wire.settings(&[]);
    wire.settings_ack();
    wire.headers(1, RESPONSE, Flags::NONE);
    wire.message(1, 3, Flags::NONE);
    wire.headers(1, TRAILERS, Flags::END_STREAM);
    for cut in 0..=wire.octets.len() {
        let mut client = client(Limits::default());
        let _id = client.open(now, &OpenOptions::new(&METHOD)).unwrap();
        client.transmit(now, &mut WriteBuf::new());
        client.receive(now, &wire.octets[..cut]);
        is_quiet_after_eof(&mut client);
    }
}

/// What a connection costs that has shaken hands, and one that has served a call and rests.
#[test]
fn t_79_idle_connections() {
    const MANY: i64 = 1_000;
    let now = Instant::from_nanos(0);
    let mut talk = Talk::server();
    let hello = talk.all.clone();
    talk.write(|wire| {
        wire.request(1, Flags::NONE);
        wire.message(1, 100, Flags::END_STREAM);
    });
    let call = &talk.all[hello.len()..];
    let config = ServerConfig::default();
    let mut output = WriteBuf::new();
    assert!(size_of::<Connection<Server>>() <= 3_072);
    for (octets, most) in [(&b""[..], 64), (call, 1_536)] {
        let mut all = Vec::with_capacity(MANY as usize);
        let info = allocation_counter::measure(|| {
            for _ in 0..MANY {
                let mut server = Connection::<Server>::new(&config, now);
                server.transmit(now, &mut output);
                server.receive(now, &hello);
                server.receive(now, octets);
                while let Some(event) = server.poll_event() {
                    let Event::Opened(id) = event else { continue };
                    let mut call = server.call(id).unwrap();
                    while call.read().is_some() {}
                    call.finish(&Status::ok(), &Metadata::new());
                }
                server.transmit(now, &mut output);
                output = WriteBuf::new();
                server.handle_timeout(now.saturating_add(Duration::from_secs(1)));
                assert_eq!(server.calls(), 0);
                all.push(server);
            }
        });
        let each = info.bytes_current / MANY;
        println!("an idle connection holds {each} octets of heap, and {} of its own", size_of::<Connection<Server>>());
        assert!(each <= most, "{each}");
    }
}

/// What a peer says in its GOAWAY is cut and escaped before it is shown.
#[test]
fn t_80_noise_in_error_texts() {
    check("t_80_noise_in_a_goaway");
    let mut rng = Rng::new(80);
    for length in [0, 1, 10, 256, 257, 1_000, 16_376] {
        let noise: Vec<u8> = (0..length).map(|_| rng.next_u64() as u8).collect();
        let now = Instant::from_nanos(0);
        let mut client = client(Limits::default());
        let id = client.open(now, &OpenOptions::new(&METHOD)).unwrap();
        client.transmit(now, &mut WriteBuf::new());
        let mut wire = Wire::default();
        wire.settings(&[]);
        wire.goaway(0, ErrorCode::INTERNAL_ERROR, &noise);
        client.receive(now, &wire.octets);
        client.receive_eof(now);
        let mut texts = vec![client.error().expect("it has ended").to_string()];
        while let Some(item) = client.call(id).unwrap().read() {
            if let Item::End(outcome) = item {
                texts.push(outcome.status().to_string());
                break;
            }
        }
        assert_eq!(texts.len(), 2);
        for text in texts {
            assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
            assert!(text.len() <= 4 * 256 + 200, "{} octets", text.len());
        }
    }
}

/// Verbs in any order, on calls that are there, that have ended and that never were: typed errors, and nothing else. Each
/// call ends once.
#[test]
fn t_81_verbs_in_any_order() {
    for seed in 0..200 {
        Chaos::new(seed).run(300);
    }
}

struct Chaos {
    rng: Rng,
    now: Instant,
    client: Connection<Client>,
    server: Connection<Server>,
    ours: Vec<CallId>,
    theirs: Vec<CallId>,
    ended: Vec<CallId>,
    up: WriteBuf,
    down: WriteBuf,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let mut limits = Limits::default();
        (limits.max_concurrent_calls, limits.max_waiting_calls) = (4, 2);
        (limits.send_queue_per_call, limits.send_queue_per_connection) = (1_000, 2_000);
        Self {
            rng: Rng::new(seed),
            now: Instant::from_nanos(0),
            client: client(limits.clone()),
            server: server(limits),
            ours: Vec::new(),
            theirs: Vec::new(),
            ended: Vec::new(),
            up: WriteBuf::new(),
            down: WriteBuf::new(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.rng.next_u64() % bound as u64) as usize
    }

    fn run(&mut self, steps: usize) {
        for _ in 0..steps {
            match self.below(20) {
                0..=3 => self.exchange(),
                4..=5 => _ = self.open(),
                6 => {
                    self.now = self.now.saturating_add(Duration::from_millis(self.rng.next_u64() % 3_000));
                    self.client.handle_timeout(self.now);
                    self.server.handle_timeout(self.now);
                }
                7..=13 => self.client_verb(),
                _ => self.server_verb(),
            }
        }
        match self.below(3) {
            0 => self.client.shutdown(self.now, None),
            1 => self.server.shutdown(self.now, Some(self.now)),
            _ => self.client.receive_eof(self.now),
        }
        self.server.receive_eof(self.now);
        self.client.receive_eof(self.now);
        for _ in 0..50 {
            self.client_verb();
            self.server_verb();
            self.exchange();
        }
        assert!(self.open().is_err(), "nothing opens on a connection that has ended");
    }

    fn open(&mut self) -> Result<(), grpc_sansio::OpenError> {
        let mut metadata = Metadata::new();
        metadata.append("x", "y").unwrap();
        let mut options = OpenOptions::new(&METHOD).metadata(&metadata);
        if self.below(3) == 0 {
            options = options.deadline(self.now.saturating_add(Duration::from_millis(self.rng.next_u64() % 2_000)));
        }
        if self.below(10) == 0 {
            options = options.encoding("none-such");
        }
        self.ours.push(self.client.open(self.now, &options)?);
        Ok(())
    }

    fn exchange(&mut self) {
        self.client.transmit(self.now, &mut self.up);
        while let Some(chunk) = self.up.next_chunk() {
            self.server.receive_bytes(self.now, chunk);
        }
        self.server.transmit(self.now, &mut self.down);
        while let Some(chunk) = self.down.next_chunk() {
            self.client.receive_bytes(self.now, chunk);
        }
        while let Some(event) = self.server.poll_event() {
            if let Event::Opened(id) = event {
                self.theirs.push(id);
            }
        }
        while self.client.poll_event().is_some() {}
    }

    fn message(&mut self) -> Message {
        let len = [0, 1, 100, 999, 5_000][self.below(5)];
        let mut message = Message::new(vec![1; len]);
        message.compressed = self.below(10) == 0;
        message
    }

    /// The wrong side's ids are names that were never given.
    fn any_id(&mut self, of_client: bool) -> Option<CallId> {
        let ids = if of_client == (self.below(10) > 0) { &self.ours } else { &self.theirs };
        let (len, at) = (ids.len(), self.rng.next_u64());
        (len > 0).then(|| ids[(at % len as u64) as usize])
    }

    fn client_verb(&mut self) {
        let Some(id) = self.any_id(true) else { return };
        let (verb, message) = (self.below(6), self.message());
        let Some(mut call) = self.client.call(id) else { return };
        match verb {
            0 => _ = call.half_close(),
            1 => call.cancel(),
            2 => {
                let room = call.is_writable();
                match call.send(message) {
                    Ok(()) | Err(SendError::Misuse(_) | SendError::Ended(_)) => {}
                    Err(SendError::Full(back)) => assert!(!back.data.is_empty() || !room),
                    Err(SendError::TooLarge(_)) => panic!("no limit is set"),
                }
            }
            3 => _ = call.send_with(usize::MAX, |_| {}),
            _ => {
                if let Some(Item::End(_)) = call.read() {
                    assert!(!self.ended.contains(&id), "{id:?} ends once");
                    self.ended.push(id);
                }
            }
        }
    }

    fn server_verb(&mut self) {
        let Some(id) = self.any_id(false) else { return };
        let (verb, message) = (self.below(9), self.message());
        let Some(mut call) = self.server.call(id) else { return };
        match verb {
            0 => _ = call.expect([Kind::Unary, Kind::BidiStreaming][usize::from(message.compressed)]),
            1 => _ = call.set_encoding("gzip"),
            2 => _ = call.send_head(&Metadata::new()),
            3 => call.finish(&Status::ok(), &Metadata::new()),
            4 => assert!(call.reset(ErrorCode::REFUSED_STREAM).is_err()),
            5 => call.release(),
            6 => _ = call.send(message),
            _ => _ = call.read(),
        }
    }
}

/// What the core depends on is four small crates, without their default features, and `bytes` from the version on that
/// does not overflow (RUSTSEC-2026-0007); `.ci/run` asks for advisories.
#[test]
fn t_82_dependencies() {
    let manifest = include_str!("../../Cargo.toml");
    let (_, after) = manifest.split_once("\n[dependencies]\n").unwrap();
    let (section, _) = after.split_once("\n[").unwrap();
    let needed: Vec<&str> =
        section.lines().filter(|line| !line.is_empty() && !line.contains("optional = true")).collect();
    let names: Vec<&str> = needed.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["bytes", "thiserror", "base64", "percent-encoding"]);
    assert!(needed.iter().all(|line| line.contains("default-features = false")), "{needed:?}");
    assert!(needed[0].contains("\"1.11.1\""), "{}", needed[0]);
    assert!(include_str!("../../.ci/run").contains("cargo deny"), "advisories are looked up");
}
