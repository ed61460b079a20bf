//! A complete log replays to the same octets.

use crate::talk::{METHODS, Shared, Talk, into, monkey};
use grpc_sansio::event_log::{Answer, End, EventLog, Log, ReplayError, Verb};
use grpc_sansio::{Client, ClientConfig, Connection, Instant, OpenOptions};
use std::collections::BTreeSet;
use std::io::{self, Write};

/// Octets that `transmit` gave, by the log.
fn transmitted(log: &Log) -> u64 {
    let octets = |answer: &Answer| if let Answer::Octets(octets) = answer { octets.len() } else { 0 };
    log.entries.iter().map(|(_, entry)| octets(&entry.answer)).sum()
}

#[test]
fn whatever_is_done_can_be_done_again() {
    let mut verbs = BTreeSet::new();
    for seed in 0..40 {
        for (end, file) in ["client", "server"].into_iter().zip(monkey(seed, 300).end()) {
            let log = file.log();
            assert_eq!(log.faults, [], "{end} {seed}");
            assert_eq!(log.last.unwrap().end, End::Dropped);
            let replayed = log.replay().unwrap_or_else(|error| panic!("{end} {seed}: {error}"));
            assert_eq!((replayed.verbs, replayed.stopped_at), (log.entries.len(), None));
            assert_eq!(replayed.transmitted, transmitted(&log), "{end} {seed}");
            verbs.extend(log.entries.iter().map(|(_, entry)| entry.verb.name()));
        }
    }
    // All that there are: a new one needs a name, and its name a place in the monkey's hand.
    let mut talk = Talk::new();
    talk.client.skip_streams(101);
    verbs.extend(talk.end()[0].log().entries.iter().map(|(_, entry)| entry.verb.name()));
    assert_eq!(
        verbs.len(),
        ALL.len(),
        "not done: {:?}",
        ALL.iter().filter(|name| !verbs.contains(*name)).collect::<Vec<_>>()
    );
    assert!(ALL.iter().all(|name| verbs.contains(name)));
}

const ALL: [&str; 23] = [
    "open",
    "skip_streams",
    "receive",
    "receive_bytes",
    "receive_eof",
    "receive_failure",
    "transmit",
    "poll_event",
    "handle_timeout",
    "shutdown",
    "read",
    "send",
    "send_with",
    "send_compressed_with",
    "half_close",
    "cancel",
    "expect",
    "limit_deadline",
    "set_encoding",
    "send_head",
    "finish",
    "reset",
    "release",
];

#[test]
fn a_replay_finds_what_was_changed() {
    let mut talk = Talk::new();
    talk.secret_call();
    for file in talk.end() {
        let log = file.log();
        log.replay().unwrap();
        // Another answer.
        let mut other = log.clone();
        let (line, entry) = other.entries.iter_mut().find(|(_, entry)| entry.answer == Answer::Done).unwrap();
        entry.answer = Answer::Nothing;
        let changed = *line;
        match other.replay() {
            Err(ReplayError::Differs { line, what: "answer", logged, replayed, .. }) => {
                assert_eq!((line, logged.as_str(), replayed.as_str()), (changed, "\"nothing\"", "nothing"));
            }
            other => panic!("{other:?}"),
        }
        // A verb less.
        let mut other = log.clone();
        other.entries.retain(|(_, entry)| !matches!(entry.verb, Verb::Open { .. } | Verb::Receive { .. }));
        assert!(matches!(other.replay(), Err(ReplayError::Differs { .. } | ReplayError::Impossible { .. })));
        // Another config.
        let mut other = log.clone();
        let header = other.header.as_mut().unwrap();
        header.config["limits"]["max_frame"] = 20_000.into();
        let error = other.replay().unwrap_err();
        assert!(matches!(error, ReplayError::Differs { .. }), "{error}");
        let header = other.header.as_mut().unwrap();
        header.library = "0.0.9".to_owned();
        assert!(other.replay().unwrap_err().to_string().contains("recorded by version 0.0.9"));
        // No config at all.
        let header = other.header.as_mut().unwrap();
        header.config["limits"]["max_frame"] = 1.into();
        assert!(matches!(other.replay(), Err(ReplayError::Config(why)) if why.contains("max_frame")));
        let header = other.header.as_mut().unwrap();
        header.config["limits"]["max_frane"] = 1.into();
        assert!(matches!(other.replay(), Err(ReplayError::Config(why)) if why.contains("max_frane")));
    }
}

