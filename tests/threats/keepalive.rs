//! T-76: the storm that we could be ourselves.

use grpc_sansio::grpc::{Kind, Method};
use grpc_sansio::testing::Pair;
use grpc_sansio::{ClientConfig, ClientManagement, Event, OpenOptions, ServerConfig, ServerManagement};
use std::time::Duration;

static WATCH: Method = Method::from_static("/a/Watch", Kind::BidiStreaming);

const DAY: Duration = Duration::from_secs(86_400);

fn client(time: u64) -> ClientConfig {
    let mut management = ClientManagement::default();
    management.keepalive_time = Some(Duration::from_secs(time));
    ClientConfig::builder("a").management(management).build().unwrap()
}

/// A server as it is by default, and a client that asks far too often: each connection that it is thrown out of makes it ask
/// half as often, and after a few it is left in peace for a day, with a watch that nothing is said on.
#[test]
fn t_76_a_client_that_asks_too_often_learns() {
    let server = ServerConfig::default();
    let mut config = client(0);
    let mut thrown_out = 0;
    loop {
        let mut pair = Pair::with(&config, &server, 76);
        pair.open(&OpenOptions::new(&WATCH)).unwrap();
        pair.sleep(DAY);
        if pair.client.error().is_none() {
            let strikes = pair.server.guards().ping_strikes;
            assert_eq!((strikes.most, pair.client_log.count(Event::TooManyPings)), (0, 0));
            // No more than a server permits.
            assert!((200..=288).contains(&pair.client.counters().pings_sent), "{:?}", pair.client.counters());
            break;
        }
        assert_eq!(pair.client_log.count(Event::TooManyPings), 1);
        assert_eq!(pair.client.error().unwrap().debug_data(), b"too_many_pings");
        thrown_out += 1;
        config = pair.client.next_config();
    }
    // 10, 20, 40, 80 and 160 seconds; then 320.
    assert_eq!((thrown_out, config.management().keepalive_time), (5, Some(Duration::from_secs(320))));
}

/// By default, and without a call, a client says nothing for ever; PINGs of its own are those that it was told to send.
#[test]
fn t_76_no_pings_unless_asked() {
    let quiet = ClientConfig::builder("a").build().unwrap();
    for (config, calls) in [(&quiet, 1), (&client(60), 0)] {
        let mut server = ServerManagement::default();
        server.keepalive_time = None;
        let server = ServerConfig::builder().management(server).build().unwrap();
        let mut pair = Pair::with(config, &server, 77);
        (0..calls).for_each(|_| _ = pair.open(&OpenOptions::new(&WATCH)).unwrap());
        pair.sleep(DAY);
        assert_eq!((pair.client.counters().pings_sent, pair.client.error()), (0, None));
    }
}
