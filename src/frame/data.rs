//! DATA (RFC 9113 §6.1).

use alloc::vec::Vec;

use super::payload::{admit, length, padding_len, padding_too_long, put_padding, strip_padding, take_pad_length};
use super::{Flags, FrameError, HEAD_LEN, Head, Kind, StreamId};

/// A DATA frame: octets of a stream's content (RFC 9113 §6.1).
///
/// Flow control counts the whole payload, which is [`head().length`](Self::head): data, padding and the Pad Length
/// octet.
///
/// ```
/// use grpc_sansio::frame::{Data, StreamId};
///
/// let data = Data { stream: StreamId::new(1), data: b"hello", padding: Some(3), end_stream: true };
/// assert_eq!(data.head().length, 1 + 5 + 3);
/// let mut wire = Vec::new();
/// data.encode(&mut wire);
/// assert_eq!(wire, b"\0\0\x09\x00\x09\0\0\0\x01\x03hello\0\0\0");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Data<'a> {
    /// The stream, never zero in a parsed frame.
    pub stream: StreamId,
    /// The content, padding removed.
    pub data: &'a [u8],
    /// The Pad Length octet if there was one: that many octets of padding follow the data.
    pub padding: Option<u8>,
    /// Nothing follows on this stream.
    pub end_stream: bool,
}

impl<'a> Data<'a> {
    /// Reads the payload of a DATA frame.
    ///
    /// # Errors
    ///
    /// Those of [`Head::check`], and `PROTOCOL_ERROR` for the connection where the padding is not shorter than the
    /// payload.
    pub fn parse(head: Head, payload: &'a [u8]) -> Result<Self, FrameError> {
        admit(&head, Kind::DATA, payload)?;
        let (padding, rest) = take_pad_length(&head, payload)?;
        let data = strip_padding(rest, padding)?;
        Ok(Self { stream: head.stream, data, padding, end_stream: head.flags.contains(Flags::END_STREAM) })
    }

    /// The head of this frame.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn head(&self) -> Head {
        Head {
            length: length(padding_len(self.padding) + self.data.len()),
            kind: Kind::DATA,
            flags: Flags::END_STREAM.only_if(self.end_stream) | Flags::PADDED.only_if(self.padding.is_some()),
            stream: self.stream,
        }
    }

    /// Octets that [`encode`](Self::encode) appends, head included.
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub fn encoded_len(&self) -> usize {
        HEAD_LEN + padding_len(self.padding) + self.data.len()
    }

    /// Appends the frame. To send without copying the data, send the octets of [`head`](Self::head) and then the data.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head().encode());
        out.extend(self.padding);
        out.extend_from_slice(self.data);
        put_padding(self.padding, out);
    }
}

/// The octets of padding at the end of a DATA frame, for a reader that sees its payload in pieces.
///
/// `pad_length` is the first octet of the payload, which is there if the head has the PADDED flag; without the flag the
/// answer is 0, whatever it is. What is left of `head.length` after the Pad Length octet and the padding is data.
///
/// ```
/// use grpc_sansio::frame::{Flags, Head, Kind, StreamId, data_padding};
///
/// let head = Head { length: 10, kind: Kind::DATA, flags: Flags::PADDED, stream: StreamId::new(1) };
/// assert_eq!(data_padding(&head, 4), Ok(4)); // 1 + 5 octets of data + 4
/// assert_eq!(data_padding(&head, 9), Ok(9)); // no data at all
/// assert!(data_padding(&head, 10).is_err());
/// ```
///
/// # Errors
///
/// `PROTOCOL_ERROR` where the padding is not shorter than the payload (RFC 9113 §6.1), `FRAME_SIZE_ERROR` where the
/// payload has no room for the Pad Length octet; both for the connection.
pub fn data_padding(head: &Head, pad_length: u8) -> Result<u32, FrameError> {
    if !head.flags.contains(Flags::PADDED) {
        return Ok(0);
    }
    let room = head.length.checked_sub(1).ok_or_else(|| head.wrong_length())?;
    let padding = u32::from(pad_length);
    if padding > room { Err(padding_too_long()) } else { Ok(padding) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{ErrorCode, Scope};
    use alloc::vec;

    fn padded(length: u32) -> Head {
        Head { length, kind: Kind::DATA, flags: Flags::PADDED, stream: StreamId::new(1) }
    }

    /// T-49, H-057, H-059: data, padding and the Pad Length octet make up what flow control counted, or nothing does.
    #[test]
    fn every_padding_in_every_length_accounts_for_each_octet() {
        for length in 0..=300_u32 {
            for pad_length in 0..=255_u8 {
                let head = padded(length);
                let mut payload = vec![0xaa; length as usize];
                if let Some(first) = payload.first_mut() {
                    *first = pad_length;
                }
                let data = Data::parse(head, &payload);
                let trailing = data_padding(&head, pad_length);
                let refusal = match (length, u32::from(pad_length)) {
                    (0, _) => Some(ErrorCode::FRAME_SIZE_ERROR),
                    (length, padding) if padding >= length => Some(ErrorCode::PROTOCOL_ERROR),
                    _ => None,
                };
                if let Some(code) = refusal {
                    let error = data.unwrap_err();
                    assert_eq!((error.code, error.scope), (code, Scope::Connection), "{length} {pad_length}");
                    assert_eq!(trailing, Err(error), "{length} {pad_length}");
                } else {
                    let (data, trailing) = (data.unwrap(), trailing.unwrap());
                    assert_eq!((data.padding, trailing), (Some(pad_length), u32::from(pad_length)));
                    assert_eq!(data.data.len() + trailing as usize + 1, length as usize);
                    assert_eq!(data.head().length, length);
                }
            }
        }
    }

    #[test]
    fn without_the_flag_the_first_octet_is_data() {
        let head = Head { flags: Flags::END_STREAM, ..padded(3) };
        let data = Data::parse(head, &[200, 1, 2]).unwrap();
        assert_eq!((data.data, data.padding, data.end_stream), (&[200, 1, 2][..], None, true));
        assert_eq!(data_padding(&head, 200), Ok(0));
    }

    /// H-058
    #[test]
    fn padding_is_sent_as_zeros_and_taken_as_anything() {
        let data = Data { stream: StreamId::new(1), data: b"x", padding: Some(2), end_stream: false };
        let mut wire = Vec::new();
        data.encode(&mut wire);
        assert_eq!(wire.get(HEAD_LEN..), Some(&[2, b'x', 0, 0][..]));
        assert_eq!(Data::parse(padded(4), &[2, b'x', 7, 9]), Ok(data));
    }
}
