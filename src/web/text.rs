//! The text form: bodies in base64, padded wherever the sender flushed (G-321, G-322).

use crate::grpc::message::{PREFIX_LEN, Prefix};
use alloc::vec::Vec;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Octets that are no base64, or that end inside a group of four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("the body is not base64 (RFC 4648 section 4)")]
pub struct InvalidText;

/// Undoes base64 as it comes, cut anyhow. Padding ends a group of four, and another may follow.
///
/// ```
/// use grpc_sansio::web::TextDecoder;
///
/// let (mut decoder, mut octets) = (TextDecoder::default(), Vec::new());
/// decoder.push(b"aGVs", &mut octets)?;
/// decoder.push(b"bG8=IQ=", &mut octets)?;
/// decoder.push(b"=", &mut octets)?;
/// decoder.finish()?;
/// assert_eq!(octets, b"hello!");
/// # Ok::<(), grpc_sansio::web::InvalidText>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TextDecoder {
    group: Vec<u8>,
}

impl TextDecoder {
    /// Appends to `output` what `text` stands for, three octets for four.
    ///
    /// # Errors
    ///
    /// [`InvalidText`]: the stream is of no more use.
    pub fn push(&mut self, mut text: &[u8], output: &mut Vec<u8>) -> Result<(), InvalidText> {
        if !self.group.is_empty() {
            let (missing, rest) = text.split_at(4_usize.saturating_sub(self.group.len()).min(text.len()));
            self.group.extend_from_slice(missing);
            text = rest;
            if self.group.len() < 4 {
                return Ok(());
            }
            decode(&self.group, output)?;
            self.group.clear();
        }
        let (mut whole, rest) = text.split_at(text.len() & !3);
        self.group.extend_from_slice(rest);
        while !whole.is_empty() {
            // A run goes on to the end of the first group with padding in it.
            let padding = whole.iter().position(|octet| *octet == b'=');
            let end = padding.map_or(whole.len(), |at| (at | 3).saturating_add(1));
            let (run, later) = whole.split_at(end.min(whole.len()));
            decode(run, output)?;
            whole = later;
        }
        Ok(())
    }

    /// The text has ended.
    ///
    /// # Errors
    ///
    /// [`InvalidText`] inside a group.
    pub fn finish(&self) -> Result<(), InvalidText> {
        if self.group.is_empty() { Ok(()) } else { Err(InvalidText) }
    }
}

fn decode(run: &[u8], output: &mut Vec<u8>) -> Result<(), InvalidText> {
    STANDARD.decode_vec(run, output).map_err(|_| InvalidText)
}

/// Writes a stream of frames as base64, each frame padded for itself, so that whoever reads it has a frame as soon as it
/// is whole (G-322). The frames may be cut anyhow.
#[derive(Clone, Debug, Default)]
pub struct TextEncoder {
    prefix: Vec<u8>,
    /// Octets of the frame still to come, behind its prefix.
    left: u32,
    /// One or two octets that are less than a group.
    carry: Vec<u8>,
}

impl TextEncoder {
    /// Appends the text of `octets` to `output`, but for up to two octets of a frame that is not whole yet.
    pub fn push(&mut self, mut octets: &[u8], output: &mut Vec<u8>) {
        while !octets.is_empty() {
            let missing = PREFIX_LEN.saturating_sub(self.prefix.len());
            let most = if missing > 0 { missing } else { self.left as usize };
            let (piece, rest) = octets.split_at(most.min(octets.len()));
            octets = rest;
            if missing > 0 {
                self.prefix.extend_from_slice(piece);
                if let Some([_, length @ ..]) = self.prefix.first_chunk::<PREFIX_LEN>() {
                    self.left = u32::from_be_bytes(*length);
                }
            } else {
                self.left = self.left.saturating_sub(piece.len() as u32);
            }
            self.put(piece, output);
            if self.prefix.len() == PREFIX_LEN && self.left == 0 {
                encode(&self.carry, output);
                self.carry.clear();
                self.prefix.clear();
            }
        }
    }

    fn put(&mut self, mut piece: &[u8], output: &mut Vec<u8>) {
        if !self.carry.is_empty() {
            let (missing, rest) = piece.split_at(3_usize.saturating_sub(self.carry.len()).min(piece.len()));
            self.carry.extend_from_slice(missing);
            piece = rest;
            if self.carry.len() < 3 {
                return;
            }
            encode(&self.carry, output);
            self.carry.clear();
        }
        let (groups, rest) = piece.split_at(piece.len().saturating_sub(piece.len() % 3));
        encode(groups, output);
        self.carry.extend_from_slice(rest);
    }
}

fn encode(octets: &[u8], output: &mut Vec<u8>) {
    let start = output.len();
    let length = octets.len().div_ceil(3).saturating_mul(4);
    output.resize(start.saturating_add(length), 0);
    if let Some(place) = output.get_mut(start..) {
        // The place has exactly the length that it takes.
        let _ = STANDARD.encode_slice(octets, place);
    }
}

/// The frame with trailers in it, as it goes into a body.
pub(super) fn frame(flag: u8, payload: &[u8]) -> Vec<u8> {
    let mut head = Prefix { compressed: false, length: payload.len() as u32 }.encode();
    if let Some(first) = head.first_mut() {
        *first = flag;
    }
    [&head, payload].concat()
}
