//! Who owns which octets: [`WriteBuf`] is the caller's, the pool of a connection is ours.

pub(crate) mod chunks;
pub(crate) mod pages;
pub(crate) mod pool;
mod write_buf;

pub use write_buf::WriteBuf;
