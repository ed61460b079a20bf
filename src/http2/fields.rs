//! Field rules of HTTP messages, RFC 9113 §8.
//!
//! A field is classified once, when it is decoded from a literal or enters the table; the class depends on nothing but
//! the field. Each use is then checked against its place (request, response, trailers) by class alone.
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

use crate::hpack::{Classifier, Field, FieldBlock};
use crate::octets;

/// The context-free class of a field.
pub(crate) mod class {
    pub(crate) const REGULAR: u8 = 0;
    /// Name or value breaks RFC 9113 §8.2.1 or RFC 9110 §5.5.
    pub(crate) const MALFORMED: u8 = 1;
    pub(crate) const METHOD: u8 = 2;
    pub(crate) const SCHEME: u8 = 3;
    pub(crate) const PATH: u8 = 4;
    pub(crate) const AUTHORITY: u8 = 5;
    pub(crate) const STATUS: u8 = 6;
    pub(crate) const UNKNOWN_PSEUDO: u8 = 7;
    pub(crate) const CONNECTION_SPECIFIC: u8 = 8;
    pub(crate) const TE_TRAILERS: u8 = 9;
    pub(crate) const TE_OTHER: u8 = 10;
    pub(crate) const CONTENT_LENGTH: u8 = 11;
    pub(crate) const HOST: u8 = 12;
}

/// The classifier that our decoder is built with.
pub(crate) const CLASSIFIER: Classifier = Classifier { classify, classify_again, static_classes: &STATIC_CLASSES };

/// Classes of the static table (RFC 7541 appendix A), by position.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
static STATIC_CLASSES: [u8; 61] = {
    let mut classes = [class::REGULAR; 61];
    classes[0] = class::AUTHORITY;
    classes[1] = class::METHOD;
    classes[2] = class::METHOD;
    classes[3] = class::PATH;
    classes[4] = class::PATH;
    classes[5] = class::SCHEME;
    classes[6] = class::SCHEME;
    let mut at = 7;
    while at < 14 {
        classes[at] = class::STATUS;
        at += 1;
    }
    classes[27] = class::CONTENT_LENGTH;
    classes[37] = class::HOST;
    classes[56] = class::CONNECTION_SPECIFIC;
    classes
};

/// RFC 9110 §5.6.2 `token` without upper case, which RFC 9113 §8.2 forbids.
#[expect(clippy::indexing_slicing, reason = "made by the compiler, where a panic is an error of the build")]
const NAME_OCTET: [bool; 256] = {
    let mut table = [false; 256];
    let allowed = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";
    let mut at = 0;
    while at < allowed.len() {
        table[allowed[at] as usize] = true;
        at += 1;
    }
    table
};

fn classify(name: &[u8], value: &[u8]) -> u8 {
    if !is_valid_value(value) {
        return class::MALFORMED;
    }
    if let Some(pseudo) = name.strip_prefix(b":") {
        return match pseudo {
            b"method" => class::METHOD,
            b"scheme" => class::SCHEME,
            b"path" => class::PATH,
            b"authority" => class::AUTHORITY,
            b"status" => class::STATUS,
            _ => class::UNKNOWN_PSEUDO,
        };
    }
    if !is_valid_name(name) {
        return class::MALFORMED;
    }
    match name {
        b"te" if value.eq_ignore_ascii_case(b"trailers") => class::TE_TRAILERS,
        b"te" => class::TE_OTHER,
        b"host" => class::HOST,
        b"content-length" => class::CONTENT_LENGTH,
        b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding" | b"upgrade" => {
            class::CONNECTION_SPECIFIC
        }
        _ => class::REGULAR,
    }
}

/// As [`classify`], where a field with this name has the class `known`.
fn classify_again(known: u8, name: &[u8], value: &[u8]) -> u8 {
    match known {
        // Its name or its value was at fault, or the value says which of the two it is.
        class::MALFORMED | class::TE_TRAILERS | class::TE_OTHER => classify(name, value),
        known if is_valid_value(value) => known,
        _ => class::MALFORMED,
    }
}

/// H-133, H-134: a non-empty lower-case token.
#[expect(clippy::indexing_slicing, reason = "256 entries, one for each octet")]
pub(crate) fn is_valid_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|&octet| NAME_OCTET[usize::from(octet)])
}

