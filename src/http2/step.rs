//! What one step of a connection has to say.

use super::error::Origin;
use super::slots::StreamKey;
use crate::frame::{ErrorCode, StreamId};

/// Which header block of a message this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Opens a stream on the server.
    Request,
    /// The final response; informational ones are dropped.
    Response,
    /// After the body; END_STREAM goes with it.
    Trailers,
}

/// The outcome of [`Connection::receive_step`](super::Connection::receive_step).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The input is used up; come back with more.
    Idle,
    /// A frame was handled that says nothing to the layer above.
    Nothing,
    /// The peer's first SETTINGS arrived.
    Ready,
    /// A header block, well-formed by RFC 9113 §8; its fields are in
    /// [`Connection::fields`](super::Connection::fields) until the next step.
    Headers {
        /// Its stream; new for [`Part::Request`].
        stream: StreamKey,
        /// Where it stands in the message.
        part: Part,
        /// `:status` of a response, 0 otherwise.
        status: u16,
        /// END_STREAM came with it.
        end_stream: bool,
        /// The list was longer than the config allows: the fields are not all there.
        oversized: bool,
    },
    /// `len` octets of DATA payload lie at the front of the input: take exactly these before the next step, and give
    /// them back by [`Connection::consumed`](super::Connection::consumed) when they are done with.
    Data {
        /// Its stream.
        stream: StreamKey,
        /// Octets at the front of the input.
        len: usize,
    },
    /// END_STREAM came with DATA.
    End {
        /// Its stream.
        stream: StreamKey,
    },
    /// The stream was closed before its time. The key stays valid until it is released.
    Reset {
        /// Its stream.
        stream: StreamKey,
        /// The code of the RST_STREAM received or sent.
        code: ErrorCode,
        /// [`Origin::Peer`] or [`Origin::Local`].
        origin: Origin,
        /// Which rule was broken, where we sent it.
        reason: &'static str,
    },
    /// The peer takes no new streams. Those above `last_stream`, and those that wait for an id, were closed: they were
    /// not processed (RFC 9113 §6.8).
    GoAway {
        /// The highest stream that the peer may have acted on.
        last_stream: StreamId,
        /// Why.
        code: ErrorCode,
    },
    /// The connection ended by an error: see [`Connection::error`](super::Connection::error). No stream goes on.
    Closed,
}

/// The outcome of [`Connection::transmit_step`](super::Connection::transmit_step).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmit {
    /// Nothing left to say, or the output is full.
    Done,
    /// This stream's first HEADERS are due: call [`Connection::send_head`](super::Connection::send_head), or reset it.
    Head(StreamKey),
    /// The queue of this stream fell to the mark that [`Connection::watch_queue`](super::Connection::watch_queue) set;
    /// there may be more to transmit.
    Drained(StreamKey),
    /// This stream's trailers are due: call [`Connection::send_trailers`](super::Connection::send_trailers), or reset
    /// it.
    Trailers(StreamKey),
}
