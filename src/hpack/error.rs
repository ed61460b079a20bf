//! Why a header block cannot be decoded.

use thiserror::Error;

/// Why a header block cannot be decoded. Each is an error of the whole connection: the two sides' tables may differ
/// from now on, so nothing that follows could be trusted (RFC 9113 §4.3).
///
/// ```
/// use grpc_sansio::hpack::DecodeError;
///
/// assert!(DecodeError::ListAbuse.is_abuse()); // ENHANCE_YOUR_CALM
/// assert!(!DecodeError::InvalidIndex.is_abuse()); // COMPRESSION_ERROR
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{}", self.reason())]
#[non_exhaustive]
pub enum DecodeError {
    /// The block ends inside an integer (RFC 7541 §5.1).
    TruncatedInteger,
    /// An integer is above 2^32 - 1 or has more than five continuation octets (RFC 7541 §5.1).
    IntegerOverflow,
    /// Index 0, or one past both tables (RFC 7541 §2.3.3).
    InvalidIndex,
    /// A string is longer than what is left of the block (RFC 7541 §5.2).
    StringPastEnd,
    /// The padding of a Huffman string is longer than 7 bits or not all ones (RFC 7541 §5.2).
    HuffmanPadding,
    /// A Huffman string has the end-of-string symbol in it (RFC 7541 §5.2).
    HuffmanEos,
    /// A table size above the limit that we announced (RFC 7541 §6.3).
    SizeUpdateTooLarge,
    /// A table size update after the first field of a block (RFC 7541 §4.2).
    SizeUpdateNotAtStart,
    /// More than two table size updates in a block (RFC 7541 §4.2).
    TooManySizeUpdates,
    /// The limit was lowered and acknowledged, yet the next block did not start by lowering the table
    /// (RFC 9113 §4.3.1).
    MissingSizeUpdate,
    /// The list is above `abuse_list_size`, or has a name of more than 8 MiB.
    ListAbuse,
    /// The list has more fields than `abuse_fields`.
    FieldAbuse,
}

impl DecodeError {
    /// Whether the block was well formed but abusive: the connection ends with ENHANCE_YOUR_CALM instead of
    /// COMPRESSION_ERROR.
    pub const fn is_abuse(self) -> bool {
        matches!(self, Self::ListAbuse | Self::FieldAbuse)
    }

    /// What is wrong, as a constant: it also goes to the peer in the GOAWAY.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TruncatedInteger => "header block ends inside an integer",
            Self::IntegerOverflow => "integer in header block is too large",
            Self::InvalidIndex => "no such entry in the header tables",
            Self::StringPastEnd => "string reaches past the end of the header block",
            Self::HuffmanPadding => "invalid Huffman padding",
            Self::HuffmanEos => "end-of-string symbol in a Huffman string",
            Self::SizeUpdateTooLarge => "table size update above our limit",
            Self::SizeUpdateNotAtStart => "table size update after a field",
            Self::TooManySizeUpdates => "too many table size updates",
            Self::MissingSizeUpdate => "missing table size update",
            Self::ListAbuse => "header list is abusively large",
            Self::FieldAbuse => "header list has abusively many fields",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DecodeError;
    use std::collections::BTreeSet;

    /// Each has words of its own, which a person can find in the log of the other side.
    #[test]
    fn reasons_are_told_apart() {
        use DecodeError::*;
        let all = [
            TruncatedInteger,
            IntegerOverflow,
            InvalidIndex,
            StringPastEnd,
            HuffmanPadding,
            HuffmanEos,
            SizeUpdateTooLarge,
            SizeUpdateNotAtStart,
            TooManySizeUpdates,
            MissingSizeUpdate,
            ListAbuse,
            FieldAbuse,
        ];
        let reasons: BTreeSet<_> = all.map(DecodeError::reason).into_iter().collect();
        assert_eq!(reasons.len(), all.len());
        assert!(reasons.iter().all(|reason| reason.len() > 10));
    }
}
