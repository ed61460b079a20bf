//! Rich error details: `google.rpc.Status` in `grpc-status-details-bin`, and the messages that it usually carries (G-329 to
//! G-336).
//!
//! ```
//! use grpc_sansio::grpc::Code;
//! use grpc_sansio::services::details::{BadRequest, Details, FieldViolation, LocalizedMessage};
//!
//! // A server's handler refuses a call with this status.
//! let violation = FieldViolation::new("title", "must not be empty");
//! let status = Details::new()
//!     .with(&BadRequest { field_violations: vec![violation] })
//!     .with(&LocalizedMessage { locale: "de-CH".into(), message: "Bitte einen Titel angeben.".into() })
//!     .into_status(Code::InvalidArgument, "the book has no title");
//!
//! // Its client reads them from the status of the outcome.
//! let details = Details::of(&status)?;
//! let bad = details.get::<BadRequest>().expect("there is one")?;
//! assert_eq!(bad.field_violations[0].field, "title");
//! # Ok::<(), prost::DecodeError>(())
//! ```

mod types;

pub use types::{
    BadRequest, DebugInfo, Duration, ErrorInfo, FieldViolation, Help, Link, LocalizedMessage, PreconditionFailure,
    PreconditionViolation, QuotaFailure, QuotaViolation, RequestInfo, ResourceInfo, RetryInfo,
};

use crate::grpc::{Code, Status};
use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bytes::Bytes;
use prost::{DecodeError, Message};

/// What stands before the name of a message in a type URL (G-334).
const TYPE_URL: &str = "type.googleapis.com/";

/// A message that can be a detail: one of the standard ones, or one of one's own.
pub trait Detail: Message + Default {
    /// Its full name, such as `google.rpc.BadRequest`.
    const NAME: &'static str;
}

/// `google.protobuf.Any`: a message of any type.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Any {
    /// Ends with `/` and the full name of the type.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

impl Any {
    /// The full name of the type: the type URL behind its last slash (G-334).
    pub fn name(&self) -> &str {
        self.type_url.rsplit('/').next().unwrap_or_default()
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// The details of a status, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    all: Vec<Any>,
    code: Option<i32>,
}

impl Details {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more.
    pub fn with<D: Detail>(self, detail: &D) -> Self {
        self.with_any(Any { type_url: format!("{TYPE_URL}{}", D::NAME), value: detail.encode_to_vec().into() })
    }

    /// With one more, of a type that need not be known here.
    pub fn with_any(mut self, detail: Any) -> Self {
        self.all.push(detail);
        self
    }

    /// A status with these details, whose code and message they repeat (G-331). OK has none (G-332).
    ///
    /// They count to the trailers' size: where a client does not accept as much, they are the first to be left out (G-333).
    pub fn into_status(self, code: Code, message: impl Into<Cow<'static, str>>) -> Status {
        let status = Status::new(code, message);
        if status.is_ok() || self.all.is_empty() {
            return status;
        }
        let (code, message) = (code.as_u8().into(), status.message().to_owned());
        let octets = RpcStatus { code, message, details: self.all }.encode_to_vec();
        status.with_details(octets)
    }

    /// The details of a status; none where it has none. Its code and message count, whatever the details say (G-330):
    /// [`Details::code`] tells what that is.
    ///
    /// # Errors
    ///
    /// Where they are no `google.rpc.Status`: [`Status::details`] still has their octets.
    pub fn of(status: &Status) -> Result<Self, DecodeError> {
        if status.details().is_empty() {
            return Ok(Self::new());
        }
        let RpcStatus { code, details, .. } = RpcStatus::decode(status.details().clone())?;
        Ok(Self { all: details, code: Some(code) })
    }

    /// The code that received details name; it should be the status's.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// The first detail of this type, if there is one.
    ///
    /// # Errors
    ///
    /// Where it names the type, and is none.
    pub fn get<D: Detail>(&self) -> Option<Result<D, DecodeError>> {
        self.get_all().next()
    }

    /// All details of this type.
    pub fn get_all<D: Detail>(&self) -> impl Iterator<Item = Result<D, DecodeError>> + '_ {
        self.all.iter().filter(|any| any.name() == D::NAME).map(|any| D::decode(any.value.clone()))
    }

    /// All of them as they are, those of unknown types too (G-336).
    pub fn iter(&self) -> impl Iterator<Item = &Any> {
        self.all.iter()
    }
}
