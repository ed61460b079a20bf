//! One direction of a transport, with its faults.

use super::digest::Digest;
use super::rng::Rng;
use crate::time::Instant;
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes, BytesMut};
use core::time::Duration;

/// How a link cuts what was written into what is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A read has all that has arrived.
    Whole,
    /// A read has at most so many octets.
    AtMost(usize),
    /// Each read has from one octet to all that has arrived, by chance; often few.
    Random,
}

/// What a read from a link gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// Some octets, at least one.
    Octets(Bytes),
    /// Nothing will follow. Said once.
    Eof,
}

/// What happens to one octet of a link that is not the transport it should be: for tests that must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// These bits of it change.
    Flip(u8),
    /// It is not there.
    Lose,
}

/// How every PING frame begins (RFC 9113 §6.7): eight octets of payload, of type 6.
const PING: [u8; 4] = [0, 0, 8, 6];

const PING_LEN: usize = 17;

/// One direction of a transport: octets go in at one end and come out at the other, in order, late and in pieces.
///
/// Faults that last are fields; those that happen are verbs:
///
/// | fault | by |
/// |---|---|
/// | travel time, a slow line, a small buffer | `delay`, `bandwidth`, `capacity` |
/// | short reads and short writes | `cut`, `takes` |
/// | nothing arrives for a while | [`FaultyLink::stall`] |
/// | nothing arrives ever again, and nobody is told | [`FaultyLink::drop_silently`] |
/// | the transport breaks, now or after so many octets | [`FaultyLink::sever`], [`FaultyLink::die_after`] |
/// | an octet is changed or lost, which no transport may do | [`FaultyLink::damage`] |
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::Instant;
/// use grpc_sansio::testing::{Cut, FaultyLink, Read};
///
/// let mut link = FaultyLink::new(1);
/// link.cut = Cut::AtMost(3);
/// link.delay = Duration::from_millis(5);
/// let (sent, there) = (Instant::from_nanos(0), Instant::from_nanos(5_000_000));
/// assert_eq!(link.write(sent, &mut &b"hello"[..]), 5);
/// assert_eq!(link.read(sent), None);
/// assert_eq!(link.next_arrival(), Some(there));
/// assert_eq!(link.read(there), Some(Read::Octets("hel".into())));
/// assert_eq!(link.read(there), Some(Read::Octets("lo".into())));
/// ```
#[derive(Clone, Debug)]
pub struct FaultyLink {
    /// How long each octet travels.
    pub delay: Duration,
    /// How reads are cut.
    pub cut: Cut,
    /// Octets that pass in a second; `None` is no limit.
    pub bandwidth: Option<u64>,
    /// How many octets one write takes, at most: 1 is a socket that takes an octet and then blocks, 0 one that blocks.
    pub takes: usize,
    /// How many octets may be on their way; with as many, a write takes nothing until some have been read.
    pub capacity: usize,
    rng: Rng,
    /// What is on its way, with the time of its arrival.
    travelling: VecDeque<(Instant, Bytes)>,
    /// Octets on their way.
    in_flight: usize,
    /// Nothing arrives before.
    stalled_until: Instant,
    /// Which octet, counted from the first ever written, is not to arrive as it was.
    damage: Option<(u64, Damage)>,
    /// When the last octet written has passed the bottleneck.
    busy_until: Instant,
    dropping: bool,
    /// Octets that may still be written before the transport dies.
    life: Option<u64>,
    end: End,
    written: u64,
    delivered: u64,
    digest: Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Once all that travels has arrived, at the earliest then.
    At(Instant),
    Told,
}

impl FaultyLink {
    /// A link that delivers at once, whole, and without limit.
    pub const fn new(seed: u64) -> Self {
        Self {
            delay: Duration::ZERO,
            cut: Cut::Whole,
            bandwidth: None,
            takes: usize::MAX,
            capacity: usize::MAX,
            rng: Rng::new(seed),
            travelling: VecDeque::new(),
            in_flight: 0,
            stalled_until: Instant::from_nanos(0),
            damage: None,
            busy_until: Instant::from_nanos(0),
            dropping: false,
            life: None,
            end: End::Open,
            written: 0,
            delivered: 0,
            digest: Digest::new(),
        }
    }

