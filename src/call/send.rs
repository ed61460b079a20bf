//! Sending: messages, half-close, cancellation, and what the two sides have in common.

use super::client::deadline_exceeded;
use super::engine::Engine;
use super::state::{CallState, Coding, LocalEnd, Sending, Stop};
use crate::config::Limits;
use crate::error::{Misuse, SendError};
use crate::frame::ErrorCode;
use crate::grpc::encoding::parse_list;
use crate::grpc::message::{Message, PREFIX_LEN, Prefix};
use crate::grpc::reserved::Block;
use crate::grpc::{self, Layer, Metadata, Retry, Status};
use crate::http2::{Common, Origin, Side, Stream, StreamKey};
use alloc::vec::Vec;

/// What the buffer for messages under way may keep, in octets.
const MOST_SCRATCH: usize = 8 * 1024;

/// Whether a message could be queued on this call at all, whatever its size.
#[inline]
pub(super) fn check_send(side: Side, stream: &Stream<CallState>, compressed: bool) -> Result<(), SendError<()>> {
    let call = &stream.upper;
    let over = side == Side::Client && call.has_ended();
    if !call.is_open() || over || stream.is_closed() {
        return Err(SendError::Ended(()));
    }
    if matches!(call.sending, Sending::Closed | Sending::TrailersOnly) {
        return Err(Misuse::HalfClosed.into());
    }
    if compressed && !call.may_send_compressed {
        return Err(Misuse::CompressedWithoutEncoding.into());
    }
    if side == Side::Server && call.kind_known && !call.kind.server_streams() && call.sent > 0 {
        return Err(Misuse::TooManyMessages.into());
    }
    Ok(())
}

/// The longest message that may be sent, in octets.
fn max_send(limits: &Limits) -> usize {
    limits.max_send_message.unwrap_or(u32::MAX) as usize
}

/// Whether `octets` more, of 32 bits, fit with their prefix both what the call and what the connection may have queued.
#[inline]
fn has_room(limits: &Limits, stream: &Stream<CallState>, common: &Common, octets: usize) -> bool {
    let with = |queued: usize| queued as u64 + octets as u64 + PREFIX_LEN as u64;
    with(stream.queued()) <= u64::from(limits.send_queue_per_call)
        && with(common.queued()) <= u64::from(limits.send_queue_per_connection)
}

/// Whether the buffer for messages under way is too large to be kept for the next.
#[inline]
pub(super) fn is_large(scratch: &Vec<u8>) -> bool {
    scratch.capacity() > MOST_SCRATCH
}

/// Octets that a run of messages may add, prefixes included, without a look at any limit.
pub(super) fn room_for_run(limits: &Limits, stream: &Stream<CallState>, common: &Common) -> usize {
    let own = (limits.send_queue_per_call as usize).saturating_sub(stream.queued());
    let all = (limits.send_queue_per_connection as usize).saturating_sub(common.queued());
    own.min(all).min(limits.copy_below as usize).min(max_send(limits))
}

/// Queues a small message behind its prefix.
#[inline(never)]
fn queue_copied(stream: &mut Stream<CallState>, common: &mut Common, compressed: bool, payload: &[u8]) {
    let prefix = Prefix { compressed, length: payload.len() as u32 }.encode();
    message_queued(stream, common);
    common.send_pair(stream, prefix, payload);
}

/// What a message implies: the only one of a client ends its half (G-076), a server's first begins the response
/// (G-039).
#[inline(always)]
fn message_queued(stream: &mut Stream<CallState>, common: &mut Common) {
    let call = &mut stream.upper;
    call.sent = call.sent.saturating_add(1);
    if common.is_client() {
        if !call.kind.client_streams() {
            call.sending = Sending::Closed;
            common.end(stream, false);
        }
    } else if call.sending == Sending::NoHead {
        call.sending = Sending::Messages;
        common.begin(stream);
    }
}

impl Engine {
    pub(super) fn grpc_side(&self) -> grpc::Side {
        match self.side {
            Side::Client => grpc::Side::Client,
            Side::Server => grpc::Side::Server,
        }
    }

