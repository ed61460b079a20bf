//! What the simulation found, each as small as it can be told.

use crate::plan::{Bounds, Call, End, Fault, Line, Plan, Profile, Say, Server, What};
use crate::runner::play;
use crate::shrink::{PLAIN, WIDE};
use grpc_sansio::grpc::{Code, Kind, Metadata, Method, Status};
use grpc_sansio::testing::{Net, Pair};
use grpc_sansio::{ClientConfig, Event, Instant, OpenOptions, ServerConfig, ServerManagement};
use std::time::Duration;

static UNARY: Method = Method::from_static("/simulation/Unary", Kind::Unary);

/// L-43, seed 897: the response to a cancelled call that arrives when the idle client has trimmed its memory leaves
/// nothing behind either.
#[test]
fn a_response_behind_the_trim_leaves_nothing() {
    let mut pair = Pair::new(1);
    pair.drive();
    let mut padding = Metadata::new();
    padding.append("x-pad", &"x".repeat(2_000)).unwrap();
    pair.on_server(move |_, server, event| {
        if let Event::Opened(id) = event {
            server.call(id).unwrap().finish(&Status::ok(), &padding);
        }
    });
    pair.delay(Duration::from_secs(1));
    let call = pair.open(&OpenOptions::new(&UNARY)).unwrap();
    pair.client.call(call).unwrap().send("x".as_bytes().to_vec()).unwrap();
    pair.sleep(Duration::from_millis(900));
    pair.client.call(call).unwrap().cancel();
    let before = pair.client.heap_size();
    pair.sleep(Duration::from_secs(10));
    assert!(
        pair.client.heap_size() < before + 4_096 + 2_000,
        "more than the compression table: {before} octets before"
    );
    assert_eq!(pair.client.poll_timeout(), None);
}

/// Seed 1696: lines so long that some PING or its answer is always under way do not keep a world from its end.
#[test]
fn keepalive_on_long_lines_is_no_reason_to_go_on() {
    let mut management = ServerManagement::default();
    management.keepalive_time = Some(Duration::from_secs(1));
    let server = ServerConfig::builder().management(management).build().unwrap();
    let client = ClientConfig::builder("localhost").build().unwrap();
    let mut net = Net::new(1);
    // Each of them is silent for the third of three seconds.
    for begin in [0, 750, 1_500, 2_250] {
        while net.next_until(Instant::from_nanos(begin * 1_000_000)).is_some() {}
        let wire = net.connect(&client, &server);
        net.wire(wire).delay(Duration::from_secs(1));
    }
    while net.next().is_some() {}
    for wire in net.wires() {
        let pings = wire.server.counters().pings_sent;
        assert!((20..25).contains(&pings), "a minute of them: {pings} by {:?}", net.now());
        assert_eq!((wire.client.error(), wire.server.error()), (None, None));
    }
}

/// Seed 504241: a message that fills its window so far that the padding of a frame may not fit is on loan too (G-192), so its
/// receiver is patient with it for so long only, even if it was itself asleep. One that leaves room for it is waited for.
#[test]
fn a_message_within_a_padding_of_its_window_may_come_to_a_halt() {
    let world = |size| {
        let call = Call {
            line: 0,
            at: 0,
            kind: Kind::Unary,
            deadline: None,
            cancel: None,
            metadata: 0,
            ups: vec![Say { pause: 0, size }],
            downs: vec![Say { pause: 0, size: 0 }],
            client_pace: 0,
            server_pace: 0,
            early: false,
            think: 0,
            end: End::Finish(Code::Ok),
        };
        let bounds = Bounds { call_window: 65_535, grows_to: 0, connection_window: 65_535, ..WIDE };
        let server = Server { bounds, workers: 1, answer_expired: false, keepalive: 0 };
        let up = Profile { delay: 1_000, capacity: 40_000, ..PLAIN };
        let line = Line { server: 0, bounds: WIDE, up, down: PLAIN, back_off: 0, keepalive: 0 };
        let fault = Fault { at: 1_500, line: 0, what: What::Sleep { lasts: 70_000 } };
        Plan { seed: 1, servers: vec![server], lines: vec![line], calls: vec![call], faults: vec![fault] }
    };
    for size in [65_530 - 256, 65_530 - 255, 65_530] {
        let report = play(&world(size)).unwrap_or_else(|failure| panic!("{size}: {}", failure.message));
        assert_eq!(report.attempts, 1);
    }
}
