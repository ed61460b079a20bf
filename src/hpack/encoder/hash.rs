//! A multiplicative hash of a field, sixteen octets at a time.

/// Hashes names and values. With a secret seed nobody can aim at its collisions without seeing the hashes, which
/// never leave the encoder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hasher {
    state: u64,
    multiplier: u64,
}

/// Odd, with its bits spread evenly: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher {
    pub(super) const fn new(seed: u64) -> Self {
        // Odd multipliers lose nothing; the state comes out of the same seed by another way.
        let multiplier = fold(seed ^ SPREAD, SPREAD) | 1;
        Self { state: fold(seed.wrapping_add(SPREAD), multiplier | 1 << 63), multiplier }
    }

    pub(super) fn name(self, name: &[u8]) -> u64 {
        self.absorb(self.state, name)
    }

    /// The hash of a whole field, from that of its name.
    pub(super) fn value(self, name_hash: u64, value: &[u8]) -> u64 {
        self.absorb(name_hash, value)
    }

    /// Takes in the length and then all octets, sixteen at a time; the last ones may take some a second time.
    fn absorb(self, state: u64, bytes: &[u8]) -> u64 {
        let mut state = state ^ (bytes.len() as u64).wrapping_mul(SPREAD);
        let [low, high] = if let Some(last) = bytes.last_chunk::<16>() {
            let mut rest = bytes;
            while let (true, Some((pair, tail))) = (rest.len() > 16, rest.split_first_chunk::<16>()) {
                let [low, high] = words(pair);
                state = fold(state ^ low, self.multiplier ^ high);
                rest = tail;
            }
            words(last)
        } else if let (Some(low), Some(high)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
            [u64::from_le_bytes(*low), u64::from_le_bytes(*high)]
        } else {
            [short_word(bytes), 0]
        };
        fold(state ^ low, self.multiplier ^ high)
    }
}

/// Two words of eight octets.
#[inline(always)]
fn words(pair: &[u8; 16]) -> [u64; 2] {
    let pair = u128::from_le_bytes(*pair);
    [pair as u64, (pair >> 64) as u64]
}

/// Fewer than eight octets as a word.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    match (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(low), Some(high)) => u64::from(u32::from_le_bytes(*low)) | u64::from(u32::from_le_bytes(*high)) << 32,
        _ => bytes.iter().fold(0, |word, &octet| word << 8 | u64::from(octet)),
    }
}

#[expect(clippy::arithmetic_side_effects, reason = "64 by 64 bits fit into 128")]
const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::vec;
    use std::vec::Vec;

    /// Every octet, the lengths and the border between name and value count.
    #[test]
    fn close_fields_differ() {
        let hasher = Hasher::new(7);
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for len in 0..40 {
            fields.push((vec![0; len], vec![0; 39 - len]));
            fields.push((vec![], vec![0; len]));
            for place in 0..len {
                let mut value = vec![0; len];
                value[place] = 1;
                fields.push((b"name".to_vec(), value));
            }
        }
        fields.sort();
        fields.dedup();
        let hashes: BTreeSet<u64> = fields.iter().map(|(name, value)| hasher.value(hasher.name(name), value)).collect();
        assert_eq!(hashes.len(), fields.len());
    }

    /// Names that differ in one place only are spread over any seven bits that a table takes, much as chance would.
    #[test]
    fn every_part_of_the_hash_is_spread() {
        let hasher = Hasher::new(7);
        for len in [2, 7, 8, 13, 40] {
            for shift in [0, 8, 25, 33] {
                let mut buckets = [0u32; 128];
                for place in 0..len - 1 {
                    for number in 0..2_048u16 {
                        let mut name = vec![b'a'; len];
                        name[place..place + 2].copy_from_slice(&number.to_be_bytes());
                        buckets[(hasher.name(&name) >> shift) as usize % 128] += 1;
                    }
                }
                let mean = 16 * (len as u32 - 1);
                let (least, most) = (buckets.iter().min().copied(), buckets.iter().max().copied());
                assert!(least >= Some(mean / 3) && most <= Some(mean * 2), "{len} {shift}: {least:?} {most:?}");
            }
        }
    }

    #[test]
    fn seeds_differ() {
        let hashes: BTreeSet<u64> = (0..1000).map(|seed| Hasher::new(seed).name(b"name")).collect();
        assert_eq!(hashes.len(), 1000);
    }
}
