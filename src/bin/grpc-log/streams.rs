//! Which stream is which call.

use grpc_sansio::event_log::{Answer, Entry, Frame, Log, Role, Value, Verb};
use std::collections::BTreeMap;

/// Streams by call. Events say so; before the first of them a client's calls are given streams as they leave, in the order
/// of their HEADERS.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    of_call: BTreeMap<u32, u32>,
}

impl Streams {
    pub(crate) fn new(log: &Log) -> Self {
        let mut streams = Self::default();
        for (_, entry) in &log.entries {
            if let Answer::Event(event) = &entry.answer
                && let (Some(call), Some(stream)) = (event.call, event.stream)
            {
                streams.of_call.insert(call, stream);
            }
        }
        if log.header.as_ref().is_some_and(|header| header.role == Role::Client) {
            streams.guess(log);
        }
        streams
    }

    /// Finds the calls of a client of which no event said a stream: the first that was opened with the path of the HEADERS.
    fn guess(&mut self, log: &Log) {
        let mut waiting: Vec<(u32, &str)> = Vec::new();
        for (_, entry) in &log.entries {
            match (&entry.verb, &entry.answer) {
                (Verb::Open { path, .. }, Answer::Call(call)) if !self.of_call.contains_key(call) => {
                    waiting.push((*call, path));
                }
                (Verb::Cancel { call }, _) => waiting.retain(|(waiting, _)| waiting != call),
                (Verb::Transmit { .. }, _) => {
                    for (stream, path) in entry.frames.iter().filter_map(request) {
                        if !self.of_call.values().any(|known| *known == stream)
                            && let Some(place) = waiting.iter().position(|(_, waiting)| *waiting == path)
                        {
                            self.of_call.insert(waiting.remove(place).0, stream);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    pub(crate) fn of(&self, call: u32) -> Option<u32> {
        self.of_call.get(&call).copied()
    }

    pub(crate) fn call_of(&self, stream: u32) -> Option<u32> {
        self.of_call.iter().find(|(_, known)| **known == stream).map(|(call, _)| *call)
    }
}

/// The stream and the path of a request's HEADERS.
fn request(frame: &Frame) -> Option<(u32, &str)> {
    let path = frame.fields.as_ref()?.iter().find(|field| field.name == ":path")?;
    match &path.value {
        Value::Value(path) => Some((frame.stream, path)),
        _ => None,
    }
}

/// The call that a verb, or its answer, is about.
pub(crate) fn call_of(entry: &Entry) -> Option<u32> {
    match (&entry.verb, &entry.answer) {
        (_, Answer::Call(call)) => Some(*call),
        (_, Answer::Event(event)) => event.call,
        (verb, _) => verb.call(),
    }
}
