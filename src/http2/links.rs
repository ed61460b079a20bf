//! A stream's places in the lists that run through the slab.

const NONE: u32 = u32::MAX;

/// Place of a stream in one list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) prev: u32,
    pub(super) next: u32,
    pub(super) linked: bool,
}

impl Link {
    pub(super) const OUT: Self = Self { prev: NONE, next: NONE, linked: false };
}

/// The lists a stream can be in, each at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Has something to send: waiting for an id, ready, or blocked by the connection window.
    Send = 0,
    /// Owes the peer a WINDOW_UPDATE.
    Credit = 1,
    /// The layer above wants to come back to it.
    Notice = 2,
}

pub(super) const LANES: usize = 3;
