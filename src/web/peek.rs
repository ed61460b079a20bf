//! The start of an HTTP/2 connection, as far as the first request: does it carry native gRPC or gRPC-Web?
//!
//! Until that is known nobody answers but this: with our SETTINGS, since many clients wait for them before their first
//! request, and with what a peer is owed at once (RFC 9113 §6.5.3, §6.7). Whoever takes over hears the start again and
//! says its SETTINGS again, which is legal; the acknowledgements that come once too often then are left out. A frame that
//! is not as it should be ends the waiting: the engine has the words for it.

use super::content_type::ContentType;
use crate::frame::{
    DEFAULT_MAX_FRAME_SIZE, Flags, HEAD_LEN, Head, Headers, Kind, MAX_MAX_FRAME_SIZE, MAX_WINDOW, PREFACE, Ping,
    Setting, SettingId, Settings,
};
use crate::hpack::{BlockLimits, Classifier, Decoded, Decoder, FieldBlock};
use alloc::vec::Vec;

/// Octets that are kept to be heard again. A request's head has a few hundred.
const MOST_HELD: usize = 16 * 1024;

/// Frames that are answered here; more of them say that somebody plays.
const MOST_ANSWERS: u32 = 100;

/// What the first request tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Undecided,
    /// The engine may speak to the peer itself.
    Native,
    /// It is gRPC-Web, or nobody knows.
    Web,
}

#[derive(Debug)]
pub(super) struct Peek {
    /// What is to be heard again, from the preface on.
    held: Vec<u8>,
    /// Octets of it that were looked at.
    seen: usize,
    /// What the peer is to be told.
    answers: Vec<u8>,
    answered: u32,
    /// SETTINGS of the peer, each of which was acknowledged here.
    settings: u32,
    /// Our own were.
    acknowledged: bool,
}

/// What there is to take over.
#[derive(Debug)]
pub(super) struct Start {
    /// Octets of the peer to be heard again.
    pub(super) octets: Vec<u8>,
    /// What the peer is still to be told.
    pub(super) answers: Vec<u8>,
    /// Of what comes from the peer.
    pub(super) from_peer: AckFilter,
    /// Of what goes to it.
    pub(super) to_peer: AckFilter,
}

impl Peek {
    /// Begins with what has come, which starts with the preface.
    pub(super) fn new(octets: Vec<u8>, settings: &[Setting]) -> Self {
        let mut answers = Vec::new();
        Settings::encode_from(settings, &mut answers);
        Self { held: octets, seen: PREFACE.len(), answers, answered: 0, settings: 0, acknowledged: false }
    }

    pub(super) fn receive(&mut self, octets: &[u8]) {
        self.held.extend_from_slice(octets);
    }

    pub(super) fn take_answers(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.answers)
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    pub(super) fn into_start(self) -> Start {
        Start {
            octets: self.held,
            answers: self.answers,
            from_peer: AckFilter::new(u32::from(!self.acknowledged)),
            to_peer: AckFilter::new(self.settings),
        }
    }

    /// Looks at the frames that are whole, up to the first request.
    pub(super) fn look(&mut self) -> Verdict {
        loop {
            let Some(rest) = self.held.get(self.seen..) else { return Verdict::Undecided };
            let Some((head, rest)) = rest.split_first_chunk::<HEAD_LEN>() else { return Verdict::Undecided };
            let head = Head::parse(head);
            if head.check(DEFAULT_MAX_FRAME_SIZE).is_err() {
                return Verdict::Web;
            }
            let length = head.length as usize;
            let Some(payload) = rest.get(..length) else {
                return if self.held.len() > 2 * MOST_HELD { Verdict::Web } else { Verdict::Undecided };
            };
            let ack = head.flags.contains(Flags::ACK);
            let end = self.seen.saturating_add(HEAD_LEN).saturating_add(length);
            let keep = match head.kind {
                Kind::HEADERS => return judge(head, payload),
                Kind::SETTINGS if ack => {
                    // More than one was not ours to ask for: let the engine see it.
                    core::mem::replace(&mut self.acknowledged, true)
                }
                Kind::SETTINGS if !are_sound(head, payload) => return Verdict::Web,
                Kind::SETTINGS => {
                    self.settings = self.settings.saturating_add(1);
                    self.answered = self.answered.saturating_add(1);
                    Settings::ACK.encode(&mut self.answers);
                    true
                }
                Kind::PING if !ack => {
                    let Ok(ping) = Ping::parse(head, payload) else { return Verdict::Web };
                    self.answered = self.answered.saturating_add(1);
                    Ping { ack: true, ..ping }.encode(&mut self.answers);
                    false
                }
                Kind::WINDOW_UPDATE if !head.stream.is_zero() || payload.iter().all(|octet| *octet == 0) => {
                    return Verdict::Web;
                }
                Kind::WINDOW_UPDATE | Kind::PRIORITY => true,
                _ => return Verdict::Web,
            };
            if keep {
                self.seen = end;
            } else {
                self.held.drain(self.seen..end);
            }
            if self.answered > MOST_ANSWERS || self.seen > MOST_HELD {
                return Verdict::Web;
            }
        }
    }
}

