//! What an attacker writes: frames of any kind, right or wrong.

use grpc_sansio::frame::{ErrorCode, Flags, Head, Kind, PREFACE, StreamId};

/// `POST http /a/b`, to `a`, with the fields that gRPC asks for; nothing of it touches the dynamic table.
pub(crate) const REQUEST: &[u8] = b"\x83\x86\x04\x04/a/b\x01\x01a\x00\x02te\x08trailers\x0f\x10\x10application/grpc";

/// The same request, entered into the dynamic table; then the same again, six octets long.
const INDEXING: &[u8] = b"\x83\x86\x44\x04/a/b\x41\x01a\x40\x02te\x08trailers\x5f\x10application/grpc";
const INDEXED: &[u8] = &[0x83, 0x86, 0xc1, 0xc0, 0xbf, 0xbe];

/// `:status: 200` and the content type of a gRPC response.
pub(crate) const RESPONSE: &[u8] = b"\x88\x0f\x10\x10application/grpc";

/// `grpc-status: 0`.
pub(crate) const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

pub(crate) const END_STREAM: Flags = Flags::END_STREAM;
pub(crate) const NONE: Flags = Flags::NONE;

/// The client's stream number `n`, from zero on.
pub(crate) const fn stream(n: u32) -> u32 {
    2 * n + 1
}

/// A literal field, neither indexed nor compressed; both parts are shorter than 127 octets.
pub(crate) fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let lengths = [name, value].map(|part| u8::try_from(part.len()).ok().filter(|len| *len < 127));
    let [Some(name_len), Some(value_len)] = lengths else { panic!("a short field") };
    [&[0, name_len], name, &[value_len], value].concat()
}

/// Octets on their way to the target.
#[derive(Debug, Default)]
pub(crate) struct Wire {
    pub(crate) octets: Vec<u8>,
    /// The highest stream that got HEADERS.
    pub(crate) highest: u32,
    /// Whether [`Wire::short_request`] has filled the dynamic table.
    filled: bool,
}

impl Wire {
    pub(crate) fn raw(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    pub(crate) fn preface(&mut self) {
        self.raw(PREFACE);
    }

    /// Nine octets that announce `length` more.
    pub(crate) fn head(&mut self, kind: Kind, flags: Flags, stream: u32, length: usize) {
        if kind == Kind::HEADERS {
            self.highest = self.highest.max(stream);
        }
        let head = Head { length: length as u32, kind, flags, stream: StreamId::new(stream) };
        self.octets.extend_from_slice(&head.encode());
    }

    pub(crate) fn frame(&mut self, kind: Kind, flags: Flags, stream: u32, payload: &[u8]) {
        self.head(kind, flags, stream, payload.len());
        self.raw(payload);
    }

    /// A whole header block.
    pub(crate) fn headers(&mut self, stream: u32, block: &[u8], flags: Flags) {
        self.frame(Kind::HEADERS, flags | Flags::END_HEADERS, stream, block);
    }

    /// A request that is sound.
    pub(crate) fn request(&mut self, stream: u32, flags: Flags) {
        self.headers(stream, REQUEST, flags);
    }

    /// A request with more fields.
    pub(crate) fn request_with(&mut self, stream: u32, fields: &[u8], flags: Flags) {
        self.headers(stream, &[REQUEST, fields].concat(), flags);
    }

    /// The shortest request there is: from the second on, six octets of block. For attacks that index nothing else.
    pub(crate) fn short_request(&mut self, stream: u32, flags: Flags) {
        let block = if std::mem::replace(&mut self.filled, true) { INDEXED } else { INDEXING };
        self.headers(stream, block, flags);
    }

    pub(crate) fn data(&mut self, stream: u32, data: &[u8], flags: Flags) {
        self.frame(Kind::DATA, flags, stream, data);
    }

    /// A gRPC message of so many octets, in one DATA frame.
    pub(crate) fn message(&mut self, stream: u32, len: u32, flags: Flags) {
        let mut payload = vec![0];
        payload.extend_from_slice(&len.to_be_bytes());
        payload.resize(5 + len as usize, b'm');
        self.data(stream, &payload, flags);
    }

    pub(crate) fn reset(&mut self, stream: u32, code: ErrorCode) {
        self.frame(Kind::RST_STREAM, NONE, stream, &code.0.to_be_bytes());
    }

    pub(crate) fn settings(&mut self, values: &[(u16, u32)]) {
        let payload: Vec<u8> =
            values.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        self.frame(Kind::SETTINGS, NONE, 0, &payload);
    }

    pub(crate) fn settings_ack(&mut self) {
        self.frame(Kind::SETTINGS, Flags::ACK, 0, &[]);
    }

    pub(crate) fn ping(&mut self) {
        self.frame(Kind::PING, NONE, 0, b"12345678");
    }

    pub(crate) fn window(&mut self, stream: u32, increment: u32) {
        self.frame(Kind::WINDOW_UPDATE, NONE, stream, &increment.to_be_bytes());
    }

    pub(crate) fn goaway(&mut self, last: u32, code: ErrorCode, debug_data: &[u8]) {
        let payload = [&last.to_be_bytes()[..], &code.0.to_be_bytes(), debug_data].concat();
        self.frame(Kind::GOAWAY, NONE, 0, &payload);
    }

    pub(crate) fn continuation(&mut self, stream: u32, fragment: &[u8], flags: Flags) {
        self.frame(Kind::CONTINUATION, flags, stream, fragment);
    }

    /// A whole answer to a client's call.
    pub(crate) fn answer(&mut self, stream: u32) {
        self.headers(stream, RESPONSE, NONE);
        self.message(stream, 2, NONE);
        self.headers(stream, TRAILERS, END_STREAM);
    }
}
