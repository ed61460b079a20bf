//! A log, line by line, for people.

use crate::args::Filter;
use crate::paint::{Colour, Paint, harmless};
use crate::streams::{Streams, call_of};
use grpc_sansio::event_log::{
    Answer, Due, End, Entry, Field, Frame, Header, Log, Octets, Role, Status, Timer, Value, Verb,
};
use grpc_sansio::grpc::Code;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Octets of a message that are shown.
const SHOWN: usize = 48;

/// Shows what `filter` lets through; whether all that it names is there.
pub(crate) fn show(log: &Log, filter: &Filter, all: bool, paint: &Paint, out: &mut impl Write) -> io::Result<bool> {
    let streams = Streams::new(log);
    let start = log.header.as_ref().map_or(0, |header| header.at);
    if let Some(header) = &log.header {
        writeln!(out, "{}", paint.text(Colour::Dim, &title(header)))?;
    }
    let mut now = start;
    // What was shown last, and how often it was done again.
    let (mut last, mut again) = (String::new(), 0_u64);
    let (mut any, mut dull) = (false, 0_u64);
    for (line, entry) in &log.entries {
        now = entry.verb.at().unwrap_or(now).max(now);
        let frames: Vec<&Frame> = entry.frames.iter().filter(|frame| wanted_frame(filter, &streams, frame)).collect();
        let shown = wanted(filter, &streams, entry) || !frames.is_empty();
        if !shown || (!all && is_dull(entry)) {
            dull += u64::from(shown);
            continue;
        }
        any = true;
        let (text, colour) = describe(start, entry);
        if !all && frames.is_empty() && text == last {
            again = again.saturating_add(1);
            continue;
        }
        repeat(&mut again, paint, out)?;
        last.clone_from(&text);
        let millis = paint.text(Colour::Dim, &format!("{line:>6} {:>12}", milliseconds(now.saturating_sub(start))));
        writeln!(out, "{millis}  {}", paint.text(colour, &text))?;
        let received = !matches!(entry.verb, Verb::Transmit { .. });
        for frame in frames {
            let (arrow, colour) = if received { ("<", Colour::Received) } else { (">", Colour::Sent) };
            let colour = if frame.wrong.is_some() { Colour::Bad } else { colour };
            writeln!(out, "{:22}{}", "", paint.text(colour, &format!("{arrow} {}", frame_line(frame))))?;
            for field in frame.fields.iter().flatten() {
                writeln!(out, "{:26}{}", "", paint.text(Colour::Dim, &field_line(field)))?;
            }
        }
    }
    repeat(&mut again, paint, out)?;
    if !any && dull > 0 {
        let text = format!("nothing but verbs that came to nothing, {dull} of them: --all shows them");
        writeln!(out, "{}", paint.text(Colour::Warning, &text))?;
    }
    let missing = missing(log, filter, &streams);
    for text in &missing {
        writeln!(out, "{}", paint.text(Colour::Bad, text))?;
    }
    if let Some(last) = &log.last {
        writeln!(out, "{}", paint.text(Colour::Dim, &ending(last.end)))?;
    }
    Ok(missing.is_empty())
}

/// Calls or streams that were asked for and are not in the log, in words that name those that are.
fn missing(log: &Log, filter: &Filter, streams: &Streams) -> Vec<String> {
    let mut missing = Vec::new();
    let mut look = |what: &str, wanted: Option<u32>, there: BTreeSet<u32>| {
        if let Some(wanted) = wanted.filter(|wanted| !there.contains(wanted)) {
            let others = match there.len() {
                0 => format!("it has no {what}s"),
                1 => format!("its only {what} is {}", list(&there)),
                _ => format!("its {what}s are {}", list(&there)),
            };
            missing.push(format!("there is no {what} {wanted} in this log: {others}"));
        }
    };
    let calls = log.entries.iter().filter_map(|(_, entry)| call_of(entry));
    let frames = log.entries.iter().flat_map(|(_, entry)| &entry.frames).map(|frame| frame.stream);
    look("call", filter.call, calls.clone().collect());
    look("stream", filter.stream, frames.chain(calls.filter_map(|call| streams.of(call))).collect());
    missing
}

