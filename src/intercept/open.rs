//! Opening calls of a pure connection through interceptors.

use super::call::{End, OutgoingCall};
use super::refused::Refused;
use super::{CallHooks as _, ClientInterceptor};
use crate::call::Client;
use crate::connection::Connection;
use crate::error::OpenError;
use crate::event::CallId;
use crate::grpc::{Code, Metadata, Side, Status};
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::borrow::ToOwned;

/// Why a call was not opened. Nothing was sent, so trying again is safe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An interceptor refused it.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The connection did.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Opens a call as [`Connection::open`] does, through an interceptor, and gives the hooks beside the id: they are to be
/// told the head and the end that the call reads, if it reads one.
///
/// ```
/// # use grpc_sansio::{Client, Connection, Instant, Item, CallId};
/// # use grpc_sansio::intercept::{CallHooks, End};
/// # fn on_readable(connection: &mut Connection<Client>, id: CallId, mut hooks: impl CallHooks, now: Instant) {
/// let Some(mut call) = connection.call(id) else { return };
/// while let Some(item) = call.read() {
///     match item {
///         Item::Head(head) => {
///             let mut metadata = head.metadata().to_metadata();
///             hooks.head(&mut metadata);
///         }
///         Item::Message(message) => println!("{} octets", message.len()),
///         Item::End(outcome) => {
///             let mut trailers = outcome.trailers().to_metadata();
///             let mut status = outcome.into_status();
///             hooks.end(&mut End::new(&mut status, &mut trailers, now));
///             println!("{status}");
///         }
///     }
/// }
/// # }
/// ```
///
/// # Errors
///
/// [`StartError`]. A call that the interceptor let begin and the connection did not open has ended for the hooks.
pub fn open<I: ClientInterceptor>(
    interceptor: &I,
    connection: &mut Connection<Client>,
    now: Instant,
    options: &OpenOptions<'_>,
) -> Result<(CallId, I::Hooks), StartError> {
    let mut metadata = options.metadata.clone();
    let mut call = OutgoingCall::new(options.method, &mut metadata, now, connection.is_secure());
    (call.deadline, call.authority) = (options.deadline, options.authority.map(ToOwned::to_owned));
    let mut hooks = interceptor.start(&mut call)?;
    let (deadline, authority) = (call.deadline, call.authority);
    let options = OpenOptions { metadata: &metadata, deadline, authority: authority.as_deref(), ..*options };
    match connection.open(now, &options) {
        Ok(id) => Ok((id, hooks)),
        Err(error) => {
            let code = if error == OpenError::Draining { Code::Unavailable } else { Code::Internal };
            let mut status = Status::of(Side::Client, code, error);
            hooks.end(&mut End::new(&mut status, &mut Metadata::new(), now));
            Err(error.into())
        }
    }
}
