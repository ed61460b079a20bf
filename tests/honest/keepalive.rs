//! L-30: keepalive, on both sides of a connection.

use crate::BIDI;
use crate::gauge::stays_calm;
use grpc_sansio::testing::{Pair, Rng};
use grpc_sansio::{ClientConfig, ClientManagement, OpenOptions, ServerConfig, ServerManagement};
use std::time::Duration;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// L-30: a client with keepalive as often as the server permits, on a way that takes up to five seconds: a day of watches that
/// are silent, of calls that are cancelled before any answer, and of pauses.
#[test]
fn l_30_keepalive_at_the_interval_that_is_permitted() {
    let mut ours = ClientManagement::default();
    ours.keepalive_time = Some(millis(60_000));
    let mut theirs = ServerManagement::default();
    theirs.min_ping_interval = millis(60_000);
    let client = ClientConfig::builder("a").management(ours).build().unwrap();
    let server = ServerConfig::builder().management(theirs).build().unwrap();
    let mut pair = Pair::with(&client, &server, 30);
    let mut rng = Rng::new(30);
    while pair.now().as_nanos() < 86_400_000_000_000 {
        pair.up.delay = millis(rng.below(5_000) as u64);
        pair.down.delay = millis(rng.below(5_000) as u64);
        let id = pair.open(&OpenOptions::new(&BIDI)).unwrap();
        pair.sleep(millis(rng.below(400_000) as u64));
        pair.client.call(id).unwrap().cancel();
        pair.sleep(millis(rng.below(200_000) as u64));
    }
    assert!(pair.server.counters().pings_received > 500, "{:?}", pair.server.counters());
    stays_calm("keepalive each minute for a day, where that is permitted", &pair);
}
