//! The fields of a request: written in gRPC's order, and read with its checks.

use core::time::Duration;

use super::content_type::{self, ContentType};
use super::encoding::{AcceptEncoding, Codings, IDENTITY};
use super::field::{Field, Single, plain};
use super::metadata::Metadata;
use super::path::Path;
use super::rejection::{Rejection, RejectionReason};
use super::reserved::Block;
use super::timeout::{self, Timeout};

/// The scheme of a request: what the transport is, by configuration (G-003).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Cleartext.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The value of `:scheme`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The header block of a request to be sent. Everything is borrowed, nothing is allocated.
///
/// Its strings come from checked places: a [`Path`], a [`Codings`], [`content_type::with_subtype`],
/// [`user_agent::with_prefix`](super::user_agent::with_prefix). Whoever configures the authority checks that it is
/// visible ASCII.
///
/// ```
/// use grpc_sansio::grpc::{Path, RequestHead};
///
/// let mut head = RequestHead::new(Path::parse(b"/book.v1.Library/Get")?);
/// head.authority = Some("books.example");
/// let names: Vec<_> = head.fields().map(|(name, ..)| std::str::from_utf8(name).unwrap()).collect();
/// assert_eq!(names, [":method", ":scheme", ":path", ":authority", "te", "content-type"]);
/// # Ok::<(), grpc_sansio::grpc::PathError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `:scheme` (G-003).
    pub scheme: Scheme,
    /// `:path` (G-004).
    pub path: Path<'a>,
    /// `:authority`; left out where there is none to convey (G-001).
    pub authority: Option<&'a str>,
    /// `grpc-timeout`, of the time that remains now (G-124); left out without a deadline (G-009).
    pub timeout: Option<Timeout>,
    /// `content-type` (G-007).
    pub content_type: &'a str,
    /// `grpc-encoding`, where any message may be compressed (G-011).
    pub encoding: Option<&'a str>,
    /// `grpc-accept-encoding` (G-012).
    pub accept_encoding: Option<&'a str>,
    /// `user-agent` (G-010).
    pub user_agent: Option<&'a str>,
    /// `grpc-previous-rpc-attempts`, left out at zero.
    pub previous_attempts: u8,
    /// The application's metadata, after everything of the protocol (G-008).
    pub metadata: &'a Metadata,
}

static NO_METADATA: Metadata = Metadata::new();

impl<'a> RequestHead<'a> {
    /// A request for `path` with nothing else to say, over cleartext, of no named message format.
    pub const fn new(path: Path<'a>) -> Self {
        Self {
            scheme: Scheme::Http,
            path,
            authority: None,
            timeout: None,
            content_type: content_type::GRPC,
            encoding: None,
            accept_encoding: None,
            user_agent: None,
            previous_attempts: 0,
            metadata: &NO_METADATA,
        }
    }

    /// The fields in the order they are sent: pseudo-headers, timeout, the rest of the protocol, metadata (G-001,
    /// G-008).
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> + Clone {
        let optional = |name, value: Option<&'a str>| value.map(|value| plain(name, value.as_bytes()));
        [
            Some(plain(":method", b"POST")),
            Some(plain(":scheme", self.scheme.as_str().as_bytes())),
            Some(plain(":path", self.path.as_bytes())),
            optional(":authority", self.authority),
            self.timeout.as_ref().map(|timeout| plain("grpc-timeout", timeout.as_bytes())),
            Some(plain("te", b"trailers")),
            optional("content-type", Some(self.content_type)),
            optional("grpc-encoding", self.encoding),
            optional("grpc-accept-encoding", self.accept_encoding),
            optional("user-agent", self.user_agent),
            attempts(self.previous_attempts).map(|attempts| plain("grpc-previous-rpc-attempts", attempts.as_bytes())),
        ]
        .into_iter()
        .flatten()
        .chain(self.metadata.fields(Block::Request))
    }
}

