//! Writing a log.

use super::config::Config;
use super::convert::plain;
use super::cut::Cutter;
use super::line::{Answer, Due, End, Entry, FORMAT, Header, LastLine, Octets, Role, Timer, VERSION, Verb};
use super::mask::{Mask, Masking};
use super::sum;
use crate::config::{ClientConfigBuilder, ServerConfigBuilder, Settings, Watch};
use crate::http2::Side;
use crate::observe::{self, Observer, Said};
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;
use serde::Serialize;
use std::io::Write;

/// Kept free for the last line.
const LAST_LINE: u64 = 128;

/// Where the log of one connection goes, and what is in it.
///
/// A line is written whole, by one `write_all`, as soon as its verb is done; so give it a
/// [`BufWriter`](std::io::BufWriter) where that is too many system calls, and know that what is buffered is lost where
/// the process is killed. It is flushed when the connection ends and when it is dropped. A writer that fails gets no
/// more: the log then has no last line.
pub struct EventLog {
    writer: Box<dyn Write + Send + Sync>,
    limit: u64,
    mask: Option<Mask>,
}

impl EventLog {
    /// Octets of a log unless told otherwise: 64 MiB.
    pub const DEFAULT_LIMIT: u64 = 64 << 20;

    /// The least that a limit can be: room for the first line, and some.
    pub const LEAST_LIMIT: u64 = 8 << 10;

    /// A complete log, which replays. It has every octet and every secret of the connection in it: treat it as such.
    pub fn new(writer: impl Write + Send + Sync + 'static) -> Self {
        Self { writer: Box::new(writer), limit: Self::DEFAULT_LIMIT, mask: None }
    }

    /// The most octets to write, at least [`EventLog::LEAST_LIMIT`]. Before the line that would be beyond it comes a last
    /// one that says so, and the connection goes on unrecorded. Such a log replays as far as it goes.
    pub fn limit(mut self, octets: u64) -> Self {
        self.limit = octets.max(Self::LEAST_LIMIT);
        self
    }

    /// Hides secrets from the beginning: such a log can be shown to others and cannot be replayed.
    pub fn masked(mut self, mask: Mask) -> Self {
        self.mask = Some(mask);
        self
    }
}

impl fmt::Debug for EventLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("limit", &self.limit).field("mask", &self.mask).finish_non_exhaustive()
    }
}

struct Start<F>(F);

impl<F: Fn() -> Option<EventLog> + Send + Sync> Watch for Start<F> {
    fn observer(&self, side: Side, settings: &Settings, seed: u64, now: Instant) -> Option<Box<dyn Observer>> {
        let log = (self.0)()?;
        Some(Box::new(Recorder::new(log, side, settings, seed, now)))
    }
}

impl ClientConfigBuilder {
    /// Records connections: `start` is called for each that is made of this config, wherever an adapter makes it, and
    /// gives the log to write, or none. It should not block for long.
    ///
    /// ```
    /// use grpc_sansio::event_log::EventLog;
    /// use grpc_sansio::{Client, ClientConfig, Connection, Instant};
    ///
    /// # let directory = std::env::temp_dir();
    /// # let path = directory.join("grpc-sansio-doc.log");
    /// let recorded = ClientConfig::builder("example.com").event_log(move || {
    ///     let file = std::fs::File::create(&path).ok()?;
    ///     Some(EventLog::new(std::io::BufWriter::new(file)).limit(1 << 20))
    /// });
    /// let connection = Connection::<Client>::new(&recorded.build()?, Instant::from_nanos(0));
    /// # drop(connection);
    /// # Ok::<(), grpc_sansio::ConfigError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "event-log")))]
    pub fn event_log(self, start: impl Fn() -> Option<EventLog> + Send + Sync + 'static) -> Self {
        self.watch(Start(start))
    }
}

impl ServerConfigBuilder {
    /// As [`ClientConfigBuilder::event_log`].
    #[cfg_attr(docsrs, doc(cfg(feature = "event-log")))]
    pub fn event_log(self, start: impl Fn() -> Option<EventLog> + Send + Sync + 'static) -> Self {
        self.watch(Start(start))
    }
}

