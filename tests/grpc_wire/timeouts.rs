//! Section 6: `grpc-timeout`.

use grpc_sansio::grpc::timeout::{Precision, TimeoutError, encode, parse};
use std::time::Duration;

use crate::{field, judge, request};

#[test]
fn g_122_table_21_4_units_and_their_largest_values() {
    for (unit, one, most) in [
        ("H", Duration::from_secs(3_600), Duration::from_secs(99_999_999 * 3_600)),
        ("M", Duration::from_secs(60), Duration::from_secs(99_999_999 * 60)),
        ("S", Duration::from_secs(1), Duration::from_secs(99_999_999)),
        ("m", Duration::from_millis(1), Duration::from_millis(99_999_999)),
        ("u", Duration::from_micros(1), Duration::from_micros(99_999_999)),
        ("n", Duration::from_nanos(1), Duration::from_nanos(99_999_999)),
    ] {
        assert_eq!(parse(format!("1{unit}").as_bytes()), Ok(one));
        assert_eq!(
            format!("{:?}", encode(one, Precision::Exact)),
            format!("Timeout({})", encode(one, Precision::Exact))
        );
        assert_eq!(parse(format!("99999999{unit}").as_bytes()), Ok(most));
    }
}

#[test]
fn g_123_exact_timeouts_use_the_finest_unit_and_round_up() {
    for (duration, text) in [
        (Duration::from_nanos(99_999_999), "99999999n"),
        (Duration::from_nanos(100_000_000), "100000u"),
        (Duration::from_nanos(100_000_001), "100001u"),
        (Duration::from_micros(99_999_999), "99999999u"),
        (Duration::from_micros(99_999_999) + Duration::from_nanos(1), "100000m"),
        (Duration::from_millis(99_999_999), "99999999m"),
        (Duration::from_secs(99_999_999), "99999999S"),
        (Duration::from_secs(100_000_000), "1666667M"),
        (Duration::from_secs(99_999_999 * 60 + 1), "1666667H"),
        (Duration::from_secs(99_999_999 * 3_600 + 1), "99999999H"),
    ] {
        assert_eq!(encode(duration, Precision::Exact).as_str(), text);
    }
}

#[test]
fn g_123_timeouts_of_three_digits_are_short_and_prefer_the_coarser_unit() {
    for (duration, text) in [
        (Duration::from_secs(1), "1S"),
        (Duration::from_micros(999_001), "1S"),
        (Duration::from_millis(100), "100m"),
        (Duration::from_nanos(100_000_001), "101m"),
        (Duration::from_millis(1_500), "1500m"),
        (Duration::from_secs(90), "90S"),
        (Duration::from_secs(120), "2M"),
        (Duration::from_secs(99_900_000), "27750H"),
        (Duration::from_secs(99_999_999), "1670000M"),
    ] {
        assert_eq!(encode(duration, Precision::ThreeDigits).as_str(), text);
    }
}

#[test]
fn g_126_malformed_timeouts_are_internal() {
    for (bad, error) in [
        ("", TimeoutError::NoDigits),
        ("S", TimeoutError::NoDigits),
        ("1", TimeoutError::UnknownUnit),
        ("1s", TimeoutError::UnknownUnit),
        ("1h", TimeoutError::UnknownUnit),
        ("1S ", TimeoutError::UnknownUnit),
        ("-1S", TimeoutError::NotANumber),
        ("+1S", TimeoutError::NotANumber),
        ("1 S", TimeoutError::NotANumber),
        (" 1S", TimeoutError::NotANumber),
        ("1.5S", TimeoutError::NotANumber),
        ("123456789n", TimeoutError::TooLong),
    ] {
        assert_eq!(parse(bad.as_bytes()), Err(error), "{bad:?}");
        let (http, code, message) = judge(&request(&[("grpc-timeout", Some(bad))])).unwrap_err();
        assert_eq!((http, code), (200, 13));
        assert!(message.contains("malformed grpc-timeout"), "{message}");
    }
    assert!(parse(b"12345678n").is_ok());
}

#[test]
fn g_127_zero_is_a_deadline_that_has_passed() {
    assert_eq!(parse(b"0n"), Ok(Duration::ZERO));
    let (http, code, _) = judge(&request(&[("grpc-timeout", Some("00H"))])).unwrap_err();
    assert_eq!((http, code), (200, 4));
    assert_eq!(judge(&request(&[("grpc-timeout", Some("1n"))])).unwrap().timeout, Some(Duration::from_nanos(1)));
    assert_eq!(encode(Duration::ZERO, Precision::Exact).as_str(), "1n", "the grammar forbids sending it");
}

#[test]
fn g_128_leading_zeros_count_as_digits_and_repetitions_collapse() {
    assert_eq!(parse(b"00000001S"), Ok(Duration::from_secs(1)));
    assert_eq!(parse(b"000000001S"), Err(TimeoutError::TooLong));
    let mut fields = request(&[("grpc-timeout", Some("1S"))]);
    fields.push(field("grpc-timeout", "1S"));
    assert_eq!(judge(&fields).unwrap().timeout, Some(Duration::from_secs(1)));
    fields.push(field("grpc-timeout", "1000m"));
    let (http, code, message) = judge(&fields).unwrap_err();
    assert_eq!((http, code), (200, 13));
    assert!(message.contains("conflicting"), "{message}");
}

#[test]
fn g_129_the_largest_timeouts_neither_overflow_nor_grow() {
    let most = Duration::from_secs(99_999_999 * 3_600);
    assert_eq!(parse(b"99999999H"), Ok(most));
    for precision in [Precision::Exact, Precision::ThreeDigits] {
        for duration in [most, most + Duration::from_nanos(1), Duration::MAX, Duration::from_nanos(u64::MAX)] {
            let decoded = parse(encode(duration, precision).as_bytes()).unwrap();
            assert!(decoded >= duration.min(most));
        }
    }
}
