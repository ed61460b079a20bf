//! Unary calls in one piece, on both sides: what their frames come to one by one, in a single look at the call. Whatever is
//! not as it mostly is goes that way.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::engine::Engine;
use super::inbox::is_only_message;
use super::state::{Coding, End, Head, Sending, Stage};
use crate::buffer::WriteBuf;
use crate::grpc::Code;
use crate::grpc::outcome::HeadSummary;
use crate::http2::Input;

/// What the head of a response has to say for plain trailers to say OK (G-045, G-046).
const PLAIN: HeadSummary = HeadSummary { http_status: 200, is_grpc: true };

impl Engine {
    /// Takes the reply at the front of the input, if it is a whole one of a client's call that expects no more than that;
    /// says whether it was.
    #[inline(always)]
    pub(super) fn receive_reply(&mut self, input: &mut Input<'_>) -> bool {
        let (Some((response, PLAIN, encoding)), Some(trailers)) = (self.usual_response, self.usual_trailers) else {
            return false;
        };
        let Some(reply) = self.http2.find_reply(input, [response, trailers]) else { return false };
        let Some((stream, common)) = self.http2.at_reply(&reply) else { return false };
        let call = &mut stream.upper;
        let is_open = matches!((call.stage, call.end), (Stage::Open, End::Awaited)) && !call.write_armed;
        let expected = is_open && !call.kind.server_streams() && call.has_nothing();
        if !expected || !is_only_message(reply.payload, self.settings.small_received) {
            return false;
        }
        call.inbox.put_only(&mut common.pool, reply.payload);
        // Until it is read it does not count for the connection: it was held back until its end was there (G-081).
        let octets = reply.payload.len() as u32;
        common.consumed_late(octets);
        (call.credited, call.received) = (octets, 1);
        (call.response, call.receive_encoding) = (PLAIN, encoding);
        (call.head, call.end) = (Head::Usual, End::Trailers { only: false, plain: true });
        if call.tell_head() {
            common.notice(stream);
        }
        stream.take_reply();
        self.http2.take_reply(&reply, input);
        true
    }

    /// Writes all that a server's call whose turn has come says, if that is the usual head, one small message and
    /// OK, and the application has let go of it; says whether it did. The call is gone then.
    #[inline]
    pub(super) fn write_reply(&mut self, output: &mut WriteBuf) -> bool {
        let (response, most) = (&self.settings.response, self.http2.peer_max_header_list_size() as usize);
        let written = self.http2.send_reply(self.now, output, |call| {
            let usual_head = call.own_head.is_none() && call.own_encoding == Coding::NONE;
            let usual_end = call.sending == Sending::Closed && call.trailers.is_none() && call.own_code == Code::Ok;
            let finished = matches!(call.stage, Stage::Finished) && call.is_bare();
            usual_head && usual_end && finished && response.list_size() <= most
        });
        if written {
            self.call_gone(0);
        }
        written
    }
}
