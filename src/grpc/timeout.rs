//! `grpc-timeout`: how long the caller will still wait (G-122 to G-129).

use core::fmt;
use core::time::Duration;

/// The largest number that eight digits hold.
const MAX_VALUE: u64 = 99_999_999;
const MAX_DIGITS: usize = 8;

/// Units with their length in nanoseconds, the coarsest first (table 21.4).
const UNITS: [(u8, u64); 6] = [(b'H', HOUR), (b'M', MINUTE), (b'S', SECOND), (b'm', MILLI), (b'u', MICRO), (b'n', 1)];
const HOUR: u64 = SECONDS_PER_HOUR * SECOND;
const MINUTE: u64 = 60 * SECOND;
const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
const MICRO: u64 = 1_000;
const SECONDS_PER_HOUR: u64 = 3_600;

/// Powers of ten. Of 20 digits at most the first three stay.
#[expect(clippy::indexing_slicing, reason = "below its length")]
const POWERS: [u64; 18] = {
    let mut powers = [1; 18];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = 10 * powers[at - 1];
        at += 1;
    }
    powers
};

/// How exactly a timeout is sent (G-123). Either way the receiver sees at least the time that the sender has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Rounded up to three significant digits, at most 1 % too long, and spelled as short as can be.
    ///
    /// Few different values occur, so header compression finds most of them again.
    #[default]
    ThreeDigits,
    /// Rounded up in the finest unit that the value fits into.
    Exact,
}

/// Why a `grpc-timeout` cannot be read (G-126).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TimeoutError {
    /// There is no digit before the unit, or nothing at all.
    #[error("no digits")]
    NoDigits,
    /// There are more than eight digits.
    #[error("more than eight digits")]
    TooLong,
    /// Something that is not a digit stands before the unit, such as a sign or a space.
    #[error("not a number")]
    NotANumber,
    /// The last character is not one of `H M S m u n`.
    #[error("unknown unit")]
    UnknownUnit,
}

/// Reads the value of a `grpc-timeout` field (G-122).
///
/// Zero is accepted although the grammar forbids it: the call has already expired (G-127). Leading zeros count as
/// digits (G-128). The largest value, 99999999 hours, fits into a [`Duration`] (G-129).
///
/// # Errors
///
/// [`TimeoutError`] where the value breaks the grammar.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::grpc::timeout::parse;
///
/// assert_eq!(parse(b"250m"), Ok(Duration::from_millis(250)));
/// assert!(parse(b"1 S").is_err());
/// ```
#[expect(clippy::arithmetic_side_effects, reason = "eight digits of hours at most, which 64 bits of seconds hold")]
pub fn parse(value: &[u8]) -> Result<Duration, TimeoutError> {
    let (&unit, digits) = value.split_last().ok_or(TimeoutError::NoDigits)?;
    let nanos = match unit {
        b'H' => HOUR,
        b'M' => MINUTE,
        b'S' => SECOND,
        b'm' => MILLI,
        b'u' => MICRO,
        b'n' => 1,
        _ => return Err(TimeoutError::UnknownUnit),
    };
    if digits.is_empty() {
        return Err(TimeoutError::NoDigits);
    }
    if digits.len() > MAX_DIGITS {
        return Err(TimeoutError::TooLong);
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(TimeoutError::NotANumber);
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    Ok(if nanos >= SECOND {
        Duration::from_secs(number * (nanos / SECOND))
    } else {
        Duration::from_nanos(number * nanos)
    })
}

/// Spells `remaining` as the value of a `grpc-timeout` field (G-123).
///
/// What is decoded from it is never less than `remaining`, except above 99999999 hours, which is the most that can be
/// said. Zero, which the grammar forbids, becomes the shortest time there is.
///
/// ```
/// use core::time::Duration;
/// use grpc_sansio::grpc::timeout::{Precision, encode};
///
/// let remaining = Duration::from_micros(1_234_567);
/// assert_eq!(encode(remaining, Precision::ThreeDigits).as_bytes(), b"1240m");
/// assert_eq!(encode(remaining, Precision::Exact).as_bytes(), b"1234567u");
/// ```
#[expect(clippy::arithmetic_side_effects, reason = "a 3600th of a u64, and 1")]
pub fn encode(remaining: Duration, precision: Precision) -> Timeout {
    // 64 bits of nanoseconds hold 584 years, and beyond 190 years only hours fit into eight digits.
    let Ok(nanos) = u64::try_from(remaining.as_nanos()) else {
        let started = u64::from(remaining.subsec_nanos() > 0 || !remaining.as_secs().is_multiple_of(SECONDS_PER_HOUR));
        let hours = remaining.as_secs() / SECONDS_PER_HOUR + started;
        return Timeout::new(rounded(hours, precision).unwrap_or(MAX_VALUE).min(MAX_VALUE), b'H');
    };
    let nanos = nanos.max(1);
    shortest(nanos, precision).unwrap_or_else(|| finest(nanos, precision))
}

/// The shortest spelling of the rounded value; the coarser unit where two are as short: `1S`, not `1000m`.
fn shortest(nanos: u64, precision: Precision) -> Option<Timeout> {
    if precision == Precision::Exact {
        return None;
    }
    let nanos = rounded(nanos, precision)?;
    // Each unit is a multiple of the next finer one, so the coarsest that divides the value gives the fewest digits. To
    // divide by a constant costs little.
    let (value, unit) = match nanos {
        _ if nanos.is_multiple_of(HOUR) => (nanos / HOUR, b'H'),
        _ if nanos.is_multiple_of(MINUTE) => (nanos / MINUTE, b'M'),
        _ if nanos.is_multiple_of(SECOND) => (nanos / SECOND, b'S'),
        _ if nanos.is_multiple_of(MILLI) => (nanos / MILLI, b'm'),
        _ if nanos.is_multiple_of(MICRO) => (nanos / MICRO, b'u'),
        _ => (nanos, b'n'),
    };
    (value <= MAX_VALUE).then(|| Timeout::new(value, unit))
}

/// The finest unit in which the value fits into eight digits, rounded up.
fn finest(nanos: u64, precision: Precision) -> Timeout {
    UNITS
        .iter()
        .rev()
        .filter_map(|&(unit, length)| Some((rounded(nanos.div_ceil(length), precision)?, unit)))
        .find(|&(value, _)| value <= MAX_VALUE)
        .map_or(Timeout::new(MAX_VALUE, b'H'), |(value, unit)| Timeout::new(value, unit))
}

/// `value` rounded up as `precision` says; `None` where that overflows.
fn rounded(value: u64, precision: Precision) -> Option<u64> {
    match precision {
        Precision::Exact => Some(value),
        Precision::ThreeDigits => {
            let further_digits = value.checked_ilog10().unwrap_or(0).saturating_sub(2);
            let step = *POWERS.get(further_digits as usize)?;
            value.div_ceil(step).checked_mul(step)
        }
    }
}

/// The spelling of a timeout: one to eight digits and a unit.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timeout {
    /// Right-aligned.
    text: [u8; MAX_DIGITS + 1],
    start: u8,
}

