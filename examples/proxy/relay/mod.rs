//! Two HTTP/2 connections, with each stream of one tied to a stream of the other. No socket, no clock, no gRPC.
//!
//! Every field goes on in its place, every octet of a payload too; trailers stay trailers, and a reset keeps its code. (1xx
//! responses, which gRPC has no use for, end here.) An octet is given back to its sender's window when it has left for the
//! receiver, so a slow reader slows its own sender, and costs a window.

mod receive;

use grpc_sansio::frame::ErrorCode;
use grpc_sansio::hpack::FieldBlock;
use grpc_sansio::http2::{Config, Connection, Side, StreamKey, Transmit};
use grpc_sansio::{Instant, WriteBuf};
use std::collections::VecDeque;

/// What each stream keeps: its twin; header lists that it is to send; octets that came on it and have not left on the
/// twin; and whether its peer has said all it had to say.
#[derive(Debug, Default)]
pub(crate) struct Half {
    twin: Option<StreamKey>,
    blocks: VecDeque<FieldBlock>,
    held: usize,
    whole: bool,
}

/// Side 0 faces the client that calls, side 1 the server that it is led to.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) sides: [Connection<Half>; 2],
    pairs: Vec<[StreamKey; 2]>,
}

impl Relay {
    pub(crate) fn new(now: Instant) -> Self {
        let sides = [Side::Server, Side::Client].map(|side| Connection::new(side, Config::new(side), now));
        Self { sides, pairs: Vec::new() }
    }

    /// Adds what there is to say to `side`.
    pub(crate) fn transmit(&mut self, side: usize, now: Instant, output: &mut WriteBuf) {
        let http2 = &mut self.sides[side];
        loop {
            let step = http2.transmit_step(now, output);
            let (Transmit::Head(stream) | Transmit::Trailers(stream) | Transmit::Drained(stream)) = step else { break };
            if matches!(step, Transmit::Drained(_)) {
                continue;
            }
            let block = http2.get_mut(stream).and_then(|half| half.blocks.pop_front()).unwrap_or_default();
            match step {
                Transmit::Head(_) => http2.send_head(stream, block.fields(), false, output),
                _ => http2.send_trailers(stream, block.fields(), output),
            }
        }
        self.settle();
    }

    /// Gives back what has left, carries on what broke off, and lets go of streams that both sides are done with. A walk
    /// over all is for a hundred streams; `Connection::notice` keeps a list for many.
    fn settle(&mut self) {
        let [down, up] = &mut self.sides;
        self.pairs.retain(|&[one, other]| {
            give_back(down, one, up.queued(other));
            give_back(up, other, down.queued(one));
            let answered = up.get(other).is_some_and(|half| half.whole);
            let (down_is_gone, up_is_gone) = (down.is_ended(), up.is_ended() || up.is_closed(other));
            if down_is_gone || down.is_closed(one) && !answered {
                up.reset(other, ErrorCode::CANCEL);
            }
            if up_is_gone && !answered {
                down.reset(one, ErrorCode::INTERNAL_ERROR);
            }
            let done = up_is_gone && (down_is_gone || down.is_send_ended(one));
            if done {
                down.release(one);
                up.release(other);
            }
            !done
        });
    }
}

/// Of what came on this stream, `queued` octets have not left on the other one.
fn give_back(from: &mut Connection<Half>, stream: StreamKey, queued: usize) {
    let Some(Half { held, .. }) = from.get_mut(stream) else { return };
    let left = held.saturating_sub(queued);
    *held -= left;
    from.consumed(stream, left as u32);
}
