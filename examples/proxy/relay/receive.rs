//! What one side says, said to the other.

use super::{Half, Relay};
use grpc_sansio::Instant;
use grpc_sansio::frame::ErrorCode;
use grpc_sansio::http2::{Input, Part, Step};
use std::collections::VecDeque;

impl Relay {
    /// Takes octets that were read from `side`; none stand for its end.
    pub(crate) fn receive(&mut self, side: usize, now: Instant, octets: &[u8]) {
        let [down, up] = &mut self.sides;
        let (from, to) = if side == 0 { (down, up) } else { (up, down) };
        let mut input = Input::slice(octets);
        if octets.is_empty() {
            from.receive_eof();
        }
        loop {
            let step = from.receive_step(now, &mut input);
            match step {
                Step::Idle => break,
                Step::Headers { stream, oversized: true, .. } => from.reset(stream, ErrorCode::ENHANCE_YOUR_CALM),
                Step::Headers { stream, part: Part::Request, .. } => {
                    let blocks = VecDeque::from([from.fields().clone()]);
                    match (to.open(Half { twin: Some(stream), blocks, held: 0, whole: false }), from.get_mut(stream)) {
                        (Ok(twin), Some(half)) => {
                            half.twin = Some(twin);
                            self.pairs.push([stream, twin]);
                        }
                        _ => from.reset(stream, ErrorCode::REFUSED_STREAM),
                    }
                }
                Step::Headers { stream, part, .. } => {
                    let Some(twin) = from.get(stream).and_then(|half| half.twin) else { continue };
                    to.get_mut(twin).into_iter().for_each(|half| half.blocks.push_back(from.fields().clone()));
                    if part == Part::Response {
                        to.begin(twin);
                    }
                }
                Step::Data { stream, len } => {
                    let (payload, half) = (input.take(len), from.get_mut(stream));
                    let Some(Half { twin: Some(twin), held, .. }) = half else { continue };
                    to.send(*twin, |queue| queue.extend_from_slice(payload));
                    *held += len;
                }
                Step::Reset { stream, code, .. } => match from.get(stream) {
                    // RFC 9113 §8.1: a reset behind a whole response takes none of it back.
                    Some(Half { whole: true, .. }) if side == 1 => {}
                    Some(Half { twin: Some(twin), .. }) => to.reset(*twin, code),
                    _ => {}
                },
                Step::GoAway { .. } => {
                    let unprocessed = self.pairs.iter().filter(|pair| side == 1 && from.is_closed(pair[1]));
                    unprocessed.for_each(|pair| to.reset(pair[0], ErrorCode::REFUSED_STREAM));
                    to.shut_down(now);
                }
                _ => {}
            }
            let (Step::Headers { stream, end_stream: true, .. } | Step::End { stream }) = step else { continue };
            let Some(half) = from.get_mut(stream).filter(|half| half.twin.is_some()) else { continue };
            half.whole = true;
            let trailers = matches!(step, Step::Headers { part: Part::Trailers, .. });
            half.twin.into_iter().for_each(|twin| to.end(twin, trailers));
        }
        if from.is_ended() {
            to.shut_down(now);
        }
        self.settle();
    }
}