    /// Whether what is written arrives some day.
    pub(super) fn delivers(&self) -> bool {
        !self.dropping && self.takes > 0 && self.capacity > 0
    }

    /// From now on the link takes everything, delivers nothing, and nobody is told: the half-open connection of a
    /// network that went away. What is on its way is lost too.
    pub fn drop_silently(&mut self) {
        self.dropping = true;
        self.lose_all();
    }

    fn lose_all(&mut self) {
        self.travelling.clear();
        self.in_flight = 0;
    }

    /// Nothing arrives before `until`; then what has come meanwhile is there at once.
    ///
    /// ```
    /// use grpc_sansio::Instant;
    /// use grpc_sansio::testing::{FaultyLink, Read};
    ///
    /// let (now, later) = (Instant::from_nanos(0), Instant::from_nanos(30_000_000_000));
    /// let mut link = FaultyLink::new(1);
    /// link.stall(later);
    /// link.write(now, &mut &b"hello"[..]);
    /// assert_eq!(link.read(now), None);
    /// assert_eq!(link.next_arrival(), Some(later));
    /// assert_eq!(link.read(later), Some(Read::Octets("hello".into())));
    /// ```
    pub fn stall(&mut self, until: Instant) {
        self.stalled_until = self.stalled_until.max(until);
    }

    /// The transport breaks: what is on its way is lost, and the reader sees the end now, even after
    /// [`FaultyLink::drop_silently`]: so a half-open connection is noticed at last.
    pub fn sever(&mut self, now: Instant) {
        self.lose_all();
        self.dropping = false;
        if self.end != End::Told {
            self.end = End::At(now);
        }
    }

    /// Changes or loses the octet at this place, counted from the first that was ever written: something that no
    /// transport may do, for tests that must notice it.
    ///
    /// ```
    /// use grpc_sansio::Instant;
    /// use grpc_sansio::testing::{Damage, FaultyLink, Read};
    ///
    /// let now = Instant::from_nanos(0);
    /// let mut link = FaultyLink::new(1);
    /// link.damage(1, Damage::Flip(0x20));
    /// link.write(now, &mut &b"hello"[..]);
    /// assert_eq!(link.read(now), Some(Read::Octets("hEllo".into())));
    /// ```
    pub fn damage(&mut self, at: u64, damage: Damage) {
        self.damage = Some((at, damage));
    }

    /// Lets the transport die when `octets` more have been written: those arrive, then the reader sees the end.
    pub fn die_after(&mut self, octets: u64) {
        self.life = Some(octets);
    }

    /// The writer closes: what is on its way still arrives, then the reader sees the end.
    pub fn close(&mut self, now: Instant) {
        if self.end == End::Open {
            let last = self.travelling.back().map_or(now, |(arrival, _)| *arrival);
            self.end = End::At(last.max(now.saturating_add(self.delay)));
        }
    }

    /// Whether the writer closed it, or it died.
    pub fn is_closed(&self) -> bool {
        self.end != End::Open
    }

    /// Takes octets from the front of `source`; returns how many. A dead link takes all of them, to no avail.
    pub fn write(&mut self, now: Instant, source: &mut impl Buf) -> usize {
        let room = self.capacity.saturating_sub(self.in_flight);
        let wanted = source.remaining().min(self.takes).min(room);
        if wanted == 0 && self.life != Some(0) {
            return 0;
        }
        let mut octets = source.copy_to_bytes(wanted);
        self.digest.update(&octets);
        if self.dropping || self.is_closed() {
            return wanted;
        }
        let dies = self.life.is_some_and(|life| life <= wanted as u64);
        if let Some(life) = &mut self.life {
            octets.truncate(usize::try_from(*life).unwrap_or(usize::MAX));
            *life -= octets.len() as u64;
        }
        self.send(now, octets);
        if dies {
            self.close(now);
        }
        wanted
    }

