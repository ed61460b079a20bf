//! A secret in every place that a masked log could say it from, and the whole file searched for it.

use crate::masked::says;
use crate::talk::{Shared, into};
use bytes::Buf;
use grpc_sansio::event_log::{EventLog, Log, Mask};
use grpc_sansio::frame::{ErrorCode, Flags, GoAway, Head, Kind as FrameKind, Ping, Settings, StreamId};
use grpc_sansio::grpc::{Code, Codings, Kind, Metadata, Method, Status};
use grpc_sansio::hpack::{Encoder, Field};
use grpc_sansio::{Client, ClientConfig, Connection, Event, Instant, OpenOptions, Server, ServerConfig, WriteBuf};

static ASK: Method = Method::from_static("/test.Service/Ask", Kind::Unary);

/// The values of the request's sensitive fields, and what somebody repeats of them.
const TOKEN: &str = "tok3n-that-nobody-should-see";
const COOKIE: &str = "c00kie-that-nobody-should-see";
const MARKED: &str = "marked-as-sensitive-by-the-user";
const BASIC: &str = "user:passw0rd-of-the-proxy";

fn repeated() -> String {
    format!("Bearer {TOKEN} sid={COOKIE} {MARKED} {BASIC}")
}

const SECRETS: [&str; 4] = [TOKEN, COOKIE, MARKED, BASIC];

/// A frame with any payload.
fn frame(kind: FrameKind, flags: Flags, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = Head { length: payload.len() as u32, kind, flags, stream: StreamId::new(stream) };
    [&head.encode()[..], payload].concat()
}

fn headers(end: bool, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let fields = fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
    Encoder::new(0, 1).encode(fields, &mut block);
    let flags = if end { Flags::END_HEADERS | Flags::END_STREAM } else { Flags::END_HEADERS };
    frame(FrameKind::HEADERS, flags, 1, &block)
}

fn settings() -> Vec<u8> {
    let mut octets = Vec::new();
    Settings::encode_from(&[], &mut octets);
    octets
}

/// What a server may do to a client, by name.
fn answers() -> Vec<(&'static str, Vec<u8>)> {
    let said = repeated();
    let goaway = |code| {
        let mut octets = Vec::new();
        GoAway { last_stream: StreamId::new(1), code, debug_data: said.as_bytes() }.encode(&mut octets);
        octets
    };
    let mut ping = Vec::new();
    Ping { ack: false, payload: *TOKEN.as_bytes().first_chunk().unwrap() }.encode(&mut ping);
    let response = [(":status", "200"), ("content-type", "application/grpc")];
    let trailers = |fields: &[(&str, &str)]| [headers(false, &response), headers(true, fields)].concat();
    let page = format!("<html>your request had authorization: {said}</html>");
    let proxy = |page: &str| {
        let head = headers(false, &[(":status", "502"), ("content-type", "text/html")]);
        [head, frame(FrameKind::DATA, Flags::END_STREAM, 1, page.as_bytes())].concat()
    };
    // The page is quoted up to 256 octets, which end within the token here.
    let cut = format!("{}{TOKEN}", "x".repeat(256 - 12));
    let message = said.replace(' ', "%20");
    vec![
        ("goaway", goaway(ErrorCode::INTERNAL_ERROR)),
        ("graceful goaway", goaway(ErrorCode::NO_ERROR)),
        ("ping", ping),
        ("message", trailers(&[("grpc-status", "16"), ("grpc-message", &message)])),
        ("plain message", trailers(&[("grpc-status", "16"), ("grpc-message", &said)])),
        ("another field", trailers(&[("grpc-status", "16"), ("x-seen", &said)])),
        ("a status", trailers(&[("grpc-status", &said)])),
        ("a page", proxy(&page)),
        ("a page that is cut", proxy(&cut)),
        ("content type", headers(true, &[(":status", "415"), ("content-type", &said)])),
        ("coding", headers(false, &[response[0], response[1], ("grpc-encoding", TOKEN)])),
        ("its own cookie", trailers(&[("grpc-status", "16"), ("set-cookie", &format!("sid={COOKIE}; Path=/"))])),
        ("a name", trailers(&[("grpc-status", "16"), (TOKEN, "x")])),
        ("unknown frame", frame(FrameKind(0xfe), Flags::NONE, 0, said.as_bytes())),
        ("unreadable", [b"HTTP/1.1 401 ", said.as_bytes()].concat()),
    ]
}

