//! The short frames that steer a connection or end a stream: RST_STREAM, PING, GOAWAY, WINDOW_UPDATE.

use alloc::vec::Vec;

use super::payload::{admit, length, take, take_u32};
use super::{ErrorCode, Flags, FrameError, HEAD_LEN, Head, Kind, StreamId};

/// A RST_STREAM frame: the stream ends at once, in both directions (RFC 9113 §6.4).
///
/// ```
/// use grpc_sansio::frame::{ErrorCode, RstStream, StreamId};
///
/// let mut wire = Vec::new();
/// RstStream { stream: StreamId::new(1), code: ErrorCode::CANCEL }.encode(&mut wire);
/// assert_eq!(wire, [0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RstStream {
    /// The stream, never zero in a parsed frame.
    pub stream: StreamId,
    /// Why it ends.
    pub code: ErrorCode,
}

impl RstStream {
    /// Reads the payload of a RST_STREAM frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &[u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::RST_STREAM, payload)?;
        let (code, _) = take_u32(&head, payload)?;
        Ok(Self { stream: head.stream, code: ErrorCode(code) })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head { length: 4, kind: Kind::RST_STREAM, flags: Flags::NONE, stream: self.stream }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + 4
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(&self.code.0.to_be_bytes());
    }
}

/// A PING frame: eight octets that the peer sends back with ACK (RFC 9113 §6.7).
///
/// ```
/// use grpc_sansio::frame::Ping;
///
/// let mut wire = Vec::new();
/// Ping { ack: true, payload: *b"deadbeef" }.encode(&mut wire);
/// assert_eq!(wire, b"\0\0\x08\x06\x01\0\0\0\0deadbeef");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ping {
    /// Whether this is the answer.
    pub ack: bool,
    /// Opaque octets, chosen by the side that asks.
    pub payload: [u8; 8],
}

impl Ping {
    /// Reads the payload of a PING frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &[u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::PING, payload)?;
        let (payload, _) = take(&head, payload)?;
        Ok(Self { ack: head.flags.contains(Flags::ACK), payload: *payload })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head { length: 8, kind: Kind::PING, flags: Flags::ACK.only_if(self.ack), stream: StreamId::ZERO }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + 8
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(&self.payload);
    }
}

/// A GOAWAY frame: its sender takes no new streams, and names the last one that it may have acted on (RFC 9113 §6.8).
///
/// ```
/// use grpc_sansio::frame::{ErrorCode, GoAway, StreamId};
///
/// let mut wire = Vec::new();
/// GoAway { last_stream: StreamId::MAX, code: ErrorCode::NO_ERROR, debug_data: b"bye" }.encode(&mut wire);
/// assert_eq!(wire, b"\0\0\x0b\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0bye");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GoAway<'a> {
    /// Streams of the receiver above this one were not processed and may be tried again elsewhere.
    pub last_stream: StreamId,
    /// Why the connection ends.
    pub code: ErrorCode,
    /// Opaque octets for diagnosis, of any length that the frame holds; not to be trusted.
    pub debug_data: &'a [u8],
}

impl<'a> GoAway<'a> {
    /// Reads the payload of a GOAWAY frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::GOAWAY, payload)?;
        let (last_stream, rest) = take_u32(&head, payload)?;
        let (code, debug_data) = take_u32(&head, rest)?;
        Ok(Self { last_stream: StreamId::new(last_stream), code: ErrorCode(code), debug_data })
    }

    /// The head of this frame.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn head(&self) -> Head {
        Head {
            length: length(self.encoded_len() - HEAD_LEN),
            kind: Kind::GOAWAY,
            flags: Flags::NONE,
            stream: StreamId::ZERO,
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + 8 + self.debug_data.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(&self.last_stream.get().to_be_bytes());
        out.extend_from_slice(&self.code.0.to_be_bytes());
        out.extend_from_slice(self.debug_data);
    }
}