/// At most so many numbers are listed.
const LISTED: usize = 20;

fn list(numbers: &BTreeSet<u32>) -> String {
    let listed: Vec<String> = numbers.iter().take(LISTED).map(ToString::to_string).collect();
    match numbers.last().filter(|_| numbers.len() > LISTED) {
        Some(last) => format!("{} and so on, {} in all, the last {last}", listed.join(", "), numbers.len()),
        None => listed.join(", "),
    }
}

/// Says that the last line was done again.
fn repeat(again: &mut u64, paint: &Paint, out: &mut impl Write) -> io::Result<()> {
    match std::mem::take(again) {
        0 => Ok(()),
        times => writeln!(out, "{:22}{}", "", paint.text(Colour::Dim, &format!("the same {times} times more"))),
    }
}

/// The first line.
pub(crate) fn title(header: &Header) -> String {
    let role = match header.role {
        Role::Client => "a client's connection",
        Role::Server => "a server's connection",
    };
    let what = match &header.masked {
        None => "complete, secrets included".to_owned(),
        Some(masked) => {
            let mut hidden = masked.names.clone();
            hidden.extend(masked.binary.then(|| "*-bin".to_owned()));
            hidden.extend(masked.messages.then(|| "messages".to_owned()));
            hidden.extend(masked.texts.then(|| "texts".to_owned()));
            format!("masked: {}", hidden.join(", "))
        }
    };
    let copy = if header.damaged.is_empty() { "" } else { "; a copy of a log that was NOT WHOLE" };
    format!("{role}, recorded by grpc-sansio {}; {what}{copy}", header.library)
}

fn ending(end: End) -> String {
    match end {
        End::Dropped => "the connection was dropped".to_owned(),
        End::Full(limit) => format!("the log is full at its limit of {limit} octets; the connection went on"),
    }
}

/// Whether it came to nothing.
fn is_dull(entry: &Entry) -> bool {
    let empty = matches!(&entry.answer, Answer::Octets(octets) if octets.is_empty());
    let idle = matches!(entry.verb, Verb::HandleTimeout { .. }) && entry.timer.is_none();
    entry.answer == Answer::Nothing || empty || idle
}

fn wanted(filter: &Filter, streams: &Streams, entry: &Entry) -> bool {
    let call = call_of(entry);
    let of_stream = |stream| call.and_then(|call| streams.of(call)) == Some(stream);
    filter.is_open() || filter.call.is_some_and(|wanted| call == Some(wanted)) || filter.stream.is_some_and(of_stream)
}

fn wanted_frame(filter: &Filter, streams: &Streams, frame: &Frame) -> bool {
    filter.is_open()
        || filter.stream == Some(frame.stream)
        || (frame.stream != 0 && filter.call.is_some() && streams.call_of(frame.stream) == filter.call)
}

/// In milliseconds, to the microsecond.
pub(crate) fn milliseconds(nanos: u64) -> String {
    format!("{}.{:03} ms", nanos / 1_000_000, nanos / 1_000 % 1_000)
}

