//! Long streams: tiny messages, slow readers, pauses, large metadata, early answers.

use crate::gauge::stays_calm;
use crate::{BIDI, DOWNLOAD, UNARY, UPLOAD};
use grpc_sansio::grpc::{Code, Kind, Metadata, Status};
use grpc_sansio::testing::{Pair, Record, Rng, answer, echo};
use grpc_sansio::{Event, Item, OpenOptions, SendError};
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Messages of one octet, and of none, one by one, both ways.
#[test]
fn l_42_one_octet_messages() {
    let mut pair = Pair::new(42);
    pair.on_server(echo());
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    for n in 0..10_000 {
        pair.client.call(id).unwrap().send(vec![7; n % 2]).unwrap();
        pair.drive();
    }
    pair.client.call(id).unwrap().half_close().unwrap();
    pair.drive();
    let log = pair.client_log.call(id).unwrap();
    assert_eq!((log.code(), log.messages().count()), (Some(Code::Ok), 10_000));
    stays_calm("10,000 messages of one octet or none, one by one", &pair);
}

/// A server that always has more to say, and a client that reads a message every ten milliseconds.
#[test]
fn l_42_a_slow_reader() {
    let mut pair = Pair::new(42);
    pair.delay(millis(10));
    pair.on_client(|_, _, _| {});
    let mut sent = 0;
    pair.on_server(move |_, server, event| {
        let (Event::Opened(id) | Event::Writable(id) | Event::Readable(id)) = event else { return };
        let Some(mut call) = server.call(id) else { return };
        while call.read().is_some() {}
        while sent < 5_000 {
            match call.send(vec![1; 1 + sent % 900]) {
                Ok(()) => sent += 1,
                Err(SendError::Full(_)) => return,
                Err(other) => panic!("{other:?}"),
            }
        }
        call.finish(&Status::ok(), &Metadata::new());
    });
    let id = pair.open(&OpenOptions::new(&DOWNLOAD)).unwrap();
    pair.client.call(id).unwrap().send(vec![1]).unwrap();
    let mut read = 0;
    loop {
        pair.sleep(millis(10));
        match pair.client.call(id).unwrap().read() {
            Some(Item::Message(message)) => {
                assert_eq!(message.len(), 1 + read % 900);
                read += 1;
            }
            Some(Item::End(outcome)) => break assert_eq!(outcome.status().code(), Code::Ok),
            _ => {}
        }
    }
    assert_eq!(read, 5_000);
    stays_calm("a reader of 100 messages a second", &pair);
}

/// A watch whose reader pauses for an hour behind a full window, beside calls that go on; then it reads again.
#[test]
fn l_42_a_watch_paused_for_an_hour() {
    let mut pair = Pair::new(42);
    pair.delay(millis(10));
    let mut watch = None;
    let mut unary = answer(Kind::Unary, |request| (request.messages().map(<[u8]>::to_vec).collect(), Status::ok()));
    let mut sent = 0u32;
    pair.on_server(move |now, server, event| {
        if let Event::Opened(id) = event
            && watch.is_none()
        {
            watch = Some(id);
        }
        let (Event::Opened(id) | Event::Writable(id) | Event::Readable(id)) = event else { return };
        if Some(id) != watch {
            return unary(now, server, event);
        }
        while server.call(id).unwrap().send(sent.to_be_bytes().repeat(250)).is_ok() {
            sent += 1;
        }
    });
    pair.on_client(|_, _, _| {});
    let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
    let reads = |pair: &mut Pair, most: usize| {
        let mut read = 0u32;
        while let Some(item) = pair.client.call(id).unwrap().read() {
            read += u32::from(matches!(item, Item::Message(_)));
            if read as usize >= most {
                break;
            }
        }
        read
    };
    pair.sleep(millis(100));
    assert_eq!(reads(&mut pair, 10), 10);
    for _ in 0..60 {
        pair.sleep(Duration::from_secs(60));
        let other = pair.open(&OpenOptions::new(&UNARY)).unwrap();
        pair.client.call(other).unwrap().send(vec![2; 500]).unwrap();
        pair.sleep(millis(100));
        let mut call = pair.client.call(other).unwrap();
        let mut code = None;
        while let Some(item) = call.read() {
            if let Item::End(outcome) = item {
                code = Some(outcome.status().code());
                break;
            }
        }
        assert_eq!(code, Some(Code::Ok));
    }
    let mut after = 0;
    for _ in 0..100 {
        after += reads(&mut pair, usize::MAX);
        pair.sleep(millis(20));
    }
    assert!(after > 1_000, "{after} messages after the pause");
    assert_eq!(pair.client.call(id).unwrap().stopped(), None);
    stays_calm("a watch paused for an hour", &pair);
}

