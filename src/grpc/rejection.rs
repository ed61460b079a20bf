//! The answers to requests that never reach the application.

use alloc::vec::Vec;
use core::fmt;

use super::advice::{Layer, Retry};
use super::code::Code;
use super::content_type::GRPC;
use super::encoding::Codings;
use super::field::{Field, plain};
use super::percent;
use super::quote::{FIELD_LIMIT, quote};
use super::status::{Side, Status};

/// Why a request is refused, in the order of the checks (G-029).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RejectionReason {
    /// `content-type` is absent or not gRPC's: 415 (G-018).
    ContentType,
    /// `content-type` came twice with different values: INTERNAL (G-057).
    ConflictingContentType,
    /// `:method` is not POST: 405 (G-020).
    Method,
    /// `:scheme` is neither `http` nor `https`: 400 (G-024).
    Scheme,
    /// `:authority` or `host` came twice, or they contradict each other: 400 (G-027).
    Authority,
    /// `te: trailers` is missing and required: 400 (G-025).
    MissingTe,
    /// The header list is over the limit: 431 (G-032).
    HeaderListTooLarge,
    /// `grpc-timeout` cannot be read: INTERNAL (G-126).
    MalformedTimeout,
    /// `grpc-timeout` came twice with different values: INTERNAL (G-128).
    ConflictingTimeout,
    /// `grpc-timeout` is zero: DEADLINE_EXCEEDED (G-127).
    Expired,
    /// `grpc-encoding` came twice with different values: INTERNAL (G-057).
    ConflictingEncoding,
    /// `grpc-encoding` names a coding that this server cannot decode: UNIMPLEMENTED (G-094).
    UnsupportedEncoding,
    /// `:path` has no leading slash or is no path at all: UNIMPLEMENTED (G-022).
    MalformedPath,
}

impl RejectionReason {
    /// The `:status` of the answer; 200 is Trailers-Only.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::ContentType => 415,
            Self::Method => 405,
            Self::Scheme | Self::Authority | Self::MissingTe => 400,
            Self::HeaderListTooLarge => 431,
            _ => 200,
        }
    }

    /// The code of the answer.
    pub const fn code(self) -> Code {
        match self {
            Self::HeaderListTooLarge => Code::ResourceExhausted,
            Self::Expired => Code::DeadlineExceeded,
            Self::UnsupportedEncoding | Self::MalformedPath => Code::Unimplemented,
            _ => Code::Internal,
        }
    }

    /// The rule that was broken, in at most 24 octets where it becomes a body.
    const fn rule(self) -> &'static str {
        match self {
            Self::ContentType => "not a gRPC content-type",
            Self::ConflictingContentType => "conflicting content-type",
            Self::Method => "method must be POST",
            Self::Scheme => "scheme must be http or https",
            Self::Authority => "repeated or contradicting authority",
            Self::MissingTe => "missing te: trailers",
            Self::HeaderListTooLarge => "request header list over the limit",
            Self::MalformedTimeout => "malformed grpc-timeout",
            Self::ConflictingTimeout => "conflicting grpc-timeout",
            Self::Expired => "deadline already exceeded on arrival",
            Self::ConflictingEncoding => "conflicting grpc-encoding",
            Self::UnsupportedEncoding => "unsupported grpc-encoding",
            Self::MalformedPath => "malformed method name",
        }
    }

    /// Where the rule stands; the limit, where it is one.
    const fn clause(self) -> &'static str {
        match self {
            Self::ContentType => "G-018",
            Self::ConflictingContentType | Self::ConflictingEncoding => "G-057",
            Self::Method => "G-020",
            Self::Scheme => "G-024",
            Self::Authority => "G-027",
            Self::MissingTe => "G-025",
            Self::HeaderListTooLarge => "max_header_list, G-032",
            Self::MalformedTimeout => "G-126",
            Self::ConflictingTimeout => "G-128",
            Self::Expired => "G-127",
            Self::UnsupportedEncoding => "G-094",
            Self::MalformedPath => "G-022",
        }
    }

    /// Nothing of the request was processed; but the same request is refused again, unless it only came too late.
    const fn retry(self) -> Retry {
        match self {
            Self::Expired => Retry::Safe,
            _ => Retry::Useless,
        }
    }
}

