//! What each error says beside its cause: the layer that it comes from, and whether to try again.

use core::fmt;

/// Whether a call that failed may be tried again.
///
/// It stands behind the cause in every error and every status message that this library makes, as in `; retry: safe`.
///
/// ```
/// use grpc_sansio::Retry;
/// use grpc_sansio::grpc::Code;
///
/// assert_eq!(Code::Unavailable.retry(), Retry::IfIdempotent);
/// assert_eq!(Code::Unimplemented.retry().to_string(), "useless");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Nothing of the call was processed, so it does no harm: later, or on another connection, where the error says so.
    Safe,
    /// The server may have acted on the call, so only a method that may run twice is to be tried again, after a while.
    IfIdempotent,
    /// It would end the same way: something has to be mended first.
    Useless,
}

impl fmt::Display for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safe => "safe",
            Self::IfIdempotent => "only if idempotent",
            Self::Useless => "useless",
        })
    }
}

/// Where a failure comes from, as messages name it. What lies below HTTP/2, a transport or TLS, names itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Handlers, and verbs that make no sense.
    Application,
    /// Messages: compression, and the codecs of their types.
    Message,
    /// gRPC's own rules.
    Grpc,
    /// The connection and its streams.
    Http2,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Message => "message",
            Self::Grpc => "gRPC",
            Self::Http2 => "HTTP/2",
        })
    }
}