    /// Whether a message could be queued on this call at all, whatever its size.
    pub(super) fn check_send(&self, key: StreamKey, compressed: bool) -> Result<(), SendError<()>> {
        self.http2.stream(key).map_or(Err(SendError::Ended(())), |stream| check_send(self.side, stream, compressed))
    }

    fn has_room_in_all(&self, octets: usize) -> bool {
        let limit = self.settings.limits.send_queue_per_connection as usize;
        self.http2.queued_in_all().saturating_add(octets) <= limit
    }

    /// `Writable` follows when the call's own queue has drained by half, or where only the total is in the way, when half of
    /// that is free: the call's own queue may wait for a window of its own. Either takes that octets leave, so who tries
    /// again at each `Writable` never does so for nothing (L-13).
    fn refuse(&mut self, key: StreamKey, octets: usize) {
        let half = self.settings.limits.send_queue_per_call / 2;
        let mark = half.min((self.http2.queued(key) / 2) as u32);
        self.http2.watch_queue(key, mark);
        let own = self.http2.queued(key).saturating_add(octets) <= self.settings.limits.send_queue_per_call as usize;
        let full = own && !self.has_room_in_all(octets);
        let Some(call) = self.http2.get_mut(key) else { return };
        call.write_armed = true;
        if full && !core::mem::replace(&mut call.awaits_total, true) {
            if self.total_queue.len() > 2 * self.http2.streams() {
                let http2 = &self.http2;
                self.total_queue.retain(|key| http2.get(*key).is_some());
            }
            self.total_queue.push_back(key);
            self.http2.stir();
        }
    }

    /// `Writable` for those that were refused for the total, once there is room again.
    pub(super) fn tell_room(&mut self) {
        if self.total_queue.is_empty() {
            return;
        }
        let limits = &self.settings.limits;
        // Then there is room for whatever one call may queue.
        let most = limits.send_queue_per_connection;
        let mark = (most / 2).min(most.saturating_sub(limits.send_queue_per_call));
        if self.http2.queued_in_all() <= mark as usize {
            while let Some(key) = self.total_queue.pop_front() {
                if let Some(call) = self.http2.get_mut(key) {
                    call.awaits_total = false;
                }
                self.tell_writable(key);
            }
        }
    }

    /// Queues a message. Where `runs` says so it may begin a run, for the next send to go on with.
    pub(crate) fn send(&mut self, key: StreamKey, message: Message, runs: bool) -> Result<(), SendError<Message>> {
        let octets = message.data.len();
        if let Err(error) = self.admit(key, octets, message.compressed) {
            return Err(error.map(|()| message));
        }
        let by_reference = octets >= self.settings.limits.copy_below as usize;
        let Some((stream, common)) = self.http2.at(key) else { return Err(SendError::Ended(message)) };
        let follows = stream.queued() > 0;
        if by_reference {
            let prefix = Prefix { compressed: message.compressed, length: octets as u32 }.encode();
            common.send(stream, |buffer| buffer.extend_from_slice(&prefix));
            common.send_shared(stream, message.data);
            message_queued(stream, common);
            return Ok(());
        }
        queue_copied(stream, common, message.compressed, &message.data);
        if runs && follows {
            self.begin_sending(key, octets);
        }
        Ok(())
    }

    /// Queues the message that `encode` writes. Where `runs` says so it may begin a run, for the next send to go on with.
    #[inline]
    pub(crate) fn send_with(
        &mut self,
        key: StreamKey,
        size_hint: usize,
        compressed: bool,
        runs: bool,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        let (limits, most) = (&self.settings.limits, self.settings.small_sent);
        let Some((stream, common)) = self.http2.at(key) else { return Err(SendError::Ended(())) };
        let usual = size_hint < most && has_room(limits, stream, common, size_hint);
        if !usual || check_send(self.side, stream, compressed).is_err() {
            return self.send_unusual(key, size_hint, compressed, encode);
        }
        self.scratch.clear();
        encode(&mut self.scratch);
        let octets = self.scratch.len();
        if octets >= most || is_large(&self.scratch) {
            return self.queue_scratch(key, compressed);
        }
        let follows = stream.queued() > 0;
        queue_copied(stream, common, compressed, &self.scratch);
        if runs && follows {
            self.begin_sending(key, octets);
        }
        Ok(())
    }

