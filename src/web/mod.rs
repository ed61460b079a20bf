//! gRPC-Web in front of a server's [`Connection`](crate::Connection), as a pure machine: HTTP/1.1 and HTTP/2, binary and
//! text, CORS, and native gRPC on the same port.
//!
//! A [`Session`] stands between a transport and a connection. It tells by the first octets what the peer speaks, and gives
//! the connection nothing but native gRPC: so handlers, generated code, deadlines, limits and compression are those of
//! the engine, and neither knows of the other. The loop is the connection's, with the session's verbs in place of it:
//!
//! ```
//! use bytes::Buf;
//! use grpc_sansio::grpc::{Metadata, Status};
//! use grpc_sansio::web::{Config, Session};
//! use grpc_sansio::{Connection, Event, Instant, Server, ServerConfig, WriteBuf};
//!
//! let (config, now) = (ServerConfig::default(), Instant::from_nanos(0));
//! let mut connection = Connection::<Server>::new(&config, now);
//! let mut session = Session::new(&Config::default(), &config, now);
//! let read = b"POST /demo.Echo/Say HTTP/1.1\r\nhost: here\r\ncontent-type: application/grpc-web\r\n\
//!              content-length: 5\r\n\r\n\0\0\0\0\0";
//!
//! session.receive(now, read, &mut connection);
//! while let Some(event) = connection.poll_event() {
//!     if let Event::Opened(id) = event {
//!         connection.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
//!     }
//! }
//! let mut output = WriteBuf::new();
//! session.transmit(now, &mut connection, &mut output);
//! let answer = output.copy_to_bytes(output.remaining());
//! assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\ncontent-type: application/grpc-web\r\n"));
//! ```
//!
//! [`Trailers`], [`TextDecoder`] and [`TextEncoder`] are the wire format alone, for clients and for other servers.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod answer;
mod body;
mod config;
mod content_type;
mod cors;
mod error;
mod exchange;
mod http1;
mod http2;
mod link;
mod outer;
mod peek;
mod request;
mod route;
mod session;
mod text;
mod trailers;

pub use config::Config;
pub use cors::{Cors, Names};
pub use error::Error;
pub use session::{Protocol, Session};
pub use text::{InvalidText, TextDecoder, TextEncoder};
pub use trailers::{TRAILERS_FLAG, Trailers, TrailersError};
