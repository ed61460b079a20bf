//! A view of one call, and its verbs.

use super::door::{Door, done, refusal};
use super::engine::Engine;
use super::inbox::Payload;
use super::read::Taken;
use super::role::{Client, Role, Server};
use super::state::Stop;
use crate::error::{Misuse, SendError};
use crate::event::CallId;
use crate::frame::ErrorCode;
use crate::grpc::{Kind, Message, Metadata, Status};
use crate::http2::StreamKey;
use crate::observe::{Answer, Tap, Verb};
use crate::time::Instant;
use alloc::vec::Vec;
use core::marker::PhantomData;

/// What a read gives: in each direction a call is a head, messages and an end. Lent until the next verb.
pub enum Item<'a, R: Role> {
    /// Initial metadata and what goes with it: a [`Request`](crate::Request) or a [`Response`](crate::Response). A
    /// response that fails at once has none.
    Head(R::Head<'a>),
    /// A whole message.
    Message(Payload<'a>),
    /// The last item: a server's [`HalfClose`](crate::HalfClose), a client's [`Outcome`](crate::Outcome).
    End(R::End<'a>),
}

impl<R: Role> Item<'_, R> {
    fn answer(&self) -> Answer<'_> {
        match self {
            Self::Head(head) => R::head_answer(head),
            Self::Message(message) => Answer::Message { data: message, compressed: message.compressed() },
            Self::End(end) => R::end_answer(end),
        }
    }
}

impl<R: Role> core::fmt::Debug for Item<'_, R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Head(head) => f.debug_tuple("Head").field(head).finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::End(end) => f.debug_tuple("End").field(end).finish(),
        }
    }
}

/// What [`Call::read_into`] found.
pub enum ItemInto<'a, R: Role> {
    /// As [`Item::Head`].
    Head(R::Head<'a>),
    /// A message lies in the caller's buffer; the flag says whether it is compressed.
    Message {
        /// Compressed with the call's `grpc-encoding`.
        compressed: bool,
    },
    /// As [`Item::End`].
    End(R::End<'a>),
}

/// One call of a connection, for a moment: get it by [`Connection::call`](crate::Connection::call), say what is to be
/// said, drop it.
#[must_use]
#[derive(Debug)]
pub struct Call<'a, R: Role> {
    door: &'a mut Door,
    id: CallId,
    role: PhantomData<R>,
}

impl<'a, R: Role> Call<'a, R> {
    pub(crate) fn new(door: &'a mut Door, id: CallId) -> Self {
        Self { door, id, role: PhantomData }
    }