/// A client whose request has the secrets, and that is answered so; its log.
fn client(
    with: impl Fn(EventLog) -> EventLog + Send + Sync + 'static,
    act: impl Fn(&mut Connection<Client>),
) -> Vec<u8> {
    let file = Shared::default();
    let config = ClientConfig::builder("example.com").event_log(into(&file, with)).build().unwrap();
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&config, now);
    let mut metadata = Metadata::new();
    metadata.append("authorization", &format!("Bearer {TOKEN}")).unwrap();
    metadata.append("cookie", &format!("theme=dark; sid={COOKIE}")).unwrap();
    metadata.append("proxy-authorization", &format!("Basic {BASIC}")).unwrap();
    metadata.append_sensitive("x-marked", MARKED).unwrap();
    let id = client.open(now, &OpenOptions::new(&ASK).metadata(&metadata)).unwrap();
    client.call(id).unwrap().send(b"question".to_vec()).unwrap();
    client.transmit(now, &mut WriteBuf::new());
    act(&mut client);
    while client.poll_event().is_some() {}
    while client.call(id).is_some_and(|mut call| call.read().is_some()) {}
    client.receive_eof(now);
    while client.poll_event().is_some() {}
    client.transmit(now, &mut WriteBuf::new());
    drop(client);
    file.octets()
}

/// The masked logs of what is in a complete one: of a mask while recording, and of one afterwards.
fn is_clean(what: &str, complete: &[u8], masked: &[u8]) {
    let log = Log::parse(complete);
    assert_eq!(log.faults, [], "{what}");
    let mut after = Vec::new();
    log.write_masked(&Mask::new(), &mut after).unwrap();
    assert_eq!(String::from_utf8_lossy(&after), String::from_utf8_lossy(masked), "{what}");
    for secret in SECRETS {
        assert!(says(complete, secret), "{what}: the test would not find {secret}");
        assert!(!says(masked, secret), "{what}: {secret} in\n{}", String::from_utf8_lossy(masked));
    }
    // The beginning of one, where somebody has cut it off.
    assert!(!says(masked, &TOKEN[..10]), "{what}: {}", String::from_utf8_lossy(masked));
}

#[test]
fn what_a_server_repeats_of_a_secret_is_hidden_too() {
    let masked = |log: EventLog| log.masked(Mask::new());
    for (what, octets) in answers() {
        let act = |client: &mut Connection<Client>| {
            client.receive(
                Instant::from_nanos(1),
                &[if what == "unreadable" { Vec::new() } else { settings() }, octets.clone()].concat(),
            );
        };
        let complete = client(|log| log, act);
        is_clean(what, &complete, &client(masked, act));
    }
}

#[test]
fn what_the_transport_repeats_is_hidden_too() {
    let act = |client: &mut Connection<Client>| {
        client.receive_failure(Instant::from_nanos(1), &format!("transport: the proxy refused {}", repeated()));
    };
    let masked = client(|log| log.masked(Mask::new()), act);
    is_clean("why", &client(|log| log, act), &masked);
    assert!(says(&masked, "transport: the proxy refused (masked)"), "the rest of the text stays");
}

