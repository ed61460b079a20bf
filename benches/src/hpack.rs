//! Header compression alone: ours, and with the feature `peers` that of nghttp2, hpack and loona-hpack, on the same lists.
//!
//! A unit is a header block. What a codec makes of a block goes into a buffer that it is given again and again; the
//! fields that it decodes are handed over one by one and their octets counted, nothing else.

mod codec;
mod lists;
#[cfg(feature = "peers")]
mod nghttp2;
mod ours;
#[cfg(feature = "peers")]
mod rust_peers;

use crate::Work;
use codec::{decoding, encoding};
use lists::{Full, Huffman1K, Huffman16, Request, RequestRepeated, Response, Story20, Story21, Trailers, TwoMethods};
use ours::{Decode, InOnePiece, Inserting, OneByOne};

#[cfg(feature = "peers")]
use {nghttp2::Deflate, nghttp2::Inflate, rust_peers::Hpack, rust_peers::Loona};

/// The name of a case, and how it is made.
pub type Row = (&'static str, fn() -> Box<dyn Work>);

/// `hpack-encode-LIST` gives the fields one by one, `hpack-encode-LIST-block` in one piece; `hpack-decode-LIST` takes what
/// our encoder makes.
pub const OURS: &[Row] = &[
    ("hpack-encode-request", encoding::<OneByOne, Request>),
    ("hpack-encode-block", encoding::<InOnePiece, Request>),
    ("hpack-encode-two-methods", encoding::<OneByOne, TwoMethods>),
    ("hpack-encode-two-methods-block", encoding::<InOnePiece, TwoMethods>),
    ("hpack-encode-full", encoding::<OneByOne, Full>),
    ("hpack-encode-response", encoding::<OneByOne, Response>),
    ("hpack-encode-trailers", encoding::<OneByOne, Trailers>),
    ("hpack-encode-story-20", encoding::<OneByOne, Story20>),
    ("hpack-encode-story-21", encoding::<OneByOne, Story21>),
    ("hpack-encode-story-20-block", encoding::<InOnePiece, Story20>),
    ("hpack-encode-story-21-block", encoding::<InOnePiece, Story21>),
    ("hpack-encode-huffman-1K", encoding::<OneByOne, Huffman1K>),
    ("hpack-encode-huffman-16", encoding::<OneByOne, Huffman16>),
    ("hpack-decode-request", decoding::<OneByOne, Decode, Request>),
    ("hpack-decode-repeated", decoding::<OneByOne, Decode, RequestRepeated>),
    ("hpack-decode-two-methods", decoding::<OneByOne, Decode, TwoMethods>),
    ("hpack-decode-full", decoding::<OneByOne, Decode, Full>),
    ("hpack-decode-inserting", decoding::<Inserting, Decode, Request>),
    ("hpack-decode-response", decoding::<OneByOne, Decode, Response>),
    ("hpack-decode-trailers", decoding::<OneByOne, Decode, Trailers>),
    ("hpack-decode-story-20", decoding::<OneByOne, Decode, Story20>),
    ("hpack-decode-story-21", decoding::<OneByOne, Decode, Story21>),
    ("hpack-decode-huffman-1K", decoding::<OneByOne, Decode, Huffman1K>),
    ("hpack-decode-huffman-16", decoding::<OneByOne, Decode, Huffman16>),
];

/// `hpack-decode-LIST-theirs` takes what nghttp2's encoder makes, which is what all peers decode.
#[cfg(feature = "peers")]
pub const PEERS: &[Row] = &[
    ("hpack-decode-request-theirs", decoding::<Deflate, Decode, Request>),
    ("hpack-decode-two-methods-theirs", decoding::<Deflate, Decode, TwoMethods>),
    ("hpack-decode-response-theirs", decoding::<Deflate, Decode, Response>),
    ("hpack-decode-trailers-theirs", decoding::<Deflate, Decode, Trailers>),
    ("hpack-decode-story-20-theirs", decoding::<Deflate, Decode, Story20>),
    ("hpack-decode-story-21-theirs", decoding::<Deflate, Decode, Story21>),
    ("hpack-encode-request/nghttp2", encoding::<Deflate, Request>),
    ("hpack-encode-two-methods/nghttp2", encoding::<Deflate, TwoMethods>),
    ("hpack-encode-response/nghttp2", encoding::<Deflate, Response>),
    ("hpack-encode-trailers/nghttp2", encoding::<Deflate, Trailers>),
    ("hpack-encode-story-20/nghttp2", encoding::<Deflate, Story20>),
    ("hpack-encode-story-21/nghttp2", encoding::<Deflate, Story21>),
    ("hpack-encode-huffman-1K/nghttp2", encoding::<Deflate, Huffman1K>),
    ("hpack-encode-huffman-16/nghttp2", encoding::<Deflate, Huffman16>),
    ("hpack-decode-request/nghttp2", decoding::<OneByOne, Inflate, Request>),
    ("hpack-decode-request-theirs/nghttp2", decoding::<Deflate, Inflate, Request>),
    ("hpack-decode-two-methods-theirs/nghttp2", decoding::<Deflate, Inflate, TwoMethods>),
    ("hpack-decode-response-theirs/nghttp2", decoding::<Deflate, Inflate, Response>),
    ("hpack-decode-trailers-theirs/nghttp2", decoding::<Deflate, Inflate, Trailers>),
    ("hpack-decode-story-20-theirs/nghttp2", decoding::<Deflate, Inflate, Story20>),
    ("hpack-decode-story-21-theirs/nghttp2", decoding::<Deflate, Inflate, Story21>),
    ("hpack-decode-huffman-1K/nghttp2", decoding::<OneByOne, Inflate, Huffman1K>),
    ("hpack-decode-huffman-16/nghttp2", decoding::<OneByOne, Inflate, Huffman16>),
    ("hpack-encode-request/hpack", encoding::<Hpack, Request>),
    ("hpack-encode-story-20/hpack", encoding::<Hpack, Story20>),
    ("hpack-encode-story-21/hpack", encoding::<Hpack, Story21>),
    ("hpack-encode-request/loona", encoding::<Loona, Request>),
    ("hpack-encode-story-20/loona", encoding::<Loona, Story20>),
    ("hpack-encode-story-21/loona", encoding::<Loona, Story21>),
];

/// Those whose decoders take 50 µs a string.
#[cfg(feature = "peers")]
pub const SLOW_PEERS: &[Row] = &[
    ("hpack-decode-request-theirs/hpack", decoding::<Deflate, Hpack, Request>),
    ("hpack-decode-story-20-theirs/hpack", decoding::<Deflate, Hpack, Story20>),
    ("hpack-decode-story-21-theirs/hpack", decoding::<Deflate, Hpack, Story21>),
    ("hpack-decode-request-theirs/loona", decoding::<Deflate, Loona, Request>),
    ("hpack-decode-story-20-theirs/loona", decoding::<Deflate, Loona, Story20>),
    ("hpack-decode-story-21-theirs/loona", decoding::<Deflate, Loona, Story21>),
];
