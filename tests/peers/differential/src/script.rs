//! What a client says to both servers: mostly legal frames, with one thing wrong now and then.

use grpc_sansio::hpack::{Encoder, Field};
use grpc_sansio::testing::Rng;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is special about it, and its fields.
type Request = (&'static str, &'static [(&'static str, &'static str)]);

/// Requests that RFC 9113 §8 knows: the first is the usual one, and weighs most.
const REQUESTS: [Request; 20] = [
    ("usual", &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h")]),
    (
        "content-length: 5",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("content-length", "5")],
    ),
    (
        "te: trailers",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("te", "trailers")],
    ),
    ("te: gzip", &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("te", "gzip")]),
    (
        "connection field",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("connection", "close")],
    ),
    (
        "upper case",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("Upper", "x")],
    ),
    (
        "line break in value",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("a", "x\r\ny: z")],
    ),
    (
        "leading space in value",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("a", " x")],
    ),
    ("empty name", &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("", "x")]),
    (
        ":path twice",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), (":path", "/")],
    ),
    (
        ":status in request",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), (":status", "200")],
    ),
    (
        "pseudo-header behind a field",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), ("a", "x"), (":authority", "h")],
    ),
    ("empty :path", &[(":method", "POST"), (":scheme", "http"), (":path", ""), (":authority", "h")]),
    ("no :path", &[(":method", "POST"), (":scheme", "http"), (":authority", "h")]),
    ("no :scheme", &[(":method", "POST"), (":path", "/a.B/C"), (":authority", "h")]),
    ("no :method", &[(":scheme", "http"), (":path", "/a.B/C"), (":authority", "h")]),
    ("no :authority", &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C")]),
    (
        "content-length: x",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("content-length", "x")],
    ),
    ("OPTIONS *", &[(":method", "OPTIONS"), (":scheme", "http"), (":path", "*"), (":authority", "h")]),
    (
        "space in name",
        &[(":method", "POST"), (":scheme", "http"), (":path", "/a.B/C"), (":authority", "h"), ("a b", "x")],
    ),
];
const TRAILERS: [Request; 4] = [
    ("no fields", &[]),
    ("one field", &[("a", "x")]),
    ("a pseudo-header", &[(":path", "/")]),
    ("a connection field", &[("connection", "x")]),
];

/// What is fed in one piece, and its name.
#[derive(Clone, Debug)]
pub struct Piece {
    pub name: String,
    pub octets: Vec<u8>,
}

/// Writes a script.
pub struct Author {
    rng: Rng,
    encoder: Encoder,
    /// The stream that the next request opens.
    next: u32,
}

impl Author {
    /// The preface, SETTINGS, their acknowledgement, and what a seed makes of the rest.
    pub fn write(seed: u64, length: usize) -> Vec<Piece> {
        let mut author = Self { rng: Rng::new(seed), encoder: Encoder::new(4_096, 1), next: 1 };
        let hello = [PREFACE, &frame(4, 0, 0, &[])].concat();
        let mut script = vec![
            Piece { name: "preface".into(), octets: hello },
            Piece { name: "SETTINGS ACK".into(), octets: frame(4, 1, 0, &[]) },
        ];
        script.extend((0..length).map(|_| author.piece()));
        script
    }

    fn piece(&mut self) -> Piece {
        let (name, octets) = match self.rng.below(26) {
            0..8 => self.request(),
            8..13 => self.data(),
            13 | 14 => self.trailers(),
            15 | 16 => self.reset(),
            17 => self.priority(),
            18 => self.settings(),
            19 | 20 => self.window_update(),
            21 => self.ping(),
            22 => self.continuation(),
            23 => self.goaway(),
            24 => self.unknown(),
            _ => self.any_size(),
        };
        Piece { name, octets }
    }

    /// A stream that was opened, mostly; or any.
    fn stream(&mut self) -> u32 {
        match self.rng.below(16) {
            0 => 0,
            1 => self.next,
            2 => 2,
            3 => self.next + 1,
            _ => 1 + 2 * self.rng.below(self.next.div_ceil(2) as usize) as u32,
        }
    }

    fn block(&mut self, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder
            .encode(fields.iter().map(|(name, value)| Field::new(name.as_bytes(), value.as_bytes())), &mut block);
        block
    }

    fn request(&mut self) -> (String, Vec<u8>) {
        let number = if self.rng.one_in(3) { self.rng.below(REQUESTS.len()) } else { 0 };
        let (what, fields) = REQUESTS[number];
        let block = self.block(fields);
        let stream = if self.rng.one_in(12) { self.stream() } else { self.next };
        if stream == self.next {
            self.next += 2;
            if self.rng.one_in(8) {
                self.next += 2;
            }
        }
        let end = u8::from(self.rng.one_in(3));
        // A block that is split, with a priority, or with padding.
        match self.rng.below(12) {
            0 => {
                let (first, rest) = block.split_at(block.len() / 2);
                (format!("HEADERS, {what}"), [frame(1, end, stream, first), frame(9, 4, stream, rest)].concat())
            }
            1 => {
                let on = self.stream();
                let payload = [&on.to_be_bytes()[..], &[7], &block].concat();
                let on_itself = if on == stream { " on itself" } else { "" };
                (format!("HEADERS{on_itself}, {what}"), frame(1, end | 0x24, stream, &payload))
            }
            2 => {
                let pad = self.rng.below(40) as u8;
                let payload = [&[pad][..], &block, &vec![0; pad.into()]].concat();
                (format!("HEADERS, {what}"), frame(1, end | 0x0c, stream, &payload))
            }
            _ => (format!("HEADERS, {what}"), frame(1, end | 4, stream, &block)),
        }
    }

