//! One direction of a transport, with its faults.

use super::rng::Rng;
use crate::time::Instant;
use alloc::collections::VecDeque;
use bytes::{Buf, Bytes};
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

/// One direction of a transport: octets go in at one end and come out at the other, in order, late and in pieces.
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
    rng: Rng,
    /// What is on its way, with the time of its arrival.
    travelling: VecDeque<(Instant, Bytes)>,
    /// When the last octet written has passed the bottleneck.
    busy_until: Instant,
    dropping: bool,
    /// Octets that may still be written before the transport dies.
    life: Option<u64>,
    end: End,
    written: u64,
    delivered: u64,
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
            rng: Rng::new(seed),
            travelling: VecDeque::new(),
            busy_until: Instant::from_nanos(0),
            dropping: false,
            life: None,
            end: End::Open,
            written: 0,
            delivered: 0,
        }
    }

    /// From now on the link takes everything, delivers nothing, and nobody is told: the half-open connection of a
    /// network that went away. What is on its way is lost too.
    pub fn drop_silently(&mut self) {
        self.dropping = true;
        self.travelling.clear();
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
        let wanted = source.remaining().min(self.takes);
        let alive = self.life.map_or(wanted, |life| wanted.min(usize::try_from(life).unwrap_or(usize::MAX)));
        let lost = self.dropping || self.is_closed();
        if lost {
            source.advance(wanted);
            return wanted;
        }
        if alive > 0 {
            let octets = source.copy_to_bytes(alive);
            self.written += alive as u64;
            self.busy_until = self.busy_until.max(now);
            if let Some(rate) = self.bandwidth {
                let nanos = u128::from(alive as u64) * 1_000_000_000 / u128::from(rate.max(1));
                let taken = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                self.busy_until = self.busy_until.saturating_add(taken);
            }
            self.travelling.push_back((self.busy_until.saturating_add(self.delay), octets));
        }
        if let Some(life) = &mut self.life {
            *life -= alive as u64;
            if *life == 0 {
                self.close(now);
                source.advance(wanted - alive);
            }
        }
        wanted
    }

    /// What has arrived at `now`, cut as [`FaultyLink::cut`] says.
    pub fn read(&mut self, now: Instant) -> Option<Read> {
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
        self.travelling.front().map(|(arrival, _)| *arrival).or(end)
    }

    /// Octets taken so far that were not lost.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Octets delivered so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }
}