/// A WINDOW_UPDATE frame: the receiver may send that many octets of DATA more (RFC 9113 §6.9).
///
/// ```
/// use grpc_sansio::frame::{ErrorCode, Flags, Head, Kind, Scope, StreamId, WindowUpdate};
///
/// let head = Head { length: 4, kind: Kind::WINDOW_UPDATE, flags: Flags::NONE, stream: StreamId::new(1) };
/// assert_eq!(WindowUpdate::parse(head, &[0x80, 0, 1, 0])?.increment, 256); // the reserved bit is ignored
/// let error = WindowUpdate::parse(head, &[0; 4]).unwrap_err();
/// assert_eq!((error.code, error.scope), (ErrorCode::PROTOCOL_ERROR, Scope::Stream(StreamId::new(1))));
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowUpdate {
    /// The stream whose window grows, or zero for the connection's.
    pub stream: StreamId,
    /// Octets added, 1 to 2^31 - 1 in a parsed frame. The highest bit is reserved and not sent.
    pub increment: u32,
}

impl WindowUpdate {
    /// The bits of the increment; the one above is reserved.
    const INCREMENT: u32 = 0x7fff_ffff;

    /// Reads the payload of a WINDOW_UPDATE frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`], and `PROTOCOL_ERROR` for an increment of 0: for the stream, or for the connection
    /// where the frame is about the connection's window.
    pub fn parse(head: Head, payload: &[u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::WINDOW_UPDATE, payload)?;
        let (increment, _) = take_u32(&head, payload)?;
        let increment = increment & Self::INCREMENT;
        if increment == 0 {
            // RFC 9113 §6.9: a stream error, but on the connection's window a connection error
            return Err(FrameError::stream(head.stream, ErrorCode::PROTOCOL_ERROR, "window increment is 0"));
        }
        Ok(Self { stream: head.stream, increment })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head { length: 4, kind: Kind::WINDOW_UPDATE, flags: Flags::NONE, stream: self.stream }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + 4
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(&(self.increment & Self::INCREMENT).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Scope;

    fn update(stream: u32, payload: [u8; 4]) -> Result<WindowUpdate, FrameError> {
        let stream = StreamId::new(stream);
        WindowUpdate::parse(Head { length: 4, kind: Kind::WINDOW_UPDATE, flags: Flags::NONE, stream }, &payload)
    }

    /// H-109
    #[test]
    fn an_increment_of_zero_is_an_error_where_it_was_meant() {
        for reserved in [0, 0x80] {
            let error = update(0, [reserved, 0, 0, 0]).unwrap_err();
            assert_eq!((error.code, error.scope), (ErrorCode::PROTOCOL_ERROR, Scope::Connection));
            let error = update(5, [reserved, 0, 0, 0]).unwrap_err();
            assert_eq!((error.code, error.scope), (ErrorCode::PROTOCOL_ERROR, Scope::Stream(StreamId::new(5))));
        }
        assert_eq!(update(5, [0xff; 4]).unwrap().increment, 0x7fff_ffff);
    }

    #[test]
    fn the_reserved_bit_is_never_sent() {
        let mut wire = Vec::new();
        WindowUpdate { stream: StreamId::ZERO, increment: u32::MAX }.encode(&mut wire);
        assert_eq!(wire.get(HEAD_LEN..), Some(&[0x7f, 0xff, 0xff, 0xff][..]));
    }

    /// H-100, H-107
    #[test]
    fn the_reserved_bit_of_a_last_stream_is_ignored_and_debug_data_kept() {
        let head = Head { length: 10, kind: Kind::GOAWAY, flags: Flags(0xff), stream: StreamId::ZERO };
        let goaway = GoAway::parse(head, &[0x80, 0, 0, 7, 0, 0, 0, 0xff, 0xc3, 0x28]).unwrap();
        let expected = GoAway { last_stream: StreamId::new(7), code: ErrorCode(0xff), debug_data: &[0xc3, 0x28] };
        assert_eq!(goaway, expected);
    }
}
