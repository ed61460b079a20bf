//! How messages become octets, and octets messages.

use crate::call::Payload;
#[cfg(any(feature = "tokio", feature = "mio"))]
use crate::grpc::Message;
use crate::grpc::{Code, Layer, Retry, Side, Status};
use alloc::borrow::Cow;
use alloc::string::ToString;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;

/// How messages of type `T` are written and read. Generated code takes any codec that serves the messages of its service;
/// unless told otherwise it is [`Prost`](super::Prost).
///
/// One type can be a codec for many messages, as here for all that `serde` knows:
///
/// ```
/// use grpc_sansio::stub::{Codec, CodecError, Encoded};
///
/// #[derive(Clone, Debug, Default)]
/// struct Json;
///
/// impl<T: serde_json::JsonMessage> Codec<T> for Json {
///     fn content_subtype(&self) -> Option<&'static str> {
///         Some("json")
///     }
///
///     fn encode(&self, message: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
///         serde_json::to_writer(buffer, message).map_err(CodecError::new)
///     }
///
///     fn decode(&self, octets: Encoded<'_>) -> Result<T, CodecError> {
///         serde_json::from_slice(&octets).map_err(CodecError::new)
///     }
/// }
/// # // Stands for serde, which the crate does not depend on.
/// # mod serde_json {
/// #     pub trait JsonMessage {}
/// #     impl JsonMessage for u32 {}
/// #     pub fn to_writer<T>(_: &mut Vec<u8>, _: &T) -> Result<(), String> { Ok(()) }
/// #     pub fn from_slice<T>(_: &[u8]) -> Result<T, String> { Err("no".into()) }
/// # }
/// # let _ = <Json as Codec<u32>>::decode(&Json, Encoded::from(&b"7"[..]));
/// ```
pub trait Codec<T>: Clone + Send + Sync + 'static {
    /// Whether [`Codec::encode`] may fail. A codec that says `false` and fails all the same sends an empty message; in
    /// return its messages are encoded straight into the send queue.
    const FALLIBLE: bool = true;

    /// What follows `application/grpc+` in the `content-type` of calls with this codec; `None` leaves the plain type.
    fn content_subtype(&self) -> Option<&'static str> {
        None
    }

    /// The octets that [`Codec::encode`] is going to append, as well as that is known: memory is taken for so many.
    fn size_hint(&self, message: &T) -> usize {
        let _ = message;
        0
    }

    /// Appends the message to `buffer`.
    ///
    /// # Errors
    ///
    /// Where the message has no form on the wire. What was appended is dropped then, and nothing is sent.
    fn encode(&self, message: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Reads a message, all of `octets`.
    ///
    /// # Errors
    ///
    /// Where the octets are no such message. The call ends with INTERNAL.
    fn decode(&self, octets: Encoded<'_>) -> Result<T, CodecError>;
}

/// Why a message could not be written or read. It ends the call with INTERNAL, and its text is in the status message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodecError(Cow<'static, str>);

impl CodecError {
    /// An error with this text.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(Cow::Owned(reason.to_string()))
    }

    /// An error with a constant text.
    pub const fn from_static(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }

    /// The status of a call that was to send such a message.
    #[cfg(any(feature = "tokio", feature = "mio"))]
    pub(super) fn unwritten(self, side: Side) -> Status {
        self.into_status(side, "encoded")
    }

    /// The status of a call that received such a message.
    fn unread(self, side: Side) -> Status {
        self.into_status(side, "decoded")
    }

    fn into_status(self, side: Side, done: &str) -> Status {
        let rule = format_args!("a message cannot be {done}: {self}");
        Status::explained(side, Layer::Message, Code::Internal, Retry::Useless, rule)
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for CodecError {}

/// A received message as it came. It derefs to its octets, which cost nothing to read where they lie.
#[derive(Debug)]
pub struct Encoded<'a>(Place<'a>);

#[derive(Debug)]
pub(super) enum Place<'a> {
    Lent(&'a [u8]),
    Payload(Payload<'a>),
    Shared(Bytes),
}

impl Encoded<'_> {
    /// The octets as memory of the caller's own: shared where that can be, copied where they are small or only lent.
    pub fn into_bytes(self) -> Bytes {
        match self.0 {
            Place::Lent(octets) => Bytes::copy_from_slice(octets),
            Place::Payload(payload) => payload.into_bytes(),
            Place::Shared(bytes) => bytes,
        }
    }
}

#[cfg(feature = "prost")]
impl<'a> Encoded<'a> {
    pub(super) fn into_place(self) -> Place<'a> {
        self.0
    }
}

