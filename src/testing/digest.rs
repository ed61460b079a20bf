//! A hash that is the same everywhere.

/// A hash of octets, to compare runs by: the same octets give the same value on every machine, in every build and with
/// every release of Rust, however they were cut. It keeps nobody from finding two inputs with one value.
///
/// ```
/// use grpc_sansio::testing::Digest;
///
/// let (mut whole, mut cut) = (Digest::new(), Digest::new());
/// whole.update(b"hello world");
/// cut.update(b"hello");
/// cut.update(b" world");
/// assert_eq!(whole.value(), cut.value());
/// assert_ne!(whole.value(), Digest::new().value());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    hash: u64,
    /// The last octets, fewer than eight, that have not been mixed in.
    rest: u64,
    len: u64,
}

/// An odd number whose bits look random: the increment of SplitMix64.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

impl Digest {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Self { hash: FACTOR, rest: 0, len: 0 }
    }

    /// Goes on with these octets.
    pub fn update(&mut self, octets: &[u8]) {
        let until_word = (8 - self.len % 8) as usize % 8;
        let (head, words) = octets.split_at(until_word.min(octets.len()));
        head.iter().for_each(|octet| self.push(*octet));
        let (words, tail) = words.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.len += 8 * words.len() as u64;
        tail.iter().for_each(|octet| self.push(*octet));
    }

    /// Goes on with a number.
    pub fn update_u64(&mut self, number: u64) {
        self.update(&number.to_le_bytes());
    }

    fn push(&mut self, octet: u8) {
        self.rest |= u64::from(octet) << (8 * (self.len % 8));
        self.len += 1;
        if self.len.is_multiple_of(8) {
            self.mix(self.rest);
            self.rest = 0;
        }
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash.rotate_left(29) ^ word).wrapping_mul(FACTOR);
    }

    /// The hash of all octets so far.
    pub const fn value(&self) -> u64 {
        let mut mixed = (self.hash.rotate_left(29) ^ self.rest ^ self.len).wrapping_mul(FACTOR);
        mixed = (mixed ^ (mixed >> 32)).wrapping_mul(FACTOR);
        mixed ^ (mixed >> 29)
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    /// What other machines and builds must say too.
    #[test]
    fn values_are_fixed_and_cuts_do_not_show() {
        let octets: alloc::vec::Vec<u8> = (0..=255).collect();
        let mut whole = Digest::new();
        whole.update(&octets);
        assert_eq!(whole.value(), WHOLE);
        for cut in 0..octets.len() {
            let mut two = Digest::new();
            two.update(&octets[..cut]);
            two.update(&octets[cut..]);
            assert_eq!(two, whole, "{cut}");
            let mut short = Digest::new();
            short.update(&octets[..cut]);
            assert_ne!(short.value(), whole.value(), "{cut}");
        }
    }

    /// Worked out by another program from the definition.
    const WHOLE: u64 = 0xa812_1a21_8094_9184;
}
