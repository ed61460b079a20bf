//! Any value out of any octets, for fuzzers.
//!
//! Values are such as the library accepts: limits that build, metadata that may be sent, exchanges that are complete. Fewer
//! octets make smaller values.

use super::chunking::Chunking;
use super::conversation::{Conversation, Exchange};
use super::link::Cut;
use crate::config::Limits;
use crate::grpc::reserved::is_reserved;
use crate::grpc::{Block, Code, Kind, Message, Metadata, Status};
use ::arbitrary::{Arbitrary, Result, Unstructured};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

impl<'a> Arbitrary<'a> for Code {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&Self::ALL).copied()
    }
}

impl<'a> Arbitrary<'a> for Kind {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        u.choose(&[Self::Unary, Self::ClientStreaming, Self::ServerStreaming, Self::BidiStreaming]).copied()
    }
}

/// A message of any characters, and details of any octets.
impl<'a> Arbitrary<'a> for Status {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (code, message) = (Code::arbitrary(u)?, String::arbitrary(u)?);
        Ok(Self::new(code, message).with_details(up_to(u, 40)?))
    }
}

/// Up to six entries, text and binary, some of them sensitive; names may repeat.
impl<'a> Arbitrary<'a> for Metadata {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        const NAME: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789_-.";
        let mut metadata = Self::new();
        for _ in 0..u.int_in_range(0..=6)? {
            let letters = (0..u.int_in_range(1..=12)?).map(|_| u.choose(NAME).map(|letter| char::from(*letter)));
            let mut name: String = letters.collect::<Result<_>>()?;
            // A name that belongs to the protocol, or a value where the name wants another kind: one entry less.
            if is_reserved(name.as_bytes(), Block::Request) {
                continue;
            }
            _ = match u.int_in_range(0..=3)? {
                0 | 1 => metadata.append(name.as_str(), &text(u)?),
                2 => metadata.append_sensitive(name.as_str(), &text(u)?),
                _ => {
                    name.push_str("-bin");
                    metadata.append_bin(name.as_str(), &up_to(u, 40)?)
                }
            };
        }
        Ok(metadata)
    }
}

/// Mostly short, sometimes longer than a frame, rarely longer than a window; sometimes flagged as compressed.
impl<'a> Arbitrary<'a> for Message {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let data = payload(u)?;
        Ok(if u.ratio(1, 8)? { Self::compressed(data) } else { Self::new(data) })
    }
}

/// Limits that do not contradict each other. Guards and timeouts stay at their defaults.
impl<'a> Arbitrary<'a> for Limits {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut limits = Self::default();
        limits.call_window = u.int_in_range(65_535..=1 << 20)?;
        limits.max_call_window = u.int_in_range(0..=1 << 20)?;
        limits.connection_window = limits.call_window * u.int_in_range(1..=8)?;
        let longest = u.int_in_range(0..=1 << 20)?;
        limits.max_receive_message = Some(longest);
        limits.assembly_budget = longest + u.int_in_range(1_024..=1 << 20)?;
        limits.max_send_message = Option::arbitrary(u)?;
        limits.send_queue_per_call = u.int_in_range(0..=1 << 17)?;
        limits.send_queue_per_connection = limits.send_queue_per_call * u.int_in_range(1..=8)?;
        limits.max_concurrent_calls = u.int_in_range(1..=200)?;
        limits.max_waiting_calls = u.int_in_range(0..=200)?;
        limits.max_header_list = u.int_in_range(1_024..=1 << 16)?;
        limits.max_header_block = limits.max_header_list * u.int_in_range(1..=4)?;
        limits.held_headers = limits.max_header_list * u.int_in_range(1..=16)?;
        limits.max_header_fields = u.int_in_range(8..=512)?;
        limits.max_frame = u.int_in_range(16_384..=1 << 17)?;
        limits.max_send_frame = u.int_in_range(1..=1 << 17)?;
        limits.decoder_table = u.int_in_range(0..=1 << 14)?;
        limits.encoder_table = u.int_in_range(0..=1 << 14)?;
        limits.copy_below = u.int_in_range(1_024..=1 << 16)?;
        Ok(limits)
    }
}

