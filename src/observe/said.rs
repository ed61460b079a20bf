//! What a verb came to.
#![cfg_attr(not(feature = "event-log"), expect(dead_code, reason = "a log has everything, others have less"))]

use crate::buffer::WriteBuf;
use crate::event::{CallId, Event};
use crate::grpc::Status;
use crate::hpack::Fields;
use crate::http2::{ConnectionError, Origin};
use crate::time::Instant;
use core::fmt;

/// What a verb came to, and when the connection wants to be called again, where that can be asked: not while an item
/// is lent.
#[derive(Clone, Copy)]
pub(crate) struct Said<'a> {
    pub(crate) answer: Answer<'a>,
    pub(crate) timer: Option<Option<Timer>>,
}

/// When a connection wants to be called again, and what for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    pub(crate) at: Instant,
    /// The limit in the config, or `deadline` of a call, `shutdown` by a date, a `rejected_request` that is still
    /// coming, or `outdated`.
    pub(crate) what: &'static str,
    /// The call that it is of.
    pub(crate) call: Option<CallId>,
}

#[derive(Clone, Copy)]
pub enum Answer<'a> {
    /// It was done, and there is nothing to say about it.
    Done,
    /// There is none: no event, or no item.
    Nothing,
    Opened(CallId),
    /// It was refused, and changed nothing.
    Refused(&'a dyn fmt::Display),
    Event {
        event: Event,
        /// The stream of its call, once it has one.
        stream: Option<u32>,
        /// Why a call stopped.
        stop: Option<&'static str>,
        /// Why the connection ended.
        error: Option<&'a ConnectionError>,
    },
    /// What was added to `output` behind its first `from` octets.
    Output {
        output: &'a WriteBuf,
        from: usize,
    },
    Head {
        fields: Fields<'a>,
        deadline: Option<Instant>,
    },
    Message {
        data: &'a [u8],
        compressed: bool,
    },
    HalfClosed,
    Ended {
        status: &'a Status,
        origin: Origin,
        unprocessed: bool,
        trailers: Fields<'a>,
    },
}
