//! What both sides may still send, kept apart from the code under test: heads are read by hand, windows are sums.
//!
//! It holds the connection to RFC 9113 on the wire: no more DATA than the peer's windows allow, frames no longer than the
//! peer takes, nothing on a stream behind its end, header blocks in one piece; and no more DATA taken than was granted.

use std::collections::BTreeMap;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const HEAD_LEN: usize = 9;
const PREFACE_LEN: usize = 24;
const WINDOW: u64 = 65_535;

/// One frame as it lies on the wire.
struct Frame<'a> {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: &'a [u8],
}

impl Frame<'_> {
    fn number(&self) -> u32 {
        self.payload.first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
    }

    /// The entries of a SETTINGS frame.
    fn settings(&self) -> impl Iterator<Item = (u16, u32)> {
        let entries = self.payload.chunks_exact(6);
        entries.map(|entry| {
            (u16::from_be_bytes([entry[0], entry[1]]), u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]))
        })
    }
}

/// Octets of one direction that are not yet a whole frame.
struct Tail {
    octets: Vec<u8>,
    preface_left: usize,
}

impl Tail {
    fn add(&mut self, octets: &[u8], mut frame: impl FnMut(Frame<'_>)) {
        self.octets.extend_from_slice(octets);
        let skipped = self.preface_left.min(self.octets.len());
        self.preface_left -= skipped;
        self.octets.drain(..skipped);
        let mut rest = &self.octets[..];
        while let Some((&[a, b, c, kind, flags, s @ ..], behind)) = rest.split_first_chunk::<HEAD_LEN>() {
            let Some((payload, after)) = behind.split_at_checked(u32::from_be_bytes([0, a, b, c]) as usize) else {
                break;
            };
            frame(Frame { kind, flags, stream: u32::from_be_bytes(s) & 0x7fff_ffff, payload });
            rest = after;
        }
        self.octets = rest.to_vec();
    }
}

/// What we said on one stream.
#[derive(Default)]
struct Sent {
    data: u64,
    ended: bool,
    reset: bool,
}

/// Both directions of one connection.
pub(crate) struct Ledger {
    incoming: Tail,
    outgoing: Tail,
    /// The largest values that the peer announced: later ones may be smaller, which it cannot know that we know.
    peer_window: u64,
    peer_max_frame: usize,
    /// What the peer granted, on the connection (0) and on streams.
    granted: BTreeMap<u32, u64>,
    /// What we granted on the connection, and what the peer used of it.
    own_granted: u64,
    received: u64,
    sent: BTreeMap<u32, Sent>,
    sent_data: u64,
    /// The stream of a header block of ours that is not complete.
    open_block: Option<u32>,
}

impl Ledger {
    /// For a client's end, whose output starts with the preface, or a server's.
    pub(crate) fn new(is_client: bool) -> Self {
        let tail = |preface: bool| Tail { octets: Vec::new(), preface_left: if preface { PREFACE_LEN } else { 0 } };
        Self {
            incoming: tail(!is_client),
            outgoing: tail(is_client),
            peer_window: WINDOW,
            peer_max_frame: 16_384,
            granted: BTreeMap::new(),
            own_granted: WINDOW,
            received: 0,
            sent: BTreeMap::new(),
            sent_data: 0,
            open_block: None,
        }
    }

    /// Octets that the peer sent; `alive` is whether the connection goes on behind them.
    pub(crate) fn received(&mut self, octets: &[u8], alive: bool) {
        let Self { incoming, peer_window, peer_max_frame, granted, received, .. } = self;
        incoming.add(octets, |frame| match frame.kind {
            DATA => *received += frame.payload.len() as u64,
            SETTINGS if frame.flags & 1 == 0 => frame.settings().for_each(|(id, value)| match id {
                4 => *peer_window = (*peer_window).max(value.into()),
                5 => *peer_max_frame = (*peer_max_frame).max(value as usize),
                _ => {}
            }),
            WINDOW_UPDATE => *granted.entry(frame.stream).or_default() += u64::from(frame.number() & 0x7fff_ffff),
            _ => {}
        });
        assert!(!alive || self.received <= self.own_granted, "more DATA was taken than granted");
    }

    /// Octets that we sent.
    pub(crate) fn sent(&mut self, octets: &[u8]) {
        let Self { outgoing, peer_window, peer_max_frame, granted, own_granted, sent, sent_data, open_block, .. } =
            self;
        outgoing.add(octets, |frame| {
            let (kind, stream, len) = (frame.kind, frame.stream, frame.payload.len());
            assert!(len <= *peer_max_frame, "a frame of {len} octets");
            match *open_block {
                Some(open) => assert!(kind == CONTINUATION && stream == open, "a header block is interrupted"),
                None => assert!(kind != CONTINUATION, "CONTINUATION of nothing"),
            }
            if matches!(kind, HEADERS | CONTINUATION) {
                *open_block = (frame.flags & 4 == 0).then_some(stream);
            }
            if kind == WINDOW_UPDATE && stream == 0 {
                *own_granted += u64::from(frame.number());
            }
            if !matches!(kind, DATA | HEADERS | RST_STREAM | WINDOW_UPDATE) || stream == 0 {
                return;
            }
            let state = sent.entry(stream).or_default();
            assert!(!state.reset, "a frame of kind {kind} behind RST_STREAM on {stream}");
            assert!(!state.ended || matches!(kind, RST_STREAM | WINDOW_UPDATE), "kind {kind} behind END_STREAM");
            state.reset = kind == RST_STREAM;
            state.ended |= matches!(kind, DATA | HEADERS) && frame.flags & 1 == 1;
            if kind == DATA {
                state.data += len as u64;
                *sent_data += len as u64;
                let of = |stream: u32| granted.get(&stream).copied().unwrap_or_default();
                assert!(state.data <= *peer_window + of(stream), "the window of {stream} is overrun");
                assert!(*sent_data <= WINDOW + of(0), "the connection's window is overrun");
            }
        });
    }
}
