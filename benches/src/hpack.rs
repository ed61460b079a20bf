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

use crate::Case;
use codec::{decoding, encoding};
use lists::{Full, Huffman1K, Huffman16, Request, RequestRepeated, Response, Story20, Story21, Trailers, TwoMethods};
use ours::{Decode, InOnePiece, Inserting, OneByOne};

#[cfg(feature = "peers")]
use {nghttp2::Deflate, nghttp2::Inflate, rust_peers::Hpack, rust_peers::Loona};

const fn case(name: &'static str, make: fn() -> Box<dyn crate::Work>) -> Case {
    Case { name, warm: 2_000, units: 2_000, slice: 50_000, make }
}

/// Those whose decoders take 50 µs a string.
#[cfg(feature = "peers")]
const fn slow(name: &'static str, make: fn() -> Box<dyn crate::Work>) -> Case {
    Case { name, warm: 200, units: 200, slice: 400, make }
}

/// `hpack-encode-LIST` gives the fields one by one, `hpack-encode-LIST-block` in one piece; `hpack-decode-LIST` takes what
/// our encoder makes, `hpack-decode-LIST-theirs` what nghttp2's makes, which is what all peers decode.
pub const CASES: &[Case] = &[
    case("hpack-encode-request", encoding::<OneByOne, Request>),
    case("hpack-encode-block", encoding::<InOnePiece, Request>),
    case("hpack-encode-two-methods", encoding::<OneByOne, TwoMethods>),
    case("hpack-encode-two-methods-block", encoding::<InOnePiece, TwoMethods>),
    case("hpack-encode-full", encoding::<OneByOne, Full>),
    case("hpack-encode-response", encoding::<OneByOne, Response>),
    case("hpack-encode-trailers", encoding::<OneByOne, Trailers>),
    case("hpack-encode-story-20", encoding::<OneByOne, Story20>),
    case("hpack-encode-story-21", encoding::<OneByOne, Story21>),
    case("hpack-encode-story-20-block", encoding::<InOnePiece, Story20>),
    case("hpack-encode-story-21-block", encoding::<InOnePiece, Story21>),
    case("hpack-encode-huffman-1K", encoding::<OneByOne, Huffman1K>),
    case("hpack-encode-huffman-16", encoding::<OneByOne, Huffman16>),
    case("hpack-decode-request", decoding::<OneByOne, Decode, Request>),
    case("hpack-decode-repeated", decoding::<OneByOne, Decode, RequestRepeated>),
    case("hpack-decode-two-methods", decoding::<OneByOne, Decode, TwoMethods>),
    case("hpack-decode-full", decoding::<OneByOne, Decode, Full>),
    case("hpack-decode-inserting", decoding::<Inserting, Decode, Request>),
    case("hpack-decode-response", decoding::<OneByOne, Decode, Response>),
    case("hpack-decode-trailers", decoding::<OneByOne, Decode, Trailers>),
    case("hpack-decode-story-20", decoding::<OneByOne, Decode, Story20>),
    case("hpack-decode-story-21", decoding::<OneByOne, Decode, Story21>),
    case("hpack-decode-huffman-1K", decoding::<OneByOne, Decode, Huffman1K>),
    case("hpack-decode-huffman-16", decoding::<OneByOne, Decode, Huffman16>),
    #[cfg(feature = "peers")]
    case("hpack-decode-request-theirs", decoding::<Deflate, Decode, Request>),
    #[cfg(feature = "peers")]
    case("hpack-decode-two-methods-theirs", decoding::<Deflate, Decode, TwoMethods>),
    #[cfg(feature = "peers")]
    case("hpack-decode-response-theirs", decoding::<Deflate, Decode, Response>),
    #[cfg(feature = "peers")]
    case("hpack-decode-trailers-theirs", decoding::<Deflate, Decode, Trailers>),
    #[cfg(feature = "peers")]
    case("hpack-decode-story-20-theirs", decoding::<Deflate, Decode, Story20>),
    #[cfg(feature = "peers")]
    case("hpack-decode-story-21-theirs", decoding::<Deflate, Decode, Story21>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-request", encoding::<Deflate, Request>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-two-methods", encoding::<Deflate, TwoMethods>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-response", encoding::<Deflate, Response>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-trailers", encoding::<Deflate, Trailers>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-story-20", encoding::<Deflate, Story20>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-story-21", encoding::<Deflate, Story21>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-huffman-1K", encoding::<Deflate, Huffman1K>),
    #[cfg(feature = "peers")]
    case("nghttp2-encode-huffman-16", encoding::<Deflate, Huffman16>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-request", decoding::<OneByOne, Inflate, Request>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-request-theirs", decoding::<Deflate, Inflate, Request>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-two-methods-theirs", decoding::<Deflate, Inflate, TwoMethods>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-response-theirs", decoding::<Deflate, Inflate, Response>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-trailers-theirs", decoding::<Deflate, Inflate, Trailers>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-story-20-theirs", decoding::<Deflate, Inflate, Story20>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-story-21-theirs", decoding::<Deflate, Inflate, Story21>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-huffman-1K", decoding::<OneByOne, Inflate, Huffman1K>),
    #[cfg(feature = "peers")]
    case("nghttp2-decode-huffman-16", decoding::<OneByOne, Inflate, Huffman16>),
    #[cfg(feature = "peers")]
    case("hpack-rs-encode-request", encoding::<Hpack, Request>),
    #[cfg(feature = "peers")]
    case("hpack-rs-encode-story-20", encoding::<Hpack, Story20>),
    #[cfg(feature = "peers")]
    case("hpack-rs-encode-story-21", encoding::<Hpack, Story21>),
    #[cfg(feature = "peers")]
    slow("hpack-rs-decode-request-theirs", decoding::<Deflate, Hpack, Request>),
    #[cfg(feature = "peers")]
    slow("hpack-rs-decode-story-20-theirs", decoding::<Deflate, Hpack, Story20>),
    #[cfg(feature = "peers")]
    slow("hpack-rs-decode-story-21-theirs", decoding::<Deflate, Hpack, Story21>),
    #[cfg(feature = "peers")]
    case("loona-encode-request", encoding::<Loona, Request>),
    #[cfg(feature = "peers")]
    case("loona-encode-story-20", encoding::<Loona, Story20>),
    #[cfg(feature = "peers")]
    case("loona-encode-story-21", encoding::<Loona, Story21>),
    #[cfg(feature = "peers")]
    slow("loona-decode-request-theirs", decoding::<Deflate, Loona, Request>),
    #[cfg(feature = "peers")]
    slow("loona-decode-story-20-theirs", decoding::<Deflate, Loona, Story20>),
    #[cfg(feature = "peers")]
    slow("loona-decode-story-21-theirs", decoding::<Deflate, Loona, Story21>),
];