    /// Its name.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// Takes the next item, in the order of the wire, giving its octets back to the peer's windows. `None` when there
    /// is none now: [`Event::Readable`](crate::Event::Readable) says, once, when to come back. After a client's `End`
    /// the call is gone.
    #[inline(always)]
    pub fn read(&mut self) -> Option<Item<'_, R>> {
        let call = self.id;
        if self.door.is_alert() {
            if let Some(place) = self.door.runs().goes_on_reading(call.0) {
                return Some(Item::Message(self.door.runs().take_of_run(place)));
            }
            if let Some(place) = self.door.runs().goes_on_behind(call.0) {
                return Some(Item::Message(self.door.runs().take_of_run(place)));
            }
            if !self.door.look() {
                // Part by part: written into the result by a call, it would keep the items of runs in memory too.
                return match read_watched::<R>(self.door, call, &Verb::Read { call })? {
                    Item::Head(head) => Some(Item::Head(head)),
                    Item::Message(message) => Some(Item::Message(message)),
                    Item::End(end) => Some(Item::End(end)),
                };
            }
        }
        take(self.door.unwatched(), call.0, true)
    }

    /// As [`Call::read`], but a message is appended to the caller's own buffer: an echo or a forward without
    /// allocation.
    pub fn read_into(&mut self, buffer: &mut Vec<u8>) -> Option<ItemInto<'_, R>> {
        match self.read()? {
            Item::Head(head) => Some(ItemInto::Head(head)),
            Item::Message(message) => {
                buffer.extend_from_slice(&message);
                Some(ItemInto::Message { compressed: message.compressed() })
            }
            Item::End(end) => Some(ItemInto::End(end)),
        }
    }

    /// Whether [`Call::read`] has something now. A level, unlike the event.
    pub fn is_readable(&self) -> bool {
        self.door.engine().is_readable(self.id.0)
    }

    /// Whether a message may be sent and the queue has room; one larger than the room is refused all the same. A level,
    /// unlike the event, and it arms nothing: only a refused `send` is followed by
    /// [`Event::Writable`](crate::Event::Writable).
    pub fn is_writable(&self) -> bool {
        self.door.engine().is_writable(self.id.0)
    }

    /// Whether all items of the peer have arrived, its end included, read or not: no more will come.
    pub fn has_ended(&self) -> bool {
        self.door.engine().has_ended(self.id.0)
    }

    /// Octets queued to send.
    pub fn queued(&self) -> usize {
        self.door.engine().queued(self.id.0)
    }

    /// How it stands now: all that can be read of it at once.
    pub fn snapshot(&self) -> CallSnapshot {
        CallSnapshot {
            is_readable: self.is_readable(),
            is_writable: self.is_writable(),
            has_ended: self.has_ended(),
            queued: self.queued(),
            stopped: self.stopped(),
        }
    }

    /// Why the call stopped before its time; `None` while it goes on, and after a regular end.
    pub fn stopped(&self) -> Option<Stop> {
        self.door.engine().stopped(self.id.0)
    }

    /// Queues a message. Payloads of at least `copy_below` octets are sent by reference, without a copy.
    ///
    /// On a client's unary or server-streaming call the message is the only one, and closes the sending side (G-076).
    /// On a server the first message implies the response head.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] hands the message back, and [`Event::Writable`](crate::Event::Writable) says, once, when to
    /// try again; an empty queue always accepts. [`SendError::Ended`] when the call has ended or stopped.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), SendError<Message>> {
        self.door.send(self.id, message.into())
    }

    /// Queues the message that `encode` appends to an empty, pooled buffer. `Full` is decided before `encode` runs, by
    /// `size_hint`, the octets it is expected to append.
    ///
    /// # Errors
    ///
    /// As [`Call::send`].
    #[inline]
    pub fn send_with(&mut self, size_hint: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), SendError<()>> {
        let call = self.id;
        if let Some(room) = self.door.runs().goes_on_sending(call.0, size_hint) {
            return self.door.runs().send_of_run_with(call.0, room, encode);
        }
        if self.door.is_unwatched() {
            return self.door.unwatched().send_with(call.0, size_hint, false, true, encode);
        }
        send_watched(self.door, call, Verb::SendWith { call, size_hint }, size_hint, encode)
    }

    /// Queues a copy of a message that is serialised already, where it is somebody else's memory. As [`Call::send_with`] without
    /// a closure; small messages that follow each other are copied once.
    ///
    /// ```
    /// # use grpc_sansio::{Call, Role, SendError};
    /// fn echo<R: Role>(call: &mut Call<'_, R>, message: &[u8]) -> Result<(), SendError<()>> {
    ///     call.send_slice(message)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Call::send`].
    #[inline]
    pub fn send_slice(&mut self, message: &[u8]) -> Result<(), SendError<()>> {
        let (call, size_hint) = (self.id, message.len());
        if self.door.runs().goes_on_sending(call.0, size_hint).is_some() {
            self.door.runs().send_of_run(message);
            return Ok(());
        }
        let encode = |buffer: &mut Vec<u8>| buffer.extend_from_slice(message);
        if self.door.is_unwatched() {
            return self.door.unwatched().send_with(call.0, size_hint, false, true, encode);
        }
        send_watched(self.door, call, Verb::SendWith { call, size_hint }, size_hint, encode)
    }

    /// As [`Call::send_with`], for a message that `encode` appends in compressed form.
    ///
    /// # Errors
    ///
    /// As [`Call::send`]; [`Misuse::CompressedWithoutEncoding`] where the head names no `grpc-encoding`.
    pub fn send_compressed_with(
        &mut self,
        size_hint: usize,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        let call = self.id;
        self.door.act(
            None,
            move || Verb::SendCompressedWith { call, size_hint },
            move |engine, tap| engine.send_with(call.0, size_hint, true, false, heard(tap, encode)),
            refusal,
        )
    }
}