impl<'a> Arbitrary<'a> for Cut {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        Ok(match u.int_in_range(0..=2)? {
            0 => Self::Whole,
            1 => Self::AtMost(u.int_in_range(1..=4_096)?),
            _ => Self::Random,
        })
    }
}

impl<'a> Arbitrary<'a> for Chunking {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let lengths = (0..u.int_in_range(0..=8)?).map(|_| u.int_in_range(1..=300));
        lengths.collect::<Result<Vec<usize>>>().map(Self::new)
    }
}

/// Complete, whatever its kind; messages are not compressed, and small enough for the limits of a [`Conversation`].
impl<'a> Arbitrary<'a> for Exchange {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let (kind, status) = (Kind::arbitrary(u)?, Status::arbitrary(u)?);
        let messages = |u: &mut Unstructured<'a>, streams: bool| {
            let count = if streams { u.int_in_range(0..=4)? } else { 1 };
            (0..count).map(|_| payload(u).map(Message::new)).collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            kind,
            metadata: Metadata::arbitrary(u)?,
            requests: messages(u, kind.client_streams())?,
            head: Metadata::arbitrary(u)?,
            responses: if kind.server_streams() || status.is_ok() {
                messages(u, kind.server_streams())?
            } else {
                vec![]
            },
            status,
            trailers: Metadata::arbitrary(u)?,
        })
    }
}

/// Up to five calls within their limits, so that every word of them arrives.
impl<'a> Arbitrary<'a> for Conversation {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let mut limits = Limits::arbitrary(u)?;
        (limits.max_receive_message, limits.max_send_message) = (Some(LONGEST), None);
        limits.assembly_budget = limits.assembly_budget.max(LONGEST + 1_024);
        (limits.max_waiting_calls, limits.max_header_fields) = (200, 512);
        (limits.max_header_list, limits.max_header_block, limits.held_headers) = (1 << 16, 1 << 16, 1 << 20);
        // Octet by octet, a long message would take seconds.
        limits.max_send_frame = limits.max_send_frame.max(1_024);
        let cut = match Cut::arbitrary(u)? {
            Cut::AtMost(most) => Cut::AtMost(most.max(100)),
            cut => cut,
        };
        Ok(Self {
            seed: u.arbitrary()?,
            limits,
            cut,
            delay: Duration::from_millis(u.int_in_range(0..=200)?),
            exchanges: (0..u.int_in_range(1..=5)?).map(|_| Exchange::arbitrary(u)).collect::<Result<_>>()?,
        })
    }
}

/// The longest payload that is drawn.
const LONGEST: u32 = 100_000;

fn payload(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let len = match u.int_in_range(0..=15)? {
        0..=11 => return up_to(u, 60),
        12..=14 => u.int_in_range(60..=20_000)?,
        _ => u.int_in_range(20_000..=LONGEST as usize)?,
    };
    // A pattern, so that a long one does not use up the octets of all that follows.
    let (first, step) = (u8::arbitrary(u)?, u8::arbitrary(u)?);
    Ok((0..len).map(|at| first.wrapping_add(step.wrapping_mul(at as u8))).collect())
}

fn up_to(u: &mut Unstructured<'_>, most: usize) -> Result<Vec<u8>> {
    let len = u.int_in_range(0..=most)?;
    (0..len).map(|_| u8::arbitrary(u)).collect()
}

/// Visible ASCII, and blanks.
fn text(u: &mut Unstructured<'_>) -> Result<String> {
    let len = u.int_in_range(0..=40)?;
    (0..len).map(|_| u.int_in_range(b' '..=b'~').map(char::from)).collect()
}
