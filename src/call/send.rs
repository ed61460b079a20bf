//! Sending: messages, half-close, cancellation, and what the two sides have in common.

use super::client::deadline_exceeded;
use super::engine::Engine;
use super::state::{Sending, Stop};
use crate::error::{Misuse, SendError};
use crate::frame::ErrorCode;
use crate::grpc::encoding::parse_list;
use crate::grpc::message::{Message, PREFIX_LEN, Prefix};
use crate::grpc::reserved::Block;
use crate::grpc::{self, Metadata, Status};
use crate::http2::{Origin, Side, StreamKey};
use alloc::vec::Vec;
use bytes::Bytes;

/// What goes into the queue: octets in a buffer of the pool, or memory of the caller's.
enum Body {
    Pooled(Vec<u8>),
    Shared(Bytes),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Pooled(buffer) => buffer.len(),
            Self::Shared(bytes) => bytes.len(),
        }
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
        let Some(call) = self.http2.get(key) else { return Err(SendError::Ended(())) };
        let over = self.side == Side::Client && call.has_ended();
        if !call.is_open() || over || self.http2.is_closed(key) {
            return Err(SendError::Ended(()));
        }
        if matches!(call.sending, Sending::Closed | Sending::TrailersOnly) {
            return Err(Misuse::HalfClosed.into());
        }
        if compressed && !call.may_send_compressed {
            return Err(Misuse::CompressedWithoutEncoding.into());
        }
        if self.side == Side::Server && call.kind_known && !call.kind.server_streams() && call.sent > 0 {
            return Err(Misuse::TooManyMessages.into());
        }
        Ok(())
    }

    /// Whether `octets` more fit the queues; an empty one takes one message of any size.
    fn has_room(&self, key: StreamKey, octets: usize) -> bool {
        let limits = &self.settings.limits;
        let queued = self.http2.queued(key);
        queued == 0
            || (queued.saturating_add(octets) <= limits.send_queue_per_call as usize && self.has_room_in_all(octets))
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

    fn fits(&self, octets: usize) -> bool {
        let limit = self.settings.limits.max_send_message.unwrap_or(u32::MAX);
        u32::try_from(octets).is_ok_and(|octets| octets <= limit)
    }

    pub(crate) fn send(&mut self, key: StreamKey, message: Message) -> Result<(), SendError<Message>> {
        if let Err(error) = self.check_send(key, message.compressed) {
            return Err(error.map(|()| message));
        }
        if !self.fits(message.data.len()) {
            return Err(SendError::TooLarge(message));
        }
        if !self.has_room(key, message.data.len().saturating_add(PREFIX_LEN)) {
            self.refuse(key, message.data.len().saturating_add(PREFIX_LEN));
            return Err(SendError::Full(message));
        }
        self.queue(key, Body::Shared(message.data), message.compressed);
        Ok(())
    }

    pub(crate) fn send_with(
        &mut self,
        key: StreamKey,
        size_hint: usize,
        compressed: bool,
        encode: impl FnOnce(&mut Vec<u8>),
    ) -> Result<(), SendError<()>> {
        self.check_send(key, compressed)?;
        if !self.fits(size_hint) {
            return Err(SendError::TooLarge(()));
        }
        if !self.has_room(key, size_hint.saturating_add(PREFIX_LEN)) {
            self.refuse(key, size_hint.saturating_add(PREFIX_LEN));
            return Err(SendError::Full(()));
        }
        let mut buffer = self.http2.pool_mut().take_buffer(size_hint);
        encode(&mut buffer);
        if !self.fits(buffer.len()) {
            self.http2.pool_mut().give_buffer(buffer);
            return Err(SendError::TooLarge(()));
        }
        self.queue(key, Body::Pooled(buffer), compressed);
        Ok(())
    }

    fn queue(&mut self, key: StreamKey, body: Body, compressed: bool) {
        let prefix = Prefix { compressed, length: body.len() as u32 }.encode();
        match body {
            Body::Shared(bytes) if bytes.len() >= self.settings.limits.copy_below as usize => {
                self.http2.send(key, |buffer| buffer.extend_from_slice(&prefix));
                self.http2.send_shared(key, bytes);
            }
            Body::Shared(bytes) => self.http2.send(key, |buffer| {
                buffer.extend_from_slice(&prefix);
                buffer.extend_from_slice(&bytes);
            }),
            Body::Pooled(message) if message.len() >= self.settings.limits.copy_below as usize => {
                self.http2.send(key, |buffer| buffer.extend_from_slice(&prefix));
                self.http2.send_buffer(key, message);
            }
            Body::Pooled(message) => {
                self.http2.send(key, |buffer| {
                    buffer.extend_from_slice(&prefix);
                    buffer.extend_from_slice(&message);
                });
                self.http2.pool_mut().give_buffer(message);
            }
        }
        let Some(call) = self.http2.get_mut(key) else { return };
        call.sent = call.sent.saturating_add(1);
        match self.side {
            // G-076: the only message ends our half.
            Side::Client if !call.kind.client_streams() => {
                call.sending = Sending::Closed;
                self.http2.end(key, false);
            }
            Side::Server if call.sending == Sending::NoHead => {
                call.sending = Sending::Messages;
                self.http2.begin(key);
            }
            _ => {}
        }
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
        let pool = self.http2.pool_mut();
        let mut block = pool.take_block();
        metadata.fields(Block::Response).for_each(|field| block.push(crate::config::wire_field(field)));
        let block = pool.keep(block);
        if let Some(call) = self.http2.get_mut(key) {
            (call.own_head, call.sending) = (block, Sending::Messages);
        }
        self.http2.begin(key);
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
        call.own_encoding = Some(place);
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
        match self.side {
            Side::Client => {
                self.http2.reset(key, ErrorCode::CANCEL);
                self.end_locally(key, status, Origin::Local, false);
                self.tell_stopped(key, stop);
            }
            Side::Server => self.server_fail(key, &status, stop),
        }
    }

    /// A message that cannot be accepted.
    pub(super) fn message_fault(&mut self, key: StreamKey, fault: super::inbox::MessageFault) {
        let code = match fault {
            super::inbox::MessageFault::TooLarge { .. } => grpc::Code::ResourceExhausted,
            _ => grpc::Code::Internal,
        };
        self.fail(key, Status::local(self.grpc_side(), code, fault), Stop::PeerFault);
    }

    /// The peer gave this call no window for too long (T-45).
    pub(super) fn send_stalled(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => {
                let rule = "stalled_send_timeout: the server gave no window for what is queued";
                self.fail(key, Status::local(self.grpc_side(), grpc::Code::ResourceExhausted, rule), Stop::PeerFault);
            }
            Side::Server => {
                self.http2.reset(key, ErrorCode::CANCEL);
                self.server_was_reset(key, Stop::PeerFault);
            }
        }
    }

    pub(super) fn deadline_passed(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => self.fail(key, deadline_exceeded(), Stop::DeadlineExceeded),
            Side::Server => self.server_deadline(key),
        }
    }
}
