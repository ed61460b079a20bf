//! 1A: floods of streams that begin and end.

use super::wire::{END_STREAM, stream};
use super::{App, Attack};
use grpc_sansio::frame::ErrorCode;

pub(crate) const ATTACKS: &[Attack] = &[
    Attack {
        turn: |n, wire| {
            wire.short_request(stream(n), END_STREAM);
            wire.reset(stream(n), ErrorCode::CANCEL);
        },
        ..Attack::on_server("t_01_rapid_reset")
    },
    Attack {
        app: App::Holds,
        heap: 128 * 1024,
        turn: |n, wire| {
            wire.short_request(stream(n), END_STREAM);
            if n > 0 {
                wire.reset(stream(n - 1), ErrorCode::CANCEL);
            }
        },
        ..Attack::on_server("t_01_rapid_reset_of_slow_handlers")
    },
];
