//! What a log that is shared does not say.

use super::line::{Answer, Entry, Field, Frame, Header, Masked, Octets, Status, Value, Verb};
use super::repeats::{HIDDEN, Repeats};
use crate::grpc::binary;
use alloc::string::{String, ToString};

/// Names whose values are hidden in every masked log.
const ALWAYS: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// What a masked log hides: the values of sensitive names, messages, and all octets as they went over the wire, since
/// a header block has those values in it, or refers to an earlier one that has.
///
/// Always hidden are `authorization`, `cookie`, `proxy-authorization`, `set-cookie`, whatever was marked as sensitive, on
/// the wire too (RFC 7541 §6.2.3), and messages unless [`Mask::show_messages`] is asked for. A value that was hidden is
/// hidden wherever it is repeated as it is, or up to where a quote of it was cut off: in the text of a status, in the body
/// of a proxy's page that a status quotes, in the debug data of a GOAWAY, in another field. That goes for values, and parts
/// of them such as a token behind its scheme, of eight octets and more, and for the latest 64 KiB of them.
///
/// What stays is what a hunt for a bug needs: frames with their lengths, names and other values, times, settings, statuses
/// with their texts, events. [`Mask::hide_texts`] hides all that somebody wrote as a text, and names as `:path`,
/// `:authority`, `grpc-encoding`, `content-type` and `grpc-message` hide what goes under them, wherever it stands.
///
/// ```
/// use grpc_sansio::event_log::Mask;
///
/// let mask = Mask::new().name("x-session").binary();
/// assert!(mask.hides("Authorization") && mask.hides("x-session ") && mask.hides("Trace-Bin"));
/// assert!(!mask.hides("user-agent") && !mask.hides("grpc-message"));
/// assert!(mask.hide_texts().hides("grpc-message"));
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
        Self(Masked { names, binary: false, messages: true, texts: false })
    }

    /// Hides the values of this name too. `grpc-message`, `grpc-status-details-bin`, `:path`, `:authority`, `user-agent`,
    /// `content-type`, `grpc-encoding` and `grpc-accept-encoding` are names as others are, and hide arguments of verbs and
    /// of the config that become their values.
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

    /// Hides texts: the messages and details of statuses, the debug data of GOAWAY, the octets of PING, and the reason why a
    /// connection ended. What is left of them are their codes.
    pub fn hide_texts(mut self) -> Self {
        self.0.texts = true;
        self
    }

    /// Whether the values of this name are hidden.
    pub fn hides(&self, name: &str) -> bool {
        // A peer may have written it in another way than names are.
        let name = name.trim_ascii();
        let is_binary = || name.as_bytes().last_chunk().is_some_and(|end: &[u8; 4]| end.eq_ignore_ascii_case(b"-bin"));
        let is_text = || ["grpc-message", "grpc-status-details-bin"].iter().any(|text| text.eq_ignore_ascii_case(name));
        (self.0.binary && is_binary())
            || (self.0.texts && is_text())
            || self.0.names.iter().any(|hidden| hidden.eq_ignore_ascii_case(name))
    }
}

/// A mask at work on one log.
pub(super) struct Masking {
    mask: Mask,
    /// What it has hidden.
    repeats: Repeats,
}

impl Masking {
    pub(super) fn new(mask: Mask) -> Self {
        Self { mask, repeats: Repeats::new() }
    }

    pub(super) fn header(&self, header: &mut Header) {
        header.masked = Some(self.mask.0.clone());
        if let serde_json::Value::Object(config) = &mut header.config {
            // It would help whoever wants to find collisions in the tables of a process that still runs.
            config.remove("seed");
            let names =
                [(":authority", "authority"), ("user-agent", "user_agent"), ("grpc-accept-encoding", "codings")];
            for (name, key) in names {
                if self.mask.hides(name) {
                    config.insert(String::from(key), HIDDEN.into());
                }
            }
        }
    }

    pub(super) fn entry(&mut self, entry: &mut Entry) {
        self.verb(&mut entry.verb);
        self.answer(&mut entry.answer);
        entry.frames.iter_mut().for_each(|frame| self.frame(frame));
        // By now all that it brought is known.
        self.clean(entry);
    }

    fn verb(&mut self, verb: &mut Verb) {
        match verb {
            Verb::Open { path, metadata, authority, encoding, content_subtype, .. } => {
                self.fields(metadata);
                self.text(":path", path);
                authority.iter_mut().for_each(|authority| self.text(":authority", authority));
                encoding.iter_mut().for_each(|encoding| self.text("grpc-encoding", encoding));
                content_subtype.iter_mut().for_each(|subtype| self.text("content-type", subtype));
            }
            Verb::Receive { octets, .. } | Verb::ReceiveBytes { octets, .. } => hide(octets),
            Verb::ReceiveFailure { why, .. } => self.free_text(why),
            Verb::Send { data, .. } => self.message(data),
            Verb::SendWith { data, .. } | Verb::SendCompressedWith { data, .. } => {
                data.iter_mut().for_each(|data| self.message(data));
            }
            Verb::SetEncoding { coding, .. } => self.text("grpc-encoding", coding),
            Verb::SendHead { metadata, .. } => self.fields(metadata),
            Verb::Finish { status, trailers, .. } => {
                self.status(status);
                self.fields(trailers);
            }
            Verb::SkipStreams { .. }
            | Verb::ReceiveEof { .. }
            | Verb::Transmit { .. }
            | Verb::PollEvent
            | Verb::HandleTimeout { .. }
            | Verb::Shutdown { .. }
            | Verb::Read { .. }
            | Verb::HalfClose { .. }
            | Verb::Cancel { .. }
            | Verb::Expect { .. }
            | Verb::LimitDeadline { .. }
            | Verb::Reset { .. }
            | Verb::Release { .. } => {}
        }
    }

