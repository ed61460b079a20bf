//! What can be read of connections and calls, under the names of gRFC A66.
#![cfg(all(feature = "metrics", feature = "testing"))]

use grpc_sansio::frame::ErrorCode;
use grpc_sansio::grpc::{Code, Codings, Kind, Message, Metadata, Method, Status};
use grpc_sansio::metrics::{CallMetrics, LATENCY_BOUNDS, size_bounds};
use grpc_sansio::testing::{Pair, answer};
use grpc_sansio::{ClientConfig, Event, OpenOptions, ServerConfig};
use std::sync::{Arc, Mutex};
use std::time::Duration;

static CHAT: Method = Method::from_static("/shop.Shop/Chat", Kind::BidiStreaming);

/// The calls that ended, of one side.
type Ended = Arc<Mutex<Vec<CallMetrics>>>;

fn keep(ended: &Ended) -> impl Fn(&CallMetrics) + Send + Sync + use<> {
    let ended = Arc::clone(ended);
    move |call| ended.lock().unwrap().push(call.clone())
}

fn pair() -> (Pair, Ended, Ended) {
    let (attempts, calls) = (Ended::default(), Ended::default());
    let client = ClientConfig::builder("shop.example").metrics(keep(&attempts)).build().unwrap();
    let server = ServerConfig::builder().metrics(keep(&calls)).build().unwrap();
    let mut pair = Pair::with(&client, &server, 1);
    pair.delay(Duration::from_millis(10));
    (pair, attempts, calls)
}

/// G-337 to G-340, G-342: what is told of calls on both sides, by name, on the clock of the caller.
#[test]
fn calls_are_counted_with_what_they_carried_and_how_they_ended() {
    let (mut pair, attempts, calls) = pair();
    pair.on_server(|_, server, event| match event {
        Event::Opened(id) | Event::Readable(id) => {
            let Some(mut call) = server.call(id) else { return };
            while call.read().is_some() {}
            match id.number() {
                1 if call.has_ended() => {
                    call.send(vec![0; 300]).unwrap();
                    call.send_with(10, |buffer| buffer.extend_from_slice(&[1; 40])).unwrap();
                    call.finish(&Status::ok(), &Metadata::new());
                }
                2 => call.finish(&Status::from(Code::NotFound), &Metadata::new()),
                3 => call.reset(ErrorCode::CANCEL).unwrap(),
                _ => {}
            }
        }
        Event::Stopped(id) => server.call(id).unwrap().release(),
        _ => {}
    });
    let first = pair.open(&OpenOptions::new(&CHAT)).unwrap();
    let mut call = pair.client.call(first).unwrap();
    call.send(vec![7; 1_000]).unwrap();
    // Refused, so not sent.
    assert!(call.send(Message::compressed(vec![7; 1_000])).is_err());
    call.send(Vec::new()).unwrap();
    call.half_close().unwrap();

    let now = pair.client.call_metrics(first).unwrap();
    assert_eq!((now.sent_messages, now.sent_octets, now.status), (2, 1_000, None));
    let totals = pair.client.totals().unwrap();
    assert_eq!((totals.started, totals.sent_octets, totals.ended), (1, 1_000, [0; 17]), "one goes on");

    pair.open(&OpenOptions::new(&CHAT).authority("other.example")).unwrap();
    pair.open(&OpenOptions::new(&CHAT)).unwrap();
    pair.drive();
    assert!(pair.client.call_metrics(first).is_none(), "it is over");

    let attempts = attempts.lock().unwrap();
    let mut of_first = attempts.iter().find(|call| call.number == 1).unwrap().clone();
    assert!(of_first.duration >= Duration::from_millis(20));
    assert_eq!((of_first.method.as_str(), of_first.target.as_str()), ("shop.Shop/Chat", "shop.example"));
    assert_eq!((of_first.rcvd_messages, of_first.rcvd_octets, of_first.status), (2, 340, Some(Code::Ok)));
    of_first.duration = Duration::ZERO;
    assert_eq!(attempts.iter().find(|call| call.number == 2).unwrap().target, "other.example");
    let totals = pair.client.totals().unwrap();
    assert_eq!((totals.started, totals.ended.iter().sum::<u64>()), (3, 3));
    for code in [Code::Ok, Code::NotFound, Code::Cancelled] {
        assert_eq!(totals.ended_with(code), 1, "{code:?}");
    }
    assert_eq!(
        totals.named(),
        [
            ("grpc.client.attempt.started", 3),
            ("grpc.client.attempt.sent_total_compressed_message_size", 1_000),
            ("grpc.client.attempt.rcvd_total_compressed_message_size", 340),
        ]
    );
    assert_eq!(totals.duration, attempts.iter().map(|call| call.duration).sum());

    let totals = pair.server.totals().unwrap();
    assert_eq!((totals.started, totals.ended_with(Code::Ok), totals.ended_with(Code::NotFound)), (3, 1, 1));
    assert_eq!((totals.ended_without_status, totals.sent_messages, totals.rcvd_messages), (1, 2, 2));
    assert_eq!(totals.named()[0], ("grpc.server.call.started", 3));
    assert_eq!(totals.named()[1], ("grpc.server.call.sent_total_compressed_message_size", 340));
    assert_eq!(totals.named()[2], ("grpc.server.call.rcvd_total_compressed_message_size", 1_000));
    assert!(calls.lock().unwrap().iter().all(|call| call.method == "shop.Shop/Chat"));
}

