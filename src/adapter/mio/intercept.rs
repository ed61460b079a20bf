//! Interceptors in an event loop.

use super::handler::Peer;
use crate::call::{Request, Stop};
use crate::grpc::{Code, Metadata, Side, Status};
use crate::intercept::{CallHooks, End, IncomingCall, Refused, ServerInterceptor};
use crate::time::Instant;
use core::fmt;
use std::boxed::Box;
use std::rc::Rc;

type Hooks = Box<dyn CallHooks>;
type Start = dyn Fn(&mut IncomingCall<'_>) -> Result<Hooks, Refused>;

/// What routes ask about each call.
#[derive(Clone)]
pub(super) struct Interceptors(Rc<Start>);

/// What interceptors have made of the head of a call.
#[derive(Clone, Debug)]
pub(super) struct Changed {
    pub(super) metadata: Metadata,
    pub(super) deadline: Option<Instant>,
}

impl Interceptors {
    /// Those that are there, and `inner` behind them.
    pub(super) fn with<I>(outer: Option<Self>, inner: I) -> Self
    where
        I: ServerInterceptor<Hooks: 'static> + 'static,
    {
        match outer {
            None => Self(Rc::new(move |call| Ok(Box::new(inner.start(call)?)))),
            Some(outer) => {
                let both = (move |call: &mut IncomingCall<'_>| (outer.0)(call), inner);
                Self(Rc::new(move |call| Ok(Box::new(both.start(call)?))))
            }
        }
    }

    pub(super) fn start(&self, request: &Request<'_>, peer: &Peer, now: Instant) -> Result<(Changed, Watch), Refused> {
        let mut metadata = request.metadata().to_metadata();
        let mut call = IncomingCall::new(request, &mut metadata, now);
        (call.peer, call.certificates) = (peer.address, peer.certificates.as_deref());
        let hooks = (self.0)(&mut call)?;
        let deadline = match (request.deadline(), call.deadline) {
            (Some(before), Some(after)) => Some(before.min(after)),
            (before, after) => before.or(after),
        };
        Ok((Changed { metadata, deadline }, Watch { hooks, head_said: false }))
    }
}

/// The hooks of a call.
pub(super) struct Watch {
    hooks: Hooks,
    head_said: bool,
}

impl Watch {
    /// The head goes out; `false` where it did before.
    pub(super) fn head(&mut self, metadata: &mut Metadata) -> bool {
        if core::mem::replace(&mut self.head_said, true) {
            return false;
        }
        self.hooks.head(metadata);
        true
    }

    pub(super) fn end(mut self, status: &mut Status, trailers: &mut Metadata, now: Instant) {
        self.hooks.end(&mut End::new(status, trailers, now));
    }

    /// The call has stopped before its time.
    pub(super) fn stop(mut self, reason: Option<Stop>, now: Instant) {
        let (code, rule) = match reason {
            Some(Stop::DeadlineExceeded) => (Code::DeadlineExceeded, "the deadline of the call passed"),
            Some(Stop::ConnectionLost) => (Code::Cancelled, "the connection was lost"),
            _ => (Code::Cancelled, "the call was cancelled"),
        };
        let (mut status, mut trailers) = (Status::local(Side::Server, code, rule), Metadata::new());
        let mut end = End::new(&mut status, &mut trailers, now);
        end.stopped = true;
        self.hooks.end(&mut end);
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interceptors(..)")
    }
}