    /// Puts octets on their way.
    fn send(&mut self, now: Instant, octets: Bytes) {
        self.busy_until = self.busy_until.max(now);
        if let Some(rate) = self.bandwidth {
            let nanos = octets.len() as u128 * 1_000_000_000 / u128::from(rate.max(1));
            let taken = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
            self.busy_until = self.busy_until.saturating_add(taken);
        }
        let from = self.written;
        self.written += octets.len() as u64;
        let octets = match self.damage {
            Some((at, damage)) if (from..self.written).contains(&at) => damaged(&octets, (at - from) as usize, damage),
            _ => octets,
        };
        if !octets.is_empty() {
            self.in_flight += octets.len();
            self.travelling.push_back((self.busy_until.saturating_add(self.delay), octets));
        }
    }

    /// What has arrived at `now`, cut as [`FaultyLink::cut`] says.
    pub fn read(&mut self, now: Instant) -> Option<Read> {
        if now < self.stalled_until {
            return None;
        }
        if let Some((arrival, octets)) = self.travelling.front_mut() {
            if *arrival > now {
                return None;
            }
            let len = match self.cut {
                Cut::Whole => octets.len(),
                Cut::AtMost(most) => octets.len().min(most.max(1)),
                // Half of the reads are so short that they end inside a frame's head or a message's prefix.
                Cut::Random if self.rng.one_in(2) => 1 + self.rng.below(octets.len().min(24)),
                Cut::Random => 1 + self.rng.below(octets.len()),
            };
            let piece = octets.split_to(len);
            if octets.is_empty() {
                self.travelling.pop_front();
            }
            self.delivered += piece.len() as u64;
            self.in_flight -= piece.len();
            return Some(Read::Octets(piece));
        }
        match self.end {
            End::At(when) if when <= now && !self.dropping => {
                self.end = End::Told;
                Some(Read::Eof)
            }
            _ => None,
        }
    }

    /// When the next [`FaultyLink::read`] will give something; `None` where nothing is on its way.
    pub fn next_arrival(&self) -> Option<Instant> {
        let end = if let (End::At(when), false) = (self.end, self.dropping) { Some(when) } else { None };
        let next = self.travelling.front().map(|(arrival, _)| *arrival).or(end)?;
        Some(next.max(self.stalled_until))
    }

    /// Whether anything but PINGs and their answers is on its way.
    pub(super) fn carries_news(&self) -> bool {
        let octets = self.travelling.iter().flat_map(|(_, octets)| octets);
        let pings = self.in_flight.is_multiple_of(PING_LEN)
            && octets.zip((0..PING_LEN).cycle()).all(|(octet, at)| PING.get(at).is_none_or(|known| known == octet));
        !pings || matches!(self.end, End::At(_)) && !self.dropping
    }

    /// Octets taken so far that were not lost.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Octets delivered so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// A hash of all octets that were ever written, those that were lost included. It does not depend on how writes and
    /// reads were cut.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }
}

fn damaged(octets: &[u8], at: usize, damage: Damage) -> Bytes {
    let mut changed = BytesMut::with_capacity(octets.len());
    let (before, rest) = octets.split_at(at);
    changed.extend_from_slice(before);
    if let (Damage::Flip(bits), Some(octet)) = (damage, rest.first()) {
        changed.extend_from_slice(&[octet ^ bits]);
    }
    changed.extend_from_slice(rest.get(1..).unwrap_or_default());
    changed.freeze()
}

#[cfg(test)]
mod tests {
    use super::{Damage, FaultyLink, Read};
    use crate::time::Instant;

    const NOW: Instant = Instant::from_nanos(7);

    fn link_with(octets: &[u8]) -> FaultyLink {
        let mut link = FaultyLink::new(1);
        assert_eq!(link.write(NOW, &mut &octets[..]), octets.len());
        link
    }

    fn octets(text: &'static str) -> Option<Read> {
        Some(Read::Octets(text.into()))
    }

