//! The one door of all verbs.

use super::engine::Engine;
use super::state::Stop;
use crate::config::Settings;
use crate::event::Event;
use crate::frame::StreamId;
use crate::http2::Side;
use crate::observe::{Answer, Observers, Said, Tap, Verb};
use crate::time::Instant;
use alloc::sync::Arc;

/// An engine behind its door: who wants to change it names the verb, and whoever watches the connection is told.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    engine: Engine,
    observers: Observers,
}

impl Door {
    pub(crate) fn new(side: Side, settings: &Arc<Settings>, now: Instant) -> Self {
        Self { engine: Engine::new(side, settings, now), observers: settings.observers(side, now) }
    }

    /// The engine, to ask it something.
    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Lets a verb in: what the last one lent comes back, and what is due fires first. The tap is to be told what the
    /// verb comes to.
    #[inline]
    pub(crate) fn enter(&mut self, verb: Verb<'_>) -> (&mut Engine, Tap<'_>) {
        let tap = self.observers.tap(&verb);
        self.engine.enter(verb.now());
        (&mut self.engine, tap)
    }
}

impl Engine {
    /// Says what a verb came to that lends nothing.
    #[inline]
    pub(crate) fn said(&self, tap: Tap<'_>, answer: Answer<'_>) {
        tap.said(|| Said { answer, timer: Some(self.poll_timeout()) });
    }

    /// An event, with the reasons that go with it.
    pub(crate) fn explained(&self, event: Option<Event>) -> Said<'_> {
        let timer = Some(self.poll_timeout());
        let Some(event) = event else { return Said { answer: Answer::Nothing, timer } };
        let stop = match event {
            Event::Stopped(id) => self.stopped(id.0).map(Stop::name),
            _ => None,
        };
        let call = match event {
            Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id) => Some(id),
            _ => None,
        };
        let stream = call.and_then(|id| self.http2().stream_id(id.0)).map(StreamId::get);
        let error = if event == Event::Closed { self.http2().error() } else { None };
        Said { answer: Answer::Event { event, stream, stop, error }, timer }
    }
}

/// What a verb came to that can be refused.
#[inline]
pub(crate) fn refusal<E: core::fmt::Display>(result: &Result<(), E>) -> Answer<'_> {
    match result {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Refused(error),
    }
}
