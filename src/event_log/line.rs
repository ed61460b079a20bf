//! The lines of a log, as they stand in it.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// What the first line of every log says of itself.
pub(super) const FORMAT: &str = "grpc-sansio event log";

/// The version of the format that this crate writes, and the only one that it reads.
pub const VERSION: u32 = 1;

/// The first line: what was recorded, by whom, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// `grpc-sansio event log`.
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The version of the crate that wrote it.
    pub library: String,
    /// `client` or `server`: whose end of the connection this is.
    pub role: Role,
    /// When the connection began, in nanoseconds on its own clock.
    pub at: u64,
    /// What is hidden; a complete log has none of this, and replays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub masked: Option<Masked>,
    /// What was wrong with the log that this one is a masked copy of: the first few faults, each with its line there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// The config of the connection, seed included where the log is complete.
    pub config: serde_json::Value,
}

/// Which end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the two roles")]
pub enum Role {
    Client,
    Server,
}

/// What a masked log hides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Masked {
    /// Fields whose values are hidden.
    pub names: Vec<String>,
    /// Values of fields whose names end in `-bin` are hidden too.
    pub binary: bool,
    /// Messages are hidden too.
    pub messages: bool,
    /// Texts are hidden too: those of statuses, of GOAWAY, and of reasons why a connection ended.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub texts: bool,
}

/// One verb: its arguments, its answer, the frames that went through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its place in the log, from 1: a line that is missing shows. As editors count it is in the line behind that number,
    /// since the first line has none.
    pub n: u64,
    /// What was asked.
    #[serde(flatten)]
    pub verb: Verb,
    /// What it came to.
    #[serde(default, skip_serializing_if = "Answer::is_done")]
    pub answer: Answer,
    /// The frames that ended in the octets of this verb. They follow from the octets, which a masked log does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
    /// When the connection wants to be called again, where that has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer: Option<Timer>,
    /// What that is for. Logs of earlier builds do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
}

/// What a timer is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Due {
    /// The limit as the config calls it, such as `keepalive_time` or `idle_trim`; `deadline` of a call; `shutdown` by a
    /// date; `rejected_request`, which is still coming in; `outdated`, whose reason is over.
    pub what: String,
    /// The call that it is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
}

/// When the connection wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timer {
    /// In nanoseconds, on its own clock.
    At(u64),
    /// Not until something is received or said.
    Off,
}

/// A verb with its arguments: those of [`Connection`](crate::Connection) and [`Call`](crate::Call) that may change
/// something. `at` is the time given, in nanoseconds; `call` is [`CallId::number`](crate::CallId::number).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the verb of its name, with its arguments")]
#[non_exhaustive]
pub enum Verb {
    Open {
        at: u64,
        path: String,
        kind: Kind,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        metadata: Vec<Field>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoding: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_subtype: Option<String>,
        #[serde(default, skip_serializing_if = "is_zero")]
        previous_attempts: u8,
    },
    SkipStreams {
        next: u32,
    },
    Receive {
        at: u64,
        octets: Octets,
    },
    ReceiveBytes {
        at: u64,
        octets: Octets,
    },
    ReceiveEof {
        at: u64,
    },
    ReceiveFailure {
        at: u64,
        why: String,
    },
    Transmit {
        at: u64,
        target: u64,
        waiting: u64,
    },
    PollEvent,
    HandleTimeout {
        at: u64,
    },
    Shutdown {
        at: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<u64>,
    },
    Read {
        call: u32,
    },
    Send {
        call: u32,
        data: Octets,
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        compressed: bool,
    },
    /// `data` is what was written; nothing where it was refused before.
    SendWith {
        call: u32,
        size_hint: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Octets>,
    },
    SendCompressedWith {
        call: u32,
        size_hint: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<Octets>,
    },
    HalfClose {
        call: u32,
    },
    Cancel {
        call: u32,
    },
    Expect {
        call: u32,
        kind: Kind,
    },
    LimitDeadline {
        call: u32,
        by: u64,
    },
    SetEncoding {
        call: u32,
        coding: String,
    },
    SendHead {
        call: u32,
        metadata: Vec<Field>,
    },
    Finish {
        call: u32,
        status: Status,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trailers: Vec<Field>,
    },
    Reset {
        call: u32,
        code: u32,
    },
    Release {
        call: u32,
    },
}

