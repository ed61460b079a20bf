//! The status of a call, and `grpc-status` on the wire.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use bytes::Bytes;
use core::fmt;
use core::ops::Deref;

use super::advice::{Layer, Retry};
use super::code::Code;
use super::path::Path;
use super::quote::{FIELD_LIMIT, quote};

/// How a call ended: a code, a message for people, and optional details for programs (G-142).
///
/// Trailing metadata travels beside it. A status whose message is a constant costs no allocation.
///
/// ```
/// use grpc_sansio::grpc::{Code, Status};
///
/// let status = Status::new(Code::NotFound, "no such book");
/// assert!(!status.is_ok());
/// assert_eq!(status.to_string(), "NOT_FOUND: no such book");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[must_use]
pub struct Status {
    code: Code,
    message: Cow<'static, str>,
    details: Bytes,
}

impl Status {
    /// A status without details. The message may be empty; then no `grpc-message` is sent (G-146).
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), details: Bytes::new() }
    }

    /// Success, with nothing to say about it.
    pub const fn ok() -> Self {
        Self { code: Code::Ok, message: Cow::Borrowed(""), details: Bytes::new() }
    }

    /// The answer to a method that a router does not hold: UNIMPLEMENTED, naming the path (G-021).
    ///
    /// ```
    /// use grpc_sansio::grpc::{Path, Status};
    ///
    /// let status = Status::unknown_method(Path::parse(b"/a.B/C").unwrap());
    /// assert_eq!(
    ///     status.to_string(),
    ///     "UNIMPLEMENTED: server: gRPC: unknown method \"/a.B/C\" (G-021); retry: useless"
    /// );
    /// ```
    pub fn unknown_method(path: Path<'_>) -> Self {
        let path = quote(path.as_str().as_bytes(), FIELD_LIMIT);
        Self::local(Side::Server, Code::Unimplemented, format_args!("unknown method \"{path}\" (G-021)"))
    }

    /// A status that this library makes because a rule of gRPC was broken, where its code says all about trying again.
    pub(crate) fn local(side: Side, code: Code, rule: impl fmt::Display) -> Self {
        Self::explained(side, Layer::Grpc, code, code.retry(), rule)
    }

    /// A status of an error that names its layer, and says whether to try again.
    pub(crate) fn of(side: Side, code: Code, error: impl fmt::Display) -> Self {
        Self::new(code, alloc::format!("{side}: {error}"))
    }

    /// A status that this library makes itself. Its message starts with the side that made it (G-159) and the layer, and
    /// says in the end whether to try again.
    pub(crate) fn explained(side: Side, layer: Layer, code: Code, retry: Retry, rule: impl fmt::Display) -> Self {
        Self::new(code, alloc::format!("{side}: {layer}: {rule}; retry: {retry}"))
    }

    /// The same status with details: a serialised `google.rpc.Status`, sent as `grpc-status-details-bin`.
    ///
    /// Empty details are no details, and OK is sent without any (G-332).
    pub fn with_details(mut self, details: impl Into<Bytes>) -> Self {
        self.details = details.into();
        self
    }

    /// The code.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Whether the code is OK.
    pub const fn is_ok(&self) -> bool {
        matches!(self.code, Code::Ok)
    }

    /// The message, already percent-decoded.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The details, already base64-decoded; empty where there are none.
    pub const fn details(&self) -> &Bytes {
        &self.details
    }

    /// The message, taken out.
    pub fn into_message(self) -> String {
        self.message.into_owned()
    }
}

/// A status, in no more than two words: most say nothing but their code.
#[derive(Clone)]
pub(crate) enum Told {
    Plain(&'static Status),
    Full(Box<Status>),
}

impl Told {
    pub(crate) const OK: Self = Self::Plain(&PLAIN[0]);

    pub(crate) fn into_status(self) -> Status {
        match self {
            Self::Plain(status) => status.clone(),
            Self::Full(status) => *status,
        }
    }
}

impl From<Status> for Told {
    fn from(status: Status) -> Self {
        match PLAIN.get(usize::from(status.code.as_u8())) {
            Some(plain) if *plain == status => Self::Plain(plain),
            _ => Self::Full(Box::new(status)),
        }
    }
}

impl Deref for Told {
    type Target = Status;

