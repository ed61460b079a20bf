//! Metadata that owns its entries.
#![expect(
    clippy::arithmetic_side_effects,
    reason = "records in one buffer: their number and lengths cannot exceed its own"
)]

use alloc::vec::Vec;
use core::fmt;

use super::entry::{Entry, named};
use super::key::{IntoKey, Key};
use super::record::{Flags, RECORD_OVERHEAD, RESTRICTED, Records, push_head};
use crate::grpc::binary::{self, InvalidBinary};
use crate::grpc::field::{FIELD_OVERHEAD, Field};
use crate::grpc::reserved::{Block, Class, Visibility, classified_visibility, classify, is_ascii_value, is_reserved};
use crate::record::{Head, Record};

/// Octets of the records of a usual request: a token and an id or two.
const USUAL_SIZE: usize = 128;

/// Why an entry cannot become metadata. Nothing has been changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MetadataError {
    /// The key is empty or has a character besides `0-9 a-z A-Z _ - .` (G-105).
    #[error("metadata: a key is made of letters, digits, '_', '-' and '.' (G-105); retry: useless")]
    InvalidKey,
    /// The key belongs to the protocol, or may not be sent in this block (G-115).
    #[error("metadata: the key belongs to the protocol, or may not be sent here (G-115); retry: useless")]
    Reserved,
    /// The value has an octet outside 0x20-0x7E (G-106).
    #[error("metadata: a value is visible ASCII, others need a key that ends in -bin (G-106); retry: useless")]
    InvalidValue,
    /// A text value was given to a key that ends in `-bin`, or a binary one to a key that does not (G-108).
    #[error("metadata: binary values belong to keys that end in -bin, and only they (G-108); retry: useless")]
    WrongKind,
    /// The key is longer than 65,535 octets, or the value longer than 4,294,967,295.
    #[error("metadata: a key has at most 65535 octets, a value 4294967295; retry: useless")]
    TooLong,
}

/// An ordered list of keys and values, where a key may occur more than once (G-112).
///
/// All entries lie in one buffer, in the form they have on the wire, and each was checked on its way in. Equality is
/// that of the lists, order included.
///
/// ```
/// use grpc_sansio::grpc::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.append("X-Request-Id", "  17 ")?;
/// metadata.append_bin("trace-bin", &[0, 255])?;
/// metadata.append_sensitive("authorization", "Bearer secret")?;
///
/// assert_eq!(metadata.get("x-request-id"), Some("17"));
/// assert_eq!(metadata.get_bin("trace-bin"), Some(Ok(vec![0, 255])));
/// assert!(metadata.append("grpc-status", "0").is_err());
/// assert!(!format!("{metadata:?}").contains("secret"));
/// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    records: Vec<u8>,
    len: usize,
    /// Entries whose names may not be sent in every block.
    restricted: usize,
}

impl Metadata {
    /// No metadata; allocates nothing.
    pub const fn new() -> Self {
        Self { records: Vec::new(), len: 0, restricted: 0 }
    }

