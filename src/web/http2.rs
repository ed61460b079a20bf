//! HTTP/2 towards the peer: a server's end of its own, in which gRPC-Web and native gRPC may come side by side.

use super::answer::Answer;
use super::config::Settings;
use super::exchange::Exchange;
use super::link::{Link, REQUEST_QUEUE};
use super::outer::Outer;
use super::route::{Route, route};
use crate::buffer::WriteBuf;
use crate::call::Server;
use crate::connection::Connection;
use crate::frame::ErrorCode;
use crate::hpack::{Field, FieldBlock};
use crate::http2::{self, Input, Part, Side, Step, StreamKey, Transmit};
use crate::time::Instant;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;

/// Octets of one response that may wait for the peer's windows before the engine has to wait too.
pub(super) const RESPONSE_QUEUE: u32 = 32 * 1024;

/// Octets of the start of a response that leaves nothing more to say.
const ALL: u32 = 0;

/// What is kept of each of the peer's streams.
#[derive(Clone, Debug, Default)]
struct Stream {
    /// Its counterpart towards the engine; none for what is answered here.
    inner: Option<StreamKey>,
    head: FieldBlock,
    /// The head is all of the response.
    end: bool,
    trailers: FieldBlock,
    /// Octets of the request that the engine has not taken.
    owed: u32,
}

/// The peer's streams.
#[derive(Debug)]
struct Streams {
    http2: http2::Connection<Stream>,
    /// Those whose response was taken from the link, to be given credit.
    drained: Vec<StreamKey>,
    /// Those that wait for an END_STREAM of its own.
    ending: Vec<StreamKey>,
}

#[derive(Debug)]
pub(super) struct Http2 {
    settings: Arc<Settings>,
    streams: Streams,
}

impl Http2 {
    /// With the limits of the server that it stands in front of.
    pub(super) fn new(settings: Arc<Settings>, limits: &http2::Config, now: Instant) -> Self {
        let http2 = http2::Connection::new(Side::Server, limits.clone(), now);
        Self { settings, streams: Streams { http2, drained: Vec::new(), ending: Vec::new() } }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.streams.http2.is_ended()
    }

    pub(super) fn is_finished(&self) -> bool {
        self.streams.http2.is_finished()
    }

    /// Gives the engine what waits for it.
    pub(super) fn push(&mut self, now: Instant, link: &mut Link, server: &mut Connection<Server>) {
        link.push(now, server, &mut self.streams);
    }

    pub(super) fn wants_transmit(&self) -> bool {
        self.streams.http2.wants_transmit()
    }

    pub(super) fn error(&self) -> Option<&http2::ConnectionError> {
        self.streams.http2.error()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.streams.http2.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, link: &mut Link) {
        let http2 = &mut self.streams.http2;
        http2.handle_timeout(now);
        while let Some(key) = http2.next_stalled() {
            // T-45: the peer takes nothing.
            if let Some(inner) = http2.get(key).and_then(|stream| stream.inner) {
                link.cancel(inner);
            }
            http2.reset(key, ErrorCode::CANCEL);
            http2.release(key);
        }
        self.check_end(link);
    }

    pub(super) fn drain(&mut self, now: Instant) {
        self.streams.http2.shut_down(now);
    }

    pub(super) fn receive_eof(&mut self, link: &mut Link) {
        self.streams.http2.receive_eof();
        self.check_end(link);
    }

    /// Nothing of a connection that has ended can be answered.
    fn check_end(&mut self, link: &mut Link) {
        if self.is_ended() {
            link.cancel_all();
        }
    }

    pub(super) fn receive(&mut self, now: Instant, octets: &[u8], link: &mut Link, server: &mut Connection<Server>) {
        let mut input = Input::slice(octets);
        loop {
            match self.streams.http2.receive_step(now, &mut input) {
                Step::Idle | Step::Closed => break,
                Step::Headers { stream, part: Part::Request, end_stream, oversized, .. } => {
                    self.request(stream, end_stream, oversized, link);
                }
                Step::Headers { stream, .. } => {
                    let trailers = self.streams.http2.fields().fields().collect();
                    self.request_ended(stream, Some(trailers), link);
                }
                Step::Data { stream, len } => {
                    let octets = input.take(len);
                    self.data(stream, octets, link);
                    // The engine's answer to it may be credit for the peer.
                    if link.wants_push() {
                        link.push(now, server, &mut self.streams);
                    }
                }
                Step::End { stream } => self.request_ended(stream, None, link),
                Step::Reset { stream, .. } => {
                    let stream = self.streams.http2.release(stream);
                    stream.and_then(|stream| stream.inner).into_iter().for_each(|inner| link.cancel(inner));
                }
                _ => {}
            }
        }
        self.check_end(link);
        link.push(now, server, &mut self.streams);
    }

    fn request(&mut self, key: StreamKey, end: bool, oversized: bool, link: &mut Link) {
        let fields: FieldBlock = self.streams.http2.fields().fields().collect();
        let route = match oversized {
            true => Route::Answer(Answer::refusal(431, "max_header_list: the request's header list is too long")),
            false => route(&self.settings, &fields),
        };
        let exchange = match route {
            Route::Answer(answer) => {
                let is_head = fields.fields().any(|field| field.name == b":method" && field.value == b"HEAD");
                return self.streams.answer(key, &answer, is_head);
            }
            Route::Native => Exchange::native(key, fields),
            Route::Web(form, head) => Exchange::web(Some(key), form, head),
        };
        let Ok(inner) = link.open(exchange) else {
            // RFC 9113 §8.7: nothing of it was processed.
            self.streams.http2.reset(key, ErrorCode::REFUSED_STREAM);
            self.streams.http2.release(key);
            return;
        };
        if let Some(stream) = self.streams.http2.get_mut(key) {
            stream.inner = Some(inner);
        }
        if end {
            self.request_ended(key, None, link);
        }
    }