/// Lines, one behind the other, until their limit.
pub(super) struct Lines<W> {
    /// `None` once nothing more is written.
    writer: Option<W>,
    limit: u64,
    written: u64,
    /// The number of the next line.
    next: u64,
    sum: u32,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    pub(super) fn new(writer: W, limit: u64) -> Self {
        Self { writer: Some(writer), limit, written: 0, next: 0, sum: 0, line: Vec::new() }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Whether lines are still written.
    fn is_open(&self) -> bool {
        self.writer.is_some()
    }

    /// Writes a line, if there is room for it and the last one.
    pub(super) fn write(&mut self, line: &impl Serialize) {
        if !self.is_open() {
            return;
        }
        let sum = self.encode(line);
        if self.written.saturating_add(self.line.len() as u64).saturating_add(LAST_LINE) > self.limit {
            return self.end(End::Full(self.limit));
        }
        self.put(sum);
    }

    /// Writes the last line.
    pub(super) fn end(&mut self, end: End) {
        if self.is_open() {
            let sum = self.encode(&LastLine { n: self.next, end });
            self.put(sum);
            self.flush();
            self.writer = None;
        }
    }

    pub(super) fn flush(&mut self) {
        if let Some(writer) = &mut self.writer
            && writer.flush().is_err()
        {
            self.writer = None;
        }
    }

    fn encode(&mut self, line: &impl Serialize) -> u32 {
        self.line.clear();
        // A `Vec` takes everything, and every type of a line can be written.
        let _ = serde_json::to_writer(&mut self.line, line);
        sum::append(&mut self.line, self.sum)
    }

    fn put(&mut self, sum: u32) {
        (self.sum, self.next) = (sum, self.next.saturating_add(1));
        self.written = self.written.saturating_add(self.line.len() as u64);
        if let Some(writer) = &mut self.writer
            && writer.write_all(&self.line).is_err()
        {
            self.writer = None;
        }
    }
}

/// Writes down what passes the door of a connection.
pub(super) struct Recorder<W: Write> {
    lines: Lines<W>,
    mask: Option<Masking>,
    received: Cutter,
    sent: Cutter,
    pending: Option<Entry>,
    timer: Option<Timer>,
}

impl Recorder<Box<dyn Write + Send + Sync>> {
    fn new(log: EventLog, side: Side, settings: &Settings, seed: u64, now: Instant) -> Self {
        Self::to(log.writer, log.limit, log.mask, side, settings, seed, now)
    }
}

impl<W: Write> Recorder<W> {
    pub(super) fn to(
        writer: W,
        limit: u64,
        mask: Option<Mask>,
        side: Side,
        settings: &Settings,
        seed: u64,
        now: Instant,
    ) -> Self {
        let (role, peer) = match side {
            Side::Client => (Role::Client, Side::Server),
            Side::Server => (Role::Server, Side::Client),
        };
        let mut header = Header {
            format: FORMAT.to_string(),
            version: VERSION,
            library: env!("CARGO_PKG_VERSION").to_string(),
            role,
            at: now.as_nanos(),
            masked: None,
            damaged: Vec::new(),
            config: serde_json::to_value(Config::of(settings, seed)).unwrap_or_default(),
        };
        let mask = mask.map(Masking::new);
        if let Some(mask) = &mask {
            mask.header(&mut header);
        }
        let mut lines = Lines::new(writer, limit);
        lines.write(&header);
        Self {
            lines,
            mask,
            received: Cutter::new(peer, &settings.limits, false),
            sent: Cutter::new(side, &settings.limits, true),
            pending: None,
            timer: None,
        }
    }

    fn write(&mut self, mut entry: Entry) {
        let closed = matches!(&entry.answer, Answer::Event(event) if event.name == "closed");
        if let Some(mask) = &mut self.mask {
            mask.entry(&mut entry);
        }
        self.lines.write(&entry);
        if closed {
            self.lines.flush();
        }
    }
}

impl<W: Write + Send + Sync> Observer for Recorder<W> {
    fn begins(&mut self, verb: &observe::Verb<'_>) {
        if self.lines.is_open() {
            let n = self.lines.next();
            let (answer, frames) = (Answer::Done, Vec::new());
            self.pending = Some(Entry { n, verb: verb.into(), answer, frames, timer: None, due: None });
        }
    }

    fn wrote(&mut self, octets: &[u8]) {
        if let Some(Verb::SendWith { data, .. } | Verb::SendCompressedWith { data, .. }) =
            self.pending.as_mut().map(|entry| &mut entry.verb)
        {
            *data = Some(plain(octets));
        }
    }

    fn said(&mut self, said: &Said<'_>) {
        let Some(mut entry) = self.pending.take() else { return };
        entry.answer = Answer::from(&said.answer);
        entry.frames = match (&entry.verb, &entry.answer) {
            (
                Verb::Receive { octets: Octets::Plain(octets), .. }
                | Verb::ReceiveBytes { octets: Octets::Plain(octets), .. },
                _,
            ) => self.received.cut(octets),
            (_, Answer::Octets(Octets::Plain(octets))) => self.sent.cut(octets),
            _ => Vec::new(),
        };
        let timer = said.timer.map(Timer::from);
        if timer.is_some() && timer != self.timer {
            (entry.timer, self.timer) = (timer, timer);
            entry.due = said.timer.flatten().map(Due::from);
        }
        self.write(entry);
    }

    fn broke_off(&mut self) {
        if let Some(mut entry) = self.pending.take() {
            entry.answer = Answer::BrokeOff;
            self.write(entry);
            self.lines.flush();
        }
    }
}

impl<W: Write> Drop for Recorder<W> {
    fn drop(&mut self) {
        self.lines.end(End::Dropped);
    }
}