fn describe(start: u64, entry: &Entry) -> (String, Colour) {
    let mut text = verb_line(start, &entry.verb);
    let colour = match &entry.answer {
        Answer::Done => plain_colour(&entry.verb),
        Answer::Nothing => {
            text.push_str(" → nothing");
            Colour::Dim
        }
        Answer::BrokeOff => {
            text.push_str(" → the program panicked here");
            Colour::Bad
        }
        Answer::Call(call) => {
            let _ = write!(text, " → call {call}");
            Colour::Event
        }
        Answer::Refused(why) => {
            let _ = write!(text, " → refused: {why}");
            Colour::Warning
        }
        Answer::Event(event) => {
            text = match event.call {
                Some(call) => format!("event {} of call {call}", event.name),
                None => format!("event {}", event.name),
            };
            if let Some(stream) = event.stream {
                let _ = write!(text, ", stream {stream}");
            }
            if let Some(reason) = &event.reason {
                let _ = write!(text, ": {reason}");
            }
            let ended = event.reason.is_some();
            if ended { Colour::Bad } else { Colour::Event }
        }
        Answer::Octets(octets) => {
            let _ = write!(text, " → {} octets", octets.len());
            Colour::Sent
        }
        Answer::Head { fields, .. } => {
            let _ = write!(text, " → head, {} fields", fields.len());
            Colour::Event
        }
        Answer::Message { data, compressed } => {
            let _ = write!(text, " → message, {}{}", octets(data), if *compressed { ", compressed" } else { "" });
            Colour::Event
        }
        Answer::HalfClosed => {
            text.push_str(" → the client has half-closed");
            Colour::Event
        }
        Answer::Ended { status, origin, unprocessed, .. } => {
            let _ = write!(text, " → {}, says {}", status_line(status), who(origin));
            if *unprocessed {
                text.push_str("; not processed, safe to try again");
            }
            if status.code == 0 { Colour::Good } else { Colour::Bad }
        }
        _ => Colour::Dim,
    };
    match &entry.timer {
        Some(Timer::At(at)) => {
            let at = milliseconds(at.saturating_sub(start));
            let what = entry.due.as_ref().map_or_else(|| "a timer".to_owned(), due);
            let _ = write!(text, "; due next: {what} at {at}");
        }
        Some(Timer::Off) => text.push_str("; no timer is set"),
        None => {}
    }
    (text, colour)
}

/// What a timer is for; limits go by their names in the config.
fn due(due: &Due) -> String {
    let what = match due.what.as_str() {
        "rejected_request" => "an answer to a refused request that is still coming in",
        "outdated" => "an old timer with nothing to do",
        what => what,
    };
    due.call.map_or_else(|| what.to_owned(), |call| format!("{what} of call {call}"))
}

fn plain_colour(verb: &Verb) -> Colour {
    match verb {
        Verb::Receive { .. } | Verb::ReceiveBytes { .. } => Colour::Received,
        Verb::ReceiveEof { .. } | Verb::ReceiveFailure { .. } | Verb::Cancel { .. } | Verb::Reset { .. } => {
            Colour::Warning
        }
        _ => Colour::Event,
    }
}

fn verb_line(start: u64, verb: &Verb) -> String {
    let mut text = verb.name().to_owned();
    if let Some(call) = verb.call() {
        let _ = write!(text, " on call {call}");
    }
    let after = match verb {
        Verb::Open {
            path, kind, metadata, deadline, authority, encoding, content_subtype, previous_attempts, ..
        } => {
            let mut parts = vec![format!("{path} {kind:?}")];
            parts.extend(metadata.iter().map(field_line));
            parts.extend(deadline.map(|by| format!("deadline {}", milliseconds(by.saturating_sub(start)))));
            parts.extend(authority.iter().map(|name| format!("authority {name}")));
            parts.extend(encoding.iter().map(|name| format!("encoding {name}")));
            parts.extend(content_subtype.iter().map(|name| format!("content-type application/grpc+{name}")));
            parts.extend((*previous_attempts > 0).then(|| format!("{previous_attempts} attempts before")));
            parts.join(", ")
        }
        Verb::Receive { octets, .. } | Verb::ReceiveBytes { octets, .. } => format!("{} octets", octets.len()),
        Verb::Send { data, compressed, .. } => {
            format!("{}{}", octets(data), if *compressed { ", compressed" } else { "" })
        }
        Verb::SendWith { data: Some(data), .. } | Verb::SendCompressedWith { data: Some(data), .. } => octets(data),
        Verb::Shutdown { by, .. } => by.map_or_else(String::new, |by| milliseconds(by.saturating_sub(start))),
        Verb::Expect { kind, .. } => format!("{kind:?}"),
        Verb::ReceiveFailure { why, .. } => why.clone(),
        Verb::LimitDeadline { by, .. } => milliseconds(by.saturating_sub(start)),
        Verb::SetEncoding { coding, .. } => coding.clone(),
        Verb::SendHead { metadata, .. } => joined(metadata),
        Verb::Finish { status, trailers, .. } => match joined(trailers) {
            none if none.is_empty() => status_line(status),
            trailers => format!("{}, {trailers}", status_line(status)),
        },
        Verb::Reset { code, .. } => format!("with {}", grpc_sansio::frame::ErrorCode(*code)),
        _ => String::new(),
    };
    if !after.is_empty() {
        let _ = write!(text, " {after}");
    }
    text
}

