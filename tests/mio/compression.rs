//! Codecs in the adapter's routes, and on the engine beneath its client.

use crate::support::*;
use grpc_sansio::adapter::mio::{Client, ConnectionId, Failure, Next, Remote, Reply, Responder, Routes, Server};
use grpc_sansio::codec::{Codecs, Deflate, Gzip};
use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method};
use grpc_sansio::{CallId, ClientConfig, Limits, OpenOptions, Payload, ServerConfig};
use std::net::SocketAddr;
use std::time::Duration;

static TEXT: Method = Method::from_static("/test.Codec/Text", Kind::Unary);
static BACK: Method = Method::from_static("/test.Codec/Back", Kind::BidiStreaming);

/// The most octets of a received message.
const LIMIT: usize = 20_000;

fn codecs() -> Codecs {
    Codecs::new().with(Gzip::default()).with(Deflate::default())
}

/// Sends each message twice: the second time as it is.
#[derive(Default)]
struct Twice(Vec<Message>, bool);

impl Responder for Twice {
    fn message(&mut self, message: Payload<'_>) -> Result<(), Failure> {
        assert!(!message.compressed());
        let octets = message.into_bytes();
        self.0 = vec![Message::as_is(octets.clone()), Message::new(octets)];
        Ok(())
    }

    fn half_close(&mut self) -> Result<(), Failure> {
        self.1 = true;
        Ok(())
    }

    fn next(&mut self) -> Result<Next, Failure> {
        Ok(match self.0.pop() {
            Some(message) => Next::Message(message),
            None if self.1 => Next::Finish(Metadata::new()),
            None => Next::Wait,
        })
    }
}

struct Running(SocketAddr, Remote, Option<std::thread::JoinHandle<()>>);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.1.shutdown(Some(Duration::ZERO));
        self.2.take().unwrap().join().unwrap();
    }
}

/// A server that compresses with gzip where nobody says otherwise.
fn serve() -> Running {
    let mut limits = Limits::default();
    limits.max_receive_message = Some(LIMIT as u32);
    let config = ServerConfig::builder().limits(limits).codings(codecs().codings()).build().unwrap();
    let mut server = Server::bind(([127, 0, 0, 1], 0).into(), &config).unwrap();
    let (address, remote) = (server.local_addr().unwrap(), server.remote());
    let thread = std::thread::spawn(move || {
        let mut routes = Routes::new();
        routes.codecs(codecs().sending(&["gzip"]));
        routes.streaming(&BACK, |_| Ok(Twice::default()));
        routes.unary(&TEXT, |request| {
            let mut trailers = Metadata::new();
            trailers.append("decoded", if request.message.decoded() { "1" } else { "0" }).unwrap();
            let coding = match request.metadata.get("wanted") {
                Some("deflate") => Some("deflate"),
                Some(_) => Some("identity"),
                None => None,
            };
            let reply = Reply::new(vec![b't'; request.message.len()]).trailers(trailers);
            Ok(coding.map_or(reply.clone(), |coding| reply.encoding(coding)))
        });
        server.run(&mut routes).unwrap();
    });
    Running(address, remote, Some(thread))
}

struct Caller {
    client: Client,
    keeper: Keeper,
    id: ConnectionId,
}

impl Caller {
    fn new(server: &Running, codings: &Codecs) -> Self {
        let mut client = Client::new().unwrap();
        let config = ClientConfig::builder("a").codings(codings.codings()).build().unwrap();
        let id = client.connect(server.0, &config).unwrap();
        Self { client, keeper: Keeper::default(), id }
    }

    /// Calls, and waits for the end.
    fn call(&mut self, options: &OpenOptions<'_>, message: Message) -> &Record {
        let call: CallId = self.keeper.open(&mut self.client, self.id, options);
        let io = self.client.connection_mut(self.id).unwrap();
        io.call(call).unwrap().send(message).unwrap();
        let _ = io.call(call).unwrap().half_close();
        let ended = self.keeper.ended + 1;
        until(&mut self.client, &mut self.keeper, |keeper| keeper.ended == ended);
        &self.keeper.calls[&(self.id, call)]
    }
}

fn decoded(record: &Record) -> &str {
    record.end.as_ref().unwrap().1.get("decoded").unwrap()
}

/// G-089, G-091, G-092: the usual coding, one of the handler's own or none; and what the client accepts.
#[test]
fn g_089_to_g_092_the_coding_of_an_answer() {
    let server = serve();
    let mut caller = Caller::new(&server, &codecs());
    let message = codecs().encode(Some("deflate"), Message::new(vec![b'q'; 5_000]));
    for (wanted, coding) in [(None, Some("gzip")), (Some("deflate"), Some("deflate")), (Some("no"), None)] {
        let mut metadata = Metadata::new();
        if let Some(wanted) = wanted {
            metadata.append("wanted", wanted).unwrap();
        }
        let options = OpenOptions::new(&TEXT).encoding("deflate").metadata(&metadata);
        let record = caller.call(&options, message.clone());
        assert_eq!((decoded(record), record.last_compressed), ("1", coding.is_some()));
        if let Some(coding) = coding {
            assert_eq!(codecs().decode(Some(coding), &record.last, None).unwrap(), vec![b't'; 5_000]);
        }
    }
    let record = caller.call(&OpenOptions::new(&TEXT), Message::new("plain"));
    assert_eq!((decoded(record), &record.last[..], record.last_compressed), ("0", &b"ttttt"[..], false));

    let mut deaf = Caller::new(&server, &Codecs::new());
    let record = deaf.call(&OpenOptions::new(&TEXT), Message::new(vec![0; 1_000]));
    assert_eq!((record.last.len(), record.last_compressed), (1_000, false));
}

/// G-090: of two equal messages the one that is to stay as it is does.
#[test]
fn g_090_a_stream_of_both() {
    let server = serve();
    let mut caller = Caller::new(&server, &codecs());
    let record = caller.call(&OpenOptions::new(&BACK), Message::new(vec![b'x'; 5_000]));
    assert_eq!((record.code(), record.messages), (Some(Code::Ok), 2));
    assert_eq!((record.last.len(), record.last_compressed), (5_000, false));
    assert!(record.octets < 5_100, "the first was compressed: {}", record.octets);
}

/// G-068, G-098: each ends its own call, and the connection serves the next.
#[test]
fn g_068_g_098_bad_requests() {
    let server = serve();
    let mut caller = Caller::new(&server, &codecs());
    let gzip = |octets: usize| codecs().encode(Some("gzip"), Message::new(vec![b'a'; octets]));
    let cut = Message::compressed(gzip(9_000).data.slice(..20));
    for method in [&TEXT, &BACK] {
        for (message, code) in [
            (gzip(LIMIT), Code::Ok),
            (gzip(LIMIT + 1), Code::ResourceExhausted),
            (gzip(10 << 20), Code::ResourceExhausted),
            (cut.clone(), Code::Internal),
            (Message::compressed("nonsense"), Code::Internal),
            (Message::new("fine"), Code::Ok),
        ] {
            let record = caller.call(&OpenOptions::new(method).encoding("gzip"), message);
            assert_eq!(record.code(), Some(code), "{:?}", record.end);
        }
    }
    assert!(caller.keeper.closed.is_empty() && caller.keeper.draining == 0);
}
