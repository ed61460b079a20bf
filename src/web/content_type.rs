//! The content types of gRPC-Web (G-313, G-322).

use alloc::vec::Vec;

const BINARY: &[u8] = b"application/grpc-web";
const TEXT: &[u8] = b"application/grpc-web-text";
const NATIVE: &[u8] = b"application/grpc";

/// A content type of gRPC-Web.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ContentType {
    /// The body is base64.
    pub(super) text: bool,
    /// `+proto` and the like; empty where there is none.
    subtype: Vec<u8>,
}

impl ContentType {
    /// Reads one value; `None` where it is not gRPC-Web's.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let value = value.split(|octet| *octet == b';').next().unwrap_or_default().trim_ascii();
        let (text, rest) = match (strip(value, TEXT), strip(value, BINARY)) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            _ => return None,
        };
        let token = |octet: &u8| octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet);
        let sound = match rest {
            [] => true,
            [b'+', subtype @ ..] => !subtype.is_empty() && subtype.iter().all(token),
            _ => false,
        };
        sound.then(|| Self { text, subtype: rest.to_ascii_lowercase() })
    }

    /// What the response to this request is, by the request's `accept`: the first of gRPC-Web's types in it, or else the
    /// request's own.
    pub(super) fn answered_as(&self, accept: Option<&[u8]>) -> Self {
        let asked = accept.into_iter().flat_map(|list| list.split(|octet| *octet == b',')).find_map(Self::parse);
        Self { text: asked.map_or(self.text, |asked| asked.text), subtype: self.subtype.clone() }
    }

    pub(super) fn to_vec(&self) -> Vec<u8> {
        [if self.text { TEXT } else { BINARY }, &self.subtype].concat()
    }

    /// What native gRPC calls it.
    pub(super) fn native(&self) -> Vec<u8> {
        [NATIVE, &self.subtype].concat()
    }
}

fn strip<'a>(value: &'a [u8], start: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = value.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::ContentType;

    fn parse(value: &str) -> Option<(bool, std::string::String)> {
        ContentType::parse(value.as_bytes())
            .map(|one| (one.text, std::string::String::from_utf8(one.to_vec()).unwrap()))
    }

    #[test]
    fn g313_its_types_and_no_others() {
        assert_eq!(parse("application/grpc-web"), Some((false, "application/grpc-web".into())));
        assert_eq!(parse("Application/gRPC-Web+Proto"), Some((false, "application/grpc-web+proto".into())));
        assert_eq!(
            parse("application/grpc-web-text+json ; charset=utf-8").unwrap().1,
            "application/grpc-web-text+json"
        );
        for other in ["application/grpc", "application/grpc+proto", "application/grpc-webx", "application/grpc-web+"] {
            assert_eq!(parse(other), None, "{other}");
        }
        assert_eq!(parse("application/grpc-web+a b"), None);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn g322_accept_decides_about_text() {
        let (text, binary) = (b"application/grpc-web-text+proto", b"application/grpc-web+proto");
        let asked = |own: &[u8], accept: Option<&[u8]>| ContentType::parse(own).unwrap().answered_as(accept).text;
        assert!(asked(text, None) && !asked(binary, None));
        assert!(asked(binary, Some(text)) && !asked(text, Some(binary)));
        assert!(asked(text, Some(b"*/*")) && !asked(binary, Some(b"text/html, */*")));
        assert!(asked(binary, Some(b"text/html, application/grpc-web-text")));
    }
}
