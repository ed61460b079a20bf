//! A client whose server is the fuzzer: see `connection`.

use crate::connection;
use crate::control::Control;
use grpc_sansio::http2::Side;

/// What a server sends, then two octets that steer.
pub fn run(data: &[u8]) {
    if let Some((wire, control)) = Control::split(data) {
        connection::run(Side::Client, wire, control);
    }
}
