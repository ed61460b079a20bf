//! The session: tells what the peer speaks, and speaks it.

use super::config::Config;
use super::error::Error;
use super::http1::Http1;
use super::http2::Http2;
use super::link::Link;
use super::peek::{AckFilter, Peek, Start, Verdict};
use crate::buffer::WriteBuf;
use crate::call::Server;
use crate::config::ServerConfig;
use crate::connection::Connection;
use crate::frame::PREFACE;
use crate::grpc::Scheme;
use crate::http2::{ConnectionError, Side};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bytes::Bytes;
use core::time::Duration;

/// What a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// It has not said enough to tell.
    Unknown,
    /// HTTP/1.1 or 1.0: gRPC-Web.
    Http1,
    /// HTTP/2: gRPC-Web, perhaps with native gRPC beside it.
    Http2,
    /// HTTP/2 with native gRPC, between the peer and the engine alone.
    Native,
}

#[derive(Debug)]
enum Mode {
    /// So much of HTTP/2's preface has come.
    Unknown(Vec<u8>),
    /// HTTP/2, before its first request, which is waited for until then.
    Peek(Peek, Instant),
    Http1(Box<(Link, Http1)>),
    Http2(Box<(Link, Http2)>),
    Native,
}

/// gRPC-Web in front of one server's connection, for any transport and runtime: see [the module](crate::web).
///
/// Verbs are those of [`Connection`], and take it as an argument: give the session's verbs all octets and time, and use the
/// connection itself for events and calls only. There is one rule more: read no more from the transport while
/// [`Session::wants_input`] is `false`. Over HTTP/1.1 that is what holds back a peer that sends more than is read.
///
/// Memory, besides the connection's own, is bounded by [`Config::session_bytes`].
#[derive(Debug)]
pub struct Session {
    config: Config,
    server: ServerConfig,
    scheme: Scheme,
    mode: Mode,
    /// When a peer over HTTP/2 that has not asked for anything is given no more time to tell what it will.
    decide_by: Instant,
    /// What the peer is told before it is known who answers it.
    first_words: Vec<u8>,
    from_peer: Option<AckFilter>,
    to_peer: Option<AckFilter>,
}

/// How long a first request over HTTP/2 is waited for, at most: half of what the engine gives a handshake.
const PATIENCE: Duration = Duration::from_secs(5);

impl Session {
    /// A session for a transport that was accepted at `now`, and for a connection with this config.
    #[expect(clippy::arithmetic_side_effects, reason = "2 is not zero")]
    pub fn new(config: &Config, server: &ServerConfig, now: Instant) -> Self {
        let handshake = server.0.http2.handshake_timeout;
        let patience = handshake.map_or(PATIENCE, |timeout| (timeout / 2).min(PATIENCE));
        Self {
            config: config.clone(),
            server: server.clone(),
            scheme: Scheme::Http,
            mode: Mode::Unknown(Vec::new()),
            decide_by: now.saturating_add(patience),
            first_words: Vec::new(),
            from_peer: None,
            to_peer: None,
        }
    }

    /// The `:scheme` that requests over HTTP/1.1 are given: `http`, unless the transport is TLS.
    #[must_use]
    pub fn with_scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// What the peer speaks.
    pub fn protocol(&self) -> Protocol {
        match self.mode {
            Mode::Unknown(_) | Mode::Peek(..) => Protocol::Unknown,
            Mode::Http1(_) => Protocol::Http1,
            Mode::Http2(_) => Protocol::Http2,
            Mode::Native => Protocol::Native,
        }
    }

    /// Whether more input is of use now. While it is not, leave it in the transport; it may change with every verb.
    pub fn wants_input(&self) -> bool {
        match &self.mode {
            Mode::Http1(http1) => http1.1.wants_input(),
            _ => true,
        }
    }

    /// Feeds octets from the peer, cut anyhow. Never fails: see [`Session::error`].
    pub fn receive(&mut self, now: Instant, octets: &[u8], server: &mut Connection<Server>) {
        match self.filtered(octets) {
            Some(octets) => self.take_in(now, &octets, server),
            None => self.take_in(now, octets, server),
        }
    }

    /// What a filter leaves of the octets, where there is one still.
    fn filtered(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let filter = self.from_peer.as_mut()?;
        let mut left = Vec::with_capacity(octets.len());
        filter.push(octets, &mut left);
        if filter.is_done() {
            self.from_peer = None;
        }
        Some(left)
    }

    fn take_in(&mut self, now: Instant, octets: &[u8], server: &mut Connection<Server>) {
        match &mut self.mode {
            Mode::Native => server.receive(now, octets),
            Mode::Http1(parts) => {
                let (link, http1) = &mut **parts;
                http1.receive(now, octets, link, server);
                http1.push(now, link, server);
            }
            Mode::Http2(parts) => {
                let (link, http2) = &mut **parts;
                http2.receive(now, octets, link, server);
            }
            Mode::Unknown(seen) => {
                seen.extend_from_slice(octets);
                self.choose(now, server);
            }
            Mode::Peek(peek, _) => {
                peek.receive(octets);
                self.look(now, server);
            }
        }
        self.settle(now, server);
    }

