//! DATA on its way to the inbox of its call.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::engine::Engine;
use super::inbox::{MessageFault, Rules};
use super::state::{End, Stage};
use crate::frame::MAX_PADDING;
use crate::http2::{Input, Side, StreamKey};

/// Octets of a foreign response that go into the status message (G-048).
const FOREIGN_BODY: usize = 256;

/// Octets of a refused request that are read before it is answered (G-018).
const REJECTED_BODY: u32 = 64 * 1024;

impl Engine {
    /// `len` octets of DATA for one call, and whether END_STREAM came with them.
    #[expect(clippy::arithmetic_side_effects, reason = "messages are only added; what was grown was counted")]
    pub(super) fn data(&mut self, key: StreamKey, input: &mut Input<'_>, len: usize, end: bool) {
        let limits = &self.settings.limits;
        let Some((stream, common)) = self.http2.at(key) else {
            input.take(len);
            return self.http2.consumed_late(len as u32);
        };
        let ample = end || stream.announced_window().min(common.announced_window()) >= i64::from(MAX_PADDING);
        let call = &mut stream.upper;
        if !matches!(call.stage, Stage::Open) || call.end == End::Local {
            self.other_data(key, input, len);
            return if end {
                self.data_ended(key)
            };
        }
        let rules = Rules {
            limit: limits.max_receive_message,
            encoding: call.receive_encoding,
            copy_below: limits.copy_below as usize,
            granted: call.lent > 0,
        };
        let before = call.inbox.complete();
        let mut piece = input.split(len);
        let result = call.inbox.receive(&mut common.pool, &mut piece, len, rules);
        call.progress = self.now;
        let arrived = call.inbox.complete() - before;
        call.received = call.received.saturating_add(u8::try_from(arrived).unwrap_or(u8::MAX));
        if let Err(fault) = result {
            self.faulty_data(key, before, fault, piece.as_slice().len());
            return if end {
                self.data_ended(key)
            };
        }
        // Where that was all and as it should be, nothing else is to be looked at.
        let whole = call.is_plain() && !(call.takes_one(self.side) && call.received > 1);
        if !whole || (end && self.side == Side::Client) {
            if before == 0 {
                self.credit_partial(key, 0);
            }
            self.data_received(key);
            return if end {
                self.data_ended(key)
            };
        }
        if end {
            call.end = End::HalfClosed;
            self.grown_octets -= core::mem::take(&mut call.grown);
        }
        if before == 0 {
            // Of the message that nobody can read yet nobody could make room for more (G-081, G-084).
            let held_back = call.inbox.complete() == 1 && !call.may_deliver(self.side);
            let should = if held_back { call.inbox.next_credit() } else { 0 };
            let is = core::mem::replace(&mut call.credited, should);
            common.correct_credit(should, is);
        }
        if call.tell_readable(self.side) {
            common.notice(stream);
        }
        // Credit for what is to come may have to leave at once.
        if !ample && !self.http2.is_inside_data() {
            self.check_loan(key, 0);
        }
    }

    /// END_STREAM came with DATA.
    pub(super) fn data_ended(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => self.ended_by_data(key),
            Side::Server => self.half_closed(key),
        }
    }

    /// A message that cannot be accepted, behind `rest` octets that were not looked at.
    #[cold]
    #[expect(clippy::arithmetic_side_effects, reason = "a part of a frame of 24 bits, and a prefix")]
    fn faulty_data(&mut self, key: StreamKey, before: u32, fault: MessageFault, rest: usize) {
        let Some(call) = self.http2.get(key) else { return };
        let too_many = call.takes_one(self.side) && call.received > 0;
        if before == 0 {
            self.credit_partial(key, 0);
        }
        // What was kept of the message's own prefix goes back with the inbox.
        self.http2.consumed(key, rest as u32 + crate::grpc::message::PREFIX_LEN as u32);
        // A second message is too many from its first octet on, so what is wrong with it does not matter.
        if too_many { self.too_many_messages(key) } else { self.message_fault(key, fault) }
    }

    /// DATA that no application will see.
    fn other_data(&mut self, key: StreamKey, input: &mut Input<'_>, len: usize) {
        let octets = input.take(len);
        let Some(call) = self.http2.get_mut(key) else { return };
        let mut enough = false;
        match call.stage {
            Stage::Foreign => {
                let body = &mut call.rare().body;
                let room = FOREIGN_BODY.saturating_sub(body.len());
                body.extend_from_slice(octets.get(..room.min(len)).unwrap_or(octets));
                enough = body.len() >= FOREIGN_BODY;
            }
            Stage::Rejected => {
                let received = &mut call.rare().rejected;
                *received = received.saturating_add(len as u32);
                enough = *received > REJECTED_BODY;
            }
            _ => {}
        }
        let stage = call.stage;
        self.http2.consumed(key, len as u32);
        match stage {
            Stage::Foreign if enough => self.end_foreign(key),
            Stage::Rejected if enough => self.answer_rejected(key),
            _ => {}
        }
    }

    fn too_many_messages(&mut self, key: StreamKey) {
        match self.side {
            Side::Client => self.client_too_many_messages(key),
            Side::Server => self.server_too_many_messages(key),
        }
    }

    fn data_received(&mut self, key: StreamKey) {
        let Some(call) = self.http2.get(key) else { return };
        if call.takes_one(self.side) && call.begun() > 1 {
            return match self.side {
                Side::Client => self.client_too_many_messages(key),
                Side::Server => self.check_cardinality(key),
            };
        }
        // Decided at the end of a frame, so that it does not show how the frame was cut.
        if !self.http2.is_inside_data() {
            self.check_loan(key, 0);
        }
        self.tell_readable(key);
    }
}
