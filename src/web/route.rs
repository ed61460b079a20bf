//! What a request is: a call of gRPC-Web, something to be answered here, or none of our business.

use super::answer::Answer;
use super::config::Settings;
use super::content_type::ContentType;
use super::cors::Grant;
use crate::hpack::{Field, FieldBlock};
use alloc::boxed::Box;

/// How a call of gRPC-Web is spoken.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// The request's body is base64.
    pub(super) text_request: bool,
    /// The response's content type.
    pub(super) response: ContentType,
    /// Where a page of another origin asks.
    pub(super) grant: Option<Grant>,
}

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// Not gRPC-Web: over HTTP/2 it goes to the engine as it is.
    Native,
    /// A call, with the head that the engine is given.
    Web(Box<Form>, FieldBlock),
    Answer(Answer),
}

/// What a request's head says to us.
#[derive(Default)]
struct Seen<'a> {
    method: &'a [u8],
    target: &'a [u8],
    content_type: Option<&'a [u8]>,
    content_types: usize,
    content_encoding: Option<&'a [u8]>,
    accept: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
    origins: usize,
    wants_method: bool,
    wants_headers: Option<&'a [u8]>,
}

impl<'a> Seen<'a> {
    #[expect(clippy::arithmetic_side_effects, reason = "fields in memory")]
    fn of(request: &'a FieldBlock) -> Self {
        let mut seen = Self::default();
        for Field { name, value, .. } in request.fields() {
            match name {
                b":method" => seen.method = value,
                b":path" => seen.target = value,
                b"content-type" => {
                    seen.content_type = Some(value);
                    seen.content_types += 1;
                }
                b"content-encoding" => seen.content_encoding = Some(value),
                b"accept" => seen.accept = Some(value),
                b"origin" => {
                    seen.origin = Some(value);
                    seen.origins += 1;
                }
                b"access-control-request-method" => seen.wants_method = true,
                b"access-control-request-headers" => seen.wants_headers = Some(value),
                _ => {}
            }
        }
        seen
    }

    /// The page that asks; nobody where two origins are named.
    fn origin(&self) -> Option<&'a [u8]> {
        self.origin.filter(|_| self.origins == 1)
    }
}

/// Judges a request by its header list, which is in the form of HTTP/2: pseudo-headers first, names in lower case.
pub(super) fn route(settings: &Settings, request: &FieldBlock) -> Route {
    let seen = Seen::of(request);
    if seen.method == b"OPTIONS" && seen.origins > 0 && seen.wants_method {
        return Route::Answer(match (&settings.cors, seen.origin()) {
            (Some(cors), Some(origin)) => cors.preflight(origin, seen.wants_headers),
            _ => Answer::refusal(403, "CORS: this origin may not call"),
        });
    }
    if matches!(seen.method, b"GET" | b"HEAD")
        && let Some(page) = settings.find(seen.target)
    {
        return Route::Answer(page);
    }
    let Some(content_type) = seen.content_type.and_then(ContentType::parse) else { return Route::Native };
    if seen.content_types > 1 {
        return Route::Answer(Answer::refusal(400, "content-type is given more than once"));
    }
    if seen.method != b"POST" {
        return Route::Answer(Answer::refusal(405, "gRPC-Web calls are POST").also("allow", "POST, OPTIONS"));
    }
    // G-324: compression of a whole body is the caller's affair, and nobody here undoes it.
    if seen.content_encoding.is_some_and(|coding| !coding.eq_ignore_ascii_case(b"identity")) {
        let why = "content-encoding: a body in a coding is not taken; messages may be compressed by grpc-encoding";
        return Route::Answer(Answer::refusal(415, why).also("accept-encoding", "identity"));
    }
    let form = Form {
        text_request: content_type.text,
        response: content_type.answered_as(seen.accept),
        grant: settings.cors.as_ref().zip(seen.origin()).and_then(|(cors, origin)| cors.grant(origin)),
    };
    Route::Web(Box::new(form), native_head(request, &content_type))
}

/// The head as native gRPC has it (G-001 to G-010). Metadata goes on, `grpc-timeout` and the codings of messages among it;
/// what is about this hop, or about the form of the bodies, stays behind.
fn native_head(request: &FieldBlock, content_type: &ContentType) -> FieldBlock {
    let mut head = FieldBlock::new();
    request.fields().filter(|field| field.name.starts_with(b":")).for_each(|field| head.push(field));
    head.push(Field::new(b"content-type", &content_type.native()));
    head.push(Field::new(b"te", b"trailers"));
    let ours = |name: &[u8]| {
        name.starts_with(b":")
            || matches!(
                name,
                b"content-type" | b"content-length" | b"content-encoding" | b"te" | b"host" | b"expect" | b"x-grpc-web"
            )
            || matches!(name, b"accept" | b"accept-encoding")
    };
    request.fields().filter(|field| !ours(field.name)).for_each(|field| head.push(field));
    head
}
