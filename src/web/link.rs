//! The way to the engine: a client's end of HTTP/2 in memory, so that the engine hears nothing but native gRPC.

use super::exchange::Exchange;
use super::outer::Outer;
use crate::buffer::WriteBuf;
use crate::call::Server;
use crate::connection::Connection;
use crate::frame::ErrorCode;
use crate::grpc::Code;
use crate::hpack::FieldBlock;
use crate::http2::{self, Input, OpenError, Part, Side, Step, StreamKey, Transmit};
use crate::time::Instant;
use bytes::Bytes;

/// Octets of one response that the engine may be ahead of the peer.
pub(super) const RESPONSE_WINDOW: u32 = 64 * 1024;

/// Octets of one request that may wait for the engine's windows; another part is taken while fewer do.
pub(super) const REQUEST_QUEUE: usize = 64 * 1024;

/// Octets that are moved at once.
const STRIDE: usize = 16 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Link {
    client: http2::Connection<Exchange>,
    to_server: WriteBuf,
    from_server: WriteBuf,
}

impl Link {
    /// A link with room for as many exchanges as the server takes.
    pub(super) fn new(exchanges: u32, now: Instant) -> Self {
        let mut config = http2::Config::new(Side::Client);
        config.stream_window = RESPONSE_WINDOW;
        // No response waits for another one.
        config.connection_window = RESPONSE_WINDOW.saturating_mul(exchanges.clamp(1, 1024));
        // The other end is the engine: there is nobody to guard against, and nothing to wait for.
        (config.max_header_list_size, config.max_header_block) = (u32::MAX / 2, u32::MAX / 2);
        (config.max_header_fields, config.max_continuations) = (u32::MAX / 2, u32::MAX / 2);
        (config.reset_burst, config.glitch_burst, config.empty_data_burst) = (u32::MAX, u32::MAX, u32::MAX);
        (config.tiny_data_burst, config.drain_at_percent) = (u32::MAX, 100);
        (config.handshake_timeout, config.header_block_timeout) = (None, None);
        (config.crowded_send_timeout, config.stalled_send_timeout) = (None, None);
        // A table would only repeat what the one towards the peer does.
        (config.encoder_table_size, config.decoder_table_size) = (0, 0);
        Self {
            client: http2::Connection::new(Side::Client, config, now),
            to_server: WriteBuf::with_target(STRIDE),
            from_server: WriteBuf::with_target(STRIDE),
        }
    }

    /// Begins an exchange.
    pub(super) fn open(&mut self, exchange: Exchange) -> Result<StreamKey, OpenError> {
        self.client.open(exchange)
    }

    /// More of a request's body.
    pub(super) fn request(&mut self, key: StreamKey, octets: &[u8], outer: &mut impl Outer) {
        let Some(exchange) = self.client.get_mut(key) else { return };
        match exchange.decode(octets) {
            None => self.client.send(key, |queue| queue.extend_from_slice(octets)),
            Some(Ok(decoded)) => self.client.send_shared(key, Bytes::from(decoded)),
            Some(Err(error)) => self.fail(key, Code::Internal, &alloc::string::ToString::to_string(&error), outer),
        }
    }

    /// The request has ended.
    pub(super) fn request_ended(&mut self, key: StreamKey, trailers: Option<FieldBlock>, outer: &mut impl Outer) {
        let Some(exchange) = self.client.get_mut(key) else { return };
        if !exchange.is_whole() {
            return self.fail(key, Code::Internal, "the request ended inside a group of base64", outer);
        }
        // G-033: trailers of a request mean nothing in gRPC, but are the caller's own in native calls.
        let trailers = trailers.filter(|_| !exchange.is_web());
        let with_trailers = trailers.is_some();
        exchange.trailers = trailers.unwrap_or_default();
        self.client.end(key, with_trailers);
    }

    /// Octets of the request that wait for the engine's windows.
    pub(super) fn queued(&self, key: StreamKey) -> usize {
        self.client.queued(key)
    }

    /// Asks for [`Outer::request_taken`] when half of what may wait has left.
    pub(super) fn watch(&mut self, key: StreamKey) {
        self.client.watch_queue(key, REQUEST_QUEUE as u32 / 2);
    }

    /// The peer has taken what waited of the response.
    pub(super) fn taken(&mut self, key: StreamKey) {
        if let Some(exchange) = self.client.get_mut(key) {
            let owed = core::mem::take(&mut exchange.owed);
            self.client.consumed(key, owed);
        }
    }

    /// The peer has given the exchange up.
    pub(super) fn cancel(&mut self, key: StreamKey) {
        self.client.reset(key, ErrorCode::CANCEL);
        self.drop_exchange(key);
    }

    /// Gives all exchanges up.
    pub(super) fn cancel_all(&mut self) {
        while let Some(key) = self.client.stream_from(0) {
            self.cancel(key);
        }
    }

    fn drop_exchange(&mut self, key: StreamKey) {
        if let Some(exchange) = self.client.release(key) {
            // What the peer never took was taken all the same.
            self.client.consumed_late(exchange.owed);
        }
    }

    /// Whether the engine takes no more requests.
    pub(super) fn is_draining(&self) -> bool {
        self.client.is_draining()
    }

    /// Whether [`Link::push`] has something for the engine.
    pub(super) fn wants_push(&self) -> bool {
        self.client.wants_transmit()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.client.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.client.handle_timeout(now);
    }

