//! The 31 bits that name a stream.

use core::fmt;

/// A stream identifier: 31 bits, odd for streams that the client opened, even for the server's, zero for the
/// connection itself (RFC 9113 §5.1.1).
///
/// ```
/// use grpc_sansio::frame::StreamId;
///
/// let id = StreamId::new(0x8000_0001); // the reserved bit is not part of the identifier
/// assert_eq!(id.get(), 1);
/// assert!(id.is_client());
/// assert_eq!(id.next(), Some(StreamId::new(3)));
/// assert_eq!(StreamId::MAX.next(), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId(u32);

impl StreamId {
    /// Not a stream but the connection as a whole.
    pub const ZERO: Self = Self(0);

    /// The last identifier there is, 2^31 - 1. A GOAWAY that names it refuses nothing yet (RFC 9113 §6.8).
    pub const MAX: Self = Self(0x7fff_ffff);

    /// The identifier in the low 31 bits of `value`.
    // RFC 9113 §4.1: the reserved bit MUST be ignored when receiving
    pub const fn new(value: u32) -> Self {
        Self(value & Self::MAX.0)
    }

    /// The identifier as a number, at most 2^31 - 1.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// Whether this is the connection, not a stream.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether only a client may open this stream: an odd number.
    pub const fn is_client(self) -> bool {
        self.0 % 2 == 1
    }

    /// Whether only a server may open this stream: an even number that is not zero.
    pub const fn is_server(self) -> bool {
        self.0 != 0 && self.0.is_multiple_of(2)
    }

    /// The identifier that the same side uses next, two above; `None` when the connection has no more
    /// (RFC 9113 §5.1.1: then a new connection is needed).
    pub const fn next(self) -> Option<Self> {
        match self.0.checked_add(2) {
            Some(next) if next <= Self::MAX.0 => Some(Self(next)),
            _ => None,
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamId({})", self.0)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_identifier_belongs_to_one_side_or_to_the_connection() {
        for value in [0, 1, 2, 3, 0x7fff_fffe, 0x7fff_ffff] {
            let id = StreamId::new(value);
            let sides = [id.is_zero(), id.is_client(), id.is_server()];
            assert_eq!(sides.iter().filter(|is| **is).count(), 1, "{id:?}");
        }
    }

    #[test]
    fn next_stays_on_its_side_and_ends() {
        assert_eq!(StreamId::new(2).next(), Some(StreamId::new(4)));
        assert_eq!(StreamId::new(0x7fff_fffd).next(), Some(StreamId::MAX));
        assert_eq!(StreamId::new(0x7fff_fffe).next(), None);
    }
}
