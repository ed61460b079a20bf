//! From what passes the door to the lines of a log.

use super::line::{self, Answer, Due, Field, Kind, Octets, Status, Timer, Value, Verb};
use crate::event::Event;
use crate::grpc::{self, Metadata};
use crate::hpack::{self, Fields};
use crate::http2::Origin;
use crate::observe;
use crate::time::Instant;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl From<&observe::Verb<'_>> for Verb {
    fn from(verb: &observe::Verb<'_>) -> Self {
        use observe::Verb as From;
        match *verb {
            From::Open { now, options } => Self::Open {
                at: now.as_nanos(),
                path: options.method.path().as_str().to_string(),
                kind: options.method.kind().into(),
                metadata: entries(options.metadata),
                deadline: options.deadline.map(Instant::as_nanos),
                authority: options.authority.map(String::from),
                encoding: options.encoding.map(String::from),
                content_subtype: options.content_subtype.map(String::from),
                previous_attempts: options.previous_attempts,
            },
            #[cfg(feature = "testing")]
            From::SkipStreams { next } => Self::SkipStreams { next },
            From::Receive { now, octets } => Self::Receive { at: now.as_nanos(), octets: plain(octets) },
            From::ReceiveBytes { now, octets } => Self::ReceiveBytes { at: now.as_nanos(), octets: plain(octets) },
            From::ReceiveEof { now } => Self::ReceiveEof { at: now.as_nanos() },
            From::ReceiveFailure { now, why } => Self::ReceiveFailure { at: now.as_nanos(), why: String::from(why) },
            From::Transmit { now, target, waiting } => {
                Self::Transmit { at: now.as_nanos(), target: target as u64, waiting: waiting as u64 }
            }
            From::PollEvent => Self::PollEvent,
            From::HandleTimeout { now } => Self::HandleTimeout { at: now.as_nanos() },
            From::Shutdown { now, by } => Self::Shutdown { at: now.as_nanos(), by: by.map(Instant::as_nanos) },
            From::Read { call } => Self::Read { call: call.number() },
            From::Send { call, message } => {
                Self::Send { call: call.number(), data: plain(&message.data), compressed: message.compressed }
            }
            From::SendWith { call, size_hint } => {
                Self::SendWith { call: call.number(), size_hint: size_hint as u64, data: None }
            }
            From::SendCompressedWith { call, size_hint } => {
                Self::SendCompressedWith { call: call.number(), size_hint: size_hint as u64, data: None }
            }
            From::HalfClose { call } => Self::HalfClose { call: call.number() },
            From::Cancel { call } => Self::Cancel { call: call.number() },
            From::Expect { call, kind } => Self::Expect { call: call.number(), kind: kind.into() },
            From::LimitDeadline { call, deadline } => {
                Self::LimitDeadline { call: call.number(), by: deadline.as_nanos() }
            }
            From::SetEncoding { call, coding } => {
                Self::SetEncoding { call: call.number(), coding: String::from(coding) }
            }
            From::SendHead { call, metadata } => Self::SendHead { call: call.number(), metadata: entries(metadata) },
            From::Finish { call, status, trailers } => {
                Self::Finish { call: call.number(), status: status.into(), trailers: entries(trailers) }
            }
            From::Reset { call, code } => Self::Reset { call: call.number(), code: code.0 },
            From::Release { call } => Self::Release { call: call.number() },
        }
    }
}