/// H-135: no control octets but HTAB, no white space at either end.
#[inline(always)]
pub(crate) fn is_valid_value(value: &[u8]) -> bool {
    if octets::are_no_controls(value) {
        return value.first() != Some(&b' ') && value.last() != Some(&b' ');
    }
    let edge = |octet: Option<&u8>| matches!(octet, Some(b' ' | b'\t'));
    // RFC 9110 §5.5 `field-content`: visible, SP, HTAB and obs-text; RFC 9113 §8.2.1 forbids the rest.
    let allowed = |octet: &u8| *octet == b'\t' || !octet.is_ascii_control();
    !edge(value.first()) && !edge(value.last()) && value.iter().all(allowed)
}

/// Why a message is malformed (RFC 9113 §8.1.1). The text names the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

/// What the HTTP layer itself needs to know of a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Summary {
    pub(super) content_length: Option<u64>,
    /// `:status` of a response, 0 in a request.
    pub(super) status: u16,
}

#[derive(Default)]
struct Seen<'a> {
    method: Option<&'a [u8]>,
    scheme: Option<&'a [u8]>,
    path: Option<&'a [u8]>,
    authority: Option<&'a [u8]>,
    status: Option<&'a [u8]>,
    host: Option<&'a [u8]>,
    content_length: Option<u64>,
    regular: bool,
}

impl<'a> Seen<'a> {
    fn pseudo(slot: &mut Option<&'a [u8]>, value: &'a [u8], regular: bool) -> Result<(), Malformed> {
        if regular {
            return Err(Malformed("a pseudo-header follows a regular field (RFC 9113 section 8.3)"));
        }
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(Malformed("a pseudo-header is repeated (RFC 9113 section 8.3)")),
        }
    }

    /// Collects the fields; what is wrong in any place is found here.
    fn collect(&mut self, fields: &'a FieldBlock) -> Result<(), Malformed> {
        for field in fields.fields() {
            match field.class {
                class::REGULAR => self.regular = true,
                class::METHOD => Self::pseudo(&mut self.method, field.value, self.regular)?,
                class::SCHEME => Self::pseudo(&mut self.scheme, field.value, self.regular)?,
                class::PATH => Self::pseudo(&mut self.path, field.value, self.regular)?,
                class::AUTHORITY => Self::pseudo(&mut self.authority, field.value, self.regular)?,
                class::STATUS => Self::pseudo(&mut self.status, field.value, self.regular)?,
                class::CONTENT_LENGTH => {
                    self.regular = true;
                    let length = content_length(field.value)?;
                    if self.content_length.is_some_and(|other| other != length) {
                        return Err(Malformed("content-length is given twice with different values"));
                    }
                    self.content_length = Some(length);
                }
                class::HOST => {
                    self.regular = true;
                    if self.host.replace(field.value).is_some_and(|other| other != field.value) {
                        return Err(Malformed("host is given twice with different values"));
                    }
                }
                class::TE_TRAILERS => self.regular = true,
                _ => return Err(broken(field)),
            }
        }
        Ok(())
    }
}

fn broken(field: Field<'_>) -> Malformed {
    Malformed(match field.class {
        class::UNKNOWN_PSEUDO => "an unknown pseudo-header (RFC 9113 section 8.3)",
        class::CONNECTION_SPECIFIC => "a connection-specific field (RFC 9113 section 8.2.2)",
        class::TE_OTHER => "te with a value other than trailers (RFC 9113 section 8.2.2)",
        _ if is_valid_value(field.value) => "a field name that is not a lower-case token (RFC 9113 section 8.2.1)",
        _ => "a field value with a forbidden octet or white space at an end (RFC 9113 section 8.2.1)",
    })
}

