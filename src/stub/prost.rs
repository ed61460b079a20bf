//! Protocol buffers by `prost`.

use super::codec::{Codec, CodecError, Encoded, Place};
use crate::call::Payload;
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use prost::Message;

/// Protocol buffers by [`prost`]: the codec of generated code.
///
/// A message is encoded straight into the send queue of the pure [`Call`](crate::Call). A received one is decoded where it
/// lies; its `bytes` fields that are declared as [`Bytes`](bytes::Bytes) share the memory of a message of 4 KiB or more.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prost;

impl<T: Message + Default + 'static> Codec<T> for Prost {
    const FALLIBLE: bool = false;

    fn size_hint(&self, message: &T) -> usize {
        message.encoded_len()
    }

    fn encode(&self, message: &T, buffer: &mut Vec<u8>) -> Result<(), CodecError> {
        message.encode(buffer).map_err(CodecError::new)
    }

    fn decode(&self, octets: Encoded<'_>) -> Result<T, CodecError> {
        match octets.into_place() {
            Place::Lent(octets) => T::decode(octets),
            Place::Shared(bytes) => T::decode(bytes),
            Place::Payload(payload) if payload.len() < SHARE_FROM => T::decode(&*payload),
            Place::Payload(payload) => T::decode(OnDemand::Lent { payload: Some(payload), read: 0 }),
        }
        .map_err(CodecError::new)
    }
}

/// From so many octets on a payload can be shared instead of copied, and a part of it is worth it.
const SHARE_FROM: usize = 4096;

/// A payload that is read where it lies, until a large part of it is to be kept: then all of it becomes shared memory.
/// So a message without such a part leaves its buffer in the connection's pool.
enum OnDemand<'a> {
    /// `None` only while it changes.
    Lent {
        payload: Option<Payload<'a>>,
        read: usize,
    },
    Shared(Bytes),
}

impl Buf for OnDemand<'_> {
    fn remaining(&self) -> usize {
        self.chunk().len()
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Lent { payload, read } => {
                payload.as_deref().and_then(|octets| octets.get(*read..)).unwrap_or_default()
            }
            Self::Shared(bytes) => bytes,
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Lent { read, .. } => *read = read.saturating_add(count),
            Self::Shared(bytes) => bytes.advance(count),
        }
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        if let Self::Lent { payload, read } = self
            && len >= SHARE_FROM
            && let Some(payload) = payload.take()
        {
            let mut bytes = payload.into_bytes();
            bytes.advance(*read);
            *self = Self::Shared(bytes);
        }
        match self {
            Self::Shared(bytes) => bytes.copy_to_bytes(len),
            Self::Lent { .. } => {
                let copy = Bytes::copy_from_slice(self.chunk().get(..len).unwrap_or_default());
                self.advance(len);
                copy
            }
        }
    }
}