/// The spelling of a number of earlier attempts; a policy allows five attempts at most, so nine is far enough.
const fn attempts(count: u8) -> Option<&'static str> {
    Some(match count {
        0 => return None,
        1 => "1",
        2 => "2",
        3 => "3",
        4 => "4",
        5 => "5",
        6 => "6",
        7 => "7",
        8 => "8",
        _ => "9",
    })
}

/// What a server demands of a request besides the protocol's own rules.
#[derive(Clone, Copy, Debug)]
pub struct RequestRules<'a> {
    /// The codings it can decode (G-094).
    pub codings: &'a Codings,
    /// Whether a request without `te: trailers` is refused; off in most servers (G-025).
    pub require_te: bool,
    /// Whether the header block was over its limit, so that fields are missing from it (G-032).
    pub oversized: bool,
}

impl<'a> RequestRules<'a> {
    /// The usual rules, for a server that can decode `codings`.
    pub const fn new(codings: &'a Codings) -> Self {
        Self { codings, require_te: false, oversized: false }
    }
}

/// What gRPC reads in a request's header block, borrowed from it. Metadata is a [`MetadataView`](super::MetadataView)
/// over the same fields.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct RequestParts<'a> {
    /// The path, unchanged (G-023).
    pub path: Path<'a>,
    /// The scheme, whatever the transport is (G-024).
    pub scheme: Scheme,
    /// The authority: `:authority`, else `host`, else empty (G-026).
    pub authority: &'a str,
    /// The content type, which the response echoes (G-036).
    pub content_type: ContentType<'a>,
    /// How long the caller will wait; never zero. `None` is for ever (G-017).
    pub timeout: Option<Duration>,
    /// The coding of compressed messages; `None` where absent or `identity`.
    pub encoding: Option<&'a str>,
    /// What the client can decode.
    pub accept_encoding: AcceptEncoding<'a>,
    /// What the client calls itself.
    pub user_agent: Option<&'a [u8]>,
    /// `te: trailers` is missing: accepted, and worth a diagnostic once per connection (G-025).
    pub missing_te: bool,
}

impl<'a> RequestParts<'a> {
    /// Reads a request's header block and checks it in the order of G-029.
    ///
    /// What makes a request malformed in HTTP/2's terms is the business of the layer below.
    ///
    /// # Errors
    ///
    /// [`Rejection`]: the answer to give instead of handing the call to the application.
    ///
    /// ```
    /// use core::time::Duration;
    /// use grpc_sansio::grpc::{Codings, Path, RequestHead, RequestParts, RequestRules, timeout};
    ///
    /// let mut head = RequestHead::new(Path::parse(b"/book.v1.Library/Get").unwrap());
    /// head.timeout = Some(timeout::encode(Duration::from_secs(1), timeout::Precision::Exact));
    ///
    /// let codings = Codings::default();
    /// let parts = RequestParts::parse(head.fields(), &RequestRules::new(&codings)).unwrap();
    /// assert_eq!(parts.path.service(), "book.v1.Library");
    /// assert_eq!(parts.timeout, Some(Duration::from_secs(1)));
    /// ```
    pub fn parse(fields: impl IntoIterator<Item = Field<'a>>, rules: &RequestRules<'_>) -> Result<Self, Rejection> {
        Raw::collect(fields).check(rules)
    }

    /// Whether the client can decode `coding`: it listed it, or listed nothing and uses it itself (G-092, G-093).
    pub fn accepts(&self, coding: &str) -> bool {
        self.accept_encoding.accepts(coding) || self.accept_encoding.is_absent() && self.encoding == Some(coding)
    }
}

/// A request that says nothing but its path, its timeout and who speaks: most do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UsualRequest {
    /// As in [`RequestParts`].
    pub(crate) timeout: Option<Duration>,
    /// `te` is there (G-025).
    pub(crate) has_te: bool,
    /// `grpc-accept-encoding` is there.
    pub(crate) lists_codings: bool,
}

