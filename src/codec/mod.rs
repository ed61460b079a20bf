//! Message codecs: compression above the engine, which only knows flags and names (G-086 to G-104).
//!
//! | to | use |
//! |---|---|
//! | name what a side can decode, and what it sends | [`Codecs`] |
//! | compress and decompress one message by hand | [`Codecs::encode`], [`Codecs::decode`] |
//! | bring a coding of one's own | [`Codec`] |
//!
//! The adapters do it for each message once they are given [`Codecs`]. On the engine itself it is four lines, shown here
//! for a client; a server names its coding by [`Call::set_encoding`](crate::Call::set_encoding):
//!
//! ```
//! # #[cfg(all(feature = "gzip", feature = "testing"))] {
//! use grpc_sansio::codec::{Codecs, Gzip};
//! use grpc_sansio::grpc::{Code, Kind, Message, Metadata, Method, Side, Status};
//! use grpc_sansio::testing::Pair;
//! use grpc_sansio::{ClientConfig, Event, Item, OpenOptions, ServerConfig};
//!
//! const STORE: Method = Method::from_static("/demo.Store/Put", Kind::Unary);
//!
//! let codecs = Codecs::new().with(Gzip::default());
//! let client = ClientConfig::builder("localhost").codings(codecs.codings()).build().unwrap();
//! let server = ServerConfig::builder().codings(codecs.codings()).build().unwrap();
//! let mut pair = Pair::with(&client, &server, 1);
//!
//! // The server reads the coding from the head, and decodes what is flagged, up to its own limit.
//! let (decoder, limit, mut coding) = (codecs.clone(), server.limits().max_receive_message, None);
//! pair.on_server(move |_, connection, event| {
//!     let (Event::Opened(id) | Event::Readable(id)) = event else { return };
//!     let Some(mut call) = connection.call(id) else { return };
//!     while let Some(item) = call.read() {
//!         match item {
//!             Item::Head(head) => coding = head.encoding().map(str::to_string),
//!             Item::Message(payload) if payload.compressed() => {
//!                 match decoder.decode(coding.as_deref(), &payload, limit) {
//!                     Ok(message) => assert_eq!(message.len(), 10_000),
//!                     Err(error) => return call.finish(&error.status(Side::Server), &Metadata::new()),
//!                 }
//!             }
//!             Item::Message(payload) => println!("{} octets, not compressed", payload.len()),
//!             Item::End(_) => return call.finish(&Status::new(Code::Unimplemented, "stored nowhere"), &Metadata::new()),
//!         }
//!     }
//! });
//!
//! // A client names the coding, and sends what the codec made of its message.
//! let id = pair.open(&OpenOptions::new(&STORE).encoding("gzip")).unwrap();
//! let message = codecs.encode(Some("gzip"), Message::new(vec![b'a'; 10_000]));
//! assert!(message.compressed && message.data.len() < 100);
//! pair.client.call(id).unwrap().send(message).unwrap();
//! pair.drive();
//! # }
//! ```
//!
//! Each message is compressed by itself. A server that mixes secrets with text that its clients choose should send those
//! messages as [`Message::as_is`]: their compressed length tells about the secret (G-090).
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

#[cfg(any(feature = "gzip", feature = "deflate"))]
mod deflate;
mod error;
mod level;
mod output;
#[cfg(any(feature = "gzip", feature = "deflate", feature = "zstd"))]
mod pool;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(feature = "deflate")]
#[cfg_attr(docsrs, doc(cfg(feature = "deflate")))]
pub use deflate::Deflate;
#[cfg(feature = "gzip")]
#[cfg_attr(docsrs, doc(cfg(feature = "gzip")))]
pub use deflate::Gzip;
pub use error::{CodecFault, DecodeError};
pub use level::Level;
pub use output::{Full, Output};
#[cfg(feature = "zstd")]
#[cfg_attr(docsrs, doc(cfg(feature = "zstd")))]
pub use zstd::Zstd;

use crate::grpc::encoding::{IDENTITY, is_token};
use crate::grpc::{Codings, Message};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt::Debug;

