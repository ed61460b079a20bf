//! One entry of metadata.

use core::fmt;

use crate::grpc::binary::{self, Values};
use crate::grpc::field::Field;

/// Names whose values are never printed, besides those marked sensitive.
const SECRET: [&str; 4] = ["authorization", "cookie", "proxy-authorization", "set-cookie"];

/// One entry of metadata. `Debug` hides the value of a secret.
///
/// ```
/// use grpc_sansio::grpc::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append_bin("key-bin", &[1])?;
/// let entry = metadata.iter().next().unwrap();
/// assert!(entry.is_binary());
/// assert_eq!((entry.text(), entry.decoded().next()), (Some("AQ"), Some(Ok(vec![1]))));
/// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<'a> {
    /// The key, in lower case.
    pub name: &'a str,
    /// The value as it stands on the wire: base64 for a `-bin` key.
    pub value: &'a [u8],
    /// Whether header compression must never index it (G-119).
    pub sensitive: bool,
}

impl<'a> Entry<'a> {
    /// `None` for a name that is not text, which no checked name is.
    pub(super) fn new(name: &'a [u8], value: &'a [u8], sensitive: bool) -> Option<Self> {
        Some(Self { name: core::str::from_utf8(name).ok()?, value, sensitive })
    }

    /// Whether the value is binary: the key ends in `-bin`.
    pub const fn is_binary(&self) -> bool {
        binary::is_binary(self.name.as_bytes())
    }

    /// The value as text, undecoded. `None` only for a received `-bin` value that is not even ASCII.
    pub fn text(&self) -> Option<&'a str> {
        core::str::from_utf8(self.value).ok()
    }

    /// The values of a `-bin` key, decoded: one field may hold several, joined by commas (G-110).
    ///
    /// Nothing for a key whose values are text.
    pub const fn decoded(&self) -> Values<'a> {
        if self.is_binary() { binary::values(self.value) } else { Values::none() }
    }

    /// The entry as a header field.
    pub const fn field(&self) -> Field<'a> {
        (self.name.as_bytes(), self.value, self.sensitive)
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive || SECRET.contains(&self.name) {
            write!(f, "{}: <{} octets hidden>", self.name, self.value.len())
        } else {
            write!(f, "{}: {}", self.name, self.value.escape_ascii())
        }
    }
}

/// The entries of one key, whatever the case it is asked for in.
pub(super) fn named<'a: 'k, 'k>(
    entries: impl Iterator<Item = Entry<'a>> + Clone + 'k,
    key: &'k str,
) -> impl Iterator<Item = Entry<'a>> + Clone + 'k {
    entries.filter(move |entry| entry.name.eq_ignore_ascii_case(key))
}
