//! What comes after very many calls.
//!
//! CI makes some thousand calls. The long run makes ten million, past 2^30 in stream ids and 2^32 in octets:
//!
//! ```text
//! LIVENESS_CALLS=10000000 cargo test --release --features testing --test liveness l_45 -- --nocapture
//! ```
//!
//! It has been run: 10,000,000 calls, 7,691,384,429 octets one way and 7,737,756,180 the other.

use crate::traffic::METHODS;
use grpc_sansio::grpc::{Code, Metadata, Status};
use grpc_sansio::testing::{Pair, Rng, Transcript, echo};
use grpc_sansio::{Event, Item, OpenError, OpenOptions};
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// A client that calls over one connection, counting in 64 bits.
#[derive(Default)]
struct Counts {
    calls: u64,
    ended: u64,
    cancelled: u64,
    sent: u64,
    echoed: u64,
    /// What is still to come of each call that is open.
    owed: BTreeMap<usize, u64>,
}

/// L-45, L-01, L-43: calls without end on one connection, with ids that pass 2^30: each is answered in full, the windows
/// are what the wire shows at each step, and no memory is kept at the end.
#[test]
fn l_45_calls_without_end() {
    let calls = std::env::var("LIVENESS_CALLS").map_or(12_000, |calls| calls.parse().expect("a number"));
    let mut pair = Pair::new(45);
    pair.watch();
    pair.skip_streams((1 << 30) + 1 - (calls as u32).min(1 << 25) / 2 * 2);
    pair.on_server(echo());
    let counts: Rc<RefCell<Counts>> = Rc::default();
    let news = Rc::clone(&counts);
    pair.on_client(move |_, client, event| {
        let (Event::Readable(id) | Event::Stopped(id)) = event else { return };
        let mut counts = news.borrow_mut();
        while let Some(mut call) = client.call(id) {
            match call.read() {
                None => return,
                Some(Item::Head(_)) => {}
                Some(Item::Message(message)) => {
                    counts.echoed += message.len() as u64;
                    *counts.owed.get_mut(&id.index()).expect("open") -= message.len() as u64;
                }
                Some(Item::End(outcome)) => {
                    assert_eq!(outcome.status().code(), Code::Ok);
                    assert_eq!(counts.owed.remove(&id.index()), Some(0), "all of it");
                    counts.ended += 1;
                }
            }
        }
    });
    pair.drive();
    let mut rng = Rng::new(45);
    while counts.borrow().calls < calls {
        for _ in 0..16 {
            let id = pair.open(&OpenOptions::new(&METHODS[3])).unwrap();
            let mut call = pair.client.call(id).unwrap();
            let mut size = 0;
            for _ in 0..1 + rng.below(3) {
                let len = if rng.one_in(800) { 60_000 } else { rng.below(600) };
                call.send(vec![9; len]).unwrap_or_else(|_| size -= len as u64);
                size += len as u64;
            }
            call.half_close().unwrap();
            {
                let mut counts = counts.borrow_mut();
                counts.calls += 1;
                counts.sent += size;
                counts.owed.insert(id.index(), size);
            }
            if rng.one_in(20) {
                (0..rng.below(3)).for_each(|_| _ = pair.step());
                if let Some(call) = pair.client.call(id) {
                    call.cancel();
                    let mut counts = counts.borrow_mut();
                    counts.cancelled += 1;
                    // What it would have had counts as if it had never been sent.
                    let rest = counts.owed.remove(&id.index()).expect("it had not ended");
                    counts.sent -= size;
                    counts.echoed -= size - rest;
                }
            }
        }
        pair.drive();
        (pair.client_log, pair.server_log) = (Transcript::new(), Transcript::new());
        if counts.borrow().calls.is_multiple_of(1 << 20) {
            println!("{} calls, {} octets", counts.borrow().calls, pair.up.written());
        }
        // Time passes, so that memory of bursts is given back now and then (L-43) and nothing counts as one flood.
        pair.sleep(Duration::from_millis(if rng.one_in(64) { 1_500 } else { 20 }));
    }
    let counts = counts.borrow();
    assert_eq!((counts.ended + counts.cancelled, counts.echoed, counts.owed.len()), (counts.calls, counts.sent, 0));
    assert!(counts.cancelled > 0);
    assert_eq!((pair.client.error(), pair.server.error()), (None, None));
    assert_eq!((pair.client.calls(), pair.server.calls()), (0, 0));
    // All that was written arrived, and what one end may send is what the other one waits for.
    assert_eq!((pair.up.written(), pair.down.written()), (pair.up.delivered(), pair.down.delivered()));
    let (client, server) = (pair.client.windows().unwrap(), pair.server.windows().unwrap());
    assert_eq!((client.send, server.send), (server.receive, client.receive));
    assert!(client.receive > 4 * 1024 * 1024 - 256 * 1024 && server.receive > 4 * 1024 * 1024 - 256 * 1024);
    pair.sleep(Duration::from_secs(2));
    assert!(pair.client.heap_size() < 20_000 && pair.server.heap_size() < 20_000, "L-43");
    println!("{} calls, {} octets up, {} down", counts.calls, pair.up.written(), pair.down.written());
}

proptest! {
    #![proptest_config(crate::cases(20))]

    /// L-27, G-166: at three quarters of the ids the client opens no more and says so, once; what was opened before, waiting
    /// included, is served to its end.
    #[test]
    fn l_27_ids_run_out(left in 1..200u32, bursts in prop::collection::vec(1..300usize, 1..12)) {
        let mut pair = Pair::new(27);
        pair.watch();
        pair.skip_streams((1 << 31) / 4 * 3 + 1 - 2 * left);
        pair.on_server(|_, server, event| {
            if let Event::Opened(id) = event {
                let call = server.call(id).unwrap();
                call.finish(&Status::from(Code::NotFound), &Metadata::new());
            }
        });
        pair.drive();
        let (mut ids, mut over) = (Vec::new(), false);
        for burst in bursts {
            for _ in 0..burst {
                // In one go: a hundred may start at once, the others wait, and none of them is told off later.
                match pair.open(&OpenOptions::new(&METHODS[3])) {
                    Ok(id) => {
                        prop_assert!(!over, "opened after it was over");
                        ids.push(id);
                    }
                    Err(error) => prop_assert_eq!(error, OpenError::Draining),
                }
            }
            pair.drive();
            over = ids.len() >= left as usize;
            prop_assert_eq!(pair.client_log.count(Event::Draining), usize::from(over), "{} of {}", ids.len(), left);
        }
        for id in ids {
            prop_assert_eq!(pair.client_log.call(id).and_then(|log| log.code()), Some(Code::NotFound));
        }
        prop_assert_eq!((pair.client.calls(), pair.client.error()), (0, None));
        pair.client.shutdown(pair.clock.now(), None);
        pair.drive();
        prop_assert!(pair.client.is_finished());
    }
}
