//! Cuts received octets into frames, whatever the cuts of the transport (H-019).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use super::config::Side;
use super::error::{Fault, HTTP1_SERVER, TLS_CLIENT, TLS_SERVER};
use super::input::Input;
use super::slots::StreamKey;
use crate::frame::{Flags, FrameError, HEAD_LEN, Head, Kind, PREFACE, Scope, StreamId};
use crate::time::Instant;
use alloc::vec::Vec;
use core::time::Duration;

/// Where the reader is in the octet stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Phase {
    /// A server's: octets of the client preface seen so far.
    Preface(usize),
    /// Before or inside a frame's nine octets.
    Head,
    /// A payload that is handled as a whole.
    Payload(Head),
    /// A payload of no interest, of which this much is left.
    Skip(u32),
    Data(DataFrame),
}

/// A DATA frame, whose payload goes on piece by piece.
#[derive(Clone, Copy, Debug)]
pub(super) struct DataFrame {
    pub(super) head: Head,
    /// Who gets the payload; `None` discards it.
    pub(super) stream: Option<StreamKey>,
    /// The Pad Length octet comes next.
    pub(super) pad_length_next: bool,
    /// Octets of data, then of padding, still to come.
    pub(super) data: u32,
    pub(super) padding: u32,
}

/// A header block that is not complete yet (RFC 9113 §4.3).
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenBlock {
    pub(super) stream: StreamId,
    pub(super) end_stream: bool,
    pub(super) continuations: u32,
}

#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) phase: Phase,
    side: Side,
    got_settings: bool,
    head: [u8; HEAD_LEN],
    head_len: usize,
    /// A payload that arrived in pieces.
    payload: Vec<u8>,
    pub(super) block: Option<OpenBlock>,
    /// When the head of a HEADERS frame arrived whose block is not complete yet.
    pub(super) block_since: Option<Instant>,
    /// The fragments of `block`.
    pub(super) fragments: Vec<u8>,
}

/// What the connection's error says of a client of HTTP/1.1, which is answered.
pub(super) const HTTP1: &str = "not HTTP/2: the client speaks HTTP/1.1";
const NOT_HTTP2: &str = "not HTTP/2: the client's connection preface is wrong (RFC 9113 section 3.4)";

impl Reader {
    pub(super) const fn new(side: Side) -> Self {
        let phase = if matches!(side, Side::Server) { Phase::Preface(0) } else { Phase::Head };
        Self {
            phase,
            side,
            got_settings: false,
            head: [0; HEAD_LEN],
            head_len: 0,
            payload: Vec::new(),
            block: None,
            block_since: None,
            fragments: Vec::new(),
        }
    }

    /// Whether the peer was found to speak HTTP/2.
    pub(super) fn saw_preface(&self) -> bool {
        !matches!(self.phase, Phase::Preface(_)) && (self.got_settings || self.side == Side::Server)
    }

    /// RFC 9113 §3.4: the preface is complete with the first SETTINGS.
    pub(super) fn got_settings(&self) -> bool {
        self.got_settings
    }

    pub(super) fn settings_seen(&mut self) {
        self.got_settings = true;
    }

    pub(super) fn is_between_frames(&self) -> bool {
        let at_a_start = matches!(self.phase, Phase::Preface(0) | Phase::Head);
        at_a_start && self.head_len == 0 && self.block.is_none()
    }

    /// Whether any frame may come next, and nothing of it has arrived.
    #[inline]
    pub(super) fn is_at_ease(&self) -> bool {
        matches!(self.phase, Phase::Head) && self.head_len == 0 && self.got_settings && self.block.is_none()
    }

    pub(super) fn block_until(&self, timeout: Option<Duration>) -> Option<Instant> {
        self.block_since?.checked_add(timeout?)
    }

    /// H-005: compares octet by octet, so that a wrong one is found as soon as it arrives. `Ok(true)` once complete.
    #[expect(clippy::arithmetic_side_effects, reason = "places in the preface")]
    pub(super) fn read_preface(&mut self, seen: usize, input: &mut Input<'_>) -> Result<bool, Fault> {
        let expected = PREFACE.get(seen..).unwrap_or_default();
        let octets = input.take(expected.len());
        if !expected.starts_with(octets) {
            if seen == 0 && octets.first() == Some(&TLS_HANDSHAKE) {
                return Err(Fault::protocol(TLS_CLIENT));
            }
            let mut pairs = octets.iter().zip(expected).zip(seen..);
            let wrong = pairs.find(|((octet, expected), _)| octet != expected).map(|((octet, _), at)| (at, octet));
            // The methods of HTTP/1.1: GET, HEAD, OPTIONS, DELETE, CONNECT, TRACE; POST, PUT, PATCH.
            let http1 = match wrong {
                Some((0, octet)) => b"GHODCT".contains(octet),
                Some((1, octet)) => b"OUA".contains(octet),
                _ => false,
            };
            return Err(Fault::protocol(if http1 { HTTP1 } else { NOT_HTTP2 }));
        }
        let seen = seen + octets.len();
        let complete = seen == PREFACE.len();
        self.phase = if complete { Phase::Head } else { Phase::Preface(seen) };
        Ok(complete)
    }