    /// As [`Session::receive`]; large messages of native calls may share the memory of `octets` instead of being copied.
    pub fn receive_bytes(&mut self, now: Instant, octets: Bytes, server: &mut Connection<Server>) {
        match &self.mode {
            Mode::Native if self.from_peer.is_none() => server.receive_bytes(now, octets),
            _ => self.receive(now, &octets, server),
        }
    }

    /// The transport delivers no more: calls in progress are cancelled. Over HTTP/1.1 this is how a client cancels.
    pub fn receive_eof(&mut self, now: Instant, server: &mut Connection<Server>) {
        match &mut self.mode {
            Mode::Native | Mode::Unknown(_) | Mode::Peek(..) => {}
            Mode::Http1(parts) => {
                let (link, http1) = &mut **parts;
                http1.receive_eof(link);
                http1.push(now, link, server);
            }
            Mode::Http2(parts) => {
                let (link, http2) = &mut **parts;
                http2.receive_eof(link);
                http2.push(now, link, server);
            }
        }
        server.receive_eof(now);
    }

    /// Adds octets for the peer to `output` until its target is met or nothing is left to say.
    pub fn transmit(&mut self, now: Instant, server: &mut Connection<Server>, output: &mut WriteBuf) {
        if let Mode::Peek(peek, _) = &mut self.mode {
            self.first_words.append(&mut peek.take_answers());
        }
        if !self.first_words.is_empty() {
            output.put_slice(&core::mem::take(&mut self.first_words));
        }
        match self.to_peer.take() {
            Some(mut filter) => {
                let (mut whole, mut left) = (WriteBuf::with_target(output.target()), Vec::new());
                self.say(now, server, &mut whole);
                while let Some(octets) = whole.next_chunk() {
                    filter.push(&octets, &mut left);
                }
                output.put_slice(&left);
                self.to_peer = Some(filter).filter(|filter| !filter.is_done());
            }
            None => self.say(now, server, output),
        }
        self.settle(now, server);
    }

    fn say(&mut self, now: Instant, server: &mut Connection<Server>, output: &mut WriteBuf) {
        match &mut self.mode {
            Mode::Unknown(_) | Mode::Peek(..) => {}
            Mode::Native => server.transmit(now, output),
            Mode::Http1(parts) => {
                let (link, http1) = &mut **parts;
                http1.transmit(now, link, server, output);
            }
            Mode::Http2(parts) => {
                let (link, http2) = &mut **parts;
                http2.transmit(now, link, server, output);
            }
        }
    }

    /// Whether [`Session::transmit`] may have something to add.
    pub fn wants_transmit(&self, server: &Connection<Server>) -> bool {
        match &self.mode {
            _ if !self.first_words.is_empty() => true,
            Mode::Unknown(_) => false,
            Mode::Peek(peek, _) => peek.has_answers(),
            Mode::Native => server.wants_transmit(),
            // Once the peer's side is over, what the engine still has to say nobody hears.
            Mode::Http1(parts) => {
                let more = parts.0.wants_push() || server.wants_transmit();
                parts.1.wants_transmit() || (more && !parts.1.is_closing())
            }
            Mode::Http2(parts) => {
                let more = parts.0.wants_push() || server.wants_transmit();
                parts.1.wants_transmit() || (more && !parts.1.is_ended())
            }
        }
    }

    /// When [`Session::handle_timeout`] is due, the connection's own timer among others. It may be early.
    #[must_use]
    pub fn poll_timeout(&self, server: &Connection<Server>) -> Option<Instant> {
        let own = match &self.mode {
            Mode::Unknown(_) | Mode::Native => [None, None],
            Mode::Peek(_, until) => [Some(*until), None],
            Mode::Http1(parts) => [parts.1.poll_timeout(), parts.0.poll_timeout()],
            Mode::Http2(parts) => [parts.1.poll_timeout(), parts.0.poll_timeout()],
        };
        own.into_iter().flatten().chain(server.poll_timeout()).min()
    }

    /// Does what is due at `now`, for the connection too.
    pub fn handle_timeout(&mut self, now: Instant, server: &mut Connection<Server>) {
        if let Mode::Peek(_, until) = &self.mode
            && *until <= now
        {
            // Slower than it might be, but right whatever comes.
            self.take_over(Verdict::Web, now, server);
        }
        server.handle_timeout(now);
        match &mut self.mode {
            Mode::Unknown(_) | Mode::Peek(..) | Mode::Native => return,
            Mode::Http1(parts) => {
                let (link, http1) = &mut **parts;
                link.handle_timeout(now);
                http1.handle_timeout(now, link);
                http1.push(now, link, server);
            }
            Mode::Http2(parts) => {
                let (link, http2) = &mut **parts;
                link.handle_timeout(now);
                http2.handle_timeout(now, link);
                http2.push(now, link, server);
            }
        }
        self.settle(now, server);
    }

