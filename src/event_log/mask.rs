//! What a log that is shared does not say.

use super::line::{Answer, Entry, Field, Frame, Header, Masked, Octets, Status, Value, Verb};
use alloc::string::{String, ToString};

/// Names whose values are hidden in every masked log.
const ALWAYS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// What stands where text was.
const HIDDEN: &str = "(masked)";

/// What a masked log hides: the values of sensitive names, messages, and all octets as they went over the wire, since
/// a header block has those values in it, or refers to an earlier one that has.
///
/// Always hidden are `authorization`, `cookie`, `proxy-authorization`, `set-cookie`, whatever was marked as sensitive, on
/// the wire too (RFC 7541 §6.2.3), and messages unless [`Mask::show_messages`] is asked for. What stays is what a hunt for
/// a bug needs: frames with their lengths, names and other values, times, settings, statuses, events. The text of a status,
/// which may quote the first 256 octets of an answer that is not gRPC, stays unless `grpc-message` is named, as do
/// `:path` and `:authority`.
///
/// ```
/// use grpc_sansio::event_log::Mask;
///
/// let mask = Mask::new().name("x-session").binary();
/// assert!(mask.hides("Authorization") && mask.hides("x-session ") && mask.hides("Trace-Bin"));
/// assert!(!mask.hides("user-agent"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(Masked);

impl Default for Mask {
    fn default() -> Self {
        Self::new()
    }
}

impl Mask {
    /// Hides what is always hidden, and messages.
    pub fn new() -> Self {
        let names = ALWAYS.iter().map(ToString::to_string).collect();
        Self(Masked { names, binary: false, messages: true })
    }

    /// Hides the values of this name too. `grpc-message`, `grpc-status-details-bin`, `:path` and `:authority` are names as
    /// others are.
    pub fn name(mut self, name: &str) -> Self {
        self.0.names.push(name.to_ascii_lowercase());
        self
    }

    /// Hides the values of all names that end in `-bin`, details of a status among them.
    pub fn binary(mut self) -> Self {
        self.0.binary = true;
        self
    }

    /// Shows messages: their octets are in the log, as they were read and sent.
    pub fn show_messages(mut self) -> Self {
        self.0.messages = false;
        self
    }

    /// Whether the values of this name are hidden.
    pub fn hides(&self, name: &str) -> bool {
        // A peer may have written it in another way than names are.
        let name = name.trim_ascii();
        let is_binary = || name.as_bytes().last_chunk().is_some_and(|end: &[u8; 4]| end.eq_ignore_ascii_case(b"-bin"));
        (self.0.binary && is_binary()) || self.0.names.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }

    pub(super) fn header(&self, header: &mut Header) {
        header.masked = Some(self.0.clone());
        if let serde_json::Value::Object(config) = &mut header.config {
            // It would help whoever wants to find collisions in the tables of a process that still runs.
            config.remove("seed");
            for (name, key) in [(":authority", "authority"), ("user-agent", "user_agent")] {
                if self.hides(name) {
                    config.insert(String::from(key), HIDDEN.into());
                }
            }
        }
    }

    pub(super) fn entry(&self, entry: &mut Entry) {
        self.verb(&mut entry.verb);
        self.answer(&mut entry.answer);
        entry.frames.iter_mut().for_each(|frame| self.frame(frame));
    }

    fn verb(&self, verb: &mut Verb) {
        match verb {
            Verb::Open { path, metadata, authority, .. } => {
                self.fields(metadata);
                self.text(":path", path);
                if let Some(authority) = authority {
                    self.text(":authority", authority);
                }
            }
            Verb::Receive { octets, .. } | Verb::ReceiveBytes { octets, .. } => hide(octets),
            Verb::Send { data, .. } => self.message(data),
            Verb::SendWith { data, .. } | Verb::SendCompressedWith { data, .. } => {
                data.iter_mut().for_each(|data| self.message(data));
            }
            Verb::SendHead { metadata, .. } => self.fields(metadata),
            Verb::Finish { status, trailers, .. } => {
                self.status(status);
                self.fields(trailers);
            }
            Verb::SkipStreams { .. }
            | Verb::ReceiveEof { .. }
            | Verb::ReceiveFailure { .. }
            | Verb::Transmit { .. }
            | Verb::PollEvent
            | Verb::HandleTimeout { .. }
            | Verb::Shutdown { .. }
            | Verb::Read { .. }
            | Verb::HalfClose { .. }
            | Verb::Cancel { .. }
            | Verb::Expect { .. }
            | Verb::LimitDeadline { .. }
            | Verb::SetEncoding { .. }
            | Verb::Reset { .. }
            | Verb::Release { .. } => {}
        }
    }

    fn answer(&self, answer: &mut Answer) {
        match answer {
            Answer::Octets(octets) => hide(octets),
            Answer::Head { fields, .. } => self.fields(fields),
            Answer::Message { data, .. } => self.message(data),
            Answer::Ended { status, trailers, .. } => {
                self.status(status);
                self.fields(trailers);
            }
            Answer::Done
            | Answer::Nothing
            | Answer::BrokeOff
            | Answer::Call(_)
            | Answer::Refused(_)
            | Answer::Event(_)
            | Answer::HalfClosed => {}
        }
    }

    fn frame(&self, frame: &mut Frame) {
        if let Some(fields) = &mut frame.fields {
            self.fields(fields);
        }
        if frame.kind == "UNREADABLE" {
            // Nobody knows what it is.
            frame.text = None;
        }
    }

    fn message(&self, octets: &mut Octets) {
        if self.0.messages {
            hide(octets);
        }
    }

    fn status(&self, status: &mut Status) {
        if let Some(message) = &mut status.message {
            self.text("grpc-message", message);
        }
        if let Some(details) = &mut status.details
            && self.hides("grpc-status-details-bin")
        {
            hide(details);
        }
    }

    fn fields(&self, fields: &mut [Field]) {
        for field in fields {
            if field.sensitive || self.hides(&field.name) {
                field.value = Value::Masked(true);
            }
        }
    }

    fn text(&self, name: &str, text: &mut String) {
        if self.hides(name) {
            *text = String::from(HIDDEN);
        }
    }
}

fn hide(octets: &mut Octets) {
    *octets = Octets::Masked { masked: octets.len() };
}