/// RFC 9113 §6.5.2. The engine judges those that are not, and their number.
fn are_sound(head: Head, payload: &[u8]) -> bool {
    let sound = |setting: Setting| match setting.id {
        SettingId::ENABLE_PUSH => setting.value <= 1,
        SettingId::INITIAL_WINDOW_SIZE => setting.value <= MAX_WINDOW,
        SettingId::MAX_FRAME_SIZE => (DEFAULT_MAX_FRAME_SIZE..=MAX_MAX_FRAME_SIZE).contains(&setting.value),
        _ => true,
    };
    payload.len() <= 192 && Settings::parse(head, payload).is_ok_and(|settings| settings.iter().all(sound))
}

/// Judges the first request. Only what is native gRPC beyond doubt goes the short way.
fn judge(head: Head, payload: &[u8]) -> Verdict {
    let Ok(headers) = Headers::parse(head, payload) else { return Verdict::Web };
    if !headers.end_headers {
        return Verdict::Web;
    }
    let most = MOST_HELD as u32;
    let limits = BlockLimits { max_list_size: most, max_fields: 128, abuse_list_size: most, abuse_fields: 128 };
    let mut fields = FieldBlock::new();
    let decoded = Decoder::new(4096, Classifier::NONE).decode(headers.fragment, &limits, &mut fields);
    if decoded != Ok(Decoded::Complete) {
        return Verdict::Web;
    }
    let value = |name: &[u8]| fields.fields().find(|field| field.name == name).map(|field| field.value);
    let web = value(b"content-type").and_then(ContentType::parse).is_some();
    if value(b":method") == Some(b"POST") && !web { Verdict::Native } else { Verdict::Web }
}

/// Leaves out the next so many acknowledgements of SETTINGS, and hands on all else.
#[derive(Debug)]
pub(super) struct AckFilter {
    acks: u32,
    /// Of a frame's head, as far as it has come.
    head: Vec<u8>,
    /// Octets of a payload still to come.
    payload: usize,
}

impl AckFilter {
    const fn new(acks: u32) -> Self {
        Self { acks, head: Vec::new(), payload: 0 }
    }

    /// Whether all that follows may pass it by.
    pub(super) fn is_done(&self) -> bool {
        self.acks == 0 && self.head.is_empty()
    }

    /// Appends to `output` what is handed on.
    pub(super) fn push(&mut self, mut octets: &[u8], output: &mut Vec<u8>) {
        while !octets.is_empty() && !self.is_done() {
            let missing = if self.payload > 0 { self.payload } else { HEAD_LEN.saturating_sub(self.head.len()) };
            let (piece, rest) = octets.split_at(missing.min(octets.len()));
            octets = rest;
            if self.payload > 0 {
                self.payload = self.payload.saturating_sub(piece.len());
                output.extend_from_slice(piece);
                continue;
            }
            self.head.extend_from_slice(piece);
            if let Some(head) = self.head.first_chunk::<HEAD_LEN>() {
                let parsed = Head::parse(head);
                if parsed.kind == Kind::SETTINGS && parsed.flags.contains(Flags::ACK) && parsed.length == 0 {
                    self.acks = self.acks.saturating_sub(1);
                } else {
                    output.extend_from_slice(head);
                    self.payload = parsed.length as usize;
                }
                self.head.clear();
            }
        }
        output.extend_from_slice(octets);
    }
}
