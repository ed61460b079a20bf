//! Length-prefixed messages: one octet of flags, four of length, the payload (G-064).

use alloc::vec::Vec;
use bytes::{Buf, Bytes};

use super::advice::{Layer, Retry};
use super::code::Code;
use super::status::{Side, Status};

/// The octets before each payload.
pub const PREFIX_LEN: usize = 5;

/// The receive limit that gRPC libraries agree on, in octets: 4 MiB (G-067).
pub const DEFAULT_LIMIT: u32 = 4 << 20;

/// A message to be sent, or one that was received.
///
/// ```
/// use grpc_sansio::grpc::Message;
///
/// assert!(!Message::new("plain").compressed);
/// assert_eq!(Message::compressed(&b"\x1f\x8b"[..]).data.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Message {
    /// The payload as it stands on the wire.
    pub data: Bytes,
    /// Whether the payload is compressed with the coding that `grpc-encoding` names.
    pub compressed: bool,
    /// Codecs leave it as it is, whatever the call's coding. Only looked at in messages to be sent.
    pub as_is: bool,
    /// It came compressed, and a codec has decompressed it since. Only told of messages that were received.
    pub decoded: bool,
}

impl Message {
    /// A message that is not compressed: a codec may do so, if its call has a coding.
    pub fn new(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), ..Self::default() }
    }

    /// A message whose payload is compressed already.
    pub fn compressed(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), compressed: true, ..Self::default() }
    }

    /// A message that no codec is to compress: one that does not shrink, or a secret beside text that others chose, whose
    /// compressed length would tell about it (G-090).
    pub fn as_is(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), as_is: true, ..Self::default() }
    }

    /// What a codec made of a compressed message.
    pub fn decoded(data: impl Into<Bytes>) -> Self {
        Self { data: data.into(), decoded: true, ..Self::default() }
    }
}

impl<T: Into<Bytes>> From<T> for Message {
    fn from(data: T) -> Self {
        Self::new(data)
    }
}

/// What stands before a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix {
    /// Whether the payload is compressed.
    pub compressed: bool,
    /// The octets of the payload; zero is valid.
    pub length: u32,
}

/// A message prefix whose first octet is neither 0 nor 1 (G-066).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("message flags {0:#04x} are neither 0 nor 1 (G-066)")]
pub struct InvalidFlag(pub u8);

impl Prefix {
    /// Reads a prefix.
    ///
    /// # Errors
    ///
    /// [`InvalidFlag`] where a reserved bit is set; the status is INTERNAL (G-066).
    #[inline]
    pub const fn parse(octets: [u8; PREFIX_LEN]) -> Result<Self, InvalidFlag> {
        let [flags, length @ ..] = octets;
        let compressed = match flags {
            0 => false,
            1 => true,
            _ => return Err(InvalidFlag(flags)),
        };
        Ok(Self { compressed, length: u32::from_be_bytes(length) })
    }

    /// The prefix as it stands on the wire.
    ///
    /// ```
    /// use grpc_sansio::grpc::message::Prefix;
    ///
    /// assert_eq!(Prefix { compressed: true, length: 258 }.encode(), [1, 0, 0, 1, 2]);
    /// ```
    pub const fn encode(self) -> [u8; PREFIX_LEN] {
        let mut octets = [self.compressed as u8; PREFIX_LEN];
        if let Some(length) = octets.last_chunk_mut() {
            *length = self.length.to_be_bytes();
        }
        octets
    }
}

/// Collects the octets of one prefix, however they are cut (G-065).
///
/// ```
/// use grpc_sansio::grpc::message::{Prefix, PrefixReader};
///
/// let mut reader = PrefixReader::default();
/// assert_eq!(reader.push(&mut &[0, 0, 0][..]), None);
/// let mut input = &[0, 7, 42][..];
/// assert_eq!(reader.push(&mut input), Some(Ok(Prefix { compressed: false, length: 7 })));
/// assert_eq!(input, [42]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PrefixReader {
    octets: [u8; PREFIX_LEN],
    filled: u8,
}

