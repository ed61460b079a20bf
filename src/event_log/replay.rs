//! A log done again, verb by verb.

use super::config::Config;
use super::line::{self, Answer, Entry, Header, Octets, Role, Value, Verb};
use super::read::{Fault, Log};
use super::record::Recorder;
use crate::buffer::WriteBuf;
use crate::call::{Call, Client, Server};
use crate::config::{Settings, Watch};
use crate::connection::Connection;
use crate::event::{CallId, Event};
use crate::frame::ErrorCode;
use crate::grpc::{Code, Message, Metadata, Method, Status};
use crate::http2::Side;
use crate::observe::Observer;
use crate::options::OpenOptions;
use crate::time::Instant;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};
use thiserror::Error;

/// What a replay came to: every verb of the log gave the same answer, and the same octets.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replayed {
    /// Verbs that were done again.
    pub verbs: usize,
    /// Octets that `transmit` gave in all, the same as in the log.
    pub transmitted: u64,
    /// Why it went no further than it did; `None` where the log is whole.
    pub stopped_at: Option<Fault>,
}

/// Why a log does not replay.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The log hides what the connection was told.
    #[error(
        "the log is masked, so the octets that the connection was given are not in it: only a complete log can be \
         replayed, and this one only be looked at"
    )]
    Masked,
    /// There is no first line, or none of this version.
    #[error("{0}")]
    NoHeader(Fault),
    /// The config in the first line makes no connection.
    #[error("line 1: the config makes no connection: {0}")]
    Config(String),
    /// A verb cannot be done again.
    #[error("line {line}: {why}")]
    Impossible {
        /// The line.
        line: usize,
        /// Why.
        why: String,
    },
    /// A verb gave something else than in the log. Either the log was changed, or the library: another version of it need
    /// not give the same octets.
    #[error("line {line}: {what} differs\n  in the log: {logged}\n  replayed:   {replayed}{hint}")]
    Differs {
        /// The line.
        line: usize,
        /// Which part of it: `answer`, `frames`, `timer`, `due`, `octets`.
        what: &'static str,
        /// That part in the log.
        logged: String,
        /// And as it was now.
        replayed: String,
        /// What may be the reason.
        hint: String,
    },
}

/// Where the replayed connection's own log goes.
#[derive(Clone, Default)]
struct Copy(Arc<Mutex<Vec<u8>>>);

