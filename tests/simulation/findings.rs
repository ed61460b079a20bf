//! What the simulation found, each as small as it can be told.

use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
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
