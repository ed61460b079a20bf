//! Bodies of HTTP/1.1 requests: by length, and in chunks (RFC 9112 §6, §7).

use super::error::Error;
use super::request::Framing;
use alloc::vec::Vec;
use bytes::{Buf, Bytes, BytesMut};

/// Octets of one line of chunked framing, extensions included. Nobody uses them.
const LONGEST_LINE: usize = 256;

/// Octets of all trailers, which are read and dropped: gRPC-Web requests have none.
const LONGEST_TRAILERS: usize = 4 * 1024;

/// Where a chunked body stands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// In the line with a chunk's size.
    Size,
    /// So many octets of it are still to come; `None` for a body by length.
    Data(u64),
    /// Before the CR LF behind a chunk.
    AfterData,
    /// In the trailers, of which so many octets have come.
    Trailers(usize),
    Done,
}

/// Reads one body as it arrives.
#[derive(Clone, Debug)]
pub(super) struct Body {
    phase: Phase,
    chunked: bool,
    /// The octets of a line that has not ended.
    line: Vec<u8>,
    taken: u64,
    most: u64,
}

impl Body {
    /// A body of at most `most` octets.
    pub(super) fn new(framing: Framing, most: u64) -> Result<Self, Error> {
        let (phase, chunked) = match framing {
            Framing::Chunked => (Phase::Size, true),
            Framing::Length(0) => (Phase::Done, false),
            Framing::Length(length) if length > most => return Err(Error::BodyTooLong(most)),
            Framing::Length(length) => (Phase::Data(length), false),
        };
        Ok(Self { phase, chunked, line: Vec::new(), taken: 0, most })
    }

    pub(super) fn is_done(&self) -> bool {
        self.phase == Phase::Done
    }

    /// The next octets of content in `input`, at most `most` of them; `None` once more input is needed, or the body is
    /// done.
    pub(super) fn read(&mut self, input: &mut BytesMut, most: usize) -> Result<Option<Bytes>, Error> {
        loop {
            match self.phase {
                Phase::Done => return Ok(None),
                Phase::Data(left) => {
                    let count = input.len().min(most).min(usize::try_from(left).unwrap_or(usize::MAX));
                    if count == 0 {
                        return Ok(None);
                    }
                    self.phase = match left.saturating_sub(count as u64) {
                        0 if self.chunked => Phase::AfterData,
                        0 => Phase::Done,
                        left => Phase::Data(left),
                    };
                    return Ok(Some(input.split_to(count).freeze()));
                }
                Phase::Size => {
                    let Some(line) = self.take_line(input)? else { return Ok(None) };
                    let size = parse_size(&line)?;
                    self.taken = self.taken.saturating_add(size);
                    if self.taken > self.most {
                        return Err(Error::BodyTooLong(self.most));
                    }
                    self.phase = if size == 0 { Phase::Trailers(0) } else { Phase::Data(size) };
                }
                Phase::AfterData => {
                    let Some(line) = self.take_line(input)? else { return Ok(None) };
                    if line != b"\r\n" {
                        return Err(Error::Malformed("a chunk is longer than its size"));
                    }
                    self.phase = Phase::Size;
                }
                Phase::Trailers(before) => {
                    let Some(line) = self.take_line(input)? else { return Ok(None) };
                    let total = before.saturating_add(line.len());
                    if total > LONGEST_TRAILERS {
                        return Err(Error::Malformed("the trailers of a chunked body are too long"));
                    }
                    self.phase = if line == b"\r\n" { Phase::Done } else { Phase::Trailers(total) };
                }
            }
        }
    }

    /// A whole line with its CR LF, once it is there.
    fn take_line(&mut self, input: &mut BytesMut) -> Result<Option<Vec<u8>>, Error> {
        let end = input.iter().position(|octet| *octet == b'\n').map(|at| at.saturating_add(1));
        let count = end.unwrap_or(input.len());
        if self.line.len().saturating_add(count) > LONGEST_LINE {
            return Err(Error::Malformed("a line of a chunked body is too long"));
        }
        self.line.extend_from_slice(input.get(..count).unwrap_or_default());
        input.advance(count);
        if end.is_none() {
            return Ok(None);
        }
        let line = core::mem::take(&mut self.line);
        let crs = line.iter().filter(|octet| **octet == b'\r').count();
        // Others may take a single LF or CR for the end of the line, and see another chunk.
        if crs != 1 || !line.ends_with(b"\r\n") {
            return Err(Error::Malformed("a line of a chunked body does not end with CR LF"));
        }
        Ok(Some(line))
    }
}

/// RFC 9112 §7.1. At least one digit, which httparse does not insist on.
fn parse_size(line: &[u8]) -> Result<u64, Error> {
    let malformed = Error::Malformed("a chunk's size is not a hexadecimal number");
    if !line.first().is_some_and(u8::is_ascii_hexdigit) {
        return Err(malformed);
    }
    match httparse::parse_chunk_size(line) {
        Ok(httparse::Status::Complete((_, size))) => Ok(size),
        _ => Err(malformed),
    }
}
