//! The one door of all verbs.

use super::engine::Engine;
use super::state::Stop;
use crate::config::Settings;
use crate::error::SendError;
use crate::event::{CallId, Event};
use crate::frame::StreamId;
use crate::grpc::Message;
use crate::http2::Side;
use crate::observe::{Answer, Observers, Tap, Verb};
use crate::time::Instant;
use alloc::sync::Arc;

/// An engine behind its door: who wants to change it names the verb and what to answer for it, and whoever watches the
/// connection is told both.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    engine: Engine,
    observers: Observers,
}

impl Door {
    pub(crate) fn new(side: Side, settings: &Arc<Settings>, seed: u64, now: Instant) -> Self {
        let observers = settings.observers(side, seed, now);
        let mut engine = Engine::new(side, settings, seed, now);
        engine.attention = observers.is_watching();
        Self { engine, observers }
    }

    /// The engine, to ask it something.
    #[inline]
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Those who watch, to ask them something.
    #[cfg(any(feature = "metrics", feature = "tracing"))]
    pub(crate) fn observers(&self) -> &Observers {
        &self.observers
    }

    /// Octets came: a sign of life, which comes before whatever is due.
    #[inline]
    pub(crate) fn hear(&mut self, now: Instant, octets: usize) {
        self.engine.hear(now, octets);
    }

    /// Whether nobody watches the verb that begins; what has to come back of what the last one lent does so then. One look at
    /// one flag answers both, so that watchers who are not there cost nothing.
    #[inline(always)]
    pub(crate) fn is_unwatched(&mut self) -> bool {
        !self.is_alert() || self.look()
    }

    /// Whether the verb that begins has to [look](Door::look) first: for who watches, for something large that was lent, or
    /// for a run, which it may go on with.
    #[inline(always)]
    pub(crate) fn is_alert(&self) -> bool {
        self.engine.attention
    }

    /// As [`Door::is_unwatched`], where there is something to look for.
    #[inline(never)]
    pub(crate) fn look(&mut self) -> bool {
        if self.observers.is_watching() {
            return false;
        }
        self.engine.take_back();
        self.engine.attention = false;
        true
    }

    /// Lets a verb in that brings the time `now`, if any: what the last one lent comes back, what is due fires first, then
    /// it is done. `verb` names it, and `answer` says what it came to, where somebody watches: nothing is made of them
    /// otherwise.
    #[inline(always)]
    pub(crate) fn act<'v, T>(
        &mut self,
        now: Option<Instant>,
        verb: impl FnOnce() -> Verb<'v>,
        act: impl FnOnce(&mut Engine, &mut Tap<'_>) -> T,
        answer: impl for<'a> FnOnce(&'a Engine, &'a T) -> Answer<'a>,
    ) -> T {
        if self.is_unwatched() {
            // What is returned is made where it is to be: a result that was looked at would be moved once more.
            self.engine.pass(now);
            return act(&mut self.engine, &mut Tap::nobody());
        }
        self.act_watched(now, verb, act, answer)
    }

    #[cold]
    #[inline(never)]
    fn act_watched<'v, T>(
        &mut self,
        now: Option<Instant>,
        verb: impl FnOnce() -> Verb<'v>,
        act: impl FnOnce(&mut Engine, &mut Tap<'_>) -> T,
        answer: impl for<'a> FnOnce(&'a Engine, &'a T) -> Answer<'a>,
    ) -> T {
        let mut tap = self.observers.tap(&verb());
        self.engine.take_back();
        self.engine.pass(now);
        let done = act(&mut self.engine, &mut tap);
        tap.said(answer(&self.engine, &done), Some(self.engine.next_timer()));
        done
    }

    /// As [`Door::act`], for a message that is given away.
    #[inline]
    pub(crate) fn send(&mut self, call: CallId, message: Message) -> Result<(), SendError<Message>> {
        if !message.compressed && self.engine.goes_on_sending(call.0, message.data.len()).is_some() {
            self.engine.send_of_run(&message.data);
            return Ok(());
        }
        if self.is_unwatched() {
            return self.engine.send(call.0, message, true);
        }
        self.send_watched(call, message)
    }

    #[cold]
    #[inline(never)]
    fn send_watched(&mut self, call: CallId, message: Message) -> Result<(), SendError<Message>> {
        let tap = self.observers.tap(&Verb::Send { call, message: &message });
        self.engine.take_back();
        let sent = self.engine.send(call.0, message, false);
        tap.said(refusal(&self.engine, &sent), Some(self.engine.next_timer()));
        sent
    }

    /// The engine, for a verb without a time that most of the work is done by, once it is known that
    /// [nobody watches](Door::is_unwatched): a function that can also tell of it is too large to become a part of its
    /// caller's loop.
    #[inline(always)]
    pub(crate) fn unwatched(&mut self) -> &mut Engine {
        debug_assert!(!self.observers.is_watching(), "nobody is told");
        &mut self.engine
    }

    /// The engine, to go on with a run if there is one: runs begin only where nobody watches.
    #[inline(always)]
    pub(crate) fn runs(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// As [`Door::act`], for a verb that lends something of the engine, where somebody watches.
    pub(crate) fn lend<'d, T>(
        &'d mut self,
        verb: &Verb<'_>,
        act: impl FnOnce(&'d mut Engine) -> T,
        answer: impl for<'a> FnOnce(&'a T) -> Answer<'a>,
    ) -> T {
        let tap = self.observers.tap(verb);
        self.engine.take_back();
        let lent = act(&mut self.engine);
        tap.said(answer(&lent), None);
        lent
    }
}

impl Engine {
    /// An event, with the reasons that go with it.
    pub(crate) fn explained(&self, event: Event) -> Answer<'_> {
        let call = match event {
            Event::Opened(id) | Event::Readable(id) | Event::Writable(id) | Event::Stopped(id) => Some(id),
            _ => None,
        };
        let stream = call.and_then(|id| self.http2().stream_id(id.0)).map(StreamId::get);
        let stop = match event {
            Event::Stopped(id) => self.stopped(id.0).map(Stop::name),
            _ => None,
        };
        let error = if event == Event::Closed { self.http2().error() } else { None };
        Answer::Event { event, stream, stop, error }
    }
}

/// What a verb came to that has nothing to say.
pub(crate) fn done<'a>(_: &'a Engine, (): &'a ()) -> Answer<'a> {
    Answer::Done
}

/// What a verb came to that can be refused.
pub(crate) fn refusal<'a, E: core::fmt::Display>(_: &'a Engine, result: &'a Result<(), E>) -> Answer<'a> {
    match result {
        Ok(()) => Answer::Done,
        Err(error) => Answer::Refused(error),
    }
}
