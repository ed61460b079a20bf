//! Heads of HTTP/1.1 requests, read so strictly that nobody else can read them in another way (RFC 9112; T-73 and its
//! neighbours: request smuggling).

use super::error::Error;
use crate::hpack::{Field, FieldBlock};
use crate::http2::{is_valid_name, is_valid_value};
use alloc::vec::Vec;

/// How the body is framed (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// A request's head.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The header list as HTTP/2 has it.
    pub(super) fields: FieldBlock,
    pub(super) framing: Framing,
    /// The connection may carry another request.
    pub(super) keep_alive: bool,
    /// HTTP/1.0, which knows no chunks.
    pub(super) old: bool,
    pub(super) is_head: bool,
    /// The client waits for a word before it sends the body.
    pub(super) expects_continue: bool,
}

/// Finds the end of a head in what has arrived, octet by octet and each only once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HeadScan {
    seen: usize,
    line: usize,
    after_cr: bool,
}

impl HeadScan {
    /// Octets that were looked at.
    pub(super) const fn seen(&self) -> usize {
        self.seen
    }

    /// The length of the head, empty line included, once that is there. `octets` is all since the head's first one.
    ///
    /// # Errors
    ///
    /// A CR or LF alone, as soon as it is there: RFC 9112 §2.2 lets lines end so, and others see other lines then.
    #[expect(clippy::arithmetic_side_effects, reason = "places in the octets of a head")]
    pub(super) fn scan(&mut self, octets: &[u8]) -> Result<Option<usize>, Error> {
        for &octet in octets.get(self.seen..).unwrap_or_default() {
            self.seen += 1;
            match (octet, self.after_cr) {
                (b'\n', true) if self.line == 0 => return Ok(Some(self.seen)),
                (b'\n', true) => (self.line, self.after_cr) = (0, false),
                (b'\n', false) => return Err(Error::Malformed("a line ends with LF alone")),
                (_, true) => return Err(Error::Malformed("a CR without LF")),
                (b'\r', false) => self.after_cr = true,
                _ => self.line += 1,
            }
        }
        Ok(None)
    }
}

impl Request {
    /// Reads a whole head, which [`HeadScan`] has found. `scheme` is `http` or `https`.
    pub(super) fn parse(head: &[u8], max_fields: usize, scheme: &[u8]) -> Result<Self, Error> {
        let mut headers = alloc::vec![httparse::EMPTY_HEADER; max_fields];
        let mut parsed = httparse::Request::new(&mut headers);
        match parsed.parse(head) {
            Ok(httparse::Status::Complete(length)) if length == head.len() => {}
            Ok(_) => return Err(Error::Malformed("the head does not end where it should")),
            Err(error) => return Err(refusal(error, max_fields)),
        }
        let old = parsed.version == Some(0);
        let method = parsed.method.unwrap_or_default().as_bytes();
        let (authority, path) = split_target(parsed.path.unwrap_or_default().as_bytes(), method)?;
        let fields = Fields::read(parsed.headers, old)?;
        let mut block = FieldBlock::new();
        block.push(Field::new(b":method", method));
        block.push(Field::new(b":scheme", scheme));
        block.push(Field::new(b":path", path));
        // RFC 9112 §3.2.2: an absolute target wins over `host`.
        if let Some(authority) = authority.or(fields.host).filter(|authority| !authority.is_empty()) {
            block.push(Field::new(b":authority", authority));
        }
        for (name, value) in &fields.others {
            if !fields.nominated.iter().any(|nominated| nominated == name) {
                block.push(Field::new(name, value));
            }
        }
        Ok(Self {
            fields: block,
            framing: fields.framing,
            keep_alive: !old && !fields.close,
            old,
            is_head: method == b"HEAD",
            expects_continue: fields.expects_continue && !old,
        })
    }
}

/// What the fields of a head say about the message, and those that say nothing about it.
struct Fields<'a> {
    host: Option<&'a [u8]>,
    framing: Framing,
    close: bool,
    expects_continue: bool,
    /// Fields of this hop alone, by `connection`.
    nominated: Vec<Vec<u8>>,
    others: Vec<(Vec<u8>, &'a [u8])>,
}

