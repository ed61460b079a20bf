//! Conversions to and from the types of the `http` crate, for use on top of a stack that speaks in them.
//!
//! [`fields`] turns a [`HeaderMap`] into what every parser of this layer takes; [`header_map`] turns what every head
//! gives into a `HeaderMap`.

use ::http::header::{HeaderMap, HeaderName, HeaderValue};
use ::http::{Method, Request, Response, StatusCode, Uri, Version, request, response};

use super::code::Code;
use super::field::{Field, plain};
use super::metadata::{Metadata, MetadataError};
use super::rejection::Rejection;
use super::request::{RequestHead, RequestParts, RequestRules};
use super::reserved::{Visibility, is_key, visibility};
use super::response::{ResponseHead, ResponseParts};
use super::status::Status;

/// Why something of this layer has no place in the `http` crate's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ConversionError {
    /// A name or value has an octet that the `http` crate refuses.
    #[error("a header field has an octet that the http crate refuses")]
    InvalidField,
    /// The authority or the path is no part of a `Uri`.
    #[error("the authority or the path is no part of a Uri")]
    InvalidUri,
    /// There are more fields than a `HeaderMap` holds.
    #[error("more fields than a HeaderMap holds")]
    TooManyFields,
}

impl From<StatusCode> for Code {
    fn from(status: StatusCode) -> Self {
        Self::from_http_status(status.as_u16())
    }
}

/// The fields of a `HeaderMap`, for the parsers of this layer.
///
/// ```
/// use grpc_sansio::grpc::{Metadata, TrailersParts, http::fields};
///
/// let mut trailers = http::HeaderMap::new();
/// trailers.insert("grpc-status", "0".parse()?);
/// trailers.insert("x-cost", "3".parse()?);
/// assert_eq!(Metadata::from_received(fields(&trailers)).get("x-cost"), Some("3"));
/// assert_eq!(TrailersParts::parse(fields(&trailers)).message(), "");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
pub fn fields(headers: &HeaderMap) -> impl Iterator<Item = Field<'_>> {
    headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes(), value.is_sensitive()))
}

/// Collects fields into a `HeaderMap`, leaving out pseudo-headers, which have their own places.
///
/// # Errors
///
/// [`ConversionError`] where the map cannot hold a field.
///
/// ```
/// use grpc_sansio::grpc::{Metadata, Status, Trailers, http::header_map};
///
/// let (status, metadata, mut scratch) = (Status::ok(), Metadata::new(), Vec::new());
/// let trailers = header_map(Trailers::new(&status, &metadata, &mut scratch).fields())?;
/// assert_eq!(trailers["grpc-status"], "0");
/// # Ok::<(), grpc_sansio::grpc::http::ConversionError>(())
/// ```
pub fn header_map<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> Result<HeaderMap, ConversionError> {
    let mut headers = HeaderMap::new();
    for (name, value, sensitive) in fields {
        if name.first() == Some(&b':') {
            continue;
        }
        let name = HeaderName::from_bytes(name).map_err(|_| ConversionError::InvalidField)?;
        let mut value = HeaderValue::from_bytes(value).map_err(|_| ConversionError::InvalidField)?;
        value.set_sensitive(sensitive);
        headers.try_append(name, value).map_err(|_| ConversionError::TooManyFields)?;
    }
    Ok(headers)
}

impl TryFrom<&Metadata> for HeaderMap {
    type Error = ConversionError;

    fn try_from(metadata: &Metadata) -> Result<Self, ConversionError> {
        header_map(metadata.iter().map(|entry| entry.field()))
    }
}

impl TryFrom<&HeaderMap> for Metadata {
    type Error = MetadataError;

    /// Takes every header over, and fails at the first that is not metadata. To leave those out instead, use
    /// [`Metadata::from_received`] on [`fields`].
    fn try_from(headers: &HeaderMap) -> Result<Self, MetadataError> {
        for (name, value, _) in fields(headers) {
            match visibility(name, value) {
                Visibility::Shown => {}
                Visibility::Hidden => return Err(MetadataError::Reserved),
                Visibility::Dropped if is_key(name) => return Err(MetadataError::InvalidValue),
                Visibility::Dropped => return Err(MetadataError::InvalidKey),
            }
        }
        Ok(Self::from_received(fields(headers)))
    }
}

/// A request of the `http` crate with that head: POST, HTTP/2, and a `Uri` of scheme, authority and path. Without an
/// authority the `Uri` is the path alone.
///
/// # Errors
///
/// [`ConversionError`] where a part cannot be expressed.
///
/// ```
/// use grpc_sansio::grpc::{Path, RequestHead, http::request_parts};
///
/// let mut head = RequestHead::new(Path::parse(b"/book.v1.Library/Get").unwrap());
/// head.authority = Some("books.example");
/// let parts = request_parts(&head)?;
/// assert_eq!(parts.uri, "http://books.example/book.v1.Library/Get");
/// assert_eq!(parts.headers["te"], "trailers");
/// # Ok::<(), grpc_sansio::grpc::http::ConversionError>(())
/// ```
pub fn request_parts(head: &RequestHead<'_>) -> Result<request::Parts, ConversionError> {
    let uri = match head.authority {
        Some(authority) => Uri::builder().scheme(head.scheme.as_str()).authority(authority),
        None => Uri::builder(),
    };
    let mut request = Request::new(());
    *request.method_mut() = Method::POST;
    *request.version_mut() = Version::HTTP_2;
    *request.uri_mut() = uri.path_and_query(head.path.as_str()).build().map_err(|_| ConversionError::InvalidUri)?;
    *request.headers_mut() = header_map(head.fields())?;
    Ok(request.into_parts().0)
}

