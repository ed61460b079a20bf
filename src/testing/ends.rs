//! What a loop around one end of a connection does, with what every connection promises checked on the way.

use super::link::{FaultyLink, Read};
use super::rng::Rng;
use super::watch::Observer;
use crate::buffer::WriteBuf;
use crate::call::Role;
use crate::connection::Connection;
use crate::time::Instant;
use bytes::Buf;

/// Fires what is due at `now`; whether anything was.
pub(super) fn fire<R: Role>(connection: &mut Connection<R>, now: Instant) -> bool {
    if connection.poll_timeout().is_none_or(|due| due > now) {
        return false;
    }
    connection.handle_timeout(now);
    let next = connection.poll_timeout();
    assert!(next.is_none_or(|due| due > now), "after handle_timeout({now:?}) poll_timeout is {next:?}");
    true
}

/// Writes what there is to say to the link, as far as that takes it: `now` is the connection's time, `sent` the link's.
/// Closes the link behind the last word.
pub(super) fn write<R: Role>(
    connection: &mut Connection<R>,
    now: Instant,
    output: &mut WriteBuf,
    link: &mut FaultyLink,
    sent: Instant,
    observer: &mut Option<&mut Observer>,
) -> bool {
    let (wanted, before) = (connection.wants_transmit(), output.len());
    connection.transmit(now, output);
    let added = output.len() - before;
    assert!(wanted || added == 0, "transmit added {added} octets, but wants_transmit was false");
    assert!(output.is_full() || !connection.wants_transmit(), "transmit left something unsaid, and room for it");
    if let Some(observer) = observer
        && added > 0
    {
        let mut news = output.clone();
        news.advance(before);
        observer.says(&news.copy_to_bytes(added));
    }
    let taken = link.write(sent, output);
    if output.is_empty() && connection.is_finished() && !link.is_closed() {
        link.close(sent);
        return true;
    }
    taken > 0
}

/// Feeds what has arrived at `arrived`, the link's time, to the connection, whose time is `now`.
pub(super) fn read<R: Role>(
    connection: &mut Connection<R>,
    now: Instant,
    link: &mut FaultyLink,
    arrived: Instant,
    rng: &mut Rng,
    observer: &mut Option<&mut Observer>,
) -> bool {
    let read = link.read(arrived);
    if let (Some(observer), Some(Read::Octets(octets))) = (observer, &read) {
        observer.hears(octets);
    }
    match read {
        Some(Read::Octets(octets)) if rng.one_in(2) => connection.receive(now, &octets),
        Some(Read::Octets(octets)) => connection.receive_bytes(now, octets),
        Some(Read::Eof) => connection.receive_eof(now),
        None => return false,
    }
    true
}
