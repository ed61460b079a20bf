//! The trace that a call is part of, as W3C Trace Context says it: `traceparent` and `tracestate`.

use super::metadata::{Metadata, MetadataError};
use alloc::string::String;
use core::fmt;

/// The name of the field that says which trace, and whose child.
pub const TRACEPARENT: &str = "traceparent";
/// The name of the field in which systems of tracing keep what is theirs.
pub const TRACESTATE: &str = "tracestate";

/// Octets of `traceparent` in version 00; later versions may be longer.
const PARENT_LEN: usize = 55;
/// Octets of `tracestate` that are carried on: what every system has to.
const STATE_MAX: usize = 512;

/// Which trace a call is part of, to be carried from an incoming call to those that it causes.
///
/// It is plain data: nothing here makes up ids, so whoever has a tracer of its own puts its own span into
/// [`TraceContext::with_parent`]. Without one, the context is handed on as it came, which keeps the trace whole.
///
/// ```
/// use grpc_sansio::grpc::{Metadata, TraceContext};
///
/// let mut incoming = Metadata::new();
/// incoming.append("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?;
/// incoming.append("tracestate", "vendor=1")?;
///
/// let context = TraceContext::find(|name| incoming.get(name)).unwrap();
/// assert!(context.is_sampled());
/// let mut outgoing = Metadata::new();
/// context.add_to(&mut outgoing)?;
/// assert_eq!(outgoing, incoming);
///
/// let own = context.with_parent([0x11; 8]).unwrap();
/// assert_eq!(own.traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01");
/// # Ok::<(), grpc_sansio::grpc::MetadataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// Checked: version, trace, parent and flags lie where they belong.
    parent: String,
    state: String,
}

impl TraceContext {
    /// Reads the two fields; a `tracestate` that is too long, or of characters that it may not have, is left out. `None` for a
    /// `traceparent` that is none, which is to be treated as if it were not there.
    pub fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<Self> {
        is_parent(traceparent.as_bytes()).then(|| Self {
            parent: String::from(traceparent),
            state: String::from(tracestate.filter(|state| is_state(state)).unwrap_or_default()),
        })
    }

    /// Reads the two fields from metadata of any kind, by its way of getting the value of a name.
    pub fn find<'a>(get: impl Fn(&'static str) -> Option<&'a str>) -> Option<Self> {
        Self::parse(get(TRACEPARENT)?, get(TRACESTATE))
    }

    /// `traceparent`, as it goes over the wire.
    pub fn traceparent(&self) -> &str {
        &self.parent
    }

    /// `tracestate`, or nothing.
    pub fn tracestate(&self) -> &str {
        &self.state
    }

    /// The id of the trace: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.parent.get(3..35).unwrap_or_default()
    }

    /// The id of the span that caused the call: 16 hexadecimal digits.
    pub fn parent_id(&self) -> &str {
        self.parent.get(36..52).unwrap_or_default()
    }

    /// Whether the caller may have recorded its span.
    pub fn is_sampled(&self) -> bool {
        let flags = self.parent.get(53..PARENT_LEN).and_then(|flags| u8::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & 1 != 0)
    }

    /// The same trace, with another span as the parent of what follows. `None` for the id 0, which names none.
    pub fn with_parent(&self, span: [u8; 8]) -> Option<Self> {
        use fmt::Write as _;
        if span == [0; 8] {
            return None;
        }
        // Of a later version only what version 00 has is known (§3.2.2.1 of the recommendation).
        let mut parent = String::from("00-");
        parent.push_str(self.trace_id());
        parent.push('-');
        for octet in span {
            // A `String` takes everything.
            let _ = write!(parent, "{octet:02x}");
        }
        parent.push_str(if self.is_sampled() { "-01" } else { "-00" });
        Some(Self { parent, state: self.state.clone() })
    }

    /// Puts the two fields into the metadata of an outgoing call, in place of what is there.
    ///
    /// # Errors
    ///
    /// None that this value can cause; those of [`Metadata::append`].
    pub fn add_to(&self, metadata: &mut Metadata) -> Result<(), MetadataError> {
        metadata.remove(TRACEPARENT);
        metadata.remove(TRACESTATE);
        metadata.append(TRACEPARENT, &self.parent)?;
        if !self.state.is_empty() {
            metadata.append(TRACESTATE, &self.state)?;
        }
        Ok(())
    }
}

fn is_parent(text: &[u8]) -> bool {
    let is_hex = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
    let Some(head) = text.get(..PARENT_LEN) else { return false };
    let dashes = [2, 35, 52].iter().all(|at| head.get(*at) == Some(&b'-'));
    let part = |from: usize, to: usize| head.get(from..to).unwrap_or_default();
    let hex = [(0, 2), (3, 35), (36, 52), (53, 55)].iter().all(|(from, to)| part(*from, *to).iter().all(is_hex));
    let named = |octets: &[u8]| octets.iter().any(|octet| *octet != b'0');
    let version = part(0, 2);
    // Version ff is none, 00 ends here, and a later one may go on behind a dash.
    let ends = match text.get(PARENT_LEN) {
        None => true,
        Some(next) => {
            version != b"00" && *next == b'-' && text.len() <= STATE_MAX && super::reserved::is_ascii_value(text)
        }
    };
    dashes && hex && version != b"ff" && named(part(3, 35)) && named(part(36, 52)) && ends
}

fn is_state(text: &str) -> bool {
    text.len() <= STATE_MAX && super::reserved::is_ascii_value(text.as_bytes()) && text.contains('=')
}

#[cfg(test)]
mod tests {
    use super::TraceContext;
    use alloc::format;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// G-348
    #[test]
    fn what_is_no_parent_is_not_there() {
        assert!(TraceContext::parse(GOOD, None).is_some());
        for bad in [
            "",
            "00",
            &GOOD[1..],
            &GOOD[..54],
            &GOOD.to_uppercase(),
            &GOOD.replace('-', "_"),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32), 1),
            &GOOD.replacen("00f067aa0ba902b7", &"0".repeat(16), 1),
            &format!("{GOOD}-what"),
            &format!("{GOOD}0"),
            &GOOD.replacen("4bf9", "4bé", 1),
        ] {
            assert_eq!(TraceContext::parse(bad, None), None, "{bad}");
        }
    }

    /// G-348
    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = format!("{}-what", GOOD.replacen("00", "cc", 1));
        let context = TraceContext::parse(&later, None).unwrap();
        assert_eq!((context.trace_id(), context.is_sampled()), ("4bf92f3577b34da6a3ce929d0e0e4736", true));
        assert_eq!(context.traceparent(), later);
        assert!(context.with_parent([1; 8]).unwrap().traceparent().starts_with("00-4bf9"));
        assert_eq!(context.with_parent([0; 8]), None);
        let long = format!("{}-{}", GOOD.replacen("00", "cc", 1), "x".repeat(500));
        assert_eq!(TraceContext::parse(&long, None), None);
    }

    /// G-348
    #[test]
    fn a_state_that_cannot_be_carried_is_left_out() {
        let state = |state: &str| TraceContext::parse(GOOD, Some(state)).unwrap().state;
        assert_eq!(state("a=1,b=2"), "a=1,b=2");
        let longest = format!("a={}", "x".repeat(510));
        assert_eq!(state(&longest), longest);
        assert_eq!(state(&format!("{longest}x")), "");
        assert_eq!(state("a=\n"), "");
        assert_eq!(state("nothing"), "");
    }
}