/// Reads a request of the `http` crate, as [`RequestParts::parse`] does. A `Uri` without a scheme counts as `http`.
///
/// # Errors
///
/// [`Rejection`]: the answer to give.
pub fn parse_request<'a>(parts: &'a request::Parts, rules: &RequestRules<'_>) -> Result<RequestParts<'a>, Rejection> {
    let uri = &parts.uri;
    let pseudo = [
        Some(plain(":method", parts.method.as_str().as_bytes())),
        Some(plain(":scheme", uri.scheme_str().unwrap_or("http").as_bytes())),
        uri.path_and_query().map(|path| plain(":path", path.as_str().as_bytes())),
        uri.authority().map(|authority| plain(":authority", authority.as_str().as_bytes())),
    ];
    RequestParts::parse(pseudo.into_iter().flatten().chain(fields(&parts.headers)), rules)
}

/// A response of the `http` crate with that head: 200, HTTP/2.
///
/// # Errors
///
/// [`ConversionError`] where a field cannot be expressed.
pub fn response_parts(head: &ResponseHead<'_>) -> Result<response::Parts, ConversionError> {
    let mut response = Response::new(());
    *response.version_mut() = Version::HTTP_2;
    *response.headers_mut() = header_map(head.fields())?;
    Ok(response.into_parts().0)
}

/// The answer to a refused request, as a response of the `http` crate.
///
/// # Errors
///
/// [`ConversionError`]; what this library refuses with can always be expressed.
pub fn rejection_parts(rejection: &Rejection) -> Result<response::Parts, ConversionError> {
    let mut response = Response::new(());
    *response.version_mut() = Version::HTTP_2;
    *response.status_mut() =
        StatusCode::from_u16(rejection.http_status()).map_err(|_| ConversionError::InvalidField)?;
    *response.headers_mut() = header_map(rejection.fields(&mut alloc::vec::Vec::new()))?;
    Ok(response.into_parts().0)
}

/// Reads the head of a response of the `http` crate, as [`ResponseParts::parse`] does.
///
/// # Errors
///
/// The status of the call.
pub fn parse_response(parts: &response::Parts) -> Result<ResponseParts<'_>, Status> {
    let status = plain(":status", parts.status.as_str().as_bytes());
    ResponseParts::parse(core::iter::once(status).chain(fields(&parts.headers)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::{Codings, Path, RejectionReason};

    #[test]
    fn a_request_survives_the_way_there_and_back() {
        let mut metadata = Metadata::new();
        metadata.append("x-a", "1").unwrap();
        metadata.append_sensitive("x-a", "2").unwrap();
        metadata.append_bin("x-b-bin", &[0, 255]).unwrap();
        let mut head = RequestHead::new(Path::parse(b"/a.B/C").unwrap());
        head.metadata = &metadata;
        for authority in [None, Some("h:1")] {
            head.authority = authority;
            let parts = request_parts(&head).unwrap();
            let codings = Codings::default();
            let read = parse_request(&parts, &RequestRules::new(&codings)).unwrap();
            assert_eq!((read.path, read.authority), (head.path, authority.unwrap_or_default()));
            assert_eq!(Metadata::from_received(fields(&parts.headers)), metadata);
        }
    }

    #[test]
    fn metadata_and_header_map_are_strict_both_ways() {
        let map = |name: &'static str, value: &[u8]| {
            HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())])
        };
        assert_eq!(Metadata::try_from(&map("te", b"trailers")), Err(MetadataError::Reserved));
        assert_eq!(Metadata::try_from(&map("a!", b"x")), Err(MetadataError::InvalidKey));
        assert_eq!(Metadata::try_from(&map("a", b"\xff")), Err(MetadataError::InvalidValue));
        let metadata = Metadata::try_from(&map("a", b"x")).unwrap();
        assert_eq!(HeaderMap::try_from(&metadata), Ok(map("a", b"x")));

        let foreign = Metadata::from_received([(&b"a-bin"[..], &b"\xff"[..], false)]);
        assert_eq!(HeaderMap::try_from(&foreign), Ok(map("a-bin", b"\xff")));
        assert_eq!(header_map([(&b"a"[..], &b"\n"[..], false)]), Err(ConversionError::InvalidField));
    }

    #[test]
    fn uris_that_cannot_be_are_errors() {
        let mut head = RequestHead::new(Path::parse(b"/a\"<>").unwrap());
        head.authority = Some("not an authority");
        assert_eq!(request_parts(&head).err(), Some(ConversionError::InvalidUri));
    }

    #[test]
    fn responses_and_rejections_have_their_status() {
        let metadata = Metadata::new();
        let parts = response_parts(&ResponseHead::new("application/grpc", &metadata)).unwrap();
        assert!(parse_response(&parts).unwrap().content_type.is_some());
        let parts = rejection_parts(&Rejection::new(RejectionReason::Method, b"GET")).unwrap();
        assert_eq!((parts.status.as_u16(), &parts.headers["allow"]), (405, &HeaderValue::from_static("POST")));
        assert_eq!(Code::from(parts.status), Code::Unknown);
    }
}
