//! Server streaming: one call, messages of one size.

use crate::Work;
use crate::pair::Pair;
use bytes::Bytes;
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{CallId, Event, Item, Limits, OpenOptions, SendError};

static LIST: Method = Method::from_static("/helloworld.Greeter/List", Kind::ServerStreaming);

/// The window of call and connection on every peer: the protocol's default for small messages, and for others so much that it
/// is never in the way.
pub fn window_for(size: usize) -> u32 {
    if size <= 1024 { 65_535 } else { 16 << 20 }
}

/// How a message gets into the server's queue, and its octets into the client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Serialised by one copy into a pooled buffer; received as slices.
    Copied,
    /// Memory that is shared all the way, in frames that hold a whole message.
    Shared,
}

pub struct Stream {
    pair: Pair,
    how: How,
    message: Bytes,
    at_server: CallId,
    at_client: CallId,
}

impl Stream {
    pub fn new(size: usize, how: How) -> Self {
        let mut limits = Limits::default();
        let window = window_for(size);
        (limits.call_window, limits.connection_window) = (window, window.max(limits.connection_window));
        limits.max_receive_message = Some(limits.max_receive_message.unwrap_or(0).max(size as u32));
        if how == How::Shared {
            (limits.max_frame, limits.max_send_frame) = (128 * 1024, 128 * 1024);
        }
        let mut pair = Pair::new(&limits);
        let at_client = pair.client.open(pair.now(), &OpenOptions::new(&LIST)).expect("a first call");
        let mut call = pair.client.call(at_client).expect("a call just opened");
        call.send_with(0, |_| {}).expect("an empty queue");
        pair.feed_server();
        let Some(Event::Opened(at_server)) = pair.server.poll_event() else { panic!("the call arrives") };
        let mut call = pair.server.call(at_server).expect("a call just opened");
        while call.read().is_some() {}
        Self { pair, how, message: Bytes::from(vec![0x5a; size]), at_server, at_client }
    }

    /// Queues up to `most` messages, as many as the queue takes; returns how many that were.
    fn fill(&mut self, most: u64) -> u64 {
        let mut call = self.pair.server.call(self.at_server).expect("an open call");
        let message = &self.message;
        match self.how {
            How::Copied => until_full(most, || matches!(call.send_slice(message), Err(SendError::Full(())))),
            How::Shared => until_full(most, || matches!(call.send(message.clone()), Err(SendError::Full(_)))),
        }
    }

    fn drain(&mut self) -> u64 {
        let mut received = 0;
        while self.pair.client.poll_event().is_some() {}
        let mut call = self.pair.client.call(self.at_client).expect("an open call");
        while let Some(item) = call.read() {
            if let Item::Message(message) = item {
                assert!(message.len() == self.message.len(), "a whole message");
                received += 1;
            }
        }
        received
    }
}

/// How often `send` said that there was room, of `most` times.
fn until_full(most: u64, mut send: impl FnMut() -> bool) -> u64 {
    (0..most).find(|_| send()).unwrap_or(most)
}

impl Work for Stream {
    fn run(&mut self, units: u64) {
        let mut received = 0;
        let mut sent = 0;
        while received < units {
            self.pair.step();
            sent += self.fill(units - sent);
            match self.how {
                How::Copied => self.pair.feed_client(),
                How::Shared => self.pair.feed_client_shared(),
            }
            received += self.drain();
            self.pair.feed_server();
        }
    }
}

/// One copy of a message: what throughput is compared with.
pub struct Copy {
    from: Vec<u8>,
    to: Vec<u8>,
}

impl Copy {
    pub fn new(size: usize) -> Self {
        Self { from: vec![0x5a; size], to: vec![0; size] }
    }
}

impl Work for Copy {
    fn run(&mut self, units: u64) {
        for _ in 0..units {
            self.to.copy_from_slice(core::hint::black_box(&self.from));
            core::hint::black_box(&mut self.to);
        }
    }
}