/// A coding: what compresses one message, and decompresses it again. For codings of one's own.
///
/// Both write to an [`Output`] that takes so much and no more: when it refuses, return its error.
///
/// ```
/// use grpc_sansio::codec::{Codec, CodecFault, Codecs, Output};
/// use grpc_sansio::grpc::Message;
///
/// /// Runs of equal octets as pairs of a count and the octet.
/// #[derive(Debug)]
/// struct Runs;
///
/// impl Codec for Runs {
///     fn name(&self) -> &str {
///         "x-runs"
///     }
///
///     fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
///         for run in payload.chunk_by(|one, next| one == next).flat_map(|run| run.chunks(255)) {
///             output.extend_from_slice(&[run.len() as u8, run[0]])?;
///         }
///         Ok(())
///     }
///
///     fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault> {
///         let (pairs, []) = payload.as_chunks::<2>() else { return Err(CodecFault::new("half a pair")) };
///         for &[count, octet] in pairs {
///             output.extend_from_slice(&[octet; 255][..count.into()])?;
///         }
///         Ok(())
///     }
/// }
///
/// let codecs = Codecs::new().with(Runs);
/// let sent = codecs.encode(Some("x-runs"), Message::new("aaaaaaaaaabbbbbbbbbb"));
/// assert_eq!(sent.data, &b"\x0aa\x0ab"[..]);
/// assert_eq!(codecs.decode(Some("x-runs"), &sent.data, None)?, "aaaaaaaaaabbbbbbbbbb");
/// assert!(codecs.decode(Some("x-runs"), b"\xffa\xffa", Some(300)).is_err(), "no more than the limit");
/// # Ok::<(), grpc_sansio::codec::DecodeError>(())
/// ```
pub trait Codec: Debug + Send + Sync + 'static {
    /// What `grpc-encoding` says: a token of HTTP, in lower case.
    fn name(&self) -> &str;

    /// Writes the compressed form of `payload`. The output takes less than `payload` has, since what does not shrink is
    /// sent as it is (G-102).
    ///
    /// # Errors
    ///
    /// Any: the message is then sent as it is.
    fn compress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault>;

    /// Writes what `payload` stands for. The whole of it counts: octets that are left over are a fault (G-098).
    ///
    /// # Errors
    ///
    /// [`CodecFault`] where it stands for nothing, or for more than `output` takes.
    fn decompress(&self, payload: &[u8], output: &mut Output) -> Result<(), CodecFault>;
}

/// The codecs of one side of a connection: which codings it decodes, and which it compresses with by itself.
///
/// Nothing is compressed unless somebody says so (G-089): for all calls by [`Codecs::sending`], for one call by its own
/// coding (`identity` is none). Cheap to clone.
///
/// ```
/// # #[cfg(all(feature = "gzip", feature = "deflate"))] {
/// use grpc_sansio::codec::{Codecs, Deflate, Gzip, Level};
///
/// let codecs = Codecs::new().with(Gzip::new(Level::Low)).with(Deflate::default()).sending(&["gzip"]);
/// assert_eq!(codecs.codings().as_str(), "identity,gzip,deflate");
/// // A server that would compress with gzip asks first what its client takes.
/// assert_eq!(codecs.choose(|coding| coding == "deflate"), None);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Codecs {
    known: Arc<[Arc<dyn Codec>]>,
    /// Names to compress with, the best first.
    sending: Arc<[String]>,
}

impl Codecs {
    /// None: messages come and go as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those that the crate's features bring: `gzip`, `deflate` and `zstd`, at their usual level. Which of them to send
    /// with is still to be said.
    #[cfg(any(feature = "gzip", feature = "deflate", feature = "zstd"))]
    #[cfg_attr(docsrs, doc(cfg(any(feature = "gzip", feature = "deflate", feature = "zstd"))))]
    pub fn all() -> Self {
        let codecs = Self::new();
        #[cfg(feature = "gzip")]
        let codecs = codecs.with(Gzip::default());
        #[cfg(feature = "deflate")]
        let codecs = codecs.with(Deflate::default());
        #[cfg(feature = "zstd")]
        let codecs = codecs.with(Zstd::default());
        codecs
    }