/// The answer to a request that never reaches the application: its status, its fields, and for 405 and 415 a body.
///
/// ```
/// use grpc_sansio::grpc::{Codings, RequestParts, RequestRules};
///
/// let codings = Codings::default();
/// let curl = [(&b":method"[..], &b"GET"[..], false)];
/// let rejection = RequestParts::parse(curl, &RequestRules::new(&codings)).unwrap_err();
/// assert_eq!(rejection.http_status(), 415);
/// assert_eq!(rejection.body(true), Some("not a gRPC content-type"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status}")]
pub struct Rejection {
    reason: RejectionReason,
    status: Status,
    supported: Option<Codings>,
}

impl Rejection {
    /// A rejection that quotes `value`, an octet string of the peer, unless it is empty.
    pub fn new(reason: RejectionReason, value: &[u8]) -> Self {
        Self { reason, status: refuse(reason, value, ""), supported: None }
    }

    /// The answer to a coding that is none of `codings`, which it lists (G-063, G-094).
    pub(super) fn unsupported(value: &[u8], codings: &Codings) -> Self {
        let reason = RejectionReason::UnsupportedEncoding;
        let status = refuse(reason, value, format_args!("; supported: {}", codings.as_str()));
        Self { reason, status, supported: Some(codings.clone()) }
    }

    /// Why.
    pub const fn reason(&self) -> RejectionReason {
        self.reason
    }

    /// The `:status` of the answer; 200 is Trailers-Only.
    pub const fn http_status(&self) -> u16 {
        self.reason.http_status()
    }

    /// The gRPC status of the answer.
    pub const fn status(&self) -> &Status {
        &self.status
    }

    /// The body of a 405 or 415, which people with other HTTP clients read; END_STREAM goes on it. `None` where the
    /// answer is one header block with END_STREAM.
    ///
    /// The short form is at most 24 octets, for all but the first such answer on a connection: a body must not make a
    /// server an amplifier.
    pub fn body(&self, short: bool) -> Option<&str> {
        match self.reason {
            RejectionReason::ContentType | RejectionReason::Method if short => Some(self.reason.rule()),
            RejectionReason::ContentType | RejectionReason::Method => Some(self.status.message()),
            _ => None,
        }
    }

    /// The fields of the answer. `scratch` is emptied, and holds the encoded message while they are used.
    ///
    /// ```
    /// use grpc_sansio::grpc::{Rejection, RejectionReason};
    ///
    /// let (rejection, mut scratch) = (Rejection::new(RejectionReason::Method, b"GET"), Vec::new());
    /// assert!(rejection.fields(&mut scratch).any(|field| field == (&b"allow"[..], &b"POST"[..], false)));
    /// ```
    pub fn fields<'a>(&'a self, scratch: &'a mut Vec<u8>) -> impl Iterator<Item = Field<'a>> + Clone {
        scratch.clear();
        percent::encode_into(self.status.message(), scratch);
        let (status, content_type) = match self.http_status() {
            400 => ("400", GRPC),
            405 => ("405", "text/plain"),
            415 => ("415", "text/plain"),
            431 => ("431", GRPC),
            _ => ("200", GRPC),
        };
        let supported = self.supported.as_ref().map(|codings| codings.as_str().as_bytes());
        [
            Some(plain(":status", status.as_bytes())),
            Some(plain("content-type", content_type.as_bytes())),
            (self.reason == RejectionReason::Method).then_some(plain("allow", b"POST")),
            supported.map(|codings| plain("grpc-accept-encoding", codings)),
            Some(plain("grpc-status", self.status.code().as_str_number().as_bytes())),
            Some(plain("grpc-message", scratch)),
        ]
        .into_iter()
        .flatten()
    }
}

fn refuse(reason: RejectionReason, value: &[u8], more: impl fmt::Display) -> Status {
    let (rule, clause) = (reason.rule(), reason.clause());
    let because =
        |rule: fmt::Arguments<'_>| Status::explained(Side::Server, Layer::Grpc, reason.code(), reason.retry(), rule);
    match value {
        [] => because(format_args!("{rule} ({clause}){more}")),
        _ => because(format_args!("{rule}: \"{}\" ({clause}){more}", quote(value, FIELD_LIMIT))),
    }
}
