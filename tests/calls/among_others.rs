//! What a connection has learnt from its requests spares it work with those that follow, and changes nothing: a request
//! among others comes to what it comes to alone.

use crate::raw::{Raw, Seen};
use bytes::Buf;
use grpc_sansio::frame::{Frame, Headers, StreamId};
use grpc_sansio::grpc::{Codings, Kind, Metadata, Method, Status};
use grpc_sansio::testing::Rng;
use grpc_sansio::{
    Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, Server, ServerConfig, WriteBuf,
};
use std::time::Duration;

/// How a field is spelled in its block (RFC 7541 section 6).
#[derive(Clone, Copy, Debug)]
enum How {
    /// By its index where a table has it, and put into the table where none has.
    Table,
    /// Its name by an index, its value as it is.
    Once,
    /// Likewise, and never to be indexed.
    Never,
    /// Name and value as they are.
    Plain,
}
use How::{Never, Once, Plain, Table};

const HOWS: [How; 4] = [Table, Once, Never, Plain];

#[derive(Clone, Debug)]
struct Line {
    name: String,
    value: String,
    how: How,
}

fn line(&(name, value, how): &(&str, &str, How)) -> Line {
    Line { name: name.into(), value: value.into(), how }
}

/// The part of the static table that these requests use (RFC 7541 appendix A).
const STATIC: [(usize, &str, &str); 13] = [
    (1, ":authority", ""),
    (2, ":method", "GET"),
    (3, ":method", "POST"),
    (4, ":path", "/"),
    (6, ":scheme", "http"),
    (7, ":scheme", "https"),
    (8, ":status", "200"),
    (23, "authorization", ""),
    (28, "content-length", ""),
    (31, "content-type", ""),
    (38, "host", ""),
    (57, "transfer-encoding", ""),
    (58, "user-agent", ""),
];

/// An encoder that spells each field as it is told.
#[derive(Default)]
struct Speller {
    dynamic: Vec<(String, String)>,
}

impl Speller {
    fn find(&self, is: impl Fn(&str, &str) -> bool) -> Option<usize> {
        let fixed = STATIC.iter().find(|field| is(field.1, field.2)).map(|field| field.0);
        fixed.or_else(|| self.dynamic.iter().position(|field| is(&field.0, &field.1)).map(|at| 62 + at))
    }

    fn spell(&mut self, Line { name, value, how }: &Line, out: &mut Vec<u8>) {
        let known = self.find(|other, _| other == name);
        let (pattern, bits, index) = match how {
            Table => match self.find(|other, its| (other, its) == (name, value)) {
                Some(index) => return integer(0x80, 7, index, out),
                None => (0x40, 6, known),
            },
            Once => (0, 4, known),
            Never => (0x10, 4, known),
            Plain => (0, 4, None),
        };
        integer(pattern, bits, index.unwrap_or(0), out);
        if index.is_none() {
            string(name, out);
        }
        string(value, out);
        if matches!(how, Table) {
            self.dynamic.insert(0, (name.clone(), value.clone()));
            while self.dynamic.iter().map(|field| field.0.len() + field.1.len() + 32).sum::<usize>() > 4_096 {
                self.dynamic.pop();
            }
        }
    }
}