    /// With one more; one of the same name is replaced.
    ///
    /// # Panics
    ///
    /// Where the codec's name is `identity`, or cannot be sent.
    pub fn with(self, codec: impl Codec) -> Self {
        let codec: Arc<dyn Codec> = Arc::new(codec);
        let name = codec.name();
        assert!(is_token(name.as_bytes()) && name != IDENTITY, "{name:?} cannot be the name of a coding");
        let others = self.known.iter().filter(|known| known.name() != name).cloned();
        let known = others.chain([Arc::clone(&codec)]).collect();
        Self { known, ..self }
    }

    /// With codings that every call compresses with unless it says otherwise: the first of them that its peer takes. Of a
    /// server that is known; a client takes the first.
    ///
    /// # Panics
    ///
    /// For a name that no codec has.
    pub fn sending(self, names: &[&str]) -> Self {
        for name in names {
            assert!(self.get(name).is_some(), "there is no codec {name:?} to send with");
        }
        Self { sending: names.iter().map(|name| (*name).to_owned()).collect(), ..self }
    }

    /// What a config has to list (`grpc-accept-encoding`), so that the peer may send in these codings.
    pub fn codings(&self) -> Codings {
        // Names were checked as they came.
        Codings::new(self.known.iter().map(|codec| codec.name())).unwrap_or_default()
    }

    /// The codec of this name, compared exactly (G-088).
    pub fn get(&self, name: &str) -> Option<&dyn Codec> {
        self.known.iter().find(|codec| codec.name() == name).map(|codec| &**codec)
    }

    /// The first of the codings to send with that `accepted` holds for (G-092, G-104).
    pub fn choose(&self, mut accepted: impl FnMut(&str) -> bool) -> Option<&str> {
        self.sending.iter().map(String::as_str).find(|name| accepted(name))
    }

    /// The coding of a client's call that asks for `own`; `identity` is none, and without a wish the usual one is taken
    /// (G-089).
    pub fn for_client<'a>(&'a self, own: Option<&'a str>) -> Option<&'a str> {
        match own {
            Some(IDENTITY) => None,
            Some(own) => Some(own),
            None => self.choose(|_| true),
        }
    }

    /// A message as it goes into a call whose `grpc-encoding` is `coding`.
    ///
    /// It is left as it is where it is compressed already, marked [`as_is`](Message::as_is) (G-090), empty (G-101), not
    /// smaller when compressed (G-102), or where there is no codec for the coding.
    pub fn encode(&self, coding: Option<&str>, message: Message) -> Message {
        if message.compressed || message.as_is || message.data.is_empty() {
            return message;
        }
        let Some(codec) = coding.and_then(|name| self.get(name)) else { return message };
        let mut output = Output::smaller_than(message.data.len());
        match codec.compress(&message.data, &mut output).ok().and_then(|()| output.finish()) {
            Some(compressed) => Message::compressed(compressed),
            None => message,
        }
    }

    /// What a payload with its compressed flag set stands for, on a call whose `grpc-encoding` is `coding`; no more than
    /// `limit` octets of it (G-068), and no more memory than that and 64 KiB. What has less than three quarters of the limit is cut to its
    /// length in the end, for which an allocator that cannot do so in place has both for a moment.
    ///
    /// # Errors
    ///
    /// [`DecodeError`], whose [`status`](DecodeError::status) the call is to end with.
    pub fn decode(&self, coding: Option<&str>, payload: &[u8], limit: Option<u32>) -> Result<Bytes, DecodeError> {
        let name = coding.filter(|name| *name != IDENTITY).ok_or(DecodeError::NoCoding)?;
        let codec = self.get(name).ok_or_else(|| DecodeError::Unknown { coding: name.to_owned() })?;
        let mut output = Output::up_to(limit, payload.len());
        let result = codec.decompress(payload, &mut output);
        match (output.finish(), result) {
            // Whatever a codec makes of the refusal, it is the reason.
            (None, _) => Err(DecodeError::TooLarge { coding: name.to_owned(), limit: limit.unwrap_or(u32::MAX) }),
            (_, Err(fault)) => Err(DecodeError::BadData { coding: name.to_owned(), fault }),
            (Some(payload), Ok(())) => Ok(payload.into()),
        }
    }
}