/// On a server's log, what its own application repeats.
#[test]
fn what_a_handler_repeats_is_hidden_too() {
    let logs = |mask: Option<Mask>| {
        let file = Shared::default();
        let with = move |log: EventLog| if let Some(mask) = &mask { log.masked(mask.clone()) } else { log };
        let config = ServerConfig::builder().seed(3).event_log(into(&file, with)).build().unwrap();
        let now = Instant::from_nanos(0);
        let mut server = Connection::<Server>::new(&config, now);
        let mut sent = WriteBuf::new();
        let config = ClientConfig::builder("example.com").build().unwrap();
        let mut client = Connection::<Client>::new(&config, now);
        let mut metadata = Metadata::new();
        metadata.append("authorization", &format!("Bearer {TOKEN}")).unwrap();
        metadata.append("cookie", &format!("sid={COOKIE}")).unwrap();
        metadata.append("proxy-authorization", &format!("Basic {BASIC}")).unwrap();
        metadata.append_sensitive("x-marked", MARKED).unwrap();
        client.open(now, &OpenOptions::new(&ASK).metadata(&metadata)).unwrap();
        client.transmit(now, &mut sent);
        server.receive(now, &sent.copy_to_bytes(sent.len()));
        while let Some(event) = server.poll_event() {
            let Event::Opened(id) = event else { continue };
            let mut call = server.call(id).unwrap();
            while call.read().is_some() {}
            let mut said = Metadata::new();
            said.append("x-seen", &repeated()).unwrap();
            said.append_bin("seen-bin", repeated().as_bytes()).unwrap();
            call.send_head(&said).unwrap();
            let status = Status::new(Code::Unauthenticated, repeated()).with_details(repeated());
            call.finish(&status, &said);
        }
        server.transmit(now, &mut WriteBuf::new());
        drop(server);
        file.octets()
    };
    is_clean("handler", &logs(None), &logs(Some(Mask::new())));
}

