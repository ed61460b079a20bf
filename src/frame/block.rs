//! The frames that carry a field block: HEADERS, PUSH_PROMISE and CONTINUATION (RFC 9113 §6.2, §6.6, §6.10).
//!
//! Each holds a fragment of one compressed block. That the frames of a block come one after the other, and that a block
//! is decompressed as a whole, is the business of whoever joins them (§4.3).

use alloc::vec::Vec;

use super::payload::{admit, length, padding_len, put_padding, strip_padding, take_pad_length, take_u32};
use super::{Dependency, ErrorCode, Flags, FrameError, HEAD_LEN, Head, Kind, StreamId};

/// A HEADERS frame: opens a stream or ends it with trailers, and starts a field block (RFC 9113 §6.2).
///
/// ```
/// use grpc_sansio::frame::{Flags, Head, Headers, Kind, StreamId};
///
/// let flags = Flags::END_HEADERS | Flags::PADDED;
/// let head = Head { length: 4, kind: Kind::HEADERS, flags, stream: StreamId::new(1) };
/// let headers = Headers::parse(head, &[1, 0x82, 0x86, 0])?;
/// assert_eq!((headers.fragment, headers.padding), (&[0x82, 0x86][..], Some(1)));
/// assert!(headers.end_headers && !headers.end_stream);
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Headers<'a> {
    /// The stream, never zero in a parsed frame.
    pub stream: StreamId,
    /// The deprecated priority fields, if the frame has them.
    pub priority: Option<Dependency>,
    /// The first part of the field block, padding removed; may be empty.
    pub fragment: &'a [u8],
    /// The Pad Length octet, if the frame has one.
    pub padding: Option<u8>,
    /// Nothing follows on this stream after the field block.
    pub end_stream: bool,
    /// The field block is complete; otherwise a CONTINUATION must come next.
    pub end_headers: bool,
}

impl<'a> Headers<'a> {
    /// Reads the payload of a HEADERS frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`], and `PROTOCOL_ERROR` for the connection where the padding is longer than what the
    /// other fields leave, or the stream depends on itself.
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::HEADERS, payload)?;
        let (padding, mut rest) = take_pad_length(&head, payload)?;
        let mut priority = None;
        if head.flags.contains(Flags::PRIORITY) {
            let (dependency, after) = Dependency::take(&head, rest)?;
            (priority, rest) = (Some(dependency), after);
        }
        Ok(Self {
            stream: head.stream,
            priority,
            fragment: strip_padding(rest, padding)?,
            padding,
            end_stream: head.flags.contains(Flags::END_STREAM),
            end_headers: head.flags.contains(Flags::END_HEADERS),
        })
    }

    /// The head of this frame.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn head(&self) -> Head {
        Head {
            length: length(self.encoded_len() - HEAD_LEN),
            kind: Kind::HEADERS,
            flags: Flags::END_STREAM.only_if(self.end_stream)
                | Flags::END_HEADERS.only_if(self.end_headers)
                | Flags::PADDED.only_if(self.padding.is_some())
                | Flags::PRIORITY.only_if(self.priority.is_some()),
            stream: self.stream,
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        let priority = if self.priority.is_some() { Dependency::LEN } else { 0 };
        HEAD_LEN + padding_len(self.padding) + priority + self.fragment.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend(self.padding);
        if let Some(dependency) = &self.priority {
            dependency.put(out);
        }
        out.extend_from_slice(self.fragment);
        put_padding(self.padding, out);
    }
}

/// A PUSH_PROMISE frame: a server announces a stream that it will open (RFC 9113 §6.6). gRPC has no use for it.
///
/// ```
/// use grpc_sansio::frame::{Flags, Head, Kind, PushPromise, StreamId};
///
/// let head = Head { length: 5, kind: Kind::PUSH_PROMISE, flags: Flags::END_HEADERS, stream: StreamId::new(1) };
/// assert_eq!(PushPromise::parse(head, &[0, 0, 0, 2, 0x82])?.promised, StreamId::new(2));
/// assert!(PushPromise::parse(head, &[0, 0, 0, 3, 0x82]).is_err(), "a server opens even streams");
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushPromise<'a> {
    /// The stream of the request that the promise belongs to, never zero in a parsed frame.
    pub stream: StreamId,
    /// The stream that is promised: even and not zero in a parsed frame.
    pub promised: StreamId,
    /// The first part of the field block, padding removed; may be empty.
    pub fragment: &'a [u8],
    /// The Pad Length octet, if the frame has one.
    pub padding: Option<u8>,
    /// The field block is complete; otherwise a CONTINUATION must come next.
    pub end_headers: bool,
}

impl<'a> PushPromise<'a> {
    /// Reads the payload of a PUSH_PROMISE frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`], and `PROTOCOL_ERROR` for the connection where the padding is longer than what the
    /// other fields leave, or the promised stream is not one that a server may open.
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::PUSH_PROMISE, payload)?;
        let (padding, rest) = take_pad_length(&head, payload)?;
        let (promised, rest) = take_u32(&head, rest)?;
        let promised = StreamId::new(promised);
        if !promised.is_server() {
            // RFC 9113 §6.6: an illegal stream identifier; §8.4: only servers push, §5.1.1: on even numbers
            return Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, "promised stream is not a server's"));
        }
        Ok(Self {
            stream: head.stream,
            promised,
            fragment: strip_padding(rest, padding)?,
            padding,
            end_headers: head.flags.contains(Flags::END_HEADERS),
        })
    }

    /// The head of this frame.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn head(&self) -> Head {
        Head {
            length: length(self.encoded_len() - HEAD_LEN),
            kind: Kind::PUSH_PROMISE,
            flags: Flags::END_HEADERS.only_if(self.end_headers) | Flags::PADDED.only_if(self.padding.is_some()),
            stream: self.stream,
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + padding_len(self.padding) + size_of::<u32>() + self.fragment.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend(self.padding);
        out.extend_from_slice(&self.promised.get().to_be_bytes());
        out.extend_from_slice(self.fragment);
        put_padding(self.padding, out);
    }
}

