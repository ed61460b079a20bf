//! The public verbs that may change a connection, with their arguments.
#![cfg_attr(not(feature = "event-log"), expect(dead_code, reason = "a log has everything, others have less"))]

use crate::event::CallId;
use crate::frame::ErrorCode;
use crate::grpc::{Kind, Message, Metadata, Status};
use crate::options::OpenOptions;
use crate::time::Instant;

/// A verb about to be done, one for each of [`Connection`](crate::Connection) and [`Call`](crate::Call) that takes them
/// by `&mut` or whole. `read_into` is a `read`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Verb<'a> {
    Open {
        now: Instant,
        options: &'a OpenOptions<'a>,
    },
    #[cfg(feature = "testing")]
    SkipStreams {
        next: u32,
    },
    Receive {
        now: Instant,
        octets: &'a [u8],
    },
    ReceiveBytes {
        now: Instant,
        octets: &'a [u8],
    },
    ReceiveEof {
        now: Instant,
    },
    ReceiveFailure {
        now: Instant,
        why: &'a str,
    },
    /// `waiting` octets were in the output before.
    Transmit {
        now: Instant,
        target: usize,
        waiting: usize,
    },
    PollEvent,
    HandleTimeout {
        now: Instant,
    },
    Shutdown {
        now: Instant,
        by: Option<Instant>,
    },
    Read {
        call: CallId,
    },
    Send {
        call: CallId,
        message: &'a Message,
    },
    SendWith {
        call: CallId,
        size_hint: usize,
    },
    SendCompressedWith {
        call: CallId,
        size_hint: usize,
    },
    HalfClose {
        call: CallId,
    },
    Cancel {
        call: CallId,
    },
    Expect {
        call: CallId,
        kind: Kind,
    },
    LimitDeadline {
        call: CallId,
        deadline: Instant,
    },
    SetEncoding {
        call: CallId,
        coding: &'a str,
    },
    SendHead {
        call: CallId,
        metadata: &'a Metadata,
    },
    Finish {
        call: CallId,
        status: &'a Status,
        trailers: &'a Metadata,
    },
    Reset {
        call: CallId,
        code: ErrorCode,
    },
    Release {
        call: CallId,
    },
}

#[cfg(any(feature = "metrics", feature = "tracing"))]
impl Verb<'_> {
    /// The time that it brings.
    #[inline]
    pub(crate) fn now(&self) -> Option<Instant> {
        match self {
            Self::Open { now, .. }
            | Self::Receive { now, .. }
            | Self::ReceiveBytes { now, .. }
            | Self::ReceiveEof { now }
            | Self::ReceiveFailure { now, .. }
            | Self::Transmit { now, .. }
            | Self::HandleTimeout { now }
            | Self::Shutdown { now, .. } => Some(*now),
            _ => None,
        }
    }
}
