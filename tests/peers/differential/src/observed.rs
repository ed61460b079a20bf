//! What can be seen of a server, whoever made it.

use grpc_sansio::frame::ErrorCode;
use std::collections::BTreeMap;
use std::fmt;

/// SETTINGS_MAX_CONCURRENT_STREAMS of both servers.
pub const MAX_STREAMS: u32 = 10;

/// What a server told its application, and how it complained to the client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Requests that were shown, in order.
    pub accepted: Vec<u32>,
    /// Requests that have ended, in order.
    pub ended: Vec<u32>,
    /// Octets of DATA that were shown.
    pub data: BTreeMap<u32, usize>,
    /// RST_STREAM of the server.
    pub resets: BTreeMap<u32, u32>,
}

/// A server in memory.
pub trait Server {
    fn receive(&mut self, octets: &[u8]);
    fn transmit(&mut self) -> Vec<u8>;
    fn observed(&mut self) -> &mut Observed;
    /// Whether it wants no more, with or without an error.
    fn gave_up(&self) -> bool;
    /// Why it complained last, where it says so.
    fn reason(&self) -> &'static str;
}

/// How a server took a piece of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Nothing was wrong.
    Fine,
    /// RST_STREAM with this code.
    Stream(u32),
    /// GOAWAY with this code.
    Connection(u32),
    /// An end without a word.
    End,
}

impl fmt::Display for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fine => f.write_str("fine"),
            Self::Stream(code) => write!(f, "RST_STREAM {}", ErrorCode(code)),
            Self::Connection(code) => write!(f, "GOAWAY {}", ErrorCode(code)),
            Self::End => f.write_str("end"),
        }
    }
}

/// Feeds one piece and notes what the server says to it.
pub fn play(server: &mut dyn Server, octets: &[u8]) -> Reaction {
    server.receive(octets);
    let output = server.transmit();
    let gave_up = server.gave_up();
    let observed = server.observed();
    let mut reaction = Reaction::Fine;
    let mut rest = &output[..];
    while let Some((&[a, b, c, kind, _, s @ ..], behind)) = rest.split_first_chunk::<9>() {
        let (payload, after) = behind.split_at(u32::from_be_bytes([0, a, b, c]) as usize);
        rest = after;
        let number = |at: usize| payload.get(at..at + 4).map_or(0, |n| u32::from_be_bytes([n[0], n[1], n[2], n[3]]));
        match kind {
            3 => {
                observed.resets.insert(u32::from_be_bytes(s), number(0));
                if reaction == Reaction::Fine {
                    reaction = Reaction::Stream(number(0));
                }
            }
            7 if number(4) != 0 => reaction = Reaction::Connection(number(4)),
            _ => {}
        }
    }
    if gave_up && reaction == Reaction::Fine {
        reaction = Reaction::End;
    }
    reaction
}
