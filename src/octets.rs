//! Questions asked of every octet of a string.

/// Whether `test` holds for all octets. It is asked of each of them, also behind one that fails: without an early exit
/// the compiler looks at many octets at a time.
#[inline]
pub(crate) fn all(octets: &[u8], test: impl Fn(u8) -> bool) -> bool {
    octets.iter().fold(true, |all, octet| all & test(*octet))
}
