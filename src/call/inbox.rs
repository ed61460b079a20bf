//! Received messages of one call, on their way from DATA to the application.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use crate::buffer::chunks::Queue;
use crate::buffer::pool::{Chunk, Pool};
use crate::grpc::message::{InvalidFlag, PREFIX_LEN, Prefix};
use crate::http2::Input;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;

/// Small messages share a buffer up to this size, so that keeping one never keeps more alive.
const SHARED_BUFFER: usize = 4096;

/// From this size on the buffer of a message that was granted its octets grows to its length at once.
const GROWS_AT_ONCE: usize = 256 * 1024;

/// The longest message that is taken where none is configured: with its prefix it can be counted in 32 bits.
const MOST: u32 = u32::MAX - PREFIX_LEN as u32;

/// The mark of a chunk that is one whole message without its prefix; bit 0 is the compressed flag.
const WHOLE_MESSAGE: u8 = 0x80;

/// Why a message cannot be accepted (G-066, G-067, G-096).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum MessageFault {
    #[error(transparent)]
    Flag(#[from] InvalidFlag),
    #[error("a message is compressed, but the head names no grpc-encoding (G-096)")]
    NoEncoding,
    #[error("a message is compressed with a grpc-encoding that this side does not know (G-095)")]
    UnknownEncoding,
    #[error("a message of {length} octets is longer than max_receive_message, {limit} (G-067)")]
    TooLarge { length: u32, limit: u32 },
}

/// What a compressed message means on this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// None was named: a compressed message is an error.
    Identity,
    /// One that the application can decode.
    Known,
    /// One that it cannot (only in responses; requests are refused at once).
    Unknown,
}

/// What messages are judged by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) limit: Option<u32>,
    pub(super) encoding: Encoding,
    pub(super) copy_below: usize,
    /// The octets of a message larger than the window were granted.
    pub(super) granted: bool,
}

/// Whether DATA is one message of fewer than `most` octets, whole, not compressed, and such that others may join its buffer.
#[inline(always)]
pub(super) fn is_only_message(octets: &[u8], most: usize) -> bool {
    match octets.split_first_chunk::<PREFIX_LEN>() {
        Some(([0, length @ ..], payload)) => {
            payload.len() < most
                && octets.len() < SHARED_BUFFER
                && u32::from_be_bytes(*length) as usize == payload.len()
        }
        _ => false,
    }
}

/// The messages of one direction: whole ones, then the one that is arriving.
#[derive(Clone, Debug)]
pub(super) struct Inbox {
    queue: Queue,
    complete: u32,
    prefix: [u8; PREFIX_LEN],
    prefix_len: u8,
    /// Payload octets of the arriving message that are still to come.
    missing: u32,
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "`MOST` and a prefix fit into 32 bits; what is taken off was counted"
)]
impl Inbox {
    pub(super) const EMPTY: Self =
        Self { queue: Queue::EMPTY, complete: 0, prefix: [0; PREFIX_LEN], prefix_len: 0, missing: 0 };

    /// Whether any octets are held, or memory that had some.
    pub(super) fn holds_any(&self) -> bool {
        self.prefix_len > 0 || !self.queue.is_bare()
    }

    /// Whole messages that were not taken.
    pub(super) fn complete(&self) -> u32 {
        self.complete
    }

    /// Whether a message has begun and not ended.
    #[inline]
    pub(super) fn is_inside_message(&self) -> bool {
        self.arriving() != 0
    }

    /// Not zero if a message has begun and not ended.
    #[inline]
    pub(super) fn arriving(&self) -> u32 {
        self.missing | u32::from(self.prefix_len)
    }

    /// Octets still to come of the message that is arriving.
    pub(super) fn missing(&self) -> u32 {
        self.missing
    }

    /// Octets still to come of what is arriving: a message, or the prefix of one.
    pub(super) fn awaited(&self) -> u32 {
        let prefix = if self.prefix_len > 0 { PREFIX_LEN as u32 - u32::from(self.prefix_len) } else { 0 };
        self.missing.max(prefix)
    }

    /// Octets held of the message that is arriving, prefix included.
    pub(super) fn partial(&self) -> u32 {
        if self.missing == 0 {
            return u32::from(self.prefix_len);
        }
        let length = Prefix::parse(self.prefix).map_or(self.missing, |prefix| prefix.length);
        length - self.missing + PREFIX_LEN as u32
    }

