//! Status codes, and what HTTP's own signals mean in their terms.

use super::advice::Retry;
use core::fmt;

/// The status code of a call (G-142).
///
/// ```
/// use grpc_sansio::grpc::Code;
///
/// assert_eq!(Code::from_u32(4), Some(Code::DeadlineExceeded));
/// assert_eq!(Code::DeadlineExceeded.to_string(), "DEADLINE_EXCEEDED");
/// assert_eq!(Code::from_http_status(503), Code::Unavailable);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// Success.
    Ok = 0,
    /// Cancelled, usually by the caller.
    Cancelled = 1,
    /// An unknown error, a foreign or unreadable status, a handler that ended without one.
    Unknown = 2,
    /// An argument that is wrong whatever the state of the system.
    InvalidArgument = 3,
    /// The deadline passed before the call was complete, even if the work succeeded.
    DeadlineExceeded = 4,
    /// The entity asked for is missing.
    NotFound = 5,
    /// The entity to create exists.
    AlreadyExists = 6,
    /// The caller is known and may not do this.
    PermissionDenied = 7,
    /// A quota, memory or a size limit ran out.
    ResourceExhausted = 8,
    /// The state of the system forbids it; retrying before that state changes is pointless.
    FailedPrecondition = 9,
    /// A conflict between concurrent operations; retry at a higher level.
    Aborted = 10,
    /// Past the valid range, which may grow.
    OutOfRange = 11,
    /// The method or feature is not there.
    Unimplemented = 12,
    /// A broken invariant.
    Internal = 13,
    /// A transient condition: retry the call after a while.
    Unavailable = 14,
    /// Data is lost for good.
    DataLoss = 15,
    /// There are no valid credentials.
    Unauthenticated = 16,
}

/// What a side answers when a peer sends another number of messages than the method's kind allows (G-080, G-081).
///
/// Implementations differ between UNIMPLEMENTED and INTERNAL, so the choice stands in one place.
pub const CARDINALITY_VIOLATION: Code = Code::Unimplemented;

impl Code {
    /// Every code, in the order of its number.
    pub const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The code of that number, or `None` above 16. A sender replaces `None` by [`Code::Unknown`] (G-060).
    #[expect(clippy::indexing_slicing, reason = "compared with the length")]
    pub const fn from_u32(number: u32) -> Option<Self> {
        if number < Self::ALL.len() as u32 { Some(Self::ALL[number as usize]) } else { None }
    }

    /// The code of that number, or `None` below 0 and above 16: `google.rpc.Status` holds an `int32`.
    pub const fn from_i32(number: i32) -> Option<Self> {
        if number < 0 { None } else { Self::from_u32(number as u32) }
    }

    /// The code's number.
    pub const fn as_u8(self) -> u8 {
        self as u8
    }

    /// The code's number as it is spelled in `grpc-status`: decimal, without leading zeros (G-144).
    pub const fn as_str_number(self) -> &'static str {
        match self {
            Self::Ok => "0",
            Self::Cancelled => "1",
            Self::Unknown => "2",
            Self::InvalidArgument => "3",
            Self::DeadlineExceeded => "4",
            Self::NotFound => "5",
            Self::AlreadyExists => "6",
            Self::PermissionDenied => "7",
            Self::ResourceExhausted => "8",
            Self::FailedPrecondition => "9",
            Self::Aborted => "10",
            Self::OutOfRange => "11",
            Self::Unimplemented => "12",
            Self::Internal => "13",
            Self::Unavailable => "14",
            Self::DataLoss => "15",
            Self::Unauthenticated => "16",
        }
    }

    /// The code's name as the documents spell it, such as `DEADLINE_EXCEEDED`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Cancelled => "CANCELLED",
            Self::Unknown => "UNKNOWN",
            Self::InvalidArgument => "INVALID_ARGUMENT",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::NotFound => "NOT_FOUND",
            Self::AlreadyExists => "ALREADY_EXISTS",
            Self::PermissionDenied => "PERMISSION_DENIED",
            Self::ResourceExhausted => "RESOURCE_EXHAUSTED",
            Self::FailedPrecondition => "FAILED_PRECONDITION",
            Self::Aborted => "ABORTED",
            Self::OutOfRange => "OUT_OF_RANGE",
            Self::Unimplemented => "UNIMPLEMENTED",
            Self::Internal => "INTERNAL",
            Self::Unavailable => "UNAVAILABLE",
            Self::DataLoss => "DATA_LOSS",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }

    /// Whether a call that ended with this code may be tried again, where nothing more is known: the server may have acted
    /// on it, but for the codes that say that the call itself is wrong.
    pub const fn retry(self) -> Retry {
        match self {
            Self::InvalidArgument
            | Self::NotFound
            | Self::AlreadyExists
            | Self::PermissionDenied
            | Self::FailedPrecondition
            | Self::OutOfRange
            | Self::Unimplemented
            | Self::Unauthenticated => Retry::Useless,
            _ => Retry::IfIdempotent,
        }
    }

    /// What an HTTP `:status` means where there is no `grpc-status` (table 21.2).
    ///
    /// 200 is among "everything else": a response without a status is UNKNOWN, never OK.
    /// A 1xx status is no answer at all and must be skipped before it comes here (G-045).
    pub const fn from_http_status(status: u16) -> Self {
        match status {
            400 | 431 => Self::Internal,
            401 => Self::Unauthenticated,
            403 => Self::PermissionDenied,
            404 => Self::Unimplemented,
            429 | 502 | 503 | 504 => Self::Unavailable,
            _ => Self::Unknown,
        }
    }

    /// What the error code of an HTTP/2 RST_STREAM means to a client that waits for its answer
    /// (table 21.3, G-150 to G-152).
    ///
    /// The caller knows two things more: a CANCEL after the local deadline is DEADLINE_EXCEEDED (G-132),
    /// and for NO_ERROR an earlier `:status` other than 200 decides (G-153).
    pub const fn from_reset(error_code: u32) -> Self {
        match error_code {
            0x7 => Self::Unavailable,
            0x8 => Self::Cancelled,
            0xb => Self::ResourceExhausted,
            0xc => Self::PermissionDenied,
            _ => Self::Internal,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl From<Code> for u32 {
    fn from(code: Code) -> Self {
        code as Self
    }
}

impl From<Code> for i32 {
    fn from(code: Code) -> Self {
        code as Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn numbers_are_the_positions_in_all() {
        for (number, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(code.as_u8()), number);
            assert_eq!(code.as_str_number(), number.to_string());
            assert_eq!(Code::from_i32(number as i32), Some(code));
        }
        assert_eq!((Code::from_u32(17), Code::from_u32(u32::MAX)), (None, None));
        assert_eq!((Code::from_i32(-1), Code::from_i32(i32::MIN)), (None, None));
    }
}
