//! Answers that no call stands behind: preflights, pages, refusals.

use super::error::Error;
use crate::hpack::{Field, FieldBlock};
use alloc::string::ToString;
use bytes::Bytes;

/// A whole response, whatever the version of HTTP.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) fields: FieldBlock,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn empty(status: u16) -> Self {
        Self { status, fields: FieldBlock::new(), body: Bytes::new() }
    }

    pub(super) fn with(status: u16, content_type: &str, body: Bytes) -> Self {
        let mut answer = Self { body, ..Self::empty(status) };
        answer.fields.push(Field::new(b"content-type", content_type.as_bytes()));
        answer
    }

    /// One line that says why.
    pub(super) fn refusal(status: u16, why: &str) -> Self {
        let mut line = why.to_string();
        line.push('\n');
        Self::with(status, "text/plain", Bytes::from(line))
    }

    pub(super) fn error(error: &Error) -> Self {
        Self::refusal(error.http_status(), &error.to_string())
    }

    pub(super) fn also(mut self, name: &str, value: &str) -> Self {
        self.fields.push(Field::new(name.as_bytes(), value.as_bytes()));
        self
    }
}
