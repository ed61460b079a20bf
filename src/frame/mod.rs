//! HTTP/2 frames: parse and encode, no state (RFC 9113 §4 and §6).
//!
//! A frame is nine octets of [`Head`] and a payload. A reader parses the head, asks [`Head::check`] whether such a
//! frame may exist at all (before a single octet of payload is buffered), waits for the payload, and hands both to the
//! type of its [`Kind`]. Every type has the same verbs: `parse(head, payload)`, `head()`, `encoded_len()` and
//! `encode(out)`. Payloads are borrowed, nothing is allocated by parsing, and no input makes a parser panic.
//!
//! What depends on more than one frame is not judged here: stream states, windows, the order of header blocks, which
//! side may push. An error says how far it reaches ([`Scope`]), as RFC 9113 §6 has it for that frame.
//!
//! ```
//! use grpc_sansio::frame::{DEFAULT_MAX_FRAME_SIZE, Frame, HEAD_LEN, Head, Ping};
//!
//! let mut wire = Vec::new();
//! Ping { ack: false, payload: *b"12345678" }.encode(&mut wire);
//!
//! let (head, payload) = wire.split_first_chunk::<HEAD_LEN>().unwrap();
//! let head = Head::parse(head);
//! head.check(DEFAULT_MAX_FRAME_SIZE)?;
//! assert_eq!(Frame::parse(head, payload)?, Frame::Ping(Ping { ack: false, payload: *b"12345678" }));
//! # Ok::<(), grpc_sansio::frame::FrameError>(())
//! ```
#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod any;
mod block;
mod control;
mod data;
mod error;
mod head;
mod kind;
mod payload;
mod priority;
mod settings;
mod stream_id;

pub use any::{Frame, Unknown};
pub use block::{Continuation, Headers, PushPromise};
pub use control::{GoAway, Ping, RstStream, WindowUpdate};
pub use data::{Data, data_padding};
pub use error::{ErrorCode, FrameError, Scope};
pub use head::{HEAD_LEN, Head};
pub use kind::{Flags, Kind};
pub use priority::{Dependency, Priority};
pub use settings::{Setting, SettingId, Settings, SettingsIter};
pub use stream_id::StreamId;

/// What a client sends first, before its SETTINGS frame: 24 octets that no HTTP/1.1 server takes for a request
/// (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest payload, in octets, that every peer takes until its SETTINGS say otherwise (RFC 9113 §6.5.2).
pub const DEFAULT_MAX_FRAME_SIZE: u32 = 16_384;

/// The longest payload, in octets, that 24 bits of length can announce (RFC 9113 §4.2).
pub const MAX_MAX_FRAME_SIZE: u32 = 16_777_215;

/// The most that padding takes of a flow-control window for one frame, in octets: the Pad Length octet and 255 more
/// (RFC 9113 §6.1).
pub const MAX_PADDING: u32 = 256;

/// The flow-control window, in octets, that the connection and each stream start with (RFC 9113 §6.9.2).
pub const DEFAULT_WINDOW: u32 = 65_535;

/// The largest flow-control window, in octets: 2^31 - 1 (RFC 9113 §6.9.1).
pub const MAX_WINDOW: u32 = 0x7fff_ffff;

/// The size, in octets as RFC 7541 §4.1 counts them, that a header table may have until SETTINGS say otherwise
/// (RFC 9113 §6.5.2).
pub const DEFAULT_HEADER_TABLE_SIZE: u32 = 4_096;