impl<'a> Fields<'a> {
    fn read(headers: &[httparse::Header<'a>], old: bool) -> Result<Self, Error> {
        let mut fields = Self {
            host: None,
            framing: Framing::Length(0),
            close: false,
            expects_continue: false,
            nominated: Vec::new(),
            others: Vec::new(),
        };
        let (mut length, mut coded) = (None, false);
        for header in headers {
            let (name, value) = (header.name.to_ascii_lowercase().into_bytes(), header.value);
            if !is_valid_name(&name) || !is_valid_value(value) {
                return Err(Error::Malformed("a field with an octet that may not be there"));
            }
            match &name[..] {
                b"host" if fields.host.is_some() => return Err(Error::Malformed("host is given more than once")),
                b"host" => fields.host = Some(value),
                b"content-length" if length.is_some() => {
                    return Err(Error::Malformed("content-length is given more than once"));
                }
                b"content-length" => length = Some(parse_length(value)?),
                b"transfer-encoding" if coded => {
                    return Err(Error::Malformed("transfer-encoding is given more than once"));
                }
                b"transfer-encoding" if value.eq_ignore_ascii_case(b"chunked") => coded = true,
                b"transfer-encoding" => return Err(Error::TransferEncoding),
                b"connection" => {
                    let names = value.split(|octet| *octet == b',').map(<[u8]>::trim_ascii);
                    for name in names {
                        fields.close |= name.eq_ignore_ascii_case(b"close");
                        fields.nominated.push(name.to_ascii_lowercase());
                    }
                }
                b"expect" if value.eq_ignore_ascii_case(b"100-continue") => fields.expects_continue = true,
                b"expect" => return Err(Error::Expectation),
                // RFC 9113 §8.2.2: of this hop alone.
                b"keep-alive" | b"proxy-connection" | b"upgrade" | b"te" | b"http2-settings" => {}
                _ => fields.others.push((name, value)),
            }
        }
        fields.framing = match (length, coded) {
            // RFC 9112 §6.1: it may be an attempt at smuggling, or at least somebody got it wrong.
            (Some(_), true) => return Err(Error::Malformed("both content-length and transfer-encoding")),
            (None, true) if old => return Err(Error::Malformed("transfer-encoding in HTTP/1.0")),
            (None, true) => Framing::Chunked,
            (length, false) => Framing::Length(length.unwrap_or(0)),
        };
        // RFC 9112 §3.2
        if fields.host.is_none() && !old {
            return Err(Error::Malformed("host is missing"));
        }
        Ok(fields)
    }
}

/// RFC 9110 §8.6: digits alone. A list of lengths, even of the same, is refused.
fn parse_length(value: &[u8]) -> Result<u64, Error> {
    let malformed = Error::Malformed("content-length is not a number");
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(malformed);
    }
    core::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()).ok_or(malformed)
}

/// RFC 9112 §3.2: authority, if the target has one, and path.
fn split_target<'a>(target: &'a [u8], method: &[u8]) -> Result<(Option<&'a [u8]>, &'a [u8]), Error> {
    // RFC 3986; what else httparse lets pass HTTP/2 does not know.
    if !target.iter().all(u8::is_ascii_graphic) {
        return Err(Error::Malformed("the request's target has an octet that may not be there"));
    }
    match target {
        [b'/', ..] => return Ok((None, target)),
        b"*" if method == b"OPTIONS" => return Ok((None, target)),
        _ => {}
    }
    let rest = target.strip_prefix(b"http://").or_else(|| target.strip_prefix(b"https://"));
    let rest = rest.ok_or(Error::Malformed("the request's target is neither a path nor an URL"))?;
    let end = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match path {
        _ if authority.is_empty() => Err(Error::Malformed("the request's target has no host")),
        [] => Ok((Some(authority), b"/")),
        [b'/', ..] => Ok((Some(authority), path)),
        _ => Err(Error::Malformed("the request's target has no path")),
    }
}

fn refusal(error: httparse::Error, max_fields: usize) -> Error {
    match error {
        httparse::Error::TooManyHeaders => Error::TooManyFields(max_fields),
        httparse::Error::Version => Error::Version,
        httparse::Error::HeaderName => Error::Malformed("a field's name is not a token, or a line is folded"),
        httparse::Error::HeaderValue => Error::Malformed("a field's value has a control octet"),
        _ => Error::Malformed("the request line is malformed"),
    }
}
