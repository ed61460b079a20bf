//! String literals (RFC 7541 §5.2).

use alloc::vec::Vec;

use crate::hpack::{huffman, integer};

/// A string up to this many octets takes the Huffman code only if that saves an eighth of it. Random hexadecimal
/// digits save more, random base64 less; both passes cost some 15 instructions an octet, more than an octet of a frame
/// that is sent anyway.
const SHORT_STRING: usize = 64;

/// The octets before a string: at most three, from the lowest of the word on.
#[derive(Clone, Copy)]
pub(super) struct Prefix {
    octets: u32,
    len: usize,
}

impl Prefix {
    pub(super) const NONE: Self = Self { octets: 0, len: 0 };

    /// Up to three octets that are known.
    #[inline(always)]
    pub(super) const fn known((octets, len): (u32, usize)) -> Self {
        Self { octets, len }
    }

    /// An integer as [`integer::encode`] writes it; `None` for one that takes more octets.
    #[inline(always)]
    pub(super) const fn integer(value: usize, prefix_bits: u32, pattern: u8) -> Option<Self> {
        let mask = (1 << prefix_bits) - 1;
        let first = pattern as u32;
        if value < mask {
            return Some(Self { octets: first | value as u32, len: 1 });
        }
        let (first, rest) = (first | mask as u32, (value - mask) as u32);
        match value - mask {
            ..0x80 => Some(Self { octets: first | rest << 8, len: 2 }),
            0x80..0x4000 => Some(Self { octets: first | (rest & 0x7f | 0x80) << 8 | (rest >> 7) << 16, len: 3 }),
            _ => None,
        }
    }
}

/// Writes a string behind what is to stand before it. RFC 7541 §5.2; P-029: the Huffman code only where it pays.
#[expect(
    clippy::indexing_slicing,
    reason = "three octets, a length, and 64 octets at most, where there is room for 72"
)]
pub(super) fn string(Prefix { octets, len: prefix_len }: Prefix, bytes: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    if bytes.len() > SHORT_STRING {
        out.extend_from_slice(&octets.to_le_bytes());
        out.truncate(start + prefix_len);
        return long_string(bytes, out);
    }
    // Of a fixed length, which is cheaper than the right one. A length of either form takes one octet.
    out.extend_from_slice(&[0; huffman::SHORT_ROOM]);
    let Some(room) = out.last_chunk_mut::<{ huffman::SHORT_ROOM }>() else { return };
    let prefix = octets.to_le_bytes();
    let place = prefix_len % prefix.len() + 1;
    room[..prefix.len()].copy_from_slice(&prefix);
    let end = huffman::encode_short(bytes, place, room);
    let code_len = end - place;
    if code_len > 0 && code_len <= bytes.len() - bytes.len().div_ceil(8) {
        room[place - 1] = 0x80 | code_len as u8;
        return out.truncate(start + end);
    }
    // A code that is too long may have come over the prefix.
    room[..prefix.len()].copy_from_slice(&prefix);
    room[place - 1] = bytes.len() as u8;
    room[place..place + bytes.len()].copy_from_slice(bytes);
    out.truncate(start + place + bytes.len());
}

fn plain_string(bytes: &[u8], out: &mut Vec<u8>) {
    integer::encode(bytes.len(), 7, 0, out);
    out.extend_from_slice(bytes);
}

#[inline(never)]
fn long_string(bytes: &[u8], out: &mut Vec<u8>) {
    let (start, limit) = (out.len(), bytes.len() - 1);
    // Room for the length of the longest code that pays.
    integer::encode(limit, 7, 0x80, out);
    let code_start = out.len();
    out.resize(code_start + limit + huffman::SLACK, 0);
    match huffman::encode(bytes, out.get_mut(code_start..).unwrap_or_default()) {
        Some(len) => {
            out.truncate(code_start + len);
            set_length(start, code_start, len, out);
        }
        None => {
            out.truncate(start);
            plain_string(bytes, out);
        }
    }
}

/// Writes the length `len` at `start`, of the code at `code_start`, before which there is room for a length as long.
fn set_length(start: usize, code_start: usize, len: usize, out: &mut Vec<u8>) {
    let end = out.len();
    integer::encode(len, 7, 0x80, out);
    let prefix_len = out.len() - end;
    if let Some(code) = out.get_mut(code_start..) {
        code.rotate_right(prefix_len);
    }
    out.drain(start..code_start);
}