    fn request_ended(&mut self, key: StreamKey, trailers: Option<FieldBlock>, link: &mut Link) {
        if let Some(inner) = self.streams.http2.get(key).and_then(|stream| stream.inner) {
            link.request_ended(inner, trailers, &mut self.streams);
        }
    }

    fn data(&mut self, key: StreamKey, octets: &[u8], link: &mut Link) {
        let length = octets.len() as u32;
        let Some(inner) = self.streams.http2.get(key).and_then(|stream| stream.inner) else {
            return self.streams.http2.consumed(key, length);
        };
        link.request(inner, octets, &mut self.streams);
        if link.queued(inner) < REQUEST_QUEUE {
            self.streams.http2.consumed(key, length);
        } else if let Some(stream) = self.streams.http2.get_mut(key) {
            stream.owed = stream.owed.saturating_add(length);
            link.watch(inner);
        }
    }

    pub(super) fn transmit(
        &mut self,
        now: Instant,
        link: &mut Link,
        server: &mut Connection<Server>,
        output: &mut WriteBuf,
    ) {
        loop {
            let before = output.len();
            self.streams.transmit(now, output);
            for key in core::mem::take(&mut self.streams.drained) {
                link.taken(key);
            }
            if self.is_ended() {
                // The engine may still be told that all is over.
                return self.push(now, link, server);
            }
            if output.is_full() {
                return;
            }
            let mut moved = link.push(now, server, &mut self.streams);
            moved |= link.pull(now, server, &mut self.streams);
            if !moved && output.len() == before {
                return;
            }
        }
    }
}

impl Streams {
    fn transmit(&mut self, now: Instant, output: &mut WriteBuf) {
        loop {
            match self.http2.transmit_step(now, output) {
                Transmit::Done => break,
                Transmit::Head(key) => {
                    let Some(stream) = self.http2.get_mut(key) else { continue };
                    let (head, end) = (core::mem::take(&mut stream.head), stream.end);
                    self.http2.send_head(key, head.fields(), end, output);
                    self.release_if_ended(key);
                }
                Transmit::Trailers(key) => {
                    let trailers = self.http2.get_mut(key).map(|stream| core::mem::take(&mut stream.trailers));
                    self.http2.send_trailers(key, trailers.unwrap_or_default().fields(), output);
                    self.release_if_ended(key);
                }
                Transmit::Drained(key) => {
                    self.drained.extend(self.http2.get(key).and_then(|stream| stream.inner));
                    self.release_if_ended(key);
                }
            }
        }
        let mut ending = core::mem::take(&mut self.ending);
        ending.retain(|key| !self.release_if_ended(*key));
        self.ending = ending;
    }

    /// Lets go of a stream whose whole response has left; what is left of its request is refused by that.
    fn release_if_ended(&mut self, key: StreamKey) -> bool {
        let ended = self.http2.is_send_ended(key);
        if ended {
            self.http2.release(key);
        }
        ended
    }

    /// Answers without the engine.
    fn answer(&mut self, key: StreamKey, answer: &Answer, without_body: bool) {
        let mut head = FieldBlock::new();
        head.push(Field::new(b":status", answer.status.to_string().as_bytes()));
        answer.fields.fields().for_each(|field| head.push(field));
        if answer.status != 204 {
            head.push(Field::new(b"content-length", answer.body.len().to_string().as_bytes()));
        }
        let end = without_body || answer.body.is_empty();
        self.head(Some(key), head, end);
        if !end {
            self.data(Some(key), answer.body.clone());
            self.end(Some(key), None);
        }
    }
}

impl Outer for Streams {
    fn has_room(&self) -> bool {
        !self.http2.is_ended()
    }

    fn head(&mut self, key: Option<StreamKey>, head: FieldBlock, end: bool) {
        if let Some(key) = key
            && let Some(stream) = self.http2.get_mut(key)
        {
            (stream.head, stream.end) = (head, end);
            self.http2.begin(key);
        }
    }

    fn data(&mut self, key: Option<StreamKey>, octets: Bytes) {
        if let Some(key) = key {
            self.http2.send_shared(key, octets);
        }
    }

    fn is_behind(&mut self, key: Option<StreamKey>) -> bool {
        let Some(key) = key else { return false };
        let behind = self.http2.queued(key) > RESPONSE_QUEUE as usize;
        if behind {
            self.http2.watch_queue(key, RESPONSE_QUEUE / 2);
        }
        behind
    }

    fn end(&mut self, key: Option<StreamKey>, trailers: Option<FieldBlock>) {
        let Some(key) = key else { return };
        let with_trailers = trailers.is_some();
        if let Some(stream) = self.http2.get_mut(key) {
            stream.trailers = trailers.unwrap_or_default();
        }
        if self.http2.queued(key) > 0 {
            self.http2.watch_queue(key, ALL);
        } else if !with_trailers {
            self.ending.push(key);
        }
        self.http2.end(key, with_trailers);
    }

    fn reset(&mut self, key: Option<StreamKey>, code: ErrorCode) {
        if let Some(key) = key {
            self.http2.reset(key, code);
            self.http2.release(key);
        }
    }

    fn request_taken(&mut self, key: Option<StreamKey>) {
        let Some(key) = key else { return };
        let owed = self.http2.get_mut(key).map_or(0, |stream| core::mem::take(&mut stream.owed));
        self.http2.consumed(key, owed);
    }
}