/// How a call stands at one moment; [`Call::snapshot`] takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallSnapshot {
    /// [`Call::is_readable`].
    pub is_readable: bool,
    /// [`Call::is_writable`].
    pub is_writable: bool,
    /// [`Call::has_ended`].
    pub has_ended: bool,
    /// [`Call::queued`], in octets.
    pub queued: usize,
    /// [`Call::stopped`].
    pub stopped: Option<Stop>,
}

impl Call<'_, Client> {
    /// Says that no more messages follow; those queued are still sent.
    ///
    /// # Errors
    ///
    /// [`Misuse::MessageMissing`] where the method takes exactly one message and none was sent.
    pub fn half_close(&mut self) -> Result<(), Misuse> {
        let call = self.id;
        self.door.act(None, move || Verb::HalfClose { call }, move |engine, _| engine.half_close(call.0), refusal)
    }

    /// Ends the call: RST_STREAM CANCEL, or nothing at all where its HEADERS had not left (G-133). The call is gone.
    pub fn cancel(self) {
        let call = self.id;
        self.door.act(None, move || Verb::Cancel { call }, move |engine, _| engine.drop_call(call.0), done);
    }
}

impl Call<'_, Server> {
    /// Tells what kind of method this is, so that cardinality is checked. Call it while handling `Opened`; until then
    /// the call counts as bidirectional streaming, of which nothing is checked.
    ///
    /// # Errors
    ///
    /// [`Misuse::KindKnown`] when another kind was told before.
    pub fn expect(&mut self, kind: Kind) -> Result<(), Misuse> {
        let call = self.id;
        if self.door.is_unwatched() {
            return self.door.unwatched().expect(call.0, kind);
        }
        expect_watched(self.door, call, kind)
    }

    /// Makes the deadline earlier than the client's, or gives the call one; a later one changes nothing.
    pub fn limit_deadline(&mut self, deadline: Instant) {
        let call = self.id;
        self.door.act(
            None,
            move || Verb::LimitDeadline { call, deadline },
            move |engine, _| engine.limit_deadline(call.0, deadline),
            done,
        );
    }

    /// Names the coding of compressed messages (`grpc-encoding`), before the head is sent.
    ///
    /// # Errors
    ///
    /// [`Misuse::HeadSent`]; [`Misuse::EncodingNotAccepted`] for a coding that the config does not list, or that the
    /// client does not accept (G-092).
    pub fn set_encoding(&mut self, coding: &str) -> Result<(), Misuse> {
        let call = self.id;
        self.door.act(
            None,
            move || Verb::SetEncoding { call, coding },
            move |engine, _| engine.set_encoding(call.0, coding),
            refusal,
        )
    }

    /// Sends the response head with initial metadata. Needed only for metadata, or to be early: the first message
    /// implies a head (G-039).
    ///
    /// # Errors
    ///
    /// [`Misuse::HeadSent`]; [`Misuse::ReservedMetadata`].
    pub fn send_head(&mut self, metadata: &Metadata) -> Result<(), Misuse> {
        let call = self.id;
        self.door.act(
            None,
            move || Verb::SendHead { call, metadata },
            move |engine, _| engine.send_head(call.0, metadata),
            refusal,
        )
    }

    /// Ends the call with a status, once all queued messages have left. Cannot fail; on a call that has stopped it only
    /// lets go. OK without the message that a unary method owes becomes INTERNAL (G-040). Names of `trailers` that are
    /// reserved are left out.
    pub fn finish(self, status: &Status, trailers: &Metadata) {
        let call = self.id;
        if self.door.is_unwatched() {
            return self.door.unwatched().finish(call.0, status, trailers);
        }
        finish_watched(self.door, call, Verb::Finish { call, status, trailers }, status, trailers);
    }

    /// Ends the call with RST_STREAM instead of a status; what is queued is dropped.
    ///
    /// # Errors
    ///
    /// [`Misuse::RefusedTooLate`] for REFUSED_STREAM, which would say that nothing was processed.
    pub fn reset(self, code: ErrorCode) -> Result<(), Misuse> {
        let call = self.id;
        self.door.act(None, move || Verb::Reset { call, code }, move |engine, _| engine.reset(call.0, code), refusal)
    }

    /// Lets go of a call after `Stopped`, with nothing more to say. On a call that goes on it resets it with CANCEL.
    pub fn release(self) {
        let call = self.id;
        self.door.act(None, move || Verb::Release { call }, move |engine, _| engine.let_go(call.0), done);
    }
}

