//! One word for all that is rarely due, so that what is mostly done asks once, and not for each of it.
//!
//! A connection is quiet while nothing is due but turns of streams that are ready or may start. Whoever gives it anything else
//! to do [stirs](Common::stir) it; [`Connection::calm`] looks at all of it again, once as much is done as can be.

use super::common::Common;
use super::connection::{Connection, LAST_USABLE_ID};
use super::lines::Place;
use super::outgoing::Control;
use super::stream::Stream;
use crate::frame::StreamId;

impl Common {
    /// Something may be due that rarely is.
    #[inline]
    pub(crate) fn stir(&mut self) {
        self.quiet = false;
    }

    /// Octets were queued.
    #[inline(always)]
    #[expect(clippy::arithmetic_side_effects, reason = "lengths of what is in memory")]
    pub(super) fn queue_grew(&mut self, octets: usize) {
        self.queued += octets;
        self.quiet &= self.queued <= self.crowd as usize;
    }

    /// The stream owes the peer a WINDOW_UPDATE.
    #[inline]
    pub(super) fn owe<T>(&mut self, stream: &mut Stream<T>) {
        self.lines.owe(stream);
        self.stir();
    }
}

impl<T: Default> Connection<T> {
    /// Whether nothing is due but the [usual turns](Self::has_usual_turns).
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        self.common.quiet
    }

    /// Something may be due that rarely is, in the layer above.
    pub(crate) fn stir(&mut self) {
        self.common.stir();
    }

    /// What could be done is done: looks whether anything but turns is due, where nothing is in the layer above.
    pub(crate) fn calm(&mut self, above: bool) {
        self.common.quiet = above && self.may_be_quiet();
    }

    /// Whether nothing is due that would [stir](Common::stir).
    pub(super) fn may_be_quiet(&self) -> bool {
        !self.goes_before_turns() && !self.is_draining() && self.common.lines.is_empty(Place::Blocked)
    }

    /// Whether no turn may be taken, or another one than that of who is ready or may start.
    #[inline]
    pub(crate) fn is_held_up(&self) -> bool {
        self.ended || self.may_unblock()
    }

    /// Control frames, to add some.
    pub(super) fn control_mut(&mut self) -> &mut Control {
        self.common.stir();
        &mut self.control
    }

    /// The connection is ending, or has ended.
    pub(super) fn start_draining(&mut self) {
        self.draining = true;
        self.common.stir();
    }

    /// A client's stream took the next id (RFC 9113 §5.1.1).
    #[inline]
    #[expect(clippy::arithmetic_side_effects, reason = "ids end at three quarters of 31 bits")]
    pub(super) fn id_taken(&mut self) {
        self.next_id = StreamId::new(self.next_id.get() + 2);
        self.common.quiet &= self.next_id.get() <= LAST_USABLE_ID;
    }
}
