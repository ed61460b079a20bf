//! What was read, to keep.

use super::digest::Digest;
use crate::call::{Client, Item, Role, Server};
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::grpc::{Code, Metadata, Status};
use crate::http2::Origin;
use crate::time::Instant;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bytes::Bytes;

/// An [`Item`] of either role as a value of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// A server's head.
    Request {
        /// The path, unchanged.
        path: String,
        /// What the call is addressed to.
        authority: String,
        /// When its client stops waiting.
        deadline: Option<Instant>,
        /// Initial metadata.
        metadata: Metadata,
    },
    /// A client's head: initial metadata.
    Response(Metadata),
    /// A message.
    Message {
        /// Its octets.
        data: Bytes,
        /// The compressed flag.
        compressed: bool,
    },
    /// A server's end: the client will send no more.
    HalfClose,
    /// A client's end.
    Outcome {
        /// How the call ended.
        status: Status,
        /// Trailing metadata.
        trailers: Metadata,
        /// Who said so.
        origin: Origin,
        /// The server did not process any of it.
        unprocessed: bool,
    },
}

impl Record {
    fn add_to(&self, digest: &mut Digest) {
        // Each part with its length, so that no two lists of parts run together alike.
        let mut text = |octets: &[u8]| {
            digest.update_u64(octets.len() as u64);
            digest.update(octets);
        };
        let fields = |metadata: &Metadata, text: &mut dyn FnMut(&[u8])| {
            for (name, value, _) in metadata.iter().map(|entry| entry.field()) {
                text(name);
                text(value);
            }
        };
        match self {
            Self::Request { path, authority, deadline, metadata } => {
                text(b"request");
                text(path.as_bytes());
                text(authority.as_bytes());
                text(&deadline.unwrap_or(Instant::MAX).as_nanos().to_le_bytes());
                fields(metadata, &mut text);
            }
            Self::Response(metadata) => {
                text(b"response");
                fields(metadata, &mut text);
            }
            Self::Message { data, compressed } => {
                text(if *compressed { b"compressed" } else { b"message" });
                text(data);
            }
            Self::HalfClose => text(b"half-close"),
            Self::Outcome { status, trailers, origin, unprocessed } => {
                text(b"outcome");
                text(&[status.code().as_u8(), u8::from(*unprocessed)]);
                text(status.message().as_bytes());
                text(status.details());
                text(match origin {
                    Origin::Local => b"local",
                    Origin::Peer => b"peer",
                    Origin::Transport => b"transport",
                    Origin::Application => b"application",
                });
                fields(trailers, &mut text);
            }
        }
    }
}

/// A role whose items can be kept as [`Record`]s: both are.
pub trait Recorded: Role {
    /// The item as a value of its own.
    fn record(item: Item<'_, Self>) -> Record;
}

impl Recorded for Client {
    fn record(item: Item<'_, Self>) -> Record {
        match item {
            Item::Head(head) => Record::Response(head.metadata().to_metadata()),
            Item::Message(message) => {
                let compressed = message.compressed();
                Record::Message { data: message.into_bytes(), compressed }
            }
            Item::End(outcome) => Record::Outcome {
                status: outcome.status().clone(),
                trailers: outcome.trailers().to_metadata(),
                origin: outcome.origin(),
                unprocessed: outcome.unprocessed(),
            },
        }
    }
}

impl Recorded for Server {
    fn record(item: Item<'_, Self>) -> Record {
        match item {
            Item::Head(head) => Record::Request {
                path: head.path().to_string(),
                authority: head.authority().to_string(),
                deadline: head.deadline(),
                metadata: head.metadata().to_metadata(),
            },
            Item::Message(message) => {
                let compressed = message.compressed();
                Record::Message { data: message.into_bytes(), compressed }
            }
            Item::End(_) => Record::HalfClose,
        }
    }
}

/// All that was read of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallLog {
    /// The items, in order.
    pub items: Vec<Record>,
}

