//! What a server says over HTTP/1.1, read apart from the code under test: responses one after the other, each complete but
//! for the last, and not more of them than there were requests.

/// What was read of an output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Read {
    /// Responses that are complete.
    pub(crate) responses: usize,
    /// Octets of the heads of all responses, interim ones among them.
    pub(crate) heads: usize,
    /// The last one is not complete.
    pub(crate) is_cut: bool,
}

fn split_head(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(octets.split_at(end + 4))
}

/// Reads all of it. `bodiless` is whether a response may be one to HEAD, which has a length and no body.
///
/// # Panics
///
/// Where it is not HTTP/1.1.
pub(crate) fn read(mut octets: &[u8], bodiless: bool) -> Read {
    let mut read = Read::default();
    while !octets.is_empty() {
        let Some((head, rest)) = split_head(octets) else { return Read { is_cut: true, ..read } };
        read.heads += head.len();
        let text = std::str::from_utf8(head).expect("a head of ASCII");
        let mut lines = text.trim_end_matches("\r\n").split("\r\n");
        let line = lines.next().expect("a first line");
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|line| line.get(..3)).expect("a status line");
        let (mut length, mut chunked) = (None, false);
        for line in lines {
            let (name, value) = line.split_once(": ").expect("a field");
            assert!(!value.bytes().any(|octet| octet.is_ascii_control()) && !name.contains(' '), "{line:?}");
            match name {
                "content-length" => assert!(length.replace(value.parse::<usize>().expect("a length")).is_none()),
                "transfer-encoding" => assert!(value == "chunked" && !std::mem::replace(&mut chunked, true)),
                _ => {}
            }
        }
        assert!(!chunked || length.is_none(), "two lengths");
        octets = match (status, length) {
            ("100", _) => {
                octets = rest;
                continue;
            }
            ("204", length) => {
                assert!(length.is_none() && !chunked, "204 has no body");
                rest
            }
            _ if chunked => match after_chunks(rest) {
                Some(rest) => rest,
                None => return Read { is_cut: true, ..read },
            },
            (_, Some(_)) if bodiless && (rest.is_empty() || rest.starts_with(b"HTTP/1.1 ")) => rest,
            (_, Some(length)) => match rest.get(length..) {
                Some(rest) => rest,
                None => return Read { is_cut: true, ..read },
            },
            // It ends with the connection.
            _ => &[],
        };
        read.responses += 1;
    }
    read
}

/// What follows a chunked body; `None` where that is cut off.
fn after_chunks(mut octets: &[u8]) -> Option<&[u8]> {
    loop {
        let line = octets.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&octets[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let end = line + 2 + size.expect("a chunk's size");
        let behind = octets.get(end..end + 2)?;
        assert_eq!(behind, b"\r\n", "behind a chunk");
        octets = &octets[end + 2..];
        if size == Some(0) {
            return Some(octets);
        }
    }
}