    #[test]
    fn a_full_link_takes_nothing_until_it_is_read() {
        let mut link = FaultyLink::new(1);
        link.capacity = 3;
        let mut source = &b"hello"[..];
        assert_eq!(link.write(NOW, &mut source), 3);
        assert_eq!(link.write(NOW, &mut source), 0);
        assert_eq!(link.read(NOW), octets("hel"));
        assert_eq!(link.write(NOW, &mut source), 2);
        assert_eq!(link.read(NOW), octets("lo"));
    }

    #[test]
    fn a_severed_link_loses_what_travels_and_ends_once() {
        let mut link = link_with(b"hello");
        link.sever(NOW);
        assert_eq!(link.next_arrival(), Some(NOW));
        assert_eq!(link.read(NOW), Some(Read::Eof));
        link.sever(NOW);
        assert_eq!((link.read(NOW), link.next_arrival()), (None, None));
        assert_eq!(link.write(NOW, &mut &b"lost"[..]), 4);
        assert_eq!((link.written(), link.delivered()), (5, 0));
    }

    #[test]
    fn a_half_open_link_is_silent_until_it_is_severed() {
        let mut link = link_with(b"hello");
        link.drop_silently();
        link.close(NOW);
        assert_eq!((link.read(NOW), link.next_arrival()), (None, None));
        link.sever(NOW);
        assert_eq!(link.read(NOW), Some(Read::Eof));
    }

    #[test]
    fn a_stall_holds_the_end_back_too() {
        let later = Instant::from_nanos(100);
        let mut link = link_with(b"hello");
        link.close(NOW);
        link.stall(later);
        assert_eq!((link.read(NOW), link.next_arrival()), (None, Some(later)));
        assert_eq!(link.read(later), octets("hello"));
        assert_eq!(link.read(later), Some(Read::Eof));
    }

    #[test]
    fn pings_are_no_news_however_they_are_cut() {
        let ping = [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], b"whatever"].concat();
        for takes in [1, 16, 17, 18, usize::MAX] {
            let carries_news = |octets: &[u8]| {
                let mut link = FaultyLink::new(1);
                link.takes = takes;
                let mut rest = octets;
                while link.write(NOW, &mut rest) > 0 {}
                link.carries_news()
            };
            assert!(!carries_news(&[]) && !carries_news(&ping) && !carries_news(&ping.repeat(3)));
            let mut window = ping.clone();
            window[3] = 8;
            for news in [&ping[..16], &window, &[&ping[..], &window].concat(), &[&window[..], &ping].concat()] {
                assert!(carries_news(news), "{takes}: {news:?}");
            }
        }
        let mut link = link_with(&ping);
        link.close(NOW);
        assert!(link.carries_news(), "the end");
    }

    #[test]
    fn a_link_dies_at_the_octet_that_it_was_told() {
        for life in 0..=5u64 {
            let mut link = FaultyLink::new(1);
            link.die_after(life);
            link.write(NOW, &mut &b"hello"[..]);
            let alive = (life > 0).then(|| Read::Octets(bytes::Bytes::copy_from_slice(&b"hello"[..life as usize])));
            assert_eq!(link.read(NOW), alive.or(Some(Read::Eof)), "{life}");
            assert!(link.is_closed());
        }
    }

    #[test]
    fn one_octet_is_damaged_wherever_writes_are_cut() {
        for (damage, expected) in [(Damage::Flip(1), &b"hemlo"[..]), (Damage::Lose, &b"helo"[..])] {
            for cut in 0..=5 {
                let mut link = FaultyLink::new(1);
                link.damage(2, damage);
                link.write(NOW, &mut &b"hello"[..cut]);
                link.write(NOW, &mut &b"hello"[cut..]);
                let mut arrived = alloc::vec::Vec::new();
                while let Some(Read::Octets(piece)) = link.read(NOW) {
                    arrived.extend_from_slice(&piece);
                }
                assert_eq!(arrived, expected, "{cut}");
            }
        }
    }
}