    /// Takes `len` octets of DATA from the front of the input.
    #[inline]
    pub(super) fn receive(
        &mut self,
        pool: &mut Pool,
        input: &mut Input<'_>,
        len: usize,
        rules: Rules,
    ) -> Result<(), MessageFault> {
        let mut left = len;
        if !self.is_inside_message() {
            // Mostly that is all.
            let octets = input.as_slice();
            let run = self.whole_messages(octets.get(..len).unwrap_or(octets), pool, rules);
            input.take(run);
            left -= run;
        }
        if left == 0 { Ok(()) } else { self.receive_pieces(pool, input, left, rules) }
    }

    /// Takes DATA that [is one message](is_only_message), where nothing else is held.
    #[inline(always)]
    pub(super) fn put_only(&mut self, pool: &mut Pool, octets: &[u8]) {
        debug_assert!(!self.holds_any() && self.complete == 0, "it is the only one");
        self.queue.append(pool, [], octets);
        self.complete = 1;
    }

    /// As [`Inbox::receive`], message by message.
    #[inline(never)]
    fn receive_pieces(
        &mut self,
        pool: &mut Pool,
        input: &mut Input<'_>,
        mut left: usize,
        rules: Rules,
    ) -> Result<(), MessageFault> {
        while left > 0 {
            if !self.is_inside_message() {
                let octets = input.as_slice();
                let run = self.whole_messages(octets.get(..left).unwrap_or(octets), pool, rules);
                if run > 0 {
                    left -= run;
                    input.take(run);
                    continue;
                }
            }
            if self.missing > 0 {
                let piece = input.take(left.min(self.missing as usize));
                self.append(pool, piece, rules.granted);
                left -= piece.len();
                continue;
            }
            let place = self.prefix.get_mut(usize::from(self.prefix_len)..).unwrap_or_default();
            let octets = input.take(left.min(place.len()));
            place.get_mut(..octets.len()).unwrap_or_default().copy_from_slice(octets);
            self.prefix_len += octets.len() as u8;
            left -= octets.len();
            if usize::from(self.prefix_len) == PREFIX_LEN {
                self.prefix_len = 0;
                left -= self.begin(pool, input, left, rules)?;
            }
        }
        Ok(())
    }

    /// Takes the small messages that lie whole and sound at the front of `octets`, as many as share a buffer, in one
    /// copy; returns the octets taken.
    #[inline]
    fn whole_messages(&mut self, octets: &[u8], pool: &mut Pool, rules: Rules) -> usize {
        let most = rules.limit.unwrap_or(MOST).min(rules.copy_below as u32).min(SHARED_BUFFER as u32);
        let most_flag = u8::from(rules.encoding == Encoding::Known);
        // The first decides which buffer it is, and so what that has room for.
        let Some([_, length @ ..]) = octets.first_chunk::<PREFIX_LEN>() else { return 0 };
        let held = self.queue.last_copied_len(pool).unwrap_or(0);
        let left = SHARED_BUFFER.saturating_sub(held);
        let joins = left >= PREFIX_LEN && u32::from_be_bytes(*length) as usize <= left - PREFIX_LEN;
        let room = if joins { left } else { SHARED_BUFFER };
        let octets_in_room = octets.get(..room).unwrap_or(octets);
        let (mut rest, mut count) = (octets_in_room, 0);
        while let Some(([flag, length @ ..], behind)) = rest.split_first_chunk::<PREFIX_LEN>() {
            let length = u32::from_be_bytes(*length);
            let Some(next) = behind.get(length as usize..) else { break };
            if length >= most || *flag > most_flag {
                break;
            }
            (rest, count) = (next, count + 1);
        }
        let run = octets_in_room.len() - rest.len();
        let Some(run_octets) = octets.get(..run).filter(|run| !run.is_empty()) else { return 0 };
        self.queue.write(pool, SHARED_BUFFER + 1 - run, run, |buffer| {
            if buffer.capacity() - buffer.len() < run {
                // As [`Inbox::append`] does: the memory bound counts on it.
                buffer.reserve_exact(run.max(buffer.len() / 4).min(SHARED_BUFFER - buffer.len()));
            }
            buffer.extend_from_slice(run_octets);
        });
        self.complete += count;
        run
    }

