//! Metadata: the key-value pairs that an application sends beside its messages (G-105 to G-120).
//!
//! [`Metadata`] owns its entries and checks them on the way in; [`MetadataView`] shows those of a received header
//! block without copying them. Both give the same [`Entry`].

mod entry;
mod key;
mod owned;
mod record;
mod view;

pub use entry::Entry;
pub use key::{IntoKey, Key};
pub use owned::{Entries, Metadata, MetadataError};
pub use view::{MetadataView, Visible};
