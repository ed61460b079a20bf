//! The checksum at the end of each line, which goes on from that of the line before: so a line that was changed, taken out
//! or put in shows. It is against accidents, not against forgers.

use alloc::format;
use alloc::vec::Vec;

/// `,"sum":"01234567"}` and the end of the line.
const BEFORE: &[u8] = b",\"sum\":\"";
const BEHIND: &[u8] = b"\"}";
const DIGITS: usize = 8;

/// Ends a JSON object with the sum of its text.
pub(super) fn append(line: &mut Vec<u8>, before: u32) -> u32 {
    line.pop();
    let sum = of(line, before);
    line.extend_from_slice(BEFORE);
    line.extend_from_slice(format!("{sum:08x}").as_bytes());
    line.extend_from_slice(BEHIND);
    line.push(b'\n');
    sum
}

/// The text of a line that the sum is of, and the sum that it has; `None` where it has none.
pub(super) fn split(line: &[u8]) -> Option<(&[u8], u32)> {
    let rest = line.strip_suffix(BEHIND)?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let text = rest.strip_suffix(BEFORE)?;
    let digits = core::str::from_utf8(digits).ok()?;
    Some((text, u32::from_str_radix(digits, 16).ok()?))
}

/// The sum of this text behind lines whose sum is `before`.
pub(super) fn of(text: &[u8], before: u32) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(before);
    hasher.update(text);
    hasher.finalize()
}
