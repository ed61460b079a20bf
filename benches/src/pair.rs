//! A client and a server that hand each other their output in memory.

use bytes::Buf;
use core::time::Duration;
use grpc_sansio::{
    Client, ClientConfig, ClientConfigBuilder, Connection, Instant, Limits, Role, Server, ServerConfig,
    ServerConfigBuilder, WriteBuf,
};

/// Virtual nanoseconds between two waves, so that deadlines of calls long gone come due as they do in life.
const STEP: u64 = 10_000;

pub struct Pair {
    pub client: Connection<Client>,
    pub server: Connection<Server>,
    wire: WriteBuf,
    nanos: u64,
    /// Every connection of a program shares its config.
    pub configs: (ClientConfig, ServerConfig),
}

impl Pair {
    /// Both ends, past their handshake.
    pub fn new(limits: &Limits) -> Self {
        Self::with(limits, |client| client, |server| server)
    }

    /// The same, with more in the configs.
    pub fn with(
        limits: &Limits,
        client: impl FnOnce(ClientConfigBuilder) -> ClientConfigBuilder,
        server: impl FnOnce(ServerConfigBuilder) -> ServerConfigBuilder,
    ) -> Self {
        let now = Instant::from_nanos(0);
        let ours = client(ClientConfig::builder("localhost:50051").limits(limits.clone()));
        let theirs = server(ServerConfig::builder().limits(limits.clone()));
        let (ours, theirs) = (ours.build().expect("client's limits"), theirs.build().expect("server's limits"));
        let (client, server) = (Connection::<Client>::new(&ours, now), Connection::<Server>::new(&theirs, now));
        let mut pair = Self { client, server, wire: WriteBuf::new(), nanos: 0, configs: (ours, theirs) };
        for _ in 0..2 {
            pair.feed_server();
            pair.feed_client();
        }
        while pair.client.poll_event().is_some() {}
        while pair.server.poll_event().is_some() {}
        pair
    }

    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos)
    }

    pub fn step(&mut self) {
        self.nanos += STEP;
    }

    /// So long nothing happens.
    pub fn pass(&mut self, duration: Duration) {
        self.nanos += duration.as_nanos() as u64;
        let now = self.now();
        self.client.handle_timeout(now);
        self.server.handle_timeout(now);
    }

    pub fn feed_server(&mut self) {
        carry(&mut self.client, &mut self.server, &mut self.wire, Instant::from_nanos(self.nanos));
    }

    pub fn feed_client(&mut self) {
        carry(&mut self.server, &mut self.client, &mut self.wire, Instant::from_nanos(self.nanos));
    }

    /// As [`Pair::feed_client`], with input that may be shared: owned chunks, as completion IO hands them over.
    pub fn feed_client_shared(&mut self) {
        let now = self.now();
        loop {
            self.server.transmit(now, &mut self.wire);
            let Some(chunk) = self.wire.next_chunk() else { return };
            self.client.receive_bytes(now, chunk);
            while let Some(chunk) = self.wire.next_chunk() {
                self.client.receive_bytes(now, chunk);
            }
        }
    }
}

/// All that `from` has to say goes to `to`, as slices and without a copy between them: what a read into a buffer would
/// cost is not in any figure.
fn carry<A: Role, B: Role>(from: &mut Connection<A>, to: &mut Connection<B>, wire: &mut WriteBuf, now: Instant) {
    loop {
        from.transmit(now, wire);
        if !wire.has_remaining() {
            return;
        }
        while wire.has_remaining() {
            let chunk = wire.chunk();
            let len = chunk.len();
            to.receive(now, chunk);
            wire.advance(len);
        }
    }
}