    /// As [`Engine::send_with`], for a message that is large, or that is refused.
    #[inline(never)]
    fn send_unusual(
        &mut self,
        key: StreamKey,
        size_hint: usize,
        compressed: bool,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        self.admit(key, size_hint, compressed)?;
        let buffer = self.http2.pool_mut().take_buffer(size_hint);
        self.http2.pool_mut().give_buffer(core::mem::replace(&mut self.scratch, buffer));
        encode(&mut self.scratch);
        self.queue_scratch(key, compressed)
    }

    /// Queues the message that lies in `scratch`: a small one behind its prefix, a large one as the buffer it is in.
    #[inline(never)]
    pub(super) fn queue_scratch(&mut self, key: StreamKey, compressed: bool) -> Result<(), SendError<()>> {
        let limits = &self.settings.limits;
        let octets = self.scratch.len();
        let scratch = core::mem::take(&mut self.scratch);
        let Some((stream, common)) = self.http2.at(key) else { return Err(SendError::Ended(())) };
        if octets > max_send(limits) {
            common.pool.give_buffer(scratch);
            return Err(SendError::TooLarge(()));
        }
        if octets < limits.copy_below as usize {
            queue_copied(stream, common, compressed, &scratch);
            common.pool.give_buffer(scratch);
        } else {
            let prefix = Prefix { compressed, length: octets as u32 }.encode();
            common.send(stream, |buffer| buffer.extend_from_slice(&prefix));
            common.send_buffer(stream, scratch);
            message_queued(stream, common);
        }
        Ok(())
    }

    /// Whether a message of so many octets may be queued now.
    fn admit(&mut self, key: StreamKey, octets: usize, compressed: bool) -> Result<(), SendError<()>> {
        let limits = &self.settings.limits;
        let Some((stream, common)) = self.http2.at(key) else { return Err(SendError::Ended(())) };
        check_send(self.side, stream, compressed)?;
        if octets > max_send(limits) {
            return Err(SendError::TooLarge(()));
        }
        // An empty queue takes one message of any size.
        if stream.queued() > 0 && !has_room(limits, stream, common, octets) {
            self.refuse(key, octets.saturating_add(PREFIX_LEN));
            return Err(SendError::Full(()));
        }
        Ok(())
    }

    pub(crate) fn half_close(&mut self, key: StreamKey) -> Result<(), Misuse> {
        let Some(call) = self.http2.get_mut(key) else { return Ok(()) };
        if !call.is_open() || call.has_ended() {
            return Ok(());
        }
        match (call.sending, call.kind.client_streams()) {
            (Sending::Closed, false) => return Ok(()),
            (Sending::Closed, true) => return Err(Misuse::HalfClosed),
            (_, false) => return Err(Misuse::MessageMissing),
            (_, true) => {}
        }
        call.sending = Sending::Closed;
        self.http2.end(key, false);
        Ok(())
    }

    /// A server's head, with initial metadata.
    pub(crate) fn send_head(&mut self, key: StreamKey, metadata: &Metadata) -> Result<(), Misuse> {
        let Some(call) = self.http2.get(key).filter(|call| call.is_open()) else { return Ok(()) };
        if call.sending != Sending::NoHead {
            return Err(Misuse::HeadSent);
        }
        metadata.check(Block::Response).map_err(|_| Misuse::ReservedMetadata)?;
        let Some((stream, common)) = self.http2.at(key) else { return Ok(()) };
        let call = &mut stream.upper;
        let mut block = call.own_head.take().unwrap_or_else(|| common.pool.take_block());
        metadata.fields(Block::Response).for_each(|field| block.push(crate::config::wire_field(field)));
        (call.own_head, call.sending) = (common.pool.keep(block), Sending::Messages);
        common.begin(stream);
        Ok(())
    }