/// One secret for each place that no sensitive name goes with, and a mask that names them all.
#[test]
fn a_mask_that_is_told_so_leaves_no_text_anywhere() {
    let secret = |place: usize| format!("place-{place:02}-secret");
    let logs = |mask: Option<Mask>, act: &dyn Fn(&mut Connection<Client>)| {
        let file = Shared::default();
        let with = move |log: EventLog| if let Some(mask) = &mask { log.masked(mask.clone()) } else { log };
        let codings = Codings::new([secret(0).as_str()]).unwrap();
        let config = ClientConfig::builder(&secret(1))
            .user_agent(&secret(2))
            .codings(codings)
            .event_log(into(&file, with))
            .build()
            .unwrap();
        let now = Instant::from_nanos(0);
        let mut client = Connection::<Client>::new(&config, now);
        let method = Method::new(format!("/{}/{}", secret(3), secret(4)), Kind::Unary).unwrap();
        let mut metadata = Metadata::new();
        metadata.append("x-mine", &secret(5)).unwrap();
        metadata.append_bin("mine-bin", secret(6).as_bytes()).unwrap();
        let (encoding, subtype, authority) = (secret(0), secret(7), secret(8));
        let options = OpenOptions::new(&method)
            .metadata(&metadata)
            .encoding(&encoding)
            .content_subtype(&subtype)
            .authority(&authority);
        let id = client.open(now, &options).unwrap();
        client.call(id).unwrap().send(secret(9).into_bytes()).unwrap();
        client.transmit(now, &mut WriteBuf::new());
        act(&mut client);
        while client.poll_event().is_some() {}
        while client.call(id).is_some_and(|mut call| call.read().is_some()) {}
        client.transmit(now, &mut WriteBuf::new());
        drop(client);
        file.octets()
    };
    let mask = || {
        let names =
            ["x-mine", ":path", ":authority", "user-agent", "content-type", "grpc-encoding", "grpc-accept-encoding"];
        names.iter().fold(Mask::new().binary().hide_texts(), |mask, name| mask.name(name))
    };
    let data = |text: String| {
        let response = headers(false, &[(":status", "200"), ("content-type", "application/grpc")]);
        let message = [&[0, 0, 0, 0, text.len() as u8][..], text.as_bytes()].concat();
        [response, frame(FrameKind::DATA, Flags::NONE, 1, &message)].concat()
    };
    let with_status = |fields: &[(&str, &str)]| [data(secret(10)), headers(true, fields)].concat();
    let goaway = |text: String| {
        let (last_stream, code) = (StreamId::new(1), ErrorCode::INTERNAL_ERROR);
        let mut octets = Vec::new();
        GoAway { last_stream, code, debug_data: text.as_bytes() }.encode(&mut octets);
        octets
    };
    let ping = |text: &str| {
        let mut octets = Vec::new();
        Ping { ack: false, payload: *text.as_bytes().first_chunk().unwrap() }.encode(&mut octets);
        octets
    };
    let page = [
        headers(false, &[(":status", "502"), ("content-type", &secret(12))]),
        frame(FrameKind::DATA, Flags::END_STREAM, 1, secret(13).as_bytes()),
    ];
    let details = "cGxhY2UtMTUtc2VjcmV0"; // place-15-secret
    let status = [("grpc-status", "9"), ("grpc-message", &secret(14)), ("grpc-status-details-bin", details)];
    // What happens, and the places whose secrets a complete log then has beside the first ten.
    let cases: Vec<(Vec<u8>, &[usize])> = vec![
        (with_status(&status), &[10, 14, 15]),
        (page.concat(), &[12, 13]),
        (goaway(secret(16)), &[16]),
        (ping("ping-17!"), &[]),
        (frame(FrameKind(0xfa), Flags::NONE, 0, secret(18).as_bytes()), &[18]),
    ];
    for (octets, places) in cases {
        let act = |client: &mut Connection<Client>| {
            client.receive(Instant::from_nanos(1), &[settings(), octets.clone()].concat());
        };
        let (complete, masked) = (logs(None, &act), logs(Some(mask()), &act));
        for place in (0..10).chain(places.iter().copied()) {
            assert!(says(&complete, &secret(place)), "the test would not find that of place {place}");
        }
        assert!(!says(&masked, "-secret") && !says(&masked, "ping-17"), "{}", String::from_utf8_lossy(&masked));
        assert!(says(&masked, "x-mine"), "names stay");
    }
    let act = |client: &mut Connection<Client>| client.receive_failure(Instant::from_nanos(1), &secret(19));
    let (complete, masked) = (logs(None, &act), logs(Some(mask()), &act));
    assert!(says(&complete, &secret(19)) && !says(&masked, "-secret"), "{}", String::from_utf8_lossy(&masked));
    // Without being told so texts stay: most hunts need nothing else.
    let texts = logs(Some(Mask::new()), &act);
    assert!(says(&texts, &secret(19)) && says(&texts, &secret(0)) && says(&texts, &secret(7)));
    // What a server says of codings.
    let file = Shared::default();
    let codings = Codings::new([secret(20).as_str()]).unwrap();
    let with = move |log: EventLog| log.masked(mask());
    let config = ServerConfig::builder().seed(3).codings(codings).event_log(into(&file, with)).build().unwrap();
    let mut server = Connection::<Server>::new(&config, Instant::from_nanos(0));
    let octets = [grpc_sansio::frame::PREFACE.to_vec(), settings(), request()].concat();
    server.receive(Instant::from_nanos(0), &octets);
    let mut set = 0;
    while let Some(event) = server.poll_event() {
        let Event::Opened(id) = event else { continue };
        let _ = server.call(id).unwrap().set_encoding(&secret(20));
        set += 1;
    }
    drop(server);
    assert!(set == 1 && !says(&file.octets(), "-secret"), "{}", String::from_utf8_lossy(&file.octets()));
}

fn request() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/test.Service/Ask"),
        (":authority", "example.com"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    headers(false, &fields)
}
