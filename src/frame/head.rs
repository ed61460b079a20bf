//! The nine octets in front of every payload, and all that they alone can be judged by.

use super::{ErrorCode, Flags, FrameError, Kind, StreamId};

/// The length of a frame head, in octets (RFC 9113 §4.1).
pub const HEAD_LEN: usize = 9;

/// A frame head: `Length (24), Type (8), Flags (8), Reserved (1), Stream Identifier (31)`, big endian
/// (RFC 9113 §4.1).
///
/// ```
/// use grpc_sansio::frame::{Flags, Head, Kind, StreamId};
///
/// let head = Head::parse(&[0, 1, 2, 0x0, 0x1, 0x80, 0, 0, 3]);
/// assert_eq!(head, Head { length: 258, kind: Kind::DATA, flags: Flags::END_STREAM, stream: StreamId::new(3) });
/// assert_eq!(head.encode(), [0, 1, 2, 0, 1, 0, 0, 0, 3]); // the reserved bit is sent as zero
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Head {
    /// Octets of payload that follow, the head not counted; at most 2^24 - 1.
    pub length: u32,
    /// The frame type.
    pub kind: Kind,
    /// The flags, undefined ones included.
    pub flags: Flags,
    /// The stream, or zero for the connection.
    pub stream: StreamId,
}

impl Head {
    /// Reads a head. There is none that cannot be read; see [`check`](Self::check) for those that may not be.
    pub const fn parse(octets: &[u8; HEAD_LEN]) -> Self {
        // Four octets at once are one load.
        let [length_and_kind @ .., flags, _, _, _, _] = octets;
        let [_, _, _, _, _, stream @ ..] = octets;
        let length_and_kind = u32::from_be_bytes(*length_and_kind);
        Self {
            length: length_and_kind >> 8,
            kind: Kind(length_and_kind as u8),
            flags: Flags(*flags),
            stream: StreamId::new(u32::from_be_bytes(*stream)),
        }
    }

    /// Writes the head. A length beyond 24 bits does not fit and loses its high octet: whoever sends keeps below the
    /// peer's SETTINGS_MAX_FRAME_SIZE, which cannot exceed [`MAX_MAX_FRAME_SIZE`](super::MAX_MAX_FRAME_SIZE).
    pub const fn encode(&self) -> [u8; HEAD_LEN] {
        let [l0, l1, l2, kind] = (self.length << 8 | self.kind.0 as u32).to_be_bytes();
        let [s0, s1, s2, s3] = self.stream.get().to_be_bytes();
        [l0, l1, l2, kind, self.flags.0, s0, s1, s2, s3]
    }

    /// Judges the frame from its nine octets alone, so that nothing is ever buffered for a frame that cannot be right.
    ///
    /// `max_frame_size` is the SETTINGS_MAX_FRAME_SIZE that we announced, in octets.
    ///
    /// # Errors
    ///
    /// * `FRAME_SIZE_ERROR`, connection: longer than `max_frame_size` (RFC 9113 §4.2).
    /// * `PROTOCOL_ERROR`, connection: on stream 0 where a stream is needed, or the reverse (§6).
    /// * `FRAME_SIZE_ERROR`: not the fixed length of its type, or too short for the fields that its type and flags
    ///   announce; for PRIORITY a stream error (§6.3), otherwise a connection error.
    pub fn check(&self, max_frame_size: u32) -> Result<(), FrameError> {
        if self.length > max_frame_size {
            // RFC 9113 §4.2: a stream error would do for some types, but after such a length we trust no framing
            return Err(FrameError::connection(
                ErrorCode::FRAME_SIZE_ERROR,
                "frame longer than SETTINGS_MAX_FRAME_SIZE",
            ));
        }
        self.check_shape()
    }

    /// [`check`](Self::check) without the limit that SETTINGS set.
    pub(super) fn check_shape(&self) -> Result<(), FrameError> {
        // the stream first: a stream error needs a stream
        if !self.stream_fits() {
            let reason = if self.stream.is_zero() {
                "frame on stream 0 that needs a stream"
            } else {
                "frame on a stream that belongs on stream 0"
            };
            return Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, reason));
        }
        match self.length_rule() {
            (true, _) => Ok(()),
            (false, _) => Err(self.wrong_length()),
        }
    }

    /// The error for a payload that is not as long as its type and flags need it to be.
    pub(super) fn wrong_length(&self) -> FrameError {
        let (_, reason) = self.length_rule();
        match self.kind {
            // RFC 9113 §6.3: the one wrong length that is a stream error
            Kind::PRIORITY => FrameError::stream(self.stream, ErrorCode::FRAME_SIZE_ERROR, reason),
            _ => FrameError::connection(ErrorCode::FRAME_SIZE_ERROR, reason),
        }
    }

    /// RFC 9113 §6.1 - §6.10: which types need a stream, and which must not have one.
    fn stream_fits(&self) -> bool {
        match self.kind {
            Kind::DATA
            | Kind::HEADERS
            | Kind::PRIORITY
            | Kind::RST_STREAM
            | Kind::PUSH_PROMISE
            | Kind::CONTINUATION => !self.stream.is_zero(),
            Kind::SETTINGS | Kind::PING | Kind::GOAWAY => self.stream.is_zero(),
            // RFC 9113 §6.9: WINDOW_UPDATE has a meaning on both; §5.5: unknown types are ignored anywhere
            _ => true,
        }
    }

    /// Whether the length is one that the type and the flags allow, and the words for one that is not.
    #[expect(clippy::arithmetic_side_effects, reason = "small constants")]
    fn length_rule(&self) -> (bool, &'static str) {
        let padded = u32::from(self.flags.contains(Flags::PADDED));
        let priority = if self.flags.contains(Flags::PRIORITY) { 5 } else { 0 };
        match self.kind {
            // RFC 9113 §6.1, §6.2: the Pad Length octet and the priority fields have to be there
            Kind::DATA => (self.length >= padded, "DATA too short for its Pad Length"),
            Kind::HEADERS => (self.length >= padded + priority, "HEADERS too short for the fields of its flags"),
            // RFC 9113 §6.3
            Kind::PRIORITY => (self.length == 5, "PRIORITY is not 5 octets long"),
            // RFC 9113 §6.4
            Kind::RST_STREAM => (self.length == 4, "RST_STREAM is not 4 octets long"),
            // RFC 9113 §6.5
            Kind::SETTINGS if self.flags.contains(Flags::ACK) => (self.length == 0, "SETTINGS with ACK is not empty"),
            Kind::SETTINGS => (self.length.is_multiple_of(6), "SETTINGS length is not a multiple of 6"),
            // RFC 9113 §6.6
            Kind::PUSH_PROMISE => (self.length >= padded + 4, "PUSH_PROMISE too short for its fields"),
            // RFC 9113 §6.7
            Kind::PING => (self.length == 8, "PING is not 8 octets long"),
            // RFC 9113 §6.8
            Kind::GOAWAY => (self.length >= 8, "GOAWAY is shorter than 8 octets"),
            // RFC 9113 §6.9
            Kind::WINDOW_UPDATE => (self.length == 4, "WINDOW_UPDATE is not 4 octets long"),
            // RFC 9113 §6.10: a CONTINUATION has no fixed fields; §4.1: nothing is known of an unknown type
            _ => (true, "frame too short"),
        }
    }
}
