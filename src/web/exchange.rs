//! One request and its response, between the peer and the engine.

use super::route::Form;
use super::text::{TextDecoder, TextEncoder};
use super::trailers::Trailers;
use crate::grpc::{Code, percent};
use crate::hpack::{Field, FieldBlock};
use crate::http2::StreamKey;
use alloc::boxed::Box;
use alloc::vec::Vec;

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
    /// The response has begun.
    pub(super) answered: bool,
    /// Octets of the response that the peer has not taken: the engine's window is that much smaller.
    pub(super) owed: u32,
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

    /// The response's octets as the peer gets them: `None` where they are the same.
    pub(super) fn encode(&mut self, octets: &[u8]) -> Option<Vec<u8>> {
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
