//! The unary call through shiguredo_http2, a sans-IO engine: the prefix of a message, the names of gRPC and the status are its
//! caller's work, and there is no timer. Output goes to the other end as it comes, without a copy between them.

use crate::Work;
use crate::request::{AUTHORIZATION, MESSAGE, PATH, RequestId, framed};
use shiguredo_http2::{Connection, Event, HeaderField, Limits};

/// Received octets after which the caller opens the connection's window again.
const CREDIT: u32 = 16 * 1024;

pub struct Unary {
    client: Connection,
    server: Connection,
    open: u64,
    id: RequestId,
    owed: [u32; 2],
}

fn field(name: &str, value: &str) -> HeaderField {
    HeaderField::new(name, value).expect("a sound field")
}

/// All that one end has to say goes to the other.
fn carry(from: &mut Connection, to: &mut Connection) {
    while let Some(octets) = from.poll_output() {
        to.feed(&octets).expect("octets");
        to.process().expect("frames");
    }
}

fn give_back(end: &mut Connection, owed: &mut u32, octets: usize) {
    *owed += octets as u32;
    if *owed >= CREDIT {
        end.send_window_update(shiguredo_http2::StreamId::Connection, *owed).expect("a window");
        *owed = 0;
    }
}

impl Unary {
    pub fn new(open: u32) -> Self {
        let limits = Limits::builder().max_concurrent_streams(Some(open.max(100))).build().expect("limits");
        let (mut client, mut server) = (Connection::client(limits.clone()), Connection::server(limits));
        client.initiate().expect("a preface");
        server.initiate().expect("SETTINGS");
        for _ in 0..2 {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        while client.poll_event().is_some() || server.poll_event().is_some() {}
        Self { client, server, open: u64::from(open), id: RequestId::new(), owed: [0, 0] }
    }

    fn wave(&mut self) {
        for _ in 0..self.open {
            let fields = vec![
                field(":method", "POST"),
                field(":scheme", "http"),
                field(":path", PATH),
                field(":authority", "localhost:50051"),
                field("te", "trailers"),
                field("content-type", "application/grpc"),
                field("user-agent", "grpc-sansio/0.1"),
                field("grpc-timeout", "1S"),
                field("authorization", AUTHORIZATION),
                field("x-request-id", self.id.next()),
            ];
            let stream = self.client.start_stream(fields, false).expect("a stream");
            self.client.send_data(stream, framed(&MESSAGE), true).expect("an open stream");
        }
        carry(&mut self.client, &mut self.server);
        self.serve();
        carry(&mut self.server, &mut self.client);
        assert_eq!(self.finish(), self.open);
    }

    fn serve(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::HeadersReceived { headers, .. } => {
                    let path = headers.iter().find(|field| field.name() == b":path").expect("a path");
                    assert_eq!(path.value(), PATH.as_bytes());
                }
                Event::DataReceived { stream_id, data, end_stream } => {
                    assert!(end_stream && data.len() == 5 + MESSAGE.len());
                    give_back(&mut self.server, &mut self.owed[0], data.len());
                    let head = vec![field(":status", "200"), field("content-type", "application/grpc")];
                    self.server.send_response(stream_id, head, false).expect("an open stream");
                    self.server.send_data(stream_id, framed(&MESSAGE), false).expect("an open stream");
                    self.server.send_trailers(stream_id, vec![field("grpc-status", "0")]).expect("an open stream");
                }
                _ => {}
            }
        }
    }

    fn finish(&mut self) -> u64 {
        let mut ended = 0;
        while let Some(event) = self.client.poll_event() {
            match event {
                Event::DataReceived { data, .. } => {
                    assert_eq!(data.len(), 5 + MESSAGE.len());
                    give_back(&mut self.client, &mut self.owed[1], data.len());
                }
                Event::TrailersReceived { trailers, .. } => {
                    let status = trailers.iter().find(|field| field.name() == b"grpc-status").expect("a status");
                    assert_eq!(status.value(), b"0");
                    ended += 1;
                }
                _ => {}
            }
        }
        ended
    }
}

impl Work for Unary {
    fn run(&mut self, units: u64) {
        for _ in 0..units.div_ceil(self.open) {
            self.wave();
        }
    }
}
