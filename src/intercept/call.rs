//! A call, as interceptors see it.

use crate::call::Request;
use crate::grpc::{Metadata, Method, Status};
use crate::time::Instant;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

/// A call that a client is about to open.
#[non_exhaustive]
pub struct OutgoingCall<'a> {
    /// What it calls.
    pub method: &'a Method,
    /// Initial metadata.
    pub metadata: &'a mut Metadata,
    /// When it ends with DEADLINE_EXCEEDED, on the clock of `now`.
    pub deadline: Option<Instant>,
    /// `:authority`, where it is not the config's.
    pub authority: Option<String>,
    /// Now, on the driver's clock: of the process on tokio, of the loop or the connection elsewhere. It tells how much time
    /// has passed, not the date.
    pub now: Instant,
    /// Whether the connection is under TLS: what `:scheme` says, which the adapters set where they shake hands. Who sets
    /// `https` for a transport of their own vouches for it.
    pub secure: bool,
}

impl<'a> OutgoingCall<'a> {
    /// A call without a deadline and without an authority of its own.
    pub fn new(method: &'a Method, metadata: &'a mut Metadata, now: Instant, secure: bool) -> Self {
        Self { method, metadata, deadline: None, authority: None, now, secure }
    }
}

/// Without metadata, which may hold secrets.
impl fmt::Debug for OutgoingCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.method.path();
        f.debug_struct("OutgoingCall").field("path", &path).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// A call that a client has opened.
#[non_exhaustive]
pub struct IncomingCall<'a> {
    /// The path, unchanged, such as `/package.Service/Method`. It may be of a method that is not there.
    pub path: &'a str,
    /// `:authority`, or `host`, or empty.
    pub authority: &'a str,
    /// Initial metadata. What an interceptor has found out goes on to the handler as metadata: remove what the client sent
    /// under that name first.
    pub metadata: &'a mut Metadata,
    /// When the call is cancelled, on the clock of `now`. It can be made earlier; a later one than the client's counts for
    /// nothing.
    pub deadline: Option<Instant>,
    /// Now, on the driver's clock: of the process on tokio, of the loop or the connection elsewhere. It tells how much time
    /// has passed, not the date.
    pub now: Instant,
    /// The client's address, where the transport has one.
    pub peer: Option<SocketAddr>,
    /// The certificates that the client presented over TLS, its own first, each as DER; verified.
    pub certificates: Option<&'a [Vec<u8>]>,
}

impl<'a> IncomingCall<'a> {
    /// A call, by the head that was read; `metadata` is a copy of its metadata. The deadline is on the connection's clock.
    pub fn new(request: &Request<'a>, metadata: &'a mut Metadata, now: Instant) -> Self {
        Self {
            path: request.path(),
            authority: request.authority(),
            metadata,
            deadline: request.deadline(),
            now,
            peer: None,
            certificates: None,
        }
    }
}

/// Without metadata, which may hold secrets.
impl fmt::Debug for IncomingCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("IncomingCall");
        debug.field("path", &self.path).field("deadline", &self.deadline).field("peer", &self.peer);
        debug.finish_non_exhaustive()
    }
}

/// The end of a call.
#[derive(Debug)]
#[non_exhaustive]
pub struct End<'a> {
    /// How it ended.
    pub status: &'a mut Status,
    /// Trailing metadata.
    pub trailers: &'a mut Metadata,
    /// Now, on the same clock as when the call began.
    pub now: Instant,
    /// The call ended before its time: cancelled, dropped, past its deadline or cut off. On a server the client does not hear
    /// of the status then, and on a client the server did not say it.
    pub stopped: bool,
}

impl<'a> End<'a> {
    /// A regular end.
    pub fn new(status: &'a mut Status, trailers: &'a mut Metadata, now: Instant) -> Self {
        Self { status, trailers, now, stopped: false }
    }
}
