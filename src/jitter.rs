//! Spreading of times, by a seed: what began at once does not come back at once.

use core::time::Duration;

const MILLION: u64 = 1_000_000;

/// `around`, up to so many per cent (100 at most) more or less, evenly. Seeds that are numbers in a row are as good as any.
pub(crate) fn jittered(around: Duration, percent: u8, seed: u64) -> Duration {
    // SplitMix64: one step mixes all bits.
    let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let most = u64::from(percent.min(100)) * (MILLION / 100);
    let parts = MILLION - most + mixed % (2 * most + 1);
    let nanos = around.as_nanos().saturating_mul(parts.into()) / u128::from(MILLION);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::jittered;
    use core::time::Duration;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    /// G-212, G-220: spread over all of the range, and the same for the same seed.
    #[test]
    fn g_212_g_220_jitter_is_spread_evenly() {
        let around = Duration::from_secs(1_000);
        let times: Vec<_> = (0..1_000).map(|seed| jittered(around, 10, seed)).collect();
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        assert!(*least >= around * 9 / 10 && *least < around * 91 / 100, "{least:?}");
        assert!(*most <= around * 11 / 10 && *most > around * 109 / 100, "{most:?}");
        let below = times.iter().filter(|time| **time < around).count();
        assert!((450..550).contains(&below), "{below}");
        assert!(times.iter().collect::<BTreeSet<_>>().len() > 990);
        assert_eq!((jittered(around, 10, 7), jittered(around, 0, 7)), (times[7], around));
    }

    proptest! {
        #[test]
        fn never_beyond_its_range(nanos in 0..u64::MAX / 4, percent in 0..=100u8, seed: u64) {
            let around = Duration::from_nanos(nanos);
            let share = Duration::from_nanos((u128::from(nanos) * u128::from(percent) / 100) as u64 + 1);
            let got = jittered(around, percent, seed);
            prop_assert!(got <= around + share && got + share >= around);
        }
    }
}