impl UsualRequest {
    /// Reads a request that [`RequestParts::parse`] would accept, whose content type is plain and that names no coding of
    /// its own; `None` for any other.
    pub(crate) fn parse<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> Option<Self> {
        Self::parse_behind(0, fields)
    }

    /// As [`parse`](Self::parse), of a request that is known to begin with four pseudo-headers, each once: POST, http or https,
    /// a path of visible ASCII and an authority of that. No others follow.
    pub(crate) fn parse_behind_usual<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> Option<Self> {
        let mut fields = fields.into_iter();
        let is_path = |&(name, value, _): &Field<'a>| name != b":path" || value.starts_with(b"/");
        fields.by_ref().take(4).all(|field| is_path(&field)).then(|| Self::parse_behind(0b1_0111, fields)).flatten()
    }

    /// The fields behind those that were seen.
    fn parse_behind<'a>(mut seen: u8, fields: impl IntoIterator<Item = Field<'a>>) -> Option<Self> {
        const NEEDED: u8 = 0b1111;
        let mut request = Self::default();
        for (name, value, _) in fields {
            let (bit, sound) = match name {
                b":method" => (1, value == b"POST"),
                b":scheme" => (2, matches!(value, b"http" | b"https")),
                b":path" => (4, Path::parse(value).is_ok()),
                b"content-type" => (8, value == content_type::GRPC.as_bytes()),
                b":authority" => (16, value.is_ascii()),
                b"grpc-timeout" => {
                    request.timeout = timeout::parse(value).ok().filter(|timeout| !timeout.is_zero());
                    (32, request.timeout.is_some())
                }
                b"te" => {
                    request.has_te = true;
                    continue;
                }
                b"grpc-accept-encoding" => {
                    request.lists_codings = true;
                    continue;
                }
                b"grpc-encoding" | b"host" => return None,
                _ => continue,
            };
            if !sound || seen & bit != 0 {
                return None;
            }
            seen |= bit;
        }
        (seen & NEEDED == NEEDED).then_some(request)
    }
}

/// The fields that gRPC reads, before any was judged.
#[derive(Default)]
struct Raw<'a> {
    method: Single<'a>,
    scheme: Single<'a>,
    path: Single<'a>,
    authority: Repeated<'a>,
    host: Repeated<'a>,
    content_type: Single<'a>,
    te: Single<'a>,
    timeout: Single<'a>,
    encoding: Single<'a>,
    accept_encoding: AcceptEncoding<'a>,
    user_agent: Option<&'a [u8]>,
}

/// A field that may not even be repeated (G-027).
#[derive(Default)]
struct Repeated<'a> {
    value: Option<&'a [u8]>,
    again: bool,
}

impl<'a> Repeated<'a> {
    fn add(&mut self, value: &'a [u8]) {
        self.again |= self.value.is_some();
        self.value = self.value.or(Some(value));
    }
}

impl<'a> Raw<'a> {
    fn collect(fields: impl IntoIterator<Item = Field<'a>>) -> Self {
        let mut raw = Self::default();
        for (name, value, _) in fields {
            match name {
                b":method" => raw.method.add(value),
                b":scheme" => raw.scheme.add(value),
                b":path" => raw.path.add(value),
                b":authority" => raw.authority.add(value),
                b"host" => raw.host.add(value),
                b"content-type" => raw.content_type.add(value),
                b"te" => raw.te.add(value),
                b"grpc-timeout" => raw.timeout.add(value),
                b"grpc-encoding" => raw.encoding.add(value),
                b"grpc-accept-encoding" => raw.accept_encoding.add(value),
                b"user-agent" => raw.user_agent = raw.user_agent.or(Some(value)),
                _ => {}
            }
        }
        raw
    }

