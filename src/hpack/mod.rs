//! HPACK, the header compression of HTTP/2 (RFC 7541).
//!
//! The module stands by itself: it needs nothing else of this crate and knows no field by meaning. One [`Encoder`]
//! and one [`Decoder`] serve one direction of one connection each (RFC 7541 §2.2), shared by all its streams, and
//! every header block has to pass through them in the order of the wire.
//!
//! * [`Field`] is one header field line, borrowed. [`FieldBlock`] is a list of them in one allocation.
//! * [`Decoder::decode`] appends a whole header block to a [`FieldBlock`], under [`BlockLimits`]. A list over the limit
//!   is discarded while the compression state stays right, so the connection survives it.
//! * [`Encoder::encode`] writes a header block into a `Vec<u8>`. Values that repeat are indexed when they are seen for
//!   the second time, values that never repeat stay out of the table.
//! * [`Classifier`] lets the layer above judge a field once, when it enters the table, and not at each use.
//!
//! Neither side allocates before its first use, and nothing is ever sized by a length that the peer announced.
//! The same input gives the same output: the encoder's seed only protects its hash table, it changes no octet.
//!
//! ```
//! use grpc_sansio::hpack::{BlockLimits, Classifier, Decoded, Decoder, Encoder, Field, FieldBlock};
//!
//! let mut encoder = Encoder::new(4096, 42);
//! let mut decoder = Decoder::new(4096, Classifier::NONE);
//! let limits =
//!     BlockLimits { max_list_size: 16_384, max_fields: 128, abuse_list_size: 65_536, abuse_fields: 1_024 };
//!
//! let mut wire = Vec::new();
//! encoder.encode([Field::new(b":method", b"POST"), Field::new(b"te", b"trailers")], &mut wire);
//!
//! let mut block = FieldBlock::new();
//! assert_eq!(decoder.decode(&wire, &limits, &mut block), Ok(Decoded::Complete));
//! assert!(block.fields().eq([Field::new(b":method", b"POST"), Field::new(b"te", b"trailers")]));
//! ```
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod block;
mod decoder;
mod dynamic_table;
mod encoder;
mod error;
mod field;
mod huffman;
mod integer;
mod memo;
mod static_table;

pub(crate) use block::StartKind;
pub use block::{FieldBlock, Fields};
pub use decoder::{BlockLimits, Decoded, Decoder};
pub(crate) use decoder::{Shape, Start};
pub use encoder::Encoder;
pub use error::DecodeError;
pub use field::{Classifier, Field};
