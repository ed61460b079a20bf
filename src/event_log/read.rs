//! Reading a log, whole or not.

use super::line::{Answer, Entry, FORMAT, Header, LastLine, VERSION};
use super::mask::{Mask, Masking};
use super::record::Lines;
use super::sum;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::io::{self, Write};
use thiserror::Error;

/// A log, as far as it can be read.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Log {
    /// The first line; `None` where that is not the first line of a log.
    pub header: Option<Header>,
    /// What was done, with the numbers of the lines, from 1.
    pub entries: Vec<(usize, Entry)>,
    /// The last line.
    pub last: Option<LastLine>,
    /// What is wrong with it, in the order of its lines.
    pub faults: Vec<Fault>,
}

/// Something wrong with a log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}: {what}")]
#[non_exhaustive]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: Wrong,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Wrong {
    /// The first line says nothing of an event log.
    #[error("this is not the first line of an event log of grpc-sansio: {0}")]
    NotALog(String),
    /// The first line says another version of the format.
    #[error("the log has version {found} of the format, and this program reads version {VERSION}")]
    OtherVersion {
        /// That version.
        found: u64,
    },
    /// The line is not JSON.
    #[error("this is not JSON: {0}")]
    NotJson(String),
    /// The line ends in the middle, and nothing follows.
    #[error("the log is cut off in the middle of this line")]
    CutOff,
    /// The line is JSON, but not of a log.
    #[error("this is not a line of a log: {0}")]
    Unknown(String),
    /// The line does not have the checksum that it was written with.
    #[error("the line was changed after it was written: its checksum does not hold")]
    Changed,
    /// Lines are missing before this one, or it was put in.
    #[error(
        "this was line {found} when the log was written, and line {expected} should be here: lines were taken out or put in"
    )]
    OutOfOrder {
        /// Which line it was, from 1, as editors count.
        found: u64,
        /// Which line should be here.
        expected: u64,
    },
    /// A line with nothing in it. What is before and behind it is judged as if it were not there.
    #[error("a blank line was put in")]
    Blank,
    /// Lines behind the last one.
    #[error("the log had ended before this line")]
    AfterTheEnd,
    /// There is no last line.
    #[error("the log has no last line: it was cut off behind this one, or the connection is still open")]
    NoEnd,
    /// The log is a masked copy of one with this fault; the line in it is that of the other log.
    #[error("this is a masked copy of a log that was not whole; there, {0}")]
    CopyOfDamaged(String),
}

impl Wrong {
    /// Whether what follows in the log is no longer all that was done.
    pub(super) fn leaves_a_gap(&self) -> bool {
        !matches!(self, Self::Changed | Self::NoEnd | Self::Blank | Self::AfterTheEnd | Self::CopyOfDamaged(_))
    }

    /// In words that quote nothing of the line.
    fn in_short(&self) -> String {
        match self {
            Self::NotJson(_) => "this is not JSON".to_string(),
            Self::Unknown(_) => "this is not a line of a log".to_string(),
            Self::NotALog(_) => "this is not the first line of an event log of grpc-sansio".to_string(),
            other => other.to_string(),
        }
    }
}

/// Faults of a log that its masked copy names one by one.
const TOLD: usize = 8;

/// What a parser says, without its "line 1": it has seen one line and knows no other.
fn why(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_suffix(&format!(" at line {} column {}", error.line(), error.column())) {
        Some(what) if error.column() > 0 => format!("{what} at column {}", error.column()),
        _ => text,
    }
}

/// The last line by itself, to tell it from others.
#[derive(serde::Deserialize)]
struct Probe {
    #[serde(default)]
    verb: Option<serde_json::Value>,
    #[serde(default)]
    end: Option<serde_json::Value>,
}

