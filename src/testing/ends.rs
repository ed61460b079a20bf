//! What a loop around one end of a connection does, with what every connection promises checked on the way.

use super::link::{FaultyLink, Read};
use super::rng::Rng;
use super::watch::Observer;
use crate::buffer::WriteBuf;
use crate::call::Role;
use crate::connection::Connection;
use crate::time::Instant;
use bytes::Buf;

/// When one end has something to do that leads anywhere. Keepalive over links that work goes on for ever and leads nowhere; over
/// others it leads to an end.
pub(super) fn pending_timeout<R: Role>(connection: &Connection<R>, links: [&FaultyLink; 2]) -> Option<Instant> {
    if links.iter().all(|link| link.delivers()) {
        connection.poll_timeout_but_keepalive()
    } else {
        connection.poll_timeout()
    }
}

/// One end, for one round of its loop.
pub(super) struct End<'a, R: Role> {
    pub(super) connection: &'a mut Connection<R>,
    /// What time it is for it; the links go by the common clock.
    pub(super) now: Instant,
    pub(super) observer: Option<&'a mut Observer>,
}

impl<R: Role> End<'_, R> {
    /// Fires what is due; whether anything was.
    pub(super) fn fire(&mut self) -> bool {
        if self.connection.poll_timeout().is_none_or(|due| due > self.now) {
            return false;
        }
        self.connection.handle_timeout(self.now);
        let next = self.connection.poll_timeout();
        assert!(next.is_none_or(|due| due > self.now), "after handle_timeout({:?}) poll_timeout is {next:?}", self.now);
        true
    }

    /// Writes what there is to say, as far as the link takes it, and closes it behind the last word; whether anything was
    /// done.
    pub(super) fn write(&mut self, output: &mut WriteBuf, link: &mut FaultyLink, sent: Instant) -> bool {
        let (wanted, before) = (self.connection.wants_transmit(), output.len());
        self.connection.transmit(self.now, output);
        let added = output.len() - before;
        assert!(wanted || added == 0, "transmit added {added} octets, but wants_transmit was false");
        assert!(
            output.is_full() || !self.connection.wants_transmit(),
            "transmit left something unsaid, and room for it"
        );
        if let Some(observer) = &mut self.observer
            && added > 0
        {
            let mut news = output.clone();
            news.advance(before);
            observer.says(&news.copy_to_bytes(added));
        }
        let taken = link.write(sent, output);
        if output.is_empty() && self.connection.is_finished() && !link.is_closed() {
            link.close(sent);
            return true;
        }
        added + taken > 0
    }

    /// Reads what has arrived at `arrived`; whether anything had.
    pub(super) fn read(&mut self, link: &mut FaultyLink, arrived: Instant, rng: &mut Rng) -> bool {
        let read = link.read(arrived);
        if let (Some(observer), Some(Read::Octets(octets))) = (&mut self.observer, &read) {
            observer.hears(octets);
        }
        match read {
            Some(Read::Octets(octets)) if rng.one_in(2) => self.connection.receive(self.now, &octets),
            Some(Read::Octets(octets)) => self.connection.receive_bytes(self.now, octets),
            Some(Read::Eof) => self.connection.receive_eof(self.now),
            None => return false,
        }
        true
    }
}

/// Holds an end against a recount, and against what its observer saw.
///
/// # Panics
///
/// Where they differ.
pub(super) fn check<R: Role>(connection: &Connection<R>, observer: Option<&Observer>) {
    if let Err(wrong) = connection.audit() {
        panic!("{wrong}");
    }
    if let (Some(observer), Some(windows)) = (observer, connection.windows()) {
        observer.check(&windows);
    }
}