fn joined(fields: &[Field]) -> String {
    fields.iter().map(field_line).collect::<Vec<_>>().join(", ")
}

/// Who ended a call, by the name in the log.
pub(crate) fn who(origin: &str) -> &str {
    match origin {
        "local" => "this end",
        "peer" => "the peer",
        "transport" => "the transport",
        "application" => "the application",
        other => other,
    }
}

pub(crate) fn status_line(status: &Status) -> String {
    let name = Code::from_u32(status.code.into()).map_or("?", Code::name);
    match &status.message {
        Some(message) => format!("{name} \"{}\"", harmless(message).replace('\n', "\\n")),
        None => name.to_owned(),
    }
}

fn octets(octets: &Octets) -> String {
    match octets {
        Octets::Plain(plain) => {
            let shown = plain.get(..SHOWN.min(plain.len())).unwrap_or_default().escape_ascii();
            let more = if plain.len() > SHOWN { "…" } else { "" };
            format!("{} octets \"{shown}{more}\"", plain.len())
        }
        _ => format!("{} octets (masked)", octets.len()),
    }
}

fn field_line(field: &Field) -> String {
    let value = match &field.value {
        Value::Value(text) => text.clone(),
        Value::Base64(octets) => octets.escape_ascii().to_string(),
        _ => "(masked)".to_owned(),
    };
    format!("{}: {value}{}", field.name, if field.sensitive { " (sensitive)" } else { "" })
}

fn frame_line(frame: &Frame) -> String {
    let mut text = frame.kind.clone();
    if frame.stream != 0 {
        let _ = write!(text, " stream {}", frame.stream);
    }
    let _ = write!(text, " {} octets", frame.length);
    for name in flags(frame) {
        let _ = write!(text, " {name}");
    }
    if let Some(number) = frame.number {
        let what = match frame.kind.as_str() {
            "GOAWAY" => "last stream",
            "PUSH_PROMISE" => "promises stream",
            _ => "by",
        };
        let _ = write!(text, " {what} {number}");
    }
    if let Some(error) = &frame.error {
        let _ = write!(text, " {error}");
    }
    for (name, value) in frame.settings.iter().flatten() {
        let _ = write!(text, " {name}={value}");
    }
    if let Some(said) = &frame.text {
        let _ = write!(text, " \"{said}\"");
    }
    if let Some(wrong) = &frame.wrong {
        let _ = write!(text, " WRONG: {wrong}");
    }
    text
}

/// The flags that mean something on this kind of frame (RFC 9113 §6).
fn flags(frame: &Frame) -> impl Iterator<Item = &'static str> {
    let known: &[(u8, &str)] = match frame.kind.as_str() {
        "DATA" => &[(0x1, "END_STREAM"), (0x8, "PADDED")],
        "HEADERS" => &[(0x1, "END_STREAM"), (0x4, "END_HEADERS"), (0x8, "PADDED"), (0x20, "PRIORITY")],
        "SETTINGS" | "PING" => &[(0x1, "ACK")],
        "PUSH_PROMISE" | "CONTINUATION" => &[(0x4, "END_HEADERS")],
        _ => &[],
    };
    let set = frame.flags;
    known.iter().filter(move |(bit, _)| set & bit != 0).map(|(_, name)| *name)
}