/// A log that is full says so in its last line, is within its limit, and replays as far as it goes; the connection goes on.
#[test]
fn the_limit_ends_a_log_and_not_its_connection() {
    let mut whole = Talk::new();
    whole.secret_call();
    let whole = whole.end()[0].octets();
    let last = whole[..whole.len() - 1].iter().rev().take_while(|octet| **octet != b'\n').count() + 1;
    // What is kept free for the last line.
    let enough = (whole.len() - last + 128) as u64;
    for (limit, end) in [(enough, End::Dropped), (enough - 1, End::Full(enough - 1))] {
        let mut talk = Talk::with(7, move |log| log.limit(limit));
        talk.secret_call();
        assert_eq!(talk.client.calls(), 0);
        let file = talk.end()[0].clone();
        assert!(file.octets().len() as u64 <= limit);
        let log = file.log();
        assert_eq!((&log.faults[..], log.last.unwrap().end), (&[][..], end));
        assert_eq!(log.replay().unwrap().verbs, log.entries.len());
    }
    // No limit is too small for the first line and the last.
    let mut talk = Talk::with(7, |log| log.limit(0));
    (0..5).for_each(|_| talk.secret_call());
    let file = talk.end()[0].clone();
    assert!(file.octets().len() as u64 <= EventLog::LEAST_LIMIT);
    assert_eq!(file.log().last.unwrap().end, End::Full(EventLog::LEAST_LIMIT));
}

#[test]
fn a_verb_that_panics_is_the_last_in_its_log() {
    let mut talk = Talk::new();
    let now = talk.at();
    let id = talk.client.open(now, &OpenOptions::new(&METHODS[3])).unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = talk.client.call(id).unwrap().send_with(3, |_| panic!("the application's own"));
    }));
    assert!(panicked.is_err());
    let log = talk.end()[0].log();
    let (line, entry) = log.broken_off().unwrap();
    assert_eq!((*line, entry.verb.name(), log.faults.len()), (3, "send_with", 0));
}

/// Fails once so many octets were written.
struct Disk(u64, Shared);

impl Write for Disk {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(octets.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        self.1.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_ends_the_log_and_nothing_else() {
    let file = Shared::default();
    let kept = file.clone();
    let config = ClientConfig::builder("a").event_log(move || Some(EventLog::new(Disk(4_000, kept.clone()))));
    let now = Instant::from_nanos(0);
    let mut client = Connection::<Client>::new(&config.build().unwrap(), now);
    for _ in 0..50 {
        client.open(now, &OpenOptions::new(&METHODS[0])).unwrap();
    }
    drop(client);
    let log = file.log();
    assert!(!log.entries.is_empty() && log.last.is_none());
    assert_eq!(log.replay().unwrap().verbs, log.entries.len());
}

#[test]
fn a_hook_may_record_some_connections_and_not_others() {
    let (file, all) = (Shared::default(), std::sync::atomic::AtomicU32::new(0));
    let one = into(&file, |log| log);
    let second = move || (all.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1).then(&one).flatten();
    let config = ClientConfig::builder("a").event_log(second).build().unwrap();
    for _ in 0..3 {
        let mut client = Connection::<Client>::new(&config, Instant::from_nanos(0));
        // A copy is another connection: it is not recorded.
        assert!(client.clone().poll_event().is_none());
        assert!(client.poll_event().is_none());
    }
    assert_eq!(file.log().entries.len(), 1);
}

/// The log says why: of a call what stopped it, of a connection what ended it, and of no other event anything.
#[test]
fn the_log_says_why_things_ended() {
    let mut talk = Talk::new();
    let _id = talk.client.open(talk.at(), &OpenOptions::new(&METHODS[3])).unwrap();
    talk.carry();
    while talk.client.poll_event().is_some() {}
    // A frame that is larger than it may be.
    talk.client.receive(talk.at(), &[0xff; 9]);
    while talk.client.poll_event().is_some() {}
    let why = talk.client.error().unwrap().to_string();
    let log = talk.end()[0].log();
    let event = |entry: &Answer| if let Answer::Event(event) = entry { Some(event.clone()) } else { None };
    let told: Vec<_> = log.entries.iter().filter_map(|(_, entry)| event(&entry.answer)).collect();
    let reason = |name: &str| told.iter().find(|event| event.name == name).and_then(|event| event.reason.as_deref());
    assert_eq!((reason("stopped"), reason("closed")), (Some("connection_lost"), Some(&*why)));
    let others = told.iter().filter(|event| !["stopped", "closed"].contains(&&*event.name));
    assert!(others.clone().count() > 1 && others.clone().all(|event| event.reason.is_none()), "{told:?}");
}
