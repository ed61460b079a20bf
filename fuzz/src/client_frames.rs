//! A server that speaks in whole frames, to a client: see `script`.

use crate::script;
use grpc_sansio::Client;

/// A script, by `arbitrary`.
pub fn run(data: &[u8]) {
    script::run::<Client>(data);
}
