//! One header field line, and how the layer above classifies it.

use core::fmt;

/// What RFC 7541 §4.1 adds to the octets of a name and a value: the estimated cost of keeping a field.
pub(super) const FIELD_OVERHEAD: usize = 32;

/// One field line: a name and a value, both plain octets.
///
/// Nothing is validated here: HPACK carries any octets, and the rules of HTTP about names and values belong to the
/// layer above. `Debug` hides the value of a sensitive field.
///
/// ```
/// use grpc_sansio::hpack::Field;
///
/// let field = Field::new(b"te", b"trailers");
/// assert_eq!(field.list_size(), 2 + 8 + 32);
/// assert!(!field.sensitive);
/// assert!(Field::sensitive(b"authorization", b"Basic c2VjcmV0").sensitive);
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name; HTTP/2 wants it in lower case, HPACK does not look.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Never to be indexed, here or by any hop after us (RFC 7541 §6.2.3, §7.1.3).
    pub sensitive: bool,
    /// What the decoder's [`Classifier`] said of the field; 0 where none was asked. Means nothing to the encoder.
    pub class: u8,
}

impl<'a> Field<'a> {
    /// An ordinary field, which the encoder may index.
    pub const fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value, sensitive: false, class: 0 }
    }

    /// A field whose value no hop may put in a table: a guess at it could not be confirmed by watching sizes.
    pub const fn sensitive(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value, sensitive: true, class: 0 }
    }

    /// What the field counts in a header list and in a table, in octets: name + value + 32 (RFC 7541 §4.1).
    pub const fn list_size(&self) -> usize {
        self.name.len().saturating_add(self.value.len()).saturating_add(FIELD_OVERHEAD)
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.sensitive {
            write!(f, "{}: (sensitive, {} octets)", self.name.escape_ascii(), self.value.len())
        } else {
            write!(f, "{}: {}", self.name.escape_ascii(), self.value.escape_ascii())
        }
    }
}

/// How the layer above classifies a field, for example "a known pseudo-header" or "has a forbidden octet".
///
/// A decoder asks once, when the field arrives as a literal, and keeps the answer in its table, so a field that
/// arrives as an index costs no second look. The answer must depend on name and value alone; whatever depends on the
/// place of the field (request or trailers, before or after another) is to be checked at each use.
///
/// ```
/// use grpc_sansio::hpack::Classifier;
///
/// fn is_pseudo(name: &[u8], _value: &[u8]) -> u8 {
///     u8::from(name.starts_with(b":"))
/// }
/// // Entries 1 to 14 of the static table are the pseudo-headers (RFC 7541 Appendix A).
/// static STATIC: [u8; 61] = {
///     let mut classes = [0; 61];
///     let mut i = 0;
///     while i < 14 {
///         classes[i] = 1;
///         i += 1;
///     }
///     classes
/// };
/// // Here the name says it all.
/// let classifier = Classifier { classify: is_pseudo, classify_again: |class, _, _| class, static_classes: &STATIC };
/// assert_eq!((classifier.classify)(b":path", b"/"), 1);
/// assert_eq!((classifier.classify_again)(1, b":path", b"/a"), 1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Classifier {
    /// The class of a field that arrived as a literal.
    pub classify: fn(name: &[u8], value: &[u8]) -> u8,
    /// The same, where a field with this name is known to be of `class`: what depends on the name alone need not be
    /// looked at again. `|_, name, value| classify(name, value)` is always right.
    pub classify_again: fn(class: u8, name: &[u8], value: &[u8]) -> u8,
    /// The classes of the 61 entries of the static table, in their order (entry 1 first).
    pub static_classes: &'static [u8; 61],
}

impl Classifier {
    /// Every field is of class 0.
    pub const NONE: Self = Self { classify: |_, _| 0, classify_again: |_, _, _| 0, static_classes: &[0; 61] };
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn debug_hides_a_sensitive_value() {
        assert_eq!(format!("{:?}", Field::new(b"a", b"b\n")), "a: b\\n");
        assert_eq!(format!("{:?}", Field::sensitive(b"a", b"secret")), "a: (sensitive, 6 octets)");
    }
}
