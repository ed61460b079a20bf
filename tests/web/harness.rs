//! A server behind a session, with an application that does what the path says.

use bytes::Buf;
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Status};
use grpc_sansio::web::{Config, Session, TextDecoder, Trailers};
use grpc_sansio::{CallId, Connection, Event, Instant, Item, Server, ServerConfig, WriteBuf};
use std::collections::HashMap;
use std::time::Duration;

/// A server and what is in front of it.
pub(crate) struct Host {
    pub(crate) session: Session,
    pub(crate) server: Connection<Server>,
    pub(crate) now: Instant,
    /// What each open call is to do, and what it has got.
    calls: HashMap<CallId, Work>,
    /// Paths, heads and messages that reached the application, in words.
    pub(crate) seen: Vec<String>,
    /// The application reads no messages.
    pub(crate) lazy: bool,
    /// Messages that `Many` still has to send, and their size.
    many: Vec<(CallId, usize, usize)>,
}

struct Work {
    path: String,
    messages: Vec<Vec<u8>>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), ServerConfig::default())
    }

    pub(crate) fn with(config: Config, server_config: ServerConfig) -> Self {
        let now = Instant::from_nanos(1_000_000_000);
        Self {
            session: Session::new(&config, &server_config, now),
            server: Connection::<Server>::new(&server_config, now),
            now,
            calls: HashMap::new(),
            seen: Vec::new(),
            lazy: false,
            many: Vec::new(),
        }
    }

    /// Feeds octets, lets the application work, and returns what the peer is sent.
    pub(crate) fn hear(&mut self, octets: impl AsRef<[u8]>) -> Vec<u8> {
        self.feed(octets.as_ref());
        self.say()
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        self.session.receive(self.now, octets, &mut self.server);
        self.work();
    }

    pub(crate) fn say(&mut self) -> Vec<u8> {
        let (mut said, mut output) = (Vec::new(), WriteBuf::new());
        for _ in 0..100_000 {
            self.session.transmit(self.now, &mut self.server, &mut output);
            self.work();
            if !output.has_remaining() && !self.session.wants_transmit(&self.server) {
                return said;
            }
            said.extend_from_slice(&output.copy_to_bytes(output.remaining()));
        }
        panic!("it never stops talking");
    }

    /// As [`Host::say`], but no more than one buffer full.
    pub(crate) fn say_some(&mut self) -> Vec<u8> {
        let mut output = WriteBuf::new();
        self.session.transmit(self.now, &mut self.server, &mut output);
        self.work();
        output.copy_to_bytes(output.remaining()).to_vec()
    }

    /// Time goes by; timers fire as they come due.
    pub(crate) fn sleep(&mut self, time: Duration) {
        let until = self.now.saturating_add(time);
        for _ in 0..10_000 {
            match self.session.poll_timeout(&self.server) {
                Some(due) if due <= until => {
                    self.now = self.now.max(due);
                    self.session.handle_timeout(self.now, &mut self.server);
                    self.work();
                }
                _ => {
                    self.now = until;
                    return;
                }
            }
        }
        panic!("a timer fires again and again");
    }

    pub(crate) fn eof(&mut self) {
        self.session.receive_eof(self.now, &mut self.server);
        self.work();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.session.is_finished(&self.server)
    }

    fn work(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Opened(id) => self.open(id),
                Event::Readable(id) => self.read(id),
                Event::Stopped(id) => {
                    self.seen.push(format!("stopped {:?}", self.server.call(id).and_then(|call| call.stopped())));
                    self.calls.remove(&id);
                    self.many.retain(|(many, ..)| *many != id);
                    self.server.call(id).into_iter().for_each(|call| call.release());
                }
                Event::Writable(_) => {}
                _ => {}
            }
        }
        self.send_many();
    }

    fn open(&mut self, id: CallId) {
        let mut call = self.server.call(id).unwrap();
        let Some(Item::Head(request)) = call.read() else { panic!("no head") };
        let path = request.path().to_owned();
        let mut words = format!("{path} {}", request.content_type());
        for name in ["x-in", "origin", "authorization"] {
            if let Some(value) = request.metadata().get(name) {
                words.push_str(&format!(" {name}={value}"));
            }
        }
        if let Some(deadline) = request.deadline() {
            words.push_str(&format!(" timeout={:?}", deadline.saturating_since(self.now)));
        }
        let mut initial = Metadata::new();
        if let Some(value) = request.metadata().get("x-in") {
            initial.append("x-out", value).unwrap();
        }
        self.seen.push(words);
        let mut call = self.server.call(id).unwrap();
        call.expect(if path.ends_with("/Say") { Kind::Unary } else { Kind::BidiStreaming }).unwrap();
        let Some(mut call) = self.server.call(id) else { return };
        if path.ends_with("/Refuse") {
            return call.finish(&Status::new(Code::NotFound, "no \u{2713}"), &Metadata::new());
        }
        if !initial.is_empty() {
            call.send_head(&initial).unwrap();
        }
        self.calls.insert(id, Work { path, messages: Vec::new() });
        if !self.lazy {
            self.read(id);
        }
    }

    /// Reads what calls have held back.
    pub(crate) fn read_all(&mut self) {
        let ids: Vec<CallId> = self.calls.keys().copied().collect();
        ids.into_iter().for_each(|id| self.read(id));
    }

    fn read(&mut self, id: CallId) {
        if self.lazy {
            return;
        }
        loop {
            let Some(mut call) = self.server.call(id) else { return };
            match call.read() {
                Some(Item::Message(payload)) => {
                    let message = payload.to_vec();
                    self.seen.push(format!("message of {}", message.len()));
                    let work = self.calls.get_mut(&id).unwrap();
                    let echo = work.path.ends_with("/Echo");
                    work.messages.push(message.clone());
                    if echo {
                        self.server.call(id).unwrap().send(Message::new(message)).unwrap();
                    }
                }
                Some(Item::End(_)) => return self.end(id),
                Some(_) => {}
                None => return,
            }
        }
    }

    fn end(&mut self, id: CallId) {
        let work = self.calls.remove(&id).unwrap();
        let mut trailers = Metadata::new();
        trailers.append("x-trailer", "t").unwrap();
        trailers.append_bin("x-trailer-bin", &[0, 255]).unwrap();
        let mut call = self.server.call(id).unwrap();
        if work.path.ends_with("/Say") {
            let _ = call.send(Message::new(work.messages.concat()));
        } else if work.path.ends_with("/Many") {
            // `count size` as text
            let text = String::from_utf8(work.messages.concat()).unwrap();
            let mut numbers = text.split(' ').map(|number| number.parse().unwrap());
            self.many.push((id, numbers.next().unwrap(), numbers.next().unwrap()));
            return;
        } else if work.path.ends_with("/Count") {
            call.send(Message::new(work.messages.len().to_string().into_bytes())).unwrap();
        } else if work.path.ends_with("/Reset") {
            return call.reset(grpc_sansio::frame::ErrorCode::INTERNAL_ERROR).unwrap();
        }
        call.finish(&Status::ok(), &trailers);
    }

    fn send_many(&mut self) {
        for (id, left, size) in &mut self.many {
            while let Some(mut call) = self.server.call(*id) {
                if *left == 0 {
                    call.finish(&Status::ok(), &Metadata::new());
                    break;
                }
                if call.send(Message::new(vec![b'm'; *size])).is_err() {
                    break;
                }
                *left -= 1;
            }
        }
        let server = &mut self.server;
        self.many.retain(|(id, ..)| server.call(*id).is_some());
    }
}