    /// The next frame's head once its nine octets are there.
    #[expect(clippy::arithmetic_side_effects, reason = "nine octets")]
    pub(super) fn read_head(&mut self, input: &mut Input<'_>) -> Option<Head> {
        if self.head_len == 0
            && let Some(octets) = input.as_slice().first_chunk::<HEAD_LEN>()
        {
            let head = Head::parse(octets);
            input.take(HEAD_LEN);
            return Some(head);
        }
        let missing = self.head.get_mut(self.head_len..)?;
        let octets = input.take(missing.len());
        missing.get_mut(..octets.len())?.copy_from_slice(octets);
        self.head_len += octets.len();
        if self.head_len < HEAD_LEN {
            return None;
        }
        self.head_len = 0;
        Some(Head::parse(&self.head))
    }

    /// Rules that a head must keep whatever its stream: H-004, H-007, H-014, H-017, H-020, H-124.
    pub(super) fn check_head(&self, head: &Head, max_frame_size: u32) -> Result<(), Fault> {
        if !self.got_settings && (head.kind != Kind::SETTINGS || head.flags.contains(Flags::ACK)) {
            if self.side == Side::Client && self.looks_like_http1(head) {
                return Err(Fault::protocol(HTTP1_SERVER));
            }
            if self.side == Side::Client && is_tls(&head.encode()) {
                return Err(Fault::protocol(TLS_SERVER));
            }
            return Err(Fault::protocol("the first frame is not SETTINGS (RFC 9113 section 3.4)"));
        }
        match self.block {
            Some(block) if head.kind != Kind::CONTINUATION || head.stream != block.stream => {
                return Err(Fault::protocol("a header block is interrupted (RFC 9113 section 4.3)"));
            }
            None if head.kind == Kind::CONTINUATION => {
                return Err(Fault::protocol("CONTINUATION without a header block to continue (RFC 9113 section 6.10)"));
            }
            _ => {}
        }
        head.check(max_frame_size).map_err(|error| match error.scope {
            Scope::Stream(_) if self.side == Side::Client => Fault::Stream(error.code, error.reason),
            // T-03: a client that makes a server reset its streams is stopped.
            _ => Fault::Connection(error.code, error.reason),
        })
    }

    /// Whether a client's input ended inside what may have been TLS: an alert is shorter than a frame's head.
    pub(super) fn ended_in_tls(&self) -> bool {
        self.side == Side::Client && !self.got_settings && is_tls(self.head.get(..self.head_len).unwrap_or_default())
    }

    /// G-170: `HTTP/1.` read as a frame head.
    fn looks_like_http1(&self, head: &Head) -> bool {
        head.length == u32::from_be_bytes(*b"\0HTT") && head.kind == Kind(b'P')
    }

    /// The whole payload of `length` octets, once it is there. The caller has bounded `length`; memory grows only with
    /// what was received. Give the payload back with [`Reader::recycle`] if it was gathered.
    pub(super) fn read_payload<'i>(&mut self, length: usize, input: &mut Input<'i>) -> Option<Payload<'i>> {
        if self.payload.is_empty() && input.as_slice().len() >= length {
            return Some(Payload::Whole(input.take(length)));
        }
        let missing = length.saturating_sub(self.payload.len());
        self.payload.extend_from_slice(input.take(missing));
        (self.payload.len() == length).then(|| Payload::Gathered(core::mem::take(&mut self.payload)))
    }

    pub(super) fn recycle(&mut self, payload: Payload<'_>) {
        if let Payload::Gathered(mut buffer) = payload {
            buffer.clear();
            self.payload = buffer;
        }
    }

    /// Gives memory back. What has arrived of a frame and of a header block stays, unless the connection has `ended`.
    pub(super) fn trim(&mut self, ended: bool) {
        if ended || self.payload.is_empty() {
            self.payload = Vec::new();
        }
        if ended || self.block.is_none() {
            self.fragments = Vec::new();
        }
    }

    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn heap_size(&self) -> usize {
        self.payload.capacity() + self.fragments.capacity()
    }
}

/// A frame's payload: as it lies in the input, or put together from pieces.
#[derive(Debug)]
pub(super) enum Payload<'i> {
    Whole(&'i [u8]),
    Gathered(Vec<u8>),
}

impl Payload<'_> {
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Whole(octets) => octets,
            Self::Gathered(buffer) => buffer,
        }
    }
}

impl From<FrameError> for Fault {
    fn from(error: FrameError) -> Self {
        match error.scope {
            Scope::Connection => Self::Connection(error.code, error.reason),
            Scope::Stream(_) => Self::Stream(error.code, error.reason),
        }
    }
}

/// What a frame costs a peer that only wants to make us work, in eighths of a glitch token (T-26).
pub(super) fn glitch_cost(kind: Kind) -> u64 {
    match kind {
        Kind::PING | Kind::PRIORITY => 1,
        kind if !kind.is_known() => 1,
        _ => 0,
    }
}

/// The largest payload of a kind that is gathered as a whole; the rest of a GOAWAY's debug data is skipped.
#[expect(clippy::arithmetic_side_effects, reason = "8 and a constant")]
pub(super) fn gathered_len(head: &Head, debug_data_kept: usize) -> usize {
    match head.kind {
        Kind::GOAWAY => (head.length as usize).min(8 + debug_data_kept),
        _ => head.length as usize,
    }
}

/// The types of TLS records that come first, and the version that follows both (RFC 8446 §5.1).
const TLS_ALERT: u8 = 0x15;
const TLS_HANDSHAKE: u8 = 0x16;
const TLS_MAJOR: u8 = 3;

/// Whether these are the first octets of a server's TLS.
fn is_tls(octets: &[u8]) -> bool {
    matches!(octets, [TLS_ALERT | TLS_HANDSHAKE, TLS_MAJOR, ..])
}
