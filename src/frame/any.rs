//! Any frame at all, for tools and tests that look at what passes by.

use alloc::vec::Vec;

use super::payload::{admit, length};
use super::{
    Continuation, Data, Flags, FrameError, GoAway, HEAD_LEN, Head, Headers, Kind, Ping, Priority, PushPromise,
    RstStream, Settings, StreamId, WindowUpdate,
};

/// A frame of a type that RFC 9113 §6 does not define. It must be ignored, on any stream and with any flags (§4.1,
/// §5.5), unless it breaks into a field block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unknown<'a> {
    /// The type.
    pub kind: Kind,
    /// The flags, whatever they mean.
    pub flags: Flags,
    /// The stream, or zero for the connection.
    pub stream: StreamId,
    /// The payload, whatever it means.
    pub payload: &'a [u8],
}

impl<'a> Unknown<'a> {
    /// Takes the payload of a frame of any type as it is.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, head.kind, payload)?;
        Ok(Self { kind: head.kind, flags: head.flags, stream: head.stream, payload })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head { length: length(self.payload.len()), kind: self.kind, flags: self.flags, stream: self.stream }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + self.payload.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(self.payload);
    }
}

/// A frame of any type.
///
/// ```
/// use grpc_sansio::frame::{Flags, Frame, Head, Kind, StreamId};
///
/// let head = Head { length: 2, kind: Kind::DATA, flags: Flags::END_STREAM, stream: StreamId::new(1) };
/// let Frame::Data(data) = Frame::parse(head, b"hi")? else { panic!("not DATA") };
/// assert_eq!((data.data, data.end_stream), (&b"hi"[..], true));
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each variant is the type of its name")]
pub enum Frame<'a> {
    Data(Data<'a>),
    Headers(Headers<'a>),
    Priority(Priority),
    RstStream(RstStream),
    Settings(Settings<'a>),
    PushPromise(PushPromise<'a>),
    Ping(Ping),
    GoAway(GoAway<'a>),
    WindowUpdate(WindowUpdate),
    Continuation(Continuation<'a>),
    Unknown(Unknown<'a>),
}

impl<'a> Frame<'a> {
    /// Reads the payload that belongs to `head`. The length is not held against SETTINGS_MAX_FRAME_SIZE: see
    /// [`Head::check`].
    ///
    /// # Errors
    ///
    /// Those of the type's own `parse`, and `FRAME_SIZE_ERROR` for the connection where `payload` is not as long as
    /// the head says.
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        match head.kind {
            Kind::DATA => Data::parse(head, payload).map(Self::Data),
            Kind::HEADERS => Headers::parse(head, payload).map(Self::Headers),
            Kind::PRIORITY => Priority::parse(head, payload).map(Self::Priority),
            Kind::RST_STREAM => RstStream::parse(head, payload).map(Self::RstStream),
            Kind::SETTINGS => Settings::parse(head, payload).map(Self::Settings),
            Kind::PUSH_PROMISE => PushPromise::parse(head, payload).map(Self::PushPromise),
            Kind::PING => Ping::parse(head, payload).map(Self::Ping),
            Kind::GOAWAY => GoAway::parse(head, payload).map(Self::GoAway),
            Kind::WINDOW_UPDATE => WindowUpdate::parse(head, payload).map(Self::WindowUpdate),
            Kind::CONTINUATION => Continuation::parse(head, payload).map(Self::Continuation),
            _ => Unknown::parse(head, payload).map(Self::Unknown),
        }
    }

    /// The head of this frame. Flags that its type does not define are not in it (RFC 9113 §4.1).
    pub fn head(&self) -> Head {
        match self {
            Self::Data(frame) => frame.head(),
            Self::Headers(frame) => frame.head(),
            Self::Priority(frame) => frame.head(),
            Self::RstStream(frame) => frame.head(),
            Self::Settings(frame) => frame.head(),
            Self::PushPromise(frame) => frame.head(),
            Self::Ping(frame) => frame.head(),
            Self::GoAway(frame) => frame.head(),
            Self::WindowUpdate(frame) => frame.head(),
            Self::Continuation(frame) => frame.head(),
            Self::Unknown(frame) => frame.head(),
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    pub fn encoded_len(&self) -> usize {
        match self {
            Self::Data(frame) => frame.encoded_len(),
            Self::Headers(frame) => frame.encoded_len(),
            Self::Priority(frame) => frame.encoded_len(),
            Self::RstStream(frame) => frame.encoded_len(),
            Self::Settings(frame) => frame.encoded_len(),
            Self::PushPromise(frame) => frame.encoded_len(),
            Self::Ping(frame) => frame.encoded_len(),
            Self::GoAway(frame) => frame.encoded_len(),
            Self::WindowUpdate(frame) => frame.encoded_len(),
            Self::Continuation(frame) => frame.encoded_len(),
            Self::Unknown(frame) => frame.encoded_len(),
        }
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Data(frame) => frame.encode(out),
            Self::Headers(frame) => frame.encode(out),
            Self::Priority(frame) => frame.encode(out),
            Self::RstStream(frame) => frame.encode(out),
            Self::Settings(frame) => frame.encode(out),
            Self::PushPromise(frame) => frame.encode(out),
            Self::Ping(frame) => frame.encode(out),
            Self::GoAway(frame) => frame.encode(out),
            Self::WindowUpdate(frame) => frame.encode(out),
            Self::Continuation(frame) => frame.encode(out),
            Self::Unknown(frame) => frame.encode(out),
        }
    }
}
