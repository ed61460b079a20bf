//! The two roles, and what each reads: heads and ends, lent by the connection.

use super::engine::Engine;
use crate::grpc::{Field, Metadata, MetadataView, Method, Path, Retry, Status, Told, encoding};
use crate::hpack::{FieldBlock, Fields};
use crate::http2::{Origin, Side, StreamKey, class};
use crate::observe::Answer;
use crate::time::Instant;
use core::fmt::Debug;

mod sealed {
    use super::{Answer, Engine, FieldBlock, Instant, Side, StreamKey};

    pub trait Sealed: Sized {
        type Head<'a>: core::fmt::Debug;
        type End<'a>: core::fmt::Debug;
        const ROLE: Side;
        fn head(block: &FieldBlock, deadline: Option<Instant>) -> Self::Head<'_>;
        fn end(engine: &mut Engine, key: StreamKey) -> Self::End<'_>;
        /// How most calls end.
        fn usual_end<'a>() -> Self::End<'a>;
        fn head_answer<'a>(head: &'a Self::Head<'_>) -> Answer<'a>;
        fn end_answer<'a>(end: &'a Self::End<'_>) -> Answer<'a>;
    }
}

/// Which end of a connection this is: [`Client`] or [`Server`].
pub trait Role: sealed::Sealed + Debug + Clone + Send + Sync + 'static {}

pub(crate) use sealed::Sealed;

/// The role that opens calls. Its head is a [`Response`], its end an [`Outcome`].
#[derive(Clone, Copy, Debug)]
pub struct Client;

/// The role that answers calls. Its head is a [`Request`], its end the client's half-close.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Role for Client {}
impl Role for Server {}

impl Sealed for Client {
    type Head<'a> = Response<'a>;
    type End<'a> = Outcome<'a>;

    const ROLE: Side = Side::Client;

    #[inline]
    fn head(block: &FieldBlock, _: Option<Instant>) -> Response<'_> {
        Response { block }
    }

    fn end(engine: &mut Engine, key: StreamKey) -> Outcome<'_> {
        let ended = engine.take_outcome(key);
        Outcome {
            status: ended.status.into(),
            origin: ended.origin,
            unprocessed: ended.unprocessed,
            retry: ended.retry,
            trailers: ended.trailers.fields(),
        }
    }

    #[inline]
    fn usual_end<'a>() -> Self::End<'a> {
        let (status, trailers) = (Told::OK, Fields::EMPTY);
        Outcome { status, origin: Origin::Peer, unprocessed: false, retry: None, trailers }
    }

    fn head_answer<'a>(head: &'a Response<'_>) -> Answer<'a> {
        Answer::Head { fields: head.fields(), deadline: None }
    }

    fn end_answer<'a>(end: &'a Outcome<'_>) -> Answer<'a> {
        let Outcome { status, origin, unprocessed, trailers, retry: _ } = end;
        Answer::Ended { status, origin: *origin, unprocessed: *unprocessed, trailers: *trailers }
    }
}

impl Sealed for Server {
    type Head<'a> = Request<'a>;
    type End<'a> = HalfClose;

    const ROLE: Side = Side::Server;

    #[inline]
    fn head(block: &FieldBlock, deadline: Option<Instant>) -> Request<'_> {
        Request { block, deadline }
    }

    #[inline]
    fn end(_: &mut Engine, _: StreamKey) -> HalfClose {
        HalfClose
    }

    #[inline]
    fn usual_end<'a>() -> Self::End<'a> {
        HalfClose
    }

    fn head_answer<'a>(head: &'a Request<'_>) -> Answer<'a> {
        Answer::Head { fields: head.fields(), deadline: head.deadline }
    }

    fn end_answer<'a>(_: &'a HalfClose) -> Answer<'a> {
        Answer::HalfClosed
    }
}

/// Received metadata where it lies, lent until the next verb; [`MetadataView::to_metadata`] keeps it.
pub type ReceivedMetadata<'a> = MetadataView<ReceivedFields<'a>>;

/// The fields behind a [`ReceivedMetadata`].
#[derive(Clone, Copy, Debug)]
pub struct ReceivedFields<'a>(Fields<'a>);

impl<'a> Iterator for ReceivedFields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        self.0.next().map(|field| (field.name, field.value, field.sensitive))
    }
}

fn find<'a>(block: &'a FieldBlock, name: &str) -> Option<&'a [u8]> {
    block.fields().find(|field| field.name == name.as_bytes()).map(|field| field.value)
}

fn find_text<'a>(block: &'a FieldBlock, name: &str) -> Option<&'a str> {
    find(block, name).and_then(|value| core::str::from_utf8(value).ok())
}

/// The head of a request, as a server reads it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    block: &'a FieldBlock,
    deadline: Option<Instant>,
}

