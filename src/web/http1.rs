//! HTTP/1.1 towards the peer: one request after the other (RFC 9112).
//!
//! Requests may be pipelined; the next one is looked at when the response before it is complete, and until then waits in
//! a buffer that ends, and behind that in the transport. There is no `date` in responses: RFC 9110 §6.6.1 forbids one
//! where there is no clock.

use super::answer::Answer;
use super::body::Body;
use super::config::Settings;
use super::error::Error;
use super::exchange::Exchange;
use super::link::{Link, REQUEST_QUEUE};
use super::outer::Outer;
use super::request::{HeadScan, Request};
use super::route::{Route, route};
use crate::buffer::WriteBuf;
use crate::call::Server;
use crate::connection::Connection;
use crate::frame::ErrorCode;
use crate::grpc::Scheme;
use crate::hpack::FieldBlock;
use crate::http2::StreamKey;
use crate::time::Instant;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::{Bytes, BytesMut};
use core::fmt::Write;

/// Octets of a body that may wait here for the engine, besides those that wait behind the link; and of output.
pub(super) const PENDING: usize = 64 * 1024;

/// Octets of a body that are handed on at once.
const PIECE: usize = 16 * 1024;

/// Where the request at hand stands.
#[derive(Debug)]
enum Reading {
    Head(HeadScan),
    Body(Body),
    /// It has ended; its response has not.
    Ended,
}

/// Where the response at hand stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Awaited,
    Body { chunked: bool },
    Ended,
}

/// The peer's side over HTTP/1.1, but for the buffer of what it sends: the link writes here.
#[derive(Debug)]
struct Responses {
    pending: WriteBuf,
    writing: Writing,
    /// Of the request at hand.
    keep_alive: bool,
    old: bool,
    whole_request: bool,
    /// Between two requests: nothing of the next one has come.
    paused: bool,
}

#[derive(Debug)]
pub(super) struct Http1 {
    settings: Arc<Settings>,
    scheme: Scheme,
    buffer: BytesMut,
    reading: Reading,
    exchange: Option<StreamKey>,
    responses: Responses,
    /// When the head, or the next octet of the body, has to be there; or when what is left to say is given up.
    until: Instant,
    /// Nothing more is read or answered.
    closing: bool,
    /// `until` is about that.
    last_words: bool,
    error: Option<Error>,
}

impl Http1 {
    pub(super) fn new(settings: Arc<Settings>, scheme: Scheme, now: Instant) -> Self {
        Self {
            until: now.saturating_add(settings.head_timeout),
            settings,
            scheme,
            buffer: BytesMut::new(),
            reading: Reading::Head(HeadScan::default()),
            exchange: None,
            responses: Responses {
                pending: WriteBuf::with_target(PENDING),
                writing: Writing::Awaited,
                keep_alive: true,
                old: false,
                whole_request: false,
                paused: false,
            },
            closing: false,
            last_words: false,
            error: None,
        }
    }

    /// Whether more input is of use now.
    pub(super) fn wants_input(&self) -> bool {
        let room = match self.reading {
            Reading::Head(_) | Reading::Ended => self.settings.max_head,
            Reading::Body(_) => PENDING,
        };
        self.closing || self.buffer.len() < room
    }

