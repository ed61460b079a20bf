//! Who watches a connection. Without the features that watch there is nobody, and all of this is compiled away.

use super::said::Said;
use super::verb::Verb;
#[cfg(any(feature = "event-log", feature = "tracing"))]
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// One who watches a connection.
#[cfg(any(feature = "event-log", feature = "tracing"))]
pub(crate) trait Observer: Send + Sync {
    /// A verb is about to be done.
    fn begins(&mut self, verb: &Verb<'_>);

    /// The octets that a verb was to write were written.
    fn wrote(&mut self, octets: &[u8]);

    /// It was done.
    fn said(&mut self, said: &Said<'_>);

    /// It was not: something panicked.
    fn broke_off(&mut self);
}

/// Those who watch a connection. A copy of a connection is watched by nobody.
#[derive(Default)]
pub(crate) struct Observers {
    #[cfg(any(feature = "event-log", feature = "tracing"))]
    list: Vec<Box<dyn Observer>>,
}

impl Observers {
    /// Those who watch from now on.
    #[cfg(any(feature = "event-log", feature = "tracing"))]
    pub(crate) fn new(list: Vec<Box<dyn Observer>>) -> Self {
        Self { list }
    }

    /// A verb begins. The tap is told what it comes to.
    #[inline]
    pub(crate) fn tap(&mut self, verb: &Verb<'_>) -> Tap<'_> {
        #[cfg(any(feature = "event-log", feature = "tracing"))]
        {
            if self.list.is_empty() { Tap { observers: None } } else { self.begin(verb) }
        }
        #[cfg(not(any(feature = "event-log", feature = "tracing")))]
        {
            let _ = verb;
            Tap { watched: core::marker::PhantomData }
        }
    }

    #[cfg(any(feature = "event-log", feature = "tracing"))]
    #[cold]
    fn begin(&mut self, verb: &Verb<'_>) -> Tap<'_> {
        self.list.iter_mut().for_each(|observer| observer.begins(verb));
        Tap { observers: Some(self) }
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
    #[cfg(any(feature = "event-log", feature = "tracing"))]
    observers: Option<&'a mut Observers>,
    #[cfg(not(any(feature = "event-log", feature = "tracing")))]
    watched: core::marker::PhantomData<&'a mut Observers>,
}

impl Tap<'_> {
    /// The verb wrote these octets.
    #[inline]
    pub(crate) fn wrote<'o>(&mut self, octets: impl FnOnce() -> &'o [u8]) {
        #[cfg(any(feature = "event-log", feature = "tracing"))]
        if let Some(observers) = &mut self.observers {
            let octets = octets();
            observers.list.iter_mut().for_each(|observer| observer.wrote(octets));
        }
        #[cfg(not(any(feature = "event-log", feature = "tracing")))]
        let _ = octets;
    }

    /// The verb is done. What it came to is asked for only where somebody watches.
    #[inline]
    pub(crate) fn said<'s>(self, said: impl FnOnce() -> Said<'s>) {
        #[cfg(any(feature = "event-log", feature = "tracing"))]
        {
            let mut tap = self;
            if let Some(observers) = tap.observers.take() {
                let said = said();
                observers.list.iter_mut().for_each(|observer| observer.said(&said));
            }
        }
        #[cfg(not(any(feature = "event-log", feature = "tracing")))]
        let _ = said;
    }
}

#[cfg(any(feature = "event-log", feature = "tracing"))]
impl Drop for Tap<'_> {
    fn drop(&mut self) {
        if let Some(observers) = self.observers.take() {
            observers.list.iter_mut().for_each(|observer| observer.broke_off());
        }
    }
}
