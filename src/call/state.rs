//! What the engine knows of one call; it lives inside the call's stream.

use super::inbox::{Encoding, Inbox};
use super::read::Next;
use crate::buffer::pool::block_heap_size;
use crate::grpc::outcome::HeadSummary;
use crate::grpc::{Code, Kind, Rejection, Retry, Status, content_type};
use crate::hpack::{Field, FieldBlock, Fields};
use crate::http2::{Origin, Side};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Why a call stopped before its time. It overtakes what was received and not yet read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// The peer cancelled it (RST_STREAM).
    Cancelled,
    /// Its deadline passed.
    DeadlineExceeded,
    /// The connection was lost, by either side's error or the transport's end.
    ConnectionLost,
    /// The peer broke a rule or a limit on this call; it was told by a status or by RST_STREAM.
    PeerFault,
}

impl Stop {
    /// Its name, as the event log and spans have it: `cancelled`, `deadline_exceeded`, `connection_lost`, `peer_fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::ConnectionLost => "connection_lost",
            Self::PeerFault => "peer_fault",
        }
    }
}

/// The name of the field that a response's own head begins with, if it begins with any but metadata.
pub(super) const CONTENT_TYPE: &[u8] = b"content-type";

/// What the own head of a response says: its `content-type` (G-036), and the metadata behind that.
pub(super) fn response_head(own_head: &Option<Box<FieldBlock>>) -> (Field<'_>, Fields<'_>) {
    const PLAIN: Field<'static> = Field::new(CONTENT_TYPE, content_type::GRPC.as_bytes());
    let all = own_head.as_ref().map_or(Fields::EMPTY, |block| block.fields());
    let mut metadata = all;
    match metadata.next() {
        Some(field) if field.name == CONTENT_TYPE => (field, metadata),
        _ => (PLAIN, all),
    }
}

/// Where a call stands, seen from the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// A server's call whose request was refused; it is answered without the application.
    Rejected,
    Open,
    /// A client's call whose response is not gRPC.
    Foreign,
    /// It can only be read to its end, and on a server be let go.
    Stopped(Stop),
    /// A server's call that the application has let go of; its trailers are on their way.
    Finished,
}

/// The received head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Head {
    Awaited,
    /// Not read yet: it is [`CallState::head_block`].
    Held,
    /// Not read yet: it is the response that most calls have, and HTTP/2 holds it for all of them.
    Usual,
    Read,
}

/// How the peer's messages ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Awaited,
    /// A server's: the client has half-closed.
    HalfClosed,
    /// A client's: by trailers, which are [`CallState::trailers`]; `only` without a head before them, `plain` where
    /// they say OK and nothing about it.
    Trailers {
        only: bool,
        plain: bool,
    },
    /// A client's: by anything else, which is [`Rare::local`].
    Local,
    /// It was read.
    Read,
}

/// An outcome that was made here.
#[derive(Clone, Debug)]
pub(super) struct LocalEnd {
    pub(super) status: Status,
    pub(super) origin: Origin,
    pub(super) unprocessed: bool,
    /// As the status message has it.
    pub(super) retry: Retry,
}

impl LocalEnd {
    /// Of a call that the peer may have processed, and whose status's code says all about trying again.
    pub(super) fn new(status: Status, origin: Origin) -> Self {
        let retry = status.code().retry();
        Self { status, origin, unprocessed: false, retry }
    }
}

/// What few calls have.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// Why a server refuses the request, and how much of its body has arrived since.
    pub(super) rejection: Option<Rejection>,
    pub(super) rejected: u32,
    /// The start of a response that is not gRPC, for the status message (G-048).
    pub(super) body: Vec<u8>,
    pub(super) local: Option<LocalEnd>,
}

/// What our own side has said so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// A server has not begun its response.
    NoHead,
    Messages,
    /// No more messages: half-closed, or finished with trailers.
    Closed,
    /// A server finished before it began: head and trailers are one.
    TrailersOnly,
}

/// A coding, by its place in the config's list, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Coding(u8);

impl Coding {
    pub(super) const NONE: Self = Self(u8::MAX);

    pub(super) const fn at(place: u8) -> Self {
        Self(place)
    }

    pub(super) fn place(self) -> Option<u8> {
        (self != Self::NONE).then_some(self.0)
    }
}

/// The application's interest in events, as an edge that it arms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Events(u8);

impl Events {
    pub(super) const OPENED: Self = Self(1);
    pub(super) const STOPPED: Self = Self(2);
    pub(super) const READABLE: Self = Self(4);
    pub(super) const WRITABLE: Self = Self(8);

    pub(super) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn add(&mut self, event: Self) {
        self.0 |= event.0;
    }

    pub(super) fn clear(&mut self) {
        self.0 = 0;
    }

    /// Takes the first, in the order of the constants.
    pub(super) fn take(&mut self) -> Option<Self> {
        let first = self.0 & self.0.wrapping_neg();
        self.0 &= !first;
        (first != 0).then_some(Self(first))
    }
}

