//! String literals (RFC 7541 §5.2).

use alloc::vec::Vec;

use crate::hpack::{huffman, integer};

/// A string up to this many octets takes the Huffman code only if that saves an eighth of it. Random hexadecimal
/// digits save more, random base64 less; both passes cost some 15 instructions an octet, more than an octet of a frame
/// that is sent anyway.
const SHORT_STRING: usize = 64;

/// The longest code that a short string takes.
const SHORT_CODE: usize = SHORT_STRING / 8 * 7;

/// RFC 7541 §5.2; P-029: the Huffman code only where it pays.
pub(super) fn string(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.len() > SHORT_STRING {
        return long_string(bytes, out);
    }
    let limit = (bytes.len() - bytes.len().div_ceil(8)).min(SHORT_CODE);
    let start = out.len();
    // Of a fixed length, which is cheaper than the right one.
    out.extend_from_slice(&[0; 1 + SHORT_CODE + huffman::SLACK]);
    if let Some([first, code @ ..]) = out.last_chunk_mut::<{ 1 + SHORT_CODE + huffman::SLACK }>()
        && let Some(len @ 1..) = huffman::encode(bytes, limit, code)
    {
        // The length takes one octet.
        *first = 0x80 | len as u8;
        return out.truncate(start + 1 + len);
    }
    out.truncate(start);
    plain_string(bytes, out);
}

fn plain_string(bytes: &[u8], out: &mut Vec<u8>) {
    integer::encode(bytes.len(), 7, 0, out);
    out.extend_from_slice(bytes);
}

fn long_string(bytes: &[u8], out: &mut Vec<u8>) {
    let (start, limit) = (out.len(), bytes.len() - 1);
    // Room for the length of the longest code that pays.
    integer::encode(limit, 7, 0x80, out);
    let code_start = out.len();
    out.resize(code_start + limit + huffman::SLACK, 0);
    match huffman::encode(bytes, limit, out.get_mut(code_start..).unwrap_or_default()) {
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
