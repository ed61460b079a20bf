//! HTTP/2 towards the peer: gRPC-Web, native gRPC, and both on one connection.

use crate::harness::{BINARY, Host, Outcome, TEXT, frame};
use bytes::Buf;
use grpc_sansio::grpc::{Kind, Message, Method};
use grpc_sansio::hpack::Field;
use grpc_sansio::http2::{Config as Http2Config, Connection as Http2, Input, Side, Step, StreamKey, Transmit};
use grpc_sansio::web::{Config, Cors, Protocol};
use grpc_sansio::{Client, ClientConfig, Connection, Event, Item, OpenOptions, ServerConfig, WriteBuf};
use std::collections::HashMap;
use std::time::Duration;

type Fields = Vec<(String, String)>;

/// A browser's end.
struct Browser {
    http2: Http2<Fields>,
    responses: HashMap<StreamKey, Response>,
    /// The window of a stream opens as its body is read, unless this is set.
    lazy: bool,
}

#[derive(Debug, Default)]
struct Response {
    fields: Fields,
    body: Vec<u8>,
    trailers: Option<Fields>,
    ended: bool,
    reset: Option<u32>,
}

impl Response {
    fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| &value[..])
    }
}

impl Browser {
    fn new() -> Self {
        let mut config = Http2Config::new(Side::Client);
        config.stream_window = 65_535;
        let now = grpc_sansio::Instant::from_nanos(0);
        Self { http2: Http2::new(Side::Client, config, now), responses: HashMap::new(), lazy: false }
    }