impl<'a> Request<'a> {
    /// The path, unchanged: match it whole, octet for octet (G-023).
    pub fn path(&self) -> &'a str {
        find_text(self.block, ":path").unwrap_or_default()
    }

    /// Whether it calls this method: by its path, whole, octet for octet (G-023).
    ///
    /// ```
    /// # use grpc_sansio::{Request, grpc::{Kind, Method}};
    /// static HELLO: Method = Method::from_static("/demo.Greeter/Hello", Kind::Unary);
    ///
    /// fn is_hello(request: &Request<'_>) -> bool {
    ///     request.is(&HELLO) // as request.path() == "/demo.Greeter/Hello"
    /// }
    /// ```
    #[inline]
    pub fn is(&self, method: &Method) -> bool {
        self.block.value_of(class::PATH) == Some(method.path().as_bytes())
    }

    /// The path's part before the last slash: the service.
    pub fn service(&self) -> &'a str {
        Path::parse(self.path().as_bytes()).map_or("", |path| path.service())
    }

    /// The path's part behind the last slash: the method.
    pub fn method(&self) -> &'a str {
        Path::parse(self.path().as_bytes()).map_or("", |path| path.method())
    }

    /// `:authority`, or `host` where that is missing, or empty (G-026).
    pub fn authority(&self) -> &'a str {
        find_text(self.block, ":authority").or_else(|| find_text(self.block, "host")).unwrap_or_default()
    }

    /// `:scheme`: what the client says its transport is.
    pub fn scheme(&self) -> &'a str {
        find_text(self.block, ":scheme").unwrap_or_default()
    }

    /// When the client stops waiting, on this connection's clock.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// The coding of the request's compressed messages.
    pub fn encoding(&self) -> Option<&'a str> {
        find_text(self.block, "grpc-encoding").filter(|name| *name != encoding::IDENTITY)
    }

    /// What the client calls itself.
    pub fn user_agent(&self) -> Option<&'a str> {
        find_text(self.block, "user-agent")
    }

    /// `content-type` as it came.
    pub fn content_type(&self) -> &'a str {
        find_text(self.block, "content-type").unwrap_or_default()
    }

    /// Initial metadata.
    pub fn metadata(&self) -> ReceivedMetadata<'a> {
        MetadataView::new(ReceivedFields(self.block.fields()))
    }

    /// All fields, those of the protocol included, in the order of the wire.
    pub fn fields(&self) -> Fields<'a> {
        self.block.fields()
    }
}

/// The head of a response, as a client reads it.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    block: &'a FieldBlock,
}

impl<'a> Response<'a> {
    /// Initial metadata.
    pub fn metadata(&self) -> ReceivedMetadata<'a> {
        MetadataView::new(ReceivedFields(self.block.fields()))
    }

    /// The coding of the response's compressed messages.
    pub fn encoding(&self) -> Option<&'a str> {
        find_text(self.block, "grpc-encoding").filter(|name| *name != encoding::IDENTITY)
    }

    /// `content-type` as it came.
    pub fn content_type(&self) -> &'a str {
        find_text(self.block, "content-type").unwrap_or_default()
    }

    /// All fields, those of the protocol included, in the order of the wire.
    pub fn fields(&self) -> Fields<'a> {
        self.block.fields()
    }
}

/// The client has sent all its messages (half-close); the response direction stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfClose;

/// How a call ended, as a client reads it. Data, not an error: a call ends exactly once, always with one of these.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    status: Told,
    origin: Origin,
    unprocessed: bool,
    retry: Option<Retry>,
    trailers: Fields<'a>,
}

impl<'a> Outcome<'a> {
    /// The status, the server's or made here; the message then says which rule or event produced it.
    pub fn status(&self) -> &Status {
        &self.status
    }

    /// The status, to keep.
    pub fn into_status(self) -> Status {
        self.status.into_status()
    }

    /// Trailing metadata; empty where no trailers came.
    pub fn trailers(&self) -> ReceivedMetadata<'a> {
        MetadataView::new(ReceivedFields(self.trailers))
    }

    /// Who produced the status: [`Origin::Peer`] for the server's trailers, RST_STREAM or GOAWAY.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The server did not process any of the call, so trying it again elsewhere is always safe (G-174, G-184).
    pub fn unprocessed(&self) -> bool {
        self.unprocessed
    }

    /// Whether to try again. Of a status that the server sent only its code is judged; a server of this crate says in the
    /// message what it knows.
    pub fn retry(&self) -> Retry {
        self.retry.unwrap_or(self.status.code().retry())
    }

    /// Status and trailing metadata, to keep.
    pub fn to_owned(&self) -> (Status, Metadata) {
        (Status::clone(&self.status), self.trailers().to_metadata())
    }
}
