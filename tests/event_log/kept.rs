//! The logs that are kept with the source: one of a conversation with grpcio, which replays, and one of a call that fails
//! because of its server, which docs/debugging.md walks through.
//!
//! `BLESS=1` records the second one anew and writes what the viewer prints of it into the page.

use crate::talk::{Shared, into};
use bytes::Buf;
use grpc_sansio::event_log::{EventLog, Log, Mask};
use grpc_sansio::frame::{
    ErrorCode, Frame, HEAD_LEN, Head, PREFACE, Setting, SettingId, Settings, StreamId, WindowUpdate,
};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method};
use grpc_sansio::{Client, ClientConfig, Connection, Event, Instant, Item, OpenOptions, SendError, WriteBuf};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) fn kept(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/event_log").join(name)
}

/// What was said with grpcio is said again, octet for octet, in whatever build this is.
#[test]
fn conversations_with_grpcio_replay() {
    let mut replayed = 0;
    for file in std::fs::read_dir(kept("")).unwrap().map(|entry| entry.unwrap().path()) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("grpcio-") {
            continue;
        }
        let log = Log::parse(&std::fs::read(&file).unwrap());
        assert_eq!(log.faults, [], "{name}");
        let done =
            log.replay().unwrap_or_else(|error| panic!("{name}: {error}\n(its README says how to record it anew)"));
        assert!(done.verbs == log.entries.len() && done.transmitted > 40, "{name}: {done:?}");
        // Both sides spoke: it is no log of a connection that failed.
        let received = log.entries.iter().flat_map(|(_, entry)| &entry.frames).filter(|frame| frame.kind == "HEADERS");
        assert!(received.count() >= 2, "{name}");
        replayed += 1;
    }
    assert!(replayed >= 6);
}

/// A server with a bug: it gives credit back for its streams, and never for the connection. Every upload of more than
/// 65,535 octets hangs.
#[derive(Default)]
struct Miser {
    input: Vec<u8>,
    greeted: bool,
}

impl Miser {
    fn receive(&mut self, octets: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        self.input.extend_from_slice(octets);
        if !self.greeted {
            self.input.drain(..PREFACE.len());
            let window = Setting { id: SettingId::INITIAL_WINDOW_SIZE, value: 1 << 20 };
            Settings::encode_from(&[window], &mut answer);
            self.greeted = true;
        }
        while let Some(head) = self.input.first_chunk::<HEAD_LEN>().map(Head::parse) {
            let end = HEAD_LEN + head.length as usize;
            if self.input.len() < end {
                break;
            }
            match Frame::parse(head, &self.input[HEAD_LEN..end]).unwrap() {
                Frame::Settings(settings) if !settings.is_ack() => Settings::ACK.encode(&mut answer),
                Frame::Data(data) if !data.data.is_empty() => {
                    WindowUpdate { stream: data.stream, increment: head.length }.encode(&mut answer);
                }
                _ => {}
            }
            self.input.drain(..end);
        }
        answer
    }
}

static UPLOAD: Method = Method::from_static("/backup.Store/Upload", Kind::ClientStreaming);

/// An upload of 30 messages of 8,000 octets to that server, with a deadline of two seconds.
fn stuck_upload() -> Vec<u8> {
    let file = Shared::default();
    let masked = |log: EventLog| log.masked(Mask::new());
    let config = ClientConfig::builder("backup.example").event_log(into(&file, masked)).build().unwrap();
    let mut now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&config, now);
    let mut metadata = Metadata::new();
    metadata.append("authorization", "Bearer hush").unwrap();
    metadata.append("x-backup-id", "2026-11-21").unwrap();
    let deadline = now.saturating_add(Duration::from_secs(2));
    let id = client.open(now, &OpenOptions::new(&UPLOAD).metadata(&metadata).deadline(deadline)).unwrap();
    let (mut server, mut output, mut left) = (Miser::default(), WriteBuf::new(), 30);
    'all: for _ in 0..100 {
        while let Some(mut call) = client.call(id).filter(|_| left > 0) {
            match call.send(vec![0; 8_000]) {
                Ok(()) => left -= 1,
                Err(SendError::Full(_)) => break,
                Err(error) => panic!("{error}"),
            }
        }
        client.transmit(now, &mut output);
        let sent = output.copy_to_bytes(output.len());
        now = now.saturating_add(Duration::from_millis(1));
        let answer = server.receive(&sent);
        if !answer.is_empty() {
            client.receive(now, &answer);
        } else if let Some(due) = client.poll_timeout() {
            now = now.max(due);
            client.handle_timeout(now);
        }
        while let Some(event) = client.poll_event() {
            let Event::Readable(id) = event else { continue };
            let mut call = client.call(id).unwrap();
            while let Some(item) = call.read() {
                let Item::End(outcome) = item else { continue };
                assert_eq!(outcome.status().code(), Code::DeadlineExceeded);
                break 'all;
            }
        }
    }
    client.transmit(now, &mut output);
    assert!(left > 0, "it did not hang");
    drop(client);
    file.octets()
}

#[test]
fn the_log_of_the_hunt_is_what_it_says_it_is() {
    let path = kept("stuck-upload.masked.jsonl");
    let recorded = stuck_upload();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &recorded).unwrap();
    }
    let log = Log::parse(&std::fs::read(path).unwrap());
    assert_eq!((log.faults.len(), log.is_masked()), (0, true));
    assert_eq!(log.entries, Log::parse(&recorded).entries);
    // The cause, as the page finds it: credit for the stream, none for the connection, and all of its window used.
    let frames = || log.entries.iter().flat_map(|(_, entry)| &entry.frames);
    let updates = frames().filter(|frame| frame.kind == "WINDOW_UPDATE" && frame.stream == 1);
    assert!(updates.count() > 3);
    let for_all = log.entries.iter().filter(|(_, entry)| entry.verb.name() == "receive");
    assert!(
        !for_all.flat_map(|(_, entry)| &entry.frames).any(|frame| frame.kind == "WINDOW_UPDATE" && frame.stream == 0)
    );
    let data: u32 = frames().filter(|frame| frame.kind == "DATA").map(|frame| frame.length).sum();
    assert_eq!(data, 65_535);
    let reset = frames().find(|frame| frame.kind == "RST_STREAM").unwrap();
    assert_eq!(reset.error.as_deref(), Some(ErrorCode::CANCEL.name()));
    assert_eq!(StreamId::new(reset.stream).get(), 1);
}