impl PrefixReader {
    /// Takes from the front of `input` what the prefix still lacks. Once it is whole, returns it and starts afresh.
    ///
    /// # Errors
    ///
    /// [`InvalidFlag`], once all five octets are there.
    #[expect(clippy::arithmetic_side_effects, reason = "at most the five octets of a prefix")]
    pub fn push(&mut self, input: &mut &[u8]) -> Option<Result<Prefix, InvalidFlag>> {
        let missing = self.octets.get_mut(usize::from(self.filled)..).unwrap_or_default();
        let taken = missing.len().min(input.len());
        let (head, rest) = input.split_at_checked(taken)?;
        missing.iter_mut().zip(head).for_each(|(slot, octet)| *slot = *octet);
        *input = rest;
        self.filled += taken as u8;
        if usize::from(self.filled) < PREFIX_LEN {
            return None;
        }
        self.filled = 0;
        Some(Prefix::parse(self.octets))
    }

    /// Whether no octet of a prefix is waiting for the others.
    pub const fn is_empty(&self) -> bool {
        self.filled == 0
    }
}

/// A payload longer than 4,294,967,295 octets cannot be framed (G-070).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a message is at most 4294967295 octets long")]
pub struct MessageTooLong;

/// Appends the prefix and the payload of a message.
///
/// # Errors
///
/// [`MessageTooLong`], with nothing appended.
///
/// ```
/// use grpc_sansio::grpc::message::encode_message;
///
/// let mut out = Vec::new();
/// encode_message(b"hi", false, &mut out)?;
/// assert_eq!(out, b"\0\0\0\0\x02hi");
/// # Ok::<(), grpc_sansio::grpc::message::MessageTooLong>(())
/// ```
pub fn encode_message(payload: &[u8], compressed: bool, out: &mut Vec<u8>) -> Result<(), MessageTooLong> {
    let length = u32::try_from(payload.len()).map_err(|_| MessageTooLong)?;
    out.extend_from_slice(&Prefix { compressed, length }.encode());
    out.extend_from_slice(payload);
    Ok(())
}

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum MessageError {
    /// A prefix has reserved flags (G-066).
    #[error(transparent)]
    Flag(#[from] InvalidFlag),
    /// A prefix announces more than the receive limit (G-067).
    #[error("a message of {length} octets is over the receive limit of {limit} (G-067)")]
    TooLarge {
        /// What the prefix announces.
        length: u32,
        /// The limit.
        limit: u32,
    },
    /// The body ended inside a message (G-073).
    #[error("the stream ended inside a message (G-073)")]
    Truncated,
}

impl MessageError {
    /// RESOURCE_EXHAUSTED for a message over the limit (G-067), else INTERNAL (G-066, G-073).
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::Flag(_) | Self::Truncated => Code::Internal,
        }
    }

    /// The status of a call that `side` ends because of it.
    pub fn status(&self, side: Side) -> Status {
        let retry = if matches!(self, Self::TooLarge { .. }) { Retry::Useless } else { Retry::IfIdempotent };
        Status::explained(side, Layer::Grpc, self.code(), retry, self)
    }
}

/// Takes messages out of a body, however it is cut (G-065), for use on top of another HTTP/2 stack.
///
/// A message that lies whole in one input shares its memory; any other is copied once. The limit is checked as soon
/// as the prefix is there, and memory grows with what has arrived, never with what was announced.
///
/// ```
/// use bytes::Bytes;
/// use grpc_sansio::grpc::{Message, MessageReader};
///
/// let mut reader = MessageReader::new(Some(1024));
/// let mut body = Bytes::from_static(b"\0\0\0\0\x02hi\0\0");
/// assert_eq!(reader.read(&mut body)?, Some(Message::new("hi")));
/// assert_eq!(reader.read(&mut body)?, None, "the next prefix is not whole yet");
/// assert!(reader.finish().is_err());
/// # Ok::<(), grpc_sansio::grpc::message::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MessageReader {
    limit: Option<u32>,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    Prefix(PrefixReader),
    Payload { prefix: Prefix, received: Vec<u8> },
    Failed(MessageError),
}