    fn trailers(&mut self) -> (String, Vec<u8>) {
        let number = self.rng.below(TRAILERS.len());
        let (what, fields) = TRAILERS[number];
        let block = self.block(fields);
        let (stream, end) = (self.stream(), u8::from(!self.rng.one_in(5)));
        self.next = self.next.max(stream / 2 * 2 + 3);
        (format!("trailers, {what}"), frame(1, end | 4, stream, &block))
    }

    fn data(&mut self) -> (String, Vec<u8>) {
        let (stream, end) = (self.stream(), u8::from(self.rng.one_in(4)));
        let sizes = [0, 5, 5, 100, 16_384, 16_384, 16_385];
        let legal = if self.rng.one_in(10) { 7 } else { 6 };
        let size = sizes[self.rng.below(legal)];
        if size < 16_384 && self.rng.one_in(4) {
            // Padding, at times more than there is.
            let pad = self.rng.below(60);
            let payload = vec![pad as u8; 1 + size + if self.rng.one_in(6) { pad / 2 } else { pad }];
            return ("DATA with padding".into(), frame(0, end | 8, stream, &payload));
        }
        ("DATA".into(), frame(0, end, stream, &vec![0; size]))
    }

    fn reset(&mut self) -> (String, Vec<u8>) {
        ("RST_STREAM".into(), frame(3, 0, self.stream(), &8u32.to_be_bytes()))
    }

    fn priority(&mut self) -> (String, Vec<u8>) {
        let (stream, on) = (self.stream(), self.stream());
        let name = if stream == on { "PRIORITY on itself" } else { "PRIORITY" };
        (name.into(), frame(2, 0, stream, &[&on.to_be_bytes()[..], &[3]].concat()))
    }

    fn settings(&mut self) -> (String, Vec<u8>) {
        let entries: [(u16, u32); 12] = [
            (1, 0),
            (1, 4_096),
            (2, 0),
            (2, 2),
            (3, 5),
            (4, 0),
            (4, 0x7fff_ffff),
            (4, 0x8000_0000),
            (5, 16_384),
            (5, 16_383),
            (6, 9_999),
            (99, 1),
        ];
        let (id, value) = entries[self.rng.below(entries.len())];
        let entry = [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
        match self.rng.below(8) {
            0 => ("SETTINGS ACK with payload".into(), frame(4, 1, 0, &entry)),
            1 => ("SETTINGS on a stream".into(), frame(4, 0, 1, &entry)),
            2 => ("SETTINGS ACK".into(), frame(4, 1, 0, &[])),
            _ => ("SETTINGS".into(), frame(4, 0, 0, &entry)),
        }
    }

    fn window_update(&mut self) -> (String, Vec<u8>) {
        let increment = [1u32, 1_000, 0, 0x7fff_ffff, 0x8000_0001][self.rng.below(5)];
        let stream = if self.rng.one_in(3) { 0 } else { self.stream() };
        ("WINDOW_UPDATE".into(), frame(8, 0, stream, &increment.to_be_bytes()))
    }

    fn ping(&mut self) -> (String, Vec<u8>) {
        let stream = if self.rng.one_in(6) { 1 } else { 0 };
        ("PING".into(), frame(6, u8::from(self.rng.one_in(3)), stream, b"12345678"))
    }

    fn continuation(&mut self) -> (String, Vec<u8>) {
        let stream = self.stream();
        match self.rng.below(3) {
            0 => ("CONTINUATION alone".into(), frame(9, 4, stream, &[])),
            // A block that something interrupts.
            1 => {
                let block = self.block(REQUESTS[0].1);
                let stream = self.next;
                self.next += 2;
                ("HEADERS, then PING".into(), [frame(1, 0, stream, &block), frame(6, 0, 0, &[0; 8])].concat())
            }
            _ => ("PUSH_PROMISE".into(), frame(5, 4, stream, &[0, 0, 0, 2, 0x82])),
        }
    }

    fn goaway(&mut self) -> (String, Vec<u8>) {
        let last = self.rng.below(4) as u32;
        let stream = if self.rng.one_in(6) { 1 } else { 0 };
        ("GOAWAY".into(), frame(7, 0, stream, &[&last.to_be_bytes()[..], &[0; 4], b"why"].concat()))
    }

    fn unknown(&mut self) -> (String, Vec<u8>) {
        ("unknown".into(), frame(0x77, 0xff, self.stream(), b"whatever"))
    }

    /// A frame whose length is not that of its kind.
    fn any_size(&mut self) -> (String, Vec<u8>) {
        let kinds = [2u8, 3, 4, 6, 7, 8];
        let kind = kinds[self.rng.below(kinds.len())];
        let stream = if matches!(kind, 2 | 3) { self.stream() } else { 0 };
        ("wrong size".into(), frame(kind, 0, stream, &vec![0; self.rng.below(10)]))
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}