impl Log {
    /// Reads a log: any octets give one. What cannot be read is a fault, and everything else is kept. The work is linear
    /// in the octets, and so is the memory.
    pub fn parse(octets: &[u8]) -> Self {
        let mut log = Self::default();
        let ends_whole = octets.last().is_none_or(|last| *last == b'\n');
        let mut lines = octets.split(|octet| *octet == b'\n').collect::<Vec<_>>();
        if ends_whole {
            lines.pop();
        }
        let count = lines.len();
        // Behind a line whose sum is lost the next one's cannot be told.
        let (mut before, mut expected) = (Some(0), 0_u64);
        for (index, line) in lines.into_iter().enumerate() {
            let at = index.saturating_add(1);
            let cut = at == count && !ends_whole;
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if index > 0 && line.trim_ascii().is_empty() {
                log.fault(at, Wrong::Blank);
                continue;
            }
            let summed = sum::split(line);
            let found = if index == 0 { log.first(at, line, cut) } else { log.other(at, line, cut) };
            let Some(found) = found else {
                before = summed.map(|(_, stated)| stated);
                expected = expected.saturating_add(1);
                continue;
            };
            if found != expected {
                let line = |n: u64| n.saturating_add(1);
                log.fault(at, Wrong::OutOfOrder { found: line(found), expected: line(expected) });
            } else if summed.is_none_or(|(text, stated)| before.is_some_and(|before| sum::of(text, before) != stated)) {
                log.fault(at, Wrong::Changed);
            }
            before = summed.map(|(_, stated)| stated);
            expected = found.saturating_add(1);
        }
        if count == 0 {
            log.fault(1, Wrong::NotALog("it is empty".to_string()));
        } else if log.header.is_some() && log.last.is_none() && !log.is_cut_off() {
            log.fault(count, Wrong::NoEnd);
        }
        log
    }

    fn is_cut_off(&self) -> bool {
        self.faults.last().is_some_and(|fault| fault.what == Wrong::CutOff)
    }

    fn fault(&mut self, line: usize, what: Wrong) {
        self.faults.push(Fault { line, what });
    }

