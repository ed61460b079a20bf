//! One connection and a table of things said to it: what it answers to each.

use crate::attacks::{After, Attack, Report, Run, Wire, stream};
pub(crate) use crate::attacks::{RESPONSE, TRAILERS};
use grpc_sansio::frame::Flags;
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::http2::{Config, Connection, Input, Side, Step, Transmit};
use grpc_sansio::{Client, ClientConfig, Instant, Item, OpenOptions, WriteBuf};

static SERVER: Attack = Attack { after: After::Serves, ..Attack::on_server("a table") };
static CLIENT: Attack = Attack { after: After::Serves, ..Attack::on_client("a table") };

/// A connection after its handshake. All that was said to it is in `all`.
pub(crate) struct Talk {
    run: Run<'static>,
    streams: u32,
    pub(crate) all: Vec<u8>,
}

fn plainly(work: &mut dyn FnMut()) {
    work();
}

impl Talk {
    pub(crate) fn server() -> Self {
        let mut wire = Wire::default();
        wire.preface();
        wire.settings(&[]);
        wire.settings_ack();
        let run = Run::new(&SERVER, Box::leak(Box::new(plainly)));
        Self { run, streams: 0, all: wire.octets }
    }

    /// A client with one call, on stream 1.
    pub(crate) fn client() -> Self {
        Self { run: Run::new(&CLIENT, Box::leak(Box::new(plainly))), streams: 0, all: Vec::new() }
    }

    /// What is new in the report, in words: `RST_STREAM CANCEL`, `http 415`, `status 12`, `outcome Internal`, `GOAWAY ..`.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Wire)) -> Vec<String> {
        let before = self.run.target.report.clone();
        write(&mut self.run.wire);
        self.all.extend_from_slice(&self.run.wire.octets);
        self.run.flush();
        news(&before, &self.run.target.report)
    }

    pub(crate) fn on_new_stream(&mut self, write: impl FnOnce(u32, &mut Wire)) -> Vec<String> {
        let id = stream(self.streams);
        self.streams += 1;
        self.write(|wire| write(id, wire))
    }

    /// A request with these fields besides the usual ones.
    pub(crate) fn request_with(&mut self, fields: &[u8]) -> Vec<String> {
        self.on_new_stream(|id, wire| wire.request_with(id, fields, Flags::END_STREAM))
    }

    pub(crate) fn shown(&self) -> u64 {
        self.run.target.report.shown
    }
}

fn news(before: &Report, after: &Report) -> Vec<String> {
    let mut all = Vec::new();
    for (key @ (kind, what), count) in &after.said {
        let new = count - before.said.get(key).copied().unwrap_or(0);
        if ["RST_STREAM", "GOAWAY"].contains(kind) {
            (0..new).for_each(|_| all.push(format!("{kind} {what}")));
        }
    }
    for (word, before, after) in [
        ("http", &before.http, &after.http),
        ("status", &before.grpc, &after.grpc),
        ("outcome", &before.outcomes, &after.outcomes),
    ] {
        for (key, count) in after {
            let new = count - before.get(key).copied().unwrap_or(0);
            if (word, key.as_str()) != ("http", "200") {
                (0..new).for_each(|_| all.push(format!("{word} {key}")));
            }
        }
    }
    all
}

/// Opens so many calls on a client, and says of each, in order, whether its outcome is that it was not processed.
pub(crate) fn outcome_of(calls: u32, write: impl FnOnce(&mut Wire)) -> Vec<bool> {
    static METHOD: Method = Method::from_static("/a/b", Kind::BidiStreaming);
    let now = Instant::from_nanos(0);
    let mut client = grpc_sansio::Connection::<Client>::new(&ClientConfig::builder("a").build().unwrap(), now);
    let ids: Vec<_> = (0..calls).map(|_| client.open(now, &OpenOptions::new(&METHOD)).unwrap()).collect();
    let mut output = WriteBuf::new();
    client.transmit(now, &mut output);
    let mut wire = Wire::default();
    wire.settings(&[]);
    write(&mut wire);
    client.receive(now, &wire.octets);
    let outcome = |id| loop {
        if let Item::End(outcome) = client.call(id).expect("a call").read().expect("its end") {
            return outcome.unprocessed();
        }
    };
    ids.into_iter().map(outcome).collect()
}

/// A server of HTTP/2 alone, after its handshake, with one request open on stream 1.
pub(crate) fn base_server() -> Connection<()> {
    let now = Instant::from_nanos(0);
    let mut http2 = Connection::new(Side::Server, Config::new(Side::Server), now);
    let mut wire = Wire::default();
    wire.preface();
    wire.settings(&[]);
    wire.settings_ack();
    wire.request(1, Flags::NONE);
    let mut output = WriteBuf::new();
    assert_eq!(http2.transmit_step(now, &mut output), Transmit::Done);
    hear(&mut http2, &wire.octets);
    assert_eq!(http2.transmit_step(now, &mut output), Transmit::Done);
    assert_eq!(http2.streams(), 1);
    http2
}

/// Octets for it, of which no DATA is kept.
pub(crate) fn hear(http2: &mut Connection<()>, octets: &[u8]) {
    let mut input = Input::slice(octets);
    loop {
        match http2.receive_step(Instant::from_nanos(0), &mut input) {
            Step::Data { len, .. } => _ = input.take(len),
            Step::Idle => return,
            _ => {}
        }
    }
}
