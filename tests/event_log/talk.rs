//! A client and a server that talk and are recorded.

use bytes::Buf;
use grpc_sansio::event_log::{EventLog, Log};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Codings, Kind, Message, Metadata, Method, Status};
use grpc_sansio::testing::Rng;
use grpc_sansio::{
    CallId, Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A file that can be looked into.
#[derive(Clone, Default)]
pub(crate) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(crate) fn octets(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn log(&self) -> Log {
        Log::parse(&self.octets())
    }
}

impl Write for Shared {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A hook that records one connection into `file`, as `with` says.
pub(crate) fn into<F: Fn(EventLog) -> EventLog + Send + Sync>(
    file: &Shared,
    with: F,
) -> impl Fn() -> Option<EventLog> + Send + Sync + use<F> {
    let file = file.clone();
    move || Some(with(EventLog::new(file.clone())))
}

/// Both ends, and the files that they are recorded into.
pub(crate) struct Talk {
    pub(crate) client: Connection<Client>,
    pub(crate) server: Connection<Server>,
    pub(crate) client_file: Shared,
    pub(crate) server_file: Shared,
    pub(crate) now: u64,
    up: WriteBuf,
    down: WriteBuf,
}

pub(crate) static METHODS: [Method; 4] = [
    Method::from_static("/test.Service/Unary", Kind::Unary),
    Method::from_static("/test.Service/Upload", Kind::ClientStreaming),
    Method::from_static("/test.Service/List", Kind::ServerStreaming),
    Method::from_static("/test.Service/Chat", Kind::BidiStreaming),
];

impl Talk {
    pub(crate) fn new() -> Self {
        Self::with(7, |log| log)
    }

    pub(crate) fn with(seed: u64, log: impl Fn(EventLog) -> EventLog + Send + Sync + Clone + 'static) -> Self {
        let (client_file, server_file) = (Shared::default(), Shared::default());
        let gzip = Codings::new(["gzip"]).unwrap();
        let client = ClientConfig::builder("example.com")
            .seed(seed)
            .user_agent("talk/1")
            .codings(gzip.clone())
            .event_log(into(&client_file, log.clone()))
            .build()
            .unwrap();
        let server = ServerConfig::builder()
            .seed(seed)
            .codings(gzip)
            .answer_expired(seed.is_multiple_of(2))
            .event_log(into(&server_file, log))
            .build()
            .unwrap();
        let now = Instant::from_nanos(1_000);
        Self {
            client: Connection::<Client>::new(&client, now),
            server: Connection::<Server>::new(&server, now),
            client_file,
            server_file,
            now: 1_000,
            up: WriteBuf::new(),
            down: WriteBuf::with_target(100),
        }
    }

    pub(crate) fn at(&self) -> Instant {
        Instant::from_nanos(self.now)
    }

    /// What one end transmits, the other receives.
    pub(crate) fn carry(&mut self) {
        self.now += 1_000_000;
        let now = self.at();
        for _ in 0..50 {
            self.client.transmit(now, &mut self.up);
            self.server.receive(now, &self.up.copy_to_bytes(self.up.len()));
            self.server.transmit(now, &mut self.down);
            self.client.receive_bytes(now, self.down.copy_to_bytes(self.down.len()));
        }
    }

    /// The calls that the server was told of since the last time.
    pub(crate) fn opened(&mut self) -> Vec<CallId> {
        let mut opened = Vec::new();
        while let Some(event) = self.server.poll_event() {
            opened.extend(if let Event::Opened(id) = event { Some(id) } else { None });
        }
        opened
    }

    /// One unary call with secrets in all places, to its end.
    pub(crate) fn secret_call(&mut self) {
        let mut metadata = Metadata::new();
        metadata.append("authorization", "Bearer c2VjcmV0LXRva2Vu").unwrap();
        metadata.append("cookie", "session=hush-cookie").unwrap();
        metadata.append("x-session", "hush-session").unwrap();
        metadata.append_sensitive("x-marked", "hush-marked").unwrap();
        metadata.append_bin("trace-bin", b"hush-binary").unwrap();
        metadata.append("x-open", "everybody may know").unwrap();
        let deadline = Instant::from_nanos(self.now + 5_000_000_000);
        let options = OpenOptions::new(&METHODS[0]).metadata(&metadata).deadline(deadline);
        let id = self.client.open(self.at(), &options).unwrap();
        self.client.call(id).unwrap().send(b"hush-request".to_vec()).unwrap();
        self.carry();
        for id in self.opened() {
            let mut call = self.server.call(id).unwrap();
            while call.read().is_some() {}
            let mut head = Metadata::new();
            head.append("set-cookie", "session=hush-set-cookie").unwrap();
            call.expect(Kind::Unary).unwrap();
            while call.read().is_some() {}
            call.send_head(&head).unwrap();
            call.send(b"hush-response".to_vec()).unwrap();
            let mut trailers = Metadata::new();
            trailers.append("proxy-authorization", "Basic hush-proxy").unwrap();
            let status = Status::new(Code::Ok, "").with_details(b"hush-details".to_vec());
            call.finish(&status, &trailers);
        }
        self.carry();
        while self.client.poll_event().is_some() {}
        while self.client.call(id).is_some_and(|mut call| call.read().is_some()) {}
    }

    /// The files of both ends, once they are over.
    pub(crate) fn end(self) -> [Shared; 2] {
        drop((self.client, self.server));
        [self.client_file, self.server_file]
    }
}

/// Does a verb by chance: `steps` of them, on both ends, with time that passes, octets that are cut and sometimes spoilt.
pub(crate) fn monkey(seed: u64, steps: u32) -> Talk {
    let mut talk = Talk::with(seed, |log| log);
    let mut rng = Rng::new(seed);
    let (mut client_calls, mut server_calls): (Vec<CallId>, Vec<CallId>) = Default::default();
    for _ in 0..steps {
        talk.now += rng.below(3_000_000) as u64 * u64::from(rng.below(4) == 0);
        step(&mut talk, &mut rng, &mut client_calls, &mut server_calls);
    }
    talk
}

fn step(talk: &mut Talk, rng: &mut Rng, client_calls: &mut Vec<CallId>, server_calls: &mut Vec<CallId>) {
    let now = talk.at();
    let pick = |calls: &[CallId], rng: &mut Rng| calls.get(rng.below(calls.len().max(1))).copied();
    match rng.below(24) {
        0 | 1 => {
            let mut metadata = Metadata::new();
            metadata.append("x-number", &rng.below(100).to_string()).unwrap();
            metadata.append_bin("x-bin", &[rng.below(256) as u8, 0, 255]).unwrap();
            let mut options = OpenOptions::new(&METHODS[rng.below(4)]).metadata(&metadata);
            if rng.below(3) == 0 {
                options = options.deadline(now.saturating_add(Duration::from_millis(rng.below(20) as u64)));
            }
            if rng.below(4) == 0 {
                options = options.encoding("gzip").content_subtype("proto").authority("other").previous_attempts(2);
            }
            client_calls.extend(talk.client.open(now, &options).ok());
        }
        2..=6 => {
            talk.client.transmit(now, &mut talk.up);
            let some = rng.below(talk.up.len() + 1);
            let mut octets = talk.up.copy_to_bytes(some).to_vec();
            if rng.below(60) == 0 && !octets.is_empty() {
                let at = rng.below(octets.len());
                octets[at] ^= 1 << rng.below(8);
            }
            if rng.below(2) == 0 {
                talk.server.receive(now, &octets);
            } else {
                talk.server.receive_bytes(now, octets.into());
            }
        }
        7..=10 => {
            talk.server.transmit(now, &mut talk.down);
            let some = rng.below(talk.down.len() + 1);
            let mut octets = talk.down.copy_to_bytes(some).to_vec();
            if rng.below(60) == 0 && !octets.is_empty() {
                let at = rng.below(octets.len());
                octets[at] ^= 1 << rng.below(8);
            }
            talk.client.receive(now, &octets);
        }
        11 | 12 => {
            while let Some(event) = talk.server.poll_event() {
                server_calls.extend(if let Event::Opened(id) = event { Some(id) } else { None });
            }
        }
        13 => while talk.client.poll_event().is_some() {},
        14 => {
            talk.client.handle_timeout(now);
            talk.server.handle_timeout(now);
        }
        15 if rng.below(40) == 0 => match rng.below(5) {
            4 => talk.client.receive_failure(now, "transport: a cable was cut"),
            0 => talk.client.receive_eof(now),
            1 => talk.server.receive_eof(now),
            2 => talk.client.shutdown(now, None),
            _ => talk.server.shutdown(now, Some(now.saturating_add(Duration::from_secs(1)))),
        },
        16..=19 => {
            if let Some(mut call) = pick(client_calls, rng).and_then(|id| talk.client.call(id)) {
                on_client(&mut call, rng);
                if rng.below(12) == 0 {
                    call.cancel();
                }
            }
        }
        _ => {
            if let Some(call) = pick(server_calls, rng).and_then(|id| talk.server.call(id)) {
                on_server(call, rng);
            }
        }
    }
}

fn on_client(call: &mut grpc_sansio::Call<'_, Client>, rng: &mut Rng) {
    match rng.below(7) {
        0 => drop(call.send(vec![b'x'; rng.below(9_000)])),
        1 => drop(call.send_with(rng.below(9_000), |buffer| buffer.extend_from_slice(&[b'y'; 70]))),
        2 => drop(call.send_compressed_with(10, |buffer| buffer.extend_from_slice(&[b'z'; 10]))),
        3 => drop(call.send(Message::compressed(vec![1; 50]))),
        4 => {
            let _ = call.half_close();
        }
        5 => drop(call.read_into(&mut Vec::new())),
        _ => while let Some(Item::Head(_) | Item::Message(_)) = call.read() {},
    }
}

fn on_server(mut call: grpc_sansio::Call<'_, Server>, rng: &mut Rng) {
    let mut metadata = Metadata::new();
    metadata.append("x-from", "the server").unwrap();
    match rng.below(13) {
        0 | 1 => {
            let _ = call.expect(METHODS[rng.below(4)].kind());
        }
        2 => {
            let _ = call.set_encoding("gzip");
        }
        3 => {
            let _ = call.send_head(&metadata);
        }
        4 | 5 => drop(call.send(vec![b'r'; rng.below(9_000)])),
        6 => drop(call.send_with(10, |buffer| buffer.push(7))),
        7..=9 => while let Some(Item::Head(_) | Item::Message(_)) = call.read() {},
        10 => {
            let status = Status::new(Code::ALL[rng.below(17)], "chosen by lot\u{e9}").with_details(vec![1, 2, 3]);
            call.finish(&status, &metadata);
        }
        11 if rng.below(3) == 0 => {
            let _ = call.reset(ErrorCode(rng.below(14) as u32));
        }
        12 if call.stopped().is_some() => call.release(),
        12 => call.limit_deadline(Instant::from_nanos(rng.below(1_000_000_000) as u64)),
        _ => {}
    }
}
