//! Every grammar of gRPC's field values against a second reading of it, written from the specification and as plain as
//! can be: `grpc-timeout`, `grpc-status`, `grpc-message`, `-bin` values, `content-type`, coding lists, paths.

use core::time::Duration;
use grpc_sansio::grpc::timeout::{self, Precision};
use grpc_sansio::grpc::{Code, Path, binary, content_type, encoding, percent, status};

/// One value.
pub fn run(data: &[u8]) {
    read_timeout(data);
    write_timeout(data);
    read_status(data);
    read_message(data);
    read_binary(data);
    read_content_type(data);
    read_codings(data);
    read_path(data);
}

/// G-122: 1 to 8 digits and a unit.
fn read_timeout(value: &[u8]) {
    let expected = std::str::from_utf8(value).ok().and_then(|text| {
        let units = [("H", 3_600_000_000_000u128), ("M", 60_000_000_000), ("S", 1_000_000_000), ("m", 1_000_000)];
        let units = units.into_iter().chain([("u", 1_000), ("n", 1)]);
        let (digits, nanos) = units.into_iter().find_map(|(unit, nanos)| Some((text.strip_suffix(unit)?, nanos)))?;
        let plain = (1..=8).contains(&digits.len()) && digits.chars().all(|digit| digit.is_ascii_digit());
        plain.then(|| digits.parse::<u128>().expect("digits") * nanos)
    });
    assert_eq!(timeout::parse(value).ok().map(|time| time.as_nanos()), expected);
}

/// G-123: never too short, at most 1 % or one unit too long, and G-122's grammar.
fn write_timeout(data: &[u8]) {
    let Some((seconds, rest)) = data.split_first_chunk::<8>() else { return };
    let nanos = rest.iter().take(4).fold(0u32, |nanos, octet| nanos << 8 | u32::from(*octet)) % 1_000_000_000;
    let shift = rest.get(4).map_or(0, |octet| octet % 64);
    let time = Duration::new(u64::from_be_bytes(*seconds) >> shift, nanos);
    const MOST: Duration = Duration::from_secs(99_999_999 * 3_600);
    for precision in [Precision::Exact, Precision::ThreeDigits] {
        let written = timeout::encode(time, precision);
        let read = timeout::parse(written.as_bytes()).expect("what is sent can be read");
        assert!(read >= time.min(MOST), "{time:?} became {written:?}");
        // What three digits or the eight of a coarser unit cost.
        let unit = if time > MOST / 3_600 { Duration::from_secs(3_600) } else { Duration::from_nanos(1) };
        assert!(time >= MOST || read <= time + time / 100 + unit, "{time:?} became {written:?}");
    }
}

/// G-056: a decimal number without leading zeros.
fn read_status(value: &[u8]) {
    let text = std::str::from_utf8(value).ok();
    let expected = text.filter(|text| {
        !text.is_empty() && text.chars().all(|digit| digit.is_ascii_digit()) && (*text == "0" || !text.starts_with('0'))
    });
    let code = expected.map(|text| text.parse().ok().and_then(Code::from_u32).unwrap_or(Code::Unknown));
    assert_eq!(status::parse_code(value).ok().map(|parsed| parsed.code()), code);
}

/// G-148: what two hexadecimal digits follow is decoded, all else stays.
fn read_message(value: &[u8]) {
    let (mut decoded, mut at) = (Vec::new(), 0);
    while at < value.len() {
        let digits = value.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        match digits {
            Some(digits) if value[at] == b'%' => {
                let digits = std::str::from_utf8(digits).expect("ASCII");
                decoded.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
                at += 3;
            }
            _ => {
                decoded.push(value[at]);
                at += 1;
            }
        }
    }
    assert_eq!(percent::decode(value), String::from_utf8_lossy(&decoded));
}

/// G-109: the standard alphabet, with its padding, a part of it or none; G-110: joined by commas.
fn read_binary(value: &[u8]) {
    assert_eq!(binary::decode(value).ok(), base64(value));
    let expected = value.split(|octet| *octet == b',').map(|part| base64(part.trim_ascii()));
    assert!(binary::values(value).map(Result::ok).eq(expected), "{value:?}");
}

fn base64(value: &[u8]) -> Option<Vec<u8>> {
    let symbols = value.iter().position(|octet| *octet == b'=').unwrap_or(value.len());
    let (symbols, padding) = value.split_at(symbols);
    let most = (4 - symbols.len() % 4) % 4;
    if padding.len() > most || !padding.iter().all(|octet| *octet == b'=') || symbols.len() % 4 == 1 {
        return None;
    }
    let (mut bits, mut count, mut decoded) = (0u32, 0, Vec::new());
    for symbol in symbols {
        let six = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count) as u8);
        }
    }
    Some(decoded)
}

/// G-019: `application/grpc` alone, or with a subtype or a parameter; blanks before the semicolon belong to neither.
fn read_content_type(value: &[u8]) {
    let text = std::str::from_utf8(value).ok();
    let rest = text.and_then(|text| {
        let (start, rest) = text.split_at_checked("application/grpc".len())?;
        start.eq_ignore_ascii_case("application/grpc").then_some(rest)
    });
    let rest = rest.filter(|rest| rest.is_empty() || rest.starts_with(['+', ';']));
    let rest = rest.filter(|rest| rest.chars().all(|character| (' '..='~').contains(&character)));
    let subtype = rest
        .map(|rest| rest.strip_prefix('+').map_or("", |rest| rest.split(';').next().unwrap_or_default().trim_end()));
    assert_eq!(content_type::parse(value).map(|parsed| parsed.subtype()), subtype);
}

/// G-088: names parted by commas, with blanks around them.
fn read_codings(value: &[u8]) {
    let names = encoding::parse_list(value);
    let octets: usize = names.clone().map(<[u8]>::len).sum();
    assert!(names.clone().all(|name| !name.is_empty() && !name.contains(&b',')));
    let kept = value.iter().filter(|octet| **octet != b',' && !octet.is_ascii_whitespace()).count();
    assert!(octets >= kept, "a name was lost");
    for name in names {
        assert!(encoding::accepts(value, &String::from_utf8_lossy(name)) || std::str::from_utf8(name).is_err());
    }
    assert!(encoding::accepts(value, "identity"));
}

/// G-005: a leading slash, and visible ASCII; G-023: the last slash parts service and method.
fn read_path(value: &[u8]) {
    let is_path = value.starts_with(b"/") && value.iter().all(u8::is_ascii_graphic);
    let Ok(path) = Path::parse(value) else { return assert!(!is_path, "{}", value.escape_ascii()) };
    assert!(is_path);
    assert_eq!(path.as_str().as_bytes(), value);
    let (service, method) = path.as_str()[1..].rsplit_once('/').unwrap_or(("", &path.as_str()[1..]));
    assert_eq!((path.service(), path.method()), (service, method));
}