/// H-130: digits only, and no overflow.
fn content_length(value: &[u8]) -> Result<u64, Malformed> {
    let digit = |sum: u64, octet: &u8| {
        let digit = octet.checked_sub(b'0').filter(|digit| *digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    };
    let parsed = if value.is_empty() { None } else { value.iter().try_fold(0, digit) };
    parsed.ok_or(Malformed("content-length is not a number (RFC 9113 section 8.1.1)"))
}

/// RFC 9113 §8.3.1. Says as well whether it is one as most are.
pub(super) fn check_request(fields: &FieldBlock) -> Result<(Summary, bool), Malformed> {
    match usual_request(fields) {
        Some(summary) => Ok((summary, true)),
        None => check_any_request(fields).map(|summary| (summary, false)),
    }
}

/// A POST with each pseudo-header once and sound, and behind them nothing but regular fields and one length at most. Most
/// requests are, and are spared the collection of what they may not say.
fn usual_request(fields: &FieldBlock) -> Option<Summary> {
    let (mut seen, mut rest) = (0u8, fields.fields());
    for field in rest.by_ref() {
        let (bit, sound) = match field.class {
            class::METHOD => (1, field.value == b"POST"),
            class::SCHEME => (2, matches!(field.value, b"http" | b"https")),
            class::PATH => (4, is_path(field.value)),
            class::AUTHORITY => (8, is_authority(field.value)),
            _ => return None,
        };
        if !sound || seen & bit != 0 {
            return None;
        }
        seen |= bit;
        if seen == 15 {
            break;
        }
    }
    let mut summary = Summary::default();
    for field in rest {
        match field.class {
            class::REGULAR | class::TE_TRAILERS => {}
            class::CONTENT_LENGTH if summary.content_length.is_none() => {
                summary.content_length = Some(content_length(field.value).ok()?);
            }
            _ => return None,
        }
    }
    (seen == 15).then_some(summary)
}

/// H-140 as settled for this engine: any non-empty visible-ASCII path; routing is the embedder's.
fn is_path(path: &[u8]) -> bool {
    !path.is_empty() && octets::are_visible(path)
}

/// H-141, T-63: no userinfo, nor anything else that the next hop might cut the name at.
fn is_authority(authority: &[u8]) -> bool {
    octets::are_visible_but(authority, b'@')
}

fn check_any_request(fields: &FieldBlock) -> Result<Summary, Malformed> {
    let mut seen = Seen::default();
    seen.collect(fields)?;
    if seen.status.is_some() {
        return Err(Malformed(":status in a request (RFC 9113 section 8.3)"));
    }
    let Some(method) = seen.method.filter(|method| is_token(method)) else {
        return Err(Malformed("a request without a valid :method (RFC 9113 section 8.3.1)"));
    };
    if method == b"CONNECT" {
        // RFC 9113 §8.5: neither :scheme nor :path; the layer above answers it as a method it does not take.
        if seen.scheme.is_some() || seen.path.is_some() || seen.authority.is_none() {
            return Err(Malformed("a malformed CONNECT (RFC 9113 section 8.5)"));
        }
    } else {
        if !seen.scheme.is_some_and(is_scheme) {
            return Err(Malformed("a request without a valid :scheme (RFC 9113 section 8.3.1)"));
        }
        if !seen.path.is_some_and(is_path) {
            return Err(Malformed("a request without a valid :path (RFC 9113 section 8.3.1)"));
        }
    }
    if !seen.authority.or(seen.host).is_none_or(is_authority) {
        return Err(Malformed("userinfo or a foreign octet in the authority (RFC 9113 section 8.3.1)"));
    }
    if let (Some(authority), Some(host)) = (seen.authority, seen.host)
        && !authority.eq_ignore_ascii_case(host)
    {
        return Err(Malformed("host contradicts :authority (RFC 9113 section 8.3.1)"));
    }
    Ok(Summary { content_length: seen.content_length, status: 0 })
}

/// RFC 9113 §8.3.2; informational responses included.
#[expect(clippy::arithmetic_side_effects, reason = "three digits")]
pub(super) fn check_response(fields: &FieldBlock) -> Result<Summary, Malformed> {
    let mut seen = Seen::default();
    seen.collect(fields)?;
    if seen.method.or(seen.scheme).or(seen.path).or(seen.authority).is_some() {
        return Err(Malformed("a request's pseudo-header in a response (RFC 9113 section 8.3)"));
    }
    if fields.fields().any(|field| field.class == class::TE_TRAILERS) {
        return Err(Malformed("te in a response (RFC 9113 section 8.2.2)"));
    }
    let status = match seen.status {
        Some([hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9']) => {
            u16::from(hundreds - b'0') * 100 + u16::from(tens - b'0') * 10 + u16::from(ones - b'0')
        }
        _ => return Err(Malformed("a response without a three-digit :status (RFC 9113 section 8.3.2)")),
    };
    if status == 101 {
        return Err(Malformed("101 does not exist in HTTP/2 (RFC 9113 section 8.6)"));
    }
    Ok(Summary { content_length: seen.content_length, status })
}

/// RFC 9113 §8.1: trailers carry no pseudo-headers.
pub(super) fn check_trailers(fields: &FieldBlock) -> Result<(), Malformed> {
    for field in fields.fields() {
        match field.class {
            class::REGULAR | class::HOST | class::CONTENT_LENGTH => {}
            class::METHOD | class::SCHEME | class::PATH | class::AUTHORITY | class::STATUS => {
                return Err(Malformed("a pseudo-header in trailers (RFC 9113 section 8.1)"));
            }
            class::TE_TRAILERS => return Err(Malformed("te in trailers (RFC 9113 section 8.2.2)")),
            _ => return Err(broken(field)),
        }
    }
    Ok(())
}

#[expect(clippy::indexing_slicing, reason = "256 entries, one for each octet")]
fn is_token(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|octet| NAME_OCTET[usize::from(octet.to_ascii_lowercase())])
}

/// RFC 3986 §3.1.
fn is_scheme(value: &[u8]) -> bool {
    value.first().is_some_and(u8::is_ascii_alphabetic)
        && value.iter().all(|octet| octet.is_ascii_alphanumeric() || b"+-.".contains(octet))
}

#[cfg(test)]
mod tests {
    use super::{
        CLASSIFIER, STATIC_CLASSES, check_any_request, check_request, check_response, check_trailers, class, classify,
        classify_again, usual_request,
    };
    use crate::hpack::{BlockLimits, Decoder, Field, FieldBlock};
    use proptest::prelude::*;
    use std::vec::Vec;

    const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "a")];

    fn block(fields: &[(&str, &str)]) -> FieldBlock {
        let mut block = FieldBlock::new();
        for (name, value) in fields {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            block.push(Field { class: classify(name, value), ..Field::new(name, value) });
        }
        block
    }

    /// What is known of a name spares the look at it, and changes nothing.
    #[test]
    fn a_name_is_judged_once() {
        let names = [
            "x",
            "x-Y",
            "",
            ":method",
            ":scheme",
            ":path",
            ":authority",
            ":status",
            ":x",
            ":",
            "te",
            "host",
            "content-length",
            "connection",
            "upgrade",
        ];
        let values: [&[u8]; 9] = [b"", b"1", b"trailers", b"TRAILERS", b"gzip", b" x", b"x\t", b"a\0b", b"a\tb\xff"];
        for name in names.map(str::as_bytes) {
            for (before, value) in values.iter().flat_map(|before| values.map(|value| (before, value))) {
                assert_eq!(
                    classify_again(classify(name, before), name, value),
                    classify(name, value),
                    "{name:?} {value:?}"
                );
            }
        }
    }

    proptest! {
        /// What is taken for a usual request is one that the rules let pass, and that says nothing to this layer.
        #[test]
        fn a_usual_request_is_a_sound_one(
            picks in prop::collection::vec(0..ANY.len(), 0..12), usual in 0..6usize, order in Just([0, 1, 2, 3]).prop_shuffle(),
        ) {
            let mut fields: Vec<_> = order[..usual.min(4)].iter().map(|at| USUAL[*at]).collect();
            fields.extend(picks.iter().map(|at| ANY[*at]));
            let block = block(&fields);
            if let Some(summary) = usual_request(&block) {
                prop_assert_eq!(check_any_request(&block), Ok(summary));
            } else {
                // And none is missed that has all four and nothing else but regular fields.
                let plain = picks.iter().all(|at| ANY[*at].0.starts_with('x') || ANY[*at] == ("te", "trailers"));
                prop_assert!(!(plain && usual >= 4), "{:?}", fields);
            }
        }
    }

    const USUAL: [(&str, &str); 4] =
        [(":method", "POST"), (":scheme", "https"), (":path", "/a.B/C"), (":authority", "a:1")];
    const ANY: [(&str, &str); 17] = [
        ("x", "1"),
        ("xy", ""),
        ("te", "trailers"),
        ("te", "gzip"),
        ("host", "a:1"),
        ("content-length", "12"),
        ("content-length", "1x"),
        (":method", "POST"),
        (":method", "GET"),
        (":scheme", "ftp"),
        (":path", ""),
        (":path", "/ü"),
        (":authority", "u@a"),
        (":status", "200"),
        (":other", ""),
        ("upgrade", "h2c"),
        ("X", "upper"),
    ];

    fn request(extra: &[(&str, &str)]) -> bool {
        let fields: Vec<_> = GET.iter().chain(extra).copied().collect();
        check_request(&block(&fields)).is_ok()
    }

    #[test]
    fn static_classes_agree_with_the_classifier() {
        let mut decoder = Decoder::new(4096, CLASSIFIER);
        let limits =
            BlockLimits { max_list_size: 1 << 20, max_fields: 100, abuse_list_size: 1 << 20, abuse_fields: 100 };
        let mut block = FieldBlock::new();
        let wire: Vec<u8> = (1..=61).map(|index| 0x80 | index).collect();
        decoder.decode(&wire, &limits, &mut block).unwrap();
        for (field, class) in block.fields().zip(STATIC_CLASSES) {
            // `te` and `content-length` are judged by value, and the table's entries of such names have none.
            assert_eq!((field.class, class), (class, classify(field.name, field.value)), "{field:?}");
            assert_eq!(classify_again(class, field.name, b" "), class::MALFORMED);
        }
    }

    /// H-133, H-134, H-135
    #[test]
    fn every_octet_in_a_name_and_a_value() {
        for octet in 0..=255u8 {
            let name = [b'a', octet];
            let token = octet.is_ascii_lowercase() || octet.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&octet);
            assert_eq!(classify(&name, b"") == 0, token, "name {octet:#x}");
            let value = [b'a', octet, b'a'];
            let allowed = octet == b'\t' || (octet >= 0x20 && octet != 0x7f);
            assert_eq!(classify(b"a", &value) == 0, allowed, "value {octet:#x}");
        }
        assert_ne!(classify(b"", b""), 0);
        assert!(["a ", " a", "\ta", "a\t"].iter().all(|value| classify(b"a", value.as_bytes()) != 0));
    }

    #[test]
    fn pseudo_headers_of_a_request() {
        assert!(request(&[]));
        assert!(request(&[("te", "trailers"), ("te", "Trailers")]));
        assert!(!request(&[("te", "gzip")]));
        assert!(!request(&[("x", "1"), (":path", "/")]));
        assert!(!request(&[(":path", "/")]));
        assert!(!request(&[(":status", "200")]));
        assert!(!request(&[(":other", "x")]));
        for missing in &GET[..3] {
            let fields: Vec<_> = GET.iter().filter(|field| *field != missing).copied().collect();
            assert!(check_request(&block(&fields)).is_err(), "without {}", missing.0);
        }
        assert!(check_request(&block(&GET[..3])).is_ok());
        assert!(check_request(&block(&[(":method", "GET"), (":scheme", "http"), (":path", "")])).is_err());
        assert!(check_request(&block(&[(":method", "CONNECT"), (":authority", "a")])).is_ok());
        assert!(check_request(&block(&[(":method", "CONNECT"), (":authority", "a"), (":path", "/")])).is_err());
    }

    #[test]
    fn authority_and_host() {
        assert!(request(&[("host", "A")]));
        assert!(!request(&[("host", "b")]));
        assert!(check_request(&block(&[GET[0], GET[1], GET[2], ("host", "u@b")])).is_err());
        assert!(check_request(&block(&[GET[0], GET[1], GET[2], ("host", "b"), ("host", "c")])).is_err());
    }

    #[test]
    fn connection_specific_fields() {
        for name in ["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"] {
            assert!(!request(&[(name, "x")]));
            assert!(check_response(&block(&[(":status", "200"), (name, "x")])).is_err());
            assert!(check_trailers(&block(&[(name, "x")])).is_err());
        }
    }

    #[test]
    fn content_length_values() {
        assert_eq!(
            check_response(&block(&[(":status", "200"), ("content-length", "7")])).unwrap().content_length,
            Some(7)
        );
        assert!(request(&[("content-length", "18446744073709551615")]));
        for bad in ["", "-1", "1a", "18446744073709551616"] {
            assert!(!request(&[("content-length", bad)]), "{bad}");
        }
        assert!(request(&[("content-length", "5"), ("content-length", "5")]));
        assert!(!request(&[("content-length", "5"), ("content-length", "6")]));
    }

    #[test]
    fn status_of_a_response() {
        assert_eq!(check_response(&block(&[(":status", "200")])).unwrap().status, 200);
        assert_eq!(check_response(&block(&[(":status", "103")])).unwrap().status, 103);
        for bad in ["", "20", "2000", "2x0", "099", "101"] {
            assert!(check_response(&block(&[(":status", bad)])).is_err(), "{bad}");
        }
        assert!(check_response(&block(&[])).is_err());
        assert!(check_response(&block(&[(":status", "200"), ("te", "trailers")])).is_err());
        assert!(check_response(&block(&[(":status", "200"), (":path", "/")])).is_err());
    }

    #[test]
    fn trailers_have_no_pseudo_headers() {
        assert!(check_trailers(&block(&[("grpc-status", "0")])).is_ok());
        assert!(check_trailers(&block(&[])).is_ok());
        for name in [":status", ":method", ":scheme", ":path", ":authority"] {
            let Err(malformed) = check_trailers(&block(&[(name, "x")])) else { panic!("{name} in trailers") };
            assert!(malformed.0.starts_with("a pseudo-header in trailers"), "{name}: {}", malformed.0);
        }
        assert!(check_trailers(&block(&[("te", "trailers")])).is_err());
    }
}
