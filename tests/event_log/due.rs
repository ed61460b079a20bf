//! The next timer is named, by the limit in the config that it is of.

use crate::talk::{METHODS, Shared, Talk, into};
use crate::viewer::{Kept, run};
use bytes::Buf;
use grpc_sansio::event_log::{Due, Entry, Log, Timer};
use grpc_sansio::grpc::{Kind, Metadata, Status};
use grpc_sansio::{
    Client, ClientConfig, ClientManagement, Connection, Instant, OpenOptions, Server, ServerConfig, ServerManagement,
    WriteBuf,
};
use std::collections::BTreeSet;
use std::time::Duration;

const SECOND: u64 = 1_000_000_000;

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn dues(log: &Log) -> BTreeSet<String> {
    let named = |due: &Due| match due.call {
        Some(call) => format!("{} of call {call}", due.what),
        None => due.what.clone(),
    };
    log.entries.iter().filter_map(|(_, entry)| entry.due.as_ref()).map(named).collect()
}

/// The dues of a pair with this management, whose client opens a call with a deadline, and whose timers all fire.
fn of_pair(client: ClientManagement, server: ServerManagement, deadline: Option<u64>) -> [BTreeSet<String>; 2] {
    let files = [Shared::default(), Shared::default()];
    let config = ClientConfig::builder("example.com").management(client).event_log(into(&files[0], |log| log));
    let mut client = Connection::<Client>::new(&config.build().unwrap(), at(0));
    let config = ServerConfig::builder().seed(3).management(server).event_log(into(&files[1], |log| log));
    let mut server = Connection::<Server>::new(&config.build().unwrap(), at(0));
    let (mut up, mut down) = (WriteBuf::new(), WriteBuf::new());
    let mut now = 0;
    for turn in 0..40 {
        client.transmit(at(now), &mut up);
        server.receive(at(now), &up.copy_to_bytes(up.len()));
        server.transmit(at(now), &mut down);
        // After a while the server's octets are lost.
        let octets = down.copy_to_bytes(down.len());
        client.receive(at(now), if turn < 6 { &octets } else { &[] });
        if let (1, Some(deadline)) = (turn, deadline) {
            client.open(at(now), &OpenOptions::new(&METHODS[3]).deadline(at(deadline))).unwrap();
        }
        if turn > 3 {
            let due = [client.poll_timeout(), server.poll_timeout()].into_iter().flatten().min();
            now = due.map_or(now, |due| due.as_nanos());
            client.handle_timeout(at(now));
            server.handle_timeout(at(now));
        }
        while client.poll_event().is_some() {}
        while server.poll_event().is_some() {}
    }
    drop((client, server));
    files.map(|file| dues(&file.log()))
}

#[test]
fn timers_of_a_connection_are_named() {
    let mut client = ClientManagement::default();
    client.keepalive_time = Some(Duration::from_secs(20));
    let mut server = ServerManagement::default();
    server.max_connection_age = Some(Duration::from_secs(300));
    server.max_connection_age_grace = Some(Duration::from_secs(10));
    let [client, server] = of_pair(client, server, Some(900 * SECOND));
    for name in ["handshake_timeout", "keepalive_time", "keepalive_timeout"] {
        assert!(client.contains(name), "{name} is not in {client:?}");
    }
    let ending = ["max_connection_age", "shutdown_ping_timeout", "max_connection_age_grace"];
    for name in ["settings_ack_timeout"].into_iter().chain(ending) {
        assert!(server.contains(name), "{name} is not in {server:?}");
    }
    let [client, server] = of_pair(ClientManagement::default(), ServerManagement::default(), Some(90 * SECOND));
    assert!(client.contains("deadline of call 1"), "{client:?}");
    assert!(server.contains("keepalive_time"), "{server:?}");
    let mut idle = ClientManagement::default();
    idle.max_connection_idle = Some(Duration::from_secs(5));
    let [client, _] = of_pair(idle, ServerManagement::default(), None);
    assert!(client.contains("max_connection_idle"), "{client:?}");
}

#[test]
fn timers_of_an_ending_and_of_calls_are_named() {
    let mut talk = Talk::new();
    talk.server.handle_timeout(talk.at());
    let soon = at(50 * SECOND);
    let unary = talk.client.open(talk.at(), &OpenOptions::new(&METHODS[3]).deadline(soon)).unwrap();
    talk.carry();
    // Ten octets of a message of a hundred thousand.
    let _ = talk.client.call(unary).unwrap().send(vec![7; 100_000]);
    talk.carry();
    for id in talk.opened() {
        let mut call = talk.server.call(id).unwrap();
        call.expect(Kind::BidiStreaming).unwrap();
        call.limit_deadline(at(30 * SECOND));
        while call.read().is_some() {}
        call.finish(&Status::ok(), &Metadata::new());
    }
    talk.carry();
    talk.server.shutdown(talk.at(), Some(at(40 * SECOND)));
    talk.client.shutdown(talk.at(), Some(at(40 * SECOND)));
    talk.now = 20 * SECOND;
    talk.server.handle_timeout(talk.at());
    let [client, server] = talk.end();
    let (client, server) = (client.log(), server.log());
    for name in ["handshake_timeout", "deadline of call 1"] {
        assert!(dues(&server).contains(name), "{:?}", dues(&server));
    }
    assert!(dues(&client).contains("deadline of call 1"), "{:?}", dues(&client));
    // A name stands where a timer was set, and nowhere else.
    for (line, Entry { timer, due, .. }) in client.entries.iter().chain(&server.entries) {
        assert_eq!(matches!(timer, Some(Timer::At(_))), due.is_some(), "line {line}");
    }
}

#[test]
fn the_viewer_says_which() {
    let mut talk = Talk::new();
    talk.secret_call();
    talk.carry();
    let [client, _] = talk.end();
    assert!(dues(&client.log()).contains("idle_trim"));
    let text = String::from_utf8(client.octets()).unwrap();
    let file = Kept::new("due", text.as_bytes());
    let (shown, _) = run(&[file.path()]);
    assert!(shown.contains("; due next: deadline of call 1 at "), "{shown}");
    // Logs of earlier builds do not say so.
    let old = without_dues(&text);
    let log = Log::parse(old.as_bytes());
    assert!(log.entries.iter().all(|(_, entry)| entry.due.is_none()));
    assert!(log.replay().is_ok(), "it replays all the same");
    let file = Kept::new("due-old", old.as_bytes());
    assert!(run(&[file.path()]).0.contains("; due next: a timer at "));
}

/// Without what timers are for.
fn without_dues(text: &str) -> String {
    let without = |line: &str| match line.split_once(",\"due\":{") {
        Some((before, behind)) => format!("{before}{}\n", behind.split_once('}').unwrap().1),
        None => format!("{line}\n"),
    };
    text.lines().map(without).collect()
}