/// G-341: the octets of a message in a coding are those that the coding left, without the prefix.
#[test]
fn g_341_octets_are_those_of_the_wire() {
    let (ended, of_server) = (Ended::default(), Ended::default());
    let codings = || Codings::new(["gzip"]).unwrap();
    let client = ClientConfig::builder("shop.example").codings(codings()).metrics(keep(&ended)).build().unwrap();
    let server = ServerConfig::builder().codings(codings()).metrics(keep(&of_server)).build().unwrap();
    let mut pair = Pair::with(&client, &server, 1);
    pair.on_server(answer(CHAT.kind(), |_| (vec![vec![1; 30], vec![]], Status::ok())));
    let id = pair.open(&OpenOptions::new(&CHAT).encoding("gzip")).unwrap();
    let mut call = pair.client.call(id).unwrap();
    // What a coding made of the message, and one that goes as it is.
    call.send(Message::compressed(vec![7; 17])).unwrap();
    call.send(vec![7; 100]).unwrap();
    call.half_close().unwrap();
    pair.drive();
    let of_client = ended.lock().unwrap();
    assert_eq!((of_client[0].sent_messages, of_client[0].sent_octets), (2, 117));
    assert_eq!((of_client[0].rcvd_messages, of_client[0].rcvd_octets), (2, 30));
    let of_server = of_server.lock().unwrap();
    assert_eq!((of_server[0].rcvd_messages, of_server[0].rcvd_octets, of_server[0].sent_octets), (2, 117, 30));
}

#[test]
fn snapshots_say_what_the_verbs_say_and_need_no_metrics() {
    let mut pair = Pair::new(1);
    assert_eq!(pair.client.totals(), None);
    let id = pair.open(&OpenOptions::new(&CHAT)).unwrap();
    assert_eq!(pair.client.call_metrics(id), None);
    let mut call = pair.client.call(id).unwrap();
    call.send(vec![1; 500]).unwrap();
    let snapshot = call.snapshot();
    assert!(snapshot.is_writable && !snapshot.is_readable && !snapshot.has_ended);
    assert_eq!((snapshot.queued, snapshot.stopped), (call.queued(), None));
    let snapshot = pair.client.snapshot();
    assert_eq!((snapshot.calls, snapshot.queued), (1, 505));
    assert_eq!(snapshot.counters, pair.client.counters());
    assert!(snapshot.heap_size > 0 && !snapshot.is_finished);
    pair.drive();
    let server = pair.server.snapshot();
    assert!(server.counters.frames_received > 3 && server.calls == 1, "{server:?}");
    pair.disconnect();
    pair.drive();
    let snapshot = pair.client.snapshot();
    assert!(snapshot.is_finished && snapshot.calls == 0, "{snapshot:?}");
}

/// Those of gRFC A66.
#[test]
fn bounds_of_histograms() {
    assert!(LATENCY_BOUNDS.is_sorted() && size_bounds().is_sorted());
    assert_eq!((LATENCY_BOUNDS[40], size_bounds().len()), (100.0, 14));
    assert_eq!(size_bounds().last(), Some(&(1 << 32)));
}