    /// Names the coding of a server's compressed messages (G-091, G-092).
    pub(crate) fn set_encoding(&mut self, key: StreamKey, coding: &str) -> Result<(), Misuse> {
        let place = parse_list(self.settings.codings.as_str().as_bytes())
            .skip(1)
            .position(|name| name == coding.as_bytes())
            .and_then(|place| u8::try_from(place).ok())
            .filter(|place| *place < 8);
        let Some(call) = self.http2.get_mut(key).filter(|call| call.is_open()) else { return Ok(()) };
        if call.sending != Sending::NoHead {
            return Err(Misuse::HeadSent);
        }
        let place = place.filter(|place| call.accepted & (1 << place) != 0).ok_or(Misuse::EncodingNotAccepted)?;
        call.own_encoding = Coding::at(place);
        call.may_send_compressed = true;
        Ok(())
    }

    /// A server's RST_STREAM instead of a status.
    pub(crate) fn reset(&mut self, key: StreamKey, code: ErrorCode) -> Result<(), Misuse> {
        if code == ErrorCode::REFUSED_STREAM {
            // H-145
            return Err(Misuse::RefusedTooLate);
        }
        self.http2.reset(key, code);
        self.drop_call(key);
        Ok(())
    }

    /// RST_STREAM, either way, or one that we had to send.
    pub(super) fn was_reset(&mut self, key: StreamKey, code: ErrorCode, origin: Origin, reason: &'static str) {
        match self.side {
            Side::Client => self.client_was_reset(key, code, origin, reason),
            Side::Server => {
                let stop = if origin == Origin::Peer { Stop::Cancelled } else { Stop::PeerFault };
                self.server_was_reset(key, stop);
            }
        }
    }

    /// A rule was broken on this call, or its deadline passed: it ends with our own status (G-071, G-072).
    pub(super) fn fail(&mut self, key: StreamKey, status: Status, stop: Stop) {
        let retry = status.code().retry();
        self.fail_as(key, status, retry, stop);
    }

    /// As [`Engine::fail`], where more is known about trying again than the status's code says.
    pub(super) fn fail_as(&mut self, key: StreamKey, status: Status, retry: Retry, stop: Stop) {
        match self.side {
            Side::Client => {
                let unprocessed = !self.http2.is_head_sent(key);
                self.http2.reset(key, ErrorCode::CANCEL);
                self.end_locally(key, LocalEnd { status, origin: Origin::Local, unprocessed, retry });
                self.tell_stopped(key, stop);
            }
            Side::Server => self.server_fail(key, &status, stop),
        }
    }

    /// A message that cannot be accepted.
    pub(super) fn message_fault(&mut self, key: StreamKey, fault: super::inbox::MessageFault) {
        let (code, retry) = match fault {
            super::inbox::MessageFault::TooLarge { .. } => (grpc::Code::ResourceExhausted, Retry::Useless),
            _ => (grpc::Code::Internal, grpc::Code::Internal.retry()),
        };
        let status = Status::explained(self.grpc_side(), Layer::Grpc, code, retry, fault);
        self.fail_as(key, status, retry, Stop::PeerFault);
    }

    /// The peer gave this call no window for too long (T-45).
    pub(super) fn send_stalled(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => {
                let rule = "stalled_send_timeout: the server gave no window for what is queued";
                let code = grpc::Code::ResourceExhausted;
                let status = Status::explained(self.grpc_side(), Layer::Http2, code, code.retry(), rule);
                self.fail(key, status, Stop::PeerFault);
            }
            Side::Server => {
                self.http2.reset(key, ErrorCode::CANCEL);
                self.server_was_reset(key, Stop::PeerFault);
            }
        }
    }

    pub(super) fn deadline_passed(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => {
                let retry = if self.http2.is_head_sent(key) { Retry::IfIdempotent } else { Retry::Safe };
                self.fail_as(key, deadline_exceeded(retry), retry, Stop::DeadlineExceeded);
            }
            Side::Server => self.server_deadline(key),
        }
    }
}
