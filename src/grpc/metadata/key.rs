//! Keys that have been checked.

use super::MetadataError;
use crate::grpc::binary;
use crate::grpc::reserved::{Class, classify, is_key};
use alloc::borrow::Cow;

/// A metadata key that an application may send; a constant one is checked when the program is compiled.
///
/// ```
/// use grpc_sansio::grpc::{Key, Metadata};
///
/// const TENANT: Key<'static> = Key::from_static("x-tenant");
/// let mut metadata = Metadata::new();
/// metadata.append(TENANT, "blue")?;
/// assert_eq!(metadata.get("x-tenant"), Some("blue"));
/// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a> {
    text: &'a str,
    restricted: bool,
    binary: bool,
    /// It has no upper case.
    lower: bool,
}

impl<'a> Key<'a> {
    /// A constant key, in lower case.
    ///
    /// # Panics
    ///
    /// Where [`Key::new`] would fail, and for upper case: in a `const`, that is when the program is compiled.
    pub const fn from_static(text: &'static str) -> Key<'static> {
        assert!(is_key(text.as_bytes()), "not a metadata key: 1*( 0-9 / a-z / _ / - / . )");
        let class = classify(text.as_bytes());
        assert!(matches!(class, Class::Free | Class::TrailersOnly), "a name that belongs to the protocol");
        Key {
            text,
            restricted: matches!(class, Class::TrailersOnly),
            binary: binary::is_binary(text.as_bytes()),
            lower: true,
        }
    }

    /// Checks a key that is found at run time. Upper case is allowed, and lowered when it is stored (G-105).
    ///
    /// # Errors
    ///
    /// [`MetadataError::InvalidKey`] outside the grammar, [`MetadataError::Reserved`] for a name of the protocol
    /// (G-115).
    pub fn new(text: &'a str) -> Result<Self, MetadataError> {
        let lower = if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
        let restricted = match classify(lower.as_bytes()) {
            Class::Free => false,
            Class::TrailersOnly => true,
            Class::Shown | Class::Hidden => return Err(MetadataError::Reserved),
        };
        if !is_key(lower.as_bytes()) {
            return Err(MetadataError::InvalidKey);
        }
        let (binary, lower) = (binary::is_binary(lower.as_bytes()), matches!(lower, Cow::Borrowed(_)));
        Ok(Self { text, restricted, binary, lower })
    }

    /// The key as it was given.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether its values are binary: it ends in `-bin` (G-108).
    pub const fn is_binary(&self) -> bool {
        self.binary
    }

    /// Whether it stands as it will be stored.
    pub(super) const fn is_lower(&self) -> bool {
        self.lower
    }

    /// Whether it may not be sent in every block (G-115).
    pub(super) const fn is_restricted(&self) -> bool {
        self.restricted
    }
}

/// What [`Metadata::append`](super::Metadata::append) takes as a key: text, or a [`Key`] that was checked before.
pub trait IntoKey<'a>: sealed::Sealed {
    /// The checked key.
    ///
    /// # Errors
    ///
    /// As [`Key::new`].
    fn into_key(self) -> Result<Key<'a>, MetadataError>;
}

impl<'a> IntoKey<'a> for Key<'a> {
    fn into_key(self) -> Result<Key<'a>, MetadataError> {
        Ok(self)
    }
}

impl<'a> IntoKey<'a> for &'a str {
    fn into_key(self) -> Result<Key<'a>, MetadataError> {
        Key::new(self)
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Key<'_> {}
    impl Sealed for &str {}
}
