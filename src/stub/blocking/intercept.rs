//! Interceptors of a client that blocks.

use crate::grpc::{Code, Layer, Metadata, Side, Status};
use crate::intercept::{CallHooks, ClientInterceptor, End, OutgoingCall, Refused};
use crate::time::Instant;
use core::fmt;
use std::boxed::Box;
use std::rc::Rc;

type Hooks = Box<dyn CallHooks>;
type Start = dyn Fn(&mut OutgoingCall<'_>) -> Result<Hooks, Refused>;

/// What a channel asks about each call.
#[derive(Clone)]
pub(super) struct Interceptors(Rc<Start>);

impl Interceptors {
    /// Those that are there, and `inner` behind them.
    pub(super) fn with<I>(outer: Option<Self>, inner: I) -> Self
    where
        I: ClientInterceptor<Hooks: 'static> + 'static,
    {
        match outer {
            None => Self(Rc::new(move |call| Ok(Box::new(inner.start(call)?)))),
            Some(outer) => {
                let both = (move |call: &mut OutgoingCall<'_>| (outer.0)(call), inner);
                Self(Rc::new(move |call| Ok(Box::new(both.start(call)?))))
            }
        }
    }

    pub(super) fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Watch, Refused> {
        Ok(Watch((self.0)(call)?))
    }
}

impl fmt::Debug for Interceptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Interceptors(..)")
    }
}

/// The hooks of a call.
pub(super) struct Watch(Hooks);

impl Watch {
    pub(super) fn head(&mut self, metadata: &mut Metadata) {
        self.0.head(metadata);
    }

    /// The call ended; `stopped` where the server did not say so.
    pub(super) fn end(mut self, status: &mut Status, trailers: &mut Metadata, now: Instant, stopped: bool) {
        let mut end = End::new(status, trailers, now);
        end.stopped = stopped;
        self.0.end(&mut end);
    }

    /// The call was let go.
    pub(super) fn drop_call(self, now: Instant) {
        let mut status = Status::explained(
            Side::Client,
            Layer::Application,
            Code::Cancelled,
            Code::Cancelled.retry(),
            "the call was dropped",
        );
        self.end(&mut status, &mut Metadata::new(), now, true);
    }
}
