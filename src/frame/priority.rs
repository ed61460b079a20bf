//! PRIORITY and the fields that it shares with HEADERS: deprecated, checked, otherwise ignored (RFC 9113 §5.3.2).

use alloc::vec::Vec;

use super::payload::{admit, take};
use super::{ErrorCode, Flags, FrameError, HEAD_LEN, Head, Kind, StreamId};

/// The deprecated priority fields: `Exclusive (1), Stream Dependency (31), Weight (8)` (RFC 9113 §6.2, §6.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Dependency {
    /// The stream that this one was to depend on; zero for none.
    pub stream: StreamId,
    /// Whether it was to be the only one that depends on it.
    pub exclusive: bool,
    /// The octet on the wire: the weight, 1 to 256, minus one.
    pub weight: u8,
}

impl Dependency {
    /// The length of the fields, in octets.
    pub(super) const LEN: usize = 5;

    /// Reads the fields in front of `payload`.
    pub(super) fn take<'a>(head: &Head, payload: &'a [u8]) -> Result<(Self, &'a [u8]), FrameError> {
        let (&[s0, s1, s2, s3, weight], rest) = take(head, payload)?;
        let stream = StreamId::new(u32::from_be_bytes([s0, s1, s2, s3]));
        if stream == head.stream {
            // RFC 7540 §5.3.1: a stream cannot depend on itself. RFC 9113 dropped the scheme, not the right to refuse
            // it (§5.4); a connection error is the cheapest answer to a peer that has no honest reason to send this.
            return Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, "stream depends on itself"));
        }
        Ok((Self { stream, exclusive: s0 & 0x80 != 0, weight }, rest))
    }

    /// Appends the fields.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        let exclusive = u32::from(self.exclusive) << 31;
        out.extend_from_slice(&(exclusive | self.stream.get()).to_be_bytes());
        out.push(self.weight);
    }
}

/// A PRIORITY frame. Legal on a stream in any state, idle and closed included, and without effect (RFC 9113 §6.3).
///
/// ```
/// use grpc_sansio::frame::{Dependency, Flags, Head, Kind, Priority, StreamId};
///
/// let head = Head { length: 5, kind: Kind::PRIORITY, flags: Flags::NONE, stream: StreamId::new(3) };
/// let priority = Priority::parse(head, &[0x80, 0, 0, 1, 15])?;
/// assert_eq!(priority.dependency, Dependency { stream: StreamId::new(1), exclusive: true, weight: 15 });
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Priority {
    /// The stream, never zero in a parsed frame.
    pub stream: StreamId,
    /// What it was to depend on.
    pub dependency: Dependency,
}

impl Priority {
    /// Reads the payload of a PRIORITY frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`], of which a wrong length is a stream error, and `PROTOCOL_ERROR` for the connection
    /// where the stream depends on itself.
    pub fn parse(head: Head, payload: &[u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::PRIORITY, payload)?;
        let (dependency, _) = Dependency::take(&head, payload)?;
        Ok(Self { stream: head.stream, dependency })
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Head { length: 5, kind: Kind::PRIORITY, flags: Flags::NONE, stream: self.stream }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + Dependency::LEN
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        self.dependency.put(out);
    }
}
