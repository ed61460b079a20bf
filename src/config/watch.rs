//! Who is to watch the connections of a config.

use super::Settings;
use crate::http2::Side;
use crate::observe::Observers;
use crate::time::Instant;
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
use {
    super::{ClientConfigBuilder, ServerConfigBuilder},
    crate::observe::Observer,
    alloc::{boxed::Box, sync::Arc, vec::Vec},
};

/// Makes an observer for each connection, or none for some.
#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
pub(crate) trait Watch: Send + Sync {
    /// The observer of a connection that begins at `now`, with a seed of its own.
    fn observer(&self, side: Side, settings: &Settings, seed: u64, now: Instant) -> Option<Box<dyn Observer>>;
}

/// Those who watch every connection that is made of a config.
#[derive(Clone, Default)]
pub(crate) struct Watchers {
    #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
    list: Vec<Arc<dyn Watch>>,
}

impl core::fmt::Debug for Watchers {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Watchers").finish_non_exhaustive()
    }
}

impl Settings {
    /// Those who watch a connection that begins now.
    pub(crate) fn observers(&self, side: Side, seed: u64, now: Instant) -> Observers {
        #[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
        return Observers::new(
            self.watchers.list.iter().filter_map(|watch| watch.observer(side, self, seed, now)).collect(),
        );
        #[cfg(not(any(feature = "event-log", feature = "metrics", feature = "tracing")))]
        {
            let _ = (side, seed, now, &self.watchers);
            Observers::default()
        }
    }
}

#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
impl ClientConfigBuilder {
    pub(crate) fn watch(mut self, watch: impl Watch + 'static) -> Self {
        self.settings.watchers.list.push(Arc::new(watch));
        self
    }
}

#[cfg(any(feature = "event-log", feature = "metrics", feature = "tracing"))]
impl ServerConfigBuilder {
    pub(crate) fn watch(mut self, watch: impl Watch + 'static) -> Self {
        self.settings.watchers.list.push(Arc::new(watch));
        self
    }
}