    /// Why the peer's connection ended or its last request was refused, where that was over HTTP/1.1.
    pub fn error(&self) -> Option<Error> {
        if let Mode::Http1(parts) = &self.mode { parts.1.error() } else { None }
    }

    /// Why the peer's connection ended, where that was over HTTP/2.
    pub fn http2_error<'a>(&'a self, server: &'a Connection<Server>) -> Option<&'a ConnectionError> {
        match &self.mode {
            Mode::Http2(parts) => parts.1.error(),
            Mode::Http1(_) => None,
            Mode::Unknown(_) | Mode::Peek(..) | Mode::Native => server.error(),
        }
    }

    /// Whether all is over and said: once the [`WriteBuf`] is empty too, close the transport.
    pub fn is_finished(&self, server: &Connection<Server>) -> bool {
        match &self.mode {
            Mode::Http1(parts) => parts.1.is_finished(),
            Mode::Http2(parts) => parts.1.is_finished(),
            // To a peer that has not said what it speaks nothing can be said.
            Mode::Unknown(_) | Mode::Peek(..) => server.has_ended(),
            Mode::Native => server.is_finished(),
        }
    }

    /// Tells the protocols apart once there is enough of the first octets: nothing of HTTP/1.1 begins as HTTP/2 does.
    fn choose(&mut self, now: Instant, server: &mut Connection<Server>) {
        let Mode::Unknown(seen) = &mut self.mode else { return };
        let length = seen.len().min(PREFACE.len());
        let http2 = seen.get(..length) == PREFACE.get(..length);
        if http2 && length < PREFACE.len() {
            return;
        }
        let octets = core::mem::take(seen);
        if !http2 {
            let link = Link::new(1, now);
            let http1 = Http1::new(Arc::clone(&self.config.0), self.scheme, now);
            self.mode = Mode::Http1(Box::new((link, http1)));
            return self.take_in(now, &octets, server);
        }
        self.mode = Mode::Peek(Peek::new(octets, &self.server.0.http2.settings(Side::Server)), self.decide_by);
        if self.config.0.mixed { self.take_over(Verdict::Web, now, server) } else { self.look(now, server) }
    }

    /// Hears whether the first request tells who is to answer.
    fn look(&mut self, now: Instant, server: &mut Connection<Server>) {
        let Mode::Peek(peek, _) = &mut self.mode else { return };
        match peek.look() {
            Verdict::Undecided => {}
            verdict => self.take_over(verdict, now, server),
        }
    }

    /// Who is to answer hears all from the start.
    fn take_over(&mut self, verdict: Verdict, now: Instant, server: &mut Connection<Server>) {
        let limits = &self.server.0.http2;
        let mode = if verdict == Verdict::Native {
            Mode::Native
        } else {
            let link = Link::new(limits.max_concurrent_streams, now);
            let http2 = Http2::new(Arc::clone(&self.config.0), limits, now);
            Mode::Http2(Box::new((link, http2)))
        };
        let Mode::Peek(peek, _) = core::mem::replace(&mut self.mode, mode) else { return };
        let Start { octets, mut answers, from_peer, to_peer } = peek.into_start();
        self.first_words.append(&mut answers);
        self.to_peer = Some(to_peer).filter(|filter| !filter.is_done());
        // The acknowledgement that is too many may be in what follows the request; the preface is no frame.
        let (preface, rest) = octets.split_at(PREFACE.len().min(octets.len()));
        self.from_peer = Some(from_peer).filter(|filter| !filter.is_done());
        self.take_in(now, preface, server);
        self.receive(now, rest, server);
    }

    /// Carries an end from one side to the other.
    fn settle(&mut self, now: Instant, server: &mut Connection<Server>) {
        if matches!(self.mode, Mode::Peek(..)) && server.is_draining() && !server.has_ended() {
            // Nobody waits for a first request any more, and the peer is to be told.
            self.take_over(Verdict::Web, now, server);
        }
        let over = match &mut self.mode {
            Mode::Unknown(_) => server.is_draining(),
            Mode::Peek(..) | Mode::Native => false,
            Mode::Http1(parts) => {
                let (link, http1) = &mut **parts;
                if link.is_draining() {
                    http1.drain(link);
                }
                http1.is_finished()
            }
            Mode::Http2(parts) => {
                let (link, http2) = &mut **parts;
                if link.is_draining() {
                    http2.drain(now);
                }
                http2.is_ended()
            }
        };
        if over && !server.has_ended() {
            server.receive_eof(now);
        }
    }
}