#[derive(Clone, Debug)]
pub(crate) struct CallState {
    pub(super) stage: Stage,
    pub(super) kind: Kind,
    /// A server's application told the kind, so cardinality is checked.
    pub(super) kind_known: bool,
    pub(super) events: Events,
    /// `Readable` is to be told: the last read found nothing, or there was none.
    pub(super) read_armed: bool,
    /// `Writable` is to be told: a message was refused.
    pub(super) write_armed: bool,
    /// Is in the queue of those that wait for the connection's send queue.
    pub(super) awaits_total: bool,
    pub(super) inbox: Inbox,
    pub(super) head: Head,
    pub(super) head_block: Option<Box<FieldBlock>>,
    pub(super) end: End,
    /// A client's received ones, a server's until they are sent.
    pub(super) trailers: Option<Box<FieldBlock>>,
    /// Messages received, whole, taken or not; no more than 255 are counted, of which one and two are told apart.
    pub(super) received: u8,
    /// Octets lent beyond the window for the arriving message.
    pub(super) lent: u32,
    /// Octets by which the call's window has grown.
    pub(super) grown: u32,
    /// Octets of unread messages that went back to the connection's window already.
    pub(super) credited: u32,
    /// Waits for the assembly budget.
    pub(super) wants_loan: bool,
    /// A timer watches the arriving message.
    pub(super) watched: bool,
    /// When the arriving message last grew.
    pub(super) progress: Instant,
    pub(super) deadline: Instant,
    pub(super) response: HeadSummary,
    pub(super) receive_encoding: Encoding,
    /// Bits of the config's codings that the client accepts, on a server.
    pub(super) accepted: u8,
    pub(super) may_send_compressed: bool,
    pub(super) sending: Sending,
    /// Messages sent, counted likewise.
    pub(super) sent: u8,
    /// Until they are sent, the request's header list, or the response's metadata behind its `content-type`, which is
    /// there only where it is not plain `application/grpc`.
    pub(super) own_head: Option<Box<FieldBlock>>,
    /// The response's coding, by its place in the config's list.
    pub(super) own_encoding: Coding,
    pub(super) own_code: Code,
    pub(super) rare: Option<Box<Rare>>,
}

impl Default for CallState {
    fn default() -> Self {
        Self {
            stage: Stage::Open,
            kind: Kind::BidiStreaming,
            kind_known: false,
            events: Events::default(),
            read_armed: true,
            write_armed: false,
            awaits_total: false,
            inbox: Inbox::EMPTY,
            head: Head::Awaited,
            head_block: None,
            end: End::Awaited,
            trailers: None,
            received: 0,
            lent: 0,
            grown: 0,
            credited: 0,
            wants_loan: false,
            watched: false,
            progress: Instant::default(),
            deadline: Instant::MAX,
            response: HeadSummary { http_status: 0, is_grpc: true },
            receive_encoding: Encoding::Identity,
            accepted: 0,
            may_send_compressed: false,
            sending: Sending::NoHead,
            sent: 0,
            own_head: None,
            own_encoding: Coding::NONE,
            own_code: Code::Ok,
            rare: None,
        }
    }
}

impl CallState {
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Foreign)
    }

    /// Whether the application may still name it.
    pub(super) fn is_shown(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::Foreign | Stage::Stopped(_))
    }

    /// Messages that have at least begun to arrive. A second one need not be whole to be one too many: behind the
    /// first, which is held back, it may never fit the window.
    pub(super) fn begun(&self) -> u8 {
        self.received.saturating_add(u8::from(self.inbox.is_inside_message()))
    }

    /// Whether the peer owes exactly one message, as far as it is known.
    pub(super) fn takes_one(&self, side: Side) -> bool {
        match side {
            Side::Client => !self.kind.server_streams(),
            Side::Server => self.kind_known && !self.kind.client_streams(),
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end != End::Awaited
    }

    /// Whether no part of the connection's budgets is lent to it, and no message is arriving that could want one.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.lent | self.inbox.arriving() == 0 && !self.wants_loan
    }

    /// Whether it holds no message, no loan and no window beyond the usual one.
    #[inline(always)]
    pub(super) fn has_nothing(&self) -> bool {
        // One question for all of them.
        let held = self.inbox.complete() | self.inbox.arriving();
        held | self.lent | self.grown | self.credited == 0 && !self.wants_loan
    }

    /// Whether it owns nothing, and nothing has to be given back when it goes.
    pub(super) fn is_bare(&self) -> bool {
        let blocks = self.head_block.is_none() & self.trailers.is_none() & self.own_head.is_none();
        let budgets = (self.lent | self.grown) == 0 && self.head != Head::Usual;
        blocks && budgets && self.rare.is_none() && !self.inbox.holds_any()
    }

    /// Notes `Readable` where the application waits for it and there is something to read; says whether it did.
    #[inline]
    pub(super) fn tell_readable(&mut self, side: Side) -> bool {
        self.read_armed && self.next(side) != Next::Nothing && self.tell_head()
    }

    /// As [`CallState::tell_readable`], where there is known to be something to read.
    #[inline]
    pub(super) fn tell_head(&mut self) -> bool {
        let tell = self.read_armed;
        if tell {
            self.read_armed = false;
            self.events.add(Events::READABLE);
        }
        tell
    }

    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Gives the call an outcome that was made here.
    pub(super) fn end_here(&mut self, local: LocalEnd) {
        self.end = End::Local;
        self.rare().local = Some(local);
    }

    /// Bytes of heap that it holds and no pool counts.
    pub(super) fn heap_size(&self) -> usize {
        let blocks = [&self.head_block, &self.trailers, &self.own_head];
        let blocks: usize = blocks.into_iter().flatten().map(|block| block_heap_size(block)).sum();
        blocks + self.inbox.heap_size() + self.rare.as_ref().map_or(0, |rare| size_of::<Rare>() + rare.body.capacity())
    }
}
