//! HTTP/2 (RFC 9113) as a pure state machine: streams, flow control, settings, header rules and guards. Knows nothing
//! of gRPC, and is worth using alone.
//!
//! [`Connection`] is the machine for either side. Octets of the peer go in by [`Connection::receive_step`], which
//! handles a frame at a time and says what it means as a [`Step`]; octets for the peer come out by
//! [`Connection::transmit_step`].
//!
//! ```
//! use grpc_sansio::hpack::Field;
//! use grpc_sansio::http2::{Config, Connection, Input, Part, Side, Step, Transmit};
//! use grpc_sansio::{Instant, WriteBuf};
//! use bytes::Buf;
//!
//! // A server that answers 204 to every request, over any transport.
//! fn serve(server: &mut Connection<()>, now: Instant, read: &[u8], output: &mut WriteBuf) {
//!     let mut input = Input::slice(read);
//!     loop {
//!         match server.receive_step(now, &mut input) {
//!             Step::Idle => break,
//!             Step::Headers { stream, part: Part::Request, .. } => server.begin(stream),
//!             Step::Data { stream, len } => {
//!                 input.take(len);
//!                 server.consumed(stream, len as u32);
//!             }
//!             _ => {}
//!         }
//!     }
//!     while let Transmit::Head(stream) = server.transmit_step(now, output) {
//!         server.send_head(stream, [Field::new(b":status", b"204")], true, output);
//!         server.release(stream); // resets what is left of the request
//!     }
//! }
//!
//! let now = Instant::from_nanos(0);
//! let mut client = Connection::new(Side::Client, Config::new(Side::Client), now);
//! let mut server = Connection::new(Side::Server, Config::new(Side::Server), now);
//! let stream = client.open(()).unwrap();
//! client.end(stream, false);
//! let (mut to_server, mut to_client) = (WriteBuf::new(), WriteBuf::new());
//! while let Transmit::Head(stream) = client.transmit_step(now, &mut to_server) {
//!     let fields = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "localhost")];
//!     let fields = fields.map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes()));
//!     client.send_head(stream, fields, false, &mut to_server);
//! }
//! let request = to_server.copy_to_bytes(to_server.len());
//! serve(&mut server, now, &request, &mut to_client);
//!
//! let response = to_client.copy_to_bytes(to_client.len());
//! let mut input = Input::slice(&response);
//! let status = loop {
//!     match client.receive_step(now, &mut input) {
//!         Step::Headers { status, .. } => break status,
//!         Step::Idle => panic!("no response"),
//!         _ => {}
//!     }
//! };
//! assert_eq!(status, 204);
//! ```

#[cfg(feature = "testing")]
pub(crate) mod audit;
mod closed;
mod common;
mod config;
mod connection;
mod counters;
mod credit;
mod ending;
mod error;
mod fields;
mod flow;
mod guard;
mod id_map;
mod input;
mod known;
mod lines;
mod outgoing;
mod pings;
mod queue;
mod quiet;
mod reader;
mod receive;
mod receive_data;
mod receive_headers;
mod release;
mod slots;
mod stall;
mod step;
mod stream;
mod transmit;
mod whole;

#[cfg(feature = "testing")]
pub use audit::{StreamWindows, Windows};
pub(crate) use common::Common;
pub use config::{Config, Side};
pub use connection::Connection;
pub use counters::{Counters, Guard, Guards};
pub use error::{ConnectionError, OpenError, Origin};
pub(crate) use fields::class;
#[cfg(feature = "web")]
pub(crate) use fields::{is_valid_name, is_valid_value};
pub use input::Input;
pub use pings::IDLE_PING_INTERVAL;
pub(crate) use receive_headers::Opening;
pub use slots::StreamKey;
pub use step::{Part, Step, Transmit};
pub(crate) use stream::Stream;
pub(crate) use whole::{Written, find_body};