    /// The first line; gives its number, 0.
    fn first(&mut self, at: usize, line: &[u8], cut: bool) -> Option<u64> {
        let value: serde_json::Value = match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(_) if cut && line.starts_with(b"{\"format\":\"grpc-sansio event log\"") => {
                self.fault(at, Wrong::CutOff);
                return None;
            }
            Err(error) => {
                self.fault(at, Wrong::NotALog(why(&error)));
                return None;
            }
        };
        if value.get("format").and_then(serde_json::Value::as_str) != Some(FORMAT) {
            self.fault(at, Wrong::NotALog("it has no \"format\" that says so".to_string()));
            return None;
        }
        match value.get("version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            version => {
                self.fault(at, Wrong::OtherVersion { found: version.unwrap_or_default() });
                return None;
            }
        }
        match serde_json::from_value(value) {
            Ok(header) => {
                self.faults_of_the_original(at, &header);
                self.header = Some(header);
            }
            Err(error) => {
                self.fault(at, Wrong::NotALog(why(&error)));
                return None;
            }
        }
        Some(0)
    }

    fn faults_of_the_original(&mut self, at: usize, header: &Header) {
        let damage = |fault: &String| Fault { line: at, what: Wrong::CopyOfDamaged(fault.clone()) };
        self.faults.extend(header.damaged.iter().map(damage));
    }

    /// What a copy says of what is wrong with this log, and with the one that it is a copy of itself. That the end is missing
    /// shows in the copy too.
    fn damage(&self) -> Vec<String> {
        let (mut said, mut own) = (Vec::new(), 0_usize);
        for fault in &self.faults {
            match &fault.what {
                Wrong::NoEnd => {}
                Wrong::CopyOfDamaged(original) => said.push(original.clone()),
                what => {
                    own = own.saturating_add(1);
                    said.extend((own <= TOLD).then(|| format!("line {}: {}", fault.line, what.in_short())));
                }
            }
        }
        said.extend((own > TOLD).then(|| format!("{} lines more have something wrong with them", own - TOLD)));
        said
    }

    /// Another line; gives its number.
    fn other(&mut self, at: usize, line: &[u8], cut: bool) -> Option<u64> {
        if self.last.is_some() {
            self.fault(at, Wrong::AfterTheEnd);
            return None;
        }
        let probe: Probe = match serde_json::from_slice(line) {
            Ok(probe) => probe,
            Err(error) => {
                let what = match error.is_eof() && cut {
                    true => Wrong::CutOff,
                    false if error.is_data() => Wrong::Unknown(why(&error)),
                    false => Wrong::NotJson(why(&error)),
                };
                self.fault(at, what);
                return None;
            }
        };
        let read = match (probe.verb, probe.end) {
            (Some(_), _) => serde_json::from_slice::<Entry>(line).map(|entry| {
                let n = entry.n;
                self.entries.push((at, entry));
                n
            }),
            (None, Some(_)) => serde_json::from_slice::<LastLine>(line).map(|last| {
                self.last = Some(last);
                last.n
            }),
            (None, None) => {
                self.fault(at, Wrong::Unknown("it has neither a \"verb\" nor an \"end\"".to_string()));
                return None;
            }
        };
        read.map_err(|error| self.fault(at, Wrong::Unknown(why(&error)))).ok()
    }

    /// Whether the log hides something.
    pub fn is_masked(&self) -> bool {
        self.header.as_ref().is_some_and(|header| header.masked.is_some())
    }

    /// The first fault behind which something may be missing: a replay and a masked copy go no further than the line before.
    pub fn gap(&self) -> Option<&Fault> {
        self.faults.iter().find(|fault| fault.what.leaves_a_gap())
    }

    /// Why there is no first line.
    pub(super) fn no_header(&self) -> Fault {
        let unknown = || Fault { line: 1, what: Wrong::NotALog("there is no first line".to_string()) };
        self.faults.first().cloned().unwrap_or_else(unknown)
    }

    /// The verb in the middle of which the program panicked.
    pub fn broken_off(&self) -> Option<&(usize, Entry)> {
        self.entries.iter().find(|(_, entry)| entry.answer == Answer::BrokeOff)
    }

    /// Writes the log anew, masked, with checksums of its own. A log with a gap is written as far as the gap. A copy of a log
    /// with faults says so in its first line ([`Header::damaged`]), and whoever reads it finds them among its faults.
    ///
    /// # Errors
    ///
    /// Those of the writer; and [`io::ErrorKind::InvalidData`] with the [`Fault`] for a log without a first line.
    pub fn write_masked(&self, mask: &Mask, writer: impl Write) -> io::Result<()> {
        let Some(mut header) = self.header.clone() else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, self.no_header()));
        };
        header.damaged = self.damage();
        let mut mask = Masking::new(mask.clone());
        let mut failing = Failing { writer, error: None };
        {
            let mut lines = Lines::new(&mut failing, u64::MAX);
            mask.header(&mut header);
            lines.write(&header);
            let gap = self.gap().map_or(usize::MAX, |fault| fault.line);
            for (_, entry) in self.entries.iter().filter(|(line, _)| *line < gap) {
                let mut entry = entry.clone();
                mask.entry(&mut entry);
                lines.write(&entry);
            }
            // Behind the last line there is no gap.
            if let Some(last) = self.last.filter(|_| gap == usize::MAX) {
                lines.end(last.end);
            }
            lines.flush();
        }
        failing.error.map_or(Ok(()), Err)
    }
}

/// Keeps the error that [`Lines`] does not tell.
struct Failing<W> {
    writer: W,
    error: Option<io::Error>,
}

impl<W: Write> Write for Failing<W> {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer.write(octets).map_err(|error| self.keep(error))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(|error| self.keep(error))
    }
}

impl<W> Failing<W> {
    fn keep(&mut self, error: io::Error) -> io::Error {
        let kind = error.kind();
        self.error = Some(error);
        kind.into()
    }
}