    /// The checks, in the order of G-029.
    fn check(&self, rules: &RequestRules<'_>) -> Result<RequestParts<'a>, Rejection> {
        if rules.oversized {
            return Err(self.check_oversized());
        }
        let content_type = self.content_type()?;
        self.post()?;
        let scheme = self.scheme()?;
        let authority = self.authority()?;
        let missing_te = self.te.first().is_none();
        if missing_te && rules.require_te {
            return Err(Rejection::new(RejectionReason::MissingTe, b""));
        }
        let timeout = self.timeout()?;
        let encoding = self.encoding(rules.codings)?;
        let path = self.path.first().unwrap_or_default();
        let path = Path::parse(path).map_err(|_| Rejection::new(RejectionReason::MalformedPath, path))?;
        Ok(RequestParts {
            path,
            scheme,
            authority,
            content_type,
            timeout,
            encoding,
            accept_encoding: self.accept_encoding,
            user_agent: self.user_agent,
            missing_te,
        })
    }

    /// Fields are missing from a block over its limit, so only those that are there are judged before it (G-032).
    fn check_oversized(&self) -> Rejection {
        let earlier = [
            self.content_type.first().and_then(|_| self.content_type().err()),
            self.method.first().and_then(|_| self.post().err()),
            self.scheme.first().and_then(|_| self.scheme().err()),
        ];
        earlier.into_iter().flatten().next().unwrap_or_else(|| Rejection::new(RejectionReason::HeaderListTooLarge, b""))
    }

    fn content_type(&self) -> Result<ContentType<'a>, Rejection> {
        let first = self.content_type.first().unwrap_or_default();
        let content_type =
            content_type::parse(first).ok_or_else(|| Rejection::new(RejectionReason::ContentType, first))?;
        match self.content_type.get() {
            Ok(_) => Ok(content_type),
            Err(_) => Err(Rejection::new(RejectionReason::ConflictingContentType, first)),
        }
    }

    fn post(&self) -> Result<(), Rejection> {
        match self.method.get() {
            Ok(Some(b"POST")) => Ok(()),
            _ => Err(Rejection::new(RejectionReason::Method, self.method.first().unwrap_or_default())),
        }
    }

    fn scheme(&self) -> Result<Scheme, Rejection> {
        match self.scheme.get() {
            Ok(Some(scheme)) if scheme.eq_ignore_ascii_case(b"http") => Ok(Scheme::Http),
            Ok(Some(scheme)) if scheme.eq_ignore_ascii_case(b"https") => Ok(Scheme::Https),
            _ => Err(Rejection::new(RejectionReason::Scheme, self.scheme.first().unwrap_or_default())),
        }
    }

    /// G-026, G-027. A `host` that contradicts `:authority` should have died below; here it is refused.
    fn authority(&self) -> Result<&'a str, Rejection> {
        let refuse = |value| Err(Rejection::new(RejectionReason::Authority, value));
        let value = match (self.authority.value, self.host.value) {
            (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => return refuse(host),
            (authority, host) => authority.or(host).unwrap_or_default(),
        };
        match core::str::from_utf8(value) {
            Ok(text) if !self.authority.again && !self.host.again => Ok(text),
            _ => refuse(value),
        }
    }

    fn timeout(&self) -> Result<Option<Duration>, Rejection> {
        let refuse = |reason| Rejection::new(reason, self.timeout.first().unwrap_or_default());
        let Some(value) = self.timeout.get().map_err(|_| refuse(RejectionReason::ConflictingTimeout))? else {
            return Ok(None);
        };
        match timeout::parse(value) {
            Ok(Duration::ZERO) => Err(refuse(RejectionReason::Expired)),
            Ok(timeout) => Ok(Some(timeout)),
            Err(_) => Err(refuse(RejectionReason::MalformedTimeout)),
        }
    }