    fn fetch(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> StreamKey {
        let pseudo = [(":method", method), (":scheme", "http"), (":authority", "demo"), (":path", path)];
        let fields = pseudo.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let key = self.http2.open(fields.collect()).unwrap();
        self.http2.send(key, |queue| queue.extend_from_slice(body));
        self.http2.end(key, false);
        self.responses.insert(key, Response::default());
        key
    }

    fn post(&mut self, path: &str, content_type: &str, body: &[u8]) -> StreamKey {
        self.fetch("POST", path, &[("content-type", content_type), ("te", "trailers")], body)
    }

    /// Carries octets to and fro until nobody has anything to say.
    fn talk(&mut self, host: &mut Host) {
        for _ in 0..10_000 {
            let said = self.say(host);
            let answer = host.hear(&said);
            if said.is_empty() && answer.is_empty() {
                return;
            }
            self.listen(host, &answer);
        }
        panic!("they never stop talking");
    }

    fn say(&mut self, host: &Host) -> Vec<u8> {
        let mut output = WriteBuf::with_target(1 << 20);
        loop {
            match self.http2.transmit_step(host.now, &mut output) {
                Transmit::Head(key) => {
                    let fields = self.http2.get(key).unwrap().clone();
                    let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
                    self.http2.send_head(key, fields, false, &mut output);
                }
                Transmit::Done => return output.copy_to_bytes(output.remaining()).to_vec(),
                _ => {}
            }
        }
    }

    fn listen(&mut self, host: &Host, octets: &[u8]) {
        let mut input = Input::slice(octets);
        loop {
            match self.http2.receive_step(host.now, &mut input) {
                Step::Idle => return,
                Step::Headers { stream, end_stream, .. } => {
                    let words = |octets: &[u8]| String::from_utf8(octets.to_vec()).unwrap();
                    let fields = self.http2.fields().fields();
                    let fields: Fields = fields.map(|field| (words(field.name), words(field.value))).collect();
                    let response = self.responses.get_mut(&stream).unwrap();
                    if response.fields.is_empty() {
                        response.fields = fields
                    } else {
                        response.trailers = Some(fields)
                    }
                    response.ended |= end_stream;
                }
                Step::Data { stream, len } => {
                    let octets = input.take(len);
                    self.responses.get_mut(&stream).unwrap().body.extend_from_slice(octets);
                    if !self.lazy {
                        self.http2.consumed(stream, len as u32);
                    }
                }
                Step::End { stream } => self.responses.get_mut(&stream).unwrap().ended = true,
                Step::Reset { stream, code, .. } => {
                    self.responses.get_mut(&stream).unwrap().reset = Some(code.0);
                }
                Step::Closed => panic!("{:?}", self.http2.error()),
                _ => {}
            }
        }
    }
}

#[test]
fn g314_unary_over_http2_in_both_forms() {
    let mut host = Host::new();
    let mut browser = Browser::new();
    let binary = browser.post("/d.D/Say", BINARY, &frame(b"a"));
    let text = browser.post("/d.D/Say", TEXT, b"AAAAAAFi");
    browser.talk(&mut host);
    for (key, form, message) in [(binary, BINARY, b"a"), (text, TEXT, b"b")] {
        let response = &browser.responses[&key];
        assert_eq!((response.get(":status"), response.get("content-type")), (Some("200"), Some(form)));
        let outcome = Outcome::read(&response.body, form == TEXT);
        assert_eq!((&outcome.messages[0][..], outcome.trailer("grpc-status")), (&message[..], Some("0")));
        // G-318: in the body, and not as trailers of HTTP.
        assert!(response.trailers.is_none() && response.ended && response.reset.is_none());
    }
    assert_eq!(host.session.protocol(), Protocol::Http2);
}

#[test]
fn preflights_pages_refusals_and_other_requests() {
    let config = Config::default().cors(Cors::any()).page("/", "text/html", &b"<p>hello"[..]);
    let mut host = Host::with(config, ServerConfig::default());
    let mut browser = Browser::new();
    let asks = [("origin", "https://a.example"), ("access-control-request-method", "POST")];
    let preflight = browser.fetch("OPTIONS", "/d.D/Say", &asks, b"");
    let page = browser.fetch("GET", "/", &[], b"");
    let only = browser.post("/d.D/Refuse", BINARY, &frame(b""));
    let no_page = browser.fetch("GET", "/none", &[], b"");
    let plain = browser.fetch("POST", "/x", &[("content-type", "text/plain")], b"hello");
    let broken = browser.post("/d.D/Say", TEXT, b"!!!!");
    browser.talk(&mut host);
    let of = |key| &browser.responses[&key];
    assert_eq!(of(preflight).get("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!((of(preflight).get(":status"), of(preflight).ended), (Some("204"), true));
    assert_eq!((of(page).get(":status"), &of(page).body[..]), (Some("200"), &b"<p>hello"[..]));
    assert_eq!((of(only).get("grpc-status"), of(only).body.len(), of(only).ended), (Some("5"), 0, true));
    // What is none of ours is answered by the engine.
    assert_eq!(of(no_page).get(":status"), Some("415"));
    assert_eq!((of(plain).get(":status"), of(plain).ended), (Some("415"), true));
    assert_eq!((of(broken).get("grpc-status"), of(broken).ended), (Some("13"), true));
    // All of them have been let go.
    browser.talk(&mut host);
    assert_eq!(host.server.calls(), 0);
}

#[test]
fn long_messages_and_many_of_them_both_ways() {
    let mut host = Host::new();
    let mut browser = Browser::new();
    let big = vec![7; 1 << 20];
    let up = browser.post("/d.D/Say", BINARY, &frame(&big));
    let down: Vec<_> = (0..20).map(|_| browser.post("/d.D/Many", TEXT, b"AAAAAAgzMDAgMTAwMA==")).collect();
    browser.talk(&mut host);
    assert_eq!(Outcome::read(&browser.responses[&up].body, false).messages, [big]);
    for key in down {
        let outcome = Outcome::read(&browser.responses[&key].body, true);
        assert_eq!((outcome.messages.len(), outcome.trailer("grpc-status")), (300, Some("0")));
    }
}

/// A browser that does not read holds up its own calls, and costs bounded memory.
#[test]
fn a_browser_that_does_not_read_stops_its_server() {
    let mut host = Host::new();
    let mut browser = Browser::new();
    browser.lazy = true;
    // 100,000 messages of 1,000 octets
    let endless = browser.post("/d.D/Many", BINARY, &frame(b"100000 1000"));
    browser.talk(&mut host);
    assert_eq!(browser.responses[&endless].body.len(), 65_535);
    assert!(host.server.queued() <= 70 * 1024, "{}", host.server.queued());
    // The others go on, as far as the connection's window goes.
    let short = browser.post("/d.D/Say", BINARY, &frame(b"a"));
    browser.talk(&mut host);
    assert!(browser.responses[&short].ended);
    browser.http2.reset(endless, grpc_sansio::frame::ErrorCode::CANCEL);
    browser.talk(&mut host);
    assert!(host.seen.last().unwrap().starts_with("stopped Some(Cancelled"), "{:?}", host.seen.last());
}

fn native(host: &mut Host, client: &mut Connection<Client>) -> Vec<Event> {
    let (mut output, mut events) = (WriteBuf::new(), Vec::new());
    for _ in 0..1_000 {
        client.transmit(host.now, &mut output);
        let said = output.copy_to_bytes(output.remaining());
        let answer = host.hear(&said);
        client.receive(host.now, &answer);
        events.extend(std::iter::from_fn(|| client.poll_event()));
        if said.is_empty() && answer.is_empty() {
            return events;
        }
    }
    panic!("they never stop talking");
}

fn say(host: &mut Host, client: &mut Connection<Client>, message: &[u8]) -> Vec<u8> {
    let method = Method::from_static("/d.D/Say", Kind::Unary);
    let id = client.open(host.now, &OpenOptions::new(&method)).unwrap();
    client.call(id).unwrap().send(Message::new(message.to_vec())).unwrap();
    native(host, client);
    let mut got = Vec::new();
    while let Some(item) = client.call(id).and_then(|mut call| match call.read() {
        Some(Item::Message(payload)) => Some(Ok(payload.to_vec())),
        Some(Item::End(outcome)) => Some(Err(outcome.status().clone())),
        Some(_) => Some(Ok(Vec::new())),
        None => None,
    }) {
        match item {
            Ok(octets) => got.extend_from_slice(&octets),
            Err(status) => assert!(status.is_ok(), "{status:?}"),
        }
    }
    got
}

fn client(host: &Host) -> Connection<Client> {
    Connection::<Client>::new(&ClientConfig::builder("demo").build().unwrap(), host.now)
}

/// A native client speaks to the engine itself, which says what it would say without gRPC-Web.
#[test]
fn native_calls_go_past() {
    let mut host = Host::new();
    let mut client = client(&host);
    for message in [&b"a"[..], b"b", &[7; 100_000]] {
        assert_eq!(say(&mut host, &mut client, message), message);
    }
    assert_eq!(host.session.protocol(), Protocol::Native);
    host.server.audit().unwrap();
    client.audit().unwrap();
    host.server.shutdown(host.now, None);
    native(&mut host, &mut client);
    assert!(client.is_finished());
    host.eof();
    assert!(host.is_finished() && host.server.error().is_none());
}

/// Many clients wait for SETTINGS before they call; some call late. Their pings are answered meanwhile.
#[test]
fn native_clients_may_wait() {
    for (wait, protocol) in [(Duration::from_secs(4), Protocol::Native), (Duration::from_secs(6), Protocol::Http2)] {
        let mut host = Host::new();
        let mut client = client(&host);
        assert!(native(&mut host, &mut client).contains(&Event::Ready));
        assert_eq!(host.session.protocol(), Protocol::Unknown);
        host.sleep(wait);
        for message in [b"a", b"b"] {
            assert_eq!(say(&mut host, &mut client, message), message);
        }
        assert_eq!(host.session.protocol(), protocol, "after {wait:?}");
        // Past the time in which SETTINGS have to be acknowledged.
        host.sleep(Duration::from_secs(30));
        assert_eq!(say(&mut host, &mut client, b"c"), b"c");
        assert!(host.server.error().is_none());
    }
}

/// However the first octets are cut.
#[test]
fn native_calls_go_past_in_pieces_too() {
    for size in [1, 2, 5, 9, 24, 33] {
        let mut host = Host::new();
        let mut client = client(&host);
        let method = Method::from_static("/d.D/Say", Kind::Unary);
        for _ in 0..3 {
            let id = client.open(host.now, &OpenOptions::new(&method)).unwrap();
            client.call(id).unwrap().send(Message::new(vec![7; 300])).unwrap();
        }
        let mut output = WriteBuf::new();
        for _ in 0..50 {
            client.transmit(host.now, &mut output);
            let said = output.copy_to_bytes(output.remaining());
            for piece in said.chunks(size) {
                let answer = host.hear(piece);
                answer.chunks(size).for_each(|piece| client.receive(host.now, piece));
            }
        }
        assert_eq!(host.session.protocol(), Protocol::Native);
        assert_eq!(host.seen.iter().filter(|seen| *seen == "message of 300").count(), 3, "pieces of {size}");
        assert!(client.error().is_none() && host.server.error().is_none());
    }
}

/// G-328: after a native request the engine refuses what is not native, unless both were asked for.
#[test]
fn g328_mixed_connections() {
    for mixed in [false, true] {
        let mut host = Host::with(Config::default().mixed(mixed), ServerConfig::default());
        let mut browser = Browser::new();
        let native = browser.post("/d.D/Say", "application/grpc+proto", &frame(b"a"));
        browser.talk(&mut host);
        let web = browser.post("/d.D/Say", BINARY, &frame(b"b"));
        browser.talk(&mut host);
        let response = &browser.responses[&native];
        assert_eq!(response.get("content-type"), Some("application/grpc+proto"));
        assert_eq!(response.body, frame(b"a"));
        assert!(response.trailers.as_ref().unwrap().contains(&("grpc-status".to_owned(), "0".to_owned())));
        let status = browser.responses[&web].get(":status");
        assert_eq!(status, Some(if mixed { "200" } else { "415" }));
    }
    // The other way round there is no question.
    let mut host = Host::new();
    let mut browser = Browser::new();
    let web = browser.post("/d.D/Say", BINARY, &frame(b"b"));
    browser.talk(&mut host);
    let native = browser.post("/d.D/Reset", "application/grpc", &frame(b"a"));
    let refused = browser.post("/d.D/Refuse", "application/grpc", &frame(b"a"));
    browser.talk(&mut host);
    assert_eq!(browser.responses[&web].get(":status"), Some("200"));
    assert_eq!(browser.responses[&native].reset, Some(2));
    assert_eq!(browser.responses[&refused].get("grpc-status"), Some("5"));
}

/// Found by fuzzing: the engine had a GOAWAY to say, and nobody to say it to, for ever.
#[test]
fn a_shutdown_before_the_first_words_ends_at_once() {
    let mut host = Host::new();
    host.feed(b"PR");
    host.server.shutdown(host.now, None);
    assert!(host.say().is_empty() && host.is_finished());

    let mut host = Host::new();
    host.feed(grpc_sansio::frame::PREFACE);
    host.eof();
    assert!(host.is_finished());

    let mut host = Host::new();
    let mut client = client(&host);
    native(&mut host, &mut client);
    assert_eq!(host.session.protocol(), Protocol::Unknown);
    host.server.shutdown(host.now, None);
    assert!(native(&mut host, &mut client).contains(&Event::Draining));
    host.eof();
    host.say();
    assert!(host.is_finished());
}

#[test]
fn a_shutdown_is_told() {
    let mut host = Host::new();
    let mut browser = Browser::new();
    host.lazy = true;
    let open = browser.post("/d.D/Say", BINARY, &frame(b"a"));
    browser.talk(&mut host);
    host.server.shutdown(host.now, None);
    browser.talk(&mut host);
    assert!(browser.http2.is_draining() && !host.is_finished());
    host.lazy = false;
    host.read_all();
    browser.talk(&mut host);
    assert!(browser.responses[&open].ended);
    assert!(host.is_finished());
}

/// The peer breaks HTTP/2: its calls are cancelled, and it is told.
#[test]
fn errors_of_http2_end_everything() {
    let mut host = Host::new();
    let mut browser = Browser::new();
    host.lazy = true;
    browser.post("/d.D/Say", BINARY, &frame(b"a"));
    browser.talk(&mut host);
    // DATA on stream 0
    let said = host.hear([0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    assert!(said.windows(2).any(|two| two == [7, 0]), "no GOAWAY in {said:?}");
    assert!(host.is_finished() && host.seen.last().unwrap().starts_with("stopped"));
    assert!(host.session.http2_error(&host.server).is_some());

    let mut host = Host::new();
    browser = Browser::new();
    host.lazy = true;
    browser.post("/d.D/Say", BINARY, &frame(b"a"));
    browser.talk(&mut host);
    host.eof();
    assert!(host.is_finished() && host.seen.last().unwrap().starts_with("stopped"));
}
