//! The two octets of a frame head that say what the payload means: type and flags.

use core::fmt;
use core::ops::BitOr;

/// A frame type (RFC 9113 §6). A newtype, not an enum: a type that is not known is legal and ignored (§4.1).
///
/// ```
/// use grpc_sansio::frame::Kind;
///
/// assert_eq!(format!("{:?}", Kind::WINDOW_UPDATE), "WINDOW_UPDATE");
/// assert_eq!(format!("{:?}", Kind(0x10)), "Kind(0x10)");
/// assert!(!Kind(0x10).is_known());
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// RFC 9113 §6.1: octets of a message, the only frame that flow control counts.
    pub const DATA: Self = Self(0x0);
    /// RFC 9113 §6.2: opens a stream and starts a field block.
    pub const HEADERS: Self = Self(0x1);
    /// RFC 9113 §6.3: deprecated priority signal.
    pub const PRIORITY: Self = Self(0x2);
    /// RFC 9113 §6.4: ends a stream at once.
    pub const RST_STREAM: Self = Self(0x3);
    /// RFC 9113 §6.5: what its sender is able or willing to take.
    pub const SETTINGS: Self = Self(0x4);
    /// RFC 9113 §6.6: announces a stream that the server opens.
    pub const PUSH_PROMISE: Self = Self(0x5);
    /// RFC 9113 §6.7: eight octets to be sent back.
    pub const PING: Self = Self(0x6);
    /// RFC 9113 §6.8: no new streams; the connection is about to end.
    pub const GOAWAY: Self = Self(0x7);
    /// RFC 9113 §6.9: more flow-control credit.
    pub const WINDOW_UPDATE: Self = Self(0x8);
    /// RFC 9113 §6.10: the field block goes on.
    pub const CONTINUATION: Self = Self(0x9);

    /// Whether this is one of the ten types of RFC 9113 §6; every other must be ignored.
    pub const fn is_known(self) -> bool {
        self.0 <= Self::CONTINUATION.0
    }

    /// The name in RFC 9113 §6, "unknown" for any other type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::DATA => "DATA",
            Self::HEADERS => "HEADERS",
            Self::PRIORITY => "PRIORITY",
            Self::RST_STREAM => "RST_STREAM",
            Self::SETTINGS => "SETTINGS",
            Self::PUSH_PROMISE => "PUSH_PROMISE",
            Self::PING => "PING",
            Self::GOAWAY => "GOAWAY",
            Self::WINDOW_UPDATE => "WINDOW_UPDATE",
            Self::CONTINUATION => "CONTINUATION",
            _ => "unknown",
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_known() { f.write_str(self.name()) } else { write!(f, "Kind({:#04x})", self.0) }
    }
}

/// The flags of a frame. A bit means something only for the types that define it, and is ignored on all others
/// (RFC 9113 §4.1); `END_STREAM` and `ACK` are the same bit.
///
/// ```
/// use grpc_sansio::frame::Flags;
///
/// let flags = Flags::END_STREAM | Flags::END_HEADERS;
/// assert!(flags.contains(Flags::END_HEADERS));
/// assert!(!flags.contains(Flags::PADDED));
/// ```
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// No flag at all.
    pub const NONE: Self = Self(0);
    /// DATA, HEADERS: the sender's last frame on this stream, CONTINUATION aside.
    pub const END_STREAM: Self = Self(0x1);
    /// SETTINGS, PING: an acknowledgement.
    pub const ACK: Self = Self(0x1);
    /// HEADERS, PUSH_PROMISE, CONTINUATION: the field block ends here.
    pub const END_HEADERS: Self = Self(0x4);
    /// DATA, HEADERS, PUSH_PROMISE: a Pad Length octet comes first, padding last.
    pub const PADDED: Self = Self(0x8);
    /// HEADERS: five octets of deprecated priority come before the field block.
    pub const PRIORITY: Self = Self(0x20);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These flags where `condition` holds, otherwise none.
    pub(super) const fn only_if(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({:#04x})", self.0)
    }
}