    fn encoding(&self, codings: &Codings) -> Result<Option<&'a str>, Rejection> {
        let refuse = |reason| Rejection::new(reason, self.encoding.first().unwrap_or_default());
        let value = self.encoding.get().map_err(|_| refuse(RejectionReason::ConflictingEncoding))?;
        let Some(value) = value.filter(|value| *value != IDENTITY.as_bytes()) else { return Ok(None) };
        match core::str::from_utf8(value) {
            Ok(name) if codings.contains(value) => Ok(Some(name)),
            _ => Err(Rejection::unsupported(value, codings)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RequestParts, RequestRules, UsualRequest};
    use crate::grpc::{Codings, Field};
    use proptest::prelude::*;
    use std::vec;
    use std::vec::Vec;

    const USUAL: [(&str, &str); 4] =
        [(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("content-type", "application/grpc")];
    const ANY: [(&str, &str); 24] = [
        ("x", "1"),
        ("te", "trailers"),
        ("te", ""),
        (":authority", "a"),
        (":authority", "b"),
        ("host", "a"),
        ("grpc-timeout", "1S"),
        ("grpc-timeout", "0m"),
        ("grpc-timeout", "99999999H"),
        ("grpc-timeout", "1s"),
        ("grpc-encoding", "identity"),
        ("grpc-encoding", "gzip"),
        ("grpc-encoding", "br"),
        ("grpc-accept-encoding", "gzip"),
        ("user-agent", "a/1"),
        ("grpc-other", ""),
        (":method", "GET"),
        (":method", "POST"),
        (":scheme", "https"),
        (":path", "a"),
        (":path", "/"),
        ("content-type", "text/html"),
        ("content-type", "application/grpc+proto"),
        (":authority", "\u{fc}"),
    ];

    proptest! {
        /// Behind pseudo-headers that were judged a request is read as from its beginning.
        #[test]
        fn a_request_is_read_alike_behind_what_was_judged(
            order in Just([0, 1, 2, 3]).prop_shuffle(),
            path in prop::sample::select(vec!["/a.B/C", "/", "a", "*"]),
            picks in prop::collection::vec(prop::sample::select(ANY.to_vec()), 0..8),
        ) {
            let judged = [USUAL[0], USUAL[1], (":path", path), (":authority", "a")];
            let texts = order.iter().map(|at| judged[*at]).chain([USUAL[3]]);
            let texts = texts.chain(picks.into_iter().filter(|(name, _)| !name.starts_with(':')));
            let fields: Vec<Field<'_>> = texts.map(|(name, value)| (name.as_bytes(), value.as_bytes(), false)).collect();
            let whole = UsualRequest::parse(fields.iter().copied());
            prop_assert_eq!(UsualRequest::parse_behind_usual(fields.iter().copied()), whole);
        }

        /// What is taken for a usual request is accepted by the full reading, and says the same there.
        #[test]
        fn a_usual_request_is_read_alike(
            picks in prop::collection::vec(0..ANY.len(), 0..10), usual in 0..6usize, order in Just([0, 1, 2, 3]).prop_shuffle(),
        ) {
            let texts = order[..usual.min(4)].iter().map(|at| USUAL[*at]).chain(picks.iter().map(|at| ANY[*at]));
            let fields: Vec<Field<'_>> = texts.map(|(name, value)| (name.as_bytes(), value.as_bytes(), false)).collect();
            let codings = Codings::new(["gzip"]).unwrap();
            let full = RequestParts::parse(fields.iter().copied(), &RequestRules::new(&codings));
            match UsualRequest::parse(fields.iter().copied()) {
                Some(read) => {
                    let full = full.unwrap();
                    prop_assert_eq!((read.timeout, !read.has_te), (full.timeout, full.missing_te));
                    prop_assert!(full.content_type.is_plain() && full.encoding.is_none());
                    prop_assert!(read.lists_codings || !full.accepts("gzip"));
                }
                None if usual >= 4 => prop_assert!(!picks.iter().all(|at| matches!(ANY[*at].0, "x" | "te" | "user-agent"))),
                None => {}
            }
        }
    }
}
