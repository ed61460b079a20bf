//! What a mask has hidden, to find it again where somebody repeats it: a server that quotes the token it refuses, a proxy's
//! page that lists the request's fields, an address in the reason why a transport failed.

use crate::grpc::percent;
use alloc::boxed::Box;
use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Bound;

/// Shorter values are words that mean nothing by themselves: to hide each of them would hide the log.
pub(super) const LEAST: usize = 8;

/// Octets of values that are remembered, the latest ones.
pub(super) const KEPT: usize = 64 << 10;

/// What stands where text was.
pub(super) const HIDDEN: &str = "(masked)";

/// What may stand behind a value that was cut off by whoever quotes it.
const CUT_OFF: [&[u8]; 3] = [b"\"", b"...", b"; retry: "];

/// Values that were hidden, the latest [`KEPT`] octets of them.
#[derive(Debug)]
pub(super) struct Repeats {
    values: BTreeSet<Box<[u8]>>,
    order: VecDeque<Box<[u8]>>,
    octets: usize,
    /// A bit for each two octets that a value may begin with, since most texts have none of them.
    starts: Vec<u64>,
}

impl Repeats {
    pub(super) fn new() -> Self {
        Self { values: BTreeSet::new(), order: VecDeque::new(), octets: 0, starts: vec![0; (1 << 16) / 64] }
    }

    /// Remembers the value of a field, and what it is made of: a token behind its scheme, cookies without their names.
    pub(super) fn remember(&mut self, name: &str, value: &[u8]) {
        // What follows the cookie itself is attributes, which are no secret (RFC 6265 §4.1).
        let value = match name.eq_ignore_ascii_case("set-cookie") {
            true => value.split(|octet| *octet == b';').next().unwrap_or_default(),
            false => value,
        };
        self.keep(value.trim_ascii());
        let quotes = |octet: &u8| *octet == b'"';
        for part in value.split(|octet| b" ;,".contains(octet)).map(<[u8]>::trim_ascii) {
            let bare = part.iter().position(|octet| *octet == b'=').and_then(|at| part.get(at.saturating_add(1)..));
            for part in [part, bare.unwrap_or_default()] {
                part.split(quotes).for_each(|part| self.keep(part));
            }
        }
    }

    fn keep(&mut self, value: &[u8]) {
        self.keep_as_it_is(value);
        // As texts quote it, and as `grpc-message` spells it (G-145).
        let (escaped, mut percent) = (value.escape_ascii().to_string(), Vec::new());
        percent::encode_into(&String::from_utf8_lossy(value), &mut percent);
        for other in [escaped.as_bytes(), &percent] {
            if other != value {
                self.keep_as_it_is(other);
            }
        }
    }

    fn keep_as_it_is(&mut self, value: &[u8]) {
        let value = value.get(..KEPT).unwrap_or(value);
        if value.len() < LEAST || self.values.contains(value) {
            return;
        }
        self.octets = self.octets.saturating_add(value.len());
        while self.octets > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.octets = self.octets.saturating_sub(oldest.len());
            self.values.remove(&oldest);
        }
        if let Some((word, bit)) = start(value) {
            self.starts.iter_mut().skip(word).take(1).for_each(|word| *word |= bit);
        }
        self.order.push_back(value.into());
        self.values.insert(value.into());
    }

    /// How many octets of `text` are a value, or the beginning of one that was cut off there.
    fn repeated(&self, text: &[u8]) -> Option<usize> {
        let (word, bit) = start(text)?;
        if self.starts.get(word).is_none_or(|word| word & bit == 0) || text.len() < LEAST {
            return None;
        }
        let common = |value: &[u8]| value.iter().zip(text).take_while(|(one, other)| one == other).count();
        let range = |bounds| self.values.range::<[u8], _>(bounds);
        // A value that `text` begins with stands before it in order, behind all that have less in common with it.
        let (mut most, mut rest) = (0, text);
        while let Some(before) = range((Bound::Unbounded, Bound::Included(rest))).next_back() {
            let shared = common(before);
            if shared == before.len() {
                return Some(shared);
            }
            most = most.max(shared);
            match rest.get(..shared) {
                Some(shorter) if shared >= LEAST => rest = shorter,
                _ => break,
            }
        }
        let behind = range((Bound::Excluded(text), Bound::Unbounded)).next();
        most = most.max(behind.map_or(0, |value| common(value)));
        let left = text.get(most..).unwrap_or_default();
        let is_cut = left.is_empty() || CUT_OFF.iter().any(|end| left.starts_with(end));
        Some(most).filter(|most| *most >= LEAST && is_cut)
    }

    /// Whether these octets have a value in them.
    pub(super) fn are_in(&self, octets: &[u8]) -> bool {
        (0..octets.len()).any(|at| octets.get(at..).is_some_and(|rest| self.repeated(rest).is_some()))
    }

    /// Takes the values out of a text.
    pub(super) fn hide(&self, text: &mut String) {
        if !self.are_in(text.as_bytes()) {
            return;
        }
        let (mut rest, mut hidden) = (text.as_bytes(), Vec::new());
        while let Some((first, behind)) = rest.split_first() {
            match self.repeated(rest) {
                Some(length) => {
                    hidden.extend_from_slice(HIDDEN.as_bytes());
                    rest = rest.get(length..).unwrap_or_default();
                }
                None => {
                    hidden.push(*first);
                    rest = behind;
                }
            }
        }
        *text = String::from_utf8_lossy(&hidden).into_owned();
    }
}

