//! Who owns which octets: [`WriteBuf`] is the caller's, the pool of a connection is ours.

mod chunk;
pub(crate) mod chunks;
pub(crate) mod pages;
mod write_buf;

pub use write_buf::WriteBuf;
