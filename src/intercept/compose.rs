//! Several interceptors are one: tuples, and what else stands for another.

use super::call::{End, IncomingCall, OutgoingCall};
use super::refused::Refused;
use super::{CallHooks, ClientInterceptor, ServerInterceptor};
use crate::grpc::Metadata;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::sync::Arc;

impl<F, H> ClientInterceptor for F
where
    F: Fn(&mut OutgoingCall<'_>) -> Result<H, Refused> + ?Sized,
    H: CallHooks,
{
    type Hooks = H;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<H, Refused> {
        self(call)
    }
}

impl<F, H> ServerInterceptor for F
where
    F: Fn(&mut IncomingCall<'_>) -> Result<H, Refused> + ?Sized,
    H: CallHooks,
{
    type Hooks = H;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<H, Refused> {
        self(call)
    }
}

impl<H: CallHooks + ?Sized> CallHooks for Box<H> {
    fn head(&mut self, metadata: &mut Metadata) {
        (**self).head(metadata);
    }

    fn end(&mut self, end: &mut End<'_>) {
        (**self).end(end);
    }
}

/// Hooks that may be missing.
impl<H: CallHooks> CallHooks for Option<H> {
    fn head(&mut self, metadata: &mut Metadata) {
        if let Some(hooks) = self {
            hooks.head(metadata);
        }
    }

    fn end(&mut self, end: &mut End<'_>) {
        if let Some(hooks) = self {
            hooks.end(end);
        }
    }
}

impl<I: ClientInterceptor + ?Sized> ClientInterceptor for Arc<I> {
    type Hooks = I::Hooks;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<I::Hooks, Refused> {
        (**self).start(call)
    }
}

impl<I: ServerInterceptor + ?Sized> ServerInterceptor for Arc<I> {
    type Hooks = I::Hooks;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<I::Hooks, Refused> {
        (**self).start(call)
    }
}

/// An interceptor that may be switched off.
impl<I: ClientInterceptor> ClientInterceptor for Option<I> {
    type Hooks = Option<I::Hooks>;

    fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Self::Hooks, Refused> {
        self.as_ref().map(|interceptor| interceptor.start(call)).transpose()
    }
}

/// An interceptor that may be switched off.
impl<I: ServerInterceptor> ServerInterceptor for Option<I> {
    type Hooks = Option<I::Hooks>;

    fn start(&self, call: &mut IncomingCall<'_>) -> Result<Self::Hooks, Refused> {
        self.as_ref().map(|interceptor| interceptor.start(call)).transpose()
    }
}

/// The first is the outermost: it is asked first, and told last what was sent or came.
impl<A: CallHooks, B: CallHooks> CallHooks for (A, B) {
    fn head(&mut self, metadata: &mut Metadata) {
        self.1.head(metadata);
        self.0.head(metadata);
    }

    fn end(&mut self, end: &mut End<'_>) {
        self.1.end(end);
        self.0.end(end);
    }
}

/// A call that the inner one refuses has begun for the outer one: it is told the end.
fn inner<A: CallHooks, B>(mut outer: A, inner: Result<B, Refused>, now: Instant) -> Result<(A, B), Refused> {
    match inner {
        Ok(inner) => Ok((outer, inner)),
        Err(mut refused) => {
            let (status, trailers) = refused.parts_mut();
            outer.end(&mut End::new(status, trailers, now));
            Err(refused)
        }
    }
}

macro_rules! tuples {
    ($($first:ident $($name:ident $place:tt)+ => $hooks:ty;)+) => {$(
        /// The first is the outermost.
        impl<$first: ClientInterceptor, $($name: ClientInterceptor),+> ClientInterceptor for ($first, $($name),+) {
            type Hooks = $hooks;

            fn start(&self, call: &mut OutgoingCall<'_>) -> Result<Self::Hooks, Refused> {
                let hooks = self.0.start(call)?;
                $(let hooks = inner(hooks, self.$place.start(call), call.now)?;)+
                Ok(hooks)
            }
        }

        /// The first is the outermost.
        impl<$first: ServerInterceptor, $($name: ServerInterceptor),+> ServerInterceptor for ($first, $($name),+) {
            type Hooks = $hooks;

            fn start(&self, call: &mut IncomingCall<'_>) -> Result<Self::Hooks, Refused> {
                let hooks = self.0.start(call)?;
                $(let hooks = inner(hooks, self.$place.start(call), call.now)?;)+
                Ok(hooks)
            }
        }
    )+};
}

tuples! {
    A B 1 => (A::Hooks, B::Hooks);
    A B 1 C 2 => ((A::Hooks, B::Hooks), C::Hooks);
    A B 1 C 2 D 3 => (((A::Hooks, B::Hooks), C::Hooks), D::Hooks);
}
