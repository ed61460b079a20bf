//! SETTINGS (RFC 9113 §6.5).

use alloc::vec::Vec;
use core::fmt;

use super::payload::{admit, length};
use super::{
    DEFAULT_MAX_FRAME_SIZE, ErrorCode, Flags, FrameError, HEAD_LEN, Head, Kind, MAX_MAX_FRAME_SIZE, MAX_WINDOW,
    StreamId,
};

/// The name of a setting (RFC 9113 §6.5.2). A newtype, not an enum: a setting that is not known must be ignored.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SettingId(pub u16);

impl SettingId {
    /// The largest dynamic table, in octets as RFC 7541 §4.1 counts them, that the peer's encoder may use; 4,096 at
    /// first.
    pub const HEADER_TABLE_SIZE: Self = Self(0x1);
    /// Whether the peer may push, 0 or 1; 1 at first.
    pub const ENABLE_PUSH: Self = Self(0x2);
    /// How many streams of the peer may be open at once; no limit at first.
    pub const MAX_CONCURRENT_STREAMS: Self = Self(0x3);
    /// The window that each stream starts with, in octets, at most 2^31 - 1; 65,535 at first.
    pub const INITIAL_WINDOW_SIZE: Self = Self(0x4);
    /// The longest payload the peer may send, in octets, 16,384 to 16,777,215; 16,384 at first.
    pub const MAX_FRAME_SIZE: Self = Self(0x5);
    /// The longest list of fields that is welcome: names, values and 32 octets each, uncompressed; no limit at first.
    pub const MAX_HEADER_LIST_SIZE: Self = Self(0x6);

    /// The name in RFC 9113 §6.5.2, "unknown" for any other setting.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HEADER_TABLE_SIZE => "HEADER_TABLE_SIZE",
            Self::ENABLE_PUSH => "ENABLE_PUSH",
            Self::MAX_CONCURRENT_STREAMS => "MAX_CONCURRENT_STREAMS",
            Self::INITIAL_WINDOW_SIZE => "INITIAL_WINDOW_SIZE",
            Self::MAX_FRAME_SIZE => "MAX_FRAME_SIZE",
            Self::MAX_HEADER_LIST_SIZE => "MAX_HEADER_LIST_SIZE",
            _ => "unknown",
        }
    }
}

impl fmt::Debug for SettingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:#x})", self.name(), self.0)
    }
}

/// One setting: `Identifier (16), Value (32)` (RFC 9113 §6.5.1).
///
/// ```
/// use grpc_sansio::frame::{ErrorCode, Setting, SettingId};
///
/// let setting = Setting { id: SettingId::INITIAL_WINDOW_SIZE, value: 0x8000_0000 };
/// assert_eq!(setting.validate().unwrap_err().code, ErrorCode::FLOW_CONTROL_ERROR);
/// assert!(Setting { id: SettingId(0xcafe), value: 1 }.validate().is_ok()); // unknown: to be ignored
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Setting {
    /// Which setting.
    pub id: SettingId,
    /// Its value, in the unit of that setting.
    pub value: u32,
}

impl Setting {
    /// Octets on the wire.
    const LEN: usize = 6;

    /// Checks that the value is one that the setting may have, whoever sent it. That only a client may set ENABLE_PUSH
    /// to 1 is for the receiver to check, who knows its side.
    ///
    /// # Errors
    ///
    /// Of the connection: `PROTOCOL_ERROR` for ENABLE_PUSH other than 0 and 1 and for MAX_FRAME_SIZE out of range,
    /// `FLOW_CONTROL_ERROR` for INITIAL_WINDOW_SIZE above 2^31 - 1 (RFC 9113 §6.5.2).
    pub fn validate(&self) -> Result<(), FrameError> {
        let (legal, code, reason) = match self.id {
            SettingId::ENABLE_PUSH => {
                (self.value <= 1, ErrorCode::PROTOCOL_ERROR, "SETTINGS_ENABLE_PUSH is neither 0 nor 1")
            }
            SettingId::INITIAL_WINDOW_SIZE => (
                self.value <= MAX_WINDOW,
                ErrorCode::FLOW_CONTROL_ERROR,
                "SETTINGS_INITIAL_WINDOW_SIZE is above the largest window",
            ),
            SettingId::MAX_FRAME_SIZE => (
                (DEFAULT_MAX_FRAME_SIZE..=MAX_MAX_FRAME_SIZE).contains(&self.value),
                ErrorCode::PROTOCOL_ERROR,
                "SETTINGS_MAX_FRAME_SIZE is out of range",
            ),
            _ => return Ok(()),
        };
        if legal { Ok(()) } else { Err(FrameError::connection(code, reason)) }
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.id.0.to_be_bytes());
        out.extend_from_slice(&self.value.to_be_bytes());
    }
}

