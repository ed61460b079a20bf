//! What the parsers and encoders of several types have in common: the first checks, fixed fields, padding.

use alloc::vec::Vec;

use super::{ErrorCode, Flags, FrameError, Head, Kind};

/// What every parser starts with: the frame is of its type, its payload is all there and no more, and the head is one
/// that may be.
pub(super) fn admit(head: &Head, kind: Kind, payload: &[u8]) -> Result<(), FrameError> {
    if head.kind != kind {
        // RFC 9113 §3.4, §6.10: where only one type may come, as after the preface or within a field block
        return Err(FrameError::connection(ErrorCode::PROTOCOL_ERROR, "frame of another type than expected"));
    }
    if length(payload.len()) != head.length {
        return Err(FrameError::connection(ErrorCode::FRAME_SIZE_ERROR, "payload is not as long as its head says"));
    }
    head.check_shape()
}

/// Takes the next `N` octets, a fixed field of the frame.
pub(super) fn take<'a, const N: usize>(head: &Head, payload: &'a [u8]) -> Result<(&'a [u8; N], &'a [u8]), FrameError> {
    payload.split_first_chunk().ok_or_else(|| head.wrong_length())
}

/// Takes the next four octets as a number.
pub(super) fn take_u32<'a>(head: &Head, payload: &'a [u8]) -> Result<(u32, &'a [u8]), FrameError> {
    let (octets, rest) = take(head, payload)?;
    Ok((u32::from_be_bytes(*octets), rest))
}

/// Takes the Pad Length octet if the PADDED flag announces one.
pub(super) fn take_pad_length<'a>(head: &Head, payload: &'a [u8]) -> Result<(Option<u8>, &'a [u8]), FrameError> {
    if !head.flags.contains(Flags::PADDED) {
        return Ok((None, payload));
    }
    let ([pad_length], rest) = take(head, payload)?;
    Ok((Some(*pad_length), rest))
}

/// Cuts the padding off what is left after the fixed fields. Its octets may have any value: RFC 9113 §6.1 leaves it
/// open whether to check that they are zero.
pub(super) fn strip_padding(rest: &[u8], pad_length: Option<u8>) -> Result<&[u8], FrameError> {
    let padding = usize::from(pad_length.unwrap_or(0));
    rest.len().checked_sub(padding).and_then(|end| rest.get(..end)).ok_or_else(padding_too_long)
}

/// RFC 9113 §6.1, §6.2, §6.6: padding that exceeds what is left of the frame.
pub(super) fn padding_too_long() -> FrameError {
    FrameError::connection(ErrorCode::PROTOCOL_ERROR, "padding is longer than its frame")
}

/// How many octets of payload the padding takes, its length octet included.
pub(super) fn padding_len(pad_length: Option<u8>) -> usize {
    pad_length.map_or(0, |padding| 1 + usize::from(padding))
}

/// Appends the padding itself, zeros (RFC 9113 §6.1).
#[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
pub(super) fn put_padding(pad_length: Option<u8>, out: &mut Vec<u8>) {
    out.resize(out.len() + usize::from(pad_length.unwrap_or(0)), 0);
}

/// A length in memory as a length for a head. What 32 bits cannot hold, no frame can.
pub(super) fn length(octets: usize) -> u32 {
    u32::try_from(octets).unwrap_or(u32::MAX)
}