/// The word and the bit of the two octets that this begins with.
fn start(value: &[u8]) -> Option<(usize, u64)> {
    let start = u16::from_be_bytes(*value.first_chunk()?);
    Some((usize::from(start / 64), 1 << (start % 64)))
}

#[cfg(test)]
mod tests {
    use super::{HIDDEN, KEPT, LEAST, Repeats};
    use std::format;
    use std::string::String;

    fn hidden(values: &[(&str, &str)], text: &str) -> String {
        let mut repeats = Repeats::new();
        values.iter().for_each(|(name, value)| repeats.remember(name, value.as_bytes()));
        let mut text = String::from(text);
        repeats.hide(&mut text);
        text
    }

    #[test]
    fn a_value_is_hidden_wherever_it_is_repeated() {
        let bearer = [("authorization", "Bearer abcdefghij")];
        for (text, left) in [
            ("no token here", "no token here"),
            ("refused Bearer abcdefghij.", "refused (masked)."),
            ("refused abcdefghij and abcdefghij", "refused (masked) and (masked)"),
            // Cut off by who quotes it, by the end, or by neither.
            ("body \"x abcdefgh...\"", "body \"x (masked)...\""),
            ("body \"x abcdefgh\"", "body \"x (masked)\""),
            ("x abcdefghi", "x (masked)"),
            ("abcdefghi; retry: safe", "(masked); retry: safe"),
            ("abcdefghi and so on", "abcdefghi and so on"),
            ("abcdefg", "abcdefg"),
        ] {
            assert_eq!(hidden(&bearer, text), left, "{text}");
        }
    }

    #[test]
    fn cookies_are_known_without_their_names_and_attributes_are_no_secret() {
        let cookies =
            [("cookie", "a=12345678; b=\"quoted-quoted\""), ("set-cookie", "c=123456789abc; Domain=example.com")];
        let said = hidden(&cookies, "12345678 quoted-quoted 123456789abc example.com");
        assert_eq!(said, "(masked) (masked) (masked) example.com");
    }

    #[test]
    fn what_is_escaped_where_it_is_quoted_is_found() {
        assert_eq!(hidden(&[("x", "say \"hush\" \\ twice")], "said say \\\"hush\\\" \\\\ twice."), "said (masked).");
        assert_eq!(
            hidden(&[("x", "grüße-an-alle")], "gr\\xc3\\xbc\\xc3\\x9fe-an-alle, grüße-an-alle"),
            "(masked), (masked)"
        );
        assert_eq!(hidden(&[("x", "100% secret")], "100%25 secret"), "(masked)");
        // A character that is only half of a value.
        assert!(hidden(&[("x", "12345678é")], "12345678è").starts_with("12345678"));
    }

    #[test]
    fn values_that_begin_alike_are_told_apart() {
        let values = [("a", "abcdefgh"), ("b", "abcdefgha"), ("c", "abcdefghzzzz")];
        for (text, left) in [
            ("abcdefghm", "(masked)m"),
            ("abcdefgham", "(masked)m"),
            ("abcdefghzzzzz", "(masked)z"),
            ("abcdefghzz!", "(masked)zz!"),
        ] {
            assert_eq!(hidden(&values, text), left);
        }
    }

    #[test]
    fn short_values_are_words() {
        let (short, long) = ("x".repeat(LEAST - 1), "x".repeat(LEAST));
        assert_eq!(hidden(&[("x", &short)], &short), short);
        assert_eq!(hidden(&[("x", &long)], &long), HIDDEN);
    }

    #[test]
    fn the_latest_values_are_remembered_up_to_their_limit() {
        let mut repeats = Repeats::new();
        let value = |number: usize| format!("{number:08}{}", "v".repeat(56));
        let most = KEPT / 64;
        (0..most).for_each(|number| repeats.remember("x", value(number).as_bytes()));
        assert!(repeats.are_in(value(0).as_bytes()) && repeats.octets == KEPT);
        repeats.remember("x", value(most).as_bytes());
        assert!(!repeats.are_in(value(0).as_bytes()) && repeats.are_in(value(1).as_bytes()));
        assert!(repeats.are_in(value(most).as_bytes()) && repeats.octets == KEPT);
        // One that is longer than all is kept as far as there is room.
        repeats.remember("x", "w".repeat(2 * KEPT).as_bytes());
        assert!(repeats.octets == KEPT && repeats.values.len() == 1 && repeats.order.len() == 1);
    }
}