/// A CONTINUATION frame: the next part of the field block that the frame before it left open (RFC 9113 §6.10).
///
/// ```
/// use grpc_sansio::frame::{Continuation, StreamId};
///
/// let mut wire = Vec::new();
/// Continuation { stream: StreamId::new(5), fragment: &[0x84], end_headers: true }.encode(&mut wire);
/// assert_eq!(wire, [0, 0, 1, 9, 4, 0, 0, 0, 5, 0x84]);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Continuation<'a> {
    /// The stream, never zero in a parsed frame.
    pub stream: StreamId,
    /// The next part of the field block; may be empty.
    pub fragment: &'a [u8],
    /// The field block is complete; otherwise another CONTINUATION must come next.
    pub end_headers: bool,
}

impl<'a> Continuation<'a> {
    /// Reads the payload of a CONTINUATION frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::CONTINUATION, payload)?;
        Ok(Self { stream: head.stream, fragment: payload, end_headers: head.flags.contains(Flags::END_HEADERS) })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head {
            length: length(self.fragment.len()),
            kind: Kind::CONTINUATION,
            flags: Flags::END_HEADERS.only_if(self.end_headers),
            stream: self.stream,
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + self.fragment.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(self.fragment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Scope;

    fn headers(flags: Flags, payload: &[u8]) -> Result<Headers<'_>, FrameError> {
        let head = Head { length: length(payload.len()), kind: Kind::HEADERS, flags, stream: StreamId::new(3) };
        Headers::parse(head, payload)
    }

    fn code<T>(result: Result<T, FrameError>) -> Option<(ErrorCode, Scope)> {
        result.err().map(|error| (error.code, error.scope))
    }

    const FRAME_SIZE: Option<(ErrorCode, Scope)> = Some((ErrorCode::FRAME_SIZE_ERROR, Scope::Connection));
    const PROTOCOL: Option<(ErrorCode, Scope)> = Some((ErrorCode::PROTOCOL_ERROR, Scope::Connection));

    /// H-063
    #[test]
    fn padding_may_fill_a_headers_frame_but_not_overflow_it() {
        let both = Flags::PADDED | Flags::PRIORITY;
        assert_eq!(headers(Flags::PADDED, &[2, 0, 0]).unwrap().fragment, b"");
        assert_eq!(code(headers(Flags::PADDED, &[3, 0, 0])), PROTOCOL);
        assert_eq!(headers(both, &[1, 0, 0, 0, 0, 9, 0]).unwrap().fragment, b"");
        assert_eq!(code(headers(both, &[2, 0, 0, 0, 0, 9, 0])), PROTOCOL);
        assert_eq!(code(headers(both, &[0, 0, 0, 0, 0])), FRAME_SIZE);
        assert_eq!(code(headers(Flags::PRIORITY, &[0, 0, 0, 0])), FRAME_SIZE);
        assert_eq!(code(headers(Flags::PADDED, &[])), FRAME_SIZE);
    }

    /// H-064
    #[test]
    fn a_stream_must_not_depend_on_itself() {
        let priority = headers(Flags::PRIORITY, &[0x80, 0, 0, 1, 255, 0x82]).unwrap().priority;
        assert_eq!(priority, Some(Dependency { stream: StreamId::new(1), exclusive: true, weight: 255 }));
        assert_eq!(code(headers(Flags::PRIORITY, &[0, 0, 0, 3, 0, 0x82])), PROTOCOL);
        assert_eq!(code(headers(Flags::PRIORITY, &[0x80, 0, 0, 3, 0, 0x82])), PROTOCOL);
    }

    /// H-094
    #[test]
    fn a_promise_names_a_stream_of_the_server() {
        let promise = |flags, payload: &'static [u8]| {
            let head =
                Head { length: length(payload.len()), kind: Kind::PUSH_PROMISE, flags, stream: StreamId::new(1) };
            PushPromise::parse(head, payload)
        };
        assert_eq!(promise(Flags::NONE, &[0x80, 0, 0, 4, 0x82]).unwrap().promised, StreamId::new(4));
        assert_eq!(code(promise(Flags::NONE, &[0, 0, 0, 5])), PROTOCOL);
        assert_eq!(code(promise(Flags::NONE, &[0x80, 0, 0, 0])), PROTOCOL);
        assert_eq!(promise(Flags::PADDED, &[1, 0, 0, 0, 2, 0]).unwrap().fragment, b"");
        assert_eq!(code(promise(Flags::PADDED, &[2, 0, 0, 0, 2, 0])), PROTOCOL);
    }

    /// H-004, H-124: where only one type may come, its parser refuses the others.
    #[test]
    fn another_type_is_refused() {
        let head = Head { length: 0, kind: Kind::DATA, flags: Flags::NONE, stream: StreamId::new(1) };
        assert_eq!(code(Continuation::parse(head, &[])), PROTOCOL);
    }
}
