//! Calls that end inside a message: nothing of it is left behind, whoever ends them and lets go of them.

use crate::DOWNLOAD;
use crate::raw::{RESPONSE, Raw, framed};
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Metadata, Status};
use grpc_sansio::{Event, OpenOptions};

/// Octets that a round leaves allocated once all of it is dropped.
fn leaked(mut round: impl FnMut()) -> i64 {
    round();
    round();
    let counted = allocation_counter::measure(|| (0..10).for_each(|_| round()));
    counted.bytes_current / 10
}

/// A client resets its stream inside a message; the server lets go.
#[test]
fn a_reset_inside_a_message() {
    let leaked = leaked(|| {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        let message = framed(&vec![7; 40_000]);
        for piece in message[..30_000].chunks(10_000) {
            raw.data(1, piece, false);
        }
        raw.reset(1, ErrorCode::CANCEL);
        assert_eq!(raw.poll(), [Event::Stopped(id)]);
        raw.it.call(id).unwrap().release();
        assert_eq!(raw.it.calls(), 0);
    });
    assert_eq!(leaked, 0, "octets for each stream that was reset");
}

/// A client ends its request inside a message; the server answers by itself, and its application lets go.
#[test]
fn a_half_close_inside_a_message() {
    let leaked = leaked(|| {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        let message = framed(&vec![7; 20_000]);
        raw.data(1, &message[..10_000], true);
        assert_eq!(raw.poll(), [Event::Stopped(id)]);
        raw.said();
        raw.it.call(id).unwrap().release();
        assert_eq!(raw.it.calls(), 0);
    });
    assert_eq!(leaked, 0, "octets for each such stream");
}

/// The application finishes what has stopped before the trailers leave.
#[test]
fn the_end_of_a_broken_request() {
    let leaked = leaked(|| {
        let mut raw = Raw::server();
        raw.request(1, &[], false);
        let id = raw.opened();
        let message = framed(&vec![7; 20_000]);
        raw.data(1, &message[..10_000], true);
        assert_eq!(raw.poll(), [Event::Stopped(id)]);
        raw.it.call(id).unwrap().finish(&Status::ok(), &Metadata::new());
        raw.said();
        assert_eq!(raw.it.calls(), 0);
    });
    assert_eq!(leaked, 0, "octets for each such stream");
}

/// A server ends a call inside a message with an error status.
#[test]
fn trailers_inside_a_message() {
    let leaked = leaked(|| {
        let mut raw = Raw::client();
        raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        let message = framed(&vec![7; 20_000]);
        raw.data(1, &message[..10_000], false);
        raw.headers(1, &[("grpc-status", "13")], true);
        raw.poll();
        assert_eq!(raw.it.calls(), 0);
    });
    assert_eq!(leaked, 0, "octets for each such stream");
}

/// The same behind a whole message.
#[test]
fn trailers_inside_a_second_message() {
    let leaked = leaked(|| {
        let mut raw = Raw::client();
        raw.request(&OpenOptions::new(&DOWNLOAD), b"m");
        raw.headers(1, &RESPONSE, false);
        raw.data(1, &framed(&vec![7; 5_000]), false);
        raw.data(1, &framed(&vec![7; 20_000])[..10_000], false);
        raw.headers(1, &[("grpc-status", "13")], true);
        raw.poll();
        assert_eq!(raw.it.calls(), 0);
    });
    assert_eq!(leaked, 0, "octets for each such stream");
}