/// A SETTINGS frame as it was received, or the acknowledgement of one (RFC 9113 §6.5).
///
/// To be sent, settings need no such value: [`Settings::encode_from`] takes a list, [`Settings::ACK`] is the
/// acknowledgement.
///
/// ```
/// use grpc_sansio::frame::{HEAD_LEN, Head, Setting, SettingId, Settings};
///
/// let no_push = Setting { id: SettingId::ENABLE_PUSH, value: 0 };
/// let list = [no_push, Setting { id: SettingId::MAX_FRAME_SIZE, value: 16_384 }];
/// let mut wire = Vec::new();
/// Settings::encode_from(&list, &mut wire);
///
/// let (head, payload) = wire.split_first_chunk::<HEAD_LEN>().unwrap();
/// let settings = Settings::parse(Head::parse(head), payload)?;
/// assert!(!settings.is_ack());
/// assert!(settings.iter().eq(list));
/// # Ok::<(), grpc_sansio::frame::FrameError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settings<'a> {
    ack: bool,
    /// Whole entries only: a multiple of six octets.
    entries: &'a [u8],
}

impl<'a> Settings<'a> {
    /// The acknowledgement.
    pub const ACK: Settings<'static> = Settings { ack: true, entries: &[] };

    /// Reads the payload of a SETTINGS frame. The values are not judged here: they apply in order, and
    /// [`Setting::validate`] judges each (RFC 9113 §6.5.3).
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`].
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::SETTINGS, payload)?;
        Ok(Self { ack: head.flags.contains(Flags::ACK), entries: payload })
    }

    /// Whether this acknowledges the peer's settings; then it has none of its own.
    pub const fn is_ack(&self) -> bool {
        self.ack
    }

    /// The settings, in the order in which they apply. One that comes twice counts twice.
    pub fn iter(&self) -> SettingsIter<'a> {
        SettingsIter { rest: self.entries }
    }

    /// The head of this frame.
    pub fn head(&self) -> Head {
        Self::head_of(self.ack, self.entries.len())
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + self.entries.len()
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend_from_slice(self.entries);
    }

    /// Appends a SETTINGS frame without ACK that holds these settings.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encode_from(settings: &[Setting], out: &mut Vec<u8>) {
        out.extend_from_slice(&Self::head_of(false, settings.len() * Setting::LEN).encode());
        for setting in settings {
            setting.put(out);
        }
    }

    fn head_of(ack: bool, octets: usize) -> Head {
        Head { length: length(octets), kind: Kind::SETTINGS, flags: Flags::ACK.only_if(ack), stream: StreamId::ZERO }
    }
}

impl<'a> IntoIterator for Settings<'a> {
    type Item = Setting;
    type IntoIter = SettingsIter<'a>;

    fn into_iter(self) -> SettingsIter<'a> {
        self.iter()
    }
}

/// The settings of one frame, in order; see [`Settings::iter`].
#[derive(Clone, Debug)]
pub struct SettingsIter<'a> {
    rest: &'a [u8],
}

impl Iterator for SettingsIter<'_> {
    type Item = Setting;

    fn next(&mut self) -> Option<Setting> {
        let (&[i0, i1, v0, v1, v2, v3], rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(Setting { id: SettingId(u16::from_be_bytes([i0, i1])), value: u32::from_be_bytes([v0, v1, v2, v3]) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.rest.len() / Setting::LEN;
        (left, Some(left))
    }
}

impl ExactSizeIterator for SettingsIter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    /// H-084 to H-089: the first and last legal value of each setting, and those next to them.
    #[test]
    fn values_are_judged_at_their_limits() {
        let verdict = |id, value| Setting { id, value }.validate().err().map(|error| error.code);
        for id in (0..=0xffff).map(SettingId) {
            let (low, high, code) = match id {
                SettingId::ENABLE_PUSH => (0, 1, ErrorCode::PROTOCOL_ERROR),
                SettingId::INITIAL_WINDOW_SIZE => (0, 0x7fff_ffff, ErrorCode::FLOW_CONTROL_ERROR),
                SettingId::MAX_FRAME_SIZE => (16_384, 16_777_215, ErrorCode::PROTOCOL_ERROR),
                _ => (0, u32::MAX, ErrorCode::NO_ERROR),
            };
            assert_eq!((verdict(id, low), verdict(id, high)), (None, None), "{id:?}");
            for outside in [low.checked_sub(1), high.checked_add(1)].into_iter().flatten() {
                assert_eq!(verdict(id, outside), Some(code), "{id:?} {outside}");
            }
        }
    }

    /// H-079: nothing is merged or sorted.
    #[test]
    fn settings_come_in_wire_order_with_repeats() {
        let list = [(4, 1), (1, 2), (4, 3), (0xcafe, 4)].map(|(id, value)| Setting { id: SettingId(id), value });
        let mut wire = Vec::new();
        Settings::encode_from(&list, &mut wire);
        let (head, payload) = wire.split_first_chunk::<HEAD_LEN>().unwrap();
        let settings = Settings::parse(Head::parse(head), payload).unwrap();
        assert!(settings.into_iter().eq(list));
    }

    #[test]
    fn the_acknowledgement_is_a_bare_head() {
        let mut wire = Vec::new();
        Settings::ACK.encode(&mut wire);
        assert_eq!(wire, [0, 0, 0, 4, 1, 0, 0, 0, 0]);
        assert_eq!(Settings::parse(Settings::ACK.head(), &[]), Ok(Settings::ACK));
    }
}
