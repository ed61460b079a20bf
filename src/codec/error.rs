//! What goes wrong with compressed messages.

use super::output::Full;
use crate::grpc::{Code, Layer, Retry, Side, Status};
use alloc::borrow::Cow;
use alloc::string::String;

/// Why a [`Codec`](super::Codec) gave up, in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{0}")]
pub struct CodecFault(Cow<'static, str>);

impl CodecFault {
    /// A fault with this reason, which the peer is told.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }
}

impl From<Full> for CodecFault {
    fn from(_: Full) -> Self {
        Self::new("there is no more room")
    }
}

#[cfg(feature = "std")]
impl From<std::io::Error> for CodecFault {
    fn from(error: std::io::Error) -> Self {
        Self::new(alloc::format!("{error}"))
    }
}

/// Why a message cannot be decompressed. It concerns its call only; the connection goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The message is compressed, but the head names no coding (G-096).
    #[error("a message is compressed, but the head names no grpc-encoding (G-096)")]
    NoCoding,
    /// There is no codec for the coding that the head names.
    #[error("there is no codec for grpc-encoding {coding:?} (G-095)")]
    Unknown {
        /// What the head says.
        coding: String,
    },
    /// The octets are not in that coding, or not all of it (G-098).
    #[error("a message is not in {coding}: {fault} (G-098)")]
    BadData {
        /// The coding.
        coding: String,
        /// What the codec says.
        fault: CodecFault,
    },
    /// The message is longer than the receive limit once it is decompressed (G-068).
    #[error("a message in {coding} is longer than max_receive_message, {limit}, when decompressed (G-068)")]
    TooLarge {
        /// The coding.
        coding: String,
        /// The limit, in octets.
        limit: u32,
    },
}

impl DecodeError {
    /// RESOURCE_EXHAUSTED for a message over the limit, else INTERNAL.
    pub fn code(&self) -> Code {
        match self {
            Self::TooLarge { .. } => Code::ResourceExhausted,
            Self::NoCoding | Self::Unknown { .. } | Self::BadData { .. } => Code::Internal,
        }
    }

    /// Whether to try the call again: what was sent once is not decoded the second time either.
    pub const fn retry(&self) -> Retry {
        Retry::Useless
    }

    /// The status of a call that `side` ends because of it.
    pub fn status(&self, side: Side) -> Status {
        Status::explained(side, Layer::Message, self.code(), self.retry(), self)
    }
}
