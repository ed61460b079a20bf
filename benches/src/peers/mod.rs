//! The same work through other implementations: the same header fields, the same sizes, and at least the same checks of what
//! arrives. Each file says what its figure includes.

pub mod h2;
pub mod h2_stream;
pub mod nghttp2;
pub mod nghttp2_stream;
pub mod nghttp2_unary;
pub mod shiguredo;
pub mod sink;
pub mod tonic;
