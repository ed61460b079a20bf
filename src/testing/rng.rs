//! Chance from a seed.

/// A small generator of random numbers (SplitMix64): the same seed gives the same numbers, everywhere and for ever.
///
/// ```
/// use grpc_sansio::testing::Rng;
///
/// let (mut one, mut other) = (Rng::new(1), Rng::new(1));
/// assert_eq!(one.next_u64(), other.next_u64());
/// assert!((0..100).all(|_| one.below(6) < 6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rng(u64);

impl Rng {
    /// A generator that starts from `seed`; any value will do.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        // The increment and the multipliers are those of the published generator.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 up to, and without, `bound`; 0 where that is 0.
    pub const fn below(&mut self, bound: usize) -> usize {
        if bound == 0 { 0 } else { (self.next_u64() % bound as u64) as usize }
    }

    /// `true` once in `bound` times.
    pub const fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }

    /// Another generator, whose numbers have nothing to do with those that follow here.
    pub const fn fork(&mut self) -> Self {
        Self(self.next_u64())
    }
}
