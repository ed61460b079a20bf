//! Who watches a connection. Without the features that watch there is nobody, and all of this is compiled away.

use super::said::{Answer, Said, Timer};
use super::verb::Verb;
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// One who watches a connection.
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
pub(crate) trait Observer: Send + Sync {
    /// A verb is about to be done.
    fn begins(&mut self, verb: &Verb<'_>);

    /// The octets that a verb was to write were written.
    fn wrote(&mut self, octets: &[u8]);

    /// It was done.
    fn said(&mut self, said: &Said<'_>);

    /// It was not: something panicked.
    fn broke_off(&mut self);

    /// The span of a call, for whoever works on it.
    #[cfg(feature = "tracing")]
    fn span(&self, _call: u32) -> Option<tracing::Span> {
        None
    }

    /// What is known of a call.
    #[cfg(feature = "metrics")]
    fn call(&self, _number: u32) -> Option<super::CallMetrics> {
        None
    }

    /// What is known of all of them.
    #[cfg(feature = "metrics")]
    fn totals(&self) -> Option<super::Totals> {
        None
    }
}

/// Those who watch a connection. A copy of a connection is watched by nobody.
#[derive(Default)]
pub(crate) struct Observers {
    #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
    list: Vec<Box<dyn Observer>>,
}

impl Observers {
    /// Those who watch from now on.
    #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
    pub(crate) fn new(list: Vec<Box<dyn Observer>>) -> Self {
        Self { list }
    }

    /// The span of a call.
    #[cfg(feature = "tracing")]
    pub(crate) fn span(&self, call: u32) -> Option<tracing::Span> {
        self.list.iter().find_map(|observer| observer.span(call))
    }

    /// What is known of a call.
    #[cfg(feature = "metrics")]
    pub(crate) fn call(&self, number: u32) -> Option<super::CallMetrics> {
        self.list.iter().find_map(|observer| observer.call(number))
    }

    /// What is known of all calls.
    #[cfg(feature = "metrics")]
    pub(crate) fn totals(&self) -> Option<super::Totals> {
        self.list.iter().find_map(|observer| observer.totals())
    }

    /// Whether anybody watches.
    #[inline]
    pub(crate) fn is_watching(&self) -> bool {
        #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
        return !self.list.is_empty();
        #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
        false
    }

    /// A verb begins. The tap is told what it comes to.
    pub(crate) fn tap(&mut self, verb: &Verb<'_>) -> Tap<'_> {
        #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
        {
            self.list.iter_mut().for_each(|observer| observer.begins(verb));
            Tap { observers: Some(self) }
        }
        #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
        {
            let _ = verb;
            Tap::nobody()
        }
    }
}

impl Clone for Observers {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observers").finish_non_exhaustive()
    }
}

/// What watches one verb.
#[must_use]
pub(crate) struct Tap<'a> {
    #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
    observers: Option<&'a mut Observers>,
    #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
    watched: core::marker::PhantomData<&'a mut Observers>,
}

impl Tap<'_> {
    /// The tap of a verb that nobody watches.
    #[inline]
    pub(crate) const fn nobody() -> Self {
        Tap {
            #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
            observers: None,
            #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
            watched: core::marker::PhantomData,
        }
    }

    /// The verb wrote these octets.
    #[inline]
    pub(crate) fn wrote<'o>(&mut self, octets: impl FnOnce() -> &'o [u8]) {
        #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
        if let Some(observers) = &mut self.observers {
            let octets = octets();
            observers.list.iter_mut().for_each(|observer| observer.wrote(octets));
        }
        #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
        let _ = octets;
    }

    /// The verb is done, and came to this.
    pub(crate) fn said(self, answer: Answer<'_>, timer: Option<Option<Timer>>) {
        let said = Said { answer, timer };
        #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
        {
            let mut tap = self;
            if let Some(observers) = tap.observers.take() {
                observers.list.iter_mut().for_each(|observer| observer.said(&said));
            }
        }
        #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
        let _ = said;
    }
}

#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
impl Drop for Tap<'_> {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.take() {
            observers.list.iter_mut().for_each(|observer| observer.broke_off());
        }
    }
}