impl CallLog {
    /// The messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &[u8]> {
        self.items
            .iter()
            .filter_map(|item| if let Record::Message { data, .. } = item { Some(&data[..]) } else { None })
    }

    /// The status of a client's call that has ended.
    pub fn outcome(&self) -> Option<&Status> {
        self.items.iter().find_map(|item| if let Record::Outcome { status, .. } = item { Some(status) } else { None })
    }

    /// The code of that status.
    pub fn code(&self) -> Option<Code> {
        self.outcome().map(Status::code)
    }

    /// Trailing metadata of a client's call that has ended.
    pub fn trailers(&self) -> Option<&Metadata> {
        self.items
            .iter()
            .find_map(|item| if let Record::Outcome { trailers, .. } = item { Some(trailers) } else { None })
    }

    /// Whether a client's call ended without the server having processed any of it.
    pub fn is_unprocessed(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Record::Outcome { unprocessed: true, .. }))
    }

    /// Initial metadata, of either side.
    pub fn metadata(&self) -> Option<&Metadata> {
        self.items.iter().find_map(|item| match item {
            Record::Request { metadata, .. } | Record::Response(metadata) => Some(metadata),
            _ => None,
        })
    }

    /// Whether a server's call has seen its client's half-close.
    pub fn is_half_closed(&self) -> bool {
        self.items.contains(&Record::HalfClose)
    }
}

/// What one side of a conversation was told and what it read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The events, in order.
    pub events: Vec<Event>,
    calls: BTreeMap<CallId, CallLog>,
}

impl Transcript {
    /// An empty one.
    pub const fn new() -> Self {
        Self { events: Vec::new(), calls: BTreeMap::new() }
    }

    /// Reads and keeps all that can be read of this call now.
    pub fn read<R: Recorded>(&mut self, connection: &mut Connection<R>, id: CallId) {
        loop {
            // A client's call is gone once its end was read.
            let Some(mut call) = connection.call(id) else { return };
            let Some(record) = call.read().map(R::record) else { return };
            self.calls.entry(id).or_default().items.push(record);
        }
    }

    /// What was read of this call; `None` for nothing.
    pub fn call(&self, id: CallId) -> Option<&CallLog> {
        self.calls.get(&id)
    }

    /// All calls of which something was read, in the order of their slots.
    pub fn calls(&self) -> impl Iterator<Item = (CallId, &CallLog)> {
        self.calls.iter().map(|(id, log)| (*id, log))
    }

    /// A hash of all events and of all that was read, to compare runs by.
    ///
    /// ```
    /// use grpc_sansio::testing::Pair;
    ///
    /// let transcript = |seed| {
    ///     let mut pair = Pair::new(seed);
    ///     pair.drive();
    ///     pair.client_log.digest()
    /// };
    /// assert_eq!(transcript(1), transcript(2), "the seed decides how octets are cut, not what they say");
    /// ```
    pub fn digest(&self) -> u64 {
        let mut digest = Digest::new();
        for event in &self.events {
            let (kind, call) = match event {
                Event::Ready => (1, None),
                Event::Opened(id) => (2, Some(id)),
                Event::Readable(id) => (3, Some(id)),
                Event::Writable(id) => (4, Some(id)),
                Event::Stopped(id) => (5, Some(id)),
                Event::Available => (6, None),
                Event::Draining => (7, None),
                Event::WindowExhausted => (8, None),
                Event::Closed => (9, None),
                Event::TooManyPings => (10, None),
            };
            digest.update_u64(kind);
            digest.update_u64(call.map_or(0, |id| id.index() as u64));
        }
        for (id, call) in &self.calls {
            digest.update_u64(id.index() as u64);
            call.items.iter().for_each(|item| item.add_to(&mut digest));
        }
        digest.value()
    }

    /// How often this event came.
    pub fn count(&self, event: Event) -> usize {
        self.events.iter().filter(|other| **other == event).count()
    }

    /// Whether this event came.
    pub fn saw(&self, event: Event) -> bool {
        self.events.contains(&event)
    }
}
