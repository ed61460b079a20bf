//! The unary call, both ends in one thread.

use crate::Work;
use crate::pair::Pair;
use crate::request::{AUTHORIZATION, MESSAGE, PATH, RequestId};
use core::time::Duration;
use grpc_sansio::grpc::{Key, Kind, Metadata, Method, Status};
use grpc_sansio::{Client, Connection, Event, Item, Limits, OpenOptions, Server};

static SAY_HELLO: Method = Method::from_static(PATH, Kind::Unary);
const AUTHORIZATION_KEY: Key<'static> = Key::from_static("authorization");
const REQUEST_ID_KEY: Key<'static> = Key::from_static("x-request-id");

/// Waves of `open` calls: all are opened, then all requests cross, then all are answered, then all answers cross.
pub struct Unary {
    pair: Pair,
    open: u64,
    metadata: Metadata,
    id: RequestId,
}

impl Unary {
    pub fn new(open: u32) -> Self {
        let mut limits = Limits::default();
        if open > limits.max_concurrent_calls {
            limits.max_concurrent_calls = open;
            limits.held_headers = open * 1024;
        }
        Self { pair: Pair::new(&limits), open: u64::from(open), metadata: Metadata::new(), id: RequestId::new() }
    }

    fn wave(&mut self) {
        self.pair.step();
        let deadline = self.pair.now().checked_add(Duration::from_secs(1)).expect("a short run");
        for _ in 0..self.open {
            self.metadata.clear();
            self.metadata.append(AUTHORIZATION_KEY, AUTHORIZATION).expect("plain text");
            self.metadata.append(REQUEST_ID_KEY, self.id.next()).expect("plain text");
            let options = OpenOptions::new(&SAY_HELLO).metadata(&self.metadata).deadline(deadline);
            let id = self.pair.client.open(self.pair.now(), &options).expect("room for all calls");
            let mut call = self.pair.client.call(id).expect("a call just opened");
            call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("an empty queue");
        }
        self.pair.feed_server();
        serve(&mut self.pair.server);
        self.pair.feed_client();
        assert_eq!(finish(&mut self.pair.client), self.open);
    }
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open) {
            self.wave();
        }
    }
}

fn serve(server: &mut Connection<Server>) {
    let none = Metadata::new();
    while let Some(event) = server.poll_event() {
        let (Event::Opened(id) | Event::Readable(id)) = event else { continue };
        let Some(mut call) = server.call(id) else { continue };
        while let Some(item) = call.read() {
            match item {
                Item::Head(request) => {
                    assert_eq!(request.path(), PATH);
                    call.expect(Kind::Unary).expect("told once");
                }
                Item::Message(message) => assert_eq!(message.len(), MESSAGE.len()),
                Item::End(_) => {
                    call.send_with(MESSAGE.len(), |buffer| buffer.extend_from_slice(&MESSAGE)).expect("an empty queue");
                    call.finish(&Status::ok(), &none);
                    break;
                }
            }
        }
    }
}

/// Reads all calls to their ends; returns how many there were.
fn finish(client: &mut Connection<Client>) -> u64 {
    let mut ended = 0;
    while let Some(event) = client.poll_event() {
        let Event::Readable(id) = event else { continue };
        let Some(mut call) = client.call(id) else { continue };
        while let Some(item) = call.read() {
            match item {
                Item::Head(_) => {}
                Item::Message(message) => assert_eq!(message.len(), MESSAGE.len()),
                Item::End(outcome) => {
                    assert!(outcome.status().is_ok());
                    ended += 1;
                    break;
                }
            }
        }
    }
    ended
}
