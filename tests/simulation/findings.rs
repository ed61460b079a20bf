//! What the simulation found, each as small as it can be told.

use grpc_sansio::OpenOptions;
use grpc_sansio::grpc::{Kind, Metadata, Method, Status};
use grpc_sansio::testing::Pair;
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
        if let grpc_sansio::Event::Opened(id) = event {
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