    /// A prefix is complete: judges it, before any of the payload is kept, and makes room. Returns the octets taken.
    fn begin(
        &mut self,
        pool: &mut Pool,
        input: &mut Input<'_>,
        left: usize,
        rules: Rules,
    ) -> Result<usize, MessageFault> {
        let Prefix { compressed, length } = Prefix::parse(self.prefix)?;
        match rules.encoding {
            Encoding::Identity if compressed => return Err(MessageFault::NoEncoding),
            Encoding::Unknown if compressed => return Err(MessageFault::UnknownEncoding),
            _ => {}
        }
        let limit = rules.limit.unwrap_or(MOST).min(MOST);
        if length > limit {
            return Err(MessageFault::TooLarge { length, limit });
        }
        let payload = length as usize;
        if payload >= rules.copy_below
            && payload <= left
            && let Some(bytes) = input.take_shared(payload)
        {
            self.queue.push_shared(pool, bytes, WHOLE_MESSAGE | u8::from(compressed));
            self.complete += 1;
            return Ok(payload);
        }
        let prefix = self.prefix;
        let limit = (SHARED_BUFFER + 1).saturating_sub(payload + PREFIX_LEN);
        self.queue.write(pool, limit, payload + PREFIX_LEN, |buffer| buffer.extend_from_slice(&prefix));
        self.missing = length;
        if length == 0 {
            self.complete += 1;
        }
        Ok(0)
    }

    fn append(&mut self, pool: &mut Pool, piece: &[u8], granted: bool) {
        let missing = self.missing as usize;
        self.queue.write(pool, usize::MAX, 0, |buffer: &mut Vec<u8>| {
            if granted && buffer.len() >= GROWS_AT_ONCE {
                buffer.reserve_exact(missing);
            } else if buffer.capacity() - buffer.len() < piece.len() {
                // A quarter more than what has arrived, and never more than the message: the memory bound counts on it.
                buffer.reserve_exact(piece.len().max(buffer.len() / 4).min(missing));
            }
            buffer.extend_from_slice(piece);
        });
        self.missing -= piece.len() as u32;
        if self.missing == 0 {
            self.complete += 1;
        }
    }

    /// Takes the first whole message. A chunk that is used up is put into `lent`.
    #[inline(always)]
    pub(super) fn take<'a>(&'a mut self, pool: &mut Pool, lent: &'a mut Option<Box<Chunk>>) -> Option<Payload<'a>> {
        if self.complete == 0 {
            return None;
        }
        self.complete -= 1;
        let Some((buffer, taken)) = self.queue.front_copied() else {
            // One message, and all of it.
            let (front, mark) = self.queue.front()?;
            let len = front.len();
            *lent = self.queue.advance(pool, len);
            let chunk = lent.as_mut()?;
            chunk.keep_from(0);
            return Some(Payload { place: Place::Chunk(chunk), compressed: mark & 1 != 0 });
        };
        let prefix = Prefix::parse(*buffer.get(taken..)?.first_chunk()?).ok()?;
        let start = taken + PREFIX_LEN;
        let end = start + prefix.length as usize;
        let place = if end < buffer.len() {
            self.queue.advance(pool, end - taken);
            Place::Buffer(self.queue.front_copied()?.0.get(start..end)?)
        } else {
            *lent = self.queue.advance(pool, end - taken);
            let chunk = lent.as_mut()?;
            chunk.keep_from(start);
            Place::Chunk(chunk)
        };
        Some(Payload { place, compressed: prefix.compressed })
    }

    /// Takes the first whole message with all of the memory that it lies in, if it is copied and nothing else is held.
    #[inline]
    pub(super) fn take_only(&mut self) -> Option<Box<Chunk>> {
        if self.complete != 1 || self.is_inside_message() {
            return None;
        }
        let chunk = self.queue.take_only()?;
        self.complete = 0;
        Some(chunk)
    }

    /// Takes the buffer out that the first whole message lies in, and says where, for a run of messages to be read there;
    /// [`Inbox::put_back`] is to follow before anything else. `None` where less than so many `octets` lie there, or memory
    /// that is not for small messages.
    pub(super) fn set_aside(&mut self, octets: usize) -> Option<(Vec<u8>, usize)> {
        let (buffer, taken) = self.queue.front_copied()?;
        if buffer.len() > SHARED_BUFFER || buffer.len() - taken < octets {
            return None;
        }
        self.queue.take_first()
    }

    /// Brings back what [`Inbox::set_aside`] took out; what is before `at` was taken since, and so many messages are left.
    pub(super) fn put_back(&mut self, pool: &mut Pool, buffer: Vec<u8>, at: usize, complete: u32) {
        self.queue.put_first(buffer);
        self.complete = complete;
        let taken = self.queue.front_copied().map_or(0, |(_, taken)| taken);
        self.queue.discard(pool, at - taken);
    }

    /// Octets that the next [`Inbox::take`] gives back to the peer's windows: prefix and payload.
    pub(super) fn next_credit(&self) -> u32 {
        match self.queue.front() {
            Some((front, mark)) if mark & WHOLE_MESSAGE != 0 => (front.len() + PREFIX_LEN) as u32,
            Some((front, _)) => {
                let length = |octets: &[u8; PREFIX_LEN]| Prefix::parse(*octets).map_or(0, |prefix| prefix.length);
                front.first_chunk().map_or(0, length) + PREFIX_LEN as u32
            }
            None => 0,
        }
    }

