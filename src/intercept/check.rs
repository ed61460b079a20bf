//! Tokens that a server asks for.

use super::ServerInterceptor;
use super::call::IncomingCall;
use super::refused::{Cause, Refused};
use crate::grpc::{Code, Side, Status};
use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

pub(super) const AUTHORIZATION: &str = "authorization";

/// Refuses calls without a bearer token that `check` accepts; UNAUTHENTICATED where there is none, or more than one.
///
/// `check` is given the token and the call. A status that it fails with ends the call: UNAUTHENTICATED for a token that is
/// not good, PERMISSION_DENIED for one that is and does not allow the call. What it finds out it can leave for the handler,
/// as metadata, in the place of what the client sent under that name. Compare secrets in constant time.
///
/// ```
/// use grpc_sansio::grpc::{Code, Status};
/// use grpc_sansio::intercept::{IncomingCall, TokenCheck};
///
/// # fn verify(token: &str) -> Option<&str> { (token == "good").then_some("alice") }
/// let check = TokenCheck::new(|token: &str, call: &mut IncomingCall<'_>| {
///     let Some(user) = verify(token) else {
///         return Err(Status::new(Code::Unauthenticated, "the token is not good"));
///     };
///     call.metadata.remove("x-user");
///     call.metadata.append("x-user", user).map_err(|error| Status::new(Code::Internal, error.to_string()))
/// });
/// # let _ = check;
/// ```
pub struct TokenCheck<F>(F);

impl<F> TokenCheck<F>
where
    F: Fn(&str, &mut IncomingCall<'_>) -> Result<(), Status>,
{
    /// Tokens are good if `check` says so.
    pub fn new(check: F) -> Self {
        Self(check)
    }
}

impl<F> ServerInterceptor for TokenCheck<F>
where
    F: Fn(&str, &mut IncomingCall<'_>) -> Result<(), Status>,
{
    type Hooks = ();

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<(), Refused> {
        let token = match token(call) {
            Ok(token) => token,
            Err(rule) => return Err(Refused::local(Cause::Credentials, Side::Server, Code::Unauthenticated, rule)),
        };
        (self.0)(&token, call).map_err(|status| Refused::new(Cause::Credentials, status))
    }
}

impl<F> fmt::Debug for TokenCheck<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenCheck").finish_non_exhaustive()
    }
}

/// The one token of a call. The scheme is named in any case (RFC 9110 §11.1).
fn token(call: &IncomingCall<'_>) -> Result<String, &'static str> {
    let mut values = call.metadata.get_all(AUTHORIZATION);
    let Some(value) = values.next() else { return Err("the call has no authorization") };
    if values.next().is_some() {
        return Err("the call has more than one authorization");
    }
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") && !token.trim().is_empty() => {
            Ok(token.trim().to_owned())
        }
        _ => Err("the authorization of the call is no bearer token"),
    }
}