fn integer(pattern: u8, bits: u32, value: usize, out: &mut Vec<u8>) {
    let most = (1 << bits) - 1;
    if value < most {
        return out.push(pattern | value as u8);
    }
    out.push(pattern | most as u8);
    let mut rest = value - most;
    while rest >= 128 {
        out.push(rest as u8 | 128);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn string(text: &str, out: &mut Vec<u8>) {
    integer(0, 7, text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

const KINDS: usize = 9;
const TE: (&str, &str, How) = ("te", "trailers", Table);
const GRPC: (&str, &str, How) = ("content-type", "application/grpc", Table);

/// A request of one of the kinds that are common on a connection, with values of its own by its number.
fn request(rng: &mut Rng, kind: usize, number: usize) -> Vec<Line> {
    let (timeout, token) = (format!("{}m", 1 + number % 90), format!("t{number}"));
    let (timeout, token) = (("grpc-timeout", &timeout[..], Once), &token[..]);
    let authority = ["a", "b.example"][kind % 2];
    let path = if rng.one_in(20) { rng.below(4) } else { kind % 2 };
    let start = [
        (":method", "POST", Table),
        (":scheme", ["http", "https"][kind / 2 % 2], Table),
        (":path", ["/a.B/C", "/a.B/D", "a", "/"][path], Table),
        (":authority", authority, Table),
    ];
    let coding = ["gzip", "identity"][number % 2];
    let more: &[_] = match kind {
        0 => &[TE, GRPC, timeout, ("x-id", token, Once)],
        1 => &[TE, timeout, GRPC, ("user-agent", "u", Table)],
        2 => &[GRPC, TE, ("grpc-accept-encoding", "gzip", Table), ("authorization", token, Never)],
        3 => &[
            ("content-type", "application/grpc+proto", Table),
            TE,
            ("x-a", token, Once),
            ("x-b", token, Once),
            ("x-c", token, Once),
            ("x-d", token, Once),
            timeout,
        ],
        4 => &[
            ("x-a", token, Once),
            ("te", "trailers", Once),
            ("content-type", "application/grpc", Once),
            ("grpc-encoding", coding, Once),
        ],
        5 => &[("x-a", token, Once), ("host", authority, Table), TE, GRPC, ("content-length", "0", Table)],
        6 => &[TE, GRPC, ("x-a", token, Once), ("host", authority, Once), ("content-length", "0", Once)],
        7 => &[TE, GRPC, ("host", authority, Once)],
        _ => &[TE, GRPC],
    };
    start.iter().chain(more).map(line).collect()
}

const ODD: [(&str, &str); 37] = [
    ("te", "gzip"),
    ("te", "trailers"),
    ("content-type", "text/plain"),
    ("content-type", "application/grpc"),
    ("content-type", "application/grpc+x"),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/x"),
    (":authority", "zz"),
    (":authority", "u@a"),
    (":scheme", "ftp"),
    (":status", "200"),
    ("host", "a"),
    ("host", "zz"),
    ("content-length", "5"),
    ("content-length", "0"),
    ("content-length", "x"),
    ("connection", "close"),
    ("transfer-encoding", "chunked"),
    ("X-Up", "1"),
    ("x-bad", "a\u{1}"),
    ("x-bad", " a"),
    ("x-a", "b"),
    ("grpc-timeout", "5S"),
    ("grpc-timeout", "0S"),
    ("grpc-timeout", "x"),
    ("grpc-encoding", "gzip"),
    ("grpc-encoding", "snappy"),
    ("grpc-encoding", "identity"),
    ("grpc-accept-encoding", "gzip"),
    ("user-agent", "v"),
    ("grpc-foo", "1"),
    ("", "x"),
    (":other", "x"),
    ("x-bin", "!!"),
    ("data-bin", "AAAA"),
    ("grpc-previous-rpc-attempts", "3"),
];

/// A field is repeated, left out, moved, put in, given another value or spelled in another way.
fn mutate(rng: &mut Rng, list: &mut Vec<Line>) {
    let (at, to, how) = (rng.below(list.len()), rng.below(list.len()), HOWS[rng.below(4)]);
    match rng.below(8) {
        0 => list.insert(to, list[at].clone()),
        1 => drop(list.remove(at)),
        2 => list.swap(at, to),
        3 | 4 => {
            let (name, value) = ODD[rng.below(ODD.len())];
            list.insert(if rng.one_in(2) { list.len() } else { to }, line(&(name, value, how)));
        }
        5 | 6 => {
            // Of a field that has odd values.
            let (name, value) = ODD[rng.below(ODD.len())];
            if let Some(line) = list.iter_mut().find(|line| line.name == name) {
                line.value = value.into();
            }
        }
        _ => list[at].how = how,
    }
}

/// What comes of a request, for its application and for its client.
fn outcome(raw: &mut Raw<Server>, speller: &mut Speller, stream: u32, list: &[Line], end: bool) -> Vec<String> {
    let mut block = Vec::new();
    list.iter().for_each(|line| speller.spell(line, &mut block));
    raw.collect();
    raw.frame(Frame::Headers(Headers {
        stream: StreamId::new(stream),
        priority: None,
        fragment: &block,
        padding: None,
        end_stream: end,
        end_headers: true,
    }));
    if !end {
        raw.data(stream, &[0, 0, 0, 0, 1, 7], true);
    }
    let wire = raw.collected();
    raw.feed(&wire);
    let (mut all, now) = (Vec::new(), raw.now());
    while let Some(event) = raw.it.poll_event() {
        let id = match event {
            Event::Opened(id) => id,
            Event::Readable(_) => continue,
            other => {
                all.push(format!("{other:?}"));
                continue;
            }
        };
        let mut call = raw.it.call(id).unwrap();
        let Some(Item::Head(request)) = call.read() else { panic!("a call begins with its head") };
        let fields = request.fields().map(|field| (field.name, field.value));
        assert!(fields.eq(list.iter().map(|line| (line.name.as_bytes(), line.value.as_bytes()))));
        let left = request.deadline().map(|deadline| deadline.saturating_since(now));
        let parts = (request.path(), request.authority(), request.encoding(), request.content_type());
        all.push(format!("opened {parts:?} {left:?}"));
        while let Some(item) = call.read() {
            all.push(format!("{item:?}"));
        }
        all.push(format!("{:?}", call.set_encoding("gzip")));
        call.send_slice(b"xy").unwrap();
        call.finish(&Status::ok(), &Metadata::new());
    }
    // The body of a plain refusal is shorter from the second one on.
    let mut plain = false;
    for said in raw.said() {
        match said {
            Seen::Window(..) | Seen::Ack => {}
            Seen::Headers { mut fields, end, .. } => {
                plain = fields.iter().any(|field| field.0 == "content-type" && field.1.starts_with("text/"));
                fields.retain(|field| !plain || field.0 != "content-length");
                all.push(format!("{fields:?} {end}"));
            }
            Seen::Data { data, end, .. } => all.push(format!("{:?} {end}", Some(data).filter(|_| !plain))),
            Seen::Reset(_, code) => all.push(format!("{code:?}")),
            other => all.push(format!("{other:?}")),
        }
    }
    all
}

/// What is read of a request, its refusal and its answer do not depend on which requests came before it.
#[test]
fn a_request_among_others_comes_to_what_it_comes_to_alone() {
    let mut opened = 0;
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let mut builder = ServerConfig::builder().require_te(rng.one_in(3));
        if rng.one_in(2) {
            builder = builder.codings(Codings::new(["gzip"]).unwrap());
        }
        let config = builder.build().unwrap();
        let (mut warm, mut speller) = (Raw::server_with(&config), Speller::default());
        let (mut kind, spread) = (rng.below(KINDS), 1 + rng.below(4));
        for number in 0..400 {
            if rng.one_in(12) {
                kind = (kind + rng.below(spread)) % KINDS;
            }
            let mut list = request(&mut rng, if number < KINDS { number } else { kind }, number);
            if number < KINDS {
                // All names are in the table from now on.
                list.iter_mut().for_each(|line| line.how = Table);
            } else if rng.one_in(3) {
                (0..1 + usize::from(rng.one_in(3))).for_each(|_| mutate(&mut rng, &mut list));
            }
            if rng.one_in(200) {
                warm.sleep(Duration::from_secs(60));
            }
            let end = rng.one_in(2);
            let among = outcome(&mut warm, &mut speller, 2 * number as u32 + 1, &list, end);
            let plain: Vec<_> = list.iter().map(|line| Line { how: Plain, ..line.clone() }).collect();
            let alone = outcome(&mut Raw::server_with(&config), &mut Speller::default(), 1, &plain, end);
            assert_eq!(among, alone, "seed {seed}, number {number}: {list:?}");
            opened += usize::from(alone.first().is_some_and(|line| line.starts_with("opened")));
        }
    }
    assert!((4_000..10_000).contains(&opened), "some are taken, some are not: {opened}");
}

static METHODS: [Method; 3] = [
    Method::from_static("/a.B/C", Kind::Unary),
    Method::from_static("/a.B/LongerName", Kind::Unary),
    Method::from_static("/a.B/D", Kind::Unary),
];

/// Requests of a few methods with some timeouts and metadata arrive as they were asked for, also where both sides forget in
/// between what they know of them.
#[test]
fn requests_arrive_as_they_were_made() {
    for seed in 0..30 {
        let mut rng = Rng::new(seed);
        let mut now = Instant::from_nanos(1_000_000_000);
        let mut client = Connection::<Client>::new(&ClientConfig::builder("b").build().unwrap(), now);
        let mut server = Connection::<Server>::new(&ServerConfig::builder().build().unwrap(), now);
        let (mut wire, methods) = (WriteBuf::new(), 2 + seed as usize % 2);
        for step in 0..200 {
            let made: Vec<_> = (0..rng.below(4))
                .map(|call| {
                    let (method, tag) = (&METHODS[rng.below(methods)], format!("{step}-{call}"));
                    let (tag, seconds) = (rng.one_in(2).then_some(tag), [0, 10, 20, 1_000][rng.below(4)]);
                    let mut metadata = Metadata::new();
                    tag.iter().for_each(|tag| metadata.append("x-tag", tag).unwrap());
                    let deadline = (seconds > 0).then(|| now.saturating_add(Duration::from_secs(seconds)));
                    let options = OpenOptions::new(method).metadata(&metadata);
                    let options = deadline.into_iter().fold(options, OpenOptions::deadline);
                    let id = client.open(now, &options).unwrap();
                    client.call(id).unwrap().send_slice(b"hi").unwrap();
                    (method.path().as_str().to_owned(), tag, deadline)
                })
                .collect();
            client.transmit(now, &mut wire);
            server.receive(now, &wire.copy_to_bytes(wire.len()));
            let mut came = Vec::new();
            while let Some(event) = server.poll_event() {
                let Event::Opened(id) = event else { continue };
                let mut call = server.call(id).unwrap();
                let Some(Item::Head(head)) = call.read() else { panic!("a head first") };
                let tag = head.metadata().get("x-tag").map(str::to_owned);
                came.push((head.path().to_owned(), tag, head.deadline()));
                while call.read().is_some_and(|item| !matches!(item, Item::End(_))) {}
                call.finish(&Status::ok(), &Metadata::new());
            }
            assert_eq!(came, made, "{seed} {step}");
            server.transmit(now, &mut wire);
            client.receive(now, &wire.copy_to_bytes(wire.len()));
            while client.poll_event().is_some() {}
            assert_eq!((client.audit(), server.audit()), (Ok(()), Ok(())));
            if rng.one_in(12) {
                now = now.saturating_add(Duration::from_secs(5));
                client.handle_timeout(now);
                server.handle_timeout(now);
            }
        }
    }
}

/// What a request says is read from it, however often others said something else.
#[test]
fn requests_that_start_alike_are_told_apart() {
    static METHOD: Method = Method::from_static("/a.B/C", Kind::Unary);
    let gzip = Codings::new(["gzip"]).unwrap();
    let client = ClientConfig::builder("a").codings(gzip.clone()).build().unwrap();
    let server = ServerConfig::builder().codings(gzip).build().unwrap();
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&client, now);
    let mut server = Connection::<Server>::new(&server, now);
    let mut wire = WriteBuf::new();
    for round in 0..60 {
        let seconds = [1, 1, 1, 2, 1, 3][round % 6];
        let encoding = (round % 20 == 7).then_some("gzip");
        let deadline = now.saturating_add(Duration::from_secs(seconds));
        let options = OpenOptions::new(&METHOD).deadline(deadline);
        let options = if let Some(encoding) = encoding { options.encoding(encoding) } else { options };
        let id = client.open(now, &options).unwrap();
        client.call(id).unwrap().send("x".as_bytes().to_vec()).unwrap();
        for _ in 0..2 {
            client.transmit(now, &mut wire);
            server.receive_bytes(now, wire.copy_to_bytes(wire.len()));
            server.transmit(now, &mut wire);
            client.receive_bytes(now, wire.copy_to_bytes(wire.len()));
        }
        let id = loop {
            if let Some(Event::Opened(id)) = server.poll_event() {
                break id;
            }
        };
        let mut call = server.call(id).unwrap();
        let Some(Item::Head(request)) = call.read() else { panic!("a head") };
        assert_eq!((request.deadline(), request.encoding()), (Some(deadline), encoding), "{round}");
        call.finish(&Status::ok(), &Metadata::new());
    }
}
