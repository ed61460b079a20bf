//! The metadata of a received header block, where it lies.

use alloc::vec::Vec;
use core::fmt;

use super::entry::{Entry, named};
use super::owned::Metadata;
use crate::grpc::binary::InvalidBinary;
use crate::grpc::field::Field;
use crate::grpc::reserved::{Visibility, visibility, visible};

/// Shows the metadata among received header fields, without copying them (G-113 to G-116).
///
/// Pseudo-headers and names of the protocol are hidden; what HTTP allows and metadata does not is left out. The view
/// walks over the fields each time it is asked, so it costs nothing to make.
///
/// ```
/// use grpc_sansio::grpc::MetadataView;
///
/// let fields = [(&b":path"[..], &b"/a/b"[..], false), (b"x-id", b"17", false), (b"x-id", b"\xff", false)];
/// let view = MetadataView::new(fields.into_iter());
/// assert_eq!(view.get("x-id"), Some("17"));
/// assert_eq!((view.iter().count(), view.dropped()), (1, 1));
/// ```
#[derive(Clone, Copy)]
pub struct MetadataView<I> {
    fields: I,
}

impl<'a, I: Iterator<Item = Field<'a>> + Clone> MetadataView<I> {
    /// A view over `fields`, a whole header block.
    pub const fn new(fields: I) -> Self {
        Self { fields }
    }

    /// All entries in order.
    pub fn iter(&self) -> Visible<I> {
        Visible { fields: self.fields.clone() }
    }

    /// The first value of `key`, as it stands on the wire: base64 for a `-bin` key.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        named(self.iter(), key).find_map(|entry| entry.text())
    }

    /// All values of `key` in order, as they stand on the wire.
    pub fn get_all<'k>(&self, key: &'k str) -> impl Iterator<Item = &'a str> + Clone + 'k
    where
        'a: 'k,
        I: 'k,
    {
        named(self.iter(), key).filter_map(|entry| entry.text())
    }

    /// The first value of `key`, decoded; `None` where there is none or the key does not end in `-bin`.
    ///
    /// The inner error is for a value that is not base64; typed layers turn it into INTERNAL (G-111).
    pub fn get_bin(&self, key: &str) -> Option<Result<Vec<u8>, InvalidBinary>> {
        self.get_all_bin(key).next()
    }

    /// All values of `key` in order, decoded, with those that a comma joined apart again (G-110).
    pub fn get_all_bin<'k>(&self, key: &'k str) -> impl Iterator<Item = Result<Vec<u8>, InvalidBinary>> + Clone + 'k
    where
        'a: 'k,
        I: 'k,
    {
        named(self.iter(), key).flat_map(|entry| entry.decoded())
    }

    /// How many fields were left out because metadata cannot hold them (G-113, G-114).
    pub fn dropped(&self) -> usize {
        self.fields.clone().filter(|(name, value, _)| visibility(name, value) == Visibility::Dropped).count()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// The number of entries; walks over all of them.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// A copy that owns its entries.
    pub fn to_metadata(&self) -> Metadata {
        Metadata::from_received(self.fields.clone())
    }

    /// A copy in memory that is there already: replaces what `metadata` holds.
    ///
    /// ```
    /// use grpc_sansio::grpc::{Metadata, MetadataView};
    ///
    /// let mut kept = Metadata::new();
    /// kept.append("of-the", "last call")?;
    /// MetadataView::new([(&b"x-id"[..], &b"17"[..], false)].into_iter()).copy_to(&mut kept);
    /// assert_eq!((kept.get("x-id"), kept.len()), (Some("17"), 1));
    /// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
    /// ```
    pub fn copy_to(&self, metadata: &mut Metadata) {
        metadata.clear();
        metadata.extend_received(self.fields.clone());
    }
}

impl<'a, I: Iterator<Item = Field<'a>> + Clone> fmt::Debug for MetadataView<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a, I: Iterator<Item = Field<'a>> + Clone> IntoIterator for &MetadataView<I> {
    type Item = Entry<'a>;
    type IntoIter = Visible<I>;

    fn into_iter(self) -> Visible<I> {
        self.iter()
    }
}

/// Iterator over the entries of a [`MetadataView`].
#[derive(Clone, Debug)]
pub struct Visible<I> {
    fields: I,
}

impl<'a, I: Iterator<Item = Field<'a>>> Iterator for Visible<I> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (name, value, sensitive) = self.fields.find(|(name, value, _)| visible(name, value))?;
        Entry::new(name, value, sensitive)
    }
}