impl Verb {
    /// Its name, as it stands in the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::SkipStreams { .. } => "skip_streams",
            Self::Receive { .. } => "receive",
            Self::ReceiveBytes { .. } => "receive_bytes",
            Self::ReceiveEof { .. } => "receive_eof",
            Self::ReceiveFailure { .. } => "receive_failure",
            Self::Transmit { .. } => "transmit",
            Self::PollEvent => "poll_event",
            Self::HandleTimeout { .. } => "handle_timeout",
            Self::Shutdown { .. } => "shutdown",
            Self::Read { .. } => "read",
            Self::Send { .. } => "send",
            Self::SendWith { .. } => "send_with",
            Self::SendCompressedWith { .. } => "send_compressed_with",
            Self::HalfClose { .. } => "half_close",
            Self::Cancel { .. } => "cancel",
            Self::Expect { .. } => "expect",
            Self::LimitDeadline { .. } => "limit_deadline",
            Self::SetEncoding { .. } => "set_encoding",
            Self::SendHead { .. } => "send_head",
            Self::Finish { .. } => "finish",
            Self::Reset { .. } => "reset",
            Self::Release { .. } => "release",
        }
    }

    /// The call that it is said on.
    pub const fn call(&self) -> Option<u32> {
        match self {
            Self::Read { call }
            | Self::Send { call, .. }
            | Self::SendWith { call, .. }
            | Self::SendCompressedWith { call, .. }
            | Self::HalfClose { call }
            | Self::Cancel { call }
            | Self::Expect { call, .. }
            | Self::LimitDeadline { call, .. }
            | Self::SetEncoding { call, .. }
            | Self::SendHead { call, .. }
            | Self::Finish { call, .. }
            | Self::Reset { call, .. }
            | Self::Release { call } => Some(*call),
            _ => None,
        }
    }

    /// The time that it brings, in nanoseconds.
    pub const fn at(&self) -> Option<u64> {
        match self {
            Self::Open { at, .. }
            | Self::Receive { at, .. }
            | Self::ReceiveBytes { at, .. }
            | Self::ReceiveEof { at }
            | Self::ReceiveFailure { at, .. }
            | Self::Transmit { at, .. }
            | Self::HandleTimeout { at }
            | Self::Shutdown { at, .. } => Some(*at),
            _ => None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// [`grpc::Kind`](crate::grpc::Kind).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the four kinds")]
pub enum Kind {
    Unary,
    ClientStreaming,
    ServerStreaming,
    BidiStreaming,
}

/// What a verb came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Answer {
    /// It was done, and there is nothing to say about it.
    #[default]
    Done,
    /// No event, or no item.
    Nothing,
    /// The program panicked in the middle of it.
    BrokeOff,
    /// A call was opened.
    Call(u32),
    /// It was refused, with this reason, and changed nothing.
    Refused(String),
    /// An event.
    Event(Event),
    /// What `transmit` added to its output.
    Octets(Octets),
    /// The peer's head: all its fields.
    Head {
        /// As they came.
        fields: Vec<Field>,
        /// Of a request, in nanoseconds on this connection's clock.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        deadline: Option<u64>,
    },
    /// A message.
    Message {
        /// Its octets.
        data: Octets,
        /// The compressed flag.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        compressed: bool,
    },
    /// The client has half-closed.
    HalfClosed,
    /// How a client's call ended.
    Ended {
        /// With what.
        status: Status,
        /// Who said so: `local`, `peer`, `transport`, `application`.
        origin: String,
        /// The server processed none of it.
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        unprocessed: bool,
        /// All fields of the trailers, as they came.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        trailers: Vec<Field>,
    },
}

impl Answer {
    pub(super) fn is_done(&self) -> bool {
        *self == Self::Done
    }
}

/// An event: its name, the call that it is about, and its reasons.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// As `readable`.
    pub name: String,
    /// The call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// Its stream, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
    /// Why a call stopped, or the connection ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Status {
    /// Its number.
    pub code: u8,
    /// `grpc-message`, decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `grpc-status-details-bin`, decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Octets>,
}

/// A field of a header list, or an entry of metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Field {
    /// Escaped where it is not ASCII.
    pub name: String,
    /// As it stands on the wire.
    #[serde(flatten)]
    pub value: Value,
    /// Marked as never to be indexed (RFC 7541 §6.2.3).
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub sensitive: bool,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// Text.
    Value(String),
    /// Any octets.
    Base64(#[serde(with = "super::octets")] Vec<u8>),
    /// Hidden.
    Masked(bool),
}

/// Octets: base64 in the log, or their number where they are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum Octets {
    /// What they are.
    Plain(#[serde(with = "super::octets")] Vec<u8>),
    /// How many they are.
    Masked {
        /// So many.
        masked: u64,
    },
}

impl Octets {
    /// How many there are.
    pub fn len(&self) -> u64 {
        match self {
            Self::Plain(octets) => octets.len() as u64,
            Self::Masked { masked } => *masked,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A frame of HTTP/2 (RFC 9113 §4.1), without the octets of its payload.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Frame {
    /// Its name as in RFC 9113, a number for others, `PREFACE`, or `UNREADABLE` for what is none.
    pub kind: String,
    /// Its stream; 0 is the connection.
    pub stream: u32,
    /// Octets of its payload.
    pub length: u32,
    /// Its flags.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u8,
    /// The header list that it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<Field>>,
    /// Settings by name, or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Vec<(String, u32)>>,
    /// The error code of RST_STREAM and GOAWAY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The last stream of a GOAWAY, the increment of a WINDOW_UPDATE, the stream that a PUSH_PROMISE promises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u32>,
    /// The octets of a PING, the debug data of a GOAWAY, what is no frame: escaped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What is wrong with it. The octets behind a frame that cannot be read are not cut into frames.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wrong: Option<String>,
}

/// The last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LastLine {
    /// Its place in the log.
    pub n: u64,
    /// Why nothing follows.
    pub end: End,
}

/// Why nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The connection was dropped.
    Dropped,
    /// The next line would have been beyond the limit of so many octets.
    Full(u64),
}
