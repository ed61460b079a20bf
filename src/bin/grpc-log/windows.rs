//! What the windows of flow control still let through, as far as the frames tell (RFC 9113 §5.2): the first thing to look
//! at when a call hangs.

use grpc_sansio::event_log::{Entry, Frame, Log, Verb};
use std::collections::BTreeMap;

/// Before anything is said (RFC 9113 §6.9.2).
const INITIAL: i64 = 65_535;

/// One direction of a connection: octets that may still be sent, on all streams and on each.
#[derive(Debug)]
pub(crate) struct Windows {
    pub(crate) connection: i64,
    streams: BTreeMap<u32, i64>,
    initial: i64,
}

impl Windows {
    const fn new() -> Self {
        Self { connection: INITIAL, streams: BTreeMap::new(), initial: INITIAL }
    }

    pub(crate) fn stream(&self, stream: u32) -> i64 {
        self.streams.get(&stream).copied().unwrap_or(self.initial)
    }

    fn window(&mut self, stream: u32) -> &mut i64 {
        match stream {
            0 => &mut self.connection,
            _ => self.streams.entry(stream).or_insert(self.initial),
        }
    }

    /// A frame of the receiving end, which grants.
    fn grant(&mut self, frame: &Frame) {
        match (frame.kind.as_str(), frame.number) {
            ("WINDOW_UPDATE", Some(increment)) => {
                let window = self.window(frame.stream);
                *window = window.saturating_add(increment.into());
            }
            _ => {
                let settings = frame.settings.iter().flatten();
                for (_, value) in settings.filter(|(name, _)| name == "INITIAL_WINDOW_SIZE") {
                    // It changes the windows of all streams that are open (§6.9.2).
                    let more = i64::from(*value).saturating_sub(self.initial);
                    self.initial = (*value).into();
                    self.streams.values_mut().for_each(|window| *window = window.saturating_add(more));
                }
            }
        }
    }

    /// A frame of the sending end, which uses up.
    fn spend(&mut self, frame: &Frame) {
        if frame.kind == "DATA" {
            for stream in [0, frame.stream] {
                let window = self.window(stream);
                *window = window.saturating_sub(frame.length.into());
            }
        }
    }
}

/// What this end may still send, and what its peer may; `None` where no frame was exchanged, or one could not be read: then
/// nobody knows.
pub(crate) fn of(log: &Log) -> Option<(Windows, Windows)> {
    let mut frames = log.entries.iter().flat_map(|(_, entry)| &entry.frames).peekable();
    frames.peek()?;
    if frames.any(|frame| frame.kind == "UNREADABLE") {
        return None;
    }
    let (mut ours, mut theirs) = (Windows::new(), Windows::new());
    for (_, Entry { verb, frames, .. }) in &log.entries {
        let (sender, receiver) = match verb {
            Verb::Transmit { .. } => (&mut ours, &mut theirs),
            _ => (&mut theirs, &mut ours),
        };
        for frame in frames {
            sender.spend(frame);
            receiver.grant(frame);
        }
    }
    Some((ours, theirs))
}
