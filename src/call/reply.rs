//! The usual reply to a unary call, in one piece on both sides: what its head, its message and its trailers come to one by
//! one, in a single look at the call. Whatever is not as it mostly is goes that way.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::engine::Engine;
use super::inbox::Rules;
use super::state::{Coding, End, Head, Sending, Stage};
use crate::buffer::WriteBuf;
use crate::grpc::Code;
use crate::grpc::outcome::HeadSummary;
use crate::http2::{Input, Side, StreamKey};

/// What the head of a response has to say for the trailers to count (G-045, G-046).
const PLAIN: HeadSummary = HeadSummary { http_status: 200, is_grpc: true };

impl Engine {
    /// Takes the reply at the front of the input, if it is a whole one of a client's call that expects no more than that;
    /// says whether it was.
    #[inline]
    pub(super) fn receive_reply(&mut self, input: &mut Input<'_>) -> bool {
        let (Some((response, PLAIN, encoding)), Some(trailers)) = (self.usual_response, self.usual_trailers) else {
            return false;
        };
        let Some(reply) = self.http2.whole_reply(input, response, trailers) else { return false };
        let Some((stream, common)) = self.http2.at(reply.key) else { return false };
        let call = &mut stream.upper;
        let awaits_it = call.stage == Stage::Open && call.end == End::Awaited && !call.write_armed;
        if !awaits_it || call.kind.server_streams() || !call.has_nothing() {
            return false;
        }
        let limits = &self.settings.limits;
        let (limit, copy_below) = (limits.max_receive_message, limits.copy_below as usize);
        let rules = Rules { limit, encoding, copy_below, granted: false };
        if !call.inbox.receive_only(&mut common.pool, reply.payload, rules) {
            return false;
        }
        // Until it is read it does not count for the connection: it was held back until its end was there (G-081).
        let octets = reply.payload.len() as u32;
        common.consumed_late(octets);
        (call.credited, call.received, call.progress) = (octets, 1, self.now);
        (call.response, call.receive_encoding) = (PLAIN, encoding);
        (call.head, call.end) = (Head::Usual, End::Trailers { only: false, plain: true });
        if call.tell_readable(Side::Client) {
            common.notice(stream);
        }
        self.http2.take_reply(input, reply);
        true
    }

    /// Writes all that a server's call says, if that is the usual head, one small message and OK, and the application has
    /// let go of it; says whether it did. The call is gone then.
    #[inline]
    pub(super) fn write_reply(&mut self, key: StreamKey, output: &mut WriteBuf) -> bool {
        let Some(call) = self.http2.get(key) else { return false };
        let usual_head = call.own_head.is_none() && call.own_encoding == Coding::NONE;
        let usual_end = call.sending == Sending::Closed && call.trailers.is_none() && call.own_code == Code::Ok;
        if !usual_head || !usual_end || call.stage != Stage::Finished {
            return false;
        }
        let accepted = self.settings.response.list_size() <= self.http2.peer_max_header_list_size() as usize;
        let written = accepted && self.http2.send_whole_reply(self.now, key, output);
        if written {
            self.drop_call(key);
        }
        written
    }
}
