//! One client of the comparison: `client mio|tokio|tonic ADDRESS OPEN SECONDS` keeps so many calls open on one connection
//! and prints `CALLS SECONDS MEAN P50 P99`, the latencies in microseconds.

mod echo;
mod raw;

use bytes::Bytes;
use echo::{PATH, SAY_HELLO};
use grpc_sansio::ClientConfig;
use grpc_sansio::adapter::{mio, tokio as async_io};
use grpc_sansio::grpc::Metadata;
use grpc_sansio::{CallId, Connection, Event, Item, OpenOptions};
use std::cell::RefCell;
use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const TOKEN: &str = "Bearer 0123456789abcdef0123456789abcdef01234567";
/// A field of 30 octets, as pajamax wants it; to the others it is 32 octets.
const MESSAGE: &[u8; 32] = b"\x0a\x1e0123456789abcdef0123456789abcd";
const TIMEOUT: Duration = Duration::from_secs(1);

/// How the calls went.
struct Record {
    until: Instant,
    nanos: Vec<u32>,
    sequence: u64,
}

type Records = Rc<RefCell<Record>>;

impl Record {
    fn new(seconds: f64) -> Self {
        Self {
            until: Instant::now() + Duration::from_secs_f64(seconds),
            nanos: Vec::with_capacity(1 << 22),
            sequence: 0,
        }
    }

    /// The id of the next request, which no other has.
    fn request_id(&mut self) -> String {
        self.sequence += 1;
        format!("{:016}", self.sequence)
    }

    /// Takes a latency; whether to go on.
    fn note(&mut self, since: Instant) -> bool {
        let now = Instant::now();
        self.nanos.push(u32::try_from((now - since).as_nanos()).unwrap_or(u32::MAX));
        now < self.until
    }

    fn print(&mut self, elapsed: Duration) {
        self.nanos.sort_unstable();
        let mean = self.nanos.iter().map(|&nanos| f64::from(nanos)).sum::<f64>() / self.nanos.len() as f64;
        let percentile = |part: f64| f64::from(self.nanos[((self.nanos.len() - 1) as f64 * part) as usize]) / 1e3;
        let (calls, seconds) = (self.nanos.len(), elapsed.as_secs_f64());
        println!("{calls} {seconds:.4} {:.1} {:.1} {:.1}", mean / 1e3, percentile(0.5), percentile(0.99));
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [kind, address, open, seconds] = arguments.as_slice() else {
        return Err("usage: client mio|tokio|tonic ADDRESS OPEN SECONDS".into());
    };
    let (address, open, seconds) = (address.parse::<SocketAddr>()?, open.parse::<usize>()?, seconds.parse::<f64>()?);
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    match kind.as_str() {
        "mio" => run_mio(address, open, seconds),
        "tokio" => runtime()?.block_on(run_tokio(address, open, seconds)),
        "tonic" => runtime()?.block_on(run_tonic(address, open, seconds)),
        other => Err(format!("no client {other}").into()),
    }
}

/// Keeps `open` calls open until the time is over, each in a task of its own.
async fn repeat<F, A>(open: usize, seconds: f64, call: F) -> Result<()>
where
    F: Fn(String) -> A + Clone + 'static,
    A: Future<Output = ()>,
{
    call("0".into()).await;
    let begin = Instant::now();
    let record: Records = Rc::new(RefCell::new(Record::new(seconds)));
    let local = tokio::task::LocalSet::new();
    for _ in 0..open {
        let (record, call) = (Rc::clone(&record), call.clone());
        local.spawn_local(async move {
            loop {
                let since = Instant::now();
                let id = record.borrow_mut().request_id();
                call(id).await;
                if !record.borrow_mut().note(since) {
                    return;
                }
            }
        });
    }
    local.await;
    record.borrow_mut().print(begin.elapsed());
    Ok(())
}

async fn run_tokio(address: SocketAddr, open: usize, seconds: f64) -> Result<()> {
    let config = ClientConfig::builder(&address.to_string()).user_agent("bench/1.0").build()?;
    let channel = async_io::Channel::connect(address, &config).await?;
    repeat(open, seconds, move |id| {
        let channel = channel.clone();
        async move {
            let mut request = async_io::Request::new(&MESSAGE[..]).with_timeout(TIMEOUT);
            request.metadata.append("authorization", TOKEN).expect("a valid field");
            request.metadata.append("x-request-id", &id).expect("a valid field");
            let response = channel.unary(&SAY_HELLO, request).await.expect("a response");
            assert_eq!(response.message.data, MESSAGE[..]);
        }
    })
    .await
}

async fn run_tonic(address: SocketAddr, open: usize, seconds: f64) -> Result<()> {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}"))?.user_agent("bench/1.0")?;
    let channel = endpoint.tcp_nodelay(true).connect().await?;
    repeat(open, seconds, move |id| {
        let channel = channel.clone();
        async move {
            let mut client = tonic::client::Grpc::new(channel);
            client.ready().await.expect("a channel that is ready");
            let mut request = tonic::Request::new(Bytes::from_static(MESSAGE));
            request.set_timeout(TIMEOUT);
            request.metadata_mut().insert("authorization", TOKEN.parse().expect("a valid value"));
            request.metadata_mut().insert("x-request-id", id.parse().expect("a valid value"));
            let path = http::uri::PathAndQuery::from_static(PATH);
            let response = client.unary(request, path, raw::Raw).await.expect("a response");
            assert_eq!(response.into_inner(), MESSAGE[..]);
        }
    })
    .await
}