/// Metadata of 8 KiB in requests, responses and trailers, never the same twice: half of what a header list may have.
#[test]
fn l_42_large_metadata() {
    let mut pair = Pair::new(42);
    pair.delay(millis(5));
    let metadata = |rng: &mut Rng, octets: usize| {
        let mut metadata = Metadata::new();
        let value: String = (0..octets).map(|_| char::from(b'0' + rng.below(75) as u8)).collect();
        metadata.append("token", &value).unwrap();
        (0..50u8).for_each(|n| metadata.append(format!("field-{n}").as_str(), "value").unwrap());
        metadata
    };
    let mut rng = Rng::new(1);
    let mut of_server = rng.fork();
    pair.on_server(move |_, server, event| {
        if let Event::Opened(id) = event {
            let mut call = server.call(id).unwrap();
            assert!(call.read().is_some());
            call.send_head(&metadata(&mut of_server, 8_192)).unwrap();
            call.send(vec![1; 10]).unwrap();
            call.finish(&Status::ok(), &metadata(&mut of_server, 8_192));
        }
    });
    for _ in 0..40 {
        for _ in 0..10 {
            let metadata = metadata(&mut rng, 8_192);
            let id = pair.open(&OpenOptions::new(&UNARY).metadata(&metadata)).unwrap();
            pair.client.call(id).unwrap().send(vec![1; 10]).unwrap();
        }
        pair.sleep(millis(20));
    }
    pair.drive();
    let whole = pair.client_log.calls().filter(|(_, log)| {
        log.code() == Some(Code::Ok)
            && matches!(&log.items[0], Record::Response(metadata) if metadata.get("token").is_some())
    });
    assert_eq!(whole.count(), 400);
    assert_eq!(pair.server.counters().streams_refused, 0);
    stays_calm("8 KiB of metadata three times a call, 400 calls", &pair);
}

/// Uploads of 2 MB that are answered behind their first message, with the rest still on its way.
#[test]
fn l_42_large_uploads_answered_early() {
    let mut pair = Pair::new(42);
    pair.delay(millis(50));
    pair.on_server(|_, server, event| {
        let (Event::Opened(id) | Event::Readable(id) | Event::Stopped(id)) = event else { return };
        while let Some(mut call) = server.call(id) {
            let stopped = call.stopped().is_some();
            match call.read() {
                None if stopped => return call.release(),
                None => return,
                Some(Item::Message(_)) => {
                    call.send(vec![1; 10]).unwrap();
                    return call.finish(&Status::ok(), &Metadata::new());
                }
                Some(_) => {}
            }
        }
    });
    for _ in 0..10 {
        let ids: Vec<_> = (0..20).map(|_| pair.open(&OpenOptions::new(&UPLOAD)).unwrap()).collect();
        for id in &ids {
            pair.client.call(*id).unwrap().send(vec![1; 1_000]).unwrap();
        }
        for _ in 0..40 {
            for id in &ids {
                // The queue takes what it takes.
                pair.client.call(*id).into_iter().for_each(|mut call| _ = call.send(vec![2; 50_000]));
            }
            pair.sleep(millis(5));
        }
        pair.drive();
        for id in ids {
            assert_eq!(pair.client_log.call(id).and_then(|log| log.code()), Some(Code::Ok));
        }
    }
    stays_calm("200 uploads of 2 MB answered early", &pair);
}
