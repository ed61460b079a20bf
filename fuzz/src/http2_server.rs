//! A server whose client is the fuzzer: see `connection`.

use crate::connection;
use crate::control::Control;
use grpc_sansio::http2::Side;

/// What a client sends, preface included, then two octets that steer.
pub fn run(data: &[u8]) {
    if let Some((wire, control)) = Control::split(data) {
        connection::run(Side::Server, wire, control);
    }
}