    fn answer(&mut self, answer: &mut Answer) {
        match answer {
            Answer::Octets(octets) => hide(octets),
            Answer::Head { fields, .. } => self.fields(fields),
            Answer::Message { data, .. } => self.message(data),
            Answer::Ended { status, trailers, .. } => {
                self.status(status);
                self.fields(trailers);
            }
            // Why the connection ended may quote the peer, or be what the transport said; why a call stopped is a word of
            // ours.
            Answer::Event(event) if event.name == "closed" => {
                event.reason.iter_mut().for_each(|reason| self.free_text(reason));
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

    fn frame(&mut self, frame: &mut Frame) {
        frame.fields.iter_mut().for_each(|fields| self.fields(fields));
        if frame.kind == "UNREADABLE" {
            // Nobody knows what it is.
            frame.text = None;
        }
        frame.text.iter_mut().for_each(|text| self.free_text(text));
    }

    fn message(&self, octets: &mut Octets) {
        if self.mask.0.messages {
            hide(octets);
        }
    }

    fn status(&mut self, status: &mut Status) {
        status.message.iter_mut().for_each(|message| self.text("grpc-message", message));
        if let Some(details) = &mut status.details
            && self.mask.hides("grpc-status-details-bin")
        {
            hide(details);
        }
    }

    fn fields(&mut self, fields: &mut [Field]) {
        for field in fields {
            if field.sensitive || self.mask.hides(&field.name) {
                match &field.value {
                    Value::Value(text) => self.repeats.remember(&field.name, text.as_bytes()),
                    Value::Base64(octets) => self.repeats.remember(&field.name, octets),
                    Value::Masked(_) => {}
                }
                field.value = Value::Masked(true);
            }
        }
    }

    /// What goes under a name.
    fn text(&mut self, name: &str, text: &mut String) {
        if self.mask.hides(name) && text != HIDDEN {
            self.repeats.remember(name, text.as_bytes());
            *text = String::from(HIDDEN);
        }
    }

    /// What goes under none.
    fn free_text(&self, text: &mut String) {
        if self.mask.0.texts {
            *text = String::from(HIDDEN);
        }
    }

    /// Hides what repeats something that is hidden.
    fn clean(&self, entry: &mut Entry) {
        let hide = |text: &mut String| self.repeats.hide(text);
        let hide_fields = |fields: &mut [Field]| fields.iter_mut().for_each(|field| self.clean_field(field));
        match &mut entry.verb {
            Verb::Open { path, metadata, authority, encoding, content_subtype, .. } => {
                hide(path);
                hide_fields(metadata);
                [authority, encoding, content_subtype].into_iter().flatten().for_each(hide);
            }
            Verb::ReceiveFailure { why, .. } => hide(why),
            Verb::SetEncoding { coding, .. } => hide(coding),
            Verb::SendHead { metadata, .. } => hide_fields(metadata),
            Verb::Finish { status, trailers, .. } => {
                self.clean_status(status);
                hide_fields(trailers);
            }
            _ => {}
        }
        match &mut entry.answer {
            Answer::Head { fields, .. } => hide_fields(fields),
            Answer::Ended { status, trailers, .. } => {
                self.clean_status(status);
                hide_fields(trailers);
            }
            Answer::Event(event) => event.reason.iter_mut().for_each(hide),
            Answer::Refused(why) => hide(why),
            _ => {}
        }
        for frame in &mut entry.frames {
            frame.fields.iter_mut().for_each(|fields| hide_fields(fields));
            frame.text.iter_mut().for_each(hide);
        }
    }

    fn clean_status(&self, status: &mut Status) {
        status.message.iter_mut().for_each(|message| self.repeats.hide(message));
        if let Some(details) = &mut status.details
            && matches!(details, Octets::Plain(octets) if self.repeats.are_in(octets))
        {
            hide(details);
        }
    }

    fn clean_field(&self, field: &mut Field) {
        self.repeats.hide(&mut field.name);
        match &mut field.value {
            Value::Value(text) if self.is_in_base64(&field.name, text) => field.value = Value::Masked(true),
            Value::Value(text) => self.repeats.hide(text),
            Value::Base64(octets) if self.repeats.are_in(octets) => field.value = Value::Masked(true),
            Value::Base64(_) | Value::Masked(_) => {}
        }
    }
}

impl Masking {
    /// Whether the octets that a `-bin` field stands for have a value in them that is hidden.
    fn is_in_base64(&self, name: &str, text: &str) -> bool {
        binary::is_binary(name.as_bytes())
            && binary::values(text.as_bytes()).flatten().any(|octets| self.repeats.are_in(&octets))
    }
}

fn hide(octets: &mut Octets) {
    *octets = Octets::Masked { masked: octets.len() };
}
