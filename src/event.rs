//! What a connection tells its caller.

use crate::http2::StreamKey;

/// Names one call of a connection until it is let go. It is not the stream id, and it never names another call later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(crate) StreamKey);

impl CallId {
    /// A small number, unique among the calls that are open now: an index for an adapter's table.
    pub const fn index(self) -> usize {
        self.0.index()
    }

    /// How many calls this connection had before it: the name of the call in an event log and in spans.
    pub const fn number(self) -> u32 {
        self.0.number()
    }
}

/// News, by [`Connection::poll_event`](crate::Connection::poll_event). Data is pulled, never pushed: at most one event of
/// a kind waits for each call, so no queue grows while nobody polls, and an event never names a call that was let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Event {
    /// The peer's SETTINGS arrived: it speaks HTTP/2.
    Ready,
    /// A client opened this call: read its head, and say by `expect` what kind of method it is.
    Opened(CallId),
    /// Something can be read, and the last `read` had found nothing (or there was none yet).
    Readable(CallId),
    /// A message that was refused as `Full` can be tried again; or the call ended, so that trying makes no sense.
    Writable(CallId),
    /// The call stopped before its time: cancelled, past its deadline, or cut off. Overtakes messages that were not read;
    /// these stay readable. [`stopped`](crate::Call::stopped) says why.
    Stopped(CallId),
    /// A call that was refused as `Full` can be opened now.
    Available,
    /// The connection takes no new calls: open another one. Those at hand go on.
    Draining,
    /// The server ends the connection because this client sends too many PINGs (G-206): `keepalive_time` is shorter than
    /// it permits. [`next_config`](crate::Connection::next_config) has twice that; tell whoever chose it.
    TooManyPings,
    /// Messages that were not read fill the connection's whole window, so all calls wait; once per episode.
    WindowExhausted,
    /// The connection has ended, and every call with it. `transmit` may still have the last word.
    Closed,
}
