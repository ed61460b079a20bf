//! One request and its response, between the peer and the engine.

use super::route::Form;
use super::text::{TextDecoder, TextEncoder};
use super::trailers::Trailers;
use crate::grpc::message::PREFIX_LEN;
use crate::grpc::{Code, percent};
use crate::hpack::{Field, FieldBlock};
use crate::http2::StreamKey;
use alloc::boxed::Box;
use alloc::vec::Vec;
use bytes::Bytes;

/// What the link keeps of each stream to the engine.
#[derive(Clone, Debug, Default)]
pub(super) struct Exchange {
    /// The peer's stream, over HTTP/2.
    pub(super) outer: Option<StreamKey>,
    /// The request's head, until it is sent.
    pub(super) head: FieldBlock,
    /// The request's trailers, likewise.
    pub(super) trailers: FieldBlock,
    /// `None` for native gRPC, which goes through as it is.
    form: Option<Box<Form>>,
    decoder: Option<TextDecoder>,
    encoder: Option<TextEncoder>,
    /// Where the response's octets stand that were handed out.
    boundary: Boundary,
    /// The response has begun.
    pub(super) answered: bool,
    /// Octets of the response that the peer has not taken: the engine's window is that much smaller.
    pub(super) owed: u32,
}

/// Counts octets of messages, each behind its prefix.
#[derive(Clone, Debug, Default)]
struct Boundary {
    prefix: [u8; PREFIX_LEN],
    prefix_len: usize,
    /// Octets of the message that are still to come.
    left: usize,
}

impl Boundary {
    fn pass(&mut self, mut octets: &[u8]) {
        while !octets.is_empty() {
            if self.left > 0 {
                let count = self.left.min(octets.len());
                self.left = self.left.saturating_sub(count);
                octets = octets.get(count..).unwrap_or_default();
                continue;
            }
            let place = self.prefix.get_mut(self.prefix_len..).unwrap_or_default();
            let count = place.len().min(octets.len());
            let (start, rest) = octets.split_at(count);
            place.get_mut(..count).unwrap_or_default().copy_from_slice(start);
            self.prefix_len = self.prefix_len.saturating_add(count);
            octets = rest;
            if self.prefix_len == PREFIX_LEN {
                let [_, length @ ..] = self.prefix;
                (self.left, self.prefix_len) = (u32::from_be_bytes(length) as usize, 0);
            }
        }
    }

    fn is_between(&self) -> bool {
        self.prefix_len == 0 && self.left == 0
    }
}

impl Exchange {
    pub(super) fn native(outer: StreamKey, head: FieldBlock) -> Self {
        Self { outer: Some(outer), head, ..Self::default() }
    }

    pub(super) fn web(outer: Option<StreamKey>, form: Box<Form>, head: FieldBlock) -> Self {
        let decoder = form.text_request.then(TextDecoder::default);
        let encoder = form.response.text.then(TextEncoder::default);
        Self { outer, head, form: Some(form), decoder, encoder, ..Self::default() }
    }

    pub(super) fn is_web(&self) -> bool {
        self.form.is_some()
    }

    /// The request's octets as the engine gets them: `None` where they are the same.
    pub(super) fn decode(&mut self, octets: &[u8]) -> Option<Result<Vec<u8>, super::InvalidText>> {
        let decoder = self.decoder.as_mut()?;
        let mut decoded = Vec::with_capacity(octets.len());
        Some(decoder.push(octets, &mut decoded).map(|()| decoded))
    }

    /// Whether the request may end here.
    pub(super) fn is_whole(&self) -> bool {
        self.decoder.as_ref().is_none_or(|decoder| decoder.finish().is_ok())
    }

    /// The response's body as the peer gets it.
    pub(super) fn response_body(&mut self, octets: Bytes) -> Bytes {
        self.boundary.pass(&octets);
        self.encode(&octets).map_or(octets, Bytes::from)
    }

    /// Whether a frame may follow what was handed out of the response.
    pub(super) fn is_between_messages(&self) -> bool {
        self.boundary.is_between()
    }

    /// Octets of the response as the peer gets them: `None` where they are the same.
    fn encode(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
        let encoder = self.encoder.as_mut()?;
        let mut text = Vec::with_capacity(octets.len().div_ceil(3).saturating_mul(4).saturating_add(4));
        encoder.push(octets, &mut text);
        Some(text)
    }

    /// The response's head as the peer gets it. Trailers-Only stays what it is: the status in a head without a body
    /// (G-319).
    pub(super) fn response_head(&mut self, status: u16, fields: &FieldBlock) -> FieldBlock {
        self.answered = true;
        let Some(form) = &self.form else { return fields.fields().collect() };
        if status != 200 {
            // A refusal of the engine's, with a body that is no gRPC.
            self.encoder = None;
        }
        let mut head = FieldBlock::new();
        for field in fields.fields() {
            match field.name {
                b"content-type" if status == 200 => {
                    head.push(Field::new(b"content-type", &form.response.to_vec()));
                }
                _ => head.push(field),
            }
        }
        if let Some(grant) = &form.grant {
            grant.push(&mut head);
        }
        head
    }

    /// The response's trailers as the last frame of its body (G-318).
    pub(super) fn trailers_frame(&mut self, trailers: &FieldBlock) -> Vec<u8> {
        let frame = Trailers::encode(trailers.fields().map(|field| (field.name, field.value)));
        self.encode(&frame).unwrap_or(frame)
    }

    /// The status of a call that fails on the way, as trailers.
    pub(super) fn failure(code: Code, message: &str) -> FieldBlock {
        let mut encoded = Vec::new();
        percent::encode_into(message, &mut encoded);
        let mut trailers = FieldBlock::new();
        trailers.push(Field::new(b"grpc-status", code.as_str_number().as_bytes()));
        trailers.push(Field::new(b"grpc-message", &encoded));
        trailers
    }

    /// The same as a whole response.
    pub(super) fn failed_head(&mut self, code: Code, message: &str) -> FieldBlock {
        let mut head = FieldBlock::new();
        head.push(Field::new(b":status", b"200"));
        head.push(Field::new(b"content-type", b"application/grpc"));
        Self::failure(code, message).fields().for_each(|field| head.push(field));
        self.response_head(200, &head)
    }
}

#[cfg(test)]
mod tests {
    use super::Boundary;
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        /// Wherever the octets are cut, it is between messages exactly where one has ended.
        #[test]
        fn it_is_between_messages_where_one_has_ended(
            lens in prop::collection::vec(0..40u32, 0..8),
            cut in 0..300usize,
        ) {
            let (mut octets, mut ends) = (Vec::new(), Vec::from([0]));
            for len in lens {
                octets.push(0);
                octets.extend_from_slice(&len.to_be_bytes());
                octets.resize(octets.len() + len as usize, 0x80);
                ends.push(octets.len());
            }
            let cut = cut.min(octets.len());
            let mut boundary = Boundary::default();
            octets[..cut].chunks(7).for_each(|piece| boundary.pass(piece));
            prop_assert_eq!(boundary.is_between(), ends.contains(&cut));
        }
    }
}