/// A message with its prefix.
pub(crate) fn frame(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend_from_slice(&(message.len() as u32).to_be_bytes());
    frame.extend_from_slice(message);
    frame
}

/// A POST over HTTP/1.1 with a body by length; `more` are further lines of the head.
pub(crate) fn post(path: &str, content_type: &str, more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: demo\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n{more}\r\n"
    );
    [head.as_bytes(), body].concat()
}

pub(crate) const BINARY: &str = "application/grpc-web+proto";
pub(crate) const TEXT: &str = "application/grpc-web-text";

/// A response over HTTP/1.1, read without any of the crate's own code.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// The first of `octets`, and what is behind it. Panics where it is not whole.
    pub(crate) fn take(octets: &[u8]) -> (Self, &[u8]) {
        let end = octets.windows(4).position(|four| four == b"\r\n\r\n").expect("a whole head") + 4;
        let head = std::str::from_utf8(&octets[..end - 4]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let fields: Vec<(String, String)> = lines
            .map(|line| line.split_once(": ").expect("a field"))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let mut response = Self { status, fields, body: Vec::new() };
        let mut rest = &octets[end..];
        if response.get("transfer-encoding") == Some("chunked") {
            assert_eq!(response.get("content-length"), None);
            loop {
                let line = rest.windows(2).position(|two| two == b"\r\n").expect("a chunk's size");
                let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
                let (chunk, after) = rest[line + 2..].split_at(size);
                assert_eq!(&after[..2], b"\r\n");
                response.body.extend_from_slice(chunk);
                rest = &after[2..];
                if size == 0 {
                    break;
                }
            }
        } else if let Some(length) = response.get("content-length") {
            let (body, after) = rest.split_at(length.parse().unwrap());
            response.body = body.to_vec();
            rest = after;
        } else if status >= 200 && status != 204 {
            (response.body, rest) = (rest.to_vec(), &[]);
        }
        (response, rest)
    }

    /// The only one.
    pub(crate) fn of(octets: &[u8]) -> Self {
        let (response, rest) = Self::take(octets);
        assert!(rest.is_empty(), "behind the response: {:?}", String::from_utf8_lossy(rest));
        response
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..])
    }

    /// What a call came to.
    pub(crate) fn outcome(&self) -> Outcome {
        Outcome::read(&self.body, self.get("content-type").unwrap().contains("-text"))
    }

    /// The body as words.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap().trim_end()
    }
}

/// The messages of a body, and its trailers.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Vec<u8>>,
    pub(crate) trailers: Vec<(String, String)>,
}

impl Outcome {
    pub(crate) fn read(body: &[u8], text: bool) -> Self {
        let mut octets = Vec::new();
        if text {
            let mut decoder = TextDecoder::default();
            decoder.push(body, &mut octets).unwrap();
            decoder.finish().unwrap();
        } else {
            octets = body.to_vec();
        }
        let (mut rest, mut messages, mut trailers) = (&octets[..], Vec::new(), None);
        while !rest.is_empty() {
            assert!(trailers.is_none(), "something behind the trailers");
            let length = u32::from_be_bytes(rest[1..5].try_into().unwrap()) as usize;
            let (payload, after) = rest[5..].split_at(length);
            match rest[0] {
                0 => messages.push(payload.to_vec()),
                0x80 => trailers = Some(Trailers::parse(payload).unwrap()),
                flag => panic!("flag {flag}"),
            }
            rest = after;
        }
        let trailers = trailers.expect("no trailers");
        let words = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
        let trailers = trailers.fields().map(|(name, value, _)| (words(name), words(value))).collect();
        Self { messages, trailers }
    }

    pub(crate) fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..])
    }
}
