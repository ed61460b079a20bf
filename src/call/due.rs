//! What the next timer is for, in the words of the config: asked for by whoever watches a connection, and by nobody else.

use super::engine::Engine;
use super::state::Stage;
use crate::event::CallId;
use crate::http2::StreamKey;
use crate::observe::Timer;
use crate::time::Instant;

impl Engine {
    /// The timer that [`Engine::poll_timeout`] gives the time of.
    pub(crate) fn next_timer(&self) -> Option<Timer> {
        let at = self.poll_timeout()?;
        let timer = |what| Timer { at, what, call: None };
        if let Some((first, key)) = self.timers.first()
            && first == at
        {
            return Some(self.timer_of_call(at, key));
        }
        let http2 = || self.http2.name_of_timeout(at);
        let shutdown = || (self.close_at == Some(at)).then_some("shutdown");
        Some(timer(http2().or_else(shutdown).or_else(|| self.management.name_of(at)).unwrap_or("idle_trim")))
    }

    fn timer_of_call(&self, at: Instant, key: StreamKey) -> Timer {
        let call = self.http2.get(key).filter(|call| call.is_open() || call.stage == Stage::Finished);
        let what = match call {
            _ if self.http2.get(key).is_some_and(|call| call.stage == Stage::Rejected) => "rejected_request",
            Some(call) if call.deadline == at => "deadline",
            Some(call) if call.watched => "assembly_timeout",
            // What it was for is over: it will find nothing to do.
            _ => "outdated",
        };
        Timer { at, what, call: call.map(|_| CallId(key)) }
    }
}