    pub(super) fn is_finished(&self) -> bool {
        self.closing && self.responses.pending.is_empty()
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Gives the engine what waits for it.
    pub(super) fn push(&mut self, now: Instant, link: &mut Link, server: &mut Connection<Server>) {
        link.push(now, server, &mut self.responses);
    }

    pub(super) fn wants_transmit(&self) -> bool {
        !self.responses.pending.is_empty()
    }

    pub(super) fn error(&self) -> Option<Error> {
        self.error
    }

    pub(super) fn receive(&mut self, now: Instant, octets: &[u8], link: &mut Link, server: &mut Connection<Server>) {
        if self.closing {
            return;
        }
        self.buffer.extend_from_slice(octets);
        if let Reading::Body(_) = self.reading {
            self.until = now.saturating_add(self.settings.body_timeout);
        }
        self.advance(now, link, server);
    }

    /// The peer has closed its side: it takes no response any more, as far as anybody can tell.
    pub(super) fn receive_eof(&mut self, link: &mut Link) {
        let inside = match self.reading {
            Reading::Head(_) => !self.buffer.is_empty(),
            Reading::Body(_) => true,
            Reading::Ended => false,
        };
        if inside && !self.closing {
            self.error = Some(Error::Closed);
        }
        self.close(link);
    }

    pub(super) fn transmit(
        &mut self,
        now: Instant,
        link: &mut Link,
        server: &mut Connection<Server>,
        output: &mut WriteBuf,
    ) {
        self.write(now, link, server, output);
        if self.closing && !self.last_words {
            self.until = now.saturating_add(self.settings.body_timeout);
            self.last_words = true;
        }
    }

    fn write(&mut self, now: Instant, link: &mut Link, server: &mut Connection<Server>, output: &mut WriteBuf) {
        loop {
            while !output.is_full()
                && let Some(octets) = self.responses.pending.next_chunk()
            {
                output.put_shared(octets);
            }
            if output.is_full() {
                // There may be room for the answer to a request that waits, and then there is more to say.
                return self.advance(now, link, server);
            }
            let mut moved = link.push(now, server, &mut self.responses);
            moved |= link.pull(now, server, &mut self.responses);
            self.advance(now, link, server);
            if !moved && self.responses.pending.is_empty() && !link.wants_push() {
                return;
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let waits = match self.reading {
            _ if self.closing => self.last_words && !self.responses.pending.is_empty(),
            // Requests that wait for room are not late.
            Reading::Head(_) => self.responses.has_room() || self.buffer.is_empty(),
            // The engine may be what is slow.
            Reading::Body(_) => self.exchange.is_some() && self.buffer.is_empty(),
            Reading::Ended => false,
        };
        waits.then_some(self.until)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant, link: &mut Link) {
        if self.poll_timeout().is_none_or(|until| until > now) {
            return;
        }
        match self.reading {
            _ if self.closing => self.responses.pending = WriteBuf::new(),
            // Between two requests nothing is owed to anybody.
            Reading::Head(_) if self.buffer.is_empty() => self.close(link),
            Reading::Head(_) => self.refuse(Error::HeadTimeout(self.settings.head_timeout), link),
            _ => self.refuse(Error::BodyTimeout(self.settings.body_timeout), link),
        }
    }

    /// The engine takes no more requests.
    pub(super) fn drain(&mut self, link: &mut Link) {
        self.responses.keep_alive = false;
        if matches!(self.reading, Reading::Head(_)) && self.buffer.is_empty() {
            self.close(link);
        }
    }

    fn close(&mut self, link: &mut Link) {
        self.closing = true;
        self.buffer = BytesMut::new();
        if let Some(key) = self.exchange.take() {
            link.cancel(key);
        }
    }

    /// Answers what cannot be read, and closes: nobody knows where the next request begins.
    fn refuse(&mut self, error: Error, link: &mut Link) {
        self.error = Some(error);
        self.responses.keep_alive = false;
        if self.responses.writing == Writing::Awaited {
            self.responses.answer(&Answer::error(&error), false);
        }
        self.close(link);
    }

    /// Does what can be done with what has arrived.
    fn advance(&mut self, now: Instant, link: &mut Link, server: &mut Connection<Server>) {
        while !self.closing {
            let went_on = match &self.reading {
                // T-23: answers that nobody takes are as good as requests that wait.
                Reading::Head(_) if !self.responses.has_room() => Ok(false),
                Reading::Head(_) => self.read_head(now, link),
                Reading::Body(_) => self.read_body(now, link, server),
                Reading::Ended => Ok(false),
            };
            match went_on {
                Ok(went_on) => {
                    if !self.finish(now, link) && !went_on {
                        return;
                    }
                }
                Err(error) => return self.refuse(error, link),
            }
        }
    }

    /// Reads a head, if all of it is there.
    fn read_head(&mut self, now: Instant, link: &mut Link) -> Result<bool, Error> {
        let Reading::Head(scan) = &mut self.reading else { return Ok(false) };
        if scan.seen() == 0 {
            // RFC 9112 §2.2: empty lines before a request are let be.
            while self.buffer.starts_with(b"\r\n") {
                let _ = self.buffer.split_to(2);
            }
            if self.buffer.is_empty() || self.buffer[..] == b"\r"[..] {
                return Ok(false);
            }
            if self.responses.paused {
                // The first octet after a pause.
                self.until = now.saturating_add(self.settings.head_timeout);
                self.responses.paused = false;
            }
        }
        let (end, most) = (scan.scan(&self.buffer)?, self.settings.max_head);
        // Where so many octets are not the whole of it, no more are asked for.
        if end.map_or(self.buffer.len() >= most, |end| end > most) {
            return Err(Error::HeadTooLong(most));
        }
        let Some(end) = end else { return Ok(false) };
        let head = self.buffer.split_to(end);
        let request = Request::parse(&head, self.settings.max_fields, self.scheme.as_str().as_bytes())?;
        self.begin(now, &request, link)?;
        Ok(true)
    }

    fn begin(&mut self, now: Instant, request: &Request, link: &mut Link) -> Result<(), Error> {
        let body = Body::new(request.framing, self.settings.max_body)?;
        let whole = body.is_done();
        let responses = &mut self.responses;
        responses.keep_alive &= request.keep_alive && !link.is_draining();
        (responses.old, responses.whole_request) = (request.old, whole);
        (responses.writing, responses.paused) = (Writing::Awaited, false);
        let answer = match route(&self.settings, &request.fields) {
            Route::Web(form, head) => match link.open(Exchange::web(None, form, head)) {
                Ok(key) => {
                    self.exchange = Some(key);
                    None
                }
                Err(_) => Some(Answer::refusal(503, "the server is shutting down")),
            },
            Route::Native => Some(not_web(request)),
            Route::Answer(answer) => Some(answer),
        };
        self.reading = if whole { Reading::Ended } else { Reading::Body(body) };
        self.until = now.saturating_add(self.settings.body_timeout);
        match (answer, self.exchange) {
            (Some(answer), _) => self.responses.answer(&answer, request.is_head),
            (None, Some(key)) if whole => link.request_ended(key, None, &mut self.responses),
            // RFC 9110 §10.1.1: not where the body is on its way already.
            (None, _) if request.expects_continue && self.buffer.is_empty() => {
                self.responses.pending.put_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            }
            _ => {}
        }
        Ok(())
    }

    /// Hands on what there is of a body, as far as the engine keeps up.
    fn read_body(&mut self, now: Instant, link: &mut Link, server: &mut Connection<Server>) -> Result<bool, Error> {
        let (Reading::Body(body), Some(key)) = (&mut self.reading, self.exchange) else { return Ok(false) };
        if self.responses.writing == Writing::Ended || link.queued(key) >= REQUEST_QUEUE {
            return Ok(false);
        }
        let piece = body.read(&mut self.buffer, PIECE)?;
        if let Some(octets) = &piece {
            // While the engine did not keep up nothing was asked of the peer.
            self.until = now.saturating_add(self.settings.body_timeout);
            link.request(key, octets, &mut self.responses);
        }
        let done = body.is_done();
        if done {
            self.reading = Reading::Ended;
            self.responses.whole_request = true;
            link.request_ended(key, None, &mut self.responses);
        }
        link.push(now, server, &mut self.responses);
        Ok(done || piece.is_some())
    }

    /// Goes on to the next request where the response has ended, or closes; says whether it did either.
    fn finish(&mut self, now: Instant, link: &mut Link) -> bool {
        if self.responses.writing != Writing::Ended {
            return false;
        }
        self.exchange = None;
        if !(self.responses.keep_alive && matches!(self.reading, Reading::Ended)) {
            self.close(link);
            return true;
        }
        self.reading = Reading::Head(HeadScan::default());
        self.until = now.saturating_add(self.settings.idle_timeout);
        self.responses.writing = Writing::Awaited;
        // A pause begins: the head's own time starts with its first octet.
        self.responses.paused = true;
        true
    }
}

/// What is no gRPC-Web gets an answer in words.
fn not_web(request: &Request) -> Answer {
    let method = request.fields.fields().find(|field| field.name == b":method").map(|field| field.value);
    match method.unwrap_or_default() {
        b"POST" => {
            let why = "the content-type is none of gRPC-Web (application/grpc-web); native gRPC needs HTTP/2";
            Answer::refusal(415, why)
        }
        b"OPTIONS" => Answer::empty(204).also("allow", "POST, OPTIONS"),
        b"GET" | b"HEAD" => Answer::refusal(404, "there is no page here; gRPC-Web calls are POST"),
        _ => Answer::refusal(405, "gRPC-Web calls are POST").also("allow", "POST, OPTIONS"),
    }
}

impl Responses {
    /// Writes a whole response.
    fn answer(&mut self, answer: &Answer, without_body: bool) {
        self.keep_alive &= self.whole_request;
        let length = if answer.status == 204 { None } else { Some(answer.body.len()) };
        self.write_head(answer.status, &answer.fields, length);
        if !without_body {
            self.pending.put_shared(answer.body.clone());
        }
        self.writing = Writing::Ended;
    }

    fn write_head(&mut self, status: u16, fields: &FieldBlock, length: Option<usize>) {
        let mut head = alloc::string::String::new();
        // Writing into a String cannot fail.
        let _ = write!(head, "HTTP/1.1 {status} {}\r\n", reason(status));
        let mut head: Vec<u8> = head.into_bytes();
        for field in fields.fields().filter(|field| !field.name.starts_with(b":")) {
            for part in [field.name, b": ", field.value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        if let Some(length) = length {
            let mut line = alloc::string::String::new();
            let _ = write!(line, "content-length: {length}\r\n");
            head.extend_from_slice(line.as_bytes());
        } else if self.writing == (Writing::Body { chunked: true }) {
            head.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        if !self.keep_alive {
            head.extend_from_slice(b"connection: close\r\n");
        }
        head.extend_from_slice(b"\r\n");
        self.pending.put_slice(&head);
    }
}

impl Outer for Responses {
    fn has_room(&self) -> bool {
        !self.pending.is_full()
    }

    fn head(&mut self, _: Option<StreamKey>, head: FieldBlock, end: bool) {
        let status = head.fields().find(|field| field.name == b":status").map_or(&b""[..], |field| field.value);
        let status = status
            .iter()
            .fold(0_u16, |status, digit| status.saturating_mul(10).saturating_add(u16::from(digit.wrapping_sub(b'0'))));
        if end {
            // What of the request is still to come nobody waits for.
            self.keep_alive &= self.whole_request;
            self.write_head(status, &head, Some(0));
            self.writing = Writing::Ended;
        } else {
            self.writing = Writing::Body { chunked: !self.old };
            self.write_head(status, &head, None);
        }
    }

    fn data(&mut self, _: Option<StreamKey>, octets: Bytes) {
        let Writing::Body { chunked } = self.writing else { return };
        if !chunked {
            return self.pending.put_shared(octets);
        }
        let mut size = alloc::string::String::new();
        let _ = write!(size, "{:x}\r\n", octets.len());
        self.pending.put_slice(size.as_bytes());
        self.pending.put_shared(octets);
        self.pending.put_slice(b"\r\n");
    }

    fn is_behind(&mut self, _: Option<StreamKey>) -> bool {
        // There is one response, and no more of it is asked for than there is room.
        false
    }

    fn end(&mut self, _: Option<StreamKey>, _: Option<FieldBlock>) {
        match self.writing {
            Writing::Body { chunked: true } => self.pending.put_slice(b"0\r\n\r\n"),
            Writing::Body { chunked: false } => self.keep_alive = false,
            _ => return,
        }
        self.writing = Writing::Ended;
    }

    fn reset(&mut self, _: Option<StreamKey>, _: ErrorCode) {
        self.keep_alive = false;
        self.writing = Writing::Ended;
    }

    fn request_taken(&mut self, _: Option<StreamKey>) {}
}

/// The words that go with a status (RFC 9110 §15); nobody reads them.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}
