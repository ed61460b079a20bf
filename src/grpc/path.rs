//! Paths and methods (G-004, G-005, G-022, G-023).

use crate::octets;
use alloc::borrow::Cow;
use core::fmt;

/// Why a path cannot name a method (G-005).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum PathError {
    /// There is nothing in it.
    #[error("gRPC: the path is empty (G-022); retry: useless")]
    Empty,
    /// It does not start with `/`.
    #[error("gRPC: the path has no leading slash (G-022); retry: useless")]
    NoLeadingSlash,
    /// It has an octet outside 0x21-0x7E.
    #[error("gRPC: the path has an octet that is not visible ASCII (G-022); retry: useless")]
    InvalidOctet,
}

/// The path of a request: `/` service `/` method, an opaque string otherwise (G-004, G-023).
///
/// Nothing is decoded or normalised. A router matches the whole path, octet for octet.
///
/// ```
/// use grpc_sansio::grpc::Path;
///
/// let path = Path::parse(b"/book.v1.Library/Get").unwrap();
/// assert_eq!((path.service(), path.method()), ("book.v1.Library", "Get"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path<'a>(
    /// Visible ASCII. That it is text need not be shown to the compiler before somebody wants to read it.
    &'a [u8],
);

impl<'a> Path<'a> {
    /// A path where none matters.
    pub(crate) const ANY: Path<'static> = Path(b"/");

    /// Checks that `value` is a path (G-005).
    ///
    /// # Errors
    ///
    /// [`PathError`] where it is empty, has no leading slash, or has an octet that is not visible ASCII.
    pub const fn parse(value: &'a [u8]) -> Result<Self, PathError> {
        match value {
            [] => return Err(PathError::Empty),
            [b'/', ..] => {}
            _ => return Err(PathError::NoLeadingSlash),
        }
        if !octets::are_visible(value) {
            return Err(PathError::InvalidOctet);
        }
        Ok(Self(value))
    }

    /// The whole path.
    pub const fn as_str(self) -> &'a str {
        match core::str::from_utf8(self.0) {
            Ok(text) => text,
            // Not with what `parse` lets through.
            Err(_) => "",
        }
    }

    /// The octets of the whole path.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// What stands between the first and the last slash; empty where there is only one (G-023).
    pub fn service(self) -> &'a str {
        self.split().0
    }

    /// What follows the last slash.
    pub fn method(self) -> &'a str {
        self.split().1
    }

    fn split(self) -> (&'a str, &'a str) {
        let path = self.as_str();
        let name = path.strip_prefix('/').unwrap_or(path);
        name.rsplit_once('/').unwrap_or(("", name))
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Path").field(&self.as_str()).finish()
    }
}

/// How many messages each side of a method sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One request, one response.
    Unary,
    /// Any number of requests, one response.
    ClientStreaming,
    /// One request, any number of responses.
    ServerStreaming,
    /// Any number of either, in any order.
    BidiStreaming,
}

impl Kind {
    /// Whether the client may send other than exactly one message.
    pub const fn client_streams(self) -> bool {
        matches!(self, Self::ClientStreaming | Self::BidiStreaming)
    }

    /// Whether the server may send other than exactly one message.
    pub const fn server_streams(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::BidiStreaming)
    }
}

/// A method to call: its path, checked once, and its kind.
///
/// ```
/// use grpc_sansio::grpc::{Kind, Method};
///
/// static GET: Method = Method::from_static("/book.v1.Library/Get", Kind::Unary);
/// assert_eq!(GET.path().method(), "Get");
///
/// let found_at_run_time = Method::new(String::from("/book.v1.Library/List"), Kind::ServerStreaming)?;
/// assert!(found_at_run_time.kind().server_streams());
/// # Ok::<(), grpc_sansio::grpc::PathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Method {
    path: Cow<'static, str>,
    kind: Kind,
}

impl Method {
    /// A method whose path is a constant.
    ///
    /// # Panics
    ///
    /// Where the path breaks [`Path::parse`]'s rules: in a `const`, that is when the program is compiled.
    pub const fn from_static(path: &'static str, kind: Kind) -> Self {
        assert!(Path::parse(path.as_bytes()).is_ok(), "not the path of a method");
        Self { path: Cow::Borrowed(path), kind }
    }

    /// A method whose path is found at run time.
    ///
    /// # Errors
    ///
    /// [`PathError`] as [`Path::parse`] gives it.
    pub fn new(path: impl Into<Cow<'static, str>>, kind: Kind) -> Result<Self, PathError> {
        let path = path.into();
        Path::parse(path.as_bytes())?;
        Ok(Self { path, kind })
    }

    /// The path.
    pub fn path(&self) -> Path<'_> {
        Path(self.path.as_bytes())
    }

    /// The kind.
    pub const fn kind(&self) -> Kind {
        self.kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_at_the_last_slash() {
        let split = |path: &'static str| Path::parse(path.as_bytes()).map(|path| (path.service(), path.method()));
        assert_eq!(split("/a/b/c"), Ok(("a/b", "c")));
        assert_eq!(split("/a"), Ok(("", "a")));
        assert_eq!(split("/"), Ok(("", "")));
        assert_eq!(split("//"), Ok(("", "")));
        assert_eq!(split("/a/"), Ok(("a", "")));
    }
}
