//! A client that speaks in whole frames, to a server: see `script`.

use crate::script;
use grpc_sansio::Server;

/// A script, by `arbitrary`.
pub fn run(data: &[u8]) {
    script::run::<Server>(data);
}