    /// Copies the metadata out of a received header block, leaving out what [`visible`](crate::grpc::reserved::visible)
    /// leaves out.
    pub fn from_received<'a>(fields: impl IntoIterator<Item = Field<'a>>) -> Self {
        let mut metadata = Self::new();
        metadata.extend_received(fields);
        metadata
    }

    /// As [`from_received`](Self::from_received), after the entries that are there.
    pub(super) fn extend_received<'a>(&mut self, fields: impl IntoIterator<Item = Field<'a>>) {
        for (name, value, sensitive) in fields {
            let class = classify(name);
            if classified_visibility(class, name, value) == Visibility::Shown {
                // Room for a few entries at once, instead of growing with each of them.
                if self.records.is_empty() {
                    self.records.reserve(USUAL_SIZE);
                }
                // A field of the impossible length is left out like one that metadata cannot hold.
                let _ = self.push(name, value, flags(sensitive, class != Class::Free));
            }
        }
    }

    /// Adds a text value at the end. Spaces and tabs at its edges are stripped (G-107); it may be empty (G-106).
    ///
    /// # Errors
    ///
    /// [`MetadataError`]: a key outside the grammar or reserved, one that ends in `-bin`, or a value that is not
    /// visible ASCII.
    pub fn append<'k>(&mut self, key: impl IntoKey<'k>, value: &str) -> Result<(), MetadataError> {
        self.append_text(key, value, false)
    }

    /// As [`append`](Self::append), for a value that header compression must never index (G-119).
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    pub fn append_sensitive<'k>(&mut self, key: impl IntoKey<'k>, value: &str) -> Result<(), MetadataError> {
        self.append_text(key, value, true)
    }

    /// Adds a binary value at the end, under a key that ends in `-bin` (G-108).
    ///
    /// # Errors
    ///
    /// [`MetadataError`]: a key outside the grammar or reserved, or one that does not end in `-bin`.
    pub fn append_bin<'k>(&mut self, key: impl IntoKey<'k>, value: &[u8]) -> Result<(), MetadataError> {
        let key = key.into_key()?;
        if !key.is_binary() {
            return Err(MetadataError::WrongKind);
        }
        let length = binary::encoded_len(value.len());
        self.push_key(&key, length, flags(false, key.is_restricted()))?;
        binary::encode_into(value, &mut self.records);
        Ok(())
    }

    /// Adds an entry as [`Metadata::iter`] gave it: the value is what goes over the wire.
    #[cfg(feature = "event-log")]
    pub(crate) fn append_wire(&mut self, name: &str, value: &[u8], sensitive: bool) -> Result<(), MetadataError> {
        let key = name.into_key()?;
        if !key.is_lower() {
            return Err(MetadataError::InvalidKey);
        }
        if !is_ascii_value(value) {
            return Err(MetadataError::InvalidValue);
        }
        self.push(name.as_bytes(), value, flags(sensitive, key.is_restricted()))
    }

    /// Marks every entry of `key` as one that header compression must never index (G-119); returns how many.
    pub fn mark_sensitive(&mut self, key: &str) -> usize {
        let mut marked = 0;
        self.rebuild(|record| {
            if record.name.eq_ignore_ascii_case(key.as_bytes()) {
                record.head.sensitive = true;
                marked += 1;
            }
            true
        });
        marked
    }

    /// Adds all entries of `other` at the end.
    pub fn extend(&mut self, other: &Self) {
        self.records.extend_from_slice(&other.records);
        self.len += other.len;
        self.restricted += other.restricted;
    }

    /// Removes every entry of `key`; returns how many there were.
    pub fn remove(&mut self, key: &str) -> usize {
        let before = self.len;
        self.rebuild(|record| !record.name.eq_ignore_ascii_case(key.as_bytes()));
        before - self.len
    }

    /// Removes every entry and keeps the buffer.
    pub fn clear(&mut self) {
        self.records.clear();
        (self.len, self.restricted) = (0, 0);
    }

    /// The first value of `key`, as it stands on the wire: base64 for a `-bin` key.
    pub fn get(&self, key: &str) -> Option<&str> {
        named(self.iter(), key).find_map(|entry| entry.text())
    }

    /// All values of `key` in order, as they stand on the wire.
    pub fn get_all<'a: 'k, 'k>(&'a self, key: &'k str) -> impl Iterator<Item = &'a str> + Clone + 'k {
        named(self.iter(), key).filter_map(|entry| entry.text())
    }

    /// The first value of `key`, decoded; `None` where there is none or the key does not end in `-bin`.
    ///
    /// The inner error is for a received value that is not base64 (G-111).
    pub fn get_bin(&self, key: &str) -> Option<Result<Vec<u8>, InvalidBinary>> {
        self.get_all_bin(key).next()
    }

    /// All values of `key` in order, decoded, with those that a comma joined apart again (G-110).
    pub fn get_all_bin<'a: 'k, 'k>(
        &'a self,
        key: &'k str,
    ) -> impl Iterator<Item = Result<Vec<u8>, InvalidBinary>> + Clone + 'k {
        named(self.iter(), key).flat_map(|entry| entry.decoded())
    }

    /// All entries in order.
    pub fn iter(&self) -> Entries<'_> {
        Entries { records: Records::new(&self.records) }
    }

    /// The entries as header fields of that block, without those that may not be sent in it (G-115).
    ///
    /// [`check`](Self::check) tells beforehand whether any would be left out.
    pub fn fields(&self, block: Block) -> impl Iterator<Item = Field<'_>> + Clone {
        Records::new(&self.records)
            .filter(move |record| record.head.class != RESTRICTED || !is_reserved(record.name, block))
            .map(|record| (record.name, record.value, record.head.sensitive))
    }

    /// All entries as the records of a header list, where they may be sent in any block.
    pub(crate) fn records(&self) -> Option<&[u8]> {
        (self.restricted == 0).then_some(&self.records)
    }

    /// Whether every entry may be sent in that block (G-115).
    ///
    /// # Errors
    ///
    /// [`MetadataError::Reserved`] where one belongs to another block, or to the protocol.
    pub fn check(&self, block: Block) -> Result<(), MetadataError> {
        if self.fields(block).count() == self.len { Ok(()) } else { Err(MetadataError::Reserved) }
    }

    /// The number of entries.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no entries.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The size that the entries add to a header list: name, value and 32 octets each (G-031, G-120).
    pub fn list_size(&self) -> usize {
        self.records.len() - self.len * RECORD_OVERHEAD + self.len * FIELD_OVERHEAD
    }

    fn append_text<'k>(&mut self, key: impl IntoKey<'k>, value: &str, sensitive: bool) -> Result<(), MetadataError> {
        let key = key.into_key()?;
        if key.is_binary() {
            return Err(MetadataError::WrongKind);
        }
        let mut value = value.as_bytes();
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        if !is_ascii_value(value) {
            return Err(MetadataError::InvalidValue);
        }
        self.push_key(&key, value.len(), flags(sensitive, key.is_restricted()))?;
        self.records.extend_from_slice(value);
        Ok(())
    }

    fn push(&mut self, name: &[u8], value: &[u8], flags: Flags) -> Result<(), MetadataError> {
        self.push_head(name, value.len(), flags)?;
        self.records.extend_from_slice(value);
        Ok(())
    }

    /// As [`push_head`](Self::push_head), with the key in lower case.
    fn push_key(&mut self, key: &Key<'_>, value_len: usize, flags: Flags) -> Result<(), MetadataError> {
        let start = self.records.len();
        self.push_head(key.as_str().as_bytes(), value_len, flags)?;
        if !key.is_lower() {
            self.records.iter_mut().skip(start + RECORD_OVERHEAD).for_each(|octet| octet.make_ascii_lowercase());
        }
        Ok(())
    }

    fn push_head(&mut self, name: &[u8], value_len: usize, flags: Flags) -> Result<(), MetadataError> {
        push_head(&mut self.records, name, value_len, flags).ok_or(MetadataError::TooLong)?;
        self.len += 1;
        self.restricted += usize::from(flags.class);
        Ok(())
    }

    /// Writes every record again as `keep` leaves it, without those it refuses.
    fn rebuild(&mut self, mut keep: impl FnMut(&mut Record<'_>) -> bool) {
        let old = core::mem::take(self);
        self.records.reserve(old.records.len());
        for mut record in Records::new(&old.records) {
            if keep(&mut record) {
                // What fitted before fits again.
                let Head { sensitive, class, .. } = record.head;
                let _ = self.push(record.name, record.value, Flags { sensitive, class });
            }
        }
    }
}

const fn flags(sensitive: bool, restricted: bool) -> Flags {
    Flags { sensitive, class: if restricted { RESTRICTED } else { 0 } }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Metadata {
    type Item = Entry<'a>;
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Entries<'a> {
        self.iter()
    }
}

/// Iterator over the entries of a [`Metadata`].
#[derive(Clone)]
pub struct Entries<'a> {
    records: Records<'a>,
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let record = self.records.next()?;
        Entry::new(record.name, record.value, record.head.sensitive)
    }
}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