/// As [`Call::expect`], where somebody watches.
#[cold]
fn expect_watched(door: &mut Door, call: CallId, kind: Kind) -> Result<(), Misuse> {
    door.act(None, move || Verb::Expect { call, kind }, move |engine, _| engine.expect(call.0, kind), refusal)
}

/// As [`Call::finish`], where somebody watches.
#[cold]
fn finish_watched(door: &mut Door, call: CallId, verb: Verb<'_>, status: &Status, trailers: &Metadata) {
    door.act(None, move || verb, move |engine, _| engine.finish(call.0, status, trailers), done);
}

/// As [`Call::read`], where somebody watches.
#[cold]
fn read_watched<'a, R: Role>(door: &'a mut Door, call: CallId, verb: &Verb<'_>) -> Option<Item<'a, R>> {
    door.lend(verb, |engine| take(engine, call.0, false), |item| item.as_ref().map_or(Answer::Nothing, Item::answer))
}

/// As [`Call::send_with`], where somebody watches.
#[cold]
fn send_watched(
    door: &mut Door,
    call: CallId,
    verb: Verb<'_>,
    size_hint: usize,
    encode: impl FnOnce(&mut Vec<u8>),
) -> Result<(), SendError<()>> {
    door.act(
        None,
        move || verb,
        |engine, tap| engine.send_with(call.0, size_hint, false, false, heard(tap, encode)),
        refusal,
    )
}

/// The next item of a call; a message may begin a run where `runs` says so.
#[inline(always)]
fn take<R: Role>(engine: &mut Engine, key: StreamKey, runs: bool) -> Option<Item<'_, R>> {
    match engine.take::<R>(key) {
        Taken::Nothing => None,
        Taken::Head => {
            let deadline = engine.deadline(key);
            Some(Item::Head(R::head(engine.lent_fields(), deadline)))
        }
        Taken::UsualHead => Some(Item::Head(R::head(engine.usual_head(), None))),
        Taken::Message => engine.lent_message().map(Item::Message),
        Taken::Next => engine.take_next(key, runs).map(Item::Message),
        Taken::End => Some(Item::End(R::usual_end())),
        Taken::Outcome => Some(Item::End(R::end(engine, key))),
    }
}

/// `encode`, overheard.
#[inline]
fn heard(tap: &mut Tap<'_>, encode: impl FnOnce(&mut Vec<u8>)) -> impl FnOnce(&mut Vec<u8>) {
    move |buffer| {
        let start = buffer.len();
        encode(buffer);
        tap.wrote(|| buffer.get(start..).unwrap_or_default());
    }
}
