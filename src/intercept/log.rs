//! A line for each call.

use super::call::{End, IncomingCall, OutgoingCall};
use super::refused::Refused;
use super::{CallHooks, ClientInterceptor, ServerInterceptor};
use crate::grpc::{Side, Status};
use crate::time::Instant;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::borrow::ToOwned;
use std::string::String;
use std::sync::{Arc, Mutex, PoisonError};

/// One call that has ended. `Display` is a line for a log; neither has anything of metadata, which may hold secrets.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Who logs it: the client that made the call, or the server that was called.
    pub side: Side,
    /// What was called. On a server any visible ASCII that a client has sent.
    pub path: &'a str,
    /// How it ended.
    pub status: &'a Status,
    /// From its beginning to its end.
    pub took: Duration,
    /// What was left to the deadline when it began.
    pub allowed: Option<Duration>,
    /// The client's address, on a server.
    pub peer: Option<SocketAddr>,
    /// It ended before its time: see [`End::stopped`].
    pub stopped: bool,
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {:?} {:?}", self.side, self.path, self.status.code(), self.took)?;
        if let Some(peer) = self.peer {
            write!(f, " from {peer}")?;
        }
        if self.stopped {
            f.write_str(" (stopped)")?;
        }
        match self.status.message() {
            "" => Ok(()),
            // A peer may have written it.
            message => write!(f, " {message:?}"),
        }
    }
}

/// Tells a function of each call that has ended: for a log, or for figures.
///
/// To tell of calls that another interceptor refuses too, it has to be before that one. The function is called under a lock,
/// one call at a time, and must not block for long.
///
/// ```
/// use grpc_sansio::intercept::{Logger, Record};
///
/// let logger = Logger::new(|record: &Record<'_>| println!("{record}"));
/// # let _ = logger;
/// ```
pub struct Logger<F>(Arc<Mutex<F>>);

impl<F: FnMut(&Record<'_>)> Logger<F> {
    /// Tells this function.
    pub fn new(tell: F) -> Self {
        Self(Arc::new(Mutex::new(tell)))
    }
}

/// A call that is to be told of when it ends.
pub struct Logged<F> {
    tell: Arc<Mutex<F>>,
    side: Side,
    path: String,
    began: Instant,
    allowed: Option<Duration>,
    peer: Option<SocketAddr>,
}

impl<F: FnMut(&Record<'_>)> CallHooks for Logged<F> {
    fn end(&mut self, end: &mut End<'_>) {
        let record = Record {
            side: self.side,
            path: &self.path,
            status: end.status,
            took: end.now.saturating_since(self.began),
            allowed: self.allowed,
            peer: self.peer,
            stopped: end.stopped,
        };
        (self.tell.lock().unwrap_or_else(PoisonError::into_inner))(&record);
    }
}

impl<F: FnMut(&Record<'_>)> ClientInterceptor for Logger<F> {
    type Hooks = Logged<F>;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Logged<F>, Refused> {
        Ok(Logged {
            tell: Arc::clone(&self.0),
            side: Side::Client,
            path: call.method.path().as_str().to_owned(),
            began: call.now,
            allowed: call.deadline.map(|deadline| deadline.saturating_since(call.now)),
            peer: None,
        })
    }
}

impl<F: FnMut(&Record<'_>)> ServerInterceptor for Logger<F> {
    type Hooks = Logged<F>;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Logged<F>, Refused> {
        Ok(Logged {
            tell: Arc::clone(&self.0),
            side: Side::Server,
            path: call.path.to_owned(),
            began: call.now,
            allowed: call.deadline.map(|deadline| deadline.saturating_since(call.now)),
            peer: call.peer,
        })
    }
}

impl<F> fmt::Debug for Logger<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Logged<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logged").field("path", &self.path).finish_non_exhaustive()
    }
}
