//! The letters: frames on two streams, octet by octet, and a few verbs of the application.

use super::code::*;

/// What a header block says. Nothing of it is indexed, so blocks do not depend on each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Block {
    Get,
    /// A request that says `content-length: 6`.
    GetSix,
    Status(u16),
    /// A response that says `content-length: 6`.
    StatusSix,
    /// One regular field.
    Field,
    /// An index into nothing (RFC 7541 §6.1).
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Letter {
    Headers {
        id: u32,
        block: Block,
        end: bool,
        whole: bool,
    },
    SelfDependentHeaders {
        id: u32,
    },
    Continuation {
        id: u32,
        whole: bool,
    },
    Data {
        id: u32,
        len: u32,
        pad: Option<u32>,
        end: bool,
    },
    /// Padding longer than the payload.
    OverPaddedData {
        id: u32,
    },
    Reset {
        id: u32,
        code: u32,
    },
    ShortReset {
        id: u32,
    },
    Window {
        id: u32,
        by: u32,
    },
    Priority {
        id: u32,
        on: u32,
    },
    ShortPriority {
        id: u32,
    },
    Settings(Option<(u16, u32)>),
    SettingsAck,
    ShortSettings,
    Ping {
        ack: bool,
    },
    GoAway {
        last: u32,
    },
    PushPromise {
        id: u32,
    },
    Unknown {
        id: u32,
    },
    /// The application: on a server HEADERS, 20 octets and trailers; on a client 20 octets.
    Send {
        id: u32,
    },
    /// The application of a client ends its half.
    End {
        id: u32,
    },
    Release {
        id: u32,
    },
}

pub(super) const MAX_WINDOW: u32 = 0x7fff_ffff;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const ENABLE_PUSH: u16 = 2;
pub(super) const MAX_FRAME_SIZE: u16 = 5;
/// Octets of a DATA frame's data, and of a message of the application.
pub(super) const SIX: u32 = 6;
pub(super) const TWENTY: u32 = 20;
const PADDING: u32 = 3;

use Letter::*;

/// Letters for either side.
const COMMON: &[Letter] = &[
    Headers { id: 1, block: Block::Field, end: true, whole: true },
    Headers { id: 1, block: Block::Field, end: false, whole: true },
    Headers { id: 3, block: Block::Field, end: true, whole: true },
    Headers { id: 1, block: Block::Broken, end: true, whole: true },
    Headers { id: 0, block: Block::Field, end: true, whole: true },
    SelfDependentHeaders { id: 1 },
    Continuation { id: 1, whole: true },
    Continuation { id: 1, whole: false },
    Continuation { id: 3, whole: true },
    Data { id: 1, len: 0, pad: None, end: false },
    Data { id: 1, len: 0, pad: None, end: true },
    Data { id: 1, len: SIX, pad: None, end: false },
    Data { id: 1, len: SIX, pad: None, end: true },
    Data { id: 1, len: SIX, pad: Some(PADDING), end: false },
    Data { id: 3, len: SIX, pad: None, end: false },
    Data { id: 3, len: 0, pad: Some(PADDING), end: true },
    Data { id: 0, len: SIX, pad: None, end: false },
    OverPaddedData { id: 1 },
    Reset { id: 1, code: CANCEL },
    Reset { id: 3, code: NO_ERROR },
    ShortReset { id: 1 },
    Window { id: 1, by: 0 },
    Window { id: 1, by: 10 },
    Window { id: 1, by: MAX_WINDOW },
    Window { id: 3, by: 0 },
    Window { id: 0, by: 0 },
    Window { id: 0, by: 10 },
    Window { id: 0, by: MAX_WINDOW },
    Priority { id: 1, on: 3 },
    Priority { id: 3, on: 3 },
    ShortPriority { id: 1 },
    Settings(None),
    Settings(Some((INITIAL_WINDOW_SIZE, 0))),
    Settings(Some((INITIAL_WINDOW_SIZE, MAX_WINDOW))),
    Settings(Some((INITIAL_WINDOW_SIZE, MAX_WINDOW + 1))),
    Settings(Some((ENABLE_PUSH, 1))),
    Settings(Some((MAX_FRAME_SIZE, 1))),
    SettingsAck,
    ShortSettings,
    Ping { ack: false },
    Ping { ack: true },
    GoAway { last: 1 },
    GoAway { last: 0 },
    PushPromise { id: 1 },
    Unknown { id: 1 },
    Send { id: 1 },
    Release { id: 1 },
    Release { id: 3 },
];

const TO_A_SERVER: &[Letter] = &[
    Headers { id: 1, block: Block::Get, end: false, whole: true },
    Headers { id: 1, block: Block::Get, end: true, whole: true },
    Headers { id: 1, block: Block::Get, end: true, whole: false },
    Headers { id: 1, block: Block::GetSix, end: false, whole: true },
    Headers { id: 1, block: Block::GetSix, end: true, whole: true },
    Headers { id: 3, block: Block::Get, end: false, whole: true },
    Headers { id: 3, block: Block::Get, end: true, whole: true },
    Headers { id: 2, block: Block::Get, end: true, whole: true },
];