impl MessageReader {
    /// A reader that takes payloads of up to `limit` octets; `None` is no limit, and zero a valid one (G-069).
    pub const fn new(limit: Option<u32>) -> Self {
        Self { limit, state: State::Prefix(PrefixReader { octets: [0; PREFIX_LEN], filled: 0 }) }
    }

    /// Takes octets from the front of `input` until a message is whole or `input` is used up.
    ///
    /// Call it until it returns `None`: one input may hold many messages.
    ///
    /// # Errors
    ///
    /// [`MessageError`] for reserved flags or a message over the limit, and again at each later call.
    #[expect(clippy::arithmetic_side_effects, reason = "`rest` is the end of `input`")]
    pub fn read(&mut self, input: &mut Bytes) -> Result<Option<Message>, MessageError> {
        loop {
            match &mut self.state {
                State::Failed(error) => return Err(*error),
                State::Prefix(reader) => {
                    let mut rest = &input[..];
                    let prefix = reader.push(&mut rest);
                    input.advance(input.len() - rest.len());
                    match prefix {
                        None => return Ok(None),
                        Some(prefix) => self.state = self.begin(prefix),
                    }
                }
                State::Payload { prefix, received } => {
                    let missing = (prefix.length as usize).saturating_sub(received.len());
                    if input.len() < missing {
                        received.extend_from_slice(input);
                        input.clear();
                        return Ok(None);
                    }
                    let tail = input.split_to(missing);
                    let data = if received.is_empty() {
                        tail
                    } else {
                        received.extend_from_slice(&tail);
                        Bytes::from(core::mem::take(received))
                    };
                    let message = Message { data, compressed: prefix.compressed, ..Message::default() };
                    self.state = State::Prefix(PrefixReader::default());
                    return Ok(Some(message));
                }
            }
        }
    }

    /// Checks, at the end of the body, that it did not end inside a message.
    ///
    /// # Errors
    ///
    /// [`MessageError::Truncated`], or what [`read`](Self::read) failed with.
    pub fn finish(&self) -> Result<(), MessageError> {
        match &self.state {
            State::Prefix(reader) if reader.is_empty() => Ok(()),
            State::Prefix(_) | State::Payload { .. } => Err(MessageError::Truncated),
            State::Failed(error) => Err(*error),
        }
    }

    /// What follows a prefix; decided before any octet of the payload is kept (G-067).
    fn begin(&self, prefix: Result<Prefix, InvalidFlag>) -> State {
        match (prefix, self.limit) {
            (Err(flag), _) => State::Failed(flag.into()),
            (Ok(Prefix { length, .. }), Some(limit)) if length > limit => {
                State::Failed(MessageError::TooLarge { length, limit })
            }
            (Ok(prefix), _) => State::Payload { prefix, received: Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_whole_in_its_input_is_shared_not_copied() {
        let mut body = Bytes::from(std::vec![0, 0, 0, 0, 3, 1, 2, 3]);
        let address = body.as_ptr() as usize;
        let message = MessageReader::new(None).read(&mut body).unwrap().unwrap();
        assert_eq!(message.data.as_ptr() as usize, address + PREFIX_LEN);
    }

    #[test]
    fn a_failure_stays() {
        let mut reader = MessageReader::new(Some(0));
        let error = MessageError::TooLarge { length: 1, limit: 0 };
        assert_eq!(reader.read(&mut Bytes::from_static(&[0, 0, 0, 0, 1])), Err(error));
        assert_eq!(reader.read(&mut Bytes::from_static(&[0, 0, 0, 0, 0])), Err(error));
        assert_eq!(reader.finish(), Err(error));
    }
}
