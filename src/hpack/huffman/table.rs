//! The tables of the Huffman code, built at compile time.
//!
//! The code of RFC 7541 Appendix B is canonical: sorted by (length, symbol), each code is the one before plus one,
//! shifted to its length. So the 257 lengths are all that is written down here.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "tables made by the compiler, where a panic is an error of the build"
)]

/// Bits that one look into [`WINDOWS`] sees: two digits or capital letters, most of which have 7. 16,384 words are 64 KiB,
/// of which plain text touches a few; one bit less would take half of the memory and show a tenth less.
pub(super) const WINDOW_BITS: u32 = 14;

/// Code lengths in bits, by symbol (RFC 7541 Appendix B).
#[rustfmt::skip]
pub(super) static LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
    28, 28, 28, 28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7,
    7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21,
    23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
    21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

/// Bits of the longest code.
pub(super) const LONGEST_CODE: u32 = 30;

/// The number of symbols in each length of code.
const COUNTS: [u16; LONGEST_CODE as usize + 1] = {
    let mut counts = [0; 31];
    let mut symbol = 0;
    while symbol < LENGTHS.len() {
        counts[LENGTHS[symbol] as usize] += 1;
        symbol += 1;
    }
    counts
};

/// The symbols in the order of their codes.
pub(super) const SORTED: [u16; 257] = {
    let mut sorted = [0; 257];
    let (mut length, mut place) = (0, 0);
    while length < COUNTS.len() {
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                sorted[place] = symbol as u16;
                place += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    sorted
};

/// The code of each octet.
pub(super) const CODES: [u64; 256] = {
    let mut codes = [0; 256];
    let (mut place, mut code, mut last) = (0, 0u64, LENGTHS[SORTED[0] as usize]);
    while place < SORTED.len() {
        let symbol = SORTED[place] as usize;
        code <<= LENGTHS[symbol] - last;
        last = LENGTHS[symbol];
        if symbol < codes.len() {
            codes[symbol] = code;
        }
        code += 1;
        place += 1;
    }
    codes
};

/// What the encoder looks up by octet. In one place, which takes one register.
pub(super) struct Encoding {
    /// The codes, each bit inverted.
    pub(super) inverse: [u64; 256],
    pub(super) lengths: [u8; 256],
    /// The lengths once more, to be summed up from memory: one that is also what a word moves by would have to be kept
    /// aside.
    pub(super) summands: [u32; 256],
}

pub(super) static ENCODING: Encoding = {
    let mut encoding = Encoding { inverse: [0; 256], lengths: [0; 256], summands: [0; 256] };
    let mut octet = 0;
    while octet < CODES.len() {
        let length = LENGTHS[octet];
        encoding.inverse[octet] = !CODES[octet] & ((1 << length) - 1);
        (encoding.lengths[octet], encoding.summands[octet]) = (length, length as u32);
        octet += 1;
    }
    encoding
};

/// The codes of one length.
#[derive(Clone, Copy)]
pub(super) struct Class {
    /// Length in bits.
    pub(super) length: u32,
    /// The first code of this length, moved to the top of 32 bits.
    pub(super) first: u32,
    /// The place of its symbol in [`SORTED`].
    pub(super) place: usize,
}

/// The number of lengths above [`WINDOW_BITS`].
const LONG_CLASSES: usize = {
    let (mut classes, mut length) = (0, WINDOW_BITS as usize + 1);
    while length < COUNTS.len() {
        classes += (COUNTS[length] > 0) as usize;
        length += 1;
    }
    classes
};

/// The lengths above [`WINDOW_BITS`], shortest first, so their first codes rise.
pub(super) const LONG: [Class; LONG_CLASSES] = {
    let mut long = [Class { length: 0, first: 0, place: 0 }; LONG_CLASSES];
    let (mut length, mut code, mut place, mut classes) = (1, 0u64, 0, 0);
    while length < COUNTS.len() {
        code <<= 1;
        if length > WINDOW_BITS as usize && COUNTS[length] > 0 {
            long[classes] = Class { length: length as u32, first: (code << (32 - length)) as u32, place };
            classes += 1;
        }
        code += COUNTS[length] as u64;
        place += COUNTS[length] as usize;
        length += 1;
    }
    long
};

/// What the next [`WINDOW_BITS`] bits begin with: up to two whole symbols, or none where the code is a longer one. Also
/// the sum of several.
///
/// From the lowest octet: the bits of the symbols, eight for each symbol, and the symbols, the first one lower.
#[derive(Clone, Copy)]
pub(super) struct Window(u32);

impl Window {
    pub(super) const NOTHING: Self = Self(0);

    const fn of(bits: u64) -> Self {
        let Some((first, first_len)) = short_code(bits, WINDOW_BITS) else { return Self::NOTHING };
        match short_code(bits & ((1 << (WINDOW_BITS - first_len)) - 1), WINDOW_BITS - first_len) {
            Some((second, second_len)) => {
                Self((first_len + second_len) | 16 << 8 | (first as u32) << 16 | (second as u32) << 24)
            }
            None => Self(first_len | 8 << 8 | (first as u32) << 16),
        }
    }

    /// Adds lengths; the symbols mean nothing any more.
    #[inline(always)]
    pub(super) const fn plus(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }

    /// The symbols, the first one in the lowest octet; 0 where there is none.
    #[inline(always)]
    pub(super) const fn symbols(self) -> u64 {
        self.0 as u64 >> 16
    }

    /// The number of symbols, eight times: 0 to 16, or the sum.
    #[inline(always)]
    pub(super) const fn octet_bits(self) -> u32 {
        self.0 >> 8 & 0xff
    }

    /// The bits of all symbols.
    #[inline(always)]
    pub(super) const fn length(self) -> u32 {
        self.0 & 0xff
    }

    /// Whether the first code is longer than the window.
    #[inline(always)]
    pub(super) const fn is_long(self) -> bool {
        self.0 == 0
    }
}

/// The octet whose code `bits` (a string of `width` bits) begins with, and the length of the code.
const fn short_code(bits: u64, width: u32) -> Option<(u8, u32)> {
    let (mut length, mut code, mut place) = (1, 0, 0);
    while length <= width {
        code <<= 1;
        let count = COUNTS[length as usize] as u64;
        let prefix = bits >> (width - length);
        if prefix < code + count {
            return Some((SORTED[place + (prefix - code) as usize] as u8, length));
        }
        code += count;
        place += count as usize;
        length += 1;
    }
    None
}

/// For each value of the next [`WINDOW_BITS`] bits what they begin with.
pub(super) static WINDOWS: [Window; 1 << WINDOW_BITS] = {
    let mut windows = [Window(0); 1 << WINDOW_BITS];
    let mut bits = 0;
    while bits < windows.len() {
        windows[bits] = Window::of(bits as u64);
        bits += 1;
    }
    windows
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of RFC 7541 Appendix B, from each end of several lengths.
    #[test]
    fn codes_are_those_of_the_rfc() {
        for (symbol, code, length) in [
            (b'0', 0x0, 5),
            (b't', 0x9, 5),
            (b' ', 0x14, 6),
            (b':', 0x5c, 7),
            (b'&', 0xf8, 8),
            (b'!', 0x3f8, 10),
            (b'#', 0xffa, 12),
            (0, 0x1ff8, 13),
            (b'}', 0x3ffd, 14),
            (b'{', 0x7ffe, 15),
            (b'\\', 0x7fff0, 19),
            (199, 0x1ff_ffec, 25),
            (255, 0x3ff_ffee, 26),
            (249, 0xfff_fffe, 28),
            (b'\n', 0x3fff_fffc, 30),
            (22, 0x3fff_fffe, 30),
        ] {
            assert_eq!(CODES[usize::from(symbol)], code, "{symbol}");
            assert_eq!(LENGTHS[usize::from(symbol)], length, "{symbol}");
        }
        // The symbol that ends nothing: it may only appear, cut short, as padding (RFC 7541 §5.2).
        assert_eq!(SORTED[256], 256);
    }

    #[test]
    fn the_code_is_complete() {
        let sum: u64 = LENGTHS.iter().map(|length| 1u64 << (30 - length)).sum();
        assert_eq!(sum, 1 << 30);
    }
}
