//! Questions asked of every octet of a string, eight octets at a time.

const HIGH: u64 = repeat(0x80);

const fn repeat(octet: u8) -> u64 {
    u64::from_ne_bytes([octet; 8])
}

/// Not zero if an octet of the word is below `limit`, which is at most 128.
const fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(repeat(limit)) & !word & HIGH
}

const fn equal(word: u64, octet: u8) -> u64 {
    below(word ^ repeat(octet), 1)
}

/// Whether all octets are at least `lowest`, none is DEL or `but`, and none has a bit of `high` set.
#[inline(always)]
const fn all(octets: &[u8], lowest: u8, but: u8, high: u64) -> bool {
    // Two words, which may overlap, are all of most strings.
    if octets.len() <= 16
        && let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk())
    {
        let first = judge(u64::from_le_bytes(*first), lowest, but, high);
        return first | judge(u64::from_le_bytes(*last), lowest, but, high) == 0;
    }
    let (mut rest, mut bad) = (octets, 0);
    while let Some((word, behind)) = rest.split_first_chunk() {
        bad |= judge(u64::from_le_bytes(*word), lowest, but, high);
        rest = behind;
    }
    if !rest.is_empty() {
        let last = match octets.last_chunk() {
            Some(last) => u64::from_le_bytes(*last),
            None => short(rest),
        };
        bad |= judge(last, lowest, but, high);
    }
    bad == 0
}

#[inline]
const fn judge(word: u64, lowest: u8, but: u8, high: u64) -> u64 {
    below(word, lowest) | equal(word, 0x7f) | equal(word, but) | word & high
}

/// Fewer than eight octets, and some that are always allowed.
const fn short(octets: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (octets.first_chunk(), octets.last_chunk()) {
        return u32::from_le_bytes(*first) as u64 | (u32::from_le_bytes(*last) as u64) << 32;
    }
    let (mut word, mut rest) = (repeat(b'a'), octets);
    while let [octet, behind @ ..] = rest {
        word = word << 8 | *octet as u64;
        rest = behind;
    }
    word
}

/// Visible ASCII: 0x21 to 0x7E.
#[inline]
pub(crate) const fn are_visible(octets: &[u8]) -> bool {
    all(octets, 0x21, 0x7f, HIGH)
}

/// Visible ASCII without one of them.
#[inline]
pub(crate) const fn are_visible_but(octets: &[u8], but: u8) -> bool {
    all(octets, 0x21, but, HIGH)
}

/// ASCII that can be printed: 0x20 to 0x7E.
#[inline]
pub(crate) const fn are_printable(octets: &[u8]) -> bool {
    all(octets, 0x20, 0x7f, HIGH)
}

/// No control octets; those above ASCII are none.
#[inline]
pub(crate) const fn are_no_controls(octets: &[u8]) -> bool {
    all(octets, 0x20, 0x7f, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;

    /// Every octet, at every place of strings of every length up to three words.
    #[test]
    fn each_octet_is_judged_wherever_it_stands() {
        for len in 1..24 {
            for (at, octet) in (0..len).flat_map(|at| (0..=255u8).map(move |octet| (at, octet))) {
                let mut octets = vec![b'x'; len];
                octets[at] = octet;
                let context = (len, at, octet);
                assert_eq!(are_visible(&octets), octet.is_ascii_graphic(), "{context:?}");
                assert_eq!(are_visible_but(&octets, b'@'), octet.is_ascii_graphic() && octet != b'@', "{context:?}");
                assert_eq!(are_printable(&octets), matches!(octet, 0x20..=0x7e), "{context:?}");
                assert_eq!(are_no_controls(&octets), !octet.is_ascii_control(), "{context:?}");
                // Beside any other, too.
                octets.fill(0xff);
                octets[at] = octet;
                assert_eq!(are_no_controls(&octets), !octet.is_ascii_control(), "{context:?}");
            }
        }
        assert!(are_visible(b"") && are_no_controls(b""));
    }
}