impl Timeout {
    /// `value` is at most [`MAX_VALUE`].
    #[expect(clippy::arithmetic_side_effects, reason = "a digit is below 10")]
    fn new(value: u64, unit: u8) -> Self {
        let mut text = [unit; MAX_DIGITS + 1];
        let mut rest = value;
        let mut start = MAX_DIGITS;
        for (at, digit) in text.iter_mut().enumerate().take(MAX_DIGITS).rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            start = at;
            if rest == 0 {
                break;
            }
        }
        Self { text, start: start as u8 }
    }

    /// The value of the field.
    pub fn as_bytes(&self) -> &[u8] {
        self.text.get(usize::from(self.start)..).unwrap_or_default()
    }

    /// The value of the field, as text.
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timeout({})", self.as_str())
    }
}

impl fmt::Display for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn three_digits_are_spelled_short() {
        for (nanos, text) in [
            (0, "1n"),
            (1, "1n"),
            (999, "999n"),
            (1_000, "1u"),
            (1_001, "1010n"),
            (999_999_999, "1S"),
            (1_000_000_000, "1S"),
            (60_000_000_000, "1M"),
            (100_000_000_000, "100S"),
            (3_600_000_000_000, "1H"),
            (3_723_000_000_000, "3730S"),
            (101_000_000 * SECOND, "1690000M"),
            (u64::MAX, "5130000H"),
        ] {
            assert_eq!(encode(Duration::from_nanos(nanos), Precision::ThreeDigits).to_string(), text, "{nanos}");
        }
    }

    #[test]
    fn the_most_that_can_be_said() {
        for precision in [Precision::ThreeDigits, Precision::Exact] {
            assert_eq!(encode(Duration::MAX, precision).as_str(), "99999999H");
        }
        let most = Duration::from_secs(MAX_VALUE * SECONDS_PER_HOUR);
        assert_eq!(encode(most, Precision::Exact).as_str(), "99999999H");
        let less = Duration::from_secs((MAX_VALUE - 1) * SECONDS_PER_HOUR) + Duration::from_nanos(1);
        assert_eq!(encode(less, Precision::Exact).as_str(), "99999999H");
    }
}
