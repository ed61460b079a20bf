//! The wire of gRPC: a function for each requirement, named by its number, and properties with a named invariant.

use grpc_sansio::grpc::{Codings, Field, RequestParts, RequestRules};

#[path = "grpc_wire/messages.rs"]
mod messages;
#[path = "grpc_wire/metadata.rs"]
mod metadata;
#[path = "grpc_wire/properties.rs"]
mod properties;
#[path = "grpc_wire/request.rs"]
mod request;
#[path = "grpc_wire/response.rs"]
mod response;
#[path = "grpc_wire/status.rs"]
mod status;
#[path = "grpc_wire/timeouts.rs"]
mod timeouts;

/// A field that is not secret.
fn field<'a>(name: &'a str, value: &'a str) -> Field<'a> {
    (name.as_bytes(), value.as_bytes(), false)
}

/// A good request, with `changes` made to it: a value replaces the field or adds it, `None` takes it away.
fn request<'a>(changes: &[(&'a str, Option<&'a str>)]) -> Vec<Field<'a>> {
    let mut fields = vec![
        field(":method", "POST"),
        field(":scheme", "http"),
        field(":path", "/a.B/C"),
        field(":authority", "host"),
        field("te", "trailers"),
        field("content-type", "application/grpc"),
    ];
    for &(name, value) in changes {
        fields.retain(|field| field.0 != name.as_bytes());
        fields.extend(value.map(|value| field(name, value)));
    }
    fields
}

/// What a server that can decode gzip makes of a request: its parts, or (HTTP status, code, message).
fn judge<'a>(fields: &[Field<'a>]) -> Result<RequestParts<'a>, (u16, u8, String)> {
    let codings = Codings::new(["gzip"]).unwrap();
    RequestParts::parse(fields.iter().copied(), &RequestRules::new(&codings)).map_err(|rejection| {
        (rejection.http_status(), rejection.status().code().as_u8(), rejection.status().message().to_owned())
    })
}