impl From<&observe::Answer<'_>> for Answer {
    fn from(answer: &observe::Answer<'_>) -> Self {
        use observe::Answer as From;
        match *answer {
            From::Done => Self::Done,
            From::Nothing => Self::Nothing,
            From::Opened(id) => Self::Call(id.number()),
            From::Refused(why) => Self::Refused(why.to_string()),
            From::Event { event, stream, stop, error } => {
                let reason = stop.map(String::from).or_else(|| error.map(ToString::to_string));
                let (name, call) = match event {
                    Event::Ready => ("ready", None),
                    Event::Opened(id) => ("opened", Some(id)),
                    Event::Readable(id) => ("readable", Some(id)),
                    Event::Writable(id) => ("writable", Some(id)),
                    Event::Stopped(id) => ("stopped", Some(id)),
                    Event::Available => ("available", None),
                    Event::Draining => ("draining", None),
                    Event::TooManyPings => ("too_many_pings", None),
                    Event::WindowExhausted => ("window_exhausted", None),
                    Event::Closed => ("closed", None),
                };
                Self::Event(line::Event {
                    name: name.to_string(),
                    call: call.map(crate::CallId::number),
                    stream,
                    reason,
                })
            }
            From::Output { output, from } => Self::Octets(Octets::Plain(output.copy_from(from))),
            From::Head { fields, deadline } => {
                Self::Head { fields: list(fields), deadline: deadline.map(Instant::as_nanos) }
            }
            From::Message { data, compressed } => Self::Message { data: plain(data), compressed },
            From::HalfClosed => Self::HalfClosed,
            From::Ended { status, origin, unprocessed, trailers } => Self::Ended {
                status: status.into(),
                origin: origin_name(origin).to_string(),
                unprocessed,
                trailers: list(trailers),
            },
        }
    }
}

pub(super) fn plain(octets: &[u8]) -> Octets {
    Octets::Plain(octets.to_vec())
}

/// Who ended something.
fn origin_name(origin: Origin) -> &'static str {
    match origin {
        Origin::Local => "local",
        Origin::Peer => "peer",
        Origin::Transport => "transport",
        Origin::Application => "application",
    }
}

impl From<Option<observe::Timer>> for Timer {
    fn from(timer: Option<observe::Timer>) -> Self {
        timer.map_or(Self::Off, |timer| Self::At(timer.at.as_nanos()))
    }
}

impl From<observe::Timer> for Due {
    fn from(timer: observe::Timer) -> Self {
        Self { what: timer.what.to_string(), call: timer.call.map(crate::CallId::number) }
    }
}

impl From<&grpc::Status> for Status {
    fn from(status: &grpc::Status) -> Self {
        Self {
            code: status.code().as_u8(),
            message: Some(status.message()).filter(|message| !message.is_empty()).map(String::from),
            details: Some(status.details()).filter(|details| !details.is_empty()).map(|details| plain(details)),
        }
    }
}

impl From<grpc::Kind> for Kind {
    fn from(kind: grpc::Kind) -> Self {
        match kind {
            grpc::Kind::Unary => Self::Unary,
            grpc::Kind::ClientStreaming => Self::ClientStreaming,
            grpc::Kind::ServerStreaming => Self::ServerStreaming,
            grpc::Kind::BidiStreaming => Self::BidiStreaming,
        }
    }
}

impl From<Kind> for grpc::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Unary => Self::Unary,
            Kind::ClientStreaming => Self::ClientStreaming,
            Kind::ServerStreaming => Self::ServerStreaming,
            Kind::BidiStreaming => Self::BidiStreaming,
        }
    }
}

pub(super) fn field(field: hpack::Field<'_>) -> Field {
    let name = field.name.escape_ascii().to_string();
    let value = match core::str::from_utf8(field.value) {
        Ok(text) if !text.bytes().any(|octet| octet.is_ascii_control()) => Value::Value(String::from(text)),
        _ => Value::Base64(field.value.to_vec()),
    };
    Field { name, value, sensitive: field.sensitive }
}

pub(super) fn list(fields: Fields<'_>) -> Vec<Field> {
    fields.map(field).collect()
}

fn entries(metadata: &Metadata) -> Vec<Field> {
    let field_of = |entry: grpc::Entry<'_>| {
        let (name, value, sensitive) = entry.field();
        field(hpack::Field { sensitive, ..hpack::Field::new(name, value) })
    };
    metadata.iter().map(field_of).collect()
}
