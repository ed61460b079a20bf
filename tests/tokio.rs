//! The tokio adapter, mostly over transports in memory and with tokio's clock paused: what waits, waits for ever there, and
//! what sleeps is over at once.

use grpc_sansio::adapter::tokio::{Channel, DriverError, Handler, Server};
use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::{ClientConfig, ServerConfig};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;

#[cfg(feature = "tls")]
#[path = "tls/authority.rs"]
mod authority;
#[path = "tokio/back_pressure.rs"]
mod back_pressure;
#[cfg(all(feature = "gzip", feature = "deflate"))]
#[path = "tokio/compression.rs"]
mod compression;
#[path = "tokio/deadlines.rs"]
mod deadlines;
#[path = "tokio/ends.rs"]
mod ends;
#[path = "tokio/intercept.rs"]
mod intercept;
#[path = "tokio/management.rs"]
mod management;
#[path = "tokio/metadata.rs"]
mod metadata;
#[path = "tokio/parents.rs"]
mod parents;
#[cfg(all(feature = "health", feature = "reflection"))]
#[path = "tokio/services.rs"]
mod services;
#[path = "tokio/serving.rs"]
mod serving;
#[path = "tokio/sharing.rs"]
mod sharing;
#[cfg(feature = "tls")]
#[path = "tokio/tls.rs"]
mod tls;
#[path = "tokio/transports.rs"]
mod transports;
#[cfg(feature = "web")]
#[path = "tokio/web.rs"]
mod web;

const UNARY: Method = Method::from_static("/test.Service/Unary", Kind::Unary);
const UPLOAD: Method = Method::from_static("/test.Service/Upload", Kind::ClientStreaming);
const DOWNLOAD: Method = Method::from_static("/test.Service/Download", Kind::ServerStreaming);
const BOTH: Method = Method::from_static("/test.Service/Both", Kind::BidiStreaming);

/// Octets that the transport in memory holds in each direction.
const PIPE: usize = 64 * 1024;

fn client_config() -> ClientConfig {
    ClientConfig::builder("localhost").build().unwrap()
}

/// The end of a connection, as its driver tells it.
type End = JoinHandle<Result<(), DriverError>>;

/// A client and a server, joined in memory, and how either's connection ends.
struct Pair {
    channel: Channel,
    client: End,
    server: End,
}

fn pair(handler: impl Handler) -> Pair {
    pair_with(&client_config(), ServerConfig::default(), handler)
}

fn pair_with(client: &ClientConfig, server: ServerConfig, handler: impl Handler) -> Pair {
    let (near, far) = tokio::io::duplex(PIPE);
    let (channel, client) = join(near, client);
    let server = tokio::spawn(Server::new(server).serve_connection(far, handler));
    Pair { channel, client, server }
}

fn join(io: DuplexStream, config: &ClientConfig) -> (Channel, End) {
    let (channel, driver) = Channel::new(io, config);
    (channel, tokio::spawn(driver))
}