    #[inline]
    fn deref(&self) -> &Status {
        match self {
            Self::Plain(status) => status,
            Self::Full(status) => status,
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The statuses that say nothing but their code, by its number.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static PLAIN: [Status; Code::ALL.len()] = {
    const OK: Status = Status::ok();
    let mut all = [OK; Code::ALL.len()];
    let mut number = 0;
    while number < all.len() {
        all[number].code = Code::ALL[number];
        number += 1;
    }
    all
};

impl From<Code> for Status {
    fn from(code: Code) -> Self {
        Self::new(code, "")
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            "" => write!(f, "{}", self.code),
            message => write!(f, "{}: {message}", self.code),
        }
    }
}

impl core::error::Error for Status {}

/// Which end of the connection speaks; the first word of every status message made here (G-159).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The end that opened the call.
    Client,
    /// The end that answers it.
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// A well-formed `grpc-status`: one of the 17 codes, or a number that none of them has (G-056).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParsedCode {
    /// 0 to 16.
    Known(Code),
    /// 17 and above; `u32::MAX` stands for everything that does not fit.
    Foreign(u32),
}

impl ParsedCode {
    /// The code that the application sees: UNKNOWN for a foreign number.
    pub const fn code(self) -> Code {
        match self {
            Self::Known(code) => code,
            Self::Foreign(_) => Code::Unknown,
        }
    }
}

/// The value of a `grpc-status` field is not a decimal number without leading zeros (G-056, G-144).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("malformed grpc-status")]
pub struct MalformedStatus;

/// Reads the value of a `grpc-status` field (G-056).
///
/// # Errors
///
/// [`MalformedStatus`] for anything but digits, and for a leading zero, which the grammar does not allow.
///
/// ```
/// use grpc_sansio::grpc::{Code, status::{ParsedCode, parse_code}};
///
/// assert_eq!(parse_code(b"5"), Ok(ParsedCode::Known(Code::NotFound)));
/// assert_eq!(parse_code(b"17").map(ParsedCode::code), Ok(Code::Unknown));
/// assert!(parse_code(b"05").is_err());
/// ```
#[expect(clippy::arithmetic_side_effects, reason = "digits are not below `0`")]
pub fn parse_code(value: &[u8]) -> Result<ParsedCode, MalformedStatus> {
    let well_formed = match value {
        [] => false,
        [b'0', rest @ ..] => rest.is_empty(),
        digits => digits.iter().all(u8::is_ascii_digit),
    };
    if !well_formed {
        return Err(MalformedStatus);
    }
    let number =
        value.iter().fold(0u32, |number, digit| number.saturating_mul(10).saturating_add(u32::from(digit - b'0')));
    Ok(Code::from_u32(number).map_or(ParsedCode::Foreign(number), ParsedCode::Known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn display_leaves_out_an_empty_message() {
        assert_eq!(Status::ok().to_string(), "OK");
        assert_eq!(Status::from(Code::Aborted).to_string(), "ABORTED");
    }

    #[test]
    fn what_is_told_of_a_status_is_all_of_it() {
        for code in Code::ALL {
            let statuses = [
                Status::from(code),
                Status::new(code, "why"),
                Status::new(code, "why".to_string()),
                Status::from(code).with_details(&b"why"[..]),
            ];
            for (n, status) in statuses.into_iter().enumerate() {
                let told = Told::from(status.clone());
                assert_eq!(matches!(told, Told::Plain(_)), n == 0);
                assert_eq!((&*told, told.clone().into_status()), (&status, status.clone()));
                assert_eq!(std::format!("{told:?}"), std::format!("{status:?}"));
            }
        }
    }

    #[test]
    fn a_number_too_large_for_the_type_is_foreign() {
        assert_eq!(parse_code(b"99999999999999999999"), Ok(ParsedCode::Foreign(u32::MAX)));
    }
}
