//! A header field as this layer gives and takes it, and the two questions asked of a list of them.

/// A header field: its lower-case name, its value, and whether header compression must never index it (G-119).
///
/// A tuple of borrowed octets, so that any HTTP/2 stack can make and take it without a conversion.
pub type Field<'a> = (&'a [u8], &'a [u8], bool);

/// What a field adds to the size of its list, over name and value (RFC 9113 §6.5.2).
pub const FIELD_OVERHEAD: usize = 32;

/// The size of a header list as SETTINGS_MAX_HEADER_LIST_SIZE counts it: name, value and 32 octets each (G-031).
///
/// ```
/// use grpc_sansio::grpc::list_size;
///
/// assert_eq!(list_size([(&b"te"[..], &b"trailers"[..], false)]), 42);
/// ```
#[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
pub fn list_size<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> usize {
    fields.into_iter().map(|(name, value, _)| name.len() + value.len() + FIELD_OVERHEAD).fold(0, usize::saturating_add)
}

/// A field that is not secret.
pub(super) const fn plain<'a>(name: &'static str, value: &'a [u8]) -> Field<'a> {
    (name.as_bytes(), value, false)
}

/// A field that may occur once: identical repetitions collapse, differing ones are a conflict (G-057, G-128).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Single<'a> {
    value: Option<&'a [u8]>,
    conflict: bool,
}

/// A field came twice with different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Conflict;

impl<'a> Single<'a> {
    pub(super) fn add(&mut self, value: &'a [u8]) {
        match self.value {
            None => self.value = Some(value),
            Some(first) => self.conflict |= first != value,
        }
    }

    pub(super) const fn first(&self) -> Option<&'a [u8]> {
        self.value
    }

    pub(super) const fn get(&self) -> Result<Option<&'a [u8]>, Conflict> {
        if self.conflict { Err(Conflict) } else { Ok(self.value) }
    }
}