/// The calls of the mio client, by [`CallId::index`].
struct Calls {
    record: Record,
    since: Vec<Option<Instant>>,
    open: usize,
    answered: bool,
}

impl Calls {
    fn start(&mut self, now: grpc_sansio::Instant, connection: &mut Connection<grpc_sansio::Client>) {
        let since = Instant::now();
        let mut metadata = Metadata::new();
        metadata.append("authorization", TOKEN).expect("a valid field");
        metadata.append("x-request-id", &self.record.request_id()).expect("a valid field");
        let options = OpenOptions::new(&SAY_HELLO).metadata(&metadata).deadline(now.saturating_add(TIMEOUT));
        let id = connection.open(now, &options).expect("room for a call");
        connection.call(id).expect("just opened").send(Bytes::from_static(MESSAGE)).expect("room for a message");
        if self.since.len() <= id.index() {
            self.since.resize(id.index() + 1, None);
        }
        self.since[id.index()] = Some(since);
        self.open += 1;
    }

    /// Reads what is there; whether the call has ended, and time is left for another.
    fn read(&mut self, id: CallId, connection: &mut Connection<grpc_sansio::Client>) -> bool {
        let Some(mut call) = connection.call(id) else { return false };
        while let Some(item) = call.read() {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => {
                    assert_eq!(message[..], MESSAGE[..]);
                    self.answered = true;
                }
                Item::End(end) => {
                    assert!(end.status().is_ok(), "{:?}", end.status());
                    self.open -= 1;
                    let since = self.since[id.index()].take().expect("an open call");
                    return self.record.note(since);
                }
            }
        }
        false
    }
}

fn run_mio(address: SocketAddr, open: usize, seconds: f64) -> Result<()> {
    let config = ClientConfig::builder(&address.to_string()).user_agent("bench/1.0").build()?;
    let mut client = mio::Client::new()?;
    let id = client.connect(address, &config)?;
    let mut calls = Calls { record: Record::new(seconds), since: Vec::new(), open: 0, answered: false };
    let begin = Instant::now();
    let now = client.now();
    for _ in 0..open {
        calls.start(now, client.connection_mut(id).ok_or("the connection is gone")?);
    }
    while calls.open > 0 {
        let mut handler = |now: grpc_sansio::Instant,
                           _: mio::ConnectionId,
                           connection: &mut Connection<grpc_sansio::Client>,
                           event: Event| {
            if let Event::Readable(id) = event
                && calls.read(id, connection)
            {
                calls.start(now, connection);
            }
        };
        client.poll(&mut handler, None)?;
    }
    assert!(calls.answered, "no call was answered");
    calls.record.print(begin.elapsed());
    Ok(())
}
