//! What became of each call, and of the connection.

use crate::paint::{Colour, Paint};
use crate::show::{milliseconds, status_line, title, who};
use crate::streams::{Streams, call_of};
use crate::windows;
use grpc_sansio::event_log::{Answer, Entry, Log, Octets, Verb};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// One call.
#[derive(Debug, Default)]
struct Call {
    path: String,
    opened: u64,
    /// How it ended, and when.
    end: Option<(u64, String, bool)>,
    sent: Sum,
    received: Sum,
}

/// Messages and their octets.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    messages: u64,
    octets: u64,
}

impl Sum {
    fn add(&mut self, octets: &Octets) {
        self.messages += 1;
        self.octets = self.octets.saturating_add(octets.len());
    }
}

pub(crate) fn print(log: &Log, paint: &Paint, out: &mut impl Write) -> io::Result<()> {
    let start = log.header.as_ref().map_or(0, |header| header.at);
    if let Some(header) = &log.header {
        writeln!(out, "{}", paint.text(Colour::Dim, &title(header)))?;
    }
    if log.header.is_none() && log.entries.is_empty() {
        // It is no log, and has no connection to speak of.
        return Ok(());
    }
    let (calls, connection) = collect(log);
    let streams = Streams::new(log);
    let windows = windows::of(log);
    for (number, call) in &calls {
        let stream = streams.of(*number).map_or_else(|| "no stream".to_owned(), |stream| format!("stream {stream}"));
        let since = milliseconds(call.opened.saturating_sub(start));
        let (end, colour) = match &call.end {
            Some((when, how, well)) => {
                let took = milliseconds(when.saturating_sub(call.opened));
                (format!("{how} after {took}"), if *well { Colour::Good } else { Colour::Bad })
            }
            None => ("did not end".to_owned(), Colour::Warning),
        };
        let line = format!("call {number}  {stream}  {}  opened at {since}", call.path);
        writeln!(out, "{}", paint.text(Colour::Event, &line))?;
        let (sent, received) = (call.sent, call.received);
        writeln!(
            out,
            "  messages: {} queued to be sent ({} octets), {} read ({} octets)",
            sent.messages, sent.octets, received.messages, received.octets
        )?;
        writeln!(out, "  {}", paint.text(colour, &end))?;
        if let (Some(stream), Some((ours, theirs))) = (streams.of(*number), &windows) {
            writeln!(out, "  {}", window_line(paint, ours.stream(stream), theirs.stream(stream)))?;
        }
    }
    let Traffic { received, transmitted, frames_in, frames_out, end } = connection;
    writeln!(
        out,
        "connection: calls {}; received {received} octets in {frames_in} frames, transmitted {transmitted} in {frames_out}",
        calls.len()
    )?;
    if let Some((ours, theirs)) = &windows {
        writeln!(out, "  {}", window_line(paint, ours.connection, theirs.connection))?;
    }
    if let Some((end, well)) = end {
        writeln!(out, "  {}", paint.text(if well { Colour::Good } else { Colour::Bad }, &end))?;
    }
    Ok(())
}

/// What either end may still send; nothing left is worth a colour.
fn window_line(paint: &Paint, ours: i64, theirs: i64) -> String {
    let colour = if ours <= 0 || theirs <= 0 { Colour::Warning } else { Colour::Dim };
    paint.text(colour, &format!("windows: this end may send {ours} more octets, its peer {theirs}"))
}

#[derive(Debug, Default)]
struct Traffic {
    received: u64,
    transmitted: u64,
    frames_in: usize,
    frames_out: usize,
    end: Option<(String, bool)>,
}

fn collect(log: &Log) -> (BTreeMap<u32, Call>, Traffic) {
    let (mut calls, mut traffic) = (BTreeMap::<u32, Call>::new(), Traffic::default());
    let mut now = log.header.as_ref().map_or(0, |header| header.at);
    for (_, entry) in &log.entries {
        now = entry.verb.at().unwrap_or(now).max(now);
        count(&mut traffic, entry);
        if let Some(number) = call_of(entry) {
            let call = calls.entry(number).or_insert_with(|| Call { opened: now, ..Call::default() });
            follow(call, now, entry);
        }
    }
    (calls, traffic)
}

fn count(traffic: &mut Traffic, entry: &Entry) {
    match (&entry.verb, &entry.answer) {
        (Verb::Receive { octets, .. } | Verb::ReceiveBytes { octets, .. }, _) => {
            traffic.received = traffic.received.saturating_add(octets.len());
            traffic.frames_in += entry.frames.len();
        }
        (_, Answer::Octets(octets)) => {
            traffic.transmitted = traffic.transmitted.saturating_add(octets.len());
            traffic.frames_out += entry.frames.len();
        }
        (_, Answer::Event(event)) if event.name == "closed" => {
            traffic.end = Some(match &event.reason {
                Some(reason) => (format!("closed: {reason}"), false),
                None => ("closed in good order".to_owned(), true),
            });
        }
        _ => {}
    }
}

fn follow(call: &mut Call, now: u64, entry: &Entry) {
    let refused = matches!(entry.answer, Answer::Refused(_));
    match &entry.verb {
        Verb::Open { path, .. } => call.path.clone_from(path),
        Verb::Send { data, .. } if !refused => call.sent.add(data),
        Verb::SendWith { data: Some(data), .. } | Verb::SendCompressedWith { data: Some(data), .. } if !refused => {
            call.sent.add(data);
        }
        Verb::Cancel { .. } => end(call, now, "cancelled here".to_owned(), false),
        Verb::Finish { status, .. } => end(call, now, status_line(status), status.code == 0),
        Verb::Reset { code, .. } => {
            end(call, now, format!("reset here with {}", grpc_sansio::frame::ErrorCode(*code)), false);
        }
        Verb::Release { .. } => end(call, now, "let go".to_owned(), false),
        _ => {}
    }
    match &entry.answer {
        Answer::Message { data, .. } => call.received.add(data),
        Answer::Head { fields, .. } => {
            let path = fields.iter().find(|field| field.name == ":path");
            if let Some(grpc_sansio::event_log::Value::Value(path)) = path.map(|field| &field.value) {
                call.path.clone_from(path);
            }
        }
        Answer::Event(event) if event.name == "stopped" => {
            let why = event.reason.as_deref().unwrap_or("for no reason told");
            end(call, now, format!("stopped: {why}"), false);
        }
        Answer::Ended { status, origin, .. } => {
            // It says more than that the call stopped.
            call.end = None;
            end(call, now, format!("{}, says {},", status_line(status), who(origin)), status.code == 0);
        }
        _ => {}
    }
}

/// The first end counts: what a server says on a call that has stopped reaches nobody.
fn end(call: &mut Call, now: u64, how: String, well: bool) {
    call.end.get_or_insert((now, how, well));
}
