//! Octets in pieces.

use alloc::vec::Vec;

/// A way to cut octets: pieces of these lengths, one after the other and again from the first, until nothing is left.
///
/// ```
/// use grpc_sansio::testing::Chunking;
///
/// let chunking = Chunking::new([1, 3]);
/// assert_eq!(chunking.pieces(b"hello world").collect::<Vec<_>>(), [&b"h"[..], b"ell", b"o", b" wo", b"r", b"ld"]);
/// assert_eq!(Chunking::whole().pieces(b"hello").collect::<Vec<_>>(), [b"hello"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunking(Vec<usize>);

impl Chunking {
    /// Pieces of these lengths; 0 counts as 1. None at all is [`Chunking::whole`].
    pub fn new(lengths: impl IntoIterator<Item = usize>) -> Self {
        Self(lengths.into_iter().map(|length| length.max(1)).collect())
    }

    /// One piece.
    pub const fn whole() -> Self {
        Self(Vec::new())
    }

    /// The octets in pieces, none of them empty.
    pub fn pieces<'o>(&self, octets: &'o [u8]) -> impl Iterator<Item = &'o [u8]> {
        let mut lengths = self.0.iter().copied().cycle();
        let mut rest = octets;
        core::iter::from_fn(move || {
            let length = lengths.next().unwrap_or(usize::MAX).min(rest.len());
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        })
    }
}