    /// Bytes of heap behind the first chunk, which no pool counts.
    pub(super) fn heap_size(&self) -> usize {
        self.queue.heap_size()
    }

    /// Octets held, as they left the window, counted one message after the other.
    #[cfg(feature = "testing")]
    pub(super) fn recount(&self, pool: &Pool) -> u32 {
        let size = |(octets, mark): (&[u8], u8)| octets.len() + if mark & WHOLE_MESSAGE != 0 { PREFIX_LEN } else { 0 };
        u32::from(self.prefix_len) + self.queue.chunks(pool).map(size).sum::<usize>() as u32
    }

    /// Drops what is there of the message that is arriving, since the rest of it never will; returns the octets to give
    /// back.
    pub(super) fn drop_partial(&mut self, pool: &mut Pool) -> u32 {
        let octets = self.partial();
        if self.missing > 0 {
            self.queue.cut_tail(pool, octets as usize);
        }
        (self.missing, self.prefix_len) = (0, 0);
        octets
    }

    /// Drops all messages, whole or not; returns the octets to give back.
    pub(super) fn clear(&mut self, pool: &mut Pool) -> u32 {
        let mut credit = u32::from(self.prefix_len);
        while let Some((front, mark)) = self.queue.front() {
            let len = front.len();
            credit += len as u32 + if mark & WHOLE_MESSAGE != 0 { PREFIX_LEN as u32 } else { 0 };
            if let Some(chunk) = self.queue.advance(pool, len) {
                pool.give_chunk(chunk);
            }
        }
        *self = Self::EMPTY;
        credit
    }
}

/// The payload of a received message, lent until the next verb of its connection.
///
/// It derefs to its octets, as they came: still compressed where [`Payload::compressed`] says so.
pub struct Payload<'a> {
    place: Place<'a>,
    compressed: bool,
}

enum Place<'a> {
    /// In a buffer that other messages share.
    Buffer(&'a [u8]),
    /// What is left of memory of its own.
    Chunk(&'a mut Chunk),
    /// What a codec made of it.
    Decoded(Bytes),
}

impl Payload<'_> {
    /// What a codec made of a compressed payload, to be handed on as if it had come so.
    pub fn from_decoded(bytes: Bytes) -> Self {
        Self { place: Place::Decoded(bytes), compressed: false }
    }

    /// One that lies in a buffer with others.
    #[inline]
    pub(super) fn of_shared_buffer(octets: &[u8], compressed: bool) -> Payload<'_> {
        Payload { place: Place::Buffer(octets), compressed }
    }

    /// The only message of the chunk that [`Inbox::take_only`] has taken.
    #[inline]
    pub(super) fn only(chunk: &mut Chunk) -> Payload<'_> {
        let compressed = chunk.rest().first().is_some_and(|flag| *flag != 0);
        chunk.skip(PREFIX_LEN);
        Payload { place: Place::Chunk(chunk), compressed }
    }

    /// Whether its memory has to be the connection's again with the next verb.
    #[inline]
    pub(super) fn is_to_come_back(&self) -> bool {
        matches!(&self.place, Place::Chunk(chunk) if !chunk.is_kept())
    }

    /// Whether it came compressed, and a codec has decompressed it since.
    pub fn decoded(&self) -> bool {
        matches!(self.place, Place::Decoded(_))
    }

    /// Whether the payload is compressed with the call's `grpc-encoding`.
    pub fn compressed(&self) -> bool {
        self.compressed
    }

    /// The payload as memory of the caller's own: shared where it is at least 4 KiB, copied where it is smaller.
    pub fn into_bytes(self) -> Bytes {
        match self.place {
            Place::Chunk(chunk) if chunk.is_shared() || chunk.rest().len() >= SHARED_BUFFER => chunk.take_rest(),
            Place::Decoded(bytes) => bytes,
            place => Bytes::copy_from_slice(place.octets()),
        }
    }
}

impl Place<'_> {
    #[inline]
    fn octets(&self) -> &[u8] {
        match self {
            Self::Buffer(octets) => octets,
            Self::Chunk(chunk) => chunk.rest(),
            Self::Decoded(bytes) => bytes,
        }
    }
}

impl Deref for Payload<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.place.octets()
    }
}

impl fmt::Debug for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload").field("len", &self.len()).field("compressed", &self.compressed).finish()
    }
}

#[cfg(test)]
mod tests;