impl Copy {
    fn take(&self) -> Vec<u8> {
        core::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Write for Copy {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Watch for Copy {
    fn observer(&self, side: Side, settings: &Settings, seed: u64, now: Instant) -> Option<Box<dyn Observer>> {
        Some(Box::new(Recorder::to(self.clone(), u64::MAX, None, side, settings, seed, now)))
    }
}

impl Log {
    /// Does all verbs of a complete log again, on a connection with the same config, and compares every answer, octet for
    /// octet. A log with a gap is replayed as far as the gap.
    ///
    /// # Errors
    ///
    /// [`ReplayError::Masked`] for a masked log, and otherwise the first line that is different.
    pub fn replay(&self) -> Result<Replayed, ReplayError> {
        let Some(header) = &self.header else {
            return Err(ReplayError::NoHeader(self.no_header()));
        };
        if header.masked.is_some() {
            return Err(ReplayError::Masked);
        }
        let config: Config =
            serde_json::from_value(header.config.clone()).map_err(|error| ReplayError::Config(error.to_string()))?;
        let (copy, at, seed) = (Copy::default(), Instant::from_nanos(header.at), config.seed);
        match header.role {
            Role::Client => {
                let config = config.client(|config| config.watch(copy.clone())).map_err(ReplayError::Config)?;
                self.replay_on(header, Connection::<Client>::new(&config, at), &copy)
            }
            Role::Server => {
                let config = config.server(|config| config.watch(copy.clone())).map_err(ReplayError::Config)?;
                self.replay_on(header, Connection::<Server>::with_seed(&config, at, seed), &copy)
            }
        }
    }

    fn replay_on<R: Replays>(
        &self,
        header: &Header,
        connection: Connection<R>,
        copy: &Copy,
    ) -> Result<Replayed, ReplayError> {
        let stopped_at = self.gap().cloned();
        let end = stopped_at.as_ref().map_or(usize::MAX, |fault| fault.line);
        copy.take();
        let mut stage = Stage { connection, calls: BTreeMap::new() };
        let mut replayed = Replayed { verbs: 0, transmitted: 0, stopped_at };
        for (line, entry) in self.entries.iter().take_while(|(line, _)| *line < end) {
            let impossible = |why| ReplayError::Impossible { line: *line, why };
            stage.act(&entry.verb).map_err(impossible)?;
            let text = copy.take();
            let again: Entry = serde_json::from_slice(&text).map_err(|error| impossible(error.to_string()))?;
            compare(header, *line, entry, &again)?;
            replayed.verbs = replayed.verbs.saturating_add(1);
            if let Answer::Octets(octets) = &again.answer {
                replayed.transmitted = replayed.transmitted.saturating_add(octets.len());
            }
        }
        Ok(replayed)
    }
}

fn compare(header: &Header, line: usize, logged: &Entry, replayed: &Entry) -> Result<(), ReplayError> {
    let json = |entry: &Entry| serde_json::to_value(entry).unwrap_or_default();
    let differs = |what: &'static str| {
        let part = |entry| {
            let value = match json(entry) {
                serde_json::Value::Object(mut members) => members.remove(if what == "octets" { "data" } else { what }),
                _ => None,
            };
            value.map_or_else(|| "nothing".to_string(), |value| value.to_string())
        };
        let same = header.library == env!("CARGO_PKG_VERSION");
        let hint = match same {
            true => String::new(),
            false => format!("\n  recorded by version {}, replayed by {}", header.library, env!("CARGO_PKG_VERSION")),
        };
        Err(ReplayError::Differs { line, what, logged: part(logged), replayed: part(replayed), hint })
    };
    let written = |entry: &Entry| match &entry.verb {
        Verb::SendWith { data, .. } | Verb::SendCompressedWith { data, .. } => data.clone(),
        _ => None,
    };
    if logged.answer != replayed.answer {
        return differs("answer");
    }
    if logged.frames != replayed.frames {
        return differs("frames");
    }
    if logged.timer != replayed.timer {
        return differs("timer");
    }
    if logged.due.is_some() && logged.due != replayed.due {
        return differs("due");
    }
    if written(logged) != written(replayed) {
        return differs("octets");
    }
    Ok(())
}

/// A role whose own verbs can be done again.
trait Replays: crate::call::Role {
    /// Does a verb that only this role has; gives the call that it opened.
    fn act(connection: &mut Connection<Self>, calls: &Calls, verb: &Verb) -> Result<Option<CallId>, String>;
}

/// Calls by their numbers.
type Calls = BTreeMap<u32, CallId>;

struct Stage<R: Replays> {
    connection: Connection<R>,
    calls: Calls,
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

impl<R: Replays> Stage<R> {
    fn act(&mut self, verb: &Verb) -> Result<(), String> {
        match verb {
            Verb::Receive { at: now, octets } => self.connection.receive(at(*now), plain(octets)?),
            Verb::ReceiveBytes { at: now, octets } => {
                self.connection.receive_bytes(at(*now), plain(octets)?.to_vec().into());
            }
            Verb::ReceiveEof { at: now } => self.connection.receive_eof(at(*now)),
            Verb::ReceiveFailure { at: now, why } => self.connection.receive_failure(at(*now), why),
            Verb::Transmit { at: now, target, waiting } => {
                // What counts is how much room is left, not what takes it.
                let room = target.saturating_sub(*waiting);
                let mut output = WriteBuf::with_target(usize::try_from(room).unwrap_or(usize::MAX));
                if room == 0 && *waiting > 0 {
                    output.put_slice(&[0]);
                }
                self.connection.transmit(at(*now), &mut output);
            }
            Verb::PollEvent => {
                if let Some(Event::Opened(id)) = self.connection.poll_event() {
                    self.calls.insert(id.number(), id);
                }
            }
            Verb::HandleTimeout { at: now } => self.connection.handle_timeout(at(*now)),
            Verb::Shutdown { at: now, by } => self.connection.shutdown(at(*now), by.map(at)),
            Verb::Read { call } => drop(self::call(&mut self.connection, &self.calls, *call)?.read()),
            Verb::Send { call, data, compressed } => {
                let mut message = Message::new(plain(data)?.to_vec());
                message.compressed = *compressed;
                let _ = self::call(&mut self.connection, &self.calls, *call)?.send(message);
            }
            Verb::SendWith { call, size_hint, data } => {
                let (hint, data) = (size(*size_hint), written(data.as_ref())?);
                let mut call = self::call(&mut self.connection, &self.calls, *call)?;
                let _ = call.send_with(hint, |buffer| buffer.extend_from_slice(data));
            }
            Verb::SendCompressedWith { call, size_hint, data } => {
                let (hint, data) = (size(*size_hint), written(data.as_ref())?);
                let mut call = self::call(&mut self.connection, &self.calls, *call)?;
                let _ = call.send_compressed_with(hint, |buffer| buffer.extend_from_slice(data));
            }
            Verb::Open { .. }
            | Verb::SkipStreams { .. }
            | Verb::HalfClose { .. }
            | Verb::Cancel { .. }
            | Verb::Expect { .. }
            | Verb::LimitDeadline { .. }
            | Verb::SetEncoding { .. }
            | Verb::SendHead { .. }
            | Verb::Finish { .. }
            | Verb::Reset { .. }
            | Verb::Release { .. } => {
                let opened = R::act(&mut self.connection, &self.calls, verb)?;
                self.calls.extend(opened.map(|id| (id.number(), id)));
            }
        }
        Ok(())
    }
}

impl Replays for Client {
    fn act(connection: &mut Connection<Self>, calls: &Calls, verb: &Verb) -> Result<Option<CallId>, String> {
        match verb {
            Verb::Open {
                at: now,
                path,
                kind,
                metadata,
                deadline,
                authority,
                encoding,
                content_subtype,
                previous_attempts,
            } => {
                let method = Method::new(path.clone(), (*kind).into()).map_err(|error| error.to_string())?;
                let metadata = entries(metadata)?;
                let mut options = OpenOptions::new(&method).metadata(&metadata).previous_attempts(*previous_attempts);
                options.deadline = deadline.map(at);
                options.authority = authority.as_deref();
                options.encoding = encoding.as_deref();
                options.content_subtype = content_subtype.as_deref();
                return Ok(connection.open(at(*now), &options).ok());
            }
            #[cfg(feature = "testing")]
            Verb::SkipStreams { next } => connection.skip_streams(*next),
            Verb::HalfClose { call } => {
                let _ = self::call(connection, calls, *call)?.half_close();
            }
            Verb::Cancel { call } => self::call(connection, calls, *call)?.cancel(),
            _ => return Err("a client has no such verb".to_string()),
        }
        Ok(None)
    }
}

impl Replays for Server {
    fn act(connection: &mut Connection<Self>, calls: &Calls, verb: &Verb) -> Result<Option<CallId>, String> {
        match verb {
            // What they come to is compared with the log, where it is written down.
            Verb::Expect { call, kind } => {
                let _ = self::call(connection, calls, *call)?.expect((*kind).into());
            }
            Verb::LimitDeadline { call, by } => self::call(connection, calls, *call)?.limit_deadline(at(*by)),
            Verb::SetEncoding { call, coding } => {
                let _ = self::call(connection, calls, *call)?.set_encoding(coding);
            }
            Verb::SendHead { call, metadata } => {
                let _ = self::call(connection, calls, *call)?.send_head(&entries(metadata)?);
            }
            Verb::Finish { call, status, trailers } => {
                let (status, trailers) = (self::status(status)?, entries(trailers)?);
                self::call(connection, calls, *call)?.finish(&status, &trailers);
            }
            Verb::Reset { call, code } => {
                let _ = self::call(connection, calls, *call)?.reset(ErrorCode(*code));
            }
            Verb::Release { call } => self::call(connection, calls, *call)?.release(),
            _ => return Err("a server has no such verb".to_string()),
        }
        Ok(None)
    }
}

fn call<'c, R: Replays>(connection: &'c mut Connection<R>, calls: &Calls, number: u32) -> Result<Call<'c, R>, String> {
    let id = calls.get(&number).ok_or_else(|| format!("call {number} was never opened"))?;
    Ok(connection.kept_call(*id))
}

fn plain(octets: &Octets) -> Result<&[u8], String> {
    match octets {
        Octets::Plain(octets) => Ok(octets),
        Octets::Masked { .. } => Err("the octets are masked, though the first line does not say so".to_string()),
    }
}

/// What was written; nothing where it was refused before, and then nobody asks for it.
fn written(data: Option<&Octets>) -> Result<&[u8], String> {
    data.map_or(Ok(&[]), plain)
}

fn size(octets: u64) -> usize {
    usize::try_from(octets).unwrap_or(usize::MAX)
}

fn entries(fields: &[line::Field]) -> Result<Metadata, String> {
    let mut metadata = Metadata::new();
    for field in fields {
        let value = match &field.value {
            Value::Value(text) => text.as_bytes(),
            Value::Base64(octets) => octets,
            Value::Masked(_) => return Err(format!("the value of {} is masked", field.name)),
        };
        metadata
            .append_wire(&field.name, value, field.sensitive)
            .map_err(|error| format!("{}: {error}", field.name))?;
    }
    Ok(metadata)
}

fn status(status: &line::Status) -> Result<Status, String> {
    let code = Code::from_u32(status.code.into()).ok_or_else(|| format!("there is no status code {}", status.code))?;
    let made = Status::new(code, status.message.clone().unwrap_or_default());
    Ok(match &status.details {
        Some(details) => made.with_details(plain(details)?.to_vec()),
        None => made,
    })
}
