//! The messages of `google/rpc/error_details.proto` (G-335).

use super::Detail;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Duration {
    /// Whole seconds; negative for a negative duration.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds besides, of the same sign.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<core::time::Duration> for Duration {
    /// As close as it can be named: no more than `i64::MAX` seconds.
    fn from(duration: core::time::Duration) -> Self {
        Self {
            seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(duration.subsec_nanos()).unwrap_or_default(),
        }
    }
}

impl Duration {
    /// As a duration of the core library: zero for a negative one.
    pub fn to_core(self) -> core::time::Duration {
        let seconds = core::time::Duration::from_secs(u64::try_from(self.seconds).unwrap_or_default());
        let nanos = u64::try_from(self.nanos).unwrap_or_default();
        if self.seconds < 0 {
            return core::time::Duration::ZERO;
        }
        seconds.saturating_add(core::time::Duration::from_nanos(nanos))
    }
}

/// Why a call failed, for programs.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ErrorInfo {
    /// A constant in `UPPER_SNAKE_CASE`, unique within the domain.
    #[prost(string, tag = "1")]
    pub reason: String,
    /// Who defines the reason, such as `pubsub.googleapis.com`.
    #[prost(string, tag = "2")]
    pub domain: String,
    /// More about this error.
    #[prost(btree_map = "string, string", tag = "3")]
    pub metadata: BTreeMap<String, String>,
}

/// When to try again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct RetryInfo {
    /// Not before so long.
    #[prost(message, optional, tag = "1")]
    pub retry_delay: Option<Duration>,
}

impl RetryInfo {
    /// Not before so long.
    pub fn after(delay: core::time::Duration) -> Self {
        Self { retry_delay: Some(delay.into()) }
    }
}

/// What developers want to know.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct DebugInfo {
    /// The stack of the place where it failed.
    #[prost(string, repeated, tag = "1")]
    pub stack_entries: Vec<String>,
    /// Anything else.
    #[prost(string, tag = "2")]
    pub detail: String,
}

/// Which quotas were exceeded.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuotaFailure {
    /// One for each.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<QuotaViolation>,
}

/// `google.rpc.QuotaFailure.Violation`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuotaViolation {
    /// Whose quota it is, such as `clientip:192.0.2.1`.
    #[prost(string, tag = "1")]
    pub subject: String,
    /// How it was exceeded.
    #[prost(string, tag = "2")]
    pub description: String,
    /// The service whose quota it is, where that is another one.
    #[prost(string, tag = "3")]
    pub api_service: String,
    /// What is counted.
    #[prost(string, tag = "4")]
    pub quota_metric: String,
    /// The name of the quota.
    #[prost(string, tag = "5")]
    pub quota_id: String,
    /// What the quota depends on.
    #[prost(btree_map = "string, string", tag = "6")]
    pub quota_dimensions: BTreeMap<String, String>,
    /// The quota at the time.
    #[prost(int64, tag = "7")]
    pub quota_value: i64,
    /// What it is going to be.
    #[prost(int64, optional, tag = "8")]
    pub future_quota_value: Option<i64>,
}

/// What should have been true before.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct PreconditionFailure {
    /// One for each.
    #[prost(message, repeated, tag = "1")]
    pub violations: Vec<PreconditionViolation>,
}

/// `google.rpc.PreconditionFailure.Violation`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct PreconditionViolation {
    /// The kind of precondition, such as `TOS`.
    #[prost(string, tag = "1")]
    pub r#type: String,
    /// What it is about.
    #[prost(string, tag = "2")]
    pub subject: String,
    /// How it failed.
    #[prost(string, tag = "3")]
    pub description: String,
}

/// What is wrong with the request.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct BadRequest {
    /// One for each field.
    #[prost(message, repeated, tag = "1")]
    pub field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct FieldViolation {
    /// The path of the field, such as `emails[0].address`.
    #[prost(string, tag = "1")]
    pub field: String,
    /// What is wrong with it.
    #[prost(string, tag = "2")]
    pub description: String,
    /// A constant in `UPPER_SNAKE_CASE`, for programs.
    #[prost(string, tag = "3")]
    pub reason: String,
    /// For whoever filled it in.
    #[prost(message, optional, tag = "4")]
    pub localized_message: Option<LocalizedMessage>,
}

impl FieldViolation {
    /// A field, and what is wrong with it.
    pub fn new(field: impl Into<String>, description: impl Into<String>) -> Self {
        Self { field: field.into(), description: description.into(), ..Self::default() }
    }
}

/// Names the request, for whoever looks into it later.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct RequestInfo {
    /// What the service calls it.
    #[prost(string, tag = "1")]
    pub request_id: String,
    /// Anything that tells how it was served.
    #[prost(string, tag = "2")]
    pub serving_data: String,
}

/// Which resource it was about.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct ResourceInfo {
    /// Its type.
    #[prost(string, tag = "1")]
    pub resource_type: String,
    /// Its name.
    #[prost(string, tag = "2")]
    pub resource_name: String,
    /// Whose it is.
    #[prost(string, tag = "3")]
    pub owner: String,
    /// What went wrong with it.
    #[prost(string, tag = "4")]
    pub description: String,
}

/// Where to read more.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Help {
    /// One for each page.
    #[prost(message, repeated, tag = "1")]
    pub links: Vec<Link>,
}

/// `google.rpc.Help.Link`.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Link {
    /// What is there.
    #[prost(string, tag = "1")]
    pub description: String,
    /// Its address.
    #[prost(string, tag = "2")]
    pub url: String,
}

/// A message for people who use the program.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct LocalizedMessage {
    /// Its language, as in BCP 47: `fr-CH`.
    #[prost(string, tag = "1")]
    pub locale: String,
    /// The text.
    #[prost(string, tag = "2")]
    pub message: String,
}

macro_rules! details {
    ($($name:ident)*) => {
        $(impl Detail for $name {
            const NAME: &'static str = concat!("google.rpc.", stringify!($name));
        })*
    };
}

details! {
    ErrorInfo RetryInfo DebugInfo QuotaFailure PreconditionFailure BadRequest RequestInfo ResourceInfo Help
    LocalizedMessage
}
