//! Tokens that a client sends.

use super::call::OutgoingCall;
use super::refused::{Cause, Refused};
use super::{ClientInterceptor, check};
use crate::grpc::{Code, Layer, Retry, Side, Status};
use alloc::format;
use alloc::string::String;
use core::fmt;

/// Puts a bearer token into `authorization` of each call (RFC 6750 §2.1), unless the call has one already.
///
/// Over plaintext it refuses the call, with [`Cause::Plaintext`] and UNAUTHENTICATED, and nothing is sent (G-158): who may
/// read along could call in the client's name. [`Bearer::allow_plaintext`] allows it, such as for a socket of one machine.
///
/// The source is asked for each call, and must not block. A token that expires is fetched by a task of its own, some time
/// before that, which leaves it where the source finds it:
///
/// ```
/// use grpc_sansio::grpc::{Code, Status};
/// use grpc_sansio::intercept::Bearer;
/// use std::sync::{Arc, RwLock};
///
/// let current = Arc::new(RwLock::new(None::<Arc<str>>));
/// let for_calls = Arc::clone(&current);
/// let bearer = Bearer::new(move |_| {
///     let token = for_calls.read().ok().and_then(|token| token.clone());
///     token.ok_or_else(|| Status::new(Code::Unauthenticated, "client: no token was fetched yet"))
/// });
/// // ... and in the task: `*current.write() = Some(fetch().await)`, as often as tokens expire.
/// # let _ = (bearer, current);
/// ```
pub struct Bearer<S> {
    source: S,
    plaintext: bool,
    never_indexed: bool,
}

impl<S, T> Bearer<S>
where
    S: Fn(&OutgoingCall<'_>) -> Result<T, Status>,
    T: AsRef<str>,
{
    /// The token is what `source` gives.
    ///
    /// A status that it fails with ends the call. Where its code is OK or one that only applications give, the call ends with
    /// INTERNAL, and the code and text are in the message (G-290).
    pub fn new(source: S) -> Self {
        Self { source, plaintext: false, never_indexed: false }
    }
}

impl Bearer<()> {
    /// The same token for all calls.
    pub fn fixed(
        token: impl Into<String>,
    ) -> Bearer<impl Fn(&OutgoingCall<'_>) -> Result<alloc::sync::Arc<str>, Status>> {
        let token = alloc::sync::Arc::<str>::from(token.into());
        Bearer::new(move |_: &OutgoingCall<'_>| Ok(alloc::sync::Arc::clone(&token)))
    }
}

impl<S> Bearer<S> {
    /// The same over plaintext too.
    pub fn allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// The same, kept out of the tables of header compression (G-119): for connections that calls of several clients share,
    /// such as a proxy's. It costs the token's octets in each call.
    pub fn never_indexed(mut self) -> Self {
        self.never_indexed = true;
        self
    }
}

impl<S, T> ClientInterceptor for Bearer<S>
where
    S: Fn(&OutgoingCall<'_>) -> Result<T, Status>,
    T: AsRef<str>,
{
    type Hooks = ();

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<(), Refused> {
        if call.metadata.get(check::AUTHORIZATION).is_some() {
            return Ok(());
        }
        if !call.secure && !self.plaintext {
            let rule = "a bearer token goes over TLS only, and the connection is plaintext: nothing was sent";
            return Err(Refused::local(Cause::Plaintext, Side::Client, Code::Unauthenticated, rule));
        }
        let token = (self.source)(call).map_err(from_source)?;
        let token = token.as_ref();
        let metadata = &mut *call.metadata;
        let value = format!("Bearer {token}");
        let added = match (is_token(token), self.never_indexed) {
            (false, _) => false,
            (true, true) => metadata.append_sensitive(check::AUTHORIZATION, &value).is_ok(),
            (true, false) => metadata.append(check::AUTHORIZATION, &value).is_ok(),
        };
        if added {
            return Ok(());
        }
        let rule = "the bearer token is empty, or has a character that no token has";
        Err(Refused::local(Cause::Credentials, Side::Client, Code::Unauthenticated, rule))
    }
}

/// Without the token.
impl<S> fmt::Debug for Bearer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bearer").field("plaintext", &self.plaintext).finish_non_exhaustive()
    }
}

/// What can stand behind `Bearer`: without blanks, which would end it.
fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic())
}

/// What a source of credentials failed with (G-158, G-290).
fn from_source(status: Status) -> Refused {
    let status = match status.code() {
        Code::Ok
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::OutOfRange
        | Code::DataLoss => {
            let rule = format_args!("the source of the token failed with {status}");
            Status::explained(Side::Client, Layer::Application, Code::Internal, Retry::Safe, rule)
        }
        _ => status,
    };
    Refused::new(Cause::Credentials, status)
}
