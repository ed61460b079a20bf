//! The life of one stream, RFC 9113 §5.1.

use super::flow::{ReceiveWindow, SendWindow};
use super::lines::Place;
use super::slots::StreamKey;
use crate::buffer::chunks::Queue;
use crate::frame::StreamId;
use crate::time::Instant;
use core::num::NonZeroU64;

/// What we still have to send on a stream.
///
/// ```text
/// Waiting ──id given──▶ Head ──HEADERS──▶ Body ──END_STREAM──▶ Ended
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Send {
    /// A client's stream without an id: RFC 9113's "idle".
    Waiting,
    /// HEADERS come next.
    Head,
    Body,
    /// We sent END_STREAM: "half-closed (local)", or "closed" if the peer did too.
    Ended,
}

/// What the peer still has to send on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receive {
    /// No final HEADERS yet; counts informational responses.
    Head {
        informational: u8,
    },
    Body,
    /// The peer sent END_STREAM: "half-closed (remote)", or "closed" if we did too.
    Ended,
}

/// How our half is to end once the outbox is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The layer above may still queue octets.
    Open,
    /// END_STREAM on the last DATA.
    Data,
    /// HEADERS with END_STREAM, which the layer above gives when asked.
    Trailers,
}

/// No mark for the queue of a stream.
pub(super) const UNWATCHED: u32 = u32::MAX;

/// A number of octets, one more than there are: with none for a stream that promised no length it fits a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentLeft(NonZeroU64);

impl ContentLeft {
    /// The largest length counts as one less: nobody sends that many.
    pub(super) fn new(octets: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(octets))
    }

    pub(super) fn get(self) -> u64 {
        self.0.get() - 1
    }
}

/// All that is known of one stream. It lives in its slot, and is never moved.
#[derive(Clone, Debug)]
pub(crate) struct Stream<T> {
    pub(super) key: StreamKey,
    pub(super) id: StreamId,
    /// Both halves together are the state of RFC 9113 §5.1, figure 2; "reserved" does not occur without push. A stream
    /// whose halves have both ended, by END_STREAM or by RST_STREAM, is closed, though the layer above may still hold
    /// it.
    pub(super) send: Send,
    pub(super) receive: Receive,
    pub(super) ending: Ending,
    /// The response may begin: the layer above is asked for its head.
    pub(super) head_wanted: bool,
    /// The line in which it waits for its turn to send, and the number of that turn.
    pub(super) place: Place,
    pub(super) turn: u32,
    /// It owes the peer a WINDOW_UPDATE.
    pub(super) owes: bool,
    /// The layer above wants to come back to it.
    pub(super) noticed: bool,
    pub(super) send_window: SendWindow,
    pub(super) receive_window: ReceiveWindow,
    /// Octets of `content-length` still to come.
    pub(super) content_left: Option<ContentLeft>,
    pub(super) outbox: Queue,
    /// Since when no DATA could leave for want of window; [`Instant::MAX`] while it can.
    pub(super) stalled_since: Instant,
    /// The layer above wants to know when no more than this is queued; [`UNWATCHED`] where it does not.
    pub(super) watch: u32,
    pub(crate) upper: T,
}

impl<T: Default> Stream<T> {
    /// What a free slot holds.
    pub(super) fn vacant(key: StreamKey) -> Self {
        Self {
            key,
            id: StreamId::ZERO,
            send: Send::Ended,
            receive: Receive::Ended,
            ending: Ending::Open,
            head_wanted: false,
            place: Place::Out,
            turn: 0,
            owes: false,
            noticed: false,
            send_window: SendWindow::new(0),
            receive_window: ReceiveWindow::new(0),
            content_left: None,
            outbox: Queue::EMPTY,
            stalled_since: Instant::MAX,
            watch: UNWATCHED,
            upper: T::default(),
        }
    }

    /// The upper state is as a new one, where the old one owns nothing: no destructor has to look for what it does.
    #[inline]
    pub(super) fn renew_bare(&mut self) {
        core::mem::forget(core::mem::take(&mut self.upper));
    }

    /// Back to that, field by field, but for the upper state: a new one would have to be moved here.
    pub(super) fn vacate(&mut self) {
        self.id = StreamId::ZERO;
        (self.send, self.receive) = (Send::Ended, Receive::Ended);
        self.ending = Ending::Open;
        self.head_wanted = false;
        self.content_left = None;
        self.stalled_since = Instant::MAX;
        self.watch = UNWATCHED;
    }

    /// The stream of a slot begins.
    #[inline]
    pub(super) fn start(
        &mut self,
        id: StreamId,
        (send, receive): (Send, Receive),
        send_window: u32,
        receive_window: u32,
    ) {
        self.id = id;
        (self.send, self.receive) = (send, receive);
        self.send_window = SendWindow::new(send_window);
        self.receive_window = ReceiveWindow::new(receive_window);
    }
}

impl<T> Stream<T> {
    pub(crate) fn key(&self) -> StreamKey {
        self.key
    }

    /// Octets queued to send.
    pub(crate) fn queued(&self) -> usize {
        self.outbox.len()
    }

    /// What the peer has been told that it may still send, in octets.
    pub(crate) fn announced_window(&self) -> i64 {
        self.receive_window.available()
    }

    /// Takes the DATA that a request goes on with, so many octets, and its end.
    #[inline]
    pub(crate) fn take_body(&mut self, octets: u32) {
        self.receive = Receive::Ended;
        self.receive_window.spend(octets);
    }

    /// Takes the whole reply to what was said, which closes it.
    #[inline]
    pub(crate) fn take_reply(&mut self) {
        self.close();
    }

    /// Whether the peer's half has ended, or the stream is closed.
    pub(crate) fn is_receive_ended(&self) -> bool {
        self.receive == Receive::Ended
    }

    /// Whether our half has ended, or the stream is closed.
    pub(crate) fn is_send_ended(&self) -> bool {
        self.send == Send::Ended
    }

    /// Whether no DATA is due any more that a `content-length` promised.
    pub(super) fn has_all_content(&self) -> bool {
        self.content_left.is_none_or(|left| left.get() == 0)
    }

    /// Whether so many octets of DATA are what its `content-length`, if there is one, still promises: all of it, where
    /// these are the last.
    #[inline]
    pub(super) fn expects_content(&self, octets: u32, last: bool) -> bool {
        self.content_left.is_none_or(|left| {
            let octets = u64::from(octets);
            if last { left.get() == octets } else { left.get() >= octets }
        })
    }

    /// Whether its own window lets octets go that wait for it.
    pub(super) fn may_send(&self) -> bool {
        self.send_window.available() > 0 && !self.outbox.is_empty()
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.send == Send::Ended && self.receive == Receive::Ended
    }

    /// Neither half says any more.
    pub(super) fn close(&mut self) {
        (self.send, self.receive) = (Send::Ended, Receive::Ended);
    }
}