    /// Ends an exchange with a status of our own.
    pub(super) fn fail(&mut self, key: StreamKey, code: Code, message: &str, outer: &mut impl Outer) {
        self.fail_with(key, code, message, ErrorCode::INTERNAL_ERROR, outer);
    }

    fn fail_with(&mut self, key: StreamKey, code: Code, message: &str, reset: ErrorCode, outer: &mut impl Outer) {
        let Some(exchange) = self.client.get_mut(key) else { return };
        let stream = exchange.outer;
        // Inside a message a status would be taken for more of it.
        if !exchange.is_web() || (exchange.answered && !exchange.is_between_messages()) {
            outer.reset(stream, reset);
        } else if exchange.answered {
            let frame = exchange.trailers_frame(&Exchange::failure(code, message));
            outer.data(stream, Bytes::from(frame));
            outer.end(stream, None);
        } else {
            outer.head(stream, exchange.failed_head(code, message), true);
        }
        self.cancel(key);
    }

    /// Gives the engine what waits for it; whether there was anything.
    pub(super) fn push(&mut self, now: Instant, server: &mut Connection<Server>, outer: &mut impl Outer) -> bool {
        let mut moved = false;
        loop {
            match self.client.transmit_step(now, &mut self.to_server) {
                Transmit::Head(key) => {
                    let head = self.client.get_mut(key).map(|exchange| core::mem::take(&mut exchange.head));
                    let head = head.unwrap_or_default();
                    self.client.send_head(key, head.fields(), false, &mut self.to_server);
                }
                Transmit::Trailers(key) => {
                    let trailers = self.client.get_mut(key).map(|exchange| core::mem::take(&mut exchange.trailers));
                    let trailers = trailers.unwrap_or_default();
                    self.client.send_trailers(key, trailers.fields(), &mut self.to_server);
                }
                Transmit::Drained(key) => {
                    if let Some(exchange) = self.client.get(key) {
                        outer.request_taken(exchange.outer);
                    }
                }
                Transmit::Done if self.to_server.is_empty() => return moved,
                Transmit::Done => {
                    moved = true;
                    while let Some(octets) = self.to_server.next_chunk() {
                        server.receive_bytes(now, octets);
                    }
                }
            }
        }
    }

    /// Takes what the engine has to say, as far as there is room for it; whether there was anything.
    pub(super) fn pull(&mut self, now: Instant, server: &mut Connection<Server>, outer: &mut impl Outer) -> bool {
        if !outer.has_room() {
            return false;
        }
        server.transmit(now, &mut self.from_server);
        let moved = !self.from_server.is_empty();
        while let Some(octets) = self.from_server.next_chunk() {
            self.receive(now, &octets, outer);
        }
        if server.is_finished() || self.client.is_ended() {
            self.lose(outer);
        }
        moved
    }

    /// The engine's connection is over: so are all calls.
    fn lose(&mut self, outer: &mut impl Outer) {
        while let Some(key) = self.client.stream_from(0) {
            let message = "the server ended the connection";
            self.fail_with(key, Code::Unavailable, message, ErrorCode::INTERNAL_ERROR, outer);
        }
        self.client.receive_eof();
    }

    fn receive(&mut self, now: Instant, octets: &Bytes, outer: &mut impl Outer) {
        let mut input = Input::bytes(octets);
        loop {
            match self.client.receive_step(now, &mut input) {
                Step::Idle | Step::Closed => return,
                Step::Headers { stream, part: Part::Response, status, end_stream, .. } => {
                    self.response(stream, status, end_stream, outer);
                }
                Step::Headers { stream, .. } => self.trailers(stream, outer),
                Step::Data { stream, len } => {
                    let shared = input.take_shared(len);
                    let octets = shared.unwrap_or_else(|| Bytes::copy_from_slice(input.take(len)));
                    self.data(stream, octets, outer);
                }
                Step::End { stream } => {
                    if let Some(exchange) = self.client.get(stream) {
                        outer.end(exchange.outer, None);
                    }
                    self.drop_exchange(stream);
                }
                Step::Reset { stream, code, .. } => {
                    let status = Code::from_reset(code.0);
                    self.fail_with(stream, status, "the server broke the call off", code, outer);
                }
                _ => {}
            }
        }
    }

    fn response(&mut self, key: StreamKey, status: u16, end: bool, outer: &mut impl Outer) {
        let fields: FieldBlock = self.client.fields().fields().collect();
        let Some(exchange) = self.client.get_mut(key) else { return };
        outer.head(exchange.outer, exchange.response_head(status, &fields), end);
        if end {
            self.drop_exchange(key);
        }
    }

    fn trailers(&mut self, key: StreamKey, outer: &mut impl Outer) {
        let fields: FieldBlock = self.client.fields().fields().collect();
        let Some(exchange) = self.client.get_mut(key) else { return };
        if exchange.is_web() {
            outer.data(exchange.outer, Bytes::from(exchange.trailers_frame(&fields)));
            outer.end(exchange.outer, None);
        } else {
            outer.end(exchange.outer, Some(fields));
        }
        self.drop_exchange(key);
    }

    fn data(&mut self, key: StreamKey, octets: Bytes, outer: &mut impl Outer) {
        let length = octets.len() as u32;
        let Some(exchange) = self.client.get_mut(key) else { return self.client.consumed_late(length) };
        let encoded = exchange.response_body(octets);
        exchange.owed = exchange.owed.saturating_add(length);
        if !encoded.is_empty() {
            outer.data(exchange.outer, encoded);
        }
        if !outer.is_behind(exchange.outer) {
            self.taken(key);
        }
    }
}
