//! What a connection has to tell of itself.

use crate::event::Event;

/// Events of the connection itself, one bit each, in the order in which they are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const READY: Self = Self(1);
    pub(super) const TOO_MANY_PINGS: Self = Self(2);
    pub(super) const DRAINING: Self = Self(4);
    pub(super) const AVAILABLE: Self = Self(8);
    pub(super) const EXHAUSTED: Self = Self(16);
    /// Behind those of calls.
    pub(super) const CLOSED: Self = Self(32);

    pub(super) fn raise(&mut self, flag: Self) {
        self.0 |= flag.0;
    }

    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    /// The next of the events that go before those of calls.
    #[cold]
    pub(super) fn take(&mut self) -> Option<Event> {
        let first = self.0 & self.0.wrapping_neg();
        let event = match Self(first) {
            Self::READY => Event::Ready,
            Self::TOO_MANY_PINGS => Event::TooManyPings,
            Self::DRAINING => Event::Draining,
            Self::AVAILABLE => Event::Available,
            Self::EXHAUSTED => Event::WindowExhausted,
            _ => return None,
        };
        self.0 &= !first;
        Some(event)
    }

    /// The last event of all, where there are no others.
    #[inline]
    pub(super) fn take_closed(&mut self) -> Option<Event> {
        let closed = self.has(Self::CLOSED);
        self.0 &= !Self::CLOSED.0;
        closed.then_some(Event::Closed)
    }
}
