//! How an input says what the fuzzer plays besides the peer.
//!
//! The last two octets of an input steer (limits, what the application does, where reads are cut), all before them is
//! the wire as a peer would send it. Wire seeds of other projects thus need two octets appended and nothing else.

/// What steers a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    /// A bit for each choice.
    pub(crate) mode: u8,
    /// Where to cut: 0 is not at all.
    pub(crate) cut: u8,
}

impl Control {
    /// The wire, and what steers.
    pub(crate) fn split(data: &[u8]) -> Option<(&[u8], Self)> {
        let (wire, &[mode, cut]) = data.split_last_chunk::<2>()?;
        Some((wire, Self { mode, cut }))
    }

    /// Whether choice `bit` is made.
    pub(crate) const fn has(self, bit: u32) -> bool {
        self.mode >> bit & 1 == 1
    }

    /// Cuts `octets` into pieces of 1 to about `longest` octets, the same ones each time.
    pub(crate) fn pieces(self, octets: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
        let (mut rest, mut state) = (octets, u32::from(self.cut));
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let len = if self.cut == 0 { rest.len() } else { (1 + (state >> 16) as usize % longest).min(rest.len()) };
            let (piece, tail) = rest.split_at(len);
            rest = tail;
            Some(piece)
        })
    }
}