const TO_A_CLIENT: &[Letter] = &[
    Headers { id: 1, block: Block::Status(200), end: false, whole: true },
    Headers { id: 1, block: Block::Status(200), end: true, whole: true },
    Headers { id: 1, block: Block::Status(200), end: false, whole: false },
    Headers { id: 1, block: Block::StatusSix, end: false, whole: true },
    Headers { id: 1, block: Block::StatusSix, end: true, whole: true },
    Headers { id: 1, block: Block::Status(100), end: false, whole: true },
    Headers { id: 1, block: Block::Status(100), end: true, whole: true },
    Headers { id: 3, block: Block::Status(200), end: false, whole: true },
    Headers { id: 3, block: Block::Status(200), end: true, whole: true },
    Headers { id: 2, block: Block::Status(200), end: true, whole: true },
    Headers { id: 5, block: Block::Status(200), end: true, whole: true },
    Data { id: 5, len: SIX, pad: None, end: false },
    Reset { id: 5, code: CANCEL },
    Window { id: 5, by: 10 },
    ShortPriority { id: 5 },
    End { id: 1 },
];

pub(super) fn to_a_server() -> Vec<Letter> {
    [COMMON, TO_A_SERVER].concat()
}

pub(super) fn to_a_client() -> Vec<Letter> {
    [COMMON, TO_A_CLIENT].concat()
}

pub(super) fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
}

impl Block {
    fn octets(self) -> Vec<u8> {
        const GET: &[u8] = &[0x82, 0x86, 0x84];
        // `content-length` is entry 28 of the static table: a literal without indexing, 15 + 13.
        const SIX: &[u8] = &[0x0f, 0x0d, 1, b'6'];
        match self {
            Self::Get => GET.into(),
            Self::GetSix => [GET, SIX].concat(),
            // `:status` is entry 8.
            Self::Status(status) => [&[0x08, 3][..], status.to_string().as_bytes()].concat(),
            Self::StatusSix => [&[0x88][..], SIX].concat(),
            Self::Field => vec![0, 1, b'a', 1, b'b'],
            Self::Broken => vec![0x80],
        }
    }
}

impl Letter {
    /// The frame, or nothing for a verb of the application.
    pub(super) fn octets(self) -> Vec<u8> {
        const END_STREAM: u8 = 1;
        const ACK: u8 = 1;
        const END_HEADERS: u8 = 4;
        const PADDED: u8 = 8;
        const PRIORITY: u8 = 0x20;
        let flag = |on: bool, flag: u8| if on { flag } else { 0 };
        match self {
            Headers { id, block, end, whole } => {
                frame(1, flag(end, END_STREAM) | flag(whole, END_HEADERS), id, &block.octets())
            }
            SelfDependentHeaders { id } => {
                let payload = [&id.to_be_bytes()[..], &[0], &Block::Get.octets()].concat();
                frame(1, END_HEADERS | PRIORITY, id, &payload)
            }
            Continuation { id, whole } => frame(9, flag(whole, END_HEADERS), id, &[]),
            Data { id, len, pad, end } => {
                let data = vec![7; len as usize];
                let padding = vec![0; pad.unwrap_or(0) as usize];
                let pad_length: Vec<u8> = pad.iter().map(|&pad| pad as u8).collect();
                let flags = flag(end, END_STREAM) | flag(pad.is_some(), PADDED);
                frame(0, flags, id, &[pad_length, data, padding].concat())
            }
            OverPaddedData { id } => frame(0, PADDED, id, &[4, 0, 0, 0]),
            Reset { id, code } => frame(3, 0, id, &code.to_be_bytes()),
            ShortReset { id } => frame(3, 0, id, &[0; 3]),
            Window { id, by } => frame(8, 0, id, &by.to_be_bytes()),
            Priority { id, on } => frame(2, 0, id, &[&on.to_be_bytes()[..], &[15]].concat()),
            ShortPriority { id } => frame(2, 0, id, &[0; 4]),
            Settings(None) => frame(4, 0, 0, &[]),
            Settings(Some((setting, value))) => {
                frame(4, 0, 0, &[&setting.to_be_bytes()[..], &value.to_be_bytes()].concat())
            }
            SettingsAck => frame(4, ACK, 0, &[]),
            ShortSettings => frame(4, 0, 0, &[0; 5]),
            Ping { ack } => frame(6, flag(ack, ACK), 0, b"pingpong"),
            GoAway { last } => frame(7, 0, 0, &[last.to_be_bytes(), NO_ERROR.to_be_bytes()].concat()),
            PushPromise { id } => frame(5, END_HEADERS, id, &[&[0, 0, 0, 2][..], &Block::Get.octets()].concat()),
            Unknown { id } => frame(0x42, 0xff, id, b"whatever"),
            Send { .. } | End { .. } | Release { .. } => Vec::new(),
        }
    }
}