impl Deref for Encoded<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Lent(octets) => octets,
            Place::Payload(payload) => payload,
            Place::Shared(bytes) => bytes,
        }
    }
}

impl<'a> From<&'a [u8]> for Encoded<'a> {
    fn from(octets: &'a [u8]) -> Self {
        Self(Place::Lent(octets))
    }
}

impl<'a> From<Payload<'a>> for Encoded<'a> {
    fn from(payload: Payload<'a>) -> Self {
        Self(Place::Payload(payload))
    }
}

impl From<Bytes> for Encoded<'_> {
    fn from(bytes: Bytes) -> Self {
        Self(Place::Shared(bytes))
    }
}

/// Messages that are octets already: `Raw` is the codec of `Bytes` and `Vec<u8>`, and changes nothing.
///
/// Where a message is named as [`Bytes`] in `build.rs` (`extern_path`), this codec hands it through undecoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec<Bytes> for Raw {
    const FALLIBLE: bool = false;

    fn size_hint(&self, message: &Bytes) -> usize {
        message.len()
    }

    fn encode(&self, message: &Bytes, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn decode(&self, octets: Encoded<'_>) -> Result<Bytes, CodecError> {
        Ok(octets.into_bytes())
    }
}

impl Codec<Vec<u8>> for Raw {
    const FALLIBLE: bool = false;

    fn size_hint(&self, message: &Vec<u8>) -> usize {
        message.len()
    }

    fn encode(&self, message: &Vec<u8>, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn decode(&self, octets: Encoded<'_>) -> Result<Vec<u8>, CodecError> {
        Ok(octets.to_vec())
    }
}

/// Encodes a message into memory of its own: for adapters that do not run codecs while they hold their lock.
#[cfg(any(feature = "tokio", feature = "mio"))]
pub(super) fn to_message<T, C: Codec<T>>(codec: &C, message: &T) -> Result<Message, CodecError> {
    let mut buffer = Vec::with_capacity(codec.size_hint(message));
    codec.encode(message, &mut buffer)?;
    Ok(Message::new(buffer))
}

/// Decodes a received message; the status is the one that the call ends with.
#[cfg(any(feature = "tokio", feature = "mio"))]
pub(super) fn from_message<T, C: Codec<T>>(codec: &C, side: Side, message: Message) -> Result<T, Status> {
    refuse_compressed(side, message.compressed)?;
    codec.decode(message.data.into()).map_err(|error| error.unread(side))
}

/// As [`from_message`], where the octets lie.
pub(super) fn from_payload<T, C: Codec<T>>(codec: &C, side: Side, payload: Payload<'_>) -> Result<T, Status> {
    refuse_compressed(side, payload.compressed())?;
    codec.decode(payload.into()).map_err(|error| error.unread(side))
}

/// The peer may compress only with what the config lists, and who lists codings has to undo them first.
fn refuse_compressed(side: Side, compressed: bool) -> Result<(), Status> {
    if compressed {
        let rule = "a compressed message reached a codec that reads none";
        return Err(Status::explained(side, Layer::Message, Code::Internal, Retry::Useless, rule));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_hands_through() {
        let mut buffer = alloc::vec![1];
        Codec::<Bytes>::encode(&Raw, &Bytes::from_static(&[2, 3]), &mut buffer).unwrap();
        assert_eq!(buffer, [1, 2, 3]);
        let shared = Bytes::from(buffer);
        let decoded: Bytes = Raw.decode(shared.clone().into()).unwrap();
        assert_eq!(decoded.as_ptr(), shared.as_ptr(), "shared, not copied");
        let decoded: Vec<u8> = Raw.decode(Encoded::from(&[7][..])).unwrap();
        assert_eq!(decoded, [7]);
    }

    #[test]
    fn a_compressed_message_is_refused_by_name() {
        let status = refuse_compressed(Side::Client, true).unwrap_err();
        assert_eq!(
            status.to_string(),
            "INTERNAL: client: message: a compressed message reached a codec that reads none; retry: useless"
        );
        assert!(refuse_compressed(Side::Client, false).is_ok());
    }
}
