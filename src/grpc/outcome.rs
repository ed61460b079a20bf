//! How a call ended, as its client must report it (G-046 to G-057, G-150 to G-153).
//!
//! A function for each way a stream can end. Two things are the caller's: a non-OK status of a server stands even
//! where the body broke off (G-061), and a CANCEL after the local deadline is DEADLINE_EXCEEDED (G-132).

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::ToString;

use super::advice::{Layer, Retry};
use super::code::Code;
use super::quote::{BODY_LIMIT, FIELD_LIMIT, quote};
use super::status::{ParsedCode, Side, Status};
use super::trailers::{GrpcStatus, TrailersParts};

/// What the end of a call depends on in its response's first header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HeadSummary {
    /// The `:status`.
    pub http_status: u16,
    /// Whether the content type was gRPC's.
    pub is_grpc: bool,
}

/// The stream ended with Trailers after Response-Headers.
///
/// A well-formed `grpc-status` is used whatever `:status` says (G-046, G-049); without one `:status` decides
/// (G-051). Response-Headers of another content type should have ended the call before, by [`not_grpc`].
///
/// ```
/// use grpc_sansio::grpc::{Code, TrailersParts, outcome};
///
/// let head = outcome::HeadSummary { http_status: 200, is_grpc: true };
/// let trailers = TrailersParts::parse([(&b"grpc-status"[..], &b"5"[..], false)]);
/// assert_eq!(outcome::from_trailers(head, &trailers).code(), Code::NotFound);
/// ```
pub fn from_trailers(head: HeadSummary, trailers: &TrailersParts<'_>) -> Status {
    if !head.is_grpc {
        return from_http(head.http_status, "response is not gRPC (G-048)");
    }
    match trailers.status {
        GrpcStatus::Known(code) => received(code, trailers),
        GrpcStatus::Missing if head.http_status == 200 => local(Code::Unknown, "missing grpc-status (G-051)"),
        GrpcStatus::Missing => from_http(head.http_status, "missing grpc-status (G-051)"),
        GrpcStatus::Malformed(value) => {
            local(Code::Unknown, format_args!("malformed grpc-status \"{}\" (G-056)", quote(value, FIELD_LIMIT)))
        }
        GrpcStatus::Conflicting => local(Code::Unknown, "conflicting grpc-status (G-057)"),
    }
}

/// The response was one header block with END_STREAM.
///
/// Where the content type is not gRPC's, only a well-formed non-OK status is believed (G-048).
pub fn from_trailers_only(head: HeadSummary, content_type: Option<&[u8]>, trailers: &TrailersParts<'_>) -> Status {
    match trailers.status {
        _ if head.is_grpc => from_trailers(head, trailers),
        GrpcStatus::Known(code) if code != ParsedCode::Known(Code::Ok) => received(code, trailers),
        _ => not_grpc(head.http_status, content_type, b""),
    }
}

/// The stream ended with DATA, without Trailers (G-052).
pub fn from_data_end(head: HeadSummary) -> Status {
    match head.http_status {
        200 => local(Code::Internal, "stream closed without trailers (G-052)"),
        status => from_http(status, "stream closed without trailers (G-052)"),
    }
}

/// The response is not gRPC's: `:status` decides, and the message quotes the content type and up to 256 octets of the
/// body, which are mostly a proxy's (G-048). Reset the stream with CANCEL.
///
/// ```
/// use grpc_sansio::grpc::{Code, outcome};
///
/// let status = outcome::not_grpc(503, Some(b"text/html"), b"<h1>down</h1>");
/// assert_eq!(status.code(), Code::Unavailable);
/// assert!(status.message().contains("<h1>down</h1>"));
/// ```
pub fn not_grpc(http_status: u16, content_type: Option<&[u8]>, body: &[u8]) -> Status {
    let content_type = content_type.unwrap_or(b"(none)");
    let rule =
        format_args!("response is not gRPC (G-048), content-type \"{}\"", quote(content_type, FIELD_LIMIT)).to_string();
    match body {
        [] => from_http(http_status, rule),
        _ => from_http(http_status, format_args!("{rule}, body \"{}\"", quote(body, BODY_LIMIT))),
    }
}

/// RST_STREAM came before the end of the response (G-150 to G-153). `head` is what came before it, if anything did.
///
/// ```
/// use grpc_sansio::grpc::{Code, outcome};
///
/// assert_eq!(outcome::from_reset(None, 0x7).code(), Code::Unavailable);
/// ```
pub fn from_reset(head: Option<HeadSummary>, error_code: u32) -> Status {
    let rule = format_args!("the server reset the stream with {}", reset_name(error_code)).to_string();
    match head {
        // NO_ERROR says nothing; an HTTP error status does (G-153).
        Some(HeadSummary { http_status, .. }) if error_code == 0 && http_status != 200 => from_http(http_status, rule),
        _ => {
            let code = Code::from_reset(error_code);
            // REFUSED_STREAM (RFC 9113 §8.7)
            let retry = if error_code == 0x7 && head.is_none() { Retry::Safe } else { code.retry() };
            Status::explained(Side::Client, Layer::Http2, code, retry, rule)
        }
    }
}

/// The status that the server sent. A foreign number is UNKNOWN and stays readable in the message (G-056).
fn received(code: ParsedCode, trailers: &TrailersParts<'_>) -> Status {
    if let (ParsedCode::Known(code), None, None) = (code, trailers.raw_message, trailers.raw_details) {
        return Status::from(code);
    }
    let message = trailers.message();
    let status = match code {
        ParsedCode::Known(code) => Status::new(code, message.into_owned()),
        ParsedCode::Foreign(number) => {
            local(Code::Unknown, format_args!("grpc-status {number}, which is no code (G-056): {message}"))
        }
    };
    status.with_details(trailers.details())
}

fn from_http(http_status: u16, rule: impl core::fmt::Display) -> Status {
    let redirect =
        if matches!(http_status, 301..=303 | 307 | 308) { ", a redirect, which gRPC does not follow" } else { "" };
    local(Code::from_http_status(http_status), format_args!("{rule} (HTTP status {http_status}{redirect})"))
}

fn local(code: Code, rule: impl core::fmt::Display) -> Status {
    Status::local(Side::Client, code, rule)
}

/// The names of RFC 9113 §7 with what a person should know; the number for any other.
fn reset_name(error_code: u32) -> Cow<'static, str> {
    Cow::Borrowed(match error_code {
        0x0 => "NO_ERROR",
        0x1 => "PROTOCOL_ERROR",
        0x2 => "INTERNAL_ERROR",
        0x3 => "FLOW_CONTROL_ERROR",
        0x4 => "SETTINGS_TIMEOUT",
        0x5 => "STREAM_CLOSED",
        0x6 => "FRAME_SIZE_ERROR",
        0x7 => "REFUSED_STREAM",
        0x8 => "CANCEL",
        0x9 => "COMPRESSION_ERROR",
        0xa => "CONNECT_ERROR",
        0xb => "ENHANCE_YOUR_CALM: bandwidth exhausted",
        0xc => "INADEQUATE_SECURITY: the transport is not secure enough",
        0xd => "HTTP_1_1_REQUIRED",
        other => return Cow::Owned(format!("the unknown error code {other:#x}")),
    })
}
