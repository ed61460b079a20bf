//! The wire of gRPC, without any state: what a call's header fields and octets mean.
//!
//! Nothing here knows HTTP/2: fields come and go as `(name, value, sensitive)` tuples and bodies as octets, so this
//! layer serves on top of any HTTP/2 stack. Numbers such as G-056 name the clauses in the conformance list.
//!
//! | to | use |
//! |---|---|
//! | write a request's fields | [`RequestHead`] |
//! | read them | [`RequestParts::parse`], which refuses with a [`Rejection`] |
//! | write a response's fields | [`ResponseHead`], [`Trailers`] |
//! | read them | [`ResponseParts::parse`], [`TrailersParts::parse`] |
//! | tell how a call ended | [`outcome`] |
//! | frame messages | [`message`] |
//! | carry metadata | [`Metadata`], [`MetadataView`] |
//!
//! ```
//! use grpc_sansio::grpc::{Codings, Metadata, MetadataView, Path, RequestHead, RequestParts, RequestRules};
//! use grpc_sansio::grpc::{Code, ResponseHead, ResponseParts, Status, Trailers, TrailersParts, outcome};
//!
//! // A client's request, as its HTTP/2 stack sends it and the server's hands it over.
//! let mut metadata = Metadata::new();
//! metadata.append("tenant", "blue")?;
//! let mut request = RequestHead::new(Path::parse(b"/book.v1.Library/Get")?);
//! request.metadata = &metadata;
//!
//! let codings = Codings::default();
//! let parts = RequestParts::parse(request.fields(), &RequestRules::new(&codings))?;
//! assert_eq!(parts.path.method(), "Get");
//! assert_eq!(MetadataView::new(request.fields()).get("tenant"), Some("blue"));
//!
//! // The server's answer, and what its client makes of it.
//! let none = Metadata::new();
//! let head = ResponseHead::new(parts.content_type.as_str(), &none);
//! let (status, mut scratch) = (Status::new(Code::NotFound, "no such book"), Vec::new());
//! let trailers = Trailers::new(&status, &none, &mut scratch);
//!
//! let summary = ResponseParts::parse(head.fields())?.summary();
//! assert_eq!(outcome::from_trailers(summary, &TrailersParts::parse(trailers.fields())), status);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod advice;
mod code;
mod field;
mod metadata;
mod quote;
mod rejection;
mod request;
mod response;
mod trailers;

pub mod binary;
pub mod content_type;
pub mod encoding;
#[cfg(feature = "http")]
pub mod http;
pub mod message;
pub mod outcome;
pub mod path;
pub mod percent;
pub mod reserved;
pub mod status;
pub mod timeout;
mod trace_context;
pub mod user_agent;

pub use advice::Retry;
pub use code::{CARDINALITY_VIOLATION, Code};
pub use content_type::ContentType;
pub use encoding::{AcceptEncoding, Codings};
pub use field::{FIELD_OVERHEAD, Field, list_size};
pub use message::{Message, MessageReader};
pub use metadata::{Entries, Entry, IntoKey, Key, Metadata, MetadataError, MetadataView, Visible};
pub use path::{Kind, Method, Path, PathError};
pub use rejection::{Rejection, RejectionReason};
pub(crate) use request::UsualRequest;
pub use request::{RequestHead, RequestParts, RequestRules, Scheme};
pub use reserved::Block;
pub use response::{ResponseHead, ResponseParts};
pub(crate) use status::Told;
pub use status::{Side, Status};

pub(crate) use advice::Layer;
pub use timeout::Timeout;
pub use trace_context::{TRACEPARENT, TRACESTATE, TraceContext};
pub use trailers::{GrpcStatus, Trailers, TrailersParts};
